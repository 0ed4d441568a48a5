"""Two given minima joined, however far apart: the missing-connection algorithm (`connect_pair`)."""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import final

import numpy as np

from elsuite.core.settings import check_instance
from elsuite.core.typing import Floats, Progress
from elsuite.database import LandscapeDatabase
from elsuite.exploration.checking import check_landscape, checked_count
from elsuite.exploration.mapping.crossing import GapTask
from elsuite.exploration.mapping.gaps import MOST_TRIES, Distances, Pair, Route, best_gaps, best_route
from elsuite.exploration.mapping.joining import Joining
from elsuite.exploration.mapping.parcels import unpacked
from elsuite.exploration.mapping.rows import Discovery
from elsuite.exploration.mapping.strategies import GapChooser, LowerBarrier, Situation, around, choosers
from elsuite.exploration.workers import Workers
from elsuite.landscapes.base import Landscape
from elsuite.paths import PathFinder
from elsuite.paths.doubly_nudged import DoublyNudgedPathFinder
from elsuite.schema import NotFoundError

MOST_ATTEMPTS = 1000
"""Searches where neither a number nor a time is given."""

USUAL = ("barrier", "shorten")
"""Strategies once the two are joined."""


@dataclass(frozen=True)
class Connection:
    """What came of joining two minima.

    Attributes
    ----------
    barrier : float, optional
        The highest energy on the best route, as it is; None where nothing joins the two.
    above : tuple of float, optional
        The same above each of the two.
    route : tuple of int
        Ids of the minima along the best route, both ends included.
    gaps : tuple of pairs of int
        Ids of the minima between which the next searches would be made.
    n_searched, n_known, n_failed : int
        Searches made now and in earlier calls, and those of now that an exception ended.
    n_minima, n_states : int
        Minima and transition states that are new.
    ended : str
        Why no more was searched.
    """

    barrier: float | None
    above: tuple[float, float] | None
    route: tuple[int, ...]
    gaps: tuple[Pair, ...]
    n_searched: int
    n_known: int
    n_failed: int
    n_minima: int
    n_states: int
    ended: str

    @property
    def joined(self) -> bool:
        """Whether a route of verified transition states joins the two."""
        return self.barrier is not None


