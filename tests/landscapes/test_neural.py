"""Networks as landscapes: counts, references, small losses, and what is refused."""

import copy
import itertools
import math

import cases
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from elsuite.landscapes import ARCHITECTURES, DataSet, NeuralLandscape, load_data, network_landscape
from elsuite.landscapes.networks.architectures import DenseNetwork
from elsuite.landscapes.networks.dense import DenseEvaluator
from elsuite.landscapes.networks.evaluation import LoopEvaluator
from elsuite.landscapes.networks.losses import CrossEntropy

pytestmark = pytest.mark.making

IMAGES, LABELS = cases.images(24, (8, 8), 4)


def reference(module, loss, point, inputs, targets):
    """Energy and gradient the slow and obvious way: one point, all samples, functional_call and autograd."""
    leaf = point.detach().clone().requires_grad_()
    named, at = {}, 0
    for name, tensor in module.named_parameters():
        named[name] = leaf[at : at + tensor.numel()].view(tensor.shape)
        at += tensor.numel()
    value = loss(functional_call(module, named, (inputs,)), targets)
    return value.detach(), torch.autograd.grad(value, leaf)[0]


@pytest.mark.parametrize(
    ("name", "count"), [("fcp", 42_200), ("lenet", 61_706), ("autoencoder", 52_224), ("lstm", 15_456)]
)
def test_parameter_counts(name, count):
    module = ARCHITECTURES[name]()
    assert sum(tensor.numel() for tensor in module.parameters()) == count
    outputs = module(torch.rand(3, 28, 28))
    assert outputs.shape == ((3, 784) if name == "autoencoder" else (3, 10))


def test_layers_of_the_study():
    lenet = ARCHITECTURES["lenet"]().layers
    kinds = [type(layer).__name__ for layer in lenet]
    assert kinds == (["Conv2d", "Softplus", "AvgPool2d"] * 2 + ["Flatten"] + ["Linear", "Softplus"] * 2 + ["Linear"])
    assert [type(layer).__name__ for layer in ARCHITECTURES["autoencoder"]().layers][-2:] == ["Linear", "Sigmoid"]
    lstm = ARCHITECTURES["lstm"]()
    expected = torch.randperm(784, generator=torch.Generator().manual_seed(1234))
    assert torch.equal(lstm.permutation, expected)
    image = torch.rand(1, 28, 28)
    steps = image.flatten()[expected].view(1, 28, 28)
    assert torch.allclose(lstm(image), lstm.output(lstm.lstm(steps)[1][0][-1]))


@pytest.mark.parametrize("activation", ["softplus", "relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("name", ["fcp", "lenet", "autoencoder"])
def test_activations(name, activation):
    module = ARCHITECTURES[name](activation=activation)
    kinds = {type(layer).__name__.lower() for layer in module.modules()}
    assert activation in kinds
    with pytest.raises(ValueError, match="'swish' given; one of softplus, relu, sigmoid, tanh"):
        ARCHITECTURES[name](activation="swish")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fcp", {"hidden": (3, 0)}, "hidden"),
        ("fcp", {"image": (0, 3)}, "image"),
        ("lstm", {"hidden": -1}, "hidden = -1"),
        ("lenet", {"image": (8, 8)}, "12 x 12"),
        ("lenet", {"channels": (2, 3, 4)}, "two numbers of channels"),
        ("autoencoder", {"n_outputs": 3}, "n_outputs"),
        ("resnet", {}, "one of fcp, lenet, autoencoder, lstm"),
    ],
)
def test_options_that_do_not_fit(name, options, message):
    data = DataSet("random", *cases.images(), *cases.images())
    with pytest.raises(ValueError, match=message) as error:
        network_landscape(name, data, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", cases.NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_against_the_slow_reference(name, dtype):
    landscape = cases.NETWORKS[name]()
    network, precision = landscape._network, getattr(torch, dtype)
    data = landscape._samples["train"]
    loss = functional.mse_loss if "autoencoder" in name else functional.cross_entropy
    module = copy.deepcopy(network.module).to(precision)
    other = NeuralLandscape(
        module.requires_grad_(True), loss, data.inputs, data.targets, dtype=precision, byte_budget=2**14
    )
    inputs = data.inputs.to(precision)
    targets = data.targets.to(precision) if data.targets.is_floating_point() else data.targets
    points = other.initial_points([0, 1, 2])
    assert points.shape == (3, landscape.n_parameters)
    energies, gradients = other.energy_and_gradient(points)
    exact = {"rtol": 1e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-14}
    for k, point in enumerate(points):
        value, gradient = reference(module, loss, point, inputs, targets)
        assert torch.allclose(energies[k], value.double(), **exact)
        assert torch.allclose(gradients[k], gradient, **exact)


@st.composite
def dense_stacks(draw):
    """A Sequential of dense layers with any activations, biases or none, and a loss."""
    classes = draw(st.booleans())
    sizes = [*draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)), draw(st.integers(1 + classes, 6))]
    kinds = [None, nn.Softplus, nn.ReLU, nn.Sigmoid, nn.Tanh]
    layers = [nn.Flatten()] if draw(st.booleans()) else []
    for n_in, n_out in itertools.pairwise(sizes):
        layers.append(nn.Linear(n_in, n_out, bias=draw(st.booleans())))
        kind = draw(st.sampled_from(kinds))
        layers += [] if kind is None else [kind()]
    n_samples = draw(st.integers(1, 9))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    inputs = torch.randn(n_samples, sizes[0], generator=generator, dtype=torch.float64)
    if classes:
        targets = torch.randint(0, sizes[-1], (n_samples,), generator=generator)
        loss = draw(st.sampled_from([functional.cross_entropy, nn.CrossEntropyLoss()]))
        if draw(st.booleans()):
            targets = torch.rand(n_samples, sizes[-1], generator=generator, dtype=torch.float64)
    else:
        targets = torch.randn(n_samples, sizes[-1], generator=generator, dtype=torch.float64)
        loss = draw(st.sampled_from([functional.mse_loss, nn.MSELoss()]))
    return nn.Sequential(*layers).double(), loss, inputs, targets, draw(st.sampled_from([1, 300, 2**20]))


