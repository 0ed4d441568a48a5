r"""Units that may be rescaled: what comes in times a factor, what goes out divided by it, as of rectified ones.

.. math:: \lambda_u > 0: \quad w_{u \cdot} \to \lambda_u w_{u \cdot}, \quad b_u \to \lambda_u b_u, \quad
    v_{\cdot u} \to v_{\cdot u} / \lambda_u

A copy of a network has other factors, and its units have other names (`elsuite.symmetry.units`); `match_with_scales`
finds both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.typing import Floats
from elsuite.symmetry.base import checked_pair
from elsuite.symmetry.permutations import Block, Element, apply, composed, identity_element, located, values_of
from elsuite.symmetry.units import UnitSymmetry, match_weights

MAX_SWEEPS, MAX_ROUNDS = 200, 10


@dataclass(frozen=True)
class Scaling:
    """A way to rescale each unit of a group.

    Attributes
    ----------
    group : str
        Whose units have a factor each.
    powers : tuple of (int, int, int)
        The number of a block of the symmetry, the number of its axis, and the power of the factor along it, 1 or -1.
    """

    group: str
    powers: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, eq=False)
class ScaledMatch:
    """What came of a search for the nearest copy with other names and factors."""

    element: Element
    factors: tuple[Floats, ...]
    """Of the units of each scaling, after they are renamed."""
    coordinates: Floats
    distance: float
    n_sweeps: int
    converged: bool


def rescaled(
    symmetry: UnitSymmetry, scalings: Sequence[Scaling], vector: ArrayLike, factors: Sequence[ArrayLike]
) -> Floats:
    """Return a copy of a parameter vector, shape (P,), with its units rescaled by positive factors.

    Examples
    --------
    >>> from elsuite.symmetry.permutations import Axis
    >>> hidden = Axis("hidden")
    >>> symmetry = UnitSymmetry((Block((hidden, None), (2, 1)), Block((None, hidden), (1, 2))))
    >>> scaling = Scaling("hidden", ((0, 0, 1), (1, 1, -1)))
    >>> rescaled(symmetry, [scaling], [1.0, 2.0, 3.0, 4.0], [[10.0, 2.0]])
    array([10. ,  4. ,  0.3,  2. ])
    """
    copy = np.asarray(vector, dtype=np.float64).copy()
    blocks = list(located(symmetry.blocks))
    for scaling, own in zip(scalings, factors, strict=True):
        for number, place, power in scaling.powers:
            begin, block = blocks[number]
            part = values_of(copy, begin, block)
            part[...] = (part.reshape(block.shape) * _along(block, place, np.asarray(own) ** float(power))).reshape(
                part.shape
            )
    return copy


def match_with_scales(
    symmetry: UnitSymmetry, scalings: Sequence[Scaling], a: ArrayLike, b: ArrayLike, *, restarts: int = 4, seed: int = 0
) -> ScaledMatch:
    r"""Return the copy of `b` nearest to `a` as far as names and factors in turn find it; the distance never grows.

    Names are matched as the points are, and as both are balanced: with the factors of least norm, which copies have in
    common. Then the factor of each unit is the best one, with all others held: a root of

    .. math:: \lambda^4 |b_+|^2 - \lambda^3 \langle a_+, b_+ \rangle + \lambda \langle a_-, b_- \rangle - |b_-|^2 = 0

    where + and - are what is multiplied and divided. Names and factors alternate until neither brings more.
    """
    one, other = checked_pair(symmetry.n_parameters, a, b)
    found = [match_weights(symmetry, one, other, restarts=restarts, seed=seed)]
    balanced = [_balanced(symmetry, scalings, point) for point in (one, other)]
    found.append(match_weights(symmetry, *balanced, restarts=restarts, seed=seed))
    best: ScaledMatch | None = None
    for match in found:
        candidate = _alternated(symmetry, scalings, one, other, match.element)
        if best is None or candidate.distance < best.distance:
            best = candidate
    assert best is not None
    return best


def _alternated(
    symmetry: UnitSymmetry, scalings: Sequence[Scaling], a: Floats, b: Floats, element: Element
) -> ScaledMatch:
    n_sweeps, copy, factors = 0, apply(symmetry, b, element), _ones(symmetry, scalings)
    for _ in range(MAX_ROUNDS):
        factors, copy, swept, converged = _nearest_factors(symmetry, scalings, a, apply(symmetry, b, element))
        n_sweeps += swept
        distance = float(np.linalg.norm(a - copy))
        step = match_weights(symmetry, a, copy, restarts=0)
        pairs = zip(step.element, identity_element(symmetry), strict=True)
        changed = any(not np.array_equal(own, same) for own, same in pairs)
        if not changed or step.distance >= distance * (1 - 1e-12):
            break
        element = composed(symmetry, element, step.element)
    return ScaledMatch(element, factors, copy, distance, n_sweeps, converged)


def _ones(symmetry: UnitSymmetry, scalings: Sequence[Scaling]) -> tuple[Floats, ...]:
    sizes = {group.name: group.size for group in symmetry.groups}
    return tuple(np.ones(sizes[scaling.group]) for scaling in scalings)


def _along(block: Block, place: int, factors: Floats) -> Floats:
    """Return the factors of units in a shape that a block can be multiplied with."""
    axis = block.axes[place]
    places = {place}
    if axis is not None and axis.within:
        places.add(next(k for k, other in enumerate(block.axes) if other is not None and other.group == axis.within))
    return factors.reshape([size if k in places else 1 for k, size in enumerate(block.shape)])


def unit_sums(symmetry: UnitSymmetry, scaling: Scaling, values: Floats) -> tuple[Floats, Floats]:
    """Return sums of values, shape (P,), over what belongs to each unit: what is multiplied, and what is divided."""
    blocks = list(located(symmetry.blocks))
    sizes = {group.name: group.size for group in symmetry.groups}
    sums = np.zeros((2, sizes[scaling.group]))
    for number, place, power in scaling.powers:
        begin, block = blocks[number]
        part = values_of(values, begin, block).reshape(block.shape)
        kept = _along(block, place, np.ones(sums.shape[1])).shape
        summed = part.sum(axis=tuple(k for k, size in enumerate(kept) if size == 1 and block.shape[k] != 1))
        sums[0 if power > 0 else 1] += summed.reshape(-1)
    return sums[0], sums[1]


def _balanced(symmetry: UnitSymmetry, scalings: Sequence[Scaling], point: Floats) -> Floats:
    """Return the copy of least norm: what comes in and goes out of each unit is of one size."""
    for _ in range(MAX_SWEEPS):
        largest = 0.0
        for scaling in scalings:
            into, out = unit_sums(symmetry, scaling, point**2)
            usable = (into > 0) & (out > 0)
            factors = np.ones_like(into)
            factors[usable] = (out[usable] / into[usable]) ** 0.25
            point = rescaled(symmetry, [scaling], point, [factors])
            largest = max(largest, float(np.abs(np.log(factors)).max(initial=0)))
        if largest < np.finfo(float).eps ** 0.75:
            break
    return point


def _nearest_factors(
    symmetry: UnitSymmetry, scalings: Sequence[Scaling], a: Floats, b: Floats
) -> tuple[tuple[Floats, ...], Floats, int, bool]:
    """Return the factors that bring `b` nearest to `a`, the copy, the sweeps, and whether they ended.

    They are looked for from those that `b` has, and from where it is as balanced as `a`, which copies have in common.
    """
    ones = _ones(symmetry, scalings)
    best = None
    for start in (ones, _same_balance(symmetry, scalings, a, b)):
        factors, copy = start, rescaled(symmetry, scalings, b, start)
        converged, swept = False, 0
        while not converged and swept < MAX_SWEEPS:
            swept, largest = swept + 1, 0.0
            new = []
            for scaling, own in zip(scalings, factors, strict=True):
                step = _best_factors(*unit_sums(symmetry, scaling, copy**2), *unit_sums(symmetry, scaling, a * copy))
                copy = rescaled(symmetry, [scaling], copy, [step])
                new.append(own * step)
                largest = max(largest, float(np.abs(np.log(step)).max(initial=0)))
            factors = tuple(new)
            converged = bool(largest < np.finfo(float).eps ** 0.75)
        # From the factors in one, so that roundings of the sweeps do not add up.
        copy = rescaled(symmetry, scalings, b, factors)
        distance = float(np.linalg.norm(a - copy))
        if best is None or distance < best[0]:
            best = distance, factors, copy, swept, converged
    assert best is not None
    return best[1:]


def _same_balance(symmetry: UnitSymmetry, scalings: Sequence[Scaling], a: Floats, b: Floats) -> tuple[Floats, ...]:
    """Return the factors that make what comes in and goes out of each unit of `b` in proportion as in `a`."""
    factors = [np.ones_like(own) for own in _ones(symmetry, scalings)]
    wanted = [unit_sums(symmetry, scaling, a**2) for scaling in scalings]
    copy = b
    for _ in range(MAX_SWEEPS):
        largest = 0.0
        for k, scaling in enumerate(scalings):
            into, out = unit_sums(symmetry, scaling, copy**2)
            usable = (into > 0) & (out > 0) & (wanted[k][0] > 0) & (wanted[k][1] > 0)
            step = np.ones_like(into)
            ratios = wanted[k][0][usable] * out[usable] / (wanted[k][1][usable] * into[usable])
            step[usable] = ratios**0.25
            copy = rescaled(symmetry, [scaling], copy, [step])
            factors[k] = factors[k] * step
            largest = max(largest, float(np.abs(np.log(step)).max(initial=0)))
        if largest < np.finfo(float).eps ** 0.75:
            break
    return tuple(factors)


def _best_factors(into: Floats, out: Floats, along_in: Floats, along_out: Floats) -> Floats:
    """Return for each unit the positive factor of the least distance; 1 where none is better."""
    best = np.ones_like(into)
    usable = np.flatnonzero((into > 0) & (out > 0))
    p, q, c, d = (values[usable, None] for values in (into, out, along_in, along_out))
    # Roots are eigenvalues of the companion matrix, of all units at once.
    companion = np.zeros((len(usable), 4, 4))
    companion[:, [1, 2, 3], [0, 1, 2]] = 1
    companion[:, 0] = np.concatenate([c / p, np.zeros_like(p), -d / p, q / p], axis=1)
    roots = np.linalg.eigvals(companion)
    positive = (np.abs(roots.imag) <= 1e-7 * np.abs(roots)) & (roots.real > 0)
    candidates = np.concatenate([np.where(positive, roots.real, 1.0), np.ones_like(p)], axis=1)
    costs = candidates**2 * p - 2 * candidates * c + q / candidates**2 - 2 * d / candidates
    best[usable] = np.take_along_axis(candidates, costs.argmin(axis=1)[:, None], axis=1)[:, 0]
    return best
