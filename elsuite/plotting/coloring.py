"""What the option ``color_by`` means for a database: a category or a number for each minimum."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from elsuite.analysis import cluster_agreement, superbasins
from elsuite.analysis.clustering import GRAPH_METHODS, cluster_names
from elsuite.analysis.view import View, split_energy
from elsuite.core.typing import Floats
from elsuite.plotting.markers import SetStyle, category_styles
from elsuite.plotting.picture import energy_label, styles_of
from elsuite.plotting.style import shown

MOST_GROUPS = 7
"""More groups than this take colors that no one tells apart: the smaller ones stay neutral."""
COLUMN_LABELS = {
    "gradient_norm": "gradient norm",
    "epoch": "epoch at which it was taken",
    "kernel1": "kernel component 1",
    "kernel2": "kernel component 2",
    "distance": "distance to the lowest minimum",
}


@dataclass(frozen=True)
class Coloring:
    """A category ("" is neutral) or a number, then named by `label`, for each minimum."""

    values: dict[int, str | float]
    styles: Mapping[str, SetStyle] = field(default_factory=dict)
    label: str = ""
    numbers: Floats | None = None
    """The numbers in the order of the view's minima, where they are numbers, shape (n,)."""
    is_sets: bool = False


def coloring(view: View) -> Coloring:
    """Return the coloring that the view's options ask for."""
    what = view.options.color_by
    ids = view.ids.tolist()
    if what in {"set", "none"}:
        # One set alone says nothing: its graph is drawn dark, as all of them once were.
        names = view.sets if what == "set" and len(styles_of(view)) > 1 else [""] * len(ids)
        return Coloring(dict(zip(ids, names, strict=True)), styles_of(view), is_sets=True)
    if what == "superbasin":
        basins = enumerate(superbasins(view.whole_tree, superbasin_energy(view)), start=1)
        named = {i: f"superbasin {k}" for k, basin in basins if len(basin) > 1 or k == 1 for i in basin}
        return _groups(ids, [named.get(i, "") for i in ids])
    if what == "cluster":
        return _groups(ids, clusters_of(view)[0])
    column = view.column(what)
    if column.dtype.kind in "fiu":
        numbers = column.astype(float)
        label = column_label(view, what)
        return Coloring(dict(zip(ids, numbers.tolist(), strict=True)), label=label, numbers=numbers)
    return _groups(ids, [str(value) for value in column])


def column_label(view: View, column: str) -> str:
    """Return the name of an axis or a scale bar of a column."""
    return energy_label(view) if column == "energy" else COLUMN_LABELS.get(column, shown(column.replace("_", " ")))


def superbasin_energy(view: View) -> float:
    """Return the energy of the superbasins: the one asked for, or where the tree is split most evenly."""
    return split_energy(view.whole_tree) if view.options.energy is None else view.options.energy


def _groups(ids: list[int], names: list[str]) -> Coloring:
    counts = Counter(name for name in names if name not in {"", "none"})
    largest = sorted(counts, key=lambda name: (-counts[name], len(name), name))[:MOST_GROUPS]
    shown = [name if name in largest else "" for name in names]
    return Coloring(dict(zip(ids, shown, strict=True)), category_styles(largest))


def clusters_of(view: View) -> tuple[list[str], str]:
    """Return the cluster of each minimum of the view by the method of its options, and a title that names it."""
    clustering, words = view.clustering
    if clustering.evidence:
        words += f"\nweakest merge between clusters: {clustering.evidence}"
    if len(view.set_names) > 1 and clustering.n_clusters > 0:
        agreement = cluster_agreement(clustering.labels.tolist(), view.sets)
        p = agreement.p_value
        if clustering.method in GRAPH_METHODS or view.options.distance == "barriers":
            # Clusters of barriers follow the pairs that were searched, so shuffled sets say nothing.
            basins = view.superbasin_agreement if clustering.method == "superbasins" else None
            p = np.nan if basins is None else basins.p_value
        shown_p = "" if np.isnan(p) else " (p < 0.001)" if p < 1e-3 else f" (p = {p:.2g})"
        words += f"\nadjusted Rand index with the sets {agreement.adjusted_rand:.2f}{shown_p}"
    return cluster_names(clustering.labels), words
