"""Clusters turned, mirrored and relabeled are one and the same; others are not."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from elsuite.landscapes import LennardJones
from elsuite.stationary import classify_stationary_point, descend, hessian_spectrum, local_expansions
from elsuite.symmetry import AtomSymmetry, symmetry_from

pytestmark = pytest.mark.making

PHI = (1 + 5**0.5) / 2
ICOSAHEDRON = np.vstack(
    [np.roll([0.0, s, t * PHI], k) for k in range(3) for s, t in itertools.product((1, -1), repeat=2)] + [np.zeros(3)]
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


def alike(atoms):
    return AtomSymmetry((0,) * len(atoms))


def moved(atoms, seed, order=None):
    """The same cluster somewhere else, turned, relabeled, every second time mirrored."""
    rng = np.random.default_rng(seed)
    turn = Rotation.random(rng=rng).as_matrix() * (-1) ** (seed % 2)
    order = rng.permutation(len(atoms)) if order is None else order
    return ((atoms @ turn.T)[order] + rng.normal(size=3)).ravel()


@pytest.mark.parametrize("scale", [1e-10, 1.0, 1e4])
@pytest.mark.parametrize("name", [*SHAPES, "line", "pair", "one", "coincident"])
def test_moved_clusters_are_laid_over(name, scale):
    others = {
        "line": LINE,
        "pair": PAIR,
        "one": np.zeros((1, 3)),
        "coincident": np.array([[0.0, 0, 0]] * 2 + [[1, 2, 3]]),
    }
    atoms = SHAPES[name][0] if name in SHAPES else others[name]
    symmetry = alike(atoms)
    for seed in range(6):
        one, other = atoms.ravel() * scale, moved(atoms, seed) * scale
        found = symmetry.nearest(one, other)
        assert found.distance < 1e-9 * scale
        np.testing.assert_allclose(found, one, atol=1e-9 * scale)
        assert sorted(found.permutation) == list(range(len(atoms)))
        np.testing.assert_allclose(symmetry.fingerprint([other]), symmetry.fingerprint([one]), atol=1e-9 * scale)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("name", SHAPES)
def test_orders_of_point_groups(name, scale, offset):
    atoms, order = SHAPES[name]
    assert alike(atoms).group_order((atoms.ravel() + offset) * scale) == order
    assert alike(atoms).group_order((moved(atoms, 3) + offset) * scale) == order


# species, atoms: order of the point group, of its proper rotations
GROUPS = {
    "water": ("OHH", [[0, 0, 0], [1, 1, 0], [-1, 1, 0]], 4, 2),
    "CHFClBr": ("CHFXY", np.vstack([[0, 0, 0], TETRAHEDRON]), 1, 1),
    "CH3Cl": ("CHHHX", np.vstack([[0, 0, 0], TETRAHEDRON]), 6, 3),
    "CH4": ("CHHHH", np.vstack([[0, 0, 0], TETRAHEDRON]), 24, 12),
    "SF6": ("SFFFFFF", np.vstack([[0, 0, 0], OCTAHEDRON]), 48, 24),
    "SF5Cl": ("SFFFFFX", np.vstack([[0, 0, 0], OCTAHEDRON]), 8, 4),
    "A-A-B-B": ("AABB", [[k, 0, 0] for k in range(4)], 1, 1),
    "A-B-A-B": ("ABAB", [[k, 0, 0] for k in range(4)], 1, 1),
    "A-B-B-A": ("ABBA", [[k, 0, 0] for k in range(4)], 2, 2),
}


@pytest.mark.parametrize("name", GROUPS)
def test_orders_of_point_groups_of_several_species(name):
    species, atoms, order, proper = GROUPS[name]
    atoms = np.array(atoms, dtype=float)
    assert AtomSymmetry(tuple(species)).group_order(moved(atoms, 1, range(len(atoms)))) == order
    assert AtomSymmetry(tuple(species), mirrored=False).group_order(atoms.ravel()) == proper


def test_only_like_atoms_are_exchanged():
    chain = np.arange(4.0)[:, None] * [1.0, 0, 0]
    symmetry = AtomSymmetry(("A", "A", "B", "B"))
    other = chain[[0, 2, 1, 3]]
    assert symmetry.nearest(chain.ravel(), other.ravel()).distance > 1
    turned = moved(chain, 1, [1, 0, 3, 2])
    assert symmetry.nearest(chain.ravel(), turned).distance < 1e-9
    assert alike(chain).nearest(chain.ravel(), other.ravel()).distance < 1e-9


def test_a_mirror_image_is_another_molecule_where_it_is_not_the_same():
    chiral = np.array(GROUPS["CHFClBr"][1])
    species = tuple("CHFXY")
    image = moved(chiral, 1, range(5))
    assert AtomSymmetry(species).nearest(chiral.ravel(), image).distance < 1e-9
    assert AtomSymmetry(species, mirrored=False).nearest(chiral.ravel(), image).distance > 0.5
    again = moved(chiral, 2, range(5))
    assert AtomSymmetry(species, mirrored=False).nearest(chiral.ravel(), again).distance < 1e-9


@pytest.mark.parametrize(
    ("atoms", "species", "order", "proper"),
    [
        ([[0, 0], [1, 0], [0.5, 0.75**0.5]], "AAA", 6, 3),
        ([[0, 0], [1, 0], [0.5, 0.75**0.5]], "AAB", 2, 1),
        ([[1, 0], [0, 1], [-1, 0], [0, -1]], "AAAA", 8, 4),
        ([[1, 0], [0, 1], [-1, 0], [0, -1]], "ABAB", 4, 2),
        ([[1, 0], [0, 0]], "AA", 4, 2),
        ([[1, 0], [0, 0]], "AB", 2, 1),
    ],
)
def test_groups_in_the_plane(atoms, species, order, proper):
    atoms = np.array(atoms, dtype=float)
    symmetry = AtomSymmetry(tuple(species), dimension=2)
    assert symmetry.n_zero_modes == 3
    assert symmetry.group_order(atoms.ravel()) == order
    assert AtomSymmetry(tuple(species), dimension=2, mirrored=False).group_order(atoms.ravel()) == proper
    angle = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    turned = (atoms @ angle.T + 7.0).ravel()
    assert symmetry.nearest(atoms.ravel(), turned).distance < 1e-9


def test_a_reflection_in_the_plane_is_no_rotation():
    atoms = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    image = (atoms * [-1, 1]).ravel()
    species = ("A", "B", "C")
    assert AtomSymmetry(species, dimension=2).nearest(atoms.ravel(), image).distance < 1e-9
    assert AtomSymmetry(species, dimension=2, mirrored=False).nearest(atoms.ravel(), image).distance > 0.5


CELL = ((3.0, 0.0, 0.0), (14.0, 3.0, 0.0), (1.0, 2.0, 4.0))  # far from reduced


@pytest.mark.parametrize("seed", range(6))
def test_in_a_cell_positions_count_modulo_the_lattice(seed):
    rng = np.random.default_rng(seed)
    symmetry = AtomSymmetry(("A", "A", "B", "B", "B"), turned=False, cell=CELL)
    assert symmetry.n_zero_modes == 3
    atoms = 2 * rng.normal(size=(5, 3))
    lattice = rng.integers(-3, 4, (5, 3)) @ np.array(CELL)
    image = (-1) ** seed * atoms[[1, 0, 4, 2, 3]] + rng.normal(size=3) + lattice
    found = symmetry.nearest(atoms.ravel(), image.ravel())
    assert found.distance < 1e-9
    np.testing.assert_allclose(found, atoms.ravel(), atol=1e-9)
    np.testing.assert_allclose(symmetry.fingerprint([image.ravel()]), symmetry.fingerprint([atoms.ravel()]), atol=1e-9)
    turned = atoms @ Rotation.random(rng=rng).as_matrix()
    assert symmetry.nearest(atoms.ravel(), turned.ravel()).distance > 0.1
    fixed = AtomSymmetry(("A", "A", "B", "B", "B"), turned=False, translated=False, cell=CELL)
    assert fixed.nearest(atoms.ravel(), (atoms[[1, 0, 2, 3, 4]] + lattice).ravel()).distance < 1e-9
    assert fixed.nearest(atoms.ravel(), (atoms + np.array([0.5, 0, 0])).ravel()).distance == pytest.approx(0.5 * 5**0.5)


@pytest.mark.parametrize("cell", [CELL, ((1.0, 0.0, 0.0), (0.5, 0.9, 0.0), (-0.4, 0.3, 5.0)), np.eye(3).tolist()])
def test_shortest_images_are_those_of_a_wide_search(cell):
    rng = np.random.default_rng(0)
    symmetry = AtomSymmetry((0, 1), turned=False, translated=False, cell=tuple(map(tuple, cell)))
    images = np.array(list(itertools.product(range(-40, 41), range(-8, 9), range(-8, 9)))) @ np.array(cell)
    for a, b in rng.normal(size=(20, 2, 3)):
        expected = np.linalg.norm(a - b + images, axis=1).min()
        found = symmetry.nearest(np.append(a, [0, 0, 0]), np.append(b, [0, 0, 0])).distance
        assert found == pytest.approx(expected)


def test_groups_in_a_cell():
    atoms = np.array([[0.0, 0, 0], [1.5, 0, 0]])
    cell = ((3.0, 0, 0), (0, 2.0, 0), (0, 0, 5.0))
    # The translation by half a cell, the identity, and both inverted; two species leave the inversion.
    assert AtomSymmetry((0, 0), turned=False, cell=cell).group_order(atoms.ravel()) == 4
    assert AtomSymmetry((0, 1), turned=False, cell=cell).group_order(atoms.ravel()) == 2
    assert AtomSymmetry((0, 0), turned=False, cell=cell, mirrored=False).group_order(atoms.ravel()) == 2


def test_on_a_fixed_frame_only_like_atoms_are_exchanged():
    symmetry = AtomSymmetry(("A", "A", "B"), turned=False, translated=False)
    atoms = np.random.default_rng(0).normal(size=(3, 3))
    assert symmetry.n_zero_modes == 0
    assert symmetry.group_order(atoms.ravel()) == 1
    assert symmetry.nearest(atoms.ravel(), atoms[[1, 0, 2]].ravel()).distance == 0
    for other in (atoms[[0, 2, 1]], atoms + 1.0, -atoms):
        assert symmetry.nearest(atoms.ravel(), other.ravel()).distance > 0.1


def test_about_the_origin_of_a_field():
    symmetry = AtomSymmetry(("A", "A"), translated=False)
    assert symmetry.n_zero_modes == 3
    atoms = np.array([[1.0, 0, 0], [0, 2.0, 0]])
    turn = Rotation.random(rng=np.random.default_rng(0)).as_matrix()
    assert symmetry.nearest(atoms.ravel(), (atoms @ turn).ravel()).distance < 1e-9
    assert symmetry.nearest(atoms.ravel(), (atoms + 1.0).ravel()).distance > 0.1


ALL = [
    AtomSymmetry((0,) * 5),
    AtomSymmetry(("A", "A", "B", "C"), mirrored=False),
    AtomSymmetry((0, 0, 1), dimension=2),
    AtomSymmetry((0, 0, 1), turned=False, cell=CELL),
    AtomSymmetry((0,), turned=False, translated=False, cell=CELL),
    AtomSymmetry((0, 0, 1), turned=False, translated=False, cell=CELL),
    AtomSymmetry((0, 0, 1), turned=False, translated=False),
    AtomSymmetry((0, 0, 1), turned=False),
    AtomSymmetry((0, 0, 1), translated=False),
]


@pytest.mark.parametrize("symmetry", ALL, ids=str)
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_fingerprints_of_near_points_are_near_and_copies_are_copies(symmetry, seed):
    a, b = np.random.default_rng(seed).normal(size=(2, symmetry.n_parameters)) * 2
    prints = symmetry.fingerprint([a, b])
    found = symmetry.nearest(a, b)
    assert np.linalg.norm(prints[0] - prints[1]) <= symmetry.stretch * found.distance * (1 + 1e-9)
    np.testing.assert_allclose(symmetry.fingerprint([np.asarray(found)]), prints[1:], atol=1e-9)
    assert np.linalg.norm(found.coordinates - a) == pytest.approx(found.distance)
    assert found.distance <= symmetry.nearest(a, b, tolerance=3.0).distance * (1 + 1e-9)
    assert symmetry_from(symmetry.description()) == symmetry


def test_orders_on_a_line():
    assert alike(LINE).group_order(LINE.ravel()) == 2
    assert alike(LINE).group_order(np.array([0.0, 0, 0, 1, 0, 0, 3, 0, 0])) == 1


def test_minima_of_a_cluster_are_different_points():
    cluster = LennardJones(7)
    for a, b in itertools.combinations(cluster.minima, 2):
        assert cluster.symmetry.nearest(a, b).distance > 0.1


def brute_force_distance(symmetry, a, b):
    """The shortest distance over all exchanges of like atoms, each with the best rotation: a slow reference."""
    d = symmetry.dimension
    fixed, moving = (x.reshape(-1, d) - x.reshape(-1, d).mean(axis=0) for x in (a, b))
    best = np.inf
    for labels in itertools.permutations(range(len(fixed))):
        if any(symmetry.species[i] != symmetry.species[k] for i, k in enumerate(labels)):
            continue
        other = moving[list(labels)]
        left, _, right = np.linalg.svd(fixed.T @ other)
        signs = np.ones(d)
        if not symmetry.mirrored:
            signs[-1] = np.sign(np.linalg.det(left @ right))
        best = min(best, float(np.linalg.norm(fixed - other @ (left @ np.diag(signs) @ right).T)))
    return best


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("species", ["AAAAA", "AAABB", "ABCCC"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_distances_of_different_clusters_are_nearly_those_of_brute_force(species, dimension, mirrored):
    symmetry = AtomSymmetry(tuple(species), dimension, mirrored=mirrored)
    for seed in range(3):
        a, b = np.random.default_rng(seed).normal(size=(2, 5 * dimension))
        shortest = brute_force_distance(symmetry, a, b)
        assert shortest * (1 - 1e-9) <= symmetry.nearest(a, b).distance <= 1.02 * shortest


@pytest.mark.parametrize("n_atoms", [2, 3, 6])
def test_zero_modes_are_directions_without_curvature(n_atoms):
    cluster = LennardJones(n_atoms)
    n_modes = cluster.symmetry.n_zero_modes
    modes = cluster.symmetry.zero_modes(cluster.minima)
    assert modes.shape == (len(cluster.minima), 3 * n_atoms, n_modes)
    hessians = local_expansions(cluster, cluster.minima)[2]
    np.testing.assert_allclose(
        np.einsum("npk,npl->nkl", modes, modes), np.eye(n_modes)[None].repeat(len(modes), 0), atol=1e-9
    )
    assert np.abs(hessians @ modes).max() < 1e-5


@pytest.mark.parametrize("scale", [1e-10, 1.0, 1e6])
def test_a_linear_cluster_has_one_zero_mode_fewer(scale):
    symmetry = AtomSymmetry((0, 0, 0))
    bent = np.array([0.0, 0, 0, 1, 0, 0, 2, 0.1, 0])
    modes = symmetry.zero_modes([LINE.ravel() * scale, bent * scale])
    assert (np.linalg.norm(modes, axis=1) > 0.5).sum(axis=1).tolist() == [5, 6]
    rank = [np.linalg.matrix_rank(m) for m in modes]
    assert rank == [5, 6]


def test_the_linear_trimer_is_a_saddle_with_all_its_modes():
    """Four vibrations: two stretches, and a bend that counts twice, downhill."""

    def slope(d):  # of twice the pair's energy at d and once at 2 d
        return sum(n * 4 * (-12 * x**-13 + 6 * x**-7) for n, x in ((2, d), (2, 2 * d)))

    d = brentq(slope, 1.0, 1.2, xtol=1e-15)
    cluster, chain = LennardJones(3), np.array([-d, 0, 0, 0, 0, 0, d, 0, 0])
    point = classify_stationary_point(cluster, chain)
    assert point.kind == "saddle of index 2"
    assert len(point.eigenvalues) == 4
    assert len(hessian_spectrum(cluster, chain, n_lowest=9).lowest) == 4
    # Together with a bent one, which has three vibrations.
    found, minimum = descend(cluster, [chain, cluster.minima[0] * 1.01])
    assert (found.index, found.outcome) == (2, "wrong index")
    assert [len(found.eigenvalues), len(minimum.eigenvalues)] == [4, 3]
    assert minimum.energy == pytest.approx(-3)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"species": ()}, "0 atoms in dimension 3"),
        ({"species": (1,), "dimension": 4}, "1 atoms in dimension 4"),
        ({"species": (1,), "cell": CELL}, "turned True"),
        ({"species": (1,), "turned": False, "cell": ((1.0, 0.0), (0.0, 1.0))}, "3 independent rows"),
        ({"species": (1,), "turned": False, "cell": ((1.0, 0, 0), (2.0, 0, 0), (0, 0, 1.0))}, "3 independent rows"),
    ],
)
def test_what_is_no_symmetry_is_refused(settings_, message):
    with pytest.raises(ValueError, match=message):
        AtomSymmetry(**settings_)


def test_points_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"a point of shape \(9,\) given; \(6,\) is expected"):
        AtomSymmetry((0, 0)).nearest(np.zeros(6), np.zeros(9))
