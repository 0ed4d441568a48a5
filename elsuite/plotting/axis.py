"""Axes of energies: linear, logarithmic, or with empty gaps compressed, always with ticks in true units."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogFormatterMathtext,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
)
from numpy.typing import ArrayLike

from elsuite.analysis.scales import SMALLEST, EnergyScale, GapScale, LogGapScale, LogScale, wants_log
from elsuite.plotting.style import figure_of

MINUS = "\N{MINUS SIGN}"


def value_norm(values: ArrayLike) -> Normalize:
    """Return the norm of a scale bar: logarithmic as in `wants_log`; values of 0 then have the lowest color."""
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    log = wants_log(array)
    norm = LogNorm(clip=True) if log else Normalize()
    norm.autoscale(array[array >= SMALLEST] if log else array if len(array) else np.array([0.0, 1.0]))
    return norm


def energy_axis(axis: Axis, values: ArrayLike, scale: EnergyScale) -> None:
    """Set up `axis` for `values` on a linear or logarithmic scale, with a margin at both ends."""
    array = np.asarray(values, dtype=float)
    array = scale.lifted(array[np.isfinite(array)])
    low, high = (float(array.min()), float(array.max())) if len(array) else (0.0, 1.0)
    if isinstance(scale, LogScale):
        ends = np.log10([low, high])
        margin = max(0.06 * float(ends[1] - ends[0]), 0.02)
        _log_axis(axis, scale, *scale.inverse([ends[0] - margin, ends[1] + margin]).tolist())
        return
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    _set(axis, "linear", low - margin, high + margin)
    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))


def scaled_axis(axis: Axis, scale: EnergyScale, low: float, high: float) -> None:
    """Give `axis`, in true energies, the `scale` of a layout, from the energy `low` to `high`."""
    if isinstance(scale, GapScale) and scale.gaps:
        ticks = _apart(axis, scale, scale.ticks(low, high).tolist(), low, high)
        step = _step(ticks)
        _set(axis, "function", low, high, functions=(scale.forward, scale.inverse))
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value, step)))
        _mark_breaks(axis, scale)
    elif isinstance(scale, LogGapScale) and scale.gaps:
        low, high = _in_range(low, high)
        unbounded = LogGapScale(LogScale(), scale.compressed)  # the axis goes on below the floor
        _set(axis, "function", low, high, functions=(unbounded.forward, unbounded.inverse))
        ticks = [tick for tick in scale.ticks(low, high).tolist() if _has_tick(scale.log, tick)]
        floor = [scale.log.floor] if scale.log.mark else []
        minor = [tick for tick in scale.minor_ticks(low, high).tolist() if _has_tick(scale.log, tick)]
        axis.set_major_locator(FixedLocator(_apart(axis, unbounded, [*floor, *ticks], low, high)))
        axis.set_minor_locator(FixedLocator(minor))
        axis.set_major_formatter(FuncFormatter(partial(_log_tick, scale.log, _power_of_ten)))
        axis.set_minor_formatter(NullFormatter())
        _mark_breaks(axis, unbounded)
        if scale.log.mark == "0":
            _break_mark(axis, float(np.sqrt(scale.log.floor) * np.sqrt(scale.log.lowest)))
    elif isinstance(scale, (LogScale, LogGapScale)):
        _log_axis(axis, scale.log if isinstance(scale, LogGapScale) else scale, low, high)
    else:
        _set(axis, "linear", low, high)
        axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))


def name_axis(axis: Axis, label: str) -> None:
    """Name an axis whose limits are set, with what its numbers leave out: "energy + 12346", "energy, in 10^-21".

    matplotlib writes such a number at the end of the axis, where legends and other names are.
    """
    if isinstance(axis.get_major_formatter(), ScalarFormatter):
        offset, power = _left_out(axis.get_majorticklocs())

        def text(value: float, _position: int | None = None) -> str:
            step = _step(axis.get_majorticklocs()) / 10.0**power
            rest = (value - offset) / 10.0**power
            if np.isfinite(step):  # what rounding leaves of a difference is no digit
                rest = round(rest, 3 - int(np.floor(np.log10(step))))
            return short_number(rest, step)

        axis.set_major_formatter(FuncFormatter(text))
        if offset:
            label = f"{label} {'+' if offset < 0 else MINUS} {abs(offset):.15g}"
        if power:
            label = f"{label}, in $10^{{{power}}}$"
    axis.set_label_text(label)


def _left_out(ticks: ArrayLike) -> tuple[float, int]:
    """Return what ticks of a linear axis have in common, 0 where it is short, and the power of ten of what is left."""
    values = np.asarray(ticks, dtype=float)
    largest, span, offset = float(np.abs(values).max(initial=0.0)), float(np.ptp(values)) if len(values) else 0.0, 0.0
    if largest > 1e4 * span > 0:
        unit = 10.0 ** np.ceil(np.log10(span))
        offset = float(np.floor(values.min() / unit) * unit)
        largest = float(np.abs(values - offset).max())
    power = int(np.floor(np.log10(largest))) if largest else 0
    return offset, 0 if -4 <= power <= 4 else power


def _step(ticks: ArrayLike) -> float:
    return float(np.diff(np.unique(np.asarray(ticks, dtype=float))).min(initial=np.inf))


def scale_bar(
    mappable: ScalarMappable,
    ax: Axes,
    label: str,
    *,
    fraction: float,
    inside: Axes | None = None,
    extend: Literal["neither", "max"] = "neither",
) -> Colorbar:
    """Draw the scale bar of colors beside the axes, or in others, named as `name_axis` does.

    Values may go on above its end.
    """
    place: dict[str, Any] = {"ax": ax, "fraction": fraction, "pad": 0.02} if inside is None else {"cax": inside}
    bar = figure_of(ax).colorbar(mappable, extend=extend, **place)
    if isinstance(norm := mappable.norm, LogNorm) and norm.vmin and norm.vmax:
        _log_ticks(bar.ax.yaxis, float(norm.vmin), float(norm.vmax))
    name_axis(bar.ax.yaxis, label)
    return bar


def _apart(axis: Axis, scale: GapScale | LogGapScale, ticks: list[float], low: float, high: float) -> list[float]:
    """Return ticks less those too near to the one below: numbers are wider than high."""
    share = 0.05 if axis.axis_name == "y" else 0.12  # type: ignore[attr-defined]
    span = float(np.diff(scale.forward([low, high]))[0])
    kept: list[float] = []
    for tick in ticks:
        if not kept or float(np.diff(scale.forward([kept[-1], tick]))[0]) > share * span:
            kept.append(tick)
    return kept


def _mark_breaks(axis: Axis, scale: GapScale | LogGapScale) -> None:
    """Put a break mark on the axis in the middle of each compressed gap."""
    for gap in scale.gaps:
        _break_mark(axis, float(scale.inverse(scale.forward(gap).mean())))


def _break_mark(axis: Axis, place: float) -> None:
    upright = axis.axis_name == "y"  # type: ignore[attr-defined]
    low, high = axis.get_view_interval()
    if low < place < high:
        axis.axes.text(
            0.0 if upright else place, place if upright else 0.0, "//", rotation=90 if upright else 0, ha="center",
            transform=axis.axes.get_yaxis_transform() if upright else axis.axes.get_xaxis_transform(), va="center",
            fontsize=7, color="#333333", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.2}, zorder=10,
        )  # fmt: skip


def _in_range(low: float, high: float) -> tuple[float, float]:
    """Return limits of a logarithmic axis that numbers reach."""
    return max(low, SMALLEST), min(high, float(np.finfo(float).max))


def _has_tick(scale: LogScale, tick: float) -> bool:
    """Return whether a tick is where a scale with a mark at its floor draws energies."""
    return not scale.mark or tick >= max(scale.lowest, 1.1 * scale.floor) * (1 - 1e-9)


def _log_axis(axis: Axis, scale: LogScale, low: float, high: float) -> None:
    low, high = _in_range(low, high)
    _set(axis, "log", low, high)
    _log_ticks(axis, low, high)
    if scale.mark:
        locators = axis.get_major_locator(), axis.get_minor_locator()
        major, minor = (np.asarray(locator.tick_values(low, high)).tolist() for locator in locators)
        formats = axis.get_major_formatter()
        axis.set_major_locator(FixedLocator([scale.floor, *(tick for tick in major if _has_tick(scale, tick))]))
        axis.set_minor_locator(FixedLocator([tick for tick in minor if _has_tick(scale, tick)]))
        plain = _power_of_ten if isinstance(formats, LogFormatterMathtext) else formats
        axis.set_major_formatter(FuncFormatter(partial(_log_tick, scale, plain)))
        if scale.mark == "0":
            _break_mark(axis, float(np.sqrt(scale.floor) * np.sqrt(scale.lowest)))


def _set(axis: Axis, scale: str, low: float, high: float, **options: object) -> None:
    name = axis.axis_name  # type: ignore[attr-defined]
    getattr(axis.axes, f"set_{name}scale")(scale, **options)
    getattr(axis.axes, f"set_{name}lim")(low, high)


def _log_ticks(axis: Axis, low: float, high: float) -> None:
    decades = float(np.log10(high) - np.log10(low))
    if decades < 0.4:  # a factor of less than 2.5 has few multiples of powers of ten
        ticks = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        step = _step(ticks)
        axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value, step)))
        axis.set_minor_locator(NullLocator())
        return
    if decades > 60 or high > 1e300:  # matplotlib's ticks go on beyond the axis, and there overflow
        powers = np.arange(np.ceil(np.log10(low)), np.log10(high), max(1, np.ceil(decades / 6)))
        axis.set_major_locator(FixedLocator(list(10.0**powers)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: _power_of_ten(value)))
        axis.set_minor_locator(NullLocator())
        return
    axis.set_major_locator(LogLocator(numticks=7))
    axis.set_major_formatter(LogFormatterMathtext())
    axis.set_minor_formatter(NullFormatter())
    if decades < 1.5:
        # Two powers of ten, or none, tell no one what lies between.
        axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
        axis.set_minor_formatter(FuncFormatter(lambda value, _: short_number(value)))
        subs = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8) if decades < 0.6 else (0.2, 0.3, 0.5, 0.7)
        axis.set_minor_locator(LogLocator(subs=subs if decades < 1 else (0.2, 0.5), numticks=30))


def _log_tick(scale: LogScale, plain: Callable[[float], str], value: float, _position: int | None = None) -> str:
    if scale.mark and np.isclose(value, scale.floor, rtol=1e-6, atol=0):
        return "0" if scale.mark == "0" else f"\N{LESS-THAN OR EQUAL TO} {plain(value)}"
    return plain(value)


def _power_of_ten(value: float) -> str:
    power = round(float(np.log10(value)))
    return f"$10^{{{power}}}$" if np.isclose(value, 10.0**power, rtol=1e-6, atol=0) else short_number(value)


def short_number(value: float, step: float | None = None) -> str:
    """Return an energy as a tick shows it: with four digits, or as many as tell it from others a `step` apart."""
    digits = 4
    if step and value and np.isfinite(step):
        # Two more than the power of ten of the step: it may be 2.5 of it.
        digits = min(max(digits, int(np.floor(np.log10(abs(value)))) - int(np.floor(np.log10(step))) + 2), 17)
    return f"{value + 0.0:.{digits}g}".replace("-", MINUS)
