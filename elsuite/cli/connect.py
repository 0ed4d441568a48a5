"""The command that searches paths between the minima of a store: connect."""

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from elsuite.cli.common import check_ids, check_sets, json_option, print_json, store_argument, surface_option
from elsuite.cli.progress import progress_bars
from elsuite.cli.recipe_options import making_options, recipe_given, values_of
from elsuite.database import LandscapeDatabase, open_database
from elsuite.database.query import choose_surface, usable_minima

if TYPE_CHECKING:
    from elsuite.studies.model import PathsSection

_PAIRS_SHOWN = 20


@click.command(epilog="Example: elsuite connect runs.elsuite --recipe experiment.py:landscape --workers 4")
@store_argument
@click.argument("ids", nargs=-1, type=click.IntRange(min=0), metavar="[ID]...")
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
    help="tree (until every merge is closed or tested), spanning, all, nearest:K, random:N.",
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
@making_options
@json_option
def connect(
    store: str, ids: tuple[int, ...], surface: str | None, sets: tuple[str, ...], options: tuple[str, ...],
    workers: int | None, seed: int, retry_failed: bool, dry_run: bool, recipe: str | None, settings: tuple[str, ...],
    trust: bool, data_dir: str | None, json_: bool, **wanted: Any,
) -> None:  # fmt: skip
    """Search paths between the minima of STORE, all of them or those given, and complete the tree.

    Killed or interrupted, the same command goes on from what is committed. Exit code 1 when searches failed.
    """
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
