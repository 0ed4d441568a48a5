"""Whether a module and its loss are a function of parameters and samples, looked at before they are used."""

import copy
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from elsuite.landscapes.networks.evaluation import Network, Samples, as_dtype, cast_module
from elsuite.landscapes.networks.losses import CrossEntropy, KnownLoss, LossFunction, known_loss

_N_PROBED: Final = 8
_MOST_OUTPUTS: Final = 2**22
"""So many numbers the outputs may be that the loss of all samples is computed from; of more, samples are left out."""
_AT_ONCE: Final = 512

_MODULES: Final[Mapping[type[nn.Module], str]] = {
    nn.CrossEntropyLoss: "cross_entropy",
    nn.NLLLoss: "nll_loss",
    nn.MSELoss: "mse_loss",
    nn.L1Loss: "l1_loss",
    nn.SmoothL1Loss: "smooth_l1_loss",
    nn.HuberLoss: "huber_loss",
}
_WEIGHTED: Final = {"cross_entropy", "nll_loss"}
_ELEMENTWISE: Final = set(_MODULES.values()) - _WEIGHTED
_MEAN = "it must be a mean over samples (reduction='mean', no weights of classes, no layer that mixes samples)"
_ERRORS = (RuntimeError, ValueError, TypeError, IndexError)


def check_function(network: Network, surfaces: Mapping[str, Samples]) -> KnownLoss | None:
    """Refuse what is no function or no mean over samples; return the accurate form of the loss, if there is one.

    A module is a function of one sample when a batch gives what each of its samples gives alone; a loss is a mean when
    parts of the data give it by their sizes. Both are tried on samples spread over the data and over the targets, at
    the caller's parameters and at random ones, a loss that is not known on all samples too, in double precision where
    the module can: so neither the order of the data nor how small a loss is makes a difference.

    Raises
    ------
    ValueError
        In one line, saying what would have to change.
    """
    if not network.names:
        raise ValueError("the module has no parameter that requires a gradient; there is nothing to explore")
    _check_layers(network.module)
    forms = {}
    for name, samples in surfaces.items():
        rows = _spread(samples.targets)
        inputs, targets = samples.inputs[rows], samples.targets[rows]
        with torch.no_grad():
            module = copy.deepcopy(network.module)
            outputs = _outputs(module, name, inputs)
            _check_same(module, inputs, outputs)
            forms[name] = known_loss(network.loss, outputs, targets)
            if isinstance(forms[name], CrossEntropy):
                _check_classes(name, samples.targets, outputs.shape[1])
            _check_settings(network.loss, outputs, samples.targets)
            _loss(network, outputs, targets)
        _check_used(network, inputs)
        if forms[name] is None:
            _check_closed(network, outputs, targets)
        with torch.no_grad():
            _check_samples(network, name, samples, rows, known=forms[name] is not None)
    kinds = {type(form) for form in forms.values()}
    return forms.popitem()[1] if len(kinds) == 1 else None


def _check_layers(module: nn.Module) -> None:
    """Refuse layers in training mode that draw random numbers, and those that mix samples in any mode."""
    for name, layer in module.named_modules():
        dropout = isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0
        normalization = isinstance(layer, nn.modules.batchnorm._BatchNorm)
        if layer.training and (dropout or normalization):
            raise ValueError(
                f"{name or 'the module'} is an active {type(layer).__name__}, so the loss is no function of the "
                "parameters: call module.eval() first"
            )
        if normalization and layer.running_mean is None:
            raise ValueError(
                f"{name or 'the module'} is a {type(layer).__name__} without running statistics: it mixes the samples "
                "of a batch, and a mean over samples is expected; take track_running_stats=True and module.eval()"
            )


def _outputs(module: nn.Module, surface: str, inputs: Tensor) -> Tensor:
    try:
        outputs = module(inputs)
    except _ERRORS as error:
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


