"""The command that makes one database of several: merge."""

import dataclasses

import click

from elsuite.cli.common import example, json_option, print_json, print_table

__all__ = ["merge"]


@click.command(epilog=example("elsuite merge a.elsuite b.elsuite --into c.elsuite"))
@click.argument("stores", nargs=-1, required=True, type=click.Path())
@click.option("--into", required=True, type=click.Path(), help="The new store.")
@click.option(
    "--tolerance", type=float, default=1e-6, show_default=True, help="Relative distance of equal minima."
)
@click.option("--symmetry", is_flag=True, help="Join minima that differ by the names of their units, too.")
@click.option("--data-dir", metavar="DIR", help="Folder of data sets, for --symmetry.")
@json_option
def merge(
    stores: tuple[str, ...], into: str, tolerance: float, symmetry: bool, data_dir: str | None, json_: bool
) -> None:
    """Make one new store of several STORES of the same landscape; equal minima are joined, paths follow."""
    from elsuite.exploration.merge import merge_databases

    report = merge_databases(stores, into, tolerance=tolerance, symmetry=symmetry, data_folder=data_dir)
    if json_:
        print_json(dataclasses.asdict(report))
        return
    click.echo(f"{report.n_runs} runs, {report.n_minima} minima, {report.n_paths} paths in {into}")
    click.echo(f"left out as known: {report.n_known_runs} runs, {report.n_known_paths} paths")
    if report.joined:
        print_table(
            ["store", "id", "became", "distance"], [list(dataclasses.astuple(j)) for j in report.joined]
        )
