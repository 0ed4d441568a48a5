"""What the page's script needs of a database: minima, trees, edges, maps, as JSON with arrays in base64."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsuite.analysis import tree_layout
from elsuite.network import AnyGraph, network_arrays, spanning_forest
from elsuite.plotting.style import SetStyle
from elsuite.plotting.view import View, split_energy, surface_name
from elsuite.report.text import number

__all__ = ["encoded", "page_data"]

PROFILE_BYTES = 1_000_000
"""What the profiles of all surfaces may take in the page: more than that, and only the spanning forest's are in it."""
MOST_EDGES = 60_000
FEWEST_POINTS = 9
SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down", "P": "cross", "X": "x"}


def encoded(values: ArrayLike, dtype: str) -> dict[str, str]:
    """Return an array as its little-endian bytes in base64, with the name of its type.

    Parameters
    ----------
    values : array_like
    dtype : {"u2", "i4", "f4", "f8"}

    Returns
    -------
    dict

    Examples
    --------
    >>> encoded([1, 2], "u2")
    {'type': 'u2', 'data': 'AQACAA=='}
    """
    array = np.ascontiguousarray(values, dtype=f"<{dtype}")
    return {"type": dtype, "data": base64.b64encode(array.tobytes()).decode("ascii")}


def page_data(views: Sequence[View]) -> dict[str, Any]:
    """Return everything that the page lets its reader explore.

    Parameters
    ----------
    views : sequence of View
        One a surface.

    Returns
    -------
    dict
        For `script_json`.
    """
    if not views:
        return {"surfaces": []}
    return {
        "sets": [_look(name, style) for name, style in views[0].styles.items()],
        "minima": _minima(views[0]),
        "map": _map(views[0]),
        "surfaces": [_surface(view, len(views)) for view in views],
    }


def _look(name: str, style: SetStyle) -> dict[str, str]:
    symbol = SYMBOLS.get(style.marker, "circle")
    return {"name": name, "color": style.color, "symbol": symbol if style.filled else f"{symbol}-open"}


def _minima(view: View) -> dict[str, Any]:
    database = view.database
    minima = database.minima
    names = list(view.styles)
    runs = np.asarray(minima["run"].values)
    seeds = np.full(len(runs), -1, dtype=np.int64)
    if database.n_runs:
        seeds = np.where(runs >= 0, np.asarray(database.runs["seed"].values)[np.maximum(runs, 0)], -1)
    energies = np.asarray(minima["energy"].values, dtype=float)
    return {
        "set": encoded([names.index(name) for name in view.all_sets], "i4"),
        "seed": encoded(seeds, "f8"),
        "epoch": encoded(minima["epoch"].values, "i4"),
        "energies": [
            {"name": surface_name(surface), "values": encoded(energies[:, column], "f8")}
            for column, surface in enumerate(database.surfaces)
        ],
    }


def _map(view: View) -> dict[str, Any] | None:
    try:
        embedding = view.embedding
    except ValueError:
        return None
    first, second = (100 * share for share in embedding.explained[:2])
    return {
        "ids": encoded(view.ids, "i4"),
        "x": encoded(embedding.coordinates[:, 0], "f4"),
        "y": encoded(embedding.coordinates[:, 1], "f4"),
        "labels": [
            f"kernel component 1 ({number(first)} % of variance)",
            f"kernel component 2 ({number(second)} % of variance)",
        ],
    }


def _surface(view: View, n_surfaces: int) -> dict[str, Any]:
    tree = view.whole_tree
    scale = view.scale(tree)
    layout = tree_layout(tree, order="centered", scale=scale)  # type: ignore[arg-type]
    return {
        "name": view.surface,
        "label": view.energy_label,
        "log": scale == "log",
        "ids": encoded(np.array(tree.leaves, dtype=np.int64), "i4"),
        "parents": encoded(tree.tree.parents, "i4"),
        "heights": encoded(tree.tree.heights, "f8"),
        "x": encoded(layout.x, "f4"),
        "order": encoded(tree.tree.leaf_order, "i4"),
        "gaps": encoded(tree.tree.gaps, "f8"),
        "split": split_energy(tree),
        "edges": _edges(view, view.network, PROFILE_BYTES // n_surfaces),
    }


def _edges(view: View, network: AnyGraph, budget: int) -> dict[str, Any]:
    """Return the edges by the places of their ends among the tree's leaves, with profiles as far as room allows."""
    arrays = network_arrays(network)
    sources, targets, heights = arrays.sources, arrays.targets, arrays.heights
    rows = np.array([path for _, _, path in network.edges(data="path")], dtype=np.int64)
    paths = view.database.paths
    n_points = int(paths.sizes.get("point", 0))
    chosen = np.arange(len(rows))
    everything = len(rows) <= MOST_EDGES and len(rows) * n_points * 8 / 3 <= budget
    if not everything:
        chosen = spanning_forest(len(arrays.labels), sources, targets, heights)
    sources, targets, heights, rows = sources[chosen], targets[chosen], heights[chosen], rows[chosen]
    labels = np.array(arrays.labels, dtype=np.int64)
    forward = np.asarray(paths["source"].values)[rows] == labels[sources] if len(rows) else np.zeros(0, dtype=bool)
    tops = np.asarray(paths["refined_t"].values, dtype=float)[rows] if len(rows) else np.zeros(0)
    lengths = np.asarray(paths["length"].values, dtype=float)[rows] if len(rows) else np.zeros(0)
    profiles = _profiles(view, rows, forward, budget)
    return {
        "source": encoded(sources, "i4"),
        "target": encoded(targets, "i4"),
        "height": encoded(heights, "f8"),
        "top": encoded(np.where(forward, tops, 1 - tops), "f4"),
        "length": encoded(lengths, "f4"),
        "profiles": profiles,
        "all": everything,
    }


def _profiles(view: View, rows: NDArray[np.int64], forward: NDArray[np.bool_], budget: int) -> dict[str, Any] | None:
    """Return the profiles of paths as 16-bit codes between the lowest and the highest energy, on a log scale if all are positive."""
    paths = view.database.paths
    n_points = int(paths.sizes.get("point", 0))
    if not len(rows) or not n_points:
        return None
    values = np.asarray(paths["profile"].values, dtype=float)[rows]
    complete = np.isfinite(values).all(axis=1)
    if not complete.any():
        return None
    fits = max(FEWEST_POINTS, int(budget * 3 / 8 / len(rows)))
    if n_points > fits:
        values = values[:, np.round(np.linspace(0, n_points - 1, fits)).astype(int)]
    values[~forward] = values[~forward, ::-1]
    log = bool(values[complete].min() > 0)
    drawn = np.log(np.where(complete[:, None], values, 1.0)) if log else values
    low, high = float(drawn[complete].min()), float(drawn[complete].max())
    codes = np.round((drawn - low) / ((high - low) or 1.0) * 65534)
    codes[~complete] = 65535  # no profile
    return {"points": values.shape[1], "log": log, "low": low, "high": high, "codes": encoded(codes, "u2")}
