"""Heights of a path on a surface: the maximum over points, and refined over continuous t (`measure`)."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elsuite.core.typing import Floats
from elsuite.landscapes.base import Landscape, parts_at_once
from elsuite.paths.base import Path
from elsuite.paths.bases import HatBasis

SMALLEST_INTERVAL = 8.0
"""Intervals of t shorter than this are not divided, in units of the precision of the path's points at 1."""

LONGEST_STEP = 1.5
"""Of the path between points of the first look, in units of its length over their number."""

END_PARTS = (0.25, 0.5)
"""Where points are added in the first and last interval, from the end on: nothing beyond an end gives a ridge away."""

DISAGREEMENTS = 2.0
"""An energy between two points may lie over both parabolas through them by so many times what these differ."""

COORDINATES_AT_ONCE = 2**22
"""In sums over coordinates."""

FINE_STEPS = 20
"""Steps of a point's interval in which lengths are taken."""


@dataclass(frozen=True)
class Heights:
    """Heights of one path on one surface, in the surface's energy.

    Attributes
    ----------
    height : float
        Maximum over the profile's points, ends included (Eq. 5 of the study).
    refined_height, refined_t : float
        Highest energy found over continuous t, never under any value seen, and where it is.
    profile : ndarray (n_points,)
        Energies at equally spaced t from 0 to 1.
    resolution : float
        To which the maximum is trusted: how far above `refined_height` an energy could still hide between the points
        looked at, by the rule of `measure`, and no less than its tolerance; NaN when an energy is not finite. Ridges
        that no point is near to are beyond any rule.
    """

    height: float
    refined_height: float
    refined_t: float
    profile: Floats
    n_evaluations: int
    resolution: float


def measure(
    path: Path, landscape: Landscape, n_points: int = 51, *, tolerance: float | None = None, max_evaluations: int = 400
) -> Heights:
    r"""Return the heights of `path` on the surface that `landscape` shows.

    Where the path goes further between two points of the profile than 1.5 times the mean, points are added at
    equal steps of its length, two more in the first interval and in the last, and the pivots of a chain. Between
    neighboring points the energy is bounded by the lines through the points next to them, which is exact where the
    curve of energies is concave, as it is around a maximum:

    .. math:: E(t) \le \min[E_i + s_{i-1} (t - t_i),\; E_{i+1} - s_{i+1} (t_{i+1} - t)]

    with s the slopes of the adjacent intervals. Ridges hardly wider than the points' distance are not concave over
    them: so it is bounded by the parabolas through each maximum and its neighbors, with their gain over it doubled, and
    by the two through an interval's ends and the next point on either side, with twice what they differ by. All
    intervals whose bound exceeds the highest energy seen by more than the tolerance are divided, together, and again,
    until none is left.

    Parameters
    ----------
    tolerance : float, optional
        Relative to the spread of the profile; 1e-8 by default, 1e-5 where points are float32.
    max_evaluations : int
        Refinement stops here at the latest; `Heights.resolution` says what was left.

    Raises
    ------
    ValueError
        If `n_points` is under 3.

    Examples
    --------
    >>> from elsuite.landscapes import FourGaussians
    >>> from elsuite.paths import LinearPathFinder
    >>> surface = FourGaussians()
    >>> line = LinearPathFinder().find(surface, *surface.minima[:2]).path
    >>> heights = measure(line, surface, n_points=11)
    >>> heights.refined_height >= heights.height
    True
    """
    if n_points < 3:
        raise ValueError(f"n_points is {n_points}, but a profile needs at least 3 points")
    t = np.linspace(0.0, 1.0, n_points)
    profile = _energies(path, landscape, t)
    kinks = np.array(path.basis.pivots if isinstance(path.basis, HatBasis) else (), dtype=np.float64)
    more = np.concatenate([_long_steps(path, t), _near_ends(path, t), _representable(kinks, path)])
    more = np.setdiff1d(more, t)
    t, energies = _merged(t, profile, more, _energies(path, landscape, more))
    allowed = math.nan  # then nothing is refined
    if np.isfinite(profile).all():
        relative = tolerance if tolerance is not None else (1e-8 if path.start.dtype == torch.float64 else 1e-5)
        allowed = max(relative * float(np.ptp(profile)), 4 * float(np.spacing(np.abs(profile).max())))  # the rounding
    t, energies, resolution = _refine(path, landscape, t, energies, allowed, max_evaluations)
    top = int(np.argmax(energies))  # the first NaN, if there is one
    return Heights(
        height=float(profile.max()),
        refined_height=float(energies[top]),
        refined_t=float(t[top]),
        profile=profile,
        n_evaluations=len(t),
        resolution=resolution,
    )


