"""Ready declarations: what they give is what is found by following operations."""

import numpy as np
import pytest
import torch
from torch import nn

from elsuite.symmetry.declarations import attention_axes, layer_axes
from elsuite.symmetry.modules import symmetry_of
from elsuite.symmetry.permutations import Axis, Block, Box, apply
from elsuite.symmetry.units import UnitSymmetry
from tests.symmetry.test_tracing import check
from tests.symmetry.traced_modules import random

pytestmark = pytest.mark.making


class Residual(nn.Module):
    """A stream of channels: a block that adds to it, a depthwise convolution, one backward."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.depthwise = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1, groups=4)
        self.first, self.second = nn.Conv2d(4, 6, 1), nn.ConvTranspose2d(6, 4, 1, bias=False)
        self.last = nn.Linear(4, 2)

    def unit_axes(self):
        stream, inner = Axis("stream"), Axis("inner")
        return {
            **layer_axes(self.stem, "stem.", outputs=stream),
            **layer_axes(self.norm, "norm.", inputs=stream, outputs=stream),
            **layer_axes(self.depthwise, "depthwise.", inputs=stream, outputs=stream),
            **layer_axes(self.first, "first.", inputs=stream, outputs=inner),
            **layer_axes(self.second, "second.", inputs=inner, outputs=stream),
            **layer_axes(self.last, "last.", inputs=stream),
        }

    def forward(self, inputs):
        hidden = self.norm(self.stem(inputs)) + self.depthwise(self.stem(inputs))
        return self.last((hidden + self.second(torch.relu(self.first(hidden)))).mean((2, 3)))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.attention, self.norm = nn.Embedding(11, 8), nn.MultiheadAttention(8, 2), nn.LayerNorm(8)
        self.last = nn.Linear(8, 2)

    def unit_axes(self):
        stream = Axis("stream")
        return {
            **layer_axes(self.words, "words.", outputs=stream),
            **attention_axes(self.attention, "attention.", stream=stream),
            **layer_axes(self.norm, "norm.", outputs=stream),
            **layer_axes(self.last, "last.", inputs=stream),
        }

    def forward(self, inputs):
        hidden = self.words(inputs)
        return self.last(self.norm(hidden + self.attention(hidden, hidden, hidden)[0]))


def test_layers_that_share_units():
    module, inputs = Residual(), random(3, 1, 5, 5)
    module(inputs)
    module.eval()
    names = [name for name, _ in module.named_parameters()]
    assert symmetry_of(module, names, statistics="frozen").groups[0].name == "inner"
    assert [g.name for g in symmetry_of(module, names, statistics="estimated").groups] == ["stream", "inner"]
    stored = [*names, "norm.running_mean", "norm.running_var"]
    check(module, symmetry_of(module, stored, statistics="stored"), stored, inputs)
    check(module.train(), symmetry_of(module, names, statistics="estimated"), names, inputs)


def test_heads_and_the_units_in_them():
    module, inputs = Transformer().eval(), torch.arange(11).view(1, -1)
    symmetry = symmetry_of(module)
    found = [(group.name, group.size, group.within) for group in symmetry.groups]
    assert found == [
        ("stream", 8, ""),
        ("attention.heads", 2, ""),
        ("attention.keys", 8, "attention.heads"),
        ("attention.values", 8, "attention.heads"),
    ]
    check(module, symmetry, [name for name, _ in module.named_parameters()], inputs)
    module.attention.in_proj_bias.requires_grad_(False)
    assert [group.name for group in symmetry_of(module).groups] == ["stream"]


@pytest.mark.parametrize(
    ("layer", "axes", "message"),
    [
        (nn.Conv2d(4, 4, 1, groups=2), {}, "one group, or one channel in each, is expected"),
        (nn.LayerNorm((2, 3)), {}, "a normalization along one axis"),
        (nn.BatchNorm1d(3), {"inputs": Axis("a"), "outputs": Axis("b")}, "it gives the units that it reads"),
        (nn.Bilinear(2, 2, 2), {}, "a dense layer, convolution, embedding or normalization is expected"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), {}, "is expected|are expected"),
    ],
)
def test_layers_that_are_not_known(layer, axes, message):
    with pytest.raises(ValueError, match=message):
        layer_axes(layer, "", **axes)


def test_units_within_units_move_as_the_format_says():
    """By loops: the outer unit first, then those in it by the run of its new place; and a box of a tensor."""
    outer, inner = Axis("outer"), Axis("inner", flips=True, within="outer")
    box = Box((2, 7), (0, 1), (2, 6))
    blocks = (
        Block((None, None), (2, 1), "joint", Box((2, 7), (0, 0), (2, 1))),
        Block((None, outer, inner), (2, 2, 3), "joint", box),
    )
    symmetry = UnitSymmetry(blocks)
    assert [(group.name, group.size) for group in symmetry.groups] == [("outer", 2), ("inner", 6)]
    point = np.arange(1.0, 15.0)
    p, q = np.array([2, 1], dtype=np.int32), np.array([3, -1, 2, 4, 6, -5], dtype=np.int32)
    moved = apply(symmetry, point, (p, q)).reshape(2, 7)
    tensor = point.reshape(2, 7)
    for row in range(2):
        assert moved[row, 0] == tensor[row, 0]
        for k in range(2):
            for j in range(3):
                source = abs(q[3 * k + j]) - 1 - 3 * k
                expected = np.sign(q[3 * k + j]) * tensor[row, 1 + 3 * (p[k] - 1) + source]
                assert moved[row, 1 + 3 * k + j] == expected


def test_units_within_a_group_that_is_not_there_are_refused():
    with pytest.raises(ValueError, match="group 'inner' is within 'outer', which no axis counts"):
        UnitSymmetry((Block((Axis("inner", within="outer"),), (3,)),))


def test_attention_of_several_widths_is_refused():
    with pytest.raises(ValueError, match="of one width"):
        attention_axes(nn.MultiheadAttention(4, 2, kdim=3), "")
