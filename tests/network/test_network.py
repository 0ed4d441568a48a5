from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from small_database import MINIMA
from small_database import fill as fill_small
from strategies_network import as_network, barrier_graphs, minimax_by_floyd, random_network

from elsuite import LandscapeDatabase
from elsuite.analysis import disconnectivity_tree
from elsuite.network import (
    lowest_of_pairs,
    minimax_barrier,
    minimax_matrix,
    minimax_route,
    neighbors_by_barrier,
    path_heights,
    route_heights,
    spanning_forest,
    transition_network,
)
from elsuite.schema import NotFoundError


@pytest.fixture
def database():
    database = LandscapeDatabase.create(None, n_parameters=4, surfaces=["train", "test"])
    fill_small(database)
    return database


def test_nodes_are_all_minima(database):
    network = transition_network(database, surface="test")
    assert list(network.nodes) == list(range(6))
    assert network.graph["surface"] == "test"
    assert network.nodes[4] == {"energy": 0.35, "set": "lbfgs-gss/test", "run": 2, "outcome": "budget spent"}
    assert [data["energy"] for _, data in network.nodes(data=True)] == [test for _, _, test, _ in MINIMA]
    assert all(type(node) is int for node in network.nodes)


def test_the_lowest_path_of_a_pair_stands_for_it(database):
    network = transition_network(database)
    assert not network.is_multigraph()
    assert network.number_of_edges() == 5
    assert network.edges[0, 2]["energy"] == 0.7
    assert network.edges[0, 2]["path"] == 2
    assert set(network.edges[0, 1]) == {"energy", "path", "kind", "finder", "outcome"}
    assert list(transition_network(database, surface="test").edges) == [(0, 1)]


def test_all_paths_on_request():
    database = four_minima(
        source=[0, 1, 0, 2, 1], target=[1, 0, 1, 2, 2], height=[5.0, 4.0, 4.0, 9.0, np.nan],
        refined_height=[np.nan, 4.5, 4.25, np.nan, np.nan],
    )  # fmt: skip
    network = transition_network(database, parallel=True)
    assert sorted(network.edges(keys=True)) == [(0, 1, 0), (0, 1, 1), (0, 1, 2), (2, 2, 3)]
    assert network.edges[0, 1, 1]["energy"] == 4.5
    assert network.edges[0, 1, 0]["energy"] == 5.0  # no refined height: the protocol's
    single = transition_network(database)
    assert dict(single.edges) == {(0, 1): {"energy": 4.25, "path": 2, "kind": "path", "finder": "", "outcome": ""}}


def test_paths_of_one_finder():
    database = four_minima(
        source=[0, 0, 1], target=[1, 1, 2], height=[5.0, 4.0, 6.0], finder=["straight", "bent", "bent"]
    )
    assert transition_network(database, finder="straight").edges[0, 1]["energy"] == 5.0
    assert list(transition_network(database, finder="straight").edges) == [(0, 1)]
    assert transition_network(database).edges[0, 1]["energy"] == 4.0
    assert path_heights(database, finder="bent").paths.tolist() == [1, 2]
    assert path_heights(database, finder=["bent", "straight"]).paths.tolist() == [0, 1, 2]
    with pytest.raises(NotFoundError, match="no paths of a finder 'curved': there are 'straight', 'bent'"):
        transition_network(database, finder="curved")


def four_minima(**paths):
    database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])
    database.add(minima={"energy": np.arange(4.0)[:, None], "coordinates": np.zeros((4, 1))})
    rows = len(paths["source"])
    database.add(paths={"surface": ["energy"] * rows, "kind": ["path"] * rows, **paths})
    return database


def test_of_equally_low_paths_the_first_stands_for_the_pair():
    database = four_minima(source=[1, 0], target=[0, 1], height=[4.0, 4.0])
    assert transition_network(database).edges[0, 1]["path"] == 0
    assert lowest_of_pairs(path_heights(database)).paths.tolist() == [0]


