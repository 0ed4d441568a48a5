"""Whole landscapes mapped: complete where the answer is known, the same again after an interruption."""

import functools
import itertools
from dataclasses import replace

import numpy as np
import pytest

from elsuite.analysis import disconnectivity_tree
from elsuite.database import LandscapeDatabase, open_database
from elsuite.exploration.mapping import run
from elsuite.exploration.mapping.plan import MappingPlan
from elsuite.exploration.mapping.run import map_landscape
from elsuite.landscapes import FourGaussians, FunctionLandscape, LennardJones, MullerBrown, SeparableWells, SixHumpCamel
from elsuite.network import minimax_barrier, transition_network
from elsuite.paths import FourierPathFinder
from elsuite.stationary import Limits, classify_stationary_point

pytestmark = pytest.mark.making

QUICK = MappingPlan(n_starts=48, n_points=48, n_hops=2, n_directions=4, n_rounds=1)
PATHS_ONLY = MappingPlan(n_starts=48, n_points=0, n_hops=0, n_modes=0, n_directions=0)
SURFACES = [FourGaussians(), MullerBrown(), SixHumpCamel(), SeparableWells((1.0, 2.0, 3.0))]


def ids(values):
    return [type(value).__name__ for value in values]


def assert_same_points(found, known, tolerance):
    assert len(found) == len(known)
    for point in known:
        assert np.linalg.norm(found - point, axis=1).min() < tolerance


@functools.cache
def mapped(surface):
    """The database of a surface, made once for all tests."""
    return map_landscape(surface, plan=QUICK)


def heights(database):
    """The height of every join of two parts; symmetric barriers can be equal to the last digit, and join three."""
    merges = disconnectivity_tree(transition_network(database)).merges
    return [merge.height for merge in merges for _ in merge.members[1:]]


@pytest.mark.parametrize("surface", SURFACES, ids=ids(SURFACES))
def test_surfaces_are_mapped_whole(surface):
    database = mapped(surface)
    assert_same_points(database.coordinates(range(database.n_minima)), surface.minima, 1e-8)
    paths = database.paths
    assert_same_points(paths["coordinates"].values, surface.transition_states, 1e-8)
    np.testing.assert_allclose(np.sort(paths["height"]), np.sort(surface.transition_state_energies), atol=1e-9)
    np.testing.assert_array_equal(paths["height"], paths["refined_height"])
    assert set(paths["kind"].values) == {"transition_state"}
    assert set(paths["hessian_index"].values) == {1}
    assert set(database.minima["hessian_index"].values) == {0}
    assert set(database.minima["set"].values) == {"minima"}


def test_barriers_of_separable_wells_are_the_largest_height_among_the_coordinates_that_differ():
    surface = SeparableWells((1.0, 2.0, 3.0))
    database = mapped(surface)
    network = transition_network(database)
    points = np.sign(database.coordinates(range(8)))
    for i in range(8):
        for j in range(i):
            expected = np.array(surface.heights)[points[i] != points[j]].max()
            assert minimax_barrier(network, i, j) == pytest.approx(expected, abs=1e-9)


def test_two_merges_of_the_camel_stay_two():
    found = heights(mapped(SixHumpCamel()))
    np.testing.assert_allclose(found, [0.0, 0.5437186010, 0.5437186010, 2.2293571975, 2.2293571975], atol=1e-9)


@pytest.mark.parametrize("surface", [MullerBrown(), SixHumpCamel()], ids=["MullerBrown", "SixHumpCamel"])
def test_paths_alone_join_all_minima(surface):
    database = map_landscape(surface, plan=PATHS_ONLY)
    assert set(database.paths["finder"].values) == {"paths"}
    assert len(heights(database)) == len(surface.minima) - 1
    known = surface.transition_state_energies
    for energy in database.paths["height"].values:
        assert np.abs(known - energy).min() < 1e-9


def test_lj7_from_random_starts():
    cluster = LennardJones(7)
    database = map_landscape(cluster, plan=MappingPlan(n_points=0, n_hops=2, n_modes=8, n_rounds=0))
    energies = database.minima["energy"].values[:, 0]
    np.testing.assert_allclose(np.sort(energies), [-16.505384, -15.935043, -15.593211, -15.533060], atol=1e-6)
    np.testing.assert_allclose(heights(database), [-15.444734, -15.319864, -15.283421], atol=1e-6)
    # Degenerate rearrangements, from a minimum to itself, and parallel ones are kept; none is there twice.
    paths = database.paths
    points = paths["coordinates"].values
    assert (paths["source"] == paths["target"]).any()
    nearest = cluster.symmetry.nearest
    assert min(nearest(a, b).distance for a, b in itertools.combinations(points, 2)) > 1e-3
    for point in points:
        assert classify_stationary_point(cluster, point).kind == "transition state"
    np.testing.assert_array_equal(np.sort(database.minima["point_group_order"]), [2, 6, 6, 20])


def comparable(database):
    runs, minima, paths = database.runs, database.minima, database.paths
    names = ("key", "minimizer", "message", "n_steps", "n_evaluations", "start", "n_found")
    return (
        {name: runs[name].values.tolist() for name in names},
        {name: minima[name].values.tolist() for name in ("coordinates", "energy", "run", "key", "log_product")},
        {name: paths[name].values.tolist() for name in ("coordinates", "source", "target", "height", "key", "finder")},
    )


