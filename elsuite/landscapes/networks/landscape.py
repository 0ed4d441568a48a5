"""The loss of a neural network on data as a landscape."""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Self, final

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from elsuite.core.identity import checksum
from elsuite.landscapes.base import PROBE_SEEDS, Combination, DataLandscape, Landscape, points_at_once
from elsuite.landscapes.conversion import to_tensor
from elsuite.landscapes.networks.checks import check_function
from elsuite.landscapes.networks.dense import DenseEvaluator, dense_layers
from elsuite.landscapes.networks.devices import checked_budget, device_named
from elsuite.landscapes.networks.evaluation import Evaluator, LoopEvaluator, activation_bytes, unit_activations
from elsuite.landscapes.networks.given import (
    Given,
    check_augmentation,
    check_regularization,
    checked_module,
    chosen_buffers,
    chosen_dtype,
    own_loss,
)
from elsuite.landscapes.networks.metrics import FEW, Metric, as_in_loss, checked_metrics, metric_values
from elsuite.landscapes.networks.network import Buffers, Factory, Network
from elsuite.landscapes.networks.objective import Loss, Reduction
from elsuite.landscapes.networks.regularization import Regularization, add_terms, terms
from elsuite.landscapes.networks.samples import (
    AnySamples,
    Augmentation,
    Conversion,
    Samples,
    Tree,
    augmented,
    checksum_of,
    tensors_in,
)
from elsuite.landscapes.networks.spanned import SpannedStack, stack_of_long
from elsuite.landscapes.networks.statistics import BatchStatistics
from elsuite.symmetry.modules import symmetry_of
from elsuite.symmetry.scales import Scaling
from elsuite.symmetry.scaling_search import scalings_of
from elsuite.symmetry.tracing import Example
from elsuite.symmetry.units import UnitSymmetry

N_FOLLOWED: Final = 4
"""On how many samples the operations of a module are followed."""


@dataclass(frozen=True, eq=False)
class _Units:
    """Which units are interchangeable: found when it is asked for, once for all that show surfaces of a landscape."""

    network: Network
    samples: AnySamples
    given: Given

    @cached_property
    def symmetry(self) -> UnitSymmetry:
        example = self._example
        return symmetry_of(
            self.network.module,
            self.network.names,
            inputs=example.inputs,
            targets=example.targets,
            loss=example.loss,
            term=example.term,
            statistics=self.network.buffers,
        )

    @cached_property
    def scalings(self) -> tuple[Scaling, ...]:
        estimated = self.network.buffers == "estimated"
        module, names = self.network.module, self.network.names
        return scalings_of(module, names, self._example, self.symmetry, batch_statistics=estimated)

    @property
    def _example(self) -> Example:
        some = self.samples.between(0, N_FOLLOWED)
        return Example(some.inputs, some.targets, self.given.loss, self.given.regularization)


