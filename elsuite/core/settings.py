"""The settings of an algorithm, read off its class: names, types and defaults of its fields or arguments."""

import dataclasses
import inspect
import typing
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pydantic

__all__ = ["SettingsError", "all_settings", "frozen", "key_settings", "settings_model"]

ADDED = {"density": "uniform"}
"""Settings that stores of earlier versions do not know, with the value that says what was done then."""

_MODEL = pydantic.ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


class SettingsError(ValueError):
    """A setting that the algorithm does not take."""


@lru_cache
def settings_model(algorithm: type) -> type[pydantic.BaseModel]:
    """Return a model that checks keyword settings for `algorithm`, a dataclass or a class with typed arguments."""
    fields: dict[str, Any] = {}
    hints = typing.get_type_hints(
        algorithm if dataclasses.is_dataclass(algorithm) else vars(algorithm)["__init__"]
    )
    for name, parameter in inspect.signature(algorithm).parameters.items():
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        if not isinstance(default, (type(...), int, float, str, bool, tuple, type(None), dict)):
            default = None  # a default that is made, such as a basis: optional in a file
        fields[name] = (_loosened(hints.get(name, Any)), default)
    return pydantic.create_model(algorithm.__name__, __config__=_MODEL, **fields)


def all_settings(algorithm: object) -> dict[str, Any]:
    """Return every setting of an algorithm, a frozen dataclass, in JSON's types, defaults included."""
    if not dataclasses.is_dataclass(algorithm):
        return {}
    return {f.name: _plain(getattr(algorithm, f.name)) for f in dataclasses.fields(algorithm) if f.init}


def key_settings(algorithm: object) -> dict[str, Any]:
    """Return the settings that make the key of a piece of work, and with it the seed.

    A setting that was added later is left out where it says what was done before: stores stay as they are, and a
    study gives the same numbers.
    """
    return {
        name: value for name, value in all_settings(algorithm).items() if (name, value) not in ADDED.items()
    }


def frozen(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return `settings` with TOML's lists as tuples: frozen values hold no lists.

    Examples
    --------
    >>> frozen({"hidden": [32, 32]})
    {'hidden': (32, 32)}
    """
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__, **all_settings(value)}
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value)


def _loosened(hint: Any) -> Any:
    """Return `hint` with lists allowed where tuples or sequences are expected: TOML has lists only."""
    origin = typing.get_origin(hint)
    if origin is tuple or hint is tuple:
        arguments = [a for a in typing.get_args(hint) if a is not ...]
        return list[arguments[0]] | hint if arguments else list[Any]  # type: ignore[valid-type]
    if origin is not None and type(None) in typing.get_args(hint):
        rest = [_loosened(a) for a in typing.get_args(hint)]
        return typing.Union[tuple(rest)]  # noqa: UP007
    return hint
