"""What each cluster of minima is made of: a bar a cluster, its pieces the sets."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from elsuite.plotting.style import SetStyle, legend_above, new_axes, set_styles, shown

__all__ = ["cluster_names", "largest_clusters", "plot_clustering"]


def cluster_names(labels: ArrayLike) -> list[str]:
    """Return "cluster 1" for the largest cluster, and so on; -1 is "none".

    Parameters
    ----------
    labels : array_like of int (n,)
        -1: in no cluster.

    Returns
    -------
    list of str (n,)

    Examples
    --------
    >>> cluster_names([7, 7, 2, -1])
    ['cluster 1', 'cluster 1', 'cluster 2', 'none']
    """
    array = np.asarray(labels, dtype=int)
    found, counts = np.unique(array[array >= 0], return_counts=True)
    order = found[np.lexsort((found, -counts))]
    names = {int(label): f"cluster {number}" for number, label in enumerate(order, start=1)}
    return [names.get(int(label), "none") for label in array]


def largest_clusters(clusters: Sequence[str], most: int) -> list[str]:
    """Return the clusters with all but the `most` largest under one name that counts them; "none" stays.

    Parameters
    ----------
    clusters : sequence of str (n,)

    Returns
    -------
    list of str (n,)

    Examples
    --------
    >>> largest_clusters(["cluster 1", "cluster 1", "cluster 2", "cluster 3", "none"], 1)
    ['cluster 1', 'cluster 1', 'others (2)', 'others (2)', 'none']
    """
    counts = Counter(name for name in clusters if name != "none")
    kept = {"none", *sorted(counts, key=lambda name: (-counts[name], len(name), name))[:most]}
    others = f"others ({len(counts.keys() - kept)})"
    return [name if name in kept else others for name in clusters]


def plot_clustering(
    clusters: Sequence[str],
    sets: Sequence[str],
    *,
    ax: Axes | None = None,
    styles: Mapping[str, SetStyle] | None = None,
    most: int = 12,
    legend: bool = True,
) -> Axes:
    """Draw how many minima of each set every cluster holds.

    Parameters
    ----------
    clusters : sequence of str (n,)
        The cluster of each minimum, as `cluster_names` gives them.
    sets : sequence of str (n,)
        Its set.
    ax : Axes, optional
        A new figure's if None.
    styles : mapping, optional
        Set -> SetStyle.
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
    names.sort(
        key=lambda name: (name == "none", name.startswith("others"), -rows.count(name), len(name), name)
    )
    left = np.zeros(len(names))
    for name, style in styles.items():
        counts = np.array(
            [sum(r == row and s == name for r, s in zip(rows, sets, strict=True)) for row in names]
        )
        if not counts.any():
            continue
        ax.barh(
            range(len(names)), counts, left=left, height=0.7, color=style.color, edgecolor="white", linewidth=0.6,
            label=shown(name),
        )  # fmt: skip
        left += counts
    for row, total in enumerate(left):
        ax.annotate(
            f"{total:.0f}", (total, row), xytext=(3, 0), textcoords="offset points", va="center", fontsize=7
        )
    ax.set_yticks(range(len(names)), [shown(name) for name in names])
    ax.set_ylim(max(len(names), 4) - 0.4, -0.6)
    ax.set_xlim(0, 1.1 * left.max())
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("number of minima")
    ax.locator_params(axis="x", integer=True, nbins=6)
    if legend and len(set(sets)) > 1:
        legend_above(ax)
    return ax
