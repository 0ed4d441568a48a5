"""Searches in rounds until the height stops falling: the rule that ends them (`converge`)."""

import math
from collections.abc import Callable

from elsuite.core.outcomes import Outcome
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.paths.base import Path, PathSearch
from elsuite.paths.heights import Heights
from elsuite.paths.record import SearchRecord

LEAST_LOSS, LEAST_SHARE, LEAST_OF_STRAIGHT = 1e-5, 1e-3, 1e-4
"""Heights above the higher end that count as none: see `nothing_above`."""

ROUNDING = 1e-12


def nothing_above(landscape: Landscape, end: float, straight: float) -> float:
    """Return the height above the higher end that counts as none.

    Over data, 1e-5 and a thousandth of that end's energy, which is far under any loss between two solutions that do
    not join; else a ten-thousandth of the straight line's (and rounding), since units and zeros of
    energy are arbitrary there.
    """
    if isinstance(landscape, DataLandscape):
        return LEAST_LOSS + LEAST_SHARE * abs(end)
    return LEAST_OF_STRAIGHT * straight + ROUNDING * abs(end)


def converge(
    path: Path,
    record: SearchRecord,
    lowered: Callable[[int, Path, tuple[float, float]], Path | None],
    widened: Callable[[Path, Heights], Path] = lambda path, _: path,
    *,
    tolerance: float,
    negligible: float | None,
    max_rounds: int,
) -> PathSearch:
    """Lower `path` in rounds until one ends the search, and return the lowest path seen.

    With the excess, which is the refined height above the higher end, the search is ``converged`` when the excess is
    negligible (`nothing_above`), or when a round after the first changed it by no more than the tolerance times what is
    left: one that comes out higher by more shows noise, which the next one has less of. ``budget spent`` when the
    rounds are used up; ``not a number`` when an energy or gradient is not finite.

    Parameters
    ----------
    lowered : callable
        Given the number of a round from 0, the path and the energies of its ends, returns it lowered; None where a
        number is not finite.
    widened : callable
        Given a lowered path and its heights, returns the path to go on with. A search goes on as long as that is
        another one.
    negligible : float, optional
        By default the rule of `nothing_above`.
    """
    heights = record.measure(path)
    ends = float(heights.profile[0]), float(heights.profile[-1])
    if not all(map(math.isfinite, ends)):
        return record.search(path, heights, Outcome.NOT_A_NUMBER, "the energy of an end is not finite")
    end = max(ends)
    if negligible is None:
        negligible = nothing_above(record.landscape, end, heights.refined_height - end)
    best, fall, grown = (path, heights), math.inf, False
    for number in range(max_rounds + 1):
        excess = best[1].refined_height - end
        reached = f"{excess:.2g} above the higher end after {number} round{'' if number == 1 else 's'}"
        if excess <= negligible:
            message = f"{reached}; up to {negligible:.2g} counts as none"
            return record.search(*best, Outcome.CONVERGED, message)
        if number > 1 and not grown and abs(fall) <= tolerance * excess:
            message = f"{reached}; the last {_in_words(fall)}"
            return record.search(*best, Outcome.CONVERGED, message)
        if number == max_rounds:
            break
        new = lowered(number, path, ends)
        if new is None:
            message = f"an energy or gradient in round {number + 1} is not finite"
            return record.search(*best, Outcome.NOT_A_NUMBER, message)
        heights = record.measure(new)
        fall = best[1].refined_height - heights.refined_height
        # A height that is no number is higher than all.
        if heights.refined_height < best[1].refined_height or math.isnan(best[1].refined_height):
            best = new, heights
        path = widened(new, heights)
        grown = path is not new
    if math.isnan(fall):
        message = f"an energy on the path is not finite; {reached}"
        return record.search(*best, Outcome.NOT_A_NUMBER, message)
    message = f"{reached}; the last {_in_words(fall)}, and more may lower it"
    return record.search(*best, Outcome.BUDGET_SPENT, message)


def _in_words(fall: float) -> str:
    return f"lowered it by {fall:.2g}" if fall >= 0 else f"came out {-fall:.2g} higher"
