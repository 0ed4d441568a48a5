"""Landscapes that are searched by gradients alone, mapped in sweeps."""

import itertools
from collections import Counter

import numpy as np
import pytest
from calculators import Calculator
from scipy.spatial.transform import Rotation

from elsuite import open_database
from elsuite.exploration import MappingPlan, map_landscape
from elsuite.exploration.mapping import run as mapping_run
from elsuite.exploration.mapping.rows import Discovery, VerifiedState
from elsuite.exploration.mapping.tasks import _as_arrays, discovery_of
from elsuite.exploration.workers import FactoryRecipe, Workers
from elsuite.landscapes import FunctionLandscape, LennardJones
from elsuite.stationary import descend, engine, follow_down, local_expansions, refine_transition_states
from elsuite.symmetry import AtomSymmetry
from elsuite.symmetry.points import PointIndex

PLAN = MappingPlan(n_starts=16, n_points=16, n_hops=2, n_modes=4, n_directions=1, n_sweeps=3)


def index_by_autograd(landscape, point):
    values = np.linalg.eigvalsh(local_expansions(landscape, point[None], method="autograd")[2][0])
    return (values < -1e-6 * values[-1]).sum(), (np.abs(values) < 1e-6 * values[-1]).sum()


@pytest.mark.parametrize(("n_atoms", "n_minima", "n_states"), [(5, 1, 2), (6, 2, 3), (7, 4, 12)])
def test_small_clusters_come_out_whole(n_atoms, n_minima, n_states):
    cluster = LennardJones(n_atoms)
    plan = MappingPlan(n_points=32, n_hops=2, n_sweeps=8)
    database = map_landscape(cluster, plan=plan)
    assert (database.n_minima, database.n_paths) == (n_minima, n_states)
    for k in range(n_minima):
        assert index_by_autograd(cluster, database.coordinates(range(n_minima))[k]) == (0, 6)
    states = database.paths["coordinates"].values
    for state in states:
        assert index_by_autograd(cluster, state) == (1, 6)
    nearest = cluster.symmetry.nearest
    assert min(nearest(a, b).distance for a, b in itertools.combinations(states, 2)) > 1e-3


def same(one, other):
    assert (one.n_runs, one.n_minima, one.n_paths) == (other.n_runs, other.n_minima, other.n_paths)
    for table in ("runs", "minima", "paths"):
        np.testing.assert_array_equal(getattr(one, table)["key"].values, getattr(other, table)["key"].values)
    np.testing.assert_array_equal(one.coordinates(range(one.n_minima)), other.coordinates(range(other.n_minima)))
    np.testing.assert_array_equal(one.paths["height"].values, other.paths["height"].values)


def test_interrupted_in_every_place_it_ends_with_the_same_database(tmp_path):
    whole = map_landscape(LennardJones(6), plan=PLAN)
    stages = whole.runs["minimizer"].values.tolist()
    assert stages.count("sweeps") >= 3

    def stop(stage, *_):
        if stage != "compiling":  # nothing is done yet
            raise KeyboardInterrupt

    for _ in stages:
        with pytest.raises(KeyboardInterrupt):
            map_landscape(LennardJones(6), plan=PLAN, store=tmp_path / "lj6", progress=stop)
    same(map_landscape(LennardJones(6), plan=PLAN, store=tmp_path / "lj6", progress=stop), whole)


def test_workers_make_the_same_database(tmp_path):
    with Workers(FactoryRecipe(LennardJones, (6,)), n_workers=2) as workers:
        shared = map_landscape(LennardJones(6), plan=PLAN, store=tmp_path / "lj6", workers=workers)
        again = map_landscape(LennardJones(6), plan=PLAN, workers=workers)
    alone = map_landscape(LennardJones(6), plan=PLAN)
    same(shared, alone)
    same(again, alone)


def test_a_map_begun_without_sweeps_goes_on_as_it_began(tmp_path, monkeypatch):
    plan = MappingPlan(n_starts=8, n_points=8, n_hops=1, n_modes=2, n_directions=1, n_rounds=1, n_pairs=1)
    with monkeypatch.context() as before:
        before.setattr(LennardJones, "kernel", lambda self: None)
        with map_landscape(LennardJones(5), plan=plan, store=tmp_path / "lj5") as made:
            counts = (made.n_runs, made.n_minima, made.n_paths)
            assert "directions" in made.runs["minimizer"].values
    with map_landscape(LennardJones(5), plan=plan, store=tmp_path / "lj5") as again:
        assert (again.n_runs, again.n_minima, again.n_paths) == counts