def test_heights_as_the_protocol_saw_them():
    database = four_minima(source=[0], target=[1], height=[4.0], refined_height=[4.5])
    assert path_heights(database).heights.tolist() == [4.5]
    assert path_heights(database, refined=False).heights.tolist() == [4.0]


def test_an_unknown_surface_is_not_found(database):
    with pytest.raises(NotFoundError, match=r"no surface 'validation'; there are: train, test"):
        transition_network(database, surface="validation")


def test_an_empty_database():
    database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"])
    network = transition_network(database)
    assert network.number_of_nodes() == 0
    assert minimax_matrix(network).shape == (0, 0)


@pytest.mark.parametrize("energy", [np.nan, np.inf, -np.inf])
def test_minima_without_a_finite_energy_are_left_out_and_counted(energy):
    database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["train", "test"])
    minima = {"energy": [[0.0, 0.0], [1.0, energy], [0.5, 0.5]], "outcome": ["converged"] * 3}
    ends = {"source": [0, 1, 0] * 2, "target": [1, 2, 2] * 2, "surface": ["train"] * 3 + ["test"] * 3}
    database.add(minima=minima, paths=ends | {"height": [2.0, 2.0, 3.0] * 2})
    for surface, left, n_edges in [("train", 0, 3), ("test", 1, 1)]:
        network = transition_network(database, surface=surface)
        assert (network.graph["n_without_energy"], network.graph["n_unusable"]) == (left, 0)
        assert (len(network), network.number_of_edges()) == (3 - left, n_edges)
        assert len(disconnectivity_tree(network).leaves) == 3 - left
        assert path_heights(database, surface).sources.shape == (n_edges,)
    with pytest.raises(ValueError, match="node 1 has the energy"):  # a graph of one's own is not changed in silence
        disconnectivity_tree(_with_energies([0.0, energy]))


def _with_energies(energies):
    network = nx.Graph()
    network.add_nodes_from((k, {"energy": energy}) for k, energy in enumerate(energies))
    return network


@pytest.mark.parametrize("height", [np.nan, np.inf, -np.inf])
def test_an_edge_without_a_finite_height_joins_nothing_anywhere(height):
    network = nx.MultiGraph()
    network.add_nodes_from([(0, {"energy": 0.0}), (1, {"energy": 1.0})])
    network.add_edge(0, 1, energy=height)
    assert minimax_barrier(network, 0, 1) is None is disconnectivity_tree(network).minimax_barrier(0, 1)
    assert minimax_route(network, 0, 1) == neighbors_by_barrier(network, 0) == []
    assert minimax_matrix(network)[0, 1] == np.inf
    with pytest.raises(NotFoundError, match="no edge joins 0 and 1 at a finite height"):
        route_heights(network, [0, 1])
    network.add_edge(0, 1, energy=3.0)
    assert minimax_barrier(network, 0, 1) == disconnectivity_tree(network).minimax_barrier(0, 1) == 3.0
    assert route_heights(network, minimax_route(network, 0, 1)) == [3.0]
    assert minimax_matrix(network)[0, 1] == 3.0


@given(barrier_graphs())
def test_the_whole_matrix(graph):
    matrix = minimax_matrix(as_network(graph))
    np.testing.assert_array_equal(matrix, minimax_by_floyd(graph))


@given(barrier_graphs(max_minima=6, max_edges=12))
def test_barriers_and_routes_of_all_pairs(graph):
    labels = [f"m{k}" for k in range(len(graph[0]))]
    network, expected = as_network(graph, labels), minimax_by_floyd(graph)
    for a, label in enumerate(labels):
        for b, other in enumerate(labels):
            barrier = minimax_barrier(network, label, other)
            assert (np.inf if barrier is None else barrier) == expected[a, b]
            check_route(graph, minimax_route(network, label, other), (a, b), expected[a, b])


