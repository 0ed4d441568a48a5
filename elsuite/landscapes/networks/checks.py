"""Whether a module and its loss are a function of parameters and samples, looked at before they are used."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from elsuite.landscapes.networks.losses import CrossEntropy, KnownLoss, known_loss
from elsuite.landscapes.networks.network import Buffers, Network, cast_module, running_averages
from elsuite.landscapes.networks.objective import Loss, Objective, torch_settings
from elsuite.landscapes.networks.samples import (
    AnySamples,
    Samples,
    Tree,
    arguments_of,
    as_dtype,
    call,
    joined_trees,
    mapped,
    tensors_in,
)

_N_PROBED: Final = 8
_MOST_OUTPUTS: Final = 2**22
"""So many numbers the outputs may be that the loss of all samples is computed from; of more, samples are left out."""
_AT_ONCE: Final = 512
_N_LOOKED_AT: Final = 512
"""Of data that are read when they are needed, so many samples are looked at."""

_ELEMENTWISE: Final = {
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
}
_MEAN = (
    "it must be a mean over samples, without a layer that mixes them (a weighted mean says what samples count by "
    "weights=FUNCTION(targets), a sum that it is one by reduction='sum')"
)
_NO_SUM = "with reduction='sum' it must be a sum over samples, without a layer that mixes them"
_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, KeyError)


def check_function(
    network: Network, surfaces: Mapping[str, AnySamples], objective: Objective, *, buffers: Buffers
) -> KnownLoss | None:
    """Refuse what is no function or no mean over samples; return the accurate form of the loss, if there is one.

    A module is a function of one sample when a batch gives what each of its samples gives alone; a loss is a mean when
    parts of the data give it by what they count. Both are tried on samples spread over the data and over the targets,
    at the caller's parameters and at random ones, a loss that is not known on all samples too, in double precision
    where the module can: so neither the order of the data nor how small a loss is makes a difference. Of data that are
    read when they are needed, some are looked at.

    Raises
    ------
    ValueError
        In one line, saying what would have to change.
    """
    if not network.names:
        raise ValueError("the module has no parameter that requires a gradient; there is nothing to explore")
    _check_layers(network.given, buffers)
    if buffers == "estimated" and surfaces["train"].n_samples < 2:
        raise ValueError("train: one sample given, which has no statistics; two are expected, or buffers='frozen'")
    forms = {}
    for name, given in surfaces.items():
        samples = _in_memory(given)
        if name != "train" and (samples.targets is None) != (_in_memory(surfaces["train"]).targets is None):
            raise ValueError(f"{name}: given {_with_or_without(samples)}, allowed: as 'train', which is the other way")
        rows = _spread(samples)
        few = samples.rows(rows)
        module = copy.deepcopy(network.module)
        outputs = _outputs(module, name, few.inputs)
        _check_same(module, few.inputs, outputs)
        plain = objective.reduction == "mean" and samples.weights is None and isinstance(outputs, Tensor)
        forms[name] = known_loss(objective.loss, outputs, few.targets) if plain else None
        if isinstance(forms[name], CrossEntropy):
            _check_classes(name, samples.targets, outputs.shape[1])
        _check_settings(objective.loss, outputs, samples)
        _check_loss(objective, outputs, few)
        _check_used(network, few.inputs)
        _check_slope(objective, outputs, few.targets)
        if forms[name] is None:
            _check_closed(objective, outputs, few.targets)
        _check_samples(network, objective, name, samples, rows, known=forms[name] is not None)
    kinds = {type(form) for form in forms.values()}
    return forms.popitem()[1] if len(kinds) == 1 else None


def _with_or_without(samples: Samples) -> str:
    return "without targets" if samples.targets is None else "with targets"


def _in_memory(samples: AnySamples) -> Samples:
    if isinstance(samples, Samples):
        return samples
    n = min(samples.n_samples, _N_LOOKED_AT)
    return samples.rows(torch.linspace(0, samples.n_samples - 1, n, dtype=torch.float64).round().long())


def _check_layers(module: nn.Module, buffers: Buffers) -> None:
    """Refuse layers in training mode that draw random numbers, and those that mix samples in any mode."""
    averaging = running_averages(module) if buffers == "estimated" else {}
    for name, layer in module.named_modules():
        dropout = isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0
        normalization = isinstance(layer, nn.modules.batchnorm._BatchNorm)
        if layer.training and (dropout or (normalization and name not in averaging)):
            raise ValueError(
                f"{name or 'the module'} is an active {type(layer).__name__}, so the loss is no function of the "
                "parameters: call module.eval() first"
            )
        if normalization and layer.running_mean is None:
            raise ValueError(
                f"{name or 'the module'} is a {type(layer).__name__} without running statistics: it mixes the samples "
                "of a batch, and a mean over samples is expected; take track_running_stats=True and module.eval()"
            )


def _outputs(module: nn.Module, surface: str, inputs: Tree) -> Any:
    given = [tensor.clone() for tensor in tensors_in(inputs)]
    try:
        outputs = mapped(lambda tensor: tensor.detach(), call(module, inputs))
    except _ERRORS as error:
        shapes = ", ".join(f"{tuple(tensor.shape)}, {tensor.dtype}" for tensor in tensors_in(inputs))
        raise ValueError(
            f"{surface}: the module does not take inputs of shape {shapes}: {_first_line(error)}"
        ) from error
    if not all(_same(one, other) for one, other in zip(given, tensors_in(inputs), strict=True)):
        raise ValueError(
            "the module changes its inputs in place; an operation that makes new ones is expected, such as clamp, not "
            "clamp_"
        )
    if not tensors_in(outputs):
        raise ValueError(
            f"the module returns {type(outputs).__name__}; a tensor (batch, ...), or a tuple or dict of such, is "
            "expected"
        )
    return outputs


def _check_same(module: nn.Module, inputs: Tree, outputs: Tree) -> None:
    """Refuse a module that gives something else the second time, or that has changed."""
    before = {name: value.clone() for name, value in module.named_buffers()}
    again = tensors_in(call(module, inputs))
    if not all(_same(one, other.detach()) for one, other in zip(tensors_in(outputs), again, strict=True)):
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


def _check_settings(loss: Loss, outputs: Tree, samples: Samples) -> None:
    """Refuse shapes that torch's losses would broadcast."""
    targets = samples.targets
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
        return
    if torch_settings(loss)[0] in _ELEMENTWISE and outputs.ndim != targets.ndim:
        expected = (len(targets), *outputs.shape[1:])
        raise ValueError(
            f"targets of shape {tuple(targets.shape)} given, outputs of shape {expected}: the loss would compare each "
            f"output with each target; take targets.reshape({expected})"
        )


