"""Values in, matplotlib Axes out: one picture a module. No function shows, saves or sets rcParams.

Pictures of values, ``plot_x(value, *, ax=None, ...) -> Axes``
    `plot_disconnectivity` (a tree), `plot_heights`, `plot_embedding`, `plot_distances`, `plot_losses`,
    `plot_profile`, `plot_network`, `plot_clustering`, `plot_superbasins`
Finished figures of a database
    `FIGURES` by kind, `FigureOptions`, `save_figure` (PNG, SVG or PDF)
Their look
    `paper_style` (a context, or the style sheet ``elsuite.plotting.paper``), `set_styles`, `category_styles`,
    `new_figure`
"""

from elsuite.plotting.clustering import cluster_names, plot_clustering
from elsuite.plotting.disconnectivity import plot_disconnectivity
from elsuite.plotting.distances import plot_distances
from elsuite.plotting.embedding import plot_embedding
from elsuite.plotting.figures import FIGURES
from elsuite.plotting.heights import plot_heights
from elsuite.plotting.losses import plot_losses
from elsuite.plotting.network import plot_network
from elsuite.plotting.options import FigureOptions
from elsuite.plotting.profile import Profile, plot_profile
from elsuite.plotting.saving import check_format, save_figure
from elsuite.plotting.style import (
    DOUBLE_COLUMN,
    SINGLE_COLUMN,
    SetStyle,
    category_styles,
    new_figure,
    paper_style,
    set_styles,
)
from elsuite.plotting.superbasins import plot_superbasins
from elsuite.plotting.view import View

__all__ = [
    "DOUBLE_COLUMN",
    "FIGURES",
    "SINGLE_COLUMN",
    "FigureOptions",
    "Profile",
    "SetStyle",
    "View",
    "category_styles",
    "check_format",
    "cluster_names",
    "new_figure",
    "paper_style",
    "plot_clustering",
    "plot_disconnectivity",
    "plot_distances",
    "plot_embedding",
    "plot_heights",
    "plot_losses",
    "plot_network",
    "plot_profile",
    "plot_superbasins",
    "save_figure",
    "set_styles",
]
