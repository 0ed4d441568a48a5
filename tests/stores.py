"""Small stores that the tests of the database start from, and what they are compared with."""

import contextlib
import errno
import json
import os

import numpy as np
import strategies
from zarr.storage import LocalStore

from elsuite import LandscapeDatabase
from elsuite.schema import FILL, TABLES

SURFACES = strategies.SURFACES


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
            {"seed": 7, "minimizer": "sgd", "key": 11, "curves": {"train": [3.0, 2.0, 1.0], "test": [3.0, 2.5]}},
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


def same(a, b):
    """Whether two databases hold the same tables, every variable and attribute."""
    return all(getattr(a, name).identical(getattr(b, name)) for name in TABLES)


def edit_root(path, **changes):
    file = path / "zarr.json"
    document = json.loads(file.read_text())
    document["attributes"].update(changes)
    file.write_text(json.dumps(document))


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
        "minima": {"energy": np.ones((2, 2)), "coordinates": np.ones((2, 3)), "set": ["x", "y"], "run": [0, 2]},
        "paths": {
            "source": [4, 3],
            "target": [4, 0],
            "surface": "train",
            "height": [7.0, 8.0],
            "coordinates": [None, np.ones(3)],
            "coefficients": [np.ones((5, 3)), None],
        },
    }


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
    there = np.isfinite(found) if found.dtype.kind == "f" else found != FILL[str(found.dtype)]
    if value is None:
        assert not there.any()
        return
    if isinstance(value, dict):
        for place, surface in enumerate(SURFACES):
            check_array(name, found[place], value.get(surface, []))
        return
    value = np.array(value, dtype=found.dtype)
    inside = tuple(slice(size) for size in value.shape)
    np.testing.assert_array_equal(found[inside], value)
    assert there.sum() == value.size


def check_against(model, database):
    for name, rows in model.items():
        table = getattr(database, name)
        assert table.sizes[TABLES[name].dim] == len(rows)
        expect(rows, {column: table[column].values for column in table.data_vars}, database)
