"""The last rounds over data: what they lower, in every unit, and how far."""

import cases
import numpy as np
import pytest
import torch

from elsuite.landscapes import load_data, network_landscape
from elsuite.minimizers import LBFGSGSS
from elsuite.paths import FourierPathFinder, Path, SineBasis, measure
from elsuite.paths.exact import POINTS, _Target, descend_exactly

pytestmark = pytest.mark.making


@pytest.mark.parametrize("floor", [None, 0.0, -2.0])
@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_slopes_are_derivatives_and_have_no_unit_but_that_of_the_energy(floor, unit):
    energies = torch.tensor([1e-6, 0.3, 2.0, 1.9], dtype=torch.float64)
    target = _Target(None if floor is None else floor * unit, 2.0 * unit, 2.0 * unit)
    value, slopes = target.value_and_slopes(energies * unit)
    plain = _Target(floor, 2.0, 2.0).value_and_slopes(energies)[0]
    assert value == pytest.approx(plain, rel=1e-9)
    for k in range(1, 4):
        step = torch.zeros(4, dtype=torch.float64)
        step[k] = 1e-6 * energies[k]
        higher, lower = (target.value_and_slopes((energies + sign * step) * unit)[0] for sign in (1, -1))
        assert float(slopes[k]) * unit == pytest.approx((higher - lower) / (2 * float(step[k])), rel=1e-5)


def test_a_round_lowers_the_path_counts_its_points_and_keeps_the_ends():
    surface = cases.LANDSCAPES["fcp"]()
    start, end = surface.initial_points([0, 1])
    path = Path(start, end, SineBasis(3), start.new_zeros(3, len(start)))
    before = measure(path, surface)
    found = descend_exactly(path, surface, torch.Generator().manual_seed(0), density="arcsine", top=before.refined_t)
    assert found.finite
    assert found.n_point_gradients % (POINTS + 1) == 0
    assert measure(found.path, surface).profile[1:-1].max() < before.profile[1:-1].max()
    assert torch.equal(found.path.points(torch.tensor([0.0, 1.0])), torch.stack([start, end]))


def test_a_path_between_one_point_and_itself_is_left_as_it_is():
    surface = cases.LANDSCAPES["fcp"]()
    start = surface.initial_points([0])[0]
    path = Path(start, start, SineBasis(1), start.new_zeros(1, len(start)))
    found = descend_exactly(path, surface, torch.Generator(), density="uniform", top=0.5)
    assert found.path is path
    assert found.n_point_gradients == 0


def test_two_solutions_of_a_network_are_joined_on_a_logarithmic_axis_whatever_the_seed():
    """Ends of 1e-8 and less: the height is theirs, not where noise or a constant stopped the search."""
    surface = network_landscape("fcp", load_data("digits", n_train=100, n_test=10), hidden=(16,))
    runs = LBFGSGSS(epochs=150).minimize(surface, surface.initial_points([0, 1]))
    ends = [next(s for s in run.solutions if s.stopping == "train").coordinates for run in runs]
    floor = float(surface.energy(torch.as_tensor(np.array(ends))).max())
    assert floor < 1e-8
    for seed in (0, 1):
        search = FourierPathFinder().find(surface, *ends, seed=seed)
        assert search.outcome == "converged"
        assert search.refined_height <= 1.2 * floor
