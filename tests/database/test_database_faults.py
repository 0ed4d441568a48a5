"""The last commit stays when the file system fails; random adds equal a list."""

import contextlib
import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import strategies
import zarr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from stores import check_against, committed, failing_sets, filled, make, minima, more
from zarr.storage import LocalStore

from elsuite import open_database
from elsuite.database import verify_store
from elsuite.schema import TABLES, StoreAccessError

# Shrinking would take minutes: every step writes files.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]


@pytest.fixture(scope="module")
def n_writes(tmp_path_factory):
    """Files that a commit of `more` writes; the last is the root."""
    with filled(tmp_path_factory.mktemp("count") / "a") as database, failing_sets(10**6) as count:
        database.add(**more())
        return next(count)


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_full_disk_is_a_clear_error_and_the_last_commit_stays(tmp_path, n_writes, part, lasting):
    expected, first = filled(), round(part * (n_writes - 1))
    with filled(tmp_path / "a") as database:
        with failing_sets(first, None if lasting else first):
            with pytest.raises(StoreAccessError, match="No space left on device") as caught:
                database.add(**more())
            assert "\n" not in str(caught.value)
            with open_database(tmp_path / "a") as reader:
                assert committed(reader, expected)
        assert committed(database, expected)
        # Only the required columns: leftovers would show in the others.
        rows = {"minima": minima(1), "runs": [{"seed": 3}]}
        rows["paths"] = {"source": [0], "target": [3], "surface": "train", "height": [3.0]}
        for either in (database, expected):
            either.add(**rows)
        assert committed(database, expected)
    assert verify_store(tmp_path / "a") == ()
    with open_database(tmp_path / "a") as reader:
        assert committed(reader, expected)


def test_the_next_writer_clears_what_a_full_disk_left(tmp_path):
    expected = filled()
    database = filled(tmp_path / "a")
    with failing_sets(20):
        with pytest.raises(StoreAccessError):
            database.add(**more())
        database.close()
    longer = zarr.open_array(tmp_path / "a/minima/energy", mode="r")
    assert longer.shape[0] > 3
    with open_database(tmp_path / "a", "a") as database:
        assert committed(database, expected)
        for either in (database, expected):
            either.add(paths=[{"source": 0, "target": 0, "surface": "train", "height": 3.0}])
        assert committed(database, expected)
    assert zarr.open_array(tmp_path / "a/minima/energy", mode="r").shape == (3, 2)
    assert not list((tmp_path / "a").rglob("*.partial"))


def test_an_interrupt_leaves_the_last_commit_or_the_new_one(tmp_path, monkeypatch):
    with filled(tmp_path / "a") as database:
        plain = LocalStore.set

        async def interrupted(self, key, value):
            if key == "zarr.json":
                await plain(self, key, value)
                raise KeyboardInterrupt
            await plain(self, key, value)

        monkeypatch.setattr(LocalStore, "set", interrupted)
        with pytest.raises(KeyboardInterrupt):
            database.add(**more())
        monkeypatch.undo()
        assert database.n_minima == 5
        database.add(minima=minima(1))
        assert database.n_minima == 6
    assert verify_store(tmp_path / "a") == ()


AS_NO_SUPERUSER = """
import ctypes, os, sys
for capability in (1, 2):  # root's right to write to and read every file; gone after the exec
    ctypes.CDLL(None).prctl(24, capability)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""
TRY_EVERYTHING = """
import sys
from elsuite.database import LandscapeDatabase, open_database, verify_store
folder = sys.argv[1]
with open_database(folder) as database:
    print(database.n_minima, database.coordinates([2])[0, 0], database.n_paths)
print(verify_store(folder))
for use in (
    lambda: open_database(folder, "a"),
    lambda: LandscapeDatabase.create(folder + "/new", n_parameters=1, surfaces=["x"]),
    lambda: open_database(folder + "/closed"),
):
    try:
        use()
    except ValueError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="takes root's rights away as Linux does")
def test_a_folder_without_permission_to_write(tmp_path):
    folder = tmp_path / "a"
    filled(folder).close()
    filled(folder / "closed").close()
    items = [folder, *folder.rglob("*")]
    for item in items:
        item.chmod(0o555 if item.is_dir() else 0o444)
    (folder / "closed").chmod(0)
    command = [sys.executable, "-c", AS_NO_SUPERUSER, TRY_EVERYTHING, str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    (folder / "closed").chmod(0o755)
    for item in items:
        item.chmod(0o755)
    lines = result.stdout.splitlines()
    assert lines[:2] == ["3 6.0 2", "()"], result.stderr
    assert lines[2].startswith("StoreAccessError cannot write to"), lines
    assert lines[3].startswith("StoreAccessError cannot create"), lines
    assert lines[4].startswith("StoreAccessError cannot open"), lines
    assert all(line.endswith("Permission denied") for line in lines[2:])
    assert not (folder / ".lock").exists()


def test_the_writers_own_errors_of_the_system(tmp_path, monkeypatch):
    filled(tmp_path / "a").close()

    def refuse(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("filelock.SoftFileLock.acquire", refuse)
    with pytest.raises(StoreAccessError, match=r"cannot write to .*: Permission denied"):
        open_database(tmp_path / "a", "a")


def test_sync_names_the_files_of_a_commit(tmp_path, monkeypatch):
    with filled(tmp_path / "a") as database:
        synced = []
        plain = os.fsync
        monkeypatch.setattr(os, "sync", lambda: synced.append("everything"))
        monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
        database.add(runs=[{"seed": 1}], sync=True)
        assert synced[0] == "everything"
        assert synced[1].endswith("a/zarr.json")
        synced.clear()
        database.add(minima={"energy": np.ones((1, 2)), "coordinates": np.ones((1, 3))})
        assert synced == []
        database.add(runs=[{"seed": 2}], sync=True)
        names = {str(Path(name).relative_to(tmp_path / "a")) for name in synced}
        assert {
            "zarr.json",
            "runs/seed/c.0",
            "runs/seed",
            "minima/energy/c.0.0",
            "minima/coordinates/c.0.0",
            ".",
        } <= names
        assert Path(synced[-1]) == tmp_path / "a"
        synced.clear()
        database.add(sync=True)
        assert synced == []
        assert plain is not os.fsync


@settings(max_examples=10, phases=PHASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_adds_and_reopenings_equal_a_list(data):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.elsuite"
        model = {name: [] for name in TABLES}
        memory, database = make(), make(path)
        for _ in range(data.draw(st.integers(1, 4), label="steps")):
            action = data.draw(st.sampled_from(["add", "add", "reopen", "full", "abandon"]), label="action")
            batch = data.draw(strategies.batches(len(model["minima"])), label="batch")
            if action == "add":
                added = database.add(**batch)
                memory.add(**batch)
                for name, rows in batch.items():
                    assert getattr(added, name).tolist() == list(range(len(model[name]), len(model[name]) + len(rows)))
                    model[name] += rows
            elif action == "reopen":
                database.close()
                database = open_database(path, "a")
            else:
                first = data.draw(st.integers(0, 80), label="first write that fails")
                with failing_sets(first), contextlib.suppress(StoreAccessError):
                    database.add(**batch)
                    memory.add(**batch)
                    for name, rows in batch.items():
                        model[name] += rows
                if action == "abandon":
                    with failing_sets(0):
                        database.close()
                    database = open_database(path, "a")
            check_against(model, database)
        with open_database(path) as reader:
            check_against(model, reader)
        database.close()
        check_against(model, memory)
        assert verify_store(path) == ()
        with open_database(path) as reader:
            check_against(model, reader)
