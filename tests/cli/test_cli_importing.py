"""Commands that bring in and take out: formats there and back, solutions and their minima, one line for every error."""

import json
import os
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from small_database import small_store

from elsuite.interchange import (
    ForeignLandscape,
    write_arrays,
    write_edges,
    write_pathsample,
    write_pele,
    write_topsearch,
)

# Minima 0 and 1 are joined twice, 1 and 2 below an end, 3 to itself only.
LANDSCAPE = ForeignLandscape(
    energies=np.array([-3.0, -2.0, -1.0, 5.0]),
    sources=np.array([0, 1, 1, 3]),
    targets=np.array([1, 0, 2, 3]),
    heights=np.array([0.5, 0.25, -1.5, 6.0]),
)
MERGES = [[-1.0, [[1], [2]]], [0.25, [[0], [1, 2]]]]
NOTE = "1 of 4 {} lay below an end, by 0.5 at most, and were lifted to it"


def done(elsuite, *arguments):
    code, out, err = elsuite(*arguments)
    assert code == 0, err
    return out


def read(elsuite, *arguments):
    return json.loads(done(elsuite, *arguments, "--json"))


def refusal(elsuite, *arguments):
    """Return the one line on stderr of a command that must fail."""
    code, out, err = elsuite(*arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err.removeprefix("elsuite: ").strip()


def _write_edges(landscape, folder):
    write_edges(landscape, folder, Path(f"{folder}.nodes"))


WRITERS = {
    "pathsample": write_pathsample,
    "topsearch": write_topsearch,
    "pele": write_pele,
    "npz": write_arrays,
    "edges": _write_edges,
}


def imported(elsuite, name, tmp_path, landscape=LANDSCAPE, store="store.elsuite"):
    source = tmp_path / "source"
    WRITERS[name](landscape, source)
    nodes = ["--nodes", f"{source}.nodes"] if name == "edges" else []
    return read(elsuite, "import", name, source, tmp_path / store, *nodes)


def merges(elsuite, store):
    return [[m["height"], sorted(map(sorted, m["members"]))] for m in read(elsuite, "tree", store)["merges"]]


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_in_and_out_again(name, elsuite, tmp_path):
    found = imported(elsuite, name, tmp_path)
    # npz and edges of a landscape of transition states say so
    assert found == {
        "n_minima": 4,
        "n_paths": 4,
        "n_transition_states": 4,
        "n_parameters": 0,
        "notes": [NOTE.format("edges" if name in {"npz", "edges"} else "transition states")],
    }
    assert merges(elsuite, tmp_path / "store.elsuite") == MERGES
    nodes = ["--nodes", tmp_path / "again.nodes"] if name == "edges" else []
    done(elsuite, "export", name, tmp_path / "store.elsuite", tmp_path / "again", *nodes)
    again = read(elsuite, "import", name, tmp_path / "again", tmp_path / "again.elsuite", *nodes)
    assert again == {**found, "notes": []}
    assert merges(elsuite, tmp_path / "again.elsuite") == MERGES


def test_an_existing_database_of_the_field_in_two_commands(elsuite, tmp_path):
    write_pathsample(LANDSCAPE, tmp_path / "LJ")
    out = done(elsuite, "import", "pathsample", tmp_path / "LJ", tmp_path / "lj.elsuite")
    assert out == f"4 minima and 4 transition states in {tmp_path / 'lj.elsuite'}\n"
    done(elsuite, "plot", "disconnectivity", tmp_path / "lj.elsuite", "--out", tmp_path / "tree.svg")
    assert (tmp_path / "tree.svg").stat().st_size > 1000
    assert read(elsuite, "verify", tmp_path / "lj.elsuite", "--sample", "0")["valid"]
    assert read(elsuite, "barrier", tmp_path / "lj.elsuite", 0, 2)["minimax_barrier"] == 0.25
    assert read(elsuite, "info", tmp_path / "lj.elsuite")["n_parameters"] == 0


def test_an_empty_file_is_said_to_be_empty(elsuite, tmp_path):
    (tmp_path / "min.data").write_text("")
    code, out, err = elsuite("import", "pathsample", tmp_path, tmp_path / "s.elsuite")
    assert (code, err) == (0, "note: there are no minima in it\n")
    assert out.startswith("0 minima and 0 transition states")


def test_notes_are_on_stderr(elsuite, tmp_path):
    write_pathsample(LANDSCAPE, tmp_path / "LJ")
    code, _, err = elsuite("import", "pathsample", tmp_path / "LJ", tmp_path / "lj.elsuite")
    assert (code, err) == (0, f"note: {NOTE.format('transition states')}\n")


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_there_is_not_written_over(name, elsuite, tmp_path):
    imported(elsuite, name, tmp_path)
    nodes = ["--nodes", tmp_path / "source.nodes"] if name == "edges" else []
    line = refusal(elsuite, "import", name, tmp_path / "source", tmp_path / "store.elsuite", *nodes)
    assert line == f"{tmp_path / 'store.elsuite'} is there already; choose another name"
    line = refusal(elsuite, "export", name, tmp_path / "store.elsuite", tmp_path / "source", *nodes)
    assert "is there already; remove it or choose another place" in line


def test_a_file_that_is_wrong_leaves_no_store(elsuite, tmp_path):
    write_pathsample(LANDSCAPE, tmp_path / "LJ")
    path = tmp_path / "LJ" / "ts.data"
    path.write_text(path.read_text().replace(" 2 ", " 9 "))
    line = refusal(elsuite, "import", "pathsample", tmp_path / "LJ", tmp_path / "lj.elsuite")
    assert line == f"{path}, line 2: minimum 9, a whole number 1 to 4 is expected"
    assert not (tmp_path / "lj.elsuite").exists()


def test_formats_are_told_apart(elsuite, tmp_path):
    write_pathsample(LANDSCAPE, tmp_path / "a")
    write_topsearch(LANDSCAPE, tmp_path / "b")
    line = refusal(elsuite, "import", "topsearch", tmp_path / "a", tmp_path / "x")
    assert line.endswith("min.data: 6 columns, a PATHSAMPLE database; a dump of topsearch has 2")
    line = refusal(elsuite, "import", "pathsample", tmp_path / "b", tmp_path / "x")
    assert line.endswith("min.data: 2 columns, a dump of topsearch; a PATHSAMPLE database has 6 or 8 columns")
    line = refusal(elsuite, "import", "pele", tmp_path / "a" / "min.data", tmp_path / "x")
    assert line.endswith("min.data: not an SQLite database of pele")


def test_a_dump_with_a_suffix(elsuite, tmp_path):
    write_topsearch(LANDSCAPE, tmp_path / "b")
    for path in list((tmp_path / "b").iterdir()):
        path.rename(f"{path}.lj")
    assert read(elsuite, "import", "topsearch", tmp_path / "b", tmp_path / "x", "--suffix", ".lj")["n_minima"] == 4


@pytest.mark.parametrize("name", ["pathsample", "pele", "topsearch"])
def test_tops_of_paths_are_not_called_transition_states(name, elsuite, tmp_path):
    store = small_store(tmp_path / "small.elsuite")
    code, _, err = elsuite("export", name, store, tmp_path / "out", "--surface", "train")
    assert (code, err) == (0, "note: 6 of 6 states are tops of paths, not verified transition states\n")


def test_sets_and_kinds_through_csv(elsuite, tmp_path):
    store = small_store(tmp_path / "small.elsuite")
    done(elsuite, "export", "edges", store, tmp_path / "e.csv", "--nodes", tmp_path / "n.csv", "--surface", "train")
    assert (tmp_path / "e.csv").read_text().splitlines()[:2] == [
        "source,target,energy,kind,finder",
        "0,1,0.25,path,fourier",
    ]
    found = read(elsuite, "import", "edges", tmp_path / "e.csv", tmp_path / "x", "--nodes", tmp_path / "n.csv")
    assert (found["n_paths"], found["n_transition_states"]) == (6, 0)
    assert read(elsuite, "info", tmp_path / "x")["sets"] == read(elsuite, "info", store)["sets"]


def test_graphml(elsuite, tmp_path):
    store = small_store(tmp_path / "small.elsuite")
    done(elsuite, "export", "graphml", store, tmp_path / "x.graphml")
    graph = nx.read_graphml(tmp_path / "x.graphml")
    assert (len(graph), graph.number_of_edges()) == (6, 6)
    assert graph.nodes["3"]["energy"] == 0.01
    assert "is there already" in refusal(elsuite, "export", "graphml", store, tmp_path / "x.graphml")


def test_options_that_do_not_fit(elsuite, tmp_path):
    store = small_store(tmp_path / "small.elsuite")
    line = refusal(elsuite, "export", "npz", store, tmp_path / "x", "--nodes", tmp_path / "n")
    assert line == "--nodes: given with npz, allowed with edges only"
    assert "no surface 'validation'" in refusal(
        elsuite, "export", "npz", store, tmp_path / "x", "--surface", "validation"
    )
    assert "no database at" in refusal(elsuite, "export", "npz", tmp_path / "none", tmp_path / "x")
    assert "'cheese'" in refusal(elsuite, "export", "cheese", store, tmp_path / "x")


@pytest.fixture
def weights(tmp_path):
    """Three solutions of a small network on 8 x 8 images, ten classes."""
    path = tmp_path / "weights.npy"
    np.save(path, np.random.default_rng(0).normal(scale=0.3, size=(3, 64 * 4 + 4 * 10)))
    return path


SMALL = (
    "--network",
    "fcp",
    "--data",
    "digits",
    "--hidden",
    "4",
    "--n-train",
    "60",
    "--n-test",
    "20",
    "--dtype",
    "float64",
)


@pytest.mark.making
def test_solutions_and_their_minima(elsuite, weights, tmp_path):
    store = tmp_path / "x.elsuite"
    command = ("import", "arrays", weights, store, *SMALL, "--set")
    first = read(elsuite, *command, "sgd/train")
    assert (first["added"], first["given"]) == ([0, 1, 2], 3)
    assert first["mean_energy"].keys() == {"train", "test"}
    again = read(elsuite, *command, "sgd/train")  # as after an interrupt: the mean is of all that the file has
    assert (again["added"], again["mean_energy"]) == ([], first["mean_energy"])
    said = done(elsuite, *command, "sgd/train").splitlines()
    assert said[0] == "0 of 3 solutions stored as sgd/train (the others were there)"
    assert said[1] == f"mean train loss of all 3: {first['mean_energy']['train']:.6g}"
    assert read(elsuite, *command, "sgd/test")["added"] == [3, 4, 5]
    verified = read(elsuite, "verify", store, "--sample", "6")
    assert (verified["valid"], verified["recomputed"]["minima"]) == (True, 6)
    quench = ("quench", store, "--set", "sgd/train", "--epochs", "30", "--tolerance", "1e-3")
    found = read(elsuite, *quench)
    assert (found["n_solutions"], found["n_minima"] + found["n_known"], found["n_done_before"]) == (3, 3, 0)
    again = read(elsuite, *quench)
    assert (again["n_solutions"], again["n_done_before"]) == (0, 3)
    assert set(read(elsuite, "info", store)["sets"]) == {"sgd/train", "sgd/test", "quenched/train"}
    assert "3 solutions relaxed on train" in done(elsuite, "quench", store, "--epochs", "30", "--tolerance", "1e-3")


@pytest.mark.making
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--hidden", "5"), "weights.npy: solutions have 296 parameters, the network has 370"),
        (("--set", "sgd/valid"), "set: given 'sgd/valid', allowed"),
        (("--hidden", "4;5"), "--hidden: given '4;5', allowed: whole numbers, such as 50,50"),
        (("--network", "cnn"), "network.architecture: given 'cnn', allowed: autoencoder, fcp, lenet, lstm"),
        (("--activation", "swash"), "swash"),
        (("--data", "cifar"), "no data set 'cifar'"),
        (("--n-train", "100000"), "100000 given"),
    ],
)
def test_solutions_that_do_not_fit_leave_no_store(change, message, elsuite, weights, tmp_path):
    options = dict(zip(SMALL[::2], SMALL[1::2], strict=True)) | {"--set": "sgd/train"} | dict([change])
    flat = [part for pair in options.items() for part in pair]
    assert message in refusal(elsuite, "import", "arrays", weights, tmp_path / "x.elsuite", *flat)
    assert not (tmp_path / "x.elsuite").exists()


