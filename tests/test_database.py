"""The database: what goes in comes out, what may not go in is refused in one clear line."""

import contextlib
import errno
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import strategies
import xarray as xr
import zarr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from zarr.storage import LocalStore

from elsuite import LandscapeDatabase, open_database
from elsuite.database import Added, Finding, describe, verify_store
from elsuite.schema import (
    FILL,
    TABLES,
    DamagedStoreError,
    LockedError,
    NewerFormatError,
    NotAStoreError,
    NotFoundError,
    StoreAccessError,
    StoreError,
    StoreExistsError,
)

SURFACES = strategies.SURFACES
# Shrinking would take minutes: every step writes files.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]


def make(path=None, **options):
    return LandscapeDatabase.create(path, **({"n_parameters": 3, "surfaces": SURFACES} | options))


def minima(n_rows):
    """Minima at the origin, with energy zero."""
    return {"energy": np.zeros((n_rows, 2)), "coordinates": np.zeros((n_rows, 3))}


def filled(path=None):
    """Two runs, three minima, two paths."""
    database = make(path, attributes={"study": "seed = 1"})
    database.add(
        runs=[
            {
                "seed": 7,
                "minimizer": "sgd",
                "key": 11,
                "curves": {"train": [3.0, 2.0, 1.0], "test": [3.0, 2.5]},
            },
            {"seed": 8, "minimizer": "sgd", "key": 12, "curves": None},
        ],
        minima={
            "coordinates": np.arange(9.0).reshape(3, 3),
            "energy": {"train": [0.1, 0.2, 0.3], "test": [1.0, 1.1, 1.2]},
            "set": ["sgd/train", "sgd/test", "sgd/train"],
            "run": [0, 0, 1],
            "gradient_norm": [1e-4, 1e-2, 1e-9],
        },
        paths=[
            {
                "source": 0,
                "target": 1,
                "surface": "train",
                "height": 0.5,
                "profile": [0.1, 0.5, 0.2],
                "finder": "fourier",
            },
            {"source": 0, "target": 1, "surface": "test", "height": 2.0, "coefficients": np.ones((2, 3))},
        ],
    )
    return database


@pytest.fixture(scope="module")
def shared():
    """A database that no test changes."""
    return filled()


def same(a, b):
    """Whether two databases hold the same tables, every variable and attribute."""
    return all(getattr(a, name).identical(getattr(b, name)) for name in TABLES)


# What goes in comes out


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
    np.testing.assert_array_equal(
        database.runs.curves, [[[3, 2, 1], [3, 2.5, np.nan]], np.full((2, 3), np.nan)]
    )
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
        database.add(
            paths=[path | {"coefficients": np.full((n_terms, 3), n_terms), "profile": [0.5] * 70 * n_terms}]
        )
    assert database.runs.curves.shape == (3, 2, 600)
    np.testing.assert_array_equal(database.runs.curves[2], long[0])
    assert np.isnan(database.runs.curves[:2, :, 3:]).all()
    assert database.paths.coefficients.shape == (3, 5, 3)
    assert np.isfinite(database.paths.coefficients).sum(("term", "parameter")).values.tolist() == [6, 15, 3]
    assert np.isfinite(database.paths.profile).sum("point").values.tolist() == [140, 350, 70]


@pytest.mark.parametrize(
    "ids", [[0], [2, 0], [1, 1, 0, 1], [], np.array([2], dtype=np.uint8), 1, range(3)], ids=repr
)
def test_coordinates_by_id(ids, shared):
    points = shared.coordinates(ids)
    np.testing.assert_array_equal(points, np.arange(9.0).reshape(3, 3)[np.atleast_1d(ids).astype(int)])
    assert points.dtype == np.float32


