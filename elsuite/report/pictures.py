"""The pictures of the page, each inside it, with a caption; one that cannot be drawn leaves a line that says why."""

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import LineCollection

from elsuite.analysis.computed_values import KINDS
from elsuite.analysis.view import View
from elsuite.database.computed import computed, computed_values
from elsuite.plotting.figures import FIGURES
from elsuite.plotting.picture import Picture
from elsuite.plotting.saving import figure_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST_SVG = 300_000
MOST_COMPUTED = 8
"""Pictures of computed values on the page, of those stored last."""


@dataclass(frozen=True)
class PagePicture:
    """A picture with its data inside: SVG, or PNG where the SVG would be large; or why it cannot be drawn.

    An image keeps the ids and the style of its SVG apart from those of the page, and runs no script.
    """

    kind: str
    caption: str
    problem: str = ""
    source: str = ""
    width: int = 0
    height: int = 0


def pictures(view: View) -> list[PagePicture]:
    """Return the pictures of a view that the page shows, those of its last computed values among them."""
    found = [_picture(view, kind, picture) for kind, picture in FIGURES.loadable() if picture.on_page]
    stored = [
        (name, entry["kind"])
        for name, entry in computed_values(view.database).items()
        if entry["surface"] == view.surface and entry["kind"] in KINDS
    ]
    for name, kind in stored[-MOST_COMPUTED:]:
        found.append(_picture(replace(view, values=computed(view.database, name)), name, FIGURES[kind]))
    return found


def _picture(view: View, kind: str, picture: Picture) -> PagePicture:
    try:
        figure, caption = picture.of(view), picture.caption_of(view)
    except ValueError as error:
        return PagePicture(kind, picture.caption, str(error))
    mime, data = "svg+xml", b"" if _is_crowded(figure) else figure_bytes(figure, "svg")
    if not data or len(data) > LARGEST_SVG:
        mime, data = "png", figure_bytes(figure, "png", dpi=200)
    width, height = (round(96 * side) for side in figure.get_size_inches())
    source = f"data:image/{mime};base64,{base64.b64encode(data).decode('ascii')}"
    return PagePicture(kind, caption, "", source, width, height)


def _is_crowded(figure: "Figure") -> bool:
    """Return whether the lines alone, at eight letters a point, take more than `LARGEST_SVG`: no need to try."""
    paths = [path for lines in figure.findobj(LineCollection) for path in lines.get_paths()]
    points = sum(len(np.asarray(path.vertices)) for path in paths)
    return 8 * points > LARGEST_SVG
