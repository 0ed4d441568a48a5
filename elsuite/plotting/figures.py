"""One finished figure of a database for each kind: values from `elsuite.analysis`, drawn by this sub-package."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from matplotlib.figure import Figure

from elsuite.analysis import LossCurves, distances_to_origin, heights_by_set, loss_curves, tree_layout
from elsuite.network import minimax_route
from elsuite.plotting.clustering import plot_clustering
from elsuite.plotting.coloring import clusters_of, coloring, superbasin_energy
from elsuite.plotting.disconnectivity import plot_disconnectivity
from elsuite.plotting.distances import plot_distances
from elsuite.plotting.embedding import plot_embedding
from elsuite.plotting.heights import plot_heights
from elsuite.plotting.losses import plot_losses
from elsuite.plotting.network import plot_network
from elsuite.plotting.options import FigureOptions
from elsuite.plotting.profile import plot_profile
from elsuite.plotting.saving import check_format, save_figure
from elsuite.plotting.style import DOUBLE_COLUMN, SINGLE_COLUMN, category_styles, legend_handles, new_figure, paper_style
from elsuite.plotting.view import View, surface_name

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase

__all__ = ["FIGURES", "FigureOptions", "check_format", "save_figure"]

Builder: TypeAlias = Callable[["LandscapeDatabase", FigureOptions], Figure]


def _figure(options: FigureOptions, width: float, height: float) -> Figure:
    return new_figure(options.width or width, options.height or height)


def disconnectivity_figure(database: "LandscapeDatabase", options: FigureOptions) -> Figure:
    """Return the disconnectivity graph of the chosen surface.

    Parameters
    ----------
    database : LandscapeDatabase
    options : FigureOptions

    Returns
    -------
    Figure
    """
    view = View(database, options)
    tree, note = view.tree_and_note
    kept = [int(label) for label in tree.leaves]  # type: ignore[call-overload]
    values = None
    order = options.order
    if order not in {"centered", "energy", "size"}:
        chosen = dict(zip(view.ids.tolist(), view.column(order).tolist(), strict=True))
        values, order = [chosen[label] for label in kept], "value"
    layout = tree_layout(
        tree, order=order, values=values, style=options.shape, slope=0.12, levels=options.levels,
        scale=view.scale(tree),
    )  # type: ignore[arg-type]  # fmt: skip
    colors = coloring(view)
    ends = [view.check_minimum(end) for end in options.route or ()]
    wide = len(kept) > 24
    with paper_style():
        figure = _figure(options, DOUBLE_COLUMN if wide else SINGLE_COLUMN, 3.6 if wide else 2.9)
        plot_disconnectivity(
            tree,
            ax=figure.add_subplot(),
            layout=layout,
            color_by=colors.values,
            styles={**view.styles, **colors.styles},
            values_label=colors.label,
            mark_by=dict(zip(view.ids.tolist(), view.sets, strict=True)),
            labels=options.labels,
            highlight=[view.check_minimum(minimum) for minimum in options.highlight],
            route=minimax_route(view.network, *ends) if ends else (),
            energy=superbasin_energy(view) if options.energy is not None or options.color_by == "superbasin" else None,
            energy_label=view.energy_label,
            note=note,
        )
    return figure


def heights_figure(database: "LandscapeDatabase", options: FigureOptions) -> Figure:
    """Return the distributions of path heights within the sets and between them.

    Parameters
    ----------
    database : LandscapeDatabase
    options : FigureOptions

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        No path with a height among the chosen sets.
    """
    view = View(database, options)
    chosen = set(view.set_names)
    heights = {
        name: values
        for name, values in heights_by_set(database, surface=view.surface).items()
        if set(name.split(" ~ ")) <= chosen and len(values)
    }
    if not heights:
        raise ValueError(f"no path with a height on surface '{view.surface}' between minima of {', '.join(chosen)}")
    histogram = options.form == "histogram"
    within = {name: values for name, values in heights.items() if "~" not in name}
    if histogram and within:
        heights = within  # outlines of ten sets over each other say nothing
    ordered = sorted(heights, key=lambda name: ("~" in name, _places(name, view)))
    with paper_style():
        rows = len(ordered)
        figure = _figure(options, SINGLE_COLUMN, 2.5 if histogram else 0.75 + 0.36 * max(rows, 2))
        plot_heights(
            {name: heights[name] for name in ordered},
            ax=figure.add_subplot(),
            styles=view.styles,
            form="histogram" if histogram else "points",
            scale="log" if options.scale == "log" else "linear" if options.scale == "linear" else "auto",
            label=f"path height, {view.energy_label}",
        )
    return figure


def _places(name: str, view: View) -> list[int]:
    names = list(view.styles)
    return [names.index(part) for part in name.split(" ~ ")]


def kpca_figure(database: "LandscapeDatabase", options: FigureOptions) -> Figure:
    """Return the map of the minima by their first two kernel principal components.

    Parameters
    ----------
    database : LandscapeDatabase
    options : FigureOptions

    Returns
    -------
    Figure
    """
    view = View(database, options)
    embedding = view.embedding
    colors = coloring(view)
    row = {minimum: number for number, minimum in enumerate(view.ids.tolist())}
    numeric = colors.numbers is not None
    with paper_style():
        figure = _figure(options, SINGLE_COLUMN, 2.8)
        ax = figure.add_subplot()
        plot_embedding(
            embedding.coordinates,
            ax=ax,
            sets=view.sets if numeric or colors.is_sets else [str(colors.values[i]) for i in view.ids.tolist()],
            styles=view.styles if numeric or colors.is_sets else colors.styles,
            values=colors.numbers,
            values_label=colors.label,
            axis_labels=("kernel component 1", "kernel component 2"),
            explained=embedding.explained,
            highlight={row[view.check_minimum(minimum)]: str(minimum) for minimum in options.highlight},
            legend=False,
        )
        _legend_above(ax.get_figure(), view.styles if numeric or colors.is_sets else colors.styles, view)
    return figure


def _legend_above(figure: object, styles: Mapping[str, object], view: View) -> None:
    assert isinstance(figure, Figure)
    shown = {name: style for name, style in styles.items() if name in view.set_names or "/" not in name}
    if len(shown) > 1:
        figure.legend(
            handles=legend_handles(shown),  # type: ignore[arg-type]
            loc="outside upper center",
            ncols=min(len(shown), 2 if figure.get_figwidth() < 4 else 6),
        )


def distances_figure(database: "LandscapeDatabase", options: FigureOptions) -> Figure:
    """Return the distances of pairs of sets to their common origin: two chosen sets, or the article's pairs.

    Parameters
    ----------
    database : LandscapeDatabase
    options : FigureOptions

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        Fewer than two sets.
    """
    view = View(database, options)
    pairs = _set_pairs(view.set_names)
    with paper_style():
        figure = _figure(options, SINGLE_COLUMN if len(pairs) == 1 else DOUBLE_COLUMN, 2.5)
        axes = figure.subplots(1, len(pairs), squeeze=False)[0]
        for ax, (a, b) in zip(axes, pairs, strict=True):
            value = distances_to_origin(database, a, b)
            plot_distances(
                {a: value.distances_a, b: value.distances_b},
                ax=ax,
                mean_distance=value.mean_distance,
                styles=view.styles,
            )
    return figure


def _set_pairs(sets: list[str]) -> list[tuple[str, str]]:
    """Return which sets are compared: one minimizer's test set with the other's train set, and both test sets."""
    if len(sets) < 2:
        raise ValueError(f"distances compare two sets; there is only {', '.join(sets)}")
    families = list(dict.fromkeys(name.partition("/")[0] for name in sets))
    if len(sets) > 2 and len(families) > 1:
        first, second = families[:2]
        wanted = [(f"{first}/test", f"{second}/train"), (f"{first}/test", f"{second}/test")]
        found = [pair for pair in wanted if set(pair) <= set(sets)]
        if found:
            return found
    return [(sets[0], sets[1])]


def losses_figure(database: "LandscapeDatabase", options: FigureOptions) -> Figure:
    """Return the loss curves, a panel a minimizer.

    Parameters
    ----------
    database : LandscapeDatabase
    options : FigureOptions

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        No run has a curve.
    """
    view = View(database, options)
    curves: dict[str, list[LossCurves]] = {}
    for group in loss_curves(database):
        curves.setdefault(group.minimizer, []).append(group)
    if not curves:
        raise ValueError("no loss curves to draw: this database has no runs with curves")
    names = " and ".join(surface_name(surface) for surface in database.surfaces)
    detail = view.energy_label.partition(" (")[2]
    with paper_style():
        n = len(curves)
        figure = _figure(options, SINGLE_COLUMN if n == 1 else DOUBLE_COLUMN, 2.6 * -(-n // 3))
        columns = min(n, 3)
        axes = figure.subplots(-(-n // columns), columns, squeeze=False, sharey=True).ravel()
        for ax, (minimizer, value) in zip(axes, curves.items(), strict=False):
            step = "iteration" if "lbfgs" in minimizer.lower() else "epoch"
            plot_losses(value, ax=ax, styles=view.styles, step=step, label=f"{names} ({detail}" if detail else names)
            ax.set_title(minimizer)
            ax.label_outer()
            ax.set_xlabel(step)
        for ax in axes[n:]:
            ax.set_axis_off()
        low, high = zip(*(ax.get_ylim() for ax in axes[:n]), strict=True)
        axes[0].set_ylim(min(low), max(high))
    return figure


def profile_figure(database: "LandscapeDatabase", options: FigureOptions) -> Figure:
    """Return the energies along the lowest route between two minima, and along their direct path.

    Parameters
    ----------
    database : LandscapeDatabase
    options : FigureOptions

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        No route between the two, or no path at all.
    """
    view = View(database, options)
    a, b = options.route or view.default_route
    route = minimax_route(view.network, view.check_minimum(a), view.check_minimum(b))
    if len(route) < 2:
        raise ValueError(f"no route joins minima {a} and {b} on surface '{view.surface}'")
    profiles = {"lowest route": view.profile([int(minimum) for minimum in route])}
    if len(route) > 2 and view.network.has_edge(a, b):
        profiles["direct path"] = view.profile([a, b])
    with paper_style():
        figure = _figure(options, SINGLE_COLUMN, 2.5)
        plot_profile(
            profiles if len(profiles) > 1 else profiles["lowest route"],
            ax=figure.add_subplot(),
            styles=view.styles,
            label=view.energy_label,
            scale=options.scale if options.scale in {"linear", "log"} else "auto",
        )
    return figure


def network_figure(database: "LandscapeDatabase", options: FigureOptions) -> Figure:
    """Return the transition network on the kernel-PCA map.

    Parameters
    ----------
    database : LandscapeDatabase
    options : FigureOptions

    Returns
    -------
    Figure
    """
    view = View(database, options)
    embedding = view.embedding
    positions = {i: tuple(place[:2]) for i, place in zip(view.ids.tolist(), embedding.coordinates, strict=True)}
    ends = [view.check_minimum(end) for end in options.route or ()]
    with paper_style():
        figure = _figure(options, 4.6, 3.6)
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


def clustering_figure(database: "LandscapeDatabase", options: FigureOptions) -> Figure:
    """Return a clustering of the minima: where the clusters lie, and which sets they hold.

    Parameters
    ----------
    database : LandscapeDatabase
    options : FigureOptions

    Returns
    -------
    Figure
    """
    view = View(database, options)
    clusters, title = clusters_of(view)
    names = sorted(set(clusters), key=lambda name: (name == "none", len(name), name))
    with paper_style():
        figure = _figure(options, DOUBLE_COLUMN, 2.8)
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        plot_embedding(
            view.embedding.coordinates,
            ax=left,
            sets=clusters,
            styles=category_styles(names),
            axis_labels=("kernel component 1", "kernel component 2"),
            explained=view.embedding.explained,
        )
        left.set_title(title)
        plot_clustering(clusters, view.sets, ax=right, styles=view.styles)
    return figure


FIGURES: dict[str, Builder] = {
    "disconnectivity": disconnectivity_figure,
    "heights": heights_figure,
    "kpca": kpca_figure,
    "distances": distances_figure,
    "losses": losses_figure,
    "profile": profile_figure,
    "network": network_figure,
    "clustering": clustering_figure,
}
"""The figures by kind: ``FIGURES[kind](database, options)`` returns a matplotlib Figure."""
