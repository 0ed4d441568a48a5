"""Which points are known: against searches through all, wherever the origin, in any units and any order."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from elsuite.symmetry import AtomSymmetry, NoSymmetry, PeriodicSymmetry, PointIndex, UnitSymmetry
from elsuite.symmetry.permutations import Axis, Block
from elsuite.symmetry.points import arrival_order

HIDDEN = Axis("hidden", flips=True)
SYMMETRIES = [
    NoSymmetry(12),
    AtomSymmetry((0, 0, 1, 1)),
    AtomSymmetry((0, 0, 0, 1, 1, 1), dimension=2),
    AtomSymmetry((0, 1, 1, 2), turned=False, cell=((3.0, 0.0, 0.0), (1.0, 3.0, 0.0), (0.0, 1.0, 4.0))),
    AtomSymmetry((0, 1, 1, 2), turned=False, translated=False),
    PeriodicSymmetry((1.0, None, 2.0) * 4),
    PeriodicSymmetry((1.0,) * 12, translated=True),
    UnitSymmetry((Block((HIDDEN, None), (3, 2)), Block((None, HIDDEN), (2, 3)))),
]
NAMES = ["none", "atoms", "atoms in the plane", "cell", "fixed atoms", "periodic", "spins", "units"]


def reference_match(symmetry, given_, known, tolerance):
    """The nearest pairs first, through all pairs."""
    pairs = []
    for (row, a), (number, b) in itertools.product(enumerate(given_), enumerate(known)):
        distance = symmetry.nearest(b, a).distance
        if distance <= tolerance:
            pairs.append((distance, row, number))
    ids = [-1] * len(given_)
    for _, row, number in sorted(pairs):
        if ids[row] < 0 and number not in ids:
            ids[row] = number
    return ids


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_found_as_by_a_search_through_all(symmetry, seed):
    rng = np.random.default_rng(seed)
    n = symmetry.n_parameters
    centers = rng.normal(size=(6, n))
    known = centers[rng.integers(0, 6, 12)] + 0.02 * rng.normal(size=(12, n))
    asked = centers[rng.integers(0, 6, 10)] + 0.02 * rng.normal(size=(10, n))
    index = PointIndex(symmetry, 0.12)
    index.extend(known)
    distances = np.array([[symmetry.nearest(b, a).distance for b in known] for a in asked])
    for point, own in zip(asked, distances, strict=True):
        assert index.find(point) == (int(own.argmin()) if own.min() <= 0.12 else None)
    found = index.match(asked)
    assert found.ids.tolist() == reference_match(symmetry, asked, known, 0.12)
    there = found.ids >= 0
    np.testing.assert_allclose(found.distances[there], distances[there, found.ids[there]], rtol=1e-9)
    assert 0 < there.sum() < 10
    blocks = index.match(block for block in (asked[:3], asked[3:]))
    assert blocks.ids.tolist() == found.ids.tolist()


@given(
    a=arrays(np.float64, st.tuples(st.integers(0, 8), st.just(2)), elements=st.integers(-3, 3), unique=False),
    b=arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.integers(-3, 3)),
    tolerance=st.sampled_from([0.0, 0.3, 1.0, 1.5]),
)
@settings(max_examples=100, deadline=None)
def test_matches_are_one_to_one_and_the_nearest(a, b, tolerance):
    index = PointIndex(NoSymmetry(2), tolerance)
    index.extend(a)
    found = index.match(b)
    assert found.ids.tolist() == reference_match(NoSymmetry(2), b, a, tolerance)
    taken = found.ids[found.ids >= 0].tolist()
    assert len(taken) == len(set(taken))


WHOLE = st.lists(st.integers(0, 40), min_size=2, max_size=25, unique=True)


@given(
    places=WHOLE,
    seed=st.integers(0, 99),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    origin=st.sampled_from([0.0, -7.0, 1e6]),
    name=st.sampled_from(NAMES[:2]),
)
@settings(max_examples=60, deadline=None)
def test_origin_units_and_order_of_arrival_change_nothing(places, seed, scale, origin, name):
    """Points 0.3 tolerances beside places that are 10 tolerances apart at least; sorted, every order gives the same."""
    symmetry = SYMMETRIES[NAMES.index(name)]
    rng = np.random.default_rng(seed)
    library = np.random.default_rng(1).random((41, 12)) * 3
    points = np.repeat(library[places], 3, axis=0)
    points += 1e-5 * rng.uniform(-0.3, 0.3, points.shape) / np.sqrt(12)
    energies = rng.integers(0, 3, len(points))

    def representatives(points, energies):
        index = PointIndex(symmetry, 1e-5 * scale)
        order = arrival_order(points, energies)
        numbers = {k: index.number(points[k]) for k in order}
        first = {}
        for k in order:
            first.setdefault(numbers[k], k)
        return [first[numbers[k]] for k in range(len(points))]

    plain = representatives(points * scale, energies)
    assert len(set(plain)) == len(places)
    assert representatives((points + origin) * scale, energies) == plain or origin == 1e6
    assert len(set(representatives((points + origin) * scale, energies))) == len(places)
    order = rng.permutation(len(points))
    shuffled = representatives((points * scale)[order], energies[order])
    assert [int(order[shuffled[k]]) for k in np.argsort(order)] == plain


def test_comparisons_grow_as_the_points_do():
    """20,000 random points: a search through all would compare 2e8 pairs."""
    rng = np.random.default_rng(0)
    counts = {}
    for n in (2_000, 20_000):
        points = rng.random((n, 12))
        again = points[rng.permutation(n)[: n // 4]] + 1e-9
        index = PointIndex(NoSymmetry(12), 1e-6)
        assert [index.number(point) for point in points] == list(range(n))
        assert (index.match(again).ids >= 0).all()
        counts[n] = index.n_compared
    assert n / 4 <= counts[20_000] <= 20_000
    assert counts[20_000] <= 12 * counts[2_000]


def test_points_that_projections_cannot_tell_apart():
    """More coordinates than projections: two points with one projection are two."""
    index = PointIndex(NoSymmetry(12), 1e-6)
    index.add(np.zeros(12))
    directions = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 8)))[0]
    hidden = np.linalg.qr(np.concatenate([directions, np.eye(12)], axis=1))[0][:, 8]
    assert np.abs(hidden @ directions).max() < 1e-9
    assert index.find(hidden) is None
    assert index.number(hidden) == 1
    assert index.find(np.zeros(12)) == 0


def test_points_may_stay_where_they_are():
    points = np.random.default_rng(0).random((200, 20))
    read = []
    index = PointIndex(NoSymmetry(20), 1e-6, read=lambda numbers: read.extend(numbers.tolist()) or points[numbers])
    index.extend(points)
    assert [index.find(point) for point in points[::-1]] == list(range(200))[::-1]
    assert len(read) == 200
    assert index.points.shape == (200, 20) or not index.points.size


def test_copies_of_clusters_are_found_again():
    symmetry = AtomSymmetry((0,) * 6)
    known = PointIndex(symmetry, 1e-5)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 18))
    assert [known.number(point) for point in points] == list(range(40))
    for k, point in enumerate(points):
        atoms = point.reshape(-1, 3)[rng.permutation(6)] * [1, 1, -1] + 3.0
        assert known.find(atoms.ravel()) == k
    assert known.find(rng.normal(size=18)) is None
    assert len(known) == 40
    np.testing.assert_array_equal(known.points, points)


def test_equal_distances_are_decided_by_what_is_given():
    index = PointIndex(NoSymmetry(1), 1.0)
    index.extend([[-0.5], [0.5]])
    energies, own = np.array([-1.0, -1.5]), np.array([-1.5])
    found = index.match(np.array([[0.0]]), ties=lambda rows, numbers: [np.abs(own[rows] - energies[numbers])])
    assert found.ids.tolist() == [1]
    none = index.match(np.array([[0.0]]), ties=lambda rows, numbers: [np.full(len(rows), np.inf)])
    assert none.ids.tolist() == [-1]


BAD = [
    (lambda: PointIndex(NoSymmetry(2), -1.0), "tolerance -1.0 given"),
    (lambda: PointIndex(NoSymmetry(2), np.nan), "tolerance nan given"),
    (lambda: PointIndex(NoSymmetry(2), 0.1).add([1.0]), r"points of shape \(1, 1\) given; \(n_points, 2\)"),
    (lambda: PointIndex(NoSymmetry(1), 0.1).find([np.nan]), "not finite"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
