"""Units of energy and length, where the origin lies and what constant is added change numbers only."""

import functools
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elsuite import LandscapeDatabase
from elsuite.core.outcomes import Outcome
from elsuite.exploration import MappingPlan, basin_hopping, map_landscape, quench, run_minimizer
from elsuite.landscapes import FunctionLandscape, MullerBrown, SixHumpCamel
from elsuite.minimizers import LBFGSGSS, LBFGSWolfe
from elsuite.stationary import (
    classify_stationary_point,
    descend,
    follow_down,
    hessian_spectrum,
    hessian_vector_products,
    refine_transition_states,
    search_from_minimum,
)
from elsuite.symmetry import AtomSymmetry

pytestmark = pytest.mark.making

PLAN = MappingPlan(n_starts=24, n_points=64, n_hops=4, n_directions=10, n_rounds=1, n_pairs=4)


@dataclass(frozen=True)
class Units:
    """Of a surface: `origin` in widths of its box, `constant` in its energies' range."""

    energy: float = 1.0
    length: float = 1.0
    origin: float = 0.0
    constant: float = 0.0


def power(lowest, highest):
    return st.floats(lowest, highest).map(lambda exponent: 10.0**exponent)


signs = st.sampled_from([-1.0, 0.0, 1.0])
units = st.builds(
    lambda energy, length, sign, origin, other, constant: Units(energy, length, sign * origin, other * constant),
    power(-12, 12), power(-3, 3), signs, power(0, 6), signs, power(0, 9),
)  # fmt: skip
EXTREMES = [
    Units(1e-12, 1e3, 1e6, 0.0),
    Units(1e12, 1e-3, -1e6, 0.0),
    Units(1e-12, 1e-3, 0.0, 1e9),
    Units(1e12, 1e3, 1e6, -1e9),
    Units(1e-21, 1e-10, 0.0, 0.0),
]


def lennard_jones(points):
    atoms = points.view(-1, 5, 3)
    i, j = torch.triu_indices(5, 5, 1)
    cube = ((atoms[:, i] - atoms[:, j]) ** 2).sum(-1) ** -3
    return (4 * (cube**2 - cube)).sum(-1)


CLUSTER = FunctionLandscape(lennard_jones, 15, [[-1.2] * 15, [1.2] * 15], symmetry=AtomSymmetry(("A",) * 5, 3))
RANGES = {"MullerBrown": 100.0, "SixHumpCamel": 5.0, "FunctionLandscape": 1.0}


@dataclass(frozen=True, eq=False)
class Moved:
    """A surface in other units."""

    surface: object
    units: Units

    @property
    def shift(self):
        return self.units.origin * float(np.ptp(self.surface.bounds, axis=0).max())

    @property
    def constant(self):
        return self.units.constant * RANGES[type(self.surface).__name__]

    def there(self, points):
        return (np.asarray(points) + self.shift) * self.units.length

    def back(self, points):
        return np.asarray(points) / self.units.length - self.shift

    def energies(self, values):
        return np.asarray(values) / self.units.energy - self.constant

    @property
    def far(self):
        """How exactly energies and positions can be the same."""
        return 1e-9 + 1e-14 * abs(self.units.constant), 1e-9 + 1e-14 * abs(self.units.origin)

    @functools.cached_property
    def landscape(self):
        unit, length, shift, constant = self.units.energy, self.units.length, self.shift, self.constant
        return FunctionLandscape(
            lambda x: unit * (self.surface.formula(x / length - shift) + constant),
            self.surface.n_parameters,
            self.there(self.surface.bounds),
            symmetry=self.surface.symmetry,
        )

    @property
    def digits(self):
        """Of energies in units of their range: a constant of 1e9 ranges leaves seven, of which some are lost in sums."""
        return 4 if abs(self.units.constant) < 1e7 else 3


