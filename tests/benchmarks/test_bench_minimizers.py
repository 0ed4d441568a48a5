"""Many starts at once against one at a time with a plain torch loop, as ratios of one run.

The loops are written as a user of torch would write them; both sides do the same number of steps on the same data
and look at both losses after every epoch. Without `--benchmark-enable` small sizes run once and no goal holds.
"""

import json
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from minimizer_cases import reference_search
from torch import nn
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.utils.data import DataLoader, TensorDataset

from elsuite.landscapes import DataSet, load_data, network_landscape
from elsuite.minimizers import LBFGSGSS, SGD

pytestmark = pytest.mark.making

PEAK = """
import json
from pathlib import Path
from elsuite.landscapes import load_data, network_landscape
from elsuite.minimizers import LBFGSGSS, SGD
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20
landscape = network_landscape("fcp", load_data("digits"), hidden=(32, 32), device="cpu")
starts = landscape.initial_points(range({n}))
before = peak()
for minimizer in (SGD(epochs={epochs}), LBFGSGSS(epochs={epochs})):
    minimizer.minimize(landscape, starts)
print(json.dumps({{"before": before, "gib": peak() - before}}))
"""


@pytest.fixture
def full(benchmark):
    """Whether the large sizes are worth their time, and goals hold."""
    return benchmark.enabled


@pytest.fixture(params=["one thread", "all threads"])
def threads(request):
    before = torch.get_num_threads()
    if request.param == "one thread":
        torch.set_num_threads(1)
    elif before == 1:
        pytest.skip("there is only one thread")
    yield request.param
    torch.set_num_threads(before)


def plain_module(sizes):
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out, bias=False), nn.Softplus()]
    return nn.Sequential(*layers[:-1])


def tensors(data):
    parts = (data.train_inputs, data.train_targets, data.test_inputs, data.test_targets)
    x, y, tx, ty = (torch.as_tensor(part) for part in parts)
    return x.flatten(1), y, tx.flatten(1), ty


def loss(module, x, y):
    with torch.no_grad():
        return functional.cross_entropy(module(x), y).item()


def plain_sgd(module, data, epochs, *, loader):
    """One network by stochastic gradient descent, with its losses after every epoch."""
    x, y, tx, ty = tensors(data)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    loaded = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    curve = []
    for _ in range(epochs):
        batches = loaded if loader else ((x[rows], y[rows]) for rows in torch.randperm(len(x)).split(64))
        for inputs, targets in batches:
            optimizer.zero_grad()
            functional.cross_entropy(module(inputs), targets).backward()
            optimizer.step()
        curve.append((loss(module, x, y), loss(module, tx, ty)))
    return curve


def plain_lbfgs_gss(module, data, iterations):
    """One network by L-BFGS-GSS without its restarts, with its losses after every iteration."""
    x, y, tx, ty = tensors(data)
    parameters = list(module.parameters())

    def energy(vector):
        vector_to_parameters(vector, parameters)
        return loss(module, x, y)

    def gradient(vector):
        vector_to_parameters(vector, parameters)
        module.zero_grad()
        functional.cross_entropy(module(x), y).backward()
        return torch.cat([parameter.grad.flatten() for parameter in parameters])

    w = parameters_to_vector(parameters).detach().clone()
    f, g, pairs, curve = energy(w), gradient(w), [], []
    for _ in range(iterations):
        p, weights = g.clone(), []
        for s, t in reversed(pairs):
            weights.append((s @ p) / (s @ t))
            p -= weights[-1] * t
        if pairs:
            p *= (pairs[-1][0] @ pairs[-1][1]) / (pairs[-1][1] @ pairs[-1][1])
        for (s, t), weight in zip(pairs, reversed(weights), strict=True):
            p += (weight - (t @ p) / (s @ t)) * s
        u, f = reference_search(lambda u, w=w, p=p: energy(w - u * p), f, 1.0, 6)
        new = w - u * p
        new_gradient = gradient(new)
        pairs = [*pairs, (new - w, new_gradient - g)][-10:] if u > 0 else []
        w, g = new, new_gradient
        curve.append((f, loss(module, tx, ty)))
    return curve


