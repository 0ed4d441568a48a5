"""The command that runs the whole chain on real data: demo."""

import time
from pathlib import Path

import click

from elsuite.cli.common import example, seed_option
from elsuite.cli.run import build, print_found, say_failures


@click.command(epilog=example("elsuite demo --out demo --seed 1"))
@click.option(
    "--out", type=click.Path(file_okay=False), default="elsuite-demo", show_default=True, help="Folder for everything."
)
@seed_option
def demo(out: str, seed: int | None) -> None:
    """Run the whole chain on real data: digits, two optimizers, paths, pictures and a page.

    Killed or interrupted, the same command goes on from what is committed.
    """
    from elsuite.studies.reading import parse_study, shipped_study, with_seed

    started = time.monotonic()
    text = with_seed(shipped_study("demo"), seed)
    made = build(parse_study(text, "demo"), text, Path(out))
    store = made.store
    pictures = _draw(store, Path(out) / "figures")
    page = _report(store, Path(out) / "report.html")
    print_found(store)
    click.echo()
    for name, where in [("database", store), ("pictures", pictures), ("page", page)]:
        click.echo(f"{name:<9} {where}")
    click.echo(f"took      {time.monotonic() - started:.0f} s")
    say_failures(made)


def _draw(store: Path, folder: Path) -> Path:
    from elsuite.database import open_database
    from elsuite.plotting import FIGURES, FigureOptions, save_figure

    folder.mkdir(parents=True, exist_ok=True)
    with open_database(store) as database:
        for kind, picture in FIGURES.items():
            if not picture.in_demo:
                continue
            figure = picture(database, FigureOptions())
            for ending in ("png", "svg"):
                save_figure(figure, folder / f"{kind}.{ending}")
    return folder


def _report(store: Path, out: Path) -> Path:
    from elsuite.database import open_database
    from elsuite.report import write_report

    with open_database(store) as database:
        return Path(write_report(database, out))
