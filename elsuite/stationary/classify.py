"""What kind of point a point is: `classify_stationary_point`."""

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.core.typing import Floats
from elsuite.landscapes.base import Landscape
from elsuite.stationary.hessian import as_point
from elsuite.stationary.results import Refinement, StationaryPoint
from elsuite.stationary.spectrum import DENSE_LIMIT, hessian_spectrum
from elsuite.stationary.walk import INFLECTION, Limits, State, count_zero
from elsuite.symmetry.base import checked_points


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
    n_lowest : int
        Eigenvalues looked at above `DENSE_LIMIT` parameters; up to there, all.
    gradient_tolerance : float
        The point is stationary when Newton's step from it is not longer than this, in units of the landscape's length
        scale, or than the coordinates can tell. Along eigenvalues that count as zero, and above `DENSE_LIMIT`
        parameters in all other directions than the lowest, the step is the gradient over the largest eigenvalue.
    zero_tolerance : float
        An eigenvalue counts as zero when its absolute value is not above this times the largest one, or when Newton's
        step changes it by half, as at an inflection; with any such, beside the landscape's own zero modes, the point is
        degenerate.

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
    values, vectors = spectrum.lowest, spectrum.lowest_vectors
    coordinates = position.cpu().numpy().astype(np.float64)
    modes = landscape.symmetry.zero_modes(coordinates[None])[0]
    largest = float(np.abs(np.append(values, spectrum.highest)).max(initial=0.0))
    step, rest = _newton(slope - modes @ (modes.T @ slope), values, vectors, zero_tolerance * largest)
    resolution = 4 * np.finfo(position.cpu().numpy().dtype).eps * float(np.linalg.norm(coordinates))
    reach = gradient_tolerance * landscape.length_scale + resolution
    still = float(np.linalg.norm(step)) <= reach and rest <= reach * largest
    zero = np.abs(values) <= zero_tolerance * largest
    if complete and still and np.linalg.norm(step) > resolution:
        there = hessian_spectrum(landscape, coordinates + step, n_lowest=n_wanted, n_highest=0).lowest
        if len(there) == len(values):
            zero |= np.abs(there - values) > 0.4 * np.abs(values)
    return StationaryPoint(
        coordinates=coordinates,
        energy=float(energy[0]),
        gradient_norm=float(np.linalg.norm(slope)),
        is_stationary=bool(still),
        index=int((values[~zero] < 0).sum()),
        n_zero=int(zero.sum()),
        eigenvalues=values,
        eigenvector=vectors[0] if len(values) else np.zeros(landscape.n_parameters),
        complete=complete,
    )


def _newton(slope: Floats, values: Floats, vectors: Floats, zero: float) -> tuple[Floats, float]:
    """Return Newton's step along eigenvectors, rows, that bend, and the norm of the rest of the gradient."""
    bent = np.abs(values) > zero
    parts = vectors[bent] @ slope
    return -(parts / values[bent]) @ vectors[bent], float(np.linalg.norm(slope - parts @ vectors[bent]))


def ended(landscape: Landscape, state: State, index: int, *, limits: Limits) -> tuple[Refinement, ...]:
    """Return the searches for points of an index as results."""
    results = []
    for k, outcome in enumerate(state.outcomes):
        model = state.model
        values = model.values[k][np.linalg.norm(model.vectors[k], axis=0) > 0.5]  # those that have a direction
        vector = model.vectors[k, :, 0]
        how, n_steps = outcome or Outcome.BUDGET_SPENT, int(state.n_steps[k])
        n_zero = int(count_zero(values, INFLECTION * limits.zero_tolerance * state.curvatures[k]))
        if landscape.n_parameters > DENSE_LIMIT and how is Outcome.CONVERGED:
            # A Krylov space holds the lowest eigenvectors only nearly.
            point = classify_stationary_point(landscape, state.points[k], zero_tolerance=limits.zero_tolerance)
            values, vector, n_zero = point.eigenvalues, point.eigenvector, point.n_zero
            if n_zero or point.index != index:
                how = Outcome.DEGENERATE if n_zero else Outcome.WRONG_INDEX
        negative = int((values < 0).sum())
        reasons = {
            Outcome.WRONG_INDEX: f"stationary, with {negative} negative eigenvalues",
            Outcome.DEGENERATE: f"{n_zero} eigenvalues are zero beside the zero modes",
            Outcome.LEFT_BOUNDS: f"left the bounds after {n_steps} steps",
            Outcome.DIVERGED: f"ran away from its start in {n_steps} steps",
            Outcome.BUDGET_SPENT: f"not stationary after {n_steps} steps",
            Outcome.STALLED: f"no step of any length is good after {n_steps} steps",
            Outcome.NOT_A_NUMBER: f"energy or derivatives are not finite after {n_steps} steps",
        }
        results.append(
            Refinement(
                point=state.points[k],
                energy=float(model.energies[k]),
                gradient_norm=float(np.linalg.norm(model.gradients[k])),
                eigenvalues=values,
                eigenvector=vector,
                index=negative,
                outcome=how,
                message=reasons.get(how, ""),
                n_steps=n_steps,
                n_gradients=int(state.n_gradients[k]),
            )
        )
    return tuple(results)


def as_points(landscape: Landscape, points: ArrayLike | Tensor) -> Floats:
    """Return points as an array (n, P), or raise ValueError."""
    array = points.detach().cpu().numpy() if isinstance(points, Tensor) else points
    return checked_points(landscape.n_parameters, np.array(array, dtype=np.float64))
