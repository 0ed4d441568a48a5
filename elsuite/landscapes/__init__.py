"""What is explored: everything that has an energy at many points at once.

- `Landscape`, `DataLandscape`: the interface; a new one is one file here and one row in tests/cases.py.
- `FourGaussians`, `MullerBrown`, `SixHumpCamel`, `SeparableWells`: surfaces that know their own minima and transition
  states; `FunctionLandscape`: any differentiable torch function.
- `LennardJones`: free clusters of atoms.
- `NeuralLandscape`: the loss of any `torch.nn.Module` on data, with `WeightDecay` if asked for; `network_landscape`:
  that of a named network in `ARCHITECTURES` (`FullyConnected`, `LeNet`, `Autoencoder`, `LongShortTerm`) on a data set.
- `LANDSCAPES`, `named_landscape`: those that need no data, by the names that the command line uses.
- `load_data`, `fetch_data`: the data sets in `DATA_SETS`, and arrays of one's own.
- `Recipe`: how any process makes a landscape, by the place of a function or a name.
- `symmetry_of`: which units of a network are interchangeable.
"""

from elsuite.datasets.idx import DataError
from elsuite.datasets.load import DATA_SETS, DataSet, load_data
from elsuite.datasets.sources import fetch_data
from elsuite.landscapes.analytic import (
    AnalyticLandscape,
    BoxLandscape,
    FourGaussians,
    FunctionLandscape,
    MullerBrown,
    SeparableWells,
    SixHumpCamel,
)
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.clusters import LennardJones
from elsuite.landscapes.named import LANDSCAPES, named_landscape
from elsuite.landscapes.networks.architectures import ARCHITECTURES, Autoencoder, FullyConnected, LeNet, LongShortTerm
from elsuite.landscapes.networks.landscape import MinibatchLandscape, NeuralLandscape
from elsuite.landscapes.networks.named import network_landscape
from elsuite.landscapes.networks.objective import WeightDecay
from elsuite.landscapes.recipes import Recipe, RecipeError
from elsuite.symmetry.modules import symmetry_of
from elsuite.symmetry.permutations import Axis, Block
from elsuite.symmetry.units import UnitSymmetry

__all__ = [
    "ARCHITECTURES",
    "DATA_SETS",
    "LANDSCAPES",
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
    "Recipe",
    "RecipeError",
    "SeparableWells",
    "SixHumpCamel",
    "UnitSymmetry",
    "WeightDecay",
    "fetch_data",
    "load_data",
    "named_landscape",
    "network_landscape",
    "symmetry_of",
]
