"""Searches by gradients alone: compiled, as Python, and on landscapes without second derivatives."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from calculators import Calculator

from elsuite.core.outcomes import Outcome
from elsuite.landscapes import LennardJones, MullerBrown
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.kernels import Kernel
from elsuite.stationary import (
    Limits,
    classify_stationary_point,
    descend,
    engine,
    follow_down,
    local_expansions,
    refine_transition_states,
)
from elsuite.stationary.vectors import _add, _dot, add, dot


def without_numba(monkeypatch):
    monkeypatch.setattr(engine, "can_compile", lambda: False)


def starts_around(cluster, n, away, seed=0):
    rng = np.random.default_rng(seed)
    ways = rng.standard_normal((n, cluster.n_parameters))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return cluster.minima[rng.integers(len(cluster.minima), size=n)] + away * ways, ways


@pytest.mark.parametrize("python", [False, True])
def test_found_points_are_stationary_to_the_last_digits_and_their_index_is_that_of_the_hessian(python, monkeypatch):
    if python:
        without_numba(monkeypatch)
    cluster = LennardJones(7)
    assert engine.engine_of(cluster).compiled is not python
    starts, ways = starts_around(cluster, 6, 0.7)
    for index, found in (
        (0, descend(cluster, starts)),
        (1, refine_transition_states(cluster, starts, directions=ways)),
    ):
        good = [one for one in found if one.outcome is Outcome.CONVERGED]
        assert len(good) >= 5
        for one in good:
            values = np.linalg.eigvalsh(local_expansions(cluster, one.point[None], method="autograd")[2][0])
            assert (values < -1e-6 * values[-1]).sum() == one.index == index
            assert (np.abs(values) < 1e-6 * values[-1]).sum() == 6
            assert one.gradient_norm < 1e-9 * values[-1]
            assert classify_stationary_point(cluster, one.point).index == index


def test_few_forces_are_called():
    cluster = LennardJones(13)
    program = engine.engine_of(cluster)
    starts = np.array(
        [end.point for end in program.down(cluster.initial_points(list(range(30))).numpy(), limits=Limits())]
    )
    rng = np.random.default_rng(0)
    ways = rng.standard_normal(starts.shape)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    found = program.up(starts + 0.7 * ways, ways, limits=Limits())
    up = [end for end in found if end.outcome is Outcome.CONVERGED]
    assert len(up) >= 0.8 * len(found)
    assert np.mean([end.n_calls for end in up]) < 300
    tops = np.array([end.point for end in up])
    modes = np.array([end.mode for end in up])
    down = program.down(np.concatenate([tops + 0.02 * modes, tops - 0.02 * modes]), limits=Limits())
    assert all(end.outcome is Outcome.CONVERGED for end in down)
    assert np.mean([end.n_calls for end in down]) < 100


@pytest.mark.parametrize(
    ("energy_unit", "length_unit", "offset"),
    [(1.0, 1.0, 0.0), (1e-7, 1.0, 0.0), (27.2e6, 3.4e-3, 0.0), (0.01, 250.0, 3.0)],
)
def test_units_change_nothing(energy_unit, length_unit, offset):
    surface = MullerBrown()
    given = Calculator(surface, energy_unit, length_unit, offset)
    starts = length_unit * np.array([[-0.8, 0.6], [0.2, 0.3]])
    found = refine_transition_states(given, starts)
    assert [str(one.outcome) for one in found] == ["converged"] * 2
    near = 1e-7 * length_unit
    np.testing.assert_allclose([one.point for one in found], length_unit * surface.transition_states[::-1], atol=near)
    sides = follow_down(given, [one.point for one in found], [one.eigenvector for one in found])
    energies = [sorted((side.energy - offset) / energy_unit for side in pair) for pair in sides]
    np.testing.assert_allclose(energies, [[-146.6995, -80.7678], [-108.1667, -80.7678]], atol=1e-3)
    # As many calls whatever the units are, but where an offset costs digits.
    plain = Calculator(surface)
    refine_transition_states(plain, np.array([[-0.8, 0.6], [0.2, 0.3]]))
    if not offset:
        again = Calculator(surface, energy_unit, length_unit)
        refine_transition_states(again, starts)
        assert abs(len(again.calls) - len(plain.calls)) <= 4


@pytest.mark.parametrize("wrong", [None, "nan", "inf"])
def test_a_calculator_that_fails_ends_one_search(wrong):
    cluster = LennardJones(4)
    starts, ways = starts_around(LennardJones(4), 5, 0.5)
    counting = Calculator(cluster)
    engine.engine_of(counting).up(starts[:2], ways[:2], limits=Limits())
    failing = Calculator(cluster, fails=(len(counting.calls) + 3,), wrong=wrong)
    found = engine.engine_of(failing).up(starts, ways, limits=Limits())
    assert [end.outcome is Outcome.CONVERGED for end in found] == [True, True, False, True, True]
    assert found[2].outcome is (Outcome.FAILED if wrong is None else Outcome.NOT_A_NUMBER)
    assert found[2].message == ("RuntimeError: SCF did not converge" if wrong is None else found[2].message)
    whole = refine_transition_states(
        Calculator(cluster, fails=(len(counting.calls) + 3,), wrong=wrong), starts, directions=ways
    )
    assert [one.outcome is Outcome.CONVERGED for one in whole] == [True, True, False, True, True]


def test_a_pair_far_from_the_origin_and_a_linear_cluster():
    pair = LennardJones(2)
    (found,) = descend(pair, [[1000.0, 0, 0, 1001.0, 0.3, 0]])
    assert found.outcome is Outcome.CONVERGED
    assert found.energy == pytest.approx(-1.0, abs=1e-12)
    line = np.zeros((3, 3))
    line[:, 0] = 1.1 * np.arange(3)
    (top,) = refine_transition_states(LennardJones(3), line.reshape(1, -1))
    assert top.outcome in {Outcome.CONVERGED, Outcome.WRONG_INDEX}


def parabola(x, gradient, parameters):
    gradient[:] = parameters[0] * x
    return 0.5 * parameters[0] * (x**2).sum()


def test_a_surface_without_curvature_or_without_a_state_ends():
    @dataclass(frozen=True)
    class Bowl(Landscape):
        steep: float
        n_parameters, surfaces, surface = 3, ("energy",), "energy"
        dtype, device, length_scale = torch.float64, torch.device("cpu"), 1.0

        def energy(self, points):
            return 0.5 * self.steep * (points**2).sum(1)

        def energy_and_gradient(self, points):
            return self.energy(points), self.steep * points

        def on(self, surface):
            return self

        def initial_points(self, seeds):
            return torch.ones(len(seeds), 3, dtype=torch.float64)

        def kernel(self):
            return Kernel(parabola, np.array([self.steep]))

    (down,) = descend(Bowl(2.0), np.ones((1, 3)))
    assert down.outcome is Outcome.CONVERGED
    assert np.linalg.norm(down.point) < 1e-9
    (up,) = refine_transition_states(Bowl(2.0), np.ones((1, 3)))
    assert up.outcome is not Outcome.CONVERGED
    assert [one.outcome is Outcome.CONVERGED for one in descend(Bowl(0.0), np.ones((1, 3)))] == [False]


def test_operations_of_vectors_and_their_loops_are_one():
    a, b = np.random.default_rng(0).random((2, 7))
    assert dot(a, b) == pytest.approx(_dot(a, b), rel=1e-14)
    one, other = a.copy(), a.copy()
    add(one, -0.3, b)
    _add(other, -0.3, b)
    np.testing.assert_allclose(one, other, rtol=1e-14)
