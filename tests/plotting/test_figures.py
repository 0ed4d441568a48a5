"""Finished figures of databases: every kind and option, cases with little in them, files."""

import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from example_databases import SETS, add_computed_values, example_database
from matplotlib.figure import Figure
from matplotlib.text import Text

from elsuite.analysis.names import energy_name
from elsuite.analysis.profile import route_profile
from elsuite.analysis.view import split_energy
from elsuite.database import LandscapeDatabase
from elsuite.database.computed import latest_computed
from elsuite.network import transition_network
from elsuite.plotting import FIGURES, FigureOptions, View, check_format, save_figure
from elsuite.plotting.coloring import clusters_of, coloring
from elsuite.plotting.picture import Picture, styles_of
from elsuite.schema import NotFoundError

KINDS = list(FIGURES)


@pytest.fixture(scope="module")
def database():
    return add_computed_values(example_database(8))


def bare(n_minima, **columns):
    database = LandscapeDatabase.create(None, n_parameters=3, surfaces=["energy"], dtype="float64")
    rng = np.random.default_rng(0)
    if n_minima:
        energies = np.linspace(-1, 0, n_minima)[:, None]
        database.add(minima={"coordinates": rng.normal(size=(n_minima, 3)), "energy": energies, **columns})
    return database


def texts(figure):
    found = figure.findobj(Text)
    return " ".join(text.get_text().replace("\n", " ") for text in found)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_with_defaults(database, kind, tmp_path):
    figure = FIGURES[kind](database, FigureOptions())
    assert isinstance(figure, Figure)
    assert figure.get_figwidth() <= 7.0
    save_figure(figure, tmp_path / "figure.png")
    pixels = matplotlib.image.imread(tmp_path / "figure.png")
    assert pixels.shape[1] == pytest.approx(300 * figure.get_figwidth(), abs=1)
    assert pixels[..., :3].std() > 0.01


OPTIONS = [
    ("disconnectivity", {"color_by": "superbasin"}, "superbasin 1"),
    ("disconnectivity", {"color_by": "superbasin", "energy": 0.5}, "superbasin 1"),
    ("disconnectivity", {"color_by": "cluster"}, "cluster 1"),
    ("disconnectivity", {"color_by": "gradient_norm"}, "gradient norm"),
    ("disconnectivity", {"color_by": "energy", "surface": "test"}, "test loss (cross-entropy)"),
    ("disconnectivity", {"color_by": "outcome"}, "budget spent"),
    ("disconnectivity", {"color_by": "none", "order": "energy", "shape": "sloped"}, "32 minima"),
    ("disconnectivity", {"order": "gradient_norm", "levels": 12, "scale": "linear"}, "32 minima"),
    ("disconnectivity", {"lowest": 5, "labels": True, "scale": "compressed"}, "27 of 32 minima hidden"),
    ("disconnectivity", {"below": 0.3}, "below 0.3"),
    ("disconnectivity", {"component": 3}, "32 minima"),
    ("disconnectivity", {"order": "gradient_norm", "axis": "value"}, "gradient norm"),
    ("disconnectivity", {"smallest": 3}, "fewer than 3 minima"),
    ("disconnectivity", {"persistence": 0.2}, "persistence of at least 0.2"),
    ("disconnectivity", {"highlight": (3,), "route": (0, 20)}, "20"),
    ("disconnectivity", {"sets": SETS[:1]}, "8 minima"),
    ("heights", {"surface": "test"}, "path height, test loss (cross-entropy)"),
    ("heights", {"form": "histogram"}, "number of paths"),
    ("heights", {"sets": SETS[:2], "scale": "log"}, "sgd/train ~ sgd/test"),
    ("kpca", {"sets": (SETS[1], SETS[2])}, "% of variance"),
    ("kpca", {"color_by": "superbasin", "kernel": "linear"}, "superbasin 1"),
    ("kpca", {"color_by": "energy", "highlight": (2,)}, "training loss"),
    ("pca", {"color_by": "cluster"}, "principal component 2"),
    ("mds", {"highlight": (2,)}, "in decades; stress"),
    ("mds", {"scale": "linear", "color_by": "energy"}, "along the tree; stress"),
    ("superbasins", {"energy": 0.5}, "minima in the largest"),
    ("superbasins", {"surface": "test", "scale": "compressed"}, "test loss"),
    ("disconnectivity", {"order": "kernel2", "axis": "value"}, "kernel component 2"),
    ("disconnectivity", {"levels": (0.5, 1.0, 1.5)}, "32 minima"),
    ("distances", {"sets": (SETS[0], SETS[3])}, "sgd/train (n = 8)"),
    ("profile", {"route": (0, 20)}, "distance walked"),
    ("network", {"route": (0, 20), "surface": "test"}, "test loss"),
    ("clustering", {"method": "superbasin"}, "superbasins at"),
    ("clustering", {"method": "agglomerative", "distance": "barriers"}, "agglomerative"),
    ("clustering", {"method": "persistence"}, "persistent"),
    ("plane", {}, "fourier: 88 % outside"),
    ("plane", {"minima": (2, 0, 1), "scale": "log"}, "distance from minimum 0 to 1"),
    ("plane", {"metric": "accuracy"}, "accuracy"),
    ("around", {}, "step along a random direction, in length scales"),
    ("around", {"minimum": 2, "dims": 2}, "step along direction 1, filter-normalized"),
    ("interpolation", {}, "aligned: mean barrier 0.3"),
    ("spectrum", {"minimum": 2}, "trace 10 \N{PLUS-MINUS SIGN} 0.5"),
]