def check_route(graph, route, ends, barrier):
    energies, sources, targets, heights = graph
    if not np.isfinite(barrier):
        assert route == []
        return
    nodes = [int(label[1:]) for label in route]
    assert (nodes[0], nodes[-1]) == ends
    low = nx.Graph()
    low.add_nodes_from(range(len(energies)))
    for source, target, height in zip(sources, targets, heights, strict=True):
        if np.isfinite(height) and max(height, energies[source], energies[target]) <= barrier:
            low.add_edge(source, target)
    assert all(low.has_edge(*step) for step in pairwise(nodes))
    # Every step is itself a minimax barrier: nothing lower leads around any part of the route.
    matrix = minimax_by_floyd(graph)
    for a, b in pairwise(nodes):
        direct = min(
            max(height, energies[a], energies[b])
            for source, target, height in zip(sources, targets, heights, strict=True)
            if {source, target} == {a, b} and np.isfinite(height)
        )
        assert direct == matrix[a, b]
    assert len(set(nodes)) == len(nodes)


@given(barrier_graphs())
def test_neighbors_are_those_joined_at_the_lowest_energies(graph):
    matrix = minimax_by_floyd(graph)
    expected = sorted((matrix[0, k], k) for k in range(1, len(matrix)) if np.isfinite(matrix[0, k]))
    found = neighbors_by_barrier(as_network(graph), 0)
    assert found == [(k, barrier) for barrier, k in expected]
    assert neighbors_by_barrier(as_network(graph), 0, 2) == found[:2]


def test_the_best_route_avoids_a_dearer_direct_path(database):
    network = transition_network(database)
    assert minimax_route(network, 0, 2) == [0, 1, 2]
    assert minimax_barrier(network, 0, 2) == 0.6
    assert minimax_barrier(network, 0, 4) is None
    assert minimax_route(network, 3, 3) == [3]
    assert minimax_barrier(network, 3, 3) == 0.01


def test_unknown_minima_are_not_found(database):
    network = transition_network(database)
    for question in (minimax_barrier, minimax_route):
        with pytest.raises(NotFoundError, match="no minimum 17 in the network: ids go from 0 to 5"):
            question(network, 0, 17)
    with pytest.raises(NotFoundError, match="it has 1, such as 'a'"):
        neighbors_by_barrier(as_network((np.zeros(1), [], [], []), labels=["a"]), "b")


@given(barrier_graphs())
def test_a_spanning_forest_is_lowest_and_ascending(graph):
    energies, sources, targets, heights = graph
    usable = np.isfinite(heights)
    sources, targets, heights = sources[usable], targets[usable], heights[usable]
    edges = spanning_forest(len(energies), sources, targets, heights)
    assert (np.diff(heights[edges]) >= 0).all()
    network = nx.MultiGraph()
    network.add_nodes_from(range(len(energies)))
    network.add_weighted_edges_from(zip(sources.tolist(), targets.tolist(), heights.tolist(), strict=True))
    expected = [data["weight"] for *_, data in nx.minimum_spanning_edges(network)]
    assert sorted(heights[edges].tolist()) == sorted(expected)


def test_a_large_matrix_agrees_with_single_barriers():
    network = nx.Graph()
    energies, sources, targets, heights = random_network(1000, 3000)
    network.add_nodes_from((k, {"energy": e}) for k, e in enumerate(energies.tolist()))
    network.add_edges_from((s, t, {"energy": h}) for s, t, h in zip(sources, targets, heights, strict=True))
    matrix = minimax_matrix(network)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert matrix[0, 999] == minimax_barrier(network, 0, 999)


def test_heights_of_a_route_are_those_of_its_steps_and_the_highest_is_the_barrier(database):
    network = transition_network(database, surface="train")
    route = minimax_route(network, 0, 5)
    heights = route_heights(network, route)
    assert heights == [network.edges[a, b]["energy"] for a, b in pairwise(route)]
    assert max(heights) == minimax_barrier(network, 0, 5)
    assert route_heights(transition_network(database, surface="train", parallel=True), [0, 2]) == [0.7]
    assert route_heights(network, [3]) == route_heights(network, []) == []
    with pytest.raises(NotFoundError, match="no edge joins 0 and 3"):
        route_heights(network, [0, 3])
