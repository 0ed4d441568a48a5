"""What every minimizer must do: a table of minimizers times a table of surfaces."""

import dataclasses

import numpy as np
import pytest
import torch
from minimizer_cases import ROWS, brief, same, small_network

from elsuite.landscapes import FourGaussians, FunctionLandscape, MullerBrown, SeparableWells, SixHumpCamel
from elsuite.minimizers import LBFGSGSS, MINIMIZERS, SGD, LBFGSWolfe, Minimizer, Outcome, TorchOptimizer

pytestmark = pytest.mark.making

minimizers = pytest.mark.parametrize("minimizer", ROWS.values(), ids=ROWS)


@minimizers
@pytest.mark.parametrize(
    "landscape", [MullerBrown(), SixHumpCamel(), FourGaussians(), SeparableWells(heights=(1.0, 2.0, 3.0))]
)
def test_finds_minima(minimizer, landscape):
    results = minimizer.minimize(landscape, landscape.initial_points(range(6)))
    ends = np.array([result.solutions[0].coordinates for result in results])
    distances = np.linalg.norm(ends[:, None] - landscape.minima, axis=2).min(axis=1)
    assert np.sort(distances)[:4].max() < 1e-3  # one or two may be slow
    for result in results:
        assert result.outcome in (Outcome.CONVERGED, Outcome.BUDGET_SPENT)
        assert result.message


@minimizers
def test_one_at_a_time_agrees_with_the_batch(minimizer):
    landscape, minimizer = small_network(), brief(minimizer)
    starts, seeds = landscape.initial_points(range(5)), [7, 5, 3, 1, 0]
    together = minimizer.minimize(landscape, starts, seeds=seeds)
    for k, result in enumerate(together):
        (alone,) = minimizer.minimize(landscape, starts[k : k + 1], seeds=seeds[k : k + 1])
        for name, curve in result.curves.items():
            np.testing.assert_allclose(curve, alone.curves[name], rtol=1e-5)
        for one, other in zip(result.solutions, alone.solutions, strict=True):
            np.testing.assert_allclose(one.coordinates, other.coordinates, rtol=1e-5, atol=1e-7)
        assert result.n_steps == alone.n_steps
        assert result.n_evaluations == pytest.approx(alone.n_evaluations)


@minimizers
def test_same_seeds_give_the_same_result(minimizer):
    landscape, minimizer = small_network(torch.float32), brief(minimizer)
    starts = landscape.initial_points([0, 1])
    first, again = (minimizer.minimize(landscape, starts, seeds=[4, 9]) for _ in range(2))
    assert all(same(a, b) for a, b in zip(first, again, strict=True))


@minimizers
def test_solutions_are_the_lowest_points_of_the_curves(minimizer):
    landscape = small_network()
    for result in brief(minimizer).minimize(landscape, landscape.initial_points(range(4))):
        assert [solution.stopping for solution in result.solutions] == ["train", "test"]
        for solution in result.solutions:
            curve = result.curves[solution.stopping]
            assert solution.epoch == np.argmin(curve)
            point = torch.as_tensor(solution.coordinates)[None]
            for name in landscape.surfaces:
                energy = landscape.on(name).energy(point).item()
                assert solution.energies[name] == pytest.approx(energy, rel=1e-9)
                assert result.curves[name][solution.epoch] == pytest.approx(energy, rel=1e-9)
            gradient = landscape.energy_and_gradient(point)[1]
            assert solution.gradient_norm == pytest.approx(gradient.norm().item(), rel=1e-6)


@minimizers
def test_counts_and_time(minimizer):
    landscape = small_network()
    for result in brief(minimizer).minimize(landscape, landscape.initial_points(range(3))):
        assert len(result.curves["train"]) == 13
        assert result.outcome is Outcome.BUDGET_SPENT
        assert result.n_evaluations >= 12
        assert 0 < result.n_steps <= 3 * 12
        assert result.seconds > 0


def edged(value):
    """A bowl with `value` where x is above 3: its walls lead there, those of other starts do not."""
    return FunctionLandscape(
        lambda x: torch.where(x[:, 0] > 3, torch.full_like(x[:, 0], value), ((x - 0.5) ** 2).sum(1)), 2
    )


