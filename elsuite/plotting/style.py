"""What all pictures share: size, fonts, and one color and marker for each set of minima."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

__all__ = [
    "DOUBLE_COLUMN",
    "NEUTRAL",
    "SINGLE_COLUMN",
    "SetStyle",
    "category_styles",
    "legend_above",
    "legend_columns",
    "legend_handles",
    "new_axes",
    "new_figure",
    "paper_style",
    "set_styles",
    "shown",
]

SINGLE_COLUMN = 3.4
DOUBLE_COLUMN = 7.0
NEUTRAL = "#8a8a8a"
INK = "#222222"

# Okabe and Ito's colors (told apart with any common color vision), as families of a dark and a light hue: the
# hue says which minimizer, the lightness and the filling of the marker say where it was stopped.
FAMILIES = (
    ("#0072B2", "#56B4E9"),
    ("#D55E00", "#E69F00"),
    ("#007A5A", "#35C29A"),
    ("#8E4585", "#CC79A7"),
    ("#555555", "#A0A0A0"),
)
CATEGORY_COLORS = ("#44AA99", "#AA4499", "#999933", "#332288", "#CC6677", "#117733", "#88CCEE", "#882255")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")


@dataclass(frozen=True)
class SetStyle:
    """How one set of minima looks in every picture.

    Attributes
    ----------
    color : str
        A hexadecimal color.
    marker : str
        A matplotlib marker.
    filled : bool
        False: the marker has a white face.
    """

    color: str
    marker: str
    filled: bool = True

    @property
    def face(self) -> str:
        """The color of a marker's face."""
        return self.color if self.filled else "white"


UNGROUPED = SetStyle(NEUTRAL, "o", filled=False)
"""How minima look that belong to no group."""


def paper_style() -> AbstractContextManager[None]:
    """Return a context in which figures are made for print: 7-9 pt, thin lines, text kept as text.

    The same settings are the style sheet ``elsuite.plotting.paper`` for ``matplotlib.style.use``.
    """
    return matplotlib.style.context("elsuite.plotting.paper")


def new_figure(width: float = SINGLE_COLUMN, height: float = 2.6) -> Figure:
    """Return an empty figure of `width` x `height` inches that belongs to no window and no pyplot state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def new_axes(ax: Axes | None) -> Axes:
    """Return `ax`, or the axes of a new figure."""
    return new_figure().add_subplot() if ax is None else ax


def figure_of(ax: Axes) -> Figure:
    """Return the whole figure that holds `ax`, also where it lies in a part of it.

    Raises
    ------
    ValueError
        The axes have no figure.
    """
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure: make them by figure.add_subplot")
    return figure


def set_styles(sets: Iterable[str]) -> dict[str, SetStyle]:
    """Return a style for each set named "minimizer/stopping".

    The hue and the marker's shape follow the minimizer, lightness and filling follow the stopping. Give all sets
    of a database, in a fixed order, and each keeps its color whatever a picture leaves out.

    Returns
    -------
    dict
        Set -> SetStyle, in the order given.

    Examples
    --------
    >>> styles = set_styles(["sgd/train", "sgd/test", "lbfgs-gss/train"])
    >>> styles["sgd/train"].color, styles["sgd/test"].color, styles["lbfgs-gss/train"].color
    ('#0072B2', '#56B4E9', '#D55E00')
    """
    members: dict[str, list[str]] = {}
    names = list(dict.fromkeys(sets))
    for name in names:
        members.setdefault(name.partition("/")[0], []).append(name)
    if any(len(group) > 2 for group in members.values()) or len(members) > len(FAMILIES):
        return category_styles(names)
    styles = {}
    for family, (group, colors) in enumerate(zip(members.values(), FAMILIES, strict=False)):
        # "train" is the filled one of a pair whichever comes first.
        group.sort(key=lambda name: name.endswith("/test"))
        for number, name in enumerate(group):
            styles[name] = SetStyle(colors[number], MARKERS[family], filled=number == 0)
    return {name: styles[name] for name in names}


def category_styles(categories: Iterable[str]) -> dict[str, SetStyle]:
    """Return a color and a marker for each category; color and marker differ for the first 72.

    Returns
    -------
    dict
        Category -> SetStyle, in the order given.
    """
    names = list(dict.fromkeys(categories))
    return {
        name: SetStyle(
            CATEGORY_COLORS[number % len(CATEGORY_COLORS)],
            MARKERS[number % len(MARKERS)],
        )
        for number, name in enumerate(names)
    }


def shown(name: str, longest: int = 32) -> str:
    """Return a name from a database as a picture shows it: shortened, and without a meaning in mathematical text.

    Parameters
    ----------
    longest : int
        Letters.

    Examples
    --------
    >>> shown("sgd/train"), shown("a very long name", 8)
    ('sgd/train', 'a very \N{HORIZONTAL ELLIPSIS}')
    """
    line = " ".join(str(name).split())
    line = line if len(line) <= longest else line[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return line.replace("$", r"\$")


def legend_handles(styles: Mapping[str, SetStyle], counts: Mapping[str, int] | None = None) -> list[Line2D]:
    """Return a legend entry for each set: its marker, its name and, where given, the number of its minima.

    Parameters
    ----------
    styles : mapping
        Set -> SetStyle.
    counts : mapping, optional
        Set -> number.
    """
    return [
        Line2D(
            [], [], linestyle="none", marker=style.marker, markersize=4.5, markeredgewidth=0.9,
            markeredgecolor=style.color, markerfacecolor=style.face,
            label=shown(name) if counts is None else f"{shown(name)} ({counts.get(name, 0)})",
        )
        for name, style in styles.items()
    ]  # fmt: skip


def legend_columns(labels: Iterable[object], width: float) -> int:
    """Return how many columns of a legend with such labels fit over a panel `width` inches wide, at least one.

    Parameters
    ----------
    labels : iterable
        Their texts.
    width : float
        Of the panel with its margins.
    """
    texts = [str(label) for label in labels]
    fitting = max(1, int(0.85 * width / (0.3 + 0.04 * max(map(len, texts), default=0))))
    rows = max(1, math.ceil(len(texts) / fitting))
    # As few columns as make these rows, so that none is left nearly empty.
    return max(1, math.ceil(len(texts) / rows))


def legend_above(ax: Axes, handles: Sequence[Artist] | None = None, **options: Any) -> None:
    """Draw a legend over the axes, in as many columns as fit their part of the figure.

    Parameters
    ----------
    handles : sequence of Artist, optional
        What is named; by default all that the axes hold with a label.
    **options
        Of `Axes.legend`, such as another place.
    """
    labels = (
        ax.get_legend_handles_labels()[1] if handles is None else [handle.get_label() for handle in handles]
    )
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
    size: float = 14.0,
    zorder: float = 3.0,
) -> None:
    """Draw `points`, shape (n, 2), each with the marker and the color of its set.

    Parameters
    ----------
    points : ndarray (n, 2)
    styles : mapping
        Set -> SetStyle; points of other sets are left out.
    size : float
        Area of a marker in square points.
    """
    sets_array = np.asarray(sets, dtype=object)
    for name, style in styles.items():
        chosen = points[sets_array == name]
        if len(chosen):
            ax.scatter(
                chosen[:, 0], chosen[:, 1], s=size, marker=style.marker, facecolor=style.face,
                edgecolor=style.color, linewidth=0.8, zorder=zorder, label=name,
            )  # fmt: skip
