"""From stored solutions to the minima under them: `quench`.

An early-stopped solution is no stationary point. Relaxing it on a surface leads to a minimum (or as near to one as
the budget allows); the run that does it is stored with the ids of both, its `start` and its `end`. Minima that are
equal within a tolerance of distance are stored once, so that several solutions can lead to one minimum.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elsuite.database import LandscapeDatabase
from elsuite.exploration.keys import content_key
from elsuite.exploration.settings import all_settings
from elsuite.landscapes.base import Landscape
from elsuite.minimizers import LBFGSGSS, Minimization, Minimizer

__all__ = ["Quench", "quench"]


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
    """

    n_solutions: int
    n_minima: int
    n_known: int
    n_stationary: int


def quench(
    database: LandscapeDatabase,
    landscape: Landscape,
    ids: Sequence[int],
    *,
    surface: str | None = None,
    minimizer: Minimizer | None = None,
    gradient_tolerance: float = 1e-6,
    distance_tolerance: float = 1e-3,
    block: int = 24,
    progress: Callable[[int, int], None] | None = None,
) -> Quench:
    """Relax the stored solutions `ids` on a surface and store their minima as the set ``"quenched/SURFACE"``.

    Two minima are one when their distance is below `distance_tolerance` times the norm of their coordinates. Each
    block of solutions is committed at once; what was relaxed before, with the same minimizer, is passed over.
    """
    surface = surface or landscape.surfaces[0]
    shown = landscape.on(surface)
    minimizer = minimizer or LBFGSGSS(epochs=2000, gradient_tolerance=gradient_tolerance)
    settings = [surface, minimizer.name, all_settings(minimizer)]
    stored = database.minima["key"].values.tolist()
    keys = {int(i): content_key("quench", stored[i] or ["id", int(i)], settings) for i in ids}
    known = set(database.runs["key"].values.tolist())
    todo = [i for i, key in keys.items() if key not in known]
    total = Quench(0, 0, 0, 0)
    for begin in range(0, len(todo), block):
        part = todo[begin : begin + block]
        starts = torch.as_tensor(database.coordinates(part)).to(landscape.device, landscape.dtype)
        results = minimizer.minimize(shown, starts, seeds=[0] * len(part))
        counts = _store(
            database,
            landscape,
            results,
            part,
            [keys[i] for i in part],
            surface,
            gradient_tolerance,
            distance_tolerance,
        )
        total = Quench(*(a + b for a, b in zip(_counts(total), counts, strict=True)))
        if progress is not None:
            progress(begin + len(part), len(todo))
    return total


def _store(
    database: LandscapeDatabase,
    landscape: Landscape,
    results: Sequence[Minimization],
    starts: Sequence[int],
    keys: Sequence[int],
    surface: str,
    gradient_tolerance: float,
    distance_tolerance: float,
) -> tuple[int, int, int, int]:
    label = f"quenched/{surface}"
    names = database.minima["set"].values
    known_ids = np.flatnonzero(names == label)
    known = (
        database.coordinates(known_ids.tolist()).astype(np.float64) if len(known_ids) else np.empty((0, 0))
    )
    rows: list[dict[str, Any]] = []
    found: list[NDArray[np.float64]] = list(known)
    ends, n_known, n_stationary = [], 0, 0
    for result, key, run in zip(results, keys, range(len(results)), strict=True):
        lowest = next((s for s in result.solutions if s.stopping == surface), None)
        if lowest is None:
            ends.append(-1)
            continue
        n_stationary += lowest.gradient_norm <= gradient_tolerance
        point = np.asarray(lowest.coordinates, dtype=np.float64)
        same = _same(point, found, distance_tolerance)
        if same is not None:
            n_known += 1
            ends.append(
                int(known_ids[same]) if same < len(known_ids) else database.n_minima + same - len(known_ids)
            )
            continue
        ends.append(database.n_minima + len(rows))
        found.append(point)
        rows.append(
            {
                "coordinates": lowest.coordinates,
                "energy": [lowest.energies[name] for name in landscape.surfaces],
                "gradient_norm": lowest.gradient_norm,
                "set": label,
                "stopping": surface,
                "run": database.n_runs + run,
                "epoch": lowest.epoch,
                "outcome": str(result.outcome),
                "key": content_key("minimum", key, surface),
            }
        )
    database.add(runs=_runs(results, keys, starts, ends, landscape.surfaces), minima=rows or None, sync=True)
    return len(results), len(rows), n_known, n_stationary


def _runs(
    results: Sequence[Minimization],
    keys: Sequence[int],
    starts: Sequence[int],
    ends: Sequence[int],
    surfaces: Sequence[str],
) -> dict[str, Any]:
    from elsuite.exploration.batch import minimization_batch

    runs = dict(minimization_batch(results, keys=keys, label="quenched", surfaces=surfaces).runs)
    return {**runs, "start": np.array(starts, dtype=np.int64), "end": np.array(ends, dtype=np.int64)}


def _same(point: NDArray[np.float64], found: Sequence[NDArray[np.float64]], tolerance: float) -> int | None:
    if not found:
        return None
    distances = np.linalg.norm(np.array(found) - point, axis=1)
    nearest = int(np.argmin(distances))
    return nearest if distances[nearest] <= tolerance * np.linalg.norm(point) else None


def _counts(value: Quench) -> tuple[int, int, int, int]:
    return value.n_solutions, value.n_minima, value.n_known, value.n_stationary
