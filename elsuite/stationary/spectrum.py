"""The ends of a Hessian's spectrum: `hessian_spectrum`."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from elsuite.core.typing import Floats
from elsuite.landscapes.base import Landscape
from elsuite.stationary.hessian import as_point, hessian_operator, hessian_vector_products
from elsuite.stationary.results import Spectrum

DENSE_LIMIT = 300
"""Up to so many parameters the whole Hessian is computed and diagonalized."""


def hessian_spectrum(
    landscape: Landscape,
    point: ArrayLike | Tensor,
    *,
    n_lowest: int = 6,
    n_highest: int = 1,
    n_zero_modes: int | None = None,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> Spectrum:
    """Return the lowest and the highest eigenpairs of the Hessian at one `point`, shape (P,).

    Up to `DENSE_LIMIT` parameters by the dense matrix, above by Lanczos iterations (ARPACK) on Hessian-vector
    products. The lowest eigenvalues of a large network's loss lie close together near zero: look at `residuals`.

    Parameters
    ----------
    n_zero_modes : int, optional
        Directions of no curvature to leave out. By default the landscape's own, which are known exactly; another
        number leaves out those eigenvalues that are smallest in absolute value.
    tolerance : float
        Of the residuals, relative to the largest absolute eigenvalue.

    Raises
    ------
    ValueError
        For a point of another shape, or more eigenvalues than there are.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> surface = MullerBrown()
    >>> hessian_spectrum(surface, surface.transition_states[0]).lowest.round(1)
    array([-735.2,  510.9])
    """
    position = as_point(landscape, point).cpu().numpy().astype(np.float64)
    size = landscape.n_parameters
    modes = landscape.symmetry.zero_modes(position[None])[0]
    modes = modes[:, np.linalg.norm(modes, axis=0) > 0.5]  # a linear molecule has one fewer
    extra = 0 if n_zero_modes is None else n_zero_modes - modes.shape[1]
    if n_lowest < 0 or n_highest < 0 or extra < 0:
        raise ValueError(
            f"n_lowest {n_lowest}, n_highest {n_highest}, n_zero_modes {n_zero_modes} given; numbers from 0 are "
            f"expected, and at least the landscape's {modes.shape[1]} zero modes"
        )
    if size <= max(DENSE_LIMIT, 2 * (n_lowest + n_highest + extra) + 2):
        matrix = hessian_vector_products(landscape, position, np.eye(size))
        everything, columns = without_zero_modes((matrix + matrix.T)[None] / 2, modes[None])
        low, rows = _without_smallest(everything[0], columns[0].T, extra)
        n_low, n_high = (min(number, len(low)) for number in (n_lowest, n_highest))
        chosen = np.append(np.arange(n_low), np.arange(len(low) - n_high, len(low)))
        values, vectors = low[chosen], rows[chosen]
        residuals = np.linalg.norm(vectors @ matrix - values[:, None] * vectors, axis=1)
        n_products = size
    else:
        counter = [0]
        operator = hessian_operator(landscape, position)
        start = np.random.default_rng(seed).standard_normal(size)
        start -= modes @ (modes.T @ start)
        # ARPACK takes eigenvalues under about 1e-11 for zero: the largest ones are to be about 1.
        unit = float(np.linalg.norm(_deflated(operator, modes, 0.0, counter).matvec(start)) / np.linalg.norm(start))
        unit = 2.0 ** round(np.log2(unit)) if 0 < unit < np.inf else 1.0
        operator = operator * (1 / unit)
        above = _size(_deflated(operator, modes, 0.0, counter), start) if modes.size else 0.0
        high, high_vectors = _lanczos(_deflated(operator, modes, -above, counter), "LA", n_highest, start, tolerance)
        lower = _deflated(operator, modes, above, counter)
        low, low_vectors = _lanczos(lower, "SA", n_lowest + extra, start, tolerance)
        low, low_vectors = _without_smallest(low, low_vectors, extra)
        values, vectors = np.append(low, high), np.concatenate([low_vectors, high_vectors])
        left = [lower.matvec(v) - value * v for value, v in zip(values, vectors, strict=True)]
        residuals, values = unit * np.array([np.linalg.norm(rest) for rest in left]), unit * values
        n_low, n_products = len(low), counter[0]
    scale = float(np.abs(values).max(initial=0.0))
    return Spectrum(
        lowest=values[:n_low],
        highest=values[n_low:],
        lowest_vectors=vectors[:n_low],
        highest_vectors=vectors[n_low:],
        residuals=residuals,
        converged=bool((residuals <= 10 * tolerance * max(scale, np.finfo(float).tiny)).all()),
        n_products=n_products,
    )


def without_zero_modes(matrices: Floats, modes: Floats) -> tuple[Floats, Floats]:
    """Return eigenvalues, ascending, and eigenvectors, columns, of symmetric matrices in the complement of `modes`.

    Modes without length are none. Where one matrix has more modes than another, vectors without length stand last, with
    the largest eigenvalue.
    """
    n_modes = (np.linalg.norm(modes, axis=1) > 0.5).sum(axis=1)
    if not n_modes.any():
        values, vectors = np.linalg.eigh(matrices)
        return values, vectors
    left = matrices - modes @ (modes.transpose(0, 2, 1) @ matrices)
    both = left - (left @ modes) @ modes.transpose(0, 2, 1)
    # The modes get an eigenvalue above all others, and so come last.
    above = 2.0 * np.linalg.norm(both, axis=(1, 2))
    above = np.where(above > 0, above, 1.0)
    both += above[:, None, None] * (modes @ modes.transpose(0, 2, 1))
    values, vectors = np.linalg.eigh((both + both.transpose(0, 2, 1)) / 2)
    n_left = matrices.shape[1] - n_modes
    width = int(n_left.max())
    values, vectors = values[:, :width], vectors[:, :, :width]
    missing = np.arange(width) >= n_left[:, None]
    top = np.abs(np.where(missing, 0.0, values)).max(axis=1, initial=0.0, keepdims=True)
    return np.where(missing, top, values), np.where(missing[:, None], 0.0, vectors)


def _deflated(operator: LinearOperator, modes: Floats, value: float, counter: list[int]) -> LinearOperator:
    """Return the operator between projections that take the zero modes out; they get the eigenvalue given."""

    def multiply(vector: Floats) -> Floats:
        counter[0] += 1
        vector = np.ravel(vector)
        parts = modes.T @ vector
        product = operator.matvec(vector - modes @ parts)
        return np.asarray(product - modes @ (modes.T @ product - value * parts))

    return LinearOperator(operator.shape, matvec=multiply, dtype=np.float64)


def _size(operator: LinearOperator, start: Floats) -> float:
    """Return a number above all eigenvalues in absolute value, by a few power iterations."""
    vector = start
    for _ in range(10):
        vector = operator.matvec(vector / max(float(np.linalg.norm(vector)), np.finfo(float).tiny))
    return 4.0 * float(np.linalg.norm(vector)) or 1.0


def _lanczos(
    operator: LinearOperator, which: Literal["LA", "SA"], number: int, start: Floats, tolerance: float
) -> tuple[Floats, Floats]:
    """Return eigenvalues, ascending, and eigenvectors, rows; fewer than asked for where they did not converge."""
    size = len(start)
    if number == 0:
        return np.empty(0), np.empty((0, size))
    room = min(size - 1, max(4 * number + 1, 40))
    try:
        values, vectors = eigsh(operator, k=number, which=which, v0=start, ncv=room, tol=tolerance, maxiter=200)
    except ArpackNoConvergence as stop:
        values, vectors = stop.eigenvalues, stop.eigenvectors
    except ArpackError:  # a start without any component, as for a Hessian of zeros
        return np.empty(0), np.empty((0, size))
    order = np.argsort(values)
    return values[order], vectors.T[order]


def _without_smallest(values: Floats, vectors: Floats, number: int) -> tuple[Floats, Floats]:
    kept = np.sort(np.argsort(np.abs(values), kind="stable")[number:])
    return values[kept], vectors[kept]
