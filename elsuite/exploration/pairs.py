"""Which pairs of minima to search paths for: functions from ids to pairs of ids, and the table that study files read.

Every function is deterministic for a seed and returns pairs (source, target) of ids, source < target, each once.
`PAIRS` has the choosers by the names that study files use: a `PairChooser` is asked once, with what the database holds.
A new one is a class here and a row there, or an entry point of the group ``elsuite.pairs`` in another package.
"""

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, final

import numpy as np
from scipy.spatial.distance import cdist

from elsuite.core.plugins import PluginTable
from elsuite.core.settings import Count, Whole, settings
from elsuite.core.typing import Floats, Ids
from elsuite.database import LandscapeDatabase
from elsuite.exploration.complete import (
    CompletionReport,
    complete_tree,
    connect_spanning,
    next_round,
    spanning_effort,
    tree_effort,
)
from elsuite.exploration.connect import SearchReport
from elsuite.landscapes.base import Landscape
from elsuite.network.evidence import TRIES
from elsuite.paths import PathFinder

NONE: Final = np.empty((0, 2), dtype=np.int64)


def all_pairs(ids: Sequence[int]) -> Ids:
    """Return all pairs of `ids`, shape (n (n - 1) / 2, 2).

    Examples
    --------
    >>> all_pairs([3, 1, 2]).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    return np.array(list(combinations(sorted(ids), 2)), dtype=np.int64).reshape(-1, 2)


def random_pairs(candidates: Ids, n_pairs: int, seed: int) -> Ids:
    """Return `n_pairs` of the candidates, drawn without replacement; all of them when there are fewer.

    Examples
    --------
    >>> chosen = random_pairs(all_pairs(range(10)), 3, seed=0)
    >>> len(chosen), bool((chosen[:, 0] < chosen[:, 1]).all())
    (3, True)
    """
    if n_pairs >= len(candidates):
        return candidates
    chosen = np.random.default_rng(seed).permutation(len(candidates))[:n_pairs]
    return candidates[np.sort(chosen)]


def within_pairs(sets: Mapping[str, Sequence[int]], n_pairs: int | None, seed: int) -> Ids:
    """Return random pairs within each set, `n_pairs` a set (None: all); `sets` maps names to ids.

    Examples
    --------
    >>> within_pairs({"sgd/train": [0, 1, 2], "lbfgs/train": [3, 4]}, None, seed=0).tolist()
    [[0, 1], [0, 2], [1, 2], [3, 4]]
    """
    parts = [_some(all_pairs(ids), n_pairs, seed, position) for position, (_, ids) in enumerate(sorted(sets.items()))]
    return _joined(parts)


def between_pairs(sets: Mapping[str, Sequence[int]], n_pairs: int | None, seed: int) -> Ids:
    """Return random pairs between each two sets, `n_pairs` for each two (None: all).

    Examples
    --------
    >>> between_pairs({"sgd/train": [0, 1], "lbfgs/train": [2, 3]}, None, seed=0).tolist()
    [[0, 2], [0, 3], [1, 2], [1, 3]]
    """
    parts = []
    for position, (a, b) in enumerate(combinations(sorted(sets), 2)):
        grid = np.array([[i, j] for i in sets[a] for j in sets[b]], dtype=np.int64).reshape(-1, 2)
        parts.append(_some(np.sort(grid, axis=1), n_pairs, seed, 1000 + position))
    return _joined(parts)


def nearest_pairs(ids: Sequence[int], distances: Floats, n_neighbors: int) -> Ids:
    """Return each minimum with its `n_neighbors` nearest others; `distances` is (n, n), in the order of `ids`.

    Examples
    --------
    Minima at 0, 1 and 5 on a line: the nearest other of the last is at 1.

    >>> points = np.array([0.0, 1.0, 5.0])
    >>> nearest_pairs([10, 11, 12], np.abs(points[:, None] - points), n_neighbors=1).tolist()
    [[10, 11], [11, 12]]
    """
    order = np.asarray(ids, dtype=np.int64)
    apart = np.array(distances, dtype=np.float64)
    np.fill_diagonal(apart, np.inf)
    k = min(n_neighbors, len(order) - 1)
    if k < 1:
        return NONE
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :k]
    pairs = np.column_stack([np.repeat(order, k), order[nearest].ravel()])
    return _joined([np.sort(pairs, axis=1)])


def _some(candidates: Ids, n_pairs: int | None, seed: int, position: int) -> Ids:
    if n_pairs is None:
        return candidates
    return random_pairs(candidates, n_pairs, int(np.random.SeedSequence([seed, position]).generate_state(1)[0]))


def _joined(parts: Sequence[Ids]) -> Ids:
    return np.unique(np.concatenate([NONE, *parts]), axis=0)


MOST_NUMBERS = 2**27
"""Of the minima that are in memory together while distances are taken."""


@dataclass(frozen=True)
class PairContext:
    """What a chooser of pairs may look at."""

    database: LandscapeDatabase
    sets: Mapping[str, Sequence[int]]
    """Ids of the minima to choose among, by their sets."""
    seed: int
    """Of what is drawn at random."""

    @property
    def ids(self) -> list[int]:
        """All ids, ascending."""
        return sorted(i for members in self.sets.values() for i in members)

    def distances(self) -> Floats:
        """Return the Euclidean distances between all minima, in the order of `ids`."""
        ids, step = np.array(self.ids, dtype=np.int64), max(1, MOST_NUMBERS // max(self.database.n_parameters, 1))
        parts = [slice(begin, begin + step) for begin in range(0, len(ids), step)] or [slice(0, 0)]
        found = np.zeros((len(ids), len(ids)))
        for k, rows in enumerate(parts):
            points = self.database.coordinates(ids[rows]).astype(np.float64)
            found[rows, rows] = cdist(points, points)
            for columns in parts[:k]:
                others = self.database.coordinates(ids[columns]).astype(np.float64)
                found[rows, columns] = cdist(points, others)
                found[columns, rows] = found[rows, columns].T
        return found


class PairChooser(abc.ABC):
    """Chooses the pairs of one round of searches; choosers are frozen dataclasses, with settings for fields."""

    @abc.abstractmethod
    def choose(self, context: PairContext) -> Ids | Sequence[Sequence[int]]:
        """Return pairs of ids; the same context gives the same pairs."""

    def count(self, sizes: Sequence[int]) -> int:
        """Return how many pairs there are at most between sets of these sizes, before there are minima: all."""
        return math.comb(sum(sizes), 2)


@final
@settings
class AllPairs(PairChooser):
    """Every two minima."""

    def choose(self, context: PairContext) -> Ids:
        """See `PairChooser`."""
        return all_pairs(context.ids)


@final
@settings
class RandomPairs(PairChooser):
    """Random pairs: within each set and between each two, or, with neither, of all minima."""

    within: Whole | None = None
    """So many for each set."""
    between: Whole | None = None
    """So many for each two sets."""
    n_pairs: Count | None = None
    """So many of all; by default as many as minima."""

    def choose(self, context: PairContext) -> Ids:
        """See `PairChooser`."""
        if self.within is None and self.between is None:
            ids = context.ids
            return random_pairs(all_pairs(ids), self.n_pairs or len(ids), context.seed)
        within = within_pairs(context.sets, self.within or 0, context.seed)
        return np.concatenate([within, between_pairs(context.sets, self.between or 0, context.seed)])

    def count(self, sizes: Sequence[int]) -> int:
        """See `PairChooser`."""
        if self.within is None and self.between is None:
            return min(self.n_pairs or sum(sizes), math.comb(sum(sizes), 2))
        within = sum(min(self.within or 0, math.comb(n, 2)) for n in sizes)
        return within + sum(min(self.between or 0, a * b) for a, b in combinations(sizes, 2))


@final
@settings
class NearestPairs(PairChooser):
    """Every minimum with its `n_neighbors` nearest others."""

    n_neighbors: Count = 3

    def choose(self, context: PairContext) -> Ids:
        """See `PairChooser`."""
        return nearest_pairs(context.ids, context.distances(), self.n_neighbors)

    def count(self, sizes: Sequence[int]) -> int:
        """See `PairChooser`."""
        return min(sum(sizes) * self.n_neighbors, math.comb(sum(sizes), 2))


class AdaptiveChooser(PairChooser):
    """Chooses pairs as the paths come in, and so searches itself."""

    @abc.abstractmethod
    def search(
        self, database: LandscapeDatabase, landscape: Landscape, finder: PathFinder, ids: Sequence[int], **options: Any
    ) -> SearchReport | CompletionReport:
        """Search paths between minima; `options` are those of `elsuite.exploration.connect_minima`."""

    @abc.abstractmethod
    def next_round(
        self, database: LandscapeDatabase, finder: PathFinder, ids: Sequence[int], **named: Any
    ) -> tuple[Ids, str]:
        """Return the pairs that would be searched next, and in words how far the tree is; nothing is searched.

        `named` are `surface`, `label` and `align` of the searches.
        """

    def choose(self, context: PairContext) -> Ids:
        """Return no pair: none is known before a search."""
        return NONE


@final
@settings
class SpanningPairs(AdaptiveChooser):
    """The pairs of `connect_spanning`."""

    n_pairs: Count | None = None
    """Paths in all; by default until all minima are joined."""

    def search(
        self, database: LandscapeDatabase, landscape: Landscape, finder: PathFinder, ids: Sequence[int], **options: Any
    ) -> SearchReport:
        """See `AdaptiveChooser`."""
        return connect_spanning(database, landscape, finder, ids, n_pairs=self.n_pairs, **options)

    def next_round(
        self, database: LandscapeDatabase, finder: PathFinder, ids: Sequence[int], **named: Any
    ) -> tuple[Ids, str]:
        """See `AdaptiveChooser`."""
        return next_round(database, finder, ids, spanning_effort(self.n_pairs), **named)

    def count(self, sizes: Sequence[int]) -> int:
        """See `PairChooser`."""
        return self.n_pairs or max(sum(sizes) - 1, 0)


@final
@settings
class TreePairs(AdaptiveChooser):
    """The pairs of `complete_tree`: until every merge of the tree is closed or tested."""

    tries: Count = TRIES
    """So many converged searches that found nothing lower make a merge tested."""
    most_tries: Count | None = None
    """Searches across a merge after which it is left as it is; by default four times as many."""
    n_pairs: Count | None = None
    """Pairs tried in all, at most."""

    def search(
        self, database: LandscapeDatabase, landscape: Landscape, finder: PathFinder, ids: Sequence[int], **options: Any
    ) -> CompletionReport:
        """See `AdaptiveChooser`."""
        options |= {"tries": self.tries, "most_tries": self.most_tries, "n_pairs": self.n_pairs}
        return complete_tree(database, landscape, finder, ids, **options)

    def next_round(
        self, database: LandscapeDatabase, finder: PathFinder, ids: Sequence[int], **named: Any
    ) -> tuple[Ids, str]:
        """See `AdaptiveChooser`."""
        return next_round(database, finder, ids, tree_effort(self.tries, self.most_tries, self.n_pairs), **named)

    def count(self, sizes: Sequence[int]) -> int:
        """Return how many pairs there may be: one to join each minimum, and the tries of half of the merges."""
        n = sum(sizes)
        return self.n_pairs or min(max(n - 1, 0) * (2 + self.tries) // 2, math.comb(n, 2))


PAIRS: PluginTable[type[PairChooser]] = PluginTable(
    "pairs",
    {"all": AllPairs, "nearest": NearestPairs, "random": RandomPairs, "spanning": SpanningPairs, "tree": TreePairs},
    "chooser of pairs",
)
