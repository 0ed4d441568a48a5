"""Commands that read: their JSON, key for key, their text, and one clear line with exit code 2 for every error."""

import json
import shutil
import subprocess
import sys

import pytest
from small_database import MERGES, MINIMA, small_store

from elsuite.cli import COMMANDS
from elsuite.cli.summary import print_found
from elsuite.database import LandscapeDatabase


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return small_store(tmp_path_factory.mktemp("small") / "small.elsuite")


def read(elsuite, *arguments):
    code, out, err = elsuite(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_info(elsuite, store):
    facts = read(elsuite, "info", store)
    assert {k: facts[k] for k in ("format_version", "n_parameters", "n_runs", "n_minima", "n_paths")} == {
        "format_version": 1,
        "n_parameters": 4,
        "n_runs": 4,
        "n_minima": 6,
        "n_paths": 7,
    }
    assert facts["surfaces"] == ["train", "test"]
    assert facts["sets"] == {"lbfgs-gss/test": 1, "lbfgs-gss/train": 2, "sgd/test": 1, "sgd/train": 2}


def test_what_is_not_known_is_said_to_be_unknown(elsuite, tmp_path):
    path = tmp_path / "bare.elsuite"
    with LandscapeDatabase.create(path, n_parameters=0, surfaces=["energy"]) as database:
        database.add(minima={"energy": [[0.5], [0.7]]})
    assert "count unknown, tolerance 0.001, unknown 2" in elsuite("info", path)[1]


def test_minima(elsuite, store):
    rows = read(elsuite, "minima", store)
    assert [row["id"] for row in rows] == list(range(6))
    assert rows[3] == {
        "id": 3,
        "set": "lbfgs-gss/train",
        "energy": {"train": 0.01, "test": 0.9},
        "seed": 2,
        "outcome": "budget spent",
    }
    lowest = read(elsuite, "minima", store, "--sort", "train", "--limit", 2)
    assert [row["id"] for row in lowest] == [3, 5]
    assert [row["id"] for row in read(elsuite, "minima", store, "--set", "sgd/test")] == [1]


def test_minima_without_an_energy_come_last(elsuite, tmp_path):
    path = tmp_path / "gaps.elsuite"
    with LandscapeDatabase.create(path, n_parameters=0, surfaces=["train", "test"]) as database:
        database.add(minima={"energy": [[0.5, 0.1], [0.2, None], [0.1, 0.7], [0.1, None], [0.3, 0.2]]})
    assert [row["id"] for row in read(elsuite, "minima", path, "--sort", "test")] == [0, 4, 2, 1, 3]


def test_minima_by_a_condition(elsuite, store):
    rows = read(elsuite, "minima", store, "--where", "energy.train < 0.1 and set == 'lbfgs-gss/train'")
    assert [row["id"] for row in rows] == [3, 5]


def test_neighbors(elsuite, store):
    found = read(elsuite, "neighbors", store, 0, "--by", "barrier", "--surface", "train", "--n", 2)
    assert found == [{"id": 1, "minimax_barrier": 0.25}, {"id": 2, "minimax_barrier": 0.6}]
    assert [row["distance"] for row in read(elsuite, "neighbors", store, 0)] == sorted(
        row["distance"] for row in read(elsuite, "neighbors", store, 0)
    )


@pytest.mark.parametrize("ending", ["npy", "csv"])
def test_the_matrix_of_minimax_barriers(elsuite, store, tmp_path, ending):
    import numpy as np

    out = tmp_path / f"barriers.{ending}"
    assert elsuite("matrix", store, "--surface", "train", "--out", out)[0] == 0
    values = np.load(out) if ending == "npy" else np.loadtxt(out, delimiter=",", skiprows=1)[:, 1:]
    assert values[0, 2] == values[2, 0] == 0.6
    assert np.isinf(values[0, 4])
    assert values[3, 3] == 0.01


@pytest.mark.parametrize(
    ("a", "b", "surface", "expected", "route", "heights", "direct"),
    [
        (0, 2, "train", 0.60, [0, 1, 2], [0.25, 0.60], 0.70),
        (0, 5, "train", 0.80, [0, 1, 2, 3, 5], [0.25, 0.60, 0.80, 0.05], None),
        (0, 4, "train", None, [], [], None),
        (0, 1, "test", 0.52, [0, 1], [0.52], 0.52),
        (2, 2, "train", 0.15, [2], [], None),
    ],
)
def test_barrier(elsuite, store, a, b, surface, expected, route, heights, direct):
    found = read(elsuite, "barrier", store, a, b, "--surface", surface)
    assert found["heights"] == heights
    assert (found["source"], found["target"]) == (a, b)
    assert found["minimax_barrier"] == expected
    assert found["route"] == route
    assert found["direct_height"] == direct


def test_tree_agrees_with_the_merges_known_by_hand(elsuite, store):
    tree = read(elsuite, "tree", store, "--surface", "train")
    assert [(leaf["id"], leaf["energy"]) for leaf in tree["leaves"]] == [(i, m[1]) for i, m in enumerate(MINIMA)]
    assert [merge["height"] for merge in tree["merges"]] == [height for height, _ in MERGES]
    for merge, (_, members) in zip(tree["merges"], MERGES, strict=True):
        assert sorted(sorted(part) for part in merge["members"]) == sorted(members)


def test_barrier_is_the_height_at_which_the_tree_joins(elsuite, store):
    tree = read(elsuite, "tree", store, "--surface", "train")
    for a in range(6):
        for b in range(a + 1, 6):
            joined = [m["height"] for m in tree["merges"] if {a, b} <= {i for part in m["members"] for i in part}]
            found = read(elsuite, "barrier", store, a, b, "--surface", "train")["minimax_barrier"]
            assert found == (joined[0] if joined else None)


@pytest.mark.parametrize(
    ("energy", "expected"),
    [(0.005, []), (0.05, [[3, 5]]), (0.25, [[0, 1], [3, 5], [2]]), (0.9, [[0, 1, 2, 3, 5], [4]])],
)
def test_superbasins(elsuite, store, energy, expected):
    groups = read(elsuite, "superbasins", store, "--surface", "train", "--energy", energy)
    assert [sorted(g) for g in sorted(groups, key=lambda g: (-len(g), min(g)))] == expected


@pytest.mark.parametrize("arguments", [(), ("import",), ("data",)])
def test_a_bare_command_prints_its_help(elsuite, arguments):
    code, out, err = elsuite(*arguments)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) > 5


