"""Searches in rounds until the height stops falling: the rule that ends them (`converge`)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from elsuite.core.outcomes import Outcome
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.network.evidence import SHARE_OF_EXCESS
from elsuite.paths.base import Path, PathSearch, SearchInterruptedError
from elsuite.paths.heights import Heights
from elsuite.paths.record import SearchRecord

Scales = Literal["own", "absolute"]
"""Of searches: relative to the surface's own energies, or, as earlier versions had them, in the energy's unit."""

SHARE_OF_RANGE = 1e-3
"""Of the range of the energies on the path, where the landscape declares no floor."""

NUDGE = 1e-6
"""Of the chord: how far a straight line is moved before its first round."""

ROUNDINGS = 8
"""Energies that differ by no more than so many roundings of the largest are equal."""

LEAST_LOSS, LEAST_SHARE, LEAST_OF_STRAIGHT = 1e-5, 1e-3, 1e-4
"""What earlier versions took for none: over data the first two, elsewhere the last: see `nothing_above`."""

ROUNDING = 1e-12


@dataclass(frozen=True)
class Rule:
    """When a search in rounds has converged: `converge` says it in words.

    Attributes
    ----------
    tolerance : float
        Relative to the height above the higher end.
    negligible : float, optional
        A height above the higher end that counts as none, in the landscape's energy; None: by `scales`.
    first_settled : int
        The first round whose change says something.
    restarts : bool
        Whether rounds begin anew from where they have settled, until that does not lower the path: where their steps
        become shorter, each round changes less than the one before, however far it is from the lowest path.
    """

    tolerance: float
    negligible: float | None
    max_rounds: int
    scales: Scales = "own"
    first_settled: int = 2
    restarts: bool = False


def nothing_above(landscape: Landscape, heights: Heights) -> float:
    r"""Return the height above the higher end of a path that counts as none, in the scale of the surface itself.

    .. math:: \epsilon = 0.1\,(E_{end} - E_0) \quad\text{or}\quad 10^{-3} (E_{max} - E_{min})

    with the floor :math:`E_0` where the landscape declares one, else with the highest and lowest energy on the path as
    it is now; and the rounding of the energies. A path that is still high has a large range, but then its own height
    is nearly all of that: only paths that pass lower places, or whose ends differ, can be within a share of it.

    Examples
    --------
    >>> from elsuite.landscapes import FourGaussians
    >>> heights = Heights(1.0, 1.0, 0.5, np.array([0.0, 1.0, 0.8]), 3, 0.0)
    >>> round(nothing_above(FourGaussians(), heights), 6)
    0.001
    """
    energies = np.append(heights.profile, heights.refined_height)
    rounding = ROUNDINGS * torch.finfo(landscape.dtype).eps * float(np.abs(energies).max())
    floor = landscape.energy_floor
    if floor is not None:
        # Energies are as exact as their distance from the floor, which they are computed as.
        excess = max(float(heights.profile[0]), float(heights.profile[-1])) - floor
        return SHARE_OF_EXCESS * max(excess, 0.0)
    return SHARE_OF_RANGE * float(np.ptp(energies)) + rounding


class RoundInterruptedError(KeyboardInterrupt):
    """Ctrl-C ended a round; `path` is what it had lowered until then.

    Examples
    --------
    >>> from elsuite.landscapes import FourGaussians
    >>> from elsuite.paths import LinearPathFinder
    >>> path = LinearPathFinder().find(FourGaussians(), *FourGaussians().minima[:2]).path
    >>> RoundInterruptedError(path).path is path
    True
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


def excess_of(heights: Heights) -> float:
    """Return the refined height above the higher end."""
    return heights.refined_height - max(float(heights.profile[0]), float(heights.profile[-1]))


def _earlier_nothing(landscape: Landscape, end: float, straight: float) -> float:
    """Return what earlier versions took for nothing above an end, by the height of the straight line."""
    if isinstance(landscape, DataLandscape):
        return LEAST_LOSS + LEAST_SHARE * abs(end)
    return LEAST_OF_STRAIGHT * straight + ROUNDING * abs(end)


