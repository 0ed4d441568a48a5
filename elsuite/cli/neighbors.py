"""The command that lists the minima nearest to one: neighbors."""

from typing import Any

import click

from elsuite.cli.common import (
    check_ids,
    example,
    finder_option,
    json_option,
    print_json,
    print_table,
    store_argument,
    surface_option,
)
from elsuite.database import open_database
from elsuite.database.query import choose_surface


@click.command(epilog=example("elsuite neighbors demo/landscape.elsuite 3 --by barrier --n 5"))
@store_argument
@click.argument("minimum", type=int)
@click.option("--by", type=click.Choice(["distance", "barrier"]), default="distance", show_default=True)
@click.option("--n", type=click.IntRange(min=1), default=10, show_default=True, help="How many.")
@surface_option
@finder_option
@json_option
def neighbors(store: str, minimum: int, by: str, n: int, surface: str | None, finder: str | None, json_: bool) -> None:
    """List the minima nearest to MINIMUM, in distance or by the minimax barrier to them."""
    from elsuite.database.query import nearest
    from elsuite.network import neighbors_by_barrier, transition_network

    if finder is not None and by == "distance":
        raise click.UsageError("--finder: given, allowed with --by barrier only")
    with open_database(store) as database:
        surface = choose_surface(database, surface)
        check_ids(database, (minimum,))
        if by == "distance":
            found: list[tuple[Any, float]] = list(nearest(database, minimum, n))
        else:
            network = transition_network(database, surface=surface, finder=finder)
            found = list(neighbors_by_barrier(network, minimum, n))
    key = "distance" if by == "distance" else "minimax_barrier"
    if json_:
        print_json([{"id": i, key: value} for i, value in found])
    else:
        print_table(["id", key.replace("_", " ")], found)
