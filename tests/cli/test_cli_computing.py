"""`elsuite compute`: values into a store, drawn without torch afterwards; errors in one line."""

import subprocess
import sys

import pytest

from elsuite import LandscapeDatabase, open_database, verify_store
from elsuite.database.computed import computed_values

pytestmark = pytest.mark.making


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a store of a network, with four minima in two sets."""
    from elsuite import network_landscape
    from elsuite.datasets import load_data

    data = {"name": "digits", "n_train": 60, "n_test": 20}
    landscape = network_landscape("fcp", load_data("digits", n_train=60, n_test=20), hidden=(3,))
    points = landscape.initial_points([0, 1, 2, 3])
    said = {"landscape": {"data": data, "network": {"architecture": "fcp", "hidden": [3]}}}
    store = tmp_path_factory.mktemp("made") / "s.elsuite"
    with LandscapeDatabase.create(store, landscape, attributes=said) as database:
        energies = landscape.energies_on_all_surfaces(points)
        database.add(minima={"coordinates": points.numpy(), "energy": energies, "set": ["a", "a", "a", "b"]})
    return store


CALLS = [
    ("plane", ["--minima", 0, 1, 2, "--points", 5], "5 x ", ()),
    ("around", ["--minimum", 3, "--points", 5], "5 x 5 values", ("--minimum", 3)),
    ("around", ["--minimum", 3, "--dims", 1, "--seed", 2], "51 values", ("--dims", 1)),
    ("interpolation", ["--pairs", "0-1", "--pairs", "0-3", "--points", 5], "1 x 2 x 5 values", ()),
    ("interpolation", ["--set", "a", "--align", "weights", "--points", 5], "2 x 3 x 5 values", ()),
    ("spectrum", ["--minimum", 1, "--probes", 2, "--steps", 10], "2 x 10 values", ("--minimum", 1)),
]


@pytest.mark.parametrize(("kind", "options", "words", "chosen"), CALLS)
def test_values_are_computed_stored_and_drawn(elsuite, made, tmp_path, kind, options, words, chosen):
    code, out, err = elsuite("compute", kind, made, *options, "--out", tmp_path / "at_once.pdf")
    assert (code, err) == (0, "")
    assert words in out
    assert "computed and stored" in out
    assert (tmp_path / "at_once.pdf").read_bytes().startswith(b"%PDF")
    code, out, _ = elsuite("compute", kind, made, *options)
    assert "there already" in out
    code, out, err = elsuite("plot", kind, made, *chosen, "--out", tmp_path / "later.pdf")
    assert (code, err) == (0, "")
    # The latest is the same picture, byte by byte, whoever draws it.
    assert (tmp_path / "later.pdf").read_bytes() == (tmp_path / "at_once.pdf").read_bytes()
    assert verify_store(made) == ()


def test_info_says_what_was_computed(elsuite, made):
    elsuite("compute", "around", made, "--minimum", 0, "--points", 3)
    code, out, _ = elsuite("info", made)
    assert code == 0
    assert "computed for pictures: " in out
    assert "around" in out.partition("computed for pictures: ")[2]


def test_drawing_stored_values_loads_no_torch(elsuite, made, tmp_path):
    elsuite("compute", "plane", made, "--minima", 0, 1, 2, "--points", 4)
    code = (
        f"import sys; sys.argv = ['elsuite', 'plot', 'plane', {str(made)!r}, '--out', {str(tmp_path / 'a.png')!r}]\n"
        "from elsuite.cli import main\ntry: main()\nexcept SystemExit: pass\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
    assert (tmp_path / "a.png").stat().st_size > 5000


WRONG = [
    (["plane", "--minima", 0, 1, 9], "no minimum 9; there are ids 0 to 3"),
    (["plane", "--minima", 0, 1], "'--minima' requires 3 arguments"),
    (["plane", "--minima", 0, 1, 1], "minima: given (0, 1, 1), allowed: ids of three different minima"),
    (["plane", "--minima", 0, 1, 2, "--out", "a.txt"], "the name must end with .png, .svg or .pdf"),
    (["plane", "--minima", 0, 1, 2, "--surface", "no"], "no surface 'no'; there are: train, test"),
    (["plane", "--minima", 0, 1, 2, "--points", 1], "1 is not in the range"),
    (["around", "--minimum", 0, "--dims", 3], "3 is not in the range"),
    (["around", "--minimum", -1], "no minimum -1; there are ids 0 to 3"),
    (["interpolation"], "--pairs or --set: one of them is needed"),
    (["interpolation", "--pairs", "0-1", "--set", "a"], "--pairs or --set: one of them is needed"),
    (["interpolation", "--pairs", "0,1"], "'0,1' given, allowed: two ids of minima, such as 0-1"),
    (["interpolation", "--pairs", "0-0"], "two different minima"),
    (["interpolation", "--set", "nobody"], "no set 'nobody'; there are: a, b"),
    (["interpolation", "--set", "b"], "no two solutions in b"),
    (["spectrum", "--minimum", 0, "--steps", 1], "1 is not in the range"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_wrong_arguments_are_one_line(elsuite, made, arguments, words):
    kind, *options = arguments
    with open_database(made) as database:
        before = computed_values(database)
    code, out, err = elsuite("compute", kind, made, *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    with open_database(made) as database:
        assert computed_values(database) == before


@pytest.mark.parametrize("error", [RuntimeError, AssertionError])
def test_errors_that_an_interrupt_left_behind_are_the_interrupt(elsuite, made, monkeypatch, error):
    """As torch's, whose stack of modes breaks where Ctrl-C hits it."""

    def stop(*_arguments, **_settings):
        try:
            raise KeyboardInterrupt
        finally:
            raise error("trying to pop from empty mode stack")

    monkeypatch.setattr("elsuite.exploration.spectral_density", stop)
    code, _, err = elsuite("compute", "spectrum", made, "--minimum", 1)
    assert (code, err) == (130, "elsuite: interrupted; the same command goes on from what is committed\n")


def test_ctrl_c_says_what_is_kept(elsuite, made, monkeypatch):
    from elsuite.exploration import planes

    def stop(*_arguments, **_settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(planes, "values_at", stop)
    code, _, err = elsuite("compute", "plane", made, "--minima", 1, 2, 3)
    assert code == 130
    assert err == "elsuite: interrupted; nothing of this plane was kept, all else in the store is whole\n"
    assert verify_store(made) == ()
