"""What is explored: surfaces given by a formula, atomic clusters, the loss of a neural network on data."""

from elsuite.landscapes.analytic import (
    AnalyticLandscape,
    FourGaussians,
    FunctionLandscape,
    MullerBrown,
    SeparableWells,
    SixHumpCamel,
)
from elsuite.landscapes.architectures import ARCHITECTURES, Autoencoder, FullyConnected, LeNet, LongShortTerm
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.datasets import DataSet, load_data
from elsuite.landscapes.neural import MinibatchLandscape, NeuralLandscape, network_landscape

__all__ = [
    "ARCHITECTURES",
    "AnalyticLandscape",
    "Autoencoder",
    "DataLandscape",
    "DataSet",
    "FourGaussians",
    "FullyConnected",
    "FunctionLandscape",
    "Landscape",
    "LeNet",
    "LongShortTerm",
    "MinibatchLandscape",
    "MullerBrown",
    "NeuralLandscape",
    "SeparableWells",
    "SixHumpCamel",
    "load_data",
    "network_landscape",
]
