"""Points moved by the symmetry of their landscape so that they are near to each other: `align`, `align_all`."""

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
from elsuite.symmetry.base import NoSymmetry, Symmetry, checked_pair
from elsuite.symmetry.permutations import Element, apply, identity_element, parameter_permutation, permute
from elsuite.symmetry.scales import ScaledMatch, match_with_scales
from elsuite.symmetry.units import UnitSymmetry, match_activations, match_weights, signed_by_weights

Points = Iterable[ArrayLike | Tensor]
Method = Literal["weights", "activations"]

_ROUNDING: Final = {torch.float32: 1e-4, torch.float64: 1e-10}
"""How much the energy may change when sums are taken in another order, relative to its size: `_energy_difference`."""
_NO_NETWORK: Final = "method 'activations' needs a network with the symmetry that it declares; use 'weights'"

_NONE_DECLARED: Final = "nothing to align: the landscape declares no symmetry (its property `symmetry`)"


@dataclass(frozen=True, eq=False)
class Alignment:
    """A copy of a point, equal to it by symmetry, and what that brought.

    Attributes
    ----------
    permutation : ndarray (n_parameters,) int32, or None
        Of networks: the signed permutation that makes the copy from the point as it was given, counted from 1:
        ``permute(point, permutation)`` makes the copy again.
    element : tuple of ndarray (n_units,) int32, or None
        Of networks: the same by units, a signed permutation of each of the symmetry's groups.
    factors : tuple of ndarray (n_units,), or None
        With `scales`: by what the units of each of the landscape's ``unit_scalings`` are multiplied, once renamed.
    distance_before, distance_after : float
        Distance to the reference.
    energy_difference : float
        Of the copy's energy to the point's: rounding only.
    outcome, message : Outcome, str
        Converged when no group of units can be improved any more; always for other symmetries.
    """

    coordinates: NDArray[np.floating]
    permutation: NDArray[np.int32] | None
    distance_before: float
    distance_after: float
    energy_difference: float
    n_sweeps: int
    outcome: Outcome
    message: str
    element: Element | None = None
    factors: tuple[NDArray[np.floating], ...] | None = None


