"""The same study, the same database bit by bit, whatever the number of workers, threads and cores."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from elsuite.core.machine import available_cores, computed_by
from elsuite.database import LandscapeDatabase, describe, open_database
from elsuite.database.merging import merge_databases
from elsuite.exploration import all_pairs, connect_minima, run_minimizer
from elsuite.exploration.computing import computed_with, torch_threads
from elsuite.exploration.new_rows import NewRows, add_rows, joined, load_rows, save_rows
from elsuite.exploration.workers import FactoryRecipe, Workers
from elsuite.landscapes import SixHumpCamel
from elsuite.minimizers import LBFGSGSS
from elsuite.paths import LinearPathFinder
from elsuite.studies import StudyError, StudyRun, parse_study, run_study

pytestmark = [
    pytest.mark.making,
    # Dask's own clean-up of sockets and loops is not ours to test.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

# Products of matrices large enough that several threads would share each.
TEXT = """
data = {name = "digits", n_train = 400, n_test = 100}
network = {architecture = "fcp", hidden = [200, 64]}
[[minimizers]]
algorithm = "lbfgs-gss"
starts = 2
epochs = 3
starts_per_block = 1
[[paths]]
finder = "fourier"
n_steps = 2
max_rounds = 1
pairs = "random"
n_pairs = 2
measure = ["test"]
align = "weights"
"""


def contents(store):
    """Every number of a database but times."""
    with open_database(store) as database:
        found = {"coordinates": database.coordinates(range(database.n_minima))}
        for name in ("runs", "minima", "paths"):
            table = getattr(database, name)
            found |= {
                f"{name}.{column}": np.asarray(table[column].values)
                for column in table.data_vars
                if column not in ("seconds", "coordinates")
            }
        return found, database.attributes["identity"], computed_by(database.attributes)


def test_the_same_whatever_workers_and_threads(tmp_path, monkeypatch):
    monkeypatch.setattr("elsuite.core.machine._OMP_NUM_THREADS", "")
    with torch_threads(2):
        assert torch.get_num_threads() == 2
        run_study(StudyRun(parse_study(TEXT), TEXT, tmp_path / "one"))
        assert torch.get_num_threads() == 2
    run_study(StudyRun(parse_study(TEXT), TEXT, tmp_path / "workers"), n_workers=2)
    (tmp_path / "study.toml").write_text(TEXT)
    command = [sys.executable, "-m", "elsuite", "run", str(tmp_path / "study.toml"), "--out", str(tmp_path / "alone")]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True)
    first, identity, computed = contents(tmp_path / "one" / "landscape.elsuite")
    assert len(first["coordinates"]) == 4
    assert len(first["paths.height"]) == 4
    assert [record["threads"] for record in computed] == [1]
    for name in ("workers", "alone"):
        other, other_identity, other_computed = contents(tmp_path / name / "landscape.elsuite")
        assert other.keys() == first.keys()
        for column, values in first.items():
            np.testing.assert_array_equal(values, other[column], err_msg=column)
        assert (other_identity, other_computed) == (identity, computed)


SMALL = """
threads = 2
data = {name = "digits", n_train = 50, n_test = 20}
network = {architecture = "fcp", hidden = [4]}
minimizers = [{algorithm = "sgd", starts = 2, epochs = 1}]
"""


def test_the_number_of_threads_is_the_studys_and_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr("elsuite.core.machine._OMP_NUM_THREADS", "")
    store = run_study(StudyRun(parse_study(SMALL), SMALL, tmp_path)).store
    assert [record["threads"] for record in contents(store)[2]] == [2]
    other = SMALL.replace("threads = 2", "threads = 3")
    with pytest.raises(StudyError, match="threads is 2 there and 3 here"):
        run_study(StudyRun(parse_study(other), other, tmp_path))
    with pytest.raises(StudyError, match=r"threads: given 0, allowed: greater than or equal to 1"):
        parse_study(SMALL.replace("threads = 2", "threads = 0"))


def test_no_more_threads_than_the_user_says(tmp_path, monkeypatch):
    monkeypatch.setattr("elsuite.core.machine._OMP_NUM_THREADS", "1,2")
    with pytest.warns(
        UserWarning, match=r"threads = 2 in the study, but OMP_NUM_THREADS allows 1: computed with 1"
    ) as said:
        store = run_study(StudyRun(parse_study(SMALL), SMALL, tmp_path)).store
    assert "\n" not in str(said[0].message)
    assert [record["threads"] for record in contents(store)[2]] == [1]


def test_what_computed_is_kept_with_rows_and_merged(tmp_path):
    here = computed_with()
    elsewhere = here | {"processor": "another"}
    rows = NewRows(minima={"energy": np.array([[1.0]]), "coordinates": np.array([[0.5, 0.5]])}, computed=(elsewhere,))
    save_rows(tmp_path / "rows.npz", rows)
    assert load_rows(tmp_path / "rows.npz").computed == (elsewhere,)
    assert joined([rows, rows]).computed == (elsewhere,)
    camel, stores = SixHumpCamel(), [tmp_path / "a.elsuite", tmp_path / "b.elsuite"]
    for store, own in zip(stores, (rows, NewRows(minima=rows.minima)), strict=True):
        with LandscapeDatabase.create(store, camel) as database:
            add_rows(database, own)
            add_rows(database, NewRows(minima={"energy": np.array([[2.0]]), "coordinates": np.array([[2.0, 1.0]])}))
    expected = [[elsewhere, here], [here]]
    for store, records in zip(stores, expected, strict=True):
        with open_database(store) as database:
            assert describe(database)["computed"] == records
    merge_databases(stores, tmp_path / "both.elsuite")
    with open_database(tmp_path / "both.elsuite") as database:
        assert describe(database)["computed"] == [elsewhere, here]
    said = subprocess.run(
        [sys.executable, "-m", "elsuite", "info", str(tmp_path / "both.elsuite")], capture_output=True, text=True
    ).stdout
    assert f"computed by another ({here['instructions']})" in said
    assert "2 kinds of machine contributed" in said


def test_workers_of_a_landscape_have_the_callers_threads(monkeypatch):
    monkeypatch.setattr("elsuite.core.machine._OMP_NUM_THREADS", "")
    monkeypatch.setattr("elsuite.exploration.workers.available_cores", lambda: 2)
    camel = SixHumpCamel()
    with torch_threads(2), LandscapeDatabase.create(None, camel) as database:
        with Workers(FactoryRecipe(SixHumpCamel), n_workers=1) as workers:
            run_minimizer(database, camel, LBFGSGSS(epochs=3), range(2), workers=workers)
            connect_minima(database, camel, LinearPathFinder(), all_pairs(range(2)), workers=workers)
        assert [record["threads"] for record in computed_by(database.attributes)] == [2]


def test_threads_that_wait_for_each_other_are_said(monkeypatch):
    monkeypatch.setattr("elsuite.exploration.workers.available_cores", lambda: 2)
    with (
        pytest.warns(UserWarning, match=r"1 workers of 3 threads each on 2 cores wait for each other"),
        Workers(FactoryRecipe(SixHumpCamel, threads=3), n_workers=1),
    ):
        pass


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 16),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, 16),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "300000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "10000 100000\n"}, 1),
        (
            {
                "proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/docker/z\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            16,
        ),
        ({"proc/self/cgroup": "nonsense\n0::/\n", "sys/fs/cgroup/cpu.max": "nonsense\n"}, 16),
    ],
)
def test_cores_of_a_container(tmp_path, monkeypatch, files, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_cores(tmp_path) == cores
