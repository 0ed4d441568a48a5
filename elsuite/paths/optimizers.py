"""The optimizers that move a path: functions from gradients to steps, with a memory (`optimizer`)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["Step", "optimizer"]

Step = Callable[[Tensor, float], Tensor]
"""Called with the gradients in turn, and the learning rate of each; returns what to subtract."""


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

    def __call__(self, gradient: Tensor, rate: float) -> Tensor:
        if not self.count:
            self.first, self.second = torch.zeros_like(gradient), torch.zeros_like(gradient)
        self.count += 1
        self.first.lerp_(gradient, 1 - self.decay)
        self.second.mul_(self.second_decay).addcmul_(gradient, gradient, value=1 - self.second_decay)
        scale = math.sqrt(1 - self.second_decay**self.count)
        denominator = self.second.sqrt().div_(scale).add_(self.floor)
        return self.first.div(denominator).mul_(rate / (1 - self.decay**self.count))


class _Momentum:
    """Gradient steps with momentum."""

    decay = 0.9

    def __init__(self) -> None:
        self.total: Tensor | None = None

    def __call__(self, gradient: Tensor, rate: float) -> Tensor:
        self.total = gradient.clone() if self.total is None else self.total.mul_(self.decay).add_(gradient)
        return rate * self.total
