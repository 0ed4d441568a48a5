"""Dumps of topsearch: `min.data`, `min.coords`, `ts.data`, `ts.coords`, with ids from 0.

Its files have PATHSAMPLE's names with other columns: two in `min.data` (id, energy), three in `ts.data`
(minimum, minimum, energy). `is_topsearch` tells them apart.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsuite.interchange.foreign import ForeignLandscape, FormatError
from elsuite.interchange.text import read_rows, whole_numbers

__all__ = ["is_topsearch", "read_topsearch", "write_topsearch"]


def is_topsearch(folder: str | Path) -> bool:
    """Return whether `min.data` in `folder` has the two columns of a topsearch dump."""
    try:
        with (Path(folder) / "min.data").open("rb") as file:
            line = next((line for line in file if line.strip()), b"")
    except OSError:
        return False
    return len(line.split()) == 2


def read_topsearch(folder: str | Path, *, suffix: str = "") -> ForeignLandscape:
    """Return the dump in `folder`, whose files end in `suffix`; the coordinate files may be missing.

    Raises
    ------
    FormatError
        For a missing or malformed file; names file and line.
    """
    folder = Path(folder)
    min_path, ts_path = folder / f"min.data{suffix}", folder / f"ts.data{suffix}"
    minima = read_rows(min_path, (2,), "id, energy")
    ids = whole_numbers(minima[:, 0], min_path, "id", 0, max(len(minima) - 1, 0))
    if not np.array_equal(ids, np.arange(len(ids))):
        raise FormatError(f"{min_path}: ids are not 0, 1, 2, ... in order")
    if not np.isfinite(minima[:, 1]).all():
        raise FormatError(f"{min_path}: a minimum has no energy")
    states = read_rows(ts_path, (3,), "minimum, minimum, energy") if ts_path.exists() else np.empty((0, 3))
    ends = [whole_numbers(states[:, k], ts_path, "minimum", 0, len(minima) - 1) for k in (0, 1)]
    usable = np.isfinite(states[:, 2])
    points = _read_coords(folder / f"min.coords{suffix}", len(minima))
    state_points = _read_coords(folder / f"ts.coords{suffix}", len(states))
    return ForeignLandscape(
        energies=minima[:, 1],
        coordinates=points,
        sources=ends[0][usable],
        targets=ends[1][usable],
        heights=states[usable, 2],
        state_coordinates=None if state_points is None or points is None else state_points[usable],
        notes=()
        if usable.all()
        else (f"{int((~usable).sum())} transition states without an energy left out",),
    )


def write_topsearch(landscape: ForeignLandscape, folder: str | Path) -> None:
    """Write a dump that topsearch reads into `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    minima = [f"{i} {energy:.16e}\n" for i, energy in enumerate(landscape.energies)]
    (folder / "min.data").write_text("".join(minima), "ascii")
    states = zip(landscape.sources, landscape.targets, landscape.heights, strict=True)
    (folder / "ts.data").write_text("".join(f"{a} {b} {height:.16e}\n" for a, b, height in states), "ascii")
    for name, points in [("min.coords", landscape.coordinates), ("ts.coords", landscape.state_coordinates)]:
        if points is not None:
            np.savetxt(folder / name, points, fmt="%.18e")


def _read_coords(path: Path, n_rows: int) -> NDArray[np.float64] | None:
    if not path.exists() or n_rows == 0:
        return None
    first = next((line for line in path.read_bytes().split(b"\n") if line.strip()), b"")
    rows = read_rows(path, (len(first.split()),), "one point a line")
    if len(rows) != n_rows:
        raise FormatError(f"{path}: {len(rows)} points, expected {n_rows}")
    if not np.isfinite(rows).all():
        raise FormatError(f"{path}: a coordinate is not a finite number")
    return rows