def _check_used(network: Network, inputs: Tree) -> None:
    """Refuse a module whose outputs have no gradient by its parameters, as where it computes with those of another."""
    try:
        with torch.enable_grad():
            point = network.own_point().requires_grad_()
            outputs = tensors_in(network.outputs(network.parameters(point), inputs))
            given = [(part.abs() if part.is_complex() else part).sum() for part in outputs if part.requires_grad]
            used = bool(given) and torch.autograd.grad(given, point, allow_unused=True)[0] is not None
    except Exception as error:  # of torch, which says of some operations only that they do not work together
        raise ValueError(
            "the gradient of the module by a vector of its parameters cannot be taken, as where tensors are changed in "
            f"place, sparse, or computed again in the backward pass: {_first_line(error)}"
        ) from error
    if not used:
        raise ValueError(
            "the outputs of the module have no gradient by its parameters; a forward pass that uses them, and no "
            "tensors of another module, is expected"
        )


def _check_slope(objective: Objective, outputs: Tree, targets: Tree) -> None:
    """Refuse a loss without a gradient by the outputs, such as one that is computed from detached ones."""
    leaves = mapped(lambda values: values.detach().clone().requires_grad_(values.is_floating_point()), outputs)
    if not any(leaf.requires_grad for leaf in tensors_in(leaves)):
        return
    reason = ""
    with torch.enable_grad():
        try:
            loss = objective.loss(leaves, targets)
        except _ERRORS as error:
            loss, reason = None, f" ({_first_line(error)})"
    if loss is None or not loss.requires_grad:
        raise ValueError(
            f"the loss has no gradient by the outputs{reason}; one that torch computes from them is expected, without "
            "detach, no_grad or numpy"
        )


def _check_closed(objective: Objective, outputs: Tree, targets: Tree) -> None:
    """Refuse a loss that depends on more than outputs and targets, such as the weights of the caller's module."""
    with torch.enable_grad():
        loss = objective.loss(outputs, targets)
    if loss.requires_grad:
        raise ValueError(
            "the loss depends on more than outputs and targets that requires a gradient, such as the weights of the "
            "module given, which would stay as they are at every point; weight decay belongs into `regularization`"
        )


@dataclass(frozen=True)
class _Precise:
    """A network and its objective in double precision, if they can be, at one point."""

    module: nn.Module
    objective: Objective
    parameters: dict[str, Tensor]
    dtype: torch.dtype

    def outputs(self, inputs: Tree) -> Tree:
        """Return the outputs, computed in micro-batches."""
        parts = []
        for batch in Samples(inputs, None).batches(_AT_ONCE):
            outputs = functional_call(self.module, self.parameters, *arguments_of(self._cast(batch.inputs)))
            parts.append(mapped(lambda tensor: tensor.detach(), outputs))
        return parts[0] if len(parts) == 1 else joined_trees(parts)

    def loss(self, outputs: Tree, samples: Samples) -> float:
        """Return the loss of some samples."""
        targets = mapped(self._cast_one, samples.targets)
        return float(self.objective.value(outputs, replace(samples, targets=targets)))

    def _cast(self, values: Tree) -> Tree:
        return mapped(self._cast_one, values)

    def _cast_one(self, values: Tensor) -> Tensor:
        return as_dtype(values, self.dtype)

    def rounding(self, *, of_loss: bool) -> float:
        """Return the relative difference up to which numbers that are computed in two ways are equal."""
        # A module may compute in single precision within.
        return 1e-3 if self.dtype != torch.float64 else 1e-5 if of_loss else 1e-4


