"""A table of a store as an xarray Dataset, whose columns are read when they are asked for."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends.common import BackendArray
from xarray.core import indexing

from elsuite.core.typing import Array as Values
from elsuite.database.arrays import Array, as_objects, is_string, run
from elsuite.schema import Table


def is_scalar(dims: tuple[str | None, ...]) -> bool:
    """Whether a column is read whole and kept: one value a row, or one a row and surface."""
    return dims[1:] in {(), ("surface",)}


class _Column(BackendArray):
    """The committed rows of a column: read whole, once, by `load` (copies are handed out), else anew for each index."""

    def __init__(self, array: Array, n_rows: int, load: Callable[[], Values] | None) -> None:
        self._array, self._load = array, load
        self.shape = (n_rows, *array.shape[1:])
        self.dtype = np.dtype(object) if is_string(array) else array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Values:
        if self._load is None:
            bounded = tuple(_bounded(item, size) for item, size in zip(key, self.shape, strict=True))
            what = f"read {self._array.path} (a damaged chunk?)"
            return as_objects(run(self._array.oindex.getitem(bounded), what))
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


def dataset(
    table: Table, arrays: Mapping[str, Array], n_rows: int, surfaces: tuple[str, ...], load: Callable[[str], Values]
) -> xr.Dataset:
    """Return one table as a Dataset of the first `n_rows` rows; `load` gives the values of a scalar column by name."""
    variables: dict[str, xr.Variable] = {}
    order = [*(name for name in table.columns if name in arrays), *sorted(set(arrays) - set(table.columns))]
    for name in order:
        array = arrays[name]
        dims, attributes = array.metadata.dimension_names, dict(array.attrs)
        whole = is_scalar(dims)
        data: Any = indexing.LazilyIndexedArray(_Column(array, n_rows, partial(load, name) if whole else None))
        if whole:
            data = indexing.MemoryCachedArray(data)  # type: ignore[no-untyped-call]
        variables[name] = xr.Variable(dims, data, attributes)
    # Indexes of pandas: with numpy arrays xarray would load dask, half a second for every reading command.
    coordinates: dict[str, Any] = {table.dim: pd.RangeIndex(n_rows)}
    if table.name != "paths":
        coordinates["surface"] = pd.Index(surfaces, dtype=object)
    return xr.Dataset(variables, coordinates)
