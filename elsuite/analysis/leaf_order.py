"""Orders of leaves: which siblings stand left and right, so that no lines cross."""

from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias

import numpy as np

from elsuite.analysis.merge_tree import MergeTree, leaf_starts
from elsuite.core.typing import Floats, Ids

OrderName: TypeAlias = Literal["energy", "size", "centered", "value"]


def ordered_starts(
    tree: MergeTree, order: OrderName | Sequence[Hashable], *, values: Floats, labels: Sequence[Hashable] | None = None
) -> Ids:
    """Return the position (n_nodes,) of each node's first leaf in an order; raises ValueError for an unknown name."""
    if isinstance(order, str):
        if order == "energy":
            return tree.starts
        if order == "size":
            return leaf_starts(tree, -tree.sizes)
        if order == "centered":
            return leaf_starts(tree, _sides(tree))
        if order != "value":
            allowed = "'energy', 'size', 'centered', 'value' and your own sequence"
            raise ValueError(f"no order {order!r}: there are {allowed}")
    else:
        values = _given_ranks(tree, order, labels)
    return leaf_starts(tree, means_of_leaves(tree, values, tree.starts, tree.leaf_order))


def _given_ranks(tree: MergeTree, order: Sequence[Hashable], labels: Sequence[Hashable] | None) -> Floats:
    names: Sequence[Hashable] = range(tree.n_leaves) if labels is None else labels
    rank = {label: k for k, label in enumerate(np.asarray(order).tolist() if labels is None else order)}
    missing = [name for name in names if name not in rank]
    if missing or len(order) != tree.n_leaves:
        what = f"{missing[0]!r} is missing" if missing else f"{len(order)} were given"
        raise ValueError(f"an order of leaves names each of the {tree.n_leaves} minima once: {what}")
    return np.array([rank[name] for name in names], dtype=np.float64)


def means_of_leaves(tree: MergeTree, values: Floats, starts: Ids, leaf_order: Ids) -> Floats:
    """Return the mean (n_nodes,) of `values` (n_leaves,) over the leaves under each node, in an order of leaves."""
    sums = np.concatenate([[0.0], np.cumsum(values[leaf_order])])
    means: Floats = (sums[starts + tree.sizes] - sums[starts]) / tree.sizes
    means[: tree.n_leaves] = values
    return means


# Sort keys that put the child with the lowest minimum between the others, both sides about as wide.
#
# From the root down the trunk of a minimum (all nodes whose lowest it is), each branch goes to the side that
# has fewer leaves so far, to the right when equal. A trunk thus stands in the middle of what hangs on it.
def _sides(tree: MergeTree) -> Ids:
    branches = tree.ended
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