def path_length(path: Path) -> float:
    """Return the Euclidean length of `path`, as a polygon of a thousand sides.

    Examples
    --------
    A line of length 2 with a pivot a unit above its middle: twice the square root of 2.

    >>> from elsuite.paths import HatBasis
    >>> path = Path(torch.zeros(2), torch.tensor([2.0, 0.0]), HatBasis(1), torch.tensor([[0.0, 1.0]]))
    >>> round(path_length(path), 4)
    2.8284
    """
    return float(arc_lengths(path, torch.linspace(0, 1, 1001, dtype=torch.float64))[-1])


def arc_lengths(path: Path, t: Tensor) -> Tensor:
    """Return the lengths of `path` from the first of `t`, ascending, to each, as a polygon through all of them."""
    t = t.to(path.start.device, torch.float64)
    steps = torch.diff(torch.column_stack([t, path.basis.values(t)]), dim=0)
    squares = ((steps @ _products(path)) * steps).sum(1)
    return torch.cat([squares.new_zeros(1), squares.clamp(min=0).sqrt().cumsum(0)])


def _products(path: Path) -> Tensor:
    """Return the products of what spans the steps of a path, the way from end to end and the coefficients, in float64.

    They are sums over coordinates, some at a time: copies of all in float64 would be twice what a path has.
    """
    n_terms, n_parameters = path.coefficients.shape
    total = torch.zeros(1 + n_terms, 1 + n_terms, dtype=torch.float64, device=path.start.device)
    for begin in range(0, n_parameters, COORDINATES_AT_ONCE):
        part = slice(begin, begin + COORDINATES_AT_ONCE)
        spanning = torch.vstack([(path.end[part] - path.start[part])[None], path.coefficients[:, part]]).double()
        total += spanning @ spanning.T
    return total


def _long_steps(path: Path, t: Floats) -> Floats:
    """Return t that divide the intervals in which the path goes far: there it may pass a narrow ridge unseen."""
    fine = np.linspace(0.0, 1.0, FINE_STEPS * (len(t) - 1) + 1)
    lengths = arc_lengths(path, torch.as_tensor(fine)).cpu().numpy()
    at = lengths[::FINE_STEPS]
    longest = LONGEST_STEP * at[-1] / (len(t) - 1)
    n_parts = np.ceil(np.diff(at) / longest).clip(1) if longest > 0 else np.ones(len(t) - 1)
    new = [np.linspace(a, b, int(n) + 1)[1:-1] for a, b, n in zip(at[:-1], at[1:], n_parts, strict=True) if n > 1]
    return _representable(np.interp(np.concatenate(new), lengths, fine), path) if new else t[:0]


def _near_ends(path: Path, t: Floats) -> Floats:
    """Return t in the first interval and in the last."""
    parts = np.array(END_PARTS)
    return _representable(np.concatenate([t[1] * parts, 1 - (1 - t[-2]) * parts]), path)


def _energies(path: Path, landscape: Landscape, t: Floats) -> Floats:
    if not t.size:
        return t
    at = torch.as_tensor(t, device=path.start.device)
    if path.is_long:
        energies = landscape.combined_energies(path.weights(at), [path.start, path.end, *path.coefficients])
    else:
        # Not without gradients: an energy may have derivatives inside.
        parts = parts_at_once(landscape, len(t))
        energies = torch.cat([landscape.energy(path.points(at[part])).detach() for part in parts])
    return energies.cpu().numpy().astype(np.float64)


def _refine(
    path: Path, landscape: Landscape, t: Floats, energies: Floats, allowed: float, limit: int
) -> tuple[Floats, Floats, float]:
    """Divide all intervals that may hide a higher energy; return t, energies and what could still hide."""
    while np.isfinite(energies).all():
        bounds, meeting = _parabolas(t, energies, *_concave_bounds(t, energies))
        bounds = np.maximum(bounds, _rough_bounds(t, energies))
        hidden = bounds - energies.max()
        divide = (hidden > allowed) & (np.diff(t) > SMALLEST_INTERVAL * _precision(path).eps)
        if not divide.any() or len(t) >= limit:
            return t, energies, max(allowed, float(hidden.max()))
        new = _representable(np.append(meeting[divide], _parabola_top(t, energies)), path)
        new = new[~np.isin(new, t)]
        if not new.size:
            return t, energies, max(allowed, float(hidden.max()))
        t, energies = _merged(t, energies, new, _energies(path, landscape, new))
    return t, energies, math.nan


