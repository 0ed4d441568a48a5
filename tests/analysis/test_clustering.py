import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score
from strategies_network import as_network, barrier_graphs, minimax_by_floyd

from elsuite.analysis import (
    barrier_dissimilarity,
    branch_lengths,
    cluster_agreement,
    cluster_minima,
    disconnectivity_tree,
    euclidean_dissimilarity,
    kernel_pca,
    map_dissimilarity,
    persistence,
    persistence_clusters,
    superbasin_clusters,
    superbasins,
)

FINITE = st.integers(-4, 12).map(lambda k: k / 2)


def three_groups(n=10, seed=0):
    random = np.random.default_rng(seed)
    centers = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 14.0]])
    return np.concatenate([center + random.normal(size=(n, 2)) for center in centers]), np.repeat([0, 1, 2], n)


@pytest.mark.parametrize("method", ["hdbscan", "agglomerative", "spectral"])
def test_three_groups_are_found(method):
    points, groups = three_groups()
    found = cluster_minima(euclidean_dissimilarity(points), method=method)
    assert found.n_clusters == 3
    inside = found.labels >= 0
    assert adjusted_rand_score(groups[inside], found.labels[inside]) == 1.0
    assert inside.mean() > 0.8
    assert found.n_unassigned == (~inside).sum()
    again = cluster_minima(euclidean_dissimilarity(points), method=method)
    np.testing.assert_array_equal(found.labels, again.labels)


@pytest.mark.parametrize("method", ["agglomerative", "spectral"])
def test_a_given_number_of_clusters(method):
    points, _ = three_groups()
    found = cluster_minima(euclidean_dissimilarity(points), method=method, n_clusters=2)
    assert found.n_clusters == 2
    sizes = np.bincount(found.labels)
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True)


@given(barrier_graphs(), st.integers(0, 24))
def test_single_linkage_on_barriers_cut_at_an_energy_gives_the_superbasins(graph, level):
    barriers = minimax_by_floyd(graph)
    n, energy = len(barriers), level / 2 - 4
    if n < 2:
        return
    d = barrier_dissimilarity(barriers)
    flat = fcluster(linkage(squareform(d, checks=False), "single"), energy - graph[0].min(), "distance")
    found = superbasin_clusters(disconnectivity_tree(as_network(graph)), energy).labels
    low = graph[0] <= energy
    assert ((found >= 0) == low).all()
    if np.isfinite(barriers).all() or energy < np.max(barriers[np.isfinite(barriers)]):
        assert adjusted_rand_score(flat[low], found[low]) == 1.0 or low.sum() == 0


@given(barrier_graphs(), st.floats(-4, 8))
def test_superbasin_labels_are_those_of_the_list(graph, energy):
    tree = disconnectivity_tree(as_network(graph))
    labels = superbasin_clusters(tree, energy).labels
    for number, basin in enumerate(superbasins(tree, energy)):
        assert sorted(basin) == np.flatnonzero(labels == number).tolist()


@given(barrier_graphs(), st.integers(0, 12))
def test_persistent_minima_gather_what_ends_in_them(graph, half):
    tree = disconnectivity_tree(as_network(graph))
    threshold = half / 2
    found = persistence_clusters(tree, threshold=threshold)
    assert found.n_clusters == (persistence(tree) >= threshold).sum()
    assert found.n_unassigned == 0
    barriers = minimax_by_floyd(graph)
    for a in range(len(barriers)):
        for b in range(len(barriers)):
            if not np.isfinite(barriers[a, b]) and a != b:
                assert found.labels[a] != found.labels[b]


def test_the_most_persistent_minima():
    graph = (np.array([0.0, 1.0, 2.0, 2.5]), np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([5.0, 4.0, 3.0]))
    tree = disconnectivity_tree(as_network(graph))
    assert persistence(tree).tolist() == [np.inf, 4.0, 2.0, 0.5]
    assert persistence_clusters(tree, n_clusters=2).labels.tolist() == [1, 0, 0, 0]
    assert persistence_clusters(tree, n_clusters=1).labels.tolist() == [0, 0, 0, 0]
    assert persistence_clusters(tree, n_clusters=9).n_clusters == 4
    with pytest.raises(ValueError, match="a threshold or a number"):
        persistence_clusters(tree)
    with pytest.raises(ValueError, match="at least 1"):
        persistence_clusters(tree, n_clusters=0)


