"""What may not go into a database is refused in one clear line, and changes nothing."""

import hypothesis.extra.numpy
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from stores import filled, make, minima

from elsuite.schema import TABLES, NotFoundError


@pytest.fixture(scope="module")
def growing():
    """A database that keeps what it is given."""
    return filled()


@pytest.fixture(scope="module")
def shared():
    """A database that no test changes."""
    return filled()


BAD = {
    "unknown surface in a mapping": ("minima", [{"energy": {"vrain": 1.0}, "coordinates": [0, 0, 0]}], "no surface 'vrain'; the surfaces are train, test"),
    "energy misses a surface": ("minima", minima(2) | {"energy": [[1.0], [2.0]]}, r"minima.energy: expected shape \(2, 2\) for \(minimum, surface\), got \(2, 1\)"),
    "no energy": ("minima", {"coordinates": np.zeros((1, 3))}, "minima.energy is missing; minima need energy, coordinates"),
    "coordinates too long": ("minima", {"energy": np.zeros((2, 2)), "coordinates": np.zeros((2, 4))}, r"minima.coordinates: expected shape \(2, 3\) for \(minimum, parameter\), got \(2, 4\)"),
    "coordinates too few": ("minima", {"energy": np.zeros((2, 2)), "coordinates": np.zeros((1, 3))}, r"minima.coordinates: expected shape \(2, 3\)"),
    "columns of different length": ("minima", minima(2) | {"set": ["a"]}, r"minima.set: expected shape \(2\) for \(minimum\), got \(1,\)"),
    "no coordinates": ("minima", {"energy": np.zeros((1, 2))}, "minima.coordinates is missing"),
    "one row without coordinates": ("minima", {"energy": np.zeros((2, 2)), "coordinates": [[1, 2, 3], None]}, "minima.coordinates: expected float32"),
    "ragged coordinates": ("minima", {"energy": np.zeros((2, 2)), "coordinates": [[1, 2, 3], [1, 2]]}, "minima.coordinates: expected float32"),
    "a float as an integer": ("minima", minima(1) | {"epoch": [1.5]}, "minima.epoch: expected int64.*1.5 is no int64"),
    "a float of numpy as an integer": ("minima", minima(1) | {"epoch": [np.float64(0.5)]}, r"expected int64, got \[0\.5\]: 0\.5 is no int64"),
    "text as a number": ("minima", minima(1) | {"gradient_norm": ["x"]}, "minima.gradient_norm: expected float64"),
    "a number as text": ("minima", minima(1) | {"set": [3]}, "minima.set: expected strings, got 3"),
    "a negative key": ("minima", minima(1) | {"key": [-1]}, "minima.key: expected uint64"),
    "a huge integer": ("minima", minima(1) | {"epoch": [2**70]}, "minima.epoch: expected int64"),
    "a huge unsigned integer": ("minima", minima(1) | {"epoch": np.array([2**63], dtype=np.uint64)}, "minima.epoch: expected int64"),
    "complex numbers": ("minima", minima(1) | {"fvib": [1j]}, "minima.fvib: dtype complex128 is not allowed"),
    "a further column with two dims": ("minima", minima(1) | {"x": [[1, 2]]}, r"minima.x: expected shape \(1\) for \(minimum\), got \(1, 2\)"),
    "a bad column name": ("minima", minima(1) | {"a/b": [1]}, "column name 'a/b'"),
    "a run that is not there": ("minima", minima(1) | {"run": [2]}, r"minima.run: row 0 has id 2; ids from -1 to 1 are allowed \(2 runs\)"),
    "a start that is not there": ("runs", {"start": [3]}, "runs.start: row 0 has id 3; ids from -1 to 2"),
    "a source that is not there": ("paths", {"source": [0, 5], "target": 0, "height": 9.0, "surface": "train"}, "paths.source: row 1 has id 5; ids from 0 to 2"),
    "a missing target": ("paths", {"source": [0], "target": [None], "height": [9.0], "surface": "train"}, "paths.target: row 0 has id -1"),
    "no source": ("paths", [{"target": 0, "height": 9.0}], "paths.source is missing; paths need source, target, height"),
    "no surface of two": ("paths", [{"source": 0, "target": 0, "height": 9.0}], "paths.surface is missing; the surfaces are train, test"),
    "unknown surface": ("paths", [{"source": 0, "target": 0, "height": 9.0, "surface": "x"}], "paths.surface: no surface 'x'"),
    "unknown kind": ("paths", [{"source": 0, "target": 0, "height": 9.0, "surface": "train", "kind": "saddle"}], "paths.kind: 'saddle' given, path or transition_state allowed"),
    "a height under its end": ("paths", [{"source": 0, "target": 2, "height": 0.29, "surface": "train"}], r"paths.height: row 0 has 0\.29, under the energy 0\.3 of its target on surface 'train'"),
    "a refined height under its end": ("paths", [{"source": 2, "target": 0, "height": 0.3, "refined_height": 0.2, "surface": "train"}], "paths.refined_height: row 0"),
    "coefficients of the wrong length": ("paths", [{"source": 0, "target": 0, "height": 9.0, "surface": "train", "coefficients": np.ones((2, 4))}], r"paths.coefficients: expected shape \(1, any term, 3\)"),
    "a known key": ("runs", {"key": np.array([3, 12], dtype=np.uint64)}, "runs.key: 12 is in the database already"),
    "a key given twice": ("runs", {"key": np.array([3, 3], dtype=np.uint64)}, "runs.key: 3 is given twice"),
    "nothing row by row": ("runs", {"minimizer": "sgd"}, "no column with one value a row"),
    "a number": ("runs", 3, "runs: expected a mapping of columns or a sequence of rows, got int"),
    "a list of numbers": ("runs", [1, 2], "runs: expected a mapping of columns or a sequence of rows"),
    "curves of one surface only": ("runs", {"curves": np.zeros((1, 1, 4))}, r"runs.curves: expected shape \(1, 2, any epoch\)"),
    "curves of words": ("runs", {"curves": [[["a"], ["b"]]]}, "runs.curves: expected numbers"),
    "a profile with two dims": ("paths", {"source": [0], "target": [0], "height": [9.0], "surface": "train", "profile": np.zeros((1, 2, 2))}, "paths.profile: expected shape"),
}  # fmt: skip


