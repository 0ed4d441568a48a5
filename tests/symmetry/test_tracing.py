"""Units found by following a module's operations: which, that they are right, and that copies are recovered."""

import copy
import json

import numpy as np
import pytest
import torch
from torch import nn

from elsuite.symmetry import symmetry_from
from elsuite.symmetry.modules import symmetry_of
from elsuite.symmetry.permutations import (
    apply,
    composed,
    identity_element,
    inverse_element,
    parameter_permutation,
    permute,
    random_element,
)
from elsuite.symmetry.units import match_weights
from tests.symmetry.traced_modules import TRACED, Perceptron, ResNet, WithBuffer, convolutions, random

pytestmark = pytest.mark.making


def seeded(make, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return make()


def outputs(module, names, point, inputs):
    """Evaluate by plain torch what a point gives: nothing of the package but the order of its tensors."""
    own = copy.deepcopy(module).double()
    tensors = dict(own.named_parameters()) | dict(own.named_buffers())
    begin = 0
    for name in names:
        size = tensors[name].numel()
        tensors[name].data.copy_(torch.as_tensor(point[begin : begin + size]).view(tensors[name].shape))
        begin += size
    double = torch.utils._pytree.tree_map(lambda x: x.double() if x.is_floating_point() else x, inputs)
    given = own(**double) if isinstance(double, dict) else own(*double) if isinstance(double, tuple) else own(double)
    return torch.cat([x.flatten() for x in torch.utils._pytree.tree_leaves(given)]).detach().numpy()


def random_point(module, names, seed=0):
    rng = np.random.default_rng(seed)
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    parts = [0.5 * rng.normal(size=tensors[name].numel()) for name in names]
    return np.concatenate([np.exp(p) if n.endswith("running_var") else p for n, p in zip(names, parts, strict=True)])


def check(module, symmetry, names, inputs):
    """Copies give the same outputs, and are recovered from the weights."""
    point = random_point(module, names)
    expected = outputs(module, names, point, inputs)
    assert np.ptp(expected) > 0
    copies = [apply(symmetry, point, random_element(symmetry, seed)) for seed in range(3)]
    assert np.linalg.norm(np.array(copies) - point) > 0.1
    for moved in copies:
        np.testing.assert_allclose(outputs(module, names, moved, inputs), expected, rtol=1e-9, atol=1e-9)
        assert match_weights(symmetry, point, moved).distance == 0


@pytest.mark.parametrize("name", TRACED)
def test_units_are_found_and_are_interchangeable(name):
    make, inputs, groups = TRACED[name]
    module = seeded(make).eval()
    symmetry = symmetry_of(module, inputs=inputs)
    found = [(group.name, group.size, group.flips) for group in symmetry.groups]
    assert groups is None or found == groups
    assert not symmetry.note
    if found:
        check(module, symmetry, [name for name, _ in module.named_parameters()], inputs)


NORMED = {
    "convolutions": (convolutions, random(4, 1, 8, 8), [("0", 3), ("4", 4), ("8", 6)]),
    "residual": (
        ResNet,
        random(4, 1, 6, 6),
        [("stem", 4), ("blocks.0.first", 4), ("blocks.1.first", 8), ("blocks.1.second", 8)],
    ),
}


@pytest.mark.parametrize("name", NORMED)
def test_averages_of_batch_normalizations_are_renamed_where_they_belong_to_the_point(name):
    make, inputs, groups = NORMED[name]
    module = seeded(make)
    module(inputs)
    module.eval()
    names = [n for n, _ in module.named_parameters()]
    stored = [*names, *(n for n, buffer in module.named_buffers() if buffer.is_floating_point())]
    symmetry = symmetry_of(module, stored, inputs=inputs, statistics="stored")
    assert [(group.name, group.size) for group in symmetry.groups] == groups
    check(module, symmetry, stored, inputs)
    # Frozen ones differ from unit to unit, and stay where they are.
    assert symmetry_of(module, names, inputs=inputs).groups == ()
    # Estimated ones follow from the data.
    estimated = symmetry_of(module, names, inputs=inputs, statistics="estimated")
    assert [(group.name, group.size) for group in estimated.groups] == groups
    check(module.train(), estimated, names, inputs)


def test_buffers_that_are_coordinates_are_renamed():
    module = WithBuffer()
    names = [*(name for name, _ in module.named_parameters()), "shift"]
    symmetry = symmetry_of(module, names, inputs=random(2, 3))
    assert [group.name for group in symmetry.groups] == ["first", "second"]
    check(module, symmetry, names, random(2, 3))


@pytest.mark.parametrize("name", ["encoder", "grouped queries", "grouped", "concatenated"])
def test_laws_hold_for_units_within_units(name):
    make, inputs, _ = TRACED[name]
    symmetry = symmetry_of(seeded(make).eval(), inputs=inputs)
    assert symmetry_from(json.loads(json.dumps(symmetry.description()))) == symmetry
    vector = np.random.default_rng(0).normal(size=symmetry.n_parameters)
    f, g = random_element(symmetry, 1), random_element(symmetry, 2)
    expected = apply(symmetry, apply(symmetry, vector, f), g)
    np.testing.assert_array_equal(apply(symmetry, vector, composed(symmetry, f, g)), expected)
    np.testing.assert_array_equal(apply(symmetry, apply(symmetry, vector, f), inverse_element(symmetry, f)), vector)
    for units, identity in zip(
        composed(symmetry, f, inverse_element(symmetry, f)), identity_element(symmetry), strict=True
    ):
        np.testing.assert_array_equal(units, identity)
    np.testing.assert_array_equal(permute(vector, parameter_permutation(symmetry, f)), apply(symmetry, vector, f))


def test_a_group_that_changes_the_outputs_is_dropped_with_a_note():
    class Hidden(nn.Module):
        """Reads its hidden units in a way that can't be followed: through numpy."""

        def __init__(self):
            super().__init__()
            self.first, self.second, self.last = nn.Linear(3, 4), nn.Linear(3, 5), nn.Linear(4, 2)
            self.other = nn.Linear(5, 2)

        def forward(self, inputs):
            hidden = torch.relu(self.first(inputs))
            places = torch.as_tensor(hidden.detach().numpy() @ np.arange(4.0)).to(inputs)
            return self.last(hidden) + self.other(torch.relu(self.second(inputs))) + places[:, None]

    for seed in range(10):  # with some, no hidden unit gives anything at the first random point
        symmetry = symmetry_of(seeded(Hidden, seed), inputs=random(4, 3))
        assert [group.name for group in symmetry.groups] == ["second"]
        assert symmetry.note == "renaming first changes its outputs"


def test_modules_that_take_positive_parameters_are_checked_near_their_own():
    class Spread(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.spread, self.last = nn.Linear(3, 40), nn.Parameter(torch.ones(40)), nn.Linear(40, 2)

        def forward(self, inputs):
            return self.last(self.first(inputs) / self.spread.sqrt())

    assert [group.size for group in symmetry_of(Spread(), inputs=random(4, 3)).groups] == [40]


def test_what_can_not_be_followed_has_no_groups_and_says_why():
    class Failing(Perceptron):
        def forward(self, inputs):
            raise RuntimeError("not today\nmore")

    class Noisy(Perceptron):
        def forward(self, inputs):
            return super().forward(inputs) + torch.rand(3)

    assert (
        symmetry_of(Failing(), inputs=random(2, 12)).note == "its operations can't be followed: RuntimeError: not today"
    )
    assert symmetry_of(Noisy(), inputs=random(2, 12)).note == "its outputs are not the same twice"
    for module in (Failing(), Noisy()):
        assert symmetry_of(module, inputs=random(2, 12)).groups == ()
    with pytest.raises(ValueError, match="statistics 'best' given; one of frozen, stored, estimated is expected"):
        symmetry_of(Perceptron(), statistics="best")


def test_only_the_loss_has_to_stay_where_it_is_given():
    class Talkative(Perceptron):
        def forward(self, inputs):
            hidden = torch.relu(self.first(inputs.flatten(1)))
            return {"logits": self.last(torch.tanh(self.second(hidden))), "hidden": hidden}

    module, inputs, targets = seeded(Talkative), random(4, 12), torch.tensor([0, 1, 2, 0])
    assert [group.name for group in symmetry_of(module, inputs=inputs).groups] == ["second"]

    def loss(outputs, targets):
        return nn.functional.cross_entropy(outputs["logits"], targets)

    given = {"inputs": inputs, "targets": targets, "loss": loss}
    assert [group.name for group in symmetry_of(module, **given).groups] == ["first", "second"]

    def term(tensors):
        return (tensors["first.weight"] * torch.arange(12)).sum() + tensors["second.bias"].square()[:2].sum()

    # The outputs of the first layer are alike in the term, two of the second's are apart from the other three.
    found = symmetry_of(module, **given, term=term).groups
    assert [(group.name, group.size) for group in found] == [("first", 7), ("second", 2), ("second#2", 3)]


def test_losses_that_hold_tensors():
    """Of one precision: in a module, and where nothing can be done about it."""
    module, inputs, targets = seeded(Perceptron), random(4, 12), torch.tensor([0, 1, 2, 0])
    weight = torch.tensor([1.0, 2.0, 3.0])

    def bound(outputs, targets):
        assert outputs.dtype == torch.float16
        return nn.functional.cross_entropy(outputs, targets, weight=weight)

    for loss in (nn.CrossEntropyLoss(weight=weight), bound):
        symmetry = symmetry_of(module, inputs=inputs, targets=targets, loss=loss)
        assert [group.name for group in symmetry.groups] == ["first", "second"]


def test_targets_that_happen_to_be_alike_do_not_make_outputs_interchangeable():
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 5))
    given = {"inputs": random(4, 3), "targets": torch.zeros(4, 5), "loss": nn.MSELoss()}
    assert [group.name for group in symmetry_of(nn.Sequential(*module, nn.Identity()), **given).groups] == ["0"]
    assert [group.name for group in symmetry_of(nn.Sequential(module), **given).groups] == ["0.0"]