def found(moved, digits):
    """What a map says, in the units of the surface."""
    size = RANGES[type(moved.surface).__name__]
    with map_landscape(moved.landscape, plan=PLAN) as database:
        minima, paths = database.minima, database.paths
        energies = (moved.energies(minima["energy"].values[:, 0]) / size).round(digits) + 0.0
        heights = (moved.energies(paths["height"].values) / size).round(digits) + 0.0
        sides = energies[np.stack([paths["source"].values, paths["target"].values])]
        return {
            "minima": sorted(energies.tolist()),
            "joined": sorted(
                zip(sides.min(axis=0).tolist(), sides.max(axis=0).tolist(), heights.tolist(), strict=True)
            ),
            "index of minima": Counter(minima["hessian_index"].values.tolist()),
            "index of states": Counter(paths["hessian_index"].values.tolist()),
            "outcomes": Counter([*minima["outcome"].values.tolist(), *paths["outcome"].values.tolist()]),
        }


@functools.cache
def expected(name, digits):
    return found(Moved(SURFACES[name], Units()), digits)


SURFACES = {"muller-brown": MullerBrown(), "camel": SixHumpCamel(), "cluster": CLUSTER}


@pytest.mark.parametrize("name", SURFACES)
@pytest.mark.parametrize("extreme", EXTREMES, ids=repr)
def test_maps_in_extreme_units(name, extreme):
    moved = Moved(SURFACES[name], extreme)
    assert found(moved, moved.digits) == expected(name, moved.digits)


@settings(max_examples=3, deadline=None)
@given(name=st.sampled_from(["muller-brown", "camel"]), unit=units)
def test_maps_in_any_units(name, unit):
    moved = Moved(SURFACES[name], unit)
    assert found(moved, moved.digits) == expected(name, moved.digits)


def beside(points, size):
    return points + size * np.random.default_rng(0).uniform(-1, 1, points.shape)


surfaces = st.sampled_from([MullerBrown(), SixHumpCamel()])
many = settings(max_examples=10, deadline=None)


@many
@given(surface=surfaces, unit=units)
def test_searches_in_any_units(surface, unit):
    """Descents, transition states, what they join, and what kind of points they are."""
    moved = Moved(surface, unit)
    landscape, length = moved.landscape, unit.length
    near = 1e-6 if abs(unit.constant) < 1e7 else 1e-4
    ends = descend(landscape, moved.there(beside(surface.minima, 0.05)))
    assert {end.outcome for end in ends} == {Outcome.CONVERGED}
    np.testing.assert_allclose(moved.back([end.point for end in ends]), surface.minima, atol=near)
    tops = refine_transition_states(landscape, moved.there(beside(surface.transition_states, 0.02)))
    assert {top.outcome for top in tops} == {Outcome.CONVERGED}
    points = np.array([top.point for top in tops])
    np.testing.assert_allclose(moved.back(points), surface.transition_states, atol=1e-8)
    plain = refine_transition_states(surface, surface.transition_states)
    ways = [(points, tops, landscape), (surface.transition_states, plain, surface)]
    sides = [follow_down(where, p, np.array([t.eigenvector for t in found])) for p, found, where in ways]
    for here, there, top in zip(sides[0], sides[1], tops, strict=True):
        a = sorted(moved.back(side.point).round(3).tolist() for side in here)
        b = sorted(side.point.round(3).tolist() for side in there)
        np.testing.assert_allclose(a, b, atol=2e-3)
        point = classify_stationary_point(landscape, top.point)
        assert point.kind == "transition state"
        assert point.eigenvalues[0] * length**2 / unit.energy == pytest.approx(
            classify_stationary_point(surface, moved.back(top.point)).eigenvalues[0], rel=1e-5
        )
    for end in ends:
        assert classify_stationary_point(landscape, end.point).kind == "minimum"
        assert classify_stationary_point(landscape, end.point + 0.01 * length).kind == "not stationary"
    found = search_from_minimum(landscape, ends[0].point, n_modes=1)
    known = search_from_minimum(surface, surface.minima[0], n_modes=1)
    assert [one.outcome for one in found] == [one.outcome for one in known]


