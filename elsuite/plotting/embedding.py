"""Maps of the minima in two dimensions: kernel components, principal components, scaling of barriers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from elsuite.analysis.view import View
from elsuite.plotting.axis import name_axis, scale_bar, value_norm
from elsuite.plotting.coloring import coloring
from elsuite.plotting.markers import UNGROUPED, SetStyle, set_styles
from elsuite.plotting.picture import COLORING, Picture, styles_of, tree_remarks
from elsuite.plotting.style import (
    INK,
    SINGLE_COLUMN,
    halo,
    legend_columns,
    legend_handles,
    new_axes,
    paper_style,
    scatter_sets,
    sized_figure,
)

LEGEND_ROW = 0.16
"""Inches that a row of a legend takes; the map keeps its size."""


def plot_embedding(
    coordinates: ArrayLike,
    *,
    ax: Axes | None = None,
    sets: Sequence[str] | None = None,
    styles: Mapping[str, SetStyle] | None = None,
    values: ArrayLike | None = None,
    values_label: str = "",
    axis_labels: tuple[str, str] = ("component 1", "component 2"),
    explained: ArrayLike | None = None,
    highlight: Mapping[int, str] | Iterable[int] = (),
    legend: bool = True,
) -> Axes:
    """Draw a map: a point a minimum, marked by its set, colored by its set or by a value.

    Parameters
    ----------
    coordinates : array_like (n, 2 or more)
        The first two columns are drawn.
    styles : mapping, optional
        Set -> SetStyle; sets not in it are left out, "" is gray. By default `set_styles` of `sets`.
    values : array_like (n,), optional
        Colors the points instead, with a scale bar named `values_label`.
    explained : array_like (2 or more,), optional
        Shares of the variance, from 0 to 1, added to the axis labels.
    highlight : mapping or iterable of int
        Rows to ring, with a text where given.

    Raises
    ------
    ValueError
        Coordinates without two columns, or of another length than `sets` or `values`.

    Examples
    --------
    >>> ax = plot_embedding([[0, 0], [1, 1]], sets=["sgd/train", "sgd/test"], explained=[0.5, 0.25])
    >>> ax.get_xlabel(), len(ax.collections)
    ('component 1 (50 % of variance)', 2)
    """
    points = np.asarray(coordinates, dtype=float)
    if points.ndim != 2 or points.shape[1] < 2:
        raise ValueError(f"coordinates of shape {points.shape} given, a map needs (n, 2 or more)")
    points = points[:, :2]
    names = [""] * len(points) if sets is None else list(sets)
    if len(names) != len(points):
        raise ValueError(f"{len(names)} sets given for {len(points)} points")
    ax = new_axes(ax)
    styles = set_styles(name for name in names if name) if styles is None else styles
    size = marker_size(len(points))
    if values is None:
        if sets is None or "" in names:
            scatter_sets(ax, points, names, {"": UNGROUPED}, size=size, zorder=2.5)
        scatter_sets(ax, points, names, _widest_first(points, names, styles), size=size)
    else:
        numbers, own = np.asarray(values, dtype=float), np.asarray(names, dtype=object)
        norm = value_norm(numbers)
        if len(numbers) != len(points):
            raise ValueError(f"{len(numbers)} values given for {len(points)} points")
        drawn = [
            ax.scatter(
                points[own == name, 0], points[own == name, 1], c=numbers[own == name], s=size, marker=style.marker,
                cmap="viridis", norm=norm, edgecolor="white", linewidth=0.3, zorder=3, label=name,
            )
            for name, style in styles.items() if name in names
        ]  # fmt: skip
        if drawn:
            scale_bar(drawn[-1], ax, values_label, fraction=0.05)
    shares = np.full(2, np.nan) if explained is None else np.append(np.asarray(explained, dtype=float), np.nan)[:2]
    texts = [
        f"{text} ({100 * share:.3g} % of variance)" if np.isfinite(share) else text
        for text, share in zip(axis_labels, shares, strict=True)
    ]
    ax.margins(0.08)
    ax.locator_params(nbins=5)
    name_axis(ax.xaxis, texts[0])
    name_axis(ax.yaxis, texts[1])
    ring(ax, points, highlight)
    if legend and sets is not None and len(set(names) & set(styles)) > 1:
        shown = {name: style for name, style in styles.items() if name in set(names)}
        ax.legend(handles=legend_handles(shown), loc="best")
    return ax


def _widest_first(
    points: NDArray[np.floating], names: Sequence[str], styles: Mapping[str, SetStyle]
) -> dict[str, SetStyle]:
    """Return the styles in the order of drawing: a narrow set would be hidden under a wide one."""
    own = np.asarray(names, dtype=object)
    spread = {name: float(np.ptp(points[own == name], axis=0).sum()) for name in styles if name in set(names)}
    return {name: styles[name] for name in sorted(spread, key=lambda name: -spread[name])}


def marker_size(n_points: int) -> float:
    """Return a marker's area in square points at which `n_points` on one map stay apart."""
    return float(np.clip(1600 / max(n_points, 1), 1.5, 18.0))


