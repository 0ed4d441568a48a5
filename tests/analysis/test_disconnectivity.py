import random

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_network import as_network, barrier_graphs, minimax_by_floyd

from elsuite.analysis import disconnectivity_tree
from elsuite.schema import NotFoundError


@given(barrier_graphs(), st.sampled_from([nx.MultiGraph, nx.MultiDiGraph]))
def test_minimax_barriers_by_label(graph, kind):
    labels = [f"m{k}" for k in range(len(graph[0]))]
    tree = disconnectivity_tree(as_network(graph, labels, kind))
    expected = minimax_by_floyd(graph)
    assert tree.leaves == tuple(labels)
    np.testing.assert_array_equal(tree.energies, graph[0])
    for a, label in enumerate(labels):
        for b, other in enumerate(labels):
            barrier = tree.minimax_barrier(label, other)
            assert (np.inf if barrier is None else barrier) == expected[a, b]


@given(barrier_graphs())
def test_merges_ascend_and_join_disjoint_parts_into_components(graph):
    tree = disconnectivity_tree(as_network(graph))
    barriers = minimax_by_floyd(graph)
    heights = [merge.height for merge in tree.merges]
    assert heights == sorted(heights)
    for merge in tree.merges:
        joined = [leaf for part in merge.members for leaf in part]
        assert len(joined) == len(set(joined))
        assert len(merge.members) >= 2
        assert sorted(joined) == [k for k in range(len(barriers)) if _reaches(barriers, joined[0], k, merge.height)]
        for part in merge.members:
            assert list(part) == sorted(part)
            below = [k for k in joined if k == part[0] or barriers[part[0], k] < merge.height]
            assert list(part) == below
        lowest = [min((graph[0][leaf], leaf) for leaf in part) for part in merge.members]
        assert lowest == sorted(lowest)


def _reaches(barriers, a, b, height):
    return a == b or barriers[a, b] <= height


def test_merges_are_a_sequence():
    tree = disconnectivity_tree(_path(5))
    assert len(tree.merges) == 4
    assert tree.merges[-1].height == tree.merges[3].height == 4.0
    assert [merge.height for merge in tree.merges[1:3]] == [2.0, 3.0]
    with pytest.raises(IndexError, match="4 merges"):
        tree.merges[4]
    with pytest.raises(IndexError):
        disconnectivity_tree(nx.Graph()).merges[0]


def _path(n):
    network = nx.path_graph(n)
    nx.set_node_attributes(network, 0.0, "energy")
    nx.set_edge_attributes(network, {edge: float(k) for k, edge in enumerate(network.edges, start=1)}, "energy")
    return network


def test_a_caterpillar_of_20000_leaves_is_cheap_until_expanded():
    tree = disconnectivity_tree(_path(20_000))
    assert len(tree.merges) == 19_999
    assert sum(merge.height for merge in tree.merges) == sum(range(1, 20_000))
    assert [len(part) for part in tree.merges[-1].members] == [19_999, 1]
    assert tree.minimax_barrier(0, 19_999) == 19_999.0


def test_networkx_order_of_edges_does_not_matter():
    network = _path(6)
    shuffled = nx.Graph()
    shuffled.add_nodes_from(network.nodes(data=True))
    edges = list(network.edges(data=True))
    random.Random(0).shuffle(edges)
    shuffled.add_edges_from((b, a, data) for a, b, data in edges)
    first, second = disconnectivity_tree(network), disconnectivity_tree(shuffled)
    assert [m.members for m in first.merges] == [m.members for m in second.merges]


def test_another_attribute():
    network = nx.Graph()
    network.add_nodes_from([0, 1], loss=0.0)
    network.add_edge(0, 1, loss=2)
    assert disconnectivity_tree(network, energy="loss").minimax_barrier(0, 1) == 2.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda network: network.add_node("x"), "node 'x' has no attribute 'energy'"),
        (lambda network: network.add_edge(0, 2), r"edge \(0, 2\) has no attribute 'energy'"),
        (lambda network: network.add_node("x", energy="low"), "attribute 'energy' of node 'x' is 'low'"),
        (lambda network: network.add_node("x", energy=float("nan")), "node 'x' has the energy nan"),
    ],
)
def test_missing_and_wrong_attributes(change, message):
    network = _path(3)
    change(network)
    with pytest.raises(ValueError, match=message):
        disconnectivity_tree(network)


def test_an_unknown_label_is_not_found():
    tree = disconnectivity_tree(_path(9))
    with pytest.raises(NotFoundError, match=r"no minimum 9 in the tree: it has 9 minima \(0, 1, 2, 3, 4, 5, ...\)"):
        tree.minimax_barrier(0, 9)


def test_the_empty_network():
    tree = disconnectivity_tree(nx.Graph())
    assert tree.leaves == ()
    assert list(tree.merges) == []
