"""Figures of the tree and the network: disconnectivity graph, superbasins, profile of a route, network."""

from dataclasses import replace
from typing import Literal, cast

from matplotlib.figure import Figure

from elsuite.analysis import DisconnectivityTree, TreeLayout, superbasin_curves, tree_layout
from elsuite.analysis.leaf_order import OrderName
from elsuite.analysis.tree_layout import Style
from elsuite.network import minimax_route
from elsuite.plotting.coloring import coloring, column_label, superbasin_energy
from elsuite.plotting.disconnectivity import plot_disconnectivity
from elsuite.plotting.network import plot_network
from elsuite.plotting.profile import plot_profile
from elsuite.plotting.style import DOUBLE_COLUMN, SINGLE_COLUMN, paper_style
from elsuite.plotting.superbasins import plot_superbasins
from elsuite.plotting.view import View, sized_figure

__all__ = ["disconnectivity_figure", "network_figure", "profile_figure", "superbasins_figure"]

ORDERS = ("centered", "energy", "size")


def disconnectivity_figure(view: View) -> Figure:
    """Return the disconnectivity graph of the chosen surface.

    Raises
    ------
    ValueError
        A minimum to be highlighted that the trims hide.
    """
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
    with paper_style():
        figure = sized_figure(options, DOUBLE_COLUMN if wide else SINGLE_COLUMN, 3.6 if wide else 2.9)
        plot_disconnectivity(
            tree,
            ax=figure.add_subplot(),
            layout=_layout(view, tree),
            color_by=colors.values,
            styles={**view.styles, **colors.styles},
            values_label=colors.label,
            mark_by=dict(zip(view.ids.tolist(), view.sets, strict=True)),
            labels=options.labels,
            highlight=options.highlight,
            route=[minimum for minimum in route if minimum in set(tree.leaves)],
            energy=superbasin_energy(view) if shows_energy else None,
            energy_label=view.energy_label,
            value_label=column_label(view, options.order) if options.axis == "value" else "",
            note=note,
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


def superbasins_figure(view: View) -> Figure:
    """Return the number of superbasins and the size of the largest one at all energies."""
    tree = view.whole_tree
    with paper_style():
        figure = sized_figure(view.options, SINGLE_COLUMN, 2.4)
        plot_superbasins(
            superbasin_curves(tree),
            ax=figure.add_subplot(),
            scale=view.scale(tree),
            energy=view.options.energy,
            energy_label=view.energy_label,
        )
    return figure


def profile_figure(view: View) -> Figure:
    """Return the energies along the lowest route between two minima, and along their direct path.

    Raises
    ------
    ValueError
        No route between the two, or no path at all.
    """
    options = view.options
    a, b = options.route or view.default_route
    route = minimax_route(view.network, view.check_minimum(a), view.check_minimum(b))
    if len(route) < 2:
        raise ValueError(f"no route joins minima {a} and {b} on surface '{view.surface}'")
    profiles = {"lowest route": view.profile([int(str(minimum)) for minimum in route])}
    if len(route) > 2 and view.network.has_edge(a, b):
        direct, steps = view.profile([a, b]), profiles["lowest route"].positions[-1]
        counted = direct.positions[-1] == 1 and steps == len(route) - 1
        if counted:  # lengths are not known: both end at one place
            stretched = tuple(leg * [steps, 1] for leg in direct.legs)
            direct = replace(direct, positions=(0.0, steps), legs=stretched)
        profiles["direct path"] = direct
    with paper_style():
        figure = sized_figure(options, SINGLE_COLUMN, 2.5)
        plot_profile(
            profiles if len(profiles) > 1 else profiles["lowest route"],
            ax=figure.add_subplot(),
            styles=view.styles,
            label=view.energy_label,
            scale=options.scale if options.scale in {"linear", "log"} else "auto",
        )
    return figure


def network_figure(view: View) -> Figure:
    """Return the transition network on the kernel-PCA map."""
    options = view.options
    embedding = view.embedding
    positions = {
        i: tuple(place[:2]) for i, place in zip(view.ids.tolist(), embedding.coordinates, strict=True)
    }
    ends = [view.check_minimum(end) for end in options.route or ()]
    with paper_style():
        figure = sized_figure(options, 4.6, 3.6)
        plot_network(
            view.network,
            positions,
            ax=figure.add_subplot(),
            styles=view.styles,
            highlight=[view.check_minimum(minimum) for minimum in options.highlight],
            route=minimax_route(view.network, *ends) if ends else (),
            label=f"path height, {view.energy_label}",
            axis_labels=("kernel component 1", "kernel component 2"),
        )
    return figure
