"""The energy along a route of paths through other minima: `route_profile`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from elsuite.core.typing import Floats
from elsuite.network import AnyGraph, transition_network

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase
    from elsuite.network.transition import Joins
from elsuite.core.representing import short_repr
from elsuite.schema import PROFILE


@dataclass(frozen=True)
class Profile:
    """Energies along a route: one leg a path.

    Attributes
    ----------
    minima : tuple of int
        The minima visited, in order; one more than legs.
    positions : tuple of float
        Where along the route they lie, by what `position_label` says.
    legs : tuple of ndarray (n_points, 2)
        Position and energy along each path, from minimum to minimum.
    """

    minima: tuple[int, ...]
    sets: tuple[str, ...]
    positions: tuple[float, ...]
    energies: tuple[float, ...]
    legs: tuple[Floats, ...]
    heights: tuple[float, ...]
    position_label: str = "t"
    note: str = ""
    """What of the stored heights is not shown as it is stored."""

    __repr__ = short_repr


def route_profile(database: "LandscapeDatabase", network: AnyGraph, route: Sequence[int]) -> Profile:
    """Return the energies along a route, path by path, over the length walked in parameter space.

    The edges of `network`, the database's by `transition_network`, say which paths join each minimum with the next.
    """
    paths = database.paths
    rows = [int(network.edges[a, b]["path"]) for a, b in pairwise(route)]
    lengths = np.asarray(paths["length"].values, dtype=float)[rows]
    measured = bool(len(rows)) and bool(np.isfinite(lengths).all()) and bool((lengths > 0).all())
    steps = lengths if measured else np.ones(len(rows))
    positions = np.concatenate([[0.0], np.cumsum(steps)])
    energy = {minimum: float(network.nodes[minimum]["energy"]) for minimum in route}
    sources, refined = paths["source"].values, np.asarray(paths["refined_t"].values, dtype=float)
    legs, heights, lifted = [], [], []
    for number, (row, (start, stop)) in enumerate(zip(rows, pairwise(route), strict=True)):
        values = np.asarray(paths["profile"][row].values, dtype=float)
        values = values[np.isfinite(values)]
        if int(sources[row]) != start:
            values = values[::-1]
        values = np.concatenate([[energy[start]], values[1:-1], [energy[stop]]])
        height = float(network.edges[start, stop]["energy"])
        at = np.linspace(0, 1, len(values))
        place = refined[row] if int(sources[row]) == start else 1 - refined[row]
        if height > values.max():
            # The stored points may step over the top: it goes between them, in the middle where nothing is known.
            if not np.isfinite(place):
                place = at[np.argmax(values)] if len(values) > 2 else 0.5
            at, values = np.append(at, place), np.append(values, height)
        elif values.max() > height:
            # No height is under an energy that was computed on its path, whenever and by whom.
            lifted.append(f"path {row} rises to {values.max():.4g}, over its stored height {height:.4g}")
            height = float(values.max())
        order = np.argsort(at, kind="stable")
        along = positions[number] + steps[number] * at[order]
        legs.append(np.column_stack([along, values[order]]))
        heights.append(height)
    label = "distance walked along the path, in parameter space" if measured else "place along the path"
    return Profile(
        tuple(route), tuple(str(network.nodes[minimum]["set"]) for minimum in route), tuple(positions.tolist()),
        tuple(energy[minimum] for minimum in route), tuple(legs), tuple(heights), label,
        "; ".join(lifted),
    )  # fmt: skip


@dataclass(frozen=True)
class FinderProfile:
    """The lowest path of one finder between two minima, its place along the path from 0 to 1.

    Attributes
    ----------
    metrics : dict of str to ndarray (n_points,)
        Along the path, at equally spaced t; by the metric's name.
    """

    path: int
    profile: Profile
    metrics: dict[str, Floats]

    __repr__ = short_repr


def finder_profiles(
    database: "LandscapeDatabase", source: int, target: int, *, surface: str, joins: "Joins | None" = None
) -> dict[str, FinderProfile]:
    """Return of each finder the lowest path between two minima on a surface, the lowest one first.

    Examples
    --------
    >>> from elsuite.database import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0, 0], "target": [1, 1], "height": [2.0, 1.5], "finder": ["linear", "neb"]}
    >>> _ = database.add(minima={"energy": [[0.0], [1.0]]}, paths=paths)
    >>> {name: found.path for name, found in finder_profiles(database, 0, 1, surface="energy").items()}
    {'neb': 1, 'linear': 0}
    """
    table, found = database.paths, {}
    ends = {source, target}
    sources, targets = table["source"].values.tolist(), table["target"].values.tolist()
    labels = [str(name) for name in table["finder"].values]
    there = [row for row in range(database.n_paths) if {sources[row], targets[row]} == ends]
    for finder in dict.fromkeys(labels[row] for row in there):
        network = transition_network(database, surface=surface, finder=finder, joins=joins)
        if not network.has_edge(source, target):
            continue
        whole = route_profile(database, network, [source, target])
        legs = tuple(leg / [whole.positions[-1], 1.0] for leg in whole.legs)
        profile = replace(whole, positions=(0.0, 1.0), legs=legs, position_label="t along each path")
        row = int(network.edges[source, target]["path"])
        found[finder] = FinderProfile(row, profile, _metrics(database, row, backward=sources[row] != source))
    return dict(sorted(found.items(), key=lambda item: item[1].profile.heights[0]))


def _metrics(database: "LandscapeDatabase", row: int, *, backward: bool) -> dict[str, Floats]:
    metrics: dict[str, Floats] = {}
    for key, column in database.paths.data_vars.items():
        name = str(key)
        if name.startswith(PROFILE) and column.dims == ("path", "point"):
            values = np.asarray(column[row].values, dtype=np.float64)
            if len(values := values[np.isfinite(values)]):
                metrics[name.removeprefix(PROFILE)] = values[::-1] if backward else values
    return metrics