@many
@given(surface=surfaces, unit=units)
def test_minimizers_in_any_units(surface, unit):
    moved = Moved(surface, unit)
    near = 1e-6 if not unit.constant else 1e-3
    starts = moved.there(beside(surface.minima, 0.03))
    for minimizer in (LBFGSGSS(), LBFGSWolfe()):
        results = minimizer.minimize(moved.landscape, starts)
        assert {result.outcome for result in results} == {Outcome.CONVERGED}, [r.message for r in results]
        found, known = moved.back(np.array([result.solutions[0].coordinates for result in results])), surface.minima
        if unit.constant:  # whose rounding may send a line search over a low ridge
            known = known[np.linalg.norm(found[:, None] - known, axis=2).argmin(axis=1)]
        np.testing.assert_allclose(found, known, atol=near)


@settings(max_examples=4, deadline=None)
@given(surface=surfaces, unit=units)
def test_quenches_in_any_units(surface, unit):
    moved = Moved(surface, unit)
    minima = np.repeat(surface.minima, 2, axis=0)
    points = moved.there(np.concatenate([beside(minima, 0.02), surface.transition_states[:1]]))
    with LandscapeDatabase.create(None, moved.landscape) as database:
        energies = moved.landscape.energy(torch.from_numpy(points)).numpy()
        database.add(minima={"coordinates": points, "energy": energies[:, None]})
        report = quench(database, moved.landscape, range(len(minima)))
        n = len(surface.minima)
        assert (report.n_minima, report.n_known, report.n_failed, report.n_stationary) == (n, n, 0, 2 * n)
        saddle = quench(database, moved.landscape, [len(minima)], minimizer=LBFGSGSS(epochs=1))
        outcome = database.runs["outcome"].values[-1]
        assert (saddle.n_failed, outcome) == (1, "wrong index") or outcome != "converged"


@pytest.mark.parametrize("unit", EXTREMES[:2], ids=repr)
def test_other_searches_in_other_units(unit):
    moved = Moved(MullerBrown(), unit)
    plain = Moved(MullerBrown(), Units())
    walk, known = (
        basin_hopping(
            m.landscape, m.there(MullerBrown().minima), n_hops=8, bounds=m.landscape.bounds, temperature=m.units.energy
        )
        for m in (moved, plain)
    )
    np.testing.assert_allclose(moved.energies(walk.energies), known.energies, rtol=1e-6)
    assert walk.visits.tolist() == known.visits.tolist()
    with LandscapeDatabase.create(None, moved.landscape) as database:
        report = run_minimizer(database, moved.landscape, LBFGSGSS(), seeds=range(4))
        assert report.n_runs == 4
        assert set(database.runs["outcome"].values.tolist()) == {"converged"}
    # Central differences, and Lanczos beside a dense matrix, have steps and shifts of their own.
    point, way = moved.there(MullerBrown().minima[0]), np.eye(2)
    exact = hessian_vector_products(moved.landscape, point, way)
    differences = hessian_vector_products(moved.landscape, point, way, method="differences")
    np.testing.assert_allclose(differences, exact, rtol=1e-4, atol=1e-5 * np.abs(exact).max())
    lowest = hessian_spectrum(moved.landscape, point).lowest
    np.testing.assert_allclose(lowest, np.linalg.eigvalsh(exact), rtol=1e-10)


@pytest.mark.parametrize("unit", [1e-15, 1.0, 1e12])
def test_krylov_spaces_and_lanczos_in_other_units(unit):
    """Above the limit of dense matrices: a chain of wells."""

    def chain(x):
        return unit * (((x**2 - 1) ** 2).sum(1) + ((x[:, 1:] - x[:, :-1]) ** 2).sum(1))

    landscape = FunctionLandscape(chain, 320)
    (end,) = descend(landscape, [np.linspace(0.8, 1.1, 320)])
    assert end.outcome is Outcome.CONVERGED
    np.testing.assert_allclose(end.point, 1.0, atol=1e-6)
    spectrum = hessian_spectrum(landscape, end.point, n_lowest=1)
    assert spectrum.converged
    assert spectrum.lowest[0] == pytest.approx(8 * unit, rel=1e-5)
