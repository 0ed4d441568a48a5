"""What all pictures share: size, fonts, legends."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import _GeneratorContextManager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, withStroke
from numpy.typing import NDArray

from elsuite.analysis.names import shortened
from elsuite.analysis.options import FigureOptions
from elsuite.plotting.markers import SetStyle

SINGLE_COLUMN = 3.4
DOUBLE_COLUMN = 7.0
INK = "#222222"


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


def new_figure(width: float = SINGLE_COLUMN, height: float = 2.6) -> Figure:
    """Return an empty figure of `width` x `height` inches that belongs to no window and no pyplot state.

    Examples
    --------
    >>> new_figure(3.0, 2.0).get_size_inches().tolist()
    [3.0, 2.0]
    """
    figure = Figure(figsize=(width, height), layout="constrained")
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
    ax.legend(**given | options, ncols=legend_columns(labels, width))


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