@pytest.mark.parametrize(
    "index",
    [
        0,
        slice(None),
        slice(1, None),
        slice(None, None, -1),
        slice(2, 0, -1),
        [2, 0],
        [],
        np.array([True, False, True]),
    ],
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
    picked = minima.coordinates.isel(
        minimum=xr.DataArray([0, 2], dims="k"), parameter=xr.DataArray([1, 0], dims="k")
    )
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
            database.add(
                minima={"energy": np.column_stack([ids, -ids]), "coordinates": ids[:, None], "epoch": ids}
            )
    with open_database(tmp_path / "a") as database:
        np.testing.assert_array_equal(database.minima.energy[:, 1], -np.arange(n))
        np.testing.assert_array_equal(database.minima.epoch, np.arange(n))
        np.testing.assert_array_equal(database.coordinates([19_999, 0, 8_192])[:, 0], [19_999, 0, 8_192])


# What may not go in


BAD = {
    "unknown surface in a mapping": ("minima", [{"energy": {"vrain": 1.0}, "coordinates": [0, 0, 0]}], "no surface 'vrain'; the surfaces are train, test"),
    "energy misses a surface": ("minima", minima(2) | {"energy": [[1.0], [2.0]]}, r"minima.energy: expected shape \(2, 2\) for \(minimum, surface\), got \(2, 1\)"),
    "no energy": ("minima", {"coordinates": np.zeros((1, 3))}, "minima.energy is missing; minima need energy, coordinates"),
    "coordinates too long": ("minima", {"energy": np.zeros((2, 2)), "coordinates": np.zeros((2, 4))}, r"minima.coordinates: expected shape \(2, 3\) for \(minimum, parameter\), got \(2, 4\)"),
    "coordinates too few": ("minima", {"energy": np.zeros((2, 2)), "coordinates": np.zeros((1, 3))}, r"minima.coordinates: expected shape \(2, 3\)"),
    "columns of different length": ("minima", minima(2) | {"set": ["a"]}, r"minima.set: expected shape \(2\) for \(minimum\), got \(1,\)"),
    "no coordinates": ("minima", {"energy": np.zeros((1, 2))}, "minima.coordinates is missing"),
    "one row without coordinates": ("minima", {"energy": np.zeros((2, 2)), "coordinates": [[1, 2, 3], None]}, "minima.coordinates: expected float32"),
    "ragged coordinates": ("minima", {"energy": np.zeros((2, 2)), "coordinates": [[1, 2, 3], [1, 2]]}, "minima.coordinates: expected float32"),
    "a float as an integer": ("minima", minima(1) | {"epoch": [1.5]}, "minima.epoch: expected int64.*float64"),
    "text as a number": ("minima", minima(1) | {"gradient_norm": ["x"]}, "minima.gradient_norm: expected float64"),
    "a number as text": ("minima", minima(1) | {"set": [3]}, "minima.set: expected strings, got 3"),
    "a negative key": ("minima", minima(1) | {"key": [-1]}, "minima.key: expected uint64"),
    "a huge integer": ("minima", minima(1) | {"epoch": [2**70]}, "minima.epoch: expected int64"),
    "a huge unsigned integer": ("minima", minima(1) | {"epoch": np.array([2**63], dtype=np.uint64)}, "minima.epoch: expected int64"),
    "complex numbers": ("minima", minima(1) | {"fvib": [1j]}, "minima.fvib: dtype complex128 is not allowed"),
    "a further column with two dims": ("minima", minima(1) | {"x": [[1, 2]]}, r"minima.x: expected shape \(1\) for \(minimum\), got \(1, 2\)"),
    "a bad column name": ("minima", minima(1) | {"a/b": [1]}, "column name 'a/b'"),
    "a run that is not there": ("minima", minima(1) | {"run": [2]}, r"minima.run: row 0 has id 2; ids from -1 to 1 are allowed \(2 runs\)"),
    "a start that is not there": ("runs", {"start": [3]}, "runs.start: row 0 has id 3; ids from -1 to 2"),
    "a source that is not there": ("paths", {"source": [0, 5], "target": 0, "height": 9.0, "surface": "train"}, "paths.source: row 1 has id 5; ids from 0 to 2"),
    "a missing target": ("paths", {"source": [0], "target": [None], "height": [9.0], "surface": "train"}, "paths.target: row 0 has id -1"),
    "no source": ("paths", [{"target": 0, "height": 9.0}], "paths.source is missing; paths need source, target, height"),
    "no surface of two": ("paths", [{"source": 0, "target": 0, "height": 9.0}], "paths.surface is missing; the surfaces are train, test"),
    "unknown surface": ("paths", [{"source": 0, "target": 0, "height": 9.0, "surface": "x"}], "paths.surface: no surface 'x'"),
    "unknown kind": ("paths", [{"source": 0, "target": 0, "height": 9.0, "surface": "train", "kind": "saddle"}], "paths.kind: 'saddle' given, path or transition_state allowed"),
    "a height under its end": ("paths", [{"source": 0, "target": 2, "height": 0.29, "surface": "train"}], "paths.height: row 0 has .*0.29.*, under the energy .*0.3.* of its target on surface 'train'"),
    "a refined height under its end": ("paths", [{"source": 2, "target": 0, "height": 0.3, "refined_height": 0.2, "surface": "train"}], "paths.refined_height: row 0"),
    "coefficients of the wrong length": ("paths", [{"source": 0, "target": 0, "height": 9.0, "surface": "train", "coefficients": np.ones((2, 4))}], r"paths.coefficients: expected shape \(1, any term, 3\)"),
    "a known key": ("runs", {"key": np.array([3, 12], dtype=np.uint64)}, "runs.key: 12 is in the database already"),
    "a key given twice": ("runs", {"key": np.array([3, 3], dtype=np.uint64)}, "runs.key: 3 is given twice"),
    "nothing row by row": ("runs", {"minimizer": "sgd"}, "no column with one value a row"),
    "a number": ("runs", 3, "runs: expected a mapping of columns or a sequence of rows, got int"),
    "a list of numbers": ("runs", [1, 2], "runs: expected a mapping of columns or a sequence of rows"),
    "curves of one surface only": ("runs", {"curves": np.zeros((1, 1, 4))}, r"runs.curves: expected shape \(1, 2, any epoch\)"),
    "curves of words": ("runs", {"curves": [[["a"], ["b"]]]}, "runs.curves: expected numbers"),
    "a profile with two dims": ("paths", {"source": [0], "target": [0], "height": [9.0], "surface": "train", "profile": np.zeros((1, 2, 2))}, "paths.profile: expected shape"),
}  # fmt: skip


@pytest.mark.parametrize(("table", "rows", "message"), BAD.values(), ids=list(BAD))
def test_bad_input_is_refused_and_changes_nothing(table, rows, message, shared):
    before = shared.attributes, [getattr(shared, name).copy() for name in TABLES]
    with pytest.raises(ValueError, match=message) as caught:
        shared.add(**{table: rows})
    assert "\n" not in str(caught.value)
    after = shared.attributes, [getattr(shared, name) for name in TABLES]
    assert before[0] == after[0]
    assert all(a.identical(b) for a, b in zip(before[1], after[1], strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"surfaces": []}, "surfaces: expected one or more different names"),
        ({"surfaces": "train"}, "surfaces: expected one or more different names, got 'train'"),
        ({"surfaces": ["a", "a"]}, "surfaces: expected one or more different names"),
        ({"surfaces": ["a", 1]}, "surfaces: expected names"),
        ({"n_parameters": -1}, "n_parameters: expected a whole number from 0, got -1"),
        ({"n_parameters": 2.5}, "n_parameters: expected a whole number"),
        ({"dtype": "float16"}, "dtype: expected float32 or float64, got 'float16'"),
        ({"attributes": {"format": "x"}}, "attribute 'format' is written by the database itself"),
        (
            {"path": "s3://bucket/a.elsuite"},
            "s3://bucket/a.elsuite: only folders on a file system are supported",
        ),
    ],
)
def test_bad_arguments_of_create(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_rounding_is_no_height_under_an_end():
    database = filled()
    database.add(paths=[{"source": 0, "target": 2, "height": 0.3 - 1e-7, "surface": "train"}])
    database.add(paths=[{"source": 0, "target": 2, "height": np.nan, "surface": "train"}])


def test_parallel_paths_and_self_paths_and_zero_keys_are_legal():
    database = filled()
    database.add(paths=[{"source": 0, "target": 0, "height": 9.0, "surface": "train", "key": 0}] * 3)
    assert database.n_paths == 5


@pytest.mark.parametrize("ids", [[3], [-1], [0, 99]])
def test_ids_that_are_no_minimum(ids):
    with pytest.raises(NotFoundError, match=rf"no minimum {ids[-1]}; the database has minima 0 to 2"):
        filled().coordinates(ids)
    with pytest.raises(NotFoundError, match="the database has no minima"):
        make().coordinates(ids)


@pytest.mark.parametrize("ids", [[0.0], ["a"], [True], [[0]]])
def test_ids_that_are_no_whole_numbers(ids, shared):
    with pytest.raises(ValueError, match="ids: expected whole numbers of shape"):
        shared.coordinates(ids)


# Opening


def test_a_stranger_sees_exactly_the_rows_after_a_clean_close(tmp_path):
    filled(tmp_path / "a").close()
    sizes = {"runs": ("run", 2), "minima": ("minimum", 3), "paths": ("path", 2)}
    tree = xr.open_datatree(tmp_path / "a", engine="zarr", consolidated=False)
    assert tree.attrs["format"] == "elsuite-landscape"
    assert tree.attrs["Conventions"].startswith("CF-")
    for name, (dim, n_rows) in sizes.items():
        table = xr.open_zarr(tmp_path / "a", group=name, consolidated=False).load()
        assert table.sizes[dim] == n_rows
        assert tree[name].sizes[dim] == n_rows
        assert all(variable.attrs["long_name"] for variable in table.variables.values())
        with open_database(tmp_path / "a") as database:
            own = getattr(database, name)
            for column in own.data_vars:
                np.testing.assert_array_equal(
                    table[column].values.astype(own[column].dtype), own[column].values
                )
                assert table[column].attrs == own[column].attrs
    assert table["seconds"].attrs["units"] == "s"
    assert xr.open_zarr(tmp_path / "a", group="minima", consolidated=False).surface.values.tolist() == [
        "train",
        "test",
    ]


def test_chunks_lie_in_one_folder_an_array(tmp_path):
    filled(tmp_path / "a").close()
    assert not [item for item in (tmp_path / "a").glob("*/*/*") if item.is_dir()]
    document = json.loads((tmp_path / "a/minima/coordinates/zarr.json").read_text())
    assert document["codecs"] == [{"name": "bytes", "configuration": {"endian": "little"}}]


def test_a_reader_sees_new_commits_after_refresh(tmp_path):
    with filled(tmp_path / "a") as writer, open_database(tmp_path / "a") as reader:
        before = reader.minima
        writer.add(
            minima={"energy": np.ones((1, 2)), "coordinates": np.ones((1, 3)), "fvib": [1.0]},
            attributes={"n": 1},
        )
        assert reader.n_minima == 3
        assert "fvib" not in reader.minima
        reader.refresh()
        assert reader.n_minima == 4
        assert reader.attributes["n"] == 1
        np.testing.assert_array_equal(reader.minima.fvib, [np.nan, np.nan, np.nan, 1.0])
        assert before.energy.shape == before.energy.values.shape == (3, 2)
        assert same(reader, writer)


def test_reading_creates_no_file_and_opening_reads_no_coordinates(tmp_path, monkeypatch):
    filled(tmp_path / "a").close()
    read = []
    plain = LocalStore.get

    async def get(self, key, *args, **kwargs):
        read.append(key)
        return await plain(self, key, *args, **kwargs)

    monkeypatch.setattr(LocalStore, "get", get)
    before = sorted((item, item.stat().st_mtime_ns) for item in (tmp_path / "a").rglob("*"))
    with open_database(tmp_path / "a") as database:
        for name in TABLES:
            getattr(database, name)
        assert not [key for key in read if "/c." in key]
        database.coordinates([0])
        assert [key for key in read if "/c." in key] == ["minima/coordinates/c.0.0"]
    assert sorted((item, item.stat().st_mtime_ns) for item in (tmp_path / "a").rglob("*")) == before


def test_coordinates_read_only_their_chunks(tmp_path, monkeypatch):
    n = 100_000
    with make(tmp_path / "a", n_parameters=n) as database:
        database.add(
            minima={"energy": np.zeros((7, 2)), "coordinates": np.repeat(np.arange(7.0)[:, None], n, axis=1)}
        )
        read = []
        plain = LocalStore.get

        async def get(self, key, *args, **kwargs):
            read.append(key)
            return await plain(self, key, *args, **kwargs)

        monkeypatch.setattr(LocalStore, "get", get)
        points = database.coordinates([5, 0, 5])
        assert points[:, 0].tolist() == [5, 0, 5]
        assert sorted(set(read)) == ["minima/coordinates/c.0.0", "minima/coordinates/c.2.0"]


def test_what_is_no_store(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    zarr.create_group(tmp_path / "other.zarr")
    filled(tmp_path / "good.elsuite").close()
    cases = [
        ("nothing", NotFoundError, "no database at .*nothing; .* has good.elsuite, other.zarr"),
        ("file", NotAStoreError, "file is a file; a landscape database is a folder"),
        ("folder", NotAStoreError, "folder is no landscape database: it has no zarr.json"),
        ("other.zarr", NotAStoreError, "other.zarr is a zarr store, and no landscape database"),
        ("good.elsuite/minima", NotAStoreError, "minima is a zarr store, and no landscape database"),
    ]
    for name, error, message in cases:
        for mode in ("r", "a"):
            with pytest.raises(error, match=message) as caught:
                open_database(tmp_path / name, mode)
            assert "\n" not in str(caught.value)
        assert not (tmp_path / name / ".lock").exists()
    with pytest.raises(ValueError, match="no URLs"):
        open_database("https://example.org/a.elsuite")
    with pytest.raises(ValueError, match="mode: expected 'r' or 'a', got 'w'"):
        open_database(tmp_path / "good.elsuite", "w")


def edit_root(path, **changes):
    file = path / "zarr.json"
    document = json.loads(file.read_text())
    document["attributes"].update(changes)
    file.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"format_version": 2}, NewerFormatError, "has format version 2; this program reads up to 1: install a newer elsuite"),
        ({"format": "other"}, NotAStoreError, "no landscape database"),
        ({"format_version": "1"}, DamagedStoreError, "format_version is '1'"),
        ({"n_minima": -1}, DamagedStoreError, "n_minima is -1"),
        ({"n_paths": None}, DamagedStoreError, "n_paths is None"),
        ({"surfaces": []}, DamagedStoreError, "surfaces are"),
        ({"n_minima": 10**6}, DamagedStoreError, "minima/.* has 3 rows, the root says 1000000"),
    ],
)  # fmt: skip
def test_roots_that_are_wrong(tmp_path, changes, error, message):
    filled(tmp_path / "a").close()
    edit_root(tmp_path / "a", **changes)
    for mode in ("r", "a"):
        with pytest.raises(error, match=message):
            open_database(tmp_path / "a", mode)
    assert not (tmp_path / "a/.lock").exists()


