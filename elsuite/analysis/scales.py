"""Energy axes: pure functions between true energies and drawn heights."""

import abc
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.typing import Floats, Ids

ScaleName: TypeAlias = Literal["linear", "log", "gaps"]
WIDE = 2.0
"""Empty ranges of more decades than this are compressed."""
SHARE = 0.15
"""To this share of all that is not empty."""
SMALLEST = float(np.finfo(np.float64).tiny)
"""Energies under it have lost digits; on a logarithmic scale they count as 0."""
ROOM_FOR_ZERO = 0.5
"""Decades, at least, between the lowest energy above 0 and where those of 0 are drawn."""


class EnergyScale(abc.ABC):
    """An increasing map from energies to drawn heights."""

    @abc.abstractmethod
    def forward(self, energies: ArrayLike) -> Floats:
        """Return the drawn heights of energies."""

    @abc.abstractmethod
    def inverse(self, heights: ArrayLike) -> Floats:
        """Return the energies of drawn heights."""

    def lifted(self, energies: ArrayLike) -> Floats:
        """Return the energies at which energies are drawn: themselves, or the floor where they lie under it."""
        values = np.asarray(energies, dtype=np.float64)
        return values if (floor := floor_of(self)) is None else np.maximum(values, floor.floor)


@dataclass(frozen=True)
class LinearScale(EnergyScale):
    """Drawn height = energy.

    Examples
    --------
    >>> LinearScale().forward([1.0, 10.0]).tolist()
    [1.0, 10.0]
    """

    def forward(self, energies: ArrayLike) -> Floats:
        """Return the energies themselves."""
        return np.asarray(energies, dtype=np.float64)

    def inverse(self, heights: ArrayLike) -> Floats:
        """Return the heights themselves."""
        return np.asarray(heights, dtype=np.float64)


@dataclass(frozen=True)
class LogScale(EnergyScale):
    """Drawn height = log10 of the energy, for losses over many decades; energies under the floor are drawn at it.

    Examples
    --------
    >>> scale = LogScale(floor=1e-6)
    >>> scale.forward([0.0, 0.01, 1.0]).tolist(), scale.inverse([-2.0]).tolist()
    ([-6.0, -2.0, 0.0], [0.01])
    """

    floor: float = SMALLEST
    mark: Literal["", "0", "<="] = ""
    """What lies at the floor: nothing that is lower, energies of 0, or any energies under it."""
    lowest: float = 0.0
    """The lowest energy above what is drawn at the floor; between the two there is nothing."""

    def forward(self, energies: ArrayLike) -> Floats:
        """Return the decimal logarithms of energies."""
        return np.log10(np.maximum(np.asarray(energies, dtype=np.float64), self.floor))

    def inverse(self, heights: ArrayLike) -> Floats:
        """Return ten to the power of heights."""
        with np.errstate(over="ignore", under="ignore"):
            return np.power(10.0, np.asarray(heights, dtype=np.float64))


@dataclass(frozen=True)
class GapScale(EnergyScale):
    """Piecewise linear by its kinks, ascending: slope 1 except in compressed gaps, where nothing lies.

    Examples
    --------
    From 1 to 9, where no energy lies, eight units are drawn as one.

    >>> scale = GapScale(energies=(1.0, 9.0), heights=(1.0, 2.0))
    >>> scale.forward([0.0, 1.0, 9.0, 10.0]).tolist(), scale.gaps
    ([0.0, 1.0, 2.0, 3.0], ((1.0, 9.0),))
    """

    energies: tuple[float, ...]
    heights: tuple[float, ...]

    @property
    def gaps(self) -> tuple[tuple[float, float], ...]:
        """The compressed ranges of energy, ascending: where a drawing marks a break of the axis."""
        return tuple(zip(self.energies[::2], self.energies[1::2], strict=True))

    def forward(self, energies: ArrayLike) -> Floats:
        """Return energies less what is cut out below them."""
        return _piecewise(np.asarray(energies, dtype=np.float64), self.energies, self.heights)

    def inverse(self, heights: ArrayLike) -> Floats:
        """Return the energies of drawn heights."""
        return _piecewise(np.asarray(heights, dtype=np.float64), self.heights, self.energies)

    def ticks(self, low: float, high: float, n: int = 6) -> Floats:
        """Return about `n` round energies from `low` to `high`, outside the compressed gaps."""
        edges = [low, *(edge for edge in self.energies if low < edge < high), high]
        shown = [piece for piece in pairwise(edges) if piece not in self.gaps]
        spans = [float(np.ptp(self.forward(piece))) for piece in shown]
        if not sum(spans) > 0:
            return round_numbers(low, high, n)
        # One step for all pieces; a piece that it steps over, and that is not tiny, gets one number of its
        # own.
        step = round_step(sum(spans) / max(n, 1))
        ticks = [multiples(*piece, step) for piece in shown]
        for k, span in enumerate(spans):
            finer = step
            while not len(ticks[k]) and 20 * span > sum(spans):
                finer = round_step(finer / 2.5)
                ticks[k] = multiples(*shown[k], finer)[:1]
        return np.unique(np.concatenate(ticks))


