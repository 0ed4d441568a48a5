"""Files that are malformed, cut off, huge, binary or malicious: one FormatError, no crash, no memory, no code run."""

import os
import stat
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies_foreign import damaged

from elsuite import interchange
from elsuite.interchange import ForeignLandscape, FormatError

MIN = b" -1.0D+00 2.5 1 1.0 1.0 1.0\n -2.0 2.5 2 1.0 1.0 1.0\n\n 3.0e-1 2.5 1 1.0 1.0 1.0\n"
TS = b"4.0 1.5 1 1 2 1. 1. 1.\n5.0 1.5 1 2 1 1. 1. 1.\n6.0 1.5 1 3 3 1. 1. 1.\n"
POINTS = np.arange(9.0).tobytes()
SMALL = ForeignLandscape(
    np.array([-1.0, -2.0, 0.3]),
    np.array([0, 1, 2]),
    np.array([1, 0, 2]),
    np.array([4.0, 5.0, 6.0]),
    coordinates=np.arange(6.0).reshape(3, 2),
    state_coordinates=np.arange(6.0).reshape(3, 2),
)


@dataclass(frozen=True)
class Reader:
    """A reader, the file in `folder` to read, and what belongs into each file of the folder."""

    read: Callable
    source: str
    files: dict


def written(writer, name):
    with tempfile.TemporaryDirectory() as folder:
        getattr(interchange, writer)(SMALL, Path(folder) / name)
        return (Path(folder) / name).read_bytes()


def npy(values):
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", values)
        return (Path(folder) / "x.npy").read_bytes()


READERS = {
    "pathsample": Reader(
        interchange.read_pathsample,
        ".",
        {"min.data": MIN, "ts.data": TS, "points.min": POINTS, "points.ts": POINTS, "min.A": b"1\n 2"},
    ),
    "topsearch": Reader(
        interchange.read_topsearch,
        ".",
        {
            "min.data": b"0 -1.0\n1 -2.0\n2 0.3\n",
            "ts.data": b"0 1 4.0\n1 0 5.0\n2 2 6.0\n",
            "min.coords": b"0 1\n2 3\n4 5\n",
            "ts.coords": b"0 1\n2 3\n4 5\n",
        },
    ),
    "pele": Reader(interchange.read_pele, "x.db", {"x.db": written("write_pele", "x.db")}),
    "npz": Reader(interchange.read_arrays, "x.npz", {"x.npz": written("write_arrays", "x.npz")}),
    "npy": Reader(interchange.read_solutions, "x.npy", {"x.npy": npy(np.arange(6.0).reshape(2, 3))}),
    "edges": Reader(
        lambda folder: interchange.read_edges(folder / "e.csv", folder / "n.csv"),
        ".",
        {"e.csv": b"source,target,energy\na,b,1.5\nb,a,2\n", "n.csv": b'id,energy\na,"1"\nb,0.5\n'},
    ),
}


def short(value):
    """Name a case by the beginning of what it is about."""
    return str(value)[:40]


CASES = [(name, file) for name, reader in READERS.items() for file in reader.files]


def read(name, changes, folder):
    """Read what the reader should read, with the content of some files replaced."""
    reader = READERS[name]
    for file, content in (reader.files | changes).items():
        (folder / file).write_bytes(content)
    return reader.read(folder / reader.source)


def problem_with(name, changes, folder):
    """Return what the FormatError says, nothing if there is none."""
    try:
        read(name, changes, folder)
    except FormatError as error:
        return str(error)
    return ""


def refusal(name, changes, folder):
    """Return the message of the error, one line, with the name of a file."""
    with pytest.raises(FormatError) as caught:
        read(name, changes, folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    return str(caught.value).removeprefix(str(folder))


@pytest.mark.parametrize("name", READERS)
def test_the_files_are_right_to_begin_with(name, tmp_path):
    read(name, {}, tmp_path)


@pytest.mark.parametrize(("name", "file"), CASES)
@given(data=st.data())
@settings(max_examples=30)
def test_damaged_files(name, file, data):
    """Whatever happens to a file: it is read, or there is one error that names it."""
    content = data.draw(damaged(READERS[name].files[file]))
    with tempfile.TemporaryDirectory() as folder:
        problem = problem_with(name, {file: content}, Path(folder))
        assert "\n" not in problem
        assert problem.startswith(folder) or not problem


@pytest.mark.parametrize(("name", "file"), CASES)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=80).map(str.encode)))
@settings(max_examples=20)
def test_any_bytes(name, file, content):
    with tempfile.TemporaryDirectory() as folder:
        problem = problem_with(name, {file: content}, Path(folder))
        assert problem.startswith(folder) or not problem


