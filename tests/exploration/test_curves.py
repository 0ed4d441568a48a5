"""How the curves of paths are stored: once a search, by units, in a chosen dtype, and read back as they were measured."""

from pathlib import Path as FilePath

import numpy as np
import pytest
import torch
import zarr

from elsuite.database import LandscapeDatabase, open_database, verify_store
from elsuite.database.declared import joins_isomers
from elsuite.database.merging import merge_databases
from elsuite.exploration import connect_minima, stored_path
from elsuite.exploration.connect import plan_searches
from elsuite.exploration.new_rows import joined, load_rows, save_rows
from elsuite.exploration.workers import performed
from elsuite.landscapes import load_data, network_landscape
from elsuite.paths import BezierPathFinder, FourierPathFinder, PathFinder, measure
from elsuite.symmetry.permutations import apply, random_element

pytestmark = pytest.mark.making

FINDER = BezierPathFinder(n_points=5, n_steps=3, tolerance=None)
N_UNITS = 6


@pytest.fixture(scope="module")
def landscape():
    return network_landscape("fcp", load_data("digits", n_train=40, n_test=20), hidden=(4, 2))


@pytest.fixture(scope="module")
def points(landscape):
    points = landscape.initial_points(range(4))
    renamed = apply(landscape.symmetry, points[1], random_element(landscape.symmetry, seed=7))
    return torch.cat([points, renamed[None]])


def filled(landscape, points, path=None, **given):
    database = LandscapeDatabase.create(path, landscape, **given)
    energies = torch.stack([landscape.on(name).energy(points) for name in landscape.surfaces], dim=1)
    database.add(minima={"coordinates": points.numpy(), "energy": energies.numpy(), "key": np.arange(1, 6)})
    return database


def chunks(folder, column):
    return sorted(file.name for file in (FilePath(folder) / "paths" / column).glob("c*"))


def assert_heights_come_out_again(database, landscape, rows=None, rel=1e-6):
    for row in range(database.n_paths) if rows is None else rows:
        path, table = stored_path(database, row), database.paths
        again = measure(path, landscape.on(str(table["surface"].values[row])), n_points=5)
        np.testing.assert_allclose(again.profile, table["profile"].values[row], rtol=rel)
        assert again.refined_height == pytest.approx(float(table["refined_height"].values[row]), rel=rel)


def test_a_curve_is_stored_once_a_search_and_its_renaming_by_units(tmp_path, landscape, points):
    with filled(landscape, points, tmp_path / "a") as database:
        pairs = [(0, 1), (2, 3), (0, 4)]
        connect_minima(database, landscape, FINDER, pairs, measure_on=["test"], align="weights")
        table = database.paths
        assert table["surface"].values.tolist() == ["train", "test"] * 3
        assert table["curve"].values.tolist() == [-1, 0, -1, 2, -1, 4]
        assert "permutation" not in table
        assert table["renaming"].shape == (6, N_UNITS)
        assert table["renaming"].dtype == np.int32
        assert (table["renaming"].values != 0).any(axis=1).tolist() == [True, False] * 3
        assert table["joins"].values.tolist() == ["isomers"] * 6
        assert_heights_come_out_again(database, landscape)
    assert chunks(tmp_path / "a", "coefficients") == ["c.0.0.0", "c.2.0.0", "c.4.0.0"]
    assert verify_store(tmp_path / "a") == ()


def test_a_symmetry_other_than_the_stores_is_kept_as_a_permutation_of_all_parameters(landscape, points):
    with LandscapeDatabase.create(None, n_parameters=landscape.n_parameters, surfaces=landscape.surfaces) as database:
        energies = torch.stack([landscape.on(name).energy(points) for name in landscape.surfaces], dim=1)
        database.add(minima={"coordinates": points.numpy(), "energy": energies.numpy()})
        plan = plan_searches(database, FINDER, [(0, 1)], surface="train", measure_on=["test"], align="weights")
        rows = plan.tasks[0].loaded().perform(landscape)
        assert sorted(rows.curves) == ["coefficients", "path", "permutation"]
        connect_minima(database, landscape, FINDER, [(0, 1)], measure_on=["test"], align="weights")
        assert database.attributes.get("identity") is not None
        assert "renaming" in database.paths  # the first write says which landscape it is
        assert_heights_come_out_again(database, landscape)


