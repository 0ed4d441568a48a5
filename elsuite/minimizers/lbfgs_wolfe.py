"""L-BFGS with a line search by the strong Wolfe conditions, as PyTorch has it: the ordinary control."""

from typing import ClassVar

import torch
from torch import Tensor

from elsuite.core.settings import Count, settings
from elsuite.landscapes.base import Landscape
from elsuite.minimizers.base import Minimizer, State
from elsuite.minimizers.minibatches import evaluated
from elsuite.minimizers.one_by_one import advance_one_by_one, forget, is_fresh


@settings
class LBFGSWolfe(Minimizer):
    """`torch.optim.LBFGS` with strong Wolfe line search on the whole data; an epoch is one iteration.

    It keeps `history` pairs, and takes at most `search_values` gradients in one line search. Starts are taken one after
    the other. An iteration that finds nothing lower drops the pairs of its start; when the next one, along the plain
    gradient, finds nothing either, the start has converged.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> result, = LBFGSWolfe().minimize(SixHumpCamel(), [[0.5, -0.5]])
    >>> print(result.outcome, round(result.solutions[0].energies["energy"], 8))
    converged -1.03162845
    """

    history: Count = 10
    search_values: Count = 25

    name: ClassVar[str] = "lbfgs-wolfe"

    def begin(self, landscape: Landscape, state: State) -> State:
        """See `Minimizer`."""
        n = len(state["points"])
        counts = {"n_evaluations": state["n_evaluations"] + 1, "converged": torch.zeros(n, dtype=torch.bool)}
        return state | evaluated(landscape, state["points"]) | counts

    def advance(self, landscape: Landscape, state: State, epoch: int) -> State:
        """See `Minimizer`."""
        new = advance_one_by_one(landscape, state, epoch=epoch, make=self._make, batch_size=None)
        lower = new["energy"] < state["energy"]
        kept = {
            name: _where(lower, new[name], state[name]) for name in ("points", "energy", "gradient", "gradient_norm")
        }
        steps = {"n_steps": state["n_steps"] + lower.cpu(), "converged": ~lower & is_fresh(state).to(lower.device)}
        return forget(new, ~lower) | kept | steps

    def _make(self, parameter: Tensor) -> torch.optim.Optimizer:
        return torch.optim.LBFGS(
            [parameter],
            max_iter=1,
            max_eval=1 + self.search_values,
            history_size=self.history,
            tolerance_grad=0,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )


def _where(rows: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(rows.reshape(-1, *[1] * (yes.ndim - 1)), yes, no)
