"""L-BFGS with golden section search: against a slow, obvious reference, and what it must reach."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from minimizer_cases import GOLDEN, reference_search

from elsuite.core.outcomes import Outcome
from elsuite.landscapes import FunctionLandscape, MullerBrown, load_data, network_landscape
from elsuite.minimizers import LBFGSGSS
from elsuite.minimizers.golden_section import golden_section_search

pytestmark = pytest.mark.making


def reference_minimize(energy, gradient, w, n_iterations, *, first, m=10, n_values=6):
    """One start, plain loops over lists: the curve of energies and the last point."""
    pairs, f, g = [], energy(w), gradient(w)
    scale = first / np.linalg.norm(g)
    curve = [f]
    for _ in range(n_iterations):
        q, alphas = g.copy(), []
        for s, y in reversed(pairs):
            alphas.append((s @ q) / (s @ y))
            q = q - alphas[-1] * y
        p = scale * q
        for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
            p = p + (alpha - (y @ p) / (s @ y)) * s
        if not p @ g > 0:
            pairs, p = [], scale * g
        u, f = reference_search(lambda u, w=w, p=p: energy(w - u * p), f, 1.0, n_values)
        new_w = w - u * p
        new_g = gradient(new_w)
        s, y = new_w - w, new_g - g
        cosine = (s @ y) / (np.linalg.norm(s) * np.linalg.norm(y)) if u > 0 else np.nan
        if cosine >= 1e-4:
            pairs, scale = [*pairs, (s, y)][-m:], (s @ y) / (y @ y)
        else:
            scale *= 1 if pairs else (u if u > 0 else GOLDEN ** (-2 * n_values))
            pairs = []
        w, g = new_w, new_g
        curve.append(f)
    return np.array(curve), w


def functions(landscape):
    """Energy and gradient of one numpy point."""

    def energy(w):
        return landscape.energy(torch.as_tensor(w)[None]).item()

    def gradient(w):
        return landscape.energy_and_gradient(torch.as_tensor(w)[None])[1][0].numpy()

    return energy, gradient


def rosenbrock(n):
    def energy(x):
        return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)

    return FunctionLandscape(energy, n, bounds=np.array([[-2.0] * n, [2.0] * n]))


def quadratic(n, condition, scale=1.0):
    rng = np.random.default_rng(n)
    turned = torch.as_tensor(np.linalg.qr(rng.normal(size=(n, n)))[0])
    curvatures = scale * torch.logspace(0, -math.log10(condition), n, dtype=torch.float64)
    return FunctionLandscape(lambda x: ((x @ turned) ** 2 * curvatures).sum(1) / 2, n)


def saddle_and_wells():
    """Regions of negative curvature, so that pairs are refused and histories dropped."""
    return FunctionLandscape(lambda x: (torch.cos(3 * x) + 0.1 * x**2).sum(1) + x[:, 0] * x[:, 1], 4)


CURVED = {
    "quadratic": (quadratic(20, 100), 25),
    "rosenbrock": (rosenbrock(2), 15),
    "rosenbrock 10": (rosenbrock(10), 20),
    "Müller-Brown": (MullerBrown(), 6),
    "saddles": (saddle_and_wells(), 8),
}


@pytest.mark.parametrize(("landscape", "n_iterations"), CURVED.values(), ids=CURVED)
def test_same_trajectory_as_the_reference(landscape, n_iterations):
    starts = landscape.initial_points(range(8))
    results = LBFGSGSS(epochs=n_iterations, gradient_tolerance=0).minimize(landscape, starts)
    for start, result in zip(starts, results, strict=True):
        curve, end = reference_minimize(
            *functions(landscape), start.numpy(), n_iterations, first=0.05 * landscape.length_scale
        )
        got = result.curves["energy"]
        np.testing.assert_allclose(got, curve[: len(got)], rtol=1e-5, atol=1e-9)
        if len(got) == len(curve):
            np.testing.assert_allclose(result.solutions[0].coordinates, end, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "landscape",
    [quadratic(50, 1e4), quadratic(50, 1e4, scale=1e4), quadratic(50, 1e4, scale=1e-3), rosenbrock(2), rosenbrock(10)],
)
def test_reaches_the_minimum(landscape):
    starts = landscape.initial_points(range(4))
    if landscape.n_parameters == 2:
        starts[0] = torch.tensor([-1.2, 1.0])
    for result in LBFGSGSS(epochs=2000).minimize(landscape, starts):
        assert result.solutions[0].energies["energy"] < 1e-8
        assert result.outcome is Outcome.CONVERGED


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_never_rises(dtype):
    landscape = network_landscape("fcp", load_data("digits", n_train=200), hidden=(8,), device="cpu", dtype=dtype)
    results = LBFGSGSS(epochs=120).minimize(landscape, landscape.initial_points(range(4)))
    for result in results:
        assert (np.diff(result.curves["train"]) <= 0).all()
        assert result.curves["train"][-1] < 1e-6


def test_float32_noise_ends_the_descent():
    # A bowl on a high plain: in float32 the last digits are all that is left of it.
    def noisy(x):
        return (1000 + (x.float() ** 2).sum(1)).double()

    landscape = FunctionLandscape(noisy, 3)
    for result in LBFGSGSS(epochs=500).minimize(landscape, [[3.0, -2.0, 1.0], [0.1, 0.0, 0.2]]):
        assert result.outcome is Outcome.CONVERGED
        assert result.solutions[0].energies["energy"] == pytest.approx(1000, abs=2e-4)


def test_steps_are_no_longer_than_the_largest():
    seen = []

    class Watched(LBFGSGSS):
        def advance(self, landscape, state, epoch):
            new = super().advance(landscape, state, epoch)
            seen.append((new["points"] - state["points"]).norm(dim=1).max().item())
            return new

    landscape = MullerBrown()
    Watched(largest_step=0.05, epochs=60).minimize(landscape, landscape.initial_points(range(6)))
    assert 0.04 < max(seen) <= 0.05 * (1 + 1e-12)


def test_counts_every_value_of_the_search():
    landscape = quadratic(10, 10)
    calls = []

    def energy(x):
        calls.append(len(x))
        return landscape.formula(x)

    counted = FunctionLandscape(energy, 10)
    counted.energy(counted.initial_points([0]))  # the first call looks at what the function is
    calls.clear()
    (result,) = LBFGSGSS(epochs=7, search_values=4).minimize(counted, np.ones((1, 10)))
    assert result.n_evaluations == 1 + 7 * (4 + 1)
    assert sum(calls) == result.n_evaluations + 1  # and the gradient of the solution


def test_lower_training_loss_than_sgd_on_digits():
    landscape = network_landscape("fcp", load_data("digits"), hidden=(32, 32), device="cpu")
    results = LBFGSGSS(epochs=70).minimize(landscape, landscape.initial_points(range(4)))
    assert sorted(result.curves["train"][-1] for result in results)[2] < 1e-3


smooth = st.tuples(st.floats(0.01, 30), st.floats(0.1, 5), st.floats(-1, 1))


@settings(deadline=None)
@given(st.lists(smooth, min_size=1, max_size=5), st.floats(1e-3, 1e3), st.integers(1, 30))
def test_golden_section_search_against_the_reference(wells, first, n_values):
    places, widths, tilts = (torch.tensor(column, dtype=torch.float64) for column in zip(*wells, strict=True))

    def value(u):
        return ((u - places) / widths) ** 2 + tilts * torch.sin(u)

    start = value(torch.zeros_like(places))
    step, lowest = golden_section_search(value, start, torch.full_like(places, first), n_values=n_values)
    assert (lowest <= start).all()
    assert ((step > 0) == (lowest < start)).all()
    moved = step > 0
    np.testing.assert_allclose(value(step)[moved], lowest[moved], rtol=1e-12)
    for k in range(len(wells)):

        def one(u, k=k):
            return value(torch.full_like(places, u))[k].item()

        expected = reference_search(one, start[k].item(), first, n_values)
        # Rounding may turn a near tie; then both are as low.
        assert lowest[k] == pytest.approx(expected[1], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_golden_section_search_shuns_what_is_no_number(bad):
    def value(u):
        return torch.where(u > 0.3, bad, (u - 0.2) ** 2)

    start = torch.tensor([0.04], dtype=torch.float64)
    step, lowest = golden_section_search(value, start, torch.ones_like(start), n_values=25)
    assert step.item() == pytest.approx(0.2, abs=1e-3)
    assert lowest.item() < 1e-6


def test_golden_section_search_uphill_stays():
    start = torch.tensor([1.0], dtype=torch.float64)
    step, lowest = golden_section_search(lambda u: 1 + u, start, torch.ones_like(start), n_values=6)
    assert (step.item(), lowest.item()) == (0.0, 1.0)
