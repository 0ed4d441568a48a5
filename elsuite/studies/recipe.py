"""How a worker makes the landscape of a study: `StudyRecipe`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from elsuite.landscapes.networks import NeuralLandscape
from elsuite.studies.build import landscape_of
from elsuite.studies.model import DataSection, NetworkSection

__all__ = ["StudyRecipe"]


@dataclass(frozen=True)
class StudyRecipe:
    """The study's words as JSON text, so that they can be sent and cached."""

    data: str
    network: str
    data_dir: str | Path | None
    threads: int

    @classmethod
    def of(
        cls, data: DataSection, network: NetworkSection, *, data_dir: str | Path | None, threads: int
    ) -> Self:
        """Return the recipe of a study's sections."""
        return cls(data.model_dump_json(), network.model_dump_json(), data_dir, threads)

    def landscape(self) -> NeuralLandscape:
        """Return the landscape."""
        data = DataSection.model_validate_json(self.data)
        network = NetworkSection.model_validate_json(self.network)
        return landscape_of(data, network, data_dir=self.data_dir)
