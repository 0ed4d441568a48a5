"""What every search begins and ends with: checked end points, and the record that becomes a `PathSearch`."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.core.typing import Progress
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.conversion import to_tensor
from elsuite.paths.base import Basis, Path, PathSearch
from elsuite.paths.heights import Heights, measure, path_length

MOST_COPIED = 2**22
"""Of points of more coordinates no copies in float64 are made."""


TELL_EVERY = 0.5
"""Seconds between what is told of a search; quicker searches tell nothing."""

WITHIN = "round "
"""What the stages are called that are told within one search, with the number of the round."""

_LISTENER: ContextVar[Progress | None] = ContextVar("listener", default=None)


@contextmanager
def telling(progress: Progress | None) -> Iterator[None]:
    """Have the searches in this context tell `progress` their rounds, each as a stage, and the steps done in it.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> from elsuite.paths import LinearPathFinder
    >>> with telling(print):  # a search of less than half a second tells nothing
    ...     search = LinearPathFinder().find(MullerBrown(), *MullerBrown().minima[:2])
    """
    token = _LISTENER.set(progress)
    try:
        yield
    finally:
        _LISTENER.reset(token)


@dataclass
class SearchRecord:
    """What one search on a landscape has cost so far; heights are measured on profiles of `n_points`."""

    landscape: Landscape
    n_points: int
    seconds: float | None = None
    """That the search may take."""
    n_point_gradients: float = 0.0
    n_evaluations: float = 0.0
    round: int = 0
    began: float = field(default_factory=lambda: time.perf_counter())
    told: float = field(default_factory=lambda: time.perf_counter())

    @property
    def is_late(self) -> bool:
        """Whether the seconds that the search may take are over."""
        return self.seconds is not None and time.perf_counter() - self.began >= self.seconds

    def goes_on(self, done: int, n_steps: int) -> bool:
        """Tell how many steps of a round are done, and return whether there is time for another."""
        listener = _LISTENER.get()
        if listener is not None and (now := time.perf_counter()) - self.told >= TELL_EVERY:
            self.told = now
            listener(f"{WITHIN}{self.round}", done, n_steps)
        return not self.is_late

    def measure(self, path: Path) -> Heights:
        """Return the heights of `path`, and note what that cost."""
        heights = measure(path, self.landscape, self.n_points)
        self.n_evaluations += heights.n_evaluations
        return heights

    def search(self, path: Path, heights: Heights, outcome: Outcome, message: str) -> PathSearch:
        """Return the search that ended with `path`."""
        return PathSearch(
            path=path,
            height=heights.height,
            refined_height=heights.refined_height,
            refined_t=heights.refined_t,
            profile=heights.profile,
            length=path_length(path),
            chord=float(torch.linalg.vector_norm(path.end - path.start, dtype=torch.float64)),
            outcome=outcome,
            message=message,
            n_point_gradients=self.n_point_gradients,
            n_evaluations=self.n_evaluations,
            seconds=time.perf_counter() - self.began,
            resolution=heights.resolution,
        )


def straight_path(landscape: Landscape, start: ArrayLike | Tensor, end: ArrayLike | Tensor, basis: Basis) -> Path:
    """Return the straight path between two end points, checked for their shape, with zero coefficients for `basis`."""
    ends = []
    for name, value in (("start", start), ("end", end)):
        point = to_tensor(value, dtype=landscape.dtype, device=landscape.device).detach()
        if point.shape != (landscape.n_parameters,):
            raise ValueError(f"{name} has shape {tuple(point.shape)}, but a point here has ({landscape.n_parameters},)")
        ends.append(point)
    return Path(ends[0], ends[1], basis, ends[0].new_zeros(basis.n_terms, len(ends[0])))


def spread_of_ends(path: Path) -> float:
    """Return the root mean square difference of the ends in a coordinate."""
    difference = path.end - path.start
    if len(difference) <= MOST_COPIED:
        return float(difference.double().square().mean().sqrt())
    return float(torch.linalg.vector_norm(difference, dtype=torch.float64)) / math.sqrt(len(difference))


def on_samples(
    landscape: Landscape, n_points: int, n_images: int | None, generator: torch.Generator
) -> tuple[Landscape, float]:
    """Return the landscape of one step, over `n_images` random samples a point, and their share of the data.

    Each point has samples of its own: their noise averages out over the points.
    """
    if n_images is None or not isinstance(landscape, DataLandscape) or n_images >= landscape.n_samples:
        return landscape, 1.0
    indices = torch.randint(landscape.n_samples, (n_points, n_images), generator=generator)
    return landscape.minibatch(indices.to(landscape.device)), n_images / landscape.n_samples
