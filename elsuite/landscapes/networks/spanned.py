"""Stacks of dense layers at combinations of a few long points, of which no point and no gradient is ever whole.

Rows of a layer's weights are made from those of the spanning points, for some points at once, and used while they are
in the cache; backward they are made again. The gradients of all points, combined, are one product a layer and
combination: their signals and the values before the layer, laid side by side. So a search over points of 100 million
parameters reads each spanning point twice and writes one gradient, however many points a step looks at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from elsuite.landscapes.base import Combination, Landscape, combined_rows, kept, points_at_once, sum_into
from elsuite.landscapes.networks.dense import DenseEvaluator, DenseLayer
from elsuite.landscapes.networks.evaluation import Evaluator
from elsuite.landscapes.networks.losses import KnownLoss
from elsuite.landscapes.networks.samples import AnySamples, Samples

ROWS_NUMBERS: Final = 2**21
"""Of the rows of one point that are made together: for layers of 9,560 units a quarter of it takes a seventh longer."""
ROWS_SHARE: Final = 8
"""Of the budget at most so small a part is for rows."""
FEWEST_SAMPLES: Final = 256
"""So many, where there are so many, are taken together: rows are made anew for the next ones."""


@dataclass(frozen=True)
class _Passed:
    """What a micro-batch gave: what each layer got, what its activation's gradient is computed from, the outputs."""

    before: list[Tensor]
    kept: list[Tensor]
    outputs: Tensor


