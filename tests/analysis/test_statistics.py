import numpy as np
import pytest
from small_database import MINIMA
from small_database import fill as fill_small

from elsuite import LandscapeDatabase
from elsuite.analysis import (
    curve_quantiles,
    distances_to_origin,
    heights_by_set,
    loss_curves,
    minima_by_set,
    pair_heights,
    set_table,
)
from elsuite.schema import NotFoundError


@pytest.fixture
def database():
    database = LandscapeDatabase.create(None, n_parameters=4, surfaces=["train", "test"])
    fill_small(database)
    return database


def test_minima_by_set(database):
    sets = {name: ids.tolist() for name, ids in minima_by_set(database).items()}
    assert sets == {"sgd/train": [0, 2], "sgd/test": [1], "lbfgs-gss/train": [3, 5], "lbfgs-gss/test": [4]}


@pytest.mark.parametrize("block_bytes", [1, 64, 2**20])
def test_the_table_of_sets(database, block_bytes, monkeypatch):
    monkeypatch.setattr("elsuite.analysis.blocks.BLOCK_BYTES", block_bytes)
    table = {row.name: row for row in set_table(database)}
    points = database.coordinates(np.array([0, 2])).astype(np.float64)
    row = table["sgd/train"]
    assert row.n == 2
    assert row.energies == pytest.approx({"train": 0.125, "test": 0.525})
    assert row.energy_stds == pytest.approx({"train": 0.025, "test": 0.025})
    assert row.weight_mean == pytest.approx(points.mean(), rel=1e-12)
    assert row.weight_std == pytest.approx(points.std(), rel=1e-12)
    assert row.norm == pytest.approx(np.linalg.norm(points, axis=1).mean())
    assert row.gradient_norm == pytest.approx(1e-3)


def test_energies_that_are_not_known_are_left_out_of_means():
    database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["train", "test"])
    database.add(minima={"energy": [[1.0, np.nan], [3.0, 5.0]], "coordinates": [[1.0], [2.0]], "set": ["a", "a"]})
    (row,) = set_table(database)
    assert row.energies == {"train": 2.0, "test": 5.0}
    assert np.isnan(row.gradient_norm)


def test_minima_without_a_set_have_a_name():
    database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])
    database.add(minima={"energy": [[1.0], [3.0]], "coordinates": [[1.0], [2.0]]})
    assert [row.name for row in set_table(database)] == ["(none)"]
    database.add(paths={"source": [0], "target": [1], "height": [5.0], "surface": ["energy"]})
    assert heights_by_set(database)["(none)"].tolist() == [5.0]


def test_heights_within_and_between_sets(database):
    heights = heights_by_set(database, "train")
    assert {name: values.tolist() for name, values in heights.items()} == {
        "sgd/train": [0.7],
        "lbfgs-gss/train": [0.05],
        "sgd/train ~ sgd/test": [0.25, 0.6],
        "sgd/train ~ lbfgs-gss/train": [0.8],
    }
    assert list(heights)[:2] == ["sgd/train", "lbfgs-gss/train"]
    assert heights_by_set(database, "train", refined=False)["lbfgs-gss/train"] == pytest.approx([0.049])
    assert heights_by_set(database, "test")["sgd/train ~ sgd/test"].tolist() == [0.52]


def test_all_paths_of_a_pair_on_request(database):
    pairs = pair_heights(database, "train", lowest=False)["sgd/train"]
    assert pairs.heights.tolist() == [0.7, 0.9]
    assert pairs.paths.tolist() == [2, 3]
    assert pairs.sources.tolist() == [0, 0]


def test_one_finder(database):
    assert heights_by_set(database, "train", finder="fourier").keys() == heights_by_set(database, "train").keys()
    with pytest.raises(NotFoundError, match="no paths of a finder 'linear': there are 'fourier'"):
        heights_by_set(database, "train", finder="linear")


@pytest.mark.parametrize("block_bytes", [1, 2**20])
def test_distances_to_the_common_origin(database, block_bytes, monkeypatch):
    monkeypatch.setattr("elsuite.analysis.blocks.BLOCK_BYTES", block_bytes)
    found = distances_to_origin(database, "sgd/train", "lbfgs-gss/train")
    points = database.coordinates(np.arange(6)).astype(np.float64)
    mean_a, mean_b = points[[0, 2]].mean(axis=0), points[[3, 5]].mean(axis=0)
    origin = (mean_a + mean_b) / 2
    np.testing.assert_allclose(found.distances_a, np.linalg.norm(points[[0, 2]] - origin, axis=1))
    np.testing.assert_allclose(found.distances_b, np.linalg.norm(points[[3, 5]] - origin, axis=1))
    assert found.mean_distance == pytest.approx(np.linalg.norm(mean_a - mean_b) / 2)
    assert (found.set_a, found.set_b) == ("sgd/train", "lbfgs-gss/train")


def test_an_unknown_set_is_not_found(database):
    with pytest.raises(NotFoundError, match=r"no set 'adam/train': there are 'sgd/train', 'sgd/test', "):
        distances_to_origin(database, "sgd/train", "adam/train")


def test_loss_curves(database):
    groups = loss_curves(database)
    assert [(group.minimizer, group.surface) for group in groups] == [
        ("sgd", "train"), ("sgd", "test"), ("lbfgs-gss", "train"), ("lbfgs-gss", "test"),
    ]  # fmt: skip
    first = groups[0]
    assert first.runs.tolist() == [0, 1]
    assert first.values.shape == (2, 4)  # the fifth epoch is empty everywhere
    assert first.stops.tolist() == [3, 3]
    assert first.stop_values.tolist() == [MINIMA[0][1], MINIMA[2][1]]
    np.testing.assert_allclose(curve_quantiles(first.values)[1], np.linspace(2.0, 0.1, 4))


def test_no_runs_no_curves():
    assert loss_curves(LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])) == ()


def test_quantiles_of_runs_of_different_lengths():
    values = np.array([[1.0, 2.0, np.nan, np.nan], [3.0, np.nan, np.inf, np.nan]])
    np.testing.assert_array_equal(curve_quantiles(values, (0.5,)), [[2.0, 2.0, np.nan, np.nan]])
