"""The command that writes all minimax barriers: matrix."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from elsuite.cli.common import network_options, print_left_out, print_notes, store_argument
from elsuite.database import open_database
from elsuite.database.query import choose_surface

if TYPE_CHECKING:
    from elsuite.network.transition import Joins


@click.command(epilog="Example: elsuite matrix demo/landscape.elsuite --surface train --out barriers.csv")
@store_argument
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="A .npy or .csv file.")
@network_options
def matrix(store: str, out: str, surface: str | None, finder: str | None, joins: "Joins | None") -> None:
    """Write the minimax barriers of all pairs; inf: no route is known, NaN: left out; energies on the diagonal."""
    from elsuite.analysis import disconnectivity_tree
    from elsuite.network import minimax_matrix, transition_network
    from elsuite.network.evidence import in_words, what_it_means

    path = Path(out)
    if path.suffix not in {".npy", ".csv"}:
        raise click.UsageError(f"--out: given {out!r}, allowed: a name that ends in .npy or .csv")
    with open_database(store) as database:
        surface = choose_surface(database, surface)
        network = transition_network(database, surface=surface, finder=finder, joins=joins)
        print_left_out(network)
        values = np.full((database.n_minima, database.n_minima), np.nan)
    ids = list(network)
    values[np.ix_(ids, ids)] = minimax_matrix(network)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", *range(len(values))])
            writer.writerows([i, *row] for i, row in enumerate(values.tolist()))
    tree = disconnectivity_tree(network)
    states = tree.evidence.states(tree.tree)
    if "untested" in states:
        print_notes([f"barriers of a network of {network.graph['joins']}: {in_words(states)}; {what_it_means(states)}"])
    click.echo(out)
