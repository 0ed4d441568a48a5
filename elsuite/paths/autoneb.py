"""Nudged elastic bands that grow pivots where they need them (`AutoNEBPathFinder`)."""

import math
from dataclasses import field, replace
from typing import ClassVar, final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from elsuite.core.settings import Count, NonNegative, Points, Positive, Whole, settings
from elsuite.landscapes.base import Landscape
from elsuite.paths.base import Path, PathFinder, PathSearch
from elsuite.paths.bases import HatBasis
from elsuite.paths.heights import Heights
from elsuite.paths.optimizers import optimizer
from elsuite.paths.record import SearchRecord, on_samples, spread_of_ends, straight_path
from elsuite.paths.rounds import RoundInterruptedError, Rule, Scales, converge


@final
@settings
class AutoNEBPathFinder(PathFinder):
    r"""Moves the pivots of a chain, each down its energy across the band, and inserts more where the band sags.

    Each cycle takes steps of Adam along :math:`-[g - (g \cdot \tau) \tau]` with the improved tangents
    :math:`\tau` of Henkelman and Jonsson (2000), and after each step puts the pivots back to their shares of the
    band's length (springs of infinite strength). Then the band is measured; where it exceeds the straight line
    between the energies of two pivots by more than `sag` of its range, a pivot is inserted at the highest excess.
    The learning rate falls by half with each cycle. After Draxler et al. (2018).

    Attributes
    ----------
    n_pivots, most_pivots : int
        Inner pivots at first and at most.
    learning_rate : float
        Of the first cycle, in units of the root mean square difference of the ends in a coordinate.
    images_per_step : int, optional
        Random samples at each pivot, on landscapes over data; None: all.
    tolerance : float
        The search ends when no pivot is wanted and a cycle changes the height above the higher end by no more than
        this share of it.
    negligible : float, optional
        The search ends when the band is no further above the higher end: `SeriesPathFinder` has the default.
    scales : {"own", "absolute"}
        As `SeriesPathFinder` has them.
    seconds : float, optional
        As `SeriesPathFinder` has them.

    Examples
    --------
    >>> from elsuite.landscapes import FourGaussians
    >>> surface = FourGaussians()
    >>> search = AutoNEBPathFinder().find(surface, *surface.minima)
    >>> print(search.outcome, round(search.refined_height, 2))
    converged 0.62
    """

    n_pivots: Count = 3
    most_pivots: Whole = 31
    sag: NonNegative = 0.1
    n_steps: Count = 60
    max_cycles: Count = 12
    learning_rate: NonNegative = 0.1
    images_per_step: Count | None = 512
    tolerance: NonNegative = 0.01
    negligible: NonNegative | None = None
    n_points: Points = 51
    scales: Scales = field(default="own", metadata={"before": "absolute"})
    seconds: Positive | None = field(default=None, metadata={"before": None})

    name: ClassVar[str] = "autoneb"

    def find(
        self, landscape: Landscape, start: ArrayLike | Tensor, end: ArrayLike | Tensor, seed: int = 0
    ) -> PathSearch:
        """Return the lowest band found from `start` to `end`; `seed` draws the samples."""
        generator = torch.Generator().manual_seed(seed)
        record = SearchRecord(landscape, self.n_points, self.seconds)
        path = straight_path(landscape, start, end, HatBasis(self.n_pivots))
        return converge(
            path,
            record,
            lambda number, path, heights: self._cycle(number, path, heights, record, generator),
            # Over random samples a cycle may raise the band: that it grew at all says that more may help.
            lambda path, heights: self._with_pivots(path, heights, record),
            rule=Rule(self.tolerance, self.negligible, self.max_cycles, self.scales, restarts=self.scales == "own"),
        )

    def _cycle(
        self, number: int, path: Path, heights: Heights, record: SearchRecord, generator: torch.Generator
    ) -> Path | None:
        """Return the path after the steps of one cycle, None if a number is not finite."""
        positions = _positions(path)
        band = path.points(torch.as_tensor(positions))
        ends = heights.profile[[0, -1]].tolist()
        step = optimizer("adam", 0.999, absolute=self.scales == "absolute")
        rate = self.learning_rate / 2**number
        rate *= spread_of_ends(path)
        try:
            for done in range(self.n_steps):
                if not record.goes_on(done, self.n_steps):
                    break
                shown, share = on_samples(record.landscape, len(band) - 2, self.images_per_step, generator)
                inner, gradients = shown.energy_and_gradient(band[1:-1])
                record.n_point_gradients += share * len(inner)
                if not math.isfinite(float(inner.sum() + gradients.sum())):
                    return None
                energies = torch.cat([inner.new_tensor(ends[:1]), inner, inner.new_tensor(ends[1:])])
                tangents = band_tangents(band, energies)
                across = gradients - (gradients * tangents).sum(1, keepdim=True) * tangents
                step(band[1:-1], across, rate, None)
                band = spread_evenly(band, positions)
        except KeyboardInterrupt:
            raise RoundInterruptedError(path_through(band, positions)) from None
        return path_through(band, positions)

    def _with_pivots(self, path: Path, heights: Heights, record: SearchRecord) -> Path:
        """Return the same curve with more pivots, or the path itself if none is wanted."""
        positions = _positions(path)
        at_pivots = record.landscape.energy(path.points(torch.as_tensor(positions))).cpu().numpy()
        record.n_evaluations += len(positions)
        t = np.linspace(0.0, 1.0, len(heights.profile))
        t, energies = np.append(t, heights.refined_t), np.append(heights.profile, heights.refined_height)
        excess = energies - np.interp(t, positions, at_pivots)
        gap = np.searchsorted(positions, t, side="right")
        new: list[float] = []
        for k in range(1, len(positions)):
            inside = np.flatnonzero((gap == k) & (t > positions[k - 1]) & (t < positions[k]))
            if inside.size and excess[inside].max() > self.sag * np.ptp(energies):
                new.append(float(t[inside[excess[inside].argmax()]]))
        new = new[: max(0, self.most_pivots - (len(positions) - 2))]
        if not new:
            return path
        positions = np.unique(np.append(positions, new))
        return path_through(path.points(torch.as_tensor(positions)), positions)


