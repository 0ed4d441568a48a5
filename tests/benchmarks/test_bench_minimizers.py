"""Many starts at once against one at a time with a plain torch loop, as ratios of one run.

The loops are written as a user of torch would write them; both sides do the same number of steps on the same data.
"""

import resource
import time

import pytest
import torch
from torch import nn
from torch.nn import functional

from elsuite.landscapes import load_data, network_landscape
from elsuite.minimizers import LBFGSGSS, SGD

pytestmark = pytest.mark.making


@pytest.fixture
def full(benchmark):
    """Whether the large sizes are worth their time."""
    return benchmark.enabled


def plain_module(sizes):
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(n_in, n_out, bias=False), nn.Softplus()]
    return nn.Sequential(*layers[:-1])


def tensors(data):
    parts = (data.train_inputs, data.train_targets, data.test_inputs, data.test_targets)
    x, y, tx, ty = (torch.as_tensor(part) for part in parts)
    return x.flatten(1), y, tx.flatten(1), ty


def plain_sgd(module, data, epochs, rate):
    """One network by stochastic gradient descent, with its losses after every epoch."""
    x, y, tx, ty = tensors(data)
    optimizer = torch.optim.SGD(module.parameters(), lr=rate)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(module(x[batch]), y[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            functional.cross_entropy(module(x), y).item(), functional.cross_entropy(module(tx), ty).item()


def plain_lbfgs_gss(module, data, iterations, values=6):
    """One network by L-BFGS with `values` losses an iteration for the step size, and one gradient."""
    x, y, tx, ty = tensors(data)
    parameters = list(module.parameters())
    pairs, previous = [], None

    def loss_at(vector):
        nn.utils.vector_to_parameters(vector, parameters)
        with torch.no_grad():
            return functional.cross_entropy(module(x), y).item()

    for _ in range(iterations):
        module.zero_grad()
        functional.cross_entropy(module(x), y).backward()
        w = nn.utils.parameters_to_vector(parameters).detach().clone()
        g = nn.utils.parameters_to_vector([p.grad for p in parameters])
        if previous is not None:
            pairs = [*pairs, (w - previous[0], g - previous[1])][-10:]
        previous = (w, g)
        p, kept = g.clone(), []
        for s, t in reversed(pairs):
            a = (s @ p) / (s @ t)
            p -= a * t
            kept.append((a, s, t))
        if pairs:
            p *= (pairs[-1][0] @ pairs[-1][1]) / (pairs[-1][1] @ pairs[-1][1])
        for a, s, t in reversed(kept):
            p += s * (a - (t @ p) / (s @ t))
        steps = [0.125 * 2**k for k in range(values)]
        best = min(steps, key=lambda u, w=w, p=p: loss_at(w - u * p))
        nn.utils.vector_to_parameters(w - best * p, parameters)
        with torch.no_grad():
            functional.cross_entropy(module(tx), ty).item()


def timed(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def compare(title, n_starts, ours, plain_one, n_plain):
    """Print the ratio of `n_starts` at once to as many one at a time, of which `n_plain` are run."""
    together = timed(ours)
    one = timed(lambda: [plain_one() for _ in range(n_plain)]) / n_plain
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    ratio = n_starts * one / together
    print(
        f"\n{title}: {n_starts} at once {together:.2f} s, one at a time {n_starts * one:.2f} s, {ratio:.1f}x, peak {peak:.2f} GiB"
    )
    return ratio


def test_digits_networks_at_once(full, benchmark):
    data = load_data("digits")
    n, epochs, iterations, n_plain = (48, 10, 20, 4) if full else (2, 1, 1, 1)
    landscape = network_landscape("fcp", data, hidden=(32, 32), device="cpu")
    starts = landscape.initial_points(range(n))
    # Both sides with one thread, as studies of small networks run: more only wait for each other.
    torch.set_num_threads(1)
    sizes = (64, 32, 32, 10)
    compare(
        "SGD, digits",
        n,
        lambda: SGD(epochs=epochs, learning_rate=0.1).minimize(landscape, starts),
        lambda: plain_sgd(plain_module(sizes), data, epochs, 0.1),
        n_plain,
    )
    compare(
        "L-BFGS-GSS, digits",
        n,
        lambda: LBFGSGSS(epochs=iterations).minimize(landscape, starts),
        lambda: plain_lbfgs_gss(plain_module(sizes), data, iterations),
        n_plain,
    )
    benchmark.pedantic(lambda: None)


def test_fcp_on_mnist(full, benchmark):
    if not full:
        benchmark.pedantic(lambda: None)
        pytest.skip("only with --benchmark-enable: takes a minute")
    try:
        data = load_data("mnist", n_train=10_000, n_test=2_000)
    except (ValueError, OSError) as error:
        benchmark.pedantic(lambda: None)
        pytest.skip(f"no MNIST: {error}")
    landscape = network_landscape("fcp", data, device="cpu")
    starts = landscape.initial_points(range(4))
    sizes = (784, 50, 50, 10)
    compare(
        "SGD, fcp on 10,000 MNIST images",
        4,
        lambda: SGD(epochs=3, learning_rate=0.1).minimize(landscape, starts),
        lambda: plain_sgd(plain_module(sizes), data, 3, 0.1),
        2,
    )
    compare(
        "L-BFGS-GSS, fcp on 10,000 MNIST images",
        4,
        lambda: LBFGSGSS(epochs=10).minimize(landscape, starts),
        lambda: plain_lbfgs_gss(plain_module(sizes), data, 10),
        2,
    )
    benchmark.pedantic(lambda: None)
