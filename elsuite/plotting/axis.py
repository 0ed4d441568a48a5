"""Axes of energies: linear, logarithmic, or with empty gaps compressed, always with ticks in true units."""

import numpy as np
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import FixedLocator, FuncFormatter, LogFormatterMathtext, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from elsuite.analysis.scales import EnergyScale, GapScale, LogGapScale, LogScale, wants_log


def value_norm(values: ArrayLike) -> Normalize:
    """Return the norm of a scale bar: logarithmic where the values are positive and span a factor of 30."""
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    norm = LogNorm() if wants_log(array) else Normalize()
    norm.autoscale(array if len(array) else np.array([0.0, 1.0]))
    return norm


def is_log(scale: str, values: ArrayLike) -> bool:
    """Return whether values are drawn on a logarithmic axis; "auto" is one where they are positive and span decades."""
    return scale == "log" or (scale == "auto" and wants_log(values))


def energy_axis(axis: Axis, values: ArrayLike, *, log: bool) -> None:
    """Set up `axis` for `values`: scale, limits with a margin; raises ValueError for logarithms of what has none."""
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    low, high = (float(array.min()), float(array.max())) if len(array) else (0.0, 1.0)
    if log and low <= 0:
        raise ValueError(f"scale 'log' needs positive energies, the lowest is {low:.6g}; allowed: 'linear'")
    if log:
        margin = max((high / low) ** 0.06, 1.05)
        _set(axis, "log", low / margin, high * margin)
        _log_ticks(axis, float(np.log10(high / low)))
        return
    margin = 0.05 * (high - low) or 0.05 * max(abs(high), 1e-3)
    _set(axis, "linear", low - margin, high + margin)
    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))


def scaled_axis(axis: Axis, scale: EnergyScale, low: float, high: float) -> None:
    """Give `axis`, in true energies, the `scale` of a layout, from the energy `low` to `high`."""
    if isinstance(scale, (GapScale, LogGapScale)) and scale.gaps:
        unbounded, minor, form = scale, [], short_number
        if isinstance(scale, LogGapScale):
            # Without the floor: the axis goes on below the lowest energy.
            unbounded, form = LogGapScale(LogScale(), scale.compressed), _power_of_ten
            minor = [float(tick) for tick in scale.minor_ticks(low, high)]
        _set(axis, "function", low, high, functions=(unbounded.forward, unbounded.inverse))
        axis.set_major_locator(FixedLocator(_apart(axis, scale, low, high)))
        axis.set_minor_locator(FixedLocator(minor))
        axis.set_major_formatter(FuncFormatter(form))
        axis.set_minor_formatter(NullFormatter())
        _mark_breaks(axis, unbounded, low, high)
    elif isinstance(scale, (LogScale, LogGapScale)):
        _set(axis, "log", low, high)
        _log_ticks(axis, float(np.log10(high / low)))
    else:
        _set(axis, "linear", low, high)
        axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))


def _apart(axis: Axis, scale: GapScale | LogGapScale, low: float, high: float) -> list[float]:
    """Return the scale's ticks, less those too near to the one below: numbers are wider than high."""
    share = 0.05 if axis.axis_name == "y" else 0.12  # type: ignore[attr-defined]
    span = float(np.diff(scale.forward([low, high]))[0])
    kept: list[float] = []
    for tick in scale.ticks(low, high).tolist():
        if not kept or float(np.diff(scale.forward([kept[-1], tick]))[0]) > share * span:
            kept.append(tick)
    return kept


def _mark_breaks(axis: Axis, scale: GapScale | LogGapScale, low: float, high: float) -> None:
    """Put a break mark on the axis in the middle of each compressed gap."""
    bottom, top = scale.forward([low, high])
    for gap in scale.gaps:
        middle = (float(scale.forward([gap[0]])[0] + scale.forward([gap[1]])[0]) / 2 - bottom) / (top - bottom)
        upright = axis.axis_name == "y"  # type: ignore[attr-defined]
        x, y = (0.0, middle) if upright else (middle, 0.0)
        if 0 < middle < 1:
            axis.axes.text(
                x, y, "//", transform=axis.axes.transAxes, rotation=90 if upright else 0, ha="center", va="center",
                fontsize=7, color="#333333", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.2}, zorder=10,
            )  # fmt: skip


def _set(axis: Axis, scale: str, low: float, high: float, **options: object) -> None:
    name = axis.axis_name  # type: ignore[attr-defined]
    getattr(axis.axes, f"set_{name}scale")(scale, **options)
    getattr(axis.axes, f"set_{name}lim")(low, high)


def _log_ticks(axis: Axis, decades: float) -> None:
    axis.set_major_locator(LogLocator(numticks=7))
    axis.set_major_formatter(LogFormatterMathtext())
    axis.set_minor_formatter(NullFormatter())
    if decades < 1.5:
        # Two powers of ten, or none, tell no one what lies between.
        axis.set_major_formatter(FuncFormatter(short_number))
        axis.set_minor_formatter(FuncFormatter(short_number))
        subs = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8) if decades < 0.6 else (0.2, 0.3, 0.5, 0.7)
        axis.set_minor_locator(LogLocator(subs=subs if decades < 1 else (0.2, 0.5), numticks=30))


def _power_of_ten(value: float, _position: int | None = None) -> str:
    power = round(float(np.log10(value)))
    return f"$10^{{{power}}}$" if np.isclose(value, 10.0**power, rtol=1e-6) else short_number(value)


def short_number(value: float, _position: int | None = None) -> str:
    """Return an energy as a tick shows it."""
    return f"{value + 0.0:.4g}".replace("-", "\N{MINUS SIGN}")
