"""Lennard-Jones clusters: LJ7 mapped whole against its known merges, LJ13 as far as its time goes."""

import time

import numpy as np

from analyses.common.setup import Setup, main
from analyses.common.tables import write
from elsuite.analysis import disconnectivity_tree, tree_layout
from elsuite.exploration import map_landscape
from elsuite.landscapes import LennardJones
from elsuite.network import transition_network
from elsuite.plotting import DOUBLE_COLUMN, new_figure, paper_style, plot_disconnectivity

# Computed independently, to eight digits: minima, and the energies at which they merge.
KNOWN = {
    6: ((-12.712062, -12.302928), ()),
    7: ((-16.505384, -15.935043, -15.593211, -15.533060), (-15.444734, -15.319864, -15.283421)),
}
GLOBAL_MINIMUM_13 = -44.326801  # the icosahedron
SECONDS = {"smoke": 20, "desk": 600, "published": 3600}


def run(setup: Setup) -> None:
    """Find minima, verified transition states and trees of two clusters."""
    sizes = (6, 7) if setup.scale == "smoke" else (7, 13)
    rows, known = [], []
    with paper_style():
        figure = new_figure(DOUBLE_COLUMN, 3.2)
        for ax, n_atoms in zip(figure.subplots(1, 2), sizes, strict=True):
            began = time.monotonic()
            store = setup.stores / setup.scale / f"lj{n_atoms}.elsuite"
            store.parent.mkdir(parents=True, exist_ok=True)
            with map_landscape(
                LennardJones(n_atoms), n_starts=32, seed=0, store=store, seconds=SECONDS[setup.scale]
            ) as database:
                graph = transition_network(database)
                n_states = int((database.paths["kind"].values == "transition_state").sum())
            tree = disconnectivity_tree(graph)
            rows.append(
                {
                    "atoms": n_atoms,
                    "n_minima": tree.tree.n_leaves,
                    "n_transition_states": n_states,
                    "n_components": len(tree.tree.roots),
                    "lowest": min(tree.energies),
                    "seconds": round(time.monotonic() - began),
                }
            )
            known += _against_known(n_atoms, tree)
            plot_disconnectivity(tree, ax=ax, layout=tree_layout(tree), energy_label="energy / epsilon")
            ax.set_title(f"LJ$_{{{n_atoms}}}$: {tree.tree.n_leaves} minima")
        setup.save(figure, "trees")
    write(rows, setup.results / "clusters.csv")
    write(known, setup.results / "known_energies.csv")


def _against_known(n_atoms, tree):
    energies = np.sort(np.asarray(tree.energies, dtype=float))
    if n_atoms == 13:
        found = energies[0]
        return [_row(n_atoms, "global minimum", GLOBAL_MINIMUM_13, found)]
    minima, merges = KNOWN[n_atoms]
    found = sorted(merge.height for merge in tree.merges)
    rows = [_row(n_atoms, "minimum", *pair) for pair in zip(minima, energies, strict=False)]
    return rows + [_row(n_atoms, "merge", *pair) for pair in zip(merges, found, strict=False)]


def _row(n_atoms, kind, known, found):
    return {"atoms": n_atoms, "kind": kind, "known": known, "found": found, "error": found - known}


if __name__ == "__main__":
    main(run)
