"""Merging: the same points are joined, nothing else is; paths lead to the joined minima; nothing is lost."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_database import MINIMA, PATHS, SURFACES, fill, small_store

from elsuite.database import LandscapeDatabase, open_database, verify_store
from elsuite.database.merge_rows import closed_blocks
from elsuite.database.merging import MergeError, merge_databases
from elsuite.network import minimax_matrix, transition_network
from elsuite.symmetry import NoSymmetry

pytestmark = pytest.mark.making


def other_store(path, *, shift, keys=100):
    """A store with two of the small store's minima, moved by `shift`, and one of its own, in a chain of paths."""
    with LandscapeDatabase.create(None, n_parameters=4, surfaces=SURFACES) as small:
        points = fill(small).coordinates([4, 1]) + np.float32(shift)
    points = np.vstack([points, np.full((1, 4), 9.0)])
    with LandscapeDatabase.create(path, n_parameters=4, surfaces=SURFACES) as database:
        database.add(
            runs={"key": np.array([keys], dtype=np.uint64), "seed": [7], "minimizer": ["adam"]},
            minima={
                "coordinates": points,
                "energy": [[0.30, 0.35], [0.20, 0.40], [0.20, 0.40]],
                "set": ["adam/train"] * 3,
                "run": [0, 0, 0],
                "key": np.array([keys, keys + 1, keys + 2], dtype=np.uint64),
            },
            paths={
                "key": np.array([keys, keys + 1], dtype=np.uint64),
                "source": [0, 1],
                "target": [1, 2],
                "surface": ["train"] * 2,
                "kind": ["path"] * 2,
                "height": [0.5, 0.65],
                "refined_height": [0.5, 0.65],
            },
        )
    return str(path)


def test_equal_points_are_joined_and_paths_follow(tmp_path):
    a, b = small_store(tmp_path / "a.elsuite"), other_store(tmp_path / "b.elsuite", shift=0)
    report = merge_databases([a, b], tmp_path / "c.elsuite")
    assert [(j.store, j.id, j.into) for j in report.joined] == [("b.elsuite", 0, 4), ("b.elsuite", 1, 1)]
    assert (report.n_runs, report.n_minima, report.n_paths) == (5, len(MINIMA) + 1, len(PATHS) + 2)
    assert verify_store(tmp_path / "c.elsuite") == ()
    with open_database(tmp_path / "c.elsuite") as merged:
        # Minimum 4 was joined by nothing; now it is, through 1.
        matrix = minimax_matrix(transition_network(merged, surface="train"))
        assert matrix[4, 1] == 0.5
        assert matrix[4, 6] == 0.65
        assert merged.minima["origin"].values.tolist() == ["a.elsuite"] * 6 + ["b.elsuite"]
        assert merged.minima["origin_id"].values[-1] == 2
        assert merged.runs["minimizer"].values[merged.minima["run"].values[6]] == "adam"


@pytest.mark.parametrize(("shift", "n_joined"), [(1e-7, 2), (1e-3, 0)])
def test_only_points_within_the_tolerance_are_joined_never_equal_energies(tmp_path, shift, n_joined):
    a, b = small_store(tmp_path / "a.elsuite"), other_store(tmp_path / "b.elsuite", shift=shift)
    report = merge_databases([a, b], tmp_path / "c.elsuite", tolerance=1e-5)
    assert len(report.joined) == n_joined
    assert report.n_minima == len(MINIMA) + 3 - n_joined


def test_a_store_merged_with_itself_is_itself(tmp_path):
    a = small_store(tmp_path / "a.elsuite")
    report = merge_databases([a, a], tmp_path / "c.elsuite")
    assert (report.n_runs, report.n_minima, report.n_paths) == (4, len(MINIMA), len(PATHS))
    assert (report.n_known_runs, report.n_known_paths) == (4, len(PATHS))
    with open_database(a) as one, open_database(tmp_path / "c.elsuite") as two:
        for table in ("minima", "paths"):
            left, right = getattr(one, table), getattr(two, table)
            for name in left.data_vars:
                np.testing.assert_array_equal(left[name].values, right[name].values)