def test_distances_need_coordinates(elsuite, tmp_path):
    place = tmp_path / "bare.elsuite"
    with LandscapeDatabase.create(place, n_parameters=0, surfaces=["energy"]) as database:
        database.add(minima={"energy": [[0.0], [1.0]], "coordinates": [[], []]})
    code, _, err = elsuite("neighbors", place, 0)
    assert (code, err.count("\n")) == (2, 1)
    assert "distances need coordinates" in err


def test_paths_of_one_finder(elsuite, tmp_path):
    place = tmp_path / "two.elsuite"
    with LandscapeDatabase.create(place, n_parameters=1, surfaces=["energy"]) as database:
        database.add(
            minima={"energy": [[0.0], [1.0]], "coordinates": [[0.0], [1.0]]},
            paths={
                "source": [0, 0], "target": [1, 1], "surface": ["energy"] * 2,
                "height": [5.0, 3.0], "finder": ["straight", "bent"],
            },
        )  # fmt: skip
    assert read(elsuite, "barrier", place, 0, 1)["minimax_barrier"] == 3.0
    for finder, height in (("straight", 5.0), ("bent", 3.0)):
        assert read(elsuite, "barrier", place, 0, 1, "--finder", finder)["minimax_barrier"] == height
        assert read(elsuite, "tree", place, "--finder", finder)["merges"][0]["height"] == height
        assert len(read(elsuite, "superbasins", place, "--energy", 4, "--finder", finder)) == (height > 4) + 1
        (near,) = read(elsuite, "neighbors", place, 0, "--by", "barrier", "--finder", finder)
        assert near["minimax_barrier"] == height
        elsuite("matrix", place, "--out", tmp_path / "m.csv", "--finder", finder)
        assert str(height) in (tmp_path / "m.csv").read_text()
        assert elsuite("plot", "disconnectivity", place, "--out", tmp_path / "t.svg", "--finder", finder)[0] == 0
    assert "--by barrier" in elsuite("neighbors", place, 0, "--finder", "bent")[2]
    for arguments in (
        ("tree", place),
        *(("plot", kind, place, "--out", tmp_path / "h.svg") for kind in ("heights", "kpca", "network")),
    ):
        code, _, err = elsuite(*arguments, "--finder", "curved")
        assert (code, err.count("\n")) == (2, 1)
        assert "no paths of a finder 'curved': there are 'straight', 'bent'" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("info",),
        ("minima",),
        ("barrier", 0, 2),
        ("superbasins", "--energy", 0.25),
        ("tree",),
        ("verify", "--sample", 0),
    ],
)
def test_text_for_people(elsuite, store, arguments):
    code, out, err = elsuite(arguments[0], store, *arguments[1:])
    assert (code, err) == (0, "")
    assert out.strip()
    assert "nan" not in out.lower()