def _check_classes(surface: str, targets: Tensor, n_outputs: int) -> None:
    lowest, highest = int(targets.min()), int(targets.max())
    if lowest < 0 or highest >= n_outputs:
        raise ValueError(
            f"{surface}: targets from {lowest} to {highest} given; the module has {n_outputs} outputs, so "
            f"classes 0 to {n_outputs - 1} are expected"
        )
    if n_outputs < 2:
        raise ValueError(
            f"{surface}: the module has one output, and the cross-entropy of one class is 0 everywhere; two classes or "
            "more are expected"
        )


def _check_settings(loss: LossFunction, outputs: Tensor, targets: Tensor) -> None:
    """Refuse settings of torch's losses that are known to give no mean over samples."""
    function, settings = _torch_settings(loss)
    if settings.get("reduction") == "sum":
        raise ValueError(f"the loss has reduction='sum': {_MEAN}")
    if function in _ELEMENTWISE and outputs.ndim != targets.ndim:
        expected = (len(targets), *outputs.shape[1:])
        raise ValueError(
            f"targets of shape {tuple(targets.shape)} given, outputs of shape {expected}: the loss would compare each "
            f"output with each target; take targets.reshape({expected})"
        )
    if function not in _WEIGHTED or targets.is_floating_point():
        return
    counting = targets != settings.get("ignore_index", -100)
    if not _alike(counting):
        n_ignored, ignored = int(counting.numel() - counting.sum()), settings.get("ignore_index", -100)
        raise ValueError(
            f"{n_ignored} of {counting.numel()} targets are ignore_index={ignored}, so that the loss is divided by the "
            f"number of the others: {_MEAN}; leave them out"
        )
    weight = settings.get("weight")
    if isinstance(weight, Tensor) and not _alike(
        torch.where(counting, weight.to(targets.device)[targets * counting], 0)
    ):
        raise ValueError(
            f"the loss has weights of classes, so that it is divided by the sum of the samples' weights: {_MEAN}; "
            "repeat samples, or multiply each one's loss by the weight of its class and take the plain mean"
        )


def _torch_settings(loss: LossFunction) -> tuple[object, Mapping[str, Any]]:
    """Return which function of torch computes a loss, by its name, and with which settings; of others, nothing."""
    if isinstance(loss, nn.Module) and type(loss).__module__ == nn.CrossEntropyLoss.__module__:
        return _MODULES.get(type(loss)), {**vars(loss), **loss._buffers}
    function, settings = (loss.func, loss.keywords) if isinstance(loss, functools.partial) else (loss, {})
    name = str(getattr(function, "__name__", ""))
    return (name, settings) if function is getattr(nn.functional, name, None) else (None, {})


def _alike(counts: Tensor) -> bool:
    """Return whether all samples count for as much, and for something."""
    of_each = counts.reshape(len(counts), -1).sum(1)
    return bool((of_each == of_each[0]).all()) and bool(of_each[0] > 0)


def _check_used(network: Network, inputs: Tensor) -> None:
    """Refuse a module whose outputs have no gradient by its parameters, as where it computes with those of another."""
    with torch.enable_grad():
        point = network.own_point().requires_grad_()
        outputs = network.outputs(point, inputs)
        total = (outputs.abs() if outputs.is_complex() else outputs).sum()
        used = total.requires_grad and torch.autograd.grad(total, point, allow_unused=True)[0] is not None
    if not used:
        raise ValueError(
            "the outputs of the module have no gradient by its parameters; a forward pass that uses them, and no "
            "tensors of another module, is expected"
        )


def _check_closed(network: Network, outputs: Tensor, targets: Tensor) -> None:
    """Refuse a loss that depends on more than outputs and targets, such as the weights of the caller's module."""
    with torch.enable_grad():
        loss = network.loss(outputs.detach(), targets)
    if loss.requires_grad:
        raise ValueError(
            "the loss depends on more than outputs and targets that requires a gradient, such as the weights of the "
            "module given, which would stay as they are at every point; weight decay belongs into the minimizer"
        )


