"""What the axes of tensors count: units that are alike wherever they meet, found by following operations.

`Units` are what an axis counts. Two axes that meet, in a sum or a product, count the same ones (`unify`); one axis may
turn out to count units of units (heads with inner units: a product) or several kinds one after the other (queries,
keys and values: a sum), and then so do all axes that count the same. Beside the units an axis has **signs**: the axes
of parameters whose signs change with the unit decide together whether the values do.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Slot = tuple[str | int, ...]
"""A tensor of the point, the number of its axis, and the run of it where it counts several kinds of units."""
Signs = frozenset[Slot]
"""The axes of parameters whose flips multiply to the flip of a value."""

EVEN: Final[Signs] = frozenset()
MOST_SLOTS: Final = 64
"""An axis longer than this is not taken apart into one kind of units an index."""


@dataclass(eq=False)
class Units:
    """Units that axes count, until they are found to be the same as others, to be fixed or to have parts."""

    size: int
    fixed: bool = False
    same_as: "Units | None" = None
    kind: Literal["whole", "product", "sum", "family"] = "whole"
    parts: "list[Units]" = field(default_factory=list)
    slot: "Units | None" = None
    """Of a family: what is along another axis tells which of the parts is counted."""
    even: list[Signs] = field(default_factory=list)
    """Products of signs that must not change when a unit is flipped."""
    outer: "list[Units]" = field(default_factory=list)
    """Units that these may be the inner ones of."""

    def root(self) -> "Units":
        """Return the units that these are the same as."""
        units = self
        while units.same_as is not None:
            units = units.same_as
        return units


@dataclass(frozen=True, eq=False)
class Leaf:
    """One kind of units, and how values change sign with them."""

    units: Units
    signs: Signs = EVEN


@dataclass(frozen=True)
class Alike:
    """Values that are equal all along."""

    size: int


@dataclass(frozen=True, eq=False)
class Sum:
    """Several kinds one after the other."""

    terms: "tuple[Count, ...]"


@dataclass(frozen=True, eq=False)
class Family:
    """One kind for each index along the axis that counts `slot`."""

    slot: Units
    terms: "tuple[Count, ...]"


Factor = Leaf | Alike | Sum | Family
Count = tuple[Factor, ...]
"""What one axis counts: pairs, triples ... of what the factors count, the last one running fastest."""


def fixed(size: int) -> Count:
    """Return what an axis counts whose places are all different."""
    return (Leaf(Units(size, fixed=True)),) if size != 1 else ()


def size_of(count: Count) -> int:
    """Return the length of an axis."""
    return math.prod(map(_length, count))


def _length(factor: Factor) -> int:
    match factor:
        case Leaf():
            return factor.units.size
        case Alike():
            return factor.size
        case Sum():
            return sum(map(size_of, factor.terms))
        case Family():
            return size_of(factor.terms[0])


def resolved(count: Count) -> Count:
    """Return the same with everything that has been found about the units."""
    factors: list[Factor] = []
    for factor in count:
        match factor:
            case Leaf():
                factors.extend(_resolved_leaf(factor))
            case Sum():
                factors.append(Sum(tuple(t for term in factor.terms for t in _terms(resolved(term)))))
            case Family():
                factors.append(Family(factor.slot.root(), tuple(resolved(term) for term in factor.terms)))
            case Alike():
                factors.append(factor)
    return tuple(factors)


def _terms(term: Count) -> Sequence[Count]:
    """Return the terms that a term of a sum is itself a sum of."""
    match term:
        case (Sum() as inner,):
            return inner.terms
        case (Leaf() as head, *rest) if any(isinstance(f, Family) and f.slot.root() is head.units for f in rest):
            return [_member(rest, head.units, k) for k in range(head.units.size)]
    return (term,)


def _member(factors: Sequence[Factor], slot: Units, index: int) -> Count:
    """Return factors with each family that `slot` tells of as the one that it is at an index."""
    result: list[Factor] = []
    for factor in factors:
        if isinstance(factor, Family) and factor.slot.root() is slot:
            result.extend(factor.terms[index])
        else:
            result.append(factor)
    return tuple(result)


def _resolved_leaf(leaf: Leaf) -> Count:
    units = leaf.units.root()
    if units.fixed or units.kind == "whole":
        return (Leaf(units, leaf.signs),)
    if units.kind == "product":
        return resolved(tuple(Leaf(part, leaf.signs) for part in units.parts))
    terms = tuple((Leaf(part, _of_run(leaf.signs, k)),) for k, part in enumerate(units.parts))
    return resolved((Sum(terms) if units.slot is None else Family(units.slot, terms),))


def _of_run(signs: Signs, k: int) -> Signs:
    return frozenset((*slot, k) for slot in signs)


def leaves(count: Count) -> Iterator[Leaf]:
    """Yield all that are in a count."""
    for factor in resolved(count):
        if isinstance(factor, Leaf):
            yield factor
        elif not isinstance(factor, Alike):
            for term in factor.terms:
                yield from leaves(term)


def fix(*counts: Count) -> None:
    """Note that the places along axes are not to be exchanged."""
    for count in counts:
        for leaf in leaves(count):
            leaf.units.fixed = True


def _refine(units: Units, kind: Literal["product", "sum", "family"], sizes: Sequence[int]) -> None:
    units.kind = kind
    units.parts = [Units(size, outer=list(units.outer)) for size in sizes]
    for k, part in enumerate(units.parts):
        part.even = list(units.even) if kind == "product" else [_of_run(signs, k) for signs in units.even]
        if kind == "product":
            part.outer += units.parts[:k]


def split_factor(factor: Factor, lead: int) -> Count | None:
    """Return two factors that make up one, the first of size `lead`; None where it can't be split there."""
    rest = _length(factor) // lead
    match factor:
        case Alike():
            return Alike(lead), Alike(rest)
        case Leaf():
            if factor.units.fixed:
                return fixed(lead) + fixed(rest)
            _refine(factor.units, "product", (lead, rest))
            return resolved((factor,))
        case Sum():
            if len(factor.terms) != lead or any(size_of(term) != rest for term in factor.terms):
                return None
            slot = Units(lead, fixed=True)
            return Leaf(slot), Family(slot, factor.terms)
        case Family():
            pairs = [split(term, (lead, rest)) for term in factor.terms]
            found = [pair for pair in pairs if pair is not None]
            if len(found) < len(pairs):
                return None
            first, second = (tuple(terms) for terms in zip(*found, strict=True))
            return Family(factor.slot, first), Family(factor.slot, second)


