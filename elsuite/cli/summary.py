"""The short tables that `demo` and `run` end with."""

from typing import Any

import numpy as np

from elsuite.analysis import disconnectivity_tree
from elsuite.database import LandscapeDatabase
from elsuite.network import transition_network

__all__ = ["joined_rows", "set_rows"]


def set_rows(database: LandscapeDatabase) -> list[list[Any]]:
    """Return for each set: name, number of minima, mean energy on each surface."""
    names = np.array([str(name) for name in database.minima["set"].values.tolist()])
    energy = database.minima["energy"].values
    return [
        [str(n), int((names == n).sum()), *np.nanmean(energy[names == n], axis=0).tolist()]
        for n in np.unique(names)
    ]


def joined_rows(database: LandscapeDatabase) -> list[list[Any]]:
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