def test_nothing_is_created_where_something_is(tmp_path):
    filled(tmp_path / "a").close()
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/thesis.tex").write_text("x")
    for name, message in (
        ("a", "is there already; open it with mode 'a'"),
        ("file", "is a file"),
        ("folder", "other files"),
    ):
        with pytest.raises(StoreExistsError, match=message):
            make(tmp_path / name)
    assert sorted(item.name for item in (tmp_path / "folder").iterdir()) == ["thesis.tex"]
    (tmp_path / "empty").mkdir()
    make(tmp_path / "empty").close()
    make(tmp_path / "deep/er/a").close()


def test_a_creation_that_was_cut_off_can_be_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "elsuite.database.arrays.write_root", lambda *_: (_ for _ in ()).throw(OSError("killed"))
    )
    with pytest.raises(OSError, match="killed"):
        make(tmp_path / "a")
    monkeypatch.undo()
    with pytest.raises(NotAStoreError):
        open_database(tmp_path / "a")
    with filled(tmp_path / "a") as database:
        assert same(database, filled())


def test_closed_and_read_only_databases_refuse(tmp_path):
    database = filled(tmp_path / "a")
    database.close()
    database.close()
    for use in (lambda: database.add(runs=[{}]), database.refresh):
        with pytest.raises(StoreError, match="is closed"):
            use()
    assert same(database, filled())
    assert database.coordinates([1]).tolist() == [[3, 4, 5]]
    with (
        open_database(tmp_path / "a") as reader,
        pytest.raises(StoreError, match="open for reading; open it with mode 'a'"),
    ):
        reader.add(runs=[{"seed": 1}])
    assert "3 minima" in repr(reader)


