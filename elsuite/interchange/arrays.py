"""Plain numpy arrays: solutions as `.npy` (solutions, parameters), whole landscapes as `.npz`."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsuite.interchange.foreign import ForeignLandscape, FormatError

__all__ = ["read_arrays", "read_solutions", "write_arrays"]


def read_solutions(path: str | Path, n_parameters: int | None = None) -> NDArray[np.floating]:
    """Return an array of solutions, shape (n_solutions, n_parameters), from an `.npy` file or an `.npz` with one array.

    Raises
    ------
    FormatError
        For a file that is no such array, or one of another width; names both numbers.
    """
    path = Path(path)
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.lib.npyio.NpzFile):
            with loaded as file:
                if len(file.files) != 1:
                    raise FormatError(f"{path}: holds {len(file.files)} arrays, expected one of solutions")
                values = file[file.files[0]]
        else:
            values = loaded
    except FileNotFoundError:
        raise FormatError(f"{path}: not there") from None
    except FormatError:
        raise
    except Exception as error:
        # numpy raises many kinds for files that are none of its own.
        raise FormatError(f"{path}: not a numpy array of numbers ({_first_line(error)})") from None
    if values.dtype.kind not in "fiu" or values.ndim not in {1, 2}:
        raise FormatError(
            f"{path}: {values.dtype} of shape {values.shape}, expected numbers of shape (solutions, parameters)"
        )
    solutions = np.atleast_2d(values)
    if n_parameters is not None and solutions.shape[1] != n_parameters:
        raise FormatError(
            f"{path}: solutions have {solutions.shape[1]} parameters, the network has {n_parameters}"
        )
    if not np.isfinite(solutions).all():
        row = int(np.flatnonzero(~np.isfinite(solutions).all(axis=1))[0])
        raise FormatError(f"{path}: solution {row} has a value that is not a finite number")
    return solutions if solutions.dtype.kind == "f" else solutions.astype(np.float64)


def read_arrays(path: str | Path) -> ForeignLandscape:
    """Return the landscape in an `.npz` with `energies`, `sources`, `targets`, `heights` and perhaps `coordinates`.

    Raises
    ------
    FormatError
        For a file that is no such archive, or arrays that do not fit together.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise FormatError(f"{path}: not there") from None
    except Exception as error:
        raise FormatError(f"{path}: not an archive of numpy arrays ({_first_line(error)})") from None
    missing = [name for name in ("energies", "sources", "targets", "heights") if name not in arrays]
    if missing:
        raise FormatError(
            f"{path}: no array {missing[0]!r}; there are: {', '.join(sorted(arrays)) or 'none'}"
        )
    energies, heights = (_finite(arrays[name], path, name) for name in ("energies", "heights"))
    ends = [_ends(arrays[name], path, name, len(energies)) for name in ("sources", "targets")]
    points = arrays.get("coordinates")
    if points is not None and (points.ndim != 2 or points.dtype.kind not in "fiu"):
        raise FormatError(f"{path}: coordinates of shape {points.shape}, expected (minima, parameters)")
    return ForeignLandscape(
        energies=energies,
        sources=ends[0],
        targets=ends[1],
        heights=heights,
        coordinates=None if points is None else points.astype(np.float64),
    )


def write_arrays(landscape: ForeignLandscape, path: str | Path) -> None:
    """Write a landscape as one `.npz` that `read_arrays` reads."""
    arrays = {
        "energies": landscape.energies,
        "sources": landscape.sources,
        "targets": landscape.targets,
        "heights": landscape.heights,
    }
    if landscape.coordinates is not None:
        arrays["coordinates"] = landscape.coordinates
    with Path(path).open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _finite(values: NDArray[np.generic], path: Path, name: str) -> NDArray[np.float64]:
    if values.ndim != 1 or values.dtype.kind not in "fiu" or not np.isfinite(values.astype(np.float64)).all():
        raise FormatError(
            f"{path}: {name} must be one row of finite numbers, given shape {values.shape} of {values.dtype}"
        )
    return values.astype(np.float64)


def _ends(values: NDArray[np.generic], path: Path, name: str, n_minima: int) -> NDArray[np.int64]:
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise FormatError(
            f"{path}: {name} must be one row of whole numbers, given shape {values.shape} of {values.dtype}"
        )
    ends = values.astype(np.int64)
    if len(ends) and not (ends.min() >= 0 and ends.max() < n_minima):
        raise FormatError(
            f"{path}: {name} go from {ends.min()} to {ends.max()}, but minima are 0 to {n_minima - 1}"
        )
    return ends


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
