from math import comb

import numpy as np
import pytest
import strategies_network  # noqa: F401  (no deadlines)
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from elsuite.analysis import compare
from elsuite.analysis.comparison import FEWEST_PAIRS, LEAST_WORTH, _cliffs_delta, _weighted_mean, _weighted_median
from elsuite.analysis.rank_tests import rank_sum_p_value
from elsuite.network import PathHeights

NUMBERS = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=12)


@given(NUMBERS, NUMBERS)
def test_difference_delta_and_p_value(a, b):
    a, b = np.array(a), np.array(b)
    result = compare(a, b, n_resamples=20)
    assert result.difference == pytest.approx(a.mean() - b.mean())
    signs = np.sign(a[:, None] - b[None, :])
    assert result.cliffs_delta == pytest.approx(signs.mean())
    assert result.p_value == result.independent_p_value == rank_sum_p_value(a, b)
    assert (result.n_a, result.n_b, result.resampled) == (len(a), len(b), "values")
    low, high = result.interval
    assert low <= high
    assert compare(b, a, n_resamples=20).cliffs_delta == pytest.approx(-result.cliffs_delta)


@given(NUMBERS, NUMBERS, st.data())
def test_weights_count_values_as_often(a, b, data):
    counts_a = data.draw(st.lists(st.integers(0, 3), min_size=len(a), max_size=len(a)).filter(any))
    counts_b = data.draw(st.lists(st.integers(0, 3), min_size=len(b), max_size=len(b)).filter(any))
    repeated_a, repeated_b = np.repeat(a, counts_a), np.repeat(b, counts_b)
    weights_a, weights_b = np.array([counts_a], dtype=float), np.array([counts_b], dtype=float)
    values_a, values_b = np.array(a), np.array(b)
    assert _weighted_mean(values_a, weights_a)[0] == pytest.approx(repeated_a.mean())
    assert _weighted_median(values_a, weights_a)[0] == np.median(repeated_a)
    signs = np.sign(repeated_a[:, None] - repeated_b[None, :])
    assert _cliffs_delta(values_a, values_b, weights_a, weights_b)[0] == pytest.approx(signs.mean())


def test_the_same_seed_gives_the_same_interval():
    a, b = np.arange(20.0), np.arange(20.0) + 3
    assert compare(a, b, seed=1) == compare(a, b, seed=1)
    assert compare(a, b, seed=1).interval != compare(a, b, seed=2).interval
    c, d = two_sets(np.random.default_rng(0))
    assert compare(c, d, seed=1) == compare(c, d, seed=1)
    assert compare(c, d, seed=1).interval != compare(c, d, seed=2).interval


def test_the_interval_covers_the_true_difference():
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        a, b = random.normal(1.0, 1.0, 40), random.normal(0.0, 1.0, 40)
        low, high = compare(a, b, n_resamples=300, seed=trial).interval
        covered += low <= 1.0 <= high
    assert 0.88 < covered / 200 <= 1.0


def pairs_of(heights_of, minima, random, n_pairs):
    pairs = [(i, j) for k, i in enumerate(minima) for j in minima[k + 1 :]]
    chosen = [pairs[k] for k in random.choice(len(pairs), n_pairs, replace=False)]
    sources, targets = np.array(chosen).T
    return PathHeights(np.arange(n_pairs), sources, targets, np.array([heights_of(i, j) for i, j in chosen]))


def two_sets(random, shift=0.0, n=12, n_pairs=60):
    """Heights made of a part of each minimum: pairs that share a minimum depend on each other."""
    part = random.normal(size=2 * n) + shift * (np.arange(2 * n) < n)
    both = [pairs_of(lambda i, j: part[i] + part[j], list(range(k, k + n)), random, n_pairs) for k in (0, n)]
    return both[0], both[1]


