"""From stored solutions to the minima under them: `quench`.

An early-stopped solution is no stationary point. Relaxing it on a surface leads to a minimum (or as near to one as
the budget allows); the run that does it is stored with the ids of both, its `start` and its `end`. Minima that are
equal within a tolerance of distance are stored once, so that several solutions can lead to one minimum.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any

import numpy as np
import torch

from elsuite.core.identity import content_key
from elsuite.core.settings import all_settings
from elsuite.core.typing import Progress
from elsuite.database import LandscapeDatabase
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.new_rows import minimization_rows
from elsuite.exploration.recognize import StoredMinima
from elsuite.exploration.solutions import evaluate
from elsuite.landscapes.base import Landscape
from elsuite.minimizers import LBFGSGSS, Minimization, Minimizer, Solution

__all__ = ["Quench", "quench", "stored_minima_of"]

LABEL = "quenched"


@dataclass(frozen=True)
class Quench:
    """What came of relaxing stored solutions.

    Attributes
    ----------
    n_solutions : int
        Relaxed now; those relaxed before are not counted.
    n_minima : int
        Minima stored now.
    n_known : int
        Solutions that led to a minimum which was there already.
    n_stationary : int
        Solutions whose minimum has a gradient norm within the tolerance.
    n_failed : int
        Solutions that led nowhere: their energies are not finite.
    """

    n_solutions: int = 0
    n_minima: int = 0
    n_known: int = 0
    n_stationary: int = 0
    n_failed: int = 0


@dataclass(frozen=True)
class _Plan:
    """What one call of `quench` does with every block."""

    database: LandscapeDatabase
    landscape: Landscape
    surface: str
    minimizer: Minimizer
    gradient_tolerance: float
    known: StoredMinima


@dataclass
class _Rows:
    """The rows of one block: where each solution led, and the minima that are new."""

    ends: list[int] = field(default_factory=list)
    new: list[tuple[int, Solution]] = field(default_factory=list)
    n_stationary: int = 0


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
    block: int = 24,
    progress: Progress | None = None,
) -> Quench:
    """Relax the stored solutions `ids` on a surface and store their minima as the set ``"quenched/SURFACE"``.

    A minimum that is there already is not stored again: one of that set, or, on the first surface, any stored point
    whose gradient norm is within the tolerance; such a point is its own minimum. Each block of solutions is committed
    at once, and what was relaxed before with the same minimizer is passed over: an interrupted call, made again,
    goes on. Column `gradient_norm` has the norm on the first surface, ``gradient_norm_SURFACE`` that on another.

    Parameters
    ----------
    database : LandscapeDatabase
        Open for writing.
    landscape : Landscape
        The one that the energies of the database are of.
    surface : str, optional
        The first by default.
    minimizer : Minimizer, optional
        L-BFGS-GSS with 2,000 iterations by default.
    gradient_tolerance : float
        Of a stationary point.
    distance_tolerance : float
        Two minima are one when their distance is at most this, times their norm where that is above 1.
    permuted : bool
        Networks that differ by a permutation of hidden units are one minimum as well.
    block : int
        How many solutions are relaxed together.

    Raises
    ------
    ValueError
        For a landscape with other parameters or surfaces than the database.
    """
    surface = surface or landscape.surfaces[0]
    _check(database, landscape, surface)
    minimizer = minimizer or LBFGSGSS(epochs=2000, gradient_tolerance=gradient_tolerance)
    known = StoredMinima(
        database,
        landscape,
        stored_minima_of(database, surface, gradient_tolerance),
        tolerance=distance_tolerance,
        permuted=permuted,
    )
    plan = _Plan(database, landscape, surface, minimizer, gradient_tolerance, known)
    keys = _keys(plan, ids)
    done = set(database.runs["key"].values.tolist())
    todo = [i for i, key in keys.items() if key not in done]
    total = Quench()
    for begin in range(0, len(todo), block):
        part = todo[begin : begin + block]
        found = _relax(plan, part, [keys[i] for i in part])
        total = Quench(*(a + b for a, b in zip(astuple(total), astuple(found), strict=True)))
        if progress is not None:
            progress(f"quench on {surface}", begin + len(part), len(todo))
    return total


def stored_minima_of(database: LandscapeDatabase, surface: str, gradient_tolerance: float) -> list[int]:
    """Return the ids of the minima of a surface: the set ``"quenched/SURFACE"`` and all that is known to be stationary.

    Of points on another surface than the first nothing is known but by that set.
    """
    minima = database.minima
    chosen = minima["set"].values == f"{LABEL}/{surface}"
    if surface == database.surfaces[0]:
        chosen |= minima["gradient_norm"].values <= gradient_tolerance
    return [int(i) for i in np.flatnonzero(chosen)]


def _check(database: LandscapeDatabase, landscape: Landscape, surface: str) -> None:
    if not database.n_parameters:
        raise ValueError("the database has no coordinates to relax")
    check_landscape(database, landscape)
    landscape.on(surface)


def _keys(plan: _Plan, ids: Sequence[int]) -> dict[int, int]:
    """Return the key of each solution's relaxation."""
    settings = [plan.surface, plan.minimizer.name, all_settings(plan.minimizer)]
    stored = plan.database.minima["key"].values.tolist()
    return {int(i): content_key("quench", stored[i] or ["id", int(i)], settings) for i in ids}