def split(count: Count, sizes: Sequence[int]) -> list[Count] | None:
    """Return what axes of `sizes` count that one axis is viewed as; None where it can't be told."""
    factors, axes = list(resolved(count)), list[Count]()
    for size in sizes:
        axis: list[Factor] = []
        needed = size
        while needed > 1:
            length = _length(factors[0]) if factors else 0
            if length and needed % length == 0:
                axis.append(factors.pop(0))
                needed //= length
            elif length and length % needed == 0 and (parts := split_factor(factors[0], needed)) is not None:
                factors = list(resolved((*parts, *factors[1:])))
            else:
                return None
        axes.append(tuple(axis))
    return [resolved(axis) for axis in axes]


def _aligned(a: Count, b: Count) -> tuple[Count, Count] | None:
    """Return two counts of the same length with factors of the same sizes."""
    while True:
        left, right = list(resolved(a)), list(resolved(b))
        done: tuple[list[Factor], list[Factor]] = ([], [])
        while left and right:
            m, n = _length(left[0]), _length(right[0])
            if m == n:
                done[0].append(left.pop(0))
                done[1].append(right.pop(0))
                continue
            longer = left if m > n else right
            parts = split_factor(longer[0], min(m, n)) if max(m, n) % min(m, n) == 0 else None
            if parts is None:
                return None
            longer[:1] = parts
        if left or right:
            return None
        a, b = tuple(done[0]), tuple(done[1])
        # What was split may occur earlier as well.
        again = resolved(a), resolved(b)
        if [len(again[0]), len(again[1])] == [len(a), len(b)]:
            return again