@given(barrier_graphs())
def test_dissimilarities_are_metrics_with_a_zero_diagonal(graph):
    barriers = minimax_by_floyd(graph)
    for matrix in (barrier_dissimilarity(barriers), branch_lengths(barriers)):
        assert (np.diag(matrix) == 0).all()
        assert (matrix >= 0).all()
        np.testing.assert_array_equal(matrix, matrix.T)
        assert (matrix <= (matrix[:, :, None] + matrix[None, :, :]).min(axis=1) + 1e-9).all()
        apart = ~np.isfinite(barriers)
        if apart.any() and not apart.all():
            assert matrix[apart].min() > 0


def test_distances_on_a_map():
    points, _ = three_groups(4)
    embedding = kernel_pca(points, kernel="linear")
    np.testing.assert_allclose(map_dissimilarity(embedding), euclidean_dissimilarity(points), atol=1e-6)


@pytest.mark.parametrize("method", ["hdbscan", "agglomerative", "spectral"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_minima(method, n):
    labels = cluster_minima(1.0 - np.eye(n), method=method).labels
    assert labels.shape == (n,)


METHODS = ["hdbscan", "agglomerative", "spectral"]


def barriers_between(energies, top):
    """Minimax barriers of minima that all join at one height."""
    matrix = np.full((len(energies), len(energies)), float(top))
    np.fill_diagonal(matrix, energies)
    return matrix


EQUAL = {
    "one point": lambda noise: euclidean_dissimilarity(np.full((12, 3), 0.3)),
    "one point up to rounding": lambda noise: euclidean_dissimilarity(0.7 + 1e-16 * noise),
    "one point far away up to rounding": lambda noise: euclidean_dissimilarity(1e6 * (0.7 + 1e-16 * noise)),
    "one point in float32": lambda noise: euclidean_dissimilarity((0.7 + 1e-7 * noise).astype(np.float32)),
    "zeros": lambda noise: np.zeros((12, 12)),
    "one place of a map": lambda noise: map_dissimilarity(kernel_pca(0.7 + 1e-16 * noise)),
    "one place of a linear map": lambda noise: map_dissimilarity(kernel_pca(0.7 + 1e-16 * noise, kernel="linear")),
    "one energy and barrier": lambda noise: barrier_dissimilarity(barriers_between(np.full(12, -3.1), -3.1)),
    "one energy up to rounding": lambda noise: barrier_dissimilarity(
        barriers_between(-3.1 + 4e-16 * noise[:, 0], -3.1 + 1e-15)
    ),
    "branches up to rounding": lambda noise: branch_lengths(barriers_between(-3.1 + 4e-16 * noise[:, 0], -3.1 + 1e-15)),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", EQUAL)
def test_minima_that_are_equal_up_to_rounding_are_one_cluster(name, method):
    matrix = EQUAL[name](np.random.default_rng(0).uniform(-1, 1, size=(12, 3)))
    assert matrix.shape == (12, 12)
    assert cluster_minima(matrix, method=method).labels.tolist() == [0] * 12


@pytest.mark.parametrize("method", METHODS)
def test_minima_all_as_far_from_each_other_are_one_cluster(method):
    found = cluster_minima(1.0 - np.eye(12), method=method)
    assert found.labels.tolist() == [0] * 12
    assert cluster_minima(barrier_dissimilarity(barriers_between(np.arange(12.0), 20.0)), method=method).n_clusters == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise", [0.0, 1e-16])
@pytest.mark.parametrize("size", [6, 15])
def test_groups_of_equal_minima_are_the_clusters(method, noise, size):
    random = np.random.default_rng(1)
    points = np.repeat(random.normal(size=(3, 4)), size, axis=0)
    matrix = euclidean_dissimilarity(points + noise * random.normal(size=points.shape))
    found = cluster_minima(matrix, method=method)
    assert found.labels.tolist() == np.repeat([0, 1, 2], size).tolist()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("spread", [0.0, 1e-12, 1e-3])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_a_tight_group_with_few_outliers(method, spread, scale):
    random = np.random.default_rng(2)
    points = np.concatenate([1.0 + spread * random.normal(size=(20, 3)), random.normal(size=(2, 3))])
    labels = cluster_minima(euclidean_dissimilarity(scale * points), method=method).labels
    assert labels[:20].tolist() == [0] * 20
    assert set(labels[20:].tolist()) <= ({-1} if method == "hdbscan" else {1, 2})


@given(st.data())
def test_identical_minima_are_never_parted(data):
    places = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=24))
    at = np.array(data.draw(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=5, max_size=5)))
    points = at[places].astype(float)
    method = data.draw(st.sampled_from(METHODS))
    n_places = len(np.unique(points, axis=0))
    n_clusters = None if method == "hdbscan" else data.draw(st.one_of(st.none(), st.integers(1, n_places)))
    found = cluster_minima(euclidean_dissimilarity(points), method=method, n_clusters=n_clusters, min_cluster_size=2)
    for a, b in zip(*np.nonzero((points[:, None] == points[None]).all(axis=2)), strict=True):
        assert found.labels[a] == found.labels[b]


