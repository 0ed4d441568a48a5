"""Computed values in a store: whole or not there, never changed, verified, merged, read by anyone."""

import re
import shutil

import numpy as np
import pytest
import xarray as xr

from elsuite import LandscapeDatabase, open_database, verify_store
from elsuite.database import arrays as za
from elsuite.database.computed import computed, computed_name, computed_values, latest_computed, store_computed
from elsuite.database.merging import merge_databases
from elsuite.schema import DamagedStoreError, NotFoundError, StoreError


def grid(minima=(0, 2, 1), *, n=4, surface="train", kind="plane", paths=(0,)):
    said = {"kind": kind, "minima": list(minima), "surface": surface, "settings": {"n": n, "margin": 0.25}}
    return xr.Dataset(
        {
            "energy": (("y", "x"), np.arange(2.0 * n).reshape(2, n)),
            "minimum": ("corner", np.array(minima), {"ids": "minima"}),
            "path": ("line", np.array(paths), {"ids": "paths"}),
            "finder": ("line", np.array(["linear"] * len(paths), dtype=object)),
            "nothing": ("none", np.empty(0)),
        },
        {"x": np.linspace(-1, 1, n)},
        said,
    )


def made(store=None, points=((0.0, 1.0), (1.0, 0.0), (2.0, 2.0))):
    database = LandscapeDatabase.create(store, n_parameters=2, surfaces=["train", "test"])
    database.add(minima={"coordinates": points, "energy": [[0.5, 0.5]] * len(points)})
    database.add(paths={"source": [0], "target": [1], "height": [1.0], "surface": ["train"], "key": [7]})
    return database


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_what_is_stored_is_read_as_it_was(where, tmp_path):
    with made(None if where == "memory" else tmp_path / "a.elsuite") as database:
        name = store_computed(database, grid(), attributes={"mine": 1})
        assert name == computed_name("plane", (0, 2, 1), "train", {"n": 4, "margin": 0.25})
        assert computed_values(database) == {name: {"kind": "plane", "minima": [0, 2, 1], "surface": "train"}}
        assert database.attributes["mine"] == 1
        xr.testing.assert_identical(computed(database, name), grid())
        with pytest.raises(ValueError, match=r"has .* already; stored values never change"):
            store_computed(database, grid())
        more = store_computed(database, grid(n=6))
    if where == "disk":
        shutil.copytree(tmp_path / "a.elsuite", tmp_path / "copy.elsuite")
        (tmp_path / "a.elsuite").chmod(0o500)
        for copy in ("a", "copy"):
            assert verify_store(tmp_path / f"{copy}.elsuite") == ()
            with open_database(tmp_path / f"{copy}.elsuite") as database:
                assert list(computed_values(database)) == [name, more]
                xr.testing.assert_identical(computed(database, name), grid())
                with pytest.raises(StoreError, match="open for reading"):
                    store_computed(database, grid(n=8))
        (tmp_path / "a.elsuite").chmod(0o700)
        tree = xr.open_datatree(tmp_path / "a.elsuite", engine="zarr", consolidated=False)
        np.testing.assert_array_equal(tree[f"computed/{name}"].energy, grid().energy)


def test_the_latest_of_a_kind_is_found_by_what_it_is_of():
    database = made()
    for values in (grid(n=3), grid(n=5), grid((0, 1, 2), n=6, surface="test"), grid((1,), kind="density")):
        store_computed(database, values)
    assert latest_computed(database, "plane", surface="train").sizes["x"] == 5
    assert latest_computed(database, "plane", minima=(2, 1, 0)).sizes["x"] == 6
    assert latest_computed(database, "plane", minima=(2, 1, 0), surface="train").sizes["x"] == 5
    assert latest_computed(database, "plane", minima=(1,)) is None
    assert latest_computed(database, "density").attrs["minima"] == [1]


WRONG = [
    (grid().assign(mask=("x", [True] * 4)), "mask: bool of shape"),
    (grid().assign(ids=("x", np.arange(4, dtype=np.int32))), "ids: int32 of shape"),
    (grid().assign(one=1.0), "one: float64 of shape ()"),
    (grid().assign_coords(extra=("x", np.zeros(4))), "coordinates extra given"),
    (grid().assign_attrs(kind="two words"), "kind (one word)"),
    (xr.Dataset({"energy": ("x", [1.0])}, attrs={"kind": "plane"}), "kind (one word), minima, surface and settings"),
]


@pytest.mark.parametrize(("values", "words"), WRONG)
def test_what_cannot_be_kept_is_refused_and_nothing_is_listed(values, words):
    database = made()
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        store_computed(database, values)
    assert "\n" not in str(error.value)
    assert computed_values(database) == {}


