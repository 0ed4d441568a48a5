"""Signed permutations, and what is permuted in a parameter vector: axes of blocks that count the same units.

Two solutions may be one and the same with units renamed; `elsuite.symmetry.units.UnitSymmetry` says which. A
**signed permutation** is a whole-number array p, counted from 1 with signs: it takes x to y with
``y[i] = sign(p[i]) * x[abs(p[i]) - 1]``. An **element** of a symmetry has one for each group of units;
`parameter_permutation` turns it into one of all parameters, int32, that can be stored.

Units may have units of their own: each head of an attention layer has inner ones. The heads are a group, and the
inner units of all heads another one, **within** it, in equal runs, whose permutations keep every unit in its run. The
heads move first, with all that is in them; then the inner units of each head, where it is now, are permuted.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from elsuite.symmetry.units import UnitSymmetry

Permutation = NDArray[np.int32]
Element = tuple[Permutation, ...]


@dataclass(frozen=True)
class Axis:
    """An axis that counts the units of a group; all axes of a group are permuted together."""

    group: str
    flips: bool = False
    """Whether values along this axis change sign with their unit."""
    within: str = ""
    """The group that another axis of the block counts, where each of its units has units of its own along this one."""


@dataclass(frozen=True)
class Box:
    """Where in a tensor, viewed as of shape `whole`, a block is: from `start` on, `extent` along each axis."""

    whole: tuple[int, ...]
    start: tuple[int, ...]
    extent: tuple[int, ...]

    @property
    def slices(self) -> tuple[slice, ...]:
        """The same as an index."""
        return tuple(slice(begin, begin + size) for begin, size in zip(self.start, self.extent, strict=True))


@dataclass(frozen=True)
class Block:
    """Consecutive parameters as an array, with what each of its axes counts.

    Attributes
    ----------
    axes : tuple of Axis or None
        None: the axis is not permuted (inputs, outputs, positions).
    shape : tuple of int, optional
        The tensor's own by default. Another one splits an axis: (units, 16 channels x 25 positions) is
        (units, 16, 25).
    tensor : str
        Name of the tensor that the parameters come from; filled in by `symmetry_of`.
    box : Box, optional
        Where in the tensor the parameters are, if not one after the other; the blocks of one tensor make it up.
    """

    axes: tuple[Axis | None, ...]
    shape: tuple[int, ...] = ()
    tensor: str = ""
    box: Box | None = None

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class UnitGroup:
    """Interchangeable units: their name, number, and whether each has an exact sign flip as well."""

    name: str
    size: int
    flips: bool
    within: str = ""
    """The group of which each unit has an equal run of these."""


@overload
def permute(values: "Tensor", permutation: Permutation) -> "Tensor": ...
@overload
def permute(values: NDArray[Any], permutation: Permutation) -> NDArray[Any]: ...
def permute(values: "Tensor | NDArray[Any]", permutation: Permutation) -> "Tensor | NDArray[Any]":
    """Return `values`, array or tensor of shape (..., n), with a signed permutation applied along the last axis.

    Of values that are a signed permutation themselves, the result does what they do and after it `permutation`.

    Examples
    --------
    >>> permute(np.array([10.0, 20.0, 30.0]), np.array([3, -1, 2]))
    array([ 30., -10.,  20.])
    """
    index, sign = np.abs(permutation) - 1, np.sign(permutation)
    if isinstance(values, np.ndarray):
        result: NDArray[Any] = values[..., index] * sign.astype(values.dtype)
        return result
    # Made by the tensor itself: readers never load torch. In its own dtype places beyond 2^24 would be rounded.
    whole = values.new_empty(0).long().dtype
    permuted: Tensor = values[..., values.new_tensor(index, dtype=whole)] * values.new_tensor(sign)
    return permuted


def inverse(permutation: Permutation) -> Permutation:
    """Return the signed permutation that undoes `permutation`."""
    undone = np.empty_like(permutation)
    places = np.arange(1, len(permutation) + 1, dtype=permutation.dtype)
    undone[np.abs(permutation) - 1] = np.sign(permutation) * places
    return undone


def identity_element(symmetry: "UnitSymmetry") -> Element:
    """Return the element that changes nothing."""
    return tuple(np.arange(1, group.size + 1, dtype=np.int32) for group in symmetry.groups)


def random_element(symmetry: "UnitSymmetry", seed: int | Sequence[int]) -> Element:
    """Return an element drawn uniformly: a permutation of each group, with signs where units have flips."""
    rng = np.random.default_rng(seed)
    sizes = {group.name: group.size for group in symmetry.groups}
    element = []
    for group in symmetry.groups:
        runs = sizes.get(group.within, 1)
        length = group.size // runs
        units = np.concatenate([rng.permutation(length) + run * length for run in range(runs)]) + 1
        signs = rng.choice([-1, 1], group.size).astype(np.int32) if group.flips else np.int32(1)
        element.append(units.astype(np.int32) * signs)
    return tuple(element)


def composed(symmetry: "UnitSymmetry", first: Element, second: Element) -> Element:
    """Return the element that does what `first` does and after it `second`."""
    earlier, later = (
        dict(zip((group.name for group in symmetry.groups), element, strict=True)) for element in (first, second)
    )
    result = []
    for group in symmetry.groups:
        units = earlier[group.name]
        if group.within:
            units = _runs_moved(units, later[group.within])
        result.append(permute(units, later[group.name]))
    return tuple(result)


def inverse_element(symmetry: "UnitSymmetry", element: Element) -> Element:
    """Return the element that undoes `element`."""
    undone = {group.name: inverse(units) for group, units in zip(symmetry.groups, element, strict=True)}
    return tuple(
        _runs_moved(undone[group.name], undone[group.within]) if group.within else undone[group.name]
        for group in symmetry.groups
    )


def _runs_moved(units: Permutation, outer: Permutation) -> Permutation:
    """Return permutations of inner units as they are where the units that they are in have been permuted."""
    order, runs = np.abs(outer) - 1, units.reshape(len(outer), -1)
    begins = runs.shape[1] * np.arange(len(outer), dtype=np.int32)[:, None]
    moved: Permutation = ((np.abs(runs) - begins)[order] + begins) * np.sign(runs)[order]
    return moved.ravel().astype(np.int32)


def split_element(symmetry: "UnitSymmetry", renaming: NDArray[Any]) -> Element:
    """Return the element whose permutations of groups, one after the other, are `renaming`, shape (n_units,).

    Raises
    ------
    ValueError
        For another number of units.

    Examples
    --------
    >>> from elsuite.symmetry import UnitSymmetry
    >>> a, b = Axis("a"), Axis("b")
    >>> symmetry = UnitSymmetry((Block((a, None), (2, 1)), Block((b, a), (3, 2)), Block((None, b), (1, 3))))
    >>> split_element(symmetry, np.array([2, 1, 3, 1, 2]))
    (array([2, 1], dtype=int32), array([3, 1, 2], dtype=int32))
    """
    sizes = [group.size for group in symmetry.groups]
    if renaming.shape != (sum(sizes),):
        raise ValueError(f"a renaming of shape {renaming.shape} given; the symmetry has {sum(sizes)} units")
    return tuple(np.split(renaming.astype(np.int32), np.cumsum(sizes)[:-1])) if sizes else ()


def parameter_permutation(symmetry: "UnitSymmetry", element: Element) -> Permutation:
    """Return the signed permutation of all parameters, shape (P,) int32, that an element stands for."""
    units = dict(zip((group.name for group in symmetry.groups), element, strict=True))
    permutation = np.arange(1, symmetry.n_parameters + 1, dtype=np.int32)
    for begin, block in located(symmetry.blocks):
        if any(block.axes):
            part = values_of(permutation, begin, block)
            part[...] = permute_axes(part.reshape(block.shape), block.axes, units).reshape(part.shape)
    return permutation


def located(blocks: Sequence[Block]) -> Iterator[tuple[int, Block]]:
    """Yield each block with the place of the first parameter of its tensor, or of its own if it is no box of one."""
    begin = filled = 0
    for block in blocks:
        yield begin, block
        filled += block.n_parameters
        whole = block.n_parameters if block.box is None else math.prod(block.box.whole)
        if filled == whole:
            begin, filled = begin + whole, 0


def values_of(vector: NDArray[Any], begin: int, block: Block) -> NDArray[Any]:
    """Return a view of a block's parameters in a vector, in the shape of its box where it has one."""
    if block.box is None:
        return vector[begin : begin + block.n_parameters].reshape(block.shape)
    return vector[begin : begin + math.prod(block.box.whole)].reshape(block.box.whole)[block.box.slices]


