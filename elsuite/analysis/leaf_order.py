"""Orders of leaves: which siblings stand left and right, so that no lines cross."""

from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elsuite.analysis.merge_tree import MergeTree, leaf_starts

__all__ = ["OrderName", "ordered_starts"]

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
        raise ValueError(
            f"no order {order!r}: there are 'energy', 'size', 'centered', 'value' and your own sequence"
        )
    return leaf_starts(tree, _means(tree, _given_ranks(tree, order, labels)))


def _given_ranks(
    tree: MergeTree, order: Sequence[Hashable], labels: Sequence[Hashable] | None
) -> NDArray[np.float64]:
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
    keys = [0] * tree.n_nodes
    parents, lowest, sizes = tree.parents.tolist(), tree.lowest.tolist(), tree.sizes.tolist()
    balance = [0] * tree.n_leaves  # leaves to the right of each trunk minus those to its left
    by_width = np.lexsort((-tree.sizes, -tree.parents)).tolist()  # parents descending: from the top down
    for step, node in enumerate(by_width, start=1):
        parent = parents[node]
        trunk = lowest[parent] if parent >= 0 else -1
        if parent < 0 or trunk == lowest[node]:
            continue
        # Outer branches come first from the top, so that a later one stands nearer to the trunk.
        if balance[trunk] > 0:
            keys[node] = step - tree.n_nodes - 1
            balance[trunk] -= sizes[node]
        else:
            keys[node] = tree.n_nodes + 1 - step
            balance[trunk] += sizes[node]
    return np.array(keys, dtype=np.int64)
