"""The database: what goes in comes out."""

import json
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
import zarr
from stores import SURFACES, filled, make, minima, same

from elsuite import open_database
from elsuite.database import Added, LandscapeDatabase, describe, verify_store


@pytest.fixture(scope="module")
def shared():
    """A database that no test changes."""
    return filled()


def test_a_database_on_disk_equals_one_in_memory(tmp_path):
    memory = filled()
    with filled(tmp_path / "a.elsuite") as disk:
        assert same(memory, disk)
    with open_database(tmp_path / "a.elsuite") as reader:
        assert same(memory, reader)
        assert reader.attributes["study"] == "seed = 1"
        assert (reader.n_runs, reader.n_minima, reader.n_paths) == (2, 3, 2)
        assert (reader.n_parameters, reader.surfaces, reader.path) == (3, SURFACES, tmp_path / "a.elsuite")


def test_values():
    database = filled()
    np.testing.assert_array_equal(database.runs.curves, [[[3, 2, 1], [3, 2.5, np.nan]], np.full((2, 3), np.nan)])
    np.testing.assert_array_equal(database.minima.energy.sel(surface="test"), [1.0, 1.1, 1.2])
    np.testing.assert_array_equal(database.paths.profile, [[0.1, 0.5, 0.2], [np.nan] * 3])
    np.testing.assert_array_equal(database.paths.coefficients[1], np.ones((2, 3)))
    assert np.isnan(database.paths.coefficients[0]).all()
    assert database.paths["kind"].values.tolist() == ["path", "path"]
    assert database.minima["epoch"].values.tolist() == [-1, -1, -1]
    assert database.runs["start"].values.tolist() == [-1, -1]
    assert database.paths["seed"].dtype == np.int64
    assert database.runs["key"].dtype == np.uint64
    assert database.minima.minimum.values.tolist() == [0, 1, 2]
    assert database.minima.surface.values.tolist() == ["train", "test"]
    assert "coordinates" not in database.paths


def test_ids_count_up_and_rows_in_one_call_may_refer_to_each_other():
    database = make()
    first = database.add(runs=[{"seed": 1}], minima=minima(2) | {"run": 0}, paths=[])
    second = database.add(
        runs=[{"start": 2, "end": 0}],
        minima=minima(1) | {"run": 1},
        paths=[{"source": 2, "target": 0, "surface": "train", "height": 1.0}],
    )
    for added, expected in ((first, ([0], [0, 1], [])), (second, ([1], [2], [0]))):
        assert isinstance(added, Added)
        for ids, want in zip((added.runs, added.minima, added.paths), expected, strict=True):
            assert ids.dtype == np.int64
            assert ids.tolist() == want


def test_columns_and_rows_are_two_ways_to_say_the_same():
    by_rows, by_columns = make(), make()
    by_rows.add(
        minima=[
            {"energy": {"train": 1.0, "test": 2.0}, "set": "a", "fvib": 1, "coordinates": [1, 2, 3]},
            {"energy": [3.0, 4.0], "coordinates": [4, 5, 6]},
        ]
    )
    by_columns.add(
        minima={
            "energy": [[1.0, 2.0], [3.0, 4.0]],
            "set": ["a", None],
            "fvib": [1, None],
            "coordinates": [[1, 2, 3], [4, 5, 6]],
        }
    )
    assert same(by_rows, by_columns)


def test_one_value_stands_for_every_row():
    database = make()
    database.add(minima=minima(3) | {"set": "sgd/train", "epoch": 4})
    assert database.minima["set"].values.tolist() == ["sgd/train"] * 3
    assert database.minima["epoch"].values.tolist() == [4] * 3


def test_further_columns_reach_back_with_the_fill_value():
    database = make()
    database.add(minima=minima(1))
    database.add(minima=minima(2) | {"fvib": [0.5, 1.5], "order": [2, 4], "note": ["x", "y"]})
    database.add(minima=minima(1))
    np.testing.assert_array_equal(database.minima.fvib, [np.nan, 0.5, 1.5, np.nan])
    assert database.minima.order.values.tolist() == [-1, 2, 4, -1]
    assert database.minima.note.values.tolist() == ["", "x", "y", ""]