def test_without_numba_walks_with_hessians_are_taken_and_sweeps_that_were_begun_go_on(tmp_path, monkeypatch):
    plan = MappingPlan(n_starts=4, n_points=0, n_hops=0, n_modes=0, n_directions=1, n_rounds=1, n_sweeps=2, n_pairs=0)
    assert "sweeps" in map_landscape(LennardJones(4), plan=plan, store=tmp_path / "one").runs["minimizer"].values
    whole = map_landscape(LennardJones(4), plan=plan)
    monkeypatch.setattr(mapping_run, "can_compile", lambda: False)
    monkeypatch.setattr(engine, "can_compile", lambda: False)
    assert "sweeps" not in map_landscape(LennardJones(4), plan=plan).runs["minimizer"].values
    assert map_landscape(LennardJones(4), plan=plan, store=tmp_path / "one").n_runs == whole.n_runs


@pytest.mark.parametrize("wrong", [None, "nan"])
def test_of_a_calculator_that_fails_at_the_third_search_the_others_go_on(wrong, tmp_path):
    plan = MappingPlan(n_starts=4, n_points=0, n_hops=0, n_modes=0, n_directions=5, n_sweeps=1, n_pairs=0)
    counting = Calculator(LennardJones(4))
    map_landscape(
        counting, plan=MappingPlan(n_starts=4, n_points=0, n_hops=0, n_modes=0, n_directions=0, n_pairs=0)
    ).close()
    fails = len(counting.calls) + 150  # in the sweep
    failing = Calculator(LennardJones(4), fails=(fails,), wrong=wrong)
    database = map_landscape(failing, plan=plan, store=tmp_path / "store")
    rows = database.runs.isel(run=database.runs["minimizer"].values == "sweeps")
    messages = rows["message"].values.tolist()
    assert (database.n_minima, len(messages)) == (1, 5)
    assert database.n_paths >= 1
    assert sum("1 converged" in message for message in messages) == 4
    if wrong is None:
        assert rows["n_failed"].values.sum() == 1
        assert sum("RuntimeError: SCF did not converge" in message for message in messages) == 1
    else:
        assert sum("1 not a number" in message for message in messages) == 1
    database.close()
    with open_database(tmp_path / "store") as kept:
        assert kept.n_runs == 9
    n_calls = len(failing.calls)
    map_landscape(failing, plan=plan, store=tmp_path / "store").close()
    assert len(failing.calls) <= n_calls + 2  # what recognizes the landscape


