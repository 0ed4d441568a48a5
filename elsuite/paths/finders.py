"""All path finders by name (`PATH_FINDERS`)."""

from elsuite.paths.autoneb import AutoNEBPathFinder
from elsuite.paths.base import PathFinder
from elsuite.paths.bezier import BezierPathFinder
from elsuite.paths.chain import ChainPathFinder
from elsuite.paths.fourier import FourierPathFinder
from elsuite.paths.linear import LinearPathFinder

__all__ = ["PATH_FINDERS"]

PATH_FINDERS: dict[str, type[PathFinder]] = {
    "autoneb": AutoNEBPathFinder,
    "bezier": BezierPathFinder,
    "chain": ChainPathFinder,
    "fourier": FourierPathFinder,
    "linear": LinearPathFinder,
}
"""Finders by name; their dataclass fields are what a study file may set."""
