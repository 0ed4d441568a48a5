"""The short tables that `demo` and `run` end with: `print_found`."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from elsuite.analysis import disconnectivity_tree, minima_by_set
from elsuite.cli.common import print_left_out, print_table
from elsuite.database import LandscapeDatabase, open_database
from elsuite.database.query import failures
from elsuite.network import transition_network


def print_found(store: Path) -> None:
    """Print what a store holds: its sets, what failed, and how far its minima are joined on each surface."""
    with open_database(store) as database:
        print_table(["set", "minima", *(f"mean {s} loss" for s in database.surfaces)], _set_rows(database))
        for line in failures(database):
            click.echo(line)
        click.echo()
        header = ["surface", "pairs with a path", "median height", "minima joined", "last join at"]
        print_table(header, _joined_rows(database))
        print_left_out(*(transition_network(database, surface=surface) for surface in database.surfaces))


def _set_rows(database: LandscapeDatabase) -> list[list[Any]]:
    """Return for each set: name, number of solutions, mean energy on each surface."""
    energy = database.minima["energy"].values
    rows: list[list[Any]] = []
    for name, ids in sorted(minima_by_set(database).items()):
        columns = [column[np.isfinite(column)] for column in energy[ids].T]
        rows.append([name, len(ids), *(float(column.mean()) if len(column) else None for column in columns)])
    return rows


def _joined_rows(database: LandscapeDatabase) -> list[list[Any]]:
    """Return for each surface: name, pairs with a path, their median height, minima joined, height of the last join."""
    rows: list[list[Any]] = []
    for surface in database.surfaces:
        network = transition_network(database, surface=surface)
        tree = disconnectivity_tree(network)
        heights = [float(edge["energy"]) for _, _, edge in network.edges(data=True)]
        joined = max((sum(map(len, merge.members)) for merge in tree.merges), default=0)
        last = tree.merges[-1].height if len(tree.merges) else None
        median = float(np.median(heights)) if heights else None
        rows.append([surface, len(heights), median, f"{joined} of {len(tree.leaves)}", last])
    return rows
