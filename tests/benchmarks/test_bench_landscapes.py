"""Networks at many points at once against a plain torch loop, as ratios in one run, and peak memory.

With `--benchmark-enable` goals hold and ratios are printed; else small sizes run once.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from elsuite.landscapes import ARCHITECTURES, DataSet, load_data, network_landscape

pytestmark = pytest.mark.making

PEAK = """
import json
from pathlib import Path
import numpy as np, torch
from elsuite.landscapes import DataSet, network_landscape
def peak():
    # Not ru_maxrss, which begins with that of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20
images = np.zeros(({n}, 28, 28), dtype=np.float32)
labels = np.arange({n}) % 10
data = DataSet("zeros", images, labels, images[:10], labels[:10])
landscape = network_landscape({name!r}, data, byte_budget={budget}, device="cpu")
points = landscape.initial_points(list(range({points})))
before = peak()
landscape.energy_and_gradient(points)
print(json.dumps({{"before": before, "gib": peak() - before}}))
"""


@pytest.fixture
def full(benchmark):
    """Whether goals are to be held: only then are the large sizes worth their time."""
    return benchmark.enabled


def random_images(n, shape=(28, 28)):
    generator = np.random.default_rng(0)
    images = generator.random((n, *shape), dtype=np.float32)
    labels = generator.integers(0, 10, n)
    labels[:10] = np.arange(10)
    return DataSet("random", images, labels, images[:10], labels[:10])


def plain_networks(name, points, **options):
    """Modules with their parameters at the points, as one would write them without a suite."""
    modules = [ARCHITECTURES[name](**options) for _ in points]
    for module, point in zip(modules, points, strict=True):
        torch.nn.utils.vector_to_parameters(point, module.parameters())
    return modules


def plain_gradients(modules, inputs, targets, loss=functional.cross_entropy):
    """Energies and gradients, one network after the other, all images at once."""
    for module in modules:
        module.zero_grad()
        loss(module(inputs), targets).backward()


def compare(benchmark, title, plain, ours, *, rounds, note=""):
    """Return how many times quicker `ours` is: least wall times, taken in turns."""

    def measure():
        times = []
        for _ in range(rounds):
            for function in (plain, ours):
                start = time.perf_counter()
                function()
                times.append(time.perf_counter() - start)
        return min(times[::2]), min(times[1::2])

    ours()
    slow, quick = benchmark.pedantic(measure, rounds=1)
    benchmark.extra_info["ratio"] = slow / quick
    if benchmark.enabled:
        print(f"\n{title}: {slow / quick:.1f}x ({1e3 * slow:.1f} ms -> {1e3 * quick:.1f} ms){note}")
    return slow / quick


def test_sgd_steps_of_48_digits_networks(benchmark, full):
    n_networks, n_steps = (48, 2) if full else (3, 2)
    data = load_data("digits")
    landscape = network_landscape("fcp", data, hidden=(32, 32), device="cpu")
    points = landscape.initial_points(list(range(n_networks)))
    modules = plain_networks("fcp", points, image=(8, 8), hidden=(32, 32))
    optimizers = [torch.optim.SGD(module.parameters(), lr=0.1) for module in modules]
    inputs, targets = torch.from_numpy(data.train_inputs), torch.from_numpy(data.train_targets)
    generator = torch.Generator().manual_seed(0)
    batches = torch.randint(0, len(inputs), (n_steps, n_networks, 64), generator=generator)

    def plain():
        for batch in batches:
            for module, optimizer, rows in zip(modules, optimizers, batch, strict=True):
                optimizer.zero_grad()
                functional.cross_entropy(module(inputs[rows]), targets[rows]).backward()
                optimizer.step()

    def ours():
        for batch in batches:
            points.sub_(landscape.minibatch(batch).energy_and_gradient(points)[1], alpha=0.1)

    start = points.clone()
    plain()
    ours()
    ends = torch.stack([torch.nn.utils.parameters_to_vector(module.parameters()) for module in modules])
    assert torch.allclose(points, ends.detach(), atol=1e-4)
    assert not torch.allclose(points, start, atol=1e-4)
    ratio = compare(benchmark, f"{n_steps} SGD steps of {n_networks} digits networks, batch 64", plain, ours, rounds=60)
    if full:
        assert ratio >= 8


@pytest.mark.parametrize("what", ["energy", "energy and gradient"])
def test_48_digits_networks_on_all_images(benchmark, full, what):
    n_networks = 48 if full else 3
    data = load_data("digits")
    landscape = network_landscape("fcp", data, hidden=(32, 32), device="cpu")
    points = landscape.initial_points(list(range(n_networks)))
    modules = plain_networks("fcp", points, image=(8, 8), hidden=(32, 32))
    inputs, targets = torch.from_numpy(data.train_inputs), torch.from_numpy(data.train_targets)

    def plain_energies():
        with torch.no_grad():
            for module in modules:
                functional.cross_entropy(module(inputs), targets)

    gradient = what == "energy and gradient"
    ratio = compare(
        benchmark,
        f"{what} of {n_networks} digits networks, all {len(inputs)} images",
        (lambda: plain_gradients(modules, inputs, targets)) if gradient else plain_energies,
        lambda: landscape.energy_and_gradient(points) if gradient else landscape.energy(points),
        rounds=20,
    )
    if full:
        assert ratio >= 1


@pytest.mark.parametrize(("name", "n_points"), [("fcp", 4), ("fcp", 24), ("autoencoder", 4)])
def test_dense_networks_on_10000_images(benchmark, full, name, n_points):
    n_images, n_points = (10_000, n_points) if full else (100, 2)
    data = random_images(n_images)
    landscape = network_landscape(name, data, device="cpu")
    points = landscape.initial_points(list(range(n_points)))
    modules = plain_networks(name, points)
    inputs, targets, loss = torch.from_numpy(data.train_inputs), torch.from_numpy(data.train_targets), None
    if name == "autoencoder":
        targets, loss = inputs.flatten(1), functional.mse_loss
    ratio = compare(
        benchmark,
        f"energy and gradient of {name} at {n_points} points, {n_images} images",
        lambda: plain_gradients(modules, inputs, targets, loss or functional.cross_entropy),
        lambda: landscape.energy_and_gradient(points),
        rounds=4,
    )
    if full:
        assert ratio >= 1


@pytest.mark.parametrize("name", ["lenet", "lstm"])
def test_the_loop_of_other_networks(benchmark, full, name):
    n_images = 4096 if full else 50
    data = random_images(n_images)
    landscape = network_landscape(name, data, device="cpu")
    points = landscape.initial_points([0])
    modules = plain_networks(name, points)
    inputs, targets = torch.from_numpy(data.train_inputs), torch.from_numpy(data.train_targets)
    ratio = compare(
        benchmark,
        f"energy and gradient of {name}, {n_images} images",
        lambda: plain_gradients(modules, inputs, targets),
        lambda: landscape.energy_and_gradient(points),
        rounds=3,
        note=f", micro-batches of {landscape._evaluator.micro_batch}",
    )
    if full:
        assert ratio >= 0.8


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    ("name", "n_points", "budget"), [("fcp", 48, 2**30), ("autoencoder", 16, 2**30), ("lenet", 1, 2**28)]
)
def test_peak_memory_stays_in_the_budget(benchmark, full, name, n_points, budget):
    script = PEAK.format(name=name, n=4000 if full else 200, points=n_points, budget=budget)

    def run():
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300)
        return json.loads(done.stdout)

    used = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(used)
    if full:
        print(f"\npeak of {name} at {n_points} points, 4000 images: {used['gib']:.2f} GiB over the start")
    assert used["gib"] <= budget / 2**30 + 0.1
