"""The command that makes one database of several: merge."""

import dataclasses
from typing import TYPE_CHECKING

import click

from elsuite.cli.common import json_option, print_json, print_table

if TYPE_CHECKING:
    from elsuite.symmetry.base import Symmetry

_ROWS = 20


@click.command(epilog="Example: elsuite merge a.elsuite b.elsuite --into c.elsuite")
@click.argument("stores", nargs=-1, required=True, type=click.Path())
@click.option("--into", required=True, type=click.Path(), help="The new store.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    help="Largest distance of equal minima; by default 1e-6 length scales of the landscape.",
)
@click.option("--symmetry", is_flag=True, help="Join minima that differ by the names of their units, too.")
@click.option(
    "--cluster", is_flag=True, help="Points are clusters of like atoms: join turned, mirrored, relabeled ones, too."
)
@click.option("--data-dir", metavar="DIR", help="Folder of data sets, for --symmetry.")
@json_option
def merge(
    stores: tuple[str, ...], into: str, tolerance: float | None, symmetry: bool, cluster: bool, data_dir: str | None,
    json_: bool,
) -> None:  # fmt: skip
    """Make one new store of several STORES of the same landscape; equal minima are joined, paths follow."""
    from elsuite.database import open_database
    from elsuite.database.merging import merge_databases

    units: bool | Symmetry = False
    if symmetry:
        with open_database(stores[0]) as first:
            units = first.attributes.get("identity") is not None
            if not units:  # a store of an earlier version does not say which units are interchangeable
                from elsuite.studies.build import landscape_of_database

                units = landscape_of_database(first, data_dir=data_dir).symmetry
    report = merge_databases(stores, into, tolerance=tolerance, symmetry=units, cluster=cluster)
    if json_:
        print_json(dataclasses.asdict(report))
        return
    click.echo(f"{report.n_runs} runs, {report.n_minima} minima, {report.n_paths} paths in {into}")
    click.echo(f"left out as known: {report.n_known_runs} runs, {report.n_known_paths} paths")
    if report.n_lifted:
        click.echo(f"{report.n_lifted} paths lifted to the higher energy of a joined end")
    far = max((j.distance for j in report.joined), default=0.0)
    apart = max((j.energy_difference or 0.0 for j in report.joined), default=0.0)
    largest = f", {far:.3g} apart at most, their energies {apart:.3g}" if report.joined else ""
    click.echo(f"{len(report.joined)} minima joined{largest}")
    if report.joined:
        names = ["store", "id", "became", "distance", "energy difference"]
        print_table(names, [list(dataclasses.astuple(j)) for j in report.joined[:_ROWS]])
    if len(report.joined) > _ROWS:
        click.echo(f"... and {len(report.joined) - _ROWS} more; --json gives all")
