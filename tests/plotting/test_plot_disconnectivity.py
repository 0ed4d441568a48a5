"""The artists of a disconnectivity graph: lines where the tree is, colors where minima agree, marks, labels, routes."""

import time

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from strategies_network import barrier_graphs

from elsuite.analysis import DisconnectivityTree, disconnectivity_tree, merge_tree, tree_layout
from elsuite.database import LandscapeDatabase
from elsuite.network import transition_network
from elsuite.plotting import SetStyle, new_figure, plot_disconnectivity
from elsuite.plotting.markers import NEUTRAL
from elsuite.plotting.tree_lines import chained, interleaved, line_width, route_lines
from elsuite.schema import NotFoundError

STYLES = {"cold": SetStyle("#0072B2", "o"), "hot": SetStyle("#D55E00", "s", filled=False)}


def small_network():
    network = nx.Graph()
    network.add_nodes_from([(0, {"energy": 0.1}), (1, {"energy": 0.2}), (2, {"energy": 0.15}), (3, {"energy": 0.3})])
    network.add_edges_from([(0, 1, {"energy": 0.5}), (1, 2, {"energy": 0.8}), (2, 3, {"energy": 2.0})])
    return network


@pytest.fixture
def tree():
    return disconnectivity_tree(small_network())


def lines(ax, label=None):
    """Color -> set of line ends, of all line collections (of one label)."""
    found = {}
    for collection in ax.collections:
        if not isinstance(collection, LineCollection) or (label and collection.get_label() != label):
            continue
        colors = collection.get_colors()
        for number, path in enumerate(collection.get_paths()):
            color = to_hex(colors[number % len(colors)])
            pairs = path.vertices.reshape(-1, 3, 2) if len(path.vertices) % 3 == 0 else path.vertices.reshape(-1, 2, 2)
            for pair in pairs:
                found.setdefault(color, set()).add(tuple(np.round(pair[:2].ravel(), 9)))
    return found


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []


@pytest.mark.parametrize("scale", ["linear", "log", "gaps"])
def test_every_line_of_the_layout_is_drawn_in_true_energies(tree, scale):
    layout = tree_layout(tree, scale=scale)
    ax = plot_disconnectivity(tree, layout=layout)
    expected = layout.segments.copy()
    expected[..., 1] = layout.scale.inverse(expected[..., 1])
    drawn = set().union(*lines(ax).values())
    assert drawn == {tuple(np.round(segment.ravel(), 9)) for segment in expected}


@given(barrier_graphs(), st.data())
def test_a_line_is_colored_exactly_where_all_minima_under_it_agree(graph, data):
    energies, sources, targets, heights = graph
    nodes = merge_tree(energies, sources, targets, heights)
    tree = DisconnectivityTree(tuple(range(len(energies))), nodes)
    groups = data.draw(st.lists(st.sampled_from(["cold", "hot"]), min_size=len(energies), max_size=len(energies)))
    layout = tree_layout(tree)
    ax = plot_disconnectivity(tree, layout=layout, color_by=groups, styles=STYLES)

    under = {leaf: {groups[leaf]} for leaf in range(len(energies))}
    for node, parent in enumerate(nodes.parents):  # parents come after their children
        if parent >= 0:
            under.setdefault(int(parent), set()).update(under[node])
    drawn = lines(ax)
    for segment, node in zip(layout.segments, layout.segment_nodes, strict=True):
        (color,) = under[int(node)] if len(under[int(node)]) == 1 else ("mixed",)
        wanted = to_hex(STYLES[color].color) if color in STYLES else to_hex(NEUTRAL)
        assert tuple(np.round(segment.ravel(), 9)) in drawn[wanted]


def test_marks_stand_at_the_ends_of_their_lines(tree):
    sets = ["cold", "hot", "cold", "hot"]
    layout = tree_layout(tree)
    ax = plot_disconnectivity(tree, layout=layout, color_by=sets, styles=STYLES)
    marks = {artist.get_label(): artist for artist in ax.collections if isinstance(artist, PathCollection)}
    for name in STYLES:
        rows = [leaf for leaf, own in enumerate(sets) if own == name]
        expected = np.column_stack([layout.x[rows], tree.energies[rows]])
        np.testing.assert_allclose(marks[name].get_offsets(), expected)
    assert to_hex(marks["hot"].get_facecolor()[0]) == "#ffffff"
    assert legend_texts(ax) == ["cold (2)", "hot (2)"]


