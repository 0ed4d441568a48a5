"""Any networkx graph as arrays, and its minimum spanning forest."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids
from elsuite.network.kruskal import kruskal

if TYPE_CHECKING:
    AnyGraph: TypeAlias = nx.Graph[Any]
else:  # networkx classes take no parameters at run time
    AnyGraph: TypeAlias = nx.Graph


@dataclass(frozen=True, eq=False)
class NetworkArrays:
    """A network as arrays: node k is ``labels[k]``, edge e joins ``sources[e]`` and ``targets[e]``.

    Attributes
    ----------
    labels : tuple
        The nodes, in the order of the network.
    energies : ndarray (n_nodes,)
    sources, targets : ndarray of int (n_edges,)
        Positions in `labels`.
    heights : ndarray (n_edges,)
        Absolute energies, as given: neither lifted nor filtered.
    """

    labels: tuple[Hashable, ...]
    energies: Floats
    sources: Ids
    targets: Ids
    heights: Floats

    __repr__ = short_repr


def network_arrays(network: AnyGraph, *, energy: str = "energy") -> NetworkArrays:
    """Return the nodes and edges of any networkx graph as arrays.

    Directions are ignored, parallel edges kept. A node or an edge without the attribute, or with one that
    is no number, raises ValueError.

    Examples
    --------
    >>> import networkx as nx
    >>> network = nx.Graph([("a", "b", {"energy": 1.0}), ("b", "c", {"energy": 2.0})])
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> arrays = network_arrays(network)
    >>> arrays.labels, arrays.sources.tolist(), arrays.targets.tolist(), arrays.heights.tolist()
    (('a', 'b', 'c'), [0, 1], [1, 2], [1.0, 2.0])
    """
    labels = tuple(network.nodes)
    position = {label: k for k, label in enumerate(labels)}
    energies = [_number(value, energy, "node", label) for label, value in network.nodes(data=energy)]
    edges: list[tuple[Hashable, Hashable, Any]] = list(network.edges(data=energy))
    heights = [_number(value, energy, "edge", (source, target)) for source, target, value in edges]
    return NetworkArrays(
        labels,
        np.array(energies, dtype=np.float64),
        np.array([position[source] for source, _, _ in edges], dtype=np.int64),
        np.array([position[target] for _, target, _ in edges], dtype=np.int64),
        np.array(heights, dtype=np.float64),
    )


def _number(value: Any, attribute: str, kind: str, name: Hashable) -> float:
    if value is None:
        raise ValueError(f"{kind} {name!r} has no attribute {attribute!r}: every node and edge needs its energy")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"attribute {attribute!r} of {kind} {name!r} is {value!r}: a number is needed") from None


def spanning_forest(n_nodes: int, sources: ArrayLike, targets: ArrayLike, heights: ArrayLike) -> Ids:
    """Return the positions of the edges of a minimum spanning forest, ascending in height.

    Of parallel edges the lowest counts, self edges never do.

    Examples
    --------
    A triangle: its highest edge closes a cycle, and stays out.

    >>> spanning_forest(3, [0, 1, 0], [1, 2, 2], [2.0, 1.0, 3.0]).tolist()
    [1, 0]
    """
    ends = np.asarray(sources, dtype=np.int64), np.asarray(targets, dtype=np.int64)
    return kruskal(n_nodes, *ends, np.asarray(heights, dtype=np.float64)).edges
