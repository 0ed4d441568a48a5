"""The store when processes are killed, collide, or meet a disk that is full or read-only."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from appending import N_PARAMETERS, SURFACES, commit, kill_rounds, next_ids, problem_of, processes

from elsuite.database import LandscapeDatabase, open_database, verify_store
from elsuite.schema import LockedError, NotAStoreError, NotFoundError, StoreAccessError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SIGKILL, tmpfs")
OPTIONS = {"n_parameters": N_PARAMETERS, "surfaces": SURFACES, "attributes": {"commits": 0}}


def test_a_killed_writer_loses_nothing_that_was_acknowledged(tmp_path):
    found = kill_rounds(tmp_path / "a.elsuite", 10, seed=os.getpid(), longest=0.3)
    assert (found.lost, found.torn, found.problem) == (0, 0, "")
    assert found.commits > 8


def read_for_a_while(path, connection):
    """Open the store again and again, and refresh, while a writer is at work; send how often and the first problem."""
    n_reads, problem = 0, ""
    with open_database(path) as early:
        while not connection.poll() and not problem:
            with open_database(path) as late:
                problem = problem_of(late)
            early.refresh()
            problem = problem or problem_of(early)
            n_reads += 2
    connection.send((n_reads, problem))


def test_a_reader_never_sees_half_a_commit(tmp_path):
    path = tmp_path / "a.elsuite"
    writer = LandscapeDatabase.create(path, **OPTIONS)
    ours, theirs = processes.Pipe()
    reader = processes.Process(target=read_for_a_while, args=(path, theirs))
    reader.start()
    for k in range(25):
        writer.add(**commit(k, next_ids(writer)))
        if k % 8 == 7:  # closing trims the arrays under the reader's feet
            writer.close()
            writer = open_database(path, "a")
    writer.close()
    ours.send("stop")
    n_reads, problem = ours.recv()
    reader.join()
    assert problem == ""
    assert n_reads > 4


def create_and_wait(path, connection):
    with LandscapeDatabase.create(path, n_parameters=2, surfaces=["energy"]):
        connection.send("made")
        time.sleep(60)


def test_a_killed_creation_can_be_started_again(tmp_path):
    rng = np.random.default_rng(os.getpid())
    for number in range(5):
        path = tmp_path / f"{number}.elsuite"
        ours, theirs = processes.Pipe(duplex=False)
        child = processes.Process(target=create_and_wait, args=(path, theirs))
        child.start()
        time.sleep(rng.uniform(0.0, 0.25))
        child.kill()
        child.join()
        try:
            open_database(path).close()
        except (NotAStoreError, NotFoundError):
            assert not ours.poll()
            LandscapeDatabase.create(path, n_parameters=2, surfaces=["energy"]).close()
        with open_database(path, "a") as database:
            database.add(minima={"energy": [[1.0]], "coordinates": [[0.0, 1.0]]})
        assert verify_store(path) == ()


def add_in_turn(path, number, timeout, connection):
    """Open, add one and close, ten times; send how often another writer was in the way."""
    refused = 0
    for i in range(10):
        while True:
            try:
                with open_database(path, "a", timeout=timeout) as database:
                    database.add(runs=[{"seed": 10 * number + i, "key": 1 + 10 * number + i}])
                break
            except LockedError:
                refused += 1
    connection.send(refused)


@pytest.mark.parametrize("timeout", [60.0, 0.0])
def test_two_writers_at_once_write_in_turn(tmp_path, timeout):
    path = tmp_path / "a.elsuite"
    LandscapeDatabase.create(path, n_parameters=2, surfaces=["energy"]).close()
    pipes = [processes.Pipe(duplex=False) for _ in range(2)]
    children = [
        processes.Process(target=add_in_turn, args=(path, number, timeout, theirs))
        for number, (_, theirs) in enumerate(pipes)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    refused = [ours.recv() for ours, _ in pipes]
    if timeout:
        assert refused == [0, 0]
    with open_database(path) as database:
        assert sorted(database.runs.seed.values.tolist()) == list(range(20))
    assert verify_store(path) == ()
    assert not (path / ".lock").exists()


def hold(path, connection):
    with open_database(path, "a"):
        connection.send(os.getpid())
        time.sleep(60)


def test_a_second_process_is_told_who_holds_the_store(tmp_path):
    path = tmp_path / "a.elsuite"
    LandscapeDatabase.create(path, n_parameters=2, surfaces=["energy"]).close()
    ours, theirs = processes.Pipe(duplex=False)
    child = processes.Process(target=hold, args=(path, theirs))
    child.start()
    holder = ours.recv()
    with pytest.raises(LockedError, match=f"is being written by process {holder} on"):
        open_database(path, "a")
    os.kill(holder, signal.SIGKILL)
    child.join()
    with open_database(path, "a", timeout=5) as database:
        database.add(runs=[{"seed": 1}])


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB, and a function that mounts it with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    if not mount("size=3m"):
        pytest.skip("mounting a tmpfs is not permitted here")
    yield folder, mount
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(small_disk):
    folder, _ = small_disk
    (folder / "filler").write_bytes(bytes(500_000))
    database = LandscapeDatabase.create(folder / "a.elsuite", **OPTIONS)
    k = 0
    message = ""
    while not message:
        try:
            database.add(**commit(k, next_ids(database)))
            k += 1
        except StoreAccessError as error:
            message = str(error)
    assert "No space left on device" in message
    assert "\n" not in message
    assert k > 3
    with open_database(folder / "a.elsuite") as reader:
        assert reader.attributes["commits"] == k
        assert problem_of(reader) == ""
    # What the failed commit had written is cleared by now, so that the next may fit, or fail in its turn.
    try:
        database.add(**commit(k, next_ids(database)))
        k += 1
    except StoreAccessError:
        pass
    assert problem_of(database) == ""
    (folder / "filler").unlink()
    database.add(**commit(k, next_ids(database)))
    database.close()
    with open_database(folder / "a.elsuite") as reader:
        assert reader.attributes["commits"] == k + 1
        assert problem_of(reader) == ""
    assert verify_store(folder / "a.elsuite") == ()


def test_a_disk_too_small_to_begin_with(small_disk):
    folder, _ = small_disk
    (folder / "filler").write_bytes(bytes(3 * 2**20 - 20_000))
    with pytest.raises(StoreAccessError, match="No space left on device"):
        LandscapeDatabase.create(folder / "a.elsuite", n_parameters=2, surfaces=["energy"])
    (folder / "filler").unlink()
    LandscapeDatabase.create(folder / "a.elsuite", n_parameters=2, surfaces=["energy"]).close()


def test_a_read_only_disk(small_disk):
    folder, mount = small_disk
    path = folder / "a.elsuite"
    with LandscapeDatabase.create(path, **OPTIONS) as database:
        for k in range(3):
            database.add(**commit(k, next_ids(database)))
    assert mount("remount,ro")
    with open_database(path) as reader:
        assert problem_of(reader) == ""
    assert verify_store(path) == ()
    with pytest.raises(StoreAccessError, match=r"cannot write to .*: Read-only file system"):
        open_database(path, "a")
    with pytest.raises(StoreAccessError, match=r"cannot create .*: Read-only file system"):
        LandscapeDatabase.create(folder / "b.elsuite", n_parameters=2, surfaces=["energy"])
