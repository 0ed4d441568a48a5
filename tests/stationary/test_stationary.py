"""Curvature, kinds of stationary points, refinement and descents, against known answers and slow references."""

import numpy as np
import pytest
import torch

from elsuite.landscapes import (
    FourGaussians,
    FunctionLandscape,
    LennardJones,
    MullerBrown,
    NeuralLandscape,
    SeparableWells,
    SixHumpCamel,
)
from elsuite.landscapes.base import Landscape
from elsuite.stationary import (
    Box,
    Limits,
    Outcome,
    classify_stationary_point,
    descend,
    follow_down,
    hessian_operator,
    hessian_spectrum,
    hessian_trace,
    hessian_vector_products,
    local_expansions,
    refine_transition_state,
    refine_transition_states,
    search_from_minimum,
)
from elsuite.stationary import model as stationary_model

pytestmark = pytest.mark.making

SURFACES = [FourGaussians(), MullerBrown(), SixHumpCamel(), SeparableWells((1.0, 2.0, 3.0))]
names = [type(surface).__name__ for surface in SURFACES]
rng = np.random.default_rng(0)


class Quadratic(Landscape):
    """Energies that torch knows nothing of: x A x / 2."""

    surfaces = ("energy",)
    surface = "energy"
    dtype = torch.float64
    device = torch.device("cpu")

    def __init__(self, matrix):
        self.matrix = matrix
        self.n_parameters = len(matrix)

    def energy(self, points):
        return self.energy_and_gradient(points)[0]

    def energy_and_gradient(self, points):
        x = points.detach().numpy()
        return torch.from_numpy((x @ self.matrix * x).sum(1) / 2), torch.from_numpy(x @ self.matrix)

    def on(self, surface):
        return self

    def initial_points(self, seeds):
        return torch.zeros(len(seeds), self.n_parameters, dtype=self.dtype)


def chain(n):
    """A chain of coupled double wells, tilted: a step of one kink is a transition state."""

    def function(x):
        return ((x**2 - 1) ** 2).sum(1) + ((x[:, 1:] - x[:, :-1]) ** 2).sum(1) + 0.1 * x.sum(1)

    return FunctionLandscape(function, n)


