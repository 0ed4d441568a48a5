"""What is explored: everything that has an energy at many points at once.

- `Landscape`, `DataLandscape`: the interface; a new one is one file here and one row in tests/cases.py.
- `FourGaussians`, `MullerBrown`, `SixHumpCamel`, `SeparableWells`: surfaces that know their own minima and transition
  states; `FunctionLandscape`: any function, of torch or of numpy, with or without a gradient.
- `LennardJones`, `Morse`, `BinaryLennardJones`, `PairPotential`, `Gupta`: clusters of atoms, some of them in cells.
- `AtomicLandscape`: a structure with any calculator of ASE.
- `RigidBodies`: bodies in angle-axis coordinates; `XYSpins`, `Torsions`: angles.
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
    MullerBrown,
    SeparableWells,
    SixHumpCamel,
)
from elsuite.landscapes.angles import Torsions, XYSpins
from elsuite.landscapes.ase import AtomicLandscape, CalculatorError
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.clusters import BinaryLennardJones, LennardJones, Morse, PairPotential
from elsuite.landscapes.function import FunctionLandscape
from elsuite.landscapes.metals import METALS, Bond, Gupta
from elsuite.landscapes.named import LANDSCAPES, named_landscape
from elsuite.landscapes.networks.architectures import ARCHITECTURES, Autoencoder, FullyConnected, LeNet, LongShortTerm
from elsuite.landscapes.networks.landscape import MinibatchLandscape, NeuralLandscape
from elsuite.landscapes.networks.named import network_landscape
from elsuite.landscapes.networks.regularization import WeightDecay
from elsuite.landscapes.recipes import Recipe, RecipeError
from elsuite.landscapes.rigid import RigidBodies
from elsuite.symmetry.modules import symmetry_of
from elsuite.symmetry.permutations import Axis, Block
from elsuite.symmetry.units import UnitSymmetry

__all__ = [
    "ARCHITECTURES",
    "DATA_SETS",
    "LANDSCAPES",
    "METALS",
    "AnalyticLandscape",
    "AtomicLandscape",
    "Autoencoder",
    "Axis",
    "BinaryLennardJones",
    "Block",
    "Bond",
    "BoxLandscape",
    "CalculatorError",
    "DataError",
    "DataLandscape",
    "DataSet",
    "FourGaussians",
    "FullyConnected",
    "FunctionLandscape",
    "Gupta",
    "Landscape",
    "LeNet",
    "LennardJones",
    "LongShortTerm",
    "MinibatchLandscape",
    "Morse",
    "MullerBrown",
    "NeuralLandscape",
    "PairPotential",
    "Recipe",
    "RecipeError",
    "RigidBodies",
    "SeparableWells",
    "SixHumpCamel",
    "Torsions",
    "UnitSymmetry",
    "WeightDecay",
    "XYSpins",
    "fetch_data",
    "load_data",
    "named_landscape",
    "network_landscape",
    "symmetry_of",
]
