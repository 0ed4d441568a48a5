"""One search between two minima: a band, its tops refined, and both sides of each followed down."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from elsuite.core.identity import work_seed
from elsuite.core.outcomes import Outcome
from elsuite.core.typing import Floats
from elsuite.exploration.mapping.parcels import packed
from elsuite.exploration.mapping.plan import mapped_region
from elsuite.exploration.mapping.rows import Discovery
from elsuite.exploration.mapping.work import Region, along_directions, tops_of, verified_states
from elsuite.exploration.new_rows import NewRows
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.conversion import to_tensor
from elsuite.paths import PathFinder
from elsuite.paths.doubly_nudged import DoublyNudgedPathFinder
from elsuite.stationary import Box, Limits, refine_transition_states
from elsuite.symmetry.points import PointIndex

MOST_TOPS = 12
"""At most so many tops of one band are refined."""

DENSER = 1.5
"""A band between minima that were searched before has so many times more images."""

BENT = 0.2
"""And it begins bent by this share of its length, once more with each search."""

DIRECTIONS = 8
"""Random ones, in which transition states are sought around a minimum."""


def search_gap(
    region: Region,
    a: Floats,
    b: Floats,
    *,
    finder: PathFinder,
    attempt: int = 0,
    seed: int = 0,
    known: PointIndex | None = None,
) -> Discovery:
    """Return the transition states at the tops of a path between two minima, with the minima on both sides of each.

    The path leads to `b` as it is, which is to be the copy nearest to `a`. Attempts after the first begin elsewhere:
    bands from a denser, bent line, other finders with another seed. `known` states are not followed down again.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> surface = MullerBrown()
    >>> region = region_of(surface, tolerance=1e-5)
    >>> found = search_gap(region, *surface.minima[:2], finder=DoublyNudgedPathFinder())
    >>> sorted(round(verified.state.energy, 3) for verified in found.states)
    [-72.249, -40.665]
    """
    landscape = region.landscape
    if isinstance(finder, DoublyNudgedPathFinder):
        tops, tangents, n_gradients = _tops_of_band(landscape, finder, a, b, attempt, seed)
    else:
        search = finder.find(landscape, a, b, seed=seed + attempt)
        tops, tangents = tops_of(search)
        n_gradients = math.ceil(search.n_point_gradients)
    if not len(tops):
        return Discovery((), (), {str(Outcome.NOT_A_NUMBER): 1}, 1, 0, n_gradients)
    refined = refine_transition_states(landscape, tops, directions=tangents, limits=region.limits)
    found = verified_states(region, refined, known)
    return replace(found, n_gradients=found.n_gradients + n_gradients)


def _tops_of_band(
    landscape: Landscape, finder: DoublyNudgedPathFinder, a: Floats, b: Floats, attempt: int, seed: int
) -> tuple[Floats, Floats, int]:
    """Return the highest tops of a band between two points, the tangents there, and what that cost.

    There is none where an energy or gradient on the band is not a number; of a band that only rises, its highest image.
    """
    chord = float(np.linalg.norm(b - a))
    n = math.ceil(finder.images_between(landscape, chord) * DENSER**attempt)
    t = torch.linspace(0, 1, n + 2, dtype=torch.float64)[:, None]
    start, end = (to_tensor(point, dtype=landscape.dtype, device=landscape.device) for point in (a, b))
    band = torch.lerp(start, end, t.to(start))
    way = np.random.default_rng(seed).standard_normal(len(a))
    # A straight line can lie on a ridge along which no gradient points off it.
    bend = (BENT * attempt or 1e-6) * chord / float(np.linalg.norm(way))
    band += torch.sin(math.pi * t).to(start) * to_tensor(bend * way, dtype=landscape.dtype, device=landscape.device)
    band[-1] = end
    relaxed = finder.relaxed(landscape, band)
    energies = relaxed.energies.double().cpu().numpy()
    inner = energies[1:-1]
    tops = np.flatnonzero((inner >= energies[:-2]) & (inner >= energies[2:]))
    tops = tops if len(tops) else np.array([int(inner.argmax())])
    tops = tops[np.argsort(-inner[tops], kind="stable")][: MOST_TOPS if relaxed.finite else 0]
    points, tangents = (values.double().cpu().numpy() for values in (relaxed.band[1:-1], relaxed.tangents))
    return points[tops], tangents[tops], relaxed.n_gradients


def region_of(landscape: Landscape, *, tolerance: float, around: Floats | None = None) -> Region:
    """Return where minima are joined: where `elsuite.exploration.map_landscape` maps, and around the points given.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> surface = MullerBrown()
    >>> regions = [region_of(surface, tolerance=1e-5, around=around) for around in (None, np.array([[3.0, 0.0]]))]
    >>> [region.holds(np.array([2.0, 0.5])) for region in regions]
    [False, True]
    """
    region = mapped_region(landscape, None, Limits(max_steps=200), tolerance=tolerance)
    if around is None or region.bounds is None or region.symmetry.drifts:
        return region
    points = np.concatenate([region.bounds, region.symmetry.wrapped(around, region.bounds[0])])
    box = np.array([points.min(axis=0), points.max(axis=0)])
    margin = 0.5 * (box[1] - box[0])
    limits = replace(region.limits, box=Box(box[0] - margin, box[1] + margin, region.symmetry))
    return replace(region, bounds=box, limits=limits)


@dataclass(frozen=True, eq=False)
class GapTask:
    """A search between two minima that any process can do, given the landscape; with itself, around a minimum."""

    surface: str
    a: Floats
    b: Floats
    finder: PathFinder
    tolerance: float
    around: Floats
    attempt: int
    key: int
    identity: str

    def loaded(self) -> "GapTask":
        """Return the task: it has its points."""
        return self

    def perform(self, landscape: Landscape) -> NewRows:
        """Return what the search found."""
        return packed(self.found(landscape))

    def found(self, landscape: Landscape, known: PointIndex | None = None) -> Discovery:
        """Return what the search finds."""
        region = region_of(landscape.on(self.surface), tolerance=self.tolerance, around=self.around)
        seed = work_seed(self.key)
        if np.array_equal(self.a, self.b):
            return along_directions(region, self.a, n_directions=DIRECTIONS, farther=1 + self.attempt, seed=seed)
        return search_gap(region, self.a, self.b, finder=self.finder, attempt=self.attempt, seed=seed, known=known)

    def failed(self, reason: str) -> NewRows:
        """Return that the search raised an exception."""
        return packed(Discovery((), (), {str(Outcome.FAILED): 1}, 1, error=reason))