def test_another_landscape_is_refused_and_nothing_is_left(tmp_path):
    a = small_store(tmp_path / "a.elsuite")
    LandscapeDatabase.create(tmp_path / "b.elsuite", n_parameters=5, surfaces=SURFACES).close()
    with pytest.raises(MergeError, match="parameters are 5, those of the first store are 4"):
        merge_databases([a, tmp_path / "b.elsuite"], tmp_path / "c.elsuite")
    assert not (tmp_path / "c.elsuite").exists()
    with pytest.raises(ValueError, match=r"a\.elsuite"):
        merge_databases([a, a], a)


def store_of(path, points, *, energies=None, sets=None, keys=0, dtype="float32", paths=None, **options):
    """Write a store of one surface with some minima, a run for each of them if `keys` is a number above 0."""
    points = np.asarray(points)
    n = len(points)
    key = keys + np.arange(n, dtype=np.uint64) if keys else np.zeros(n, dtype=np.uint64)
    with LandscapeDatabase.create(
        path, n_parameters=points.shape[1], surfaces=["energy"], dtype=dtype, **options
    ) as database:
        database.add(
            runs={"seed": np.arange(n), "key": key} if keys else None,
            minima={
                "coordinates": points,
                "energy": np.zeros((n, 1)) if energies is None else np.reshape(energies, (n, 1)),
                "set": sets or ["a/b"] * n,
                "run": np.arange(n) if keys else np.full(n, -1),
                "key": key,
            },
        )
        if paths:
            database.add(paths=paths)
    return path


def test_what_one_store_tells_apart_stays_apart(tmp_path):
    points, sets = [[1.0, 2.0], [1.0, 2.0], [3.0, 4.0]], ["sgd/train", "sgd/test", "sgd/train"]
    a = store_of(tmp_path / "a.elsuite", points, sets=sets)
    b = store_of(tmp_path / "b.elsuite", points[::-1], sets=sets[::-1])
    report = merge_databases([a, b], tmp_path / "c.elsuite")
    assert report.n_minima == 3
    # Of two equally near minima the one of the same set is taken.
    assert [(j.id, j.into) for j in report.joined] == [(0, 2), (1, 1), (2, 0)]


def test_a_minimum_is_joined_to_the_nearest_one(tmp_path):
    a = store_of(tmp_path / "a.elsuite", [[0.3, 0.0], [0.1, 0.0], [0.2, 0.0]])
    b = store_of(tmp_path / "b.elsuite", [[0.12, 0.0], [5.0, 0.0]])
    report = merge_databases([a, b], tmp_path / "c.elsuite", tolerance=0.5)
    assert [(j.id, j.into) for j in report.joined] == [(0, 1)]
    assert report.joined[0].distance == pytest.approx(0.02, abs=1e-6)


def line_of(path, places, energies):
    """A store of minima on a line, joined by paths in a chain."""
    n = len(places)
    with LandscapeDatabase.create(path, n_parameters=1, surfaces=["energy"], dtype="float64") as database:
        paths = {"source": range(n - 1), "target": range(1, n), "height": [1.0] * (n - 1)} if n > 1 else None
        minima = {"coordinates": np.array(places)[:, None], "energy": np.array(energies)[:, None]}
        database.add(minima=minima, paths=paths)
    return path


def merged_ids(report, stores, sizes):
    """The id that each minimum of each store has after the merge."""
    joined = {(own.store, own.id): own.into for own in report.joined}
    found, new = {}, 0
    for store, size in zip(stores, sizes, strict=True):
        for k in range(size):
            found[store, k] = joined.get((store, k), new)
            new += (store, k) not in joined
    assert new == report.n_minima
    return found


@settings(max_examples=4, deadline=None)
@given(st.data())
def test_the_order_of_stores_changes_nothing_where_near_is_an_equivalence(tmp_path_factory, data):
    # At each of some places every store has none to three minima, all of a place within the tolerance.
    counts = data.draw(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=2, max_size=4))
    folder = tmp_path_factory.mktemp("order")
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    stores = {}
    for number, of_places in enumerate(counts):
        at = [place + 0.3e-3 * random.uniform(-1, 1) for place, n in enumerate(of_places) for _ in range(n)]
        if at:
            name = f"s{number}"
            stores[name] = at
            line_of(folder / name, at, random.uniform(-2, 0, size=len(at)))
    if len(stores) < 2:
        return
    expected = sum(max(of_places[place] for of_places in counts) for place in range(4))
    for turn, order in enumerate((list(stores), list(reversed(stores)), data.draw(st.permutations(list(stores))))):
        report = merge_databases([folder / name for name in order], folder / f"merged{turn}", tolerance=1e-3)
        assert report.n_minima == expected
        ids = merged_ids(report, order, [len(stores[name]) for name in order])
        for name, at in stores.items():
            assert len({ids[name, k] for k in range(len(at))}) == len(at)  # told apart
        for own in report.joined:
            assert round(stores[own.store][own.id]) == round(float(at_of(folder / f"merged{turn}", own.into)))