def test_discoveries_survive_the_way_from_a_worker():
    cluster = LennardJones(4)
    minima = descend(cluster, cluster.initial_points([0, 1]))
    ways = np.random.default_rng(0).standard_normal((2, 12))
    tops = refine_transition_states(cluster, cluster.minima + 0.6 * ways / np.linalg.norm(ways, axis=1, keepdims=True))
    ends = follow_down(cluster, [top.point for top in tops], [top.eigenvector for top in tops])
    states = [VerifiedState(top, pair) for top, pair in zip(tops, ends, strict=True)]
    found = Discovery(minima, states, {"stalled": 2}, 7, 30, 400, "some error")
    again = discovery_of(_as_arrays(found))
    assert (again.failures, again.n_searches, again.n_steps, again.n_gradients, again.error) == (
        {"stalled": 2}, 7, 30, 400, "some error",
    )  # fmt: skip
    assert discovery_of(_as_arrays(Discovery(error="nothing"))).error == "nothing"
    before = [*minima, *(point for state in states for point in (state.state, *state.ends))]
    after = [*again.minima, *(point for state in again.states for point in (state.state, *state.ends))]
    for one, other in zip(before, after, strict=True):
        for name in ("energy", "gradient_norm", "index", "outcome", "message", "n_steps", "n_gradients"):
            assert getattr(one, name) == getattr(other, name)
        for name in ("point", "eigenvalues", "eigenvector"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


CLUSTERS = [
    AtomSymmetry((0,) * 9),
    AtomSymmetry(("A", "A", "B", "B", "B")),
    AtomSymmetry((0,) * 6, dimension=2),
    AtomSymmetry((0, 0, 1, 1), dimension=2, mirrored=False),
    AtomSymmetry((0,) * 7, mirrored=False),
    AtomSymmetry((0,) * 4, translated=False),
]


def turned(symmetry, point, rng, mirror=False):
    atoms = point.reshape(-1, symmetry.dimension)
    order = np.arange(len(atoms))
    for kind in set(symmetry.species):
        own = np.flatnonzero([other == kind for other in symmetry.species])
        order[own] = rng.permutation(own)
    if symmetry.dimension == 3:
        turn = Rotation.random(random_state=int(rng.integers(2**31))).as_matrix()
    else:
        angle = rng.uniform(0, 2 * np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirror:
        turn = turn @ np.diag([-1.0] + [1.0] * (symmetry.dimension - 1))
    return (atoms[order] @ turn.T + (rng.normal(size=symmetry.dimension) if symmetry.translated else 0.0)).ravel()


@pytest.mark.parametrize("symmetry", CLUSTERS)
def test_copies_are_laid_over_each_other_and_nothing_else_is(symmetry):
    rng = np.random.default_rng(0)
    for _ in range(20):
        point = rng.standard_normal(symmetry.n_parameters)
        copy = turned(symmetry, point, rng, mirror=symmetry.mirrored and rng.random() < 0.5)
        near = copy + 1e-6 * rng.standard_normal(len(point)) / np.sqrt(len(point))
        assert symmetry.overlaid(point, near, 1e-5) <= 1e-5
        assert symmetry.nearest(point, near, tolerance=0).distance <= symmetry.overlaid(point, near, 1e-5) + 1e-12
        other = copy + 1e-3 * rng.standard_normal(len(point))
        assert symmetry.overlaid(point, other, 1e-5) > 1e-5
        if not symmetry.mirrored:
            assert symmetry.overlaid(point, turned(symmetry, point, rng, mirror=True), 1e-5) > 1e-5


def test_chains_of_two_species_and_homometric_points_are_told_apart():
    chains = np.array([[0.0, 0, 0, 1, 0, 1, 2, 0, 0, 3, 1, 0], [0.0, 0, 0, 2, 0, 0, 1, 0, 1, 3, 1, 0]])
    assert AtomSymmetry(("A", "A", "B", "B")).overlaid(*chains, 1e-5) == np.inf
    assert AtomSymmetry((0, 0, 0, 0)).overlaid(*chains, 1e-5) < 1e-12
    # The same distances between all pairs, and yet two shapes.
    kite = np.array([[0, 0], [4, 0], [2, 1], [2, -1]]) - [2, 0]
    other = np.array([[0, 0], [4, 0], [1, 1], [3, 1]]) - [2, 0.5]
    plane = AtomSymmetry((0,) * 4, dimension=2)
    points = [np.array(one, dtype=float).ravel() for one in (kite, other)]
    assert plane.overlaid(*points, 1e-5) == np.inf


def test_many_points_are_found_as_each_alone():
    rng = np.random.default_rng(1)
    symmetry = AtomSymmetry((0, 0, 0, 1, 1, 1, 1))
    index = PointIndex(symmetry, 1e-5)
    points = rng.standard_normal((300, 21))
    assert [index.number(point) for point in points] == list(range(300))
    copies = np.array([turned(symmetry, point, rng, mirror=True) for point in points[::-1]])
    asked = np.concatenate([copies, rng.standard_normal((20, 21))])
    wanted = [*range(299, -1, -1), *[-1] * 20]
    assert index.find_all(asked).tolist() == wanted
    assert [-1 if found is None else found for found in map(index.find, asked)] == wanted
    assert index.find_all(np.empty((0, 21))).tolist() == []


def test_each_search_of_a_calculator_is_a_piece_of_work():
    """Where a call takes seconds, a map that is killed or out of time has lost one search, not a batch."""
    landscape = FunctionLandscape(
        lambda points: ((points**2 - 1) ** 2).sum(axis=1), 2, [[-2, -2], [2, 2]], library="numpy"
    )
    plan = MappingPlan(n_starts=5, n_points=3, n_hops=2, n_modes=1, n_directions=2, n_sweeps=1, n_pairs=0)
    with map_landscape(landscape, plan=plan) as database:
        runs = database.runs
        pieces = Counter(runs["minimizer"].values.tolist())
        n = database.n_minima
        searches = [int(message.split()[0]) for message in runs["message"].values]
    assert (n, pieces["starts"], pieces["random points"]) == (4, 5, 3)
    assert pieces["hops"] == min(4, n)
    assert pieces["sweeps"] % plan.n_directions == 0
    by_stage = dict(zip(runs["minimizer"].values.tolist(), searches, strict=True))
    assert (by_stage["starts"], by_stage["random points"], by_stage["sweeps"]) == (1, 1, 1)
