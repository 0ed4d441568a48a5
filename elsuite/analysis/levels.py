"""Energy levels, as the classical drawings of disconnectivity graphs have them: a choice of drawing only."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsuite.analysis.energy_scale import EnergyScale, LinearScale
from elsuite.analysis.merge_tree import MergeTree, assemble_tree

__all__ = ["with_levels"]


def with_levels(tree: MergeTree, levels: int | ArrayLike, *, scale: EnergyScale | None = None) -> MergeTree:
    """Return the tree with each merge raised to the first level at or above it.

    Merges that come to lie at one level in one component become one. Merges above the last level stay where they
    are, so that nothing is lost.

    Parameters
    ----------
    tree : MergeTree
    levels : int or array-like
        Energies of the levels; a number of levels spaces them equally on `scale` from the lowest minimum to the
        highest merge, which the last one equals exactly.
    scale : EnergyScale, optional
        Linear by default.

    Returns
    -------
    MergeTree

    Raises
    ------
    ValueError
        If there is no level.
    """
    merges = tree.heights[tree.n_leaves :]
    rows = _level_energies(tree, levels, scale or LinearScale())
    position = np.searchsorted(rows, merges)
    raised = np.where(position < len(rows), rows[np.minimum(position, len(rows) - 1)], merges)
    later = np.flatnonzero((tree.parents >= 0) & (tree.lowest != tree.lowest[tree.parents]))
    later = later[np.argsort(tree.parents[later], kind="stable")]
    above = tree.parents[later]
    return assemble_tree(
        tree.heights[: tree.n_leaves],
        tree.lowest[later],
        tree.lowest[above],
        raised[above - tree.n_leaves],
    )


def _level_energies(tree: MergeTree, levels: int | ArrayLike, scale: EnergyScale) -> NDArray[np.float64]:
    if not isinstance(levels, int):
        rows = np.unique(np.asarray(levels, dtype=np.float64))
        if not len(rows) or not np.isfinite(rows).all():
            raise ValueError("levels are finite energies, at least one, or their number")
        return rows
    if levels < 1:
        raise ValueError(f"at least one level is needed, not {levels}")
    if tree.n_nodes == tree.n_leaves:
        return np.zeros(1)
    highest = tree.heights.max()
    if tree.n_nodes > tree.n_leaves:
        highest = tree.heights[-1]
    ends = scale.forward([tree.heights[: tree.n_leaves].min(), highest])
    rows = scale.inverse(np.linspace(ends[0], ends[1], levels + 1)[1:])
    rows[-1] = highest
    return np.unique(rows)
