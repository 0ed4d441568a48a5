"""Golden section search along many directions at once, each with its own bracket."""

from collections.abc import Callable

import torch
from torch import Tensor

_GROW = (1 + 5**0.5) / 2  # the golden ratio
_CUT = 2 - _GROW  # 0.382: the smaller part of a golden section


def golden_section_search(
    value: Callable[[Tensor], Tensor],
    start_value: Tensor,
    first_step: Tensor,
    *,
    n_values: int,
    largest_step: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return, for each of n functions, a step of low value and that value, never above the value at step 0.

    Of the bracket (a, b, c), b is the best step so far, a the nearest known one below it and c above it; all begin
    at a = b = 0 with c unknown. Each new step

    - grows, b + 1.618 (b - a), while nothing higher is known above b;
    - shrinks, 0.382 c, while nothing lower than step 0 is known;
    - otherwise cuts the larger of (a, b) and (b, c) in golden section.

    So the points of a growing or a shrinking bracket are in golden section already when the cutting begins.

    Parameters
    ----------
    value : callable
        Takes steps (n,) float64 and returns the n values float64; not finite counts as higher than all. It is called
        `n_values` times.
    start_value : Tensor (n,)
        Values at step 0.
    first_step : Tensor (n,)
        Positive.
    largest_step : Tensor (n,), optional

    Examples
    --------
    >>> start = torch.tensor([1.0, 4.0], dtype=torch.float64)
    >>> step, lowest = golden_section_search(lambda u: (u - start.sqrt()) ** 2, start, start / start, n_values=20)
    >>> step.round(decimals=3).tolist()
    [1.0, 2.0]
    """
    below = torch.zeros_like(start_value)
    best, lowest = torch.zeros_like(start_value), start_value
    above = torch.full_like(start_value, torch.inf)
    step = first_step
    for _ in range(n_values):
        step = step if largest_step is None else torch.minimum(step, largest_step)
        energy = torch.nan_to_num(value(step), nan=torch.inf)
        lower, right = energy < lowest, step > best
        # The old best bounds the bracket where the new step is lower; else the new step does.
        bound = torch.where(lower, best, step)
        below = torch.where(lower == right, bound, below)
        above = torch.where(lower == right, above, bound)
        best, lowest = torch.where(lower, step, best), torch.where(lower, energy, lowest)
        step = _next_step(below, best, above)
    return best, lowest


def _next_step(below: Tensor, best: Tensor, above: Tensor) -> Tensor:
    grown = best + _GROW * (best - below)
    left, right = best - below, above - best
    cut = torch.where(right > left, best + _CUT * right, best - _CUT * left)
    return torch.where(torch.isinf(above), grown, torch.where(best == 0, _CUT * above, cut))
