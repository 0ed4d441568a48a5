"""From the words of a study file, or of a database, to landscapes, minimizers and finders."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from elsuite.core.settings import added_settings, former_defaults, frozen, setting_names
from elsuite.database import LandscapeDatabase
from elsuite.exploration.pairs import PAIRS, AllPairs, NearestPairs, PairChooser, RandomPairs, SpanningPairs, TreePairs
from elsuite.landscapes import LANDSCAPES, Landscape, NeuralLandscape, load_data, network_landscape
from elsuite.minimizers import MINIMIZERS
from elsuite.minimizers.base import Minimizer
from elsuite.paths import PATH_FINDERS, FourierPathFinder, PathFinder
from elsuite.studies.model import DataSection, MinimizerSection, NetworkSection, PathsSection, Study


def landscape_of(data: DataSection, network: NetworkSection, data_dir: str | Path | None = None) -> NeuralLandscape:
    """Return the landscape of a network on data, which may lie in `data_dir`."""
    folders = [folder for folder in (data_dir, data.folder) if folder]
    if data.name.endswith(".npz"):  # a data folder for others does not hide the folder of the study file
        folders.sort(key=lambda folder: not (Path(folder) / data.name).exists())
    folder = folders[0] if folders else None
    loaded = load_data(data.name, n_train=data.n_train, n_test=data.n_test, seed=data.seed, data_dir=folder)
    return network_landscape(
        network.architecture,
        loaded,
        byte_budget=network.byte_budget,
        device=network.device,
        dtype=getattr(torch, network.dtype),
        **frozen(network.settings),
    )


def landscape_identity(data: DataSection, network: NetworkSection) -> dict[str, Any]:
    """Return in JSON's types what energies depend on: data and network, without where and how they are computed."""
    return {
        "data": data.model_dump(exclude={"folder"}),
        "network": network.model_dump(exclude={"device", "byte_budget"}),
    }


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
    if not isinstance(identity, dict) or not {"data", "network"} <= identity.keys():
        raise ValueError("the store does not say which network and data its energies are of")
    data, network = DataSection(**identity["data"]), NetworkSection(**identity["network"])
    return landscape_of(data, network, data_dir=data_dir)


def threads_of(database: LandscapeDatabase) -> int:
    """Return how many threads the study computes with that a database says it is of; 1 where it says none."""
    settings = database.attributes.get("settings")
    threads = settings.get("threads") if isinstance(settings, dict) else None
    return threads if isinstance(threads, int) and threads > 0 else 1


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


def build_minimizer(section: MinimizerSection) -> Minimizer:
    """Return the minimizer that a section names, with its settings."""
    algorithm: Callable[..., Minimizer] = MINIMIZERS[section.algorithm]
    return algorithm(**frozen(section.settings))


def build_finder(section: PathsSection) -> PathFinder:
    """Return the finder that a section names, with its settings."""
    # A study may keep what the choosers of this package take when it changes to another one.
    choosers = (PAIRS.choose(section.pairs), AllPairs, NearestPairs, RandomPairs, SpanningPairs, TreePairs)
    others = {name for chooser in choosers for name in setting_names(chooser)}
    given = frozen({name: value for name, value in section.settings.items() if name not in others})
    if section.finder == "fourier" and section.setting == "published":
        return FourierPathFinder.published(**given)
    finder: Callable[..., PathFinder] = PATH_FINDERS[section.finder]
    return finder(**given)


def as_stored(study: Study, attributes: Mapping[str, Any]) -> Study:
    """Return a study with the defaults that its store was begun with, where later versions have others.

    What the file itself says stays. So a store of an earlier version goes on as it began, and nothing in it is
    searched again; new stores have the defaults of today.
    """
    settings = attributes.get("settings")
    stored = settings.get("finders") if isinstance(settings, Mapping) else None
    if not isinstance(stored, Mapping):
        return study
    sections = []
    for section in study.paths:
        own = stored.get(section.label)
        if isinstance(own, Mapping):
            finder = build_finder(section)
            earlier = {name: value for name, value in added_settings(finder).items() if name not in own}
            earlier |= {name: value for name, value in former_defaults(finder).items() if own.get(name) == value}
            missing = {name: value for name, value in earlier.items() if name not in section.settings}
            section = type(section).model_validate(section.model_dump(exclude_unset=True) | missing)
        sections.append(section)
    return study.model_copy(update={"paths": sections})


def build_chooser(section: PathsSection) -> PairChooser:
    """Return what chooses the pairs of a section, with its settings."""
    chooser = PAIRS.choose(section.pairs)
    own = setting_names(chooser)
    return chooser(**frozen({name: value for name, value in section.settings.items() if name in own}))
