"""Solutions from elsewhere into a database: their energies and gradients computed here, their origin said."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from elsuite.core.identity import content_key_of
from elsuite.core.typing import Array, Floats, Ids, Progress
from elsuite.database import LandscapeDatabase
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.computing import contributed
from elsuite.exploration.metrics import metrics_of_points
from elsuite.landscapes.base import Landscape, points_at_once

SOLUTIONS_AT_ONCE = 16
"""So many at most are committed together."""
POINTS_AT_ONCE = 8
"""So many at most are evaluated together."""


def check_set_name(name: str, surfaces: Sequence[str]) -> tuple[str, str]:
    """Return the first half of a set's name and its stopping, the surface whose curve chose the points, or "".

    Raises
    ------
    ValueError
        Unless it is ``NAME`` or ``NAME/SURFACE``, without blanks.

    Examples
    --------
    >>> check_set_name("lbfgs-gss/train", ("train", "test")), check_set_name("run-7", ("train", "test"))
    (('lbfgs-gss', 'train'), ('run-7', ''))
    """
    first, slash, stopping = name.partition("/")
    if not re.fullmatch(r"[^/\s\x00-\x1f\x7f-\x9f]+", first) or (slash and stopping not in surfaces):
        allowed = " or ".join(["NAME", *(f"NAME/{surface}" for surface in surfaces)])
        raise ValueError(f"set: given {name!r}, allowed: {allowed}, such as sgd/{surfaces[0]}, without blanks")
    return first, stopping


def add_solutions(
    database: LandscapeDatabase,
    landscape: Landscape,
    solutions: Array,
    *,
    set_name: str,
    origin: str = "",
    progress: Progress | None = None,
) -> Ids:
    """Store solutions, shape (n, P), as the set `set_name` and return the ids of those that are new.

    A solution that the set holds already, equal in every coordinate, is not stored again; each block is committed
    at once, so that an interrupted call, made again, goes on.

    Parameters
    ----------
    solutions : ndarray (n, P)
        Stored in the landscape's dtype.
    set_name : str
        ``NAME``, or ``NAME/SURFACE`` where the curve of a surface chose the points.
    origin : str
        Where they are from, for the column ``origin``.

    Raises
    ------
    ValueError
        For solutions of another width than the landscape's (names both numbers), values or energies that are not
        finite, or a set name that is none.

    Examples
    --------
    The same solutions again are none that is new.

    >>> from elsuite.landscapes import SixHumpCamel
    >>> camel = SixHumpCamel()
    >>> with LandscapeDatabase.create(None, camel) as database:
    ...     add_solutions(database, camel, camel.minima[:3], set_name="known/energy").tolist()
    ...     add_solutions(database, camel, camel.minima[:4], set_name="known/energy").tolist()
    [0, 1, 2]
    [3]
    """
    check_set_name(set_name, landscape.surfaces)
    check_landscape(database, landscape)
    points = _points(landscape, solutions)
    keys = _keys(points, set_name)
    known = set(database.minima["key"].values.tolist())
    first = dict(zip(reversed(keys), reversed(range(len(keys))), strict=True))
    new = sorted(k for key, k in first.items() if key not in known)
    ids: list[int] = []
    at_once = min(SOLUTIONS_AT_ONCE, points_at_once(landscape))
    for begin in range(0, len(new), at_once):
        part = new[begin : begin + at_once]
        energies, norms = evaluate(landscape, points[part])
        if not np.isfinite(energies).all():
            row = part[int(np.flatnonzero(~np.isfinite(energies).all(axis=1))[0])]
            raise ValueError(f"solution {row} has an energy that is not a finite number")
        added = store_solutions(
            database,
            points[part],
            energies,
            norms,
            set_name=set_name,
            origins=[origin] * len(part),
            metrics=metrics_of_points(landscape, points[part]),
        )
        ids += added.tolist()
        if progress is not None:
            progress(f"energies of {set_name}", begin + len(part), len(new))
    return np.array(ids, dtype=np.int64)


def store_solutions(
    database: LandscapeDatabase,
    points: Array,
    energies: Floats,
    norms: Floats,
    *,
    set_name: str,
    origins: Sequence[str],
    metrics: Mapping[str, Floats] | None = None,
) -> Ids:
    """Commit solutions that a set does not hold, shape (n, P), with what `evaluate` says of them; return their ids.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> camel = SixHumpCamel()
    >>> with LandscapeDatabase.create(None, camel) as database:
    ...     values = evaluate(camel, camel.minima[:2])
    ...     store_solutions(database, camel.minima[:2], *values, set_name="mine", origins=["a.npy", "b.npy"]).tolist()
    [0, 1]
    """
    added = database.add(
        minima={
            "coordinates": points,
            "energy": energies,
            "gradient_norm": norms,
            "set": set_name,
            "stopping": check_set_name(set_name, database.surfaces)[1],
            "outcome": "imported",
            "key": np.array(_keys(points, set_name), dtype=np.uint64),
            # Names of files can hold what no text in a store may.
            "origin": [origin.encode("utf-8", "replace").decode() for origin in origins],
            **(metrics or {}),
        },
        attributes=contributed(database),
    )
    ids: Ids = added.minima
    return ids


def solution_key(point: Array, set_name: str) -> int:
    """Return the key of a solution, shape (P,), in a set: the hash of its content."""
    return content_key_of("solution", set_name, point)


def stored_solutions(database: LandscapeDatabase, landscape: Landscape, solutions: Array, *, set_name: str) -> Ids:
    """Return the ids (n,) under which a set holds solutions, shape (n, P); those that it does not hold have none.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> camel = SixHumpCamel()
    >>> with LandscapeDatabase.create(None, camel) as database:
    ...     _ = add_solutions(database, camel, camel.minima[:3], set_name="known/energy")
    ...     stored_solutions(database, camel, camel.minima[[2, 0, 5]], set_name="known/energy").tolist()
    [2, 0]
    """
    rows = {key: row for row, key in enumerate(database.minima["key"].values.tolist())}
    keys = _keys(_points(landscape, solutions), set_name)
    return np.array([rows[key] for key in keys if key in rows], dtype=np.int64)


def _keys(points: Array, set_name: str) -> list[int]:
    return [solution_key(point, set_name) for point in points]


def evaluate(landscape: Landscape, points: Array) -> tuple[Floats, Floats]:
    """Return energies on all surfaces, shape (n, n_surfaces), and gradient norms on the first, shape (n,)."""
    first, *others = (landscape.on(name) for name in landscape.surfaces)
    energies = [np.empty((0, len(landscape.surfaces)))]
    norms = [np.empty(0)]
    at_once = min(POINTS_AT_ONCE, points_at_once(landscape, vectors=2))
    for begin in range(0, len(points), at_once):
        part = torch.as_tensor(points[begin : begin + at_once]).to(landscape.device, landscape.dtype)
        energy, gradient = first.energy_and_gradient(part)
        columns = [energy, *(other.energy(part) for other in others)]
        energies.append(torch.stack([c.double() for c in columns], dim=1).detach().cpu().numpy())
        norms.append(torch.linalg.vector_norm(gradient, dim=1, dtype=torch.float64).cpu().numpy())
    return np.concatenate(energies), np.concatenate(norms)


def _points(landscape: Landscape, solutions: Array) -> Array:
    """Return solutions in the landscape's dtype, all of the right width and finite."""
    solutions = np.atleast_2d(solutions)
    if solutions.ndim != 2 or solutions.shape[1] != landscape.n_parameters:
        raise ValueError(
            f"the solutions have {solutions.shape[-1]} parameters, the landscape has {landscape.n_parameters}"
        )
    dtype = np.float32 if landscape.dtype == torch.float32 else np.float64
    with np.errstate(over="ignore"):
        points: Array = solutions.astype(dtype, copy=False)
    wrong = np.flatnonzero([not np.isfinite(point).all() for point in points])
    if len(wrong):
        raise ValueError(f"solution {wrong[0]} has a value that is no finite {np.dtype(dtype)}")
    return points