@pytest.mark.making
def test_solutions_whose_energies_fail_leave_no_store(elsuite, tmp_path):
    np.save(tmp_path / "w.npy", np.full((1, 296), 1e300))
    command = ("import", "arrays", tmp_path / "w.npy", tmp_path / "x.elsuite", *SMALL, "--set", "sgd/train")
    assert refusal(elsuite, *command) == "solution 0 has an energy that is not a finite number"
    assert not (tmp_path / "x.elsuite").exists()


@pytest.mark.making
def test_a_store_of_another_network_is_refused(elsuite, weights, tmp_path):
    store = small_store(tmp_path / "small.elsuite")
    line = refusal(elsuite, "import", "arrays", weights, store, *SMALL, "--set", "sgd/train")
    assert line.startswith(f"{store} is of another landscape: it has 4 parameters")
    assert "does not say which network" in refusal(elsuite, "quench", store)
    assert "no set 'adam/train'; there are: " in refusal(elsuite, "quench", store, "--set", "adam/train")


@pytest.mark.making
def test_data_that_are_not_there(elsuite, weights, tmp_path, monkeypatch):
    monkeypatch.setenv("ELSUITE_DATA_DIR", str(tmp_path / "nowhere"))
    line = refusal(
        elsuite, "import", "arrays", weights, tmp_path / "x", "--network", "lstm", "--data", "mnist", "--set", "a/train"
    )
    assert "mnist" in line
    assert not (tmp_path / "x").exists()
    assert "digits comes with scikit-learn" in refusal(elsuite, "data", "fetch", "digits")


@pytest.mark.making
@pytest.mark.skipif(
    not Path(os.environ.get("ELSUITE_DATA_DIR", "/nowhere"), "mnist").is_dir(),
    reason="MNIST is not in $ELSUITE_DATA_DIR",
)
def test_solutions_of_the_published_lstm(elsuite, tmp_path):
    np.save(tmp_path / "w.npy", np.random.default_rng(0).normal(scale=0.1, size=(2, 15_456)).astype(np.float32))
    options = (
        "--network",
        "lstm",
        "--data",
        "mnist",
        "--set",
        "lbfgs-gss/train",
        "--n-train",
        "200",
        "--n-test",
        "100",
    )
    found = read(elsuite, "import", "arrays", tmp_path / "w.npy", tmp_path / "x.elsuite", *options)
    assert found["added"] == [0, 1]
    assert 2 < found["mean_energy"]["train"] < 3
