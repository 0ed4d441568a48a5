"""The arrays of a store: open, make, grow, write, read, clear; nothing here knows what the rows mean.

All of it runs on zarr's asynchronous interface, so that the many small files of a commit are written side by side.
"""

import asyncio
import errno
import json
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import zarr
from zarr.abc.store import Store
from zarr.api import asynchronous as zarr_async
from zarr.buffer.cpu import Buffer
from zarr.storage import LocalStore, StorePath

from elsuite.schema import FILL, Column, DamagedStoreError, StoreAccessError, chunk_shape

__all__ = [
    "Array",
    "Write",
    "as_objects",
    "clear_past",
    "create_array",
    "create_group",
    "open_arrays",
    "read",
    "resize",
    "run",
    "write",
]

Array: TypeAlias = zarr.AsyncArray[Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Write:
    """Values for the rows of one array from `row` on."""

    array: Array
    row: int
    values: np.ndarray[Any, Any]


def run(work: Coroutine[Any, Any, T], what: str) -> T:
    """Run a coroutine to its end, also when the caller is interrupted, and name what failed.

    A thread of its own: the caller may be in an event loop (a notebook), and an interrupted caller must not
    leave writes behind that still go on.

    Raises
    ------
    StoreAccessError
        When the operating system refused.
    DamagedStoreError
        When zarr cannot make sense of a file.
    """
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(asyncio.run, work).result()
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR} and not error.strerror:
                raise DamagedStoreError(f"cannot {what}: {error}") from error
            raise StoreAccessError(f"cannot {what}: {error.strerror or error}") from error
        except (DamagedStoreError, StoreAccessError):
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise DamagedStoreError(f"cannot {what}: {type(error).__name__}: {reason}") from error


async def _open(store: Store, path: str) -> Array:
    try:
        return await zarr.AsyncArray.open(StorePath(store, path))
    except OSError:
        raise
    except Exception as error:
        raise DamagedStoreError(
            f"{path}/zarr.json in {store} is damaged: {type(error).__name__}: {error}"
        ) from error


def _dims(array: Array) -> tuple[str | None, ...]:
    return tuple(array.metadata.dimension_names or [None] * array.ndim)


def open_arrays(store: Store, group: str, dim: str) -> dict[str, Array]:
    """Return the columns of a group by name: its arrays whose first dim is the row."""

    async def work() -> dict[str, Array]:
        names = sorted([name async for name in store.list_dir(group)])
        present = await asyncio.gather(*[store.exists(f"{group}/{name}/zarr.json") for name in names])
        names = [name for name, there in zip(names, present, strict=True) if there]
        arrays = await asyncio.gather(*[_open(store, f"{group}/{name}") for name in names])
        pairs = zip(names, arrays, strict=True)
        return {name: array for name, array in pairs if array.ndim and _dims(array)[0] == dim}

    return run(work(), f"open {group} in {store}")


def create_array(
    store: Store, group: str, dim: str, column: Column, dtype: str, n_rows: int, sizes: Mapping[str, int]
) -> Array:
    """Make the empty array of a column and return it."""
    attributes = {"long_name": column.long_name} | ({"units": column.units} if column.units else {})
    bulky = "parameter" in column.dims
    work = zarr_async.create_array(
        store,
        name=f"{group}/{column.name}",
        shape=(n_rows, *(sizes[name] for name in column.dims)),
        dtype=dtype,
        chunks=chunk_shape(column, sizes, dtype),
        fill_value=FILL[dtype],
        compressors=None if bulky else "auto",
        dimension_names=(dim, *column.dims),
        chunk_key_encoding={"name": "default", "separator": "."},
        attributes=attributes,
    )
    return run(work, f"create {group}/{column.name} in {store}")


def create_group(store: Store, name: str) -> None:
    """Make an empty group."""
    run(zarr_async.create_group(store=store, path=name, overwrite=True), f"create {name} in {store}")


