"""Pairs chosen as the paths come in: first join all components, then lower what still can be lowered.

A path between i and j matters only if its height can fall under their minimax barrier through other minima. No path
is lower than its higher end, so a pair whose minimax barrier stands at that floor already is never tried: the search
stops when no pair is left or `n_pairs` are spent (the cycle property of minimum spanning trees).

Every pair that a merge of the disconnectivity tree joins has the merge's height as its minimax barrier. So a choice
looks at the n - 1 merges, not at the n (n - 1) / 2 pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import DisjointSet
from scipy.spatial.distance import cdist

from elsuite.core.outcomes import Outcome
from elsuite.core.typing import Array, Floats, Ids, Progress
from elsuite.database import LandscapeDatabase
from elsuite.database.query import choose_surface, usable_minima
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.connect import SearchReport, connect_minima, plan_searches
from elsuite.landscapes.base import Landscape
from elsuite.network.kruskal import kruskal
from elsuite.network.transition import path_heights
from elsuite.paths import PathFinder

Pair = tuple[int, int]


@dataclass(eq=False)
class Connections:
    """Some minima, by their positions from 0, and the paths between them so far; `add` is called for each new one."""

    energies: Floats
    """Shape (n,)."""
    points: Array
    """Shape (n, n_parameters)."""
    tried: list[set[int]] = field(init=False)
    """For each minimum those that a path was searched to, with success or not."""
    _parts: DisjointSet = field(init=False)
    # The edges of a minimum spanning forest, and those added since it was made.
    _edges: list[tuple[int, int, float]] = field(default_factory=list)
    # Pairs that span all minima at the smallest distances, ascending, and how many of them are joined.
    _nearest: list[Pair] | None = None
    _n_passed: int = 0
    # What was found across a merge, by the sums of the marks of its two sides.
    _across: dict[Pair, Pair | None] = field(default_factory=dict)
    _marks: list[int] = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.energies)
        self.tried, self._parts = [set() for _ in range(n)], DisjointSet(range(n))
        self._marks = np.random.default_rng(0).integers(2**62, size=n).tolist()

    def add(self, a: int, b: int, height: float) -> None:
        """Take note of a search between `a` and `b`, and of the path's height; NaN: there is none."""
        self.tried[a].add(b)
        self.tried[b].add(a)
        if np.isfinite(height):
            floor = max(self.energies[a], self.energies[b])
            self._edges.append((a, b, max(float(height), float(floor))))
            self._parts.merge(a, b)
        elif not self.joined(a, b):
            self._nearest = None  # the way round it is not among the pairs

    def joined(self, a: int, b: int) -> bool:
        """Return whether a route joins two minima."""
        return bool(self._parts.connected(a, b))

    @property
    def n_tried(self) -> int:
        """Number of pairs that were tried."""
        return sum(map(len, self.tried)) // 2

    def nearest(self) -> list[Pair]:
        """Return untried pairs that span the minima at the smallest distances, the nearest first (Prim)."""
        if self._nearest is not None:
            return self._nearest
        n = len(self.energies)
        apart, reached_from, left = np.full(n, np.inf), np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
        node = 0
        found: list[tuple[float, int, int]] = []
        for _ in range(n - 1):
            left[node] = False
            from_node = cdist(self.points[node : node + 1], self.points)[0]
            from_node[list(self.tried[node])] = np.inf
            closer = left & (from_node < apart)
            apart[closer], reached_from[closer] = from_node[closer], node
            node = int(np.argmin(np.where(left, apart, np.inf))) if left.any() else node
            if not left[node]:  # no untried pair leads on: begin anew elsewhere
                node = int(np.argmax(left))
            elif np.isfinite(apart[node]):
                a, b = sorted((int(reached_from[node]), node))
                found.append((float(apart[node]), a, b))
        self._nearest, self._n_passed = [(a, b) for _, a, b in sorted(found)], 0
        return self._nearest


