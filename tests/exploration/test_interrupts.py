"""Within one search: what it tells, when its time is over, and what Ctrl-C leaves."""

import copy
from dataclasses import replace
from functools import lru_cache

import cases
import numpy as np
import pytest
import torch

from elsuite.core.settings import key_settings
from elsuite.database import LandscapeDatabase
from elsuite.database.query import failures
from elsuite.exploration import complete_tree, connect_minima, stored_path
from elsuite.landscapes import FourGaussians
from elsuite.minimizers import LBFGSGSS
from elsuite.network.evidence import search_rows
from elsuite.paths import (
    PATH_FINDERS,
    FourierPathFinder,
    LinearPathFinder,
    SearchInterruptedError,
    descent,
    measure,
    record,
)
from elsuite.paths.record import telling

pytestmark = pytest.mark.making

SEARCHING = {
    "fourier": cases.finder("fourier", n_points=11, n_steps=6, tolerance=0.0, images_per_step=5, max_rounds=3),
    "bezier": cases.finder("bezier", n_points=11, n_steps=6, tolerance=0.0, images_per_step=5, max_rounds=3),
    "chain": cases.finder("chain", n_points=11, n_steps=6, tolerance=0.0, images_per_step=5, max_rounds=3),
    "autoneb": cases.finder("autoneb", n_points=11, n_steps=6, tolerance=0.0, images_per_step=5, max_cycles=8),
    "no rounds": cases.finder("fourier", n_points=11, n_steps=40, tolerance=None, images_per_step=5),
}


@pytest.fixture(scope="module")
def network():
    return cases.LANDSCAPES["fcp"]()


@lru_cache
def far_points(landscape):
    """Return solutions, with a barrier between each two."""
    runs = LBFGSGSS(epochs=30).minimize(landscape, landscape.initial_points(range(3)))
    return torch.as_tensor(np.array([run.solutions[0].coordinates for run in runs]))


def after(landscape, n_gradients):
    """Return the landscape, where Ctrl-C comes with the gradient number `n_gradients`."""
    counted, calls = copy.copy(landscape), [0]

    def count(shown):
        whole, minibatch = shown.energy_and_gradient, getattr(shown, "minibatch", None)
        combined = shown.combined_gradients

        def stop():
            calls[0] += 1
            if calls[0] == n_gradients:
                raise KeyboardInterrupt

        def gradient(points):
            stop()
            return whole(points)

        def combination(*given):
            stop()
            return combined(*given)

        shown.energy_and_gradient, shown.combined_gradients = gradient, combination
        if minibatch is not None:
            shown.minibatch = lambda indices: count(minibatch(indices))
        on = shown.on
        shown.on = lambda surface: shown if surface == "train" else on(surface)
        return shown

    return count(counted)


@pytest.mark.parametrize("n_gradients", [1, 20, 40])
@pytest.mark.parametrize("name", SEARCHING)
def test_ctrl_c_keeps_the_lowest_path_so_far(network, name, n_gradients):
    ends = far_points(network)[:2]
    with pytest.raises(SearchInterruptedError) as stopped:
        SEARCHING[name]().find(after(network, n_gradients), *ends)
    search = stopped.value.search
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert search.outcome == "interrupted"
    assert "interrupted" in search.message
    again = measure(search.path, network, n_points=11)
    assert again.refined_height == search.refined_height
    assert np.array_equal(again.profile, search.profile)


def store(landscape, points):
    database = LandscapeDatabase.create(None, landscape)
    energies = torch.stack([landscape.on(name).energy(points) for name in landscape.surfaces], dim=1)
    database.add(minima={"coordinates": points.numpy(), "energy": energies.numpy()})
    return database


