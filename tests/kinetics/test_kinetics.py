"""Rates, first-passage times and heat capacities, against exact fractions, direct sums and walks."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elsuite.kinetics import StationaryPoints, first_passage, rate_constants, stationary_points, thermodynamics
from elsuite.kinetics.first_passage import times_to
from elsuite.kinetics.rates import Rates


def network(n, seed, *, extra=4, spread=3.0):
    """Return the points of a connected landscape, with parallel states and states to copies."""
    rng = np.random.default_rng(seed)
    energies = rng.normal(size=n) * spread
    tree = [(int(rng.integers(k)), k) for k in range(1, n)]
    more = [tuple(rng.integers(n, size=2).tolist()) for _ in range(extra)]
    sources, targets = np.array(tree + more, dtype=np.int64).reshape(-1, 2).T
    heights = np.maximum(energies[sources], energies[targets]) + rng.exponential(size=len(sources)) * spread
    return StationaryPoints(
        10 * np.arange(n), energies, rng.normal(size=n), rng.integers(1, 5, n).astype(float),
        sources, targets, heights, rng.normal(size=len(sources)), rng.integers(1, 3, len(sources)).astype(float),
        n_modes=5,
    )  # fmt: skip


def exact_times(rates, end):
    """Return the mean times to `end` by Gaussian elimination of exact fractions."""
    n = len(rates.ids)
    matrix = [[Fraction(0)] * (n + 1) for _ in range(n)]
    for i, j, log_rate in zip(rates.sources.tolist(), rates.targets.tolist(), rates.log_rates.tolist(), strict=True):
        if i not in end:
            rate = Fraction(float(np.exp(log_rate)))
            matrix[i][i] += rate
            matrix[i][j] -= rate
    for i in range(n):
        matrix[i][n] = Fraction(int(i not in end))
        if i in end:
            matrix[i][i] = Fraction(1)
    for k in range(n):
        pivot = next(r for r in range(k, n) if matrix[r][k])
        matrix[k], matrix[pivot] = matrix[pivot], matrix[k]
        matrix[k] = [value / matrix[k][k] for value in matrix[k]]
        for r in range(n):
            if r != k and matrix[r][k]:
                matrix[r] = [a - matrix[r][k] * b for a, b in zip(matrix[r], matrix[k], strict=True)]
    return np.array([float(row[n]) for row in matrix])


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 9), seed=st.integers(0, 10**6), temperature=st.sampled_from([0.05, 0.3, 1.0, 20.0]))
def test_times_are_those_of_exact_fractions(n, seed, temperature):
    rates = rate_constants(network(n, seed), temperature)
    end = {0} if n < 4 else {0, n - 1}
    np.testing.assert_allclose(times_to(rates, np.array(sorted(end))), exact_times(rates, end), rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(3, 30), seed=st.integers(0, 10**6))
def test_the_order_of_minima_does_not_matter(n, seed):
    points = network(n, seed, extra=20)
    usual = rate_constants(points, 0.4)
    order = np.random.default_rng(seed).permutation(n)
    place = np.argsort(order)
    other = Rates(0.4, usual.ids[order], place[usual.sources], place[usual.targets], usual.log_rates,
                  usual.log_populations[order])  # fmt: skip
    a, b = usual.ids[:1].tolist(), usual.ids[1:3].tolist()
    first, second = first_passage(usual, a, b), first_passage(other, a, b)
    assert first.from_to == pytest.approx(second.from_to, rel=1e-12)
    assert first.to_from == pytest.approx(second.to_from, rel=1e-12)


@given(n=st.integers(2, 20), seed=st.integers(0, 10**6), temperature=st.sampled_from([0.01, 0.2, 5.0]))
def test_rates_are_in_detailed_balance(n, seed, temperature):
    rates = rate_constants(network(n, seed), temperature)
    flow = rates.log_populations[rates.sources] + rates.log_rates
    half = len(flow) // 2
    np.testing.assert_allclose(flow[:half], flow[half:], rtol=0, atol=1e-12 * max(1.0, np.abs(flow).max()))
    assert np.exp(rates.log_populations).sum() == pytest.approx(1.0, rel=1e-12)


def test_a_walk_takes_as_long():
    rates, rng = rate_constants(network(6, 3), 20.0), np.random.default_rng(0)
    k = np.exp(rates.log_rates)
    times = []
    for _ in range(300):
        at, time = 5, 0.0
        while at != 0:
            rows = np.flatnonzero(rates.sources == at)
            time += rng.exponential(1 / k[rows].sum())
            at = int(rates.targets[rng.choice(rows, p=k[rows] / k[rows].sum())])
        times.append(time)
    error = np.std(times) / np.sqrt(len(times))
    assert abs(np.mean(times) - times_to(rates, np.array([0]))[5]) < 4 * error


def test_sets_that_are_not_joined_and_wrong_ones():
    points = network(4, 0, extra=0)
    apart = StationaryPoints(
        points.ids, points.energies, points.log_products, points.orders, points.sources[:1], points.targets[:1],
        points.heights[:1], points.state_log_products[:1], points.state_orders[:1], n_modes=5,
    )  # fmt: skip
    rates = rate_constants(apart, 1.0)
    found = first_passage(rates, [0], [30])
    assert (found.from_to, found.to_from) == (np.inf, np.inf)
    for a, b, words in [([0], [0, 10], "share minimum 0"), ([], [0], "no minimum"), ([0], [7], "7, whose curvature")]:
        with pytest.raises(ValueError, match=words):
            first_passage(rates, a, b)
    for temperature, mass in [(0.0, 1.0), (np.nan, 1.0), (1.0, -1.0)]:
        with pytest.raises(ValueError, match="allowed: a positive number"):
            rate_constants(points, temperature, mass=mass)


def test_a_mass_slows_and_small_rates_keep_their_digits():
    points = network(5, 1)
    usual, heavy = (first_passage(rate_constants(points, 0.5, mass=m), [0], [40]) for m in (1.0, 4.0))
    assert heavy.from_to == pytest.approx(2 * usual.from_to, rel=1e-12)
    cold = rate_constants(points, 0.02)
    assert cold.log_rates.max() - cold.log_rates.min() > 200
    assert 0 < first_passage(cold, [0], [40]).from_to < np.inf


@given(seed=st.integers(0, 10**6), zero=st.sampled_from([0.0, -1e6, 1e3]))
def test_heat_capacities_are_slopes_of_the_energy_by_direct_sums(seed, zero):
    points = network(7, seed)
    shifted = StationaryPoints(**{**vars(points), "energies": points.energies + zero, "heights": points.heights + zero})
    t = np.array([0.3, 1.0, 4.0])
    found = thermodynamics(shifted, t)
    for k, (temperature, capacity) in enumerate(zip(t, found.heat_capacities, strict=True)):
        weights = (
            np.exp(-(points.energies - points.energies.min()) / temperature - points.log_products / 2) / points.orders
        )
        shares = weights / weights.sum()
        np.testing.assert_allclose(np.exp(found.log_populations[k]), shares, rtol=1e-9)
        mean = shares @ points.energies
        expected = 5 + (shares @ points.energies**2 - mean**2) / temperature**2
        assert capacity == pytest.approx(expected, rel=1e-9)
        assert found.energies[k] == pytest.approx(mean + zero + 5 * temperature, rel=1e-9)
    step = 1e-5
    low, high = (thermodynamics(points, t * (1 + sign * step)) for sign in (-1, 1))
    slopes = (high.energies - low.energies) / (2 * step * t)
    np.testing.assert_allclose(found.heat_capacities, slopes, rtol=1e-6)
    entropy = -(high.free_energies - low.free_energies) / (2 * step * t)
    np.testing.assert_allclose(
        low.free_energies + t * entropy, thermodynamics(points, t).energies, rtol=1e-3, atol=1e-2
    )


@pytest.mark.parametrize("temperatures", [0.0, [1.0, -1.0], [], np.nan])
def test_wrong_temperatures(temperatures):
    with pytest.raises(ValueError, match="allowed: positive numbers"):
        thermodynamics(network(3, 0), temperatures)


def test_a_database_gives_its_points():
    from pathlib import Path

    from elsuite import open_database

    with open_database(Path(__file__).parents[2] / "data" / "lj7.elsuite") as database:
        points = stationary_points(database)
        assert (len(points.energies), points.n_modes) == (4, 15)
        assert len(points.heights) == database.n_paths
        # The pentagonal bipyramid has the point group D5h, of order 20.
        assert points.orders[np.argmin(points.energies)] == 20
        rates = rate_constants(points, 0.2)
        assert first_passage(rates, [int(points.ids[0])], [int(points.ids[3])]).from_to > 0


STRUCTURES = {
    "free": ([], False),
    "one fixed": (["FixAtoms"], False),
    "in planes": (["FixAll", "FixedPlane"], False),
    "a cell": ([], True),
    "linear": ("linear", False),
}


@pytest.mark.making
@pytest.mark.parametrize("name", STRUCTURES)
def test_masses_are_those_of_the_hessian_weighted_by_them(name):
    """Against the eigenvalues of the mass-weighted Hessian itself."""
    ase, emt = pytest.importorskip("ase"), pytest.importorskip("ase.calculators.emt")
    from ase.constraints import FixAtoms, FixedPlane

    from elsuite import LandscapeDatabase
    from elsuite.kinetics.masses import declared_masses, mass_weighting
    from elsuite.landscapes import AtomicLandscape
    from elsuite.symmetry.constrained import ConstrainedSymmetry

    kinds, repeats = STRUCTURES[name]
    atoms = ase.Atoms("CuAuCuAl", [[0, 0, 0], [2.5, 0, 0.3], [0.4, 2.6, 0], [1, 1, 2.4]])
    if kinds == "linear":
        atoms, kinds = ase.Atoms("CuAuAl", [[0, 0, 0], [2.5, 0, 0], [4.9, 0, 0]]), []
    if repeats:
        atoms.set_cell([6.0, 7.0, 8.0])
        atoms.pbc = True
    constraints = {
        "FixAtoms": FixAtoms([0]),
        "FixAll": FixAtoms([0, 1]),
        "FixedPlane": FixedPlane([2, 3], (0.6, 0, 0.8)),
    }
    atoms.set_constraint([constraints[kind] for kind in kinds])
    landscape = AtomicLandscape(atoms, emt.EMT)
    point = landscape.start
    modes = landscape.symmetry.zero_modes(np.asarray(point)[None])[0]
    modes = modes[:, np.linalg.norm(modes, axis=0) > 1e-6]
    rng, size = np.random.default_rng(0), landscape.n_parameters
    # Any matrix with these zero modes does.
    root = rng.normal(size=(size, size)) @ (np.eye(size) - modes @ modes.T)
    hessian = root.T @ root
    with LandscapeDatabase.create(None, landscape) as database:
        found, masses = mass_weighting(database, np.asarray(point)[None])[0], declared_masses(database)
        frame = (
            np.array(landscape.symmetry.frame) if isinstance(landscape.symmetry, ConstrainedSymmetry) else np.eye(size)
        )
    inverse = np.linalg.inv(np.linalg.cholesky(frame * masses @ frame.T))
    plain, weighted = np.linalg.eigvalsh(hessian), np.linalg.eigvalsh(inverse @ hessian @ inverse.T)
    k = modes.shape[1]
    assert k == {"free": 6, "one fixed": 3, "in planes": 0, "a cell": 3, "linear": 5}[name]
    assert found == pytest.approx(np.log(weighted[k:]).sum() - np.log(plain[k:]).sum(), abs=1e-8)


@pytest.mark.parametrize("temperature", [0.1, 1e-3, 1e-4, 1e-6])
def test_times_beyond_all_numbers_are_refused_and_never_wrong(temperature):
    rates = rate_constants(network(6, 2, spread=5.0), temperature)
    spread = float(np.ptp(rates.log_rates))
    if spread > 700:
        with pytest.raises(ValueError, match="a higher temperature is expected"):
            times_to(rates, np.array([0]))
    else:
        times = times_to(rates, np.array([0]))
        assert np.isfinite(times).all()
        assert (times[1:] > 0).all()
