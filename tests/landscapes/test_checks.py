"""What is no function of the parameters, or no mean over samples, is refused however the data are sorted."""

import functools
import types
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from elsuite.landscapes import NeuralLandscape
from elsuite.landscapes.networks.architectures import DenseNetwork
from elsuite.landscapes.networks.dense import DenseEvaluator
from elsuite.landscapes.networks.evaluation import LoopEvaluator
from elsuite.symmetry.modules import symmetry_of

pytestmark = pytest.mark.making

N = 400


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


INPUTS = torch.randn(N, 5, generator=generator())
CLASSES = (torch.arange(N) >= 300).long()  # sorted
SHUFFLED = torch.randperm(N, generator=generator(1))


def network(n_outputs=2, *, dtype=torch.float32):
    layers = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, n_outputs))
    for k, tensor in enumerate(layers.parameters()):
        tensor.data = torch.randn(tensor.shape, generator=generator(k)) / 2
    return layers.to(dtype)


def linear(n_outputs):
    """A layer with the same weights each time."""
    layer = nn.Linear(5, n_outputs)
    for k, tensor in enumerate(layer.parameters()):
        tensor.data = torch.randn(tensor.shape, generator=generator(k)) / 2
    return layer


def flat(module):
    return torch.cat([tensor.detach().flatten() for tensor in module.parameters()])[None]


def weighted(outputs, targets):
    weights = torch.tensor([1.0, 3.0], dtype=outputs.dtype)
    return functional.cross_entropy(outputs, targets, weight=weights)


def counting(outputs, targets):
    return functional.cross_entropy(outputs, targets, reduction="sum") / (targets >= 0).sum() * len(targets) ** 0.1


def one_class_only(outputs, targets):
    losses = functional.cross_entropy(outputs, targets, reduction="none")
    return losses[targets == 1].mean() if bool((targets == 1).any()) else losses.sum() * 0


LINEAR = linear(1)
TRAINED = LINEAR(INPUTS).detach() + 1e-4  # a loss of 1e-8
HALVES = (torch.arange(N) >= 200).float()
NO_MEANS = {
    "weights in a function": (network(), weighted, CLASSES),
    "only one class counts": (network(), one_class_only, CLASSES),
    "a sum in a function": (LINEAR, lambda outputs, targets: ((outputs - targets) ** 2).sum(), TRAINED),
    "a root": (LINEAR, lambda outputs, targets: ((outputs - targets) ** 2).mean().sqrt(), TRAINED),
    "a power of the number": (network(), counting, CLASSES),
    "each with each": (LINEAR, nn.MSELoss(), HALVES),
    "each with each, absolute": (LINEAR, nn.L1Loss(), HALVES),
    "each with each, a function": (LINEAR, functional.huber_loss, HALVES),
    "each with each, own": (LINEAR, lambda outputs, targets: ((outputs - targets) ** 2).mean(), HALVES),
    "the largest": (LINEAR, lambda outputs, targets: ((outputs - targets) ** 2).max(), TRAINED),
}


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("name", NO_MEANS)
def test_no_mean_is_refused_sorted_and_shuffled(name, shuffled):
    module, loss, targets = NO_MEANS[name]
    order = SHUFFLED if shuffled else torch.arange(N)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of shapes
        with pytest.raises(ValueError, match=r"mean|take targets\.reshape") as error:
            NeuralLandscape(module, loss, INPUTS[order], targets[order])
    assert "\n" not in str(error.value)


def test_one_sample_of_thousands_is_enough():
    # The rest of the samples, and any few of them, would do.
    inputs, classes = torch.randn(5000, 5, generator=generator()), torch.arange(5000) % 50
    classes[4321] = -1

    def rare(outputs, targets):
        counted = targets >= 0
        return (outputs[:, 0] ** 2 * counted).sum() / counted.sum()

    with pytest.raises(ValueError, match="mean over samples"):
        NeuralLandscape(network(), rare, inputs, classes)
    weights = torch.ones(50, dtype=torch.float64)
    weights[37] = 5.0

    def heavy(outputs, targets):
        return functional.cross_entropy(outputs, targets, weight=weights.to(outputs.dtype))

    with pytest.raises(ValueError, match="mean over samples"):
        NeuralLandscape(network(50), heavy, inputs, classes.clamp(min=0))


