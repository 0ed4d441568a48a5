"""What differs between sets of different minimizers: losses, path heights, weights, distances, places on the map."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from elsuite.analysis import (
    Comparison,
    Concluded,
    compare,
    conclusions,
    distances_to_origin,
    minima_by_set,
    pair_heights,
)
from elsuite.analysis.names import surface_name
from elsuite.analysis.verdicts import BOUND, LEVEL
from elsuite.analysis.view import View
from elsuite.core.typing import Floats
from elsuite.network import PathHeights
from elsuite.report.text import Table, number
from elsuite.schema import LARGEST_ENERGY

FIRST_COMPONENT = "Kernel component 1"
MOST_PAIRS = 4
"""More pairs of sets than this make a table that no one reads."""
_LARGEST = 1e150  # of numbers whose squares are numbers


@dataclass(frozen=True)
class Contrast:
    """One quantity compared between two sets, `a` and `b`, and what that says among all that the page compares."""

    quantity: str
    a: str
    b: str
    means: tuple[float, float]
    result: Comparison
    concluded: Concluded

    @property
    def is_clear(self) -> bool:
        """Whether there is a difference."""
        return self.concluded.conclusion in {"larger", "smaller"}


def contrasts(views: Sequence[View]) -> list[Contrast]:
    """Return the comparisons between sets that the data allow, from a view for each surface."""
    found = [compared for view in views for part in (_energies, _heights) for compared in part(view)]
    found += [*_norms(views[0]), *_map(views[0])] if views else []
    concluded = conclusions([compared.result for compared in found])
    return [
        Contrast(own.quantity, own.a, own.b, own.means, own.result, said)
        for own, said in zip(found, concluded, strict=True)
    ]


def sentence(contrast: Contrast) -> str:
    """Return a contrast in words."""
    result, said = contrast.result, contrast.concluded.conclusion
    first, second = (
        f"{name} ({number(mean)})" for name, mean in zip((contrast.a, contrast.b), contrast.means, strict=True)
    )
    if not result.interval_holds:
        what = "pairs" if result.resampled == "minima" else "values"
        return f"{contrast.quantity}: {result.n_a} and {result.n_b} {what} of {first} and {second} are too few to say."
    p = f"p {_p_value(contrast.concluded.p_value, '= ')}"
    if contrast.quantity == FIRST_COMPONENT:
        # Its sign means nothing, only how far the two lie apart.
        delta = abs(result.cliffs_delta)
        separates = "separates" if delta > 0.95 else "partly separates"
        verb = (
            separates if contrast.is_clear else "does not separate" if said == "equal" else "is not shown to separate"
        )
        how = f"Cliff's delta {number(delta, 2)}, {p}"
        return f"{contrast.quantity} {verb} {contrast.a} and {contrast.b} ({how})."
    if said == "equal":
        return f"{contrast.quantity}: no difference that matters between {first} and {second}."
    if said == "open":
        return f"{contrast.quantity}: open whether {first} and {second} differ ({p})."
    word = "lower" if said == "smaller" else "higher"
    return f"{contrast.quantity}: {word} for {first} than for {second}."


def contrasts_table(found: Sequence[Contrast]) -> Table:
    """Return the contrasts in numbers."""
    mark = "Cliff\N{RIGHT SINGLE QUOTATION MARK}s δ"
    head = ["Mean of", "A", "B", "A", "B", "Difference", "95 % interval", mark, "p", "p, corrected", "A is"]
    rows = [
        [
            contrast.quantity,
            contrast.a,
            contrast.b,
            *(number(mean) for mean in contrast.means),
            number(contrast.result.difference),
            " to ".join(number(end) for end in contrast.result.interval),
            number(contrast.result.cliffs_delta, 2),
            _p_value(contrast.result.p_value),
            _p_value(contrast.concluded.p_value),
            contrast.concluded.conclusion if contrast.result.interval_holds else "open: too few to say",
        ]
        for contrast in found
    ]
    caption = (
        "Of path heights the p values (Mann and Whitney) and intervals know that pairs share minima; "
        f"p is corrected for all {len(found)} comparisons (Holm) and decides under {LEVEL}, with an interval "
        f"on the same side; equal is what is shown to have |δ| under {number(BOUND, 2)}. "
        "δ = P(A > B) \N{MINUS SIGN} P(A < B). Heights are upper bounds of barriers."
    )
    return Table(head, rows, caption)


def _p_value(p: float, equals: str = "") -> str:
    return "< 0.0001" if p < 1e-4 else equals + number(p, 2)


@dataclass(frozen=True)
class _Compared:
    quantity: str
    a: str
    b: str
    means: tuple[float, float]
    result: Comparison


def pairs_left_out(view: View) -> list[str]:
    """Return a sentence that says how many pairs of sets are compared, where it is not all that could be."""
    n_all, n_here = len(list(combinations(view.set_names, 2))), len(_rivals(view))
    if n_here == n_all:
        return []
    among = "" if len(_alike(view)) == n_all else f", of {len(_alike(view))} with the same stopping"
    return [f"Compared are {n_here} of the {n_all} pairs of sets{among}."]


def _rivals(view: View) -> list[tuple[str, str]]:
    return _alike(view)[:MOST_PAIRS]


def _alike(view: View) -> list[tuple[str, str]]:
    """Return the pairs of sets of different minimizers with the same stopping; all pairs where there is none."""
    pairs = list(combinations(view.set_names, 2))
    return [(a, b) for a, b in pairs if "/" in a and a.partition("/")[2] == b.partition("/")[2]] or pairs


def _energies(view: View) -> Iterator[_Compared]:
    known = np.abs(view.every_energy) < LARGEST_ENERGY
    finite = {name: ids[known[ids]] for name, ids in minima_by_set(view.database).items()}
    quantity = surface_name(view.surface).capitalize()
    for a, b in _rivals(view):
        yield from _compared(quantity, a, b, view.every_energy[finite[a]], view.every_energy[finite[b]])


def _heights(view: View) -> Iterator[_Compared]:
    found = pair_heights(view.database, view.surface) if view.database.n_paths else {}
    quantity = f"Path height within the set, {surface_name(view.surface)}"
    for a, b in _rivals(view):
        if a in found and b in found:
            yield from _compared(quantity, a, b, found[a], found[b])


def _norms(view: View) -> Iterator[_Compared]:
    for a, b in _rivals(view):
        value = distances_to_origin(view.database, a, b)
        yield from _compared("Distance to the common origin", a, b, value.distances_a, value.distances_b)


def _map(view: View) -> Iterator[_Compared]:
    try:
        first = view.embedding.coordinates[:, 0]
    except ValueError:
        return
    sets = np.array(view.sets, dtype=object)
    for a, b in _rivals(view):
        yield from _compared(FIRST_COMPONENT, a, b, first[sets == a], first[sets == b])


def _compared(
    quantity: str, a: str, b: str, left: PathHeights | Floats, right: PathHeights | Floats
) -> list[_Compared]:
    """Return the comparison of two samples, where both have more than one value and all have squares."""
    values = [sample.heights if isinstance(sample, PathHeights) else sample for sample in (left, right)]
    if min(map(len, values)) < 2 or not all((np.abs(sample) < _LARGEST).all() for sample in values):
        return []
    means = (float(values[0].mean()), float(values[1].mean()))
    return [_Compared(quantity, a, b, means, compare(left, right))]
