"""The optimizers that move a path, with a memory of the gradients so far (`optimizer`)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Step = Callable[[Tensor, Tensor, float], None]
"""Called with what to move, in place, its gradient and the learning rate, step by step."""


def optimizer(name: str, second_decay: float) -> Step:
    """Return a fresh ``"adam"``, with the decay of its mean squared gradients, or ``"momentum"``."""
    return _Adam(second_decay) if name == "adam" else _Momentum()


class _Adam:
    """Adam (Kingma and Ba 2015)."""

    decay = 0.9
    floor = 1e-8

    def __init__(self, second_decay: float) -> None:
        self.second_decay = second_decay
        self.count = 0

    def __call__(self, moved: Tensor, gradient: Tensor, rate: float) -> None:
        if not self.count:
            self.first, self.second, self.root = (torch.zeros_like(gradient) for _ in range(3))
        self.count += 1
        self.first.lerp_(gradient, 1 - self.decay)
        self.second.mul_(self.second_decay).addcmul_(gradient, gradient, value=1 - self.second_decay)
        scale = math.sqrt(1 - self.second_decay**self.count)
        # As few passes as can be, without new memory: for many terms they take as long as the gradient.
        torch.sqrt(self.second, out=self.root).add_(self.floor * scale)
        moved.addcdiv_(self.first, self.root, value=-rate * scale / (1 - self.decay**self.count))


class _Momentum:
    """Gradient steps with momentum."""

    decay = 0.9

    def __init__(self) -> None:
        self.total: Tensor | None = None

    def __call__(self, moved: Tensor, gradient: Tensor, rate: float) -> None:
        self.total = gradient.clone() if self.total is None else self.total.mul_(self.decay).add_(gradient)
        moved.add_(self.total, alpha=-rate)
