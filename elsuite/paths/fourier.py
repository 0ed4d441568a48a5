"""Paths as sine series between two points (`FourierPathFinder`)."""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.minimizers.base import Outcome
from elsuite.paths.base import Path, PathFinder, PathSearch
from elsuite.paths.basis import SineBasis
from elsuite.paths.converge import converge
from elsuite.paths.engine import Descended, Descent, Objective, PowerSum, SoftMaximum, descend
from elsuite.paths.search import Ledger, conclude, straight_path

__all__ = ["FourierPathFinder"]

SHARPNESS = (10.0, 50.0, 250.0)


@dataclass(frozen=True)
class FourierPathFinder(PathFinder):
    r"""Searches :math:`w(t) = (1 - t) a + t b + \sum_n b_n \sin(n \pi t) / n^d`.

    Attributes
    ----------
    n_terms : int
    decay : float
        d: what one step moves of mode n falls as 1 / n^d.
    n_points : int
        Points of the profile and, without `points_per_step`, of every step.
    points_per_step, images_per_step : int, optional
        Random points and samples of a step; all by default.
    smoothness, power : float
        Lambda and q of the objective.
    learning_rate : float
    relative_step : bool
        Learning rates in units of the ends' root mean square difference a coordinate.
    schedule, optimizer : str
    n_steps : int, optional
        Steps of the first round. By default 100 over data, as published, and 300 on other surfaces.
    tolerance : float, optional
        Without it there is one round, and no rule of convergence.
    max_rounds : int
    """

    n_terms: int = 10
    decay: float = 2.0
    n_points: int = 51
    points_per_step: int | None = 8
    images_per_step: int | None = 256
    smoothness: float = 0.0
    power: float = 1.0
    learning_rate: float = 0.03
    relative_step: bool = True
    schedule: Literal["constant", "cosine"] = "cosine"
    optimizer: Literal["adam", "momentum"] = "adam"
    n_steps: int | None = 50
    tolerance: float | None = 1e-3
    max_rounds: int = 4

    name: ClassVar[str] = "fourier"

    @classmethod
    def published(cls, **changes: Any) -> Self:
        """Return the published procedure: raw sines, a fixed grid, full batches, 100 steps of Adam."""
        settings: dict[str, Any] = {
            "decay": 0.0,
            "n_points": 50,
            "points_per_step": None,
            "images_per_step": None,
            "smoothness": 1e-4,
            "learning_rate": 1e-3,
            "relative_step": False,
            "schedule": "constant",
            "n_steps": None,
            "tolerance": None,
        }
        return cls(**(settings | changes))

    def find(
        self, landscape: Landscape, start: ArrayLike | Tensor, end: ArrayLike | Tensor, seed: int = 0
    ) -> PathSearch:
        """Return the lowest path found; points and samples are drawn by `seed`."""
        path = straight_path(landscape, start, end, SineBasis(self.n_terms, self.decay))
        generator = torch.Generator().manual_seed(seed)
        if self.tolerance is None:
            return self._once(path, landscape, generator)
        return converge(
            path,
            landscape,
            lambda path, number: self._round(path, landscape, number, generator),
            tolerance=self.tolerance,
            max_rounds=self.max_rounds,
            n_points=self.n_points,
        )

    def _once(self, path: Path, landscape: Landscape, generator: torch.Generator) -> PathSearch:
        ledger = Ledger()
        descended = descend(path, landscape, self._descent(path, landscape), generator)
        ledger.n_point_gradients = descended.n_point_gradients
        heights = ledger.look(descended.path, landscape, self.n_points)
        if not descended.finite or not math.isfinite(heights.refined_height):
            message = f"an energy or gradient after {descended.n_steps} steps is not finite"
            return conclude(descended.path, heights, ledger, Outcome.NOT_A_NUMBER, message)
        message = f"{descended.n_steps} steps, as many as set; not checked for convergence"
        return conclude(descended.path, heights, ledger, Outcome.BUDGET_SPENT, message)

    def _descent(self, path: Path, landscape: Landscape) -> Descent:
        rate = self.learning_rate
        if self.relative_step:
            rate *= float((path.end - path.start).double().square().mean().sqrt())
        n_steps = (
            self.n_steps
            if self.n_steps is not None
            else (100 if isinstance(landscape, DataLandscape) else 300)
        )
        return Descent(
            PowerSum(self.power, self.smoothness),
            n_steps,
            rate,
            self.schedule,
            self.optimizer,
            self.n_points,
            self.points_per_step,
            self.images_per_step,
        )

    def _round(
        self, path: Path, landscape: Landscape, number: int, generator: torch.Generator
    ) -> tuple[Descended, ...]:
        descent = self._descent(path, landscape)
        descent = replace(descent, n_steps=descent.n_steps * 2**number)
        if isinstance(landscape, DataLandscape):
            return (descend(path, landscape, descent, generator),)
        descents: list[Descended] = []
        for sharpness in SHARPNESS:
            objective: Objective = SoftMaximum(sharpness, 1e-3)
            descents.append(
                descend(
                    path,
                    landscape,
                    replace(descent, objective=objective, points_per_step=self.n_points),
                    generator,
                )
            )
            path = descents[-1].path
        return tuple(descents)
