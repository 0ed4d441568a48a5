"""What the hidden units of a network give on data (`unit_activations`)."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from elsuite.symmetry.units import UnitSymmetry


def unit_activations(
    module: nn.Module, parameters: Mapping[str, Tensor], inputs: Tensor, symmetry: UnitSymmetry
) -> dict[str, Tensor]:
    """Return for each group of units what the layer gives that has the units' weights.

    Channels of a convolution are units; the last axis of any other layer's output (of the first, if it has several)
    counts them.

    Parameters
    ----------
    parameters : mapping of str to Tensor
        The module's named tensors, at which it is called.
    inputs : Tensor (n_samples, ...)
    symmetry : UnitSymmetry
        Of the module.

    Returns
    -------
    dict of str to Tensor (n_units, n_values)
        Before any activation that is a layer of its own.

    Raises
    ------
    ValueError
        For a group that no layer gives as its output.
    """
    probe, found = copy.deepcopy(module), dict[str, Tensor]()
    for group in symmetry.groups:
        owner = _owner(symmetry, group.name)
        layer = probe.get_submodule(owner)
        layer.register_forward_hook(_keep(found, group.name, isinstance(layer, nn.modules.conv._ConvNd)))
    with torch.no_grad():
        functional_call(probe, dict(parameters), (inputs,))
    for group in symmetry.groups:
        if group.name not in found or len(found[group.name]) != group.size:
            raise ValueError(
                f"no activations of the {group.size} units {group.name!r}; match weights, or make them a layer's output"
            )
    return found


def _owner(symmetry: UnitSymmetry, group: str) -> str:
    """Return the name of the layer whose first tensor axis counts the units."""
    for block in symmetry.blocks:
        first = block.axes[0] if block.axes else None
        if first is not None and first.group == group and "." in block.tensor:
            return block.tensor.rpartition(".")[0]
    raise ValueError(f"no layer has the units {group!r} as its outputs; match weights instead")


def _keep(found: dict[str, Tensor], group: str, channels: bool) -> Callable[[nn.Module, Any, Any], None]:
    def keep(_layer: nn.Module, _inputs: Any, output: Any) -> None:
        values: Tensor = output if isinstance(output, Tensor) else output[0]
        found[group] = values.movedim(1 if channels else -1, 0).flatten(1)

    return keep
