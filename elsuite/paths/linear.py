"""The straight line between two points (`LinearPathFinder`): the control of every other finder."""

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.core.settings import Points, settings
from elsuite.landscapes.base import Landscape
from elsuite.paths.base import PathFinder, PathSearch
from elsuite.paths.bases import EmptyBasis
from elsuite.paths.record import SearchRecord, straight_path
from elsuite.paths.rounds import excess_of, nothing_above


@settings
class LinearPathFinder(PathFinder):
    """Measures the straight line; nothing is searched.

    So it is ``converged`` only where no path could be lower, since the line rises over its higher end by nothing
    (`nothing_above`); else what was to be spent on lowering it is spent.

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
        if not np.isfinite([heights.refined_height, *heights.profile]).all():
            return record.search(path, heights, Outcome.NOT_A_NUMBER, "an energy on the line is not finite")
        excess, negligible = excess_of(heights), nothing_above(landscape, heights)
        message = f"the straight line: {excess:.2g} above the higher end"
        if excess <= negligible:
            return record.search(path, heights, Outcome.CONVERGED, f"{message}; up to {negligible:.2g} counts as none")
        return record.search(path, heights, Outcome.BUDGET_SPENT, f"{message}, and nothing was searched")