def pair_sample(random, n, n_pairs, kind, first=0):
    """Random pairs of n minima, with heights of one of the kinds that `compare` says it was measured with."""
    part = dict(zip(range(first, first + n), random.normal(size=n), strict=True))
    heights_of = {
        "higher": lambda i, j: max(part[i], part[j]),
        "sum": lambda i, j: part[i] + part[j],
        "own": lambda i, j: random.normal(),
        "skewed": lambda i, j: np.exp(part[i] + part[j]),
    }[kind]
    return pairs_of(heights_of, list(part), random, n_pairs)


@pytest.mark.parametrize("kind", ["higher", "sum", "own", "skewed"])
@pytest.mark.parametrize(("n", "n_pairs"), [(8, 5), (10, 14), (16, 20)])
def test_pairs_without_a_difference_are_seldom_found_to_differ(n, n_pairs, kind):
    random = np.random.default_rng(0)
    outside = found = naive = 0
    trials = 200
    for trial in range(trials):
        a, b = pair_sample(random, n, n_pairs, kind), pair_sample(random, n, n_pairs, kind, first=n)
        result = compare(a, b, n_resamples=200, seed=trial)
        outside += not result.interval[0] <= 0 <= result.interval[1]
        found += result.p_value < 0.05
        naive += result.independent_p_value < 0.05
        assert result.p_value >= result.independent_p_value
    assert result.resampled == "minima"
    # 10 are promised; three standard deviations more would be 20.
    assert outside <= 20
    assert found <= 20
    assert kind == "own" or naive > 20


def test_p_values_of_large_samples_of_pairs_hold_as_well():
    random = np.random.default_rng(0)
    found = 0
    for trial in range(150):
        a, b = pair_sample(random, 30, 150, "sum"), pair_sample(random, 30, 150, "sum", first=30)
        found += compare(a, b, n_resamples=3000, seed=trial).p_value < 0.05
    assert 1 <= found <= 16


def test_a_real_difference_between_pairs_is_seen():
    a, b = two_sets(np.random.default_rng(1), shift=2.0)
    result = compare(a, b)
    assert result.interval[0] > 0
    assert result.interval_holds
    assert result.p_value < 0.01
    assert result.independent_p_value < result.p_value


def test_completely_separate_pairs_promise_no_more_than_their_minima_allow():
    random = np.random.default_rng(0)
    a = pairs_of(lambda i, j: 10.0 + i, [0, 1, 2, 3], random, 6)
    b = pairs_of(lambda i, j: float(i), [4, 5, 6, 7], random, 6)
    assert compare(a, b).cliffs_delta == 1.0
    assert compare(a, b).p_value >= 2 / 70


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 5))
def test_no_p_value_is_under_that_of_complete_separation(n, m, seed):
    random = np.random.default_rng(seed)
    heights = [np.sort(random.normal(size=n)) + 100, random.normal(size=m)]
    samples = [PathHeights(np.arange(len(h)), 50 * k + np.arange(len(h)), 50 * k + np.arange(len(h)) + 1, h)
               for k, h in enumerate(heights)]  # fmt: skip
    result = compare(*samples, n_resamples=50)
    assert result.independent_p_value == pytest.approx(min(1, 2 / comb(n + m, n)))
    assert result.p_value >= result.independent_p_value
    assert result.p_value >= min(1, 2 / comb(n + m + 2, n + 1))


def test_pairs_that_share_no_minimum_are_independent_values():
    random = np.random.default_rng(3)
    n = 8
    a, b = (PathHeights(np.arange(n), 40 * k + np.arange(n), 40 * k + np.arange(n) + n, random.normal(size=n) + k)
            for k in (0, 1))  # fmt: skip
    result = compare(a, b, n_resamples=20_000)
    assert result.p_value == pytest.approx(result.independent_p_value, rel=0.1)
    assert 0.8 * n < result.effective_a <= n


def test_a_minimum_in_both_samples_is_drawn_once_for_both():
    # The same pairs on two surfaces, one a constant above the other: the difference is certain.
    a = pairs_of(lambda i, j: float(i + j), list(range(8)), np.random.default_rng(0), 20)
    b = PathHeights(a.paths, a.sources, a.targets, a.heights - 1.0)
    result = compare(a, b)
    assert result.interval == pytest.approx((1.0, 1.0))