def nearest_unjoined_pair(known: Connections) -> Pair | None:
    """Return the nearest untried pair of minima that no route joins; None when there is none.

    Of all pairs between two components the nearest is in every spanning tree of smallest distances, which is made
    once, and anew only when a search has failed to join.
    """
    pairs = known.nearest()
    while known._n_passed < len(pairs):
        a, b = pairs[known._n_passed]
        if not known.joined(a, b):
            return a, b
        known._n_passed += 1
    return None


def lowering_pair(known: Connections, *, tolerance: float = 1e-6) -> Pair | None:
    """Return the untried pair whose minimax barrier stands highest above its higher end; of equals the nearest.

    None when no path could lower a minimax barrier any more, by more than `tolerance` times the range of barriers.
    """
    n, energies = len(known.energies), known.energies.tolist()
    if not known._edges:
        return None
    sources, targets, heights = (np.array(column) for column in zip(*known._edges, strict=True))
    joins = kruskal(n, sources, targets, heights)
    known._edges = [known._edges[edge] for edge in joins.edges.tolist()]
    # What each component, by the name that `joins` gives it, consists of: a merge, or a minimum.
    top, low, marks = list(range(n)), list(energies), list(known._marks)
    sides: list[Pair] = []
    merges = []
    for edge, a, b in zip(known._edges, joins.winners.tolist(), joins.losers.tolist(), strict=True):
        height = edge[2]
        merges.append((height - max(low[a], low[b]), len(sides), height, (marks[a], marks[b])))
        sides.append((top[a], top[b]))
        top[a], low[a], marks[a] = n + len(sides) - 1, min(low[a], low[b]), marks[a] ^ marks[b]
    least = tolerance * max(merges[-1][2] - min(energies), np.finfo(float).tiny)
    found: list[tuple[float, Pair]] = []
    highest = least
    for most, merge, height, label in sorted(merges, reverse=True):
        if most <= least or most < highest * (1 - 1e-9):
            break
        pair = known._across.get(label)
        if label not in known._across or (pair is not None and pair[1] in known.tried[pair[0]]):
            left, right = (_minima_under(node, n, sides) for node in sides[merge])
            pair = known._across[label] = _lowest_untried(known, left, right)
        if pair is not None:
            gain = height - max(energies[pair[0]], energies[pair[1]])
            found.append((gain, pair))
            highest = max(highest, gain)
    equals = [pair for gain, pair in found if gain > least and gain >= highest * (1 - 1e-9)]
    return _nearest_of(known, equals)


def _minima_under(node: int, n: int, sides: Sequence[Pair]) -> list[int]:
    """Return the minima that a merge, counted from `n`, has joined, or the minimum itself."""
    minima, waiting = [], [node]
    while waiting:
        node = waiting.pop()
        if node < n:
            minima.append(node)
        else:
            waiting += sides[node - n]
    return minima


def _lowest_untried(known: Connections, left: Sequence[int], right: Sequence[int]) -> Pair | None:
    """Return the untried pair between two sides whose higher end is lowest, of equals the nearest."""
    energies = known.energies.tolist()
    ascending = sorted((energies[i], i, side) for side, part in enumerate((left, right)) for i in part)
    below: tuple[list[int], list[int]] = ([], [])
    begin = 0
    for k, (energy, node, side) in enumerate(ascending, start=1):
        below[side].append(node)
        if k < len(ascending) and ascending[k][0] == energy:
            continue
        pairs = [
            (i, other) for _, i, own in ascending[begin:k] for other in below[1 - own] if other not in known.tried[i]
        ]
        if pairs:
            return _nearest_of(known, pairs)
        begin = k
    return None


def _nearest_of(known: Connections, pairs: Sequence[Pair]) -> Pair | None:
    if not pairs:
        return None
    a, b = np.array(sorted({(min(pair), max(pair)) for pair in pairs})).T
    apart = np.linalg.norm(known.points[a] - known.points[b], axis=1)
    nearest = int(np.argmin(apart))
    return int(a[nearest]), int(b[nearest])


