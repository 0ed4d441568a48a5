"""The exact merge tree of a barrier graph: arrays in, arrays out, no energy levels, no recursion."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids
from elsuite.network.kruskal import Joins, kruskal

BLOCK = 8192
"""Nodes that are worked on at a time where the whole tree would not fit a processor's cache."""


@dataclass(frozen=True, eq=False)
class MergeTree:
    """Which minima join at which energy.

    Nodes 0 to n_leaves - 1 are the minima; the others are merges, ascending in height. A parent's id is
    larger than its children's, so a pass over ascending ids goes from the leaves to the roots, over
    descending ids back.

    Attributes
    ----------
    parents : ndarray of int (n_nodes,)
        The node that each node merges into; -1 for the root of a component.
    heights : ndarray (n_nodes,)
        Energy of each merge; of each minimum for a leaf.
    lowest : ndarray of int (n_nodes,)
        Lowest minimum under each node (of two equally low ones the first).
    sizes : ndarray of int (n_nodes,)
        Number of minima under each node.
    leaf_ranks : ndarray of int (n_leaves,)
        Rank of each minimum in energy, from 0; of two equally low ones the first has the lower rank.

    Examples
    --------
    Minima 0 and 1 join in node 3, that and minimum 2 in the root.

    >>> tree = merge_tree([0.5, 0.0, 0.2], [0, 1], [1, 2], [1.0, 3.0])
    >>> tree.roots.tolist(), tree.children(4).tolist(), tree.children(3).tolist()
    ([4], [3, 2], [1, 0])
    >>> tree.leaf_order.tolist(), tree.gaps.tolist()
    ([1, 0, 2], [1.0, 3.0])
    """

    n_leaves: int
    parents: Ids
    heights: Floats
    lowest: Ids
    sizes: Ids
    leaf_ranks: Ids

    __repr__ = short_repr

    @property
    def n_nodes(self) -> int:
        """Number of leaves and merges together."""
        return len(self.parents)

    @cached_property
    def roots(self) -> Ids:
        """Top node of each component, the component with the lowest minimum first."""
        roots = np.flatnonzero(self.parents < 0)
        return roots[np.argsort(self.leaf_ranks[self.lowest[roots]])]

    @cached_property
    def _families(self) -> tuple[Ids, Ids]:
        order = np.lexsort((self.leaf_ranks[self.lowest], self.parents))
        return order, np.searchsorted(self.parents[order], np.arange(self.n_nodes + 1))

    @cached_property
    def ended(self) -> Ids:
        """Top node of each superbasin that joins one with a lower minimum: one for each minimum that dies."""
        inner = np.flatnonzero(self.parents >= 0)
        ended: Ids = inner[self.lowest[inner] != self.lowest[self.parents[inner]]]
        return ended

    def children(self, node: int) -> Ids:
        """Return the nodes that merge in `node`, the one with the lowest minimum first."""
        order, firsts = self._families
        return order[firsts[node] : firsts[node + 1]]

    @cached_property
    def starts(self) -> Ids:
        """Position in `leaf_order` of each node's first leaf; the leaves of a node are contiguous there."""
        return _starts_by_energy(self)

    @cached_property
    def leaf_order(self) -> Ids:
        """The leaves in the tree's order: components and siblings by their lowest minimum, depth first."""
        order = np.empty(self.n_leaves, dtype=np.int64)
        order[self.starts[: self.n_leaves]] = np.arange(self.n_leaves)
        return order

    def leaves_under(self, node: int) -> Ids:
        """Return the leaves under a node, in the tree's order."""
        return self.leaf_order[self.starts[node] : self.starts[node] + self.sizes[node]]

    @cached_property
    def gaps(self) -> Floats:
        """Barriers (n_leaves - 1,) of neighbors in `leaf_order`, or inf; that of others is the largest between them."""
        gaps = np.full(max(self.n_leaves - 1, 0), np.inf)
        inner = np.flatnonzero(self.parents >= 0)
        later = inner[self.starts[inner] != self.starts[self.parents[inner]]]
        gaps[self.starts[later] - 1] = self.heights[self.parents[later]]
        return gaps


