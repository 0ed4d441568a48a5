"""Rates between neighboring minima by harmonic transition-state theory (`rate_constants`)."""

from dataclasses import dataclass

import numpy as np

from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids
from elsuite.kinetics.stationary_points import StationaryPoints
from elsuite.kinetics.thermodynamics import thermodynamics


@dataclass(frozen=True, eq=False)
class Rates:
    """A network of rates at one temperature.

    Attributes
    ----------
    temperature : float
    ids : ndarray of int (n,)
        Of the minima in the database.
    sources, targets : ndarray of int (m,)
        Places in `ids`: every transition state is here once in each direction.
    log_rates : ndarray (m,)
        Natural logarithms of the rates from source to target.
    log_populations : ndarray (n,)
        Of equilibrium: the rates are in detailed balance with them.
    """

    temperature: float
    ids: Ids
    sources: Ids
    targets: Ids
    log_rates: Floats
    log_populations: Floats

    __repr__ = short_repr


def rate_constants(points: StationaryPoints, temperature: float, *, mass: float = 1.0) -> Rates:
    r"""Return the rates over every transition state, both ways.

    .. math:: k_{i \to j} = \frac{o_i}{2 \pi\, o_\ddagger}\, e^{(L_i - L_\ddagger) / 2 - (E_\ddagger - E_i) / T}

    with the orders o of point groups and the sums L of the logarithms of the positive eigenvalues of the Hessian, of
    which a transition state has one less. Detailed balance holds by construction. States that join a minimum to a copy
    of itself, which change no population, are left out; parallel ones are all there. A minimum has one state for each
    of its copies that the order of its point group counts.

    Parameters
    ----------
    temperature : float
        In the unit of the energies: Boltzmann's constant times the temperature.
    mass : float
        Of the atoms, where they are equally heavy and the points know no masses. Rates are in the unit
        :math:`\sqrt{energy / mass} / length`: with eV, atomic units of mass and angstroms one over 10.18 fs.

    Raises
    ------
    ValueError
        For a temperature or mass that is not positive.

    Examples
    --------
    >>> minima = np.arange(2), np.array([0.0, 0.5]), np.zeros(2), np.ones(2)
    >>> state = np.array([0]), np.array([1]), np.array([1.0]), np.zeros(1), np.ones(1)
    >>> rates = rate_constants(StationaryPoints(*minima, *state, n_modes=1), 0.5)
    >>> (np.exp(rates.log_rates) * 2 * np.pi).round(6)
    array([0.135335, 0.367879])
    """
    for name, value in (("temperature", temperature), ("mass", mass)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name}: given {value!r}, allowed: a positive number")
    apart = points.sources != points.targets
    sources, targets = points.sources[apart], points.targets[apart]
    logs = np.log(points.orders) + points.log_products / 2 + points.energies / temperature
    states = np.log(points.state_orders) + points.state_log_products / 2 + points.heights / temperature
    over = states[apart] + np.log(2 * np.pi) + np.log(mass) / 2
    return Rates(
        temperature=float(temperature),
        ids=points.ids,
        sources=np.concatenate([sources, targets]),
        targets=np.concatenate([targets, sources]),
        log_rates=np.concatenate([logs[sources] - over, logs[targets] - over]),
        log_populations=thermodynamics(points, temperature).log_populations[0],
    )
