"""`elsuite map`: what it prints, what it stores, and its one line for every mistake."""

import json
import sys

import pytest

from elsuite.cli import main

pytestmark = pytest.mark.making


@pytest.fixture
def run(capsys, monkeypatch):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["elsuite", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        output = capsys.readouterr()
        return stop.value.code, output.out, output.err

    return call


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
