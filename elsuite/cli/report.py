"""The command that writes the page: report."""

import click

from elsuite.cli.common import store_argument
from elsuite.database import open_database


@click.command(epilog="Example: elsuite report demo/landscape.elsuite --out report.html")
@store_argument
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="The .html file to write.")
def report(store: str, out: str) -> None:
    """Write one self-contained page: pictures, tables, and how it was made."""
    from elsuite.report import write_report

    with open_database(store) as database:
        click.echo(str(write_report(database, out)))
