"""What differs between sets of different minimizers: losses, path heights, weights, distances, places on the map."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from elsuite.analysis import Comparison, compare, distances_to_origin, minima_by_set, pair_heights
from elsuite.analysis.names import surface_name
from elsuite.analysis.view import View
from elsuite.core.typing import Floats
from elsuite.network import PathHeights
from elsuite.report.text import Table, number

FIRST_COMPONENT = "Kernel component 1"
MOST_PAIRS = 4
"""More pairs of sets than this make a table that no one reads."""


@dataclass(frozen=True)
class Contrast:
    """One quantity compared between two sets, `a` and `b`."""

    quantity: str
    a: str
    b: str
    means: tuple[float, float]
    result: Comparison

    @property
    def is_clear(self) -> bool:
        """Whether the interval of the difference leaves out zero."""
        low, high = self.result.interval
        return low > 0 or high < 0


def contrasts(views: Sequence[View]) -> list[Contrast]:
    """Return the comparisons between sets that the data allow, from a view for each surface."""
    found = [contrast for view in views for part in (_energies, _heights) for contrast in part(view)]
    return [*found, *_norms(views[0]), *_map(views[0])] if views else []


def sentence(contrast: Contrast) -> str:
    """Return a contrast in words."""
    first, second = (number(mean) for mean in contrast.means)
    if contrast.quantity == FIRST_COMPONENT:
        # Its sign means nothing, only how far the two lie apart.
        delta = abs(contrast.result.cliffs_delta)
        verb = "separates" if delta > 0.95 else "partly separates" if delta > 0.5 else "does not separate"
        return f"{contrast.quantity} {verb} {contrast.a} and {contrast.b} (Cliff's delta {number(delta, 2)})."
    if not contrast.is_clear:
        return f"{contrast.quantity}: no clear difference between {contrast.a} ({first}) and {contrast.b} ({second})."
    word = "lower" if contrast.result.difference < 0 else "higher"
    return f"{contrast.quantity}: {word} for {contrast.a} ({first}) than for {contrast.b} ({second})."


def contrasts_table(found: Sequence[Contrast]) -> Table:
    """Return the contrasts in numbers."""
    mark = "Cliff\N{RIGHT SINGLE QUOTATION MARK}s δ"
    head = ["Mean of", "A", "B", "A", "B", "Difference", "95 % interval", "Mann-Whitney p", mark]
    rows = [
        [
            contrast.quantity,
            contrast.a,
            contrast.b,
            *(number(mean) for mean in contrast.means),
            number(contrast.result.difference),
            " to ".join(number(end) for end in contrast.result.interval),
            "< 0.0001" if contrast.result.p_value < 1e-4 else number(contrast.result.p_value, 2),
            number(contrast.result.cliffs_delta, 2),
        ]
        for contrast in found
    ]
    caption = (
        "Intervals by bootstrap (of path heights over minima, as pairs share them); "
        "δ = P(A > B) \N{MINUS SIGN} P(A < B). Heights are upper bounds of barriers."
    )
    return Table(head, rows, caption)


def _rivals(view: View) -> list[tuple[str, str]]:
    """Return the pairs of sets of different minimizers with the same stopping; all pairs where there is none."""
    pairs = list(combinations(view.set_names, 2))
    same = [(a, b) for a, b in pairs if "/" in a and a.partition("/")[2] == b.partition("/")[2]]
    return (same or pairs)[:MOST_PAIRS]


def _energies(view: View) -> Iterator[Contrast]:
    finite = {name: ids[np.isfinite(view.every_energy[ids])] for name, ids in minima_by_set(view.database).items()}
    quantity = surface_name(view.surface).capitalize()
    for a, b in _rivals(view):
        yield from _compared(quantity, a, b, view.every_energy[finite[a]], view.every_energy[finite[b]])


def _heights(view: View) -> Iterator[Contrast]:
    found = pair_heights(view.database, view.surface) if view.database.n_paths else {}
    quantity = f"Path height within the set, {surface_name(view.surface)}"
    for a, b in _rivals(view):
        if a in found and b in found:
            yield from _compared(quantity, a, b, found[a], found[b])


def _norms(view: View) -> Iterator[Contrast]:
    for a, b in _rivals(view):
        value = distances_to_origin(view.database, a, b)
        yield from _compared("Distance to the common origin", a, b, value.distances_a, value.distances_b)


def _map(view: View) -> Iterator[Contrast]:
    try:
        first = view.embedding.coordinates[:, 0]
    except ValueError:
        return
    sets = np.array(view.sets, dtype=object)
    for a, b in _rivals(view):
        yield from _compared(FIRST_COMPONENT, a, b, first[sets == a], first[sets == b])


def _compared(quantity: str, a: str, b: str, left: PathHeights | Floats, right: PathHeights | Floats) -> list[Contrast]:
    """Return the contrast of two samples, where both have more than one value."""
    values = [sample.heights if isinstance(sample, PathHeights) else sample for sample in (left, right)]
    if min(map(len, values)) < 2:
        return []
    means = (float(values[0].mean()), float(values[1].mean()))
    return [Contrast(quantity, a, b, means, compare(left, right))]
