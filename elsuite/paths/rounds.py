"""Searches in rounds, each with twice the steps of the one before, until the height stops falling (`converge`)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from elsuite.core.outcomes import Outcome
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.paths.base import Basis, Path, PathSearch
from elsuite.paths.descent import Descended, Descent, SoftMaximum, descend
from elsuite.paths.heights import Heights
from elsuite.paths.search import Ledger, conclude

__all__ = ["Measured", "Plan", "converge", "lower", "nothing_above", "unfinished"]

Measured = tuple[Path, Heights]
"""A path and what was measured on it."""

RATE_DECAY = 0.5
"""Learning rates of the rounds fall by this, as the noise that is left has to."""

SHARPNESSES = (10.0, 50.0, 250.0)
"""Of the soft maximum, one after the other, in a round on a surface without data."""

STIFFNESS = 1e-3
"""Of the soft maximum: measured on Muller-Brown and the four Gaussians, 0 lets paths wind, 0.1 cuts corners."""


LEAST_LOSS, LEAST_SHARE, LEAST_OF_STRAIGHT = 1e-5, 1e-3, 1e-4
"""Heights above the higher end that count as none: see `nothing_above`."""

ROUNDING = 1e-12


@dataclass(frozen=True)
class Plan:
    """How a search in rounds goes.

    Attributes
    ----------
    descent : Descent
        The first round.
    basis : callable
        The basis of a round by its number from 0, which begins with that of the round before; None: the whole.
    tolerance : float
        A round after the first that changes the excess by no more than this share of it is the last.
    negligible : float, optional
        An excess that counts as none; by default the rule of `nothing_above`.
    n_points : int
        Points of the profile.
    """

    descent: Descent
    basis: Callable[[int | None], Basis]
    tolerance: float
    negligible: float | None
    max_rounds: int
    n_points: int


def nothing_above(landscape: Landscape, end: float, straight: float) -> float:
    """Return the height above the higher end that counts as none.

    Over data, 1e-5 and a thousandth of that end's energy, which is far under any loss between two solutions that do
    not join; else a ten-thousandth of the straight line's (and rounding), since units and zeros of
    energy are arbitrary there.
    """
    if isinstance(landscape, DataLandscape):
        return LEAST_LOSS + LEAST_SHARE * abs(end)
    return LEAST_OF_STRAIGHT * straight + ROUNDING * abs(end)


def converge(path: Path, landscape: Landscape, plan: Plan, generator: torch.Generator) -> PathSearch:
    """Play rounds until one ends the search, and return the lowest path seen.

    With the excess, which is the refined height above the higher end, the search is ``converged`` when the excess is
    negligible (`nothing_above`), or when a round after the first, of twice the steps of the one before, changed it
    by no more than the tolerance times what is left: one that comes out higher by more shows noise, which the next one
    has less of. ``budget spent`` when the rounds are used up; ``not a number`` when an energy or gradient is not
    finite.
    """
    ledger = Ledger()
    heights = ledger.look(path, landscape, plan.n_points)
    end = float(max(heights.profile[0], heights.profile[-1]))
    if not math.isfinite(end):
        return conclude(path, heights, ledger, Outcome.NOT_A_NUMBER, "the energy of an end is not finite")
    best = (path, heights)
    straight = heights.refined_height - end
    negligible = nothing_above(landscape, end, straight) if plan.negligible is None else plan.negligible
    fall = math.inf
    for number in range(plan.max_rounds + 1):
        excess = best[1].refined_height - end
        reached = f"{excess:.2g} above the higher end after {number} round{'' if number == 1 else 's'}"
        if excess <= negligible:
            message = f"{reached}; up to {negligible:.2g} counts as none"
            return conclude(*best, ledger, Outcome.CONVERGED, message)
        if number > 1 and abs(fall) <= plan.tolerance * excess:
            message = f"{reached}; the last, with twice the steps, {_in_words(fall)}"
            return conclude(*best, ledger, Outcome.CONVERGED, message)
        if number == plan.max_rounds:
            break
        descents = _play(path, landscape, plan, number, generator)
        ledger.n_point_gradients += sum(d.n_point_gradients for d in descents)
        path = descents[-1].path
        if not descents[-1].finite:
            message = f"an energy or gradient in round {number + 1} is not finite"
            return conclude(*best, ledger, Outcome.NOT_A_NUMBER, message)
        heights = ledger.look(path, landscape, plan.n_points)
        fall = best[1].refined_height - heights.refined_height
        best = lower(best, (path, heights))
    return conclude(*best, ledger, *unfinished(reached, fall))


def lower(one: Measured, other: Measured) -> Measured:
    """Return which of two measured paths is lower; a height that is no number is higher than all."""
    heights = one[1].refined_height, other[1].refined_height
    return other if heights[1] < heights[0] or math.isnan(heights[0]) else one


def unfinished(reached: str, fall: float) -> tuple[Outcome, str]:
    """Return the outcome and message of a search that had `reached` something when its budget was spent."""
    if math.isnan(fall):
        return Outcome.NOT_A_NUMBER, f"an energy on the path is not finite; {reached}"
    return Outcome.BUDGET_SPENT, f"{reached}; the last {_in_words(fall)}, and more may lower it"


def _in_words(fall: float) -> str:
    return f"lowered it by {fall:.2g}" if fall >= 0 else f"came out {-fall:.2g} higher"


def _play(
    path: Path, landscape: Landscape, plan: Plan, number: int, generator: torch.Generator
) -> list[Descended]:
    """Return the descents of one round.

    Noisy energies are lowered as a mean: going for their maximum was worse at equal cost. Where every energy is
    exact there is no noise to average out, and the soft maximum is lowered instead, from blunt to sharp.
    """
    descent = replace(plan.descent, n_steps=plan.descent.n_steps * 2**number)
    if isinstance(landscape, DataLandscape):
        rate = descent.learning_rate * RATE_DECAY**number
        path = _widened(path, plan.basis(number))
        return [descend(path, landscape, replace(descent, learning_rate=rate), generator)]
    path = _widened(path, plan.basis(None))
    descents: list[Descended] = []
    for sharpness in SHARPNESSES:
        sharp = replace(
            descent,
            objective=SoftMaximum(sharpness, STIFFNESS),
            points_per_step=plan.n_points,
            by_length=True,
            density="uniform",
        )
        descents.append(descend(path, landscape, sharp, generator))
        path = descents[-1].path
        if not descents[-1].finite:
            break
    return descents


def _widened(path: Path, basis: Basis) -> Path:
    """Return the same curve in a basis that goes on where the path's own ends."""
    new = path.coefficients.new_zeros(basis.n_terms - len(path.coefficients), len(path.start))
    return replace(path, basis=basis, coefficients=torch.cat([path.coefficients, new]))
