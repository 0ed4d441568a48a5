"""Landscapes that any process can make: `Recipe`, the place of a function and the settings that it is called with.

A recipe names a function ``package.module:function`` or ``path/to/file.py:function``, or a word: a network in
`ARCHITECTURES`, with the data set as setting ``data``, or a surface in `LANDSCAPES`. Study files, commands, workers and
databases say by it which landscape they mean. To make a landscape is to run the code that is named: a function here
never does so for a name that a database holds unless the caller says so.
"""

import contextlib
import difflib
import functools
import hashlib
import importlib
import inspect
import math
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch
from torch import nn

from elsuite.core.identity import canonical_json
from elsuite.core.representing import plain
from elsuite.core.settings import Count, SettingsError, Whole, check_arguments, fitted_arguments, frozen
from elsuite.datasets.load import load_data
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.calculators import ase_landscape, structure_path
from elsuite.landscapes.named import LANDSCAPES, named_landscape, named_maker
from elsuite.landscapes.networks import NeuralLandscape, network_landscape
from elsuite.landscapes.networks.architectures import ARCHITECTURES

PLACES = ("device", "byte_budget")
"""Settings that say where and how energies are computed, not which they are: databases do not keep them."""

_SIZES = ("image", "n_outputs")
"""Arguments of a network that the data give."""


class RecipeError(ValueError):
    """A recipe that gives no landscape; the message is one line: the recipe, what is wrong, what is allowed."""


