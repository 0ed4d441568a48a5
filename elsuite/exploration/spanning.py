"""Pairs chosen as the paths come in: first join all components, then lower what still can be lowered.

A path between i and j matters only if its height can fall under their minimax barrier through other minima. No path
is lower than its higher end, so a pair whose minimax barrier stands at that floor already is never tried: the search
stops when no pair is left or `n_pairs` are spent (the cycle property of minimum spanning trees).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from elsuite.database import LandscapeDatabase
from elsuite.exploration.connect import connect_minima
from elsuite.landscapes.base import Landscape
from elsuite.network import minimax_matrix, transition_network
from elsuite.paths import PathFinder

__all__ = ["connect_spanning", "next_spanning_pair"]


def next_spanning_pair(
    minimax: NDArray[np.float64],
    energies: NDArray[np.float64],
    distances: NDArray[np.float64],
    tried: NDArray[np.bool_],
    *,
    tolerance: float = 1e-6,
) -> tuple[int, int] | None:
    """Return the pair of positions to try next, or None when no path could lower a minimax barrier any more.

    Unjoined pairs come first, the nearest of them; then the pair whose minimax barrier stands highest above its
    higher end, the nearest of equals. `minimax` (n, n) is inf where no route is known; `tried` marks pairs done.
    `tolerance` is relative to the range of finite barriers.
    """
    rows, columns = np.triu_indices(len(energies), 1)
    open_ = ~tried[rows, columns]
    rows, columns = rows[open_], columns[open_]
    if not len(rows):
        return None
    gain = minimax[rows, columns] - np.maximum(energies[rows], energies[columns])
    apart = distances[rows, columns]
    unjoined = np.isinf(gain)
    if unjoined.any():
        best = np.flatnonzero(unjoined)[np.argmin(apart[unjoined])]
        return int(rows[best]), int(columns[best])
    highest = gain.max()
    if highest <= tolerance * max(float(np.ptp(minimax)), np.finfo(float).tiny):
        return None
    ties = np.flatnonzero(gain >= highest * (1 - 1e-9))
    best = ties[np.argmin(apart[ties])]
    return int(rows[best]), int(columns[best])


def connect_spanning(
    database: LandscapeDatabase,
    landscape: Landscape,
    finder: PathFinder,
    ids: Sequence[int],
    *,
    surface: str,
    n_pairs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> int:
    """Search paths among the minima `ids`, one after the other, where they can matter; return how many were tried.

    `n_pairs` counts all paths between these minima on this surface, those that were there before included, so that
    an interrupted call goes on to the same end. None: only until all minima are joined.
    """
    positions = {int(i): k for k, i in enumerate(ids)}
    points = database.coordinates(list(ids)).astype(np.float64)
    distances = cdist(points, points)
    done = 0
    while True:
        network = transition_network(database, surface=surface).subgraph(list(ids))
        energies = np.array([network.nodes[i]["energy"] for i in ids])
        minimax = minimax_matrix(network)
        tried = _tried(database, positions, surface)
        n_tried = int(np.triu(tried, 1).sum())
        pair = next_spanning_pair(minimax, energies, distances, tried)
        joined = bool(np.isfinite(minimax).all())
        if pair is None or (n_pairs is None and joined) or (n_pairs is not None and n_tried >= n_pairs):
            return done
        connect_minima(
            database, landscape, finder, [(ids[pair[0]], ids[pair[1]])], surface=surface, **options
        )
        done += 1
        if progress is not None:
            left = len(ids) - 1 if n_pairs is None else n_pairs
            progress(min(n_tried + 1, left), left)


def _tried(database: LandscapeDatabase, positions: dict[int, int], surface: str) -> NDArray[np.bool_]:
    table = database.paths
    tried = np.zeros((len(positions), len(positions)), dtype=bool)
    rows = zip(
        table["source"].values.tolist(),
        table["target"].values.tolist(),
        table["surface"].values.tolist(),
        strict=True,
    )
    for source, target, own in rows:
        if own == surface and source in positions and target in positions:
            a, b = positions[source], positions[target]
            tried[a, b] = tried[b, a] = True
    return tried
