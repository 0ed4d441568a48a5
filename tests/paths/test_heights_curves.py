"""Refined heights of curves of every kind against what is known, or a dense scan."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elsuite.landscapes import FourGaussians, FunctionLandscape, MullerBrown
from elsuite.paths import EmptyBasis, HatBasis, Path, SineBasis, measure

pytestmark = pytest.mark.making

ENDS = torch.tensor([[0.0], [1.0]]).double()
LINE = Path(*ENDS, EmptyBasis(), ENDS[:0])


def curve(function):
    """A surface of one parameter whose energy along `LINE` is a function of t."""
    return FunctionLandscape(lambda points: function(points[:, 0]), 1)


@settings(max_examples=60)
@given(center=st.floats(0, 1), left=st.floats(0.1, 10.0), right=st.floats(0.1, 10.0))
def test_a_kink_between_the_points(center, left, right):
    surface = curve(lambda t: torch.where(t < center, left * (t - center), right * (center - t)))
    heights = measure(LINE, surface, 21)
    assert heights.refined_height == pytest.approx(0.0, abs=2e-6 * max(left, right))
    assert heights.refined_height <= 0


@settings(max_examples=60)
@given(amplitudes=st.lists(st.floats(-1, 1), min_size=1, max_size=6), slope=st.floats(-3, 3))
def test_the_highest_of_several_maxima(amplitudes, slope):
    def function(t):
        return slope * t + sum(a * torch.sin((k + 1) * np.pi * t) for k, a in enumerate(amplitudes))

    heights = measure(LINE, curve(function))
    dense = float(function(torch.linspace(0, 1, 20_001).double()).max())
    assert heights.refined_height >= dense - 1e-6 * (np.ptp(heights.profile) + 1e-12)


def test_two_maxima_that_nearly_tie_are_told_apart():
    def function(t):
        return torch.exp(-(((t - 0.213) / 0.05) ** 2)) + 1.000001 * torch.exp(-(((t - 0.787) / 0.05) ** 2))

    heights = measure(LINE, curve(function))
    assert heights.refined_t == pytest.approx(0.787, abs=1e-4)
    assert heights.refined_height == pytest.approx(1.000001, abs=1e-8)


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_winding_paths_against_a_dense_scan(seed):
    surface = [FourGaussians(), MullerBrown()][seed % 2]
    generator = torch.Generator().manual_seed(seed)
    start, end = torch.as_tensor(surface.minima[:2])
    path = Path(start, end, SineBasis(4), 0.5 * torch.randn(4, 2, generator=generator).double())
    heights = measure(path, surface)
    dense = float(surface.energy(path.points(torch.linspace(0, 1, 20_001).double())).max())
    assert heights.refined_height >= dense - 1e-6 * np.ptp(heights.profile)
    assert heights.n_evaluations < 150


def test_a_path_that_crosses_a_ridge_within_a_hundredth_of_t():
    surface = curve(lambda x: torch.exp(-(((x - 5.0) / 0.1) ** 2)))
    start, end = torch.tensor([[0.0], [10.0]]).double()
    basis = HatBasis(2, (0.495, 0.505))
    straight = Path(start, end, basis, torch.zeros(2, 1).double())
    bow = torch.tensor([[0.1], [9.9]]).double() - straight.points(torch.tensor([0.495, 0.505]))
    heights = measure(Path(start, end, basis, bow), surface, 50)
    assert heights.height < 1e-3
    assert heights.refined_height == pytest.approx(1.0, rel=1e-6)
