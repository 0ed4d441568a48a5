"""What was tried to join two parts of a network lower than they are joined: the evidence for a barrier.

A found height is an upper bound. That nothing lower was found says something only where it was looked for: a merge of
a tree whose two parts no search ever tried to join lower is not a barrier but a gap in the search.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.outcomes import Outcome
from elsuite.core.representing import short_repr
from elsuite.core.typing import Array, Floats, Ids, Mask

if TYPE_CHECKING:  # whoever brings a graph of their own doesn't load the store
    from elsuite.database import LandscapeDatabase

State: TypeAlias = Literal["closed", "tested", "verified", "unknown", "untested"]

STATES: Final[tuple[State, ...]] = ("closed", "tested", "verified", "unknown", "untested")
"""From the strongest to the weakest: `Evidence` says what each means."""

TRIES: Final = 2
"""So many converged searches that found nothing lower make a merge tested, unless a caller says another number."""

NOT_SEARCHED: Final = ("", str(Outcome.IMPORTED))
"""Outcomes of paths that others brought along."""

_MEANINGS: Final[Mapping[str, str]] = {
    "verified": "verified: transition states, without a record of what else was searched",
    "unknown": "unknown: paths from elsewhere, without a record of what else was searched",
    "untested": "where not tested, hardly any other path was searched: the height is no barrier",
}

SHARE_OF_EXCESS: Final = 0.1
"""Where energies have a lower bound that is known, heights within this share of an energy's excess over it are equal.