def test_two_minima_and_one_pair_say_nothing_of_the_difference():
    one = PathHeights(np.array([0]), np.array([0]), np.array([1]), np.array([2.0]))
    other = PathHeights(np.array([1]), np.array([2]), np.array([3]), np.array([1.0]))
    result = compare(one, other)
    assert result.difference == 1.0
    assert result.interval == (-np.inf, np.inf)
    assert not result.interval_holds
    assert result.p_value == 1.0


@pytest.mark.parametrize(
    ("pairs", "enough"),
    [
        ([(0, 1), (2, 3), (4, 5)], False),  # too few
        ([(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7)], False),  # one minimum in all
        ([(i, j) for i in range(5) for j in range(i)], False),
        ([(i, j) for i in range(6) for j in range(i)], True),
        ([(i, (i + 1) % 6) for i in range(6)], True),
    ],
)
def test_which_pairs_are_enough(pairs, enough):
    ends = np.array(pairs).T
    heights = np.random.default_rng(0).normal(size=len(pairs))
    sample = PathHeights(np.arange(len(pairs)), *ends, heights)
    other = PathHeights(np.arange(20), 100 + np.arange(20), 200 + np.arange(20), np.arange(20.0))
    assert compare(sample, other, n_resamples=20).interval_holds is enough
    assert compare(other, sample, n_resamples=20).interval_holds is enough
    shared = np.array([sum(len({*p} & {*q}) for q in pairs if q != p) for p in pairs])
    assert enough == (len(pairs) >= FEWEST_PAIRS and len(pairs) / (1 + shared.mean() / 2) >= LEAST_WORTH)


@pytest.mark.parametrize("draw", ["normal", "lognormal"])
@pytest.mark.parametrize("n", [5, 8, 16])
@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_values_without_a_difference_are_seldom_found_to_differ(n, draw, statistic):
    random = np.random.default_rng(0)
    outside = found = covered_delta = 0
    for trial in range(300):
        a, b = (random.normal(size=n) for _ in range(2))
        if draw == "lognormal":
            a, b = np.exp(1.2 * a), np.exp(1.2 * b)
        result = compare(a, b, statistic=statistic, n_resamples=200, seed=trial)
        outside += not result.interval[0] <= 0 <= result.interval[1]
        covered_delta += result.delta_interval[0] <= 0 <= result.delta_interval[1]
        found += result.p_value < 0.05
    assert outside <= 26  # 15 are promised
    assert found <= 26
    assert covered_delta >= 274


def test_the_interval_of_delta_covers_the_true_delta_where_the_samples_are_nearly_apart():
    random = np.random.default_rng(0)
    true = 2 * norm.cdf(2 / np.sqrt(2)) - 1
    intervals = [compare(random.normal(2, 1, 8), random.normal(0, 1, 8), n_resamples=1).delta_interval
                 for _ in range(400)]  # fmt: skip
    assert sum(low <= true <= high for low, high in intervals) >= 366  # 380 are promised


def test_medians():
    assert compare([1.0, 2.0, 30.0], [0.0, 1.0, 2.0], statistic="median").difference == 1.0


@pytest.mark.parametrize(
    ("a", "options", "message"),
    [
        ([], {}, "sample a must be finite numbers, at least one"),
        ([np.nan], {}, "sample a"),
        ([[1.0]], {}, r"not an array \(1, 1\)"),
        ([1.0], {"statistic": "mode"}, "'mean' or 'median'"),
        ([1.0], {"confidence": 1.0}, "between 0 and 1"),
        ([1.0], {"n_resamples": 0}, "at least 1"),
        (PathHeights(np.array([0]), np.array([0]), np.array([1]), np.array([2.0])), {}, "both are PathHeights"),
    ],
)
def test_bad_input(a, options, message):
    with pytest.raises(ValueError, match=message):
        compare(a, [1.0], **options)
