"""The artists of the other pictures: what is drawn where, and what the axes and the legend say."""

import networkx as nx
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex

from elsuite.analysis import LossCurves, energy_scale, merge_tree, superbasin_curves
from elsuite.analysis.profile import route_profile
from elsuite.database import LandscapeDatabase
from elsuite.network import transition_network
from elsuite.plotting import (
    Profile,
    cluster_names,
    plot_clustering,
    plot_distances,
    plot_embedding,
    plot_heights,
    plot_losses,
    plot_network,
    plot_profile,
    plot_superbasins,
    set_styles,
)
from elsuite.plotting.heights import shared_bins

SETS = ["sgd/train", "sgd/test", "lbfgs-gss/train"]
STYLES = set_styles(SETS)


def points(ax):
    return {artist.get_label(): artist.get_offsets() for artist in ax.collections if isinstance(artist, PathCollection)}


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []


class TestSuperbasins:
    TREE = merge_tree([0.0, 0.2, 0.1, 9.0], [0, 1, 2], [1, 2, 3], [0.5, 0.9, 9.5])

    def test_the_curves_are_those_of_the_value_and_go_on_to_the_edge(self):
        curves = superbasin_curves(self.TREE)
        ax = plot_superbasins(curves, energy=0.6, energy_label="loss")
        numbers, largest, dashed = ax.lines
        np.testing.assert_allclose(numbers.get_xdata()[:-1], curves.energies)
        assert numbers.get_ydata().tolist() == [*curves.numbers.tolist(), 1]
        assert largest.get_ydata().tolist() == [*curves.largest.tolist(), 4]
        assert numbers.get_drawstyle() == "steps-post"
        assert numbers.get_xdata()[-1] == pytest.approx(ax.get_xlim()[1])
        assert ax.get_xlim()[0] < 0
        assert dashed.get_xdata() == [0.6, 0.6]
        assert legend_texts(ax) == ["number of superbasins", "minima in the largest"]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("loss", "count")

    def test_gaps_are_compressed_with_marks_on_the_axis_of_energies(self):
        ax = plot_superbasins(superbasin_curves(self.TREE), scale=energy_scale("gaps", self.TREE.heights))
        assert ax.get_xscale() == "function"
        marks = [text.get_position() for text in ax.texts if text.get_text() == "//"]
        assert marks
        low, high = ax.get_xlim()
        assert all(low < x < high and y == 0 for x, y in marks)
        places = ax.transData.transform(np.column_stack([ax.get_xticks(), np.ones(len(ax.get_xticks()))]))[:, 0]
        assert np.diff(places).min() > 0.1 * ax.get_window_extent().width

    def test_one_minimum_and_none(self):
        assert plot_superbasins(superbasin_curves(merge_tree([1.0], [], [], []))).lines[0].get_ydata().tolist() == [
            1,
            1,
        ]
        with pytest.raises(ValueError, match="no minimum"):
            plot_superbasins(superbasin_curves(merge_tree([], [], [], [])))

    def test_few_counts_have_whole_plain_numbers(self):
        ax = plot_superbasins(superbasin_curves(merge_tree([0.0, 0.1], [0], [1], [1.0])))
        assert all(float(tick).is_integer() for tick in ax.get_yticks())
        n = 60
        star = merge_tree(np.zeros(n), np.zeros(n - 1, int), np.arange(1, n), np.arange(1.0, n))
        ax = plot_superbasins(superbasin_curves(star))
        ax.figure.canvas.draw()
        inside = [text.get_text() for text in ax.get_yticklabels() if 1 <= text.get_position()[1] <= n]
        assert inside == ["1", "2", "5", "10", "20", "50"]

    def test_counts_over_decades_are_on_a_logarithmic_axis(self):
        n = 100
        many = merge_tree(np.zeros(n), np.arange(n - 1), np.arange(1, n), np.arange(1.0, n))
        assert plot_superbasins(superbasin_curves(many)).get_yscale() == "log"


