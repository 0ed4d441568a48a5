"""Many processes for one study: the same database as one process makes, each result once, whoever is killed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import distributed
import numpy as np
import pytest
import torch
from torch import nn

from elsuite.database import LandscapeDatabase, open_database
from elsuite.exploration import all_pairs, connect_minima, run_minimizer
from elsuite.exploration.connect import SearchReport
from elsuite.exploration.minima import blocks_of
from elsuite.exploration.new_rows import NewRows
from elsuite.exploration.workers import FactoryRecipe, Workers, WorkersError
from elsuite.landscapes import NeuralLandscape, Recipe, SixHumpCamel
from elsuite.minimizers import LBFGSGSS
from elsuite.paths import LinearPathFinder
from elsuite.studies import StudyRun, parse_study, run_study
from elsuite.studies.build import landscape_of

pytestmark = [
    pytest.mark.making,
    # Dask's own clean-up of sockets and loops is not ours to test.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

TEXT = """
seed = 1
[data]
name = "digits"
n_train = 100
n_test = 50
[network]
architecture = "fcp"
hidden = [5]
[[minimizers]]
algorithm = "sgd"
starts = 4
epochs = 3
starts_per_block = 1
[[minimizers]]
algorithm = "lbfgs-gss"
starts = 4
keep = 3
epochs = 3
starts_per_block = 2
[[paths]]
finder = "fourier"
setting = "published"
n_steps = 3
pairs = "random"
within = 2
between = 1
measure = ["test"]
"""


def tables(store):
    with open_database(store) as database:
        return {
            "runs": database.runs["key"].values,
            "minima": database.minima["key"].values,
            "paths": database.paths["key"].values,
            "energy": database.minima["energy"].values,
            "heights": database.paths["refined_height"].values,
        }


def assert_same(store, other):
    one, two = tables(store), tables(other)
    for name in ("runs", "minima", "paths"):
        np.testing.assert_array_equal(one[name], two[name])
        assert len(set(one[name].tolist())) == len(one[name])
    np.testing.assert_array_equal(one["energy"], two["energy"])
    np.testing.assert_array_equal(one["heights"], two["heights"])


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    return run_study(StudyRun(parse_study(TEXT), TEXT, tmp_path_factory.mktemp("serial"))).store


def test_without_workers_no_cluster_is_loaded():
    code = "import sys, elsuite.exploration; assert 'distributed' not in sys.modules and 'dask' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_two_workers_make_the_same_database(serial, tmp_path):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # taken already is as good
            other.bind(("127.0.0.1", 8787))  # what a second study on the machine finds taken
            other.listen()
        store = run_study(StudyRun(parse_study(TEXT), TEXT, tmp_path), n_workers=2).store
    assert_same(serial, store)
    assert not (tmp_path / "work").exists()


def test_a_killed_coordinator_ends_the_same(serial, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(TEXT)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "elsuite", "run", str(study), "--out", str(out), "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 30
    while time.monotonic() < until and not list(out.glob("work/inbox/*.npz")) and process.poll() is None:
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert_same(serial, out / "landscape.elsuite")


@dataclass(frozen=True)
class Deadly:
    """A task that kills its worker the first `times` times; each time is a mark in `folder`."""

    key: int
    folder: str
    times: int

    identity = "null"

    def loaded(self):
        return self

    def perform(self, landscape):
        marks = len(os.listdir(self.folder))
        if marks < self.times:
            open(os.path.join(self.folder, f"{marks}-{os.getpid()}"), "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return NewRows(runs={"key": np.array([self.key], dtype=np.uint64)})

    def failed(self, reason):
        return NewRows(runs={"key": np.array([self.key], dtype=np.uint64), "message": np.array([reason])})


def recipe():
    study = parse_study(TEXT)
    return FactoryRecipe(landscape_of, (study.data, study.network))


def test_a_killed_worker_costs_one_more_try_and_a_poisonous_task_is_given_up(tmp_path):
    marks = [tmp_path / "once", tmp_path / "always"]
    for folder in marks:
        folder.mkdir()
    # The worker's processes find this module's class by its path.
    tasks = [Deadly(7, str(marks[0]), 1), Deadly(9, str(marks[1]), 99)]
    with Workers(recipe(), tmp_path / "inbox", n_workers=1) as workers:
        known_here(workers)
        once, always = workers.results(tasks)
    assert "message" not in once.runs
    assert len(list(marks[0].iterdir())) == 1
    assert "killed its worker 4 times" in always.runs["message"][0]
    assert len(list(marks[1].iterdir())) == 4


def test_what_lies_in_the_inbox_is_not_done_again(tmp_path):
    from elsuite.exploration.new_rows import save_rows
    from elsuite.minimizers import SGD

    (task,) = blocks_of(SGD(epochs=1), label="sgd", seeds=[0], identity="x")

    save_rows(tmp_path / f"{task.key:016x}.npz", task.failed("put there by hand"))
    with Workers(recipe(), tmp_path, n_workers=1) as workers:
        (batch,) = workers.results([task])
        assert batch.runs["message"].tolist() == ["put there by hand"]
        workers.forget([task])
    assert not list(tmp_path.iterdir())


@dataclass(frozen=True)
class Task:
    """A task that does as `how` says."""

    key: int
    how: object

    identity = "null"

    def loaded(self):
        return self

    def perform(self, landscape):
        if self.how == "raises":
            raise RuntimeError("SCF did not converge\nafter 100 cycles")
        if self.how == "objects":
            return NewRows(runs={"key": np.array([lambda: 0], dtype=object)})
        return NewRows(runs={"n_parameters": np.array([landscape.n_parameters])})

    def failed(self, reason):
        return NewRows(runs={"message": np.array([reason])})


class Unsendable:
    """Cannot be pickled."""

    def __reduce__(self):
        raise TypeError("no pickle of a calculator that runs")


def no_landscape():
    raise OSError("the data are not here")


def known_here(workers):
    """Let the workers' processes find this module's classes by its path."""
    folder = os.path.dirname(__file__)
    workers._client.register_worker_callbacks(lambda: sys.path.append(folder))


def test_any_error_of_one_task_is_its_row_and_the_others_go_on():
    tasks = [Task(1, "right"), Task(2, "raises"), Task(3, "objects"), Task(4, Unsendable()), Task(5, "right")]
    with Workers(Recipe("lj5"), n_workers=1) as workers:
        known_here(workers)
        rows = [result.runs for result in workers.results(tasks)]
        inbox = workers._inbox
        assert len(list(inbox.iterdir())) == 5
        workers.forget(tasks)
        assert not list(inbox.iterdir())
    assert not inbox.exists()
    assert rows[0]["n_parameters"].tolist() == rows[4]["n_parameters"].tolist() == [15]
    messages = [row["message"][0] for row in rows[1:4]]
    assert messages[0] == "RuntimeError: SCF did not converge"
    assert messages[1] == "TypeError: runs.key holds Python objects; numbers or strings are allowed"
    assert messages[2] == "cannot be sent to a worker: TypeError: no pickle of a calculator that runs"


def test_workers_that_cannot_make_the_landscape_are_no_failure_of_the_tasks():
    with Workers(FactoryRecipe(no_landscape), n_workers=1) as workers:
        known_here(workers)
        with pytest.raises(WorkersError, match="cannot make the landscape: OSError: the data are not here"):
            list(workers.results([Task(1, "right")]))


def own_network():
    """A network of the user's own, as a program makes it."""
    inputs = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    return NeuralLandscape(module, nn.MSELoss(), inputs, inputs.sum(1, keepdim=True))


