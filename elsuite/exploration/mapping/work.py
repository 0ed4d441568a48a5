"""The pieces of work that mapping a landscape is made of, each a function of the landscape and its own seed."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from elsuite.core.identity import start_seeds
from elsuite.core.typing import Floats, Mask
from elsuite.exploration.attempts import reason_of
from elsuite.exploration.mapping.basin_hopping import basin_hopping, reason_among
from elsuite.exploration.mapping.rows import FOLLOWED_DOWN, Discovery, VerifiedState
from elsuite.landscapes.base import Landscape
from elsuite.paths import PathFinder, PathSearch
from elsuite.stationary import (
    Box,
    Limits,
    Outcome,
    Refinement,
    descend,
    follow_down,
    hessian_spectrum,
    refine_transition_states,
    search_from_minimum,
)
from elsuite.symmetry.base import Symmetry
from elsuite.symmetry.points import PointIndex

PUSH = 1e-2
"""Length of the first step off a transition state, in units of the region's scale."""
TOPS = 6
"""At most so many tops of one path are refined."""


@dataclass(frozen=True, eq=False)
class Region:
    """Where a landscape is mapped."""

    landscape: Landscape
    bounds: Floats | None
    """Where starts are drawn; points outside, of a surface, are not taken. Shape (2, P)."""
    symmetry: Symmetry
    """By which points are one."""
    limits: Limits
    """Their box is wider than the bounds, so that a search may turn back."""
    scale: float
    """A typical length in the landscape's units."""
    tolerance: float
    """The distance within which points are one, in the landscape's units."""

    def holds(self, point: Floats) -> bool:
        """Return whether a point found may be kept."""
        if self.bounds is None or self.symmetry.drifts:
            return True
        # A point on the edge is in: where it is known to lie is known to the tolerance only.
        edge = self.tolerance
        return Box(self.bounds[0] - edge, self.bounds[1] + edge, self.symmetry).holds(point[None]).item()

    def hold(self, points: Floats) -> Mask:
        """Return which of some points, shape (n, P), are worth a closer look: those within the limits."""
        box = self.limits.box
        return np.ones(len(points), dtype=np.bool_) if box is None else box.holds(points)


def random_points(region: Region, numbers: Sequence[int], *, seed: int) -> Floats:
    """Return the random starts of some numbers, shape (n, P): each depends on its number and the seed only."""
    seeds = start_seeds(seed, max(numbers) + 1)[numbers[0] : numbers[-1] + 1]
    if region.bounds is None or region.symmetry.drifts:
        return region.landscape.initial_points(seeds).cpu().numpy().astype(np.float64)
    fractions = np.array([np.random.default_rng(s).random(region.landscape.n_parameters) for s in seeds])
    return np.asarray(region.bounds[0] + fractions * (region.bounds[1] - region.bounds[0]))


def each_alone(search: Callable[..., Discovery], region: Region, *rows: Floats) -> Discovery:
    """Return what a search finds from some rows together; where one raises an exception, from each of them alone."""
    try:
        return search(region, *rows)
    except Exception as error:  # what a user's landscape raises ends one search only
        if len(rows[0]) == 1:
            return Discovery((), (), {str(Outcome.FAILED): 1}, 1, error=reason_of(error))
    parts = [each_alone(search, region, *(row[k : k + 1] for row in rows)) for k in range(len(rows[0]))]
    failures: Counter[str] = sum((Counter(part.failures) for part in parts), Counter())
    return Discovery(
        [minimum for part in parts for minimum in part.minima],
        [state for part in parts for state in part.states],
        failures,
        sum(part.n_searches for part in parts),
        sum(part.n_steps for part in parts),
        sum(part.n_gradients for part in parts),
        next(part.error for part in parts if part.error),
    )


def minima_below(region: Region, points: Floats) -> Discovery:
    """Return the minima below some points."""
    ends = descend(region.landscape, points, limits=region.limits)
    minima, failures = _kept(region, ends)
    return Discovery(minima, (), failures, len(ends), *_cost(ends), error=reason_among(ends))


def hops(region: Region, starts: Floats, *, n_hops: int, temperature: float, seed: int) -> Discovery:
    """Return the minima that walkers from `starts` meet."""
    found = basin_hopping(
        region.landscape,
        starts,
        n_hops=n_hops,
        temperature=temperature * _stiffness(region, starts),
        seed=seed,
        bounds=region.bounds,
        tolerance=region.tolerance / region.landscape.length_scale,
        limits=region.limits,
    )
    minima, failures = _kept(region, found.minima)
    failures += found.failures
    return Discovery(minima, (), failures, len(starts) * (n_hops + 1), 0, found.n_gradients, error=found.reason)


def _stiffness(region: Region, minima: Floats) -> float:
    """Return the energy that a displacement by a tenth of the scale costs along the stiffest modes of some minima."""
    top = [
        hessian_spectrum(region.landscape, minimum, n_lowest=0, n_highest=1).highest.max(initial=0.0)
        for minimum in minima
    ]
    energy = float(np.median(top)) * (0.1 * region.scale) ** 2 / 2
    return energy if 0 < energy < np.inf else 1.0


