"""The descent that serves every path of the form basis times coefficients (`descend`)."""

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.paths.base import Path

__all__ = [
    "Descended",
    "Descent",
    "Objective",
    "PowerSum",
    "SoftMaximum",
    "descend",
    "path_gradient",
    "stratified",
]

BYTES_AT_ONCE = 2**28
"""Points of a path and their gradients are made in chunks of this size."""

SMALLEST_SPREAD = 1e-300
"""In place of a range of energies that is zero."""

ADAM_DECAYS = (0.9, 0.999)
ADAM_FLOOR = 1e-8


class Objective(abc.ABC):
    r"""What a descent lowers: a function of the energies :math:`E_m` at :math:`w(t_m)`, and smoothness.

    .. math:: L = f(E_1 .. E_M) + \lambda \sum_m |w(t_{m+1}) - w(t_m)|^2
    """

    @abc.abstractmethod
    def slopes(self, energies: Tensor) -> Tensor:
        """Return the derivatives of f, shape (M,)."""

    @abc.abstractmethod
    def smoothness_at(self, energies: Tensor, chord: float) -> float:
        """Return lambda; `chord` is the distance between the path's ends."""


@dataclass(frozen=True)
class PowerSum(Objective):
    r"""The published objective, :math:`f = \sum_m E_m^q` with a fixed lambda.

    Attributes
    ----------
    power : float
        q.
    smoothness : float
        Lambda.
    """

    power: float = 1.0
    smoothness: float = 0.0

    def slopes(self, energies: Tensor) -> Tensor:
        """Return q E^(q - 1)."""
        return torch.ones_like(energies) if self.power == 1 else self.power * energies ** (self.power - 1)

    def smoothness_at(self, energies: Tensor, chord: float) -> float:
        """Return `smoothness`."""
        return self.smoothness


@dataclass(frozen=True)
class SoftMaximum(Objective):
    r"""A maximum over the points that can be descended, for surfaces whose energies carry no noise.

    .. math:: f = \frac{\Delta}{s} \log \sum_m e^{s E_m / \Delta}, \quad \lambda = \mu \Delta M / |b - a|^2

    where :math:`\Delta` is the range of the energies, taken as a constant: scales drop out.

    Attributes
    ----------
    sharpness : float
        s: energies under the maximum by more than :math:`\Delta / s` hardly count.
    stiffness : float
        :math:`\mu`: keeps the points spread along the path, so that none rush over the top.
    """

    sharpness: float
    stiffness: float = 0.0

    def slopes(self, energies: Tensor) -> Tensor:
        """Return the softmax of the energies."""
        spread = (energies.max() - energies.min()).clamp(min=SMALLEST_SPREAD)
        return torch.softmax(self.sharpness * (energies - energies.max()) / spread, dim=0)

    def smoothness_at(self, energies: Tensor, chord: float) -> float:
        """Return lambda for the current range of the energies."""
        if not chord:
            return 0.0
        return self.stiffness * float(energies.max() - energies.min()) * len(energies) / chord**2


@dataclass(frozen=True)
class Descent:
    """Settings of one descent.

    Attributes
    ----------
    objective : Objective
    n_steps : int
    learning_rate : float
        Step of a coefficient's components.
    schedule : str
        ``"constant"``, or ``"cosine"``: down to zero along half a cosine.
    optimizer : str
        ``"adam"``, or ``"momentum"``: gradient steps with momentum 0.9.
    n_points : int
        Points of the fixed grid from 0 to 1.
    points_per_step : int, optional
        Random points of a step, one in each of as many equal parts of [0, 1], in place of the grid.
    images_per_step : int, optional
        Random samples of a step, on landscapes over data; all by default.
    """

    objective: Objective
    n_steps: int
    learning_rate: float
    schedule: Literal["constant", "cosine"] = "constant"
    optimizer: Literal["adam", "momentum"] = "adam"
    n_points: int = 51
    points_per_step: int | None = None
    images_per_step: int | None = None


@dataclass(frozen=True)
class Descended:
    """What came of a descent: the path with the last finite coefficients, and what it took.

    Attributes
    ----------
    path : Path
    finite : bool
        False if it was stopped by an energy or gradient that is not finite.
    n_steps : int
    n_point_gradients : float
        In units of the whole data set at one point.
    """

    path: Path
    finite: bool
    n_steps: int
    n_point_gradients: float


def descend(path: Path, landscape: Landscape, descent: Descent, generator: torch.Generator) -> Descended:
    """Lower the objective over the coefficients of `path`; the generator draws points and samples."""
    coefficients = path.coefficients.clone()
    step = _OPTIMIZERS[descent.optimizer]()
    spent = 0.0
    for done in range(descent.n_steps):
        t = _step_points(descent, generator)
        shown, share = _step_landscape(landscape, descent, generator)
        current = replace(path, coefficients=coefficients)
        energies, gradient = path_gradient(current, shown, t.to(landscape.device), descent.objective)
        spent += share * len(t)
        # One check for both: a sum over all is not finite if any is not.
        if not math.isfinite(float(energies.sum() + gradient.sum())):
            return Descended(current, False, done, spent)
        rate = descent.learning_rate * _schedule(descent.schedule, done / descent.n_steps)
        coefficients = coefficients - rate * step(gradient)
    return Descended(replace(path, coefficients=coefficients), True, descent.n_steps, spent)


