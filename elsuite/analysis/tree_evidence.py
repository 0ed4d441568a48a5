"""The evidence on every merge of a tree: which searches crossed it, and what they say (`tree_evidence`).

A merge of a tree ends the superbasin of each of its parts but the lowest, so that every minimum but the lowest of a
component stands for one join: that of its superbasin, at which it dies, to what is lower. All is kept by these minima,
so that it holds for smaller trees of the same minima too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from elsuite.analysis.merge_tree import MergeTree
from elsuite.core.representing import short_repr
from elsuite.core.typing import Array, Floats, Ids, Mask
from elsuite.network.evidence import STATES, TRIES, Evidence, Searches, State, negligibly_above

NONE = -1
"""In place of a state, where a minimum is the lowest of its component: it never dies."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges of a network, by positions of leaves; which are transition states, and which were searched, not imported.

    Each array has the shape (n_edges,).
    """

    sources: Ids
    targets: Ids
    heights: Floats
    verified: Mask
    searched: Mask

    __repr__ = short_repr

    @classmethod
    def none(cls) -> Self:
        """Return no edges."""
        ids, mask = np.empty(0, dtype=np.int64), np.empty(0, dtype=bool)
        return cls(ids, ids, np.empty(0), mask, mask)


@dataclass(frozen=True, eq=False)
class TreeEvidence:
    """What is known of the join at which each minimum of a tree dies.

    Attributes
    ----------
    codes : ndarray of int (n_leaves,)
        The state, as a position in `elsuite.network.evidence.STATES`; -1 for the lowest minimum of a component.
    floors : ndarray (n_leaves,)
        The minima's energies.
    counts : ndarray of int (n_leaves, n_outcomes)
        Searches across that could have shown a lower height, by `outcomes`.
    n_searches : int
        How many searches are known of the whole network, across merges or not.
    """

    codes: Ids
    floors: Floats
    counts: Ids
    outcomes: tuple[str, ...]
    n_searches: int = 0

    __repr__ = short_repr

    @property
    def tries(self) -> Ids:
        """Number of searches (n_leaves,) across."""
        return np.asarray(self.counts.sum(axis=1))

    def of_minimum(self, leaf: int) -> Evidence | None:
        """Return the evidence for the join at which a minimum dies; None if it never does."""
        if self.codes[leaf] == NONE:
            return None
        row = self.counts[leaf].tolist()
        ended = {name: n for name, n in zip(self.outcomes, row, strict=True) if n}
        return Evidence(STATES[self.codes[leaf]], float(self.floors[leaf]), sum(row), ended)

    def of_merge(self, tree: MergeTree, node: int) -> Evidence:
        """Return the evidence for a merge of `tree`: where more than two parts join, the weakest of its joins."""
        leaves = tree.lowest[tree.children(node)[1:]]
        weakest = leaves[np.lexsort((self.tries[leaves], -self.codes[leaves]))[0]]
        found = self.of_minimum(int(weakest))
        if found is None:
            raise ValueError(f"node {node} joins nothing")
        return found

    def states(self, tree: MergeTree) -> list[State]:
        """Return the state of every merge of `tree`, ascending in height."""
        worst = np.zeros(tree.n_nodes, dtype=np.int64)
        ended = tree.ended
        np.maximum.at(worst, tree.parents[ended], self.codes[tree.lowest[ended]])
        return [STATES[code] for code in worst[tree.n_leaves :].tolist()]

    def restricted(self, tree: MergeTree, kept: Ids, smaller: MergeTree) -> "TreeEvidence":
        """Return that of a tree of some leaves of `tree`: where the one that a minimum joined is gone, of the next."""
        ended = smaller.ended
        leaves, elders = smaller.lowest[ended], smaller.lowest[smaller.parents[ended]]
        rows = kept.copy()
        rows[leaves] = joins_between(tree, kept[leaves], kept[elders])
        codes = np.full(len(kept), NONE)
        codes[leaves] = self.codes[rows[leaves]]
        return replace(self, codes=codes, floors=self.floors[rows], counts=self.counts[rows])


def tree_evidence(
    tree: MergeTree, searches: Searches | None, edges: "Edges", *, tries: int = TRIES, energy_floor: float | None = None
) -> TreeEvidence:
    """Return the evidence on every join of a tree.

    Parameters
    ----------
    searches : Searches, optional
        Whose ends are positions of leaves. None: nobody knows what was tried.
    edges : Edges
        Those that the tree was made of, no height under an end.
    tries : int
        See `elsuite.network.evidence.Evidence`.
    energy_floor : float, optional
        Of energies, as `negligibly_above` takes it.

    Examples
    --------
    Two minima at 0 and 0.2 joined at 1 by the only search that was made.

    >>> from elsuite.analysis import merge_tree
    >>> tree = merge_tree([0.0, 0.2], [0], [1], [1.0])
    >>> ends = np.array([0]), np.array([1])
    >>> searches = Searches(*ends, outcomes=np.array(["budget spent"]))
    >>> edges = Edges(*ends, heights=np.array([1.0]), verified=np.array([False]), searched=np.array([True]))
    >>> evidence = tree_evidence(tree, searches, edges)
    >>> evidence.of_merge(tree, 2)
    Evidence(state='untested', floor=0.2, tries=1, outcomes={'budget spent': 1})
    """
    energies = tree.heights[: tree.n_leaves]
    ended = tree.ended
    leaves, above = tree.lowest[ended], tree.parents[ended]
    ends_at = np.full(tree.n_leaves, np.nan)
    ends_at[leaves] = tree.heights[above]
    none = np.empty(0, dtype=np.int64)
    known = searches if searches is not None else Searches(none, none, np.empty(0, dtype=str))
    span = (float(energies.min(initial=np.inf)), float(tree.heights.max(initial=-np.inf)))

    def limits(values: Floats) -> Floats:
        return negligibly_above(values, span=span, energy_floor=energy_floor)

    names, counts = _across(tree, known, ends_at, limits(np.maximum(energies[known.sources], energies[known.targets])))
    n_converged = counts[:, list(names).index("converged")] if "converged" in names else np.zeros(tree.n_leaves)
    # Of a join without an edge of its own, as of two that a third joins at its own energy, its merge's edges tell.
    dies_in = np.full(tree.n_leaves, tree.n_nodes)
    dies_in[leaves] = above
    joined = joins_between(tree, edges.sources, edges.targets)
    makes = np.flatnonzero((joined >= 0) & (edges.heights == ends_at[joined]))
    has_own = np.bincount(joined[makes], minlength=tree.n_leaves) > 0
    by_state, searched = (
        np.where(has_own, _marked(tree.n_leaves, joined[own]), _marked(tree.n_nodes + 1, dies_in[joined[own]])[dies_in])
        for own in (makes[edges.verified[makes]], makes[edges.searched[makes]])
    )
    searched |= counts.any(axis=1)
    possible = np.zeros(tree.n_leaves)
    possible[leaves] = tree.sizes[ended].astype(float) * (tree.starts[ended] - tree.starts[above])
    known_around = np.zeros(tree.n_leaves + 1, dtype=np.int64)
    known_around[1 + tree.starts[known.surrounded]] = 1
    known_around = np.cumsum(known_around)
    surrounded = np.zeros(tree.n_leaves, dtype=bool)
    first, size = tree.starts[ended], tree.sizes[ended]
    surrounded[leaves] = known_around[first + size] - known_around[first] == size
    at_floor = ends_at <= limits(energies)
    tested = n_converged >= np.minimum(tries, possible)
    rules: Sequence[tuple[State, Mask]] = [
        ("closed", at_floor | (by_state & (tested | surrounded))),
        ("tested", tested),
        ("verified", by_state),
        ("untested", searched),
    ]
    codes = np.select([rule for _, rule in rules], [STATES.index(name) for name, _ in rules], STATES.index("unknown"))
    n_searches = len(known.sources) + len(known.surrounded)
    return TreeEvidence(np.where(_marked(tree.n_leaves, leaves), codes, NONE), energies, counts, names, n_searches)


def _marked(n: int, places: Ids) -> Mask:
    marks = np.zeros(n, dtype=bool)
    marks[places] = True
    return marks


# By the minimum whose join they cross: searches that could have shown a height below that of the join, by outcomes.
def _across(tree: MergeTree, searches: Searches, ends_at: Floats, floors: Floats) -> tuple[tuple[str, ...], Ids]:
    names, codes = np.unique(searches.outcomes.astype(str), return_inverse=True)
    joins = joins_between(tree, searches.sources, searches.targets)
    telling = np.flatnonzero((joins >= 0) & (floors < ends_at[joins]))
    cells = np.bincount(joins[telling] * len(names) + codes[telling], minlength=tree.n_leaves * len(names))
    return tuple(names.tolist()), cells.reshape(tree.n_leaves, len(names))


def joins_between(tree: MergeTree, sources: Ids, targets: Ids) -> Ids:
    """Return for each pair of leaves the minimum that dies where they are joined; -1 where they never are, or are one.

    Where more than two parts join at one height, they do so one after the other, in the order of their lowest minima.

    Examples
    --------
    Minimum 0 dies where it joins minimum 1, and 2 where it joins both.

    >>> from elsuite.analysis import merge_tree
    >>> tree = merge_tree([0.5, 0.0, 0.2], [0, 1], [1, 2], [1.0, 3.0])
    >>> joins_between(tree, np.array([0, 0]), np.array([1, 2])).tolist()
    [0, 2]
    """
    places = tree.starts[np.stack([sources, targets]).reshape(2, -1)]
    first, last = places.min(axis=0), places.max(axis=0)
    found = np.full(len(first), NONE)
    apart = np.flatnonzero(first < last)
    if not len(apart):
        return found
    inner = np.flatnonzero(tree.parents >= 0)
    later = inner[tree.starts[inner] != tree.starts[tree.parents[inner]]]
    dying = np.full(tree.n_leaves, NONE)
    dying[tree.starts[later] - 1] = tree.lowest[later]
    found[apart] = dying[_last_highest(tree.gaps, first[apart], last[apart])]
    return found


def _last_highest(values: Array, begins: Ids, ends: Ids) -> Ids:
    """Return the last position of the highest value in each half-open range, none of which is empty."""
    table = [np.arange(len(values), dtype=np.int32)]
    lengths = ends - begins
    levels = np.frexp(lengths)[1] - 1  # 2 ** level is the largest power of two that is not longer than the range
    for level in range(int(levels.max(initial=0))):
        one, other = table[-1][: -(2**level)], table[-1][2**level :]
        table.append(np.where(values[other] >= values[one], other, one))
    found = np.empty(len(begins), dtype=np.int64)
    for level in np.unique(levels).tolist():
        own = np.flatnonzero(levels == level)
        one, other = table[level][begins[own]], table[level][ends[own] - 2**level]
        found[own] = np.where(values[other] >= values[one], other, one)
    return found