class OwnMean(nn.CrossEntropyLoss):
    """The mean over samples of losses times the weight of their class."""

    def forward(self, outputs, targets):
        losses = functional.cross_entropy(outputs, targets, reduction="none")
        return (losses * self.weight.to(outputs.dtype)[targets]).mean()


MEANS = {
    "weights of classes that are equal": (network(), nn.CrossEntropyLoss(weight=torch.tensor([3.0, 3.0])), CLASSES),
    "a weight of an absent class": (network(3), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1.0, 9.0])), CLASSES),
    "an ignored class that is absent": (network(3), nn.CrossEntropyLoss(ignore_index=2), CLASSES),
    "weights of outputs": (network(), nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 3.0])), torch.eye(2)[CLASSES]),
    "weights of samples, plain mean": (
        network(),
        lambda outputs, targets: (
            functional.cross_entropy(outputs, targets, reduction="none") * (1.0 + 2.0 * targets)
        ).mean(),
        CLASSES,
    ),
    "a class of its own with such settings": (network(), OwnMean(weight=torch.tensor([1.0, 3.0])), CLASSES),
    "smoothed": (network(), nn.CrossEntropyLoss(label_smoothing=0.1), CLASSES),
    "probabilities": (network(), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0])), torch.eye(2)[CLASSES]),
    "trained": (LINEAR, nn.L1Loss(), TRAINED),
    "a small loss": (LINEAR, lambda outputs, targets: 1e-12 * ((outputs - targets) ** 2).mean(), TRAINED),
    "either sign": (LINEAR, lambda outputs, targets: (outputs * (targets - outputs)).mean(), TRAINED),
    "one precision only": (network(), lambda outputs, targets: (outputs @ torch.ones(2)).square().mean(), CLASSES),
    "batchmean": (
        nn.Sequential(network(), nn.LogSoftmax(1)),
        nn.KLDivLoss(reduction="batchmean"),
        torch.softmax(torch.randn(N, 2, generator=generator()), 1),
    ),
}


@pytest.mark.parametrize("name", MEANS)
def test_means_are_taken_and_do_not_depend_on_the_byte_budget(name):
    module, loss, targets = MEANS[name]
    for order in (torch.arange(N), SHUFFLED):
        energies = [
            NeuralLandscape(module, loss, INPUTS[order], targets[order], byte_budget=budget).energy(flat(module)).item()
            for budget in (2**30, 2**12, 1)
        ]
        expected = loss(module(INPUTS), targets).item()
        # Of what is close to its target, rounding is larger.
        assert energies == pytest.approx([expected] * 3, rel=1e-2 if targets is TRAINED else 2e-5, abs=0)


@st.composite
def losses_and_targets(draw):
    """A loss that may be a mean or not, and targets in any order."""
    n, seed = draw(st.integers(2, 60)), draw(st.integers(0, 1000))
    targets = torch.randint(0, 3, (n,), generator=generator(seed))
    if draw(st.booleans()):
        targets = targets.sort().values
    weight = torch.tensor(
        draw(st.sampled_from([[1.0, 1.0, 1.0], [1.0, 2.0, 5.0], [2.0, 2.0, 7.0]])), dtype=torch.float64
    )
    ignored = draw(st.sampled_from([-100, 0, 2]))
    given = {"weight": weight, "ignore_index": ignored}
    loss = draw(
        st.sampled_from(
            [
                nn.CrossEntropyLoss(**given),
                functools.partial(functional.cross_entropy, **given),
                lambda outputs, targets: functional.cross_entropy(outputs, targets, **given),
                lambda outputs, targets: functional.multi_margin_loss(outputs, targets, weight=weight),
                lambda outputs, targets: functional.multi_margin_loss(outputs, targets, reduction="sum"),
            ]
        )
    )
    return loss, targets, seed


