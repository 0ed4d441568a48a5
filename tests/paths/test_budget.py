"""The byte budget of a landscape bounds what is in memory together, and changes no result beyond rounding."""

import copy

import cases
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elsuite.landscapes import SixHumpCamel
from elsuite.landscapes.base import DataLandscape, Landscape, parts_at_once, points_at_once
from elsuite.paths import BezierPathFinder, FourierPathFinder, Path, SineBasis, measure
from elsuite.paths.exact import SMALLEST_SHARE, _Evaluation, _Target

pytestmark = pytest.mark.making

BUDGETS = {"one byte": 1, "10 kB": 10_000}
FINDERS = cases.PATH_FINDERS | {
    "bezier, exact rounds": cases.finder("bezier", n_points=21, n_steps=4, max_rounds=3, tolerance=0.0),
    "squares": cases.finder("fourier", n_points=21, n_steps=4, max_rounds=1, power=2.0),
    "published": cases.finder("fourier", n_points=21, n_steps=4, tolerance=None, points_per_step=None, decay=0.0),
}


class Watched(DataLandscape):
    """A landscape that says how many points it was asked for together."""

    def __init__(self, landscape, budget):
        self._landscape, self.byte_budget, self.most = landscape, budget, 0
        for name in ("n_parameters", "surfaces", "surface", "dtype", "device", "energy_floor"):
            setattr(self, name, getattr(landscape, name))

    @property
    def n_samples(self):
        return self._landscape.n_samples

    def energy(self, points):
        self.most = max(self.most, len(points))
        return self._landscape.energy(points)

    def energy_and_gradient(self, points):
        self.most = max(self.most, len(points))
        return self._landscape.energy_and_gradient(points)

    def on(self, surface):
        return self

    def initial_points(self, seeds):
        return self._landscape.initial_points(seeds)

    def minibatch(self, indices):
        watched = self

        class Part(Watched):
            def energy_and_gradient(self, points):
                watched.most = max(watched.most, len(points))
                return self._landscape.energy_and_gradient(points)

            def of_points(self, points):
                return Part(self._landscape.of_points(points), self.byte_budget)

        return Part(self._landscape.minibatch(indices), self.byte_budget)


@pytest.fixture(scope="module")
def network():
    return cases.LANDSCAPES["fcp"]()


def with_budget(landscape, budget):
    other = copy.copy(landscape)
    object.__setattr__(other, "byte_budget", budget)
    return other


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
@pytest.mark.parametrize("name", FINDERS)
def test_a_search_is_the_same_with_any_budget(network, name, budget):
    ends = network.initial_points([0, 1])
    usual = FINDERS[name]().find(network, *ends, seed=3)
    found = FINDERS[name]().find(with_budget(network, budget), *ends, seed=3)
    assert found.outcome == usual.outcome
    assert found.n_point_gradients == usual.n_point_gradients
    np.testing.assert_allclose(found.profile, usual.profile, rtol=1e-7)
    assert found.refined_height == pytest.approx(usual.refined_height, rel=1e-7)
    assert found.length == pytest.approx(usual.length, rel=1e-7)


@pytest.mark.parametrize("finder", [BezierPathFinder, FourierPathFinder], ids=lambda finder: finder.name)
def test_no_more_points_are_in_memory_than_the_budget_has_room_for(network, finder):
    whole, tight = Watched(network, 2**30), Watched(network, 1)
    for watched in (whole, tight):
        finder(n_points=21, n_steps=4, max_rounds=3, tolerance=0.0).find(watched, *network.initial_points([0, 1]))
    assert whole.most >= 21
    assert tight.most == 1


@settings(max_examples=25, deadline=None)
@given(budget=st.integers(1, 2**14), n_points=st.integers(3, 30))
def test_heights_do_not_depend_on_the_budget(network, budget, n_points):
    start, end = network.initial_points([0, 1])
    path = Path(start, end, SineBasis(2), 0.1 * torch.stack([start, end]))
    usual, found = (measure(path, shown, n_points) for shown in (network, with_budget(network, budget)))
    np.testing.assert_allclose(found.profile, usual.profile, rtol=1e-12)
    assert found.refined_height == pytest.approx(usual.refined_height, rel=1e-9)


@given(budget=st.integers(1, 10**6), n_points=st.integers(1, 100), vectors=st.integers(1, 9))
def test_parts_are_all_points_once_in_their_order(budget, n_points, vectors):
    camel = with_budget(SixHumpCamel(), budget)
    parts = parts_at_once(camel, n_points, vectors=vectors)
    assert [k for part in parts for k in range(n_points)[part]] == list(range(n_points))
    longest = max(part.stop - part.start for part in parts)
    assert longest == 1 or longest * vectors * 2 * 8 <= budget
    assert longest == min(n_points, points_at_once(camel, vectors=vectors))


def test_every_landscape_has_a_budget():
    assert Landscape.byte_budget == 2**30
    assert cases.network("fcp", hidden=(3,), byte_budget=2**20)().byte_budget == 2**20
    minibatch = cases.network("fcp", hidden=(3,), byte_budget=2**20)().minibatch(torch.tensor([0]))
    assert minibatch.byte_budget == 2**20


class Levels(Landscape):
    """Energies that are what they are set to, with the points themselves for gradients."""

    def __init__(self, energies):
        self.energies, self.dtype, self.device, self.n_calls = energies, torch.float64, torch.device("cpu"), 0
        self.n_parameters, self.surfaces, self.surface = 3, ("energy",), "energy"

    def energy(self, points):
        return self.energies

    def energy_and_gradient(self, points):
        self.n_calls += 1
        part = self.energies[self.begin : self.begin + len(points)]
        self.begin = (self.begin + len(points)) % len(self.energies)
        return part, points

    begin = 0

    def on(self, surface):
        return self

    def initial_points(self, seeds):
        return torch.zeros(len(seeds), 3)


@pytest.mark.parametrize("floor", [None, 0.0])
@pytest.mark.parametrize("lowest", [0.5, 1e-9, 1e-15, 0.0])
@pytest.mark.parametrize("highest", [2.0, 1e5])
def test_slopes_of_exact_rounds_are_those_of_all_points_together(floor, lowest, highest):
    """Where an energy is next to the floor or far over the start's, the shares of slopes say nothing."""
    landscape = Levels(torch.tensor([1.0, lowest, highest, 0.3], dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    weights, spanning = (torch.rand(n, m, generator=generator, dtype=torch.float64) for n, m in ((4, 4), (4, 3)))
    target, moved = _Target(floor, 2.0, 2.0), torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    values, gradients = [], []
    for in_parts in (False, True):
        landscape.byte_budget = 1 if in_parts else 2**30
        evaluate = _Evaluation(landscape, weights, spanning.clone(), target, moved, 0.5, in_parts)
        values.append(evaluate())
        gradients.append(moved.grad.clone())
    assert values[0] == values[1]
    assert torch.allclose(*gradients, rtol=1e-12)
    twice = lowest <= SMALLEST_SHARE * highest if floor == 0.0 else highest > 100
    assert landscape.n_calls == 1 + 4 * (2 if twice else 1)


def test_the_spread_of_starts_does_not_depend_on_the_budget():
    from elsuite.landscapes import LennardJones

    cluster = LennardJones(7)
    usual = Landscape.length_scale.func(cluster)
    assert Landscape.length_scale.func(with_budget(cluster, 1)) == pytest.approx(usual, rel=1e-12)