def test_longer_curves_profiles_and_expansions_widen_their_arrays():
    database = make()
    database.add(minima=minima(1), runs={"curves": np.ones((2, 2, 3))})
    long = np.arange(2 * 600.0).reshape(1, 2, 600)
    database.add(runs={"curves": long})
    path = {"source": 0, "target": 0, "surface": "train", "height": 1.0}
    for n_terms in (2, 5, 1):
        database.add(paths=[path | {"coefficients": np.full((n_terms, 3), n_terms), "profile": [0.5] * 70 * n_terms}])
    assert database.runs.curves.shape == (3, 2, 600)
    np.testing.assert_array_equal(database.runs.curves[2], long[0])
    assert np.isnan(database.runs.curves[:2, :, 3:]).all()
    assert database.paths.coefficients.shape == (3, 5, 3)
    assert np.isfinite(database.paths.coefficients).sum(("term", "parameter")).values.tolist() == [6, 15, 3]
    assert np.isfinite(database.paths.profile).sum("point").values.tolist() == [140, 350, 70]


@pytest.mark.parametrize("ids", [[0], [2, 0], [1, 1, 0, 1], [], np.array([2], dtype=np.uint8), 1, range(3)], ids=repr)
def test_coordinates_by_id(ids, shared):
    points = shared.coordinates(ids)
    np.testing.assert_array_equal(points, np.arange(9.0).reshape(3, 3)[np.atleast_1d(ids).astype(int)])
    assert points.dtype == np.float32


@pytest.mark.parametrize(
    "index",
    [0, slice(None), slice(1, None), slice(None, None, -1), slice(2, 0, -1), [2, 0], [], np.array([True, False, True])],
    ids=repr,
)
@pytest.mark.parametrize("name", ["coordinates", "energy", "set"])
def test_lazy_columns_are_indexed_like_arrays(index, name, shared):
    minima = shared.minima
    np.testing.assert_array_equal(minima[name][index].values, minima[name].values[index])


def test_lazy_columns_stop_at_the_pointer(tmp_path):
    with filled(tmp_path / "a") as database:
        assert zarr.open_array(tmp_path / "a/minima/energy", mode="r").shape[0] > 3
        assert database.minima.coordinates.values.shape == (3, 3)
        assert database.minima.coordinates[-1].values.tolist() == [6, 7, 8]
        assert database.paths.profile[:, ::-1].values.shape == (2, 3)


def test_vectorized_indexing(shared):
    minima = shared.minima
    picked = minima.coordinates.isel(minimum=xr.DataArray([0, 2], dims="k"), parameter=xr.DataArray([1, 0], dims="k"))
    assert picked.values.tolist() == [1.0, 6.0]


def test_what_is_read_can_be_changed_without_harm():
    database = filled()
    energy = database.minima.energy.values
    energy -= 100
    database.minima["set"].values[:] = "x"
    assert database.minima.energy.values.min() == 0.1
    assert database.minima["set"].values[0] == "sgd/train"
    attributes = database.attributes
    attributes["versions"].clear()
    assert database.attributes["versions"]


def test_attributes_are_set_in_the_same_commit():
    database = make(attributes={"study": "a", "finders": {"x": {"points": [1, 2]}}})
    assert database.attributes["format_version"] == 1
    assert database.attributes["created"].endswith("+00:00")
    assert {"numpy", "zarr", "elsuite"} <= database.attributes["versions"].keys()
    database.add(attributes={"study": "b", "n": (1, 2)})
    assert database.attributes["study"] == "b"
    assert database.attributes["n"] == [1, 2]
    assert database.attributes["finders"] == {"x": {"points": [1, 2]}}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_of_the_coordinates(dtype):
    database = make(dtype=dtype)
    database.add(minima={"coordinates": np.full((1, 3), 0.1), "energy": [[0, 0]]})
    assert database.coordinates([0]).dtype == dtype
    assert database.coordinates([0])[0, 0] == np.dtype(dtype).type(0.1)


def test_a_database_without_coordinates(tmp_path):
    with make(tmp_path / "a", n_parameters=0, surfaces=["energy"]) as database:
        database.add(minima={"energy": [[1.0], [2.0]]}, paths={"source": [0], "target": [1], "height": [3.0]})
        assert database.coordinates([0, 1]).shape == (2, 0)
        assert database.paths.surface.values.tolist() == ["energy"]
    assert verify_store(tmp_path / "a") == ()
    with open_database(tmp_path / "a") as database:
        assert database.minima.coordinates.shape == (2, 0)


def test_many_rows_over_several_blocks(tmp_path):
    n = 20_000
    with make(tmp_path / "a", n_parameters=1) as database:
        for start in (0, 8_192, 8_193):
            stop = {0: 8_192, 8_192: 8_193, 8_193: n}[start]
            ids = np.arange(start, stop)
            database.add(minima={"energy": np.column_stack([ids, -ids]), "coordinates": ids[:, None], "epoch": ids})
    with open_database(tmp_path / "a") as database:
        np.testing.assert_array_equal(database.minima.energy[:, 1], -np.arange(n))
        np.testing.assert_array_equal(database.minima.epoch, np.arange(n))
        np.testing.assert_array_equal(database.coordinates([19_999, 0, 8_192])[:, 0], [19_999, 0, 8_192])