@pytest.mark.parametrize(("name", "file"), CASES)
@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "device", "loop"])
def test_what_is_no_file(name, file, kind, tmp_path):
    """In place of a file; optional files may be missing."""
    read_name = READERS[name]
    for other, content in read_name.files.items():
        (tmp_path / other).write_bytes(content)
    place = tmp_path / file
    place.unlink()
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    elif kind == "loop":
        place.symlink_to(place)
    optional = {"ts.data", "points.min", "points.ts", "min.A", "min.coords", "ts.coords"}
    if kind in {"missing", "loop"} and file in optional:
        return
    with pytest.raises(FormatError) as caught:
        read_name.read(tmp_path / read_name.source)
    assert file in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize(("name", "file"), CASES)
def test_a_file_that_may_not_be_read(name, file, tmp_path):
    read(name, {}, tmp_path)
    (tmp_path / file).chmod(0)
    with pytest.raises(FormatError, match="cannot be read"):
        READERS[name].read(tmp_path / READERS[name].source)
    (tmp_path / file).chmod(stat.S_IRUSR)


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        ("pathsample", "min.data", b"1 2 3\n", "/min.data, line 1: 3 columns, expected 6 or 8"),
        ("pathsample", "min.data", MIN + b"1 2 3 4 5 6 7\n", "/min.data, line 5: 7 columns, expected 6"),
        ("pathsample", "min.data", MIN.replace(b"2.0", b"2,0"), "/min.data, line 2: '-2,0' is not a number"),
        ("pathsample", "min.data", MIN.replace(b"2.0", b"1_0"), "/min.data, line 2: '-1_0' is not a number"),
        ("pathsample", "min.data", MIN.replace(b"3.0e-1", b"NaN"), "/min.data, line 4: a minimum without an energy"),
        ("pathsample", "min.data", MIN.replace(b"3.0e-1", b"1e999"), "/min.data, line 4: a minimum without an energy"),
        ("pathsample", "min.data", MIN + b"\xe9", "/min.data, line 5: not a text file of numbers"),
        ("pathsample", "min.data", MIN + b"\0", "/min.data, line 5: not a text file of numbers"),
        ("pathsample", "min.data", b"0 1.5\n1 2.5", "/min.data: 2 columns, a dump of topsearch"),
        ("pathsample", "min.data", b" 1" * 600_000, "/min.data, line 1: 1200000 characters"),
        ("pathsample", "ts.data", TS.replace(b"3 3", b"3 4"), "/ts.data, line 3: minimum 4, a whole number 1 to 3"),
        ("pathsample", "ts.data", TS.replace(b"3 3", b"0 3"), "/ts.data, line 3: minimum 0, a whole number 1 to 3"),
        ("pathsample", "ts.data", TS.replace(b"3 3", b"3 1.5"), "/ts.data, line 3: minimum 1.5, a whole number"),
        ("pathsample", "ts.data", TS.replace(b" 3 3 ", b" 3" + b"*" * 10 + b" "), "/ts.data, line 3: minimum nan"),
        ("pathsample", "points.min", POINTS[:-1], "/points.min: 71 bytes, expected 3 records"),
        ("pathsample", "points.min", POINTS[:24], "/points.ts: 3 coordinates a record, points.min has 1"),
        ("pathsample", "points.min", b"", "/points.min: 0 bytes"),
        ("pathsample", "points.ts", b"\xff" * 72, "/points.ts, record 1: a coordinate is not a finite number"),
        ("pathsample", "min.A", b"2\n1", "/min.A: expected the number of minima"),
        ("pathsample", "min.A", b"1\n4", "/min.A: ids 4 to 4, but minima are 1 to 3"),
        ("topsearch", "min.data", b"0 1\n2 1\n1 1\n", "/min.data, line 2: id 2, expected 1"),
        ("topsearch", "min.data", MIN, "/min.data: 6 columns, a PATHSAMPLE database"),
        ("topsearch", "ts.data", b"0 1 4.0\n0 3 4\n", "/ts.data, line 2: minimum 3, a whole number 0 to 2"),
        ("topsearch", "ts.data", TS, "/ts.data, line 1: 8 columns, expected 3"),
        ("topsearch", "min.coords", b"0 1\n2 3\n", "/min.coords: 2 points, expected 3"),
        ("topsearch", "min.coords", b"0 1\n2\n4 5\n", "/min.coords, line 2: 1 columns, expected 2"),
        ("topsearch", "min.coords", b"0 1\n2 inf\n4 5\n", "/min.coords, line 2: a coordinate is not a finite"),
        ("topsearch", "ts.coords", b"0\n1\n2\n", "/ts.coords, line 1: 1 columns, expected 2"),
        ("edges", "e.csv", b"", "/e.csv, line 1: no column source"),
        ("edges", "e.csv", b"source,target\na,b\n", "/e.csv, line 1: no column energy or height"),
        ("edges", "e.csv", b"source,target,energy\na,b,1\n\na,b,x\n", "/e.csv, line 4: energy 'x' is not a finite"),
        ("edges", "e.csv", b"source,target,energy\na,b,nan\n", "/e.csv, line 2: energy 'nan' is not a finite"),
        ("edges", "e.csv", b"source,target,energy\na,c,1\n", "/e.csv, line 2: no node 'c'"),
        ("edges", "e.csv", b"source,target,energy\na,b\n", "/e.csv, line 2: 2 fields, expected 3"),
        ("edges", "e.csv", b'source,target,energy\n"a,b,1\n', "/e.csv, line 2: unexpected end of data"),
        ("edges", "e.csv", b"source,target,energy,energy\n", "/e.csv, line 1: column 'energy' twice"),
        ("edges", "e.csv", b"source,target,energy\na,b,\xff\n", "/e.csv, line 2: not UTF-8 text"),
        ("edges", "e.csv", b"source,target,energy\na,\0,1\n", "/e.csv, line 2: not a CSV file"),
        ("edges", "e.csv", b"source,target,energy\n" + b"x" * 200_000 + b",b,1\n", "/e.csv, line 2: field larger"),
        ("edges", "e.csv", b"source,target,energy,kind\na,b,1,river\n", "/e.csv, line 2: kind 'river', path or"),
        ("edges", "n.csv", b"id,energy\na,1\nb,1\na,2\n", "/n.csv, line 4: id 'a' a second time"),
        ("edges", "n.csv", b"name,energy\na,1\n", "/n.csv, line 1: no column id; there are: name, energy"),
    ],
    ids=short,
)  # fmt: skip
def test_the_message_says_where_and_what(name, file, content, message, tmp_path):
    found = refusal(name, {file: content}, tmp_path)
    assert found.startswith(message), found