def test_one_writer_at_a_time(tmp_path):
    with filled(tmp_path / "a"):
        with pytest.raises(LockedError, match=rf"is being written by process {os.getpid()} on ") as caught:
            open_database(tmp_path / "a", "a")
        assert "\n" not in str(caught.value)
        with pytest.raises(LockedError):
            open_database(tmp_path / "a", "a", timeout=0.2)
        with open_database(tmp_path / "a") as reader:
            assert reader.n_minima == 3
    with open_database(tmp_path / "a", "a") as writer:
        writer.add(minima=minima(1))
    assert not (tmp_path / "a/.lock").exists()


def test_a_writer_that_lost_its_lock_commits_nothing(tmp_path):
    first = filled(tmp_path / "a")
    (tmp_path / "a/.lock").unlink()  # what nobody should do
    with open_database(tmp_path / "a", "a") as second:
        second.add(minima=minima(1))
        for _ in range(2):
            with pytest.raises(LockedError, match="changed by another writer|taken over"):
                first.add(minima=minima(5))
        first.close()
        assert (tmp_path / "a/.lock").exists()
        second.add(minima=minima(1))
    assert verify_store(tmp_path / "a") == ()
    with open_database(tmp_path / "a") as reader:
        assert reader.n_minima == 5


def test_a_lock_of_another_process_is_noticed(tmp_path):
    first = filled(tmp_path / "a")
    (tmp_path / "a/.lock").unlink()
    (tmp_path / "a/.lock").write_text("123\nelsewhere\n")
    with pytest.raises(
        LockedError, match="was taken away by process 123 on elsewhere; nothing was committed"
    ):
        first.add(minima=minima(5))
    first.close()
    with pytest.raises(LockedError, match="is being written by process 123 on elsewhere"):
        open_database(tmp_path / "a", "a")
    assert verify_store(tmp_path / "a") == ()


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path):
    filled(tmp_path / "a").close()
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    (tmp_path / "a/.lock").write_text(f"{child.pid}\n{socket.gethostname()}\n")
    with open_database(tmp_path / "a", "a") as database:
        database.add(minima=minima(1))


