"""The command that lists the minima nearest to one: neighbors."""

import click

from elsuite.cli.common import (
    check_ids,
    json_option,
    network_of_store,
    network_options,
    print_json,
    print_table,
    store_argument,
)
from elsuite.database import open_database
from elsuite.database.query import choose_surface


@click.command(epilog="Example: elsuite neighbors demo/landscape.elsuite 3 --by barrier --n 5")
@store_argument
@click.argument("minimum", type=int)
@click.option("--by", type=click.Choice(["distance", "barrier"]), default="distance", show_default=True)
@click.option("--n", type=click.IntRange(min=1), default=10, show_default=True, help="How many.")
@network_options
@json_option
def neighbors(store: str, minimum: int, by: str, n: int, surface: str | None, finder: str | None, json_: bool) -> None:
    """List the minima nearest to MINIMUM, in distance or by the minimax barrier to them."""
    from elsuite.database.query import nearest
    from elsuite.network import neighbors_by_barrier

    if finder is not None and by == "distance":
        raise click.UsageError("--finder: given, allowed with --by barrier only")
    if by == "barrier":
        network, _ = network_of_store(store, surface, finder, ids=(minimum,))
        key, found = "minimax_barrier", list(neighbors_by_barrier(network, minimum, n))
    else:
        with open_database(store) as database:
            choose_surface(database, surface)  # a name that is not there is refused
            check_ids(database, (minimum,))
            key, found = "distance", list(nearest(database, minimum, n))
    if json_:
        print_json([{"id": i, key: value} for i, value in found])
    else:
        print_table(["id", key.replace("_", " ")], found)
