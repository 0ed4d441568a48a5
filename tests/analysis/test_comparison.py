import numpy as np
import pytest
import strategies_network  # noqa: F401  (no deadlines)
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from elsuite.analysis import compare
from elsuite.analysis.comparison import _cliffs_delta, _weighted_mean, _weighted_median
from elsuite.network import PathHeights

NUMBERS = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=12)


@given(NUMBERS, NUMBERS)
def test_difference_delta_and_p_value(a, b):
    a, b = np.array(a), np.array(b)
    result = compare(a, b, n_resamples=20)
    assert result.difference == pytest.approx(a.mean() - b.mean())
    signs = np.sign(a[:, None] - b[None, :])
    assert result.cliffs_delta == pytest.approx(signs.mean())
    assert result.p_value == pytest.approx(mannwhitneyu(a, b, alternative="two-sided").pvalue)
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


def test_for_pairs_the_interval_and_p_value_know_that_minima_are_shared():
    random = np.random.default_rng(0)
    covered = wrong = naive_covered = naive_wrong = 0
    for trial in range(120):
        a, b = two_sets(random)
        result = compare(a, b, n_resamples=300, seed=trial)
        naive = compare(a.heights, b.heights, n_resamples=300, seed=trial)
        covered += result.interval[0] <= 0 <= result.interval[1]
        naive_covered += naive.interval[0] <= 0 <= naive.interval[1]
        wrong += result.p_value < 0.05
        naive_wrong += naive.p_value < 0.05
    assert result.resampled == "minima"
    assert covered >= 102 > naive_covered  # of 120; 114 are promised
    assert wrong <= 14 < naive_wrong  # 6 are promised


def test_a_real_difference_between_pairs_is_seen():
    a, b = two_sets(np.random.default_rng(1), shift=2.0)
    result = compare(a, b)
    assert result.interval[0] > 0
    assert result.p_value < 0.01
    assert result.independent_p_value < result.p_value


def test_completely_separate_pairs_promise_no_more_than_their_minima_allow():
    random = np.random.default_rng(0)
    a = pairs_of(lambda i, j: 10.0 + i, [0, 1, 2, 3], random, 6)
    b = pairs_of(lambda i, j: float(i), [4, 5, 6, 7], random, 6)
    assert compare(a, b).cliffs_delta == 1.0
    assert compare(a, b).p_value == pytest.approx(2 / 70)


def test_a_minimum_in_both_samples_is_drawn_once_for_both():
    # The same pairs on two surfaces, one a constant above the other: the difference is certain.
    a = pairs_of(lambda i, j: float(i + j), list(range(8)), np.random.default_rng(0), 20)
    b = PathHeights(a.paths, a.sources, a.targets, a.heights - 1.0)
    result = compare(a, b)
    assert result.interval == pytest.approx((1.0, 1.0))


def test_two_minima_and_one_pair_give_a_result():
    one = PathHeights(np.array([0]), np.array([0]), np.array([1]), np.array([2.0]))
    other = PathHeights(np.array([1]), np.array([2]), np.array([3]), np.array([1.0]))
    result = compare(one, other)
    assert result.difference == 1.0
    assert result.interval == (1.0, 1.0)
    assert result.p_value == pytest.approx(2 / 6)


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