def band_tangents(band: Tensor, energies: Tensor) -> Tensor:
    r"""Return the unit tangents at the inner pivots of a `band`, shape (n, P), by the improved rule.

    Towards the higher neighbor where energies rise or fall along the band; at an extremum the mean of both
    directions, weighted so that it turns over smoothly: Henkelman and Jonsson, J. Chem. Phys. 113, 9978 (2000).
    """
    steps = torch.diff(band, dim=0)
    back, ahead = steps[:-1], steps[1:]
    before, here, after = energies[:-2], energies[1:-1], energies[2:]
    to_before, to_after = (before - here).abs(), (after - here).abs()
    most, least = torch.maximum(to_before, to_after), torch.minimum(to_before, to_after)
    weight_ahead = torch.where(after > before, most, least)
    weight_back = torch.where(after > before, least, most)
    rising, falling = (after > here) & (here > before), (after < here) & (here < before)
    weight_ahead = torch.where(rising, 1.0, torch.where(falling, 0.0, weight_ahead))
    weight_back = torch.where(rising, 0.0, torch.where(falling, 1.0, weight_back))
    tangents = weight_ahead.to(band)[:, None] * ahead + weight_back.to(band)[:, None] * back
    return torch.nn.functional.normalize(tangents, dim=1, eps=torch.finfo(tangents.dtype).tiny)


def spread_evenly(band: Tensor, positions: NDArray[np.float64]) -> Tensor:
    """Return the `band` with its pivots moved along it to the given shares of its length; the ends stay."""
    lengths = torch.linalg.vector_norm(torch.diff(band, dim=0), dim=1).double()
    gone = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    if not gone[-1] > 0:
        return band
    wanted = torch.as_tensor(positions[1:-1], device=band.device) * gone[-1]
    k = torch.searchsorted(gone, wanted).clamp(1, len(lengths)) - 1
    share = ((wanted - gone[k]) / lengths[k].clamp(min=torch.finfo(torch.float64).tiny)).to(band)
    inner = torch.lerp(band[k], band[k + 1], share[:, None])
    return torch.cat([band[:1], inner, band[-1:]])


def _positions(path: Path) -> NDArray[np.float64]:
    basis = path.basis
    if not isinstance(basis, HatBasis):
        raise TypeError(f"a band has a HatBasis, not {basis}")
    return np.array([0.0, *basis.pivots, 1.0])


def path_through(band: Tensor, positions: NDArray[np.float64]) -> Path:
    """Return the path that passes the points of a `band` at the given t."""
    inner = tuple(float(position) for position in positions[1:-1])
    straight = Path(band[0], band[-1], HatBasis(len(inner), inner), torch.zeros_like(band[1:-1]))
    line = straight.points(torch.tensor(inner, dtype=torch.float64))
    return replace(straight, coefficients=band[1:-1] - line)
