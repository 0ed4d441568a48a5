"""What units that were found by following operations give: `traced_activations`, for groups of any kind."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from elsuite.symmetry.counts import Leaf, leaves, resolved, size_of
from elsuite.symmetry.grouping import Group, grouped, groups_by_units
from elsuite.symmetry.known import Counts
from elsuite.symmetry.permutations import UnitGroup
from elsuite.symmetry.tracing import Example, tensors_of, traced
from elsuite.symmetry.units import UnitSymmetry


@dataclass(frozen=True)
class _Place:
    """A tensor on the way, the lengths that its axes are taken apart into, and those that count units."""

    number: int
    shape: tuple[int, ...]
    units: tuple[int, ...]
    odd: bool
    """Whether values change sign with their unit."""


def traced_activations(
    module: nn.Module, tensors: Mapping[str, Tensor], inputs: Any, symmetry: UnitSymmetry
) -> dict[str, Tensor]:
    """Return for each group of units what they give on the way to the outputs, shape (n_units, n_values).

    That is the largest tensor with an axis that counts the units, and no units of theirs; where units flip, rather one
    of values that do not change with that: what a normalization gives, not what it reads. Groups that have others
    within them may be without.

    Parameters
    ----------
    tensors : mapping
        All tensors that belong to a point, by their names.

    Raises
    ------
    ValueError
        For a group that no tensor has an axis of, or a symmetry that was not found by following the module.
    """
    own = copy.deepcopy(module).cpu().eval()
    theirs = tensors_of(own)
    with torch.no_grad():
        for name, tensor in tensors.items():
            theirs[name].copy_(tensor)
    points = list(dict.fromkeys(block.tensor for block in symmetry.blocks))
    # Statistics belong to the point, whether they are coordinates or follow from the data.
    names = [*points, *(name for name in tensors if name not in points)]
    example = Example(tree_map(lambda x: x.cpu() if isinstance(x, Tensor) else x, inputs))
    trace = traced(own, names, example)
    blocks = grouped(trace.named, trace.seen)
    if not _agree(symmetry, [block for block in blocks if block.tensor in points]):
        raise ValueError("the units are not those that are found by following the module; match weights instead")
    groups = groups_by_units(trace.named, trace.seen)
    places = {}
    for group in symmetry.groups:
        found = [
            place
            for number, (counts, of_data) in enumerate(zip(trace.seen, trace.of_data, strict=True))
            if of_data and (place := _place(number, counts, group, symmetry, groups)) is not None
        ]
        if found:
            places[group.name] = min(found, key=lambda place: (place.odd, -math.prod(place.shape)))
        elif not any(other.within == group.name for other in symmetry.groups):
            raise ValueError(f"nothing counts the {group.size} units {group.name!r} alone; match weights instead")
    kept = traced(own, names, example, {place.number for place in places.values()}).kept
    activations = {}
    for name, place in places.items():
        values = kept[place.number].reshape(place.shape)
        moved = values.movedim(place.units, tuple(range(len(place.units))))
        activations[name] = moved.flatten(0, len(place.units) - 1).flatten(1)
    return activations


def _agree(symmetry: UnitSymmetry, blocks: Sequence[Any]) -> bool:
    """Return whether all axes of the symmetry count what was found again."""
    return len(blocks) == len(symmetry.blocks) and all(
        ours.shape == theirs.shape
        and all(
            a is None or (b is not None and a.group == b.group) for a, b in zip(ours.axes, theirs.axes, strict=True)
        )
        for ours, theirs in zip(symmetry.blocks, blocks, strict=True)
    )


def _place(
    number: int, counts: Counts, group: UnitGroup, symmetry: UnitSymmetry, groups: Mapping[int, Group]
) -> _Place | None:
    """Return where a tensor has the units of a group, None where it has not."""
    inner = {other.name for other in symmetry.groups if other.within == group.name}
    factors = [factor for count in counts for factor in resolved(count)]
    named = [groups.get(id(factor.units)) if isinstance(factor, Leaf) else None for factor in factors]
    ours = [k for k, other in enumerate(named) if other is not None and other.name == group.name]
    if len(ours) != 1:
        return None
    if any((found := groups.get(id(leaf.units))) and found.name in inner for count in counts for leaf in leaves(count)):
        return None
    leaf, own = factors[ours[0]], named[ours[0]]
    odd = group.flips and isinstance(leaf, Leaf) and own is not None and len(leaf.signs & own.flipping) % 2 == 1
    if group.within:
        outer = [k for k, other in enumerate(named) if other is not None and other.name == group.within]
        if len(outer) != 1:
            return None
        ours = [*outer, *ours]
    return _Place(number, tuple(size_of((factor,)) for factor in factors), tuple(ours), odd)
