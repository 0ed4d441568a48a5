"""From the text of a study file to a validated `Study`: what does not fit is said with its key, in one line each."""

import re
import tomllib
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pydantic

from elsuite.core.plugins import PluginTable
from elsuite.core.settings import SettingsError, check_arguments, frozen, setting_names, unknown_name
from elsuite.exploration.pairs import PAIRS
from elsuite.landscapes import ARCHITECTURES
from elsuite.landscapes.recipes import RecipeError
from elsuite.minimizers import MINIMIZERS
from elsuite.paths import PATH_FINDERS
from elsuite.studies.build import build_chooser, build_finder, build_minimizer, recipe_of
from elsuite.studies.model import SURFACES, DataSection, NetworkSection, PathsSection, Study, StudyError

_SIZES = ("image", "n_outputs")
"""Arguments of a network that the data give."""


def shipped_study(name: str) -> str:
    """Return the text of a study file that comes with the package, such as ``"demo"``.

    Examples
    --------
    >>> list(parse_study(shipped_study("demo")).sets)
    ['sgd/train', 'sgd/test', 'lbfgs-gss/train', 'lbfgs-gss/test']
    """
    return resources.files("elsuite.studies").joinpath("files", f"{name}.toml").read_text("utf-8")


def load_study(path: str | Path, *, seed: int | None = None) -> tuple[Study, str]:
    """Return the validated study in the file at `path` and its text, with another `seed` if one is given.

    Raises
    ------
    StudyError
        For a file that is not there or no valid study; each line says the key, what was given and what is allowed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "study.toml").write_text(shipped_study("demo"))
    ...     study, text = load_study(f"{folder}/study.toml")
    >>> study.seed, [minimizer.label for minimizer in study.minimizers]
    (0, ['sgd', 'lbfgs-gss'])
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise StudyError(f"{path}: cannot be read ({reason})") from None
    text = with_seed(text, seed, str(path))
    study = parse_study(text, str(path))
    folder = Path(path).absolute().parent
    data = None if study.data is None else _beside(study.data, folder)
    return study.model_copy(update={"data": data, "network": _code_beside(study.network, folder)}), text


def _beside(data: DataSection, folder: Path) -> DataSection:
    """Return the section with what it names relative to the study file in `folder`, or else to where we are."""
    wanted = data.folder or (data.name if data.name.endswith(".npz") else None)
    if wanted is None or not _lies_beside(wanted, folder, "data.folder" if data.folder else "data.name"):
        return data
    return data.model_copy(update={"folder": str(folder / data.folder) if data.folder else str(folder)})


def _code_beside(network: NetworkSection, folder: Path) -> NetworkSection:
    """Return the section with the file of its recipe relative to the study file in `folder`, as `_beside`."""
    file = (network.recipe or "").rpartition(":")[0]
    if not (file.endswith(".py") or "/" in file) or not _lies_beside(file, folder, "network.recipe"):
        return network
    return network.model_copy(update={"recipe": f"{folder / str(network.recipe)}"})


def _lies_beside(name: str, folder: Path, key: str) -> bool:
    """Return whether a name is relative to the folder of the study file; a warning says where it is not."""
    if Path(name).expanduser().is_absolute():
        return False
    if (folder / name).exists() or not Path(name).exists():
        return True
    if Path.cwd() != folder:
        warnings.warn(f"{key}: no {name} beside the study file; {Path(name).absolute()} is taken", stacklevel=4)
    return False


def parse_study(text: str, source: str = "study") -> Study:
    """Return the validated study in TOML `text`; `source` names it in messages.

    Raises
    ------
    StudyError
        As `load_study`.

    Examples
    --------
    >>> text = '''
    ... [data]
    ... name = "digits"
    ... [network]
    ... architecture = "fcp"
    ... [[minimizers]]
    ... algorithm = "sgd"
    ... starts = 2
    ... '''
    >>> list(parse_study(text).sets)
    ['sgd/train', 'sgd/test']
    >>> parse_study(text.replace("starts = 2", "starts = 0"))
    Traceback (most recent call last):
    elsuite.studies.model.StudyError: ...
    """
    try:
        study = Study.model_validate(_toml(text, source))
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


def with_seed(text: str, seed: int | None, source: str = "study") -> str:
    r"""Return the text of a study file with its seed replaced, so that the text that is stored is the study that ran.

    Raises
    ------
    StudyError
        For a text that is not TOML.

    Examples
    --------
    >>> with_seed('name = "a"', 5)
    'seed = 5\nname = "a"'
    """
    if seed is None:
        return text
    raw = _toml(text, source)
    if "seed" not in raw:
        return f"seed = {seed}\n{text}"
    wanted = _comparable(raw | {"seed": seed})
    # A line that looks like the seed may stand in a longer text or belong to a table: the parser says which is meant.
    for found in re.finditer(r"""^([ \t]*(?:seed|"seed"|'seed')[ \t]*=[ \t]*)[+\-\w.:"']+""", text, re.MULTILINE):
        changed = f"{text[: found.start()]}{found[1]}{seed}{text[found.end() :]}"
        try:
            if _comparable(tomllib.loads(changed)) == wanted:
                return changed
        except tomllib.TOMLDecodeError:
            continue
    raise StudyError(f"{source}: seed: cannot be replaced as it is written, allowed: a line such as seed = 0")


