"""What is done to map a landscape, and where: the settings, the pieces of work, the region."""

from dataclasses import field, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.settings import Count, Positive, Whole, added_settings, settings
from elsuite.exploration.mapping.work import Region
from elsuite.landscapes.base import Landscape
from elsuite.stationary import Box, Limits
from elsuite.stationary.walk import scaled_limits
from elsuite.symmetry.units import without_units


@settings
class MappingPlan:
    """How thoroughly a landscape is mapped.

    Attributes
    ----------
    n_starts : int
        Random starts of descents to minima.
    n_points : int
        Random points from which transition states are sought.
    n_hops : int
        Hops of basin hopping by each of four walkers, from the lowest minima of the starts.
    temperature : float
        Of basin hopping, in units of the energy of a tenth of the length scale along the stiffest mode of the minima
        that it begins from (about 1 for Lennard-Jones clusters).
    n_modes : int
        Softest modes along which transition states are sought from every minimum, both ways; all there are, if fewer.
    n_directions : int
        Random directions a round, from every minimum.
    n_rounds : int
        Rounds of random directions at most, each beginning farther from the minima; after a round that finds nothing
        new there is no other.
    n_sweeps, n_quiet : int
        Of landscapes that are searched by gradients alone, with a kernel or without second derivatives: sweeps over all
        minima at most, `n_directions` from each (from few, more), in place of rounds; and so many in a row that find
        nothing new are the last.
    n_pairs : int
        Paths searched at most while minima are not joined.
    tolerance : float
        Points as near as this are one, in units of the landscape's length scale.
    """

    n_starts: Count = 64
    n_points: Whole = 128
    n_hops: Whole = 20
    temperature: Positive = 1.0
    n_modes: Whole = 40
    n_directions: Whole = 20
    n_rounds: Whole = 3
    n_sweeps: Whole = field(default=30, metadata={"before": 30})
    n_quiet: Count = field(default=3, metadata={"before": 3})
    n_pairs: Whole = 30
    tolerance: Positive = 1e-5
    seed: Whole = 0


def mapped_region(landscape: Landscape, bounds: ArrayLike | None, limits: Limits, *, tolerance: float) -> Region:
    """Return where a landscape is mapped and which lengths count: within bounds, by default its own, if it has some.

    Of bounds that are given half the smallest width is the length scale, instead of the landscape's own.

    Raises
    ------
    ValueError
        For bounds of another shape, or not finite and ascending.
    """
    symmetry, scale = without_units(landscape.symmetry), landscape.length_scale
    given = bounds is not None
    if bounds is None:
        bounds = landscape.bounds
    if bounds is None:
        return Region(landscape, None, symmetry, limits, scale, tolerance * scale)
    box = np.asarray(bounds, dtype=np.float64)
    shape = (2, landscape.n_parameters)
    if box.shape != shape or not np.isfinite(box).all() or not (box[0] < box[1]).all():
        raise ValueError(f"bounds of shape {box.shape} given; lowest and highest values, shape {shape}, are expected")
    if given and not symmetry.drifts:
        scale = float((box[1] - box[0]).min()) / 2
        limits = scaled_limits(limits, scale / landscape.length_scale)
    if limits.box is None:
        margin = 0.5 * (box[1] - box[0])
        limits = replace(limits, box=Box(box[0] - margin, box[1] + margin, symmetry))
    return Region(landscape, box, symmetry, limits, scale, tolerance * scale)


def describe_landscape(landscape: Landscape) -> dict[str, Any]:
    """Return what tells the landscape from others: its class, size, surface shown, and plain settings.

    A setting that stores of earlier versions do not know is left out where it says what was done then.
    """
    given: Any = landscape
    before = added_settings(given)
    values = {field.name: getattr(given, field.name) for field in fields(given)} if is_dataclass(given) else {}
    values = {name: value for name, value in values.items() if name not in before or before[name] != value}
    plain = {name: value for name, value in values.items() if isinstance(value, (int, float, str, tuple))}
    return {
        "type": type(landscape).__name__,
        "n_parameters": landscape.n_parameters,
        "surface": landscape.surface,
        "settings": {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()},
    }