@settings(max_examples=60, deadline=None)
@given(losses_and_targets(), st.integers(1, 3000))
def test_energies_never_depend_on_the_byte_budget(given_, budget):
    loss, targets, seed = given_
    module = network(3, dtype=torch.float64)
    inputs = torch.randn(len(targets), 5, generator=generator(seed), dtype=torch.float64)
    try:
        small = NeuralLandscape(module, loss, inputs, targets, dtype=torch.float64, byte_budget=budget)
    except ValueError:
        with pytest.raises(ValueError, match=r"mean|not finite"):
            NeuralLandscape(module, loss, inputs.flip(0), targets.flip(0), dtype=torch.float64)
        return
    points = torch.cat([flat(module), small.initial_points([0])])
    large = NeuralLandscape(module, loss, inputs, targets, dtype=torch.float64)
    torch.testing.assert_close(small.energy(points), large.energy(points), rtol=1e-9, atol=0, equal_nan=True)
    expected = loss(module(inputs), targets).item()
    assert large.energy(points)[0].item() == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_sequences_with_padding():
    module = nn.Sequential(nn.Embedding(10, 8), nn.Conv1d(7, 7, 1), nn.Linear(8, 10))
    tokens = torch.randint(0, 10, (1200, 7), generator=generator())
    targets = torch.randint(0, 10, (1200, 7), generator=generator(1))

    def loss(outputs, targets):
        return functional.cross_entropy(outputs.transpose(1, 2), targets)

    class Transposed(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = module

        def forward(self, inputs):
            return self.inner(inputs).transpose(1, 2)

    some, whole = targets.clone(), targets.clone()
    some[600:, 1:] = -100
    whole[600:] = -100
    for padded in (some, whole):
        with pytest.raises(ValueError, match="mean over samples"):
            NeuralLandscape(module, loss, tokens, padded)
        truth = functional.cross_entropy(Transposed()(tokens), padded)
        landscape = NeuralLandscape(Transposed(), nn.CrossEntropyLoss(), tokens, padded)
        assert landscape.energy(flat(Transposed())).item() == pytest.approx(truth.item(), rel=1e-5)
    alike = targets.clone()
    alike[:, 0] = -100  # as many in each sample: the mean over the others is one over samples
    for one, other in ((module, loss), (Transposed(), nn.CrossEntropyLoss())):
        landscape = NeuralLandscape(one, other, tokens, alike)
        assert landscape.energy(flat(one)).item() == pytest.approx(other(one(tokens), alike).item(), rel=1e-5)


@pytest.mark.parametrize("known", [False, True])
def test_a_loss_of_the_modules_weights_is_refused(known):
    module = nn.Linear(5, 1)

    def decaying(outputs, targets):
        return functional.mse_loss(outputs, targets) + 0.01 * sum((t**2).sum() for t in module.parameters())

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, outputs, targets):
            return self.scale * functional.mse_loss(outputs, targets)

    with pytest.raises(ValueError, match=r"depends on more than outputs and targets.*weight decay") as error:
        NeuralLandscape(module, Scaled() if known else decaying, INPUTS, TRAINED)
    assert "\n" not in str(error.value)


class BatchStatistics(nn.Module):
    """A network that normalizes by statistics of the batch, whatever its mode."""

    def __init__(self, how):
        super().__init__()
        self.how, self.layer = how, nn.Linear(5, 2)

    def forward(self, inputs):
        outputs = self.layer(inputs)
        if self.how == "function":
            return functional.batch_norm(outputs, None, None, training=True)
        if self.how == "mean":
            return outputs - outputs.mean(0)
        if self.how == "weak":
            return outputs + 1e-3 * outputs.mean(0)
        if self.how == "position":
            return outputs + torch.arange(len(outputs), dtype=outputs.dtype)[:, None]
        return outputs.squeeze()[..., 0]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            nn.Sequential(nn.Linear(5, 2), nn.BatchNorm1d(2, track_running_stats=False)).eval(),
            "1 is a BatchNorm1d with",
        ),
        (BatchStatistics("function").eval(), r"takes \d+ samples but not one alone"),
        (BatchStatistics("mean"), "mixes samples"),
        (BatchStatistics("weak"), "mixes samples"),
        (BatchStatistics("position"), "mixes samples"),
        (BatchStatistics("squeeze"), r"of shape \(\d+,\)|returns the shape \(\d+,\) for \d+ samples and \(\) for one"),
    ],
)
@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), lambda outputs, targets: (outputs**2).mean()])
def test_modules_that_mix_samples_are_refused(module, message, loss):
    with pytest.raises(ValueError, match=message) as error:
        NeuralLandscape(module, loss, INPUTS, CLASSES if "squeeze" not in message else CLASSES.float())
    assert "\n" not in str(error.value)


