"""Stores with energies that no axis holds, as runaways of earlier versions left them, are drawn without these."""

import matplotlib as mpl
import numpy as np
import pytest

from elsuite import LandscapeDatabase
from elsuite.analysis import disconnectivity_tree
from elsuite.analysis.loss_curves import loss_curves
from elsuite.database.query import n_left_out, usable_minima
from elsuite.network import transition_network
from elsuite.plotting import plot_disconnectivity, save_figure
from elsuite.plotting.losses import plot_losses
from elsuite.report import write_report


@pytest.fixture
def runaway():
    """Four minima, the first where x^3 led to."""
    energies = np.array([-1.7976931348623157e308, -1.0, 2.0, 0.5])
    with LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"], dtype="float64") as database:
        database.add(
            runs={
                "minimizer": ["a"] * 4,
                "outcome": ["converged"] * 4,
                "curves": np.repeat(energies, 2).reshape(4, 1, 2),
            },
            minima={
                "coordinates": [[-4e171, 0], [0, 1], [1, 0], [1, 1]],
                "energy": energies[:, None],
                "set": ["a/energy", "a/energy", "b/energy", "b/energy"],
                "stopping": "energy",
                "outcome": ["converged"] * 4,
                "run": np.arange(4),
                "epoch": [1] * 4,
            },
            paths={
                "source": [0, 1, 2],
                "target": [1, 2, 3],
                "height": [-1.0, 2.5, 2.2],
                "refined_height": [-1.0, 2.5, 2.2],
                "surface": ["energy"] * 3,
                "finder": ["f"] * 3,
                "outcome": ["converged"] * 3,
            },
        )
        yield database


def test_a_runaway_is_left_out_and_counted(runaway):
    assert usable_minima(runaway, "energy").tolist() == [False, True, True, True]
    assert n_left_out(runaway, "energy") == (0, 1)
    assert transition_network(runaway).number_of_nodes() == 3
    (curves,) = loss_curves(runaway)
    assert np.isnan(curves.values[0]).all() or len(curves.values) == 3


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_pictures_and_the_page_are_drawn(runaway, tmp_path):
    figure = mpl.figure.Figure()
    first, second = figure.subplots(1, 2)
    plot_disconnectivity(disconnectivity_tree(transition_network(runaway)), ax=first)
    plot_losses(loss_curves(runaway), ax=second)
    save_figure(figure, tmp_path / "x.png")
    write_report(runaway, tmp_path / "x.html")
    assert (tmp_path / "x.html").stat().st_size > 1000
