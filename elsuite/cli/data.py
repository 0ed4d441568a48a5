"""The commands that get data sets: data."""

import click

from elsuite.cli.common import data_option


@click.group(epilog="Example: elsuite data fetch mnist --data-dir ~/data")
def data() -> None:
    """Get data sets."""


@data.command(epilog="Example: elsuite data fetch mnist --data-dir ~/data")
@click.argument("name")
@data_option
def fetch(name: str, data_dir: str | None) -> None:
    """Download a data set into the data folder and check every file by its MD5."""
    from elsuite.datasets.sources import fetch_data

    click.echo(str(fetch_data(name, data_dir=data_dir)))
