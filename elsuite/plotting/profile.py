"""The energy along a path, or along a route of paths through other minima."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from elsuite.analysis.computed_values import metric_label
from elsuite.analysis.profile import Profile, finder_profiles, route_profile
from elsuite.analysis.scales import EnergyScale, axis_scale
from elsuite.analysis.view import View
from elsuite.core.typing import Floats
from elsuite.network import minimax_route
from elsuite.plotting.axis import energy_axis, name_axis, short_number
from elsuite.plotting.markers import FAMILIES, NEUTRAL, SetStyle, set_styles
from elsuite.plotting.picture import Picture, energy_label, merge_remark, plain_scale, styles_of, view_remarks
from elsuite.plotting.style import INK, SINGLE_COLUMN, halo, legend_above, new_axes, paper_style, shown, sized_figure
from elsuite.schema import NotFoundError


def plot_profile(
    profiles: Profile | Mapping[str, Profile],
    *,
    ax: Axes | None = None,
    styles: Mapping[str, SetStyle] | None = None,
    label: str = "energy",
    scale: str = "auto",
    floor: float | None = None,
) -> Axes:
    """Draw energies along one route, or several named ones over each other, with the minima marked.

    The highest point of each profile carries a tick with its value.

    Parameters
    ----------
    profiles : Profile or mapping
        Name -> Profile.
    scale : {"auto", "linear", "log"}
        "auto" is logarithmic where no energy is negative and those above 0 span more than a factor of 30.
    floor : float, optional
        Logarithmic axis: energies under it are drawn at it; by default those of 0 under the lowest others.

    Examples
    --------
    Two minima at 0 and 1, and a path over 3 between them.

    >>> leg = np.array([[0.0, 1.0], [0.5, 3.0], [1.0, 2.0]])
    >>> ax = plot_profile(Profile((4, 7), ("", ""), (0.0, 1.0), (1.0, 2.0), (leg,), (3.0,)))
    >>> ax.get_xlabel(), ax.get_ylabel(), [text.get_text() for text in ax.texts]
    ('t', 'energy', ['4', '7', '3'])
    """
    ax = new_axes(ax)
    named = {"": profiles} if isinstance(profiles, Profile) else dict(profiles)
    styles = set_styles(name for value in named.values() for name in value.sets) if styles is None else styles
    looks = profile_looks(len(named))
    everything = np.concatenate([_energies(value) for value in named.values()])
    axis = axis_scale(scale, everything, floor=floor)
    for number, (name, given) in enumerate(named.items()):
        line, color = looks[number % len(looks)]
        _draw_route(ax, _lifted(given, axis), styles, linestyle=line, color=color, label=name, marked=number == 0)
    energy_axis(ax.yaxis, everything, axis)
    low, high = ax.yaxis.get_transform().transform(np.array(ax.get_ylim()))
    # Room for the names under the lowest minima.
    ax.set_ylim(bottom=float(ax.yaxis.get_transform().inverted().transform(low - 0.06 * (high - low))))
    end = max(value.positions[-1] for value in named.values())
    ax.set_xlim(-0.04 * end, 1.04 * end)
    if all(float(place).is_integer() for value in named.values() for place in value.positions):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))  # steps of the route, not lengths
    first = next(iter(named.values()))
    name_axis(ax.xaxis, "\n".join(filter(None, [first.position_label, *(value.note for value in named.values())])))
    name_axis(ax.yaxis, label)
    _mark_top(ax, _lifted(first, axis), float(np.ptp(everything[np.isfinite(everything)])))
    handles, labels = ax.get_legend_handles_labels()
    named_once = dict(zip(labels, handles, strict=True))
    if len(named_once) > 1:
        ax.legend(named_once.values(), named_once.keys(), loc="best")
    return ax


def profile_looks(n: int) -> tuple[tuple[str, str], ...]:
    """Return line and color of each of `n` profiles over each other; of more than two none is only a background.

    Examples
    --------
    >>> profile_looks(2)
    (('-', '#222222'), ('--', '#8a8a8a'))
    """
    if n <= 2:
        return ("-", INK), ("--", NEUTRAL)
    lines = ("-", "--", ":", "-.")
    colors = (INK, *(family[0] for family in FAMILIES[:-1]))
    return tuple((lines[k % len(lines)], colors[k % len(colors)]) for k in range(n))


def _energies(value: Profile) -> Floats:
    parts = [value.energies, value.heights, *(leg[:, 1] for leg in value.legs)]
    return np.concatenate([np.asarray(part, dtype=float) for part in parts])


def _lifted(value: Profile, scale: EnergyScale) -> Profile:
    """Return a profile whose energies are where they are drawn."""
    legs = tuple(np.column_stack([leg[:, 0], scale.lifted(leg[:, 1])]) for leg in value.legs)
    energies, heights = (tuple(scale.lifted(part).tolist()) for part in (value.energies, value.heights))
    return replace(value, energies=energies, legs=legs, heights=heights)


def _draw_route(
    ax: Axes, value: Profile, styles: Mapping[str, SetStyle], *, linestyle: str, color: str, label: str, marked: bool
) -> None:
    for number, leg in enumerate(value.legs):
        ax.plot(
            leg[:, 0], leg[:, 1], linestyle=linestyle, color=color, linewidth=1.2, zorder=2,
            label=label if label and number == 0 else f"_leg{number}",
        )  # fmt: skip
    energies = np.asarray(value.energies, dtype=float)
    if marked:
        for place, energy, name, minimum in zip(value.positions, energies, value.sets, value.minima, strict=True):
            style = styles.get(name, SetStyle(INK, "o"))
            ax.plot(
                place, energy, linestyle="none", marker=style.marker, markersize=5, markeredgecolor=style.color,
                markerfacecolor=style.face, markeredgewidth=1.0, label=shown(name) or "_minimum", zorder=4,
            )  # fmt: skip
            below = not _is_peak(value, place, energy)
            ax.annotate(
                str(minimum), (place, energy), xytext=(0, -4.5 if below else 4.5), textcoords="offset points",
                ha="center", va="top" if below else "bottom", fontsize=6.5, color=INK, zorder=5,
                path_effects=halo(1.5),
            )  # fmt: skip


def _is_peak(value: Profile, place: float, energy: float) -> bool:
    """Return whether the profile falls away from this point, as a minimum of another surface may lie on a peak."""
    reach = 0.04 * (value.positions[-1] - value.positions[0])
    near = [leg[np.abs(leg[:, 0] - place) <= reach, 1] for leg in value.legs]
    around = np.concatenate(near) if near else np.empty(0)
    return bool(len(around)) and bool(np.mean(around < energy) > 0.5)


def _mark_top(ax: Axes, value: Profile, span: float) -> None:
    """Draw a dotted line at the highest path's height, from the axis to the place where it is reached."""
    if not value.heights:
        return
    leg = int(np.argmax(value.heights))
    height = value.heights[leg]
    points = value.legs[leg]
    place = float(points[int(np.nanargmax(points[:, 1])), 0]) if len(points) else value.positions[-1]
    ax.plot([ax.get_xlim()[0], place], [height, height], color=NEUTRAL, linestyle=":", linewidth=0.8, zorder=1)
    late = place > 0.8 * value.positions[-1]
    # Over the name of a minimum that lies on the peak.
    near = np.abs(np.subtract(value.positions, place)) < 0.08 * value.positions[-1]
    peak = any(near & [_is_peak(value, *point) for point in zip(value.positions, value.energies, strict=True)])
    ax.annotate(
        short_number(height, span / 100), (place, height), xytext=(-8 if late else 3, 12 if peak else 2),
        textcoords="offset points", fontsize=7, color=INK, va="bottom", ha="right" if late else "left",
    )  # fmt: skip


