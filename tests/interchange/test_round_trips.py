"""Every format: written and read again, what is kept is the same; and from files into a database and out of it."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from strategies_foreign import foreign_landscapes

from elsuite import interchange
from elsuite.interchange import ForeignLandscape, FormatError, from_database, to_database

INERTIA = ("inertia_1", "inertia_2", "inertia_3")
DETAILS = ("log_product", "point_group_order")


def _edges(landscape, folder):
    interchange.write_edges(landscape, folder / "edges.csv", folder / "nodes.csv")
    return interchange.read_edges(folder / "edges.csv", folder / "nodes.csv")


def _through(writer, reader, name):
    def there_and_back(landscape, folder):
        getattr(interchange, writer)(landscape, folder / name)
        return getattr(interchange, reader)(folder / name)

    return there_and_back


# format: there and back, columns of minima and of states that are kept, and what stands there for unknown
FORMATS = {
    "pathsample": (
        _through("write_pathsample", "read_pathsample", "x"),
        (*DETAILS, *INERTIA),
        (*DETAILS, *INERTIA),
        1.0,
    ),
    "topsearch": (_through("write_topsearch", "read_topsearch", "x"), (), (), None),
    "pele": (_through("write_pele", "read_pele", "x.db"), DETAILS, (*DETAILS, "negative_eigenvalue"), np.nan),
    "npz": (_through("write_arrays", "read_arrays", "x.npz"), "all", "all", None),
    "edges": (_edges, "all", "all", None),
}


def same_ends(a, b):
    """A state joins two minima, whichever comes first."""
    ends = [np.sort(np.column_stack([x.sources, x.targets]), axis=1) for x in (a, b)]
    return np.array_equal(*ends)


def unknown(values, stands):
    values = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(values) & (values != -1), values, stands)


@pytest.mark.parametrize("name", FORMATS)
@given(landscape=foreign_landscapes())
@settings(max_examples=40)
def test_written_and_read_again(name, landscape):
    there_and_back, minima_columns, state_columns, stands = FORMATS[name]
    with tempfile.TemporaryDirectory() as folder:
        again = there_and_back(landscape, Path(folder))
    np.testing.assert_array_equal(again.energies, landscape.energies)
    np.testing.assert_array_equal(again.heights, landscape.heights)
    assert same_ends(again, landscape)
    for kept, own, theirs in [
        (minima_columns, landscape.minima_columns, again.minima_columns),
        (state_columns, landscape.state_columns, again.state_columns),
    ]:
        if kept == "all":
            for column, values in own.items():
                if name == "npz" or np.isfinite(values).any():
                    np.testing.assert_array_equal(theirs[column], values)
            continue
        for column in kept:
            n = len(next(iter(theirs.values())))
            expected = unknown(own.get(column, np.full(n, np.nan)), stands)
            if column == "point_group_order" or name == "pele":
                np.testing.assert_array_equal(unknown(theirs[column], stands), expected)
            else:
                expected = np.where(np.isfinite(own.get(column, np.full(n, np.nan))), own.get(column, 1.0), 1.0)
                np.testing.assert_array_equal(theirs[column], expected)


@pytest.mark.parametrize("name", ["pathsample", "topsearch", "pele", "npz"])
@given(landscape=foreign_landscapes())
@settings(max_examples=40)
def test_coordinates_are_kept_where_the_format_has_a_place_for_them(name, landscape):
    with tempfile.TemporaryDirectory() as folder:
        again = FORMATS[name][0](landscape, Path(folder))
    if len(landscape.energies) == 0:
        return
    np.testing.assert_equal(again.coordinates, landscape.coordinates)
    points = landscape.state_coordinates
    if points is None or not len(points) or (name in {"pathsample", "topsearch"} and np.isnan(points).any()):
        assert again.state_coordinates is None or not len(points)
    elif np.isnan(points).all() and name == "pele":
        assert again.state_coordinates is None
    else:
        np.testing.assert_array_equal(again.state_coordinates, points)


@given(landscape=foreign_landscapes())
@settings(max_examples=40)
def test_through_a_database(landscape):
    """States below an end are lifted to it, and no other number changes."""
    with to_database(landscape, None, origin="test") as database:
        assert (database.n_minima, database.n_paths) == (len(landscape.energies), len(landscape.heights))
        again = from_database(database)
        notes = database.attributes["notes"]
    np.testing.assert_array_equal(again.energies, landscape.energies)
    np.testing.assert_array_equal(again.sources, landscape.sources)
    np.testing.assert_array_equal(again.targets, landscape.targets)
    floor = np.fmax(landscape.energies[landscape.sources], landscape.energies[landscape.targets])
    np.testing.assert_array_equal(again.heights, np.fmax(landscape.heights, floor))
    n_low = int((landscape.heights < floor).sum())
    assert [note for note in notes if note.startswith(f"{n_low} of ")] if n_low else not notes
    if len(landscape.energies):
        np.testing.assert_equal(again.coordinates, landscape.coordinates)
    for own, theirs in [
        (landscape.minima_columns, again.minima_columns),
        (landscape.state_columns, again.state_columns),
    ]:
        for name, column in own.items():
            if len(column):
                np.testing.assert_array_equal(theirs[name], column)
    if len(landscape.heights):
        points = landscape.state_coordinates
        expected = None if points is None or np.isnan(points).all() else points
        np.testing.assert_equal(again.state_coordinates, expected)
        assert set(again.state_columns["kind"]) == {"transition_state"}


def triangle(**changes):
    """Three minima, two parallel states between 0 and 1, and a degenerate one at 2, which nothing joins."""
    value = ForeignLandscape(
        energies=np.array([-3.0, -2.0, -1.0]),
        sources=np.array([0, 1, 2]),
        targets=np.array([1, 0, 2]),
        heights=np.array([0.5, 0.25, 0.75]),
    )
    return replace(value, **changes)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_written_over(name, tmp_path):
    FORMATS[name][0](triangle(), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(FormatError, match="is there already"):
        FORMATS[name][0](triangle(energies=np.zeros(3)), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_cannot_be_finished_is_not_left(name, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        FORMATS[name][0](triangle(), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_kinds_and_sets_come_through(tmp_path):
    landscape = triangle(
        minima_columns={"set": np.array(["sgd/train", "sgd/test", "sgd/train"])},
        state_columns={"kind": np.array(["path", "transition_state", "path"]), "finder": np.array(["a", "b", "a"])},
    )
    for name in ("npz", "edges"):
        (tmp_path / name).mkdir()
        with to_database(FORMATS[name][0](landscape, tmp_path / name), None, origin=name) as database:
            assert database.minima["set"].values.tolist() == ["sgd/train", "sgd/test", "sgd/train"]
            assert database.paths["kind"].values.tolist() == ["path", "transition_state", "path"]
            assert database.paths["finder"].values.tolist() == ["a", "b", "a"]


def test_regions_come_through(tmp_path):
    landscape = triangle(minima_columns={"region": np.array(["B", "", "A"])})
    interchange.write_pathsample(landscape, tmp_path / "x")
    assert (tmp_path / "x" / "min.A").read_text().split() == ["1", "3"]
    again = interchange.read_pathsample(tmp_path / "x")
    assert again.minima_columns["region"].tolist() == ["B", "", "A"]


@pytest.mark.parametrize(
    "changes",
    [
        {"energies": np.array([1.0, np.nan, 2.0])},
        {"heights": np.array([1.0, np.inf, 2.0])},
        {"heights": np.zeros(2)},
        {"targets": np.array([0, 1, 3])},
        {"targets": np.array([0, 1, -1])},
        {"targets": np.array([0.0, 1.0, 2.0])},
        {"coordinates": np.zeros((2, 3))},
        {"coordinates": np.full((3, 3), np.nan)},
        {"coordinates": np.zeros((3, 2)), "state_coordinates": np.zeros((3, 4))},
        {"coordinates": np.zeros((3, 2)), "state_coordinates": np.array([[0, 0], [0, np.nan], [0, 0]])},
        {"minima_columns": {"log_product": np.zeros(2)}},
        {"minima_columns": {"key": np.zeros(3)}},
        {"minima_columns": {"no name": np.zeros(3)}},
        {"state_columns": {"kind": np.array(["path", "river", "path"])}},
        {"kind": "river"},
    ],
)
def test_what_does_not_fit_together_is_refused(changes):
    with pytest.raises(FormatError):
        triangle(**changes)


def test_no_store_is_left_behind_when_something_fails(tmp_path, monkeypatch):
    from elsuite.database import LandscapeDatabase

    def fail(self, **_):
        raise MemoryError

    monkeypatch.setattr(LandscapeDatabase, "add", fail)
    with pytest.raises(MemoryError):
        to_database(triangle(), tmp_path / "new.elsuite", origin="test")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["store", "file", "folder"])
def test_an_existing_target_is_refused_in_one_line(kind, tmp_path):
    target = tmp_path / "x.elsuite"
    if kind == "store":
        to_database(triangle(), target, origin="test").close()
    elif kind == "file":
        target.write_text("notes")
    else:
        target.mkdir()
        (target / "notes").write_text("notes")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="is there already") as caught:
        to_database(triangle(), target, origin="test")
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_target_where_nothing_can_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file" / "x.elsuite", "s3://bucket/x.elsuite"):
        with pytest.raises(ValueError, match=r"x\.elsuite"):
            to_database(triangle(), target, origin="test")


def test_a_database_with_two_surfaces_gives_one(tmp_path):
    from small_database import MINIMA, fill

    from elsuite.database import LandscapeDatabase

    with fill(LandscapeDatabase.create(None, n_parameters=4, surfaces=["train", "test"])) as database:
        database.add(paths=[{"source": 0, "target": 1, "surface": "test", "height": np.nan}])
        train, test = (from_database(database, surface=name) for name in ("train", "test"))
    assert train.energies.tolist() == [row[1] for row in MINIMA]
    assert (len(train.heights), len(test.heights)) == (6, 1)
    assert train.notes == ()
    assert test.notes == ("1 paths without a height left out",)
    assert train.minima_columns["set"].tolist() == [row[0] for row in MINIMA]
    assert set(train.state_columns["kind"]) == {"path"}
