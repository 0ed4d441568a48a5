"""Two samples compared: difference with a bootstrap interval, Mann-Whitney p value, Cliff's delta."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids
from elsuite.network import PathHeights

Statistic: TypeAlias = Literal["mean", "median"]
BATCH_VALUES = 1_000_000
"""Resampled values in memory at a time."""


@dataclass(frozen=True)
class Comparison:
    """How two samples differ.

    Attributes
    ----------
    difference : float
        Mean (or median) of `a` minus that of `b`.
    interval : tuple of float
        Bootstrap interval of the difference (percentiles).
    p_value : float
        Two-sided Mann-Whitney. For pairs its variance is the bootstrap's over minima, see `compare`.
    cliffs_delta : float
        P(a > b) - P(a < b): 1 if all of `a` is above all of `b`, 0 if neither tends to be larger.
    delta_interval : tuple of float
        Bootstrap interval of Cliff's delta.
    independent_p_value : float
        Mann-Whitney as if all values were independent: too small for pairs that share minima.
    resampled : str
        "values" or "minima".
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    cliffs_delta: float
    delta_interval: tuple[float, float]
    independent_p_value: float
    n_a: int
    n_b: int
    resampled: str
    statistic: Statistic
    confidence: float

    __repr__ = short_repr


def compare(
    a: ArrayLike | PathHeights,
    b: ArrayLike | PathHeights,
    *,
    statistic: Statistic = "mean",
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Return how much larger the values of `a` are than those of `b`, with what certainty.

    Heights of pairs that share a minimum depend on each other. So for two `PathHeights` the bootstrap draws
    minima with replacement, not pairs, a minimum in both samples once for both: a pair counts as often as
    its two minima were drawn together, m_i m_j times, and a pair of a minimum with its own copy does not.
    The p value is that of the Mann-Whitney statistic with the variance that it has over these draws.

    Parameters
    ----------
    a, b : array-like (n,) or PathHeights
        Independent values, or pairs (from `pair_heights`) on both sides.

    Raises
    ------
    ValueError
        If a sample is empty or has values that are not finite, one is of pairs and one is not, or an option
        is out of range.

    Examples
    --------
    >>> result = compare([3.0, 4.0, 5.0], [1.0, 2.0])
    >>> result.difference, result.cliffs_delta
    (2.5, 1.0)
    """
    if statistic not in {"mean", "median"} or not 0 < confidence < 1 or n_resamples < 1:
        raise ValueError(
            "statistic is 'mean' or 'median', confidence between 0 and 1, n_resamples at least 1, not "
            f"{statistic!r}, {confidence}, {n_resamples}"
        )
    first, second = _sample(a, "a"), _sample(b, "b")
    pairs = first.ends is not None
    if pairs != (second.ends is not None):
        raise ValueError("both samples are values, or both are PathHeights")
    once = [(np.ones((1, len(first.values))), np.ones((1, len(second.values))))]
    (difference,), (delta,) = _resampled(first, second, once, statistic)
    differences, deltas = _resampled(first, second, _draws(first, second, n_resamples, seed), statistic)
    from scipy.stats import mannwhitneyu  # takes half a second to import

    independent = float(mannwhitneyu(first.values, second.values, alternative="two-sided").pvalue)
    tails = (1 - confidence) / 2
    return Comparison(
        difference=float(difference),
        interval=_interval(differences, tails),
        p_value=_pairs_p_value(first, second, float(delta), deltas) if pairs else independent,
        cliffs_delta=float(delta),
        delta_interval=_interval(deltas, tails),
        independent_p_value=independent,
        n_a=len(first.values),
        n_b=len(second.values),
        resampled="minima" if pairs else "values",
        statistic=statistic,
        confidence=confidence,
    )


@dataclass(frozen=True, eq=False)
class _Sample:
    values: Floats
    ends: Ids | None  # (2, n): the two minima of each pair


def _sample(given: ArrayLike | PathHeights, name: str) -> _Sample:
    if isinstance(given, PathHeights):
        sample = _Sample(given.heights, np.stack([given.sources, given.targets]))
    else:
        sample = _Sample(np.asarray(given, dtype=np.float64), None)
    values = sample.values
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"sample {name} must be finite numbers, at least one, not an array {values.shape}")
    return sample


# How often each value of a and of b counts in each resample: pairs of matrices (resample, value), in batches.
def _draws(a: _Sample, b: _Sample, n_resamples: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    random = np.random.default_rng(seed)
    batch = max(1, BATCH_VALUES // (len(a.values) + len(b.values)))
    for done in range(0, n_resamples, batch):
        n = min(batch, n_resamples - done)
        if a.ends is not None and b.ends is not None:
            yield _draw_minima(random, a.ends, b.ends, n)
        else:
            yield _multiplicities(random, len(a.values), n), _multiplicities(random, len(b.values), n)


# Minima of both samples, of the first alone and of the second alone are drawn each from their own.
def _draw_minima(random: np.random.Generator, ends_a: Ids, ends_b: Ids, n: int) -> tuple[Floats, Floats]:
    minima = np.union1d(ends_a, ends_b)
    stratum = 2 * np.isin(minima, ends_a) + np.isin(minima, ends_b)
    drawn = np.zeros((n, len(minima)))
    for group in np.unique(stratum):
        members = np.flatnonzero(stratum == group)
        drawn[:, members] = _multiplicities(random, len(members), n)
    at_a, at_b = np.searchsorted(minima, ends_a), np.searchsorted(minima, ends_b)
    return drawn[:, at_a[0]] * drawn[:, at_a[1]], drawn[:, at_b[0]] * drawn[:, at_b[1]]


def _multiplicities(random: np.random.Generator, n_values: int, n: int) -> Floats:
    # A tenth of the time of a multinomial.
    drawn = random.integers(n_values, size=(n, n_values))
    drawn += n_values * np.arange(n)[:, None]
    return np.bincount(drawn.ravel(), minlength=n * n_values).reshape(n, n_values).astype(np.float64)


# Difference and Cliff's delta of each resample; those in which a side has no value left do not count.
def _resampled(
    a: _Sample, b: _Sample, draws: Iterable[tuple[Floats, Floats]], statistic: Statistic
) -> tuple[Floats, Floats]:
    differences, deltas = [], []
    center = _weighted_mean if statistic == "mean" else _weighted_median
    for weights_a, weights_b in draws:
        some = (weights_a.sum(axis=1) > 0) & (weights_b.sum(axis=1) > 0)
        in_a, in_b = weights_a[some], weights_b[some]
        differences.append(center(a.values, in_a) - center(b.values, in_b))
        deltas.append(_cliffs_delta(a.values, b.values, in_a, in_b))
    return np.concatenate(differences), np.concatenate(deltas)


def _weighted_mean(values: Floats, weights: Floats) -> Floats:
    mean: Floats = weights @ values / weights.sum(axis=1)
    return mean


# The middle of a sample in which each value counts `weights` times, as np.median of the repeated values.
def _weighted_median(values: Floats, weights: Floats) -> Floats:
    order = np.argsort(values)
    counts = np.cumsum(weights[:, order], axis=1)
    half = counts[:, -1:] / 2
    low, high = (counts < half).sum(axis=1), (counts <= half).sum(axis=1)
    middle: Floats = (values[order][low] + values[order][np.minimum(high, len(values) - 1)]) / 2
    return middle


def _cliffs_delta(a: Floats, b: Floats, weights_a: Floats, weights_b: Floats) -> Floats:
    order = np.argsort(b)
    counts = np.cumsum(weights_b[:, order], axis=1)
    counts = np.concatenate([np.zeros((len(counts), 1)), counts], axis=1)
    below = counts[:, np.searchsorted(b[order], a, side="left")]
    above = counts[:, -1:] - counts[:, np.searchsorted(b[order], a, side="right")]
    delta: Floats = (weights_a * (below - above)).sum(axis=1) / (weights_a.sum(axis=1) * counts[:, -1])
    return delta


def _interval(draws: Floats, tails: float) -> tuple[float, float]:
    if not len(draws):
        return float("nan"), float("nan")
    low, high = np.quantile(draws, [tails, 1 - tails])
    return float(low), float(high)


# A p value can be no smaller than that of completely separated samples of as many values as there are
# minima: where the samples hardly overlap, the spread over draws, and with it the normal approximation,
# would promise too much.
def _pairs_p_value(a: _Sample, b: _Sample, delta: float, deltas: Floats) -> float:
    from scipy.special import ndtr  # slow to load; reading commands start without it

    n_a, n_b = (0 if sample.ends is None else len(np.unique(sample.ends)) for sample in (a, b))
    least = min(1.0, 2 / math.comb(n_a + n_b, n_a))
    spread = float(deltas.std()) if len(deltas) else 0.0
    if spread == 0:
        return 1.0 if delta == 0 else least
    return max(float(2 * ndtr(-abs(delta) / spread)), least)
