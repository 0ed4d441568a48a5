"""What the minima under a node have in common: a label; and the branches between two minima."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from elsuite.analysis.disconnectivity import DisconnectivityTree, nodes_of
from elsuite.analysis.merge_tree import MergeTree


def node_groups(
    tree: DisconnectivityTree | MergeTree, labels: Sequence[Hashable] | NDArray[np.generic]
) -> list[Hashable | None]:
    """Return the label (n_nodes,) that all minima under each node share, or None where they differ.

    Parameters
    ----------
    labels : sequence (n_leaves,)
        One a minimum, in the order of the leaves; None is no label, and a node over such a minimum has none.

    Raises
    ------
    ValueError
        If there is not one label a minimum.

    Examples
    --------
    >>> from elsuite.analysis import merge_tree
    >>> node_groups(merge_tree([0.0, 0.1, 0.2], [0, 1], [1, 2], [1.0, 2.0]), ["sgd", "sgd", "lbfgs"])
    ['sgd', 'sgd', 'lbfgs', 'sgd', None]
    """
    nodes = nodes_of(tree)
    given: list[Hashable] = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    if len(given) != nodes.n_leaves:
        raise ValueError(f"{nodes.n_leaves} labels are needed, one a minimum, not {len(given)}")
    codes: dict[Hashable, int] = {}
    ordered = np.array([codes.setdefault(label, len(codes)) for label in given], dtype=np.int64)[nodes.leaf_order]
    # A node's leaves are contiguous, so they agree if no change lies between its first and its last.
    changes = np.cumsum(np.diff(ordered, prepend=ordered[:1]) != 0)
    common = changes[nodes.starts] == changes[nodes.starts + nodes.sizes - 1]
    names = list(codes)
    first = ordered[nodes.starts].tolist()
    return [names[code] if same else None for code, same in zip(first, common.tolist(), strict=True)]


def branches_between(tree: MergeTree, a: int, b: int) -> tuple[list[int], int | None]:
    """Return the nodes under the merge that joins two nodes, from `a` up and from `b` down, and that merge.

    All nodes on the way and None if the two never join.

    Examples
    --------
    Leaves 0 and 1 join in node 3, that and leaf 2 in node 4.

    >>> from elsuite.analysis import merge_tree
    >>> branches_between(merge_tree([0.0, 0.1, 0.2], [0, 1], [1, 2], [1.0, 2.0]), 0, 2)
    ([0, 3, 2], 4)
    """
    rising, falling = [int(a)], [int(b)]
    while rising[-1] != falling[-1]:
        # Ids grow towards the root, so the smaller one of the two is never above the other.
        lower, other = (rising, falling) if rising[-1] < falling[-1] else (falling, rising)
        if lower[-1] < 0:
            lower, other = other, lower
        lower.append(int(tree.parents[lower[-1]]))
    join = rising.pop()
    falling.pop()
    return rising + falling[::-1], None if join < 0 else join
