"""From the words of a study file to landscapes, minimizers and finders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from elsuite.core.settings import frozen, setting_names
from elsuite.database import LandscapeDatabase
from elsuite.exploration.pairs import PAIRS, AllPairs, NearestPairs, PairChooser, RandomPairs, SpanningPairs
from elsuite.landscapes import NeuralLandscape, load_data, network_landscape
from elsuite.minimizers import MINIMIZERS
from elsuite.minimizers.base import Minimizer
from elsuite.paths import PATH_FINDERS, FourierPathFinder, PathFinder
from elsuite.studies.model import DataSection, MinimizerSection, NetworkSection, PathsSection, Study


def build_landscape(study: Study, *, data_dir: str | Path | None = None) -> NeuralLandscape:
    """Return the landscape of the study's network on its data, which may lie in `data_dir`."""
    return landscape_of(study.data, study.network, data_dir=data_dir)


def stored_landscape(database: LandscapeDatabase, *, data_dir: str | Path | None = None) -> NeuralLandscape:
    """Return the landscape that the energies of a database are of, from what the database says of itself.

    Raises
    ------
    ValueError
        When it does not say, or the data are not at hand.
    """
    identity = database.attributes.get("landscape")
    if not isinstance(identity, dict) or not {"data", "network"} <= identity.keys():
        raise ValueError("the store does not say which network and data its energies are of")
    data, network = DataSection(**identity["data"]), NetworkSection(**identity["network"])
    return landscape_of(data, network, data_dir=data_dir)


def landscape_of(data: DataSection, network: NetworkSection, data_dir: str | Path | None = None) -> NeuralLandscape:
    """Return the landscape of a network on data, which may lie in `data_dir`."""
    loaded = load_data(
        data.name, n_train=data.n_train, n_test=data.n_test, seed=data.seed, data_dir=data_dir or data.folder
    )
    return network_landscape(
        network.architecture,
        loaded,
        byte_budget=network.byte_budget,
        device=network.device,
        dtype=getattr(torch, network.dtype),
        **frozen(network.options),
    )


def landscape_identity(data: DataSection, network: NetworkSection) -> dict[str, Any]:
    """Return in JSON's types what energies depend on: data and network, without where and how they are computed."""
    return {
        "data": data.model_dump(exclude={"folder"}),
        "network": network.model_dump(exclude={"device", "byte_budget"}),
    }


def build_minimizer(section: MinimizerSection) -> Minimizer:
    """Return the minimizer that a section names, with its settings."""
    algorithm: Callable[..., Minimizer] = MINIMIZERS[section.algorithm]
    return algorithm(**frozen(section.settings))


def build_finder(section: PathsSection) -> PathFinder:
    """Return the finder that a section names, with its settings."""
    # A study may keep what the choosers of this package take when it changes to another one.
    choosers = (PAIRS.choose(section.pairs), AllPairs, NearestPairs, RandomPairs, SpanningPairs)
    others = {name for chooser in choosers for name in setting_names(chooser)}
    given = frozen({name: value for name, value in section.settings.items() if name not in others})
    if section.finder == "fourier" and section.setting == "published":
        return FourierPathFinder.published(**given)
    finder: Callable[..., PathFinder] = PATH_FINDERS[section.finder]
    return finder(**given)


def build_chooser(section: PathsSection) -> PairChooser:
    """Return what chooses the pairs of a section, with its settings."""
    chooser: Callable[..., PairChooser] = PAIRS.choose(section.pairs)
    own = setting_names(PAIRS.choose(section.pairs))
    return chooser(**frozen({name: value for name, value in section.settings.items() if name in own}))