def network(*, hidden=4, n_inputs=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(100, n_inputs, generator=generator, dtype=torch.float64)
    teacher = torch.randn(n_inputs, 2, generator=generator, dtype=torch.float64)
    targets = torch.tanh(inputs @ teacher) + 0.1 * torch.randn(100, 2, generator=generator, dtype=torch.float64)
    module = torch.nn.Sequential(
        torch.nn.Linear(n_inputs, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 2, bias=False)
    )
    return NeuralLandscape(module, torch.nn.MSELoss(), inputs, targets, dtype=dtype)


def full_hessian(landscape, point):
    """The Hessian by central differences of energies alone, row by row."""
    size, step = len(point), 1e-4
    moves = step * np.eye(size)
    at = lambda x: float(landscape.energy(torch.as_tensor(x)[None])[0])  # noqa: E731
    return np.array(
        [
            [
                (at(point + a + b) - at(point + a - b) - at(point - a + b) + at(point - a - b)) / (4 * step**2)
                for b in moves
            ]
            for a in moves
        ]
    )


@pytest.mark.parametrize("landscape", [*SURFACES, LennardJones(3), network()], ids=[*names, "lj3", "network"])
def test_hessians_equal_differences_of_energies(landscape):
    points = landscape.initial_points([3, 4]).numpy().astype(float)
    energies, gradients, hessians = local_expansions(landscape, points)
    e, g = landscape.energy_and_gradient(torch.from_numpy(points))
    np.testing.assert_allclose(energies, e.numpy(), rtol=1e-13)
    np.testing.assert_allclose(gradients, g.numpy(), rtol=1e-9, atol=1e-12)
    for point, hessian in zip(points, hessians, strict=True):
        reference = full_hessian(landscape, point)
        np.testing.assert_allclose(hessian, reference, rtol=1e-4, atol=1e-5 * np.abs(reference).max())
        vectors = rng.normal(size=(3, len(point)))
        for method in ("autograd", "differences"):
            products = hessian_vector_products(landscape, point, vectors, method=method)
            np.testing.assert_allclose(products, vectors @ hessian, rtol=1e-5, atol=1e-7 * np.abs(hessian).max())
        np.testing.assert_allclose(hessian_operator(landscape, point).matvec(vectors[0]), hessian @ vectors[0])
        assert hessian_trace(landscape, point).value == pytest.approx(np.trace(hessian))


def test_products_over_parts_of_the_data_equal_products_over_all(monkeypatch):
    landscape = network()
    point, vectors = landscape.initial_points([0])[0], rng.normal(size=(2, landscape.n_parameters))
    whole = hessian_vector_products(landscape, point, vectors)
    monkeypatch.setattr("elsuite.stationary.hessian.SAMPLES_AT_ONCE", 30)
    np.testing.assert_allclose(hessian_vector_products(landscape, point, vectors), whole, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("n_atoms", [2, 3, 7])
def test_written_down_derivatives_equal_those_of_autograd(n_atoms):
    cluster = LennardJones(n_atoms)
    points = cluster.initial_points([0, 1, 2])
    for known, found in zip(
        local_expansions(cluster, points, method="autograd"), local_expansions(cluster, points), strict=True
    ):
        np.testing.assert_allclose(found, known, rtol=1e-9, atol=1e-9 * np.abs(known).max())


def test_trace_by_probes_is_near_the_exact_one():
    landscape = chain(200)
    point = np.ones(200)
    exact = np.trace(local_expansions(landscape, point[None])[2][0])
    estimate = hessian_trace(landscape, point, n_probes=100)
    assert abs(estimate.value - exact) <= 5 * max(estimate.standard_error, 1e-9 * exact)


def test_landscape_without_second_derivative_is_differentiated_by_differences():
    matrix = np.diag([1.0, -2.0, 3.0])
    landscape = Quadratic(matrix)
    np.testing.assert_allclose(hessian_vector_products(landscape, [1, 1, 1], np.eye(3)), matrix, atol=1e-8)
    np.testing.assert_allclose(local_expansions(landscape, np.ones((2, 3)))[2], [matrix, matrix], atol=1e-8)
    assert classify_stationary_point(landscape, [0, 0, 0]).kind == "transition state"
    with pytest.raises(ValueError, match="not differentiable twice"):
        hessian_vector_products(landscape, [1, 1, 1], np.eye(3), method="autograd")


@pytest.mark.parametrize("dense_limit", [0, 100])
def test_spectrum_ends_equal_the_dense_ones(monkeypatch, dense_limit):
    monkeypatch.setattr("elsuite.stationary.spectrum.DENSE_LIMIT", dense_limit)
    matrix = rng.normal(size=(60, 60))
    landscape = Quadratic(matrix + matrix.T)
    values = np.linalg.eigvalsh(landscape.matrix)
    found = hessian_spectrum(landscape, np.zeros(60), n_lowest=3, n_highest=2)
    np.testing.assert_allclose(found.lowest, values[:3], rtol=1e-5)
    np.testing.assert_allclose(found.highest, values[-2:], rtol=1e-5)
    for value, vector in zip(found.lowest, found.lowest_vectors, strict=True):
        np.testing.assert_allclose(landscape.matrix @ vector, value * vector, atol=1e-3)
    assert found.converged


@pytest.mark.parametrize("dense_limit", [0, 100])
def test_zero_modes_of_clusters_are_left_out_of_the_spectrum(monkeypatch, dense_limit):
    monkeypatch.setattr("elsuite.stationary.spectrum.DENSE_LIMIT", dense_limit)
    cluster = LennardJones(6)
    found = hessian_spectrum(cluster, cluster.minima[0], n_lowest=2, n_highest=1)
    everything = np.linalg.eigvalsh(local_expansions(cluster, cluster.minima[:1])[2][0])
    assert np.abs(everything[:6]).max() < 1e-6
    np.testing.assert_allclose(found.lowest, everything[6:8], rtol=1e-5)
    np.testing.assert_allclose(found.highest, everything[-1:], rtol=1e-5)


def test_zero_modes_by_number_leave_out_the_smallest():
    landscape = Quadratic(np.diag([-1.0, 0.0, 2.0, 3.0]))
    assert hessian_spectrum(landscape, np.zeros(4), n_lowest=2, n_zero_modes=1).lowest == pytest.approx([-1, 2])


@pytest.mark.parametrize("surface", SURFACES, ids=names)
def test_known_points_are_what_they_are(surface):
    for point in surface.minima:
        assert classify_stationary_point(surface, point).kind == "minimum"
    for point in surface.transition_states:
        found = classify_stationary_point(surface, point)
        assert found.kind == "transition state"
        assert found.complete
        assert found.index == 1
        assert found.log_product == pytest.approx(np.log(found.eigenvalues[1:]).sum())


def test_other_kinds_of_points():
    assert classify_stationary_point(MullerBrown(), [0.0, 0.0]).kind == "not stationary"
    assert classify_stationary_point(SeparableWells((1.0, 2.0)), [0.0, 0.0]).kind == "saddle of index 2"
    flat = FunctionLandscape(lambda x: x[:, 0] ** 2 + 0 * x[:, 1], 2)
    assert classify_stationary_point(flat, [0.0, 0.0]).kind == "degenerate"


@pytest.mark.parametrize("surface", SURFACES, ids=names)
def test_transition_states_are_refined_to_1e9_from_nearby(surface):
    moved = surface.transition_states + rng.normal(scale=0.01, size=surface.transition_states.shape)
    for found, point in zip(refine_transition_states(surface, moved), surface.transition_states, strict=True):
        assert found.outcome is Outcome.CONVERGED
        np.testing.assert_allclose(found.point, point, atol=1e-9)
        assert found.index == 1
        assert found.eigenvalues[0] < 0 < found.eigenvalues[1]


@pytest.mark.parametrize("surface", SURFACES, ids=names)
def test_descents_reach_known_minima(surface):
    ends = descend(surface, surface.minima + rng.normal(scale=0.05, size=surface.minima.shape))
    for found, point in zip(ends, surface.minima, strict=True):
        assert found.outcome is Outcome.CONVERGED
        np.testing.assert_allclose(found.point, point, atol=1e-9)


def test_each_search_depends_on_its_own_start_only():
    surface = SixHumpCamel()
    starts = surface.initial_points(list(range(6))).numpy()
    limits = Limits(max_steps=60)
    together = refine_transition_states(surface, starts, limits=limits)
    for start, found in zip(starts, together, strict=True):
        alone = refine_transition_state(surface, start, limits=limits)
        np.testing.assert_allclose(alone.point, found.point, atol=1e-9)
        assert alone.outcome is found.outcome


def steepest_descent_end(surface, point, step=1e-4):
    """Where a very small step down the gradient, again and again, ends."""
    for _ in range(40_000):
        gradient = surface.energy_and_gradient(torch.as_tensor(point)[None])[1][0].numpy()
        if np.linalg.norm(gradient) < 1e-3:
            break
        point = point - step * gradient / max(1.0, np.linalg.norm(gradient) * 1e-2)
    return point


def test_both_sides_are_where_steepest_descent_ends():
    surface = MullerBrown()
    found = refine_transition_states(surface, surface.transition_states)
    sides = follow_down(surface, [f.point for f in found], [f.eigenvector for f in found])
    for state, ends in zip(found, sides, strict=True):
        for sign, end in zip((-1, 1), ends, strict=True):
            reference = steepest_descent_end(surface, state.point + sign * 1e-2 * state.eigenvector)
            assert end.outcome is Outcome.CONVERGED
            np.testing.assert_allclose(end.point, reference, atol=1e-4)


def test_searches_from_a_minimum_find_its_transition_states():
    surface = MullerBrown()
    found = search_from_minimum(surface, surface.minima[2], n_modes=1)
    np.testing.assert_allclose(sorted(f.energy for f in found), sorted(surface.transition_state_energies), atol=1e-9)
    one_way = search_from_minimum(surface, surface.minima[2], directions=[[1.0, -0.5]])
    assert len(one_way) == 1


def test_transition_states_of_a_cluster():
    cluster = LennardJones(7)
    found = search_from_minimum(cluster, cluster.minima[1], n_modes=4)
    energies = {round(f.energy, 6) for f in found if f.outcome is Outcome.CONVERGED}
    assert {-15.444734, -15.319864} <= energies
    for state in found:
        if state.outcome is Outcome.CONVERGED:
            assert len(state.eigenvalues) == 15
            assert state.gradient_norm < 1e-8


def test_krylov_spaces_stand_for_the_whole_in_large_landscapes():
    landscape = chain(400)
    found = refine_transition_state(landscape, np.tanh(np.arange(400) - 360.0))
    assert found.outcome is Outcome.CONVERGED
    assert found.gradient_norm < 1e-10
    ((low, high),) = follow_down(landscape, found.point[None], found.eigenvector[None])
    assert {low.outcome, high.outcome} == {Outcome.CONVERGED}
    small = refine_transition_state(chain(100), np.tanh(np.arange(100) - 60.0))
    assert found.eigenvalues[0] == pytest.approx(small.eigenvalues[0], rel=1e-6)


def test_krylov_and_dense_searches_agree(monkeypatch):
    landscape, start = chain(100), np.tanh(np.arange(100) - 60.0)
    dense = refine_transition_state(landscape, start)
    monkeypatch.setattr(stationary_model, "DENSE_LIMIT", 0)
    krylov = refine_transition_state(landscape, start)
    np.testing.assert_allclose(krylov.point, dense.point, atol=1e-8)


def test_small_networks():
    landscape = network(hidden=3)
    (end,) = descend(landscape, landscape.initial_points([0]))
    assert classify_stationary_point(landscape, end.point).kind == "minimum"
    found = search_from_minimum(landscape, end.point, n_modes=1)[0]
    assert found.outcome is Outcome.CONVERGED
    assert classify_stationary_point(landscape, found.point).kind == "transition state"
    limits = Limits(max_steps=240)
    (sides,) = follow_down(landscape, found.point[None], found.eigenvector[None], limits=limits)
    # One side leads back, the other to ever larger weights, lower and lower: a network may have no lowest minimum.
    back, away = sorted(sides, key=lambda side: side.energy)[::-1]
    assert (back.outcome, back.energy) == (Outcome.CONVERGED, pytest.approx(end.energy, rel=1e-9))
    assert away.energy < end.energy


def test_single_precision_ends_at_what_it_can_reach():
    landscape = network(hidden=2, dtype=torch.float32)
    (end,) = descend(landscape, landscape.initial_points([0]), limits=Limits(max_steps=500))
    assert end.gradient_norm < 1e-4


FAILURES = {
    "wrong index": (SeparableWells((1.0, 2.0)), [1.0, 1.0], Limits()),
    "degenerate": (FunctionLandscape(lambda x: x[:, 0] ** 2 + 0 * x[:, 1], 2), [1.0, 1.0], Limits()),
    "left the bounds": (
        FunctionLandscape(lambda x: (x**2).sum(1), 2),
        [0.5, 0.1],
        Limits(box=Box(np.array([-1.0, -1.0]), np.array([1.0, 1.0]))),
    ),
    "budget spent": (MullerBrown(), [-0.5, 0.3], Limits(max_steps=1)),
    "not a number": (FunctionLandscape(lambda x: x.log().sum(1), 2), [-1.0, 1.0], Limits()),
}


@pytest.mark.parametrize("outcome", FAILURES)
def test_failures_are_outcomes_with_reasons(outcome):
    landscape, start, limits = FAILURES[outcome]
    found = refine_transition_state(landscape, start, limits=limits)
    assert found.outcome == outcome
    assert found.message


BAD = [
    (lambda: refine_transition_state(MullerBrown(), [0.0]), r"points of shape \(1, 1\) given"),
    (lambda: classify_stationary_point(MullerBrown(), [[0.0, 0.0]]), r"point of shape \(1, 2\) given"),
    (lambda: hessian_vector_products(MullerBrown(), [0, 0], [[1.0]]), "vectors of shape"),
    (lambda: hessian_vector_products(MullerBrown(), [0, 0], np.eye(2), method="x"), "method 'x' given"),
    (lambda: hessian_spectrum(MullerBrown(), [0, 0], n_lowest=-1), "n_lowest -1"),
    (lambda: hessian_trace(MullerBrown(), [0, 0], n_probes=1), "n_probes 1"),
    (lambda: follow_down(MullerBrown(), np.zeros((2, 2)), np.zeros((1, 2))), "1 eigenvectors"),
    (lambda: refine_transition_states(MullerBrown(), np.zeros((2, 2)), directions=np.zeros((1, 2))), "1 directions"),
]


@pytest.mark.parametrize(("call", "line"), BAD)
def test_bad_input_is_one_line(call, line):
    with pytest.raises(ValueError, match=line):
        call()


def test_no_points_no_searches():
    nothing = np.empty((0, 2))
    assert refine_transition_states(MullerBrown(), nothing) == ()
    assert descend(MullerBrown(), nothing) == ()
    assert follow_down(MullerBrown(), nothing, nothing) == ()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"max_steps": -1}, "Limits.max_steps: given -1, allowed: at least 0"),
        ({"first_radius": 0.0}, "Limits.first_radius: given 0.0, allowed: above 0"),
        ({"largest_radius": float("nan")}, "Limits.largest_radius: given nan, allowed: above 0"),
        ({"box": 3}, "Limits.box: given 3, allowed: Box, or None"),
        ({"max_step": 3}, "Limits.max_step: unknown key"),
    ],
)
def test_limits_that_are_none_are_one_line(given, line):
    with pytest.raises(ValueError, match="Limits") as caught:
        Limits(**given)
    assert str(caught.value).startswith(line)


