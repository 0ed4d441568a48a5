"""What the page's script needs of a database: minima, trees, edges, maps, as JSON with arrays in base64."""

import base64
from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike

from elsuite.analysis import tree_layout
from elsuite.analysis.doubts import doubts, weak_note
from elsuite.analysis.names import surface_name
from elsuite.analysis.scales import LogGapScale, floor_of
from elsuite.analysis.tree_evidence import NONE
from elsuite.analysis.view import View, split_energy
from elsuite.core.representing import digits_apart
from elsuite.core.typing import Ids, Mask
from elsuite.network import network_arrays, spanning_forest
from elsuite.network.evidence import STATES
from elsuite.plotting.picture import styles_of
from elsuite.report.text import number

PROFILE_BYTES = 1_000_000
"""What the profiles of all surfaces may take in the page; where they are many they get fewer points."""
MOST_EDGES = 20_000
"""With more edges the page knows those of the spanning forest only."""
FEWEST_POINTS = 9


def encoded(values: ArrayLike, dtype: str) -> dict[str, str]:
    """Return an array as its little-endian bytes in base64, with the name of its type.

    Parameters
    ----------
    dtype : {"i1", "u2", "i4", "f4", "f8"}

    Examples
    --------
    >>> encoded([1, 2], "u2")
    {'type': 'u2', 'data': 'AQACAA=='}
    """
    array = np.ascontiguousarray(values, dtype=f"<{dtype}")
    return {"type": dtype, "data": base64.b64encode(array.tobytes()).decode("ascii")}


def page_data(views: Sequence[View]) -> dict[str, Any]:
    """Return everything that the page lets its reader explore, for `script_json`, from a view for each surface."""
    if not views:
        return {"surfaces": []}
    return {
        "sets": [
            {"name": name, "color": style.color, "symbol": style.symbol} for name, style in styles_of(views[0]).items()
        ],
        "minima": _minima(views[0]),
        "map": _map(views[0]),
        "states": ["not tested" if state == "untested" else state for state in STATES],
        "surfaces": [_surface(view, len(views)) for view in views],
    }


def _minima(view: View) -> dict[str, Any]:
    database = view.database
    minima = database.minima
    names = list(styles_of(view))
    runs = np.asarray(minima["run"].values)
    seeds = np.full(len(runs), -1, dtype=np.int64)
    if database.n_runs:
        seeds = np.where(runs >= 0, np.asarray(database.runs["seed"].values)[np.maximum(runs, 0)], -1)
    energies = np.asarray(minima["energy"].values, dtype=float)
    return {
        "usable": encoded(view.usable, "u2"),
        "set": encoded([names.index(name) for name in view.all_sets], "i4"),
        "seed": encoded(seeds, "f8"),
        "epoch": encoded(minima["epoch"].values, "i4"),
        "energies": [
            {
                "name": surface_name(surface),
                "values": encoded(energies[:, column], "f8"),
                "digits": digits_apart(energies[view.usable, column]),
            }
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
        "labels": [f"kernel component 1 ({number(first)} %)", f"kernel component 2 ({number(second)} %)"],
    }


def _surface(view: View, n_surfaces: int) -> dict[str, Any]:
    tree = view.whole_tree
    scale = view.scale(tree)
    floor = floor_of(scale)
    # Where the page's energy axis bends, in log10 of energies, where its scale leaves out empty decades.
    bends = scale.compressed if isinstance(scale, LogGapScale) and scale.gaps else None
    return {
        "name": view.surface,
        "label": view.energy_label,
        "title": surface_name(view.surface),
        "log": floor is not None,
        "floor": floor and {"energy": floor.floor, "mark": floor.mark, "lowest": floor.lowest},
        "digits": digits_apart(tree.tree.heights),
        "compressed": bends and {"from": list(bends.energies), "to": list(bends.heights)},
        "ids": encoded(np.array(tree.leaves, dtype=np.int64), "i4"),
        "parents": encoded(tree.tree.parents, "i4"),
        "heights": encoded(tree.tree.heights, "f8"),
        "x": encoded(tree_layout(tree, order="centered").x, "f4"),
        "order": encoded(tree.tree.leaf_order, "i4"),
        "gaps": encoded(tree.tree.gaps, "f8"),
        "weak": weak_note(tree),
        "joins_note": view.joins_note,
        "doubted": np.setdiff1d(doubts(tree), [NONE]),
        "states": encoded(tree.evidence.codes, "i1"),
        "tries": encoded(np.minimum(tree.evidence.tries, np.iinfo(np.uint16).max), "u2"),
        "split": split_energy(tree),
        "edges": _edges(view, PROFILE_BYTES // n_surfaces),
    }


def _edges(view: View, budget: int) -> dict[str, Any]:
    """Return the edges by the places of their ends among the tree's leaves, those of the lowest spanning forest first.

    Best routes lie within that forest, so only its edges have profiles.
    """
    arrays = network_arrays(view.network)
    forest = spanning_forest(len(arrays.labels), arrays.sources, arrays.targets, arrays.heights)
    n_edges = len(arrays.heights)
    others = np.setdiff1d(np.arange(n_edges), forest) if n_edges <= MOST_EDGES else np.zeros(0, dtype=np.int64)
    chosen = np.concatenate([forest, others])
    rows = np.array(list(nx.get_edge_attributes(view.network, "path").values()), dtype=np.int64)[forest]
    sources, labels = arrays.sources[chosen], np.array(arrays.labels, dtype=np.int64)
    paths = view.database.paths
    columns = (
        {name: np.asarray(paths[name].values)[rows] for name in ("source", "refined_t", "length")} if len(rows) else {}
    )
    forward = columns["source"] == labels[sources[: len(forest)]] if columns else np.zeros(0, dtype=bool)
    tops = columns.get("refined_t", np.zeros(0))
    return {
        "n_forest": len(forest),
        "source": encoded(sources, "i4"),
        "target": encoded(arrays.targets[chosen], "i4"),
        "height": encoded(arrays.heights[chosen], "f8"),
        "top": encoded(np.where(forward, tops, 1 - tops), "f4"),
        "length": encoded(columns.get("length", np.zeros(0)), "f4"),
        "profiles": _profiles(view, rows, forward, budget),
        "all": n_edges <= MOST_EDGES,
    }


def _profiles(view: View, rows: Ids, forward: Mask, budget: int) -> dict[str, Any] | None:
    """Return profiles as 16-bit codes between the lowest and the highest energy (their logs if all are positive)."""
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
