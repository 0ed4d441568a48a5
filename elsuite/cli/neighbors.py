"""The command that lists the minima nearest to one: neighbors."""

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from elsuite.network.transition import Joins


@click.command(epilog="Example: elsuite neighbors demo/landscape.elsuite 3 --by barrier --n 5")
@store_argument
@click.argument("minimum", type=int)
@click.option("--by", type=click.Choice(["distance", "barrier"]), default="distance", show_default=True)
@click.option("--n", type=click.IntRange(min=1), default=10, show_default=True, help="How many.")
@network_options
@json_option
def neighbors(
    store: str,
    minimum: int,
    by: str,
    n: int,
    surface: str | None,
    finder: str | None,
    joins: "Joins | None",
    json_: bool,
) -> None:
    """List the minima nearest to MINIMUM, in distance or by the minimax barrier to them, with its evidence."""
    from elsuite.analysis import disconnectivity_tree
    from elsuite.database.query import nearest
    from elsuite.network import neighbors_by_barrier

    for name, option in (("finder", finder), ("joins", joins)):
        if option is not None and by == "distance":
            raise click.UsageError(f"--{name}: given, allowed with --by barrier only")
    head, states = [], []
    if by == "barrier":
        network, _ = network_of_store(store, surface, finder, joins, ids=(minimum,))
        key, found = "minimax_barrier", list(neighbors_by_barrier(network, minimum, n))
        if not json_:
            tree = disconnectivity_tree(network)
            evidence = [tree.barrier_evidence(minimum, i) for i, _ in found]
            head, states = ["evidence"], [one.state if one is not None else "" for one in evidence]
    else:
        with open_database(store) as database:
            choose_surface(database, surface)  # a name that is not there is refused
            check_ids(database, (minimum,))
            key, found = "distance", list(nearest(database, minimum, n))
    if json_:
        print_json([{"id": i, key: value} for i, value in found])
    else:
        rows = [[i, value, *states[k : k + 1]] for k, (i, value) in enumerate(found)]
        print_table(["id", key.replace("_", " "), *head], rows)
