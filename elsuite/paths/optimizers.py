"""The optimizers that move a path, with a memory of the gradients so far (`optimizer`)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Step = Callable[[Tensor, Tensor, float], None]
"""Called with what to move, in place, its gradient and the learning rate, step by step."""

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
        self.count, self.unit, self.mean_square = 0, 0.0, 0.0

    def __call__(self, moved: Tensor, gradient: Tensor, rate: float) -> None:
        if not self.count:
            self.first, self.second, self.root = (torch.zeros_like(gradient) for _ in range(3))
        self.count += 1
        if not self.absolute:
            # Squares of small numbers in float32 are zero: gradients are counted in units of the first.
            self.unit = self.unit or float(gradient.abs().max())
            gradient = gradient / (self.unit or 1.0)
        self.first.lerp_(gradient, 1 - self.decay)
        self.second.mul_(self.second_decay).addcmul_(gradient, gradient, value=1 - self.second_decay)
        scale = math.sqrt(1 - self.second_decay**self.count)
        # As few passes as can be, without new memory: for many terms they take as long as the gradient.
        torch.sqrt(self.second, out=self.root).add_(self._floor(gradient) * scale)
        moved.addcdiv_(self.first, self.root, value=-rate * scale / (1 - self.decay**self.count))

    def _floor(self, gradient: Tensor) -> float:
        if self.absolute:
            return ABSOLUTE_FLOOR
        here = float(torch.linalg.vector_norm(gradient)) ** 2 / max(1, gradient.numel())
        self.mean_square = self.slow_decay * self.mean_square + (1 - self.slow_decay) * here
        usual = math.sqrt(self.mean_square / (1 - self.slow_decay**self.count))
        return max(RELATIVE_FLOOR * usual, torch.finfo(gradient.dtype).tiny)


class _Momentum:
    """Gradient steps with momentum."""

    decay = 0.9

    def __init__(self) -> None:
        self.total: Tensor | None = None

    def __call__(self, moved: Tensor, gradient: Tensor, rate: float) -> None:
        self.total = gradient.clone() if self.total is None else self.total.mul_(self.decay).add_(gradient)
        moved.add_(self.total, alpha=-rate)
