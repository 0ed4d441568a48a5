"""Polygonal chains between two points (`ChainPathFinder`)."""

from dataclasses import field
from typing import ClassVar, final

from elsuite.core.settings import Count, settings
from elsuite.paths.bases import HatBasis
from elsuite.paths.series import Late, SeriesPathFinder


@final
@settings
class ChainPathFinder(SeriesPathFinder):
    """Searches a polygonal chain over its inner pivots, which lie at equally spaced t.

    The chains of Garipov et al. (2018), searched by the same steps and rounds as all series: the mean energy over the
    whole polygon is lowered, not that of the pivots alone (`AutoNEBPathFinder` moves each by itself). All settings but
    `n_pivots`, the number of inner pivots, are those of `SeriesPathFinder`; late rounds are sampled: exact steps lower
    the pivots and leave ridges between them.

    Examples
    --------
    >>> from elsuite.landscapes import FourGaussians
    >>> surface = FourGaussians()
    >>> search = ChainPathFinder().find(surface, *surface.minima)
    >>> print(search.outcome, round(search.refined_height, 2))
    converged 0.62
    """

    n_pivots: Count = 9
    late: Late = field(default="sampled", metadata={"before": "sampled"})

    name: ClassVar[str] = "chain"

    def basis(self, number: int | None) -> HatBasis:
        """Return a hat for each pivot."""
        return HatBasis(self.n_pivots)
