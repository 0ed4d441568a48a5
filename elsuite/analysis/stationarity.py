"""Whether the solutions of a database are minima of its landscape: their gradients, and paths that fall under them."""

from dataclasses import dataclass

import numpy as np

from elsuite.core.typing import Floats
from elsuite.database import LandscapeDatabase
from elsuite.database.declared import energy_floor, typical_slope
from elsuite.database.query import usable_minima
from elsuite.schema import KINDS

SMALL = 1e-3
"""A gradient is small that is within so much of the landscape's own, the median at its random fixed points."""

DEEP = 0.5
"""A path falls well under its ends that comes nearer to the floor than this part of the lower one, or, where there is
no floor, falls under it by this part of its rise."""


@dataclass(frozen=True)
class Stationarity:
    """What speaks against the solutions of a database being minima of its first surface.

    Attributes
    ----------
    n_known, n_stationary : int
        Solutions whose gradient norm is known, and those where it is small.
    limit : float
        The norm that is still small: a share of the landscape's own slope.
    n_paths, n_falling : int
        Paths with a profile on the surface, and those that fall well under both ends.
    lowest, lower_end : float
        Of the path that falls farthest; NaN where there is none.
    """

    n_known: int
    n_stationary: int
    limit: float
    n_paths: int
    n_falling: int
    lowest: float
    lower_end: float

    def __str__(self) -> str:
        return "; ".join(self.sentences())

    @property
    def caption(self) -> str:
        """What a picture of the first surface says: where no solution is stationary, or paths fall under both ends."""
        none = f"none of {self.n_known:,} solutions is stationary" if self.n_known and not self.n_stationary else ""
        falling = f"{self.n_falling:,} of {self.n_paths:,} paths fall well under both ends" if self.n_falling else ""
        return "; ".join(filter(None, [none, falling]))

    def sentences(self) -> list[str]:
        """Return in words what speaks against it; nothing where nothing does."""
        said = []
        if self.n_stationary < self.n_known:
            share = f"{self.n_stationary:,} of {self.n_known:,} solutions are stationary"
            said.append(f"{share} (gradient up to {self.limit:.2g}, {SMALL:g} of that at random points)")
        if self.n_falling:
            fall = f"from {self.lower_end:.3g} to {self.lowest:.3g}"
            said.append(
                f"{self.n_falling:,} of {self.n_paths:,} paths fall well under both of their ends, the deepest {fall}: "
                "something lower lies between"
            )
        return said


def stationarity(database: LandscapeDatabase) -> Stationarity:
    """Return whether gradients are small at the solutions, and whether paths fall well under both of their ends.

    Both are of the first surface, which minimizers descend. Solutions that were trained on another objective, with
    weight decay or augmented data, have gradients on this one, and paths between them fall.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0], "target": [1], "height": [2.0], "profile": [[1.0, 2.0, -1.0, 1.5]]}
    >>> _ = database.add(minima={"energy": [[1.0], [1.5]]}, paths=paths)
    >>> print(stationarity(database))
    1 of 1 paths fall well under both of their ends, the deepest from 1 to -1: something lower lies between
    """
    slope = typical_slope(database)
    norms = database.minima["gradient_norm"].values[usable_minima(database)]
    known = norms[np.isfinite(norms)] if slope else norms[:0]
    limit = SMALL * (slope or np.nan)
    ends, lowest, falling = _falls(database)
    deepest = int(np.argmax(np.where(falling, ends - lowest, -np.inf))) if falling.any() else None
    return Stationarity(
        n_known=len(known),
        n_stationary=int((known <= limit).sum()),
        limit=float(limit),
        n_paths=len(ends),
        n_falling=int(falling.sum()),
        lowest=np.nan if deepest is None else float(lowest[deepest]),
        lower_end=np.nan if deepest is None else float(ends[deepest]),
    )


def _falls(database: LandscapeDatabase) -> tuple[Floats, Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return of each path with a profile the energy of its lower end, its lowest energy, and whether it falls well."""
    table = database.paths
    first = (table["surface"].values == database.surfaces[0]) & (table["kind"].values == KINDS[0])
    profile = table["profile"].values[first] if database.n_paths else np.empty((0, 3))
    profile = profile[np.isfinite(profile).sum(axis=1) > 2]
    if not len(profile):
        return np.empty(0), np.empty(0), np.empty(0, dtype=bool)
    last = np.isfinite(profile).sum(axis=1) - 1
    ends = np.minimum(profile[:, 0], profile[np.arange(len(profile)), last])
    lowest, highest = np.nanmin(profile, axis=1), np.nanmax(profile, axis=1)
    floor = energy_floor(database)
    falling = ends - lowest > DEEP * (highest - ends) if floor is None else lowest - floor < DEEP * (ends - floor)
    return ends, lowest, falling
