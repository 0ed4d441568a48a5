"""Symmetries that are none or periodic, and their descriptions."""

import json

import numpy as np
import pytest

from elsuite.symmetry import NoSymmetry, PeriodicSymmetry, UnitSymmetry, symmetry_from
from elsuite.symmetry.permutations import Axis, Block
from elsuite.symmetry.units import without_units

HIDDEN = Axis("hidden", flips=True)
UNITS = UnitSymmetry((Block((HIDDEN, None), (3, 2), "first"), Block((None, HIDDEN), (2, 3), "last")))


@pytest.mark.parametrize(
    "symmetry",
    [NoSymmetry(3), PeriodicSymmetry((1.0, None)), PeriodicSymmetry((1.0, 1.0), translated=True), UNITS],
    ids=["none", "periodic", "spins", "units"],
)
def test_descriptions_are_json_and_make_the_same_again(symmetry):
    assert symmetry_from(json.loads(json.dumps(symmetry.description()))) == symmetry


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"kind": "spins"}, "no symmetry 'spins'; there are: atoms, constrained, none, periodic, rigid bodies, units"),
        ({}, "no symmetry 'None'"),
        ({"kind": "periodic", "period": 3}, "of kind 'periodic' does not fit it"),
        ({"kind": "atoms", "species": [], "cell": None}, "0 atoms"),
    ],
)
def test_descriptions_that_fit_nothing(description, message):
    with pytest.raises(ValueError, match=message):
        symmetry_from(description)


def test_without_a_symmetry_a_point_is_its_own_copy_only():
    symmetry = NoSymmetry(2)
    points = np.array([[0.0, 1.0], [3.0, 5.0]])
    np.testing.assert_array_equal(symmetry.nearest(*points), points[1])
    np.testing.assert_array_equal(symmetry.fingerprint(points), points)
    assert symmetry.zero_modes(points).shape == (2, 2, 0)
    assert symmetry.group_order(points[0]) == 1


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_angles_count_modulo_their_period(offset):
    symmetry = PeriodicSymmetry((2 * np.pi, None, 10.0))
    a = np.array([3.0, 0.5, 9.0]) + offset
    b = np.array([-3.0 + 4 * np.pi, 0.7, 1.0 - 30.0]) + offset
    found = symmetry.nearest(a, b)
    assert found.distance == pytest.approx(np.sqrt((2 * np.pi - 6) ** 2 + 0.2**2 + 2.0**2))
    np.testing.assert_allclose(symmetry.fingerprint([np.asarray(found)]), symmetry.fingerprint([b]), atol=1e-9)
    prints = symmetry.fingerprint([a, b])
    assert np.linalg.norm(prints[0] - prints[1]) <= found.distance
    wrapped = symmetry.wrapped([a, b], [0.0, 0.0, 0.0])
    assert (wrapped[:, [0, 2]] >= 0).all()
    assert (wrapped[:, [0, 2]] < [2 * np.pi, 10.0]).all()
    np.testing.assert_allclose(wrapped[:, 1], [a[1], b[1]])
    low, high = np.array([0.0, offset, 0.0]), np.array([2 * np.pi, 1.0 + offset, 10.0])
    assert symmetry.within([a, b], low, high).tolist() == [True, True]
    assert symmetry.within([a + np.array([0, 2, 0])], low, high).tolist() == [False]


def test_a_period_is_positive():
    with pytest.raises(ValueError, match="periods"):
        PeriodicSymmetry((1.0, 0.0))


def test_units_are_a_symmetry():
    rng = np.random.default_rng(0)
    from elsuite.symmetry.permutations import apply, permute, random_element

    a = rng.normal(size=12)
    b = apply(UNITS, a, random_element(UNITS, 3))
    found = UNITS.nearest(a, b)
    assert found.distance == 0
    np.testing.assert_array_equal(permute(b, found.permutation), a)
    np.testing.assert_array_equal(UNITS.fingerprint([a]), UNITS.fingerprint([b]))
    assert without_units(UNITS) == NoSymmetry(12)
    assert without_units(PeriodicSymmetry((1.0,))) == PeriodicSymmetry((1.0,))


@pytest.mark.parametrize("seed", range(5))
def test_spins_turned_together_are_one(seed):
    """The best turn is as good as the best of many, and the zero mode is that turn."""
    rng = np.random.default_rng(seed)
    symmetry = PeriodicSymmetry((2 * np.pi, None, 2 * np.pi, 2 * np.pi, 2 * np.pi), translated=True)
    a, b = rng.uniform(-10, 10, (2, 5))
    found = symmetry.nearest(a, b)
    turning = np.array([1.0, 0, 1, 1, 1])
    plain = PeriodicSymmetry(symmetry.periods)
    turns = np.linspace(0, 2 * np.pi, 4001)
    tried = min(plain.nearest(a, b + turn * turning).distance for turn in turns)
    assert found.distance <= tried <= found.distance + 1e-2
    assert found.distance == pytest.approx(plain.nearest(a, found.coordinates).distance)
    copy = b + 1.234 * turning + np.array([2, 0, -4, 0, 8]) * np.pi
    assert symmetry.nearest(b, copy).distance < 1e-12
    np.testing.assert_allclose(symmetry.fingerprint([copy]), symmetry.fingerprint([b]), atol=1e-9)
    prints = symmetry.fingerprint([a, b])
    assert np.linalg.norm(prints[0] - prints[1]) <= symmetry.stretch * found.distance
    np.testing.assert_allclose(symmetry.zero_modes([a])[0, :, 0], turning / 2)
    mirrored = PeriodicSymmetry((2 * np.pi,) * 4, translated=True).nearest(a[[0, 2, 3, 4]], -a[[0, 2, 3, 4]])
    assert mirrored.distance > 1e-3


def test_only_equal_periods_move_together():
    with pytest.raises(ValueError, match="equal ones are expected"):
        PeriodicSymmetry((1.0, 2.0), translated=True)
    with pytest.raises(ValueError, match="equal ones are expected"):
        PeriodicSymmetry((None, None), translated=True)
