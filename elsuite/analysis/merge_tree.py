"""The exact merge tree of a barrier graph: arrays in, arrays out, no energy levels, no recursion."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsuite.network import spanning_forest

__all__ = ["MergeTree", "assemble_tree", "leaf_starts", "merge_tree", "tree_of_gaps"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MergeTree:
    """Which minima join at which energy.

    Nodes 0 to n_leaves - 1 are the minima; the others are merges, ascending in height. A parent's id is
    larger than its children's, so a pass over ascending ids goes from the leaves to the roots, over
    descending ids back.

    Attributes
    ----------
    n_leaves : int
        Number of minima.
    parents : ndarray of int (n_nodes,)
        The node that each node merges into; -1 for the root of a component.
    heights : ndarray (n_nodes,)
        Energy of each merge; of each minimum for a leaf.
    lowest : ndarray of int (n_nodes,)
        Lowest minimum under each node (of two equally low ones the first).
    sizes : ndarray of int (n_nodes,)
        Number of minima under each node.
    """

    n_leaves: int
    parents: Ints
    heights: Floats
    lowest: Ints
    sizes: Ints

    @property
    def n_nodes(self) -> int:
        """Number of leaves and merges together."""
        return len(self.parents)

    @cached_property
    def leaf_ranks(self) -> Ints:
        """Rank of each leaf in energy, from 0; of two equally low leaves the first has the lower rank."""
        ranks = np.empty(self.n_leaves, dtype=np.int64)
        ranks[np.argsort(self.heights[: self.n_leaves], kind="stable")] = np.arange(self.n_leaves)
        return ranks

    @cached_property
    def roots(self) -> Ints:
        """Top node of each component, the component with the lowest minimum first."""
        roots = np.flatnonzero(self.parents < 0)
        return roots[np.argsort(self.leaf_ranks[self.lowest[roots]])]

    @cached_property
    def _families(self) -> tuple[Ints, Ints]:
        order = np.lexsort((self.leaf_ranks[self.lowest], self.parents))
        return order, np.searchsorted(self.parents[order], np.arange(self.n_nodes + 1))

    def children(self, node: int) -> Ints:
        """Return the nodes that merge in `node`, the one with the lowest minimum first.

        Returns
        -------
        ndarray of int
        """
        order, firsts = self._families
        return order[firsts[node] : firsts[node + 1]]

    @cached_property
    def starts(self) -> Ints:
        """Position in `leaf_order` of each node's first leaf; the leaves of a node are contiguous there."""
        return leaf_starts(self, self.leaf_ranks[self.lowest])

    @cached_property
    def leaf_order(self) -> Ints:
        """The leaves in the tree's order: components and siblings by their lowest minimum, depth first."""
        order = np.empty(self.n_leaves, dtype=np.int64)
        order[self.starts[: self.n_leaves]] = np.arange(self.n_leaves)
        return order

    @cached_property
    def gaps(self) -> Floats:
        """Minimax barrier between neighbors in `leaf_order`, shape (n_leaves - 1,); inf between components.

        The barrier of any two leaves is the largest gap between them: with `leaf_order` this is the whole
        tree.
        """
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

    Returns
    -------
    MergeTree

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
        wrong = np.flatnonzero((positions < 0) | (positions >= len(minima)))
        if len(wrong):
            raise ValueError(
                f"edge {wrong[0]} ends at {positions[wrong[0]]}: the {len(minima)} minima are numbered from 0"
            )
    kept = np.isfinite(tops)
    if not kept.all():
        starts, ends, tops = starts[kept], ends[kept], tops[kept]
    tops = np.maximum(tops, np.maximum(minima[starts], minima[ends]))
    forest = spanning_forest(len(minima), starts, ends, tops)
    return assemble_tree(minima, starts[forest], ends[forest], tops[forest])


def _edges(sources: ArrayLike, targets: ArrayLike, heights: ArrayLike) -> tuple[Ints, Ints, Floats]:
    tops = np.asarray(heights, dtype=np.float64)
    ends = [np.asarray(sources), np.asarray(targets)]
    if tops.ndim != 1 or any(end.shape != tops.shape for end in ends):
        shapes = ", ".join(str(array.shape) for array in (*ends, tops))
        raise ValueError(f"sources, targets and heights have one entry an edge, not the shapes {shapes}")
    for end in ends:
        if len(end) and not np.issubdtype(end.dtype, np.integer):
            raise ValueError(f"the ends of edges are positions of minima (integers), not {end.dtype}")
    return ends[0].astype(np.int64), ends[1].astype(np.int64), tops


