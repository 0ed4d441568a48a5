"""Files in IDX format, the one of MNIST, gzipped or not."""

import gzip
import hashlib
import math
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

_GZIP_MAGIC: Final = b"\x1f\x8b"
_UNSIGNED_BYTES: Final = 8
# Twenty times MNIST's images: more is no file of this kind, but could fill the memory.
_MOST_BYTES: Final = 2**30


class DataError(ValueError):
    """A data set that is not there, is damaged or does not fit; the message is one line that says what to do."""


def read_idx(path: str | Path, *, md5: str | None = None) -> NDArray[np.uint8]:
    """Return the array of unsigned bytes in an IDX file, of the shape that its head says.

    Parameters
    ----------
    path : path
        A file, gzipped or not, whatever its name says.
    md5 : str, optional
        What the MD5 of the unpacked content must be.

    Raises
    ------
    DataError
        The file cannot be read, has another MD5, or is no IDX file of unsigned bytes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3]) + bytes([5, 0, 4]))
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    try:
        content = _content(path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    if md5 is not None:
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != md5:
            raise DataError(f"{path} is damaged or another file: its content has MD5 {found}, not {md5}")
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTES:
        begin = content[:4].hex(" ") or "nothing"
        raise DataError(f"{path} is no IDX file of unsigned bytes: it begins with {begin}")
    head = 4 + 4 * content[3]
    sizes = [content[at : at + 4] for at in range(4, head, 4)]
    shape = tuple(int.from_bytes(size) for size in sizes if len(size) == 4)
    n_bytes = math.prod(shape)
    if len(shape) != content[3] or len(content) != head + n_bytes:
        raise DataError(f"{path} has {len(content)} bytes; its head, shape {shape}, asks for {head + n_bytes}")
    return np.frombuffer(content, dtype=np.uint8, offset=head).reshape(shape)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        file.seek(0)
        if not zipped:
            return file.read(_MOST_BYTES)
        with gzip.open(file) as unzipped:
            return unzipped.read(_MOST_BYTES)
