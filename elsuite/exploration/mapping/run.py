"""A whole landscape: its minima, its transition states, and what joins what (`map_landscape`)."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from elsuite.core.identity import content_key, work_seed
from elsuite.core.settings import all_settings, key_settings
from elsuite.database import LandscapeDatabase, open_database
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.known_points import KnownPoints
from elsuite.exploration.mapping.plan import MappingPlan, Task, describe_landscape, mapped_region
from elsuite.exploration.mapping.rows import Discovery, new_rows
from elsuite.exploration.mapping.work import (
    Region,
    between,
    from_random_points,
    hops,
    leave_along_modes,
    leave_anywhere,
    random_points,
    settle,
)
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.paths import FourierPathFinder, PathFinder
from elsuite.stationary import Limits
from elsuite.symmetry.atoms import fingerprints

__all__ = ["MappingPlan", "map_landscape"]

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
POINTS_AT_ONCE = 32
WALKERS = 4


def map_landscape(
    landscape: Landscape,
    *,
    n_starts: int = 64,
    seed: int = 0,
    bounds: ArrayLike | None = None,
    store: str | Path | None = None,
    plan: MappingPlan | None = None,
    finder: PathFinder | None = None,
    limits: Limits | None = None,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> LandscapeDatabase:
    """Return a database of the minima and verified transition states of a landscape.

    1. Minima are sampled from random starts, and by basin hopping from the lowest.
    2. Transition states are sought uphill from random points, from every minimum along its soft modes both ways, then
       in random directions in rounds, until a round finds nothing new. Each is refined to a stationary
       point, its index checked, and followed down on both sides; minima found on the way are searched from as well.
    3. While the minima are not all joined, paths between the parts are searched and refined from their tops.

    A minimum has no negative eigenvalue, a transition state one; other points are not stored. Points are one when they
    are equal up to `tolerance`, clusters after alignment, isomers by rotation, inversion and permutation counted once.
    Parallel transition states between two minima, and those from a minimum to itself, are all kept. All is
    deterministic for a seed. It suits surfaces, clusters of up to about 15 atoms, networks of a few hundred parameters.

    Parameters
    ----------
    landscape : Landscape
        On the surface that it shows.
    n_starts, seed : int
        Short for a `MappingPlan` with these, and twice as many random points.
    bounds : array (2, P), optional
        Box of the random starts. A surface is mapped within it alone; by default its own bounds, if it has some.
    store : path, optional
        Where the database is kept. What is done is committed after every piece of work; an interrupted call, made
        again, goes on and ends with the same database. Without it the database is in memory.
    plan : MappingPlan, optional
        All settings; `n_starts` and `seed` are then taken from it.
    finder : PathFinder, optional
        By default `FourierPathFinder()`.
    limits : Limits, optional
        Of the searches.
    seconds : float, optional
        No piece of work is begun after so long.
    progress : callable, optional
        Called with a stage, and how many of its pieces are done of how many.

    Returns
    -------
    LandscapeDatabase
        Open for reading; in memory for writing too. Its `runs` are the pieces of work, with what each found.

    Raises
    ------
    ValueError
        For bounds or settings that do not fit, or a store of another landscape.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> database = map_landscape(MullerBrown(), n_starts=16)
    >>> database.n_minima, database.paths["height"].values.round(4)
    (3, array([-72.2489, -40.6648]))
    """
    plan = plan or MappingPlan(n_starts=n_starts, n_points=2 * n_starts, seed=seed)
    region = mapped_region(landscape, bounds, limits or Limits(max_steps=200))
    database = _open(landscape, plan, store)
    mapping = _Mapping(landscape, plan, region, finder or _default_finder(landscape), database)
    try:
        mapping.run(seconds, progress)
    except BaseException:
        if store is not None:
            database.close()
        raise
    if store is None:
        return database
    database.close()
    return open_database(store)


@final
class _Mapping:
    """The state of one call: the database, the points known, and the work done."""

    def __init__(
        self,
        landscape: Landscape,
        plan: MappingPlan,
        region: Region,
        finder: PathFinder,
        database: LandscapeDatabase,
    ) -> None:
        self.landscape, self.plan, self.region = landscape, plan, region
        self.finder, self.database = finder, database
        self.identity = [
            describe_landscape(landscape),
            plan.seed,
            None if region.bounds is None else region.bounds.tolist(),
        ]
        self.known = (KnownPoints(landscape, plan.tolerance), KnownPoints(landscape, plan.tolerance))
        for point in database.coordinates(np.arange(database.n_minima)).astype(np.float64):
            self.known[0].add(point)
        if database.n_paths and "coordinates" in database.paths:
            for point in database.paths["coordinates"].values.astype(np.float64):
                self.known[1].add(point)
        runs = database.runs
        columns = (
            [runs[name].values.tolist() for name in ("key", "n_found")] if "n_found" in runs else [[], []]
        )
        self.done: dict[int, int] = dict(zip(*columns, strict=True))
        self.keys: dict[Task, int] = {}

    def run(self, seconds: float | None, progress: Progress | None) -> None:
        """Do one piece of work after the other until there is none or the time is over."""
        started = time.monotonic()
        while (
            task := next((task for task in self.tasks() if self.key(task) not in self.done), None)
        ) is not None:
            if seconds is not None and time.monotonic() - started > seconds:
                break
            self.store(task, *self.perform(task))
            if progress is not None:
                progress(task.stage, *self.counts(task))

    def key(self, task: Task) -> int:
        """Return the key of a piece of work: the same in every call with the same landscape, seed and settings."""
        if task not in self.keys:
            settings = {
                "starts": [],
                "hops": [self.plan.n_starts, self.plan.n_hops, self.plan.temperature],
                "random points": [],
                "modes": [self.plan.n_modes],
                "directions": [self.plan.n_directions],
                "paths": [self.finder.name, key_settings(self.finder)],
            }[task.stage]
            place = [task.stage, task.number, task.round, task.other]
            self.keys[task] = content_key("map", self.identity, place, settings)
        return self.keys[task]

    def tasks(self) -> Iterator[Task]:
        """Yield all work that the minima known now give rise to, in order; what follows depends on what is found."""
        yield from (Task("starts", k) for k in _batches(self.plan.n_starts))
        if self.plan.n_hops and len(self.known[0]):
            yield Task("hops")
        yield from (Task("random points", k) for k in _batches(self.plan.n_points))
        numbers = range(len(self.known[0]))
        if self.plan.n_modes:
            yield from (Task("modes", i) for i in numbers)
        for number in range(1, self.plan.n_rounds + 1 if self.plan.n_directions else 1):
            round_tasks = [Task("directions", i, number) for i in numbers]
            yield from round_tasks
            if not any(self.done.get(self.key(task), 0) for task in round_tasks):
                break
        yield from self.pairs()

    def pairs(self) -> Iterator[Task]:
        """Yield the next pair of minima to be joined: the nearest in different parts that was not tried."""
        n, paths = len(self.known[0]), self.database.paths
        ends = (paths["source"].values, paths["target"].values)
        n_parts, part = connected_components(
            coo_array((np.ones(len(ends[0])), ends), shape=(n, n)), directed=False
        )
        if n_parts < 2 or self.n_tried >= self.plan.n_pairs:
            return
        marks = fingerprints(self.landscape, self.known[0].points)
        distances = cdist(marks, marks)
        distances[part[:, None] == part] = np.inf
        order = np.argsort(distances, axis=None, kind="stable")
        for i, j in zip(*np.unravel_index(order, distances.shape), strict=True):
            task = Task("paths", int(min(i, j)), 0, int(max(i, j)))
            if not np.isfinite(distances[i, j]):
                return
            if self.key(task) not in self.done:
                yield task
                return

    @property
    def n_tried(self) -> int:
        """Number of paths searched so far, by this call and those before."""
        return sum(name == "paths" for name in self.database.runs["minimizer"].values.tolist())

    def perform(self, task: Task) -> tuple[Discovery, float]:
        """Return what a piece of work finds, and the seconds it took."""
        began = time.monotonic()
        plan, seed, where = self.plan, work_seed(self.key(task)), (self.landscape, self.region)
        minima = self.known[0].points
        match task.stage:
            case "starts":
                found = settle(*where, random_points(*where, self.numbers(task), seed=plan.seed))
            case "hops":
                lowest = np.argsort(self.energies(), kind="stable")[:WALKERS]
                found = hops(
                    *where, minima[lowest], n_hops=plan.n_hops, temperature=plan.temperature, seed=seed
                )
            case "random points":
                found = from_random_points(
                    *where, random_points(*where, self.numbers(task), seed=plan.seed + 1)
                )
            case "modes":
                found = leave_along_modes(*where, minima[task.number], n_modes=plan.n_modes)
            case "directions":
                found = leave_anywhere(
                    *where, minima[task.number], n_directions=plan.n_directions, farther=task.round, seed=seed
                )
            case _:
                ends = (minima[task.number], minima[task.other])
                found, _ = between(*where, ends, finder=self.finder, seed=seed)
        return found, time.monotonic() - began

    def numbers(self, task: Task) -> range:
        """Return the numbers of the random points of one batch."""
        n = self.plan.n_starts if task.stage == "starts" else self.plan.n_points
        return range(task.number * POINTS_AT_ONCE, min((task.number + 1) * POINTS_AT_ONCE, n))

    def energies(self) -> Array:
        """Return the energies of all minima on the surface that is mapped."""
        column = self.database.surfaces.index(self.landscape.surface)
        return np.asarray(self.database.minima["energy"].values[:, column])

    def store(self, task: Task, found: Discovery, seconds: float) -> None:
        """Commit what a piece of work found, together with the record that it is done."""
        key = self.key(task)
        rows = new_rows(self.landscape, found, self.known, key=key, label=task.stage)
        if rows.minima:
            rows.minima["run"] = [self.database.n_runs] * len(rows.minima["key"])
        n_found = sum(len(columns["key"]) for columns in (rows.minima, rows.paths) if columns)
        run = {
            "key": key,
            "seed": work_seed(key),
            "minimizer": task.stage,
            "outcome": "converged",
            "message": rows.message,
            "n_steps": found.n_steps,
            "n_evaluations": float(found.n_gradients),
            "seconds": seconds,
            "start": task.number if task.stage in {"modes", "directions", "paths"} else -1,
            "n_found": n_found,
        }
        self.database.add(runs=[run], minima=rows.minima or None, paths=rows.paths or None)
        self.done[key] = n_found

    def counts(self, task: Task) -> tuple[int, int]:
        """Return how many pieces of the task's stage are done, and how many there are at present."""
        if task.stage == "paths":
            return self.n_tried, max(self.n_tried, self.plan.n_pairs)
        stage = [other for other in self.tasks() if other.stage == task.stage and other.round == task.round]
        return sum(self.key(other) in self.done for other in stage), len(stage)


