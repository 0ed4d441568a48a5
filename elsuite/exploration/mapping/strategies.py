"""Which pairs of minima are searched between once two given ones are joined: choosers by name (`STRATEGIES`).

Those of discrete path sampling: Wales, Mol. Phys. 100, 3285 (2002); Strodel, Whittleston and Wales, J. Am. Chem. Soc.
129, 16005 (2007). A new one is a class here and a row there, or an entry point of the group ``elsuite.strategies`` in
another package.
"""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from elsuite.core.plugins import PluginTable
from elsuite.core.settings import Count, settings
from elsuite.core.typing import Floats
from elsuite.exploration.mapping.gaps import MOST_TRIES, PENALTY, Distances, Known, Pair, Route, gaps_of_round
from elsuite.network.kruskal import kruskal

MEASURED = 16
"""So many pairs, by estimated distance, have their distances measured."""


@final
@dataclass(frozen=True, eq=False)
class Situation:
    """What a chooser of gaps may look at.

    Attributes
    ----------
    a, b : int
        Positions of the two minima that are joined.
    route : Route
        The best route between them.
    """

    known: Known
    distances: Distances
    a: int
    b: int
    route: Route

    @property
    def top(self) -> int:
        """The step of the route that is highest."""
        return int(np.argmax(self.known.heights[list(self.route.states)]))

    def nearest(self, pairs: Sequence[Pair], n: int) -> list[Pair]:
        """Return the `n` nearest of some pairs; each search that was made counts as more distance."""
        open_ = [pair for pair in dict.fromkeys(pairs) if self.known.tried.get(pair, 0) < MOST_TRIES]
        if not open_:
            return []
        self.distances.take(self.known.points, (min(self.a, self.b), max(self.a, self.b)))
        tries = np.array([PENALTY ** self.known.tried.get(pair, 0) for pair in open_])
        rows, others = (np.array(ends, dtype=np.int64) for ends in zip(*open_, strict=True))
        apart = tries * self.distances.between(rows, others)
        likely = np.argsort(apart, kind="stable")[: max(MEASURED, n)].tolist()
        exact = {open_[k]: tries[k] * self.distances.measure(self.known.points, open_[k]) for k in likely}
        return sorted(exact, key=lambda pair: (exact[pair], pair))[:n]


class GapChooser(abc.ABC):
    """Chooses the pairs of one round; choosers are frozen dataclasses, with settings for fields."""

    @abc.abstractmethod
    def choose(self, situation: Situation) -> list[Pair]:
        """Return pairs of positions, the lower one first; a minimum with itself: transition states around it.

        The same situation gives the same pairs; none where there is nothing to search.
        """


@final
@settings
class LowerBarrier(GapChooser):
    """The gaps of the cheapest routes on which no known transition state is as high as the barrier."""

    def choose(self, situation: Situation) -> list[Pair]:
        """See `GapChooser`."""
        s = situation
        return gaps_of_round(s.known, s.distances, s.a, s.b, ceiling=s.route.barrier) or []


@final
@settings
class ShortenRoute(GapChooser):
    """The nearest pairs of minima on both sides of the best route's highest step, up to `reach` steps away."""

    n_pairs: Count = 2
    reach: Count = 8

    def choose(self, situation: Situation) -> list[Pair]:
        """See `GapChooser`."""
        minima, top = situation.route.minima, situation.top
        before, behind = minima[max(0, top + 1 - self.reach) : top + 1], minima[top + 1 : top + 1 + self.reach]
        pairs = [_pair(i, j) for i in before for j in behind if (i, j) != (minima[top], minima[top + 1])]
        return situation.nearest(pairs, self.n_pairs)


@final
@settings
class UntrapMinima(GapChooser):
    """Minima in wells as deep as can be for their depth, each with the nearest lower minimum of another well.

    A well counts by its barrier to anything lower over its height above the lowest minimum.
    """

    n_pairs: Count = 2

    def choose(self, situation: Situation) -> list[Pair]:
        """See `GapChooser`."""
        known = situation.known
        barriers = _barriers_to_lower(known)
        heights = known.energies - known.energies.min()
        joined = np.isfinite(barriers) & (heights > 0)
        traps = np.flatnonzero(joined)
        traps = traps[np.argsort(-(barriers[traps] - known.energies[traps]) / heights[traps], kind="stable")]
        pairs: list[Pair] = []
        for trap in traps[: 4 * self.n_pairs].tolist():
            lower = np.flatnonzero(known.energies < known.energies[trap]).tolist()
            pairs += situation.nearest([_pair(trap, other) for other in lower], 1)
            if len(pairs) == self.n_pairs:
                break
        return list(dict.fromkeys(pairs))