class TestHeights:
    @pytest.mark.parametrize("n", [1, 2, 4, 10, 300, 5000])
    def test_every_value_or_its_density_is_drawn(self, n):
        values = np.random.default_rng(n).lognormal(size=n)
        ax = plot_heights({"sgd/train": values})
        drawn = [artist.get_offsets()[:, 0] for artist in ax.collections if isinstance(artist, PathCollection)]
        if n <= 400:
            np.testing.assert_allclose(np.sort(drawn[0]), np.sort(values))
        else:
            assert not drawn
        assert any(np.allclose(line.get_xdata(), np.median(values)) for line in ax.lines)
        low, high = ax.get_xlim()
        assert low <= values.min() <= values.max() <= high

    def test_rows_are_in_order_with_counts(self):
        ax = plot_heights({"sgd/test": [1.0, 2.0], "sgd/train": [3.0], "empty": [np.nan]})
        assert [text.get_text() for text in ax.get_yticklabels()] == ["sgd/test\nn = 2", "sgd/train\nn = 1"]

    def test_pairs_between_sets_are_neutral(self):
        ax = plot_heights({"sgd/train ~ sgd/test": [1.0, 2.0]})
        assert to_hex(ax.collections[0].get_facecolor()[0]) == "#8a8a8a"

    def test_log_where_decades_are_spanned(self):
        assert plot_heights({"a/b": [1e-3, 1.0]}).get_xscale() == "log"
        assert plot_heights({"a/b": [1e-3, 1.0]}, scale="linear").get_xscale() == "linear"
        assert plot_heights({"a/b": [-1.0, 1.0]}).get_xscale() == "linear"

    def test_equal_values_draw(self):
        plot_heights({"a/b": [2.0] * 20}).figure.canvas.draw()

    def test_histograms_share_their_bins_and_count_everything(self):
        heights = {"sgd/train": np.arange(1.0, 50.0), "sgd/test": np.arange(20.0, 30.0)}
        ax = plot_heights(heights, form="histogram")
        assert legend_texts(ax) == ["sgd/train (n = 49)", "sgd/test (n = 10)"]
        assert len(ax.patches) == 2

    def test_nothing_finite_is_refused(self):
        with pytest.raises(ValueError, match="no finite height"):
            plot_heights({"a/b": [np.nan, np.inf]})

    @pytest.mark.parametrize("values", [[3.0, 3.0], [1.0, 10.0]])
    @pytest.mark.parametrize("log", [False, True])
    def test_bins_hold_all_values(self, values, log):
        bins = shared_bins(np.array(values), log=log, most=8)
        assert len(bins) == 9
        assert bins[0] <= min(values) * (1 + 1e-12)
        assert bins[-1] >= max(values) * (1 - 1e-12)


