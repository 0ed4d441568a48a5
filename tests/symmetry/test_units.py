"""Interchangeable units: group laws, what modules declare, and that the function stays as it is."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from elsuite.landscapes import NeuralLandscape
from elsuite.landscapes.networks.architectures import ARCHITECTURES
from elsuite.symmetry.modules import lstm_axes, sequential_axes, symmetry_of
from elsuite.symmetry.permutations import (
    Axis,
    Block,
    UnitGroup,
    apply,
    identity_element,
    inverse,
    parameter_permutation,
    permute,
    random_element,
)
from elsuite.symmetry.units import UnitSymmetry

pytestmark = pytest.mark.making

NETWORKS = {
    "fcp": ("fcp", {}),
    "fcp, any sizes": ("fcp", {"image": (8, 8), "hidden": (7, 5, 3), "n_outputs": 4, "bias": True}),
    "fcp, tanh": ("fcp", {"image": (8, 8), "hidden": (7, 5), "activation": "tanh", "bias": True}),
    "fcp, one layer": ("fcp", {"image": (8, 8), "hidden": (9,), "activation": "relu"}),
    "autoencoder": ("autoencoder", {}),
    "autoencoder, tanh": ("autoencoder", {"image": (8, 8), "hidden": (6, 3, 6), "activation": "tanh"}),
    "lenet": ("lenet", {}),
    "lenet, tanh": ("lenet", {"image": (16, 12), "hidden": (9, 7), "activation": "tanh"}),
    "lstm": ("lstm", {}),
    "lstm, small": ("lstm", {"image": (8, 8), "hidden": 5, "n_outputs": 3}),
}
MODULES = {
    "convolutions": nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2), nn.Tanh(), nn.Flatten(),
        nn.Linear(4 * 4, 6), nn.Tanh(), nn.Linear(6, 2),
    ),
    "an activation used twice": (lambda act: nn.Sequential(
        nn.Flatten(), nn.Linear(64, 5), act, nn.Linear(5, 4), act, nn.Linear(4, 2)
    ))(nn.Softplus()),
    "normalized": nn.Sequential(
        nn.Flatten(), nn.Linear(64, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)
    ),
}  # fmt: skip


def image_landscape(module, dtype, image=(8, 8), n_samples=12):
    """A network on random images; weights are enlarged so that the energy depends on all of them."""
    generator = torch.Generator().manual_seed(5)
    inputs = torch.rand(n_samples, *image, generator=generator)
    if isinstance(module, nn.Sequential):
        inputs = inputs[:, None]
    with torch.no_grad():
        n_outputs = module(inputs).shape[1]
    targets = torch.rand(n_samples, n_outputs, generator=generator)
    return NeuralLandscape(module, nn.MSELoss(), inputs, targets, dtype=dtype)


def network(name):
    architecture, options = NETWORKS[name]
    return ARCHITECTURES[architecture](**options), options.get("image", (28, 28))


def random_points(landscape, n_points=2, seed=0):
    """Weights large enough that no unit is nearly linear."""
    generator = torch.Generator().manual_seed(seed)
    shape = (n_points, landscape.n_parameters)
    return 0.5 * torch.randn(shape, generator=generator, dtype=torch.float64).to(landscape.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_function_stays_as_it_is(name, dtype):
    module, image = network(name)
    landscape = image_landscape(module, dtype, image)
    points = random_points(landscape)
    expected = landscape.energy(points)
    tolerance = 1e-12 if dtype is torch.float64 else 3e-5
    for seed in range(3):
        copies = apply(landscape.symmetry, points, random_element(landscape.symmetry, seed))
        assert (copies - points).norm(dim=1).min() > 1
        torch.testing.assert_close(landscape.energy(copies), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", MODULES)
def test_chains_of_layers_need_no_declaration(name):
    landscape = image_landscape(MODULES[name], torch.float64)
    points = random_points(landscape)
    copies = apply(landscape.symmetry, points, random_element(landscape.symmetry, 1))
    assert (copies - points).norm(dim=1).min() > 1
    torch.testing.assert_close(landscape.energy(copies), landscape.energy(points), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("fcp", [("layers.0", 50, False), ("layers.2", 50, False)]),
        ("fcp, tanh", [("layers.0", 7, True), ("layers.2", 5, True)]),
        ("autoencoder", [("layers.0", 32, False), ("layers.2", 32, False), ("layers.4", 32, False)]),
        ("lenet", [("layers.0", 6, False), ("layers.3", 16, False), ("layers.7", 120, False), ("layers.9", 84, False)]),
        ("lstm", [("hidden", 48, True)]),
    ],
)
def test_groups_of_the_four_networks(name, groups):
    symmetry = symmetry_of(network(name)[0])
    assert symmetry.groups == tuple(UnitGroup(*group) for group in groups)


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("convolutions", [("0", 3, False), ("3", 4, True), ("6", 6, True)]),
        ("an activation used twice", [("1", 5, False), ("3", 4, False)]),
        ("normalized", [("4", 4, True)]),
    ],
)
def test_groups_of_chains(name, groups):
    assert symmetry_of(MODULES[name]).groups == tuple(UnitGroup(*group) for group in groups)


def shared_layer():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), layer)


@pytest.mark.parametrize(
    "module",
    [
        shared_layer(),
        nn.Sequential(nn.Linear(4, 4), nn.Softmax(dim=1), nn.Linear(4, 4)),
        nn.Sequential(nn.Linear(4, 4), nn.AvgPool1d(3, 1, 1), nn.Linear(4, 4)),
        nn.Sequential(nn.Conv1d(4, 4, 1), nn.Linear(4, 4)),
        nn.Sequential(nn.Conv1d(4, 4, 1), nn.Flatten(), nn.AvgPool1d(3, 1, 1), nn.Linear(16, 4)),
        nn.Sequential(nn.Conv1d(4, 4, 1), nn.Tanh(), nn.Conv1d(4, 4, 1, groups=2)),
        nn.Sequential(nn.Linear(4, 3), nn.Flatten(), nn.Linear(12, 4)),
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)),
        nn.Bilinear(4, 4, 4),
    ],
    ids=["shared", "softmax", "pooled units", "not flattened", "pooled late", "grouped", "steps", "normed", "bilinear"],
)
def test_what_is_not_known_to_treat_units_alike_has_no_groups(module):
    assert symmetry_of(module).groups == ()


def test_every_layer_on_the_list_of_elementwise_ones_treats_units_alike():
    from elsuite.symmetry.modules import _ELEMENTWISE, _ODD

    values = torch.randn(4, 3, dtype=torch.float64)
    for kind in _ELEMENTWISE:
        layer = kind().eval()
        outputs = layer(values)
        torch.testing.assert_close(layer(values[:, [2, 0, 1]]), outputs[:, [2, 0, 1]], rtol=0, atol=1e-15)
        odd = torch.allclose(layer(-values), -outputs, rtol=0, atol=1e-15)
        assert odd or kind not in _ODD


def test_permuting_by_hand():
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1, bias=False))
    symmetry = symmetry_of(module)
    vector = np.array([1, 2, 3, 4, 5, 6, 10, 20, 30, 7, 8, 9], dtype=float)
    moved = apply(symmetry, vector, (np.array([3, -1, 2]),))
    assert moved.tolist() == [5, 6, -1, -2, 3, 4, 30, -10, 20, 9, -7, 8]


@st.composite
def symmetries(draw):
    """Chains of random sizes, with and without sign flips, one of them recurrent."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=3, max_size=4))
    flips = draw(st.booleans())
    axes = [None, *(Axis(f"h{k}", flips) for k in range(len(sizes) - 2)), None]
    blocks = [Block((axes[k + 1], axes[k]), (sizes[k + 1], sizes[k])) for k in range(len(sizes) - 1)]
    if draw(st.booleans()):
        blocks.append(Block((Axis("h0"), Axis("h0", flips)), (sizes[1], sizes[1])))
    return UnitSymmetry(tuple(blocks))


