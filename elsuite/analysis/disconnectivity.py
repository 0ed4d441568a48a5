"""The disconnectivity tree of a network of minima: which labels join at which energy."""

import operator
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np

from elsuite.analysis.merge_tree import MergeTree, merge_tree
from elsuite.analysis.tree_evidence import Edges, TreeEvidence, joins_between, tree_evidence
from elsuite.core.typing import Floats
from elsuite.network import AnyGraph, NetworkArrays, network_arrays
from elsuite.network.evidence import NOT_SEARCHED, TRIES, Evidence, Searches
from elsuite.schema import KINDS, NotFoundError


@dataclass(frozen=True, eq=False)
class Merge:
    """Parts of the network that join at exactly one height: a `node` of the `MergeTree`."""

    height: float
    node: int
    _tree: "DisconnectivityTree" = field(repr=False)

    @property
    def members(self) -> tuple[tuple[Hashable, ...], ...]:
        """The labels of each part joined, in the network's order; the lowest part is first."""
        tree = self._tree.tree
        parts = (np.sort(tree.leaves_under(child)).tolist() for child in tree.children(self.node))
        return tuple(tuple(self._tree.leaves[leaf] for leaf in part) for part in parts)

    @property
    def evidence(self) -> Evidence:
        """What was tried to join the parts lower; of more than two parts, that of the weakest join."""
        return self._tree.evidence.of_merge(self._tree.tree, self.node)


class Merges(Sequence[Merge]):
    """The merges of a tree, ascending in height; members are listed only when asked for."""

    def __init__(self, tree: "DisconnectivityTree") -> None:
        self._tree = tree

    def __len__(self) -> int:
        return self._tree.tree.n_nodes - self._tree.tree.n_leaves

    def __repr__(self) -> str:
        return f"<{len(self)} merges of {self._tree!r}>"

    @overload
    def __getitem__(self, index: int) -> Merge: ...
    @overload
    def __getitem__(self, index: slice) -> list[Merge]: ...
    def __getitem__(self, index: int | slice) -> Merge | list[Merge]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"merge {position} of a tree with {len(self)} merges")
        node = self._tree.tree.n_leaves + position % len(self)
        return Merge(float(self._tree.tree.heights[node]), node, self._tree)


@dataclass(frozen=True, eq=False)
class DisconnectivityTree:
    """The merge tree of a network as arrays, `tree`, whose leaf k is ``leaves[k]``, in the network's order.

    Examples
    --------
    >>> import networkx as nx
    >>> network = nx.Graph([("a", "b", {"energy": 1.0}), ("b", "c", {"energy": 3.0})])
    >>> nx.set_node_attributes(network, {"a": 0.5, "b": 0.0, "c": 0.2}, "energy")
    >>> tree = disconnectivity_tree(network)
    >>> tree.minimax_barrier("a", "c"), tree.minimax_barrier("c", "c"), tree.energies[tree.position("b")].item()
    (3.0, 0.2, 0.0)
    """

    leaves: tuple[Hashable, ...]
    tree: MergeTree
    known: TreeEvidence | None = field(default=None, repr=False)
    """What is known of each merge; None for nothing."""

    def __repr__(self) -> str:
        spans = f", energies {self.energies.min():.6g} to {self.tree.heights.max():.6g}" if self.leaves else ""
        return f"<DisconnectivityTree: {len(self.leaves)} leaves, {len(self.merges)} merges{spans}>"

    @property
    def energies(self) -> Floats:
        """Energy of each leaf, shape (n_leaves,)."""
        return self.tree.heights[: self.tree.n_leaves]

    @property
    def merges(self) -> Merges:
        """The merges, ascending in height; each has `height`, `evidence`, and `members`, built when asked for."""
        return Merges(self)

    @cached_property
    def evidence(self) -> TreeEvidence:
        """What was tried across each merge, by the minima that die there."""
        return self.known if self.known is not None else tree_evidence(self.tree, None, Edges.none())

    @cached_property
    def _positions(self) -> dict[Hashable, int]:
        return {label: k for k, label in enumerate(self.leaves)}

    def position(self, label: Hashable) -> int:
        """Return which leaf has this label; raises NotFoundError if none has."""
        try:
            return self._positions[label]
        except KeyError:
            shown = ", ".join(map(repr, self.leaves[:6])) + ", ..." * (len(self.leaves) > 6)
            there = f"it has {len(self.leaves)} minima" + (f" ({shown})" if self.leaves else "")
            raise NotFoundError(f"no minimum {label!r} in the tree: {there}") from None

    def minimax_barrier(self, a: Hashable, b: Hashable) -> float | None:
        """Return the lowest energy at which two minima are joined, or None if they never are.

        The barrier of a minimum to itself is its energy. Unknown labels raise NotFoundError.
        """
        low, high = sorted((self.position(a), self.position(b)))
        parents = self.tree.parents
        while low != high:  # ids grow towards the root: the smaller one is never above the other
            low, high = sorted((int(parents[low]), high))
            if low < 0:
                return None
        return float(self.tree.heights[low])

    def barrier_evidence(self, a: Hashable, b: Hashable) -> Evidence | None:
        """Return the evidence for the barrier of two minima; None where nothing joins them, or they are one."""
        ends = [np.array([self.position(label)]) for label in (a, b)]
        dying = int(joins_between(self.tree, *ends)[0])
        return None if dying < 0 else self.evidence.of_minimum(dying)


