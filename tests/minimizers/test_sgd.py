"""SGD and other optimizers of torch in lockstep, against a plain loop over starts and batches."""

import math

import numpy as np
import pytest
import torch
from minimizer_cases import small_network

from elsuite.landscapes import FunctionLandscape
from elsuite.minimizers import SGD, TorchOptimizer
from elsuite.minimizers.minibatches import minibatches

pytestmark = pytest.mark.making

EPOCHS, BATCH = 6, 16


def order(n, seed, epoch):
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(epoch,))).permutation(n)


def plain_loop(landscape, start, seed, make, *, rate=None, whole=False):
    """One start: every batch a call of the landscape, every step one of torch's optimizer."""
    parameter = start.clone().requires_grad_()
    optimizer, curve = make(parameter), [landscape.energy(start[None]).item()]
    for epoch in range(EPOCHS):
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] if rate is None else rate(epoch)
        samples = torch.as_tensor(order(landscape.n_samples, seed, epoch))
        for indices in [None] if whole else torch.split(samples, BATCH):
            part = landscape if indices is None else landscape.minibatch(indices)
            parameter.grad = part.energy_and_gradient(parameter.detach()[None])[1][0]
            optimizer.step()
        curve.append(landscape.energy(parameter.detach()[None]).item())
    return np.array(curve), parameter.detach().numpy()


SETTINGS = {
    "plain": ({"learning_rate": 0.3}, {"lr": 0.3}, None),
    "momentum": ({"learning_rate": 0.1, "momentum": 0.9}, {"lr": 0.1, "momentum": 0.9}, None),
    "nesterov": (
        {"learning_rate": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
        {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
        None,
    ),
    "cosine": (
        {"learning_rate": 0.5, "schedule": "cosine"},
        {"lr": 0.5},
        lambda epoch: 0.25 * (1 + math.cos(math.pi * epoch / EPOCHS)),
    ),
    "step": (
        {"learning_rate": 0.5, "schedule": "step", "step_epochs": 2, "step_factor": 0.5},
        {"lr": 0.5},
        lambda epoch: 0.5 * 0.5 ** (epoch // 2),
    ),
}


@pytest.mark.parametrize(("ours", "torchs", "rate"), SETTINGS.values(), ids=SETTINGS)
def test_sgd_is_torchs_sgd(ours, torchs, rate):
    landscape = small_network()
    starts, seeds = landscape.initial_points(range(3)), [5, 0, 11]
    results = SGD(epochs=EPOCHS, batch_size=BATCH, **ours).minimize(landscape, starts, seeds=seeds)
    for start, seed, result in zip(starts, seeds, results, strict=True):
        curve, end = plain_loop(
            landscape, start, seed, lambda parameter: torch.optim.SGD([parameter], **torchs), rate=rate
        )
        np.testing.assert_allclose(result.curves["train"], curve, rtol=1e-9)
        if result.solutions[0].epoch == EPOCHS:
            np.testing.assert_allclose(result.solutions[0].coordinates, end, rtol=1e-7)
        assert result.n_steps == EPOCHS * 3
        assert result.n_evaluations == EPOCHS


@pytest.mark.parametrize("whole", [False, True], ids=["batches", "whole"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ASGD", {"lr": 0.1}),
        ("Adadelta", {}),
        ("Adagrad", {"lr": 0.1}),
        ("Adam", {"lr": 0.03, "betas": (0.8, 0.99)}),
        ("AdamW", {"lr": 0.03}),
        ("Adamax", {"lr": 0.03}),
        ("NAdam", {"lr": 0.03}),
        ("RAdam", {"lr": 0.03}),
        ("RMSprop", {"lr": 0.01, "momentum": 0.5}),
        ("Rprop", {}),
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
        ("Adafactor", {"lr": 0.03}),  # not elementwise: takes one start after the other
    ],
)
def test_any_optimizer_of_torch(name, settings, whole):
    landscape = small_network()
    starts, seeds = landscape.initial_points(range(3)), [2, 3, 1]
    minimizer = TorchOptimizer(optimizer=name, settings=settings, epochs=EPOCHS, batch_size=None if whole else BATCH)
    assert minimizer.name == name.lower()
    results = minimizer.minimize(landscape, starts, seeds=seeds)
    kind = getattr(torch.optim, name)
    for start, seed, result in zip(starts, seeds, results, strict=True):
        curve, _ = plain_loop(landscape, start, seed, lambda p: kind([p], **settings), whole=whole)
        np.testing.assert_allclose(result.curves["train"], curve, rtol=1e-9)
        assert result.n_steps == EPOCHS * (1 if whole else 3)
        assert result.n_evaluations == EPOCHS + whole


class SignDescent(torch.optim.Optimizer):
    """A user's own optimizer, with a memory of its own kind."""

    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr, "calls": 0})

    def step(self, closure=None):
        with torch.enable_grad():
            closure()
        for group in self.param_groups:
            group["calls"] += 1
            for parameter in group["params"]:
                past = self.state[parameter].setdefault("past", [])
                past.append(parameter.grad.sign())
                parameter.data.sub_(torch.stack(past[-3:]).mean(0), alpha=group["lr"] / group["calls"])


def test_an_optimizer_of_the_users_own():
    bowl = FunctionLandscape(lambda x: (x**2).sum(1), 2)
    minimizer = TorchOptimizer(optimizer=SignDescent, settings={"lr": 0.2}, epochs=3)
    assert minimizer.name == "signdescent"
    (result,) = minimizer.minimize(bowl, [[1.0, 2.0]])
    path = 0.2 * np.cumsum([1, 1 / 2, 1 / 3])
    np.testing.assert_allclose(result.curves["energy"][1:], (1 - path) ** 2 + (2 - path) ** 2)


def test_every_sample_once_an_epoch_in_an_order_of_its_own(monkeypatch):
    landscape, parts, orders = small_network(), [], []
    monkeypatch.setattr(type(landscape), "minibatch", lambda _, indices: parts.append(indices))
    for epoch in (0, 1):
        parts.clear()
        batches = list(minibatches(landscape, torch.tensor([3, 8]), epoch=epoch, batch_size=BATCH))
        assert [fraction for _, fraction in batches] == [0.4, 0.4, 0.2]
        orders.extend(torch.cat(parts, dim=1).tolist())
    assert all(sorted(samples) == list(range(landscape.n_samples)) for samples in orders)
    assert len({tuple(samples) for samples in orders}) == 4


def test_gradient_descent_without_data():
    bowl = FunctionLandscape(lambda x: (x**2).sum(1), 2)
    (result,) = SGD(learning_rate=0.1, epochs=4).minimize(bowl, [[1.0, 2.0]])
    np.testing.assert_allclose(result.curves["energy"], 5 * 0.64 ** np.arange(5))
    assert result.n_steps == 4
