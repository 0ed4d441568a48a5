"""Dumps of topsearch: `min.data`, `min.coords`, `ts.data`, `ts.coords`, `pairlist`, with ids from 0.

Its files have PATHSAMPLE's names with other columns: two in `min.data` (id, energy), three in `ts.data`
(minimum, minimum, energy).
"""

from pathlib import Path

import numpy as np

from elsuite.core.typing import Floats
from elsuite.interchange.files import write_files
from elsuite.interchange.foreign import ForeignLandscape, FormatError
from elsuite.interchange.formats import Format
from elsuite.interchange.text import lines_of, read_table, whole_numbers


def read_topsearch(folder: str | Path, *, suffix: str = "") -> ForeignLandscape:
    r"""Return the dump in `folder`, whose files end in `suffix`; all but `min.data` may be missing.

    Raises
    ------
    FormatError
        For a missing or malformed file; names file and line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "min.data").write_text("0 -2.0\n1 -1.0\n")
    ...     _ = Path(folder, "ts.data").write_text("0 1 0.5\n")
    ...     landscape = read_topsearch(folder)
    >>> landscape.energies.tolist(), landscape.heights.tolist()
    ([-2.0, -1.0], [0.5])
    """
    folder = Path(folder)
    minima = read_table(folder / f"min.data{suffix}", (2, 6, 8), "id, energy")
    if minima.values.shape[1] != 2:
        raise FormatError(
            f"{minima.path}: {minima.values.shape[1]} columns, a PATHSAMPLE database; a dump of topsearch has 2"
        )
    n = len(minima.values)
    ids = whole_numbers(minima, 0, "id", 0, n - 1)
    misplaced = np.flatnonzero(ids != np.arange(n))
    if len(misplaced):
        row = int(misplaced[0])
        raise FormatError(f"{minima.where(row)}: id {ids[row]}, expected {row}: ids are 0, 1, 2, ... in order")
    states = read_table(folder / f"ts.data{suffix}", (3,), "minimum, minimum, energy", may_be_missing=True)
    usable = np.isfinite(states.values[:, 2])
    ends = [whole_numbers(states, k, "minimum", 0, n - 1)[usable] for k in (0, 1)]
    points = _read_coords(folder / f"min.coords{suffix}", n, None)
    state_points = None
    if points is not None:
        state_points = _read_coords(folder / f"ts.coords{suffix}", len(usable), points.shape[1])
    n_unusable = int((~usable).sum())
    return ForeignLandscape(
        energies=minima.finite(1, "a minimum without an energy"),
        coordinates=points,
        sources=ends[0],
        targets=ends[1],
        heights=states.values[usable, 2],
        state_coordinates=None if state_points is None else state_points[usable],
        notes=(f"{n_unusable} transition states without an energy left out",) if n_unusable else (),
    )


def write_topsearch(landscape: ForeignLandscape, folder: str | Path) -> None:
    """Write a dump that topsearch reads into `folder`; nothing is overwritten.

    `pairlist`, the pairs that were tried, has the pairs that are joined.

    Raises
    ------
    FormatError
        If one of the files is there already.

    Examples
    --------
    >>> import tempfile
    >>> landscape = ForeignLandscape(np.array([-2.0, -1.0]), np.array([0]), np.array([1]), np.array([0.5]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_topsearch(landscape, folder)
    ...     print(Path(folder, "ts.data").read_text(), end="")
    0 1 5.0000000000000000e-01
    """
    folder = Path(folder)
    ends = np.column_stack([landscape.sources, landscape.targets]).reshape(-1, 2)
    pairs = np.unique(np.sort(ends, axis=1), axis=0)
    numbers = np.arange(len(landscape.energies))
    contents = {
        "min.data": lines_of("%d %.16e\n", numbers, landscape.energies),
        "ts.data": lines_of("%d %d %.16e\n", landscape.sources, landscape.targets, landscape.heights),
        "pairlist": lines_of("%d %d\n", pairs[:, 0], pairs[:, 1]),
    }
    for name, points in [("min.coords", landscape.coordinates), ("ts.coords", landscape.all_states)]:
        if points is not None:
            contents[name] = lines_of(" ".join(["%.16e"] * points.shape[1]) + "\n", *points.T)
    write_files(folder, contents)


def _read_coords(path: Path, n_rows: int, width: int | None) -> Floats | None:
    if not path.exists():
        return None
    table = read_table(path, None if width is None else (width,), "one point a line")
    if not n_rows and not len(table.values):
        return None
    if len(table.values) != n_rows:
        raise FormatError(f"{path}: {len(table.values)} points, expected {n_rows}")
    wrong = np.flatnonzero(~np.isfinite(table.values).all(axis=1))
    if len(wrong):
        raise FormatError(f"{table.where(int(wrong[0]))}: a coordinate is not a finite number")
    return table.values


FORMAT = Format(
    "the topsearch dump in the folder SOURCE (min.data, ts.data, min.coords, ts.coords)",
    read_topsearch,
    write_topsearch,
    read_options={"suffix": "What the names of the dump's files end in."},
    example="dump",
)
