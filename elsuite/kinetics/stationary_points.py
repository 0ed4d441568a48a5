"""What harmonic theories need to know of the minima and transition states of a database (`stationary_points`)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids
from elsuite.database.declared import declared_symmetry
from elsuite.database.query import choose_surface, usable_minima
from elsuite.kinetics.masses import declared_masses, mass_weighting
from elsuite.network.transition import path_heights
from elsuite.schema import KINDS, NotFoundError

if TYPE_CHECKING:
    import xarray as xr

    from elsuite.database import LandscapeDatabase


@dataclass(frozen=True, eq=False)
class StationaryPoints:
    """Minima, and the transition states between them, with their curvatures and symmetries.

    Attributes
    ----------
    ids : ndarray of int (n,)
        Of the minima in the database.
    energies, log_products, orders : ndarray (n,)
        Energies, sums of the logarithms of the positive eigenvalues of the Hessian, weighted by the masses where the
        database declares some, and orders of the point groups.
    sources, targets : ndarray of int (m,)
        The places in `ids` of the minima that each transition state joins.
    heights, state_log_products, state_orders : ndarray (m,)
    n_modes : int
        Vibrations of a minimum: coordinates less the directions in which the energy never changes.
    """

    ids: Ids
    energies: Floats
    log_products: Floats
    orders: Floats
    sources: Ids
    targets: Ids
    heights: Floats
    state_log_products: Floats
    state_orders: Floats
    n_modes: int

    __repr__ = short_repr


def stationary_points(database: "LandscapeDatabase", *, surface: str | None = None) -> StationaryPoints:
    """Return the minima of a surface whose curvature is stored, and the transition states between them.

    The Hessian is weighted by masses where the landscape declares them, as that of any structure of ASE does.
    Tops of paths that nobody verified, states whose curvature is not known and minima that are none are left out. Where
    no orders of point groups are stored, they are 1.

    Raises
    ------
    NotFoundError
        For another surface, or a database that holds no curvatures.

    Examples
    --------
    >>> from elsuite.exploration import MappingPlan, map_landscape
    >>> from elsuite.landscapes import MullerBrown
    >>> surface = MullerBrown()
    >>> points = stationary_points(map_landscape(surface, plan=MappingPlan(n_starts=8, n_points=8, n_hops=0)))
    >>> len(points.energies), len(points.heights), points.n_modes
    (3, 2, 2)
    """
    name = choose_surface(database, surface)
    minima, paths = database.minima, database.paths
    if "log_product" not in minima:
        raise NotFoundError(
            f"{database.path or 'the database'} holds no curvatures (the column log_product of minima and paths), "
            "which rates and thermodynamics need; `elsuite map` and the formats of the field have them"
        )
    logs = minima["log_product"].values.astype(np.float64)
    ids = np.flatnonzero(usable_minima(database, name) & np.isfinite(logs))
    place = np.full(database.n_minima, -1)
    place[ids] = np.arange(len(ids))
    found = path_heights(database, name, joins="isomers")
    rows = found.paths
    state_logs = paths["log_product"].values[rows] if "log_product" in paths else np.full(len(rows), np.nan)
    verified = paths["kind"].values[rows] == KINDS[1]
    kept = verified & np.isfinite(state_logs) & (place[found.sources] >= 0) & (place[found.targets] >= 0)
    symmetry = declared_symmetry(database)
    logs, state_logs = logs[ids], state_logs[kept].astype(np.float64)
    if declared_masses(database) is not None:
        logs = logs + mass_weighting(database, database.coordinates(ids).astype(np.float64))
        state_logs = state_logs + mass_weighting(database, paths["coordinates"].values[rows[kept]].astype(np.float64))
    return StationaryPoints(
        ids=ids,
        energies=minima["energy"].values[ids, database.surfaces.index(name)].astype(np.float64),
        log_products=logs,
        orders=_orders(minima, ids),
        sources=place[found.sources[kept]],
        targets=place[found.targets[kept]],
        heights=found.heights[kept],
        state_log_products=state_logs,
        state_orders=_orders(paths, rows[kept]),
        n_modes=database.n_parameters - (symmetry.n_zero_modes if symmetry is not None else 0),
    )


def _orders(table: "xr.Dataset", rows: Ids) -> Floats:
    values = table["point_group_order"].values[rows] if "point_group_order" in table else np.ones(len(rows))
    return np.where(values >= 1, values, 1).astype(np.float64)