@final
@settings
class JoinUnconnected(GapChooser):
    """Minima that no route joins to the two, the lowest first, each with the nearest one that is joined to them."""

    n_pairs: Count = 2

    def choose(self, situation: Situation) -> list[Pair]:
        """See `GapChooser`."""
        known = situation.known
        _, parts = known.below(np.inf)
        main = np.flatnonzero(parts == parts[situation.a]).tolist()
        others = np.flatnonzero(parts != parts[situation.a])
        pairs: list[Pair] = []
        for lost in others[np.argsort(known.energies[others], kind="stable")].tolist():
            pairs += situation.nearest([_pair(lost, other) for other in main], 1)
            if len(pairs) == self.n_pairs:
                break
        return pairs


@final
@settings
class ExploreAround(GapChooser):
    """Single minima, those nearest to the highest step: transition states in random directions from them."""

    n_minima: Count = 1

    def choose(self, situation: Situation) -> list[Pair]:
        """See `GapChooser`."""
        route, top = situation.route, situation.top
        return around(situation.known, situation.distances, route.minima[top : top + 2], self.n_minima, route.barrier)


def around(known: Known, distances: Distances, centers: Sequence[int], n: int, ceiling: float = np.inf) -> list[Pair]:
    """Return the minima under a ceiling nearest to some centers, each with itself; searches count as more distance."""
    under = np.flatnonzero(known.energies < ceiling)
    distances.take(known.points, (min(centers), max(centers)))
    apart = distances.estimates(np.array(centers, dtype=np.int64)).min(axis=0)[under]
    # A minimum of the centers themselves is no nearer than the nearest other.
    apart = np.maximum(apart, apart[apart > 0].min(initial=np.inf) if (apart > 0).any() else 1.0)
    tries = np.array([known.tried.get((k, k), 0) for k in under.tolist()])
    order = np.argsort(apart * PENALTY**tries, kind="stable")
    return [(k, k) for k in under[order[tries[order] < MOST_TRIES]][:n].tolist()]


def _pair(i: int, j: int) -> Pair:
    return min(i, j), max(i, j)


def _barriers_to_lower(known: Known) -> Floats:
    """Return the lowest energy at which each minimum is joined to a lower one, shape (n,); infinite where to none."""
    joins = kruskal(len(known.energies), known.sources, known.targets, known.heights)
    lowest = np.arange(len(known.energies))  # of the component that goes by a node
    barriers = np.full(len(known.energies), np.inf)
    for edge, winner, loser in zip(joins.edges.tolist(), joins.winners.tolist(), joins.losers.tolist(), strict=True):
        one, other = lowest[winner], lowest[loser]
        high, low = (one, other) if known.energies[one] > known.energies[other] else (other, one)
        barriers[high] = known.heights[edge]
        lowest[winner] = low
    return barriers


STRATEGIES: PluginTable[type[GapChooser]] = PluginTable(
    "strategies",
    {
        "barrier": LowerBarrier,
        "shorten": ShortenRoute,
        "untrap": UntrapMinima,
        "unconnected": JoinUnconnected,
        "around": ExploreAround,
    },
    "strategy",
)
"""The choosers by the names that the command line has."""


def choosers(given: Sequence[str | GapChooser]) -> list[GapChooser]:
    """Return choosers, by their names with usual settings, or as they are.

    Raises
    ------
    ValueError
        For no strategy, or a name that is in no table.

    Examples
    --------
    >>> choosers(["shorten", UntrapMinima(n_pairs=1)])
    [ShortenRoute(n_pairs=2, reach=8), UntrapMinima(n_pairs=1)]
    """
    if isinstance(given, str) or not given:
        raise ValueError(f"strategies: given {given!r}, allowed: one or more of {', '.join(STRATEGIES)}")
    return [one if isinstance(one, GapChooser) else STRATEGIES.choose(one)() for one in given]
