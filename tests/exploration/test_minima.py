"""Runs into a database: failed starts are rows, unusable runs give no minima, failed work is tried again on demand."""

import errno

import numpy as np
import pytest
import torch
from torch import nn

from elsuite.core.identity import content_key, retry_key
from elsuite.database import LandscapeDatabase, verify_store
from elsuite.exploration import run_minimizer
from elsuite.exploration.attempts import Remaining, remaining_work
from elsuite.exploration.minima import MinimizationReport, blocks_of, sample_into
from elsuite.exploration.new_rows import NewRows, add_rows, joined, load_rows, save_rows, select_lowest
from elsuite.landscapes import FunctionLandscape, NeuralLandscape, SixHumpCamel
from elsuite.minimizers import LBFGSGSS, SGD

pytestmark = pytest.mark.making


def wells(points):
    return ((points**2 - 1) ** 2).sum(1)


class Fragile:
    """The wells, as a calculator that gives up where the first coordinate of a point is one of `bad`."""

    def __init__(self, bad=()):
        self.bad, self.n_calls = set(bad), 0

    def __call__(self, points):
        self.n_calls += 1
        if self.bad & set(points[:, 0].tolist()):
            raise RuntimeError("SCF did not converge\nafter 100 cycles")
        return wells(points)


def landscape(bad_seeds=()):
    plain = FunctionLandscape(wells, 2)
    surface = Fragile(plain.initial_points(list(bad_seeds))[:, 0].tolist() if len(bad_seeds) else ())
    return FunctionLandscape(surface, 2), surface


def minima_of(database):
    table = database.minima
    return dict(zip(table["key"].values.tolist(), database.coordinates(range(database.n_minima)).tolist(), strict=True))


@pytest.fixture
def database():
    with LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"], dtype="float64") as database:
        yield database


def test_a_start_that_raises_is_a_row_and_the_others_are_stored(database):
    fragile, _ = landscape([1, 4])
    report = run_minimizer(database, fragile, LBFGSGSS(), range(6), label="gss")
    assert report == MinimizationReport(n_runs=6, n_known=0, n_minima=4, n_failed=2, n_unusable=0)
    runs = database.runs
    failed = runs["outcome"].values == "failed"
    assert sorted(runs["seed"].values[failed].tolist()) == [1, 4]
    assert set(runs["message"].values[failed].tolist()) == {"RuntimeError: SCF did not converge"}
    assert np.isnan(runs["curves"].values[failed]).all()
    assert set(database.minima["run"].values.tolist()) == set(np.flatnonzero(~failed).tolist())
    again = run_minimizer(database, fragile, LBFGSGSS(), seeds=range(6), label="gss")
    assert again == MinimizationReport(n_runs=0, n_known=6, n_minima=0, n_failed=2, n_unusable=0)


def test_what_is_tried_again_gives_what_it_would_have_given(database):
    whole, _ = landscape()
    with LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"], dtype="float64") as other:
        run_minimizer(other, whole, LBFGSGSS(), range(4))
        expected = minima_of(other)
    fragile, surface = landscape([2])
    run_minimizer(database, fragile, LBFGSGSS(), range(4))
    still = run_minimizer(database, fragile, LBFGSGSS(), range(4), retry_failed=True)
    assert (still.n_runs, still.n_known, still.n_failed) == (1, 3, 1)
    surface.bad.clear()
    done = run_minimizer(database, fragile, LBFGSGSS(), range(4), retry_failed=True)
    assert (done.n_runs, done.n_minima, done.n_failed) == (1, 1, 0)
    found = minima_of(database)
    assert found.keys() == expected.keys()
    for key, point in found.items():
        np.testing.assert_allclose(point, expected[key], rtol=0, atol=1e-6)
    keys = database.runs["key"].values.tolist()
    assert len(keys) == len(set(keys)) == 6
    assert run_minimizer(database, fragile, LBFGSGSS(), range(4), retry_failed=True).n_runs == 0


def test_failed_rows_of_earlier_stores_are_tried_again(database):
    camel = SixHumpCamel()
    (block,) = blocks_of(LBFGSGSS(), label="lbfgs-gss", seeds=[0, 1], identity=[2, ["energy"]])
    add_rows(database, block.failed("it killed its worker 4 times"))
    assert run_minimizer(database, camel, LBFGSGSS(), range(2)).n_failed == 2
    report = run_minimizer(database, camel, LBFGSGSS(), range(2), retry_failed=True)
    assert (report.n_runs, report.n_minima, report.n_failed) == (2, 2, 0)
    assert database.minima["key"].values.tolist() == [content_key("minimum", key, "energy") for key in block.keys]