def _check_samples(
    network: Network, objective: Objective, surface: str, samples: Samples, rows: Tensor, *, known: bool
) -> None:
    """Refuse a module that mixes samples and a loss that is no mean, at the caller's parameters and at random ones."""
    points = network.random_points([0])[0], network.own_point()
    tried = [_precise(network, objective, point, samples.rows(rows)) for point in points]
    checked = known
    for precise in tried:
        _check_rows(precise, surface, samples.rows(rows), known=known)
        checked = checked or _check_parts(precise, surface, samples)
    _check_finite(tried[0], surface, samples)


def _precise(network: Network, objective: Objective, point: Tensor, few: Samples) -> _Precise:
    parameters = network.parameters(point)
    own = _Precise(network.module, objective, parameters, network.dtype)
    if network.dtype == torch.float64:
        return own
    try:
        loss = objective.loss
        if isinstance(loss, nn.Module):
            loss = cast_module(copy.deepcopy(loss), torch.float64)
        module = cast_module(copy.deepcopy(network.module), torch.float64)
        double = {name: as_dtype(tensor, torch.float64) for name, tensor in parameters.items()}
        found = _Precise(module, replace(objective, loss=loss), double, torch.float64)
        found.loss(found.outputs(few.inputs), few)
    except Exception:  # of a user's own module or loss, which may take its own precision only
        return own
    return found


def _check_rows(precise: _Precise, surface: str, samples: Samples, *, known: bool) -> None:
    """Refuse what of some samples together is not what it is of each."""
    n = samples.n_samples
    outputs = precise.outputs(samples.inputs)
    try:
        each = [precise.outputs(one.inputs) for one in samples.batches(1)]
    except _ERRORS as error:
        raise ValueError(
            f"{surface}: the module takes {n} samples but not one alone ({_first_line(error)}): a function of "
            "one sample is expected, without statistics of a batch"
        ) from error
    for k, together in enumerate(tensors_in(outputs)):
        alone = [tensors_in(one)[k] for one in each]
        if not together.ndim:
            continue  # a loss that the module computes itself: it is looked at as a loss
        if len(together) != n or any(part.shape != (1, *together.shape[1:]) for part in alone):
            raise ValueError(
                f"{surface}: the module returns the shape {tuple(together.shape)} for {n} samples and "
                f"{tuple(alone[0].shape)} for one; (n_samples, ...) is expected"
            )
        if not bool(torch.isfinite(together).all()):
            return
        if bool((together - torch.cat(alone)).abs().max() > precise.rounding(of_loss=False) * together.abs().max()):
            raise ValueError(
                f"{surface}: the module gives other outputs for {n} samples together than for each alone: it mixes "
                "samples, and a mean over samples is expected (call module.eval(); no statistics of a batch)"
            )
    if known or not math.isfinite(whole := precise.loss(outputs, samples)):
        return
    parts = list(samples.batches(1))
    losses = [precise.loss(one, part) for one, part in zip(each, parts, strict=True)]
    _compare(precise, surface, samples, whole, losses, parts, "the mean of their losses")


