"""Units that may be rescaled: which, that nothing changes, and that copies with other factors are recovered."""

import numpy as np
import pytest
import torch
from torch import nn

from elsuite.landscapes import NeuralLandscape
from elsuite.paths import align
from elsuite.symmetry.modules import symmetry_of
from elsuite.symmetry.permutations import Axis, Block, apply, random_element
from elsuite.symmetry.scales import Scaling, match_with_scales, rescaled
from elsuite.symmetry.scaling_search import scalings_of
from elsuite.symmetry.tracing import Example
from elsuite.symmetry.units import UnitSymmetry, match_weights
from tests.symmetry.test_tracing import outputs, random_point, seeded
from tests.symmetry.traced_modules import (
    Grouping,
    LanguageModel,
    Perceptron,
    Recurrent,
    ResNet,
    UNet,
    convolutions,
    random,
    words,
)

pytestmark = pytest.mark.making

RESCALED = {
    "rectified, then odd": (Perceptron, random(6, 12), ["first"]),
    "rectified": (
        lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.LeakyReLU(), nn.Linear(6, 3)),
        random(6, 5),
        ["0", "2"],
    ),
    # What a normalization with statistics of the data reads is divided by its width plus a small constant: not exact.
    "normalized": (convolutions, random(6, 1, 8, 8), ["0", "8"]),
    "residual": (ResNet, random(4, 1, 6, 6), ["stem", "blocks.0.first", "blocks.1.first", "blocks.1.second"]),
    "concatenated": (UNet, random(2, 1, 6, 6), ["down", "bottom", "up", "joined"]),
    "language model": (
        LanguageModel, words(2, 5), ["places", "places", "attention.joint.inner", "attention.joint.inner#2"],
    ),
    "grouped queries": (Grouping, words(2, 5), ["tokens", "values.inner", "gate"]),
    "none": (lambda: Recurrent(nn.LSTM), random(2, 3, 3), []),
}  # fmt: skip


def found(name):
    make, inputs, groups = RESCALED[name]
    module = seeded(make)
    names = [own for own, _ in module.named_parameters()]
    symmetry = symmetry_of(module, names, inputs=inputs, statistics="estimated")
    scalings = scalings_of(module, names, Example(inputs), symmetry, batch_statistics=True)
    return module.train(), names, inputs, symmetry, scalings, groups


def some_factors(symmetry, scalings, seed):
    rng = np.random.default_rng(seed)
    sizes = {group.name: group.size for group in symmetry.groups}
    return [np.exp(rng.normal(size=sizes[scaling.group])) for scaling in scalings]


@pytest.mark.parametrize("name", RESCALED)
def test_units_are_rescaled_and_copies_recovered(name):
    module, names, inputs, symmetry, scalings, groups = found(name)
    for layer in module.modules():
        if isinstance(layer, nn.Dropout):
            layer.eval()
    assert sorted(scaling.group for scaling in scalings) == sorted(groups)
    point = random_point(module, names)
    moved = rescaled(symmetry, scalings, point, some_factors(symmetry, scalings, 1))
    expected = outputs(module, names, point, inputs)
    np.testing.assert_allclose(outputs(module, names, moved, inputs), expected, rtol=1e-8, atol=1e-8)
    copy = apply(symmetry, moved, random_element(symmetry, 2))
    match = match_with_scales(symmetry, scalings, point, copy)
    assert match.converged
    assert match.distance < 1e-9 * np.linalg.norm(point)
    renamed = rescaled(symmetry, scalings, apply(symmetry, copy, match.element), match.factors)
    np.testing.assert_array_equal(renamed, match.coordinates)
    other = random_point(module, names, 5)
    match = match_with_scales(symmetry, scalings, point, other)
    plain = match_weights(symmetry, point, other).distance
    assert match.distance < plain if scalings else match.distance == plain


def test_the_best_factor_is_the_best_of_all():
    """Against a fine grid of factors of one unit, weights with and without a common direction."""
    hidden = Axis("hidden")
    symmetry = UnitSymmetry((Block((hidden, None), (1, 3)), Block((None, hidden), (2, 1))))
    scaling = Scaling("hidden", ((0, 0, 1), (1, 1, -1)))
    for seed in range(6):
        a, b = np.random.default_rng(seed).normal(size=(2, 5))
        match = match_with_scales(symmetry, [scaling], a, b)
        grid = np.exp(np.linspace(-4, 4, 801))
        distances = [np.linalg.norm(a - rescaled(symmetry, [scaling], b, [[factor]])) for factor in grid]
        assert match.distance <= min(distances) * (1 + 1e-12)
        assert match.distance == pytest.approx(min(distances), rel=1e-3)


def rectified_landscape(regularization=None):
    generator = torch.Generator().manual_seed(0)
    inputs, targets = torch.rand(20, 5, generator=generator), torch.rand(20, 3, generator=generator)
    module = seeded(RESCALED["rectified"][0])
    return NeuralLandscape(module, nn.MSELoss(), inputs, targets, dtype=torch.float64, regularization=regularization)


def test_solutions_are_aligned_with_scales():
    landscape = rectified_landscape()
    a, b = landscape.initial_points([0, 1])
    plain, scaled = align(landscape, a, b), align(landscape, a, b, scales=True)
    assert scaled.distance_after < plain.distance_after
    assert scaled.energy_difference == pytest.approx(0, abs=1e-12)
    assert scaled.permutation is None
    assert [len(factors) for factors in scaled.factors] == [7, 6]
    moved = rescaled(
        landscape.symmetry, landscape.unit_scalings, b, some_factors(landscape.symmetry, landscape.unit_scalings, 3)
    )
    assert align(landscape, b, moved, scales=True).distance_after < 1e-10
    with pytest.raises(ValueError, match="scales: given True, allowed for networks"):
        align(landscape, a, b, scales=True, method="activations")


def test_a_term_in_the_parameters_keeps_scales_apart():
    landscape = rectified_landscape(lambda tensors: sum(tensor.square().sum() for tensor in tensors.values()))
    a, b = landscape.initial_points([0, 1])
    assert len(landscape.symmetry.groups) == 2
    with pytest.raises(ValueError, match="no units of this network can be rescaled"):
        align(landscape, a, b, scales=True)
