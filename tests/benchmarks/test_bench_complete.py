"""Trees completed: searches, time and truth, against random pairs at the same cost. Small sizes run once in the suite."""

import time

import numpy as np
import pytest
from separable import Wells, wells

from elsuite.analysis import disconnectivity_tree
from elsuite.analysis.merge_tree import merge_tree
from elsuite.exploration import complete_tree, connect_minima
from elsuite.exploration.across import Tried, crossing_pairs, nearby_pairs
from elsuite.network import transition_network

pytestmark = pytest.mark.making


def right_merges(database, heights):
    """How many merges are at the true heights, counted from the lowest, and the largest error."""
    found = np.array([merge.height for merge in disconnectivity_tree(transition_network(database)).merges])
    found = np.concatenate([found, np.full(len(heights) - len(found), np.inf)])
    return int((np.sort(found) == heights).sum())


def test_separable_wells(request, record_property):
    """4,096 minima in 12 dimensions (64 in the suite): the exact tree, and what random pairs give."""
    d = 12 if request.config.getoption("--benchmark-enable") else 6
    heights = np.sort(np.concatenate([np.full(2 ** (d - 1 - k), 1.0 + k) for k in range(d)]))
    order = np.random.default_rng(0).permutation(d).tolist()
    database, landscape = wells(order)
    began = time.process_time()
    report = complete_tree(database, landscape, Wells(), keep_curve=False)
    seconds = time.process_time() - began
    exact = right_merges(database, heights)
    other, _ = wells(order)
    n = 2**d
    pairs = np.random.default_rng(1).integers(0, n, (2 * report.n_searched, 2))
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    pairs = np.random.default_rng(2).permutation(pairs)[: report.n_searched]
    connect_minima(other, landscape, Wells(), pairs.tolist(), keep_curve=False)
    by_chance = right_merges(other, heights)
    print(
        f"\n{n} minima: {report.n_searched} searches ({report.n_searched / n:.2f} a minimum), {report.n_rounds} rounds, "
        f"{seconds:.1f} s of CPU; right merges {exact} of {n - 1}, by as many random pairs {by_chance}"
    )
    assert exact == n - 1
    assert report.n_left == 0


def seconds_of_a_round(n, n_parameters=50):
    """CPU seconds that the choice of a round takes among random minima with a spanning tree, and its preparation."""
    rng = np.random.default_rng(0)
    points, energies = rng.normal(size=(n, n_parameters)), rng.uniform(size=n)
    began = time.process_time()
    nearby = nearby_pairs(points, energies)
    prepared = time.process_time() - began
    sources, targets = np.arange(1, n), np.array([rng.integers(k) for k in range(1, n)])
    heights = 1 + rng.uniform(size=n - 1)
    began = time.process_time()
    tree = merge_tree(energies, sources, targets, heights)
    tried = Tried.of(sources, targets, heights, energies)
    pairs = crossing_pairs(tree, energies, nearby, tried, np.ones(n, dtype=bool))
    assert len(pairs) > 0.5 * n
    return time.process_time() - began, prepared


def test_a_round_takes_a_time_near_linear_in_the_minima(request):
    sizes = (1000, 3000, 10_000) if request.config.getoption("--benchmark-enable") else (100, 300)
    for n in sizes:
        seconds, prepared = seconds_of_a_round(n)
        print(f"\n{n} minima: {seconds:.3f} s a round, {1e6 * seconds / n:.0f} us a minimum; {prepared:.2f} s before")
