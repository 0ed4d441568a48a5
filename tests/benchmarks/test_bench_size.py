"""Large networks: memory of a search in vectors of a point, and its CPU time against the raw gradients that it takes.

Random data and random networks whose own outputs are the labels; one end is the other with its units renamed, so that
there is something to climb over. Raw is what plain PyTorch takes for the same gradients of the same module on as many
samples, and for the energies; where layers normalize, with averages estimated at the point, of which the gradient is a
part. Small by default; ``ELSUITE_BENCH_FULL=1``: an MLP of 99 million parameters and ResNet-18
(11 million), 20 minutes, 9 GB. ``ELSUITE_BENCH_WIDTH`` sets the width of the MLP. Memory is what the process holds over
what it held before the search, looked at every 20 ms.
"""

import copy
import gc
import os
import threading
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import vector_to_parameters

from elsuite.landscapes import NeuralLandscape
from elsuite.paths import BezierPathFinder, LinearPathFinder
from elsuite.paths.exact import POINTS

pytestmark = pytest.mark.making

FULL = os.environ.get("ELSUITE_BENCH_FULL") == "1"
WIDTH = int(os.environ.get("ELSUITE_BENCH_WIDTH", "9560" if FULL else "16"))
N_STEPS = 20 if FULL else 2


class Block(nn.Module):
    """Two convolutions and what is added to them."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.one = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.two = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(n_out) for _ in range(2)])
        self.beside = nn.Sequential()
        if stride > 1 or n_in != n_out:
            self.beside = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, images):
        values = functional.relu(self.norms[0](self.one(images)))
        return functional.relu(self.norms[1](self.two(values)) + self.beside(images))


def resnet18(width):
    """Return ResNet-18 for images of 32 x 32 pixels (He et al. 2016), `width` channels in its first blocks."""
    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    for k in range(4):
        n_in = width * 2 ** max(k - 1, 0)
        layers += [Block(n_in, width * 2**k, 1 if k == 0 else 2), Block(width * 2**k, width * 2**k, 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * width, 10))


def mlp(width):
    return nn.Sequential(nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


def held():
    """Return the bytes that this process holds now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Peak:
    """The most that the process holds while the block runs, over what it held before."""

    def __enter__(self):
        gc.collect()
        self.before, self.most, self.over = held(), 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, held() - self.before)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def seconds(function, n=2):
    """Return the least CPU time of some calls after the first."""
    function()
    times = []
    for _ in range(n):
        began = time.process_time()
        function()
        times.append(time.process_time() - began)
    return min(times)


