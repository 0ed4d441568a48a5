import sys

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform
from strategies_network import barrier_graphs, cophenetic, minimax_by_all_paths, minimax_by_floyd, random_network

from elsuite.analysis import MergeTree, merge_tree
from elsuite.analysis.merge_tree import leaf_starts, tree_of_gaps


def same_tree(a, b):
    return all(np.array_equal(getattr(a, f), getattr(b, f)) for f in ("parents", "heights", "lowest", "sizes"))


@given(barrier_graphs(max_minima=6, max_edges=10))
def test_heights_are_minimax_barriers_over_all_simple_paths(graph):
    np.testing.assert_array_equal(cophenetic(merge_tree(*graph)), minimax_by_all_paths(graph))


@given(barrier_graphs(max_minima=15, max_edges=40))
def test_heights_are_minimax_barriers(graph):
    np.testing.assert_array_equal(cophenetic(merge_tree(*graph)), minimax_by_floyd(graph))


@given(barrier_graphs())
def test_single_linkage_on_the_barriers_gives_the_same_heights(graph):
    barriers = minimax_by_floyd(graph)
    n = len(barriers)
    if n < 2:
        return
    barriers[~np.isfinite(barriers)] = 1000.0
    np.fill_diagonal(barriers, 0.0)
    shifted = barriers + 10.0 * (1 - np.eye(n))  # linkage wants distances that are not negative
    ultrametric = squareform(cophenet(linkage(squareform(shifted), "single")))
    expected = np.where(ultrametric > 900, np.inf, ultrametric - 10.0)
    found = cophenetic(merge_tree(*graph))
    off = ~np.eye(n, dtype=bool)
    np.testing.assert_allclose(found[off], expected[off], rtol=0, atol=1e-12)


@given(barrier_graphs())
def test_structure(graph):
    tree = merge_tree(*graph)
    n = len(graph[0])
    assert tree.n_leaves == n
    np.testing.assert_array_equal(tree.heights[:n], graph[0])
    assert (np.diff(tree.heights[n:]) >= 0).all()
    inner = np.flatnonzero(tree.parents >= 0)
    assert (tree.parents[inner] > inner).all()
    assert (tree.parents[inner] >= n).all()
    assert (np.bincount(tree.parents[inner], minlength=tree.n_nodes)[n:] >= 2).all()
    merges = inner[inner >= n]
    assert (tree.heights[tree.parents[merges]] > tree.heights[merges]).all()  # one height, one node
    assert (tree.heights[tree.parents[inner]] >= tree.heights[inner]).all()
    assert tree.sizes[tree.roots].sum() == n


@given(barrier_graphs())
def test_leaves_lowest_sizes_and_order_of_each_node(graph):
    tree = merge_tree(*graph)
    for node in range(tree.n_nodes):
        leaves = tree.leaf_order[tree.starts[node] : tree.starts[node] + tree.sizes[node]].tolist()
        under = [leaf for leaf in range(tree.n_leaves) if node in _upwards(tree, leaf)]
        assert sorted(leaves) == under
        assert tree.lowest[node] == min(under, key=lambda leaf: (tree.heights[leaf], leaf))
        children = tree.children(node).tolist()
        assert children == sorted(
            np.flatnonzero(tree.parents == node).tolist(), key=lambda c: tree.leaf_ranks[tree.lowest[c]]
        )
        firsts = [tree.starts[child] for child in children]
        assert firsts == sorted(firsts)


def _upwards(tree, node):
    chain = [node]
    while tree.parents[chain[-1]] >= 0:
        chain.append(int(tree.parents[chain[-1]]))
    return chain


@given(barrier_graphs(), st.randoms(use_true_random=False))
def test_independent_of_the_order_and_direction_of_edges(graph, random):
    energies, sources, targets, heights = graph
    order = list(range(len(heights)))
    random.shuffle(order)
    flip = np.array([random.random() < 0.5 for _ in order], dtype=bool)
    sources, targets = np.where(flip, targets, sources), np.where(flip, sources, targets)
    assert same_tree(merge_tree(*graph), merge_tree(energies, sources[order], targets[order], heights[order]))


