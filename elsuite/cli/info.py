"""The command that says what a database holds: info."""

from typing import Any

import click

from elsuite.cli.common import json_option, print_json, print_table, store_argument
from elsuite.database import describe, open_database


@click.command(epilog="Example: elsuite info demo/landscape.elsuite --json")
@store_argument
@json_option
def info(store: str, json_: bool) -> None:
    """Say what a database holds: format, sizes, surfaces, sets."""
    with open_database(store) as database:
        facts = describe(database)
    if json_:
        print_json(facts)
        return
    sets, failed, lines = facts.pop("sets"), facts.pop("failed"), facts.pop("unusable")
    computed = facts.pop("computed")
    print_table(["", store], [[key, _in_words(value)] for key, value in facts.items()])
    click.echo()
    print_table(["set", "minima"], list(sets.items()))
    for line in lines + _computed_in_words(computed):
        click.echo(line)
    if any(failed.values()):
        click.echo()
        rows = [[n, table, message] for table, messages in failed.items() for message, n in messages.items()]
        print_table(["failed", "", "message"], rows)


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
