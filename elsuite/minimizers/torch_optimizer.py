"""Any optimizer class of `torch.optim` as a minimizer."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Final

import torch
from pydantic import AfterValidator
from torch import Tensor

from elsuite.core.settings import Count, SettingsError, Whole, settings
from elsuite.landscapes.base import Landscape
from elsuite.minimizers.base import Minimizer, State
from elsuite.minimizers.minibatches import evaluated, has_minibatches, minibatches
from elsuite.minimizers.one_by_one import advance_one_by_one

# These update each number by its own history alone, so many starts are one parameter of shape (n, P).
_ELEMENTWISE: Final = (
    torch.optim.ASGD,
    torch.optim.Adadelta,
    torch.optim.Adagrad,
    torch.optim.Adam,
    torch.optim.AdamW,
    torch.optim.Adamax,
    torch.optim.NAdam,
    torch.optim.RAdam,
    torch.optim.RMSprop,
    torch.optim.Rprop,
    torch.optim.SGD,
)

_NAMED: Final = {
    name: value
    for name, value in vars(torch.optim).items()
    if isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and name != "Optimizer"
}


def _known(optimizer: str | type[torch.optim.Optimizer]) -> str | type[torch.optim.Optimizer]:
    if isinstance(optimizer, str) and optimizer not in _NAMED:
        raise ValueError(", ".join(sorted(_NAMED)))
    return optimizer


def _optimizer_class(optimizer: str | type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    return _NAMED[optimizer] if isinstance(optimizer, str) else optimizer


@settings
class TorchOptimizer(Minimizer):
    """A class of `torch.optim`; an epoch is one pass over the data in batches, or one step on the whole.

    Optimizers that treat every number by itself take all starts in lockstep, others one start after another.

    Attributes
    ----------
    optimizer : str or type
        Name of a class in `torch.optim`, or such a class of your own.
    settings : mapping
        Its keyword arguments; where ``lr`` is not among them, 0.001 for Adam and its like is torch's choice.
    batch_size : int or None
        None: each step takes the whole data.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> adam = TorchOptimizer(optimizer="Adam", settings={"lr": 0.02}, epochs=500)
    >>> result, = adam.minimize(SixHumpCamel(), [[0.5, -0.5]])
    >>> round(result.solutions[0].energies["energy"], 6)
    -1.031628
    """

    epochs: Whole = 60
    optimizer: Annotated[str | type[torch.optim.Optimizer], AfterValidator(_known)] = "Adam"
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    batch_size: Count | None = 64

    def __post_init__(self) -> None:
        try:
            self._make(torch.zeros(2))
        except (TypeError, ValueError) as error:
            mistake = f"given {dict(self.settings)!r}: {error}"
            raise SettingsError("TorchOptimizer", [("settings", mistake)]) from None

    @property
    def name(self) -> str:
        """See `Minimizer`."""
        return _optimizer_class(self.optimizer).__name__.lower()

    def begin(self, landscape: Landscape, state: State) -> State:
        """See `Minimizer`."""
        if has_minibatches(landscape, self.batch_size):
            return state
        return state | evaluated(landscape, state["points"]) | {"n_evaluations": state["n_evaluations"] + 1}

    def advance(self, landscape: Landscape, state: State, epoch: int) -> State:
        """See `Minimizer`."""
        if _optimizer_class(self.optimizer) not in _ELEMENTWISE:
            return advance_one_by_one(landscape, state, epoch=epoch, make=self._make, batch_size=self.batch_size)
        parameter = state["points"].clone().requires_grad_()
        optimizer = self._make(parameter)
        # What the optimizer keeps for its parameter; what is common to all starts stands in the state for each.
        for entry, values in state.items():
            kind, _, name = entry.partition(".")
            if kind in {"each", "common"}:
                optimizer.state[parameter][name] = (values if kind == "each" else values[0]).clone()
        whole, n_steps = not has_minibatches(landscape, self.batch_size), 0
        for part, _ in minibatches(landscape, state["seed"], epoch=epoch, batch_size=self.batch_size):
            gradient = state["gradient"] if whole else part.energy_and_gradient(parameter.detach())[1]
            parameter.grad = gradient.clone()
            optimizer.step()
            n_steps += 1
        points = parameter.detach()
        counts = {"n_steps": state["n_steps"] + n_steps, "n_evaluations": state["n_evaluations"] + 1}
        known = evaluated(landscape, points) if whole else {"points": points}
        memory = {
            f"each.{name}" if values.ndim else f"common.{name}": values if values.ndim else values.repeat(len(points))
            for name, values in optimizer.state[parameter].items()
        }
        return state | memory | known | counts

    def _make(self, parameter: Tensor) -> torch.optim.Optimizer:
        return _optimizer_class(self.optimizer)([parameter], **self.settings)
