import numpy as np
import pytest
from sklearn.decomposition import PCA, KernelPCA

from elsuite.analysis import barrier_map, branch_lengths, euclidean_dissimilarity, gram_matrix, kernel_pca, merge_tree
from elsuite.analysis.embedding import top_eigenvectors

KERNELS = {"rbf": "rbf", "linear": "linear", "polynomial": "poly", "sigmoid": "sigmoid"}


def points(n=20, p=7, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p)) * np.linspace(3, 1, p)


@pytest.mark.parametrize("kernel", KERNELS)
def test_equal_to_scikit_learn_up_to_signs(kernel):
    x = points()
    found = kernel_pca(x, kernel=kernel, n_components=3)
    model = KernelPCA(n_components=3, kernel=KERNELS[kernel], gamma=1 / x.shape[1])
    expected = model.fit_transform(x)
    signs = np.sign((found.coordinates * expected).sum(axis=0))
    np.testing.assert_allclose(found.coordinates, expected * signs, atol=1e-9)
    assert found.ids.tolist() == list(range(20))
    assert found.gamma == (None if kernel == "linear" else pytest.approx(1 / 7))


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_the_place_of_the_origin_changes_nothing(kernel, offset):
    x = 1e-3 * np.round(2**20 * points()) / 2**20  # points 1e-3 apart
    shifted = offset + x
    found = kernel_pca(shifted, kernel=kernel, n_components=7)
    expected = kernel_pca(shifted - offset, kernel=kernel, n_components=7)  # the same points to the bit
    np.testing.assert_allclose(found.explained, expected.explained, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.coordinates, expected.coordinates, atol=1e-9 * np.abs(expected.coordinates).max())
    assert found.explained.sum() == pytest.approx(1.0, abs=1e-9 if kernel == "linear" else 1e-5)


@pytest.mark.parametrize("offset", [0, 1, 1000, 10**6])
@pytest.mark.parametrize(("kernel", "degree"), [("polynomial", 1), ("polynomial", 2), ("polynomial", 5), ("linear", 1)])
def test_kernels_far_from_the_origin_against_exact_arithmetic(kernel, degree, offset):
    from fractions import Fraction

    x = offset + np.round(2**10 * points(8, 3)) / 2**20
    rows = [[Fraction(value) for value in row] for row in x.tolist()]
    gamma, shift = (Fraction(1, 2), 1) if kernel == "polynomial" else (1, 0)
    exact = [
        [(gamma * sum(a * b for a, b in zip(one, other, strict=True)) + shift) ** degree for other in rows]
        for one in rows
    ]
    means = [sum(row) / len(rows) for row in exact]
    mean = sum(means) / len(rows)
    matrix = [
        [float(value - a - b + mean) for value, b in zip(row, means, strict=True)]
        for row, a in zip(exact, means, strict=True)
    ]
    values = np.linalg.eigvalsh(np.array(matrix))[::-1][:2]
    found = kernel_pca(x, kernel=kernel, gamma=0.5, degree=degree, coef0=1.0)
    np.testing.assert_allclose(found.explained, values / np.trace(matrix), rtol=1e-5)
    np.testing.assert_allclose((found.coordinates**2).sum(axis=0), values, rtol=1e-5)


@pytest.mark.parametrize("gamma", [1e-300, 1e-20, 1e-15, 1e-12])
def test_a_wide_rbf_is_principal_component_analysis(gamma):
    expected, found = kernel_pca(points(), kernel="linear"), kernel_pca(points(), gamma=gamma)
    np.testing.assert_allclose(found.explained, expected.explained, rtol=1e-8)
    drawn = found.coordinates / np.abs(found.coordinates).max()
    np.testing.assert_allclose(drawn, expected.coordinates / np.abs(expected.coordinates).max(), atol=1e-8)


def test_a_saturated_sigmoid_explains_nothing():
    assert kernel_pca(1e6 + points(), kernel="sigmoid").explained.tolist() == [0.0, 0.0]


