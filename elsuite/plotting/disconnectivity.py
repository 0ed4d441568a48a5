"""The disconnectivity graph: each minimum a line that ends at its energy, lines join where minima do."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from elsuite.analysis import DisconnectivityTree, TreeLayout, node_groups, tree_layout
from elsuite.analysis.doubts import doubts, weak_note
from elsuite.analysis.leaf_order import OrderName
from elsuite.analysis.tree_layout import Style
from elsuite.analysis.view import View
from elsuite.core.typing import Floats, Ids
from elsuite.network import minimax_route
from elsuite.network.evidence import in_a_sentence
from elsuite.plotting.axis import name_axis, scale_bar, scaled_axis, value_norm
from elsuite.plotting.coloring import coloring, column_label, superbasin_energy
from elsuite.plotting.leaf_labels import label_leaves
from elsuite.plotting.markers import NEUTRAL, SetStyle, category_styles, set_styles
from elsuite.plotting.picture import COLORING, Picture, energy_label, styles_of, view_remarks
from elsuite.plotting.style import (
    DOUBLE_COLUMN,
    INK,
    SINGLE_COLUMN,
    legend_above,
    legend_handles,
    new_axes,
    paper_style,
    scatter_sets,
    shown,
    sized_figure,
)
from elsuite.plotting.tree_lines import DOUBT_NAMES, FADED, dashes, draw_lines, leaf_spacing, route_lines, true_energies

ORDERS = ("centered", "energy", "size")
PLAIN = "#404040"
ROOM_FOR_MARKS = 1.5
"""Leaves nearer than this many points carry no markers."""


def plot_disconnectivity(
    tree: DisconnectivityTree,
    *,
    ax: Axes | None = None,
    layout: TreeLayout | None = None,
    color_by: Mapping[Any, str | float] | Sequence[str] | ArrayLike | None = None,
    styles: Mapping[str, SetStyle] | None = None,
    values_label: str = "",
    mark_by: Mapping[Any, str] | Sequence[str] | None = None,
    labels: bool | Mapping[Any, str] = False,
    highlight: Iterable[Hashable] = (),
    route: Sequence[Hashable] = (),
    energy: float | None = None,
    energy_label: str = "energy",
    value_label: str = "",
    note: str = "",
    legend: bool = True,
) -> Axes:
    """Draw a disconnectivity graph. The y axis holds true energies, whatever the scale of the layout.

    A line is colored where all minima under it agree, and neutral elsewhere. Components that no path joins stand
    apart, their stems dotted. Where a part joins what is lower by a merge that is untested
    (`elsuite.network.evidence.Evidence`) its line is dashed and faded: the height is no barrier. So are unknown ones
    where others were searched.

    Parameters
    ----------
    layout : TreeLayout, optional
        Order, scale, style and levels of the drawing; `tree_layout(tree)` if None.
    color_by : mapping or sequence, optional
        A category (str) or a number, named by `values_label`, for each minimum, by label or in the order of
        ``tree.leaves``. "" is neutral.
    styles : mapping, optional
        Category -> SetStyle, for `color_by` and `mark_by`.
    mark_by : mapping or sequence, optional
        The set of each minimum, marked at the end of its line; by default the categories of `color_by`.
    labels : bool or mapping
        Names at the ends of the lines: all minima's (True) or those given, as many as fit without overlap.
    highlight, route : sequence of labels
        Minima to ring and name, and those whose connection in the tree is drawn as a heavy line.
    energy : float, optional
        Draws a dashed line at this energy.
    value_label : str
        Where the layout's leaves stand at values: what they are. The x axis then has ticks.
    note : str
        A text under the graph, such as what a trim hid.

    Raises
    ------
    ValueError
        No minimum; `color_by` or `mark_by` of another length than the minima; an unknown label.

    Examples
    --------
    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.Graph()
    >>> network.add_nodes_from([("a", {"energy": 0.0}), ("b", {"energy": 0.2})])
    >>> network.add_edge("a", "b", energy=1.0)
    >>> ax = plot_disconnectivity(disconnectivity_tree(network), color_by={"a": "cold", "b": "hot"})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['cold (1)', 'hot (1)']
    """
    if not tree.leaves:
        raise ValueError("the tree has no minimum to draw")
    ax = new_axes(ax)
    layout = tree_layout(tree) if layout is None else layout
    given = _by_leaf(tree, color_by, "color_by")
    numbers = _numbers(given)
    categories = None
    if given is not None and numbers is None and any(map(str, given)):
        categories = [str(value) for value in given]
    marks = _by_leaf(tree, mark_by, "mark_by")
    sets = categories if marks is None else [str(value) for value in marks]
    styles = _all_styles(styles, categories, sets)
    node_colors = _node_colors(layout, categories, numbers, styles)
    doubtful = doubts(tree, layout.tree)
    draw_lines(ax, layout, node_colors, doubtful, dotted_stems=len(layout.tree.roots) > 1)
    _set_axes(ax, layout, energy_label, value_label)
    if numbers is not None:
        scale_bar(_mappable(numbers), ax, values_label, fraction=0.04)
    spacing = leaf_spacing(ax, layout.tree.n_leaves)
    marked = spacing >= ROOM_FOR_MARKS
    if marked and sets is not None and len(set(sets)) > 1:
        size = float(np.clip(0.75 * spacing, 1.8, 4.6))
        ends = np.column_stack([layout.x, layout.scale.inverse(layout.y)])[: layout.tree.n_leaves]
        scatter_sets(ax, ends, sets, styles, size=size**2, linewidth=min(0.9, size / 4))
    _draw_route(ax, layout, [tree.position(label) for label in route])
    if energy is not None:
        ax.axhline(energy, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1, label="_energy")
    if legend:
        _draw_legend(ax, (sets or []) if marked else [], categories or [], styles, doubtful)
    n_components = len(layout.tree.roots)
    apart = f"{n_components:,} parts that no path joins (dotted stems)" if n_components > 1 else ""
    # A line each: what is hidden and apart, and how to read the dashes.
    notes = filter(None, ["; ".join(filter(None, [note, apart])), weak_note(tree)])
    ax.set_xlabel("\n".join([ax.get_xlabel(), *notes]))
    ringed = [*highlight, *([route[0], route[-1]] if len(route) else [])]
    names = {label: str(label) for label in tree.leaves} if labels is True else dict(labels or {})
    label_leaves(
        ax,
        layout,
        {tree.position(label): text for label, text in names.items()},
        {tree.position(label): names.get(label, str(label)) for label in ringed},
    )
    return ax


def _by_leaf(
    tree: DisconnectivityTree, given: Mapping[Any, object] | Sequence[object] | ArrayLike | None, name: str
) -> list[Any] | None:
    if given is None:
        return None
    if isinstance(given, Mapping):
        return [given.get(label, "") for label in tree.leaves]
    values = list(given)  # type: ignore[arg-type]
    if len(values) != len(tree.leaves):
        raise ValueError(f"{name} has {len(values)} entries, the tree has {len(tree.leaves)} minima")
    return values


def _numbers(given: list[Any] | None) -> Floats | None:
    """Return the values as numbers, NaN where there is none; None where some are words, or all are empty."""
    words = [value for value in given or [] if isinstance(value, str)]
    if given is None or any(words) or len(words) == len(given):
        return None
    return np.array([np.nan if isinstance(value, str) else float(value) for value in given])


def _all_styles(
    styles: Mapping[str, SetStyle] | None, categories: list[str] | None, sets: list[str] | None
) -> dict[str, SetStyle]:
    found = dict(styles or {})
    for names in (categories, sets):
        fresh = [name for name in dict.fromkeys(names or []) if name and name not in found]
        found |= set_styles(fresh) if all("/" in name for name in fresh) else category_styles(fresh)
    return found


def _node_colors(
    layout: TreeLayout, categories: list[str] | None, numbers: Floats | None, styles: Mapping[str, SetStyle]
) -> Floats:
    n_nodes = layout.tree.n_nodes
    if numbers is not None:
        colors = np.tile(to_rgba(NEUTRAL), (n_nodes, 1))
        known = np.flatnonzero(np.isfinite(numbers))
        # 256 shades are what the scale bar has.
        colors[known] = np.round(_mappable(numbers).to_rgba(numbers[known]), 6)
        return colors
    if categories is None:
        return np.tile(to_rgba(PLAIN), (n_nodes, 1))
    table = {name: to_rgba(style.color) for name, style in styles.items()}
    neutral = to_rgba(NEUTRAL)
    return np.array([table.get(str(group or ""), neutral) for group in node_groups(layout.tree, categories)])


def _mappable(numbers: Floats) -> ScalarMappable:
    return ScalarMappable(value_norm(numbers), "viridis")


def _set_axes(ax: Axes, layout: TreeLayout, energy_label: str, value_label: str) -> None:
    low = float(layout.y.min())
    bottom = low - 0.07 * (layout.top - low)
    limits = layout.scale.inverse([bottom, layout.top])
    scaled_axis(ax.yaxis, layout.scale, float(limits[0]), float(limits[1]))
    left, right = float(layout.x.min()), float(layout.x.max())
    margin = (0.03 * (right - left) or 0.6) if value_label else max(0.6, 0.015 * (right - left))
    ax.set_xlim(left - margin, right + margin)
    name_axis(ax.yaxis, energy_label)
    if value_label:
        name_axis(ax.xaxis, value_label)
    else:
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
        n_minima = layout.tree.n_leaves
        ax.set_xlabel("1 minimum" if n_minima == 1 else f"{n_minima:,} minima")


def _draw_route(ax: Axes, layout: TreeLayout, leaves: Sequence[int]) -> None:
    lines = list(true_energies(layout, route_lines(layout, leaves)))
    if lines:
        drawn = LineCollection(lines, colors=INK, linewidths=2.0, capstyle="round", zorder=2, label="_route")
        ax.add_collection(drawn, autolim=False)


def _draw_legend(
    ax: Axes, sets: list[str], categories: list[str], styles: Mapping[str, SetStyle], doubtful: Ids
) -> None:
    """Name the markers' sets and, where the lines' colors say something else, the lines' categories; and the dashes."""
    of_sets, of_categories = Counter(sets), Counter(categories if categories != sets else [])
    marks = {name: of_sets[name] for name in styles if of_sets[name]}
    lines = {name: of_categories[name] for name in styles if of_categories[name]}
    if len(lines) < 2 and not marks:
        lines = {}  # one color only
    handles = legend_handles({name: styles[name] for name in marks}, marks) if len(marks) > 1 else []
    handles += [
        Line2D([], [], color=styles[name].color, linewidth=1.6, label=f"{shown(name)} ({count})")
        for name, count in lines.items()
    ]
    handles += [
        Line2D([], [], color=PLAIN, alpha=FADED, linewidth=1.0, linestyle=dashes(doubt, 1.0), label=name)
        for doubt, name in DOUBT_NAMES.items()
        if (doubtful == doubt).any()
    ]
    if handles:
        legend_above(ax, handles, borderaxespad=0.2)


