"""Numbers in other programs' text files, with the file and the line in every complaint."""

import codecs
import io
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from elsuite.core.typing import Array, Floats, Ids
from elsuite.interchange.files import read_bytes
from elsuite.interchange.foreign import FormatError

_LONGEST_LINE = 1_000_000
# Fortran: 1.0D+05, 1.0-100 (an exponent of three digits takes the letter's place), and asterisks for what is too wide.
_NUMBER = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[EDQ]([+-]?[0-9]+)|([+-][0-9]+))?", re.IGNORECASE)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)(?:\([^()]*\))?", re.IGNORECASE)
_TOKEN = re.compile(r"\*+|[^*\s]+")
_WIDEST_FIELD = 20
_PLAIN = b"0123456789+-.eE \t\n"


@dataclass(frozen=True, eq=False)
class NumberTable:
    """The rows of a text file of numbers."""

    path: Path
    values: Floats  # (n_rows, n_columns), NaN for what is not finite or was too wide to be written
    text: str

    @cached_property
    def lines(self) -> list[int]:
        """The line of each row; empty lines are no rows."""
        return [number for number, line in enumerate(self.text.split("\n"), 1) if line.strip()]

    def where(self, row: int) -> str:
        """Return file and line of a row, for a message."""
        return f"{self.path}, line {self.lines[row]}"

    def finite(self, column: int, missing: str) -> Floats:
        """Return a column, all of it finite; else raise a FormatError that names the line and what is `missing`."""
        values = self.values[:, column]
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            raise FormatError(f"{self.where(int(wrong[0]))}: {missing}")
        return values


def read_table(
    path: Path, widths: tuple[int, ...] | None, meaning: str, *, may_be_missing: bool = False
) -> NumberTable:
    """Return the numbers of a file, all lines of the same of the `widths` (None: that of the first line)."""
    # Fortran's D exponents, and exponents of three digits without a letter, are read; a field of asterisks (a number
    # too wide for its columns) and one that is not finite become NaN. Empty lines and a byte-order mark are skipped.
    if may_be_missing and not path.exists():
        return NumberTable(path, np.empty((0, (widths or (0,))[0])), "")
    raw = read_bytes(path, "a text file of numbers").removeprefix(codecs.BOM_UTF8)
    raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not raw.isascii() or b"\0" in raw:
        line = next(i for i, part in enumerate(raw.split(b"\n"), 1) if not part.isascii() or b"\0" in part)
        raise FormatError(f"{path}, line {line}: not a text file of numbers")
    text = raw.decode("ascii")
    values = _plain_table(raw)
    if values is None or (widths and values.shape[1] not in widths):
        values = _mended_table(text, path, widths, meaning)
    values[~np.isfinite(values)] = np.nan
    return NumberTable(path, values, text)


def lines_of(line: str, *columns: Array) -> bytes:
    """Return the rows of some columns as text, each by the format `line`."""
    return "".join(line % row for row in zip(*(column.tolist() for column in columns), strict=True)).encode("ascii")


def whole_numbers(table: NumberTable, column: int, meaning: str, lowest: int, highest: int) -> Ids:
    """Return a column as integers within [lowest, highest]; raises FormatError that names the first line of another."""
    values = table.values[:, column]
    with np.errstate(invalid="ignore"):
        wrong = ~((values == np.round(values)) & (values >= lowest) & (values <= highest))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        allowed = f"a whole number {lowest} to {highest} is" if highest >= lowest else "there are none"
        raise FormatError(
            f"{table.where(row)}: {meaning} {values[row]:g}, {allowed}{' expected' * (highest >= lowest)}"
        )
    return values.astype(np.int64)


def _plain_table(raw: bytes) -> Floats | None:
    """Return the numbers of a file without peculiarities, quickly; None for any other."""
    plain = raw.translate(bytes.maketrans(b"Dd", b"Ee"))
    if plain.translate(None, _PLAIN) or not plain.strip() or max(map(len, plain.split(b"\n"))) > _LONGEST_LINE:
        return None
    try:
        return np.loadtxt(io.BytesIO(plain), ndmin=2, comments=None, encoding="ascii")
    except ValueError:
        return None


def _mended_table(text: str, path: Path, widths: tuple[int, ...] | None, meaning: str) -> Floats:
    rows: list[list[float]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > _LONGEST_LINE:
            raise FormatError(f"{path}, line {number}: {len(line)} characters, more than a line of numbers has")
        fields = _fields(line)
        if not fields:
            continue
        widths = widths or (len(fields),)
        if len(fields) not in widths or (rows and len(fields) != len(rows[0])):
            allowed = len(rows[0]) if rows else " or ".join(map(str, widths))
            raise FormatError(f"{path}, line {number}: {len(fields)} columns, expected {allowed} ({meaning})")
        rows.append([_number(field, path, number) for field in fields])
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(rows[0]) if rows else (widths or (0,))[0])


def _fields(line: str) -> list[str]:
    """Return the fields of a line; asterisks fill their columns and so touch the field before."""
    if "*" not in line:
        return line.split()
    fields: list[str] = []
    for token in _TOKEN.findall(line):
        fields += [token] if token[0] != "*" else ["*"] * -(-len(token) // _WIDEST_FIELD)
    return fields


def _number(field: str, path: Path, line: int) -> float:
    if field[0] == "*" or _NOT_FINITE.fullmatch(field):
        return np.nan
    found = _NUMBER.fullmatch(field)
    if found is None:
        raise FormatError(f"{path}, line {line}: {field[:40]!r} is not a number")
    mantissa, exponent, bare = found.groups()
    return float(f"{mantissa}e{exponent or bare or 0}")
