"""The commands that bring in what was made elsewhere: import."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from elsuite.cli.common import data_option, json_option, print_json, print_notes, store_argument
from elsuite.cli.progress import progress_bars
from elsuite.database import LandscapeDatabase, can_create, open_database
from elsuite.interchange import FORMATS, ForeignLandscape, Format, read_solutions, to_database


class _Formats(click.Group):
    """A group with one command for each format that can be read, besides those of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *(name for name, row in FORMATS.loadable() if row.read)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in FORMATS or not FORMATS[cmd_name].read:
            return own
        return _reading(cmd_name, FORMATS[cmd_name])


def _reading(name: str, format_: Format) -> click.Command:
    """Return the command that makes a store of a format."""

    @store_argument
    @json_option
    def command(source: str, store: str, json_: bool, **options: str | None) -> None:
        assert format_.read is not None
        given = {key: value for key, value in options.items() if value is not None}
        _store(format_.read(source, **given), store, name, json_)

    for option, words in format_.read_options.items():
        command = click.option(f"--{option}", metavar="TEXT", help=words)(command)
    command = click.argument("source", type=click.Path())(command)
    epilog = f"Example: elsuite import {name} {format_.example} landscape.elsuite"
    return click.command(name, help=f"Make a new STORE from {format_.words}.", epilog=epilog)(command)


@click.group(name="import", cls=_Formats, epilog="Example: elsuite import pathsample LJ38 lj38.elsuite")
def import_() -> None:
    """Bring in solutions, or a whole landscape, that were made elsewhere."""


@import_.command(epilog="Example: elsuite import arrays w.npy s.elsuite --network lstm --data mnist --set sgd/train")
@click.argument("file", type=click.Path())
@store_argument
@click.option("--network", required=True, metavar="NAME", help="Architecture: fcp, lenet, autoencoder, lstm.")
@click.option("--data", required=True, metavar="NAME", help="Data set, or an .npz file.")
@click.option("--set", "set_", required=True, metavar="NAME", help="minimizer/stopping, such as sgd/test.")
@click.option("--hidden", metavar="N,N", help="Units of the hidden layers, if not the architecture's own.")
@click.option("--activation", metavar="NAME", help="If not the architecture's own.")
@click.option("--n-train", type=click.IntRange(min=1), metavar="N", help="Only so many training samples.")
@click.option("--n-test", type=click.IntRange(min=1), metavar="N", help="Only so many test samples.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@data_option
@json_option
def arrays(file: str, store: str, set_: str, json_: bool, data_dir: str | None, **options: Any) -> None:
    """Store the solutions in FILE, an array (solutions, parameters), with their energies on all surfaces.

    STORE is made, or extended if it holds solutions of the same network on the same data. Interrupted, the same
    command goes on.
    """
    from elsuite.exploration.solutions import add_solutions, check_set_name, stored_solutions
    from elsuite.studies.build import landscape_identity, landscape_of

    data, network = _sections(options)
    check_set_name(set_, ("train", "test"))
    landscape = landscape_of(data, network, data_dir=data_dir)
    solutions = read_solutions(file, landscape.n_parameters)
    identity = landscape_identity(data, network)
    with _store_for(Path(store), landscape, identity) as database, progress_bars() as bars:
        ids = add_solutions(database, landscape, solutions, set_name=set_, origin=Path(file).name, progress=bars)
        # Of all that the file has, also what an interrupted call stored before.
        every = stored_solutions(database, landscape, solutions, set_name=set_)
        energy = database.minima["energy"].values[every]
        surfaces = database.surfaces
    means = dict(zip(surfaces, energy.mean(axis=0).tolist(), strict=True)) if len(every) else {}
    if json_:
        print_json({"added": ids.tolist(), "given": len(solutions), "mean_energy": means})
        return
    there = " (the others were there)" if len(ids) < len(solutions) else ""
    click.echo(f"{len(ids)} of {len(solutions)} solutions stored as {set_}{there}")
    for name, mean in means.items():
        click.echo(f"mean {name} loss of all {len(every)}: {mean:.6g}")


def _store(foreign: ForeignLandscape, store: str, origin: str, json_: bool) -> None:
    """Make the store of a landscape that was read, and say what is in it."""
    with to_database(foreign, store, origin=origin) as database:
        notes = [*database.attributes["notes"], *([] if database.n_minima else ["there are no minima in it"])]
        n_states = int((database.paths["kind"].values == "transition_state").sum())
        found = {
            "n_minima": database.n_minima,
            "n_paths": database.n_paths,
            "n_transition_states": n_states,
            "n_parameters": database.n_parameters,
            "notes": notes,
        }
    if json_:
        print_json(found)
        return
    what = "transition states" if n_states or FORMATS[origin].verified else "edges"
    click.echo(f"{found['n_minima']} minima and {found['n_paths']} {what} in {store}")
    print_notes(notes)


def _sections(options: dict[str, Any]) -> tuple[Any, Any]:
    """Return the data and network sections of a study that the options describe, checked as a study file is."""
    from elsuite.studies.model import DataSection, NetworkSection
    from elsuite.studies.reading import check_network

    network: dict[str, Any] = {"architecture": options["network"], "dtype": options["dtype"]}
    if options["hidden"]:
        parts = [part.strip() for part in options["hidden"].split(",")]
        if not all(part.isdecimal() and part.isascii() for part in parts):
            raise click.UsageError(f"--hidden: given {options['hidden']!r}, allowed: whole numbers, such as 50,50")
        network["hidden"] = [int(part) for part in parts]
    if options["activation"]:
        network["activation"] = options["activation"]
    data = DataSection(name=options["data"], n_train=options["n_train"], n_test=options["n_test"])
    return data, check_network(NetworkSection(**network))


@contextmanager
def _store_for(path: Path, landscape: Any, identity: dict[str, Any]) -> Iterator[LandscapeDatabase]:
    """Yield the store at `path`, open for writing; one made now that stays empty by an error is removed again."""
    if not can_create(path):
        with open_database(path, mode="a") as database:
            yield database
        return
    database = LandscapeDatabase.create(path, landscape, attributes={"landscape": identity})
    try:
        with database:
            yield database
    except BaseException:
        if not database.n_minima:
            shutil.rmtree(path, ignore_errors=True)
        raise
