"""How unlike minima are, as matrices (n, n) with a zero diagonal: by barriers, distances or maps."""

import numpy as np
from numpy.typing import ArrayLike

from elsuite.analysis.blocks import Coordinates, gram_matrix, overwritten_by_squared_distances
from elsuite.analysis.embedding import Embedding
from elsuite.core.typing import Floats

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
    joined -= energies.min() if len(energies) else 0.0
    np.fill_diagonal(joined, 0.0)
    return joined


def branch_lengths(barriers: ArrayLike) -> Floats:
    """Return the way (n, n) from each minimum to each other along the tree, up and down: 2 B - E_a - E_b.

    Pairs that never join count as joining above the highest barrier, by a tenth of the range of energies.

    `barriers` are those of `barrier_dissimilarity`.

    Examples
    --------
    From the energy -1 up to the barrier at 2 and down to 0: 3 + 2.

    >>> branch_lengths([[-1.0, 2.0], [2.0, 0.0]]).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    joined, energies = _joined(barriers)
    lengths: Floats = 2 * joined - (energies[:, None] + energies[None, :])
    np.fill_diagonal(lengths, 0.0)
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
    """Return the Euclidean distances (n, n) of minima, read in blocks.

    With a callable, `database.coordinates` or one that reads and aligns rows, `ids` are needed.

    Examples
    --------
    >>> euclidean_dissimilarity([[0.0, 0.0], [3.0, 4.0]]).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    return np.sqrt(overwritten_by_squared_distances(gram_matrix(coordinates, ids)))


def map_dissimilarity(embedding: Embedding) -> Floats:
    """Return the distances (n, n) of minima on a map.

    Examples
    --------
    >>> from elsuite.analysis import kernel_pca
    >>> embedding = kernel_pca([[0.0, 0.0], [3.0, 4.0]], kernel="linear", n_components=1)
    >>> map_dissimilarity(embedding).round(6).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """
    from scipy.spatial.distance import cdist  # slow to load; reading commands start without it

    return cdist(embedding.coordinates, embedding.coordinates)
