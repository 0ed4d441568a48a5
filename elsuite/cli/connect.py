"""The command that searches paths between the minima of a store: connect."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elsuite.cli.common import check_ids, check_sets, json_option, print_json, store_argument, surface_option
from elsuite.cli.join import join, minima_or_files
from elsuite.cli.progress import progress_bars
from elsuite.cli.recipe_options import making_options, recipe_given, values_of
from elsuite.core.settings import frozen
from elsuite.database import LandscapeDatabase, can_create, open_database
from elsuite.database.query import choose_surface, usable_minima

if TYPE_CHECKING:
    from elsuite.landscapes.recipes import Recipe
    from elsuite.studies.model import PathsSection

_PAIRS_SHOWN = 20

GAPS = "gaps"
"""What --pairs says where two minima are joined by transition states."""

_OPTIONS = {"strategies": "strategy"}


@dataclass(frozen=True)
class _Making:
    """How the landscape of a store is made, as the options say."""

    recipe: "Recipe | None"
    trust: bool
    data_dir: str | None


@click.command(epilog="Example: elsuite connect runs.elsuite --recipe experiment.py:landscape --workers 4")
@store_argument
@click.argument("ends", nargs=-1, callback=minima_or_files, metavar="[ID]...")
@surface_option
@click.option("--set", "sets", multiple=True, metavar="NAME", help="Only this set; may be given several times.")
@click.option("--finder", default="fourier", show_default=True, metavar="NAME", help="fourier, bezier, linear, ...")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="A setting of the finder or of --pairs.")
@click.option("--name", default="", metavar="NAME", help="What the paths are labeled; default: the finder.")
@click.option(
    "--pairs",
    default="tree",
    show_default=True,
    metavar="HOW",
    help="tree (until every merge is closed or tested), spanning, all, nearest:K, random:N; gaps: of two minima, as "
    "they are joined where neither this nor a finder is given.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of random pairs.")
@click.option("--measure", multiple=True, metavar="SURFACE", help="Heights of the same paths on another surface too.")
@click.option(
    "--align",
    type=click.Choice(["weights", "activations", "stored"]),
    help="Join to the nearest copy by the symmetry, or to the point as it is stored.",
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes that share the work.")
@click.option("--retry-failed", is_flag=True, help="Try searches again that failed before.")
@click.option("--dry-run", is_flag=True, help="Only say which pairs would be searched.")
@click.option("--seconds", type=click.FloatRange(min=0), metavar="S", help="Of two minima: search no longer than this.")
@click.option("--attempts", type=click.IntRange(min=0), metavar="N", help="Of two minima: searches at most.")
@click.option(
    "--improve/--first",
    default=None,
    help="Of two minima: lower the barrier until the time is over, or stop once they are joined; default: --improve "
    "with --seconds or --attempts.",
)
@click.option(
    "--strategy", "strategies", multiple=True, metavar="NAME",
    help="Of two minima, once they are joined: barrier, shorten, untrap, unconnected, around; by turns, if several.",
)  # fmt: skip
@making_options
@json_option
@click.pass_context
def connect(
    ctx: click.Context, /, store: str, ends: tuple[int | Path, ...], surface: str | None, sets: tuple[str, ...],
    options: tuple[str, ...], workers: int | None, seed: int, retry_failed: bool, dry_run: bool, recipe: str | None,
    settings: tuple[str, ...], trust: bool, data_dir: str | None, json_: bool, seconds: float | None,
    attempts: int | None, improve: bool | None, strategies: tuple[str, ...], **wanted: Any,
) -> None:  # fmt: skip
    """Search paths between the minima of STORE, all of them or those given, and complete the tree.

    Two minima of a physical landscape are joined however far apart they are, by verified transition states: by the
    missing-connection algorithm with doubly nudged bands. Each is an id, or a file with a structure, which is relaxed
    first: an XYZ file, or a text file of numbers; a store that is not there is then made, of --recipe.

    Killed or interrupted, the same command goes on from what is committed. Exit code 1 when searches failed, or two
    minima are not joined.
    """
    budget = {"seconds": seconds, "attempts": attempts, "improve": improve, "strategies": strategies}
    if _asks_to_join(ctx, ends, store, wanted["pairs"]):
        making = _Making(recipe_given(recipe, settings), trust, data_dir)
        finder = wanted["finder"] if _given(ctx, "finder") else "doubly-nudged"
        section = {"surface": surface, "finder": finder, "options": options}
        _join(store, ends, making, section, workers=workers, dry_run=dry_run, json_=json_, budget=budget)
        return
    ids = _ids_alone(ends, budget)
    from elsuite.exploration.complete import CompletionReport
    from elsuite.studies.build import recipe_of_database, threads_of
    from elsuite.studies.run import study_threads
    from elsuite.studies.searches import search_paths

    with ExitStack() as stack:
        database = stack.enter_context(open_database(store, mode="r" if dry_run else "a"))
        surface = choose_surface(database, surface)
        section = _section(surface, values_of("--option", options), **wanted)
        chosen = _minima(database, surface, ids, sets)
        if dry_run:
            _say_plan(database, section, chosen, seed, json_)
            return
        how = recipe_of_database(database, recipe_given(recipe, settings), trust=trust)
        stack.enter_context(study_threads(threads_of(database)))
        landscape, factory = _made(database, how, data_dir)
        crew = None
        if workers is not None:
            from elsuite.exploration.workers import Workers

            crew = stack.enter_context(Workers(factory, n_workers=workers))
        _check_label(database, section)
        bars = stack.enter_context(progress_bars())
        made = search_paths(
            database, landscape, section, chosen,
            seed=seed, where="--pairs", workers=crew, retry_failed=retry_failed, progress=bars,
        )  # fmt: skip
    completed = made if isinstance(made, CompletionReport) else None
    if json_:
        counts = {"searched": made.n_searched, "known": made.n_known, "failed": made.n_failed}
        tree = {} if completed is None else {"tree": str(completed), "left": completed.n_left}
        print_json({"surface": surface, **counts, **tree})
    else:
        known = f" ({made.n_known} were before)" if made.n_known else ""
        click.echo(f"{made.n_searched} paths searched on {surface}{known}, {made.n_failed} failed")
        if completed is not None:
            click.echo(f"tree: {completed}")
    sys.exit(bool(made.n_failed))


def _given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _asks_to_join(ctx: click.Context, ends: Sequence[int | Path], store: str, pairs: str) -> bool:
    """Return whether two ends are to be joined by transition states: where no path of a finder is asked for."""
    if pairs == GAPS and len(ends) != 2:
        raise click.UsageError(f"--pairs {GAPS}: given with {len(ends)} minima, allowed: with two")
    others = ("finder", "pairs", "name", "measure", "align", "sets")
    return len(ends) == 2 and (pairs == GAPS or not (any(_given(ctx, name) for name in others) or _over_data(store)))


def _over_data(store: str) -> bool:
    """Return whether a store says that its energies are means over data."""
    if can_create(store):
        return False
    with open_database(store) as database:
        identity, landscape = (database.attributes.get(name) or {} for name in ("identity", "landscape"))
        return bool(identity.get("data")) or "network" in landscape


def _ids_alone(ends: Sequence[int | Path], budget: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the ids, where nothing is given that only joining two minima takes."""
    for name, value in budget.items():
        if value is not None and value != ():
            raise click.UsageError(f"--{_OPTIONS.get(name, name)}: given, allowed with two minima that are joined")
    for end in ends:
        if isinstance(end, Path):
            raise click.UsageError(f"{end}: given for a minimum, allowed: ids, or two structures that are joined")
    return tuple(end for end in ends if isinstance(end, int))