def scaled_ends(make, kind):
    """Return two random points; of an MLP the second is the first with the units of its first layer in another order."""
    modules = make(), make()
    points = [4 * torch.cat([p.detach().flatten() for p in module.parameters()]) for module in modules]
    if kind == "mlp":
        vector_to_parameters(points[0].clone(), modules[1].parameters())
        first, second = modules[1][0], modules[1][2]
        order = torch.randperm(first.out_features, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            first.weight.copy_(first.weight[order])
            first.bias.copy_(first.bias[order])
            second.weight.copy_(second.weight[:, order])
        points[1] = torch.cat([parameter.detach().flatten() for parameter in modules[1].parameters()])
    return points


def with_own_averages(module, inputs):
    """Return the outputs normalized by the averages of the inputs, as a user would write it: found, then used."""
    found, norms = {}, [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]

    def find(layer, given, _output):
        found[layer] = torch.var_mean(given[0], (0, 2, 3), correction=0)

    def use(layer, given, _output):
        variance, mean = found[layer]
        scale = layer.weight * (variance + layer.eps).rsqrt()
        return given[0] * scale[:, None, None] + (layer.bias - mean * scale)[:, None, None]

    for hook in (find, use) if norms else (find,):
        handles = [layer.register_forward_hook(hook) for layer in norms]
        outputs = module(inputs)
        for handle in handles:
            handle.remove()
    return outputs


def raw_seconds(module, inputs, targets, batch):
    """Return what plain PyTorch takes for the gradient of some samples, that of all, and the energy."""

    def gradient(forward, rows):
        module.zero_grad()
        functional.cross_entropy(forward(inputs[rows]), targets[rows]).backward()

    def of_all(given):
        return with_own_averages(module, given)

    def energy():
        with torch.no_grad():
            functional.cross_entropy(of_all(inputs), targets)

    return [seconds(lambda: gradient(module, batch)), seconds(lambda: gradient(of_all, slice(None))), seconds(energy)]


CASES = {
    "mlp": (lambda: mlp(WIDTH), (784,), 256 if FULL else 80),
    "resnet-18": (lambda: resnet18(64 if FULL else 2), (3, 32, 32), 128 if FULL else 80),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """The module, the landscape of its own labels, two ends, and raw times of a minibatch, all samples, an energy."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("what a process holds is read from /proc")
    make, shape, n_samples = CASES[request.param]
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(n_samples, *shape, generator=generator)
    batch = torch.randint(n_samples, (64,), generator=generator)
    module, (start, end) = make(), scaled_ends(make, request.param)
    vector_to_parameters(start, module.parameters())
    with torch.no_grad():
        targets = module(inputs).argmax(1)
    raw = raw_seconds(module, inputs, targets, batch)
    module.zero_grad()
    module.eval()
    with Peak() as peak:
        began = time.process_time()
        landscape = NeuralLandscape(module, nn.CrossEntropyLoss(), inputs, targets, device="cpu")
        made = time.process_time() - began
    start, end = (torch.as_tensor(point)[: landscape.n_parameters] for point in (start, end))
    vectors = peak.most / (4 * landscape.n_parameters)
    if FULL:
        print(f"\n{request.param}: {landscape.n_parameters:,} parameters; made in {made:.1f} s, {vectors:.1f} vectors")
        print(f"raw: {raw[0]:.3f} s a gradient of 64, {raw[1]:.3f} s of all {n_samples}, {raw[2]:.3f} s an energy")
    return request.param, landscape, start, end, raw


FINDERS = {
    "straight line": LinearPathFinder(n_points=51 if FULL else 5),
    "Bezier, sampled steps": BezierPathFinder(n_steps=N_STEPS, tolerance=None, n_points=5),
    "Bezier, three rounds": BezierPathFinder(n_steps=N_STEPS // 2, tolerance=0.0, max_rounds=3, n_points=5),
}


@pytest.mark.parametrize("name", FINDERS)
def test_a_search_takes_a_few_vectors_and_the_time_of_its_gradients(benchmark, case, name):
    kind, landscape, start, end, (of_minibatch, of_all, of_energy) = case
    finder = FINDERS[name]

    n_steps = [0]
    counted = copy.copy(landscape)

    def minibatch(indices):
        n_steps[0] += 1
        return landscape.minibatch(indices)

    counted.minibatch = minibatch

    def search():
        with Peak() as peak:
            began = time.process_time()
            found = finder.find(counted, start, end)
            return found, time.process_time() - began, peak

    found, spent, peak = benchmark.pedantic(search, rounds=1)
    n_whole = found.n_point_gradients - n_steps[0] * 4 * 64 / landscape.n_samples
    n_energies = found.n_evaluations + (POINTS + 1) * (n_whole > 1)
    raw = n_steps[0] * 4 * of_minibatch + n_whole * of_all + n_energies * of_energy
    vectors = peak.most / (4 * landscape.n_parameters)
    benchmark.extra_info |= {"ratio": spent / raw, "vectors": vectors}
    if benchmark.enabled:
        print(
            f"\n{kind}, {name}: {spent:.1f} s, {spent / raw:.2f} times the raw {n_steps[0] * 4} gradients of 64, "
            f"{n_whole:.0f} of all and {n_energies:.0f} energies; {vectors:.1f} vectors more in memory; {found.outcome}"
        )
    assert found.refined_height >= max(found.profile[0], found.profile[-1])
    assert n_whole >= -1e-6
