"""What may be opened and created, by how many, and what a stranger sees."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
import zarr
from stores import edit_root, filled, make, minima, same
from zarr.storage import LocalStore

from elsuite import open_database
from elsuite.database import can_create, verify_store
from elsuite.schema import (
    TABLES,
    DamagedStoreError,
    LockedError,
    NewerFormatError,
    NotAStoreError,
    NotFoundError,
    StoreError,
    StoreExistsError,
)


def test_a_stranger_sees_exactly_the_rows_after_a_clean_close(tmp_path):
    filled(tmp_path / "a").close()
    sizes = {"runs": ("run", 2), "minima": ("minimum", 3), "paths": ("path", 2)}
    tree = xr.open_datatree(tmp_path / "a", engine="zarr", consolidated=False)
    assert tree.attrs["format"] == "elsuite-landscape"
    assert tree.attrs["Conventions"].startswith("CF-")
    for name, (dim, n_rows) in sizes.items():
        table = xr.open_zarr(tmp_path / "a", group=name, consolidated=False).load()
        assert table.sizes[dim] == n_rows
        assert tree[name].sizes[dim] == n_rows
        assert all(variable.attrs["long_name"] for variable in table.variables.values())
        with open_database(tmp_path / "a") as database:
            own = getattr(database, name)
            for column in own.data_vars:
                np.testing.assert_array_equal(table[column].values.astype(own[column].dtype), own[column].values)
                assert table[column].attrs == own[column].attrs
    assert table["seconds"].attrs["units"] == "s"
    assert xr.open_zarr(tmp_path / "a", group="minima", consolidated=False).surface.values.tolist() == ["train", "test"]


def test_chunks_lie_in_one_folder_an_array(tmp_path):
    filled(tmp_path / "a").close()
    assert not [item for item in (tmp_path / "a").glob("*/*/*") if item.is_dir()]
    document = json.loads((tmp_path / "a/minima/coordinates/zarr.json").read_text())
    assert document["codecs"] == [{"name": "bytes", "configuration": {"endian": "little"}}]


def test_a_reader_sees_new_commits_after_refresh(tmp_path):
    with filled(tmp_path / "a") as writer, open_database(tmp_path / "a") as reader:
        before = reader.minima
        writer.add(
            minima={"energy": np.ones((1, 2)), "coordinates": np.ones((1, 3)), "fvib": [1.0]}, attributes={"n": 1}
        )
        assert reader.n_minima == 3
        assert "fvib" not in reader.minima
        reader.refresh()
        assert reader.n_minima == 4
        assert reader.attributes["n"] == 1
        np.testing.assert_array_equal(reader.minima.fvib, [np.nan, np.nan, np.nan, 1.0])
        assert before.energy.shape == before.energy.values.shape == (3, 2)
        assert same(reader, writer)


def test_reading_creates_no_file_and_opening_reads_no_coordinates(tmp_path, monkeypatch):
    filled(tmp_path / "a").close()
    read = []
    plain = LocalStore.get

    async def get(self, key, *args, **kwargs):
        read.append(key)
        return await plain(self, key, *args, **kwargs)

    monkeypatch.setattr(LocalStore, "get", get)
    before = sorted((item, item.stat().st_mtime_ns) for item in (tmp_path / "a").rglob("*"))
    with open_database(tmp_path / "a") as database:
        for name in TABLES:
            getattr(database, name)
        assert not [key for key in read if "/c." in key]
        database.coordinates([0])
        assert [key for key in read if "/c." in key] == ["minima/coordinates/c.0.0"]
    assert sorted((item, item.stat().st_mtime_ns) for item in (tmp_path / "a").rglob("*")) == before


def test_coordinates_read_only_their_chunks(tmp_path, monkeypatch):
    n = 100_000
    with make(tmp_path / "a", n_parameters=n) as database:
        database.add(minima={"energy": np.zeros((7, 2)), "coordinates": np.repeat(np.arange(7.0)[:, None], n, axis=1)})
        read = []
        plain = LocalStore.get

        async def get(self, key, *args, **kwargs):
            read.append(key)
            return await plain(self, key, *args, **kwargs)

        monkeypatch.setattr(LocalStore, "get", get)
        points = database.coordinates([5, 0, 5])
        assert points[:, 0].tolist() == [5, 0, 5]
        assert sorted(set(read)) == ["minima/coordinates/c.0.0", "minima/coordinates/c.2.0"]


def test_what_is_no_store(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    zarr.create_group(tmp_path / "other.zarr")
    filled(tmp_path / "good.elsuite").close()
    cases = [
        ("nothing", NotFoundError, "no database at .*nothing; .* has good.elsuite, other.zarr"),
        ("file", NotAStoreError, "file is a file; a landscape database is a folder"),
        ("folder", NotAStoreError, "folder is no landscape database: it has no zarr.json"),
        ("other.zarr", NotAStoreError, "other.zarr is a zarr store, and no landscape database"),
        ("good.elsuite/minima", NotAStoreError, "minima is a zarr store, and no landscape database"),
    ]
    for name, error, message in cases:
        for mode in ("r", "a"):
            with pytest.raises(error, match=message) as caught:
                open_database(tmp_path / name, mode)
            assert "\n" not in str(caught.value)
        assert not (tmp_path / name / ".lock").exists()
    with pytest.raises(ValueError, match="no URLs"):
        open_database("https://example.org/a.elsuite")
    with pytest.raises(ValueError, match="mode: expected 'r' or 'a', got 'w'"):
        open_database(tmp_path / "good.elsuite", "w")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"format_version": 2}, NewerFormatError, "has format version 2; this program reads up to 1: install a newer elsuite"),
        ({"format": "other"}, NotAStoreError, "no landscape database"),
        ({"format_version": "1"}, DamagedStoreError, "format_version is '1'"),
        ({"n_minima": -1}, DamagedStoreError, "n_minima is -1"),
        ({"n_paths": None}, DamagedStoreError, "n_paths is None"),
        ({"surfaces": []}, DamagedStoreError, "surfaces are"),
        ({"n_minima": 10**6}, DamagedStoreError, "minima/.* has 3 rows, the root says 1000000"),
        ({"n_parameters": 2**70}, DamagedStoreError, r"minima/coordinates has the shape \(3, 3\), expected is \(rows, 11805"),
        ({"surfaces": ["train"]}, DamagedStoreError, r"has the shape \(.*\), expected is \(rows, 1"),
    ],
)  # fmt: skip
def test_roots_that_are_wrong(tmp_path, changes, error, message):
    filled(tmp_path / "a").close()
    edit_root(tmp_path / "a", **changes)
    for mode in ("r", "a"):
        with pytest.raises(error, match=message):
            open_database(tmp_path / "a", mode)
    assert not (tmp_path / "a/.lock").exists()


@pytest.mark.parametrize("value", [1, "x", [1]])
def test_attributes_of_a_column_that_are_none(tmp_path, value):
    filled(tmp_path / "a").close()
    path = tmp_path / "a/minima/gradient_norm/zarr.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"attributes": value}))
    for mode in ("r", "a"):
        with pytest.raises(DamagedStoreError, match=r"minima/gradient_norm/zarr.json in .* is damaged"):
            open_database(tmp_path / "a", mode)
    assert not (tmp_path / "a/.lock").exists()


def test_nothing_is_created_where_something_is(tmp_path):
    filled(tmp_path / "a").close()
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/thesis.tex").write_text("x")
    for name, message in (
        ("a", "is there already; open it with mode 'a'"),
        ("file", "is a file"),
        ("folder", "other files"),
    ):
        with pytest.raises(StoreExistsError, match=message):
            make(tmp_path / name)
    assert sorted(item.name for item in (tmp_path / "folder").iterdir()) == ["thesis.tex"]
    (tmp_path / "empty").mkdir()
    make(tmp_path / "empty").close()
    make(tmp_path / "deep/er/a").close()


def test_a_creation_that_was_cut_off_can_be_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr("elsuite.database.arrays.write_root", lambda *_: (_ for _ in ()).throw(OSError("killed")))
    with pytest.raises(OSError, match="killed"):
        make(tmp_path / "a")
    monkeypatch.undo()
    with pytest.raises(NotAStoreError):
        open_database(tmp_path / "a")
    assert can_create(tmp_path / "a")
    with filled(tmp_path / "a") as database:
        assert same(database, filled())
    assert not can_create(tmp_path / "a")


def test_closed_and_read_only_databases_refuse(tmp_path):
    database = filled(tmp_path / "a")
    database.close()
    database.close()
    for use in (lambda: database.add(runs=[{}]), database.refresh):
        with pytest.raises(StoreError, match="is closed"):
            use()
    assert same(database, filled())
    assert database.coordinates([1]).tolist() == [[3, 4, 5]]
    with (
        open_database(tmp_path / "a") as reader,
        pytest.raises(StoreError, match="open for reading; open it with mode 'a'"),
    ):
        reader.add(runs=[{"seed": 1}])
    assert "3 minima" in repr(reader)


def test_one_writer_at_a_time(tmp_path):
    with filled(tmp_path / "a"):
        with pytest.raises(LockedError, match=rf"is being written by process {os.getpid()} on ") as caught:
            open_database(tmp_path / "a", "a")
        assert "\n" not in str(caught.value)
        with pytest.raises(LockedError):
            open_database(tmp_path / "a", "a", timeout=0.2)
        with open_database(tmp_path / "a") as reader:
            assert reader.n_minima == 3
    with open_database(tmp_path / "a", "a") as writer:
        writer.add(minima=minima(1))
    assert not (tmp_path / "a/.lock").exists()


def test_a_writer_that_lost_its_lock_commits_nothing(tmp_path):
    first = filled(tmp_path / "a")
    (tmp_path / "a/.lock").unlink()  # what nobody should do
    with open_database(tmp_path / "a", "a") as second:
        second.add(minima=minima(1))
        for _ in range(2):
            with pytest.raises(LockedError, match=r"changed by another writer|taken over"):
                first.add(minima=minima(5))
        first.close()
        assert (tmp_path / "a/.lock").exists()
        second.add(minima=minima(1))
    assert verify_store(tmp_path / "a") == ()
    with open_database(tmp_path / "a") as reader:
        assert reader.n_minima == 5


def test_a_lock_of_another_process_is_noticed(tmp_path):
    first = filled(tmp_path / "a")
    (tmp_path / "a/.lock").unlink()
    (tmp_path / "a/.lock").write_text("123\nelsewhere\n")
    with pytest.raises(LockedError, match="was taken away by process 123 on elsewhere; nothing was committed"):
        first.add(minima=minima(5))
    first.close()
    with pytest.raises(LockedError, match="is being written by process 123 on elsewhere"):
        open_database(tmp_path / "a", "a")
    assert verify_store(tmp_path / "a") == ()


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path):
    filled(tmp_path / "a").close()
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    (tmp_path / "a/.lock").write_text(f"{child.pid}\n{socket.gethostname()}\n")
    with open_database(tmp_path / "a", "a") as database:
        database.add(minima=minima(1))


def test_a_fork_of_the_writer_writes_nothing(tmp_path, monkeypatch):
    with filled(tmp_path / "a") as database:
        monkeypatch.setattr(os, "getpid", lambda: 1)
        with pytest.raises(LockedError, match="of which this is a fork"):
            database.add(minima=minima(1))
        monkeypatch.undo()


def test_a_writer_whose_pointer_was_moved_commits_nothing(tmp_path):
    first = filled(tmp_path / "a")
    edit_root(tmp_path / "a", note="someone else")
    with pytest.raises(LockedError, match="changed by another writer; nothing was committed"):
        first.add(minima=minima(5))
    first.close()
    with open_database(tmp_path / "a") as reader:
        assert reader.n_minima == 3
