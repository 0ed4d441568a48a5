"""Transition states that a database has already, so that none is counted twice: `KnownStates`."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elsuite.database import LandscapeDatabase
from elsuite.exploration.sameness import Sameness, rows_at_once
from elsuite.schema import KINDS

__all__ = ["KnownStates"]

Where = tuple[int, int, str]


@final
class KnownStates:
    """The transition states of a database whose points are known, by the minima that they join.

    A state is the same as another if both join the same minima on the same surface and their points are the same.
    Different states of one pair, and states without points, are never the same.
    """

    def __init__(self, database: LandscapeDatabase, sameness: Sameness) -> None:
        self._database, self._sameness = database, sameness
        self._points: Any = None
        self._states: dict[Where, list[int]] = {}
        self._marks: dict[int, NDArray[np.float64]] = {}

    def start(self, source: LandscapeDatabase) -> None:
        """Look at what the database has before the paths of `source` come: its own ones stay apart."""
        self._states, self._marks = {}, {}
        table = self._database.paths
        if "coordinates" not in table or "coordinates" not in source.paths:
            return
        self._points = table["coordinates"]
        rows = np.flatnonzero(table["kind"].values == KINDS[1])
        where = {name: table[name].values for name in ("source", "target", "surface")}
        step = rows_at_once(self._database.n_parameters)
        for begin in range(0, len(rows), step):
            part = rows[begin : begin + step]
            marks = self._sameness.marks(self._points[part].values)
            for row, mark in zip(part.tolist(), marks, strict=True):
                if np.isfinite(mark).all():
                    self._states.setdefault(_where(where, row), []).append(row)
                    self._marks[row] = mark

    def known(self, columns: dict[str, Any]) -> NDArray[np.bool_]:
        """Return which of some rows, whose ends are those of the database, are states that it has."""
        found = np.zeros(len(columns["source"]), dtype=bool)
        if not self._states or "coordinates" not in columns:
            return found
        points = columns["coordinates"].astype(np.float64)
        usable = np.flatnonzero((columns["kind"] == KINDS[1]) & np.isfinite(points).all(axis=1))
        pairs = [(k, row) for k in usable.tolist() for row in self._near(points[k], _where(columns, k))]
        stored = np.unique([row for _, row in pairs]).astype(np.int64)
        step = rows_at_once(self._database.n_parameters)
        for begin in range(0, len(stored), step):
            rows = stored[begin : begin + step].tolist()
            others = dict(zip(rows, self._points[rows].values.astype(np.float64), strict=True))
            for k, row in pairs:
                if row in others and not found[k]:
                    allowed = float(self._sameness.allowed(points[k : k + 1])[0])
                    found[k] = self._sameness.distance(others[row], points[k], allowed) <= allowed
        return found

    def _near(self, point: NDArray[np.float64], where: Where) -> list[int]:
        """Return the states between the same minima that may be the same as one at `point`."""
        candidates = self._states.get(where, [])
        if not candidates:
            return []
        mark = self._sameness.marks(point[None])[0]
        reach = float(self._sameness.mark_distance(point[None])[0])
        return [row for row in candidates if np.linalg.norm(self._marks[row] - mark) <= reach]


def _where(columns: Any, row: int) -> Where:
    source, target = sorted((int(columns["source"][row]), int(columns["target"][row])))
    return source, target, str(np.asarray(columns["surface"])[row])
