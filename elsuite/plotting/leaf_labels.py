"""Names at the ends of a disconnectivity graph's lines: as many as fit without touching a line or each other."""

from collections.abc import Collection, Mapping

import numpy as np
from matplotlib.axes import Axes

from elsuite.analysis import TreeLayout
from elsuite.core.typing import Floats
from elsuite.plotting.style import INK, figure_of, halo

FONT_SIZE = 6.5


def label_leaves(ax: Axes, layout: TreeLayout, names: Mapping[int, str], ringed: Mapping[int, str]) -> None:
    """Write `names` under the ends of their lines, leaving out those that would overlap; ring and name `ringed`.

    Both are texts by leaf. The lowest minima come first where room is short. The axes have their limits already.
    """
    texts = {**names, **ringed}
    if not texts:
        return
    # The layout engine moves the axes: room is known only after it ran.
    figure_of(ax).draw_without_rendering()
    energies = layout.scale.inverse(layout.y)
    if ringed:
        rows = list(ringed)
        ax.scatter(
            layout.x[rows], energies[rows], s=46, facecolor="none", edgecolor=INK, linewidth=1.0, zorder=5,
            label="_highlight",
        )  # fmt: skip
    _make_room(ax, energies, texts)
    for leaf in _free_places(ax, layout, energies, texts, ringed):
        ax.annotate(
            texts[leaf], (layout.x[leaf], energies[leaf]),
            xytext=(0, -5 if leaf in ringed else -3.5), textcoords="offset points", rotation=90, ha="center",
            va="top", fontsize=FONT_SIZE, fontweight="bold" if leaf in ringed else "normal", color=INK, zorder=6,
            path_effects=halo() if leaf in ringed else None,
        )  # fmt: skip


def _free_places(
    ax: Axes, layout: TreeLayout, energies: Floats, texts: Mapping[int, str], ringed: Collection[int]
) -> list[int]:
    """Return the leaves whose text fits, ringed ones first and always."""
    points = 72 / ax.figure.dpi
    ends = ax.transData.transform(np.column_stack([layout.x, energies]))[: layout.tree.n_leaves] * points
    order = np.argsort(energies[: layout.tree.n_leaves], kind="stable")
    wanted = [*ringed, *(int(leaf) for leaf in order if int(leaf) in texts and int(leaf) not in ringed)]
    placed: list[int] = []
    taken = np.empty((0, 4))
    for leaf in wanted:
        x, y = ends[leaf]
        box = np.array([x - 0.6 * FONT_SIZE, x + 0.6 * FONT_SIZE, y - 4 - 0.65 * FONT_SIZE * len(texts[leaf]), y - 3])
        near = (np.abs(ends[:, 0] - x) < 0.5 * FONT_SIZE) & (ends[:, 1] < box[3])
        near[leaf] = False
        overlaps = (taken[:, 0] < box[1]) & (taken[:, 1] > box[0]) & (taken[:, 2] < box[3]) & (taken[:, 3] > box[2])
        if leaf in ringed or not (near.any() or overlaps.any()):
            placed.append(leaf)
            taken = np.vstack([taken, box])
    return placed


def _make_room(ax: Axes, energies: Floats, texts: Mapping[int, str]) -> None:
    """Lower the axis' lower limit until the lowest text lies inside."""
    height = ax.get_window_extent().height * 72 / ax.figure.dpi
    scale = ax.yaxis.get_transform()
    low, high = scale.transform(np.array(ax.get_ylim()))
    lengths = np.array([6 + 0.65 * FONT_SIZE * len(text) for text in texts.values()])
    drawn = scale.transform(energies[list(texts)])
    # Find the lower limit b with (drawn - b) * height / (high - b) >= length for every text.
    share = np.minimum(lengths / height, 0.6)
    lowest = float(((drawn - share * high) / (1 - share)).min())
    if lowest < low:
        ax.set_ylim(bottom=float(scale.inverted().transform(np.array([lowest]))[0]))
