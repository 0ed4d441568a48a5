"""Descents against torch's optimizers; stochastic gradients against exact ones; bands of pivots."""

from dataclasses import replace

import cases
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from path_gradients import path_gradient

from elsuite.landscapes import FourGaussians, MullerBrown
from elsuite.paths import PATH_FINDERS, FourierPathFinder, Path, SineBasis
from elsuite.paths import descent as descent_module
from elsuite.paths.autoneb import band_tangents, spread_evenly
from elsuite.paths.descent import Descent, PowerSum, descend
from elsuite.paths.record import on_samples

pytestmark = pytest.mark.making

OPTIMIZERS = {
    "adam": lambda leaf: torch.optim.Adam([leaf], lr=1e-2, betas=(0.9, 0.97)),
    "momentum": lambda leaf: torch.optim.SGD([leaf], lr=1e-2, momentum=0.9),
}


def a_path(surface, n_terms=2):
    start, end = surface.initial_points([0, 1])
    return Path(start, end, SineBasis(n_terms), torch.full((n_terms, len(start)), 0.01, dtype=start.dtype))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("surface", ["four gaussians", "fcp"])
def test_the_whole_data_on_the_grid_is_torch_with_the_exact_gradient(name, surface):
    surface = cases.LANDSCAPES[surface]()
    path, objective = a_path(surface), PowerSum(1, 1e-4)
    descent = Descent(objective, 7, 1e-2, optimizer=name, second_decay=0.97, n_points=6)
    found = descend(path, surface, descent, torch.Generator())
    leaf = path.coefficients.clone().requires_grad_()
    optimizer = OPTIMIZERS[name](leaf)
    t = torch.linspace(0, 1, 6, dtype=torch.float64)
    for _ in range(7):
        leaf.grad = path_gradient(replace(path, coefficients=leaf.detach()), surface, t, objective)[1]
        optimizer.step()
    assert found.finite
    assert found.n_point_gradients == 7 * 4  # The ends are not asked for.
    torch.testing.assert_close(found.path.coefficients, leaf.detach(), rtol=1e-6, atol=1e-10)


def test_the_mean_of_stochastic_gradients_is_the_gradient():
    surface = cases.LANDSCAPES["fcp"]()
    path = a_path(surface)
    generator = torch.Generator().manual_seed(0)
    descent = Descent(PowerSum(), n_steps=600, learning_rate=1.0, points_per_step=4, images_per_step=8)
    spanning = torch.vstack([path.start, path.end, path.coefficients])
    weights, total = descent_module._sampler(path, descent, generator), torch.zeros_like(path.coefficients)
    for _ in range(600):
        shown, _share = on_samples(surface, 4, 8, generator)
        total += (
            descent_module._gradient(shown, weights(spanning), spanning, descent.objective, 1.0, slice(None))[1] / 600
        )
    fine = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    expected = path_gradient(path, surface, fine, PowerSum())[1] / 100
    assert float((total - expected).norm() / expected.norm()) < 0.05


def test_points_by_length_are_spread_along_the_path():
    bow = torch.tensor([[0.2, 0.3], [-1.0, 0.4]]).double()
    path = Path(*torch.tensor([[0.0, 0.0], [1.0, 0.0]]).double(), SineBasis(2), bow)
    descent = Descent(PowerSum(), n_steps=1, learning_rate=0.1, points_per_step=401, by_length=True)
    spanning = torch.vstack([path.start, path.end, path.coefficients])
    weights = descent_module._sampler(path, descent, torch.Generator().manual_seed(0))(spanning)
    parts = (weights @ spanning).diff(dim=0).norm(dim=1).view(-1, 20).sum(1)
    assert float(parts.max() / parts.min()) < 1.3


@pytest.mark.parametrize("name", sorted(PATH_FINDERS))
def test_swapped_ends_give_the_same_height_within_a_hundredth(name):
    for surface in (FourGaussians(), MullerBrown()):
        there, back = (
            PATH_FINDERS[name]().find(surface, *surface.minima[list(pair)]).refined_height for pair in ((0, 1), (1, 0))
        )
        assert there == pytest.approx(back, rel=0.01)


def test_a_published_search_of_swapped_ends_is_the_mirrored_path():
    surface = FourGaussians()
    finder = FourierPathFinder.published(power=2, smoothness=10, n_steps=20)
    there, back = (finder.find(surface, *surface.minima[::way]) for way in (1, -1))
    assert there.refined_height == pytest.approx(back.refined_height, rel=1e-9)
    np.testing.assert_allclose(there.profile, back.profile[::-1], rtol=1e-9, atol=1e-12)


def slow_tangent(before, here, after, energies):
    """The improved tangent of one pivot, by the cases of the article."""
    low, middle, high = energies
    ahead, back = after - here, here - before
    if high > middle > low:
        tangent = ahead
    elif high < middle < low:
        tangent = back
    else:
        most = max(abs(high - middle), abs(low - middle))
        least = min(abs(high - middle), abs(low - middle))
        tangent = ahead * most + back * least if high > low else ahead * least + back * most
    return tangent / tangent.norm()


@given(st.integers(0, 10**6))
def test_tangents_of_a_band_are_those_of_the_article(seed):
    generator = torch.Generator().manual_seed(seed)
    band = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    energies = torch.randn(6, generator=generator, dtype=torch.float64)
    expected = [slow_tangent(*band[k - 1 : k + 2], energies[k - 1 : k + 2].tolist()) for k in range(1, 5)]
    torch.testing.assert_close(band_tangents(band, energies), torch.stack(expected))


@given(st.integers(0, 10**6))
def test_pivots_are_spread_to_their_shares_of_the_length(seed):
    generator = torch.Generator().manual_seed(seed)
    band = torch.randn(7, 2, generator=generator, dtype=torch.float64)
    inner = torch.rand(5, generator=generator, dtype=torch.float64).sort().values
    positions = np.array([0.0, *inner.tolist(), 1.0])
    spread = spread_evenly(band, positions)
    assert torch.equal(spread[[0, -1]], band[[0, -1]])
    gone = np.concatenate([[0.0], band.diff(dim=0).norm(dim=1).cumsum(0).numpy()])
    for axis in range(2):
        expected = np.interp(positions * gone[-1], gone, band[:, axis].numpy())
        np.testing.assert_allclose(spread[:, axis], expected, atol=1e-9)
