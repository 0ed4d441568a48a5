"""The command that writes another program"s format: export."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from elsuite.cli.common import example, print_notes, store_argument, surface_option
from elsuite.database import LandscapeDatabase, open_database
from elsuite.database.query import choose_surface

if TYPE_CHECKING:
    from elsuite.interchange import ForeignLandscape

__all__ = ["export"]

_FORMATS = ("pathsample", "topsearch", "pele", "npz", "edges", "graphml")


@click.command(epilog=example("elsuite export pathsample lj7.elsuite LJ7"))
@click.argument("format_", metavar="FORMAT", type=click.Choice(_FORMATS))
@store_argument
@click.argument("out", type=click.Path())
@surface_option
@click.option("--nodes", type=click.Path(), help="edges only: a CSV file for the minima.")
def export(format_: str, store: str, out: str, surface: str | None, nodes: str | None) -> None:
    """Write minima and edges of a surface to OUT, in a FORMAT: pathsample, topsearch, pele, npz, edges, graphml.

    Nothing that is there is written over.
    """
    from elsuite import interchange

    _check_nodes(nodes, format_)
    with open_database(store) as database:
        surface = choose_surface(database, surface)
        if format_ == "graphml":
            _write_graphml(database, surface, Path(out))
            click.echo(out)
            return
        foreign = interchange.from_database(database, surface=surface)
    if format_ == "edges":
        interchange.write_edges(foreign, out, nodes)
    else:
        writers: dict[str, Callable[[ForeignLandscape, str], None]] = {
            "pathsample": interchange.write_pathsample,
            "topsearch": interchange.write_topsearch,
            "pele": interchange.write_pele,
            "npz": interchange.write_arrays,
        }
        writers[format_](foreign, out)
    click.echo(out)
    n_paths = int((foreign.state_columns["kind"] == "path").sum())
    notes = list(foreign.notes)
    if n_paths and format_ in {"pathsample", "topsearch", "pele"}:
        notes.append(
            f"{n_paths} of {len(foreign.heights)} states are tops of paths, not verified transition states"
        )
    print_notes(notes)


def _check_nodes(nodes: str | None, format_: str) -> None:
    if nodes is not None and format_ != "edges":
        raise click.UsageError(f"--nodes: given with {format_}, allowed with edges only")


def _write_graphml(database: LandscapeDatabase, surface: str, out: Path) -> None:
    import networkx as nx

    from elsuite.interchange.files import new_files
    from elsuite.network import transition_network

    network = transition_network(database, surface=surface, parallel=True)
    for _, attributes in network.nodes(data=True):
        for key, value in list(attributes.items()):
            attributes[key] = value if isinstance(value, (int, float, str)) else str(value)
    with new_files(out) as (place,):
        nx.write_graphml(network, place)
