"""Whether a module and its loss are a function of parameters and samples, looked at before they are used."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from elsuite.landscapes.networks.evaluation import Network, Samples
from elsuite.landscapes.networks.losses import CrossEntropy, KnownLoss, known_loss

_N_PROBED = 8


def check_function(network: Network, surfaces: Mapping[str, Samples]) -> KnownLoss | None:
    """Refuse what is no function or no mean over samples; return the accurate form of the loss, if there is one."""
    if not network.names:
        raise ValueError("the module has no parameter that requires a gradient; there is nothing to explore")
    _check_layers(network.module)
    forms = {}
    with torch.no_grad():
        for name, samples in surfaces.items():
            module = copy.deepcopy(network.module)
            inputs, targets = samples.inputs[:_N_PROBED], samples.targets[:_N_PROBED]
            outputs = _outputs(module, name, inputs)
            _check_same(module, inputs, outputs)
            forms[name] = known_loss(network.loss, outputs, targets)
            if isinstance(forms[name], CrossEntropy):
                lowest, highest, n_outputs = int(samples.targets.min()), int(samples.targets.max()), outputs.shape[1]
                if lowest < 0 or highest >= n_outputs:
                    raise ValueError(
                        f"{name}: targets from {lowest} to {highest} given; the module has {n_outputs} outputs, so "
                        f"classes 0 to {n_outputs - 1} are expected"
                    )
            _check_mean(module, network, inputs, targets)
    kinds = {type(form) for form in forms.values()}
    return forms.popitem()[1] if len(kinds) == 1 else None


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


def _outputs(module: nn.Module, surface: str, inputs: Tensor) -> Tensor:
    try:
        outputs = module(inputs)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ValueError(
            f"{surface}: the module does not take inputs of shape {tuple(inputs.shape)}, {inputs.dtype}: "
            f"{_first_line(error)}"
        ) from error
    if not isinstance(outputs, Tensor):
        raise ValueError(f"the module returns {type(outputs).__name__}; one tensor (batch, ...) is expected")
    return outputs


def _check_same(module: nn.Module, inputs: Tensor, outputs: Tensor) -> None:
    """Refuse a module that gives something else the second time, or that has changed."""
    before = {name: value.clone() for name, value in module.named_buffers()}
    if not _same(outputs, module(inputs)):
        raise ValueError(
            "the module gives two results for the same inputs: call module.eval(), or take the randomness out"
        )
    changed = [name for name, value in module.named_buffers() if not _same(value, before[name])]
    if changed:
        raise ValueError(f"the module changes its buffers ({', '.join(changed)}): call module.eval() first")


def _check_mean(module: nn.Module, network: Network, inputs: Tensor, targets: Tensor) -> None:
    """Refuse a loss whose value on all probed samples is not the mean of its values on each."""
    whole = _loss(network, module(inputs), targets)
    rows = [slice(i, i + 1) for i in range(len(inputs))]
    mean = torch.stack([_loss(network, module(inputs[row]), targets[row]) for row in rows]).mean()
    if bool(torch.isfinite(whole)) and not torch.allclose(whole, mean, rtol=1e-3, atol=1e-6):
        raise ValueError(
            f"the loss of {len(inputs)} samples is {whole.item():.6g}, the mean of their losses {mean.item():.6g}: "
            "it must be a mean over samples (reduction='mean', no weights of classes, no layer that mixes samples)"
        )


def _loss(network: Network, outputs: Tensor, targets: Tensor) -> Tensor:
    try:
        loss = network.loss(outputs, targets)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ValueError(
            f"the loss does not take outputs of shape {tuple(outputs.shape)}, {outputs.dtype}, and targets of "
            f"shape {tuple(targets.shape)}, {targets.dtype}: {_first_line(error)}"
        ) from error
    if not isinstance(loss, Tensor) or loss.ndim != 0:
        shape = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"type {type(loss).__name__}"
        raise ValueError(f"the loss has {shape}; one number, the mean over samples, is expected")
    return loss.double()


def _same(a: Tensor, b: Tensor) -> bool:
    if not a.is_floating_point():
        return torch.equal(a, b)
    return torch.allclose(a, b, rtol=1e-5, atol=1e-7, equal_nan=True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
