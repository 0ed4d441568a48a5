"""Statistics of normalizations, estimated at each point from the training data (`BatchStatistics`).

A solution is more than its weights: its batch normalization has running averages, and those of another solution, or of
none, give another function. On paths nobody has averaged any. So they are estimated at each point, as work on mode
connectivity does (Garipov et al. 2018, Izmailov et al. 2018): the training data pass once in batches, each
normalization takes the statistics of the batch, and their means over the batches are what energies are computed with.
What normalizes is not a kind of layer, but each call of torch's `batch_norm` or `instance_norm` with a layer's running
averages.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from elsuite.landscapes.networks.network import Network, running_averages
from elsuite.landscapes.networks.samples import AnySamples, Samples, Tree, tensors_in

BATCH: Final = 128
"""Samples of a batch whose statistics are taken, as in the published work; energies depend on it, a little."""

OfBatch = dict[str, list[tuple[Tensor, Tensor]]]
"""Mean and variance at each call of the normalizations in one batch, by the names of their layers."""

_KINDS: Final = {name: inspect.signature(name) for name in (functional.batch_norm, functional.instance_norm)}


@final
class BatchStatistics:
    r"""The running means and variances of a network's normalizations as functions of the point.

    .. math:: \mu(w) = \sum_k \frac{n_k}{N} \mu_k(w), \quad \sigma^2(w) = \sum_k \frac{n_k}{N} \sigma^2_k(w)

    over K batches, of which the k-th has every K-th sample from the k-th on: so the order of the data hardly matters.
    Variances are divided by n - 1, as torch's running ones are; of a layer that is called several times in a pass, its
    statistics are the means over its calls. Differentiable where the tensors are.
    """

    def __init__(self, network: Network, samples: AnySamples) -> None:
        self.network = network
        self.samples = samples
        self.layers = tuple(running_averages(network.module))
        self.n_batches = math.ceil(samples.n_samples / BATCH)

    def batches(self) -> Iterator[tuple[Samples, float]]:
        """Yield the batches, each with its share of the samples."""
        for k in range(self.n_batches):
            batch = self.samples.between(k, self.samples.n_samples, self.n_batches)
            yield batch, batch.n_samples / self.samples.n_samples

    def __call__(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the statistics of the training data, by the names of the running averages."""
        return self.total(self.of_each_batch(tensors))

    def of_each_batch(self, tensors: Mapping[str, Tensor]) -> list[OfBatch]:
        """Return the statistics of each batch; with their derivatives where the tensors have them."""
        follow = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors.values())
        taken = []
        for batch, _ in self.batches():
            found: OfBatch = {}
            self._run(tensors, batch, partial(_following if follow else _taking, found))
            taken.append(found)
        return taken

    def total(self, of_batches: list[OfBatch]) -> dict[str, Tensor]:
        """Return the statistics of all samples by those of the batches; layers that are not called have none."""
        n = self.samples.n_samples
        shares = [len(range(k, n, self.n_batches)) / n for k in range(self.n_batches)]
        found = {}
        for name in self.layers:
            for place, kind in enumerate(("running_mean", "running_var")):
                if calls := [
                    torch.stack([c[place] for c in batch[name]]).mean(0) for batch in of_batches if name in batch
                ]:
                    parts = [share * value for share, value in zip(shares, calls, strict=True)]
                    found[_joined(name, kind)] = torch.stack(parts).sum(0)
        return found

    def add_gradient(
        self, at: Tensor, of_batches: list[OfBatch], slopes: Mapping[str, Tensor], gradient: Tensor
    ) -> None:
        """Add the gradient of what has the derivatives `slopes` by the statistics; batch after batch, at one point."""
        for (batch, share), taken in zip(self.batches(), of_batches, strict=True):
            point = at.detach().requires_grad_()
            scaled = {name: share * slope for name, slope in slopes.items()}
            waiting = {name: iter(calls) for name, calls in taken.items()}
            with torch.enable_grad():
                tensors = self.network.parameters(point)
                counts = {name: len(calls) for name, calls in taken.items()}
                outputs = tensors_in(self._run(tensors, batch, partial(_pulling, scaled, waiting, counts)))
            ours = [output for output in outputs if output.requires_grad]
            if ours:
                gradient += torch.autograd.grad(ours, point, [torch.zeros_like(output) for output in ours])[0]

    def outputs_with(self, tensors: Mapping[str, Tensor], inputs: Tree) -> Any:
        """Return the outputs of the module with the statistics that are among the tensors, differentiable by them."""
        names = {id(tensors[_joined(name, "running_mean")]): name for name in self.layers if self._there(name, tensors)}
        with _Calls(names, _applying):
            return self.network.outputs(tensors, inputs)

    def outputs_in_training(self, tensors: Mapping[str, Tensor], inputs: Tree) -> Any:
        """Return the outputs of the module with each normalization by the statistics of these inputs."""
        return self._run(tensors, Samples(inputs, None), _normalizing)

    @staticmethod
    def _there(name: str, tensors: Mapping[str, Tensor]) -> bool:
        return _joined(name, "running_mean") in tensors

    def _run(self, tensors: Mapping[str, Tensor], batch: Samples, handle: "Handle") -> Any:
        """Return the outputs of a batch, each normalization as `handle` does it."""
        own = dict(self.network.module.named_buffers())
        # Tensors of their own, by which the calls are known.
        places = {name: torch.empty_like(own[_joined(name, "running_mean")]) for name in self.layers}
        means = {_joined(name, "running_mean"): place for name, place in places.items()}
        with _Calls({id(place): name for name, place in places.items()}, handle):
            return self.network.outputs({**tensors, **means}, batch.inputs)


