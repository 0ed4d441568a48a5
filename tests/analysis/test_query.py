"""Conditions on minima: against plain Python, and nothing but conditions."""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_database import MINIMA, SURFACES, fill

from elsuite.core.identity import Identity
from elsuite.database import LandscapeDatabase
from elsuite.database.declared import joins_isomers
from elsuite.database.query import QueryError, lowest, nearest, select, select_minima, to_dataframe
from elsuite.symmetry import AtomSymmetry, NoSymmetry, PeriodicSymmetry


@pytest.fixture(scope="module")
def database():
    with LandscapeDatabase.create(None, n_parameters=4, surfaces=SURFACES) as filled:
        yield fill(filled)


CASES = [
    ("energy.train < 0.15", [0, 3, 5]),
    ("energy.train <= 0.15 and set == 'sgd/train'", [0, 2]),
    ("not (energy.test > 0.5)", [0, 1, 4]),
    ("0.1 <= energy.train <= 0.2", [0, 1, 2]),
    ("set in ['sgd/test', 'lbfgs-gss/test']", [1, 4]),
    ("set not in ('sgd/train',) and energy.test < 0.5 or id == 5", [1, 4, 5]),
    ("seed >= 2", [3, 4, 5]),
    ("run != 0 and outcome == 'budget spent' and stopping == \"train\"", [2, 3, 5]),
    ("gradient_norm > -1", [0, 1, 2, 3, 4, 5]),
    ("set == 'nobody'", []),
]


@pytest.mark.parametrize(("condition", "expected"), CASES)
def test_conditions(database, condition, expected):
    assert select_minima(database, condition).tolist() == expected


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("energy.validation < 1", ["energy.validation", "energy.train"]),
        ("engery.train < 1", ["engery.train", "energy.train"]),
        ("__import__('os').system('true') == 0", ["not allowed"]),
        ("(lambda: 1)() == 1", ["not allowed"]),
        ("[x for x in (1,)] == 1", ["not allowed"]),
        ("energy.train", ["not a comparison"]),
        ("energy.train + 1 < 2", ["not allowed"]),
        ("set < 1", ["text is compared with a number"]),
        ("energy.train == 'a'", ["text is compared with a number"]),
        ("energy.train in 3", ["needs a list"]),
        ("energy.train < [1]", ["only follow"]),
        ("energy.train is 1", ["allowed are"]),
        ("set.__class__ == 'x'", ["set.__class__"]),
        ("id <", ["not a condition"]),
        ("", ["not a condition"]),
        ("not " * 60 + "id == 1", ["nested deeper"]),
        ("id == 1 or " * 500 + "id == 1", ["characters"]),
        ("id == 1; import os", ["not a condition"]),
        ("\x00", ["not a condition"]),
    ],
)
def test_anything_else_is_one_clear_line(database, condition, words):
    with pytest.raises(QueryError) as caught:
        select_minima(database, condition)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


@given(st.text(max_size=40))
def test_no_text_does_more_than_raise(text):
    columns = {"id": np.arange(3), "set": np.array(["a", "b", "c"])}
    with contextlib.suppress(QueryError):
        assert select(text, columns).shape == (3,)


numbers = st.integers(-3, 3)
leaves = st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers)
conditions = st.recursive(
    leaves.map(lambda leaf: f"{leaf[0]} {leaf[1]} {leaf[2]}"),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        inner.map(lambda part: f"not ({part})"),
    ),
    max_leaves=6,
)


@given(conditions, st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6))
def test_against_plain_python(condition, rows):
    columns = {"x": np.array([x for x, _ in rows]), "y": np.array([y for _, y in rows])}
    # The condition is made of the strategies above, so that Python itself may be asked.
    expected = [bool(eval(condition, {"x": x, "y": y})) for x, y in rows]
    assert select(condition, columns).tolist() == expected


def test_lowest_and_nearest(database, monkeypatch):
    assert lowest(database, 3).tolist() == [3, 5, 0]
    assert lowest(database, 2, surface="test").tolist() == [4, 1]
    points = database.coordinates(range(6)).astype(float)
    distances = np.linalg.norm(points - points[2], axis=1)
    expected = [int(i) for i in np.argsort(distances) if i != 2]
    assert [i for i, _ in nearest(database, 2, 99)] == expected
    monkeypatch.setattr("elsuite.database.query._BLOCK", 2)
    assert nearest(database, 2, 1)[0][1] == pytest.approx(np.sort(distances)[1])


def test_tables_as_dataframes(database):
    minima = to_dataframe(database)
    assert minima["energy.train"].tolist() == [train for _, train, *_ in MINIMA]
    assert to_dataframe(database, "paths")["refined_height"].max() == 0.9
    assert len(to_dataframe(database, "runs")) == 4
    with pytest.raises(QueryError, match="minima, paths, runs"):
        to_dataframe(database, "edges")


def _two_minima(identity=None, **paths):
    attributes = {} if identity is None else {"identity": identity.as_json()}
    database = LandscapeDatabase.create(
        None, n_parameters=6, surfaces=["energy"], dtype="float64", attributes=attributes
    )
    n = len(paths["height"])
    minima = {"coordinates": [[0.0, 0, 0, 1, 0, 0], [0.0, 0, 0, 0, 1, 0]], "energy": [[0.0], [0.0]]}
    database.add(minima=minima, paths={"source": [0] * n, "target": [1] * n, **paths})
    return database


@pytest.mark.parametrize(
    ("declared", "paths", "isomers"),
    [
        # What a path says of itself holds, whatever else there is.
        (None, {"joins": ["points", "isomers"]}, [False, True]),
        (AtomSymmetry((0, 0)), {"joins": ["points"], "kind": ["transition_state"]}, [False]),
        # Stores of earlier versions: by the permutation, the kind and the declared symmetry, the distance of the ends.
        (None, {"permutation": [None, [1, 2, 3, 4, 5, 6], [4, 5, 6, 1, 2, 3]]}, [False, False, True]),
        (None, {"kind": ["path", "transition_state"]}, [False, False]),
        (NoSymmetry(6), {"kind": ["path", "transition_state"]}, [False, False]),
        (PeriodicSymmetry((1.0,) * 6), {"kind": ["transition_state"], "chord": [0.1]}, [False]),
        (AtomSymmetry((0, 0)), {"kind": ["path", "transition_state"]}, [False, True]),
        (AtomSymmetry((0, 0)), {"chord": [math.sqrt(2), math.sqrt(2) * (1 - 1e-6), math.nan]}, [False, True, False]),
        (NoSymmetry(6), {"chord": [0.1]}, [False]),
    ],
)
def test_whether_a_path_joins_the_stored_points_or_isomers(declared, paths, isomers):
    identity = declared and Identity(
        kind="x", settings={}, n_parameters=6, surfaces=("energy",), data={}, points=None, energies=[], precision=1.0,
        symmetry=declared.description(),
    )  # fmt: skip
    database = _two_minima(identity, height=[1.0] * len(isomers), **paths)
    assert joins_isomers(database).tolist() == isomers


def test_rows_before_and_after_the_column_are_told_apart():
    database = _two_minima(height=[1.0])
    assert "joins" not in database.paths
    database.add(paths={"source": [0, 1], "target": [1, 0], "height": [1.0, 1.0], "joins": [None, "isomers"]})
    assert joins_isomers(database).tolist() == [False, False, True]
    with pytest.raises(ValueError, match=r"paths.joins: 'both' given, points or isomers allowed"):
        database.add(paths={"source": [0], "target": [1], "height": [1.0], "joins": ["both"]})