@given(barrier_graphs(), st.randoms(use_true_random=False))
def test_independent_of_the_numbers_of_minima(graph, random):
    energies, sources, targets, heights = graph
    new = list(range(len(energies)))
    random.shuffle(new)
    new = np.array(new)
    moved = np.empty_like(energies)
    moved[new] = energies
    expected = cophenetic(merge_tree(*graph))
    found = cophenetic(merge_tree(moved, new[sources], new[targets], heights))
    np.testing.assert_array_equal(found[np.ix_(new, new)], expected)


@given(barrier_graphs(), st.data())
def test_one_more_edge_never_raises_a_barrier(graph, data):
    energies, sources, targets, heights = graph
    ends = st.integers(0, len(energies) - 1)
    a, b, top = data.draw(st.tuples(ends, ends, st.floats(-5, 10)))
    more = energies, np.append(sources, a), np.append(targets, b), np.append(heights, top)
    assert (cophenetic(merge_tree(*more)) <= cophenetic(merge_tree(*graph))).all()


@given(barrier_graphs())
def test_barriers_are_ultrametric(graph):
    barriers = cophenetic(merge_tree(*graph))
    through = np.maximum(barriers[:, :, None], barriers[None, :, :]).min(axis=1)
    assert (barriers <= through).all()


@given(barrier_graphs())
def test_gaps_hold_the_whole_tree(graph):
    tree = merge_tree(*graph)
    assert same_tree(tree, tree_of_gaps(tree.heights[: tree.n_leaves], tree.leaf_order, tree.gaps))
    barriers = cophenetic(tree)
    for k, gap in enumerate(tree.gaps):
        assert gap == barriers[tree.leaf_order[k], tree.leaf_order[k + 1]]


def test_components_that_join_at_one_height_are_one_node():
    tree = merge_tree([0.0, 3.0, 1.0, 2.0], [0, 1, 2], [1, 2, 3], [5.0, 5.0, 5.0])
    assert tree.n_nodes == 5
    assert tree.children(4).tolist() == [0, 2, 3, 1]


def test_separate_merges_of_one_height_stay_separate_and_are_ordered_by_their_lowest_minimum():
    tree = merge_tree([0.4, 0.3, 0.2, 0.1], [0, 2], [1, 3], [5.0, 5.0])
    assert tree.children(4).tolist() == [3, 2]
    assert tree.children(5).tolist() == [1, 0]
    assert tree.roots.tolist() == [4, 5]


def test_an_edge_under_an_end_is_lifted_to_it():
    assert merge_tree([0.0, 2.0], [0], [1], [1.0]).heights.tolist() == [0.0, 2.0, 2.0]
    assert merge_tree([0.0, 2.0], [0], [1], [-np.inf]).n_nodes == 2  # not a height


def test_edges_of_height_zero_count():
    tree = merge_tree([-2.0, -1.0, -3.0], [0, 1, 0], [1, 2, 2], [0.0, -1.0, 2.0])
    assert tree.heights[3:].tolist() == [-1.0, 0.0]


def test_parallel_edges_are_not_summed():
    tree = merge_tree([0.0, 0.0], [0, 1, 0], [1, 0, 1], [3.0, 1.0, 2.0])
    assert tree.heights[2:].tolist() == [1.0]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_without_edges_every_minimum_is_a_root(n):
    tree = merge_tree(np.arange(float(n)), [], [], [])
    assert tree.n_nodes == n
    assert (tree.parents == -1).all()
    assert tree.leaf_order.tolist() == list(range(n))


