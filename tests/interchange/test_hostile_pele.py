"""pele databases that attack their reader: pickles that run code or eat memory, tables that make data."""

import pickle
import pickletools
import sqlite3
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies_foreign import damaged

from elsuite.interchange import FormatError, read_pele, write_pele
from elsuite.interchange.pickled_arrays import NotAnArrayError, read_again, read_array

ARRAYS = [
    np.arange(6.0),
    np.zeros(0),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(3.0).astype(">f8"),
    np.arange(300, dtype=np.float32),
    np.arange(40, dtype=np.int16),
    np.arange(6.0)[::2],
]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_arrays_are_read_as_pickle_reads_them(array, protocol):
    found, _ = read_array(pickle.dumps(array, protocol=protocol))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, array)


def python2_pickle(values, code="f8"):
    """An array as pele under Python 2 wrote it."""
    data = np.asarray(values, dtype=f"<{code}").tobytes()
    head = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03(K\x01K"
        + bytes([len(values)])
        + b"\x85cnumpy\ndtype\nq\x04U\x02" + code.encode() + b"K\x00K\x01\x87Rq\x05(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        + b"J\xff\xff\xff\xffK\x00tb\x89U" + bytes([len(data)])
    )  # fmt: skip
    return head + data + b"tb."


def test_arrays_of_python_2():
    found, layout = read_array(python2_pickle([1.0, 2.0]))
    assert found.tolist() == [1.0, 2.0]
    assert read_again(python2_pickle([3.0, 4.0]), layout).tolist() == [3.0, 4.0]


@given(first=st.lists(st.floats(width=64), max_size=5), second=st.lists(st.floats(width=64), max_size=5))
@settings(max_examples=40)
def test_the_quick_way_reads_the_same(first, second):
    for protocol in (2, 3, 4, 5):
        blobs = [pickle.dumps(np.array(values, dtype=float), protocol=protocol) for values in (first, second)]
        again = read_again(blobs[1], read_array(blobs[0])[1])
        assert again is None or again.tobytes() == np.array(second, dtype=float).tobytes()
        if len(first) == len(second) and protocol > 2:
            assert again is not None