@pytest.mark.parametrize(("kind", "options", "words"), OPTIONS)
def test_options(database, kind, options, words):
    figure = FIGURES[kind](database, FigureOptions(**options))
    figure.canvas.draw()
    assert words in texts(figure)


def test_the_linear_kernel_is_ordinary_principal_component_analysis(database):
    points = np.concatenate([c.get_offsets() for c in FIGURES["pca"](database, FigureOptions()).axes[0].collections])
    coordinates = database.coordinates(range(32)).astype(float)
    centered = coordinates - coordinates.mean(axis=0)
    expected = centered @ np.linalg.svd(centered, full_matrices=False)[2][:2].T
    np.testing.assert_allclose(np.sort(np.abs(points), axis=0), np.sort(np.abs(expected), axis=0), atol=1e-5)


def test_the_map_of_barriers_keeps_distances_along_the_tree():
    # Two pairs: 0 and 1 join at 1, 2 and 3 at 2, all at 10, each minimum at 0.
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"])
    ends = {"source": [0, 2, 1], "target": [1, 3, 2], "surface": ["energy"] * 3}
    database.add(
        minima={"coordinates": np.zeros((4, 2)), "energy": np.zeros((4, 1))}, paths={**ends, "height": [1.0, 2.0, 10.0]}
    )
    (ax,) = FIGURES["mds"](database, FigureOptions()).axes
    points = np.concatenate([c.get_offsets() for c in ax.collections])
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(2, rel=0.2)
    assert np.linalg.norm(points[0] - points[2]) == pytest.approx(20, rel=0.1)


def test_size_can_be_chosen(database):
    figure = FIGURES["heights"](database, FigureOptions(width=5.0, height=2.0))
    assert tuple(figure.get_size_inches()) == (5.0, 2.0)


