"""Where every line of a disconnectivity graph goes: numbers only, drawing is left to `elsuite.plotting`.

Energy levels, as the classical drawings have them, are a choice of drawing as well.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from elsuite.analysis.disconnectivity import DisconnectivityTree, nodes_of
from elsuite.analysis.leaf_order import OrderName, means_of_leaves, ordered_starts
from elsuite.analysis.merge_tree import MergeTree, tree_of_gaps
from elsuite.analysis.scales import EnergyScale, LinearScale, ScaleName, energy_scale
from elsuite.core.representing import short_repr
from elsuite.core.typing import Array, Floats, Ids

Style: TypeAlias = Literal["rectangular", "sloped"]

COMPONENT_GAP = 1.0
"""Extra distance between components, in leaves."""


@dataclass(frozen=True, eq=False)
class TreeLayout:
    """The geometry of a disconnectivity graph: one leaf is one unit wide, heights are as drawn (see `scale`).

    Attributes
    ----------
    tree : MergeTree
        The tree that is drawn: with levels, its merges are at the levels. Colors by node refer to its nodes.
    leaf_order : ndarray of int (n_leaves,)
        The leaves from left to right.
    x, y : ndarray (n_nodes,)
        Position of each node; y is ``scale.forward(tree.heights)``.
    segments : ndarray (n_segments, 2, 2)
        Lines as ``[[x0, y0], [x1, y1]]``: what a matplotlib LineCollection takes.
    segment_nodes : ndarray of int (n_segments,)
        The node that each segment belongs to: the lower one of a vertical or sloped segment, the merge of a
        horizontal one.
    top : float
        Drawn height at which the stems of the components end.
    scale : EnergyScale
        Between energies and drawn heights; the axis is numbered in true units.
    """

    tree: MergeTree
    leaf_order: Ids
    x: Floats
    y: Floats
    segments: Floats
    segment_nodes: Ids
    top: float
    scale: EnergyScale

    __repr__ = short_repr


def tree_layout(
    tree: DisconnectivityTree | MergeTree,
    *,
    order: OrderName | Sequence[Hashable] = "centered",
    values: ArrayLike | None = None,
    axis: Literal["rank", "value"] = "rank",
    style: Style = "rectangular",
    slope: float = 0.05,
    levels: int | ArrayLike | None = None,
    scale: ScaleName | EnergyScale = "linear",
) -> TreeLayout:
    """Return the positions of all nodes and lines of a disconnectivity graph.

    Parameters
    ----------
    order : {"centered", "energy", "size", "value"} or sequence
        Order of siblings, and of components: the lowest in the middle and the others to both sides of it
        (components: by their lowest minimum); by their lowest minimum; by their number of minima, largest
        first; by the mean of `values`; or as near as lines that don't cross allow to the caller's order of
        all labels (of a MergeTree: leaf numbers).
    values : array-like (n_leaves,), optional
        A number for each leaf, for ``order="value"`` and ``axis="value"``.
    axis : {"rank", "value"}
        Leaves one apart, or each at its value, its merges at the mean of their leaves (lines may then cross).
    slope : float
        Sloped lines: the share of the drawn range over which a line leaves the vertical under its merge, 1
        for straight lines; with `levels` lines are sloped below their level only, as in the classical
        drawings.
    levels : int or array-like, optional
        Energies that merges are raised to, or how many, equally spaced as drawn. None draws the exact tree.

    Raises
    ------
    ValueError
        If an option is unknown, or values or an order are missing or of the wrong length.

    Examples
    --------
    >>> from elsuite.analysis import merge_tree
    >>> tree = merge_tree([0.0, 0.2], [0], [1], [1.0])
    >>> layout = tree_layout(tree)
    >>> layout.x.tolist(), layout.y.tolist()
    ([0.0, 1.0, 0.5], [0.0, 0.2, 1.0])
    >>> len(layout.segments)  # two branches, the line that joins them, and the root's stem
    4
    """
    labels = tree.leaves if isinstance(tree, DisconnectivityTree) else None
    exact = nodes_of(tree)
    by_value = isinstance(order, str) and order == "value"
    leaf_values = _checked_values(exact, values, needed=axis == "value" or by_value)
    axis_scale = energy_scale(scale, exact.heights) if isinstance(scale, str) else scale
    drawn = exact if levels is None else with_levels(exact, levels, scale=axis_scale)
    starts = ordered_starts(drawn, order, values=leaf_values, labels=labels)
    leaf_order = np.empty(drawn.n_leaves, dtype=np.int64)
    leaf_order[starts[: drawn.n_leaves]] = np.arange(drawn.n_leaves)
    if axis == "value":
        x = means_of_leaves(drawn, leaf_values, starts, leaf_order)
    elif axis == "rank":
        # The middle between the first and the last leaf of each node; leaves are one apart.
        x = starts + (drawn.sizes - 1) / 2
        if len(drawn.roots) > 1:
            gaps = np.zeros(drawn.n_leaves)
            gaps[np.sort(starts[drawn.roots])[1:]] = COMPONENT_GAP
            x = x + np.cumsum(gaps)[starts]
    else:
        raise ValueError(f"no axis {axis!r}: there are 'rank' and 'value'")
    y = axis_scale.forward(drawn.heights)
    # Stems end a twentieth of the drawn range above everything.
    top = float(y.max() + (0.05 * np.ptp(y) or 1.0)) if len(y) else 1.0
    segments, nodes = _lines(drawn, x, y, top, style=style, bend=_bend(drawn, y, slope, levels))
    return TreeLayout(drawn, leaf_order, x, y, segments, nodes, top, axis_scale)


def _checked_values(tree: MergeTree, values: ArrayLike | None, *, needed: bool) -> Floats:
    if values is None:
        if needed:
            raise ValueError("order='value' and axis='value' need values: one number for each leaf")
        return np.zeros(0)
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != (tree.n_leaves,) or not np.isfinite(numbers).all():
        raise ValueError(f"values are {tree.n_leaves} finite numbers, one a leaf, not an array {numbers.shape}")
    return numbers


# How far below its merge, as drawn, a sloped line leaves the vertical.
def _bend(tree: MergeTree, y: Floats, slope: float, levels: int | ArrayLike | None) -> float:
    if not slope >= 0:
        raise ValueError(f"slope is a share of the drawn range, at least 0, not {slope}")
    rows = np.unique(y[tree.n_leaves :]) if levels is not None else np.zeros(0)
    if len(rows) > 1:
        return float(np.diff(rows).min())
    return slope * float(y.max() - y.min()) if len(y) else 0.0


def _lines(tree: MergeTree, x: Floats, y: Floats, top: float, *, style: Style, bend: float) -> tuple[Floats, Ids]:
    inner = np.flatnonzero(tree.parents >= 0)
    above = tree.parents[inner]
    roots = tree.roots
    stems = (roots, x[roots], y[roots], x[roots], np.full(len(roots), top))
    if style == "rectangular":
        merges = np.arange(tree.n_leaves, tree.n_nodes)
        left, right = np.full(len(merges), np.inf), np.full(len(merges), -np.inf)
        np.minimum.at(left, above - tree.n_leaves, x[inner])
        np.maximum.at(right, above - tree.n_leaves, x[inner])
        bars = (merges, left, y[merges], right, y[merges])
        return _segments((inner, x[inner], y[inner], x[inner], y[above]), bars, stems)
    if style == "sloped":
        knee = np.maximum(y[inner], y[above] - bend)
        low = np.flatnonzero(knee > y[inner])
        vertical = (inner[low], x[inner[low]], y[inner[low]], x[inner[low]], knee[low])
        return _segments(vertical, (inner, x[inner], knee, x[above], y[above]), stems)
    raise ValueError(f"no style {style!r}: there are 'rectangular' and 'sloped'")


# Lines given as nodes, x0, y0, x1, y1, as one array of segments and one of nodes.
def _segments(*groups: tuple[Array, ...]) -> tuple[Floats, Ids]:
    nodes = np.concatenate([group[0] for group in groups])
    segments = np.empty((len(nodes), 4))
    done = 0
    for group in groups:
        part = segments[done : done + len(group[0])]
        for column, values in enumerate(group[1:]):
            part[:, column] = values
        done += len(part)
    return segments.reshape(-1, 2, 2), nodes


def with_levels(tree: MergeTree, levels: int | ArrayLike, *, scale: EnergyScale | None = None) -> MergeTree:
    """Return the tree with each merge raised to the first level at or above it.

    Merges that come to lie at one level in one component become one. Merges above the last level stay where
    they are, so that nothing is lost.

    Parameters
    ----------
    levels : int or array-like
        Energies of the levels; a number of levels spaces them equally on `scale` from the lowest minimum to
        the highest merge, which the last one equals exactly.
    scale : EnergyScale, optional
        Linear by default.

    Examples
    --------
    >>> from elsuite.analysis import merge_tree
    >>> with_levels(merge_tree([0.0, 0.0, 0.0], [0, 1], [1, 2], [0.8, 0.9]), [1.0, 2.0]).heights.tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    rows = _level_energies(tree, levels, scale or LinearScale())
    raised = np.append(rows, np.inf)[np.searchsorted(rows, tree.gaps)]
    raised = np.where(np.isfinite(raised), raised, tree.gaps)
    return tree_of_gaps(tree.heights[: tree.n_leaves], tree.leaf_order, raised)


def _level_energies(tree: MergeTree, levels: int | ArrayLike, scale: EnergyScale) -> Floats:
    if not isinstance(levels, int):
        rows = np.unique(np.asarray(levels, dtype=np.float64))
        if not len(rows) or not np.isfinite(rows).all():
            raise ValueError("levels are finite energies, at least one, or their number")
        return rows
    if levels < 1:
        raise ValueError(f"at least one level is needed, not {levels}")
    if tree.n_nodes == tree.n_leaves:
        return np.zeros(1)  # nothing to raise
    highest = tree.heights[-1]
    ends = scale.forward([tree.heights[: tree.n_leaves].min(), highest])
    rows = scale.inverse(np.linspace(ends[0], ends[1], levels + 1)[1:])
    rows[-1] = highest
    return np.unique(rows)
