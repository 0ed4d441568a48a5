"""The optimizers that move a path, with a memory of the gradients so far (`optimizer`)."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Step = Callable[[Tensor, Tensor, float, Tensor | None], None]
"""Called step by step with what to move, in place, its gradient, whose memory it may use, and the learning rate.

The last argument is for where reading a number takes long: whether to move anything, a truth value on the device.
"""

AT_ONCE = 2**17
"""So many numbers are moved by all operations of a step before the next ones: what stays in the cache is not read again
from memory. Fewer than `FEW` are moved together."""

FEW = 2**21

ABSOLUTE_FLOOR = 1e-8
"""What Adam adds to the root of each coordinate's mean square, in the units of the gradient, as it was published."""

RELATIVE_FLOOR = 1e-3
"""The same as a share of the root mean square over all coordinates and the last hundred steps or so.

Without any, steps that see flat parts of a path only are as long as all others; with a hundredth or a tenth, paths of
networks fell as low, with one more slowly.
"""


def optimizer(name: str, second_decay: float, *, absolute: bool = True) -> Step:
    """Return a fresh ``"adam"``, with the decay of its mean squared gradients, or ``"momentum"``.

    Adam's floor under the size of gradients is the published one, or, not `absolute`, relative to the gradients. With
    momentum a step is the rate times the gradients: the rate has a unit, and is the caller's to choose.
    """
    return _Adam(second_decay, absolute) if name == "adam" else _Momentum()


class _Adam:
    """Adam (Kingma and Ba 2015)."""

    decay = 0.9
    slow_decay = 0.99

    def __init__(self, second_decay: float, absolute: bool) -> None:
        self.second_decay, self.absolute = second_decay, absolute
        self.count = 0
        self.unit: Any = 0.0
        self.mean_square: Any = 0.0

    def __call__(self, moved: Tensor, gradient: Tensor, rate: float, moves: Tensor | None = None) -> None:
        if not self.count:
            self.first, self.second = (torch.zeros_like(gradient) for _ in range(2))
        self.count += 1
        scale = math.sqrt(1 - self.second_decay**self.count)
        length = -rate * scale / (1 - self.decay**self.count)
        if moves is not None:
            self._without_waiting(moved, gradient, scale, length, moves)
            return
        unit = 1.0
        if not self.absolute:
            # Squares of small numbers in float32 are zero: gradients are counted in units of the first.
            self.unit = self.unit or float(torch.linalg.vector_norm(gradient, ord=math.inf))
            unit = self.unit or 1.0
        if gradient.numel() < FEW:
            if unit != 1.0:
                gradient.div_(unit)
            floor = self._floor(gradient, 1.0) * scale
            self._move(moved, self.first, self.second, gradient, floor, length)
            return
        floor = self._floor(gradient, unit) * scale
        rows = [tensor.view(-1) for tensor in (moved, self.first, self.second, gradient)]
        for begin in range(0, gradient.numel(), AT_ONCE):
            place, first, second, slope = (row[begin : begin + AT_ONCE] for row in rows)
            self._move(place, first, second, slope.div_(unit), floor, length)

    def _move(
        self, moved: Tensor, first: Tensor, second: Tensor, gradient: Tensor, floor: float, length: float
    ) -> None:
        # As few passes as can be, without new memory: for many terms they take as long as the gradient.
        first.lerp_(gradient, 1 - self.decay)
        second.mul_(self.second_decay).addcmul_(gradient, gradient, value=1 - self.second_decay)
        root = torch.sqrt(second, out=gradient).add_(floor)
        moved.addcdiv_(first, root, value=length)

    def _floor(self, gradient: Tensor, unit: float) -> float:
        if self.absolute:
            return ABSOLUTE_FLOOR
        here = (float(torch.linalg.vector_norm(gradient)) / unit) ** 2 / max(1, gradient.numel())
        self.mean_square = self.slow_decay * self.mean_square + (1 - self.slow_decay) * here
        usual = math.sqrt(self.mean_square / (1 - self.slow_decay**self.count))
        return max(RELATIVE_FLOOR * usual, torch.finfo(gradient.dtype).tiny)

    def _without_waiting(self, moved: Tensor, gradient: Tensor, scale: float, length: float, moves: Tensor) -> None:
        """Do the same with every number on the device."""
        floor = gradient.new_tensor(ABSOLUTE_FLOOR)
        if not self.absolute:
            largest = torch.linalg.vector_norm(gradient, ord=math.inf)
            known = torch.as_tensor(self.unit).to(largest)
            self.unit = torch.where(known > 0, known, largest)
            gradient.div_(torch.where(self.unit > 0, self.unit, 1.0))
            here = torch.linalg.vector_norm(gradient).double().square() / max(1, gradient.numel())
            self.mean_square = self.slow_decay * self.mean_square + (1 - self.slow_decay) * here
            usual = (self.mean_square / (1 - self.slow_decay**self.count)).sqrt()
            floor = (RELATIVE_FLOOR * usual).clamp(min=torch.finfo(gradient.dtype).tiny).to(gradient.dtype)
        self.first.lerp_(gradient, 1 - self.decay)
        self.second.mul_(self.second_decay).addcmul_(gradient, gradient, value=1 - self.second_decay)
        root = torch.sqrt(self.second, out=gradient).add_(floor * scale)
        moved.add_(torch.where(moves, torch.div(self.first, root, out=root).mul_(length), 0.0))


class _Momentum:
    """Gradient steps with momentum."""

    decay = 0.9

    def __init__(self) -> None:
        self.total: Tensor | None = None

    def __call__(self, moved: Tensor, gradient: Tensor, rate: float, moves: Tensor | None = None) -> None:
        self.total = gradient.clone() if self.total is None else self.total.mul_(self.decay).add_(gradient)
        if moves is None:
            moved.add_(self.total, alpha=-rate)
        else:
            moved.add_(torch.where(moves, self.total, 0.0), alpha=-rate)
