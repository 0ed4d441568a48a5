"""Energies on the straight lines between pairs of minima, as stored and aligned: `interpolations`."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Literal

import numpy as np
import xarray as xr

from elsuite.core.settings import Points, check_arguments
from elsuite.core.typing import Array, Floats, Progress
from elsuite.database import LandscapeDatabase
from elsuite.exploration.checking import checked_pairs
from elsuite.exploration.evaluating import SUPPLIED, chosen_surface, kept, values_at
from elsuite.landscapes.base import Landscape
from elsuite.paths import align as align_to


def interpolations(
    database: LandscapeDatabase,
    landscape: Landscape,
    pairs: Iterable[Sequence[int]],
    *,
    surface: str | None = None,
    align: Literal["weights", "activations"] | None = None,
    n: Points = 25,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return the energies, and metrics, on the straight lines between pairs of minima; they are stored.

    Parameters
    ----------
    align : {"weights", "activations"}, optional
        Beside the lines between the points as stored, also those to the nearest image of the second one by the
        landscape's symmetry, as `elsuite.paths.align` finds it.
    n : int
        Points on a line, the ends among them.

    Returns
    -------
    Dataset
        ``energy`` and ``metric_NAME``, dims (ends, pair, t), with `ends` "as stored" and, where asked for, "aligned";
        ``distance`` (ends, pair) between the ends; `source` and `target` of the pairs.

    Raises
    ------
    ValueError
        For what are no pairs, a landscape of another database, or wrong settings.
    NotFoundError
        For an id or a surface that is not there.
    StoreError
        Where nothing is stored yet and the database is open for reading.

    Examples
    --------
    >>> import torch
    >>> from elsuite.landscapes import SeparableWells
    >>> wells = SeparableWells((1.0, 2.0))
    >>> database = LandscapeDatabase.create(None, wells)
    >>> points = np.array([[-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    >>> _ = database.add(minima={"coordinates": points, "energy": np.zeros((3, 1))})
    >>> values = interpolations(database, wells, [(0, 1), (1, 2)], n=3)
    >>> values.energy.sel(ends="as stored").values
    array([[0., 1., 0.],
           [0., 2., 0.]])
    """
    surface = chosen_surface(database, landscape, surface)
    check_arguments(interpolations, {"align": align, "n": n}, supplied=SUPPLIED)
    ids = checked_pairs(database, pairs)
    if not len(ids):
        raise ValueError("pairs: given none, allowed: one or more pairs of ids, such as [(0, 1)]")
    if not database.n_parameters:
        raise ValueError("the database has no coordinates: there is nothing to evaluate")

    def compute(shown: Landscape) -> xr.Dataset:
        t = np.linspace(0.0, 1.0, n)
        ends = ["as stored", *(["aligned"] if align else [])]
        columns: dict[str, list[Array]] = {}
        distances = np.empty((len(ends), len(ids)))
        done = 0
        for row in range(len(ends)):
            for place, pair in enumerate(ids):
                start, end = database.coordinates(pair)
                if row:
                    end = align_to(shown, start, end, method=align).coordinates  # type: ignore[arg-type]
                a, b = start.astype(np.float64), end.astype(np.float64)
                distances[row, place] = np.linalg.norm(b - a)
                found = values_at(shown, n, partial(_between, a, b, t), stage="line")
                for name, column in found.items():
                    columns.setdefault(name, []).append(column)
                done += 1
                if progress is not None:
                    progress("interpolation", done, len(ends) * len(ids))
        shape = (len(ends), len(ids), n)
        values = xr.Dataset({name: (("ends", "pair", "t"), np.reshape(rows, shape)) for name, rows in columns.items()})
        values = values.assign_coords(t=t, ends=np.array(ends, dtype=object))
        values["distance"] = (("ends", "pair"), distances)
        values["source"] = ("pair", ids[:, 0].copy(), {"ids": "minima"})
        values["target"] = ("pair", ids[:, 1].copy(), {"ids": "minima"})
        return values

    return kept(database, landscape, "interpolation", ids.ravel().tolist(), surface, {"align": align, "n": n}, compute)


def _between(a: Floats, b: Floats, t: Floats, part: slice) -> Floats:
    points: Floats = (1 - t[part, None]) * a + t[part, None] * b
    return points
