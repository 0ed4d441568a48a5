"""Gradients of many points that are combinations of few, against the product of all gradients."""

import cases
import pytest
import torch
from torch import nn

from elsuite.landscapes import NeuralLandscape, WeightDecay

pytestmark = pytest.mark.making


def a_stack(biases, activation=nn.Softplus, n_samples=70, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    module = nn.Sequential(
        nn.Linear(5, 7, bias=biases), activation(), nn.Linear(7, 6, bias=biases), activation(), nn.Linear(6, 3)
    )
    inputs = torch.randn(n_samples, 5, generator=generator)
    targets = torch.randint(3, (n_samples,), generator=generator)
    return NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, targets, dtype=dtype, device="cpu")


def combinations(landscape, n_points, n_spanning=4, n_combined=2):
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(n_points, n_spanning, generator=generator, dtype=torch.float64).to(landscape.dtype)
    combination = torch.randn(n_points, n_combined, generator=generator, dtype=torch.float64)
    return weights, landscape.initial_points(range(n_spanning)), combination.to(landscape.dtype)


@pytest.mark.parametrize("n_points", [1, 8, 9, 30])
@pytest.mark.parametrize("activation", [nn.Softplus, nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("biases", [False, True])
def test_is_the_product_of_all_gradients(biases, activation, n_points, monkeypatch):
    landscape = a_stack(biases, activation, n_samples=200)
    weights, spanning, combination = combinations(landscape, n_points)
    with monkeypatch.context() as small:
        # Micro-batches of 64, the fewest: several, the last one smaller.
        small.setattr("elsuite.landscapes.networks.dense._WORKING_SET", 1)
        energies, combined = landscape.combined_gradients(weights, spanning, combination)
    expected, gradients = landscape.energy_and_gradient(weights @ spanning)
    torch.testing.assert_close(energies, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(combined, combination.T @ gradients, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", cases.NETWORKS)
def test_of_every_network(name):
    landscape = cases.NETWORKS[name]()
    weights, spanning, combination = combinations(landscape, 12)
    for surface in landscape.surfaces:
        shown = landscape.on(surface)
        energies, combined = shown.combined_gradients(weights, spanning, combination)
        expected, gradients = shown.energy_and_gradient(weights @ spanning)
        digits = {"rtol": 1e-10, "atol": 1e-12} if landscape.dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-5}
        torch.testing.assert_close(energies, expected, **digits)
        torch.testing.assert_close(combined, combination.T @ gradients, **digits)


def test_in_single_precision():
    landscape = a_stack(True, dtype=torch.float32, n_samples=3000)
    weights, spanning, combination = combinations(landscape, 50, 12, 10)
    energies, combined = landscape.combined_gradients(weights, spanning, combination)
    expected, gradients = landscape.energy_and_gradient(weights @ spanning)
    torch.testing.assert_close(energies, expected, rtol=1e-6, atol=1e-7)
    assert float((combined - combination.T @ gradients).norm() / combined.norm()) < 2e-6


def test_spanning_points_of_another_width_are_refused():
    landscape = a_stack(False)
    weights, spanning, combination = combinations(landscape, 20)
    with pytest.raises(ValueError, match="this network takes"):
        landscape.combined_gradients(weights, spanning[:, :-1], combination)


def long_points(monkeypatch, *, cells=None):
    """Have every point be a long one, of rows made two by two, in chunks of three points and batches of four."""
    monkeypatch.setattr("elsuite.landscapes.base.LONG_POINT", 1)
    monkeypatch.setattr("elsuite.landscapes.networks.spanned.ROWS_NUMBERS", 12)
    if cells:
        monkeypatch.setattr("elsuite.landscapes.networks.spanned.FEWEST_SAMPLES", 4)


BUDGETS = {"whole": 2**30, "chunks": 3 * 4 * 8 * (3 * 16 + 2 * 7), "one point": 1}


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("own", [False, True], ids=["common", "own"])
@pytest.mark.parametrize("biases", [False, True], ids=["weights only", "biases"])
@pytest.mark.parametrize("activation", [nn.Softplus, nn.ReLU])
@pytest.mark.parametrize("given", ["rows", "by energies"])
def test_of_long_points_is_the_product_of_all_gradients(monkeypatch, activation, biases, own, budget, given):
    landscape = a_stack(biases, activation, n_samples=13)
    weights, spanning, combination = combinations(landscape, 8)
    shown = landscape
    if own:
        shown = landscape.minibatch(torch.randint(13, (8, 5), generator=torch.Generator().manual_seed(2)))
    expected, gradients = shown.energy_and_gradient(weights @ spanning)
    by = combination if given == "rows" else combination * expected[:, None] ** 2
    long_points(monkeypatch, cells=True)
    landscape.byte_budget = shown.byte_budget = BUDGETS[budget]
    asked = combination if given == "rows" else lambda part, energies: combination[part] * energies[:, None] ** 2
    memory = {}
    for _ in range(2):  # again, in the memory of the first time
        energies, combined = shown.combined_gradients(weights, spanning, asked, memory)
        torch.testing.assert_close(energies, expected, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(combined, by.T @ gradients, rtol=1e-10, atol=1e-13)
    assert combined.data_ptr() == memory["combined"].data_ptr()
    if not own:
        found = shown.combined_energies(weights, list(spanning))
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", cases.NETWORKS)
def test_of_long_points_of_every_network(monkeypatch, name):
    landscape = cases.NETWORKS[name]()
    weights, spanning, combination = combinations(landscape, 3)
    digits = {"rtol": 1e-10, "atol": 1e-12} if landscape.dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-5}
    for surface in landscape.surfaces:
        shown = landscape.on(surface)
        expected, gradients = shown.energy_and_gradient(weights @ spanning)
        with monkeypatch.context() as patched:
            long_points(patched)
            energies, combined = shown.combined_gradients(weights, spanning, combination)
            torch.testing.assert_close(shown.combined_energies(weights, list(spanning)), expected, **digits)
        torch.testing.assert_close(energies, expected, **digits)
        torch.testing.assert_close(combined, combination.T @ gradients, **digits)


def test_terms_are_part_of_long_points(monkeypatch):
    inputs, targets = torch.rand(9, 3), torch.arange(9) % 2
    landscape = NeuralLandscape(
        nn.Linear(3, 2), nn.CrossEntropyLoss(), inputs, targets, regularization=WeightDecay(0.5), dtype=torch.float64
    )
    weights, spanning, combination = combinations(landscape, 4)
    expected, gradients = landscape.energy_and_gradient(weights @ spanning)
    long_points(monkeypatch)
    energies, combined = landscape.combined_gradients(weights, spanning, combination)
    torch.testing.assert_close(energies, expected)
    torch.testing.assert_close(combined, combination.T @ gradients)
    torch.testing.assert_close(landscape.combined_energies(weights, list(spanning)), expected)
