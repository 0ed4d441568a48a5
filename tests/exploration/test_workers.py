"""Many processes for one study: the same database as one process makes, each result once, whoever is killed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest

from elsuite.database import open_database
from elsuite.exploration.minima import BlockTask, blocks_of
from elsuite.exploration.new_rows import NewRows
from elsuite.exploration.workers import Workers
from elsuite.studies import StudyRun, parse_study, run_study
from elsuite.studies.recipe import StudyRecipe

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
    np.testing.assert_allclose(one["energy"], two["energy"], rtol=1e-5)
    np.testing.assert_allclose(one["heights"], two["heights"], rtol=1e-4)


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
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
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
    return StudyRecipe.of(study.data, study.network, data_dir=None, threads=1)


def test_a_killed_worker_costs_one_more_try_and_a_poisonous_task_is_given_up(tmp_path):
    marks = [tmp_path / "once", tmp_path / "always"]
    for folder in marks:
        folder.mkdir()
    # The worker's processes find this module's class by its path.
    tasks = [Deadly(7, str(marks[0]), 1), Deadly(9, str(marks[1]), 99)]
    with Workers(recipe(), tmp_path / "inbox", n_workers=1) as workers:
        workers._client.register_worker_callbacks(lambda: sys.path.append(os.path.dirname(__file__)))
        once, always = workers.results(tasks)
    assert "message" not in once.runs
    assert len(list(marks[0].iterdir())) == 1
    assert "killed its worker 4 times" in always.runs["message"][0]
    assert len(list(marks[1].iterdir())) == 4


def test_what_lies_in_the_inbox_is_not_done_again(tmp_path):
    from elsuite.minimizers import SGD

    (block,) = blocks_of(SGD(epochs=1), label="sgd", seeds=[0], identity="x")
    task = BlockTask(block, None)
    from elsuite.exploration.new_rows import save_rows

    save_rows(tmp_path / f"{task.key:016x}.npz", task.failed("put there by hand"))
    with Workers(recipe(), tmp_path, n_workers=1) as workers:
        (batch,) = workers.results([task])
        assert batch.runs["message"].tolist() == ["put there by hand"]
        workers.forget([task])
    assert not list(tmp_path.iterdir())
