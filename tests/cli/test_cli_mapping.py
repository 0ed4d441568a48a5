"""`elsuite map`: what it prints, what it stores, and its one line for every mistake."""

import json

import numpy as np
import pytest
from ase import Atoms

from elsuite import open_database
from elsuite.studies.build import landscape_of_database

pytestmark = pytest.mark.making


@pytest.fixture
def run(elsuite):
    return elsuite


def test_a_surface_is_mapped_stored_and_read(run, tmp_path):
    store = tmp_path / "mb.elsuite"
    code, out, err = run("map", "muller-brown", "--out", store, "--starts", 16, "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert (facts["n_minima"], facts["n_transition_states"], facts["n_components"]) == (3, 2, 1)
    assert [merge["height"] for merge in facts["merges"]] == pytest.approx([-72.2489401123, -40.6648435087])
    code, out, _ = run("tree", store, "--json")
    assert [merge["height"] for merge in json.loads(out)["merges"]] == pytest.approx([-72.2489401123, -40.6648435087])
    code, out, _ = run("map", "muller-brown", "--out", store, "--starts", 16)
    assert code == 0
    assert "-40.66484351" in out
    code, out, _ = run("verify", store)
    assert code == 0


def test_mistakes_are_one_line(run, tmp_path):
    store = tmp_path / "mb.elsuite"
    code, _, err = run("map", "ljx", "--out", store)
    assert code == 2
    assert "no surface 'ljx'; there are: muller-brown" in err
    assert err.count("\n") == 1
    assert not store.exists()
    assert run("map", "muller-brown", "--out", store, "--seconds", 0)[0] == 0
    code, _, err = run("map", "lj3", "--out", store)
    assert code == 2
    assert "is a database of MullerBrown (2 parameters), not of LennardJones (9 parameters, n_atoms 3)" in err
    assert run("map", "muller-brown")[0] == 2
    assert run("map", "lj1", "--out", tmp_path / "lj1")[0] == 2


MAKER = """
import numpy as np
from elsuite.landscapes import FunctionLandscape, MullerBrown


def camel(x):
    return (4 - 2.1 * x[:, 0] ** 2 + x[:, 0] ** 4 / 3) * x[:, 0] ** 2 + x[:, 0] * x[:, 1] + (4 * x[:, 1] ** 2 - 4) * x[:, 1] ** 2


def landscape(depth=1.0):
    return FunctionLandscape(lambda x: depth * camel(np.asarray(x)), 2, [[-3, -2], [3, 2]])
"""


def test_a_function_in_a_file_is_mapped_and_its_store_says_so(run, tmp_path):
    (tmp_path / "camel.py").write_text(MAKER)
    store = tmp_path / "camel.elsuite"
    words = ("map", f"{tmp_path}/camel.py:landscape", store, "--setting", "depth=2.0", "--starts", 8, "--json")
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["lowest_energy"] == pytest.approx(-2 * 1.0316284535)
    assert json.loads(run(*words)[1]) == facts
    with open_database(store) as database:
        assert database.attributes["landscape"]["settings"] == {"depth": 2.0}
        assert landscape_of_database(database, trust=True).identity.settings["bounds"] == [[-3, -2], [3, 2]]
    code, _, err = run("map", f"{tmp_path}/camel.py:landscape", store, "--starts", 8)
    assert code == 2
    assert "is of another landscape: the energy" in err


def test_a_structure_with_a_calculator_is_mapped(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Atoms("Cu4", 2.4 * np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.9, 0], [0.5, 0.3, 0.8]])).write("cluster.xyz")
    code, out, err = run(
        "map", "ase:emt", "cu4.elsuite", "--structure", "cluster.xyz", "--starts", 2, "--seconds", 1, "--json"
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["n_minima"] == 1
    with open_database("cu4.elsuite") as database:
        assert database.attributes["landscape"]["recipe"] == "ase:emt"
        monkeypatch.chdir(tmp_path.parent)
        assert landscape_of_database(database).n_parameters == 12


def test_names_with_settings(run, tmp_path):
    code, _, _ = run("map", "morse4", "--out", tmp_path / "morse", "--setting", "rho=10", "--seconds", 0, "--json")
    assert code == 0
    with open_database(tmp_path / "morse") as database:
        assert database.attributes["landscape"]["settings"]["rho"] == 10


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("lj3",), "STORE: given nothing"),
        (("lj3", "a", "--out", "b"), "STORE: given a and b"),
        (("lj3", "a", "--setting", "n_atoms=4"), "the number in the name"),
        (("lj3", "a", "--setting", "size=4"), "settings.size: unknown key"),
        (("lj3", "a", "--structure", "x.xyz"), "--structure: given for 'lj3'"),
        (("ase:emt", "a"), "structure: given nothing"),
        (("ase:emt", "a", "--structure", "x.xyz"), "which cannot be read (FileNotFoundError"),
        (("ase:emt", "a", "--structure", "x.xyz", "--setting", "structure=y.xyz"), "--structure: given twice"),
        (("nowhere.py:f", "a"), "nowhere.py cannot be read"),
        (("morse", "a", "--setting", "rho=0"), "rho = 0"),
    ],
)
def test_words_that_do_not_fit_are_one_line(run, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("map", *words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "a").exists()
