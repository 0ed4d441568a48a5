"""The command that prints the disconnectivity tree: tree."""

import click

from elsuite.cli.common import json_option, network_options, print_json, print_table, store_argument, tree_of_store


@click.command(epilog="Example: elsuite tree demo/landscape.elsuite --surface train --json")
@store_argument
@network_options
@json_option
def tree(store: str, surface: str | None, finder: str | None, json_: bool) -> None:
    """Print the disconnectivity tree: all leaves, and the merges in ascending order of height."""
    value = tree_of_store(store, surface, finder)
    if json_:
        leaves = [{"id": i, "energy": e} for i, e in zip(value.leaves, value.energies, strict=True)]
        merges = [{"height": m.height, "members": [list(part) for part in m.members]} for m in value.merges]
        print_json({"leaves": leaves, "merges": merges})
        return
    click.echo(f"{len(value.leaves)} leaves, {len(value.merges)} merges")
    print_table(
        ["height", "joins", "lowest of each"],
        [
            [m.height, " + ".join(str(len(p)) for p in m.members), " ".join(str(p[0]) for p in m.members)]
            for m in value.merges
        ],
    )