def assemble_tree(energies: Floats, sources: Ints, targets: Ints, heights: Floats) -> MergeTree:
    """Return the merge tree of the edges of a forest, which come ascending in height and close no cycle.

    Returns
    -------
    MergeTree
    """
    by_energy = np.argsort(energies, kind="stable")
    ranks = np.empty(len(energies), dtype=np.int64)
    ranks[by_energy] = np.arange(len(energies))
    parents, lowest, sizes = _binary_merges(len(ranks), ranks[sources].tolist(), ranks[targets].tolist())
    return _collapse(np.concatenate([energies[by_energy], heights]), ranks, parents, lowest, sizes)


# One merge an edge, for leaves numbered by energy. In this union-find the lowest leaf stands for its
# component, so that it is known at no cost; path halving alone keeps it near-linear.
def _binary_merges(n: int, sources: list[int], targets: list[int]) -> tuple[Ints, Ints, Ints]:
    leader = list(range(n))
    node = list(range(n))  # the node that a leader's component is by now
    parents = [-1] * (n + len(sources))
    lowest, sizes = list(range(n)), [1] * n
    for new, (a, b) in enumerate(zip(sources, targets, strict=True), start=n):
        while leader[a] != a:
            leader[a] = a = leader[leader[a]]
        while leader[b] != b:
            leader[b] = b = leader[leader[b]]
        if a > b:
            a, b = b, a
        left, right = node[a], node[b]
        parents[left] = parents[right] = new
        lowest.append(a)
        sizes.append(sizes[left] + sizes[right])
        leader[b] = a
        node[a] = new
    return (
        np.array(parents, dtype=np.int64),
        np.array(lowest, dtype=np.int64),
        np.array(sizes, dtype=np.int64),
    )


# From the binary tree, leaves numbered by energy, to the final one: chains of one height become one node,
# merges are numbered by height and then by their lowest minimum, leaves have their own numbers again.
def _collapse(heights: Floats, ranks: Ints, parents: Ints, lowest: Ints, sizes: Ints) -> MergeTree:
    n, n_nodes = len(ranks), len(parents)
    by_energy = np.argsort(ranks)
    top = np.arange(n_nodes)  # the highest node of each chain of equal heights; leaves are never part of one
    inner = n + np.flatnonzero(parents[n:] >= 0)
    equal = inner[heights[inner] == heights[parents[inner]]]
    top[equal] = parents[equal]
    while not np.array_equal(further := top[top], top):
        top = further
    kept = n + np.flatnonzero(top[n:] == np.arange(n, n_nodes))
    kept = kept[np.lexsort((lowest[kept], heights[kept]))]
    new = np.full(n_nodes + 1, -1, dtype=np.int64)  # the last entry answers for parent -1
    new[:n] = by_energy
    new[kept] = n + np.arange(len(kept))
    old = np.concatenate([ranks, kept])
    return MergeTree(
        n_leaves=n,
        parents=new[np.append(top, -1)[parents[old]]],
        heights=heights[old],
        lowest=by_energy[lowest[old]],
        sizes=sizes[old],
    )


def tree_of_gaps(energies: Floats, order: Ints, gaps: Floats) -> MergeTree:
    """Return the tree in which neighbors in `order` join at `gaps`: the inverse of `MergeTree.gaps`.

    Leaves far apart in the order join at the largest gap between them; gaps that are not finite separate
    components.

    Returns
    -------
    MergeTree
    """
    joined = np.flatnonzero(np.isfinite(gaps))
    joined = joined[np.argsort(gaps[joined], kind="stable")]
    return assemble_tree(energies, order[joined], order[joined + 1], gaps[joined])


def leaf_starts(tree: MergeTree, keys: NDArray[np.integer] | NDArray[np.floating]) -> Ints:
    """Return the position of each node's first leaf when siblings, and components, are ordered by `keys`.

    Returns
    -------
    ndarray of int (n_nodes,)
    """
    order = np.lexsort((tree.leaf_ranks[tree.lowest], keys, tree.parents))
    sizes, parents = tree.sizes[order], tree.parents[order]
    before = np.cumsum(sizes) - sizes
    firsts = np.flatnonzero(np.diff(parents, prepend=-2))
    offsets = np.empty(tree.n_nodes, dtype=np.int64)
    offsets[order] = before - np.repeat(before[firsts], np.diff(firsts, append=len(order)))
    return _sums_from_root(offsets, tree.parents)


# For each node the sum over itself and all nodes above it.
def _sums_from_root(values: Ints, parents: Ints) -> Ints:
    sums, above = values.tolist(), parents.tolist()
    for node in range(len(sums) - 1, -1, -1):
        if above[node] >= 0:
            sums[node] += sums[above[node]]
    return np.array(sums, dtype=np.int64)
