"""Own networks as people have them: data of any form, buffers, weights, terms of their own; energies as plain torch's."""

import collections
import copy
import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional
from torch.optim.swa_utils import update_bn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from elsuite import LandscapeDatabase, open_database
from elsuite.database import verify_store
from elsuite.database.merging import merge_databases
from elsuite.database.query import minima_metrics, select_minima
from elsuite.exploration import add_solutions, connect_minima, run_minimizer, stored_path
from elsuite.landscapes import NeuralLandscape, WeightDecay
from elsuite.landscapes.networks import accuracy, calibration_error, error, perplexity
from elsuite.landscapes.networks.statistics import BATCH
from elsuite.minimizers import LBFGSGSS, SGD, TorchOptimizer
from elsuite.paths import BezierPathFinder, FourierPathFinder
from elsuite.stationary import hessian_operator

pytestmark = pytest.mark.making

N = 300


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


IMAGES, CLASSES = draw(N, 1, 6, 6), (torch.arange(N) * 3 // N)  # sorted


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5),
        nn.ReLU(), nn.Linear(5, 3),
    )  # fmt: skip


def trained(seed=0, steps=20):
    """A network trained in minibatches, whose running averages have followed."""
    torch.random.default_generator.manual_seed(seed)
    module = cnn()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    rows = torch.randperm(N, generator=torch.Generator().manual_seed(seed))
    for k in range(steps):
        part = rows[30 * (k % 10) : 30 * (k % 10 + 1)]
        optimizer.zero_grad()
        functional.cross_entropy(module(IMAGES[part]), CLASSES[part]).backward()
        optimizer.step()
    return module.eval()


class Rows(Dataset):
    """Samples that are read one by one; it counts them."""

    def __init__(self, inputs, targets):
        self.inputs, self.targets, self.n_read = inputs, targets, 0

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, i):
        self.n_read += 1
        return self.inputs[i], self.targets[i]


def plain(module, loss=functional.cross_entropy, inputs=IMAGES, targets=CLASSES):
    with torch.no_grad():
        return float(loss(module(inputs), targets))


# Buffers


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_statistics_are_estimated_at_each_point(dtype):
    """The energy is that of plain torch after `update_bn` on the documented batches, whatever the averages were."""
    modules = [trained(0), trained(1)]
    landscape = NeuralLandscape(modules[0], nn.CrossEntropyLoss(), IMAGES, CLASSES, dtype=dtype)
    points = torch.stack([landscape.point(module.state_dict()) for module in modules])
    n_batches = math.ceil(N / BATCH)
    batches = [IMAGES[k::n_batches] for k in range(n_batches)]
    for module, energy, point in zip(modules, landscape.energy(points).tolist(), points, strict=True):
        there = copy.deepcopy(module)
        there.load_state_dict(landscape.state_dict(point), strict=True)
        assert plain(there) == pytest.approx(energy, rel=1e-5)
        again = copy.deepcopy(module)
        update_bn(batches, again)
        assert plain(again.eval()) == pytest.approx(energy, rel=1e-5)


def test_averages_that_are_estimated_need_not_be_in_a_state_dict():
    module = trained()
    state = {name: tensor for name, tensor in module.state_dict().items() if "running" not in name}
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), IMAGES, CLASSES)
    assert torch.equal(landscape.point(state), landscape.point(module.state_dict()))
    for buffers in ("stored", "frozen"):
        other = NeuralLandscape(module, nn.CrossEntropyLoss(), IMAGES, CLASSES, buffers=buffers)
        with pytest.raises(ValueError, match=r"missing: 1\.running_mean, 1\.running_var"):
            other.point(state)


def test_the_gradient_has_the_statistics_in_it():
    landscape = NeuralLandscape(trained(), nn.CrossEntropyLoss(), IMAGES, CLASSES, dtype=torch.float64)
    (point,) = landscape.initial_points([3])
    energy, gradient = landscape.energy_and_gradient(point[None])
    leaf = point[None].clone().requires_grad_()
    (by_autograd,) = torch.autograd.grad(landscape.energy(leaf).sum(), leaf)
    assert torch.allclose(gradient, by_autograd, rtol=1e-9, atol=1e-12)
    direction = draw(len(point), seed=4).double()
    step = 1e-5 * direction / direction.norm()
    up, down = landscape.energy(torch.stack([point + step, point - step])).tolist()
    assert (up - down) / 2 == pytest.approx(float(gradient[0] @ step), rel=1e-4)
    # What comes before a normalization has no scale.
    weights = point.clone()
    weights[:36] *= 2.5
    assert landscape.energy(weights[None]).item() == pytest.approx(energy.item(), rel=1e-4)


