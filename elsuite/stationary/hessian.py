"""Second derivatives of any landscape: products with vectors, dense matrices, the trace."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator
from torch import Tensor

from elsuite.core.typing import Floats
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.conversion import to_tensor

Method = Literal["auto", "autograd", "differences"]
Products = Callable[[Tensor], Tensor]

SAMPLES_AT_ONCE = 4096
"""A landscape over more samples is taken in parts, so that the graph of one product stays small."""
HESSIAN_NUMBERS = 2**22
"""About how many numbers of dense Hessians are computed at once."""
FEW_DIRECTIONS, BATCHED_NUMBERS = 4, 50_000
"""Between these the rows of Hessians are quicker computed together than one after the other."""


@dataclass(frozen=True)
class TraceEstimate:
    """Hutchinson's estimate of a trace; its error is that of the mean over the probes, 0 where the trace is exact."""

    value: float
    standard_error: float
    n_products: int


def hessian_vector_products(
    landscape: Landscape, point: ArrayLike | Tensor, vectors: ArrayLike | Tensor, *, method: Method = "auto"
) -> Floats:
    r"""Return the products :math:`H v_k`, shape (k, P), of the Hessian at one `point`, (P,), with `vectors`, (k, P).

    Parameters
    ----------
    method : {"auto", "autograd", "differences"}
        "autograd" differentiates the energy twice; "differences" takes central differences of gradients, about
        1e-9 relative in float64 and 1e-2 in float32; "auto" the first where the landscape allows it. One that is
        `gradient_only` has differences.

    Raises
    ------
    ValueError
        For shapes that do not fit, or another method.

    Examples
    --------
    >>> from elsuite.landscapes import SeparableWells
    >>> hessian_vector_products(SeparableWells((1.0, 2.0)), [1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    array([[ 8.,  0.],
           [ 0., 16.]])
    """
    matrix = to_tensor(vectors, dtype=landscape.dtype, device=landscape.device)
    if matrix.ndim != 2 or matrix.shape[1] != landscape.n_parameters:
        raise ValueError(f"vectors of shape {tuple(matrix.shape)} given; (k, {landscape.n_parameters}) is expected")
    return _numpy(_products(landscape, as_point(landscape, point), method)(matrix))


def hessian_operator(landscape: Landscape, point: ArrayLike | Tensor, *, method: Method = "auto") -> LinearOperator:
    """Return the Hessian at one point, shape (P,), as a scipy LinearOperator: one product a call.

    Examples
    --------
    The Hessian at a minimum of these wells is diagonal: eight times the heights.

    >>> from elsuite.landscapes import SeparableWells
    >>> operator = hessian_operator(SeparableWells((1.0, 2.0)), [1.0, 1.0])
    >>> operator @ np.array([1.0, 1.0])
    array([ 8., 16.])
    """
    products = _products(landscape, as_point(landscape, point), method)

    def multiply(vector: Floats) -> Floats:
        row = to_tensor(np.ravel(vector), dtype=landscape.dtype, device=landscape.device)
        return np.asarray(_numpy(products(row[None]))[0])

    size = landscape.n_parameters
    return LinearOperator((size, size), matvec=multiply, rmatvec=multiply, dtype=np.float64)


