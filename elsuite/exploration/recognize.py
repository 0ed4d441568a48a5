"""Minima of a database in which a point is found again, without all of them in memory: `StoredMinima`."""

from collections.abc import Iterable
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elsuite.database import LandscapeDatabase
from elsuite.landscapes.base import Landscape
from elsuite.symmetry.atoms import fingerprints, is_cluster, same_point
from elsuite.symmetry.units import same_up_to_symmetry

__all__ = ["StoredMinima"]

Array = NDArray[np.float64]

_N_DIRECTIONS = 8
_ROWS_AT_ONCE = 256


@final
class StoredMinima:
    """Some minima of a database, told apart by distance alone, never by energy.

    Free clusters are compared turned, mirrored and relabeled as they may be. A few numbers of each minimum are kept:
    projections, which are never farther apart than the points; only points that these leave in question are read.

    Parameters
    ----------
    ids : iterable of int
        The minima.
    tolerance : float
        Two points are one when their distance is at most this, times their norm where that is above 1.
    permuted : bool
        Networks that differ by a permutation of hidden units are one as well.
    """

    def __init__(
        self,
        database: LandscapeDatabase,
        landscape: Landscape,
        ids: Iterable[int],
        *,
        tolerance: float,
        permuted: bool = False,
    ) -> None:
        self._database, self._landscape = database, landscape
        self._tolerance, self._permuted = tolerance, permuted
        n = landscape.n_parameters
        directions = np.random.default_rng(0).standard_normal((n, min(n, _N_DIRECTIONS)))
        self._directions = np.linalg.qr(directions)[0]
        self._ids: list[int] = [int(i) for i in ids]
        self._new: dict[int, Array] = {}
        parts = [self._ids[k : k + _ROWS_AT_ONCE] for k in range(0, len(self._ids), _ROWS_AT_ONCE)]
        none = self._marks_of(np.empty((0, n)))
        self._marks = np.concatenate([none, *(self._marks_of(database.coordinates(part)) for part in parts)])

    def find(self, point: NDArray[Any]) -> int | None:
        """Return the id of the minimum that is the same as `point`, None if there is none."""
        if not self._ids:
            return None
        point = point.astype(np.float64)
        tolerance = self._tolerance * max(1.0, float(np.linalg.norm(point)))
        differences = self._marks - self._marks_of(point[None])
        if is_cluster(self._landscape):  # distances of atoms; all may move by the tolerance together
            apart = np.abs(differences).max(axis=1, initial=0.0) / 1.5
        else:
            apart = np.linalg.norm(differences, axis=1)
        for k in np.argsort(apart, kind="stable"):
            if apart[k] > tolerance * (1 + 1e-6):
                return None
            number = self._ids[int(k)]
            if self._same(self._point(number), point, tolerance):
                return number
        return None

    def add(self, number: int, point: NDArray[Any]) -> None:
        """Take in a minimum that the database will have under the id `number`."""
        self._ids.append(number)
        self._new[number] = point.astype(np.float64)
        self._marks = np.concatenate([self._marks, self._marks_of(point[None])])

    def committed(self) -> None:
        """Forget the points of what was taken in: the database has them now."""
        self._new.clear()

    def _point(self, number: int) -> Array:
        if number in self._new:
            return self._new[number]
        found: Array = self._database.coordinates([number])[0].astype(np.float64)
        return found

    def _same(self, a: Array, b: Array, tolerance: float) -> bool:
        if self._permuted:
            return same_up_to_symmetry(self._landscape, a, b, tolerance)
        return same_point(self._landscape, a, b, tolerance=tolerance)

    def _marks_of(self, points: NDArray[Any]) -> Array:
        points = points.astype(np.float64)
        if is_cluster(self._landscape):
            return fingerprints(self._landscape, points)
        if self._permuted:  # permutations and flips of sign change none of these
            points = np.sort(np.abs(points), axis=1)
        return np.asarray(points @ self._directions)