class Shared(nn.Module):
    """One normalization that is called twice in a pass."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(16, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, inputs):
        values = torch.tanh(self.norm(self.first(inputs)))
        return self.last(torch.tanh(self.norm(self.second(values))).flatten(1))


def normalized(*layers, n_features):
    return nn.Sequential(*layers, nn.Tanh(), nn.Flatten(), nn.Linear(n_features, 3))


NORMALIZED = {
    "of instances": lambda: normalized(
        nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4, affine=True, track_running_stats=True), n_features=64
    ),
    "of instances, nothing after": lambda: normalized(
        nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4, track_running_stats=True), n_features=64
    ),
    "without an affine map": lambda: normalized(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, affine=False), n_features=64),
    "of the inputs": lambda: normalized(nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), n_features=64),
    "called twice": Shared,
}


@pytest.mark.parametrize("name", NORMALIZED)
def test_layers_that_average(name):
    torch.random.default_generator.manual_seed(0)
    module = NORMALIZED[name]().eval()
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), IMAGES, CLASSES, dtype=torch.float64)
    point = landscape.point(module.state_dict())[None]
    energy, gradient = landscape.energy_and_gradient(point)
    leaf = point.clone().requires_grad_()
    value = landscape.energy(leaf)
    assert value.item() == pytest.approx(energy.item(), rel=1e-9)
    assert torch.allclose(torch.autograd.grad(value.sum(), leaf)[0], gradient, rtol=1e-7, atol=1e-11)
    module.load_state_dict(landscape.state_dict(point[0]))
    assert plain(module.double(), inputs=IMAGES.double()) == pytest.approx(energy.item(), rel=1e-5)
    if name != "called twice":
        n_batches = math.ceil(N / BATCH)
        update_bn([IMAGES[k::n_batches].double() for k in range(n_batches)], module)
        assert plain(module.eval(), inputs=IMAGES.double()) == pytest.approx(energy.item(), rel=1e-5)


def test_minibatches_normalize_by_themselves():
    landscape = NeuralLandscape(trained(), nn.CrossEntropyLoss(), IMAGES, CLASSES)
    rows = torch.tensor([[0, 50, 100, 150, 200, 299], [1, 2, 3, 150, 250, 251]])
    points = landscape.initial_points([0, 1])
    energies, gradients = landscape.minibatch(rows).energy_and_gradient(points)
    for k in range(2):
        module = cnn().train()
        module.load_state_dict(landscape.state_dict(points[k]))
        loss = functional.cross_entropy(module(IMAGES[rows[k]]), CLASSES[rows[k]])
        loss.backward()
        assert energies[k].item() == pytest.approx(loss.item(), rel=1e-5)
        flat = torch.cat([tensor.grad.flatten() for tensor in module.parameters()])
        assert torch.allclose(gradients[k], flat, atol=1e-5)


def test_stored_buffers_are_coordinates():
    modules = [trained(0), trained(1)]
    landscape = NeuralLandscape(cnn().eval(), nn.CrossEntropyLoss(), IMAGES, CLASSES, buffers="stored")
    points = torch.stack([landscape.point(module.state_dict()) for module in modules])
    assert landscape.n_parameters == sum(p.numel() for p in modules[0].parameters()) + 2 * (4 + 5)
    for module, energy in zip(modules, landscape.energy(points).tolist(), strict=True):
        assert energy == pytest.approx(plain(module), rel=1e-5)
    assert (landscape.energy_and_gradient(points)[1][:, -18:] == 0).all()
    search = BezierPathFinder(n_steps=4, max_rounds=1, n_points=5).find(landscape, *points)
    middle = search.path.points(torch.tensor([0.5]))[0]
    assert torch.allclose(middle[-18:], points[:, -18:].mean(0), atol=1e-6)
    there = cnn().eval()
    there.load_state_dict(landscape.state_dict(middle), strict=True)
    assert plain(there) == pytest.approx(landscape.energy(middle[None]).item(), rel=1e-5)


def test_frozen_buffers_are_the_modules_own():
    module = trained()
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), IMAGES, CLASSES, buffers="frozen")
    point = landscape.point(module.state_dict())
    assert landscape.energy(point[None]).item() == pytest.approx(plain(module), rel=1e-5)


def test_solutions_with_statistics_are_minimized_joined_and_looked_at():
    landscape = NeuralLandscape(cnn, nn.CrossEntropyLoss(), IMAGES[::3], CLASSES[::3], dtype=torch.float64)
    with LandscapeDatabase.create(None, landscape) as database:
        run_minimizer(database, landscape, LBFGSGSS(epochs=30), seeds=[0, 1])
        assert (database.minima["energy"].values[:, 0] < landscape.energy(landscape.initial_points([0])).item()).all()
        connect_minima(database, landscape, FourierPathFinder(n_steps=5, max_rounds=1, n_points=5), [(0, 1)])
        assert np.isfinite(database.paths["profile"].values).all()
    (point,) = landscape.initial_points([0])
    operator = hessian_operator(landscape, point)
    direction = draw(landscape.n_parameters, seed=2).numpy()
    direction /= np.linalg.norm(direction)
    step = torch.as_tensor(1e-6 * direction)
    there, here = landscape.energy_and_gradient(torch.stack([point + step, point - step]))[1].numpy()
    product = operator @ direction
    assert np.linalg.norm((there - here) / 2e-6 - product) < 1e-3 * np.linalg.norm(product)


@pytest.mark.parametrize("buffers", ["running", 3])
def test_policies_that_are_none(buffers):
    with pytest.raises(ValueError, match=r"buffers: given .*'estimated', 'stored', 'frozen'"):
        NeuralLandscape(cnn().eval(), nn.CrossEntropyLoss(), IMAGES, CLASSES, buffers=buffers)
    with pytest.raises(ValueError, match="no layer with running averages"):
        NeuralLandscape(nn.Linear(2, 2), nn.MSELoss(), draw(4, 2), draw(4, 2), buffers="estimated")


# Solutions in and out


class Tied(nn.Module):
    """Two tied layers, one frozen, a buffer."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.second.weight = self.first.weight
        self.third.bias.requires_grad_(False)
        self.register_buffer("shift", torch.tensor([1, 2]))

    def forward(self, inputs):
        return self.third(self.second(torch.tanh(self.first(inputs)))) + self.shift


def test_state_dicts_come_in_and_go_out():
    torch.random.default_generator.manual_seed(0)
    module = Tied()
    inputs, targets = draw(20, 4), draw(20, 2)
    landscape = NeuralLandscape(module, nn.MSELoss(), inputs, targets)
    state = module.state_dict()
    point = landscape.point(state)
    assert len(point) == 16 + 4 + 4 + 8
    back = landscape.state_dict(point)
    assert list(back) == list(state)
    assert all(torch.equal(back[name], state[name]) for name in state)
    without = {name: tensor for name, tensor in state.items() if name != "second.weight"}
    assert torch.equal(landscape.point(without), point)
    moved = landscape.initial_points([5])[0]
    there = Tied()
    there.load_state_dict(landscape.state_dict(moved), strict=True)
    there.third.bias.data = module.third.bias.data
    assert landscape.energy(moved[None]).item() == pytest.approx(plain(there, nn.MSELoss(), inputs, targets), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first.bias": None}, r"missing: first\.bias"),
        ({"other": torch.zeros(1)}, "unknown: other"),
        ({"first.bias": torch.zeros(5)}, r"first\.bias has shape \(5,\)"),
        ({"first.bias": torch.full((4,), math.nan)}, r"first\.bias has a value that is not finite"),
        ({"first.bias": torch.zeros(4, dtype=torch.int64)}, r"first\.bias is of torch\.int64"),
        ({"first.bias": "text"}, r"first\.bias is of type str"),
        ({"second.weight": torch.ones(4, 4)}, "are one tensor of the module, but two"),
        ({"third.bias": torch.ones(2)}, r"third\.bias is frozen"),
        ({"shift": torch.tensor([7, 7])}, "shift is frozen"),
    ],
)
def test_state_dicts_that_do_not_fit_are_refused_by_name(change, message):
    module = Tied()
    landscape = NeuralLandscape(module, nn.MSELoss(), draw(20, 4), draw(20, 2))
    state = {name: tensor for name, tensor in (module.state_dict() | change).items() if tensor is not None}
    with pytest.raises(ValueError, match=message) as raised:
        landscape.point(state)
    assert "\n" not in str(raised.value)


