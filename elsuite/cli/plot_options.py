"""The options of the command plot: one for each field of `elsuite.plotting.FigureOptions`, in groups."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import click

from elsuite.cli.common import finder_option, finite, surface_option

__all__ = ["CHOICES", "KINDS", "GroupedCommand", "with_plot_options"]

KINDS = (
    "disconnectivity", "superbasins", "heights", "kpca", "pca", "mds", "distances", "losses", "profile", "network",
    "clustering",
)  # fmt: skip
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "axis": ("rank", "value"),
        "scale": ("auto", "linear", "log", "compressed"),
        "shape": ("rectangular", "sloped"),
        "form": ("points", "histogram"),
        "kernel": ("rbf", "linear", "polynomial", "sigmoid"),
        "method": ("auto", "hdbscan", "agglomerative", "spectral", "superbasin", "persistence"),
        "distance": ("map", "distances", "barriers"),
    }
)
"""The words that each option of words takes."""
_MOST_LEVELS = 10_000
_INCHES = click.FloatRange(1.5, 100)


def _levels(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | tuple[float, ...] | None:
    """Return how many levels, or for FIRST:DELTA:N the energies FIRST, FIRST - DELTA and so on, ascending."""
    if text is None:
        return None
    *ends, count = text.split(":")
    try:
        n = int(count)
        first, delta = (float(end) for end in ends) if ends else (0.0, 1.0)
    except ValueError as error:
        allowed = "a number of levels, or FIRST:DELTA:N such as 1.5:0.1:12"
        raise click.BadParameter(f"{text!r} given, allowed: {allowed}") from error
    if not 1 <= n <= _MOST_LEVELS or not delta > 0 or not math.isfinite(abs(first) + n * delta):
        raise click.BadParameter(
            f"{text!r}: there are 1 to {_MOST_LEVELS:,} levels, a finite DELTA above 0 apart"
        )
    return tuple(first - k * delta for k in reversed(range(n))) if ends else n


def _choice(name: str, help_: str) -> Callable[[Any], Any]:
    return click.option(f"--{name}", type=click.Choice(CHOICES[name]), help=help_)


def _energy(name: str, help_: str) -> Callable[[Any], Any]:
    return click.option(f"--{name}", type=float, callback=finite, metavar="E", help=help_)


def _count(name: str, help_: str) -> Callable[[Any], Any]:
    return click.option(f"--{name}", type=click.IntRange(min=1), metavar="N", help=help_)


_GROUPS: Mapping[str, tuple[Callable[[Any], Any], ...]] = MappingProxyType(
    {
        "What is drawn": (
            surface_option,
            finder_option,
            click.option(
                "--set", "sets", multiple=True, metavar="NAME", help="Only this set; may be repeated."
            ),
            click.option(
                "--component",
                type=click.IntRange(min=0),
                metavar="ID",
                help="Only what is joined with a minimum.",
            ),
            _count("connected", "Only components of at least N minima."),
            _count("lowest", "Only the N lowest minima."),
            _energy("below", "Only what lies below an energy."),
            _count("smallest", "Branches of fewer than N minima as one line."),
            _energy("persistence", "Only minima that last at least so long."),
        ),
        "Colors and names": (
            click.option(
                "--color-by",
                metavar="WHAT",
                help="set, superbasin, cluster, none, or a column: a stored one, energy, kernel1, kernel2, distance.",
            ),
            _energy("energy", "Energy of the superbasins."),
            click.option("--labels/--no-labels", default=None, help="Ids at the leaves, as many as fit."),
            click.option(
                "--highlight",
                multiple=True,
                type=int,
                metavar="ID",
                help="Ring and name a minimum; may be repeated.",
            ),
            click.option(
                "--route", type=(int, int), metavar="A B", help="The best route between two minima."
            ),
        ),
        "Disconnectivity graphs": (
            click.option(
                "--order",
                metavar="WHAT",
                help="Order of leaves: centered, energy, size, or a column of numbers.",
            ),
            _choice("axis", "Leaves one apart, or each at its value in the column of --order."),
            _choice("scale", "Axis of energies."),
            _choice("shape", "Lines at right angles, or sloped."),
            click.option(
                "--levels",
                callback=_levels,
                metavar="N",
                help="Merges at N levels, or FIRST:DELTA:N as in dinfo files.",
            ),
        ),
        "Maps, clusters, heights": (
            _choice("kernel", "Kernel of the map."),
            _choice("method", "How clusters are found."),
            _choice("distance", "What they are found on: the map, distances or barriers."),
            _choice("form", "Of heights."),
        ),
        "Size": (
            click.option("--width", type=_INCHES, metavar="INCHES", help="3.4 is a column of print, 7 two."),
            click.option(
                "--height", type=_INCHES, metavar="INCHES", help="What suits the picture by default."
            ),
        ),
    }
)


def with_plot_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function all options of the figures."""
    for options in reversed(list(_GROUPS.values())):
        for option in reversed(options):
            command = option(command)
    return command


class GroupedCommand(click.Command):
    """A command whose help lists the options of the figures in their groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section a group."""
        given = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = {param.name: param.get_help_record(ctx) for param in given}
        sections = {title: [_name(option) for option in options] for title, options in _GROUPS.items()}
        grouped = {name for names in sections.values() for name in names}
        sections["Options"] = [str(name) for name in records if name not in grouped]
        for title, names in sections.items():
            rows = [row for name in names if (row := records[name]) is not None]
            with formatter.section(title):
                formatter.write_dl(rows)


def _name(option: Callable[[Any], Any]) -> str:
    """Return the name of the parameter that an option adds."""
    return str(click.command()(option(lambda **_: None)).params[0].name)