@minimizers
@pytest.mark.parametrize(("value", "outcome"), [(torch.nan, Outcome.NOT_A_NUMBER), (torch.inf, Outcome.DIVERGED)])
def test_a_start_without_a_number_does_not_harm_the_others(minimizer, value, outcome):
    landscape, minimizer = edged(value), dataclasses.replace(minimizer, epochs=30)
    starts = torch.tensor([[1.0, 0.0], [4.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)
    first, bad, last = minimizer.minimize(landscape, starts, seeds=[0, 1, 2])
    assert bad.outcome is outcome
    assert bad.solutions == ()
    assert len(bad.curves["energy"]) == 1
    for k, good in ((0, first), (2, last)):
        (alone,) = minimizer.minimize(landscape, starts[k : k + 1], seeds=[k])
        np.testing.assert_allclose(good.curves["energy"], alone.curves["energy"], rtol=1e-10)


@pytest.mark.parametrize("rate", [1.2, 50.0])
def test_divergence_is_an_outcome(rate):
    landscape = FunctionLandscape(lambda x: (x**2).sum(1), 2)
    starts = torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    wild, still = SGD(learning_rate=rate, epochs=2000).minimize(landscape, starts)
    assert wild.outcome is Outcome.DIVERGED
    assert wild.solutions[0].epoch == 0
    assert still.outcome is Outcome.CONVERGED
    assert "gradient norm" in still.message


def test_no_number_in_the_middle_leaves_the_lowest_point():
    # A step from the bowl leads to where there is no number.
    landscape = FunctionLandscape(lambda x: torch.sqrt(2 + x[:, 0]) + 0 * x[:, 1], 2)
    starts = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    (result,) = SGD(learning_rate=2.0, epochs=50).minimize(landscape, starts)
    assert result.outcome is Outcome.NOT_A_NUMBER
    assert np.isnan(result.curves["energy"][-1])
    assert result.solutions[0].epoch == len(result.curves["energy"]) - 2


BOWL = FunctionLandscape(lambda x: (x**2).sum(1), 2)
START = [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("settings", "outcome", "message", "n_epochs"),
    [
        ({"epochs": 0}, Outcome.BUDGET_SPENT, "0 epochs spent", 0),
        ({"epochs": 5}, Outcome.BUDGET_SPENT, "5 epochs spent", 5),
        ({"gradient_tolerance": 0.5}, Outcome.CONVERGED, "gradient norm 0.83 within the tolerance", 8),
        ({"target_energy": 4.0}, Outcome.CONVERGED, "energy 3.2805 reaches the target", 1),
        ({"target_energy": 6.0}, Outcome.CONVERGED, "energy 5 reaches the target", 0),
    ],
)
def test_rules_of_stopping(settings, outcome, message, n_epochs):
    # A step takes the factor 0.81 off the position.
    (result,) = SGD(learning_rate=0.095, **settings).minimize(BOWL, START)
    assert (result.outcome, result.message) == (outcome, message)
    assert len(result.curves["energy"]) == n_epochs + 1


def test_patience_counts_from_the_last_new_low_of_any_surface():
    landscape = small_network(torch.float64)
    starts = landscape.initial_points([0])
    (long,) = SGD(learning_rate=3.0, batch_size=8, epochs=60).minimize(landscape, starts)
    (result,) = SGD(learning_rate=3.0, batch_size=8, epochs=60, patience=4).minimize(landscape, starts)
    length = len(result.curves["train"])
    np.testing.assert_array_equal(result.curves["train"], long.curves["train"][:length])
    last = max(np.argmin(curve) for curve in result.curves.values())
    assert result.outcome is Outcome.CONVERGED
    assert length - 1 == last + 4
    assert result.message == "no lower energy on any surface for 4 epochs"


def test_equally_low_points_the_first_counts():
    flat = FunctionLandscape(lambda x: torch.round(x[:, 0].detach()) + 0 * x.sum(1), 2)
    (result,) = SGD(epochs=5, gradient_tolerance=0).minimize(flat, [[0.2, 0.0]])
    assert result.solutions[0].epoch == 0


def test_no_starts():
    assert LBFGSGSS().minimize(BOWL, np.empty((0, 2))) == ()


def test_progress_is_told():
    seen = []
    SGD(epochs=3, gradient_tolerance=0).minimize(BOWL, START, progress=lambda *now: seen.append(now))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_descends_the_surface_that_is_shown():
    landscape = small_network().on("test")
    (result,) = LBFGSGSS(epochs=20).minimize(landscape, landscape.initial_points([3]))
    assert (np.diff(result.curves["test"]) <= 0).all()
    assert result.curves["train"][-1] > result.curves["train"][0]


@pytest.mark.parametrize(
    ("starts", "seeds", "message"),
    [
        ([[1.0, 2.0, 3.0]], None, r"given an array of shape \(1, 3\), allowed: \(n_starts, 2\)"),
        ([1.0, 2.0], None, r"given an array of shape \(2,\)"),
        ([[1.0, 2.0]], [0, 1], r"seeds: given \[0, 1\], allowed: 1 integers"),
        ([[1.0, 2.0]], [-1], r"seeds: given \[-1\]"),
    ],
)
def test_bad_starts_and_seeds(starts, seeds, message):
    with pytest.raises(ValueError, match=message):
        SGD().minimize(BOWL, starts, seeds=seeds)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(learning_rate=0), "SGD.learning_rate: given 0, allowed: above 0"),
        (lambda: SGD(momentum=1.0), "SGD.momentum: given 1.0, allowed: at least 0, below 1"),
        (lambda: SGD(schedule="linear"), "SGD.schedule: given 'linear', allowed: constant, cosine, step"),
        (lambda: SGD(epochs=True), "SGD.epochs: given True, allowed: an integer, at least 0"),
        (lambda: LBFGSGSS(history=0), "LBFGSGSS.history: given 0, allowed: at least 1"),
        (lambda: LBFGSGSS(largest_step=np.nan), "LBFGSGSS.largest_step: given nan, allowed: above 0"),
        (lambda: LBFGSWolfe(patience=0), "LBFGSWolfe.patience: given 0, allowed: at least 1"),
        (lambda: TorchOptimizer(batch_size=0), "TorchOptimizer.batch_size: given 0, allowed: at least 1, or None"),
        (lambda: TorchOptimizer(optimizer="Adm"), "TorchOptimizer.optimizer: given 'Adm', allowed: ASGD, Adadelta"),
        (lambda: TorchOptimizer(settings={"rate": 1}), "TorchOptimizer.settings: given {'rate': 1}: "),
        (lambda: TorchOptimizer(settings={"lr": -1.0}), "TorchOptimizer.settings: given {'lr': -1.0}: Invalid"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        make()
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", MINIMIZERS)
def test_the_table_makes_minimizers_by_name(name):
    minimizer = MINIMIZERS[name]()
    assert isinstance(minimizer, Minimizer)
    assert name in (minimizer.name, "torch")
    with pytest.raises(dataclasses.FrozenInstanceError):
        minimizer.epochs = 1
