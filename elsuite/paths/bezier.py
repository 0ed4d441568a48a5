"""Quadratic Bezier curves between two points (`BezierPathFinder`)."""

from typing import ClassVar, final

from elsuite.core.settings import settings
from elsuite.paths.bases import BezierBasis
from elsuite.paths.series import SeriesPathFinder


@final
@settings
class BezierPathFinder(SeriesPathFinder):
    r"""Searches :math:`w(t) = (1 - t)^2 a + 2 t (1 - t) m + t^2 b` over the one control point m.

    The curves of Garipov et al. (2018), searched by the same steps and rounds as all series: `SeriesPathFinder` has the
    settings.

    Examples
    --------
    >>> from elsuite.landscapes import FourGaussians
    >>> surface = FourGaussians()
    >>> search = BezierPathFinder().find(surface, *surface.minima)
    >>> print(search.outcome, round(search.refined_height, 2))
    converged 0.62
    """

    name: ClassVar[str] = "bezier"

    def basis(self, number: int | None) -> BezierBasis:
        """Return the one function 2 t (1 - t)."""
        return BezierBasis()
