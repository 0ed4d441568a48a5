"""How two points are joined by a low path.

Finders, by what a study file calls them (`PATH_FINDERS`): `FourierPathFinder` (sine series; the default),
`BezierPathFinder` (one control point), `ChainPathFinder` (a polygon), `AutoNEBPathFinder` (a growing band of pivots),
`DoublyNudgedPathFinder` (a band with springs, for pieces of a way between stationary points), `LinearPathFinder` (the
straight line). All return a `PathSearch`. Heights of any path on any surface: `measure`. Networks with their hidden
units renamed so that they are near to each other: `align`, `align_all`. A new finder is a
file here and a row there, or an entry point of the group ``elsuite.finders`` in another package.
"""

from elsuite.core.plugins import PluginTable
from elsuite.paths.alignment import Alignment, align, align_all
from elsuite.paths.autoneb import AutoNEBPathFinder
from elsuite.paths.base import Basis, Path, PathFinder, PathSearch, SearchInterruptedError
from elsuite.paths.bases import BASES, BezierBasis, EmptyBasis, HatBasis, SineBasis
from elsuite.paths.bezier import BezierPathFinder
from elsuite.paths.chain import ChainPathFinder
from elsuite.paths.doubly_nudged import DoublyNudgedPathFinder
from elsuite.paths.fourier import FourierPathFinder
from elsuite.paths.heights import Heights, measure, path_length
from elsuite.paths.linear import LinearPathFinder

__all__ = [
    "BASES",
    "PATH_FINDERS",
    "Alignment",
    "AutoNEBPathFinder",
    "Basis",
    "BezierBasis",
    "BezierPathFinder",
    "ChainPathFinder",
    "DoublyNudgedPathFinder",
    "EmptyBasis",
    "FourierPathFinder",
    "HatBasis",
    "Heights",
    "LinearPathFinder",
    "Path",
    "PathFinder",
    "PathSearch",
    "SearchInterruptedError",
    "SineBasis",
    "align",
    "align_all",
    "measure",
    "path_length",
]

PATH_FINDERS: PluginTable[type[PathFinder]] = PluginTable(
    "finders",
    {
        "autoneb": AutoNEBPathFinder,
        "bezier": BezierPathFinder,
        "chain": ChainPathFinder,
        "doubly-nudged": DoublyNudgedPathFinder,
        "fourier": FourierPathFinder,
        "linear": LinearPathFinder,
    },
    "path finder",
)
