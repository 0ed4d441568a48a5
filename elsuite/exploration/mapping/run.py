"""A whole landscape: its minima, its transition states, and what joins what (`map_landscape`)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from elsuite.analysis.stored_tree import stored_tree
from elsuite.core.identity import content_key, work_seed
from elsuite.core.outcomes import Outcome
from elsuite.core.settings import all_settings, check_instance, key_settings
from elsuite.core.typing import Floats, Progress
from elsuite.database import LandscapeDatabase, can_create, open_database
from elsuite.exploration.attempts import reason_of
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.complete import minima_of, next_pairs, state_of, tree_effort
from elsuite.exploration.computing import contributed
from elsuite.exploration.mapping.plan import MappingPlan, describe_landscape, mapped_region
from elsuite.exploration.mapping.rows import Discovery, new_rows
from elsuite.exploration.mapping.work import (
    Region,
    along_directions,
    along_modes,
    between,
    each_alone,
    from_points,
    hops,
    minima_below,
    random_points,
)
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.recipes import Recipe
from elsuite.network.evidence import STATES
from elsuite.paths import FourierPathFinder, PathFinder
from elsuite.stationary import Limits
from elsuite.symmetry.points import PointIndex

POINTS_AT_ONCE = 32
WALKERS = 4

USUAL_FINDER, VERSION_OF_USUAL_FINDER = "mapping_finder", 2
"""An attribute of a map says which defaults of the path finder it was begun with; without it, the first ones."""


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
    recipe: Recipe | None = None,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> LandscapeDatabase:
    """Return a database of the minima and verified transition states of a landscape, on the surface that it shows.

    1. Minima are sampled from random starts, and by basin hopping from the lowest.
    2. Transition states are sought uphill from random points, from every minimum along its soft modes both ways, then
       in random directions in rounds, until a round finds nothing new. Each is refined to a stationary
       point, its index checked, and followed down on both sides; minima found on the way are searched from as well.
    3. While minima are not all joined, paths between the parts are searched and refined from their tops; then across
       merges of the tree that are neither closed nor tested, as in `elsuite.exploration.complete_tree`.

    A minimum has no negative eigenvalue, a transition state one; other points are not stored. Points are one when they
    are equal up to the tolerance by the landscape's symmetry: isomers of a cluster, turned, mirrored and with like
    atoms exchanged, count once. An exception ends one piece of work, a run with the outcome "failed"; the rest goes on.
    Parallel transition states between two minima, and those from a minimum to itself, are all kept. All is
    deterministic for a seed. It suits surfaces, clusters of up to about 15 atoms, networks of a few hundred parameters.

    Parameters
    ----------
    n_starts, seed : int
        Short for a `MappingPlan` with these, and twice as many random points.
    bounds : array (2, P), optional
        Box of the random starts. A surface is mapped within it alone; by default its own bounds, if it has some.
    store : path, optional
        Where the database is kept. What is done is committed after every piece of work; an interrupted call, made
        again, goes on and ends with the same database. Without it the database is in memory.
    plan : MappingPlan, optional
        All settings; `n_starts` and `seed` are then taken from it.
    recipe : Recipe, optional
        How the landscape was made: a new store keeps it, so that other commands make the landscape again.
    seconds : float, optional
        No piece of work is begun after so long.

    Returns
    -------
    LandscapeDatabase
        Open for reading; in memory for writing too. Its `runs` are the pieces of work, with what each found: the
        message counts how the searches of the piece ended, and the outcome is that of most of them.

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
    check_instance("landscape", landscape, Landscape)
    if finder is not None:
        check_instance("finder", finder, PathFinder)
    plan = plan or MappingPlan(n_starts=n_starts, n_points=2 * n_starts, seed=seed)
    region = mapped_region(landscape, bounds, limits or Limits(max_steps=200), tolerance=plan.tolerance)
    database = open_map(landscape, plan, store, recipe)
    # The density counts over data only; elsewhere the keys of the work are those of earlier stores.
    usual = FourierPathFinder() if isinstance(landscape, DataLandscape) else FourierPathFinder(density="uniform")
    if USUAL_FINDER not in database.attributes:
        # Begun by an earlier version, with the defaults of then: its pairs are not searched again.
        usual = replace(usual, scales="absolute", late="sampled", max_rounds=4)
    mapping = _Mapping(region, plan, finder or usual, database)
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


@dataclass(frozen=True)
class Task:
    """One piece of work: of the batch, the minimum or the pair (`number`, `other`), in a round of its stage."""

    stage: str
    number: int = 0
    round: int = 0
    other: int = -1


@dataclass
class Stage:
    """Pieces of work of one kind, and how many of them are done."""

    name: str
    settings: list[Any]
    """What of all settings makes the keys of the pieces."""
    total: Callable[[], int]
    """How many pieces there are at present."""
    round: int = 0
    after: "Stage | None" = None
    """A round, which must have found something before this one begins."""
    n_done: int = 0
    n_found: int = 0
    """Rows that the done pieces gave."""


