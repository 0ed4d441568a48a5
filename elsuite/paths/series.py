"""What the finders share whose paths are a basis times coefficients (`SeriesPathFinder`)."""

import abc
import math
from dataclasses import field, replace
from typing import Literal, final

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.core.settings import AtLeastOne, Count, NonNegative, Points, Positive, Share, settings
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.paths.base import Basis, Path, PathFinder, PathSearch, SearchInterruptedError
from elsuite.paths.descent import Density, Descent, PowerSum, SoftMaximum, descend
from elsuite.paths.exact import descend_exactly
from elsuite.paths.heights import Heights
from elsuite.paths.record import SearchRecord, spread_of_ends, straight_path
from elsuite.paths.rounds import RoundInterruptedError, Rule, Scales, converge

FEWEST_STEPS, MOST_STEPS = 400, 1000
"""Of a first round over data: fewer leave every height too high, more were never needed at first."""

STEPS_ON_SURFACES = 50
"""Of a first round on a surface without data, for each sharpness of the maximum."""

Late = Literal["exact", "sampled"]

SAMPLED_ROUNDS = 2
"""Over data so many rounds are stochastic; later ones see the whole data."""

RATE_DECAY = 0.5
"""Learning rates of the rounds fall by this, as the noise that is left has to."""

SHARPNESSES = (10.0, 50.0, 250.0)
"""Of the soft maximum, one after the other, in a round on a surface without data."""

STIFFNESS = 1e-3
"""Of the soft maximum: measured on Muller-Brown and the four Gaussians, 0 lets paths wind, 0.1 cuts corners."""

PUBLISHED_STEPS, PUBLISHED_STEPS_ON_SURFACES = 100, 300
"""Without rounds: of the networks in arXiv:2602.21276, and what its two-dimensional example takes to converge."""


