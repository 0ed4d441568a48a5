"""Paths between minima of a database, searched and stored: `connect_minima`."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from elsuite.core.identity import content_key, work_seed
from elsuite.core.outcomes import Outcome
from elsuite.core.settings import key_settings
from elsuite.database import LandscapeDatabase
from elsuite.exploration.batches import Batch, add_batch, joined
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.workers import Workers
from elsuite.landscapes.base import Landscape
from elsuite.paths import PathFinder, PathSearch, measure
from elsuite.paths import align as align_to

__all__ = ["SearchTask", "connect_minima", "search_path", "search_tasks"]


Align = Literal["weights", "activations"]


@dataclass(frozen=True)
class SearchTask:
    """One search for a path between two stored minima.

    Attributes
    ----------
    source, target : int
        Ids of the minima.
    surface : str
        Searched on.
    measure : tuple of str
        Surfaces on which the heights of the found path are wanted as well.
    label : str
        What the column `finder` says.
    key : int
        Hash of both minima, the surfaces and the finder's settings: the same search is never done twice by accident.
    keep_curve : bool
        Whether the coefficients of the path are stored.
    align : "weights", "activations" or None
        How the target is replaced by the nearest of its copies under the landscape's symmetries, before the search.
    """

    source: int
    target: int
    surface: str
    measure: tuple[str, ...]
    finder: PathFinder
    label: str
    key: int
    keep_curve: bool = True
    align: Align | None = None


def search_tasks(
    database: LandscapeDatabase,
    finder: PathFinder,
    pairs: Iterable[Sequence[int]],
    *,
    surface: str,
    measure_on: Sequence[str] = (),
    label: str | None = None,
    keep_curve: bool = True,
    align: Align | None = None,
) -> list[SearchTask]:
    """Return the searches between `pairs` of ids that the database does not hold yet."""
    minimum_keys = database.minima["key"].values.tolist()
    known = set(database.paths["key"].values.tolist())
    settings = [finder.name, key_settings(finder), *([align] if align else [])]
    tasks = []
    for source, target in pairs:
        a, b = int(source), int(target)
        ends = [minimum_keys[a] or ["id", a], minimum_keys[b] or ["id", b]]
        key = content_key("path", ends, surface, settings)
        if _row_key(key, surface) not in known:
            others = tuple(name for name in dict.fromkeys(measure_on) if name != surface)
            tasks.append(
                SearchTask(a, b, surface, others, finder, label or finder.name, key, keep_curve, align)
            )
    return tasks


def search_path(landscape: Landscape, task: SearchTask, start: Any, end: Any) -> Batch:
    """Return the rows of one search: one for the surface searched on, one for each other surface measured."""
    shown = landscape.on(task.surface)
    permutation = None
    if task.align is not None:
        aligned = align_to(shown, start, end, method=task.align, seed=work_seed(task.key))
        end, permutation = aligned.coordinates, aligned.permutation
    search = task.finder.find(shown, start, end, seed=work_seed(task.key))
    rows = [_row(task, search, task.surface)]
    rows += [
        _row(task, _measured_on(search, landscape.on(name)), name, searched=False) for name in task.measure
    ]
    # Without its dtype, a list of numbers on both sides of 2^63 would become float64.
    columns = {
        name: np.array([row[name] for row in rows], dtype=np.uint64 if name == "key" else None)
        for name in rows[0]
    }
    if task.keep_curve and len(search.path.coefficients):
        curve = search.path.coefficients.detach().cpu().numpy().astype(np.float32)
        columns["coefficients"] = np.array([curve] * len(rows))
    if permutation is not None:
        columns["permutation"] = np.array([np.asarray(permutation, dtype=np.int64)] * len(rows))
    return Batch(paths=columns)


@dataclass(frozen=True)
class PathTask:
    """A search as a task for `Workers`: with the coordinates of both ends."""

    search: SearchTask
    start: NDArray[Any]
    end: NDArray[Any]

    @property
    def key(self) -> int:
        """The key of the search."""
        return self.search.key

    def perform(self, landscape: Landscape) -> Batch:
        """Return the rows of the search."""
        return search_path(landscape, self.search, self.start, self.end)

    def failed(self, reason: str) -> Batch:
        """Return a path without heights that says why."""
        search = self.search
        row: dict[str, Any] = {
            "key": np.array([_row_key(search.key, search.surface)], dtype=np.uint64),
            "source": np.array([search.source]),
            "target": np.array([search.target]),
            "surface": np.array([search.surface]),
            "kind": np.array(["path"]),
            "finder": np.array([search.label]),
            "height": np.array([np.nan]),
            "refined_height": np.array([np.nan]),
            "outcome": np.array([str(Outcome.FAILED)]),
            "message": np.array([reason]),
        }
        return Batch(paths=row)


def connect_minima(
    database: LandscapeDatabase,
    landscape: Landscape,
    finder: PathFinder,
    pairs: Iterable[Sequence[int]],
    *,
    surface: str | None = None,
    measure_on: Sequence[str] = (),
    label: str | None = None,
    keep_curve: bool = True,
    align: Align | None = None,
    commit_seconds: float = 2.0,
    progress: Callable[[int, int], None] | None = None,
    workers: Workers | None = None,
) -> int:
    """Search a path for each of `pairs` that has none by this finder with these settings, and store what is found.

    With `align`, the path leads to the copy of the target, under the landscape's symmetries, that is nearest to the
    source; the permutation is stored with it. Returns the number of searches done. What is found is committed at
    least every `commit_seconds`; an interrupted call loses no more than that and, called again, does only what is
    missing. With `workers`, searches run in other processes, at the same time, and are stored in the same order.
    """
    check_landscape(database, landscape)
    surface = surface or landscape.surfaces[0]
    tasks = search_tasks(
        database,
        finder,
        pairs,
        surface=surface,
        measure_on=measure_on,
        label=label,
        keep_curve=keep_curve,
        align=align,
    )
    todo = (PathTask(task, *database.coordinates([task.source, task.target])) for task in tasks)
    if workers is None:
        pairs_done: Iterable[tuple[PathTask, Batch]] = ((task, task.perform(landscape)) for task in todo)
    else:
        ready = list(todo)
        pairs_done = zip(ready, workers.results(ready), strict=True)
    waiting: list[tuple[PathTask, Batch]] = []
    last = time.monotonic()
    try:
        for done, found in enumerate(pairs_done, start=1):
            waiting.append(found)
            if time.monotonic() - last > commit_seconds:
                _commit(database, waiting, workers)
                waiting, last = [], time.monotonic()
            if progress is not None:
                progress(done, len(tasks))
    finally:
        _commit(database, waiting, workers)
    return len(tasks)


def _commit(
    database: LandscapeDatabase, found: Sequence[tuple[PathTask, Batch]], workers: Workers | None
) -> None:
    store_paths(database, [batch for _, batch in found], sync=workers is not None)
    if workers is not None:
        workers.forget([task for task, _ in found])


def store_paths(database: LandscapeDatabase, batches: Sequence[Batch], *, sync: bool = False) -> None:
    """Commit the paths of some batches together, none lower than the stored energies of its ends."""
    if not batches:
        return
    # Coefficients differ in shape between finders, and optional columns between rows: one commit for each kind.
    groups: dict[tuple[Any, ...], list[Batch]] = {}
    for batch in batches:
        shape = batch.paths.get("coefficients", np.empty(0)).shape[1:]
        groups.setdefault((tuple(batch.paths), shape), []).append(batch)
    for group in groups.values():
        paths = joined(group).paths
        _lift(database, paths)
        add_batch(database, Batch(paths=paths), sync=sync)


def _lift(database: LandscapeDatabase, paths: dict[str, Any]) -> None:
    """Raise heights to the energies stored for the ends: both were computed by different sums of float32 numbers."""
    energy = database.minima["energy"].values
    column = np.array([database.surfaces.index(name) for name in paths["surface"].tolist()])
    floor = np.maximum(energy[paths["source"], column], energy[paths["target"], column])
    for name in ("height", "refined_height"):
        paths[name] = np.where(np.isfinite(paths[name]), np.maximum(paths[name], floor), paths[name])


def _row_key(key: int, surface: str) -> int:
    return content_key("height", key, surface)


def _measured_on(search: PathSearch, landscape: Landscape) -> PathSearch:
    heights = measure(search.path, landscape, n_points=len(search.profile))
    return replace(
        search,
        height=heights.height,
        refined_height=heights.refined_height,
        refined_t=heights.refined_t,
        profile=heights.profile,
        n_evaluations=heights.n_evaluations,
        n_point_gradients=0.0,
        seconds=0.0,
    )


def _row(task: SearchTask, search: PathSearch, surface: str, *, searched: bool = True) -> dict[str, Any]:
    return {
        "key": _row_key(task.key, surface),
        "source": task.source,
        "target": task.target,
        "surface": surface,
        "searched_on": task.surface,
        "kind": "path",
        "finder": task.label,
        "basis": str(search.path.basis),
        "seed": work_seed(task.key),
        "height": search.height,
        "refined_height": search.refined_height,
        "refined_t": search.refined_t,
        "profile": search.profile,
        "length": search.length,
        "chord": search.chord,
        "outcome": str(search.outcome),
        "message": search.message if searched else f"measured on the path searched on {task.surface!r}",
        "n_point_gradients": search.n_point_gradients,
        "n_evaluations": search.n_evaluations,
        "seconds": search.seconds,
    }
