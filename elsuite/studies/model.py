"""The study file: what is explored, how minima are reached and joined, as one validated value.

A study is a TOML file with the tables `data`, `network`, one `[[minimizers]]` for each set of starts and one
`[[paths]]` for each round of searches; docs/study.md lists every key.
"""

import difflib
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from elsuite.core.settings import SettingsError, frozen, settings_model

__all__ = [
    "DataSection",
    "MinimizerSection",
    "NetworkSection",
    "PathsSection",
    "Study",
    "StudyError",
    "check_network",
    "load_study",
    "parse_study",
    "shipped_study",
]

_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)
_OPEN = pydantic.ConfigDict(extra="allow", frozen=True, strict=True)

Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(min_length=1, pattern=r"^[^/\s]+$")]


class StudyError(ValueError):
    """A study file that cannot be run; the message has one line for each mistake."""


class DataSection(pydantic.BaseModel):
    """Which images: `name` of a data set or of an .npz file, and how many of them."""

    model_config = _STRICT
    name: str
    n_train: Count | None = None
    n_test: Count | None = None
    seed: int = Field(0, ge=0)
    folder: str | None = None


class NetworkSection(pydantic.BaseModel):
    """Which network; any further key is an option of the architecture."""

    model_config = _OPEN
    architecture: str
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    byte_budget: int = Field(2**30, ge=2**20)

    @property
    def options(self) -> dict[str, Any]:
        """The options of the architecture."""
        return dict(self.model_extra or {})


class MinimizerSection(pydantic.BaseModel):
    """One optimizer and its starts; any further key is a setting of the algorithm."""

    model_config = _OPEN
    algorithm: str
    name: Name = ""
    starts: Count
    keep: Count | None = None
    starts_per_block: Count = 24
    checkpoint_every: Count = 50

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the algorithm."""
        return dict(self.model_extra or {})

    @property
    def label(self) -> str:
        """The first half of the names of its sets."""
        return self.name or self.algorithm


class PathsSection(pydantic.BaseModel):
    """One round of searches; any further key is a setting of the finder."""

    model_config = _OPEN
    finder: str = "fourier"
    setting: Literal["converged", "published"] | None = None
    name: str = ""
    surface: str = ""
    measure: list[str] = []
    pairs: Literal["random", "all", "nearest", "spanning"] = "random"
    sets: list[str] = []
    within: int | None = Field(None, ge=0)
    between: int | None = Field(None, ge=0)
    n_neighbors: Count = 3
    n_pairs: Count | None = None
    pairs_seed: int | None = Field(None, ge=0)
    keep_curves: bool = True
    align: Literal["weights", "activations"] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the finder."""
        return dict(self.model_extra or {})

    @property
    def label(self) -> str:
        """What the column `finder` says."""
        return self.name or self.finder


class Study(pydantic.BaseModel):
    """A whole study, as read from its file."""

    model_config = _STRICT
    name: str = "study"
    seed: int = Field(0, ge=0, le=2**31 - 1)
    data: DataSection
    network: NetworkSection
    minimizers: Annotated[list[MinimizerSection], Field(min_length=1)]
    paths: list[PathsSection] = []

    @property
    def sets(self) -> dict[str, MinimizerSection]:
        """The sets that the study makes, "minimizer/stopping", with the minimizer of each."""
        return {f"{m.label}/{surface}": m for m in self.minimizers for surface in ("train", "test")}


def check_network(network: NetworkSection) -> NetworkSection:
    """Return the section if its architecture takes its options.

    Raises
    ------
    StudyError
        Saying what was given and what is allowed.
    """
    from elsuite.studies.build import algorithm_tables

    lines = _check_network(network, algorithm_tables().architectures)
    if lines:
        raise StudyError("\n".join(lines))
    return network


def shipped_study(name: str) -> str:
    """Return the text of a study file that comes with the package, such as ``"demo"``."""
    return resources.files("elsuite.studies").joinpath("files", f"{name}.toml").read_text("utf-8")


