"""What torch's operations do to what axes count: a rule for each that is known to treat units alike.

A rule gets what is known, the operation, its arguments, and its outputs; it returns what the axes of the outputs
count, and notes which units meet. A further operation is one function here, and a line of `_RULES`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from elsuite.symmetry import layers
from elsuite.symmetry.counts import (
    Alike,
    Count,
    Family,
    Leaf,
    Signs,
    Sum,
    Units,
    any_sign,
    chosen,
    contracted,
    cut,
    equal,
    fix,
    fixed,
    leaves,
    met,
    none,
    product,
    resolved,
    size_of,
    split,
)
from elsuite.symmetry.known import Counts, Known, UnknownOperationError, alone, broadcast, meet_all

MAKERS: Final = {
    "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "new_empty", "new_zeros",
    "new_ones", "new_full", "new_empty_strided", "zero_", "fill_",
}  # fmt: skip
"""What makes constants of the size of a tensor."""

PRODUCTS_OF_TWO: Final = {"mul", "mm", "bmm", "mv", "dot"}

Rule = Callable[[Known, Any, Sequence[Any], Mapping[str, Any], Sequence[Tensor]], Sequence[Counts]]


def rule_of(func: Any) -> Rule:
    """Return the rule of an operation; raise UnknownOperationError where there is none."""
    name = func.overloadpacket.__name__
    if name in _RULES:
        return _RULES[name]
    if torch.Tag.pointwise in func.tags or name in _POINTWISE:
        return _pointwise
    raise UnknownOperationError(name)


def _view(known: Known, _f: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    axes = split(tuple(factor for count in known[args[0]] for factor in count), outputs[0].shape)
    if axes is None:
        raise UnknownOperationError("view")
    return [tuple(axes)]


def _same(known: Known, _f: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    return [known[args[0]]]


def _transpose(known: Known, func: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    # In place the tensor has the new shape already, but its axes are known as they were.
    counts, dims = list(known[args[0]]), args[1:]
    name = func.overloadpacket.__name__
    if name == "permute":
        return [tuple(counts[dim] for dim in dims[0])]
    first, second = dims if len(dims) == 2 else (0, -1)
    if counts:
        counts[first], counts[second] = counts[second], counts[first]
    return [tuple(counts)]


def _expand(known: Known, _f: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    counts, shape = known[args[0]], outputs[0].shape
    missing: Counts = ((),) * (len(shape) - len(counts))
    counts = missing + counts
    result: list[Count] = []
    for count, size in zip(counts, shape, strict=True):
        result.append(count if size_of(count) == size else (Alike(size),))
    return [tuple(result)]


def _repeat(known: Known, _f: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    counts, times = known[args[0]], args[1]
    new: Counts = ((),) * (len(times) - len(counts))
    several: list[Count] = [(Alike(n),) if n > 1 else () for n in times]
    return [tuple(again + count for again, count in zip(several, new + counts, strict=True))]


def _select(known: Known, func: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    counts, dim = list(known[args[0]]), int(args[1]) if len(args) > 1 else 0
    size = size_of(counts[dim])
    indices = range(size) if func.overloadpacket.__name__ == "unbind" else [args[2] % size]
    along = counts.pop(dim)
    match along:
        case (Leaf() as leaf,):
            return [tuple(chosen(count, leaf, index) for count in counts) for index in indices]
        case () | (Alike(),):
            pass
        case _:
            fix(along)
    return [tuple(counts) for _ in indices]


def _split(known: Known, _f: Any, args: Sequence[Any], kwargs: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    counts = list(known[args[0]])
    dim = kwargs.get("dim", args[2] if len(args) > 2 else 0)
    runs = cut(counts[dim], [output.shape[dim] for output in outputs])
    return [(*counts[:dim], run, *counts[dim:][1:]) for run in runs]


def _slice(known: Known, _f: Any, args: Sequence[Any], kwargs: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    counts = list(known[args[0]])
    given: list[Any] = [*args[1:], *[0, None, None, 1][len(args) - 1 :]]
    dim, start, end, step = given
    size = size_of(counts[dim])
    begin, stop, _ = slice(start, end).indices(size)
    if step != 1:
        fix(counts[dim])
        counts[dim] = fixed(outputs[0].shape[dim])
    else:
        sizes = [n for n in (begin, stop - begin, size - stop) if n]
        counts[dim] = cut(counts[dim], sizes)[1 if begin else 0]
    return [tuple(counts)]


def _cat(known: Known, func: Any, args: Sequence[Any], kwargs: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    tensors = [tensor for tensor in args[0] if tensor.numel()]
    dim = kwargs.get("dim", args[1] if len(args) > 1 else 0)
    like = next(known[tensor] for tensor in tensors if known.knows(tensor))
    several = [known.counts(tensor, like) for tensor in tensors]
    dim %= outputs[0].ndim
    if func.overloadpacket.__name__ == "stack":
        slot = Units(len(tensors), fixed=True)
        columns = zip(*several, strict=True)
        shared: Counts = tuple(_stacked(slot, column) for column in columns)
        return [(*shared[:dim], (Leaf(slot),) if len(tensors) > 1 else (), *shared[dim:])]
    terms = [counts[dim] for counts in several]
    shared = meet_all([(*counts[:dim], *counts[dim + 1 :]) for counts in several], equal)
    if all(isinstance(f, Leaf) and f.units.fixed for term in terms for f in term):
        whole = fixed(outputs[0].shape[dim])
    else:
        # A term of one place is a kind of its own.
        whole = resolved((Sum(tuple(term or (Leaf(Units(1, fixed=True)),) for term in terms)),))
        whole = whole if len(terms) > 1 else terms[0]
    return [(*shared[:dim], whole, *shared[dim:])]


def _stacked(slot: Units, terms: Sequence[Count]) -> Count:
    """Return what an axis counts of tensors stacked along one that counts `slot`."""
    if len({tuple(id(leaf.units) for leaf in leaves(term)) for term in terms}) == 1:
        return met(terms, equal)
    return (Family(slot, tuple(terms)),)


def _mm(known: Known, func: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    name = func.overloadpacket.__name__
    added = args[0] if name in {"addmm", "baddbmm", "addmv"} else None
    a, b = args[-2:] if added is None else args[1:3]
    if added is not None and any(not known.knows(x) and not x.any() for x in (a, b)):
        return [broadcast(known, [added], outputs[0].shape, equal)]
    left, right = _pair(known, a, b)
    met((left[-1], right[-2 if len(right) > 1 else -1]), contracted)
    batch = meet_all([left[:-2], right[:-2]], product) if len(right) > 2 else ()
    rows, columns = left[-2:-1], right[-1:] if len(right) > 1 else ()
    result = (*batch, *rows, *columns)
    if added is not None:
        result = broadcast(known, [added], outputs[0].shape, equal, [result])
    return [result]


def _pair(known: Known, a: Tensor, b: Tensor) -> tuple[Counts, Counts]:
    """Return what the axes of two factors of a matrix product count; one of them may be a constant."""
    left = known.counts(a) if known.knows(a) else None
    right = known.counts(b) if known.knows(b) else None
    if left is None and right is not None:
        left = known.counts(a, (*right[:-2], fixed(a.shape[-2]), right[-2 if len(right) > 1 else -1]))
    if right is None and left is not None:
        right = known.counts(b, (*left[:-2], left[-1], fixed(b.shape[-1])) if b.ndim > 1 else left[-1:])
    assert left is not None
    assert right is not None
    return left, right


def _copied(known: Known, _f: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Write into a tensor, or into a part of one, which is a view: then the whole has what is written as well."""
    written = broadcast(known, [args[1]], outputs[0].shape, equal)
    part, whole = args[0], args[0]._base
    if whole is not None:
        counts = []
        axes = {(stride, size): k for k, (stride, size) in enumerate(zip(part.stride(), part.shape, strict=True))}
        places = [axes.get(item) for item in zip(whole.stride(), whole.shape, strict=True)]
        fix(*(count for k, count in enumerate(written) if k not in places))
        for place, size in zip(places, whole.shape, strict=True):
            counts.append(fixed(size) if place is None else written[place])
        if known.knows(whole):
            counts = list(meet_all([tuple(counts), known[whole]], equal))
        known.learn(whole, tuple(counts))
    return [written]


