"""Commands that bring in what was made elsewhere, and take out: import, export, quench, data."""

from pathlib import Path
from typing import Any

import click

from elsuite.cli.common import (
    choose_surface,
    example,
    json_option,
    print_json,
    store_argument,
    surface_option,
)
from elsuite.database import LandscapeDatabase, open_database
from elsuite.schema import NotFoundError

__all__ = ["data", "export", "import_", "quench"]

_data_option = click.option("--data-dir", metavar="DIR", help="Folder of data sets; else $ELSUITE_DATA_DIR.")
_FORMATS = ("pathsample", "topsearch", "pele", "npz", "edges")


@click.group(name="import", epilog=example("elsuite import pathsample LJ38 lj38.elsuite"))
def import_() -> None:
    """Bring in solutions, or a whole landscape, that were made elsewhere."""


@import_.command(
    epilog=example(
        "elsuite import arrays weights.npy lstm.elsuite --network lstm --data mnist --set lbfgs-gss/train"
    )
)
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
@_data_option
@json_option
def arrays(file: str, store: str, set_: str, json_: bool, data_dir: str | None, **options: Any) -> None:
    """Store the solutions in FILE, an array (solutions, parameters), with their energies on all surfaces.

    STORE is made, or extended if it holds solutions of the same network on the same data.
    """
    from elsuite.exploration.build import landscape_identity, landscape_of
    from elsuite.exploration.solutions import add_solutions
    from elsuite.interchange import read_solutions

    data, network = _sections(options)
    landscape = landscape_of(data, network, folder=data_dir)
    solutions = read_solutions(file, landscape.n_parameters)
    with _store_for(Path(store), landscape, landscape_identity(data, network), network.dtype) as database:
        ids = add_solutions(database, landscape, solutions, set_name=set_, origin=Path(file).name)
        energy = database.minima["energy"].values[ids]
        surfaces = database.surfaces
    means = dict(zip(surfaces, energy.mean(axis=0).tolist(), strict=True)) if len(ids) else {}
    if json_:
        print_json({"added": ids.tolist(), "given": len(solutions), "mean_energy": means})
        return
    click.echo(f"{len(ids)} of {len(solutions)} solutions stored as {set_} (the others were there)")
    for name, mean in means.items():
        click.echo(f"mean {name} loss {mean:.6g}")


def _landscape_command(name: str, what: str) -> None:
    """Give `import` a command for one foreign format."""

    @import_.command(name=name, epilog=example(f"elsuite import {name} SOURCE store.elsuite"))
    @click.argument("source", type=click.Path())
    @store_argument
    @click.option(
        "--nodes", type=click.Path(), help="edges only: a CSV file of minima, with columns id and energy."
    )
    @json_option
    def command(source: str, store: str, nodes: str | None, json_: bool) -> None:
        from elsuite.interchange import to_database

        foreign = _read(name, source, nodes)
        with to_database(foreign, store, origin=name) as database:
            found = {"n_minima": database.n_minima, "n_paths": database.n_paths, "notes": list(foreign.notes)}
        if json_:
            print_json(found)
            return
        click.echo(f"{found['n_minima']} minima and {found['n_paths']} transition states in {store}")
        for note in foreign.notes:
            click.echo(f"note: {note}")

    command.help = f"Make a new STORE from {what}."


_landscape_command(
    "pathsample", "the PATHSAMPLE database in the folder SOURCE (min.data, ts.data, points.min)"
)
_landscape_command("topsearch", "the topsearch dump in the folder SOURCE (min.data, ts.data, min.coords)")
_landscape_command("pele", "the pele database SOURCE, an SQLite file")
_landscape_command("npz", "an .npz archive with energies, sources, targets and heights")
_landscape_command("edges", "a CSV file of edges with columns source, target and energy")


@click.command(epilog=example("elsuite export pathsample lj7.elsuite LJ7"))
@click.argument("format_", metavar="FORMAT", type=click.Choice([*_FORMATS, "graphml"]))
@store_argument
@click.argument("out", type=click.Path())
@surface_option
def export(format_: str, store: str, out: str, surface: str | None) -> None:
    """Write minima and edges of a surface in another program's FORMAT to OUT."""
    from elsuite import interchange

    with open_database(store) as database:
        surface = choose_surface(database, surface)
        if format_ == "graphml":
            _write_graphml(database, surface, out)
        else:
            columns = ("log_product", "point_group_order", "inertia_1", "inertia_2", "inertia_3", "name",
                       "lowest_eigenvalue", "negative_eigenvalue")  # fmt: skip
            foreign = interchange.from_database(database, surface=surface, columns=columns)
            writer = {"npz": "write_arrays"}.get(format_, f"write_{format_}")
            getattr(interchange, writer)(foreign, out)
    click.echo(out)