# Modules


def test_a_factory_makes_the_starts():
    def attention():
        return nn.Sequential(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.1), nn.Linear(4, 2))

    inputs, targets = draw(10, 3, 4), draw(10, 3, 2)
    landscape = NeuralLandscape(attention, nn.MSELoss(), inputs, targets)
    before = torch.random.get_rng_state()
    starts = landscape.initial_points([7, 8])
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(starts[0], landscape.initial_points([7])[0])
    assert not torch.equal(starts[0], starts[1])
    torch.random.default_generator.manual_seed(7)
    flat = torch.cat([tensor.detach().flatten() for tensor in attention().parameters()])
    assert torch.equal(starts[0], flat)


def test_modules_that_are_none():
    inputs, targets = draw(10, 3), draw(10, 2)
    lazy = nn.LazyLinear(2)
    script = torch.jit.script(nn.Linear(3, 2)) if hasattr(torch.jit, "script") else None
    for given, message in [
        (nn.Linear, "takes arguments"), (lambda: 3, "int given"), (3, "int given"), (lazy, "has no shape yet"),
        (script, "ScriptModule"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message) as raised:
            NeuralLandscape(given, nn.MSELoss(), inputs, targets)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("in_place", [False, True])
def test_derivatives_inside_a_module(in_place):
    class Physics(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1))

        def forward(self, x):
            x = x.requires_grad_() if in_place else x.detach().requires_grad_()
            with torch.enable_grad():
                u = self.layers(x)
                (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
            return slope + u

    module = Physics()
    x, y = torch.linspace(0, 1, 20)[:, None], torch.zeros(20, 1)
    ends = torch.tensor([[0.0], [1.0]])

    def boundary(parameters):
        inner = {name.removeprefix("layers."): tensor for name, tensor in parameters.items()}
        return functional_call(module.layers, inner, (ends,)).square().mean()

    landscape = NeuralLandscape(module, nn.MSELoss(), x, y, regularization=boundary)
    assert not x.requires_grad
    point = landscape.point(module.state_dict())[None]
    truth = float((functional.mse_loss(module(x), y) + module.layers(ends).square().mean()).detach())
    assert landscape.energy(point).item() == pytest.approx(truth, rel=1e-5)
    assert landscape.identity.data["train"]
    assert landscape.energy_and_gradient(point)[1].isfinite().all()
    search = FourierPathFinder(n_steps=4, max_rounds=1, n_points=5).find(landscape, point[0], -point[0])
    assert np.isfinite(search.profile).all()


def test_the_modules_own_precision_is_kept():
    module = nn.Linear(3, 2).double()
    assert NeuralLandscape(module, nn.MSELoss(), draw(5, 3), draw(5, 2)).dtype == torch.float64
    assert NeuralLandscape(nn.Linear(3, 2), nn.MSELoss(), draw(5, 3), draw(5, 2)).dtype == torch.float32
    assert NeuralLandscape(nn.Linear(3, 2).bfloat16(), nn.MSELoss(), draw(5, 3), draw(5, 2)).dtype == torch.float32


def test_autocast_says_what_it_costs():
    module = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 3))
    inputs, targets = draw(50, 6), torch.arange(50) % 3
    exact = NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, targets)
    rough = NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, targets, autocast=torch.bfloat16)
    points = exact.initial_points([0, 1, 2])
    there, here = exact.energy(points), rough.energy(points)
    assert not torch.equal(there, here)
    assert torch.allclose(there, here, rtol=rough.precision)
    assert rough.precision > 100 * exact.precision
    with pytest.raises(ValueError, match="autocast: given"):
        NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, targets, autocast=torch.float64)


# Data


class Masked(nn.Module):
    """Two inputs; the outputs are a dict, as libraries of language models give them."""

    def __init__(self, n_outputs=3):
        super().__init__()
        self.table, self.head = nn.Embedding(11, 4), nn.Linear(4, n_outputs)

    def forward(self, tokens, mask):
        assert mask.dtype == torch.bool
        values = torch.where(mask[..., None], self.table(tokens), 0.0)
        return {"logits": self.head(values.sum(1)), "n": mask.sum(1)}


TOKENS = torch.randint(0, 11, (60, 5), generator=torch.Generator().manual_seed(0)).to(torch.int32)
MASK = torch.rand(60, 5, generator=torch.Generator().manual_seed(1)) > 0.3
LABELS = torch.arange(60) % 3


def of_logits(outputs, targets):
    return functional.cross_entropy(outputs["logits"], targets)


class Sentences(Rows):
    def __getitem__(self, i):
        self.n_read += 1
        return (TOKENS[i], MASK[i]), LABELS[i]