@pytest.mark.parametrize("curves", ["float16", "float32", "float64"])
def test_curves_are_read_back_as_they_were_measured(tmp_path, landscape, points, curves):
    with filled(landscape, points, tmp_path / "a") as database:
        connect_minima(database, landscape, FINDER, [(0, 1)], measure_on=["test"], curves=curves)
        assert database.paths["coefficients"].dtype == curves
        assert stored_path(database, 0).coefficients.dtype == torch.float32
        assert_heights_come_out_again(database, landscape, rel=1e-6)
        usual = FINDER.find(landscape, points[0], points[1], seed=int(database.paths["seed"][0]))
        same = (database.paths["profile"].values[0] == usual.profile).all()
        assert same == (curves != "float16")
        # The store says how curves are kept from now on; only what rounds them is another search.
        assert connect_minima(database, landscape, FINDER, [(0, 1), (0, 2)]).n_searched == 1
        again = connect_minima(database, landscape, FINDER, [(0, 1)], curves="float16")
        assert again.n_searched == (curves != "float16")
        assert database.paths["coefficients"].dtype == curves
    assert verify_store(tmp_path / "a") == ()
    with open_database(tmp_path / "a", "a") as database:
        connect_minima(database, landscape, FINDER, [(1, 2)])
        assert_heights_come_out_again(database, landscape)


@pytest.mark.parametrize("given", [{"curves": "none"}, {"keep_curve": False}])
def test_no_curve_is_kept_where_none_is_wanted(landscape, points, given):
    with filled(landscape, points) as database:
        connect_minima(database, landscape, FINDER, [(0, 1)], measure_on=["test"], **given)
        assert "coefficients" not in database.paths
        assert stored_path(database, 0) is None
        assert connect_minima(database, landscape, FINDER, [(0, 1)]).n_searched == 0


@pytest.mark.parametrize(
    ("stored", "given", "problem"),
    [
        ("float32", "float64", "given 'float64', the store has the coefficients of its paths as float32"),
        ("float16", "float32", "given 'float32', the store has the coefficients of its paths as float16"),
        ("float32", "float16", None),
        ("float64", "float32", None),
        ("float32", "float8", "given 'float8', allowed: 'float16', 'float32', 'float64', 'none' or None"),
    ],
)
def test_a_dtype_that_the_store_cannot_hold_is_refused(landscape, points, stored, given, problem):
    with filled(landscape, points) as database:
        connect_minima(database, landscape, FINDER, [(0, 1)], curves=stored)
        if problem is not None:
            with pytest.raises(ValueError, match=f"curves: {problem}"):
                connect_minima(database, landscape, FINDER, [(0, 2)], curves=given)
            return
        connect_minima(database, landscape, FINDER, [(0, 2)], curves=given)
        assert database.paths["coefficients"].dtype == stored
        assert_heights_come_out_again(database, landscape)


class Far(PathFinder):
    """A path whose coefficients are beyond float16."""

    name = "far"

    def find(self, landscape, start, end, seed=0):
        found = FINDER.find(landscape, start, end, seed)
        found.path.coefficients.fill_(1e6)
        return found


def test_coefficients_that_do_not_fit_fail_their_search_only(landscape, points):
    with filled(landscape, points) as database:
        report = connect_minima(database, landscape, Far(), [(0, 1)], curves="float16")
        assert report.n_failed == 1
        assert "coefficients up to 1e+06 given, float16 cannot hold them" in str(database.paths["message"].values[0])


