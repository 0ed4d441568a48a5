"""Statistics of normalization layers, estimated at each point from the training data (`BatchStatistics`).

A solution is more than its weights: its batch normalization has running averages, and those of another solution, or of
none, give another function. On paths nobody has averaged any. So they are estimated at each point, as work on mode
connectivity does (Garipov et al. 2018, Izmailov et al. 2018): the training data pass once in batches, each layer
normalizes by the statistics of the batch, and their means over the batches are what energies are computed with.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from elsuite.landscapes.networks.network import Network, running_averages
from elsuite.landscapes.networks.samples import AnySamples, Samples, Tree, tensors_in

BATCH: Final = 128
"""Samples of a batch whose statistics are taken, as in the published work; energies depend on it, a little."""


@final
class BatchStatistics:
    r"""The running means and variances of a network's normalization layers as functions of the point.

    .. math:: \mu(w) = \sum_k \frac{n_k}{N} \mu_k(w), \quad \sigma^2(w) = \sum_k \frac{n_k}{N} \sigma^2_k(w)

    over K batches, of which the k-th has every K-th sample from the k-th on: so the order of the data hardly matters.
    Variances are divided by n - 1, as torch's running ones are. Differentiable where the tensors are.
    """

    def __init__(self, network: Network, samples: AnySamples) -> None:
        self.network = network
        self.samples = samples
        self.layers = running_averages(network.module)
        self.n_batches = math.ceil(samples.n_samples / BATCH)

    @property
    def names(self) -> list[str]:
        """The names of the running averages, means and variances in turn."""
        return [_joined(name, kind) for name in self.layers for kind in ("running_mean", "running_var")]

    def batches(self) -> Iterator[tuple[Samples, float]]:
        """Yield the batches, each with its share of the samples."""
        for k in range(self.n_batches):
            batch = self.samples.between(k, self.samples.n_samples, self.n_batches)
            yield batch, batch.n_samples / self.samples.n_samples

    def __call__(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the statistics of the training data, by the names of the running averages."""
        follow = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors.values())
        taken = self._followed if follow or self._called_often else self._taken
        return self.total([taken(tensors, batch) for batch, _ in self.batches()])

    def of_each_batch(self, tensors: Mapping[str, Tensor]) -> list[list[Tensor]]:
        """Return the statistics of each batch, in the order of `names`, without their derivatives."""
        taken = self._followed if self._called_often else self._taken
        return [[value.detach() for value in taken(tensors, batch)] for batch, _ in self.batches()]

    def total(self, of_batches: list[list[Tensor]]) -> dict[str, Tensor]:
        """Return the statistics of all samples by those of the batches."""
        shares = [share for _, share in self._shares()]
        columns = zip(*of_batches, strict=True)
        return {
            name: torch.stack([share * value for share, value in zip(shares, column, strict=True)]).sum(0)
            for name, column in zip(self.names, columns, strict=True)
        }

    def add_gradient(self, at: Tensor, of_batches: list[list[Tensor]], slopes: list[Tensor], gradient: Tensor) -> None:
        """Add the gradient of what has the derivatives `slopes` by the statistics; batch after batch, at one point."""
        for (batch, share), values in zip(self.batches(), of_batches, strict=True):
            point = at.detach().requires_grad_()
            with torch.enable_grad():
                tensors = self.network.parameters(point)
                scaled = [share * slope for slope in slopes]
                if self._called_often:
                    pairs = zip(self._followed(tensors, batch), scaled, strict=True)
                    moved = [pair for pair in pairs if pair[0].requires_grad]
                else:
                    outputs = tensors_in(self._pulled(tensors, batch, values, scaled))
                    moved = [(output, torch.zeros_like(output)) for output in outputs if output.requires_grad]
            # The first layer may normalize the inputs themselves.
            if moved:
                ours, theirs = [value for value, _ in moved], [slope for _, slope in moved]
                gradient += torch.autograd.grad(ours, point, theirs)[0]

    def _shares(self) -> Iterator[tuple[int, float]]:
        """Yield the number of samples of each batch, and its share of all."""
        n = self.samples.n_samples
        for k in range(self.n_batches):
            size = len(range(k, n, self.n_batches))
            yield size, size / n

    @cached_property
    def _called_often(self) -> bool:
        """Whether a layer is called several times in a pass, so that its statistics are means of those of its calls."""
        counts: dict[str, int] = {}

        def count(name: str, _module: nn.Module, _inputs: Any) -> None:
            counts[name] = counts.get(name, 0) + 1

        hooks = [layer.register_forward_pre_hook(partial(count, name)) for name, layer in self.layers.items()]
        try:
            self.network.outputs({}, self.samples.between(0, 2).inputs)
        finally:
            for hook in hooks:
                hook.remove()
        if unused := [name for name in self.layers if name not in counts]:
            raise ValueError(
                f"{unused[0]} keeps running averages but is not called; take buffers='frozen', or leave the layer out"
            )
        return max(counts.values()) > 1

    def _taken(self, tensors: Mapping[str, Tensor], batch: Samples) -> list[Tensor]:
        """Return the statistics of one batch as the layers compute them anyway: averages that follow at once."""
        buffers = {name: torch.zeros_like(self._buffers[name]) for name in self._buffers}
        with self.of_batches(momentum=1.0):
            self.network.outputs({**tensors, **buffers}, batch.inputs)
        return [buffers[name] for name in self.names]

    @cached_property
    def _buffers(self) -> dict[str, Tensor]:
        averages = {*self.names, *(_joined(name, "num_batches_tracked") for name in self.layers)}
        return {name: buffer for name, buffer in self.network.module.named_buffers() if name in averages}

    def _followed(self, tensors: Mapping[str, Tensor], batch: Samples) -> list[Tensor]:
        """Return the statistics of one batch with their derivatives."""
        found: dict[str, list[list[Tensor]]] = {}

        def keep(name: str, module: nn.Module, inputs: Any) -> None:
            found.setdefault(name, []).append(_moments(module, inputs[0]))

        hooks = [layer.register_forward_pre_hook(partial(keep, name)) for name, layer in self.layers.items()]
        try:
            with self.of_batches():
                self.network.outputs(tensors, batch.inputs)
        finally:
            for hook in hooks:
                hook.remove()
        calls = (list(zip(*found[name], strict=True)) for name in self.layers)
        return [torch.stack(values).mean(0) if len(values) > 1 else values[0] for kinds in calls for values in kinds]

    def _pulled(
        self, tensors: Mapping[str, Tensor], batch: Samples, values: list[Tensor], slopes: list[Tensor]
    ) -> Tree:
        """Return the outputs of a batch, with gradients at the layers that come from the statistics there."""
        hooks = []
        for k, layer in enumerate(self.layers.values()):
            pull = partial(_pull, values[2 * k], slopes[2 * k], slopes[2 * k + 1])
            hooks.append(layer.register_forward_pre_hook(pull))
        try:
            with self.of_batches():
                return self.network.outputs(tensors, batch.inputs)
        finally:
            for hook in hooks:
                hook.remove()

    @contextlib.contextmanager
    def applied(self, tensors: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        r"""Yield tensors with which the module computes what it does with these statistics, differentiable by them.

        Torch's normalization has no derivative by its running averages, so they move into the affine map that follows,

        .. math:: \gamma' = \gamma / \sqrt{\sigma^2 + \epsilon}, \quad \beta' = \beta - \mu \gamma'

        with averages 0 and 1. Where a layer has no such map, its inputs are normalized before.
        """
        folded, hooks = dict(tensors), []
        for name, layer in self.layers.items():
            kinds: Any = layer
            mean, variance = (tensors[_joined(name, kind)] for kind in ("running_mean", "running_var"))
            scale = (variance + kinds.eps).rsqrt()
            folded[_joined(name, "running_mean")] = torch.zeros_like(mean)
            folded[_joined(name, "running_var")] = torch.full_like(variance, 1 - kinds.eps)
            if kinds.affine:
                # Frozen ones are not among the tensors of a point.
                weight = tensors.get(_joined(name, "weight"), kinds.weight) * scale
                folded[_joined(name, "weight")] = weight
                folded[_joined(name, "bias")] = tensors.get(_joined(name, "bias"), kinds.bias) - mean * weight
            else:
                hooks.append(layer.register_forward_pre_hook(partial(_normalized, mean, scale)))
        try:
            yield folded
        finally:
            for hook in hooks:
                hook.remove()

    @contextlib.contextmanager
    def of_batches(self, momentum: float | None = None) -> Iterator[None]:
        """Let each layer normalize by the statistics of the batch at hand, as in training.

        Nothing is averaged, but with a momentum, of 1, into buffers that the batch alone is to be in.
        """
        layers: list[Any] = list(self.layers.values())
        before = [(layer.training, layer.track_running_stats, layer.momentum) for layer in layers]
        try:
            for layer in layers:
                layer.training, layer.track_running_stats = True, momentum is not None
                layer.momentum = layer.momentum if momentum is None else momentum
            yield
        finally:
            for layer, was in zip(layers, before, strict=True):
                layer.training, layer.track_running_stats, layer.momentum = was


class _Pull(torch.autograd.Function):
    r"""Nothing forward; backward what comes from the mean and the variance of the values in each channel.

    .. math:: \frac{\partial E}{\partial x} \mathrel{+}= \frac{1}{n} \frac{\partial E}{\partial \mu}
        + \frac{2 (x - \mu)}{n - 1} \frac{\partial E}{\partial \sigma^2}
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, mean: Tensor, by_mean: Tensor, by_variance: Tensor, layer: Any) -> Tensor:
        ctx.save_for_backward(values, mean, by_mean, by_variance)
        ctx.instances = isinstance(layer, nn.modules.instancenorm._InstanceNorm)
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        values, mean, by_mean, by_variance = ctx.saved_tensors
        shape = (-1,) + (1,) * (values.ndim - 2)
        n = values.numel() // values.shape[1]
        if ctx.instances:  # of each instance alone, and averaged over these
            n, mean = n // len(values), values.flatten(2).mean(2).view(*values.shape[:2], *shape[1:])
            slope = 2 / (n - 1) / len(values) * by_variance.view(shape)
            offset = by_mean.view(shape) / n / len(values)
            return gradient + slope * (values - mean) + offset, None, None, None, None
        slope = 2 / (n - 1) * by_variance
        offset = by_mean / n - slope * mean
        return torch.addcmul(gradient + offset.view(shape), values, slope.view(shape)), None, None, None, None


def _pull(mean: Tensor, by_mean: Tensor, by_variance: Tensor, layer: nn.Module, inputs: Any) -> tuple[Tensor]:
    return (_Pull.apply(inputs[0], mean, by_mean, by_variance, layer),)  # type: ignore[no-untyped-call]


def _joined(name: str, kind: str) -> str:
    return f"{name}.{kind}" if name else kind


def _normalized(mean: Tensor, scale: Tensor, _layer: nn.Module, inputs: Any) -> tuple[Tensor]:
    shape = (-1,) + (1,) * (inputs[0].ndim - 2)
    return ((inputs[0] - mean.view(shape)) * scale.view(shape),)


def _moments(layer: nn.Module, values: Tensor) -> list[Tensor]:
    """Return mean and variance of each channel, of instances first where the layer normalizes these."""
    values = values.float() if values.dtype in {torch.float16, torch.bfloat16} else values
    if isinstance(layer, nn.modules.instancenorm._InstanceNorm):
        each = values.flatten(2)
        return [each.mean(2).mean(0), each.var(2).mean(0)]
    variance, mean = torch.var_mean(values, dim=[0, *range(2, values.ndim)])
    return [mean, variance]
