"""When two points are the same minimum (`Sameness`), and which stored minima given points are (`StoredPoints`).

Energies play no part: minima of networks are nearly degenerate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from elsuite.database import LandscapeDatabase
from elsuite.landscapes.base import Landscape
from elsuite.symmetry.atoms import align_clusters, fingerprints, is_cluster
from elsuite.symmetry.permutations import UnitSymmetry
from elsuite.symmetry.units import landscape_symmetry, match_weights

__all__ = ["Found", "Sameness", "StoredPoints", "rows_at_once"]

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

_N_DIRECTIONS = 8
_BYTES_AT_ONCE = 2**25
_QUERIES_AT_ONCE = 64


def rows_at_once(n_values: int) -> int:
    """Return how many rows of so many numbers may be in memory at once."""
    return int(np.clip(_BYTES_AT_ONCE // max(1, 8 * n_values), 1, 4096))


@final
@dataclass(frozen=True)
class Sameness:
    """When two points are the same minimum: within `tolerance`, times the norm where that is above 1.

    Attributes
    ----------
    landscape : Landscape, optional
        Clusters are compared turned, mirrored and relabeled, of other landscapes with `permuted` networks with their
        units permuted. Without it, distance alone counts.
    """

    n_parameters: int
    tolerance: float
    landscape: Landscape | None = None
    permuted: bool = False

    @property
    def of_clusters(self) -> bool:
        """Whether points are free clusters of identical atoms."""
        return self.landscape is not None and is_cluster(self.landscape)

    @property
    def by_distance_alone(self) -> bool:
        """Whether no symmetry is looked at."""
        return not (self.of_clusters or self.permuted)

    @cached_property
    def symmetry(self) -> UnitSymmetry:
        """What permutes the units of the network."""
        assert self.landscape is not None
        return landscape_symmetry(self.landscape)

    def allowed(self, points: Array) -> Array:
        """Return the distance allowed at each point, shape (n_points,)."""
        if self.of_clusters:
            atoms = points.reshape(len(points), -1, 3)
            points = (atoms - atoms.mean(axis=1, keepdims=True)).reshape(points.shape)
        norms: Array = np.linalg.norm(points, axis=1)
        return self.tolerance * np.maximum(1.0, norms)

    def marks(self, points: NDArray[Any]) -> Array:
        """Return a few numbers of each point that differ by `mark_distance` at most where points are the same."""
        invariant = self._invariant(points.astype(np.float64))
        marks: Array = invariant @ self._directions
        return marks

    def mark_distance(self, points: Array) -> Array:
        """Return how far apart the marks of the same minimum can be, with a margin for rounding."""
        # Moving n atoms by a distance d altogether moves their sorted distances by sqrt(n) d at most.
        factor = np.sqrt(points.shape[1] / 3) if self.of_clusters else 1.0
        size = np.linalg.norm(self._invariant(points), axis=1)
        return np.asarray(self.allowed(points) * factor * (1 + 1e-6) + 1e-12 * size)

    def distance(self, a: Array, b: Array, allowed: float) -> float:
        """Return the distance of two points, of those equal by symmetry the shortest one found."""
        if self.of_clusters:
            return align_clusters(a, b, tolerance=allowed).distance
        plain = float(np.linalg.norm(a - b))
        if plain <= allowed or not self.permuted:
            return plain
        if np.linalg.norm(np.sort(np.abs(a)) - np.sort(np.abs(b))) > allowed:
            return plain
        return match_weights(self.symmetry, a, b).distance

    def _invariant(self, points: Array) -> Array:
        if self.of_clusters and self.landscape is not None:
            return fingerprints(self.landscape, points)
        return np.sort(np.abs(points), axis=1) if self.permuted else points

    @cached_property
    def _directions(self) -> Array:
        width = self._invariant(np.zeros((1, self.n_parameters))).shape[1]
        gaussian = np.random.default_rng(0).standard_normal((width, min(width, _N_DIRECTIONS)))
        directions: Array = np.linalg.qr(gaussian)[0]
        return directions


@dataclass(frozen=True, eq=False)
class Found:
    """For each of some points the same stored minimum.

    Attributes
    ----------
    ids : ndarray of int (n,)
        -1: there is none.
    distances : ndarray (n,)
        NaN where there is none.
    moved : ndarray of bool (n,)
        Whether it is the same only after a symmetry, not as it lies.
    """

    ids: Ids
    distances: Array
    moved: NDArray[np.bool_]


@final
class StoredPoints:
    """All minima of a database as they are now, among which points are found; points stay in the store."""

    def __init__(self, database: LandscapeDatabase, sameness: Sameness) -> None:
        self._database, self._sameness = database, sameness
        self._step = rows_at_once(database.n_parameters)
        self._sets = np.array(database.minima["set"].values.tolist(), dtype=object)
        n = database.n_minima
        parts = [
            sameness.marks(database.coordinates(np.arange(k, min(k + self._step, n))))
            for k in range(0, n, self._step)
        ]
        self._tree = KDTree(np.concatenate(parts)) if parts else None

    def find(self, points: NDArray[Any], sets: NDArray[Any]) -> Found:
        """Return for each point the nearest stored minimum that is the same, of equally near ones one of its own set.

        Parameters
        ----------
        points : ndarray (n, n_parameters)
        sets : ndarray of str (n,)
        """
        n = len(points)
        found = Found(np.full(n, -1, dtype=np.int64), np.full(n, np.nan), np.zeros(n, dtype=bool))
        if self._tree is None:
            return found
        for begin in range(0, n, _QUERIES_AT_ONCE):
            part = slice(begin, begin + _QUERIES_AT_ONCE)
            batch = points[part].astype(np.float64)
            near = self._tree.query_ball_point(
                self._sameness.marks(batch), self._sameness.mark_distance(batch), return_sorted=True
            )
            rows = np.repeat(np.arange(len(batch)), [len(ids) for ids in near])
            ids = np.array([i for part_ids in near for i in part_ids], dtype=np.int64)
            if not len(ids):
                continue
            best = self._best(batch, sets[part], rows, ids)
            for whole, own in (
                (found.ids, best.ids),
                (found.distances, best.distances),
                (found.moved, best.moved),
            ):
                whole[part] = own
        return found

    def _best(self, batch: Array, sets: NDArray[Any], rows: Ids, ids: Ids) -> Found:
        """Return the nearest of the candidates `ids` for the points in `rows`."""
        allowed = self._sameness.allowed(batch)
        distances, moved = np.full(len(ids), np.inf), np.zeros(len(ids), dtype=bool)
        for chosen, stored in self._candidates(ids):
            plain = np.linalg.norm(batch[rows[chosen]] - stored, axis=1)
            distances[chosen] = plain
            if not self._sameness.by_distance_alone:
                for k in np.flatnonzero(plain > allowed[rows[chosen]]).tolist():
                    row = int(rows[chosen[k]])
                    distances[chosen[k]] = self._sameness.distance(stored[k], batch[row], float(allowed[row]))
                    moved[chosen[k]] = True
        same = np.flatnonzero(distances <= allowed[rows])
        other_set = self._sets[ids[same]] != sets[rows[same]]
        order = same[np.lexsort((ids[same], other_set, distances[same], rows[same]))]
        firsts = order[np.unique(rows[order], return_index=True)[1]]
        n = len(batch)
        best = Found(np.full(n, -1, dtype=np.int64), np.full(n, np.nan), np.zeros(n, dtype=bool))
        for whole, values in ((best.ids, ids), (best.distances, distances), (best.moved, moved)):
            whole[rows[firsts]] = values[firsts]
        return best

    def _candidates(self, ids: Ids) -> Iterator[tuple[Ids, Array]]:
        """Yield positions in `ids` and the points stored under them, a part at a time."""
        order = np.argsort(ids, kind="stable")
        for begin in range(0, len(order), self._step):
            chosen = order[begin : begin + self._step]
            yield chosen, self._database.coordinates(ids[chosen]).astype(np.float64)
