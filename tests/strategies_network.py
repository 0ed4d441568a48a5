"""Random barrier graphs for property tests, and slow, obvious references."""

from itertools import pairwise

import networkx as nx
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

# On a busy machine the first call of an example can take long; a deadline would only report that.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# Few distinct numbers, so that ties, equal minima, zero and negative heights are common.
ENERGIES = st.integers(-3, 6).map(lambda k: k / 2)
HEIGHTS = st.one_of(
    st.integers(-4, 12).map(lambda k: k / 2), st.sampled_from([float("nan"), float("inf"), -float("inf")])
)


@st.composite
def barrier_graphs(draw, max_minima=9, max_edges=20, heights=HEIGHTS):
    """Energies, sources, targets, heights; with parallel, self, low and failed edges and isolated minima."""
    n = draw(st.integers(1, max_minima))
    energies = draw(st.lists(ENERGIES, min_size=n, max_size=n))
    ends = st.integers(0, n - 1)
    edges = draw(st.lists(st.tuples(ends, ends, heights), max_size=max_edges))
    sources, targets, tops = ([edge[k] for edge in edges] for k in range(3))
    return (
        np.array(energies),
        np.array(sources, dtype=np.int64),
        np.array(targets, dtype=np.int64),
        np.array(tops, dtype=np.float64),
    )


def as_network(graph, labels=None, kind=nx.MultiGraph):
    """The same as a networkx graph."""
    energies, sources, targets, heights = graph
    labels = list(range(len(energies))) if labels is None else labels
    network = kind()
    network.add_nodes_from((label, {"energy": float(e)}) for label, e in zip(labels, energies, strict=True))
    for source, target, height in zip(sources, targets, heights, strict=True):
        network.add_edge(labels[source], labels[target], energy=float(height))
    return network


def minimax_by_all_paths(graph):
    """Minimax barriers by listing every simple path of every pair; inf where there is none."""
    energies, sources, targets, heights = graph
    n = len(energies)
    lowest = nx.Graph()
    lowest.add_nodes_from(range(n))
    for source, target, height in zip(sources.tolist(), targets.tolist(), heights.tolist(), strict=True):
        if source == target or not np.isfinite(height):
            continue
        lifted = max(height, energies[source], energies[target])
        if not lowest.has_edge(source, target) or lowest.edges[source, target]["energy"] > lifted:
            lowest.add_edge(source, target, energy=lifted)
    matrix = np.full((n, n), np.inf)
    np.fill_diagonal(matrix, energies)
    for a in range(n):
        for b in range(a):
            for route in nx.all_simple_paths(lowest, a, b):
                top = max(lowest.edges[step]["energy"] for step in pairwise(route))
                matrix[a, b] = matrix[b, a] = min(matrix[a, b], top)
    return matrix


def minimax_by_floyd(graph):
    """Minimax barriers by Floyd and Warshall's three loops: slower than the tree, quicker than all paths."""
    energies, sources, targets, heights = graph
    n = len(energies)
    matrix = np.full((n, n), np.inf)
    for source, target, height in zip(sources, targets, heights, strict=True):
        if source != target and np.isfinite(height):
            lifted = max(height, energies[source], energies[target])
            matrix[source, target] = matrix[target, source] = min(matrix[source, target], lifted)
    for k in range(n):
        matrix = np.minimum(matrix, np.maximum(matrix[:, k : k + 1], matrix[k : k + 1, :]))
    np.fill_diagonal(matrix, energies)
    return matrix


def cophenetic(tree):
    """Heights of the lowest common nodes, by walking up from both leaves of every pair."""
    n = tree.n_leaves
    above = []
    for leaf in range(n):
        chain = [leaf]
        while tree.parents[chain[-1]] >= 0:
            chain.append(int(tree.parents[chain[-1]]))
        above.append(chain)
    matrix = np.full((n, n), np.inf)
    for a in range(n):
        for b in range(n):
            common = [node for node in above[a] if node in above[b]]
            if common:
                matrix[a, b] = tree.heights[common[0]]
    return matrix


def random_network(n, m, seed=0):
    """A large connected network: a chain through all minima and random edges."""
    random = np.random.default_rng(seed)
    energies = random.normal(size=n)
    sources, targets = random.integers(0, n, m), random.integers(0, n, m)
    sources[: n - 1], targets[: n - 1] = np.arange(n - 1), np.arange(1, n)
    heights = np.maximum(energies[sources], energies[targets]) + random.exponential(size=m)
    return energies, sources, targets, heights