def permute_axes(
    values: NDArray[Any], axes: Sequence[Axis | None], units: Mapping[str, Permutation], but: Sequence[int] = ()
) -> NDArray[Any]:
    """Return `values` with the units permuted that its axes count, all but the axes numbered in `but`."""
    nested = []
    for place, axis in enumerate(axes):
        if axis is not None and place not in but:
            if axis.within:
                nested.append((place, axis))
            else:
                values = permute_axis(values, place, axis, units[axis.group])
    for place, axis in nested:
        outer = next(k for k, other in enumerate(axes) if other is not None and other.group == axis.within)
        values = _permute_within(values, outer, place, axis, units[axis.group])
    return values


def _permute_within(values: NDArray[Any], outer: int, place: int, axis: Axis, permutation: Permutation) -> NDArray[Any]:
    """Return `values` with the units along `place` permuted, for each unit along `outer` by its run."""
    moved = np.moveaxis(values, (outer, place), (0, 1))
    runs = permutation.reshape(moved.shape[:2])
    rest = (...,) + (None,) * (moved.ndim - 2)
    index = np.abs(runs) - 1 - moved.shape[1] * np.arange(len(runs), dtype=np.int32)[:, None]
    moved = np.take_along_axis(moved, index[rest], axis=1)
    if axis.flips:
        moved *= np.sign(runs)[rest].astype(moved.dtype)
    return np.moveaxis(moved, (0, 1), (outer, place))


def permute_axis(values: NDArray[Any], place: int, axis: Axis, permutation: Permutation) -> NDArray[Any]:
    """Return `values` with the units that its axis number `place` counts permuted and, if it flips, with signs."""
    # Not by `permute`: this is the innermost operation of matching, and moving axes takes longer than all else.
    permuted: NDArray[Any] = values.take(np.abs(permutation) - 1, axis=place)
    if axis.flips:
        permuted *= np.sign(permutation).reshape((-1,) + (1,) * (values.ndim - place - 1))
    return permuted


@overload
def apply(symmetry: "UnitSymmetry", vectors: "Tensor", element: Element) -> "Tensor": ...
@overload
def apply(symmetry: "UnitSymmetry", vectors: NDArray[Any], element: Element) -> NDArray[Any]: ...
def apply(symmetry: "UnitSymmetry", vectors: "Tensor | NDArray[Any]", element: Element) -> "Tensor | NDArray[Any]":
    """Return parameter vectors, shape (..., P), with their units permuted by `element`."""
    return permute(vectors, parameter_permutation(symmetry, element))
