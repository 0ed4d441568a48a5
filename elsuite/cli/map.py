"""The command that maps a physical landscape: map."""

import sys
from pathlib import Path
from typing import Any

import click

from elsuite.cli.common import json_option, print_json, print_table
from elsuite.cli.progress import progress_bars


@click.command(name="map", epilog="Example: elsuite map lj7 --out lj7.elsuite && elsuite tree lj7.elsuite")
@click.argument("surface", metavar="SURFACE")
@click.option("--out", type=click.Path(), required=True, metavar="STORE", help="The database, or one to go on with.")
@click.option("--starts", type=click.IntRange(min=1), default=64, show_default=True, metavar="N", help="Random starts.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, metavar="N", help="Seed.")
@click.option("--seconds", type=click.FloatRange(min=0), metavar="S", help="Begin no new piece of work after so long.")
@json_option
def map_(surface: str, out: str, starts: int, seed: int, seconds: float | None, json_: bool) -> None:
    """Find the minima and transition states of SURFACE, and what joins what.

    SURFACE is muller-brown, six-hump-camel, four-gaussians, separable-wells, or ljN: the Lennard-Jones cluster of N
    atoms, or one that another package has registered. Killed or interrupted, the same command goes on from what is
    committed. Exit code 1 when searches failed, by an error of the surface's own.
    """
    import torch

    from elsuite.analysis import disconnectivity_tree
    from elsuite.exploration.mapping.run import map_landscape
    from elsuite.landscapes import named_landscape
    from elsuite.network import transition_network

    landscape = named_landscape(surface)
    torch.set_num_threads(1)  # these tensors are small: more threads wait for each other
    with (
        progress_bars() as bars,
        map_landscape(
            landscape, n_starts=starts, seed=seed, store=Path(out), seconds=seconds, progress=bars
        ) as database,
    ):
        tree = disconnectivity_tree(transition_network(database, surface=landscape.surface))
        facts: dict[str, Any] = {
            "store": str(Path(out)),
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


def _in_full(value: Any) -> Any:
    """Return an energy with the digits that a transition state is known to; zero is written as such."""
    return f"{round(value, 14) + 0.0:.10g}" if isinstance(value, float) else value
