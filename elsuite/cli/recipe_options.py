"""The options by which a command is told how the landscape of a store is made: --recipe, --setting and --trust."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elsuite.cli.common import data_option
from elsuite.database import LandscapeDatabase

if TYPE_CHECKING:
    from elsuite.landscapes import Landscape
    from elsuite.landscapes.recipes import Recipe

_RECIPE = click.option(
    "--recipe",
    metavar="WHERE",
    help="The function that makes the landscape: package.module:function or path/to/file.py:function, or a name "
    "such as fcp.",
)
_SETTING = click.option(
    "--setting", "settings", multiple=True, metavar="KEY=VALUE", help="An argument of the recipe; several may be given."
)
setting_option = click.option(
    "--setting", "settings", multiple=True, metavar="KEY=VALUE", help="An argument of SURFACE; several may be given."
)
_TRUST = click.option("--trust", is_flag=True, help="Run the code that the store names.")


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how a landscape is made: --recipe, --setting and --data-dir."""
    return _RECIPE(_SETTING(data_option(command)))


def making_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how the landscape of a store is made, --trust among them."""
    return recipe_options(_TRUST(command))


def values_of(option: str, given: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of an option KEY=VALUE: as TOML has them or, where it has none such, as texts.

    Raises
    ------
    click.UsageError
        For what is no KEY=VALUE, or a key that is given twice.

    Examples
    --------
    >>> values_of("--setting", ("width=8", "name=resnet", "hidden=[4, 4]", "fast=true"))
    {'width': 8, 'name': 'resnet', 'hidden': [4, 4], 'fast': True}
    """
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise click.UsageError(f"{option}: given {text!r}, allowed: KEY=VALUE, such as width=8")
        if name in values:
            raise click.UsageError(f"{option}: {name} is given twice, allowed: once")
        values[name] = _value(value.strip())
    return values


def _value(text: str) -> Any:
    try:
        found = tomllib.loads(f"x = {text}")
    except tomllib.TOMLDecodeError:
        return text
    plain = isinstance(found.get("x"), bool | int | float | str | list | dict)
    return found["x"] if len(found) == 1 and plain else text


def recipe_given(where: str | None, settings: tuple[str, ...]) -> "Recipe | None":
    """Return the recipe that the options name, if they name one."""
    values = values_of("--setting", settings)
    if where is None:
        if values:
            raise click.UsageError("--setting: given without --recipe, whose function takes it")
        return None
    from elsuite.landscapes.recipes import Recipe

    return Recipe(where, values)


def landscape_for(
    database: LandscapeDatabase, recipe: str | None, settings: tuple[str, ...], trust: bool, data_dir: str | Path | None
) -> "Landscape":
    """Return the landscape of a store, as the options of a command say that it is made."""
    from elsuite.studies.build import landscape_of_database

    return landscape_of_database(database, recipe_given(recipe, settings), trust=trust, data_dir=data_dir)