def test_landscapes_of_the_users_own_are_explored_by_workers():
    made = []
    for factory, dtype in ((own_network, "float32"), (SixHumpCamel, "float64")):
        landscape = factory()
        stores = [LandscapeDatabase.create(None, landscape) for _ in range(2)]
        with Workers(FactoryRecipe(factory), n_workers=2) as workers:
            known_here(workers)
            for database, helpers in zip(stores, (None, workers), strict=True):
                minimizer = LBFGSGSS(epochs=20)
                report = run_minimizer(database, landscape, minimizer, range(5), workers=helpers)
                assert (report.n_runs, report.n_minima, report.n_failed) == (5, 5, 0)
                pairs = all_pairs(range(5))
                report = connect_minima(database, landscape, LinearPathFinder(), pairs, workers=helpers)
                assert report == SearchReport(n_searched=10, n_known=0, n_failed=0)
                assert connect_minima(database, landscape, LinearPathFinder(), pairs).n_known == 10
        one, two = stores
        assert str(two.minima["coordinates"].dtype) == dtype
        for name in ("runs", "minima", "paths"):
            np.testing.assert_array_equal(getattr(one, name)["key"], getattr(two, name)["key"])
        np.testing.assert_allclose(one.paths["refined_height"], two.paths["refined_height"], rtol=1e-4, atol=1e-6)
        made.append(landscape.n_parameters)
    assert made == [21, 2]


class Future:
    """What a stand-in for a cluster gives back."""

    status, alive = "finished", weakref.WeakSet()

    def __init__(self, result):
        self._result = result
        Future.alive.add(self)

    def result(self):
        return self._result

    def release(self):
        pass


class Heavy(Task):
    """A task that is heavy once it is loaded."""

    alive: ClassVar = weakref.WeakSet()

    identity = "null"

    def loaded(self):
        task = Heavy(self.key, np.zeros(10_000))
        Heavy.alive.add(task)
        return task

    __hash__ = object.__hash__


def test_neither_tasks_nor_futures_pile_up(tmp_path, monkeypatch):
    """A cluster whose one thread does everything at once stands for the real one."""
    monkeypatch.setattr(distributed, "wait", lambda futures, **_: SimpleNamespace(done=set(futures[:1])))
    workers = object.__new__(Workers)
    workers._inbox, workers._recipe, workers._dumps = tmp_path, b"", lambda task: task
    workers._client = SimpleNamespace(
        nthreads=lambda: {"w": 3}, submit=lambda _, recipe, task, inbox, **options: Future(task.failed("none"))
    )
    tasks = [Heavy(key, None) for key in range(1, 2001)]
    most = 0
    for task, _ in zip(tasks, workers.results(tasks), strict=True):
        workers.forget([task])
        most = max(most, len(Heavy.alive), len(Future.alive), len(list(tmp_path.iterdir())))
    assert most <= 6
