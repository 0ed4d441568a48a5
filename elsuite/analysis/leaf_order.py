"""Orders of leaves: which siblings stand left and right, so that no lines cross."""

from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elsuite.analysis.merge_tree import MergeTree, leaf_starts

OrderName: TypeAlias = Literal["energy", "size", "centered", "value"]


def ordered_starts(
    tree: MergeTree,
    order: OrderName | Sequence[Hashable],
    *,
    values: NDArray[np.float64],
    labels: Sequence[Hashable] | None = None,
) -> NDArray[np.int64]:
    """Return the position of each node's first leaf in an order named or given.

    Returns
    -------
    ndarray of int (n_nodes,)

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if isinstance(order, str):
        if order == "energy":
            return tree.starts
        if order == "size":
            return leaf_starts(tree, -tree.sizes)
        if order == "centered":
            return leaf_starts(tree, _sides(tree))
        if order == "value":
            return leaf_starts(tree, _means(tree, values))
        raise ValueError(f"no order {order!r}: there are 'energy', 'size', 'centered', 'value' and your own sequence")
    return leaf_starts(tree, _means(tree, _given_ranks(tree, order, labels)))


def _given_ranks(tree: MergeTree, order: Sequence[Hashable], labels: Sequence[Hashable] | None) -> NDArray[np.float64]:
    names: Sequence[Hashable] = range(tree.n_leaves) if labels is None else labels
    rank = {label: k for k, label in enumerate(np.asarray(order).tolist() if labels is None else order)}
    missing = [name for name in names if name not in rank]
    if missing or len(order) != tree.n_leaves:
        what = f"{missing[0]!r} is missing" if missing else f"{len(order)} were given"
        raise ValueError(f"an order of leaves names each of the {tree.n_leaves} minima once: {what}")
    return np.array([rank[name] for name in names], dtype=np.float64)


# The mean of `values` (n_leaves,) over the leaves under each node.
def _means(tree: MergeTree, values: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.concatenate([[0.0], np.cumsum(values[tree.leaf_order])])
    means: NDArray[np.float64] = (sums[tree.starts + tree.sizes] - sums[tree.starts]) / tree.sizes
    means[: tree.n_leaves] = values
    return means


# Sort keys that put the child with the lowest minimum between the others, both sides about as wide.
#
# From the root down the trunk of a minimum (all nodes whose lowest it is), each branch goes to the side that
# has fewer leaves so far, to the right when equal. A trunk thus stands in the middle of what hangs on it.
def _sides(tree: MergeTree) -> NDArray[np.int64]:
    inner = np.flatnonzero(tree.parents >= 0)
    branches = inner[tree.lowest[inner] != tree.lowest[tree.parents[inner]]]
    trunks = tree.lowest[tree.parents[branches]]
    # Trunk by trunk, from the top down, at one merge the largest first. An earlier branch stands further out
    # than a later one.
    place = trunks * tree.n_nodes + (tree.n_nodes - tree.parents[branches])
    crowded = len(branches) > tree.n_nodes - tree.n_leaves
    order = np.lexsort((-tree.sizes[branches], place)) if crowded else np.argsort(place)
    branches, trunks = branches[order], trunks[order]
    begins = np.diff(trunks, prepend=-1) != 0
    balance = 0  # leaves to the right of the trunk minus those to its left
    sides = []
    for size, begin in zip(tree.sizes[branches].tolist(), begins.tolist(), strict=True):
        if begin or balance <= 0:
            balance = size if begin else balance + size
            sides.append(1)
        else:
            balance -= size
            sides.append(-1)
    keys = np.zeros(tree.n_nodes, dtype=np.int64)
    keys[branches] = np.array(sides, dtype=np.int64) * np.arange(len(branches), 0, -1)
    return keys
