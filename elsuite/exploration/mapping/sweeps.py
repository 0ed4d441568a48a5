"""Searches by gradients alone from many minima at once: the pieces of work of landscapes that have an engine."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from elsuite.core.outcomes import Outcome
from elsuite.core.typing import Floats
from elsuite.exploration.mapping.rows import FOLLOWED_DOWN, Discovery, VerifiedState
from elsuite.exploration.mapping.work import PUSH, Region
from elsuite.landscapes.base import Landscape
from elsuite.stationary import Refinement
from elsuite.stationary.descend import SteepestDescent
from elsuite.stationary.engine import Engine, Rough, as_found, finished
from elsuite.stationary.refine import EigenvectorFollowing
from elsuite.stationary.walk import Rule
from elsuite.symmetry.points import PointIndex

MINIMA_AT_ONCE = 100
"""From so many minima searches begin in one piece of work; from one where energies come from a program of its own."""
NEAREST, FARTHEST, FAR = 0.4, 1.0, 2.0
"""How far from a minimum searches begin, in units of the region's reach: at least, at most, and of every fourth."""
SHARE_OF_BOX = 0.1
"""Of the smallest width of a box is its reach."""


@dataclass(frozen=True)
class Known:
    """The points that need not be found again."""

    minima: PointIndex
    states: PointIndex

    @classmethod
    def nothing(cls, region: Region) -> "Known":
        """Return that nothing is known."""
        return cls(*(PointIndex(region.symmetry, region.tolerance) for _ in range(2)))


def is_one_by_one(landscape: Landscape) -> bool:
    """Return whether every energy is a call of a program of its own: then each search is a piece of work.

    Examples
    --------
    >>> from elsuite.landscapes import LennardJones
    >>> is_one_by_one(LennardJones(13))
    False
    """
    return landscape.gradient_only and landscape.kernel() is None


def minima_at_once(landscape: Landscape) -> int:
    """Return from how many minima the searches of one piece of work begin: it depends on the landscape only.

    Examples
    --------
    >>> from elsuite.landscapes import LennardJones
    >>> minima_at_once(LennardJones(13))
    100
    """
    return 1 if is_one_by_one(landscape) else MINIMA_AT_ONCE


