"""The lines of a disconnectivity graph: few long paths of many lines, as wide as there is room for."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba

from elsuite.analysis import TreeLayout, branches_between
from elsuite.analysis.doubts import UNKNOWN, UNTESTED, doubtful_lines
from elsuite.core.typing import Floats, Ids
from elsuite.plotting.markers import NEUTRAL

CROWDED = 2000
"""Lines of more minima are drawn faint."""
FADED = 0.6
"""Opacity of lines that stand for no barrier."""
DASHES = {UNTESTED: (3.2, 2.0), UNKNOWN: (3.2, 1.6, 0.8, 1.6)}
"""Their dashes and gaps, in points."""
DOUBT_NAMES = {UNTESTED: "not tested", UNKNOWN: "unknown"}


def draw_lines(ax: Axes, layout: TreeLayout, node_colors: Floats, found: Ids, *, dotted_stems: bool) -> None:
    """Draw the lines of a layout, each in the color of its node: `node_colors`, shape (n_nodes, 4).

    Parameters
    ----------
    found : ndarray of int (n_nodes,)
        The `doubts` of `layout.tree`; such lines are dashed and faded.
    """
    lines, nodes, states = doubtful_lines(layout, found)
    stem = (layout.tree.parents[nodes] < 0) & (lines[:, 1, 1] >= layout.top)
    lines = true_energies(layout, lines)
    width = line_width(ax, layout.tree.n_leaves)
    palette, codes = np.unique(node_colors, axis=0, return_inverse=True)
    codes = codes.reshape(-1)[nodes]
    neutral = (palette == to_rgba(NEUTRAL)).all(axis=1)
    # Neutral lines first, so that none cuts a colored branch; faint where they are too many to tell apart.
    crowded = layout.tree.n_leaves > CROWDED
    faint, longer = (0.55, 6.0) if crowded else (1.0, 1.0)  # long dashes are few, and drawn as quickly as lines
    kinds = [
        ("_lines", ~stem & (states < 0), "solid", 1.0),
        ("_stems", stem, (0, (1, 1.6)) if dotted_stems else "solid", 1.0),
        *((f"_{DOUBT_NAMES[doubt]}", states == doubt, dashes(doubt, width / longer), FADED) for doubt in DASHES),
    ]
    for group, zorder, alpha in ((np.flatnonzero(neutral), 1.0, faint), (np.flatnonzero(~neutral), 1.5, 1.0)):
        for label, chosen, style, fade in kinds:
            runs = interleaved([chained(lines[chosen & (codes == number)]) for number in group])
            collection = LineCollection(
                [run for _, run in runs], colors=palette[group[[number for number, _ in runs]]], linewidths=width,
                linestyles=style, alpha=alpha * fade, zorder=zorder,
                capstyle="projecting" if style == "solid" else "butt", label=label,
            )  # fmt: skip
            collection.set_in_layout(False)
            if runs:
                ax.add_collection(collection, autolim=False)


def dashes(doubt: int, width: float) -> tuple[float, tuple[float, ...]]:
    """Return the line style of a doubt: the same dashes in points, however thin the lines are."""
    return (0.0, tuple(length / width for length in DASHES[doubt]))


def true_energies(layout: TreeLayout, lines: Floats) -> Floats:
    """Return lines (n, 2, 2) with energies in place of drawn heights: the axis carries the scale."""
    true = lines.copy()
    true[..., 1] = layout.scale.inverse(lines[..., 1])
    return true


def chained(lines: Floats, length: int = 100) -> list[Floats]:
    """Return lines (n, 2, 2) as few long ones, broken by NaN: a tenth of the time to draw, a third of the SVG."""
    # A path of all lines would exceed what the renderer holds.
    broken = np.full((len(lines), 3, 2), np.nan)
    broken[:, :2] = lines
    return [chunk.reshape(-1, 2) for chunk in np.split(broken, range(length, len(lines), length)) if len(chunk)]


def interleaved(runs: Sequence[Sequence[Floats]]) -> list[tuple[int, Floats]]:
    """Return the runs of several colors as (color, run), evenly mixed: where lines overlap no color hides others."""
    placed = [((k + 0.5) / len(own), color, k) for color, own in enumerate(runs) for k in range(len(own))]
    return [(color, runs[color][k]) for _, color, k in sorted(placed)]


def leaf_spacing(ax: Axes, n_leaves: int) -> float:
    """Return about how many points of the drawing lie between two leaves."""
    return float(ax.get_window_extent().width / ax.figure.dpi * 72 / max(n_leaves, 1))


def line_width(ax: Axes, n_leaves: int) -> float:
    """Return a width in points at which neighboring lines stay apart."""
    return float(np.clip(0.4 * leaf_spacing(ax, n_leaves), 0.25, 0.9))


def route_lines(layout: TreeLayout, leaves: Sequence[int]) -> Floats:
    """Return the lines, shape (n, 2, 2) in drawn heights, that join successive leaves through the tree."""
    parents = layout.tree.parents
    used: set[int] = set()
    for a, b in pairwise(leaves):
        nodes, join = branches_between(layout.tree, a, b)
        used.update(nodes if join is not None else [])
    x, y = layout.x, layout.y
    lines = []
    for node in sorted(used):
        above = int(parents[node])
        lines += [[(x[node], y[node]), (x[node], y[above])], [(x[node], y[above]), (x[above], y[above])]]
    return np.array(lines, dtype=float).reshape(-1, 2, 2)
