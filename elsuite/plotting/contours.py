"""A surface of values over two axes: filled contours, with a scale bar."""

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import MaxNLocator
from scipy.interpolate import PchipInterpolator

from elsuite.analysis.scales import EnergyScale, LinearScale, LogScale, axis_scale
from elsuite.core.typing import Floats
from elsuite.plotting.axis import scale_bar
from elsuite.plotting.style import figure_of

N_LEVELS = 16
FINER = 4
"""Points of the drawn grid for one of the given grid."""
BESIDE_AXES, BAR = 1.25, 0.12
"""Inches that numbers and names take beside axes with a scale bar, and its width."""
FAR = 30.0
"""Linear colors end at the upper quartile where the highest value lies so many times as far above the lowest."""


def draw_surface(
    ax: Axes, x: Floats, y: Floats, values: Floats, *, label: str, scale: str = "auto", floor: float | None = None
) -> EnergyScale:
    """Draw values of shape (n_y, n_x) as filled contours and return their scale; what is not finite stays white.

    Between the points of the grid values are interpolated on the drawn scale by monotone cubics, which have no extremum
    of their own.

    Raises
    ------
    ValueError
        Where no value is finite.
    """
    finite = np.isfinite(values)
    if not finite.any():
        raise ValueError("no finite value to draw on this surface")
    axis = axis_scale(scale, values[finite], floor=floor)
    drawn: Floats = np.ma.masked_invalid(np.where(finite, axis.lifted(np.where(finite, values, 1.0)), np.nan))
    low, high = float(drawn.min()), float(drawn.max())
    top = high
    if isinstance(axis, LinearScale):
        upper = float(np.quantile(axis.lifted(values[finite]), 0.75))
        top = upper if upper > low and (high - low) > FAR * (upper - low) else high
    norm: Normalize
    if isinstance(axis, LogScale) and top > low:
        norm, levels = LogNorm(low, top), np.geomspace(low, top, N_LEVELS + 1)
    else:
        wide = top > low * (1 + 1e-12) if low > 0 else top > low
        top = top if wide else low + (abs(low) or 1.0) * 1e-3  # one value everywhere has one color
        norm, levels = Normalize(low, top), np.linspace(low, top, N_LEVELS + 1)
    levels[0], levels[-1] = low, top  # without the rounding of powers: no value is outside
    ends: Literal["neither", "max"] = "max" if high > top else "neither"
    if finite.all():
        x, y, drawn = _finer(x, y, drawn, axis)
    ax.contourf(x, y, drawn, levels=list(levels), norm=norm, cmap="viridis", extend=ends, zorder=0)
    if high > low:
        ax.contour(
            x, y, drawn, levels=list(levels[1:-1:2]), colors="white", linewidths=0.4, linestyles="solid", alpha=0.6,
            zorder=1,
        )  # fmt: skip
    # As high as the axes, whatever their aspect makes of them.
    place = ax.get_subplotspec()
    width = figure_of(ax).get_figwidth() / (place.get_gridspec().ncols if place else 1) - BESIDE_AXES
    beside = ax.inset_axes((1 + BAR / 2 / max(width, 1.0), 0.0, BAR / max(width, 1.0), 1.0))
    bar = scale_bar(ScalarMappable(norm, "viridis"), ax, label, fraction=0.05, inside=beside, extend=ends)
    for side in (ax.xaxis, ax.yaxis):
        side.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    if isinstance(norm, Normalize) and not isinstance(norm, LogNorm):
        bar.ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    return axis


def _finer(x: Floats, y: Floats, drawn: Floats, axis: EnergyScale) -> tuple[Floats, Floats, Floats]:
    """Return the surface on a finer grid that has all points of the given one."""
    heights = np.asarray(axis.forward(drawn), dtype=np.float64)
    fine = [np.interp(np.arange((len(side) - 1) * FINER + 1) / FINER, np.arange(len(side)), side) for side in (x, y)]
    across = PchipInterpolator(x, heights, axis=1)(fine[0])
    return fine[0], fine[1], np.asarray(axis.inverse(PchipInterpolator(y, across, axis=0)(fine[1])))