def test_what_a_killed_writer_left_is_not_there(tmp_path, monkeypatch):
    store = tmp_path / "a.elsuite"
    with made(store) as database:
        kept = store_computed(database, grid(n=3))
        commit = za.write_root
        monkeypatch.setattr(za, "write_root", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store_computed(database, grid(n=5))
        monkeypatch.setattr(za, "write_root", commit)
    left = computed_name("plane", (0, 2, 1), "train", {"n": 5, "margin": 0.25})
    assert (store / "computed" / left).is_dir()
    assert verify_store(store) == ()
    with open_database(store) as database:
        assert list(computed_values(database)) == [kept]
        with pytest.raises(NotFoundError, match=f"no computed values '{left}'; there are: {kept}"):
            computed(database, left)
    with open_database(store, "a") as database:
        store_computed(database, grid(n=6))
        assert not (store / "computed" / left).exists()
        xr.testing.assert_identical(computed(database, kept), grid(n=3))


DAMAGE = [
    (lambda folder: (folder / "energy" / "c.0.0").write_bytes(b"x"), "energy"),
    (lambda folder: shutil.rmtree(folder), "computed"),
    (lambda folder: (folder / "energy" / "zarr.json").write_text("{"), "damaged"),
    (lambda folder: shutil.rmtree(folder / "energy"), "its list says"),
    (lambda folder: _other_dims(folder / "finder" / "zarr.json"), "do not fit together"),
]


def _other_dims(file):
    file.write_text(file.read_text().replace('"line"', '"x"'))


@pytest.mark.parametrize(("damage", "words"), DAMAGE)
def test_damaged_values_are_found(damage, words, tmp_path):
    with made(tmp_path / "a.elsuite") as database:
        name = store_computed(database, grid())
    damage(tmp_path / "a.elsuite" / "computed" / name)
    (finding,) = verify_store(tmp_path / "a.elsuite")
    assert finding.where == f"computed.{name}"
    assert words in finding.problem
    with open_database(tmp_path / "a.elsuite") as database, pytest.raises(DamagedStoreError):
        computed(database, name)


@pytest.mark.parametrize("listed", [[], {"a": 1}, {"a": {"kind": "plane", "minima": ["0"], "surface": "train"}}])
def test_a_list_that_is_none_is_found(listed, tmp_path):
    with made(tmp_path / "a.elsuite") as database:
        database.add(attributes={"computed_values": listed})
    (finding,) = verify_store(tmp_path / "a.elsuite")
    assert finding.where == "root"
    assert "computed_values" in finding.problem


def test_values_of_other_minima_than_listed_are_found(tmp_path):
    with made(tmp_path / "a.elsuite") as database:
        name = store_computed(database, grid((0, 1, 9)))
        listed = database.attributes["computed_values"]
        database.add(attributes={"computed_values": {name: {**listed[name], "surface": "test"}}})
    problems = [finding.problem for finding in verify_store(tmp_path / "a.elsuite")]
    assert problems == ["is of something else than the list of the root says", "is of minimum 9, the store has 3"]


def test_merging_takes_values_along_with_new_ids(tmp_path):
    with made(tmp_path / "a.elsuite", ((5.0, 5.0), (0.0, 1.0))) as database:
        store_computed(database, grid((1,), n=3))
    with made(tmp_path / "b.elsuite") as database:
        store_computed(database, grid((0, 2, 1)))
        store_computed(database, grid((1, 2), kind="around"))
    merge_databases([tmp_path / "a.elsuite", tmp_path / "b.elsuite"], tmp_path / "c.elsuite")
    assert verify_store(tmp_path / "c.elsuite") == ()
    with open_database(tmp_path / "c.elsuite") as merged:
        # Minima 0, 1, 2 of b are 1 (the same point), 2 and 3; its only path has the key of that of a.
        assert [entry["minima"] for entry in computed_values(merged).values()] == [[1], [1, 3, 2], [2, 3]]
        values = latest_computed(merged, "plane", minima=(1, 2, 3))
        assert values.minimum.values.tolist() == [1, 3, 2]
        assert values.path.values.tolist() == [-1]
        np.testing.assert_array_equal(values.energy, grid().energy)
        assert latest_computed(merged, "plane", minima=(1,)).path.values.tolist() == [0]
        name = computed_name("plane", (1, 3, 2), "train", {"n": 4, "margin": 0.25})
        assert name in computed_values(merged)


def test_values_of_a_minimum_that_became_another_point_are_left_out(tmp_path):
    with made(tmp_path / "a.elsuite") as database:
        store_computed(database, grid((0,), n=3))
    with made(tmp_path / "b.elsuite", ((0.0, 1.2), (1.0, 0.0), (9.0, 2.0))) as database:
        store_computed(database, grid((0, 2), n=3))
        store_computed(database, grid((1, 2), n=3))
    merge_databases([tmp_path / "a.elsuite", tmp_path / "b.elsuite"], tmp_path / "c.elsuite", tolerance=0.5)
    with open_database(tmp_path / "c.elsuite") as merged:
        assert [entry["minima"] for entry in computed_values(merged).values()] == [[0], [1, 3]]
