"""Heights are never under what is seen, and narrow ridges between the points are found."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elsuite.landscapes import FourGaussians, FunctionLandscape
from elsuite.paths import EmptyBasis, HatBasis, Path, SineBasis, measure, path_length

pytestmark = pytest.mark.making

LINE = Path(torch.tensor([0.0]).double(), torch.tensor([1.0]).double(), EmptyBasis(), torch.zeros(0, 1).double())


def curve(function):
    return FunctionLandscape(lambda points: function(points[:, 0]), 1)


@settings(max_examples=40)
@given(st.lists(st.floats(-0.3, 0.3), min_size=8, max_size=8), st.integers(3, 60))
def test_never_under_a_value_seen(values, n_points):
    surface = FourGaussians()
    start, end = torch.as_tensor(surface.minima)
    path = Path(start, end, SineBasis(4), torch.tensor(values).double().reshape(4, 2))
    seen = []

    def recorded(points):
        energies = surface.energy(points)
        seen.append(energies.detach())
        return energies

    heights = measure(path, FunctionLandscape(recorded, 2), n_points)
    assert heights.refined_height >= max(float(e.max()) for e in seen if len(e) > 1)
    assert heights.refined_height >= heights.height == heights.profile.max()
    at = path.points(torch.tensor([heights.refined_t], dtype=torch.float64))
    assert float(surface.energy(at)) == pytest.approx(heights.refined_height, abs=1e-12)


@settings(max_examples=40)
@given(st.floats(0.05, 0.95), st.floats(0.02, 0.3))
def test_tops_between_the_points_are_refined(center, width):
    heights = measure(LINE, curve(lambda x: torch.exp(-(((x - center) / width) ** 2))), 51)
    assert heights.refined_height == pytest.approx(1.0, abs=1e-6)
    assert heights.refined_t == pytest.approx(center, abs=1e-3)
    assert heights.resolution <= 1e-6


def test_a_narrow_ridge_that_the_grid_steps_over():
    """A ridge half as wide as the grid's step, on a slope: its foot at the grid's points gives it away."""
    ridge = curve(lambda x: 0.1 * x + torch.exp(-(((x - 0.51) / 0.012) ** 2)))
    heights = measure(LINE, ridge, 51)
    dense = ridge.energy(torch.linspace(0, 1, 100_001).double()[:, None])
    assert heights.height < 0.7
    assert heights.refined_height == pytest.approx(float(dense.max()), abs=1e-5)


def test_a_ridge_where_the_path_rushes():
    """Equal steps of t are long where the path goes fast; points are added there."""
    path = Path(LINE.start, LINE.end, SineBasis(1, 0.0), torch.tensor([[20.0]]).double())
    ridge = curve(lambda x: torch.exp(-(((x - 3.3) / 0.6) ** 2)))
    assert measure(path, ridge, 31).refined_height == pytest.approx(1.0, abs=1e-5)


def test_a_flat_curve_needs_no_more_than_its_points_and_two_next_to_each_end():
    heights = measure(LINE, curve(lambda x: 0 * x), 11)
    assert heights.refined_height == heights.height == 0
    assert heights.n_evaluations == 15


@pytest.mark.parametrize("where", ["first", "inside", "last"])
def test_ridges_as_narrow_as_the_points_are_apart_are_found_also_next_to_the_ends(where):
    """150 ridges from 0.75 to 1.5 spacings wide on curves of many shapes: all but a few in a thousand are found."""
    rng = np.random.default_rng({"first": 0, "inside": 1, "last": 2}[where])
    dense = torch.linspace(0, 1, 20_001).double()
    missed = []
    for width in np.repeat([0.75, 1.0, 1.5], 50) / 50:
        place = rng.uniform(0, 0.02)
        center = {"first": place, "inside": rng.uniform(0.1, 0.9), "last": 1 - place}[where]
        slope, *waves = rng.uniform(-1, 1, 4)
        size = 10 ** rng.uniform(-2, 0.5)

        def function(x, center=center, width=width, slope=slope, waves=waves, size=size):
            smooth = slope * x + sum(0.3 * a * torch.sin((k + 1) * torch.pi * x) for k, a in enumerate(waves))
            return smooth + size * torch.exp(-(((x - center) / width) ** 2))

        heights = measure(LINE, curve(function), 51)
        hidden = float(function(dense).max()) - heights.refined_height
        if hidden > 1e-6 * np.ptp(heights.profile) and hidden > heights.resolution:
            missed.append((center, width, hidden))
    assert len(missed) <= 1, missed


def test_the_resolution_is_no_less_than_the_tolerance():
    heights = measure(LINE, curve(lambda x: torch.sin(3 * x)), 51, tolerance=1e-6)
    assert 1e-6 * np.ptp(heights.profile) <= heights.resolution < 1e-5


def test_the_pivots_of_a_chain_are_looked_at():
    """A kink is a maximum that is no parabola: here of a sharp ridge between the points."""
    start, end = LINE.start, LINE.end
    path = Path(start, end, HatBasis(2, (0.3141, 0.55)), torch.zeros(2, 1).double())
    ridge = curve(lambda x: torch.exp(-(((x - 0.3141) / 1e-4) ** 2)))
    assert measure(path, ridge, 51).refined_height == pytest.approx(1.0, abs=1e-6)


def test_monotone_curves_end_at_their_end():
    heights = measure(LINE, curve(lambda x: x**2), 11)
    assert heights.refined_t == 1
    assert heights.refined_height == 1


def test_the_number_of_evaluations_is_bounded():
    rough = curve(lambda x: torch.sin(400 * x))
    assert measure(LINE, rough, 51, max_evaluations=80).n_evaluations <= 160


def test_not_a_number():
    heights = measure(LINE, curve(lambda x: torch.where(x > 0.5, torch.nan, x)), 11)
    assert math.isnan(heights.refined_height)
    assert math.isnan(heights.resolution)


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="n_points is 2, but a profile needs at least 3 points"):
        measure(LINE, FourGaussians(), 2)


def test_length_of_a_bow():
    start, end = torch.tensor([[0.0, 0.0], [math.pi, 0.0]]).double()
    path = Path(start, end, SineBasis(1), torch.tensor([[0.0, 1.0]]).double())
    x = np.linspace(0, math.pi, 100_001)
    assert path_length(path) == pytest.approx(np.trapezoid(np.sqrt(1 + np.cos(x) ** 2), x), rel=1e-5)
