"""When two points are one.

- base.py: `Symmetry`, what a landscape declares, and `NoSymmetry`.
- atoms.py: `AtomSymmetry`, clusters and cells of atoms, by rotations.py, lattices.py and, of molecules, groups.py;
  constrained.py: `ConstrainedSymmetry`, atoms on lines and in planes; rigid.py: rigid bodies;
  periodic.py: `PeriodicSymmetry`, angles.
- units.py: `UnitSymmetry`, networks with units renamed; permutations.py: signed ones; scales.py: rescaled units.
- modules.py: which units of a `torch.nn.Module` are interchangeable, declared (declarations.py) or found: tracing.py
  follows its operations (operations.py, layers.py, known.py), counts.py says what axes count, grouping.py makes groups
  of that, checking.py tries them on the module; activations.py: what units give; scaling_search.py: which units may be
  rescaled. These alone, but for counts.py and grouping.py, load torch.
- points.py: `PointIndex`, the one place that says whether a point is known.

A further kind of symmetry is one file, and a row of `SYMMETRIES` for the databases that say that they have it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from elsuite.core.plugins import PluginTable
from elsuite.symmetry.atoms import AtomSymmetry
from elsuite.symmetry.base import Alignment, NoSymmetry, Symmetry
from elsuite.symmetry.constrained import ConstrainedSymmetry
from elsuite.symmetry.periodic import PeriodicSymmetry
from elsuite.symmetry.permutations import Axis, Block, Box
from elsuite.symmetry.points import Matches, PointIndex
from elsuite.symmetry.rigid import RigidBodySymmetry
from elsuite.symmetry.units import UnitSymmetry

__all__ = [
    "SYMMETRIES",
    "Alignment",
    "AtomSymmetry",
    "ConstrainedSymmetry",
    "Matches",
    "NoSymmetry",
    "PeriodicSymmetry",
    "PointIndex",
    "RigidBodySymmetry",
    "Symmetry",
    "UnitSymmetry",
    "symmetry_from",
]


def _units(blocks: list[dict[str, Any]]) -> UnitSymmetry:
    return UnitSymmetry(
        tuple(
            Block(
                tuple(None if axis is None else Axis(*axis) for axis in block["axes"]),
                tuple(block["shape"]),
                block["tensor"],
                Box(*map(tuple, block["box"])) if "box" in block else None,
            )
            for block in blocks
        )
    )


def _atoms(species: list[int | str], cell: list[list[float]] | None, **settings: Any) -> AtomSymmetry:
    given = {name: _tuples(settings.pop(name)) for name in ("groups", "operations") if name in settings}
    return AtomSymmetry(tuple(species), cell=None if cell is None else tuple(map(tuple, cell)), **given, **settings)


def _tuples(nested: Any) -> Any:
    return tuple(map(_tuples, nested)) if isinstance(nested, list) else nested


SYMMETRIES: PluginTable[Callable[..., Symmetry]] = PluginTable(
    "symmetries",
    {
        "none": NoSymmetry,
        "atoms": _atoms,
        "constrained": lambda inner, frame, origin: ConstrainedSymmetry(
            symmetry_from(inner), tuple(map(tuple, frame)), tuple(origin)
        ),
        "periodic": lambda periods, **settings: PeriodicSymmetry(tuple(periods), **settings),
        "rigid bodies": lambda bodies, species, groups, mirrored: RigidBodySymmetry(
            _tuples(bodies), tuple(species), _tuples(groups), mirrored
        ),
        "units": _units,
    },
    "symmetry",
)
"""What makes a symmetry of each kind from the other entries of its description."""


def symmetry_from(description: Mapping[str, Any]) -> Symmetry:
    """Return the symmetry that `Symmetry.description` describes.

    Raises
    ------
    ValueError
        For a kind that is not known, or a description that does not fit it.

    Examples
    --------
    >>> symmetry_from(AtomSymmetry(("O", "H", "H")).description())
    AtomSymmetry(species=('O', 'H', 'H'), dimension=3, turned=True, mirrored=True, translated=True, cell=None, ...)
    """
    settings = dict(description)
    kind = settings.pop("kind", None)
    make = SYMMETRIES.choose(str(kind))
    try:
        return make(**settings)
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f"the description of a symmetry of kind {kind!r} does not fit it: {error}") from error
