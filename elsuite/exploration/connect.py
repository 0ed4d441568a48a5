"""Paths between minima of a database, searched and stored: `connect_minima`."""

import itertools
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
import torch

from elsuite.core.identity import canonical_json, content_key, retry_key, work_seed
from elsuite.core.outcomes import Outcome
from elsuite.core.settings import check_instance, key_settings
from elsuite.core.typing import Array, Progress
from elsuite.database import LandscapeDatabase
from elsuite.database.declared import declared_symmetry
from elsuite.exploration.attempts import remaining_work
from elsuite.exploration.checking import check_landscape, checked_pairs
from elsuite.exploration.metrics import metrics_of_path
from elsuite.exploration.new_rows import NewRows, add_rows, joined
from elsuite.exploration.workers import Workers, performed
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.networks import NeuralLandscape
from elsuite.paths import Alignment, PathFinder, PathSearch, SearchInterruptedError, measure, path_length
from elsuite.paths import align as align_to
from elsuite.paths.alignment import nothing_to_align
from elsuite.paths.bases import basis_text
from elsuite.paths.record import telling
from elsuite.schema import JOINS, NotFoundError

Align = Literal["weights", "activations", "stored"]
Curves = Literal["float16", "float32", "float64", "none"]
CURVES: Final[tuple[Curves, ...]] = ("float16", "float32", "float64", "none")

AHEAD_BYTES = 8 * 2**20
"""End points are read so far ahead: one read takes a millisecond, however little it reads."""

ITSELF = 1e-6
"""An image that lies no farther from the stored point than this share of the way to the other end is that point."""


@dataclass(frozen=True)
class SearchReport:
    """What came of some searches."""

    n_searched: int
    """Searches done now."""
    n_known: int
    """Pairs that the database held a search of already, by this finder with these settings."""
    n_failed: int
    """Searches that failed, now or before, and were not tried again with success."""


