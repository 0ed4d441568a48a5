"""What is checked before anything is computed: whether a landscape is the one of a database, seeds, pairs."""

import weakref
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import torch

from elsuite.core.identity import Identity, OtherLandscapeError
from elsuite.core.representing import plain
from elsuite.core.settings import check_instance
from elsuite.core.typing import Array, Ids
from elsuite.database import LandscapeDatabase
from elsuite.exploration.metrics import metrics_of_points
from elsuite.landscapes.base import Landscape
from elsuite.schema import KINDS, METRIC, NotFoundError

RECOMPUTED = 3
"""So many stored minima, and so many transition states, have their energies computed again."""

METRICS = "metrics"
"""The root attribute that has the metrics at the fixed points, on every surface."""

SAME_METRIC = 0.02
"""Of accuracies at random points a sample may go the other way on another machine."""

_FLOOR = "energy_floor"

DESCENT_TO_HERE = 200
"""Energies at minima, which are small differences, agree to so many times the landscape's precision."""

_checked: "weakref.WeakKeyDictionary[LandscapeDatabase, list[weakref.ref[Landscape]]]" = weakref.WeakKeyDictionary()


def check_landscape(database: LandscapeDatabase, landscape: Landscape) -> None:
    """Refuse a landscape that is not the one of the database; a database that did not say, says so afterwards.

    What the landscape declares is compared with the attribute ``identity``, then its energies at the fixed points, then
    some of the stored energies, of minima and transition states, which are computed again: these alone where there is
    no attribute (in a database of an older version, imported, or made without a landscape). Every function that writes
    asks this first; a landscape that was checked against an open database is not checked again.

    Raises
    ------
    OtherLandscapeError
        In one line: the database, and what differs.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.landscapes import MullerBrown, SixHumpCamel
    >>> database = LandscapeDatabase.create(None, MullerBrown())
    >>> check_landscape(database, MullerBrown())
    >>> check_landscape(database, SixHumpCamel())
    Traceback (most recent call last):
        ...
    elsuite.core.identity.OtherLandscapeError: the database in memory is of another landscape: kind is 'MullerBrown' ...
    """
    check_instance("landscape", landscape, Landscape)
    known = _checked.setdefault(database, [])
    if any(reference() is landscape for reference in known):
        return
    own, given = (
        f"{of.n_parameters} parameters and the surfaces {', '.join(of.surfaces)}" for of in (database, landscape)
    )
    stored = database.attributes.get("identity")
    if given != own:
        words = [f"it has {own}, the landscape {given}"]
    elif stored is not None:
        words = compared(Identity.from_json(stored), landscape)
    else:
        words = []
    if words := words or _recomputed(database, landscape):
        where = database.path or "the database in memory"
        raise OtherLandscapeError(f"{where} is of another landscape: {'; '.join(words)}")
    if database.writable and (stored is None or _FLOOR not in stored):
        new = landscape.identity.as_json()
        # Stores of earlier versions do not say what lies under their energies.
        database.add(attributes={"identity": new if stored is None else {**stored, _FLOOR: new[_FLOOR]}})
    _check_metrics(database, landscape)
    known.append(weakref.ref(landscape))


def _check_metrics(database: LandscapeDatabase, landscape: Landscape) -> None:
    """Refuse a metric that is another one than that of its name in the database; new ones are noted.

    Noted are the values at the fixed points, as the identity has the energies.

    Raises
    ------
    OtherLandscapeError
        In one line: the metric, and both values.
    """
    if not landscape.metrics:
        return
    columns = metrics_of_points(landscape, landscape.probe_points())
    here = {name.removeprefix(METRIC): _in_json(values.tolist()) for name, values in columns.items()}
    stored = database.attributes.get(METRICS)
    there = stored if isinstance(stored, dict) else {}
    for name in here.keys() & there.keys():
        old, new = (np.array(values, dtype=np.float64) for values in (there[name], here[name]))
        if old.shape == new.shape and np.allclose(old, new, rtol=SAME_METRIC, atol=SAME_METRIC, equal_nan=True):
            continue
        place = tuple(np.argwhere(~np.isclose(old, new, rtol=SAME_METRIC, atol=SAME_METRIC, equal_nan=True))[0])
        values = f"{old[place]:.6g} there and {new[place]:.6g} here" if old.shape == new.shape else "of other surfaces"
        raise OtherLandscapeError(
            f"{database.path or 'the database in memory'} has another metric {name!r}: at fixed point {place[0]} on "
            f"{database.surfaces[int(place[1])]!r} it is {values}; give the new one another name"
        )
    if database.writable and here.keys() - there.keys():
        database.add(attributes={METRICS: {**here, **there}})


def _in_json(values: list[list[float]]) -> list[list[float | None]]:
    return [[value if np.isfinite(value) else None for value in row] for row in values]