def test_one_set_is_plain(tree):
    ax = plot_disconnectivity(tree, color_by=["cold"] * 4, styles=STYLES)
    assert ax.get_legend() is None
    assert not [artist for artist in ax.collections if isinstance(artist, PathCollection)]


@pytest.mark.parametrize("nothing", [None, {}, ["", "", "", ""]])
def test_without_colors_all_lines_are_dark(tree, nothing):
    (color,) = lines(plot_disconnectivity(tree, color_by=nothing))
    assert color == "#404040"


def test_numbers_color_the_lines_of_the_minima_with_a_scale_bar(tree):
    ax = plot_disconnectivity(tree, color_by={0: 1.0, 1: 2.0, 2: 3.0}, values_label="age")
    assert len(lines(ax)) == 4  # three shades and the neutral rest
    assert [axis.get_ylabel() for axis in ax.figure.axes] == ["energy", "age"]


def test_colors_and_marks_can_say_different_things(tree):
    ax = plot_disconnectivity(
        tree, color_by=["left", "left", "right", ""], mark_by=["cold", "hot", "cold", "hot"], styles=STYLES
    )
    assert legend_texts(ax) == ["cold (2)", "hot (2)", "left (2)", "right (1)"]
    assert to_hex(NEUTRAL) in lines(ax)


def test_components_stand_apart_under_dotted_stems():
    network = small_network()
    network.add_node(4, energy=0.05)
    tree = disconnectivity_tree(network)
    ax = plot_disconnectivity(tree)
    assert "2 parts that no path joins" in ax.get_xlabel()
    stems = [artist for artist in ax.collections if artist.get_label() == "_stems"]
    assert all(artist.get_linestyles()[0][1] is not None for artist in stems)
    layout = tree_layout(tree)
    x = np.sort(layout.x[:5])
    assert np.diff(x).max() > 1.5


def test_a_connected_tree_has_a_solid_stem(tree):
    stems = [artist for artist in plot_disconnectivity(tree).collections if artist.get_label() == "_stems"]
    assert [artist.get_linestyles()[0][1] for artist in stems] == [None]


def test_the_route_climbs_to_the_merge_and_no_higher(tree):
    layout = tree_layout(tree)
    drawn = route_lines(layout, [0, 2])
    assert drawn[..., 1].max() == pytest.approx(0.8)
    ends = drawn[drawn[..., 1] < 0.3]
    assert {tuple(end) for end in ends} == {(layout.x[0], 0.1), (layout.x[2], 0.15)}
    ax = plot_disconnectivity(tree, layout=layout, route=[0, 2])
    assert len(set().union(*lines(ax, "_route").values())) == len({tuple(line.ravel()) for line in drawn.round(9)})


def test_the_route_between_components_draws_nothing():
    network = small_network()
    network.add_node(4, energy=0.05)
    tree = disconnectivity_tree(network)
    assert len(route_lines(tree_layout(tree), [0, 4])) == 0


def test_highlighted_minima_are_ringed_and_named(tree):
    ax = plot_disconnectivity(tree, highlight=[2], labels={0: "the lowest"})
    assert {"2", "the lowest"} <= {text.get_text() for text in ax.texts}
    (ring,) = [artist for artist in ax.collections if artist.get_label() == "_highlight"]
    np.testing.assert_allclose(ring.get_offsets()[0, 1], 0.15)


@pytest.mark.parametrize(("n", "width"), [(8, 3.4), (60, 3.4), (150, 7.0)])
def test_labels_never_overlap_each_other(n, width):
    rng = np.random.default_rng(n)
    network = nx.path_graph(n)
    nx.set_node_attributes(network, dict(enumerate(rng.random(n))), "energy")
    nx.set_edge_attributes(network, {edge: 1 + rng.random() for edge in network.edges}, "energy")
    figure = new_figure(width, 3)
    ax = plot_disconnectivity(disconnectivity_tree(network), ax=figure.add_subplot(), labels=True)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) >= min(n, 8)
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])
        assert box.y0 >= ax.get_window_extent().y0 - 1


