"""From the words of a study file, or of a database, to landscapes, minimizers and finders."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from elsuite.core.identity import canonical_json
from elsuite.core.settings import added_settings, former_defaults, frozen, setting_names
from elsuite.database import LandscapeDatabase
from elsuite.exploration.mapping.plan import describe_landscape
from elsuite.exploration.pairs import PAIRS, AllPairs, NearestPairs, PairChooser, RandomPairs, SpanningPairs, TreePairs
from elsuite.landscapes import LANDSCAPES, Landscape
from elsuite.landscapes.recipes import Recipe
from elsuite.minimizers import MINIMIZERS
from elsuite.minimizers.base import Minimizer
from elsuite.paths import PATH_FINDERS, FourierPathFinder, PathFinder
from elsuite.studies.model import DataSection, MinimizerSection, NetworkSection, PathsSection, Study

_SHOWN = 200
"""So many characters of settings are shown."""

_COMPUTING = ("dtype", "device", "byte_budget")


def recipe_of(data: DataSection | None, network: NetworkSection) -> Recipe:
    """Return how the landscape of these sections is made.

    Examples
    --------
    >>> recipe_of(DataSection(name="digits", n_train=50), NetworkSection(architecture="fcp", hidden=[4])).settings
    {'data': 'digits', 'n_train': 50, 'hidden': [4]}
    """
    settings: dict[str, Any] = {} if data is None else data.model_dump(exclude_unset=True)
    if "name" in settings:
        settings = {"data": settings.pop("name"), **settings}
    if network.recipe is not None and settings.get("folder") and str(settings["data"]).endswith(".npz"):
        # A function of the user's own gets one path.
        settings["data"] = str(Path(settings.pop("folder")) / settings["data"])
    given = {name: getattr(network, name) for name in _COMPUTING if name in network.model_fields_set}
    return Recipe(network.recipe or str(network.architecture), {**settings, **given, **network.settings})


def landscape_of(data: DataSection | None, network: NetworkSection, data_dir: str | Path | None = None) -> Landscape:
    """Return the landscape of a network on data, which may lie in `data_dir`, or that of a recipe."""
    return recipe_of(data, network).landscape(data_dir=data_dir)


def landscape_identity(data: DataSection, network: NetworkSection) -> dict[str, Any]:
    """Return in JSON's types what energies depend on: data and network, without where and how they are computed."""
    return {
        "data": data.model_dump(exclude={"folder"}),
        "network": network.model_dump(exclude={"device", "byte_budget", "recipe"}),
    }


def stored_landscape(recipe: Recipe, landscape: Landscape) -> dict[str, Any]:
    """Return what a database keeps of the landscape that a recipe has made: its attribute ``landscape``.

    Of what has a name it is the same whether the name stands in a recipe or elsewhere.

    Examples
    --------
    >>> recipe = Recipe("elsuite.landscapes:SeparableWells", {"heights": [1.0]})
    >>> stored_landscape(recipe, recipe.landscape())
    {'recipe': 'elsuite.landscapes:SeparableWells', 'settings': {'heights': [1.0]}}
    """
    if recipe.is_network:
        given = dict(recipe.settings)
        fields = {"data": "name"} | {name: name for name in DataSection.model_fields if name != "name"}
        data = {field: given.pop(name) for name, field in fields.items() if name in given}
        return landscape_identity(DataSection(**data), NetworkSection(architecture=recipe.where, **given))
    named = recipe.is_known and not recipe.is_calculator
    return describe_landscape(landscape) if named else recipe.described()


def recipe_of_database(
    database: LandscapeDatabase, recipe: Recipe | None = None, *, trust: bool = False
) -> Recipe | None:
    """Return how the landscape of a database is made: by the recipe given, or by what the database says.

    Settings that the database has and a recipe given leaves out are taken, if its function takes them. None where the
    database names a surface in a table, which `landscape_of_database` makes.

    Raises
    ------
    ValueError
        When the database does not say, or names code that is not elsuite's and there is neither a recipe nor `trust`.

    Examples
    --------
    >>> attributes = {"landscape": {"recipe": "my.code:landscape", "settings": {}}}
    >>> database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"], attributes=attributes)
    >>> recipe_of_database(database, trust=True).where
    'my.code:landscape'
    >>> recipe_of_database(database)
    Traceback (most recent call last):
    ValueError: the database in memory names code that is not elsuite's, 'my.code:landscape': confirm it by --trust, ...
    """
    stored = database.attributes.get("landscape")
    stored = stored if isinstance(stored, dict) else {}
    if "recipe" in stored:
        named = Recipe(str(stored["recipe"]), stored.get("settings") or {})
        if recipe is None and not (trust or named.is_known):
            settings = f" with the settings {_short(named.settings)}" if named.settings else ""
            raise ValueError(
                f"{database.path or 'the database in memory'} names code that is not elsuite's, {named.where!r}"
                f"{settings}: confirm it by --trust, or give your own by --recipe {named.where}"
            )
        if recipe is None:
            return named
        missing = {name: value for name, value in named.settings.items() if name not in recipe.settings}
        return recipe.with_settings({name: value for name, value in missing.items() if recipe.takes(name)})
    if recipe is not None:
        return recipe
    if {"data", "network"} <= stored.keys():
        return recipe_of(DataSection(**stored["data"]), NetworkSection(**stored["network"]))
    if "type" in stored:
        return None
    raise ValueError("the store does not say which network and data its energies are of: say it by --recipe WHERE")


