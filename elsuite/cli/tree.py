"""The command that prints the disconnectivity tree: tree."""

from typing import TYPE_CHECKING

import click

from elsuite.cli.common import (
    evidence_json,
    json_option,
    network_options,
    print_json,
    print_notes,
    print_table,
    store_argument,
    tree_of_store,
)

if TYPE_CHECKING:
    from elsuite.network.transition import Joins


@click.command(epilog="Example: elsuite tree demo/landscape.elsuite --surface train --json")
@store_argument
@network_options
@json_option
def tree(store: str, surface: str | None, finder: str | None, joins: "Joins | None", json_: bool) -> None:
    """Print the disconnectivity tree: all leaves, and the merges in ascending order of height, with their evidence."""
    from elsuite.analysis.stationarity import stationarity
    from elsuite.database import open_database
    from elsuite.database.query import choose_surface
    from elsuite.network.evidence import counted, in_words, what_it_means

    value, joins = tree_of_store(store, surface, finder, joins)
    with open_database(store) as database:
        first = choose_surface(database, surface) == database.surfaces[0]
        against = stationarity(database).sentences() if first else []
    print_notes(against)
    states = value.evidence.states(value.tree)
    if json_:
        leaves = [{"id": i, "energy": e} for i, e in zip(value.leaves, value.energies, strict=True)]
        merges = [
            {"height": m.height, "members": [list(part) for part in m.members], "evidence": evidence_json(m.evidence)}
            for m in value.merges
        ]
        print_json({"joins": joins, "states": counted(states), "leaves": leaves, "merges": merges})
        return
    click.echo(f"{len(value.leaves)} leaves, {in_words(states)}, of a network of {joins}")
    if meaning := what_it_means(states):
        click.echo(meaning)
    print_table(
        ["height", "evidence", "tries", "joins", "lowest of each"],
        [
            [
                m.height,
                m.evidence.state,
                m.evidence.tries,
                " + ".join(str(len(p)) for p in m.members),
                " ".join(str(p[0]) for p in m.members),
            ]
            for m in value.merges
        ],
    )
