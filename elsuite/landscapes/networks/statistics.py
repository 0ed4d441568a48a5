"""Statistics of normalization layers, estimated at each point from the training data (`BatchStatistics`).

A solution is more than its weights: its batch normalization has running averages, and those of another solution, or of
none, give another function. On paths nobody has averaged any. So they are estimated at each point, as work on mode
connectivity does (Garipov et al. 2018, Izmailov et al. 2018): the training data pass once in batches, each layer
normalizes by the statistics of the batch, and their means over the batches are what energies are computed with.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from elsuite.landscapes.networks.network import Network, running_averages
from elsuite.landscapes.networks.samples import AnySamples, Samples

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

    def of_batch(self, tensors: Mapping[str, Tensor], batch: Samples) -> list[Tensor]:
        """Return the statistics of one batch, in the order of `names`."""
        found: dict[str, list[list[Tensor]]] = {}
        hooks = []
        for name, layer in self.layers.items():
            # Named by an argument of its own: a loop's variable would be the last one in every hook.
            def keep(module: nn.Module, inputs: Any, name: str = name) -> None:
                found.setdefault(name, []).append(_moments(module, inputs[0]))

            hooks.append(layer.register_forward_pre_hook(keep))
        try:
            with self.of_batches():
                self.network.outputs(tensors, batch.inputs)
        finally:
            for hook in hooks:
                hook.remove()
        if unused := [name for name in self.layers if name not in found]:
            raise ValueError(
                f"{unused[0]} keeps running averages but is not called; take buffers='frozen', or leave the layer out"
            )
        # A layer that is called several times in a pass has the mean of its statistics.
        calls = (list(zip(*found[name], strict=True)) for name in self.layers)
        return [torch.stack(values).mean(0) if len(values) > 1 else values[0] for kinds in calls for values in kinds]

    def __call__(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the statistics of the training data, by the names of the running averages."""
        total: list[Tensor] = []
        for batch, share in self.batches():
            new = [share * value for value in self.of_batch(tensors, batch)]
            total = [a + b for a, b in zip(total, new, strict=True)] if total else new
        return dict(zip(self.names, total, strict=True))

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
    def of_batches(self) -> Iterator[None]:
        """Let each layer normalize by the statistics of the batch at hand, as in training; nothing is averaged."""
        layers: list[Any] = list(self.layers.values())
        before = [(layer.training, layer.track_running_stats) for layer in layers]
        try:
            for layer in layers:
                layer.training, layer.track_running_stats = True, False
            yield
        finally:
            for layer, (training, tracking) in zip(layers, before, strict=True):
                layer.training, layer.track_running_stats = training, tracking


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
    each = values.transpose(0, 1).flatten(1) if values.ndim > 1 else values[:, None]
    if each.shape[1] < 2:
        raise ValueError("one value for each channel given to a batch normalization; two samples at least are expected")
    variance, mean = torch.var_mean(each, dim=1)
    return [mean, variance]
