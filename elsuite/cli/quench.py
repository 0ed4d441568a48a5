"""The command that relaxes stored solutions to their minima: quench."""

import click

from elsuite.cli.common import check_sets, json_option, print_json, store_argument, surface_option
from elsuite.cli.progress import progress_bars
from elsuite.cli.recipe_options import landscape_for, making_options
from elsuite.database import open_database
from elsuite.database.query import choose_surface


@click.command(epilog="Example: elsuite quench demo/landscape.elsuite --set sgd/train")
@store_argument
@surface_option
@click.option("--set", "sets", multiple=True, metavar="NAME", help="Only this set; may be given several times.")
@click.option("--epochs", type=click.IntRange(min=1), default=2000, show_default=True, help="Iterations at most.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=1e-6,
    show_default=True,
    help="Of the gradient norm, in units of the landscape's own.",
)
@click.option(
    "--distance",
    type=click.FloatRange(min=0),
    default=1e-3,
    show_default=True,
    help="Of equal minima, in length scales of the landscape.",
)
@click.option("--permuted", is_flag=True, help="Minima equal but for a permutation of hidden units are one.")
@making_options
@json_option
def quench(
    store: str, surface: str | None, sets: tuple[str, ...], epochs: int, tolerance: float, distance: float,
    permuted: bool, recipe: str | None, settings: tuple[str, ...], trust: bool, data_dir: str | None, json_: bool,
) -> None:  # fmt: skip
    """Relax stored solutions to their minima on a surface, by L-BFGS; minima become the set quenched/SURFACE.

    What was relaxed before is passed over: interrupted, the same command goes on.
    """
    import dataclasses

    from elsuite.exploration.quench import quench as relax
    from elsuite.minimizers import LBFGSGSS
    from elsuite.studies.build import threads_of
    from elsuite.studies.run import study_threads

    with open_database(store, mode="a") as database:
        surface = choose_surface(database, surface)
        names = [str(name) for name in database.minima["set"].values.tolist()]
        check_sets(names, sets)
        ids = [i for i, name in enumerate(names) if (name in sets if sets else not name.startswith("quenched/"))]
        landscape = landscape_for(database, recipe, settings, trust, data_dir)
        minimizer = LBFGSGSS(epochs=epochs, gradient_tolerance=tolerance)
        with progress_bars() as bars, study_threads(threads_of(database)):
            found = relax(
                database, landscape, ids, surface=surface, minimizer=minimizer, gradient_tolerance=tolerance,
                distance_tolerance=distance, permuted=permuted, progress=bars,
            )  # fmt: skip
    if json_:
        print_json({**dataclasses.asdict(found), "n_done_before": len(ids) - found.n_solutions})
        return
    click.echo(
        f"{found.n_solutions} solutions relaxed on {surface} ({len(ids) - found.n_solutions} were before): "
        f"{found.n_minima} new minima, {found.n_known} led to known ones, {found.n_failed} led nowhere; "
        f"{found.n_stationary} within the gradient tolerance {tolerance:g}"
    )
