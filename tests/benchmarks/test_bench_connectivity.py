"""Joining two solutions of a network with batch normalization: the published curve training, as one would write it.

Garipov et al. 2018 (arXiv:1802.10026): a quadratic Bezier curve whose middle point is trained by SGD with momentum, on
minibatches at one random t each, under the weight decay and the augmentation of the solutions; at each t of a grid the
running averages are estimated anew, then the loss is taken. Beside it the same objective given to this package's finders.
"""

import copy
import time

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.func import functional_call
from torch.nn import functional
from torch.optim.swa_utils import update_bn

from elsuite.landscapes import NeuralLandscape, WeightDecay
from elsuite.landscapes.networks.statistics import BATCH
from elsuite.paths import BezierPathFinder, FourierPathFinder, LinearPathFinder, Path, measure
from elsuite.paths.bases import BezierBasis

pytestmark = [pytest.mark.making]

EPOCHS = 200  # of the curve; the published ones are 50 to 600
DECAY, RATE, MOMENTUM, N_POINTS = 5e-4, 0.015, 0.9, 61


def network():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1),
        nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


def shifted(inputs, generator):
    down, right = torch.randint(-1, 2, (2,), generator=generator).tolist()
    return torch.roll(inputs, (down, right), (2, 3))


@pytest.fixture
def data(request):
    """All digits for training; in the suite a few."""
    digits = load_digits()
    n = 1400 if request.config.getoption("--benchmark-enable") else 150
    return torch.tensor(digits.images / 16, dtype=torch.float32)[:n, None], torch.tensor(digits.target)[:n]


def trained(seed, images, labels, epochs):
    torch.random.default_generator.manual_seed(seed)
    module, generator = network(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2, weight_decay=0.05)
    for _ in range(epochs):
        for rows in torch.randperm(len(images), generator=generator).split(BATCH):
            optimizer.zero_grad()
            functional.cross_entropy(module(shifted(images[rows], generator)), labels[rows]).backward()
            optimizer.step()
    return module


def published(ends, images, labels, epochs):
    """Return the middle point of the curve as it is trained in the published work, and its number of gradients."""
    first, last = (dict(end.named_parameters()) for end in ends)
    middle = {name: (0.5 * (first[name] + last[name])).detach().requires_grad_() for name in first}
    module, generator = copy.deepcopy(ends[0]).train(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(middle.values(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    spent = 0.0
    for epoch in range(epochs):
        share = epoch / epochs
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1.0 if share <= 0.5 else max(0.01, 1 - (share - 0.5) / 0.4 * 0.99))
        for rows in torch.randperm(len(images), generator=generator).split(BATCH):
            t = torch.rand((), generator=generator)
            point = {
                name: (1 - t) ** 2 * first[name].detach() + 2 * t * (1 - t) * middle[name] + t**2 * last[name].detach()
                for name in first
            }
            outputs = functional_call(module, point, (shifted(images[rows], generator),))
            optimizer.zero_grad()
            functional.cross_entropy(outputs, labels[rows]).backward()
            optimizer.step()
            spent += len(rows) / len(images)
    return middle, spent


def heights_by_hand(ends, middle, images, labels):
    """Return the losses on the grid, running averages estimated at each t."""
    first, last = (dict(end.named_parameters()) for end in ends)
    module, losses = copy.deepcopy(ends[0]), []
    n_batches = -(-len(images) // BATCH)
    for t in torch.linspace(0, 1, N_POINTS):
        for name, tensor in module.named_parameters():
            tensor.data = (1 - t) ** 2 * first[name].data + 2 * t * (1 - t) * middle[name].data + t**2 * last[name].data
        update_bn([images[k::n_batches] for k in range(n_batches)], module.train())
        with torch.no_grad():
            losses.append(float(functional.cross_entropy(module.eval()(images), labels)))
    return np.array(losses)


def flat(tensors):
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def test_curves_between_networks_with_batch_normalization(data, request):
    images, labels = data
    in_full = request.config.getoption("--benchmark-enable")
    settings = {} if in_full else {"max_rounds": 1, "n_points": 11, "n_steps": 10}
    ends = [trained(seed, images, labels, 40 if in_full else 5) for seed in (0, 1)]
    landscape = NeuralLandscape(network, nn.CrossEntropyLoss(), images, labels)
    start, end = (landscape.point(module.state_dict()) for module in ends)
    began = time.process_time()
    middle, spent = published(ends, images, labels, EPOCHS if in_full else 2)
    trained_in = time.process_time() - began
    by_hand = heights_by_hand(ends, middle, images, labels)
    measured_in = time.process_time() - began - trained_in
    bow = flat(middle.values()) - 0.5 * (start + end)
    began = time.process_time()
    here = measure(Path(start, end, BezierBasis(), bow[None]), landscape, n_points=N_POINTS)
    # The same numbers, by the slow way: channels that hardly vary make much of rounding.
    assert np.allclose(here.profile, by_hand, rtol=1e-3)
    print(f"\n{'way':34} {'CPU s':>8} {'gradients':>10} {'above the higher end':>21}")
    higher = max(here.profile[0], here.profile[-1])
    rows = [("published, loops", trained_in + measured_in, spent, here.refined_height - higher)]
    augmented = NeuralLandscape(
        network, nn.CrossEntropyLoss(), images, labels, regularization=WeightDecay(DECAY), augmentation=shifted
    )
    for name, finder, shown in [
        ("linear", LinearPathFinder(), landscape),
        ("Bezier", BezierPathFinder(**settings), landscape),
        ("Fourier", FourierPathFinder(**settings), landscape),
        ("Fourier, augmented, weight decay", FourierPathFinder(**settings), augmented),
    ]:
        began = time.process_time()
        found = finder.find(shown, start, end)
        plainly = measure(found.path, landscape) if shown is augmented else found
        rows.append((name, time.process_time() - began, found.n_point_gradients, plainly.refined_height - higher))
    for name, seconds, gradients, above in rows:
        print(f"{name:34} {seconds:8.1f} {gradients:10.0f} {above:21.2g}")
    assert rows[3][3] <= rows[1][3]