WRONG = [
    (
        "plane",
        {"minima": (0, 1, 3)},
        "no plane through minima 0, 1, 3 on 'train' is stored: `elsuite compute plane STORE",
    ),
    ("plane", {"sets": (SETS[1],)}, "no plane on 'train' is stored"),
    ("plane", {"metric": "recall"}, "no metric 'recall' was computed; there are: accuracy"),
    (
        "around",
        {"minimum": 7},
        "no surface around minimum 7 on 'train' is stored: `elsuite compute around STORE --minimum 7",
    ),
    ("around", {"dims": 3}, "dims: given 3, allowed: 1 to 2"),
    (
        "interpolation",
        {"surface": "test"},
        "no interpolation on 'test' is stored: `elsuite compute interpolation STORE --pairs",
    ),
    ("spectrum", {"minimum": 0}, "no spectrum at minimum 0 on 'train'"),
    ("spectrum", {"metric": "accuracy"}, "options: given metric, allowed for this picture: height, minimum"),
    ("profile", {"metric": "accuracy"}, "no metric 'accuracy' along these paths; there are: none"),
    ("profile", {"by_finder": True, "route": (0, 1)}, "no stored path leads from minimum 0 to 1"),
    ("disconnectivity", {"surface": "no"}, "no surface 'no'; there are: train, test"),
    ("heights", {"sets": ("nobody",)}, "no set 'nobody'; this database has sgd/train, "),
    ("disconnectivity", {"color_by": "nothing"}, "no column 'nothing'; there are energy, gradient_norm"),
    ("disconnectivity", {"order": "set"}, "'set' holds words"),
    ("disconnectivity", {"order": "weight"}, "no order 'weight'; there are centered, energy, size, and the"),
    ("disconnectivity", {"axis": "value"}, "axis 'value' needs an order by a column"),
    ("disconnectivity", {"highlight": (0,), "lowest": 1}, "minimum 0 cannot be highlighted: the trims hide it"),
    ("heights", {"form": "pie"}, "form: given 'pie', allowed: points, histogram"),
    ("disconnectivity", {"scale": "cubic"}, "scale: given 'cubic', allowed: auto, linear, log, compressed"),
    ("disconnectivity", {"shape": "round"}, "round"),
    ("disconnectivity", {"lowest": 0}, "lowest: given 0, allowed: at least 1"),
    ("disconnectivity", {"below": -1.0}, "nothing is left to draw"),
    ("disconnectivity", {"highlight": (99,)}, "no minimum 99 to draw: ids go from 0 to 31"),
    ("disconnectivity", {"sets": (SETS[0],), "route": (0, 20)}, "no minimum 20 to draw: it is in none of the sets"),
    ("distances", {"sets": (SETS[0],)}, "two sets; there is only sgd/train"),
    ("kpca", {"kernel": "magic"}, "kernel: given 'magic', allowed: rbf"),
    ("clustering", {"method": "magic"}, "method: given 'magic', allowed: auto"),
    (
        "clustering",
        {"method": "hdbscan", "distance": "magic"},
        "distance: given 'magic', allowed: map, distances, barriers",
    ),
    ("profile", {"route": (0, 99)}, "no minimum 99"),
]


@pytest.mark.parametrize(("kind", "options", "words"), WRONG)
def test_wrong_options_are_one_clear_line(database, kind, options, words):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        FIGURES[kind](database, FigureOptions(**options))
    assert "\n" not in str(caught.value)


def drawn_or_refused(kind, database):
    """Return what refused the figure, a clear line, or None where it was drawn."""
    try:
        FIGURES[kind](database, FigureOptions()).canvas.draw()
    except ValueError as error:
        return error
    return None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_minima", [0, 1, 2, 3])
def test_little_makes_a_picture_or_a_clear_line(kind, n_minima):
    refusal = drawn_or_refused(kind, bare(n_minima))
    assert refusal is None or type(refusal) in {ValueError, NotFoundError}
    assert "\n" not in str(refusal)
    assert refusal is None or kind != "disconnectivity" or n_minima == 0


@pytest.mark.parametrize("kind", KINDS)
def test_one_set_without_paths(kind):
    refusal = drawn_or_refused(kind, add_computed_values(example_database(5, sets=SETS[:1], paths_each=0)))
    assert (refusal is not None) == (kind in {"heights", "distances", "profile"})


@pytest.mark.parametrize("kind", KINDS)
def test_any_name_of_a_set_draws(kind):
    names = ["$\\nothing{$<b>/train", "_hidden/test", f"{'long' * 40}/train", "\n/test"]
    database = example_database(4, sets=names, attributes={"landscape": {"loss": "$x^{ & <i>" * 20}})
    assert drawn_or_refused(kind, add_computed_values(database)) is None