def at_of(store, number):
    with open_database(store) as database:
        return database.coordinates([number])[0, 0]


@settings(max_examples=4, deadline=None)
@given(st.data())
def test_in_chains_of_near_points_every_store_keeps_what_it_tells_apart(tmp_path_factory, data):
    # Neighbors are 0.6 to 1.4 tolerances apart: which join depends on who comes first, but nothing of one store does.
    folder = tmp_path_factory.mktemp("chain")
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    chain = np.cumsum(1e-3 * random.uniform(0.6, 1.4, size=9))
    owners = data.draw(st.lists(st.integers(0, 2), min_size=9, max_size=9))
    stores = {f"s{k}": chain[np.array(owners) == k] for k in range(3) if k in owners}
    if len(stores) < 2:
        return
    for name, at in stores.items():
        line_of(folder / name, at, random.uniform(-2, 0, size=len(at)))
    for turn, order in enumerate((list(stores), list(reversed(stores)), data.draw(st.permutations(list(stores))))):
        report = merge_databases([folder / name for name in order], folder / f"merged{turn}", tolerance=1e-3)
        ids = merged_ids(report, order, [len(stores[name]) for name in order])
        with open_database(folder / f"merged{turn}") as merged:
            points = merged.coordinates(np.arange(merged.n_minima))[:, 0]
            edges = {
                frozenset(edge)
                for edge in zip(
                    merged.paths["source"].values.tolist(), merged.paths["target"].values.tolist(), strict=True
                )
            }
        for name, at in stores.items():
            own = [ids[name, k] for k in range(len(at))]
            assert len(set(own)) == len(at)
            assert (np.abs(points[own] - at) <= 1e-3 * (1 + 1e-9)).all()
            assert {frozenset(pair) for pair in pairwise(own)} <= edges  # paths lead where they led
        assert max(map(len, stores.values())) <= report.n_minima <= sum(map(len, stores.values()))


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_two_minima_of_one_store_are_never_both_the_same_third(tmp_path, order):
    stores = {
        "one": store_of(tmp_path / "one", [[0.0]], energies=[-1.0], dtype="float64"),
        "two": store_of(
            tmp_path / "two",
            [[-0.9e-3], [0.9e-3]],
            energies=[-1.0, -1.5],
            dtype="float64",
            paths=[{"source": 0, "target": 1, "height": -0.5, "surface": "energy"}],
        ),
    }
    report = merge_databases([stores[name] for name in order], tmp_path / "c", tolerance=1e-3)
    assert [j.energy_difference for j in report.joined] == [0.0]
    with open_database(tmp_path / "c") as merged:
        assert sorted(merged.minima["energy"].values[:, 0].tolist()) == [-1.5, -1.0]
        assert sorted([merged.paths["source"].values[0], merged.paths["target"].values[0]]) == [0, 1]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_units_and_origin_of_stores_that_say_no_length_do_not_matter(tmp_path, scale, offset):
    points = np.random.default_rng(0).random((6, 2))
    moved = points[[4, 2, 0]] + [[2e-7, 0.0], [1e-3, 0.0], [0.0, 0.0]]
    a = store_of(tmp_path / "a", points * scale + offset * scale, dtype="float64")
    b = store_of(tmp_path / "b", moved * scale + offset * scale, dtype="float64")
    assert [(j.id, j.into) for j in merge_databases([a, b], tmp_path / "c").joined] == [(0, 4), (2, 0)]
    assert [(j.id, j.into) for j in merge_databases([b, a], tmp_path / "d").joined] == [(0, 2), (4, 0)]