def test_a_forward_pass_of_another_modules_weights_is_refused():
    module, other = network(), network()
    module.forward = other.forward
    with pytest.raises(ValueError, match="no gradient by its parameters"):
        NeuralLandscape(module, nn.CrossEntropyLoss(), INPUTS, CLASSES)


def test_a_loss_with_randomness_and_one_output_are_refused():
    with pytest.raises(ValueError, match="two results for the same outputs"):
        NeuralLandscape(network(), lambda outputs, targets: (outputs**2).mean() * torch.rand(()), INPUTS, CLASSES)
    with pytest.raises(ValueError, match="one output, and the cross-entropy of one class is 0"):
        NeuralLandscape(network(1), nn.CrossEntropyLoss(), INPUTS, torch.zeros(N, dtype=torch.int64))


def test_values_that_are_not_finite_are_said_by_their_row():
    inputs, targets = INPUTS.clone(), TRAINED.clone()
    inputs[150, 2] = torch.nan
    for loss, wanted in ((nn.CrossEntropyLoss(), CLASSES), (lambda o, t: (o**2).mean(), CLASSES)):
        with pytest.raises(ValueError, match="train: row 150 of the inputs has a value that is not finite"):
            NeuralLandscape(network(), loss, inputs, wanted)
        with pytest.raises(ValueError, match="test: row 150 of the inputs"):
            NeuralLandscape(network(), loss, INPUTS, wanted, test=(inputs, wanted))
    targets[7] = torch.inf
    with pytest.raises(ValueError, match="train: row 7 of the targets"):
        NeuralLandscape(LINEAR, nn.MSELoss(), INPUTS, targets)

    class Missing(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, inputs):
            return self.inner(torch.nan_to_num(inputs))

    module = Missing()
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, CLASSES)
    expected = functional.cross_entropy(module(inputs), CLASSES).item()
    assert landscape.energy(flat(module)).item() == pytest.approx(expected, rel=1e-5)


class ComplexBuffer(nn.Module):
    """A network with a fixed complex transform."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 2)
        self.register_buffer("transform", torch.randn(5, 5, dtype=torch.complex64, generator=generator()))

    def forward(self, inputs):
        return self.layer((inputs.to(self.transform.dtype) @ self.transform).abs().to(self.layer.weight.dtype))


class Magnitude(nn.Module):
    """A network of the magnitudes of its inputs."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 2)

    def forward(self, inputs):
        return self.layer(inputs.abs().to(self.layer.weight.dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_complex_numbers_keep_their_imaginary_parts(dtype):
    waves = torch.randn(N, 5, dtype=torch.complex64, generator=generator())
    for module, inputs in ((ComplexBuffer(), INPUTS), (Magnitude(), waves)):
        landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, CLASSES, dtype=dtype)
        expected = functional.cross_entropy(module(inputs), CLASSES).item()
        assert landscape.energy(flat(module)).item() == pytest.approx(expected, rel=1e-5)

    class ComplexWeights(Magnitude):
        def __init__(self):
            super().__init__()
            self.phases = nn.Parameter(torch.ones(5, dtype=torch.complex64))

    with pytest.raises(ValueError, match="phases is complex; a point is a vector of real numbers"):
        NeuralLandscape(ComplexWeights(), nn.CrossEntropyLoss(), INPUTS, CLASSES)


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), functional.cross_entropy])
def test_one_hot_labels_keep_the_digits_of_well_fitted_samples(loss):
    module = linear(2)
    inputs = torch.randn(50, 5, generator=generator())
    labels = module(inputs).argmax(1)
    for scale in (1.0, 30.0, 300.0):
        point = scale * flat(module)
        whole = NeuralLandscape(module, loss, inputs, labels)
        soft = NeuralLandscape(module, loss, inputs, functional.one_hot(labels).float())
        assert isinstance(soft._evaluator, DenseEvaluator)
        energy, gradient = whole.energy_and_gradient(point)
        energy_soft, gradient_soft = soft.energy_and_gradient(point)
        assert energy_soft.item() == pytest.approx(energy.item(), rel=1e-5)
        assert energy.item() > 0
        torch.testing.assert_close(gradient_soft, gradient, rtol=0, atol=1e-4 * gradient.abs().max().item())
        leaf = point.clone().requires_grad_()
        (through,) = torch.autograd.grad(soft.energy(leaf).sum(), leaf)
        torch.testing.assert_close(through, gradient, rtol=0, atol=1e-4 * gradient.abs().max().item())
    mixed = torch.softmax(torch.randn(50, 2, generator=generator(3)), 1)
    mixed[0] = torch.tensor([0.5, 0.0])
    point = flat(module)
    energy, gradient = NeuralLandscape(module, loss, inputs, mixed).energy_and_gradient(point)
    expected = functional.cross_entropy(module(inputs), mixed)
    assert energy.item() == pytest.approx(expected.item(), rel=1e-5)
    wanted = torch.cat([g.flatten() for g in torch.autograd.grad(expected, list(module.parameters()))])
    torch.testing.assert_close(gradient[0], wanted, rtol=1e-4, atol=1e-6)


