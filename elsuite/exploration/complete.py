"""Trees made true: searches where nothing was tried, until every merge has its evidence (`complete_tree`).

A tree from few paths draws what was not searched as a high barrier. So, in rounds, one search for each merge that is
neither closed nor tested: between the pair across it that could join the two parts lowest. No path is lower than its
higher end, hence a merge at its floor needs none (the cycle property of minimum spanning trees). All searches of a
round are known before the first, so that many workers can share them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elsuite.analysis.merge_tree import MergeTree
from elsuite.analysis.stored_tree import stored_tree
from elsuite.analysis.tree_evidence import TreeEvidence
from elsuite.core.outcomes import Outcome
from elsuite.core.representing import short_repr
from elsuite.core.settings import check_instance
from elsuite.core.typing import Floats, Ids, Mask, Progress
from elsuite.database import LandscapeDatabase
from elsuite.database.declared import declared_symmetry, energy_floor
from elsuite.database.query import choose_surface, usable_minima
from elsuite.exploration.across import Nearby, Tried, crossing_pairs, folded, joining_pairs, nearby_pairs, promising
from elsuite.exploration.checking import check_landscape, checked_count
from elsuite.exploration.connect import Align, SearchReport, connect_minima, plan_searches
from elsuite.landscapes.base import Landscape
from elsuite.network.evidence import STATES, TRIES, in_words, negligibly_above, search_rows
from elsuite.network.transition import Joins, best_heights, chosen_joins, joining_rows
from elsuite.paths import PathFinder
from elsuite.paths.record import WITHIN
from elsuite.schema import KINDS, NotFoundError

ROUND = "round"
"""The root attribute that holds the pairs of a round until all of them are searched."""

HOPEFUL = 8
"""Where pairs are left that may well be lower, so many times more searches are made across a merge."""

MOST_NUMBERS = 2**27
"""In the fingerprints of all minima; of larger ones sums are kept."""

NO_END = 2**31
"""Searches without end."""


@dataclass(frozen=True)
class CompletionReport:
    """What came of the completion of a tree."""

    n_searched: int
    """Searches done now."""
    n_known: int
    """Pairs that were tried before."""
    n_failed: int
    """Searches that failed, now or before, and were not tried again with success."""
    n_rounds: int
    merges: Mapping[str, int]
    """Number of merges of the tree by the state of their evidence."""
    n_parts: int
    """Parts that no path joins."""

    @property
    def n_left(self) -> int:
        """Merges that are neither closed nor tested, and joins of parts that none was found for."""
        untested = sum(n for state, n in self.merges.items() if state not in ("closed", "tested"))
        return untested + max(self.n_parts - 1, 0)

    def __str__(self) -> str:
        states = [state for state, n in self.merges.items() for _ in range(n)]
        parts = f"; {self.n_parts} parts are not joined" if self.n_parts > 1 else ""
        return f"{in_words(states)}{parts}"


@dataclass(frozen=True, eq=False)
class Minima:
    """The minima of a tree that is completed, and how what joins them counts."""

    ids: Ids
    energies: Floats
    surface: str
    joins: Joins
    label: str
    """Of the finder: what it has searched it does not search again."""
    nearby: Nearby

    __repr__ = short_repr


@dataclass(frozen=True, eq=False)
class Progressing:
    """Where a completion stands."""

    tree: MergeTree
    evidence: TreeEvidence
    tried: Tried
    limits: Floats
    """The highest energy that cannot be told from that of each minimum."""

    __repr__ = short_repr


@dataclass(frozen=True)
class Effort:
    """How much is searched."""

    tries: int
    """Converged searches that make a merge tested."""
    most_tries: int
    """A merge across which so many searches have not made it tested is left as it is."""
    n_pairs: int
    """Pairs tried in all."""


def tree_effort(tries: int = TRIES, most_tries: int | None = None, n_pairs: int | None = None) -> Effort:
    """Return how much `complete_tree` searches; raises ValueError for less than one try or pair."""
    tries = checked_count("tries", tries)
    most = 4 * tries if most_tries is None else checked_count("most_tries", most_tries)
    return Effort(tries, most, NO_END if n_pairs is None else checked_count("n_pairs", n_pairs, 0))


def spanning_effort(n_pairs: int | None = None) -> Effort:
    """Return how much `connect_spanning` searches: until all is joined, or so many pairs."""
    return (
        Effort(0, NO_END, NO_END) if n_pairs is None else Effort(NO_END, NO_END, checked_count("n_pairs", n_pairs, 0))
    )


def complete_tree(
    database: LandscapeDatabase,
    landscape: Landscape,
    finder: PathFinder,
    ids: Sequence[int] | None = None,
    *,
    surface: str | None = None,
    tries: int = TRIES,
    most_tries: int | None = None,
    n_pairs: int | None = None,
    label: str | None = None,
    align: Align | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> CompletionReport:
    """Search paths until every merge of the disconnectivity tree is closed or tested, or the effort is spent.

    First all minima are joined, each part to what is nearest; then, in rounds, each merge that is neither closed nor
    tested (`elsuite.network.evidence.Evidence`) gets one search, between the untried pair across it with the lowest
    floor, of equals the nearest, after alignment where the paths join isomers. The same database gives the same
    searches, whatever the number of workers; an interrupted call, made again, goes on to the same end.

    Closed is certain as far as a search is; tested is not: a lower path may lie between another pair of the two parts,
    all the more likely the larger both are, and more `tries` make that less so.

    Parameters
    ----------
    ids : sequence of int, optional
        The minima of the tree; by default all that are solutions and have an energy on the surface.
    tries : int
        So many converged searches that found nothing lower make a merge tested.
    most_tries : int, optional
        Searches across a merge, of any outcome, after which it is left as it is; by default four times `tries`.
    n_pairs : int, optional
        Pairs tried in all, those before included.
    align : {"weights", "activations", "stored"}, optional
        As in `connect_minima`; the tree is then that of isomers, with "stored" that of points.
    options
        Others of `connect_minima`, such as `workers`.

    Raises
    ------
    ValueError
        If `tries` is less than 1, or a number is not whole.
    NotFoundError
        For an id that is not there.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> from elsuite.paths import FourierPathFinder
    >>> camel = SixHumpCamel()
    >>> with LandscapeDatabase.create(None, camel) as database:
    ...     minima = {"coordinates": camel.minima[:4], "energy": camel.minimum_energies[:4, None]}
    ...     _ = database.add(minima=minima)
    ...     report = complete_tree(database, camel, FourierPathFinder(n_steps=50))
    >>> report.n_left, report.n_failed
    (0, 0)
    """
    check_landscape(database, landscape)
    effort = tree_effort(tries, most_tries, n_pairs)
    options |= {"surface": surface or landscape.surfaces[0], "label": label, "align": align}
    return _completed(database, landscape, finder, ids, effort, options, retry_failed=retry_failed, progress=progress)


def connect_spanning(
    database: LandscapeDatabase,
    landscape: Landscape,
    finder: PathFinder,
    ids: Sequence[int],
    *,
    surface: str | None = None,
    n_pairs: int | None = None,
    label: str | None = None,
    align: Align | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> SearchReport:
    """Search paths among the minima `ids` until all are joined or, with `n_pairs`, go on where it can matter.

    It is what `complete_tree` begins with; `n_pairs` counts all pairs of these minima that were tried on this surface,
    those before included. `options` are those of `connect_minima`.

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
    effort = spanning_effort(n_pairs)
    options |= {"surface": surface or landscape.surfaces[0], "label": label, "align": align}
    made = _completed(database, landscape, finder, ids, effort, options, retry_failed=retry_failed, progress=progress)
    wanted = len(set(ids)) - 1 if n_pairs is None else n_pairs
    return SearchReport(made.n_searched, max(0, min(made.n_known, wanted)), made.n_failed)


