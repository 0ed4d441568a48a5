"""How descents end: in any units, on surfaces without a minimum, and where numbers give out."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from torch import nn

from elsuite import LandscapeDatabase
from elsuite.core.outcomes import UNUSABLE
from elsuite.exploration import quench
from elsuite.exploration.new_rows import minimization_rows
from elsuite.landscapes import FunctionLandscape, LennardJones, MullerBrown, NeuralLandscape
from elsuite.landscapes.conversion import norms
from elsuite.minimizers import LBFGSGSS, SGD, LBFGSWolfe, Outcome, TorchOptimizer

pytestmark = pytest.mark.making

SEARCHING = {"lbfgs-gss": LBFGSGSS(epochs=300), "lbfgs-wolfe": LBFGSWolfe(epochs=100)}
searching = pytest.mark.parametrize("minimizer", SEARCHING.values(), ids=SEARCHING)
# All of torch's, by which a start can be said to have converged before its first step.
TORCHS = [
    "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD",
    "LBFGS",
]  # fmt: skip


class Scaled(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, outputs, targets):
        return self.factor * ((outputs - targets) ** 2).mean()


class Likelihood(nn.Module):
    """Of a Gaussian whose width is an output too: without bound where the fit is exact."""

    def forward(self, outputs, targets):
        center, width = outputs[:, :1], outputs[:, 1:]
        return (width + 0.5 * ((targets - center) / width.exp()) ** 2).mean()


def network(loss, n_outputs, dtype):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(40, 3))
    return NeuralLandscape(
        nn.Linear(3, n_outputs), loss, inputs, inputs @ rng.normal(size=(3, 1)), dtype=dtype, device="cpu"
    )


@searching
@pytest.mark.parametrize(
    ("factor", "dtype"),
    [
        (1e25, torch.float32),
        (1e-21, torch.float32),
        (1e-30, torch.float32),
        (1e290, torch.float64),
        (1e-21, torch.float64),
        (1e-280, torch.float64),
    ],
)
def test_losses_of_any_size(minimizer, factor, dtype):
    landscape = network(Scaled(factor), 1, dtype)
    starts = landscape.initial_points([0, 1])
    for start, result in zip(starts, minimizer.minimize(landscape, starts), strict=True):
        assert result.outcome is Outcome.CONVERGED
        assert result.n_steps > 0
        lowest = result.solutions[0]
        assert lowest.energies["train"] <= 1e-10 * landscape.energy(start[None]).item()
        assert np.isfinite(lowest.gradient_norm)


@searching
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_unbounded_likelihood_does_not_converge(minimizer, dtype):
    landscape, minimizer = network(Likelihood(), 2, dtype), dataclasses.replace(minimizer, epochs=80)
    for result in minimizer.minimize(landscape, landscape.initial_points([0, 1])):
        assert result.outcome in {Outcome.STALLED, Outcome.BUDGET_SPENT}
        if result.outcome is Outcome.STALLED:
            assert result.message.startswith("no lower point along the gradient, whose norm is ")


RUNAWAYS = {
    "cubic": (lambda x: x[:, 0] ** 3, [-1.0, 0.0]),
    "slope": (lambda x: x.sum(1), [0.5, 0.0]),
    "saddle": (lambda x: x[:, 0] ** 2 - x[:, 1] ** 2, [0.5, 0.1]),
}


@pytest.mark.parametrize("minimizer", [*SEARCHING.values(), SGD(epochs=200)], ids=[*SEARCHING, "sgd"])
@pytest.mark.parametrize("units", [(1.0, 1.0), (1e-12, 1e3), (1e12, 1e-3)])
@pytest.mark.parametrize(("function", "start"), RUNAWAYS.values(), ids=RUNAWAYS)
def test_a_runaway_leads_to_no_minimum(function, start, units, minimizer):
    energy, length = units
    landscape = FunctionLandscape(lambda x: energy * function(x / length), 2, [[-length] * 2, [length] * 2])
    (result,) = minimizer.minimize(landscape, length * np.array([start]))
    if minimizer.name != "sgd":  # its rate is in units: it may crawl
        assert result.outcome is Outcome.DIVERGED
    assert result.outcome is not Outcome.CONVERGED
    rows = minimization_rows([result], keys=[1], label="x", surfaces=("energy",))
    assert bool(rows.minima) is (result.outcome not in UNUSABLE)
    for curve in result.curves.values():
        assert np.nanmin(curve) > -1e300 * energy


def test_a_runaway_is_quenched_to_nothing():
    slope = FunctionLandscape(lambda x: x[:, 0] ** 3, 1)
    with LandscapeDatabase.create(None, slope) as database:
        database.add(minima={"coordinates": [[-1.0]], "energy": [[-1.0]]})
        assert quench(database, slope, [0]).n_failed == 1
        assert (database.n_minima, database.runs["outcome"].values.tolist()) == (1, ["diverged"])


FLAT = {
    "plateau": lambda x: torch.tanh(20 * x).sum(1),
    "tail": lambda x: torch.exp(-x).sum(1),
    "logarithm": lambda x: torch.log(x).sum(1),
    "constant": lambda x: 0 * x.sum(1),
}


@searching
@pytest.mark.parametrize("function", FLAT.values(), ids=FLAT)
def test_where_there_is_no_minimum_nothing_converges(function, minimizer):
    landscape = FunctionLandscape(function, 2)
    for result in minimizer.minimize(landscape, [[0.7, 0.5], [0.9, 0.8]]):
        assert result.outcome is not Outcome.CONVERGED, result.message


@searching
@pytest.mark.parametrize("function", [lambda x: (x**4).sum(1), lambda x: 1 + (x**4).sum(1)], ids=["quartic", "lifted"])
def test_degenerate_minima_are_reached(function, minimizer):
    longer = dataclasses.replace(minimizer, epochs=300)
    (result,) = longer.minimize(FunctionLandscape(function, 2), [[0.9, 0.7]])
    assert result.outcome is Outcome.CONVERGED
    assert np.abs(result.solutions[0].coordinates).max() < 5e-3


@searching
def test_the_bottom_of_a_ring_is_reached(minimizer):
    ring = FunctionLandscape(lambda x: ((x**2).sum(1) - 1) ** 2, 2)
    (result,) = minimizer.minimize(ring, [[0.9, 0.7]])
    assert result.outcome is Outcome.CONVERGED
    assert np.linalg.norm(result.solutions[0].coordinates) == pytest.approx(1)


UNITS = [
    (1e-21, 1.0, 0.0, 0.0),
    (1e-12, 1e3, 1e6, 0.0),
    (1e12, 1e-3, 1e6, 0.0),
    (1e12, 1e3, 0.0, 1e9),
    (1e-12, 1e-3, 0.0, -1e9),
    (1.0, 1.0, 1e6, 1e6),
]


def in_units(surface, energy, length, origin, constant):
    """A surface in other units; `origin` in widths of its box, `constant` in its energies."""
    shift = origin * np.ptp(surface.bounds, axis=0).max()
    moved = functools.partial(lambda x: energy * (surface.formula(x / length - shift) + constant))
    return FunctionLandscape(moved, 2, (surface.bounds + shift) * length), lambda x: (x + shift) * length


@searching
@pytest.mark.parametrize("units", UNITS)
def test_units_do_not_matter(units, minimizer):
    surface = MullerBrown()
    landscape, there = in_units(surface, *units)
    results = minimizer.minimize(landscape, there(surface.minima + 0.05))
    for known, result in zip(surface.minima, results, strict=True):
        assert result.outcome is Outcome.CONVERGED, result.message
        far = np.abs(result.solutions[0].coordinates - there(known)).max() / units[1]
        assert far < (1e-3 if units[3] else 1e-6)


@searching
def test_a_constant_that_hides_the_surface_is_said(minimizer):
    landscape, there = in_units(MullerBrown(), 1.0, 1.0, 0.0, 1e17)
    results = minimizer.minimize(landscape, there(MullerBrown().minima + 0.05))
    assert {result.outcome for result in results} == {Outcome.STALLED}


@pytest.mark.parametrize("name", TORCHS)
def test_small_energies_are_not_converged_at_once(name):
    landscape, there = in_units(MullerBrown(), 1e-21, 1.0, 0.0, 0.0)
    minimizer = TorchOptimizer(optimizer=name, epochs=3, batch_size=None)
    (result,) = minimizer.minimize(landscape, there(MullerBrown().minima[:1] + 0.05))
    assert result.outcome is not Outcome.CONVERGED
    (at_rest,) = minimizer.minimize(landscape, there(MullerBrown().minima[:1]))
    assert at_rest.outcome in {Outcome.CONVERGED, Outcome.BUDGET_SPENT}


@pytest.mark.parametrize("minimizer", [SGD(learning_rate=1e-3, epochs=300), *SEARCHING.values()], ids=lambda m: m.name)
def test_a_steep_beginning_does_not_make_what_follows_small(minimizer):
    """Two atoms nearly at one place: a gradient of 1e14, and a small one is still what it is."""
    cluster = LennardJones(4)
    start = cluster.minima[0].copy()
    start[:3] = start[3:6] + np.array([0.05, 0.02, 0.01])
    (result,) = minimizer.minimize(cluster, [start])
    if result.outcome is Outcome.CONVERGED:
        assert result.solutions[0].energies["energy"] == pytest.approx(-6, abs=1e-9)
    else:
        assert minimizer.name == "sgd"


@pytest.mark.parametrize("minimizer", [SGD(), *SEARCHING.values()], ids=lambda m: m.name)
def test_a_stationary_start_is_told(minimizer):
    saddle = FunctionLandscape(lambda x: x[:, 0] ** 2 - x[:, 1] ** 2, 2)
    (result,) = minimizer.minimize(saddle, [[0.0, 0.0]])
    assert (result.outcome, result.n_steps) == (Outcome.CONVERGED, 0)
    assert result.message == "gradient norm 0 within the tolerance at the start: a minimum, or another stationary point"


def test_gradient_descent_counts_the_first_gradient():
    bowl = FunctionLandscape(lambda x: (x**2).sum(1), 2)
    for minimizer in (SGD(epochs=4), TorchOptimizer(optimizer="SGD", settings={"lr": 0.1}, epochs=4)):
        (result,) = minimizer.minimize(bowl, [[1.0, 2.0]])
        assert result.n_evaluations == 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("exponent", [-37, -20, 0, 20, 37])
def test_norms_do_not_overflow(exponent, dtype):
    factor = 8 if dtype == torch.float64 else 1
    size = 10.0 ** (factor * exponent)
    assert norms(torch.tensor([[3 * size, 4 * size], [0.0, 0.0]], dtype=dtype)).tolist() == pytest.approx(
        [5 * size, 0], rel=1e-6
    )


STARTS = {
    "reversed": lambda points: points[::-1],
    "big-endian": lambda points: points.astype(">f8"),
    "read-only": lambda points: np.frombuffer(points.tobytes()).reshape(points.shape),
    "a column of more": lambda points: np.repeat(points, 2, axis=1)[:, ::2],
}


@pytest.mark.parametrize("change", STARTS.values(), ids=STARTS)
def test_arrays_of_any_layout(change):
    surface = MullerBrown()
    given = change(surface.minima)
    expected = LBFGSGSS(epochs=2).minimize(surface, np.array(given, dtype=float))
    for known, result in zip(expected, LBFGSGSS(epochs=2).minimize(surface, given), strict=True):
        assert known.curves["energy"].tolist() == result.curves["energy"].tolist()
