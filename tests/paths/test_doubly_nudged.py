"""The doubly nudged band: its gradients against the formula written out, and what they leave of a band."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elsuite.landscapes import FunctionLandscape, LennardJones, MullerBrown
from elsuite.paths import DoublyNudgedPathFinder
from elsuite.paths.doubly_nudged import doubly_nudged_gradients, path_of, relax_band

pytestmark = pytest.mark.making


def written_out(band, energies, gradients, stiffness):
    """Trygubenko and Wales 2004, eq. 9 to 13, an image after the other."""
    rows = []
    for i in range(1, len(band) - 1):
        back, ahead = band[i] - band[i - 1], band[i + 1] - band[i]
        low, here, high = energies[i - 1 : i + 2]
        if high > here > low:
            tangent = ahead
        elif high < here < low:
            tangent = back
        else:
            most, least = max(abs(high - here), abs(low - here)), min(abs(high - here), abs(low - here))
            tangent = most * ahead + least * back if high > low else least * ahead + most * back
        tangent = tangent / np.sqrt(tangent @ tangent)
        g = gradients[i - 1]
        g_across = g - (g @ tangent) * tangent
        spring = stiffness * (back - ahead)
        spring_along = stiffness * (np.sqrt(back @ back) - np.sqrt(ahead @ ahead)) * tangent
        spring_across = spring - (spring @ tangent) * tangent
        unit = g_across / np.sqrt(g_across @ g_across)
        rows.append(g_across + spring_along + spring_across - (spring_across @ unit) * unit)
    return np.array(rows)


@settings(max_examples=50, deadline=None)
@given(n=st.integers(3, 7), dimension=st.integers(2, 5), seed=st.integers(0, 10**6), stiffness=st.floats(0.01, 100))
def test_gradients_are_the_formula(n, dimension, seed, stiffness):
    rng = np.random.default_rng(seed)
    band, energies = rng.standard_normal((n, dimension)), rng.standard_normal(n)
    gradients = rng.standard_normal((n - 2, dimension))
    found = doubly_nudged_gradients(*map(torch.as_tensor, (band, energies, gradients)), stiffness)
    np.testing.assert_allclose(found, written_out(band, energies, gradients, stiffness), rtol=1e-9, atol=1e-9)


def slowly(landscape, band, n_steps, rate):
    """Steps of plain descent along the formula written out."""
    band = band.copy()
    ends = landscape.energy(band[[0, -1]]).numpy()
    for _ in range(n_steps):
        energies, gradients = (values.numpy() for values in landscape.energy_and_gradient(band[1:-1]))
        band[1:-1] -= rate * written_out(band, [ends[0], *energies, ends[1]], gradients, 400.0)
    return np.array([ends[0], *landscape.energy(band[1:-1]).numpy(), ends[1]])


def test_a_band_comes_to_rest_where_plain_descent_brings_it():
    surface = MullerBrown()
    straight = np.linspace(surface.minima[1], surface.minima[2], 12)
    relaxed = relax_band(surface, torch.as_tensor(straight), 400, 1e-3)
    assert relaxed.converged
    reference = slowly(surface, straight, 4000, 1e-4)
    assert float(relaxed.energies.max()) == pytest.approx(reference.max(), abs=0.1)
    assert relaxed.n_gradients < 400 * 10


def test_images_stay_apart_and_the_ends_where_they_are():
    cluster = LennardJones(7)
    a = cluster.minima[0]
    b = cluster.symmetry.nearest(a, cluster.minima[3]).coordinates
    band = torch.as_tensor(np.linspace(a, b, 20))
    relaxed = relax_band(cluster, band, 200, 0.01)
    assert torch.equal(relaxed.band[[0, -1]], band[[0, -1]])
    steps = relaxed.band.diff(dim=0).norm(dim=1)
    assert float(steps.max() / steps.min()) < 2
    assert float(relaxed.energies.max()) < 0


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_units_change_nothing_but_the_numbers(unit):
    plain = MullerBrown()
    other = FunctionLandscape(lambda points: unit * plain.energy(points / 1e-3), 2)
    one = relax_band(plain, torch.as_tensor(np.linspace(*plain.minima[:2], 15)), 60, 0.01)
    same = relax_band(other, torch.as_tensor(np.linspace(*(1e-3 * plain.minima[:2]), 15)), 60, 0.01)
    np.testing.assert_allclose(same.energies / unit, one.energies, rtol=1e-4)
    assert same.n_steps == one.n_steps


def test_a_path_through_images_at_one_place():
    band = torch.tensor([[0.0], [1.0], [1.0], [2.0]], dtype=torch.float64)
    path = path_of(band)
    assert torch.equal(path.points(torch.tensor([0.0, *path.basis.pivots, 1.0], dtype=torch.float64)), band)


def test_more_images_where_the_ends_are_far_apart():
    surface, finder = LennardJones(7), DoublyNudgedPathFinder()
    assert [finder.images_between(surface, d) for d in (0.0, 1.2, 50.0, np.inf)] == [5, 12, 61, 5]
