"""How a network is evaluated at many points: what is common, the loop for any module, and what hidden units give."""

import abc
import contextlib
import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from elsuite.landscapes.networks.losses import KnownLoss, LossFunction
from elsuite.symmetry.units import UnitSymmetry

# Best on 2 cores for convolutions and recurrences: larger batches fall out of the cache.
_HEAVY_LAYERS = (nn.modules.conv._ConvNd, nn.RNNBase, nn.RNNCellBase)
_HEAVY_BATCH = 512
_LIGHT_BATCH = 8192


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and targets, ([n_points,] n_samples, ...): common to all points or, if `own`, each point's own."""

    inputs: Tensor
    targets: Tensor
    own: bool = False

    @property
    def n_samples(self) -> int:
        """Number of samples of one point."""
        return self.inputs.shape[1] if self.own else self.inputs.shape[0]

    def of_point(self, k: int) -> "Samples":
        """Return the samples of point `k`."""
        return Samples(self.inputs[k], self.targets[k]) if self.own else self

    def of_points(self, points: slice) -> "Samples":
        """Return the samples of some points."""
        return Samples(self.inputs[points], self.targets[points], True) if self.own else self

    def batches(self, size: int) -> "Iterator[Samples]":
        """Yield all samples in micro-batches of `size`."""
        for start in range(0, self.n_samples, size):
            part = (slice(None), slice(start, start + size)) if self.own else slice(start, start + size)
            yield Samples(self.inputs[part], self.targets[part], self.own)


