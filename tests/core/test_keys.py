"""Content keys: equal content has equal keys, and nothing else has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsuite.core.identity import canonical_json, content_key, work_seed

pytestmark = pytest.mark.making

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), json_values, max_size=5))
def test_the_order_of_a_dictionary_does_not_matter(value):
    backwards = dict(reversed(list(value.items())))
    assert content_key(value) == content_key(backwards)


@given(json_values, json_values)
def test_keys_are_equal_only_for_equal_content(a, b):
    assert (content_key(a) == content_key(b)) == (canonical_json(a) == canonical_json(b))


@given(json_values)
def test_keys_fit_their_column_and_seeds_theirs(value):
    key = content_key(value)
    assert 0 < key < 2**64
    assert 0 <= work_seed(key) < 2**31


def test_a_known_key_stays_what_it_is():
    # Keys are stored: a change of the hash would make every store do its work again.
    assert content_key("run", {"a": 1}, 7) == 13295974246160528392


def test_a_value_without_a_form_in_json_is_refused():
    with pytest.raises(TypeError):
        content_key({1, 2})
