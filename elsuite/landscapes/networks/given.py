"""What a user gives to make the landscape of a network: checked, and said for the landscape's identity (`Given`)."""

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elsuite.core.identity import checksum, plain_settings
from elsuite.landscapes.conversion import to_tensor
from elsuite.landscapes.networks.losses import CrossEntropy, KnownLoss, MeanSquaredError
from elsuite.landscapes.networks.network import (
    Buffers,
    Factory,
    Network,
    cast_module,
    copied,
    made_by,
    running_averages,
)
from elsuite.landscapes.networks.objective import Loss, Objective, Reduction, reduction_of, torch_settings, weights_of
from elsuite.landscapes.networks.regularization import Regularization
from elsuite.landscapes.networks.samples import AnySamples, Conversion, Samples, augmented, samples_of, tensors_in
from elsuite.landscapes.networks.statistics import BATCH

_NAMED = (CrossEntropy, MeanSquaredError)
_COUNTED_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Given:
    """What energies depend on besides the module and the data."""

    loss: Loss
    buffers: Buffers
    weights: Any = None
    reduction: Reduction | None = None
    regularization: Regularization | None = None
    augmentation: Any = None
    autocast: torch.dtype | None = None

    @property
    def objective(self) -> Objective:
        """The objective, the accurate form of its loss not looked for yet."""
        if self.autocast not in {None, torch.float16, torch.bfloat16}:
            raise ValueError(f"autocast: given {self.autocast!r}, allowed: torch.bfloat16, torch.float16 or None")
        if self.reduction not in {None, "mean", "sum", "none"}:
            raise ValueError(f"reduction: given {self.reduction!r}, allowed: 'mean', 'sum', 'none' or None")
        reduction = self.reduction or reduction_of(self.loss)
        if self.weights is not None and not callable(self.weights) and reduction != "none":
            raise ValueError(
                "weights of samples given, and a loss that is one number; a loss with reduction='none', a value for "
                "each sample, is expected"
            )
        return Objective(self.loss, None, reduction, self.autocast)

    def samples(self, surface: str, given: Any, convert: Conversion, byte_budget: int) -> AnySamples:
        """Return the samples of one surface, with what each counts."""
        inputs, targets, weights = _parts(surface, given)
        samples = samples_of(convert, inputs, targets, byte_budget)
        if surface == "train" and not callable(self.weights):
            weights = self.weights
        given = None if weights is None else _checked_weights(surface, weights, samples)
        counts = self._counted(surface, samples) if given is None else given
        exact = torch.float32 if convert.device.type == "mps" else torch.float64
        return samples.with_weights(None if counts is None else counts.to(convert.device, exact))

    def _counted(self, surface: str, samples: AnySamples) -> Tensor | None:
        """Return what samples count by their targets, None where all count as much."""
        parts = []
        for batch in samples.batches(_COUNTED_AT_ONCE):
            count = self.weights if callable(self.weights) else weights_of(self.loss, batch.targets)
            if count is None:
                return None
            counted = count(batch.targets)
            if not isinstance(counted, Tensor):
                kind = type(counted).__name__
                raise ValueError(f"{surface}: weights gives {kind}; a tensor with a number for each target is expected")
            parts.append(counted)
        weights = _checked_weights(surface, torch.cat(parts), samples)
        return None if bool((weights == weights[0]).all()) else weights

    def declared(self, loss: KnownLoss | None, samples: dict[str, AnySamples], network: Network) -> dict[str, Any]:
        """Return it in JSON's types; what is as it always was is left out."""
        said: dict[str, Any] = {
            # What has an accurate form since version 0.1 is named as before.
            "loss": type(loss).__name__ if isinstance(loss, _NAMED) else plain_settings(self.loss)
        }
        if running_averages(network.module):
            said["buffers"] = {"policy": self.buffers} | ({"batch": BATCH} if self.buffers == "estimated" else {})
        weights = {name: s.weights for name, s in samples.items() if s.weights is not None}
        if weights:
            said["weights"] = {name: checksum(values.double().cpu().numpy()) for name, values in weights.items()}
        if self.reduction not in {None, "mean"}:
            said["reduction"] = self.reduction
        for name in ("regularization", "augmentation"):
            if (value := getattr(self, name)) is not None:
                said[name] = plain_settings(value)
        if self.autocast is not None:
            said["autocast"] = str(self.autocast).removeprefix("torch.")
        return said

    def floor(self, loss: KnownLoss | None, samples: dict[str, AnySamples]) -> float | None:
        """Return what no energy lies under and what they come near to; None where nothing is known."""
        if self.regularization is not None:
            return None
        if loss is not None:
            return loss.floor
        function, settings = torch_settings(self.loss)
        weighted = any(s.weights is not None for s in samples.values())
        plain = function == "cross_entropy" and not settings.get("label_smoothing", 0.0)
        return 0.0 if plain and weighted and not callable(self.weights) else None


def checked_module(module: nn.Module | Factory) -> nn.Module:
    """Return the module given, or one that is made; raises ValueError in one line for anything else."""
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        raise ValueError(f"module: given a {type(module).__name__}, allowed: the module that it wraps, its `.module`")
    if isinstance(module, type) and issubclass(module, nn.Module):
        kind: Any = module
        try:
            return made_by(kind, 0)
        except TypeError as error:
            raise ValueError(
                f"the class {module.__name__} given, which takes arguments ({error}); give a module"
            ) from None
    if isinstance(module, nn.Module):
        return _usable(module)
    if not callable(module) or isinstance(module, type):
        raise ValueError(
            f"{type(module).__name__} given for the module; a torch.nn.Module, or a function that makes one, is "
            "expected"
        )
    return _usable(made_by(module, 0))


