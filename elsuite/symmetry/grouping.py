"""Groups of interchangeable units from what axes were found to count: `grouped` makes the blocks of a symmetry."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from elsuite.symmetry.counts import (
    Count,
    Factor,
    Family,
    Leaf,
    Signs,
    Slot,
    Sum,
    Units,
    fix,
    leaves,
    resolved,
    size_of,
    unify,
)
from elsuite.symmetry.permutations import Axis, Block, Box

Counts = tuple[Count, ...]


def grouped(named: Mapping[str, Counts], seen: Sequence[Counts]) -> tuple[Block, ...]:
    """Return the blocks of a point made of the named tensors, one after the other.

    Parameters
    ----------
    named : mapping
        What the axes of the tensors of a point count.
    seen : sequence
        What the axes of all tensors count that were made of them, those of the point among them.
    """
    groups = groups_by_units(named, seen)
    return tuple(block for name, counts in named.items() for block in _blocks(name, counts, groups))


def groups_by_units(named: Mapping[str, Counts], seen: Sequence[Counts]) -> dict[int, "Group"]:
    """Return the groups by the identity of the units that they are of."""
    _settle_families(seen)
    for counts in named.values():
        for count in counts:
            _fix_nested_sums(count)
    return _groups(named, _occurrences(seen))


def _settle_families(seen: Sequence[Counts]) -> None:
    """Unify the members of families that meet tensors without the axis that tells which is counted."""
    changed = True
    while changed:
        changed = False
        for counts in seen:
            slots = {id(leaf.units) for count in counts for leaf in leaves(count)}
            for family in (f for count in counts for f in _families(resolved(count))):
                if id(family.slot.root()) not in slots:
                    before = _members(family)
                    for term in family.terms[1:]:
                        unify(family.terms[0], term)
                    changed = changed or _members(family) != before


def _members(family: Family) -> list[tuple[int, bool]]:
    return [(id(leaf.units), leaf.units.fixed) for term in family.terms for leaf in leaves(term)]


def _families(count: Count) -> Iterator[Family]:
    for factor in count:
        if isinstance(factor, Family):
            yield factor
        if isinstance(factor, Family | Sum):
            for term in factor.terms:
                yield from _families(term)


def _fix_nested_sums(count: Count) -> None:
    for factor in resolved(count):
        if isinstance(factor, Family | Sum):
            for term in factor.terms:
                if any(isinstance(other, Family | Sum) for other in term):
                    fix(term)


def _occurrences(seen: Sequence[Counts]) -> dict[int, list[set[int]]]:
    """Return for each kind of units all that stands beside it, in each tensor."""
    found: dict[int, list[set[int]]] = {}
    distinct = {frozenset(id(leaf.units) for count in counts for leaf in leaves(count)) for counts in seen}
    for together in distinct:
        for units in together:
            found.setdefault(units, []).append(set(together))
    return found


@dataclass(frozen=True)
class Group:
    """A group: its name, the one that it is within, and the axes of parameters that change sign with a unit."""

    name: str
    within: str
    flipping: frozenset[Slot]


def _groups(named: Mapping[str, Counts], occurrences: Mapping[int, list[set[int]]]) -> dict[int, Group]:
    """Return the groups by the units that they are of."""
    slots: dict[int, list[Slot]] = {}
    units: dict[int, tuple[Units, str]] = {}
    for name, counts in named.items():
        for leaf in (leaf for count in counts for leaf in leaves(count)):
            if not leaf.units.fixed:
                slots.setdefault(id(leaf.units), []).extend(leaf.signs)
                units.setdefault(id(leaf.units), (leaf.units, name.rpartition(".")[0] or name))
    # What only one axis counts are the units of a tensor that is not used.
    kept = {key: value for key, value in units.items() if len(slots[key]) > 1}
    outer = {key: _outer(kinds, kept, occurrences) for key, (kinds, _) in kept.items()}
    taken: set[str] = set()
    names: dict[int, str] = {}
    for key, (_, layer) in kept.items():
        stem = layer if outer[key] is None else f"{layer}.inner"
        others = (f"{stem}#{k}" for k in itertools.count(2))
        names[key] = next(name for name in itertools.chain([stem], others) if name not in taken)
        taken.add(names[key])
    holding = {key for key in outer.values() if key is not None}
    return {
        key: Group(
            names[key],
            "" if (above := outer[key]) is None else names[above],
            frozenset() if key in holding else _flipping(slots[key], kinds.even),
        )
        for key, (kinds, _) in kept.items()
    }


def _outer(
    units: Units, kept: Mapping[int, tuple[Units, str]], occurrences: Mapping[int, list[set[int]]]
) -> int | None:
    """Return the units that each have some of `units` of their own: those that stand beside them everywhere."""
    candidates = _above(units, kept)
    for key in candidates:
        # Units of units of units are permuted alike in all of the outermost.
        if not _above(kept[key][0], kept) and all(key in beside for beside in occurrences[id(units)]):
            return key
    return None


def _above(units: Units, kept: Mapping[int, tuple[Units, str]]) -> list[int]:
    found = (id(leaf.units) for outer in units.outer for leaf in leaves((Leaf(outer),)))
    return [key for key in dict.fromkeys(found) if key in kept and key != id(units)]


def _flipping(slots: Sequence[Slot], even: Sequence[Signs]) -> frozenset[Slot]:
    """Return axes that may all change sign with a unit: a solution of the equations over the field of two elements."""
    pivots: dict[Slot, Signs] = {}
    order = {slot: k for k, slot in enumerate(slots)}
    for equation in even:
        left = frozenset(slot for slot in equation if slot in order)
        while left:
            last = max(left, key=order.__getitem__)
            if last not in pivots:
                pivots[last] = left
                break
            left ^= pivots[last]
    free = [slot for slot in order if slot not in pivots]
    if not free:
        return frozenset()
    chosen = {free[0]}
    for slot in order:
        if slot in pivots and len(chosen & (pivots[slot] - {slot})) % 2:
            chosen.add(slot)
    return frozenset(chosen)


Part = tuple[tuple[int, Axis | None], ...]
"""Lengths and axes that an axis of a tensor is split into."""


def _blocks(name: str, counts: Counts, groups: Mapping[int, Group]) -> Iterator[Block]:
    """Yield the blocks of a tensor: boxes of it where an axis counts several kinds of units."""
    factors: list[Factor | int] = []
    for count in counts:
        factors.extend(_joined(count, groups) or [1])
    whole = tuple(factor if isinstance(factor, int) else size_of((factor,)) for factor in factors)
    needed = {id(factor.slot) for factor in factors if isinstance(factor, Family)}
    choices: list[Sequence[int | None]] = []
    for factor in factors:
        if isinstance(factor, Sum):
            choices.append(range(len(factor.terms)))
        elif isinstance(factor, Leaf) and id(factor.units) in needed:
            choices.append(range(factor.units.size))
        else:
            choices.append((None,))
    boxes = []
    for choice in itertools.product(*choices):
        slots = {
            id(factor.units): k
            for factor, k in zip(factors, choice, strict=True)
            if isinstance(factor, Leaf) and k is not None
        }
        parts = [_part(factor, k, slots, groups) for factor, k in zip(factors, choice, strict=True)]
        flat = [item for _, _, part in parts for item in part]
        box = Box(whole, tuple(begin for begin, _, _ in parts), tuple(size for _, size, _ in parts))
        boxes.append((Block(tuple(axis for _, axis in flat), tuple(size for size, _ in flat), name), box))
    contiguous = all(_is_contiguous(box) for _, box in boxes)
    for block, box in boxes:
        yield block if contiguous else Block(block.axes, block.shape, block.tensor, box)


def _joined(count: Count, groups: Mapping[int, Group]) -> list[Factor | int]:
    """Return the factors of an axis, those that are not permuted as numbers, neighbors together."""
    factors = resolved(count)
    needed = {id(factor.slot) for factor in factors if isinstance(factor, Family)}
    result: list[Factor | int] = []
    for factor in factors:
        ours = any(id(leaf.units) in groups for leaf in leaves((factor,)))
        if ours or (isinstance(factor, Leaf) and id(factor.units) in needed):
            result.append(factor)
        elif result and isinstance(last := result[-1], int):
            result[-1] = last * size_of((factor,))
        else:
            result.append(size_of((factor,)))
    return result


def _part(
    factor: Factor | int, choice: int | None, slots: Mapping[int, int], groups: Mapping[int, Group]
) -> tuple[int, int, Part]:
    """Return where along a factor a box begins, how far it goes, and what it is split into."""
    match factor:
        case int():
            return 0, factor, ((factor, None),)
        case Sum() if choice is not None:
            begin = sum(map(size_of, factor.terms[:choice]))
            term = factor.terms[choice]
            return begin, size_of(term), _split_part(term, groups)
        case Family() if id(factor.slot) in slots:
            term = factor.terms[slots[id(factor.slot)]]
            return 0, size_of(term), _split_part(term, groups)
        case Leaf() if choice is not None:
            return choice, 1, ()
        case Leaf():
            return 0, factor.units.size, _split_part((factor,), groups)
        case _:
            size = size_of((factor,))
            return 0, size, ((size, None),)


def _split_part(term: Count, groups: Mapping[int, Group]) -> Part:
    items: list[tuple[int, Axis | None]] = []
    for factor in term:
        group = groups.get(id(factor.units)) if isinstance(factor, Leaf) else None
        axis = None
        if group is not None and isinstance(factor, Leaf):
            axis = Axis(group.name, bool(factor.signs & group.flipping), group.within)
        if axis is None and items and items[-1][1] is None:
            items[-1] = (items[-1][0] * size_of((factor,)), None)
        else:
            items.append((size_of((factor,)), axis))
    return tuple(items)


def _is_contiguous(box: Box) -> bool:
    """Return whether the numbers in a box stand one after the other."""
    partial = [k for k, (size, extent) in enumerate(zip(box.whole, box.extent, strict=True)) if extent < size]
    return not partial or math.prod(box.extent[: partial[-1]]) == 1
