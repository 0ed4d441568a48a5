"""Which lines stand for joins that are no barriers, and which merges separate clusters, against plain definitions."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_network import as_network, barrier_graphs

from elsuite.analysis import (
    barrier_dissimilarity,
    cluster_minima,
    disconnectivity_tree,
    lowest_minima,
    superbasin_clusters,
    tree_layout,
)
from elsuite.analysis.doubts import UNKNOWN, UNTESTED, doubtful_lines, doubts, separating_state
from elsuite.database import LandscapeDatabase
from elsuite.network import minimax_matrix, transition_network
from elsuite.network.evidence import STATES


def with_states(tree, codes, n_searches=1):
    """The tree, with these states of the joins at which its minima die."""
    dies = tree.evidence.codes >= 0
    known = dataclasses.replace(tree.evidence, codes=np.where(dies, codes, -1), n_searches=n_searches)
    return dataclasses.replace(tree, known=known)


@st.composite
def trees_with_states(draw):
    tree = disconnectivity_tree(as_network(draw(barrier_graphs())))
    codes = draw(st.lists(st.integers(0, 4), min_size=len(tree.leaves), max_size=len(tree.leaves)))
    return with_states(tree, np.array(codes))


@given(trees_with_states(), st.sampled_from(["rectangular", "sloped"]), st.sampled_from([None, 3]))
def test_the_line_of_a_part_that_dies_untested_is_in_doubt_up_to_its_merge(tree, style, levels):
    layout = tree_layout(tree, style=style, levels=levels)
    drawn = layout.tree
    found = doubts(tree, drawn)
    for node in range(drawn.n_nodes):
        above, leaf = drawn.parents[node], drawn.lowest[node]
        code = tree.evidence.codes[leaf]
        dies = above >= 0 and drawn.lowest[above] != leaf
        assert found[node] == (code if dies and code in (UNTESTED, UNKNOWN) else -1)
    lines, nodes, states = doubtful_lines(layout, found)
    for line, node, state in zip(lines.tolist(), nodes.tolist(), states.tolist(), strict=True):
        (x0, y0), (x1, y1) = line
        if style == "sloped" or x0 == x1:
            stem = drawn.parents[node] < 0
            assert state == (-1 if stem else found[node])
        else:  # a piece of the line that joins the parts of a merge
            assert y0 == y1 == layout.y[node]
            ends = [layout.x[child] for child in drawn.children(node).tolist() if found[child] < 0]
            inside = min([*ends, layout.x[node]]) <= x0 <= x1 <= max([*ends, layout.x[node]])
            assert (state < 0) == inside
    # Cut or not, the lines cover what they did.
    for node in range(drawn.n_leaves, drawn.n_nodes):
        own = [line for line, owner in zip(lines.tolist(), nodes.tolist(), strict=True) if owner == node]
        level = sorted((a[0], b[0]) for a, b in own if a[1] == b[1] == layout.y[node] and a[0] < b[0])
        if style == "rectangular" and level:
            assert all(end == start for (_, end), (start, _) in itertools.pairwise(level))
            xs = layout.x[drawn.children(node)]
            assert (level[0][0], level[-1][1]) == (xs.min(), xs.max())


def test_unknown_is_in_doubt_only_where_something_was_searched():
    tree = disconnectivity_tree(as_network((np.array([0.0, 1.0]), np.array([0]), np.array([1]), np.array([2.0]))))
    assert doubts(tree).tolist() == [-1, -1, -1]
    searched = with_states(tree, np.array([UNKNOWN, UNKNOWN]))
    assert doubts(searched).tolist() == [-1, UNKNOWN, -1]


@given(trees_with_states())
def test_a_trimmed_tree_keeps_its_doubts(tree):
    smaller = lowest_minima(tree, 3).tree
    found = doubts(smaller)
    for node in np.flatnonzero(found >= 0).tolist():
        assert STATES[found[node]] == smaller.evidence.of_minimum(int(smaller.tree.lowest[node])).state


@given(trees_with_states(), st.data())
def test_the_weakest_merge_between_groups_is_that_of_the_definition(tree, data):
    n = len(tree.leaves)
    labels = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n)))
    nodes, codes = tree.tree, []
    for merge in range(nodes.n_leaves, nodes.n_nodes):
        parts = [set(nodes.leaves_under(child).tolist()) for child in nodes.children(merge).tolist()]
        for k, part in enumerate(parts[1:], start=1):
            left = {labels[leaf] for earlier in parts[:k] for leaf in earlier} - {-1}
            right = {labels[leaf] for leaf in part} - {-1}
            if left and right and len(left | right) > 1:
                codes.append(tree.evidence.codes[nodes.lowest[nodes.children(merge)[k]]])
    assert separating_state(tree, labels) == (STATES[max(codes)] if codes else "")


def test_clusterings_say_the_weakest_merge_between_them():
    database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    rows = {"source": [0, 2, 1, 1], "target": [1, 3, 2, 2], "height": [1.0, 2.0, 10.0, 11.0]}
    database.add(
        minima={"energy": np.array([[0.0], [0.1], [0.2], [0.3]])},
        paths={**rows, "outcome": ["budget spent", "converged", "converged", "converged"]},
    )
    network = transition_network(database)
    tree = disconnectivity_tree(network)
    assert [merge.evidence.state for merge in tree.merges] == ["untested", "tested", "tested"]
    assert superbasin_clusters(tree, 5.0).evidence == "tested"
    assert superbasin_clusters(tree, 0.5).evidence == "untested"
    assert superbasin_clusters(tree, 20.0).evidence == ""
    distances = barrier_dissimilarity(minimax_matrix(network))
    found = cluster_minima(distances, method="agglomerative", n_clusters=2, tree=tree)
    assert (found.labels.tolist(), found.evidence) == ([0, 0, 1, 1], "tested")
    assert cluster_minima(distances, method="agglomerative", n_clusters=2).evidence == ""
    with pytest.raises(ValueError, match="the tree has 4 minima, the dissimilarities are of 3"):
        cluster_minima(distances[:3, :3], method="agglomerative", tree=tree)
