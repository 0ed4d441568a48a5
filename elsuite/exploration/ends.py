"""What descents ended at: minima, or other stationary points (`told_apart`)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from elsuite.core.outcomes import Outcome
from elsuite.core.typing import Array
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.minimizers import Minimization
from elsuite.stationary import DENSE_LIMIT, StationaryPoint, classify_stationary_point, hessian_vector_products

NEAR: Final = 0.1
"""Length scales within which a stationary point is looked for: along flat directions descents end far from it."""


def told_apart(landscape: Landscape, results: Sequence[Minimization]) -> list[Minimization]:
    """Return the results of descents with an outcome of their own for those that converged to no minimum.

    A gradient that vanishes does not make a minimum. Where the Hessian is cheap, of a landscape without data, of up to
    `DENSE_LIMIT` parameters and differentiable twice, its eigenvalues are looked at: with a negative one the outcome
    is "wrong index", and there is no solution; with one that is zero it is "degenerate".
    """
    if isinstance(landscape, DataLandscape) or landscape.n_parameters > DENSE_LIMIT:
        return list(results)
    return [_told(landscape, result) if result.outcome is Outcome.CONVERGED else result for result in results]


def _told(landscape: Landscape, result: Minimization) -> Minimization:
    lowest = [solution.coordinates for solution in result.solutions if solution.stopping == landscape.surface]
    point = _classified(landscape, lowest[0]) if lowest else None
    if point is None or point.kind in {"minimum", "not stationary"}:
        return result
    if point.n_zero:
        reason = f"{result.message}; {point.n_zero} eigenvalues are zero beside the zero modes"
        return replace(result, outcome=Outcome.DEGENERATE, message=reason)
    reason = f"{result.message}; {point.index} eigenvalues are negative: a saddle"
    return replace(result, outcome=Outcome.WRONG_INDEX, message=reason, solutions=())


def _classified(landscape: Landscape, point: Array) -> StationaryPoint | None:
    """Return what kind of point it is, None where that is not cheap or not possible."""
    try:
        hessian_vector_products(landscape, point, np.ones((1, len(point))), method="autograd")
        return classify_stationary_point(landscape, point, gradient_tolerance=NEAR)
    except Exception:  # what a user's landscape raises: the descent itself went well
        return None