def test_the_paths_of_several_finders_are_in_one_picture():
    database = example_database(4)
    row = 0
    ends = [int(database.paths[name].values[row]) for name in ("source", "target")]
    t = np.linspace(0, 1, 5)
    first, last = (float(database.minima["energy"].values[i, 0]) for i in ends)
    higher = 99 * np.sin(np.pi * t) + (1 - t) * last + t * first
    other = {
        "source": [ends[1]],
        "target": [ends[0]],
        "surface": ["train"],
        "finder": ["neb"],
        "outcome": ["converged"],
    }
    database.add(
        paths={
            **other,
            "height": [higher.max()],
            "refined_height": [higher.max()],
            "profile": higher[None],
            "profile_accuracy": t[None],
        }
    )
    figure = FIGURES["profile"](database, FigureOptions(route=tuple(ends), by_finder=True))
    words = texts(figure)
    assert "finder: height" in words
    assert "neb: " in words
    lines = {line.get_label().partition(":")[0]: line for line in figure.axes[0].lines}
    x, y = lines["neb"].get_data()
    # Of the path from the second to the first minimum, the other way round.
    np.testing.assert_allclose(x, t, atol=1e-12)
    np.testing.assert_allclose(y[2], higher[2])
    assert (y[0], y[-1]) == pytest.approx((first, last))
    assert lines["fourier"].get_xdata()[[0, -1]].tolist() == [0, 1]
    assert [ax.get_ylabel() for ax in figure.axes][1:] == ["accuracy"]
    (metric,) = figure.axes[1].lines  # known of one path, and that leads the other way
    np.testing.assert_allclose(metric.get_ydata(), t[::-1])
    assert (metric.get_color(), metric.get_linestyle()) == (lines["neb"].get_color(), lines["neb"].get_linestyle())
    with pytest.raises(ValueError, match="no metric 'recall' along these paths; there are: accuracy"):
        FIGURES["profile"](database, FigureOptions(route=tuple(ends), metric="recall"))
    only = FIGURES["profile"](database, FigureOptions(route=tuple(ends), by_finder=True, finder="neb"))
    assert "fourier" not in texts(only)


@pytest.mark.parametrize("wild", [np.nan, -np.inf, 1e306, 1e20])
@pytest.mark.parametrize("kind", ["plane", "around", "interpolation"])
def test_wild_values_of_a_grid_are_drawn(kind, wild):
    database = add_computed_values(example_database(4))
    values = latest_computed(database, kind).copy(deep=True)
    values["energy"][(0,) * values.energy.ndim] = wild
    view = View(database, FigureOptions(), values=values)
    figure = FIGURES[kind].of(view)
    figure.canvas.draw()
    assert np.isfinite([*figure.axes[0].get_xlim(), *figure.axes[0].get_ylim()]).all()
    values["energy"][:] = np.nan
    with pytest.raises(ValueError, match="finite"):
        FIGURES[kind].of(view)


def test_minima_without_an_energy_on_a_surface_are_left_out():
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["train", "test"])
    database.add(minima={"coordinates": np.eye(2), "energy": [[1.0, np.nan], [2.0, 3.0]]})
    assert View(database, FigureOptions(surface="test")).ids.tolist() == [1]


def test_colors_of_sets_stay_when_sets_are_left_out(database):
    everything = View(database, FigureOptions())
    some = View(database, FigureOptions(sets=SETS[2:]))
    assert styles_of(some) == styles_of(everything)
    assert some.set_names == list(SETS[2:])


def test_at_most_seven_groups_are_colored(database):
    colors = coloring(View(database, FigureOptions(color_by="run")))
    assert colors.numbers is not None
    groups = coloring(View(database, FigureOptions(color_by="superbasin", energy=0.3)))
    assert len(groups.styles) <= 7
    assert set(groups.values.values()) - {""} <= set(groups.styles)


def test_the_split_lies_under_the_merge_of_the_largest_second_part():
    import networkx as nx

    from elsuite.analysis import disconnectivity_tree, superbasins

    network = nx.Graph(
        [(0, 1, {"energy": 1.0}), (2, 3, {"energy": 1.5}), (1, 2, {"energy": 3.0}), (3, 4, {"energy": 9.0})]
    )
    nx.set_node_attributes(network, 0.0, "energy")
    tree = disconnectivity_tree(network)
    assert [len(basin) for basin in superbasins(tree, split_energy(tree))] == [2, 2, 1]


def test_a_profile_joins_its_legs_at_the_minima(database):
    view = View(database, FigureOptions())
    a, b = view.default_route
    from elsuite.network import minimax_barrier, minimax_route

    route = minimax_route(view.network, a, b)
    profile = route_profile(database, view.network, route)
    assert profile.minima == tuple(route)
    assert max(profile.heights) == pytest.approx(minimax_barrier(view.network, a, b))
    for number, leg in enumerate(profile.legs):
        np.testing.assert_allclose(leg[[0, -1], 1], profile.energies[number : number + 2])
        np.testing.assert_allclose(leg[[0, -1], 0], profile.positions[number : number + 2])
        assert leg[:, 1].max() == pytest.approx(profile.heights[number], rel=1e-3)
        assert (np.diff(leg[:, 0]) >= 0).all()
    backwards = route_profile(database, view.network, route[::-1])
    np.testing.assert_allclose(backwards.legs[0][:, 1], profile.legs[-1][::-1, 1])


