"""The command that draws: plot."""

from typing import Any

import click
import numpy as np

from elsuite.cli.common import choose_surface, example, store_argument
from elsuite.cli.plot_options import KINDS, GroupedCommand, with_plot_options
from elsuite.database import open_database

__all__ = ["plot"]


@click.command(
    cls=GroupedCommand,
    epilog=example("elsuite plot disconnectivity demo/landscape.elsuite --color-by set --out tree.svg"),
)
@click.argument("kind", type=click.Choice(KINDS), metavar="KIND")
@store_argument
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="A .png, .svg or .pdf file.")
@with_plot_options
def plot(kind: str, store: str, out: str, surface: str | None, **options: Any) -> None:
    """Draw a picture; the ending of --out chooses the format.

    KIND is disconnectivity, superbasins (their number and largest size at all energies), heights, kpca (map by kernel
    components), pca (by principal components), mds (by scaling of barriers), distances, losses, profile, network or
    clustering. Each uses the options that concern it.
    """
    from elsuite.plotting.figures import FIGURES, FigureOptions, check_format, save_figure

    check_format(out)
    given = {key: value for key, value in options.items() if value not in (None, ())}
    with open_database(store) as database:
        chosen = FigureOptions(surface=choose_surface(database, surface), **given)
        save_figure(FIGURES[kind](database, chosen), out)
        unknown = int(np.isnan(database.minima["energy"].sel(surface=chosen.surface).values).sum())
    if unknown:
        click.echo(
            f"not drawn: {unknown} of the minima, without an energy on the surface {chosen.surface!r}",
            err=True,
        )
    click.echo(out)
