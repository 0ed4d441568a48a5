"""Landscapes that have names: those that need no data (`LANDSCAPES`, `named_landscape`)."""

import re
from collections.abc import Callable

from elsuite.core.plugins import PluginTable
from elsuite.landscapes.analytic import FourGaussians, MullerBrown, SeparableWells, SixHumpCamel
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.clusters import LennardJones

LANDSCAPES: PluginTable[Callable[..., Landscape]] = PluginTable(
    "landscapes",
    {
        "muller-brown": MullerBrown,
        "six-hump-camel": SixHumpCamel,
        "four-gaussians": FourGaussians,
        "separable-wells": SeparableWells,
        "lj": LennardJones,
    },
    "surface",
)
"""Classes, or functions that make a landscape; a new one is a row here, or an entry point ``elsuite.landscapes``."""


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
    stem, number = re.fullmatch(r"(.*?)([1-9][0-9]{0,3})?", name, re.DOTALL).groups()  # type: ignore[union-attr]
    if name in LANDSCAPES:
        stem, number = name, None
    if stem not in LANDSCAPES or (name == "lj"):
        names = ", ".join(other for other in LANDSCAPES if other != "lj")
        raise ValueError(f"no surface {name!r}; there are: {names}, and ljN for N atoms, such as lj7")
    try:
        landscape = LANDSCAPES[stem](*([int(number)] if number else []))
    except TypeError as error:
        raise ValueError(f"surface {name!r} cannot be made: {error}") from None
    if not isinstance(landscape, Landscape):
        raise ValueError(f"surface {name!r} cannot be made: Landscape expected, {type(landscape).__name__} made")
    return landscape
