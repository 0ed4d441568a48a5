"""Modules of the kinds that people write, with the groups of interchangeable units that each has."""

import itertools

import torch
from torch import nn
from torch.nn import functional


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(12, 7), nn.Linear(7, 5), nn.Linear(5, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, inputs):
        hidden = self.drop(functional.relu(self.first(inputs.flatten(1))))
        return self.last(torch.tanh(self.second(hidden)).view(len(inputs), -1))


def convolutions():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4),
        nn.Tanh(), nn.Flatten(), nn.Linear(16, 6), nn.BatchNorm1d(6), nn.LeakyReLU(), nn.Linear(6, 2),
    )  # fmt: skip


class ResidualBlock(nn.Module):
    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out)
        self.second, self.second_norm = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False), nn.BatchNorm2d(n_out)
        self.skip = nn.Identity()
        if n_in != n_out:
            self.skip = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, inputs):
        hidden = functional.relu(self.first_norm(self.first(inputs)))
        return functional.relu(self.second_norm(self.second(hidden)) + self.skip(inputs))


class ResNet(nn.Module):
    def __init__(self, widths=(4, 4, 8), n_blocks=1):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0])
        blocks = [
            ResidualBlock(n_in if k == 0 else n_out, n_out, 2 if k == 0 and n_in < n_out else 1)
            for n_in, n_out in itertools.pairwise(widths)
            for k in range(n_blocks)
        ]
        self.blocks, self.last = nn.Sequential(*blocks), nn.Linear(widths[-1], 3)

    def forward(self, inputs):
        hidden = self.blocks(functional.relu(self.norm(self.stem(inputs))))
        return self.last(functional.adaptive_avg_pool2d(hidden, 1).flatten(1))


class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.first, self.second = (nn.Conv2d(n, m, 3, padding=1) for n, m in ((1, 4), (4, 3), (7, 2)))
        self.norm, self.last = nn.BatchNorm2d(9), nn.Linear(9, 2)

    def forward(self, inputs):
        hidden = self.stem(inputs)
        for layer in (self.first, self.second):
            hidden = torch.cat([hidden, layer(functional.relu(hidden))], dim=1)
        return self.last(functional.relu(self.norm(hidden)).mean((2, 3)))


class Grouped(nn.Module):
    """Depthwise and grouped convolutions, a shuffle between, group normalization, squeeze and excitation."""

    def __init__(self):
        super().__init__()
        self.first, self.grouped = nn.Conv2d(1, 8, 1), nn.Conv2d(8, 8, 1, groups=2)
        self.depthwise, self.norm = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.GroupNorm(4, 8)
        self.squeeze, self.excite, self.last = nn.Linear(8, 3), nn.Linear(3, 8), nn.Linear(8, 2)

    def forward(self, inputs):
        hidden = functional.relu(self.grouped(functional.relu(self.first(inputs))))
        hidden = hidden.unflatten(1, (2, 4)).transpose(1, 2).flatten(1, 2)
        hidden = functional.silu(self.norm(self.depthwise(hidden)))
        gates = torch.sigmoid(self.excite(functional.relu(self.squeeze(hidden.mean((2, 3))))))
        return self.last((hidden * gates[:, :, None, None]).amax((2, 3)))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.bottom = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.up, self.joined, self.last = (
            nn.ConvTranspose2d(6, 5, 2, 2),
            nn.Conv2d(9, 4, 3, padding=1),
            nn.Conv2d(4, 1, 1),
        )

    def forward(self, inputs):
        down = functional.relu(self.down(inputs))
        up = functional.relu(self.up(functional.relu(self.bottom(down))))
        return self.last(functional.relu(self.joined(torch.cat([down, up], dim=1))))


class Encoder(nn.Module):
    def __init__(self, n_layers=2):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
        self.first, self.layers, self.last = nn.Linear(3, 8), nn.TransformerEncoder(layer, n_layers), nn.Linear(8, 2)

    def forward(self, inputs):
        return self.last(self.layers(self.first(inputs)).mean(1))


