"""A whole landscape: its minima, its transition states, and what joins what (`map_landscape`)."""

import contextlib
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from elsuite.analysis.stored_tree import stored_tree
from elsuite.core.compiling import can_compile
from elsuite.core.identity import canonical_json, content_key, work_seed
from elsuite.core.outcomes import Outcome
from elsuite.core.settings import all_settings, check_instance, key_settings
from elsuite.core.typing import Floats, Ids, Progress
from elsuite.database import LandscapeDatabase, can_create, open_database
from elsuite.exploration.attempts import reason_of
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.complete import minima_of, next_pairs, state_of, tree_effort
from elsuite.exploration.computing import contributed
from elsuite.exploration.mapping.plan import MappingPlan, describe_landscape, mapped_region
from elsuite.exploration.mapping.rows import Discovery, new_rows
from elsuite.exploration.mapping.stages import Stage, Sweep, Task
from elsuite.exploration.mapping.sweeps import Known, is_one_by_one, minima_at_once
from elsuite.exploration.mapping.tasks import MapTask, completed, discovery_of
from elsuite.exploration.mapping.work import Region, between, hops, random_points
from elsuite.exploration.workers import Workers
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.recipes import Recipe
from elsuite.network.evidence import STATES
from elsuite.paths import FourierPathFinder, PathFinder
from elsuite.stationary import Limits
from elsuite.stationary.engine import engine_of

BY_GRADIENTS, VERSION_BY_GRADIENTS = "by_gradients", 1
"""An attribute of a map that is made in sweeps; one begun by an earlier version goes on as it began."""

