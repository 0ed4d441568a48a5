"""The transition network as a graph: minima at given places, edges colored by the height of the path."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from elsuite.analysis.view import View
from elsuite.core.typing import Floats, Ids
from elsuite.network import AnyGraph, minimax_route, spanning_forest
from elsuite.plotting.axis import name_axis, scale_bar, value_norm
from elsuite.plotting.embedding import marker_size, ring
from elsuite.plotting.markers import SetStyle, set_styles
from elsuite.plotting.picture import Picture, energy_label, styles_of, view_remarks
from elsuite.plotting.style import INK, legend_above, legend_handles, new_axes, paper_style, scatter_sets, sized_figure

MOST_EDGES = 20_000
"""Only so many of the lowest edges are drawn, and a text says so."""


def plot_network(
    network: AnyGraph,
    positions: Mapping[Hashable, Sequence[float]],
    *,
    ax: Axes | None = None,
    styles: Mapping[str, SetStyle] | None = None,
    energy: str = "energy",
    highlight: Iterable[Hashable] = (),
    route: Sequence[Hashable] = (),
    label: str = "path height",
    axis_labels: tuple[str, str] | None = None,
) -> Axes:
    """Draw a network: low paths dark and wide, the edges of the lowest spanning tree over all others.

    Parameters
    ----------
    network : networkx Graph or MultiGraph
        With edge attribute `energy` and, where there are sets, node attribute ``set``.
    positions : mapping
        Node -> (x, y): from an embedding or a networkx layout.
    route : sequence of nodes
        Drawn as a dark line along the edges between successive nodes.
    axis_labels : pair of str, optional
        Names of the two axes; none are drawn where the positions have no meaning.

    Raises
    ------
    ValueError
        A node without a position.

    Examples
    --------
    >>> import networkx as nx
    >>> network = nx.Graph([("a", "b", {"energy": 1.0}), ("b", "c", {"energy": 2.0})])
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> ax = plot_network(network, {"a": (0, 0), "b": (1, 1), "c": (2, 0)}, highlight=["c"])
    >>> [text.get_text() for text in ax.texts]
    ['c']
    """
    nodes = list(network)
    missing = [node for node in nodes if node not in positions]
    if missing:
        raise ValueError(f"no position given for {len(missing)} nodes, the first is {missing[0]!r}")
    ax = new_axes(ax)
    places = np.array([positions[node] for node in nodes], dtype=float).reshape(len(nodes), -1)[:, :2]
    row = {node: number for number, node in enumerate(nodes)}
    sets = [str(network.nodes[node].get("set", "")) for node in nodes]
    styles = set_styles(sets) if styles is None else styles
    ends, heights = _edges(network, row, energy)
    _draw_edges(ax, places, ends, heights, label=label)
    if len(route) > 1:
        ax.plot(
            *places[[row[node] for node in route]].T, color=INK, linewidth=2.0, zorder=3, label="_route",
            solid_capstyle="round", solid_joinstyle="round",
        )  # fmt: skip
    scatter_sets(ax, places, sets, styles, size=1.3 * marker_size(len(nodes)), zorder=4)
    ring(ax, places, {row[node]: str(node) for node in [*highlight, *route]})
    ax.autoscale_view()
    ax.margins(0.07)
    if axis_labels is None:
        ax.set_axis_off()
    else:
        name_axis(ax.xaxis, axis_labels[0])
        name_axis(ax.yaxis, axis_labels[1])
    if len(set(sets) & set(styles)) > 1:
        shown = {name: style for name, style in styles.items() if name in set(sets)}
        legend_above(ax, legend_handles(shown), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return ax


def _edges(network: AnyGraph, row: Mapping[Hashable, int], energy: str) -> tuple[Ids, Floats]:
    """Return the ends (m, 2) and heights (m,) of the edges between different nodes, highest first."""
    edges: Iterable[tuple[Hashable, Hashable, Any]] = network.edges(data=energy)
    found = [(row[a], row[b], float(height)) for a, b, height in edges if a != b and height is not None]
    table = np.array(sorted(found, key=lambda edge: -edge[2])).reshape(-1, 3)
    return table[:, :2].astype(np.int64), table[:, 2]


def _draw_edges(ax: Axes, places: Floats, ends: Ids, heights: Floats, *, label: str) -> None:
    if not len(ends):
        ax.text(0.5, 0.02, "no path was found between these minima", transform=ax.transAxes, ha="center", fontsize=7)
        return
    hidden = len(ends) - MOST_EDGES
    ends, heights = ends[-MOST_EDGES:], heights[-MOST_EDGES:]
    norm = value_norm(heights)
    in_tree = np.zeros(len(ends), dtype=bool)
    in_tree[spanning_forest(len(places), ends[:, 0], ends[:, 1], heights)] = True
    fade = float(np.clip(60 / len(ends), 0.06, 0.45))
    for chosen, width, alpha, zorder in ((~in_tree, 0.5, fade, 1), (in_tree, 1.2, 0.95, 2)):
        lines = LineCollection(
            list(places[ends[chosen]]), cmap="viridis", norm=norm, linewidths=width, alpha=alpha, zorder=zorder
        )
        lines.set_array(heights[chosen])
        ax.add_collection(lines)
    scale_bar(lines, ax, label, fraction=0.05)
    if hidden > 0:
        ax.text(
            0.0, 0.0, f"{hidden:,} higher paths not drawn", transform=ax.transAxes, fontsize=6.5, color=INK, va="top"
        )


@paper_style()
def network_figure(view: View) -> Figure:
    """Return the transition network on the kernel-PCA map."""
    options = view.options
    embedding = view.embedding
    positions = {i: tuple(place[:2]) for i, place in zip(view.ids.tolist(), embedding.coordinates, strict=True)}
    ends = [view.check_minimum(end) for end in options.route or ()]
    figure = sized_figure(options, 4.6, 3.6)
    plot_network(
        view.network,
        positions,
        ax=figure.add_subplot(),
        styles=styles_of(view),
        highlight=[view.check_minimum(minimum) for minimum in options.highlight],
        route=minimax_route(view.network, *ends) if ends else (),
        label=f"path height, {energy_label(view)}",
        axis_labels=("kernel component 1", "kernel component 2"),
    )
    return figure


PICTURE = Picture(
    network_figure,
    caption="The minima on the map, joined by the paths found; low paths are dark and wide. "
    "Where no line is drawn none was searched or found; a height is an upper bound of the barrier.",
    remarks=view_remarks,
    uses=frozenset({"finder", "joins", "highlight", "kernel", "route"}),
    in_demo=True,
)