def connect_spanning(
    database: LandscapeDatabase,
    landscape: Landscape,
    finder: PathFinder,
    ids: Sequence[int],
    *,
    surface: str | None = None,
    n_pairs: int | None = None,
    label: str | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> SearchReport:
    """Search paths among the minima `ids`, one after the other, where they can matter.

    `n_pairs` counts all pairs of these minima that were tried on this surface, those before included, so that an
    interrupted call goes on to the same end. None: only until all minima are joined. `options` are those of
    `connect_minima`.

    Examples
    --------
    Three minima are joined by two paths; the third pair is not searched.

    >>> from elsuite.landscapes import MullerBrown
    >>> from elsuite.paths import LinearPathFinder
    >>> surface = MullerBrown()
    >>> with LandscapeDatabase.create(None, surface) as database:
    ...     minima = {"coordinates": surface.minima, "energy": surface.minimum_energies[:, None]}
    ...     ids = database.add(minima=minima).minima
    ...     connect_spanning(database, surface, LinearPathFinder(), ids.tolist())
    SearchReport(n_searched=2, n_known=0, n_failed=0)
    """
    check_landscape(database, landscape)
    name = choose_surface(database, surface or landscape.surfaces[0])
    options = {"surface": name, "label": label, **options}
    energies = database.minima["energy"].values[:, database.surfaces.index(name)]
    there = usable_minima(database, name)
    ids = [int(i) for i in dict.fromkeys(ids) if there[i]]
    failed = _failed_before(database, finder, ids, options)
    report = SearchReport(0, 0, len(failed))
    if retry_failed and failed:
        report = connect_minima(database, landscape, finder, failed, retry_failed=True, **options)
    n_searched, n_failed = report.n_searched, report.n_failed
    known = Connections(energies[ids], database.coordinates(ids).astype(np.float64))
    seen = _add_new(known, database, ids, name, 0)
    n_known = known.n_tried
    wanted = len(ids) - 1 if n_pairs is None else n_pairs
    while n_pairs is None or known.n_tried < n_pairs:
        pair = nearest_unjoined_pair(known)
        if pair is None and n_pairs is not None:
            pair = lowering_pair(known)
        if pair is None:
            break
        report = connect_minima(database, landscape, finder, [(ids[pair[0]], ids[pair[1]])], **options)
        seen = _add_new(known, database, ids, name, seen)
        n_searched += report.n_searched
        n_failed += report.n_failed
        if progress is not None:
            progress(f"paths: {label or finder.name}", min(known.n_tried, wanted), wanted)
    return SearchReport(n_searched, min(n_known, wanted), n_failed)


def _add_new(known: Connections, database: LandscapeDatabase, ids: Ids | list[int], surface: str, n: int) -> int:
    """Add what was searched between the minima in the rows from `n` on; return the number of rows now."""
    position = {i: k for k, i in enumerate(ids)}
    table = database.paths
    heights = np.full(database.n_paths, np.nan)
    found = path_heights(database, surface)
    heights[found.paths] = found.heights
    rows = [table[name].values[n:].tolist() for name in ("source", "target", "surface")]
    for source, target, own, height in zip(*rows, heights[n:].tolist(), strict=True):
        if own == surface and source in position and target in position and source != target:
            known.add(position[source], position[target], height)
    return database.n_paths


def _failed_before(
    database: LandscapeDatabase, finder: PathFinder, ids: Sequence[int], options: dict[str, Any]
) -> list[Pair]:
    """Return the pairs of which the last search by this finder, with these settings, failed."""
    table, among = database.paths, set(ids)
    rows = [table[name].values.tolist() for name in ("source", "target", "outcome")]
    pairs = {(a, b) for a, b, outcome in zip(*rows, strict=True) if outcome == Outcome.FAILED and {a, b} <= among}
    settings = {key: options[key] for key in ("surface", "label", "align") if key in options}
    plan = plan_searches(database, finder, sorted(pairs), **settings, retry_failed=True)
    return [(task.source, task.target) for task in plan.tasks if task.attempt]
