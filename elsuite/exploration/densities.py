"""The spectral density of the Hessian at a minimum: `spectral_density`."""

import numpy as np
import xarray as xr

from elsuite.core.settings import Count, Points, Whole, check_arguments
from elsuite.core.typing import Progress
from elsuite.database import LandscapeDatabase
from elsuite.exploration.evaluating import SUPPLIED, checked_minima, chosen_surface, kept
from elsuite.landscapes.base import Landscape
from elsuite.stationary.density import lanczos_quadrature


def spectral_density(
    database: LandscapeDatabase,
    landscape: Landscape,
    minimum: int,
    *,
    surface: str | None = None,
    n_probes: Count = 8,
    n_steps: Points = 64,
    seed: Whole = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return nodes and weights of the density of the Hessian's eigenvalues at a minimum; they are stored.

    Parameters
    ----------
    n_probes, n_steps : int
        Random vectors, and steps of Lanczos's method from each, as in `elsuite.stationary.lanczos_quadrature`: so many
        products of the Hessian with vectors are computed as their product says.

    Returns
    -------
    Dataset
        ``node`` and ``weight`` (probe, step), from which `elsuite.analysis.broadened_density` makes the density; the
        attributes `n_parameters`, `trace` and `square`, the sums of the eigenvalues and of their squares, and their
        standard errors `trace_error` and `square_error`, which are null of one probe.

    Raises
    ------
    ValueError
        For a landscape of another database, wrong settings, or a Hessian that is not finite.
    NotFoundError
        For an id or a surface that is not there.
    StoreError
        Where nothing is stored yet and the database is open for reading.

    Examples
    --------
    >>> from elsuite.landscapes import SeparableWells
    >>> wells = SeparableWells((1.0, 2.0))
    >>> database = LandscapeDatabase.create(None, wells)
    >>> _ = database.add(minima={"coordinates": [[1.0, 1.0]], "energy": [[0.0]]})
    >>> values = spectral_density(database, wells, 0)
    >>> values.node.values, values.attrs["trace"]
    (array([[ 8., 16.]]), 24.0)
    """
    surface = chosen_surface(database, landscape, surface)
    settings = {"n_probes": n_probes, "n_steps": n_steps, "seed": seed}
    check_arguments(spectral_density, settings, supplied=SUPPLIED)
    ids = checked_minima(database, [minimum], 1, "the id of a minimum")

    def compute(shown: Landscape) -> xr.Dataset:
        found = lanczos_quadrature(
            shown, database.coordinates(ids)[0], n_probes=n_probes, n_steps=n_steps, seed=seed, progress=progress
        )
        values = xr.Dataset({"node": (("probe", "step"), found.nodes), "weight": (("probe", "step"), found.weights)})
        values["minimum"] = ("center", np.array(ids, dtype=np.int64), {"ids": "minima"})
        values.attrs = {"n_parameters": database.n_parameters}
        for name, estimate in (("trace", found.trace), ("square", found.square)):
            error = estimate.standard_error
            values.attrs |= {name: estimate.value, f"{name}_error": error if np.isfinite(error) else None}
        return values

    return kept(database, landscape, "spectrum", ids, surface, settings, compute)