def resize(arrays: Iterable[tuple[Array, tuple[int, ...]]], store: Store) -> None:
    """Set the shapes of arrays; the chunks stay as they are."""

    async def work() -> None:
        await asyncio.gather(
            *[
                array.resize(shape, delete_outside_chunks=False)
                for array, shape in arrays
                if array.shape != shape
            ]
        )

    run(work(), f"resize arrays in {store}")


def write(writes: Iterable[Write], store: Store) -> None:
    """Write rows, all arrays side by side."""

    async def work() -> None:
        await asyncio.gather(*[_write(item) for item in writes])

    run(work(), f"write to {store}")


async def _write(item: Write) -> None:
    rows = slice(item.row, item.row + len(item.values))
    rest = tuple(slice(0, size) for size in item.values.shape[1:])
    await item.array.setitem((rows, *rest), item.values)


def read(array: Array, start: int, stop: int) -> np.ndarray[Any, Any]:
    """Return the rows from `start` to before `stop`; strings as an object array."""
    return as_objects(run(array.getitem(slice(start, stop)), f"read {array.path} (a damaged chunk?)"))


def as_objects(values: Any) -> np.ndarray[Any, Any]:
    """Return an array as it is, and strings as Python objects, which pandas, networkx and JSON all take."""
    result = np.asarray(values)
    return result.astype(object) if result.dtype.kind in "TUO" else result


def clear_past(arrays: Iterable[Array], store: Store, n_rows: int) -> None:
    """Remove everything past row `n_rows` and set the arrays to that length.

    In this order: an array that has the length is then known to hold no leftovers.
    """

    async def work() -> None:
        await asyncio.gather(*[_clear(array, store, n_rows) for array in arrays])

    run(work(), f"clear leftovers in {store}")


async def _clear(array: Array, store: Store, n_rows: int) -> None:
    rows, chunk = array.shape[0], array.chunks[0]
    stop = min(rows, -(-n_rows // chunk) * chunk)
    if 0 not in array.shape and n_rows < stop:
        await array.setitem(slice(n_rows, stop), array.metadata.fill_value)
    prefix = array.path
    keys = [key async for key in store.list_dir(prefix)]
    parts = [(key, key.split(".")) for key in keys if key.startswith("c.")]
    past = [key for key, part in parts if part[1].isdigit() and int(part[1]) * chunk >= n_rows]
    await asyncio.gather(*[store.delete(f"{prefix}/{key}") for key in past])
    if rows != n_rows:
        await array.resize((n_rows, *array.shape[1:]), delete_outside_chunks=False)


def local_folder(store: Store) -> Path | None:
    """Return the folder of a store on disk, None in memory."""
    return store.root if isinstance(store, LocalStore) else None


def read_root(store: Store) -> dict[str, Any]:
    """Return the attributes of the root."""

    async def work() -> dict[str, Any]:
        group = await zarr.AsyncGroup.open(store, use_consolidated=False)
        return dict(group.attrs)

    return run(work(), f"read {store}/zarr.json")


def write_root(store: Store, attributes: Mapping[str, Any]) -> None:
    """Replace the attributes of the root: one atomic rename of one file."""
    document = {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}
    data = json.dumps(document, indent=2, allow_nan=False).encode()
    buffer = Buffer.from_bytes(data)
    run(store.set("zarr.json", buffer), f"commit to {store}")


def read_rows(array: Array, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return some rows of an array, in any order and repeated or not; only their chunks are read."""
    unique, inverse = np.unique(rows, return_inverse=True)
    if not unique.size:
        return np.empty((0, *array.shape[1:]), array.dtype)
    what = f"read {array.path} (a damaged chunk?)"
    if unique[-1] - unique[0] + 1 == unique.size:
        found = np.asarray(run(array.getitem(slice(int(unique[0]), int(unique[-1]) + 1)), what))
    else:
        everything = tuple(slice(None) for _ in array.shape[1:])
        found = np.asarray(run(array.oindex.getitem((unique, *everything)), what))
    return found[inverse]
