"""The density of a Hessian's eigenvalues by stochastic Lanczos quadrature: `lanczos_quadrature`."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import LinearOperator
from torch import Tensor

from elsuite.core.representing import short_repr
from elsuite.core.typing import Array, Floats, Progress
from elsuite.landscapes.base import Landscape
from elsuite.stationary.hessian import TraceEstimate, hessian_operator, hessian_vector_products

WIDE_BYTES = 2**30
"""Lanczos vectors that take more in float64 are kept in float32."""


@dataclass(frozen=True, eq=False)
class Quadrature:
    r"""Nodes and weights with :math:`\operatorname{tr} f(H) / P \approx \frac{1}{m} \sum_{ij} w_{ij} f(\theta_{ij})`.

    Attributes
    ----------
    nodes, weights : ndarray (n_probes, n_steps)
        A row a probe; its weights add up to 1. Probes that ended early, in an invariant subspace, have nodes of NaN and
        weights of 0 at the end.
    trace, square : TraceEstimate
        Of the Hessian, and of its square: the sums of the eigenvalues and of their squares, with standard errors over
        the probes, 0 where all eigenvalues were computed.
    """

    nodes: Floats
    weights: Floats
    trace: TraceEstimate
    square: TraceEstimate

    __repr__ = short_repr


def lanczos_quadrature(
    landscape: Landscape,
    point: ArrayLike | Tensor,
    *,
    n_probes: int = 8,
    n_steps: int = 64,
    seed: int = 0,
    progress: Progress | None = None,
) -> Quadrature:
    """Return a quadrature of the spectral density of the Hessian at one `point`, shape (P,).

    From each probe, a vector of random signs, `n_steps` steps of Lanczos's method with full reorthogonalization lead to
    a tridiagonal matrix: its eigenvalues are nodes, the squares of its eigenvectors' first components weights (Ubaru,
    Chen and Saad, SIAM J. Matrix Anal. Appl. 38, 1075 (2017)). The largest and the smallest node soon equal the ends of
    the spectrum. Where P is not larger than `n_steps`, all eigenvalues are computed in place of that.

    `n_steps` vectors of P numbers are kept: 8 bytes a number, 4 where that would be more than `WIDE_BYTES`.

    Raises
    ------
    ValueError
        For a point of another shape, no probe, fewer than two steps or more than the memory holds, or a Hessian that is
        not finite.

    Examples
    --------
    >>> from elsuite.landscapes import SeparableWells
    >>> found = lanczos_quadrature(SeparableWells((1.0, 2.0)), [1.0, 1.0])
    >>> found.nodes, found.weights, found.trace.value
    (array([[ 8., 16.]]), array([[0.5, 0.5]]), 24.0)
    """
    if n_probes < 1 or n_steps < 2:
        raise ValueError(f"n_probes {n_probes}, n_steps {n_steps} given; at least 1 and 2 are expected")
    size = landscape.n_parameters
    if size <= n_steps:
        matrix = hessian_vector_products(landscape, point, np.eye(size))
        values = np.linalg.eigvalsh(_finite((matrix + matrix.T) / 2))[None]
        sums = [TraceEstimate(float((values**power).sum()), 0.0, size) for power in (1, 2)]
        return Quadrature(values, np.full((1, size), 1 / max(size, 1)), *sums)
    operator = hessian_operator(landscape, point)
    rng = np.random.default_rng(seed)
    nodes, weights = np.full((n_probes, n_steps), np.nan), np.zeros((n_probes, n_steps))
    n_products = 0
    for probe in range(n_probes):
        start = rng.choice([-1.0, 1.0], size=size) / np.sqrt(size)

        def done(step: int, probe: int = probe) -> None:
            if progress is not None:
                progress("spectrum", probe * n_steps + step, n_probes * n_steps)

        diagonal, beside = _lanczos(operator, start, n_steps, done)
        found, vectors = eigh_tridiagonal(diagonal, beside)
        nodes[probe, : len(found)], weights[probe, : len(found)] = found, vectors[0] ** 2
        n_products += len(found)
        done(n_steps)
    moments = [size * np.nansum(weights * nodes**power, axis=1) for power in (1, 2)]
    sums = [TraceEstimate(float(values.mean()), _standard_error(values), n_products) for values in moments]
    return Quadrature(nodes, weights, *sums)


def _lanczos(
    operator: LinearOperator, start: Floats, n_steps: int, done: Callable[[int], None]
) -> tuple[Floats, Floats]:
    """Return the diagonal and the subdiagonal of the tridiagonal matrix from a start of length one."""
    size = len(start)
    wide = 8 * n_steps * size <= WIDE_BYTES
    if not wide and 4 * n_steps * size > (memory := os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")):
        raise ValueError(
            f"n_steps {n_steps} given; so many vectors of {size:,} numbers take {4 * n_steps * size / 2**30:.0f} GiB, "
            f"this machine has {memory / 2**30:.0f}: {memory // (8 * size)} steps fit"
        )
    known: Array = np.empty((n_steps, size), dtype=np.float64 if wide else np.float32)
    rounding = float(np.finfo(known.dtype).eps) * np.sqrt(size)
    diagonal, beside = np.empty(n_steps), np.empty(n_steps - 1)
    vector, scale = start, 0.0
    for step in range(n_steps):
        known[step] = vector
        product: Floats = _finite(np.asarray(operator.matvec(vector), dtype=np.float64))
        scale = max(scale, float(np.linalg.norm(product)))
        diagonal[step] = float(vector @ product)
        done(step + 1)
        if step + 1 == n_steps:
            break
        for _ in range(2):  # once leaves what rounding makes of large parts
            product -= known[: step + 1].T @ (known[: step + 1] @ product)
        length = float(np.linalg.norm(product))
        if length <= rounding * scale:  # the subspace is invariant: there is nothing further
            return diagonal[: step + 1], beside[:step]
        beside[step] = length
        vector = product / length
    return diagonal, beside


def _standard_error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def _finite(values: Array) -> Array:
    if not np.isfinite(values).all():
        raise ValueError("the Hessian is not finite at this point")
    return values