On a logarithmic axis, where such energies are read, a tenth is hardly more than a line's width.
"""
SHARE_OF_RANGE: Final = 1e-6
"""Elsewhere they are equal within this share of the range from the lowest minimum to the highest merge."""


@dataclass(frozen=True)
class Evidence:
    """What is known about a merge of two parts of a network at a height.

    Attributes
    ----------
    state : str
        ``closed``: the height is at the floor, or is that of a verified transition state, and what could have been
        lower was searched. ``tested``: at least `TRIES` converged searches across, or all that are possible, found
        nothing lower. ``verified``: a transition state, without a record of what else was tried. ``unknown``: from
        elsewhere, without such a record. ``untested``: a path was found, and hardly anything else was tried: the height
        is no barrier.
    floor : float
        No path can join the two parts lower: the higher of their lowest energies.
    tries : int
        Searches between the two parts, of all outcomes, whose own floor, the energy of their higher end, is below
        the height.
    outcomes : mapping of str to int
        How they ended.
    """

    state: State
    floor: float
    tries: int
    outcomes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Searches:
    """The searches for paths of a network, whatever came of them, and where transition states were looked for.

    Attributes
    ----------
    sources, targets : ndarray of int (n_searches,)
        The nodes that each was to join.
    outcomes : ndarray of str (n_searches,)
    surrounded : ndarray of int
        Nodes from which all transition states around were sought, by searches that ended.
    """

    sources: Ids
    targets: Ids
    outcomes: Array
    surrounded: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    __repr__ = short_repr

    @property
    def converged(self) -> Mask:
        """Which searches (n_searches,) converged."""
        return np.asarray(self.outcomes == str(Outcome.CONVERGED))

    def renumbered(self, number: Callable[[Ids], Ids]) -> "Searches":
        """Return those between nodes that have a number, by these numbers; `number` gives -1 for nodes without one."""
        sources, targets, surrounded = (number(nodes) for nodes in (self.sources, self.targets, self.surrounded))
        there = (sources >= 0) & (targets >= 0)
        return Searches(sources[there], targets[there], self.outcomes[there], surrounded[surrounded >= 0])


def searches_of(database: "LandscapeDatabase", surface: str, chosen: Mask | None = None) -> Searches:
    """Return the searches for paths on one surface that a database has rows of.

    Pieces of mapping that looked for transition states between two minima are among them. Left out are what others
    brought along, straight lines, along which nothing is searched, and heights on this surface of paths that were
    searched on another one.

    Parameters
    ----------
    chosen : ndarray of bool (n_paths,), optional
        Rows to be looked at, as of one finder.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])
    >>> _ = database.add(
    ...     minima={"coordinates": [[0.0], [1.0]], "energy": [[-2.0], [-1.0]]},
    ...     paths={"source": [0, 0], "target": [1, 1], "height": [0.5, 0.75], "outcome": ["converged", "budget spent"]},
    ... )
    >>> searches_of(database, "energy").converged.tolist()
    [True, False]
    """
    paths, runs = database.paths, database.runs
    rows = search_rows(database, surface, chosen)
    ends = [paths[name].values[rows].astype(np.int64) for name in ("source", "target")]
    outcomes = paths["outcome"].values[rows].astype(str)
    if surface == database.surfaces[0] and "target" in runs:
        pieces = np.flatnonzero(runs["target"].values >= 0)
        ends = [np.append(a, runs[name].values[pieces]) for a, name in zip(ends, ("start", "target"), strict=True)]
        outcomes = np.append(outcomes, runs["outcome"].values[pieces].astype(str))
    return Searches(ends[0], ends[1], outcomes, _surrounded(database))


def search_rows(database: "LandscapeDatabase", surface: str, chosen: Mask | None = None) -> Ids:
    """Return the rows of the paths that were searched on a surface, as `searches_of` says."""
    paths = database.paths
    outcomes = paths["outcome"].values.astype(str)
    wanted = (paths["surface"].values == surface) & (paths["kind"].values == "path")
    wanted &= ~np.isin(outcomes, [*NOT_SEARCHED, str(Outcome.INTERRUPTED)])
    if chosen is not None:
        wanted &= chosen
    for name, nothing in (("searched_on", ["", surface]), ("basis", None)):
        if name in paths:
            values = paths[name].values.astype(str)
            wanted &= np.isin(values, nothing) if nothing is not None else values != "EmptyBasis()"
    return np.flatnonzero(wanted)


def _surrounded(database: "LandscapeDatabase") -> Ids:
    """Return the minima from which mapping has sought transition states in all its ways, none of which failed."""
    runs = database.runs
    stages = runs["minimizer"].values.astype(str)
    starts, failed = runs["start"].values, runs["outcome"].values == Outcome.FAILED
    modes, directions = (np.unique(starts[(stages == stage) & ~failed]) for stage in ("modes", "directions"))
    lost = starts[np.isin(stages, ["modes", "directions"]) & failed]
    return np.setdiff1d(np.intersect1d(modes, directions), lost).astype(np.int64)


def negligibly_above(
    energies: ArrayLike, *, span: tuple[float, float] | None = None, energy_floor: float | None = None
) -> Floats:
    """Return for each energy the highest one that cannot be told from it.

    Parameters
    ----------
    span : (float, float), optional
        The lowest and the highest energy of what is looked at, where there is no lower bound.
    energy_floor : float, optional
        A bound that the landscape declares for its energies, such as 0 of a loss.

    Examples
    --------
    >>> negligibly_above([1e-9, 1e-2], energy_floor=0.0).round(12).tolist()
    [1.1e-09, 0.011]
    >>> negligibly_above([-1.0], span=(-1.0, 1.0)).round(9).tolist()
    [-0.999998]
    """
    given = np.asarray(energies, dtype=np.float64)
    rounding = 4 * np.spacing(np.abs(given))
    if energy_floor is not None:
        return np.asarray(given + np.maximum(SHARE_OF_EXCESS * (given - energy_floor), rounding))
    width = 0.0 if span is None else span[1] - span[0]
    return np.asarray(given + np.maximum(SHARE_OF_RANGE * width, rounding))


def counted(states: Sequence[str]) -> dict[str, int]:
    """Return how many merges are in each state that occurs, from the strongest to the weakest.

    Examples
    --------
    >>> counted(["tested", "closed", "closed"])
    {'closed': 2, 'tested': 1}
    """
    found = Counter(states)
    return {state: found[state] for state in STATES if found[state]}


def in_words(states: Sequence[str]) -> str:
    """Return how many merges are in each state, in one line.

    Examples
    --------
    >>> in_words(["closed", "tested", "closed"])
    '3 merges: 2 closed, 1 tested'
    """
    counts = ", ".join(f"{n:,} {state}" for state, n in counted(states).items())
    total = f"{len(states):,} merge{'' if len(states) == 1 else 's'}"
    return f"{total}: {counts}" if counts else total


def in_a_sentence(states: Sequence[str]) -> str:
    """Return how many merges are in each state, and what the weak ones mean for heights; nothing where there is none.

    Examples
    --------
    >>> in_a_sentence(["closed", "tested", "closed", "untested"])
    'Of 4 merges 2 are closed, 1 tested, 1 not tested: its height is no barrier.'
    >>> in_a_sentence(["verified", "verified"])
    'All 2 merges are verified. Verified: transition states, without a record of what else was searched.'
    """
    counts, n = counted(states), len(states)
    if not counts:
        return ""
    words = {state: "not tested" if state == "untested" else state for state in counts}
    first, *others = counts
    if others:
        verb = "is" if counts[first] == 1 else "are"
        rest = "".join(f", {counts[state]:,} {words[state]}" for state in others)
        sentence = f"Of {n:,} merges {counts[first]:,} {verb} {words[first]}{rest}"
    else:
        sentence = f"{'The only merge is' if n == 1 else f'All {n:,} merges are'} {words[first]}"
    if "untested" in counts:
        sentence += ": its height is no barrier" if counts["untested"] == 1 else ": their heights are no barriers"
    explained = what_it_means(state for state in counts if state != "untested")
    return sentence + "." + (f" {explained[0].upper()}{explained[1:]}." if explained else "")


def what_it_means(states: Iterable[str]) -> str:
    """Return in a sentence what the weak ones among some states mean for heights; nothing where all are strong.

    Examples
    --------
    >>> what_it_means(["closed", "untested"])
    'where not tested, hardly any other path was searched: the height is no barrier'
    >>> what_it_means(["verified"])
    'verified: transition states, without a record of what else was searched'
    """
    there = set(states)
    return "; ".join(words for state, words in _MEANINGS.items() if state in there)
