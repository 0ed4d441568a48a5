"""Maps of minima: kernel PCA from inner products that are computed in blocks."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from elsuite.analysis.blocks import (
    Coordinates,
    blocks,
    centered,
    gram_matrix,
    reader,
    rounding_of,
    row_blocks,
    squared_distances,
)
from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids

Kernel: TypeAlias = Literal["rbf", "linear", "polynomial", "sigmoid"]
DENSE_LIMIT = 1500
"""Up to this many points all eigenvectors are as quick as a few."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """Minima as points of a map.

    Attributes
    ----------
    coordinates : ndarray (n, n_components)
        Components in the order of what they explain.
    explained : ndarray (n_components,)
        Share of each component in the variance (for "sigmoid", which can have negative eigenvalues, in the
        sum of their magnitudes).
    gamma : float or None
        None where the kernel has none.
    """

    ids: Ids
    coordinates: Floats
    explained: Floats
    kernel: str
    gamma: float | None

    __repr__ = short_repr


def kernel_pca(
    coordinates: Coordinates,
    ids: ArrayLike | None = None,
    *,
    kernel: Kernel = "rbf",
    gamma: float | None = None,
    degree: int = 3,
    coef0: float = 1.0,
    n_components: int = 2,
) -> Embedding:
    r"""Return the kernel principal components of minima.

    The kernels k(x, y), with :math:`\gamma = 1/P` for P parameters by default: "rbf" :math:`\exp(-\gamma |x
    - y|^2)`, so that :math:`2\sigma^2 = P`; "linear" x.y, which is ordinary PCA; "polynomial"
    :math:`(\gamma x.y + c_0)^d`; "sigmoid" :math:`\tanh(\gamma x.y + c_0)`. Equal to scikit-learn's
    KernelPCA up to the signs: here the largest entry of each component is positive (of equally large ones
    the first).

    Parameters
    ----------
    coordinates : array-like (n_points, n_parameters) or callable
        Points, or what reads the rows of some ids: `database.coordinates`. Never more than two blocks are
        in memory, and of matrices of all pairs one (8 n^2 bytes).
    ids : array-like of int, optional
        Which points; needed with a callable, all rows of an array by default.
    degree : int
        d of "polynomial", at least 1.
    coef0 : float
        The constant of "polynomial" and "sigmoid".

    Raises
    ------
    ValueError
        If there is no point, a coordinate is not finite, an option is out of range, or the kernel overflows.

    Examples
    --------
    >>> points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [1.0, 3.0]])
    >>> kernel_pca(points, kernel="linear").explained.round(3).tolist()
    [0.9, 0.1]
    """
    from scipy.linalg import eigvalsh  # slow to load; reading commands start without it

    read, chosen = reader(coordinates, ids)
    if not len(chosen):
        raise ValueError("a map needs at least one minimum")
    if n_components < 1:
        raise ValueError(f"n_components is at least 1, not {n_components}")
    if gamma is not None and not 0 < gamma < np.inf:
        raise ValueError(f"gamma is a number above 0, not {gamma}")
    if degree < 1:
        raise ValueError(f"degree is at least 1, not {degree}")
    if not np.isfinite(coef0):
        raise ValueError(f"coef0 is a finite number, not {coef0}")
    if not read(chosen[:1]).shape[1]:
        raise ValueError("a map needs coordinates, and these minima have none")
    width = gamma if gamma is not None else 1.0 / read(chosen[:1]).shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        matrix = overwritten_by_centered(_kernel_matrix(coordinates, chosen, kernel, width, degree, coef0))
    if not np.isfinite(matrix).all():
        raise ValueError(f"the kernel {kernel!r} exceeds the largest float64, with gamma {width:.3g}")
    values, vectors = top_eigenvectors(matrix, n_components)
    total = float(np.abs(eigvalsh(matrix)).sum() if kernel == "sigmoid" else np.trace(matrix))
    return Embedding(
        ids=chosen,
        coordinates=oriented(vectors * np.sqrt(values)),
        explained=values / total if total > 0 else np.zeros_like(values),
        kernel=kernel,
        gamma=None if kernel == "linear" else width,
    )


# The kernel's values (n, n) less its value at the points' mean, a constant that centering removes: where it is large,
# the difference of the values would have few digits. Each is computed in the place of what it is a function of.
def _kernel_matrix(points: Coordinates, ids: Ids, kernel: Kernel, gamma: float, degree: int, coef0: float) -> Floats:
    if kernel not in get_args(Kernel):
        raise ValueError(f"no kernel {kernel!r}: there are 'rbf', 'linear', 'polynomial' and 'sigmoid'")
    if kernel == "rbf":
        matrix = squared_distances(points, ids)
        for rows in row_blocks(matrix):
            matrix[rows] *= -gamma
            np.expm1(matrix[rows], out=matrix[rows])
        return matrix
    read, center = centered(reader(points, ids)[0], ids, rounding_of(points, ids))
    matrix = gram_matrix(read, ids)
    if kernel == "linear":
        return matrix
    along = np.concatenate([block @ center for _, block in blocks(read, ids)])
    middle = gamma * float(center @ center) + coef0  # what the kernel is a function of, at the mean
    for rows in row_blocks(matrix):
        step = gamma * (matrix[rows] + along[rows, None] + along[None, :])  # and how far from there it is
        if kernel == "sigmoid":
            matrix[rows] = np.tanh(step) * (1 - np.tanh(middle) * np.tanh(middle + step))
        else:
            matrix[rows] = step * _power_sums(middle + step, middle, degree)
    return matrix


# The sum of x^k a^(d-1-k) for k from 0 to d - 1: (x^d - a^d) / (x - a).
def _power_sums(x: Floats, a: float, d: int) -> Floats:
    sums, power = np.ones_like(x), 1.0
    for _ in range(d - 1):
        power *= a
        sums *= x
        sums += power
    return sums


def overwritten_by_centered(kernel: Floats) -> Floats:
    """Return, in its place, a kernel matrix less its row and column means: that of the points less their mean."""
    means = kernel.mean(axis=0)
    for rows in row_blocks(kernel):
        part = kernel[rows]
        part -= means[rows, None]
        part -= means[None, :]
        part += means.mean()
    return kernel


def top_eigenvectors(matrix: Floats, n_components: int) -> tuple[Floats, Floats]:
    """Return the largest eigenvalues, descending, 0 for negative and missing ones, and vectors (n, n_components)."""
    from scipy.linalg import eigh  # slow to load; reading commands start without it
    from scipy.sparse.linalg import eigsh  # slow to load; reading commands start without it

    n = len(matrix)
    k = min(n_components, n)
    if n <= DENSE_LIMIT or k >= n - 1:
        values, vectors = eigh(matrix, subset_by_index=(n - k, n - 1))
    else:
        start = np.random.default_rng(0).normal(size=n)  # the same matrix gives the same digits
        values, vectors = eigsh(matrix, k=k, which="LA", v0=start)
    order = np.argsort(-values, kind="stable")
    all_values, all_vectors = np.zeros(n_components), np.zeros((n, n_components))
    all_values[:k], all_vectors[:, :k] = np.maximum(values[order], 0.0), vectors[:, order]
    return all_values, all_vectors


def oriented(coordinates: Floats) -> Floats:
    """Return coordinates (n, n_components) with each component's sign such that its largest entry is positive."""
    size = np.abs(coordinates)
    largest = np.argmax(size >= size.max(axis=0, keepdims=True) * (1 - 1e-9), axis=0)
    signs = np.sign(coordinates[largest, np.arange(coordinates.shape[1])])
    return coordinates * np.where(signs < 0, -1.0, 1.0)
