"""One finished figure of a database for each kind: values from `elsuite.analysis`, drawn by this sub-package."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from matplotlib.figure import Figure

from elsuite.network import of_finder
from elsuite.plotting.map_figures import clustering_figure, kpca_figure, mds_figure, pca_figure
from elsuite.plotting.options import FigureOptions
from elsuite.plotting.saving import check_format, save_figure
from elsuite.plotting.set_figures import distances_figure, heights_figure, losses_figure
from elsuite.plotting.tree_figures import (
    disconnectivity_figure,
    network_figure,
    profile_figure,
    superbasins_figure,
)
from elsuite.plotting.view import View

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase

__all__ = ["FIGURES", "FIGURES_OF_VIEWS", "FigureOptions", "check_format", "save_figure"]

Builder: TypeAlias = Callable[["LandscapeDatabase", FigureOptions], Figure]

FIGURES_OF_VIEWS: dict[str, Callable[[View], Figure]] = {
    "disconnectivity": disconnectivity_figure,
    "superbasins": superbasins_figure,
    "heights": heights_figure,
    "kpca": kpca_figure,
    "pca": pca_figure,
    "mds": mds_figure,
    "distances": distances_figure,
    "losses": losses_figure,
    "profile": profile_figure,
    "network": network_figure,
    "clustering": clustering_figure,
}
"""The figures by kind, of a `View`: several figures of one view compute what they share once."""


def _of_database(kind: str, database: "LandscapeDatabase", options: FigureOptions) -> Figure:
    if options.finder is not None:
        of_finder(database, options.finder)  # figures without paths would not say that there are none
    return FIGURES_OF_VIEWS[kind](View(database, options))


FIGURES: dict[str, Builder] = {kind: partial(_of_database, kind) for kind in FIGURES_OF_VIEWS}
"""The figures by kind: ``FIGURES[kind](database, options)`` returns a matplotlib Figure."""