@settings(max_examples=60, deadline=None)
@given(dense_stacks(), st.integers(1, 5))
def test_any_dense_stack_against_the_slow_reference(stack, n_points):
    module, loss, inputs, targets, budget = stack
    landscape = NeuralLandscape(module, loss, inputs, targets, dtype=torch.float64, byte_budget=budget)
    assert isinstance(landscape._evaluator, DenseEvaluator)
    points = 3 * landscape.initial_points(list(range(n_points)))
    energies, gradients = landscape.energy_and_gradient(points)
    own = torch.arange(len(inputs)).expand(n_points, -1)
    for other in (landscape.minibatch(own), landscape.minibatch(own[0])):
        again, gradients_again = other.energy_and_gradient(points)
        assert torch.allclose(energies, again, rtol=1e-11, atol=1e-14)
        assert torch.allclose(gradients, gradients_again, rtol=1e-9, atol=1e-12)
    for k, point in enumerate(points):
        value, gradient = reference(module, loss, point, inputs, targets)
        assert torch.allclose(energies[k], value, rtol=1e-11, atol=1e-14)
        assert torch.allclose(gradients[k], gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["fcp", "lenet"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cross_entropy_of_well_fitted_samples_keeps_its_digits(name, dtype):
    # The last layer scaled up until every sample is right by far: losses down to 1e-30.
    shape = (12, 12)
    inputs, _ = cases.images(6, shape, 4)
    module = ARCHITECTURES[name](image=shape, n_outputs=4)
    labels = module(torch.from_numpy(inputs)).argmax(1)
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, labels, dtype=dtype)
    exact = NeuralLandscape(module.double(), nn.CrossEntropyLoss(), inputs, labels, dtype=torch.float64)
    start = torch.cat([tensor.detach().flatten() for tensor in module.parameters()]).to(dtype)
    last = start.numel() - module.layers[-1].weight.numel()
    if name == "lenet":
        last -= 4
    for scale in (1e2, 1e3, 1e4):
        point = start.clone()
        point[last:] *= scale
        energy, gradient = landscape.energy_and_gradient(point[None])
        logits = functional_call(module, exact.parameters(point.double()), (torch.from_numpy(inputs).double(),))
        others = (logits - logits.gather(1, labels[:, None])).scatter(1, labels[:, None], -torch.inf)
        expected = torch.log1p(others.exp().sum(1)).mean()
        tolerance = 1e-10 if dtype == torch.float64 else max(1e-5, 1e-6 * scale)
        assert energy.item() == pytest.approx(expected.item(), rel=tolerance)
        assert landscape.energy(point[None]).item() == pytest.approx(energy.item(), rel=tolerance)
        if expected > 1e-30:
            assert gradient.double().norm() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_of_well_fitted_samples_hold_no_subnormal_numbers(dtype):
    tiny = torch.finfo(dtype).tiny
    logits = torch.linspace(0, 1.5 * math.log(tiny), 400, dtype=dtype).expand(3, -1).clone()
    logits[0] = 0
    sums, gradient = CrossEntropy().sums_and_gradient(
        logits.clone(), torch.zeros(400, dtype=torch.int64), weight=1e-4, keep=True
    )
    expected = 1e-4 * torch.softmax(logits.double(), 0)
    counting = logits[1] > 0.74 * math.log(tiny)
    assert torch.allclose(gradient[1:, counting].double(), expected[1:, counting], rtol=1e-4, atol=0)
    assert not gradient[1:, logits[1] < 0.76 * math.log(tiny)].any()
    assert not ((gradient != 0) & (gradient.abs() < tiny)).any()
    assert sums.item() == pytest.approx(torch.log1p(2 * logits[1].double().exp()).sum().item(), rel=1e-5)


def test_cross_entropy_of_huge_logits_is_finite_and_not_a_number_stays_one():
    landscape = NeuralLandscape(nn.Linear(3, 2), nn.CrossEntropyLoss(), np.eye(3, dtype="f4"), [0, 1, 0])
    point = torch.tensor([[1e6, -1e6, 0, -1e6, 1e6, 0, 0, 0], [torch.nan] * 8, [1e38] * 8])
    energies, gradients = landscape.energy_and_gradient(point)
    expected = functional.cross_entropy(torch.eye(3) @ point[0, :6].view(2, 3).T, torch.tensor([0, 1, 0]))
    assert energies[0].item() == pytest.approx(expected.item())
    assert torch.isnan(energies[1])
    assert torch.isfinite(gradients[0]).all()
    assert torch.equal(landscape.energy(point[:2]).isnan(), torch.tensor([False, True]))


def test_chunks_and_micro_batches_change_nothing_but_rounding():
    data = load_data("digits")
    energies, gradients = [], []
    for budget in (2**12, 2**18, 2**30):
        landscape = network_landscape("fcp", data, hidden=(32, 32), byte_budget=budget)
        points = landscape.initial_points([0, 1, 2, 3, 4])
        energy, gradient = landscape.energy_and_gradient(points)
        assert torch.allclose(energy, landscape.energy(points), rtol=1e-6)
        energies.append(energy)
        gradients.append(gradient)
    for k in (1, 2):
        assert torch.allclose(energies[0], energies[k], rtol=1e-6)
        assert torch.allclose(gradients[0], gradients[k], rtol=1e-4, atol=1e-6)


class Norm(nn.Module):
    """A network with a batch normalization and a buffer of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(64, 6), nn.BatchNorm1d(6), nn.Linear(6, 4)
        self.register_buffer("shift", torch.tensor(0.5))

    def forward(self, inputs):
        return self.last(torch.tanh(self.norm(self.first(inputs.flatten(1))))) + self.shift


def test_buffers_are_frozen_and_the_module_is_not_changed():
    module = Norm()
    module(torch.randn(50, 64) * 3 + 1)
    module.eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), IMAGES, LABELS, dtype=torch.float64, buffers="frozen")
    assert landscape.n_parameters == sum(tensor.numel() for tensor in module.parameters())
    points = landscape.initial_points([0, 1])
    energies, _ = landscape.energy_and_gradient(points)
    inputs, labels = torch.from_numpy(IMAGES).double(), torch.from_numpy(LABELS)
    value, _ = reference(copy.deepcopy(module).double(), functional.cross_entropy, points[1], inputs, labels)
    assert torch.allclose(energies[1], value)
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert next(module.parameters()).dtype == torch.float32
    assert all(tensor.requires_grad for tensor in module.parameters())
    module.norm.running_mean += 10
    assert torch.equal(landscape.energy(points), energies)


class Noisy(nn.Module):
    """A network that draws a random number itself."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 4)

    def forward(self, inputs):
        return self.layer(inputs.flatten(1)) + torch.rand(1)


class Counting(Noisy):
    """A network that counts its calls."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, inputs):
        self.calls += 1
        return self.layer(inputs.flatten(1))


class Pair(Noisy):
    """A network with two outputs."""

    def forward(self, inputs):
        return inputs, inputs


def _module(*layers):
    return nn.Sequential(nn.Flatten(), *layers)


@pytest.mark.parametrize(
    ("module", "loss", "message"),
    [
        (_module(nn.Linear(64, 4), nn.Dropout(0.1)), None, r"2 is an active Dropout.*module\.eval\(\)"),
        (Noisy(), None, "two results"),
        (Counting(), None, "calls"),
        (Pair(), None, "the loss does not take outputs"),
        (_module(), None, "no parameter"),
        (_module(nn.Linear(63, 4)), None, r"does not take inputs of shape \(\d+, 8, 8\)"),
        (_module(nn.Linear(64, 3)), None, "targets from 0 to 3.*3 outputs"),
        (_module(nn.Linear(64, 4)), lambda outputs, targets: outputs[:, 0], r"the loss has shape \(\d+,\)"),
        (_module(nn.Linear(64, 4)), lambda outputs, targets: 1.0, "type float"),
        (_module(nn.Linear(64, 4)), nn.BCEWithLogitsLoss(), r"take targets\.reshape"),
    ],
)
def test_what_is_no_function_or_no_mean_is_refused(module, loss, message):
    with pytest.raises(ValueError, match=message) as error:
        NeuralLandscape(module, loss or nn.CrossEntropyLoss(), IMAGES, LABELS)
    assert "\n" not in str(error.value)


def test_evaluation_mode_is_enough():
    module = _module(nn.Linear(64, 4), nn.Dropout(0.5), nn.BatchNorm1d(4)).eval()
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), IMAGES, LABELS)
    points = landscape.initial_points([0])
    assert torch.equal(landscape.energy(points), landscape.energy(points))
    still = _module(nn.Linear(64, 4), nn.Dropout(0.0))
    assert NeuralLandscape(still, nn.CrossEntropyLoss(), IMAGES, LABELS).n_parameters == 260


@pytest.mark.parametrize(
    ("inputs", "targets", "settings", "message"),
    [
        (IMAGES, LABELS[:-1], {}, r"train: inputs of shape \(24, 8, 8\) and targets of shape \(23,\)"),
        (IMAGES[:0], LABELS[:0], {}, "at least one"),
        (1.0, 1, {}, "equally many"),
        (IMAGES, LABELS, {"dtype": torch.float16}, "float16"),
        (IMAGES, LABELS, {"device": "tpu"}, "tpu"),
        (IMAGES, LABELS, {"test": (IMAGES, LABELS[:3])}, "test: inputs"),
        (IMAGES, LABELS, {"test": (IMAGES[:, 1:], LABELS)}, "test: the module does not take"),
        (IMAGES, LABELS, {"test": (IMAGES, LABELS + 1)}, "test: targets from 1 to 4"),
    ],
)
def test_data_that_do_not_fit_are_refused(inputs, targets, settings, message):
    module = _module(nn.Linear(64, 4))
    with pytest.raises(ValueError, match=message) as error:
        NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, targets, **settings)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_refused():
    with pytest.raises(ValueError, match="'auto' or 'cpu'"):
        NeuralLandscape(_module(nn.Linear(64, 4)), nn.CrossEntropyLoss(), IMAGES, LABELS, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gpu_agrees_with_cpu(name):
    data = DataSet("random", *cases.images(60, (28, 28), 10), *cases.images(20, (28, 28), 10))
    results = []
    for device in ("cpu", "cuda"):
        landscape = network_landscape(name, data, dtype=torch.float64, device=device)
        points = landscape.initial_points([0, 1])
        leaf = points.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(landscape.energy(leaf).sum(), leaf, create_graph=True)
        (product,) = torch.autograd.grad(gradient.sum(), leaf)
        results.append([value.cpu() for value in (*landscape.energy_and_gradient(points), product)])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-10)


def test_frozen_tensors_are_no_parameters():
    module = _module(nn.Linear(64, 5), nn.Tanh(), nn.Linear(5, 4))
    module[1].requires_grad_(False)
    weight = module[1].weight.clone()
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), IMAGES, LABELS)
    assert landscape.n_parameters == 5 * 4 + 4
    points = landscape.initial_points([0])
    inputs = torch.tanh(functional.linear(torch.from_numpy(IMAGES).flatten(1), weight, module[1].bias))
    logits = functional.linear(inputs, points[0, :20].view(4, 5), points[0, 20:])
    expected = functional.cross_entropy(logits, torch.from_numpy(LABELS))
    assert landscape.energy(points).item() == pytest.approx(expected.item(), rel=1e-5)


def test_losses_of_any_kind():
    inputs = torch.rand(20, 3, generator=torch.Generator().manual_seed(0))
    classes = torch.arange(20) % 2
    table = [
        (nn.Linear(3, 1), nn.L1Loss(), inputs[:, :1]),
        (nn.Linear(3, 1), nn.BCEWithLogitsLoss(), classes[:, None].float()),
        (nn.Sequential(nn.Linear(3, 2), nn.LogSoftmax(1)), nn.NLLLoss(), classes),
        (nn.Linear(3, 2), nn.CrossEntropyLoss(label_smoothing=0.1), classes),
        (nn.Linear(3, 2), nn.CrossEntropyLoss(label_smoothing=0.1), functional.one_hot(classes).float()),
        (nn.Linear(3, 2), lambda outputs, targets: (outputs**4).mean() + targets.float().mean(), classes),
    ]
    for module, loss, targets in table:
        landscape = NeuralLandscape(module, loss, inputs, targets, byte_budget=100)
        assert isinstance(landscape._evaluator, LoopEvaluator)
        points = landscape.initial_points([0, 1])
        energies, gradients = landscape.energy_and_gradient(points)
        for k in range(2):
            value, gradient = reference(module, loss, points[k], inputs, targets)
            assert energies[k].item() == pytest.approx(value.item(), rel=1e-5)
            assert torch.allclose(gradients[k], gradient, rtol=1e-4, atol=1e-6)


def test_the_landscape_chooses_the_path():
    inputs, classes = torch.rand(10, 3), torch.arange(10) % 2
    tied = nn.Linear(3, 3)
    hooked = nn.Linear(3, 2)
    hooked.register_forward_hook(lambda layer, given, outputs: outputs * 2)
    table = [
        (nn.Linear(3, 2), DenseEvaluator),
        (nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.Tanh()), nn.Linear(4, 2)), DenseEvaluator),
        (nn.Sequential(tied, tied, nn.Linear(3, 2)), LoopEvaluator),
        (nn.Sequential(nn.Linear(3, 4), nn.Softplus(beta=2), nn.Linear(4, 2)), LoopEvaluator),
        (nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2)), LoopEvaluator),
        (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)), LoopEvaluator),
        (nn.Sequential(nn.Tanh(), nn.Linear(3, 2)), LoopEvaluator),
        (hooked, LoopEvaluator),
        (torch.nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), LoopEvaluator),
    ]
    for module, kind in table:
        landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, classes)
        assert type(landscape._evaluator) is kind
        point = torch.cat([tensor.detach().flatten() for tensor in module.parameters()])
        energies, gradients = landscape.energy_and_gradient(point[None])
        value, gradient = reference(module, nn.CrossEntropyLoss(), point, inputs, classes)
        assert energies[0].item() == pytest.approx(value.item(), rel=1e-5)
        assert torch.allclose(gradients[0], gradient, rtol=1e-4, atol=1e-6)


def test_micro_batches_of_heavy_networks():
    inputs, labels = cases.images(1100, (12, 12), 4)
    landscape = NeuralLandscape(
        ARCHITECTURES["lenet"](image=(12, 12), n_outputs=4), nn.CrossEntropyLoss(), inputs, labels
    )
    assert landscape._evaluator.micro_batch == 512
    points = landscape.initial_points([0])
    small = NeuralLandscape(
        landscape._network.module.requires_grad_(True), nn.CrossEntropyLoss(), inputs, labels, byte_budget=2**20
    )
    assert small._evaluator.micro_batch < 100
    for a, b in zip(landscape.energy_and_gradient(points), small.energy_and_gradient(points), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_starts_are_the_modules_own(name):
    data = DataSet("random", *cases.images(10, (14, 14), 10), *cases.images(10, (14, 14), 10))
    starts = [
        network_landscape(name, data, dtype=dtype).initial_points([0, 3]) for dtype in (torch.float32, torch.float64)
    ]
    assert torch.equal(starts[0].double(), starts[1])
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(3)
        module = ARCHITECTURES[name](image=(14, 14))
    assert torch.equal(starts[0][1], torch.cat([tensor.detach().flatten() for tensor in module.parameters()]))


def test_no_start_without_reset_parameters():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(64, 4))

        def forward(self, inputs):
            return inputs.flatten(1) @ self.weight

    landscape = NeuralLandscape(Bare(), nn.CrossEntropyLoss(), IMAGES, LABELS)
    assert landscape.energy(torch.zeros(1, 256)).item() == pytest.approx(np.log(4), rel=1e-6)
    with pytest.raises(ValueError, match=r"weight: Bare has no reset_parameters\(\)"):
        landscape.initial_points([0])


def test_order_of_the_parameters():
    landscape = cases.NETWORKS["lenet"]()
    point = torch.arange(landscape.n_parameters, dtype=torch.float64)
    named = landscape.parameters(point)
    module = ARCHITECTURES["lenet"](image=(12, 14), hidden=(8, 6), channels=(2, 3), n_outputs=4)
    assert list(named) == [name for name, _ in module.named_parameters()]
    assert torch.equal(torch.cat([tensor.flatten() for tensor in named.values()]), point)
    module.load_state_dict(named)


def test_inputs_of_whole_numbers_stay_whole():
    module = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2))
    tokens = np.array([[0, 1], [4, 2], [3, 3]])
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), tokens, [0, 1, 1])
    energies, gradients = landscape.energy_and_gradient(landscape.initial_points([0]))
    assert torch.isfinite(energies).all()
    assert gradients.abs().max() > 0


def test_arrays_of_inputs_that_must_not_be_written_to():
    frozen = IMAGES.copy()
    frozen.flags.writeable = False
    landscape = NeuralLandscape(_module(nn.Linear(64, 4)), nn.CrossEntropyLoss(), frozen, tuple(LABELS))
    assert landscape.n_samples == 24


class SkippingNetwork(DenseNetwork):
    """A forward of its own over the layers of a dense stack."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 6), nn.Tanh())

    def forward(self, inputs):
        return self.layers(inputs.flatten(1)) + inputs.flatten(1)


class GainNetwork(DenseNetwork):
    """A parameter beside the layers."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(2.0))
        self.layers = nn.Sequential(nn.Linear(6, 6))


class PlainNetwork(DenseNetwork):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 6), nn.Tanh())


def tied():
    module = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Tanh(), nn.Linear(6, 6, bias=False))
    module[2].weight = module[0].weight
    return module


MODULES = {
    "a skip connection": (SkippingNetwork, (6,), False),
    "a parameter beside the layers": (GainNetwork, (6,), False),
    "tied weights": (tied, (6,), False),
    "a sequence, then flat": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Flatten(), nn.Linear(8, 6)), (2, 3), False),
    "a sequence without flattening": (lambda: nn.Sequential(nn.Linear(3, 6), nn.Flatten()), (1, 3), False),
    "flattened first": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Tanh(), nn.Flatten(), nn.Linear(4, 6)), (2, 3), True),
    "flat inputs": (lambda: nn.Sequential(nn.Linear(6, 4), nn.Flatten(), nn.Tanh(), nn.Linear(4, 6)), (6,), True),
    "nothing of its own": (PlainNetwork, (2, 3), True),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_the_quick_way_is_taken_only_where_it_is_right(name):
    make, shape, dense = MODULES[name]
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        module, inputs = make().double(), torch.rand(12, *shape, dtype=torch.float64)
    targets = torch.arange(12) % 6
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, targets, dtype=torch.float64, device="cpu")
    point = torch.cat([tensor.detach().flatten() for tensor in module.parameters()])
    expected = nn.functional.cross_entropy(module(inputs), targets)
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(expected, list(module.parameters()), allow_unused=True, materialize_grads=True)])  # fmt: skip
    energies, gradients = landscape.energy_and_gradient(point[None])
    assert energies.item() == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(gradients[0], gradient, rtol=1e-9, atol=1e-12)
    assert isinstance(landscape._evaluator, DenseEvaluator) == dense


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_length_scale_of_a_network_is_the_norm_of_a_start(architecture):
    landscape = cases.NETWORKS[architecture]()
    norms = landscape.initial_points(list(range(4))).norm(dim=1)
    # Of an LSTM the weights of its inputs are drawn by the number of its units.
    assert landscape.length_scale == pytest.approx(norms.mean().item(), rel=0.35 if architecture == "lstm" else 0.1)
    assert landscape.on("test").length_scale == landscape.length_scale