def test_a_profile_rises_to_its_transition_state_without_points_between():
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"])
    database.add(
        minima={"coordinates": np.eye(2), "energy": [[-2.0], [-1.0]]},
        paths={"source": [0], "target": [1], "surface": ["energy"], "height": [3.0]},
    )
    (leg,) = route_profile(database, transition_network(database), [0, 1]).legs
    np.testing.assert_allclose(leg, [[0, -2], [0.5, 3], [1, -1]])


def test_without_lengths_the_direct_path_ends_where_the_route_does():
    database = LandscapeDatabase.create(None, n_parameters=3, surfaces=["energy"])
    ends = {"source": [0, 1, 0], "target": [1, 2, 2], "surface": ["energy"] * 3}
    database.add(
        minima={"coordinates": np.eye(3), "energy": [[-2.0], [-1.0], [-1.5]]}, paths={**ends, "height": [1.0, 1.5, 3.0]}
    )
    (ax,) = FIGURES["profile"](database, FigureOptions(route=(0, 2))).axes
    (direct,) = [line for line in ax.lines if line.get_label() == "direct path"]
    np.testing.assert_allclose(direct.get_xydata(), [[0, -2], [1, 3], [2, -1.5]])


@pytest.mark.parametrize(
    ("surface", "landscape", "name"),
    [
        ("train", {"network": {"architecture": "lenet"}}, "training loss (cross-entropy)"),
        ("test", {"network": {"architecture": "autoencoder"}}, "test loss (mean squared error)"),
        ("train", {"loss": "hinge"}, "training loss (hinge)"),
        ("energy", {"unit": "kcal/mol"}, "energy (kcal/mol)"),
        ("energy", "not a mapping", "energy"),
        ("validation", None, "validation"),
    ],
)
def test_names_of_energies(surface, landscape, name):
    assert energy_name(surface, {"landscape": landscape}) == name


