"""The command that lists minima joined below an energy: superbasins."""

import click

from elsuite.cli.common import finite, json_option, network_options, print_json, store_argument, tree_of_store


@click.command(epilog="Example: elsuite superbasins demo/landscape.elsuite --surface train --energy 0.05")
@store_argument
@network_options
@click.option("--energy", type=float, callback=finite, required=True, help="Minima joined at or below this energy.")
@json_option
def superbasins(store: str, surface: str | None, finder: str | None, energy: float, json_: bool) -> None:
    """Which minima are mutually reachable at or below an energy; largest superbasin first."""
    from elsuite.analysis import superbasins as superbasins_at

    groups = [list(group) for group in superbasins_at(tree_of_store(store, surface, finder), energy)]
    if json_:
        print_json(groups)
        return
    click.echo(f"{len(groups)} superbasins at {energy:g}")
    for group in groups:
        click.echo(f"{len(group):>6}: {' '.join(map(str, group))}")
