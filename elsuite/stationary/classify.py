"""What kind of point a point is: `classify_stationary_point`."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.landscapes.base import Landscape
from elsuite.stationary.hessian import as_point
from elsuite.stationary.results import Refinement, StationaryPoint
from elsuite.stationary.spectrum import DENSE_LIMIT, hessian_spectrum
from elsuite.stationary.walk import INFLECTION, Limits, State, count_zero

Array = NDArray[np.float64]


def classify_stationary_point(
    landscape: Landscape,
    point: ArrayLike | Tensor,
    *,
    n_lowest: int = 6,
    gradient_tolerance: float = 1e-6,
    zero_tolerance: float = 1e-8,
) -> StationaryPoint:
    """Return what the gradient and the Hessian say about one point: minimum, transition state, or neither.

    Parameters
    ----------
    landscape : Landscape
        On the surface that it shows.
    point : array (P,)
    n_lowest : int
        Eigenvalues looked at above `DENSE_LIMIT` parameters; up to there, all.
    gradient_tolerance : float
        The point is stationary when its gradient norm is not above this.
    zero_tolerance : float
        An eigenvalue counts as zero when its absolute value is not above this times the largest one; with any such,
        beside the landscape's own zero modes, the point is degenerate.

    Raises
    ------
    ValueError
        For a point of another shape.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> classify_stationary_point(SixHumpCamel(), [0.0, 0.0]).kind
    'transition state'
    """
    position = as_point(landscape, point)
    energy, gradient = landscape.energy_and_gradient(position[None])
    slope = gradient[0].cpu().numpy().astype(np.float64)
    complete = landscape.n_parameters <= DENSE_LIMIT
    n_wanted = landscape.n_parameters if complete else n_lowest
    spectrum = hessian_spectrum(landscape, position, n_lowest=n_wanted, n_highest=0 if complete else 1)
    values = spectrum.lowest
    everything = np.append(values, spectrum.highest)
    zero = zero_tolerance * float(np.abs(everything).max(initial=0.0))
    return StationaryPoint(
        coordinates=position.cpu().numpy().astype(np.float64),
        energy=float(energy[0]),
        gradient_norm=float(np.linalg.norm(slope)),
        is_stationary=bool(np.linalg.norm(slope) <= gradient_tolerance),
        index=int((values < -zero).sum()),
        n_zero=int(count_zero(values, zero)),
        eigenvalues=values,
        eigenvector=spectrum.lowest_vectors[0] if len(values) else np.zeros(landscape.n_parameters),
        complete=complete,
    )


def ended(landscape: Landscape, state: State, index: int, *, limits: Limits) -> tuple[Refinement, ...]:
    """Return the searches for points of an index as results; above `DENSE_LIMIT` parameters their index is checked.

    A Krylov space holds the lowest eigenvectors only nearly.
    """
    results = []
    for k, outcome in enumerate(state.outcomes):
        model = state.model
        values = model.values[k][np.linalg.norm(model.vectors[k], axis=0) > 0.5]  # those that have a direction
        vector = model.vectors[k, :, 0]
        how = outcome or Outcome.BUDGET_SPENT
        n_zero = int(count_zero(values, INFLECTION * limits.zero_tolerance * state.curvatures[k]))
        if landscape.n_parameters > DENSE_LIMIT and how is Outcome.CONVERGED:
            point = classify_stationary_point(landscape, state.points[k], zero_tolerance=limits.zero_tolerance)
            values, vector, n_zero = point.eigenvalues, point.eigenvector, point.n_zero
            how = _checked(point, index)
        results.append(
            Refinement(
                point=state.points[k],
                energy=float(model.energies[k]),
                gradient_norm=float(np.linalg.norm(model.gradients[k])),
                eigenvalues=values,
                eigenvector=vector,
                index=int((values < 0).sum()),
                outcome=how,
                message=_message(how, values, n_zero, int(state.n_steps[k])),
                n_steps=int(state.n_steps[k]),
                n_gradients=int(state.n_gradients[k]),
            )
        )
    return tuple(results)


def _checked(point: StationaryPoint, index: int) -> Outcome:
    if point.n_zero:
        return Outcome.DEGENERATE
    return Outcome.CONVERGED if point.index == index else Outcome.WRONG_INDEX


def _message(outcome: Outcome, values: Array, n_zero: int, n_steps: int) -> str:
    """Return the reason of a failure in words, nothing for success."""
    negative = int((values < 0).sum())
    words = {
        Outcome.WRONG_INDEX: f"stationary, with {negative} negative eigenvalues",
        Outcome.DEGENERATE: f"{n_zero} eigenvalues are zero beside the zero modes",
        Outcome.LEFT_BOUNDS: f"left the bounds after {n_steps} steps",
        Outcome.BUDGET_SPENT: f"not stationary after {n_steps} steps",
        Outcome.STALLED: f"no step of any length is good after {n_steps} steps",
        Outcome.NOT_A_NUMBER: f"energy or derivatives are not finite after {n_steps} steps",
    }
    return words.get(outcome, "")


def as_points(landscape: Landscape, points: ArrayLike | Tensor) -> Array:
    """Return points as an array (n, P), or raise ValueError."""
    array = points.detach().cpu().numpy() if isinstance(points, Tensor) else points
    batch = np.array(array, dtype=np.float64)
    if batch.ndim != 2 or batch.shape[1] != landscape.n_parameters:
        raise ValueError(f"points of shape {batch.shape} given; (n_points, {landscape.n_parameters}) is expected")
    return batch
