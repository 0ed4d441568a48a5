"""Superbasins, minima that reach each other below an energy, and how long each one lasts."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from elsuite.analysis.disconnectivity import DisconnectivityTree, nodes_of
from elsuite.analysis.merge_tree import MergeTree
from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids
from elsuite.network.evidence import Evidence


def superbasins(tree: DisconnectivityTree, energy: float) -> list[list[Hashable]]:
    """Return the sets of minima that reach each other without rising above an energy.

    Minima above `energy` are in none. The largest superbasin comes first, of equally large ones that with the
    lowest minimum; within each the lowest minimum comes first.

    Parameters
    ----------
    energy : float
        Absolute and inclusive: a merge at exactly this energy has happened.

    Examples
    --------
    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.Graph([(0, 1, {"energy": 1.0}), (1, 2, {"energy": 3.0})])
    >>> nx.set_node_attributes(network, {0: 0.5, 1: 0.0, 2: 0.2}, "energy")
    >>> superbasins(disconnectivity_tree(network), 2.0)
    [[1, 0], [2]]
    """
    numbers = superbasin_numbers(tree.tree, energy)
    basins: list[list[Hashable]] = [[] for _ in range(int(numbers.max(initial=-1)) + 1)]
    for leaf in np.argsort(tree.energies, kind="stable").tolist():
        if numbers[leaf] >= 0:
            basins[numbers[leaf]].append(tree.leaves[leaf])
    return basins


def superbasin_evidence(tree: DisconnectivityTree, energy: float) -> list[Evidence | None]:
    """Return for each superbasin at an energy the evidence for the merge at which it next joins another one.

    In the order of `superbasins`. None where a superbasin joins no other at any energy. An untested merge means that
    the superbasin may end lower than it seems.

    Parameters
    ----------
    energy : float
        As in `superbasins`.

    Examples
    --------
    Nobody knows what was searched in a graph of one's own.

    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.Graph([(0, 1, {"energy": 1.0}), (1, 2, {"energy": 3.0})])
    >>> nx.set_node_attributes(network, {0: 0.5, 1: 0.0, 2: 0.2}, "energy")
    >>> tree = disconnectivity_tree(network)
    >>> [evidence and evidence.state for evidence in superbasin_evidence(tree, 2.0)]
    ['unknown', 'unknown']
    >>> superbasin_evidence(tree, 3.0)
    [None]
    """
    nodes = tree.tree
    numbers = superbasin_numbers(nodes, energy)
    inside = nodes.heights <= energy
    above = np.where(nodes.parents >= 0, nodes.parents, nodes.n_nodes)
    tops = np.flatnonzero(inside & ~np.append(inside, False)[above])
    next_merge = np.full(int(numbers.max(initial=-1)) + 1, -1)
    next_merge[numbers[nodes.lowest[tops]]] = nodes.parents[tops]
    of_merges = {node: tree.evidence.of_merge(nodes, node) for node in np.unique(next_merge).tolist() if node >= 0}
    return [of_merges.get(node) for node in next_merge.tolist()]


def superbasin_numbers(tree: MergeTree, energy: float) -> Ids:
    """Return the number (n_leaves,) of each leaf's superbasin, as `superbasins` orders them; -1 above the energy."""
    inside = tree.heights[tree.leaf_order] <= energy
    # Every merge of a leaf above the energy is above it as well, so such leaves stand alone here.
    runs = np.cumsum(np.append(True, tree.gaps > energy)[: tree.n_leaves]) - 1
    sizes = np.bincount(runs[inside], minlength=1)
    lowest = np.full(len(sizes), tree.n_leaves)
    np.minimum.at(lowest, runs[inside], tree.leaf_ranks[tree.leaf_order[inside]])
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.lexsort((lowest, -sizes))] = np.arange(len(sizes))
    numbers = np.full(tree.n_leaves, -1, dtype=np.int64)
    numbers[tree.leaf_order[inside]] = rank[runs[inside]]
    return numbers


@dataclass(frozen=True, eq=False)
class SuperbasinCurves:
    """Numbers of superbasins and of minima in the largest, from each energy (n,) at which one changes to the next."""

    energies: Floats
    numbers: Ids
    largest: Ids

    __repr__ = short_repr


def superbasin_curves(tree: DisconnectivityTree | MergeTree) -> SuperbasinCurves:
    """Return the number of superbasins and the size of the largest as functions of the energy.

    Examples
    --------
    Three minima appear one by one; two join at 1, all at 3.

    >>> from elsuite.analysis import merge_tree
    >>> curves = superbasin_curves(merge_tree([0.5, 0.0, 0.2], [0, 1], [1, 2], [1.0, 3.0]))
    >>> curves.energies.tolist(), curves.numbers.tolist(), curves.largest.tolist()
    ([0.0, 0.2, 0.5, 1.0, 3.0], [1, 2, 3, 2, 1], [1, 1, 1, 2, 3])
    """
    nodes = nodes_of(tree)
    inner = nodes.parents[nodes.parents >= 0]
    changes = 1 - np.bincount(inner, minlength=nodes.n_nodes)  # a minimum adds one, a merge of k takes k - 1
    order = np.argsort(nodes.heights, kind="stable")
    energies = nodes.heights[order]
    last = np.flatnonzero(np.append(energies[1:] != energies[:-1], True)[: len(energies)])
    return SuperbasinCurves(
        energies[last], np.cumsum(changes[order])[last], np.maximum.accumulate(nodes.sizes[order])[last]
    )


def persistence(tree: DisconnectivityTree | MergeTree) -> Floats:
    """Return (n_leaves,) how far the energy rises before each minimum's superbasin joins one with a lower minimum.

    By the elder rule: where superbasins join, the one with the lowest minimum (of equal ones the first)
    lives on. The lowest minimum of each component never dies: inf.

    Examples
    --------
    >>> from elsuite.analysis import merge_tree
    >>> persistence(merge_tree([0.5, 0.0, 0.25], [0, 1], [1, 2], [1.0, 3.0])).tolist()
    [0.5, inf, 2.75]
    """
    nodes = nodes_of(tree)
    lasting = np.full(nodes.n_leaves, np.inf)
    ended = nodes.ended
    lasting[nodes.lowest[ended]] = nodes.heights[nodes.parents[ended]] - nodes.heights[nodes.lowest[ended]]
    return lasting


def elders(tree: MergeTree) -> Ids:
    """Return (n_leaves,) the lowest minimum of what the superbasin of each joins when it dies; else itself."""
    elder = np.arange(tree.n_leaves)
    ended = tree.ended
    elder[tree.lowest[ended]] = tree.lowest[tree.parents[ended]]
    return elder