def merge_tree(energies: ArrayLike, sources: ArrayLike, targets: ArrayLike, heights: ArrayLike) -> MergeTree:
    """Return the exact merge tree of minima and the edges between them.

    By Kruskal's rule: edges in ascending height; each that joins two components merges them at its height.
    The height of two leaves' common node is their minimax barrier, so this is single linkage on the
    barriers.

    The rules. All minima are leaves, isolated ones too; components that never join keep separate roots. An
    edge under the energy of one of its ends is lifted to the higher end. Of parallel edges the lowest
    counts, self edges never do. Edges whose height is not finite (a failed search) are left out. Components
    that join at exactly one height join in one node of two or more children. Merges of one height are
    ordered by their lowest minimum; of equally low minima the first is the lower one. So the result does
    not depend on the order of the edges.

    Parameters
    ----------
    energies : array-like (n_minima,)
    sources, targets : array-like of int (n_edges,)
        The minima that each edge joins, as positions in `energies`.
    heights : array-like (n_edges,)
        Highest energy along each edge, absolute, in the unit of `energies`.

    Raises
    ------
    ValueError
        If a minimum's energy is not finite, an edge's end is no minimum, or lengths differ.

    Notes
    -----
    O(M log M) for M edges, one pass of union-find over the n - 1 edges of a minimum spanning forest.

    Examples
    --------
    >>> tree = merge_tree([0.0, 0.2, 0.1], [0, 1], [1, 2], [0.5, 0.9])
    >>> tree.parents.tolist(), tree.heights.tolist()
    ([3, 3, 4, 4, -1], [0.0, 0.2, 0.1, 0.5, 0.9])
    """
    minima, starts, ends, tops = np.asarray(energies, np.float64), *_edges(sources, targets, heights)
    if minima.ndim != 1:
        raise ValueError(f"energies are an array (n_minima,), not {minima.shape}")
    bad = np.flatnonzero(~np.isfinite(minima))
    if len(bad):
        raise ValueError(f"the energy of minimum {bad[0]} is {minima[bad[0]]}: minima need finite energies")
    for positions in (starts, ends):
        if len(positions) and not 0 <= positions.min() <= positions.max() < len(minima):
            wrong = np.flatnonzero((positions < 0) | (positions >= len(minima)))[0]
            raise ValueError(f"edge {wrong} ends at {positions[wrong]}: the {len(minima)} minima are numbered from 0")
    kept = np.isfinite(tops)
    if not kept.all():
        starts, ends, tops = starts[kept], ends[kept], tops[kept]
    lifted = np.maximum(tops, minima[starts])
    np.maximum(lifted, minima[ends], out=lifted)
    return assemble_tree(minima, starts, ends, lifted)


def _edges(sources: ArrayLike, targets: ArrayLike, heights: ArrayLike) -> tuple[Ids, Ids, Floats]:
    tops = np.asarray(heights, dtype=np.float64)
    ends = [np.asarray(sources), np.asarray(targets)]
    if tops.ndim != 1 or any(end.shape != tops.shape for end in ends):
        shapes = ", ".join(str(array.shape) for array in (*ends, tops))
        raise ValueError(f"sources, targets and heights have one entry an edge, not the shapes {shapes}")
    for end in ends:
        if len(end) and not np.issubdtype(end.dtype, np.integer):
            raise ValueError(f"the ends of edges are positions of minima (integers), not {end.dtype}")
    return ends[0].astype(np.int64, copy=False), ends[1].astype(np.int64, copy=False), tops


def assemble_tree(energies: Floats, sources: Ids, targets: Ids, heights: Floats) -> MergeTree:
    """Return the merge tree of edges that are known to be valid: finite, and under neither of their ends."""
    by_energy = np.argsort(energies, kind="stable")
    ranks = np.empty(len(energies), dtype=np.int64)
    ranks[by_energy] = np.arange(len(energies))
    # With leaves numbered by energy a component's smallest number is its lowest minimum.
    short = ranks.astype(np.intc)
    joins = kruskal(len(ranks), short[sources], short[targets], heights)
    tops = np.concatenate([energies[by_energy], heights[joins.edges]])
    return _collapse(tops, by_energy, ranks, joins)


# One node for each join of two components: the node that each leaf or join becomes part of, -1 at the top.
def _binary_parents(n: int, joins: Joins) -> Ids:
    new = np.arange(n, n + len(joins.edges))
    node = np.arange(n)  # what each component is before it loses: its last join, or a leaf
    node[joins.winners] = new
    parents = np.full(n + len(new), -1, dtype=np.int64)
    parents[node[joins.losers]] = new
    order = np.argsort(joins.winners, kind="stable")
    winners = joins.winners[order]
    again = np.flatnonzero(winners[1:] == winners[:-1])  # a winner's node before a join is its join before that
    before = winners.copy()
    before[again + 1] = new[order[again]]
    parents[before] = new[order]
    return parents


# From the binary tree, leaves numbered by energy, to the final one: chains of one height become one node,
# merges are numbered by height and then by their lowest minimum, leaves have their own numbers again.
def _collapse(heights: Floats, by_energy: Ids, ranks: Ids, joins: Joins) -> MergeTree:
    n, n_nodes = len(ranks), len(heights)
    parents = _binary_parents(n, joins)
    kept = np.arange(n, n_nodes)
    inner = kept[parents[n:] >= 0]
    equal = inner[heights[inner] == heights[parents[inner]]]
    top = np.arange(n_nodes + 1)  # the highest node of each chain of equal heights; the last entry is for parent -1
    if len(equal):
        top[equal] = parents[equal]
        while not np.array_equal(further := top[top], top):
            top = further
        kept = np.delete(kept, equal - n)
    if (heights[kept][1:] == heights[kept][:-1]).any():
        kept = kept[np.lexsort((joins.winners[kept - n], heights[kept]))]
    new = np.empty(n_nodes + 1, dtype=np.int64)
    new[:n], new[kept], new[-1] = by_energy, np.arange(n, n + len(kept)), -1
    return MergeTree(
        n_leaves=n,
        parents=new[top[np.concatenate([parents[ranks], parents[kept]])]],
        heights=np.concatenate([heights[ranks], heights[kept]]),
        lowest=np.concatenate([np.arange(n), by_energy[joins.winners[kept - n]]]),
        sizes=np.concatenate([np.ones(n, dtype=np.int64), joins.sizes[kept - n]]),
        leaf_ranks=ranks,
    )


