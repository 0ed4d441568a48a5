"""At which energy groups of minima meet: the lowest minimax barrier between any two of their minima."""

from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np

from elsuite.analysis.disconnectivity import DisconnectivityTree, nodes_of
from elsuite.analysis.merge_tree import MergeTree
from elsuite.core.typing import Floats, Ids


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