@paper_style()
def disconnectivity_figure(view: View) -> Figure:
    """Return the disconnectivity graph of the chosen surface; raises ValueError for what the trims hide."""
    options = view.options
    tree, note = view.tree_and_note
    colors = coloring(view)
    shows_energy = options.energy is not None or options.color_by == "superbasin"
    ends = [view.check_minimum(end) for end in options.route or ()]
    wide = len(tree.leaves) > 24
    route = minimax_route(view.network, *ends) if ends else []
    if ends and not route:
        raise ValueError(f"no route joins minima {ends[0]} and {ends[1]} on surface '{view.surface}'")
    hidden = [i for i in options.highlight if view.check_minimum(i) not in set(tree.leaves)]
    if hidden:
        raise ValueError(f"minimum {hidden[0]} cannot be highlighted: the trims hide it")
    figure = sized_figure(options, DOUBLE_COLUMN if wide else SINGLE_COLUMN, 3.6 if wide else 2.9)
    plot_disconnectivity(
        tree,
        ax=figure.add_subplot(),
        layout=_layout(view, tree),
        color_by=colors.values,
        styles={**styles_of(view), **colors.styles},
        values_label=colors.label,
        mark_by=dict(zip(view.ids.tolist(), view.sets, strict=True)),
        labels=options.labels,
        highlight=options.highlight,
        route=[minimum for minimum in route if minimum in set(tree.leaves)],
        energy=superbasin_energy(view) if shows_energy else None,
        energy_label=energy_label(view),
        value_label=column_label(view, options.order) if options.axis == "value" else "",
        note="; ".join(filter(None, [note, view.joins_note, view.stationarity_note])),
    )
    return figure


