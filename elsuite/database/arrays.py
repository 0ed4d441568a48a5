"""The arrays of a store: open, make, grow, write, read, clear; nothing here knows what the rows mean.

All of it runs on zarr's asynchronous interface, so that the many small files of a commit are written side by side.
"""

import asyncio
import itertools
import json
from collections.abc import Container, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
import zarr
from zarr.abc.store import Store
from zarr.api import asynchronous as zarr_async
from zarr.buffer.cpu import Buffer
from zarr.storage import StorePath

from elsuite.core.typing import Array as Values
from elsuite.schema import FILL, Column, DamagedStoreError, StoreAccessError, Table, chunk_shape

Array: TypeAlias = zarr.AsyncArray[Any]
T = TypeVar("T")

WHOLE_BYTES = 2**22
"""Arrays that are written once and read whole have chunks of about so many bytes."""


@dataclass(frozen=True)
class Write:
    """Values for the rows of one array from `row` on."""

    array: Array
    row: int
    values: Values


def run(work: Coroutine[Any, Any, T], what: str) -> T:
    """Run a coroutine to its end; raises StoreAccessError or DamagedStoreError that says what failed: cannot `what`."""
    # In a thread of its own: the caller may be inside an event loop (a notebook), and an interrupted caller must not
    # leave writes behind that still go on.
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(asyncio.run, work).result()
        except (DamagedStoreError, StoreAccessError):
            raise
        except OSError as error:
            if error.errno is None:  # zarr's own errors for a missing node, not the system's
                raise DamagedStoreError(f"cannot {what}: {_one_line(error)}") from error
            raise StoreAccessError(f"cannot {what}: {error.strerror or error}") from error
        except Exception as error:
            raise DamagedStoreError(f"cannot {what}: {_one_line(error)}") from error


