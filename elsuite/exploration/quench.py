"""From stored solutions to the minima under them: `quench`.

An early-stopped solution is no stationary point. Relaxing it on a surface leads to a minimum (or as near to one as
the budget allows); the run that does it is stored with the ids of both, its `start` and its `end`. Minima that are
equal within a tolerance of distance are stored once, so that several solutions can lead to one minimum.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from elsuite.core.identity import content_key
from elsuite.core.outcomes import UNUSABLE, Outcome
from elsuite.core.settings import all_settings, check_instance
from elsuite.core.typing import Array, Ids, Mask, Progress
from elsuite.database import LandscapeDatabase
from elsuite.exploration.attempts import reason_of
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.computing import contributed
from elsuite.exploration.ends import told_apart
from elsuite.exploration.metrics import metrics_of_points
from elsuite.exploration.new_rows import minimization_rows
from elsuite.exploration.solutions import evaluate
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.conversion import to_tensor
from elsuite.minimizers import LBFGSGSS, Minimization, Minimizer, Solution
from elsuite.minimizers.scales import are_stationary, typical_slope
from elsuite.symmetry.base import Symmetry
from elsuite.symmetry.points import PointIndex, rows_at_once
from elsuite.symmetry.units import without_units

LABEL = "quenched"
TOGETHER = 24
"""So many solutions are relaxed, and committed, together."""


@dataclass(frozen=True)
class Quench:
    """What came of relaxing stored solutions."""

    n_solutions: int = 0
    """Relaxed now; those relaxed before are not counted."""
    n_minima: int = 0
    """Minima stored now."""
    n_known: int = 0
    """Solutions that led to a minimum which was there already."""
    n_stationary: int = 0
    """Solutions whose minimum has a gradient norm within the tolerance, or one that rounding hides."""
    n_failed: int = 0
    """Solutions that led nowhere: to a saddle, to what is no number, or down without end."""


def quench(
    database: LandscapeDatabase,
    landscape: Landscape,
    ids: Sequence[int],
    *,
    surface: str | None = None,
    minimizer: Minimizer | None = None,
    gradient_tolerance: float = 1e-6,
    distance_tolerance: float = 1e-3,
    permuted: bool = False,
    progress: Progress | None = None,
) -> Quench:
    """Relax the stored solutions `ids` on a surface and store their minima as the set ``"quenched/SURFACE"``.

    A minimum that is there already is not stored again: one of that set, or, on the first surface, any stored point
    whose gradient norm is within the tolerance; such a point is its own minimum. Each block of solutions is committed
    at once, and what was relaxed before with the same minimizer is passed over: an interrupted call, made again,
    goes on. On small landscapes without data the Hessian is looked at: what ends at a saddle leads nowhere, a minimum
    with zero eigenvalues is "degenerate". Column `gradient_norm` has the norm on the first surface,
    ``gradient_norm_SURFACE`` that on another.

    Parameters
    ----------
    surface : str, optional
        The first by default.
    minimizer : Minimizer, optional
        L-BFGS-GSS with 2,000 iterations by default.
    gradient_tolerance : float
        Of a stationary point: its gradient norm, relative to the landscape's own as `elsuite.minimizers.Minimizer`
        says.
    distance_tolerance : float
        Two minima are one when their distance is at most this, in units of the landscape's length scale; clusters are
        compared turned, mirrored and with like atoms exchanged, as the landscape's symmetry says.
    permuted : bool
        Networks that differ by a permutation of hidden units are one minimum as well.

    Raises
    ------
    ValueError
        For a landscape with other parameters or surfaces than the database.

    Examples
    --------
    Two points beside the same minimum, and one beside another.

    >>> from elsuite.landscapes import SixHumpCamel
    >>> camel = SixHumpCamel()
    >>> with LandscapeDatabase.create(None, camel) as database:
    ...     points = camel.minima[[0, 0, 1]] + [[0.01, 0], [0, 0.01], [0.01, 0]]
    ...     minima = {"coordinates": points, "energy": camel.energy(points).numpy()[:, None]}
    ...     ids = database.add(minima=minima).minima
    ...     report = quench(database, camel, ids.tolist())
    >>> report.n_solutions, report.n_minima
    (3, 2)
    """
    check_instance("landscape", landscape, Landscape)
    if minimizer is not None:
        check_instance("minimizer", minimizer, Minimizer)
    surface = surface or landscape.surfaces[0]
    if not database.n_parameters:
        raise ValueError("the database has no coordinates to relax")
    check_landscape(database, landscape)
    descended = landscape.on(surface)
    minimizer = minimizer or LBFGSGSS(epochs=2000, gradient_tolerance=gradient_tolerance)
    settings = [surface, minimizer.name, all_settings(minimizer)]
    stored = database.minima["key"].values.tolist()
    keys = {int(i): content_key("quench", stored[i] or ["id", int(i)], settings) for i in ids}
    done = set(database.runs["key"].values.tolist())
    todo = [i for i, key in keys.items() if key not in done]
    known = _StoredMinima(
        database,
        landscape.symmetry if permuted else without_units(landscape.symmetry),
        _known_minima(database, landscape, surface, gradient_tolerance),
        tolerance=distance_tolerance * landscape.length_scale,
    )
    total = Quench()
    for begin in range(0, len(todo), TOGETHER):
        part = todo[begin : begin + TOGETHER]
        results = _relaxed(descended, minimizer, database.coordinates(part), part)
        lowest = [
            None if r.outcome in UNUSABLE else next((s for s in r.solutions if s.stopping == surface), None)
            for r in results
        ]
        ends, new = known.numbers(lowest, surface)
        batch = minimization_rows(results, keys=[keys[i] for i in part], label=LABEL, surfaces=landscape.surfaces)
        runs = {**batch.runs, "start": np.array(part, dtype=np.int64), "end": np.array(ends, dtype=np.int64)}
        columns = {
            "run": [database.n_runs + place for place in new],
            "outcome": [str(results[place].outcome) for place in new],
            "key": np.array([content_key("minimum", keys[part[place]], surface) for place in new], dtype=np.uint64),
        }
        minima = columns | _minima(landscape, surface, [s for k in new if (s := lowest[k])]) if new else None
        database.add(runs=runs, minima=minima, attributes=contributed(database), sync=True)
        known.pending.clear()
        n_failed = ends.count(-1)
        reached = np.array([s.coordinates for s in lowest if s is not None])
        n_stationary = int(_stationary(descended, reached, gradient_tolerance).sum()) if len(reached) else 0
        found = Quench(len(part), len(new), len(part) - len(new) - n_failed, n_stationary, n_failed)
        total = Quench(*(a + b for a, b in zip(astuple(total), astuple(found), strict=True)))
        if progress is not None:
            progress(f"quench on {surface}", begin + len(part), len(todo))
    return total


def stored_minima_of(database: LandscapeDatabase, surface: str, gradient_tolerance: float) -> list[int]:
    """Return the ids of the set ``"quenched/SURFACE"`` and of what has a norm within the tolerance, an absolute one."""
    minima = database.minima
    chosen = minima["set"].values == f"{LABEL}/{surface}"
    if surface == database.surfaces[0]:  # gradients on others are known of that set only
        chosen |= minima["gradient_norm"].values <= gradient_tolerance
    return [int(i) for i in np.flatnonzero(chosen)]


def _known_minima(database: LandscapeDatabase, landscape: Landscape, surface: str, tolerance: float) -> list[int]:
    """Return the ids of the minima of a surface, those of other sets looked at again where they may be stationary."""
    slope = typical_slope(landscape.on(database.surfaces[0]))
    ids = stored_minima_of(database, surface, tolerance * slope if np.isfinite(slope) else np.inf)
    sets = database.minima["set"].values
    doubted = [i for i in ids if sets[i] != f"{LABEL}/{surface}"]
    stationary: set[int] = set()
    step = rows_at_once(database.n_parameters)
    for begin in range(0, len(doubted), step):
        part = doubted[begin : begin + step]
        good = _stationary(landscape.on(database.surfaces[0]), database.coordinates(part), tolerance)
        stationary.update(np.array(part)[good].tolist())
    return [i for i in ids if i in stationary or sets[i] == f"{LABEL}/{surface}"]


def _stationary(landscape: Landscape, points: Array, tolerance: float) -> Mask:
    return are_stationary(landscape, to_tensor(points, dtype=landscape.dtype, device=landscape.device), tolerance)


@final
class _StoredMinima:
    """Minima of a database in which points are found again; `pending` are those that are not committed yet."""

    def __init__(
        self, database: LandscapeDatabase, symmetry: Symmetry, ids: Sequence[int], *, tolerance: float
    ) -> None:
        self.database, self.ids = database, list(ids)
        self.pending: dict[int, Array] = {}
        self.index = PointIndex(symmetry, tolerance, read=self.read)
        step = rows_at_once(database.n_parameters)
        for begin in range(0, len(self.ids), step):
            self.index.extend(database.coordinates(self.ids[begin : begin + step]))

    def read(self, numbers: Ids) -> Array:
        """Return the points of some numbers of the index."""
        stored = [number for number in numbers.tolist() if number not in self.pending]
        points = dict(zip(stored, self.database.coordinates([self.ids[k] for k in stored]), strict=True))
        points |= self.pending
        return np.array([points[number] for number in numbers.tolist()])

    def numbers(self, found: Sequence[Solution | None], surface: str) -> tuple[list[int], list[int]]:
        """Return the minimum that each solution leads to, -1 for None, and the places of those that are new ones."""
        # Of solutions that lead to one new minimum the lowest stands for it, whatever their order.
        usable = [(k, s) for k, s in enumerate(found) if s is not None]
        usable.sort(key=lambda pair: (pair[1].energies[surface], pair[1].coordinates.tolist()))
        number_of, represented = {}, {}
        for place, solution in usable:
            number = self.index.find(solution.coordinates)
            if number is None:
                number = self.index.add(solution.coordinates)
                self.pending[number] = solution.coordinates
                represented[number] = place
            number_of[place] = number
        first = {number: place for place, number in sorted(number_of.items(), reverse=True)}
        order = sorted(represented, key=lambda number: first[number])
        new = {number: self.database.n_minima + k for k, number in enumerate(order)}
        self.ids += [new[number] for number in sorted(new)]
        ends = [self.ids[number_of[place]] if place in number_of else -1 for place in range(len(found))]
        return ends, [represented[number] for number in order]


def _relaxed(landscape: Landscape, minimizer: Minimizer, points: Array, ids: Sequence[int]) -> list[Minimization]:
    """Relax each point once: solutions that are one point, as train and test ones can be, lead to one minimum."""
    first: dict[bytes, int] = {}
    places = [first.setdefault(point.tobytes(), k) for k, point in enumerate(points)]
    different = list(first.values())
    starts = torch.as_tensor(points[different]).to(landscape.device, landscape.dtype)
    result_of = dict(zip(different, _minimized(landscape, minimizer, starts), strict=True))
    return [
        replace(result_of[place], message=f"on {landscape.surface}: {result_of[place].message}")
        if place == k
        else replace(result_of[place], message=f"the same point as {ids[place]}", n_evaluations=0.0, seconds=0.0)
        for k, place in enumerate(places)
    ]


def _minimized(landscape: Landscape, minimizer: Minimizer, starts: Tensor) -> list[Minimization]:
    """Minimize from all starts together; where that raises an exception, from each alone, and say which one failed."""
    try:
        return told_apart(landscape, minimizer.minimize(landscape, starts, seeds=[0] * len(starts)))
    except Exception as error:
        if len(starts) > 1:
            return [_minimized(landscape, minimizer, start[None])[0] for start in starts]
        curves = {name: np.array([np.nan]) for name in landscape.surfaces}
        return [Minimization(0, (), curves, Outcome.FAILED, reason_of(error), 0, 0.0, 0.0)]


def _minima(landscape: Landscape, surface: str, found: Sequence[Solution]) -> dict[str, Any]:
    points, norms = np.array([s.coordinates for s in found]), np.array([s.gradient_norm for s in found])
    columns: dict[str, Any] = {"gradient_norm": norms, **metrics_of_points(landscape, points)}
    if surface != landscape.surfaces[0]:
        columns |= {"gradient_norm": evaluate(landscape, points)[1], f"gradient_norm_{surface}": norms}
    return columns | {
        "coordinates": points,
        "energy": [[s.energies[name] for name in landscape.surfaces] for s in found],
        "set": f"{LABEL}/{surface}",
        "stopping": surface,
        "epoch": [s.epoch for s in found],
    }