def test_verify_says_valid(elsuite, store):
    assert read(elsuite, "verify", store, "--sample", 0)["valid"] is True


ERRORS = [
    (("info", "{nowhere}"), ["nowhere.elsuite"]),
    (("tree", "{folder}"), ["folder"]),
    (("info", "{file}"), ["file.txt"]),
    (("info", "{newer}"), ["newer", "99", "1"]),
    (("barrier", "{store}", 0, 6), ["6", "0 to 5"]),
    (("barrier", "{store}", 0, 1, "--surface", "energy"), ["energy", "train, test"]),
    (("tree", "{store}", "--surface", "tset"), ["tset", "train, test"]),
    (("superbasins", "{store}", "--surface", "x", "--energy", 1), ["x", "train, test"]),
    (("minima", "{store}", "--set", "adam/train"), ["adam/train", "sgd/train"]),
    (("minima", "{store}", "--sort", "validation"), ["validation", "train, test"]),
    (("barrier", "{store}", "zero", 1), ["zero", "integer"]),
    (("superbasins", "{store}"), ["--energy"]),
    (("superbasins", "{store}", "--energy", "nan"), ["nan", "finite"]),
    (("plot", "disconnectivity", "{store}", "--out", "{tmp}/tree.gif"), ["gif", "png", "svg", "pdf"]),
    (("plot", "pie", "{store}", "--out", "{tmp}/tree.png"), ["pie", "disconnectivity"]),
    (("plot", "heights", "{store}", "--set", "nobody", "--out", "{tmp}/h.png"), ["nobody", "sgd/train"]),
    (("plot", "disconnectivity", "{store}", "--surface", "no", "--out", "{tmp}/h.png"), ["no", "train"]),
    (("report", "{nowhere}", "--out", "{tmp}/page.html"), ["nowhere.elsuite"]),
    (("verify", "{nowhere}"), ["nowhere.elsuite"]),
    (("minima", "{store}", "--where", "energy.val < 1"), ["energy.val", "energy.train"]),
    (("neighbors", "{store}", 9), ["9", "0 to 5"]),
    (("matrix", "{store}", "--out", "{tmp}/m.txt"), ["m.txt", ".npy", ".csv"]),
    (("trees", "{store}"), ["trees"]),
]


@pytest.mark.parametrize(("arguments", "words"), ERRORS)
def test_an_error_is_one_clear_line_and_exit_code_2(elsuite, store, tmp_path, arguments, words):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("no store")
    newer = tmp_path / "newer.elsuite"
    shutil.copytree(store, newer)
    metadata = json.loads((newer / "zarr.json").read_text())
    metadata["attributes"]["format_version"] = 99
    (newer / "zarr.json").write_text(json.dumps(metadata))
    places = {
        "store": store,
        "nowhere": tmp_path / "nowhere.elsuite",
        "folder": tmp_path / "folder",
        "file": tmp_path / "file.txt",
        "newer": newer,
        "tmp": tmp_path,
    }
    code, out, err = elsuite(*(str(a).format(**places) for a in arguments))
    assert code == 2
    assert out == ""
    lines = [line for line in err.splitlines() if line and not line.startswith(("Usage", "Try"))]
    assert len(lines) == 1, err
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(elsuite, command):
    code, out, _ = elsuite(command, "--help")
    assert code == 0
    assert f"Example: elsuite {command}" in " ".join(out.split())


def test_the_help_names_every_command(elsuite):
    _, out, _ = elsuite("--help")
    assert all(f"  {name} " in out for name in COMMANDS)
    assert "Example: " in out