def directions_each(landscape: Landscape, n_minima: int, n_directions: int) -> int:
    """Return how many directions lead from each minimum: more than `n_directions` where that makes no piece of work.

    Examples
    --------
    >>> from elsuite.landscapes import LennardJones
    >>> directions_each(LennardJones(7), 4, 20), directions_each(LennardJones(13), 1509, 20)
    (500, 20)
    """
    return n_directions * max(1, minima_at_once(landscape) // max(1, n_minima))


def from_minima(
    region: Region, engine: Engine, minima: Floats, *, n_directions: int, seed: int, known: Known, first: int = 0
) -> Discovery:
    """Return the transition states, with the minima that they join, found from minima, (n, P), in random directions.

    States that are known are left out as soon as a search arrives there. Every fourth direction, counted from that of
    the number `first`, begins farther away.
    """
    rng = np.random.default_rng(seed)
    starts = np.repeat(minima, n_directions, axis=0)
    ways = rng.standard_normal(starts.shape)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    reach = region.scale
    if region.bounds is not None and not region.symmetry.drifts:
        reach = SHARE_OF_BOX * float((region.bounds[1] - region.bounds[0]).min())
    farthest = np.where((first + np.arange(len(starts))) % 4 == 3, FAR, FARTHEST)[:, None]
    lengths = reach * (NEAREST + (farthest - NEAREST) * rng.random((len(starts), 1)))
    ups = engine.up(starts + lengths * ways, ways, limits=region.limits)
    tops = _finished(region, ups, known.states, EigenvectorFollowing(region.landscape.length_scale))
    new = sorted(
        (top for top, is_new in zip(tops.points, tops.new, strict=True) if top is not None and is_new),
        key=lambda top: (top.energy, top.point.tolist()),
    )
    distinct = PointIndex(region.symmetry, region.tolerance)
    states: list[Refinement] = []
    for top in new:
        if distinct.number(top.point) == len(states):
            states.append(top)
    verified, sides = _sides(region, engine, states, known)
    failures = tops.failures + Counter({f"{FOLLOWED_DOWN}{outcome}": n for outcome, n in sides.failures.items()})
    n_steps, n_calls = tops.n_steps + sides.n_steps, tops.n_calls + sides.n_calls
    return Discovery((), verified, failures, len(ups), n_steps, n_calls, tops.error or sides.error)


@dataclass(frozen=True, eq=False)
class _Finished:
    """What some searches came to: points of the wanted index within the bounds, None for all others."""

    points: Sequence[Refinement | None] = ()
    new: Sequence[bool] = ()
    """Those that were not known are finished, the others are as they were found."""
    failures: Counter[str] = field(default_factory=Counter)
    n_steps: int = 0
    n_calls: int = 0
    error: str = ""


def _sides(
    region: Region, engine: Engine, states: Sequence[Refinement], known: Known
) -> tuple[list[VerifiedState], _Finished]:
    """Return those states from which both sides lead down to minima, with these, and what the descents came to."""
    if not states:
        return [], _Finished()
    points = np.array([state.point for state in states])
    pushes = PUSH * region.scale * np.array([state.eigenvector for state in states])
    downs = engine.down(np.concatenate([points - pushes, points + pushes]), limits=region.limits)
    ends = _finished(region, downs, known.minima, SteepestDescent(np.inf))
    pairs = zip(states, ends.points[: len(states)], ends.points[len(states) :], strict=True)
    return [VerifiedState(state, (a, b)) for state, a, b in pairs if a is not None and b is not None], ends


def _finished(region: Region, ends: Sequence[Rough], known: PointIndex, rule: Rule) -> _Finished:
    """Return what searches came to; what is the same point several times is finished once."""
    results: list[Refinement | None] = [None] * len(ends)
    is_new = [False] * len(ends)
    failures = Counter(str(end.outcome) for end in ends if end.outcome is not Outcome.CONVERGED)
    errors = [end.message for end in ends if end.outcome is Outcome.FAILED]
    arrived = [k for k, end in enumerate(ends) if end.outcome is Outcome.CONVERGED]
    points = np.array([ends[k].point for k in arrived]).reshape(-1, region.landscape.n_parameters)
    inside = region.hold(points)
    numbers = known.find_all(points)
    new: dict[int, list[int]] = {}
    distinct = PointIndex(region.symmetry, region.tolerance)
    for k, good, number in zip(arrived, inside.tolist(), numbers.tolist(), strict=True):
        if not good:
            failures[str(Outcome.LEFT_BOUNDS)] += 1
        elif number >= 0:
            results[k] = as_found(ends[k])
        else:
            new.setdefault(distinct.number(ends[k].point), []).append(k)
    firsts = [ends[places[0]] for places in new.values()]
    done = finished(region.landscape, firsts, rule, region.limits)
    for places, point in zip(new.values(), done, strict=True):
        outcome = point.outcome
        if outcome is Outcome.CONVERGED and not region.holds(point.point):
            outcome = Outcome.LEFT_BOUNDS
        if outcome is Outcome.FAILED:
            errors.append(point.message)
        if outcome is not Outcome.CONVERGED:
            failures[str(outcome)] += len(places)
            continue
        for k in places:
            results[k], is_new[k] = point, True
    more_steps = sum(point.n_steps - end.n_steps for point, end in zip(done, firsts, strict=True))
    more_calls = sum(point.n_gradients - end.n_calls for point, end in zip(done, firsts, strict=True))
    return _Finished(
        results,
        is_new,
        failures,
        sum(end.n_steps for end in ends) + more_steps,
        sum(end.n_calls for end in ends) + more_calls,
        next(iter(errors), ""),
    )
