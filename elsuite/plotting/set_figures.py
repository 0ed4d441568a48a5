"""Figures that compare the sets of a database: path heights, distances, loss curves."""

from matplotlib.figure import Figure

from elsuite.analysis import LossCurves, distances_to_origin, heights_by_set, loss_curves
from elsuite.plotting.distances import plot_distances
from elsuite.plotting.heights import plot_heights
from elsuite.plotting.losses import plot_losses
from elsuite.plotting.names import surface_name
from elsuite.plotting.style import DOUBLE_COLUMN, SINGLE_COLUMN, paper_style, shown
from elsuite.plotting.view import View, sized_figure

__all__ = ["distances_figure", "heights_figure", "losses_figure"]


def heights_figure(view: View) -> Figure:
    """Return the distributions of path heights within the sets and between them.

    Raises
    ------
    ValueError
        No path with a height among the chosen sets.
    """
    options = view.options
    if options.form not in {"points", "histogram"}:
        raise ValueError(f"heights have no form '{options.form}'; there are points, histogram")
    chosen = set(view.set_names)
    heights = {
        name: values
        for name, values in heights_by_set(view.database, surface=view.surface, finder=options.finder).items()
        if set(name.split(" ~ ")) <= chosen and len(values)
    }
    if not heights:
        raise ValueError(
            f"no path with a height on surface '{view.surface}' between minima of {', '.join(chosen)}"
        )
    histogram = options.form == "histogram"
    within = {name: values for name, values in heights.items() if "~" not in name}
    if histogram and within:
        heights = within  # outlines of ten sets over each other say nothing
    ordered = sorted(heights, key=lambda name: ("~" in name, _places(name, view)))
    with paper_style():
        rows = len(ordered)
        figure = sized_figure(options, SINGLE_COLUMN, 2.5 if histogram else 0.75 + 0.36 * max(rows, 2))
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


def distances_figure(view: View) -> Figure:
    """Return the distances of pairs of sets to their common origin: two chosen sets, or the article's pairs.

    Raises
    ------
    ValueError
        Fewer than two sets.
    """
    options = view.options
    pairs = _set_pairs(view.set_names)
    with paper_style():
        figure = sized_figure(options, SINGLE_COLUMN if len(pairs) == 1 else DOUBLE_COLUMN, 2.5)
        axes = figure.subplots(1, len(pairs), squeeze=False)[0]
        for ax, (a, b) in zip(axes, pairs, strict=True):
            value = distances_to_origin(view.database, a, b)
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


def losses_figure(view: View) -> Figure:
    """Return the loss curves, a panel a minimizer.

    Raises
    ------
    ValueError
        No run has a curve.
    """
    options = view.options
    curves: dict[str, list[LossCurves]] = {}
    for group in loss_curves(view.database):
        curves.setdefault(group.minimizer, []).append(group)
    if not curves:
        raise ValueError("no loss curves to draw: this database has no runs with curves")
    names = " and ".join(surface_name(surface) for surface in view.database.surfaces)
    detail = view.energy_label.partition(" (")[2]
    with paper_style():
        n = len(curves)
        figure = sized_figure(options, SINGLE_COLUMN if n == 1 else DOUBLE_COLUMN, 2.6 * -(-n // 3))
        columns = min(n, 3)
        axes = figure.subplots(-(-n // columns), columns, squeeze=False, sharey=True).ravel()
        for ax, (minimizer, value) in zip(axes, curves.items(), strict=False):
            step = "iteration" if "lbfgs" in minimizer.lower() else "epoch"
            plot_losses(
                value, ax=ax, styles=view.styles, step=step, label=f"{names} ({detail}" if detail else names
            )
            ax.set_title(shown(minimizer))
            ax.label_outer()
            ax.set_xlabel(step)
        for ax in axes[n:]:
            ax.set_axis_off()
        low, high = zip(*(ax.get_ylim() for ax in axes[:n]), strict=True)
        axes[0].set_ylim(min(low), max(high))
    return figure
