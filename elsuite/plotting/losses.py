"""Loss curves of one minimizer: every run faint, their median bold, training and test, early stops marked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from elsuite.plotting.axis import energy_axis, wants_log
from elsuite.plotting.style import SetStyle, new_axes, set_styles

__all__ = ["LossCurves", "plot_losses"]


@dataclass(frozen=True)
class LossCurves:
    """The curves of one minimizer's runs.

    Attributes
    ----------
    curves : dict
        Surface -> losses (n_runs, n_epochs), NaN after a run's end.
    stops : dict
        Set -> (epochs, losses): where its minima were taken, and their loss on the set's own surface.
    surfaces : dict
        Surface -> the set whose color its curves take.
    """

    curves: dict[str, NDArray[np.float64]]
    stops: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)
    surfaces: dict[str, str] = field(default_factory=dict)


def plot_losses(
    value: LossCurves,
    *,
    ax: Axes | None = None,
    styles: Mapping[str, SetStyle] | None = None,
    step: str = "epoch",
    label: str = "loss",
    legend: bool = True,
) -> Axes:
    """Draw the curves of every run (faint), the median of the runs still going (bold), and the early stops (markers).

    Parameters
    ----------
    value : LossCurves
    ax : Axes, optional
        A new figure's if None.
    styles : mapping, optional
        Set or surface -> SetStyle.
    step : str
        What is counted along the axis: "epoch", "iteration".
    label : str
        What the values are.
    legend : bool

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        No finite loss at all.

    Examples
    --------
    >>> curves = LossCurves({"train": np.array([[1.0, 0.5, 0.2], [1.1, 0.4, 0.1]])})
    >>> ax = plot_losses(curves)
    >>> len(ax.collections), ax.get_xlabel()
    (1, 'epoch')
    """
    everything = [given[np.isfinite(given)] for given in value.curves.values()]
    flat = np.concatenate(everything) if everything else np.empty(0)
    if not len(flat):
        raise ValueError("no finite loss to draw: these runs have no curves")
    ax = new_axes(ax)
    styles = {**set_styles(value.curves), **set_styles(value.stops), **(styles or {})}
    handles: list[Line2D] = []
    for number, (surface, curves) in enumerate(value.curves.items()):
        color = styles[value.surfaces.get(surface, surface)].color
        handles.append(_draw_curves(ax, curves, surface, color, dashed=number > 0))
    for name, (epochs, losses) in value.stops.items():
        style = styles[name]
        handles += ax.plot(
            epochs, losses, linestyle="none", marker=style.marker, markersize=3.6, markeredgewidth=0.8,
            markeredgecolor=style.color, markerfacecolor=style.face, label=f"taken as {name}", zorder=4,
        )  # fmt: skip
    length = max(curves.shape[1] for curves in value.curves.values())
    ax.set_xlim(-0.02 * max(length - 1, 1), 1.02 * max(length - 1, 1))
    energy_axis(ax.yaxis, flat, log=wants_log(flat, ratio=8))
    ax.set_xlabel(step)
    ax.set_ylabel(label)
    ax.xaxis.get_major_locator().set_params(integer=True, nbins=6)
    if legend:
        ax.legend(handles=handles, loc="best")
    return ax


def _draw_curves(ax: Axes, curves: NDArray[np.float64], surface: str, color: str, *, dashed: bool) -> Line2D:
    epochs = np.arange(curves.shape[1])
    lines = [np.column_stack([epochs, curve])[np.isfinite(curve)] for curve in curves]
    ax.add_collection(
        LineCollection(
            [line for line in lines if len(line)], colors=color, linewidths=0.4,
            alpha=float(np.clip(6 / max(len(lines), 1), 0.08, 0.5)), zorder=1, label=f"_{surface}",
        ),
        autolim=False,
    )  # fmt: skip
    going = np.isfinite(curves)
    # Where most runs have ended, the median would jump to the few slow ones.
    shown = going.sum(axis=0) * 2 >= max(int(going.any(axis=1).sum()), 1)
    median = np.nanmedian(np.where(shown, curves, 0.0), axis=0)
    (line,) = ax.plot(
        epochs[shown], median[shown], color=color, linewidth=1.4, linestyle="--" if dashed else "-",
        label=f"{surface}, median", zorder=3,
    )  # fmt: skip
    return line
