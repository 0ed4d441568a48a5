"""The pictures of the page, each inside it, with a caption; one that cannot be drawn leaves a line that says why."""

import base64
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import LineCollection

from elsuite.plotting.figures import FIGURES_OF_VIEWS
from elsuite.plotting.saving import figure_bytes
from elsuite.plotting.view import View
from elsuite.report.text import escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figures_section", "picture"]

LARGEST_SVG = 300_000
CAPTIONS = {
    "disconnectivity": "Disconnectivity graph. Each line ends at the energy of a minimum; lines join at the lowest "
    "energy at which the minima are connected by the paths found. Lines are colored where all minima under them "
    "belong to one set.",
    "superbasins": "Superbasins at all energies: how many there are, and how many minima the largest one holds.",
    "heights": "Path heights within the sets and between them: every path, its density, the quartiles and the median. "
    "A height is an upper bound of the barrier.",
    "kpca": "Kernel-PCA map of the parameters (RBF kernel, 2\N{GREEK SMALL LETTER SIGMA}² = number of parameters).",
    "distances": "Distances of the minima of two sets to the middle c between the means of the sets; dotted: the "
    "distance of either mean.",
    "losses": "Loss curves: every run (faint), the median (bold), and where minima were taken (markers).",
    "profile": "Energy along the lowest route between the lowest minima of two sets.",
    "clustering": "A clustering of the minima: where the clusters lie on the map, and which sets they hold.",
}


def figures_section(view: View) -> str:
    """Return all pictures of a view with captions, as HTML."""
    return "".join(_figure(view, kind, caption) for kind, caption in CAPTIONS.items())


def _figure(view: View, kind: str, caption: str) -> str:
    try:
        figure = FIGURES_OF_VIEWS[kind](view)
    except ValueError as error:
        return f'<p class="missing"><b>{escape(kind)}</b>: {escape(error)}.</p>'
    return f'<figure id="figure-{kind}">{picture(figure, caption)}<figcaption>{escape(caption)}</figcaption></figure>'


def picture(figure: "Figure", description: str) -> str:
    """Return a figure as an img element with its data inside: SVG, or PNG where the SVG would be large.

    An image keeps the ids and the style of its SVG apart from those of the page, and runs no script.

    Parameters
    ----------
    description : str
        Read out instead of the picture.

    Returns
    -------
    str
        HTML.
    """
    kind, data = "svg+xml", b"" if _is_crowded(figure) else figure_bytes(figure, "svg")
    if not data or len(data) > LARGEST_SVG:
        kind, data = "png", figure_bytes(figure, "png", dpi=200)
    width, height = (96 * side for side in figure.get_size_inches())
    text = base64.b64encode(data).decode("ascii")
    shape = "wide" if width > 480 else "narrow"
    return (
        f'<img class="{shape}" alt="{escape(description)}" width="{width:.0f}" height="{height:.0f}" '
        f'src="data:image/{kind};base64,{text}">'
    )


def _is_crowded(figure: "Figure") -> bool:
    """Return whether the lines alone, at eight letters a point, take more than `LARGEST_SVG`: no need to try."""
    paths = [path for lines in figure.findobj(LineCollection) for path in lines.get_paths()]
    points = sum(len(np.asarray(path.vertices)) for path in paths)
    return 8 * points > LARGEST_SVG
