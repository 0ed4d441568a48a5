"""Declarations of common layers, for a module's ``unit_axes()`` where its units are not found by themselves.

`layer_axes` says what the tensors of one layer count; layers that are given the same
`elsuite.symmetry.permutations.Axis` share its units: a convolution and its normalization, or all that add to a residual
stream. `attention_axes` does so for heads.
"""

from typing import Any, Final

from torch import nn

from elsuite.symmetry.permutations import Axis, Block

_TRANSPOSED: Final = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_CONVOLUTIONS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMALIZATIONS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.RMSNorm)


def layer_axes(
    layer: nn.Module, prefix: str, *, inputs: Axis | None = None, outputs: Axis | None = None
) -> dict[str, Block]:
    """Return the declaration of one layer: dense, a convolution, an embedding, a normalization.

    Parameters
    ----------
    prefix : str
        What the names of its tensors begin with in the module, such as ``"layers.0."``.
    inputs, outputs : Axis, optional
        The units that it reads and that it gives; None for those that stay where they are. A normalization, or a
        depthwise convolution, gives those that it reads. Where a dense layer reads a flattened image, each channel has
        as many columns as positions: that needs a `elsuite.symmetry.permutations.Block` of one's own.

    Raises
    ------
    ValueError
        Another layer, units that a normalization reads and does not give, or a convolution of several groups.

    Examples
    --------
    A residual block: both layers add to one stream of channels, so that they have one axis.

    >>> stream, inner = Axis("stream"), Axis("inner")
    >>> first, norm = nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8)
    >>> declared = layer_axes(first, "first.", inputs=stream, outputs=inner)
    >>> declared |= layer_axes(norm, "norm.", outputs=inner)
    >>> list(declared)
    ['first.weight', 'first.bias', 'norm.weight', 'norm.bias', 'norm.running_mean', 'norm.running_var']
    """
    kind: Any = layer
    own = {name for name, tensor in [*layer.named_parameters(), *layer.named_buffers()] if tensor.ndim}
    if isinstance(layer, _NORMALIZATIONS):
        if inputs not in (None, outputs):
            raise ValueError(f"{layer} given with other inputs than outputs; it gives the units that it reads")
        if isinstance(layer, nn.LayerNorm | nn.RMSNorm) and len(layer.normalized_shape) > 1:
            raise ValueError(f"{layer} given; a normalization along one axis is expected")
        return {
            f"{prefix}{name}": Block((outputs,))
            for name in ("weight", "bias", "running_mean", "running_var")
            if name in own
        }
    if isinstance(layer, nn.Linear):
        axes: tuple[Axis | None, ...] = (outputs, inputs)
    elif isinstance(layer, nn.Embedding):
        axes = (None, outputs)
    elif isinstance(layer, _CONVOLUTIONS + _TRANSPOSED):
        rest = (None,) * (kind.weight.ndim - 2)
        axes = (inputs, outputs, *rest) if isinstance(layer, _TRANSPOSED) else (outputs, inputs, *rest)
        if kind.groups > 1:
            if kind.groups != kind.in_channels or kind.groups != kind.out_channels or inputs not in (None, outputs):
                raise ValueError(f"{layer} given; one group, or one channel in each, is expected")
            axes = (outputs, None, *rest)
    else:
        raise ValueError(f"{layer} given; a dense layer, convolution, embedding or normalization is expected")
    if own - {"weight", "bias"}:
        raise ValueError(f"{layer} with tensors {', '.join(sorted(own))} given; weight and bias are expected")
    return {f"{prefix}weight": Block(axes)} | ({f"{prefix}bias": Block((outputs,))} if "bias" in own else {})


def attention_axes(
    attention: nn.MultiheadAttention, prefix: str, *, stream: Axis | None = None
) -> dict[str, Block | list[Block]]:
    """Return the declaration of an attention layer: its heads, and in each the units that queries and keys share.

    The values of a head are units of their own; both kinds have exact sign flips.

    Parameters
    ----------
    stream : Axis, optional
        The units that it reads and adds to.

    Raises
    ------
    ValueError
        For keys or values of another width, or a bias that is added to the sequence.

    Examples
    --------
    >>> from elsuite.symmetry.modules import symmetry_of
    >>> class Network(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.attention = nn.MultiheadAttention(8, num_heads=2, batch_first=True)
    ...
    ...     def unit_axes(self):
    ...         return attention_axes(self.attention, "attention.")
    ...
    ...     def forward(self, inputs):
    ...         return self.attention(inputs, inputs, inputs)[0]
    >>> [(group.name, group.size) for group in symmetry_of(Network()).groups]
    [('attention.heads', 2), ('attention.keys', 8), ('attention.values', 8)]
    """
    if attention.in_proj_weight is None or attention.bias_k is not None:
        raise ValueError(f"{attention} given; queries, keys and values of one width without added ones are expected")
    n_heads, width = attention.num_heads, attention.embed_dim
    heads = Axis(f"{prefix}heads")
    keys, values = (Axis(f"{prefix}{name}", flips=True, within=heads.group) for name in ("keys", "values"))
    shape = (n_heads, width // n_heads)
    declared: dict[str, Block | list[Block]] = {
        f"{prefix}in_proj_weight": [Block((heads, own, stream), (*shape, width)) for own in (keys, keys, values)],
        f"{prefix}out_proj.weight": Block((stream, heads, values), (width, *shape)),
    }
    if attention.in_proj_bias is not None:
        declared[f"{prefix}in_proj_bias"] = [Block((heads, own), shape) for own in (keys, keys, values)]
        declared[f"{prefix}out_proj.bias"] = Block((stream,))
    return declared
