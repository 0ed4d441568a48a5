"""Superbasins at all energies: how many there are, and how many minima the largest one holds."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from elsuite.analysis import EnergyScale, SuperbasinCurves, energy_scale, superbasin_curves
from elsuite.analysis.scales import axis_scale, wants_log
from elsuite.analysis.view import View
from elsuite.plotting.axis import energy_axis, name_axis, scaled_axis
from elsuite.plotting.picture import Picture, energy_label, tree_remarks
from elsuite.plotting.style import INK, SINGLE_COLUMN, new_axes, paper_style, sized_figure

NUMBER_COLOR, LARGEST_COLOR = "#0072B2", "#D55E00"


def plot_superbasins(
    curves: SuperbasinCurves,
    *,
    ax: Axes | None = None,
    scale: EnergyScale | None = None,
    energy: float | None = None,
    energy_label: str = "energy",
) -> Axes:
    """Draw the number of superbasins and the size of the largest one against the energy.

    Parameters
    ----------
    scale : EnergyScale, optional
        Of the energy axis, as in a disconnectivity graph; linear if None.
    energy : float, optional
        Draws a dashed line at this energy.

    Raises
    ------
    ValueError
        Curves without an energy.

    Examples
    --------
    >>> from elsuite.analysis import merge_tree, superbasin_curves
    >>> tree = merge_tree([0.0, 0.2, 0.1], [0, 1], [1, 2], [0.5, 0.9])
    >>> ax = plot_superbasins(superbasin_curves(tree))
    >>> [line.get_ydata().tolist() for line in ax.lines]
    [[1, 2, 3, 2, 1, 1], [1, 1, 1, 2, 3, 3]]
    """
    if not len(curves.energies):
        raise ValueError("there is no minimum, so no superbasin to draw")
    ax = new_axes(ax)
    scale = energy_scale("linear", curves.energies) if scale is None else scale
    drawn = scale.forward(curves.energies[[0, -1]])
    margin = 0.04 * float(drawn[1] - drawn[0]) or 0.5
    low, high = (float(end) for end in scale.inverse([drawn[0] - margin, drawn[1] + margin]))
    at = np.append(scale.lifted(curves.energies), min(high, float(np.finfo(float).max)))
    for values, color, name in (
        (curves.numbers, NUMBER_COLOR, "number of superbasins"),
        (curves.largest, LARGEST_COLOR, "minima in the largest"),
    ):
        ax.step(at, np.append(values, values[-1]), where="post", color=color, linewidth=1.3, label=name)
    counts = np.concatenate([curves.numbers, curves.largest])
    energy_axis(ax.yaxis, counts, axis_scale("auto", counts))
    # Whole numbers: plain ones up to three decades, then powers of ten.
    if not wants_log(counts):
        ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    elif counts.max() < 1000:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=30))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    scaled_axis(ax.xaxis, scale, low, high)
    if energy is not None:
        ax.axvline(energy, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1, label="_energy")
    name_axis(ax.xaxis, energy_label)
    ax.set_ylabel("count")
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    return ax


@paper_style()
def superbasins_figure(view: View) -> Figure:
    """Return the number of superbasins and the size of the largest one at all energies."""
    tree = view.whole_tree
    figure = sized_figure(view.options, SINGLE_COLUMN, 2.4)
    plot_superbasins(
        superbasin_curves(tree),
        ax=figure.add_subplot(),
        scale=view.scale(tree),
        energy=view.options.energy,
        energy_label=energy_label(view),
    )
    return figure


PICTURE = Picture(
    superbasins_figure,
    caption="Superbasins at all energies: how many there are, and how many minima the largest one holds.",
    remarks=tree_remarks,
    uses=frozenset({"energy", "finder", "joins", "floor", "scale"}),
    on_page=True,
    in_demo=True,
)