def test_a_clustering_says_how_clear_it_is():
    points, _ = three_groups()
    found = cluster_minima(euclidean_dissimilarity(points), method="agglomerative")
    assert found.settings["silhouette"] > 0.8
    assert "silhouette" not in cluster_minima(euclidean_dissimilarity(points), method="spectral", n_clusters=2).settings


@pytest.mark.parametrize(
    ("matrix", "options", "message"),
    [
        (np.zeros((2, 3)), {}, "square"),
        (np.full((2, 2), np.inf), {}, "finite"),
        (np.array([[0.0, 1.0], [2.0, 0.0]]), {}, "symmetric"),
        (np.zeros((3, 3)), {"method": "k-means"}, "no method 'k-means'"),
        (np.zeros((3, 3)), {"method": "spectral", "n_clusters": 9}, "from 1 to 1, the number of different"),
        (1.0 - np.eye(3), {"method": "agglomerative", "n_clusters": 9}, "from 1 to 3, the number of different"),
        (np.eye(3), {}, "0 on the diagonal"),
        (1e-9 * np.array([[0.0, 1.0], [2.0, 0.0]]), {}, "symmetric"),
        (np.zeros((3, 3)), {"min_cluster_size": 1}, "at least 2"),
    ],
)
def test_bad_input(matrix, options, message):
    with pytest.raises(ValueError, match=message):
        cluster_minima(matrix, **options)


def test_agreement_with_groups():
    labels = [0, 0, 0, 0, 1, 1, 1, -1]
    groups = ["sgd", "sgd", "sgd", "lbfgs", "lbfgs", "lbfgs", "lbfgs", "sgd"]
    found = cluster_agreement(labels, groups)
    assert (found.n, found.n_unassigned) == (7, 1)
    assert found.purity == pytest.approx(6 / 7)
    assert found.adjusted_rand == pytest.approx(adjusted_rand_score(groups[:7], labels[:7]))
    assert [(c.cluster, c.size, c.group, c.purity) for c in found.clusters] == [
        (0, 4, "sgd", 0.75),
        (1, 3, "lbfgs", 1.0),
    ]
    assert 0.5 < found.expected_purity < found.purity


def test_the_p_value_is_that_of_all_permutations():
    # Six minima in two clusters of three, all right: 2 of the 20 ways to deal the groups are as good.
    found = cluster_agreement([0, 0, 0, 1, 1, 1], list("aaabbb"), n_permutations=4000)
    assert found.p_value == pytest.approx(0.1, abs=0.02)


def test_clusters_at_random_have_uniform_p_values():
    random = np.random.default_rng(0)
    p_values = [
        cluster_agreement(random.integers(0, 3, 40), random.integers(0, 2, 40).tolist(), n_permutations=100).p_value
        for _ in range(100)
    ]
    assert 0.35 < np.mean(p_values) < 0.65
    assert np.mean(np.array(p_values) <= 0.05) <= 0.12


def test_one_cluster_agrees_with_nothing():
    found = cluster_agreement([0, 0, 0], ["a", "b", "a"])
    assert found.adjusted_rand == 0.0
    assert found.p_value == 1.0


@pytest.mark.parametrize(("labels", "message"), [([0], "one label"), ([-1, -1], "no minimum is in a cluster")])
def test_agreement_needs_something_to_compare(labels, message):
    with pytest.raises(ValueError, match=message):
        cluster_agreement(labels, ["a", "b"])


def test_clusters_of_the_tree_are_not_compared_with_shuffled_groups():
    network = nx.Graph([(0, 1, {"energy": 1.0}), (1, 2, {"energy": 3.0})])
    nx.set_node_attributes(network, 0.0, "energy")
    tree = disconnectivity_tree(network)
    for clusters in (superbasin_clusters(tree, 2.0), persistence_clusters(tree, n_clusters=2)):
        with pytest.raises(ValueError, match=r"follow the pairs that were searched.*superbasin_agreement"):
            cluster_agreement(clusters, ["a", "a", "b"])
    found = cluster_minima([[0.0, 1, 9], [1, 0, 9], [9, 9, 0]], method="agglomerative", n_clusters=2)
    expected = cluster_agreement(found.labels, ["a", "a", "b"])
    assert cluster_agreement(found, ["a", "a", "b"]) == expected
