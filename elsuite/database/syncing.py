"""Files forced to the disk, so that a power loss cannot take them."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, final

from elsuite.schema import said_if_refused

MANY_FILES = 4096


@final
class Syncer:
    """Keeps the names of the files that changed since the last `sync`, and syncs them and their folders.

    The first `sync` covers the whole store: a writer that was killed may have committed without.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder: Final = folder
        self._changed: set[str] = set()
        self._everything = True

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
