"""Surfaces whose stationary points are degenerate, or that have none: nothing is taken for a minimum or a state."""

import numpy as np
import pytest
import torch

from elsuite import LandscapeDatabase
from elsuite.core.outcomes import Outcome
from elsuite.exploration import MappingPlan, map_landscape, quench, run_minimizer
from elsuite.landscapes import FunctionLandscape, SixHumpCamel
from elsuite.minimizers import LBFGSGSS
from elsuite.stationary import classify_stationary_point, descend, refine_transition_states, search_from_minimum

pytestmark = pytest.mark.making

PLAN = MappingPlan(n_starts=12, n_points=12, n_hops=2, n_directions=2, n_rounds=1, n_pairs=2)
UNITS = [(1.0, 1.0), (1e-12, 1e3)]


def square(x):
    return (x**2).sum(1)


# Where the degenerate points are, None for none, and whether they are minima.
SURFACES = {
    "monkey saddle": (lambda x: x[:, 0] ** 3 - 3 * x[:, 0] * x[:, 1] ** 2, (0, 0)),
    "inflection": (lambda x: x[:, 0] ** 3 + x[:, 1] ** 2, (0, 0)),
    "inflection of order 5": (lambda x: x[:, 0] ** 5 + x[:, 1] ** 2, (0, 0)),
    "quartic": (lambda x: x[:, 0] ** 4 + x[:, 1] ** 2, (0, 0)),
    "quartic in both": (lambda x: square(x) ** 2, (0, 0)),
    "lifted quartic": (lambda x: 5 + x[:, 0] ** 4 + x[:, 1] ** 2, (0, 0)),
    "sextic": (lambda x: (x**6).sum(1), (0, 0)),
    "quartic ridge": (lambda x: -(x[:, 0] ** 4) + x[:, 1] ** 2, (0, 0)),
    "cross": (lambda x: x[:, 0] ** 2 * x[:, 1] ** 2, (0, 0)),
    "valleys": (lambda x: (x[:, 0] ** 2 - 1) ** 2, (1, 0.3)),
    "ring": (lambda x: (square(x) - 1) ** 2, (0.6, 0.8)),
    "constant": (lambda x: 0 * x.sum(1), (0.3, 0.2)),
    "slope": (lambda x: x.sum(1), None),
    "step": (lambda x: torch.tanh(20 * x).sum(1), None),
}
every_surface = pytest.mark.parametrize("name", SURFACES)
STARTS = np.random.default_rng(0).uniform(-1, 1, (4, 2))


def surface(name, energy, length):
    function, _ = SURFACES[name]
    return FunctionLandscape(lambda x: energy * function(x / length), 2, [[-length] * 2, [length] * 2])


@every_surface
@pytest.mark.parametrize("units", UNITS)
def test_a_map_has_no_false_points(name, units):
    with map_landscape(surface(name, *units), plan=PLAN) as database:
        assert (database.n_minima, database.n_paths) == (0, 0)
        assert "converged" not in database.runs["outcome"].values.tolist()


@every_surface
@pytest.mark.parametrize("units", UNITS)
def test_searches_without_bounds_have_no_false_points(name, units):
    landscape = surface(name, *units)
    starts = units[1] * STARTS
    for found in (
        *descend(landscape, starts),
        *refine_transition_states(landscape, starts),
        *search_from_minimum(landscape, starts[0], n_modes=2),
    ):
        assert found.outcome in {Outcome.DEGENERATE, Outcome.DIVERGED, Outcome.STALLED}, found
        assert found.message
        assert found.n_steps < 300


@every_surface
@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("offset", [0.0, 1e-9, 1e-7, 1e-5])
def test_a_point_near_a_degenerate_one_is_no_minimum(name, units, offset):
    where = SURFACES[name][1]
    if where is not None:
        kind = classify_stationary_point(
            surface(name, *units), units[1] * (np.array(where) + np.array([offset, 0.0]))
        ).kind
        assert kind in {"degenerate", "not stationary"}
        assert offset or kind == "degenerate"


@every_surface
@pytest.mark.parametrize("units", UNITS)
def test_quenches_and_runs_of_minimizers_say_degenerate(name, units):
    landscape = surface(name, *units)
    points = units[1] * STARTS
    with LandscapeDatabase.create(None, landscape) as database:
        database.add(
            minima={"coordinates": points, "energy": landscape.energy(torch.from_numpy(points)).numpy()[:, None]}
        )
        quench(database, landscape, range(len(points)), minimizer=LBFGSGSS(epochs=300, gradient_tolerance=1e-6))
        run_minimizer(database, landscape, LBFGSGSS(epochs=300), seeds=range(4))
        assert "converged" not in database.runs["outcome"].values.tolist()
        assert "converged" not in database.minima["outcome"].values.tolist()


def test_a_start_on_a_saddle_gives_no_minimum():
    """The start is stationary, and nothing but the Hessian tells."""
    camel = SixHumpCamel()
    on_saddle = FunctionLandscape(camel.formula, 2, [[0.0, 0.0], [0.0, 0.0]])
    with LandscapeDatabase.create(None, on_saddle) as database:
        report = run_minimizer(database, on_saddle, LBFGSGSS(), seeds=range(2))
        assert (report.n_runs, report.n_minima) == (2, 0)
        assert database.runs["outcome"].values.tolist() == ["wrong index"] * 2
        assert "1 eigenvalues are negative: a saddle" in str(database.runs["message"].values[0])


def test_a_minimum_on_the_edge_of_the_box_is_kept():
    edge = FunctionLandscape(lambda x: (x[:, 0] - 1) ** 2 + x[:, 1] ** 2, 2)
    with map_landscape(edge, plan=PLAN) as database:
        np.testing.assert_allclose(database.coordinates([0]), [[1.0, 0.0]], atol=1e-8)
    beyond = FunctionLandscape(lambda x: (x[:, 0] - 1.001) ** 2 + x[:, 1] ** 2, 2)
    with map_landscape(beyond, plan=PLAN) as database:
        assert database.n_minima == 0
        assert set(database.runs["outcome"].values.tolist()) == {"left the bounds"}


def test_a_narrow_well_on_a_plateau_is_the_one_minimum():
    well = FunctionLandscape(lambda x: -torch.exp(-50 * square(x)), 2)
    with map_landscape(well, plan=PLAN) as database:
        assert (database.n_minima, database.n_paths) == (1, 0)
        np.testing.assert_allclose(database.coordinates([0]), [[0.0, 0.0]], atol=1e-8)
