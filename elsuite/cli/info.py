"""The command that says what a database holds: info."""

from typing import Any

import click

from elsuite.cli.common import json_option, print_json, print_table, store_argument
from elsuite.database import LandscapeDatabase, describe, open_database

MOST_QUICK = 200_000
"""The evidence of so many minima takes about a second."""


@click.command(epilog="Example: elsuite info demo/landscape.elsuite --json")
@store_argument
@click.option(
    "--evidence/--no-evidence",
    default=None,
    help=f"Count the merges of the trees by their evidence; default: up to {MOST_QUICK:,} minima.",
)
@json_option
def info(store: str, evidence: bool | None, json_: bool) -> None:
    """Say what a database holds: format, sizes, surfaces, sets, and what is known of the merges of its trees."""
    from elsuite.analysis.stationarity import stationarity

    with open_database(store) as database:
        facts = describe(database)
        wanted = database.n_minima <= MOST_QUICK if evidence is None else evidence
        facts["merges"] = _merges(database) if wanted and database.n_paths else None if database.n_paths else {}
        against = stationarity(database)
        facts["falling_paths"] = {"count": against.n_falling, "of": against.n_paths}
    if json_:
        print_json(facts)
        return
    sets, failed, lines = facts.pop("sets"), facts.pop("failed"), facts.pop("unusable")
    computed, merges, _ = facts.pop("computed"), facts.pop("merges"), facts.pop("falling_paths")
    values = facts.pop("computed_values")
    print_table(["", store], [[key, _in_words(value)] for key, value in facts.items()])
    click.echo()
    print_table(["set", "minima"], list(sets.items()))
    if values:
        lines.append(f"computed for pictures: {_in_words(values)}")
    for line in lines + _merges_in_words(merges) + against.sentences() + _computed_in_words(computed):
        click.echo(line)
    if any(failed.values()):
        click.echo()
        rows = [[n, table, message] for table, messages in failed.items() for message, n in messages.items()]
        print_table(["failed", "", "message"], rows)


def _merges(database: LandscapeDatabase) -> dict[str, dict[str, Any]]:
    """Return for each surface what its network joins, and how many merges of its tree are in each state."""
    from elsuite.analysis import stored_tree
    from elsuite.network.evidence import counted
    from elsuite.network.transition import chosen_joins, paths_to_copies

    found = {}
    for surface in database.surfaces:
        tree = stored_tree(database, surface=surface)
        states = counted(tree.evidence.states(tree.tree))
        joins, copies = chosen_joins(database, None), paths_to_copies(database, surface) if database.n_paths else 0
        found[surface] = {"joins": joins, "states": states, "n_copies": 0 if joins == "isomers" else copies}
    return found


def _merges_in_words(merges: dict[str, dict[str, Any]] | None) -> list[str]:
    """Return a line for each surface, and once what the weak states mean."""
    from elsuite.network.evidence import in_words, what_it_means
    from elsuite.network.transition import copies_in_words

    if merges is None:
        return ["merges of the trees not counted: --evidence counts them"]
    lines, there = [], []
    for surface, row in merges.items():
        states = [state for state, n in row["states"].items() for _ in range(n)]
        copies = f"; {copies_in_words(row['n_copies'])} left out" if row["n_copies"] else ""
        lines.append(f"tree of {row['joins']} on {surface}: {in_words(states)}{copies}")
        there += states
    meaning = what_it_means(there)
    return lines + ([meaning] if meaning else [])


def _computed_in_words(records: list[dict[str, Any]]) -> list[str]:
    """Return what computed the numbers, one line each, and what it means that there are several."""
    lines = []
    for record in records:
        threads = f"{record.get('threads')} thread{'s' * (record.get('threads') != 1)}"
        packages = ", ".join(f"{name} {record[name]}" for name in ("torch", "numpy", "gpu") if name in record)
        lines.append(f"computed by {record.get('processor')} ({record.get('instructions')}), {threads}, {packages}")
    if len(lines) > 1:
        lines.append(
            f"{len(lines)} kinds of machine contributed: the same work gives the same numbers bit by bit on one of them"
        )
    return lines


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {'unknown' if item is None else item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
