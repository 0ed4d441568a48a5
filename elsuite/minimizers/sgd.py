"""Stochastic gradient descent on mini-batches, for many starts in lockstep."""

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from elsuite.core.settings import Count, NonNegative, Positive, Share, Whole, settings
from elsuite.landscapes.base import Landscape
from elsuite.minimizers.base import Minimizer, State
from elsuite.minimizers.minibatches import evaluated, has_minibatches, minibatches


@settings
class SGD(Minimizer):
    r"""Stochastic gradient descent; an epoch is one pass over the data, each start with its own shuffles.

    .. math:: v \leftarrow \mu v + \nabla f_B(w) + \alpha w, \qquad w \leftarrow w - \eta v

    with learning rate :math:`\eta`, momentum :math:`\mu` and weight decay :math:`\alpha`, as `torch.optim.SGD`.
    On a landscape without data an epoch is one step of plain gradient descent.

    Attributes
    ----------
    batch_size : int
        The last batch of an epoch has what is left.
    nesterov : bool
        Step along :math:`\nabla f_B + \mu v` instead of v.
    schedule : {"constant", "cosine", "step"}
        Of the learning rate over epochs: as it is; down to 0 along half a cosine; times `step_factor` every
        `step_epochs` epochs.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> result, = SGD(learning_rate=0.02, epochs=400).minimize(SixHumpCamel(), [[0.5, -0.5]])
    >>> round(result.solutions[0].energies["energy"], 6)
    -1.031628
    """

    epochs: Whole = 60
    learning_rate: Positive = 0.1
    batch_size: Count = 64
    momentum: Share = 0.0
    nesterov: bool = False
    weight_decay: NonNegative = 0.0
    schedule: Literal["constant", "cosine", "step"] = "constant"
    step_epochs: Count = 20
    step_factor: Positive = 0.1

    name: ClassVar[str] = "sgd"

    def begin(self, landscape: Landscape, state: State) -> State:
        """See `Minimizer`."""
        velocity = {"velocity": torch.zeros_like(state["points"])} if self.momentum else {}
        if has_minibatches(landscape, self.batch_size):
            return state | velocity
        first = {"n_evaluations": state["n_evaluations"] + 1}
        return state | velocity | evaluated(landscape, state["points"]) | first

    def advance(self, landscape: Landscape, state: State, epoch: int) -> State:
        """See `Minimizer`."""
        points, velocity = state["points"].clone(), state.get("velocity")
        velocity = None if velocity is None else velocity.clone()
        kept = {} if velocity is None else {"velocity": velocity}
        rate, n_steps = self._rate(epoch), 0
        if has_minibatches(landscape, self.batch_size):
            for part, _ in minibatches(landscape, state["seed"], epoch=epoch, batch_size=self.batch_size):
                self._step(points, velocity, part.energy_and_gradient(points)[1], rate)
                n_steps += 1
            kept |= {"points": points}
        else:
            self._step(points, velocity, state["gradient"], rate)
            n_steps, kept = 1, kept | evaluated(landscape, points)
        counts = {"n_steps": state["n_steps"] + n_steps, "n_evaluations": state["n_evaluations"] + 1}
        return state | kept | counts

    def _step(self, points: Tensor, velocity: Tensor | None, gradient: Tensor, rate: float) -> None:
        """Change `points` and `velocity` in place by one step."""
        if self.weight_decay:
            gradient = torch.add(gradient, points, alpha=self.weight_decay)
        if velocity is not None:
            velocity.mul_(self.momentum).add_(gradient)
            gradient = torch.add(gradient, velocity, alpha=self.momentum) if self.nesterov else velocity
        points.sub_(gradient, alpha=rate)

    def _rate(self, epoch: int) -> float:
        match self.schedule:
            case "cosine":
                return self.learning_rate * (1 + math.cos(math.pi * epoch / self.epochs)) / 2
            case "step":
                return self.learning_rate * self.step_factor ** (epoch // self.step_epochs)
            case _:
                return self.learning_rate