def local_expansions(
    landscape: Landscape, points: ArrayLike | Tensor, *, method: Method = "auto"
) -> tuple[Floats, Floats, Floats]:
    """Return energies (n,), gradients (n, P) and dense Hessians (n, P, P) at many points, shape (n, P).

    The methods are those of `hessian_vector_products`.

    Raises
    ------
    ValueError
        For points of another width, or another method.

    Examples
    --------
    At a minimum of these wells, and at the maximum between all of them.

    >>> from elsuite.landscapes import SeparableWells
    >>> energies, _, hessians = local_expansions(SeparableWells((1.0, 2.0)), [[1.0, 1.0], [0.0, 0.0]])
    >>> energies.tolist(), hessians.diagonal(axis1=1, axis2=2).tolist()
    ([0.0, 3.0], [[8.0, 16.0], [-4.0, -8.0]])
    """
    batch = to_tensor(points, dtype=landscape.dtype, device=landscape.device)
    size = landscape.n_parameters
    at_once = max(1, HESSIAN_NUMBERS // max(1, size * size))
    if len(batch) == 0:
        return np.empty(0), np.empty((0, size)), np.empty((0, size, size))
    parts = [
        _expansion(landscape, part, method)
        for part in torch.tensor_split(batch, list(range(at_once, len(batch), at_once)))
    ]
    energies, gradients, hessians = (np.concatenate(column) for column in zip(*parts, strict=True))
    return energies, gradients, (hessians + hessians.transpose(0, 2, 1)) / 2


def hessian_trace(
    landscape: Landscape, point: ArrayLike | Tensor, *, n_probes: int = 64, seed: int = 0
) -> TraceEstimate:
    r"""Return the trace of the Hessian at one point, :math:`E[v^T H v]` over random signs v.

    Exact where P is not larger than `n_probes`. Hutchinson, Commun. Stat. Simul. Comput. 19, 433 (1990).

    Raises
    ------
    ValueError
        Under two probes.

    Examples
    --------
    >>> from elsuite.landscapes import SeparableWells
    >>> hessian_trace(SeparableWells((1.0, 2.0)), [1.0, 1.0]).value
    24.0
    """
    if n_probes < 2:
        raise ValueError(f"n_probes {n_probes} given; at least 2 are needed for an error")
    size = landscape.n_parameters
    if size <= n_probes:
        products = hessian_vector_products(landscape, point, np.eye(size))
        return TraceEstimate(float(np.trace(products)), 0.0, size)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(n_probes, size))
    values = (signs * hessian_vector_products(landscape, point, signs)).sum(axis=1)
    return TraceEstimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(n_probes)), n_probes)


def as_point(landscape: Landscape, point: ArrayLike | Tensor) -> Tensor:
    """Return one point as the landscape's tensor, shape (P,), or raise ValueError."""
    tensor = to_tensor(point, dtype=landscape.dtype, device=landscape.device).detach()
    if tensor.shape != (landscape.n_parameters,):
        raise ValueError(f"point of shape {tuple(tensor.shape)} given; ({landscape.n_parameters},) is expected")
    return tensor


def _products(landscape: Landscape, point: Tensor, method: Method) -> Products:
    if method not in {"auto", "autograd", "differences"}:
        raise ValueError(f"method {method!r} given; 'auto', 'autograd' or 'differences' is expected")
    if landscape.gradient_only:
        if method == "autograd":
            raise _not_twice(landscape)
        method = "differences"
    parts = list(_parts(landscape))
    if method != "differences":
        try:
            if len(parts) == 1:
                return _one_graph(landscape, point)
            # A graph of one part of the data at a time, made anew for every call.
            _one_graph(parts[0][0], point)
            return lambda vectors: sum(
                (weight * _one_graph(part, point)(vectors) for part, weight in parts), torch.zeros_like(vectors)
            )
        except (RuntimeError, NotImplementedError):
            # Not differentiable twice: a layer without a second derivative, or an energy not made by torch.
            if method == "autograd":
                raise _not_twice(landscape) from None
    return lambda vectors: _differences(landscape, point, vectors)


def _not_twice(landscape: Landscape) -> ValueError:
    return ValueError(f"{type(landscape).__name__} is not differentiable twice; method='differences' works")


def _parts(landscape: Landscape) -> Iterator[tuple[Landscape, float]]:
    """Yield landscapes over parts of the samples, with their weights."""
    if not isinstance(landscape, DataLandscape) or landscape.n_samples <= SAMPLES_AT_ONCE:
        yield landscape, 1.0
        return
    yield from landscape.parts(SAMPLES_AT_ONCE)


