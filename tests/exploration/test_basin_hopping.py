"""Basin hopping finds the minima that are known, the same ones for a seed."""

import numpy as np
import pytest

from elsuite.exploration.mapping.basin_hopping import basin_hopping
from elsuite.landscapes import FunctionLandscape, LennardJones, SeparableWells, SixHumpCamel
from elsuite.stationary import Limits, local_expansions

pytestmark = pytest.mark.making


def test_a_surface_gives_its_minima():
    surface = SixHumpCamel()
    found = basin_hopping(
        surface, surface.initial_points([0, 1, 2, 3]), n_hops=60, temperature=2.0, bounds=surface.bounds
    )
    points = np.array([minimum.point for minimum in found.minima])
    assert len(points) <= 6
    for point in points:
        assert np.linalg.norm(surface.minima - point, axis=1).min() < 1e-8
    energies = [minimum.energy for minimum in found.minima]
    assert energies == sorted(energies)
    assert energies[:2] == pytest.approx(surface.minimum_energies[:2])
    assert found.visits.sum() + found.n_failed == 4 * 61
    assert found.energies.shape == (4, 61)


def test_a_cluster_gives_its_isomers_once():
    cluster = LennardJones(6)
    found = basin_hopping(cluster, cluster.initial_points([0, 1, 2, 3]), n_hops=25)
    assert [minimum.energy for minimum in found.minima] == pytest.approx(cluster.minimum_energies, abs=1e-8)


def test_every_walker_is_its_own():
    surface = SeparableWells((1.0, 2.0))
    starts = surface.initial_points([0, 1, 2]).numpy()
    together = basin_hopping(surface, starts, n_hops=12, step=1.0, seed=5)
    again = basin_hopping(surface, starts, n_hops=12, step=1.0, seed=5)
    np.testing.assert_array_equal(together.energies, again.energies)
    alone = basin_hopping(surface, starts[:1], n_hops=12, step=1.0, seed=5)
    np.testing.assert_allclose(alone.energies[0], together.energies[0], atol=1e-12)
    other = basin_hopping(surface, starts, n_hops=12, step=1.0, seed=6)
    assert not np.array_equal(other.visits, together.visits) or not np.allclose(other.accepted, together.accepted)


@pytest.mark.parametrize(("temperature", "least"), [(1e-6, 0.0), (1e6, 0.99)])
def test_temperature_decides_what_is_accepted(temperature, least):
    surface = FunctionLandscape(lambda x: (3 * x).cos().sum(1) + 0.5 * x.sum(1), 1)
    found = basin_hopping(surface, [[0.0]], n_hops=40, step=3.0, temperature=temperature, adapt=False)
    steps = np.diff(found.energies[0])
    assert found.accepted[0] >= least
    if temperature < 1:
        assert (steps <= 1e-9).all()


def test_failed_descents_are_refused():
    slope = FunctionLandscape(lambda x: x.sum(1), 2)
    found = basin_hopping(slope, [[0.0, 0.0]], n_hops=3, limits=Limits(max_steps=5))
    assert (found.minima, found.n_failed) == ((), 4)
    assert np.isnan(found.energies).all()


def test_progress_is_told():
    told = []
    basin_hopping(SixHumpCamel(), [[0.0, 0.5]], n_hops=3, progress=lambda *call: told.append(call))
    assert told == [("basin hopping", hop, 3) for hop in (1, 2, 3)]


def test_no_walkers_find_nothing():
    assert basin_hopping(SixHumpCamel(), np.empty((0, 2)), n_hops=3).minima == ()


BAD = [({"temperature": 0.0}, "temperature 0.0"), ({"n_hops": -1}, "n_hops -1"), ({"step": 0.0}, "step 0.0 given")]


@pytest.mark.parametrize(("settings", "line"), BAD)
def test_bad_input_is_one_line(settings, line):
    with pytest.raises(ValueError, match=line):
        basin_hopping(SixHumpCamel(), [[0.0, 0.0]], **settings)


def test_of_a_cluster_only_the_lowest_are_kept_and_they_are_minima():
    cluster = LennardJones(8)
    starts = cluster.initial_points([0, 1])
    every = basin_hopping(cluster, starts, n_hops=40)
    lowest = basin_hopping(cluster, starts, n_hops=40, n_lowest=2)
    assert len(lowest.minima) == 2
    for one, other in zip(lowest.minima, every.minima, strict=False):
        assert one.energy == pytest.approx(other.energy, abs=1e-9)
        values = np.linalg.eigvalsh(local_expansions(cluster, one.point[None], method="autograd")[2][0])
        assert (values > -1e-6 * values[-1]).all()
        assert one.gradient_norm < 1e-9 * values[-1]
    assert lowest.energies.shape == every.energies.shape == (2, 41)
    with pytest.raises(ValueError, match="n_lowest 0 given; 1 or more is expected"):
        basin_hopping(cluster, starts, n_lowest=0)
