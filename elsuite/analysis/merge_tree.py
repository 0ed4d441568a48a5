"""The exact merge tree of a barrier graph: arrays in, arrays out, no energy levels, no recursion."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsuite.network import spanning_forest

__all__ = ["MergeTree", "assemble_tree", "merge_tree", "sums_from_root"]


@dataclass(frozen=True, eq=False)
class MergeTree:
    """Which minima join at which energy. Nodes 0..n_leaves-1 are the minima; the others are merges, ascending in height.

    A parent's id is always larger than its children's, so one pass over ascending ids goes from the leaves to the
    roots, one over descending ids the other way.

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
    parents: NDArray[np.int64]
    heights: NDArray[np.float64]
    lowest: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def n_nodes(self) -> int:
        """Number of leaves and merges together."""
        return len(self.parents)

    @property
    def roots(self) -> NDArray[np.int64]:
        """Top node of each component, the component with the lowest minimum first."""
        roots = np.flatnonzero(self.parents < 0)
        return roots[np.argsort(self.leaf_ranks[self.lowest[roots]])]

    @cached_property
    def leaf_ranks(self) -> NDArray[np.int64]:
        """Rank of each leaf in energy, from 0; of two equally low leaves the first has the lower rank."""
        ranks = np.empty(self.n_leaves, dtype=np.int64)
        ranks[np.argsort(self.heights[: self.n_leaves], kind="stable")] = np.arange(self.n_leaves)
        return ranks

    @cached_property
    def _children(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        order = np.lexsort((self.leaf_ranks[self.lowest], self.parents))
        return order, np.searchsorted(self.parents[order], np.arange(self.n_nodes + 1))

    def children(self, node: int) -> NDArray[np.int64]:
        """Return the nodes that merge in `node`, the one with the lowest minimum first."""
        order, firsts = self._children
        return order[firsts[node] : firsts[node + 1]]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Position of each node's first leaf when leaves are put in the tree's order: its leaves are contiguous."""
        return leaf_starts(self, self.leaf_ranks[self.lowest])

    @cached_property
    def leaf_order(self) -> NDArray[np.int64]:
        """The leaves in the tree's order: components and siblings by their lowest minimum, depth first."""
        order = np.empty(self.n_leaves, dtype=np.int64)
        order[self.starts[: self.n_leaves]] = np.arange(self.n_leaves)
        return order

    @cached_property
    def gaps(self) -> NDArray[np.float64]:
        """Minimax barrier between neighbors in `leaf_order`, shape (n_leaves - 1,); inf between components.

        The barrier of any two leaves is the largest gap between them: the whole tree in one array.
        """
        gaps = np.full(max(self.n_leaves - 1, 0), np.inf)
        later = self.parents >= 0
        later[later] = self.starts[later] != self.starts[self.parents[later]]
        gaps[self.starts[later] - 1] = self.heights[self.parents[later]]
        return gaps


def merge_tree(energies: ArrayLike, sources: ArrayLike, targets: ArrayLike, heights: ArrayLike) -> MergeTree:
    """Return the exact merge tree of minima and the edges between them.

    By Kruskal's rule: edges in ascending height, each that joins two components merges them at its height. The
    height of two leaves' common node is their minimax barrier, so the tree is that of single linkage on barriers.

    Rules. All minima are leaves, also isolated ones; components that never join keep separate roots. An edge under
    the energy of one of its ends is lifted to the higher end. Of parallel edges the lowest counts, self edges never do.
    Edges whose height is not finite (a failed search) are left out. Components that join at exactly one height
    join in one node, of two or more children. Merges of one height are ordered by their lowest minimum, and of
    equally low minima the first comes first: the result does not depend on the order of the edges.

    Parameters
    ----------
    energies : array-like (n_minima,)
    sources, targets : array-like of int (n_edges,)
        The minima that each edge joins, as positions in `energies`.
    heights : array-like (n_edges,)
        Highest energy along each edge, absolute.

    Returns
    -------
    MergeTree

    Raises
    ------
    ValueError
        If an energy is not finite, an end is no minimum, or lengths differ.

    Examples
    --------
    >>> tree = merge_tree([0.0, 0.2, 0.1], [0, 1], [1, 2], [0.5, 0.9])
    >>> tree.parents.tolist(), tree.heights.tolist()
    ([3, 3, 4, 4, -1], [0.0, 0.2, 0.1, 0.5, 0.9])
    """
    energies, sources, targets, heights = _checked(energies, sources, targets, heights)
    kept = np.isfinite(heights) & (sources != targets)
    sources, targets = sources[kept], targets[kept]
    heights = np.maximum(heights[kept], np.maximum(energies[sources], energies[targets]))
    forest = spanning_forest(len(energies), sources, targets, heights)
    return assemble_tree(energies, sources[forest], targets[forest], heights[forest])


def _checked(
    energies: ArrayLike, sources: ArrayLike, targets: ArrayLike, heights: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    values, tops = np.asarray(energies, dtype=np.float64), np.asarray(heights, dtype=np.float64)
    ends = [np.asarray(sources), np.asarray(targets)]
    if values.ndim != 1 or tops.ndim != 1 or any(end.shape != tops.shape for end in ends):
        shapes = ", ".join(str(np.shape(a)) for a in (values, *ends, tops))
        raise ValueError(f"energies (n,) and sources, targets, heights (m,) are needed, not shapes {shapes}")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ValueError(f"the energy of minimum {bad[0]} is {values[bad[0]]}: minima need finite energies")
    for end in ends:
        if len(end) and not np.issubdtype(end.dtype, np.integer):
            raise ValueError(f"ends of edges are positions of minima (int), not {end.dtype}")
        if len(end) and not (0 <= end.min() and end.max() < len(values)):
            wrong = end.min() if end.min() < 0 else end.max()
            raise ValueError(f"an edge ends at {wrong}: minima go from 0 to {len(values) - 1}")
    return values, ends[0].astype(np.int64), ends[1].astype(np.int64), tops


def assemble_tree(
    energies: NDArray[np.float64],
    sources: NDArray[np.int64],
    targets: NDArray[np.int64],
    heights: NDArray[np.float64],
) -> MergeTree:
    """Return the merge tree of a forest's edges, which come ascending in height and free of cycles."""
    by_energy = np.argsort(energies, kind="stable")
    ranks = np.empty_like(by_energy)
    ranks[by_energy] = np.arange(len(energies))
    parents, lowest, sizes = _binary_merges(len(energies), ranks[sources].tolist(), ranks[targets].tolist())
    return _collapse(np.concatenate([energies[by_energy], heights]), ranks, parents, lowest, sizes)


def _binary_merges(
    n: int, sources: list[int], targets: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return parents, lowest leaf and size of the nodes, one merge an edge, of leaves numbered by energy.

    Union-find in which the lowest leaf stands for its component: path halving keeps it near-linear.
    """
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


def _collapse(
    heights: NDArray[np.float64],
    ranks: NDArray[np.int64],
    parents: NDArray[np.int64],
    lowest: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> MergeTree:
    """Return the binary tree, whose leaves are numbered by energy, with its leaves in their own order again.

    Chains of one height become one node, and merges are numbered by height, then by their lowest minimum.
    """
    n = len(ranks)
    by_energy = np.argsort(ranks)
    above = parents.copy()  # the top of each merge's chain of equal heights
    same = (parents >= 0) & (heights == heights[parents])
    same[:n] = False
    above[~same] = np.flatnonzero(~same)
    while not np.array_equal(above[above], above):
        above = above[above]
    tops = n + np.flatnonzero(above[n:] == np.arange(n, len(parents)))
    tops = tops[np.lexsort((lowest[tops], heights[tops]))]
    new = np.full(len(parents) + 1, -1, dtype=np.int64)  # new id; the last entry serves parent -1
    new[:n] = by_energy
    new[tops] = n + np.arange(len(tops))
    old = np.concatenate([ranks, tops])
    return MergeTree(
        n_leaves=n,
        parents=new[np.where(parents[old] < 0, len(parents), above[parents[old]])],
        heights=heights[old],
        lowest=by_energy[lowest[old]],
        sizes=sizes[old],
    )


def leaf_starts(tree: MergeTree, keys: NDArray[np.integer] | NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the position of each node's first leaf when siblings, and components, are ordered by `keys` (n_nodes,)."""
    order = np.lexsort((tree.lowest, keys, tree.parents))
    ends = np.cumsum(tree.sizes[order])
    firsts = np.flatnonzero(np.diff(tree.parents[order], prepend=-2))
    groups = np.repeat(firsts, np.diff(firsts, append=len(order)))
    offsets = np.empty(tree.n_nodes, dtype=np.int64)
    offsets[order] = ends - tree.sizes[order] - (ends - tree.sizes[order])[groups]
    return sums_from_root(tree, offsets)


def sums_from_root(tree: MergeTree, values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each node the sum of `values` over itself and all nodes above it."""
    sums, parents = values.tolist(), tree.parents.tolist()
    for node in range(len(sums) - 1, -1, -1):
        if parents[node] >= 0:
            sums[node] += sums[parents[node]]
    return np.array(sums, dtype=np.int64)