class Decoder(nn.Module):
    """Attention to another input, which is a dict's, and an output that is a dict."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=10, batch_first=True, norm_first=True)
        self.first, self.other, self.last = nn.Linear(3, 8), nn.Linear(3, 8), nn.Linear(8, 2)
        self.layers = nn.TransformerDecoder(layer, 1)

    def forward(self, inputs, memory):
        return {"logits": self.last(self.layers(self.first(inputs), self.other(memory)))}


class Attention(nn.Module):
    """As small language models have it: one layer for queries, keys and values, a mask, heads by views."""

    def __init__(self, width=8, n_heads=2):
        super().__init__()
        self.n_heads = n_heads
        self.joint, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, inputs):
        n, length, width = inputs.shape
        heads = (part.view(n, length, self.n_heads, -1).transpose(1, 2) for part in self.joint(inputs).split(width, 2))
        queries, keys, values = heads
        scores = queries @ keys.transpose(-2, -1) / (width // self.n_heads) ** 0.5
        mask = torch.ones(length, length, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(mask, -torch.inf).softmax(-1)
        return self.out((weights @ values).transpose(1, 2).reshape(n, length, width))


class LanguageModel(nn.Module):
    """Its last layer is its embedding."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(11, 8), nn.Parameter(torch.randn(1, 6, 8))
        self.norms = nn.ModuleList([nn.LayerNorm(8) for _ in range(3)])
        self.attention, self.up, self.down = Attention(), nn.Linear(8, 24), nn.Linear(24, 8)
        self.last = nn.Linear(8, 11, bias=False)
        self.last.weight = self.tokens.weight

    def forward(self, inputs):
        hidden = self.tokens(inputs) + self.places[:, : inputs.shape[1]]
        hidden = hidden + self.attention(self.norms[0](hidden))
        hidden = hidden + self.down(functional.gelu(self.up(self.norms[1](hidden))))
        return self.last(self.norms[2](hidden))


