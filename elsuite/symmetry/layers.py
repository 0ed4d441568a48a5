"""What torch's layers do to what axes count: convolutions, normalizations, embeddings, pooling (see operations.py)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elsuite.symmetry.counts import (
    Combine,
    Count,
    any_sign,
    contracted,
    cut,
    equal,
    fix,
    fixed,
    met,
    none,
    product,
    resolved,
    size_of,
    split,
)
from elsuite.symmetry.known import Counts, Known, UnknownOperationError, alone, broadcast


def spatial(known: Known, func: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Fix the last axes, of positions: as many as the operation's name says."""
    name, counts = func.overloadpacket.__name__, known[args[0]]
    n = next((int(digit) for digit in "123" if f"{digit}d" in name), 0)
    if name == "constant_pad_nd":
        n = len(args[1]) // 2
    fix(*counts[len(counts) - n :])
    odd = any(word in name for word in ("avg", "pad", "upsample", "pixel"))
    left = alone(counts[: len(counts) - n], product if odd else none)
    if name == "constant_pad_nd" and len(args) > 2 and args[2]:
        left = alone(left, none)
    return [(*left, *map(fixed, output.shape[len(left) :])) for output in outputs]


def convolution(known: Known, _f: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Unify the channels that inputs and weights share; positions are fixed."""
    inputs, weight, bias, _, _, _, transposed, _, n_groups = args[:9]
    x, w = _convolved(known, inputs, weight)
    fix(*x[2:], *w[2:])
    if transposed:
        # (channels in, channels out of a group, ...)
        w = (w[1], w[0], *w[2:])
    if n_groups == 1:
        met((x[1], w[1]), contracted)
        channels = w[0]
    else:
        channels_in, rows = x[1], w[1] if transposed else w[0]
        halves = [split(count, (n_groups, size_of(count) // n_groups)) for count in (channels_in, rows)]
        if halves[0] is None or halves[1] is None:
            raise UnknownOperationError("convolution")
        (groups, inner), (own, outer) = halves[0], halves[1]
        groups = met((groups, own), product)
        met((inner, outer if transposed else w[1]), contracted)
        channels = resolved(groups + (w[0] if transposed else outer))
    if bias is not None:
        channels = broadcast(known, [bias], tuple(bias.shape), equal, [(channels,)])[0]
    return [(x[0], channels, *map(fixed, outputs[0].shape[2:]))]


def _convolved(known: Known, inputs: Tensor, weight: Tensor) -> tuple[Counts, Counts]:
    if known.knows(weight):
        w = known[weight]
        return known.counts(inputs), w
    # A filter that is a constant may be one for all channels: a blur.
    return known[inputs], known.counts(weight, tuple(map(fixed, weight.shape)))


def batch_norm(known: Known, func: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Let statistics and the affine map count channels."""
    inputs, weight, bias = args[:3]
    mean, var = args[3:5] if len(args) > 6 else (None, None)
    training = {"native_batch_norm": lambda: args[5], "_native_batch_norm_legit": lambda: args[5]}
    name = func.overloadpacket.__name__
    own = training[name]() if name in training and len(args) > 6 else "no_training" not in name
    x = known[inputs]
    channel = x[1]
    n = size_of(channel)

    def with_it(tensor: Tensor | None, combine: Combine, count: Count) -> Count:
        return count if tensor is None else broadcast(known, [tensor], (n,), combine, [(count,)])[0]

    if not own:
        channel = with_it(mean, equal, channel)
        if var is not None:
            spread = known.counts(var, (channel,))[0]
            channel = met((channel, met((spread,), none)), product)
    channel = with_it(bias, equal, with_it(weight, product, channel))
    statistics = [tuple(map(fixed, output.shape)) for output in outputs[1:]]
    return [(x[0], channel, *x[2:]), *statistics]


def layer_norm(known: Known, func: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Keep the axes normalized along: every place of them is treated alike."""
    inputs, shape, weight, bias = args[:4]
    counts = list(known[inputs])
    first = len(counts) - len(shape)
    counts[:first] = alone(tuple(counts[:first]), any_sign)
    result = (*counts[:first], *alone(tuple(counts[first:]), none))
    return _affine(known, result, tuple(inputs.shape), weight, bias, outputs)


def _affine(
    known: Known,
    result: Counts,
    shape: tuple[int, ...],
    weight: Tensor | None,
    bias: Tensor | None,
    outputs: Sequence[Tensor],
) -> list[Counts]:
    if weight is not None:
        result = broadcast(known, [weight], shape, product, [result])
    if bias is not None:
        result = broadcast(known, [bias], shape, equal, [result])
    return [result, *(tuple(map(fixed, output.shape)) for output in outputs[1:])]


def group_norm(known: Known, func: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Take channels apart into groups and those in each."""
    inputs, weight, bias, _, channels, _, groups = args[:7]
    counts = alone(known[inputs], none)
    halves = split(counts[1], (groups, channels // groups))
    if halves is None:
        raise UnknownOperationError("group norm")
    result = (counts[0], resolved(halves[0] + halves[1]), *counts[2:])
    found = _affine(known, result[1:2], (channels,), weight, bias, outputs[:1])
    return [(result[0], *found[0], *result[2:]), *(tuple(map(fixed, output.shape)) for output in outputs[1:])]


def embedding(known: Known, _f: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Take rows of a table: which ones is fixed."""
    rows, columns = known[args[0]]
    fix(rows)
    return [(*map(fixed, args[1].shape), columns)]


def bag(known: Known, _f: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Take sums of rows of a table: which ones is fixed."""
    rows, columns = known[args[0]]
    fix(rows)
    largest = len(args) > 4 and args[4] == 2
    columns = met((columns,), none if largest else product)
    others = [tuple(map(fixed, output.shape)) for output in outputs[1:]]
    return [(fixed(outputs[0].shape[0]), columns), *others]


def index(known: Known, func: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Take places along one axis, which is fixed."""
    counts = known[args[0]]
    if func.overloadpacket.__name__ == "index_select":
        dim, index = args[1], args[2]
    else:
        (dim,) = [k for k, other in enumerate(args[1]) if other is not None]
        index = args[1][dim]
    if index.dtype == torch.bool or known.knows(index):
        raise UnknownOperationError("index")
    fix(counts[dim])
    return [(*counts[:dim], *map(fixed, index.shape), *counts[dim:][1:])]


def gated(known: Known, _f: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Multiply the first half along an axis with a function of the second."""
    counts = list(alone(known[args[0]], product))
    dim = args[1] if len(args) > 1 else -1
    values, gates = cut(counts[dim], [outputs[0].shape[dim]] * 2)
    counts[dim] = met((values, met((gates,), none)), product)
    return [tuple(counts)]


def shuffle(known: Known, func: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Move channels to positions, or to other channels."""
    counts, size = list(known[args[0]]), int(args[1])
    if func.overloadpacket.__name__ == "pixel_shuffle":
        # Positions within a pixel are not exchanged; channels are.
        dim, sizes = -3, (outputs[0].shape[-3], size**2)
        fix(*counts[-2:])
        counts[-2:] = map(fixed, outputs[0].shape[-2:])
    else:
        dim, sizes = 1, (size, outputs[0].shape[1] // size)
    halves = split(counts[dim], sizes)
    if halves is None:
        raise UnknownOperationError("shuffle")
    if dim == 1:
        counts[dim] = halves[1] + halves[0]
    else:
        fix(halves[1])
        counts[dim] = halves[0]
    return [tuple(counts)]


def weight_norm(known: Known, _f: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Multiply directions with their lengths."""
    direction, length = args[:2]
    result = broadcast(known, [direction, length], direction.shape, product)
    return [result, *(tuple(map(fixed, output.shape)) for output in outputs[1:])]
