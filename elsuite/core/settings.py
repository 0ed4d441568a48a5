"""Settings, declared once: the fields of a frozen dataclass are the check, the study file's schema and the list.

`settings` makes it; aliases of types (`Count`, `Positive`, ...) say what is allowed, `SettingsError` what was given;
`listed_settings` is the table for a reader, `all_settings` and `key_settings` are the values for JSON.
"""

import dataclasses
import difflib
import functools
import inspect
import json
import math
import typing
from collections.abc import Callable, Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform, overload

import pydantic
import pydantic.dataclasses
from pydantic_core import PydanticCustomError, core_schema

from elsuite.core.representing import plain

T = TypeVar("T")
_CONFIG = pydantic.ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


class SettingsError(ValueError):
    """Settings that are not allowed; the message has one line for each mistake."""

    def __init__(self, owner: str, mistakes: list[tuple[str, str]]) -> None:
        # Of each: the name of the setting, empty where several do not fit together, and what is wrong with it.
        self.owner, self.mistakes = owner, tuple(mistakes)
        super().__init__("\n".join(self.lines(owner)))

    def lines(self, where: str) -> list[str]:
        """Return one line for each mistake, with the names in `where`."""
        return [f"{where}.{name}: {text}" if name else f"{where}: {text}" for name, text in self.mistakes]

    def __reduce__(self) -> Any:
        return type(self), (self.owner, list(self.mistakes))


@dataclasses.dataclass(frozen=True)
class Number:
    """What a number may be, as part of an annotation: the number is checked and kept as it was given.

    An integer stays one where any number is allowed: settings are part of content keys.
    """

    least: float | None = None
    above: float | None = None
    below: float | None = None
    whole: bool = False
    finite: bool = True

    def admits(self, value: Any) -> bool:
        """Return whether `value` is such a number; True and False are none."""
        kinds = int if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or math.isnan(value):
            return False
        if self.finite and not math.isfinite(value):
            return False
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def words(self, value: Any = None) -> str:
        """Return what is allowed, with the type if `value` has another."""
        limits = {"at least": self.least, "above": self.above, "below": self.below}
        bounds = [f"{word} {limit:g}" for word, limit in limits.items() if limit is not None]
        kind = "an integer" if self.whole else "a number"
        right = not isinstance(value, bool) and isinstance(value, int if self.whole else (int, float))
        return ", ".join(bounds if bounds and right else [kind, *bounds])

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Return the check in pydantic's form."""

        def check(value: Any) -> Any:
            if not self.admits(value):
                raise PydanticCustomError("number", "number")
            return value

        return core_schema.no_info_plain_validator_function(check)


Count = Annotated[int, Number(least=1, whole=True)]
Whole = Annotated[int, Number(least=0, whole=True)]
Points = Annotated[int, Number(least=3, whole=True)]
Finite = Annotated[int | float, Number()]
Positive = Annotated[int | float, Number(above=0)]
NonNegative = Annotated[int | float, Number(least=0)]
AtLeastOne = Annotated[int | float, Number(least=1)]
Share = Annotated[int | float, Number(least=0, below=1)]


@overload
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field,))
def settings(cls: type[T]) -> type[T]: ...
@overload
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field,))
def settings(*, kw_only: bool) -> Callable[[type[T]], type[T]]: ...
def settings(cls: type[T] | None = None, *, kw_only: bool = True) -> Any:
    """Make `cls` a frozen dataclass of keyword arguments that checks each against its annotation.

    What is wrong raises `SettingsError`, with a line for each mistake: class and setting, what was given, what is
    allowed. Values are kept as they were given, numbers of numpy as those of Python.

    Examples
    --------
    >>> @settings
    ... class Walk:
    ...     n_steps: Count = 10
    ...     kind: Literal["plain", "lazy"] = "plain"
    >>> Walk(n_steps=3)
    Walk(n_steps=3, kind='plain')
    >>> Walk(n_steps=0, kin="lazy")
    Traceback (most recent call last):
    elsuite.core.settings.SettingsError: Walk.n_steps: given 0, allowed: at least 1
    Walk.kin: unknown key, given 'lazy', allowed keys: kind, n_steps (did you mean 'kind'?)
    """

    def make(made: type[T]) -> type[T]:
        new: Any = pydantic.dataclasses.dataclass(frozen=True, kw_only=kw_only, config=_CONFIG)(made)
        checked = new.__init__

        @functools.wraps(checked)
        def __init__(self: Any, *arguments: Any, **given: Any) -> None:
            arguments, given = plain(arguments), {name: plain(value) for name, value in given.items()}
            try:
                checked(self, *arguments, **given)
                return
            except pydantic.ValidationError as error:
                mistakes = _mistakes(error, _annotations(new), given)
            # Not while the other is handled: it would come along to another process, and cannot.
            raise SettingsError(type(self).__name__, mistakes)

        new.__init__ = __init__
        return new  # type: ignore[no-any-return]

    return make if cls is None else make(cls)


