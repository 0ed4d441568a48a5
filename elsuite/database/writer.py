"""One commit: grow the arrays, write the new rows past the pointer, then move the pointer in one rename."""

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from zarr.abc.store import Store

from elsuite.core.typing import Array
from elsuite.database import arrays as za
from elsuite.database.locking import WriterLock
from elsuite.database.open_store import OpenStore
from elsuite.database.rows import Batch
from elsuite.schema import BLOCK_ROWS, FILL, TABLES, Column, LockedError, StoreError, Table, said_if_refused

MANY_FILES = 4096


@final
class Writer:
    """What only the one writer of a store may do: commit rows, clear leftovers, trim the arrays."""

    def __init__(self, opened: OpenStore, lock: WriterLock | None) -> None:
        self.lost = False  # True: someone else has taken the store over, and nothing may be written any more
        self._process = os.getpid()
        self._opened: Final = opened
        self._lock: Final = lock
        self._syncer: Final = _Syncer(opened.path)
        # A clean close leaves every array as long as the pointer says; anything else may hide leftovers.
        self._leftovers = any(
            array.shape[0] != opened.counts[table]
            for table, arrays in opened.arrays.items()
            for array in arrays.values()
        )
        self._clear()

    def check(self) -> None:
        """Raise unless this process may write."""
        if os.getpid() != self._process:
            raise LockedError(f"{self._opened.path} is written by process {self._process}, of which this is a fork")
        if self.lost:
            raise LockedError(f"{self._opened.path} was taken over by another writer; open it again")

    def commit(self, batches: Mapping[str, Batch], root: dict[str, Any], sync: bool) -> None:
        """Write the rows, then make `root` the root; after a failure, such as LockedError, the store is as before."""
        self._clear()
        self._leftovers = True
        try:
            for name, batch in batches.items():
                self._syncer.note(self._write(TABLES[name], batch, sync))
            if sync:
                self._syncer.sync()
            self._check_alone()
            za.write_root(self._opened.store, root)
            self._syncer.note(["zarr.json"])
        except BaseException:
            self._recover()
            raise
        self._opened.root, self._leftovers = root, False
        if sync:
            self._syncer.sync()

    def note_group(self, path: str) -> None:
        """Remember the files of a group that was written beside the tables: the next sync takes them along."""
        if (folder := self._opened.path) is not None:
            files = [item for item in (folder / path).rglob("*") if item.is_file()]
            self._syncer.note(
                [*(file.relative_to(folder).as_posix() for file in files), f"{path.rpartition('/')[0]}/zarr.json"]
            )

    def sync(self) -> None:
        """Return when everything committed is on the disk."""
        self._syncer.sync()

    def close(self) -> None:
        """Trim the arrays to the pointer, and give the lock back."""
        try:
            if self._opened.path is not None and not self.lost and os.getpid() == self._process:
                self._trim()
        finally:
            if self._lock is not None:
                self._lock.release()

    def _write(self, table: Table, batch: Batch, sync: bool) -> list[str]:
        """Write a batch past the pointer and return the keys of the files that changed."""
        opened, arrays = self._opened, self._opened.arrays[table.name]
        start = opened.counts[table.name]
        rows = max([start + batch.n_rows, *(array.shape[0] for array in arrays.values())])
        rows = -(-rows // BLOCK_ROWS) * BLOCK_ROWS
        given = {name: [(0, values)] for name, values in batch.columns.items()} | batch.pieces
        columns = table.columns | batch.extra
        new = [
            _new_array(table, columns[name], batch.dtypes.get(name, opened.dtype), (rows, *pieces[0][1].shape[1:]))
            for name, pieces in given.items()
            if name not in arrays and pieces
        ]
        arrays |= za.create_arrays(opened.store, new) if new else {}
        shapes = []
        for name, array in arrays.items():
            inner = [array.shape[1:], *(values.shape[1:] for _, values in given.get(name, []))]
            shapes.append((array, (rows, *(max(sizes) for sizes in zip(*inner, strict=True)))))
        # Of one dim all arrays are as long as the longest, or no reader can take them for one table.
        longest: dict[str | None, int] = {}
        for array, shape in shapes:
            for dim, size in zip(za.dims_of(array), shape, strict=True):
                longest[dim] = max(size, longest.get(dim, 0))
        shapes = [(array, tuple(longest[dim] for dim in za.dims_of(array))) for array, _ in shapes]
        metadata = [f"{array.path}/zarr.json" for array in arrays.values()]
        if za.resize(shapes, opened.store) and sync:
            # Or a power loss might keep rows in an array that seems to end at the pointer.
            self._syncer.sync_now(metadata)
        writes = [
            za.Write(arrays[name], start + offset, values)
            for name, pieces in given.items()
            for offset, values in pieces
            if not _all_fill(values)
        ]
        za.write(writes, opened.store)
        return metadata + [key for item in writes for key in za.chunk_keys(item)]

    def _check_alone(self) -> None:
        """Raise if someone else wrote to the store although this writer has the lock."""
        try:
            if self._lock is not None:
                self._lock.check()
            if za.read_root(self._opened.store) != self._opened.root:
                raise LockedError(
                    f"{self._opened.path} was changed by another writer; nothing was committed, open it again"
                )
        except LockedError:
            self.lost = True
            raise

    def _recover(self) -> None:
        """After a failure: believe the store, and clear what lies past its pointer if that is possible now."""
        if self.lost:
            return
        try:
            self._opened.refresh()
            self._clear()
        except StoreError:
            pass  # the disk is full, say: tried again before the next commit, and by the next writer

    def _clear(self) -> None:
        if not self._leftovers:
            return
        for table, n_rows in self._opened.counts.items():
            arrays = self._opened.arrays[table].values()
            # In this order, also on the disk: an array that ends at the pointer is known to hold no leftovers.
            self._syncer.sync_now(za.clear_chunks(arrays, self._opened.store, n_rows))
            za.resize([(array, (n_rows, *array.shape[1:])) for array in arrays], self._opened.store)
        self._leftovers = False

    def _trim(self) -> None:
        try:
            self._clear()
            counts = self._opened.counts
            for table, arrays in self._opened.arrays.items():
                shapes = [(array, (counts[table], *array.shape[1:])) for array in arrays.values()]
                za.resize(shapes, self._opened.store)
        except StoreError:
            pass  # the next writer clears and trims; readers slice to the pointer


def _all_fill(values: Array) -> bool:
    """Whether there is nothing to write: what is past the pointer reads as the fill value already."""
    if values.size == 0:
        return True
    if values.dtype.kind == "O":
        return not any(values.ravel())
    if values.dtype.kind == "f":
        return bool(np.isnan(values.flat[0])) and bool(np.isnan(values).all())
    return bool((values == FILL[str(values.dtype)]).all())


def create_tables(store: Store, root: Mapping[str, Any], dtype: str) -> None:
    """Make the three groups, with coordinates of this dtype, then the root: a store is one only when it is whole."""
    surfaces = np.array(root["surfaces"], dtype=object)
    sizes = {"surface": len(surfaces), "parameter": root["n_parameters"], "epoch": 0, "point": 0}
    names = Column("surface", "str", "names of the surfaces")
    za.create_groups(store, TABLES.values())
    for table in TABLES.values():
        new = [
            _new_array(table, column, dtype, (0, *(sizes[dim] for dim in column.dims)))
            for column in table.columns.values()
            if not column.optional
        ]
        if table.name != "paths":
            new.append(za.NewArray(table, names, "str", surfaces.shape, ("surface",)))
        arrays = za.create_arrays(store, new)
        if table.name != "paths":
            za.write([za.Write(arrays["surface"], 0, surfaces)], store)
    za.write_root(store, root)


def _new_array(table: Table, column: Column, dtype: str, shape: tuple[int, ...]) -> za.NewArray:
    own = dtype if column.dtype == "parameter" or column.others else column.dtype
    return za.NewArray(table, column, own, shape, (table.dim, *column.dims))


@final
class _Syncer:
    """Keeps the names of the files that changed since the last `sync`, and syncs them and their folders."""

    def __init__(self, folder: Path | None) -> None:
        self._folder: Final = folder
        self._changed: set[str] = set()
        self._everything = True  # the first time: a writer that was killed may have committed without

    def note(self, keys: Iterable[str]) -> None:
        """Remember files, by their names in the store."""
        if self._folder is not None and not self._everything:
            self._changed.update(keys)
            self._everything = len(self._changed) > MANY_FILES

    def sync_now(self, keys: Iterable[str]) -> None:
        """Return when some files are on the disk, by their names in the store; raises StoreAccessError."""
        if self._folder is not None:
            self._sync_files(self._folder, [self._folder / key for key in keys])

    def sync(self) -> None:
        """Return when all that was noted is on the disk; raises StoreAccessError when it refuses."""
        if self._folder is None:
            return
        if not self._everything:
            self._sync_files(self._folder, [self._folder / key for key in self._changed])
        elif os.name == "posix":
            os.sync()
        else:
            self._sync_files(self._folder, list(self._folder.rglob("*")))
        self._changed.clear()
        self._everything = False

    def _sync_files(self, folder: Path, paths: list[Path]) -> None:
        files = [path for path in paths if path.is_file()]  # a chunk of nothing but fill values is none
        folders = {path.parent for path in paths} if os.name == "posix" else set()
        with said_if_refused(f"cannot sync {folder}"), ThreadPoolExecutor(8) as threads:
            list(threads.map(_sync_one, files))
            list(threads.map(_sync_one, folders))


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
