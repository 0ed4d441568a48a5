"""Gradients by differences of energies, and whether a gradient that is given is the energy's."""

from collections.abc import Callable

import torch
from torch import Tensor

Energy = Callable[[Tensor], Tensor]
WithGradient = Callable[[Tensor], tuple[Tensor, Tensor]]

ALL_COORDINATES = 128
"""Of so many coordinates each is checked; of more, random directions."""
N_DIRECTIONS = 8
N_DOWN = 20
"""Steps downhill: at random points energies may be so steep that differences say nothing."""
ROUGH, NOISE = 1e-4, 30.0
"""A derivative is wrong if it is off by more than this, relative, and so many times the error of differences."""


def difference_gradients(energy: Energy, points: Tensor, *, scale: float, eps: float | None = None) -> Tensor:
    """Return gradients (n, P) by central differences of fourth order, four energies a coordinate.

    The step is eps^(1/5) times `scale`, the length over which the energy changes; far from the origin it is longer.
    `eps` is how precise energies are, relative: by default as the points.

    Examples
    --------
    >>> difference_gradients(lambda x: (x**2).sum(1), torch.tensor([[1.0, 2.0]], dtype=torch.float64), scale=1.0)
    tensor([[2.0000, 4.0000]], dtype=torch.float64)
    """
    one = torch.eye(points.shape[1], dtype=points.dtype)
    rows = [_slopes(energy, point, one, _step(point, scale, eps)) for point in points]
    return torch.stack(rows) if rows else torch.empty_like(points)


def gradient_mistake(
    with_gradient: WithGradient, energy: Energy, points: Tensor, *, scale: float, eps: float | None = None
) -> str | None:
    """Return in words where a gradient is not that of the energy, None where it is, at `points` and below them.

    Examples
    --------
    >>> points = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    >>> gradient_mistake(lambda x: ((x**2).sum(1), 2 * x), lambda x: (x**2).sum(1), points, scale=1.0)
    >>> gradient_mistake(lambda x: ((x**2).sum(1), 3 * x), lambda x: (x**2).sum(1), points, scale=1.0)
    'its coordinate 1 is 6, and differences give 4, at the point [1.0, 2.0]'
    """
    for point in torch.cat([points, _below(with_gradient, points, scale)]):
        value, gradients = with_gradient(point[None])
        if not (torch.isfinite(value).all() and torch.isfinite(gradients).all()):
            continue
        gradient, size = gradients[0], len(point)
        if size <= ALL_COORDINATES:
            wrong = _worst(energy, point, gradient, torch.eye(size, dtype=point.dtype), scale, eps)
        else:
            signs = torch.randint(2, (N_DIRECTIONS, size), generator=torch.Generator().manual_seed(0))
            ways = (2.0 * signs - 1.0).to(point.dtype)
            wrong = _worst(energy, point, gradient, ways, scale, eps)
            if wrong is not None:
                wrong = _coordinate(energy, point, gradient, ways[wrong], scale, eps)
        if wrong is not None:
            way = torch.eye(size, dtype=point.dtype)[wrong : wrong + 1]
            there = float(_slopes(energy, point, way, _step(point, scale, eps))[0])
            shown = ", ".join(f"{float(x):.6g}" if x % 1 else str(float(x)) for x in point[:3])
            place = f"[{shown}{', ...' if size > 3 else ''}]"
            given = f"its coordinate {wrong} is {float(gradient[wrong]):.6g}"
            return f"{given}, and differences give {there:.6g}, at the point {place}"
    return None


def _step(point: Tensor, scale: float, eps: float | None) -> float:
    eps = eps or torch.finfo(point.dtype).eps
    return float(scale * (eps * max(1.0, float(point.abs().max()) / scale)) ** 0.2)


def _slopes(energy: Energy, point: Tensor, ways: Tensor, step: float) -> Tensor:
    """Return the derivatives along some ways, (k, P), of the energy at one point."""
    steps = torch.cat([point + factor * step * ways for factor in (1.0, -1.0, 2.0, -2.0)])
    near, back, far, far_back = energy(steps).detach().view(4, len(ways))
    slopes: Tensor = (8 * (near - back) - (far - far_back)) / (12 * step)
    return slopes


def _deviations(
    energy: Energy, point: Tensor, gradient: Tensor, ways: Tensor, scale: float, eps: float | None
) -> Tensor:
    """Return how far, relative to what differences can tell, the gradient is off along ways; 1 is too far."""
    eps = eps or torch.finfo(point.dtype).eps
    step = _step(point, scale, eps)
    slopes, rough = (_slopes(energy, point, ways, factor * step) for factor in (1.0, 2.0))
    given = ways @ gradient
    size = float(energy(point[None]).detach().abs())
    error = (slopes - rough).abs() + 4 * eps * size / step
    allowed = ROUGH * torch.maximum(slopes.abs(), given.abs()) + NOISE * error
    off = (given - slopes).abs() / allowed.clamp_min(torch.finfo(point.dtype).tiny)
    return torch.nan_to_num(off, nan=0.0, posinf=0.0)


def _worst(
    energy: Energy, point: Tensor, gradient: Tensor, ways: Tensor, scale: float, eps: float | None
) -> int | None:
    off = _deviations(energy, point, gradient, ways, scale, eps)
    worst = int(off.argmax())
    return worst if float(off[worst]) > 1 else None


def _coordinate(energy: Energy, point: Tensor, gradient: Tensor, way: Tensor, scale: float, eps: float | None) -> int:
    """Return the coordinate that is to blame for a derivative along a way that is off, by halves."""
    step, low, high = _step(point, scale, eps), 0, len(point)
    while high - low > 1:
        middle = (low + high) // 2
        halves = torch.zeros(2, len(point), dtype=point.dtype)
        halves[0, low:middle], halves[1, middle:high] = way[low:middle], way[middle:high]
        off = (halves @ gradient - _slopes(energy, point, halves, step)).abs()
        low, high = (low, middle) if float(off[0]) >= float(off[1]) else (middle, high)
    return low


def _below(with_gradient: WithGradient, points: Tensor, scale: float) -> Tensor:
    """Return points some steps downhill, where the gradient leads there."""
    points, lengths = points.clone(), torch.full((len(points), 1), 0.1 * scale, dtype=points.dtype)
    energies, gradients = with_gradient(points)
    for _ in range(N_DOWN):
        sizes = gradients.norm(dim=1, keepdim=True)
        trials = points - lengths * gradients / sizes.clamp_min(torch.finfo(points.dtype).tiny)
        there, slopes = with_gradient(trials)
        better = (there < energies) & torch.isfinite(slopes).all(dim=1)
        points = torch.where(better[:, None], trials, points)
        gradients = torch.where(better[:, None], slopes, gradients)
        energies = torch.where(better, there, energies)
        lengths = torch.where(better[:, None], lengths, lengths / 2)
    return points