def test_a_fork_of_the_writer_writes_nothing(tmp_path, monkeypatch):
    with filled(tmp_path / "a") as database:
        monkeypatch.setattr(os, "getpid", lambda: 1)
        with pytest.raises(LockedError, match="of which this is a fork"):
            database.add(minima=minima(1))
        monkeypatch.undo()


def test_a_writer_whose_pointer_was_moved_commits_nothing(tmp_path):
    first = filled(tmp_path / "a")
    edit_root(tmp_path / "a", note="someone else")
    with pytest.raises(LockedError, match="changed by another writer; nothing was committed"):
        first.add(minima=minima(5))
    first.close()
    with open_database(tmp_path / "a") as reader:
        assert reader.n_minima == 3


# Damage


def truncate(file):
    file.write_bytes(
        file.read_bytes()[:-1] if file.stat().st_size < 30 else file.read_bytes()[: file.stat().st_size // 2]
    )


DAMAGE = {
    "root": ("zarr.json", None),
    "metadata": ("minima/energy/zarr.json", None),
    "compressed chunk": ("minima/energy/c.0.0", lambda d: d.minima.energy.values),
    "strings": ("minima/set/c.0", lambda d: d.minima["set"].values),
    "coordinates": ("minima/coordinates/c.0.0", lambda d: d.coordinates([0])),
    "lazy column": ("paths/profile/c.0.0", lambda d: d.paths.profile.values),
    "coefficients": ("paths/coefficients/c.1.0.0", lambda d: d.paths.coefficients.values),
}


@pytest.mark.parametrize(("name", "read"), DAMAGE.values(), ids=list(DAMAGE))
def test_a_truncated_file_is_a_clear_error_and_a_finding(tmp_path, name, read):
    filled(tmp_path / "a").close()
    truncate(tmp_path / "a" / name)
    with pytest.raises(DamagedStoreError, match=name.rsplit("/", 1)[0]) as caught:
        database = open_database(tmp_path / "a")
        assert read is not None
        read(database)
    assert "\n" not in str(caught.value)
    assert verify_store(tmp_path / "a") != ()


def test_a_missing_array_is_a_clear_error_and_a_finding(tmp_path):
    filled(tmp_path / "a").close()
    (tmp_path / "a/paths/height/zarr.json").unlink()
    with pytest.raises(DamagedStoreError, match="paths/height is missing"):
        open_database(tmp_path / "a")
    assert verify_store(tmp_path / "a") == (Finding("paths.height", "is missing"),)


def set_values(path, name, index, value):
    zarr.open_array(path / name, mode="a")[index] = value


@pytest.mark.parametrize(
    ("name", "index", "value", "finding"),
    [
        ("paths/height", 0, 0.15, Finding("paths.height", "a height under the energy of an end in 1 row, first in row 0")),
        ("paths/refined_height", 1, 0.15, Finding("paths.refined_height", "a height under the energy of an end in 1 row, first in row 1")),
        ("paths/refined_t", 1, 1.5, Finding("paths.refined_t", "a place outside 0 to 1 in 1 row, first in row 1")),
        ("paths/target", slice(0, 2), 3, Finding("paths.target", "an id outside 0 to 2 in 2 rows, first in row 0")),
        ("minima/run", 2, -2, Finding("minima.run", "an id outside -1 to 1 in 1 row, first in row 2")),
        ("paths/surface", 1, "x", Finding("paths.surface", "a name that is none of train, test in 1 row, first in row 1")),
        ("paths/kind", 1, "", Finding("paths.kind", "a name that is none of path, transition_state in 1 row, first in row 1")),
        ("runs/key", 1, 11, Finding("runs.key", "a key of an earlier row in 1 row, first in row 1")),
        ("minima/energy", 1, np.nan, Finding("minima.energy", "no finite energy on any surface in 1 row, first in row 1")),
        ("minima/coordinates", (1, 2), np.inf, Finding("minima.coordinates", "a coordinate that is missing or not finite in 1 row, first in row 1")),
        ("minima/coordinates", 1, np.nan, Finding("minima.coordinates", "a coordinate that is missing or not finite in 1 row, first in row 1")),
    ],
)  # fmt: skip
def test_verify_finds_what_is_wrong(tmp_path, name, index, value, finding):
    filled(tmp_path / "a").close()
    assert verify_store(tmp_path / "a") == ()
    set_values(tmp_path / "a", name, index, value)
    assert verify_store(tmp_path / "a") == (finding,)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"dtype": "int32", "fill_value": 0, "dimension_names": ("path",)},
            "has dtype int32, float64 expected",
        ),
        (
            {"dtype": "float64", "fill_value": 0, "dimension_names": ("path",)},
            "has fill value .*0.*, nan expected",
        ),
        ({"dtype": "float64", "fill_value": np.nan}, r"has dims \(None,\), \('path',\) expected"),
    ],
)
def test_verify_finds_arrays_of_another_kind(tmp_path, options, problem):
    filled(tmp_path / "a").close()
    zarr.create_array(tmp_path / "a", name="paths/seconds", shape=(2,), overwrite=True, **options)
    findings = verify_store(tmp_path / "a")
    assert [finding.where for finding in findings] == ["paths.seconds"]
    assert re.match(problem, findings[0].problem)


