"""numpy's `.npy` and `.npz` files, read so that a small file cannot ask for much memory, nor run anything."""

import math
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from elsuite.core.typing import Array
from elsuite.interchange.files import check_readable
from elsuite.interchange.foreign import FormatError, printable

_KINDS = "fiubU"
_UNPACKED_FREELY = 2**26
_LARGEST_RATIO = 100


def read_npy(path: Path) -> Array:
    """Return the array of numbers or text in an `.npy` file; raises FormatError for any other file."""
    size = check_readable(path, "an .npy file")
    with _expecting(path, "an array of numpy"), path.open("rb") as file:
        return _array(file, size)


def read_npz(path: Path) -> Mapping[str, Array]:
    """Return the arrays in an `.npz` file.

    Raises
    ------
    FormatError
        As `read_npy`, and for an archive that unpacks to more than 64 MiB and a hundred times its own size.
    """
    size = check_readable(path, "an .npz file")
    with _expecting(path, "an archive of numpy arrays"), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > _UNPACKED_FREELY + _LARGEST_RATIO * size:
            raise FormatError("unpacks to far more than its size")
        arrays: dict[str, Array] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise FormatError(f"has two arrays {name[:40]!r}")
            with archive.open(member) as file:
                try:
                    arrays[name] = _array(file, member.file_size)
                except FormatError as error:
                    raise FormatError(f"array {name[:40]!r}: {error}") from None
        return arrays


@contextmanager
def _expecting(path: Path, what: str) -> Iterator[None]:
    """Turn whatever goes wrong into a FormatError: numpy raises many kinds for files that are none of its own."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None
    except Exception as error:
        raise FormatError(f"{path}: not {what} ({printable(error) or type(error).__name__})") from None


def _array(file: IO[bytes], size: int) -> Array:
    """Return the array that begins here and has `size` bytes with its header."""
    version = npy.read_magic(file)
    if version == (1, 0):
        shape, is_fortran, dtype = npy.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, is_fortran, dtype = npy.read_array_header_2_0(file)
    else:
        raise FormatError(f"version {version[0]}.{version[1]} of the format, 1.0 and 2.0 are read")
    if dtype.hasobject or dtype.kind not in _KINDS:
        raise FormatError(f"{printable(dtype)} values, expected numbers")
    wanted = math.prod(shape) * dtype.itemsize
    header = file.tell()
    if min(shape, default=0) < 0 or wanted != size - header:
        raise FormatError(f"shape {printable(shape)} of {dtype} is {wanted} bytes, the file has {size - header}")
    data = file.read(wanted)
    if len(data) != wanted:
        raise FormatError("truncated")
    flat = np.frombuffer(data, dtype=dtype)
    return flat.reshape(shape, order="F" if is_fortran else "C")
