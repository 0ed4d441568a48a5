"""Units of any module that are interchangeable: `found_symmetry` follows its operations, and checks what comes out."""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from elsuite.core.typing import Array
from elsuite.symmetry.grouping import grouped
from elsuite.symmetry.permutations import Axis, Block, Element, inverse_element, located, permute_axes, values_of
from elsuite.symmetry.tracing import Example, plain_operations, tensors_of, traced
from elsuite.symmetry.units import UnitSymmetry

N_POINTS, FEW_PARAMETERS = 3, 10**6
"""At how many random points groups are checked, where a network has few parameters."""


def found_symmetry(
    module: nn.Module, names: Sequence[str], example: Example, *, batch_statistics: bool = False
) -> UnitSymmetry:
    """Return the groups of units of a module that leave what counts of an example as it is.

    Each is found by following the operations, and is checked at a random point. What was found and did not pass, or why
    nothing could be followed, is the symmetry's note.

    Parameters
    ----------
    names : sequence of str
        The tensors that make up a point; all others are constants.
    batch_statistics : bool
        Whether normalizations that keep running averages use the statistics of the inputs.
    """
    tensors = tensors_of(module)
    why = ""
    # A loss may hold tensors that are bound to a precision or a device: then all outputs count.
    attempts = [(torch.float64, example), (None, example), (torch.float64, replace(example, loss=None))]
    for dtype, tried in attempts if example.loss is not None else attempts[:2]:
        try:
            own, cast = copy_of(module, dtype, batch_statistics), cast_example(tried, dtype)
            trace = traced(own, names, cast)
            return _checked(own, module, names, cast, UnitSymmetry(grouped(trace.named, trace.seen), traced=True))
        except Exception as error:
            # Anything may fail in a module of the user's on a copy in another precision, or on few inputs.
            why = why or f"its operations can't be followed: {type(error).__name__}: {error}".split("\n", 1)[0]
    nothing = tuple(Block((None,) * tensors[name].ndim, tuple(tensors[name].shape), name) for name in names)
    return UnitSymmetry(nothing, note=why)


def copy_of(module: nn.Module, dtype: torch.dtype | None, batch_statistics: bool) -> nn.Module:
    """Return a copy in evaluation mode on the CPU, in another precision, with nothing to be trained."""
    own = copy.deepcopy(module).cpu().eval()
    own._apply(lambda tensor: cast_value(tensor, dtype))  # type: ignore[no-untyped-call]
    for parameter in own.parameters() if not isinstance(own, torch.jit.ScriptModule) else ():
        parameter.requires_grad_(False)
    for layer in own.modules() if batch_statistics else ():
        if isinstance(layer, nn.modules.batchnorm._NormBase) and layer.running_mean is not None:
            # Nothing is averaged: statistics are those of the inputs at hand.
            layer.train()
            layer.track_running_stats = False
    return own


def cast_example(example: Example, dtype: torch.dtype | None) -> Example:
    """Return an example on the CPU in another precision, and the tensors of a loss that is a module as well."""
    inputs, targets = tree_map(partial(cast_value, dtype=dtype), (example.inputs, example.targets))
    loss = example.loss
    if isinstance(loss, nn.Module):
        loss = copy_of(loss, dtype, False)
    return replace(example, inputs=inputs, targets=targets, loss=loss)


def cast_value(value: Any, dtype: torch.dtype | None) -> Any:
    """Return a tensor on the CPU, real and complex ones in another precision; any other value as it is."""
    if not isinstance(value, Tensor):
        return value
    value = value.detach().cpu()
    if dtype is None:
        return value
    return value.to(torch.complex128) if value.is_complex() else value.to(dtype) if value.is_floating_point() else value


def _checked(
    own: nn.Module, module: nn.Module, names: Sequence[str], example: Example, symmetry: UnitSymmetry
) -> UnitSymmetry:
    """Return the symmetry with the groups that leave what counts as it is; the others are its note.

    Units are permuted in `own`, a copy of the module that nobody needs, at random points: several where they cost
    little, since units of a small network may all be without effect at one of them.
    """
    notes = []
    for seed in range(N_POINTS if symmetry.n_parameters <= FEW_PARAMETERS else 1):
        for wide in (True, False):
            randomize(own, module, names, seed, wide=wide)
            expected = _values(own, names, example)
            if all(np.isfinite(values).all() for values in expected):
                break
        else:
            found = {group.name for group in symmetry.groups}
            return replace(_without(symmetry, found), note="its outputs at a random point are not finite")
        symmetry = _checked_here(own, names, example, symmetry, expected)
        notes += [symmetry.note] if symmetry.note else []
    return replace(symmetry, note="; ".join(notes))