FIRST_MINIMA = 10
"""From so many minima modes are followed where sweeps come after."""
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
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> LandscapeDatabase:
    """Return a database of the minima and verified transition states of a landscape, on the surface that it shows.

    1. Minima are sampled from random starts, and by basin hopping from the lowest.
    2. Transition states are sought uphill from random points, from every minimum along its soft modes both ways, then
       in random directions in rounds, until a round finds nothing new. Each is refined to a stationary
       point, its index checked, and followed down on both sides; minima found on the way are searched from as well.
    3. While minima are not all joined, paths between the parts are searched and refined from their tops; then across
       merges of the tree that are neither closed nor tested, as in `elsuite.exploration.complete_tree`.

    Landscapes that are searched by gradients alone, by a compiled kernel or without second derivatives, are swept:
    modes are followed from the first minima only, then from all minima known searches leave in random directions, sweep
    after sweep, until some find nothing new; what arrives at a known state is not followed down. Paths then join what
    is in parts.

    A minimum has no negative eigenvalue, a transition state one; other points are not stored. Points are one when they
    are equal up to the tolerance by the landscape's symmetry: isomers of a cluster, turned, mirrored and with like
    atoms exchanged, count once. An exception ends one piece of work, a run with the outcome "failed"; the rest goes on.
    Parallel transition states between two minima, and those from a minimum to itself, are all kept. All is
    deterministic for a seed. It suits surfaces, clusters of up to about 15 atoms, networks of a few hundred parameters.
    An exception of an energy that is searched by gradients alone ends one search only.

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
    workers : Workers, optional
        Other processes that do the pieces that do not depend on each other, at the same time; they are stored in the
        same order, with the same keys. Only this process writes.

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
    limits = limits or Limits(max_steps=200)
    region = mapped_region(landscape, bounds, limits, tolerance=plan.tolerance)
    given = (limits, None if bounds is None else np.asarray(bounds, dtype=np.float64).tolist())
    database = open_map(landscape, plan, store, recipe)
    # The density counts over data only; elsewhere the keys of the work are those of earlier stores.
    usual = FourierPathFinder() if isinstance(landscape, DataLandscape) else FourierPathFinder(density="uniform")
    if USUAL_FINDER not in database.attributes:
        # Begun by an earlier version, with the defaults of then: its pairs are not searched again.
        usual = replace(usual, scales="absolute", late="sampled", max_rounds=4)
    mapping = _Mapping(region, given, plan, finder or usual, database, progress)
    try:
        mapping.run(seconds, workers)
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
        region: Region,
        given: tuple[Limits, Any],
        plan: MappingPlan,
        finder: PathFinder,
        database: LandscapeDatabase,
        progress: Progress | None,
    ) -> None:
        self.landscape, self.plan, self.region, self.given = region.landscape, plan, region, given
        self.finder, self.database, self.progress = finder, database, progress
        self.bounds = None if region.bounds is None else region.bounds.tolist()
        self.identity = [describe_landscape(region.landscape), plan.seed, self.bounds]
        self.known = Known.nothing(region)
        self.known.minima.extend(database.coordinates(np.arange(database.n_minima)))
        if database.n_paths and "coordinates" in database.paths:
            self.known.states.extend(database.paths["coordinates"].values)
        runs = database.runs
        columns = [runs[name].values.tolist() if "n_found" in runs else [] for name in ("key", "n_found")]
        self.done: dict[int, int] = dict(zip(*columns, strict=True))
        self.rows = {key: row for row, key in enumerate(runs["key"].values.tolist())}
        """In which row of the runs each piece is."""
        self.run_of_minimum = database.minima["run"].values
        self.n_tried = runs["minimizer"].values.tolist().count("paths")
        self.tried: set[tuple[int, int]] = set()
        self.session = uuid.uuid4().hex
        self.sweep, self.at_once = Sweep(), minima_at_once(region.landscape)
        self.one_by_one = is_one_by_one(region.landscape)  # hours may go by in a batch
        self.points_at_once = 1 if self.one_by_one else POINTS_AT_ONCE
        self.sweeps = engine_at_work(database, region.landscape)
        self.stages = self.table()
        self.paths_stage = self.stages[-1]

    def table(self) -> list[Stage]:
        """Return all stages, in the order of their work: new pieces of earlier ones, by what is found, come first."""
        plan, minima = self.plan, self.known.minima
        by_gradients = [BY_GRADIENTS] if self.sweeps else []
        stages = [
            Stage("starts", by_gradients, lambda: -(-plan.n_starts // self.points_at_once)),
            Stage(
                "hops",
                [plan.n_starts, plan.n_hops, plan.temperature, *by_gradients],
                lambda: min(len(minima), WALKERS if self.one_by_one else 1) if plan.n_hops else 0,
            ),
        ]
        stages.append(Stage("random points", by_gradients, lambda: -(-plan.n_points // self.points_at_once)))
        # Where sweeps follow, modes lead to states of high symmetry, which random directions seldom do.
        modes = [plan.n_modes, *by_gradients]
        stages.append(Stage("modes", modes, lambda: self.n_from_modes() if plan.n_modes else 0))
        if self.sweeps:
            size = 0 if self.one_by_one else self.at_once
            stages.append(Stage("sweeps", [plan.n_directions, size], lambda: self.n_blocks(self.sweep)))
        for number in range(1, plan.n_rounds + 1 if plan.n_directions and not self.sweeps else 1):
            before = stages[-1] if number > 1 else None
            stages.append(Stage("directions", [plan.n_directions], lambda: len(minima), number, before))
        settings = [self.finder.name, key_settings(self.finder)]
        return [*stages, Stage("paths", settings, lambda: max(self.n_tried, plan.n_pairs))]

    def work_of(self, stage: Stage, task: Task) -> MapTask | None:
        """Return what another process can do of a piece of work: all of it, or None."""
        plan, points, key = self.plan, self.known.minima.points, self.key(stage, task)
        farther = task.round
        match task.stage:
            case "starts":
                chosen = self.batch(task, plan.n_starts, plan.seed)
            case "random points":
                chosen = self.batch(task, plan.n_points, plan.seed + 1)
            case "modes" | "directions":
                chosen = points[task.number][None]
            case "sweeps" if self.one_by_one:
                number, farther = divmod(task.number, plan.n_directions)
                chosen, plan = points[number][None], replace(plan, n_directions=1)
            case "sweeps":
                farther, first = 0, task.number * self.at_once
                chosen = points[first : min(first + self.at_once, self.sweep.n_minima)]
            case _:
                return None
        return MapTask(
            key,
            work_seed(key),
            task.stage,
            chosen.copy(),
            farther,
            self.sweep.n_minima,
            plan,
            *self.given,
            canonical_json(self.database.attributes.get("identity")),
            self.session,
        )

    def perform(self, stage: Stage, task: Task) -> Discovery:
        """Return what a piece of work finds."""
        plan, region, points = self.plan, self.region, self.known.minima.points
        if (work := self.work_of(stage, task)) is not None:
            return work.discovery(region, self.known)
        seed = work_seed(self.key(stage, task))
        if task.stage == "hops":
            column = self.database.surfaces.index(self.landscape.surface)
            order = np.argsort(self.database.minima["energy"].values[:, column], kind="stable")
            lowest = points[order[:WALKERS]]
            if self.one_by_one:
                lowest = lowest[task.number : task.number + 1]
            return hops(region, lowest, n_hops=plan.n_hops, temperature=plan.temperature, seed=seed)
        return between(region, points[task.number], points[task.other], finder=self.finder, seed=seed)

    def batch(self, task: Task, n: int, seed: int) -> Floats:
        """Return the random points of one batch among `n`."""
        begin = task.number * self.points_at_once
        return random_points(self.region, range(begin, min(begin + self.points_at_once, n)), seed=seed)

    def run(self, seconds: float | None, workers: Workers | None) -> None:
        """Do one piece of work after the other until there is none or the time is over."""
        started = time.monotonic()
        if self.sweeps and self.progress is not None and self.next_task() is not None:
            self.progress("compiling", 0, 1)  # where it is not on disk yet, that takes a while
            engine_of(self.landscape)
            self.progress("compiling", 1, 1)
        while (work := self.next_task()) is not None:
            if seconds is not None and time.monotonic() - started > seconds:
                break
            stage, task = work
            if workers is not None and self.work_of(stage, task) is not None:
                self.share(stage, workers, None if seconds is None else started + seconds)
                continue
            began = time.monotonic()
            try:
                found = self.perform(stage, task)
            except Exception as error:  # what a user's landscape raises ends one piece of work only
                found = Discovery(error=reason_of(error))
            self.store(stage, task, found, time.monotonic() - began)

    def share(self, stage: Stage, workers: Workers, until: float | None) -> None:
        """Have all pieces of a stage that can begin now done by workers, and store them in their order."""
        waiting = []
        n_done = stage.n_done
        for number in range(n_done, stage.total()):
            task = Task(stage.name, number, self.sweep.number if stage.name == "sweeps" else stage.round)
            work = self.work_of(stage, task)
            if work is not None and work.key not in self.done:
                waiting.append((task, work))
        began = time.monotonic()
        with contextlib.closing(workers.results([work for _, work in waiting])) as results:
            for (task, work), rows in zip(waiting, results, strict=True):
                found = completed(self.region, discovery_of(rows), self.known)
                self.store(stage, task, found, time.monotonic() - began, sync=True)
                workers.forget([work])
                began = time.monotonic()
                if until is not None and began > until:
                    break

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
        if stage.name == "sweeps":
            return self.next_block(stage)
        waits = stage.after is not None and not stage.after.n_found
        return None if waits or stage.n_done >= stage.total() else Task(stage.name, stage.n_done, stage.round)

    def next_block(self, stage: Stage) -> Task | None:
        """Return the next minima of a sweep, None when the last sweep is over.

        Each is over the minima that were known when it began: those of runs before its first one.
        """
        plan = self.plan
        while plan.n_directions and self.sweep.number <= plan.n_sweeps:
            sweep = self.sweep
            if sweep.n_minima < 0:
                if not len(self.known.minima):
                    return None
                row = self.rows.get(self.key(stage, Task("sweeps", 0, sweep.number)))
                before = len(self.known.minima) if row is None else int((self.run_of_minimum < row).sum())
                sweep.n_minima = before
            if stage.n_done < self.n_blocks(sweep):
                return Task("sweeps", stage.n_done, sweep.number)
            n_quiet = 0 if stage.n_found else sweep.n_quiet + 1
            if n_quiet >= plan.n_quiet and len(self.known.minima) == sweep.n_minima:
                return None
            self.sweep = Sweep(sweep.number + 1, n_quiet=n_quiet)
            stage.n_done = stage.n_found = 0
        return None

    def n_from_modes(self) -> int:
        """Return from how many minima modes are followed: from the first ones where sweeps come after."""
        if not self.sweeps or not self.plan.n_directions:
            return len(self.known.minima)
        # What each search costs is that of the calls where energies come from a program of its own.
        return min(len(self.known.minima), 1 if self.landscape.gradient_only else FIRST_MINIMA)

    def n_blocks(self, sweep: Sweep) -> int:
        """Return the number of pieces of a sweep."""
        n = max(0, sweep.n_minima)
        return n * self.plan.n_directions if self.one_by_one else -(-n // self.at_once)

    def key(self, stage: Stage, task: Task) -> int:
        """Return the key of a piece of work: the same in every call with the same landscape, seed and settings."""
        place = [task.stage, task.number, task.round, task.other]
        return content_key("map", self.identity, place, stage.settings)

    def next_pair(self) -> Task | None:
        """Return the next pair of minima to be joined: the nearest in different parts that was not tried."""
        if self.n_tried >= self.plan.n_pairs:
            return None
        n, paths = len(self.known.minima), self.database.paths
        ends = (paths["source"].values, paths["target"].values)
        n_parts, labels = connected_components(coo_array((np.ones(len(ends[0])), ends), shape=(n, n)), directed=False)
        if n_parts < 2:
            return None if self.sweeps else self.next_crossing()
        prints = self.region.symmetry.fingerprint(self.known.minima.points)
        part = np.asarray(labels, dtype=np.int64)
        largest = np.bincount(part).argmax()
        nearest = [(*self.nearest(i, part, prints), i) for i in np.flatnonzero(part != largest).tolist()]
        while nearest:
            distance, j, i = min(nearest, key=lambda found: (found[0], *sorted(found[1:])))
            if not np.isfinite(distance):
                return None
            task = Task("paths", min(i, j), 0, max(i, j))
            if self.key(self.paths_stage, task) not in self.done:
                return task
            self.tried |= {(i, j), (j, i)}
            nearest = [(*self.nearest(k, part, prints), k) if k in {i, j} else (d, m, k) for d, m, k in nearest]
        return None

    def nearest(self, i: int, part: Ids, prints: Floats) -> tuple[float, int]:
        """Return the distance of the nearest minimum in another part that was not tried with minimum i, and which."""
        apart = np.linalg.norm(prints - prints[i], axis=1)
        apart[part == part[i]] = np.inf
        apart[[b for a, b in self.tried if a == i]] = np.inf
        j = int(apart.argmin())
        return float(apart[j]), j

    def next_crossing(self) -> Task | None:
        """Return the next pair across a merge that is neither closed nor tested, as in `complete_tree`."""
        surface, effort = self.landscape.surface, tree_effort()
        states = stored_tree(self.database, surface=surface).evidence.codes
        if (states <= STATES.index("tested")).all():
            return None
        minima = minima_of(self.database, None, surface=surface, label="paths")
        for a, b in next_pairs(state_of(self.database, minima, effort), minima, effort).tolist():
            task = Task("paths", a, 0, b)
            if self.key(self.paths_stage, task) not in self.done:
                return task
        return None

    def store(self, stage: Stage, task: Task, found: Discovery, seconds: float, *, sync: bool = False) -> None:
        """Commit what a piece of work found, together with the record that it is done."""
        key = self.key(stage, task)
        known = (self.known.minima, self.known.states)
        rows = new_rows(self.landscape, found, known, key=key, label=task.stage)
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
        self.rows[key] = self.database.n_runs
        self.database.add(
            runs=[run], minima=rows.minima or None, paths=rows.paths or None, attributes=attributes, sync=sync
        )
        self.done[key] = n_found
        self.n_tried += task.stage == "paths"
        if self.progress is not None:
            n_done = self.n_tried if stage.name == "paths" else task.number + 1
            self.progress(self.name_of(stage), n_done, stage.total())

    def name_of(self, stage: Stage) -> str:
        """Return what progress says of a stage."""
        return f"sweep {self.sweep.number}" if stage.name == "sweeps" else stage.name


def engine_at_work(database: LandscapeDatabase, landscape: Landscape) -> bool:
    """Return whether a map is made in sweeps."""
    by_gradients = landscape.gradient_only or landscape.kernel() is not None
    return by_gradients and BY_GRADIENTS in database.attributes


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
        # As Python the many searches of a sweep take longer than walks with the Hessians that are written down.
        if landscape.gradient_only or (landscape.kernel() is not None and can_compile()):
            attributes[BY_GRADIENTS] = VERSION_BY_GRADIENTS
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
