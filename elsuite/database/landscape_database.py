"""`LandscapeDatabase`: a store of runs, minima and paths that one writer extends and any number of readers read."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from zarr.abc.store import Store
from zarr.storage import LocalStore, MemoryStore

from elsuite.database import arrays as za
from elsuite.database.checks import check_heights, check_keys, check_references
from elsuite.database.folders import check_new_folder, check_root, existing_folder, local_path
from elsuite.database.locking import WriterLock
from elsuite.database.rows import Batch, Context, Rows, make_batch
from elsuite.database.tables import dataset, load
from elsuite.database.transaction import clear_leftovers, create_table, write_rows
from elsuite.schema import (
    CONVENTIONS,
    FORMAT,
    FORMAT_VERSION,
    RESERVED,
    TABLES,
    Column,
    LockedError,
    NotFoundError,
    StoreAccessError,
    StoreError,
    check_attributes,
)

__all__ = ["Added", "LandscapeDatabase", "open_database"]

PACKAGES = ("elsuite", "networkx", "numpy", "scipy", "scikit-learn", "torch", "xarray", "zarr")


@dataclass(frozen=True)
class Added:
    """The ids that an `add` gave to the new rows, in the order given.

    Attributes
    ----------
    runs, minima, paths : ndarray of int64
    """

    runs: NDArray[np.int64]
    minima: NDArray[np.int64]
    paths: NDArray[np.int64]


@final
class LandscapeDatabase:
    """Runs, minima and paths of one landscape, in a store that loses nothing that was committed.

    Made by `LandscapeDatabase.create` or `open_database`.  One writer at a time extends it, any number of readers
    read whole commits.  Ids are row numbers: never reused, never renumbered.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"])
    >>> added = database.add(minima={"coordinates": [[0.0, 1.0], [1.0, 0.0]], "energy": [[-1.0], [-2.0]]})
    >>> added.minima
    array([0, 1])
    >>> added = database.add(paths=[{"source": 0, "target": 1, "height": 0.5}])
    >>> database.paths.height.values
    array([0.5])
    """

    def __init__(self, store: Store, path: Path | None, lock: WriterLock | None, writable: bool) -> None:
        self._store, self._path, self._lock, self._writable = store, path, lock, writable
        self._root: dict[str, Any] = {}
        self._arrays: dict[str, dict[str, za.Array]] = {}
        self._loaded: dict[str, dict[str, np.ndarray[Any, Any]]] = {name: {} for name in TABLES}
        self._keys: dict[str, set[int]] = {}
        self._leftovers = False
        self._closed = False
        self.refresh()
        if writable:
            self._leftovers = any(
                array.shape[0] != self._counts[table]
                for table, arrays in self._arrays.items()
                for array in arrays.values()
            )
            self._clear()

    @classmethod
    def create(
        cls,
        path: str | Path | None,
        *,
        n_parameters: int,
        surfaces: list[str] | tuple[str, ...],
        dtype: Literal["float32", "float64"] = "float32",
        attributes: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make an empty database, open for writing.

        Parameters
        ----------
        path : str, Path or None
            A folder that is not there yet, by convention NAME.elsuite; None: in memory.
        n_parameters : int
            Length of a point.
        surfaces : sequence of str
            Names of the surfaces, such as "train" and "test".
        dtype : {"float32", "float64"}
            Of the coordinates.
        attributes : mapping of str to JSON value, optional
            Kept with the store: the study file, the landscape, the finders' settings.

        Returns
        -------
        LandscapeDatabase

        Raises
        ------
        ValueError
            For bad arguments.
        StoreExistsError
            When something is at `path` already.
        LockedError
            When another process is making it at this moment.
        StoreAccessError
            When the folder cannot be written.
        """
        root = _new_root(n_parameters, surfaces, dtype, attributes or {})
        if path is None:
            store: Store = MemoryStore()
            _create_tables(store, root, dtype)
            return cls(store, None, None, writable=True)
        folder = local_path(path)
        try:
            check_new_folder(folder)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreAccessError(f"cannot create {folder}: {error.strerror or error}") from error
        lock = WriterLock(folder, timeout=0.0)
        try:
            check_new_folder(folder)
            store = LocalStore(folder)
            _create_tables(store, root, dtype)
            return cls(store, folder, lock, writable=True)
        except BaseException:
            lock.release()
            raise

    @property
    def path(self) -> Path | None:
        """Folder of the store; None in memory."""
        return self._path

    @property
    def n_parameters(self) -> int:
        """Length of a point."""
        return int(self._root["n_parameters"])

    @property
    def surfaces(self) -> tuple[str, ...]:
        """Names of the surfaces."""
        return tuple(self._root["surfaces"])

    @property
    def n_runs(self) -> int:
        """Number of committed runs."""
        return self._counts["runs"]

    @property
    def n_minima(self) -> int:
        """Number of committed minima."""
        return self._counts["minima"]

    @property
    def n_paths(self) -> int:
        """Number of committed paths."""
        return self._counts["paths"]

    @property
    def attributes(self) -> dict[str, Any]:
        """Free attributes of the store, as plain JSON values: a copy; `add(attributes=...)` changes them."""
        return {
            name: json.loads(json.dumps(value))
            for name, value in self._root.items()
            if name not in RESERVED or name in {"created", "format_version"}
        }

    @property
    def runs(self) -> xr.Dataset:
        """Optimizations, one a row (dim `run`); `curves` is read when asked for."""
        return self._dataset("runs")

    @property
    def minima(self) -> xr.Dataset:
        """Minima, one a row (dim `minimum`); `coordinates` is read when asked for."""
        return self._dataset("minima")

    @property
    def paths(self) -> xr.Dataset:
        """Paths and transition states, one a row (dim `path`); profiles and coefficients are read when asked for."""
        return self._dataset("paths")

    def coordinates(self, ids: ArrayLike) -> NDArray[np.floating]:
        """Return the points of some minima; nothing else is read.

        Parameters
        ----------
        ids : array-like of int, shape (n,)

        Returns
        -------
        ndarray (n, n_parameters)

        Raises
        ------
        NotFoundError
            For an id that is no minimum's.
        ValueError
            For ids that are no whole numbers.
        """
        wanted = np.atleast_1d(np.asarray(ids))
        if wanted.size == 0:
            wanted = wanted.astype(np.int64)
        if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
            raise ValueError(
                f"ids: expected whole numbers of shape (n,), got {wanted.dtype} of shape {wanted.shape}"
            )
        outside = wanted[(wanted < 0) | (wanted >= self.n_minima)]
        if outside.size:
            raise NotFoundError(f"no minimum {outside[0]}; the database has {_range(self.n_minima)}")
        return za.read_rows(self._arrays["minima"]["coordinates"], wanted)

    def add(
        self,
        *,
        runs: Rows | None = None,
        minima: Rows | None = None,
        paths: Rows | None = None,
        attributes: Mapping[str, Any] | None = None,
        sync: bool = False,
    ) -> Added:
        """Add rows to any of the tables in one commit: all of them are there afterwards, or none.

        Parameters
        ----------
        runs, minima, paths : mapping of column to values, or sequence of mappings, optional
            Columns are those of the format and any further scalars. A value that is None is a missing one. Energies
            and curves may be mappings of surface to values. Ids may be those of rows in the same call.
        attributes : mapping of str to JSON value, optional
            Attributes to set in the same commit.
        sync : bool
            Return only when the rows are on the disk, so that a power loss cannot take them: before
            anything else that held them is deleted.

        Returns
        -------
        Added
            Ids of the new rows.

        Raises
        ------
        ValueError
            When a value, shape, dtype, id, key or height is not allowed; nothing was written.
        StoreError
            When the store could not be written; the last commit is intact.
        """
        self._check_writable()
        counts = self._counts
        batches = self._batches(runs=runs, minima=minima, paths=paths)
        new_keys = self._check(batches, counts)
        root = self._root | check_attributes(attributes or {})
        for name, batch in batches.items():
            root[TABLES[name].pointer] = counts[name] + batch.n_rows
        self._commit(batches, root, sync)
        for name, keys in new_keys.items():
            self._keys[name] |= keys
        after = self._counts
        ids = {name: np.arange(counts[name], after[name], dtype=np.int64) for name in TABLES}
        return Added(**ids)

    def refresh(self) -> None:
        """See what was committed since the database was opened or refreshed."""
        self._check_open()
        root = check_root(self._store, self._path or "memory")
        arrays = {name: za.open_arrays(self._store, name, table.dim) for name, table in TABLES.items()}
        self._root, self._arrays = root, arrays

    def close(self) -> None:
        """Trim the arrays to what is committed and give the lock back; a second call does nothing."""
        if self._closed:
            return
        try:
            if self._writable and self._path is not None:
                self._trim()
        finally:
            self._closed = True
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = self._path or "in memory"
        return (
            f"<LandscapeDatabase {where}: {self.n_runs} runs, {self.n_minima} minima, {self.n_paths} paths>"
        )

    @property
    def _counts(self) -> dict[str, int]:
        return {name: int(self._root[table.pointer]) for name, table in TABLES.items()}

    def _dataset(self, name: str) -> xr.Dataset:
        self._check_open()
        self._load(name, self._arrays[name])
        return dataset(
            TABLES[name], self._arrays[name], self._counts[name], self._loaded[name], self.surfaces
        )

    def _load(self, name: str, arrays: Mapping[str, za.Array]) -> None:
        loaded = self._loaded[name]
        loaded.update(load(TABLES[name], arrays, self._counts[name], loaded))

    def _column(self, table: str, name: str) -> np.ndarray[Any, Any]:
        self._load(table, {name: self._arrays[table][name]})
        return self._loaded[table][name]

    def _batches(self, **given: Rows | None) -> dict[str, Batch]:
        batches = {}
        for name, rows in given.items():
            if rows is None:
                continue
            extra = {
                key: Column(key, _dtype_name(array), "")
                for key, array in self._arrays[name].items()
                if key not in TABLES[name].columns
            }
            context = Context(self.surfaces, self.n_parameters, self._dtype, extra)
            batches[name] = make_batch(TABLES[name], rows, context)
        return {name: batch for name, batch in batches.items() if batch.n_rows}

    @property
    def _dtype(self) -> str:
        return str(self._arrays["minima"]["coordinates"].dtype)

    def _check(self, batches: Mapping[str, Batch], counts: Mapping[str, int]) -> dict[str, set[int]]:
        """Check what must hold between rows; return the new keys."""
        check_references(batches, counts)
        if "paths" in batches:
            energies = self._column("minima", "energy")
            if "minima" in batches:
                energies = np.concatenate([energies, batches["minima"].columns["energy"]])
            check_heights(batches["paths"], energies, self.surfaces)
        return check_keys(batches, self._known_keys)

    def _known_keys(self, table: str) -> set[int]:
        if table not in self._keys:
            keys = self._column(table, "key")
            self._keys[table] = set(keys[keys != 0].tolist())
        return self._keys[table]

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"the database {self._path or 'in memory'} is closed")

    def _check_writable(self) -> None:
        self._check_open()
        if not self._writable:
            raise StoreError(
                f"the database {self._path} is open for reading; open it with mode 'a' to add to it"
            )

    def _commit(self, batches: Mapping[str, Batch], root: dict[str, Any], sync: bool) -> None:
        self._clear()
        sizes = {
            "surface": len(self.surfaces),
            "parameter": self.n_parameters,
            "epoch": 0,
            "point": 0,
            "term": 0,
        }
        counts = self._counts
        self._leftovers = True
        try:
            for name, batch in batches.items():
                write_rows(
                    self._store, TABLES[name], self._arrays[name], batch, counts[name], sizes, self._dtype
                )
            self._check_unmoved()
            za.write_root(self._store, root)
        except BaseException:
            self._recover(root)
            raise
        self._root = root
        self._leftovers = False
        if sync and self._path is not None:
            os.sync()

    def _check_unmoved(self) -> None:
        """Raise if someone else wrote to the store although this writer holds the lock."""
        if self._lock is not None:
            self._lock.check()
        if za.read_root(self._store) != self._root:
            self._writable = False
            raise LockedError(
                f"{self._path} was changed by another writer; nothing was committed, open it again"
            )

    def _recover(self, root: Mapping[str, Any]) -> None:
        """After a failure: take what the store says, and clear what lies past its pointer if that is possible."""
        try:
            if self._writable:
                self.refresh()
                self._leftovers = True
                self._clear()
        except StoreError:
            pass

    def _clear(self) -> None:
        if self._leftovers:
            clear_leftovers(self._store, self._arrays, self._counts)
            self._leftovers = False

    def _trim(self) -> None:
        try:
            self._clear()
            counts = self._counts
            shapes = [
                (array, (counts[table], *array.shape[1:]))
                for table, arrays in self._arrays.items()
                for array in arrays.values()
            ]
            za.resize(shapes, self._store)
        except StoreError:
            pass  # the next writer clears and trims; readers slice to the pointer


