"""PATHSAMPLE databases: `min.data`, `ts.data`, `points.min`, `points.ts`, and `min.A`, `min.B`.

The formats are those of the PATHSAMPLE manual: one stationary point a line, ids are line numbers from 1, and the
points files are raw little-endian float64 without record marks, record k for line k. `min.A` and `min.B` list the
minima of two regions: their number, then the ids.
"""

from pathlib import Path

import numpy as np

from elsuite.core.typing import Array, Floats
from elsuite.interchange.files import read_bytes, write_files
from elsuite.interchange.foreign import Columns, ForeignLandscape, FormatError
from elsuite.interchange.formats import Format
from elsuite.interchange.text import lines_of, read_table, whole_numbers

_INERTIA = ("inertia_1", "inertia_2", "inertia_3")
_LOWEST = ("lowest_eigenvalue", "lowest_mass_weighted_eigenvalue")
_REGIONS = ("A", "B")


def read_pathsample(folder: str | Path) -> ForeignLandscape:
    r"""Return the database in `folder`; all files but `min.data` may be missing.

    Columns that are kept: ``log_product`` (sum of the logarithms of the positive Hessian eigenvalues),
    ``point_group_order``, ``inertia_1`` to ``inertia_3``, ``region`` ("A" or "B"), and, where they are given,
    ``lowest_eigenvalue`` and ``lowest_mass_weighted_eigenvalue`` of minima and ``negative_eigenvalue`` of
    transition states.

    Raises
    ------
    FormatError
        For a missing, malformed or truncated file; names file and line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "min.data").write_text("-2.0 5.5 1 1 1 1\n-1.0 4.5 2 1 1 1\n")
    ...     _ = Path(folder, "ts.data").write_text("0.5 4.0 1 1 2 1 1 1\n")
    ...     landscape = read_pathsample(folder)
    >>> landscape.sources.tolist(), landscape.targets.tolist(), landscape.heights.tolist()
    ([0], [1], [0.5])
    >>> landscape.minima_columns["point_group_order"].tolist()
    [1.0, 2.0]
    """
    folder = Path(folder)
    minima = read_table(folder / "min.data", (6, 8, 2), "energy, log product, order, 3 inertia eigenvalues")
    if minima.values.shape[1] == 2:
        raise FormatError(f"{minima.path}: 2 columns, a dump of topsearch; a PATHSAMPLE database has 6 or 8 columns")
    energies = minima.finite(0, "a minimum without an energy")
    n = len(energies)
    meaning = "energy, log product, order, 2 minima, 3 inertia eigenvalues"
    states = read_table(folder / "ts.data", (8, 9), meaning, may_be_missing=True)
    usable = np.isfinite(states.values[:, 0])
    n_unusable = int((~usable).sum())
    notes = [f"{n_unusable} transition states without an energy left out"] if n_unusable else []
    ends = [whole_numbers(states, k, "minimum", 1, n)[usable] - 1 for k in (3, 4)]
    points = _read_points(folder / "points.min", n)
    state_points = _read_points(folder / "points.ts", len(usable))
    if points is None and state_points is not None:
        notes.append("points.ts left out, because points.min is not there")
        state_points = None
    if points is not None and state_points is not None and points.shape[1] != state_points.shape[1]:
        raise FormatError(
            f"{folder / 'points.ts'}: {state_points.shape[1]} coordinates a record, points.min has {points.shape[1]}"
        )
    return ForeignLandscape(
        energies=energies,
        coordinates=points,
        sources=ends[0],
        targets=ends[1],
        heights=states.values[usable, 0],
        state_coordinates=None if state_points is None else state_points[usable],
        minima_columns=_columns(minima.values, 3, _LOWEST) | _read_regions(folder, n),
        state_columns=_columns(states.values[usable], 5, ("negative_eigenvalue",)),
        notes=tuple(notes),
    )


