"""Which units of a module are interchangeable: `symmetry_of` it, and how modules declare it.

A module's method ``unit_axes()`` names the tensors with permuted axes; `sequential_axes` and `lstm_axes` write such
declarations for chains of layers and for an LSTM layer, elsuite.symmetry.declarations for single layers. Where nothing
is declared, units are found by following the operations of the module on example inputs (elsuite.symmetry.checking).
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, Protocol, get_args, runtime_checkable

from torch import Tensor, nn

from elsuite.symmetry.checking import found_symmetry
from elsuite.symmetry.permutations import Axis, Block
from elsuite.symmetry.tracing import Example
from elsuite.symmetry.units import UnitSymmetry

UnitAxes = Mapping[str, Block | Sequence[Block]]
"""Names of tensors with their block, or with the blocks that they are made of, one after the other."""


Statistics = Literal["frozen", "stored", "estimated"]


@runtime_checkable
class DeclaresUnits(Protocol):
    """A module that says which of its units are interchangeable."""

    def unit_axes(self) -> UnitAxes:
        """Return the blocks of all tensors that have permuted axes; the others need not be named."""


def symmetry_of(
    module: nn.Module,
    names: Collection[str] | None = None,
    *,
    inputs: Any = None,
    targets: Any = None,
    loss: Callable[[Any, Any], Any] | None = None,
    term: Callable[[Mapping[str, Tensor]], Any] | None = None,
    statistics: Statistics = "frozen",
) -> UnitSymmetry:
    """Return the permutable groups of a module.

    A module declares them by a method ``unit_axes()`` (see `DeclaresUnits`), which a subclass with a ``forward`` of its
    own has to declare again; those of an `nn.Sequential` of known layers are found by `sequential_axes`. Of any other
    module they are found on example `inputs`, by following what its operations do to the axes of its tensors, and each
    is checked on the module itself: of layers of any kind, residual streams, heads of attention and the units in them,
    recurrences. What operations treat units alike is known for torch's common ones; the others keep units apart. A
    group that a frozen tensor belongs to is left out, unless its values are all equal.

    Parameters
    ----------
    names : collection of str, optional
        The tensors that make up the parameter vector, in order; those that require gradients by default. Buffers are
        among them where they are coordinates of a point, such as running averages.
    inputs : tensor, tuple or dict, optional
        A few inputs in the form that the module is called with: ``module(inputs)``, ``module(*inputs)`` or
        ``module(**inputs)``. Without them only what is declared is known.
    loss, targets : callable, any, optional
        What counts of the outputs: only ``loss(outputs, targets)`` has to stay as it is. All outputs by default.
    term : callable, optional
        What else has to stay as it is, by the mapping of `names` to tensors.
    statistics : {"frozen", "stored", "estimated"}
        Where batch normalizations have their means and variances from: from buffers, which belong to the point if they
        are among `names`, or, estimated, from the data at each point.

    Raises
    ------
    ValueError
        A declared tensor that the module lacks, or a declaration that does not fit its tensor.

    Examples
    --------
    >>> class Network(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.first, self.second = nn.Linear(3, 5), nn.Linear(5, 2)
    ...
    ...     def unit_axes(self):
    ...         hidden = Axis("hidden")
    ...         return {
    ...             "first.weight": Block((hidden, None)),
    ...             "first.bias": Block((hidden,)),
    ...             "second.weight": Block((None, hidden)),
    ...         }
    >>> symmetry_of(Network()).groups
    (UnitGroup(name='hidden', size=5, flips=False, within=''),)

    Found on an example, without a declaration:

    >>> import torch
    >>> encoder = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, dropout=0.0, batch_first=True)
    >>> for group in symmetry_of(encoder, inputs=torch.rand(2, 3, 8)).groups:
    ...     print(group.name, group.size)
    self_attn 2
    self_attn.inner 8
    self_attn.inner#2 8
    linear1 16
    """
    if statistics not in get_args(Statistics):
        raise ValueError(f"statistics {statistics!r} given; one of {', '.join(get_args(Statistics))} is expected")
    tensors: dict[str, Tensor] = dict(module.named_parameters())
    if names is None:
        names = [name for name, tensor in tensors.items() if tensor.requires_grad]
    tensors |= dict(module.named_buffers())
    declares = isinstance(module, DeclaresUnits) and _speaks_of_forward(module)
    declared: UnitAxes = {}
    if isinstance(module, DeclaresUnits) and declares:
        declared = module.unit_axes()
    elif type(module) is nn.Sequential and not _is_changed(module):
        declared = sequential_axes(module)
    if unknown := [name for name in declared if name not in tensors]:
        raise ValueError(f"axes of {', '.join(unknown)} declared; the module has {', '.join(tensors)}")
    blocks = {name: _blocks(name, tuple(tensors[name].shape), declared.get(name)) for name in tensors}
    others = set(tensors) - set(names) - (running_averages(module) if statistics == "estimated" else set())
    frozen = {axis.group for name in others for block in blocks[name] for axis in block.axes if axis}
    frozen |= {axis.group for own in blocks.values() for b in own for axis in b.axes if axis and axis.within in frozen}
    symmetry = UnitSymmetry(
        tuple(
            replace(block, axes=tuple(None if axis and axis.group in frozen else axis for axis in block.axes))
            for name in names
            for block in blocks[name]
        )
    )
    n_layers = len({name.rpartition(".")[0] for name, _ in module.named_parameters()})
    if inputs is None or declares or (declared and len(symmetry.groups) == n_layers - 1):
        return symmetry
    example = Example(inputs, targets, loss, term)
    found = found_symmetry(module, list(names), example, batch_statistics=statistics == "estimated")
    return found if len(found.groups) > len(symmetry.groups) else replace(symmetry, note=found.note)


def running_averages(module: nn.Module) -> set[str]:
    """Return the names of the running averages of normalization layers."""
    return {
        f"{name}.{kind}" if name else kind
        for name, layer in module.named_modules()
        if isinstance(layer, nn.modules.batchnorm._NormBase)
        for kind in ("running_mean", "running_var", "num_batches_tracked")
    }


def _is_changed(module: nn.Module) -> bool:
    """Return whether this one object computes something else than its class does."""
    return "forward" in vars(module) or bool(module._forward_hooks or module._forward_pre_hooks)


def _speaks_of_forward(module: nn.Module) -> bool:
    """Return whether ``unit_axes`` is of the class that ``forward`` is of, or of one made from it.

    A class that overrides ``forward`` alone, with a skip connection say, has inherited a declaration of another one.
    """
    owners = [
        next(k for k, kind in enumerate(type(module).__mro__) if name in vars(kind))
        for name in ("unit_axes", "forward")
    ]
    return owners[0] <= owners[1] and not _is_changed(module)


def _blocks(name: str, shape: tuple[int, ...], declared: Block | Sequence[Block] | None) -> tuple[Block, ...]:
    if declared is None:
        return (Block((None,) * len(shape), shape, name),)
    given = (declared,) if isinstance(declared, Block) else tuple(declared)
    blocks = tuple(replace(block, shape=block.shape or shape, tensor=name) for block in given)
    if sum(block.n_parameters for block in blocks) != math.prod(shape):
        raise ValueError(f"{name} of shape {shape} is declared as blocks of {[b.shape for b in blocks]}")
    return blocks


_CONVOLUTIONS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_ODD: Final = {nn.Tanh, nn.Softsign, nn.Tanhshrink, nn.Softshrink, nn.Hardshrink, nn.Identity, nn.Dropout}
_ELEMENTWISE: Final = _ODD | {
    nn.Softplus, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Sigmoid, nn.LogSigmoid, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh,
}  # fmt: skip
_AVERAGES: Final = {
    nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
}  # fmt: skip
_POOLS: Final = _AVERAGES | {nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d}


def sequential_axes(layers: nn.Sequential, prefix: str = "") -> dict[str, Block]:
    """Return the declaration of a chain of dense and convolutional layers with anything elementwise between them.

    The outputs of each layer but the last are a group, named after the layer, unless something that is not known to
    treat units alike (a normalization, say) stands between it and the next one. Units have sign flips where all that
    is between is odd (tanh, average pooling). Layers that share tensors have no groups. In the module, `prefix` stands
    before the names of the tensors, such as ``"layers."``.

    Examples
    --------
    >>> declared = sequential_axes(nn.Sequential(nn.Linear(3, 5, bias=False), nn.Tanh(), nn.Linear(5, 2, bias=False)))
    >>> [axis.group if axis else None for axis in declared["0.weight"].axes], declared["2.weight"].shape
    (['0', None], (2, 5))
    """
    # Not `named_children`, which shows an activation that is used twice only once.
    chain: list[tuple[str, Any]] = [
        item for item in layers.named_modules(remove_duplicate=False) if item[0] and "." not in item[0]
    ]
    weighted = [k for k, (_, layer) in enumerate(chain) if _is_plain(layer)]
    tensors = [id(tensor) for k in weighted for tensor in chain[k][1].parameters()]
    if not weighted or len(set(tensors)) < len(tensors):
        return {}
    declared: dict[str, Block] = {}
    before: Any = None
    columns = None
    for here, after in zip(weighted, [*weighted[1:], None], strict=True):
        name, layer = f"{prefix}{chain[here][0]}", chain[here][1]
        rows = None
        if after is not None:
            rows = _hidden(name, layer, [other for _, other in chain[here + 1 : after]], chain[after][1])
        shape = tuple(layer.weight.shape)
        if columns is not None and type(layer) is nn.Linear and type(before) is not nn.Linear:
            shape = (shape[0], before.out_channels, shape[1] // before.out_channels)
        declared[f"{name}.weight"] = Block((rows, columns, *[None] * (len(shape) - 2)), shape)
        if layer.bias is not None:
            declared[f"{name}.bias"] = Block((rows,), tuple(layer.bias.shape))
        before, columns = layer, rows
    return declared


def _is_plain(layer: nn.Module) -> bool:
    """Return whether `layer` is a dense or convolutional layer of torch, without reparametrization."""
    names = {name for name, _ in layer.named_parameters()}
    return type(layer) in {nn.Linear, *_CONVOLUTIONS} and "weight" in names and names <= {"weight", "bias"}


def _hidden(name: str, layer: Any, between: list[Any], after: Any) -> Axis | None:
    """Return the axis that counts the outputs of `layer`, if all up to `after` treats them alike."""
    kinds = [type(other) for other in between]
    flattens = [k for k, kind in enumerate(kinds) if kind is nn.Flatten]
    pools = [k for k, kind in enumerate(kinds) if kind in _POOLS]
    if type(layer) is nn.Linear:
        alike = type(after) is nn.Linear and after.in_features == layer.out_features and not pools
    elif type(after) is nn.Linear:
        # Flattened from the channels on: each of them has a run of inputs of the dense layer.
        alike = len(flattens) == 1 and max(pools, default=-1) < flattens[0]
        alike = alike and all((between[k].start_dim, between[k].end_dim) == (1, -1) for k in flattens)
    else:
        alike = not flattens
    known = all(kind in _ELEMENTWISE | _POOLS | {nn.Flatten} for kind in kinds)
    if not (alike and known) or {getattr(layer, "groups", 1), getattr(after, "groups", 1)} != {1}:
        return None
    return Axis(name, flips=all(kind in _ODD | _AVERAGES | {nn.Flatten} for kind in kinds))


def lstm_axes(lstm: nn.LSTM, prefix: str, output: str) -> dict[str, list[Block] | Block]:
    r"""Return the declaration of one LSTM layer and of the dense layer that reads its hidden state.

    A unit has rows in each of the four gates, a column of the recurrent weights and one of the output's. Its sign
    flip is exact, since tanh is odd: with rows of the candidate gate g and all its columns flipped,

    .. math:: g \to -g, \quad c = f c + i g \to -c, \quad h = o \tanh(c) \to -h,

    and what others read of h is unchanged. The state has to start at zero. The names of the layer's tensors begin with
    `prefix`; `output` is the name of the weight, (n_outputs, n_units), that reads the hidden state.

    Raises
    ------
    ValueError
        More layers, two directions, or a projection.
    """
    if lstm.num_layers != 1 or lstm.bidirectional or lstm.proj_size:
        raise ValueError(f"{lstm} given; one layer in one direction without projection is expected")
    size, flipped, plain = lstm.hidden_size, Axis("hidden", flips=True), Axis("hidden")
    rows = (plain, plain, flipped, plain)  # torch's gates: input, forget, candidate, output
    declared: dict[str, list[Block] | Block] = {
        f"{prefix}weight_ih_l0": [Block((row, None), (size, lstm.input_size)) for row in rows],
        f"{prefix}weight_hh_l0": [Block((row, flipped), (size, size)) for row in rows],
        output: Block((None, flipped)),
    }
    biases = ("bias_ih_l0", "bias_hh_l0") if lstm.bias else ()
    return declared | {f"{prefix}{name}": [Block((row,), (size,)) for row in rows] for name in biases}
