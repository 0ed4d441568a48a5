"""What the finders share whose paths are a basis times coefficients (`SeriesPathFinder`)."""

import abc
import math
from dataclasses import dataclass
from typing import Literal, final

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.paths.base import Basis, Path, PathFinder, PathSearch
from elsuite.paths.descent import Density, Descent, PowerSum, descend
from elsuite.paths.rounds import Plan, converge
from elsuite.paths.search import Ledger, conclude, straight_path

__all__ = ["SeriesPathFinder"]

FEWEST_STEPS, MOST_STEPS = 400, 1000
"""Of a first round over data: fewer leave every height too high, more were never needed at first."""

STEPS_ON_SURFACES = 50
"""Of a first round on a surface without data, for each sharpness of the maximum."""

PUBLISHED_STEPS, PUBLISHED_STEPS_ON_SURFACES = 100, 300
"""Without rounds: of the networks in arXiv:2602.21276, and what its two-dimensional example takes to settle."""


@dataclass(frozen=True, kw_only=True)
class SeriesPathFinder(PathFinder):
    """Lowers a path's coefficients by stochastic steps, in rounds until the height stops falling.

    Over data, a step looks at `points_per_step` random points of the path, most of them near the ends, one in each of
    as many equally probable parts, and at each with `images_per_step` random samples of its own, and lowers the sum
    of the energies. On other surfaces a step looks at `n_points` points and lowers a soft maximum. After each round
    the path is measured on the full surface, between the points too (`measure`); the next one has twice the steps at
    half the learning rate.

    Attributes
    ----------
    n_points : int
        Points of the profile; of every step as well, at fixed equally spaced t, where `points_per_step` is None.
    points_per_step, images_per_step : int, optional
        None: the fixed points; the whole data set.
    density : {"arcsine", "uniform"}
        Of random points over data: most near the ends, or all parts of [0, 1] alike.
    power, smoothness : float
        q and lambda of the objective over data, and of any without rounds (`PowerSum`).
    relative_step : bool
        Whether learning rates are in units of the root mean square difference of the ends in a coordinate.
    second_decay : float
        Of Adam's mean squared gradients.
    n_steps : int, optional
        Of the first round. By default, over data as many as cost what measuring the path costs, between 400 and
        1000, and on other surfaces 50 for each of three sharpnesses; without rounds 100 and 300.
    tolerance : float, optional
        The search ends when a round after the first changes the height above the higher end by no more than this
        share of it. None: one round, whose outcome is ``budget spent``.
    negligible : float, optional
        The search ends when the path is no further above the higher end, in the landscape's energy. By default over
        data 1e-5 plus a thousandth of that end's energy, on other surfaces a ten-thousandth of the straight line's.
    """

    n_points: int = 51
    points_per_step: int | None = 4
    images_per_step: int | None = 64
    density: Density = "arcsine"
    power: float = 1.0
    smoothness: float = 0.0
    learning_rate: float = 0.06
    relative_step: bool = True
    schedule: Literal["constant", "cosine"] = "cosine"
    optimizer: Literal["adam", "momentum"] = "adam"
    second_decay: float = 0.9
    n_steps: int | None = None
    tolerance: float | None = 0.01
    negligible: float | None = None
    max_rounds: int = 4

    def __post_init__(self) -> None:
        """Check the settings.

        Raises
        ------
        ValueError
            In one line: the setting, what was given, what is allowed.
        """
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ValueError(f"{type(self).__name__}.{name}: given {value!r}, allowed: at least {least}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{type(self).__name__}.{name}: given {getattr(self, name)!r}, allowed: {', '.join(choices)}"
                )
        # Numbers of terms or pivots are the basis's to check.
        self.basis(None)

    @abc.abstractmethod
    def basis(self, number: int | None) -> Basis:
        """Return the basis of a round by its number, which begins with that of the one before; None: the whole."""

    @final
    def find(
        self, landscape: Landscape, start: ArrayLike | Tensor, end: ArrayLike | Tensor, seed: int = 0
    ) -> PathSearch:
        """Return the lowest path found from `start` to `end`; `seed` draws points and samples."""
        generator = torch.Generator().manual_seed(seed)
        if self.tolerance is None:
            path = straight_path(landscape, start, end, self.basis(None))
            return self._once(path, landscape, generator)
        path = straight_path(landscape, start, end, self.basis(0))
        descent = self._descent(path, landscape)
        plan = Plan(descent, self.basis, self.tolerance, self.negligible, self.max_rounds, self.n_points)
        return converge(path, landscape, plan, generator)

    def _once(self, path: Path, landscape: Landscape, generator: torch.Generator) -> PathSearch:
        ledger = Ledger()
        descended = descend(path, landscape, self._descent(path, landscape), generator)
        ledger.n_point_gradients = descended.n_point_gradients
        heights = ledger.look(descended.path, landscape, self.n_points)
        if not descended.finite or not math.isfinite(heights.refined_height):
            message = f"an energy or gradient after {descended.n_steps} steps is not finite"
            return conclude(descended.path, heights, ledger, Outcome.NOT_A_NUMBER, message)
        message = f"{descended.n_steps} steps, as many as set, without a rule of convergence"
        return conclude(descended.path, heights, ledger, Outcome.BUDGET_SPENT, message)

    def _descent(self, path: Path, landscape: Landscape) -> Descent:
        rate = self.learning_rate
        if self.relative_step:
            rate *= float((path.end - path.start).double().square().mean().sqrt())
        return Descent(
            objective=PowerSum(self.power, self.smoothness),
            n_steps=self.steps_on(landscape),
            learning_rate=rate,
            schedule=self.schedule,
            optimizer=self.optimizer,
            second_decay=self.second_decay,
            n_points=self.n_points,
            points_per_step=self.points_per_step,
            images_per_step=self.images_per_step,
            density=self.density,
        )

    def steps_on(self, landscape: Landscape) -> int:
        """Return the steps of a search's first round on `landscape`; where there are no rounds, of all of it."""
        if self.n_steps is not None:
            return self.n_steps
        over_data = isinstance(landscape, DataLandscape)
        if self.tolerance is None:
            return PUBLISHED_STEPS if over_data else PUBLISHED_STEPS_ON_SURFACES
        if not isinstance(landscape, DataLandscape):
            return STEPS_ON_SURFACES
        share = min(1.0, (self.images_per_step or math.inf) / landscape.n_samples)
        measuring = math.ceil(self.n_points / (share * (self.points_per_step or self.n_points)))
        return min(max(measuring, FEWEST_STEPS), MOST_STEPS)


_LEAST: dict[str, float] = {
    "n_points": 3,
    "points_per_step": 1,
    "images_per_step": 1,
    "power": 1,
    "smoothness": 0,
    "learning_rate": 0,
    "second_decay": 0,
    "n_steps": 1,
    "tolerance": 0,
    "negligible": 0,
    "max_rounds": 1,
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "schedule": ("constant", "cosine"),
    "optimizer": ("adam", "momentum"),
    "density": ("uniform", "arcsine"),
}
