"""Landscapes that have names: those that need no data (`LANDSCAPES`, `named_landscape`)."""

import inspect
import re
from collections.abc import Callable
from typing import Any, Final

from elsuite.core.plugins import PluginTable
from elsuite.landscapes.analytic import FourGaussians, MullerBrown, SeparableWells, SixHumpCamel
from elsuite.landscapes.angles import Torsions, XYSpins
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.clusters import BinaryLennardJones, LennardJones, Morse
from elsuite.landscapes.metals import Gupta

LANDSCAPES: PluginTable[Callable[..., Landscape]] = PluginTable(
    "landscapes",
    {
        "muller-brown": MullerBrown,
        "six-hump-camel": SixHumpCamel,
        "four-gaussians": FourGaussians,
        "separable-wells": SeparableWells,
        "lj": LennardJones,
        "morse": Morse,
        "gupta": Gupta,
        "binary-lj": BinaryLennardJones,
        "xy": XYSpins,
        "torsions": Torsions,
    },
    "surface",
)
"""Classes, or functions that make a landscape; a new one is a row here, or an entry point ``elsuite.landscapes``."""

_NUMBERED: Final = "ljN for N atoms, such as lj7; morseN, guptaN, xyN and torsionsN likewise"


def named_maker(name: str) -> tuple[Callable[..., Landscape], dict[str, Any]]:
    """Return what makes the landscape of a name, and what a number after the name says that it is made with.

    The number is its ``n_atoms``, or its first argument.

    Raises
    ------
    ValueError
        For another name: says which there are.

    Examples
    --------
    >>> named_maker("morse13")[1]
    {'n_atoms': 13}
    """
    stem, number = re.fullmatch(r"(.*?)([1-9][0-9]{0,3})?", name, re.DOTALL).groups()  # type: ignore[union-attr]
    if name in LANDSCAPES:
        stem, number = name, None
    if stem not in LANDSCAPES or name == "lj":
        names = ", ".join(other for other in LANDSCAPES if other != "lj")
        raise ValueError(f"no surface {name!r}; there are: {names}, and {_NUMBERED}")
    make = LANDSCAPES[stem]
    if not number:
        return make, {}
    taken = list(inspect.signature(make).parameters)
    if not taken:
        raise ValueError(f"surface {name!r} cannot be made: {stem} takes no number")
    return make, {"n_atoms" if "n_atoms" in taken else taken[0]: int(number)}


def named_landscape(name: str) -> Landscape:
    """Return the landscape of a name in `LANDSCAPES`; a number after it is what the landscape is made with.

    Raises
    ------
    ValueError
        For another name: says which there are.

    Examples
    --------
    >>> named_landscape("lj7").n_parameters
    21
    """
    make, settings = named_maker(name)
    try:
        landscape = make(**settings)
    except TypeError as error:
        raise ValueError(f"surface {name!r} cannot be made: {error}") from None
    if not isinstance(landscape, Landscape):
        raise ValueError(f"surface {name!r} cannot be made: Landscape expected, {type(landscape).__name__} made")
    return landscape
