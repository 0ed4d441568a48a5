"""Paths into a database: a failed search is a row that says why, ends are read when they are needed."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from elsuite.core.identity import work_seed
from elsuite.database import LandscapeDatabase
from elsuite.database.declared import joins_isomers
from elsuite.exploration import all_pairs, connect_minima, map_landscape
from elsuite.exploration import connect as connect_module
from elsuite.exploration.connect import EndPoints, SearchReport, plan_searches
from elsuite.exploration.workers import performed
from elsuite.landscapes import FunctionLandscape, LennardJones, MullerBrown, SixHumpCamel, load_data, network_landscape
from elsuite.paths import LinearPathFinder
from elsuite.schema import NotFoundError
from elsuite.symmetry import PeriodicSymmetry
from elsuite.symmetry.permutations import apply, random_element

pytestmark = pytest.mark.making

CAMEL = SixHumpCamel()


def store():
    database = LandscapeDatabase.create(None, CAMEL)
    database.add(minima={"coordinates": CAMEL.minima, "energy": CAMEL.minimum_energies[:, None]})
    return database


@pytest.fixture
def database():
    with store() as database:
        yield database


class Failing(LinearPathFinder):
    """Fails at the searches whose numbers are in `at`."""

    calls, at = 0, frozenset()

    def find(self, landscape, start, end, seed=0):
        type(self).calls += 1
        if type(self).calls in type(self).at:
            raise type(self).error("SCF did not converge\nafter 100 cycles")
        return super().find(landscape, start, end, seed)


def failing(*at, error=RuntimeError):
    return type("Failing", (Failing,), {"calls": 0, "at": frozenset(at), "error": error})()


def test_a_search_that_raises_is_a_row_that_says_why(database):
    report = connect_minima(database, CAMEL, failing(3, 7), all_pairs(range(6)))
    assert report == SearchReport(n_searched=15, n_known=0, n_failed=2)
    table = database.paths
    failed = table["outcome"].values == "failed"
    assert np.flatnonzero(failed).size == 2
    assert set(table["message"].values[failed].tolist()) == {"RuntimeError: SCF did not converge"}
    assert np.isnan(table["height"].values[failed]).all()
    assert np.isnan(table["refined_height"].values[failed]).all()
    assert np.isfinite(table["refined_height"].values[~failed]).all()
    assert connect_minima(database, CAMEL, failing(), all_pairs(range(6))) == SearchReport(0, 15, 2)


def test_what_is_tried_again_gives_what_it_would_have_given(database):
    with store() as other:
        connect_minima(other, CAMEL, failing(), all_pairs(range(4)))
        expected = dict(
            zip(other.paths["seed"].values.tolist(), other.paths["refined_height"].values.tolist(), strict=True)
        )
    connect_minima(database, CAMEL, failing(2), all_pairs(range(4)))
    assert connect_minima(database, CAMEL, failing(1), all_pairs(range(4)), retry_failed=True) == SearchReport(1, 5, 1)
    assert connect_minima(database, CAMEL, failing(), all_pairs(range(4)), retry_failed=True) == SearchReport(1, 5, 0)
    assert connect_minima(database, CAMEL, failing(), all_pairs(range(4)), retry_failed=True) == SearchReport(0, 6, 0)
    table = database.paths
    right = table["outcome"].values != "failed"
    found = dict(zip(table["seed"].values[right].tolist(), table["refined_height"].values[right].tolist(), strict=True))
    assert found == expected
    keys = table["key"].values.tolist()
    assert len(set(keys)) == len(keys) == 8


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"height": None}, "TypeError: "),
        ({"refined_t": "x"}, "ValueError: could not convert string to float: 'x'"),
        ({"profile": np.zeros((2, 2))}, "ValueError: profile: given the shape (2, 2), allowed: (n_points,)"),
        ({"outcome": "good"}, "ValueError: 'good' is not a valid Outcome"),
    ],
)
def test_a_finder_that_returns_what_is_no_result_fails_that_search_only(database, change, reason):
    class Odd(LinearPathFinder):
        def find(self, landscape, start, end, seed=0):
            found = super().find(landscape, start, end, seed=seed)
            return replace(found, **change) if start[0] == CAMEL.minima[1, 0] else found

    report = connect_minima(database, CAMEL, Odd(), [(0, 2), (1, 3), (2, 4)])
    assert report == SearchReport(n_searched=3, n_known=0, n_failed=1)
    outcomes = dict(zip(database.paths["source"].values.tolist(), database.paths["outcome"].values, strict=True))
    assert outcomes == {0: "budget spent", 1: "failed", 2: "budget spent"}
    (message,) = [text for text in database.paths["message"].values.tolist() if "Error" in text]
    assert message.startswith(reason)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_no_failed_search(database, error):
    with pytest.raises(error):
        connect_minima(database, CAMEL, failing(3, error=error), all_pairs(range(6)))
    assert database.paths["outcome"].values.tolist() == ["budget spent"] * 2
    assert connect_minima(database, CAMEL, failing(), all_pairs(range(6))).n_searched == 13


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"surface": "train"}, ValueError, "'train'"),
        ({"measure_on": ["test"]}, ValueError, "'test'"),
        ({"align": "weight"}, ValueError, "align: given 'weight', allowed: 'weights'"),
        ({"align": "activations"}, ValueError, "allowed for networks only"),
        ({"pairs": [(0, 6)]}, NotFoundError, "no minimum 6; the database has 6"),
        ({"pairs": [(-1, 2)]}, NotFoundError, "no minimum -1"),
    ],
)
def test_what_would_make_every_search_fail_is_said_at_once(database, options, error, message):
    pairs = options.pop("pairs", [(0, 1)])
    with pytest.raises(error, match=message):
        connect_minima(database, CAMEL, LinearPathFinder(), pairs, **options)
    assert database.n_paths == 0


def test_a_pair_given_twice_is_searched_once(database):
    assert connect_minima(database, CAMEL, LinearPathFinder(), [(0, 1), (0, 1), (1, 0)]).n_searched == 2


@pytest.mark.parametrize("ahead", [1, 100, 10**7])
def test_ends_are_those_of_the_pair_however_far_they_are_read_ahead(database, monkeypatch, ahead):
    monkeypatch.setattr(connect_module, "AHEAD_BYTES", ahead)
    pairs = np.random.default_rng(0).permutation(all_pairs(range(6)))
    ends = EndPoints(database, pairs)
    for order in (range(len(pairs)), [5, 2, 14, 0]):
        for k in order:
            for point, i in zip(ends.of(k), pairs[k].tolist(), strict=True):
                np.testing.assert_array_equal(point, CAMEL.minima[i])


def test_a_task_holds_no_ends_until_it_is_loaded(database):
    (task,) = plan_searches(database, LinearPathFinder(), [(0, 3)], surface="energy").tasks
    assert task.start.size == task.end.size == 0
    loaded = task.loaded()
    np.testing.assert_array_equal(loaded.start, CAMEL.minima[0])
    assert loaded.ends is None
    assert performed(loaded, CAMEL).paths["seed"].tolist() == [work_seed(task.search_key)]


class Stand:
    """Stands for workers: does each task, and holds none of them."""

    def results(self, tasks):
        return (performed(task.loaded(), self.landscape) for task in tasks)

    def forget(self, tasks):
        pass


@pytest.mark.parametrize("with_workers", [False, True])
def test_memory_does_not_grow_with_the_number_of_searches(with_workers):
    """435 searches between points of 160 kB: their ends together are 136 MiB, the minima 5 MiB."""
    n_parameters = 20_000
    bowl = FunctionLandscape(lambda points: (points**2).sum(1), n_parameters)
    workers = Stand() if with_workers else None
    if workers:
        workers.landscape = bowl
    points = np.random.default_rng(0).normal(size=(30, n_parameters))
    energy = bowl.energy(bowl.initial_points([0]).new_tensor(points)).double().numpy()[:, None]
    with LandscapeDatabase.create(None, bowl) as database:
        database.add(minima={"coordinates": points, "energy": energy})
        connect_minima(database, bowl, LinearPathFinder(), [(0, 1)], workers=workers)
        tracemalloc.start()
        report = connect_minima(database, bowl, LinearPathFinder(n_points=5), all_pairs(range(30)), workers=workers)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert report.n_searched == 435
    assert peak < 40 * 2**20


def test_a_path_says_whether_it_joins_the_stored_points_or_isomers():
    cluster = LennardJones(3)
    start, turned = cluster.minima[0], cluster.minima[0].reshape(3, 3)[:, [1, 2, 0]].ravel()
    with LandscapeDatabase.create(None, cluster) as database:
        points = [start, turned, 1.01 * start]
        energies = cluster.energy(torch.tensor(np.array(points))).numpy()
        database.add(minima={"coordinates": points, "energy": energies[:, None]})
        for pair in ([(0, 1)], [(0, 2)]):
            connect_minima(database, cluster, LinearPathFinder(), pair, align="weights")
        # A copy of 2 nearest to 0 is 2 itself.
        assert database.paths["joins"].values.tolist() == ["isomers", "points"]
        assert joins_isomers(database).tolist() == [True, False]
    with map_landscape(LennardJones(6), n_starts=4) as mapped:
        assert mapped.n_paths > 0
        assert joins_isomers(mapped).all()
    with map_landscape(MullerBrown(), n_starts=8) as mapped:
        assert set(mapped.paths["joins"].values) == {"points"}


def clusters(cluster, points):
    database = LandscapeDatabase.create(None, cluster)
    points = np.array(points)
    energies = [cluster.on(name).energy(torch.tensor(points)).numpy() for name in cluster.surfaces]
    database.add(minima={"coordinates": points, "energy": np.array(energies).T})
    return database


def test_paths_between_clusters_lead_to_the_nearest_image_by_default():
    cluster = LennardJones(7)
    with clusters(cluster, cluster.minima) as database:
        pairs = all_pairs(range(4))
        connect_minima(database, cluster, LinearPathFinder(), pairs)
        heights = database.paths["height"].values
        assert heights.max() < 1e3
        assert joins_isomers(database).all()
        assert "to an image of the target" in str(database.paths["message"].values[0])
        # Once more by its name: the same search. As stored, atoms collide.
        assert connect_minima(database, cluster, LinearPathFinder(), pairs, align="weights").n_known == 6
        assert connect_minima(database, cluster, LinearPathFinder(), pairs, align="stored").n_searched == 6
        assert database.paths["height"].values[6:].max() > 1e6
        assert joins_isomers(database).tolist() == [True] * 6 + [False] * 6


def test_periodic_coordinates_are_joined_the_short_way_round():
    periodic = PeriodicSymmetry((1.0, None))
    wave = FunctionLandscape(lambda p: 1 - torch.cos(2 * torch.pi * p[:, 0]) + p[:, 1] ** 2, 2, symmetry=periodic)
    with clusters(wave, [[0.95, 0.0], [0.05, 0.0]]) as database:
        connect_minima(database, wave, LinearPathFinder(), [(0, 1)])
        assert database.paths["chord"].values == pytest.approx(0.1)
        assert database.paths["height"].values == pytest.approx(1 - np.cos(0.1 * np.pi))
        assert not joins_isomers(database).any()
        assert "moved by whole periods" in str(database.paths["message"].values[0])


def test_networks_are_joined_as_they_are_stored_unless_asked():
    network = network_landscape("fcp", load_data("digits", n_train=20, n_test=10), hidden=(4,))
    start = network.initial_points([0])[0].numpy()
    copy = apply(network.symmetry, start, random_element(network.symmetry, 3))
    with clusters(network, [start, copy]) as database:
        connect_minima(database, network, LinearPathFinder(), [(0, 1)])
        assert connect_minima(database, network, LinearPathFinder(), [(0, 1)], align="stored").n_known == 1
        connect_minima(database, network, LinearPathFinder(), [(0, 1)], align="weights")
        assert joins_isomers(database).tolist() == [False, True]
        assert database.paths["chord"].values[1] == pytest.approx(0, abs=1e-6)


def test_no_stored_height_is_under_an_energy_seen_and_its_resolution_is_stored(database):
    class Low(LinearPathFinder):
        def find(self, landscape, start, end, seed=0):
            found = super().find(landscape, start, end, seed=seed)
            return replace(found, refined_height=found.height - 0.1)

    connect_minima(database, CAMEL, Low(), [(0, 1)], label="low")
    connect_minima(database, CAMEL, LinearPathFinder(n_points=21), [(0, 1)])
    table = database.paths
    assert table["refined_height"].values[0] == table["height"].values[0]
    assert 0 < table["resolution"].values[1] < 1e-6
