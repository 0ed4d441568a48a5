"""The descent that serves every path of the form basis times coefficients (`descend`)."""

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from elsuite.landscapes.base import Landscape, points_at_once
from elsuite.paths.base import Path
from elsuite.paths.optimizers import optimizer
from elsuite.paths.record import on_samples

Density = Literal["uniform", "arcsine"]

UNDER_ZERO = 1e-3
"""A power of energies is refused where one is under zero by more than this share of the largest.

A zero that is a little off, as that of the published example is by 3e-5, raises no path by more.
"""

SMALLEST_SPREAD = 1e-300
"""In place of a range of energies, or a length, that is zero."""

LOOK_EVERY = 64
"""Steps on a GPU after which it is seen whether numbers are finite."""

LENGTH_STEPS = 200
"""Steps in which the length of a path is taken while it is searched."""


class Objective(abc.ABC):
    r"""What a descent lowers: a function of the energies :math:`E_m` at :math:`w(t_m)`, and smoothness.

    .. math:: L = f(E_1 .. E_M) + \lambda \sum_m |w(t_{m+1}) - w(t_m)|^2
    """

    @property
    @abc.abstractmethod
    def sees_each(self) -> bool:
        """Whether the derivative by an energy depends on that energy alone."""

    @abc.abstractmethod
    def check(self, energies: Tensor) -> None:
        """Raise ValueError for energies that f is not meant for."""

    @abc.abstractmethod
    def slopes(self, energies: Tensor) -> Tensor:
        """Return the derivatives of f, shape (M,)."""

    @abc.abstractmethod
    def smoothness_at(self, energies: Tensor, chord: float) -> float:
        """Return lambda; `chord` is the distance between the path's ends."""


@dataclass(frozen=True)
class PowerSum(Objective):
    r"""The published objective, :math:`f = \sum_m E_m^q`, q the `power`, with lambda fixed, the `smoothness`."""

    power: float = 1.0
    smoothness: float = 0.0

    @property
    def sees_each(self) -> bool:
        """It does: f is a sum."""
        return True

    def check(self, energies: Tensor) -> None:
        """Raise ValueError where q E^(q - 1) falls with E, at energies under zero."""
        if self.power == 1:
            return
        lowest, highest = float(energies.min()), float(energies.abs().max())
        if lowest < -UNDER_ZERO * highest:
            raise ValueError(
                f"power: given {self.power:g}, allowed: 1 where energies are under zero, as {lowest:.6g} is; "
                "or give a landscape whose zero is its lowest energy"
            )

    def slopes(self, energies: Tensor) -> Tensor:
        """Return q E^(q - 1)."""
        if self.power == 1:
            return torch.ones_like(energies)
        whole = float(self.power).is_integer()
        return self.power * (energies if whole else energies.clamp(min=0.0)) ** (self.power - 1)

    def smoothness_at(self, energies: Tensor, chord: float) -> float:
        """Return `smoothness`."""
        return self.smoothness


@dataclass(frozen=True)
class SoftMaximum(Objective):
    r"""A maximum over the points that can be descended, for surfaces whose energies carry no noise.

    .. math:: f = \frac{\Delta}{s} \log \sum_m e^{s E_m / \Delta}, \quad \lambda = \mu \Delta M / |b - a|^2

    where :math:`\Delta` is the range of the energies, taken as a constant: scales drop out.
    """

    sharpness: float
    r"""s: energies under the maximum by more than :math:`\Delta / s` hardly count."""
    stiffness: float = 0.0
    r""":math:`\mu`: keeps the points spread along the path, so that none rush over the top."""

    @property
    def sees_each(self) -> bool:
        """It does not: the highest counts."""
        return False

    def check(self, energies: Tensor) -> None:
        """Any energies will do."""

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
    """Settings of one descent, which mean what those of `SeriesPathFinder` mean.

    With `by_length`, random points lie in equal parts of the path's current length in place of equal parts of t, so
    that a path gains nothing by rushing over a ridge.
    """

    objective: Objective
    n_steps: int
    learning_rate: float
    schedule: Literal["constant", "cosine"] = "constant"
    optimizer: Literal["adam", "momentum"] = "adam"
    second_decay: float = 0.999
    n_points: int = 51
    points_per_step: int | None = None
    images_per_step: int | None = None
    by_length: bool = False
    density: Density = "uniform"
    absolute_floor: bool = True
    """Whether the floor under the size of gradients that Adam has is the published one: `optimizer`."""


