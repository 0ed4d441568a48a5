"""Merging: the same points are joined, nothing else is; paths lead to the joined minima; nothing is lost."""

import numpy as np
import pytest
from small_database import MINIMA, PATHS, SURFACES, fill, small_store

from elsuite.database import LandscapeDatabase, open_database, verify_store
from elsuite.exploration.merge import MergeError, merge_databases
from elsuite.network import minimax_matrix, transition_network

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
