"""Maps of a database's minima: kernel components, principal components, scaled barriers; clusters on a map."""

from collections.abc import Mapping
from dataclasses import replace

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from elsuite.plotting.clustering import largest_clusters, plot_clustering
from elsuite.plotting.coloring import clusters_of, coloring
from elsuite.plotting.embedding import plot_embedding
from elsuite.plotting.style import (
    DOUBLE_COLUMN,
    INK,
    SINGLE_COLUMN,
    UNGROUPED,
    SetStyle,
    category_styles,
    legend_columns,
    legend_handles,
    paper_style,
)
from elsuite.plotting.view import View, sized_figure

__all__ = ["clustering_figure", "kpca_figure", "mds_figure", "pca_figure"]

MOST_CLUSTERS = 8
"""More colors than these can't be told apart."""


def kpca_figure(view: View) -> Figure:
    """Return the map of the minima by their first two kernel principal components."""
    embedding = view.embedding
    return _map_figure(view, embedding.coordinates, "kernel component", explained=embedding.explained)


def pca_figure(view: View) -> Figure:
    """Return the map of the minima by their first two ordinary principal components."""
    embedding = view.linear.embedding
    return _map_figure(view, embedding.coordinates, "principal component", explained=embedding.explained)


def mds_figure(view: View) -> Figure:
    """Return the map of the minima by metric scaling of their minimax barriers: the natural map of the tree."""
    found, log = view.barrier_map
    figure = _map_figure(view, found.coordinates, "barrier scaling")
    figure.axes[0].set_xlabel(
        f"barrier scaling 1\ndistances along the tree{', in decades' if log else ''}; stress {found.stress:.2g}"
    )
    return figure


def _map_figure(
    view: View, coordinates: ArrayLike, axis: str, *, explained: ArrayLike | None = None
) -> Figure:
    options = view.options
    colors = coloring(view)
    row = {minimum: number for number, minimum in enumerate(view.ids.tolist())}
    by_set = colors.numbers is not None or colors.is_sets
    styles = view.styles if by_set else colors.styles
    with paper_style():
        figure = sized_figure(options, SINGLE_COLUMN, 2.8)
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
        # Where numbers are the colors, sets differ by their markers only.
        neutral = {name: replace(style, color=INK, filled=True) for name, style in styles.items()}
        _legend_above(figure, styles if colors.numbers is None else neutral, view)
    return figure


def _legend_above(figure: Figure, styles: Mapping[str, SetStyle], view: View) -> None:
    shown = {name: style for name, style in styles.items() if name in view.set_names or "/" not in name}
    if len(shown) > 1:
        handles = legend_handles(shown)
        columns = legend_columns((handle.get_label() for handle in handles), figure.get_figwidth())
        figure.legend(handles=handles, loc="outside upper center", ncols=columns)


def clustering_figure(view: View) -> Figure:
    """Return a clustering of the minima: where the clusters lie, and which sets they hold."""
    options = view.options
    found, title = clusters_of(view)
    clusters = largest_clusters(found, MOST_CLUSTERS)
    names = sorted(set(clusters), key=lambda name: (not name.startswith("cluster"), len(name), name))
    looks = category_styles(name for name in names if name.startswith("cluster"))
    with paper_style():
        figure = sized_figure(options, DOUBLE_COLUMN, 2.8)
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        plot_embedding(
            view.embedding.coordinates,
            ax=left,
            sets=clusters,
            styles={name: looks.get(name, UNGROUPED) for name in names},
            axis_labels=("kernel component 1", "kernel component 2"),
            explained=view.embedding.explained,
        )
        left.set_title(title)
        plot_clustering(clusters, view.sets, ax=right, styles=view.styles)
    return figure