@dataclass(frozen=True)
class Descended:
    """What came of a descent: the path with the last finite coefficients, whether those were all, and its cost."""

    path: Path
    finite: bool
    n_steps: int
    n_point_gradients: float
    interrupted: bool = False
    """By Ctrl-C."""


def always(done: int, n_steps: int) -> bool:
    """Return that another step is to be taken."""
    return True


def descend(
    path: Path,
    landscape: Landscape,
    descent: Descent,
    generator: torch.Generator,
    goes_on: Callable[[int, int], bool] = always,
) -> Descended:
    """Lower the objective over the coefficients of `path`; the generator draws points and samples.

    Before each step `goes_on` is told how many are done of how many, and says whether it is to be taken.
    """
    spanning = torch.vstack([path.start, path.end, path.coefficients])
    coefficients = spanning[2:]
    chord = float(torch.linalg.vector_norm(path.end - path.start))
    step = optimizer(descent.optimizer, descent.second_decay, absolute=descent.absolute_floor)
    finite = _Finite(waits=_waits(coefficients))
    next_weights = _sampler(path, descent, generator)
    # On a grid the first and the last point are the ends of the path, which do not move: constants in a sum.
    grid = descent.points_per_step is None and descent.images_per_step is None
    asked = slice(1, -1) if grid and isinstance(descent.objective, PowerSum) else slice(None)
    n_points = descent.points_per_step or descent.n_points
    interrupted, memory = False, dict[str, Tensor]()
    try:
        for done in range(descent.n_steps):
            if not goes_on(done, descent.n_steps):
                break
            weights = next_weights(spanning)
            shown, share = on_samples(landscape, n_points, descent.images_per_step, generator)
            energies, gradient = _gradient(shown, weights, spanning, descent.objective, chord, asked, memory)
            if not finite.add(energies, gradient, share * len(energies)):
                break
            cosine = 0.5 + 0.5 * math.cos(math.pi * done / descent.n_steps)
            rate = descent.learning_rate * (cosine if descent.schedule == "cosine" else 1.0)
            step(coefficients, gradient, rate, finite.so_far)
    except KeyboardInterrupt:
        interrupted = True
    n_steps, spent, so_far = finite.totals()
    return Descended(replace(path, coefficients=coefficients), so_far, n_steps, spent, interrupted)


class _Finite:
    """Whether all energies and gradients of a descent were finite so far, and how many steps that was true of.

    Elsewhere than on the CPU, asking makes the program wait until all that was begun is done: there the answer stays
    where the gradients are, holds all later steps, and is asked for now and then.
    """

    def __init__(self, *, waits: bool) -> None:
        self._waits, self._steps, self._spent, self._seen = waits, 0, 0.0, True
        self.so_far: Tensor | None = None
        self._counted: Tensor | None = None

    def add(self, energies: Tensor, gradient: Tensor, cost: float) -> bool:
        """Note a step that is to be taken; return whether to go on."""
        self._spent += cost
        # One check for both: a sum over all is not finite if any is not.
        total = energies.sum() + gradient.sum()
        if not self._waits:
            self._seen = math.isfinite(float(total))
            self._steps += self._seen
            return self._seen
        here = torch.isfinite(total).to(gradient.device)
        self.so_far = here if self.so_far is None else self.so_far & here
        counted = self.so_far.long()
        self._counted = counted if self._counted is None else self._counted + counted
        self._steps += 1
        return self._steps % LOOK_EVERY > 0 or bool(self.so_far)

    def totals(self) -> tuple[int, float, bool]:
        """Return the steps taken, what was spent, the failed step included, and whether all was finite."""
        if self._counted is None or self.so_far is None or bool(self.so_far):
            return self._steps, self._spent, self._seen
        taken = int(self._counted)
        return taken, self._spent / self._steps * (taken + 1), False


def _waits(values: Tensor) -> bool:
    """Whether reading one number makes the program wait for all that was begun."""
    return values.device.type != "cpu"