@dataclass(frozen=True)
class _Precise:
    """A network and its loss in double precision, if they can be, at one point."""

    module: nn.Module
    function: LossFunction
    parameters: dict[str, Tensor]
    dtype: torch.dtype

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return the outputs, computed in micro-batches."""
        parts = [
            functional_call(self.module, self.parameters, (self._cast(part),)) for part in torch.split(inputs, _AT_ONCE)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def loss(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the loss."""
        return float(self.function(outputs, self._cast(targets)))

    def _cast(self, values: Tensor) -> Tensor:
        return as_dtype(values, self.dtype)

    def rounding(self, *, of_loss: bool) -> float:
        """Return the relative difference up to which numbers that are computed in two ways are equal."""
        # A module may compute in single precision within.
        return 1e-3 if self.dtype != torch.float64 else 1e-5 if of_loss else 1e-4


def _check_samples(network: Network, surface: str, samples: Samples, rows: Tensor, *, known: bool) -> None:
    """Refuse a module that mixes samples and a loss that is no mean, at the caller's parameters and at random ones."""
    points = network.random_points([0])[0], network.own_point()
    tried = [_precise(network, point, samples, rows) for point in points]
    checked = known
    for precise in tried:
        _check_rows(precise, surface, Samples(samples.inputs[rows], samples.targets[rows]), known=known)
        checked = checked or _check_parts(precise, surface, samples)
    _check_finite(tried[0], surface, samples)


def _precise(network: Network, point: Tensor, samples: Samples, rows: Tensor) -> _Precise:
    parameters = network.parameters(point)
    own = _Precise(network.module, network.loss, parameters, network.dtype)
    if network.dtype == torch.float64:
        return own
    try:
        loss = network.loss
        if isinstance(loss, nn.Module):
            loss = cast_module(copy.deepcopy(loss), torch.float64)
        module = cast_module(copy.deepcopy(network.module), torch.float64)
        double = {name: as_dtype(tensor, torch.float64) for name, tensor in parameters.items()}
        found = _Precise(module, loss, double, torch.float64)
        found.loss(found.outputs(samples.inputs[rows]), samples.targets[rows])
    except Exception:  # of a user's own module or loss, which may take its own precision only
        return own
    return found


def _check_rows(precise: _Precise, surface: str, samples: Samples, *, known: bool) -> None:
    """Refuse what of some samples together is not what it is of each."""
    n, targets = samples.n_samples, samples.targets
    outputs = precise.outputs(samples.inputs)
    try:
        each = [precise.outputs(one.inputs) for one in samples.batches(1)]
    except _ERRORS as error:
        raise ValueError(
            f"{surface}: the module takes {n} samples but not one alone ({_first_line(error)}): a function of "
            "one sample is expected, without statistics of a batch"
        ) from error
    if len(outputs) != n or any(part.shape != (1, *outputs.shape[1:]) for part in each):
        raise ValueError(
            f"{surface}: the module returns the shape {tuple(outputs.shape)} for {n} samples and "
            f"{tuple(each[0].shape)} for one; (n_samples, ...) is expected"
        )
    if not bool(torch.isfinite(outputs).all()):
        return
    if bool((outputs - torch.cat(each)).abs().max() > precise.rounding(of_loss=False) * outputs.abs().max()):
        raise ValueError(
            f"{surface}: the module gives other outputs for {n} samples together than for each alone: it mixes "
            "samples, and a mean over samples is expected (call module.eval(); no statistics of a batch)"
        )
    if known or not math.isfinite(whole := precise.loss(outputs, targets)):
        return
    losses = [precise.loss(outputs[i : i + 1], targets[i : i + 1]) for i in range(n)]
    _compare(precise, surface, whole, losses, [1] * n, "the mean of their losses")


