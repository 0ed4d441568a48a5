"""A landscape on its way in or out: `ForeignLandscape`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from elsuite.core.representing import short_repr
from elsuite.core.typing import Array, Floats, Ids
from elsuite.schema import KINDS, TABLES, extra_column

Columns = Mapping[str, Array]

_GIVEN = {"minima": {"set"}, "paths": {"kind", "finder"}}
"""Columns of the format that another program may fill as well."""
_LONGEST_NAME = 100


class FormatError(ValueError):
    """A file that is not of the format it should be; the message names file and line, or row."""


def printable(text: object, length: int = 100) -> str:
    r"""Return text out of a file, or an error about it, fit for a message of one line.

    Examples
    --------
    >>> printable("a\nb" + "c" * 9, 6)
    'a bccc'
    """
    line = " ".join(str(text).split())[:length]
    return "".join(c if c.isprintable() else "?" for c in line)


@dataclass(frozen=True, eq=False)
class ForeignLandscape:
    """Minima and transition states as other programs keep them.

    Attributes
    ----------
    energies : ndarray (n_minima,)
    sources, targets : ndarray (n_states,) int
        Minima, counted from 0, that each transition state joins; equal for a degenerate rearrangement.
    heights : ndarray (n_states,)
    coordinates : ndarray (n_minima, n_parameters) or None
    state_coordinates : ndarray (n_states, n_parameters) or None
        A row of NaN where the point is not known.
    minima_columns, state_columns : mapping of str to ndarray
        Further columns, such as ``log_product`` and ``point_group_order``; of those that the store names, ``set`` of
        minima, ``kind`` and ``finder`` of states.
    kind : str
        What the states are, unless the column ``kind`` says so: ``"transition_state"``, or ``"path"`` where nobody
        verified a stationary point.
    notes : tuple of str
        What was mended or left out on the way.

    Raises
    ------
    FormatError
        For columns that do not fit together, or an energy or coordinate that is not finite.

    Examples
    --------
    Two minima and two transition states between them.

    >>> ends = (np.array([0, 0]), np.array([1, 1]))
    >>> landscape = ForeignLandscape(np.array([-2.0, -1.0]), *ends, heights=np.array([0.5, 0.75]))
    >>> landscape.kind, landscape.n_parameters
    ('transition_state', 0)
    >>> ForeignLandscape(np.array([-2.0]), *ends, heights=np.array([0.5, 0.75]))
    Traceback (most recent call last):
    elsuite.interchange.foreign.FormatError: ...
    """

    energies: Floats
    sources: Ids
    targets: Ids
    heights: Floats
    coordinates: Floats | None = None
    state_coordinates: Floats | None = None
    minima_columns: Columns = field(default_factory=dict)
    state_columns: Columns = field(default_factory=dict)
    kind: str = KINDS[1]
    notes: tuple[str, ...] = ()

    __repr__ = short_repr

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise FormatError(problem)

    @property
    def n_parameters(self) -> int:
        """Length of a point; 0 where no points are known."""
        return 0 if self.coordinates is None else self.coordinates.shape[1]

    @property
    def all_states(self) -> Floats | None:
        """The points of all states, None where any is not known."""
        points = self.state_coordinates
        return points if points is not None and np.isfinite(points).all() else None


def column_problem(table: str, name: str) -> str:
    """Return why a column `name` cannot be taken into a table ("minima" or "paths"), empty if it can.

    Examples
    --------
    >>> column_problem("minima", "log_product"), column_problem("minima", "key")
    ('', "'key' is a column that the database writes itself")
    """
    if name in _GIVEN[table]:
        return ""
    if len(name) > _LONGEST_NAME:
        return f"column {printable(name, 40)!r}... has a name of {len(name)} characters"
    if name in TABLES[table].columns:
        return f"{name!r} is a column that the database writes itself"
    try:
        extra_column(name, "float64")
    except ValueError as error:
        return printable(error, 400)
    return ""


def _problems(landscape: ForeignLandscape) -> Iterator[str]:
    """Yield what does not fit together."""
    n, m = len(landscape.energies), len(landscape.heights)
    points, state_points = landscape.coordinates, landscape.state_coordinates
    columns = {"sources": (landscape.sources, m), "targets": (landscape.targets, m)}
    columns |= {f"minima.{name}": (column, n) for name, column in landscape.minima_columns.items()}
    columns |= {f"states.{name}": (column, m) for name, column in landscape.state_columns.items()}
    for name, (column, size) in columns.items():
        if np.shape(column) != (size,):
            yield f"{name}: shape {np.shape(column)}, expected ({size},)"
    for name, values in [("energies", landscape.energies), ("heights", landscape.heights)]:
        if np.ndim(values) != 1 or not np.isfinite(values).all():
            yield f"{name}: expected one row of finite numbers"
    for name, ends in [("sources", landscape.sources), ("targets", landscape.targets)]:
        if m and (np.asarray(ends).dtype.kind not in "iu" or ends.min() < 0 or ends.max() >= n):
            yield f"{name}: expected whole numbers of minima, {f'0 to {n - 1}' if n else 'but there are none'}"
    if points is not None and (points.ndim != 2 or len(points) != n or not np.isfinite(points).all()):
        yield f"coordinates: shape {points.shape}, expected finite numbers of shape ({n}, parameters)"
    if state_points is not None:
        wanted = (m, landscape.n_parameters)
        unknown = np.isnan(state_points).all(axis=1) if state_points.ndim == 2 else True
        if state_points.shape != wanted or not (np.isfinite(state_points).all(axis=1) | unknown).all():
            yield f"state coordinates: shape {state_points.shape}, expected finite numbers of shape {wanted}"
    for table, given in [("minima", landscape.minima_columns), ("paths", landscape.state_columns)]:
        yield from filter(None, (column_problem(table, name) for name in given))
    kinds = {landscape.kind, *map(str, landscape.state_columns.get("kind", ()))}
    if not kinds <= set(KINDS):
        yield f"kind: {min(kinds - set(KINDS))[:40]!r} given, {' or '.join(KINDS)} allowed"
