"""L-BFGS with a line search by the strong Wolfe conditions, as PyTorch has it: the ordinary control."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from elsuite.core.settings import Count, settings
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.minimizers.base import Minimizer, State
from elsuite.minimizers.minibatches import evaluated
from elsuite.minimizers.one_by_one import advance_one_by_one, forget, is_fresh
from elsuite.minimizers.scales import FIRST, typical_slope

_LEAST = 1e-6  # of ordinary gradients, over data
_MILLIONTH = 1e-6


@settings
class LBFGSWolfe(Minimizer):
    """`torch.optim.LBFGS` with strong Wolfe line search on the whole data; an epoch is one iteration.

    It keeps `history` pairs, and takes at most `search_values` gradients in one line search. Starts are taken one after
    the other. An iteration that finds nothing lower drops the pairs of its start; when the next one, along the plain
    gradient, finds nothing either, the start is stuck: `minimize` says whether it has converged.

    Torch's constants (a first step of 1, pairs of 1e-10) are for numbers about 1. On landscapes without data torch is
    given lengths in units of the first step, a twentieth of the length scale, and gradients in units of a millionth of
    the landscape's own or of the start's, if that is smaller. Over data it is given numbers as they are, unless the
    length scale is outside 0.01 to 100, or a first gradient under 1e-6 or so large that squares overflow.

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
        known = evaluated(landscape, state["points"])
        own = {
            "n_evaluations": state["n_evaluations"] + 1,
            "stuck": torch.zeros(n, dtype=torch.bool),
            "unit": _slope_units(landscape, known["gradient_norm"].cpu()),
        }
        return state | known | own

    def advance(self, landscape: Landscape, state: State, epoch: int) -> State:
        """See `Minimizer`."""
        new = advance_one_by_one(
            landscape, state, epoch=epoch, make=self._make, batch_size=None, length=_length_unit(landscape)
        )
        lower = new["energy"] < state["energy"]
        kept = {
            name: _where(lower, new[name], state[name]) for name in ("points", "energy", "gradient", "gradient_norm")
        }
        steps = {"n_steps": state["n_steps"] + lower.cpu(), "stuck": ~lower & is_fresh(state).to(lower.device)}
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


def _length_unit(landscape: Landscape) -> float:
    """Return the length that torch takes for 1, a power of two."""
    scale = landscape.length_scale
    if not isinstance(landscape, DataLandscape):
        return 2.0 ** round(math.log2(FIRST * scale))
    return 1.0 if 1e-2 <= scale <= 1e2 else 2.0 ** round(math.log2(scale))


def _slope_units(landscape: Landscape, slopes: Tensor) -> Tensor:
    """Return the gradients that torch takes for 1, powers of two, for starts with gradients of some norms."""
    if isinstance(landscape, DataLandscape):
        largest = torch.finfo(landscape.dtype).max ** (1 / 3)  # larger ones only hurt where squares overflow
        unit = torch.where((slopes >= _LEAST) & (slopes <= largest), torch.ones_like(slopes), slopes)
    else:
        unit = _MILLIONTH * torch.fmin(slopes, torch.tensor(typical_slope(landscape), dtype=slopes.dtype))
    usable = (unit > 0) & torch.isfinite(unit)
    return torch.where(usable, torch.exp2(torch.round(torch.log2(unit))), torch.ones_like(unit))


def _where(rows: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(rows.reshape(-1, *[1] * (yes.ndim - 1)), yes, no)
