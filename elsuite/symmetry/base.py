"""When two points are one: `Symmetry`, declared by a landscape, and `NoSymmetry`, where distance alone decides."""

import abc
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.typing import Array, Floats

__all__ = ["Alignment", "NoSymmetry", "Symmetry", "checked_points"]


@dataclass(frozen=True, eq=False)
class Alignment:
    """A copy of one point, equal to it by symmetry, that lies near another point.

    Attributes
    ----------
    distance : float
        Euclidean norm of the difference that is left, along the shortest way where coordinates are periodic.
    coordinates : ndarray (P,)
        The copy.
    permutation : ndarray of int, or None
        What was exchanged: of atoms, atom ``permutation[k]`` of the point lies over atom k of the other; of units, the
        signed permutation of all parameters, counted from 1. None where nothing is exchangeable.
    inverted : bool
        Whether the copy is a mirror image.
    """

    distance: float
    coordinates: Floats
    permutation: Array | None = None
    inverted: bool = False


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
    """

    n_parameters: int
    n_zero_modes: int = 0
    stretch: float = 1.0

    @abc.abstractmethod
    def fingerprint(self, points: ArrayLike) -> Floats:
        """Return numbers that are equal for all copies of a point, shape (n, F), of points (n, P)."""

    @abc.abstractmethod
    def nearest(self, a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0) -> Alignment:
        """Return the copy of `b` nearest to `a`, both (P,), as far as is found; one within `tolerance` will do."""

    @abc.abstractmethod
    def description(self) -> dict[str, Any]:
        """Return in JSON's types what `elsuite.symmetry.symmetry_from` makes the same symmetry of."""

    def zero_modes(self, points: ArrayLike) -> Floats:
        """Return orthonormal directions in which the energy never changes, (n, P, n_zero_modes), at points (n, P)."""
        batch = checked_points(self.n_parameters, points)
        return np.empty((*batch.shape, 0))

    def group_order(self, point: ArrayLike) -> int:
        """Return how many elements lay a point, shape (P,), over itself, its zero modes apart."""
        return 1


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

    def fingerprint(self, points: ArrayLike) -> Floats:
        """Return the points."""
        return checked_points(self.n_parameters, points)

    def nearest(self, a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0) -> Alignment:
        """Return `b` itself."""
        first, second = checked_points(self.n_parameters, np.stack([np.asarray(a), np.asarray(b)]))
        return Alignment(float(np.linalg.norm(first - second)), second)

    def description(self) -> dict[str, Any]:
        """Return the kind alone."""
        return {"kind": "none", "n_parameters": self.n_parameters}


def checked_points(n_parameters: int, points: ArrayLike) -> Floats:
    """Return points as float64, shape (n, P).

    Raises
    ------
    ValueError
        For another shape.
    """
    batch = np.asarray(points, dtype=np.float64)
    if batch.ndim != 2 or batch.shape[1] != n_parameters:
        raise ValueError(f"points of shape {batch.shape} given; (n_points, {n_parameters}) is expected")
    return batch
