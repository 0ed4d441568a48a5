"""The density of the eigenvalues of the Hessian at a minimum."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elsuite.analysis.computed_values import stored_values
from elsuite.analysis.scales import LogScale
from elsuite.analysis.spectra import broadened_density
from elsuite.analysis.view import View
from elsuite.plotting.axis import energy_axis, name_axis, short_number
from elsuite.plotting.markers import NEUTRAL, SetStyle
from elsuite.plotting.picture import Picture, styles_of
from elsuite.plotting.style import INK, SINGLE_COLUMN, new_axes, paper_style, sized_figure

ROUNDED = 1e-6
"""An end of the spectrum that is smaller, relative to its range, is written as 0."""


def plot_spectrum(
    values: xr.Dataset, *, ax: Axes | None = None, style: SetStyle | None = None, width: float | None = None
) -> Axes:
    """Draw what `elsuite.spectral_density` computed, on a logarithmic axis: a line, and the ends of the spectrum.

    Parameters
    ----------
    width : float, optional
        Standard deviation of the Gaussian that an eigenvalue is drawn as; by default 1/200 of the spectrum's range.

    Raises
    ------
    ValueError
        Where no eigenvalue is finite.

    Examples
    --------
    >>> nodes = {"node": (("probe", "step"), [[0.0, 10.0]]), "weight": (("probe", "step"), [[0.9, 0.1]])}
    >>> ax = plot_spectrum(xr.Dataset(nodes, attrs={"n_parameters": 10}))
    >>> ax.get_xlabel(), ax.get_title(loc="left")
    ('eigenvalue of the Hessian', 'lowest 0, highest 10')
    """
    ax = new_axes(ax)
    nodes, weights = values["node"].values, values["weight"].values
    x, density, width = broadened_density(nodes, weights, width=width)
    # One eigenvalue alone has a peak of this height; a tenth of it is no eigenvalue.
    single = 1 / (int(values.attrs["n_parameters"]) * width * np.sqrt(2 * np.pi))
    floor = min(single, float(density.max())) / 10
    color = (style or SetStyle(INK, "o")).color
    drawn = np.maximum(density, floor)
    ax.fill_between(x, floor, drawn, color=color, alpha=0.25, linewidth=0)
    ax.plot(x, drawn, color=color, linewidth=1.1)
    energy_axis(ax.yaxis, [floor, float(density.max())], LogScale(floor, "", floor))
    ax.set_ylim(bottom=floor)
    there = np.isfinite(nodes) & (weights > 0)
    known = nodes[there]
    low, high = float(known.min()), float(known.max())
    margin = 0.04 * float(np.ptp(x))
    ax.set_xlim(float(x[0]) - margin, float(x[-1]) + margin)
    ax.axhline(single, color=NEUTRAL, linestyle=":", linewidth=0.8, zorder=1)
    step = (high - low) / 1000 or None
    # What is far under all that is drawn is the rounding of a zero.
    ends = [end if abs(end) > ROUNDED * (high - low) else 0.0 for end in (low, high)]
    words = [f"{name} {short_number(end, step)}" for name, end in zip(("lowest", "highest"), ends, strict=True)]
    if (trace := values.attrs.get("trace")) is not None:
        error = values.attrs["trace_error"]
        words.append(f"trace {short_number(trace)}" + (f" \N{PLUS-MINUS SIGN} {error:.2g}" if error else ""))
    ax.set_title(", ".join(words), fontsize=7, color=INK, loc="left")
    name_axis(ax.xaxis, "eigenvalue of the Hessian")
    name_axis(ax.yaxis, "density")
    return ax


@paper_style()
def spectrum_figure(view: View) -> Figure:
    """Return the density at the minimum asked for, or the one stored last; raises NotFoundError without any."""
    options = view.options
    values = stored_values(view, "spectrum", () if options.minimum is None else (options.minimum,))
    figure = sized_figure(options, SINGLE_COLUMN, 2.3)
    style = styles_of(view).get(view.all_sets[int(values["minimum"].values[0])])
    plot_spectrum(values, ax=figure.add_subplot(), style=style)
    return figure


def spectrum_remarks(view: View) -> list[str]:
    """Return how the density was computed, and the sum of the eigenvalues.

    Examples
    --------
    >>> from elsuite.analysis.options import FigureOptions
    >>> from elsuite.database import LandscapeDatabase
    >>> spectrum_remarks(View(LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"]), FigureOptions()))
    []
    """
    options = view.options
    try:
        values = stored_values(view, "spectrum", () if options.minimum is None else (options.minimum,))
    except ValueError:
        return []
    n_probes, n_steps = values["node"].shape
    width = broadened_density(values["node"].values, values["weight"].values)[2]
    error = values.attrs["trace_error"]
    trace = short_number(float(values.attrs["trace"]))
    how = f"{n_probes} x {n_steps} steps of stochastic Lanczos quadrature" if error != 0 else "all eigenvalues"
    spread = f" (standard error {error:.2g})" if error else ""
    return [
        f"Minimum {int(values['minimum'].values[0])}, {how}, Gaussians of standard deviation {width:.3g}; "
        f"the eigenvalues add up to {trace}{spread}."
    ]


PICTURE = Picture(
    spectrum_figure,
    caption="Density of the eigenvalues of the Hessian at a minimum; lowest and highest eigenvalue and their "
    "sum, the trace, stand over it; the dotted line is the height of a single one.",
    remarks=spectrum_remarks,
    uses=frozenset({"minimum"}),
)
