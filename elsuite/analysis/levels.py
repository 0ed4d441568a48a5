"""Energy levels, as the classical drawings of disconnectivity graphs have them: a choice of drawing only."""

import numpy as np
from numpy.typing import ArrayLike

from elsuite.analysis.merge_tree import MergeTree, tree_of_gaps
from elsuite.analysis.scales import EnergyScale, LinearScale
from elsuite.core.typing import Floats


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