def unify(a: Count, b: Count) -> None:
    """Note that two axes count the same; where that can't be, neither is exchanged."""
    pairs = _aligned(a, b)
    if pairs is None:
        fix(a, b)
        return
    for f, g in zip(*pairs, strict=True):
        _unify_factors(f, g)


def _unify_factors(f: Factor, g: Factor) -> None:
    # An earlier pair may have taken them apart.
    one, other = resolved((f,)), resolved((g,))
    if len(one) > 1 or len(other) > 1:
        unify(one, other)
        return
    f, g = one[0], other[0]
    if isinstance(f, Alike) or isinstance(g, Alike):
        return
    if isinstance(f, Leaf) and isinstance(g, Leaf):
        _unify_units(f.units, g.units)
    elif isinstance(f, Leaf) and not isinstance(g, Leaf):
        _take_apart(f, g)
    elif isinstance(g, Leaf) and not isinstance(f, Leaf):
        _take_apart(g, f)
    elif isinstance(f, Family) and isinstance(g, Family):
        together = f.slot.root() is not g.slot.root()
        for x, y in zip(f.terms, f.terms[:1] * len(g.terms) if together else g.terms, strict=True):
            unify(x, y)
        for y in g.terms if together else ():
            unify(f.terms[0], y)
    elif isinstance(f, Sum) and isinstance(g, Sum):
        ends = [_ends(f), _ends(g)]
        both = sorted({*ends[0], *ends[1]})
        sizes = [end - begin for begin, end in zip([0, *both], both, strict=False)]
        for x, y in zip(cut((f,), sizes), cut((g,), sizes), strict=True):
            unify(x, y)
    else:
        fix((f,), (g,))


def _take_apart(leaf: Leaf, like: Sum | Family) -> None:
    """Give units the parts that `like` has, and unify them with those."""
    if leaf.units.fixed:
        fix((like,))
        return
    _refine(leaf.units, "sum" if isinstance(like, Sum) else "family", [size_of(term) for term in like.terms])
    leaf.units.slot = like.slot if isinstance(like, Family) else None
    unify((leaf,), (like,))


def _ends(factor: Sum) -> list[int]:
    sizes = [size_of(term) for term in factor.terms]
    return [sum(sizes[: k + 1]) for k in range(len(sizes))]


def _unify_units(a: Units, b: Units) -> None:
    a, b = a.root(), b.root()
    if a is b:
        return
    if a.kind != "whole" or b.kind != "whole":
        unify((Leaf(a),), (Leaf(b),))
        return
    b.same_as = a
    a.fixed = a.fixed or b.fixed
    a.even += b.even
    a.outer += b.outer