def ring(ax: Axes, points: NDArray[np.floating], highlight: Mapping[int, str] | Iterable[int]) -> None:
    """Ring the rows `highlight` of `points`, shape (n, 2), with a text where given."""
    texts = dict(highlight) if isinstance(highlight, Mapping) else dict.fromkeys(highlight, "")
    if not texts:
        return
    rows = list(texts)
    ax.scatter(
        points[rows, 0], points[rows, 1], s=52, facecolor="none", edgecolor=INK, linewidth=0.9, zorder=5,
        label="_highlight",
    )  # fmt: skip
    for row, text in texts.items():
        ax.annotate(
            text, (points[row, 0], points[row, 1]), xytext=(5, 4), textcoords="offset points", fontsize=7, zorder=6,
            path_effects=halo(),
        )  # fmt: skip


def pca_figure(view: View) -> Figure:
    """Return the map of the minima by their first two ordinary principal components."""
    embedding = view.linear.embedding
    return _map_figure(view, embedding.coordinates, embedding.explained, "principal component")


def mds_figure(view: View) -> Figure:
    """Return the map of the minima by metric scaling of their minimax barriers: the natural map of the tree."""
    found, log = view.barrier_map
    figure = _map_figure(view, found.coordinates, None, "barrier scaling")
    figure.axes[0].set_xlabel(
        f"barrier scaling 1\ndistances along the tree{', in decades' if log else ''}; stress {found.stress:.2g}"
    )
    return figure


@paper_style()
def _map_figure(view: View, coordinates: ArrayLike, explained: ArrayLike | None, axis: str) -> Figure:
    options = view.options
    colors = coloring(view)
    row = {minimum: number for number, minimum in enumerate(view.ids.tolist())}
    by_set = colors.numbers is not None or colors.is_sets
    styles = styles_of(view) if by_set else colors.styles
    # Where numbers are the colors, sets differ by their markers only.
    neutral = {name: replace(style, color=INK, filled=True) for name, style in styles.items()}
    named = styles if colors.numbers is None else neutral
    shown = {name: style for name, style in named.items() if name in view.set_names or "/" not in name}
    handles = legend_handles(shown) if len(shown) > 1 else []
    columns = legend_columns((handle.get_label() for handle in handles), options.width or SINGLE_COLUMN)
    figure = sized_figure(options, SINGLE_COLUMN, 2.6 + LEGEND_ROW * -(-len(handles) // columns))
    plot_embedding(
        coordinates,
        ax=figure.add_subplot(),
        sets=view.sets if by_set else [str(colors.values[i]) for i in view.ids.tolist()],
        styles=styles,
        values=colors.numbers,
        values_label=colors.label,
        axis_labels=(f"{axis} 1", f"{axis} 2"),
        explained=explained,
        highlight={row[view.check_minimum(minimum)]: str(minimum) for minimum in options.highlight},
        legend=False,
    )
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=columns)
    return figure


KPCA = Picture(
    lambda view: _map_figure(view, view.embedding.coordinates, view.embedding.explained, "kernel component"),
    caption="Kernel-PCA map of the parameters (RBF kernel, 2\N{GREEK SMALL LETTER SIGMA}² = number of parameters).",
    uses=COLORING | {"highlight"},
    on_page=True,
    in_demo=True,
)
PCA = Picture(pca_figure, caption="Map of the parameters by principal components.", uses=COLORING | {"highlight"})
MDS = Picture(
    mds_figure,
    caption="Map of the minima by metric scaling of their minimax barriers.",
    remarks=tree_remarks,
    uses=COLORING | {"floor", "highlight", "scale"},
    in_demo=True,
)