def test_an_interrupted_search_is_a_row_that_the_next_attempt_follows(network):
    finder, points = SEARCHING["bezier"](), far_points(network)
    asked = {"measure_on": ["test"], "curves": "float64"}
    with store(network, points) as database, store(network, points) as whole:
        connect_minima(whole, network, finder, [(0, 1), (0, 2)], **asked)
        for n_gradients in (5, 30):
            stopping = after(network, n_gradients)
            with pytest.raises(KeyboardInterrupt):
                connect_minima(database, stopping, finder, [(0, 1), (0, 2)], **asked)
        assert database.paths["outcome"].values.tolist() == ["interrupted"] * 2
        assert database.paths["surface"].values.tolist() == ["train"] * 2
        assert not len(search_rows(database, "train"))
        for row in range(2):
            path = stored_path(database, row)
            height = database.paths["refined_height"].values[row]
            assert path is None or measure(path, network, 11).refined_height == height
        report = connect_minima(database, network, finder, [(0, 1), (0, 2)], **asked)
        assert (report.n_searched, report.n_failed) == (2, 0)
        later, usual = database.paths.isel(path=slice(2, None)), whole.paths
        for name in ("surface", "outcome", "refined_height", "profile", "coefficients", "seed", "target"):
            assert np.array_equal(later[name].values, usual[name].values, equal_nan=name in {"coefficients"})
        assert connect_minima(database, network, finder, [(0, 1), (0, 2)], **asked).n_searched == 0
        assert failures(database) == []


def test_a_tree_is_completed_after_a_search_was_interrupted(network):
    finder, points = SEARCHING["bezier"](), far_points(network)
    with store(network, points) as database, store(network, points) as whole:
        usual = complete_tree(whole, network, finder, n_pairs=3)
        with pytest.raises(KeyboardInterrupt):
            complete_tree(database, after(network, 10), finder, n_pairs=3)
        report = complete_tree(database, network, finder, n_pairs=3)
        assert report.merges == usual.merges
        ended = database.paths["outcome"].values
        assert (ended == "interrupted").sum() == 1
        rows = np.flatnonzero(ended != "interrupted")
        ends = [[store.paths[name].values[r] for name in ("source", "target")] for store, r in ((database, rows),)]
        assert np.array_equal(ends[0], [whole.paths[name].values for name in ("source", "target")])


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.parametrize("surface", ["network", "four gaussians"])
def test_a_search_ends_when_its_seconds_are_over(monkeypatch, network, name, surface):
    landscape = network if surface == "network" else FourGaussians()
    ends = far_points(landscape)[:2] if surface == "network" else landscape.minima
    clock = iter(np.arange(0.0, 1e6, 0.25))
    monkeypatch.setattr(record.time, "perf_counter", lambda: next(clock))
    made = SEARCHING[name]()
    search = type(made)(**{**vars(made), "seconds": 5}).find(landscape, *ends)
    assert search.outcome == "budget spent"
    assert "5 seconds" in search.message
    assert measure(search.path, landscape, n_points=11).refined_height == search.refined_height
    assert search.n_point_gradients > 0


@pytest.mark.parametrize("name", ["fourier", "bezier", "chain", "autoneb"])
def test_a_budget_of_time_changes_no_key_and_no_result_where_it_is_not_spent(network, name):
    finder = PATH_FINDERS[name]
    assert "seconds" not in key_settings(finder())
    assert key_settings(finder(seconds=5))["seconds"] == 5
    ends = far_points(network)[:2]
    quick = {"n_steps": 3, "n_points": 11}
    one, other = (finder(**quick, seconds=seconds).find(network, *ends) for seconds in (None, 1e6))
    assert np.array_equal(one.profile, other.profile)
    with pytest.raises(ValueError, match="seconds: given 0"):
        finder(seconds=0)


@pytest.mark.parametrize("name", SEARCHING)
def test_a_search_tells_its_rounds(monkeypatch, network, name):
    monkeypatch.setattr(record, "TELL_EVERY", 0.0)
    told = []
    with telling(lambda *call: told.append(call)):
        SEARCHING[name]().find(network, *far_points(network)[:2])
    assert told[0][:2] == ("round 1", 0)
    assert all(0 <= done <= of for _, done, of in told)
    rounds = [int(stage.removeprefix("round ")) for stage, *_ in told]
    assert rounds == sorted(rounds)
    assert (rounds[-1] > 1) == (name != "no rounds")
    n_told = len(told)
    SEARCHING[name]().find(network, *far_points(network)[:2])
    assert len(told) == n_told


