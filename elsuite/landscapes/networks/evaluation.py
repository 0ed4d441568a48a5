"""How a network is evaluated at many points: what is common, the loop for any module, and what hidden units give."""

import abc
import contextlib
import copy
import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from elsuite.landscapes.networks.network import Network
from elsuite.landscapes.networks.objective import Objective
from elsuite.landscapes.networks.samples import AnySamples, Samples, Tree, arguments_of, call, mapped, tensors_in
from elsuite.landscapes.networks.statistics import BATCH, BatchStatistics, OfBatch
from elsuite.symmetry.activations import traced_activations
from elsuite.symmetry.units import UnitSymmetry

# Best on 2 cores for convolutions and recurrences: larger batches fall out of the cache.
_HEAVY_LAYERS = (nn.modules.conv._ConvNd, nn.RNNBase, nn.RNNCellBase)
_HEAVY_BATCH = 512
_LIGHT_BATCH = 8192


class Evaluator(abc.ABC):
    """Computes energies of one network at many points."""

    @abc.abstractmethod
    def energies(self, points: Tensor, samples: AnySamples) -> Tensor:
        """Return the mean losses, shape (n_points,) float64; differentiable where `points` require it."""

    @abc.abstractmethod
    def energies_and_gradients(self, points: Tensor, samples: AnySamples) -> tuple[Tensor, Tensor]:
        """Return the mean losses, shape (n_points,), and their gradients, shape (n_points, P)."""


