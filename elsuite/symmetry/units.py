"""Networks with units renamed are one: `UnitSymmetry`, and its element that brings one network nearest to another.

`match_weights` finds it by the weights, `match_activations` by what the units give.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from elsuite.core.typing import Floats
from elsuite.symmetry.base import Alignment, NoSymmetry, Symmetry, checked_pair, checked_points
from elsuite.symmetry.permutations import (
    Axis,
    Block,
    Element,
    Permutation,
    UnitGroup,
    apply,
    identity_element,
    located,
    parameter_permutation,
    permute,
    permute_axes,
    random_element,
    values_of,
)

Units = dict[str, Permutation]
Activations = Mapping[str, ArrayLike]

MAX_SWEEPS = 100
BONUSES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""What staying is worth against the mean gain of the present assignment, where a group meets itself."""


@final
@dataclass(frozen=True)
class UnitSymmetry(Symmetry):
    """The permutable groups of a parameter vector that is the concatenation of `blocks`, flattened; each has its shape.

    Raises
    ------
    ValueError
        Axes that do not fit their shape, or two sizes of one group.

    Examples
    --------
    >>> from elsuite.symmetry.permutations import apply

    Two hidden units between one input and one output:

    >>> hidden = Axis("hidden")
    >>> symmetry = UnitSymmetry((Block((hidden, None), (2, 1)), Block((None, hidden), (1, 2))))
    >>> apply(symmetry, np.array([1.0, 2.0, 3.0, 4.0]), (np.array([2, 1]),))
    array([2., 1., 4., 3.])
    """

    blocks: tuple[Block, ...]
    note: str = field(default="", kw_only=True, repr=False, compare=False)
    """Why there are no further groups, where that was tried."""
    traced: bool = field(default=False, kw_only=True, repr=False, compare=False)
    """Whether the groups were found by following the operations of a module."""
    n_parameters: int = field(init=False, repr=False, compare=False)
    has_images: bool = field(init=False, repr=False, compare=False)
    joins_nearest: bool = field(default=False, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        for block in self.blocks:
            if len(block.axes) != len(block.shape):
                raise ValueError(f"{block} given; as many axes as its shape has are expected")
            for axis, size in _counted(block):
                if sizes.setdefault(axis.group, size) != size:
                    raise ValueError(f"group {axis.group!r} has {sizes[axis.group]} units, but {size} in {block}")
        object.__setattr__(self, "n_parameters", sum(block.n_parameters for block in self.blocks))
        object.__setattr__(self, "has_images", bool(sizes))

    @cached_property
    def groups(self) -> tuple[UnitGroup, ...]:
        """The groups, in the order in which they first appear."""
        found: dict[str, UnitGroup] = {}
        for block in self.blocks:
            for axis, size in _counted(block):
                known = found.get(axis.group, UnitGroup(axis.group, size, False, axis.within))
                found[axis.group] = replace(known, flips=known.flips or axis.flips)
        return tuple(found.values())

    def fingerprint(self, points: ArrayLike) -> Floats:
        """Return absolute values in order: permutations and flips of sign change none."""
        return np.sort(np.abs(checked_points(self.n_parameters, points)), axis=1)

    def nearest(self, a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0) -> Alignment:
        """Return `b` with its units renamed to the shortest distance that `match_weights` finds."""
        match = match_weights(self, a, b, tolerance=tolerance)
        permutation = parameter_permutation(self, match.element)
        return Alignment(match.distance, permute(np.asarray(b, dtype=np.float64), permutation), permutation)

    def description(self) -> dict[str, Any]:
        """Return the kind and all blocks."""
        blocks = [
            {
                "axes": [None if axis is None else _described(axis) for axis in block.axes],
                "shape": list(block.shape),
                "tensor": block.tensor,
            }
            | ({} if block.box is None else {"box": [list(part) for part in astuple(block.box)]})
            for block in self.blocks
        ]
        return {"kind": "units", "blocks": blocks}


def _described(axis: Axis) -> list[str | bool]:
    return [axis.group, axis.flips, *([axis.within] if axis.within else [])]


def _counted(block: Block) -> Iterator[tuple[Axis, int]]:
    """Yield the permuted axes of a block with the number of units of their groups; raise ValueError for a lost one."""
    lengths = {axis.group: size for axis, size in zip(block.axes, block.shape, strict=True) if axis}
    for axis, size in zip(block.axes, block.shape, strict=True):
        if axis is not None:
            if axis.within and axis.within not in lengths:
                raise ValueError(f"{block} given; group {axis.group!r} is within {axis.within!r}, which no axis counts")
            yield axis, size * lengths.get(axis.within, 1)


@dataclass(frozen=True, eq=False)
class Match:
    """What came of a search for the nearest copy."""

    element: Element
    distance: float
    n_sweeps: int
    """Over all groups, of all starts together."""
    converged: bool
    """Whether no group could be improved any more, from the start that was best."""


def best_assignment(plus: Floats, minus: Floats) -> Permutation:
    """Return the signed permutation p of largest total gain: ``plus[i, j]`` for p[i] = j + 1, ``minus`` for -(j + 1).

    Examples
    --------
    >>> best_assignment(np.array([[0.0, 2.0], [1.0, 0.0]]), np.array([[0.0, 3.0], [0.0, 0.0]]))
    array([-2,  1], dtype=int32)
    """
    rows, chosen = linear_sum_assignment(np.maximum(plus, minus), maximize=True)
    signs = np.where(minus[rows, chosen] > plus[rows, chosen], -1, 1)
    permutation: Permutation = ((chosen + 1) * signs).astype(np.int32)
    return permutation


def match_weights(
    symmetry: UnitSymmetry, a: ArrayLike, b: ArrayLike, *, restarts: int = 4, seed: int = 0, tolerance: float = 0.0
) -> Match:
    r"""Return the element whose copy of `b` is nearest to `a`, as far as coordinate sweeps find it.

    .. math:: |a - g b|^2 = |a|^2 + |b|^2 - 2 \langle a, g b \rangle

    With all groups but one held, the inner product is a sum of gains of single pairs of units, so the best
    permutation of the group, signs included, is a linear assignment problem. Where a group meets itself (recurrent
    weights) the product is quadratic in it; there the gains are those of the linearized problem, with a rising bonus
    for units that stay, until a step raises the inner product. Sweeps end at a fixed point. They start from the
    identity (so that the distance never grows), from matches of one group after the other that look only at weights
    whose other axes are matched already (exact for a copy, from inputs or from outputs on), from what does not depend
    on other groups (sorted weights), and from random elements; the best is returned.

    Parameters
    ----------
    restarts : int
        Number of random starts.
    tolerance : float
        A copy as near as this ends the search.

    Raises
    ------
    ValueError
        For vectors of another size than the symmetry's, or with values that are not finite.
    """
    problem = _Problem(symmetry, *checked_pair(symmetry.n_parameters, a, b))
    best = Match(identity_element(symmetry), problem.distance(identity_element(symmetry)), 0, True)
    n_sweeps = 0
    for start in _starts(problem, restarts, seed):
        if best.distance <= tolerance:
            break
        element, swept, converged = _sweep(problem, start)
        n_sweeps += swept
        distance = problem.distance(element)
        if distance < best.distance:
            best = Match(element, distance, n_sweeps, converged)
    return Match(best.element, best.distance, n_sweeps, best.converged)


def without_units(symmetry: Symmetry) -> Symmetry:
    """Return the symmetry, but none where units are renamed: networks count as different points unless one asks."""
    return NoSymmetry(symmetry.n_parameters) if isinstance(symmetry, UnitSymmetry) else symmetry


def match_activations(symmetry: UnitSymmetry, a: Activations, b: Activations, *, even: Collection[str] = ()) -> Element:
    """Return the element that brings units together whose activations correlate most, one group after the other.

    Parameters
    ----------
    a, b : mapping of group name to array_like (n_units, n_values)
        What each unit gives for the same inputs. Groups with sign flips are matched by the absolute correlation. Units
        that have others within them are matched by those as well, and may give nothing themselves.
    even : collection of str
        Groups whose units give the same when they are flipped: these keep their signs.
    """
    units: Units = {}
    groups = [replace(group, flips=group.flips and group.name not in even) for group in symmetry.groups]
    for group in (group for group in groups if not group.within):
        inner = [other for other in groups if other.within == group.name]
        gains = _correlations(group, a, b) if group.name in a or not inner else np.zeros((2, group.size, group.size))
        pairs = {other.name: _by_pairs(_correlations(other, a, b), group.size) for other in inner}
        units |= _best_pairs(group, gains, pairs)
    return tuple(units[group.name] for group in symmetry.groups)


def signed_by_weights(
    symmetry: UnitSymmetry, a: ArrayLike, b: ArrayLike, element: Element, groups: Collection[str]
) -> Element:
    """Return `element` with those signs of the units of some groups that bring `b` nearer to `a`."""
    problem = _Problem(symmetry, *checked_pair(symmetry.n_parameters, a, b))
    units = dict(zip((group.name for group in symmetry.groups), element, strict=True))
    for _ in range(MAX_SWEEPS):
        before = dict(units)
        for group in symmetry.groups:
            if group.name in groups and not group.within:
                kept, flipped = problem.gains(group, units)[:, np.arange(group.size), np.abs(units[group.name]) - 1]
                units[group.name] = np.abs(units[group.name]) * np.where(flipped > kept, -1, 1).astype(np.int32)
        if all(np.array_equal(units[name], before[name]) for name in units):
            break
    return tuple(units.values())


def _correlations(group: UnitGroup, a: Activations, b: Activations) -> Floats:
    correlations = _standardized(a[group.name]) @ _standardized(b[group.name]).T
    return np.stack([correlations, -correlations if group.flips else np.full_like(correlations, -np.inf)])


def _standardized(values: ArrayLike) -> Floats:
    """Return rows of mean 0 and norm 1; constant ones as zeros."""
    centered = np.asarray(values, dtype=np.float64)
    centered = centered - centered.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centered, axis=1, keepdims=True)
    standardized: Floats = np.divide(centered, norms, out=np.zeros_like(centered), where=norms > 0)
    return standardized


