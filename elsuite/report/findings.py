"""What the tree says, in sentences with numbers."""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from elsuite.analysis import minima_by_set, superbasins
from elsuite.analysis.names import surface_name
from elsuite.analysis.stationarity import stationarity
from elsuite.analysis.verdicts import LEVEL
from elsuite.analysis.view import View, split_energy
from elsuite.core.representing import digits_apart
from elsuite.database.query import failures, left_out_in_words, n_left_out
from elsuite.network.evidence import in_a_sentence
from elsuite.report.contrasts import Contrast, pairs_left_out, sentence
from elsuite.report.text import number

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase


def findings(database: "LandscapeDatabase", views: Sequence[View], found: Sequence[Contrast]) -> list[str]:
    """Return sentences on the sets' differences, the tree, its superbasins, and what led to nothing.

    What the data cannot say is left out. There is a view for each surface.
    """
    failed = [f"{line}." for line in failures(database)]
    failed += [f"{name} has no solutions." for name, ids in minima_by_set(database).items() if not len(ids)]
    failed += [
        f"{line[0].upper()}{line[1:]}: not in its tree, pictures and comparisons."
        for view in views
        for line in left_out_in_words(0, n_left_out(database, view.surface)[1], surface_name(view.surface))
    ]
    if not views:
        return ["No minimum was found yet.", *failed]
    sentences = [sentence(contrast) for contrast in found] + pairs_left_out(views[0])
    for view in views:
        sentences += [*([] if found else _energies(view)), *_tree(view), *_evidence(view), *_split(view)]
    against = [f"{line[0].upper()}{line[1:]}." for line in stationarity(database).sentences()]
    return sentences + against + failed


def _energies(view: View) -> list[str]:
    values, name = view.energies, surface_name(view.surface)
    if len(values) == 1:
        return [f"The {name} of the only minimum is {number(values[0])}."]
    digits = digits_apart(values, 3, parts=100)
    low, middle, high = (number(value, digits) for value in np.quantile(values, [0, 0.5, 1]))
    return [f"The {name} of the {len(values):,} minima goes from {low} to {high}, with median {middle}."]


def _where(view: View) -> str:
    """Return on which surface something holds, where there are several."""
    return f" on the {surface_name(view.surface)}" if len(view.database.surfaces) > 1 else ""


def _tree(view: View) -> list[str]:
    tree, where = view.whole_tree, _where(view)
    n, roots = len(tree.leaves), tree.tree.roots
    if n == 1:
        return []
    if not len(tree.merges):
        return [f"No path joins two minima{where}."]
    top = number(tree.merges[-1].height, digits_apart(tree.tree.heights, 3, parts=100))
    if len(roots) == 1:
        return [f"The paths join all {n:,} minima{where}; the last join is at {top}."]
    largest = int(tree.tree.sizes[roots].max())
    return [
        f"The paths leave {len(roots):,} parts unjoined{where}, the largest of {largest:,} of {n:,} minima; "
        f"the highest join is at {top}."
    ]


def _evidence(view: View) -> list[str]:
    """Return what is known of the merges, and which graph they are of where there are two."""
    tree, of = view.whole_tree, view.joins_note
    sentence = in_a_sentence(tree.evidence.states(tree.tree))
    name = surface_name(view.surface)
    place = f"On the {name}: " if len(view.database.surfaces) > 1 and sentence else ""
    said = [f"{place}{sentence[0].lower() if place else sentence[0]}{sentence[1:]}"] if sentence else []
    return [*said, *([f"{of[0].upper()}{of[1:]}."] if of else [])]


def _split(view: View) -> list[str]:
    tree = view.whole_tree
    if len(tree.merges) < 2:
        return []
    energy = split_energy(tree)
    basins = [basin for basin in superbasins(tree, energy) if len(basin) > 1][:2]
    if len(basins) < 2:
        return []
    words = " and ".join(f"{len(basin):,} minima ({_makeup(basin, view)})" for basin in basins)
    name, digits = surface_name(view.surface), digits_apart(tree.tree.heights, 3, parts=100)
    said = [f"The most even split on the {name}: below {number(energy, digits)} the largest superbasins hold {words}."]
    found = view.superbasin_agreement
    if found is not None:
        much = "more than" if found.p_value < LEVEL else "no more than"
        said.append(
            f"At that split superbasins{_where(view)} agree with the sets {much} the choice of pairs explains "
            f"(adjusted Rand index {number(found.adjusted_rand, 2)}, with heights rearranged among the same pairs "
            f"{number(found.expected_rand, 2)} on average, p = {number(found.p_value, 2)})."
        )
    return said


def _makeup(basin: list[Hashable], view: View) -> str:
    counts = Counter(view.all_sets[int(minimum)] for minimum in basin)  # type: ignore[call-overload]
    ordered = sorted(counts, key=lambda name: (counts[name], name), reverse=True)
    return ", ".join(f"{counts[name]:,} {name}" for name in ordered)
