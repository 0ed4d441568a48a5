"""The pages on queries and merging keep their word: their blocks run in order and print what they say."""

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from elsuite.cli import main

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ["queries.md", pytest.param("merging.md", marks=pytest.mark.making)]


def blocks_of(page):
    """Return the blocks of a page: language, text."""
    return re.findall(r"```(\w*)\n(.*?)```", (DOCS / page).read_text("utf-8"), flags=re.DOTALL)


def same_text(printed, expected):
    strip = [[line.rstrip() for line in text.splitlines()] for text in (printed, expected)]
    assert strip[0] == strip[1]


def run_commands(text, monkeypatch):
    """Run the lines of a console after their dollar signs; each prints what stands under it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, expected = part.split("\n", 1)
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 0, line
        same_text(printed.getvalue(), expected)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_and_prints_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, printed, n_compared = {}, "", 0
    for language, text in blocks_of(page):
        if language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(text, page, "exec"), names)
            printed = out.getvalue()
        elif language == "console":
            run_commands(text, monkeypatch)
            n_compared += 1
        else:
            same_text(printed, text)
            n_compared += 1
    assert n_compared >= 2
