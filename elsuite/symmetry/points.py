"""Which points are known: `PointIndex`, with one stated tolerance and one meaning of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from elsuite.core.typing import Floats, Ids, Mask
from elsuite.symmetry.base import Symmetry, checked_points

Ties = Callable[[Ids, Ids], Sequence[NDArray[Any]]]

_N_DIRECTIONS = 8  # of the space in which neighbors are looked up
_UNSORTED = 64  # points that are in no tree yet
_QUERIES_AT_ONCE = 64
_FEW = 200
_BYTES_AT_ONCE = 2**25
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Matches:
    """For each of some points the known one that is the same.

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
    distances: Floats
    moved: Mask


@final
class PointIndex:
    """A growing list of points, numbered from 0, in which a point is found again.

    Two points are one when the nearest copy of the one, by the symmetry, is within the tolerance of the other; energies
    play no part. A few numbers of each point are kept in trees: projections of what is equal for all copies, which are
    never farther apart than the points times the symmetry's `stretch`. Only points that these leave in question are
    compared, so that the time of n look-ups grows little faster than n.

    Parameters
    ----------
    tolerance : float
        A distance in the units of the points.
    read : callable, optional
        ``read(numbers)`` returns points kept elsewhere, shape (len(numbers), P); without it they are kept here.

    Raises
    ------
    ValueError
        For a tolerance that is negative or not finite.

    Examples
    --------
    >>> from elsuite.symmetry import NoSymmetry
    >>> known = PointIndex(NoSymmetry(2), 1e-5)
    >>> known.number([0.0, 1.0]), known.number([1.0, 0.0]), known.number([0.0, 1.0 + 1e-6])
    (0, 1, 0)
    """

    def __init__(self, symmetry: Symmetry, tolerance: float, *, read: Callable[[Ids], ArrayLike] | None = None) -> None:
        if not 0 <= tolerance < np.inf:
            raise ValueError(f"tolerance {tolerance} given; a finite one from 0 is expected")
        self.symmetry, self.tolerance = symmetry, float(tolerance)
        self.n_compared = 0
        self._n_alike = 0
        self._read = read
        self._n = 0
        self._points = np.empty((0, symmetry.n_parameters))
        self._marks = np.empty((0, 0))
        self._trees: list[tuple[KDTree, int, int]] = []
        self._center = np.empty(0)
        self._directions = np.empty((0, 0))

    def __len__(self) -> int:
        return self._n

    @property
    def points(self) -> Floats:
        """All points kept here, shape (n, P), in the order of their numbers."""
        return self._points[: self._n]

    def find(self, point: ArrayLike) -> int | None:
        """Return the number of the nearest known point that is the same as `point`, None if there is none."""
        batch = self._checked(np.asarray(point)[None])
        alike = list(self._alike(batch))
        if len(alike) < 2:
            return alike[0][1] if alike and self._one(alike[0][2], batch[0]) else None
        _, numbers, distances, _ = self._candidates(batch)
        return int(numbers[np.lexsort((numbers, distances))[0]]) if len(numbers) else None

    def find_all(self, points: ArrayLike) -> Ids:
        """Return the numbers of known points that are the same as some points, shape (n, P); -1 where none is.

        Where one is found quickly it need not be the nearest.
        """
        batch = self._checked(points)
        numbers = np.full(len(batch), -1, dtype=np.int64)
        for row, number, known in self._alike(batch):
            if numbers[row] < 0 and self._one(known, batch[row]):
                numbers[row] = number
        return numbers

    def number(self, point: ArrayLike) -> int:
        """Return the number of `point`, a new one if it was not known."""
        known = self.find(point)
        return self.add(point) if known is None else known

    def add(self, point: ArrayLike) -> int:
        """Take in a point without asking whether it is known; return its number."""
        self.extend(np.asarray(point)[None])
        return self._n - 1

    def extend(self, points: ArrayLike) -> None:
        """Take in points, shape (n, P), without asking whether they are known."""
        batch = self._checked(points)
        if not len(batch):
            return
        prints = self.symmetry.fingerprint(batch)
        if self._n == 0:
            # Far from the origin differences keep the digits that projections would lose.
            self._center = prints[0].copy()
            width = prints.shape[1]
            gaussian = np.random.default_rng(0).standard_normal((width, min(width, _N_DIRECTIONS)))
            self._directions = np.linalg.qr(gaussian)[0] if width else np.empty((0, 1))
            self._marks = np.empty((0, self._directions.shape[1]))
        self._marks = _put(self._marks, self._n, (prints - self._center) @ self._directions)
        if self._read is None:
            self._points = _put(self._points, self._n, batch)
        self._n += len(batch)
        covered = self._trees[-1][2] if self._trees else 0
        if self._n - covered >= _UNSORTED:
            # Trees of sizes that at least double: each point moves to a larger one a few times only.
            while self._trees and self._trees[-1][2] - self._trees[-1][1] <= self._n - covered:
                covered = self._trees.pop()[1]
            self._trees.append((KDTree(self._marks[covered : self._n]), covered, self._n))

    def match(self, points: Floats | Iterable[Floats], *, ties: Ties | None = None) -> Matches:
        """Return which known points some points are, one to one: two of them are never both the same known one.

        The nearest pairs come first, whatever the order of the points.

        Parameters
        ----------
        points : array (n, P), or an iterable of such blocks
        ties : callable, optional
            ``ties(rows, numbers)`` returns arrays, the first the most important, that decide between pairs at equal
            distances, the least first; a pair for which one is not finite is none.
        """
        blocks = [points] if isinstance(points, np.ndarray) else points
        found, n = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_))], 0
        for block in blocks:
            batch = self._checked(block)
            rows, *others = self._candidates(batch)
            found.append((rows + n, *others))  # type: ignore[arg-type]
            n += len(batch)
        rows, numbers, distances, moved = (np.concatenate(column) for column in zip(*found, strict=True))
        keys = [] if ties is None else list(ties(rows, numbers))
        # Distances that differ by rounding are equal.
        equal = np.round(distances / max(1e-6 * self.tolerance, np.finfo(float).tiny))
        order = np.lexsort((numbers, rows, distances, *keys[::-1], equal))
        allowed = np.all([np.isfinite(key) for key in keys], axis=0) if keys else np.ones(len(rows), np.bool_)
        matches = Matches(np.full(n, -1, dtype=np.int64), np.full(n, np.nan), np.zeros(n, dtype=np.bool_))
        taken: set[int] = set()
        for k in order[allowed[order]].tolist():
            row, number = int(rows[k]), int(numbers[k])
            if matches.ids[row] < 0 and number not in taken:
                taken.add(number)
                matches.ids[row], matches.distances[row], matches.moved[row] = number, distances[k], moved[k]
        return matches

    def _checked(self, points: ArrayLike) -> Floats:
        batch = checked_points(self.symmetry.n_parameters, points)
        if not np.isfinite(batch).all():
            raise ValueError("points with values that are not finite given; only finite ones can be found again")
        return batch

    def _candidates(self, points: Floats) -> tuple[Ids, Ids, Floats, Mask]:
        """Return all pairs of one of `points`, by its row, and a known one that is the same, by its number.

        With them come their distances, and whether they are the same only after a symmetry.
        """
        same = []
        for row, number, known in self._alike(points):
            distance = self.symmetry.nearest(known, points[row], tolerance=self.tolerance).distance
            if distance <= self.tolerance:
                same.append((row, number, distance, np.linalg.norm(known - points[row]) > self.tolerance))
        rows, numbers, distances, moved = zip(*same, strict=True) if same else ((), (), (), ())
        return (
            np.array(rows, dtype=np.int64),
            np.array(numbers, dtype=np.int64),
            np.array(distances, dtype=np.float64),
            np.array(moved, dtype=np.bool_),
        )

    def _alike(self, points: Floats) -> Iterator[tuple[int, int, Floats]]:
        """Yield pairs of a row of `points` and the number of a known point, with it, whose fingerprints agree."""
        for begin in range(0, len(points) if self._n else 0, _QUERIES_AT_ONCE):
            batch = points[begin : begin + _QUERIES_AT_ONCE]
            prints = self.symmetry.fingerprint(batch)
            apart = self.tolerance * self.symmetry.stretch * (1 + 1e-9)
            apart = apart + _ROUNDING * np.linalg.norm(prints - self._center, axis=1)
            rows, numbers = self._near((prints - self._center) @ self._directions, apart)
            self.n_compared += len(rows)
            for own, other, known in self._in_question(rows, numbers):
                far = np.linalg.norm(self.symmetry.fingerprint(known) - prints[own], axis=1)
                for k in np.flatnonzero(far <= apart[own]).tolist():
                    yield int(own[k]) + begin, int(other[k]), known[k]

    def _one(self, known: Floats, point: Floats) -> bool:
        """Return whether a point is a known one; the first ones are not worth compiling anything."""
        self._n_alike += 1
        if self._n_alike > _FEW and self.symmetry.overlaid(known, point, self.tolerance) <= self.tolerance:
            return True
        return self.symmetry.nearest(known, point, tolerance=self.tolerance).distance <= self.tolerance

    def _near(self, marks: Floats, radii: Floats) -> tuple[Ids, Ids]:
        """Return pairs of a row of `marks` and the number of a known point whose marks are within the row's radius."""
        rows, numbers = [], []
        for tree, start, _ in self._trees:
            for row, near in enumerate(tree.query_ball_point(marks, radii)):
                rows += [row] * len(near)
                numbers += [start + k for k in near]
        covered = self._trees[-1][2] if self._trees else 0
        rest = self._marks[covered : self._n]
        apart = np.linalg.norm(marks[:, None] - rest[None], axis=-1)
        more, near = np.nonzero(apart <= radii[:, None])
        return (
            np.concatenate([np.array(rows, dtype=np.int64), more]),
            np.concatenate([np.array(numbers, dtype=np.int64), near + covered]),
        )

    def _in_question(self, rows: Ids, numbers: Ids) -> Iterator[tuple[Ids, Ids, Floats]]:
        """Yield pairs with the points of their numbers, not too many at a time."""
        order, step = np.lexsort((rows, numbers)), rows_at_once(self.symmetry.n_parameters)
        for begin in range(0, len(order), step):
            part = order[begin : begin + step]
            different, place = np.unique(numbers[part], return_inverse=True)
            known = self._points[different] if self._read is None else self._read(different)
            yield rows[part], numbers[part], np.asarray(known, dtype=np.float64)[place]


def _put(values: Floats, n: int, new: Floats) -> Floats:
    """Return `values` with rows from n on replaced by `new`, in an array with room that doubles."""
    if n + len(new) > len(values):
        grown = np.empty((max(16, n + len(new), 2 * len(values)), values.shape[1]))
        grown[:n] = values[:n]
        values = grown
    values[n : n + len(new)] = new
    return values


def rows_at_once(n_values: int) -> int:
    """Return how many rows of so many numbers may be in memory at once."""
    return int(np.clip(_BYTES_AT_ONCE // max(1, 8 * n_values), 1, 4096))


def arrival_order(points: ArrayLike, energies: ArrayLike) -> list[int]:
    """Return the rows of points, lowest energy first: what is known then does not depend on the order they came in.

    Examples
    --------
    >>> arrival_order([[0.0], [2.0], [1.0]], [1.0, 0.0, 0.0])
    [2, 1, 0]
    """
    given = np.asarray(points)
    columns = given.reshape(len(given), -1).T[::-1]
    return [int(k) for k in np.lexsort((*columns, np.asarray(energies)))]
