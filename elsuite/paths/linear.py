"""The straight line between two points (`LinearPathFinder`): the control of every other finder."""

import math
from typing import ClassVar

from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.core.settings import Points, settings
from elsuite.landscapes.base import Landscape
from elsuite.paths.base import PathFinder, PathSearch
from elsuite.paths.bases import EmptyBasis
from elsuite.paths.record import SearchRecord, straight_path


@settings
class LinearPathFinder(PathFinder):
    """Measures the straight line; nothing is searched, so it is always ``converged`` where energies are finite.

    Examples
    --------
    >>> from elsuite.landscapes import FourGaussians
    >>> surface = FourGaussians()
    >>> print(round(LinearPathFinder().find(surface, *surface.minima[:2]).refined_height, 3))
    1.102
    """

    n_points: Points = 51

    name: ClassVar[str] = "linear"

    def find(
        self, landscape: Landscape, start: ArrayLike | Tensor, end: ArrayLike | Tensor, seed: int = 0
    ) -> PathSearch:
        """Return the straight line; `seed` changes nothing."""
        path = straight_path(landscape, start, end, EmptyBasis())
        record = SearchRecord(landscape, self.n_points)
        heights = record.measure(path)
        if not math.isfinite(heights.refined_height):
            return record.search(path, heights, Outcome.NOT_A_NUMBER, "an energy on the line is not finite")
        return record.search(path, heights, Outcome.CONVERGED, "the straight line: nothing to search")