def cut(count: Count, sizes: Sequence[int]) -> list[Count]:
    """Return what runs of `sizes`, one after the other, of an axis count; places of what can't be told are fixed."""
    count = resolved(count)
    if len(sizes) == 1:
        return [count]
    head, rest = (count[0] if count else Alike(1)), count[1:]
    if not rest:
        match head:
            case Alike():
                return [(Alike(size),) if size > 1 else () for size in sizes]
            case Leaf() if not head.units.fixed:
                _refine(head.units, "sum", sizes)
                (whole,) = resolved((head,))
                return list(whole.terms) if isinstance(whole, Sum) else [fixed(size) for size in sizes]
            case Sum():
                if (runs := _cut_terms(head.terms, sizes)) is not None:
                    return runs
    elif all(size % size_of(rest) == 0 for size in sizes):
        if isinstance(head, Leaf) and all(size == size_of(rest) for size in sizes):
            return [chosen(rest, head, k) for k in range(len(sizes))]
        return [run + rest for run in cut((head,), [size // size_of(rest) for size in sizes])]
    fix(count)
    return [fixed(size) for size in sizes]


def _cut_terms(terms: Sequence[Count], sizes: Sequence[int]) -> list[Count] | None:
    waiting, runs = list(terms), list[Count]()
    for size in sizes:
        run: list[Count] = []
        needed = size
        while needed:
            first = waiting.pop(0)
            length = size_of(first)
            if length > needed:
                first, later = cut(first, (needed, length - needed))
                waiting.insert(0, later)
                length = needed
            run.append(first)
            needed -= length
        runs.append(run[0] if len(run) == 1 else (Sum(tuple(run)),))
    return runs


def chosen(count: Count, along: Leaf, index: int) -> Count:
    """Return what an axis counts at one index along another axis; the places along that one are then fixed."""
    slot = along.units.root()
    slot.fixed = True
    factors: list[Factor] = []
    for factor in resolved(count):
        if isinstance(factor, Leaf) and not factor.units.fixed and slot.size <= MOST_SLOTS:
            if any(units.root() is slot for units in factor.units.outer):
                _refine(factor.units, "family", [factor.units.size] * slot.size)
                factor.units.slot = slot
            factors.extend(resolved((factor,)))
        else:
            factors.append(factor)
    return resolved(_member(factors, slot, index))


Combine = Callable[[Units, list[Signs]], Signs]
"""Returns the signs of a result from those of what it is made of, and notes with the units what must be even."""


def met(counts: Sequence[Count], combine: Combine) -> Count:
    """Return what the axis of a result counts where the axes of what it is made of meet."""
    for k, other in enumerate(counts):
        for earlier in counts[:k]:
            unify(earlier, other)
    aligned = [resolved(count) for count in counts]
    for _ in range(2):
        for k in range(1, len(aligned)):
            pair = _aligned(aligned[0], aligned[k])
            if pair is None:
                return fixed(size_of(counts[0]))
            aligned[0], aligned[k] = pair
    return tuple(_met(factors, combine) for factors in zip(*aligned, strict=True))


def _met(factors: Sequence[Factor], combine: Combine) -> Factor:
    """Return the factor of a result from factors that are the same but for signs."""
    known = [factor for factor in factors if not isinstance(factor, Alike)]
    if not known:
        return factors[0]
    first = known[0]
    if isinstance(first, Leaf) and all(isinstance(factor, Leaf) for factor in known):
        signs = [factor.signs if isinstance(factor, Leaf) else EVEN for factor in factors]
        return Leaf(first.units, EVEN if first.units.fixed else combine(first.units, signs))
    kinds = [factor for factor in known if isinstance(factor, Sum | Family)]
    shapes = {(type(factor), tuple(map(size_of, factor.terms))) for factor in kinds}
    if len(kinds) < len(known) or len(shapes) > 1:
        fix(tuple(known))
        return Leaf(Units(_length(first), fixed=True))
    # What is alike all along is so in each term.
    alike: list[Count] = [(Alike(size_of(term)),) for term in kinds[0].terms]
    columns = zip(*(getattr(factor, "terms", alike) for factor in factors), strict=True)
    terms = tuple(met(column, combine) for column in columns)
    return Family(kinds[0].slot, terms) if isinstance(kinds[0], Family) else Sum(terms)


def equal(units: Units, signs: list[Signs]) -> Signs:
    """Combine the terms of a sum: all change sign alike."""
    units.even += [signs[0] ^ other for other in signs[1:] if signs[0] ^ other]
    return signs[0]


def product(units: Units, signs: list[Signs]) -> Signs:
    """Combine the factors of a product: their signs multiply."""
    result = EVEN
    for other in signs:
        result ^= other
    return result


def none(units: Units, signs: list[Signs]) -> Signs:
    """Combine what goes into a function that is not odd: nothing may change sign."""
    units.even += [other for other in signs if other]
    return EVEN


def contracted(units: Units, signs: list[Signs]) -> Signs:
    """Combine the factors of an inner product: no term of it may change."""
    return none(units, [product(units, signs)])


def any_sign(units: Units, signs: list[Signs]) -> Signs:
    """Combine what goes into an even function."""
    return EVEN