@final
class _Mapping:
    """The state of one call: the database, the points known, and the work done."""

    def __init__(self, region: Region, plan: MappingPlan, finder: PathFinder, database: LandscapeDatabase) -> None:
        self.landscape, self.plan, self.region = region.landscape, plan, region
        self.finder, self.database = finder, database
        bounds = None if region.bounds is None else region.bounds.tolist()
        self.identity = [describe_landscape(region.landscape), plan.seed, bounds]
        self.known = tuple(PointIndex(region.symmetry, region.tolerance) for _ in range(2))
        self.known[0].extend(database.coordinates(np.arange(database.n_minima)))
        if database.n_paths and "coordinates" in database.paths:
            self.known[1].extend(database.paths["coordinates"].values)
        runs = database.runs
        columns = [runs[name].values.tolist() if "n_found" in runs else [] for name in ("key", "n_found")]
        self.done: dict[int, int] = dict(zip(*columns, strict=True))
        self.n_tried = runs["minimizer"].values.tolist().count("paths")
        self.distances = np.empty((0, 0))
        self.stages = self.table()

    def table(self) -> list[Stage]:
        """Return all stages, in the order of their work: new pieces of earlier ones, by what is found, come first."""
        plan, minima = self.plan, self.known[0]
        stages = [
            Stage("starts", [], lambda: _n_batches(plan.n_starts)),
            Stage("hops", [plan.n_starts, plan.n_hops, plan.temperature], lambda: int(plan.n_hops and len(minima) > 0)),
            Stage("random points", [], lambda: _n_batches(plan.n_points)),
            Stage("modes", [plan.n_modes], lambda: len(minima) if plan.n_modes else 0),
        ]
        for number in range(1, plan.n_rounds + 1 if plan.n_directions else 1):
            before = stages[-1] if number > 1 else None
            stages.append(Stage("directions", [plan.n_directions], lambda: len(minima), number, before))
        settings = [self.finder.name, key_settings(self.finder)]
        return [*stages, Stage("paths", settings, lambda: max(self.n_tried, plan.n_pairs))]

    def perform(self, task: Task, seed: int) -> Discovery:
        """Return what a piece of work finds."""
        plan, region, points = self.plan, self.region, self.known[0].points
        match task.stage:
            case "starts":
                return each_alone(minima_below, region, self.batch(task, plan.n_starts, plan.seed))
            case "hops":
                column = self.database.surfaces.index(self.landscape.surface)
                order = np.argsort(self.database.minima["energy"].values[:, column], kind="stable")
                lowest = points[order[:WALKERS]]
                return hops(region, lowest, n_hops=plan.n_hops, temperature=plan.temperature, seed=seed)
            case "random points":
                return each_alone(from_points, region, self.batch(task, plan.n_points, plan.seed + 1))
            case "modes":
                return along_modes(region, points[task.number], n_modes=plan.n_modes)
            case "directions":
                n, farther = plan.n_directions, task.round
                return along_directions(region, points[task.number], n_directions=n, farther=farther, seed=seed)
            case _:
                return between(region, points[task.number], points[task.other], finder=self.finder, seed=seed)

    def batch(self, task: Task, n: int, seed: int) -> Floats:
        """Return the random points of one batch among `n`."""
        begin = task.number * POINTS_AT_ONCE
        return random_points(self.region, range(begin, min(begin + POINTS_AT_ONCE, n)), seed=seed)

    def run(self, seconds: float | None, progress: Progress | None) -> None:
        """Do one piece of work after the other until there is none or the time is over."""
        started = time.monotonic()
        while (work := self.next_task()) is not None:
            if seconds is not None and time.monotonic() - started > seconds:
                break
            stage, task = work
            began = time.monotonic()
            try:
                found = self.perform(task, work_seed(self.key(stage, task)))
            except Exception as error:  # what a user's landscape raises ends one piece of work only
                found = Discovery(error=reason_of(error))
            self.store(stage, task, found, time.monotonic() - began)
            if progress is not None:
                n_done = self.n_tried if stage.name == "paths" else stage.n_done + 1
                progress(stage.name, n_done, stage.total())

    def next_task(self) -> tuple[Stage, Task] | None:
        """Return the first piece of work that is not done; each stage goes on from where it was."""
        for stage in self.stages:
            while (task := self.upcoming(stage)) is not None:
                found = self.done.get(self.key(stage, task))
                if found is None:
                    return stage, task
                stage.n_done += 1
                stage.n_found += found
        return None

    def upcoming(self, stage: Stage) -> Task | None:
        """Return the next piece of a stage, None while or when there is none."""
        if stage.name == "paths":
            return self.next_pair()
        waits = stage.after is not None and not stage.after.n_found
        return None if waits or stage.n_done >= stage.total() else Task(stage.name, stage.n_done, stage.round)

    def key(self, stage: Stage, task: Task) -> int:
        """Return the key of a piece of work: the same in every call with the same landscape, seed and settings."""
        place = [task.stage, task.number, task.round, task.other]
        return content_key("map", self.identity, place, stage.settings)

    def next_pair(self) -> Task | None:
        """Return the next pair of minima to be joined: the nearest in different parts that was not tried."""
        n, paths = len(self.known[0]), self.database.paths
        ends = (paths["source"].values, paths["target"].values)
        n_parts, part = connected_components(coo_array((np.ones(len(ends[0])), ends), shape=(n, n)), directed=False)
        if self.n_tried >= self.plan.n_pairs:
            return None
        if n_parts < 2:
            return self.next_crossing()
        if len(self.distances) < n:
            prints = self.region.symmetry.fingerprint(self.known[0].points)
            self.distances = cdist(prints, prints)
        while True:
            apart = np.where(part[:, None] == part, np.inf, self.distances)
            i, j = sorted(int(k) for k in np.unravel_index(apart.argmin(), apart.shape))
            if not np.isfinite(apart[i, j]):
                return None
            task = Task("paths", i, 0, j)
            if self.key(self.stages[-1], task) not in self.done:
                return task
            self.distances[i, j] = self.distances[j, i] = np.inf  # tried before

    def next_crossing(self) -> Task | None:
        """Return the next pair across a merge that is neither closed nor tested, as in `complete_tree`."""
        surface, effort = self.landscape.surface, tree_effort()
        states = stored_tree(self.database, surface=surface).evidence.codes
        if (states <= STATES.index("tested")).all():
            return None
        minima = minima_of(self.database, None, surface=surface, label="paths")
        for a, b in next_pairs(state_of(self.database, minima, effort), minima, effort).tolist():
            task = Task("paths", a, 0, b)
            if self.key(self.stages[-1], task) not in self.done:
                return task
        return None

    def store(self, stage: Stage, task: Task, found: Discovery, seconds: float) -> None:
        """Commit what a piece of work found, together with the record that it is done."""
        key = self.key(stage, task)
        rows = new_rows(self.landscape, found, self.known, key=key, label=task.stage)
        if rows.minima:
            rows.minima["run"] = self.database.n_runs
        n_found = sum(len(columns["key"]) for columns in (rows.minima, rows.paths) if columns)
        run = {
            "key": key,
            "seed": work_seed(key),
            "minimizer": task.stage,
            "outcome": str(found.outcome),
            "message": rows.message,
            "n_steps": found.n_steps,
            "n_evaluations": float(found.n_gradients),
            "seconds": seconds,
            "start": task.number if task.stage in {"modes", "directions", "paths"} else -1,
            "n_found": n_found,
            "n_failed": max(found.failures.get(str(Outcome.FAILED), 0), bool(found.error)),
        }
        attributes = contributed(self.database)
        if task.other >= 0:
            run["target"] = task.other
        self.database.add(runs=[run], minima=rows.minima or None, paths=rows.paths or None, attributes=attributes)
        self.done[key] = n_found
        self.n_tried += task.stage == "paths"