@given(symmetry=symmetries(), seeds=st.tuples(*[st.integers(0, 2**32)] * 3))
def test_group_laws(symmetry, seeds):
    f, g, h = (random_element(symmetry, seed) for seed in seeds)
    vectors = np.random.default_rng(seeds[0]).normal(size=(2, symmetry.n_parameters))
    both = tuple(map(permute, f, g))
    # Acting one after the other is acting by the composition, on units and on parameters.
    expected = apply(symmetry, apply(symmetry, vectors, f), g)
    np.testing.assert_array_equal(apply(symmetry, vectors, both), expected)
    p, q = parameter_permutation(symmetry, f), parameter_permutation(symmetry, g)
    np.testing.assert_array_equal(parameter_permutation(symmetry, both), permute(p, q))
    # Inverse, identity, associativity.
    undone = tuple(inverse(units) for units in f)
    np.testing.assert_array_equal(apply(symmetry, apply(symmetry, vectors, f), undone), vectors)
    np.testing.assert_array_equal(permute(permute(vectors, p), inverse(p)), vectors)
    for units, identity in zip(f, identity_element(symmetry), strict=True):
        np.testing.assert_array_equal(permute(units, inverse(units)), identity)
    for x, y, z in zip(f, g, h, strict=True):
        np.testing.assert_array_equal(permute(permute(x, y), z), permute(x, permute(y, z)))
    np.testing.assert_array_equal(apply(symmetry, vectors, identity_element(symmetry)), vectors)