def _one_graph(landscape: Landscape, point: Tensor) -> Products:
    with torch.enable_grad():
        leaf = point[None].clone().requires_grad_()
        energy = landscape.energy(leaf).sum()
        (gradient,) = torch.autograd.grad(energy, leaf, create_graph=True)

    def products(vectors: Tensor) -> Tensor:
        if not gradient.requires_grad:
            return torch.zeros_like(vectors)
        rows = [
            torch.autograd.grad(gradient, leaf, vector[None], retain_graph=True, materialize_grads=True)[0][0]
            for vector in vectors
        ]
        return torch.stack(rows) if rows else vectors

    if gradient.requires_grad:
        products(torch.zeros_like(leaf))  # raises here, not later, where a second derivative is missing
    return products


def _differences(landscape: Landscape, point: Tensor, vectors: Tensor) -> Tensor:
    """Return central differences of gradients, a step of eps^(1/3) length scales along each normalized vector.

    Far from the origin the coordinates are rounded more, and the step is longer.
    """
    lengths = vectors.norm(dim=1, keepdim=True)
    units = vectors / torch.where(lengths > 0, lengths, torch.ones_like(lengths))
    scale, eps = landscape.length_scale, float(torch.finfo(point.dtype).eps)
    step = scale * (eps * max(1.0, float(point.abs().max()) / scale)) ** (1 / 3)
    both = torch.cat([point + step * units, point - step * units])
    gradients = landscape.energy_and_gradient(both)[1]
    change: Tensor = gradients[: len(vectors)] - gradients[len(vectors) :]
    products: Tensor = change / (2 * step) * lengths
    return products


def _expansion(landscape: Landscape, points: Tensor, method: Method) -> tuple[Floats, Floats, Floats]:
    if method == "auto" and (known := landscape.expansions(points)) is not None:
        return known
    if landscape.gradient_only and method == "auto":
        method = "differences"
    # All points and samples may be kept in one graph, P times over.
    fits = not isinstance(landscape, DataLandscape) or landscape.n_samples * len(points) <= 2 * SAMPLES_AT_ONCE
    if method != "differences" and fits:
        try:
            return _dense_graph(landscape, points)
        except (RuntimeError, NotImplementedError):
            if method == "autograd":
                raise _not_twice(landscape) from None
            method = "differences"
    energies, gradients = landscape.energy_and_gradient(points)
    identity = torch.eye(points.shape[1], dtype=points.dtype, device=points.device)
    rows = [_products(landscape, point, method)(identity) for point in points]
    return _numpy(energies), _numpy(gradients), _numpy(torch.stack(rows))


def _dense_graph(landscape: Landscape, points: Tensor) -> tuple[Floats, Floats, Floats]:
    """Return all Hessians from one graph: row j of all of them is one backward pass."""
    with torch.enable_grad():
        leaf = points.detach().clone().requires_grad_()
        energies = landscape.energy(leaf)
        (gradients,) = torch.autograd.grad(energies.sum(), leaf, create_graph=True)
    n_points, size = points.shape
    if not gradients.requires_grad:
        return _numpy(energies), _numpy(gradients), np.zeros((n_points, size, size))
    directions = torch.eye(size, dtype=points.dtype, device=points.device)[:, None].expand(size, n_points, size)
    options = {"retain_graph": True, "materialize_grads": True}
    rows = None
    if size > FEW_DIRECTIONS and directions.numel() < BATCHED_NUMBERS:
        # Not for an operation without a batching rule.
        with contextlib.suppress(RuntimeError, NotImplementedError):
            (rows,) = torch.autograd.grad(gradients, leaf, directions, is_grads_batched=True, **options)
    if rows is None:
        rows = torch.stack([torch.autograd.grad(gradients, leaf, row, **options)[0] for row in directions])
    return _numpy(energies), _numpy(gradients), _numpy(rows.transpose(0, 1))


def _numpy(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().numpy().astype(np.float64)
