"""pele's SQLite databases, schema versions 0 to 2.

Its vectors are pickles of numpy arrays. A pickle can run any code, so nothing is unpickled: `pickled_arrays` takes
the numbers out. An SQLite file can make more data than it holds (views, computed columns): tables must be plain
ones, and rows together no larger than the file.
"""

import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elsuite.core.typing import Floats
from elsuite.interchange.files import new_files, read_head
from elsuite.interchange.foreign import ForeignLandscape, FormatError, printable
from elsuite.interchange.formats import Format
from elsuite.interchange.pickled_arrays import ArrayLayout, NotAnArrayError, read_again, read_array

_SCHEMA_VERSION = 2
_MINIMA = "tbl_minima"
_STATES = "tbl_transition_states"
_CREATE = (
    f"CREATE TABLE {_MINIMA} (_id INTEGER NOT NULL, energy FLOAT, coords BLOB, fvib FLOAT, pgorder INTEGER, "
    "invalid INTEGER, user_data BLOB, PRIMARY KEY (_id))",
    f"CREATE TABLE {_STATES} (_id INTEGER NOT NULL, energy FLOAT, coords BLOB, _minimum1_id INTEGER, "
    "_minimum2_id INTEGER, eigenval FLOAT, eigenvec BLOB, fvib FLOAT, pgorder INTEGER, invalid INTEGER, "
    f"user_data BLOB, PRIMARY KEY (_id), FOREIGN KEY(_minimum1_id) REFERENCES {_MINIMA} (_id), "
    f"FOREIGN KEY(_minimum2_id) REFERENCES {_MINIMA} (_id))",
    f"CREATE INDEX idx_transition_states ON {_STATES} (_minimum1_id, _minimum2_id)",
    f"PRAGMA user_version = {_SCHEMA_VERSION}",
)
Rows = list[tuple[Any, ...]]


def read_pele(path: str | Path) -> ForeignLandscape:
    """Return the minima and transition states of the pele database at `path`, rows marked invalid left out.

    Columns that are kept: ``log_product`` (pele's ``fvib``), ``point_group_order`` and, of transition states,
    ``negative_eigenvalue``. Coordinates are kept if all minima have some of one length.

    Raises
    ------
    FormatError
        For a file that is no such database, a row that is malformed, or a blob that is not a plain array.

    Examples
    --------
    >>> import tempfile
    >>> written = ForeignLandscape(np.array([-2.0, -1.0]), np.array([0]), np.array([1]), np.array([0.5]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_pele(written, f"{folder}/pele.sqlite")
    ...     landscape = read_pele(f"{folder}/pele.sqlite")
    >>> landscape.energies.tolist(), landscape.heights.tolist()
    ([-2.0, -1.0], [0.5])
    """
    path = Path(path)
    n_bytes = read_head(path, b"SQLite format 3\0", "an SQLite database of pele")
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            minima, states, notes = _File(path, n_bytes, connection).valid_rows()
    except FormatError:
        raise
    except Exception as error:
        # Besides its own kinds sqlite3 raises what decoding raises, also of its own messages.
        raise FormatError(f"{path}: not a pele database ({printable(error)})") from None
    numbers = _checked(minima, path)
    points = _coordinates(minima, path)
    if points is None and any(row[2] is not None for row in minima):
        notes.append("coordinates left out: not all minima have some of the same length")
    states = _usable(states, numbers, path, notes)
    return ForeignLandscape(
        energies=np.array([row[1] for row in minima], dtype=np.float64),
        coordinates=points,
        sources=np.array([numbers[row[5]] for row in states], dtype=np.int64),
        targets=np.array([numbers[row[6]] for row in states], dtype=np.int64),
        heights=np.array([row[1] for row in states], dtype=np.float64),
        state_coordinates=None if points is None else _state_coordinates(states, path, points.shape[1]),
        minima_columns={"log_product": _numbers(minima, 3), "point_group_order": _numbers(minima, 4)},
        state_columns={
            "negative_eigenvalue": _numbers(states, 7),
            "log_product": _numbers(states, 3),
            "point_group_order": _numbers(states, 4),
        },
        notes=tuple(notes),
    )


