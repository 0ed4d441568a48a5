"""The descent of the last rounds over data: quasi-Newton steps on the whole data at few points (`descend_exactly`)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from elsuite.landscapes.base import Landscape, points_at_once
from elsuite.paths.base import Path
from elsuite.paths.descent import Density, Descended, always, path_weights, stratified
from elsuite.paths.record import spread_of_ends

POINTS = 12
"""Points of the path whose energies are lowered, anew in each round; fewer leave ridges between them."""

STEPS = 20
"""Of L-BFGS in a round, and as many pairs are kept, where there is room."""

NUMBERS_KEPT = 2**29
"""At most so many are kept in pairs of steps and changes of the gradient: how many pairs is not for a machine's memory
to decide, since the path depends on it, but for the number of coefficients."""

FEWEST_KEPT = 2
"""Pairs, however many coefficients there are."""

EVALUATIONS_A_STEP = 1.25
"""At most, on average over a round; a step along a line takes one as a rule."""

POWER = 0.25
"""Of the mean of the energies above the floor: a logarithm of them for small ones, and the maximum for large ones."""

SMALLEST_SHARE = 1e-12
"""An energy nearer to the floor than this share of the highest counts as that far above it."""

FAR_OVER = 10.0
"""Ranges of the energies over the highest one of the start."""

VECTORS_AS_WHOLE = 7
"""Of each point where all are made together: itself, its gradient, and their products in float64."""

SHARPNESS = 10.0
"""Of the soft maximum that is lowered where there is no floor."""

NOT_FINITE = 1e6
"""What a trial step to energies that are not finite is worth: more than any logarithm or share of a range."""


@dataclass(frozen=True)
class _Target:
    r"""What is lowered over the points, in units of its own: it is the same for energies in any other.

    With a floor :math:`E_0`, the logarithm of the power mean of the energies above it,

    .. math:: f = \frac1p \log \frac1M \sum_m (E_m - E_0)^p

    so that an energy of 1e-9 next to ends of 1e-11 is lowered as one of 1e-3 is; else a soft maximum over the range of
    the energies at the start.
    """

    floor: float | None
    top: float
    spread: float

    def shares_of_slopes(self, energies: Tensor) -> Tensor:
        """Return the derivatives of f by some of the energies, but for a factor that all of them decide together."""
        if self.floor is None:
            return torch.exp(SHARPNESS * ((energies - self.top) / self.spread))
        above = ((energies - self.floor) / self.spread).clamp(min=torch.finfo(torch.float64).tiny)
        return above ** (POWER - 1)

    def has_shares(self, energies: Tensor) -> bool:
        """Whether `shares_of_slopes` are what they say: no energy is next to nothing, or far over the top."""
        if self.floor is None:
            return float(energies.max() - self.top) < FAR_OVER * self.spread
        above = energies - self.floor
        return float(above.min()) > SMALLEST_SHARE * float(above.max())

    def value_and_slopes(self, energies: Tensor) -> tuple[float, Tensor]:
        """Return f and its derivatives by the energies."""
        if self.floor is None:
            shares = (energies - self.top) / self.spread
            slopes = torch.softmax(SHARPNESS * shares, dim=0) / self.spread
            return float(torch.logsumexp(SHARPNESS * shares, dim=0)) / SHARPNESS, slopes
        above = energies - self.floor
        highest = float(above.max())
        shares = (above / highest).clamp(min=SMALLEST_SHARE)
        powers = shares**POWER
        value = math.log(highest / self.spread) + math.log(float(powers.mean())) / POWER
        return value, powers / shares / (powers.sum() * highest)


def descend_exactly(
    path: Path,
    landscape: Landscape,
    generator: torch.Generator,
    *,
    density: Density,
    top: float,
    goes_on: Callable[[int, int], bool] = always,
) -> Descended:
    """Lower energies at random points of `path`, and at its highest, t = `top`, by `STEPS` steps of L-BFGS.

    `goes_on` is told the evaluations done, and how many there may be, and says whether there is to be another.
    Nothing here has a unit: coefficients are counted in root mean square differences of the ends in a coordinate.
    """
    t = torch.cat([stratified(POINTS, 1, generator, density)[0], torch.tensor([top], dtype=torch.float64)])
    weights = path_weights(path, t)
    unit = spread_of_ends(path)
    if not unit or not len(path.coefficients):
        return Descended(path, True, 0, 0.0)
    spanning = torch.vstack([path.start, path.end, path.coefficients])
    in_parts = points_at_once(landscape, vectors=VECTORS_AS_WHOLE) < len(t)
    if in_parts:
        begin = landscape.combined_energies(weights, list(spanning)).double()
    else:
        begin = landscape.energy(weights @ spanning).detach().double()
    spread = float(begin.max() - (begin.min() if landscape.energy_floor is None else landscape.energy_floor))
    if not math.isfinite(spread):
        return Descended(path, False, 0, 0.0)
    if spread <= 0:  # all points are as low as any can be, or equal
        return Descended(path, True, 0, 0.0)
    target = _Target(landscape.energy_floor, float(begin.max()), spread)
    moved = (path.coefficients / unit).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [moved],
        max_iter=STEPS,
        max_eval=int(EVALUATIONS_A_STEP * STEPS),
        history_size=min(STEPS, max(FEWEST_KEPT, NUMBERS_KEPT // (2 * moved.numel()))),
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )
    evaluate = _Evaluation(landscape, weights, spanning, target, moved, unit, in_parts, goes_on)
    interrupted = False
    try:
        optimizer.step(evaluate)  # type: ignore[no-untyped-call]
    except _LateError:
        pass
    except KeyboardInterrupt:
        interrupted = True
    spent = float(evaluate.count * len(t))
    return Descended(replace(path, coefficients=evaluate.lowest * unit), True, STEPS, spent, interrupted)


class _LateError(Exception):
    """There is to be no other evaluation; the only way out of torch's optimizer."""


