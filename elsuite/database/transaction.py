"""One commit: grow the arrays, write the new rows past the pointer, then move the pointer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from zarr.abc.store import Store

from elsuite.database import arrays as za
from elsuite.database.rows import Batch
from elsuite.schema import BLOCK_ROWS, FILL, TABLES, Column, Table

__all__ = ["clear_leftovers", "create_table", "write_rows"]

Arrays = dict[str, za.Array]


def create_table(
    store: Store, table: Table, sizes: Mapping[str, int], dtype: str, surfaces: tuple[str, ...]
) -> None:
    """Make the group of a table with all its columns but the optional ones."""
    za.create_group(store, table.name)
    for column in table.columns.values():
        if not column.optional:
            za.create_array(store, table.name, table.dim, column, resolved(column, dtype), 0, sizes)
    if table.name != "paths":
        names = Column("surface", "str", "names of the surfaces")
        array = za.create_array(store, table.name, "surface", names, "str", len(surfaces), sizes)
        za.write([za.Write(array, 0, np.array(surfaces, dtype=object))], store)


def resolved(column: Column, dtype: str) -> str:
    """Return a column's dtype, "parameter" replaced by the database's."""
    return dtype if column.dtype == "parameter" else column.dtype


def write_rows(
    store: Store, table: Table, arrays: Arrays, batch: Batch, start: int, sizes: Mapping[str, int], dtype: str
) -> list[za.Write]:
    """Write the rows of a batch from row `start` on; new columns are put into `arrays`.  Return what was written."""
    stop = start + batch.n_rows
    rows = max([stop, *(array.shape[0] for array in arrays.values())])
    rows = -(-rows // BLOCK_ROWS) * BLOCK_ROWS
    given: dict[str, list[tuple[int, np.ndarray[Any, Any]]]] = {
        name: [(0, values)] for name, values in batch.columns.items()
    } | batch.pieces
    for name, pieces in given.items():
        if name not in arrays and pieces:
            column = batch.extra.get(name) or table.columns[name]
            inner = dict(sizes) | dict(zip(column.dims, pieces[0][1].shape[1:], strict=True))
            arrays[name] = za.create_array(
                store, table.name, table.dim, column, resolved(column, dtype), rows, inner
            )
    shapes = []
    for name, array in arrays.items():
        inner_shapes = [array.shape[1:], *(values.shape[1:] for _, values in given.get(name, []))]
        shapes.append((array, (rows, *np.max(inner_shapes, axis=0).astype(int).tolist())))
    za.resize(shapes, store)
    writes = [
        za.Write(arrays[name], start + offset, values)
        for name, pieces in given.items()
        for offset, values in pieces
        if values.size and not _all_fill(values, arrays[name].metadata.data_type)
    ]
    za.write(writes, store)
    return writes


def _all_fill(values: np.ndarray[Any, Any], data_type: object) -> bool:
    """Whether there is nothing to write: what is past the pointer reads as the fill value already."""
    if values.ndim > 1 or values.dtype.kind == "O":
        return values.ndim == 1 and not any(values)
    fill = FILL[str(values.dtype)]
    return bool(np.isnan(values).all() if values.dtype.kind == "f" else (values == fill).all())


def clear_leftovers(store: Store, arrays: Mapping[str, Arrays], counts: Mapping[str, int]) -> None:
    """Remove what a killed or failed commit left past the pointer; afterwards all arrays end at the pointer."""
    for table in TABLES.values():
        za.clear_past(arrays[table.name].values(), store, counts[table.name])