def test_fortran_numbers(tmp_path):
    """D exponents, exponents without a letter, fields that ran over, and what is not finite."""
    states = (
        b"0.1D+01 2.0d0 1 1 2 1.0E+00 .5 1.\n"
        b"1.0-100 2.0+2 1 1 2 1 1 1\n"
        b"  5.0********************     1 1 2 1.0" + b"*" * 40 + b"\n"
        b"******************** 1.0 1 1 2 1 1 1\n"
        b"NaN Infinity 1 1 2 1 1 1\r\n"
    )
    found = read("pathsample", {"ts.data": states, "points.ts": np.arange(15.0).tobytes()}, tmp_path)
    assert found.heights.tolist() == [1.0, 1e-100, 5.0]
    np.testing.assert_array_equal(found.state_columns["log_product"], [2.0, 200.0, np.nan])
    np.testing.assert_array_equal(found.state_columns["inertia_3"], [1.0, 1.0, np.nan])
    assert found.state_coordinates.tolist() == np.arange(9.0).reshape(3, 3).tolist()
    assert found.notes == ("2 transition states without an energy left out",)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_ends_of_lines(end, tmp_path):
    files = {file: READERS["topsearch"].files[file].replace(b"\n", end) for file in ("min.data", "ts.data")}
    files["min.data"] = b"\xef\xbb\xbf" + files["min.data"]  # a byte-order mark
    assert read("topsearch", files, tmp_path).heights.tolist() == [4.0, 5.0, 6.0]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfsource,target,energy\r\na,b,1.5\r\nb,a,2\r\n",
        b'"Source","Target","Height"\n"a","b","1.5"\n\n"b", a ,2\n',
        b"energy;note;target;source\n1.5;x;b;a\n2;;a;b\n",
        b"source\ttarget\tenergy\na\tb\t1.5\nb\ta\t2",
    ],
)
def test_dialects_of_csv(content, tmp_path):
    found = read("edges", {"e.csv": content}, tmp_path)
    assert (found.sources.tolist(), found.targets.tolist(), found.heights.tolist()) == ([0, 1], [1, 0], [1.5, 2.0])
    assert found.minima_columns["name"].tolist() == ["a", "b"]