def _dtype_name(array: za.Array) -> str:
    return "str" if array.dtype.kind in "TUO" else str(array.dtype)


def _range(n_rows: int) -> str:
    return f"minima 0 to {n_rows - 1}" if n_rows else "no minima"


def _new_root(
    n_parameters: int, surfaces: list[str] | tuple[str, ...], dtype: str, attributes: Mapping[str, Any]
) -> dict[str, Any]:
    if isinstance(surfaces, str) or not surfaces or len(set(surfaces)) < len(surfaces):
        raise ValueError(f"surfaces: expected one or more different names, got {surfaces!r}")
    if not all(isinstance(name, str) and name for name in surfaces):
        raise ValueError(f"surfaces: expected names, got {surfaces!r}")
    if isinstance(n_parameters, bool) or not isinstance(n_parameters, int | np.integer) or n_parameters < 0:
        raise ValueError(f"n_parameters: expected a whole number from 0, got {n_parameters!r}")
    if dtype not in {"float32", "float64"}:
        raise ValueError(f"dtype: expected float32 or float64, got {dtype!r}")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "Conventions": CONVENTIONS,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "n_parameters": int(n_parameters),
        "surfaces": [str(name) for name in surfaces],
        **{table.pointer: 0 for table in TABLES.values()},
        "versions": _versions(),
        **check_attributes(attributes),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _create_tables(store: Store, root: Mapping[str, Any], dtype: str) -> None:
    """Make the three groups, then the root: a store is one only when it is whole."""
    surfaces = tuple(root["surfaces"])
    sizes = {"surface": len(surfaces), "parameter": root["n_parameters"], "epoch": 0, "point": 0, "term": 0}
    for table in TABLES.values():
        create_table(store, table, sizes, dtype, surfaces)
    za.write_root(store, root)


