"""A curve between two points (`Path`), its search (`PathSearch`), and what searches (`PathFinder`)."""

import abc
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.landscapes.base import Landscape, sum_into

MOST_STACKED = 2**24
"""Numbers, of the ends and coefficients of a path, that are copied to make points in one go."""


class Basis(abc.ABC):
    """Functions of t in [0, 1] that vanish at both ends, so that a path's end points stay exact."""

    n_terms: int
    """Number of functions K."""

    @abc.abstractmethod
    def values(self, t: Tensor) -> Tensor:
        """Return the values at `t`, shape (n,), as an (n, K) matrix."""


@dataclass(frozen=True)
class Path:
    r"""The curve :math:`w(t) = (1 - t) a + t b + \sum_k B_k(t) c_k`, exact at both ends.

    Attributes
    ----------
    start, end : Tensor (n_parameters,)
    coefficients : Tensor (n_terms, n_parameters)

    Examples
    --------
    One pivot, a unit above the middle of a straight line of length 2.

    >>> from elsuite.paths import HatBasis
    >>> path = Path(torch.zeros(2), torch.tensor([2.0, 0.0]), HatBasis(1), torch.tensor([[0.0, 1.0]]))
    >>> path.points(torch.tensor([0.0, 0.5, 1.0])).tolist()
    [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]
    """

    start: Tensor
    end: Tensor
    basis: Basis
    coefficients: Tensor

    @property
    def is_long(self) -> bool:
        """Whether what spans the path is so long that it is not copied to make points."""
        return self.coefficients.numel() + 2 * len(self.start) > MOST_STACKED

    def weights(self, t: Tensor) -> Tensor:
        """Return what both ends and the coefficients count in the points at `t`, shape (n, K + 2)."""
        t = t.to(self.start)
        return torch.column_stack([1 - t, t, self.basis.values(t).to(self.start)])

    def points(self, t: Tensor) -> Tensor:
        """Return the points at `t`, shape (n,), as an (n, P) tensor; those at t = 0 and 1 are the ends."""
        t, weights = t.to(self.start), self.weights(t)
        if not self.is_long:
            points = weights @ torch.vstack([self.start, self.end, self.coefficients])
        else:
            points = self.start.new_empty(len(t), len(self.start))
            for point, own in zip(points, weights.tolist(), strict=True):
                sum_into(point, own, [self.start, self.end, *self.coefficients])
        points[t == 0] = self.start
        points[t == 1] = self.end
        return points


@dataclass(frozen=True)
class PathSearch:
    """What came of one search for a path, on the surface that it was searched on; `Heights` says what its heights are.

    Attributes
    ----------
    length : float
        Euclidean length of the curve; `chord` is the distance between its ends.
    n_point_gradients : float
        Gradients computed, in units of the whole data set at one point.
    n_evaluations : float
        Energies computed for the heights and the profile, in the same unit.
    resolution : float
        To which the refined height is trusted, as `Heights` says; NaN: not known.
    """

    path: Path
    height: float
    refined_height: float
    refined_t: float
    profile: NDArray[np.float64]
    length: float
    chord: float
    outcome: Outcome
    message: str
    n_point_gradients: float
    n_evaluations: float
    seconds: float
    resolution: float = math.nan


class SearchInterruptedError(KeyboardInterrupt):
    """A search was interrupted by Ctrl-C; `search` has the lowest path until then, with the outcome ``interrupted``.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> from elsuite.paths import FourierPathFinder
    >>> try:
    ...     search = FourierPathFinder().find(MullerBrown(), *MullerBrown().minima[:2])
    ... except SearchInterruptedError as stopped:
    ...     search = stopped.search
    >>> print(search.outcome)
    converged
    """

    def __init__(self, search: PathSearch) -> None:
        super().__init__(search.message)
        self.search = search


class PathFinder(abc.ABC):
    """Searches a low path between two points; finders are frozen dataclasses, with settings for fields."""

    name: ClassVar[str]
    """What the database stores in its column `finder`."""

    @abc.abstractmethod
    def find(
        self, landscape: Landscape, start: ArrayLike | Tensor, end: ArrayLike | Tensor, seed: int = 0
    ) -> PathSearch:
        """Return the search from `start` to `end`, shape (P,), on the surface that `landscape` shows.

        The same seed gives the same path. Raises ValueError for end points of another width, and
        SearchInterruptedError where Ctrl-C ends a search that has a path already.
        """
