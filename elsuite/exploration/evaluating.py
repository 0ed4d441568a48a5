"""What values for pictures have in common: checked arguments, energies and metrics at many points, kept once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from elsuite.core.representing import plain
from elsuite.core.settings import check_instance
from elsuite.core.typing import Array, Floats, Progress
from elsuite.database import LandscapeDatabase
from elsuite.database.computed import computed, computed_name, computed_values, store_computed
from elsuite.database.query import choose_surface
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.computing import contributed
from elsuite.landscapes.base import Landscape
from elsuite.schema import METRIC, NotFoundError, StoreError
from elsuite.symmetry.points import rows_at_once

SUPPLIED = ("database", "landscape", "minima", "minimum", "pairs")
"""Arguments that are checked by functions of their own."""
WITH_METRICS = frozenset({"plane", "around", "interpolation"})
"""The kinds of values of which metrics are computed, too."""
MOST_TOGETHER = 64
"""So many points are evaluated between two reports of progress at most."""


def checked_minima(database: LandscapeDatabase, minima: Sequence[int] | Array, number: int, what: str) -> list[int]:
    """Return the ids of so many different minima of a database, or raise ValueError or NotFoundError in one line."""
    ids: list[int] = plain(list(np.atleast_1d(np.asarray(minima, dtype=object))))
    if len(ids) != number or len(set(map(repr, ids))) < number or not all(type(i) is int for i in ids):
        given = plain(minima.tolist() if isinstance(minima, np.ndarray) else minima)
        raise ValueError(f"minima: given {given!r}, allowed: {what}")
    for i in ids:
        if not 0 <= i < database.n_minima:
            raise NotFoundError(f"no minimum {i}; the database has {database.n_minima}")
    if not database.n_parameters:
        raise ValueError("the database has no coordinates: there is nothing to evaluate")
    return ids


def kept(
    database: LandscapeDatabase,
    landscape: Landscape,
    kind: str,
    minima: Sequence[int],
    surface: str,
    settings: Mapping[str, Any],
    compute: Callable[[Landscape], xr.Dataset],
) -> xr.Dataset:
    """Return the stored values of a kind, or compute them on the landscape that shows `surface`, and store them.

    A landscape that has got metrics since has its values computed again, with them.

    Raises
    ------
    StoreError
        Where nothing is stored yet and the database is open for reading.
    """
    if landscape.metrics and kind in WITH_METRICS:
        settings = {**settings, "metrics": list(landscape.metrics)}
    name = computed_name(kind, minima, surface, settings)
    if name in computed_values(database):
        return computed(database, name)
    if not database.writable:
        where = database.path or "in memory"
        raise StoreError(f"the database {where} is open for reading and has no such {kind}; open it with mode 'a'")
    check_landscape(database, landscape)
    values = compute(landscape.on(surface))
    said = {"kind": kind, "minima": list(minima), "surface": surface, "settings": plain(dict(settings))}
    values.attrs = said | values.attrs
    store_computed(database, values, attributes=contributed(database))
    return computed(database, name)


def chosen_surface(database: LandscapeDatabase, landscape: Landscape, surface: str | None) -> str:
    """Return the surface asked for, the first one by default; raises NotFoundError for one that is not there."""
    check_instance("database", database, LandscapeDatabase)
    check_instance("landscape", landscape, Landscape)
    return choose_surface(database, surface)


def values_at(
    landscape: Landscape,
    n_points: int,
    points: Callable[[slice], Array],
    *,
    stage: str,
    progress: Progress | None = None,
) -> dict[str, Floats]:
    """Return the energies at many points, and the landscape's metrics, each of shape (n_points,), by column.

    The points are made some at a time by `points`; what is not finite is kept as it is. A point at which the landscape
    raises an error has NaN; where that is every point, the first error is raised.
    """
    names = ("energy", *(f"{METRIC}{name}" for name in landscape.metrics))
    found = {name: np.full(n_points, np.nan) for name in names}
    step = min(rows_at_once(landscape.n_parameters), MOST_TOGETHER)
    first: Exception | None = None
    n_failed = 0
    if progress is not None:
        progress(stage, 0, n_points)
    for begin in range(0, n_points, step):
        part = slice(begin, min(begin + step, n_points))
        batch = torch.as_tensor(points(part)).to(device=landscape.device, dtype=landscape.dtype)
        try:
            rows = _values(landscape, batch)
        except Exception as error:  # of a user's energy: the other points of this part may be well
            first = first or error
            rows, failed = _one_by_one(landscape, batch, len(names))
            n_failed += failed
        for name, column in zip(names, rows.T, strict=True):
            found[name][part] = column
        if progress is not None:
            progress(stage, part.stop, n_points)
    if first is not None and n_failed == n_points:
        raise first
    return found


def _values(landscape: Landscape, batch: torch.Tensor) -> Floats:
    columns = [landscape.energy(batch).detach().double().cpu().numpy()[:, None]]
    if landscape.metrics:
        columns.append(landscape.metric_values(batch).detach().double().cpu().numpy())
    return np.concatenate(columns, axis=1)


def _one_by_one(landscape: Landscape, batch: torch.Tensor, width: int) -> tuple[Floats, int]:
    rows, n_failed = np.full((len(batch), width), np.nan), 0
    for row, point in zip(rows, batch, strict=True):
        try:
            row[:] = _values(landscape, point[None])[0]
        except Exception:
            n_failed += 1
    return rows, n_failed