def test_the_highest_bridge_of_a_chain_keeps_all_leaves():
    # A peer draws this chain without one of its minima: its levels end at the highest transition state.
    n = 6
    tree = merge_tree(np.zeros(n), np.arange(n - 1), np.arange(1, n), np.arange(1.0, n))
    assert tree.n_leaves == n
    assert tree.roots.tolist() == [tree.n_nodes - 1]
    assert tree.heights[-1] == n - 1


def test_six_hump_camel_keeps_two_merges_apart():
    # Minima and transition states of METHODS.md, section 6; levels cannot tell the last two heights apart.
    energies = [-1.0316284535, -1.0316284535, -0.2154638244, -0.2154638244, 2.1042503103, 2.1042503103]
    edges = [(0, 1, 0.0), (0, 2, 0.5437186010), (1, 3, 0.5437186010)]
    edges += [(2, 4, 2.2293571975), (3, 5, 2.2293571975), (1, 4, 2.2294708180), (0, 5, 2.2294708180)]
    tree = merge_tree(energies, *zip(*edges, strict=True))
    assert tree.heights[6:].tolist() == [0.0, 0.5437186010, 2.2293571975]
    without = [edge for edge in edges if edge != (3, 5, 2.2293571975)]
    tree = merge_tree(energies, *zip(*without, strict=True))
    assert tree.heights[6:].tolist() == [0.0, 0.5437186010, 2.2293571975, 2.2294708180]


def test_separable_wells():
    # E = sum h_i (x_i^2 - 1)^2: the barrier of two minima is the largest h_i where they differ.
    wells = np.array([0.7, 1.3, 0.2, 2.5])
    n = 1 << len(wells)
    sources, targets, heights = [], [], []
    for minimum in range(n):
        for bit, height in enumerate(wells):
            if not minimum >> bit & 1:
                sources.append(minimum)
                targets.append(minimum | 1 << bit)
                heights.append(height)
    barriers = cophenetic(merge_tree(np.zeros(n), sources, targets, heights))
    for a in range(n):
        for b in range(n):
            differing = [height for bit, height in enumerate(wells) if (a ^ b) >> bit & 1]
            assert barriers[a, b] == max(differing, default=0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, np.nan], [], [], []), r"energy of minimum 1 is nan"),
        (([0.0, np.inf], [], [], []), r"energy of minimum 1 is inf"),
        (([[0.0]], [], [], []), r"energies are an array"),
        (([0.0], [0], [1], [1.0]), r"edge 0 ends at 1: the 1 minima"),
        (([0.0], [-1], [0], [1.0]), r"edge 0 ends at -1"),
        (([0.0], [0.0], [0], [1.0]), r"integers"),
        (([0.0], [0], [0], [1.0, 2.0]), r"one entry an edge"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        merge_tree(*arguments)


@given(barrier_graphs(), st.integers(1, 5))
def test_blocks_of_any_size_give_the_same_orders(graph, block):
    usual = merge_tree(*graph)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[MergeTree.__module__], "BLOCK", block)
        again = merge_tree(*graph)
        np.testing.assert_array_equal(again.starts, usual.starts)
        keys = -usual.sizes
        own = leaf_starts(again, keys)
    np.testing.assert_array_equal(own, leaf_starts(usual, keys))


def test_a_caterpillar_needs_no_recursion():
    n = 5000
    tree = merge_tree(np.zeros(n), np.zeros(n - 1, int), np.arange(1, n), np.arange(1.0, n))
    assert tree.sizes[-1] == n
    assert tree.leaf_order.tolist() == list(range(n))


def test_a_large_random_network_agrees_with_networkx():
    graph = random_network(300, 900)
    tree = merge_tree(*graph)
    network = nx.Graph()
    for source, target, height in sorted(zip(*graph[1:], strict=True), key=lambda edge: -edge[2]):
        network.add_edge(source, target, weight=height)
    expected = sorted(edge["weight"] for *_, edge in nx.minimum_spanning_edges(network))
    np.testing.assert_array_equal(tree.heights[300:], expected)
