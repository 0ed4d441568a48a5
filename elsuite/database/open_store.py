"""A store that is open: its root, its arrays, and its tables as xarray Datasets, read when they are asked for."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends.common import BackendArray
from xarray.core import indexing
from zarr.abc.store import Store

from elsuite.core.typing import Array
from elsuite.database import arrays as za
from elsuite.database.folders import check_root
from elsuite.schema import TABLES, Column, DamagedStoreError, Table, extra_column

Arrays = dict[str, dict[str, za.Array]]


@final
class OpenStore:
    """What one process knows of a store: the last root that it read, and everything sliced to its pointer."""

    def __init__(self, store: Store, path: Path | None) -> None:
        self.store: Final = store
        self.path: Final = path  # None in memory
        self.root: dict[str, Any] = {}
        self.arrays: Arrays = {}
        self._columns: dict[str, dict[str, Array]] = {name: {} for name in TABLES}
        self.refresh()

    @property
    def counts(self) -> dict[str, int]:
        """The commit pointer: rows of each table."""
        return {name: int(self.root[table.pointer]) for name, table in TABLES.items()}

    @property
    def surfaces(self) -> tuple[str, ...]:
        """Names of the surfaces."""
        return tuple(self.root["surfaces"])

    @property
    def n_parameters(self) -> int:
        """Length of a point."""
        return int(self.root["n_parameters"])

    @property
    def dtype(self) -> str:
        """Dtype of the coordinates."""
        return str(self.arrays["minima"]["coordinates"].dtype)

    def refresh(self) -> None:
        """Read the root, then the arrays: they are at least as long as it says."""
        root = check_root(self.store, self.path or "memory")
        arrays = {name: za.open_arrays(self.store, name, table.dim) for name, table in TABLES.items()}
        for name in TABLES:
            _check_arrays(arrays[name], name, root)
        self.root, self.arrays = root, arrays

    def column(self, table: str, name: str, n_rows: int) -> Array:
        """Return the first rows of a column with one value a row; what was read once is kept."""
        columns = self._columns[table]
        known = columns.get(name)
        start = 0 if known is None else len(known)
        if known is None or start < n_rows:
            new = za.read(self.arrays[table][name], start, n_rows)
            known = columns[name] = new if known is None else np.concatenate([known, new])
        return known[:n_rows]

    def dataset(self, name: str) -> xr.Dataset:
        """Return a table, sliced to the pointer."""
        n_rows = self.counts[name]
        return _dataset(
            TABLES[name], self.arrays[name], n_rows, self.surfaces, lambda column: self.column(name, column, n_rows)
        )

    def dtypes(self, table: str) -> dict[str, str]:
        """Return the dtypes of the columns that the format leaves a choice for."""
        columns = TABLES[table].columns
        return {
            name: za.dtype_name(a) for name, a in self.arrays[table].items() if name in columns and columns[name].others
        }

    def n_units(self, table: str) -> int | None:
        """Return how many units the symmetry has by which paths are renamed; None where no row says so yet."""
        units = [a.shape[1:] for a in self.arrays[table].values() if za.dims_of(a)[1:] == ("unit",)]
        return units[0][0] if units else None

    def extra_columns(self, table: str) -> dict[str, Column]:
        """Return the columns that the format does not name."""
        found = {}
        for name, array in self.arrays[table].items():
            if name in TABLES[table].columns:
                continue
            if array.ndim == 1:
                found[name] = Column(name, za.dtype_name(array), "")
            elif (column := extra_column(name, "float64", table)).dims == za.dims_of(array)[1:]:
                found[name] = column
        return found


def _check_arrays(arrays: Mapping[str, za.Array], name: str, root: Mapping[str, Any]) -> None:
    """Raise unless the columns of the format are there, long enough, and as wide as the root says."""
    n_rows = int(root[TABLES[name].pointer])
    sizes = {"surface": len(root["surfaces"]), "parameter": int(root["n_parameters"])}
    for column in TABLES[name].columns.values():
        if column.name not in arrays:
            if not column.optional:
                raise DamagedStoreError(f"{name}/{column.name} is missing from the store")
            continue
        shape = arrays[column.name].shape
        if shape[0] < n_rows:
            raise DamagedStoreError(f"{name}/{column.name} has {shape[0]} rows, the root says {n_rows}")
        expected = [sizes.get(dim) for dim in column.dims]
        same = len(shape) == 1 + len(expected) and all(
            size in {None, own} for size, own in zip(expected, shape[1:], strict=True)
        )
        if not same:
            widths = ", ".join("any" if size is None else str(size) for size in expected)
            raise DamagedStoreError(
                f"{name}/{column.name} has the shape {shape}, expected is (rows{', ' * bool(widths)}{widths})"
            )


class _Column(BackendArray):
    """The committed rows of a column: read whole, once, by `load` (copies are handed out), else anew for each index."""

    def __init__(self, array: za.Array, shape: tuple[int, ...], load: Callable[[], Array] | None) -> None:
        self._array, self._load = array, load
        self.shape = shape  # an array that has not grown with the others reads as its fill value where it ends
        self.dtype = np.dtype(object) if za.is_string(array) else array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Array:
        if self._load is None:
            bounded = tuple(_bounded(item, size) for item, size in zip(key, self.shape, strict=True))
            what = f"read {self._array.path} (a damaged chunk?)"
            if self._array.shape[1:] == self.shape[1:]:
                return za.as_objects(za.run(self._array.oindex.getitem(bounded), what))
            rows = np.atleast_1d(np.arange(self.shape[0])[bounded[0]])
            stored = za.run(self._array.oindex.getitem((rows, *map(slice, self._array.shape[1:]))), what)
            missing = [(0, 0), *((0, a - b) for a, b in zip(self.shape[1:], self._array.shape[1:], strict=True))]
            values = np.pad(za.as_objects(stored), missing, constant_values=self._array.metadata.fill_value)
            key = (0 if np.isscalar(key[0]) else slice(None), *key[1:])  # of the rows that were read
        else:
            values = self._load()
        for axis in reversed(range(values.ndim)):
            values = values[(slice(None),) * axis + (key[axis],)]
        return np.array(values)


def _bounded(item: Any, size: int) -> Any:
    """Return a slice that ends at the pointer, not in rows that are not committed; zarr knows no backward slices."""
    if not isinstance(item, slice):
        return item
    start, stop, step = item.indices(size)
    return slice(start, stop, step) if step > 0 else np.arange(start, stop, step)


def _dataset(
    table: Table, arrays: Mapping[str, za.Array], n_rows: int, surfaces: tuple[str, ...], load: Callable[[str], Array]
) -> xr.Dataset:
    """Return one table as a Dataset of the first `n_rows` rows; `load` gives the values of a scalar column by name."""
    variables: dict[str, xr.Variable] = {}
    longest: dict[str | None, int] = {}
    for array in arrays.values():
        for dim, size in zip(za.dims_of(array), array.shape, strict=True):
            longest[dim] = max(size, longest.get(dim, 0))
    order = [*(name for name in table.columns if name in arrays), *sorted(set(arrays) - set(table.columns))]
    for name in order:
        array = arrays[name]
        dims, attributes = array.metadata.dimension_names, dict(array.attrs)
        whole = dims[1:] in {(), ("surface",)}  # read whole and kept: one value a row, or one a row and surface
        shape = (n_rows, *(longest[dim] for dim in za.dims_of(array)[1:]))
        data: Any = indexing.LazilyIndexedArray(_Column(array, shape, partial(load, name) if whole else None))
        if whole:
            data = indexing.MemoryCachedArray(data)  # type: ignore[no-untyped-call]
        variables[name] = xr.Variable(dims, data, attributes)
    # Indexes of pandas: with numpy arrays xarray would load dask, half a second for every reading command.
    coordinates: dict[str, Any] = {table.dim: pd.RangeIndex(n_rows)}
    if table.name != "paths":
        coordinates["surface"] = pd.Index(surfaces, dtype=object)
    return xr.Dataset(variables, coordinates)