@pytest.mark.parametrize(
    "data",
    [
        ((TOKENS, MASK), LABELS),
        ({"tokens": TOKENS.numpy(), "mask": MASK.numpy()}, LABELS.numpy()),
        (TensorDataset(TOKENS, MASK, LABELS),),
        (Sentences(TOKENS, LABELS),),
        (DataLoader(Sentences(TOKENS, LABELS), batch_size=7, shuffle=True),),
    ],
    ids=["tuple", "dict", "tensor data set", "data set", "loader"],
)
@pytest.mark.parametrize("byte_budget", [100, 2**30])
def test_several_inputs_and_outputs(data, byte_budget):
    module = Masked()
    landscape = NeuralLandscape(module, of_logits, *data, byte_budget=byte_budget)
    point = landscape.point(module.state_dict())[None]
    truth = float(of_logits(module(TOKENS, MASK), LABELS).detach())
    assert landscape.energy(point).item() == pytest.approx(truth, rel=1e-6)
    energy, gradient = landscape.energy_and_gradient(point)
    assert energy.item() == pytest.approx(truth, rel=1e-6)
    assert gradient.abs().sum() > 0
    rows = torch.tensor([[0, 5, 9]])
    expected = of_logits(module(TOKENS[rows[0]], MASK[rows[0]]), LABELS[rows[0]])
    assert landscape.minibatch(rows).energy(point).item() == pytest.approx(float(expected.detach()), rel=1e-6)
    assert landscape.identity.data["train"]


def test_data_larger_than_the_budget_are_read_when_needed():
    data = Rows(IMAGES, CLASSES)
    module = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    streamed = NeuralLandscape(
        module, nn.CrossEntropyLoss(), data, test=Rows(IMAGES[:9], CLASSES[:9]), byte_budget=2000
    )
    held = NeuralLandscape(module, nn.CrossEntropyLoss(), IMAGES, CLASSES, test=(IMAGES[:9], CLASSES[:9]))
    points = held.initial_points([0, 1])
    before = data.n_read
    assert torch.allclose(streamed.energy(points), held.energy(points), rtol=1e-6)
    assert data.n_read >= before + N
    assert torch.allclose(streamed.on("test").energy(points), held.on("test").energy(points), rtol=1e-6)
    assert torch.allclose(streamed.energy_and_gradient(points)[1], held.energy_and_gradient(points)[1], atol=1e-6)


class Random(Rows):
    def __getitem__(self, i):
        return self.inputs[i] + torch.rand(()), self.targets[i]


class Endless(IterableDataset):
    def __iter__(self):
        yield IMAGES[0], 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((Random(IMAGES, CLASSES),), "other values when a sample is read again"),
        ((Endless(),), "no length"),
        ((Rows(IMAGES[:0], CLASSES[:0]),), "empty"),
        ((Rows(IMAGES, CLASSES), CLASSES), "has them itself"),
        ((IMAGES, ["a"] * N), "targets given as list of str"),
        ((IMAGES, CLASSES[:7]), "equally many of both"),
        (((IMAGES, CLASSES[:7]), CLASSES), "equally many of both"),
        ((object(), CLASSES), "inputs given as object"),
    ],
)
def test_data_that_are_none(data, message):
    module = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    with pytest.raises(ValueError, match=message) as raised:
        NeuralLandscape(module, nn.CrossEntropyLoss(), *data)
    assert "\n" not in str(raised.value)


# What an energy is made of

HEAD = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
IGNORED = torch.where(torch.arange(N) % 4 == 0, -100, CLASSES)
OBJECTIVES = {
    "weights of classes": (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1.0, 50.0])), CLASSES),
    "a class without weight": (nn.CrossEntropyLoss(weight=torch.tensor([0.0, 1.0, 2.0])), CLASSES),
    "ignored": (nn.CrossEntropyLoss(), IGNORED),
    "ignored, weights, smooth": (
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0, 0.5]), label_smoothing=0.1), IGNORED),
    "a sum": (nn.CrossEntropyLoss(reduction="sum"), CLASSES),
    "a sum with weights": (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0, 0.5]), reduction="sum"), IGNORED),
}  # fmt: skip


@pytest.mark.parametrize("byte_budget", [1, 20_000, 2**30])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_batches_of_unequal_weight(name, byte_budget):
    loss, targets = OBJECTIVES[name]
    landscape = NeuralLandscape(HEAD, loss, IMAGES, targets, byte_budget=byte_budget)
    point = landscape.point(HEAD.state_dict())[None]
    truth = plain(HEAD, loss, IMAGES, targets)
    assert landscape.energy(point).item() == pytest.approx(truth, rel=1e-5)
    assert sum(share * part.energy(point).item() for part, share in landscape.parts(70)) == pytest.approx(
        truth, rel=1e-5
    )
    # Without bias: the mean over minibatches that are all of the data together.
    parts = [landscape.minibatch(rows).energy(point).item() for rows in torch.arange(N).view(10, 30)]
    assert np.mean(parts) == pytest.approx(truth, rel=1e-5)


def each(outputs, targets):
    return functional.cross_entropy(outputs, targets, reduction="none")


def test_weights_of_samples():
    weights = torch.rand(N, generator=torch.Generator().manual_seed(3))
    weights[:70] = 0
    landscape = NeuralLandscape(
        HEAD, each, IMAGES, CLASSES, test=(IMAGES, CLASSES, 2 * weights), weights=weights, reduction="none",
        byte_budget=1,
    )  # fmt: skip
    point = landscape.point(HEAD.state_dict())[None]
    values = each(HEAD(IMAGES), CLASSES).detach()
    truth = float((values * weights).sum() / weights.sum())
    assert landscape.energy(point).item() == pytest.approx(truth, rel=1e-5)
    assert landscape.on("test").energy(point).item() == pytest.approx(truth, rel=1e-5)
    own = NeuralLandscape(HEAD, lambda o, t: (each(o, t) * (1.0 + t)).sum() / (1.0 + t).sum(), IMAGES, CLASSES,
                          weights=lambda targets: 1.0 + targets, byte_budget=1)  # fmt: skip
    assert own.energy(point).item() == pytest.approx(
        float((values * (1.0 + CLASSES)).sum() / (1.0 + CLASSES).sum()), rel=1e-5
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": torch.ones(N)}, "reduction='none'"),
        ({"reduction": "total"}, "reduction: given 'total'"),
        ({"weights": lambda targets: -1.0 * targets}, "negative"),
        ({"regularization": lambda parameters: 1.0}, "regularization gives float"),
        ({"regularization": lambda parameters: torch.tensor(1.0)}, "does not depend on the parameters"),
    ],
)
def test_objectives_that_are_none(settings, message):
    with pytest.raises(ValueError, match=message) as raised:
        NeuralLandscape(HEAD, nn.CrossEntropyLoss(), IMAGES, CLASSES, **settings)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("module", [HEAD, cnn().eval()], ids=["dense", "normalized"])
