"""What runs that diverged or failed left behind is no solution, anywhere; it is counted and said."""

import json
import math
import sys

import numpy as np
import pytest

from elsuite.analysis import disconnectivity_tree, distances_to_origin, heights_by_set, minima_by_set, set_table
from elsuite.analysis.options import FigureOptions
from elsuite.analysis.view import View
from elsuite.cli import main
from elsuite.core.outcomes import UNUSABLE
from elsuite.database import LandscapeDatabase, describe, open_database
from elsuite.database.query import failures, lowest, nearest, usable_minima
from elsuite.network import path_heights, transition_network
from elsuite.plotting import FIGURES
from elsuite.report.page import render_report
from elsuite.schema import NotFoundError

# Runs of sgd 0 to 3, of adam 4 to 6 (all lost); each left one minimum, the lost ones the lowest energies.
OUTCOMES = ["converged", "diverged", "budget spent", "not a number", "diverged", "failed", "diverged"]
MINIMIZERS = ["sgd"] * 4 + ["adam"] * 3
ENERGIES = [0.3, 0.01, 0.2, 0.02, 0.001, np.nan, 0.002]
USABLE = [0, 2]


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "lost.elsuite"
    rng = np.random.default_rng(0)
    with LandscapeDatabase.create(path, n_parameters=3, surfaces=["train"]) as database:
        database.add(runs={"minimizer": MINIMIZERS, "seed": list(range(7)), "outcome": OUTCOMES})
        database.add(
            minima={
                "coordinates": rng.normal(size=(7, 3)),
                "energy": np.array(ENERGIES)[:, None],
                "run": list(range(7)),
                "set": [f"{name}/train" for name in MINIMIZERS],
                "outcome": OUTCOMES,
            }
        )
        ends = {"source": [0, 0, 1, 3, 0], "target": [2, 1, 4, 6, 2], "surface": ["train"] * 5}
        heights, outcomes = [0.9, 0.5, 0.4, 0.35, np.nan], ["converged"] * 4 + ["failed"]
        database.add(paths={**ends, "height": heights, "outcome": outcomes, "finder": ["linear"] * 5})
    return path


@pytest.fixture
def database(store):
    with open_database(store) as opened:
        yield opened


def test_they_are_no_nodes_and_paths_to_them_no_edges(database):
    assert np.flatnonzero(usable_minima(database)).tolist() == USABLE
    for parallel in (False, True):
        network = transition_network(database, parallel=parallel)
        assert list(network) == USABLE
        assert [edge[2] for edge in network.edges(data="path")] == [0]
    assert path_heights(database).paths.tolist() == [0]
    assert (network.graph["n_unusable"], network.graph["n_without_energy"]) == (5, 0)
    tree = disconnectivity_tree(transition_network(database))
    assert [(merge.height, merge.members) for merge in tree.merges] == [(0.9, ((2,), (0,)))]


def test_they_are_in_no_set_and_no_statistics(database):
    assert {name: ids.tolist() for name, ids in minima_by_set(database).items()} == {
        "sgd/train": USABLE,
        "adam/train": [],
    }
    sgd, adam = set_table(database)
    assert (sgd.n, sgd.energies["train"]) == (2, pytest.approx(0.25))
    assert sgd.unusable == {"diverged": 1, "not a number": 1}
    assert (adam.n, adam.unusable) == (0, {"diverged": 2, "failed": 1})
    assert math.isnan(adam.energies["train"])
    assert math.isnan(adam.norm)
    assert {name: heights.tolist() for name, heights in heights_by_set(database).items()} == {"sgd/train": [0.9]}
    with pytest.raises(NotFoundError, match="set 'adam/train' has no solutions: all its runs diverged or failed"):
        distances_to_origin(database, "sgd/train", "adam/train")


def test_they_are_not_the_lowest_nor_near(database):
    assert lowest(database, 7).tolist() == [2, 0]
    assert [i for i, _ in nearest(database, 0, 7)] == [2]


def test_they_are_counted(database):
    said = failures(database)
    assert said == [
        "2 of 3 runs of adam diverged",
        "1 of 3 runs of adam failed",
        "1 of 4 runs of sgd diverged",
        "1 of 4 runs of sgd ended in what is not a number",
        "1 of 5 paths of linear failed",
    ]
    facts = describe(database)
    assert facts["unusable"] == said
    assert facts["sets"] == {"sgd/train": 2, "adam/train": 0}
    assert facts["n_minima"] == 7


@pytest.mark.parametrize("outcome", sorted(UNUSABLE))
def test_minima_of_no_run_are_counted_by_set(outcome):
    database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    database.add(minima={"energy": [[0.5], [0.7]], "set": "sgd/train", "outcome": ["converged", outcome]})
    (line,) = failures(database)
    assert line.startswith("1 of 2 minima of sgd/train ")


