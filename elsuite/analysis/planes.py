"""Planes in parameter space: coordinates in the plane through three points, and how much of a path lies outside it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats

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

    def distances(self, points: ArrayLike) -> Floats:
        """Return how far points (n, P) lie outside the plane, shape (n,)."""
        away = np.asarray(points, dtype=np.float64) - self.origin
        distances: Floats = np.linalg.norm(away - (away @ self.axes.T) @ self.axes, axis=1)
        return distances

    def walked(self, points: ArrayLike) -> tuple[float, float]:
        """Return the sums of the squared steps from each point (n, P) to the next, and of their parts outside."""
        steps = np.diff(np.asarray(points, dtype=np.float64), axis=0)
        outside = steps - (steps @ self.axes.T) @ self.axes
        return float((steps**2).sum()), float((outside**2).sum())


def plane_through(first: ArrayLike, second: ArrayLike, third: ArrayLike) -> Plane:
    """Return the plane through three points, shape (P,): its x axis leads from the first to the second (Gram-Schmidt).

    Raises
    ------
    ValueError
        For points on a line.

    Examples
    --------
    >>> plane = plane_through([0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 3.0, 0.0])
    >>> plane.places([[2.0, 0.0, 0.0], [1.0, 3.0, 5.0]]).tolist(), plane.distances([[1.0, 3.0, 5.0]]).tolist()
    ([[2.0, 0.0], [1.0, 3.0]], [5.0])
    """
    origin, to_second, to_third = (np.asarray(point, dtype=np.float64) for point in (first, second, third))
    to_second, to_third = to_second - origin, to_third - origin
    far = max(float(np.linalg.norm(to_second)), float(np.linalg.norm(to_third)))
    length = float(np.linalg.norm(to_second))
    if not length > FLAT * far:
        raise ValueError("the first two of three points are one point: there is no plane through them")
    along = to_second / length
    across = to_third - along * float(along @ to_third)
    across -= along * float(along @ across)  # once more: what rounding left of the first axis
    height = float(np.linalg.norm(across))
    if not height > FLAT * far:
        raise ValueError("the three points lie on a line: there is no plane through them")
    return Plane(origin, np.stack([along, across / height]))


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


def share_outside(walked: float, outside: float) -> float:
    r"""Return the share :math:`\int |x_\perp'|^2 dt / \int |x'|^2 dt` of a path x(t) that lies outside a plane.

    Both are what `Plane.walked` gives for points at equal steps of t. A path in the plane has 0, one at right angles to
    it 1; a path that does not move has 0.

    Examples
    --------
    Over a height of 1 up and down again, while it goes from 0 to 2.

    >>> plane = plane_through([0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    >>> share_outside(*plane.walked([[0.0, 0.0, 0.0], [1.0, 0.0, 1.0], [2.0, 0.0, 0.0]]))
    0.5
    """
    return outside / walked if walked > 0 else 0.0