def curves(n, **more):
    return {"source": [0], "target": [1], "height": [2.0], "profile": np.full((1, n), 1.0), **more}


WIDTHS = [([7], [5]), ([5], [7]), ([5, 9], [7]), ([], [4])]
"""Points of the profiles of paths without a metric, then of those with one."""


@pytest.mark.parametrize(("without", "with_one"), WIDTHS)
def test_arrays_of_one_dim_are_equally_long(without, with_one, tmp_path):
    with LandscapeDatabase.create(tmp_path / "a", n_parameters=0, surfaces=["energy"]) as database:
        database.add(minima={"energy": [[0.0], [1.0]]})
        for n in without:
            database.add(paths=curves(n))
        for n in with_one:
            database.add(paths=curves(n, profile_accuracy=np.full((1, n), 0.5)))
        assert database.paths.profile_accuracy.shape == database.paths.profile.shape
    assert verify_store(tmp_path / "a") == ()
    longest = max(without + with_one)
    for paths in (open_database(tmp_path / "a").paths, xr.open_zarr(tmp_path / "a", group="paths", consolidated=False)):
        expected = np.full((len(without) + 1, longest), np.nan)
        expected[-1, : with_one[0]] = 0.5
        np.testing.assert_array_equal(paths.profile_accuracy, expected)


KEYS = [
    (slice(None), slice(None)),
    (1, slice(None)),
    (slice(None), 6),
    (1, 5),
    ([1, 0], [6, 1]),
    (slice(1), slice(4, 7)),
]


@pytest.mark.parametrize("key", KEYS)
def test_an_array_that_a_killed_writer_did_not_lengthen_is_read(key, tmp_path):
    with LandscapeDatabase.create(tmp_path / "a", n_parameters=0, surfaces=["energy"]) as database:
        database.add(minima={"energy": [[0.0], [1.0]]})
        database.add(paths=curves(5, profile_accuracy=np.full((1, 5), 0.5)))
        database.add(paths=curves(5, profile_accuracy=np.full((1, 5), 0.25)))
    zarr.open_array(tmp_path / "a" / "paths" / "profile").resize((2, 7))
    whole = np.full((2, 7), np.nan)
    whole[:, :5] = [[0.5], [0.25]]
    array = open_database(tmp_path / "a").paths.profile_accuracy
    assert array.shape == (2, 7)
    expected = whole[np.ix_(*key)] if isinstance(key[0], list) else whole[key]
    np.testing.assert_array_equal(array[key], expected)
    with open_database(tmp_path / "a", "a") as database:
        database.add(paths=curves(6))
        assert database.paths.profile_accuracy.shape == (3, 7)


def test_describe():
    facts = describe(filled())
    assert facts["sets"] == {"sgd/test": 1, "sgd/train": 2}
    assert (facts["n_runs"], facts["n_minima"], facts["n_paths"], facts["n_parameters"]) == (2, 3, 2, 3)
    assert facts["surfaces"] == ["train", "test"]
    assert facts["finders"] == {"": 1, "fourier": 1}
    assert facts["n_stationary"] == {"count": 2, "tolerance": 1e-3, "unknown": 0}
    assert facts["outcomes"] == {"runs": {"": 2}, "minima": {"": 3}, "paths": {"": 2}}
    assert json.loads(json.dumps(facts)) == facts
    assert describe(make())["sets"] == {}


@pytest.mark.parametrize(
    ("norms", "count", "unknown"), [([], 0, 0), ([None, None], None, 2), ([1e-4, None, 1.0], 1, 1)]
)
def test_gradient_norms_that_are_not_known_are_not_counted_as_large(norms, count, unknown):
    database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    if norms:
        database.add(minima=[{"energy": [0.0], "gradient_norm": norm} for norm in norms])
    assert describe(database)["n_stationary"] == {"count": count, "tolerance": 1e-3, "unknown": unknown}


def test_importing_the_database_loads_no_torch_and_reading_no_dask(tmp_path):
    filled(tmp_path / "a").close()
    script = f"""
import sys
from elsuite.database import describe, open_database
describe(open_database({str(tmp_path / "a")!r}))
print([name for name in ("torch", "matplotlib", "dask.array", "networkx") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