Handle = Callable[[str, Any, dict[str, Any]], Tensor]
"""What is done at a call: the layer's name, torch's function, and its arguments by their names."""


class _Calls(TorchFunctionMode):
    """While it is entered, the normalizations that use certain running means are done by `handle`."""

    def __init__(self, names: Mapping[int, str], handle: Handle) -> None:
        super().__init__()
        self._names, self._handle = names, handle

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _KINDS:
            bound = _KINDS[func].bind(*args, **(kwargs or {}))
            bound.apply_defaults()
            given = dict(bound.arguments)
            name = self._names.get(id(given["running_mean"]))
            if name is not None:
                return self._handle(name, func, given)
        return func(*args, **(kwargs or {}))


def _in_training(func: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with which a normalization is by what it is given, into averages that follow at once."""
    values = given["input"]
    buffers = {name: values.new_zeros(values.shape[1]) for name in ("running_mean", "running_var")}
    if values.dtype in {torch.float16, torch.bfloat16}:
        buffers = {name: buffer.float() for name, buffer in buffers.items()}
    flag = "training" if func is functional.batch_norm else "use_input_stats"
    return {**given, **buffers, flag: True, "momentum": 1.0}


def _normalizing(_name: str, func: Any, given: dict[str, Any]) -> Tensor:
    normalized: Tensor = func(**_in_training(func, given))
    return normalized


def _taking(found: OfBatch, name: str, func: Any, given: dict[str, Any]) -> Tensor:
    """Note the statistics as torch computes them anyway."""
    arguments = _in_training(func, given)
    normalized: Tensor = func(**arguments)
    found.setdefault(name, []).append((arguments["running_mean"].detach(), arguments["running_var"].detach()))
    return normalized


def _following(found: OfBatch, name: str, func: Any, given: dict[str, Any]) -> Tensor:
    """Note the statistics with their derivatives."""
    values = given["input"].float() if given["input"].dtype in {torch.float16, torch.bfloat16} else given["input"]
    if func is functional.instance_norm:
        each = values.flatten(2)
        mean, variance = each.mean(2).mean(0), each.var(2).mean(0)
    else:
        variance, mean = torch.var_mean(values, dim=[0, *range(2, values.ndim)])
    found.setdefault(name, []).append((mean, variance))
    return _normalizing(name, func, given)


def _pulling(
    slopes: Mapping[str, Tensor],
    waiting: Mapping[str, Iterator[tuple[Tensor, Tensor]]],
    counts: Mapping[str, int],
    name: str,
    func: Any,
    given: dict[str, Any],
) -> Tensor:
    """Let gradients that come from the statistics act on what is normalized."""
    mean = next(waiting[name])[0]
    by_mean, by_variance = (slopes[_joined(name, kind)] / counts[name] for kind in ("running_mean", "running_var"))
    instances = func is functional.instance_norm
    pulled = _Pull.apply(given["input"], mean, by_mean, by_variance, instances)  # type: ignore[no-untyped-call]
    return _normalizing(name, func, {**given, "input": pulled})


def _applying(_name: str, func: Any, given: dict[str, Any]) -> Tensor:
    r"""Normalize by running averages, differentiable by them, as torch's kernel is not: they move into the affine map.

    .. math:: \gamma' = \gamma / \sqrt{\sigma^2 + \epsilon}, \quad \beta' = \beta - \mu \gamma'
    """
    mean, variance, eps = given["running_mean"], given["running_var"], given["eps"]
    scale = (variance + eps).rsqrt()
    weight = scale if given["weight"] is None else given["weight"] * scale
    bias = -mean * weight if given["bias"] is None else given["bias"] - mean * weight
    none, one = torch.zeros_like(mean), torch.full_like(variance, 1 - eps)
    moved = {"running_mean": none.detach(), "running_var": one.detach(), "weight": weight, "bias": bias}
    normalized: Tensor = func(**{**given, **moved})
    return normalized


class _Pull(torch.autograd.Function):
    r"""Nothing forward; backward what comes from the mean and the variance of the values in each channel.

    .. math:: \frac{\partial E}{\partial x} \mathrel{+}= \frac{1}{n} \frac{\partial E}{\partial \mu}
        + \frac{2 (x - \mu)}{n - 1} \frac{\partial E}{\partial \sigma^2}
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, mean: Tensor, by_mean: Tensor, by_variance: Tensor, of_each: bool) -> Tensor:
        ctx.save_for_backward(values, mean, by_mean, by_variance)
        ctx.of_each = of_each
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        values, mean, by_mean, by_variance = ctx.saved_tensors
        shape = (-1,) + (1,) * (values.ndim - 2)
        n = values.numel() // values.shape[1]
        if ctx.of_each:  # of each instance alone, and averaged over these
            n, mean = n // len(values), values.flatten(2).mean(2).view(*values.shape[:2], *shape[1:])
            slope = 2 / (n - 1) / len(values) * by_variance.view(shape)
            offset = by_mean.view(shape) / n / len(values)
            return gradient + slope * (values - mean) + offset, None, None, None, None
        slope = 2 / (n - 1) * by_variance
        offset = by_mean / n - slope * mean
        return torch.addcmul(gradient + offset.view(shape), values, slope.view(shape)), None, None, None, None


def _joined(name: str, kind: str) -> str:
    return f"{name}.{kind}" if name else kind
