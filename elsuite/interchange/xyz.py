"""Structures in XYZ files: `read_xyz`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elsuite.core.typing import Floats
from elsuite.interchange.files import read_bytes
from elsuite.interchange.foreign import FormatError


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms in their places.

    Attributes
    ----------
    symbols : tuple of str
    positions : ndarray (n_atoms, 3)
    """

    symbols: tuple[str, ...]
    positions: Floats


def read_xyz(path: str | Path) -> Structure:
    r"""Return the first structure of an XYZ file: a number, a line of any text, and a line an atom.

    Of the extended form (extxyz) the first four columns are read, which are symbol and place.

    Raises
    ------
    FormatError
        For what is no such file: the place, the line, what is there and what is expected.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".xyz") as file:
    ...     _ = file.write("2\na dimer\nAr 0 0 0\nAr 0 0 1.12\n")
    ...     file.flush()
    ...     read_xyz(file.name).positions.tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 1.12]]
    """
    lines = read_bytes(Path(path), "an XYZ file").decode("utf-8", "replace").splitlines()
    first = lines[0].strip() if lines else ""
    if not (first.isascii() and first.isdecimal() and int(first) > 0):
        raise FormatError(f"{path}, line 1: {first[:40]!r} given; the number of atoms is expected")
    n = int(first)
    if len(lines) < n + 2:
        raise FormatError(f"{path}: {max(0, len(lines) - 2)} lines of atoms given; {n} are expected")
    symbols, places = [], []
    for k, line in enumerate(lines[2 : n + 2], start=3):
        words = line.split()
        try:
            place = [float(word) for word in words[1:4]]
        except ValueError:
            place = []
        if len(place) != 3 or not np.isfinite(place).all():
            raise FormatError(f"{path}, line {k}: {line.strip()[:60]!r} given; a symbol and three numbers are expected")
        symbols.append(words[0])
        places.append(place)
    return Structure(tuple(symbols), np.array(places))