def as_dtype(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return real numbers in `dtype` and complex ones as pairs of it; whole numbers as they are."""
    if values.is_complex():
        return values.to(torch.complex64 if dtype == torch.float32 else torch.complex128)
    return values.to(dtype) if values.is_floating_point() else values


def cast_module(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return the module itself, its tensors in `dtype` as `as_dtype` says: `Module.to` would drop imaginary parts."""
    module._apply(lambda tensor: as_dtype(tensor, dtype))  # type: ignore[no-untyped-call]
    return module


@final
class Network:
    """A module as a function of one vector of its trained parameters, and its loss; the caller's stays as it is."""

    def __init__(self, module: nn.Module, loss: LossFunction, *, dtype: torch.dtype, device: torch.device) -> None:
        # Starts are drawn in the caller's dtype, on the CPU: the same for every landscape of the module.
        self._template = copy.deepcopy(module).cpu()
        self.module = cast_module(copy.deepcopy(module), dtype).to(device=device)
        trained = {name: tensor for name, tensor in self.module.named_parameters() if tensor.requires_grad}
        if complex_ones := [name for name, tensor in trained.items() if tensor.is_complex()]:
            raise ValueError(
                f"{complex_ones[0]} is complex; a point is a vector of real numbers: keep real and imaginary parts as "
                "tensors of their own, or freeze it by requires_grad_(False)"
            )
        self.names = tuple(trained)
        self.shapes = tuple(tensor.shape for tensor in trained.values())
        self.sizes = [shape.numel() for shape in self.shapes]
        self.module.requires_grad_(False)
        for layer in self.module.modules():
            # cuDNN gives gradients of recurrent layers in training mode only; without dropout it is the same.
            if isinstance(layer, nn.RNNBase) and not layer.dropout:
                layer.training = True
        self.loss = loss
        self.dtype = dtype
        self.device = device

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return sum(self.sizes)

    def parameters(self, point: Tensor) -> dict[str, Tensor]:
        """Return the module's tensors as views of `point`, shape (n_parameters,), in the module's own order."""
        parts = torch.split(point, self.sizes)
        named = zip(self.names, parts, self.shapes, strict=True)
        return {name: part.view(shape) for name, part, shape in named}

    def own_point(self) -> Tensor:
        """Return the point of the caller's parameters."""
        tensors = dict(self.module.named_parameters())
        return torch.cat([tensors[name].detach().flatten() for name in self.names])

    def random_points(self, seeds: Sequence[int]) -> Tensor:
        """Return points as wide as usual initial weights, that depend on the shapes of the tensors alone."""
        points = np.empty((len(seeds), self.n_parameters), dtype=np.float32)
        for point, seed in zip(points, seeds, strict=True):
            rng, end = np.random.default_rng(seed), 0
            for shape in self.shapes:
                begin, end = end, end + shape.numel()
                width = shape[1:].numel() if len(shape) > 1 else shape.numel()
                point[begin:end] = (2 * rng.random(end - begin, dtype=np.float32) - 1) / math.sqrt(max(width, 1))
        return torch.from_numpy(points).to(self.device, self.dtype)

    def outputs(self, point: Tensor, inputs: Tensor) -> Tensor:
        """Return the outputs at `point`."""
        outputs: Tensor = functional_call(self.module, self.parameters(point), (inputs,))
        return outputs

    def copy_at_start(self, seed: int) -> Tensor:
        """Return the start that layers' ``reset_parameters`` make, on the CPU; raises ValueError if one lacks it."""
        module = copy.deepcopy(self._template)
        # Layers draw from the global generator; it is put back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(seed))
            for name, layer in module.named_modules():
                reset = getattr(layer, "reset_parameters", None)
                own = [key for key, _ in layer.named_parameters(name, recurse=False) if key in self.names]
                if callable(reset):
                    reset()
                elif own:
                    raise ValueError(
                        f"no random start for {', '.join(own)}: {type(layer).__name__} has no "
                        "reset_parameters(); give it one, or start from points of your own"
                    )
        tensors = dict(module.named_parameters())
        return torch.cat([tensors[name].detach().flatten() for name in self.names]).to(self.dtype)


class Evaluator(abc.ABC):
    """Computes energies of one network at many points."""

    @abc.abstractmethod
    def energies(self, points: Tensor, samples: Samples) -> Tensor:
        """Return the mean losses, shape (n_points,) float64; differentiable where `points` require it."""

    @abc.abstractmethod
    def energies_and_gradients(self, points: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
        """Return the mean losses, shape (n_points,), and their gradients, shape (n_points, P)."""


@final
class LoopEvaluator(Evaluator):
    """One point after the other, in micro-batches: best for convolutions and recurrences, and never wrong."""

    def __init__(self, network: Network, loss: KnownLoss | None, *, bytes_per_sample: int, byte_budget: int) -> None:
        heavy = any(isinstance(layer, _HEAVY_LAYERS) for layer in network.module.modules())
        fitting = max(1, byte_budget // max(1, bytes_per_sample))
        self.network = network
        self.loss = loss
        self.micro_batch = min(fitting, _HEAVY_BATCH if heavy else _LIGHT_BATCH)

    def energies(self, points: Tensor, samples: Samples) -> Tensor:
        """Return the mean losses."""
        energies = [points.new_empty(0, dtype=torch.float64)]
        # cuDNN's recurrent layers have no second derivative, which autograd may be asked for here.
        without = points.is_cuda and points.requires_grad and torch.is_grad_enabled()
        with torch.backends.cudnn.flags(enabled=False) if without else contextlib.nullcontext():
            for k, point in enumerate(points):
                own = samples.of_point(k)
                parts = [
                    self._mean_loss(point, batch) * (batch.n_samples / own.n_samples)
                    for batch in own.batches(self.micro_batch)
                ]
                energies.append(torch.stack(parts).sum(0, keepdim=True))
        return torch.cat(energies)

    def energies_and_gradients(self, points: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
        """Return the mean losses and gradients."""
        energies = torch.zeros(len(points), dtype=torch.float64, device=points.device)
        gradients = torch.zeros_like(points)
        for k in range(len(points)):
            own = samples.of_point(k)
            for batch in own.batches(self.micro_batch):
                point = points[k].detach().requires_grad_()
                with torch.enable_grad():
                    part = self._mean_loss(point, batch) * (batch.n_samples / own.n_samples)
                gradients[k] += torch.autograd.grad(part, point)[0]
                energies[k] += part.detach()
        return energies, gradients

    def _mean_loss(self, point: Tensor, samples: Samples) -> Tensor:
        outputs = self.network.outputs(point, samples.inputs)
        if self.loss is not None:
            return self.loss.mean(outputs, samples.targets)
        return self.network.loss(outputs, samples.targets).double()


def activation_bytes(network: Network, samples: Samples) -> int:
    """Return about how many bytes one sample occupies while its gradient is computed."""
    counts = [samples.inputs[0].numel()]

    def count(_layer: nn.Module, _inputs: object, output: object) -> None:
        tensors = output if isinstance(output, tuple) else (output,)
        counts.extend(tensor.numel() for tensor in tensors if isinstance(tensor, Tensor))

    probe = copy.deepcopy(network.module)
    for layer in probe.modules():
        layer.register_forward_hook(count)
    with torch.no_grad():
        probe(samples.inputs[:1])
    # Values and their gradients, and what the operations keep for themselves.
    return math.ceil(3 * sum(counts) * network.dtype.itemsize)


def unit_activations(
    module: nn.Module, parameters: Mapping[str, Tensor], inputs: Tensor, symmetry: UnitSymmetry
) -> dict[str, Tensor]:
    """Return for each group of units what the layer gives that has the units' weights, shape (n_units, n_values).

    That is before any activation that is a layer of its own. Channels of a convolution are units; the last axis of any
    other layer's output (of the first, if it has several) counts them.

    Raises
    ------
    ValueError
        For a group that no layer gives as its output.
    """
    probe, found = copy.deepcopy(module), dict[str, Tensor]()

    def keep(group: str, layer: nn.Module, _inputs: Any, output: Any) -> None:
        values: Tensor = output if isinstance(output, Tensor) else output[0]
        found[group] = values.movedim(1 if isinstance(layer, nn.modules.conv._ConvNd) else -1, 0).flatten(1)

    for group in symmetry.groups:
        probe.get_submodule(_owner(symmetry, group.name)).register_forward_hook(partial(keep, group.name))
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