def test_svg_keeps_text_and_gives_the_same_bytes(database, tmp_path):
    files = [save_figure(FIGURES["disconnectivity"](database, FigureOptions()), tmp_path / f"{n}.svg") for n in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()
    text = files[0].read_text()
    assert ">training loss (cross-entropy)</text>" in text
    assert "<dc:date>" not in text


def test_pdf_gives_the_same_bytes_and_embeds_fonts_as_text(database, tmp_path):
    files = [save_figure(FIGURES["heights"](database, FigureOptions()), tmp_path / "new" / f"{n}.pdf") for n in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert b"/Type3" not in files[0].read_bytes()


@pytest.mark.parametrize("name", ["figure.gif", "figure", "figure.svg.gz"])
def test_other_endings_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"must end with \.png, \.svg or \.pdf"):
        check_format(tmp_path / name)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot write"):
        save_figure(Figure(), tmp_path / "file" / "figure.png")


def test_neither_torch_nor_pyplot_is_loaded():
    code = (
        "import sys, elsuite.plotting, elsuite.report\n"
        "assert not {'torch', 'matplotlib.pyplot', 'sklearn'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_wide_gaps_of_a_loss_are_compressed_by_default():
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["train"])
    database.add(
        minima={"coordinates": np.eye(2)[[0, 1, 0, 1]], "energy": [[1e-12], [3e-12], [1e-3], [2e-3]]},
        paths={"source": [0, 1, 2], "target": [1, 2, 3], "surface": ["train"] * 3, "height": [2e-3, 3e-3, 4e-3]},
    )
    for scale, kind in (("auto", "function"), ("log", "log"), ("linear", "linear"), ("compressed", "function")):
        (ax,) = FIGURES["disconnectivity"](database, FigureOptions(scale=scale)).axes
        assert ax.get_yscale() == kind


def test_a_picture_refuses_options_that_it_does_not_use(database):
    with pytest.raises(ValueError, match="given route, allowed for this picture: finder, floor, form, height"):
        FIGURES["heights"](database, FigureOptions(route=(0, 1), scale="log"))


def test_a_picture_is_added_and_drawn_by_name(database, monkeypatch):
    monkeypatch.setattr(FIGURES, "_rows", dict(FIGURES._rows))

    def draw(view):
        figure = Figure()
        figure.add_subplot().set_title(f"{len(view.ids)} minima")
        return figure

    FIGURES.register("own", Picture(draw, caption="mine", uses=frozenset({"scale"}), on_page=True))
    figure = FIGURES["own"](database, FigureOptions(scale="log", sets=SETS[:1]))
    assert figure.axes[0].get_title() == "8 minima"
    from elsuite.report.page import render_report

    assert '<figure id="figure-own">' in render_report(database)


def test_the_documentation_names_every_picture():
    table = (
        (Path(__file__).parents[2] / "docs" / "figures.md").read_text().partition("| kind |")[2].partition("\n\n")[0]
    )
    assert set(re.findall(r"`(\w+)`", table)) == set(KINDS)


def test_names_and_options_of_pictures_are_known_without_matplotlib():
    code = (
        "import sys; from elsuite.plotting import FIGURES, FigureOptions, View; from elsuite.cli.plot import plot\n"
        "assert len(FIGURES) > 9 and 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def both_graphs():
    """Three minima; the paths to copies, of height 1, join all, those between points leave one apart."""
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"])
    rows = [(0, 1, 2.0, "points"), (0, 1, 1.0, "isomers"), (1, 2, 1.0, "isomers")]
    columns = dict(zip(("source", "target", "height", "joins"), zip(*rows, strict=True), strict=True))
    points = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    paths = {**columns, "outcome": ["converged"] * 3}
    database.add(minima={"coordinates": points, "energy": [[0.0], [0.1], [0.2]]}, paths=paths)
    return database


@pytest.mark.parametrize("kind", ["disconnectivity", "heights", "superbasins", "network"])
def test_a_picture_is_of_points_or_of_isomers_and_says_so(kind):
    database, captions = both_graphs(), {}
    for joins in (None, "points", "isomers"):
        options = FigureOptions(joins=joins)
        FIGURES[kind](database, options).canvas.draw()
        captions[joins] = FIGURES[kind].caption_of(View(database, options))
    assert captions[None] == captions["points"]
    assert "Points are joined: 2 of 3 paths lead to copies of minima, left out." in captions["points"]
    assert "Isomers are joined: 2 of 3 paths lead to copies of minima." in captions["isomers"]
    heights = [View(database, FigureOptions(joins=joins)).whole_tree.tree.heights.max() for joins in captions]
    assert heights == [2.0, 2.0, 1.0]


def test_captions_say_what_is_known_of_merges():
    tree = FIGURES["disconnectivity"].caption_of(View(both_graphs(), FigureOptions()))
    assert "The only merge is tested." in tree
    assert "Dashed" not in tree
    words = FIGURES["clustering"].caption_of(View(both_graphs(), FigureOptions(method="superbasin", energy=0.5)))
    assert "The weakest merge between clusters is tested." in words
    profile = FIGURES["profile"].caption_of(View(both_graphs(), FigureOptions(route=(0, 1))))
    assert "The merge at which the two are joined is tested." in profile


def test_what_joins_can_be_is_said():
    with pytest.raises(ValueError, match="joins: given 'copies', allowed: points, isomers"):
        FigureOptions(joins="copies")


@pytest.mark.parametrize(
    ("options", "has_p"),
    [
        ({"method": "superbasin"}, True),
        ({"method": "superbasin", "energy": 0.5}, True),
        ({"method": "persistence"}, False),
        ({"method": "agglomerative", "distance": "barriers"}, False),
        ({"method": "agglomerative", "distance": "distances"}, True),
    ],
)
def test_clusters_of_barriers_have_no_p_value_of_shuffled_sets(database, options, has_p):
    view = View(database, FigureOptions(**options))
    title = clusters_of(view)[1]
    assert "adjusted Rand index with the sets" in title
    assert ("(p " in title) == has_p
    if options["method"] == "superbasin":
        found = view.superbasin_agreement
        p = "p < 0.001" if found.p_value < 1e-3 else f"p = {found.p_value:.2g}"
        assert f"sets {found.adjusted_rand:.2f} ({p})" in title