def write_pathsample(landscape: ForeignLandscape, folder: str | Path) -> None:
    """Write `min.data`, `ts.data` and, with coordinates, the points files into `folder`; nothing is overwritten.

    What is not known is written as the format's users write it: 1 for the log product, the point-group order and
    the inertia eigenvalues. `points.ts` is written if the points of all transition states are known.

    Raises
    ------
    FormatError
        If one of the files is there already.

    Examples
    --------
    Energy, log product and order of the transition state, and its minima, counted from 1.

    >>> import tempfile
    >>> landscape = ForeignLandscape(np.array([-2.0, -1.0]), np.array([0]), np.array([1]), np.array([0.5]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_pathsample(landscape, folder)
    ...     Path(folder, "ts.data").read_text().split()[:5]
    ['5.0000000000000000E-01', '1.0000000000000000E+00', '1', '1', '2']
    """
    folder = Path(folder)
    columns, state_columns = landscape.minima_columns, landscape.state_columns
    minima = [landscape.energies, *_known(columns, len(landscape.energies))]
    minima += _given(columns, _LOWEST)
    product, order, *inertia = _known(state_columns, len(landscape.heights))
    states = [landscape.heights, product, order, landscape.sources + 1, landscape.targets + 1, *inertia]
    states += _given(state_columns, ("negative_eigenvalue",))
    contents = {"min.data": _lines(minima, whole={2}), "ts.data": _lines(states, whole={2, 3, 4})}
    for name, points in [("points.min", landscape.coordinates), ("points.ts", landscape.all_states)]:
        if points is not None:
            contents[name] = np.ascontiguousarray(points, dtype="<f8").tobytes()
    regions = columns.get("region")
    for region in _REGIONS if regions is not None else ():
        ids = 1 + np.flatnonzero(regions == region)
        contents[f"min.{region}"] = "".join(f"{k}\n" for k in (len(ids), *ids.tolist())).encode()
    write_files(folder, contents)


def _columns(rows: Floats, first_inertia: int, last: tuple[str, ...]) -> dict[str, Array]:
    names = (*_INERTIA, *last)
    columns: dict[str, Array] = {"log_product": rows[:, 1], "point_group_order": rows[:, 2]}
    return columns | {name: rows[:, k] for k, name in enumerate(names, first_inertia) if k < rows.shape[1]}


def _read_regions(folder: Path, n_minima: int) -> dict[str, Array]:
    """Return the column ``region``, if there is a list of either region's minima."""
    regions = np.full(n_minima, "", dtype="U1")
    found = [name for name in _REGIONS if (folder / f"min.{name}").exists()]
    for name in found:
        path = folder / f"min.{name}"
        fields = read_bytes(path, "a list of minima").split()
        numbers = [int(field) for field in fields if field.isdigit() and len(field) < 19]
        ids = np.array(numbers[1:], dtype=np.int64)
        if len(numbers) != len(fields) or not numbers or numbers[0] != len(ids):
            raise FormatError(f"{path}: expected the number of minima and then so many ids")
        if len(ids) and not (ids.min() >= 1 and ids.max() <= n_minima):
            raise FormatError(f"{path}: ids {ids.min()} to {ids.max()}, but minima are 1 to {n_minima}")
        if (regions[ids - 1] != "").any():
            raise FormatError(f"{path}: a minimum is in both regions")
        regions[ids - 1] = name
    return {"region": regions} if found else {}


def _given(columns: Columns, names: tuple[str, ...]) -> list[Floats]:
    """Return the columns with these names; none, where one is missing or not known for all rows."""
    found = [np.asarray(columns[name], dtype=np.float64) for name in names if name in columns]
    return found if len(found) == len(names) and all(np.isfinite(values).all() for values in found) else []


def _known(columns: Columns, n: int) -> list[Floats]:
    """Return log product, point-group order and inertia eigenvalues, 1 where not known."""
    found = []
    for name in ("log_product", "point_group_order", *_INERTIA):
        values = np.asarray(columns.get(name, np.ones(n)), dtype=np.float64)
        usable = np.isfinite(values) & ((values >= 1) if name == "point_group_order" else True)
        found.append(np.where(usable, values, 1.0))
    return found


def _lines(table: list[Array], whole: set[int]) -> bytes:
    line = " ".join("%10d" if k in whole else "%24.16E" for k in range(len(table))) + "\n"
    return lines_of(line, *table)


def _read_points(path: Path, n_rows: int) -> Floats | None:
    if not path.exists():
        return None
    raw = read_bytes(path, "points")
    if not raw and not n_rows:
        return None
    if not raw or not n_rows or len(raw) % (8 * n_rows):
        raise FormatError(f"{path}: {len(raw)} bytes, expected {n_rows} records of the same number of 8-byte values")
    points = np.frombuffer(raw, dtype="<f8").reshape(n_rows, -1).astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(wrong):
        raise FormatError(f"{path}, record {wrong[0] + 1}: a coordinate is not a finite number")
    return points


FORMAT = Format(
    "the PATHSAMPLE database in the folder SOURCE (min.data, ts.data, points.min, points.ts)",
    read_pathsample,
    write_pathsample,
    example="LJ38",
)
