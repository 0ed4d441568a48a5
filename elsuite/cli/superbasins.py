"""The command that lists minima joined below an energy: superbasins."""

from typing import TYPE_CHECKING

import click

from elsuite.cli.common import (
    evidence_in_words,
    evidence_json,
    finite,
    json_option,
    network_options,
    print_json,
    store_argument,
    tree_of_store,
)

if TYPE_CHECKING:
    from elsuite.network.transition import Joins


@click.command(epilog="Example: elsuite superbasins demo/landscape.elsuite --surface train --energy 0.05")
@store_argument
@network_options
@click.option("--energy", type=float, callback=finite, required=True, help="Minima joined at or below this energy.")
@click.option("--evidence", is_flag=True, help="With --json: an object, with the evidence that each stays apart.")
@json_option
def superbasins(
    store: str,
    surface: str | None,
    finder: str | None,
    joins: "Joins | None",
    energy: float,
    evidence: bool,
    json_: bool,
) -> None:
    """Which minima are mutually reachable at or below an energy; largest superbasin first.

    Each with the evidence for the merge at which it next joins another one.
    """
    from elsuite.analysis import superbasin_evidence
    from elsuite.analysis import superbasins as superbasins_at

    tree, joins = tree_of_store(store, surface, finder, joins)
    groups = [list(group) for group in superbasins_at(tree, energy)]
    found = superbasin_evidence(tree, energy)
    if json_:
        rows = [evidence_json(one) for one in found]
        print_json({"joins": joins, "superbasins": groups, "evidence": rows} if evidence else groups)
        return
    click.echo(f"{len(groups)} superbasins at {energy:g}, of a network of {joins}")
    for group, one in zip(groups, found, strict=True):
        next_join = "joins no other" if one is None else f"next join: {evidence_in_words(one)}"
        click.echo(f"{len(group):>6}: {' '.join(map(str, group))}; {next_join}")