def _layout(view: View, tree: DisconnectivityTree) -> TreeLayout:
    order, values = view.options.order, None
    if order in ORDERS and view.options.axis == "value":
        raise ValueError(
            f"axis 'value' needs an order by a column of numbers, such as distance or kernel1, not '{order}'"
        )
    if order not in ORDERS:
        chosen = dict(zip(view.ids.tolist(), view.numbers(order).tolist(), strict=True))
        order, values = "value", [chosen[label] for label in tree.leaves]
    return tree_layout(
        tree,
        order=cast(OrderName, order),
        values=values,
        axis=cast(Literal["rank", "value"], view.options.axis),
        style=cast(Style, view.options.shape),
        slope=0.12,
        levels=view.options.levels,
        scale=view.scale(tree),
    )


def disconnectivity_remarks(view: View) -> list[str]:
    """Return what is known of the merges that are drawn, what dashes mean if there are any, and which graph it is.

    Examples
    --------
    >>> from elsuite.analysis.options import FigureOptions
    >>> from elsuite.database import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0], "target": [1], "height": [2.0], "outcome": ["budget spent"]}
    >>> _ = database.add(minima={"energy": [[0.0], [1.0]]}, paths=paths)
    >>> disconnectivity_remarks(View(database, FigureOptions()))[0]
    'The only merge is not tested: its height is no barrier.'
    """
    tree, _ = view.tree_and_note
    states = tree.evidence.states(tree.tree)
    found = doubts(tree)
    named = " or ".join(name for doubt, name in DOUBT_NAMES.items() if (found == doubt).any())
    dashed = f"Dashed and faded are the lines of parts that join what is lower by a merge that is {named}."
    return [*filter(None, [in_a_sentence(states), dashed if named else ""]), *view_remarks(view)]


PICTURE = Picture(
    disconnectivity_figure,
    caption="Disconnectivity graph. Each line ends at the energy of a minimum; lines join at the lowest energy at "
    "which the minima are connected by the paths found. Lines are colored where all minima under them belong to one "
    "set.",
    remarks=disconnectivity_remarks,
    uses=COLORING
    | {"order", "axis", "scale", "floor", "shape", "levels", "labels", "highlight", "route"}
    | {"component", "connected", "lowest", "below", "smallest", "persistence"},
    on_page=True,
    in_demo=True,
)