class Grouping(nn.Module):
    """Queries in groups that share a key and a value, RMS normalization, turned by their places, a gated layer."""

    def __init__(self, n_heads=4, n_shared=2, inner=4):
        super().__init__()
        self.sizes = n_heads, n_shared, inner
        self.tokens, self.norm = nn.Embedding(11, 6), nn.RMSNorm(6)
        self.queries, self.keys, self.values = (
            nn.Linear(6, n * inner, bias=False) for n in (n_heads, n_shared, n_shared)
        )
        self.out, self.gate = nn.Linear(n_heads * inner, 6, bias=False), nn.Linear(6, 10, bias=False)
        self.up, self.down, self.last = nn.Linear(6, 10), nn.Linear(10, 6), nn.Linear(6, 3)

    def turned(self, values):
        half = values.shape[-1] // 2
        angles = torch.arange(values.shape[-2])[:, None] / 10.0 ** torch.arange(half)
        cosines, sines = (f(angles).repeat(1, 2).to(values) for f in (torch.cos, torch.sin))
        return values * cosines + torch.cat([-values[..., half:], values[..., :half]], -1) * sines

    def forward(self, inputs):
        n_heads, n_shared, inner = self.sizes
        hidden = self.tokens(inputs)
        normed = self.norm(hidden)
        queries, keys, values = (
            layer(normed).unflatten(-1, (-1, inner)).transpose(1, 2) for layer in (self.queries, self.keys, self.values)
        )
        keys, values = (x.repeat_interleave(n_heads // n_shared, 1) for x in (self.turned(keys), values))
        found = functional.scaled_dot_product_attention(self.turned(queries), keys, values, is_causal=True)
        hidden = hidden + self.out(found.transpose(1, 2).flatten(2))
        normed = self.norm(hidden)
        return self.last(hidden + self.down(functional.silu(self.gate(normed)) * self.up(normed)))


class Patches(nn.Module):
    """A vision transformer: a token of its own before those of the patches, layers scaled, five axes unbound."""

    def __init__(self, width=12, n_heads=3):
        super().__init__()
        self.n_heads = n_heads
        self.patches, self.joint, self.out = (
            nn.Conv2d(1, width, 4, 4),
            nn.Linear(width, 3 * width),
            nn.Linear(width, width),
        )
        self.token, self.places = nn.Parameter(torch.randn(1, 1, width)), nn.Parameter(torch.randn(1, 5, width))
        self.norm, self.scale, self.last = nn.LayerNorm(width), nn.Parameter(torch.ones(width)), nn.Linear(width, 3)

    def forward(self, inputs):
        hidden = self.patches(inputs).flatten(2).transpose(1, 2)
        hidden = torch.cat([self.token.expand(len(inputs), -1, -1), hidden], 1) + self.places
        n, length, width = hidden.shape
        joint = self.joint(self.norm(hidden)).reshape(n, length, 3, self.n_heads, width // self.n_heads)
        found = functional.scaled_dot_product_attention(*joint.permute(2, 0, 3, 1, 4).unbind(0))
        hidden = hidden + self.scale * self.out(found.transpose(1, 2).reshape(n, length, width))
        return self.last(hidden[:, 0])


class Shared(nn.Module):
    """Heads with one key and one value for all of them, by einsum."""

    def __init__(self):
        super().__init__()
        self.first, self.queries, self.last = nn.Linear(2, 6), nn.Linear(6, 12), nn.Linear(12, 2)
        self.key, self.value = nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, inputs):
        hidden = self.first(inputs)
        queries = self.queries(hidden).unflatten(-1, (3, 4))
        weights = torch.einsum("bthd,bsd->bhts", queries, self.key(hidden)).softmax(-1)
        return self.last(torch.einsum("bhts,bsd->bthd", weights, self.value(hidden)).flatten(2))


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.layers = kind(3, 4, batch_first=True, **options)
        self.last = nn.Linear(8 if self.layers.bidirectional else 4, 2)

    def forward(self, inputs):
        return self.last(self.layers(inputs)[0][:, -1])


class Cell(nn.Module):
    """Steps by hand, written into a tensor of all of them."""

    def __init__(self):
        super().__init__()
        self.cell, self.last = nn.LSTMCell(3, 4), nn.Linear(4, 2)

    def forward(self, inputs):
        hidden = cell = inputs.new_zeros(len(inputs), 4)
        steps = inputs.new_zeros(len(inputs), inputs.shape[1], 4)
        for step in range(inputs.shape[1]):
            hidden, cell = self.cell(inputs[:, step], (hidden, cell))
            steps[:, step] = hidden
        return self.last(steps)


class TiedByTranspose(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.bias, self.last = (nn.Parameter(torch.randn(size)) for size in ((5, 8), 5, 8))

    def forward(self, inputs):
        return functional.linear(
            torch.tanh(functional.linear(inputs, self.weight, self.bias)), self.weight.t(), self.last
        )


class PhysicsInformed(nn.Module):
    """Its outputs are derivatives of a network."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1))

    def forward(self, inputs):
        with torch.enable_grad():
            inputs = inputs.detach().requires_grad_()
            values = self.layers(inputs)
            (first,) = torch.autograd.grad(values.sum(), inputs, create_graph=True)
            (second,) = torch.autograd.grad(first[:, 0].sum(), inputs, create_graph=True)
        return torch.cat([values, first[:, 1:] - second[:, :1]], 1)


class Mixer(nn.Module):
    """Layers along tokens and along channels in turn."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(3, 6), nn.LayerNorm(6), nn.Linear(6, 2)
        self.tokens = nn.Sequential(nn.Linear(4, 7), nn.GELU(), nn.Linear(7, 4))
        self.channels = nn.Sequential(nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 6))

    def forward(self, inputs):
        hidden = self.first(inputs)
        hidden = hidden + self.tokens(self.norm(hidden).transpose(1, 2)).transpose(1, 2)
        return self.last((hidden + self.channels(self.norm(hidden))).mean(1))


class Branches(nn.Module):
    """What it does depends on values, sums are collected in place, one layer is never used."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 8), nn.Linear(8, 8), nn.Linear(8, 2)
        self.unused = nn.Linear(4, 4)

    def forward(self, inputs):
        hidden = functional.relu(self.first(inputs))
        total = torch.zeros_like(hidden)
        total += self.second(hidden)
        total += hidden
        if inputs.sum() > 0:
            total = total * 2
        return self.last(total)


class WithBuffer(nn.Module):
    """A buffer along the channels, of numbers that differ."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.register_buffer("shift", torch.linspace(-1, 1, 6))

    def forward(self, inputs):
        return self.last(functional.relu(self.second(self.first(inputs) + self.shift)))


def random(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


def words(*shape):
    return torch.randint(11, shape, generator=torch.Generator().manual_seed(3))


def flips(**sizes):
    """Return groups with sign flips."""
    return [(name.replace("__", "."), size, True) for name, size in sizes.items()]


HEADS = [("attention.joint", 2, False), ("attention.joint.inner", 8, True), ("attention.joint.inner#2", 8, True)]


def encoder_groups(n_layers):
    found = [("first", 8, True)]
    for layer in (f"layers.layers.{k}" for k in range(n_layers)):
        heads = f"{layer}.self_attn"
        found += [(heads, 2, False), (f"{heads}.inner", 8, True), (f"{heads}.inner#2", 8, True)]
        found += [(f"{layer}.linear1", 16, False)]
    return found


TRACED = {
    "classes": (Perceptron, random(4, 3, 4), [("first", 7, False), ("second", 5, True)]),
    "normed in rows": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5), nn.ReLU(), nn.Linear(5, 2)),
        random(4, 6),
        [("0", 5, False)],
    ),
    "weight norm": (
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)), nn.Tanh(), nn.Linear(4, 2)),
        random(4, 3),
        [("0", 4, True)],
    ),
    "concatenated": (DenseNet, random(4, 1, 5, 5), None),
    "grouped": (Grouped, random(4, 1, 5, 5), None),
    "u-net": (UNet, random(2, 1, 6, 6), [("down", 4, False), ("bottom", 6, False), ("up", 5, False), ("joined", 4, False)]),
    "encoder": (Encoder, random(2, 4, 3), encoder_groups(2)),
    "decoder": (Decoder, {"inputs": random(2, 3, 3), "memory": random(2, 4, 3)}, None),
    "attention": (
        lambda: nn.Sequential(nn.Linear(3, 8), Attention(), nn.Linear(8, 2)),
        random(2, 5, 3),
        [("0", 8, True), ("1.joint", 2, False), ("1.joint.inner", 8, True), ("1.joint.inner#2", 8, True), ("1.out", 8, True)],
    ),
    "language model": (LanguageModel, words(2, 5), [("places", 8, True), *HEADS, ("up", 24, False)]),
    "grouped queries": (
        Grouping,
        words(2, 5),
        [("tokens", 6, True), ("queries", 2, False), ("queries.inner", 4, False), ("values.inner", 8, True),
         ("gate", 10, True)],
    ),
    "vision": (Patches, random(2, 1, 8, 8), [("token", 12, True), ("joint", 3, False), ("joint.inner", 12, True),
                                             ("joint.inner#2", 12, True)]),
    "one key": (Shared, random(2, 4, 2), [("first", 6, True), ("queries", 3, False), ("queries#2", 4, True),
                                          ("last", 4, True)]),
    **{
        f"{kind.__name__}, {n_layers} layers{', both ways' if both else ''}": (
            lambda kind=kind, n_layers=n_layers, both=both: Recurrent(kind, num_layers=n_layers, bidirectional=both),
            random(2, 3, 3),
            [("layers" if k == 1 else f"layers#{k}", 4, True) for k in range(1, n_layers * (1 + both) + 1)],
        )
        for kind in (nn.RNN, nn.GRU, nn.LSTM)
        for n_layers, both in ((2, False), (1, True))
    },
    "steps by hand": (Cell, random(2, 3, 3), [("cell", 4, True)]),
    "tied by transpose": (TiedByTranspose, random(3, 8), [("weight", 5, True)]),
    "derivatives": (PhysicsInformed, random(3, 2), [("layers.0", 6, True), ("layers.2", 5, True)]),
    "mixer": (Mixer, random(2, 4, 3), [("first", 6, False), ("tokens.0", 7, False), ("channels.0", 9, False)]),
    "branches": (Branches, random(2, 3), [("first", 8, False)]),
    "gated": (lambda: nn.Sequential(nn.Linear(3, 8), nn.GLU(), nn.Linear(4, 2)), random(2, 3), [("0", 4, True)]),
    "frozen buffer": (WithBuffer, random(2, 3), [("second", 6, False)]),
    "pixels": (
        lambda: nn.Sequential(nn.Conv2d(1, 12, 3), nn.PixelShuffle(2), nn.ReLU(), nn.Conv2d(3, 1, 1)),
        random(2, 1, 4, 4),
        [("0", 3, False)],
    ),
    "instances": (
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4, affine=True), nn.PReLU(4), nn.Flatten(), nn.Linear(16, 2)),
        random(3, 1, 4, 4),
        [("0", 4, True)],
    ),
    "bags": (lambda: nn.Sequential(nn.EmbeddingBag(11, 5), nn.ReLU(), nn.Linear(5, 2)), words(3, 4), [("0", 5, False)]),
    # Nothing is interchangeable where places differ.
    "pooled units": (lambda: nn.Sequential(nn.Linear(4, 4), nn.AvgPool1d(3, 1, 1), nn.Linear(4, 4)), random(3, 4), []),
    "bilinear": (lambda: nn.Bilinear(4, 4, 4), (random(3, 4), random(3, 4)), []),
}  # fmt: skip
"""A factory, inputs, and the groups found: name, size, whether its units flip (None where only their use is tested)."""
