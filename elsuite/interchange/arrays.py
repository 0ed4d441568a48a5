"""Plain numpy arrays: solutions as `.npy` (solutions, parameters), whole landscapes as `.npz`.

They are read so that a small file cannot ask for much memory, nor run anything.
"""

import math
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from elsuite.core.typing import Array, Floats, Ids
from elsuite.interchange.files import check_readable, new_files
from elsuite.interchange.foreign import ForeignLandscape, FormatError, printable
from elsuite.interchange.formats import Format

_KINDS = "fiubU"
_UNPACKED_FREELY = 2**26
_LARGEST_RATIO = 100


def read_solutions(path: str | Path, n_parameters: int | None = None) -> NDArray[np.floating]:
    """Return an array of solutions, shape (n_solutions, n_parameters), from an `.npy` file or an `.npz` with one array.

    Raises
    ------
    FormatError
        For a file that is no such array, or one of another width; names both numbers.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/solutions.npy", [[1, 2, 3], [4, 5, 6]])
    ...     read_solutions(f"{folder}/solutions.npy", n_parameters=3)
    array([[1., 2., 3.],
           [4., 5., 6.]])
    """
    path = Path(path)
    arrays = {"": _read_npy(path)} if path.suffix != ".npz" else _read_npz(path)
    if len(arrays) != 1:
        raise FormatError(f"{path}: holds {len(arrays)} arrays, expected one of solutions")
    (values,) = arrays.values()
    if values.dtype.kind not in "fiu" or values.ndim not in {1, 2}:
        raise FormatError(
            f"{path}: {values.dtype} of shape {values.shape}, expected numbers of shape (solutions, parameters)"
        )
    solutions = np.atleast_2d(values)
    if n_parameters is not None and solutions.shape[1] != n_parameters:
        raise FormatError(f"{path}: solutions have {solutions.shape[1]} parameters, the network has {n_parameters}")
    wrong = np.flatnonzero(~np.isfinite(solutions).all(axis=1))
    if len(wrong):
        raise FormatError(f"{path}: solution {wrong[0]} has a value that is not a finite number")
    return solutions if solutions.dtype in {np.dtype("f4"), np.dtype("f8")} else solutions.astype(np.float64)


def read_arrays(path: str | Path) -> ForeignLandscape:
    """Return the landscape in an `.npz`.

    Its arrays are ``energies`` (n_minima,), ``sources``, ``targets`` (minima from 0) and ``heights`` (n_edges,), and
    perhaps ``coordinates`` (n_minima, n_parameters), ``state_coordinates`` (n_edges, n_parameters), and further columns
    as ``minima.NAME`` and ``states.NAME``. Edges are paths unless ``states.kind`` calls them transition states.

    Raises
    ------
    FormatError
        For a file that is no such archive, or arrays that do not fit together.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/a.npz", energies=[-2.0, -1.0], sources=[0], targets=[1], heights=[0.5])
    ...     landscape = read_arrays(f"{folder}/a.npz")
    >>> landscape.energies.tolist(), landscape.heights.tolist()
    ([-2.0, -1.0], [0.5])
    """
    path = Path(path)
    arrays = _read_npz(path)
    missing = [name for name in ("energies", "sources", "targets", "heights") if name not in arrays]
    if missing:
        there = printable(", ".join(sorted(arrays)), 200) or "none"
        raise FormatError(f"{path}: no array {missing[0]!r}; there are: {there}")
    energies, heights = (_floats(arrays[name], path, name, 1) for name in ("energies", "heights"))
    points = {
        name: _floats(arrays[name], path, name, 2) for name in ("coordinates", "state_coordinates") if name in arrays
    }
    used = {"energies", "sources", "targets", "heights", *points}
    unused = sorted(name for name in arrays if name not in used and not name.startswith(("minima.", "states.")))
    try:
        return ForeignLandscape(
            energies=energies,
            sources=_ends(arrays["sources"]),
            targets=_ends(arrays["targets"]),
            heights=heights,
            minima_columns=_columns(arrays, "minima."),
            state_columns=_columns(arrays, "states."),
            kind="path",
            notes=(f"arrays left out: {printable(', '.join(unused), 200)}",) if unused else (),
            **points,
        )
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None


def write_arrays(landscape: ForeignLandscape, path: str | Path) -> None:
    """Write a landscape with all its columns as one `.npz` that `read_arrays` reads.

    Raises
    ------
    FormatError
        If there is something at `path` already.

    Examples
    --------
    >>> import tempfile
    >>> landscape = ForeignLandscape(np.array([-2.0, -1.0]), np.array([0]), np.array([1]), np.array([0.5]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_arrays(landscape, f"{folder}/a.npz")
    ...     sorted(np.load(f"{folder}/a.npz"))
    ['energies', 'heights', 'sources', 'states.kind', 'targets']
    """
    arrays: dict[str, Any] = {
        "energies": landscape.energies,
        "sources": landscape.sources,
        "targets": landscape.targets,
        "heights": landscape.heights,
        "coordinates": landscape.coordinates,
        "state_coordinates": landscape.state_coordinates,
    }
    states = {"kind": np.full(len(landscape.heights), landscape.kind)} | dict(landscape.state_columns)
    arrays |= {f"minima.{name}": column for name, column in landscape.minima_columns.items()}
    arrays |= {f"states.{name}": column for name, column in states.items()}
    with new_files(Path(path)) as (place,), place.open("wb") as file:
        np.savez(file, **{name: values for name, values in arrays.items() if values is not None})


def _floats(values: Array, path: Path, name: str, ndim: int) -> Floats:
    if values.ndim != ndim or values.dtype.kind not in "fiu":
        shape = "one row" if ndim == 1 else "shape (rows, parameters)"
        raise FormatError(f"{path}: {name} must be numbers, {shape}; given {values.dtype} of shape {values.shape}")
    return values.astype(np.float64)


def _ends(values: Array) -> Ids:
    # What is no array of whole numbers is left as it is: the landscape refuses it.
    return values.astype(np.int64) if values.dtype.kind in "iu" else values


def _columns(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {
        name.removeprefix(prefix): values.astype(np.int64) if values.dtype.kind in "b" else values
        for name, values in arrays.items()
        if name.startswith(prefix)
    }


def _read_npy(path: Path) -> Array:
    """Return the array of numbers or text in an `.npy` file; raises FormatError for any other file."""
    size = check_readable(path, "an .npy file")
    with _expecting(path, "an array of numpy"), path.open("rb") as file:
        return _one_array(file, size)


def _read_npz(path: Path) -> Mapping[str, Array]:
    """Return the arrays in an `.npz` file; one that unpacks to more than 64 MiB and 100 times its size is refused."""
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
                    arrays[name] = _one_array(file, member.file_size)
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


def _one_array(file: IO[bytes], size: int) -> Array:
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


FORMAT = Format(
    "SOURCE, an .npz archive with the arrays energies, sources, targets and heights",
    read_arrays,
    write_arrays,
    verified=False,
    example="landscape.npz",
)
