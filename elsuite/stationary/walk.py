"""Many searches in lockstep, each with a trust radius of its own: the loop that refining and descending share.

A step comes from the second-order model at the point. The gradient found at its end is compared with the one that the
model foretold: where they differ much the radius shrinks, where they agree it grows. No energy scale or length scale
needs to be known.
"""

import abc
import math
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import InstanceOf

from elsuite.core.outcomes import Outcome
from elsuite.core.settings import NonNegative, Number, Positive, Whole, settings
from elsuite.core.typing import Floats, Ids, Mask
from elsuite.landscapes.base import Landscape
from elsuite.stationary.model import LocalModel, chosen, local_model, mixed
from elsuite.symmetry.base import NoSymmetry, Symmetry

INFLECTION = 100.0
"""Where the gradient vanishes but Newton's step does not, the tolerance of zero eigenvalues is so much larger."""
FAR = 1e8
"""A search that is farther than so many length scales from its start has run away."""
SHORTEST = 1e-9
"""A trust radius under this, relative to the first one, has stalled."""


@dataclass(frozen=True)
class Box:
    """Where searches may go: points with a copy, by the symmetry, between `lowest` and `highest`, both (P,).

    Of clusters that drift, the distances of atoms from the center count.

    Examples
    --------
    >>> box = Box(np.array([0.0, 0.0]), np.array([1.0, 2.0]))
    >>> box.holds(np.array([[0.5, 1.5], [1.5, 0.5]])).tolist()
    [True, False]
    """

    lowest: Floats
    highest: Floats
    symmetry: Symmetry | None = None

    def holds(self, points: Floats) -> Mask:
        """Return which of `points`, shape (n, P), lie within, shape (n,)."""
        symmetry = self.symmetry or NoSymmetry(points.shape[1])
        return symmetry.within(points, self.lowest, self.highest)


@settings(kw_only=False)
class Limits:
    """When searches end. Lengths are in units of the landscape's `length_scale`.

    Attributes
    ----------
    first_radius, largest_radius : float
        Trust radius at the start, and its upper limit.
    step_tolerance : float
        Converged when Newton's step is not longer than this, or than the coordinates can tell.
    gradient_tolerance : float
        Converged when the gradient norm is not above this times the largest curvature nearby, in units of the length
        scale.
    zero_tolerance : float
        An eigenvalue counts as zero when it is not above this times the largest one met nearby.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> from elsuite.stationary import refine_transition_state
    >>> print(refine_transition_state(MullerBrown(), [-0.8, 0.6], limits=Limits(max_steps=1)).outcome)
    budget spent
    """

    max_steps: Whole = 300
    first_radius: Positive = 0.05
    largest_radius: Annotated[int | float, Number(above=0, finite=False)] = math.inf
    step_tolerance: NonNegative = 1e-10
    gradient_tolerance: NonNegative = 1e-14
    zero_tolerance: NonNegative = 1e-8
    box: InstanceOf[Box] | None = None


@dataclass(frozen=True, eq=False)
class State:
    """All n searches at one moment."""

    points: Floats
    model: LocalModel
    radii: Floats
    guides: Floats
    """The direction that each search follows, with its sense, shape (n, P); zeros where it follows none."""
    curvatures: Floats
    """The largest absolute eigenvalue that each search met since its last step longer than the first radius."""
    outcomes: tuple[Outcome | None, ...]
    """None while a search goes on."""
    n_steps: Ids
    n_gradients: Ids
    starts: Floats
    far: float
    """How far from its start a search has run away."""


class Rule(abc.ABC):
    """What one search does: its steps, which of them it takes, and the index it ends at."""

    index: int

    @abc.abstractmethod
    def steps(self, model: LocalModel, radii: Floats, guides: Floats) -> tuple[Floats, Floats]:
        """Return the components of the steps along the model's vectors, (n, m), and the directions followed, (n, P)."""

    @abc.abstractmethod
    def misfit(self, old: LocalModel, new: LocalModel, parts: Floats) -> Floats:
        """Return how wrong the model was about a step, (n,): the radius grows under 0.3 and shrinks over 0.5."""

    @abc.abstractmethod
    def accepts(self, old: LocalModel, new: LocalModel, misfit: Floats) -> Mask:
        """Return which steps are taken, (n,)."""


def surprise(old: LocalModel, new: LocalModel, parts: Floats) -> Floats:
    """Return the norm of the gradient that the model did not foretell, shape (n,)."""
    foretold = np.einsum("npm,nm->np", old.images, parts)
    return np.asarray(np.linalg.norm(new.gradients - old.gradients - foretold, axis=1))


def walk_limits(landscape: Landscape, limits: Limits) -> Limits:
    """Return the limits in the landscape's own units, as far as they can be reached in its number type."""
    if landscape.dtype.itemsize < 8:
        limits = replace(
            limits,
            step_tolerance=max(limits.step_tolerance, 1e-5),
            gradient_tolerance=max(limits.gradient_tolerance, 1e-8),
            zero_tolerance=max(limits.zero_tolerance, 1e-4),
        )
    return scaled_limits(limits, landscape.length_scale)


