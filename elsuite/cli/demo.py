"""The command that runs the whole chain on real data: demo."""

import time
from pathlib import Path

import click

from elsuite.cli.common import seed_option
from elsuite.cli.run import build, say_failures


@click.command(epilog="Example: elsuite demo --out demo --seed 1")
@click.option(
    "--out", type=click.Path(file_okay=False), default="elsuite-demo", show_default=True, help="Folder for everything."
)
@seed_option
def demo(out: str, seed: int | None) -> None:
    """Run the whole chain on real data: digits, two optimizers, paths, pictures and a page.

    Killed or interrupted, the same command goes on from what is committed.
    """
    from elsuite.cli.summary import print_found
    from elsuite.database import open_database
    from elsuite.plotting import FIGURES, FigureOptions, save_figure
    from elsuite.report import write_report
    from elsuite.studies.reading import parse_study, shipped_study, with_seed

    started = time.monotonic()
    text = with_seed(shipped_study("demo"), seed)
    made = build(parse_study(text, "demo"), text, Path(out))
    pictures, page = Path(out) / "figures", Path(out) / "report.html"
    with open_database(made.store) as database:
        for kind, picture in FIGURES.loadable():
            if picture.in_demo:
                figure = picture(database, FigureOptions())
                save_figure(figure, pictures / f"{kind}.png")
                save_figure(figure, pictures / f"{kind}.svg")
        write_report(database, page)
    print_found(made.store)
    click.echo()
    for name, where in [("database", made.store), ("pictures", pictures), ("page", page)]:
        click.echo(f"{name:<9} {where}")
    click.echo(f"took      {time.monotonic() - started:.0f} s")
    say_failures(made)