_ODD: Final = {
    "tanh", "neg", "sin", "tan", "asin", "atan", "sinh", "asinh", "atanh", "erf", "erfinv", "sign", "sgn", "trunc",
    "reciprocal", "clone", "positive", "softshrink", "hardshrink", "_to_copy", "deg2rad", "rad2deg", "nan_to_num",
}  # fmt: skip
_EVEN: Final = {"abs", "cos", "cosh"}
_SUMS: Final = {"add", "sub", "rsub", "where", "masked_fill", "lerp"}
_PRODUCTS: Final = {"mul", "div", "tanh_backward"}
_POINTWISE: Final = {
    "tanh_backward", "sigmoid_backward", "threshold_backward", "gelu_backward", "silu_backward", "softplus_backward",
    "elu_backward", "leaky_relu_backward", "hardtanh_backward", "native_dropout", "_prelu_kernel",
}  # fmt: skip


def _pointwise(known: Known, func: Any, args: Sequence[Any], kwargs: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    name = func.overloadpacket.__name__.removesuffix("_")
    tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
    numbers = [value for value in args if isinstance(value, int | float) and not isinstance(value, bool)]
    combine = none
    if name in _SUMS:
        combine = none if any(numbers) or name == "lerp" else equal
    elif name in _PRODUCTS:
        combine = product if name != "tanh_backward" else _first
    elif name in _ODD:
        combine = product
    elif name in _EVEN:
        combine = any_sign
    elif name == "pow" and numbers == [args[1]]:
        combine = any_sign if args[1] % 2 == 0 else product if args[1] % 2 == 1 else none
    return [broadcast(known, tensors, output.shape, combine) for output in outputs]


def _first(units: Units, signs: list[Signs]) -> Signs:
    return signs[0]


def _along(dim: Any, ndim: int) -> list[int]:
    dims = range(ndim) if dim is None or dim == [] else [dim] if isinstance(dim, int) else dim
    return sorted(d % ndim for d in dims)


def _reduce(known: Known, func: Any, args: Sequence[Any], kwargs: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    name, counts = func.overloadpacket.__name__, known[args[0]]
    if len(args) > 1 and isinstance(args[1], Tensor):
        raise UnknownOperationError(name)
    place = 2 if name == "linalg_vector_norm" else 1
    given = kwargs.get("dim", args[place] if len(args) > place else None)
    dims = _along(given, len(counts))
    if name not in {"var", "std", "linalg_vector_norm"} and (name not in {"sum", "mean"}):
        counts = alone(counts, none)
    if name in {"max", "min"}:
        # Which is the largest depends on their order.
        fix(*(counts[dim] for dim in dims if len(args) > 1))
    if name in {"sum", "mean"}:
        alone(tuple(counts[dim] for dim in dims), none)
    elif name in {"var", "std", "linalg_vector_norm"}:
        counts = alone(counts, any_sign)
    keep = bool(outputs) and outputs[0].ndim == len(counts)
    empty: Count = ()
    left = tuple(empty if k in dims else count for k, count in enumerate(counts) if keep or k not in dims)
    return [left for _ in outputs]


def _softmax(known: Known, _f: Any, args: Sequence[Any], _k: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    return [alone(known[args[0]], none)]


def _ordered(known: Known, func: Any, args: Sequence[Any], kwargs: Any, outputs: Sequence[Tensor]) -> list[Counts]:
    """Fix the axes along which the order of values counts."""
    counts = list(known[args[0]])
    for dim in _along(kwargs.get("dim", args[-1] if len(args) > 1 else None), len(counts)):
        fix(counts[dim])
        counts[dim] = fixed(size_of(counts[dim]))
    linear = func.overloadpacket.__name__ in {"flip", "roll", "cumsum"}
    return [alone(tuple(counts), product if linear else none) for _ in outputs]


_RULES: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(
        ("view", "_unsafe_view", "_reshape_alias", "unsqueeze", "squeeze", "unsqueeze_", "squeeze_", "reshape"), _view
    ),
    **dict.fromkeys(("clone", "detach", "alias", "contiguous", "lift_fresh", "_to_copy", "detach_"), _same),
    **dict.fromkeys(("t", "transpose", "permute", "t_", "transpose_"), _transpose),
    "expand": _expand,
    **dict.fromkeys(("select", "unbind"), _select),
    **dict.fromkeys(("split", "split_with_sizes", "unsafe_split", "unsafe_split_with_sizes", "chunk"), _split),
    "slice": _slice,
    **dict.fromkeys(("cat", "stack"), _cat),
    **dict.fromkeys(("mm", "bmm", "mv", "dot", "addmm", "baddbmm", "addmv"), _mm),
    **dict.fromkeys(
        ("sum", "mean", "amax", "amin", "prod", "logsumexp", "var", "std", "linalg_vector_norm", "max", "min"), _reduce
    ),
    **dict.fromkeys(("_softmax", "_log_softmax", "_safe_softmax"), _softmax),
    **dict.fromkeys(("flip", "roll", "cumsum", "cumprod", "logcumsumexp"), _ordered),
    **dict.fromkeys(
        (
            "max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d",
            "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_max_pool3d",
            "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_bilinear2d",
            "upsample_linear1d", "upsample_bicubic2d", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d",
            "replication_pad1d", "replication_pad2d",
        ),
        layers.spatial,
    ),
    "convolution": layers.convolution,
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training"),
                    layers.batch_norm),
    "native_layer_norm": layers.layer_norm,
    "native_group_norm": layers.group_norm,
    "embedding": layers.embedding,
    **dict.fromkeys(("_embedding_bag", "_embedding_bag_forward_only"), layers.bag),
    "repeat": _repeat,
    **dict.fromkeys(("index", "index_select"), layers.index),
    "_weight_norm_interface": layers.weight_norm,
    "glu": layers.gated,
    **dict.fromkeys(("pixel_shuffle", "channel_shuffle", "native_channel_shuffle"), layers.shuffle),
    "copy_": _copied,
}  # fmt: skip