@dataclass(frozen=True, eq=False)
class _Part:
    """One block with permuted axes: its values in both vectors."""

    axes: tuple[Axis | None, ...]
    a: Floats
    b: Floats

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The group of each permuted axis."""
        return tuple(axis.group for axis in self.axes if axis is not None)

    def others(self, name: str) -> set[str]:
        """Return the groups of the other axes, when one axis of the group `name` is looked at."""
        return set(self.groups) - ({name} if self.groups.count(name) == 1 else set())

    def permuted(self, units: Units, but: Sequence[int] = ()) -> Floats:
        """Return `b` with its axes permuted, all but those numbered in `but`."""
        return permute_axes(self.b, self.axes, units, but)


@dataclass(frozen=True, eq=False)
class _Problem:
    symmetry: UnitSymmetry
    a: Floats
    b: Floats

    @cached_property
    def parts(self) -> dict[str, list[_Part]]:
        """The parts that each group has axes of."""
        found: dict[str, list[_Part]] = {group.name: [] for group in self.symmetry.groups}
        for begin, block in located(self.symmetry.blocks):
            if any(block.axes):
                a, b = (values_of(vector, begin, block).reshape(block.shape) for vector in (self.a, self.b))
                part = _Part(block.axes, a, b)
                for name in set(part.groups):
                    found[name].append(part)
        return found

    @cached_property
    def outer(self) -> tuple[UnitGroup, ...]:
        """The groups that are within no other one."""
        return tuple(group for group in self.symmetry.groups if not group.within)

    @cached_property
    def inner(self) -> dict[str, list[UnitGroup]]:
        """The groups within each."""
        groups = self.symmetry.groups
        return {group.name: [other for other in groups if other.within == group.name] for group in groups}

    def waits_for(self, part: _Part, group: UnitGroup) -> set[str]:
        """Return the groups that have to be matched before `part` says anything about `group` and those within it."""
        return part.others(group.name) - {other.name for other in self.inner[group.name]}

    @cached_property
    def alone(self) -> dict[str, Floats]:
        """For each group the gains from parts with no other permuted axis: they never change."""
        return {
            group.name: _gains([p for p in self.parts[group.name] if len(p.groups) == 1], group, {})
            for group in self.symmetry.groups
        }

    @cached_property
    def rounding(self) -> float:
        """Inner products that differ by less are equal."""
        return 1e-13 * float(np.linalg.norm(self.a) * np.linalg.norm(self.b))

    def gains(self, group: UnitGroup, units: Units) -> Floats:
        """Return the gains of `group`, with the other axes as in `units`; parts with axes not in it do not count."""
        shared = [p for p in self.parts[group.name] if len(p.groups) > 1 and p.others(group.name) <= set(units)]
        if inner := {other.name for other in self.inner[group.name]}:
            shared = [part for part in shared if inner.isdisjoint(part.groups)]
        return self.alone[group.name] + _gains(shared, group, units)

    def matched(self, group: UnitGroup, units: Units) -> Units:
        """Return the best permutation of `group`, and with it of the groups within it, with all else as in `units`.

        What each pair of units of `group` brings depends on how the units within it are matched: best, for each pair,
        by the parts that count one kind of inner units; the other parts say more once the pairs are known.
        """
        inner = {other.name for other in self.inner[group.name]}
        several = [part for part in self.parts[group.name] if len(inner.intersection(part.groups)) > 1]
        pairs = {}
        for other in self.inner[group.name]:
            parts = [p for p in self.parts[other.name] if self.waits_for(p, group) <= set(units) and p not in several]
            pairs[other.name] = _inner_gains(parts, group, other, units)
        matched = _best_pairs(group, self.gains(group, units), pairs)
        for other in self.inner[group.name] if several else ():
            known = units | matched
            parts = [part for part in self.parts[other.name] if set(part.groups) <= set(known)]
            matched[other.name] = _joined([best_assignment(*run) for run in _run_gains(parts, other, known)])
        return matched

    def overlap(self, group: UnitGroup, units: Units) -> float:
        """Return the inner product over the parts of `group`."""
        return sum(float(np.vdot(part.a, part.permuted(units))) for part in self.parts[group.name])

    def distance(self, element: Element) -> float:
        return float(np.linalg.norm(self.a - apply(self.symmetry, self.b, element)))


def _gains(parts: Sequence[_Part], group: UnitGroup, units: Units) -> Floats:
    """Return what each pair of units brings, (2, size, size): with its sign kept and, where it flips, flipped."""
    constant, flipping = np.zeros((2, group.size, group.size))
    for part in parts:
        for place, axis in enumerate(part.axes):
            if axis is not None and axis.group == group.name:
                target = flipping if axis.flips else constant
                target += _rows(part.a, place) @ _rows(part.permuted(units, but=(place,)), place).T
    return _with_signs(constant, flipping, group.flips)


def _with_signs(constant: Floats, flipping: Floats, flips: bool) -> Floats:
    return np.stack([constant + flipping, constant - flipping if flips else np.full_like(constant, -np.inf)])


def _inner_gains(parts: Sequence[_Part], group: UnitGroup, inner: UnitGroup, units: Units) -> Floats:
    """Return what each pair of inner units brings, by the pairs of units they are in: (size, size, 2, n, n)."""
    constant, flipping = np.zeros((2, inner.size, inner.size))
    for part in parts:
        places = [k for k, axis in enumerate(part.axes) if axis and axis.group == inner.name]
        outer = [k for k, axis in enumerate(part.axes) if axis and axis.group == group.name]
        if len(places) == len(outer) == 1:
            a, b = (
                np.moveaxis(values, (outer[0], places[0]), (0, 1)).reshape(inner.size, -1)
                for values in (part.a, part.permuted(units, but=(outer[0], places[0])))
            )
            axis = part.axes[places[0]]
            target = flipping if axis is not None and axis.flips else constant
            target += a @ b.T
    return _by_pairs(_with_signs(constant, flipping, inner.flips), group.size)


def _by_pairs(gains: Floats, n_outer: int) -> Floats:
    """Return gains of inner units, (2, size, size), by the pairs of units they are in, (n_outer, n_outer, 2, n, n)."""
    n = gains.shape[1] // n_outer
    return gains.reshape(2, n_outer, n, n_outer, n).transpose(1, 3, 0, 2, 4)


def _best_pairs(group: UnitGroup, gains: Floats, inner: Mapping[str, Floats]) -> Units:
    """Return the best permutation of `group` and of those within it: each pair of units brings what its best one does.

    Parameters
    ----------
    gains : array (2, size, size)
        What pairs of units bring by themselves.
    inner : mapping of group name to array (size, size, 2, n, n)
        What pairs of inner units bring.
    """
    own: dict[str, list[list[Permutation]]] = {}
    for name, pairs in inner.items():
        best = own[name] = [[best_assignment(*pair) for pair in row] for row in pairs]
        gains = gains + np.array([[_total(g, p) for g, p in zip(*rows)] for rows in zip(pairs, best)])  # noqa: B905
    matched = {group.name: best_assignment(*gains)}
    order = np.abs(matched[group.name]) - 1
    for name, permutations in own.items():
        matched[name] = _joined([permutations[k][j] for k, j in enumerate(order)])
    return matched


def _run_gains(parts: Sequence[_Part], inner: UnitGroup, units: Units) -> Floats:
    """Return what each pair of inner units of one unit brings, where it is now: (size, 2, n, n)."""
    n_runs = len(units[inner.within])
    constant, flipping = np.zeros((2, n_runs, inner.size // n_runs, inner.size // n_runs))
    for part in parts:
        for place, axis in enumerate(part.axes):
            if axis is not None and axis.group == inner.name:
                outer = next(k for k, other in enumerate(part.axes) if other and other.group == inner.within)
                a, b = (
                    np.moveaxis(values, (outer, place), (0, 1)).reshape(*constant.shape[:2], -1)
                    for values in (part.a, part.permuted(units, but=(place,)))
                )
                target = flipping if axis.flips else constant
                target += a @ b.swapaxes(1, 2)
    return _with_signs(constant, flipping, inner.flips).swapaxes(0, 1)


def _joined(runs: Sequence[Permutation]) -> Permutation:
    """Return one permutation of the units of all runs, each of which keeps its own."""
    return np.concatenate([run + np.sign(run) * (k * len(run)) for k, run in enumerate(runs)]).astype(np.int32)


def _rows(values: Floats, place: int) -> Floats:
    """Return the values along the axis number `place` as rows of a matrix."""
    return values.swapaxes(0, place).reshape(values.shape[place], -1)


def _starts(problem: _Problem, restarts: int, seed: int) -> Iterator[Element]:
    symmetry = problem.symmetry
    yield identity_element(symmetry)
    yield _progressive(problem, problem.outer)
    if len(problem.outer) > 1:
        yield _progressive(problem, problem.outer[::-1])
    yield from (random_element(symmetry, [seed, k]) for k in range(restarts))


def _progressive(problem: _Problem, order: Sequence[UnitGroup]) -> Element:
    """Match one group after the other, each by the parts whose other axes are matched already."""
    units: Units = {}
    while waiting := [group for group in order if group.name not in units]:
        matchable = (g for g in waiting if any(problem.waits_for(p, g) <= set(units) for p in problem.parts[g.name]))
        group = next(matchable, waiting[0])
        units.update(problem.matched(group, units))
    return tuple(units[group.name] for group in problem.symmetry.groups)


def _sweep(problem: _Problem, start: Element) -> tuple[Element, int, bool]:
    """Improve one group after the other until none improves; return the element, the sweeps, and whether it ended."""
    units = dict(zip((group.name for group in problem.symmetry.groups), start, strict=True))
    for swept in range(1, MAX_SWEEPS + 1):
        improved = [_improve(problem, group, units) for group in problem.outer]
        if not any(improved):
            return tuple(units.values()), swept, True
    return tuple(units.values()), MAX_SWEEPS, False


def _improve(problem: _Problem, group: UnitGroup, units: Units) -> bool:
    """Give `group` a better permutation in `units`, if one is found; return whether it was."""
    if problem.inner[group.name]:
        matched, overlap = problem.matched(group, units), problem.overlap(group, units)
        if better := problem.overlap(group, units | matched) > overlap + problem.rounding:
            units.update(matched)
        return better
    present, gains = units[group.name], problem.gains(group, units)
    if not any(part.groups.count(group.name) > 1 for part in problem.parts[group.name]):
        units[group.name] = best_assignment(*gains)
        return _total(gains, units[group.name]) > _total(gains, present) + problem.rounding
    before, mean = problem.overlap(group, units), abs(_total(gains, present)) / group.size
    for bonus in BONUSES:
        favored = gains.copy()
        favored[_entries(present)] += bonus * mean
        candidate = best_assignment(*favored)
        if problem.overlap(group, units | {group.name: candidate}) > before + problem.rounding:
            units[group.name] = candidate
            return True
    return False


def _entries(permutation: Permutation) -> tuple[Permutation, Permutation, Permutation]:
    """Return where the pairs of a signed permutation are in an array of gains."""
    return ((permutation < 0).astype(np.int32), np.arange(len(permutation), dtype=np.int32), np.abs(permutation) - 1)


def _total(gains: Floats, permutation: Permutation) -> float:
    return float(gains[_entries(permutation)].sum())