class Skipping(DenseNetwork):
    """A dense network with a connection past its layers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))

    def forward(self, inputs):
        hidden = self.layers[1](self.layers[0](inputs.flatten(1)))
        return self.layers[2](hidden) + hidden


class Same(DenseNetwork):
    """A dense network with the forward pass of its class."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))


class TiedInOwn(nn.Module):
    """Two layers of one weight."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight

    def forward(self, inputs):
        return self.second(torch.tanh(self.first(inputs)))


class SkippingSequential(nn.Sequential):
    """A chain of layers with a connection past them."""

    def forward(self, inputs):
        return super().forward(inputs) + inputs


def tied():
    module = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
    module[2].bias = module[0].bias
    return module


def twice(module):
    layer = nn.Linear(6, 6)
    return nn.Sequential(layer, nn.Tanh(), layer, module, nn.Linear(6, 6))


def with_forward_of_its_own():
    module = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
    module.forward = types.MethodType(lambda self, inputs: nn.Sequential.forward(self, inputs) * 2, module)
    return module


MODULES = [
    (Skipping, (12, 6), LoopEvaluator),
    (Same, (12, 6), DenseEvaluator),
    (Same, (12, 2, 3), DenseEvaluator),
    (TiedInOwn, (12, 6), LoopEvaluator),
    (lambda: SkippingSequential(nn.Linear(6, 6), nn.Tanh()), (12, 6), LoopEvaluator),
    (tied, (12, 6), LoopEvaluator),
    (lambda: twice(nn.Tanh()), (12, 6), LoopEvaluator),
    (with_forward_of_its_own, (12, 6), LoopEvaluator),
    (lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Flatten(), nn.Linear(8, 6)), (12, 2, 3), LoopEvaluator),
    (
        lambda: nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Linear(3, 4), nn.Flatten(), nn.Linear(8, 6)),
        (12, 6),
        LoopEvaluator,
    ),
    (
        lambda: nn.Sequential(nn.Flatten(0, 1), nn.Unflatten(0, (-1, 2)), nn.Flatten(), nn.Linear(6, 6)),
        (12, 2, 3),
        LoopEvaluator,
    ),
]


@pytest.mark.parametrize(("make", "shape", "evaluator"), MODULES)
def test_modules_are_computed_as_they_are(make, shape, evaluator):
    torch.manual_seed(0)  # noqa: TID251
    module, inputs = make(), torch.rand(shape, generator=generator())
    labels = torch.arange(12) % 6
    landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, labels)
    assert isinstance(landscape._evaluator, evaluator)
    energy, gradient = landscape.energy_and_gradient(flat(module))
    expected = functional.cross_entropy(module(inputs), labels)
    assert energy.item() == pytest.approx(expected.item(), rel=1e-5)
    wanted = torch.cat([g.flatten() for g in torch.autograd.grad(expected, list(module.parameters()))])
    torch.testing.assert_close(gradient[0], wanted, rtol=1e-4, atol=1e-6)


def test_an_inherited_declaration_of_units_is_not_that_of_another_forward():
    assert [group.name for group in symmetry_of(Same()).groups] == ["layers.0"]
    for module in (
        Skipping(),
        with_forward_of_its_own(),
        SkippingSequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6)),
    ):
        assert symmetry_of(module).groups == ()

    class Declared(Skipping):
        def unit_axes(self):
            return Same().unit_axes()

    assert len(symmetry_of(Declared()).groups) == 1