def test_weight_decay_is_part_of_the_energy_on_the_training_data(module):
    decay = WeightDecay(0.3)
    plainly = NeuralLandscape(module, nn.CrossEntropyLoss(), IMAGES, CLASSES, test=(IMAGES, CLASSES))
    decayed = NeuralLandscape(
        module, nn.CrossEntropyLoss(), IMAGES, CLASSES, test=(IMAGES, CLASSES), regularization=decay
    )
    points = plainly.initial_points([0, 1])
    terms = 0.15 * points.double().square().sum(1)
    assert torch.allclose(decayed.energy(points), plainly.energy(points) + terms, rtol=1e-5)
    assert torch.equal(decayed.on("test").energy(points), plainly.on("test").energy(points))
    there, here = (landscape.energy_and_gradient(points)[1] for landscape in (plainly, decayed))
    assert torch.allclose(here, there + 0.3 * points, atol=1e-5)
    assert decayed.energy_floor is None
    assert decayed.identity.differences(plainly.identity)
    rows = torch.arange(40)
    assert torch.allclose(
        decayed.minibatch(rows).energy(points), plainly.minibatch(rows).energy(points) + terms, rtol=1e-5
    )


def flipped(inputs, generator):
    flips = torch.rand(len(inputs), generator=generator) < 0.5
    return torch.where(flips[:, None, None, None], inputs.flip(3), inputs)


def test_augmentation_is_of_minibatches_only():
    landscape = NeuralLandscape(HEAD, nn.CrossEntropyLoss(), IMAGES, CLASSES, augmentation=flipped)
    plainly = NeuralLandscape(HEAD, nn.CrossEntropyLoss(), IMAGES, CLASSES)
    points = landscape.initial_points([0, 1])
    assert torch.equal(landscape.energy(points), plainly.energy(points))
    rows = torch.stack([torch.arange(40), torch.arange(40, 80)])
    once, again = (landscape.minibatch(rows).energy(points) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, plainly.minibatch(rows).energy(points))


# Metrics


def test_metrics_of_points():
    metrics = {
        "accuracy": accuracy,
        "error": error,
        "calibration": calibration_error,
        "perplexity": perplexity,
        "largest": lambda outputs, targets: outputs.max(),
    }
    landscape = NeuralLandscape(
        HEAD, nn.CrossEntropyLoss(), IMAGES, IGNORED, test=(IMAGES[:50], CLASSES[:50]), metrics=metrics, byte_budget=1
    )
    points = landscape.initial_points([0, 1])
    for name, targets in (("train", IGNORED), ("test", CLASSES[:50])):
        found = landscape.on(name).metric_values(points)
        assert found.shape == (2, 5)
        for point, values in zip(points, found.tolist(), strict=True):
            module = copy.deepcopy(HEAD)
            module.load_state_dict(landscape.state_dict(point))
            outputs = module(IMAGES[: len(targets)]).detach()
            counted = targets != -100
            right = (outputs.argmax(1) == targets)[counted].double().mean().item()
            assert values[0] == pytest.approx(right)
            assert values[1] == pytest.approx(1 - right)
            assert values[3] == pytest.approx(math.exp(functional.cross_entropy(outputs, targets)), rel=1e-5)
            assert values[4] == pytest.approx(outputs.max().item(), rel=1e-6)
            confidence, chosen = outputs.softmax(1).max(1)
            gap = 0.0
            for low in range(15):
                inside = counted & (confidence > low / 15 - 1e-9) & (confidence < (low + 1) / 15)
                gap += abs(float(((chosen == targets).double() - confidence)[inside].sum()))
            assert values[2] == pytest.approx(gap / int(counted.sum()), rel=1e-4)


def test_metrics_that_fail_say_so():
    for metrics, message in [
        ({"wrong": lambda outputs, targets: outputs[:, 7]}, "metric 'wrong' cannot be computed: IndexError"),
        ({"wide": lambda outputs, targets: outputs.T}, r"metric 'wide' gives values of shape \(3, 8\)"),
        ({"top 1": accuracy}, "metric 'top 1' given"),
        ({"accuracy": 3}, "metric 'accuracy' is int"),
    ]:
        with pytest.raises(ValueError, match=message) as raised:
            NeuralLandscape(HEAD, nn.CrossEntropyLoss(), IMAGES, CLASSES, metrics=metrics)
        assert "\n" not in str(raised.value)