class TestEmbedding:
    def test_points_are_in_their_sets(self):
        places = np.arange(8.0).reshape(4, 2)
        ax = plot_embedding(places, sets=["sgd/train", "sgd/test", "sgd/train", ""], styles=STYLES)
        drawn = points(ax)
        np.testing.assert_array_equal(drawn["sgd/train"], places[[0, 2]])
        np.testing.assert_array_equal(drawn["sgd/test"], places[[1]])
        assert any(np.array_equal(offsets, places[[3]]) for offsets in drawn.values())
        assert legend_texts(ax) == ["sgd/train", "sgd/test"]

    def test_values_have_a_scale_bar(self):
        ax = plot_embedding(np.eye(3), values=[1.0, 10.0, 1000.0], sets=SETS, styles=STYLES, values_label="loss")
        assert ax.figure.axes[1].get_ylabel() == "loss"
        assert ax.figure.axes[1].get_yscale() == "log"

    def test_explained_shares_and_highlights(self):
        ax = plot_embedding(np.eye(2), explained=[0.256, np.nan], highlight={1: "one"})
        assert ax.get_xlabel() == "component 1 (25.6 % of variance)"
        assert ax.get_ylabel() == "component 2"
        assert [text.get_text() for text in ax.texts] == ["one"]
        np.testing.assert_array_equal(points(ax)["_highlight"], [[0, 1]])

    @pytest.mark.parametrize(
        ("places", "sets", "values", "words"),
        [
            (np.zeros(3), None, None, "shape"),
            (np.zeros((3, 1)), None, None, "shape"),
            (np.zeros((3, 2)), ["a"], None, "1 sets given for 3"),
            (np.zeros((3, 2)), None, [1.0], "1 values given for 3"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, places, sets, values, words):
        with pytest.raises(ValueError, match=words):
            plot_embedding(places, sets=sets, values=values)


class TestDistances:
    def test_histograms_and_the_mean(self):
        ax = plot_distances({"sgd/train": [1.0, 1.5], "lbfgs-gss/train": [3.0, np.nan]}, mean_distance=0.5)
        assert legend_texts(ax) == ["sgd/train (n = 2)", "lbfgs-gss/train (n = 1)", "mean of either set"]
        (line,) = ax.lines
        assert line.get_linestyle() == ":"
        assert set(line.get_xdata()) == {0.5}
        low, high = ax.get_xlim()
        assert low < 0.5 < 3.0 <= high

    def test_nothing_is_refused(self):
        with pytest.raises(ValueError, match="no finite distance"):
            plot_distances({"sgd/train": []})


def curves(surface="train", **changes):
    values = np.array([[1.0, 0.5, 0.2], [1.1, 0.4, np.nan], [1.2, 0.6, 0.3]])
    given = {"minimizer": "sgd", "surface": surface, "runs": np.arange(3), "values": values}
    return LossCurves(**(given | {"stops": np.array([2, 1, -1]), "stop_values": np.array([0.2, 0.4, 9.0])} | changes))


class TestLosses:
    def test_runs_median_and_stops(self):
        ax = plot_losses([curves(), curves("test", stops=np.array([], dtype=int), stop_values=np.array([]))])
        faint = [artist for artist in ax.collections if isinstance(artist, LineCollection)]
        assert [len(artist.get_segments()) for artist in faint] == [3, 3]
        assert [len(segment) for segment in faint[0].get_segments()] == [3, 2, 3]
        assert legend_texts(ax) == ["train, median", "test, median", "taken as sgd/train"]
        train, test, taken = ax.lines
        np.testing.assert_allclose(train.get_ydata(), [1.1, 0.5, 0.25])
        assert (train.get_linestyle(), test.get_linestyle()) == ("-", "--")
        np.testing.assert_array_equal(taken.get_xydata(), [[2, 0.2], [1, 0.4]])

    def test_no_curve_is_refused(self):
        with pytest.raises(ValueError, match="no curves"):
            plot_losses([curves(values=np.full((1, 3), np.nan))])


def profile(**changes):
    leg = np.column_stack([np.linspace(0, 2, 5), [0.1, 0.5, 1.0, 0.6, 0.3]])
    other = np.column_stack([np.linspace(2, 5, 4), [0.3, 0.4, 0.35, 0.2]])
    given = {
        "minima": (7, 3, 9), "sets": ("sgd/train", "sgd/test", "sgd/train"), "positions": (0.0, 2.0, 5.0),
        "energies": (0.1, 0.3, 0.2), "legs": (leg, other), "heights": (1.0, 0.4), "position_label": "length",
    }  # fmt: skip
    return Profile(**(given | changes))


class TestProfile:
    def test_legs_minima_and_the_top(self):
        ax = plot_profile(profile(), label="loss")
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "loss")
        assert [text.get_text() for text in ax.texts] == ["7", "3", "9", "1"]
        marked = [tuple(line.get_xydata()[0]) for line in ax.lines if line.get_marker() not in {"None", None, ""}]
        assert marked == [(0.0, 0.1), (2.0, 0.3), (5.0, 0.2)]
        dotted = [line for line in ax.lines if line.get_linestyle() == ":"]
        assert set(dotted[0].get_ydata()) == {1.0}
        assert dotted[0].get_xdata()[1] == 1.0

    def test_names_of_minima_keep_away_from_the_line(self):
        peak = profile(energies=(0.1, 1.2, 0.2), heights=(1.2, 1.2))
        texts = {text.get_text(): text for text in plot_profile(peak).texts}
        assert (texts["3"].get_va(), texts["7"].get_va()) == ("bottom", "top")

    def test_the_height_stands_over_the_name_of_a_minimum_on_the_peak(self):
        leg = np.column_stack([np.linspace(0, 1, 21), -5 + np.linspace(0, 1, 21)])
        back = np.column_stack([np.linspace(1, 2, 21), -4 - np.linspace(0, 1, 21)])
        value = Profile((0, 1, 2), ("a", "a", "a"), (0.0, 1.0, 2.0), (-5.0, -4.0, -5.0), (leg, back), (-4.0, -4.0))
        ax = plot_profile(value)
        height = next(text for text in ax.texts if text.get_text() == "\N{MINUS SIGN}4")
        name = next(text for text in ax.texts if text.get_text() == "1")
        assert height.xyann[1] > name.xyann[1] + 6
        assert all(float(tick).is_integer() for tick in ax.get_xticks())

    def test_several_profiles_have_a_legend(self):
        ax = plot_profile({"route": profile(), "direct": profile()}, styles=STYLES)
        assert set(legend_texts(ax)) == {"route", "direct", "sgd/train", "sgd/test"}


def network():
    graph = nx.MultiGraph()
    graph.add_nodes_from([(0, {"set": "sgd/train"}), (1, {"set": "sgd/test"}), (2, {"set": "sgd/train"})])
    graph.add_edges_from(
        [(0, 1, {"energy": 1.0}), (1, 2, {"energy": 2.0}), (0, 2, {"energy": 3.0}), (0, 0, {"energy": 9.0})]
    )
    return graph


PLACES = {0: (0.0, 0.0), 1: (1.0, 0.0), 2: (0.0, 1.0)}


class TestNetwork:
    def test_the_spanning_tree_lies_over_the_other_edges(self):
        ax = plot_network(network(), PLACES, styles=STYLES)
        others, tree = (artist for artist in ax.collections if isinstance(artist, LineCollection))
        assert sorted(tree.get_array()) == [1.0, 2.0]
        assert list(others.get_array()) == [3.0]
        assert tree.get_zorder() > others.get_zorder()
        assert tree.get_linewidth()[0] > others.get_linewidth()[0]
        assert tree.norm.vmax == 3.0
        np.testing.assert_array_equal(points(ax)["sgd/train"], [[0, 0], [0, 1]])

    def test_route_and_highlights(self):
        ax = plot_network(network(), PLACES, route=[0, 1], highlight=[2], axis_labels=("u", "v"))
        (line,) = [line for line in ax.lines if line.get_label() == "_route"]
        np.testing.assert_array_equal(line.get_xydata(), [[0, 0], [1, 0]])
        assert {text.get_text() for text in ax.texts} == {"0", "1", "2"}
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("u", "v")

    def test_what_is_hidden_is_said(self, monkeypatch):
        monkeypatch.setattr("elsuite.plotting.network.MOST_EDGES", 2)
        ax = plot_network(network(), PLACES)
        assert "1 higher paths not drawn" in [text.get_text() for text in ax.texts]

    def test_no_edges(self):
        graph = nx.Graph()
        graph.add_node(0)
        ax = plot_network(graph, {0: (0.0, 0.0)})
        assert "no path" in ax.texts[0].get_text()

    def test_a_node_without_a_place_is_refused(self):
        with pytest.raises(ValueError, match="no position given for 2 nodes, the first is 1"):
            plot_network(network(), {0: (0, 0)})


class TestClustering:
    def test_names_go_by_size(self):
        assert cluster_names([0, 5, 5, -1, 5, 0, 3]) == [
            "cluster 2", "cluster 1", "cluster 1", "none", "cluster 1", "cluster 2", "cluster 3",
        ]  # fmt: skip

    def test_bars_hold_all_minima(self):
        clusters = ["cluster 1"] * 3 + ["cluster 2"] * 2 + ["none"]
        sets = ["sgd/train", "sgd/test", "sgd/train", "sgd/test", "sgd/test", "sgd/train"]
        ax = plot_clustering(clusters, sets, styles=STYLES)
        assert [text.get_text() for text in ax.get_yticklabels()] == ["cluster 1", "cluster 2", "none"]
        assert sum(bar.get_width() for bar in ax.patches) == 6
        assert [text.get_text() for text in ax.texts] == ["3", "2", "1"]
        assert legend_texts(ax) == ["sgd/train", "sgd/test"]

    def test_many_clusters_are_summed(self):
        names = [f"cluster {number}" for number in range(1, 21)]
        ax = plot_clustering(names, ["sgd/train"] * 20, most=5)
        assert ax.get_yticklabels()[-1].get_text() == "others (15)"
        assert sum(bar.get_width() for bar in ax.patches) == 20

    def test_lengths_must_agree(self):
        with pytest.raises(ValueError, match="1 clusters given for 2 sets"):
            plot_clustering(["a"], ["b", "c"])


def test_heights_on_a_logarithmic_scale_that_does_not_fit_are_one_error_and_no_warning():
    with pytest.raises(ValueError, match="needs energies of 0 or more, the lowest is -1: give a floor"):
        plot_heights({"sgd/train": [-1.0, 2.0]}, scale="log")


def test_a_stored_height_under_its_own_profile_is_lifted_and_that_is_said():
    database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])
    database.add(
        minima={"coordinates": [[0.0], [1.0]], "energy": [[0.0], [0.0]]},
        paths={"source": [0], "target": [1], "height": [0.5], "profile": [[0.0, 0.7, 0.0]], "length": [1.0]},
    )
    profile = route_profile(database, transition_network(database), [0, 1])
    assert profile.heights == (0.7,)
    assert profile.note == "path 0 rises to 0.7, over its stored height 0.5"
    assert profile.note in plot_profile(profile).get_xlabel()
