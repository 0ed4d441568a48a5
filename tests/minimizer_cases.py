"""One row a minimizer, and what the tests of minimizers share."""

import dataclasses

import numpy as np
import torch
from torch import nn

from elsuite.landscapes import NeuralLandscape
from elsuite.minimizers import LBFGSGSS, SGD, LBFGSWolfe, Minimization, TorchOptimizer

# One row a minimizer: settings with which it comes down the surfaces below.
ROWS = {
    "lbfgs-gss": LBFGSGSS(epochs=200),
    "lbfgs-gss, short steps": LBFGSGSS(epochs=200, largest_step=0.1),
    "lbfgs-wolfe": LBFGSWolfe(epochs=200),
    "sgd": SGD(epochs=1000, learning_rate=3e-4, momentum=0.95),
    "adam": TorchOptimizer(epochs=600, settings={"lr": 0.03}),
    "rprop": TorchOptimizer(epochs=200, optimizer="Rprop"),
}


def small_network(dtype=torch.float64, *, test=True):
    """A network on 40 samples, in batches of 16 at most."""
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(60, 3)), rng.integers(0, 2, 60)
    module = nn.Sequential(nn.Linear(3, 4), nn.Softplus(), nn.Linear(4, 2))
    return NeuralLandscape(
        module,
        nn.CrossEntropyLoss(),
        inputs[:40],
        targets[:40],
        test=(inputs[40:], targets[40:]) if test else None,
        device="cpu",
        dtype=dtype,
    )


def brief(minimizer):
    """The minimizer with few epochs, and in batches of 16 where it takes batches."""
    batch = {"batch_size": 16} if "batch_size" in {f.name for f in dataclasses.fields(minimizer)} else {}
    return dataclasses.replace(minimizer, epochs=12, **batch)


def same(a: Minimization, b: Minimization):
    """Whether two minimizations agree bit for bit, but for their time."""
    assert dataclasses.replace(a, seconds=0, solutions=(), curves={}) == dataclasses.replace(
        b, seconds=0, solutions=(), curves={}
    )
    for name, curve in a.curves.items():
        np.testing.assert_array_equal(curve, b.curves[name])
    for one, other in zip(a.solutions, b.solutions, strict=True):
        np.testing.assert_array_equal(one.coordinates, other.coordinates)
        assert dataclasses.replace(one, coordinates=None) == dataclasses.replace(other, coordinates=None)
    return True