@pytest.mark.parametrize("energy", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("length", [1e-4, 1.0, 1e4])
def test_an_inflection_is_no_minimum_in_any_units(length, energy):
    surface = FunctionLandscape(
        lambda x: energy * ((x[:, 0] / length) ** 3 + (x[:, 1] / length) ** 2), 2, bounds=[[-length] * 2, [length] * 2]
    )
    starts = np.array([[0.5, 0.2], [0.3, -0.1], [0.01, 0.0]]) * length
    assert "converged" not in {str(found.outcome) for found in descend(surface, starts)}


def test_atoms_that_start_nearly_in_one_place_reach_minima():
    """The curvature there is 1e10 of that at the minimum, and must not set the scale of what is zero."""
    cluster = LennardJones(4)
    starts = np.random.default_rng(0).uniform(-0.6, 0.6, (24, 12))
    found = descend(cluster, starts)
    assert {str(end.outcome) for end in found} == {"converged"}
    np.testing.assert_allclose([end.energy for end in found], -6, atol=1e-9)
    assert max(end.gradient_norm for end in found) < 1e-7


LAYOUTS = {
    "reversed": lambda values: np.ascontiguousarray(values[::-1])[::-1],
    "big-endian": lambda values: values.astype(">f8"),
    "read-only": lambda values: np.frombuffer(values.tobytes()).reshape(values.shape),
    "by columns": np.asfortranarray,
    "lists": lambda values: values.tolist(),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_arrays_of_any_layout(layout):
    surface, few = MullerBrown(), Limits(max_steps=3)
    points = np.ascontiguousarray(surface.minima + 0.01)
    calls = [
        lambda give: surface.energy(give(points)).tolist(),
        lambda give: [end.point.tolist() for end in descend(surface, give(points), limits=few)],
        lambda give: [one.point.tolist() for one in refine_transition_states(surface, give(points), limits=few)],
        lambda give: search_from_minimum(surface, give(points[0]), n_modes=1, limits=few)[0].point.tolist(),
        lambda give: classify_stationary_point(surface, give(points[1])).eigenvalues.tolist(),
        lambda give: local_expansions(surface, give(points))[2].tolist(),
        lambda give: hessian_vector_products(surface, give(points[0]), give(points)).tolist(),
        lambda give: (hessian_operator(surface, give(points[0])) @ np.asarray(give(points[1]))).tolist(),
        lambda give: hessian_spectrum(surface, give(points[0])).lowest.tolist(),
        lambda give: hessian_trace(surface, give(points[0])).value,
    ]
    for call in calls:
        assert call(layout) == call(lambda values: values)
