"""Numbers in other programs' text files, with the file and the line in every complaint."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsuite.interchange.foreign import FormatError

__all__ = ["read_rows", "whole_numbers"]

_LONGEST_LINE = 1_000_000


def read_rows(path: Path, widths: tuple[int, ...], meaning: str) -> NDArray[np.float64]:
    """Return the whitespace-separated numbers of a file, every line of one of the `widths`, all lines of the same.

    Fortran's ``D`` exponents are read; a field of asterisks (a number too wide for its columns) becomes NaN. Empty
    lines are passed over.

    Raises
    ------
    FormatError
        For a file that cannot be read, a field that is no number, or a line of another width.
    """
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        raise FormatError(f"{path}: not there") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not a text file of numbers ({type(error).__name__})") from None
    rows: list[list[float]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > _LONGEST_LINE:
            raise FormatError(
                f"{path}, line {number}: {len(line)} characters, more than a line of numbers has"
            )
        fields = line.split()
        if not fields:
            continue
        if len(fields) not in widths or (rows and len(fields) != len(rows[0])):
            allowed = len(rows[0]) if rows else " or ".join(map(str, widths))
            raise FormatError(f"{path}, line {number}: {len(fields)} columns, expected {allowed} ({meaning})")
        rows.append([_number(field, path, number) for field in fields])
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1 if rows else widths[0])


def whole_numbers(
    column: NDArray[np.float64], path: Path, meaning: str, lowest: int, highest: int
) -> NDArray[np.int64]:
    """Return a column as integers within [lowest, highest].

    Raises
    ------
    FormatError
        Naming the first row that is none.
    """
    wrong = ~np.isfinite(column) | (column != np.round(column)) | (column < lowest) | (column > highest)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise FormatError(
            f"{path}, row {row + 1}: {meaning} {column[row]:g}, expected a whole number {lowest} to {highest}"
        )
    return column.astype(np.int64)


def _number(field: str, path: Path, line: int) -> float:
    if field.strip("*") == "":
        return np.nan
    try:
        return float(field.replace("D", "E").replace("d", "e"))
    except ValueError:
        raise FormatError(f"{path}, line {line}: {field[:40]!r} is not a number") from None