@dataclass(frozen=True)
class Recipe:
    """How a landscape is made: by the function at `where`, called with `settings`.

    Parameters
    ----------
    where : str
        ``package.module:function``, or ``path/to/file.py:function``, kept as an absolute path; the folder of the file
        can be imported from, as when a script runs. Or a word: a network in `ARCHITECTURES`, whose settings are
        ``data``, ``n_train``, ``n_test``, ``seed``, ``folder``, ``dtype`` and the network's own; a surface in
        `LANDSCAPES`, such as ``"lj7"``; or ``ase:`` with the name of one of ASE's calculators, such as ``"ase:emt"``,
        whose setting ``structure`` is a file that ASE reads, others are the calculator's or `AtomicLandscape`'s.
    settings : mapping
        Arguments of the function, of the types that JSON and TOML have. Its parameters ``dtype`` and ``device`` may be
        named here as well.

    Raises
    ------
    RecipeError
        For a text that names no function and no word, or settings of another type. `landscape` raises it for all that
        goes wrong when the function is looked up or called.

    Examples
    --------
    >>> Recipe("lj7").landscape().n_parameters
    21
    >>> Recipe("fcp", {"data": "digits", "n_train": 50, "n_test": 10, "hidden": [4]}).landscape().n_parameters
    296
    >>> Recipe("elsuite.landscapes:SeparableWells", {"heights": [1.0]}).landscape()
    SeparableWells(heights=(1.0,))
    """

    where: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.where, str):
            raise RecipeError(f"recipe: given {self.where!r}, allowed: {_ALLOWED}")
        if not self.where.isprintable():
            raise RecipeError(f"recipe: given {self.where!a}, allowed: names of characters that can be printed")
        if not isinstance(self.settings, Mapping):
            raise RecipeError(f"recipe {self.where}: settings: given {self.settings!r}, allowed: a table")
        values = {str(name): _json_value(self.where, str(name), value) for name, value in self.settings.items()}
        object.__setattr__(self, "settings", values)
        file, function = _file_and_function(self.where)
        if self.is_calculator:
            if isinstance(values.get("structure"), str):
                values["structure"] = structure_path(values["structure"])
        elif file is not None:
            object.__setattr__(self, "where", f"{file}:{function}")
        elif not self.is_known and not all(self.where.rpartition(":")[::2]):
            raise RecipeError(f"recipe: given {self.where!r}, allowed: {_ALLOWED}")

    def __hash__(self) -> int:
        return hash((self.where, canonical_json(self.settings)))

    @property
    def is_known(self) -> bool:
        """Whether it is a word, which needs no code but that of this package and those installed beside it."""
        return self.is_network or self.is_calculator or _is_surface(self.where)

    @property
    def is_calculator(self) -> bool:
        """Whether it is ``ase:`` and the name of one of ASE's calculators."""
        return re.fullmatch(r"ase:\w+", self.where) is not None

    @property
    def is_surface(self) -> bool:
        """Whether it is a word in `LANDSCAPES`, with a number or without."""
        return _is_surface(self.where)

    @property
    def is_network(self) -> bool:
        """Whether it is a word in `ARCHITECTURES`."""
        return self.where in ARCHITECTURES

    def with_settings(self, settings: Mapping[str, Any]) -> "Recipe":
        """Return the recipe with further settings; those that it has already stay where none is given."""
        return Recipe(self.where, {**self.settings, **settings})

    def described(self) -> dict[str, Any]:
        """Return what a database keeps of it: where, and the settings but for those in `PLACES`."""
        return {
            "recipe": self.where,
            "settings": {name: value for name, value in self.settings.items() if name not in PLACES},
        }

    def takes(self, setting: str) -> bool:
        """Return whether the function has such a parameter."""
        if self.is_network:
            return setting in _NETWORK_SETTINGS or _takes(ARCHITECTURES[self.where], setting)
        return _takes(self._function(), setting)

    def landscape(self, *, data_dir: str | Path | None = None) -> Landscape:
        """Return the landscape; `data_dir` is for a function that takes it and has none in its settings.

        Raises
        ------
        RecipeError
            When there is no such function, it does not take the settings, raises an error or returns no landscape.

        Examples
        --------
        >>> Recipe("muller-brown").landscape().n_parameters
        2
        """
        if self.is_network:
            return _network(self, data_dir)
        if _is_surface(self.where) and not self.settings:
            return named_landscape(self.where)
        function = self._function()
        arguments = {**self._numbered(), **self.settings}
        if self.is_calculator and "structure" not in arguments:
            raise RecipeError(f"recipe {self.where}: structure: given nothing, allowed: a file that ASE reads")
        if data_dir is not None and "data_dir" in _parameters(function):
            arguments.setdefault("data_dir", str(data_dir))
        try:
            with _printing_aside():
                made = function(**self._fitted(function, arguments))
        except RecipeError:
            raise
        except (Exception, SystemExit) as error:  # a user's own function raises anything
            raise RecipeError(f"recipe {self.where}: {_in_words(error)}") from error
        if isinstance(made, Landscape):
            return made
        raise RecipeError(f"recipe {self.where}: {_no_landscape(made)}")

    def _numbered(self) -> dict[str, Any]:
        """Return what the number in a word is."""
        if not _is_surface(self.where):
            return {}
        numbered = named_maker(self.where)[1]
        for name in numbered.keys() & self.settings.keys():
            given = self.settings[name]
            raise RecipeError(f"recipe {self.where}: settings.{name}: given {given!r}, allowed: the number in the name")
        return numbered

    def _function(self) -> Callable[..., Any]:
        if self.is_calculator:
            return functools.partial(ase_landscape, self.where.partition(":")[2])
        if _is_surface(self.where):
            return named_maker(self.where)[0]
        file, name = _file_and_function(self.where)
        with _printing_aside():
            module = _module_of_file(self.where, file) if file is not None else _module(self.where)
        try:
            found = attrgetter(name)(module)
        except AttributeError:
            raise RecipeError(f"recipe {self.where}: {_no_function(name, module)}") from None
        if not callable(found):
            raise RecipeError(
                f"recipe {self.where}: {name} is no function but a {type(found).__name__}; a function that returns "
                "a landscape is expected"
            )
        return found  # type: ignore[no-any-return]

    def _fitted(self, function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the settings as the function's annotations want them."""
        named, parameters = arguments.get("dtype"), _parameters(function)
        if not parameters and not inspect.isfunction(function):  # of compiled code: it checks its arguments itself
            return arguments
        dtype = getattr(torch, named, None) if isinstance(named, str) else None
        as_text = "dtype" in parameters and parameters["dtype"].annotation in {str, "str"}
        others = dict(arguments)
        if isinstance(dtype, torch.dtype) and not as_text:
            others.pop("dtype")
        try:
            fitted = fitted_arguments(function, others, supplied=arguments.keys())
        except SettingsError as error:
            hint = "; a text that looks like a number is in quotes, as in --setting 'fold=\"3\"'"
            lines = [line + hint * line.endswith("allowed: a text") for line in error.lines("settings")]
            raise RecipeError("\n".join(f"recipe {self.where}: {line}" for line in lines)) from None
        if "dtype" in arguments and "dtype" not in others:
            if not _takes(function, "dtype"):
                raise RecipeError(f"recipe {self.where}: settings.dtype: given {named!r}, but the function takes none")
            fitted["dtype"] = dtype
        return fitted


_ALLOWED = "package.module:function, path/to/file.py:function, a network or a surface that has a name, such as fcp, lj7"
_NOT_USERS = (str(Path(__file__).parents[1]), *(sysconfig.get_path(name) for name in ("stdlib", "platlib", "purelib")))
"""Folders of code that is not the user's: a line of it says nothing to them."""
_loaded: dict[str, bytes] = {}
"""Modules made of files, with the text that each was made of."""
_folders: list[Path] = []
"""Folders of these files."""


def _is_surface(where: str) -> bool:
    if ":" in where or where in LANDSCAPES:
        return where in LANDSCAPES
    stem = where.rstrip("0123456789")
    return stem in LANDSCAPES and stem != where


def _json_value(where: str, name: str, value: Any) -> Any:
    """Return a value in JSON's types; raises RecipeError for what JSON and TOML do not both have."""
    value = plain(value)
    if isinstance(value, Mapping):
        return {str(key): _json_value(where, f"{name}.{key}", item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(where, f"{name}[{k}]", item) for k, item in enumerate(value)]
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    allowed = "true, false, finite numbers, texts, and lists and tables of them"
    raise RecipeError(f"recipe {where}: settings.{name}: given {value!r}, allowed: {allowed}")


def _file_and_function(where: str) -> tuple[Path | None, str]:
    """Return the file, absolute, that a recipe names (None where it names a module), and the function."""
    place, _, function = where.rpartition(":")
    if not place and where.endswith(".py"):
        raise RecipeError(f"recipe: given {where!r}, allowed: {where}:FUNCTION, with the function's name")
    if place.endswith(".py") or "/" in place:
        if not function:
            raise RecipeError(f"recipe: given {where!r}, allowed: {place}:FUNCTION, with the function's name")
        return Path(place).expanduser().absolute(), function
    return None, function


def _printing_aside() -> contextlib.AbstractContextManager[Any]:
    """Have what a user's code prints be no part of what a command prints, such as JSON."""
    return contextlib.redirect_stdout(sys.stderr)


def _module_of_file(where: str, file: Path) -> ModuleType:
    """Return the module of a file, made once while its text stays the same, so that its classes can be pickled."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise RecipeError(f"recipe {where}: {file} cannot be read ({error.strerror or error})") from None
    place = file.resolve()
    name = f"elsuite_recipe_{file.stem}_{hashlib.sha256(str(place).encode()).hexdigest()[:12]}"
    _import_from(place.parent)
    if _loaded.get(name) == text and name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, place)
    assert spec is not None
    module = module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        # Not by the loader: it would write compiled code beside the file, and take it for a file changed at once.
        exec(compile(text, str(place), "exec"), vars(module))
    except BaseException as error:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        if not isinstance(error, (Exception, SystemExit)):
            raise
        raise RecipeError(f"recipe {where}: cannot be loaded: {_in_words(error)}") from error
    _loaded[name] = text
    return module


def _module(where: str) -> ModuleType:
    """Return the module that a recipe names, also from the folder that this process runs in."""
    name = where.rpartition(":")[0]
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}.")
        words = f"no module {name!r} is installed or in {here}" if missing else f"cannot be loaded: {_in_words(error)}"
        raise RecipeError(f"recipe {where}: {words}") from error


def _import_from(folder: Path) -> None:
    """Let modules be imported from a folder, before others; those of another such folder make room for its own."""
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))
    others = [other for other in _folders if other != folder]
    if folder not in _folders:
        _folders.append(folder)
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if origin is None or name in _loaded:
            continue
        top = name.partition(".")[0]
        if not ((folder / f"{top}.py").exists() or (folder / top).is_dir()):
            continue
        roots = [other for other in others if Path(origin).is_relative_to(other)]
        if any(Path(origin).relative_to(root).parts[0] in {top, f"{top}.py"} for root in roots):
            del sys.modules[name]


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # of compiled code
        return {}


def _takes(function: Callable[..., Any], name: str) -> bool:
    parameters = _parameters(function)
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _network(recipe: Recipe, data_dir: str | Path | None) -> NeuralLandscape:
    """Return the landscape of a named network on a data set."""
    options = dict(recipe.settings)
    own = {name: options.pop(name) for name in _NETWORK_SETTINGS if name in options}
    lines = []
    checks: list[tuple[Callable[..., Any], dict[str, Any], tuple[str, ...]]]
    checks = [(_on_data, own, ("options",)), (ARCHITECTURES[recipe.where], options, _SIZES)]
    for function, given, supplied in checks:
        try:
            check_arguments(function, frozen(given), supplied=("architecture", "data_dir", *supplied))
        except SettingsError as error:
            lines += [f"recipe {recipe.where}: {line}" for line in error.lines("settings")]
    if lines:
        raise RecipeError("\n".join(lines))
    return _on_data(recipe.where, data_dir, frozen(options), **own)


def _on_data(
    architecture: str,
    data_dir: str | Path | None,
    options: dict[str, Any],
    *,
    data: str,
    n_train: Count | None = None,
    n_test: Count | None = None,
    seed: Whole = 0,
    folder: str | None = None,
    dtype: Literal["float32", "float64"] = "float32",
    device: str = "auto",
    byte_budget: Count = 2**30,
) -> NeuralLandscape:
    folders = [place for place in (data_dir, folder) if place]
    if data.endswith(".npz"):  # a data folder for others does not hide the folder of the study file
        folders.sort(key=lambda place: not (Path(place) / data).exists())
    loaded = load_data(data, n_train=n_train, n_test=n_test, seed=seed, data_dir=folders[0] if folders else None)
    where: dict[str, Any] = {"device": device, "dtype": getattr(torch, dtype), "byte_budget": byte_budget}
    return network_landscape(architecture, loaded, **where, **options)


_NETWORK_SETTINGS = tuple(inspect.signature(_on_data).parameters)[3:]
"""Of a network that has a name, beside its own."""


def _no_function(name: str, module: ModuleType) -> str:
    """Return in words that a module has no function of a name, and which it has."""
    there = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
    near = difflib.get_close_matches(name, there, 1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"no function {name!r}; there are: {', '.join(sorted(there)) or 'none'}{hint}"


def _no_landscape(made: Any) -> str:
    """Return in words what a function returned in place of a landscape."""
    if isinstance(made, nn.Module):
        name = type(made).__name__
        return (
            f"the function returns the module {name}, a Landscape is expected: NeuralLandscape({name}(...), loss, "
            "inputs, targets)"
        )
    if made is None:
        return "the function returns nothing, a Landscape is expected: does it end with `return`?"
    what = f"the class {made.__name__}" if isinstance(made, type) else f"a {type(made).__name__}"
    return f"the function returns {what}, a Landscape is expected, such as NeuralLandscape(...)"


def _in_words(error: BaseException) -> str:
    """Return the type of an error and the first line of its message, with its place in the user's code."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    lines = str(error).strip().splitlines()
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((*_NOT_USERS, "<"))]
    place = f" (line {frames[-1].lineno} of {Path(frames[-1].filename).name})" if frames else ""
    return (f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__) + place
