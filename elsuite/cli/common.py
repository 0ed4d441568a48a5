"""What several commands share: the store argument, surfaces, JSON and tables."""

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from elsuite.core.representing import as_json, digits_apart
from elsuite.database import LandscapeDatabase, open_database
from elsuite.database.query import choose_surface, left_out_in_words, usable_minima
from elsuite.schema import NotFoundError

if TYPE_CHECKING:
    from elsuite.analysis import DisconnectivityTree
    from elsuite.network import AnyGraph
    from elsuite.network.evidence import Evidence
    from elsuite.network.transition import Joins

LONGEST_RULE = 40
"""Characters of the line under a column's name, so that one long text does not fill the screen with dashes."""

store_argument = click.argument("store", type=click.Path())
json_option = click.option("--json", "json_", is_flag=True, help="Print JSON.")
surface_option = click.option("--surface", metavar="NAME", help="Which energies; default: the first surface.")
finder_option = click.option("--finder", metavar="NAME", help="Only paths of the finder with this name; default: all.")
joins_option = click.option(
    "--joins",
    type=click.Choice(["points", "isomers"]),
    help="Only paths between the stored points, or also those to copies of them; default: by the symmetry.",
)
seed_option = click.option("--seed", type=click.IntRange(0, 2**31 - 1), metavar="N", help="Instead of the file's seed.")
data_option = click.option("--data-dir", metavar="DIR", help="Folder of data sets; else $ELSUITE_DATA_DIR.")


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose a network of a store: --surface, --finder and --joins."""
    return surface_option(finder_option(joins_option(command)))


def finite(_ctx: click.Context, _param: click.Parameter, value: float | None) -> float | None:
    """Return an option's number; raises BadParameter for infinity and what is not a number."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number")
    return value


def check_ids(database: LandscapeDatabase, ids: tuple[int, ...], surface: str | None = None) -> None:
    """Refuse ids of minima that are not there, no solutions, or without an energy on `surface`, by a NotFoundError."""
    usable, known = usable_minima(database), usable_minima(database, surface)
    for i in ids:
        if not 0 <= i < database.n_minima:
            there = f"there are ids 0 to {database.n_minima - 1}" if database.n_minima else "there are none"
            raise NotFoundError(f"no minimum {i}; {there}")
        if not usable[i]:
            raise NotFoundError(f"minimum {i} is no solution: {database.minima['outcome'].values[i]}")
        if not known[i]:
            raise NotFoundError(f"minimum {i} has no finite energy on the surface {surface!r}")


def check_sets(there: Iterable[str], wanted: Iterable[str]) -> None:
    """Refuse names of sets that no minimum has, by a NotFoundError."""
    names = sorted(set(there))
    for name in wanted:
        if name not in names:
            raise NotFoundError(f"no set {name!r}; there are: {', '.join(names) or 'none'}")


def network_of_store(
    store: str, surface: str | None, finder: str | None, joins: "Joins | None", *, ids: tuple[int, ...] = ()
) -> tuple["AnyGraph", str]:
    """Return the transition network of a store, in which the minima `ids` must be, and its surface.

    What it leaves out is said on stderr.
    """
    from elsuite.network import transition_network

    with open_database(store) as database:
        surface = choose_surface(database, surface)
        check_ids(database, ids, surface)
        network = transition_network(database, surface=surface, finder=finder, joins=joins)
    print_left_out(network)
    return network, surface


def tree_of_store(
    store: str, surface: str | None, finder: str | None, joins: "Joins | None"
) -> tuple["DisconnectivityTree", "Joins"]:
    """Return the disconnectivity tree of a store on a surface, and what its network joins."""
    from elsuite.analysis import disconnectivity_tree

    network, _ = network_of_store(store, surface, finder, joins)
    return disconnectivity_tree(network), network.graph["joins"]


def evidence_json(evidence: "Evidence | None") -> dict[str, Any] | None:
    """Return the evidence for a merge as JSON; None where there is no merge."""
    return None if evidence is None else dataclasses.asdict(evidence)


def evidence_in_words(evidence: "Evidence") -> str:
    """Return the evidence for a merge in a few words, such as "tested (2 searches across: 2 converged)"."""
    if not evidence.tries and evidence.state in {"verified", "unknown"}:
        return evidence.state
    ended = ", ".join(f"{n} {outcome}" for outcome, n in evidence.outcomes.items())
    searches = f"{evidence.tries} search{'es' * (evidence.tries != 1)} across"
    return f"{evidence.state} ({searches}{': ' * bool(ended)}{ended})"


def print_notes(notes: Iterable[str]) -> None:
    """Print what was left out or changed, on stderr."""
    for note in notes:
        click.echo(f"note: {note}", err=True)


def print_left_out(*networks: "AnyGraph") -> None:
    """Print which minima and paths of a database are not in its networks, on stderr, and no line twice."""
    from elsuite.network.transition import copies_in_words

    lines = dict[str, None]()
    for of in (network.graph for network in networks):
        lines |= dict.fromkeys(left_out_in_words(of["n_unusable"], of["n_without_energy"], of["surface"]))
        if of["joins"] == "points" and of["n_joining_isomers"]:
            lines[copies_in_words(of["n_joining_isomers"])] = None
    print_notes(f"{line} left out" for line in lines)


def print_json(value: Any) -> None:
    """Print `value` as JSON."""
    click.echo(json.dumps(as_json(value), indent=2))


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print a plain table: text to the left, numbers to the right, with digits that tell a column's apart."""
    values = [list(row) for row in rows]
    floats = [[row[k] for row in values if isinstance(row[k], float)] for k in range(len(header))]
    digits = [digits_apart(column, 6) for column in floats]
    cells = [[_cell(value, n) for value, n in zip(row, digits, strict=True)] for row in values]
    numeric = [all(_is_number(row[k]) for row in cells) and bool(cells) for k in range(len(header))]
    widths = [max([len(name), *(len(row[k]) for row in cells)]) for k, name in enumerate(header)]
    align: list[Callable[[str, int], str]] = [str.rjust if right else str.ljust for right in numeric]
    if title:
        click.echo(title)
    for row in [list(header), ["-" * min(width, LONGEST_RULE) for width in widths], *cells]:
        click.echo("  ".join(f(cell, width) for f, cell, width in zip(align, row, widths, strict=True)).rstrip())


def _cell(value: Any, digits: int) -> str:
    if isinstance(value, float):
        return "-" if not math.isfinite(value) else f"{value:.{digits}g}"
    return "-" if value is None else str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == "-"
    return True
