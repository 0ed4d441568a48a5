"""Clusters turned, mirrored and relabeled are one and the same; others are not."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from elsuite.landscapes import LennardJones, MullerBrown
from elsuite.stationary import local_expansions
from elsuite.symmetry.atoms import (
    align_clusters,
    fingerprints,
    is_cluster,
    nearest_image,
    point_group_order,
    same_point,
    zero_modes,
)

pytestmark = pytest.mark.making

PHI = (1 + 5**0.5) / 2
ICOSAHEDRON = np.vstack(
    [np.roll([0.0, s, t * PHI], k) for k in range(3) for s, t in itertools.product((1, -1), repeat=2)]
    + [np.zeros(3)]
)
OCTAHEDRON = np.vstack([np.eye(3), -np.eye(3)])
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.75**0.5, 0]])
LINE = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
PAIR = LINE[:2]
# name: atoms, order of the point group
SHAPES = {
    "icosahedron": (ICOSAHEDRON, 120),
    "octahedron": (OCTAHEDRON, 48),
    "tetrahedron": (TETRAHEDRON, 24),
    "triangle": (TRIANGLE, 12),
    "scattered": (np.random.default_rng(5).normal(size=(9, 3)), 1),
}


def moved(atoms, seed):
    """The same cluster somewhere else, turned, relabeled, every second time mirrored."""
    rng = np.random.default_rng(seed)
    turn = Rotation.random(rng=rng).as_matrix() * (-1) ** (seed % 2)
    return ((atoms @ turn.T)[rng.permutation(len(atoms))] + rng.normal(size=3)).ravel()


@pytest.mark.parametrize("name", [*SHAPES, "line", "pair"])
def test_moved_clusters_are_laid_over(name):
    atoms = {"line": LINE, "pair": PAIR}.get(name)
    atoms = SHAPES[name][0] if atoms is None else atoms
    cluster = LennardJones(len(atoms))
    for seed in range(6):
        other = moved(atoms, seed)
        found = align_clusters(atoms.ravel(), other)
        assert found.distance < 1e-9
        np.testing.assert_allclose(found.coordinates, atoms.ravel(), atol=1e-9)
        assert sorted(found.permutation) == list(range(len(atoms)))
        assert same_point(cluster, atoms.ravel(), other)
        np.testing.assert_allclose(
            fingerprints(cluster, [other]), fingerprints(cluster, [atoms.ravel()]), atol=1e-9
        )


@pytest.mark.parametrize("name", SHAPES)
def test_orders_of_point_groups(name):
    atoms, order = SHAPES[name]
    assert point_group_order(atoms.ravel()) == order
    assert point_group_order(moved(atoms, 3)) == order


def test_orders_on_a_line():
    assert point_group_order(LINE.ravel()) == 2
    assert point_group_order(np.array([0.0, 0, 0, 1, 0, 0, 3, 0, 0])) == 1


def test_minima_of_a_cluster_are_different_points():
    cluster = LennardJones(7)
    for a, b in itertools.combinations(cluster.minima, 2):
        assert not same_point(cluster, a, b)
        assert align_clusters(a, b).distance > 0.1


def brute_force_distance(a, b):
    """The shortest distance over all labels, each with the best rotation or reflection: a slow reference."""
    fixed, moving = (x.reshape(-1, 3) - x.reshape(-1, 3).mean(axis=0) for x in (a, b))
    best = np.inf
    for labels in itertools.permutations(range(len(fixed))):
        other = moving[list(labels)]
        left, _, right = np.linalg.svd(fixed.T @ other)
        best = min(best, float(np.linalg.norm(fixed - other @ (left @ right).T)))
    return best


@pytest.mark.parametrize("seed", range(5))
def test_distances_of_different_clusters_are_nearly_those_of_brute_force(seed):
    a, b = np.random.default_rng(seed).normal(size=(2, 15))
    shortest = brute_force_distance(a, b)
    assert shortest * (1 - 1e-9) <= align_clusters(a, b).distance <= 1.01 * shortest


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 9), st.integers(0, 10**6))
def test_alignment_moves_a_cluster_and_does_not_change_it(n_atoms, seed):
    a, b = np.random.default_rng(seed).normal(size=(2, 3 * n_atoms)) * 2
    cluster = LennardJones(n_atoms)
    image = nearest_image(cluster, a, b)
    np.testing.assert_allclose(fingerprints(cluster, [image]), fingerprints(cluster, [b]), atol=1e-9)
    assert np.linalg.norm(image - a) == pytest.approx(align_clusters(a, b).distance)


@pytest.mark.parametrize("n_atoms", [2, 3, 6])
def test_zero_modes_are_directions_without_curvature(n_atoms):
    cluster = LennardJones(n_atoms)
    modes = zero_modes(cluster, cluster.minima)
    assert modes.shape == (len(cluster.minima), 3 * n_atoms, cluster.n_zero_modes)
    hessians = local_expansions(cluster, cluster.minima)[2]
    np.testing.assert_allclose(
        np.einsum("npk,npl->nkl", modes, modes),
        np.eye(cluster.n_zero_modes)[None].repeat(len(modes), 0),
        atol=1e-9,
    )
    assert np.abs(hessians @ modes).max() < 1e-5


def test_surfaces_have_no_symmetry():
    surface = MullerBrown()
    assert not is_cluster(surface)
    assert zero_modes(surface, surface.minima).shape == (3, 2, 0)
    np.testing.assert_array_equal(nearest_image(surface, [0, 0], [3, 4]), [3, 4])
    np.testing.assert_array_equal(fingerprints(surface, surface.minima), surface.minima)


def test_what_is_no_cluster_is_refused():
    with pytest.raises(ValueError, match="6 and 9 coordinates given"):
        align_clusters(np.zeros(6), np.zeros(9))