def _usable(module: nn.Module) -> nn.Module:
    """Return a module; raises ValueError in one line for one that is no plain function of its tensors."""
    for name, layer in module.named_modules():
        if isinstance(layer, torch.jit.ScriptModule):
            where = f"{name} is a ScriptModule" if name else "a ScriptModule given"
            raise ValueError(f"{where}; the torch.nn.Module that it was made from is expected")
    lazy = [name for name, p in module.named_parameters() if isinstance(p, nn.parameter.UninitializedParameter)]
    if lazy:
        raise ValueError(f"{lazy[0]} has no shape yet; call the module once before, with inputs of its kind")
    return module


def own_loss(loss: Loss, dtype: torch.dtype, device: torch.device) -> Loss:
    """Return a loss that is a module as a copy in the landscape's dtype, on its device: weights of classes go along."""
    if not isinstance(loss, nn.Module):
        return loss
    return cast_module(copied(loss), dtype).to(device=device)


def check_augmentation(augmentation: Any, some: Samples) -> None:
    """Refuse what is no function of inputs and the generator it is given."""
    if not callable(augmentation):
        given = type(augmentation).__name__
        raise ValueError(f"augmentation is {given}; a function of inputs and a torch.Generator is expected")
    try:
        inspect.signature(augmentation).bind(some.inputs, torch.Generator())
    except TypeError as error:
        raise ValueError(f"augmentation: a function of inputs and a torch.Generator is expected ({error})") from None
    except ValueError:  # of a function without a signature
        pass
    rows = torch.arange(some.n_samples)
    once, again = (tensors_in(augmented(some, augmentation, rows).inputs) for _ in range(2))
    if not all(torch.equal(a, b) for a, b in zip(once, again, strict=True)):
        raise ValueError(
            "augmentation gives two results for the same state of its generator; what it draws has to be drawn with it"
        )


def chosen_dtype(dtype: torch.dtype | str | None, module: nn.Module) -> torch.dtype:
    """Return the type of the points: as asked, else float64 where the module has it, so that no digit is lost."""
    if isinstance(dtype, str) and dtype.removeprefix("torch.") in {"float32", "float64"}:
        dtype = getattr(torch, dtype.removeprefix("torch."))  # as a study file says it
    if dtype not in {None, torch.float32, torch.float64}:
        raise ValueError(f"dtype: given {dtype!r}, allowed: torch.float32, torch.float64")
    if dtype is not None:
        return dtype
    trained = [p.dtype for p in module.parameters() if p.requires_grad]
    return torch.float64 if trained and set(trained) == {torch.float64} else torch.float32


def chosen_buffers(buffers: Buffers | None, module: nn.Module) -> Buffers:
    """Return what buffers are at a point: as asked, else estimated where there are running averages."""
    averages = running_averages(module)
    if buffers not in {None, "estimated", "stored", "frozen"}:
        raise ValueError(f"buffers: given {buffers!r}, allowed: 'estimated', 'stored', 'frozen' or None")
    if buffers == "estimated" and not averages:
        raise ValueError("buffers: given 'estimated', but the module has no layer with running averages")
    return buffers or ("estimated" if averages else "frozen")


def check_regularization(term: Regularization | None, network: Network) -> None:
    """Refuse a term that is no number, or does not depend on the parameters."""
    if term is None:
        return
    if not callable(term):
        raise ValueError(
            f"regularization is {type(term).__name__}; a function of the named parameters is expected, such as "
            "WeightDecay(5e-4)"
        )
    with torch.enable_grad():
        point = network.own_point().requires_grad_()
        tensors = {name: network.parameters(point)[name] for name in network.names[: network.n_trained]}
        value = term(tensors)
    if not isinstance(value, Tensor) or value.ndim:
        raise ValueError(f"regularization gives {type(value).__name__}; one number, a tensor without axes, is expected")
    if not value.requires_grad:
        raise ValueError("regularization does not depend on the parameters that it is given; it would be a constant")


def _parts(surface: str, given: Any) -> tuple[Any, Any, Any]:
    """Return inputs, targets and weights of what was given for a surface."""
    if isinstance(given, list) and len(given) in {2, 3} and not isinstance(given[0], (int, float)):
        given = tuple(given)
    if not isinstance(given, tuple):
        return given, None, None
    if len(given) == 3:
        return given
    if len(given) != 2:
        raise ValueError(f"{surface}: {len(given)} things given; inputs and targets, or a Dataset, are expected")
    return *given, None


def _checked_weights(surface: str, weights: Any, samples: AnySamples) -> Tensor:
    values = to_tensor(np.asarray(weights, dtype=np.float64) if not isinstance(weights, Tensor) else weights)
    values = values.detach().cpu().double()
    if values.shape != (samples.n_samples,):
        raise ValueError(f"{surface}: weights of shape {tuple(values.shape)} given; ({samples.n_samples},) is expected")
    if not bool(torch.isfinite(values).all()) or bool((values < 0).any()) or not float(values.sum()):
        raise ValueError(f"{surface}: weights that are negative, not finite or all zero; some samples must count")
    return values
