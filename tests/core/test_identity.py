"""Which landscape it is: what is declared, what energies tell, and words for what differs."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsuite.core.identity import UNSAID, Identity, checksum, content_key, nested_differences, plain_settings

LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
)


def identity(**changes):
    values = {
        "kind": "wells",
        "settings": {"heights": [1.0, 2.0]},
        "n_parameters": 1,
        "surfaces": ("train", "test"),
        "data": {},
        "points": [[0.0], [1.0], [2.0]],
        "energies": [[0.5, 1.0], [1.5, None], [2.5, 3.0]],
        "precision": 1e-9,
        "symmetry": {"kind": "none", "n_parameters": 1},
    }
    return Identity(**(values | changes))


def test_what_is_stored_is_read_again():
    stored = json.loads(json.dumps(identity().as_json(), allow_nan=False))
    assert Identity.from_json(stored) == identity()
    assert Identity.from_json(stored).differences(identity()) == []


@pytest.mark.parametrize("stored", [None, 3, [], {}, {"kind": "x"}, {**identity().as_json(), "energies": "many"}])
def test_what_is_no_identity_is_refused(stored):
    with pytest.raises(ValueError, match="identity"):
        Identity.from_json(stored)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "hills"}, "kind is 'wells' there and 'hills' here"),
        ({"settings": {"heights": [1.0, 3.0]}}, "settings.heights[1] is 2.0 there and 3.0 here"),
        ({"energies": [[0.5, 1.0], [1.5, 0.0], [2.5, 3.0]]}, "at fixed point 1 is not finite there and 0 here"),
        (
            {"energies": [[0.5, 1.0], [1.5, None], [2.5, 3.0 + 1e-8]]},
            "on 'test' at fixed point 2 is 3 there and 3.00000001",
        ),
        ({"symmetry": {"kind": "none", "n_parameters": 2}}, "symmetry.n_parameters is 1 there and 2 here"),
    ],
)
def test_what_differs_is_said(changes, words):
    (line,) = identity().differences(identity(**changes))
    assert words in line


def test_rounding_is_no_difference():
    moved = [[0.5 + 1e-10, 1.0], [1.5, None], [2.5, 3.0 - 1e-9]]
    assert identity().differences(identity(energies=moved)) == []


def test_other_points_leave_energies_open():
    other = identity(points=[[0.0], [1.0], [3.0]], energies=[[9.0, 9.0]] * 3)
    assert identity().differences(other) == []
    assert identity().other_energies(other.energies)


@given(JSON, JSON)
def test_differences_are_there_where_values_differ(a, b):
    assert list(nested_differences(a, a)) == []
    assert bool(list(nested_differences(a, b))) == (not _agree(a, b))


def _agree(a, b):
    """Compare; a key that only one of them has is no difference. 1, 1.0 and True are equal in Python."""
    if isinstance(a, dict) and isinstance(b, dict):
        return all(_agree(a[key], b[key]) for key in a.keys() & b.keys())
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return all(map(_agree, a, b))
    return a == b


def test_settings_of_a_later_version_are_no_difference():
    later = identity(settings={"heights": [1.0, 2.0], "mirrored": True})
    assert identity().differences(later) == later.differences(identity()) == []


@pytest.mark.parametrize("name", UNSAID["network"])
def test_what_only_one_network_uses_is_a_difference(name):
    without = identity(kind="network", settings={"loss": "CrossEntropy"})
    given = identity(kind="network", settings={"loss": "CrossEntropy", name: "mine"})
    assert without.differences(given) == [f"settings.{name} is None there and 'mine' here"]
    assert given.differences(without) == [f"settings.{name} is 'mine' there and None here"]
    assert given.differences(given) == []


def test_checksums_are_of_the_content():
    a = np.arange(6.0).reshape(2, 3)
    assert checksum(a) == checksum(a.copy(order="F")) == checksum(a.astype(">f8"))
    different = [a.T, a.astype("f4"), a + 1e-12, a.reshape(3, 2), a.ravel()]
    assert len({checksum(values) for values in [a, *different]}) == 1 + len(different)


def test_settings_become_json():
    class Own:
        pass

    value = plain_settings({"a": (1, 2.5), "b": np.float64(0.5), "c": np.arange(3), "d": len, "e": Own(), "f": np.inf})
    assert json.loads(json.dumps(value)) == value
    assert value["a"] == [1, 2.5]
    assert value["b"] == 0.5
    assert value["c"] == checksum(np.arange(3))
    assert value["d"] == "len"


def test_keys_do_not_depend_on_order():
    assert content_key({"a": 1, "b": [2]}) == content_key({"b": [2], "a": 1}) != content_key({"a": 1, "b": [3]})
