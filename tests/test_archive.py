"""Stores that released versions of the format wrote open for ever, and still say the same."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from small_database import MERGES, MINIMA, PATHS

from elsuite.analysis import disconnectivity_tree
from elsuite.database import open_database, verify_store
from elsuite.network import transition_network

ARCHIVE = Path(__file__).parent / "archive"
STORES = sorted(ARCHIVE.glob("v*/*.elsuite"))


def test_there_is_an_archive_for_every_version():
    from elsuite.schema import FORMAT_VERSION

    assert {path.parent.name for path in STORES} == {f"v{k}" for k in range(1, FORMAT_VERSION + 1)}


@pytest.mark.parametrize("path", STORES, ids=str)
def test_an_archived_store_opens_and_says_the_same(path):
    assert verify_store(path) == ()
    with open_database(path) as database:
        assert (database.n_runs, database.n_minima, database.n_paths) == (4, len(MINIMA), len(PATHS))
        assert database.minima["set"].values.tolist() == [name for name, *_ in MINIMA]
        np.testing.assert_array_equal(
            database.minima["energy"].values[:, 0], [train for _, train, *_ in MINIMA]
        )
        np.testing.assert_array_equal(database.paths["refined_height"].values, [h for *_, h in PATHS])
        assert database.coordinates([5]).shape == (1, 4)
        tree = disconnectivity_tree(transition_network(database, surface="train"))
    assert [merge.height for merge in tree.merges] == [height for height, _ in MERGES]


@pytest.mark.parametrize("path", STORES, ids=str)
def test_a_stranger_reads_an_archived_store_with_xarray_alone(path):
    with xr.open_zarr(path, group="minima", consolidated=False, chunks=None) as minima:
        assert minima.sizes == {"minimum": len(MINIMA), "surface": 2, "parameter": 4}
