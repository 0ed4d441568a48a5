"""How unlike minima are, as matrices (n, n) with a zero diagonal: by barriers, distances or maps."""

import numpy as np
from numpy.typing import ArrayLike

from elsuite.analysis.blocks import ROUNDING, Coordinates, squared_distances
from elsuite.analysis.embedding import Embedding
from elsuite.core.typing import Floats

_ROUNDING = ROUNDING * float(np.finfo(np.float64).eps)
MARGIN = 0.1
"""Pairs that are not joined lie above the highest barrier by this share of the range of energies."""


def barrier_dissimilarity(barriers: ArrayLike) -> Floats:
    """Return the minimax barrier (n, n) of each pair above the lowest minimum; single linkage on it is the tree.

    Pairs that never join count as joining above the highest barrier, by a tenth of the range of energies.

    Parameters
    ----------
    barriers : array-like (n, n)
        From `minimax_matrix`: inf where not joined, energies on the diagonal.

    Examples
    --------
    >>> barrier_dissimilarity([[-1.0, 2.0], [2.0, 0.0]]).tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    joined, energies = _joined(barriers)
    lowest = float(energies.min(initial=np.inf))
    joined -= lowest
    joined[joined <= _ROUNDING * abs(lowest)] = 0.0
    np.fill_diagonal(joined, 0.0)
    return joined


def branch_lengths(barriers: ArrayLike) -> Floats:
    """Return the way (n, n) from each minimum to each other along the tree, up and down: 2 B - E_a - E_b.

    Pairs that never join count as joining above the highest barrier, by a tenth of the range of energies.

    `barriers` are those of `barrier_dissimilarity`.

    Raises
    ------
    ValueError
        If a way exceeds the largest number.

    Examples
    --------
    From the energy -1 up to the barrier at 2 and down to 0: 3 + 2.

    >>> branch_lengths([[-1.0, 2.0], [2.0, 0.0]]).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    joined, energies = _joined(barriers)
    with np.errstate(over="ignore"):
        lengths: Floats = (joined - energies[:, None]) + (joined - energies[None, :])
    size = np.abs(energies)
    lengths[lengths <= _ROUNDING * (size[:, None] + size[None, :])] = 0.0
    np.fill_diagonal(lengths, 0.0)
    if not np.isfinite(lengths).all():
        raise ValueError("the ways along the tree exceed the largest float64")
    return lengths


# Barriers with a finite number for the pairs that never join, and the energies of the minima.
def _joined(barriers: ArrayLike) -> tuple[Floats, Floats]:
    matrix = np.array(barriers, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"barriers are a square matrix, not an array {matrix.shape}")
    energies = np.diag(matrix).copy()
    if not np.isfinite(energies).all() or np.isnan(matrix).any():
        raise ValueError("barriers may be inf, never NaN, and the energies on the diagonal are finite")
    apart = ~np.isfinite(matrix)
    if apart.any():
        highest = matrix[~apart].max()
        matrix[apart] = highest + MARGIN * ((highest - energies.min()) or 1.0)
    return matrix, energies


def euclidean_dissimilarity(coordinates: Coordinates, ids: ArrayLike | None = None) -> Floats:
    """Return the Euclidean distances (n, n) of minima, read in blocks and right to rounding, also of near minima.

    With a callable, `database.coordinates` or one that reads and aligns rows, `ids` are needed.

    Examples
    --------
    >>> euclidean_dissimilarity([[0.0, 0.0], [3.0, 4.0]]).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    matrix = squared_distances(coordinates, ids)
    return np.sqrt(matrix, out=matrix)


def map_dissimilarity(embedding: Embedding) -> Floats:
    """Return the distances (n, n) of minima on a map; of those at one place 0.

    Examples
    --------
    >>> from elsuite.analysis import kernel_pca
    >>> embedding = kernel_pca([[0.0, 0.0], [3.0, 4.0]], kernel="linear", n_components=1)
    >>> map_dissimilarity(embedding).round(6).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    from scipy.spatial.distance import cdist  # slow to load; reading commands start without it

    distances: Floats = cdist(embedding.coordinates, embedding.coordinates)
    distances[distances <= 1e-10 * distances.max(initial=0.0)] = 0.0  # the rounding of eigenvectors
    return distances
