"""The folder and the root of a store: what may be opened, what may be made, and clear errors for all else."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from zarr.abc.store import Store

from elsuite.core.versions import versions
from elsuite.database.arrays import read_root
from elsuite.database.locking import WriterLock
from elsuite.schema import (
    CONVENTIONS,
    FORMAT,
    FORMAT_VERSION,
    TABLES,
    DamagedStoreError,
    NewerFormatError,
    NotAStoreError,
    NotFoundError,
    StoreAccessError,
    StoreExistsError,
    check_attributes,
    said_if_refused,
)

ROOT = "zarr.json"


def _local_path(path: str | Path) -> Path:
    """Return a path on a file system; URLs of object stores are refused."""
    if "://" in str(path):
        raise ValueError(f"{path}: only folders on a file system are supported, no URLs; copy the store to a disk")
    return Path(path).expanduser()


def free_folder(path: str | Path) -> Path:
    """Return where a whole new store goes: a rename replaces an empty folder at most; else raises StoreExistsError."""
    try:
        target = _local_path(path)
    except ValueError as error:
        raise StoreAccessError(str(error)) from None
    with said_if_refused(f"cannot create {target}"):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise StoreExistsError(f"{target} is there already; choose another name")
    return target


def existing_folder(path: str | Path) -> Path:
    """Return the folder of a store; raises NotFoundError, NotAStoreError or StoreAccessError that says why."""
    folder = _local_path(path)
    with said_if_refused(f"cannot open {folder}"):
        if not folder.exists():
            raise NotFoundError(f"no database at {folder}{_neighbors(folder)}")
        if not folder.is_dir():
            raise NotAStoreError(f"{folder} is a file; a landscape database is a folder")
        if not (folder / ROOT).is_file():
            raise NotAStoreError(f"{folder} is no landscape database: it has no {ROOT}{_neighbors(folder / ROOT)}")
    return folder


def _neighbors(path: Path) -> str:
    """Name the databases that lie beside a path, for the message."""
    try:
        found = sorted(item.parent.name for item in path.parent.glob(f"*/{ROOT}"))[:5]
    except OSError:
        found = []
    return f"; {path.parent} has {', '.join(found)}" if found else ""


def _check_new_folder(folder: Path) -> None:
    """Raise unless a database can be made here: nothing there, or an empty folder, or a creation that was cut off."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise StoreExistsError(f"{folder} is there already and is a file; choose another name")
    names = {item.name for item in folder.iterdir()}
    if ROOT in names and not _is_bare(folder / ROOT):
        raise StoreExistsError(f"{folder} is there already; open it with mode 'a' to add to it")
    if names - {".lock", ROOT, *TABLES} - {name for name in names if name.endswith(".partial")}:
        raise StoreExistsError(f"{folder} is there already and holds other files; choose another name")


def can_create(path: str | Path) -> bool:
    """Return whether a store can be made at `path`: nothing is there, or a creation that was cut off.

    Raises
    ------
    StoreAccessError
        When it may not be looked at.

    Examples
    --------
    >>> can_create("no such folder")
    True
    """
    folder = _local_path(path)
    try:
        with said_if_refused(f"cannot create {folder}"):
            _check_new_folder(folder)
    except StoreExistsError:
        return False
    return True


def _is_bare(root: Path) -> bool:
    """Whether a root has no attributes: zarr makes it so with the first array, the database's come last."""
    try:
        return bool(json.loads(root.read_bytes()).get("attributes", {}) == {})
    except (ValueError, AttributeError):
        return False


def claim_folder(path: str | Path) -> tuple[Path, WriterLock]:
    """Make the folder of a new store and take its lock; raises StoreExistsError or StoreAccessError."""
    folder = _local_path(path)
    with said_if_refused(f"cannot create {folder}"):
        _check_new_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
    lock = WriterLock(folder, timeout=0.0)
    try:
        _check_new_folder(folder)  # again: another process may have been faster
    except BaseException:
        lock.release()
        raise
    return folder, lock


def new_root(
    n_parameters: int | None, surfaces: Sequence[str], dtype: str, attributes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the attributes of a new store's root; raises ValueError for arguments that are not allowed."""
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
        "versions": versions(),
        **check_attributes(attributes),
    }


def check_root(store: Store, path: object) -> dict[str, Any]:
    """Return the attributes of a store's root; raises NotAStoreError, NewerFormatError or DamagedStoreError."""
    root = read_root(store)
    if root.get("format") != FORMAT:
        raise NotAStoreError(f"{path} is a zarr store, and no landscape database (its root says no format {FORMAT!r})")
    version = root.get("format_version")
    if not isinstance(version, int):
        raise DamagedStoreError(f"{path}: format_version is {version!r}, a whole number is expected")
    if version > FORMAT_VERSION:
        raise NewerFormatError(
            f"{path} has format version {version}; this program reads up to {FORMAT_VERSION}: install a newer elsuite"
        )
    for name in ("n_parameters", *(table.pointer for table in TABLES.values())):
        value = root.get(name)
        if not isinstance(value, int) or value < 0:
            raise DamagedStoreError(f"{path}: the root's {name} is {value!r}, a whole number from 0 is expected")
    surfaces = root.get("surfaces")
    if not isinstance(surfaces, list) or not surfaces or not all(isinstance(name, str) for name in surfaces):
        raise DamagedStoreError(f"{path}: the root's surfaces are {surfaces!r}, a list of names is expected")
    return root
