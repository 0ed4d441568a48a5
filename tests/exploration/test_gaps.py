"""Where searches are to be made: the cheapest route against Floyd and Warshall's algorithm over all pairs, and others."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elsuite.exploration.mapping.gaps import MOST_TRIES, PENALTY, STEEPNESS, Distances, Known, best_gaps, best_route
from elsuite.exploration.mapping.strategies import (
    STRATEGIES,
    JoinUnconnected,
    ShortenRoute,
    Situation,
    UntrapMinima,
    choosers,
)
from elsuite.landscapes import LennardJones
from elsuite.symmetry import NoSymmetry

pytestmark = pytest.mark.making


def random_known(seed, n, n_states, n_tried):
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, n, (2, n_states))
    energies = rng.random(n)
    heights = np.maximum(energies[ends[0]], energies[ends[1]]) + rng.random(n_states)
    pairs = [tuple(sorted(rng.choice(n, 2, replace=False).tolist())) for _ in range(n_tried)]
    tried = {pair: pairs.count(pair) for pair in pairs}
    return Known(rng.standard_normal((n, 3)), energies, *ends, heights, tried)


def all_routes(known, a, b, ceiling):
    """The cost of the cheapest route by Floyd and Warshall: states under the ceiling for nothing."""
    n = len(known.energies)
    cost = np.full((n, n), np.inf)
    for i, j in itertools.combinations(range(n), 2):
        tries = known.tried.get((i, j), 0)
        if tries < MOST_TRIES and max(known.energies[i], known.energies[j]) < ceiling:
            apart = np.linalg.norm(known.points[i] - known.points[j]) * PENALTY**tries
            cost[i, j] = cost[j, i] = apart**STEEPNESS
    for i, j, height in zip(known.sources, known.targets, known.heights, strict=True):
        if height < ceiling:
            cost[i, j] = cost[j, i] = 0.0
    np.fill_diagonal(cost, 0.0)
    for k in range(n):
        cost = np.minimum(cost, cost[:, k : k + 1] + cost[k : k + 1])
    return cost[a, b]


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 12),
    n_states=st.integers(0, 10),
    n_tried=st.integers(0, 40),
    ceiling=st.sampled_from([np.inf, 1.5, 1.1]),
)
def test_the_gaps_are_those_of_the_cheapest_route(seed, n, n_states, n_tried, ceiling):
    known = random_known(seed, n, n_states, n_tried)
    found = best_gaps(known, Distances(NoSymmetry(3)), 0, n - 1, ceiling=ceiling)
    cheapest = all_routes(known, 0, n - 1, ceiling)
    if found is None:
        assert cheapest == np.inf
        return
    costs = [
        (np.linalg.norm(known.points[i] - known.points[j]) * PENALTY ** known.tried.get((i, j), 0)) ** STEEPNESS
        for i, j in found
    ]
    assert sum(costs) == pytest.approx(cheapest)
    assert all(i < j and known.tried.get((i, j), 0) < MOST_TRIES for i, j in found)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 10), n_states=st.integers(0, 20))
def test_the_best_route_is_the_lowest_of_all(seed, n, n_states):
    known = random_known(seed, n, n_states, 0)
    found = best_route(known, 0, n - 1)
    reached = {
        height
        for height in known.heights
        if known.below(np.nextafter(height, np.inf))[1][0] == known.below(np.nextafter(height, np.inf))[1][n - 1]
    }
    if found is None:
        assert not reached
        return
    assert found.barrier == min(reached)
    for (i, j), state in zip(itertools.pairwise(found.minima), found.states, strict=True):
        assert {i, j} == {known.sources[state], known.targets[state]}
    assert found.barrier == known.heights[list(found.states)].max()


def test_distances_of_clusters_are_those_of_the_nearest_copies():
    cluster = LennardJones(7)
    distances = Distances(cluster.symmetry)
    none = np.empty(0, dtype=np.int64)
    known = Known(cluster.minima, cluster.minimum_energies, none, none, np.empty(0))
    gaps = best_gaps(known, distances, 0, 3)
    for i, j in gaps:
        expected = cluster.symmetry.nearest(cluster.minima[i], cluster.minima[j]).distance
        assert distances.measured[i, j] == expected


def line():
    """Six minima in a row, joined by ever higher steps up to the third; number 6 is joined with none."""
    points = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [5.5]])
    energies = np.array([0.0, 0.4, 0.1, 0.3, 0.2, 0.05, 0.6])
    heights = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
    known = Known(points, energies, np.arange(5), np.arange(1, 6), heights)
    return Situation(known, Distances(NoSymmetry(1)), 0, 5, best_route(known, 0, 5))


def test_choosers_choose_what_they_say():
    assert ShortenRoute(n_pairs=2).choose(line()) == [(1, 3), (2, 4)]
    assert JoinUnconnected().choose(line()) == [(5, 6)]
    # The well of number 5 is 2.95 deep and 0.05 above the lowest; of number 2 it is 1.9 and 0.1.
    assert UntrapMinima(n_pairs=2).choose(line()) == [(0, 5), (0, 2)]
    for name in STRATEGIES:
        pairs = choosers([name])[0].choose(line())
        assert pairs
        assert all(0 <= i <= j < 7 for i, j in pairs)


def test_no_strategy_is_refused():
    with pytest.raises(ValueError, match="no strategy 'short'; there are: around, barrier"):
        choosers(["short"])
    with pytest.raises(ValueError, match="strategies: given"):
        choosers([])
