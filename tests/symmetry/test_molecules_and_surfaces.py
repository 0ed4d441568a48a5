"""Atoms of molecules, on surfaces, in cells that repeat along some directions, and on frames that have operations."""

import itertools
import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from elsuite.symmetry import AtomSymmetry, ConstrainedSymmetry, PointIndex, symmetry_from

WATERS = (((0, 1, 2), (3, 4, 5)), (1, 2), (4, 5))
QUARTER = (((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)), (0.0, 0.0, 0.0))
SHIFT = (((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), (1.0, 0.0, 0.0))


def turned(atoms, order, seed):
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    return (atoms[list(order)] @ turn.T + [1.0, -2.0, 3.0]).ravel()


def test_two_molecules_of_water():
    """Eight permutations exchange the molecules and the hydrogens of each; by species alone there are 48."""
    atoms = np.random.default_rng(1).normal(size=(6, 3))
    molecules, species = (AtomSymmetry(("O", "H", "H") * 2, groups=groups) for groups in (WATERS, None))
    n_same = 0
    for oxygen in ((0, 3), (3, 0)):
        for hydrogen in itertools.permutations((1, 2, 4, 5)):
            order = [oxygen[0], *hydrogen[:2], oxygen[1], *hydrogen[2:]]
            image = turned(atoms, order, 7)
            together = set(order[:3]) in ({0, 1, 2}, {3, 4, 5})
            found = molecules.nearest(atoms.ravel(), image)
            assert (found.distance < 1e-9) == together
            assert species.nearest(atoms.ravel(), image).distance < 1e-9
            if together:
                n_same += 1
                np.testing.assert_allclose(found.coordinates, atoms.ravel(), atol=1e-9)
                prints = molecules.fingerprint([image, atoms.ravel()])
                np.testing.assert_allclose(prints[0], prints[1], atol=1e-9)
    assert n_same == 8


def test_groups_are_the_best_of_all_permutations():
    """Against all eight, where nothing is turned."""
    symmetry = AtomSymmetry(("O", "H", "H") * 2, groups=WATERS, turned=False, translated=False)
    eight = [
        [m[0], *h, n[0], *k]
        for m, n in itertools.permutations([(0, 1, 2), (3, 4, 5)])
        for h in itertools.permutations(m[1:])
        for k in itertools.permutations(n[1:])
    ]
    for seed in range(20):
        a, b = np.random.default_rng(seed).normal(size=(2, 6, 3))
        best = min(np.linalg.norm(a - b[order]) for order in eight)
        assert symmetry.nearest(a.ravel(), b.ravel()).distance == pytest.approx(best)
        prints = symmetry.fingerprint([a.ravel(), b.ravel()])
        assert np.linalg.norm(prints[0] - prints[1]) <= symmetry.stretch * best


def test_a_molecule_keeps_its_handedness_where_asked():
    """Bromochlorofluoromethane, and a methyl group whose three hydrogens may be exchanged, the rest not."""
    atoms = np.array([[0.0, 0, 0], [1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) * [[1], [1], [1.1], [1.2], [1.3]]
    mirror = (atoms * [-1, 1, 1]).ravel()
    for mirrored in (True, False):
        own = AtomSymmetry(("C", "H", "F", "Cl", "Br"), mirrored=mirrored)
        assert (own.nearest(atoms.ravel(), mirror).distance < 1e-9) == mirrored
    methyl = AtomSymmetry(("C", "H", "H", "H", "H"), groups=((1, 2, 3),), mirrored=False)
    assert methyl.nearest(atoms.ravel(), turned(atoms, (0, 2, 3, 1, 4), 3)).distance < 1e-9
    assert methyl.nearest(atoms.ravel(), turned(atoms, (0, 2, 4, 3, 1), 3)).distance > 1e-3


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (((0, 1),), "of different species"),
        (((1, 9),), "atoms from 0 to 5"),
        ((((0, 1, 2), (3, 4)),), "members of one size"),
        ((((0, 1, 2), (3, 4, 5)), (1, 2)), "with corresponding groups"),
        ((((0, 1), (3, 4)), (1, 2)), "in no other group"),
        (("ab",), "lists of atoms"),
    ],
)
def test_groups_that_do_not_fit(groups, message):
    with pytest.raises(ValueError, match=message):
        AtomSymmetry(("O", "H", "H") * 2, groups=groups)


SURFACE = ((3.0, 0.0, 0.0), (0.0, 3.0, 0.0))


def test_a_surface_repeats_along_two_directions():
    symmetry = AtomSymmetry(("A", "B"), turned=False, translated=False, cell=SURFACE)
    point = np.array([0.1, 0.2, 0.3, 1.0, 1.1, 1.2])
    assert symmetry.nearest(point, point + np.array([3, -6, 0, 0, 9, 0])).distance < 1e-12
    assert symmetry.nearest(point, point + np.array([0, 0, 3, 0, 0, 0])).distance == pytest.approx(3.0)
    assert symmetry.nearest(point, point + np.array([2.9, 0, 0.1, 0, 0, 0])).distance == pytest.approx(0.02**0.5)
    assert symmetry.n_zero_modes == 0
    low, high = np.tile([-9.0, -9, 0], 2), np.tile([9.0, 9, 2], 2)
    assert symmetry.within(
        [point, point + np.array([90, 0, 0, 0, 0, 0]), point + np.array([0, 0, 3, 0, 0, 0])], low, high
    ).tolist() == [True, True, False]
    rng = np.random.default_rng(0)
    for _ in range(20):
        a = rng.normal(size=6)
        b = a + 0.3 * rng.normal(size=6)
        prints = symmetry.fingerprint([a, b])
        assert np.linalg.norm(prints[0] - prints[1]) <= symmetry.stretch * symmetry.nearest(a, b).distance * (1 + 1e-9)


@pytest.mark.parametrize("cell", [None, SURFACE])
@pytest.mark.parametrize("species", [("A",), ("A", "A", "B")])
def test_copies_by_the_operations_of_a_frame_are_one(cell, species):
    operations = (QUARTER,) if cell is None else (QUARTER, SHIFT)
    n_operations = 4 if cell is None else 36
    symmetry = AtomSymmetry(species, turned=False, translated=False, cell=cell, operations=operations)
    plain = AtomSymmetry(species, turned=False, translated=False, cell=cell)
    rng = np.random.default_rng(2)
    point = rng.uniform(0.2, 0.9, (len(species), 3))
    index, kept = PointIndex(symmetry, 1e-6), PointIndex(plain, 1e-6)
    for k, (i, j) in itertools.product(range(4), itertools.product(range(3), repeat=2)):
        image = point.copy()
        for _ in range(k):
            image = image @ np.array(QUARTER[0]).T
        image += [i, j, 0] if cell else [0, 0, 0]
        assert index.number(image.ravel()) == 0
        kept.number(image.ravel())
    assert len(kept) == n_operations
    assert index.number((point + np.array([0.0, 0.0, 0.1])).ravel()) == 1
    for _ in range(10):
        b = point + 0.2 * rng.normal(size=point.shape)
        prints = symmetry.fingerprint([point.ravel(), b.ravel()])
        distance = symmetry.nearest(point.ravel(), b.ravel()).distance
        assert np.linalg.norm(prints[0] - prints[1]) <= symmetry.stretch * distance * (1 + 1e-9)
    center = np.tile([0.0, 0.0, 0.5], (len(species), 1)) + np.arange(len(species))[:, None] * [0, 0, 1.0]
    assert symmetry.group_order(center.ravel()) == 4


def test_operations_of_a_lattice_that_moves():
    """Two atoms in a square cell: their difference may be turned by a quarter."""
    square = ((2.0, 0.0), (0.0, 2.0))
    quarter = (((0.0, -1.0), (1.0, 0.0)), (0.0, 0.0))
    given, none = (
        AtomSymmetry(("A", "B"), 2, turned=False, cell=square, operations=operations)
        for operations in ((quarter,), None)
    )
    a, b = np.array([0.0, 0, 0.3, 0.1]), np.array([5.0, 1, 4.9, 1.3])
    assert given.nearest(a, b).distance < 1e-12
    assert none.nearest(a, b).distance > 0.1


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        (((((1.0, 0.0), (0.0, 2.0)), (0.0, 0.0)),), "a rotation or reflection of 2 rows"),
        (((((0.6, -0.8), (0.8, 0.6)), (0.0, 0.0)),), "keeps the lattice"),
        (((((1.0, 0.0), (0.0, 1.0)), (0.1234567, 0.0)),), "a finite group"),
    ],
)
def test_operations_that_do_not_fit(operations, message):
    with pytest.raises(ValueError, match=message):
        AtomSymmetry(("A",), 2, turned=False, translated=False, cell=((2.0, 0.0), (0.0, 2.0)), operations=operations)
    with pytest.raises(ValueError, match="a frame that is not turned"):
        AtomSymmetry(("A",), 2, operations=operations)


