"""Atoms of molecules: only those that are equivalent are exchanged, and whole molecules with all they have (`Part`)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from elsuite.core.typing import Floats, Ids

Members = tuple[tuple[int, ...], ...]
"""Sets of atoms, in corresponding orders, that may be exchanged with each other."""


@dataclass(frozen=True)
class Part:
    """Some atoms, and which parts of them may be exchanged with each other; the rest stay as they are.

    Examples
    --------
    Two molecules of water: the hydrogens of each, and both molecules, may be exchanged.

    >>> both = part_of(range(6), [((0, 1, 2), (3, 4, 5)), ((1,), (2,)), ((4,), (5,))])
    >>> len(both.groups), [len(molecule.groups) for molecule in both.groups[0]]
    (1, [1, 1])
    """

    atoms: tuple[int, ...]
    staying: tuple[int, ...]
    """Places, among the atoms, of those that are exchanged only with all others of this part."""
    groups: tuple[tuple["Part", ...], ...]

    @property
    def shape(self) -> tuple[object, ...]:
        """What equivalent parts have in common."""
        groups = tuple(tuple((self.places(part), part.shape) for part in group) for group in self.groups)
        return (len(self.atoms), self.staying, groups)

    def places(self, part: "Part") -> tuple[int, ...]:
        """Return where the atoms of a part are among those of this one."""
        return tuple(self.atoms.index(atom) for atom in part.atoms)


def part_of(atoms: Iterable[int], groups: Sequence[Members]) -> Part:
    """Return atoms with their exchangeable parts.

    Raises
    ------
    ValueError
        For groups that overlap but do not lie one in a member of the other, or whose members are not alike.

    Examples
    --------
    >>> part_of((0, 1, 2), [((1,), (2,))]).staying
    (0,)
    """
    own = tuple(int(atom) for atom in atoms)
    outer: list[Members] = []
    inner: list[Members] = []
    for group in groups:
        members = [set(member) for other in groups if other is not group for member in other]
        nested = any(_all_of(group) <= member for member in members)
        (inner if nested else outer).append(group)
    seen: set[int] = set()
    made: list[tuple[Part, ...]] = []
    for group in outer:
        whole = _all_of(group)
        if len(whole) < sum(map(len, group)) or seen & whole or not whole <= set(own):
            raise ValueError(f"group {group} given; atoms in no other group, or all in one member of it, are expected")
        seen |= whole
        parts = tuple(part_of(member, [g for g in inner if _all_of(g) <= set(member)]) for member in group)
        if len({part.shape for part in parts}) > 1:
            raise ValueError(f"group {group} given; members of one size, with corresponding groups, are expected")
        made.append(parts)
    staying = tuple(place for place, atom in enumerate(own) if atom not in seen)
    return Part(own, staying, tuple(made))


def _all_of(group: Members) -> set[int]:
    return {atom for member in group for atom in member}


def checked_groups(groups: object, n_atoms: int) -> tuple[Members, ...]:
    """Return groups with every member a tuple of atoms; an atom alone stands for its member.

    Raises
    ------
    ValueError
        For atoms that there are not, or anything but groups of members.

    Examples
    --------
    >>> checked_groups([[0, 1]], 2)
    (((0,), (1,)),)
    """
    try:
        found = tuple(
            tuple((int(m),) if isinstance(m, (int, np.integer)) else tuple(int(atom) for atom in m) for m in group)
            for group in groups  # type: ignore[attr-defined]
        )
    except (TypeError, ValueError):
        raise ValueError(f"groups {groups!r} given; lists of atoms, or of lists of atoms, are expected") from None
    if any(not 0 <= atom < n_atoms for group in found for member in group for atom in member):
        raise ValueError(f"groups {groups!r} given; atoms from 0 to {n_atoms - 1} are expected")
    return found


def orbits(species: Sequence[int | str], part: Part) -> list[Ids]:
    """Return sets of atoms that may take each other's places.

    Raises
    ------
    ValueError
        For atoms of different species among them.

    Examples
    --------
    >>> [own.tolist() for own in orbits("OHH", part_of(range(3), [((1,), (2,))]))]
    [[0], [1, 2]]
    """
    number = list(range(len(species)))

    def join(own: Part) -> None:
        for group in own.groups:
            for member in group:
                join(member)
                for a, b in zip(group[0].atoms, member.atoms, strict=True):
                    low, high = sorted((number[a], number[b]))
                    number[:] = [low if n == high else n for n in number]

    join(part)
    found = [np.flatnonzero(np.array(number) == n) for n in sorted(set(number))]
    for own in found:
        if len({species[k] for k in own.tolist()}) > 1:
            raise ValueError(f"atoms {own.tolist()} may be exchanged by the groups given, but are of different species")
    return found


def exchanged(squares: Floats, part: Part) -> tuple[Ids, float]:
    """Return which atom of the second comes over each of the first, and the sum of `squares` (n_atoms, n_atoms).

    Examples
    --------
    >>> labels, total = exchanged(np.array([[0.0, 9, 9], [9, 5, 1], [9, 1, 5]]), part_of(range(3), [((1,), (2,))]))
    >>> labels.tolist(), float(total)
    ([0, 2, 1], 2.0)
    """
    labels = np.empty(len(squares), dtype=np.int64)
    total, pairs = _matched(squares, part, part)
    for a, b in pairs:
        labels[a] = b
    return labels, total


def _matched(squares: Floats, first: Part, second: Part) -> tuple[float, list[tuple[int, int]]]:
    pairs = [(first.atoms[place], second.atoms[place]) for place in first.staying]
    total = float(sum(squares[a, b] for a, b in pairs))
    for own, other in zip(first.groups, second.groups, strict=True):
        table = [[_matched(squares, a, b) for b in other] for a in own]
        costs = np.array([[cost for cost, _ in row] for row in table])
        for i, j in zip(*linear_sum_assignment(costs), strict=True):
            total += table[i][j][0]
            pairs += table[i][j][1]
    return total, pairs