@paper_style()
def profile_figure(view: View) -> Figure:
    """Return the energies along the lowest route of two minima, and their direct one; raises ValueError without any."""
    options = view.options
    a, b = options.route or view.default_route
    if options.by_finder or options.metric is not None:
        return _by_finder(view, view.check_minimum(a), view.check_minimum(b))
    route = minimax_route(view.network, view.check_minimum(a), view.check_minimum(b))
    if len(route) < 2:
        raise ValueError(f"no route joins minima {a} and {b} on surface '{view.surface}'")
    profiles = {"lowest route": route_profile(view.database, view.network, [int(str(minimum)) for minimum in route])}
    if len(route) > 2 and view.network.has_edge(a, b):
        direct, steps = route_profile(view.database, view.network, [a, b]), profiles["lowest route"].positions[-1]
        if direct.positions[-1] == 1 and steps == len(route) - 1:  # lengths are not known: both end at one place
            stretched = tuple(leg * [steps, 1] for leg in direct.legs)
            direct = replace(direct, positions=(0.0, steps), legs=stretched)
        profiles["direct path"] = direct
    figure = sized_figure(options, SINGLE_COLUMN, 2.5)
    plot_profile(
        profiles if len(profiles) > 1 else profiles["lowest route"],
        ax=figure.add_subplot(),
        styles=styles_of(view),
        label=energy_label(view),
        scale=plain_scale(view),
        floor=options.floor,
    )
    return figure


