"""The command plot: every kind, every option does what it says, and every wrong value is one clear line."""

import dataclasses
import sys
from typing import get_args

import click
import numpy as np
import pytest
from example_databases import SETS, example_database
from matplotlib.collections import LineCollection

from elsuite.analysis.clustering import Method
from elsuite.analysis.embedding import Kernel
from elsuite.analysis.tree_layout import Style
from elsuite.cli import main
from elsuite.cli.plot import plot
from elsuite.database import LandscapeDatabase
from elsuite.plotting import FIGURES, FigureOptions
from elsuite.plotting.picture import COMMON


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of 24 minima in four sets: 0 to 5 are those of sgd/train, and so on."""
    place = tmp_path_factory.mktemp("drawing") / "made.elsuite"
    example_database(6, store=place).close()
    return place


@pytest.fixture
def drawn(monkeypatch, capsys, store):
    """Run `elsuite plot` up to the file; return the exit code, the figure and stderr."""

    def run(kind, *options):
        figures = [None]
        monkeypatch.setattr("elsuite.plotting.saving.save_figure", lambda figure, out: figures.append(figure))
        monkeypatch.setattr(sys, "argv", ["elsuite", "plot", kind, str(store), "--out", "f.svg", *options])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, figures[-1], capsys.readouterr().err

    return run


def texts(figure):
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return " ".join(text.get_text().replace("\n", " ") for text in found)


def geometry(figure):
    """Where every line of the picture goes, and on what axes."""
    ax = figure.axes[0]
    lines = [
        line.round(12).tolist() for c in ax.collections if isinstance(c, LineCollection) for line in c.get_segments()
    ]
    return str((lines, ax.get_yscale(), ax.get_ylim(), figure.get_size_inches().tolist()))


def allowed(name):
    (field,) = (field for field in dataclasses.fields(FigureOptions) if field.name == name)
    return set(field.metadata["allowed"])


def test_the_choices_are_those_of_the_library():
    assert allowed("kernel") == set(get_args(Kernel))
    assert allowed("shape") == set(get_args(Style))
    assert allowed("method") == {*get_args(Method), "auto", "superbasin", "persistence"}


@pytest.mark.parametrize("kind", FIGURES)
def test_an_option_that_changes_nothing_is_refused(drawn, kind):
    values = {
        "route": ("0", "1"),
        "minima": ("0", "1", "2"),
        "dims": ("1",),
        "levels": ("3",),
        "highlight": ("0",),
        "order": ("size",),
        "color_by": ("none",),
    }
    for field in dataclasses.fields(FigureOptions):
        if field.name in FIGURES[kind].uses | COMMON:
            continue
        flag = f"--{field.name.replace('_', '-')}"
        other = sorted(allowed(field.name) - {field.default})
        value = () if field.type in (bool, "bool") else values.get(field.name, (other or ["2"])[:1])
        code, figure, err = drawn(kind, flag, *value)
        assert (code, figure) == (2, None), flag
        users = [other for other in FIGURES if field.name in FIGURES[other].uses]
        assert err == f"elsuite: {flag}: given with {kind}, allowed with {', '.join(users)}\n"


def test_every_option_of_the_figures_is_on_the_command_line():
    offered = {option.name for option in plot.params if isinstance(option, click.Option)}
    assert offered - {"out"} == {field.name for field in dataclasses.fields(FigureOptions)}
    assert all(option.help for option in plot.params if isinstance(option, click.Option))


def test_a_picture_becomes_a_file(monkeypatch, store, tmp_path):
    out = tmp_path / "new" / "figure.svg"
    monkeypatch.setattr(sys, "argv", ["elsuite", "plot", "superbasins", str(store), "--out", str(out)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert ">number of superbasins</text>" in out.read_text()


SHOWN = [
    ("disconnectivity", ("--lowest", "5"), "19 of 24 minima hidden (the 5 lowest are shown)"),
    ("disconnectivity", ("--below", "0.3"), "below 0.3"),
    ("disconnectivity", ("--connected", "24"), "24 minima"),
    ("disconnectivity", ("--smallest", "3"), "fewer than 3 minima"),
    ("disconnectivity", ("--persistence", "0.2"), "persistence of at least 0.2"),
    ("disconnectivity", ("--component", "3", "--lowest", "9"), "the 9 lowest"),
    ("disconnectivity", ("--set", SETS[0], "--set", SETS[1]), "12 minima"),
    ("disconnectivity", ("--order", "kernel1", "--axis", "value"), "kernel component 1"),
    ("disconnectivity", ("--order", "distance", "--axis", "value"), "distance to the lowest minimum"),
    ("disconnectivity", ("--color-by", "distance"), "distance to the lowest minimum"),
    ("disconnectivity", ("--color-by", "superbasin", "--energy", "0.5"), "superbasin 1"),
    ("disconnectivity", ("--highlight", "7", "--highlight", "11"), "11"),
    ("disconnectivity", ("--route", "0", "20"), "20"),
    ("disconnectivity", ("--labels", "--width", "7"), "23"),
    ("disconnectivity", ("--surface", "test"), "test loss"),
    ("superbasins", ("--scale", "linear"), "minima in the largest"),
    ("kpca", ("--kernel", "polynomial"), "kernel component 1"),
    ("pca", (), "principal component 1"),
    ("mds", (), "in decades; stress"),
    ("mds", ("--scale", "linear"), "along the tree; stress"),
    ("clustering", ("--method", "agglomerative", "--distance", "barriers"), "average linkage, on barriers"),
    ("heights", ("--form", "histogram"), "number of paths"),
    ("profile", ("--route", "0", "20"), "distance walked"),
]


@pytest.mark.parametrize(("kind", "options", "words"), SHOWN)
def test_options_show(drawn, kind, options, words):
    code, figure, err = drawn(kind, *options)
    assert (code, err) == (0, "")
    assert words in texts(figure)


CHANGES = [
    ("--shape", "sloped"),
    ("--levels", "6"),
    ("--levels", "1.5:0.25:6"),
    ("--order", "size"),
    ("--order", "energy"),
    ("--scale", "log"),
    ("--scale", "compressed"),
    ("--height", "5"),
]


@pytest.mark.parametrize("options", CHANGES, ids=" ".join)
def test_options_change_the_drawing(drawn, options):
    usual = drawn("disconnectivity", "--scale", "linear", "--height", "2.9")[1]
    changed = drawn("disconnectivity", *([] if "--scale" in options else ["--scale", "linear"]), *options)[1]
    assert geometry(changed) != geometry(usual)


@pytest.mark.parametrize("kind", ["disconnectivity", "heights", "profile", "superbasins", "mds"])
def test_a_floor_makes_energies_of_any_sign_a_logarithmic_picture(tmp_path, kind):
    energies = np.array([-0.5, 0.0, 1e-9, 1e-5, 0.3])
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["train"])
    database.add(
        minima={"coordinates": np.random.default_rng(0).normal(size=(5, 2)), "energy": energies[:, None]},
        paths={"source": [0, 1, 2, 3], "target": [1, 2, 3, 4], "height": [0.01, 0.2, 0.3, 0.9]},
    )
    options = {} if kind != "profile" else {"route": (0, 4)}
    if kind != "heights":  # they are all above 0
        with pytest.raises(ValueError, match=r"^a logarithmic scale needs [^\n]+ the lowest is -0.5: give a floor$"):
            FIGURES[kind](database, FigureOptions(scale="log", **options))
    figure = FIGURES[kind](database, FigureOptions(floor=1e-7, **options))
    figure.canvas.draw()
    if kind != "mds":
        axis = figure.axes[0].yaxis if kind in {"disconnectivity", "profile"} else figure.axes[0].xaxis
        labels = [label.get_text() for label in axis.get_majorticklabels()]
        assert axis.get_scale() != "linear"
        assert (labels[0] == "\u2264 $10^{-7}$") is (kind != "heights")


def test_tables_have_the_digits_that_tell_energies_apart(tmp_path, monkeypatch, capsys):
    store = tmp_path / "common.elsuite"
    with LandscapeDatabase.create(store, n_parameters=0, surfaces=["energy"]) as database:
        paths = {"source": [0, 1], "target": [1, 2], "height": [-12345.05, -12345.07]}
        database.add(minima={"energy": [[-12345.60], [-12345.55], [-12345.47]]}, paths=paths)
    for command, texts in [("tree", ["-12345.05", "-12345.07"]), ("minima", ["-12345.6", "-12345.55", "-12345.47"])]:
        monkeypatch.setattr(sys, "argv", ["elsuite", command, str(store)])
        with pytest.raises(SystemExit):
            main()
        words = capsys.readouterr().out.split()
        assert set(texts) <= set(words)


@pytest.mark.parametrize("kind", ["disconnectivity", "heights", "profile", "superbasins", "mds"])
def test_one_energy_of_zero_leaves_the_axis_logarithmic(kind):
    energies = np.array([0.0, 1e-12, 1e-9, 1e-5, 0.3])
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["train"])
    database.add(
        minima={"coordinates": np.random.default_rng(0).normal(size=(5, 2)), "energy": energies[:, None]},
        paths={"source": [0, 1, 2, 3], "target": [1, 2, 3, 4], "height": [1e-10, 0.2, 0.3, 0.9]},
    )
    figure = FIGURES[kind](database, FigureOptions(**({} if kind != "profile" else {"route": (0, 4)})))
    figure.canvas.draw()
    ax = figure.axes[0]
    if kind == "mds":
        assert "in decades" in ax.get_xlabel()
        return
    axis = ax.yaxis if kind in {"disconnectivity", "profile"} else ax.xaxis
    assert axis.get_scale() in {"log", "function"}
    if kind != "heights":  # no height is 0
        assert [label.get_text() for label in axis.get_majorticklabels()].count("0") == 1
        low, high = sorted(axis.get_view_interval())
        drawn = [line.get_ydata() if axis.axis_name == "y" else line.get_xdata() for line in ax.lines]
        for values in drawn:
            inside = np.asarray(values, dtype=float)
            assert (inside[np.isfinite(inside)] > 0).all()
        assert 0 < low < 1e-12 < high


def test_levels_by_first_and_delta_are_those_of_a_dinfo_file(drawn, monkeypatch):
    given = []
    real = FIGURES["disconnectivity"]
    noted = dataclasses.replace(real, draw=lambda view: given.append(view.options.levels) or real.draw(view))
    monkeypatch.setitem(FIGURES._rows, "disconnectivity", noted)
    assert drawn("disconnectivity", "--levels", "2.0:0.5:3")[0] == 0
    assert drawn("disconnectivity", "--levels", "12")[0] == 0
    assert given == [(1.0, 1.5, 2.0), 12]


WRONG = [
    ("kpca", ("--finder", "none"), ["no paths of a finder 'none'", "fourier"]),
    ("disconnectivity", ("--finder", "none"), ["no paths of a finder 'none'", "fourier"]),
    ("disconnectivity", ("--levels", "0"), ["'0'", "1 to 10,000"]),
    ("disconnectivity", ("--levels", "many"), ["many", "FIRST:DELTA:N"]),
    ("disconnectivity", ("--levels", "1:0:3"), ["1:0:3", "DELTA above 0"]),
    ("disconnectivity", ("--levels", "1:2:3:4"), ["1:2:3:4", "FIRST:DELTA:N"]),
    ("disconnectivity", ("--levels", "nan:1:3"), ["nan", "finite"]),
    ("disconnectivity", ("--shape", "round"), ["round", "rectangular", "sloped"]),
    ("disconnectivity", ("--scale", "cubic"), ["cubic", "auto", "compressed"]),
    ("disconnectivity", ("--order", "weight"), ["no order 'weight'", "centered, energy, size", "kernel1"]),
    ("disconnectivity", ("--order", "set"), ["'set' holds words"]),
    ("disconnectivity", ("--axis", "value"), ["axis 'value' needs an order by a column", "'centered'"]),
    ("disconnectivity", ("--component", "99"), ["no minimum 99", "0 to 23"]),
    ("disconnectivity", ("--component", "-1"), ["-1"]),
    ("disconnectivity", ("--highlight", "99"), ["no minimum 99", "0 to 23"]),
    ("disconnectivity", ("--highlight", "0", "--lowest", "1"), ["minimum 0", "hide"]),
    ("disconnectivity", ("--below", "nan"), ["nan", "finite"]),
    ("disconnectivity", ("--below", "-5"), ["nothing is left to draw"]),
    ("disconnectivity", ("--smallest", "0"), ["0"]),
    ("disconnectivity", ("--connected", "25"), ["nothing is left to draw"]),
    ("disconnectivity", ("--persistence", "long"), ["long"]),
    ("disconnectivity", ("--color-by", "weight"), ["no column 'weight'", "energy", "kernel1"]),
    ("disconnectivity", ("--route", "0", "99"), ["no minimum 99"]),
    ("disconnectivity", ("--width", "0"), ["0", "100"]),
    ("disconnectivity", ("--floor", "0"), ["floor", "above 0"]),
    ("disconnectivity", ("--floor", "inf"), ["inf", "finite"]),
    ("heights", ("--floor", "1e-3", "--scale", "linear"), ["floor", "'linear'", "'auto'"]),
    ("kpca", ("--floor", "1e-3"), ["--floor", "disconnectivity", "profile"]),
    ("kpca", ("--kernel", "magic"), ["magic", "rbf"]),
    ("clustering", ("--method", "magic"), ["magic", "hdbscan"]),
    ("clustering", ("--distance", "magic"), ["magic", "barriers"]),
    ("heights", ("--form", "pie"), ["pie", "histogram"]),
    ("mds", ("--set", "nobody"), ["nobody", SETS[0]]),
]


@pytest.mark.parametrize(("kind", "options", "words"), WRONG)
def test_a_wrong_value_is_one_clear_line(drawn, kind, options, words):
    code, figure, err = drawn(kind, *options)
    assert (code, figure) == (2, None)
    assert len(err.splitlines()) == 1, err
    for word in words:
        assert word in err


def test_minima_without_an_energy_are_left_out_and_counted(tmp_path, monkeypatch, capsys):
    store = tmp_path / "some.elsuite"
    energies = np.array([[0.1, 0.2], [0.3, np.nan], [0.2, 0.4], [0.4, 0.6]])
    with LandscapeDatabase.create(store, n_parameters=2, surfaces=["train", "test"]) as database:
        database.add(minima={"coordinates": np.eye(4, 2), "energy": energies})
    for surface, note in [
        ("train", ""),
        ("test", "not drawn: 1 minimum without a finite energy on the surface 'test'\n"),
    ]:
        out = str(tmp_path / "map.svg")
        monkeypatch.setattr(sys, "argv", ["elsuite", "plot", "pca", str(store), "--surface", surface, "--out", out])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code in {0, None}
        assert capsys.readouterr().err == note
