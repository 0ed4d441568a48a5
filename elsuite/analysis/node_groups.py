"""Groups of minima in a tree: which nodes hold one only, at which energy two meet; and the branches between two."""

from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from elsuite.analysis.disconnectivity import DisconnectivityTree, nodes_of
from elsuite.analysis.merge_tree import MergeTree
from elsuite.core.typing import Floats, Ids


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


def meeting_energies(
    tree: DisconnectivityTree | MergeTree, groups: Sequence[Hashable]
) -> dict[tuple[Hashable, Hashable], float]:
    """Return the energy at which each two groups first share a superbasin; inf if they never meet.

    Parameters
    ----------
    groups : sequence (n_leaves,)
        One a minimum, such as its set or minimizer; None: in no group.

    Raises
    ------
    ValueError
        If there is not one group a minimum.

    Examples
    --------
    >>> from elsuite.analysis import merge_tree
    >>> tree = merge_tree([0.0, 0.1, 0.2], [0, 1], [1, 2], [1.0, 2.0])
    >>> meeting_energies(tree, ["sgd", "sgd", "lbfgs"])
    {('sgd', 'lbfgs'): 2.0}
    """
    nodes = nodes_of(tree)
    if len(groups) != nodes.n_leaves:
        raise ValueError(f"{nodes.n_leaves} groups are needed, one a minimum, not {len(groups)}")
    known: dict[Hashable, int] = {None: -1}
    codes = np.array([known.setdefault(group, len(known) - 1) for group in groups], dtype=np.int64)
    ordered = codes[nodes.leaf_order]
    return {
        (one, other): _meeting(nodes.gaps, ordered, known[one], known[other])
        for one, other in combinations([group for group in known if group is not None], 2)
    }


# Along the tree's order of leaves the barrier of two is the largest gap between them, so the lowest between
# two groups is that of some minima of the two that have no other of either between them.
def _meeting(gaps: Floats, codes: Ids, one: int, other: int) -> float:
    places = np.flatnonzero((codes == one) | (codes == other))
    if len(places) < 2:
        return float("inf")
    barriers = np.maximum.reduceat(gaps[: places[-1]], places[:-1])
    return float(barriers[codes[places[1:]] != codes[places[:-1]]].min(initial=np.inf))
