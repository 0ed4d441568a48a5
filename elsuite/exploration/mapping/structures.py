"""Structures from elsewhere, relaxed into a store: `add_structures`."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.identity import content_key, content_key_of, work_seed
from elsuite.core.outcomes import Outcome
from elsuite.database import LandscapeDatabase
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.computing import contributed
from elsuite.exploration.mapping.crossing import region_of
from elsuite.exploration.mapping.plan import MappingPlan
from elsuite.exploration.mapping.rows import Discovery, new_rows
from elsuite.exploration.mapping.stored_minima import stored_minima
from elsuite.landscapes.base import Landscape
from elsuite.stationary import descend
from elsuite.symmetry.points import PointIndex

LABEL = "structures"
"""Of the runs."""


def add_structures(
    database: LandscapeDatabase, landscape: Landscape, points: ArrayLike, *, surface: str | None = None
) -> tuple[int, ...]:
    """Relax points, shape (n, P), and return the ids of the minima that they lead to; new ones are stored.

    Raises
    ------
    ValueError
        For points of another width, or one from which a descent reaches no minimum.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> camel = SixHumpCamel()
    >>> database = LandscapeDatabase.create(None, camel)
    >>> add_structures(database, camel, camel.minima[[0, 0, 1]] + [[0.01, 0], [0, 0.01], [0.01, 0]])
    (0, 0, 1)
    """
    check_landscape(database, landscape)
    shown = landscape.on(surface or landscape.surfaces[0])
    region = region_of(shown, tolerance=MappingPlan().tolerance)
    starts = np.asarray(points, dtype=np.float64)
    ends = descend(shown, starts, limits=replace(region.limits, box=None))
    for k, end in enumerate(ends):
        if end.outcome is not Outcome.CONVERGED:
            raise ValueError(f"structure {k}: a descent from it reaches no minimum: {end.outcome} ({end.message})")
    minima, none = stored_minima(database, region), PointIndex(region.symmetry, region.tolerance)
    for start, end in zip(starts, ends, strict=True):
        if minima.index.find(end.point) is not None:
            continue
        key = content_key(LABEL, content_key_of(LABEL, shown.surface, start))
        found = Discovery([end], (), {}, 1, end.n_steps, end.n_gradients)
        rows = new_rows(shown, found, (minima.index, none), key=key, label=LABEL)
        run = {
            "key": key,
            "seed": work_seed(key),
            "minimizer": LABEL,
            "outcome": str(end.outcome),
            "message": rows.message,
            "n_steps": end.n_steps,
            "n_evaluations": float(end.n_gradients),
            "n_found": 1,
        }
        rows.minima["run"] = database.n_runs
        new = database.add(runs=[run], minima=rows.minima, attributes=contributed(database)).minima
        minima.grow(new, rows.minima["energy"][:, database.surfaces.index(shown.surface)])
    return tuple(minima.ids[minima.index.number(end.point)] for end in ends)