class Runs:
    """What a pickle can do when it is loaded."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def nested(depth):
    """A tuple of two equal tuples of two equal tuples: small, and endless to print, compare or hash."""
    return b"\x80\x02)" + b"q\x00h\x00\x86" * depth + b"."


def instructions(*parts):
    return b"".join(parts)


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
LIMIT = 10**9
MALICIOUS = {
    "os.system": pickle.dumps(Runs(__import__("os").system, "touch pwned")),
    "os.system 0": pickle.dumps(Runs(__import__("os").system, "touch pwned"), protocol=0),
    "eval": pickle.dumps(Runs(eval, "open('pwned', 'w')")),
    "exec in a list": pickle.dumps([np.zeros(2), Runs(exec, "open('pwned', 'w')")]),
    "getattr": pickle.dumps(Runs(getattr, "", "upper")),
    "numpy.load": pickle.dumps(Runs(np.load, "pwned", None, True)),
    "instance": b"\x80\x02(cos\nsystem\n(S'touch pwned'\no.",
    "old instance": b"(S'touch pwned'\nios\nsystem\n.",
    "object array": pickle.dumps(np.array([Runs(eval, "open('pwned', 'w')")], dtype=object)),
    "plain object array": pickle.dumps(np.array([None, 1.0], dtype=object)),
    "structured": pickle.dumps(np.zeros(2, dtype=[("a", "f8"), ("b", "O")])),
    "text": pickle.dumps(np.array(["a", "b"])),
    "complex": pickle.dumps(np.array([1j])),
    "date": pickle.dumps(np.array(["2020-01-01"], dtype="M8[D]")),
    "matrix": pickle.dumps(np.ma.masked_array([1.0, 2.0], [True, False])),
    "number": pickle.dumps(np.float64(1.0)),
    "list": pickle.dumps([1.0, 2.0]),
    "dict": pickle.dumps({"a": 1}),
    "none": pickle.dumps(None),
    "dtype": pickle.dumps(np.dtype("f8")),
    "bytes": pickle.dumps(b"\0" * 8),
    "zeros": instructions(b"\x80\x02cnumpy\nzeros\n", pickle.BININT, LIMIT.to_bytes(4, "little"), b"\x85R."),
    "ndarray": instructions(b"\x80\x02cnumpy\nndarray\n", pickle.BININT, LIMIT.to_bytes(4, "little"), b"\x85\x85R."),
    "empty of a billion": instructions(
        b"\x80\x02", RECONSTRUCT, b"cnumpy\nndarray\n", pickle.BININT, LIMIT.to_bytes(4, "little"), b"\x85C\x01b\x87R."
    ),
    "memo of a billion": instructions(b"\x80\x02Nr\xff\xff\xff\x7f."),
    "bytearray of a terabyte": instructions(b"\x80\x05\x96", (2**40).to_bytes(8, "little"), b"x."),
    "bytes of a terabyte": instructions(b"\x80\x04\x8e", (2**40).to_bytes(8, "little"), b"x."),
    "frame of a terabyte": instructions(b"\x80\x04\x95", (2**40).to_bytes(8, "little"), b"N."),
    "long number": b"L" + b"9" * 100_000 + b"L\n.",
    "longer number": instructions(b"\x80\x02\x8b", (10**6).to_bytes(4, "little"), b"\xff" * 10**6, b"."),
    "billion laughs": nested(30),
    "more laughs": nested(100_000),
    "laughs as a name": b"\x80\x04)" + b"\x94h\x00\x86" * 3 + b"\x86" * 3 + b"\x8c\x01x\x93.",
    "laughs as a shape": instructions(
        b"\x80\x02", RECONSTRUCT, b"cnumpy\nndarray\n)", b"q\x05h\x05\x86" * 40, b"C\x01b\x87R."
    ),
    "hex of hex": instructions(
        b"\x80\x02", b"c_codecs\nencode\n" * 9, b"X\x02\x00\x00\x00ab", b"X\x03\x00\x00\x00hex\x86R" * 9, b"."
    ),
    "list that holds itself": b"\x80\x02]q\x00h\x00a.",
    "deep tuple": b"\x80\x02)" + b"\x85" * 150 + b".",
    "persistent": b"\x80\x02X\x01\x00\x00\x00aQ.",
    "extension": b"\x80\x02\x82\x01.",
    "two arrays": pickle.dumps(np.zeros(2)) * 2,
    "rest": pickle.dumps(np.zeros(2)) + b"x",
    "nothing": b"",
    "no end": pickle.dumps(np.zeros(2))[:-1],
}  # fmt: skip


def dimensions(*shape, data=b""):
    """An array's pickle with any shape."""
    blob = pickle.dumps(np.frombuffer(data, dtype="f8"), protocol=3)
    own = b"K" + bytes([len(data) // 8]) + b"\x85"
    whole = (
        b"("
        + b"".join(pickle.LONG1 + bytes([len(pickle.encode_long(n))]) + pickle.encode_long(n) for n in shape)
        + b"t"
    )
    assert own in blob
    return blob.replace(own, whole, 1)


MALICIOUS |= {
    "too many elements": dimensions(10**12),
    "negative": dimensions(-1, data=b"\0" * 8),
    "nothing times much": dimensions(0, 2**62, 2**62),
    "nothing times more": dimensions(0, 10**200),
    "many dimensions": dimensions(*[1] * 60, data=b"\0" * 8),
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_malicious_pickles(name, tmp_path, monkeypatch):
    """Refused, at once, without memory, and nothing is run."""
    monkeypatch.chdir(tmp_path)
    blob = MALICIOUS[name]
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(NotAnArrayError) as caught:
        read_array(blob)
    assert time.process_time() - began < 5
    assert tracemalloc.get_traced_memory()[1] < 2**20 + 10 * len(blob)
    tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    assert not list(tmp_path.iterdir())


def test_a_changed_number_does_not_open_the_quick_way():
    """What is around the numbers must be the same to the byte."""
    blob = pickle.dumps(np.zeros(4), protocol=4)
    layout = read_array(blob)[1]
    for place in range(len(blob)):
        other = bytearray(blob)
        other[place] ^= 0xFF
        inside = len(layout.prefix) <= place < len(blob) - len(layout.suffix)
        assert (read_again(bytes(other), layout) is not None) == inside
    assert read_again(b"", layout) is None
    assert read_again(layout.prefix + layout.suffix, layout) is None


@given(data=st.data())
@settings(max_examples=150)
def test_damaged_pickles(data):
    """Read, or refused; and what is read is no larger than the pickle."""
    protocol = data.draw(st.integers(0, 5))
    content = data.draw(damaged(pickle.dumps(np.arange(4.0), protocol=protocol)))
    try:
        found, _ = read_array(content)
    except NotAnArrayError:
        return
    assert found.size <= 8 * len(content)


def shuffled_instructions():
    """Pickles of real instructions in any order."""
    codes = [op.code.encode("latin-1") for op in pickletools.opcodes]
    words = st.one_of(st.sampled_from(codes), st.sampled_from([b"\x00", b"\x01", b"numpy\nndarray\n", RECONSTRUCT[1:]]))
    return st.lists(words, max_size=40).map(b"".join)


@given(content=shuffled_instructions())
@settings(max_examples=150)
def test_shuffled_instructions(content):
    with pytest.raises(NotAnArrayError):
        read_array(content)


# the database around them


def database(path, *statements, version=2):
    """A small database with what `statements` do to it."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "CREATE TABLE tbl_minima (_id INTEGER PRIMARY KEY, energy, coords, fvib, pgorder, invalid, user_data)"
        )
        connection.execute(
            "CREATE TABLE tbl_transition_states (_id INTEGER PRIMARY KEY, energy, coords, _minimum1_id, _minimum2_id, "
            "eigenval, eigenvec, fvib, pgorder, invalid, user_data)"
        )
        for k in (1, 2, 5):
            blob = pickle.dumps(np.array([k, 2.0 * k]))
            connection.execute("INSERT INTO tbl_minima VALUES (?, ?, ?, 1.5, 2, 0, NULL)", (k, -k, blob))
        for k, (a, b) in enumerate([(1, 2), (1, 2), (5, 5)]):
            blob = pickle.dumps(np.array([a, b]))
            row = (k + 1, 1.0 + k, blob, a, b)
            connection.execute(
                "INSERT INTO tbl_transition_states VALUES (?, ?, ?, ?, ?, -1.0, NULL, 1.5, 1, NULL, NULL)", row
            )
        connection.execute(f"PRAGMA user_version = {version}")
        for statement in statements:
            connection.execute(*statement) if isinstance(statement, tuple) else connection.execute(statement)
    connection.close()
    return path


def test_what_is_read(tmp_path):
    found = read_pele(database(tmp_path / "x.db"))
    assert found.energies.tolist() == [-1.0, -2.0, -5.0]
    assert found.coordinates.tolist() == [[1.0, 2.0], [2.0, 4.0], [5.0, 10.0]]
    assert (found.sources.tolist(), found.targets.tolist()) == ([0, 0, 2], [1, 1, 2])
    assert found.heights.tolist() == [1.0, 2.0, 3.0]
    assert found.minima_columns["log_product"].tolist() == [1.5] * 3
    assert found.state_columns["negative_eigenvalue"].tolist() == [-1.0] * 3
    assert found.notes == ()


def test_old_schemas(tmp_path):
    """Version 1 has no `invalid`; a file of no version may lack more."""
    drop = [
        f"ALTER TABLE {t} DROP COLUMN {c}"
        for t in ("tbl_minima", "tbl_transition_states")
        for c in ("invalid", "user_data")
    ]
    assert len(read_pele(database(tmp_path / "1.db", *drop, version=1)).heights) == 3
    drop += [
        f"ALTER TABLE {t} DROP COLUMN {c}" for t in ("tbl_minima", "tbl_transition_states") for c in ("fvib", "coords")
    ]
    found = read_pele(database(tmp_path / "0.db", *drop, version=0))
    assert found.coordinates is None
    assert np.isnan(found.minima_columns["log_product"]).all()


@pytest.mark.parametrize(
    ("statement", "n_minima", "n_states", "note"),
    [
        ("UPDATE tbl_minima SET invalid = 1 WHERE _id = 2", 2, 1, "1 minima marked invalid left out"),
        ("UPDATE tbl_transition_states SET invalid = 1", 3, 0, "3 transition states marked invalid left out"),
        ("UPDATE tbl_transition_states SET energy = NULL WHERE _id = 1", 3, 2, "1 transition states without an energy"),
        ("UPDATE tbl_transition_states SET _minimum1_id = 9 WHERE _id = 1", 3, 2, "1 transition states without"),
        ("UPDATE tbl_transition_states SET coords = NULL WHERE _id = 1", 3, 3, None),
        ("UPDATE tbl_minima SET coords = NULL WHERE _id = 1", 3, 3, "coordinates left out: not all minima"),
        ("DELETE FROM tbl_minima", 0, 0, "3 transition states without an energy or a minimum"),
    ],
)
def test_what_is_left_out_is_noted(statement, n_minima, n_states, note, tmp_path):
    found = read_pele(database(tmp_path / "x.db", statement))
    assert (len(found.energies), len(found.heights)) == (n_minima, n_states)
    assert any(n.startswith(note) for n in found.notes) if note else not found.notes


LAUGHS = (
    "CREATE VIEW tbl_minima AS WITH RECURSIVE more(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM more) "
    "SELECT i AS _id, 1.0 AS energy FROM more"
)
ZEROS = "CREATE VIEW tbl_minima AS SELECT _id, energy, zeroblob(900000000) AS coords, fvib, pgorder, invalid FROM other"
COMPUTED = "ALTER TABLE tbl_minima ADD COLUMN big BLOB GENERATED ALWAYS AS (zeroblob(900000000))"
DEFAULT = f"ALTER TABLE tbl_minima ADD COLUMN coords BLOB DEFAULT x'{'00' * 20_000}'"
DROP = "DROP TABLE tbl_minima"


def blobs(table, blob):
    return (f"UPDATE tbl_{table} SET coords = ?", (blob,))


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ([DROP], "not a pele database (no table tbl_minima)"),
        (["ALTER TABLE tbl_minima DROP COLUMN energy"], "tbl_minima has no column energy"),
        (["ALTER TABLE tbl_transition_states RENAME COLUMN _minimum1_id TO a"], "has no column _minimum1_id"),
        (["PRAGMA user_version = 3"], "pele schema 3, this reader knows up to 2"),
        (["UPDATE tbl_minima SET energy = NULL WHERE _id = 2"], "minimum 2: no energy"),
        (["UPDATE tbl_minima SET energy = 'low' WHERE _id = 2"], "minimum 2: no energy"),
        (["UPDATE tbl_minima SET energy = 9e999 WHERE _id = 2"], "minimum 2: no energy"),
        (["UPDATE tbl_minima SET coords = 'here' WHERE _id = 2"], "minimum 2: coordinates are not a pickled array"),
        ([blobs("minima", MALICIOUS["os.system"])], "minimum 1: coordinates are not a pickled array ("),
        ([blobs("transition_states", MALICIOUS["eval"])], "transition state 1: coordinates are not a pickled array"),
        ([blobs("minima", pickle.dumps(np.array([np.nan, 0])))], "minimum 1: a coordinate is not a finite number"),
        ([blobs("transition_states", pickle.dumps(np.zeros(3)))], "state 1: 3 coordinates, minima have 2"),
        (["UPDATE tbl_transition_states SET _minimum1_id = 'x'"], "its minima are not given by number"),
        ([DROP, "CREATE TABLE tbl_minima (_id, energy)", "INSERT INTO tbl_minima VALUES ('a', 1)"], "its id is no"),
        ([DROP, LAUGHS], "not a plain table"),
        ([DROP, f"{LAUGHS} WHERE 0"], "not a plain table"),
        (["ALTER TABLE tbl_minima RENAME TO other", ZEROS], "not a plain table"),
        ([COMPUTED], "columns that are computed"),
        (["ALTER TABLE tbl_minima DROP COLUMN coords", DEFAULT], "tbl_minima has more data than the file"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_hostile_databases(statements, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    database(tmp_path / "x.db", *statements)
    tracemalloc.start()
    with pytest.raises(FormatError) as caught:
        read_pele(tmp_path / "x.db")
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "x.db"))
    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]


@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\0", b"SQLite format 3\0" + b"\xff" * 5000, b"not a database"]
)
def test_files_that_are_no_database(content, tmp_path):
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(FormatError, match=r"x\.db: not "):
        read_pele(tmp_path / "x.db")


def test_a_name_that_looks_like_an_address(tmp_path):
    """A question mark, a percent sign and a hash in a file's name mean nothing to SQLite."""
    path = database(tmp_path / "x?mode=rwc%20#1.db")
    assert len(read_pele(path).energies) == 3
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_written_is_what_pele_wants(tmp_path):
    """Schema version 2, the smaller id first, and vectors in the words of every numpy."""
    found = read_pele(database(tmp_path / "x.db"))
    write_pele(found, tmp_path / "y.db")
    connection = sqlite3.connect(tmp_path / "y.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    rows = connection.execute("SELECT _minimum1_id, _minimum2_id, invalid FROM tbl_transition_states").fetchall()
    assert rows == [(1, 2, 0), (1, 2, 0), (3, 3, 0)]
    (blob,) = connection.execute("SELECT coords FROM tbl_minima WHERE _id = 2").fetchone()
    connection.close()
    assert blob.startswith(b"\x80\x03cnumpy.core.multiarray\n")
    assert read_array(blob)[0].tolist() == [2.0, 4.0]