def _join(
    store: str,
    ends: Sequence[int | Path],
    making: _Making,
    section: dict[str, Any],
    *,
    workers: int | None,
    dry_run: bool,
    json_: bool,
    budget: Mapping[str, Any],
) -> None:
    """Join two minima of a physical landscape."""
    from elsuite.exploration.mapping.plan import MappingPlan
    from elsuite.exploration.mapping.run import open_map
    from elsuite.exploration.workers import Workers
    from elsuite.paths import PATH_FINDERS
    from elsuite.studies.build import recipe_of_database, threads_of
    from elsuite.studies.run import study_threads

    finder = PATH_FINDERS.choose(section["finder"])(**frozen(values_of("--option", section["options"])))
    options = {name: value for name, value in budget.items() if value is not None and value != ()}
    with ExitStack() as stack:
        if making.recipe is not None and can_create(store) and not dry_run:
            landscape = making.recipe.landscape(data_dir=making.data_dir)
            database = stack.enter_context(open_map(landscape, MappingPlan(), store, making.recipe))
        else:
            database = stack.enter_context(open_database(store, mode="r" if dry_run else "a"))
        surface = choose_surface(database, section["surface"])
        check_ids(database, tuple(end for end in ends if isinstance(end, int)), surface)
        how = recipe_of_database(database, making.recipe, trust=making.trust)
        stack.enter_context(study_threads(threads_of(database)))
        landscape, factory = _made(database, how, making.data_dir)
        if workers is not None:
            options["workers"] = stack.enter_context(Workers(factory, n_workers=workers))
        join(database, landscape, ends, surface=surface, json_=json_, dry_run=dry_run, finder=finder, **options)