def test_the_landscape_says_its_symmetry_and_length(tmp_path):
    """Chains A-A-B-B and A-B-A-B are two molecules; turned and with like atoms exchanged each is one."""
    from elsuite.landscapes import FunctionLandscape
    from elsuite.symmetry import AtomSymmetry

    def energy(x):
        return ((x.view(-1, 4, 3)[:, :, None] - x.view(-1, 4, 3)[:, None]) ** 2).sum((1, 2, 3))

    landscape = FunctionLandscape(energy, 12, symmetry=AtomSymmetry(("A", "A", "B", "B")))
    chain = np.arange(4.0)[:, None] * [1.0, 0.2, 0.0]
    stores = []
    for name, order in (("a", [0, 1, 2, 3]), ("b", [0, 2, 1, 3]), ("c", [1, 0, 3, 2])):
        stores.append(tmp_path / name)
        with LandscapeDatabase.create(stores[-1], landscape) as database:
            atoms = chain[order] + (5.0 if name == "c" else 0.0)
            database.add(minima={"coordinates": [atoms.ravel()], "energy": [[1.0]]})
    report = merge_databases(stores, tmp_path / "merged")
    assert [(j.store, j.into) for j in report.joined] == [("c", 0)]
    assert report.n_minima == 2


def test_units_are_asked_for_and_need_a_declaration(tmp_path):
    a = store_of(tmp_path / "a", [[0.0, 1.0]])
    with pytest.raises(MergeError, match="give the symmetry itself"):
        merge_databases([a, a], tmp_path / "b", symmetry=True)
    with pytest.raises(MergeError, match="a symmetry of 3 parameters given; the stores have 2"):
        merge_databases([a, a], tmp_path / "b", symmetry=NoSymmetry(3))


def test_points_of_one_norm_are_told_apart_without_reading_all_pairs(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((800, 50))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    a = store_of(tmp_path / "a.elsuite", points[:500])
    b = store_of(tmp_path / "b.elsuite", points[300:])
    read = []
    original = LandscapeDatabase.coordinates
    monkeypatch.setattr(
        LandscapeDatabase, "coordinates", lambda self, ids: read.append(len(ids)) or original(self, ids)
    )
    report = merge_databases([a, b], tmp_path / "c.elsuite", tolerance=1e-3)
    assert [(j.id, j.into) for j in report.joined] == [(k, 300 + k) for k in range(200)]
    assert sum(read) < 10 * 800


def test_provenance_is_kept_also_of_what_is_joined(tmp_path):
    points = np.arange(12.0).reshape(4, 3)
    stores = []
    for name, rows, keys in (("one", [0, 1, 2], 10), ("two", [3, 2, 0], 20)):
        (tmp_path / name).mkdir()
        stores.append(
            store_of(
                tmp_path / name / "landscape.elsuite", points[rows], keys=keys, attributes={"study": f"study {name}"}
            )
        )
    merge_databases(stores, tmp_path / "c.elsuite")
    assert verify_store(tmp_path / "c.elsuite") == ()
    with open_database(tmp_path / "c.elsuite") as merged:
        assert merged.minima["origin"].values.tolist() == ["one/landscape.elsuite"] * 3 + ["two/landscape.elsuite"]
        assert merged.minima["run"].values.tolist() == [0, 1, 2, 3]
        # The runs of joined minima led to minima that were known.
        assert merged.runs["end"].values.tolist() == [-1, -1, -1, -1, 2, 0]
        one, two = merged.attributes["merged"]
        assert (one["joined"], two["joined"]) == ([[], []], [[1, 2], [2, 0]])
        assert (one["attributes"]["study"], two["attributes"]["study"]) == ("study one", "study two")


def test_runs_that_started_and_ended_at_stored_minima_still_do(tmp_path):
    path = tmp_path / "a.elsuite"
    with LandscapeDatabase.create(path, n_parameters=1, surfaces=["energy"]) as database:
        database.add(minima={"coordinates": [[5.0], [6.0], [7.0]], "energy": [[0.0]] * 3})
        database.add(
            runs={"start": [2, 0, 1], "end": [3, 3, 4]},
            minima={"coordinates": [[8.0], [9.0]], "energy": [[-1.0]] * 2, "run": [0, 2]},
        )
    first = store_of(tmp_path / "first.elsuite", [[9.0], [7.0]])
    merge_databases([first, path], tmp_path / "c.elsuite")
    with open_database(tmp_path / "c.elsuite") as merged:
        assert merged.coordinates(range(5))[:, 0].tolist() == [9.0, 7.0, 5.0, 6.0, 8.0]
        assert merged.runs["start"].values.tolist() == [1, 2, 3]
        assert merged.runs["end"].values.tolist() == [4, 4, 0]
        assert merged.minima["run"].values.tolist() == [-1, -1, -1, -1, 0]


@given(seed=st.integers(0, 10**6), step=st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_blocks_name_nothing_that_comes_later(seed, step):
    rng = np.random.default_rng(seed)
    database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])
    for _ in range(4):
        n_runs, n = rng.integers(0, 4, size=2)
        runs, minima = database.n_runs + n_runs, database.n_minima + n
        database.add(
            runs={
                "start": rng.integers(-1, minima, n_runs) if minima else np.full(n_runs, -1),
                "end": rng.integers(-1, minima, n_runs) if minima else np.full(n_runs, -1),
            },
            minima={
                "coordinates": rng.random((n, 1)),
                "energy": np.zeros((n, 1)),
                "run": rng.integers(-1, runs, n) if runs else np.full(n, -1),
            },
        )
    seen = [0, 0]
    for runs, minima in closed_blocks(database, step):
        assert [runs[0] if len(runs) else seen[0], minima[0] if len(minima) else seen[1]] == seen
        seen = [seen[0] + len(runs), seen[1] + len(minima)]
        assert database.minima["run"].values[minima].max(initial=-1) < seen[0]
        for name in ("start", "end"):
            assert database.runs[name].values[runs].max(initial=-1) < seen[1]
    assert seen == [database.n_runs, database.n_minima]