def stratified(n_points: int, n_steps: int, generator: torch.Generator, density: Density = "uniform") -> Tensor:
    r"""Return ascending random t, shape (n_steps, n_points), one in each of `n_points` equally probable parts.

    The arcsine density, :math:`1 / (\pi \sqrt{t (1 - t)})`, has most points near the ends: the solutions lie in
    narrow valleys, so that a path's last ridges are there, and uniform points seldom meet them.
    """
    jitter = torch.rand(n_steps, n_points, generator=generator, dtype=torch.float64)
    shares = (torch.arange(n_points, dtype=torch.float64) + jitter) / n_points
    return shares if density == "uniform" else (0.5 * math.pi * shares).sin().square()


def path_weights(path: Path, t: Tensor) -> Tensor:
    """Return the weights of the spanning points in the path's points at `t`."""
    t = t.to(path.start.device)
    return torch.column_stack([1 - t, t, path.basis.values(t)]).to(path.start)


def _gradient(
    landscape: Landscape,
    weights: Tensor,
    spanning: Tensor,
    objective: Objective,
    chord: float,
    asked: slice,
    memory: dict[str, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Return the energies of the points `asked` for, and the gradient for the coefficients, shape (K, P).

    .. math::

        \frac{dL}{dc} = B^T \mathrm{diag}(\partial L / \partial E)\, G + 2 \lambda\, \Delta B^T \Delta W S

    with the basis B (n, K), the energies' gradients G (n, P), and points W S as combinations of the K + 2
    spanning points S (both ends and the coefficients): two matrix products, whatever n and K are. Where points are
    long they are made in `memory`, which the next step uses again: new memory takes longer than a product.
    """
    energies, gradient = _energy_term(landscape, weights[asked], spanning, objective, memory)
    smoothness = objective.smoothness_at(energies, chord)
    if smoothness:
        steps = torch.diff(weights, dim=0)
        gradient += 2 * smoothness * (steps[:, 2:].T @ steps) @ spanning
    return energies, gradient


def _energy_term(
    landscape: Landscape, weights: Tensor, spanning: Tensor, objective: Objective, memory: dict[str, Tensor] | None
) -> tuple[Tensor, Tensor]:
    bows = weights[:, 2:]
    if isinstance(objective, PowerSum) and objective.power == 1:
        return landscape.combined_gradients(weights, spanning, bows, memory)
    slopes = None
    if not objective.sees_each and len(weights) > points_at_once(landscape, vectors=2):  # all energies are needed first
        slopes = objective.slopes(landscape.combined_energies(weights, list(spanning)))

    def factors(part: slice, energies: Tensor) -> Tensor:
        own = objective.slopes(energies) if slopes is None else slopes[part]
        return bows[part] * own.to(bows)[:, None]

    energies, gradient = landscape.combined_gradients(weights, spanning, factors, memory)
    objective.check(energies)
    return energies, gradient


def _sampler(path: Path, descent: Descent, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """Return what makes, step by step, the weights of the spanning points in the step's points."""
    n_points, n_steps = descent.points_per_step, descent.n_steps
    if n_points is None:
        grid = path_weights(path, torch.linspace(0, 1, descent.n_points, dtype=torch.float64))
        return lambda spanning: grid
    parts = stratified(n_points, n_steps, generator, descent.density)
    if descent.by_length:
        fine = torch.linspace(0, 1, LENGTH_STEPS + 1, dtype=torch.float64, device=path.start.device)
        steps = torch.diff(path_weights(path, fine).double(), dim=0)
        rows = iter(parts.to(fine))
        return lambda spanning: path_weights(path, _at_shares(next(rows), fine, steps, spanning))
    # All steps in one go: for small landscapes, what a step does besides its gradient is half of its time.
    every = iter(torch.split(path_weights(path, parts.flatten()), n_points))
    return lambda spanning: next(every)


def _at_shares(shares: Tensor, fine: Tensor, steps: Tensor, spanning: Tensor) -> Tensor:
    """Return the t at which the path has gone the given shares of its length."""
    gram = (spanning @ spanning.T).double()
    lengths = ((steps @ gram) * steps).sum(1).clamp(min=0).sqrt()
    gone = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    if not gone[-1] > 0:
        return shares
    wanted = shares * gone[-1]
    k = torch.searchsorted(gone, wanted).clamp(1, LENGTH_STEPS) - 1
    return fine[k] + (wanted - gone[k]) / lengths[k].clamp(min=SMALLEST_SPREAD) * (fine[1] - fine[0])
