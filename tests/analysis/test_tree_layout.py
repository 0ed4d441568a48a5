import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_network import as_network, barrier_graphs, cophenetic

from elsuite.analysis import LinearScale, disconnectivity_tree, merge_tree, tree_layout, with_levels

ORDERS = st.sampled_from(["energy", "size", "centered", "value", "given"])
STYLES = st.sampled_from(["rectangular", "sloped"])


@given(barrier_graphs(), ORDERS, STYLES, st.integers(0, 3), st.data())
def test_every_node_is_drawn_and_connected(graph, order, style, levels, data):
    tree = merge_tree(*graph)
    values = np.array(data.draw(st.permutations(range(tree.n_leaves))), dtype=float)
    order = np.argsort(values).tolist() if order == "given" else order
    layout = tree_layout(tree, order=order, values=values, style=style, levels=levels or None)
    drawn = layout.tree
    assert sorted(layout.leaf_order.tolist()) == list(range(tree.n_leaves))
    assert (np.diff(layout.x[layout.leaf_order]) >= 1).all()
    assert len(layout.x) == len(layout.y) == drawn.n_nodes
    np.testing.assert_array_equal(layout.y, drawn.heights)
    assert set(layout.segment_nodes.tolist()) == set(range(drawn.n_nodes))
    points = {tuple(point) for segment in layout.segments for point in segment}
    for node in range(drawn.n_nodes):
        ends = layout.segments[layout.segment_nodes == node].reshape(-1, 2)
        if node < drawn.n_leaves or style == "rectangular":
            assert (layout.x[node], layout.y[node]) in points
        assert len(ends) >= 2
    assert (layout.segments[:, 1, 1] >= layout.segments[:, 0, 1]).all()  # drawn upwards
    assert layout.segments[..., 1].max() == layout.top > layout.y.max()


@given(barrier_graphs(), ORDERS, st.data())
def test_no_lines_cross(graph, order, data):
    tree = merge_tree(*graph)
    values = np.array(data.draw(st.permutations(range(tree.n_leaves))), dtype=float)
    order = np.argsort(values).tolist() if order == "given" else order
    layout = tree_layout(tree, order=order, values=values)
    place = np.empty(tree.n_leaves, dtype=int)
    place[layout.leaf_order] = np.arange(tree.n_leaves)
    for node in range(tree.n_nodes):
        under = tree.leaf_order[tree.starts[node] : tree.starts[node] + tree.sizes[node]]
        places = np.sort(place[under])
        assert places[-1] - places[0] == len(under) - 1
        assert layout.x[node] == (layout.x[under].min() + layout.x[under].max()) / 2


def test_orders():
    #  minima 0..3; 1 and 2 join at 1, then 0 at 2, then 3 at 3
    tree = merge_tree([2.0, 0.5, 0.0, 0.3], [1, 0, 0], [2, 1, 3], [1.0, 2.5, 3.0])

    def order(**options):
        return tree_layout(tree, **options).leaf_order.tolist()

    assert order(order="energy") == [2, 1, 0, 3]
    assert order(order="size") == [2, 1, 0, 3]
    assert order(order="centered") == [0, 2, 1, 3]
    assert order(order="value", values=[3.0, 1.0, 2.0, 0.0]) == [3, 1, 2, 0]
    assert order(order=[3, 0, 1, 2]) == [3, 0, 1, 2]
    assert order(order=[0, 1, 3, 2]) == [0, 1, 2, 3]  # 3 cannot stand inside {1, 2}
    assert order(order=np.array([3, 0, 1, 2])) == [3, 0, 1, 2]


def test_the_lowest_minimum_of_a_caterpillar_is_centered():
    n = 21
    tree = merge_tree(np.arange(float(n)), np.zeros(n - 1, int), np.arange(1, n), np.arange(100.0, 100 + n - 1))
    layout = tree_layout(tree, order="centered")
    assert layout.x[0] == (n - 1) / 2


def test_labels_give_the_order_of_a_labelled_tree():
    network = as_network(([0.0, 1.0], [0], [1], [2.0]), labels=["a", "b"])
    layout = tree_layout(disconnectivity_tree(network), order=["b", "a"])
    assert layout.leaf_order.tolist() == [1, 0]


def test_components_stand_side_by_side():
    tree = merge_tree([0.0, 1.0, -1.0], [0], [1], [2.0])
    layout = tree_layout(tree, order="energy")
    assert layout.leaf_order.tolist() == [2, 0, 1]
    assert layout.x[:3].tolist() == [2.0, 3.0, 0.0]
    stems = layout.segments[layout.segments[:, 1, 1] == layout.top]
    assert sorted(stems[:, 0, 0].tolist()) == [0.0, 2.5]


