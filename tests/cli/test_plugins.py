"""Another package adds a command, a picture and a foreign format by entry points, and they are used by name."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from small_database import small_store

CODE = """
import click
from pathlib import Path
import numpy as np
from matplotlib.figure import Figure
from elsuite.interchange import ForeignLandscape, Format
from elsuite.plotting import Picture

@click.command()
@click.argument('word')
def shout(word):
    'Say it loudly.'
    click.echo(word.upper())

def draw(view):
    figure = Figure()
    figure.add_subplot().set_title(f'{len(view.ids)} minima, {view.options.scale}')
    return figure

PICTURE = Picture(draw, caption='the number of minima', uses=frozenset({'scale'}))

def read(place, unit='1'):
    energies = np.array([float(line) for line in Path(place).read_text().split()]) * float(unit)
    none = np.zeros(0, dtype=np.int64)
    return ForeignLandscape(energies, none, none, np.zeros(0))

def write(landscape, place):
    Path(place).write_text(' '.join(map(str, landscape.energies)))

FORMAT = Format('the list of energies SOURCE', read, write, read_options={'unit': 'How much one is.'})
"""
ENTRIES = """
[elsuite.commands]
shout = added:shout
broken = added:nothing
wrong = added:read
[elsuite.pictures]
count = added:PICTURE
wrong = added:draw
[elsuite.formats]
list = added:FORMAT
wrong = added:write
"""


@pytest.fixture(scope="module")
def elsuite(tmp_path_factory):
    """Run the command line in an environment where a package with plug-ins is installed."""
    place = tmp_path_factory.mktemp("plugins")
    (place / "added.py").write_text(CODE)
    metadata = place / "added-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: added\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRIES)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), *sys.path])}

    def run(*arguments):
        command = [sys.executable, "-m", "elsuite", *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


def test_a_command(elsuite):
    assert elsuite("shout", "hello").out == "HELLO\n"
    listed = elsuite("--help").out
    assert re.search(r"shout +Say it loudly\.", listed)
    assert re.search("verify +Check a database", listed)
    assert "command 'broken'" in " ".join(listed.split())
    failed = elsuite("broken")
    assert (failed.code, failed.err.count("\n")) == (2, 1)
    assert failed.err.startswith("elsuite: command 'broken' (added:nothing) cannot be loaded")


def test_a_picture(elsuite, tmp_path):
    store, out = small_store(tmp_path / "small.elsuite"), tmp_path / "count.svg"
    assert "count" in elsuite("plot", "--help").out
    assert elsuite("plot", "count", store, "--out", out, "--scale", "log").code == 0
    assert ">6 minima, log</text>" in out.read_text()
    refused = elsuite("plot", "count", store, "--out", out, "--route", 0, 1)
    assert refused.err.startswith("elsuite: --route: given with count, allowed with disconnectivity")


def test_a_foreign_format(elsuite, tmp_path):
    (tmp_path / "energies").write_text("-1.5 -0.5")
    assert "the list of energies" in elsuite("import", "--help").out
    found = elsuite("import", "list", tmp_path / "energies", tmp_path / "s.elsuite", "--unit", "2", "--json")
    assert json.loads(found.out)["n_minima"] == 2
    assert elsuite("export", "list", tmp_path / "s.elsuite", tmp_path / "again").code == 0
    assert (tmp_path / "again").read_text() == "-3.0 -1.0"


@pytest.mark.parametrize("kind", ["command", "picture", "format"])
def test_what_is_no_such_thing(elsuite, tmp_path, kind):
    """Only what needs it is refused, in one line."""
    store, out = small_store(tmp_path / "small.elsuite"), tmp_path / "out"
    calls = {
        "command": ["wrong"],
        "picture": ["plot", "wrong", store, "--out", "x.svg"],
        "format": ["import", "wrong", store, out],
    }
    failed = elsuite(*calls[kind])
    assert (failed.code, failed.err.count("\n")) == (2, 1)
    assert f"cannot be loaded: {kind.capitalize()} expected, function given" in failed.err
    assert elsuite("report", store, "--out", tmp_path / "page.html").code == 0
