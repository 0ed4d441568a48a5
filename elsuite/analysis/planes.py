"""Planes in parameter space: coordinates in the plane through three points, and how much of a path lies outside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.representing import short_repr
from elsuite.core.typing import Array, Floats

COORDINATES_AT_ONCE = 2**20
"""In sums over coordinates."""
FLAT = 1e-6
"""Three points lie on a line where the third is nearer to it than this share of the distances between them."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane with two orthonormal axes.

    Attributes
    ----------
    origin : ndarray (P,)
    axes : ndarray (2, P)
        Of length one, at right angles.
    """

    origin: Floats
    axes: Floats

    __repr__ = short_repr

    def points(self, places: ArrayLike) -> Floats:
        """Return the points (n, P) at places in the plane, shape (n, 2)."""
        return self.origin + np.asarray(places, dtype=np.float64) @ self.axes

    def places(self, points: ArrayLike) -> Floats:
        """Return the places (n, 2) in the plane that lie nearest to points, shape (n, P)."""
        found: Floats = (np.asarray(points, dtype=np.float64) - self.origin) @ self.axes.T
        return found

    def outside(self, points: Sequence[Array], directions: Array) -> tuple[Floats, Floats]:
        """Return places, and products of what lies outside, of points, from the origin, and of directions, (k, P).

        Places have the shape (n + k, 2), products (n + k, n + k): of the parts at right angles to the plane. They are
        sums over coordinates, some at a time, so that large points are not copied.
        """
        sizes = range(0, len(self.origin), COORDINATES_AT_ONCE)
        places = np.zeros((len(points) + len(directions), 2))
        products = np.zeros((len(places), len(places)))
        for begin in sizes:
            places += self._part(points, directions, begin) @ self._axes(begin).T
        for begin in sizes:
            rest = self._part(points, directions, begin) - places @ self._axes(begin)
            products += rest @ rest.T
        return places, products

    def _axes(self, begin: int) -> Floats:
        return self.axes[:, begin : begin + COORDINATES_AT_ONCE]

    def _part(self, points: Sequence[Array], directions: Array, begin: int) -> Floats:
        part = slice(begin, begin + COORDINATES_AT_ONCE)
        rows = [point[part].astype(np.float64) - self.origin[part] for point in points]
        return np.concatenate([np.stack(rows), np.asarray(directions)[:, part]], dtype=np.float64)


def plane_through(first: ArrayLike, second: ArrayLike, third: ArrayLike) -> Plane:
    """Return the plane through three points, shape (P,): its x axis leads from the first to the second (Gram-Schmidt).

    Raises
    ------
    ValueError
        For points on a line.

    Examples
    --------
    >>> plane = plane_through([0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 3.0, 0.0])
    >>> plane.places([[2.0, 0.0, 0.0], [1.0, 3.0, 5.0]]).tolist()
    [[2.0, 0.0], [1.0, 3.0]]
    """
    origin = np.asarray(first, dtype=np.float64)
    axes = np.stack([np.asarray(point) - origin for point in (second, third)])
    lengths = np.linalg.norm(axes, axis=1)
    if not lengths[0] > FLAT * lengths.max():
        raise ValueError("the first two of three points are one point: there is no plane through them")
    axes[0] /= lengths[0]
    for _ in range(2):  # once more: what rounding left of the first axis
        axes[1] -= axes[0] * float(axes[0] @ axes[1])
    height = float(np.linalg.norm(axes[1]))
    if not height > FLAT * lengths.max():
        raise ValueError("the three points lie on a line: there is no plane through them")
    axes[1] /= height
    return Plane(origin, axes)


def grid_around(places: ArrayLike, n: int, margin: float) -> tuple[Floats, Floats]:
    """Return the x and y of a grid around places, shape (k, 2), with a margin: a share of the longer side, all around.

    The longer side has `n` points; the other one as many as give it the same steps.

    Examples
    --------
    >>> x, y = grid_around([[0.0, 0.0], [4.0, 1.0]], n=7, margin=0.25)
    >>> x.tolist(), y.tolist()
    ([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [-1.0, 0.0, 1.0, 2.0])
    """
    given = np.asarray(places, dtype=np.float64)
    low, high = given.min(axis=0), given.max(axis=0)
    room = margin * float((high - low).max())
    low, high = low - room, high + room
    step = float((high - low).max()) / (n - 1)
    counts = [max(2, int(np.ceil(float(side) / step - 1e-9)) + 1) for side in high - low]
    starts = [
        middle - step * (count - 1) / 2 for middle, count in zip((low + high) / 2, counts, strict=True)
    ]  # a shorter side grows to whole steps at both ends alike
    x, y = (start + step * np.arange(count) for start, count in zip(starts, counts, strict=True))
    return x, y


@dataclass(frozen=True, eq=False)
class Shadow:
    """A path as it is seen from a plane: its places (n, 2), how far it lies outside (n,), and the share outside."""

    places: Floats
    distances: Floats
    share_outside: float

    __repr__ = short_repr


def shadow(plane: Plane, points: Sequence[Array], directions: Array, weights: ArrayLike) -> Shadow:
    r"""Return how a path looks from a plane, whose points are combinations of given points and of directions.

    The share :math:`\int |x_\perp'|^2 dt / \int |x'|^2 dt` of a path x(t) lies outside: 0 of a path in the plane, 1 of
    one at right angles to it; 0 of one that does not move.

    Parameters
    ----------
    points : sequence of ndarray (P,)
        Such as the two ends.
    directions : ndarray (k, P)
        What is added, such as the coefficients of a basis.
    weights : array_like (n_steps, n_points + k)
        At equal steps of t; those of the points add up to 1.

    Examples
    --------
    Over a height of 1 up and down again, while it goes from 0 to 2.

    >>> plane = plane_through([0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    >>> ends, up = [np.zeros(3), np.array([2.0, 0.0, 0.0])], np.array([[0.0, 0.0, 1.0]])
    >>> found = shadow(plane, ends, up, [[1.0, 0.0, 0.0], [0.5, 0.5, 1.0], [0.0, 1.0, 0.0]])
    >>> found.places.tolist(), found.distances.tolist(), found.share_outside
    ([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]], [0.0, 1.0, 0.0], 0.5)
    """
    combined = np.asarray(weights, dtype=np.float64)
    places, products = plane.outside(points, directions)
    steps = np.diff(combined, axis=0)
    inside = float(((steps @ places) ** 2).sum())
    outside = float(np.maximum(((steps @ products) * steps).sum(axis=1), 0).sum())
    distances = np.sqrt(np.maximum(((combined @ products) * combined).sum(axis=1), 0))
    return Shadow(combined @ places, distances, outside / (inside + outside) if inside + outside > 0 else 0.0)