def test_interrupted_and_called_again_it_ends_with_the_same_database(tmp_path):
    surface, store = SixHumpCamel(), tmp_path / "camel.elsuite"
    expected = comparable(mapped(surface))
    n_pieces = len(expected[0]["key"])

    class Stop(Exception):
        pass

    calls = []

    def interrupt(stage, done, total):
        assert 0 < done <= total
        calls.append(stage)
        if len(calls) % 4 == 0:
            raise Stop

    for _ in range(n_pieces):
        try:
            database = map_landscape(surface, plan=QUICK, store=store, progress=interrupt)
        except Stop:
            continue
        break
    assert len(calls) == n_pieces
    with database:
        assert comparable(database) == expected
    with map_landscape(surface, plan=QUICK, store=store) as again:
        assert comparable(again) == expected


def test_time_that_is_over_begins_nothing(tmp_path):
    with map_landscape(MullerBrown(), plan=QUICK, store=tmp_path / "mb", seconds=0.0) as database:
        assert database.n_runs == 0
    with map_landscape(MullerBrown(), plan=QUICK, store=tmp_path / "mb") as database:
        assert (database.n_minima, database.n_paths) == (3, 2)


def test_another_seed_gives_the_same_landscape():
    one = mapped(MullerBrown())
    two = map_landscape(MullerBrown(), plan=replace(QUICK, seed=1))
    assert not np.array_equal(one.runs["key"], two.runs["key"])
    np.testing.assert_allclose(np.sort(one.paths["height"]), np.sort(two.paths["height"]), atol=1e-9)


def test_own_functions_within_given_bounds():
    wells = FunctionLandscape(lambda x: torch_cos(x), 1)
    database = map_landscape(wells, bounds=[[-4.0], [10.0]], plan=QUICK)
    found = np.sort(database.coordinates(range(database.n_minima))[:, 0])
    np.testing.assert_allclose(found, [-np.pi, np.pi, 3 * np.pi], atol=1e-8)
    np.testing.assert_allclose(np.sort(database.paths["coordinates"].values[:, 0]), [0, 2 * np.pi], atol=1e-8)


def torch_cos(x):
    return x[:, 0].cos()


def test_a_surface_without_minima_is_an_empty_database():
    slope = FunctionLandscape(lambda x: x.sum(1), 2)
    database = map_landscape(slope, plan=QUICK, limits=Limits(max_steps=20))
    assert (database.n_minima, database.n_paths) == (0, 0)
    assert "left the bounds" in str(database.runs["message"].values[0])


BAD = [
    (lambda store: map_landscape(MullerBrown(), n_starts=0), "n_starts: given 0, allowed: at least 1"),
    (lambda store: map_landscape(MullerBrown(), seed=-1), "seed: given -1"),
    (lambda store: map_landscape(MullerBrown(), bounds=[[0, 0]]), r"bounds of shape \(1, 2\) given"),
    (lambda store: map_landscape(MullerBrown(), bounds=[[1, 1], [0, 0]]), "bounds"),
    (lambda store: MappingPlan(tolerance=0.0), "tolerance: given 0.0, allowed: above 0"),
    (lambda store: map_landscape(SixHumpCamel(), store=store), "is a database of MullerBrown"),
    (lambda store: map_landscape(LennardJones(3), store=store), "is a database of MullerBrown"),
]


@pytest.mark.parametrize(("call", "line"), BAD)
def test_bad_input_is_one_line(tmp_path, call, line):
    store = tmp_path / "there.elsuite"
    map_landscape(MullerBrown(), store=store, seconds=0.0).close()
    with pytest.raises(ValueError, match=line):
        call(store)
    open_database(store, "a").close()  # no lock is left


def test_of_a_batch_only_the_searches_that_raise_are_lost():
    def energy(x):
        if bool((x > 1.3).any()):
            raise RuntimeError("SCF did not converge")
        return ((x**2 - 1) ** 2).sum(1)

    database = map_landscape(FunctionLandscape(energy, 2, [[-2, -2], [2, 2]]), n_starts=16)
    assert sorted(map(tuple, database.coordinates(range(4)).round(4).tolist())) == [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    starts = database.runs["minimizer"].values == "starts"
    assert 0 < database.runs["n_failed"].values[starts].sum() < 16
    assert "RuntimeError: SCF did not converge" in str(database.runs["message"].values[starts][0])


def test_merges_that_no_search_from_a_minimum_closes_are_closed_by_paths():
    """Without searches from the minima, paths across each merge look for lower transition states, and find none."""
    surface = MullerBrown()
    plan = MappingPlan(n_starts=16, n_points=32, n_modes=0, n_directions=0)
    database = map_landscape(surface, plan=plan)
    tree = disconnectivity_tree(transition_network(database))
    assert [merge.evidence.state for merge in tree.merges] == ["closed", "closed"]
    pieces = database.runs["minimizer"].values == "paths"
    assert (database.runs["target"].values[pieces] >= 0).all()
    assert all(merge.evidence.outcomes["converged"] >= 1 for merge in tree.merges)
    assert [merge.height for merge in tree.merges] == pytest.approx([-72.2489401123, -40.6648435087])


def test_a_map_of_an_earlier_version_goes_on_with_the_path_finder_of_then(tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr(run._Mapping, "run", lambda self, seconds, progress: used.append(self.finder))
    surface = MullerBrown()
    map_landscape(surface, store=tmp_path / "new").close()
    map_landscape(surface, store=tmp_path / "new").close()
    with open_database(tmp_path / "new") as database:
        attributes = {name: database.attributes[name] for name in ("landscape", "mapping")}
    LandscapeDatabase.create(tmp_path / "old", surface, attributes=attributes).close()
    map_landscape(surface, store=tmp_path / "old").close()
    today = FourierPathFinder(density="uniform")
    assert used == [today, today, replace(today, scales="absolute", late="sampled", max_rounds=4)]
