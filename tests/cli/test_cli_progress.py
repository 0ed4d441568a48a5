"""The display of progress: nothing where nobody looks, one line a stage on a terminal."""

import io
import sys

from elsuite.cli.progress import progress_bars


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown_on(stream, monkeypatch, *calls):
    """Return what is shown on `stream` for the calls (stage, done, total)."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bars() as report:
        for stage, done, total in calls:
            report(stage, done, total)
    return stream.getvalue()


def test_nothing_is_shown_where_stderr_is_no_terminal(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bars() as report:
        assert report is None
    assert stream.getvalue() == ""


def test_every_stage_has_a_line_with_its_share(monkeypatch):
    shown = shown_on(Terminal(), monkeypatch, ("sgd", 10, 10), ("energies", 0, 4), ("energies", 1, 4))
    assert any("sgd" in line and "100 %" in line for line in shown.splitlines())
    assert any("energies" in line and "25 %" in line for line in shown.splitlines())


def test_no_work_at_all_is_no_error(monkeypatch):
    assert "energies" in shown_on(Terminal(), monkeypatch, ("energies", 0, 0))