def test_an_edge_list_alone(tmp_path):
    (tmp_path / "e.csv").write_text('source,target,energy,rate,run\n"x,\n1",y,2,0.5,7\ny,z,1,,8\n')
    found = interchange.read_edges(tmp_path / "e.csv")
    assert found.minima_columns["name"].tolist() == ["x,\n1", "y", "z"]
    assert found.energies.tolist() == [2.0, 1.0, 1.0]
    np.testing.assert_array_equal(found.state_columns["rate"], [0.5, np.nan])
    assert found.notes == ("minima have the energy of their lowest edge", "column 'run' of e.csv left out")


def test_files_without_rows(tmp_path):
    empty = {"min.data": b"", "ts.data": b"\n", "points.min": b"", "points.ts": b"", "min.A": b"0"}
    assert len(read("pathsample", empty, tmp_path).energies) == 0
    assert refusal("pathsample", empty | {"ts.data": TS}, tmp_path).startswith(
        "/ts.data, line 1: minimum 1, there are none"
    )


# numpy's files


def header(text, version=1):
    raw = text.encode("latin-1") + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(raw).to_bytes(2 if version == 1 else 4, "little") + raw


def archive(*members, compression=zipfile.ZIP_STORED):
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(Path(folder) / "x", "w", compression) as file:
            for name, content in members:
                file.writestr(name, content)
        return (Path(folder) / "x").read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"), "8000000000000 bytes"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"), "shape"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}") + b"\0" * 8, "not an array of numpy"),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}") + b"x" * 8, "object values"),
        (header("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}"), "values, expected numbers"),
        (header("{'descr': '|V1000000000', 'fortran_order': False, 'shape': (0,)}"), "values, expected numbers"),
        (header("{'descr': '<U2', 'fortran_order': False, 'shape': (1,)}") + b"x\0\0\0" * 2, "<U2 of shape"),
        (header("__import__('os').system('touch pwned')"), "not an array of numpy"),
        (header("(" * 500), "not an array of numpy"),
        (header("[" * 5000 + "]" * 5000), "not an array of numpy"),
        (header("{}"), "not an array of numpy"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", 2) + b"\0" * 8, "float64 of shape ()"),
        (b"\x93NUMPY\x02\x00" + b"\xff" * 4, "not an array of numpy"),
        (b"\x93NUMPY\x09\x00", "version 9.0 of the format"),
        (npy(np.zeros((2, 3)))[:-1], "is 48 bytes, the file has 47"),
        (npy(np.zeros((2, 3))) + b"\0", "is 48 bytes, the file has 49"),
        (npy(np.array([[1.0, np.nan]])), "solution 0 has a value that is not a finite number"),
        (npy(np.zeros((2, 2, 2))), "expected numbers of shape (solutions, parameters)"),
        (npy(np.array([["a"]])), "expected numbers of shape (solutions, parameters)"),
        (npy(np.array([1j])), "complex128 values"),
    ],
    ids=short,
)
def test_hostile_npy(content, message, tmp_path):
    assert message in refusal("npy", {"x.npy": content}, tmp_path)