def test_a_path_to_a_joined_minimum_of_higher_energy_is_lifted_and_that_is_said(tmp_path):
    a = store_of(tmp_path / "a.elsuite", [[1.0, 1.0]], energies=[0.5])
    path = {"source": 0, "target": 1, "height": 0.4, "kind": "transition_state", "surface": "energy"}
    b = store_of(tmp_path / "b.elsuite", [[1.0, 1.0], [2.0, 2.0]], energies=[0.4, 0.1], paths=[path])
    report = merge_databases([a, b], tmp_path / "c.elsuite")
    assert report.n_lifted == 1
    assert report.joined[0].energy_difference == pytest.approx(0.1)
    with open_database(tmp_path / "c.elsuite") as merged:
        assert merged.paths["height"].values.tolist() == [0.5]
    assert verify_store(tmp_path / "c.elsuite") == ()


def test_stores_without_coordinates_are_refused(tmp_path):
    stores = []
    for name in "ab":
        stores.append(tmp_path / name)
        with LandscapeDatabase.create(tmp_path / name, n_parameters=0, surfaces=["energy"]) as database:
            database.add(minima={"energy": [[0.5]]})
    with pytest.raises(MergeError, match="without coordinates"):
        merge_databases(stores, tmp_path / "c")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_the_wider_numbers_are_kept(tmp_path):
    a = store_of(tmp_path / "a.elsuite", [[1.0, 1.0]], dtype="float32")
    b = store_of(tmp_path / "b.elsuite", [[1.0 + 1e-12, 3.0]], dtype="float64")
    merge_databases([a, b], tmp_path / "c.elsuite")
    with open_database(tmp_path / "c.elsuite") as merged:
        assert merged.coordinates([1])[0, 0] == 1.0 + 1e-12


def turned(points, seed):
    """Return clusters turned, mirrored, moved and relabeled."""
    rng = np.random.default_rng(seed)
    copies = []
    for point in points:
        rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        atoms = point.reshape(-1, 3) @ rotation + rng.standard_normal(3)
        copies.append(atoms[rng.permutation(len(atoms))].ravel())
    return np.array(copies)