def connect_pair(
    database: LandscapeDatabase,
    landscape: Landscape,
    a: int,
    b: int,
    *,
    finder: PathFinder | None = None,
    surface: str | None = None,
    strategies: Sequence[str | GapChooser] = USUAL,
    attempts: int | None = None,
    seconds: float | None = None,
    improve: bool | None = None,
    tolerance: float | None = None,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> Connection:
    """Join two stored minima by transition states, then lower the highest of them on the way.

    In rounds: the cheapest route between the two is found, on which known transition states cost nothing and gaps a
    steep function of their distance; between the ends of each gap a band is lowered, its tops are refined to transition
    states, both sides of each are followed down, and all that is new is committed. Once the two are joined, the same is
    done without the transition states that are as high as the barrier or higher, which gives a lower one or none, in
    turn with the other `strategies`. Carr, Trygubenko and Wales, J. Chem. Phys. 122, 234903 (2005); Wales, Mol. Phys.
    100, 3285 (2002). Transition states are verified as in `elsuite.exploration.map_landscape`, and stored alike, so
    that either goes on with what the other has found.

    What is done is in the database after every search: a call that was killed or interrupted, made again, goes on.
    Rounds do not depend on the number of workers.

    Parameters
    ----------
    a, b : int
        Ids of minima that are stationary; structures from elsewhere are relaxed before by
        `elsuite.exploration.quench`.
    finder : PathFinder, optional
        Of the way between two neighboring minima; by default `elsuite.paths.DoublyNudgedPathFinder`.
    strategies : sequence
        What is searched once the two are joined, by turns: names in `elsuite.exploration.mapping.STRATEGIES`, or
        choosers.
    attempts : int, optional
        Searches at most, now; 1000 where `seconds` are not given either.
    seconds : float, optional
        No search is begun after so long.
    improve : bool, optional
        Whether to go on once the two are joined; by default if `attempts` or `seconds` are given.
    tolerance : float, optional
        Points as near as this are one, in units of the landscape's length scale; by default as the store was mapped,
        else 1e-5.

    Raises
    ------
    ValueError
        For an end that is no minimum, or twice the same.
    NotFoundError
        For ids that are not there.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> surface = MullerBrown()
    >>> with LandscapeDatabase.create(None, surface) as database:
    ...     ends = {"coordinates": surface.minima[[0, 1]], "energy": surface.minimum_energies[[0, 1], None]}
    ...     _ = database.add(minima=ends)
    ...     found = connect_pair(database, surface, 0, 1)
    >>> found.route, round(found.barrier, 4), found.ended
    ((0, 2, 1), -40.6648, 'joined')
    """
    check_instance("landscape", landscape, Landscape)
    if finder is not None:
        check_instance("finder", finder, PathFinder)
    check_landscape(database, landscape)
    budget = _Budget(
        MOST_ATTEMPTS if attempts is None and seconds is None else attempts,
        seconds,
        attempts is not None or seconds is not None if improve is None else improve,
    )
    shown = landscape.on(surface or landscape.surfaces[0])
    around = _points_of(database, a, b)
    work = Joining(database, shown, finder or DoublyNudgedPathFinder(), _tolerance(database, tolerance), around)
    ends = work.minima.positions_of(a, b)
    return _Connecting(work, ends, choosers(strategies), budget, workers, progress).run()


def _points_of(database: LandscapeDatabase, a: int, b: int) -> Floats:
    """Return the points of two rows; raise NotFoundError for one that is not there."""
    for i in (a, b):
        if checked_count("a minimum", i, 0) >= database.n_minima:
            raise NotFoundError(f"no minimum {i}; the database has {database.n_minima}")
    return database.coordinates([a, b]).astype(np.float64)


def _tolerance(database: LandscapeDatabase, given: float | None) -> float:
    """Return within which distance points are one: as given, or as the store was mapped."""
    if given is not None:
        if not 0 < given < np.inf:
            raise ValueError(f"tolerance: given {given!r}, allowed: a positive number")
        return given
    plan = database.attributes.get("mapping")
    stored = plan.get("tolerance") if isinstance(plan, dict) else None
    return float(stored) if isinstance(stored, int | float) and 0 < stored < np.inf else 1e-5


@final
class _Budget:
    """How many searches are made, for how long, and whether once the two are joined."""

    def __init__(self, attempts: int | None, seconds: float | None, improve: bool) -> None:
        self.attempts = None if attempts is None else checked_count("attempts", attempts, 0)
        if seconds is not None and not seconds >= 0:
            raise ValueError(f"seconds: given {seconds!r}, allowed: a number from 0")
        self.seconds, self.improve = seconds, improve
        self.n_searched, self.began = 0, time.monotonic()

    @property
    def left(self) -> int | None:
        """Searches that may be made; None: any number."""
        return None if self.attempts is None else self.attempts - self.n_searched

    @property
    def spent(self) -> str:
        """What is used up, in words; empty while nothing is."""
        if self.attempts is not None and self.n_searched >= self.attempts:
            return f"{self.attempts} searches are made"
        if self.seconds is not None and time.monotonic() - self.began >= self.seconds:
            return f"{self.seconds:g} seconds are over"
        return ""

    @property
    def share(self) -> tuple[int, int]:
        """How much is done, of how much."""
        if self.seconds is not None:
            return int(min(time.monotonic() - self.began, self.seconds)), int(np.ceil(self.seconds))
        return self.n_searched, self.attempts or 0


@final
class _Connecting:
    """The rounds of one call."""

    def __init__(
        self,
        work: Joining,
        ends: Pair,
        turns: Sequence[GapChooser],
        budget: _Budget,
        workers: Workers | None,
        progress: Progress | None,
    ) -> None:
        self.work, self.ends, self.turns, self.budget = work, ends, turns, budget
        self.workers, self.progress = workers, progress
        self.distances = Distances(work.minima.region.symmetry)
        self.route: Route | None = None
        self.gaps: list[Pair] = []
        self.n_known = sum(work.tried.values())

    def run(self) -> Connection:
        """Search in rounds until there is nothing to search, the two are joined, or the budget is spent."""
        self.look()
        turn = passed = 0
        while True:
            if self.route is not None and not self.budget.improve:
                return self.result("joined")
            pairs = self.next_round(turn)
            turn, passed = turn + 1, 0 if pairs else passed + 1
            if spent := self.budget.spent:
                return self.result(spent)
            if not pairs and (self.route is None or passed == len(self.turns)):
                return self.result(f"no pair is left that was not searched {MOST_TRIES} times")
            self.search(pairs)

    def look(self) -> bool:
        """Find the best route; return whether it is better than the one before."""
        found = best_route(self.work.known, *self.ends)
        better = found is not None and (self.route is None or found.barrier < self.route.barrier)
        self.route = found
        return better

    def next_round(self, turn: int) -> list[Pair]:
        """Return the pairs of a round: once the two are joined, those of the strategies by turns."""
        known, (a, b) = self.work.known, self.ends
        if self.route is None:
            gaps = best_gaps(known, self.distances, a, b)
            self.gaps = gaps or []
            # Where every pair was tried, new minima around the two parts make new pairs.
            return around(known, self.distances, self.ends, 2) if gaps is None else gaps
        chooser = self.turns[turn % len(self.turns)]
        pairs = chooser.choose(Situation(known, self.distances, a, b, self.route))
        if isinstance(chooser, LowerBarrier):
            self.gaps = pairs
        return pairs

    def search(self, pairs: Sequence[Pair]) -> None:
        """Search between the pairs of a round, and store what is found, until the best route is a better one."""
        pairs = pairs[: self.budget.left]
        tasks = [self.work.task(pair, self.distances) for pair in pairs]
        with closing(self.found(tasks)) as discoveries:
            for pair, task, (found, seconds) in zip(pairs, tasks, discoveries, strict=False):
                self.work.store(pair, task, found, seconds, sync=self.workers is not None)
                if self.workers is not None:
                    self.workers.forget([task])
                self.budget.n_searched += 1
                better = self.look()
                self.tell()
                if better or self.budget.spent:
                    break

    def found(self, tasks: Sequence[GapTask]) -> Generator[tuple[Discovery, float]]:
        """Yield what the searches find, in the order given, and the seconds of each."""
        began = time.monotonic()
        here = (self.work.here(task) for task in tasks)
        there = None if self.workers is None else self.workers.results(tasks)
        for found in here if there is None else map(unpacked, there):
            yield found, time.monotonic() - began
            began = time.monotonic()

    def tell(self) -> None:
        """Tell how far the two are joined, and how much of the budget is spent."""
        if self.progress is None:
            return
        a, b = self.names
        if self.route is None:
            words = f"{len(self.gaps)} gaps left"
        else:
            one, other = self.above
            words = f"highest {self.route.barrier:.7g}, {one:.5g} above {a}, {other:.5g} above {b}"
        self.progress(f"{a} to {b} | {words}", *self.budget.share)

    @property
    def names(self) -> tuple[int, int]:
        """Ids of the two."""
        ids = self.work.minima.ids
        return ids[self.ends[0]], ids[self.ends[1]]

    @property
    def above(self) -> tuple[float, float]:
        """The barrier above each of the two, where there is one."""
        energies = self.work.minima.energies
        barrier = np.nan if self.route is None else self.route.barrier
        return float(barrier - energies[self.ends[0]]), float(barrier - energies[self.ends[1]])

    def result(self, ended: str) -> Connection:
        """Return what came of it."""
        work, route = self.work, self.route
        return Connection(
            barrier=None if route is None else route.barrier,
            above=None if route is None else self.above,
            route=() if route is None else tuple(work.minima.ids[k] for k in route.minima),
            gaps=tuple((work.minima.ids[i], work.minima.ids[j]) for i, j in self.gaps),
            n_searched=self.budget.n_searched,
            n_known=self.n_known,
            n_failed=work.n_failed,
            n_minima=work.n_minima,
            n_states=work.n_states,
            ended=ended,
        )
