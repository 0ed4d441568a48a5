"""The command that writes another program's format, or a model: export."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from elsuite.cli.common import check_ids, joins_option, print_left_out, print_notes, store_argument, surface_option
from elsuite.cli.recipe_options import landscape_for, making_options
from elsuite.database import LandscapeDatabase, open_database
from elsuite.database.query import choose_surface
from elsuite.interchange import FORMATS, from_database
from elsuite.interchange.files import new_files
from elsuite.network import transition_network
from elsuite.network.transition import Joins
from elsuite.schema import KINDS, NotFoundError

CHECKPOINT = "checkpoint"
"""The format that is a model's: one point of the landscape as a state dict."""

_WRITTEN = {name: row for name, row in FORMATS.loadable() if row.write or row.write_network or row.write_database}
_FOREIGN = {".onnx", ".h5", ".keras", ".tflite", ".npz", ".npy", ".csv", ".json", ".zip"}
"""Endings of what no checkpoint is."""
_POINT = ("path", "t", "minimum", "recipe", "settings", "trust", "data_dir")
"""Options of a checkpoint alone."""


def _with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    words = {option: (name, text) for name, f in _WRITTEN.items() for option, text in f.write_options.items()}
    for option, (name, text) in words.items():
        command = click.option(f"--{option}", metavar="TEXT", help=f"{name} only: {text}")(command)
    return command


@click.command(
    epilog="Example: elsuite export pathsample lj7.elsuite LJ7",
    help=f"""Write minima and edges of a surface to OUT, in a FORMAT: {", ".join(_WRITTEN)}.

    With the format {CHECKPOINT}, write one point as a model's state dict, by torch.save or, by its ending, safetensors:
    a minimum, or the place T on a path. Nothing that is there is written over.
    """,
)
@click.argument("format_", metavar="FORMAT", type=click.Choice((*_WRITTEN, CHECKPOINT)))
@store_argument
@click.argument("out", type=click.Path())
@surface_option
@joins_option
@click.option("--path", type=click.IntRange(min=0), metavar="ROW", help="checkpoint: a path, by its row; see --t.")
@click.option("--t", type=float, metavar="T", help="checkpoint: where on the path, from 0 to 1.")
@click.option("--minimum", type=click.IntRange(min=0), metavar="ID", help="checkpoint: a minimum.")
@making_options
@_with_options
def export(
    format_: str, store: str, out: str, surface: str | None, joins: Joins | None, path: int | None, t: float | None,
    minimum: int | None, recipe: str | None, settings: tuple[str, ...], trust: bool, data_dir: str | None,
    **options: str | None,
) -> None:  # fmt: skip
    """Write a store in another program's format."""
    point = dict(zip(_POINT, (path, t, minimum, recipe, settings, trust, data_dir), strict=True))
    if format_ == CHECKPOINT:
        _check_point(surface, joins, path, t, minimum, options)
        with open_database(store) as database:
            place = _place(database, path, t, minimum)
            landscape = landscape_for(database, recipe, settings, trust, data_dir)
            words = _write_checkpoint(database, landscape, place, Path(out))
        click.echo(out)
        print_notes([words])
        return
    for name, value in point.items():
        if value not in (None, (), False):
            flag = {"settings": "setting", "data_dir": "data-dir"}.get(name, name)
            raise click.UsageError(f"--{flag}: given with {format_}, allowed with {CHECKPOINT} only")
    _write_format(format_, store, out, surface, joins, options)


def _write_format(
    format_: str, store: str, out: str, surface: str | None, joins: Joins | None, options: dict[str, str | None]
) -> None:
    chosen = _WRITTEN[format_]
    given = chosen.check_options(format_, options)
    notes: list[str] = []
    with open_database(store) as database:
        surface = choose_surface(database, surface)
        if chosen.write_network is not None:
            network = transition_network(database, surface=surface, parallel=True, joins=joins)
            chosen.write_network(network, out, **given)
            print_left_out(network)
        elif chosen.write_database is not None:
            chosen.write_database(database, out, surface=surface)
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


def _check_point(
    surface: str | None,
    joins: str | None,
    path: int | None,
    t: float | None,
    minimum: int | None,
    options: dict[str, str | None],
) -> None:
    """Refuse options that do not say one point."""
    others = {"surface": surface, "joins": joins, **options}
    for name, value in others.items():
        if value is not None:
            raise click.UsageError(f"--{name}: given with {CHECKPOINT}, allowed with other formats only")
    if (path is None) == (minimum is None):
        given = "both" if path is not None else "none"
        raise click.UsageError(f"--path and --minimum: given {given}, allowed: one of them")
    if path is None and t is not None:
        raise click.UsageError("--t: given with --minimum, allowed with --path only")
    if path is not None and (t is None or not 0 <= t <= 1):
        given = "not given" if t is None else f"given {t}"
        raise click.UsageError(f"--t: {given}, allowed: a number from 0, the path's source, to 1, its target")


def _place(database: LandscapeDatabase, path: int | None, t: float | None, minimum: int | None) -> Any:
    """Return the point that the options say, shape (P,)."""
    import torch

    if not database.n_parameters:
        raise NotFoundError(f"{database.path} has no coordinates, and so no models")
    if minimum is not None:
        check_ids(database, (minimum,))
        return torch.as_tensor(database.coordinates([minimum])[0])
    from elsuite.exploration import stored_path

    assert path is not None
    if path >= database.n_paths:
        there = f"there are rows 0 to {database.n_paths - 1}" if database.n_paths else "there are none"
        raise NotFoundError(f"no path {path}; {there}")
    curve = stored_path(database, path)
    if curve is None:
        raise NotFoundError(f"path {path} has no curve in the store: its ends are known, what lies between is not")
    return curve.points(torch.tensor([t], dtype=torch.float64))[0]


def _write_checkpoint(database: LandscapeDatabase, landscape: Any, point: Any, out: Path) -> str:
    """Write the state dict of a point, whole or not at all, and return its energies in words."""
    from elsuite.exploration.checking import check_landscape
    from elsuite.landscapes.networks.checkpoints import SAFETENSORS, takes_state_dicts, write_checkpoint

    if out.suffix.lower() in _FOREIGN:
        raise click.UsageError(f"--out: given {out.name}, allowed: .pt, .pth, .ckpt or .safetensors")
    taking = takes_state_dicts(landscape)
    check_landscape(database, landscape)
    point = point.to(landscape.device, landscape.dtype)
    state = taking.state_dict(point)
    with new_files(out) as (partial,), partial.open("wb") as file:
        write_checkpoint(file, state, safetensors=out.suffix == SAFETENSORS)
    energies = [f"{name} {landscape.on(name).energy(point[None]).item():.6g}" for name in landscape.surfaces]
    return f"energies there: {', '.join(energies)}"
