"""`elsuite connect STORE A B`: two minima or structures joined, what it prints, and its one line for every mistake."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from elsuite.database import open_database, verify_store
from elsuite.landscapes import LennardJones, MullerBrown
from elsuite.stationary import descend

pytestmark = pytest.mark.making
DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def empty(elsuite, tmp_path):
    store = tmp_path / "mb.elsuite"
    assert elsuite("map", "muller-brown", "--out", store, "--seconds", 0)[0] == 0
    return store


def point_file(folder, name, point):
    path = folder / name
    path.write_text(" ".join(map(str, point)))
    return path


def xyz_file(folder, name, point):
    lines = [f"Ar {x} {y} {z}" for x, y, z in np.reshape(point, (-1, 3))]
    path = folder / name
    path.write_text(f"{len(lines)}\n{name}\n" + "\n".join(lines) + "\n")
    return path


def test_points_in_files_are_relaxed_and_joined(elsuite, empty, tmp_path):
    files = [point_file(tmp_path, f"{k}.txt", MullerBrown().minima[k] + 0.02) for k in range(2)]
    code, out, err = elsuite("connect", empty, *files, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["joined"]
    assert found["route"] == [0, 2, 1]
    assert found["barrier"] == pytest.approx(-40.6648435087)
    assert found["ended"] == "joined"
    assert "highest -40.66484" in err
    code, out, _ = elsuite("connect", empty, 0, 1)
    assert code == 0
    assert "minima 0 and 1 are joined in 2 steps: highest -40.6648435, 106.035 above 0, 67.5019 above 1" in out
    assert "0 searches (" in out
    code, out, _ = elsuite("connect", empty, 0, 2, "--attempts", 3, "--strategy", "barrier", "--json")
    assert (json.loads(out)["searched"], json.loads(out)["joined"]) == (3, True)
    assert verify_store(empty) == ()


def test_a_store_is_made_of_a_recipe(elsuite, tmp_path):
    cluster, store = LennardJones(7), tmp_path / "lj7.elsuite"
    files = [xyz_file(tmp_path, f"{k}.xyz", cluster.minima[k]) for k in (0, 3)]
    code, out, _ = elsuite("connect", store, *files, "--recipe", "lj7", "--json")
    assert code == 0
    assert json.loads(out)["barrier"] == pytest.approx(-15.28342128, abs=1e-6)
    assert elsuite("tree", store)[0] == 0
    assert elsuite("plot", "profile", store, "--route", 0, 1, "--out", tmp_path / "way.png")[0] == 0
    code, out, _ = elsuite("map", "lj7", "--out", store, "--seconds", 0, "--json")
    assert code == 0
    assert json.loads(out)["n_minima"] >= 2


def test_structures_of_a_calculator_are_checked_for_their_atoms(elsuite, tmp_path):
    pytest.importorskip("ase")
    store = tmp_path / "cu.elsuite"
    octahedron = np.concatenate([1.75 * np.eye(3), -1.75 * np.eye(3)])
    capped = [[0, 0, 1.9], [0, 0, -1.9], [1.4, 0, 0], [-0.7, 1.22, 0], [-0.7, -1.22, 0], [1.5, 2.3, 1.2]]
    files = [xyz_file(tmp_path, f"{k}.xyz", points) for k, points in enumerate((octahedron, capped))]
    copper = [tmp_path / f"cu{k}.xyz" for k in range(2)]
    for file, renamed in zip(files, copper, strict=True):
        renamed.write_text(file.read_text().replace("Ar", "Cu"))
    assert elsuite("map", "ase:emt", store, "--structure", copper[0], "--seconds", 0)[0] == 0
    code, _, err = elsuite("connect", store, *files)
    assert code == 2
    assert "atoms Ar6 given; Cu6, in this order, are expected" in err
    code, out, _ = elsuite("connect", store, *copper, "--json")
    assert code == 0
    assert json.loads(out)["barrier_above"] == pytest.approx([0.199881, 0.030341], abs=1e-5)


def test_what_is_not_joined_is_said(elsuite, empty, tmp_path):
    files = [point_file(tmp_path, f"{k}.txt", MullerBrown().minima[k]) for k in range(2)]
    code, out, _ = elsuite("connect", empty, *files, "--attempts", 0)
    assert code == 1
    assert "minima 0 and 1 are not joined: 1 gap is left" in out
    assert "ended: 0 searches are made" in out
    code, out, _ = elsuite("connect", empty, 0, 1, "--dry-run", "--json")
    assert code == 1
    found = json.loads(out)
    assert (found["gaps"], found["searched"], found["barrier"]) == ([[0, 1]], 0, None)
    with open_database(empty) as database:
        assert database.n_paths == 0


def test_paths_of_a_finder_are_searched_as_before(elsuite, tmp_path):
    store = tmp_path / "mb.elsuite"
    shutil.copytree(DATA / "muller-brown.elsuite", store)
    code, out, _ = elsuite("connect", store, 0, 1, "--finder", "linear", "--pairs", "all")
    assert code == 0
    assert "1 paths searched on energy" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("0", "9"), "no minimum 9; there are ids 0 to 2"),
        (("0", "0"), "minima 0 and 0 given, which are one minimum"),
        (("0", "x.xyz"), "'x.xyz' is neither the id of a minimum nor a file"),
        (("0", "1", "--strategy", "short"), "no strategy 'short'; there are: around, barrier, shorten"),
        (("0", "1", "2", "--seconds", "3"), "--seconds: given, allowed with two minima that are joined"),
        (("0", "1", "2", "--pairs", "gaps"), "--pairs gaps: given with 3 minima, allowed: with two"),
        (("0", "1", "--pairs", "gaps", "--finder", "none"), "no path finder 'none'"),
        (("0", "1", "--option", "n_images=0"), "n_images: given 0, allowed: at least 1"),
        (("0", "XYZ", "--dry-run"), "--dry-run: given with structures in files"),
        (("0", "WIDE"), "3 coordinates given; a point has 2"),
        (("0", "XYZ"), "line 1: 'no number' given; the number of atoms is expected"),
    ],
)
def test_mistakes_are_one_line(elsuite, tmp_path, arguments, words):
    store = tmp_path / "mb.elsuite"
    shutil.copytree(DATA / "muller-brown.elsuite", store)
    (tmp_path / "bad.xyz").write_text("no number\n")
    files = {"WIDE": point_file(tmp_path, "wide.txt", [1, 2, 3]), "XYZ": tmp_path / "bad.xyz"}
    code, _, err = elsuite("connect", store, *(files.get(word, word) for word in arguments))
    assert code == 2
    assert words in err
    assert err.count("\n") == 1


def test_the_two_structures_of_38_atoms_are_what_they_say():
    from elsuite.interchange.xyz import read_xyz

    points = [read_xyz(DATA / f"lj38_{name}.xyz").positions.ravel() for name in ("octahedral", "icosahedral")]
    energies = [found.energy for found in descend(LennardJones(38), np.array(points))]
    assert energies == pytest.approx([-173.928427, -173.252378], abs=1e-6)
