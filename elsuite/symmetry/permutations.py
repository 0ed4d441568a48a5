"""Signed permutations, and what is permuted in a parameter vector: axes of blocks that count the same units.

Two solutions may be one and the same with units renamed; `elsuite.symmetry.units.UnitSymmetry` says which. A
**signed permutation** is a whole-number array p, counted from 1 with signs: it takes x to y with
``y[i] = sign(p[i]) * x[abs(p[i]) - 1]``. An **element** of a symmetry has one for each group of units;
`parameter_permutation` turns it into one of all parameters, int32, that can be stored.
"""

import math
from collections.abc import Sequence
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
    """

    axes: tuple[Axis | None, ...]
    shape: tuple[int, ...] = ()
    tensor: str = ""

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
    chosen = values.new_tensor(index).long()  # made by the tensor itself: readers never load torch
    permuted: Tensor = values[..., chosen] * values.new_tensor(sign)
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
    return tuple(
        (rng.permutation(g.size) + 1).astype(np.int32)
        * (rng.choice([-1, 1], g.size).astype(np.int32) if g.flips else np.int32(1))
        for g in symmetry.groups
    )


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
    parts, start = [np.empty(0, np.int32)], 1
    for block in symmetry.blocks:
        part = np.arange(start, start + block.n_parameters, dtype=np.int32).reshape(block.shape)
        for place, axis in enumerate(block.axes):
            if axis is not None:
                part = permute_axis(part, place, axis, units[axis.group])
        parts.append(part.ravel())
        start += block.n_parameters
    return np.concatenate(parts)


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
