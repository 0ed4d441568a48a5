"""The descent of the last rounds over data: quasi-Newton steps on the whole data at few points (`descend_exactly`)."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from elsuite.landscapes.base import Landscape
from elsuite.paths.base import Path
from elsuite.paths.descent import Density, Descended, path_weights, stratified

POINTS = 12
"""Points of the path whose energies are lowered, anew in each round; fewer leave ridges between them."""

STEPS = 20
"""Of L-BFGS in a round, and as many pairs are kept."""

EVALUATIONS_A_STEP = 1.25
"""At most, on average over a round; a step along a line takes one as a rule."""

POWER = 0.25
"""Of the mean of the energies above the floor: a logarithm of them for small ones, and the maximum for large ones."""

SMALLEST_SHARE = 1e-12
"""An energy nearer to the floor than this share of the highest counts as that far above it."""

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
    path: Path, landscape: Landscape, generator: torch.Generator, *, density: Density, top: float
) -> Descended:
    """Lower energies at random points of `path`, and at its highest, t = `top`, by `STEPS` steps of L-BFGS.

    Nothing here has a unit: coefficients are counted in root mean square differences of the ends in a coordinate.
    """
    t = torch.cat([stratified(POINTS, 1, generator, density)[0], torch.tensor([top], dtype=torch.float64)])
    weights = path_weights(path, t)
    unit = float((path.end - path.start).double().square().mean().sqrt())
    if not unit or not len(path.coefficients):
        return Descended(path, True, 0, 0.0)
    begin = landscape.energy(weights @ torch.vstack([path.start, path.end, path.coefficients])).double()
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
        history_size=STEPS,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )
    evaluate = _Evaluation(path, landscape, weights, target, moved, unit)
    optimizer.step(evaluate)  # type: ignore[no-untyped-call]
    spent = float(evaluate.count * len(t))
    return Descended(replace(path, coefficients=evaluate.lowest * unit), True, STEPS, spent)


class _Evaluation:
    """The target and its gradient at what is `moved`, called by the optimizer; the lowest point of all is kept."""

    def __init__(
        self, path: Path, landscape: Landscape, weights: Tensor, target: _Target, moved: Tensor, unit: float
    ) -> None:
        self._path, self._landscape, self._weights, self._target = path, landscape, weights, target
        self._moved, self._unit = moved, unit
        self.count, self.value, self.lowest = 0, math.inf, moved.detach().clone()

    def __call__(self) -> float:
        self.count += 1
        coefficients = self._moved.detach() * self._unit
        points = self._weights @ torch.vstack([self._path.start, self._path.end, coefficients])
        energies, gradients = self._landscape.energy_and_gradient(points)
        energies = energies.double()
        self._moved.grad = torch.zeros_like(self._moved)
        if not math.isfinite(float(energies.sum())) or float(energies.max()) == self._target.floor:
            return NOT_FINITE if not math.isfinite(float(energies.sum())) else -NOT_FINITE
        value, slopes = self._target.value_and_slopes(energies)
        if value < self.value:
            self.value, self.lowest = value, self._moved.detach().clone()
        # Slopes are large where energies are small: their products with the gradients are not.
        scaled = (slopes[:, None] * gradients.double() * self._unit).to(self._weights)
        self._moved.grad = self._weights[:, 2:].T @ scaled
        return value
