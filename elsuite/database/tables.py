"""Arrays of a store as xarray Datasets: scalars and energies in memory, the rest read when it is asked for."""

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends.common import BackendArray
from xarray.core import indexing

from elsuite.database.arrays import Array, as_objects, run
from elsuite.schema import DamagedStoreError, Table

__all__ = ["dataset", "is_scalar", "load"]

Values = np.ndarray[Any, Any]


def is_scalar(array: Array) -> bool:
    """Whether a column is kept in memory: one value a row, or one a row and surface."""
    return array.metadata.dimension_names[1:] in {(), ("surface",)}


def load(
    table: Table, arrays: Mapping[str, Array], n_rows: int, loaded: Mapping[str, Values]
) -> dict[str, Values]:
    """Return the first `n_rows` rows of the scalar columns; rows in `loaded` are not read again.

    Parameters
    ----------
    table : Table
    arrays : mapping of str to Array
    n_rows : int
    loaded : mapping of str to ndarray
        What an earlier call returned: rows never change once they are committed.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    DamagedStoreError
        When an array is shorter than the commit pointer says.
    """
    scalars = {name: array for name, array in arrays.items() if is_scalar(array)}
    for name, array in scalars.items():
        if array.shape[0] < n_rows:
            raise DamagedStoreError(f"{table.name}/{name} has {array.shape[0]} rows, the root says {n_rows}")
    starts = {name: len(loaded[name]) if name in loaded else 0 for name in scalars}
    behind = [name for name in scalars if name not in loaded or starts[name] < n_rows]

    async def work() -> list[Any]:
        parts = [scalars[name].getitem(slice(starts[name], n_rows)) for name in behind]
        return list(await asyncio.gather(*parts))

    parts = run(work(), f"read the columns of {table.name} (a damaged chunk?)") if behind else []
    result = {name: loaded[name] for name in scalars if name not in behind}
    for name, part in zip(behind, parts, strict=True):
        new = as_objects(part)
        result[name] = np.concatenate([loaded[name], new]) if starts[name] else new
    return {name: result[name] for name in scalars}


class _Rows(BackendArray):
    """The committed rows of an array, read from disk when they are indexed."""

    def __init__(self, array: Array, n_rows: int) -> None:
        self._array = array
        self.shape = (n_rows, *array.shape[1:])
        self.dtype = array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Values:
        # A slice without an end would run past the pointer, into rows that are not committed.
        rows = slice(*key[0].indices(self.shape[0])) if isinstance(key[0], slice) else key[0]
        what = f"read {self._array.path} (a damaged chunk?)"
        return np.asarray(run(self._array.oindex.getitem((rows, *key[1:])), what))


def dataset(
    table: Table,
    arrays: Mapping[str, Array],
    n_rows: int,
    loaded: Mapping[str, Values],
    surfaces: tuple[str, ...],
) -> xr.Dataset:
    """Return one table as a Dataset, sliced to the commit pointer."""
    variables: dict[str, xr.Variable] = {}
    order = [*(name for name in table.columns if name in arrays), *sorted(set(arrays) - set(table.columns))]
    for name in order:
        array = arrays[name]
        dims, attributes = array.metadata.dimension_names, dict(array.attrs)
        if name in loaded:
            variables[name] = xr.Variable(dims, loaded[name], attributes)
        else:
            variables[name] = xr.Variable(dims, indexing.LazilyIndexedArray(_Rows(array, n_rows)), attributes)
    coordinates = {table.dim: np.arange(n_rows, dtype=np.int64)}
    if table.name != "paths":
        coordinates["surface"] = np.array(surfaces, dtype=object)
    return xr.Dataset(variables, coordinates)
