"""The landscape that the energies of a database are of: `landscape_of_database`."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from elsuite.core.settings import frozen
from elsuite.database import LandscapeDatabase
from elsuite.landscapes import LANDSCAPES, Landscape
from elsuite.studies.build import stored_landscape


def landscape_of_database(database: LandscapeDatabase, *, data_dir: str | Path | None = None) -> Landscape:
    """Return the landscape that a database says it is of: a network on data, or a surface known by its name.

    Parameters
    ----------
    data_dir : path, optional
        Of the data, if not where they are looked for.

    Raises
    ------
    ValueError
        When the database does not say, the surface is in no table, or the data are not at hand.

    Examples
    --------
    >>> from elsuite.exploration.mapping.run import map_landscape
    >>> from elsuite.landscapes import SeparableWells
    >>> landscape_of_database(map_landscape(SeparableWells((1.0,)), n_starts=4))
    SeparableWells(heights=(1.0,))
    """
    identity = database.attributes.get("landscape")
    if isinstance(identity, dict) and "type" in identity:
        return _known_surface(identity).on(database.surfaces[0])
    return stored_landscape(database, data_dir=data_dir)


def _known_surface(identity: dict[str, Any]) -> Landscape:
    """Return the surface of that class and settings, from a file that may say anything."""
    known: dict[str, type[Landscape]] = {}
    for row in LANDSCAPES:
        with suppress(ValueError):  # one of another package that cannot be loaded is not what stands in the way
            make = LANDSCAPES[row]
            if isinstance(make, type) and issubclass(make, Landscape):
                known[make.__name__] = make
    name, settings = str(identity["type"]), identity.get("settings", {})
    if name not in known or not isinstance(settings, dict):
        raise ValueError(f"the store is of {name[:60]!r}; only {', '.join(sorted(known))} can be made again")
    try:
        return known[name](**frozen(settings))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the store's {name} cannot be made again: {error}") from None
