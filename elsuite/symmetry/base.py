"""When two points are one: `Symmetry`, declared by a landscape, and `NoSymmetry`, where distance alone decides."""

import abc
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from elsuite.core.typing import Array, Floats, Mask


@dataclass(frozen=True, eq=False)
class Alignment:
    """A copy of one point, equal to it by symmetry, that lies near another point.

    Attributes
    ----------
    distance : float
        Euclidean norm of the difference that is left, along the shortest way where coordinates are periodic.
    permutation : ndarray of int, or None
        What was exchanged: of atoms, atom ``permutation[k]`` of the point lies over atom k of the other; of units, the
        signed permutation of all parameters, counted from 1. None where nothing is exchangeable.
    """

    distance: float
    coordinates: Floats
    permutation: Array | None = None
    inverted: bool = False
    """Whether the copy is a mirror image."""

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        """Return the coordinates: numpy takes an alignment for the copy that it is."""
        return np.array(self.coordinates, dtype=dtype, copy=copy)


class Symmetry(abc.ABC):
    r"""The group of changes of a point that leave its energy as it is.

    A landscape declares it; nothing is guessed from numbers. Two points are one when the distance of the one to the
    nearest copy of the other is within a tolerance; `PointIndex` is the place that decides.

    Attributes
    ----------
    n_parameters : int
        P.
    n_zero_modes : int
        Dimension of the continuous part: directions at a generic point in which the energy never changes.
    stretch : float
        Fingerprints of points at a distance d from each other are at most this times d apart.
    drifts : bool
        Whether a point moves freely in space, so that bounds of single coordinates say nothing about it.
    has_images : bool
        Whether another point can be a copy: not where only whole periods of coordinates count as none.
    joins_nearest : bool
        Whether paths lead to the nearest copy of their end unless something else is asked for: a straight line to any
        other makes atoms collide. Of networks the path between the points as they are is a question of its own.
    """

    n_parameters: int
    n_zero_modes: int = 0
    stretch: float = 1.0
    drifts: bool = False
    has_images: bool = True
    joins_nearest: bool = True

    @abc.abstractmethod
    def fingerprint(self, points: ArrayLike) -> Floats:
        """Return numbers that are equal for all copies of a point, shape (n, F), of points (n, P)."""

    @abc.abstractmethod
    def nearest(self, a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0) -> Alignment:
        """Return the copy of `b` nearest to `a`, both (P,), as far as is found; one within `tolerance` will do.

        Raises
        ------
        ValueError
            For points of another size, or with values that are not finite.
        """

    def overlaid(self, a: ArrayLike, b: ArrayLike, tolerance: float) -> float:
        """Return the distance of `a` to a copy of `b` that is quickly found, infinite where none is.

        It is never under that of `nearest`, which knows more: one within `tolerance` proves that points are one, and
        nothing else is said.
        """
        return float("inf")

    @abc.abstractmethod
    def description(self) -> dict[str, Any]:
        """Return in JSON's types what `elsuite.symmetry.symmetry_from` makes the same symmetry of."""

    def zero_modes(self, points: ArrayLike) -> Floats:
        """Return orthonormal directions in which the energy never changes, (n, P, n_zero_modes), at points (n, P).

        Directions without length stand last where a point has fewer, as a linear molecule has.
        """
        batch = checked_points(self.n_parameters, points)
        return np.empty((*batch.shape, 0))

    def group_order(self, point: ArrayLike) -> int:
        """Return how many elements lay a point, shape (P,), over itself, its zero modes apart."""
        return 1

    def wrapped(self, points: ArrayLike, lowest: ArrayLike) -> Floats:
        """Return points (n, P) with periodic coordinates in the one period that begins at `lowest`, (P,)."""
        return checked_points(self.n_parameters, points)

    def within(self, points: ArrayLike, lowest: Floats, highest: Floats) -> Mask:
        """Return which of the points (n, P) lie in a box, as they are or as a copy of themselves."""
        copies = self.wrapped(points, lowest)
        return np.asarray(((copies >= lowest) & (copies <= highest)).all(axis=1))

    def sizes(self, points: ArrayLike) -> Floats | None:
        """Return a length of its own for each of the points (n, P), where there is one: the radius of a cluster."""
        return None


@final
@dataclass(frozen=True)
class NoSymmetry(Symmetry):
    """Every point is equal to itself only.

    Examples
    --------
    >>> NoSymmetry(2).nearest([0.0, 0.0], [3.0, 4.0]).distance
    5.0
    """

    n_parameters: int
    has_images: bool = field(default=False, init=False, repr=False, compare=False)
    joins_nearest: bool = field(default=False, init=False, repr=False, compare=False)

    def fingerprint(self, points: ArrayLike) -> Floats:
        """Return the points."""
        return checked_points(self.n_parameters, points)

    def nearest(self, a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0) -> Alignment:
        """Return `b` itself."""
        first, second = checked_pair(self.n_parameters, a, b)
        return Alignment(float(np.linalg.norm(first - second)), second)

    def description(self) -> dict[str, Any]:
        """Return the kind alone."""
        return {"kind": "none", "n_parameters": self.n_parameters}


def checked_points(n_parameters: int, points: ArrayLike) -> Floats:
    """Return points as float64, shape (n, P); raise ValueError for another shape."""
    batch = np.asarray(points, dtype=np.float64)
    if batch.ndim != 2 or batch.shape[1] != n_parameters:
        raise ValueError(f"points of shape {batch.shape} given; (n_points, {n_parameters}) is expected")
    return batch


def checked_pair(n_parameters: int, a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    """Return two points as float64, both shape (P,); raise ValueError for another shape or values not finite."""
    first, second = (np.asarray(point, dtype=np.float64) for point in (a, b))
    for point in (first, second):
        if point.shape != (n_parameters,):
            raise ValueError(f"a point of shape {point.shape} given; ({n_parameters},) is expected")
        if not np.isfinite(point).all():
            raise ValueError("a point with values that are not finite given; only finite ones can be compared")
    return first, second
