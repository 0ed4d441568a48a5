"""What all pictures share: size, fonts, legends."""

import io
import math
import re
import textwrap
import warnings
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import _GeneratorContextManager, contextmanager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.text import Text
from numpy.typing import NDArray

from elsuite.analysis.names import shortened
from elsuite.analysis.options import FigureOptions
from elsuite.plotting.markers import SetStyle

SINGLE_COLUMN = 3.4
DOUBLE_COLUMN = 7.0
INK = "#222222"
LEFT_OF_AXES = 0.62
"""Inches that the numbers and the name of an axis of energies take."""


def halo(width: float = 1.6) -> list[AbstractPathEffect]:
    """Return the effects that set a text off from the lines under it by a white edge."""
    return [withStroke(linewidth=width, foreground="white")]


def paper_style() -> _GeneratorContextManager[None]:
    """Return a context in which figures are made for print: 7-9 pt, thin lines, text kept as text.

    The same settings are the style sheet ``elsuite.plotting.paper`` for ``matplotlib.style.use``.

    Examples
    --------
    >>> with paper_style():
    ...     figure = new_figure()
    ...     matplotlib.rcParams["svg.fonttype"]
    'none'
    """
    return matplotlib.style.context("elsuite.plotting.paper")


class NotebookFigure(Figure):
    """A figure that notebooks show as it is: it belongs to no window, and nothing has to be called."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        with paper_style():
            self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def new_figure(width: float = SINGLE_COLUMN, height: float = 2.6) -> Figure:
    """Return an empty figure of `width` x `height` inches that belongs to no window and no pyplot state.

    Examples
    --------
    >>> new_figure(3.0, 2.0).get_size_inches().tolist()
    [3.0, 2.0]
    """
    figure = NotebookFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def sized_figure(options: FigureOptions, width: float, height: float) -> Figure:
    """Return an empty figure of the size that the options ask for, `width` x `height` inches by default."""
    return new_figure(options.width or width, options.height or height)


def new_axes(ax: Axes | None) -> Axes:
    """Return `ax`, or the axes of a new figure."""
    return new_figure().add_subplot() if ax is None else ax


def figure_of(ax: Axes) -> Figure:
    """Return the whole figure that holds `ax`, also where it lies in a part; raises ValueError where there is none."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure: make them by figure.add_subplot")
    return figure


def keep_names_inside(figure: Figure) -> None:
    """Break names of axes, and what stands under them, into lines where they would be cut at the figure's edge."""
    points = 72 * figure.get_size_inches()
    everything = [*figure.axes, *(inset for ax in figure.axes for inset in ax.child_axes)]
    names = [(axis.label, side) for ax in everything for side, axis in enumerate((ax.xaxis, ax.yaxis))]
    # Letters are about half as wide as high; where all names are short no layout is needed to know that they fit.
    lengths = [0.5 * float(name.get_fontsize()) * _longest(name.get_text()) for name, _ in names]
    if not any(length > 0.5 * points[side] for length, (_, side) in zip(lengths, names, strict=True)):
        return
    texts = [name.get_text() for name, _ in names]
    for (name, side), text in zip(names, texts, strict=True):
        # One that is longer than the figure leaves no room for axes, and then nothing is laid out.
        name.set_text(_broken(text, int(points[side] / (0.5 * float(name.get_fontsize())))))
    for _ in range(4):  # other lines move the axes, and letters are of different widths
        figure.draw_without_rendering()
        fits = [_fits(figure, name, side, text) for (name, side), text in zip(names, texts, strict=True)]
        if all(fits):
            return


def _fits(figure: Figure, name: Text, side: int, text: str) -> bool:
    """Return whether a name lies within the figure; where not, break `text` into shorter lines than it has now."""
    box = name.get_window_extent().get_points()[:, side]
    middle, edge = float(box.mean()), float(figure.get_size_inches()[side] * figure.dpi)
    room, length = 2 * min(middle, edge - middle), float(box[1] - box[0])
    now = _longest(name.get_text())
    if length <= room or room <= 0 or now <= 12:
        return True
    name.set_text(_broken(text, int(0.97 * now * room / length)))
    return False


def _broken(text: str, n: int) -> str:
    """Return a text in lines of `n` letters at most, or 12."""
    lines = text.split("\n")
    return "\n".join(part for line in lines for part in textwrap.wrap(line, max(12, n), break_on_hyphens=False) or [""])


def _longest(text: str) -> int:
    return max(map(len, text.split("\n")))


@contextmanager
def letters_without_glyphs() -> Iterator[set[str]]:
    """Collect the letters that no font has in place of a warning of matplotlib's for each of them, each time."""
    found: set[str] = set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found
    for warning in caught:
        if (glyph := re.match(r"Glyph (\d+) .*missing from font", str(warning.message))) is not None:
            found.add(chr(int(glyph[1])))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def shown(name: object, longest: int = 32) -> str:
    """Return a name from a database as a picture shows it: shortened, and without a meaning in mathematical text."""
    return shortened(name, longest).replace("$", r"\$")


def legend_handles(styles: Mapping[str, SetStyle], counts: Mapping[str, int] | None = None) -> list[Line2D]:
    """Return a legend entry for each set: its marker, its name and, where given, the number of its minima."""
    return [
        Line2D(
            [], [], linestyle="none", marker=style.marker, markersize=4.5, markeredgewidth=0.9,
            markeredgecolor=style.color, markerfacecolor=style.face,
            label=shown(name) if counts is None else f"{shown(name)} ({counts.get(name, 0)})",
        )
        for name, style in styles.items()
    ]  # fmt: skip


def legend_columns(labels: Iterable[object], width: float) -> int:
    """Return how many columns of a legend with such labels fit over a panel `width` inches wide, at least one."""
    texts = [str(label) for label in labels]
    fitting = max(1, int(0.85 * width / (0.3 + 0.04 * max(map(len, texts), default=0))))
    rows = max(1, math.ceil(len(texts) / fitting))
    # As few columns as make these rows, so that none is left nearly empty.
    return max(1, math.ceil(len(texts) / rows))


def legend_above(ax: Axes, handles: Sequence[Artist] | None = None, **options: Any) -> None:
    """Draw a legend of `handles`, or of all that has a label, over the axes; `options` are those of `Axes.legend`."""
    labels = ax.get_legend_handles_labels()[1] if handles is None else [handle.get_label() for handle in handles]
    place = ax.get_subplotspec()
    width = figure_of(ax).get_figwidth() / (place.get_gridspec().ncols if place else 1)
    given: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "handles": handles}
    columns = legend_columns(labels, width)
    legend = ax.legend(**given | options, ncols=columns)
    # One that does not fit would press the axes together, more each time the figure is drawn.
    while columns > 1 and legend.get_window_extent().width > (width - LEFT_OF_AXES) * figure_of(ax).dpi:
        columns -= 1
        legend = ax.legend(**given | options, ncols=columns)


def scatter_sets(
    ax: Axes,
    points: NDArray[np.floating],
    sets: Sequence[Hashable],
    styles: Mapping[str, SetStyle],
    *,
    size: float,
    linewidth: float = 0.8,
    zorder: float = 3.0,
) -> None:
    """Draw `points`, shape (n, 2), by markers of `size` square points; those of sets without a style are left out."""
    sets_array = np.asarray(sets, dtype=object)
    for name, style in styles.items():
        chosen = points[sets_array == name]
        if len(chosen):
            ax.scatter(
                chosen[:, 0], chosen[:, 1], s=size, marker=style.marker, facecolor=style.face,
                edgecolor=style.color, linewidth=linewidth, zorder=zorder, label=name,
            )  # fmt: skip
