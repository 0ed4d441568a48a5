"""The study file: what is explored, how minima are reached and joined, as one validated value.

A study is a TOML file with the tables `data`, `network`, one `[[minimizers]]` for each set of starts and one
`[[paths]]` for each round of searches; docs/study.md lists every key. What an algorithm takes, its class says, and a
recipe's function what it takes.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, Field

SURFACES = ("train", "test")
"""Of a network that has a name; what a recipe makes has its own."""

_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(min_length=1, pattern=r"^[^/\s]+$")]


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise ValueError("auto, cpu, cuda, cuda:N, mps")
    return name


class StudyError(ValueError):
    """A study file that cannot be run; the message has one line for each mistake."""


class AlgorithmSection(pydantic.BaseModel):
    """A table whose further keys are settings of what it names."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True, strict=True)

    @property
    def settings(self) -> dict[str, Any]:
        """The further keys."""
        return dict(self.model_extra or {})


class DataSection(pydantic.BaseModel):
    """Which images: `name` of a data set or of an .npz file, and how many of them."""

    model_config = _STRICT
    name: str
    n_train: Count | None = None
    n_test: Count | None = None
    seed: int = Field(0, ge=0)
    folder: str | None = None


class NetworkSection(AlgorithmSection):
    """Which network: any further key is an option of the architecture, or of the function that `recipe` names."""

    architecture: str | None = None
    recipe: str | None = None
    dtype: Literal["float32", "float64"] = "float32"
    device: Annotated[str, AfterValidator(_device)] = "auto"
    byte_budget: int = Field(2**30, ge=2**20)


class MinimizerSection(AlgorithmSection):
    """One optimizer and its starts; any further key is a setting of the algorithm."""

    algorithm: str
    name: Name = ""
    starts: Count
    keep: Count | None = None
    starts_per_block: Count = 24
    checkpoint_every: Count = 50

    @property
    def label(self) -> str:
        """The first half of the names of its sets."""
        return self.name or self.algorithm


class PathsSection(AlgorithmSection):
    """One round of searches; any further key is a setting of the finder, or of what chooses the pairs."""

    finder: str = "fourier"
    setting: Literal["converged", "published"] | None = None
    name: str = ""
    surface: str = ""
    measure: list[str] = []
    pairs: str = "random"
    sets: list[str] = []
    pairs_seed: int | None = Field(None, ge=0)
    keep_curves: bool = True
    curves: Literal["float16", "float32", "float64", "none"] | None = None
    align: Literal["weights", "activations", "stored"] | None = None

    @property
    def label(self) -> str:
        """What the column `finder` says."""
        return self.name or self.finder


class Study(pydantic.BaseModel):
    """A whole study, as read from its file.

    Examples
    --------
    >>> minimizers = [{"algorithm": "sgd", "starts": 3}]
    >>> list(Study(network={"recipe": "lj7"}, minimizers=minimizers).sets_on(["energy"]))
    ['sgd/energy']
    """

    model_config = _STRICT
    name: str = "study"
    seed: int = Field(0, ge=0, le=2**31 - 1)
    threads: Count = 1
    data: DataSection | None = None
    network: NetworkSection
    minimizers: Annotated[list[MinimizerSection], Field(min_length=1)]
    paths: list[PathsSection] = []

    @property
    def sets(self) -> dict[str, MinimizerSection]:
        """The sets that the study makes of a network that has a name."""
        return self.sets_on(SURFACES)

    def sets_on(self, surfaces: Iterable[str]) -> dict[str, MinimizerSection]:
        """Return the sets that the study makes, "minimizer/stopping", with the minimizer of each."""
        return {f"{m.label}/{surface}": m for m in self.minimizers for surface in surfaces}
