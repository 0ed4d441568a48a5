"""Networks that people write, aligned: copies are recovered, distances fall, energies stay."""

import numpy as np
import pytest
import torch
from torch import nn

from elsuite.database import LandscapeDatabase
from elsuite.exploration import connect_minima, stored_path
from elsuite.landscapes import NeuralLandscape
from elsuite.paths import LinearPathFinder, align
from elsuite.symmetry.permutations import apply, random_element
from elsuite.symmetry.units import match_weights
from tests.symmetry.traced_modules import (
    Encoder,
    LanguageModel,
    Perceptron,
    Recurrent,
    ResNet,
    convolutions,
    random,
    words,
)

pytestmark = pytest.mark.making

NETWORKS = {
    "classes": (Perceptron, random(12, 12), {}),
    "convolutions, estimated": (convolutions, random(12, 1, 8, 8), {"buffers": "estimated"}),
    "convolutions, stored": (convolutions, random(12, 1, 8, 8), {"buffers": "stored"}),
    "residual, estimated": (ResNet, random(12, 1, 6, 6), {}),
    "residual, stored": (ResNet, random(12, 1, 6, 6), {"buffers": "stored"}),
    "encoder": (Encoder, random(12, 4, 3), {}),
    "language model": (LanguageModel, words(12, 5), {}),
    "LSTM": (lambda: Recurrent(nn.LSTM, num_layers=2), random(12, 3, 3), {}),
    "GRU": (lambda: Recurrent(nn.GRU, num_layers=2), random(12, 3, 3), {}),
}


def landscape_of(name):
    make, inputs, options = NETWORKS[name]

    def evaluated():
        module = make().eval()
        for layer in module.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                nn.init.normal_(layer.running_mean)
        return module

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        outputs = evaluated()(inputs)
    return NeuralLandscape(evaluated, nn.MSELoss(), inputs, torch.rand_like(outputs), dtype=torch.float64, **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_copies_are_recovered_and_other_solutions_come_nearer(name):
    landscape = landscape_of(name)
    a, b = landscape.initial_points([0, 1])
    copy = apply(landscape.symmetry, a, random_element(landscape.symmetry, 3))
    found = align(landscape, a, copy)
    assert found.distance_before > found.distance_after == 0
    np.testing.assert_array_equal(found.coordinates, a)
    other = align(landscape, a, b)
    assert other.distance_after < other.distance_before
    assert other.energy_difference == pytest.approx(0, abs=1e-9 * landscape.energy(b[None]).item())
    np.testing.assert_array_equal(apply(landscape.symmetry, b, other.element), other.coordinates)


@pytest.mark.parametrize("name", NETWORKS)
def test_copies_are_recovered_by_what_units_give(name):
    landscape = landscape_of(name)
    (a,) = landscape.initial_points([0])
    copy = apply(landscape.symmetry, a, random_element(landscape.symmetry, 4))
    values = [landscape.unit_activations(point) for point in (a, copy)]
    for group in landscape.symmetry.groups:
        if group.name in values[0]:
            assert len(values[0][group.name]) == group.size
            assert values[0][group.name].std() > 0
    assert align(landscape, a, copy, method="activations").distance_after == 0


def test_paths_to_copies_are_read_back_from_a_store():
    landscape = landscape_of("encoder")
    points = landscape.initial_points([0, 1])
    with LandscapeDatabase.create(None, landscape) as database:
        energies = np.array(landscape.energies_on_all_surfaces(points))
        database.add(minima={"coordinates": points.numpy(), "energy": energies})
        connect_minima(database, landscape, LinearPathFinder(), [(0, 1)], align="weights")
        end = stored_path(database, 0).points(torch.ones(1))[0]
    assert torch.linalg.vector_norm(end - points[0]) < torch.linalg.vector_norm(points[1] - points[0])
    copies = match_weights(landscape.symmetry, points[1], end).distance
    assert copies < 1e-6 * torch.linalg.vector_norm(end)


def test_frozen_averages_keep_units_apart():
    make, inputs, _ = NETWORKS["convolutions, stored"]
    module = make()
    module(inputs)
    landscape = NeuralLandscape(module.eval(), nn.MSELoss(), inputs, torch.zeros(12, 2), buffers="frozen")
    a, b = landscape.initial_points([0, 1])
    with pytest.raises(ValueError, match="nothing to align: no units are known to be interchangeable"):
        align(landscape, a, b)
