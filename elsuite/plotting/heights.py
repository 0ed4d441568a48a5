"""Distributions of path heights, a row a set: every value, its density, median and quartiles."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy.stats import gaussian_kde

from elsuite.analysis import heights_by_set
from elsuite.analysis.scales import LogScale, axis_scale
from elsuite.analysis.view import View
from elsuite.core.typing import Floats
from elsuite.plotting.axis import energy_axis, name_axis
from elsuite.plotting.markers import NEUTRAL, SetStyle, set_styles
from elsuite.plotting.picture import Picture, energy_label, plain_scale, styles_of, view_remarks
from elsuite.plotting.style import INK, SINGLE_COLUMN, legend_above, new_axes, paper_style, shown, sized_figure

# More points than this are a smear: the density and the quartiles say the same.
MOST_POINTS = 400


def plot_heights(
    heights: Mapping[str, ArrayLike],
    *,
    ax: Axes | None = None,
    styles: Mapping[str, SetStyle] | None = None,
    form: Literal["points", "histogram"] = "points",
    scale: str = "auto",
    floor: float | None = None,
    label: str = "path height",
) -> Axes:
    r"""Draw the distribution of heights of each set.

    ``form="points"`` draws a row a set: the values, their density (Gaussian kernel, Scott's bandwidth, on the
    drawn scale) and the quartiles with the median. ``form="histogram"`` draws outlines over shared bins.

    Parameters
    ----------
    heights : mapping
        Set, or "a ~ b" between two sets, -> heights; values that are not finite are left out.
    scale : {"auto", "linear", "log"}
        "auto" is logarithmic where no value is negative and those above 0 span more than a factor of 30.
    floor : float, optional
        Logarithmic axis: values under it are drawn at it; by default those of 0 under the lowest others.

    Raises
    ------
    ValueError
        No finite value at all.

    Examples
    --------
    >>> ax = plot_heights({"sgd/train": [1.0, 1.2, 1.1], "sgd/test": [0.7, 0.9]})
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['sgd/train\nn = 3', 'sgd/test\nn = 2']
    """
    values = finite_values(heights, "height")
    ax = new_axes(ax)
    axis = axis_scale(scale, np.concatenate(list(values.values())), floor=floor)
    values = {name: axis.lifted(given) for name, given in values.items()}
    everything, log = np.concatenate(list(values.values())), isinstance(axis, LogScale)
    own = dict(styles) if styles is not None else set_styles(name for name in values if "~" not in name)
    if form == "histogram":
        _draw_histograms(ax, values, own, log=log)
        drawn = everything
    else:
        drawn = np.concatenate([everything, _draw_rows(ax, values, own, log=log)])
    energy_axis(ax.xaxis, drawn, axis)
    name_axis(ax.xaxis, label)
    return ax


def finite_values(sets: Mapping[str, ArrayLike], what: str) -> dict[str, Floats]:
    """Return the finite values of each set that has some; raises ValueError where none has."""
    arrays = {name: np.asarray(given, dtype=float).ravel() for name, given in sets.items()}
    finite = {name: array[np.isfinite(array)] for name, array in arrays.items() if np.isfinite(array).any()}
    if not finite:
        raise ValueError(f"no finite {what} to draw in the sets {list(sets)}")
    return finite


def _color(name: str, styles: Mapping[str, SetStyle]) -> str:
    return styles[name].color if name in styles else NEUTRAL


def _draw_rows(ax: Axes, values: Mapping[str, Floats], styles: Mapping[str, SetStyle], *, log: bool) -> Floats:
    """Draw a row a set; return where the densities end."""
    ends: list[float] = []
    for row, (name, given) in enumerate(values.items()):
        drawn = np.log10(given) if log else given
        color = _color(name, styles)
        grid, density = _density(drawn)
        positions = 10**grid if log else grid
        if len(grid):
            ends += [float(positions[0]), float(positions[-1])]
            ax.fill_between(positions, row - 0.08, row - 0.08 - 0.4 * density, color=color, alpha=0.35, linewidth=0)
            ax.plot(positions, row - 0.08 - 0.4 * density, color=color, linewidth=0.8)
        if len(given) <= MOST_POINTS:
            ax.scatter(
                given, row + 0.24 + 0.13 * _spread(drawn), s=5 if len(given) > 40 else 9, color=color,
                alpha=0.75, linewidth=0, zorder=2,
            )  # fmt: skip
        low, middle, high = np.quantile(given, [0.25, 0.5, 0.75])
        if len(given) >= 5:
            ax.plot([low, high], [row + 0.02, row + 0.02], color=INK, linewidth=1.6, solid_capstyle="butt")
        ax.plot(middle, row + 0.02, marker="|", color=INK, markersize=7, markeredgewidth=1.6)
    ax.set_ylim(len(values) - 0.45, -0.6)
    ax.set_yticks(range(len(values)), [f"{shown(name, 40)}\nn = {len(given)}" for name, given in values.items()])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return np.array(ends)


def _density(drawn: Floats) -> tuple[Floats, Floats]:
    """Return grid and density with highest value 1; both empty where there is no spread or are under 5 values."""
    spread = float(np.ptp(drawn))
    if len(drawn) < 5 or spread <= 1e-12 * float(np.abs(drawn).max()):
        return np.empty(0), np.empty(0)
    low = float(drawn.min())
    kernel = gaussian_kde((drawn - low) / spread)  # the squares of heights may overflow or vanish, whatever their unit
    reach = float(np.sqrt(kernel.covariance[0, 0]))
    grid = np.linspace(-reach, 1 + reach, 160)
    density = kernel(grid)
    return low + spread * grid, density / density.max()


def _spread(drawn: Floats) -> Floats:
    """Return offsets in [-1, 1] that part neighbors: the golden ratio's sequence over the ranks, no random numbers."""
    ranks = np.argsort(np.argsort(drawn, kind="stable"), kind="stable")
    offsets: Floats = 2 * np.mod(0.5 + ranks * 0.6180339887498949, 1.0) - 1
    return offsets