def _by_finder(view: View, a: int, b: int) -> Figure:
    """Return the lowest path of each finder between two minima, and the metrics along them, a panel each."""
    found = finder_profiles(view.database, a, b, surface=view.surface, joins=view.joins)
    if view.options.finder is not None:
        found = {name: own for name, own in found.items() if name == view.options.finder}
    if not found:
        raise ValueError(f"no stored path leads from minimum {a} to {b} on surface '{view.surface}'")
    metrics = list(dict.fromkeys(name for own in found.values() for name in own.metrics))
    if view.options.metric is not None:
        if view.options.metric not in metrics:
            there = ", ".join(metrics) or "none"
            raise NotFoundError(f"no metric {view.options.metric!r} along these paths; there are: {there}")
        metrics = [view.options.metric]
    figure = sized_figure(view.options, SINGLE_COLUMN, 2.5 + 1.2 * len(metrics))
    panels = figure.subplots(1 + len(metrics), 1, squeeze=False, sharex=True, height_ratios=[2, *[1] * len(metrics)])[
        :, 0
    ]
    named = {f"{shown(name, 24)}: {short_number(own.profile.heights[0])}": own for name, own in found.items()}
    plot_profile(
        {name: own.profile for name, own in named.items()},
        ax=panels[0],
        styles=styles_of(view),
        label=energy_label(view),
        scale=plain_scale(view),
        floor=view.options.floor,
    )
    if (legend := panels[0].get_legend()) is not None:
        legend.remove()
    handles, labels = panels[0].get_legend_handles_labels()
    chosen = [handle for handle, label in zip(handles, labels, strict=True) if label in named]
    legend_above(panels[0], chosen, title="finder: height", alignment="left")
    panels[0].set_xlabel("t along each path" if not metrics else "")
    for ax, metric in zip(panels[1:], metrics, strict=True):
        for (line, color), own in zip(profile_looks(len(named)), named.values(), strict=False):
            if metric in own.metrics:
                values = own.metrics[metric]
                ax.plot(np.linspace(0, 1, len(values)), values, linestyle=line, color=color, linewidth=1.2)
        name_axis(ax.yaxis, metric_label(metric))
        name_axis(ax.xaxis, "t along each path" if ax is panels[-1] else "")
    panels[-1].xaxis.set_major_locator(MaxNLocator(5))
    return figure


def profile_remarks(view: View) -> list[str]:
    """Return what is known of the merge at which the two minima are joined, and which graph it is.

    Examples
    --------
    >>> from elsuite.analysis.options import FigureOptions
    >>> from elsuite.database import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0], "target": [1], "height": [2.0], "outcome": ["converged"]}
    >>> _ = database.add(minima={"energy": [[0.0], [1.0]]}, paths=paths)
    >>> profile_remarks(View(database, FigureOptions(route=(0, 1))))
    ['The merge at which the two are joined is tested.']
    """
    evidence = view.whole_tree.barrier_evidence(*(view.options.route or view.default_route))
    found = [] if evidence is None else [merge_remark("The merge at which the two are joined", evidence.state)]
    return found + view_remarks(view)


PICTURE = Picture(
    profile_figure,
    caption="Energy along the lowest route between the lowest minima of two sets.",
    remarks=profile_remarks,
    uses=frozenset({"by_finder", "finder", "joins", "floor", "metric", "route", "scale"}),
    on_page=True,
    in_demo=True,
)
