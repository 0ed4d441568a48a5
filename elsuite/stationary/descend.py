"""Down to minima: along the path of steepest descent, from a transition state to both sides or from anywhere."""

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.typing import Floats, Mask
from elsuite.landscapes.base import Landscape
from elsuite.stationary.classify import as_points, ended
from elsuite.stationary.engine import engine_of, finished
from elsuite.stationary.model import LocalModel
from elsuite.stationary.results import Refinement
from elsuite.stationary.walk import Limits, Rule, surprise, walk, walk_limits

_LEAST = 1e-200  # no scale is smaller: 1e18 times its inverse is a number


@final
@dataclass(frozen=True)
class SteepestDescent(Rule):
    r"""Follow the path of steepest descent of the second-order model, for as long as the model holds.

    .. math:: s_i(\tau) = -\frac{g_i}{\lambda_i} (1 - e^{-\lambda_i \tau})

    which is Newton's step where all eigenvalues are positive and the radius allows it.
    Page and McIver, J. Chem. Phys. 88, 922 (1988).
    """

    error: float
    """Largest error of the gradient foretold, relative to the larger one at both ends of a step; infinite: any."""
    index: int = 0

    def steps(self, model: LocalModel, radii: Floats, guides: Floats) -> tuple[Floats, Floats]:
        """Return the components of the steps; no direction is followed."""
        return _steepest(model.slopes, model.values, radii), np.zeros_like(guides)

    def misfit(self, old: LocalModel, new: LocalModel, parts: Floats) -> Floats:
        """Return the gradient not foretold, relative to the larger one at both ends; or the energy not foretold."""
        if np.isfinite(self.error):
            norms = [np.linalg.norm(model.gradients, axis=1) for model in (old, new)]
            return np.asarray(surprise(old, new, parts) / np.maximum(np.maximum(*norms), np.finfo(float).tiny))
        foretold = (old.slopes * parts + old.values * parts**2 / 2).sum(axis=1)
        error = np.abs(new.energies - old.energies - foretold)
        return np.asarray(error / np.maximum(np.abs(foretold) + _rounding(old), np.finfo(float).tiny))

    def accepts(self, old: LocalModel, new: LocalModel, misfit: Floats) -> Mask:
        """Return whether the energy fell, up to rounding, or the gradient did in a basin; and the path was followed.

        Energies are sums whose parts may be far larger than they: near a minimum gradients tell more.
        """
        slopes = [np.linalg.norm(model.gradients, axis=1) for model in (old, new)]
        basin = (old.values > 0).all(axis=1) & (new.values > 0).all(axis=1)
        fell = (new.energies <= old.energies + _rounding(old)) | (basin & (slopes[1] <= slopes[0] / 2))
        return np.asarray(fell & ((misfit <= self.error) | np.isinf(self.error)))


def _rounding(model: LocalModel) -> Floats:
    """Return how far energies may be off: some hundred units in their last place."""
    return np.asarray(1e-13 * np.abs(model.energies))


def _steepest(slopes: Floats, values: Floats, radii: Floats) -> Floats:
    """Return the step to the end of the path, or to the radius, by bisection in the logarithm of its duration."""

    def at(durations: Floats) -> Floats:
        exponents = values * durations[:, None]
        # (1 - exp(-x)) / x is smooth at 0; large negative x overflow, and mean: too far.
        small = np.abs(exponents) < 1e-8
        with np.errstate(over="ignore", invalid="ignore"):
            factors = np.where(small, 1.0 - exponents / 2, -np.expm1(-exponents) / np.where(small, 1.0, exponents))
            return -slopes * np.where(slopes == 0, 0.0, factors * durations[:, None])

    def too_far(parts: Floats) -> Mask:
        with np.errstate(over="ignore"):
            return np.asarray(~(np.linalg.norm(parts, axis=1) <= radii))

    # Durations are in units of the stiffest direction's; where there is no curvature, of the way to the radius.
    stiffest, slope = np.abs(values).max(axis=1), np.linalg.norm(slopes, axis=1)
    scale = np.maximum(np.where(stiffest > 0, stiffest, slope / radii), _LEAST)
    low, high = np.log(1e-12 / scale), np.log(1e18 / scale)
    whole = at(np.exp(high))
    if not too_far(whole).any():
        return whole
    for _ in range(30):  # the radius need not be met exactly
        middle = (low + high) / 2
        far = too_far(at(np.exp(middle)))
        low, high = np.where(far, low, middle), np.where(far, middle, high)
    limited = at(np.exp(low))
    over = np.linalg.norm(limited, axis=1)  # where the path is faster than any duration looked at
    limited *= np.minimum(1.0, radii / np.maximum(over, np.finfo(float).tiny))[:, None]
    return np.where(too_far(whole)[:, None], limited, whole)


