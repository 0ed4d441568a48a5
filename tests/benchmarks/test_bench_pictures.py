"""Planes through three solutions against the loop that such tools have, in one run: equal values, and seconds.

The loop is that of loss-landscapes' planar interpolation: the parameters of one module are moved to start + i/n (one -
start) + j/n (two - start), and the module is evaluated on all data. With ``--benchmark-enable`` 25 x 25 points of
networks on 1,400 images; without, a few points of small ones.
"""

import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from elsuite import LandscapeDatabase, NeuralLandscape, spectral_density
from elsuite.analysis.planes import plane_through
from elsuite.datasets import load_data
from elsuite.exploration.evaluating import values_at
from elsuite.landscapes import ARCHITECTURES

pytestmark = pytest.mark.making

NETWORKS = {
    "fcp": lambda full: ARCHITECTURES["fcp"](image=(8, 8), n_outputs=10, hidden=(150, 100) if full else (5,)),
    "convolutions": lambda full: nn.Sequential(
        nn.Unflatten(1, (1, 8)), nn.Conv2d(1, 8 if full else 2, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10)
    ),
}  # fmt: skip


def plain_plane(module, points, inputs, targets, n):
    """Return the losses as the loop gives them, one module whose parameters are moved."""
    start, one, two = (torch.as_tensor(point) for point in points)
    losses = np.empty((n, n))
    with torch.no_grad():
        for i in range(n):
            for j in range(n):
                point = start + (one - start) * (i / n) + (two - start) * (j / n)
                nn.utils.vector_to_parameters(point, module.parameters())
                losses[i, j] = functional.cross_entropy(module(inputs), targets).item()
    return losses


def own_plane(landscape, points, n):
    """Return the losses at the same points, places in the plane through the three."""
    through = plane_through(*points)
    corners = through.places(np.stack(points[1:]))
    shares = np.stack(np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij"), axis=-1).reshape(-1, 2)
    found = values_at(landscape, n * n, lambda part: through.points(shares[part] @ corners), stage="plane")
    return found["energy"].reshape(n, n)


@pytest.mark.parametrize("name", NETWORKS)
def test_planes_have_the_values_of_the_plain_loop(name, request):
    full = request.config.getoption("benchmark_enable")
    n, n_train = (25, 1400) if full else (3, 60)
    data = load_data("digits", n_train=n_train, n_test=10)
    inputs, targets = torch.as_tensor(data.train_inputs).float(), torch.as_tensor(data.train_targets).long()
    module = NETWORKS[name](full)
    with torch.no_grad():
        module(inputs)  # lazy layers find their shapes
    landscape = NeuralLandscape(module, functional.cross_entropy, inputs, targets)
    points = list(landscape.initial_points([1, 2, 3]).numpy())
    begin = time.process_time()
    expected = plain_plane(module, points, inputs, targets, n)
    plain = time.process_time() - begin
    begin = time.process_time()
    found = own_plane(landscape, points, n)
    own = time.process_time() - begin
    difference = np.abs(found / expected - 1).max()
    print(f"\n{name}, {landscape.n_parameters:,} parameters, {n} x {n} points, {n_train} images: "
          f"loop {plain:.2f} s, here {own:.2f} s, largest relative difference {difference:.1e}")  # fmt: skip
    assert difference < 1e-5


def test_spectral_density_against_products(request):
    """Lanczos's own work beside the products of the Hessian with vectors."""
    from elsuite.stationary import hessian_vector_products

    full = request.config.getoption("benchmark_enable")
    n_train, steps = (1400, 64) if full else (60, 4)
    data = load_data("digits", n_train=n_train, n_test=10)
    module = NETWORKS["fcp"](full)
    landscape = NeuralLandscape(module, functional.cross_entropy, data.train_inputs, data.train_targets)
    point = landscape.initial_points([0])
    database = LandscapeDatabase.create(None, landscape)
    database.add(minima={"coordinates": point.numpy(), "energy": landscape.energies_on_all_surfaces(point)})
    begin = time.process_time()
    values = spectral_density(database, landscape, 0, n_probes=2, n_steps=steps)
    whole = time.process_time() - begin
    begin = time.process_time()
    hessian_vector_products(
        landscape, point[0], np.random.default_rng(0).normal(size=(2 * steps, landscape.n_parameters))
    )
    products = time.process_time() - begin
    print(f"\nspectrum, 2 x {steps} steps: {whole:.2f} s, {2 * steps} products {products:.2f} s")
    assert np.nansum(values.weight.values, axis=1) == pytest.approx(1)
