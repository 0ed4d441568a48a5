"""Stationary points met so far, each once: `KnownPoints`."""

from typing import final

import numpy as np
from numpy.typing import NDArray

from elsuite.landscapes.base import Landscape
from elsuite.symmetry.atoms import fingerprints, same_point

__all__ = ["KnownPoints"]

Array = NDArray[np.float64]


@final
class KnownPoints:
    """A growing list of points in which a point is found again, turned, mirrored or relabeled as it may be.

    Points are told apart by their distance alone, aligned where the landscape has a symmetry; never by energy.

    Parameters
    ----------
    tolerance : float
        Points as near as this are one.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> known = KnownPoints(MullerBrown(), 1e-5)
    >>> known.number(np.array([0.0, 1.0])), known.number(np.array([1.0, 0.0])), known.number(np.array([0.0, 1.0]))
    (0, 1, 0)
    """

    def __init__(self, landscape: Landscape, tolerance: float) -> None:
        self._landscape = landscape
        self._tolerance = tolerance
        self._points = np.empty((0, landscape.n_parameters))
        self._prints = fingerprints(landscape, self._points)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    @property
    def points(self) -> Array:
        """All points, shape (n, P), in the order of their numbers."""
        return self._points[: self._n]

    def find(self, point: Array) -> int | None:
        """Return the number of the point that is the same as `point`, None if there is none."""
        marks = fingerprints(self._landscape, point[None])[0]
        near = np.abs(self._prints[: self._n] - marks).max(axis=1, initial=0.0) <= 1.5 * self._tolerance
        for number in np.flatnonzero(near).tolist():
            if same_point(self._landscape, self._points[number], point, tolerance=self._tolerance):
                return int(number)
        return None

    def number(self, point: Array) -> int:
        """Return the number of `point`, a new one if it was not known."""
        known = self.find(point)
        return self.add(point) if known is None else known

    def add(self, point: Array) -> int:
        """Take in a point without asking whether it is known; return its number."""
        if self._n == len(self._points):
            room = max(16, self._n)
            self._points = np.concatenate([self._points, np.empty((room, self._points.shape[1]))])
            self._prints = np.concatenate([self._prints, np.empty((room, self._prints.shape[1]))])
        self._points[self._n] = point
        self._prints[self._n] = fingerprints(self._landscape, point[None])[0]
        self._n += 1
        return self._n - 1