def landscape_of_database(
    database: LandscapeDatabase,
    recipe: Recipe | None = None,
    *,
    trust: bool = False,
    data_dir: str | Path | None = None,
) -> Landscape:
    """Return the landscape that a database says it is of: a network on data, a surface known by its name, a recipe's.

    Code that only the database names is never run unless it is confirmed.

    Parameters
    ----------
    recipe : Recipe, optional
        The user's own, instead of what the database says; what writes compares its identity with the stored one.
    trust : bool
        Run the code that the database names.
    data_dir : path, optional
        Of the data, if not where they are looked for.

    Raises
    ------
    ValueError
        When the database does not say, the surface is in no table, or the data are not at hand; or when it names code
        and there is neither a recipe nor `trust`.

    Examples
    --------
    >>> from elsuite.exploration.mapping.run import map_landscape
    >>> from elsuite.landscapes import SeparableWells
    >>> landscape_of_database(map_landscape(SeparableWells((1.0,)), n_starts=4))
    SeparableWells(heights=(1.0,))
    """
    how = recipe_of_database(database, recipe, trust=trust)
    if how is not None:
        return how.landscape(data_dir=data_dir)
    return known_surface(database.attributes["landscape"]).on(database.surfaces[0])


def _short(settings: Mapping[str, Any]) -> str:
    text = canonical_json(dict(settings))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def threads_of(database: LandscapeDatabase) -> int:
    """Return how many threads the study computes with that a database says it is of; 1 where it says none."""
    settings = database.attributes.get("settings")
    threads = settings.get("threads") if isinstance(settings, dict) else None
    return threads if isinstance(threads, int) and threads > 0 else 1


def known_surface(identity: dict[str, Any]) -> Landscape:
    """Return the surface of that class and settings, from a file that may say anything."""
    known: dict[str, type[Landscape]] = {}
    for row in LANDSCAPES:
        with suppress(ValueError):  # one of another package that cannot be loaded is not what stands in the way
            make = LANDSCAPES[row]
            if isinstance(make, type) and issubclass(make, Landscape):
                known[make.__name__] = make
    name, settings = str(identity["type"]), identity.get("settings", {})
    if name not in known or not isinstance(settings, dict):
        raise ValueError(
            f"the store is of {name[:60]!r}; only {', '.join(sorted(known))} can be made again without --recipe"
        )
    try:
        return known[name](**frozen(settings))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the store's {name} cannot be made again: {error}") from None


def build_minimizer(section: MinimizerSection) -> Minimizer:
    """Return the minimizer that a section names, with its settings."""
    algorithm: Callable[..., Minimizer] = MINIMIZERS[section.algorithm]
    return algorithm(**frozen(section.settings))


def build_finder(section: PathsSection) -> PathFinder:
    """Return the finder that a section names, with its settings."""
    # A study may keep what the choosers of this package take when it changes to another one.
    choosers = (PAIRS.choose(section.pairs), AllPairs, NearestPairs, RandomPairs, SpanningPairs, TreePairs)
    others = {name for chooser in choosers for name in setting_names(chooser)}
    given = frozen({name: value for name, value in section.settings.items() if name not in others})
    if section.finder == "fourier" and section.setting == "published":
        return FourierPathFinder.published(**given)
    finder: Callable[..., PathFinder] = PATH_FINDERS[section.finder]
    return finder(**given)


def as_stored(study: Study, attributes: Mapping[str, Any]) -> Study:
    """Return a study with the defaults that its store was begun with, where later versions have others.

    What the file itself says stays. So a store of an earlier version goes on as it began, and nothing in it is
    searched again; new stores have the defaults of today.
    """
    settings = attributes.get("settings")
    stored = settings.get("finders") if isinstance(settings, Mapping) else None
    if not isinstance(stored, Mapping):
        return study
    sections = []
    for section in study.paths:
        own = stored.get(section.label)
        if isinstance(own, Mapping):
            finder = build_finder(section)
            earlier = {name: value for name, value in added_settings(finder).items() if name not in own}
            earlier |= {name: value for name, value in former_defaults(finder).items() if own.get(name) == value}
            missing = {name: value for name, value in earlier.items() if name not in section.settings}
            section = type(section).model_validate(section.model_dump(exclude_unset=True) | missing)
        sections.append(section)
    return study.model_copy(update={"paths": sections})


def build_chooser(section: PathsSection) -> PairChooser:
    """Return what chooses the pairs of a section, with its settings."""
    chooser = PAIRS.choose(section.pairs)
    own = setting_names(chooser)
    return chooser(**frozen({name: value for name, value in section.settings.items() if name in own}))
