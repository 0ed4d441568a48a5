"""Values that were computed for a picture and stored, as the pictures ask for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from elsuite.analysis.names import shortened
from elsuite.analysis.view import View
from elsuite.core.typing import Floats
from elsuite.database.computed import computed, computed_values
from elsuite.schema import LARGEST_ENERGY, METRIC, NotFoundError

KINDS = {
    "plane": "plane through minima",
    "around": "surface around minimum",
    "interpolation": "interpolation of minima",
    "spectrum": "spectrum at minimum",
}
"""The kinds of values, in words."""


def stored_values(view: View, kind: str, minima: Sequence[int] = (), *, dims: int | None = None) -> xr.Dataset:
    """Return the view's own values, or those of a kind stored last on its surface: of these minima, in any order.

    Where the view is of some sets only, the values are those of minima in these.

    Raises
    ------
    NotFoundError
        Where there are none; says which command computes them.

    Examples
    --------
    >>> from elsuite.analysis.options import FigureOptions
    >>> from elsuite.database import LandscapeDatabase
    >>> view = View(LandscapeDatabase.create(None, n_parameters=0, surfaces=["train"]), FigureOptions())
    >>> stored_values(view, "plane", (3, 7, 9))
    Traceback (most recent call last):
        ...
    elsuite.schema.NotFoundError: no plane through minima 3, 7, 9 on 'train' is stored: `elsuite compute plane STORE ...
    """
    if view.values is not None:
        return view.values
    chosen = set(view.ids.tolist()) if view.options.sets else None
    for name, entry in reversed(computed_values(view.database).items()):
        if chosen is not None and not chosen.issuperset(entry["minima"]):
            continue
        if entry["kind"] == kind and entry["surface"] == view.surface:
            values = computed(view.database, name) if not minima or sorted(entry["minima"]) == sorted(minima) else None
            if values is not None and dims in {None, values["energy"].ndim if "energy" in values else None}:
                return values
    given = " ".join(map(str, minima)) or {"plane": "A B C"}.get(kind, "ID")
    option = {"plane": f"--minima {given}", "interpolation": "--pairs A-B"}.get(kind, f"--minimum {given}")
    option += f" --dims {dims}" if dims else ""
    of = f"{KINDS[kind]} {', '.join(map(str, minima))}" if minima else KINDS[kind].partition(" ")[0]
    raise NotFoundError(
        f"no {of} on {view.surface!r} is stored: "
        f"`elsuite compute {kind} {view.database.path or 'STORE'} {option} --surface {view.surface}` computes it"
    )


def values_named(values: xr.Dataset, metric: str | None) -> Floats:
    """Return the energies of computed values, or one of the metrics that were computed with them.

    Those of `elsuite.schema.LARGEST_ENERGY` and more, which have no differences, are NaN, as what is not finite.

    Raises
    ------
    NotFoundError
        For a metric that is not there; says which are.

    Examples
    --------
    >>> values = xr.Dataset({"energy": ("t", [0.5]), "metric_accuracy": ("t", [0.9])})
    >>> values_named(values, None).tolist(), values_named(values, "accuracy").tolist()
    ([0.5], [0.9])
    """
    name = "energy" if metric is None else f"{METRIC}{metric}"
    if name not in values:
        there = [str(key).removeprefix(METRIC) for key in values.data_vars if str(key).startswith(METRIC)]
        raise NotFoundError(f"no metric {metric!r} was computed; there are: {', '.join(there) or 'none'}")
    found = np.asarray(values[name].values, dtype=np.float64)
    return np.where(np.abs(found) < LARGEST_ENERGY, found, np.nan)


def metric_label(metric: str) -> str:
    """Return the name of an axis of a metric.

    Examples
    --------
    >>> metric_label("calibration_error")
    'calibration error'
    """
    return shortened(metric.replace("_", " "))


@dataclass(frozen=True)
class Spread:
    """Mean and quartiles over pairs, each of shape (n_t,); what is not finite does not count."""

    mean: Floats
    low: Floats
    high: Floats
    n: int


def spread_over_pairs(values: Floats) -> Spread:
    """Return mean and quartiles over the rows of `values`, shape (n_pairs, n_t).

    Examples
    --------
    >>> spread = spread_over_pairs(np.array([[0.0, 1.0], [0.0, 3.0]]))
    >>> spread.mean.tolist(), spread.low.tolist(), spread.high.tolist()
    ([0.0, 2.0], [0.0, 1.5], [0.0, 2.5])
    """
    known = values[np.isfinite(values).all(axis=1)]
    if not len(known):
        nothing = np.full(values.shape[1], np.nan)
        return Spread(nothing, nothing, nothing, 0)
    low, high = np.quantile(known, [0.25, 0.75], axis=0)
    return Spread(known.mean(axis=0), low, high, len(known))


def line_barriers(values: Floats) -> Floats:
    """Return of each line, rows of shape (n_pairs, n_t), its highest value over the line between its ends' values.

    Examples
    --------
    >>> line_barriers(np.array([[0.0, 3.0, 2.0]])).tolist()
    [2.0]
    """
    t = np.linspace(0.0, 1.0, values.shape[1])
    base = (1 - t) * values[:, [0]] + t * values[:, [-1]]
    barriers: Floats = (values - base).max(axis=1)
    return barriers
