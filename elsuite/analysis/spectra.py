"""The density of eigenvalues from the nodes and weights of a quadrature: `broadened_density`."""

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.typing import Floats

WIDTH = 1 / 200
"""Standard deviation of what an eigenvalue is drawn as, by default, as a share of the spectrum's range."""
BESIDE = 4.0
"""So many standard deviations beside the spectrum's ends the density goes on."""


def broadened_density(
    nodes: ArrayLike, weights: ArrayLike, *, width: float | None = None, n: int = 801
) -> tuple[Floats, Floats, float]:
    r"""Return eigenvalues, the density at them, and the width: each node is a Gaussian of its weight.

    .. math:: \rho(x) = \frac{1}{m} \sum_{ij} w_{ij} \, N(x; \theta_{ij}, \sigma)

    Parameters
    ----------
    nodes, weights : array_like (n_probes, n_steps)
        The weights of a probe add up to 1; nodes that are not finite are left out.
    width : float, optional
        The standard deviation, in units of the eigenvalues; by default 1/200 of the range of the nodes.

    Raises
    ------
    ValueError
        Without a finite node, or for a width that is not above 0.

    Examples
    --------
    >>> x, density, width = broadened_density([[0.0, 10.0]], [[0.5, 0.5]])
    >>> width, bool(np.isclose(np.trapezoid(density, x), 1, rtol=1e-3))
    (0.05, True)
    """
    given, shares = np.asarray(nodes, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    known = np.isfinite(given) & (shares > 0)
    if not known.any():
        raise ValueError("no finite eigenvalue to draw")
    values, masses = given[known], shares[known] / shares[known].sum()
    low, high = float(values.min()), float(values.max())
    if width is None:
        width = WIDTH * (high - low) or WIDTH * abs(high) or 1.0  # all eigenvalues equal, or zero
    if not 0 < width < np.inf:
        raise ValueError(f"width: given {width}, allowed: above 0")
    x = np.linspace(low - BESIDE * width, high + BESIDE * width, max(n, int(np.ceil(3 * (high - low) / width))))
    density = np.zeros(len(x))
    for value, mass in zip(values, masses, strict=True):
        density += mass * np.exp(-(((x - value) / width) ** 2) / 2)
    return x, density / (width * np.sqrt(2 * np.pi)), float(width)
