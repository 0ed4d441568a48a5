"""Transition states: from a point nearby by eigenvector following, or from a minimum along its soft modes."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.typing import Floats, Mask
from elsuite.landscapes.base import Landscape
from elsuite.stationary.classify import as_points, ended
from elsuite.stationary.engine import engine_of, finished
from elsuite.stationary.model import LocalModel, local_model
from elsuite.stationary.results import Refinement
from elsuite.stationary.walk import Limits, Rule, surprise, walk, walk_limits


@final
@dataclass(frozen=True)
class EigenvectorFollowing(Rule):
    r"""Uphill along one mode, downhill along all others; Newton's step near a stationary point.

    .. math:: s_i = \pm \frac{2 g_i}{|\lambda_i| (1 + \sqrt{1 + 4 g_i^2 / (\lambda_i L)^2})}

    The mode followed is the one that overlaps most with the one followed so far, among the negative ones where there
    are any; while it is positive, by a whole trust radius a step. Wales, J. Chem. Phys. 101, 3750 (1994),
    in units of the landscape's length scale L, which is the longest such step.
    """

    length: float
    """L."""
    index: int = 1

    def steps(self, model: LocalModel, radii: Floats, guides: Floats) -> tuple[Floats, Floats]:
        """Return the components of the steps, and the mode followed with its sense."""
        rows = np.arange(len(radii))
        overlaps = np.einsum("npm,np->nm", model.vectors, guides)
        # Of several negative modes the one followed so far: a change at every step would turn in circles.
        open_modes = (model.values < 0) | (model.values[:, :1] >= 0)
        mode = np.where(open_modes, np.abs(overlaps), -1.0).argmax(axis=1)
        slopes = model.slopes
        parts = -_bounded_newton(slopes, model.values, self.length)
        slope, value = slopes[rows, mode], model.values[rows, mode]
        sense = np.sign(overlaps[rows, mode])
        sense = np.where(sense == 0, np.where(slope < 0, -1.0, 1.0), sense)
        parts[rows, mode] = np.where(value < 0, _bounded_newton(slope, value, self.length), sense * radii)
        lengths = np.linalg.norm(parts, axis=1)
        parts *= np.minimum(1.0, radii / np.maximum(lengths, np.finfo(float).tiny))[:, None]
        return parts, model.vectors[rows, :, mode] * sense[:, None]

    def misfit(self, old: LocalModel, new: LocalModel, parts: Floats) -> Floats:
        """Return the gradient not foretold, relative to its change, or to a tenth of the gradient if that is more."""
        # A mode that is about to turn over has no curvature, and foretells no change.
        change = np.linalg.norm(np.einsum("npm,nm->np", old.images, parts), axis=1)
        gradient = np.linalg.norm(old.gradients, axis=1)
        size = np.maximum(np.maximum(change, 0.1 * gradient), np.finfo(float).tiny)
        return np.asarray(surprise(old, new, parts) / size)

    def accepts(self, old: LocalModel, new: LocalModel, misfit: Floats) -> Mask:
        """Return whether the foretold change of gradient was right at all."""
        return np.asarray(misfit < 1.0)


def _bounded_newton(slopes: Floats, values: Floats, length: float) -> Floats:
    size = np.abs(values)
    whole = size + np.sqrt(size**2 + 4 * (slopes / length) ** 2)
    return np.asarray(2 * slopes / np.maximum(whole, np.finfo(float).tiny))


def refine_transition_state(
    landscape: Landscape,
    point: ArrayLike | Tensor,
    *,
    direction: ArrayLike | Tensor | None = None,
    limits: Limits | None = None,
) -> Refinement:
    """Return the transition state found from a `point`, shape (P,), nearby, such as the top of a path.

    A failure is its outcome, with the reason in its message.
    Eigenvector following with a trust radius; zero modes are projected out; it ends with Newton steps, so that a
    position is good to 1e-9. Up to `DENSE_LIMIT` parameters every step diagonalizes the Hessian; above, a Krylov space
    of Hessian-vector products stands for it, which suits networks of a few thousand parameters in float64. Landscapes
    with a kernel, and those without second derivatives, are searched by gradients alone, and the Hessian is looked at
    where that ends.

    Parameters
    ----------
    direction : array (P,), optional
        To follow while no eigenvalue is negative, such as the tangent of a path; by default the softest mode.

    Raises
    ------
    ValueError
        For a point of another shape.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> found = refine_transition_state(MullerBrown(), [-0.8, 0.6])
    >>> print(found.outcome, round(found.energy, 8))
    converged -40.66484351
    """
    points = np.asarray(point, dtype=np.float64)[None]
    directions = None if direction is None else np.asarray(direction, dtype=np.float64)[None]
    return refine_transition_states(landscape, points, directions=directions, limits=limits)[0]


def refine_transition_states(
    landscape: Landscape,
    points: ArrayLike | Tensor,
    *,
    directions: ArrayLike | Tensor | None = None,
    limits: Limits | None = None,
) -> tuple[Refinement, ...]:
    """Return `refine_transition_state` for many points, shape (n, P), computed together.

    Raises
    ------
    ValueError
        For points or directions of another shape.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> found = refine_transition_states(MullerBrown(), [[-0.8, 0.6], [0.2, 0.3]])
    >>> [round(search.energy, 4) for search in found]
    [-40.6648, -72.2489]
    """
    starts = as_points(landscape, points)
    guides = np.zeros_like(starts) if directions is None else as_points(landscape, directions)
    if guides.shape != starts.shape:
        raise ValueError(f"{len(guides)} directions given for {len(starts)} points; one each is expected")
    if not len(starts):
        return ()
    if (engine := engine_of(landscape)) is None:
        return _by_hessians(landscape, starts, guides, limits or Limits())
    ends = engine.up(starts, guides, limits=limits or Limits())
    return finished(landscape, ends, EigenvectorFollowing(landscape.length_scale), limits)


def _by_hessians(landscape: Landscape, starts: Floats, guides: Floats, limits: Limits) -> tuple[Refinement, ...]:
    """Return the searches from some starts, a Hessian a step."""
    allowed = walk_limits(landscape, limits)
    rule = EigenvectorFollowing(landscape.length_scale)
    state = walk(landscape, starts, rule, guides=guides, limits=allowed)
    return ended(landscape, state, rule.index, limits=allowed)


def search_from_minimum(
    landscape: Landscape,
    minimum: ArrayLike | Tensor,
    *,
    n_modes: int = 6,
    directions: ArrayLike | Tensor | None = None,
    limits: Limits | None = None,
) -> tuple[Refinement, ...]:
    """Return the searches for transition states that leave one minimum, shape (P,), along its softest modes.

    Mode 0 is followed forth and back, then mode 1 forth and back, and so on; by a Hessian a step, so that a mode that
    is not the softest stays followed, but where there are no second derivatives.

    Parameters
    ----------
    directions : array (k, P), optional
        Followed, one way, instead of the modes.
    limits : Limits, optional
        `first_radius` is the length of the first step too.

    Raises
    ------
    ValueError
        For a minimum or directions of another shape.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> surface = MullerBrown()
    >>> found = search_from_minimum(surface, surface.minima[2], n_modes=1)
    >>> sorted(round(search.energy, 4) for search in found)
    [-72.2489, -40.6648]
    """
    start = as_points(landscape, np.asarray(minimum, dtype=np.float64)[None])
    allowed = limits or Limits()
    if directions is None:
        model = local_model(landscape, start, np.random.default_rng(0).standard_normal(start.shape))
        modes = model.vectors[0].T[:n_modes]
        ways = np.stack([modes, -modes], axis=1).reshape(-1, start.shape[1])
    else:
        ways = as_points(landscape, directions)
        ways = ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), np.finfo(float).tiny)
    starts = start + allowed.first_radius * landscape.length_scale * ways
    if landscape.gradient_only or not len(starts):
        return refine_transition_states(landscape, starts, directions=ways, limits=allowed)
    return _by_hessians(landscape, starts, ways, allowed)