@dataclass(frozen=True)
class LogGapScale(EnergyScale):
    """The logarithm, then its empty ranges compressed: losses of 1e-12 and barriers of 1e-2 in one picture."""

    log: LogScale
    compressed: GapScale
    """Of logarithms."""

    @property
    def gaps(self) -> tuple[tuple[float, float], ...]:
        """The compressed ranges of energy, ascending."""
        return tuple((float(10**low), float(10**high)) for low, high in self.compressed.gaps)

    def forward(self, energies: ArrayLike) -> Floats:
        """Return logarithms less what is cut out below them."""
        return self.compressed.forward(self.log.forward(energies))

    def inverse(self, heights: ArrayLike) -> Floats:
        """Return the energies of drawn heights."""
        return self.log.inverse(self.compressed.inverse(heights))

    def ticks(self, low: float, high: float) -> Floats:
        """Return powers of ten outside the compressed ranges; 2 and 5 times them where there are few."""
        ticks = self._multiples(low, high, (1,))
        return ticks if len(ticks) >= 3 else self._multiples(low, high, (1, 2, 5))

    def minor_ticks(self, low: float, high: float) -> Floats:
        """Return the multiples of powers of ten outside the compressed ranges."""
        return self._multiples(low, high, tuple(range(2, 10)))

    def _multiples(self, low: float, high: float, digits: tuple[int, ...]) -> Floats:
        powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        values = np.array([float(f"{digit}e{power}") for power in powers for digit in digits])
        shown = (values >= low) & (values <= high)
        for start, stop in self.gaps:
            shown &= (values <= start) | (values >= stop)
        return values[shown]


def _piecewise(values: Floats, kinks: tuple[float, ...], images: tuple[float, ...]) -> Floats:
    if not kinks:
        return values
    inside = np.interp(values, kinks, images)
    return inside + np.minimum(values - kinks[0], 0) + np.maximum(values - kinks[-1], 0)


def energy_scale(
    name: ScaleName, energies: ArrayLike, *, largest_gap: float = 0.15, floor: float | None = None
) -> EnergyScale:
    """Return the scale of this name for a drawing that shows these energies.

    Parameters
    ----------
    name : {"linear", "log", "gaps"}
        "log" is for energies that are not negative; "gaps" is linear, with empty ranges compressed.
    energies : array-like
        Every energy that will be drawn: minima and merges.
    largest_gap : float
        "gaps": empty ranges longer than this share of what is drawn (after compression) are compressed to it.
    floor : float, optional
        "log": energies under it are drawn at it; by default the lowest one or, where some are 0, half a decade or more
        under the lowest above 0.

    Raises
    ------
    ValueError
        If the name is unknown, or an energy is negative and the scale logarithmic.

    Examples
    --------
    >>> energy_scale("log", [1e-9, 1.0]).forward([1e-9, 1e-6, 1.0]).tolist()
    [-9.0, -6.0, 0.0]
    """
    if name == "linear":
        return LinearScale()
    values = np.unique(np.asarray(energies, dtype=np.float64))
    if name == "log":
        return _log_scale(values, floor)
    if name == "gaps":
        return _gap_scale(values, largest_gap)
    raise ValueError(f"no energy scale {name!r}: there are 'linear', 'log' and 'gaps'")


def _log_scale(values: Floats, floor: float | None) -> LogScale:
    if floor is not None:
        if not 0 < floor < np.inf:
            raise ValueError(f"the floor of a logarithmic scale is a number above 0, not {floor}")
        return LogScale(max(floor, SMALLEST), "<=" if (values < floor).any() else "", floor)
    if len(values) and values[0] < 0:
        raise ValueError(
            f"a logarithmic scale needs energies of 0 or more, the lowest is {values[0]:.6g}: give a floor"
        )
    positive = values[values >= SMALLEST]
    if not len(positive):
        if len(values):
            raise ValueError("a logarithmic scale needs an energy above 0, all are 0: give a floor")
        return LogScale()
    lowest, highest = float(positive[0]), float(positive[-1])
    if len(positive) == len(values):
        return LogScale(lowest, "", lowest)
    logs = np.log10([lowest, highest])
    under = 10.0 ** float(logs[0] - max(ROOM_FOR_ZERO, 0.08 * float(logs[1] - logs[0])))
    return LogScale(max(under, SMALLEST), "0" if not values[len(values) - len(positive) - 1] else "<=", lowest)


def floor_of(scale: EnergyScale) -> LogScale | None:
    """Return the logarithmic scale that has the floor of a scale; None for those that have none."""
    if isinstance(scale, LogGapScale):
        return scale.log
    return scale if isinstance(scale, LogScale) else None


