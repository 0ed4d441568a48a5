"""Whether a module and its loss are a function of parameters and samples, looked at before they are used."""

import copy

import torch
from torch import Tensor, nn

from elsuite.landscapes.evaluation import Network, Samples
from elsuite.landscapes.losses import KnownLoss, known_loss

__all__ = ["check_function"]

_N_PROBED = 8


def check_function(network: Network, samples: Samples) -> KnownLoss | None:
    """Refuse what is no function or no mean over samples; return the accurate form of the loss, if there is one.

    Returns
    -------
    KnownLoss or None

    Raises
    ------
    ValueError
        One line that says what to do.
    """
    if not network.names:
        raise ValueError("the module has no parameter that requires a gradient; there is nothing to explore")
    _check_layers(network.module)
    inputs, targets = samples.inputs[:_N_PROBED], samples.targets[:_N_PROBED]
    module = copy.deepcopy(network.module)
    buffers = {name: value.clone() for name, value in module.named_buffers()}
    with torch.no_grad():
        first, second = module(inputs), module(inputs)
        if not isinstance(first, Tensor):
            raise ValueError(
                f"the module returns {type(first).__name__}; one tensor (batch, ...) is expected"
            )
        if not _same(first, second):
            raise ValueError(
                "the module gives two results for the same inputs: call module.eval(), or take the randomness out"
            )
        changed = [name for name, value in module.named_buffers() if not _same(value, buffers[name])]
        if changed:
            raise ValueError(
                f"the module changes its buffers ({', '.join(changed)}): call module.eval() before it is used here"
            )
        _check_mean(module, network, inputs, targets)
    return known_loss(network.loss, first, targets)


def _check_layers(module: nn.Module) -> None:
    """Refuse layers in training mode that draw random numbers or mix samples."""
    for name, layer in module.named_modules():
        dropout = isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0
        normalization = isinstance(layer, nn.modules.batchnorm._BatchNorm)
        if layer.training and (dropout or normalization):
            raise ValueError(
                f"{name or 'the module'} is an active {type(layer).__name__}, so the loss is no function of the "
                "parameters: call module.eval() first"
            )


def _check_mean(module: nn.Module, network: Network, inputs: Tensor, targets: Tensor) -> None:
    """Refuse a loss whose value on all probed samples is not the mean of its values on each."""
    if len(inputs) < 2:
        return
    whole = _loss(network, module(inputs), targets)
    each = [_loss(network, module(inputs[i : i + 1]), targets[i : i + 1]) for i in range(len(inputs))]
    mean = torch.stack(each).mean()
    if bool(torch.isfinite(mean)) and not torch.allclose(whole, mean, rtol=1e-3, atol=1e-6):
        raise ValueError(
            f"the loss of {len(inputs)} samples is {whole.item():.6g}, the mean of their losses {mean.item():.6g}: "
            "it must be a mean over samples (reduction='mean', no weights of classes, no layer that mixes samples)"
        )


def _loss(network: Network, outputs: Tensor, targets: Tensor) -> Tensor:
    loss = network.loss(outputs, targets)
    if not isinstance(loss, Tensor) or loss.ndim != 0:
        shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(f"the loss has shape {shape}; one number, the mean over samples, is expected")
    return loss.double()


def _same(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-5, atol=1e-7, equal_nan=True)
