"""Commands that draw: plot, report."""

from typing import Any

import click

from elsuite.cli.common import choose_surface, example, store_argument, surface_option
from elsuite.database import open_database

__all__ = ["plot", "report"]

_KINDS = ("disconnectivity", "heights", "kpca", "distances", "losses", "profile", "network", "clustering")


@click.command(
    epilog=example("elsuite plot disconnectivity demo/landscape.elsuite --color-by set --out tree.svg")
)
@click.argument("kind", type=click.Choice(_KINDS))
@store_argument
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="A .png, .svg or .pdf file.")
@surface_option
@click.option(
    "--set", "sets", multiple=True, metavar="NAME", help="Only this set; may be given several times."
)
@click.option("--color-by", metavar="WHAT", help="set, superbasin, cluster, or a column of the minima.")
@click.option("--energy", type=float, metavar="E", help="Energy of the superbasins.")
@click.option("--order", metavar="WHAT", help="Order of leaves: energy, size, centered.")
@click.option("--scale", type=click.Choice(["auto", "linear", "log", "compressed"]), help="Energy axis.")
@click.option(
    "--route", type=(int, int), metavar="A B", help="Mark, or show, the best route between two minima."
)
@click.option("--lowest", type=click.IntRange(min=1), metavar="N", help="Only the N lowest minima.")
@click.option("--labels/--no-labels", default=None, help="Ids at the leaves.")
def plot(kind: str, store: str, out: str, surface: str | None, **options: Any) -> None:
    """Draw a picture of KIND; the ending of --out chooses the format."""
    from elsuite.plotting.figures import FIGURES, FigureOptions, check_format, save_figure

    check_format(out)
    given = {key: value for key, value in options.items() if value not in (None, ())}
    with open_database(store) as database:
        chosen = FigureOptions(surface=choose_surface(database, surface), **given)
        save_figure(FIGURES[kind](database, chosen), out)
    click.echo(out)


@click.command(epilog=example("elsuite report demo/landscape.elsuite --out report.html"))
@store_argument
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="The .html file to write.")
def report(store: str, out: str) -> None:
    """Write one self-contained page: pictures, tables, and how it was made."""
    from elsuite.report import write_report

    with open_database(store) as database:
        click.echo(str(write_report(database, out)))
