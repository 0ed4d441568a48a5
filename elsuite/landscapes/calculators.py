"""Structures in files, with calculators of ASE by name: the words ``ase:emt`` of recipes (`ase_landscape`)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from elsuite.core.outcomes import reason_of
from elsuite.core.settings import Positive
from elsuite.landscapes.ase import AtomicLandscape, Starts, load_ase


def ase_landscape(
    calculator: str,
    structure: str,
    *,
    species: tuple[str, ...] | None = None,
    mirrored: bool = True,
    groups: Any = None,
    operations: Any = None,
    length_scale: Positive | None = None,
    starts: Starts | None = None,
    precision: Positive = 1e-9,
    check_forces: bool = True,
    **parameters: Any,
) -> AtomicLandscape:
    """Return the landscape of a structure from a file, by the calculator of a name in `ase.calculators`.

    Parameters
    ----------
    structure : str
        Any file that ASE reads; ``file.xyz@3`` is its fourth structure.
    species, mirrored, groups, operations, length_scale, starts, precision, check_forces : optional
        Of `AtomicLandscape`.
    parameters
        The calculator's own.

    Raises
    ------
    ImportError
        Without ASE.
    ValueError
        When there is no such calculator or file, or they do not fit.

    Examples
    --------
    >>> ase_landscape("emt", "nowhere.xyz")
    Traceback (most recent call last):
    ValueError: structure: given 'nowhere.xyz', which cannot be read (FileNotFoundError: ...)
    """
    load_ase()
    import ase.io
    from ase.calculators.calculator import get_calculator_class

    try:
        if not calculator.isidentifier():
            raise ImportError(f"no module {calculator!r}")
        make: Any = get_calculator_class(calculator)  # type: ignore[no-untyped-call]
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"calculator: given {calculator!r}, which ASE does not have here ({reason_of(error)})"
        ) from error
    for name, default in getattr(make, "default_parameters", {}).items():
        given = parameters.get(name, default)
        if isinstance(default, bool) and not isinstance(given, bool):
            raise ValueError(f"{name}: given {given!r}, allowed: true or false")
    try:
        atoms = ase.io.read(structure)
    except Exception as error:  # readers raise anything
        raise ValueError(f"structure: given {structure!r}, which cannot be read ({reason_of(error)})") from error
    return AtomicLandscape(
        atoms, _Named(make, parameters), species=species, mirrored=mirrored, groups=groups, operations=operations,
        length_scale=length_scale, starts=starts, precision=precision, check_forces=check_forces,
    )  # fmt: skip


class _Named:
    """A calculator's class with its parameters, which any process can make."""

    def __init__(self, make: Callable[..., Any], parameters: dict[str, Any]) -> None:
        self._make, self._parameters = make, parameters

    def __call__(self) -> Any:
        return self._make(**self._parameters)


def structure_path(structure: str) -> str:
    """Return the place of a structure's file with its folder, so that other processes find it.

    Examples
    --------
    >>> structure_path("/data/cluster.xyz@-1")
    '/data/cluster.xyz@-1'
    """
    return str(Path(structure).expanduser().absolute())
