from itertools import permutations

import networkx as nx
import numpy as np
import pytest

from elsuite.analysis import (
    cluster_agreement,
    disconnectivity_tree,
    superbasin_agreement,
    superbasin_agreements,
    superbasin_clusters,
)
from elsuite.analysis.superbasin_agreement import _p_values, _rand_and_purity
from elsuite.analysis.view import split_energy

SHARES = (0.5, 0.75, 0.9)


def searched(random, n, within, between, extra=0.0):
    """Two groups of n minima with random pairs within and between them; heights know the groups by `extra` only."""
    network = nx.Graph()
    network.add_nodes_from((k, {"energy": random.random() * 1e-3}) for k in range(2 * n))

    def add(candidates, number, more=0.0):
        for k in random.permutation(len(candidates))[:number]:
            network.add_edge(*candidates[k], energy=1 + more + random.random())

    add([(i, j) for i in range(n) for j in range(i)], within)
    add([(i + n, j + n) for i in range(n) for j in range(i)], within)
    add([(i, j + n) for i in range(n) for j in range(n)], between, extra)
    return network, ["sgd" if node < n else "lbfgs" for node in network.nodes]


@pytest.mark.parametrize(("n", "within", "between"), [(8, 5, 1), (8, 10, 6)])
def test_heights_that_do_not_know_the_groups_are_seldom_found_to_follow_them(n, within, between):
    random = np.random.default_rng(0)
    found = shuffled = 0
    for trial in range(60):
        network, groups = searched(random, n, within, between)
        own = superbasin_agreements(network, groups, SHARES, n_resamples=100, seed=trial)
        found += min(one.corrected_p_value for one in own) < 0.05
        tree = disconnectivity_tree(network)
        labels = superbasin_clusters(tree, own[1].energy).labels
        shuffled += cluster_agreement(labels, groups, n_permutations=100).p_value < 0.05
    assert found <= 9  # 3 are promised
    assert shuffled > 10


def test_heights_that_know_the_groups_are_found_to_follow_them():
    network, groups = searched(np.random.default_rng(0), 16, 20, 10, extra=1.0)
    found = superbasin_agreement(network, groups, share=0.75)
    assert found.p_value < 0.01
    assert found.adjusted_rand > found.expected_rand + 0.1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 1.0])
def test_what_is_found_is_that_of_the_superbasins(share):
    network, groups = searched(np.random.default_rng(3), 8, 9, 4)
    network.nodes[3]["energy"] = 1.9
    found = superbasin_agreement(network, groups, share=share, n_resamples=3)
    tree = disconnectivity_tree(network)
    assert found.energy == pytest.approx(np.quantile([merge.height for merge in tree.merges], share))
    clusters = superbasin_clusters(tree, found.energy)
    assert (found.n_superbasins, found.n_unassigned) == (clusters.n_clusters, clusters.n_unassigned)
    expected = cluster_agreement(clusters.labels, groups, n_permutations=1)
    assert found.adjusted_rand == pytest.approx(expected.adjusted_rand)
    assert (found.purity, found.n) == pytest.approx((expected.purity, expected.n))
    at = superbasin_agreement(network, groups, energy=found.energy, n_resamples=3)
    assert (at.adjusted_rand, at.n_superbasins) == (found.adjusted_rand, found.n_superbasins)
    assert np.isnan(at.share)


def test_the_p_value_is_that_of_all_orders_of_the_heights():
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    heights, energies = [1.0, 1.2, 5.0, 1.1, 1.3], [0.3, 0.1, 0.4, 0.2, 0.6, 0.5]
    floors = [max(energies[a], energies[b]) for a, b in edges]
    groups = ["sgd"] * 3 + ["lbfgs"] * 3

    def agreement(above):
        network = nx.Graph([(a, b, {"energy": f + h}) for (a, b), f, h in zip(edges, floors, above, strict=True)])
        nx.set_node_attributes(network, dict(enumerate(energies)), "energy")
        tree = disconnectivity_tree(network)
        energy = np.quantile([merge.height for merge in tree.merges], 0.75)
        return network, cluster_agreement(superbasin_clusters(tree, energy).labels, groups, n_permutations=1)

    above = [height - floor for height, floor in zip(heights, floors, strict=True)]
    network, own = agreement(above)
    all_orders = [agreement(order)[1].adjusted_rand >= own.adjusted_rand - 1e-9 for order in permutations(above)]
    found = superbasin_agreement(network, groups, share=0.75, n_resamples=2000)
    # The larger of two p values: that of equally probable orders, and one of orders that know shared minima.
    assert np.mean(all_orders) - 0.03 < found.p_value < np.mean(all_orders) + 0.1


