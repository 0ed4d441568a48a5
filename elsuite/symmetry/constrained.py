"""Atoms of which some move along lines or in planes only: `ConstrainedSymmetry`."""

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.typing import Floats, Mask
from elsuite.symmetry.base import Alignment, Symmetry, checked_pair, checked_points


@final
@dataclass(frozen=True)
class ConstrainedSymmetry(Symmetry):
    """Points q of which the positions x = origin + q F have a symmetry, with the rows of F, orthonormal, the frame.

    Copies must keep to the frame: the symmetry exchanges atoms that move along the same lines or in the same planes.

    Parameters
    ----------
    frame : tuple of rows (P, N)
    origin : tuple (N,)

    Raises
    ------
    ValueError
        For rows that are not orthonormal, or of another size than the symmetry's points.

    Examples
    --------
    Two atoms in a plane may be exchanged.

    >>> from elsuite.symmetry.atoms import AtomSymmetry
    >>> free = AtomSymmetry(("Cu", "Cu"), turned=False, translated=False)
    >>> plane = ((1.0, 0, 0, 0, 0, 0), (0, 1.0, 0, 0, 0, 0), (0, 0, 0, 1.0, 0, 0), (0, 0, 0, 0, 1.0, 0))
    >>> ConstrainedSymmetry(free, plane, (0.0, 0, 5, 0, 0, 5)).nearest([1.0, 2, 3, 4], [3.0, 4, 1, 2]).distance
    0.0
    """

    inner: Symmetry
    frame: tuple[tuple[float, ...], ...]
    origin: tuple[float, ...]
    n_parameters: int = field(init=False, repr=False, compare=False)
    stretch: float = field(init=False, repr=False, compare=False)
    drifts: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows, start = np.array(self.frame, dtype=np.float64), np.array(self.origin, dtype=np.float64)
        shape = (len(rows), self.inner.n_parameters)
        good = rows.shape == shape and start.shape == shape[1:]
        if not good or np.abs(rows @ rows.T - np.eye(len(rows))).max(initial=0.0) > 1e-9 or self.inner.n_zero_modes:
            raise ValueError(
                f"frame of shape {rows.shape}, origin of shape {start.shape} given; orthonormal rows of "
                f"{shape[1]} numbers, and so many, are expected, of a symmetry without zero modes"
            )
        values = {
            "frame": tuple(map(tuple, rows.tolist())),
            "origin": tuple(start.tolist()),
            "n_parameters": len(rows),
            "stretch": self.inner.stretch,
            "drifts": self.inner.drifts,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def positions(self, points: ArrayLike) -> Floats:
        """Return the positions, shape (..., N), of points (..., P).

        Examples
        --------
        >>> from elsuite.symmetry import NoSymmetry
        >>> ConstrainedSymmetry(NoSymmetry(2), ((0.0, 1.0),), (5.0, 1.0)).positions([2.0]).tolist()
        [5.0, 3.0]
        """
        return np.asarray(np.asarray(points, dtype=np.float64) @ np.array(self.frame) + np.array(self.origin))

    def fingerprint(self, points: ArrayLike) -> Floats:
        """Return those of the positions."""
        return self.inner.fingerprint(self.positions(checked_points(self.n_parameters, points)))

    def nearest(self, a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0) -> Alignment:
        """Return the copy of `b` whose positions are nearest to those of `a`."""
        first, second = checked_pair(self.n_parameters, a, b)
        found = self.inner.nearest(self.positions(first), self.positions(second), tolerance=tolerance)
        copy = np.array(self.frame) @ (found.coordinates - np.array(self.origin))
        return Alignment(found.distance, copy, found.permutation, found.inverted)

    def group_order(self, point: ArrayLike) -> int:
        """Return that of the positions."""
        return self.inner.group_order(self.positions(point))

    def within(self, points: ArrayLike, lowest: Floats, highest: Floats) -> Mask:
        """Return which points lie in a box as they are; where atoms repeat in a cell, all."""
        batch = checked_points(self.n_parameters, points)
        if self.drifts:
            return np.ones(len(batch), dtype=np.bool_)
        return np.asarray(((batch >= lowest) & (batch <= highest)).all(axis=1))

    def description(self) -> dict[str, Any]:
        """Return the kind, the frame, and the symmetry of the positions."""
        rows = [list(row) for row in self.frame]
        return {"kind": "constrained", "inner": self.inner.description(), "frame": rows, "origin": list(self.origin)}
