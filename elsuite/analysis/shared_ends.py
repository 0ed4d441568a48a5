r"""Ranks and means of heights of pairs, where pairs that share a minimum depend on each other.

Let a height be made of a part of each of its two minima and a part of its own. Then the correlation :math:`\rho` of
two heights that share a minimum lies between 0 (only the own part) and 1/2 (no own part), and the mean of m heights,
between which minima are shared s times, is as uncertain as that of :math:`m / (1 + 2 s \rho / m)` independent ones.
:math:`\rho` is estimated from both samples. How far that estimate and the small numbers lead astray is simulated, with
normal heights on the same pairs, for several :math:`\rho`, of which the least favorable one counts.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np

from elsuite.analysis.rank_tests import area_variance, doubled_ranks
from elsuite.core.typing import Floats, Ids

CORRELATIONS = (0.0, 0.25, 0.5)
"""Those simulated, of heights that share a minimum: from none to the most that there can be."""
MOST_SIMULATED = 800_000
"""Where there would be more simulated heights of one correlation, Student's distribution is taken instead."""
FEWEST_HITS, MOST_ROUNDS = 10, 10
"""While fewer simulated samples than this lie as far apart, simulation goes on, for so many rounds at most, and while
there are no more than five times the heights above."""

BothValues: TypeAlias = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The two minima of each height of a sample, shape (2, n)."""

    ends: Ids
    _codes: Ids = field(init=False, repr=False)  # the minima by their places among those that have a height
    _order: Ids = field(init=False, repr=False)  # heights, sorted by minimum, each under both of its minima
    _starts: Ids = field(init=False, repr=False)  # where each minimum's begin

    def __post_init__(self) -> None:
        minima, codes = np.unique(self.ends, return_inverse=True)
        order = np.argsort(codes.ravel(), kind="stable")
        object.__setattr__(self, "_codes", codes.reshape(self.ends.shape))
        object.__setattr__(self, "_order", order % self.ends.shape[1])
        object.__setattr__(self, "_starts", np.searchsorted(codes.ravel()[order], np.arange(len(minima))))

    def __len__(self) -> int:
        return int(self.ends.shape[1])

    @property
    def n_minima(self) -> int:
        """Number of minima that have a height."""
        return len(self._starts)

    @cached_property
    def n_shared(self) -> int:
        """Twice the number of times that two heights share a minimum."""
        times = np.diff(np.append(self._starts, len(self._order)))
        return int((times**2).sum()) - 2 * len(self)

    def shared_products(self, values: Floats) -> Floats:
        """Return the sum of products of values that share a minimum, each counted twice, for each row."""
        of_minima = np.add.reduceat(values[:, self._order], self._starts, axis=1)
        products: Floats = (of_minima**2).sum(axis=1) - 2 * (values**2).sum(axis=1)
        return products

    def effective(self, correlation: Floats) -> Floats:
        """Return the number of independent heights whose mean would be as uncertain."""
        number: Floats = len(self) / (1 + self.n_shared * correlation / len(self))
        return number

    def draw(self, random: np.random.Generator, n: int, correlation: float) -> Floats:
        """Return n samples of normal heights with this correlation where they share a minimum."""
        parts = random.standard_normal((n, self.n_minima))
        own = random.standard_normal((n, len(self)))
        shared = parts[:, self._codes[0]] + parts[:, self._codes[1]]
        drawn: Floats = np.sqrt(correlation) * shared + np.sqrt(1 - 2 * correlation) * own
        return drawn


@dataclass(frozen=True)
class SharedEnds:
    """What two samples of heights of pairs say about their difference.

    Attributes
    ----------
    p_value : float
        Of the ranks; of simulated samples one more is counted on both sides.
    error : float
        Half the width of the interval of the difference of the means.
    effective_a, effective_b : float
        Numbers of independent values whose ranks would say as much.
    """

    p_value: float
    error: float
    effective_a: float
    effective_b: float


def least_worth(ends: Ids) -> float:
    """Return how many independent heights those of pairs are worth at least, however much they depend on their minima.

    Examples
    --------
    Three pairs of four minima in a row; three pairs of six minima.

    >>> import numpy as np
    >>> [round(least_worth(np.array(ends)), 6) for ends in ([[0, 1, 2], [1, 2, 3]], [[0, 2, 4], [1, 3, 5]])]
    [1.8, 3.0]
    """
    return float(Pairs(ends).effective(np.array(CORRELATIONS[-1])))


def with_shared_ends(
    values: BothValues, ends: tuple[Ids, Ids], confidence: float, n_resamples: int, seed: int
) -> SharedEnds:
    """Return the p value, the error of the difference of the means, and the worth of two samples of heights of pairs.

    Examples
    --------
    Two sets of four minima with three pairs each, of which two share a minimum.

    >>> import numpy as np
    >>> heights = np.array([5.0, 6.0, 7.0]), np.array([1.0, 2.0, 3.0])
    >>> ends = np.array([[0, 1, 2], [1, 2, 3]]), np.array([[4, 5, 6], [5, 6, 7]])
    >>> with_shared_ends(heights, ends, 0.95, 500, seed=0).p_value > 0.1  # of independent values
    True
    """
    pairs = Pairs(ends[0]), Pairs(ends[1])
    rows = values[0][None], values[1][None]
    (score,), effective = _rank_scores(rows, pairs)
    worth = np.array([float(own[0]) for own in effective])
    single = min(map(len, pairs)) < 2  # the spread of one value is not known
    spreads = (1.0, 1.0) if single else (float(values[0].std(ddof=1)), float(values[1].std(ddof=1)))
    error = np.inf if single else float(_mean_errors(rows, pairs)[0])
    if n_resamples * sum(map(len, pairs)) > MOST_SIMULATED:
        from scipy.special import stdtr, stdtrit  # slow to load; reading commands start without it

        least = sum(own.effective(np.array(CORRELATIONS[-1])) for own in pairs)
        freedom = max(1.0, float(least) - 2)
        factor = float(stdtrit(freedom, (1 + confidence) / 2))
        return SharedEnds(float(2 * stdtr(freedom, -score)), error * factor, *np.maximum(worth, 1).tolist())
    found = _simulated(pairs, spreads, float(score), n_resamples, seed)
    from scipy.special import ndtri  # slow to load; reading commands start without it

    # So many independent values would have this critical score.
    worth *= min(1.0, (float(ndtri((1 + confidence) / 2)) / found.critical(found.rank_scores, confidence)) ** 2)
    if 0 < error < np.inf:
        error *= found.critical(found.mean_scores, confidence)
    return SharedEnds(found.p_value, error, *np.maximum(worth, 1).tolist())


@dataclass(frozen=True, eq=False)
class _Simulated:
    p_value: float
    rank_scores: list[Floats]  # for each correlation
    mean_scores: list[Floats]

    def critical(self, scores: list[Floats], confidence: float) -> float:
        return max(float(np.quantile(own, confidence, method="higher")) for own in scores)


def _simulated(pairs: tuple[Pairs, Pairs], spreads: tuple[float, float], score: float, n: int, seed: int) -> _Simulated:
    random = np.random.default_rng(seed)
    hits, rank_scores, mean_scores = np.zeros(len(CORRELATIONS)), [], []
    for k, correlation in enumerate(CORRELATIONS):
        drawn = pairs[0].draw(random, n, correlation), pairs[1].draw(random, n, correlation)
        rank_scores.append(_rank_scores(drawn, pairs)[0])
        hits[k] = _as_far(rank_scores[k], score)
        scaled = drawn[0] * spreads[0], drawn[1] * spreads[1]
        differences = np.abs(scaled[0].mean(axis=1) - scaled[1].mean(axis=1))
        errors = _mean_errors(scaled, pairs)
        mean_scores.append(np.divide(differences, errors, out=np.zeros(n), where=errors > 0))
    rounds, most = 1, min(MOST_ROUNDS, 5 * MOST_SIMULATED // (n * sum(map(len, pairs))))
    while hits.max() < FEWEST_HITS and rounds < most:
        for k, correlation in enumerate(CORRELATIONS):
            drawn = pairs[0].draw(random, n, correlation), pairs[1].draw(random, n, correlation)
            hits[k] += _as_far(_rank_scores(drawn, pairs)[0], score)
        rounds += 1
    return _Simulated(float((hits.max() + 1) / (rounds * n + 1)), rank_scores, mean_scores)


def _as_far(scores: Floats, score: float) -> int:
    return int((scores >= score * (1 - 1e-9)).sum())  # equal scores may differ by rounding


# How far the ranks of two samples are apart, in standard deviations, and what each sample is worth, for each row.
def _rank_scores(values: BothValues, pairs: tuple[Pairs, Pairs]) -> tuple[Floats, BothValues]:
    n_a, n_b = map(len, pairs)
    both = _ranks(np.concatenate(values, axis=1))
    area = (both[:, :n_a].sum(axis=1) / 2 - n_a * (n_a + 1) / 2) / (n_a * n_b)
    correlation = _correlation((_ranks(values[0]), _ranks(values[1])), pairs)
    effective = pairs[0].effective(correlation), pairs[1].effective(correlation)
    scores: Floats = np.abs(area - 0.5) / np.sqrt(area_variance(0.5, *effective))
    return scores, effective


# Standard error of the difference of the means, for each row.
def _mean_errors(values: BothValues, pairs: tuple[Pairs, Pairs]) -> Floats:
    correlation = _correlation(values, pairs)
    variance = np.zeros(len(correlation))
    for own, joined in zip(values, pairs, strict=True):
        # Values that depend on each other are less spread in a sample than they are altogether.
        fewer = max(len(joined) - 1, 1)
        seen = 1 - joined.n_shared * correlation / (len(joined) * fewer)
        variance += own.var(axis=1) * len(joined) / fewer / np.maximum(seen, 0.2) / joined.effective(correlation)
    errors: Floats = np.sqrt(variance)
    return errors


# Correlation of values that share a minimum, of both samples together; 1/2 where no two do (it does not matter then).
def _correlation(values: BothValues, pairs: tuple[Pairs, Pairs]) -> Floats:
    products = np.zeros(len(values[0]))
    for own, joined in zip(values, pairs, strict=True):
        centered = own - own.mean(axis=1, keepdims=True)
        variance = (centered**2).sum(axis=1) / max(len(joined) - 1, 1)
        some = variance > 0
        products[some] += joined.shared_products(centered[some]) / variance[some]
    shared = pairs[0].n_shared + pairs[1].n_shared
    return np.clip(products / shared, 0, 0.5) if shared else np.full(len(products), 0.5)


# Twice the rank of each value within its row, as `doubled_ranks`; one row may have ties, simulated ones have none.
def _ranks(values: Floats) -> Floats:
    if len(values) == 1:
        return doubled_ranks(values[0])[None].astype(np.float64)
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, values.argsort(axis=1), 2.0 * np.arange(1, values.shape[1] + 1), axis=1)
    return ranks