def test_neither_ids_nor_units_nor_parallel_edges_matter():
    network, groups = searched(np.random.default_rng(1), 8, 9, 4)
    found = superbasin_agreement(network, groups, share=0.75, n_resamples=50)
    scaled = nx.MultiGraph()
    scaled.add_nodes_from((f"m{k}", {"energy": 8 * energy}) for k, energy in network.nodes(data="energy"))
    scaled.add_edges_from((f"m{a}", f"m{b}", {"energy": 8 * energy}) for a, b, energy in network.edges(data="energy"))
    scaled.add_edge("m0", "m0", energy=100.0)
    again = superbasin_agreement(scaled, groups, share=0.75, n_resamples=50)
    assert (again.p_value, again.adjusted_rand, again.expected_rand) == (
        found.p_value,
        found.adjusted_rand,
        found.expected_rand,
    )


def test_a_rule_chooses_the_energy_of_each_network():
    network, groups = searched(np.random.default_rng(1), 8, 12, 6)
    found = superbasin_agreement(network, groups, energy=split_energy, n_resamples=20)
    assert found.energy == split_energy(disconnectivity_tree(network))


def test_one_group_and_no_edges_say_nothing():
    network, groups = searched(np.random.default_rng(1), 8, 12, 6)
    found = superbasin_agreement(network, ["one"] * len(groups), share=0.5, n_resamples=20)
    assert (found.adjusted_rand, found.p_value, found.purity) == (0.0, 1.0, 1.0)
    network.remove_edges_from(list(network.edges))
    found = superbasin_agreement(network, groups, share=0.5, n_resamples=20)
    assert (found.n_superbasins, found.adjusted_rand, found.p_value) == (16, 0.0, 1.0)


def test_the_best_of_several_energies_is_corrected():
    random = np.random.default_rng(0)
    found = random.integers(0, 6, (300, 3)).astype(float)
    p_values, corrected = _p_values(found)
    shares = np.array([[(found[:, k] >= value).mean() for k, value in enumerate(row)] for row in found])
    np.testing.assert_allclose(p_values, shares[0])
    np.testing.assert_allclose(corrected, [(shares.min(axis=1) <= p).mean() for p in p_values])


def test_agreement_is_that_of_scikit_learn():
    from sklearn.metrics import adjusted_rand_score

    random = np.random.default_rng(0)
    for _ in range(50):
        clusters, groups = random.integers(-1, 4, 20), random.integers(0, 3, 20)
        inside = clusters >= 0
        expected = adjusted_rand_score(groups[inside], clusters[inside])
        assert _rand_and_purity(clusters, groups)[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give a share of the merges or an energy"),
        ({"share": 0.5, "energy": 1.0}, "give a share of the merges or an energy"),
        ({"share": 1.5}, "a share is from 0 to 1, not 1.5"),
        ({"share": np.nan}, "a share is from 0 to 1, not nan"),
        ({"share": 0.5, "n_resamples": 0}, "n_resamples is at least 1, not 0"),
    ],
)
def test_bad_options(options, message):
    network, groups = searched(np.random.default_rng(0), 4, 3, 1)
    with pytest.raises(ValueError, match=message):
        superbasin_agreement(network, groups, **options)
    with pytest.raises(ValueError, match="one group a node is needed, not 1 for 8"):
        superbasin_agreement(network, groups[:1], share=0.5)