def test_metrics_are_stored_with_minima_and_along_paths(tmp_path):
    metrics = {"accuracy": accuracy, "calibration": calibration_error}
    landscape = NeuralLandscape(
        HEAD, nn.CrossEntropyLoss(), IMAGES, CLASSES, test=(IMAGES[:50], CLASSES[:50]), metrics=metrics
    )
    plainly = NeuralLandscape(HEAD, nn.CrossEntropyLoss(), IMAGES, CLASSES, test=(IMAGES[:50], CLASSES[:50]))
    with LandscapeDatabase.create(tmp_path / "a.elsuite", plainly) as database:
        add_solutions(database, plainly, plainly.initial_points([9]).numpy(), set_name="before")
    with open_database(tmp_path / "a.elsuite", mode="a") as database:
        run_minimizer(database, landscape, LBFGSGSS(epochs=5), seeds=[0])
        add_solutions(database, landscape, landscape.initial_points([5]).numpy(), set_name="mine")
        connect_minima(
            database, landscape, FourierPathFinder(n_steps=5, max_rounds=1, n_points=7), [(1, 3)], measure_on=["test"]
        )
    with open_database(tmp_path / "a.elsuite") as database:
        points = torch.as_tensor(database.coordinates(range(database.n_minima)))
        found = minima_metrics(database)
        assert np.isnan(found["accuracy"][0]).all()
        for k, name in enumerate(("train", "test")):
            expected = landscape.on(name).metric_values(points).numpy()
            assert np.allclose(found["accuracy"][1:, k], expected[1:, 0])
            assert np.allclose(found["calibration"][1:, k], expected[1:, 1])
            path = stored_path(database, k)
            along = landscape.on(name).metric_values(path.points(torch.linspace(0, 1, 7))).numpy()
            assert np.allclose(database.paths["profile_accuracy"].values[k, :7], along[:, 0], atol=0.02)
        best = select_minima(database, f"accuracy.test >= {found['accuracy'][3, 1]}").tolist()
        assert 3 in best
        assert not list(verify_store(tmp_path / "a.elsuite"))
    merge_databases([tmp_path / "a.elsuite"], tmp_path / "b.elsuite")
    with open_database(tmp_path / "b.elsuite") as merged:
        assert np.array_equal(minima_metrics(merged)["accuracy"], found["accuracy"], equal_nan=True)
        assert "profile_accuracy" in merged.paths


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("buffers", ["estimated", "stored", "frozen"])
def test_own_networks_on_a_gpu_are_those_on_the_cpu(buffers):
    module, weight = trained(), torch.tensor([1.0, 2.0, 0.5])
    given = {"buffers": buffers, "metrics": {"accuracy": accuracy, "calibration": calibration_error}}
    here, there = (
        NeuralLandscape(module, nn.CrossEntropyLoss(weight=weight.to(device)), IMAGES, CLASSES, device=device, **given)
        for device in ("cpu", "cuda:0")
    )
    points = torch.stack([here.point(module.state_dict()), here.point(trained(1).state_dict())])
    rows = torch.arange(80).view(2, 40)
    for one, other in [(here, there), (here.minibatch(rows), there.minibatch(rows))]:
        for a, b in zip(one.energy_and_gradient(points), other.energy_and_gradient(points.cuda()), strict=True):
            assert torch.allclose(a, b.cpu(), rtol=1e-3, atol=1e-4)
    assert torch.allclose(here.metric_values(points), there.metric_values(points).cpu(), atol=0.02)
    state = there.state_dict(points[0])
    assert all(tensor.device.type == "cpu" for tensor in state.values())
    assert torch.allclose(there.point(state).cpu(), points[0])


def test_devices_that_are_not_there():
    for device, message in [("cuda:97", "sees"), ("tpu", "'cuda:1' or 'mps' is expected"), ("mps", "mps")]:
        with pytest.raises(ValueError, match=message) as raised:
            NeuralLandscape(HEAD, nn.CrossEntropyLoss(), IMAGES, CLASSES, device=device)
        assert "\n" not in str(raised.value)


# What people have, and what was once taken for something else

VALUES, LABELS_OF = draw(130, 4).double(), torch.arange(130) % 3


class Gained(nn.BatchNorm1d):
    """A normalization whose gain is counted from one."""

    def forward(self, v):
        return functional.batch_norm(
            v, self.running_mean, self.running_var, 1 + self.weight, self.bias, self.training, self.momentum, self.eps
        )


class AfterRelu(nn.BatchNorm1d):
    def forward(self, v):
        return super().forward(v.relu())


class Conditional(nn.BatchNorm1d):
    def __init__(self, n):
        super().__init__(n, affine=False)
        self.gain = nn.Linear(n, n)

    def forward(self, v):
        return super().forward(v) * self.gain(v)


