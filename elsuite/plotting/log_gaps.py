"""A logarithmic axis whose empty decades are compressed: losses of 1e-12 and barriers of 1e-2 in one picture."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsuite.analysis import EnergyScale, GapScale, LogScale, energy_scale

__all__ = ["LogGapScale", "largest_empty_share", "log_gap_scale"]


WIDE = 2.0
"""Empty ranges of more decades than this are compressed."""
SHARE = 0.15
"""To this share of all that is not empty."""


@dataclass(frozen=True)
class LogGapScale(EnergyScale):
    """The logarithm, then its empty ranges compressed.

    Attributes
    ----------
    compressed : GapScale
        Of logarithms.
    """

    log: LogScale
    compressed: GapScale

    @property
    def gaps(self) -> tuple[tuple[float, float], ...]:
        """The compressed ranges of energy, ascending."""
        return tuple((float(10**low), float(10**high)) for low, high in self.compressed.gaps)

    def forward(self, energies: ArrayLike) -> NDArray[np.float64]:
        """Return logarithms less what is cut out below them."""
        return self.compressed.forward(self.log.forward(energies))

    def inverse(self, heights: ArrayLike) -> NDArray[np.float64]:
        """Return the energies of drawn heights."""
        return self.log.inverse(self.compressed.inverse(heights))

    def ticks(self, low: float, high: float) -> NDArray[np.float64]:
        """Return powers of ten outside the compressed ranges; 2 and 5 times them where there are few."""
        ticks = self._multiples(low, high, (1,))
        return ticks if len(ticks) >= 3 else self._multiples(low, high, (1, 2, 5))

    def minor_ticks(self, low: float, high: float) -> NDArray[np.float64]:
        """Return the multiples of powers of ten outside the compressed ranges.

        Parameters
        ----------
        low, high : float
            Energies.
        """
        return self._multiples(low, high, tuple(range(2, 10)))

    def _multiples(self, low: float, high: float, digits: tuple[int, ...]) -> NDArray[np.float64]:
        powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        values = np.array([float(f"{digit}e{power}") for power in powers for digit in digits])
        shown = (values >= low) & (values <= high)
        for start, stop in self.gaps:
            shown &= (values <= start) | (values >= stop)
        return values[shown]


def log_gap_scale(energies: ArrayLike) -> LogGapScale:
    """Return the scale for a drawing of these energies, none negative: more than two empty decades are compressed.

    Parameters
    ----------
    energies : array_like
        Every energy that will be drawn.

    Examples
    --------
    >>> scale = log_gap_scale([1e-12, 1e-11, 1e-3, 1e-2])
    >>> scale.ticks(1e-12, 1e-2).tolist()
    [1e-12, 1e-11, 0.001, 0.01]
    """
    log = energy_scale("log", energies)
    assert isinstance(log, LogScale)
    logs = np.unique(log.forward(energies))
    lengths = np.diff(logs)
    wide = np.flatnonzero(lengths > WIDE)
    cut = max(SHARE * float(lengths.sum() - lengths[wide].sum()), 0.3)
    kinks = np.column_stack([logs[wide], logs[wide + 1]]).ravel()
    lost = np.repeat(np.concatenate([[0.0], np.cumsum(lengths[wide] - cut)]), 2)[1:-1]
    return LogGapScale(log, GapScale(tuple(kinks.tolist()), tuple((kinks - lost).tolist())))


def largest_empty_share(energies: ArrayLike) -> float:
    """Return which share of a logarithmic axis its widest empty range takes.

    Parameters
    ----------
    energies : array_like
        All positive.

    Examples
    --------
    >>> largest_empty_share([1e-4, 1e-1, 1.0])
    0.75
    """
    logs = np.unique(np.log10(np.asarray(energies, dtype=float)))
    gaps = [high - low for low, high in pairwise(logs.tolist())]
    return float(round(max(gaps) / (logs[-1] - logs[0]), 9)) if gaps else 0.0
