import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_network import barrier_graphs

from elsuite.analysis import branches_between, merge_tree, node_groups


def leaves_under(tree, node):
    return tree.leaf_order[tree.starts[node] : tree.starts[node] + tree.sizes[node]].tolist()


@given(barrier_graphs(), st.data())
def test_groups_of_nodes(graph, data):
    tree = merge_tree(*graph)
    n = tree.n_leaves
    labels = data.draw(st.lists(st.sampled_from(["sgd", "lbfgs", None, 3]), min_size=n, max_size=n))
    groups = node_groups(tree, labels)
    for node in range(tree.n_nodes):
        under = leaves_under(tree, node)
        names = {labels[leaf] for leaf in under}
        assert groups[node] == (names.pop() if len(names) == 1 else None)


def test_arrays_of_labels():
    tree = merge_tree([0.0, 0.0], [0], [1], [1.0])
    assert node_groups(tree, np.array(["a", "a"])) == ["a", "a", "a"]
    assert node_groups(tree, np.array([1, 2])) == [1, 2, None]


@given(barrier_graphs(), st.data())
def test_branches_between_two_minima(graph, data):
    tree = merge_tree(*graph)
    a, b = (data.draw(st.integers(0, tree.n_leaves - 1)) for _ in range(2))
    nodes, join = branches_between(tree, a, b)
    chains = []
    for leaf in (a, b):
        chain = [leaf]
        while tree.parents[chain[-1]] >= 0:
            chain.append(int(tree.parents[chain[-1]]))
        chains.append(chain)
    common = [node for node in chains[0] if node in chains[1]]
    assert join == (common[0] if common else None)
    expected = set(chains[0]) ^ set(chains[1])
    assert sorted(nodes) == sorted(expected)


def test_bad_input():
    tree = merge_tree([0.0, 0.0], [0], [1], [1.0])
    with pytest.raises(ValueError, match="2 labels are needed, one a minimum, not 1"):
        node_groups(tree, ["a"])