def tree_of_gaps(energies: Floats, order: Ids, gaps: Floats) -> MergeTree:
    """Return the tree in which neighbors in `order` join at `gaps` that are finite: the inverse of `MergeTree.gaps`."""
    joined = np.flatnonzero(np.isfinite(gaps))
    return assemble_tree(energies, order[joined], order[joined + 1], gaps[joined])


# The tree's own order, without sorting where two join: every node begins with its lowest leaf, so that the
# places of the leaves say all, and a leaf's place is that of the lowest leaf of what its superbasin joins,
# and what is between.
def _starts_by_energy(tree: MergeTree) -> Ids:
    ended = tree.ended
    above, sizes = tree.parents[ended], tree.sizes[ended]
    before = tree.sizes[above] - sizes  # of two
    crowded = np.flatnonzero(np.bincount(above, minlength=tree.n_nodes)[above] > 1)
    if len(crowded):  # of more: all but what stands from here to the end
        crowded = crowded[np.lexsort((tree.leaf_ranks[tree.lowest[ended[crowded]]], above[crowded]))]
        before[crowded] = tree.sizes[above[crowded]] - sizes[crowded]
        later = np.cumsum(sizes[crowded][::-1])[::-1] - sizes[crowded]
        lasts = np.flatnonzero(np.diff(above[crowded], append=-1))
        before[crowded] -= later - np.repeat(later[lasts], np.diff(lasts, prepend=-1))
    places, elders = np.zeros(tree.n_leaves, dtype=np.int64), np.full(tree.n_leaves, -1)
    places[tree.lowest[ended]], elders[tree.lowest[ended]] = before, tree.lowest[above]
    places[tree.lowest[tree.roots]] = np.cumsum(tree.sizes[tree.roots]) - tree.sizes[tree.roots]
    # From the highest leaf to the lowest, so that an elder comes later, as a parent does.
    late = tree.n_leaves - 1 - tree.leaf_ranks
    sorted_places, sorted_elders = np.empty_like(places), np.empty_like(elders)
    sorted_places[late], sorted_elders[late] = places, np.where(elders < 0, -1, late[elders])
    return _sums_from_root(sorted_places, sorted_elders)[late][tree.lowest]


def leaf_starts(tree: MergeTree, keys: NDArray[np.integer] | NDArray[np.floating]) -> Ids:
    """Return the position (n_nodes,) of each node's first leaf, siblings ordered by `keys`, then by lowest minima."""
    n_children = np.bincount(tree.parents + 1, minlength=tree.n_nodes + 1)  # first the number of roots
    family = tree.parents + 1
    twins = np.flatnonzero(n_children[family] == 2)
    # Number of leaves of the siblings that stand before each node (of the components, before a root).
    offsets = np.zeros(tree.n_nodes, dtype=np.int64)
    # Of two siblings the later one stands after as many leaves as the earlier one has: no sorting.
    sums = np.zeros(tree.n_nodes + 1, dtype=np.int64)
    np.add.at(sums, family[twins], twins)
    other = sums[family[twins]] - twins
    mine, theirs = keys[twins], keys[other]
    lower = tree.leaf_ranks[tree.lowest[other]] < tree.leaf_ranks[tree.lowest[twins]]
    offsets[twins] = np.where((theirs < mine) | ((theirs == mine) & lower), tree.sizes[other], 0)
    many = np.flatnonzero(n_children[family] > 2)
    many = many[np.lexsort((tree.leaf_ranks[tree.lowest[many]], keys[many], family[many]))]
    before = np.cumsum(tree.sizes[many]) - tree.sizes[many]
    firsts = np.flatnonzero(np.diff(family[many], prepend=-1))
    offsets[many] = before - np.repeat(before[firsts], np.diff(firsts, append=len(many)))
    return _sums_from_root(offsets, tree.parents)


# For each node the sum over itself and all nodes above it; parents are later nodes. From the last nodes to the
# first, a block that fits a processor's cache at a time: what lies above the block is summed already, and within
# it the number of ancestors that are summed doubles.
def _sums_from_root(values: Ids, parents: Ids) -> Ids:
    sums = values.copy()
    for stop in range(len(parents), 0, -BLOCK):
        start = max(0, stop - BLOCK)
        none = stop - start
        part, above = np.append(sums[start:stop], 0), np.append(parents[start:stop], -1)
        outside = np.flatnonzero(above >= stop)
        part[outside] += sums[above[outside]]
        above = np.where((above < 0) | (above >= stop), none, above - start)
        while (above != none).any():
            part += part[above]
            above = above[above]
        sums[start:stop] = part[:-1]
    return sums