def check_arguments(function: Callable[..., Any], given: Mapping[str, Any], *, supplied: Iterable[str] = ()) -> None:
    """Check keyword arguments of a class or function against the annotations of its parameters.

    `supplied` are names of parameters that have values from elsewhere and need not be given.

    Raises
    ------
    SettingsError
        As of a class made by `settings`.
    """

    def check(hint: Any, value: Any) -> None:
        pydantic.TypeAdapter(hint, config=_CONFIG).validate_python(plain(value))

    _fitted(function, given, check, supplied)


def fitted_arguments(
    function: Callable[..., Any], given: Mapping[str, Any], *, supplied: Iterable[str] = ()
) -> dict[str, Any]:
    """Return values of JSON's types as the annotations of a function's parameters want them.

    What JSON has no type for is made of what it has: a tuple of a list, a path of a text. Parameters without an
    annotation, and with one that is no type of JSON's, get the value as it is.

    Raises
    ------
    SettingsError
        As `check_arguments`.

    Examples
    --------
    >>> def walk(steps: tuple[int, ...], start=0.0): ...
    >>> fitted_arguments(walk, {"steps": [1, 2], "start": [0]})
    {'steps': (1, 2), 'start': [0]}
    >>> fitted_arguments(walk, {"step": [1, 2]}, supplied=["steps"])
    Traceback (most recent call last):
    elsuite.core.settings.SettingsError: walk.step: unknown key, given [1, 2], allowed keys: start, steps (did you ...
    """

    def fit(hint: Any, value: Any) -> Any:
        if hint is Any:
            return value
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(hint, config=_CONFIG)
        return adapter.validate_json(json.dumps(value))

    return _fitted(function, given, fit, supplied)


def _fitted(
    function: Callable[..., Any], given: Mapping[str, Any], fit: Callable[[Any, Any], Any], supplied: Iterable[str]
) -> dict[str, Any]:
    """Return what `fit` makes of each argument, given the annotation of its parameter and its value."""
    hints = _hints(function.__init__ if isinstance(function, type) else function)  # type: ignore[misc]
    parameters = inspect.signature(function).parameters
    named = {
        name: hints.get(name, Any)
        for name, p in parameters.items()
        if p.kind in {p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD}
    }
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    mistakes: list[tuple[str, str]] = []
    fitted = dict(given)
    for name, value in given.items():
        if name not in named:
            mistakes += [] if takes_any else [(name, unknown_name(name, value, named))]
            continue
        try:
            fitted[name] = fit(named[name], value)
        except pydantic.errors.PydanticUserError:
            continue  # an annotation that pydantic has no check for is the function's own business
        except pydantic.ValidationError:
            mistakes.append((name, f"given {plain(value)!r}, allowed: {_allowed(named[name], value)}"))
    mistakes += [
        (name, "not given, but required")
        for name in named
        if parameters[name].default is inspect.Parameter.empty and name not in {*given, *supplied}
    ]
    if mistakes:
        raise SettingsError(getattr(function, "__name__", "arguments"), mistakes)
    return fitted


def check_instance(name: str, value: object, kind: type | None = None) -> None:
    """Refuse a class where its instance is meant, and what is no instance of `kind`.

    Raises
    ------
    ValueError
        In one line: what was given, what is allowed.

    Examples
    --------
    >>> check_instance("minimizer", dict)
    Traceback (most recent call last):
    ValueError: minimizer: given the class dict, allowed: an instance, such as dict()
    """
    if isinstance(value, type):
        raise ValueError(f"{name}: given the class {value.__name__}, allowed: an instance, such as {value.__name__}()")
    if kind is not None and not isinstance(value, kind):
        raise ValueError(f"{name}: given {value!r}, allowed: an instance of {kind.__name__}")


def listed_settings(algorithm: type) -> list[dict[str, str]]:
    """Return each setting of a class as a row of words: `name`, `default`, and what is `allowed`.

    Examples
    --------
    >>> @settings
    ... class Walk:
    ...     largest_step: Positive | None = None
    >>> listed_settings(Walk)
    [{'name': 'largest_step', 'default': 'None', 'allowed': 'a number, above 0, or None'}]
    """
    hints = _annotations(algorithm)
    rows = []
    for field in dataclasses.fields(algorithm):
        if field.init:
            default = "required" if field.default is dataclasses.MISSING else repr(field.default)
            if field.default_factory is not dataclasses.MISSING:
                default = repr(field.default_factory())
            rows.append({"name": field.name, "default": default, "allowed": _allowed(hints[field.name], None)})
    return rows


def setting_names(algorithm: type) -> list[str]:
    """Return the names of the settings of a class, none of one that is no dataclass."""
    return [f.name for f in dataclasses.fields(algorithm) if f.init] if dataclasses.is_dataclass(algorithm) else []