def _representable(t: Floats, path: Path) -> Floats:
    """Return `t` rounded to the type of the path's points, which has a point at exactly each; ascending, once."""
    return np.unique(t.astype(_precision(path).dtype)).astype(np.float64)


def _precision(path: Path) -> np.finfo[np.floating]:
    return np.finfo(np.float64 if path.start.dtype == torch.float64 else np.float32)


def _merged(t: Floats, energies: Floats, more: Floats, their_energies: Floats) -> tuple[Floats, Floats]:
    """Return two curves of t and energies as one, in ascending t."""
    t, energies = np.append(t, more), np.append(energies, their_energies)
    order = np.argsort(t, kind="stable")
    return t[order], energies[order]


def _concave_bounds(t: Floats, energies: Floats) -> tuple[Floats, Floats]:
    """Return for each interval the highest energy a concave curve could have in it, and where it would be."""
    width = np.diff(t)
    slopes = np.diff(energies) / width
    rise = np.append(np.inf, slopes[:-1])
    fall = np.append(slopes[1:], -np.inf)
    inner = (rise > 0) & (fall < 0)
    first, last = rise == np.inf, fall == -np.inf
    with np.errstate(invalid="ignore", divide="ignore"):
        x = (energies[1:] - energies[:-1] - fall * width) / (rise - fall)
        x = np.where(first | last | ~np.isfinite(x), width / 2, np.clip(x, 0, width))
        bounds = energies[:-1] + rise * x
    bounds = np.where(first, energies[1:] - fall * width, bounds)
    bounds = np.where(last, energies[:-1] + rise * width, bounds)
    bounds = np.where(inner, bounds, np.maximum(energies[:-1], energies[1:]))
    return bounds, t[:-1] + np.clip(x, 0.1 * width, 0.9 * width)


def _parabolas(t: Floats, energies: Floats, bounds: Floats, meeting: Floats) -> tuple[Floats, Floats]:
    """Return bounds, and where to divide, that also let each maximum rise over the parabola through it.

    A ridge hardly wider than the step is not concave over the points next to its top, so that the lines cut it off:
    twice the parabola's gain is allowed for.
    """
    m = 1 + np.flatnonzero((energies[1:-1] >= energies[:-2]) & (energies[1:-1] >= energies[2:]))
    left, right = t[m] - t[m - 1], t[m + 1] - t[m]
    down_left, down_right = energies[m] - energies[m - 1], energies[m] - energies[m + 1]
    curvature = (down_left / left + down_right / right) / (left + right)
    bent = curvature > 0
    m, left, curvature, down_left = m[bent], left[bent], curvature[bent], down_left[bent]
    slope = down_left / left - curvature * left
    shift = slope / (2 * curvature)
    gap = np.where(shift < 0, m - 1, m)
    higher = energies[m] + slope * shift
    better = higher > bounds[gap]
    bounds, meeting = bounds.copy(), meeting.copy()
    bounds[gap[better]] = higher[better]
    width = np.diff(t)[gap]
    meeting[gap[better]] = np.clip(t[m] + shift, t[gap] + 0.1 * width, t[gap + 1] - 0.1 * width)[better]
    return bounds, meeting


def _rough_bounds(t: Floats, energies: Floats) -> Floats:
    """Return for each interval an energy in its middle that the curve could have, as rough as it is around."""
    middle = (t[:-1] + t[1:]) / 2
    chord = (energies[:-1] + energies[1:]) / 2
    if len(t) < 4:
        return chord
    slopes = np.diff(energies) / np.diff(t)
    bends = np.diff(slopes) / (t[2:] - t[:-2])  # second differences at the inner points
    below = (middle - t[:-1]) * (middle - t[1:])
    left, right = chord[1:] + bends * below[1:], chord[:-1] + bends * below[:-1]
    # An interval at an end has one parabola only, and the next interval's difference for its own.
    one, other = np.append(right[0], left), np.append(right, left[-1])
    apart = np.abs(one - other)
    apart[0], apart[-1] = apart[1], apart[-2]
    return np.asarray(np.maximum(one, other) + DISAGREEMENTS * apart)


def _parabola_top(t: Floats, energies: Floats) -> Floats:
    """Return the top of the parabola through the highest point and its neighbors, empty if it is an end."""
    m = int(np.argmax(energies))
    if m in (0, len(t) - 1):
        return t[:0]
    left, right = t[m] - t[m - 1], t[m + 1] - t[m]
    drop_left, drop_right = energies[m] - energies[m - 1], energies[m] - energies[m + 1]
    curvature = drop_left * right + drop_right * left
    if curvature <= 0:
        return t[:0]
    return np.array([t[m] + (drop_left * right**2 - drop_right * left**2) / (2 * curvature)])