def _batches(n_points: int) -> range:
    return range(-(-n_points // POINTS_AT_ONCE))


def _in_words(description: Any) -> str:
    if not isinstance(description, dict):
        return "something else"
    if "type" not in description:
        return "a network"
    settings = ", ".join(f"{name} {value}" for name, value in description.get("settings", {}).items())
    return f"{description.get('type')} ({description.get('n_parameters')} parameters{', ' * bool(settings)}{settings})"


def _default_finder(landscape: Landscape) -> PathFinder:
    # The density counts over data only; elsewhere the keys of the work are those of earlier stores.
    return (
        FourierPathFinder() if isinstance(landscape, DataLandscape) else FourierPathFinder(density="uniform")
    )


def _open(landscape: Landscape, plan: MappingPlan, store: str | Path | None) -> LandscapeDatabase:
    description = describe_landscape(landscape)
    if store is not None and Path(store).exists():
        database = open_database(store, "a")
        there = database.attributes.get("landscape")
        if there != description:
            database.close()
            raise ValueError(f"{store} is a database of {_in_words(there)}, not of {_in_words(description)}")
        try:
            check_landscape(database, landscape)
        except BaseException:
            database.close()
            raise
        return database
    return LandscapeDatabase.create(
        store,
        landscape,
        attributes={"landscape": description, "mapping": all_settings(plan)},
    )