def _completed(
    database: LandscapeDatabase,
    landscape: Landscape,
    finder: PathFinder,
    ids: Sequence[int] | None,
    effort: Effort,
    options: dict[str, Any],
    *,
    retry_failed: bool,
    progress: Progress | None,
) -> CompletionReport:
    check_instance("finder", finder, PathFinder)
    label = options["label"] or finder.name
    minima = minima_of(database, ids, label=label, surface=options["surface"], align=options["align"])
    failed = _failed_before(database, finder, minima, options)
    n_searched, n_failed, n_rounds = 0, len(failed), 0
    if retry_failed and failed:
        again = connect_minima(database, landscape, finder, failed, retry_failed=True, **options)
        n_searched, n_failed = again.n_searched, again.n_failed
    state = state_of(database, minima, effort)
    n_known = len(state.tried.codes)
    pairs = _unfinished(database, minima)
    while len(pairs := pairs if len(pairs) else next_pairs(state, minima, effort)):
        database.add(attributes={ROUND: _as_attribute(minima, pairs)})
        done = len(state.tried.codes)

        def tell(name: str, n: int, of: int, before: int = done) -> None:
            if progress is not None:
                within = name.startswith(WITHIN)  # one search
                progress(name, n if within else before + n, of if within else before + of)

        made = connect_minima(database, landscape, finder, pairs.tolist(), progress=tell, **options)
        n_searched, n_failed, n_rounds = n_searched + made.n_searched, n_failed + made.n_failed, n_rounds + 1
        state, pairs = state_of(database, minima, effort), np.empty((0, 2), dtype=np.int64)
    if database.attributes.get(ROUND) is not None:
        database.add(attributes={ROUND: None})
    merges: Mapping[str, int] = Counter(map(str, state.evidence.states(state.tree)))
    return CompletionReport(n_searched, n_known, n_failed, n_rounds, dict(merges), len(state.tree.roots))


