"""Kruskal's rule for arrays of edges: which of them join components, in ascending height."""

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elsuite.core.typing import Floats, Ids

CHUNKS_PER_NODE = 4
"""Edges are taken in chunks of a quarter of the number of nodes."""
BLOCK = 4096
"""Edges that are Python objects at a time: few enough to stay in a processor's nearest cache."""


@dataclass(frozen=True, eq=False)
class Joins:
    """The joins of components, ascending in height; a component goes by the smallest of its nodes.

    Attributes
    ----------
    edges : ndarray of int (n_joins,)
        The edge that joins the two: a minimum spanning forest.
    winners, losers : ndarray of int (n_joins,)
        Names of the components joined; the winner's is the smaller one and is kept.
    sizes : ndarray of int (n_joins,)
        Number of nodes of the component that results.
    """

    edges: Ids
    winners: Ids
    losers: Ids
    sizes: Ids


def kruskal(n_nodes: int, sources: NDArray[np.integer], targets: NDArray[np.integer], heights: Floats) -> Joins:
    """Return the joins of components when edges are added in ascending height.

    Parallel and self edges, and heights of any sign, are legal.

    Parameters
    ----------
    sources, targets : ndarray of int (n_edges,)
    heights : ndarray (n_edges,)
        Not NaN.

    Notes
    -----
    Union-find with path halving. Before each chunk of edges all paths are compressed and edges
    within a component dropped, by numpy: so Python sees few more edges than there are joins, and only what
    is left is sorted.
    """
    # 32-bit numbers in a row: those of a million nodes fit in a processor's cache.
    leaders, sizes = array("i", range(n_nodes)), array("i", [1]) * n_nodes
    view = np.frombuffer(leaders, dtype=np.intc) if n_nodes else np.zeros(0, dtype=np.intc)
    ends = sources.astype(np.intc, copy=False), targets.astype(np.intc, copy=False)
    found: list[Ids] = [np.zeros((4, 0), dtype=np.int64)]
    n_found = 0
    for part in _chunks(n_nodes, heights):
        while not np.array_equal(further := view[view], view):
            view[:] = further
        a, b = (view[end[part]] for end in ends)
        apart = np.flatnonzero(a != b)
        apart = apart[np.argsort(heights[part[apart]], kind="stable")]
        for start in range(0, len(apart), BLOCK):
            some = apart[start : start + BLOCK]
            found.append(_joins(leaders, sizes, a[some].tolist(), b[some].tolist(), part[some].tolist()))
            n_found += found[-1].shape[1]
        if n_found == n_nodes - 1:
            break
    return Joins(*np.concatenate(found, axis=1))


# Positions of edges in chunks: every height of a chunk is at most that of the next, within a chunk they are
# unsorted.
def _chunks(n_nodes: int, heights: Floats) -> list[Ids]:
    size = max(1024, n_nodes // CHUNKS_PER_NODE)
    bounds = list(range(size, len(heights), size))
    order = np.argpartition(heights, bounds) if bounds else np.arange(len(heights))
    return np.split(order, bounds)


# The joins among edges in ascending height, as rows edges, winners, losers and sizes.
def _joins(leaders: "array[int]", sizes: "array[int]", sources: list[int], targets: list[int], edges: list[int]) -> Ids:
    joined, winners, losers, totals = [], [], [], []
    for a, b, edge in zip(sources, targets, edges, strict=True):
        while (above := leaders[a]) != a:
            leaders[a] = a = leaders[above]
        while (above := leaders[b]) != b:
            leaders[b] = b = leaders[above]
        if a == b:
            continue
        if a > b:
            a, b = b, a
        leaders[b] = a
        sizes[a] = size = sizes[a] + sizes[b]
        joined.append(edge)
        winners.append(a)
        losers.append(b)
        totals.append(size)
    return np.array([joined, winners, losers, totals], dtype=np.int64)
