"""The commands that compute values for pictures and keep them in the store: compute."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elsuite.cli.common import check_ids, check_sets, store_argument, surface_option
from elsuite.cli.progress import progress_bars
from elsuite.cli.recipe_options import landscape_for, making_options
from elsuite.core.typing import Progress
from elsuite.database import LandscapeDatabase, open_database
from elsuite.database.query import choose_surface

if TYPE_CHECKING:
    import xarray as xr

    from elsuite.landscapes.base import Landscape

    Compute = Callable[[LandscapeDatabase, Landscape, Progress | None], xr.Dataset]

MOST_PAIRS = 500
"""Of all pairs of larger sets not every one is computed unasked."""

out_option = click.option(
    "--out", type=click.Path(dir_okay=False), help="Draw the picture at once: a .png, .svg or .pdf file."
)
points_option = click.option(
    "--points",
    type=click.IntRange(min=3),
    metavar="N",
    help="Along an axis; default 25, along one line around a minimum 51.",
)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that all of these commands have."""
    return surface_option(out_option(making_options(command)))


@click.group(epilog="Example: elsuite compute plane demo/landscape.elsuite --minima 0 1 2 --out plane.pdf")
def compute() -> None:
    """Compute planes, surfaces, interpolations and spectra, and keep them in the store for `elsuite plot`.

    What is there already is not computed again.
    """


@compute.command(epilog="Example: elsuite compute plane s.elsuite --minima 3 7 9 --out plane.pdf")
@store_argument
@click.option("--minima", type=int, nargs=3, required=True, metavar="A B C", help="The minima it goes through.")
@points_option
@click.option("--margin", type=click.FloatRange(min=0), metavar="X", help="Around them, as a share of the longer side.")
@click.option("--align", type=click.Choice(["weights", "activations"]), help="Images of B and C nearest to A.")
@click.option("--finder", metavar="NAME", help="Only paths of the finder with this name.")
@_common
def plane(
    store: str, minima: tuple[int, int, int], points: int | None, margin: float | None, align: str | None,
    finder: str | None, **common: Any,
) -> None:  # fmt: skip
    """Compute energies on the plane through three minima, and the paths between them projected onto it."""
    settings = _given(n=points, margin=margin, align=align, finder=finder)

    def run(database: LandscapeDatabase, landscape: "Landscape", progress: Progress | None) -> "xr.Dataset":
        from elsuite.exploration import plane as computed

        return computed(database, landscape, minima, surface=common["surface"], progress=progress, **settings)

    _perform(store, "plane", run, ids=minima, **common)