@click.command(epilog=example("elsuite quench demo/landscape.elsuite --set sgd/train"))
@store_argument
@surface_option
@click.option(
    "--set", "sets", multiple=True, metavar="NAME", help="Only this set; may be given several times."
)
@click.option(
    "--epochs", type=click.IntRange(min=1), default=2000, show_default=True, help="Iterations at most."
)
@click.option("--tolerance", type=float, default=1e-6, show_default=True, help="Of the gradient norm.")
@click.option("--distance", type=float, default=1e-3, show_default=True, help="Relative, of equal minima.")
@_data_option
@json_option
def quench(
    store: str, surface: str | None, sets: tuple[str, ...], epochs: int, tolerance: float, distance: float,
    data_dir: str | None, json_: bool,
) -> None:  # fmt: skip
    """Relax stored solutions to their minima on a surface, by L-BFGS; minima become the set quenched/SURFACE."""
    import dataclasses

    from elsuite.exploration.build import stored_landscape
    from elsuite.exploration.quench import quench as relax
    from elsuite.minimizers import LBFGSGSS

    with open_database(store, mode="a") as database:
        surface = choose_surface(database, surface)
        names = [str(name) for name in database.minima["set"].values.tolist()]
        for name in sets:
            if name not in names:
                raise NotFoundError(f"no set {name!r}; there are: {', '.join(sorted(set(names)))}")
        ids = [i for i, n in enumerate(names) if (n in sets if sets else not n.startswith("quenched/"))]
        landscape = stored_landscape(database, folder=data_dir)
        minimizer = LBFGSGSS(epochs=epochs, gradient_tolerance=tolerance)
        found = relax(
            database, landscape, ids, surface=surface, minimizer=minimizer,
            gradient_tolerance=tolerance, distance_tolerance=distance,
        )  # fmt: skip
    if json_:
        print_json(dataclasses.asdict(found))
        return
    click.echo(
        f"{found.n_solutions} solutions relaxed on {surface}: {found.n_minima} new minima, {found.n_known} led to "
        f"known ones; {found.n_stationary} within the gradient tolerance {tolerance:g}"
    )


@click.group(epilog=example("elsuite data fetch mnist --data-dir ~/data"))
def data() -> None:
    """Get data sets."""


@data.command(epilog=example("elsuite data fetch mnist --data-dir ~/data"))
@click.argument("name")
@_data_option
def fetch(name: str, data_dir: str | None) -> None:
    """Download a data set into the data folder and check every file by its SHA-256."""
    from elsuite.landscapes.datasets import fetch_data

    click.echo(str(fetch_data(name, folder=data_dir)))


def _read(name: str, source: str, nodes: str | None) -> Any:
    from elsuite import interchange

    if name == "edges":
        return interchange.read_edges(source, nodes)
    if name == "pathsample" and interchange.is_topsearch(source):
        raise interchange.FormatError(
            f"{source}: min.data has 2 columns, a topsearch dump: elsuite import topsearch"
        )
    reader = {"npz": interchange.read_arrays}.get(name) or getattr(interchange, f"read_{name}")
    return reader(source)


def _sections(options: dict[str, Any]) -> tuple[Any, Any]:
    """Return the data and network sections of a study that the options describe, checked as a study file is."""
    from elsuite.exploration.study import DataSection, NetworkSection, check_network

    network: dict[str, Any] = {"architecture": options["network"], "dtype": options["dtype"]}
    if options["hidden"]:
        parts = options["hidden"].split(",")
        if not all(part.strip().isdigit() for part in parts):
            raise click.UsageError(
                f"--hidden: given {options['hidden']!r}, allowed: whole numbers, such as 50,50"
            )
        network["hidden"] = [int(part) for part in parts]
    if options["activation"]:
        network["activation"] = options["activation"]
    data = DataSection(name=options["data"], n_train=options["n_train"], n_test=options["n_test"])
    return data, check_network(NetworkSection(**network))


def _store_for(path: Path, landscape: Any, identity: dict[str, Any], dtype: str) -> LandscapeDatabase:
    """Return the store at `path`, open for writing, made now or checked to hold the same landscape."""
    if not path.exists():
        return LandscapeDatabase.create(
            path,
            n_parameters=landscape.n_parameters,
            surfaces=landscape.surfaces,
            dtype=dtype,
            attributes={"landscape": identity},
        )
    database = open_database(path, mode="a")
    if database.attributes.get("landscape") != identity:
        database.close()
        raise NotFoundError(f"{path} holds another network or other data; give another store")
    return database


def _write_graphml(database: LandscapeDatabase, surface: str, out: str) -> None:
    import networkx as nx

    from elsuite.network import transition_network

    network = transition_network(database, surface=surface, parallel=True)
    for _, attributes in network.nodes(data=True):
        for key, value in list(attributes.items()):
            attributes[key] = value if isinstance(value, (int, float, str)) else str(value)
    nx.write_graphml(network, out)