def test_rectangular_lines():
    layout = tree_layout(merge_tree([0.0, 1.0], [0], [1], [2.0]))
    assert layout.segments[:3].tolist() == [[[0, 0], [0, 2]], [[1, 1], [1, 2]], [[0, 2], [1, 2]]]
    assert layout.segment_nodes.tolist() == [0, 1, 2, 2]


def test_sloped_lines():
    tree = merge_tree([0.0, 1.0], [0], [1], [2.0])
    layout = tree_layout(tree, style="sloped", slope=1.0)
    assert layout.segments[:2].tolist() == [[[0, 0], [0.5, 2]], [[1, 1], [0.5, 2]]]
    layout = tree_layout(tree, style="sloped", slope=0.25)  # bends half a unit below the merge
    assert layout.segments[:2].tolist() == [[[0, 0], [0, 1.5]], [[1, 1], [1, 1.5]]]
    assert layout.segments[2:4].tolist() == [[[0, 1.5], [0.5, 2]], [[1, 1.5], [0.5, 2]]]
    layout = tree_layout(merge_tree([0.0, 0.0, 0.0], [0, 0], [1, 2], [1.0, 4.0]), style="sloped", levels=[1, 2, 4])
    assert [[2, 0], [2, 1]] in layout.segments.tolist()  # vertical up to the level below, then sloped


def test_leaves_at_their_values():
    tree = merge_tree([0.0, 1.0, 0.5], [0, 1], [1, 2], [2.0, 3.0])
    layout = tree_layout(tree, order="value", axis="value", values=[10.0, 0.0, 40.0])
    assert layout.x.tolist() == pytest.approx([10.0, 0.0, 40.0, 5.0, 50 / 3])


@given(barrier_graphs(), st.integers(1, 8))
def test_levels_raise_merges_to_the_next_level_and_lose_nothing(graph, n_levels):
    tree = merge_tree(*graph)
    raised = with_levels(tree, n_levels)
    assert raised.n_leaves == tree.n_leaves
    exact, drawn = cophenetic(tree), cophenetic(raised)
    np.testing.assert_array_equal(np.isfinite(exact), np.isfinite(drawn))
    off = np.isfinite(exact) & ~np.eye(tree.n_leaves, dtype=bool)
    if off.any():
        low, high = tree.heights[: tree.n_leaves].min(), exact[off].max()
        step = (high - low) / n_levels
        assert (drawn[off] >= exact[off] - 1e-12).all()
        assert (drawn[off] <= exact[off] + step + 1e-9).all()
        assert drawn[off].max() == high
        assert len(np.unique(drawn[off])) <= n_levels


def test_given_levels():
    tree = merge_tree([0.0] * 4, [0, 1, 2], [1, 2, 3], [0.5, 1.0, 7.0])
    raised = with_levels(tree, [1.0, 2.0])
    assert raised.heights[4:].tolist() == [1.0, 7.0]  # what is above the last level stays
    assert raised.children(4).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="at least one level"):
        with_levels(tree, 0)
    with pytest.raises(ValueError, match="finite energies"):
        with_levels(tree, [np.nan])


@pytest.mark.parametrize("scale", ["linear", "log", "gaps", LinearScale()])
def test_scales(scale):
    tree = merge_tree([1e-6, 1e-3], [0], [1], [0.1])
    layout = tree_layout(tree, scale=scale, levels=3)
    np.testing.assert_allclose(layout.scale.inverse(layout.y), layout.tree.heights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "sideways"}, "no order 'sideways'"),
        ({"order": "value"}, "need values"),
        ({"axis": "value"}, "need values"),
        ({"axis": "x", "values": [0.0, 1.0]}, "no axis 'x'"),
        ({"order": "value", "values": [0.0]}, "2 finite numbers"),
        ({"order": "value", "values": [0.0, np.nan]}, "finite numbers"),
        ({"order": [0]}, "1 is missing"),
        ({"order": [0, 1, 1]}, "3 were given"),
        ({"style": "curly"}, "no style 'curly'"),
        ({"slope": -1.0}, "slope"),
        ({"scale": "cubic"}, "no energy scale"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        tree_layout(merge_tree([0.0, 0.0], [0], [1], [1.0]), **options)


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("order", ["energy", "size", "centered"])
def test_no_or_one_minimum(n, order):
    layout = tree_layout(merge_tree(np.zeros(n), [], [], []), order=order, levels=4, style="sloped")
    assert len(layout.segments) == n