def descend(
    landscape: Landscape, points: ArrayLike | Tensor, *, error: float = np.inf, limits: Limits | None = None
) -> tuple[Refinement, ...]:
    """Return the minima reached from many points, shape (n, P), computed together.

    A search is "converged" where its point is a minimum: all eigenvalues positive, zero modes left out. Landscapes with
    a kernel, and those without second derivatives, are descended by gradients alone; an exception of theirs ends one
    search.

    Parameters
    ----------
    error : float
        How closely the path of steepest descent is followed (0.3 keeps to it well); by default any step that lowers
        the energy is taken. By gradients alone steps are short, and nothing else is asked.

    Raises
    ------
    ValueError
        For points of another shape.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> [round(found.energy, 6) for found in descend(SixHumpCamel(), [[0.5, -0.5], [2.0, 1.0]])]
    [-1.031628, 2.10425]
    """
    starts = as_points(landscape, points)
    if not len(starts):
        return ()
    if (engine := engine_of(landscape)) is not None:
        ends = engine.down(starts, limits=limits or Limits())
        return finished(landscape, ends, SteepestDescent(error), limits)
    allowed = walk_limits(landscape, limits or Limits())
    state = walk(landscape, starts, SteepestDescent(error), guides=np.zeros_like(starts), limits=allowed)
    return ended(landscape, state, SteepestDescent.index, limits=allowed)


def follow_down(
    landscape: Landscape,
    transition_states: ArrayLike | Tensor,
    eigenvectors: ArrayLike | Tensor,
    *,
    push: float = 1e-2,
    error: float = 0.3,
    limits: Limits | None = None,
) -> tuple[tuple[Refinement, Refinement], ...]:
    """Return the two minima that each transition state, shape (n, P), joins, against and along its eigenvector.

    They are the ends of its two paths of steepest descent.

    Parameters
    ----------
    eigenvectors : array (n, P)
        Unit eigenvectors of the negative eigenvalues.
    push : float
        Length of the first step off each transition state, forth and back along the eigenvector, in units of the
        landscape's length scale.
    error : float
        As for `descend`.

    Raises
    ------
    ValueError
        For shapes that differ.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> from elsuite.stationary import refine_transition_state
    >>> surface = MullerBrown()
    >>> found = refine_transition_state(surface, [-0.8, 0.6])
    >>> sides, = follow_down(surface, found.point[None], found.eigenvector[None])
    >>> sorted(round(side.energy, 4) for side in sides)
    [-146.6995, -80.7678]
    """
    tops, vectors = as_points(landscape, transition_states), as_points(landscape, eigenvectors)
    if tops.shape != vectors.shape:
        raise ValueError(f"{len(vectors)} eigenvectors given for {len(tops)} transition states; one each is expected")
    allowed = replace(limits or Limits(), first_radius=push)
    steps = push * landscape.length_scale * vectors
    ends = descend(landscape, np.concatenate([tops - steps, tops + steps]), error=error, limits=allowed)
    return tuple(zip(ends[: len(tops)], ends[len(tops) :], strict=True))
