"""Which pairs of minima to search between, to join two given ones: Dijkstra's algorithm over what is known.

Known transition states cost nothing, gaps between minima a steep function of their distance, so that the best route
has many short gaps rather than few long ones (`best_gaps`). Carr, Trygubenko and Wales, J. Chem. Phys. 122, 234903
(2005).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from elsuite.core.typing import Floats, Ids, Mask
from elsuite.network.kruskal import kruskal
from elsuite.symmetry.base import Symmetry

Pair = tuple[int, int]
"""Positions of two minima, the lower one first."""

STEEPNESS = 4
"""A gap costs its distance to this power."""

PENALTY = 2.0
"""Each search between two minima makes them so many times farther apart."""

MOST_TRIES = 3
"""So many searches are made between two minima."""

N_DIRECTIONS = 64
"""Of the space in which distances of minima are estimated."""

LOOKS = 3
"""A route whose gaps are not all measured after so many looks is taken as it is."""

A_ROUND = 4
"""So many pairs make a round at least, for workers to share: those of the cheapest route, then of the next."""

ROWS_AT_ONCE = 2**22
"""Numbers in a block of estimated distances."""


@final
@dataclass(frozen=True, eq=False)
class Known:
    """What a route can be made of: minima, and the transition states between them.

    Attributes
    ----------
    points : ndarray (n, P)
    energies : ndarray (n,)
    sources, targets : ndarray of int (n_states,)
        Positions of the minima that each transition state joins.
    heights : ndarray (n_states,)
    tried : mapping of pairs to int
        Searches that were made between two minima.
    """

    points: Floats
    energies: Floats
    sources: Ids
    targets: Ids
    heights: Floats
    tried: Mapping[Pair, int] = field(default_factory=dict)

    def below(self, ceiling: float) -> tuple[Mask, Ids]:
        """Return which minima lie under an energy, and which parts the transition states under it make of all minima.

        Examples
        --------
        >>> known = Known(np.zeros((3, 1)), np.array([0.0, 1.0, 3.0]), np.array([0]), np.array([1]), np.array([2.0]))
        >>> under, parts = known.below(2.5)
        >>> under.tolist(), parts.tolist()
        ([True, True, False], [0, 0, 1])
        """
        n, low = len(self.energies), self.heights < ceiling
        ends = (self.sources[low], self.targets[low])
        _, parts = connected_components(coo_array((np.ones(int(low.sum())), ends), shape=(n, n)), directed=False)
        return self.energies < ceiling, parts.astype(np.int64)


@dataclass(frozen=True)
class Route:
    """The best known route between two minima.

    Attributes
    ----------
    minima : tuple of int
        Positions, both ends included.
    states : tuple of int
        The transition state of each step.
    barrier : float
        The highest energy.
    """

    minima: tuple[int, ...]
    states: tuple[int, ...]
    barrier: float


def best_route(known: Known, a: int, b: int) -> Route | None:
    """Return the route whose highest transition state is as low as can be, None where nothing joins the two.

    Examples
    --------
    >>> ends, others = np.array([0, 1, 0]), np.array([1, 2, 2])
    >>> known = Known(np.zeros((3, 1)), np.zeros(3), ends, others, np.array([1.0, 2.0, 3.0]))
    >>> best_route(known, 0, 2)
    Route(minima=(0, 1, 2), states=(0, 1), barrier=2.0)
    """
    if a == b:
        return Route((a,), (), float(known.energies[a]))
    forest = kruskal(len(known.energies), known.sources, known.targets, known.heights).edges.tolist()
    steps: dict[int, list[tuple[int, int]]] = {}
    for state in forest:
        one, other = int(known.sources[state]), int(known.targets[state])
        steps.setdefault(one, []).append((other, state))
        steps.setdefault(other, []).append((one, state))
    before: dict[int, tuple[int, int]] = {a: (a, -1)}
    waiting = [a]
    while waiting and b not in before:
        here = waiting.pop()
        for there, state in steps.get(here, ()):
            if there not in before:
                before[there] = (here, state)
                waiting.append(there)
    if b not in before:
        return None
    minima, states = [b], []
    while minima[-1] != a:
        here, state = before[minima[-1]]
        minima.append(here)
        states.append(state)
    return Route(tuple(minima[::-1]), tuple(states[::-1]), float(known.heights[states].max()))


@final
class Distances:
    """Distances between minima, aligned by the symmetry: estimated for all, measured where asked for.

    Estimates are differences of what is equal for all copies of a point, in units that make that of the two given ends
    right.
    """

    def __init__(self, symmetry: Symmetry) -> None:
        self.symmetry = symmetry
        self.measured: dict[Pair, float] = {}
        self.marks = np.empty((0, 0))
        self.unit = 1.0
        self._images: dict[Pair, Floats] = {}
        self._directions = np.empty((0, 0))

    def take(self, points: Floats, ends: Pair) -> None:
        """Take in the points of new minima, those behind the ones known, and the unit from two ends."""
        new = points[len(self.marks) :]
        if len(new):
            prints = self.symmetry.fingerprint(new)
            if not len(self.marks):
                width = prints.shape[1]
                gaussian = np.random.default_rng(0).standard_normal((width, N_DIRECTIONS)) / N_DIRECTIONS**0.5
                self._directions = gaussian if width > N_DIRECTIONS else np.eye(width)
                self._center = prints.mean(axis=0)
            marks = (prints - self._center) @ self._directions
            self.marks = np.concatenate([self.marks.reshape(len(self.marks), marks.shape[1]), marks])
        apart = float(np.linalg.norm(self.marks[ends[0]] - self.marks[ends[1]]))
        whole = self.measure(points, ends)
        self.unit = whole / apart if apart > 0 and whole > 0 else 1.0

    def measure(self, points: Floats, pair: Pair) -> float:
        """Return the distance of two minima after alignment."""
        if pair not in self.measured:
            nearest = self.symmetry.nearest(points[pair[0]], points[pair[1]])
            self.measured[pair], self._images[pair] = nearest.distance, nearest.coordinates
        return self.measured[pair]

    def image(self, points: Floats, pair: Pair) -> Floats:
        """Return the copy of the second minimum that is nearest to the first; it is asked for once."""
        self.measure(points, pair)
        image = self._images.pop(pair, None)
        return self.symmetry.nearest(points[pair[0]], points[pair[1]]).coordinates if image is None else image

    def estimates(self, rows: Ids) -> Floats:
        """Return estimated distances of some minima to all, shape (len(rows), n)."""
        marks = self.marks
        squares = (marks**2).sum(axis=1)
        apart = squares[rows][:, None] + squares[None] - 2 * marks[rows] @ marks.T
        return np.asarray(self.unit * np.sqrt(np.maximum(apart, 0.0)))

    def between(self, rows: Ids, others: Ids) -> Floats:
        """Return estimated distances of minima to as many others, shape (n,); measured ones are exact."""
        apart = self.unit * np.linalg.norm(self.marks[rows] - self.marks[others], axis=1)
        for k, pair in enumerate(zip(rows.tolist(), others.tolist(), strict=True)):
            apart[k] = self.measured.get(pair, apart[k])
        return np.asarray(apart)


def best_gaps(known: Known, distances: Distances, a: int, b: int, *, ceiling: float = np.inf) -> list[Pair] | None:
    """Return the pairs between which searches are to be made, so that a route under a `ceiling` joins two minima.

    They are the gaps of the cheapest route, from `a` to `b`; none where the two are joined under the ceiling, None
    where no pair is left that was not searched `MOST_TRIES` times. Distances are estimated until they are those of a
    gap on the cheapest route, then measured, until all of its gaps are.
    """
    under, parts = known.below(ceiling)
    if not (under[a] and under[b]):
        return None
    distances.take(known.points, (min(a, b), max(a, b)))
    overrides: dict[int, dict[int, float]] = {}

    def override(pairs: Sequence[Pair]) -> None:
        ends = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        for pair, apart in zip(pairs, distances.between(*ends).tolist(), strict=True):
            tries = known.tried.get(pair, 0)
            cost = np.inf if tries >= MOST_TRIES else (apart * PENALTY**tries) ** STEEPNESS
            for one, other in (pair, pair[::-1]):
                overrides.setdefault(one, {})[other] = cost

    override(list({*known.tried, *distances.measured}))
    gaps: list[Pair] | None = None
    for _ in range(LOOKS):
        gaps = _cheapest(parts, under, distances, overrides, a, b)
        unmeasured = [pair for pair in gaps or () if pair not in distances.measured]
        if not unmeasured:
            break
        for pair in unmeasured:
            distances.measure(known.points, pair)
        override(unmeasured)
    return gaps


def gaps_of_round(known: Known, distances: Distances, a: int, b: int, *, ceiling: float = np.inf) -> list[Pair] | None:
    """Return the gaps of the cheapest route, as `best_gaps` does, and of the next ones if these are few.

    Examples
    --------
    With a third minimum beside the way, that is searched over too, once the direct way counts as searched.

    >>> from elsuite.symmetry import NoSymmetry
    >>> none = np.empty(0, dtype=np.int64)
    >>> known = Known(np.array([[0.0, 0], [2.0, 0], [1.0, 2.0]]), np.zeros(3), none, none, np.empty(0))
    >>> gaps_of_round(known, Distances(NoSymmetry(2)), 0, 1)
    [(0, 1), (0, 2), (1, 2)]
    """
    gaps = best_gaps(known, distances, a, b, ceiling=ceiling)
    if not gaps:
        return gaps
    while len(gaps) < A_ROUND:
        more = best_gaps(with_searches(known, gaps), distances, a, b, ceiling=ceiling)
        new = [pair for pair in more or () if pair not in gaps]
        if not new:
            break
        gaps += new
    return gaps


def _cheapest(
    parts: Ids, under: Mask, distances: Distances, overrides: Mapping[int, Mapping[int, float]], a: int, b: int
) -> list[Pair] | None:
    """Return the gaps of the cheapest route, in its order: Dijkstra's algorithm, part after part."""
    n = len(parts)
    members = [np.flatnonzero(parts == part) for part in range(int(parts.max()) + 1)] if n < 64 else _members(parts)
    costs, origin = np.full(n, np.inf), np.full(n, -1, dtype=np.int64)
    open_ = under.copy()
    entered: dict[int, int] = {}
    here, entry, cost = int(parts[a]), a, 0.0
    while True:
        entered[here] = entry
        inside = members[here]
        open_[inside] = False
        if here == parts[b]:
            break
        for rows, apart in _rows(inside[under[inside]], distances, overrides):
            reached = cost + apart
            best = reached.argmin(axis=0)
            lowest = reached[best, np.arange(n)]
            better = open_ & (lowest < costs)
            costs[better], origin[better] = lowest[better], rows[best[better]]
        entry = int(np.where(open_, costs, np.inf).argmin())
        cost = float(costs[entry])
        if not (open_[entry] and cost < np.inf):
            return None
        here = int(parts[entry])
    gaps: list[Pair] = []
    while here != parts[a]:
        entry = entered[here]
        start = int(origin[entry])
        gaps.append((min(start, entry), max(start, entry)))
        here = int(parts[start])
    return gaps[::-1]