def minima_of(
    database: LandscapeDatabase,
    ids: Sequence[int] | None,
    *,
    label: str,
    surface: str | None = None,
    align: Align | None = None,
) -> Minima:
    """Return the minima of a tree, each once, that are solutions and have an energy, and which lie near each other."""
    name = choose_surface(database, surface)
    there = usable_minima(database, name)
    chosen = (
        np.flatnonzero(there)
        if ids is None
        else np.unique(np.array([_known(database, i) for i in ids], dtype=np.int64))
    )
    chosen = chosen[there[chosen]]
    energies = database.minima["energy"].values[chosen, database.surfaces.index(name)]
    joins: Joins = chosen_joins(database, None) if align is None else "points" if align == "stored" else "isomers"
    symmetry = declared_symmetry(database) if joins == "isomers" else None
    step = max(1, 2**23 // max(database.n_parameters, 1))
    # Some at a time: copies of all minima in float64 may be larger than the memory.
    parts = (database.coordinates(chosen[k : k + step]).astype(np.float64) for k in range(0, len(chosen), step))
    if symmetry is None:
        places, aligned = [folded(part) for part in parts], None
    else:
        short = len(chosen) * database.n_parameters <= MOST_NUMBERS
        prints = (symmetry.fingerprint(part) for part in parts)
        places = [found if short else folded(found) for found in prints]

        def aligned(a: int, b: int) -> float:
            first, second = database.coordinates(chosen[[a, b]]).astype(np.float64)
            return symmetry.nearest(first, second).distance

    shape = (0, database.n_parameters)
    nearby = nearby_pairs(np.concatenate(places) if places else np.empty(shape), energies, aligned=aligned)
    return Minima(chosen, energies, name, joins, label, nearby)


def _known(database: LandscapeDatabase, minimum: object) -> int:
    number = checked_count("an id", minimum, 0)
    if number >= database.n_minima:
        raise NotFoundError(f"no minimum {number}; the database has {database.n_minima}")
    return number


def state_of(database: LandscapeDatabase, minima: Minima, effort: Effort) -> Progressing:
    """Return the tree of some minima by all paths between them, its evidence, and the pairs that were tried."""
    found = stored_tree(database, surface=minima.surface, joins=minima.joins, ids=minima.ids, tries=effort.tries)
    tree, energies = found.tree, minima.energies
    span = (float(energies.min(initial=np.inf)), float(tree.heights.max(initial=-np.inf)))
    limits = negligibly_above(energies, span=span, energy_floor=energy_floor(database))
    return Progressing(tree, found.evidence, _tried(database, minima), limits)


def _tried(database: LandscapeDatabase, minima: Minima) -> Tried:
    """Return the pairs that this finder has tried, with success or not, or any search that converged."""
    paths, runs = database.paths, database.runs
    own = joining_rows(database, minima.joins)
    rows = search_rows(database, minima.surface, own)
    counts = own & (paths["surface"].values == minima.surface) & (paths["finder"].values == minima.label)
    counts &= (paths["kind"].values == KINDS[0]) & (paths["outcome"].values != Outcome.INTERRUPTED)
    counts[rows[paths["outcome"].values[rows] == Outcome.CONVERGED]] = True
    heights = best_heights(database)[counts]
    ends = [paths[name].values[counts] for name in ("source", "target")]
    if "target" in runs:  # pieces of mapping, which give transition states in place of paths
        pieces = (runs["target"].values >= 0) & (runs["minimizer"].values == minima.label)
        ends = [np.append(a, runs[name].values[pieces]) for a, name in zip(ends, ("start", "target"), strict=True)]
        heights = np.append(heights, np.full(int(pieces.sum()), np.nan))
    position = np.full(database.n_minima, -1)
    position[minima.ids] = np.arange(len(minima.ids))
    sources, targets = (position[end] for end in ends)
    there = (sources >= 0) & (targets >= 0) & (sources != targets)
    return Tried.of(sources[there], targets[there], heights[there], minima.energies)


def next_pairs(state: Progressing, minima: Minima, effort: Effort) -> Ids:
    """Return the pairs (n_pairs, 2) of ids of the next round; none where the tree is complete or the effort spent."""
    tree, tried, nearby = state.tree, state.tried, minima.nearby
    left = max(0, effort.n_pairs - len(tried.codes))
    pairs = joining_pairs(tree, nearby, tried, _may_be_joined(tree, tried, effort))
    if not len(pairs) and effort.tries:
        closed, tested = (state.evidence.codes == STATES.index(name) for name in ("closed", "tested"))
        open_ = (state.evidence.codes >= 0) & ~closed
        hopeful = promising(tree, state.limits, nearby, tried) & (state.evidence.tries < HOPEFUL * effort.most_tries)
        wanted = open_ & (hopeful | (~tested & (state.evidence.tries < effort.most_tries)))
        pairs = crossing_pairs(tree, state.limits, nearby, tried, wanted)
    return minima.ids[pairs[:left]]


def next_round(
    database: LandscapeDatabase,
    finder: PathFinder,
    ids: Sequence[int] | None,
    effort: Effort,
    *,
    surface: str | None = None,
    label: str | None = None,
    align: Align | None = None,
) -> tuple[Ids, str]:
    """Return the pairs that a completion would search next, and in words how far the tree is; nothing is searched."""
    minima = minima_of(database, ids, label=label or finder.name, surface=surface, align=align)
    state = state_of(database, minima, effort)
    pairs = _unfinished(database, minima)
    states = state.evidence.states(state.tree)
    report = CompletionReport(0, len(state.tried.codes), 0, 0, dict(Counter(states)), len(state.tree.roots))
    return pairs if len(pairs) else next_pairs(state, minima, effort), str(report)


def _may_be_joined(tree: MergeTree, tried: Tried, effort: Effort) -> Mask:
    """Return which minima are in a part that not too many searches have failed to join to others."""
    n = tree.n_leaves
    if len(tree.roots) < 2:
        return np.zeros(n, dtype=bool)
    part = np.searchsorted(np.sort(tree.starts[tree.roots]), tree.starts[:n], side="right") - 1
    a, b = part[tried.codes // n], part[tried.codes % n]
    n_failed = np.bincount(np.concatenate([a[a != b], b[a != b]]), minlength=len(tree.roots))
    return np.asarray(n_failed[part] < effort.most_tries)


def _as_attribute(minima: Minima, pairs: Ids) -> dict[str, Any]:
    return {"finder": minima.label, "surface": minima.surface, "joins": minima.joins, "pairs": pairs.tolist()}


def _unfinished(database: LandscapeDatabase, minima: Minima) -> Ids:
    """Return the pairs of the round that an interrupted call has left, if it was of the same tree."""
    stored = database.attributes.get(ROUND)
    none = np.empty((0, 2), dtype=np.int64)
    if not isinstance(stored, dict) or stored != _as_attribute(minima, none) | {"pairs": stored.get("pairs")}:
        return none
    pairs = np.array(stored["pairs"], dtype=np.int64).reshape(-1, 2)
    return pairs if np.isin(pairs, minima.ids).all() else none


def _failed_before(
    database: LandscapeDatabase, finder: PathFinder, minima: Minima, options: dict[str, Any]
) -> list[tuple[int, int]]:
    """Return the pairs of which the last search by this finder, with these settings, failed."""
    table, among = database.paths, set(minima.ids.tolist())
    rows = [table[name].values.tolist() for name in ("source", "target", "outcome")]
    pairs = {(a, b) for a, b, outcome in zip(*rows, strict=True) if outcome == Outcome.FAILED and {a, b} <= among}
    settings = {key: options[key] for key in ("surface", "label", "align", "curves") if key in options}
    if not options.get("keep_curve", True):
        settings["curves"] = "none"
    plan = plan_searches(database, finder, sorted(pairs), **settings, retry_failed=True)
    return [(task.source, task.target) for task in plan.tasks if task.attempt]
