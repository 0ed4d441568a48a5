"""Many minima: random starts, their minimizations, which minima are distinct, which runs went lowest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from torch import Tensor

from elsuite.landscapes.base import Landscape
from elsuite.minimizers.base import Minimization, Minimizer

__all__ = ["DistinctMinima", "distinct_minima", "random_starts", "sample_minima", "start_seeds"]

_N_DIRECTIONS = 8  # of the space in which neighbors are looked up


def start_seeds(seed: int, n_starts: int) -> list[int]:
    """Return the seeds of the starts of one sampling; more starts begin with the same ones.

    Seeds of different samplings do not overlap as 0, 1, 2, ... and 1, 2, 3, ... would.

    Examples
    --------
    >>> start_seeds(0, 2) == start_seeds(0, 3)[:2]
    True
    """
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(n_starts)]


def random_starts(landscape: Landscape, seeds: Sequence[int]) -> Tensor:
    """Return one random start for each seed, shape (n_seeds, n_parameters).

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> random_starts(SixHumpCamel(), [0, 1]).shape
    torch.Size([2, 2])
    """
    return landscape.initial_points(list(seeds))


def sample_minima(
    landscape: Landscape,
    minimizer: Minimizer,
    n_starts: int,
    *,
    seed: int,
    checkpoint: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Minimization, ...]:
    """Return the minimizations from `n_starts` random starts, all at once.

    Parameters
    ----------
    seed : int
        Of the whole sampling, not negative; each start has its own from `start_seeds`.
    checkpoint, progress
        As for `Minimizer.minimize`.

    Raises
    ------
    ValueError
        For a negative number of starts or a negative seed.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> from elsuite.minimizers import LBFGSGSS
    >>> found = sample_minima(SixHumpCamel(), LBFGSGSS(largest_step=0.2), 40, seed=0)
    >>> minima = distinct_minima([run.solutions[0].coordinates for run in found], 1e-4)
    >>> len(minima.representatives)
    6
    """
    if n_starts < 0 or seed < 0:
        raise ValueError(f"n_starts and seed: given {n_starts} and {seed}, allowed: none negative")
    seeds = start_seeds(seed, n_starts)
    return minimizer.minimize(
        landscape, random_starts(landscape, seeds), seeds=seeds, checkpoint=checkpoint, progress=progress
    )


@dataclass(frozen=True)
class DistinctMinima:
    """Which of many points are the same minimum.

    Attributes
    ----------
    representatives : ndarray (n_distinct,)
        Rows of the points that stand for one minimum each, lowest energy first.
    labels : ndarray (n_points,)
        For each point the place of its minimum in `representatives`.
    """

    representatives: NDArray[np.int64]
    labels: NDArray[np.int64]


def distinct_minima(
    minima: ArrayLike, tolerance: float, *, energies: ArrayLike | None = None
) -> DistinctMinima:
    """Return which of many points are distinct, by distance and never by energy alone.

    In order of energy, each point that is not taken yet stands for a minimum and takes all points within
    `tolerance` of it that are not taken. So representatives are further apart than `tolerance`, and every point is
    within it of its own. Points of equal energy far apart stay apart.

    Parameters
    ----------
    minima : array_like (n_points, n_parameters)
    tolerance : float
        Largest Euclidean distance of a point from the one that stands for it.
    energies : array_like (n_points,), optional
        Without, the order of rows takes the place of the order of energies.

    Raises
    ------
    ValueError
        For a negative tolerance, points that are no finite table, or another number of energies.

    Examples
    --------
    >>> found = distinct_minima([[0.0, 0.0], [1.0, 0.0], [0.0, 1e-9]], 1e-6, energies=[-1.0, -1.0, -1.1])
    >>> found.representatives, found.labels
    (array([2, 1]), array([0, 1, 0]))
    """
    points = np.asarray(minima, dtype=np.float64)
    if points.ndim != 2 or not np.isfinite(points).all() or not tolerance >= 0:
        raise ValueError(
            f"minima and tolerance: given shape {points.shape} and {tolerance}, "
            "allowed: a finite table (n_points, n_parameters) and a tolerance that is not negative"
        )
    order = np.arange(len(points)) if energies is None else np.argsort(energies, kind="stable")
    if len(order) != len(points):
        raise ValueError(f"energies: given {len(order)}, allowed: one for each of {len(points)} points")
    shadows = _shadows(points)
    tree = KDTree(shadows)
    # A little wider, for the rounding of the shadows; the distances of the points themselves decide.
    radius = tolerance * (1 + 1e-9) + 1e-12 * np.abs(shadows).max(initial=0.0)
    labels = np.full(len(points), -1, dtype=np.int64)
    representatives: list[int] = []
    for k in order.tolist():
        if labels[k] >= 0:
            continue
        near = np.array(tree.query_ball_point(shadows[k], radius), dtype=np.int64)
        near = near[labels[near] < 0]
        same = near[np.linalg.norm(points[near] - points[k], axis=1) <= tolerance]
        labels[same] = len(representatives)
        representatives.append(k)
    return DistinctMinima(np.array(representatives, dtype=np.int64), labels)


def _shadows(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return orthogonal projections of points on a few directions: no distance grows, and look-ups stay quick."""
    width = points.shape[1]
    if width <= _N_DIRECTIONS:
        return points
    directions = np.random.default_rng(0).normal(size=(width, _N_DIRECTIONS))
    return np.asarray(points @ np.linalg.qr(directions)[0])
