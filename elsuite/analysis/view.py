"""What the figures and the page need of a database: the chosen minima, their tree, network and map."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import networkx as nx
import numpy as np

from elsuite.analysis.barrier_map import BarrierMap, barrier_map
from elsuite.analysis.clustering import Clustering, cluster_minima, persistence_clusters, superbasin_clusters
from elsuite.analysis.disconnectivity import DisconnectivityTree, disconnectivity_tree, nodes_of
from elsuite.analysis.dissimilarity import barrier_dissimilarity, euclidean_dissimilarity, map_dissimilarity
from elsuite.analysis.embedding import Embedding, kernel_pca
from elsuite.analysis.merge_tree import MergeTree
from elsuite.analysis.names import energy_name
from elsuite.analysis.options import FigureOptions
from elsuite.analysis.scales import (
    EnergyScale,
    LogScale,
    axis_scale,
    energy_scale,
    largest_empty_share,
    log_gap_scale,
    wants_log,
)
from elsuite.analysis.stationarity import stationarity
from elsuite.analysis.statistics import UNNAMED_SET
from elsuite.analysis.superbasin_agreement import SuperbasinAgreement, superbasin_agreement
from elsuite.analysis.trimming import (
    Trimmed,
    component_of,
    components_from,
    lowest_minima,
    merged_branches,
    minima_below,
    persistent_minima,
)
from elsuite.core.typing import Array, Floats, Ids, Mask
from elsuite.database.query import choose_surface, nearest, usable_minima
from elsuite.network import AnyGraph, minimax_matrix, transition_network
from elsuite.network.transition import chosen_joins
from elsuite.schema import NotFoundError

if TYPE_CHECKING:
    import xarray as xr

    from elsuite.database import LandscapeDatabase
    from elsuite.network.transition import Joins

METHODS = {"agglomerative": "agglomerative, average linkage", "hdbscan": "HDBSCAN", "spectral": "spectral"}
DISTANCES = {"map": "the map", "distances": "distances", "barriers": "barriers"}
# Both need a matrix of all pairs: 20,000 minima make 3.2 GB, 4,000 with the copies of a clustering 0.5 GB.
MOST_MAPPED = 20_000
MOST_COMPARED = 4_000
FEWEST_RESAMPLES, MOST_RESAMPLES, MOST_REARRANGED = 100, 200, 500_000
"""How often the heights of a network are rearranged, and how many minima and paths that may be altogether."""
COMPUTED = ("energy", "kernel1", "kernel2", "distance")
"""Columns that are not stored: energy on the surface, components of the map, distance to the lowest minimum."""
WIDE_GAP = 0.4
"""An empty range that takes more of a logarithmic axis is compressed."""


@dataclass(frozen=True)
class View:
    """A database as one figure sees it: the chosen surface and sets.

    Examples
    --------
    >>> from elsuite.database import LandscapeDatabase
    >>> from elsuite.plotting import FigureOptions
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(minima={"energy": [[0.0], [1.0], [2.0]], "set": ["a", "a", "b"]})
    >>> View(database, FigureOptions(sets=("a",))).ids.tolist()
    [0, 1]
    """

    database: "LandscapeDatabase"
    options: FigureOptions
    most_mapped: int = MOST_MAPPED
    """Of more minima there is no map of the parameters."""
    values: "xr.Dataset | None" = None
    """Computed values to be drawn, in place of those stored last."""

    @cached_property
    def surface(self) -> str:
        """The chosen surface; raises NotFoundError if there is none of that name."""
        return choose_surface(self.database, self.options.surface)

    @cached_property
    def all_sets(self) -> list[str]:
        """The set of every minimum of the database."""
        return [str(name) or UNNAMED_SET for name in self.database.minima["set"].values.tolist()]

    @cached_property
    def usable(self) -> Mask:
        """Which minima of the database are solutions: what runs that diverged or failed left behind is none."""
        return usable_minima(self.database)

    @cached_property
    def ids(self) -> Ids:
        """The usable minima of the chosen sets whose energy is finite; raises where there are none."""
        known = list(dict.fromkeys(self.all_sets))
        missing = [name for name in self.options.sets if name not in known]
        if missing:
            raise NotFoundError(f"no set '{missing[0]}'; this database has {', '.join(known) or 'no minima'}")
        wanted = set(self.options.sets or known)
        there = usable_minima(self.database, self.surface)
        chosen = [row for row in np.flatnonzero(there).tolist() if self.all_sets[row] in wanted]
        if not chosen:
            n = int((~self.usable).sum())
            left = f": {n} are of runs that diverged or failed" if n else ""
            raise ValueError(f"no minimum with an energy on surface '{self.surface}' to draw{left}")
        return np.array(chosen, dtype=np.int64)

    @cached_property
    def every_energy(self) -> Floats:
        """Energy of every minimum of the database on the chosen surface; NaN where it is not known."""
        column = list(self.database.surfaces).index(self.surface)
        energies: Floats = np.asarray(self.database.minima["energy"].values, dtype=float)[:, column]
        return energies

    @property
    def energies(self) -> Floats:
        """Energy of each chosen minimum on the chosen surface."""
        return self.every_energy[self.ids]

    @property
    def sets(self) -> list[str]:
        """Set of each chosen minimum."""
        return [self.all_sets[row] for row in self.ids]

    @property
    def set_names(self) -> list[str]:
        """The sets that have a chosen minimum, in the database's order."""
        own = set(self.sets)
        return [name for name in dict.fromkeys(self.all_sets) if name in own]

    @property
    def energy_label(self) -> str:
        """Name of the energy axis."""
        return energy_name(self.surface, self.database.attributes)

    @cached_property
    def network(self) -> AnyGraph:
        """The transition network of the chosen minima on the chosen surface."""
        finder, joins = self.options.finder, self.joins
        whole = transition_network(self.database, surface=self.surface, finder=finder, joins=joins)
        nx.set_node_attributes(whole, dict(enumerate(self.all_sets)), "set")
        return whole if len(self.ids) == len(whole) else whole.subgraph(self.ids.tolist()).copy()

    @property
    def joins(self) -> "Joins":
        """What the paths of the network join: what is asked for, or by the symmetry of the landscape."""
        return chosen_joins(self.database, cast("Joins | None", self.options.joins))

    @property
    def joins_note(self) -> str:
        """Which graph this is, where the database has paths between points and to copies of them; else nothing."""
        of = self.network.graph
        n_points, n_isomers = of["n_joining_points"], of["n_joining_isomers"]
        if not n_points or not n_isomers:
            return ""
        copies = f"{n_isomers:,} of {n_points + n_isomers:,} paths lead to copies of minima"
        return f"points are joined: {copies}, left out" if of["joins"] == "points" else f"isomers are joined: {copies}"

    @cached_property
    def stationarity_note(self) -> str:
        """What speaks against the solutions being minima of the surface shown; nothing where nothing does."""
        return stationarity(self.database).caption if self.surface == self.database.surfaces[0] else ""

    @cached_property
    def whole_tree(self) -> DisconnectivityTree:
        """The disconnectivity tree of the chosen minima, nothing trimmed."""
        return disconnectivity_tree(self.network)

    @cached_property
    def tree_and_note(self) -> tuple[DisconnectivityTree, str]:
        """The tree after the trims that the options ask for, and what they hid."""
        options = self.options
        trims: list[tuple[Any, Any]] = [
            (component_of, options.component),
            (components_from, options.connected),
            (minima_below, options.below),
            (persistent_minima, options.persistence),
            (merged_branches, options.smallest),
            (lowest_minima, options.lowest),
        ]
        tree, notes = self.whole_tree, []
        for trim, setting in trims:
            if setting is not None:
                if trim is component_of:
                    self.check_minimum(setting)
                trimmed: Trimmed = trim(tree, setting)
                tree = trimmed.tree
                # Cut at an energy, a tree may lose merges only.
                notes.append(trimmed.note or (trimmed.rule if trim is minima_below else ""))
        if not len(tree.leaves):
            raise ValueError("nothing is left to draw: the trims hide all minima")
        return tree, "; ".join(note for note in notes if note)

    def scale(self, tree: DisconnectivityTree) -> EnergyScale:
        """Return the energy scale that the options ask for, of all energies of the tree."""
        name, energies, floor = self.options.scale, tree.tree.heights, self.options.floor
        log = wants_log(energies) or floor is not None
        if name == "auto" and log:
            wide = largest_empty_share(np.maximum(energies, floor or 0.0)) > WIDE_GAP
            name = "compressed" if wide else "log"
        if name == "compressed":
            return log_gap_scale(energies, floor=floor) if log else energy_scale("gaps", energies)
        return axis_scale(name, energies, floor=floor)

    def column(self, name: str) -> Array:
        """Return a column of the chosen minima, one value each: a stored one, or one of `COMPUTED`."""
        if name == "energy":
            return self.energies
        minima = self.database.minima
        scalars = [str(key) for key, values in minima.data_vars.items() if values.ndim == 1]
        if name in scalars:
            return np.asarray(minima[name].values)[self.ids]
        if name in {"kernel1", "kernel2"}:
            return self.embedding.coordinates[:, int(name[-1]) - 1]
        if name == "distance":
            lowest = int(self.ids[np.argmin(self.energies)])
            distances = {lowest: 0.0, **dict(nearest(self.database, lowest, len(self.all_sets)))}
            return np.array([distances[i] for i in self.ids.tolist()])
        there = ", ".join([COMPUTED[0], *scalars, *COMPUTED[1:]])
        raise NotFoundError(f"minima have no column '{name}'; there are {there}")

    @cached_property
    def embedding(self) -> Embedding:
        """The kernel-PCA map of the chosen minima, two components."""
        self._check_size(self.most_mapped)
        try:
            return kernel_pca(self.database.coordinates, self.ids, kernel=self.options.kernel)  # type: ignore[arg-type]
        except MemoryError:
            need = 8 * len(self.ids) ** 2 / 2**30
            raise ValueError(f"a map of {len(self.ids):,} minima needs {need:.1f} GiB of memory: choose sets") from None

    def _check_size(self, most: int) -> None:
        n = len(self.ids)
        if n < 3:
            raise ValueError(f"a map needs at least 3 minima; there are {n}")
        if n > most:
            elsewhere = self.most_mapped == most < n <= MOST_MAPPED  # on the page
            more = f", and {MOST_MAPPED:,} by `elsuite plot kpca`" if elsewhere else ""
            raise ValueError(f"a map of {n:,} minima takes too much memory, {most:,} are allowed{more}: choose sets")

    @property
    def linear(self) -> "View":
        """The same view with the linear kernel: its map is ordinary principal component analysis."""
        return replace(self, options=replace(self.options, kernel="linear"))

    @cached_property
    def barrier_map(self) -> tuple[BarrierMap, bool]:
        """The map of the chosen minima by their minimax barriers, and whether energies entered as logarithms."""
        self._check_size(MOST_COMPARED)
        barriers = minimax_matrix(self.network)
        name = "linear" if self.options.scale == "compressed" else self.options.scale
        scale = axis_scale(name, barriers, floor=self.options.floor)
        return barrier_map(scale.forward(barriers), self.ids), isinstance(scale, LogScale)

    @cached_property
    def clustering(self) -> tuple[Clustering, str]:
        """The clustering that the options ask for, and a few words that say what it is."""
        method, n = self.options.method, len(self.ids)
        if method == "auto":
            method = "hdbscan" if n <= MOST_COMPARED else "persistence"
        if method == "superbasin":
            energy = split_energy(self.whole_tree) if self.options.energy is None else self.options.energy
            return superbasin_clusters(self.whole_tree, energy), f"superbasins at {energy:.4g}"
        if method == "persistence":
            return persistence_clusters(self.whole_tree, n_clusters=min(8, n)), "the most persistent minima"
        if n > MOST_COMPARED:
            raise ValueError(
                f"'{method}' compares all pairs of {n:,} minima, {MOST_COMPARED:,} are allowed: choose sets"
            )
        tree = self.whole_tree if self.options.distance == "barriers" else None
        clustering = cluster_minima(self._dissimilarity, method=method, tree=tree)  # type: ignore[arg-type]
        return clustering, f"{METHODS[method]}, on {DISTANCES[self.options.distance]}"

    @cached_property
    def superbasin_agreement(self) -> SuperbasinAgreement | None:
        """How well superbasins at the energy asked for, or at the most even split, agree with the sets.

        None where there is one set, or the network is too large to be rearranged often enough.
        """
        size = self.network.number_of_nodes() + self.network.number_of_edges()
        n_resamples = min(MOST_RESAMPLES, MOST_REARRANGED // max(size, 1))
        if len(self.set_names) < 2 or n_resamples < FEWEST_RESAMPLES:
            return None
        energy = split_energy if self.options.energy is None else self.options.energy
        groups = [data["set"] for _, data in self.network.nodes(data=True)]
        return superbasin_agreement(self.network, groups, energy=energy, n_resamples=n_resamples)

    @property
    def _dissimilarity(self) -> Floats:
        kind = self.options.distance
        if kind == "map":
            return map_dissimilarity(self.embedding)
        if kind == "distances":
            return euclidean_dissimilarity(self.database.coordinates, self.ids)
        return barrier_dissimilarity(minimax_matrix(self.network))

    @property
    def default_route(self) -> tuple[int, int]:
        """The lowest minima of two sets, of different minimizers if possible, that a route joins."""
        lowest = {
            name: min(
                (energy, minimum)
                for energy, minimum, own in zip(self.energies, self.ids.tolist(), self.sets, strict=True)
                if own == name
            )[1]
            for name in self.set_names
        }
        pairs = [(a, b) for number, a in enumerate(lowest) for b in list(lowest)[number + 1 :]]
        pairs.sort(key=lambda pair: pair[0].partition("/")[0] == pair[1].partition("/")[0])
        for a, b in pairs:
            if self.whole_tree.minimax_barrier(lowest[a], lowest[b]) is not None:
                return lowest[a], lowest[b]
        merges = self.whole_tree.merges
        if not len(merges):
            raise ValueError(f"no path was found between minima on surface '{self.surface}': there is no profile")
        parts = merges[-1].members
        return int(parts[0][0]), int(parts[1][0])  # type: ignore[call-overload]

    def numbers(self, name: str) -> Floats:
        """Return a column of numbers that leaves are ordered by; raises ValueError for words or an unknown name."""
        try:
            column = self.column(name)
        except NotFoundError as error:
            columns = str(error).partition("there are ")[2]
            raise NotFoundError(
                f"no order '{name}'; there are centered, energy, size, and the columns {columns}"
            ) from error
        if column.dtype.kind not in "fiu":
            raise ValueError(f"column '{name}' holds words, numbers are needed; orders are centered, energy, size")
        return column.astype(float)

    def check_minimum(self, minimum: int) -> int:
        """Return the id if it is a chosen minimum; raises NotFoundError otherwise."""
        if minimum not in set(self.ids.tolist()):
            total = self.database.n_minima
            if not 0 <= minimum < total:
                place = f"ids go from 0 to {total - 1}"
            elif not self.usable[minimum]:
                place = "its run diverged or failed"
            else:
                place = "it is in none of the sets drawn"
            raise NotFoundError(f"no minimum {minimum} to draw: {place}")
        return int(minimum)


def split_energy(tree: DisconnectivityTree | MergeTree) -> float:
    """Return an energy just below the merge whose second part is the largest: where the tree is split most evenly."""
    nodes = nodes_of(tree)
    inner = np.flatnonzero(nodes.parents >= 0)
    if not len(inner):  # nothing merges
        return float(nodes.heights.max())
    # Children by parent, the larger first: the second entry of each parent is its second part.
    order = inner[np.lexsort((-nodes.sizes[inner], nodes.parents[inner]))]
    firsts = np.flatnonzero(np.diff(nodes.parents[order], prepend=-2))
    second = nodes.sizes[order[firsts + 1]]
    best = int(nodes.parents[order[firsts[len(second) - 1 - int(np.argmax(second[::-1]))]]])
    return float(np.nextafter(nodes.heights[best], -np.inf))