def load_study(path: str | Path) -> tuple[Study, str]:
    """Return the validated study in the file at `path` and the file's text.

    Raises
    ------
    StudyError
        For a file that is not there or no valid study; each line says the key, what was given and what is allowed.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise StudyError(f"{path}: cannot be read ({reason})") from None
    return parse_study(text, str(path)), text


def parse_study(text: str, source: str = "study") -> Study:
    """Return the validated study in TOML `text`; `source` names it in messages.

    Raises
    ------
    StudyError
        As `load_study`.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{source}: not TOML: {error}") from None
    try:
        study = Study.model_validate(raw)
    except pydantic.ValidationError as error:
        lines = [_line(entry, Study) for entry in error.errors()]
        # A misspelled key is one mistake, not an unknown key and a missing one.
        meant = [line.split("did you mean ")[1].strip("')?") for line in lines if "did you mean " in line]
        lines = [line for line in lines if not any(line == _missing(key) for key in meant)]
        raise StudyError("\n".join(f"{source}: {line}" for line in lines)) from None
    mistakes = [f"{source}: {line}" for line in _cross_check(study)]
    if mistakes:
        raise StudyError("\n".join(mistakes))
    return study


def _cross_check(study: Study) -> list[str]:
    """Return what is wrong between the sections, and in the settings of algorithms and finders."""
    from elsuite.studies.build import algorithm_tables  # loads torch, so only here

    tables = algorithm_tables()
    lines = _check_network(study.network, tables.architectures)
    labels: list[str] = []
    for i, section in enumerate(study.minimizers):
        where = f"minimizers[{i}]"
        lines += _choice(f"{where}.algorithm", section.algorithm, tables.minimizers) or _settings(
            where, section.settings, tables.minimizers[section.algorithm]
        )
        if section.label in labels:
            lines.append(f"{where}.name: given {section.label!r} twice, allowed: a name of its own for each")
        if section.keep is not None and section.keep > section.starts:
            lines.append(f"{where}.keep: given {section.keep}, allowed: 1 to starts = {section.starts}")
        labels.append(section.label)
    for i, paths in enumerate(study.paths):
        lines += _check_paths(f"paths[{i}]", paths, study, tables.finders)
    return lines


def _check_network(network: NetworkSection, architectures: Mapping[str, type]) -> list[str]:
    lines = _choice("network.architecture", network.architecture, architectures)
    return lines or _settings("network", network.options, architectures[network.architecture])


def _check_paths(where: str, paths: PathsSection, study: Study, finders: Mapping[str, type]) -> list[str]:
    lines = _choice(f"{where}.finder", paths.finder, finders) or _settings(
        where, paths.settings, finders[paths.finder]
    )
    if not lines and paths.setting is not None and paths.finder != "fourier":
        lines.append(f"{where}.setting: given {paths.setting!r}, allowed with finder 'fourier' only")
    for key, surface in [("surface", paths.surface or "train"), *(("measure", s) for s in paths.measure)]:
        lines += _choice(f"{where}.{key}", surface, ("train", "test"))
    for name in paths.sets:
        lines += _choice(f"{where}.sets", name, study.sets)
    return lines


def _settings(where: str, given: Mapping[str, Any], algorithm: type) -> list[str]:
    try:
        settings_model(algorithm).model_validate(given)
        algorithm(**frozen(given))
    except pydantic.ValidationError as error:
        return [f"{where}.{_line(entry, settings_model(algorithm))}" for entry in error.errors()]
    except (SettingsError, ValueError, TypeError) as error:
        return [f"{where}: {error}"]
    return []


def _choice(key: str, given: str, allowed: Any) -> list[str]:
    return [] if given in allowed else [f"{key}: given {given!r}, allowed: {', '.join(sorted(allowed))}"]


def _line(entry: Any, model: type[pydantic.BaseModel]) -> str:
    """Return one mistake that pydantic found as: key, what was given, what is allowed."""
    location = [part for part in entry["loc"] if part not in ("function-plain",)]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    if entry["type"] == "missing":
        return _missing(key)
    given = entry["input"]
    if entry["type"] == "extra_forbidden":
        allowed = _allowed_keys(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), allowed, 1)
        whole = key[: len(key) - len(str(location[-1]))] + near[0] if near else ""
        hint = f" (did you mean {whole!r}?)" if near else ""
        return f"{key}: unknown key, given {given!r}, allowed keys: {', '.join(allowed)}{hint}"
    allowed_text = entry["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{key}: given {given!r}, allowed: {allowed_text}"


def _missing(key: str) -> str:
    return f"{key}: not given, but required"


def _allowed_keys(model: Any, location: list[Any]) -> list[str]:
    for part in location:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            inner = getattr(annotation, "__args__", ())
            model = next(
                (
                    a
                    for a in (annotation, *inner)
                    if isinstance(a, type) and issubclass(a, pydantic.BaseModel)
                ),
                model,
            )
    return sorted(model.model_fields)
