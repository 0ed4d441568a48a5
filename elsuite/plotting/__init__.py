"""Values in, matplotlib Axes out: one picture a module. No function shows, saves or sets rcParams.

Pictures of values, ``plot_x(value, *, ax=None, ...) -> Axes``
    `plot_disconnectivity` (a tree), `plot_heights`, `plot_embedding`, `plot_distances`, `plot_losses`,
    `plot_profile`, `plot_network`, `plot_clustering`, `plot_superbasins`. All take ``ax`` (a new figure's if None);
    where there are sets, ``styles``, set -> `SetStyle` (by default `set_styles` of the names); and the name of the
    values with their unit, ``label`` or ``energy_label``
Pictures of computed values, of the Datasets that `elsuite.plane` and its like return or that a database keeps
    `plot_plane`, `plot_around`, `plot_interpolation`, `plot_spectrum`
Finished figures of a database
    `plot` a kind, `FIGURES` by kind, `FigureOptions`, `save_figure` (PNG, SVG or PDF)
Their look
    `paper_style` (a context, or the style sheet ``elsuite.plotting.paper``), `set_styles`, `category_styles`,
    `new_figure`
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from elsuite.analysis.clustering import cluster_names
from elsuite.analysis.options import FigureOptions
from elsuite.analysis.profile import Profile
from elsuite.analysis.view import View
from elsuite.plotting.figures import FIGURES, plot
from elsuite.plotting.markers import SetStyle, category_styles, set_styles

if TYPE_CHECKING:
    from elsuite.plotting.around import plot_around
    from elsuite.plotting.clustering import plot_clustering
    from elsuite.plotting.disconnectivity import plot_disconnectivity
    from elsuite.plotting.distances import plot_distances
    from elsuite.plotting.embedding import plot_embedding
    from elsuite.plotting.heights import plot_heights
    from elsuite.plotting.interpolation import plot_interpolation
    from elsuite.plotting.losses import plot_losses
    from elsuite.plotting.network import plot_network
    from elsuite.plotting.picture import Picture
    from elsuite.plotting.plane import plot_plane
    from elsuite.plotting.profile import plot_profile
    from elsuite.plotting.saving import check_format, save_figure
    from elsuite.plotting.spectrum import plot_spectrum
    from elsuite.plotting.style import DOUBLE_COLUMN, SINGLE_COLUMN, new_figure, paper_style
    from elsuite.plotting.superbasins import plot_superbasins

__all__ = [
    "DOUBLE_COLUMN",
    "FIGURES",
    "SINGLE_COLUMN",
    "FigureOptions",
    "Picture",
    "Profile",
    "SetStyle",
    "View",
    "category_styles",
    "check_format",
    "cluster_names",
    "new_figure",
    "paper_style",
    "plot",
    "plot_around",
    "plot_clustering",
    "plot_disconnectivity",
    "plot_distances",
    "plot_embedding",
    "plot_heights",
    "plot_interpolation",
    "plot_losses",
    "plot_network",
    "plot_plane",
    "plot_profile",
    "plot_spectrum",
    "plot_superbasins",
    "save_figure",
    "set_styles",
]

_OTHERS = {
    "picture": ("Picture",),
    "saving": ("check_format", "save_figure"),
    "style": ("DOUBLE_COLUMN", "SINGLE_COLUMN", "new_figure", "paper_style"),
}
_MODULES = {name: module for module, names in _OTHERS.items() for name in names}
_MODULES |= {name: name.removeprefix("plot_") for name in __all__ if name.startswith("plot_")}


def __getattr__(name: str) -> Any:
    # Loaded on first use: the names of the pictures and their options are known without matplotlib.
    if name in _MODULES:
        return getattr(import_module(f"elsuite.plotting.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'elsuite.plotting' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
