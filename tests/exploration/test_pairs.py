"""Choosers of pairs: what they return, that they are deterministic, and what `spanning` refuses to try."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsuite.exploration.pairs import all_pairs, between_pairs, nearest_pairs, random_pairs, within_pairs
from elsuite.exploration.spanning import next_spanning_pair
from elsuite.network import minimax_matrix

pytestmark = pytest.mark.making

SETS = {"a": [0, 1, 2, 3], "b": [4, 5, 6], "c": [7]}


def as_set(pairs):
    return {tuple(pair) for pair in pairs.tolist()}


@pytest.mark.parametrize(
    ("chooser", "n"),
    [
        (lambda n, seed: within_pairs(SETS, n, seed), 2 + 2 + 0),
        (lambda n, seed: between_pairs(SETS, n, seed), 3 * 2),
        (lambda n, seed: random_pairs(all_pairs(range(8)), n, seed), 2),
    ],
)
def test_choosers_are_deterministic_and_return_each_pair_once(chooser, n):
    pairs = chooser(2, 5)
    assert len(pairs) == n == len(as_set(pairs))
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert as_set(pairs) == as_set(chooser(2, 5))
    assert any(as_set(chooser(2, seed)) != as_set(pairs) for seed in range(6, 12))


def test_within_stays_within_and_between_goes_between():
    owner = {i: name for name, ids in SETS.items() for i in ids}
    assert all(owner[a] == owner[b] for a, b in within_pairs(SETS, None, 0))
    assert all(owner[a] != owner[b] for a, b in between_pairs(SETS, None, 0))
    assert len(within_pairs(SETS, None, 0)) == 6 + 3
    assert len(between_pairs(SETS, None, 0)) == 12 + 4 + 3


def test_no_pairs_where_there_are_none():
    assert all_pairs([4]).shape == (0, 2)
    assert within_pairs({}, 3, 0).shape == (0, 2)
    assert nearest_pairs([3], np.zeros((1, 1)), 2).shape == (0, 2)


@given(st.integers(2, 9), st.integers(1, 4), st.integers(0, 99))
def test_nearest_pairs_against_sorting(n, k, seed):
    points = np.random.default_rng(seed).normal(size=(n, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    ids = [10 + i for i in range(n)]
    expected = set()
    for i in range(n):
        others = sorted((j for j in range(n) if j != i), key=lambda j, i=i: distances[i, j])
        expected |= {tuple(sorted((ids[i], ids[j]))) for j in others[:k]}
    assert as_set(nearest_pairs(ids, distances, k)) == expected


@given(st.integers(2, 7), st.integers(0, 999))
def test_spanning_reaches_the_full_minimax_matrix_without_trying_what_cannot_matter(n, seed):
    """With the true height of every pair revealed when tried, the barriers end equal to those of all pairs."""
    rng = np.random.default_rng(seed)
    energies = rng.uniform(0, 1, n)
    floor = np.maximum.outer(energies, energies)
    heights = floor + np.triu(rng.choice([0.0, 0.3, 0.9, 1.7], size=(n, n)), 1)
    distances = rng.uniform(1, 2, (n, n))
    distances += distances.T
    network = nx.Graph()
    network.add_nodes_from((i, {"energy": energies[i]}) for i in range(n))
    tried = np.zeros((n, n), dtype=bool)
    order = []
    while (pair := next_spanning_pair(minimax_matrix(network), energies, distances, tried)) is not None:
        a, b = sorted(pair)
        order.append((a, b))
        tried[a, b] = tried[b, a] = True
        network.add_edge(a, b, energy=heights[a, b])
    full = nx.Graph(network)
    full.add_edges_from((i, j, {"energy": heights[i, j]}) for i in range(n) for j in range(i + 1, n))
    np.testing.assert_allclose(minimax_matrix(network), minimax_matrix(full))
    assert len(order) == len(set(order))
    # The first n - 1 join components: a spanning tree.
    assert nx.is_connected(nx.Graph(order[: n - 1]))
