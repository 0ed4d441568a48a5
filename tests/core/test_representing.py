"""Results at the prompt: one line, no arrays by the page."""

import networkx as nx
import numpy as np
import pytest

from elsuite.analysis import (
    compare,
    disconnectivity_tree,
    kernel_pca,
    set_table,
    superbasin_clusters,
    superbasin_curves,
    tree_layout,
)
from elsuite.core.representing import short_repr
from elsuite.database import LandscapeDatabase
from elsuite.network import network_arrays


@pytest.fixture(scope="module")
def network():
    network = nx.path_graph(500)
    nx.set_node_attributes(network, {k: float(k % 7) for k in network}, "energy")
    nx.set_edge_attributes(network, {edge: 10.0 + edge[0] for edge in network.edges}, "energy")
    return network


def test_results_are_one_short_line(network):
    tree = disconnectivity_tree(network)
    points = np.random.default_rng(0).normal(size=(500, 3))
    values = [
        tree,
        tree.tree,
        tree.merges,
        tree.merges[0],
        tree_layout(tree),
        superbasin_curves(tree),
        superbasin_clusters(tree, 20.0),
        network_arrays(network),
        kernel_pca(lambda ids: points[ids], range(500)),
        compare(points[:, 0], points[:, 1]),
    ]
    for value in values:
        assert "\n" not in repr(value)
        assert len(repr(value)) < 700, repr(value)
        assert type(value).__name__ in repr(value) or "merges of <DisconnectivityTree" in repr(value)
    assert repr(tree) == "<DisconnectivityTree: 500 leaves, 499 merges, energies 0 to 508>"
    assert repr(disconnectivity_tree(nx.Graph())) == "<DisconnectivityTree: 0 leaves, 0 merges>"


def test_short_arrays_are_written_and_long_ones_counted():
    from elsuite.analysis.barrier_map import BarrierMap

    value = BarrierMap(np.array([3, 5]), np.zeros((2, 2)), 0.5, 7)
    assert (
        short_repr(value)
        == repr(value)
        == "BarrierMap(ids=[3, 5], coordinates=<2 x 2 float64>, stress=0.5, n_iterations=7)"
    )


def test_a_set_table_reads_as_a_table():
    database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    database.add(minima={"energy": [[0.0]], "set": "sgd"})
    assert repr(set_table(database)[0]).startswith("SetSummary(name='sgd', n=1, energies={'energy': 0.0}")


def test_a_database_in_a_notebook_is_a_table_of_counts(tmp_path):
    with LandscapeDatabase.create(tmp_path / "a<b>.elsuite", n_parameters=2, surfaces=["train"]) as database:
        html = database._repr_html_()
    assert "a&lt;b&gt;.elsuite: train" in html
    assert "<tr><th>minima</th><td>0</td></tr>" in html
