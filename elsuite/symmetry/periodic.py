"""Angles, torsions, coordinates in a box: `PeriodicSymmetry`, coordinates modulo a period."""

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.typing import Floats, Mask
from elsuite.symmetry.base import Alignment, Symmetry, checked_pair, checked_points


@final
@dataclass(frozen=True)
class PeriodicSymmetry(Symmetry):
    r"""Each coordinate modulo a period of its own, or, where that is None, as it is.

    The fingerprint of a periodic coordinate is :math:`p / 2 \pi \, (\cos, \sin)(2 \pi x / p)`: a chord is never longer
    than its arc.

    Raises
    ------
    ValueError
        For a period that is not positive.

    Examples
    --------
    >>> symmetry = PeriodicSymmetry((360.0, None))
    >>> symmetry.nearest([179.0, 1.0], [-179.0, 1.0])
    Alignment(distance=2.0, coordinates=array([181.,   1.]), permutation=None, inverted=False)
    """

    periods: tuple[float | None, ...]
    n_parameters: int = field(init=False, repr=False, compare=False)
    has_images: bool = field(default=False, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not all(period is None or 0 < period < np.inf for period in self.periods):
            raise ValueError(f"periods {self.periods} given; positive numbers, or None for no period, are expected")
        object.__setattr__(self, "n_parameters", len(self.periods))

    @property
    def _turning(self) -> tuple[Mask, Floats]:
        """Which coordinates have a period, and those periods."""
        lengths = np.array([np.nan if period is None else period for period in self.periods], dtype=np.float64)
        turning = np.isfinite(lengths)
        return turning, lengths[turning]

    def fingerprint(self, points: ArrayLike) -> Floats:
        """Return the coordinates without a period, then cosines and sines of the others."""
        batch, (turning, lengths) = checked_points(self.n_parameters, points), self._turning
        radii = lengths / (2 * np.pi)
        angles = batch[:, turning] / radii
        return np.hstack([batch[:, ~turning], radii * np.cos(angles), radii * np.sin(angles)])

    def nearest(self, a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0) -> Alignment:
        """Return `b` moved by whole periods."""
        first, second = checked_pair(self.n_parameters, a, b)
        turning, lengths = self._turning
        copy = second.copy()
        copy[turning] += lengths * np.round((first - second)[turning] / lengths)
        return Alignment(float(np.linalg.norm(first - copy)), copy)

    def description(self) -> dict[str, Any]:
        """Return the kind and the periods."""
        return {"kind": "periodic", "periods": list(self.periods)}

    def wrapped(self, points: ArrayLike, lowest: ArrayLike) -> Floats:
        """Return points with periodic coordinates in the one period that begins at `lowest`."""
        batch, (turning, lengths) = checked_points(self.n_parameters, points).copy(), self._turning
        start = np.broadcast_to(np.asarray(lowest, dtype=np.float64), batch.shape)[:, turning]
        batch[:, turning] = start + np.mod(batch[:, turning] - start, lengths)
        return batch
