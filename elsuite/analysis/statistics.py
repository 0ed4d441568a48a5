"""The sets of minima of a database (minimizer/stopping): what each is like, and how far apart two are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from elsuite.analysis.blocks import blocks, mean_point, reader
from elsuite.core.typing import Floats, Ids
from elsuite.schema import NotFoundError

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase
from elsuite.core.representing import short_repr

UNNAMED_SET = "(none)"
"""Under this name go the minima that belong to no set."""


@dataclass(frozen=True, eq=False)
class SetSummary:
    """One set of `n` usable minima.

    Attributes
    ----------
    unusable : dict of str to int
        Number of rows that are no solutions, by outcome: of runs that diverged or failed.
    energies, energy_stds : dict of str to float
        Mean and standard deviation of the energy on each surface, over the minima where it is finite.
    weight_mean, weight_std : float
        Over all coordinates of all its minima.
    norm : float
        Mean Euclidean norm of its minima.
    gradient_norm : float
        Mean over the minima where it is known.
    metrics : dict of str to float
        Mean of each metric on each surface, named ``"METRIC SURFACE"``, over the minima where it is known.
    """

    name: str
    n: int
    energies: dict[str, float]
    energy_stds: dict[str, float]
    weight_mean: float
    weight_std: float
    norm: float
    gradient_norm: float
    unusable: dict[str, int]
    metrics: dict[str, float]

    __repr__ = short_repr


def minima_by_set(database: "LandscapeDatabase") -> dict[str, Ids]:
    """Return the ids of the usable minima of each set, sets in the order of their first minimum; a set may be empty.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(minima={"energy": [[0.0]] * 3, "set": ["sgd/train", "lbfgs", "sgd/train"]})
    >>> {name: ids.tolist() for name, ids in minima_by_set(database).items()}
    {'sgd/train': [0, 2], 'lbfgs': [1]}
    """
    from elsuite.database.query import usable_minima

    names = np.array([str(name) or UNNAMED_SET for name in database.minima["set"].values], dtype=object)
    usable = usable_minima(database)
    return {name: np.flatnonzero((names == name) & usable) for name in dict.fromkeys(names.tolist())}


def set_ids(database: "LandscapeDatabase", name: str) -> Ids:
    """Return the ids of the usable minima of one set; raises NotFoundError if it is unknown or has none."""
    sets = minima_by_set(database)
    if name not in sets:
        raise NotFoundError(f"no set {name!r}: there are {', '.join(map(repr, sets)) or 'none'}")
    if not len(sets[name]):
        raise NotFoundError(f"set {name!r} has no solutions: all its runs diverged or failed")
    return sets[name]


def set_table(database: "LandscapeDatabase") -> tuple[SetSummary, ...]:
    """Return the mean energies and the mean and spread of the weights of each set.

    These are tables 1 and S1 of arXiv:2602.21276. Coordinates are read a block at a time.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["train", "test"])
    >>> minima = {"coordinates": [[3.0, 4.0], [0.0, 1.0]], "energy": [[0.0, 1.0], [0.0, 2.0]], "set": "sgd"}
    >>> _ = database.add(minima=minima)
    >>> (row,) = set_table(database)
    >>> row.n, row.energies, row.weight_mean, row.norm
    (2, {'train': 0.0, 'test': 1.5}, 2.0, 3.0)
    """
    from elsuite.database.query import minima_metrics, unusable_by_set

    minima, unusable = database.minima, unusable_by_set(database)
    metrics = {
        f"{metric} {surface}": values[:, k]
        for metric, values in minima_metrics(database).items()
        for k, surface in enumerate(database.surfaces)
    }
    energies, gradients = minima["energy"].values, minima["gradient_norm"].values
    table = []
    for name, ids in minima_by_set(database).items():
        columns = dict(zip(database.surfaces, energies[ids].T, strict=True))
        mean, std, norm = _weights(database, ids)
        summary = SetSummary(
            name=name,
            n=len(ids),
            energies={surface: _of_finite(np.mean, column) for surface, column in columns.items()},
            energy_stds={surface: _of_finite(np.std, column) for surface, column in columns.items()},
            weight_mean=mean,
            weight_std=std,
            norm=norm,
            gradient_norm=_of_finite(np.mean, gradients[ids]),
            unusable=unusable.get("" if name == UNNAMED_SET else name, {}),
            metrics={metric: _of_finite(np.mean, values[ids]) for metric, values in metrics.items()},
        )
        table.append(summary)
    return tuple(table)


def _of_finite(function: Callable[[Floats], Any], values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(function(finite)) if len(finite) else float("nan")


# Mean and standard deviation of all weights, by Chan's rule for joining blocks, and the mean norm.
def _weights(database: "LandscapeDatabase", ids: Ids) -> tuple[float, float, float]:
    if not database.n_parameters or not len(ids):
        return float("nan"), float("nan"), float("nan")
    read, chosen = reader(database.coordinates, ids)
    count, mean, squares, norms = 0, 0.0, 0.0, 0.0
    for _, points in blocks(read, chosen):
        block_mean = float(points.mean())
        shift, total = block_mean - mean, count + points.size
        with np.errstate(over="ignore"):  # of a runaway: infinite
            around = float(((points - block_mean) ** 2).sum()) + float(np.square(shift)) * count * points.size / total
        squares += around
        mean += shift * points.size / total
        count = total
        with np.errstate(over="ignore"):
            norms += float(np.linalg.norm(points, axis=1).sum())
    return mean, float(np.sqrt(squares / max(count, 1))), norms / max(len(chosen), 1)


@dataclass(frozen=True, eq=False)
class OriginDistances:
    """How far the minima of two sets, in the order of ids, and both means are from the middle between the means."""

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


def holm(p_values: ArrayLike) -> Floats:
    """Return p values corrected for their number, by Holm: the probability that any smaller or equal one is chance.

    With these as p values, the chance that one of several hypotheses that are all true is rejected stays what it is
    for a single one, however the tests depend on each other.

    Parameters
    ----------
    p_values : array-like (n,)
        Of all hypotheses that were tested, those not rejected too.

    Raises
    ------
    ValueError
        If one is not from 0 to 1.

    Examples
    --------
    >>> holm([0.01, 0.5, 0.02, 0.02]).tolist()
    [0.04, 0.5, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p values are a list of numbers from 0 to 1, not {p_values!r}")
    order = np.argsort(values, kind="stable")
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1)
    return corrected
