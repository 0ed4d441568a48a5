"""Whether a landscape is the one that a database is of: `check_landscape`, before anything is computed for it."""

import weakref

import numpy as np
import torch

from elsuite.core.identity import Identity, OtherLandscapeError
from elsuite.database import LandscapeDatabase
from elsuite.landscapes.base import Landscape

RECOMPUTED = 3
"""So many stored energies are computed again where a database does not say which landscape it is of."""

DESCENT_TO_HERE = 200
"""Energies at minima, which are small differences, agree to so many times the landscape's precision."""

_checked: "weakref.WeakKeyDictionary[LandscapeDatabase, list[weakref.ref[Landscape]]]" = weakref.WeakKeyDictionary()


def check_landscape(database: LandscapeDatabase, landscape: Landscape) -> None:
    """Refuse a landscape that is not the one of the database; a database that did not say, says so afterwards.

    What the landscape declares is compared with the attribute ``identity``, then its energies at the fixed points. A
    database without that attribute (of an older version, imported, or made without a landscape) is recognized by some
    of its stored energies, which are computed again. Every function that writes asks this first; a landscape that was
    checked against an open database is not checked again.

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
        words = _recomputed(database, landscape)
    if words:
        where = database.path or "the database in memory"
        raise OtherLandscapeError(f"{where} is of another landscape: {'; '.join(words)}")
    if stored is None and database.writable:
        database.add(attributes={"identity": landscape.identity.as_json()})
    known.append(weakref.ref(landscape))


def compared(stored: Identity, landscape: Landscape) -> list[str]:
    """Return in words what a stored identity says otherwise than a landscape, energies at its fixed points too."""
    words = stored.differences(landscape.identity)
    if words or stored.points is None or stored.points == landscape.identity.points:
        return words
    points = torch.tensor(stored.points, dtype=landscape.dtype, device=landscape.device)
    return stored.other_energies(landscape.energies_on_all_surfaces(points))


def _recomputed(database: LandscapeDatabase, landscape: Landscape) -> list[str]:
    """Return in words which stored energy does not come out again."""
    stored = database.minima["energy"].values
    usable = np.flatnonzero(np.isfinite(stored).any(axis=1))
    chosen = np.unique(usable[np.linspace(0, len(usable) - 1, RECOMPUTED).astype(int)]) if len(usable) else usable
    if not len(chosen):
        return []
    points = torch.as_tensor(database.coordinates(chosen)).to(landscape.device, landscape.dtype)
    again = np.array(landscape.energies_on_all_surfaces(points), dtype=np.float64)
    old = stored[chosen]
    size = np.nanmax(np.abs(old))
    allowed = landscape.precision * (DESCENT_TO_HERE * np.abs(old) + size / 100)
    wrong = np.isfinite(old) & ~(np.abs(again - old) <= allowed)
    for row, column in np.argwhere(wrong)[:1].tolist():
        here = f"{again[row, column]:.8g}" if np.isfinite(again[row, column]) else "not finite"
        there = f"{old[row, column]:.8g} on {database.surfaces[column]!r} there"
        return [f"minimum {chosen[row]} has the energy {there} and {here} here"]
    return []
