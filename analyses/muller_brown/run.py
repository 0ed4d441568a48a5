"""The Mueller-Brown surface, mapped whole: minima, transition states and the tree, against their known energies."""

import numpy as np

from analyses.common.setup import Setup, main
from analyses.common.surfaces import draw_surface, mark_states
from analyses.common.tables import write
from elsuite.analysis import disconnectivity_tree, tree_layout
from elsuite.exploration import map_landscape
from elsuite.landscapes import MullerBrown
from elsuite.network import transition_network
from elsuite.plotting import DOUBLE_COLUMN, new_figure, paper_style, plot_disconnectivity

# Computed independently, to ten digits.
MINIMA = (-146.6995172100, -108.1667241169, -80.7678181297)
TRANSITION_STATES = (-72.2489401123, -40.6648435087)


def run(setup: Setup) -> None:
    """Find minima and verified transition states from random starts, and set them beside the known ones."""
    surface = MullerBrown()
    database = map_landscape(surface, n_starts=16 if setup.scale == "smoke" else 64, seed=0)
    minima, paths = database.minima["energy"].values[:, 0], database.paths["height"].values
    rows = [
        {"kind": kind, "known": known, "found": found, "error": found - known}
        for kind, all_known, all_found in (
            ("minimum", MINIMA, np.sort(minima)),
            ("transition state", TRANSITION_STATES, np.sort(paths)),
        )
        for known, found in zip(all_known, all_found, strict=True)
    ]
    write(rows, setup.results / "stationary_points.csv")
    tree = disconnectivity_tree(transition_network(database))
    with paper_style():
        figure = new_figure(DOUBLE_COLUMN, 2.9)
        left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
        _draw_surface(left, surface, database)
        plot_disconnectivity(tree, ax=right, layout=tree_layout(tree), labels=True, energy_label="energy")
        setup.save(figure, "muller_brown")


def _draw_surface(ax, surface, database):
    levels = np.arange(-150, 101, 12)
    draw_surface(ax, surface, np.linspace(-1.6, 1.2, 281), np.linspace(-0.4, 2.0, 241), levels=levels, extend="max")
    places = database.coordinates(np.arange(database.n_minima))
    ax.plot(*places.T, "o", color="#0072B2", markersize=5, label="minima")
    mark_states(ax, surface.transition_states)
    for number, place in enumerate(places):
        ax.annotate(str(number), place, xytext=(5, 4), textcoords="offset points")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


if __name__ == "__main__":
    main(run)