def _relax(plan: _Plan, ids: Sequence[int], keys: Sequence[int]) -> Quench:
    """Relax one block and commit what came of it."""
    results, rows = _relaxations(plan, ids), _Rows()
    for place, result in enumerate(results):
        _settle(plan, rows, place, result)
    plan.database.add(
        runs=_runs(plan, results, keys, ids, rows.ends), minima=_minima(plan, results, keys, rows), sync=True
    )
    plan.known.committed()
    n_failed = rows.ends.count(-1)
    return Quench(len(ids), len(rows.new), len(ids) - len(rows.new) - n_failed, rows.n_stationary, n_failed)


def _relaxations(plan: _Plan, ids: Sequence[int]) -> list[Minimization]:
    """Relax each point once: solutions that are one point, as train and test ones can be, lead to one minimum."""
    points = plan.database.coordinates(ids)
    first: dict[bytes, int] = {}
    places = [first.setdefault(point.tobytes(), k) for k, point in enumerate(points)]
    different = list(first.values())
    starts = torch.as_tensor(points[different]).to(plan.landscape.device, plan.landscape.dtype)
    found = plan.minimizer.minimize(plan.landscape.on(plan.surface), starts, seeds=[0] * len(starts))
    result_of = dict(zip(different, found, strict=True))
    return [
        replace(result_of[place], message=f"on {plan.surface}: {result_of[place].message}")
        if place == k
        else replace(
            result_of[place], message=f"the same point as {ids[place]}", n_evaluations=0.0, seconds=0.0
        )
        for k, place in enumerate(places)
    ]


def _settle(plan: _Plan, rows: _Rows, place: int, result: Minimization) -> None:
    """Say where one relaxation led: to a known minimum, a new one, or nowhere."""
    lowest = next((s for s in result.solutions if s.stopping == plan.surface), None)
    if lowest is None:
        rows.ends.append(-1)
        return
    rows.n_stationary += lowest.gradient_norm <= plan.gradient_tolerance
    end = plan.known.find(lowest.coordinates)
    if end is None:
        end = plan.database.n_minima + len(rows.new)
        plan.known.add(end, lowest.coordinates)
        rows.new.append((place, lowest))
    rows.ends.append(end)


def _runs(
    plan: _Plan, results: Sequence[Minimization], keys: Sequence[int], starts: Sequence[int], ends: list[int]
) -> dict[str, Any]:
    batch = minimization_rows(results, keys=keys, label=LABEL, surfaces=plan.landscape.surfaces)
    return {
        **batch.runs,
        "start": np.array(starts, dtype=np.int64),
        "end": np.array(ends, dtype=np.int64),
    }


def _minima(
    plan: _Plan, results: Sequence[Minimization], keys: Sequence[int], rows: _Rows
) -> dict[str, Any] | None:
    if not rows.new:
        return None
    places, found = [place for place, _ in rows.new], [solution for _, solution in rows.new]
    points, norms = np.array([s.coordinates for s in found]), np.array([s.gradient_norm for s in found])
    columns: dict[str, Any] = {"gradient_norm": norms}
    if plan.surface != plan.landscape.surfaces[0]:
        columns = {
            "gradient_norm": evaluate(plan.landscape, points)[1],
            f"gradient_norm_{plan.surface}": norms,
        }
    return columns | {
        "coordinates": points,
        "energy": [[s.energies[name] for name in plan.landscape.surfaces] for s in found],
        "set": f"{LABEL}/{plan.surface}",
        "stopping": plan.surface,
        "run": [plan.database.n_runs + place for place in places],
        "epoch": [s.epoch for s in found],
        "outcome": [str(results[place].outcome) for place in places],
        "key": np.array(
            [content_key("minimum", keys[place], plan.surface) for place in places], dtype=np.uint64
        ),
    }
