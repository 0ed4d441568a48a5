import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_network import as_network, barrier_graphs, cophenetic, minimax_by_floyd

from elsuite.analysis import (
    component_of,
    components_from,
    disconnectivity_tree,
    lowest_minima,
    merged_branches,
    minima_below,
    persistence,
    persistent_minima,
)
from elsuite.analysis.trimming import restricted_tree


@given(barrier_graphs(), st.data())
def test_a_restricted_tree_keeps_all_barriers(graph, data):
    tree = disconnectivity_tree(as_network(graph)).tree
    kept = np.array(sorted(data.draw(st.sets(st.integers(0, tree.n_leaves - 1)))), dtype=np.int64)
    smaller = restricted_tree(tree, kept)
    np.testing.assert_array_equal(cophenetic(smaller), minimax_by_floyd(graph)[np.ix_(kept, kept)])


def checked(trimmed, tree):
    assert trimmed.tree.leaves == tuple(tree.leaves[k] for k in trimmed.kept)
    assert trimmed.n_hidden == len(tree.leaves) - len(trimmed.kept)
    assert bool(trimmed.note) == (trimmed.n_hidden > 0)
    return set(trimmed.kept.tolist())


@given(barrier_graphs(), st.integers(1, 5), st.integers(-4, 10))
def test_what_each_trim_keeps(graph, size, level):
    tree = disconnectivity_tree(as_network(graph))
    barriers, energies = minimax_by_floyd(graph), graph[0]
    n = len(energies)
    order = sorted(range(n), key=lambda k: (energies[k], k))
    joined = np.isfinite(barriers) | np.eye(n, dtype=bool)
    assert checked(lowest_minima(tree, size), tree) == set(order[:size])
    assert checked(minima_below(tree, level), tree) == {k for k in order if energies[k] <= level}
    assert checked(components_from(tree, size), tree) == {k for k in order if joined[k].sum() >= size}
    assert checked(component_of(tree, 0), tree) == set(np.flatnonzero(joined[0]).tolist())
    lasting = persistence(tree)
    assert checked(persistent_minima(tree, level / 4), tree) == {k for k in order if lasting[k] >= level / 4}


@given(barrier_graphs(), st.integers(-4, 10))
def test_merges_above_an_energy_are_undone(graph, level):
    trimmed = minima_below(disconnectivity_tree(as_network(graph)), level)
    barriers = minimax_by_floyd(graph)[np.ix_(trimmed.kept, trimmed.kept)]
    np.testing.assert_array_equal(cophenetic(trimmed.tree.tree), np.where(barriers <= level, barriers, np.inf))


@given(barrier_graphs(), st.integers(1, 6))
def test_merged_branches_are_drawn_by_their_lowest_minimum(graph, size):
    tree = disconnectivity_tree(as_network(graph))
    nodes = tree.tree
    expected = set()
    for leaf in range(nodes.n_leaves):
        top = leaf
        while nodes.parents[top] >= 0 and nodes.sizes[nodes.parents[top]] < size:
            top = int(nodes.parents[top])
        expected.add(int(nodes.lowest[top]))
    assert checked(merged_branches(tree, size), tree) == expected


def test_a_trim_says_what_it_hid():
    graph = np.arange(5.0), np.arange(4), np.arange(1, 5), np.full(4, 9.0)
    tree = disconnectivity_tree(as_network(graph))
    assert lowest_minima(tree, 2).note == "3 of 5 minima hidden (the 2 lowest are shown)"
    assert lowest_minima(tree, 5).note == ""


@pytest.mark.parametrize("trim", [lowest_minima, merged_branches])
def test_sizes_are_at_least_one(trim):
    tree = disconnectivity_tree(as_network((np.zeros(1), [], [], [])))
    with pytest.raises(ValueError, match=r"at least|has to stay"):
        trim(tree, 0)