def test_pictures_leave_them_out(database):
    view = View(database, FigureOptions())
    assert view.ids.tolist() == USABLE
    assert view.set_names == ["sgd/train"]
    figure = FIGURES["disconnectivity"](database, FigureOptions())
    assert [len(axes.collections) > 0 for axes in figure.axes] == [True]
    with pytest.raises(ValueError, match="no minimum 1 to draw: its run diverged or failed"):
        FIGURES["disconnectivity"](database, FigureOptions(highlight=(1,)))
    with pytest.raises(ValueError, match="to draw: 5 are of runs that diverged or failed"):
        FIGURES["disconnectivity"](database, FigureOptions(sets=("adam/train",)))


def test_the_page_counts_them_and_concludes_nothing_from_them(database):
    page = render_report(database)
    for line in failures(database):
        assert line in page
    assert "lower for" not in page
    assert "higher for" not in page
    assert "of the 2 minima goes from 0.2 to 0.3" in page


def test_a_store_of_nothing_else_is_a_page_and_a_clear_line(tmp_path):
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["train"])
    database.add(minima={"coordinates": np.eye(2), "energy": [[1.0], [2.0]], "set": "sgd/train", "outcome": "diverged"})
    page = render_report(database)
    assert "2 of 2 minima of sgd/train diverged" in page
    for kind in FIGURES:
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            FIGURES[kind](database, FigureOptions())
    assert len(transition_network(database)) == 0


def test_commands_say_it_and_refuse_their_ids(store, tmp_path, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["elsuite", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    assert "2 of 3 runs of adam diverged" in run("info", store)[1]
    assert run("barrier", store, 0, 1) == (2, "", "elsuite: minimum 1 is no solution: diverged\n")
    assert json.loads(run("tree", store, "--json")[1])["leaves"] == [{"id": 0, "energy": 0.3}, {"id": 2, "energy": 0.2}]
    assert run("matrix", store, "--out", tmp_path / "m.npy")[0] == 0
    matrix = np.load(tmp_path / "m.npy")
    assert matrix.shape == (7, 7)
    assert np.argwhere(np.isfinite(matrix)).tolist() == [[0, 0], [0, 2], [2, 0], [2, 2]]
    code, _, err = run("export", "npz", store, tmp_path / "out.npz")
    assert (code, err) == (
        0,
        "note: 5 minima of runs that diverged or failed left out\nnote: 1 paths without a height left out\n",
    )
    with np.load(tmp_path / "out.npz") as arrays:
        assert arrays["energies"].tolist() == [0.3, 0.2]
        assert (arrays["sources"].tolist(), arrays["targets"].tolist()) == ([0], [1])
    code, _, err = run("plot", "disconnectivity", store, "--out", tmp_path / "tree.svg")
    assert (code, err) == (0, "not drawn: 5 minima of runs that diverged or failed\n")


def test_commands_count_minima_without_an_energy_in_one_line(tmp_path, monkeypatch, capsys):
    store = tmp_path / "nan.elsuite"
    with LandscapeDatabase.create(store, n_parameters=0, surfaces=["train", "test"]) as database:
        database.add(
            minima={"energy": [[0.0, 0.0], [1.0, np.nan], [0.5, 0.5]]},
            paths={"source": [0, 1, 0], "target": [1, 2, 2], "height": [2.0, 2.0, 3.0], "surface": ["test"] * 3},
        )
    out = "1 minimum without a finite energy on the surface 'test' left out"

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["elsuite", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, *capsys.readouterr()

    code, said, err = run("tree", store, "--surface", "test", "--json")
    assert (code, err) == (0, f"note: {out}\n")
    assert [(merge["height"], merge["members"]) for merge in json.loads(said)["merges"]] == [(3.0, [[0], [2]])]
    assert run("superbasins", store, "--surface", "test", "--energy", 3, "--json")[1:] == (
        "[\n  [\n    0,\n    2\n  ]\n]\n",
        f"note: {out}\n",
    )
    assert run("barrier", store, 0, 2, "--surface", "test")[::2] == (0, f"note: {out}\n")
    assert run("barrier", store, 0, 1, "--surface", "test") == (
        2,
        "",
        "elsuite: minimum 1 has no finite energy on the surface 'test'\n",
    )
    assert run("matrix", store, "--surface", "test", "--out", tmp_path / "m.npy")[::2] == (0, f"note: {out}\n")
    for format_, name in [("graphml", "n.graphml"), ("npz", "n.npz")]:
        code, _, err = run("export", format_, store, tmp_path / name, "--surface", "test")
        assert (code, err.splitlines()[0]) == (0, f"note: {out}")
    assert run("tree", store)[::2] == (0, "")


def test_of_work_that_was_tried_again_the_last_attempt_counts():
    from elsuite.core.identity import retry_key

    keys = [5, retry_key(5, 1), retry_key(5, 2), 6, retry_key(6, 1), 7]
    outcomes = ["failed", "failed", "converged", "failed", "failed", "converged"]
    with LandscapeDatabase.create(None, n_parameters=0, surfaces=["train"]) as database:
        runs = {"minimizer": ["sgd"] * 6, "key": np.array(keys, dtype=np.uint64), "outcome": outcomes}
        database.add(runs=runs | {"message": ["no", "still no", "", "no", "never", ""]})
        assert failures(database) == ["1 of 3 runs of sgd failed"]
        assert describe(database)["failed"] == {"runs": {"never": 1}, "paths": {}}
