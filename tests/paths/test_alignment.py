"""Alignment: the nearest copy found, the function unchanged, against brute force."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from elsuite import LandscapeDatabase
from elsuite.core.outcomes import Outcome
from elsuite.exploration import connect_minima
from elsuite.landscapes import FunctionLandscape, LennardJones, NeuralLandscape
from elsuite.landscapes.networks.architectures import ARCHITECTURES, FullyConnected
from elsuite.paths import LinearPathFinder
from elsuite.paths.alignment import align, align_all
from elsuite.symmetry import AtomSymmetry, PeriodicSymmetry
from elsuite.symmetry.permutations import Axis, Block, apply, inverse, permute, random_element
from elsuite.symmetry.points import PointIndex
from elsuite.symmetry.units import UnitSymmetry, best_assignment, match_activations, match_weights

pytestmark = pytest.mark.making

DTYPES = [torch.float32, torch.float64]
TINY = {
    "fcp": {"image": (3, 3), "hidden": (3, 3), "n_outputs": 2},
    "fcp, tanh": {"image": (3, 3), "hidden": (3, 3), "n_outputs": 2, "activation": "tanh", "bias": True},
    "autoencoder": {"image": (2, 2), "hidden": (3, 2, 3)},
    "lenet": {"image": (12, 12), "hidden": (3, 3), "channels": (2, 3), "n_outputs": 2},
    "lstm": {"image": (3, 3), "hidden": 3, "n_outputs": 2},
}


def landscape_of(module, image=(28, 28), dtype=torch.float64, n_samples=10):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.rand(n_samples, *image, generator=generator)
    with torch.no_grad():
        targets = torch.rand(module(inputs).shape, generator=generator)
    return NeuralLandscape(module, nn.MSELoss(), inputs, targets, dtype=dtype)


def tiny_landscape(name, dtype=torch.float64):
    options = TINY[name]
    return landscape_of(ARCHITECTURES[name.split(",")[0]](**options), options["image"], dtype)


def random_points(landscape, n_points, seed=0):
    rng = np.random.default_rng(seed)
    points = 0.5 * rng.normal(size=(n_points, landscape.n_parameters))
    return points.astype(str(landscape.dtype).removeprefix("torch."))


def all_elements(symmetry):
    """Every element, by brute force."""
    return itertools.product(
        *(
            [
                np.array(order) * np.array(signs)
                for order in itertools.permutations(range(1, group.size + 1))
                for signs in itertools.product(*[(1, -1) if group.flips else (1,)] * group.size)
            ]
            for group in symmetry.groups
        )
    )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("method", ["weights", "activations"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_own_copies_are_recovered(name, method, dtype):
    landscape = landscape_of(ARCHITECTURES[name](), dtype=dtype)
    for seed in range(3):
        (point,) = random_points(landscape, 1, seed)
        copy = apply(landscape.symmetry, point, random_element(landscape.symmetry, seed))
        found = align(landscape, point, copy, method=method)
        assert found.distance_before > 1
        assert found.distance_after == 0
        assert found.outcome is Outcome.CONVERGED
        np.testing.assert_array_equal(found.coordinates, point)
        np.testing.assert_array_equal(apply(landscape.symmetry, copy, found.element), point)


@pytest.mark.parametrize("name", ["fcp", "fcp, tanh", "autoencoder", "lenet", "lstm"])
def test_copies_of_initial_points_are_recovered(name):
    options = {"activation": "tanh"} if "tanh" in name else {}
    landscape = landscape_of(ARCHITECTURES[name.split(",")[0]](**options), dtype=torch.float32, n_samples=3)
    for seed, point in enumerate(landscape.initial_points(range(8))):
        copy = apply(landscape.symmetry, point, random_element(landscape.symmetry, seed))
        assert match_weights(landscape.symmetry, point, copy).distance == 0


@pytest.mark.parametrize("name", TINY)
def test_disturbed_copies_come_back(name):
    landscape = tiny_landscape(name)
    for seed in range(5):
        point, noise = random_points(landscape, 2, seed)
        copy = apply(landscape.symmetry, point + 1e-3 * noise, random_element(landscape.symmetry, seed))
        found = align(landscape, point, copy)
        assert found.distance_after == pytest.approx(1e-3 * np.linalg.norm(noise), rel=1e-9)


@pytest.mark.parametrize("name", TINY)
def test_against_brute_force(name):
    landscape = tiny_landscape(name)
    symmetry = landscape.symmetry
    elements = list(all_elements(symmetry))
    for seed in range(3):
        a, b = random_points(landscape, 2, seed)
        nearest = min(np.linalg.norm(a - apply(symmetry, b, element)) for element in elements)
        assert match_weights(symmetry, a, b, restarts=30).distance == pytest.approx(nearest, rel=1e-12)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("method", ["weights", "activations"])
@pytest.mark.parametrize("name", TINY)
def test_what_an_alignment_says_is_true(name, method, dtype):
    landscape = tiny_landscape(name, dtype)
    for seed in range(3):
        a, b = random_points(landscape, 2, seed)
        found = align(landscape, a, b, method=method, seed=seed)
        energies = landscape.energy(torch.as_tensor(np.stack([b, found.coordinates])))
        tolerance = 1e-12 if dtype is torch.float64 else 1e-5
        assert energies[1].item() == pytest.approx(energies[0].item(), rel=tolerance, abs=tolerance)
        assert found.energy_difference == (energies[1] - energies[0]).item()
        assert found.permutation.dtype == np.int32
        assert found.coordinates.dtype == b.dtype
        np.testing.assert_array_equal(permute(b, found.permutation), found.coordinates)
        np.testing.assert_array_equal(permute(found.coordinates, inverse(found.permutation)), b)
        assert found.distance_before == pytest.approx(np.linalg.norm(a.astype(float) - b))
        assert found.distance_after == pytest.approx(np.linalg.norm(a.astype(float) - found.coordinates))
        if method == "weights":
            assert found.distance_after <= found.distance_before


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), restarts=st.integers(0, 3), name=st.sampled_from(sorted(TINY)))
def test_more_starts_are_never_worse_and_the_same_seed_is_the_same(seed, restarts, name):
    symmetry = SYMMETRIES[name]
    a, b = np.random.default_rng(seed).normal(size=(2, symmetry.n_parameters))
    few = match_weights(symmetry, a, b, restarts=restarts, seed=seed)
    more = match_weights(symmetry, a, b, restarts=restarts + 1, seed=seed)
    again = match_weights(symmetry, a, b, restarts=restarts, seed=seed)
    assert more.distance <= few.distance <= np.linalg.norm(a - b)
    assert again.distance == few.distance
    assert all(np.array_equal(x, y) for x, y in zip(again.element, few.element, strict=True))


SYMMETRIES = {name: tiny_landscape(name).symmetry for name in TINY}


@given(seed=st.integers(0, 2**32), size=st.integers(1, 4))
def test_assignments_against_brute_force(seed, size):
    plus, minus = np.random.default_rng(seed).normal(size=(2, size, size))
    gain = {1: plus, -1: minus}
    best = max(
        sum(gain[sign][i, j] for i, (j, sign) in enumerate(zip(order, signs, strict=True)))
        for order in itertools.permutations(range(size))
        for signs in itertools.product((1, -1), repeat=size)
    )
    found = best_assignment(plus, minus)
    total = sum(gain[np.sign(p)][i, abs(p) - 1] for i, p in enumerate(found))
    assert total == pytest.approx(best, rel=1e-12, abs=1e-12)


def test_units_with_equal_weights_are_no_hindrance():
    landscape = tiny_landscape("fcp, tanh")
    (point,) = random_points(landscape, 1)
    point[:9] = 0  # a dead unit
    point[9:18] = point[18:27]  # and two with the same inputs
    for seed in range(10):
        copy = apply(landscape.symmetry, point, random_element(landscape.symmetry, seed))
        assert align(landscape, point, copy).distance_after == 0


def test_activations_that_never_change_are_no_hindrance():
    symmetry = SYMMETRIES["fcp"]
    rng = np.random.default_rng(0)
    values = {group.name: rng.normal(size=(group.size, 20)) for group in symmetry.groups}
    values["layers.0"][1] = 3.0
    first, second = match_activations(symmetry, values, {name: v[::-1] for name, v in values.items()})
    assert first.tolist() == [3, 2, 1]
    assert second.tolist() == [3, 2, 1]


def test_many_points_are_aligned_to_one():
    landscape = tiny_landscape("lstm")
    reference, *others = random_points(landscape, 4)
    copies = [apply(landscape.symmetry, p, random_element(landscape.symmetry, k)) for k, p in enumerate(others)]
    aligned = align_all(landscape, reference, torch.as_tensor(np.array(copies)))
    for one, other in zip(aligned, others, strict=True):
        np.testing.assert_array_equal(one.coordinates, align(landscape, reference, other).coordinates)


def test_permuted_copies_are_recognized():
    landscape = tiny_landscape("lenet")
    point, other = random_points(landscape, 2)
    copy = apply(landscape.symmetry, point + 1e-6, random_element(landscape.symmetry, 7))
    for tolerance, expected in ((1e-3, 0), (1e-7, None)):
        known = PointIndex(landscape.symmetry, tolerance)
        known.add(point)
        assert known.find(copy) == expected
        assert known.find(other) is None
        # The same values at places that no renaming of units exchanges.
        assert known.find(point[::-1]) is None


class Forgetful(nn.Module):
    """Declares its hidden units, but forgets their biases."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, inputs):
        return self.last(torch.tanh(self.first(inputs.flatten(1))))

    def unit_axes(self):
        hidden = Axis("hidden")
        return {"first.weight": Block((hidden, None)), "last.weight": Block((None, hidden))}


