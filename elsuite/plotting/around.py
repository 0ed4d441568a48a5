"""Energies around a minimum, along one or over two random directions."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elsuite.analysis.computed_values import metric_label, stored_values, values_named
from elsuite.analysis.scales import axis_scale
from elsuite.analysis.view import View
from elsuite.plotting.axis import energy_axis, name_axis
from elsuite.plotting.contours import BESIDE_AXES, draw_surface
from elsuite.plotting.markers import SetStyle
from elsuite.plotting.picture import Picture, energy_label, plain_scale, styles_of
from elsuite.plotting.style import INK, SINGLE_COLUMN, halo, new_axes, paper_style, sized_figure

WORDS = {"filter": "filter-normalized", "layer": "layer-normalized", "plain": "in length scales"}


def plot_around(
    values: xr.Dataset,
    *,
    ax: Axes | None = None,
    style: SetStyle | None = None,
    metric: str | None = None,
    label: str | None = None,
    scale: str = "auto",
    floor: float | None = None,
) -> Axes:
    """Draw what `elsuite.surface_around` computed: a line, or filled contours, with the minimum in the middle.

    Parameters
    ----------
    metric : str, optional
        A metric in place of the energy.
    scale : {"auto", "linear", "log"}
        "auto" is logarithmic where no value is negative and those above 0 span more than a factor of 30.

    Raises
    ------
    NotFoundError
        For a metric that was not computed.
    ValueError
        Where no value is finite.

    Examples
    --------
    >>> said = {"settings": {"directions": "filter"}}
    >>> found = {"energy": ("x", [1.0, 0.0, 1.0]), "minimum": ("center", [3])}
    >>> values = xr.Dataset(found, {"x": [-1.0, 0.0, 1.0]}, said)
    >>> ax = plot_around(values)
    >>> ax.get_xlabel(), ax.lines[0].get_ydata().tolist()
    ('step along a random direction, filter-normalized', [1.0, 0.0, 1.0])
    """
    ax = new_axes(ax)
    name = label or ("energy" if metric is None else metric_label(metric))
    style = style or SetStyle(INK, "o")
    found, x = values_named(values, metric), values["x"].values
    minimum = int(values["minimum"].values[0])
    how = WORDS[values.attrs["settings"]["directions"]]
    if found.ndim == 2:
        draw_surface(ax, x, values["y"].values, found, label=name, scale=scale, floor=floor)
        ax.plot(
            0, 0, linestyle="none", marker=style.marker, markersize=6, markerfacecolor=style.color,
            markeredgecolor="white", markeredgewidth=1.0, zorder=5, label="_minimum",
        )  # fmt: skip
        ax.set_aspect("equal")
        name_axis(ax.xaxis, f"step along direction 1, {how}")
        name_axis(ax.yaxis, "step along direction 2")
        place = (0.0, 0.0)
    else:
        finite = np.isfinite(found)
        if not finite.any():
            raise ValueError("no finite value to draw on this line")
        axis = axis_scale(scale, found[finite], floor=floor)
        ax.plot(x, axis.lifted(found), color=style.color, linewidth=1.3, zorder=2)
        energy_axis(ax.yaxis, found[finite], axis)
        middle = float(np.interp(0.0, x[finite], axis.lifted(found[finite])))
        ax.plot(
            0, middle, linestyle="none", marker=style.marker, markersize=5, markeredgecolor=style.color,
            markerfacecolor=style.face, zorder=4, label="_minimum",
        )  # fmt: skip
        ax.set_xlim(float(x[0]), float(x[-1]))
        name_axis(ax.xaxis, f"step along a random direction, {how}")
        name_axis(ax.yaxis, name)
        place = (0.0, middle)
    ax.annotate(
        str(minimum), place, xytext=(5, 5), textcoords="offset points", fontsize=8, color=INK, zorder=6,
        path_effects=halo(),
    )  # fmt: skip
    return ax


@paper_style()
def around_figure(view: View) -> Figure:
    """Return the surface around the minimum asked for, or the one stored last; raises NotFoundError without any."""
    options = view.options
    values = stored_values(view, "around", () if options.minimum is None else (options.minimum,), dims=options.dims)
    flat = values["energy"].ndim == 1
    width = options.width or SINGLE_COLUMN
    figure = sized_figure(options, SINGLE_COLUMN, 2.3 if flat else width - BESIDE_AXES + 0.5)
    plot_around(
        values,
        ax=figure.add_subplot(),
        style=styles_of(view).get(view.all_sets[int(values["minimum"].values[0])]),
        metric=options.metric,
        label=energy_label(view) if options.metric is None else None,
        scale=plain_scale(view),
        floor=options.floor,
    )
    return figure


PICTURE = Picture(
    around_figure,
    caption="Energies around a minimum, along random directions; filter-normalized, each filter of a direction is as "
    "long as the same filter of the solution. Random directions seldom show saddles and neighbors.",
    uses=frozenset({"dims", "floor", "metric", "minimum", "scale"}),
)