@final
class LoopEvaluator(Evaluator):
    """One point after the other, in micro-batches: best for convolutions and recurrences, and never wrong.

    Parameters
    ----------
    statistics : BatchStatistics, optional
        Estimated anew at each point; its derivatives are part of the gradient.
    in_training : bool
        Whether layers normalize by the statistics of the samples at hand instead, as minibatches do in training.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        statistics: BatchStatistics | None = None,
        *,
        bytes_per_sample: int,
        byte_budget: int,
        in_training: bool = False,
    ) -> None:
        heavy = any(isinstance(layer, _HEAVY_LAYERS) for layer in network.module.modules())
        fitting = max(1, byte_budget // max(1, bytes_per_sample))
        on_cpu = network.device.type == "cpu"
        self.network = network
        self.objective = objective
        self.statistics = statistics
        self.micro_batch = min(fitting, _HEAVY_BATCH if heavy and on_cpu else _LIGHT_BATCH)
        self.in_training = in_training and statistics is not None

    def as_in_training(self) -> "LoopEvaluator":
        """Return the evaluator of minibatches."""
        if self.statistics is None:
            return self
        shown = copy.copy(self)
        shown.in_training = True
        return shown

    def _for(self, samples: AnySamples) -> "LoopEvaluator":
        """Return the evaluator for some samples: one alone has no statistics."""
        if not self.in_training or samples.n_samples > 1:
            return self
        shown = copy.copy(self)
        shown.in_training = False
        return shown

    def energies(self, points: Tensor, samples: AnySamples) -> Tensor:
        """Return the mean losses."""
        if (other := self._for(samples)) is not self:
            return other.energies(points, samples)
        energies = [points.new_empty(0, dtype=torch.float64)]
        # cuDNN's recurrent layers have no second derivative, which autograd may be asked for here.
        without = points.is_cuda and points.requires_grad and torch.is_grad_enabled()
        with torch.backends.cudnn.flags(enabled=False) if without else contextlib.nullcontext():
            for k, point in enumerate(points):
                own, tensors = samples.of_point(k), self.tensors(point)
                parts = [self._term(tensors, batch, own) for batch in self._batches(own)]
                energies.append(torch.stack(parts).sum(0, keepdim=True))
        together = torch.cat(energies)
        # A module with derivatives inside has a graph where nobody asked for one.
        return together if points.requires_grad else together.detach()

    def energies_and_gradients(self, points: Tensor, samples: AnySamples) -> tuple[Tensor, Tensor]:
        """Return the mean losses and gradients."""
        if (other := self._for(samples)) is not self:
            return other.energies_and_gradients(points, samples)
        energies = torch.zeros(len(points), dtype=torch.float64, device=points.device)
        gradients = torch.zeros_like(points)
        for k in range(len(points)):
            own, at = samples.of_point(k), points[k].detach()
            of_batches, estimated = list[OfBatch](), dict[str, Tensor]()
            if self.statistics is not None and not self.in_training:
                of_batches = self.statistics.of_each_batch(self.network.parameters(at))
                estimated = {n: v.requires_grad_() for n, v in self.statistics.total(of_batches).items()}
            slopes = [torch.zeros_like(value) for value in estimated.values()]
            # Derivatives by each tensor, added where they belong: by the point as a whole they would be copied twice.
            places, values = self.network.parameters(gradients[k]), self.network.parameters(at)
            trained = self.network.names[: self.network.n_trained]
            for batch in self._batches(own):
                tensors = {name: values[name].detach().requires_grad_() for name in trained}
                with torch.enable_grad():
                    part = self._term(values | tensors | estimated, batch, own)
                asked = [*tensors.values(), *estimated.values()]
                found = torch.autograd.grad(part, asked, allow_unused=True, materialize_grads=True)
                for name, slope in zip(trained, found, strict=False):
                    places[name].add_(slope)
                others = found[len(tensors) :]
                energies[k] += part.detach().to(energies)
                slopes = [a.add_(b) for a, b in zip(slopes, others, strict=True)]
            if self.statistics is not None and slopes:
                by_name = dict(zip(estimated, slopes, strict=True))
                self.statistics.add_gradient(at, of_batches, by_name, gradients[k])
        return energies, gradients

    def outputs(self, point: Tensor, samples: AnySamples) -> Iterator[tuple[Samples, Tree]]:
        """Yield the samples in micro-batches, each with the outputs at one point."""
        tensors = self.tensors(point)
        for batch in self._batches(samples):
            yield batch, self._outputs(tensors, batch)

    def tensors(self, point: Tensor) -> dict[str, Tensor]:
        """Return all tensors that belong to a point, with the statistics where they are estimated."""
        tensors = self.network.parameters(point)
        if self.statistics is None or self.in_training:
            return tensors
        return tensors | self.statistics(tensors)

    def _batches(self, samples: AnySamples) -> Iterator[Samples]:
        size = self.micro_batch
        if self.in_training:  # of equal sizes: what layers normalize by depends on them
            size = math.ceil(samples.n_samples / math.ceil(samples.n_samples / BATCH))
        return samples.batches(size)

    def _term(self, tensors: dict[str, Tensor], batch: Samples, of: AnySamples) -> Tensor:
        return self.objective.term(self._outputs(tensors, batch), batch, of)

    def _outputs(self, tensors: dict[str, Tensor], batch: Samples) -> Tree:
        cast = (
            contextlib.nullcontext()
            if self.objective.autocast is None
            else torch.autocast(self.network.device.type, dtype=self.objective.autocast)
        )
        with cast:
            if self.statistics is None:
                outputs = self.network.outputs(tensors, batch.inputs)
            elif self.in_training:
                outputs = self.statistics.outputs_in_training(tensors, batch.inputs)
            else:
                outputs = self.statistics.outputs_with(tensors, batch.inputs)
        narrow = {torch.float16, torch.bfloat16}
        return mapped(lambda t: t.float() if t.dtype in narrow else t, outputs) if self.objective.autocast else outputs


def activation_bytes(network: Network, samples: AnySamples) -> int:
    """Return about how many bytes one sample occupies while its gradient is computed."""
    one = samples.between(0, 1)
    counts = [tensor.numel() for tensor in tensors_in(one.inputs)]

    def count(_layer: nn.Module, _inputs: object, output: object) -> None:
        counts.extend(tensor.numel() for tensor in tensors_in(output))

    probe = copy.deepcopy(network.module)
    for layer in probe.modules():
        layer.register_forward_hook(count)
    call(probe, one.inputs)
    # Values and their gradients, and what the operations keep for themselves.
    return math.ceil(3 * sum(counts) * network.dtype.itemsize)


def unit_activations(
    module: nn.Module, tensors: Mapping[str, Tensor], inputs: Tree, symmetry: UnitSymmetry
) -> dict[str, Tensor]:
    """Return for each group of units what the layer gives that has the units' weights, shape (n_units, n_values).

    That is before any activation that is a layer of its own. Channels of a convolution are units; the last axis of any
    other layer's output (of the first, if it has several) counts them. Of units that were found by following the
    module's operations it is what `traced_activations` says.

    Raises
    ------
    ValueError
        For a group that no layer gives as its output.
    """
    if symmetry.traced:
        return traced_activations(module, tensors, inputs, symmetry)
    probe, found = copy.deepcopy(module), dict[str, Tensor]()

    def keep(group: str, layer: nn.Module, _inputs: Any, output: Any) -> None:
        values: Tensor = output if isinstance(output, Tensor) else output[0]
        found[group] = values.movedim(1 if isinstance(layer, nn.modules.conv._ConvNd) else -1, 0).flatten(1)

    for group in symmetry.groups:
        probe.get_submodule(_owner(symmetry, group.name)).register_forward_hook(partial(keep, group.name))
    functional_call(probe, dict(tensors), *arguments_of(inputs))
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