class Two(nn.Module):
    """Two normalizations, tied, called by keyword, or the first in training only."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.one, self.two, self.out = kind, nn.BatchNorm1d(4), nn.BatchNorm1d(4), nn.Linear(4, 3)
        if kind == "tied":
            self.two.weight = self.one.weight

    def forward(self, v):
        if self.kind != "in training only" or self.training:
            v = self.one(input=v) if self.kind == "keyword" else self.one(v)
        return self.out(self.two(v).tanh())


@pytest.mark.parametrize("kind", [Gained, AfterRelu, Conditional, "tied", "keyword", "in training only"])
def test_normalizations_of_ones_own(kind):
    torch.random.default_generator.manual_seed(0)
    layers = Two(kind) if isinstance(kind, str) else nn.Sequential(nn.Linear(4, 4), kind(4), nn.Tanh(), nn.Linear(4, 3))
    module = layers.double().train()  # whatever its mode is
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), VALUES, LABELS_OF)
    point = landscape.point(module.state_dict())[None]
    energy, gradient = landscape.energy_and_gradient(point)
    module.load_state_dict(landscape.state_dict(point[0]), strict=True)
    assert plain(module.eval(), inputs=VALUES, targets=LABELS_OF) == pytest.approx(energy.item(), rel=1e-9)
    leaf = point.clone().requires_grad_()
    assert torch.allclose(torch.autograd.grad(landscape.energy(leaf).sum(), leaf)[0], gradient, rtol=1e-7, atol=1e-11)
    step = 1e-6 * draw(point.shape[1], seed=5).double()
    up, down = landscape.energy(torch.cat([point + step, point - step])).tolist()
    assert (up - down) / 2 == pytest.approx(float(gradient[0] @ step), rel=1e-5)


class Output(collections.OrderedDict):
    """What libraries of language models return: a dict that is read by attributes."""

    def __getattr__(self, name):
        return self[name]


Named = collections.namedtuple("Named", "logits hidden")


@pytest.mark.parametrize(
    ("made", "read"),
    [
        (lambda o: Named(o, o), lambda out: out.logits),
        (lambda o: Output(logits=o), lambda out: out.logits),
        (lambda o: {"logits": o, "cache": object(), "n": 3}, lambda out: out["logits"]),
    ],
)
def test_outputs_in_containers_of_ones_own(made, read):
    class Module(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, v):
            return made(self.layer(v))

    module = Module().double()
    loss = lambda out, targets: functional.cross_entropy(read(out), targets)  # noqa: E731
    landscape = NeuralLandscape(module, loss, VALUES, LABELS_OF, metrics={"best": lambda out, _: read(out).amax(1)})
    point = landscape.point(module.state_dict())[None]
    assert landscape.energy(point).item() == pytest.approx(plain(module, loss, VALUES, LABELS_OF), rel=1e-9)


def test_minimizers_take_modules_with_derivatives_inside_and_batches_of_one():
    class Physics(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1))

        def forward(self, t):
            with torch.enable_grad():
                t = t.requires_grad_()
                u = self.layers(t)
                (slope,) = torch.autograd.grad(u.sum(), t, create_graph=True)
            return slope + u

    normalized = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3))
    for landscape in [
        NeuralLandscape(Physics, nn.MSELoss(), torch.linspace(0, 1, 30)[:, None], torch.zeros(30, 1)),
        NeuralLandscape(normalized, nn.CrossEntropyLoss(), VALUES[:65].float(), LABELS_OF[:65]),
    ]:
        assert not landscape.energy(landscape.initial_points([0])).requires_grad
        with LandscapeDatabase.create(None, landscape) as database:
            for minimizer in (SGD(epochs=2, batch_size=16), LBFGSGSS(epochs=2), TorchOptimizer(epochs=2)):
                report = run_minimizer(database, landscape, minimizer, seeds=range(2))
                assert (report.n_failed, report.n_minima) == (0, 2)


def test_loaders_are_what_they_go_through():
    data, module = TensorDataset(VALUES, LABELS_OF), nn.Linear(4, 3).double()
    train = DataLoader(data, 16, sampler=SubsetRandomSampler(range(90)))
    test = DataLoader(Subset(data, range(90, 130)), 16, shuffle=True)
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), train, test=test)
    point = landscape.point(module.state_dict())[None]
    for name, rows in (("train", slice(90)), ("test", slice(90, None))):
        truth = plain(module, inputs=VALUES[rows], targets=LABELS_OF[rows])
        assert landscape.on(name).energy(point).item() == pytest.approx(truth, rel=1e-9)
    for sampler in (WeightedRandomSampler(torch.ones(130), 130), RandomSampler(data, replacement=True)):
        with pytest.raises(ValueError, match="RandomSampler given, which draws or weights"):
            NeuralLandscape(module, nn.CrossEntropyLoss(), DataLoader(data, 16, sampler=sampler))


def test_batches_may_be_padded_each_to_its_own_length():
    texts = [torch.randint(1, 10, (1 + i // 20,), generator=torch.Generator().manual_seed(i)) for i in range(100)]

    class Texts(Dataset):
        def __len__(self):
            return len(texts)

        def __getitem__(self, i):
            return texts[i], i % 3

    def padded(items):
        rows, labels = zip(*items, strict=True)
        return nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor(labels)

    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.head = nn.Embedding(10, 6, padding_idx=0), nn.Linear(6, 3)

        def forward(self, tokens):
            return self.head(self.table(tokens).sum(1))

    module = Bag()
    landscapes = [
        NeuralLandscape(module, nn.CrossEntropyLoss(), DataLoader(Texts(), 16, collate_fn=padded), byte_budget=budget)
        for budget in (1, None)
    ]
    truth = float(functional.cross_entropy(module(padded([(t, 0) for t in texts])[0]), torch.arange(100) % 3).detach())
    for landscape in landscapes:
        point = landscape.point(module.state_dict())[None]
        assert landscape.energy(point).item() == pytest.approx(truth, rel=1e-5)


def test_the_budget_is_no_part_of_what_data_are():
    held, read = (
        NeuralLandscape(nn.Linear(4, 3), nn.CrossEntropyLoss(), Rows(VALUES, LABELS_OF), byte_budget=budget)
        for budget in (2**30, 1000)
    )
    assert held.declared()["data"] == read.declared()["data"]


def test_metrics_count_what_the_loss_counts():
    module = nn.Linear(4, 3).double()
    targets = LABELS_OF.clone()
    targets[::2] = 0
    metrics = {"accuracy": accuracy, "perplexity": perplexity, "calibration": calibration_error}
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(ignore_index=0), VALUES, targets, metrics=metrics)
    point = landscape.point(module.state_dict())[None]
    counted, outputs = targets != 0, module(VALUES).detach()
    found = landscape.metric_values(point)[0].tolist()
    assert found[0] == pytest.approx((outputs.argmax(1) == targets)[counted].double().mean().item())
    assert found[1] == pytest.approx(landscape.energy(point).exp().item())
    soft = functional.one_hot(LABELS_OF, 3).double() * 0.9 + 0.1 / 3
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), VALUES, soft, metrics=metrics)
    found = landscape.metric_values(point)[0].tolist()
    assert found[0] == pytest.approx((outputs.argmax(1) == LABELS_OF).double().mean().item())


def test_what_the_caller_changes_later_changes_nothing():
    inputs, weight = VALUES.clone(), torch.tensor([1.0, 2.0, 3.0])
    loss = nn.CrossEntropyLoss(weight=weight)
    landscape = NeuralLandscape(nn.Linear(4, 3).double(), loss, inputs, LABELS_OF)
    points = landscape.initial_points([0])
    energy, declared = landscape.energy(points), landscape.declared()["data"]
    inputs += 1
    loss.weight *= torch.tensor([5.0, 1.0, 1.0])
    assert torch.equal(landscape.energy(points), energy)
    assert landscape.declared()["data"] == declared


class Keeping(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, v):
        self.features = self.layer(v)
        return self.features


def test_modules_that_keep_results_of_a_pass():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of the older way to normalize weights
        normed = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 3)))
    keeping = Keeping()
    keeping(VALUES.float())
    for module in (normed, keeping):
        landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), VALUES.float(), LABELS_OF)
        point = landscape.point(module.state_dict())[None]
        assert landscape.energy(point).item() == pytest.approx(
            plain(module, inputs=VALUES.float(), targets=LABELS_OF), rel=1e-5
        )


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, v):
        return self.layer(v.clamp_(min=0))


class Again(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, v):
        return self.two(checkpoint(lambda u: self.one(u).tanh(), v, use_reentrant=False))


def numpy_start():
    module = nn.Linear(4, 3)
    module.weight.data = torch.from_numpy(np.random.default_rng().normal(size=(3, 4))).float()
    return module


ONE = nn.Linear(4, 3)


@pytest.mark.parametrize(
    ("module", "settings", "message"),
    [
        (InPlace, {}, "changes its inputs in place"),
        (Again, {}, "gradient of the module by a vector of its parameters cannot be taken"),
        (lambda: nn.LazyLinear(3), {}, "has no shape yet"),
        (lambda: nn.Sequential(torch.jit.script(nn.Linear(4, 3))), {}, "0 is a ScriptModule"),
        (ONE, {"byte_budget": "1GB"}, "byte_budget: given '1GB'"),
        (ONE, {"byte_budget": -5}, "byte_budget: given -5"),
        (ONE, {"regularization": 5e-4}, r"regularization is float.*WeightDecay\(5e-4\)"),
        (ONE, {"metrics": ["accuracy"]}, "metrics is list"),
        (ONE, {"augmentation": 3}, "augmentation is int"),
        (ONE, {"augmentation": lambda v, g: v + torch.randn_like(v)}, "augmentation gives two results"),
        (ONE, {"weights": lambda t: None}, "weights gives NoneType"),
    ],
)
def test_what_is_refused_in_one_line(module, settings, message):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=message) as raised:
            NeuralLandscape(module, nn.CrossEntropyLoss(), VALUES.float(), LABELS_OF, **settings)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("factory", "message"), [(numpy_start, "two networks under one"), (lambda: ONE, "the same network")]
)
def test_factories_that_seeds_mean_nothing_to(factory, message):
    landscape = NeuralLandscape(factory, nn.CrossEntropyLoss(), VALUES.float(), LABELS_OF)
    with pytest.raises(ValueError, match=message):
        landscape.initial_points([0, 1])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.ma.masked_array(np.ones((130, 4)), mask=True), "masked array"),
        (torch.eye(130)[:, :4].to_sparse(), "sparse tensor"),
    ],
)
def test_arrays_that_hold_less_than_they_show(inputs, message):
    with pytest.raises(ValueError, match=message):
        NeuralLandscape(ONE, nn.CrossEntropyLoss(), inputs, LABELS_OF)


@pytest.mark.parametrize("coefficient", [-1.0, math.nan, "a"])
def test_weight_decay_that_is_none(coefficient):
    with pytest.raises(ValueError, match="coefficient: given"):
        WeightDecay(coefficient)


def test_entries_of_a_state_dict_that_are_no_numbers_yet_or_too_large():
    landscape = NeuralLandscape(ONE, nn.CrossEntropyLoss(), VALUES.float(), LABELS_OF)
    state = ONE.state_dict()
    for value, message in [
        (state["weight"].to_sparse(), "weight is sparse"),
        (state["weight"].to("meta"), "weight is without values"),
        (state["weight"].double() * 1e300, "weight has a value that torch.float32 cannot hold"),
    ]:
        with pytest.raises(ValueError, match=message):
            landscape.point({**state, "weight": value})
    normed = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).eval()
    landscape = NeuralLandscape(normed, nn.CrossEntropyLoss(), VALUES.float(), LABELS_OF)
    halves = {name: tensor.half() for name, tensor in normed.state_dict().items()}
    assert torch.equal(landscape.point(halves), landscape.point(normed.state_dict()).half().float())


def test_another_metric_of_the_same_name_is_refused(tmp_path):
    def made(**metrics):
        return NeuralLandscape(ONE, nn.CrossEntropyLoss(), VALUES.float(), LABELS_OF, metrics=metrics)

    with LandscapeDatabase.create(tmp_path / "a.elsuite", made(accuracy=accuracy)) as database:
        add_solutions(database, made(accuracy=accuracy), made().initial_points([0, 1]).numpy(), set_name="a")
    with open_database(tmp_path / "a.elsuite", mode="a") as database:
        add_solutions(
            database, made(accuracy=accuracy, perplexity=perplexity), made().initial_points([2]).numpy(), set_name="a"
        )
        assert sorted(database.attributes["metrics"]) == ["accuracy", "perplexity"]
        with pytest.raises(ValueError, match="another metric 'accuracy': at fixed point 0 on 'train' it is"):
            add_solutions(database, made(accuracy=error), made().initial_points([3]).numpy(), set_name="a")
        assert database.n_minima == 3


def detached(outputs, targets):
    return nn.functional.cross_entropy(outputs.detach(), targets)


@torch.no_grad()
def without_gradient(outputs, targets):
    return nn.functional.cross_entropy(outputs, targets)


def of_numpy(outputs, targets):
    return torch.tensor(outputs.detach().numpy().mean())


@pytest.mark.parametrize("loss", [detached, without_gradient, of_numpy])
def test_losses_without_a_gradient_are_refused(loss):
    with pytest.raises(ValueError, match="the loss has no gradient by the outputs"):
        NeuralLandscape(ONE, loss, VALUES.float(), LABELS_OF)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"test": VALUES.float()}, "test: given without targets"),
        ({"augmentation": lambda inputs: inputs}, "augmentation: a function of inputs and a torch.Generator"),
        ({"dtype": "float16"}, "dtype: given 'float16', allowed: torch.float32, torch.float64"),
    ],
)
def test_what_is_given_wrongly_is_one_line(given, message):
    with pytest.raises(ValueError, match=message) as error:
        NeuralLandscape(ONE, nn.CrossEntropyLoss(), VALUES.float(), LABELS_OF, **given)
    assert len(str(error.value).splitlines()) == 1


def test_types_by_name_and_wrapped_modules():
    landscape = NeuralLandscape(ONE, nn.CrossEntropyLoss(), VALUES.float(), LABELS_OF, dtype="float64")
    assert landscape.dtype == torch.float64
    with pytest.raises(ValueError, match=r"module: given a DataParallel, allowed: .* its `.module`"):
        NeuralLandscape(nn.DataParallel(ONE), nn.CrossEntropyLoss(), VALUES.float(), LABELS_OF)


def test_accuracy_of_a_regression_is_refused():
    with pytest.raises(ValueError, match="accuracy: given targets under 0 or over 1"):
        accuracy(torch.randn(4, 2), torch.randn(4, 2) * 3)
