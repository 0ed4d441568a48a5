"""README and docs keep their word: every block runs, in order, and prints what stands under it.

Languages: ``python`` runs, and a block without a language right after it is what it prints; ``console`` has commands
after dollar signs, each with what it prints; ``sh`` has commands whose output is not shown; ``toml`` is a study file;
``text`` is no program. A block whose first line is a comment with the name of a file is that file.
"""

import contextlib
import io
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from elsuite.cli import main

ROOT = Path(__file__).parents[1]
LANGUAGES = {"python", "", "console", "sh", "toml", "text"}
READING = {"kinetics.md", "queries.md", "format.md"}
"""Pages that need no torch."""
PAGES = [ROOT / "README.md", ROOT / "data" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks_of(page):
    """Return the blocks of a page: language, text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def same_text(printed, expected):
    strip = [[line.rstrip() for line in text.strip().splitlines()] for text in (printed, expected)]
    assert strip[0] == strip[1]


def run_command(line, monkeypatch):
    """Run one line, commands joined by ``&&``; return what it prints."""
    printed = io.StringIO()
    for command in line.split("&&"):
        words = shlex.split(command, comments=True)
        assert words[0] == "elsuite", f"only elsuite's commands run here: {command}"
        monkeypatch.setattr(sys, "argv", words)
        with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 0, command
    return printed.getvalue()


def run_console(text, monkeypatch):
    """Run the lines after dollar signs; each prints what stands under it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, expected = part.split("\n", 1)
        same_text(run_command(line, monkeypatch), expected)


def run_shell(text, monkeypatch):
    for line in text.replace("\\\n", " ").splitlines():
        # The two commands that install are run by whoever reads the README, and by continuous integration.
        if line.strip() and "-m venv" not in line:
            run_command(line, monkeypatch)


def run_python(text, page, names):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, page.name, "exec"), names)
    return printed.getvalue()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, id=f"{p.parent.name}/{p.name}", marks=[] if p.name in READING else pytest.mark.making)
        for p in PAGES
    ],
)
def test_a_page_runs_and_prints_what_it_says(page, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names, printed = {}, None
    for language, text in blocks_of(page):
        assert language in LANGUAGES
        if named := re.match(r"# (\w+\.(?:py|toml))\n", text):
            Path(named[1]).write_text(text)
            if language == "python":
                printed = None
                continue
        if language == "python":
            printed = run_python(text, page, names)
            continue
        if language == "":
            assert printed is not None, f"what prints this?\n{text}"
            same_text(printed, text)
        elif language == "console":
            run_console(text, monkeypatch)
        elif language == "sh":
            run_shell(text, monkeypatch)
        elif language == "toml":
            from elsuite.studies import parse_study

            assert parse_study(text).minimizers
        printed = None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_every_link_leads_somewhere(page):
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for name in re.findall(r"\]\((?!http)([^)#]+)\)", prose):
        assert (page.parent / name).exists(), name


def test_the_readme_shows_the_commands():
    from elsuite.cli import COMMANDS

    shown = "\n".join(text for _, text in blocks_of(ROOT / "README.md"))
    named = re.findall(r"(?:^|&& |\$ |/)elsuite (\w+)", shown, flags=re.MULTILINE)
    assert len(set(named)) >= 8
    assert set(named) <= set(COMMANDS)


def test_the_databases_are_those_of_the_checksums():
    import hashlib

    listed = re.findall(r"^(\w{64})  (\S+\.elsuite)$", (ROOT / "data" / "README.md").read_text("utf-8"), re.MULTILINE)
    assert {name for _, name in listed} == {path.name for path in (ROOT / "data").glob("*.elsuite")}
    for checksum, name in listed:
        files = sorted(path for path in (ROOT / "data" / name).rglob("*") if path.is_file())
        content = b"".join(path.read_bytes() for path in sorted(files, key=lambda path: str(path).encode()))
        assert hashlib.sha256(content).hexdigest() == checksum, name


SMALLER = {
    "images[:400], labels[:400], images[400:800], labels[400:800]": "images[:60], labels[:60], images[:60], labels[:60]",
    "range(20)": "range(3)",
    "range(4)": "range(3)",
    "--points 15": "--points 5",
    "--points 11": "--points 5",
    "n_starts=24, n_points=24": "n_starts=8, n_points=6",
    "n_directions=4, n_sweeps=6": "n_directions=2, n_sweeps=1",
}
"""What makes the notebooks quick: less data, fewer epochs."""


@pytest.mark.making
@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "tutorials").glob("*.ipynb")), ids=lambda page: page.name)
def test_a_notebook_runs(page, tmp_path, monkeypatch):
    """Every cell runs, in order, on less data; what it shows is in the notebook as it was executed last."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names = {}
    cells = [cell for cell in json.loads(page.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] == k for k, cell in enumerate(cells, start=1))
    for cell in cells:
        text = "".join(cell["source"])
        for given, smaller in SMALLER.items():
            text = text.replace(given, smaller)
        if text.startswith("%%writefile "):
            name, _, content = text.removeprefix("%%writefile ").partition("\n")
            Path(name).write_text(content, "utf-8")
        elif text.startswith("%%sh\n"):
            for line in text.splitlines()[1:]:
                words = shlex.split(line)
                found = sorted(map(str, Path().glob(words[3]))) if "*" in line else []
                run_command(line.replace(words[3], " ".join(found)) if found else line, monkeypatch)
        else:
            value = compile(text, page.name, "exec")
            exec(value, names)
    sys.modules.pop("exp", None)
