"""Mean first-passage times between sets of minima by graph transformation (`first_passage`)."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import logsumexp

from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids
from elsuite.kinetics.rates import Rates

TOO_FAR = "rates lie further apart than numbers reach, over 300 orders of magnitude; a higher temperature is expected"


@dataclass(frozen=True, eq=False)
class FirstPassage:
    """How long it takes from set A to set B, and back.

    Attributes
    ----------
    from_to, to_from : float
        Mean times to reach any minimum of the other set first, from one of the set by its population; infinite where
        the sets are not joined.
    """

    from_to: float
    to_from: float

    __repr__ = short_repr


def first_passage(rates: Rates, a: Sequence[int], b: Sequence[int]) -> FirstPassage:
    r"""Return the mean first-passage times between two sets of minima, given by their ids.

    Minima outside the target set are removed one after the other, those with fewest neighbors first; what is left says
    the same times (graph transformation, Wales, Int. Rev. Phys. Chem. 25, 237 (2006)):

    .. math::

        P_{ij} \leftarrow P_{ij} + \frac{P_{ix} P_{xj}}{\sum_{k \ne x} P_{xk}}, \quad
        \tau_i \leftarrow \tau_i + \frac{P_{ix} \tau_x}{\sum_{k \ne x} P_{xk}}

    with the branching probabilities P and waiting times :math:`\tau`. Nothing is subtracted, so that small numbers keep
    their digits however far rates lie apart.

    Raises
    ------
    ValueError
        For an empty set, sets that share a minimum, or an id without a known curvature.

    Examples
    --------
    A chain of three minima with equal rates: from one end to the other the walker needs three steps of waiting.

    >>> ends = np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1])
    >>> rates = Rates(1.0, np.arange(3), *ends, np.zeros(4), np.log(np.full(3, 1 / 3)))
    >>> first_passage(rates, [0], [2])
    FirstPassage(from_to=3.0, to_from=3.0)
    """
    places = {int(i): k for k, i in enumerate(rates.ids)}
    sets = []
    for name, ids in (("a", a), ("b", b)):
        unknown = [i for i in ids if int(i) not in places]
        if unknown or not len(ids):
            given = f"{unknown[0]}, whose curvature is not known" if unknown else "no minimum"
            raise ValueError(f"{name}: given {given}, allowed: ids of minima with a known curvature")
        sets.append(np.array(sorted({places[int(i)] for i in ids}), dtype=np.int64))
    if shared := set(sets[0].tolist()) & set(sets[1].tolist()):
        raise ValueError(f"a and b share minimum {int(rates.ids[min(shared)])}; sets without a common one are expected")
    return FirstPassage(_between(rates, sets[0], sets[1]), _between(rates, sets[1], sets[0]))


def _between(rates: Rates, start: Ids, end: Ids) -> float:
    """Return the mean time from `start`, by its populations, to `end`."""
    times = times_to(rates, end)
    weights = rates.log_populations[start]
    return float(np.exp(weights - logsumexp(weights)) @ times[start])


def times_to(rates: Rates, end: Ids) -> Floats:
    """Return from every minimum the mean time to the first of `end`, given by places; infinite where none is reached.

    Raises
    ------
    ValueError
        Where the shares of some rates are too small for numbers.

    Examples
    --------
    >>> ends = np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1])
    >>> times_to(Rates(1.0, np.arange(3), *ends, np.zeros(4), np.log(np.full(3, 1 / 3))), [2])
    array([3., 2., 0.])
    """
    n = len(rates.ids)
    joined = coo_array((np.ones(len(rates.sources)), (rates.sources, rates.targets)), shape=(n, n))
    _, part = connected_components(joined, directed=False)
    reached = np.isin(part, part[np.asarray(end)])
    # Rates in units of the quickest: only their ratios are exponentials that may be small.
    unit = float(rates.log_rates.max(initial=0.0))
    branching, waiting = _branching(rates, unit)
    absorbing = set(np.asarray(end).tolist())
    try:
        removed = _eliminated(branching, waiting, absorbing, np.flatnonzero(reached).tolist())
    except ZeroDivisionError:
        raise ValueError(TOO_FAR) from None
    times = np.where(reached, 0.0, np.inf)
    for x, onward, time in reversed(removed):
        times[x] = time + sum(share * times[j] for j, share in onward)
    with np.errstate(over="ignore", invalid="ignore"):
        times[reached] *= np.exp(-unit)
    ends = np.isin(np.arange(n), end)
    if not (np.isfinite(times[reached]).all() and (times[reached & ~ends] > 0).all()):
        raise ValueError(TOO_FAR)
    return np.asarray(times)


def _branching(rates: Rates, unit: float) -> tuple[list[dict[int, float]], list[float]]:
    """Return of every minimum the shares of its neighbors in what leaves it, and its waiting time."""
    n = len(rates.ids)
    # Every minimum's rates in units of its own quickest, which may be far from those of others.
    quickest = np.full(n, -np.inf)
    np.maximum.at(quickest, rates.sources, rates.log_rates)
    shares = np.exp(rates.log_rates - quickest[rates.sources])
    totals = np.bincount(rates.sources, shares, minlength=n)
    branching: list[dict[int, float]] = [{} for _ in range(n)]
    each = (shares / totals[rates.sources]).tolist()
    for i, j, share in zip(rates.sources.tolist(), rates.targets.tolist(), each, strict=True):
        branching[i][j] = branching[i].get(j, 0.0) + share
    with np.errstate(over="ignore", divide="ignore"):
        waiting = np.exp(unit - quickest) / totals
    return branching, waiting.tolist()


def _eliminated(
    branching: list[dict[int, float]], waiting: list[float], absorbing: set[int], nodes: list[int]
) -> list[tuple[int, list[tuple[int, float]], float]]:
    """Remove all `nodes` but the absorbing ones; return of each, in that order, where it goes on to, and its time.

    What a node goes on to are those that were there still when it was removed, with their shares.
    """
    before: list[set[int]] = [set() for _ in branching]
    for i, row in enumerate(branching):
        for j in row:
            before[j].add(i)
    heap = [(len(branching[x]), x) for x in nodes if x not in absorbing]
    heapq.heapify(heap)
    gone, removed = set[int](), []
    while heap:
        degree, x = heapq.heappop(heap)
        if x in gone:
            continue
        row = branching[x]
        row.pop(x, None)
        if len(row) > degree:  # neighbors were added since
            heapq.heappush(heap, (len(row), x))
            continue
        gone.add(x)
        leaving = sum(row.values())
        onward = [(j, share / leaving) for j, share in row.items()]
        time = waiting[x] / leaving
        for j in row:
            before[j].discard(x)
        for i in before[x]:
            if i == x or i in gone:
                continue
            back = branching[i].pop(x)
            if i in absorbing:
                continue
            waiting[i] += back * time
            own = branching[i]
            for j, share in onward:
                own[j] = own.get(j, 0.0) + back * share
                before[j].add(i)
        removed.append((x, onward, time))
    return removed
