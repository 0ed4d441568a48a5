"""Disconnectivity graphs of all four sets, heights between sets, and which superbasins mix the two optimizers."""

import numpy as np

from analyses.common.sets import STYLES
from analyses.common.setup import Setup, main
from analyses.common.tables import write
from elsuite.analysis import (
    disconnectivity_tree,
    meeting_energies,
    pair_heights,
    superbasin_agreements,
    superbasin_clusters,
    superbasin_curves,
    tree_layout,
)
from elsuite.network import minimax_matrix, transition_network
from elsuite.plotting import DOUBLE_COLUMN, new_figure, paper_style, plot_disconnectivity
from elsuite.plotting.style import legend_handles

# Paths to a permuted copy of a solution join other points, so they are left out.
FINDERS = ("published", "converged")
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)


def run(setup: Setup) -> None:
    """Draw the tree of all solutions, and say what it tells about the two optimizers."""
    tables = {name: [] for name in ("heights", "meetings", "mixing", "detours", "curves")}
    with paper_style():
        figure = new_figure(DOUBLE_COLUMN, 2.9 * -(-len(setup.networks) // 2))
        grid = figure.subplots(-(-len(setup.networks) // 2), min(2, len(setup.networks)), squeeze=False)
        for ax, network in zip(grid.ravel(), setup.networks, strict=False):
            with setup.database(network) as database:
                graph = transition_network(database, surface="train", finder=FINDERS)
                found = pair_heights(database, "train", finder="converged")
            tree = disconnectivity_tree(graph)
            sets = [graph.nodes[leaf]["set"] for leaf in tree.leaves]
            layout = tree_layout(tree, scale="log")
            plot_disconnectivity(
                tree,
                ax=ax,
                layout=layout,
                color_by=sets,
                mark_by=sets,
                styles=STYLES,
                energy_label="training loss",
                legend=False,
            )
            ax.set_title(network)
            tables["heights"] += [_heights(network, name, own) for name, own in found.items()]
            tables["meetings"] += _meetings(network, tree, sets)
            tables["mixing"] += _mixing(network, graph)
            tables["detours"].append(_detours(network, graph))
            tables["curves"] += _curves(network, tree)
        for ax in grid.ravel()[len(setup.networks) :]:
            ax.set_axis_off()
        figure.legend(handles=legend_handles(STYLES), loc="outside lower center", ncols=len(STYLES))
        setup.save(figure, "trees")
    for name, rows in tables.items():
        write(rows, setup.results / f"{name}.csv")


def _heights(network, name, found):
    return {
        "network": network,
        "sets": name,
        "n_pairs": len(found.heights),
        "mean": found.heights.mean(),
        "median": np.median(found.heights),
        "lowest": found.heights.min(),
        "highest": found.heights.max(),
    }


def _meetings(network, tree, sets):
    """Return the loss at which each two sets, and the two optimizers' train sets, first share a superbasin."""
    return [
        {"network": network, "a": a, "b": b, "loss": energy} for (a, b), energy in meeting_energies(tree, sets).items()
    ]


def _mixing(network, graph):
    """Return how superbasins of the train solutions agree with the optimizers, at some shares of the merges.

    The p values are those of heights rearranged among the same pairs; the corrected one is of all shares together.
    """
    train = [node for node, data in graph.nodes(data=True) if data["set"].endswith("/train")]
    own = graph.subgraph(train)
    tree = disconnectivity_tree(own)
    if not len(tree.merges):
        return []
    groups = [graph.nodes[node]["set"].partition("/")[0] for node in own]
    rows = []
    for found in superbasin_agreements(own, groups, SHARES):
        labels = superbasin_clusters(tree, found.energy).labels
        names = dict(zip(own, groups, strict=True))
        basins = [
            [names[tree.leaves[leaf]] for leaf in np.flatnonzero(labels == k)] for k in range(found.n_superbasins)
        ]
        rows.append(
            {
                "network": network,
                "share_of_merges": found.share,
                "loss": found.energy,
                "n_superbasins": found.n_superbasins,
                "largest": max(map(len, basins)),
                "n_mixed": sum(len(set(basin)) > 1 for basin in basins),
                "purity": found.purity,
                "purity_by_chance": found.expected_purity,
                "adjusted_rand": found.adjusted_rand,
                "adjusted_rand_by_chance": found.expected_rand,
                "p_value": found.p_value,
                "p_corrected": found.corrected_p_value,
                "n": found.n,
            }
        )
    return rows


def _detours(network, graph):
    """Return by how much routes through other solutions are lower than the direct paths."""
    matrix = minimax_matrix(graph)
    places = {node: k for k, node in enumerate(graph.nodes)}
    energies = np.array([graph.nodes[node]["energy"] for node in graph.nodes])
    edges = [(places[a], places[b], data["energy"]) for a, b, data in graph.edges(data=True) if a != b]
    i, j, direct = (np.array(column) for column in zip(*edges, strict=True))
    best = matrix[i, j]
    floor = np.maximum(energies[i], energies[j])
    lower = direct - best > 0.01 * np.maximum(direct - floor, 1e-12) + 1e-9
    return {
        "network": network,
        "n_paths": len(edges),
        "share_with_lower_detour": lower.mean(),
        "mean_direct": direct.mean(),
        "mean_minimax": best.mean(),
        "mean_direct_above_ends": (direct - floor).mean(),
        "mean_minimax_above_ends": (best - floor).mean(),
    }


def _curves(network, tree):
    curves = superbasin_curves(tree)
    chosen = np.unique(np.linspace(0, len(curves.energies) - 1, 12).astype(int))
    return [
        {
            "network": network,
            "loss": curves.energies[k],
            "n_superbasins": curves.numbers[k],
            "largest": curves.largest[k],
        }
        for k in chosen
    ]


if __name__ == "__main__":
    main(run)