def test_rows_of_a_worker_come_with_their_curves(tmp_path, landscape, points):
    with filled(landscape, points) as database:
        plan = plan_searches(database, FINDER, [(0, 1), (2, 3)], surface="train", measure_on=["test"], align="weights")
        rows = [performed(task.loaded(), landscape) for task in plan.tasks]
    for k, part in enumerate(rows):
        save_rows(tmp_path / f"{k}.npz", part)
    read = [load_rows(tmp_path / f"{k}.npz") for k in range(2)]
    together = joined(read)
    assert together.curves["path"].tolist() == [0, 2]
    assert together.paths["curve"].tolist() == [-1, 0, -1, 2]
    for k in range(2):
        for name in ("coefficients", "renaming"):
            np.testing.assert_array_equal(together.curves[name][k], rows[k].curves[name][0])


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_merging_keeps_curves_with_the_paths_that_name_them(tmp_path, landscape, points, order):
    dtypes = {"a": "float16", "b": "float32"}
    for name, pairs, measure_on in (("a", [(0, 1), (2, 3)], ["test"]), ("b", [(1, 2), (0, 1), (0, 4)], [])):
        with filled(landscape, points, tmp_path / name) as database:
            searched = {"measure_on": measure_on, "curves": dtypes[name]}
            connect_minima(database, landscape, FINDER, pairs[:1], align="weights", **searched)
            other = FourierPathFinder(n_points=5, n_steps=3, tolerance=None)
            connect_minima(database, landscape, other, pairs[1:], measure_on=["test"], curves=dtypes[name])
    report = merge_databases([tmp_path / name for name in order], tmp_path / "both")
    assert report.n_minima == 5
    assert verify_store(tmp_path / "both") == ()
    with open_database(tmp_path / "both") as database:
        table = database.paths
        assert table["coefficients"].dtype == "float32"
        assert_heights_come_out_again(database, landscape)
        curve, ends = table["curve"].values, np.array([table[name].values for name in ("source", "target")])
        assert (ends[:, curve >= 0] == ends[:, curve[curve >= 0]]).all()
        assert (table["finder"].values[curve >= 0] == table["finder"].values[curve[curve >= 0]]).all()
        assert (curve >= 0).any()


def test_rows_that_are_known_already_hold_the_curves_of_those_that_are_not(tmp_path, landscape, points):
    for name, measure_on in (("a", []), ("b", ["test"])):
        with filled(landscape, points, tmp_path / name) as database:
            connect_minima(database, landscape, FINDER, [(2, 3)][: name == "b"], align="weights")
            connect_minima(database, landscape, FINDER, [(0, 1)], measure_on=measure_on, align="weights")
    report = merge_databases([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    assert report.n_known_paths == 1
    with open_database(tmp_path / "both") as database:
        assert database.paths["curve"].values.tolist() == [-1, -1, 0]
        assert_heights_come_out_again(database, landscape)


def test_renamed_units_say_that_a_path_joins_isomers_where_nothing_else_does(landscape, points):
    with filled(landscape, points) as database:
        paths = {"source": [0] * 4, "target": [1] * 4, "surface": "train", "height": [np.inf] * 4}
        renaming = [None, [1, 2, 3, 4, 1, 2], [2, 1, 3, 4, 1, 2], None]
        database.add(paths=paths | {"renaming": renaming, "curve": [-1, -1, -1, 2]})
        assert joins_isomers(database).tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("curve", 99, "an id outside -1 to 3 in 1 row, first in row 1"),
        ("curve", 2, "the id of a path between other ends in 1 row, first in row 1"),
        ("curve", 1, "the id of a path that has no curve of its own in 1 row, first in row 1"),
        ("renaming", [1, 1, 3, 4, 1, 2], "no signed permutation of each group of units in 1 row, first in row 1"),
        ("renaming", [2, 1, 3, -4, 2, 3], "no signed permutation of each group of units in 1 row, first in row 1"),
    ],
)
def test_verify_finds_damaged_curves(tmp_path, landscape, points, column, value, problem):
    with filled(landscape, points, tmp_path / "a") as database:
        connect_minima(database, landscape, FINDER, [(0, 1), (2, 3)], measure_on=["test"], align="weights")
    zarr.open_array(tmp_path / "a" / "paths" / column, mode="r+")[1] = value
    assert [(finding.where, finding.problem) for finding in verify_store(tmp_path / "a")] == [
        (f"paths.{column}", problem)
    ]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"renaming": [[2, 1, 3]]}, r"paths.renaming: expected shape \(1, 6\) for \(path, unit\), got \(1, 3\)"),
        ({"curve": [5]}, "paths.curve: row 0 has id 5; ids from -1 to 2 are allowed"),
        ({"coefficients": [np.zeros((1, 3))]}, "paths.coefficients: expected shape"),
    ],
)
def test_columns_of_curves_are_checked(landscape, points, columns, problem):
    with filled(landscape, points) as database:
        connect_minima(database, landscape, FINDER, [(0, 1)], measure_on=["test"], align="weights")
        with pytest.raises(ValueError, match=problem):
            database.add(paths={"source": [0], "target": [1], "surface": "train", "height": [np.inf]} | columns)
