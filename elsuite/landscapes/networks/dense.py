"""Stacks of dense layers at many points at once, forward and backward written down as batched products.

Layouts: activations are (n_points, units, batch), so that the first layer, which all points share when the samples
are common, is one matrix product of all their weights, (n_points * units, inputs) x (inputs, batch), and every
product's result is already in place for the next.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from elsuite.landscapes.networks.architectures import DenseNetwork
from elsuite.landscapes.networks.evaluation import Evaluator
from elsuite.landscapes.networks.losses import KnownLoss
from elsuite.landscapes.networks.network import Network
from elsuite.landscapes.networks.samples import AnySamples, Samples

_aten = torch.ops.aten

# Quickest on 2 cores, for fcp and digits: a chunk of points and a micro-batch that together stay near the cache.
_WORKING_SET: Final = 2**23
_SMALLEST_BATCH: Final = 256


@dataclass(frozen=True)
class _Activation:
    """A function of each unit; with `_`, in place."""

    forward: Callable[[Tensor], Tensor]
    forward_: Callable[[Tensor], Tensor]
    backward_: Callable[[Tensor, Tensor], object]
    """Turns the gradient of the output into that of the input, by the input if it needs that, else the output."""
    needs_input: bool = False


def _softplus_(values: Tensor) -> Tensor:
    result: Tensor = _aten.softplus.out(values, 1, 20, out=values)
    return result


def _softplus_backward_(gradient: Tensor, before: Tensor) -> None:
    _aten.softplus_backward.grad_input(gradient, before, 1, 20, grad_input=gradient)


def _relu_backward_(gradient: Tensor, after: Tensor) -> None:
    _aten.threshold_backward.grad_input(gradient, after, 0, grad_input=gradient)


def _sigmoid_backward_(gradient: Tensor, after: Tensor) -> None:
    _aten.sigmoid_backward.grad_input(gradient, after, grad_input=gradient)


def _tanh_backward_(gradient: Tensor, after: Tensor) -> None:
    _aten.tanh_backward.grad_input(gradient, after, grad_input=gradient)


# Named functions, so that a landscape can be sent to other processes.
_ACTIVATIONS: Final = {
    nn.Softplus: _Activation(functional.softplus, _softplus_, _softplus_backward_, needs_input=True),
    nn.ReLU: _Activation(torch.relu, torch.relu_, _relu_backward_),
    nn.Sigmoid: _Activation(torch.sigmoid, torch.sigmoid_, _sigmoid_backward_),
    nn.Tanh: _Activation(torch.tanh, torch.tanh_, _tanh_backward_),
}


_Tensors = tuple[Tensor, Tensor | None]
"""Weights (n_points, n_out, n_in) and, if there are any, biases (n_points, n_out, 1) of a layer."""


@dataclass(frozen=True)
class DenseLayer:
    """Where the tensors of one layer lie in a point, and what follows it."""

    n_out: int
    n_in: int
    weight: slice
    bias: slice | None
    activation: _Activation | None

    def weights(self, points: Tensor) -> Tensor:
        """Return the weights, shape (n_points, n_out, n_in)."""
        return points[:, self.weight].view(len(points), self.n_out, self.n_in)

    def biases(self, points: Tensor) -> Tensor | None:
        """Return the biases, shape (n_points, n_out, 1), if there are any."""
        return None if self.bias is None else points[:, self.bias, None]


def dense_layers(module: nn.Module, *, flat: bool) -> tuple[DenseLayer, ...] | None:
    """Return the layers of a stack of dense ones that flattens inputs unless they are `flat`, or None for any other."""
    parts = list(_parts(module))
    if any(part is None for part in parts) or len({id(part) for part in parts}) != len(parts):
        return None
    tensors = [tensor for part in parts if part is not None for tensor in part.parameters(recurse=False)]
    # A point has each tensor once, and only those of the layers: no tied weights, none beside them.
    if [id(tensor) for tensor in tensors] != [id(tensor) for tensor in module.parameters()]:
        return None
    layers: list[DenseLayer] = []
    at = 0
    for part in parts:
        if isinstance(part, nn.Flatten):
            flat = True
        elif not flat:
            return None
        elif isinstance(part, nn.Linear):
            weight = slice(at, at + part.weight.numel())
            at = weight.stop + (0 if part.bias is None else part.out_features)
            bias = None if part.bias is None else slice(weight.stop, at)
            layers.append(DenseLayer(part.out_features, part.in_features, weight, bias, None))
        elif layers and layers[-1].activation is None:
            layers[-1] = replace(layers[-1], activation=_ACTIVATIONS[type(part)])
        else:
            return None
    return tuple(layers) or None


def _parts(module: nn.Module | None) -> Iterator[nn.Module | None]:
    """Yield the linear layers, activations and flattenings in order, None for anything that this file does not know."""
    if module is None or module._forward_hooks or module._forward_pre_hooks or module._backward_hooks:
        yield None
    elif "forward" in vars(module):
        yield None  # of this one object
    elif type(module) is nn.Linear:
        yield module
    elif type(module) is nn.Softplus:
        yield module if (module.beta, module.threshold) == (1, 20) else None
    elif type(module) in _ACTIVATIONS:
        yield module
    elif type(module) is nn.Sequential:
        # Not `children()`, which shows a layer that is used twice only once.
        for child in module._modules.values():
            yield from _parts(child)
    elif isinstance(module, DenseNetwork) and type(module).forward is DenseNetwork.forward:
        yield nn.Flatten()
        yield from _parts(module.layers)
    elif type(module) is nn.Flatten and (module.start_dim, module.end_dim) == (1, -1):
        yield module
    else:
        yield None


@final
class DenseEvaluator(Evaluator):
    """All points in chunks, the first layer as one product where samples are common."""

    def __init__(self, network: Network, layers: tuple[DenseLayer, ...], loss: KnownLoss, byte_budget: int) -> None:
        self.layers = layers
        self.loss = loss
        self.byte_budget = byte_budget
        # Values before and after each activation, and their gradients.
        self.bytes_per_sample = 3 * network.dtype.itemsize * sum(layer.n_out for layer in layers)

    def energies(self, points: Tensor, samples: AnySamples) -> Tensor:
        """Return the mean losses."""
        energies = [points.new_empty(0, dtype=torch.float64)]
        for chunk, size in self._chunks(points, samples):
            tensors, own = self._tensors(points[chunk], samples), samples.of_points(chunk)
            sums = []
            for batch in own.batches(size):
                outputs = self._outputs(tensors, batch)
                targets = self.loss.targets_last(batch.targets)
                of_batch = self.loss.sums if outputs.requires_grad else self.loss.sums_
                sums.append(of_batch(outputs, targets))
            energies.append(torch.stack(sums).sum(0))
        return torch.cat(energies) / samples.n_samples

    def energies_and_gradients(self, points: Tensor, samples: AnySamples) -> tuple[Tensor, Tensor]:
        """Return the mean losses and gradients."""
        energies = torch.zeros(len(points), dtype=torch.float64, device=points.device)
        gradients = torch.empty_like(points)
        with torch.no_grad():
            for chunk, size in self._chunks(points, samples):
                tensors, own = self._tensors(points[chunk], samples), samples.of_points(chunk)
                parts: list[Tensor] = []
                # Of a long point the largest parts are made where they belong, and not copied.
                long = len(gradients[chunk]) == 1 and points.shape[1] * points.element_size() > _WORKING_SET
                for batch in own.batches(size):
                    into = [layer.weights(gradients[chunk]) for layer in self.layers] if long and not parts else None
                    values = _first(*tensors[0], batch)
                    sums, signal, more = self._pass_(tensors, values, batch, 1 / own.n_samples, into)
                    more = [_first_gradient(signal, batch), *more]
                    energies[chunk] += sums
                    parts = [total.add_(new) for total, new in zip(parts, more, strict=True)] if parts else more
                if not long:
                    torch.cat(parts, 1, out=gradients[chunk])
                    continue
                places = torch.split(gradients[chunk], [part.shape[1] for part in parts], 1)
                for place, part in zip(places, parts, strict=True):
                    if place.data_ptr() != part.data_ptr():
                        place.copy_(part)
        return energies / samples.n_samples, gradients

    def _chunks(self, points: Tensor, samples: AnySamples) -> Iterator[tuple[slice, int]]:
        """Yield chunks of points, each with the size of its micro-batches."""
        n_points, n_samples = len(points), samples.n_samples
        budget = self.byte_budget
        if points.device.type == "cpu":
            # Weights that are larger than the cache are read anew for each micro-batch, which has to be worth it.
            budget = min(budget, max(_WORKING_SET, points.shape[1] * points.element_size()))
            n_points = 1 if budget > _WORKING_SET else n_points
        cells = max(1, budget // self.bytes_per_sample)
        per_chunk = min(n_points, max(1, cells // min(n_samples, _SMALLEST_BATCH)))
        n_batches = math.ceil(n_samples * max(1, per_chunk) / cells)
        size = max(1, math.ceil(n_samples / n_batches))
        for start in range(0, len(points), max(1, per_chunk)):
            yield slice(start, start + per_chunk), size

    def _tensors(self, points: Tensor, samples: AnySamples) -> list[_Tensors]:
        tensors = self._views(points)
        if not samples.own:
            # For one product of all points; made here, once for all micro-batches.
            tensors[0] = (tensors[0][0].contiguous(), tensors[0][1])
        return tensors

    def _views(self, points: Tensor) -> list[_Tensors]:
        return [(layer.weights(points), layer.biases(points)) for layer in self.layers]

    def _outputs(self, tensors: list[_Tensors], batch: Samples) -> Tensor:
        """Return the outputs, shape (n_points, n_outputs, batch), differentiable by autograd."""
        values = _first(*tensors[0], batch)
        for i, layer in enumerate(self.layers):
            if i:
                values = _product(*tensors[i], values)
            if layer.activation:
                needed = values.requires_grad
                values = layer.activation.forward(values) if needed else layer.activation.forward_(values)
        return values

    def combined_gradients(
        self, weights: Tensor, spanning: Tensor, combination: Tensor, samples: AnySamples
    ) -> tuple[Tensor, Tensor]:
        r"""Return the mean losses at the points W S, and C^T G for their gradients G.

        The first layer's products with the data are linear in its weights: for points :math:`\sum_k W_{mk} s_k` they
        are :math:`\sum_k W_{mk} (X s_k)`, and backwards the signals are combined before they meet the data. So they
        are made for the few spanning points only, however many points there are. Samples are common to all points.
        """
        with torch.no_grad():
            # The first layer's weights stay as they are in memory: writing them would take a twentieth of a step.
            after = self.layers[0].weight.stop
            points = weights.new_empty(len(weights), spanning.shape[1])
            points[:, after:] = weights @ spanning[:, after:]
            tensors = self._views(points)
            # Micro-batches for all points at once; whole vectors are an eighth quicker.
            values_of_sample = len(weights) * self.bytes_per_sample + 2 * len(spanning) * self.layers[0].n_out * 4
            size = 64 * math.ceil(_WORKING_SET / values_of_sample / 64)
            few = self.layers[0].weights(spanning).flatten(0, 1)
            sums = torch.zeros(len(weights), dtype=torch.float64, device=weights.device)
            parts: list[Tensor] = []
            for batch in samples.batches(size):
                values = (weights @ (few @ batch.inputs.flatten(1).T).view(len(spanning), -1)).view(
                    len(weights), self.layers[0].n_out, -1
                )
                if tensors[0][1] is not None:
                    values += tensors[0][1]
                part, signal, more = self._pass_(tensors, values, batch, 1 / samples.n_samples)
                combined = (combination.T @ signal.flatten(1)).view(-1, *signal.shape[1:])
                more = [_first_gradient(combined, batch), *more]
                sums += part
                parts = [total.add_(new) for total, new in zip(parts, more, strict=True)] if parts else more
            gradients = torch.cat([parts[0], *(combination.T @ part for part in parts[1:])], 1)
        return sums / samples.n_samples, gradients

    def _pass_(
        self, tensors: list[_Tensors], values: Tensor, batch: Samples, weight: float, into: list[Tensor] | None = None
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return the losses' sums, the gradient of the first `values`, and its parts but for that layer's weights.

        Those of other layers' weights are written `into` tensors where such are given.
        """
        kept, outputs = [], []  # what each activation's gradient is computed from, and what each layer gives
        for i, layer in enumerate(self.layers):
            if i:
                values = _product(*tensors[i], values)
            before = values
            if layer.activation:
                needed = layer.activation.needs_input
                values = layer.activation.forward(values) if needed else layer.activation.forward_(values)
            kept.append(before)
            outputs.append(values)
        keep = self.layers[-1].activation is not None
        targets = self.loss.targets_last(batch.targets)
        sums, gradient = self.loss.sums_and_gradient(outputs[-1], targets, weight=weight, keep=keep)
        parts: list[Tensor] = []
        for i in reversed(range(len(self.layers))):
            layer = self.layers[i]
            if layer.activation:
                layer.activation.backward_(gradient, kept[i])
            if layer.bias:
                parts.append(gradient.sum(-1))
            if i:
                before = outputs[i - 1].transpose(1, 2)
                made = torch.bmm(gradient, before) if into is None else torch.bmm(gradient, before, out=into[i])
                parts.append(made.flatten(1))
                gradient = torch.bmm(tensors[i][0].transpose(1, 2), gradient)
        return sums, gradient, parts[::-1]


def _first(weights: Tensor, biases: Tensor | None, batch: Samples) -> Tensor:
    """Return the values of the first layer before its activation, (n_points, n_out, batch)."""
    if batch.own:
        return _product(weights, biases, batch.inputs.flatten(2).transpose(1, 2))
    values: Tensor = (weights.flatten(0, 1) @ batch.inputs.flatten(1).T).view(*weights.shape[:2], -1)
    return values if biases is None else values.add_(biases)


def _first_gradient(signal: Tensor, batch: Samples) -> Tensor:
    """Return the gradient of the first layer's weights, (n_points, n_out * n_in), from that of its values."""
    if batch.own:
        return torch.bmm(signal, batch.inputs.flatten(2)).flatten(1)
    gradient: Tensor = (signal.flatten(0, 1) @ batch.inputs.flatten(1)).view(len(signal), -1)
    return gradient


def _product(weights: Tensor, biases: Tensor | None, values: Tensor) -> Tensor:
    return torch.bmm(weights, values) if biases is None else torch.baddbmm(biases, weights, values)