FREE = AtomSymmetry(("A", "A"), turned=False, translated=False)


@pytest.mark.parametrize(
    "symmetry",
    [
        AtomSymmetry(("O", "H", "H") * 2, groups=WATERS),
        AtomSymmetry(("A", "B"), turned=False, translated=False, cell=SURFACE, operations=(QUARTER, SHIFT)),
        ConstrainedSymmetry(FREE, ((0.6, 0.8, 0, 0, 0, 0), (0, 0, 0, 0.6, 0.8, 0)), (0.0, 0, 1, 0, 0, 2)),
    ],
)
def test_descriptions_make_the_same_again(symmetry):
    assert symmetry_from(json.loads(json.dumps(symmetry.description()))) == symmetry


def test_what_symmetries_of_earlier_versions_say_is_unchanged():
    said = AtomSymmetry(("A", "B")).description()
    assert list(said) == ["kind", "species", "dimension", "turned", "mirrored", "translated", "cell"]


def icosahedron():
    golden = (1 + 5**0.5) / 2
    tips = [np.roll([0.0, s, t * golden], k) for k in range(3) for s, t in itertools.product((1, -1), repeat=2)]
    return np.vstack([*tips, np.zeros(3)])


def test_the_icosahedron_is_laid_over_itself_and_near_copies_stay_apart():
    """Turned, relabeled and mirrored it is within 1e-6; moved by 1e-4 it is another point at just that distance."""
    atoms, symmetry = icosahedron(), AtomSymmetry((0,) * 13)
    rng = np.random.default_rng(5)
    for seed in range(20):
        image = turned(atoms * [(-1) ** seed, 1, 1], rng.permutation(13), seed)
        assert symmetry.nearest(atoms.ravel(), image).distance < 1e-6
        moves = rng.normal(size=(13, 3))
        moves -= moves.mean(axis=0)
        moves *= 1e-4 / np.linalg.norm(moves)
        near = turned((atoms + moves) * [(-1) ** seed, 1, 1], rng.permutation(13), seed)
        distance = symmetry.nearest(atoms.ravel(), near).distance
        assert 1e-5 < distance <= 1e-4 * (1 + 1e-9)
        index = PointIndex(symmetry, 1e-5)
        assert [index.number(p) for p in (atoms.ravel(), near, image, near)] == [0, 1, 0, 1]