@settings
class SeriesPathFinder(PathFinder):
    """Lowers a path's coefficients by stochastic steps, in rounds until the height stops falling.

    Over data, a step looks at `points_per_step` random points of the path, most of them near the ends, one in each of
    as many equally probable parts, and at each with `images_per_step` random samples of its own, and lowers the sum
    of the energies. On other surfaces a step looks at `n_points` points and lowers a soft maximum. After each round
    the path is measured on the full surface, between the points too (`measure`); the next one has twice the steps at
    half the learning rate. Over data, from the third round on a few points are lowered by quasi-Newton steps on all of
    the data (`descend_exactly`): what noise leaves above the ends is far above them on a logarithmic axis.

    Attributes
    ----------
    n_points : int
        Points of the profile; of every step as well, at fixed equally spaced t, where `points_per_step` is None.
    points_per_step, images_per_step : int, optional
        None: the fixed points; the whole data set.
    density : {"arcsine", "uniform"}
        Of random points over data: most near the ends, or all parts of [0, 1] alike.
    power, smoothness : float
        q and lambda of the objective over data, and of any without rounds (`PowerSum`). Another power than 1 needs
        energies that are nowhere under zero; one that is met raises ValueError.
    relative_step : bool
        Whether learning rates are in units of the root mean square difference of the ends in a coordinate.
    optimizer : {"adam", "momentum"}
        Adam's steps are as long as the rate says, whatever the unit of energy; with momentum they are the rate times
        the gradient, so that the rate has to fit the surface.
    second_decay : float
        Of Adam's mean squared gradients.
    n_steps : int, optional
        Of the first round. By default, over data as many as cost what measuring the path costs, between 400 and
        1000, and on other surfaces 50 for each of three sharpnesses; without rounds 100 and 300.
    tolerance : float, optional
        The search ends when a round after the first changes the height above the higher end by no more than this
        share of it. None: one round, whose outcome is ``budget spent``.
    negligible : float, optional
        The search ends when the path is no further above the higher end, in the landscape's energy. By default in the
        surface's own scale: `nothing_above`.
    scales : {"own", "absolute"}
        Of what is negligible, and of Adam's floor under the size of gradients: the surface's own, whatever the unit and
        the zero of its energy; or, as earlier versions and the published procedure have them, 1e-5 and a thousandth of
        the higher end's energy over data, a ten-thousandth of the straight line's height elsewhere, and 1e-8.
    late : {"exact", "sampled"}
        Over data, whether later rounds see the whole data or are like the first.
    seconds : float, optional
        A search ends after so long, with the lowest path so far: what it finds depends on the machine.
    """

    n_points: Points = 51
    points_per_step: Count | None = 4
    images_per_step: Count | None = 64
    density: Density = field(default="arcsine", metadata={"before": "uniform"})
    power: AtLeastOne = 1.0
    smoothness: NonNegative = 0.0
    learning_rate: NonNegative = 0.06
    relative_step: bool = True
    schedule: Literal["constant", "cosine"] = "cosine"
    optimizer: Literal["adam", "momentum"] = "adam"
    second_decay: Share = 0.9
    n_steps: Count | None = None
    tolerance: NonNegative | None = 0.01
    negligible: NonNegative | None = None
    max_rounds: Count = field(default=6, metadata={"was": 4})
    scales: Scales = field(default="own", metadata={"before": "absolute"})
    late: Late = field(default="exact", metadata={"before": "sampled"})
    seconds: Positive | None = field(default=None, metadata={"before": None})

    @abc.abstractmethod
    def basis(self, number: int | None) -> Basis:
        """Return the basis of a round by its number, which begins with that of the one before; None: the whole."""

    @final
    def find(
        self, landscape: Landscape, start: ArrayLike | Tensor, end: ArrayLike | Tensor, seed: int = 0
    ) -> PathSearch:
        """Return the lowest path found from `start` to `end`; `seed` draws points and samples."""
        generator = torch.Generator().manual_seed(seed)
        record = SearchRecord(landscape, self.n_points, self.seconds)
        path = straight_path(landscape, start, end, self.basis(None if self.tolerance is None else 0))
        descent = self._descent(path, landscape)
        if self.tolerance is None:
            record.round = 1
            descended = descend(path, landscape, descent, generator, record.goes_on)
            record.n_point_gradients = descended.n_point_gradients
            heights = record.measure(descended.path)
            if descended.interrupted:
                message = f"interrupted after {descended.n_steps} steps"
                raise SearchInterruptedError(record.search(descended.path, heights, Outcome.INTERRUPTED, message))
            if not descended.finite or not math.isfinite(heights.refined_height):
                message = f"an energy or gradient after {descended.n_steps} steps is not finite"
                return record.search(descended.path, heights, Outcome.NOT_A_NUMBER, message)
            message = f"{descended.n_steps} steps, as many as set, without a rule of convergence"
            if descended.n_steps < descent.n_steps:
                message = f"{descended.n_steps} of {descent.n_steps} steps in the {self.seconds:g} seconds set"
            return record.search(descended.path, heights, Outcome.BUDGET_SPENT, message)
        exact = self.late == "exact" and isinstance(landscape, DataLandscape)
        rule = Rule(
            self.tolerance,
            self.negligible,
            self.max_rounds,
            self.scales,
            # Noise may stall a path that exact steps would lower.
            first_settled=SAMPLED_ROUNDS + 1 if exact else 2,
        )

        def lowered(number: int, path: Path, heights: Heights) -> Path | None:
            if exact and number >= SAMPLED_ROUNDS:
                return self._exact_round(path, heights, record, generator)
            return self._round(number, path, descent, record, generator)

        return converge(path, record, lowered, rule=rule)

    def _exact_round(
        self, path: Path, heights: Heights, record: SearchRecord, generator: torch.Generator
    ) -> Path | None:
        """Return the path after a round on the whole data, None if a number is not finite."""
        found = descend_exactly(
            _with_basis(path, self.basis(None)),
            record.landscape,
            generator,
            density=self.density,
            top=heights.refined_t,
            goes_on=record.goes_on,
        )
        record.n_point_gradients += found.n_point_gradients
        if found.interrupted:
            raise RoundInterruptedError(found.path)
        return found.path if found.finite else None

    def _round(
        self, number: int, path: Path, first: Descent, record: SearchRecord, generator: torch.Generator
    ) -> Path | None:
        """Return the path after round `number`, of twice the steps of the one before.

        Noisy energies are lowered as a mean: going for their maximum was worse at equal cost. Where every energy is
        exact there is no noise to average out, and the soft maximum is lowered instead, from blunt to sharp.

        Raises
        ------
        RoundInterruptedError
            At Ctrl-C.
        """
        n_steps = first.n_steps * 2**number
        if isinstance(record.landscape, DataLandscape):
            basis, rate = self.basis(number), first.learning_rate * RATE_DECAY**number
            descents = [replace(first, n_steps=n_steps, learning_rate=rate)]
        else:
            basis = self.basis(None)
            exact = replace(first, n_steps=n_steps, points_per_step=self.n_points, by_length=True, density="uniform")
            descents = [replace(exact, objective=SoftMaximum(s, STIFFNESS)) for s in SHARPNESSES]
        path = _with_basis(path, basis)
        for descent in descents:
            descended = descend(path, record.landscape, descent, generator, record.goes_on)
            record.n_point_gradients += descended.n_point_gradients
            if descended.interrupted:
                raise RoundInterruptedError(descended.path)
            if not descended.finite:
                return None
            path = descended.path
        return path

    def _descent(self, path: Path, landscape: Landscape) -> Descent:
        rate = self.learning_rate
        if self.relative_step:
            rate *= spread_of_ends(path)
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
            absolute_floor=self.scales == "absolute",
        )

    def steps_on(self, landscape: Landscape) -> int:
        """Return the steps of a search's first round on `landscape`; where there are no rounds, of all of it."""
        if self.n_steps is not None:
            return self.n_steps
        if not isinstance(landscape, DataLandscape):
            return PUBLISHED_STEPS_ON_SURFACES if self.tolerance is None else STEPS_ON_SURFACES
        if self.tolerance is None:
            return PUBLISHED_STEPS
        share = min(1.0, (self.images_per_step or math.inf) / landscape.n_samples)
        measuring = math.ceil(self.n_points / (share * (self.points_per_step or self.n_points)))
        return min(max(measuring, FEWEST_STEPS), MOST_STEPS)


def _with_basis(path: Path, basis: Basis) -> Path:
    """Return the same curve with the terms of `basis`, which begins with those of the path's own."""
    new = path.coefficients.new_zeros(basis.n_terms - len(path.coefficients), len(path.start))
    return replace(path, basis=basis, coefficients=torch.cat([path.coefficients, new]))