def _check_parts(precise: _Precise, surface: str, samples: Samples) -> bool:
    """Refuse a loss of all samples that is no mean of its values on halves, in two orders; return if it is finite."""
    n = samples.n_samples
    per_sample = precise.outputs(samples.inputs[:1]).numel()
    most = max(2, _MOST_OUTPUTS // max(1, per_sample))
    inputs, targets = samples.inputs, samples.targets
    if n > most:
        rows = torch.linspace(0, n - 1, most, dtype=torch.float64).round().long().to(targets.device)
        inputs, targets = inputs[rows], targets[rows]
    outputs = precise.outputs(inputs)
    whole, n = precise.loss(outputs, targets), len(targets)
    if not math.isfinite(whole):
        return False
    for order in (torch.arange(n, device=targets.device), _keys(targets)[0].argsort()) if n > 1 else ():
        parts = [order[: n // 2], order[n // 2 :]]
        losses = [precise.loss(outputs[part], targets[part]) for part in parts]
        _compare(precise, surface, whole, losses, [len(part) for part in parts], "the mean of those of two halves")
    return True


def _compare(precise: _Precise, surface: str, whole: float, losses: list[float], sizes: list[int], what: str) -> None:
    total = sum(sizes)
    mean = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / total
    # Losses of either sign may cancel: rounding is relative to their sizes.
    scale = max(abs(whole), sum(abs(loss) * size for loss, size in zip(losses, sizes, strict=True)) / total)
    if not abs(whole - mean) <= precise.rounding(of_loss=True) * scale:
        raise ValueError(f"{surface}: the loss of {total} samples is {whole:.6g}, {what} {mean:.6g}: {_MEAN}")


def _check_finite(precise: _Precise, surface: str, samples: Samples) -> None:
    """Refuse data with a value that is not finite where the loss is not, either: a module may be made for such data."""
    for what, values in (("inputs", samples.inputs), ("targets", samples.targets)):
        if bool(torch.isfinite(values.sum())):
            continue
        flat = values.reshape(len(values), -1)
        for row in torch.nonzero(~torch.isfinite(flat).all(1)).flatten()[:_N_PROBED].tolist():
            one = slice(row, row + 1)
            if not math.isfinite(precise.loss(precise.outputs(samples.inputs[one]), samples.targets[one])):
                raise ValueError(
                    f"{surface}: row {row} of the {what} has a value that is not finite, and so has the loss"
                )


def _spread(targets: Tensor) -> Tensor:
    """Return rows spread over the data and over what the targets are, each once."""
    n = len(targets)
    orders = [torch.arange(n, device=targets.device), *(key.argsort(stable=True) for key in _keys(targets))]
    at = torch.linspace(0, n - 1, min(n, _N_PROBED)).round().long().to(targets.device)
    rows: Tensor = torch.unique(torch.cat([order[at] for order in orders]))
    return rows


def _keys(targets: Tensor) -> list[Tensor]:
    """Return numbers (n_samples,) to sort targets by: the means, and the least of each."""
    flat = targets.reshape(len(targets), -1)
    flat = flat.abs() if flat.is_complex() else flat
    if not flat.shape[1]:
        return [torch.zeros(len(flat), device=flat.device)]
    return [flat.double().mean(1), flat.amin(1)]


def _loss(network: Network, outputs: Tensor, targets: Tensor) -> None:
    """Refuse a loss that does not take outputs and targets, or is not one number."""
    try:
        loss = network.loss(outputs, targets)
    except _ERRORS as error:
        raise ValueError(
            f"the loss does not take outputs of shape {tuple(outputs.shape)}, {outputs.dtype}, and targets of "
            f"shape {tuple(targets.shape)}, {targets.dtype}: {_first_line(error)}"
        ) from error
    if not isinstance(loss, Tensor) or loss.ndim != 0:
        shape = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"type {type(loss).__name__}"
        raise ValueError(f"the loss has {shape}; one number, the mean over samples, is expected")
    if not _same(loss, network.loss(outputs, targets)):
        raise ValueError("the loss gives two results for the same outputs: take the randomness out")


def _same(a: Tensor, b: Tensor) -> bool:
    if not a.is_floating_point():
        return torch.equal(a, b)
    return torch.allclose(a, b, rtol=1e-5, atol=1e-7, equal_nan=True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