def test_tensors_of_more_numbers_than_float32_can_count_are_permuted_as_arrays_are():
    values = np.zeros(2**24 + 3, dtype=np.float32)
    values[-3:] = 1, 2, 3
    permutation = np.roll(np.arange(1, len(values) + 1, dtype=np.int32), 1)
    assert permute(torch.from_numpy(values), permutation)[-2:].tolist() == permute(values, permutation)[-2:].tolist()


@given(symmetry=symmetries(), seed=st.integers(0, 2**32))
def test_arrays_and_tensors_are_permuted_alike(symmetry, seed):
    element = random_element(symmetry, seed)
    vectors = np.random.default_rng(seed).normal(size=(2, symmetry.n_parameters)).astype(np.float32)
    moved = apply(symmetry, torch.as_tensor(vectors), element)
    assert moved.dtype is torch.float32
    np.testing.assert_array_equal(moved.numpy(), apply(symmetry, vectors, element))
    assert parameter_permutation(symmetry, element).dtype == np.int32


class Skip(nn.Module):
    """Two hidden layers, the second with a connection around it: both have the same units."""

    def __init__(self, declared=True):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 5), nn.Linear(5, 5), nn.Linear(5, 2)
        hidden = Axis("hidden")
        self.declared = {
            "first.weight": Block((hidden, None)),
            "first.bias": Block((hidden,)),
            "second.weight": Block((hidden, hidden)),
            "second.bias": Block((hidden,)),
            "last.weight": Block((None, hidden)),
        }

    def forward(self, inputs):
        hidden = torch.relu(self.first(inputs))
        return self.last(hidden + torch.relu(self.second(hidden)))

    def unit_axes(self):
        return self.declared


def skip_landscape(module):
    generator = torch.Generator().manual_seed(2)
    inputs, targets = torch.rand(9, 3, generator=generator), torch.rand(9, 2, generator=generator)
    return NeuralLandscape(module, nn.MSELoss(), inputs, targets, dtype=torch.float64)


def test_a_module_declares_its_own():
    landscape = skip_landscape(Skip())
    points = random_points(landscape)
    copies = apply(landscape.symmetry, points, random_element(landscape.symmetry, 3))
    assert landscape.symmetry.groups == (UnitGroup("hidden", 5, False),)
    torch.testing.assert_close(landscape.energy(copies), landscape.energy(points), rtol=1e-12, atol=1e-12)


def test_groups_of_frozen_tensors_are_left_out():
    module = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))
    module[0].weight.requires_grad_(False)
    landscape = skip_landscape(module)
    points = random_points(landscape)
    assert landscape.symmetry.groups == (UnitGroup("2", 4, False),)
    assert landscape.symmetry.n_parameters == landscape.n_parameters
    copies = apply(landscape.symmetry, points, random_element(landscape.symmetry, 3))
    torch.testing.assert_close(landscape.energy(copies), landscape.energy(points), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("tensor", "block", "message"),
    [
        ("third.weight", Block((Axis("hidden"), None)), "axes of third.weight declared; the module has first.weight"),
        ("first.weight", Block((Axis("hidden"),)), "as many axes as its shape"),
        ("first.weight", Block((None, Axis("hidden"))), "group 'hidden' has 3 units, but 5"),
        ("first.weight", Block((Axis("hidden"), None), (5, 2)), r"first.weight of shape \(5, 3\) is declared"),
    ],
)
def test_declarations_that_do_not_fit(tensor, block, message):
    module = Skip()
    module.declared[tensor] = block
    with pytest.raises(ValueError, match=message):
        symmetry_of(module)


def test_lstm_layers_that_have_no_declaration():
    with pytest.raises(ValueError, match="one layer in one direction"):
        lstm_axes(nn.LSTM(3, 4, num_layers=2), "lstm.", "output.weight")


def test_activations_belong_to_their_units():
    for name in ("fcp, tanh", "lenet, tanh", "lstm, small"):
        module, image = network(name)
        landscape = image_landscape(module, torch.float64, image)
        point = random_points(landscape, 1)[0]
        element = random_element(landscape.symmetry, 4)
        copy = apply(landscape.symmetry, point, element)
        values, moved = landscape.unit_activations(point), landscape.unit_activations(copy)
        for group, units in zip(landscape.symmetry.groups, element, strict=True):
            expected = permute(values[group.name].T, units).T
            torch.testing.assert_close(moved[group.name], expected, rtol=0, atol=1e-12)


def test_sequential_axes_take_a_prefix():
    chain = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 2, bias=False))
    assert list(sequential_axes(chain, "body.")) == ["body.0.weight", "body.2.weight"]
