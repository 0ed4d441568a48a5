"""The minima of a store, each in its place exactly, whoever made them (`stored_minima`)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import final

import numpy as np

from elsuite.core.outcomes import Outcome
from elsuite.core.typing import Array, Floats, Ids, Mask
from elsuite.database import LandscapeDatabase
from elsuite.database.query import usable_minima
from elsuite.exploration.mapping.work import Region
from elsuite.stationary import Refinement, descend
from elsuite.symmetry.points import PointIndex

BESIDE = 1e-3
"""In units of the length scale: a stored minimum may be so far from where its descent ends, as `quench` has it."""

AT_ONCE = 64


@final
class StoredMinima:
    """The different minima of a store, by positions from 0 on: rows that are one minimum are one position.

    Attributes
    ----------
    index : PointIndex
        In which a minimum is found by its point; its numbers are the positions.
    energies : ndarray (n,)
    ids : list of int
        The first row of each.
    """

    def __init__(self, database: LandscapeDatabase, region: Region) -> None:
        self.database, self.region = database, region
        self.index = PointIndex(region.symmetry, region.tolerance)
        self.ids: list[int] = []
        self._energies: list[float] = []
        self._position: dict[int, int] = {}

    @property
    def points(self) -> Floats:
        """Where they are, shape (n, P)."""
        return self.index.points

    @property
    def energies(self) -> Floats:
        """Their energies on the surface, shape (n,)."""
        return np.array(self._energies, dtype=np.float64)

    def positions(self, ids: Ids | Sequence[int]) -> Ids:
        """Return the positions of some rows, -1 for those that are no minima."""
        return np.array([self._position.get(int(i), -1) for i in ids], dtype=np.int64)

    def positions_of(self, a: int, b: int) -> tuple[int, int]:
        """Return the positions of two rows that are to be joined.

        Raises
        ------
        ValueError
            For one that is no minimum, or for the same minimum twice.
        """
        for i in (a, b):
            if int(i) not in self._position:
                raise ValueError(self._why_not(int(i)))
        one, other = (self._position[int(i)] for i in (a, b))
        if one == other:
            raise ValueError(f"minima {a} and {b} given, which are one minimum; two different ones are expected")
        return one, other

    def _why_not(self, i: int) -> str:
        store = self.database.path or "STORE"
        end = _descents(self.region, self.database.coordinates([i]))[0]
        if end.outcome is not Outcome.CONVERGED:
            return f"row {i} is no minimum, and a descent from it reaches none: {end.outcome}; minima are expected"
        known = self.index.find(end.point)
        if known is not None:
            return f"row {i} is no minimum: a descent from it ends at {self.ids[known]}, which is one"
        return f"row {i} is no minimum: a descent from it ends elsewhere; relax it before, by: elsuite quench {store}"

    def take(self, ids: Sequence[int], points: Floats, energies: Floats) -> None:
        """Take in rows, each a minimum at its point."""
        for i, point, energy in zip(ids, points, energies, strict=True):
            position = self.index.number(point)
            self._enter(int(i), position, float(energy))

    def grow(self, ids: Ids, energies: Floats) -> None:
        """Take in new rows, whose points are in the index already."""
        for i, energy in zip(ids.tolist(), energies.tolist(), strict=True):
            self._enter(i, len(self.ids), energy)

    def _enter(self, i: int, position: int, energy: float) -> None:
        self._position[i] = position
        if position == len(self.ids):
            self.ids.append(i)
            self._energies.append(energy)


def stored_minima(database: LandscapeDatabase, region: Region) -> StoredMinima:
    """Return the minima of a store on the surface of a region.

    What mapping has stored is exact. Other rows, relaxed less far or made elsewhere, count where a descent from them
    ends beside them, and then stand where it ends.

    Examples
    --------
    >>> from elsuite.exploration.mapping.crossing import region_of
    >>> from elsuite.landscapes import MullerBrown
    >>> surface = MullerBrown()
    >>> database = LandscapeDatabase.create(None, surface)
    >>> points = surface.minima[[0, 0, 1]] + [[0, 0], [1e-6, 0], [0.1, 0.1]]
    >>> _ = database.add(minima={"coordinates": points, "energy": surface.energy(points)[:, None].numpy()})
    >>> minima = stored_minima(database, region_of(surface, tolerance=1e-5))
    >>> minima.ids, minima.positions([0, 1, 2]).tolist()
    ([0], [0, 0, -1])
    """
    surface = region.landscape.surface
    found = StoredMinima(database, region)
    there = np.flatnonzero(usable_minima(database, surface))
    energies = database.minima["energy"].values[:, database.surfaces.index(surface)]
    exact = _mapped(database, surface)
    for begin in range(0, len(there), AT_ONCE):
        part = there[begin : begin + AT_ONCE]
        points = database.coordinates(part).astype(np.float64)
        good = exact[part]
        rest = np.flatnonzero(~good)
        for k, end in zip(rest, _descents(region, points[rest]), strict=True):
            if end.outcome is Outcome.CONVERGED:
                near = region.symmetry.nearest(points[k], end.point, tolerance=BESIDE * region.scale)
                good[k] = near.distance <= BESIDE * region.scale
                points[k] = near.coordinates
        found.take(part[good].tolist(), points[good], energies[part[good]])
    return found


def _descents(region: Region, points: Array) -> tuple[Refinement, ...]:
    """Return where descents end, wherever in space the points lie."""
    return descend(region.landscape, points, limits=replace(region.limits, box=None))


def _mapped(database: LandscapeDatabase, surface: str) -> Mask:
    """Return which rows are minima by their Hessians, on the surface that is asked for."""
    minima = database.minima
    if "hessian_index" not in minima:
        return np.zeros(database.n_minima, dtype=np.bool_)
    converged = minima["outcome"].values == str(Outcome.CONVERGED)
    return np.asarray((minima["hessian_index"].values == 0) & (minima["stopping"].values == surface) & converged)