def write_pele(landscape: ForeignLandscape, path: str | Path) -> None:
    """Write a database of schema version 2, which pele opens, to a new file at `path`.

    Raises
    ------
    FormatError
        If there is something at `path` already.

    Examples
    --------
    Ids of pele begin with 1.

    >>> import tempfile
    >>> landscape = ForeignLandscape(np.array([-2.0, -1.0]), np.array([0]), np.array([1]), np.array([0.5]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_pele(landscape, f"{folder}/pele.sqlite")
    ...     with closing(sqlite3.connect(f"{folder}/pele.sqlite")) as connection:
    ...         connection.execute("SELECT _id, energy FROM tbl_minima").fetchall()
    [(1, -2.0), (2, -1.0)]
    """
    ends = 1 + np.sort(np.column_stack([landscape.sources, landscape.targets]).reshape(-1, 2), axis=1)
    columns, state_columns = landscape.minima_columns, landscape.state_columns
    n, m = len(landscape.energies), len(landscape.heights)
    minima = zip(
        range(1, n + 1),
        landscape.energies.tolist(),
        _blobs(landscape.coordinates, n),
        _values(columns, "log_product", n),
        _orders(columns, n),
        strict=True,
    )
    states = zip(
        range(1, m + 1),
        landscape.heights.tolist(),
        _blobs(landscape.state_coordinates, m),
        *ends.T.tolist(),  # pele keeps the smaller id first
        _values(state_columns, "negative_eigenvalue", m),
        _values(state_columns, "log_product", m),
        _orders(state_columns, m),
        strict=True,
    )
    with new_files(Path(path)) as (place,), closing(sqlite3.connect(place)) as connection, connection:
        for statement in _CREATE:
            connection.execute(statement)
        connection.executemany(f"INSERT INTO {_MINIMA} VALUES (?, ?, ?, ?, ?, 0, NULL)", minima)
        connection.executemany(f"INSERT INTO {_STATES} VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?, 0, NULL)", states)


@dataclass(frozen=True)
class _File:
    """A pele database that is open; of at most `n_bytes` bytes of data."""

    path: Path
    n_bytes: int
    connection: sqlite3.Connection

    def valid_rows(self) -> tuple[Rows, Rows, list[str]]:
        """Return the rows of both tables that are not marked invalid, and what to note of the others."""
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        if not 0 <= version <= _SCHEMA_VERSION:
            raise FormatError(f"{self.path}: pele schema {version}, this reader knows up to {_SCHEMA_VERSION}")
        self.connection.execute("PRAGMA trusted_schema = OFF")
        self.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(self.n_bytes, 2**30))
        tables = self._rows(_MINIMA), self._rows(_STATES, "_minimum1_id", "_minimum2_id", "eigenval")
        minima, states = ([row[:-1] for row in rows if not row[-1]] for rows in tables)
        left_out = {"minima": len(tables[0]) - len(minima), "transition states": len(tables[1]) - len(states)}
        return minima, states, [f"{n} {what} marked invalid left out" for what, n in left_out.items() if n]

    def _rows(self, table: str, *further: str) -> Rows:
        """Return some columns of a table and, last, ``invalid``; columns that older schemas lack are None."""
        found = self.connection.execute(
            "SELECT type, rootpage FROM sqlite_master WHERE name = ? COLLATE NOCASE", (table,)
        ).fetchall()
        if not found:
            raise FormatError(f"{self.path}: not a pele database (no table {table})")
        if [kind for kind, _ in found] != ["table"] or not found[0][1]:
            raise FormatError(f"{self.path}: {table} is not a plain table")
        if any(column[-1] for column in self.connection.execute(f"PRAGMA table_xinfo({table})")):
            raise FormatError(f"{self.path}: {table} has columns that are computed")
        there = {column[1] for column in self.connection.execute(f"PRAGMA table_info({table})")}
        for name in ("_id", "energy", *further[:2]):
            if name not in there:
                raise FormatError(f"{self.path}: {table} has no column {name}")
        names = ("_id", "energy", "coords", "fvib", "pgorder", *further, "invalid")
        chosen = ", ".join(name if name in there else "NULL" for name in names)
        rows, total = [], 0
        for row in self.connection.execute(f"SELECT {chosen} FROM {table} ORDER BY _id"):
            total += 8 + sum(len(value) for value in row if isinstance(value, (bytes, str)))
            if total > self.n_bytes:
                raise FormatError(f"{self.path}: {table} has more data than the file")
            rows.append(row)
        return rows


