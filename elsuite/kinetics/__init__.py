"""Rates and thermodynamics of a database of minima and transition states, in the harmonic approximation.

What is asked of a database is `stationary_points`; populations, heat capacities and rates are functions of that and of
a temperature, which is an energy here: Boltzmann's constant times the temperature, in the unit of the stored energies.
"""

from elsuite.kinetics.first_passage import FirstPassage, first_passage
from elsuite.kinetics.rates import Rates, rate_constants
from elsuite.kinetics.stationary_points import StationaryPoints, stationary_points
from elsuite.kinetics.thermodynamics import Thermodynamics, thermodynamics

__all__ = [
    "FirstPassage",
    "Rates",
    "StationaryPoints",
    "Thermodynamics",
    "first_passage",
    "rate_constants",
    "stationary_points",
    "thermodynamics",
]