def _checked_here(
    own: nn.Module, names: Sequence[str], example: Example, symmetry: UnitSymmetry, expected: Sequence[Array]
) -> UnitSymmetry:
    """Try all groups at once; only where what counts changes by more than rounding, halves of them."""
    found = [group.name for group in symmetry.groups]

    def stays(tried: UnitSymmetry, element: Element) -> bool:
        _apply(own, tried, element)
        same = all(map(is_rounding, expected, _values(own, names, example)))
        if not same:
            _apply(own, tried, inverse_element(tried, element))
        return same

    def wrong(some: Sequence[str]) -> set[str]:
        tried = _without(symmetry, set(found) - set(some))
        if all(stays(tried, element) for element in generators(tried)):
            return set()
        if len(some) == 1:
            return set(some)
        half = len(some) // 2
        return wrong(some[:half]) | wrong(some[half:]) or set(some)

    if refused := wrong(found) if found else set():
        if not all(map(is_rounding, expected, _values(own, names, example))):
            return replace(_without(symmetry, set(found)), note="its outputs are not the same twice")
        # Units may be interchangeable, but not flipped.
        symmetry = _without_flips(symmetry, refused)
        refused = wrong(found)
    note = f"renaming {', '.join(name for name in found if name in refused)} changes its outputs" if refused else ""
    return replace(_without(symmetry, refused), note=note)


def generators(symmetry: UnitSymmetry) -> Iterator[Element]:
    """Yield two elements that all others are made of: all units go around, then two change places and one is flipped.

    Each group has the two by itself; that all of them together leave a function as it is by chance is not possible.
    """
    rng = np.random.default_rng(0)
    sizes = {group.name: group.size for group in symmetry.groups}
    around, swapped = [], []
    for group in symmetry.groups:
        n_runs = sizes.get(group.within, 1)
        # In an order of their own: places may be equal in turn, where a convolution goes around.
        runs = [rng.permutation(group.size // n_runs) + k * (group.size // n_runs) for k in range(n_runs)]
        cycle, swap = np.arange(group.size), np.arange(group.size)
        for run in runs:
            cycle[run] = np.roll(run, 1)
            swap[run[:2]] = run[1::-1]
        signs = np.ones(group.size, np.int32)
        signs[[run[0] for run in runs]] = -1 if group.flips else 1
        around.append((cycle + 1).astype(np.int32))
        swapped.append((swap + 1).astype(np.int32) * signs)
    yield tuple(around)
    yield tuple(swapped)


def randomize(own: nn.Module, module: nn.Module, names: Sequence[str], seed: int, *, wide: bool) -> None:
    """Give the named tensors values that differ from each other everywhere: as wide as usual, or near the module's."""
    generator = torch.Generator().manual_seed(seed)
    given, tensors = tensors_of(module), tensors_of(own)
    spreads = {
        f"{name}.running_var" if name else "running_var"
        for name, layer in own.named_modules()
        if isinstance(layer, nn.modules.batchnorm._NormBase)
    }
    with torch.no_grad():
        for name in names:
            tensor = tensors[name].copy_(given[name])
            noise = torch.randn(tensor.shape, generator=generator).to(tensor)
            if name in spreads or not wide:
                tensor.mul_((noise / 2).exp())
            else:
                width = math.sqrt(1 / max(1, tensor.shape[1:].numel())) if tensor.ndim > 1 else 0.5
                tensor.copy_(noise * (float(tensor.square().mean().sqrt()) or width))


def _values(module: nn.Module, names: Sequence[str], example: Example) -> list[Array]:
    with plain_operations():
        tensors = example.values(module, names)
    real = [torch.view_as_real(value) if value.is_complex() else value for value in tensors]
    return [value.detach().numpy().copy() for value in real if value.is_floating_point()]


def is_rounding(a: Array, b: Array) -> bool:
    """Return whether two arrays differ by less than anything but the order of sums makes a difference."""
    if not a.size or not np.isfinite(b).all():
        return bool(a.size == 0)
    # How outputs vary says what a difference is; where they don't, how large they are.
    size = float(a.std()) or float(np.abs(a).max())
    return bool(np.abs(a - b).max() <= np.finfo(a.dtype).eps ** 0.6 * size)


def _apply(module: nn.Module, symmetry: UnitSymmetry, element: Element) -> None:
    """Permute the module's own tensors."""
    units = dict(zip((group.name for group in symmetry.groups), element, strict=True))
    tensors = tensors_of(module)
    for blocks in _by_tensor(symmetry.blocks):
        if any(any(block.axes) for block in blocks):
            tensor = tensors[blocks[0].tensor]
            vector = tensor.detach().numpy().flatten()
            for begin, block in located(blocks):
                part = values_of(vector, begin, block)
                part[...] = permute_axes(part.reshape(block.shape), block.axes, units).reshape(part.shape)
            with torch.no_grad():
                tensor.copy_(torch.from_numpy(vector).view(tensor.shape))


def _by_tensor(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    together: list[Block] = []
    for block in blocks:
        if together and together[0].tensor != block.tensor:
            yield together
            together = []
        together.append(block)
    if together:
        yield together


def _changed(symmetry: UnitSymmetry, names: set[str], axis_of: Any) -> UnitSymmetry:
    blocks = (
        replace(block, axes=tuple(axis_of(axis) if axis and axis.group in names else axis for axis in block.axes))
        for block in symmetry.blocks
    )
    return replace(symmetry, blocks=tuple(blocks))


def _without(symmetry: UnitSymmetry, names: set[str]) -> UnitSymmetry:
    """Return the symmetry without some groups, and without those within them."""
    inner = {group.name for group in symmetry.groups if group.within in names}
    return _changed(symmetry, names | inner, lambda axis: None) if names else symmetry


def _without_flips(symmetry: UnitSymmetry, names: set[str]) -> UnitSymmetry:
    return _changed(symmetry, names, lambda axis: Axis(axis.group, within=axis.within))
