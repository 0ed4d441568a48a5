"""What a store says of its landscape: its symmetry, the bound under its energies, and which paths lead to images."""

from collections.abc import Mapping

import numpy as np

from elsuite.core.identity import Identity
from elsuite.core.typing import Ids, Mask
from elsuite.database.landscape_database import LandscapeDatabase
from elsuite.schema import JOINS, KINDS
from elsuite.symmetry import AtomSymmetry, Symmetry, UnitSymmetry, symmetry_from
from elsuite.symmetry.permutations import identity_element

_BLOCK, _NUMBERS = 512, 2**24


def energy_floor(database: LandscapeDatabase) -> float | None:
    """Return the bound under all energies that the landscape of a database declares, as zero is of a loss; else None.

    Examples
    --------
    >>> from elsuite.landscapes import FunctionLandscape
    >>> square = FunctionLandscape(lambda points: (points**2).sum(1), 2, energy_floor=0.0)
    >>> energy_floor(LandscapeDatabase.create(None, square))
    0.0
    """
    identity = database.attributes.get("identity")
    floor = identity.get("energy_floor") if isinstance(identity, dict) else None
    return float(floor) if isinstance(floor, (int, float)) else None


def typical_slope(database: LandscapeDatabase) -> float | None:
    """Return the median gradient norm at the landscape's fixed points, on the first surface; None where none is known.

    Examples
    --------
    >>> from elsuite.landscapes import FunctionLandscape
    >>> square = FunctionLandscape(lambda points: (points**2).sum(1), 2)
    >>> typical_slope(LandscapeDatabase.create(None, square)) > 0
    True
    """
    identity = database.attributes.get("identity")
    slope = identity.get("typical_slope") if isinstance(identity, dict) else None
    return float(slope) if isinstance(slope, (int, float)) and slope > 0 else None


def joins_isomers(database: LandscapeDatabase) -> Mask:
    """Return which paths (n_paths,) lead from their source to an image of their target, and so join isomers.

    An image equals the stored point by the symmetry of the landscape: units renamed, atoms exchanged, turned, mirrored
    or moved. Such a path's height is a barrier between isomers, not between the stored points. Paths say so themselves,
    in the column ``joins``; of those in stores of earlier versions, which do not, the ones with a stored permutation
    join isomers, the transition states of a landscape that declares a symmetry, and paths between clusters whose ends
    are not as far apart as the stored points.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"])
    >>> minima = {"coordinates": [[0.0, 1.0], [2.0, 0.0]], "energy": [[0.0], [0.0]]}
    >>> paths = {"source": [0, 0], "target": [1, 1], "height": [0.5, 0.2], "permutation": [None, [2, 1]]}
    >>> _ = database.add(minima=minima, paths=paths)
    >>> joins_isomers(database).tolist()
    [False, True]
    """
    table = database.paths
    said = table["joins"].values if "joins" in table else np.full(database.n_paths, "", dtype=object)
    found: Mask = said == JOINS[1]
    unsaid = np.flatnonzero(said == "")
    if unsaid.size:
        symmetry = declared_symmetry(database)
        states = table["kind"].values[unsaid] == KINDS[1]
        found[unsaid] |= states & (symmetry is not None and symmetry.has_images)
        found[unsaid] |= _permuted(database, unsaid)
        if isinstance(symmetry, AtomSymmetry):
            found[unsaid] |= _ends_elsewhere(database, unsaid) & ~states
    return found


def declared_symmetry(database: LandscapeDatabase) -> Symmetry | None:
    """Return the symmetry that a store says its landscape has; None where it says nothing that can be read."""
    stored, landscape = database.attributes.get("identity"), database.attributes.get("landscape")
    try:
        if stored is not None:
            return symmetry_from(Identity.from_json(stored).symmetry)
        # Stores of earlier versions have no identity.
        if isinstance(landscape, Mapping) and landscape.get("type") == "LennardJones":
            return AtomSymmetry((0,) * (database.n_parameters // 3))
    except ValueError:
        pass
    return None


def _permuted(database: LandscapeDatabase, rows: Ids) -> Mask:
    """Return which of some paths have a stored permutation that is not the identity."""
    table = database.paths
    found = np.zeros(len(rows), dtype=np.bool_)
    curve = table["curve"].values[rows] if "curve" in table else np.full(len(rows), -1)
    held = np.where(curve >= 0, curve, rows)
    if "renaming" in table:
        symmetry = declared_symmetry(database)
        unchanged = np.concatenate(identity_element(symmetry)) if isinstance(symmetry, UnitSymmetry) else np.empty(0)
        for begin in range(0, len(rows), _BLOCK):
            block = table["renaming"][held[begin : begin + _BLOCK]].values
            known = (block != 0).any(axis=1) & (block.shape[1] == len(unchanged))
            found[begin : begin + _BLOCK] = known & (block != unchanged).any(axis=1) if known.any() else False
    if "permutation" not in table:
        return found
    rows, step = held, max(1, min(_BLOCK, _NUMBERS // max(database.n_parameters, 1)))
    identity = 1 + np.arange(database.n_parameters)
    for begin in range(0, len(rows), step):
        block = table["permutation"][rows[begin : begin + step]].values
        found[begin : begin + step] |= (block != -1).any(axis=1) & (block != identity).any(axis=1)
    return found


def _ends_elsewhere(database: LandscapeDatabase, rows: Ids) -> Mask:
    """Return of which of some paths the ends are not as far apart as the stored points."""
    table = database.paths
    chords = table["chord"].values[rows]
    found = np.zeros(len(rows), dtype=np.bool_)
    step = max(1, min(_BLOCK, _NUMBERS // max(database.n_parameters, 1)))
    for begin in range(0, len(rows), step):
        part = slice(begin, begin + step)
        ends = [database.coordinates(table[name].values[rows[part]].tolist()) for name in ("source", "target")]
        source, target = (points.astype(np.float64) for points in ends)
        size = np.maximum(np.linalg.norm(source, axis=1), np.linalg.norm(target, axis=1))
        rounding = 4 * np.finfo(ends[0].dtype).eps * size * np.sqrt(database.n_parameters)
        # A chord that is not known is NaN, and says nothing.
        found[part] = np.abs(chords[part] - np.linalg.norm(target - source, axis=1)) > rounding
    return found
