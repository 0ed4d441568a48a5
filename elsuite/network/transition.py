"""The transition network of a database: its minima and the paths between them, on one surface."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import networkx as nx
import numpy as np

from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids, Mask
from elsuite.network.arrays import AnyGraph
from elsuite.network.evidence import searches_of
from elsuite.schema import NotFoundError

if TYPE_CHECKING:  # whoever brings a graph of their own doesn't load the store
    from elsuite.database import LandscapeDatabase

Joins: TypeAlias = Literal["points", "isomers"]

POINT_SYMMETRIES: Final = (None, "none", "units")
"""Kinds of symmetry whose copies are points of their own, unless a caller wants isomers: those of networks.

Copies by any other, of atoms, bodies or angles, are one to whoever looks at them.
"""


def transition_network(
    database: "LandscapeDatabase",
    *,
    surface: str | None = None,
    parallel: bool = False,
    finder: str | Sequence[str] | None = None,
    joins: Joins | None = None,
) -> AnyGraph:
    """Return the minima of a database and the paths between them, as a networkx graph of one surface.

    Nodes are the ids of the minima (int), with the attributes `energy`, `set`, `run` and `outcome`. Edges
    have `energy` (the refined height where there is one, else the height, lifted to the higher end), `path`
    (its id), `kind`, `finder` and `outcome`. The graph has `surface`, `joins`, `searches` (`Searches`, whatever came of
    them) and the `energy_floor` of energies, None where the landscape declares none; `n_joining_points` and
    `n_joining_isomers` count the paths by what they join, also those that `joins` leaves out. Left out are minima that
    are no solutions or have no finite energy on the surface (`usable_minima` in `elsuite.database.query`), counted in
    the graph's attributes `n_unusable` and `n_without_energy`, and paths that end at one or have no finite height.

    Parameters
    ----------
    surface : str, optional
        Whose energies and heights; the first surface by default.
    parallel : bool
        Keep all paths of a pair, and paths from a minimum to itself, in a MultiGraph whose keys are the
        paths' ids. By default the lowest path of a pair stands for it (of equally low ones the first).
    finder : str or sequence of str, optional
        Only paths of the finder with this label, or of finders with one of these.
    joins : {"points", "isomers"}, optional
        What the edges join. A path to a copy of a minimum, such as a network with its units permuted or a cluster that
        is turned, joins isomers, not the stored points: it counts among isomers only. By default isomers where the
        landscape's symmetry is one of atoms or periodic coordinates, else points.

    Raises
    ------
    NotFoundError
        If the database has no such surface or finder.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])
    >>> added = database.add(
    ...     minima={"coordinates": [[-1.0], [1.0]], "energy": [[-1.0], [-2.0]]},
    ...     paths={"source": [0, 0], "target": [1, 1], "height": [0.5, 0.25], "surface": ["energy"] * 2},
    ... )
    >>> transition_network(database).edges[0, 1]["energy"]
    0.25
    """
    from elsuite.database.declared import energy_floor, joins_isomers
    from elsuite.database.query import choose_surface, n_left_out, usable_minima

    name = choose_surface(database, surface)
    column = database.surfaces.index(name)
    joins = chosen_joins(database, joins)
    network: AnyGraph = nx.MultiGraph() if parallel else nx.Graph()
    network.graph |= {"surface": name, "joins": joins, "energy_floor": energy_floor(database)}
    network.graph["n_unusable"], network.graph["n_without_energy"] = n_left_out(database, name)
    copies = joins_isomers(database)
    of_it = np.ones(database.n_paths, dtype=bool) if finder is None else of_finder(database, finder)
    network.graph["searches"] = searches_of(database, name, of_it if joins == "isomers" else of_it & ~copies)
    minima, paths = database.minima, database.paths
    columns = [minima["energy"].values[:, column], *(minima[key].values for key in ("set", "run", "outcome"))]
    usable = np.flatnonzero(usable_minima(database, name))
    nodes = zip(*(array[usable].tolist() for array in columns), strict=True)
    for node, values in zip(usable.tolist(), nodes, strict=True):
        network.add_node(node, **dict(zip(("energy", "set", "run", "outcome"), values, strict=True)))
    found = path_heights(database, name, finder=finder, joins="isomers")
    to_copies = copies[found.paths]
    network.graph |= {"n_joining_points": int((~to_copies).sum()), "n_joining_isomers": int(to_copies.sum())}
    found = found if joins == "isomers" else found.select(~to_copies)
    found = found if parallel else lowest_of_pairs(found)
    columns = [found.heights, found.paths, *(paths[key].values[found.paths] for key in ("kind", "finder", "outcome"))]
    rows = zip(*(array.tolist() for array in columns), strict=True)
    for source, target, row in zip(found.sources.tolist(), found.targets.tolist(), rows, strict=True):
        edge = dict(zip(("energy", "path", "kind", "finder", "outcome"), row, strict=True))
        network.add_edge(source, target, **({"key": edge["path"]} if parallel else {}), **edge)
    return network


@dataclass(frozen=True, eq=False)
class PathHeights:
    """Paths on one surface as arrays of one entry a path.

    Attributes
    ----------
    paths : ndarray of int (n,)
        Ids in the database.
    sources, targets : ndarray of int (n,)
        Ids of the minima they join.
    heights : ndarray (n,)
        All finite, none under the energy of an end.

    Examples
    --------
    >>> ends = np.array([0, 0, 1]), np.array([1, 2, 2])
    >>> found = PathHeights(np.arange(3), *ends, heights=np.array([0.5, 0.9, 0.7]))
    >>> low = found.select(found.heights < 0.8)
    >>> low.paths.tolist(), low.targets.tolist()
    ([0, 2], [1, 2])
    """

    paths: Ids
    sources: Ids
    targets: Ids
    heights: Floats

    __repr__ = short_repr

    def select(self, chosen: Mask | Ids) -> "PathHeights":
        """Return some of the paths."""
        return PathHeights(self.paths[chosen], self.sources[chosen], self.targets[chosen], self.heights[chosen])


def path_heights(
    database: "LandscapeDatabase",
    surface: str | None = None,
    *,
    refined: bool = True,
    finder: str | Sequence[str] | None = None,
    joins: Joins | None = None,
) -> PathHeights:
    """Return the heights of all paths on a surface that have a finite one and join usable minima.

    Surface, finder and what the paths join are chosen as in `transition_network`.

    Parameters
    ----------
    refined : bool
        Take the refined height where there is one; else always that of the finder's protocol.

    Raises
    ------
    NotFoundError
        If the database has no such surface or finder.

    Examples
    --------
    Only the first path was refined.

    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])
    >>> _ = database.add(
    ...     minima={"coordinates": [[0.0], [1.0]], "energy": [[-2.0], [-1.0]]},
    ...     paths={"source": [0, 0], "target": [1, 1], "height": [0.5, 0.75], "refined_height": [0.6, None]},
    ... )
    >>> path_heights(database).heights.tolist(), path_heights(database, refined=False).heights.tolist()
    ([0.6, 0.75], [0.5, 0.75])
    """
    from elsuite.database.query import choose_surface, usable_minima

    name = choose_surface(database, surface)
    column = database.surfaces.index(name)
    paths, energies = database.paths, database.minima["energy"].values[:, column]
    heights = best_heights(database) if refined else paths["height"].values
    wanted = (paths["surface"].values == name) & np.isfinite(heights)
    wanted &= joining_rows(database, chosen_joins(database, joins), finder)
    usable, sources, targets = usable_minima(database, name), paths["source"].values, paths["target"].values
    rows = np.flatnonzero(wanted & usable[sources] & usable[targets])
    sources, targets = sources[rows], targets[rows]
    lifted = np.maximum(heights[rows], np.maximum(energies[sources], energies[targets]))
    return PathHeights(rows, sources, targets, lifted)


def best_heights(database: "LandscapeDatabase") -> Floats:
    """Return the refined height of each path (n_paths,) that has one, else its height.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0, 0], "target": [1, 1], "height": [0.5, 0.75], "refined_height": [0.6, None]}
    >>> _ = database.add(minima={"energy": [[0.0], [0.0]]}, paths=paths)
    >>> best_heights(database).tolist()
    [0.6, 0.75]
    """
    heights, refined = (database.paths[name].values for name in ("height", "refined_height"))
    return np.where(np.isfinite(refined), refined, heights)


def joining_rows(database: "LandscapeDatabase", joins: Joins, finder: str | Sequence[str] | None = None) -> Mask:
    """Return which paths (n_paths,) join what is asked for, and are of the finder.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0, 0], "target": [1, 1], "height": [2.0, 1.0], "joins": ["points", "isomers"]}
    >>> _ = database.add(minima={"energy": [[0.0], [0.0]]}, paths=paths)
    >>> joining_rows(database, "points").tolist(), joining_rows(database, "isomers").tolist()
    ([True, False], [True, True])
    """
    from elsuite.database.declared import joins_isomers

    wanted = np.ones(database.n_paths, dtype=bool) if finder is None else of_finder(database, finder)
    return wanted if joins == "isomers" else wanted & ~joins_isomers(database)


def chosen_joins(database: "LandscapeDatabase", joins: Joins | None) -> Joins:
    """Return what the edges of a network are to join: what is given, or by the symmetry of the landscape.

    Raises
    ------
    ValueError
        For anything but "points", "isomers" and None.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.landscapes import LennardJones, MullerBrown
    >>> [chosen_joins(LandscapeDatabase.create(None, one), None) for one in (MullerBrown(), LennardJones(3))]
    ['points', 'isomers']
    """
    if joins is None:
        kind = ((database.attributes.get("identity") or {}).get("symmetry") or {}).get("kind")
        return "points" if kind in POINT_SYMMETRIES else "isomers"
    if joins not in ("points", "isomers"):
        raise ValueError(f"joins: given {joins!r}, allowed: 'points', 'isomers' or None")
    return joins


def paths_to_copies(database: "LandscapeDatabase", surface: str | None = None) -> int:
    """Return how many paths with a height on a surface lead to copies of minima.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.landscapes import MullerBrown
    >>> paths_to_copies(LandscapeDatabase.create(None, MullerBrown()))
    0
    """
    from elsuite.database.declared import joins_isomers

    return int(joins_isomers(database)[path_heights(database, surface, joins="isomers").paths].sum())


def copies_in_words(n: int) -> str:
    """Return that so many paths lead to copies of minima, and what counts them.

    Examples
    --------
    >>> copies_in_words(1)
    '1 path to copies of minima (joins=isomers counts them)'
    """
    return f"{n:,} path{'s' * (n != 1)} to copies of minima (joins=isomers counts them)"


def of_finder(database: "LandscapeDatabase", finder: str | Sequence[str]) -> Mask:
    """Return which paths (n_paths,) are of the finder with this label, or of finders with one of these.

    Raises
    ------
    NotFoundError
        If the database has no paths of one of them.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])
    >>> _ = database.add(
    ...     minima={"coordinates": [[0.0], [1.0]], "energy": [[-2.0], [-1.0]]},
    ...     paths={"source": [0, 0], "target": [1, 1], "height": [0.5, 0.7], "finder": ["fourier", "linear"]},
    ... )
    >>> of_finder(database, "linear").tolist()
    [False, True]
    """
    labels = database.paths["finder"].values.astype(str)
    names = [finder] if isinstance(finder, str) else list(finder)
    for name in names:
        if name not in labels:
            known = ", ".join(map(repr, dict.fromkeys(labels.tolist()))) or "none"
            raise NotFoundError(f"no paths of a finder {name!r}: there are {known}")
    return np.isin(labels, names)


def lowest_of_pairs(found: PathHeights) -> PathHeights:
    """Return the lowest path of each pair of different minima; of equally low ones the first.

    Examples
    --------
    The first two paths join the same pair, in either direction.

    >>> ids, sources, targets = np.arange(3), np.array([0, 1, 1]), np.array([1, 0, 2])
    >>> lowest_of_pairs(PathHeights(ids, sources, targets, np.array([0.9, 0.5, 0.7]))).paths.tolist()
    [1, 2]
    """
    low, high = np.minimum(found.sources, found.targets), np.maximum(found.sources, found.targets)
    order = np.lexsort((found.paths, found.heights, high, low))
    same = (np.diff(low[order], prepend=-1) == 0) & (np.diff(high[order], prepend=-1) == 0)
    return found.select(np.sort(order[~same & (low != high)[order]]))
