"""What a graph of barriers can be asked: minimax barriers, best routes, neighbors.

Everywhere `energy` names the attribute of nodes and edges.
"""

from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from elsuite.core.typing import Floats, Ids
from elsuite.network.arrays import AnyGraph, NetworkArrays, network_arrays, spanning_forest
from elsuite.schema import NotFoundError


def minimax_barrier(network: AnyGraph, a: Hashable, b: Hashable, *, energy: str = "energy") -> float | None:
    r"""Return the lowest energy at which two minima are joined: the highest point of the best route.

    .. math:: B(a, b) = \min_{routes} \max_{edges} E

    The barrier of a minimum to itself is its energy; it is None if no route joins the two. An edge under one of its
    ends counts as the higher end; one whose height is not finite (a failed search) does not count, whatever its sign,
    here and in trees. For many pairs take `minimax_matrix` or a disconnectivity tree.

    Examples
    --------
    The way over 1 has a step of 2, the direct one a step of 3.

    >>> import networkx as nx
    >>> network = nx.Graph([(0, 1, {"energy": 1.0}), (1, 2, {"energy": 2.0}), (0, 2, {"energy": 3.0})])
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> minimax_barrier(network, 0, 2)
    2.0
    """
    arrays = network_arrays(network, energy=energy)
    source, target = _position(arrays, a), _position(arrays, b)
    barrier = float(_barriers_from(arrays, source)[target])
    return barrier if np.isfinite(barrier) else None


def minimax_route(network: AnyGraph, a: Hashable, b: Hashable, *, energy: str = "energy") -> list[Hashable]:
    """Return the minima along the best route from `a` to `b`, both included; empty if no route joins them.

    It is the route within a minimum spanning tree: not only its highest step but every step and every part
    of it is as low as can be, so that of two routes with the same highest step the one that is lower
    elsewhere is taken.

    Examples
    --------
    >>> import networkx as nx
    >>> network = nx.Graph([(0, 1, {"energy": 1.0}), (1, 2, {"energy": 2.0}), (0, 2, {"energy": 3.0})])
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> minimax_route(network, 0, 2), minimax_barrier(network, 0, 2)
    ([0, 1, 2], 2.0)
    """
    arrays = network_arrays(network, energy=energy)
    source, target = _position(arrays, a), _position(arrays, b)
    order, before, _ = _walk(arrays, source)
    if target not in order:
        return []
    route = [target]
    while route[-1] != source:
        route.append(int(before[route[-1]]))
    return [arrays.labels[node] for node in reversed(route)]


def route_heights(network: AnyGraph, route: Sequence[Hashable], *, energy: str = "energy") -> list[float]:
    """Return the height of each step of a route: of parallel edges the lowest, none under an end.

    Raises
    ------
    NotFoundError
        For two nodes in a row that no edge of finite height joins.

    Examples
    --------
    >>> import networkx as nx
    >>> network = nx.Graph([(0, 1, {"energy": 1.0}), (1, 2, {"energy": 2.0})])
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> route_heights(network, [0, 1, 2])
    [1.0, 2.0]
    """
    heights = []
    for a, b in pairwise(route):
        data = network.get_edge_data(a, b) or {}
        edges = data.values() if network.is_multigraph() or not data else [data]
        known = [height for edge in edges if np.isfinite(height := float(edge[energy]))]
        if not known:
            raise NotFoundError(f"no edge joins {a!r} and {b!r}" + (" at a finite height" if data else ""))
        heights.append(max(float(network.nodes[a][energy]), float(network.nodes[b][energy]), min(known)))
    return heights


def neighbors_by_barrier(
    network: AnyGraph, a: Hashable, n: int | None = None, *, energy: str = "energy"
) -> list[tuple[Hashable, float]]:
    """Return the minima that are joined with `a` at the lowest energies, and the minimax barriers to them, ascending.

    They are `n`, by default all that are joined with it; those of equal barriers are in the network's order.

    Examples
    --------
    >>> import networkx as nx
    >>> network = nx.Graph([(0, 1, {"energy": 2.0}), (1, 2, {"energy": 1.0}), (0, 3, {"energy": 1.5})])
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> neighbors_by_barrier(network, 0)
    [(3, 1.5), (1, 2.0), (2, 2.0)]
    """
    arrays = network_arrays(network, energy=energy)
    source = _position(arrays, a)
    barriers = _barriers_from(arrays, source)
    order = [k for k in np.argsort(barriers, kind="stable").tolist() if k != source and np.isfinite(barriers[k])]
    return [(arrays.labels[k], float(barriers[k])) for k in order[:n]]