async def _all(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what some coroutines give, all run side by side."""
    return list(await asyncio.gather(*work))


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def is_string(array: Array) -> bool:
    """Whether an array holds strings."""
    return array.dtype.kind in "TUO"


def as_objects(values: Any) -> Values:
    """Return an array as it is, and strings as Python objects, which pandas, networkx and JSON all take."""
    result = np.asarray(values)
    return result.astype(object) if result.dtype.kind in "TUO" else result


async def _open(store: Store, path: str) -> Array:
    try:
        array = await zarr.AsyncArray.open(StorePath(store, path))
        if not isinstance(array.metadata.attributes, dict):
            raise TypeError(f"attributes are {array.metadata.attributes!r:.40}, an object is expected")
        return array
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedStoreError(f"{path}/zarr.json in {store} is damaged: {_one_line(error)}") from error


async def _list(store: Store, group: str) -> list[str]:
    names = sorted([name async for name in store.list_dir(group)])
    present = await _all(store.exists(f"{group}/{name}/zarr.json") for name in names)
    return [name for name, there in zip(names, present, strict=True) if there]


def dims_of(array: Array) -> tuple[str | None, ...]:
    """Return the names of an array's dims."""
    return tuple(array.metadata.dimension_names or [None] * array.ndim)


def dtype_name(array: Array) -> str:
    """Return the dtype of an array as the format calls it."""
    return "str" if is_string(array) else str(array.dtype)


def list_arrays(store: Store, group: str) -> list[str]:
    """Return the names of the arrays of a group."""
    return run(_list(store, group), f"list {group} in {store}")


def open_array(store: Store, path: str) -> Array:
    """Open one array."""
    return run(_open(store, path), f"open {path} in {store}")


def open_arrays(store: Store, group: str, dim: str) -> dict[str, Array]:
    """Return the columns of a group by name: its arrays whose first dim is the row."""

    async def work() -> dict[str, Array]:
        names = await _list(store, group)
        arrays = await _all(_open(store, f"{group}/{name}") for name in names)
        pairs = zip(names, arrays, strict=True)
        return {name: array for name, array in pairs if array.ndim and dims_of(array)[0] == dim}

    return run(work(), f"open {group} in {store}")


@dataclass(frozen=True)
class NewArray:
    """An array to be made: the table and column it is of, and its dtype, shape and dims."""

    table: Table
    column: Column
    dtype: str
    shape: tuple[int, ...]
    dims: tuple[str, ...]


def create_groups(store: Store, tables: Iterable[Table]) -> None:
    """Make empty groups; what is there already is removed."""
    groups = [
        zarr_async.create_group(store=store, path=table.name, overwrite=True, attributes={"long_name": table.name})
        for table in tables
    ]
    run(_all(groups), f"create groups in {store}")


def create_arrays(store: Store, arrays: Iterable[NewArray]) -> dict[str, Array]:
    """Make empty arrays and return them by the names of their columns."""
    made = run(_all(_create(store, array) for array in arrays), f"create arrays in {store}")
    return {array.path.rsplit("/", 1)[1]: array for array in made}


async def _create(store: Store, array: NewArray) -> Array:
    column = array.column
    attributes: dict[str, Any] = {"long_name": column.long_name}
    if column.units:
        attributes["units"] = column.units
    return await zarr_async.create_array(
        store,
        name=f"{array.table.name}/{column.name}",
        shape=array.shape,
        dtype=array.dtype,
        chunks=chunk_shape(column, array.shape[1:], array.dtype),
        fill_value=FILL[array.dtype],
        # Weights are noise to a compressor: a tenth smaller, and up to three times slower.
        compressors=None if "parameter" in column.dims else "auto",
        dimension_names=array.dims,
        # One folder an array, and not one a chunk.
        chunk_key_encoding={"name": "default", "separator": "."},
        attributes=attributes,
        overwrite=True,
    )


@dataclass(frozen=True)
class Variable:
    """Whole values of an array that is no column: the names of its dims, the values, and its attributes."""

    dims: tuple[str, ...]
    values: Values
    attributes: Mapping[str, Any]


def write_group(store: Store, path: str, variables: Mapping[str, Variable], attributes: Mapping[str, Any]) -> None:
    """Make the group `path`, one below another that is made if need be, of whole arrays; what was there is removed."""
    parent = path.rpartition("/")[0]

    async def work() -> None:
        if not await store.exists(f"{parent}/zarr.json"):
            await zarr_async.create_group(store=store, path=parent, attributes={"long_name": parent})
        await zarr_async.create_group(store=store, path=path, overwrite=True, attributes=dict(attributes))
        await _all(_write_whole(store, f"{path}/{name}", variable) for name, variable in variables.items())

    run(work(), f"write {path} to {store}")


async def _write_whole(store: Store, path: str, variable: Variable) -> None:
    values = variable.values
    dtype = "str" if values.dtype.kind in "TUO" else str(values.dtype)
    rest = [max(1, size) for size in values.shape[1:]]
    rows = max(1, WHOLE_BYTES // (values.dtype.itemsize * int(np.prod(rest))))
    array = await zarr_async.create_array(
        store,
        name=path,
        shape=values.shape,
        dtype=dtype,
        chunks=(min(rows, max(1, values.shape[0])), *rest),
        fill_value=FILL[dtype],
        dimension_names=variable.dims,
        chunk_key_encoding={"name": "default", "separator": "."},
        attributes=dict(variable.attributes),
        overwrite=True,
    )
    if values.size:
        await array.setitem(slice(None), values)


def read_group(store: Store, path: str) -> tuple[dict[str, Any], dict[str, Variable]]:
    """Return the attributes of a group that `write_group` made, and its arrays with all their values."""

    async def work() -> tuple[dict[str, Any], dict[str, Variable]]:
        group = await zarr.AsyncGroup.open(StorePath(store, path), use_consolidated=False)
        names = await _list(store, path)
        arrays = await _all(_open(store, f"{path}/{name}") for name in names)
        values = await _all(_read_whole(array) for array in arrays)
        found = {
            name: Variable(tuple(map(str, dims_of(array))), as_objects(own), dict(array.attrs))
            for name, array, own in zip(names, arrays, values, strict=True)
        }
        return dict(group.attrs), found

    return run(work(), f"read {path} in {store}")


async def _read_whole(array: Array) -> Any:
    try:
        return await array.getitem(...)
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedStoreError(f"cannot read {array.path} (a damaged chunk?): {_one_line(error)}") from error


def delete_groups(store: Store, parent: str, keep: Container[str]) -> None:
    """Remove what is in a group but for the names to `keep`."""

    async def work() -> None:
        names = [name async for name in store.list_dir(parent)]
        await _all(store.delete_dir(f"{parent}/{name}") for name in names if name not in keep and name != "zarr.json")

    run(work(), f"clear {parent} in {store}")


def resize(shapes: Iterable[tuple[Array, tuple[int, ...]]], store: Store) -> bool:
    """Set the shapes of arrays and return whether any changed; the chunks stay as they are."""
    changed = [(array, shape) for array, shape in shapes if array.shape != shape]
    if changed:
        work = (array.resize(shape, delete_outside_chunks=False) for array, shape in changed)
        run(_all(work), f"resize arrays in {store}")
    return bool(changed)


def write(writes: Iterable[Write], store: Store) -> None:
    """Write rows, all arrays side by side."""
    run(_all(item.array.setitem(_region(item), item.values) for item in writes), f"write to {store}")


def _region(item: Write) -> tuple[slice, ...]:
    rows = slice(item.row, item.row + len(item.values))
    return (rows, *(slice(0, size) for size in item.values.shape[1:]))


def chunk_keys(item: Write) -> Iterator[str]:
    """Return the keys of the chunks that a write touches."""
    spans = [
        range(region.start // chunk, -(-region.stop // chunk))
        for region, chunk in zip(_region(item), item.array.chunks, strict=True)
    ]
    for index in itertools.product(*spans):
        yield f"{item.array.path}/{item.array.metadata.encode_chunk_key(index)}"


def read(array: Array, start: int, stop: int) -> Values:
    """Return the rows from `start` to before `stop`; strings as an object array."""
    return as_objects(run(array.getitem(slice(start, stop)), f"read {array.path} (a damaged chunk?)"))


def read_rows(array: Array, rows: Values) -> Values:
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


def clear_chunks(arrays: Iterable[Array], store: Store, n_rows: int) -> list[str]:
    """Remove everything past row `n_rows`, the lengths of the arrays apart; return the keys of what changed."""
    cleared = run(_all(_clear(array, store, n_rows) for array in arrays), f"clear leftovers in {store}")
    return list(itertools.chain.from_iterable(cleared))


async def _clear(array: Array, store: Store, n_rows: int) -> list[str]:
    rows, chunk, prefix = array.shape[0], array.chunks[0], array.path
    stop = min(rows, -(-n_rows // chunk) * chunk)
    if n_rows < stop and 0 not in array.shape:
        await array.setitem(slice(n_rows, stop), array.metadata.fill_value)
    keys = [key async for key in store.list_dir(prefix)]
    past = [key for key in keys if key.endswith(".partial") or _row_of(key, chunk) >= n_rows]
    await _all(store.delete(f"{prefix}/{key}") for key in past)
    last = [key for key in keys if n_rows - chunk <= _row_of(key, chunk) < n_rows]
    return [f"{prefix}/zarr.json", *(f"{prefix}/{key}" for key in last)]


def _row_of(key: str, chunk: int) -> int:
    """Return the first row of a chunk, -1 for other files."""
    parts = key.split(".")
    return int(parts[1]) * chunk if parts[0] == "c" and len(parts) > 1 and parts[1].isdigit() else -1


def chunk_sizes(store: Store, array: Array) -> list[tuple[str, int, int]]:
    """Return name, size in bytes and expected size of every stored chunk of an array that is not compressed."""

    async def work() -> list[tuple[str, int, int]]:
        keys = sorted([key async for key in store.list_dir(array.path) if _row_of(key, 1) >= 0])
        keys = [key for key in keys if not key.endswith(".partial")]
        expected = array.dtype.itemsize * int(np.prod(array.chunks))
        sizes = [await store.getsize(f"{array.path}/{key}") for key in keys]
        return [(key, size, expected) for key, size in zip(keys, sizes, strict=True)]

    return run(work(), f"list {array.path} in {store}")


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
    run(store.set("zarr.json", Buffer.from_bytes(data)), f"commit to {store}")
