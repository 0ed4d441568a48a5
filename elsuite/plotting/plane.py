"""Energies on a plane through three minima, and the paths between them as they are seen from it."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from elsuite.analysis.computed_values import metric_label, stored_values, values_named
from elsuite.analysis.view import View
from elsuite.plotting.axis import name_axis
from elsuite.plotting.contours import BESIDE_AXES, draw_surface
from elsuite.plotting.markers import SetStyle
from elsuite.plotting.picture import Picture, energy_label, plain_scale, styles_of
from elsuite.plotting.style import INK, SINGLE_COLUMN, figure_of, halo, new_axes, paper_style, shown, sized_figure

LINES = (("white", "-"), ("#FFB26B", "--"), ("#FF8AC4", ":"), ("#F7F36B", "-."))
"""Color and line of the paths of each finder, all light: the surface under them is dark to light with dark edges."""


def plot_plane(
    values: xr.Dataset,
    *,
    ax: Axes | None = None,
    styles: Mapping[int, SetStyle] | None = None,
    metric: str | None = None,
    label: str | None = None,
    scale: str = "auto",
    floor: float | None = None,
) -> Axes:
    """Draw what `elsuite.plane` computed: filled contours, the three minima, and the paths projected.

    The longer side lies along the horizontal axis.
    The legend says which share of the paths of each finder lies outside the plane: there, energies are others than the
    colors under the lines.

    Parameters
    ----------
    styles : mapping, optional
        Minimum -> SetStyle.
    metric : str, optional
        A metric in place of the energy.
    scale : {"auto", "linear", "log"}
        Of the colors; "auto" is logarithmic where no value is negative and those above 0 span more than a factor of 30.
    floor : float, optional
        Logarithmic colors: values under it have the color of it.

    Raises
    ------
    NotFoundError
        For a metric that was not computed.
    ValueError
        Where no value is finite.

    Examples
    --------
    >>> values = xr.Dataset(
    ...     {
    ...         "energy": (("y", "x"), [[0.0, 1.0], [2.0, 3.0]]),
    ...         "minimum": ("corner", [3, 7, 9]),
    ...         "place": (("corner", "axis"), [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
    ...     },
    ...     {"x": [0.0, 1.0], "y": [0.0, 1.0]},
    ... )
    >>> ax = plot_plane(values)
    >>> ax.get_xlabel(), [text.get_text() for text in ax.texts]
    ('distance from minimum 3 to 7', ['3', '7', '9'])
    """
    ax = new_axes(ax)
    name = label or ("energy" if metric is None else metric_label(metric))
    sides, found = [values["x"].values, values["y"].values], values_named(values, metric)
    turned = bool(np.ptp(sides[1]) > np.ptp(sides[0]))
    order = [1, 0] if turned else [0, 1]
    x, y = (sides[side] for side in order)
    draw_surface(ax, x, y, found.T if turned else found, label=name, scale=scale, floor=floor)
    ids = values["minimum"].values.tolist()
    places = values["place"].values[:, order]
    _draw_paths(ax, values, order)
    for minimum, place in zip(ids, places, strict=True):
        style = (styles or {}).get(minimum, SetStyle(INK, "o"))
        ax.plot(
            *place, linestyle="none", marker=style.marker, markersize=6, markerfacecolor=style.color,
            markeredgecolor="white", markeredgewidth=1.0, zorder=5, label=f"_minimum{minimum}",
        )  # fmt: skip
        ax.annotate(
            str(minimum), place, xytext=(5, 5), textcoords="offset points", fontsize=8, color=INK, zorder=6,
            path_effects=halo(),
        )  # fmt: skip
    ax.set_xlim(float(x[0]), float(x[-1]))
    ax.set_ylim(float(y[0]), float(y[-1]))
    ax.set_aspect("equal")
    names = [f"distance from minimum {ids[0]} to {ids[1]}", "distance at right angles"]
    for axis, side in zip((ax.xaxis, ax.yaxis), order, strict=True):
        name_axis(axis, names[side])
    if ax.get_legend_handles_labels()[0]:
        wide = figure_of(ax).get_figwidth() > 5
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2 if wide else 1)
    return ax


def _draw_paths(ax: Axes, values: xr.Dataset, order: list[int]) -> None:
    if "curve" not in values:
        return
    finders = [str(name) for name in values["finder"].values]
    curves, shares = values["curve"].values, values["share_outside"].values
    for number, finder in enumerate(dict.fromkeys(finders)):
        color, line = LINES[number % len(LINES)]
        rows = [row for row, own in enumerate(finders) if own == finder]
        for row in rows:
            ax.plot(
                *curves[row].T[order], color=color, linestyle=line, linewidth=1.3, zorder=4,
                path_effects=[withStroke(linewidth=2.3, foreground=INK)],
                label=f"{shown(finder, 20)}: {outside_in_words(shares[rows])} outside" if row == rows[0] else f"_{row}",
            )  # fmt: skip


def outside_in_words(shares: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> str:
    """Return shares as percent, "0 %", or from the smallest to the largest.

    Examples
    --------
    >>> outside_in_words(np.array([1e-12])), outside_in_words(np.array([0.874, 0.91]))
    ('0 %', '87\N{EN DASH}91 %')
    """
    low, high = (f"{100 * value:.0f}" for value in (float(shares.min()), float(shares.max())))
    return f"{low} %" if low == high else f"{low}\N{EN DASH}{high} %"


@paper_style()
def plane_figure(view: View) -> Figure:
    """Return the stored plane through the minima asked for, or the one stored last; raises NotFoundError without."""
    options = view.options
    values = stored_values(view, "plane", options.minima or ())
    x, y = values["x"].values, values["y"].values
    width = options.width or SINGLE_COLUMN
    short, long = sorted((float(np.ptp(x)), float(np.ptp(y))))
    room = (width - BESIDE_AXES) * short / long
    rows = len(set(values["finder"].values)) if "finder" in values else 0
    figure = sized_figure(options, SINGLE_COLUMN, max(room + 0.55 + 0.16 * rows, 1.6))
    styles = styles_of(view)
    own = {i: styles[view.all_sets[i]] for i in values["minimum"].values.tolist() if view.all_sets[i] in styles}
    plot_plane(
        values,
        ax=figure.add_subplot(),
        styles=own,
        metric=options.metric,
        label=energy_label(view) if options.metric is None else None,
        scale=plain_scale(view),
        floor=options.floor,
    )
    return figure


def plane_remarks(view: View) -> list[str]:
    """Return which share of the paths drawn lies outside the plane.

    Examples
    --------
    >>> from elsuite.analysis.options import FigureOptions
    >>> from elsuite.database import LandscapeDatabase
    >>> plane_remarks(View(LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"]), FigureOptions()))
    []
    """
    try:
        values = stored_values(view, "plane", view.options.minima or ())
    except ValueError:
        return []
    if "curve" not in values:
        return ["No stored path leads from corner to corner."]
    shares = outside_in_words(values["share_outside"].values)
    found = [f"Of the paths {shares} lies outside the plane (of their squared steps)."]
    if values.attrs["settings"]["align"]:
        found.append("Minima are images of the stored ones, nearest to the first.")
    return found


PICTURE = Picture(
    plane_figure,
    caption="Energies on the plane through three minima, and paths between them projected onto it. A path's own "
    "energies are not the colors under its line, as far as it lies outside.",
    remarks=plane_remarks,
    uses=frozenset({"floor", "metric", "minima", "scale"}),
    on_page=False,
)
