"""What the tests of minimizers share; the table of minimizers is in `cases`."""

import dataclasses
import math

import cases
import numpy as np
import torch
from torch import nn

from elsuite.landscapes import NeuralLandscape
from elsuite.minimizers import Minimization

ROWS = {name: make() for name, make in cases.MINIMIZERS.items()}


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


GOLDEN = (1 + math.sqrt(5)) / 2


def reference_search(value, start_value, step, n_values):
    """Bracket by growing or shrinking, then golden sections; returns the best step and its value."""
    a, b, c = 0.0, step, None
    spent, lowest = 1, value(b)
    if lowest < start_value:
        while spent < n_values and c is None:
            new = b + GOLDEN * (b - a)
            energy, spent = value(new), spent + 1
            if energy < lowest:
                a, b, lowest = b, new, energy
            else:
                c = new
    else:
        c, b, lowest = b, 0.0, start_value
        while spent < n_values and b == 0:
            new = c / GOLDEN**2
            energy, spent = value(new), spent + 1
            if energy < start_value:
                b, lowest = new, energy
            else:
                c = new
    while spent < n_values:
        new = a + c - b  # the mirror image: b and it are the two golden sections of (a, c)
        energy, spent = value(new), spent + 1
        if energy < lowest:
            a, c = (b, c) if new > b else (a, b)
            b, lowest = new, energy
        else:
            a, c = (a, new) if new > b else (new, c)
    return b, lowest