def _draw_histograms(ax: Axes, values: Mapping[str, Floats], styles: Mapping[str, SetStyle], *, log: bool) -> None:
    everything = np.concatenate(list(values.values()))
    bins = shared_bins(everything, log=log, most=int(np.clip(np.sqrt(max(map(len, values.values()))) * 2, 8, 30)))
    for name, given in values.items():
        ax.hist(
            given, bins=list(bins), histtype="stepfilled", facecolor="none", edgecolor=_color(name, styles),
            linewidth=1.2, label=f"{shown(name)} (n = {len(given)})",
        )  # fmt: skip
    ax.set_ylabel("number of paths")
    legend_above(ax)


def shared_bins(values: Floats, *, log: bool, most: int) -> Floats:
    """Return the edges of `most` bins over all values, of equal width on the drawn scale."""
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        margin = 0.05 * max(abs(low), abs(high), 1e-12)
        low, high = low - margin, high + margin
    return np.geomspace(low, high, most + 1) if log else np.linspace(low, high, most + 1)


@paper_style()
def heights_figure(view: View) -> Figure:
    """Return the distributions of path heights within the sets and between them; raises ValueError without a path."""
    options = view.options
    chosen = view.set_names
    found = heights_by_set(view.database, view.surface, finder=options.finder, joins=view.joins)
    heights = {name: values for name, values in found.items() if set(name.split(" ~ ")) <= set(chosen) and len(values)}
    if not heights:
        raise ValueError(f"no path with a height on surface '{view.surface}' between minima of {', '.join(chosen)}")
    histogram = options.form == "histogram"
    within = {name: values for name, values in heights.items() if "~" not in name}
    if histogram and within:
        heights = within  # outlines of ten sets over each other say nothing
    places = list(styles_of(view))
    ordered = sorted(heights, key=lambda name: ("~" in name, [places.index(part) for part in name.split(" ~ ")]))
    figure = sized_figure(options, SINGLE_COLUMN, 2.5 if histogram else 0.75 + 0.36 * max(len(ordered), 2))
    plot_heights(
        {name: heights[name] for name in ordered},
        ax=figure.add_subplot(),
        styles=styles_of(view),
        form="histogram" if histogram else "points",
        scale=plain_scale(view),
        floor=options.floor,
        label=f"path height, {energy_label(view)}",
    )
    return figure


PICTURE = Picture(
    heights_figure,
    caption="Path heights within the sets and between them: every path, its density, the quartiles and the median. "
    "A height is an upper bound of the barrier.",
    remarks=view_remarks,
    uses=frozenset({"finder", "joins", "floor", "form", "scale"}),
    on_page=True,
    in_demo=True,
)
