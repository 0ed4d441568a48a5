"""The format as code agrees with the format in words, and its helpers do what they say."""

import re
from pathlib import Path

import numpy as np
import pytest

from elsuite import schema
from elsuite.schema import FORMAT_VERSION, TABLES, check_attributes, chunk_shape, extra_column

DOCUMENT = (Path(__file__).parents[1] / "docs" / "format.md").read_text(encoding="utf-8")
WORDS = {"str": "string", "parameter": "float32 or float64"}


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_the_document_lists_every_column(table):
    section = DOCUMENT.split(f"### `{table.name}` (row dim `{table.dim}`)")[1].split("###")[0]
    rows = re.findall(r"^\| `(\w+)` \| \((.*)\) \| ([\w ]+) \| (.*) \|$", section, flags=re.M)
    documented = {name: (dims, dtype, "; optional" in text) for name, dims, dtype, text in rows}
    coded = {
        column.name: (", ".join((table.dim, *column.dims)), WORDS.get(column.dtype, column.dtype), column.optional)
        for column in table.columns.values()
    }
    assert documented == coded


def test_the_document_says_the_version_and_the_reserved_attributes():
    assert f"format version {FORMAT_VERSION}\n" in DOCUMENT
    for name in schema.RESERVED:
        assert f"`{name}`" in DOCUMENT


@pytest.mark.parametrize(
    ("column", "inner", "dtype", "chunk"),
    [
        (TABLES["minima"].columns["coordinates"], (15_456,), "float32", (16, 15_456)),
        (TABLES["minima"].columns["coordinates"], (60_000,), "float32", (4, 60_000)),
        (TABLES["minima"].columns["coordinates"], (10_000_000,), "float32", (1, 10_000_000)),
        (TABLES["minima"].columns["coordinates"], (2,), "float64", (1024, 2)),
        (TABLES["minima"].columns["coordinates"], (0,), "float64", (1024, 1)),
        (TABLES["minima"].columns["energy"], (2,), "float64", (8192, 2)),
        (TABLES["paths"].columns["height"], (), "float64", (8192,)),
        (TABLES["paths"].columns["profile"], (0,), "float64", (1024, 64)),
        (TABLES["paths"].columns["coefficients"], (10, 15_456), "float32", (1, 10, 15_456)),
        (TABLES["runs"].columns["curves"], (2, 0), "float64", (32, 2, 512)),
    ],
)
def test_chunks(column, inner, dtype, chunk):
    assert chunk_shape(column, inner, dtype) == chunk


@pytest.mark.parametrize("name", ["", "1st", "a b", "a/b", "../x", "minimum", "surface", "term", "c.0", "größe "])
def test_names_that_no_column_can_have(name):
    with pytest.raises(ValueError, match="letters, digits and underscores are allowed"):
        extra_column(name, "float64")


def test_attributes_become_plain_json():
    plain = check_attributes({"a": (1, np.float64(2.5)), "b": {"c": np.arange(2)}})
    assert plain == {"a": [1, 2.5], "b": {"c": [0, 1]}}


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"n_minima": 3}, "'n_minima' is written by the database itself"),
        ({"x": float("nan")}, "'x' must be a JSON value"),
        ({"x": {"y": object()}}, "'x' must be a JSON value: object is not JSON"),
    ],
)
def test_attributes_that_cannot_be_kept(attributes, message):
    with pytest.raises(ValueError, match=message):
        check_attributes(attributes)


def test_every_error_is_a_value_error_and_its_message_is_plain():
    names = [name for name in schema.__all__ if name.endswith("Error")]
    assert len(names) == 8
    for name in names:
        error = getattr(schema, name)("no such thing")
        assert isinstance(error, ValueError)
        assert str(error) == "no such thing"