def test_verify_computes_energies_again(tmp_path):
    filled(tmp_path / "a").close()
    right = {"train": lambda x: 0.1 + x[:, 0] / 30, "test": lambda x: 1.0 + x[:, 0] / 30}
    assert verify_store(tmp_path / "a", energy=lambda x, surface: right[surface](x)) == ()
    findings = verify_store(tmp_path / "a", energy=lambda x, surface: right["test"](x), sample=2)
    assert len(findings) == 2
    assert {finding.where for finding in findings} == {"minima.energy"}
    assert "on train, computed again" in findings[0].problem


def test_verify_a_store_that_is_none(tmp_path):
    with pytest.raises(NotFoundError):
        verify_store(tmp_path / "a")
    filled(tmp_path / "a").close()
    edit_root(tmp_path / "a", format_version=3)
    with pytest.raises(NewerFormatError):
        verify_store(tmp_path / "a")


def test_verify_while_a_writer_is_at_work(tmp_path):
    with filled(tmp_path / "a"):
        assert verify_store(tmp_path / "a") == ()


# Failures of the file system


@contextlib.contextmanager
def failing_sets(first, last=None):
    """Let the file system be full at the writes number `first` to `last`, counted from 0."""
    count = iter(range(10**9))
    plain = LocalStore.set

    async def full(self, key, value):
        number = next(count)
        if first <= number and (last is None or number <= last):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        await plain(self, key, value)

    LocalStore.set = full
    try:
        yield count
    finally:
        LocalStore.set = plain


def more():
    """Rows of every kind, for a second commit."""
    return {
        "runs": {"seed": [1, 2], "curves": np.ones((2, 2, 9)), "temperature": [1.0, 2.0]},
        "minima": {
            "energy": np.ones((2, 2)),
            "coordinates": np.ones((2, 3)),
            "set": ["x", "y"],
            "run": [0, 2],
        },
        "paths": {
            "source": [4, 3],
            "target": [4, 0],
            "surface": "train",
            "height": [7.0, 8.0],
            "coordinates": [None, np.ones(3)],
            "coefficients": [np.ones((5, 3)), None],
        },
    }