def _section(surface: str, options: dict[str, Any], *, pairs: str, measure: tuple[str, ...], **given: Any) -> Any:
    """Return the table of a study file that says the same, checked as one."""
    from elsuite.exploration.pairs import PAIRS
    from elsuite.studies.model import PathsSection
    from elsuite.studies.reading import check_paths

    chooser, colon, number = pairs.partition(":")
    if colon:
        counts = {"nearest": "n_neighbors", "random": "n_pairs", "spanning": "n_pairs", "tree": "n_pairs"}
        if chooser not in counts or not (number.isdecimal() and number.isascii() and int(number)):
            allowed = ", ".join([*sorted(PAIRS), *(f"{name}:N" for name in counts)])
            raise click.UsageError(f"--pairs: given {pairs!r}, allowed: {allowed}")
        options = {counts[chooser]: int(number), **options}
    for name in options:
        if name in PathsSection.model_fields and name not in {"setting", "curves"}:
            raise click.UsageError(f"--option: given {name!r}, allowed: settings of the finder or of --pairs")
    section = PathsSection.model_validate(
        {"pairs": chooser, "surface": surface, "measure": list(measure), **given, **options}
    )
    if lines := check_paths("connect", section):
        raise click.UsageError("; ".join(lines))
    return section


def _check_label(database: LandscapeDatabase, section: Any) -> None:
    """Refuse other settings under a name that paths of the store have; new ones are noted as those of studies are."""
    from elsuite.core.identity import nested_differences
    from elsuite.core.settings import all_settings
    from elsuite.studies.build import build_finder

    stored = database.attributes.get("finders")
    there = stored if isinstance(stored, dict) else {}
    settings = all_settings(build_finder(section))
    for name, old, new in nested_differences(there.get(section.label, {}), settings):
        if name != "seconds":
            raise click.UsageError(
                f"paths of {section.label!r} in the store have {name} = {old!r}, {new!r} given; --name tells paths of "
                "other settings apart"
            )
    if section.label not in there:
        database.add(attributes={"finders": {**there, section.label: settings}})


def _minima(
    database: LandscapeDatabase, surface: str, ids: tuple[int, ...], sets: tuple[str, ...]
) -> dict[str, list[int]]:
    """Return the ids of the minima that are to be joined, by their sets."""
    if ids and sets:
        raise click.UsageError("--set: given with ids of minima, allowed: one of both")
    check_ids(database, ids, surface)
    names = [str(name) for name in database.minima["set"].values.tolist()]
    check_sets(names, sets)
    found: dict[str, list[int]] = {}
    for i in usable_minima(database, surface).nonzero()[0].tolist():
        if i in ids or (not ids and (not sets or names[i] in sets)):
            found.setdefault(names[i], []).append(i)
    if (n := sum(map(len, found.values()))) < 2:
        raise click.UsageError(f"{n} minima with an energy on {surface!r} are chosen, allowed: two or more")
    return found


def _made(database: LandscapeDatabase, how: Any, data_dir: str | None) -> tuple[Any, Any]:
    """Return the landscape of a store, and how a worker makes it."""
    from elsuite.exploration.workers import FactoryRecipe
    from elsuite.studies.build import known_surface

    if how is None:
        stored = database.attributes["landscape"]
        return known_surface(stored), FactoryRecipe(known_surface, (stored,))
    factory = FactoryRecipe(_from_recipe, (how, data_dir))
    return factory.landscape(), factory


def _from_recipe(how: Any, data_dir: str | None) -> Any:
    return how.landscape(data_dir=data_dir)


def _say_plan(
    database: LandscapeDatabase, section: "PathsSection", sets: dict[str, list[int]], seed: int, json_: bool
) -> None:
    """Say which pairs would be searched, and how far the tree is."""
    from elsuite.exploration.connect import plan_searches
    from elsuite.exploration.pairs import AdaptiveChooser
    from elsuite.studies.build import build_chooser, build_finder
    from elsuite.studies.searches import chosen_pairs

    finder, chooser = build_finder(section), build_chooser(section)
    if isinstance(chooser, AdaptiveChooser):
        ids = sorted(i for members in sets.values() for i in members)
        named: dict[str, Any] = {"surface": section.surface, "label": section.label, "align": section.align}
        found, tree = chooser.next_round(database, finder, ids, **named)
        pairs = found.tolist()
    else:
        wanted = chosen_pairs(database, section, sets, seed=seed, where="--pairs")
        plan = plan_searches(database, finder, wanted, surface=section.surface, align=section.align)
        pairs, tree = [[task.source, task.target] for task in plan.tasks], ""
    if json_:
        print_json({"pairs": pairs, "tree": tree or None})
        return
    shown = " ".join(f"{a}-{b}" for a, b in pairs[:_PAIRS_SHOWN])
    more = f" and {len(pairs) - _PAIRS_SHOWN} more" if len(pairs) > _PAIRS_SHOWN else ""
    click.echo(f"{f'{tree}; ' if tree else ''}{len(pairs)} pairs to search{': ' * bool(pairs)}{shown}{more}")
