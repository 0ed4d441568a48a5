"""The natural map of a tree: metric multidimensional scaling of distances along its branches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from elsuite.analysis.dissimilarity import branch_lengths
from elsuite.analysis.embedding import oriented, overwritten_by_centered, top_eigenvectors
from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids


@dataclass(frozen=True, eq=False)
class BarrierMap:
    """Minima as points whose distances are close to those along the disconnectivity tree.

    Attributes
    ----------
    coordinates : ndarray (n, n_components)
    stress : float
        Kruskal's normalized stress: root of the summed squared errors of the distances over their summed
        squares.
    """

    ids: Ids
    coordinates: Floats
    stress: float
    n_iterations: int

    __repr__ = short_repr


def barrier_map(
    barriers: ArrayLike,
    ids: ArrayLike | None = None,
    *,
    n_components: int = 2,
    max_iterations: int = 300,
    tolerance: float = 1e-6,
) -> BarrierMap:
    r"""Return the map of minima by metric multidimensional scaling of their minimax barriers.

    The distance of two minima is the way along the tree, up to where they join and down again:
    :math:`d_{ab} = 2 B_{ab} - E_a - E_b`, a metric. Pairs that never join count as joining above the
    highest barrier, by a tenth of the range of energies. The map starts from classical scaling, a little shaken
    so that minima that it puts on one point can part, by the same numbers each time, and is improved by SMACOF
    (Guttman's transform, unit weights).

    Parameters
    ----------
    barriers : array-like (n, n)
        From `minimax_matrix`: inf where not joined, energies on the diagonal. Energies over many decades
        are best given as logarithms.
    ids : array-like of int, optional
        Names of the minima; 0 to n - 1 by default.
    tolerance : float
        Relative change of the stress at which the iteration stops.

    Examples
    --------
    Minima 0 and 1 join at 1, minimum 2 with either at 4: the map has them 2 and 8 apart.

    >>> found = barrier_map([[0.0, 1.0, 4.0], [1.0, 0.0, 4.0], [4.0, 4.0, 0.0]])
    >>> to_first = np.linalg.norm(found.coordinates - found.coordinates[0], axis=1)
    >>> to_first.round(2).tolist()
    [0.0, 2.0, 8.0]
    """
    from scipy.spatial.distance import cdist  # slow to load; reading commands start without it

    distances = branch_lengths(barriers)
    n = len(distances)
    names = np.arange(n) if ids is None else np.asarray(ids, dtype=np.int64)
    longest = float(distances.max(initial=0.0)) or 1.0
    distances /= longest  # their squares neither overflow nor vanish, whatever the unit of energy
    values, vectors = top_eigenvectors(overwritten_by_centered(-0.5 * distances**2), n_components)
    points = vectors * np.sqrt(values)
    if distances.any():
        points += 1e-3 * np.random.default_rng(0).normal(size=points.shape)
    scale = float((distances**2).sum()) or 1.0
    stress, done = np.inf, 0
    while True:
        found = cdist(points, points)
        error = float(((distances - found) ** 2).sum())
        if stress - error <= tolerance * error or done == max_iterations:
            break
        stress, done = error, done + 1
        ratio = np.divide(distances, found, out=np.zeros_like(found), where=found > 1e-9)
        points = (ratio.sum(axis=1)[:, None] * points - ratio @ points) / n
    return BarrierMap(names, longest * oriented(points), float(np.sqrt(error / scale)), done)
