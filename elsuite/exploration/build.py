"""From the words of a study file to landscapes, minimizers and finders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from elsuite.exploration.settings import frozen
from elsuite.exploration.study import MinimizerSection, PathsSection, Study
from elsuite.landscapes import ARCHITECTURES, NeuralLandscape, load_data, network_landscape
from elsuite.minimizers import MINIMIZERS
from elsuite.minimizers.base import Minimizer
from elsuite.paths import PATH_FINDERS, FourierPathFinder, PathFinder

__all__ = [
    "AlgorithmTables",
    "algorithm_tables",
    "build_finder",
    "build_landscape",
    "build_minimizer",
    "landscape_identity",
]


@dataclass(frozen=True)
class AlgorithmTables:
    """What a study file can name."""

    architectures: Mapping[str, type]
    minimizers: Mapping[str, type]
    finders: Mapping[str, type]


@lru_cache
def algorithm_tables() -> AlgorithmTables:
    """Return the names of all architectures, minimizers and finders with their classes."""
    return AlgorithmTables(ARCHITECTURES, MINIMIZERS, PATH_FINDERS)


def build_landscape(study: Study, *, folder: str | None = None) -> NeuralLandscape:
    """Return the landscape of the study's network on its data, which may lie in `folder`."""
    data = load_data(
        study.data.name,
        n_train=study.data.n_train,
        n_test=study.data.n_test,
        seed=study.data.seed,
        folder=folder or study.data.folder,
    )
    network = study.network
    return network_landscape(
        network.architecture,
        data,
        byte_budget=network.byte_budget,
        device=network.device,
        dtype=getattr(torch, network.dtype),
        **frozen(network.options),
    )


def landscape_identity(study: Study) -> dict[str, Any]:
    """Return in JSON's types what the energies of the study depend on: data and network."""
    data = study.data.model_dump(exclude={"folder"})
    network = study.network.model_dump(exclude={"device", "byte_budget"})
    return {"data": data, "network": network}


def build_minimizer(section: MinimizerSection) -> Minimizer:
    """Return the minimizer that a section names, with its settings."""
    algorithm: Callable[..., Minimizer] = MINIMIZERS[section.algorithm]
    return algorithm(**frozen(section.settings))


def build_finder(section: PathsSection) -> PathFinder:
    """Return the finder that a section names, with its settings."""
    if section.finder == "fourier" and section.setting == "published":
        return FourierPathFinder.published(**frozen(section.settings))
    finder: Callable[..., PathFinder] = PATH_FINDERS[section.finder]
    return finder(**frozen(section.settings))