class _Evaluation:
    """The target and its gradient at what is `moved`, called by the optimizer; the lowest point of all is kept."""

    def __init__(
        self,
        landscape: Landscape,
        weights: Tensor,
        spanning: Tensor,
        target: _Target,
        moved: Tensor,
        unit: float,
        in_parts: bool,
        goes_on: Callable[[int, int], bool] = always,
    ) -> None:
        self._goes_on = goes_on
        self._landscape, self._weights, self._spanning, self._target = landscape, weights, spanning, target
        self._moved, self._unit, self._are_parts = moved, unit, in_parts
        self._memory = dict[str, Tensor]()
        self.count, self.value, self.lowest = 0, math.inf, moved.detach().clone()

    def __call__(self) -> float:
        if not self._goes_on(self.count, int(EVALUATIONS_A_STEP * STEPS)):
            raise _LateError
        self.count += 1
        torch.mul(self._moved.detach(), self._unit, out=self._spanning[2:])
        energies, gradient = self._in_parts() if self._are_parts else self._whole()
        self._moved.grad = torch.zeros_like(self._moved)
        if not math.isfinite(float(energies.sum())) or float(energies.max()) == self._target.floor:
            return NOT_FINITE if not math.isfinite(float(energies.sum())) else -NOT_FINITE
        value, slopes = self._target.value_and_slopes(energies)
        if value < self.value:
            self.value = value
            self.lowest.copy_(self._moved.detach())
        self._moved.grad = gradient(slopes)
        return value

    def _whole(self) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Return the energies, and what makes the gradient of f from its derivatives by them."""
        energies, gradients = self._landscape.energy_and_gradient(self._weights @ self._spanning)

        def gradient(slopes: Tensor) -> Tensor:
            # Slopes are large where energies are small: their products with the gradients are not.
            scaled = (slopes[:, None] * gradients.double() * self._unit).to(self._weights)
            return self._weights[:, 2:].T @ scaled

        return energies.double(), gradient

    def _in_parts(self) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Return the same, with the points of one part in memory after those of the other."""
        whole, total = self._combined(lambda part, energies: self._target.shares_of_slopes(energies))

        def gradient(slopes: Tensor) -> Tensor:
            if self._target.has_shares(whole):
                top = int(whole.argmax())
                share = self._target.shares_of_slopes(whole[top : top + 1])
                return total.mul_(float(slopes[top] / share) * self._unit)
            # The slopes of points next to the floor depend on the highest: a second time.
            return self._combined(lambda part, energies: slopes[part] * self._unit)[1]

        return whole, gradient

    def _combined(self, slopes: Callable[[slice, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Return the energies, and the gradients combined by the slopes of some points after those of the others."""

        def factors(part: slice, energies: Tensor) -> Tensor:
            return (self._weights[part, 2:].double() * slopes(part, energies.double())[:, None]).to(self._weights)

        energies, total = self._landscape.combined_gradients(self._weights, self._spanning, factors, self._memory)
        return energies.double(), total
