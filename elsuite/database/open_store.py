"""A store that is open: its root, its arrays, and the columns that were read so far."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import xarray as xr
from zarr.abc.store import Store

from elsuite.core.typing import Array
from elsuite.database import arrays as za
from elsuite.database.folders import check_root
from elsuite.database.tables import dataset
from elsuite.schema import TABLES, Column, DamagedStoreError

Arrays = dict[str, dict[str, za.Array]]


@final
class OpenStore:
    """What one process knows of a store: the last root that it read, and everything sliced to its pointer.

    Attributes
    ----------
    path : Path or None
        Its folder; None in memory.
    root : dict
        Attributes of the root, with the commit pointer.
    """

    def __init__(self, store: Store, path: Path | None) -> None:
        self.store: Final = store
        self.path: Final = path
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
        """Return the first rows of a column with one value a row; what was read before is not read again.

        Rows never change once they are committed.
        """
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
        return dataset(
            TABLES[name], self.arrays[name], n_rows, self.surfaces, lambda column: self.column(name, column, n_rows)
        )

    def extra_columns(self, table: str) -> dict[str, Column]:
        """Return the columns that the format does not name."""
        return {
            name: Column(name, za.dtype_name(array), "")
            for name, array in self.arrays[table].items()
            if name not in TABLES[table].columns and array.ndim == 1
        }


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