def all_settings(algorithm: object) -> dict[str, Any]:
    """Return every setting of an algorithm in JSON's types: the fields of a dataclass, else attributes."""
    if not dataclasses.is_dataclass(algorithm):
        return {name: _plain(value) for name, value in sorted(vars(algorithm).items())}
    return {f.name: _plain(getattr(algorithm, f.name)) for f in dataclasses.fields(algorithm) if f.init}


def added_settings(algorithm: object) -> dict[str, Any]:
    """Return the settings that stores of earlier versions do not know, with what was done then.

    A field says so itself: ``dataclasses.field(default=..., metadata={"before": ...})``.
    """
    if not dataclasses.is_dataclass(algorithm):
        return {}
    return {f.name: f.metadata["before"] for f in dataclasses.fields(algorithm) if "before" in f.metadata}


def former_defaults(algorithm: object) -> dict[str, Any]:
    """Return the settings whose defaults were others in earlier versions, with those: ``metadata={"was": ...}``."""
    if not dataclasses.is_dataclass(algorithm):
        return {}
    return {f.name: f.metadata["was"] for f in dataclasses.fields(algorithm) if "was" in f.metadata}


def key_settings(algorithm: object) -> dict[str, Any]:
    """Return the settings that make the key of a piece of work, and with it the seed.

    A setting that was added later is left out where it says what was done before: stores stay as they are, and a
    study gives the same numbers.
    """
    before = added_settings(algorithm)
    return {
        name: value for name, value in all_settings(algorithm).items() if name not in before or before[name] != value
    }


def frozen(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with TOML's lists as tuples: frozen values hold no lists.

    Examples
    --------
    >>> frozen({"hidden": [32, 32]})
    {'hidden': (32, 32)}
    """
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def unknown_name(name: str, given: Any, names: Iterable[str], prefix: str = "") -> str:
    """Return the words about a key that there is not, with the nearest one that there is."""
    allowed = sorted(names)
    near = difflib.get_close_matches(name, allowed, 1)
    hint = f" (did you mean {prefix + near[0]!r}?)" if near else ""
    return f"unknown key, given {given!r}, allowed keys: {', '.join(allowed)}{hint}"


def _mistakes(
    error: pydantic.ValidationError, hints: Mapping[str, Any], arguments: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Return each setting with what is wrong with it, once."""
    mistakes: dict[str, str] = {}
    for entry in error.errors(include_url=False):
        inner = entry.get("ctx", {}).get("error")
        if isinstance(inner, SettingsError):  # of `__post_init__`, which knows the setting itself
            mistakes |= dict(inner.mistakes)
            continue
        place = entry["loc"][0] if entry["loc"] else ""
        name = place if isinstance(place, str) else list(hints)[min(place, len(hints) - 1)]
        given, message = arguments.get(name, entry["input"]), entry["msg"].removeprefix("Value error, ")
        if entry["type"] == "missing":
            text = "not given, but required"
        elif entry["type"] == "unexpected_positional_argument":
            name, text = "", f"given {given!r} without a name, allowed: keyword arguments"
        elif entry["type"].startswith("unexpected"):
            text = unknown_name(name, given, hints)
        elif not name:
            text = message
        elif entry["type"] == "value_error":
            text = f"given {given!r}, allowed: {message}"
        else:
            text = f"given {given!r}, allowed: {_allowed(hints[name], given)}"
        mistakes.setdefault(name, text)
    return list(mistakes.items())


def _annotations(algorithm: type) -> dict[str, Any]:
    """Return the annotations of a class's fields, with what `Annotated` says."""
    hints = _hints(algorithm)
    return {field.name: hints.get(field.name, Any) for field in dataclasses.fields(algorithm) if field.init}


def _hints(thing: Any) -> dict[str, Any]:
    if isinstance(thing, functools.partial):
        return _hints(thing.func)
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except (NameError, TypeError):  # names that only a type checker sees, in the code of other packages
        return {}


def _allowed(hint: Any, value: Any) -> str:
    """Return in words what an annotation allows; `value` was given."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        numbers = [note.words(value) for note in arguments[1:] if isinstance(note, Number)]
        return numbers[0] if numbers else _allowed(arguments[0], value)
    if origin in {typing.Union, UnionType}:
        some = [_allowed(part, value) for part in arguments if part is not NoneType]
        return " or ".join(some) + (", or None" if NoneType in arguments else "")
    if origin is Literal:
        return ", ".join(map(str, arguments))
    if hint in _NAMES:
        return _NAMES[hint]
    if origin is Mapping:
        return "a table"
    if origin is tuple and arguments:
        inner = [part for part in arguments if part is not ...]
        many = f" of {len(inner)}" if ... not in arguments else ""
        return f"a list{many}, each {_allowed(inner[0], None)}"
    return getattr(hint, "__name__", str(hint))


_NAMES: dict[Any, str] = {bool: "true or false", int: "an integer", float: "a number", str: "a text", Any: "anything"}


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__, **all_settings(value)}
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value)
