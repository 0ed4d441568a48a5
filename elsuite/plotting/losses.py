"""Loss curves of one minimizer: every run faint, their median bold, training and test, early stops marked."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from elsuite.analysis import LossCurves, curve_quantiles, loss_curves
from elsuite.analysis.names import surface_name
from elsuite.analysis.scales import EnergyScale, axis_scale
from elsuite.analysis.view import View
from elsuite.plotting.axis import energy_axis, name_axis
from elsuite.plotting.markers import SetStyle, set_styles
from elsuite.plotting.picture import Picture, energy_label, styles_of
from elsuite.plotting.style import DOUBLE_COLUMN, SINGLE_COLUMN, new_axes, paper_style, shown, sized_figure


def plot_losses(
    curves: Sequence[LossCurves],
    *,
    ax: Axes | None = None,
    styles: Mapping[str, SetStyle] | None = None,
    step: str = "epoch",
    label: str = "loss",
) -> Axes:
    """Draw the curves of every run (faint), the median of the runs still going (bold), and the early stops (markers).

    Parameters
    ----------
    curves : sequence of LossCurves
        Those of one minimizer, one a surface.
    styles : mapping, optional
        Set "minimizer/surface" -> SetStyle.
    step : str
        What is counted along the axis: "epoch", "iteration".

    Raises
    ------
    ValueError
        No finite loss at all.

    Examples
    --------
    One run of two epochs, whose lowest loss is its last.

    >>> values, last = np.array([[2.0, 1.0, 0.5]]), (np.array([2]), np.array([0.5]))
    >>> ax = plot_losses([LossCurves("sgd", "train", np.array([0]), values, *last)])
    >>> ax.get_xlabel(), ax.get_ylabel(), ax.lines[0].get_ydata().tolist()
    ('epoch', 'loss', [2.0, 1.0, 0.5])
    """
    finite = [group.values[np.isfinite(group.values)] for group in curves]
    everything = np.concatenate(finite) if finite else np.empty(0)
    if not len(everything):
        raise ValueError("no finite loss to draw: these runs have no curves")
    ax = new_axes(ax)
    names = [f"{group.minimizer}/{group.surface}" for group in curves]
    styles = {**set_styles(names), **(styles or {})}
    scale = axis_scale("auto", everything, ratio=8)
    lines = [
        _draw_curves(ax, group, scale, styles[name].color, dashed=number > 0)
        for number, (group, name) in enumerate(zip(curves, names, strict=True))
    ]
    marks = []
    for group, name in zip(curves, names, strict=True):
        if (known := group.stops >= 0).any():
            style = styles[name]
            marks += ax.plot(
                group.stops[known], scale.lifted(group.stop_values[known]), linestyle="none", marker=style.marker,
                markersize=3.6, markeredgewidth=0.8, markeredgecolor=style.color, markerfacecolor=style.face,
                label=f"taken as {shown(name)}", zorder=4,
            )  # fmt: skip
    last = max(group.values.shape[1] for group in curves) - 1
    ax.set_xlim(-0.02 * max(last, 1), 1.03 * max(last, 1))
    energy_axis(ax.yaxis, everything, scale)
    ax.set_xlabel(step)
    name_axis(ax.yaxis, label)
    ax.locator_params(axis="x", integer=True, nbins=6)
    ax.legend(handles=[*lines, *marks], loc="best")
    return ax


def _draw_curves(ax: Axes, group: LossCurves, scale: EnergyScale, color: str, *, dashed: bool) -> Line2D:
    epochs = np.arange(group.values.shape[1])
    going = np.isfinite(group.values)
    drawn = scale.lifted(group.values)
    lines = [np.column_stack([epochs, values])[alive] for values, alive in zip(drawn, going, strict=True)]
    faint = LineCollection(
        lines, colors=color, linewidths=0.4, alpha=float(np.clip(6 / max(len(lines), 1), 0.08, 0.5)), zorder=1,
        label=f"_{group.surface}",
    )  # fmt: skip
    ax.add_collection(faint, autolim=False)
    # Where most runs have ended, the median would jump to the few slow ones.
    shown = 2 * going.sum(axis=0) >= len(lines)
    (line,) = ax.plot(
        epochs[shown], curve_quantiles(drawn, (0.5,))[0, shown], color=color, linewidth=1.4,
        linestyle="--" if dashed else "-", label=f"{group.surface}, median" if len(lines) > 1 else group.surface,
        zorder=3,
    )  # fmt: skip
    return line


@paper_style()
def losses_figure(view: View) -> Figure:
    """Return the loss curves, a panel a minimizer; raises ValueError where no run has a curve."""
    options = view.options
    curves: dict[str, list[LossCurves]] = {}
    for group in loss_curves(view.database):
        if options.sets and f"{group.minimizer}/{group.surface}" not in view.set_names:
            continue
        curves.setdefault(group.minimizer, []).append(group)
    if not curves:
        raise ValueError("no loss curves to draw: this database has no runs with curves")
    names = " and ".join(surface_name(surface) for surface in view.database.surfaces)
    detail = energy_label(view).partition(" (")[2]
    n = len(curves)
    figure = sized_figure(options, SINGLE_COLUMN if n == 1 else DOUBLE_COLUMN, 2.6 * -(-n // 3))
    columns = min(n, 3)
    axes = figure.subplots(-(-n // columns), columns, squeeze=False, sharey=True).ravel()
    for ax, (minimizer, value) in zip(axes, curves.items(), strict=False):
        step = "iteration" if "lbfgs" in minimizer.lower() else "epoch"
        plot_losses(value, ax=ax, styles=styles_of(view), step=step, label=f"{names} ({detail}" if detail else names)
        ax.set_title(shown(minimizer))
        ax.label_outer()
        ax.set_xlabel(step)
    for ax in axes[n:]:
        ax.set_axis_off()
    low, high = zip(*(ax.get_ylim() for ax in axes[:n]), strict=True)
    axes[0].set_ylim(min(low), max(high))
    return figure


PICTURE = Picture(
    losses_figure,
    caption="Loss curves: every run (faint), the median (bold), and where minima were taken (markers).",
    on_page=True,
    in_demo=True,
)