class EndPoints:
    """The end points of searches that come in a known order, read some searches ahead."""

    def __init__(self, database: LandscapeDatabase, pairs: Array) -> None:
        self._database, self._pairs = database, pairs
        self.identity = canonical_json(database.attributes.get("identity"))
        self._held: dict[int, Array] = {}
        size = 2 * database.n_parameters * np.dtype(str(database.minima["coordinates"].dtype)).itemsize
        self._at_once = max(1, AHEAD_BYTES // max(size, 1))

    def of(self, position: int) -> tuple[Array, Array]:
        """Return source and target of the pair at `position`."""
        source, target = self._pairs[position].tolist()
        if not {source, target} <= self._held.keys():
            ids = np.unique(self._pairs[position : position + self._at_once])
            self._held = dict(zip(ids.tolist(), self._database.coordinates(ids), strict=True))
        return self._held[source], self._held[target]


@dataclass(frozen=True)
class Search:
    """How a path is searched, as `connect_minima` says; `label` is what the column `finder` says."""

    surface: str
    measure_on: tuple[str, ...]
    finder: PathFinder
    label: str
    curves: Curves
    align: Align | None


_NOT_READ = np.empty(0)


@dataclass(frozen=True, eq=False, slots=True)
class SearchTask:
    """One search for a path between two stored minima; without its end points until it is `loaded`."""

    search: Search
    source: int
    target: int
    search_key: int
    """Hash of both minima, the surface and the finder's settings: the same search is never done twice by accident."""
    attempt: int = 0
    """How often it has failed before."""
    position: int = 0
    """Among the pairs of `ends`."""
    identity: str = field(default="null", repr=False)
    """Which landscape it is for, as `Task` says."""
    ends: EndPoints | None = field(default=None, repr=False)
    start: Array = field(default_factory=lambda: _NOT_READ, repr=False)
    end: Array = field(default_factory=lambda: _NOT_READ, repr=False)

    @property
    def key(self) -> int:
        """The key of this attempt."""
        return retry_key(self.search_key, self.attempt)

    @property
    def row_key(self) -> int:
        """The key of the row of the surface searched on."""
        return retry_key(_row_key(self.search_key, self.search.surface), self.attempt)

    def loaded(self) -> "SearchTask":
        """Return the task with its end points."""
        if self.ends is None:
            return self
        start, end = self.ends.of(self.position)
        return replace(self, start=start, end=end, identity=self.ends.identity, ends=None)

    def perform(self, landscape: Landscape) -> NewRows:
        """Return the rows of the search: one for the surface searched on, one for each other surface measured.

        Raises
        ------
        InterruptedTaskError
            With the first of them, where Ctrl-C ends the search.
        """
        search, seed = self.search, work_seed(self.search_key)
        shown, end, renamed = landscape.on(search.surface), self.end, dict[str, Array]()
        if search.align == "weights" or search.align == "activations":
            aligned = align_to(shown, self.start, end, method=search.align, seed=seed)
            end, renamed = aligned.coordinates, _renamed(shown, aligned, self.identity)
            if np.linalg.norm(end - self.end) <= ITSELF * np.linalg.norm(self.end - self.start):
                end = self.end
        interrupted = False
        try:
            found = search.finder.find(shown, self.start, end, seed=seed)
        except SearchInterruptedError as stopped:
            found, interrupted = stopped.search, True
        # A curve to a copy that was turned or moved is of no use to whoever has the stored points alone.
        kept = search.curves != "none" and (bool(renamed) or np.array_equal(end, self.end))
        curve = found.path.coefficients.detach().cpu().numpy() if kept else _NOT_READ
        if len(curve):
            found, curve = _as_kept(found, shown, curve, search.curves)
        here = np.array_equal(end, self.end) or not landscape.symmetry.has_images
        if not np.array_equal(end, self.end):
            moved = (
                "the target moved by whole periods" if here else "an image of the target, the nearest that was found"
            )
            found = replace(found, message=f"{found.message}; to {moved}")
        rows = [_row(self, found, search.surface)]
        if not interrupted:
            rows += [_row(self, _measured_on(found, landscape.on(name)), name) for name in search.measure_on]
            for name, row in zip([search.surface, *search.measure_on], rows, strict=True):
                row |= metrics_of_path(landscape.on(name), found.path, len(found.profile))
        # Without its dtype, a list of numbers on both sides of 2^63 would become float64.
        columns = {
            name: np.array([row[name] for row in rows], dtype=np.uint64 if name == "key" else None) for name in rows[0]
        }
        columns["joins"] = np.array([JOINS[not here]] * len(rows))
        held = {name: values[None] for name, values in renamed.items()}
        if len(curve):
            held["coefficients"] = curve[None]
        if held:  # by the first row
            held["path"] = np.array([0])
            if len(rows) > 1:
                columns["curve"] = np.array([-1] + [0] * (len(rows) - 1))
        made = NewRows(paths=columns, curves=held)
        if interrupted:
            raise InterruptedTaskError(self, made)
        return made

    def failed(self, reason: str) -> NewRows:
        """Return a path without heights that says why."""
        row = {
            "source": self.source,
            "target": self.target,
            "surface": self.search.surface,
            "kind": "path",
            "finder": self.search.label,
            "height": np.nan,
            "refined_height": np.nan,
            "outcome": str(Outcome.FAILED),
            "message": reason,
        }
        columns = {name: np.array([value]) for name, value in row.items()}
        return NewRows(paths={"key": np.array([self.row_key], dtype=np.uint64), **columns})


class InterruptedTaskError(KeyboardInterrupt):
    """A search was interrupted by Ctrl-C; `rows` hold the lowest path until then, which the next attempt follows."""

    def __init__(self, task: SearchTask, rows: NewRows) -> None:
        super().__init__(f"path {task.source}-{task.target}")
        self.task, self.rows = task, rows


@dataclass(frozen=True)
class SearchPlan:
    """The searches that are to be done, and how many of those asked for are known and failed already."""

    tasks: tuple[SearchTask, ...]
    n_known: int
    n_failed: int


def plan_searches(
    database: LandscapeDatabase,
    finder: PathFinder,
    pairs: Iterable[Sequence[int]],
    *,
    surface: str,
    measure_on: Sequence[str] = (),
    label: str | None = None,
    curves: Curves | None = None,
    align: Align | None = None,
    retry_failed: bool = False,
) -> SearchPlan:
    """Return the searches between `pairs` that the database lacks; raises NotFoundError for unknown ids or surfaces."""
    for name in (surface, *measure_on):
        if name not in database.surfaces:
            raise NotFoundError(f"no surface {name!r}; the database has {', '.join(database.surfaces)}")
    ids = checked_pairs(database, pairs)
    others = tuple(name for name in dict.fromkeys(measure_on) if name != surface)
    align = chosen_align(database, align)
    search = Search(surface, others, finder, label or finder.name, chosen_curves(database, curves), align)
    minimum_keys = database.minima["key"].values.tolist()
    settings: list[Any] = [finder.name, key_settings(finder), *([align] if align else [])]
    if search.curves == "float16":  # heights are those of the rounded path
        settings.append({"curves": search.curves})
    asked: dict[int, tuple[int, int, int]] = {}
    for a, b in ids.tolist():
        ends = [minimum_keys[a] or ["id", a], minimum_keys[b] or ["id", b]]
        key = content_key("path", ends, surface, settings)
        asked.setdefault(_row_key(key, surface), (a, b, key))
    left = remaining_work(database.paths, asked, retry_failed=retry_failed)
    todo = [(*asked[key], attempt) for key, attempt in left.attempts.items()]
    points = EndPoints(database, np.array([work[:2] for work in todo], dtype=np.int64).reshape(-1, 2))
    tasks = [SearchTask(search, *work, position, ends=points) for position, work in enumerate(todo)]
    return SearchPlan(tuple(tasks), left.n_known, left.n_failed)


def chosen_curves(database: LandscapeDatabase, curves: Curves | None) -> Curves:
    """Return how coefficients are kept: as asked, or by default as the store has them already, else as float32.

    Raises
    ------
    ValueError
        For a dtype that the store, which has another one, could not hold without rounding.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> chosen_curves(LandscapeDatabase.create(None, MullerBrown()), None)
    'float32'
    """
    if curves not in (None, *CURVES):
        raise ValueError(f"curves: given {curves!r}, allowed: {', '.join(map(repr, CURVES))} or None")
    stored = str(database.paths["coefficients"].dtype) if "coefficients" in database.paths else None
    if stored is None or curves == "none":
        return "float32" if curves is None else curves
    if curves is not None and np.result_type(curves, stored) != stored:
        raise ValueError(f"curves: given {curves!r}, the store has the coefficients of its paths as {stored}")
    return next(name for name in CURVES if name == stored) if curves is None else curves


def chosen_align(database: LandscapeDatabase, align: Align | None) -> Align | None:
    """Return how the ends of paths are brought together: as asked, or by the symmetry that the database declares.

    Examples
    --------
    >>> from elsuite.landscapes import LennardJones, MullerBrown
    >>> [chosen_align(LandscapeDatabase.create(None, surface), None) for surface in (LennardJones(3), MullerBrown())]
    ['weights', None]
    """
    if align is not None:
        # The key of a search between points as they are stored is that of any search without an alignment.
        return None if align == "stored" else align
    symmetry = declared_symmetry(database)
    return "weights" if symmetry is not None and symmetry.joins_nearest else None


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
    curves: Curves | None = None,
    align: Align | None = None,
    commit_seconds: float = 2.0,
    workers: Workers | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> SearchReport:
    """Search a path for each of `pairs` that has none by this finder with these settings, and store what is found.

    A search that raises an exception is a path without heights whose row says why; with `retry_failed`, such ones are
    tried again. What is found is committed at least every `commit_seconds`; a killed call loses no more than that and,
    called again, does only what is missing. Ctrl-C within a search stores its lowest path so far, as ``interrupted``;
    the next call searches that pair again. `progress` is told each search, and the rounds of those that take long. With
    `workers`, searches run in other processes, at the same time, and are stored in the same order.

    Parameters
    ----------
    surface : str, optional
        Searched on; by default the landscape's first.
    measure_on : sequence of str
        Surfaces on which the heights of the found paths are wanted as well.
    curves : {"float16", "float32", "float64", "none"}, optional
        How the coefficients of paths are stored: by default as the store has them already, else as float32. Those in
        float16 are rounded first, and the heights are those of the rounded path. `keep_curve`, where it is false,
        means ``"none"``.
    align : {"weights", "activations", "stored"}, optional
        The path leads to the copy of the target, by the landscape's symmetry, that is nearest to the source; a
        permutation of units is stored with it, and no curve to a copy of atoms that are turned or moved. ``"stored"``:
        to the target as it is. By default, of atoms and periodic coordinates to the nearest copy, else as it is. What
        the path joins is in the column ``joins``.

    Raises
    ------
    ValueError
        For what would make every search fail.
    InterruptedTaskError
        Where Ctrl-C ends a search; it is a KeyboardInterrupt.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.landscapes import SixHumpCamel
    >>> from elsuite.paths import FourierPathFinder
    >>> camel = SixHumpCamel()
    >>> with LandscapeDatabase.create(None, camel) as database:
    ...     minima = {"coordinates": camel.minima[:3], "energy": camel.minimum_energies[:3, None]}
    ...     _ = database.add(minima=minima)
    ...     connect_minima(database, camel, FourierPathFinder(n_steps=20, max_rounds=1), [(0, 1), (0, 2)])
    SearchReport(n_searched=2, n_known=0, n_failed=0)
    """
    check_landscape(database, landscape)
    check_instance("finder", finder, PathFinder)
    surface = surface or landscape.surfaces[0]
    if align not in (None, "weights", "activations", "stored"):
        raise ValueError(f"align: given {align!r}, allowed: 'weights', 'activations', 'stored' or None")
    if align == "activations" and not isinstance(landscape, NeuralLandscape):
        raise ValueError("align: given 'activations', allowed for networks only; use 'weights'")
    if align in {"weights", "activations"} and (why := nothing_to_align(landscape.symmetry)):
        raise ValueError(f"align: given {align!r}, {why}")
    for name in (surface, *measure_on):
        landscape.on(name)
    kept: Curves | None = curves if keep_curve else "none"
    search: dict[str, Any] = {"surface": surface, "measure_on": measure_on, "curves": kept, "align": align}
    plan = plan_searches(database, finder, pairs, label=label, retry_failed=retry_failed, **search)
    tasks, n_failed = plan.tasks, plan.n_failed
    here = (performed(task.loaded(), landscape) for task in tasks)
    found = here if workers is None else workers.results(tasks)
    waiting: list[tuple[SearchTask, NewRows]] = []
    last = time.monotonic()
    try:
        with telling(progress):
            for done, (task, rows) in enumerate(zip(tasks, found, strict=True), start=1):
                waiting.append((task, rows))
                n_failed += rows.paths["outcome"][0] == Outcome.FAILED
                if time.monotonic() - last > commit_seconds:
                    _commit(database, waiting, workers)
                    waiting, last = [], time.monotonic()
                if progress is not None:
                    progress(f"paths: {label or finder.name}", done, len(tasks))
    except InterruptedTaskError as stopped:
        waiting.append((stopped.task, stopped.rows))
        raise
    finally:
        _commit(database, waiting, workers)
    return SearchReport(len(tasks), plan.n_known, int(n_failed))


def _commit(database: LandscapeDatabase, found: Sequence[tuple[SearchTask, NewRows]], workers: Workers | None) -> None:
    """Commit the paths of some searches together."""
    # Coefficients differ in shape between paths, and optional columns between rows: one commit for what follows each
    # other and is of one kind, so that ids do not depend on how long searches take.
    energy = database.minima["energy"].values
    for _, group in itertools.groupby((rows for _, rows in found), _kind):
        together = joined(list(group))
        paths = together.paths
        # No lower than the stored energies of the ends: both were computed by different sums of float32 numbers.
        column = np.array([database.surfaces.index(name) for name in paths["surface"].tolist()])
        floor = np.maximum(energy[paths["source"], column], energy[paths["target"], column])
        for name in ("height", "refined_height"):
            paths[name] = np.where(np.isfinite(paths[name]), np.maximum(paths[name], floor), paths[name])
        add_rows(database, together, sync=workers is not None)
    if workers is not None:
        workers.forget([task for task, _ in found])


def _kind(rows: NewRows) -> tuple[Any, ...]:
    held = {**rows.paths, **rows.curves}  # files of earlier versions have curves among the columns of all paths
    return tuple(rows.paths), tuple(rows.curves), held.get("coefficients", np.empty(0)).shape[1:]


def _renamed(landscape: Landscape, aligned: Alignment, identity: str) -> dict[str, Array]:
    """Return the column that says how a copy is made from the stored point, empty where nothing does."""
    if aligned.permutation is None:
        return {}
    declared = (json.loads(identity) or {}).get("symmetry")
    if aligned.element and canonical_json(declared) == canonical_json(landscape.symmetry.description()):
        return {"renaming": np.concatenate(aligned.element).astype(np.int32)}
    return {"permutation": np.asarray(aligned.permutation, dtype=np.int64)}


def _as_kept(
    found: PathSearch, landscape: Landscape, curve: Array, dtype: Literal["float16", "float32", "float64", "none"]
) -> tuple[PathSearch, Array]:
    """Return the coefficients as they are stored, and the search with the heights of that path.

    Raises
    ------
    ValueError
        For coefficients beyond the largest number of the dtype.
    """
    with np.errstate(over="ignore"):
        kept = curve.astype(dtype, copy=False)
    if np.isfinite(curve).all() and not np.isfinite(kept).all():
        raise ValueError(f"curves: coefficients up to {np.abs(curve).max():.3g} given, {dtype} cannot hold them")
    if dtype != "float16":
        return found, kept
    path = replace(found.path, coefficients=torch.as_tensor(kept).to(found.path.coefficients))
    rounded = replace(_measured_on(replace(found, path=path), landscape), length=path_length(path))
    return replace(
        rounded,
        n_point_gradients=found.n_point_gradients,
        n_evaluations=found.n_evaluations + rounded.n_evaluations,
        seconds=found.seconds,
    ), kept


def _row_key(key: int, surface: str) -> int:
    return content_key("height", key, surface)


def _measured_on(search: PathSearch, landscape: Landscape) -> PathSearch:
    heights = measure(search.path, landscape, n_points=len(search.profile))
    names = ("height", "refined_height", "refined_t", "profile", "n_evaluations", "resolution")
    found = {name: getattr(heights, name) for name in names}
    return replace(search, **found, n_point_gradients=0.0, seconds=0.0)


_NUMBERS = (
    "height", "refined_height", "refined_t", "length", "chord", "n_point_gradients", "n_evaluations", "seconds",
    "resolution",
)  # fmt: skip


def _row(task: SearchTask, found: PathSearch, surface: str) -> dict[str, Any]:
    searched_on = task.search.surface
    searched = surface == searched_on
    profile = np.asarray(found.profile, dtype=np.float64)
    if profile.ndim != 1:
        raise ValueError(f"profile: given the shape {profile.shape}, allowed: (n_points,)")
    # A finder of a user's own may return anything: what is no number raises here, where it fails this search only.
    numbers = {name: float(getattr(found, name)) for name in _NUMBERS}
    # No height is under an energy that was seen on its path, whoever's finder it is.
    numbers["refined_height"] = max([numbers["refined_height"], numbers["height"], *profile[np.isfinite(profile)]])
    return {
        "key": task.row_key if searched else _row_key(task.search_key, surface),
        "source": task.source,
        "target": task.target,
        "surface": surface,
        "searched_on": searched_on,
        "kind": "path",
        "finder": task.search.label,
        "basis": basis_text(found.path.basis),
        "seed": work_seed(task.search_key),
        **numbers,
        "profile": profile,
        "outcome": str(Outcome(found.outcome)),
        "message": found.message if searched else f"measured on the path searched on {searched_on!r}",
    }
