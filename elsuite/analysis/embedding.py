"""Maps of minima: kernel PCA from inner products that are computed in blocks."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from elsuite.analysis.blocks import Coordinates, gram_matrix, overwritten_by_squared_distances, reader, row_blocks
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
        If there is no point, or an option is out of range.

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
    gram = gram_matrix(read, chosen)
    if not np.isfinite(gram).all():
        raise ValueError("the coordinates of some minima are not finite")
    width = gamma if gamma is not None else 1.0 / read(chosen[:1]).shape[1]
    centered = overwritten_by_centered(_overwritten_by_kernel(gram, kernel, width, degree, coef0))
    values, vectors = top_eigenvectors(centered, n_components)
    total = float(np.abs(eigvalsh(centered)).sum() if kernel == "sigmoid" else np.trace(centered))
    return Embedding(
        ids=chosen,
        coordinates=oriented(vectors * np.sqrt(values)),
        explained=values / total if total > 0 else np.zeros_like(values),
        kernel=kernel,
        gamma=None if kernel == "linear" else width,
    )


# The kernel's values in the place of the inner products: such a matrix may take most of the memory.
def _overwritten_by_kernel(gram: Floats, kernel: Kernel, gamma: float, degree: int, coef0: float) -> Floats:
    if kernel not in get_args(Kernel):
        raise ValueError(f"no kernel {kernel!r}: there are 'rbf', 'linear', 'polynomial' and 'sigmoid'")
    if kernel == "rbf":
        overwritten_by_squared_distances(gram)
    for rows in row_blocks(gram):
        part = gram[rows]
        if kernel == "rbf":
            part *= -gamma
            np.exp(part, out=part)
        elif kernel != "linear":
            part *= gamma
            part += coef0
            np.power(part, degree, out=part) if kernel == "polynomial" else np.tanh(part, out=part)
    return gram


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
