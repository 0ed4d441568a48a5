r"""Units that may be rescaled: what comes in times a factor, what goes out divided by it, as of rectified ones.

.. math:: \lambda_u > 0: \quad w_{u \cdot} \to \lambda_u w_{u \cdot}, \quad b_u \to \lambda_u b_u, \quad
    v_{\cdot u} \to v_{\cdot u} / \lambda_u

A copy of a network has other factors, and its units have other names (`elsuite.symmetry.units`); `match_with_scales`
finds both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.typing import Floats
from elsuite.symmetry.base import checked_pair
from elsuite.symmetry.permutations import Block, Element, apply, composed, identity_element, located, values_of
from elsuite.symmetry.units import UnitSymmetry, match_weights

MAX_SWEEPS, MAX_ROUNDS = 200, 4


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


def _kept(block: Block, place: int) -> set[int]:
    """Return the axes that tell the units apart which one axis counts: within others, those as well."""
    axis = block.axes[place]
    if axis is None or not axis.within:
        return {place}
    return {place, next(k for k, other in enumerate(block.axes) if other is not None and other.group == axis.within)}


def _along(block: Block, place: int, factors: Floats) -> Floats:
    """Return the factors of units in a shape that a block can be multiplied with."""
    kept = _kept(block, place)
    return factors.reshape([size if k in kept else 1 for k, size in enumerate(block.shape)])


def _summed(block: Block, place: int, values: Floats) -> Floats:
    """Return sums of a block's values over all but the units that an axis counts."""
    kept = _kept(block, place)
    return np.asarray(values.sum(axis=tuple(k for k in range(values.ndim) if k not in kept))).reshape(-1)


def unit_sums(symmetry: UnitSymmetry, number: int, place: int, values: Floats) -> Floats:
    """Return sums of values, shape (P,), over a block, for each of the units that its axis number `place` counts."""
    begin, block = list(located(symmetry.blocks))[number]
    return _summed(block, place, values_of(values, begin, block).reshape(block.shape))


@dataclass(frozen=True, eq=False)
class _Copy:
    """A point that is rescaled in place, with the reference beside it."""

    symmetry: UnitSymmetry
    scalings: Sequence[Scaling]
    a: Floats
    b: Floats

    @cached_property
    def parts(self) -> list[list[tuple[Block, int, int, Floats, Floats]]]:
        """For each scaling the blocks that it changes: the axis, the power, and views of the values in both points."""
        blocks = list(located(self.symmetry.blocks))
        return [
            [
                (blocks[k][1], place, power, values_of(self.a, *blocks[k]), values_of(self.b, *blocks[k]))
                for k, place, power in scaling.powers
            ]
            for scaling in self.scalings
        ]

    def sums(self, number: int, of: Callable[[Floats, Floats], Floats]) -> tuple[Floats, Floats]:
        """Return sums over what is multiplied and what is divided, for each unit of a scaling."""
        total: list[Floats | float] = [0.0, 0.0]
        for block, place, power, a, b in self.parts[number]:
            total[power < 0] = total[power < 0] + _summed(block, place, of(a, b).reshape(block.shape))
        return np.asarray(total[0]), np.asarray(total[1])

    def rescale(self, number: int, factors: Floats) -> float:
        """Rescale units; return the largest change of a logarithm."""
        for block, place, power, _, b in self.parts[number]:
            b *= np.broadcast_to(_along(block, place, factors ** float(power)), block.shape).reshape(b.shape)
        return float(np.abs(np.log(factors)).max(initial=0))

    def sweep(self, step: Callable[[int], Floats], tolerance: float) -> tuple[tuple[Floats, ...], int, bool]:
        """Rescale by one scaling after the other until factors stay; return them, the sweeps, whether they ended."""
        factors = list(_ones(self.symmetry, self.scalings))
        for swept in range(1, MAX_SWEEPS + 1):
            largest = 0.0
            for number in range(len(factors)):
                own = step(number)
                factors[number] = factors[number] * own
                largest = max(largest, self.rescale(number, own))
            if largest < tolerance:
                return tuple(factors), swept, True
        return tuple(factors), MAX_SWEEPS, False


def _balanced(symmetry: UnitSymmetry, scalings: Sequence[Scaling], point: Floats) -> Floats:
    """Return the copy of least norm: what comes in and goes out of each unit is of one size."""
    copy = _Copy(symmetry, scalings, point, point.copy())

    def step(number: int) -> Floats:
        into, out = copy.sums(number, _squares)
        return _fourth_root(out, into)

    copy.sweep(step, _TOLERANCE)
    return copy.b


def _nearest_factors(
    symmetry: UnitSymmetry, scalings: Sequence[Scaling], a: Floats, b: Floats
) -> tuple[tuple[Floats, ...], Floats, int, bool]:
    """Return the factors that bring `b` nearest to `a`, the copy, the sweeps, and whether they ended.

    They are looked for from those that `b` has, and from where what comes in and goes out of each unit is in proportion
    as in `a`: there a copy of `a` is `a` itself.
    """
    best = None
    for start in (_ones(symmetry, scalings), _same_proportions(symmetry, scalings, a, b)):
        copy = _Copy(symmetry, scalings, a, rescaled(symmetry, scalings, b, start))

        def step(number: int, copy: _Copy = copy) -> Floats:
            return _best_factors(*copy.sums(number, _squares), *copy.sums(number, np.multiply))

        found, swept, converged = copy.sweep(step, _TOLERANCE)
        factors = tuple(own * more for own, more in zip(start, found, strict=True))
        # From the factors in one, so that roundings of the sweeps do not add up.
        nearest = rescaled(symmetry, scalings, b, factors)
        distance = float(np.linalg.norm(a - nearest))
        if best is None or distance < best[0]:
            best = distance, factors, nearest, swept, converged
    assert best is not None
    return best[1:]


def _same_proportions(symmetry: UnitSymmetry, scalings: Sequence[Scaling], a: Floats, b: Floats) -> tuple[Floats, ...]:
    reference, copy = _Copy(symmetry, scalings, a, a), _Copy(symmetry, scalings, a, b.copy())
    wanted = [reference.sums(number, _squares) for number in range(len(scalings))]

    def step(number: int) -> Floats:
        into, out = copy.sums(number, _squares)
        return _fourth_root(wanted[number][0] * out, wanted[number][1] * into)

    return copy.sweep(step, _TOLERANCE**1.5)[0]


_TOLERANCE: Final = float(np.sqrt(np.finfo(float).eps))
"""Factors that change by less, relatively, stay: a distance changes by the square of that."""


def _squares(_a: Floats, b: Floats) -> Floats:
    return b * b


def _fourth_root(above: Floats, below: Floats) -> Floats:
    """Return the fourth root of ratios; 1 where nothing comes in or goes out."""
    usable = (above > 0) & (below > 0)
    result = np.ones_like(above)
    result[usable] = (above[usable] / below[usable]) ** 0.25
    return result


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