@final
class NeuralLandscape(DataLandscape):
    r"""The mean loss of a module over data, as a function of its parameters.

    A point is the concatenation of the module's flattened tensors in the module's own order; `point` makes it of a
    ``state_dict``, `state_dict` is the inverse. Tensors that do not require gradients are frozen at the caller's
    values; the caller's module is copied and never changed. The surfaces are ``"train"`` and, with `test`, ``"test"``.

    Parameters
    ----------
    module : nn.Module or callable
        Or a function without arguments that makes one, which then makes the random starts, too.
    loss : callable
        ``loss(outputs, targets)``, such as ``torch.nn.CrossEntropyLoss()``: the mean over samples, by `reduction` their
        sum or a value for each. Weights of classes and ignored targets of torch's losses are known: means over batches
        are put together by what their samples count.
    inputs, targets
        The training data: arrays with the samples first; a tuple or a dict of arrays, which become the module's
        arguments; or a torch ``Dataset`` or ``DataLoader``, read when needed if it is larger than the memory allowed.
        Whole numbers, truth values and complex numbers stay what they are, others take the landscape's dtype.
    test : tuple or Dataset, optional
        Inputs and targets (and weights) of the surface ``"test"``.
    buffers : {"estimated", "stored", "frozen"}, optional
        What running averages of normalization layers are at a point: estimated anew from the training data
        (`BatchStatistics`), the default where there are any; coordinates of the point, moved with it and without a
        derivative, as are all floating-point buffers then; or frozen at the caller's values.
    metrics : mapping of str to callable, optional
        Further numbers of a solution: see `elsuite.landscapes.networks.metrics`.
    weights : array_like (n_samples,) or callable, optional
        What each training sample counts: of a loss with ``reduction="none"``; or a function of the targets that says
        what samples count in the mean that the loss itself takes.
    regularization : callable, optional
        A term in the parameters, a mapping of names to tensors, added to the surface ``"train"``, such as
        `WeightDecay`.
    augmentation : callable, optional
        ``augmentation(inputs, generator)``: random copies of inputs, in minibatches only. Searches and minimizers that
        take minibatches lower the augmented loss; energies and heights are of the data as they are.
    byte_budget : int, optional
        About how much memory one evaluation may take.
    device : str
        ``"auto"``, or a device of torch's, such as ``"cpu"``, ``"cuda:1"`` or ``"mps"``.
    dtype : torch.dtype, optional
        float32 or float64; by default the module's own, and of narrower ones float32.
    autocast : torch.dtype, optional
        In which the module computes where it may, such as ``torch.bfloat16``; sums stay in double precision.
        `precision` says what that costs.

    Raises
    ------
    ValueError
        For inputs and targets of different numbers, a module that is not a function of its parameters and one
        sample (active dropout, randomness), or a loss that is not what its reduction says.

    Examples
    --------
    >>> inputs, targets = torch.rand(20, 3), torch.arange(20) % 2
    >>> landscape = NeuralLandscape(nn.Linear(3, 2), nn.CrossEntropyLoss(), inputs, targets)
    >>> landscape.n_parameters, landscape.energy(torch.zeros(1, 8)).item()
    (8, 0.693147...)
    """

    def __init__(
        self,
        module: nn.Module | Factory,
        loss: Loss,
        inputs: Any,
        targets: Any = None,
        *,
        test: Any = None,
        buffers: Buffers | None = None,
        metrics: Mapping[str, Metric] | None = None,
        weights: Any = None,
        reduction: Reduction | None = None,
        regularization: Regularization | None = None,
        augmentation: Augmentation | None = None,
        byte_budget: int | None = None,
        device: str = "auto",
        dtype: torch.dtype | None = None,
        autocast: torch.dtype | None = None,
    ) -> None:
        template = checked_module(module)
        self.dtype = chosen_dtype(dtype, template)
        self.device = device_named(device)
        self.byte_budget = checked_budget(byte_budget, self.device)
        policy = chosen_buffers(buffers, template)
        loss = own_loss(loss, self.dtype, self.device)
        self._given = Given(loss, policy, weights, reduction, regularization, augmentation, autocast)
        objective = self._given.objective
        self._network = Network(module, dtype=self.dtype, device=self.device, buffers=policy)
        self._samples = {
            name: self._given.samples(name, given, Conversion(name, self.dtype, self.device), self.byte_budget)
            for name, given in {"train": (inputs, targets), "test": test}.items()
            if given is not None
        }
        self._known = check_function(self._network, self._samples, objective, buffers=policy)
        self._objective = replace(objective, known=self._known if autocast is None else None)
        check_regularization(regularization, self._network)
        self._evaluator = self._chosen_evaluator()
        if augmentation is not None:
            check_augmentation(augmentation, self._samples["train"].between(0, FEW))
        if metrics is not None:
            metrics = as_in_loss(metrics, loss, self._samples["train"])
        self._metrics = checked_metrics(metrics, self._some_outputs()) if metrics else {}
        self.metrics = tuple(self._metrics)
        self.n_parameters = self._network.n_parameters
        self._units = _Units(self._network, self._samples["train"], self._given)
        self.surfaces = tuple(self._samples)
        self.surface = "train"
        self.energy_floor = self._given.floor(self._known, self._samples)

    @property
    def symmetry(self) -> UnitSymmetry:
        """The units that are interchangeable, declared by the module or found on the first samples (`symmetry_of`)."""
        return self._units.symmetry

    @property
    def unit_scalings(self) -> tuple[Scaling, ...]:
        """The ways to rescale units that leave energies as they are; looked for when asked for (`scalings_of`)."""
        return self._units.scalings

    def _chosen_evaluator(self) -> Evaluator:
        """Return the quickest evaluator that is right for the network."""
        network, objective = self._network, self._objective
        tensors = [tensor for s in self._samples.values() for tensor in tensors_in(s.between(0, 1).inputs)]
        layers = dense_layers(network.module, flat=all(tensor.ndim == 2 for tensor in tensors))
        # Where some tensors are frozen, a point is shorter than the layers' tensors together.
        every_tensor = sum(tensor.numel() for tensor in network.module.parameters()) == network.n_parameters
        one_input = len(tensors) == len(self._samples)
        if layers is not None and every_tensor and objective.known is not None and one_input:
            return DenseEvaluator(network, layers, objective.known, self.byte_budget)
        train = self._samples["train"]
        statistics = None
        if self._given.buffers == "estimated":
            statistics = BatchStatistics(network, train)
        size = activation_bytes(network, train)
        return LoopEvaluator(network, objective, statistics, bytes_per_sample=size, byte_budget=self.byte_budget)

    @property
    def buffers(self) -> Buffers:
        """What running averages are at a point: "estimated", "stored" or "frozen"."""
        return self._given.buffers

    @property
    def n_samples(self) -> int:  # type: ignore[override]
        """Number of samples of the surface shown."""
        return self._samples[self.surface].n_samples

    @property
    def precision(self) -> float:
        """How far, relative, energies of the same point can differ between machines, or by what autocast rounds."""
        if self._given.autocast is not None:
            return 4 * torch.finfo(self._given.autocast).eps
        # Where a channel hardly varies at a random point, its normalization makes much of rounding.
        return super().precision * (10 if self._given.buffers == "estimated" else 1)

    def energy(self, points: Tensor) -> Tensor:
        """Return the mean losses, shape (n_points,) float64, differentiable where `points` require it."""
        points = self._checked(points)
        return self._regularized(points, self._evaluator.energies(points, self._samples[self.surface]))

    def energy_and_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean losses, shape (n_points,), and gradients, shape (n_points, P)."""
        points = self._checked(points)
        found = self._evaluator.energies_and_gradients(points, self._samples[self.surface])
        return self._with_regularization(points, *found)

    def combined_gradients(
        self, weights: Tensor, spanning: Tensor, combination: Combination, memory: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """See `Landscape`; stacks of dense layers use that each layer is linear, where that saves work."""
        samples = self._samples[self.surface]
        few = points_at_once(self, vectors=2) >= len(weights) > 2 * len(spanning)
        if isinstance(self._evaluator, DenseEvaluator) and few and self._term is None and not callable(combination):
            return self._evaluator.combined_gradients(weights, self._checked(spanning), combination, samples)
        if (stack := self._stack_of_long(spanning, len(weights))) is None:
            return super().combined_gradients(weights, spanning, combination, memory)
        return stack.combined_gradients(weights, combination, samples, memory)

    def combined_energies(self, weights: Tensor, spanning: Sequence[Tensor]) -> Tensor:
        """See `Landscape`."""
        stack, samples = self._stack_of_long(spanning, len(weights)), self._samples[self.surface]
        return super().combined_energies(weights, spanning) if stack is None else stack.energies(weights, samples)

    def _stack_of_long(self, spanning: Sequence[Tensor] | Tensor, n_points: int) -> SpannedStack | None:
        shown = [self._checked(vector[None])[0] for vector in spanning]
        return None if self._term is not None else stack_of_long(self, self._evaluator, shown, n_points)

    @property
    def _term(self) -> Regularization | None:
        return self._given.regularization if self.surface == "train" else None

    def _regularized(self, points: Tensor, energies: Tensor) -> Tensor:
        return energies if self._term is None else energies + terms(self._network, self._term, points)

    def _with_regularization(self, points: Tensor, energies: Tensor, gradients: Tensor) -> tuple[Tensor, Tensor]:
        if self._term is not None:
            add_terms(self._network, self._term, points, energies, gradients)
        return energies, gradients

    def metric_values(self, points: Tensor) -> Tensor:
        """Return the metrics on the surface shown, shape (n_points, n_metrics) float64."""
        rows = [self._metric_values(point) for point in self._checked(points)]
        return torch.stack(rows) if rows else torch.empty(0, len(self.metrics), dtype=torch.float64)

    def _metric_values(self, point: Tensor) -> Tensor:
        evaluator = self._any_evaluator()
        outputs = evaluator.outputs(point, self._samples[self.surface])
        return metric_values(self._metrics, outputs)

    def _some_outputs(self) -> tuple[Samples, Tree]:
        """Return a few samples with the outputs at the module's own parameters."""
        few = self._samples["train"].between(0, FEW)
        return next(self._any_evaluator().outputs(self._network.own_point(), few))

    def _any_evaluator(self) -> LoopEvaluator:
        """Return an evaluator that gives outputs, whatever the one for energies is."""
        if isinstance(self._evaluator, LoopEvaluator):
            return self._evaluator
        size = activation_bytes(self._network, self._samples["train"])
        return LoopEvaluator(self._network, self._objective, bytes_per_sample=size, byte_budget=self.byte_budget)

    def on(self, surface: str) -> Self:
        """Return this landscape showing `surface`."""
        if surface not in self.surfaces:
            raise ValueError(f"no surface {surface!r}; this landscape has {', '.join(map(repr, self.surfaces))}")
        shown = copy.copy(self)
        shown.surface = surface
        return shown

    def initial_points(self, seeds: Sequence[int]) -> Tensor:
        """Return the module's own random initialization under each seed, shape (n_seeds, P)."""
        starts = self._network.starts(seeds)
        empty = torch.empty(0, self.n_parameters, dtype=self.dtype)
        return (torch.stack(starts) if starts else empty).to(self.device)

    @cached_property
    def length_scale(self) -> float:
        """The norm of a random start of layers as torch makes them, uniform within one over the root of the fan-in."""
        total, fan_in = 0.0, 1
        for shape in self._network.shapes[: self._network.n_trained]:
            # A tensor of one axis, a bias, comes after the weights of its layer and is drawn as they are.
            fan_in = shape[1:].numel() if len(shape) > 1 else fan_in
            total += shape.numel() / (3 * max(1, fan_in))
        return math.sqrt(total) or 1.0

    def declared(self) -> dict[str, Any]:
        """Return layers, tensors and loss by their names, and checksums of the data and of what is frozen."""
        module, estimated = self._network.module, self._given.buffers == "estimated"
        elsewhere = set(self._network.names) | (self._network.averages if estimated else set())
        tensors = [*module.named_parameters(), *module.named_buffers()]
        frozen = [tensor.cpu().numpy() for name, tensor in tensors if name not in elsewhere]
        return {
            "kind": "network",
            "layers": [type(layer).__name__ for layer in module.modules()],
            "tensors": {n: list(s) for n, s in zip(self._network.names, self._network.shapes, strict=True)},
            **self._given.declared(self._known, self._samples, self._network),
            "frozen": checksum(*frozen) if frozen else None,
            "dtype": str(self.dtype).removeprefix("torch."),
            "data": {name: checksum_of(samples) for name, samples in self._samples.items()},
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
        part, evaluator = whole.rows(indices), self._evaluator
        if self._given.augmentation is not None and self.surface == "train":
            part = augmented(part, self._given.augmentation, indices)
        if isinstance(evaluator, LoopEvaluator):
            evaluator = evaluator.as_in_training()
        return MinibatchLandscape(self, evaluator, part)

    def parts(self, n_samples: int) -> Iterator[tuple[Landscape, float]]:
        """See `DataLandscape`: statistics estimated from all data cannot be taken apart, nor augmented data summed."""
        if self._given.buffers == "estimated":
            yield self, 1.0
            return
        whole = self._samples[self.surface]
        for batch in whole.batches(n_samples):
            yield MinibatchLandscape(self, self._evaluator, batch), batch.n_samples / whole.n_samples

    def point(self, state: Mapping[str, Any]) -> Tensor:
        """Return the point, shape (P,), of a ``state_dict`` of the module.

        Running averages that are estimated here are not looked at; tied tensors have to be equal, frozen ones those of
        this landscape.

        Raises
        ------
        ValueError
            That names the entries that are missing, unknown, of another shape or type, or not finite.

        Examples
        --------
        >>> module = nn.Linear(3, 2)
        >>> landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), torch.rand(20, 3), torch.arange(20) % 2)
        >>> landscape.point(module.state_dict()).shape
        torch.Size([8])
        """
        return self._network.point(state)

    def state_dict(self, point: ArrayLike | Tensor) -> dict[str, Tensor]:
        """Return one point, shape (P,), as the module's whole ``state_dict``, which loads strictly.

        With it the module in evaluation mode gives this landscape's energies: running averages are the estimated ones.

        Examples
        --------
        >>> module = nn.Linear(3, 2)
        >>> landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), torch.rand(20, 3), torch.arange(20) % 2)
        >>> module.load_state_dict(landscape.state_dict(torch.zeros(8)), strict=True)
        <All keys matched successfully>
        """
        checked = self._checked(to_tensor(point)[None])[0]
        return self._network.state_dict(self._any_evaluator().tensors(checked))

    def parameters(self, point: Tensor) -> dict[str, Tensor]:
        """Return one point, shape (P,), as the module's named tensors (a ``state_dict`` without buffers)."""
        return self._network.parameters(self._checked(to_tensor(point)[None])[0])

    def unit_activations(self, point: Tensor, *, n_samples: int = 1024) -> dict[str, Tensor]:
        """Return for each group of units what they give on the first samples, shape (n_units, n_values)."""
        inputs = self._samples[self.surface].between(0, n_samples).inputs
        tensors = self._any_evaluator().tensors(self._checked(to_tensor(point)[None])[0])
        return unit_activations(self._network.module, tensors, inputs, self.symmetry)

    def _checked(self, points: Tensor) -> Tensor:
        points = to_tensor(points, dtype=self.dtype, device=self.device)
        if points.ndim != 2 or points.shape[1] != self.n_parameters:
            raise ValueError(
                f"points of shape {tuple(points.shape)} given; this network takes (n_points, {self.n_parameters})"
            )
        return points


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
        self.length_scale = whole.length_scale
        self.energy_floor = whole.energy_floor
        self._evaluator = evaluator
        self._samples = samples

    @property
    def symmetry(self) -> UnitSymmetry:
        """That of the whole."""
        return self._whole.symmetry

    def energy(self, points: Tensor) -> Tensor:
        """Return the mean losses over the samples."""
        points = self._checked(points)
        return self._whole._regularized(points, self._evaluator.energies(points, self._samples))

    def energy_and_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean losses over the samples, and gradients."""
        points = self._checked(points)
        found = self._evaluator.energies_and_gradients(points, self._samples)
        return self._whole._with_regularization(points, *found)

    def combined_gradients(
        self, weights: Tensor, spanning: Tensor, combination: Combination, memory: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """See `Landscape`."""
        if (stack := self._whole._stack_of_long(spanning, len(weights))) is None:
            return super().combined_gradients(weights, spanning, combination, memory)
        return stack.combined_gradients(weights, combination, self._samples, memory)

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
        if self._samples.own and len(points) != self._samples.n_points:
            raise ValueError(f"{len(points)} points given; the minibatch has indices for {self._samples.n_points}")
        return points
