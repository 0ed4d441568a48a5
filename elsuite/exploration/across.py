"""Which pairs to search next so that a tree becomes true: those across its merges that could join them lower.

Arrays in, pairs out: minima go by their positions, from 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from elsuite.analysis.merge_tree import MergeTree
from elsuite.analysis.tree_evidence import joins_between
from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids, Mask

N_NEIGHBORS = 48
"""So many minima near each one, none of which is higher, are looked at first; more, as long as all are not too many."""

MOST_NEARBY = 2**18

N_BUCKETS = 512
"""Of points of more than eight times so many parameters, so many numbers are compared: good to a few percent."""

MOST_WAYS = 64
"""Vectors of more numbers are not compared: of so many parameters hardly any two are ever the same."""
SAME_WAY = 0.05
"""Vectors lead the same way whose numbers agree in units of this share of their lengths, which agree as well."""

EQUALLY_NEAR = 1e-9
"""Relative difference of distances that is rounding."""

MOST_CELLS = 2**20
"""Of pairs between two parts, at most so many are looked at, those of the lowest minima."""

N_ALIGNED = 4
"""So many pairs that seem nearest are aligned, to find the one that is."""

Distance = Callable[[int, int], float]
"""Of two minima, by their positions, after alignment."""


@dataclass(frozen=True, eq=False)
class Nearby:
    """Pairs of minima that lie near each other, and what all distances are taken of.

    Attributes
    ----------
    places : ndarray (n, n_numbers)
        The points, a few numbers in place of many, or what is equal for all copies of a point.
    sources, targets : ndarray of int (n_pairs,)
    distances : ndarray (n_pairs,)
    ways : ndarray of int (n_pairs,)
        Pairs of one number lead the same way: their ends differ by the same vector, in either direction. -1: no other
        pair does, or points are of too many numbers.
    aligned : callable, optional
        Distances after alignment, where points have copies.
    """

    places: Floats
    sources: Ids
    targets: Ids
    distances: Floats
    ways: Ids
    aligned: Distance | None = None

    __repr__ = short_repr


def folded(points: Floats, n_buckets: int = N_BUCKETS) -> Floats:
    """Return points (n, P) as sums of their coordinates with random signs, (n, n_buckets): distances last on average.

    Points of no more than eight times so many coordinates are returned as they are.
    """
    n, n_parameters = points.shape
    if n_parameters <= 8 * n_buckets:
        return points
    signs = np.random.default_rng(0).integers(0, 2, n_parameters) * 2 - 1
    signed = points * signs
    whole = n_parameters // n_buckets * n_buckets
    sums = signed[:, :whole].reshape(n, -1, n_buckets).sum(axis=1)
    sums[:, : n_parameters - whole] += signed[:, whole:]
    return np.asarray(sums)


def nearby_pairs(
    places: Floats, energies: Floats, *, n_neighbors: int = N_NEIGHBORS, aligned: Distance | None = None
) -> Nearby:
    """Return each minimum with its nearest others among those that are not higher."""
    n = len(places)
    n_neighbors = max(n_neighbors, MOST_NEARBY // max(n, 1))
    centered = places - places.mean(axis=0) if n else places
    squares = (centered**2).sum(axis=1)
    sources, targets = [], []
    for begin in range(0, n, 512):
        rows = np.arange(begin, min(begin + 512, n))
        apart = squares[rows, None] + squares - 2 * centered[rows] @ centered.T
        apart[energies > energies[rows, None]] = np.inf
        apart[rows - begin, rows] = np.inf
        k = min(n_neighbors, n - 1)
        nearest = np.argpartition(apart, k - 1, axis=1)[:, :k] if k > 0 else np.empty((len(rows), 0), dtype=np.int64)
        own, place = np.nonzero(np.isfinite(np.take_along_axis(apart, nearest, axis=1)))
        sources.append(rows[own])
        targets.append(nearest[own, place])
    a, b = (np.concatenate(part) if part else np.empty(0, dtype=np.int64) for part in (sources, targets))
    apart = _distances(places, a, b)
    ways = np.full(len(apart), -1) if aligned is not None else _ways(places, a, b, apart)
    return Nearby(places, a, b, apart, ways, aligned)


def _ways(places: Floats, sources: Ids, targets: Ids, distances: Floats) -> Ids:
    if not len(sources) or places.shape[1] > MOST_WAYS:
        return np.full(len(sources), -1)
    lengths = np.where(distances > 0, distances, 1.0)[:, None]
    steps = np.round((places[targets] - places[sources]) / (SAME_WAY * lengths)).astype(np.int64)
    first = np.argmax(steps != 0, axis=1)
    steps *= np.where(steps[np.arange(len(steps)), first] < 0, -1, 1)[:, None]
    steps = np.column_stack([steps, np.round(np.log(lengths[:, 0]) / (2 * SAME_WAY)).astype(np.int64)])
    _, ways, counts = np.unique(steps, axis=0, return_inverse=True, return_counts=True)
    return np.where(counts[ways.reshape(-1)] > 1, ways.reshape(-1), -1)


def _distances(places: Floats, sources: Ids, targets: Ids) -> Floats:
    found = np.empty(len(sources))
    step = max(1, 2**22 // max(places.shape[1], 1))
    for begin in range(0, len(sources), step):
        part = slice(begin, begin + step)
        found[part] = np.linalg.norm(places[sources[part]] - places[targets[part]], axis=1)
    return found


@dataclass(frozen=True, eq=False)
class Tried:
    """Pairs that need no other search, whatever came of it."""

    n: int
    codes: Ids
    """Of both ends as one number, ascending."""
    excess: Floats
    """How far the lowest height found lies above the higher end; NaN where there is none."""

    __repr__ = short_repr

    @classmethod
    def of(cls, sources: Ids, targets: Ids, heights: Floats, energies: Floats) -> "Tried":
        """Return those with these ends, in either direction."""
        codes = _codes(len(energies), sources, targets)
        excess = heights - np.maximum(energies[sources], energies[targets])
        order = np.lexsort((excess, codes))  # NaN comes last
        first = order[np.flatnonzero(np.diff(codes[order], prepend=-1))]
        return cls(len(energies), codes[first], excess[first])

    def among(self, sources: Ids, targets: Ids) -> Mask:
        """Return which of some pairs are among them."""
        return self._places(_codes(self.n, sources, targets)) >= 0

    def _places(self, codes: Ids) -> Ids:
        """Return where some codes are among those of the pairs; -1 where they are not."""
        if not len(self.codes):
            return np.full(len(codes), -1)
        place = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        return np.where(self.codes[place] == codes, place, -1)

    def expected(self, nearby: Nearby) -> Floats:
        """Return for each nearby pair the mean excess of those that lead the same way; NaN where none was found."""
        if not (nearby.ways >= 0).any() or not len(self.codes):
            return np.full(len(nearby.ways), np.nan)
        place = self._places(_codes(self.n, nearby.sources, nearby.targets))
        excess = np.where(place >= 0, self.excess[place], np.nan)
        known = np.isfinite(excess) & (nearby.ways >= 0)
        n_ways = int(nearby.ways.max(initial=-1)) + 1
        sums, counts = (np.bincount(nearby.ways[known], weights, n_ways) for weights in (excess[known], None))
        means = np.append(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), np.nan)
        return np.asarray(means[nearby.ways])


def _codes(n: int, sources: Ids, targets: Ids) -> Ids:
    return np.asarray(np.minimum(sources, targets).astype(np.int64) * n + np.maximum(sources, targets))


def joining_pairs(tree: MergeTree, nearby: Nearby, tried: Tried, wanted: Mask) -> Ids:
    """Return for each component of a tree the nearest untried pair that leads out of it, (n_pairs, 2).

    Parameters
    ----------
    wanted : ndarray of bool (n_leaves,)
        The minima of components that may be led out of.
    """
    roots = tree.roots
    if len(roots) < 2:
        return np.empty((0, 2), dtype=np.int64)
    firsts = np.sort(tree.starts[roots])
    component = np.searchsorted(firsts, tree.starts[: tree.n_leaves], side="right") - 1
    apart = component[nearby.sources] != component[nearby.targets]
    apart &= ~tried.among(nearby.sources, nearby.targets)
    rows = np.flatnonzero(apart)
    sides = np.concatenate([component[nearby.sources[rows]], component[nearby.targets[rows]]])
    chosen = _first_by(sides, np.tile(rows, 2), nearby, tried)
    pairs = {int(side): (int(nearby.sources[row]), int(nearby.targets[row])) for side, row in chosen.items()}
    for side in set(np.unique(component[wanted]).tolist()) - pairs.keys():
        inside, outside = np.flatnonzero(component == side), np.flatnonzero(component != side)
        if len(inside) <= len(outside):
            pair = _nearest_untried(nearby, tried, inside, outside)
            if pair is not None:
                pairs[side] = pair
    allowed = set(np.unique(component[wanted]).tolist())
    return _unique([pair for side, pair in pairs.items() if side in allowed])


def crossing_pairs(tree: MergeTree, limits: Floats, nearby: Nearby, tried: Tried, wanted: Mask) -> Ids:
    """Return for each wanted minimum the pair across the join at which it dies that could lower it most, (n_pairs, 2).

    That is the untried one with the lowest floor, the energy of the higher end; of equally low ones one that leads a
    way which was lower elsewhere, else the nearest.

    Parameters
    ----------
    limits : ndarray (n_leaves,)
        The highest energy that cannot be told from that of each minimum.
    wanted : ndarray of bool (n_leaves,)
    """
    rows, joins = _lowest_crossing(tree, limits, nearby)
    left = wanted[joins] & ~tried.among(nearby.sources[rows], nearby.targets[rows])
    chosen = _first_by(joins[left], rows[left], nearby, tried, _excess(tree))
    pairs = [(int(nearby.sources[row]), int(nearby.targets[row])) for row in chosen.values()]
    tops = {int(tree.lowest[node]): int(node) for node in tree.ended.tolist()}
    for leaf in np.flatnonzero(wanted).tolist():
        if leaf in tops and leaf not in chosen:
            pair = _lowest_untried(tree, tops[leaf], limits, nearby, tried)
            if pair is not None:
                pairs.append(pair)
    return _unique(pairs)


def promising(tree: MergeTree, limits: Floats, nearby: Nearby, tried: Tried) -> Mask:
    """Return at which joins a pair is left that may well be lower, whatever was tried across, (n_leaves,).

    Such a pair is one of the lowest floor whose way was lower elsewhere; or as near as the nearest of these, by a way
    that was not tried across this join: in symmetric landscapes many are, and any of them may be the lowest.
    """
    rows, joins = _lowest_crossing(tree, limits, nearby)
    nearest = np.full(tree.n_leaves, np.inf)
    np.minimum.at(nearest, joins, nearby.distances[rows])
    equal = (nearby.distances[rows] <= nearest[joins] * (1 + EQUALLY_NEAR)) & (nearby.ways[rows] >= 0)
    untried = ~tried.among(nearby.sources[rows], nearby.targets[rows])
    ways = joins * (int(nearby.ways.max(initial=0)) + 2) + nearby.ways[rows] + 1
    lower = tried.expected(nearby)[rows] < _excess(tree)[joins] * (1 - EQUALLY_NEAR)
    left = untried & (lower | (equal & ~np.isin(ways, ways[~untried])))
    found = np.zeros(tree.n_leaves, dtype=bool)
    found[joins[left]] = True
    return found


def _excess(tree: MergeTree) -> Floats:
    """Return how far above each minimum the join lies at which it dies, (n_leaves,); inf where it never does."""
    excess = np.full(tree.n_leaves, np.inf)
    leaves = tree.lowest[tree.ended]
    excess[leaves] = tree.heights[tree.parents[tree.ended]] - tree.heights[leaves]
    return excess


def _lowest_crossing(tree: MergeTree, limits: Floats, nearby: Nearby) -> tuple[Ids, Ids]:
    """Return the pairs whose floor is as low as any across the join that they cross, and the minima that die there."""
    joins = joins_between(tree, nearby.sources, nearby.targets)
    energies = tree.heights[: tree.n_leaves]
    floors = np.maximum(energies[nearby.sources], energies[nearby.targets])
    rows = np.flatnonzero((joins >= 0) & (floors <= limits[joins]))
    return rows, joins[rows]


def _first_by(groups: Ids, rows: Ids, nearby: Nearby, tried: Tried, excess: Floats | None = None) -> dict[int, int]:
    """Return for each group the row of the pair to be tried first.

    That is one whose way was lower elsewhere than the `excess` of the group, else the nearest; of equally near ones one
    whose way was not tried, or was low; of these, any, in an order without a pattern.
    """
    codes = _codes(tried.n, nearby.sources[rows], nearby.targets[rows]).astype(np.uint64)
    mixed = (codes * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)
    rounded = np.round(nearby.distances[rows] / max(nearby.distances[rows].max(initial=0.0), 1e-300) / EQUALLY_NEAR)
    expected = tried.expected(nearby)[rows]
    lower = np.zeros(len(rows), dtype=bool) if excess is None else expected < excess[groups] * (1 - EQUALLY_NEAR)
    order = np.lexsort((mixed, np.nan_to_num(expected), rounded, np.where(lower, expected, np.inf), groups))
    groups, rows = groups[order], rows[order]
    first = np.flatnonzero(np.diff(groups, prepend=-1))
    if nearby.aligned is None or not first.size:
        return dict(zip(groups[first].tolist(), rows[first].tolist(), strict=True))
    found = {}
    for begin, end in zip(first.tolist(), [*first[1:].tolist(), len(groups)], strict=True):
        some = rows[begin : min(begin + N_ALIGNED, end)].tolist()
        apart = [nearby.aligned(int(nearby.sources[row]), int(nearby.targets[row])) for row in some]
        found[int(groups[begin])] = some[int(np.argmin(apart))]
    return found


def _nearest_untried(nearby: Nearby, tried: Tried, left: Ids, right: Ids) -> tuple[int, int] | None:
    """Return the nearest untried pair between two parts."""
    best: tuple[float, int, int] | None = None
    step = max(1, MOST_CELLS // max(len(right), 1))
    for begin in range(0, len(left), step):
        grid = np.array(np.meshgrid(left[begin : begin + step], right, indexing="ij")).reshape(2, -1)
        sources, targets = grid[:, ~tried.among(*grid)]
        if len(sources):
            apart = _distances(nearby.places, sources, targets)
            k = int(np.argmin(apart))
            if best is None or apart[k] < best[0]:
                best = float(apart[k]), int(sources[k]), int(targets[k])
    return None if best is None else best[1:]


def _lowest_untried(tree: MergeTree, node: int, limits: Floats, nearby: Nearby, tried: Tried) -> tuple[int, int] | None:
    """Return the untried pair with the lowest floor across a node's join to what is lower, of equals the nearest."""
    above, energies = int(tree.parents[node]), tree.heights[: tree.n_leaves]
    left, right = tree.leaves_under(node), tree.leaf_order[tree.starts[above] : tree.starts[node]]
    lowest = limits[tree.lowest[node]]
    low = left[energies[left] <= lowest], right[energies[right] <= lowest]
    grids = [(part[: max(1, MOST_CELLS // len(other))], other) for part, other in (low, (left, right))]
    for some, others in grids:
        most = max(1, MOST_CELLS // len(some))
        others = others if len(others) <= most else others[np.argsort(energies[others], kind="stable")[:most]]
        sources, targets = np.array(np.meshgrid(some, others, indexing="ij")).reshape(2, -1)
        higher = np.where(energies[sources] >= energies[targets], sources, targets)
        could = (limits[higher] < tree.heights[above]) & ~tried.among(sources, targets)
        if could.any():
            return _nearest_lowest(energies, limits, nearby, sources[could], targets[could], higher[could])
    return None


def _nearest_lowest(
    energies: Floats, limits: Floats, nearby: Nearby, sources: Ids, targets: Ids, higher: Ids
) -> tuple[int, int]:
    """Return of some pairs, with their higher ends, the nearest of those with the lowest floor."""
    equal = np.flatnonzero(energies[higher] <= limits[higher[np.argmin(energies[higher])]])
    sources, targets = sources[equal], targets[equal]
    apart = _distances(nearby.places, sources, targets)
    order = np.argsort(apart, kind="stable")[: N_ALIGNED if nearby.aligned is not None else 1]
    if nearby.aligned is not None:
        exact = [nearby.aligned(int(sources[k]), int(targets[k])) for k in order]
        order = order[[int(np.argmin(exact))]]
    return int(sources[order[0]]), int(targets[order[0]])


def _unique(pairs: list[tuple[int, int]]) -> Ids:
    both = np.array(sorted({(min(pair), max(pair)) for pair in pairs}), dtype=np.int64)
    return both.reshape(-1, 2)