def compare(benchmark, title, *, ours, n_starts, plain, n_plain, rounds):
    """Return by how much `n_starts` at once are quicker than one at a time, of which `n_plain` are run.

    The least times of some rounds in turns, as wall time and as CPU time; the latter is what counts where
    others use the machine too.
    """

    def timed(function):
        wall, cpu = time.perf_counter(), time.process_time()
        function()
        return time.perf_counter() - wall, time.process_time() - cpu

    def measure():
        for warming in (plain, ours):
            warming()
        rows = [(timed(lambda: [plain() for _ in range(n_plain)]), timed(ours)) for _ in range(rounds)]
        return np.min(rows, axis=0)

    (one, together) = benchmark.pedantic(measure, rounds=1)
    one = one * n_starts / n_plain
    wall, cpu = one / together
    benchmark.extra_info.update({"wall": wall, "cpu": cpu})
    if benchmark.enabled:
        print(
            f"\n{title}: {n_starts} at once {together[0]:.2f} s, one at a time {one[0]:.2f} s: "
            f"{wall:.1f}x ({cpu:.1f}x of CPU time)"
        )
    return max(wall, cpu)


@pytest.mark.parametrize("loader", [False, True], ids=["indices", "DataLoader"])
def test_sgd_on_digits(benchmark, full, threads, loader):
    data = load_data("digits")
    n, epochs, n_plain, rounds = (48, 15, 4, 3) if full else (2, 1, 1, 1)
    landscape = network_landscape("fcp", data, hidden=(32, 32), device="cpu")
    starts = landscape.initial_points(range(n))
    compare(
        benchmark,
        f"SGD on digits, plain loop by {'DataLoader' if loader else 'indices'}, {threads}",
        ours=lambda: SGD(epochs=epochs).minimize(landscape, starts),
        n_starts=n,
        plain=lambda: plain_sgd(plain_module((64, 32, 32, 10)), data, epochs, loader=loader),
        n_plain=n_plain,
        rounds=rounds,
    )


def test_lbfgs_gss_on_digits(benchmark, full, threads):
    data = load_data("digits")
    n, iterations, n_plain, rounds = (48, 20, 4, 3) if full else (2, 2, 1, 1)
    landscape = network_landscape("fcp", data, hidden=(32, 32), device="cpu")
    starts = landscape.initial_points(range(n))
    compare(
        benchmark,
        f"L-BFGS-GSS on digits, {threads}",
        ours=lambda: LBFGSGSS(epochs=iterations).minimize(landscape, starts),
        n_starts=n,
        plain=lambda: plain_lbfgs_gss(plain_module((64, 32, 32, 10)), data, iterations),
        n_plain=n_plain,
        rounds=rounds,
    )


def ten_thousand_images(n):
    """MNIST where it is at hand; else random images, on which a step takes as long."""
    try:
        return load_data("mnist", n_train=n, n_test=n // 5)
    except ValueError:
        generator = np.random.default_rng(0)
        images = generator.random((n, 28, 28), dtype=np.float32)
        labels = np.arange(n) % 10
        return DataSet("random images", images, labels, images[: n // 5], labels[: n // 5])


@pytest.mark.parametrize("minimizer", ["SGD", "L-BFGS-GSS"])
def test_fcp_on_10000_images(benchmark, full, minimizer):
    data = ten_thousand_images(10_000 if full else 200)
    n, n_plain, rounds = (4, 1, 2) if full else (2, 1, 1)
    epochs = 4 if full else 1
    landscape = network_landscape("fcp", data, device="cpu")
    starts = landscape.initial_points(range(n))

    def ours():
        (SGD if minimizer == "SGD" else LBFGSGSS)(epochs=epochs).minimize(landscape, starts)

    def plain():
        module = plain_module((784, 50, 50, 10))
        if minimizer == "SGD":
            plain_sgd(module, data, epochs, loader=False)
        else:
            plain_lbfgs_gss(module, data, epochs)

    ratio = compare(
        benchmark,
        f"{minimizer} of fcp on {len(data.train_inputs):,} images ({data.name})",
        ours=ours,
        n_starts=n,
        plain=plain,
        n_plain=n_plain,
        rounds=rounds,
    )
    if full:
        assert ratio >= 1


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_peak_memory(benchmark, full):
    script = PEAK.format(n=48 if full else 4, epochs=15 if full else 2)

    def run():
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300)
        return json.loads(done.stdout)

    used = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(used)
    if full:
        print(f"\npeak of 48 digits networks: {used['gib']:.2f} GiB over {used['before']:.2f} GiB at the start")
    assert used["gib"] < 1