def path_gradient(path: Path, landscape: Landscape, t: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
    r"""Return the energies at `t`, shape (n,), and the gradient for the coefficients, shape (K, P).

    .. math::

        \frac{dL}{dc} = B^T \mathrm{diag}(\partial L / \partial E)\, G + 2 \lambda\, \Delta B^T \Delta W S

    with the basis B (n, K), the energies' gradients G (n, P), and points W S as combinations of the K + 2
    spanning points S (both ends and the coefficients): two matrix products, whatever n and K are.
    """
    bows = path.basis.values(t).to(path.start)
    spanning = torch.vstack([path.start, path.end, path.coefficients])
    weights = torch.column_stack([(1 - t).to(bows), t.to(bows), bows])
    # The basis vanishes at the ends: their energies count, their gradients do not.
    energies, gradient = _accumulate(landscape, weights, spanning, objective)
    smoothness = objective.smoothness_at(energies, float(torch.linalg.vector_norm(path.end - path.start)))
    if smoothness:
        steps = torch.diff(weights, dim=0)
        gradient = gradient + 2 * smoothness * (steps[:, 2:].T @ steps) @ spanning
    return energies, gradient


def stratified(n_points: int, generator: torch.Generator) -> Tensor:
    """Return ascending random t, one uniform in each of `n_points` equal parts of [0, 1]."""
    jitter = torch.rand(n_points, generator=generator, dtype=torch.float64)
    return (torch.arange(n_points, dtype=torch.float64) + jitter) / n_points


def _accumulate(
    landscape: Landscape, weights: Tensor, spanning: Tensor, objective: Objective
) -> tuple[Tensor, Tensor]:
    bows = weights[:, 2:]
    size = max(1, BYTES_AT_ONCE // (2 * spanning.shape[1] * spanning.element_size()))
    if len(weights) <= size:
        energies, gradients = landscape.energy_and_gradient(weights @ spanning)
        return energies, (bows * objective.slopes(energies).to(bows)[:, None]).T @ gradients
    chunks = [weights[i : i + size] for i in range(0, len(weights), size)]
    # Two passes: the slopes of some objectives need all energies first.
    energies = torch.cat([landscape.energy(chunk @ spanning) for chunk in chunks])
    factors = (bows * objective.slopes(energies).to(bows)[:, None]).split(size)
    gradient = torch.zeros_like(spanning[2:])
    for chunk, factor in zip(chunks, factors, strict=True):
        gradient += factor.T @ landscape.energy_and_gradient(chunk @ spanning)[1]
    return energies, gradient


def _step_points(descent: Descent, generator: torch.Generator) -> Tensor:
    if descent.points_per_step is None:
        return torch.linspace(0, 1, descent.n_points, dtype=torch.float64)
    return stratified(descent.points_per_step, generator)


def _step_landscape(
    landscape: Landscape, descent: Descent, generator: torch.Generator
) -> tuple[Landscape, float]:
    """Return the landscape of one step, and the share of the data that it looks at."""
    n_images = descent.images_per_step
    if n_images is None or not isinstance(landscape, DataLandscape) or n_images >= landscape.n_samples:
        return landscape, 1.0
    indices = torch.randint(landscape.n_samples, (n_images,), generator=generator)
    return landscape.minibatch(indices.to(landscape.device)), n_images / landscape.n_samples


def _schedule(name: str, progress: float) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * progress) if name == "cosine" else 1.0


def _adam() -> Callable[[Tensor], Tensor]:
    """Return a function from gradients, in the order of the steps, to Adam's directions."""
    first: Tensor | float = 0.0
    second: Tensor | float = 0.0
    count = 0
    a, b = ADAM_DECAYS

    def direction(gradient: Tensor) -> Tensor:
        nonlocal first, second, count
        count += 1
        first = a * first + (1 - a) * gradient
        second = b * second + (1 - b) * gradient**2
        return (first / (1 - a**count)) / ((second / (1 - b**count)).sqrt() + ADAM_FLOOR)

    return direction


def _momentum(decay: float = 0.9) -> Callable[[Tensor], Tensor]:
    """Return a function from gradients, in the order of the steps, to their decaying sums."""
    total: Tensor | float = 0.0

    def direction(gradient: Tensor) -> Tensor:
        nonlocal total
        total = decay * total + gradient
        return total

    return direction


_OPTIMIZERS = {"adam": _adam, "momentum": _momentum}