def _members(parts: Ids) -> list[Ids]:
    order = np.argsort(parts, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(parts[order])) + 1)


def _rows(
    inside: Ids, distances: Distances, overrides: Mapping[int, Mapping[int, float]]
) -> Iterator[tuple[Ids, Floats]]:
    """Yield some minima with what the gaps from them to all cost, block by block."""
    step = max(1, ROWS_AT_ONCE // max(1, len(distances.marks)))
    for begin in range(0, len(inside), step):
        rows = inside[begin : begin + step]
        apart = distances.estimates(rows) ** STEEPNESS
        for k, row in enumerate(rows.tolist()):
            for other, cost in overrides.get(row, {}).items():
                apart[k, other] = cost
        yield rows, apart


def with_searches(known: Known, pairs: list[Pair]) -> Known:
    """Return what is known once pairs have been searched one more time.

    Examples
    --------
    >>> none = np.empty(0, dtype=np.int64)
    >>> known = Known(np.zeros((2, 1)), np.zeros(2), none, none, np.empty(0))
    >>> with_searches(known, [(0, 1), (0, 1)]).tried
    {(0, 1): 2}
    """
    tried = dict(known.tried)
    for pair in pairs:
        tried[pair] = tried.get(pair, 0) + 1
    return replace(known, tried=tried)