@pytest.fixture(scope="module")
def n_writes(tmp_path_factory):
    """Files that a commit of `more` writes; the last is the root."""
    with filled(tmp_path_factory.mktemp("count") / "a") as database, failing_sets(10**6) as count:
        database.add(**more())
        return next(count)


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_full_disk_is_a_clear_error_and_the_last_commit_stays(tmp_path, n_writes, part, lasting):
    expected, first = filled(), round(part * (n_writes - 1))
    with filled(tmp_path / "a") as database:
        with failing_sets(first, None if lasting else first):
            with pytest.raises(StoreAccessError, match="No space left on device") as caught:
                database.add(**more())
            assert "\n" not in str(caught.value)
            with open_database(tmp_path / "a") as reader:
                assert committed(reader, expected)
        assert committed(database, expected)
        # Only the required columns: leftovers would show in the others.
        rows = {"minima": minima(1), "runs": [{"seed": 3}]}
        rows["paths"] = {"source": [0], "target": [3], "surface": "train", "height": [3.0]}
        for either in (database, expected):
            either.add(**rows)
        assert committed(database, expected)
    assert verify_store(tmp_path / "a") == ()
    with open_database(tmp_path / "a") as reader:
        assert committed(reader, expected)


def committed(database, expected):
    """Whether the databases are the same but for columns and widths of nothing but fill values."""
    for name in TABLES:
        ours, theirs = getattr(database, name), getattr(expected, name)
        if ours.sizes[TABLES[name].dim] != theirs.sizes[TABLES[name].dim]:
            return False
        for column, values in ours.data_vars.items():
            fill = FILL.get(str(values.dtype), "")
            if column not in theirs:
                empty = np.isnan(values) if values.dtype.kind == "f" else values == fill
                if not empty.all():
                    return False
                continue
            wanted = theirs[column]
            shape = wanted.shape
            common = values.values[tuple(slice(size) for size in shape)]
            if values.dtype.kind != "f":
                if not (common == wanted.values).all():
                    return False
                continue
            full = np.full(values.shape, np.nan)
            full[tuple(slice(size) for size in shape)] = wanted.values
            if not np.array_equal(values.values, full, equal_nan=True):
                return False
    return True


def test_the_next_writer_clears_what_a_full_disk_left(tmp_path):
    expected = filled()
    database = filled(tmp_path / "a")
    with failing_sets(20):
        with pytest.raises(StoreAccessError):
            database.add(**more())
        database.close()
    longer = zarr.open_array(tmp_path / "a/minima/energy", mode="r")
    assert longer.shape[0] > 3
    with open_database(tmp_path / "a", "a") as database:
        assert committed(database, expected)
        for either in (database, expected):
            either.add(paths=[{"source": 0, "target": 0, "surface": "train", "height": 3.0}])
        assert committed(database, expected)
    assert zarr.open_array(tmp_path / "a/minima/energy", mode="r").shape == (3, 2)
    assert not list((tmp_path / "a").rglob("*.partial"))


def test_an_interrupt_leaves_the_last_commit_or_the_new_one(tmp_path, monkeypatch):
    with filled(tmp_path / "a") as database:
        plain = LocalStore.set

        async def interrupted(self, key, value):
            if key == "zarr.json":
                await plain(self, key, value)
                raise KeyboardInterrupt
            await plain(self, key, value)

        monkeypatch.setattr(LocalStore, "set", interrupted)
        with pytest.raises(KeyboardInterrupt):
            database.add(**more())
        monkeypatch.undo()
        assert database.n_minima == 5
        database.add(minima=minima(1))
        assert database.n_minima == 6
    assert verify_store(tmp_path / "a") == ()


AS_NO_SUPERUSER = """
import ctypes, os, sys
for capability in (1, 2):  # root's right to write to and read every file; gone after the exec
    ctypes.CDLL(None).prctl(24, capability)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""
TRY_EVERYTHING = """
import sys
from elsuite.database import LandscapeDatabase, open_database, verify_store
folder = sys.argv[1]
with open_database(folder) as database:
    print(database.n_minima, database.coordinates([2])[0, 0], database.n_paths)
print(verify_store(folder))
for use in (
    lambda: open_database(folder, "a"),
    lambda: LandscapeDatabase.create(folder + "/new", n_parameters=1, surfaces=["x"]),
    lambda: open_database(folder + "/closed"),
):
    try:
        use()
    except ValueError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="takes root's rights away as Linux does")