def test_reading_commands_never_load_torch(store):
    code = (
        "import sys; from elsuite.cli import main; sys.argv = ['elsuite', 'tree', sys.argv[1], '--json']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, store], check=True, stdout=subprocess.DEVNULL)


def test_help_loads_nothing_heavy():
    code = (
        "import sys, runpy; sys.argv = ['elsuite', '--help']\n"
        "try: runpy.run_module('elsuite', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'matplotlib', 'zarr', 'xarray', 'scipy', 'sklearn', 'networkx'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_every_merge_says_its_evidence(elsuite, store):
    tree = read(elsuite, "tree", store, "--surface", "train")
    assert (tree["joins"], tree["states"]) == ("points", {"tested": 3, "untested": 1})
    assert [merge["evidence"]["floor"] for merge in tree["merges"]] == [0.02, 0.2, 0.15, 0.1]
    assert tree["merges"][2]["evidence"] == {"state": "tested", "floor": 0.15, "tries": 3, "outcomes": {"converged": 3}}
    found = read(elsuite, "barrier", store, 0, 2, "--surface", "train")
    assert (found["joins"], found["evidence"]) == ("points", tree["merges"][2]["evidence"])
    assert read(elsuite, "barrier", store, 0, 4, "--surface", "train")["evidence"] is None
    text = elsuite("barrier", store, 0, 2, "--surface", "train")[1]
    assert "evidence: tested (3 searches across: 3 converged), of a network of points" in text
    assert "no barrier" not in text
    assert "the height is no barrier" in elsuite("barrier", store, 0, 3, "--surface", "train")[1]
    assert read(elsuite, "info", store)["merges"]["train"] == {
        "joins": "points",
        "states": {"tested": 3, "untested": 1},
        "n_copies": 0,
    }
    assert "tree of points on test: 1 merge: 1 tested" in elsuite("info", store)[1]
    assert read(elsuite, "info", store, "--no-evidence")["merges"] is None
    assert "--evidence counts them" in elsuite("info", store, "--no-evidence")[1]


def test_superbasins_say_the_evidence_where_they_next_join(elsuite, store):
    asked = ("superbasins", store, "--surface", "train", "--energy", 0.25)
    found = read(elsuite, *asked, "--evidence")
    assert found["superbasins"] == read(elsuite, *asked)
    assert (found["joins"], len(found["evidence"])) == ("points", len(found["superbasins"]))
    by_lowest = dict(zip((group[0] for group in found["superbasins"]), found["evidence"], strict=True))
    assert {lowest: row["floor"] for lowest, row in by_lowest.items()} == {0: 0.15, 3: 0.1, 2: 0.15}
    alone = read(elsuite, "superbasins", store, "--surface", "train", "--energy", 0.9, "--evidence")
    assert alone["evidence"] == [None, None]
    assert "next join: tested (3 searches across: 3 converged)" in elsuite(*asked)[1]
    assert "tested" in elsuite("neighbors", store, 0, "--by", "barrier", "--surface", "train")[1]


def test_an_imported_database_says_once_that_nothing_is_recorded(elsuite, tmp_path):
    place = tmp_path / "imported.elsuite"
    with LandscapeDatabase.create(place, n_parameters=0, surfaces=["a", "b"]) as database:
        rows = {"source": [0, 0], "target": [1, 1], "height": [3.0, 4.0], "surface": ["a", "b"]}
        database.add(
            minima={"energy": [[0.0, 0.0], [1.0, 1.0]]},
            paths={**rows, "kind": ["transition_state", "transition_state"], "outcome": ["imported"] * 2},
        )
    text = elsuite("info", place)[1]
    assert "tree of points on a: 1 merge: 1 verified\ntree of points on b: 1 merge: 1 verified\n" in text
    assert text.count("without a record of what else was searched") == 1


def test_points_or_isomers(elsuite, tmp_path, capsys):
    place = tmp_path / "both.elsuite"
    with LandscapeDatabase.create(place, n_parameters=2, surfaces=["energy"]) as database:
        database.add(
            minima={"coordinates": [[0.0, 1.0], [2.0, 0.0]], "energy": [[0.0], [0.0]]},
            paths={"source": [0, 0], "target": [1, 1], "height": [0.5, 0.2], "permutation": [None, [2, 1]]},
        )
    code, out, err = elsuite("barrier", place, 0, 1, "--json")
    assert code == 0
    assert (json.loads(out)["joins"], json.loads(out)["minimax_barrier"]) == ("points", 0.5)
    assert err == "note: 1 path to copies of minima (joins=isomers counts them) left out\n"
    found = read(elsuite, "barrier", place, 0, 1, "--joins", "isomers")
    assert (found["joins"], found["minimax_barrier"]) == ("isomers", 0.2)
    assert read(elsuite, "tree", place, "--joins", "isomers")["merges"][0]["height"] == 0.2
    assert read(elsuite, "superbasins", place, "--joins", "isomers", "--energy", 0.3) == [[0, 1]]
    code, _, err = elsuite("export", "npz", place, tmp_path / "points.npz")
    assert (code, err) == (0, "note: 1 path to copies of minima (joins=isomers counts them) left out\n")
    assert elsuite("export", "graphml", place, tmp_path / "points.graphml")[2] == err
    assert "; 1 path to copies of minima (joins=isomers counts them) left out\n" in elsuite("info", place)[1]
    print_found(place)
    assert capsys.readouterr().err == err
    assert elsuite("export", "graphml", place, tmp_path / "isomers.graphml", "--joins", "isomers")[2] == ""
    assert (tmp_path / "isomers.graphml").read_text().count("<edge") == 2
    code, _, err = elsuite("neighbors", place, 0, "--joins", "isomers")
    assert (code, "--by barrier" in err) == (2, True)
