"""The README keeps its word: its commands exist, its Python compiles, what it prints for small examples comes out."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from elsuite.cli import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]


def test_every_command_exists():
    named = re.findall(
        r"^(?:\$ )?(?:.*/bin/)?elsuite (\w+)", "\n".join(text for _, text in BLOCKS), flags=re.MULTILINE
    )
    assert len(named) >= 8
    assert set(named) <= set(COMMANDS)


@pytest.mark.parametrize("code", PYTHON)
def test_python_compiles(code):
    compile(code, "README.md", "exec")


def test_the_example_without_a_database_prints_what_it_says():
    place = next(k for k, (_, text) in enumerate(BLOCKS) if "nx.Graph(" in text)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(BLOCKS[place][1], "README.md", "exec"), {})
    assert printed.getvalue() == BLOCKS[place + 1][1]


@pytest.mark.parametrize("name", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_link_leads_somewhere(name):
    assert (ROOT / name).exists()


@pytest.mark.making
def test_the_study_file_of_the_docs_is_valid_but_for_what_it_lists():
    from elsuite.studies import parse_study

    (text,) = re.findall(
        r"```toml\n(.*?)```", (ROOT / "docs" / "study.md").read_text("utf-8"), flags=re.DOTALL
    )
    assert parse_study(text).paths[0].settings == {"n_terms": 10}