def test_a_killed_call_goes_on_at_the_start_where_it_was(database, tmp_path):
    """After a block has raised, its starts are done alone: those that were finished are not done again."""
    fragile, _ = landscape([0])
    done = []

    class Watched(LBFGSGSS):
        def minimize(self, *args, seeds, **options):
            if len(done) == 3:
                done.append("stopped")
                raise KeyboardInterrupt
            results = super().minimize(*args, seeds=seeds, **options)
            done.append(tuple(seeds))
            return results

    with pytest.raises(KeyboardInterrupt):
        run_minimizer(database, fragile, Watched(), range(6), folder=tmp_path)
    assert done == [(1,), (2,), (3,), "stopped"]
    assert database.n_runs == 0
    report = run_minimizer(database, fragile, Watched(), range(6), folder=tmp_path)
    assert done[4:] == [(4,), (5,)]
    assert (report.n_runs, report.n_minima, report.n_failed) == (6, 5, 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("with_folder", [False, True])
def test_the_kept_are_the_lowest_of_the_usable(database, tmp_path, with_folder):
    fragile, _ = landscape([3])
    (block,) = blocks_of(LBFGSGSS(epochs=2), label="gss", seeds=range(8), identity="x")
    folder = tmp_path if with_folder else None
    report = sample_into(database, fragile, [block], keep=4, folder=folder)
    assert (report.n_runs, report.n_minima, report.n_failed) == (8, 4, 1)
    outcome, curves = database.runs["outcome"].values, database.runs["curves"].values[:, 0]
    lowest = [np.inf if o == "failed" else np.nanmin(c) for o, c in zip(outcome, curves, strict=True)]
    assert set(database.minima["run"].values.tolist()) == set(np.argsort(lowest)[:4].tolist())
    assert not list(tmp_path.iterdir())


def test_a_run_tried_again_is_kept_where_it_is_among_the_lowest_of_all(database):
    whole, _ = landscape()
    epochs = 2
    run_minimizer(database, whole, LBFGSGSS(epochs=epochs), range(6), label="all")
    energy = database.minima["energy"].values[:, 0]
    ranks = np.argsort(np.argsort(energy)).tolist()
    for rank in (0, 1, 2, 5):
        seed = ranks.index(rank)
        fragile, surface = landscape([seed])
        with LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"], dtype="float64") as other:
            run_minimizer(other, fragile, LBFGSGSS(epochs=epochs), range(6), keep=2)
            assert other.n_minima == 2
            surface.bad.clear()
            run_minimizer(other, fragile, LBFGSGSS(epochs=epochs), range(6), keep=2, retry_failed=True)
            best = set(np.argsort(energy)[:2].tolist())
            seeds = set(other.runs["seed"].values[other.minima["run"].values].tolist())
            assert best <= seeds
            assert len(seeds) == (3 if rank < 2 else 2)


def network():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(60, 3, generator=generator)
    module = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
    return NeuralLandscape(module, nn.MSELoss(), inputs, inputs.sum(1, keepdim=True))


@pytest.mark.parametrize("keep", [None, 2])
def test_runs_that_diverge_give_no_minima(keep):
    loss = network()
    with LandscapeDatabase.create(None, loss) as database:
        report = run_minimizer(database, loss, SGD(epochs=5, learning_rate=1e3), range(3), keep=keep)
        assert report == MinimizationReport(n_runs=3, n_known=0, n_minima=0, n_failed=0, n_unusable=3)
        assert database.n_minima == 0
        assert set(database.runs["outcome"].values.tolist()) <= {"diverged", "not a number"}


def test_minima_of_diverged_runs_in_files_of_earlier_versions_are_not_kept():
    minima = {
        "run": np.array([0, 1, 2]),
        "energy": np.array([[1.0], [0.5], [2.0]]),
        "outcome": np.array(["converged", "diverged", "converged"]),
    }
    assert select_lowest(NewRows(minima=minima), 2).minima["run"].tolist() == [0, 2]


def test_an_error_of_the_callback_and_an_interrupt_are_no_failed_start(database):
    fragile, _ = landscape()
    for error in (RuntimeError, KeyboardInterrupt):

        def stop(*_, error=error):
            raise error("enough")

        with pytest.raises(error, match="enough"):
            run_minimizer(database, fragile, LBFGSGSS(), range(2), progress=stop)
    assert database.n_runs == 0


def test_a_full_disk_is_no_failed_start(database, tmp_path):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    flawed, surface = landscape()
    run_minimizer(database, flawed, LBFGSGSS(), [0])
    surface.bad = type("Full", (), {"__and__": lambda *_: full(0)})()
    with pytest.raises(OSError, match="No space left"):
        run_minimizer(database, flawed, LBFGSGSS(), range(3), folder=tmp_path)
    (tmp_path / "file").write_text("")
    surface.bad = set()
    with pytest.raises(OSError, match="file"):
        run_minimizer(database, flawed, LBFGSGSS(), range(3), folder=tmp_path / "file")
    assert database.n_runs == 1


def test_what_is_left():
    def table(*rows):
        keys = np.array([key for key, _ in rows], dtype=np.uint64)
        return {"key": keys, "outcome": np.array([outcome for _, outcome in rows], dtype=object)}

    import xarray as xr

    rows = xr.Dataset(
        {
            name: ("run", column)
            for name, column in table(
                (1, "converged"), (2, "failed"), (3, "failed"), (retry_key(3, 1), "failed"),
                (4, "failed"), (retry_key(4, 1), "diverged"),
            ).items()
        }
    )  # fmt: skip
    assert remaining_work(rows, [1, 2, 3, 4, 5, 5]) == Remaining({5: 0}, n_known=4, n_failed=2)
    again = remaining_work(rows, [1, 2, 3, 4, 5], retry_failed=True)
    assert again == Remaining({2: 1, 3: 2, 5: 0}, n_known=2, n_failed=0)
    assert retry_key(7, 0) == 7
    assert retry_key(7, 2) == content_key("retry", 7, 2)


def test_rows_with_other_columns_are_joined_and_come_back_from_a_file(tmp_path):
    full = NewRows(runs={"key": np.array([1], dtype=np.uint64), "n_steps": np.array([3]), "curves": np.ones((1, 2, 4))})
    failed = NewRows(runs={"key": np.array([2], dtype=np.uint64), "message": np.array(["why"])})
    rows = joined([failed, full])
    save_rows(tmp_path / "rows.npz", rows)
    read = load_rows(tmp_path / "rows.npz").runs
    assert read["n_steps"].tolist() == [-1, 3]
    assert read["message"].tolist() == ["why", ""]
    assert np.isnan(read["curves"][0]).all()
    assert (read["curves"][1] == 1).all()
    with pytest.raises(TypeError, match=r"runs\.key holds Python objects"):
        save_rows(tmp_path / "objects.npz", NewRows(runs={"key": np.array([object()])}))
    assert not (tmp_path / "objects.npz").exists()


def test_a_store_with_failed_and_retried_runs_is_sound(tmp_path):
    fragile, surface = landscape([1])
    place = tmp_path / "s.elsuite"
    with LandscapeDatabase.create(place, n_parameters=2, surfaces=["energy"], dtype="float64") as database:
        run_minimizer(database, fragile, LBFGSGSS(), range(3))
        surface.bad.clear()
        run_minimizer(database, fragile, LBFGSGSS(), range(3), retry_failed=True)
    assert not verify_store(place)


class Killed(BaseException):
    """A process that ends without another word."""


@pytest.mark.parametrize(("every", "kept"), [(1, True), (3, True), (50, False)])
def test_checkpoints_come_as_often_as_is_said(tmp_path, every, kept):
    surface = FunctionLandscape(lambda points: (points**4).sum(1), 2)
    minimizer = LBFGSGSS(epochs=8)

    def kill(_stage, done, total):
        if done >= 0.6 * total:
            raise Killed

    with LandscapeDatabase.create(None, surface) as own:
        with pytest.raises(Killed):
            run_minimizer(own, surface, minimizer, range(2), folder=tmp_path, checkpoint_every=every, progress=kill)
        assert bool(list(tmp_path.glob("*.checkpoint.npz"))) == kept
        run_minimizer(own, surface, minimizer, range(2), folder=tmp_path, checkpoint_every=every)
        assert own.n_runs == 2
        with LandscapeDatabase.create(None, surface) as whole:
            run_minimizer(whole, surface, minimizer, range(2))
            np.testing.assert_array_equal(own.minima["coordinates"].values, whole.minima["coordinates"].values)
            np.testing.assert_array_equal(own.runs["key"].values, whole.runs["key"].values)


def test_blocks_are_as_large_as_is_said():
    surface, calls = SixHumpCamel(), []
    with LandscapeDatabase.create(None, surface) as own:
        run_minimizer(
            own, surface, LBFGSGSS(), range(5), starts_per_block=2, progress=lambda *call: calls.append(own.n_runs)
        )
        assert set(calls) == {0, 2, 4}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"checkpoint_every": 0}, "checkpoint_every: given 0, allowed: whole numbers from 1"),
        ({"checkpoint_every": 2.5}, "checkpoint_every: given 2.5"),
        ({"starts_per_block": True}, "starts_per_block: given True"),
    ],
)
def test_numbers_that_are_none(options, words):
    with LandscapeDatabase.create(None, SixHumpCamel()) as own, pytest.raises(ValueError, match=words):
        run_minimizer(own, SixHumpCamel(), LBFGSGSS(), range(2), **options)
