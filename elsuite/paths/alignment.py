"""Solutions with their units renamed so that they are near to each other: `align`, `align_all`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.networks.landscape import NeuralLandscape
from elsuite.symmetry.permutations import (
    UnitSymmetry,
    apply,
    parameter_permutation,
    permute,
    random_element,
)
from elsuite.symmetry.units import (
    Match,
    checked_vector,
    landscape_symmetry,
    match_activations,
    match_weights,
)

__all__ = ["Alignment", "align", "align_all", "check_symmetry"]

Points = Iterable[ArrayLike | Tensor]
Method = Literal["weights", "activations"]

_ROUNDING: Final = {torch.float32: 1e-4, torch.float64: 1e-10}
"""How much the energy may change when sums are taken in another order, relative to 1 + |energy|."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """A point with its units renamed, and what that brought.

    Attributes
    ----------
    coordinates : ndarray (n_parameters,)
        The copy.
    permutation : ndarray (n_parameters,) int32
        The signed permutation that makes the copy from the point as it was given, counted from 1: it can be stored,
        and ``permute(point, permutation)`` makes the copy again.
    distance_before, distance_after : float
        Distance to the reference.
    energy_difference : float
        Of the copy's energy to the point's: rounding only.
    outcome, message : Outcome, str
        Converged when no group of units can be improved any more.
    """

    coordinates: NDArray[np.floating]
    permutation: NDArray[np.int32]
    distance_before: float
    distance_after: float
    energy_difference: float
    n_sweeps: int
    outcome: Outcome
    message: str


def align(
    landscape: Landscape,
    a: ArrayLike | Tensor,
    b: ArrayLike | Tensor,
    *,
    method: Method = "weights",
    restarts: int = 4,
    seed: int = 0,
    symmetry: UnitSymmetry | None = None,
) -> Alignment:
    """Return the copy of `b`, with its units renamed, that is nearest to `a`.

    Every copy is the same function; that its energy is `b`'s is checked.

    Parameters
    ----------
    a, b : array_like or Tensor (n_parameters,)
    method : {"weights", "activations"}
        What is brought together: weights (`match_weights`), so that the distance is the smallest found and never
        grows; or what units give on the landscape's first samples (`match_activations`), whatever the distance.
    restarts : int
        Random starts of the search, for weights.
    seed : int
        Of the random starts.
    symmetry : UnitSymmetry, optional
        The landscape's own by default; a landscape that declares none has only the point itself as its copy.

    Raises
    ------
    ValueError
        Points of another width or not finite, an unknown method, or a declared symmetry that changes the energy.

    Examples
    --------
    >>> from elsuite.landscapes import load_data, network_landscape
    >>> from elsuite.symmetry.permutations import apply, random_element
    >>> landscape = network_landscape("fcp", load_data("digits", n_train=50, n_test=10))
    >>> point, = landscape.initial_points([0])
    >>> copy = apply(landscape.symmetry, point, random_element(landscape.symmetry, seed=1))
    >>> align(landscape, point, copy).distance_after
    0.0
    """
    symmetry = landscape_symmetry(landscape, symmetry)
    one, other = (checked_vector(symmetry, _array(point)) for point in (a, b))
    if method == "weights":
        match = match_weights(symmetry, one, other, restarts=restarts, seed=seed)
    elif method == "activations":
        match = _match_activations(landscape, symmetry, one, other)
    else:
        raise ValueError(f"method {method!r} given; 'weights' or 'activations' is expected")
    permutation = parameter_permutation(symmetry, match.element)
    copy = permute(other, permutation)
    return Alignment(
        coordinates=copy,
        permutation=permutation,
        distance_before=_distance(one, other),
        distance_after=_distance(one, copy),
        energy_difference=_energy_difference(landscape, other, copy),
        n_sweeps=match.n_sweeps,
        outcome=Outcome.CONVERGED if match.converged else Outcome.BUDGET_SPENT,
        message=f"fixed point after {match.n_sweeps} sweeps of all starts"
        if match.converged
        else "sweeps spent",
    )


def align_all(
    landscape: Landscape,
    reference: ArrayLike | Tensor,
    points: Points,
    *,
    method: Method = "weights",
    restarts: int = 4,
    seed: int = 0,
    symmetry: UnitSymmetry | None = None,
) -> tuple[Alignment, ...]:
    """Return the copies of all `points`, shape (n_points, P), that are nearest to `reference`, each by `align`.

    Examples
    --------
    >>> from elsuite.landscapes import load_data, network_landscape
    >>> from elsuite.symmetry.permutations import apply, random_element
    >>> landscape = network_landscape("fcp", load_data("digits", n_train=50, n_test=10), hidden=(4,))
    >>> point, = landscape.initial_points([0])
    >>> copies = [apply(landscape.symmetry, point, random_element(landscape.symmetry, seed=k)) for k in (1, 2)]
    >>> [aligned.distance_after for aligned in align_all(landscape, point, copies)]
    [0.0, 0.0]
    """
    return tuple(
        align(landscape, reference, point, method=method, restarts=restarts, seed=seed, symmetry=symmetry)
        for point in points
    )


def check_symmetry(
    landscape: Landscape, point: ArrayLike | Tensor, *, seed: int = 0, symmetry: UnitSymmetry | None = None
) -> None:
    """Raise ValueError if a random copy of `point`, shape (n_parameters,), has another energy."""
    symmetry = landscape_symmetry(landscape, symmetry)
    array = _array(point)
    _energy_difference(landscape, array, apply(symmetry, array, random_element(symmetry, seed)))


def _match_activations(
    landscape: Landscape, symmetry: UnitSymmetry, a: NDArray[np.floating], b: NDArray[np.floating]
) -> Match:
    if not isinstance(landscape, NeuralLandscape) or symmetry is not landscape.symmetry:
        raise ValueError(
            "method 'activations' needs a network with the symmetry that it declares; use 'weights'"
        )
    given = [
        {
            name: values.cpu().numpy()
            for name, values in landscape.unit_activations(torch.as_tensor(point)).items()
        }
        for point in (a, b)
    ]
    element = match_activations(symmetry, *given)
    return Match(element, _distance(a, apply(symmetry, b, element)), n_sweeps=1, converged=True)


def _array(point: ArrayLike | Tensor) -> NDArray[np.floating]:
    array = point.detach().cpu().numpy() if isinstance(point, Tensor) else np.asarray(point)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float64)


def _distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    return float(np.linalg.norm(a.astype(np.float64) - b.astype(np.float64)))


def _energy_difference(
    landscape: Landscape, point: NDArray[np.floating], copy: NDArray[np.floating]
) -> float:
    pair = torch.as_tensor(np.stack([point, copy]), dtype=landscape.dtype, device=landscape.device)
    energies = landscape.energy(pair).detach().tolist()
    difference = energies[1] - energies[0]
    if not abs(difference) <= _ROUNDING[landscape.dtype] * (1 + abs(energies[0])):
        raise ValueError(
            f"renaming units changes the energy from {energies[0]:.8g} to {energies[1]:.8g}: the symmetry that is "
            "declared is none of this landscape"
        )
    return float(difference)
