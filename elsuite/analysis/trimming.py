"""Smaller trees of large ones, each saying what it hides; what stays keeps its exact minimax barriers."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from elsuite.analysis.basins import persistence
from elsuite.analysis.disconnectivity import DisconnectivityTree
from elsuite.analysis.merge_tree import MergeTree, tree_of_gaps
from elsuite.core.representing import short_repr
from elsuite.core.typing import Ids, Mask


@dataclass(frozen=True, eq=False)
class Trimmed:
    """A smaller tree and what it hides.

    Attributes
    ----------
    tree : DisconnectivityTree
        Its leaves are those kept, in their old order.
    kept : ndarray of int
        Their positions among the leaves of the tree that was trimmed.
    rule : str
        What was kept, in words, to be printed with the picture.
    """

    tree: DisconnectivityTree
    kept: Ids
    n_hidden: int
    rule: str

    __repr__ = short_repr

    @property
    def note(self) -> str:
        """One line for the picture; empty if nothing is hidden."""
        total = self.n_hidden + len(self.kept)
        return f"{self.n_hidden:,} of {total:,} minima hidden ({self.rule})" if self.n_hidden else ""


def restricted_tree(tree: MergeTree, kept: Ids, *, top: float = np.inf) -> MergeTree:
    """Return the tree of some leaves, renumbered in their old order; merges above `top` are undone."""
    kept = np.sort(kept)
    number = np.full(tree.n_leaves, -1, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    order = number[tree.leaf_order]
    places = np.flatnonzero(order >= 0)
    gaps = np.zeros(0)
    if len(places) > 1:  # the barrier of neighbors that stay is the highest of the gaps between them
        gaps = np.maximum.reduceat(tree.gaps[: places[-1]], places[:-1])
    return tree_of_gaps(tree.heights[kept], order[places], np.where(gaps <= top, gaps, np.inf))


def _trimmed(tree: DisconnectivityTree, keep: Mask, rule: str, *, top: float = np.inf) -> Trimmed:
    kept = np.flatnonzero(keep)
    nodes = restricted_tree(tree.tree, kept, top=top)
    evidence = tree.evidence.restricted(tree.tree, kept, nodes)
    smaller = DisconnectivityTree(tuple(tree.leaves[k] for k in kept.tolist()), nodes, evidence)
    return Trimmed(smaller, kept, len(tree.leaves) - len(kept), rule)


def lowest_minima(tree: DisconnectivityTree, n: int) -> Trimmed:
    """Return the tree of the `n` lowest minima.

    Raises
    ------
    ValueError
        If `n` is less than 1.

    Examples
    --------
    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.path_graph(4)
    >>> nx.set_node_attributes(network, {0: 0.0, 1: 0.3, 2: 0.1, 3: 0.2}, "energy")
    >>> nx.set_edge_attributes(network, 1.0, "energy")
    >>> lowest_minima(disconnectivity_tree(network), 3).note
    '1 of 4 minima hidden (the 3 lowest are shown)'
    """
    if n < 1:
        raise ValueError(f"at least one minimum has to stay, not {n}")
    return _trimmed(tree, tree.tree.leaf_ranks < n, f"the {n:,} lowest are shown")


def minima_below(tree: DisconnectivityTree, energy: float) -> Trimmed:
    """Return the tree below an energy: minima above it are hidden, merges above it undone.

    Examples
    --------
    The merge at 3 is above the energy: what it joined stands apart.

    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.Graph([("a", "b", {"energy": 1.0}), ("b", "c", {"energy": 3.0})])
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> trimmed = minima_below(disconnectivity_tree(network), 2.0)
    >>> trimmed.tree.minimax_barrier("a", "b"), trimmed.tree.minimax_barrier("b", "c")
    (1.0, None)
    """
    return _trimmed(tree, tree.energies <= energy, f"only what is below {energy:.6g} is shown", top=energy)


def merged_branches(tree: DisconnectivityTree, size: int) -> Trimmed:
    """Return the tree in which each branch of fewer than `size` minima is one leaf, its lowest minimum.

    Raises
    ------
    ValueError
        If `size` is less than 1.

    Examples
    --------
    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.Graph([("a", "b", {"energy": 1.0}), ("b", "c", {"energy": 3.0}), ("c", "d", {"energy": 2.0})])
    >>> nx.set_node_attributes(network, {"a": 0.5, "b": 0.0, "c": 0.1, "d": 0.2}, "energy")
    >>> trimmed = merged_branches(disconnectivity_tree(network), 3)
    >>> trimmed.tree.leaves, trimmed.note
    (('b', 'c'), '2 of 4 minima hidden (branches of fewer than 3 minima are drawn as one)')
    """
    if size < 1:
        raise ValueError(f"a size is at least 1, not {size}")
    nodes = tree.tree
    small = nodes.sizes < max(size, 2)
    outermost = small & ((nodes.parents < 0) | ~small[nodes.parents])
    keep = np.zeros(nodes.n_leaves, dtype=bool)
    keep[nodes.lowest[outermost]] = True
    return _trimmed(tree, keep, f"branches of fewer than {size:,} minima are drawn as one")


def components_from(tree: DisconnectivityTree, size: int) -> Trimmed:
    """Return the tree of those components that have at least `size` minima.

    Examples
    --------
    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.Graph([("a", "b", {"energy": 1.0})])
    >>> network.add_node("alone")
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> components_from(disconnectivity_tree(network), 2).tree.leaves
    ('a', 'b')
    """
    nodes = tree.tree
    keep = np.zeros(nodes.n_leaves, dtype=bool)
    for root in nodes.roots.tolist():
        keep[nodes.leaves_under(root)] = nodes.sizes[root] >= size
    return _trimmed(tree, keep, f"components of at least {size:,} minima are shown")


def component_of(tree: DisconnectivityTree, label: Hashable) -> Trimmed:
    """Return the tree of all minima that are joined with one.

    Examples
    --------
    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.Graph([("a", "b", {"energy": 1.0}), ("c", "d", {"energy": 2.0})])
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> component_of(disconnectivity_tree(network), "d").tree.leaves
    ('c', 'd')
    """
    nodes = tree.tree
    node = tree.position(label)
    while nodes.parents[node] >= 0:
        node = int(nodes.parents[node])
    keep = np.zeros(nodes.n_leaves, dtype=bool)
    keep[nodes.leaves_under(node)] = True
    return _trimmed(tree, keep, f"what is joined with {label!r} is shown")


def persistent_minima(tree: DisconnectivityTree, threshold: float) -> Trimmed:
    """Return the tree of the minima of at least this `persistence`.

    Examples
    --------
    Minimum "b" lasts from 0.9 to 1 only.

    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.Graph([("a", "b", {"energy": 1.0}), ("b", "c", {"energy": 3.0})])
    >>> nx.set_node_attributes(network, {"a": 0.0, "b": 0.9, "c": 0.2}, "energy")
    >>> persistent_minima(disconnectivity_tree(network), 0.5).tree.leaves
    ('a', 'c')
    """
    return _trimmed(tree, persistence(tree) >= threshold, f"a persistence of at least {threshold:.6g} is shown")
