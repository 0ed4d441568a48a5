"""What each cluster of minima is made of: a bar a cluster, its pieces the sets."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elsuite.analysis.clustering import largest_clusters
from elsuite.analysis.view import View
from elsuite.plotting.coloring import clusters_of
from elsuite.plotting.embedding import plot_embedding
from elsuite.plotting.markers import UNGROUPED, SetStyle, category_styles, set_styles
from elsuite.plotting.picture import Picture, merge_remark, styles_of, view_remarks
from elsuite.plotting.style import DOUBLE_COLUMN, legend_above, new_axes, paper_style, shown, sized_figure


def plot_clustering(
    clusters: Sequence[str],
    sets: Sequence[str],
    *,
    ax: Axes | None = None,
    styles: Mapping[str, SetStyle] | None = None,
    most: int = 12,
) -> Axes:
    """Draw how many minima of each set every cluster holds.

    Parameters
    ----------
    clusters, sets : sequence of str (n,)
        The cluster of each minimum, as `cluster_names` gives them, and its set.
    most : int
        Clusters drawn, the largest first; the others are summed in one row that says so.

    Raises
    ------
    ValueError
        No minimum, or two lengths.

    Examples
    --------
    >>> ax = plot_clustering(["cluster 1", "cluster 1", "none"], ["sgd/train", "sgd/test", "sgd/train"])
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['cluster 1', 'none']
    """
    if not len(clusters) or len(clusters) != len(sets):
        raise ValueError(f"{len(clusters)} clusters given for {len(sets)} sets of minima; one each is needed")
    ax = new_axes(ax)
    styles = set_styles(sets) if styles is None else styles
    rows = largest_clusters(clusters, most)
    names = list(dict.fromkeys(rows))
    names.sort(key=lambda name: (name == "none", name.startswith("others"), -rows.count(name), len(name), name))
    left = np.zeros(len(names))
    for name, style in styles.items():
        counts = np.array([sum(r == row and s == name for r, s in zip(rows, sets, strict=True)) for row in names])
        if not counts.any():
            continue
        ax.barh(
            range(len(names)), counts, left=left, height=0.7, color=style.color, edgecolor="white", linewidth=0.6,
            label=shown(name),
        )  # fmt: skip
        left += counts
    for row, total in enumerate(left):
        ax.annotate(f"{total:.0f}", (total, row), xytext=(3, 0), textcoords="offset points", va="center", fontsize=7)
    ax.set_yticks(range(len(names)), [shown(name) for name in names])
    ax.set_ylim(max(len(names), 4) - 0.4, -0.6)
    ax.set_xlim(0, 1.1 * left.max())
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("number of minima")
    ax.locator_params(axis="x", integer=True, nbins=6)
    if len(set(sets)) > 1:
        legend_above(ax)
    return ax


MOST_CLUSTERS = 8
"""More colors than these can't be told apart."""


@paper_style()
def clustering_figure(view: View) -> Figure:
    """Return a clustering of the minima: where the clusters lie, and which sets they hold."""
    options = view.options
    found, title = clusters_of(view)
    clusters = largest_clusters(found, MOST_CLUSTERS)
    names = sorted(set(clusters), key=lambda name: (not name.startswith("cluster"), len(name), name))
    looks = category_styles(name for name in names if name.startswith("cluster"))
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
    plot_clustering(clusters, view.sets, ax=right, styles=styles_of(view))
    return figure


def clustering_remarks(view: View) -> list[str]:
    """Return how far the merges that separate the clusters are barriers, where the clusters are those of a tree.

    Examples
    --------
    >>> from elsuite.analysis.options import FigureOptions
    >>> from elsuite.database import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0, 1], "target": [1, 2], "height": [2.0, 3.0], "outcome": ["converged", "budget spent"]}
    >>> _ = database.add(minima={"energy": [[0.0], [1.0], [1.0]]}, paths=paths)
    >>> clustering_remarks(View(database, FigureOptions(method="superbasin", energy=2.0)))
    ['The weakest merge between clusters is not tested: its height is no barrier.']
    """
    evidence, options = view.clustering[0].evidence, view.options
    of_a_tree = options.method in {"superbasin", "persistence"} or options.distance == "barriers"
    said = [merge_remark("The weakest merge between clusters", evidence)] if evidence else []
    return said + (view_remarks(view) if of_a_tree else [])


PICTURE = Picture(
    clustering_figure,
    caption="A clustering of the minima: where the clusters lie on the map, and which sets they hold.",
    remarks=clustering_remarks,
    uses=frozenset({"distance", "energy", "finder", "joins", "kernel", "method"}),
    on_page=True,
    in_demo=True,
)
