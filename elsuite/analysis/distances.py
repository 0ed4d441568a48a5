"""Distances of two sets of minima to their common origin."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from elsuite.analysis.blocks import blocks, mean_point, reader
from elsuite.analysis.statistics import set_ids
from elsuite.core.typing import Floats

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase
from elsuite.core.representing import short_repr


@dataclass(frozen=True, eq=False)
class OriginDistances:
    """How far the minima of two sets are from the middle between the sets' means.

    Attributes
    ----------
    distances_a, distances_b : ndarray (n,)
        Of each minimum, in the order of ids.
    mean_distance : float
        Of either set's mean: it is the same for both.
    """

    set_a: str
    set_b: str
    distances_a: Floats
    distances_b: Floats
    mean_distance: float

    __repr__ = short_repr


def distances_to_origin(database: "LandscapeDatabase", set_a: str, set_b: str) -> OriginDistances:
    r"""Return the distances of two sets of minima to their common origin.

    With the means of the sets A and B the origin is c = (mean A + mean B) / 2, the distances are :math:`|w
    - c|` (figure 5 of arXiv:2602.21276). Unknown sets raise NotFoundError.

    Parameters
    ----------
    set_a, set_b : str
        Names such as "sgd/test".

    Examples
    --------
    The sets' means are at 1 and 9, so the origin is at 5.

    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])
    >>> points = [[0.0], [2.0], [9.0]]
    >>> _ = database.add(minima={"coordinates": points, "energy": [[0.0]] * 3, "set": ["a", "a", "b"]})
    >>> found = distances_to_origin(database, "a", "b")
    >>> found.distances_a.tolist(), found.distances_b.tolist(), found.mean_distance
    ([5.0, 3.0], [4.0], 4.0)
    """
    ids_a, ids_b = set_ids(database, set_a), set_ids(database, set_b)
    read, _ = reader(database.coordinates, ids_a)
    mean_a = mean_point(read, ids_a)
    origin = (mean_a + mean_point(read, ids_b)) / 2
    distances_a, distances_b = (
        np.concatenate([np.linalg.norm(points - origin, axis=1) for _, points in blocks(read, ids)])
        for ids in (ids_a, ids_b)
    )
    return OriginDistances(set_a, set_b, distances_a, distances_b, float(np.linalg.norm(mean_a - origin)))
