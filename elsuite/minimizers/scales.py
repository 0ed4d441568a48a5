"""What numbers of a descent are measured against: norms without overflow, a landscape's own slopes, its rounding."""

import numpy as np
import torch
from torch import Tensor

from elsuite.core.typing import Floats, Mask
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.conversion import norms

FAR = 1e8
"""A descent that is farther than so many length scales from its start has run away."""
FIRST = 0.05
"""Length scales: the first step on a landscape without data."""
ROUNDINGS = 100.0
"""Energies are taken to be good to so many units in their last place: they come from long sums."""
_PLACES = 8.0  # coordinates are good to so many units in their last place
_NEAR = 1e-3  # length scales: a line search that fails has converged if the minimum is foretold nearer than this
_FLAT = 1e-2  # gradients: and only if it is smaller than this part of the landscape's own
_PROBE = 1e-4  # length scales: over which the curvature along a gradient is measured


def typical_slope(landscape: Landscape) -> float:
    """Return the median gradient norm at the landscape's fixed points, NaN where none is a positive number."""
    slope = landscape.typical_slope
    return np.nan if slope is None else slope


def typical_energy(landscape: Landscape) -> float:
    """Return the largest absolute energy at the landscape's fixed points, 0 where none is a number."""
    energies = landscape.energy(landscape.probe_points().to(landscape.device, landscape.dtype))
    return float(torch.where(torch.isfinite(energies), energies, 0.0).abs().max().detach())


def secant_curvatures(old: dict[str, Tensor], new: dict[str, Tensor]) -> Tensor:
    """Return the curvature along each start's last step, the change of gradient over the length of the step, (n,).

    Where a start did not move it is what it was; 0 before there is one.
    """
    before = old.get("curvature", torch.zeros(len(old["points"]), dtype=torch.float64))
    lengths = norms(new["points"] - old["points"]).cpu()
    change = norms(new["gradient"] - old["gradient"]).cpu()
    found = change / torch.where(lengths > 0, lengths, torch.ones_like(lengths))
    return torch.where((lengths > 0) & torch.isfinite(found), found, before)


def slopes_nearby(landscape: Landscape, points: Tensor) -> tuple[Floats, Floats, Floats]:
    """Return, at points (n, P), energies, gradient norms, and the curvature along the gradient, all (n,).

    The curvature is the change of the gradient over a small part of the length scale downhill; where the gradient
    is zero, along a fixed random direction.
    """
    energies, gradients = landscape.energy_and_gradient(points)
    sizes = norms(gradients)
    random = torch.from_numpy(np.random.default_rng(0).standard_normal(points.shape[1])).to(points.device)
    unit = torch.where((sizes > 0) & torch.isfinite(sizes), sizes, torch.ones_like(sizes))[:, None]
    ways = torch.where(sizes[:, None] > 0, gradients.double() / unit, random / norms(random[None]))
    eps = torch.finfo(points.dtype).eps
    lengths = torch.clamp(eps**0.5 * norms(points), min=_PROBE * landscape.length_scale)
    beside = (points.double() - lengths[:, None] * ways).to(points.dtype)
    change = norms(landscape.energy_and_gradient(beside)[1] - gradients)
    columns = (energies, sizes, change / lengths)
    first, second, third = (column.detach().double().cpu().numpy() for column in columns)
    return first, second, third


def at_rounding(landscape: Landscape, points: Tensor, slope: float) -> Mask:
    """Return where a line search fails because nothing lower can be told: (n,), of points (n, P).

    With the norm g of the gradient and the curvature h along it, a lower energy by g^2 / 2h lies g / h away. It cannot
    be told when that energy is under the rounding of the energy, or that way under the rounding of the coordinates. The
    point is then as near to stationary as numbers allow, if the way is a small part of the length scale, and the
    gradient a small part of `slope`, the landscape's own, where that is a number; under a very large constant, on a
    plateau, or at the bottom of a gorge that goes on downwards, it is not.
    """
    energies, slopes, curvatures = slopes_nearby(landscape, points)
    eps, sizes = torch.finfo(points.dtype).eps, np.abs(energies)
    if not isinstance(landscape, DataLandscape):  # a mean of losses is as exact as it is; other sums cancel
        sizes = np.maximum(sizes, typical_energy(landscape))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        way = slopes / curvatures
        hidden = slopes / 2 * way <= ROUNDINGS * eps * sizes
        unresolved = way <= _PLACES * eps * norms(points).cpu().numpy()
    near = (way <= _NEAR * landscape.length_scale) & ~(slopes > _FLAT * slope)
    return np.asarray((slopes == 0) | (near & (hidden | unresolved)))


def gradient_scales(landscape: Landscape, points: Tensor) -> Floats:
    """Return what gradients at points (n, P) are small against, (n,): over data `typical_slope`, else curvature.

    The curvature along the gradient times the landscape's length scale: a gradient of 1e-9 of it foretells a minimum
    1e-9 length scales away.
    """
    if isinstance(landscape, DataLandscape):
        return np.full(len(points), np.nan_to_num(typical_slope(landscape)))
    return np.asarray(slopes_nearby(landscape, points)[2] * landscape.length_scale)


def are_stationary(landscape: Landscape, points: Tensor, tolerance: float) -> Mask:
    """Return which points (n, P) have a gradient within a tolerance, as minimizers mean it, or under rounding."""
    sizes = norms(landscape.energy_and_gradient(points)[1]).cpu().numpy()
    small = sizes <= tolerance * gradient_scales(landscape, points)
    if not small.all():
        small |= at_rounding(landscape, points, typical_slope(landscape))
    return np.asarray(small)