def nodes_of(tree: DisconnectivityTree | MergeTree) -> MergeTree:
    """Return the tree as arrays, whether it has labels or not."""
    return tree.tree if isinstance(tree, DisconnectivityTree) else tree


def disconnectivity_tree(network: AnyGraph, *, energy: str = "energy", tries: int = TRIES) -> DisconnectivityTree:
    """Return the disconnectivity tree of any networkx graph whose nodes and edges have an energy.

    Parallel and self edges, isolated nodes and separate components are all legal, and directions are ignored;
    the rules are those of `merge_tree`.

    Parameters
    ----------
    network : networkx graph
        Its nodes are minima, its edges paths or transition states.
    energy : str
        Name of the attribute: the energy of a node, the highest energy along an edge (absolute, same unit).
    tries : int
        So many converged searches that found nothing lower make a merge tested. What was searched is known of networks
        of a database (`elsuite.network.transition_network`); of others merges are verified where their edge has
        the `kind` "transition_state", else unknown.

    Raises
    ------
    ValueError
        If a node or an edge lacks the attribute, or a node's energy is not finite.

    Examples
    --------
    >>> import networkx as nx
    >>> network = nx.Graph()
    >>> network.add_nodes_from([("a", {"energy": 0.0}), ("b", {"energy": 0.2}), ("c", {"energy": 0.1})])
    >>> network.add_edge("a", "b", energy=0.5)
    >>> network.add_edge("b", "c", energy=0.9)
    >>> tree = disconnectivity_tree(network)
    >>> [(merge.height, merge.members) for merge in tree.merges]
    [(0.5, (('a',), ('b',))), (0.9, (('a', 'b'), ('c',)))]
    >>> tree.minimax_barrier("a", "c")
    0.9
    """
    arrays = network_arrays(network, energy=energy)
    bad = np.flatnonzero(~np.isfinite(arrays.energies))
    if len(bad):
        node, value = arrays.labels[bad[0]], arrays.energies[bad[0]]
        raise ValueError(f"node {node!r} has the {energy} {value}: minima need finite energies")
    tree = merge_tree(arrays.energies, arrays.sources, arrays.targets, arrays.heights)
    energy_floor = network.graph.get("energy_floor")
    evidence = tree_evidence(
        tree, _searches(network, arrays), _edges(network, arrays), tries=tries, energy_floor=energy_floor
    )
    return DisconnectivityTree(arrays.labels, tree, evidence)


def _edges(network: AnyGraph, arrays: NetworkArrays) -> Edges:
    """Return the edges that a tree can be made of, lifted to their ends."""
    edges: list[Any] = [data for _, _, data in network.edges(data=True)]
    kinds, outcomes = ([data.get(name) for data in edges] for name in ("kind", "outcome"))
    verified = np.array([kind == KINDS[1] for kind in kinds], dtype=bool)
    searched = np.array([outcome not in (None, *NOT_SEARCHED) for outcome in outcomes], dtype=bool)
    kept = np.flatnonzero(np.isfinite(arrays.heights))
    sources, targets = arrays.sources[kept], arrays.targets[kept]
    lifted = np.maximum(arrays.heights[kept], np.maximum(arrays.energies[sources], arrays.energies[targets]))
    return Edges(sources, targets, lifted, verified[kept], searched[kept] & ~verified[kept])


def _searches(network: AnyGraph, arrays: NetworkArrays) -> Searches | None:
    """Return the searches between nodes of a network, by their positions; None where nobody knows them."""
    searches = network.graph.get("searches")
    if not isinstance(searches, Searches):
        return None
    position = {label: k for k, label in enumerate(arrays.labels)}
    return searches.renumbered(
        lambda nodes: np.array([position.get(node, -1) for node in nodes.tolist()], dtype=np.int64)
    )
