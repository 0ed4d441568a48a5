"""Populations and heat capacities of minima by the superposition of their harmonic wells (`thermodynamics`)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats
from elsuite.kinetics.stationary_points import StationaryPoints


@dataclass(frozen=True, eq=False)
class Thermodynamics:
    """What `thermodynamics` returns.

    Attributes
    ----------
    temperatures : ndarray (n_temperatures,)
        In units of energy.
    log_populations : ndarray (n_temperatures, n_minima)
        Logarithms of the shares of each minimum with all its copies.
    free_energies, energies, heat_capacities : ndarray (n_temperatures,)
        Of the vibrations; the free energy up to terms that all minima share. A heat capacity counts Boltzmann's
        constants.
    """

    temperatures: Floats
    log_populations: Floats
    free_energies: Floats
    energies: Floats
    heat_capacities: Floats

    __repr__ = short_repr


def thermodynamics(points: StationaryPoints, temperatures: ArrayLike) -> Thermodynamics:
    r"""Return populations, free energies and heat capacities at some temperatures, classical and harmonic.

    .. math::

        Z = \sum_i Z_i, \quad Z_i = \frac{T^\kappa}{o_i}\, e^{-E_i / T - L_i / 2}, \quad
        C = \kappa + \frac{\langle E^2 \rangle - \langle E \rangle^2}{T^2}

    with the number :math:`\kappa` of vibrations, the orders :math:`o_i` of point groups and the sums :math:`L_i` of the
    logarithms of eigenvalues of the Hessian; means are over the minima by their populations. Translations and turns of
    a free cluster add three to C. Wales, Energy Landscapes (2003), chapter 7.

    Parameters
    ----------
    temperatures : array (n,)
        Positive, in the unit of the energies: Boltzmann's constant times the temperature.

    Raises
    ------
    ValueError
        For a temperature that is not positive and finite, or no minima.

    Examples
    --------
    Two wells of one shape, one unit of energy apart: Schottky's anomaly above one vibration.

    >>> none = np.empty(0)
    >>> points = StationaryPoints(
    ...     np.arange(2), np.array([0.0, 1.0]), np.zeros(2), np.ones(2), none, none, none, none, none, n_modes=1
    ... )
    >>> thermodynamics(points, [0.5]).heat_capacities.round(6)
    array([1.419974])
    """
    t = np.atleast_1d(np.asarray(temperatures, dtype=np.float64))
    if t.ndim != 1 or not t.size or not (np.isfinite(t) & (t > 0)).all():
        raise ValueError(f"temperatures: given {np.asarray(temperatures).tolist()}, allowed: positive numbers")
    if not len(points.energies):
        raise ValueError("no minima whose curvature is known, so there is nothing to sum over")
    # From the lowest energy, which may be a large number.
    lowest = float(points.energies.min())
    above = points.energies - lowest
    logs = -above / t[:, None] - points.log_products / 2 - np.log(points.orders)
    total = logsumexp(logs, axis=1)
    shares = np.exp(logs - total[:, None])
    mean = shares @ above
    # About the mean: squares of large numbers would cancel.
    variance = (shares * (above - mean[:, None]) ** 2).sum(axis=1)
    return Thermodynamics(
        temperatures=t,
        log_populations=logs - total[:, None],
        free_energies=lowest - t * (total + points.n_modes * np.log(t)),
        energies=lowest + mean + points.n_modes * t,
        heat_capacities=points.n_modes + variance / t**2,
    )