def minimax_matrix(network: AnyGraph, *, energy: str = "energy") -> Floats:
    """Return the minimax barriers (n, n) of all pairs, in the order of the network's nodes.

    It is inf where no route joins a pair; the diagonal holds the minima's energies.

    Examples
    --------
    Minimum 3 has no edge: it is joined with none.

    >>> import networkx as nx
    >>> network = nx.Graph([(0, 1, {"energy": 1.0}), (1, 2, {"energy": 2.0})])
    >>> network.add_node(3)
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> minimax_matrix(network).tolist()
    [[0.0, 1.0, 2.0, inf], [1.0, 0.0, 2.0, inf], [2.0, 2.0, 0.0, inf], [inf, inf, inf, 0.0]]
    """
    arrays = network_arrays(network, energy=energy)
    n = len(arrays.labels)
    matrix = np.full((n, n), np.inf)
    order, before, heights = _walk(arrays)
    for k, node in enumerate(order.tolist()):
        # The barrier from a new node is that from its neighbor, or their edge if that is higher.
        done = order[:k]
        if before[node] < n:
            matrix[node, done] = np.maximum(matrix[before[node], done], heights[node])
            matrix[node, before[node]] = heights[node]
            matrix[done, node] = matrix[node, done]
    np.fill_diagonal(matrix, arrays.energies)
    return matrix


def _position(arrays: NetworkArrays, label: Hashable) -> int:
    try:
        return arrays.labels.index(label)
    except ValueError:
        labels, n = arrays.labels, len(arrays.labels)
        there = f"it has {n}" + (f", such as {labels[0]!r}" if labels else "")
        if labels and labels == tuple(range(n)):
            there = f"ids go from 0 to {n - 1}"
        raise NotFoundError(f"no minimum {label!r} in the network: {there}") from None


# The minimax barriers from one node to all; inf where no route leads, the node's own energy at itself.
def _barriers_from(arrays: NetworkArrays, source: int) -> Floats:
    barriers = np.full(len(arrays.labels), np.inf)
    barriers[source] = -np.inf
    order, before, heights = _walk(arrays, source)
    for node in order[1:].tolist():
        barriers[node] = max(barriers[before[node]], heights[node])
    barriers[source] = arrays.energies[source]
    return barriers


# A walk over a minimum spanning forest, from one node or, component by component, over all: the nodes in
# the order in which they are reached, the node that each is reached from (n: none), and the height of the
# edge between the two.
def _walk(arrays: NetworkArrays, source: int | None = None) -> tuple[Ids, Ids, Floats]:
    n = len(arrays.labels)
    lifted = np.maximum(arrays.heights, np.fmax(arrays.energies[arrays.sources], arrays.energies[arrays.targets]))
    usable = np.flatnonzero(np.isfinite(arrays.heights) & np.isfinite(lifted))
    forest = usable[spanning_forest(n, arrays.sources[usable], arrays.targets[usable], lifted[usable])]
    ends, others = arrays.sources[forest], arrays.targets[forest]
    if source is None:  # one more node, n, is tied to one node of each component, so that a single walk reaches all
        _, component = connected_components(_graph(n, ends, others), directed=False)
        firsts = np.unique(component, return_index=True)[1]
        tied = np.append(ends, firsts), np.append(others, np.full(len(firsts), n))
        order, before = breadth_first_order(_graph(n + 1, *tied), n, directed=False)
        order = order[1:]
    else:
        order, before = breadth_first_order(_graph(n, ends, others), source, directed=False)
        before[source] = n
    heights = np.full(n, np.inf)
    heights[np.where(before[others] == ends, others, ends)] = lifted[forest]
    return order.astype(np.int64), before.astype(np.int64), heights


def _graph(n: int, sources: Ids, targets: Ids) -> csr_array:
    return csr_array((np.ones(len(sources)), (sources, targets)), (n, n))