def test_a_wrong_declaration_is_found():
    landscape = landscape_of(Forgetful(), (2, 2))
    point, other = random_points(landscape, 2)
    with pytest.raises(ValueError, match=r"the copy changes the energy from .* declared is none of this landscape"):
        align(landscape, point, other)


def test_a_symmetry_may_be_given_to_any_landscape():
    landscape = FunctionLandscape(lambda x: ((x**2 - 1) ** 2).sum(dim=1), 3)
    mirrored = UnitSymmetry((Block((Axis("coordinates", flips=True),), (3,)),))
    found = align(landscape, [0.9, 1.0, -1.1], [-1.0, 1.1, 0.9], symmetry=mirrored)
    assert found.coordinates.tolist() == [0.9, 1.0, -1.1]
    assert found.permutation.tolist() == [3, -1, -2]
    with pytest.raises(ValueError, match="nothing to align"):
        align(landscape, [0.9, 1.0, -1.1], [-1.0, 1.1, 0.9])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "names"}, "method 'names' given; 'weights' or 'activations'"),
        ({"b": np.zeros(3)}, r"a point of shape \(3,\) given; \(39,\) is expected"),
        ({"b": np.full(39, np.nan)}, "not finite"),
        ({"symmetry": UnitSymmetry(())}, "a symmetry of 0 parameters given; the landscape has 39"),
        ({"method": "activations", "b": np.full(39, np.inf)}, "not finite"),
    ],
)
def test_bad_input_is_refused(change, message):
    landscape = landscape_of(FullyConnected(image=(2, 3), hidden=(3, 3), n_outputs=4), (2, 3))
    given_ = {"a": np.zeros(39), "b": np.zeros(39)} | change
    with pytest.raises(ValueError, match=message):
        align(landscape, given_.pop("a"), given_.pop("b"), **given_)


