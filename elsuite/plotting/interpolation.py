"""Energies on the straight lines between pairs of minima: each pair, mean and quartiles, plain against aligned."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from elsuite.analysis.computed_values import line_barriers, metric_label, spread_over_pairs, stored_values, values_named
from elsuite.analysis.scales import axis_scale
from elsuite.analysis.view import View
from elsuite.plotting.axis import energy_axis, name_axis, short_number
from elsuite.plotting.markers import FAMILIES
from elsuite.plotting.picture import Picture, energy_label, plain_scale
from elsuite.plotting.style import SINGLE_COLUMN, legend_above, new_axes, paper_style, sized_figure

MOST_LINES = 200
"""More single lines than this are a smear: mean and quartiles say the same."""


def plot_interpolation(
    values: xr.Dataset,
    *,
    ax: Axes | None = None,
    metric: str | None = None,
    label: str | None = None,
    scale: str = "auto",
    floor: float | None = None,
) -> Axes:
    """Draw what `elsuite.interpolations` computed: every pair (faint), the mean (bold), and the middle half (shaded).

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
        Where no line is finite.

    Examples
    --------
    >>> lines = [[[0.0, 2.0, 0.0], [0.0, 4.0, 0.0]], [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]]
    >>> where = {"ends": np.array(["as stored", "aligned"], dtype=object), "t": [0.0, 0.5, 1.0]}
    >>> ax = plot_interpolation(xr.Dataset({"energy": (("ends", "pair", "t"), lines)}, where))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['as stored: mean barrier 3', 'aligned: mean barrier 1']
    """
    ax = new_axes(ax)
    found, t = values_named(values, metric), values["t"].values
    whole = np.asarray(np.isfinite(found).all(axis=-1))
    if not whole.any():
        raise ValueError("no line between these pairs is finite")
    everything = found[whole]
    axis = axis_scale(scale, everything, floor=floor)
    for number, (ends, lines) in enumerate(zip(values["ends"].values, found, strict=True)):
        known, color = lines[whole[number]], FAMILIES[number % len(FAMILIES)][0]
        if not len(known):
            continue
        spread = spread_over_pairs(known)
        if 1 < len(known) <= MOST_LINES:
            faint = [np.column_stack([t, axis.lifted(line)]) for line in known]
            ax.add_collection(
                LineCollection(
                    faint, colors=color, linewidths=0.4, alpha=float(np.clip(6 / len(known), 0.1, 0.5)), zorder=1
                )
            )
        ax.fill_between(
            t, axis.lifted(spread.low), axis.lifted(spread.high), color=color, alpha=0.2, linewidth=0, zorder=2
        )
        ax.plot(
            t, axis.lifted(spread.mean), color=color, linewidth=1.6, linestyle="-" if number == 0 else "--", zorder=3,
            label=f"{ends}: mean {_what(known, metric)}",
        )  # fmt: skip
    energy_axis(ax.yaxis, everything, axis)
    ax.set_xlim(0, 1)
    name_axis(ax.xaxis, f"t along the line, {found.shape[1]} pair{'s' * (found.shape[1] > 1)}")
    name_axis(ax.yaxis, label or ("energy" if metric is None else metric_label(metric)))
    legend_above(ax)
    return ax


def _what(lines: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", metric: str | None) -> str:
    if metric is None:
        return f"barrier {short_number(float(line_barriers(lines).mean()))}"
    return f"in the middle {short_number(float(lines[:, lines.shape[1] // 2].mean()))}"


@paper_style()
def interpolation_figure(view: View) -> Figure:
    """Return the interpolations stored last; raises NotFoundError without any."""
    options = view.options
    figure = sized_figure(options, SINGLE_COLUMN, 2.5)
    plot_interpolation(
        stored_values(view, "interpolation"),
        ax=figure.add_subplot(),
        metric=options.metric,
        label=energy_label(view) if options.metric is None else None,
        scale=plain_scale(view),
        floor=options.floor,
    )
    return figure


PICTURE = Picture(
    interpolation_figure,
    caption="Energies on straight lines between pairs of minima: every pair (thin), the mean (bold) and the middle "
    "half of the pairs (shaded); a barrier is the highest value over the line between the ends'. Aligned: the second "
    "end is its image by the landscape's symmetry nearest to the first.",
    uses=frozenset({"floor", "metric", "scale"}),
)