def test_a_line_at_an_energy_and_a_note(tree):
    ax = plot_disconnectivity(tree, energy=0.6, note="3 of 7 minima hidden", energy_label="loss")
    (line,) = [line for line in ax.lines if line.get_label() == "_energy"]
    assert list(line.get_ydata()) == [0.6, 0.6]
    assert ax.get_xlabel() == "4 minima\n3 of 7 minima hidden"
    assert ax.get_ylabel() == "loss"


def test_one_minimum():
    network = nx.Graph()
    network.add_node("only", energy=1.0)
    ax = plot_disconnectivity(disconnectivity_tree(network), labels=True)
    assert ax.get_xlabel() == "1 minimum"
    assert len(set().union(*lines(ax).values())) == 1


@pytest.mark.parametrize("shape", ["rectangular", "sloped"])
def test_levels_and_shapes_draw(tree, shape):
    layout = tree_layout(tree, style=shape, levels=[0.6, 1.0, 2.0])
    ax = plot_disconnectivity(tree, layout=layout, color_by=["cold"] * 3 + ["hot"], styles=STYLES)
    assert len(set().union(*lines(ax).values())) == len({tuple(line.ravel()) for line in layout.segments.round(9)})


def test_leaves_can_stand_at_values(tree):
    layout = tree_layout(tree, order="value", axis="value", values=[0.0, 5.0, 20.0, -3.0])
    ax = plot_disconnectivity(tree, layout=layout, value_label="kernel component 1", mark_by=["cold", "hot"] * 2)
    assert ax.get_xlabel() == "kernel component 1"
    assert len(ax.get_xticks()) > 2
    marks = [artist.get_offsets()[:, 0] for artist in ax.collections if isinstance(artist, PathCollection)]
    assert sorted(np.concatenate(marks)) == [-3.0, 0.0, 5.0, 20.0]


def test_what_does_not_fit_is_refused(tree):
    with pytest.raises(ValueError, match="no minimum to draw"):
        plot_disconnectivity(disconnectivity_tree(nx.Graph()))
    with pytest.raises(ValueError, match="color_by has 2 entries, the tree has 4"):
        plot_disconnectivity(tree, color_by=["a", "b"])
    with pytest.raises(NotFoundError, match="99"):
        plot_disconnectivity(tree, highlight=[99])


def test_chains_hold_every_line():
    given_lines = np.random.default_rng(0).random((257, 2, 2))
    chains = chained(given_lines, 100)
    assert len(chains) == 3
    back = np.concatenate(chains).reshape(-1, 3, 2)
    np.testing.assert_array_equal(back[:, :2], given_lines)
    assert np.isnan(back[:, 2]).all()


def test_runs_of_several_colors_are_mixed():
    runs = interleaved([[np.zeros(1)] * 4, [np.ones(1)] * 2])
    assert [color for color, _ in runs] == [0, 0, 1, 0, 0, 1] or [c for c, _ in runs] == [0, 1, 0, 0, 1, 0]
    assert all(run[0] == color for color, run in runs)
    assert interleaved([[], []]) == []


def crowd(n):
    """A star of n minima that all join at 1."""
    energies = np.zeros(n)
    return DisconnectivityTree(
        tuple(range(n)), merge_tree(energies, np.zeros(n - 1, int), np.arange(1, n), np.ones(n - 1))
    )


