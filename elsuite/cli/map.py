"""The command that maps a physical landscape: map."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elsuite.cli.common import json_option, print_json, print_table
from elsuite.cli.progress import progress_bars
from elsuite.cli.recipe_options import setting_option, values_of

if TYPE_CHECKING:
    from elsuite.landscapes.recipes import Recipe


@click.command(name="map", epilog="Example: elsuite map lj7 lj7.elsuite && elsuite tree lj7.elsuite")
@click.argument("surface", metavar="SURFACE")
@click.argument("store", type=click.Path(), required=False, metavar="[STORE]")
@click.option("--out", type=click.Path(), metavar="STORE", help="The database, or one to go on with.")
@click.option("--structure", metavar="FILE", help="Of ase:CALCULATOR: a structure, in any format that ASE reads.")
@setting_option
@click.option("--starts", type=click.IntRange(min=1), default=64, show_default=True, metavar="N", help="Random starts.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, metavar="N", help="Seed.")
@click.option("--seconds", type=click.FloatRange(min=0), metavar="S", help="Begin no new piece of work after so long.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes that share the work.")
@json_option
def map_(
    surface: str,
    store: str | None,
    out: str | None,
    structure: str | None,
    settings: tuple[str, ...],
    starts: int,
    seed: int,
    seconds: float | None,
    workers: int | None,
    json_: bool,
) -> None:
    """Find the minima and transition states of SURFACE, and what joins what, in the database STORE.

    SURFACE is muller-brown, six-hump-camel, four-gaussians, separable-wells, binary-lj, or has a number of atoms, spins
    or angles: ljN, morseN, guptaN, xyN, torsionsN; ase:CALCULATOR, such as ase:emt, for the atoms of --structure; a
    function that makes the landscape, package.module:function or path/to/file.py:function; or one that another package
    has registered. Killed or interrupted, the same command goes on from what is committed. Exit code 1 when searches
    failed, by an error of the surface's own.
    """
    import torch

    from elsuite.analysis import disconnectivity_tree
    from elsuite.exploration.mapping.run import map_landscape
    from elsuite.network import transition_network

    recipe = recipe_of_words(surface, settings, structure)
    place = one_store(store, out)
    landscape = recipe.landscape()
    torch.set_num_threads(1)  # these tensors are small: more threads wait for each other
    with ExitStack() as stack:
        crew = None
        if workers is not None:
            from elsuite.exploration.workers import Workers

            crew = stack.enter_context(Workers(recipe, n_workers=workers))
        bars = stack.enter_context(progress_bars())
        database = stack.enter_context(
            map_landscape(
                landscape,
                n_starts=starts,
                seed=seed,
                store=place,
                recipe=recipe,
                seconds=seconds,
                workers=crew,
                progress=bars,
            )
        )
        tree = disconnectivity_tree(transition_network(database, surface=landscape.surface))
        facts: dict[str, Any] = {
            "store": str(place),
            "n_minima": database.n_minima,
            "n_transition_states": database.n_paths,
            "n_components": len(tree.leaves) - sum(len(m.members) - 1 for m in tree.merges),
            "lowest_energy": min(tree.energies, default=None),
            "n_failed": int(database.runs["n_failed"].values.clip(0).sum()) if "n_failed" in database.runs else 0,
        }
    merges = [(merge.height, [len(part) for part in merge.members]) for merge in tree.merges]
    if facts["n_failed"]:
        click.echo(f"{facts['n_failed']} searches failed; `elsuite info` names them", err=True)
    if json_:
        print_json({**facts, "merges": [{"height": height, "joins": joins} for height, joins in merges]})
        sys.exit(bool(facts["n_failed"]))
    print_table(["", surface], [[name, _in_full(value)] for name, value in facts.items()])
    click.echo()
    print_table(["merge at", "joins"], [[_in_full(height), " + ".join(map(str, joins))] for height, joins in merges])
    sys.exit(bool(facts["n_failed"]))


def one_store(store: str | None, out: str | None) -> Path:
    """Return where the database is, said once: as an argument or by --out.

    Raises
    ------
    click.UsageError
        For none, or two.

    Examples
    --------
    >>> one_store("lj7.elsuite", None).name
    'lj7.elsuite'
    """
    given = [place for place in (store, out) if place is not None]
    if len(given) != 1:
        raise click.UsageError(
            f"STORE: given {' and '.join(given) or 'nothing'}, allowed: one place, such as map.elsuite"
        )
    return Path(given[0])


def recipe_of_words(surface: str, settings: tuple[str, ...], structure: str | None) -> "Recipe":
    """Return the recipe that the words of the command name.

    Raises
    ------
    click.UsageError
        For a structure where none is needed, or said twice.
    ValueError
        For a name that there is not.

    Examples
    --------
    >>> recipe_of_words("morse8", ("rho=14",), None)
    Recipe(where='morse8', settings={'rho': 14})
    """
    from elsuite.landscapes.named import named_maker
    from elsuite.landscapes.recipes import Recipe

    values = values_of("--setting", settings)
    if structure is not None:
        if not surface.startswith("ase:") or "structure" in values:
            wrong = "twice" if surface.startswith("ase:") else f"for {surface!r}"
            raise click.UsageError(f"--structure: given {wrong}, allowed: once, for ase:CALCULATOR")
        values["structure"] = structure
    if ":" not in surface and not surface.endswith(".py"):
        from elsuite.landscapes.networks.architectures import ARCHITECTURES

        if surface not in ARCHITECTURES:
            named_maker(surface)  # says which surfaces there are
    return Recipe(surface, values)


def _in_full(value: Any) -> Any:
    """Return an energy with the digits that a transition state is known to; zero is written as such."""
    return f"{round(value, 14) + 0.0:.10g}" if isinstance(value, float) else value
