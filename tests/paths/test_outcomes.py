"""What a search says of itself: converged only where it is, in every unit; not finite is an outcome of its own."""

import cases
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elsuite.landscapes import FunctionLandscape, LennardJones, MullerBrown
from elsuite.landscapes.networks import NeuralLandscape
from elsuite.paths import AutoNEBPathFinder, BezierPathFinder, ChainPathFinder, FourierPathFinder, LinearPathFinder

pytestmark = pytest.mark.making

FINDERS = {
    "fourier": FourierPathFinder(),
    "bezier": BezierPathFinder(),
    "chain": ChainPathFinder(),
    "autoneb": AutoNEBPathFinder(),
}
ENDS = [[-1.0, 0.0], [1.0, 0.0]]


def above(search):
    return search.refined_height - max(search.profile[0], search.profile[-1])


def walled(height):
    """A double well with its saddle at 1, which a thin wall in the way raises a little."""

    def energy(p):
        wall = height * torch.exp(-(p[:, 0] ** 2 + (p[:, 1] - 0.01) ** 2) / 0.02)
        return (p[:, 0] ** 2 - 1) ** 2 + 0.5 * p[:, 1] ** 2 + wall

    return FunctionLandscape(energy, 2)


@pytest.mark.parametrize("name", FINDERS)
@pytest.mark.parametrize(("height", "right"), [(1e6, 1.1882), (1e9, 1.2562), (1e12, 1.3244)])
def test_how_high_the_straight_line_is_says_nothing(name, height, right):
    search = FINDERS[name].find(walled(height), *ENDS)
    assert search.outcome == "converged"
    assert above(search) == pytest.approx(right, rel=1e-3)


def test_a_ring_valley_is_followed_to_its_lowest_way_or_the_search_says_that_it_was_not():
    def energy(p):
        return 1000 * ((p**2).sum(1) - 1) ** 2 + 0.1 * (1 + p[:, 1])

    surface = FunctionLandscape(energy, 2)
    search = FINDERS["fourier"].find(surface, *ENDS)
    assert search.outcome == "converged"
    assert search.refined_height == pytest.approx(0.1, rel=0.01)
    for name in ("chain", "autoneb"):
        search = FINDERS[name].find(surface, *ENDS)
        assert search.outcome == "budget spent" or search.refined_height == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize(("name", "most"), [("fourier", 0.7), ("bezier", 2.8), ("chain", 0.9), ("autoneb", 1.4)])
def test_clusters_whose_straight_line_is_a_collision(name, most):
    cluster = LennardJones(7)
    assert above(LinearPathFinder().find(cluster, *cluster.minima[:2])) > 1e6
    search = FINDERS[name].find(cluster, *cluster.minima[:2])
    # The band goes down slowly from so high, and says so.
    assert search.outcome == ("budget spent" if name == "autoneb" else "converged")
    assert above(search) < most


@pytest.mark.parametrize("name", [*FINDERS, "linear"])
def test_atoms_that_pass_through_each_other(name):
    pair = LennardJones(2)
    start = pair.minima[0]
    search = (FINDERS | {"linear": LinearPathFinder()})[name].find(pair, start, start.reshape(2, 3)[::-1].ravel())
    assert search.outcome == "not a number"
    assert "not finite" in search.message


@pytest.mark.parametrize("name", [*FINDERS, "linear"])
@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_an_end_without_a_finite_energy(name, end, value):
    def energy(p):
        return torch.where(p[:, 0] == ENDS[end][0], value, (p**2).sum(1))

    search = (FINDERS | {"linear": LinearPathFinder()})[name].find(FunctionLandscape(energy, 2), *ENDS)
    assert search.outcome == "not a number"


@pytest.mark.parametrize("name", FINDERS)
@settings(max_examples=6, deadline=None)
@given(
    energy_unit=st.sampled_from([1e-12, 1e-6, 1.0, 1e6, 1e12]),
    offset=st.sampled_from([0.0, -1.0, 1e4, -1e6]),
    length_unit=st.sampled_from([1e-3, 1.0, 1e3]),
    shift=st.sampled_from([0.0, 1.0, -1e6]),
)
def test_units_and_zeros_of_energy_and_length_change_nothing(name, energy_unit, offset, length_unit, shift):
    """An offset of c ranges leaves 1e-16 c of a range; an origin s spans away, 1e-16 s of a span."""
    plain = MullerBrown()
    expected = FINDERS[name].find(plain, *plain.minima[:2])
    size = np.ptp(expected.profile)

    def energy(points):
        return energy_unit * (plain.energy(points / length_unit - shift) + offset * size)

    ends = (plain.minima[:2] + shift) * length_unit
    search = FINDERS[name].find(FunctionLandscape(energy, 2), *ends)
    assert search.outcome == expected.outcome == "converged"
    assert above(search) / energy_unit == pytest.approx(above(expected), abs=2e-3 * size)


def network(scale=1.0):
    """A network of a few parameters on data that it fits, its loss in another unit."""
    landscape = cases.LANDSCAPES["fcp"]()
    if scale == 1:
        return landscape
    module, samples = landscape._network._template, landscape._samples["train"]
    return NeuralLandscape(
        module, lambda out, y: scale * torch.nn.functional.cross_entropy(out, y), samples.inputs, samples.targets
    )


def test_a_loss_says_that_it_has_a_floor_and_one_of_the_callers_own_does_not():
    assert network().energy_floor == network().minibatch(torch.arange(3)).energy_floor == 0.0
    assert network(2.0).energy_floor is None
    assert MullerBrown().energy_floor is None
    assert FunctionLandscape(lambda p: (p**2).sum(1), 2, energy_floor=0.0).energy_floor == 0.0


@pytest.mark.parametrize("power", [2, 3, 8, 1.5])
@pytest.mark.parametrize("offset", [0.0, 115.0])
def test_powers_of_energies_under_zero_are_refused_in_one_line(power, offset):
    """At the ends at once; with an offset, only where the path first meets such an energy."""
    surface = MullerBrown()
    ends = surface.transition_states[:2]  # at -40.7 and -72.2, with a minimum of -80.8 between them
    shifted = FunctionLandscape(lambda p: surface.energy(p) + offset - 40.0, 2)
    with pytest.raises(ValueError, match=rf"power: given {power:g}, allowed: 1 where energies are under zero") as said:
        FourierPathFinder.published(power=power, smoothness=0.0).find(shifted, *ends)
    assert "\n" not in str(said.value)


def test_powers_of_energies_above_zero_work_and_the_first_power_always_does():
    surface = MullerBrown()
    above_zero = FunctionLandscape(lambda p: surface.energy(p) + 200.0, 2)
    for power in (1, 2, 1.5):
        search = FourierPathFinder.published(power=power).find(above_zero, *surface.minima[:2])
        line = LinearPathFinder().find(above_zero, *surface.minima[:2])
        assert search.refined_height < line.refined_height
    assert FourierPathFinder.published().find(surface, *surface.minima[:2]).outcome == "budget spent"
    assert FourierPathFinder(power=2).find(surface, *surface.minima[:2]).outcome == "converged"  # has no part there