def test_where_leaves_are_too_near_for_marks_the_legend_shows_lines():
    names = ["cold", "hot"] * 1000
    ax = plot_disconnectivity(crowd(2000), color_by=names, styles=STYLES)
    assert not [artist for artist in ax.collections if isinstance(artist, PathCollection)]
    assert legend_texts(ax) == ["cold (1000)", "hot (1000)"]
    assert all(handle.get_marker() == "None" for handle in ax.get_legend().get_lines())
    # Where lines of both colors overlap, neither lies over the other everywhere.
    colored = max(ax.collections, key=lambda artist: len(artist.get_paths()))
    order = [to_hex(color) for color in colored.get_colors()]
    assert order[0] != order[-1]
    assert len(set(order[: len(order) // 2])) == len(set(order[len(order) // 2 :])) == 2


def test_where_marks_do_not_fit_and_lines_have_values_there_is_no_legend_of_marks():
    ax = plot_disconnectivity(crowd(2000), color_by=np.arange(2000.0), mark_by=["cold", "hot"] * 1000)
    assert ax.get_legend() is None


def test_twenty_thousand_minima_draw_in_time():
    n = 20_000
    rng = np.random.default_rng(0)
    energies = rng.random(n)
    sources = np.repeat(np.arange(n), 3)
    targets = (sources + rng.integers(1, 200, len(sources))) % n
    tree = DisconnectivityTree(
        tuple(range(n)), merge_tree(energies, sources, targets, 1 + rng.exponential(size=len(sources)))
    )
    layout = tree_layout(tree)
    sets = np.array(["cold", "hot"])[rng.integers(0, 2, n)]
    start = time.process_time()
    figure = new_figure(7, 4)
    ax = plot_disconnectivity(tree, ax=figure.add_subplot(), layout=layout, color_by=sets, styles=STYLES)
    figure.canvas.draw()
    assert time.process_time() - start < 1.5
    assert line_width(ax, n) == 0.25


def half_searched():
    """Minima 0 to 3: 1 dies tested, 2 untested, 3 unknown; numbers are those of the minima."""
    database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    rows = [(0, 1, 1.0, "converged"), (0, 1, 1.5, "converged"), (0, 2, 2.0, "budget spent"), (2, 3, 3.0, "imported")]
    columns = dict(zip(("source", "target", "height", "outcome"), zip(*rows, strict=True), strict=True))
    database.add(minima={"energy": [[0.0], [0.1], [0.2], [0.3]]}, paths=columns)
    return database


@pytest.mark.parametrize("style", ["rectangular", "sloped"])
def test_lines_of_parts_that_join_untested_are_dashed_and_faded(style):
    tree = disconnectivity_tree(transition_network(half_searched()))
    assert [merge.evidence.state for merge in tree.merges] == ["tested", "untested", "unknown"]
    layout = tree_layout(tree, style=style, order="energy")
    ax = plot_disconnectivity(tree, layout=layout, color_by=["cold", "cold", "hot", "cold"], styles=STYLES)
    solid, untested, unknown = (lines(ax, label) for label in ("_lines", "_not tested", "_unknown"))
    if style == "rectangular":
        assert (2.0, 0.2, 2.0, 2.0) in untested["#d55e00"]
        assert (3.0, 0.3, 3.0, 3.0) in unknown["#0072b2"]
        assert (1.0, 0.1, 1.0, 1.0) in solid["#0072b2"]
    below = {x0 for found in (untested, unknown) for group in found.values() for x0, y0, *_ in group if y0 < 0.5}
    assert below == {2.0, 3.0}
    for collection in ax.collections:
        if collection.get_label() in {"_not tested", "_unknown"}:
            assert collection.get_alpha() < 1
            assert collection.get_linestyles()[0][1] is not None
    assert legend_texts(ax)[-2:] == ["not tested", "unknown"]
    assert "1 of 3 merges not tested: its height is no barrier" in ax.get_xlabel()


def test_where_all_merges_are_verified_nothing_is_dashed():
    network = small_network()
    nx.set_edge_attributes(network, "transition_state", "kind")
    ax = plot_disconnectivity(disconnectivity_tree(network))
    assert {c.get_label() for c in ax.collections if isinstance(c, LineCollection)} == {"_lines", "_stems"}
    assert ax.get_legend() is None
    assert ax.get_xlabel() == "4 minima"


def test_merges_at_levels_are_dashed_by_the_minimum_that_dies():
    tree = disconnectivity_tree(transition_network(half_searched()))
    ax = plot_disconnectivity(tree, layout=tree_layout(tree, levels=[5.0], order="energy"))
    assert {line for group in lines(ax, "_not tested").values() for line in group if line[0] == line[2]} == {
        (2.0, 0.2, 2.0, 5.0)
    }