def _check_parts(precise: _Precise, surface: str, samples: Samples) -> bool:
    """Refuse a loss of all samples that is no mean of its values on halves, in two orders; return if it is finite."""
    n = samples.n_samples
    first = precise.outputs(samples.between(0, 1).inputs)
    per_sample = sum(tensor.numel() for tensor in tensors_in(first))
    most = max(2, _MOST_OUTPUTS // max(1, per_sample))
    device = tensors_in(samples.inputs)[0].device
    if n > most:
        samples = samples.rows(torch.linspace(0, n - 1, most, dtype=torch.float64).round().long().to(device))
        n = most
    # A loss that the module computes itself is one number a batch: it can only be computed anew.
    apart = any(not tensor.ndim for tensor in tensors_in(first))
    outputs = precise.outputs(samples.inputs) if not apart or n <= _AT_ONCE else first
    whole = precise.loss(outputs, samples)
    if apart or not math.isfinite(whole):
        return math.isfinite(whole)
    orders = [torch.arange(n, device=device), *(key.argsort() for key in _keys(samples.targets)[:1])]
    for order in orders if n > 1 else ():
        halves = [order[: n // 2], order[n // 2 :]]
        parts = [samples.rows(half) for half in halves]
        given = [Samples(outputs, None).rows(half).inputs for half in halves]
        losses = [precise.loss(*pair) for pair in zip(given, parts, strict=True)]
        _compare(precise, surface, samples, whole, losses, parts, "the mean of those of two halves")
    return True


def _compare(
    precise: _Precise,
    surface: str,
    samples: Samples,
    whole: float,
    losses: list[float],
    parts: list[Samples],
    what: str,
) -> None:
    if precise.objective.reduction == "sum":
        counts, what = [1.0] * len(parts), what.replace("mean", "sum")
    elif samples.weights is not None:
        counts = [0.0 if part.weights is None else float(part.weights.sum()) for part in parts]
        counts = [count / float(samples.weights.sum()) for count in counts]
    else:
        counts = [part.n_samples / samples.n_samples for part in parts]
    # What counts nothing may be no number.
    terms = [loss * count for loss, count in zip(losses, counts, strict=True) if count]
    # Losses of either sign may cancel: rounding is relative to their sizes.
    scale = max(abs(whole), sum(abs(term) for term in terms))
    if not abs(whole - sum(terms)) <= precise.rounding(of_loss=True) * scale:
        of = f"the loss of {samples.n_samples} samples is {whole:.6g}, {what} {sum(terms):.6g}"
        raise ValueError(f"{surface}: {of}: {_NO_SUM if precise.objective.reduction == 'sum' else _MEAN}")


def _check_finite(precise: _Precise, surface: str, samples: Samples) -> None:
    """Refuse data with a value that is not finite where the loss is not, either: a module may be made for such data."""
    for what, tree in (("inputs", samples.inputs), ("targets", samples.targets)):
        for values in tensors_in(tree):
            if bool(torch.isfinite(values.sum() if values.dtype != torch.bool else values.any())):
                continue
            flat = values.reshape(len(values), -1)
            for row in torch.nonzero(~torch.isfinite(flat).all(1)).flatten()[:_N_PROBED].tolist():
                one = samples.between(row, row + 1)
                if not math.isfinite(precise.loss(precise.outputs(one.inputs), one)):
                    raise ValueError(
                        f"{surface}: row {row} of the {what} has a value that is not finite, and so has the loss"
                    )


def _spread(samples: Samples) -> Tensor:
    """Return rows spread over the data and over what the targets are, each once."""
    n, device = samples.n_samples, tensors_in(samples.inputs)[0].device
    orders = [torch.arange(n, device=device), *(key.argsort(stable=True) for key in _keys(samples.targets))]
    if samples.weights is not None:
        orders.append(samples.weights.argsort(stable=True).to(device))
    at = torch.linspace(0, n - 1, min(n, _N_PROBED)).round().long().to(device)
    rows: Tensor = torch.unique(torch.cat([order[at] for order in orders]))
    return rows


def _keys(targets: Tree) -> list[Tensor]:
    """Return numbers (n_samples,) to sort targets by: the means, and the least of each."""
    found = tensors_in(targets)
    if not found:
        return []
    flat = found[0].reshape(len(found[0]), -1)
    flat = flat.abs() if flat.is_complex() else flat
    if not flat.shape[1]:
        return [torch.zeros(len(flat), device=flat.device)]
    return [flat.double().mean(1), flat.amin(1)]


def _check_loss(objective: Objective, outputs: Tree, few: Samples) -> None:
    """Refuse a loss that does not take outputs and targets, or is not what its reduction says."""
    try:
        loss = objective.loss(outputs, few.targets)
    except _ERRORS as error:
        of, to = (
            ", ".join(f"shape {tuple(t.shape)}, {t.dtype}" for t in tensors_in(tree)) for tree in (outputs, few.targets)
        )
        raise ValueError(
            f"the loss does not take outputs of {of}, and targets of {to or 'none'}: {_first_line(error)}"
        ) from error
    shape = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"type {type(loss).__name__}"
    if objective.reduction == "none":
        if not isinstance(loss, Tensor) or not loss.ndim or len(loss) != few.n_samples:
            raise ValueError(f"the loss of {few.n_samples} samples has {shape}; a value for each of them is expected")
    elif not isinstance(loss, Tensor) or loss.ndim != 0:
        raise ValueError(
            f"the loss has {shape}; one number, the mean over samples, is expected, or reduction='none' for one each"
        )
    if not _same(loss, objective.loss(outputs, few.targets)):
        raise ValueError("the loss gives two results for the same outputs: take the randomness out")


def _same(a: Tensor, b: Tensor) -> bool:
    if not a.is_floating_point():
        return torch.equal(a, b)
    return torch.allclose(a, b, rtol=1e-5, atol=1e-7, equal_nan=True)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:200]
