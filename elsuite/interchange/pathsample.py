"""PATHSAMPLE databases: `min.data`, `ts.data`, `points.min`, `points.ts`.

The formats are those of the PATHSAMPLE manual: one stationary point a line, ids are line numbers from 1, and the
points files are raw little-endian float64 without record marks, record k for line k.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsuite.interchange.foreign import ForeignLandscape, FormatError
from elsuite.interchange.text import read_rows, whole_numbers

__all__ = ["read_pathsample", "write_pathsample"]

_INERTIA = ("inertia_1", "inertia_2", "inertia_3")


def read_pathsample(folder: str | Path) -> ForeignLandscape:
    """Return the database in `folder`; the points files may be missing.

    Columns that are kept: ``log_product`` (sum of the logarithms of the positive Hessian eigenvalues),
    ``point_group_order``, ``inertia_1`` to ``inertia_3``, and, where they are given, ``lowest_eigenvalue`` of minima
    and ``negative_eigenvalue`` of transition states.

    Raises
    ------
    FormatError
        For a missing, malformed or truncated file; names file and line.
    """
    folder = Path(folder)
    min_path, ts_path = folder / "min.data", folder / "ts.data"
    minima = read_rows(min_path, (6, 8), "energy, log product, point-group order, 3 inertia eigenvalues")
    if len(minima) and not np.isfinite(minima[:, 0]).all():
        row = int(np.flatnonzero(~np.isfinite(minima[:, 0]))[0])
        raise FormatError(f"{min_path}, row {row + 1}: no energy")
    states = np.empty((0, 8))
    if ts_path.exists():
        states = read_rows(ts_path, (8, 9), "energy, log product, order, 2 minima, 3 inertia eigenvalues")
    usable = np.isfinite(states[:, 0])
    notes = (
        (f"{int((~usable).sum())} transition states without an energy left out",) if not usable.all() else ()
    )
    ends = [whole_numbers(states[:, k], ts_path, "minimum", 1, len(minima)) - 1 for k in (3, 4)]
    points = _read_points(folder / "points.min", len(minima))
    state_points = _read_points(folder / "points.ts", len(states))
    return ForeignLandscape(
        energies=minima[:, 0],
        coordinates=points,
        sources=ends[0][usable],
        targets=ends[1][usable],
        heights=states[usable, 0],
        state_coordinates=None if state_points is None or points is None else state_points[usable],
        minima_columns=_columns(minima, 3, "lowest_eigenvalue", 6),
        state_columns=_columns(states[usable], 5, "negative_eigenvalue", 8),
        notes=notes,
    )


def write_pathsample(landscape: ForeignLandscape, folder: str | Path) -> None:
    """Write `min.data`, `ts.data` and, with coordinates, the points files into `folder`.

    What is not known is written as the format's users write it: 1 for the log product, the point-group order and
    the inertia eigenvalues.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    extra = landscape.minima_columns
    rows = [
        [energy, *own[:1], int(own[1]), *own[2:]]
        for energy, own in zip(landscape.energies, _known(extra, len(landscape.energies)), strict=True)
    ]
    _write(folder / "min.data", rows)
    states = zip(
        landscape.heights,
        landscape.sources + 1,
        landscape.targets + 1,
        _known(landscape.state_columns, len(landscape.heights)),
        strict=True,
    )
    _write(
        folder / "ts.data", [[e, own[0], int(own[1]), int(a), int(b), *own[2:]] for e, a, b, own in states]
    )
    for name, points in [("points.min", landscape.coordinates), ("points.ts", landscape.state_coordinates)]:
        if points is not None:
            (folder / name).write_bytes(np.ascontiguousarray(points, dtype="<f8").tobytes())


def _columns(rows: NDArray[np.float64], first_inertia: int, last: str, at: int) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {"log_product": rows[:, 1], "point_group_order": rows[:, 2]}
    columns |= {name: rows[:, first_inertia + k] for k, name in enumerate(_INERTIA)}
    if rows.shape[1] > at:
        columns[last] = rows[:, at]
    return columns


def _known(columns: dict[str, NDArray[Any]], n: int) -> NDArray[np.float64]:
    """Return log product, point-group order and inertia eigenvalues, shape (n, 5), 1 where not known."""
    names = ("log_product", "point_group_order", *_INERTIA)
    table = np.column_stack([np.asarray(columns.get(name, np.ones(n)), dtype=np.float64) for name in names])
    return np.where(np.isfinite(table), table, 1.0).reshape(n, 5)


def _write(path: Path, rows: list[list[Any]]) -> None:
    lines = [" ".join(f"{v:10d}" if isinstance(v, int) else f"{v:24.16E}" for v in row) for row in rows]
    path.write_text("".join(line + "\n" for line in lines), "ascii")


def _read_points(path: Path, n_rows: int) -> NDArray[np.float64] | None:
    if not path.exists():
        return None
    raw = path.read_bytes()
    if n_rows == 0:
        return None
    if len(raw) == 0 or len(raw) % (8 * n_rows):
        raise FormatError(
            f"{path}: {len(raw)} bytes, expected {n_rows} records of the same number of 8-byte values"
        )
    points = np.frombuffer(raw, dtype="<f8").reshape(n_rows, -1).astype(np.float64)
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise FormatError(f"{path}, record {row + 1}: a coordinate is not a finite number")
    return points