def checked_count(name: str, value: object, least: int = 1) -> int:
    """Return a whole number as one of Python's.

    Raises
    ------
    ValueError
        For what is none, or less than `least`.

    Examples
    --------
    >>> checked_count("n_pairs", np.int64(3))
    3
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name}: given {value!r}, allowed: whole numbers from {least}")
    return int(value)


def checked_seeds(seeds: Iterable[int]) -> list[int]:
    """Return the seeds of starts as a list.

    Raises
    ------
    ValueError
        Unless they are different whole numbers, none negative.

    Examples
    --------
    >>> checked_seeds(np.arange(3))
    [0, 1, 2]
    """
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Iterable):
        raise ValueError(f"seeds: given {seeds!r}, allowed: a sequence of whole numbers, such as range(3)")
    numbers: list[int] = []
    for seed in plain(list(seeds)):
        whole = type(seed) is int or (isinstance(seed, float) and seed.is_integer())
        if not whole or not 0 <= seed < 2**63:
            raise ValueError(f"seeds: given {seed!r}, allowed: whole numbers from 0 to 2^63 - 1")
        numbers.append(int(seed))
    if len(set(numbers)) < len(numbers):
        twice = next(seed for seed, n in Counter(numbers).items() if n > 1)
        raise ValueError(f"seeds: {twice} is given twice, allowed: each once")
    return numbers


def checked_pairs(database: LandscapeDatabase, pairs: Iterable[Sequence[int] | Ids]) -> Ids:
    """Return pairs of ids of minima, shape (n, 2).

    Raises
    ------
    ValueError
        For what is no pair of two different ids.
    NotFoundError
        For an id that is no minimum's.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(minima={"energy": [[0.0], [1.0]]})
    >>> checked_pairs(database, [(0, 1)]).tolist()
    [[0, 1]]
    """
    found: list[tuple[int, int]] = []
    for pair in pairs:
        ends = plain(pair.tolist() if isinstance(pair, np.ndarray) else pair)
        if not isinstance(ends, (list, tuple)) or len(ends) != 2 or not all(type(end) is int for end in ends):
            raise ValueError(f"pairs: given {ends!r}, allowed: two ids of minima, such as (0, 1)")
        if ends[0] == ends[1]:
            raise ValueError(f"pairs: given {tuple(ends)}, allowed: two different minima")
        found.append((ends[0], ends[1]))
    ids = np.array(found, dtype=np.int64).reshape(-1, 2)
    outside = ids[(ids < 0) | (ids >= database.n_minima)]
    if outside.size:
        raise NotFoundError(f"no minimum {outside[0]}; the database has {database.n_minima}")
    return ids


def compared(stored: Identity, landscape: Landscape) -> list[str]:
    """Return in words what a stored identity says otherwise than a landscape, energies at its fixed points too."""
    words = stored.differences(landscape.identity)
    if words or stored.points is None or stored.points == landscape.identity.points:
        return words
    points = torch.tensor(stored.points, dtype=landscape.dtype, device=landscape.device)
    return stored.other_energies(landscape.energies_on_all_surfaces(points))


def _recomputed(database: LandscapeDatabase, landscape: Landscape) -> list[str]:
    """Return in words which stored energy of a minimum or a transition state does not come out again."""
    minima, paths = database.minima["energy"].values, database.paths
    chosen = _some(np.isfinite(minima).any(axis=1)) if database.n_parameters else _some(np.empty(0))
    places = [(f"minimum {i}", database.coordinates([i])[0], minima[i]) for i in chosen]
    if "coordinates" in paths:
        states = paths["kind"].values == KINDS[1]
        for i in _some(states & np.isfinite(paths["height"].values)):
            column = np.array(database.surfaces) == str(paths["surface"].values[i])
            point, height = paths["coordinates"][i].values, float(paths["height"].values[i])
            if np.isfinite(point).all():
                places.append((f"transition state {i}", point, np.where(column, height, np.nan)))
    if not places:
        return []
    points = torch.as_tensor(np.array([point for _, point, _ in places])).to(landscape.device, landscape.dtype)
    again, given = _energies(landscape, points)
    old = np.array([energies for *_, energies in places])
    known = [abs(value) for row in landscape.identity.energies for value in row if value is not None]
    size = max(np.nanmax(np.abs(old)), min(known, default=0.0))
    allowed = landscape.precision * (DESCENT_TO_HERE * np.abs(old) + size / 100)
    wrong = given[:, None] & np.isfinite(old) & ~(np.abs(again - old) <= allowed)
    for row, column in np.argwhere(wrong)[:1].tolist():
        here = f"{again[row, column]:.8g}" if np.isfinite(again[row, column]) else "not finite"
        there = f"{old[row, column]:.8g} on {database.surfaces[column]!r} there"
        return [f"{places[row][0]} has the energy {there} and {here} here"]
    return []


def _energies(landscape: Landscape, points: torch.Tensor) -> tuple[Array, Array]:
    """Return energies on all surfaces, and which are given: where a user's energy raises, nothing can be compared."""
    try:
        return np.array(landscape.energies_on_all_surfaces(points), dtype=np.float64), np.ones(len(points), dtype=bool)
    except Exception:
        if len(points) == 1:
            return np.full((1, len(landscape.surfaces)), np.nan), np.zeros(1, dtype=bool)
    alone = [_energies(landscape, point[None]) for point in points]
    return np.concatenate([energies for energies, _ in alone]), np.concatenate([given for _, given in alone])


def _some(usable: Array) -> list[int]:
    """Return a few of the rows that are usable, far apart."""
    rows = np.flatnonzero(usable)
    return sorted({int(k) for k in rows[np.linspace(0, len(rows) - 1, RECOMPUTED).astype(int)]}) if len(rows) else []
