"""Distances of two sets to their common origin, with the origin's distances to the sets' means."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from elsuite.analysis import distances_to_origin
from elsuite.analysis.view import View
from elsuite.plotting.axis import name_axis
from elsuite.plotting.heights import finite_values, shared_bins
from elsuite.plotting.markers import SetStyle, set_styles
from elsuite.plotting.picture import Picture, styles_of
from elsuite.plotting.style import (
    DOUBLE_COLUMN,
    INK,
    SINGLE_COLUMN,
    legend_above,
    new_axes,
    paper_style,
    shown,
    sized_figure,
)


def plot_distances(
    distances: Mapping[str, ArrayLike],
    *,
    ax: Axes | None = None,
    mean_distance: float | None = None,
    styles: Mapping[str, SetStyle] | None = None,
    label: str = "distance to the common origin, |w \N{MINUS SIGN} c|",
) -> Axes:
    r"""Draw histograms of :math:`|w_i - c|` over shared bins, and :math:`|\bar w - c|` as a dotted line.

    Parameters
    ----------
    distances : mapping
        Set -> distances of its minima.
    mean_distance : float, optional
        Of the sets' means, which lie equally far from the middle between them.

    Raises
    ------
    ValueError
        No finite distance at all.

    Examples
    --------
    >>> ax = plot_distances({"sgd/test": [1.0, 1.1], "lbfgs-gss/train": [2.0, 2.2]}, mean_distance=0.8)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['sgd/test (n = 2)', 'lbfgs-gss/train (n = 2)', 'mean of either set']
    """
    values = finite_values(distances, "distance")
    ax = new_axes(ax)
    styles = set_styles(values) if styles is None else styles
    everything = np.concatenate(list(values.values()))
    bins = shared_bins(everything, log=False, most=int(np.clip(2.5 * np.sqrt(len(everything)), 12, 40)))
    for name, given in values.items():
        ax.hist(
            given, bins=list(bins), histtype="stepfilled", color=styles[name].color, alpha=0.35, linewidth=0,
            label="_fill",
        )  # fmt: skip
        ax.hist(
            given, bins=list(bins), histtype="step", color=styles[name].color, linewidth=1.1,
            label=f"{shown(name)} (n = {len(given)})",
        )  # fmt: skip
    if mean_distance is not None and np.isfinite(mean_distance):
        ax.axvline(mean_distance, color=INK, linestyle=":", linewidth=1.3, label="mean of either set")
    name_axis(ax.xaxis, label)
    ax.set_ylabel("number of minima")
    ax.locator_params(axis="y", integer=True)
    legend_above(ax)
    return ax


@paper_style()
def distances_figure(view: View) -> Figure:
    """Return the distances of pairs of sets to their common origin: two chosen sets, or the article's pairs."""
    options = view.options
    pairs = _set_pairs(view.set_names)
    figure = sized_figure(options, SINGLE_COLUMN if len(pairs) == 1 else DOUBLE_COLUMN, 2.5)
    axes = figure.subplots(1, len(pairs), squeeze=False)[0]
    for ax, (a, b) in zip(axes, pairs, strict=True):
        value = distances_to_origin(view.database, a, b)
        plot_distances(
            {a: value.distances_a, b: value.distances_b},
            ax=ax,
            mean_distance=value.mean_distance,
            styles=styles_of(view),
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


PICTURE = Picture(
    distances_figure,
    caption="Distances of the minima of two sets to the middle c between the means of the sets; dotted: the "
    "distance of either mean.",
    on_page=True,
    in_demo=True,
)