@pytest.mark.parametrize(("table", "rows", "message"), BAD.values(), ids=list(BAD))
def test_bad_input_is_refused_and_changes_nothing(table, rows, message, shared):
    before = shared.attributes, [getattr(shared, name).copy() for name in TABLES]
    with pytest.raises(ValueError, match=message) as caught:
        shared.add(**{table: rows})
    assert "\n" not in str(caught.value)
    after = shared.attributes, [getattr(shared, name) for name in TABLES]
    assert before[0] == after[0]
    assert all(a.identical(b) for a, b in zip(before[1], after[1], strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"surfaces": []}, "surfaces: expected one or more different names"),
        ({"surfaces": "train"}, "surfaces: expected one or more different names, got 'train'"),
        ({"surfaces": ["a", "a"]}, "surfaces: expected one or more different names"),
        ({"surfaces": ["a", 1]}, "surfaces: expected names"),
        ({"n_parameters": -1}, "n_parameters: expected a whole number from 0, got -1"),
        ({"n_parameters": 2.5}, "n_parameters: expected a whole number"),
        ({"dtype": "float16"}, "dtype: expected float32 or float64, got 'float16'"),
        ({"attributes": {"format": "x"}}, "attribute 'format' is written by the database itself"),
        ({"path": "s3://bucket/a.elsuite"}, "s3://bucket/a.elsuite: only folders on a file system are supported"),
    ],
)
def test_bad_arguments_of_create(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_rounding_is_no_height_under_an_end():
    database = filled()
    database.add(paths=[{"source": 0, "target": 2, "height": 0.3 - 1e-7, "surface": "train"}])
    database.add(paths=[{"source": 0, "target": 2, "height": np.nan, "surface": "train"}])


def test_parallel_paths_and_self_paths_and_zero_keys_are_legal():
    database = filled()
    database.add(paths=[{"source": 0, "target": 0, "height": 9.0, "surface": "train", "key": 0}] * 3)
    assert database.n_paths == 5


@pytest.mark.parametrize("ids", [[3], [-1], [0, 99]])
def test_ids_that_are_no_minimum(ids):
    with pytest.raises(NotFoundError, match=rf"no minimum {ids[-1]}; the database has minima 0 to 2"):
        filled().coordinates(ids)
    with pytest.raises(NotFoundError, match="the database has no minima"):
        make().coordinates(ids)


@pytest.mark.parametrize("ids", [[0.0], ["a"], [True], [[0]]])
def test_ids_that_are_no_whole_numbers(ids, shared):
    with pytest.raises(ValueError, match="ids: expected whole numbers of shape"):
        shared.coordinates(ids)


junk = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.complex_numbers(),
        st.text(max_size=3),
        st.binary(max_size=3),
        st.sampled_from(["train", "test", "path", np.float32(1.5), np.uint64(2**64 - 1), np.datetime64("2026-01-01"), object()]),
        hypothesis.extra.numpy.arrays(st.sampled_from(["f8", "i8", "u1", "U2", "?", "c16", "M8[s]"]), st.sampled_from([(), (0,), (1,), (1, 2), (1, 3), (2, 2, 2)])),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner),
        st.dictionaries(st.sampled_from(["train", "test", "x"]), inner, max_size=2),
    ),
    max_leaves=4,
)  # fmt: skip
GOOD = {
    "runs": {"seed": [1]},
    "minima": {"energy": [[0.0, 0.0]], "coordinates": [[0, 0, 0]]},
    "paths": {"source": [0], "target": [1], "surface": ["train"], "height": [9.0]},
}