def scaled_limits(limits: Limits, scale: float) -> Limits:
    """Return the limits with all lengths `scale` times as long."""
    lengths = ("first_radius", "largest_radius", "step_tolerance", "gradient_tolerance")
    return replace(limits, **{name: scale * getattr(limits, name) for name in lengths})


def walk(landscape: Landscape, starts: Floats, rule: Rule, *, guides: Floats, limits: Limits) -> State:
    """Return the searches from `starts`, shape (n, P), when all have ended."""
    n = len(starts)
    model = local_model(landscape, starts, guides)
    begun = State(
        points=starts.copy(),
        model=model,
        radii=np.full(n, limits.first_radius),
        guides=guides.copy(),
        curvatures=np.zeros(n),
        outcomes=(None,) * n,
        n_steps=np.zeros(n, dtype=np.int64),
        n_gradients=model.n_gradients.copy(),
        starts=starts,
        far=FAR * landscape.length_scale,
    )
    state = _settled(begun, rule, limits)
    for _ in range(limits.max_steps):
        going = np.flatnonzero([outcome is None for outcome in state.outcomes])
        if not going.size:
            break
        state = _settled(_advanced(landscape, state, going, rule, limits), rule, limits)
    spent = Outcome.BUDGET_SPENT
    return replace(state, outcomes=tuple(outcome or spent for outcome in state.outcomes))


def count_zero(values: Floats, bounds: Floats | float) -> Ids:
    """Return how many of the eigenvalues, shape (..., m), are not above the bounds, shape (...), in absolute value."""
    return np.asarray((np.abs(values) <= np.asarray(bounds)[..., None]).sum(axis=-1), dtype=np.int64)


def _advanced(landscape: Landscape, state: State, going: Ids, rule: Rule, limits: Limits) -> State:
    """Return the state after one trial step of the searches `going`."""
    old, radii = chosen(state.model, going), state.radii[going]
    parts, guides = rule.steps(old, radii, state.guides[going])
    steps = np.einsum("npm,nm->np", old.vectors, parts)
    trials = state.points[going] + steps
    new = local_model(landscape, trials, guides)
    with np.errstate(invalid="ignore", over="ignore"):  # a step into the infinite is refused
        misfit = rule.misfit(old, new, parts)
        taken = new.finite & rule.accepts(old, new, misfit)
    lengths = np.linalg.norm(steps, axis=1)
    radii = np.where(misfit < 0.3, np.maximum(radii, 2 * lengths), np.where(misfit > 0.5, lengths / 2, radii))
    radii = np.where(taken, np.minimum(radii, limits.largest_radius), lengths / 4)
    points, follow, all_radii = state.points.copy(), state.guides.copy(), state.radii.copy()
    points[going[taken]], follow[going[taken]], all_radii[going] = trials[taken], guides[taken], radii
    # What the curvature was far away, atoms almost at one place, say, tells nothing about the point arrived at.
    curvatures = state.curvatures.copy()
    curvatures[going[taken & (lengths > limits.first_radius)]] = 0.0
    n_steps, n_gradients = state.n_steps.copy(), state.n_gradients.copy()
    n_steps[going] += 1
    n_gradients[going] += new.n_gradients
    model = mixed(state.model, going[taken], chosen(new, taken))
    return replace(
        state,
        points=points,
        model=model,
        radii=all_radii,
        guides=follow,
        curvatures=curvatures,
        n_steps=n_steps,
        n_gradients=n_gradients,
    )


def _settled(state: State, rule: Rule, limits: Limits) -> State:
    """Return the state with an outcome for every search that has ended."""
    model = state.model
    curvatures = np.maximum(state.curvatures, np.abs(np.nan_to_num(model.values)).max(axis=1, initial=0.0))
    resolution = 4 * np.finfo(float).eps * np.linalg.norm(state.points, axis=1)
    with np.errstate(over="ignore"):  # without curvature Newton's step has no end
        newton = np.linalg.norm(model.slopes / np.maximum(np.abs(model.values), np.finfo(float).tiny), axis=1)
    close = newton <= limits.step_tolerance + resolution
    arrived = close | (np.linalg.norm(model.gradients, axis=1) <= limits.gradient_tolerance * curvatures)
    index = (model.values < 0).sum(axis=1)
    # At an inflection the gradient vanishes long before the curvature does.
    zero = limits.zero_tolerance * np.where(close, 1.0, INFLECTION)
    # Numbers so small that their squares are lost are zero, too.
    flat = count_zero(model.values, np.maximum(zero * curvatures, np.sqrt(np.finfo(float).tiny))) > 0
    inside = limits.box.holds(state.points) if limits.box else np.ones(len(newton), dtype=bool)
    tests = (
        (~model.finite, Outcome.NOT_A_NUMBER),
        (~inside, Outcome.LEFT_BOUNDS),
        (np.linalg.norm(state.points - state.starts, axis=1) > state.far, Outcome.DIVERGED),
        (arrived & flat, Outcome.DEGENERATE),
        (arrived & (index != rule.index), Outcome.WRONG_INDEX),
        (arrived, Outcome.CONVERGED),
        (state.radii < SHORTEST * limits.first_radius, Outcome.STALLED),
    )
    outcomes = tuple(
        known or next((outcome for test, outcome in tests if test[k]), None) for k, known in enumerate(state.outcomes)
    )
    return replace(state, outcomes=outcomes, curvatures=curvatures)