def along_modes(region: Region, minimum: Floats, *, n_modes: int) -> Discovery:
    """Return the transition states found from one minimum along its soft modes, both ways."""
    found = search_from_minimum(region.landscape, minimum, n_modes=n_modes, limits=region.limits)
    return verified_states(region, found)


def along_directions(region: Region, minimum: Floats, *, n_directions: int, farther: int, seed: int) -> Discovery:
    """Return the transition states found from one minimum in random directions, starting `farther` reaches away."""
    ways = np.random.default_rng(seed).standard_normal((n_directions, len(minimum)))
    ways -= np.einsum("pk,qk,nq->np", *[region.symmetry.zero_modes(minimum[None])[0]] * 2, ways)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    # About a third of the way to a neighboring minimum: a guess, which decides cost only.
    if region.bounds is None or region.symmetry.drifts:
        reach = 0.5 * region.scale
    else:
        reach = 0.05 * float((region.bounds[1] - region.bounds[0]).min())
    return each_alone(from_points, region, minimum + farther * reach * ways, ways)


def from_points(region: Region, points: Floats, ways: Floats | None = None) -> Discovery:
    """Return the transition states found uphill from some points, by some ways or wherever they lie."""
    found = refine_transition_states(region.landscape, points, directions=ways, limits=region.limits)
    return verified_states(region, found)


def between(region: Region, a: Floats, b: Floats, *, finder: PathFinder, seed: int) -> Discovery:
    """Return the transition states at the tops of a path between two minima."""
    search = finder.find(region.landscape, a, region.symmetry.nearest(a, b).coordinates, seed=seed)
    tops, tangents = tops_of(search)
    found = refine_transition_states(region.landscape, tops, directions=tangents, limits=region.limits)
    return verified_states(region, found)


def tops_of(search: PathSearch) -> tuple[Floats, Floats]:
    """Return the highest local maxima along a path, and the tangents there."""
    profile = search.profile
    inner = np.flatnonzero((profile[1:-1] >= profile[:-2]) & (profile[1:-1] >= profile[2:])) + 1
    t = np.append(np.linspace(0, 1, len(profile))[inner], search.refined_t)
    heights = np.append(profile[inner], search.refined_height)
    t = t[np.argsort(-heights, kind="stable")][:TOPS]
    width = 0.25 / len(profile)
    around = np.concatenate([t, np.clip(t - width, 0, 1), np.clip(t + width, 0, 1)])
    points = search.path.points(torch.as_tensor(around)).detach().cpu().numpy().astype(np.float64)
    here, before, after = np.split(points, 3)
    return here, after - before


def verified_states(region: Region, found: Sequence[Refinement], known: PointIndex | None = None) -> Discovery:
    """Return the transition states among some searches that lead down to a minimum on both sides.

    Those that are `known` are not followed down again.
    """
    states, failures = _kept(region, found)
    if known is not None:
        states = [state for state in states if known.find(state.point) is None]
    seen = PointIndex(region.symmetry, region.tolerance)
    states.sort(key=lambda state: (state.energy, state.point.tolist()))
    distinct: list[Refinement] = []
    for state in states:
        if seen.number(state.point) == len(distinct):
            distinct.append(state)
    sides = follow_down(
        region.landscape,
        np.array([s.point for s in distinct]).reshape(-1, region.landscape.n_parameters),
        np.array([s.eigenvector for s in distinct]).reshape(-1, region.landscape.n_parameters),
        push=PUSH * region.scale / region.landscape.length_scale,
        limits=region.limits,
    )
    verified = []
    for state, ends in zip(distinct, sides, strict=True):
        minima, lost = _kept(region, ends)
        failures += Counter({f"{FOLLOWED_DOWN}{outcome}": n for outcome, n in lost.items()})
        if len(minima) == 2:
            verified.append(VerifiedState(state, ends))
    all_ends = [*found, *(end for pair in sides for end in pair)]
    return Discovery((), verified, failures, len(found), *_cost(all_ends), error=reason_among(all_ends))


def _kept(region: Region, found: Sequence[Refinement]) -> tuple[list[Refinement], Counter[str]]:
    """Return the points of the wanted index within the bounds, and the number of all others by outcome."""
    failures = Counter(str(f.outcome) for f in found if f.outcome is not Outcome.CONVERGED)
    good = [f for f in found if f.outcome is Outcome.CONVERGED]
    inside = [f for f in good if region.holds(f.point)]
    if len(inside) < len(good):
        failures[str(Outcome.LEFT_BOUNDS)] += len(good) - len(inside)
    return inside, failures


def _cost(searches: Sequence[Refinement]) -> tuple[int, int]:
    """Return the steps and gradients of some searches."""
    return sum(s.n_steps for s in searches), sum(s.n_gradients for s in searches)
