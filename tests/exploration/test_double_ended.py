"""Two given minima joined: right barriers, honest outcomes, nothing lost, and nothing twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from elsuite.database import LandscapeDatabase, open_database, verify_store
from elsuite.exploration.mapping import connect_pair, map_landscape
from elsuite.exploration.mapping.parcels import packed, unpacked
from elsuite.exploration.mapping.structures import add_structures
from elsuite.exploration.workers import FactoryRecipe, Workers
from elsuite.landscapes import FunctionLandscape, LennardJones, MullerBrown
from elsuite.network import minimax_matrix, transition_network
from elsuite.paths import AutoNEBPathFinder
from elsuite.schema import NotFoundError
from elsuite.stationary import classify_stationary_point

pytestmark = [
    pytest.mark.making,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
DATA = Path(__file__).parents[2] / "data"


def store_of(landscape, points, path=None, **columns):
    energies = landscape.energy(torch.as_tensor(points)).detach().numpy()
    database = LandscapeDatabase.create(path, landscape)
    database.add(minima={"coordinates": points, "energy": energies[:, None], **columns})
    return database


def test_barriers_of_lj7_are_those_of_its_whole_network():
    cluster = LennardJones(7)
    with open_database(DATA / "lj7.elsuite") as whole:
        order = np.argsort(whole.minima["energy"].values[:, 0])
        expected = minimax_matrix(transition_network(whole))[np.ix_(order, order)]
    for i, j in ((0, 1), (0, 3), (2, 3)):
        with store_of(cluster, cluster.minima[[i, j]]) as database:
            first = connect_pair(database, cluster, 0, 1)
            assert first.joined
            assert first.ended == "joined"
            best = connect_pair(database, cluster, 0, 1, attempts=4, strategies=["barrier"])
            assert best.barrier <= first.barrier
            assert best.barrier == pytest.approx(expected[i, j], abs=1e-7)
            assert best.above[0] == pytest.approx(best.barrier - cluster.minimum_energies[i], abs=1e-7)
            assert (best.route[0], best.route[-1]) == (0, 1)


def test_every_point_is_of_its_index_and_joins_what_it_says():
    cluster = LennardJones(7)
    with store_of(cluster, cluster.minima[[0, 3]]) as database:
        connect_pair(database, cluster, 0, 1, attempts=6)
        paths = database.paths
        for point, index in zip(paths["coordinates"].values, paths["hessian_index"].values, strict=True):
            assert classify_stationary_point(cluster, point).index == index == 1
        minima = database.coordinates(range(database.n_minima))
        assert len(minima) > 2
        assert {classify_stationary_point(cluster, point).kind for point in minima} == {"minimum"}
        assert all_different(cluster, minima)


def all_different(landscape, points):
    return all(landscape.symmetry.nearest(a, b).distance > 1e-3 for k, a in enumerate(points) for b in points[:k])


def test_a_surface_without_symmetry_through_its_middle_minimum():
    surface = MullerBrown()
    with store_of(surface, surface.minima[[0, 1]]) as database:
        found = connect_pair(database, surface, 0, 1)
        assert found.route == (0, 2, 1)
        assert found.barrier == pytest.approx(-40.6648435087)
        assert database.coordinates([2])[0] == pytest.approx(surface.minima[2])
        again = connect_pair(database, surface, 0, 1)
        assert (again.n_searched, again.n_known, again.barrier) == (0, found.n_searched, found.barrier)


def test_another_finder_joins_them_too():
    surface = MullerBrown()
    with store_of(surface, surface.minima[[0, 1]]) as database:
        found = connect_pair(database, surface, 0, 1, finder=AutoNEBPathFinder())
        assert found.barrier == pytest.approx(-40.6648435087)


def test_what_cannot_be_joined_is_not_joined():
    """Two wells, and between them a wall without end."""
    surface = FunctionLandscape(lambda p: (p[:, 0] - 1 / p[:, 0]) ** 2 + p[:, 1] ** 2, 2)
    with store_of(surface, np.array([[-1.0, 0.0], [1.0, 0.0]])) as database:
        found = connect_pair(database, surface, 0, 1, attempts=4)
        assert not found.joined
        assert (found.barrier, found.above, found.route) == (None, None, ())
        assert (found.n_searched, found.ended) == (4, "4 searches are made")
        assert database.n_paths == 0
        found = connect_pair(database, surface, 0, 1)
        assert found.ended == "no pair is left that was not searched 3 times"
        assert not found.joined
        assert database.n_paths == 0


def test_ends_that_are_no_minima_are_refused_in_one_line():
    surface = MullerBrown()
    points = np.concatenate([surface.minima, surface.minima[:1] + 0.1, surface.minima[:1]])
    with store_of(surface, points) as database:
        with pytest.raises(ValueError, match="row 3 is no minimum: a descent from it ends at 0, which is one"):
            connect_pair(database, surface, 3, 1)
        with pytest.raises(ValueError, match="minima 0 and 4 given, which are one minimum"):
            connect_pair(database, surface, 0, 4)
        with pytest.raises(NotFoundError, match="no minimum 9; the database has 5"):
            connect_pair(database, surface, 0, 9)
        with pytest.raises(ValueError, match="attempts"):
            connect_pair(database, surface, 0, 1, attempts=-1)
        assert database.n_runs == 0


def test_ends_that_are_relaxed_roughly_are_the_minima_beside_them():
    """Six digits, as files of other programs have them: what is found joins these rows, not new ones beside them."""
    cluster = LennardJones(7)
    with store_of(cluster, cluster.minima[[0, 1]].round(5)) as database:
        found = connect_pair(database, cluster, 0, 1)
        assert found.route == (0, 1)
        assert found.barrier == pytest.approx(-15.4447338, abs=1e-6)


def test_failures_are_rows_and_the_others_go_on():
    plain, calls = MullerBrown(), []

    def energy(points):
        calls.append(len(points))
        if 5 < len(calls) < 8:
            raise RuntimeError("SCF did not converge")
        return plain.energy(points)

    surface = FunctionLandscape(energy, 2)
    with store_of(surface, plain.minima[[0, 1]]) as database:
        calls.clear()
        found = connect_pair(database, surface, 0, 1, attempts=8, improve=False)
        assert found.joined
        failed = database.runs["outcome"].values == "failed"
        assert found.n_failed == failed.sum() > 0
        assert "SCF did not converge" in database.runs["message"].values[failed][0]


def test_mapping_goes_on_with_what_was_joined(tmp_path):
    surface = MullerBrown()
    store = tmp_path / "mb.elsuite"
    map_landscape(surface, n_starts=4, store=store, seconds=0).close()
    with open_database(store, "a") as database:
        ids = add_structures(database, surface, surface.minima[:2] + 0.01)
        assert ids == (0, 1)
        assert connect_pair(database, surface, *ids).joined
    with map_landscape(surface, n_starts=4, store=store) as database:
        assert (database.n_minima, database.n_paths) == (3, 2)
    assert verify_store(store) == ()


def test_two_workers_find_what_one_process_finds(tmp_path):
    cluster = LennardJones(7)
    stores = []
    for n_workers in (None, 2):
        with store_of(cluster, cluster.minima[[0, 3]]) as database:
            if n_workers is None:
                connect_pair(database, cluster, 0, 1, attempts=3)
            else:
                with Workers(FactoryRecipe(LennardJones, (7,)), n_workers=n_workers) as workers:
                    connect_pair(database, cluster, 0, 1, attempts=3, workers=workers)
            stores.append((database.coordinates(range(database.n_minima)), database.paths["height"].values))
    np.testing.assert_array_equal(stores[0][0], stores[1][0])
    np.testing.assert_array_equal(stores[0][1], stores[1][1])


def test_parcels_hold_all_that_was_found():
    from elsuite.exploration.mapping.crossing import region_of, search_gap
    from elsuite.paths import DoublyNudgedPathFinder

    cluster = LennardJones(7)
    region = region_of(cluster, tolerance=1e-5)
    a, b = cluster.minima[[0, 3]]
    found = search_gap(region, a, cluster.symmetry.nearest(a, b).coordinates, finder=DoublyNudgedPathFinder())
    same = unpacked(packed(found))
    assert (same.n_searches, same.n_gradients, same.failures) == (found.n_searches, found.n_gradients, found.failures)
    assert len(same.states) == len(found.states) > 0
    for one, other in zip(found.states, same.states, strict=True):
        for point, copy in zip((one.state, *one.ends), (other.state, *other.ends), strict=True):
            assert np.array_equal(point.point, copy.point)
            assert np.array_equal(point.eigenvalues, copy.eigenvalues)
            assert (point.outcome, point.index, point.energy) == (copy.outcome, copy.index, copy.energy)


JOIN = """
import sys, torch
torch.set_num_threads(1)
from elsuite.cli import main
sys.argv = ["elsuite", "connect", sys.argv[1], "0", "1", "--attempts", "12", "--strategy", "barrier"]
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="SIGKILL")
def test_a_killed_call_goes_on_where_it_was(tmp_path):
    cluster, store = LennardJones(7), tmp_path / "lj7.elsuite"
    map_landscape(cluster, n_starts=1, store=store, seconds=0).close()
    with open_database(store, "a") as database:
        add_structures(database, cluster, cluster.minima[[0, 3]])
    process = subprocess.Popen([sys.executable, "-c", JOIN, str(store)], stdout=subprocess.DEVNULL)
    n_before = 0
    while n_before < 4 and process.poll() is None:
        time.sleep(0.05)
        with open_database(store) as database:
            n_before = database.n_runs
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert verify_store(store) == ()
    with open_database(store, "a") as database:
        n_before = database.n_runs
        heights = database.paths["height"].values.copy()
        found = connect_pair(database, cluster, 0, 1, attempts=3, strategies=["barrier"])
        assert found.n_known == n_before - 2 > 0
        assert np.array_equal(database.paths["height"].values[: len(heights)], heights)
        keys = database.runs["key"].values
        assert len(set(keys.tolist())) == len(keys) == n_before + found.n_searched
