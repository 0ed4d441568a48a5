import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_network import as_network, barrier_graphs, minimax_by_floyd

from elsuite.analysis import disconnectivity_tree, persistence, superbasin_curves, superbasin_evidence, superbasins
from elsuite.analysis.basins import elders

LEVELS = st.one_of(st.floats(-4, 8), st.integers(-8, 16).map(lambda k: k / 2))


def by_components(graph, energy):
    """The superbasins by throwing away what is above the energy."""
    energies, sources, targets, heights = graph
    network = nx.Graph()
    network.add_nodes_from(np.flatnonzero(energies <= energy).tolist())
    for source, target, height in zip(sources.tolist(), targets.tolist(), heights.tolist(), strict=True):
        if np.isfinite(height) and max(height, energies[source], energies[target]) <= energy:
            network.add_edge(source, target)
    return {frozenset(part) for part in nx.connected_components(network)}


@given(barrier_graphs(), LEVELS)
def test_superbasins_are_the_components_below_an_energy(graph, energy):
    basins = superbasins(disconnectivity_tree(as_network(graph)), energy)
    assert {frozenset(basin) for basin in basins} == by_components(graph, energy)
    keys = [(-len(basin), graph[0][basin[0]], basin[0]) for basin in basins]
    assert keys == sorted(keys)
    for basin in basins:
        assert basin == sorted(basin, key=lambda leaf: (graph[0][leaf], leaf))


@given(barrier_graphs())
def test_curves_count_superbasins_at_every_energy(graph):
    tree = disconnectivity_tree(as_network(graph))
    curves = superbasin_curves(tree)
    assert (np.diff(curves.energies) > 0).all()
    for energy, number, largest in zip(curves.energies, curves.numbers, curves.largest, strict=True):
        parts = by_components(graph, energy)
        assert (number, largest) == (len(parts), max(len(part) for part in parts))
    assert curves.energies.tolist() == sorted(set(tree.tree.heights.tolist()))


@given(barrier_graphs())
def test_persistence_is_the_climb_to_a_lower_minimum(graph):
    tree = disconnectivity_tree(as_network(graph))
    barriers, energies = minimax_by_floyd(graph), graph[0]
    lasting, elder = persistence(tree), elders(tree.tree)
    for a in range(len(energies)):
        lower = [b for b in range(len(energies)) if (energies[b], b) < (energies[a], a)]
        climbs = [barriers[a, b] - energies[a] for b in lower]
        assert lasting[a] == min(climbs, default=np.inf)
        if np.isinf(lasting[a]):
            assert elder[a] == a
        else:
            joined = [b for b in range(len(energies)) if barriers[a, b] <= energies[a] + lasting[a] or b == a]
            assert elder[a] == min(joined, key=lambda b: (energies[b], b))


@pytest.mark.parametrize(("energy", "expected"), [(0.5, []), (1.0, [[0]]), (2.0, [[0, 1]])])
def test_energies_are_inclusive(energy, expected):
    network = nx.Graph()
    network.add_nodes_from([(0, {"energy": 1.0}), (1, {"energy": 2.0})])
    network.add_edge(0, 1, energy=2.0)
    assert superbasins(disconnectivity_tree(network), energy) == expected


def test_nothing_at_all():
    tree = disconnectivity_tree(nx.Graph())
    assert superbasins(tree, 1.0) == []
    assert len(superbasin_curves(tree).energies) == len(persistence(tree)) == 0


@given(barrier_graphs())
def test_the_evidence_of_a_superbasin_is_that_of_the_merge_above_it(graph):
    tree = disconnectivity_tree(as_network(graph))
    for energy in {*tree.tree.heights.tolist(), -1.0}:
        basins = superbasins(tree, energy)
        found = superbasin_evidence(tree, energy)
        assert len(found) == len(basins)
        for basin, evidence in zip(basins, found, strict=True):
            above = [m for m in tree.merges if m.height > energy and any(basin[0] in part for part in m.members)]
            assert evidence == (above[0].evidence if above else None)