@settings(max_examples=80, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
@pytest.mark.parametrize("as_rows", [False, True])
@pytest.mark.parametrize("table", list(TABLES))
def test_junk_is_refused_or_kept_but_never_anything_else(table, as_rows, data, growing):
    names = [*TABLES[table].columns, "extra", "a/b", ""]
    column = data.draw(st.sampled_from(names), label="column")
    value = data.draw(junk, label="value")
    rows = GOOD[table] | {column: value}
    if as_rows:
        rows = [{name: values[0] for name, values in GOOD[table].items()} | {column: value}]
    before = (growing.n_runs, growing.n_minima, growing.n_paths)
    try:
        with np.errstate(all="ignore"):
            growing.add(**{table: rows})
        refused = ""
    except ValueError as error:
        refused = str(error)
    if refused:
        assert "\n" not in refused
        assert (growing.n_runs, growing.n_minima, growing.n_paths) == before
    getattr(growing, table).load()


@pytest.mark.parametrize("rows", [None, 3, "x", b"x", [None], [3], ["x"], {"seed": None}, {1: [2]}, [{1: 2}], np.zeros(3), object()], ids=lambda rows: repr(rows).partition(" at 0x")[0])  # fmt: skip
@pytest.mark.parametrize("table", list(TABLES))
def test_junk_in_place_of_rows(table, rows, shared):
    if rows is None:
        assert shared.add(**{table: rows}).runs.tolist() == []
        return
    with pytest.raises(ValueError, match=rf"{table}|column name"):
        shared.add(**{table: rows})


@pytest.mark.parametrize("keys", [[2**64 - 1, 3], [None, 2**63 + 1], np.array([2**64 - 1, 0], dtype=np.uint64), [0, 0]], ids=repr)  # fmt: skip
def test_keys_keep_every_digit(keys):
    database = make()
    database.add(runs={"key": keys})
    assert database.runs["key"].values.tolist() == [key or 0 for key in keys]