def test_a_folder_without_permission_to_write(tmp_path):
    folder = tmp_path / "a"
    filled(folder).close()
    filled(folder / "closed").close()
    items = [folder, *folder.rglob("*")]
    for item in items:
        item.chmod(0o555 if item.is_dir() else 0o444)
    (folder / "closed").chmod(0)
    command = [sys.executable, "-c", AS_NO_SUPERUSER, TRY_EVERYTHING, str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    (folder / "closed").chmod(0o755)
    for item in items:
        item.chmod(0o755)
    lines = result.stdout.splitlines()
    assert lines[:2] == ["3 6.0 2", "()"], result.stderr
    assert lines[2].startswith("StoreAccessError cannot write to"), lines
    assert lines[3].startswith("StoreAccessError cannot create"), lines
    assert lines[4].startswith("StoreAccessError cannot open"), lines
    assert all(line.endswith("Permission denied") for line in lines[2:])
    assert not (folder / ".lock").exists()


def test_the_writers_own_errors_of_the_system(tmp_path, monkeypatch):
    filled(tmp_path / "a").close()

    def refuse(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("filelock.SoftFileLock.acquire", refuse)
    with pytest.raises(StoreAccessError, match="cannot write to .*: Permission denied"):
        open_database(tmp_path / "a", "a")


def test_sync_names_the_files_of_a_commit(tmp_path, monkeypatch):
    with filled(tmp_path / "a") as database:
        synced = []
        plain = os.fsync
        monkeypatch.setattr(os, "sync", lambda: synced.append("everything"))
        monkeypatch.setattr(
            os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        )
        database.add(runs=[{"seed": 1}], sync=True)
        assert synced[0] == "everything"
        assert synced[1].endswith("a/zarr.json")
        synced.clear()
        database.add(minima={"energy": np.ones((1, 2)), "coordinates": np.ones((1, 3))})
        assert synced == []
        database.add(runs=[{"seed": 2}], sync=True)
        names = {str(Path(name).relative_to(tmp_path / "a")) for name in synced}
        assert {
            "zarr.json",
            "runs/seed/c.0",
            "runs/seed",
            "minima/energy/c.0.0",
            "minima/coordinates/c.0.0",
            ".",
        } <= names
        assert Path(synced[-1]) == tmp_path / "a"
        synced.clear()
        database.add(sync=True)
        assert synced == []
        assert plain is not os.fsync


# Describing


def test_describe():
    facts = describe(filled())
    assert facts["sets"] == {"sgd/test": 1, "sgd/train": 2}
    assert (facts["n_runs"], facts["n_minima"], facts["n_paths"], facts["n_parameters"]) == (2, 3, 2, 3)
    assert facts["surfaces"] == ["train", "test"]
    assert facts["finders"] == {"": 1, "fourier": 1}
    assert facts["n_stationary"] == {"count": 2, "tolerance": 1e-3}
    assert facts["outcomes"] == {"runs": {"": 2}, "minima": {"": 3}, "paths": {"": 2}}
    assert json.loads(json.dumps(facts)) == facts
    assert describe(make())["sets"] == {}


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


# Properties


def expect(rows, columns, database):
    """Compare a table with the rows that went in, one cell after the other."""
    for name, values in columns.items():
        for row, given_row in enumerate(rows):
            found, given_value = values[row], given_row.get(name)
            if values.ndim > 1:
                check_array(name, found, given_value)
            elif given_value is None or (isinstance(given_value, float) and np.isnan(given_value)):
                fill = {"kind": "path"}.get(name, FILL.get(str(values.dtype), ""))
                assert found == fill or (found != found and fill != fill), (name, row, found)
            else:
                assert found == given_value, (name, row, found, given_value)


def check_array(name, found, value):
    if value is None:
        assert np.isnan(found).all()
        return
    if isinstance(value, dict):
        for place, surface in enumerate(SURFACES):
            check_array(name, found[place], value.get(surface, []))
        return
    value = np.array(value, dtype=found.dtype)
    inside = tuple(slice(size) for size in value.shape)
    np.testing.assert_array_equal(found[inside], value)
    assert np.isfinite(found).sum() == value.size


def check_against(model, database):
    for name, rows in model.items():
        table = getattr(database, name)
        assert table.sizes[TABLES[name].dim] == len(rows)
        expect(rows, {column: table[column].values for column in table.data_vars}, database)


@settings(max_examples=15, phases=PHASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_adds_and_reopenings_equal_a_list(data):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.elsuite"
        model = {name: [] for name in TABLES}
        memory, database = make(), make(path)
        for _ in range(data.draw(st.integers(1, 4), label="steps")):
            action = data.draw(st.sampled_from(["add", "add", "reopen", "full", "abandon"]), label="action")
            batch = data.draw(strategies.batches(len(model["minima"])), label="batch")
            if action == "add":
                added = database.add(**batch)
                memory.add(**batch)
                for name, rows in batch.items():
                    assert getattr(added, name).tolist() == list(
                        range(len(model[name]), len(model[name]) + len(rows))
                    )
                    model[name] += rows
            elif action == "reopen":
                database.close()
                database = open_database(path, "a")
            else:
                first = data.draw(st.integers(0, 80), label="first write that fails")
                with failing_sets(first), contextlib.suppress(StoreAccessError):
                    database.add(**batch)
                    memory.add(**batch)
                    for name, rows in batch.items():
                        model[name] += rows
                if action == "abandon":
                    with failing_sets(0):
                        database.close()
                    database = open_database(path, "a")
            check_against(model, database)
        with open_database(path) as reader:
            check_against(model, reader)
        database.close()
        check_against(model, memory)
        assert verify_store(path) == ()
        with open_database(path) as reader:
            check_against(model, reader)