def test_what_many_searches_tell_is_not_mixed_up_with_what_one_tells(monkeypatch, network):
    monkeypatch.setattr(record, "TELL_EVERY", 0.0)
    told = []
    with store(network, far_points(network)) as database:
        complete_tree(database, network, SEARCHING["bezier"](), n_pairs=3, progress=lambda *call: told.append(call))
    whole = [call[1:] for call in told if call[0] == "paths: bezier"]
    assert whole == [(k, n) for k, (_, n) in enumerate(whole, start=1)]
    assert all(done <= of for stage, done, of in told if stage.startswith("round "))


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
@pytest.mark.parametrize("scales", ["own", "absolute"])
@pytest.mark.parametrize("last", [None, 7, 70])
def test_a_descent_that_does_not_wait_for_numbers_gives_the_same(monkeypatch, network, optimizer, scales, last):
    """As on a GPU, where a step whose numbers are not finite is found out later, and moves nothing until then."""
    settings = {
        "optimizer": optimizer,
        "scales": scales,
        "n_steps": 100,
        "tolerance": None,
        "n_points": 11,
        "images_per_step": 5,
    }
    finder = FourierPathFinder(**settings, n_terms=2, learning_rate=1e-3)
    shown, calls = copy.copy(network), [0]

    def minibatch(indices):
        part = network.minibatch(indices)
        combined = part.combined_gradients

        def gradients(*given):
            calls[0] += 1
            energies, found = combined(*given)
            return (energies, found * float("nan")) if calls[0] == last else (energies, found)

        part.combined_gradients = gradients
        return part

    shown.minibatch = minibatch
    results = []
    for waits in (False, True):
        calls[0] = 0
        monkeypatch.setattr(descent, "_waits", lambda values, waits=waits: waits)
        results.append(finder.find(shown, *far_points(network)[:2], seed=1))
    one, other = results
    assert torch.allclose(one.path.coefficients, other.path.coefficients, rtol=1e-9)
    assert one.path.coefficients.isfinite().all()
    assert (one.outcome, one.message) == (other.outcome, other.message)
    assert one.n_point_gradients == pytest.approx(other.n_point_gradients)
    assert one.outcome == ("budget spent" if last is None else "not a number")


def test_long_vectors_are_moved_as_short_ones_are(monkeypatch):
    from elsuite.paths import optimizers

    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(5, 2, 1000, generator=generator, dtype=torch.float64)
    moved = []
    for few in (10**6, 1):
        monkeypatch.setattr(optimizers, "FEW", few)
        monkeypatch.setattr(optimizers, "AT_ONCE", 300)
        place, step = torch.zeros(2, 1000, dtype=torch.float64), optimizers.optimizer("adam", 0.9, absolute=False)
        for gradient in gradients.clone():
            step(place, gradient, 0.1, None)
        moved.append(place)
    assert torch.allclose(*moved, rtol=1e-12)


@pytest.mark.parametrize("name", ["fourier", "bezier", "chain", "autoneb"])
def test_ctrl_c_keeps_what_the_round_has_lowered(network, name):
    """A round of many steps is the user's hour: the first one that is interrupted is no straight line."""
    finder = replace(SEARCHING[name](), n_steps=400, images_per_step=None)
    ends = far_points(network)[:2]
    with pytest.raises(SearchInterruptedError) as stopped:
        finder.find(after(network, 300), *ends)
    search = stopped.value.search
    line = LinearPathFinder(n_points=11).find(network, *ends)
    assert search.path.coefficients.abs().max() > 0
    assert search.refined_height < line.refined_height
    assert "interrupted in round" in search.message


def test_a_second_ctrl_c_keeps_the_last_whole_round(network, monkeypatch):
    finder, ends = replace(SEARCHING["bezier"](), n_steps=400), far_points(network)[:2]
    usual, calls = record.SearchRecord.measure, [0]

    def interrupted(own, path):
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        return usual(own, path)

    monkeypatch.setattr(record.SearchRecord, "measure", interrupted)
    with pytest.raises(SearchInterruptedError) as stopped:
        finder.find(after(network, 30), *ends)
    assert not stopped.value.search.path.coefficients.abs().max()
