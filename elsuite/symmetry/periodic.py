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

    Parameters
    ----------
    translated : bool
        Whether a copy with all periodic coordinates moved by one and the same length is the same, as of spins that
        only meet each other: a zero mode. Their periods are then equal.

    Raises
    ------
    ValueError
        For a period that is not positive, or for different ones, or none, where copies are translated.

    Examples
    --------
    >>> symmetry = PeriodicSymmetry((360.0, None))
    >>> symmetry.nearest([179.0, 1.0], [-179.0, 1.0])
    Alignment(distance=2.0, coordinates=array([181.,   1.]), permutation=None, inverted=False)
    >>> PeriodicSymmetry((360.0, 360.0), translated=True).nearest([10.0, 20.0], [300.0, 310.0]).distance
    0.0
    """

    periods: tuple[float | None, ...]
    translated: bool = False
    n_parameters: int = field(init=False, repr=False, compare=False)
    n_zero_modes: int = field(default=0, init=False, repr=False, compare=False)
    stretch: float = field(default=1.0, init=False, repr=False, compare=False)
    has_images: bool = field(default=False, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not all(period is None or 0 < period < np.inf for period in self.periods):
            raise ValueError(f"periods {self.periods} given; positive numbers, or None for no period, are expected")
        object.__setattr__(self, "n_parameters", len(self.periods))
        if not self.translated:
            return
        if len({period for period in self.periods if period is not None}) != 1:
            raise ValueError(f"periods {self.periods} given; equal ones are expected where copies are translated")
        # Differences of neighbors, each coordinate in two of them.
        for name, value in (("n_zero_modes", 1), ("stretch", 2.0), ("has_images", True)):
            object.__setattr__(self, name, value)

    @property
    def _turning(self) -> tuple[Mask, Floats]:
        """Which coordinates have a period, and those periods."""
        lengths = np.array([np.nan if period is None else period for period in self.periods], dtype=np.float64)
        turning = np.isfinite(lengths)
        return turning, lengths[turning]

    def fingerprint(self, points: ArrayLike) -> Floats:
        """Return the coordinates without a period, then cosines and sines of the others.

        Of differences between one and the next, around, where copies are translated.
        """
        batch, (turning, lengths) = checked_points(self.n_parameters, points), self._turning
        radii = lengths / (2 * np.pi)
        angles = batch[:, turning] / radii
        if self.translated:
            angles = angles - np.roll(angles, -1, axis=1)
        return np.hstack([batch[:, ~turning], radii * np.cos(angles), radii * np.sin(angles)])

    def nearest(self, a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0) -> Alignment:
        """Return `b` moved by whole periods and, where copies are translated, all of it by the best length."""
        first, second = checked_pair(self.n_parameters, a, b)
        turning, lengths = self._turning
        copy = second.copy()
        if self.translated:
            copy[turning] += _best_shift((first - second)[turning], float(lengths[0]))
        copy[turning] += lengths * np.round((first - copy)[turning] / lengths)
        return Alignment(float(np.linalg.norm(first - copy)), copy)

    def zero_modes(self, points: ArrayLike) -> Floats:
        """Return the direction in which all periodic coordinates move alike, where copies are translated."""
        batch = checked_points(self.n_parameters, points)
        turning = self._turning[0].astype(np.float64)[:, None]
        modes = turning[:, : self.n_zero_modes] / np.sqrt(max(1.0, turning.sum()))
        return np.asarray(np.broadcast_to(modes, (len(batch), *modes.shape)))

    def description(self) -> dict[str, Any]:
        """Return the kind and the periods."""
        return {"kind": "periodic", "periods": list(self.periods), **({"translated": True} if self.translated else {})}

    def wrapped(self, points: ArrayLike, lowest: ArrayLike) -> Floats:
        """Return points with periodic coordinates in the one period that begins at `lowest`."""
        batch, (turning, lengths) = checked_points(self.n_parameters, points).copy(), self._turning
        start = np.broadcast_to(np.asarray(lowest, dtype=np.float64), batch.shape)[:, turning]
        batch[:, turning] = start + np.mod(batch[:, turning] - start, lengths)
        return batch


def _best_shift(differences: Floats, period: float) -> float:
    """Return the length that lies nearest to all differences modulo a period, by their squares.

    The differences on a circle are cut open between two of them: each cut has a mean, the best of which is the answer.
    """
    sorted_ones = np.sort(np.mod(differences, period))
    n = len(sorted_ones)
    # Cut before number k: those before it lie one period farther on.
    means = sorted_ones.mean() + period * np.arange(n) / n
    sums = (sorted_ones**2).sum() + np.concatenate([[0.0], np.cumsum(2 * period * sorted_ones + period**2)[:-1]])
    return float(means[(sums - n * means**2).argmin()])
