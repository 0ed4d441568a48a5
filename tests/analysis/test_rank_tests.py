from itertools import combinations

import numpy as np
import pytest
import strategies_network  # noqa: F401  (no deadlines)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata

from elsuite.analysis.rank_tests import area_variance, delta_interval, doubled_ranks, rank_sum_p_value

FEW = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=5)


def by_enumeration(a, b):
    """The share of all choices of values whose rank sum is as far from its mean."""
    ranks = rankdata(np.concatenate([a, b]))
    mean = len(a) * (len(ranks) + 1) / 2
    own = abs(ranks[: len(a)].sum() - mean)
    sums = [abs(ranks[list(chosen)].sum() - mean) for chosen in combinations(range(len(ranks)), len(a))]
    return np.mean([far >= own - 1e-9 for far in sums]), min(1, 2 / len(sums))


@given(FEW, FEW)
@settings(max_examples=60)
def test_p_values_with_ties_are_those_of_all_choices(a, b):
    share, least = by_enumeration(a, b)
    found = rank_sum_p_value(np.array(a), np.array(b))
    assert found == pytest.approx(max(share, least))
    assert rank_sum_p_value(np.array(b), np.array(a)) == pytest.approx(found)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (4, 4), (10, 10), (16, 16), (7, 30), (40, 45)])
def test_p_values_without_ties_are_exact(n, m):
    random = np.random.default_rng(n)
    for shift in (0.0, 0.5, 10.0):
        a, b = random.normal(size=n) + shift, random.normal(size=m)
        assert rank_sum_p_value(a, b) == pytest.approx(mannwhitneyu(a, b, method="exact").pvalue)


@pytest.mark.parametrize("decimals", [0, 6])
def test_large_samples_take_the_normal_approximation(decimals):
    random = np.random.default_rng(0)
    a, b = np.round(random.normal(size=300) + 0.2, decimals), np.round(random.normal(size=200), decimals)
    assert rank_sum_p_value(a, b) == pytest.approx(mannwhitneyu(a, b, method="asymptotic").pvalue)
    assert rank_sum_p_value(np.zeros(300), np.zeros(300)) == 1.0


@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=9))
def test_doubled_ranks(values):
    assert doubled_ranks(np.array(values)).tolist() == (2 * rankdata(values)).tolist()


def test_the_variance_of_an_area_is_that_of_the_test_at_one_half_and_none_at_the_ends():
    assert area_variance(0.5, 7, 9) == pytest.approx(17 / (12 * 63))
    assert area_variance(0.0, 7, 9) == area_variance(1.0, 7, 9) == 0


@given(st.floats(-1, 1), st.floats(1, 50), st.floats(1, 50))
def test_the_interval_of_delta_holds_it_and_mirrors(delta, n, m):
    low, high = delta_interval(delta, n, m, 0.95)
    assert -1 <= low <= delta + 1e-9
    assert delta - 1e-9 <= high <= 1
    assert delta_interval(-delta, n, m, 0.95) == pytest.approx((-high, -low), abs=1e-9)
    wider = delta_interval(delta, n, m, 0.99)
    assert wider[0] <= low + 1e-9
    assert high <= wider[1] + 1e-9
