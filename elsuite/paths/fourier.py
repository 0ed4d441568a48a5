"""Paths as sine series between two points (`FourierPathFinder`)."""

from typing import Any, ClassVar, Self, final

from elsuite.core.settings import Count, Finite, settings
from elsuite.paths.bases import SineBasis
from elsuite.paths.series import SeriesPathFinder

TERM_GROWTH = 3
"""A round over data has so many times the terms of the one before, from 1."""


@final
@settings
class FourierPathFinder(SeriesPathFinder):
    r"""Searches :math:`w(t) = (1 - t) a + t b + \sum_{n=1}^{N} b_n \sin(n \pi t) / n^d`, exact at both ends.

    Two settings have names: the default one, which converges, and `published`, the procedure of arXiv:2602.21276.
    They differ in what makes paths low: with d = 2 a step moves mode n by 1 / n^2 of what it moves mode 1, where raw
    modes (d = 0) wiggle; random points and samples cost a hundredth of the whole data at fixed points; and rounds end
    by a rule. All settings but `n_terms`, N, and `decay`, d, are those of `SeriesPathFinder`.

    Examples
    --------
    >>> from elsuite.landscapes import FourGaussians
    >>> surface = FourGaussians()
    >>> search = FourierPathFinder().find(surface, *surface.minima)
    >>> print(search.outcome, round(search.refined_height, 3))
    converged 0.624
    >>> search = FourierPathFinder.published(power=2, smoothness=100).find(surface, *surface.minima)
    >>> search.refined_height > search.height > 0.63
    True
    """

    n_terms: Count = 10
    decay: Finite = 2.0

    name: ClassVar[str] = "fourier"

    @classmethod
    def published(cls, **changes: Any) -> Self:
        """Return the published procedure, with `changes` to its settings.

        Ten raw sines, the whole data at 50 fixed points, sum of the losses plus lambda = 1e-4 times the squared
        distances of neighboring points, Adam at 1e-3; 100 steps over data, 300 on other surfaces (the
        two-dimensional example has not converged after 100). The height is the maximum over the points.
        """
        settings: dict[str, Any] = {
            "decay": 0.0,
            "n_points": 50,
            "points_per_step": None,
            "images_per_step": None,
            "density": "uniform",
            "smoothness": 1e-4,
            "learning_rate": 1e-3,
            "relative_step": False,
            "schedule": "constant",
            "second_decay": 0.999,
            "tolerance": None,
            "max_rounds": 4,
            "scales": "absolute",
            "late": "sampled",
        }
        return cls(**(settings | changes))

    def basis(self, number: int | None) -> SineBasis:
        """Return one sine in the first round, and more in each."""
        n_terms = self.n_terms if number is None else min(self.n_terms, TERM_GROWTH**number)
        return SineBasis(n_terms, self.decay)
