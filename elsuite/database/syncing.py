"""Files forced to the disk, so that a power loss cannot take them."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, final

from elsuite.schema import StoreAccessError

__all__ = ["Syncer"]

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

    def sync(self) -> None:
        """Return when all that was noted is on the disk.

        Raises
        ------
        StoreAccessError
            When the disk refuses.
        """
        if self._folder is None:
            return
        try:
            if self._everything and os.name == "posix":
                os.sync()
            else:
                self._sync_files(self._folder)
        except OSError as error:
            raise StoreAccessError(f"cannot sync {self._folder}: {error.strerror or error}") from error
        self._changed.clear()
        self._everything = False

    def _sync_files(self, folder: Path) -> None:
        if self._everything:
            files = [item for item in folder.rglob("*") if item.is_file()]
        else:
            # A chunk of nothing but fill values is no file.
            files = [folder / key for key in self._changed if (folder / key).exists()]
        folders = {file.parent for file in files} if os.name == "posix" else set()
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(_sync_one, files))
            list(threads.map(_sync_one, folders))


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
