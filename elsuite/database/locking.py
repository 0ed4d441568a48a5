"""One writer at a time: the lock file `.lock` in the store."""

from pathlib import Path

from filelock import SoftFileLock, Timeout

from elsuite.schema import LockedError, StoreAccessError

LOCK_NAME = ".lock"


class WriterLock:
    """The lock of one writer; taken when made.

    A lock left by a process that died on this host is taken over.  A file whose existence is the lock, and not flock:
    on some network file systems flock excludes nobody. Raises LockedError when another writer holds it for `timeout`
    seconds, StoreAccessError when no file can be made in the store.
    """

    def __init__(self, folder: Path, timeout: float) -> None:
        self._file = folder / LOCK_NAME
        self._lock = SoftFileLock(self._file)
        try:
            self._acquire(timeout)
        except Timeout:
            raise LockedError(
                f"{folder} is being written by {self._holder()}; wait for it or end it "
                f"(if it is surely gone, delete {self._file})"
            ) from None
        except OSError as error:
            raise StoreAccessError(f"cannot write to {folder}: {error.strerror or error}") from error
        self._record = self._read()

    def _acquire(self, timeout: float) -> None:
        try:
            self._lock.acquire(timeout=timeout, poll_interval=0.05)
        except Timeout:
            if self._file.exists():
                raise
            # Some versions of filelock remove a dead process's lock and do not try again.
            self._lock.acquire(timeout=0, poll_interval=0.05)

    def _read(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _holder(self) -> str:
        lines = self._read().splitlines()
        return f"process {lines[0]} on {lines[1]}" if len(lines) >= 2 else "another process"

    def check(self) -> None:
        """Raise LockedError unless the lock file is still the one that this writer made."""
        if self._read() != self._record:
            raise LockedError(f"the lock {self._file} was taken away by {self._holder()}; nothing was committed")

    def release(self) -> None:
        """Give the store free; a second call does nothing."""
        self._lock.release()