def test_modules_bound_to_a_precision_are_followed_in_it():
    class Single(Perceptron):
        def forward(self, inputs):
            return super().forward(inputs.float())

    assert [group.name for group in symmetry_of(Single(), inputs=random(4, 12)).groups] == ["first", "second"]


def test_a_declaration_goes_before_what_is_found_and_the_module_stays_as_it_is():
    class Declared(Perceptron):
        def forward(self, inputs):
            return super().forward(inputs)

        def unit_axes(self):
            return {}

    assert symmetry_of(Declared(), inputs=random(4, 12)).groups == ()
    module = seeded(Perceptron)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    symmetry_of(module, inputs=random(4, 12))
    assert module.training
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def residual_groups(n_blocks):
    """Facts of git-re-basin's specification of ResNet20: one group a stage's stream, one inside of each block."""
    return 3 + 3 * n_blocks


def test_groups_are_those_that_are_known_of_common_networks():
    images = random(2, 1, 8, 8)
    resnet = symmetry_of(ResNet((4, 4, 8, 16), n_blocks=3), inputs=images, statistics="estimated")
    assert len(resnet.groups) == residual_groups(3)
    widths = [3, 4, 5, 6]
    layers = [
        layer
        for n_in, n_out in zip([1, *widths], widths, strict=False)
        for layer in (nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU())
    ]
    vgg = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 7), nn.ReLU(), nn.Linear(7, 2))
    found = symmetry_of(vgg, inputs=images, statistics="estimated").groups
    assert [group.size for group in found] == [*widths, 7]


def test_modules_with_derivatives_inside_are_followed():
    class Physics(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))

        def forward(self, x):
            x = x.requires_grad_()
            u = self.layers(x)
            (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
            return slope + u

    module = seeded(Physics)
    x = torch.rand(4, 1)
    symmetry = symmetry_of(module, inputs=x.clone())
    assert [(group.size, group.flips) for group in symmetry.groups] == [(5, True), (4, True)]
    point = random_point(module, [name for name, _ in module.named_parameters()])
    names = [name for name, _ in module.named_parameters()]
    moved = apply(symmetry, point, random_element(symmetry, 1))
    assert np.allclose(outputs(module, names, moved, x), outputs(module, names, point, x))
