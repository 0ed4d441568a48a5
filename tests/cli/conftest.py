"""What all tests of the command line run it by."""

import sys

import pytest

from elsuite.cli import main


@pytest.fixture
def elsuite(monkeypatch, capsys):
    """Run the command line in this process; return exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["elsuite", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run
