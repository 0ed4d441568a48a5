"""What is explored: surfaces given by a formula, atomic clusters, the loss of a neural network on data."""

from elsuite.landscapes.analytic import (
    AnalyticLandscape,
    FourGaussians,
    FunctionLandscape,
    MullerBrown,
    SeparableWells,
    SixHumpCamel,
)
from elsuite.landscapes.base import DataLandscape, Landscape

__all__ = [
    "AnalyticLandscape",
    "DataLandscape",
    "FourGaussians",
    "FunctionLandscape",
    "Landscape",
    "MullerBrown",
    "SeparableWells",
    "SixHumpCamel",
]
