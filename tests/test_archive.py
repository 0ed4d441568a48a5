"""Stores that released versions of the format wrote open for ever, and still say the same."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from small_database import MERGES, MINIMA, PATHS

from elsuite.analysis import disconnectivity_tree
from elsuite.database import open_database, verify_store
from elsuite.network import transition_network
from elsuite.schema import FORMAT_VERSION, TABLES

ARCHIVE = Path(__file__).parent / "archive"
SMALL = sorted(ARCHIVE.glob("v*/small.elsuite"))
FULL = sorted(ARCHIVE.glob("v*/every_column.elsuite"))


def writer_of(path):
    """Return the script that wrote a store, as a module."""
    spec = importlib.util.spec_from_file_location(f"write_{path.parent.name}", path.parent / "write.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_an_archive_for_every_version():
    versions = {f"v{k}" for k in range(1, FORMAT_VERSION + 1)}
    assert {path.parent.name for path in SMALL} == {path.parent.name for path in FULL} == versions


@pytest.mark.parametrize("path", SMALL, ids=str)
def test_an_archived_store_opens_and_says_the_same(path):
    assert verify_store(path) == ()
    with open_database(path) as database:
        assert (database.n_runs, database.n_minima, database.n_paths) == (4, len(MINIMA), len(PATHS))
        assert database.minima["set"].values.tolist() == [name for name, *_ in MINIMA]
        np.testing.assert_array_equal(database.minima["energy"].values[:, 0], [train for _, train, *_ in MINIMA])
        np.testing.assert_array_equal(database.paths["refined_height"].values, [h for *_, h in PATHS])
        assert database.coordinates([5]).shape == (1, 4)
        tree = disconnectivity_tree(transition_network(database, surface="train"))
    assert [merge.height for merge in tree.merges] == [height for height, _ in MERGES]


@pytest.mark.parametrize("path", FULL, ids=str)
def test_every_column_says_the_same(path):
    assert verify_store(path) == ()
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    with open_database(path) as database:
        assert writer_of(path).contents(database) == expected


@pytest.mark.parametrize("path", FULL, ids=str)
def test_an_archived_store_can_be_added_to(path, tmp_path):
    copy = tmp_path / "copy.elsuite"
    shutil.copytree(path, copy)
    before = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    with open_database(copy, "a") as database:
        database.add(
            minima={"energy": [[9.0, 9.0]], "coordinates": [[1.0, 2.0, 3.0]]},
            paths=[{"source": 4, "target": 0, "surface": "train", "height": 9.5}],
        )
    assert verify_store(copy) == ()
    with open_database(copy) as database:
        after = writer_of(path).contents(database)
    for name in TABLES:
        for column, values in before[name].items():
            assert after[name][column][: len(values)] == values


@pytest.mark.parametrize("path", SMALL, ids=str)
def test_a_stranger_reads_an_archived_store_with_xarray_alone(path):
    with xr.open_zarr(path, group="minima", consolidated=False, chunks=None) as minima:
        assert minima.sizes == {"minimum": len(MINIMA), "surface": 2, "parameter": 4}
        assert minima["set"].values.tolist() == [name for name, *_ in MINIMA]