def test_solutions_of_another_width(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 7)))
    with pytest.raises(FormatError, match="solutions have 7 parameters, the network has 15456"):
        interchange.read_solutions(tmp_path / "x.npy", 15456)


def test_solutions_of_any_type(tmp_path):
    for values in (
        np.zeros((2, 3), "f4"),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.zeros(3, ">f8"),
        np.zeros((0, 3)),
    ):
        np.save(tmp_path / "x.npy", values)
        np.savez(tmp_path / "x.npz", values)
        for name in ("x.npy", "x.npz"):
            found = interchange.read_solutions(tmp_path / name, 3)
            assert found.dtype == ("f4" if values.dtype == "f4" else "f8")
            np.testing.assert_array_equal(found, np.atleast_2d(values))


ZEROS = npy(np.zeros(4_000_000))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive(*[(f"{k}.npy", ZEROS) for k in range(4)], compression=zipfile.ZIP_DEFLATED), "unpacks to far more"),
        (archive(("energies.npy", b"x")), "array 'energies'|not an archive"),
        (archive(("energies.npy", npy(np.zeros(2)))), "no array 'sources'; there are: energies"),
        (archive(("../../x.npy", npy(np.zeros(2)))), "no array 'energies'"),
        (b"PK\x03\x04", "not an archive of numpy arrays"),
        (READERS["npy"].files["x.npy"], "not an archive of numpy arrays"),
        (READERS["npz"].files["x.npz"][:-30], "not an archive of numpy arrays"),
    ],
    ids=["bomb", "no array", "one missing", "outside", "cut at once", "another kind", "cut"],
)  # fmt: skip
def test_hostile_npz(content, message, tmp_path):
    found = refusal("npz", {"x.npz": content}, tmp_path)
    assert any(part in found for part in message.split("|")), found


def arrays(**changes):
    content = {
        "energies": np.zeros(2), "sources": np.array([0]), "targets": np.array([1]), "heights": np.ones(1),
    } | changes  # fmt: skip
    return archive(*[(f"{name}.npy", npy(values)) for name, values in content.items()])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources": np.array([2])}, "sources: expected whole numbers of minima, 0 to 1"),
        ({"sources": np.array([2**64 - 1], dtype=np.uint64)}, "sources: expected whole numbers"),
        ({"sources": np.array([0.5])}, "sources: expected whole numbers"),
        ({"sources": np.zeros((1, 1), dtype=int)}, "sources: shape (1, 1)"),
        ({"energies": np.array(["a", "b"])}, "energies must be numbers"),
        ({"energies": np.zeros((2, 1))}, "energies must be numbers, one row"),
        ({"energies": np.array([np.inf, 0])}, "energies: expected one row of finite numbers"),
        ({"coordinates": np.zeros(2)}, "coordinates must be numbers, shape (rows, parameters)"),
        ({"coordinates": np.zeros((3, 1))}, "coordinates: shape (3, 1)"),
        ({"minima.key": np.zeros(2)}, "'key' is a column that the database writes itself"),
        ({"minima.a b": np.zeros(2)}, "column name 'a b'"),
    ],
)
def test_arrays_that_do_not_fit(changes, message, tmp_path):
    assert message in refusal("npz", {"x.npz": arrays(**changes)}, tmp_path)


def test_arrays_with_more(tmp_path):
    found = read("npz", {"x.npz": arrays(**{"minima.good": np.array([True, False]), "other": np.zeros(3)})}, tmp_path)
    assert found.minima_columns["good"].tolist() == [1, 0]
    assert found.notes == ("arrays left out: other",)
    assert found.kind == "path"


def test_small_files_take_little_memory(tmp_path):
    """Each of these asks for gigabytes."""
    gigabytes = header("{'descr': '<f8', 'fortran_order': False, 'shape': (200000000,)}")
    for name, changes in [
        ("npy", {"x.npy": gigabytes}),
        ("npz", {"x.npz": archive(("energies.npy", gigabytes))}),
        ("pathsample", {"ts.data": b"4.0 1.5 1 1 999999999999 1. 1. 1.\n"}),
    ]:
        tracemalloc.start()
        refusal(name, changes, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**23
