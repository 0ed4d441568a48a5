"""What was found, in sentences with numbers; each sentence is one function of the database."""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from elsuite.analysis import Comparison, compare, minima_by_set, pair_heights, superbasins
from elsuite.plotting.view import View, split_energy, surface_name
from elsuite.report.text import number

__all__ = ["findings"]


def findings(views: Sequence[View]) -> list[str]:
    """Return sentences on losses, heights, the tree and its superbasins; those that the data cannot say are left out.

    Parameters
    ----------
    views : sequence of View
        One a surface.

    Returns
    -------
    list of str
        Plain text.
    """
    if not views:
        return ["No minimum was found yet."]
    parts: tuple[Callable[[View], list[str]], ...] = (_energies, _heights, _tree, _split)
    return [sentence for view in views for part in parts for sentence in part(view)]


def _rivals(view: View) -> list[tuple[str, str]]:
    """Return the pairs of sets of different minimizers with the same stopping; all pairs where there is none."""
    names = view.set_names
    pairs = list(combinations(names, 2))
    same = [(a, b) for a, b in pairs if a.partition("/")[2] == b.partition("/")[2] and "/" in a]
    return (same or pairs)[:4]


def _energies(view: View) -> list[str]:
    ids = minima_by_set(view.database)
    energy = dict(zip(view.ids.tolist(), view.energies.tolist(), strict=True))
    name = surface_name(view.surface)
    if len(view.set_names) < 2:
        values = view.energies
        low = f"The lowest of {len(values):,} minima has a {name} of {number(values.min())}"
        return [f"{low}, the median {number(np.median(values))}." if len(values) > 1 else f"{low}."]
    sentences = []
    for a, b in _rivals(view):
        left, right = ([energy[i] for i in ids[part].tolist() if i in energy] for part in (a, b))
        if min(len(left), len(right)) > 1:
            result = compare(left, right)
            sentences.append(
                f"Mean {name}: {a} {number(np.mean(left))}, {b} {number(np.mean(right))} ({_evidence(result)})."
            )
    return sentences


def _heights(view: View) -> list[str]:
    found = pair_heights(view.database, view.surface) if view.database.n_paths else {}
    sentences = []
    for a, b in _rivals(view) if len(view.set_names) > 1 else []:
        if a in found and b in found and min(len(found[a].heights), len(found[b].heights)) > 1:
            result = compare(found[a], found[b])
            sentences.append(
                f"Mean path height on the {surface_name(view.surface)}: {number(found[a].heights.mean())} within {a}, "
                f"{number(found[b].heights.mean())} within {b} ({_evidence(result)})."
            )
    return sentences


def _evidence(result: Comparison) -> str:
    low, high = (number(end) for end in result.interval)
    p = "p < 0.0001" if result.p_value < 1e-4 else f"p = {number(result.p_value, 2)}"
    return (
        f"difference {number(result.difference)}, {100 * result.confidence:.0f} % interval {low} to {high}; "
        f"Mann-Whitney {p}; Cliff's delta {number(result.cliffs_delta, 2)}"
    )


def _tree(view: View) -> list[str]:
    tree, name = view.whole_tree, surface_name(view.surface)
    n, roots = len(tree.leaves), tree.tree.roots
    if n == 1:
        return []
    if not len(tree.merges):
        return [f"No path joins two minima on the {name}."]
    top = number(tree.merges[-1].height)
    if len(roots) == 1:
        return [f"On the {name} the paths join all {n:,} minima into one; the last join is at {top}."]
    largest = int(tree.tree.sizes[roots].max())
    return [
        f"On the {name} the paths leave {len(roots):,} parts that are not joined, the largest of {largest:,} of "
        f"{n:,} minima; the highest join is at {top}."
    ]


def _split(view: View) -> list[str]:
    tree = view.whole_tree
    if len(tree.merges) < 2:
        return []
    energy = split_energy(tree)
    basins = [basin for basin in superbasins(tree, energy) if len(basin) > 1][:2]
    if len(basins) < 2:
        return []
    words = " and ".join(f"one of {len(basin):,} minima ({_makeup(basin, view)})" for basin in basins)
    return [
        f"The most even split of the {surface_name(view.surface)} lies just below {number(energy)}: superbasins are "
        f"{words}."
    ]


def _makeup(basin: list[object], view: View) -> str:
    own = [view.all_sets[int(minimum)] for minimum in basin]  # type: ignore[call-overload]
    counts = sorted(((own.count(name), name) for name in dict.fromkeys(own)), reverse=True)
    return ", ".join(f"{count:,} {name}" for count, name in counts)