def _n_batches(n_points: int) -> int:
    return -(-n_points // POINTS_AT_ONCE)


def _in_words(description: Any) -> str:
    if not isinstance(description, dict):
        return "something else"
    if "type" not in description:
        return "a network"
    settings = ", ".join(f"{name} {value}" for name, value in description.get("settings", {}).items())
    return f"{description.get('type')} ({description.get('n_parameters')} parameters{', ' * bool(settings)}{settings})"


def open_map(
    landscape: Landscape, plan: MappingPlan, store: str | Path | None, recipe: Recipe | None
) -> LandscapeDatabase:
    """Return the database of a map, open for writing; a new one where there is none."""
    description = describe_landscape(landscape)
    if store is None or can_create(store):
        said = description if recipe is None or recipe.is_surface else {**description, **recipe.described()}
        attributes = {"landscape": said, "mapping": all_settings(plan), USUAL_FINDER: VERSION_OF_USUAL_FINDER}
        return LandscapeDatabase.create(store, landscape, attributes=attributes)
    database = open_database(store, "a")
    try:
        there = database.attributes.get("landscape")
        # The settings of a recipe stand in the place of the landscape's own.
        plain = {"settings"} if isinstance(there, dict) and "recipe" in there else set()
        known = there if isinstance(there, dict) else {}
        if any(known.get(name) != value for name, value in description.items() if name not in plain):
            raise ValueError(f"{store} is a database of {_in_words(there)}, not of {_in_words(description)}")
        check_landscape(database, landscape)
    except BaseException:
        database.close()
        raise
    return database