def check_network(network: NetworkSection) -> NetworkSection:
    """Return the section if its architecture takes its options; else raises StudyError."""
    lines = _check_network(network)
    if lines:
        raise StudyError("\n".join(lines))
    return network


def _toml(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{source}: not TOML: {error}") from None


def _comparable(raw: Mapping[str, Any]) -> str:
    # As text, where a number that is none (nan) is equal to itself.
    return repr(sorted(raw.items()))


def _cross_check(study: Study) -> list[str]:
    """Return what is wrong between the sections, and in the settings of algorithms."""
    lines = _check_network(study.network) or _check_data(study)
    labels: list[str] = []
    for i, section in enumerate(study.minimizers):
        where = f"minimizers[{i}]"
        lines += _row(f"{where}.algorithm", section.algorithm, MINIMIZERS) or _built(
            where, build_minimizer, section, MINIMIZERS[section.algorithm]
        )
        if section.label in labels:
            lines.append(f"{where}.name: given {section.label!r} twice, allowed: a name of its own for each")
        if section.keep is not None and section.keep > section.starts:
            lines.append(f"{where}.keep: given {section.keep}, allowed: 1 to starts = {section.starts}")
        labels.append(section.label)
    for i, paths in enumerate(study.paths):
        lines += check_paths(f"paths[{i}]", paths)
    # Which surfaces a recipe's landscape has is known when it is made.
    return lines if study.network.recipe else lines + check_surfaces(study, SURFACES)


def _check_data(study: Study) -> list[str]:
    if study.network.recipe is None:
        return [] if study.data else [_missing("data")]
    try:
        recipe_of(study.data, study.network)
    except RecipeError as error:
        return [f"network.recipe: {line}" for line in str(error).splitlines()]
    return []


def check_surfaces(study: Study, surfaces: Sequence[str]) -> list[str]:
    """Return what is wrong with the surfaces and sets that a study names, of a landscape that has these surfaces."""
    lines = []
    for i, paths in enumerate(study.paths):
        for key, surface in [("surface", paths.surface or surfaces[0]), *(("measure", s) for s in paths.measure)]:
            lines += _choice(f"paths[{i}].{key}", surface, surfaces)
        for name in paths.sets:
            lines += _choice(f"paths[{i}].sets", name, study.sets_on(surfaces))
    return lines


def _check_network(network: NetworkSection) -> list[str]:
    if network.recipe is not None:
        both = f"given beside architecture = {network.architecture!r}, allowed: one of them"
        return [] if network.architecture is None else [f"network.recipe: {both}"]
    if network.architecture is None:
        return [_missing("network.architecture")]
    lines = _row("network.architecture", network.architecture, ARCHITECTURES)
    if lines:
        return lines
    try:
        check_arguments(ARCHITECTURES[network.architecture], frozen(network.settings), supplied=_SIZES)
    except SettingsError as error:
        return error.lines("network")
    return []


def check_paths(where: str, paths: PathsSection) -> list[str]:
    """Return what is wrong with the finder and the chooser of pairs of a section, and with their settings."""
    lines = _row(f"{where}.finder", paths.finder, PATH_FINDERS)
    lines += _row(f"{where}.pairs", paths.pairs, PAIRS)
    if not lines and paths.setting is not None and paths.finder != "fourier":
        lines = [f"{where}.setting: given {paths.setting!r}, allowed with finder 'fourier' only"]
    if not lines:
        classes = PATH_FINDERS[paths.finder], PAIRS[paths.pairs]
        lines = _built(where, build_finder, paths, *classes) + _built(where, build_chooser, paths, *classes)
    return lines


def _built(where: str, build: Callable[[Any], Any], section: pydantic.BaseModel, *algorithms: type) -> list[str]:
    """Return why what a section names cannot be made; its keys are its own and the settings of the algorithms."""
    try:
        build(section)
    except SettingsError as error:
        known = {*type(section).model_fields, *(name for kind in algorithms for name in setting_names(kind))}
        given = section.model_extra or {}
        return [
            f"{where}.{name}: {unknown_name(name, given[name], known)}" if name in given and name not in known else line
            for (name, _), line in zip(error.mistakes, error.lines(where), strict=True)
        ]
    except (ValueError, TypeError) as error:  # of an algorithm that another package checks in its own way
        return [f"{where}: {error}"]
    return []


def _row(key: str, given: str, table: PluginTable[Any]) -> list[str]:
    """Return why a table has no such thing, or why that of another package cannot be loaded."""
    lines = _choice(key, given, table)
    if not lines:
        try:
            table[given]
        except ValueError as error:
            lines = [f"{key}: {error}"]
    return lines


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
        prefix = key[: len(key) - len(str(location[-1]))]
        return f"{key}: {unknown_name(str(location[-1]), given, _allowed_keys(model, location[:-1]), prefix)}"
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
                (a for a in (annotation, *inner) if isinstance(a, type) and issubclass(a, pydantic.BaseModel)), model
            )
    return sorted(model.model_fields)