def test_activations_need_a_network():
    landscape = FunctionLandscape(lambda x: (x**2).sum(dim=1), 2)
    with pytest.raises(ValueError, match="needs a network"):
        align(landscape, [0.0, 1.0], [1.0, 0.0], method="activations")


def test_clusters_are_aligned_by_the_symmetry_of_their_landscape():
    cluster = LennardJones(6)
    point = cluster.minima[1]
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    copy = ((point.reshape(-1, 3) @ turn)[[3, 1, 0, 5, 4, 2]] + [5.0, 1.0, 0.0]).ravel()
    found = align(cluster, point, copy)
    assert found.distance_before > 1
    assert found.distance_after < 1e-9
    assert found.permutation is None
    assert abs(found.energy_difference) < 1e-9
    with pytest.raises(ValueError, match="needs a network"):
        align(cluster, point, copy, method="activations")


def test_angles_are_aligned_by_whole_periods():
    turning = FunctionLandscape(lambda x: x.cos().sum(1), 2, symmetry=PeriodicSymmetry((2 * np.pi, 2 * np.pi)))
    found = align(turning, [3.0, 0.0], [-3.0, 0.1])
    np.testing.assert_allclose(found.coordinates, [2 * np.pi - 3.0, 0.1])


def test_a_wrong_symmetry_of_atoms_is_found():
    """All atoms are said to be alike, and are not."""
    weights = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)

    def energy(x):
        atoms = x.view(-1, 3, 3)
        return (weights * (atoms - atoms.mean(1, keepdim=True)).norm(dim=-1)).sum(-1)

    landscape = FunctionLandscape(energy, 9, symmetry=AtomSymmetry((0, 0, 0)))
    point = np.array([0.0, 0, 0, 1, 0, 0, 0, 3, 0])
    with pytest.raises(ValueError, match="declared is none of this landscape"):
        align(landscape, point, point.reshape(3, 3)[[1, 0, 2]].ravel())


def test_where_there_is_nothing_to_align_it_is_refused():
    single = landscape_of(nn.Sequential(nn.Flatten(), nn.Linear(9, 2)), (3, 3))
    plain = FunctionLandscape(lambda points: (points**2).sum(axis=1), n_parameters=3)
    for landscape, words in [
        (single, r"interchangeable \(a module declares them by `unit_axes\(\)`\)"),
        (plain, "`symmetry`"),
    ]:
        a, b = random_points(landscape, 2)
        with pytest.raises(ValueError, match=f"nothing to align: .*{words}"):
            align(landscape, a, b)
        with LandscapeDatabase.create(None, landscape) as database:
            energies = np.array(landscape.energies_on_all_surfaces(torch.as_tensor(np.stack([a, b]))))
            database.add(minima={"coordinates": np.stack([a, b]), "energy": energies})
            with pytest.raises(ValueError, match=f"align: given 'weights', nothing to align: .*{words}"):
                connect_minima(database, landscape, LinearPathFinder(), [(0, 1)], align="weights")
    assert align(tiny_landscape("fcp"), *random_points(tiny_landscape("fcp"), 2)).message.startswith("fixed point")
