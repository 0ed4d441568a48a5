"""The pictures of the page, each inside it, with a caption; one that cannot be drawn leaves a line that says why."""

import base64
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import LineCollection

from elsuite.analysis.view import View
from elsuite.plotting.figures import FIGURES
from elsuite.plotting.saving import figure_bytes
from elsuite.report.text import escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figures_section", "picture"]

LARGEST_SVG = 300_000


def figures_section(view: View) -> str:
    """Return all pictures of a view with captions, as HTML."""
    return "".join(_figure(view, kind) for kind in FIGURES if FIGURES[kind].on_page)


def _figure(view: View, kind: str) -> str:
    drawn = FIGURES[kind]
    try:
        figure = drawn.draw(view)
    except ValueError as error:
        return f'<p class="missing"><b>{escape(kind)}</b>: {escape(error)}.</p>'
    caption = f"<figcaption>{escape(drawn.caption)}</figcaption>"
    return f'<figure id="figure-{kind}">{picture(figure, drawn.caption)}{caption}</figure>'


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
