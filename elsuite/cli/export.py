"""The command that writes another program's format: export."""

from collections.abc import Callable
from typing import Any

import click

from elsuite.cli.common import joins_option, print_left_out, print_notes, store_argument, surface_option
from elsuite.database import open_database
from elsuite.database.query import choose_surface
from elsuite.interchange import FORMATS, from_database
from elsuite.network import transition_network
from elsuite.network.transition import Joins
from elsuite.schema import KINDS

_WRITTEN = {name: row for name, row in FORMATS.loadable() if row.write or row.write_network}


def _with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    words = {option: (name, text) for name, f in _WRITTEN.items() for option, text in f.write_options.items()}
    for option, (name, text) in words.items():
        command = click.option(f"--{option}", metavar="TEXT", help=f"{name} only: {text}")(command)
    return command


@click.command(
    epilog="Example: elsuite export pathsample lj7.elsuite LJ7",
    help=f"""Write minima and edges of a surface to OUT, in a FORMAT: {", ".join(_WRITTEN)}.

    Nothing that is there is written over.
    """,
)
@click.argument("format_", metavar="FORMAT", type=click.Choice(tuple(_WRITTEN)))
@store_argument
@click.argument("out", type=click.Path())
@surface_option
@joins_option
@_with_options
def export(format_: str, store: str, out: str, surface: str | None, joins: Joins | None, **options: str | None) -> None:
    """Write a store in another program's format."""
    chosen = _WRITTEN[format_]
    given = chosen.check_options(format_, options)
    notes: list[str] = []
    with open_database(store) as database:
        surface = choose_surface(database, surface)
        if chosen.write_network is not None:
            network = transition_network(database, surface=surface, parallel=True, joins=joins)
            chosen.write_network(network, out, **given)
            print_left_out(network)
        elif chosen.write is not None:
            foreign = from_database(database, surface=surface, joins=joins)
            chosen.write(foreign, out, **given)
            notes += foreign.notes
            n_paths = int((foreign.state_columns["kind"] == KINDS[0]).sum())
            if n_paths and chosen.verified:
                of = f"{n_paths} of {len(foreign.heights)} states"
                notes.append(f"{of} are tops of paths, not verified transition states")
    click.echo(out)
    print_notes(notes)
