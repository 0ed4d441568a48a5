"""The commands that bring in what was made elsewhere: import."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elsuite.cli.common import json_option, print_json, print_notes, print_table, store_argument
from elsuite.cli.progress import progress_bars
from elsuite.cli.recipe_options import making_options, recipe_given
from elsuite.core.identity import nested_differences
from elsuite.database import LandscapeDatabase, can_create, open_database
from elsuite.interchange import FORMATS, ForeignLandscape, Format, read_solutions, to_database

if TYPE_CHECKING:
    from elsuite.exploration.checkpoints import CheckpointReport
    from elsuite.landscapes.recipes import Recipe

MADE_TWICE = 5.0
"""A recipe that takes no more seconds is called twice before a store is made for what it makes."""

_ROWS = 20
"""So many of what was stored are shown."""


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


@import_.command(epilog="Example: elsuite import checkpoints runs/*/best.pt runs.elsuite --recipe exp.py:landscape")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@store_argument
@click.option("--set", "set_", default="checkpoints", show_default=True, metavar="NAME", help="NAME, or NAME/SURFACE.")
@click.option("--entry", metavar="KEY", help="Where in each file the state dict lies, if it holds several: ema.")
@making_options
@json_option
def checkpoints(
    files: tuple[str, ...], store: str, set_: str, entry: str | None, recipe: str | None, settings: tuple[str, ...],
    trust: bool, data_dir: str | None, json_: bool,
) -> None:  # fmt: skip
    """Store the state dicts in FILES, of torch.save or safetensors, with their energies on all surfaces.

    STORE is made, or extended if it is of the same landscape; then it says which one, and --trust takes its word. Files
    that give no solution are named and the others go on; exit code 1. Interrupted, the same command goes on.
    """
    from elsuite.exploration.checkpoints import import_checkpoints

    _check_last(store)
    landscape, stored = _landscape_for(store, recipe_given(recipe, settings), trust, data_dir)
    with _store_for(Path(store), landscape, stored) as database:
        with progress_bars() as bars:
            found = import_checkpoints(database, landscape, files, set_name=set_, entry=entry, progress=bars)
        for _, reason in found.failed:
            click.echo(f"elsuite: {reason}", err=True)
        _say_imported(database, found, n_files=len(files), set_name=set_, json_=json_)
        if getattr(landscape, "buffers", None) == "estimated" and found.ids and not json_:
            print_notes(["running averages are estimated on the training data at each point, the files' own not used"])
        if found.failed:
            sys.exit(1)


def _check_last(store: str) -> None:
    """Refuse a checkpoint where the store is meant."""
    if Path(store).suffix in {".pt", ".pth", ".ckpt", ".bin", ".safetensors"} and not Path(store).is_dir():
        raise click.UsageError(f"STORE: given {store!r}, which looks like a checkpoint; the store comes last")


def _say_imported(
    database: LandscapeDatabase, found: "CheckpointReport", *, n_files: int, set_name: str, json_: bool
) -> None:
    """Say which checkpoints were stored, and their energies."""
    ids, surfaces = list(found.ids), database.surfaces
    columns = (database.minima[name].values[ids].tolist() for name in ("energy", "gradient_norm")) if ids else ([], [])
    energies, norms = columns
    origins = database.minima["origin"].values[ids].tolist() if ids else []
    rows = list(zip(ids, energies, norms, origins, strict=True))
    if json_:
        added = [
            {"id": i, "file": file, "energy": dict(zip(surfaces, energy, strict=True)), "gradient_norm": norm}
            for i, energy, norm, file in rows
        ]
        print_json({"added": added, "known": found.n_known, "failed": dict(found.failed)})
        return
    there = f" ({found.n_known} were there)" if found.n_known else ""
    click.echo(f"{len(ids)} of {n_files} checkpoints stored as {set_name}{there}")
    if rows:
        table = [[i, *energy, norm, file] for i, energy, norm, file in rows[:_ROWS]]
        print_table(["id", *surfaces, "gradient norm", "file"], table)
    if len(rows) > _ROWS:
        click.echo(f"... and {len(rows) - _ROWS} more; --json gives all")


@import_.command(epilog="Example: elsuite import arrays w.npy s.elsuite --network lstm --data mnist --set sgd/train")
@click.argument("file", type=click.Path())
@store_argument
@click.option("--network", metavar="NAME", help="Architecture: fcp, lenet, autoencoder, lstm.")
@click.option("--data", metavar="NAME", help="Data set, or an .npz file.")
@click.option("--set", "set_", required=True, metavar="NAME", help="NAME, or minimizer/stopping, such as sgd/test.")
@click.option("--hidden", metavar="N,N", help="Units of the hidden layers, if not the architecture's own.")
@click.option("--activation", metavar="NAME", help="If not the architecture's own.")
@click.option("--n-train", type=click.IntRange(min=1), metavar="N", help="Only so many training samples.")
@click.option("--n-test", type=click.IntRange(min=1), metavar="N", help="Only so many test samples.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), help="Default: float32.")
@making_options
@json_option
def arrays(
    file: str, store: str, set_: str, json_: bool, recipe: str | None, settings: tuple[str, ...], trust: bool,
    data_dir: str | None, **options: Any,
) -> None:  # fmt: skip
    """Store the solutions in FILE, an array (solutions, parameters), with their energies on all surfaces.

    STORE is made, or extended if it holds solutions of the same landscape, by --network and --data, or by --recipe.
    Interrupted, the same command goes on.
    """
    from elsuite.exploration.solutions import add_solutions, check_set_name, stored_solutions

    landscape, stored = _landscape_for(store, _chosen(recipe, settings, options), trust, data_dir)
    check_set_name(set_, landscape.surfaces)
    solutions = read_solutions(file, landscape.n_parameters)
    with _store_for(Path(store), landscape, stored) as database, progress_bars() as bars:
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


def _landscape_for(store: str, recipe: "Recipe | None", trust: bool, data_dir: str | None) -> tuple[Any, Any]:
    """Return the landscape of a store that is there or that is to be made, and what a new store keeps of it."""
    from elsuite.studies.build import landscape_of_database, stored_landscape

    if not can_create(store):
        with open_database(store) as database:
            return landscape_of_database(database, recipe, trust=trust, data_dir=data_dir), None
    if recipe is None:
        raise click.UsageError("--recipe: not given, but required: there is no store yet that says its landscape")
    began = time.monotonic()
    landscape = recipe.landscape(data_dir=data_dir)
    if time.monotonic() - began < MADE_TWICE:
        again = recipe.landscape(data_dir=data_dir).declared()
        for name, old, new in nested_differences(landscape.declared(), again):
            raise click.UsageError(
                f"--recipe: {recipe.where} makes another landscape each time it is called ({name} is "
                f"{str(old)[:20]!r}, then {str(new)[:20]!r}); what it draws at random needs a seed"
            )
    return landscape, stored_landscape(recipe, landscape)


def _chosen(recipe: str | None, settings: tuple[str, ...], options: dict[str, Any]) -> "Recipe | None":
    """Return the recipe that is given, or that of the network and data that are."""
    given = [name for name, value in options.items() if value is not None]
    if recipe is not None or not given:
        if given:
            name = given[0].replace("_", "-")
            raise click.UsageError(f"--{name}: given beside --recipe, allowed: one of both; see --setting")
        return recipe_given(recipe, settings)
    for name in ("network", "data"):
        if options[name] is None:
            raise click.UsageError(f"--{name}: not given, but required without --recipe")
    from elsuite.studies.build import recipe_of

    recipe_given(None, settings)  # refuses settings without a recipe
    return recipe_of(*_sections(options))


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

    network: dict[str, Any] = {"architecture": options["network"]}
    if options["dtype"]:
        network["dtype"] = options["dtype"]
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
def _store_for(path: Path, landscape: Any, stored: Any) -> Iterator[LandscapeDatabase]:
    """Yield the store at `path`, open for writing; one made now that stays empty by an error is removed again."""
    if not can_create(path):
        with open_database(path, mode="a") as database:
            yield database
        return
    database = LandscapeDatabase.create(path, landscape, attributes={"landscape": stored})
    try:
        with database:
            yield database
    except BaseException:
        if not database.n_minima:
            shutil.rmtree(path, ignore_errors=True)
        raise