DISTANT = {
    "far from the origin": lambda random: 1e6 + 1e-3 * random.normal(size=(60, 50)),
    "near pairs": lambda random: np.repeat(10 * random.normal(size=(30, 20)), 2, 0) + 1e-8 * np.tile([[0], [1]], (30, 1)),
    "tight groups": lambda random: np.repeat(random.normal(size=(2, 40)), 600, 0) + 1e-7 * random.normal(size=(1200, 40)),
    "copies": lambda random: np.repeat(1e3 + random.normal(size=(3, 5)), 20, 0),
    "a chain": lambda random: np.cumsum(np.full((700, 1), 1e-4), 0) * np.ones(3),
    "groups of groups": lambda random: sum(
        np.repeat(scale * random.normal(size=(n, 9)), 512 // n, 0) for n, scale in [(2, 1e4), (8, 1.0), (64, 1e-5)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DISTANT)
@pytest.mark.parametrize("small", [False, True])
def test_distances_are_right_to_rounding(name, small, monkeypatch):
    from scipy.spatial.distance import cdist

    x = DISTANT[name](np.random.default_rng(0))
    if small:  # many tiles and blocks
        monkeypatch.setattr("elsuite.analysis.blocks.LARGEST_TILE", 7)
        monkeypatch.setattr("elsuite.analysis.blocks.BLOCK_BYTES", 8 * x.shape[1] * 50)
        x = x[:: max(1, len(x) // 120)]
    found = euclidean_dissimilarity(x)
    np.testing.assert_allclose(found, cdist(x, x), rtol=1e-12, atol=0)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(euclidean_dissimilarity(lambda ids: x[ids], np.arange(len(x))), found)


def test_points_1e_8_apart():
    x = np.full((2, 4), 5.0)
    x[1, 0] += 1e-8
    assert euclidean_dissimilarity(x)[0, 1] == pytest.approx(1e-8, rel=1e-7)  # the sum itself is rounded at 5


def test_distances_and_kernels_that_overflow_are_one_line():
    x = points(5, 3)
    with pytest.raises(ValueError, match="exceed the largest float64"):
        euclidean_dissimilarity(1e200 * x)
    with pytest.raises(ValueError, match="kernel 'polynomial' exceeds the largest float64, with gamma 1e\\+200"):
        kernel_pca(x, kernel="polynomial", gamma=1e200)
    x[2, 1] = np.nan
    with pytest.raises(ValueError, match="the coordinates of minimum 2 are not finite"):
        kernel_pca(x)


def test_linear_is_ordinary_pca():
    x = points()
    model = PCA(n_components=2).fit(x)
    found = kernel_pca(x, kernel="linear")
    np.testing.assert_allclose(found.explained, model.explained_variance_ratio_)
    np.testing.assert_allclose(np.abs(found.coordinates), np.abs(model.transform(x)), atol=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_shares_of_all_components(kernel):
    found = kernel_pca(points(8, 5), kernel=kernel, n_components=8)
    assert (np.diff(found.explained) <= 1e-12).all()
    total = found.explained.sum()
    assert total == pytest.approx(1.0) if kernel != "sigmoid" else total <= 1.0 + 1e-9


@pytest.mark.parametrize("block_bytes", [1, 8 * 7 * 3, 2**20])
def test_coordinates_are_read_in_blocks(block_bytes, monkeypatch):
    monkeypatch.setattr("elsuite.analysis.blocks.BLOCK_BYTES", block_bytes)
    x = points()
    reads = []

    def read(ids):
        reads.append(len(ids))
        return x[ids].astype(np.float32)

    ids = np.array([3, 1, 15, 7, 8, 9, 12])
    found = kernel_pca(read, ids)
    np.testing.assert_allclose(found.coordinates, kernel_pca(x[ids]).coordinates, atol=1e-5)
    assert found.ids.tolist() == ids.tolist()
    assert max(reads) <= max(1, block_bytes // 56)
    np.testing.assert_allclose(gram_matrix(read, ids), x[ids] @ x[ids].T, rtol=1e-4, atol=1e-4)


def test_the_largest_entry_of_each_component_is_positive():
    x = points()
    found = kernel_pca(x).coordinates
    assert (found[np.abs(found).argmax(axis=0), [0, 1]] > 0).all()
    np.testing.assert_allclose(kernel_pca(x @ np.diag([-1.0] * 7)).coordinates, found, atol=1e-9)


def test_two_shells_separate_with_rbf_and_not_with_a_line():
    # What the study saw: two sets at different distances from one origin, in many dimensions.
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 200))
    x *= (np.where(np.arange(60) < 30, 8.0, 16.0) / np.linalg.norm(x, axis=1))[:, None]
    first = kernel_pca(x).coordinates[:, 0]
    inner, outer = first[:30], first[30:]
    assert inner.min() > outer.max() or inner.max() < outer.min()
    first = kernel_pca(x, kernel="linear").coordinates[:, 0]
    assert not (first[:30].min() > first[30:].max())
    assert not (first[:30].max() < first[30:].min())


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_points(n):
    found = kernel_pca(points(n), n_components=3)
    assert found.coordinates.shape == (n, 3)
    assert np.isfinite(found.explained).all()


def test_many_points_take_the_iterative_solver(monkeypatch):
    matrix = np.cov(points(40, 60).T)
    dense = top_eigenvectors(matrix, 2)
    monkeypatch.setattr("elsuite.analysis.embedding.DENSE_LIMIT", 5)
    values, vectors = top_eigenvectors(matrix, 2)
    np.testing.assert_allclose(values, dense[0])
    np.testing.assert_allclose(np.abs(vectors), np.abs(dense[1]), atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.zeros((0, 3)),), {}, "at least one minimum"),
        ((np.zeros(3),), {}, r"matrix \(n_points, n_parameters\)"),
        ((lambda ids: ids,), {}, "ids are needed"),
        ((np.zeros((2, 3)),), {"kernel": "cosine"}, "no kernel 'cosine'"),
        ((np.zeros((2, 3)),), {"n_components": 0}, "at least 1"),
        ((np.zeros((2, 3)),), {"gamma": 0.0}, "gamma is a number above 0, not 0.0"),
        ((np.zeros((2, 3)),), {"gamma": np.nan}, "gamma is a number above 0"),
        ((np.zeros((2, 3)),), {"degree": 0}, "degree is at least 1"),
        ((np.zeros((2, 3)),), {"coef0": np.inf}, "coef0 is a finite number"),
        ((np.full((2, 3), np.nan),), {}, "coordinates of minimum 0 are not finite"),
    ],
)
def test_bad_input(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        kernel_pca(*arguments, **options)


def barriers_of(tree):
    """The minimax matrix of a merge tree, from its gaps."""
    n = tree.n_leaves
    matrix = np.zeros((n, n))
    for a in range(n):
        for b in range(a + 1, n):
            top = tree.gaps[a:b].max()
            matrix[tree.leaf_order[a], tree.leaf_order[b]] = matrix[tree.leaf_order[b], tree.leaf_order[a]] = top
    np.fill_diagonal(matrix, tree.heights[:n])
    return matrix


def test_a_map_of_three_minima_keeps_all_distances():
    matrix = barriers_of(merge_tree([0.0, 1.0, 0.5], [0, 1], [1, 2], [2.0, 3.0]))
    found = barrier_map(matrix)
    distances = np.linalg.norm(found.coordinates[:, None] - found.coordinates[None], axis=-1)
    np.testing.assert_allclose(distances, [[0, 3, 5.5], [3, 0, 4.5], [5.5, 4.5, 0]], atol=1e-3)
    assert found.stress < 1e-3


def test_smacof_improves_on_classical_scaling_and_is_the_same_each_time():
    random = np.random.default_rng(0)
    tree = merge_tree(random.normal(size=30), np.arange(29), np.arange(1, 30), 3 + random.exponential(size=29))
    first = barrier_map(barriers_of(tree), max_iterations=1)
    found, again = barrier_map(barriers_of(tree)), barrier_map(barriers_of(tree))
    assert found.stress < first.stress
    np.testing.assert_array_equal(found.coordinates, again.coordinates)


@pytest.mark.parametrize("max_iterations", [0, 1, 2, 5, 300])
def test_the_stress_is_that_of_the_coordinates(max_iterations):
    random = np.random.default_rng(0)
    tree = merge_tree(random.normal(size=30), np.arange(29), np.arange(1, 30), 3 + random.exponential(size=29))
    barriers = barriers_of(tree)
    found = barrier_map(barriers, max_iterations=max_iterations)
    expected = branch_lengths(barriers)
    drawn = np.linalg.norm(found.coordinates[:, None] - found.coordinates[None], axis=-1)
    assert found.stress == pytest.approx(np.sqrt(((drawn - expected) ** 2).sum() / (expected**2).sum()), rel=1e-9)
    assert found.n_iterations <= max_iterations


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e12, 1e300])
def test_the_unit_of_energy_scales_the_map_only(scale):
    tree = merge_tree([0.0, 1.0, 0.5], [0, 1], [1, 2], [2.0, 3.0])
    found, expected = barrier_map(scale * barriers_of(tree)), barrier_map(barriers_of(tree))
    np.testing.assert_allclose(found.coordinates / scale, expected.coordinates, atol=1e-9)
    assert found.stress == pytest.approx(expected.stress, abs=1e-9)


def test_only_one_matrix_of_all_pairs_is_in_memory():
    import tracemalloc

    x = points(n=1600)
    kernel_pca(x[:10])  # what is loaded on first use does not count
    tracemalloc.start()
    found = kernel_pca(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.coordinates.shape == (1600, 2)
    assert peak < 1.5 * 8 * 1600**2


def test_minima_on_one_point_of_classical_scaling_part():
    # Two axes of classical scaling go to the way between the pairs and to the longer pair; the other pair falls together.
    tree = merge_tree(np.zeros(4), [0, 2, 1], [1, 3, 2], [1.0, 2.0, 10.0])
    found = barrier_map(barriers_of(tree))
    distances = np.linalg.norm(found.coordinates[:, None] - found.coordinates[None], axis=-1)
    expected = [[0, 2, 20, 20], [2, 0, 20, 20], [20, 20, 0, 4], [20, 20, 4, 0]]
    np.testing.assert_allclose(distances, expected, atol=0.2)
    np.testing.assert_allclose(found.coordinates.mean(axis=0), 0, atol=0.02)
    assert found.stress < 0.01


def test_pairs_that_never_join_are_apart():
    matrix = np.array([[0.0, 1.0, np.inf], [1.0, 0.0, np.inf], [np.inf, np.inf, 0.0]])
    found = barrier_map(matrix, ids=[7, 8, 9])
    distances = np.linalg.norm(found.coordinates[:, None] - found.coordinates[None], axis=-1)
    assert distances[0, 2] > distances[0, 1]
    assert found.ids.tolist() == [7, 8, 9]


@pytest.mark.parametrize("n", [1, 2])
def test_maps_of_one_or_two(n):
    matrix = np.ones((n, n))
    np.fill_diagonal(matrix, 0.0)
    assert barrier_map(matrix).coordinates.shape == (n, 2)
