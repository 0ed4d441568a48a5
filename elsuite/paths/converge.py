"""The search that doubles its budget until the height stops falling (`converge`)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from elsuite.landscapes.base import Landscape
from elsuite.minimizers.base import Outcome
from elsuite.paths.base import Path, PathSearch
from elsuite.paths.engine import Descended
from elsuite.paths.heights import Heights
from elsuite.paths.search import Ledger, conclude

__all__ = ["Round", "converge"]

Round = Callable[[Path, int], tuple[Descended, ...]]
"""Continues from a path in the round of a number; the last of the descents returned is where it ended."""


@dataclass(frozen=True)
class _Best:
    path: Path
    heights: Heights
    end: float
    drop: float
    """Height of the straight line above the higher end."""

    @property
    def excess(self) -> float:
        return self.heights.refined_height - self.end


def converge(
    path: Path,
    landscape: Landscape,
    play: Round,
    *,
    tolerance: float,
    max_rounds: int,
    n_points: int,
) -> PathSearch:
    """Play rounds until one ends the search, and return the lowest path seen.

    It is ``converged`` when the refined height is no further above the higher end than `tolerance` times the
    straight line's, or when a round lowered it by less than that; ``budget spent`` after `max_rounds`.
    """
    ledger = Ledger()
    heights = ledger.look(path, landscape, n_points)
    if not math.isfinite(heights.profile[0] + heights.profile[-1]):
        return conclude(
            path, heights, ledger, Outcome.NOT_A_NUMBER, "the energy of an end point is not finite"
        )
    end = float(max(heights.profile[0], heights.profile[-1]))
    best = _Best(path, heights, end, heights.refined_height - end)
    for number in range(max_rounds):
        if not best.excess > tolerance * best.drop:
            return _finish(
                best, ledger, Outcome.CONVERGED, f"no higher than the higher end after {number} rounds"
            )
        descents = play(path, number)
        ledger.n_point_gradients += sum(d.n_point_gradients for d in descents)
        path = descents[-1].path
        if not descents[-1].finite:
            return _finish(
                best, ledger, Outcome.NOT_A_NUMBER, f"a gradient in round {number + 1} is not finite"
            )
        heights = ledger.look(path, landscape, n_points)
        fall = best.heights.refined_height - heights.refined_height
        if fall > 0:
            best = _Best(path, heights, end, best.drop)
        if number and not fall > tolerance * best.drop:
            message = f"round {number + 1} lowered the height by {max(fall, 0):.3g}, less than the tolerance"
            return _finish(best, ledger, Outcome.CONVERGED, message)
    return _finish(
        best, ledger, Outcome.BUDGET_SPENT, f"the height still fell in the last of {max_rounds} rounds"
    )


def _finish(best: _Best, ledger: Ledger, outcome: Outcome, message: str) -> PathSearch:
    return conclude(best.path, best.heights, ledger, outcome, message)
