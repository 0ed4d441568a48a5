"""Loss curves of the runs of a database, grouped for a picture."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase
from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids
from elsuite.schema import LARGEST_ENERGY


@dataclass(frozen=True, eq=False)
class LossCurves:
    """The curves of all runs of one minimizer on one surface.

    Attributes
    ----------
    values : ndarray (n_runs, n_epochs)
        Energy before the first epoch and after each; NaN where a run had ended.
    stops : ndarray of int (n_minima,)
        Epochs at which this surface's curve chose a minimum (early stopping).
    stop_values : ndarray (n_minima,)
        Energies of these minima on this surface.
    """

    minimizer: str
    surface: str
    runs: Ids
    values: Floats
    stops: Ids
    stop_values: Floats

    __repr__ = short_repr


def loss_curves(database: "LandscapeDatabase") -> tuple[LossCurves, ...]:
    """Return the loss curves, one group for each minimizer and surface; runs without a curve are left out.

    Minimizers are in the order of their first run, surfaces in the database's order.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["train", "test"])
    >>> curves = {"train": [4.0, 2.0, 1.0], "test": [4.0, 3.0, 3.5]}
    >>> _ = database.add(runs=[{"minimizer": "sgd", "seed": 0, "curves": curves}])
    >>> [(curve.surface, curve.values.tolist()) for curve in loss_curves(database)]
    [('train', [[4.0, 2.0, 1.0]]), ('test', [[4.0, 3.0, 3.5]])]
    """
    runs, minima = database.runs, database.minima
    if not database.n_runs or runs.sizes.get("epoch", 0) == 0:
        return ()
    curves = _drawable(np.asarray(runs["curves"].values, dtype=np.float64))
    names = runs["minimizer"].values
    groups = []
    for minimizer in dict.fromkeys(names.tolist()):
        for column, surface in enumerate(database.surfaces):
            known = np.isfinite(curves[:, column]).any(axis=1)
            ids = np.flatnonzero((names == minimizer) & known)
            if not len(ids):
                continue
            values = curves[ids, column]
            n_epochs = int(np.flatnonzero(np.isfinite(values).any(axis=0))[-1]) + 1
            chosen = np.flatnonzero((minima["stopping"].values == surface) & np.isin(minima["run"].values, ids))
            epochs, energies = minima["epoch"].values[chosen], _drawable(minima["energy"].values[chosen, column])
            groups.append(LossCurves(minimizer, surface, ids, values[:, :n_epochs], epochs, energies))
    return tuple(groups)


def _drawable(energies: Floats) -> Floats:
    """Return energies, NaN for those of runaways, which no axis holds."""
    return np.where(np.abs(energies) < LARGEST_ENERGY, energies, np.nan)


def curve_quantiles(values: Floats, shares: tuple[float, ...] = (0.25, 0.5, 0.75)) -> Floats:
    """Return quantiles (n_shares, n_epochs) over the runs of `values` (n_runs, n_epochs); NaN where no run has any.

    Examples
    --------
    The second run ends an epoch early.

    >>> curve_quantiles(np.array([[4.0, 2.0, 1.0], [2.0, 1.0, np.nan]]), (0.5,)).tolist()
    [[3.0, 1.5, 1.0]]
    """
    quantiles = np.full((len(shares), values.shape[1]), np.nan)
    finite = np.where(np.isfinite(values), values, np.nan)
    some = ~np.isnan(finite).all(axis=0)
    if some.any():
        quantiles[:, some] = np.nanquantile(finite[:, some], shares, axis=0)
    return quantiles