def converge(
    path: Path,
    record: SearchRecord,
    lowered: Callable[[int, Path, Heights], Path | None],
    widened: Callable[[Path, Heights], Path] = lambda path, _: path,
    *,
    rule: Rule,
) -> PathSearch:
    """Lower `path` in rounds until one ends the search, and return the lowest path seen.

    With the excess, which is the refined height above the higher end, the search is ``converged`` when all energies are
    finite and the excess is negligible (`nothing_above`), or a round changed it by no more than the tolerance times
    what is left or than what is negligible: one that comes out higher by more shows noise, which the next one has less
    of. ``budget spent`` when the rounds or the seconds are used up; ``not a number`` when an energy or gradient is not
    finite.

    Parameters
    ----------
    lowered : callable
        Given the number of a round from 0, the path and its heights, returns it lowered; None where a number is not
        finite.
    widened : callable
        Given a lowered path and its heights, returns the path to go on with. A search goes on as long as that is
        another one.

    Raises
    ------
    SearchInterruptedError
        With the lowest path so far, at Ctrl-C.
    """
    heights = record.measure(path)
    ends = float(heights.profile[0]), float(heights.profile[-1])
    if not all(map(math.isfinite, ends)):
        return record.search(path, heights, Outcome.NOT_A_NUMBER, "the energy of an end is not finite")
    if not math.isfinite(heights.refined_height):
        message = "an energy on the straight line is not finite: another image of an end may be joined by one that is"
        return record.search(path, heights, Outcome.NOT_A_NUMBER, message)
    end, straight = max(ends), excess_of(heights)
    best, fall, grown = (path, heights), math.inf, False
    began, settled = 0, math.inf if rule.restarts else -math.inf
    for number in range(rule.max_rounds + 1):
        excess = best[1].refined_height - end
        reached = f"{excess:.2g} above the higher end after {number} round{'' if number == 1 else 's'}"
        negligible = _negligible(rule, record.landscape, best[1], end, straight)
        if excess <= negligible:
            message = f"{reached}; up to {negligible:.2g} counts as none"
            return record.search(*best, Outcome.CONVERGED, message)
        small = rule.tolerance * excess if rule.scales == "absolute" else max(rule.tolerance * excess, negligible)
        if number - began >= rule.first_settled and not grown and abs(fall) <= small:
            if settled - excess <= small:
                return record.search(*best, Outcome.CONVERGED, f"{reached}; the last {_in_words(fall)}")
            began, settled, (path, heights) = number, excess, best
        if number == rule.max_rounds or record.is_late:
            break
        if number == 0 and rule.scales == "own" and not isinstance(record.landscape, DataLandscape):
            path = nudged(path)
        record.round = number + 1
        try:
            new = lowered(number - began, path, heights)
            if new is None:
                message = f"an energy or gradient in round {number + 1} is not finite"
                return record.search(*best, Outcome.NOT_A_NUMBER, message)
            heights = record.measure(new)
        except KeyboardInterrupt as stopped:
            best = _lower_of(best, stopped, record)
            excess = best[1].refined_height - end
            message = f"{excess:.2g} above the higher end; interrupted in round {number + 1}"
            raise SearchInterruptedError(record.search(*best, Outcome.INTERRUPTED, message)) from None
        fall = best[1].refined_height - heights.refined_height
        # A height that is no number is not lower.
        if heights.refined_height < best[1].refined_height:
            best = new, heights
        path = widened(new, heights)
        grown = path is not new
    if record.is_late:
        message = f"{reached}; the {record.seconds:g} seconds are spent, and more may lower it"
        return record.search(*best, Outcome.BUDGET_SPENT, message)
    if not math.isfinite(fall):
        message = f"an energy on the path is not finite; {reached}"
        return record.search(*best, Outcome.NOT_A_NUMBER, message)
    message = f"{reached}; the last {_in_words(fall)}, and more may lower it"
    return record.search(*best, Outcome.BUDGET_SPENT, message)


def _lower_of(best: tuple[Path, Heights], stopped: KeyboardInterrupt, record: SearchRecord) -> tuple[Path, Heights]:
    """Return the path that a round was at when it was interrupted, if it is lower than the best; with its heights."""
    if not isinstance(stopped, RoundInterruptedError):
        return best
    try:
        heights = record.measure(stopped.path)
    except KeyboardInterrupt:  # a second time: there is no time for that
        return best
    return (stopped.path, heights) if heights.refined_height < best[1].refined_height else best


def nudged(path: Path) -> Path:
    """Return a path moved by a millionth of its chord, in a direction drawn at random, the same at every call.

    A straight line can lie on a ridge along which no gradient points off it, such as a plane of symmetry. Over data the
    noise of samples moves it off, elsewhere this does.
    """
    directions = torch.randn(path.coefficients.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    size = NUDGE * torch.linalg.vector_norm(path.end - path.start) / max(len(path.start), 1) ** 0.5
    return replace(path, coefficients=path.coefficients + size * directions.to(path.coefficients))


def _negligible(rule: Rule, landscape: Landscape, heights: Heights, end: float, straight: float) -> float:
    if rule.negligible is not None:
        return rule.negligible
    return nothing_above(landscape, heights) if rule.scales == "own" else _earlier_nothing(landscape, end, straight)


def _in_words(fall: float) -> str:
    return f"lowered it by {fall:.2g}" if fall >= 0 else f"came out {-fall:.2g} higher"
