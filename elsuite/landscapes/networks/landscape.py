"""The loss of a neural network on data as a landscape."""

import copy
import inspect
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, Self, final

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from elsuite.core.identity import checksum, plain_settings
from elsuite.datasets.load import DataSet
from elsuite.landscapes.base import PROBE_SEEDS, DataLandscape, Landscape, points_at_once
from elsuite.landscapes.conversion import to_tensor
from elsuite.landscapes.networks.architectures import ARCHITECTURES
from elsuite.landscapes.networks.checks import check_function
from elsuite.landscapes.networks.dense import DenseEvaluator, dense_layers
from elsuite.landscapes.networks.evaluation import (
    Evaluator,
    LoopEvaluator,
    Network,
    Samples,
    activation_bytes,
    as_dtype,
    unit_activations,
)
from elsuite.landscapes.networks.losses import CrossEntropy, KnownLoss, LossFunction, MeanSquaredError
from elsuite.symmetry.modules import symmetry_of
from elsuite.symmetry.units import UnitSymmetry

_NAMED = (CrossEntropy, MeanSquaredError)

Device = Literal["auto", "cpu", "cuda"]


@final
class NeuralLandscape(DataLandscape):
    """The mean loss of a module over data, as a function of its parameters.

    A point is the concatenation of the module's flattened tensors in the module's own order. Tensors that do
    not require gradients and all buffers (running averages of a batch normalization, say) are frozen at the
    caller's values; the caller's module is copied and never changed. The surfaces are ``"train"`` and, with
    `test`, ``"test"``.

    Parameters
    ----------
    loss : callable
        ``loss(outputs, targets)``, the mean over samples, such as ``torch.nn.CrossEntropyLoss()``.
    inputs, targets : array_like (n_samples, ...)
        The training data; whole numbers stay whole, others take the landscape's dtype. They are not copied
        where their type fits.
    test : (array_like, array_like), optional
        Inputs and targets of the surface ``"test"``.
    byte_budget : int
        About how much memory one evaluation may take.

    Raises
    ------
    ValueError
        For inputs and targets of different numbers, a module that is not a function of its parameters and one
        sample (active dropout, batch normalization in training mode), or a loss that is no mean over samples.

    Examples
    --------
    >>> inputs, targets = torch.rand(20, 3), torch.arange(20) % 2
    >>> landscape = NeuralLandscape(nn.Linear(3, 2), nn.CrossEntropyLoss(), inputs, targets)
    >>> landscape.n_parameters, landscape.energy(torch.zeros(1, 8)).item()
    (8, 0.693147...)
    """

    def __init__(
        self,
        module: nn.Module,
        loss: LossFunction,
        inputs: ArrayLike | Tensor,
        targets: ArrayLike | Tensor,
        *,
        test: tuple[ArrayLike | Tensor, ArrayLike | Tensor] | None = None,
        byte_budget: int = 2**30,
        device: Device = "auto",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if dtype not in {torch.float32, torch.float64}:
            raise ValueError(f"dtype {dtype} given; torch.float32 or torch.float64 is expected")
        self.dtype = dtype
        self.byte_budget = byte_budget
        self.device = _device(device)
        given = {"train": (inputs, targets)} | ({} if test is None else {"test": test})
        self._samples = {name: self._as_samples(name, *pair) for name, pair in given.items()}
        self._network = Network(module, loss, dtype=self.dtype, device=self.device)
        self._loss = check_function(self._network, self._samples)
        self._evaluator = _evaluator(self._network, self._loss, self._samples, byte_budget)
        self.n_parameters = self._network.n_parameters
        self.symmetry: UnitSymmetry = symmetry_of(self._network.module, self._network.names)
        self.surfaces = tuple(self._samples)
        self.surface = "train"
        # Of a loss of the caller's own nothing is known.
        self.energy_floor = None if self._loss is None else self._loss.floor

    @property
    def n_samples(self) -> int:  # type: ignore[override]
        """Number of samples of the surface shown."""
        return self._samples[self.surface].n_samples

    def energy(self, points: Tensor) -> Tensor:
        """Return the mean losses, shape (n_points,) float64, differentiable where `points` require it."""
        return self._evaluator.energies(self._checked(points), self._samples[self.surface])

    def energy_and_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean losses, shape (n_points,), and gradients, shape (n_points, P)."""
        return self._evaluator.energies_and_gradients(self._checked(points), self._samples[self.surface])

    def combined_gradients(self, weights: Tensor, spanning: Tensor, combination: Tensor) -> tuple[Tensor, Tensor]:
        """See `Landscape`; stacks of dense layers use that the first layer is linear where that saves work."""
        samples = self._samples[self.surface]
        few = points_at_once(self, vectors=2) >= len(weights) > 2 * len(spanning)
        if isinstance(self._evaluator, DenseEvaluator) and few:
            return self._evaluator.combined_gradients(weights, self._checked(spanning), combination, samples)
        return super().combined_gradients(weights, spanning, combination)

    def on(self, surface: str) -> Self:
        """Return this landscape showing `surface`."""
        if surface not in self.surfaces:
            raise ValueError(f"no surface {surface!r}; this landscape has {', '.join(map(repr, self.surfaces))}")
        shown = copy.copy(self)
        shown.surface = surface
        return shown

    def initial_points(self, seeds: Sequence[int]) -> Tensor:
        """Return the module's own random initialization under each seed, shape (n_seeds, P)."""
        starts = [self._network.copy_at_start(seed) for seed in seeds]
        empty = torch.empty(0, self.n_parameters, dtype=self.dtype)
        return (torch.stack(starts) if starts else empty).to(self.device)

    @cached_property
    def length_scale(self) -> float:
        """The norm of a random start of layers as torch makes them, uniform within one over the root of the fan-in."""
        total, fan_in = 0.0, 1
        for shape in self._network.shapes:
            # A tensor of one axis, a bias, comes after the weights of its layer and is drawn as they are.
            fan_in = shape[1:].numel() if len(shape) > 1 else fan_in
            total += shape.numel() / (3 * max(1, fan_in))
        return math.sqrt(total) or 1.0

    def declared(self) -> dict[str, Any]:
        """Return layers, tensors and loss by their names, and checksums of the data and of what is frozen."""
        module, loss = self._network.module, self._network.loss
        trained = set(self._network.names)
        tensors = [*module.named_parameters(), *module.named_buffers()]
        frozen = [tensor.cpu().numpy() for name, tensor in tensors if name not in trained]
        return {
            "kind": "network",
            "layers": [type(layer).__name__ for layer in module.modules()],
            "tensors": {n: list(s) for n, s in zip(self._network.names, self._network.shapes, strict=True)},
            # What has an accurate form since version 0.1 is named as before.
            "loss": type(self._loss).__name__ if isinstance(self._loss, _NAMED) else plain_settings(loss),
            "frozen": checksum(*frozen) if frozen else None,
            "dtype": str(self.dtype).removeprefix("torch."),
            "data": {
                name: checksum(samples.inputs.cpu().numpy(), samples.targets.cpu().numpy())
                for name, samples in self._samples.items()
            },
        }

    def probe_points(self) -> Tensor:
        """Return three points as wide as usual initial weights, that depend on the shapes of the tensors alone."""
        return self._network.random_points(PROBE_SEEDS)

    def minibatch(self, indices: Tensor) -> "MinibatchLandscape":
        """Return the landscape of the mean over some samples of the surface shown."""
        indices = to_tensor(indices, device=self.device)
        if indices.ndim not in {1, 2} or indices.shape[-1] == 0:
            raise ValueError(
                f"indices of shape {tuple(indices.shape)} given; (batch,) or (n_points, batch) is expected"
            )
        whole = self._samples[self.surface]
        part = Samples(_rows(whole.inputs, indices), _rows(whole.targets, indices), own=indices.ndim == 2)
        return MinibatchLandscape(self, self._evaluator, part)

    def parameters(self, point: Tensor) -> dict[str, Tensor]:
        """Return one point, shape (P,), as the module's named tensors (a ``state_dict`` without buffers)."""
        return self._network.parameters(self._checked(to_tensor(point)[None])[0])

    def unit_activations(self, point: Tensor, *, n_samples: int = 1024) -> dict[str, Tensor]:
        """Return for each group of units what they give on the first samples, shape (n_units, n_values)."""
        inputs = self._samples[self.surface].inputs[:n_samples]
        return unit_activations(self._network.module, self.parameters(point), inputs, self.symmetry)

    def _checked(self, points: Tensor) -> Tensor:
        points = to_tensor(points, dtype=self.dtype, device=self.device)
        if points.ndim != 2 or points.shape[1] != self.n_parameters:
            raise ValueError(
                f"points of shape {tuple(points.shape)} given; this network takes (n_points, {self.n_parameters})"
            )
        return points

    def _as_samples(self, name: str, inputs: ArrayLike | Tensor, targets: ArrayLike | Tensor) -> Samples:
        x, y = self._as_tensor(inputs), self._as_tensor(targets)
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
            raise ValueError(
                f"{name}: inputs of shape {tuple(x.shape)} and targets of shape {tuple(y.shape)} given; "
                "equally many of both, at least one, are expected"
            )
        return Samples(x, y)

    def _as_tensor(self, values: Any) -> Tensor:
        tensor = to_tensor(values)
        whole = not tensor.is_floating_point() and not tensor.is_complex()
        return (tensor.to(torch.int64) if whole else as_dtype(tensor, self.dtype)).to(self.device)


@final
class MinibatchLandscape(Landscape):
    """The mean loss over some samples of a `NeuralLandscape`; made by its `minibatch`.

    Examples
    --------
    >>> inputs, targets = torch.rand(20, 3), torch.arange(20) % 2
    >>> landscape = NeuralLandscape(nn.Linear(3, 2), nn.CrossEntropyLoss(), inputs, targets)
    >>> landscape.minibatch(torch.tensor([0, 1, 2])).energy(torch.zeros(1, 8)).item()
    0.693147...
    """

    def __init__(self, whole: NeuralLandscape, evaluator: Evaluator, samples: Samples) -> None:
        self.n_parameters = whole.n_parameters
        self.surface = whole.surface
        self.surfaces = (whole.surface,)
        self.dtype, self.byte_budget = whole.dtype, whole.byte_budget
        self.device = whole.device
        self._whole = whole
        self.symmetry, self.length_scale = whole.symmetry, whole.length_scale
        self.energy_floor = whole.energy_floor
        self._evaluator = evaluator
        self._samples = samples

    def energy(self, points: Tensor) -> Tensor:
        """Return the mean losses over the samples."""
        return self._evaluator.energies(self._checked(points), self._samples)

    def energy_and_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean losses over the samples, and gradients."""
        return self._evaluator.energies_and_gradients(self._checked(points), self._samples)

    def of_points(self, points: slice) -> Self:
        """Return the minibatch of some of the points."""
        shown = copy.copy(self)
        shown._samples = self._samples.of_points(points)
        return shown

    def on(self, surface: str) -> Self:
        """Return this landscape; it shows one surface only."""
        if surface != self.surface:
            raise ValueError(f"no surface {surface!r}; this minibatch is of {self.surface!r}")
        return self

    def initial_points(self, seeds: Sequence[int]) -> Tensor:
        """Return the starts of the whole landscape."""
        return self._whole.initial_points(seeds)

    def _checked(self, points: Tensor) -> Tensor:
        points = self._whole._checked(points)
        if self._samples.own and len(points) != len(self._samples.inputs):
            raise ValueError(f"{len(points)} points given; the minibatch has indices for {len(self._samples.inputs)}")
        return points


def network_landscape(
    architecture: str,
    data: DataSet,
    *,
    byte_budget: int = 2**30,
    device: Device = "auto",
    dtype: torch.dtype = torch.float32,
    **options: Any,
) -> NeuralLandscape:
    """Return the landscape of a named network on a data set, with the loss that belongs to the network.

    The loss is the class's ``loss``, a function of outputs and targets; by default cross-entropy, or, where the class
    says that it ``reconstructs`` its inputs, the mean squared error to them. The arguments ``image`` (height, width)
    and ``n_outputs`` of a class that has them are taken from the data.

    Parameters
    ----------
    **options
        Of the network's class, such as ``hidden`` and ``activation``.

    Raises
    ------
    ValueError
        No such architecture, or an option that it does not take.

    Examples
    --------
    All weights zero: each of the ten digits is as likely, and the cross-entropy is log 10.

    >>> from elsuite.landscapes import load_data
    >>> landscape = network_landscape("fcp", load_data("digits", n_train=50, n_test=10), hidden=(4,))
    >>> landscape.surfaces, landscape.n_parameters
    (('train', 'test'), 296)
    >>> landscape.energy(torch.zeros(1, 296)).item()
    2.302585...
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture {architecture!r} given; one of {', '.join(ARCHITECTURES)} is expected")
    kind: Any = ARCHITECTURES[architecture]
    shape = data.train_inputs.shape[1:]
    sizes = {"image": shape if len(shape) == 2 else (1, math.prod(shape)), "n_outputs": data.n_classes}
    taken = inspect.signature(kind).parameters
    if "n_outputs" in taken and data.n_classes < 2:
        raise ValueError(f"{data.name}: targets of one class; {architecture} expects two or more to tell apart")
    try:
        module = kind(**{name: size for name, size in sizes.items() if name in taken} | options)
    except TypeError as error:
        raise ValueError(f"{architecture}: {error}") from None
    inputs, test_inputs = to_tensor(data.train_inputs), to_tensor(data.test_inputs)
    targets, test_targets = to_tensor(data.train_targets), to_tensor(data.test_targets)
    reconstructs = getattr(kind, "reconstructs", False)
    if reconstructs:
        targets, test_targets = inputs.flatten(1), test_inputs.flatten(1)
    loss: LossFunction = getattr(kind, "loss", functional.mse_loss if reconstructs else functional.cross_entropy)
    where: dict[str, Any] = {"byte_budget": byte_budget, "device": device, "dtype": dtype}
    return NeuralLandscape(module, loss, inputs, targets, test=(test_inputs, test_targets), **where)


def _rows(values: Tensor, indices: Tensor) -> Tensor:
    # index_select is five times quicker than values[indices].
    return values.index_select(0, indices.flatten()).view(*indices.shape, *values.shape[1:])


def _device(name: Device) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' given, but torch sees no GPU; 'auto' or 'cpu' works here")
    if name not in {"cpu", "cuda"}:
        raise ValueError(f"device {name!r} given; 'auto', 'cpu' or 'cuda' is expected")
    return torch.device(name)


def _evaluator(network: Network, loss: KnownLoss | None, surfaces: dict[str, Samples], byte_budget: int) -> Evaluator:
    """Return the quickest evaluator that is right for the network."""
    layers = dense_layers(network.module, flat=all(s.inputs.ndim == 2 for s in surfaces.values()))
    # Where some tensors are frozen, a point is shorter than the layers' tensors together.
    every_tensor = sum(tensor.numel() for tensor in network.module.parameters()) == network.n_parameters
    if layers is not None and every_tensor and loss is not None:
        return DenseEvaluator(network, layers, loss, byte_budget)
    size = activation_bytes(network, surfaces["train"])
    return LoopEvaluator(network, loss, bytes_per_sample=size, byte_budget=byte_budget)