def axis_scale(name: str, energies: ArrayLike, *, floor: float | None = None, ratio: float = 30.0) -> EnergyScale:
    """Return the scale of an axis of these energies that is linear or logarithmic: "auto", "linear" or "log".

    "auto" is logarithmic as in `wants_log`, and where a floor is given. Energies that are not finite do not count.

    Raises
    ------
    ValueError
        If a logarithmic scale does not fit the energies, or a floor a linear one.

    Examples
    --------
    >>> axis_scale("auto", [0.0, 1e-6, 1.0]).mark, axis_scale("auto", [-1.0, 1.0])
    ('0', LinearScale())
    """
    array = np.asarray(energies, dtype=np.float64).ravel()
    values = np.unique(array[np.isfinite(array)])
    if name == "linear" and floor is not None:
        raise ValueError("a floor is given, and the scale 'linear' has none; allowed: 'auto', 'log'")
    if name == "log" or (name == "auto" and (floor is not None or wants_log(values, ratio=ratio))):
        return energy_scale("log", values, floor=floor)
    return LinearScale()


# The scale in which no empty range takes more than `largest_gap` of the drawn range.
def _gap_scale(values: Floats, largest_gap: float) -> GapScale:
    if not 0 < largest_gap < 1:
        raise ValueError(f"the largest gap is a share between 0 and 1, not {largest_gap}")
    lengths = np.diff(values)
    longest = np.append(np.sort(lengths)[::-1], 0.0)
    rests = np.cumsum(longest[::-1])[::-1]  # what is left without the first k
    limit = np.inf
    for k in range(1, len(longest)):
        # With the k longest gaps cut to c each, c = share (rest + k c), so c = share rest / (1 - share k).
        if largest_gap * k >= 1 or rests[k] <= 0:
            limit = float(longest[k - 1])  # too few gaps for such a share: cut down to the next longest
            break
        limit = largest_gap * float(rests[k]) / (1 - largest_gap * k)
        if limit >= longest[k]:
            break
    return _compressed(values, np.flatnonzero(lengths > limit * (1 + 1e-12)), limit)


# The scale in which each of some gaps between neighboring values is drawn `cut` long.
def _compressed(values: Floats, gaps: Ids, cut: float) -> GapScale:
    kinks = np.column_stack([values[gaps], values[gaps + 1]]).ravel()
    shrunk = np.cumsum(np.diff(values)[gaps] - cut)
    lost = np.repeat(np.concatenate([[0.0], shrunk]), 2)[1:-1]
    return GapScale(tuple(kinks.tolist()), tuple((kinks - lost).tolist()))


def log_gap_scale(energies: ArrayLike, *, floor: float | None = None) -> LogGapScale:
    """Return the scale for a drawing of these energies, none negative: more than two empty decades are compressed.

    Examples
    --------
    >>> scale = log_gap_scale([1e-12, 1e-11, 1e-3, 1e-2])
    >>> scale.ticks(1e-12, 1e-2).tolist()
    [1e-12, 1e-11, 0.001, 0.01]
    """
    log = _log_scale(np.unique(np.asarray(energies, dtype=np.float64)), floor)
    logs = np.unique(log.forward(energies))
    lengths = np.diff(logs)
    wide = np.flatnonzero(lengths > WIDE)
    cut = max(SHARE * float(lengths.sum() - lengths[wide].sum()), 0.3)
    return LogGapScale(log, _compressed(logs, wide, cut))


def largest_empty_share(energies: ArrayLike) -> float:
    """Return which share of a logarithmic axis the widest empty range of energies takes, those of 0 left out.

    Examples
    --------
    >>> largest_empty_share([1e-4, 1e-1, 1.0])
    0.75
    """
    values = np.asarray(energies, dtype=float)
    logs = np.unique(np.log10(values[values >= SMALLEST]))
    gaps = [high - low for low, high in pairwise(logs.tolist())]
    return float(round(max(gaps) / (logs[-1] - logs[0]), 9)) if gaps else 0.0


def wants_log(values: ArrayLike, *, ratio: float = 30.0) -> bool:
    """Return whether no finite value is negative and the largest is more than `ratio` times the smallest above 0.

    Examples
    --------
    >>> wants_log([0.0, 1e-6, 1.0]), wants_log([0.5, 1.0]), wants_log([0.0, 1.0]), wants_log([-1.0, 1e-6, 1.0])
    (True, False, False, False)
    """
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    positive = array[array >= SMALLEST]
    return bool(len(positive) and array.min() >= 0 and positive.max() / ratio > positive.min())


def round_numbers(low: float, high: float, n: int) -> Floats:
    """Return about `n` multiples of 1, 2 or 5 times a power of ten from `low` to `high`."""
    span = high - low
    if not span > 0 or not np.isfinite(span):
        return np.array([low], dtype=np.float64)
    return multiples(low, high, round_step(span / max(n, 1)))


def round_step(step: float) -> float:
    """Return the nearest of 1, 2, 5 and 10 times the power of ten under a step."""
    power = float(10.0 ** np.floor(np.log10(step)))
    return power * min((1, 2, 5, 10), key=lambda factor: abs(factor * power - step))


def multiples(low: float, high: float, step: float) -> Floats:
    """Return the multiples of a step from `low` to `high`, rounded to its digits."""
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    ticks: Floats = np.round(np.arange(first, last + 1) * step, max(0, int(-np.floor(np.log10(step)))))
    return ticks
