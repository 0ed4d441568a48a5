"""Files and folders that are there whole or not at all, and never in place of something else."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def replaced_file(path: str | Path, *, sync: bool = True) -> Iterator[IO[bytes]]:
    """Yield a file to write that becomes `path` when the block ends without an error, in place of what was there.

    With `sync` its content is on the disk before it gets the name: a kill or a loss of power leaves the old file or the
    new one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replaced_file(f"{folder}/numbers.txt") as file:
    ...         _ = file.write(b"1 2 3")
    ...     [(place.name, place.read_text()) for place in Path(folder).iterdir()]
    [('numbers.txt', '1 2 3')]
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yield a folder to fill, not there yet, that becomes `path` when the block ends without an error.

    What is at `path` then, other than an empty folder, is never replaced: the rename raises OSError.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