@compute.command(epilog="Example: elsuite compute around s.elsuite --minimum 3 --dims 1")
@store_argument
@click.option("--minimum", type=int, required=True, metavar="ID", help="The minimum in the middle.")
@click.option("--dims", type=click.IntRange(1, 2), default=2, show_default=True, help="A line or a surface.")
@click.option(
    "--directions",
    type=click.Choice(["filter", "layer", "plain"]),
    help="What is as long in a random direction as in the solution; default: filters, of what is no network plain.",
)
@click.option(
    "--biases", type=click.Choice(["zero", "normalized"]), help="Tensors of one axis stay [default], or move too."
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of the directions; default 0.")
@points_option
@click.option(
    "--span", type=click.FloatRange(min=0, min_open=True), metavar="X", help="In lengths of the directions; default 1."
)
@_common
def around(
    store: str, minimum: int, dims: int, directions: str | None, biases: str | None, seed: int | None,
    points: int | None, span: float | None, **common: Any,
) -> None:  # fmt: skip
    """Compute energies around a minimum along random directions, filter-normalized (Li et al. 2018)."""
    settings = _given(dims=dims, directions=directions, biases=biases, seed=seed, n=points, span=span)

    def run(database: LandscapeDatabase, landscape: "Landscape", progress: Progress | None) -> "xr.Dataset":
        from elsuite.exploration import surface_around

        return surface_around(database, landscape, minimum, surface=common["surface"], progress=progress, **settings)

    _perform(store, "around", run, ids=(minimum,), **common)


@compute.command(epilog="Example: elsuite compute interpolation s.elsuite --set sgd/train --align weights")
@store_argument
@click.option("--pairs", multiple=True, metavar="A-B", help="A pair of minima; may be repeated.")
@click.option("--set", "sets", multiple=True, metavar="NAME", help="All pairs within a set; may be repeated.")
@click.option("--align", type=click.Choice(["weights", "activations"]), help="Also to the nearest images.")
@points_option
@_common
def interpolation(
    store: str, pairs: tuple[str, ...], sets: tuple[str, ...], align: str | None, points: int | None, **common: Any
) -> None:
    """Compute energies on the straight lines between pairs of minima, plain and aligned."""
    if bool(pairs) == bool(sets):
        raise click.UsageError("--pairs or --set: one of them is needed, such as --pairs 0-1 --pairs 0-2")
    wanted = [_pair(text) for text in pairs]
    settings = _given(align=align, n=points)

    def run(database: LandscapeDatabase, landscape: "Landscape", progress: Progress | None) -> "xr.Dataset":
        from elsuite.exploration import interpolations

        chosen = wanted or _within(database, sets, choose_surface(database, common["surface"]))
        return interpolations(database, landscape, chosen, surface=common["surface"], progress=progress, **settings)

    _perform(store, "interpolation", run, ids=tuple(i for pair in wanted for i in pair), **common)


@compute.command(epilog="Example: elsuite compute spectrum s.elsuite --minimum 3 --out spectrum.pdf")
@store_argument
@click.option("--minimum", type=int, required=True, metavar="ID", help="Where the Hessian is looked at.")
@click.option("--probes", type=click.IntRange(min=1), metavar="N", help="Random vectors; default 8.")
@click.option("--steps", type=click.IntRange(min=3), metavar="N", help="Lanczos steps from each; default 64.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of the random vectors; default 0.")
@_common
def spectrum(store: str, minimum: int, probes: int | None, steps: int | None, seed: int | None, **common: Any) -> None:
    """Compute the density of the Hessian's eigenvalues at a minimum, by stochastic Lanczos quadrature."""
    settings = _given(n_probes=probes, n_steps=steps, seed=seed)

    def run(database: LandscapeDatabase, landscape: "Landscape", progress: Progress | None) -> "xr.Dataset":
        from elsuite.exploration import spectral_density

        return spectral_density(database, landscape, minimum, surface=common["surface"], progress=progress, **settings)

    _perform(store, "spectrum", run, ids=(minimum,), **common)


def _given(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _pair(text: str) -> tuple[int, int]:
    ends = text.split("-")
    if len(ends) != 2 or not all(end.strip().isdecimal() for end in ends):
        raise click.BadParameter(f"{text!r} given, allowed: two ids of minima, such as 0-1", param_hint="--pairs")
    return int(ends[0]), int(ends[1])


def _within(database: LandscapeDatabase, sets: tuple[str, ...], surface: str) -> list[tuple[int, int]]:
    """Return all pairs of usable minima within each of some sets."""
    from itertools import combinations

    from elsuite.database.query import usable_minima

    names = [str(name) for name in database.minima["set"].values.tolist()]
    check_sets(names, sets)
    usable = usable_minima(database, surface)
    groups = [[i for i, own in enumerate(names) if own == name and usable[i]] for name in sets]
    found = [pair for group in groups for pair in combinations(group, 2)]
    if len(found) > MOST_PAIRS:
        raise click.UsageError(f"--set: {len(found):,} pairs, {MOST_PAIRS} are allowed: name them by --pairs")
    if not found:
        raise click.UsageError(f"--set: no two solutions in {', '.join(sets)}")
    return found


def _perform(
    store: str, kind: str, run: "Compute", *, ids: tuple[int, ...], surface: str | None, out: str | None,
    recipe: str | None, settings: tuple[str, ...], trust: bool, data_dir: str | None,
) -> None:  # fmt: skip
    """Compute on the landscape that the store is of, and draw the picture where a file is asked for."""
    if out is not None:
        from elsuite.plotting.saving import check_format

        check_format(out)  # before anything long
    from elsuite.database.computed import computed_values
    from elsuite.studies.build import threads_of
    from elsuite.studies.run import study_threads

    with open_database(store, mode="a") as database:
        surface = choose_surface(database, surface)
        check_ids(database, ids)
        before = len(computed_values(database))
        landscape = landscape_for(database, recipe, settings, trust, data_dir)
        try:
            with progress_bars() as bars, study_threads(threads_of(database)):
                values = run(database, landscape, bars)
        except KeyboardInterrupt:
            click.echo(
                f"elsuite: interrupted; nothing of this {kind} was kept, all else in the store is whole", err=True
            )
            raise click.exceptions.Exit(130) from None
        known = len(computed_values(database)) == before
        if out is not None:
            _draw(database, kind, values, Path(out))
    sizes = " x ".join(str(size) for size in values["energy" if "energy" in values else "node"].shape)
    click.echo(f"{kind} on {surface}, {sizes} values, {'there already' if known else 'computed and stored'}")
    if out is not None:
        click.echo(out)


def _draw(database: LandscapeDatabase, kind: str, values: "xr.Dataset", out: Path) -> None:
    """Draw these values, which need not be those stored last."""
    from elsuite.analysis.options import FigureOptions
    from elsuite.analysis.view import View
    from elsuite.plotting.figures import FIGURES
    from elsuite.plotting.saving import save_figure

    options = FigureOptions(surface=str(values.attrs["surface"]))
    save_figure(FIGURES[kind].of(View(database, options, values=values)), out)
