"""One look for each set: fixed, different, and told apart without color vision or without color."""

import re
import warnings
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from elsuite.database import LandscapeDatabase
from elsuite.plotting import FIGURES, FigureOptions
from elsuite.plotting.markers import CATEGORY_COLORS, category_styles, set_styles
from elsuite.plotting.saving import figure_bytes
from elsuite.plotting.style import (
    figure_of,
    legend_columns,
    legend_handles,
    letters_without_glyphs,
    new_axes,
    new_figure,
    paper_style,
)

ARTICLE = ["sgd/train", "sgd/test", "lbfgs-gss/train", "lbfgs-gss/test"]
# Linear RGB as seen without one kind of cone (Machado, Oliveira and Fernandes 2009, severity 1).
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritanopia": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


def lab(color, vision):
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(VISIONS[vision] @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("colors", [[style.color for style in set_styles(ARTICLE).values()], CATEGORY_COLORS[:6]])
def test_colors_differ_with_any_color_vision(colors, vision):
    for a, b in combinations(colors, 2):
        assert np.linalg.norm(lab(a, vision) - lab(b, vision)) > 12, (a, b)


def test_hue_and_shape_follow_the_minimizer_and_filling_the_stopping():
    styles = set_styles(ARTICLE)
    assert list(styles) == ARTICLE
    assert styles["sgd/train"].marker == styles["sgd/test"].marker != styles["lbfgs-gss/test"].marker
    assert [styles[name].filled for name in ARTICLE] == [True, False, True, False]
    assert styles["sgd/test"].face == "white"
    assert len({style.color for style in styles.values()}) == 4


def test_the_order_within_a_minimizer_changes_no_style():
    assert set_styles(["sgd/test", "sgd/train"])["sgd/train"] == set_styles(["sgd/train", "sgd/test"])["sgd/train"]


def test_many_sets_fall_back_to_categories():
    names = [f"adam/{number}" for number in range(5)]
    assert set_styles(names) == category_styles(names)


def test_categories_differ_in_color_or_marker():
    looks = category_styles(str(number) for number in range(60))
    assert len({(look.color, look.marker) for look in looks.values()}) == 60


def test_legend_entries_say_how_many():
    handles = legend_handles(set_styles(["a/train", "b/train"]), {"a/train": 3})
    assert [handle.get_label() for handle in handles] == ["a/train (3)", "b/train (0)"]


def test_the_style_leaves_nothing_behind():
    before = dict(matplotlib.rcParams)
    with paper_style():
        assert matplotlib.rcParams["svg.fonttype"] == "none"
        assert 7 <= matplotlib.rcParams["font.size"] <= 9
    assert dict(matplotlib.rcParams) == before


def test_figures_belong_to_no_pyplot_state():
    figure = new_figure(3.4, 2.0)
    assert tuple(figure.get_size_inches()) == (3.4, 2.0)
    assert figure.canvas.manager is None
    ax = figure.subfigures(1, 2)[0].add_subplot()
    assert figure_of(ax) is figure
    assert new_axes(ax) is ax


def test_axes_without_a_figure_are_refused():
    ax = new_axes(None)
    ax.remove()
    with pytest.raises(ValueError, match="no figure"):
        figure_of(ax)


@pytest.mark.parametrize(
    ("labels", "width", "columns"),
    [
        ([], 3.4, 1),
        (["sgd"], 7.0, 1),
        (ARTICLE, 1.5, 1),
        (ARTICLE, 3.4, 2),  # three would fit, and leave one to the second row
        (ARTICLE, 7.0, 4),
        (["x" * 80, "y"], 3.4, 1),
        (ARTICLE * 3, 7.0, 6),
    ],
)
def test_columns_of_a_legend_fit_and_are_filled(labels, width, columns):
    assert legend_columns(labels, width) == columns


@pytest.mark.parametrize("n", [8, 20, 40, 120])
def test_no_two_of_many_sets_have_one_color(n):
    looks = category_styles(f"opt{k}/train" for k in range(n))
    assert len({style.color for style in looks.values()}) == n
    assert all(re.fullmatch("#[0-9A-F]{6}", style.color) for style in looks.values())


@pytest.mark.parametrize("kind", ["kpca", "pca", "mds", "disconnectivity", "network"])
@pytest.mark.parametrize("options", [{}, {"width": 2.7, "height": 3.6}])
def test_names_of_axes_are_whole_with_twenty_sets(kind, options):
    database = twenty_sets()
    if kind == "disconnectivity":
        options = options | {"connected": 2, "lowest": 12}
    figure = FIGURES[kind](database, FigureOptions(**options))
    figure.canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    for ax in figure.axes:
        for name in (ax.xaxis.label, ax.yaxis.label):
            if name.get_text():
                box = name.get_window_extent()
                assert -1 <= box.x0 <= box.x1 <= width + 1, name.get_text()
                assert -1 <= box.y0 <= box.y1 <= height + 1, name.get_text()


def twenty_sets():
    random = np.random.default_rng(0)
    energies = 10 ** random.uniform(-6, -1, 40)
    database = LandscapeDatabase.create(None, n_parameters=3, surfaces=["train"])
    ends = random.integers(0, np.arange(1, 30))
    heights = 3 * np.maximum(energies[1:30], energies[ends])
    database.add(
        minima={
            "coordinates": random.normal(size=(40, 3)),
            "energy": energies[:, None],
            "set": [f"opt{k % 20}/train" for k in range(40)],
        },
        paths={"source": ends, "target": np.arange(1, 30), "height": heights},
    )
    return database


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_letters_without_a_font_are_one_line(ending):
    database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["train"])
    sets = ["\u512a\u5316\u5668/train", "\u6700\u9069/test"] * 2
    database.add(minima={"energy": [[0.1], [0.2], [0.3], [0.5]], "set": sets})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure_bytes(FIGURES["disconnectivity"](database, FigureOptions()), ending)
    said = [str(warning.message) for warning in caught]
    if ending == "svg":
        assert said == []  # text stays text
        return
    assert len(said) == 1
    assert re.fullmatch("no font of matplotlib has the letters .+: boxes stand for them", said[0])
    assert "\u512a" in said[0]


def test_other_warnings_pass_where_letters_are_collected():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with letters_without_glyphs() as missing:
            warnings.warn("of another kind", stacklevel=1)
            warnings.warn("Glyph 20778 (x) missing from font(s) DejaVu Sans.", stacklevel=1)
    assert missing == {"\u512a"}
    assert [str(warning.message) for warning in caught] == ["of another kind"]
