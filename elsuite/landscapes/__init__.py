"""What is explored: surfaces given by a formula, atomic clusters, the loss of a neural network on data."""

from elsuite.landscapes.analytic import (
    AnalyticLandscape,
    BoxLandscape,
    FourGaussians,
    FunctionLandscape,
    MullerBrown,
    SeparableWells,
    SixHumpCamel,
)
from elsuite.landscapes.architectures import ARCHITECTURES, Autoencoder, FullyConnected, LeNet, LongShortTerm
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.clusters import LennardJones
from elsuite.landscapes.datasets import DATA_SETS, DataError, DataSet, fetch_data, load_data
from elsuite.landscapes.declarations import symmetry_of
from elsuite.landscapes.matching import same_up_to_symmetry
from elsuite.landscapes.neural import MinibatchLandscape, NeuralLandscape, network_landscape
from elsuite.landscapes.symmetry import Axis, Block, Symmetry

__all__ = [
    "ARCHITECTURES",
    "DATA_SETS",
    "AnalyticLandscape",
    "Autoencoder",
    "Axis",
    "Block",
    "BoxLandscape",
    "DataError",
    "DataLandscape",
    "DataSet",
    "FourGaussians",
    "FullyConnected",
    "FunctionLandscape",
    "Landscape",
    "LeNet",
    "LennardJones",
    "LongShortTerm",
    "MinibatchLandscape",
    "MullerBrown",
    "NeuralLandscape",
    "SeparableWells",
    "SixHumpCamel",
    "Symmetry",
    "fetch_data",
    "load_data",
    "network_landscape",
    "same_up_to_symmetry",
    "symmetry_of",
]