def align(
    landscape: Landscape,
    a: ArrayLike | Tensor,
    b: ArrayLike | Tensor,
    *,
    method: Method = "weights",
    restarts: int = 4,
    seed: int = 0,
    symmetry: Symmetry | None = None,
    scales: bool = False,
) -> Alignment:
    """Return the copy of `b` nearest to `a`: units renamed, atoms exchanged and turned, angles moved by whole periods.

    Every copy has the energy of `b`, which is checked.

    Parameters
    ----------
    method : {"weights", "activations"}
        What is brought together: weights, or any other coordinates, so that the distance is the smallest found and
        never grows; or, of networks, what units give on the landscape's first samples (`match_activations`), whatever
        the distance.
    restarts : int
        Random starts of the search, for weights.
    seed : int
        Of the random starts.
    symmetry : Symmetry, optional
        The landscape's own by default; a landscape that declares none has only the point itself as its copy.
    scales : bool
        Whether units of networks are rescaled as well, where that changes no energy (`match_with_scales`): rectified
        ones. Such a copy is no permutation of the point.

    Raises
    ------
    ValueError
        Where there is nothing to align (says how units are declared), for points of another width or not finite, an
        unknown method, or a declared symmetry that changes the energy.

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
    symmetry = landscape.symmetry if symmetry is None else symmetry
    if symmetry.n_parameters != landscape.n_parameters:
        raise ValueError(
            f"a symmetry of {symmetry.n_parameters} parameters given; the landscape has {landscape.n_parameters}"
        )
    one, other = _array(a), _array(b)
    checked_pair(symmetry.n_parameters, one, other)
    if method not in {"weights", "activations"}:
        raise ValueError(f"method {method!r} given; 'weights' or 'activations' is expected")
    if method == "weights" and (why := nothing_to_align(symmetry)):
        raise ValueError(why)
    element: Element | None = None
    factors: tuple[NDArray[np.floating], ...] | None = None
    if scales:
        scaled = _scaled(landscape, symmetry, one, other, method, restarts=restarts, seed=seed)
        element, factors, n_sweeps, converged = scaled.element, scaled.factors, scaled.n_sweeps, scaled.converged
        permutation, copy = None, scaled.coordinates.astype(other.dtype)
    elif isinstance(symmetry, UnitSymmetry):
        if method == "weights":
            match = match_weights(symmetry, one, other, restarts=restarts, seed=seed)
            element, n_sweeps, converged = match.element, match.n_sweeps, match.converged
        else:
            if not isinstance(landscape, NeuralLandscape) or symmetry is not landscape.symmetry:
                raise ValueError(_NO_NETWORK)
            element, n_sweeps, converged = _matched_activations(landscape, one, other), 1, True
        permutation = parameter_permutation(symmetry, element)
        copy = permute(other, permutation)
    elif method == "activations":
        raise ValueError(_NO_NETWORK)
    else:
        copy = symmetry.nearest(one, other).coordinates.astype(other.dtype)
        permutation, n_sweeps, converged = None, 0, True
    usual = f"fixed point after {n_sweeps} sweeps of all starts" if converged else "sweeps spent"
    return Alignment(
        coordinates=copy,
        permutation=permutation,
        distance_before=_distance(one, other),
        distance_after=_distance(one, copy),
        energy_difference=_energy_difference(landscape, other, copy),
        n_sweeps=n_sweeps,
        outcome=Outcome.CONVERGED if converged else Outcome.BUDGET_SPENT,
        message=usual,
        element=element,
        factors=factors,
    )


def _matched_activations(landscape: NeuralLandscape, a: NDArray[np.floating], b: NDArray[np.floating]) -> Element:
    symmetry = landscape.symmetry

    def given(point: NDArray[np.floating]) -> dict[str, NDArray[np.floating]]:
        return {name: own.cpu().numpy() for name, own in landscape.unit_activations(torch.as_tensor(point)).items()}

    first, second = given(a), given(b)
    if not (symmetry.traced and any(group.flips for group in symmetry.groups)):
        return match_activations(symmetry, first, second)
    # What units give may stay as it is when they flip: a normalization reads the flip and takes it back.
    pairs = zip(identity_element(symmetry), symmetry.groups, strict=True)
    flipped = given(apply(symmetry, b, tuple(-units if group.flips else units for units, group in pairs)))
    even = {g.name for g in symmetry.groups if g.flips and g.name in second and _agree(flipped[g.name], second[g.name])}
    element = match_activations(symmetry, first, second, even=even)
    return signed_by_weights(symmetry, a, b, element, even)


def _agree(a: NDArray[np.floating], b: NDArray[np.floating]) -> bool:
    return float((a * b).sum()) > 0


def _scaled(
    landscape: Landscape,
    symmetry: Symmetry,
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    method: Method,
    *,
    restarts: int,
    seed: int,
) -> ScaledMatch:
    if not isinstance(landscape, NeuralLandscape) or symmetry is not landscape.symmetry or method != "weights":
        raise ValueError("scales: given True, allowed for networks with the symmetry that they have, and weights")
    if not landscape.unit_scalings:
        raise ValueError("scales: given True, but no units of this network can be rescaled; leave it out")
    return match_with_scales(landscape.symmetry, landscape.unit_scalings, a, b, restarts=restarts, seed=seed)


def nothing_to_align(symmetry: Symmetry) -> str:
    """Return why no point has a copy that could be nearer, "" where points may have some.

    Examples
    --------
    >>> from elsuite.symmetry import NoSymmetry
    >>> nothing_to_align(NoSymmetry(2))
    'nothing to align: the landscape declares no symmetry (its property `symmetry`)'
    """
    if isinstance(symmetry, UnitSymmetry) and not symmetry.groups:
        why = f"; {symmetry.note}" if symmetry.note else ""
        return (
            "nothing to align: no units are known to be interchangeable (a module declares them by `unit_axes()`), see "
            f"'Which units are interchangeable' in docs/landscapes.md{why}"
        )
    return _NONE_DECLARED if isinstance(symmetry, NoSymmetry) else ""


def align_all(
    landscape: Landscape,
    reference: ArrayLike | Tensor,
    points: Points,
    *,
    method: Method = "weights",
    restarts: int = 4,
    seed: int = 0,
    symmetry: Symmetry | None = None,
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


def _array(point: ArrayLike | Tensor) -> NDArray[np.floating]:
    array = point.detach().cpu().numpy() if isinstance(point, Tensor) else np.asarray(point)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float64)


def _distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    return float(np.linalg.norm(a.astype(np.float64) - b.astype(np.float64)))


def _energy_difference(landscape: Landscape, point: NDArray[np.floating], copy: NDArray[np.floating]) -> float:
    pair = torch.as_tensor(np.stack([point, copy]), dtype=landscape.dtype, device=landscape.device)
    values, gradients = landscape.energy_and_gradient(pair)
    energies = values.tolist()
    difference = energies[1] - energies[0]
    # Far from the origin the coordinates of a copy are rounded, and the energy changes by that as well.
    rounded = float(gradients.abs().sum(dim=1).max() * pair.abs().max()) * torch.finfo(landscape.dtype).eps
    # Sums of large terms may come out near zero: the size of an energy is that at the fixed points, where it is larger.
    usual = [abs(row[landscape.surfaces.index(landscape.surface)] or 0.0) for row in landscape.identity.energies]
    size = max(abs(energies[0]), min(usual, default=0.0))
    if not abs(difference) <= _ROUNDING[landscape.dtype] * size + 4 * rounded:
        raise ValueError(
            f"the copy changes the energy from {energies[0]:.8g} to {energies[1]:.8g}: the symmetry that is found or "
            "declared is none of this landscape"
        )
    return float(difference)