@final
@dataclass(frozen=True)
class SpannedStack:
    """The mean losses of a stack at points W S, for spanning points S given one by one, each of shape (P,)."""

    layers: tuple[DenseLayer, ...]
    loss: KnownLoss
    spanning: Sequence[Tensor]
    byte_budget: int

    def energies(self, weights: Tensor, samples: AnySamples) -> Tensor:
        """Return the mean losses, shape (n_points,) float64."""
        found = [weights.new_empty(0, dtype=torch.float64)]
        for chunk, own, size in self._chunks(weights, samples):
            found.append(self._chunk_energies(weights[chunk], own, size) / samples.n_samples)
        return torch.cat(found)

    def combined_gradients(
        self, weights: Tensor, combination: Combination, samples: AnySamples, memory: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the mean losses, and C^T G, shape (n_combined, P), in the `memory` of the last call."""
        energies, combined, n_samples = list[Tensor](), weights.new_empty(0), samples.n_samples
        memory = {} if memory is None else memory
        for chunk, own, size in self._chunks(weights, samples):
            row, batches, factors = weights[chunk], list(own.batches(size)), None
            if callable(combination) and len(batches) > 1:  # all samples decide what a point's gradient counts
                factors = combination(chunk, self._chunk_energies(row, own, size) / n_samples)
            sums = torch.zeros(len(row), dtype=torch.float64, device=row.device)
            for k, batch in enumerate(batches):
                passed = self._forward(row, batch)
                of_batch, signal = self._loss_and_signal(passed, batch, 1 / n_samples)
                sums += of_batch
                if factors is None:
                    factors = combined_rows(combination, chunk, sums / n_samples)
                if not energies and k == 0:
                    combined = kept(memory, "combined", self.spanning[0][None], factors.shape[1])
                self._add_gradients(row, factors.to(row), passed, signal, combined, fresh=not energies and k == 0)
            energies.append(sums / n_samples)
        return torch.cat(energies), combined

    def _chunks(self, weights: Tensor, samples: AnySamples) -> Iterator[tuple[slice, AnySamples, int]]:
        """Yield chunks of points with their samples and the size of micro-batches, as the budget has room for."""
        n_points, n_samples = len(weights), samples.n_samples
        widths = [layer.n_out for layer in self.layers]
        # Values, those before activations, and signals; the widest once more, laid side by side.
        one = weights.element_size() * (3 * sum(widths) + 2 * max(self.layers[0].n_in, *widths))
        cells = max(1, self.byte_budget // one)
        at_once = min(n_points, max(1, cells // min(n_samples, FEWEST_SAMPLES)))
        size = max(1, min(n_samples, cells // max(1, at_once)))
        for start in range(0, n_points, max(1, at_once)):
            chunk = slice(start, min(start + at_once, n_points))
            yield chunk, samples.of_points(chunk), size

    def _chunk_energies(self, weights: Tensor, samples: AnySamples, size: int) -> Tensor:
        sums = []
        for batch in samples.batches(size):
            values = _first_values(batch)
            for layer in self.layers:
                values = self._product(layer, weights, values)
                if layer.activation:
                    values = layer.activation.forward_(values)
            sums.append(self.loss.sums_(values, self.loss.targets_last(batch.targets)))
        return torch.stack(sums).sum(0)

    def _forward(self, weights: Tensor, batch: Samples) -> "_Passed":
        """Return what one micro-batch gives in every layer."""
        values = _first_values(batch)
        before, kept = list[Tensor](), list[Tensor]()
        for layer in self.layers:
            before.append(values)
            values = self._product(layer, weights, values)
            kept.append(values)
            if layer.activation:
                needed = layer.activation.needs_input
                values = layer.activation.forward(values) if needed else layer.activation.forward_(values)
        return _Passed(before, kept, values)

    def _loss_and_signal(self, passed: "_Passed", batch: Samples, share: float) -> tuple[Tensor, Tensor]:
        """Return the sums of the losses, and `share` times their gradient."""
        keep, targets = self.layers[-1].activation is not None, self.loss.targets_last(batch.targets)
        return self.loss.sums_and_gradient(passed.outputs, targets, weight=share, keep=keep)

    def _add_gradients(
        self, weights: Tensor, factors: Tensor, passed: "_Passed", signal: Tensor, into: Tensor, *, fresh: bool
    ) -> None:
        """Add the combined gradients of one micro-batch to `into`, or write them there if `fresh`."""
        for i in reversed(range(len(self.layers))):
            layer = self.layers[i]
            if layer.activation:
                layer.activation.backward_(signal, passed.kept[i])
            self._add_layer(layer, factors, signal, passed.before[i], into, fresh=fresh)
            signal = self._signal_before(layer, weights, signal) if i else signal
            del passed.kept[i:]

    def _product(self, layer: DenseLayer, weights: Tensor, values: Tensor) -> Tensor:
        """Return what a layer gives before its activation, shape (n_points, n_out, batch)."""
        result = values.new_empty(len(weights), layer.n_out, values.shape[-1])
        for rows, made in self._rows(layer, weights):
            result[:, rows] = made @ values
        if layer.bias is not None:
            result += self._combined(layer.bias, weights)[:, :, None]
        return result

    def _signal_before(self, layer: DenseLayer, weights: Tensor, signal: Tensor) -> Tensor:
        """Return the gradient of the values that a layer got."""
        result = signal.new_zeros(len(weights), layer.n_in, signal.shape[-1])
        for rows, made in self._rows(layer, weights):
            result.baddbmm_(made.transpose(1, 2), signal[:, rows])
        return result

    def _add_layer(
        self, layer: DenseLayer, factors: Tensor, signal: Tensor, values: Tensor, into: Tensor, *, fresh: bool
    ) -> None:
        """Add the layer's part of the combined gradients: for each combination one product over points and samples."""
        common = values.ndim == 2
        beside = values.T if common else values.transpose(1, 2).reshape(-1, layer.n_in)
        for place, factor in zip(into, factors.T, strict=True):
            scaled = torch.einsum("m,mob->ob", factor, signal) if common else signal * factor[:, None, None]
            if not common:
                scaled = scaled.transpose(0, 1).reshape(layer.n_out, -1)
            of_weights = place[layer.weight].view(layer.n_out, layer.n_in)
            torch.addmm(of_weights, scaled, beside, beta=0 if fresh else 1, out=of_weights)
            if layer.bias is not None:
                of_bias = place[layer.bias]
                torch.add(of_bias.zero_() if fresh else of_bias, scaled.sum(1), out=of_bias)

    def _rows(self, layer: DenseLayer, weights: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yield some rows of a layer's weights after the others, shape (n_points, rows, n_in), in the same memory."""
        room = self.byte_budget // (ROWS_SHARE * len(weights) * weights.element_size())
        step = max(1, min(ROWS_NUMBERS, room) // layer.n_in)
        memory = weights.new_empty(len(weights), min(step, layer.n_out) * layer.n_in)
        for first in range(0, layer.n_out, step):
            last = min(first + step, layer.n_out)
            begin = layer.weight.start
            place = slice(begin + first * layer.n_in, begin + last * layer.n_in)
            made = self._combined(place, weights, into=memory)
            yield slice(first, last), made.view(len(weights), last - first, layer.n_in)

    def _combined(self, place: slice, weights: Tensor, *, into: Tensor | None = None) -> Tensor:
        """Return some coordinates of the points, shape (n_points, n)."""
        size = place.stop - place.start
        made = weights.new_empty(len(weights), size) if into is None else into[:, :size]
        vectors = [vector[place] for vector in self.spanning]
        for row, own in zip(made, weights.tolist(), strict=True):
            sum_into(row, own, vectors)
        return made


def stack_of_long(
    landscape: Landscape, evaluator: Evaluator, spanning: Sequence[Tensor] | Tensor, n_points: int
) -> SpannedStack | None:
    """Return what evaluates points that are too long to be made together, None for any other."""
    if not isinstance(evaluator, DenseEvaluator) or n_points <= points_at_once(landscape, vectors=2):
        return None
    return SpannedStack(evaluator.layers, evaluator.loss, list(spanning), landscape.byte_budget)


def _first_values(batch: Samples) -> Tensor:
    """Return the inputs with samples along the last axis, shape (n_in, batch), or (n_points, n_in, batch) if own."""
    inputs: Tensor = batch.inputs
    return inputs.flatten(2).transpose(1, 2) if batch.own else inputs.flatten(1).T