def _checked(minima: Rows, path: Path) -> dict[int, int]:
    """Return the place of each id; every minimum must have one of its own and an energy."""
    numbers: dict[int, int] = {}
    for k, row in enumerate(minima):
        if not isinstance(row[0], int) or row[0] in numbers:
            raise FormatError(f"{path}, minimum in row {k + 1}: its id is no number of its own")
        if not _finite(row[1]):
            raise FormatError(f"{path}, minimum {row[0]}: no energy")
        numbers[row[0]] = k
    return numbers


def _usable(states: Rows, numbers: dict[int, int], path: Path, notes: list[str]) -> Rows:
    """Return the transition states with an energy and both minima, and note how many have not."""
    kept = []
    for k, row in enumerate(states):
        if not all(end is None or isinstance(end, int) for end in row[5:7]):
            raise FormatError(f"{path}, transition state in row {k + 1}: its minima are not given by number")
        if _finite(row[1]) and row[5] in numbers and row[6] in numbers:
            kept.append(row)
    if len(kept) < len(states):
        notes.append(f"{len(states) - len(kept)} transition states without an energy or a minimum left out")
    return kept


def _points(rows: Rows, path: Path, what: str) -> Iterator[Floats | None]:
    """Yield the coordinates of each row as a vector, None where there are none."""
    layout: ArrayLayout | None = None
    for row in rows:
        blob, where = row[2], f"{path}, {what} {row[0]}"
        if blob is None:
            yield None
            continue
        if not isinstance(blob, bytes):
            raise FormatError(f"{where}: coordinates are not a pickled array")
        try:
            point = read_again(blob, layout)
            if point is None:
                point, layout = read_array(blob)
        except NotAnArrayError as error:
            raise FormatError(f"{where}: coordinates are not a pickled array ({error})") from None
        if not np.isfinite(point).all():
            raise FormatError(f"{where}: a coordinate is not a finite number")
        yield point.ravel()


def _coordinates(minima: Rows, path: Path) -> Floats | None:
    points = list(_points(minima, path, "minimum"))
    known = [point for point in points if point is not None]
    if not points or len(known) < len(points) or len({len(point) for point in known}) > 1 or not len(known[0]):
        return None
    return np.array(known)


def _state_coordinates(rows: Rows, path: Path, width: int) -> Floats | None:
    points = np.full((len(rows), width), np.nan)
    for k, point in enumerate(_points(rows, path, "transition state")):
        if point is not None:
            if len(point) != width:
                raise FormatError(
                    f"{path}, transition state {rows[k][0]}: {len(point)} coordinates, minima have {width}"
                )
            points[k] = point
    return None if np.isnan(points).all() else points


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))


def _numbers(rows: Rows, column: int) -> Floats:
    return np.array([row[column] if _finite(row[column]) else np.nan for row in rows], dtype=np.float64)


def _values(columns: Any, name: str, n: int) -> list[float | None]:
    if name not in columns:
        return [None] * n
    values = np.asarray(columns[name], dtype=np.float64).tolist()
    return [value if np.isfinite(value) else None for value in values]


def _orders(columns: Any, n: int) -> list[int | None]:
    orders = _values(columns, "point_group_order", n)
    return [None if order is None or order < 1 else int(order) for order in orders]


def _blobs(points: Floats | None, n: int) -> Iterator[bytes | None]:
    """Yield a pickle for each point that is known, in the words of numpy 1, which numpy 2 understands as well."""
    if points is None or not n:
        yield from [None] * n
        return
    template = pickle.dumps(np.zeros(points.shape[1]), protocol=3)
    layout = read_array(template.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n", 1))[1]
    for point in np.ascontiguousarray(points, dtype=np.float64):
        known = layout is not None and not np.isnan(point).any()
        yield layout.prefix + point.tobytes() + layout.suffix if layout and known else None


FORMAT = Format("the pele database SOURCE, an SQLite file", read_pele, write_pele, example="lj38.sqlite")