def test_clusters_are_the_same_however_they_lie_and_so_are_their_transition_states(tmp_path):
    rng = np.random.default_rng(0)
    points, states = rng.standard_normal((2, 6, 15)) * 2
    ends = {"source": [0, 0, 2], "target": [1, 1, 3], "surface": ["energy"] * 3, "kind": ["transition_state"] * 3}
    a = store_of(
        tmp_path / "a.elsuite",
        points,
        dtype="float64",
        paths=ends | {"height": [1.0, 2.0, 3.0], "coordinates": states[:3]},
    )
    # The first two states again, the second from its other end, and another one between the same minima.
    again = {
        "source": [0, 1, 0], "target": [1, 0, 1], "surface": ["energy"] * 3, "kind": ["transition_state"] * 3,
        "height": [1.0, 2.0, 4.0], "coordinates": turned(states[[0, 1, 4]], 5),
    }  # fmt: skip
    b = store_of(tmp_path / "b.elsuite", turned(points, 1), dtype="float64", paths=again)
    report = merge_databases([a, b], tmp_path / "c.elsuite", cluster=True)
    assert [(j.id, j.into) for j in report.joined] == [(k, k) for k in range(6)]
    assert max(j.distance for j in report.joined) < 1e-6
    assert (report.n_minima, report.n_paths, report.n_known_paths) == (6, 4, 2)
    with open_database(tmp_path / "c.elsuite") as merged:
        assert merged.paths["height"].values.tolist() == [1.0, 2.0, 3.0, 4.0]
    apart = merge_databases([a, b], tmp_path / "d.elsuite")
    assert (apart.n_minima, len(apart.joined)) == (12, 0)
    with pytest.raises(MergeError, match="no atoms"):
        merge_databases([store_of(tmp_path / "p", [[1.0, 2.0]])], tmp_path / "e", cluster=True)


@pytest.mark.parametrize(("name", "n_joined"), [("LennardJones", 3), ("MySurface", 0)])
def test_a_surface_that_is_known_to_be_a_cluster_needs_no_option(tmp_path, name, n_joined):
    identity = {"landscape": {"type": name, "settings": {"n_atoms": 5}}}
    points = np.random.default_rng(0).standard_normal((3, 15))
    stores = [
        store_of(tmp_path / label, own, dtype="float64", attributes=identity)
        for label, own in (("a", points), ("b", turned(points, 1)))
    ]
    report = merge_databases(stores, tmp_path / "c.elsuite")
    assert (len(report.joined), report.n_minima) == (n_joined, 6 - n_joined)


def test_networks_with_renamed_units_are_joined_on_demand_and_curves_to_them_are_dropped(tmp_path):
    from elsuite.studies import parse_study
    from elsuite.studies.build import landscape_identity, landscape_of
    from elsuite.symmetry.permutations import apply, random_element

    text = (
        'seed = 1\n[data]\nname = "digits"\nn_train = 20\nn_test = 10\n[network]\narchitecture = "fcp"\nhidden = [6]\n'
    )
    study = parse_study(text + '[[minimizers]]\nalgorithm = "sgd"\nstarts = 1\nepochs = 1\n')
    symmetry = landscape_of(study.data, study.network).symmetry
    points = np.random.default_rng(0).standard_normal((5, symmetry.n_parameters))
    copies = np.array([apply(symmetry, p, random_element(symmetry, [0, k])) for k, p in enumerate(points[:3])])
    paths = {
        "source": [0, 3], "target": [1, 4], "surface": ["energy"] * 2, "height": [1.0, 2.0],
        "coefficients": np.ones((2, 1, symmetry.n_parameters), np.float32), "basis": ["SineBasis(n_terms=1, power=1.0)"] * 2,
    }  # fmt: skip
    identity = {"landscape": landscape_identity(study.data, study.network)}
    a = store_of(tmp_path / "a.elsuite", points[:3], attributes=identity)
    b = store_of(tmp_path / "b.elsuite", np.vstack([copies, points[3:]]), attributes=identity, paths=paths)
    assert not merge_databases([a, b], tmp_path / "plain.elsuite").joined
    report = merge_databases([a, b], tmp_path / "c.elsuite", symmetry=symmetry)
    assert [(j.id, j.into) for j in report.joined] == [(0, 0), (1, 1), (2, 2)]
    assert max(j.distance for j in report.joined) < 1e-4
    with open_database(tmp_path / "c.elsuite") as merged:
        assert merged.paths["source"].values.tolist() == [0, 3]
        assert merged.paths["basis"].values.tolist()[0] == ""
        assert merged.paths["joins"].values.tolist() == ["isomers", "points"]
        assert np.isnan(merged.paths["coefficients"].values).all(axis=(1, 2)).tolist() == [True, False]