def open_database(
    path: str | Path, mode: Literal["r", "a"] = "r", *, timeout: float = 0.0
) -> LandscapeDatabase:
    """Open a database to read it, or to add to it.

    Parameters
    ----------
    path : str or Path
        The folder of the store.
    mode : {"r", "a"}
        "r" reads and never writes a file; "a" takes the lock and clears what a killed writer left.
    timeout : float
        Seconds to wait for another writer.

    Returns
    -------
    LandscapeDatabase

    Raises
    ------
    NotFoundError
        When nothing is at `path`.
    NotAStoreError, NewerFormatError, DamagedStoreError
        When it is no store that this program can read.
    LockedError
        When another writer holds it.
    StoreAccessError
        When the operating system refuses.
    ValueError
        For another mode, or a URL.
    """
    if mode not in {"r", "a"}:
        raise ValueError(f"mode: expected 'r' or 'a', got {mode!r}")
    folder = existing_folder(path)
    if mode == "r":
        return LandscapeDatabase(LocalStore(folder, read_only=True), folder, None, writable=False)
    check_root(LocalStore(folder, read_only=True), folder)
    lock = WriterLock(folder, timeout)
    try:
        return LandscapeDatabase(LocalStore(folder), folder, lock, writable=True)
    except BaseException:
        lock.release()
        raise
