"""pele's SQLite databases, schema version 2.

Its vectors are pickles of numpy arrays. A pickle can run any code, so they are read by an unpickler that admits the
four names that an array's pickle needs and nothing else.
"""

import io
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsuite.interchange.foreign import ForeignLandscape, FormatError

__all__ = ["read_pele", "write_pele"]

_SCHEMA_VERSION = 2
_LARGEST_BLOB = 2**28
_MINIMA = (
    "CREATE TABLE tbl_minima (_id INTEGER PRIMARY KEY, energy FLOAT, coords BLOB, fvib FLOAT, pgorder INTEGER, "
    "invalid INTEGER, user_data BLOB)"
)
_STATES = (
    "CREATE TABLE tbl_transition_states (_id INTEGER PRIMARY KEY, energy FLOAT, coords BLOB, _minimum1_id INTEGER, "
    "_minimum2_id INTEGER, eigenval FLOAT, eigenvec BLOB, fvib FLOAT, pgorder INTEGER, invalid INTEGER, user_data BLOB)"
)


class _ArraysOnly(pickle.Unpickler):
    """Admits what numpy writes for an array: its rebuilding function, `ndarray`, `dtype`, and nothing else."""

    _ALLOWED = frozenset(
        (module, name)
        for module in ("numpy.core.multiarray", "numpy._core.multiarray", "numpy")
        for name in ("_reconstruct", "ndarray", "dtype", "_frombuffer")
    ) | {("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer"), ("_codecs", "encode")}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")
        return super().find_class(module, name)


def read_pele(path: str | Path) -> ForeignLandscape:
    """Return the minima and transition states of the pele database at `path`, rows marked invalid left out.

    Raises
    ------
    FormatError
        For a file that is no such database, a row that is malformed, or a blob that is not a plain array.
    """
    path = Path(path)
    if not path.is_file():
        raise FormatError(f"{path}: not there")
    minima, states = _rows(path)
    position = {row[0]: k for k, row in enumerate(minima)}
    kept = [row for row in states if row[3] in position and row[4] in position and _finite(row[1])]
    left_out = len(states) - len(kept)
    points = [_array(row[2], f"{path}, minimum {row[0]}") for row in minima]
    state_points = [_array(row[2], f"{path}, transition state {row[0]}") for row in kept]
    for row in minima:
        if not _finite(row[1]):
            raise FormatError(f"{path}, minimum {row[0]}: no energy")
    coordinates = _stacked(points, path, "minima")
    return ForeignLandscape(
        energies=np.array([row[1] for row in minima], dtype=np.float64),
        coordinates=coordinates,
        sources=np.array([position[row[3]] for row in kept], dtype=np.int64),
        targets=np.array([position[row[4]] for row in kept], dtype=np.int64),
        heights=np.array([row[1] for row in kept], dtype=np.float64),
        state_coordinates=None if coordinates is None else _stacked(state_points, path, "transition states"),
        minima_columns={"log_product": _numbers(minima, 3), "point_group_order": _numbers(minima, 4)},
        state_columns={
            "negative_eigenvalue": _numbers(kept, 5),
            "log_product": _numbers(kept, 6),
            "point_group_order": _numbers(kept, 7),
        },
        notes=(f"{left_out} transition states without an energy or with invalid minima left out",)
        if left_out
        else (),
    )


def write_pele(landscape: ForeignLandscape, path: str | Path) -> None:
    """Write a database that pele opens to a new file at `path`.

    Raises
    ------
    FormatError
        If there is something at `path` already.
    """
    path = Path(path)
    if path.exists():
        raise FormatError(f"{path}: exists already")
    connection = sqlite3.connect(path)
    try:
        with connection:
            connection.execute(_MINIMA)
            connection.execute(_STATES)
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            columns = landscape.minima_columns
            for i, energy in enumerate(landscape.energies):
                blob = _blob(landscape.coordinates, i)
                values = (
                    i + 1,
                    float(energy),
                    blob,
                    _value(columns, "log_product", i),
                    _value(columns, "point_group_order", i),
                )
                connection.execute("INSERT INTO tbl_minima VALUES (?, ?, ?, ?, ?, 0, NULL)", values)
            for i, height in enumerate(landscape.heights):
                # pele keeps the smaller id first.
                a, b = sorted((int(landscape.sources[i]) + 1, int(landscape.targets[i]) + 1))
                known = [
                    _value(landscape.state_columns, name, i)
                    for name in ("negative_eigenvalue", "log_product", "point_group_order")
                ]
                state = (
                    i + 1,
                    float(height),
                    _blob(landscape.state_coordinates, i),
                    a,
                    b,
                    known[0],
                    known[1],
                    known[2],
                )
                connection.execute(
                    "INSERT INTO tbl_transition_states VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?, 0, NULL)", state
                )
    finally:
        connection.close()


def _rows(path: Path) -> tuple[list[Any], list[Any]]:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > _SCHEMA_VERSION:
                raise FormatError(f"{path}: pele schema {version}, this reader knows up to {_SCHEMA_VERSION}")
            valid = "WHERE invalid IS NULL OR invalid = 0 ORDER BY _id"
            minima = connection.execute(
                f"SELECT _id, energy, coords, fvib, pgorder FROM tbl_minima {valid}"
            ).fetchall()
            states = connection.execute(
                "SELECT _id, energy, coords, _minimum1_id, _minimum2_id, eigenval, fvib, pgorder "
                f"FROM tbl_transition_states {valid}"
            ).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise FormatError(f"{path}: not a pele database ({error})") from None
    return minima, states


def _array(blob: Any, where: str) -> NDArray[np.float64] | None:
    if blob is None:
        return None
    if not isinstance(blob, bytes) or len(blob) > _LARGEST_BLOB:
        raise FormatError(f"{where}: coordinates are not a pickled array")
    try:
        value = _ArraysOnly(io.BytesIO(blob)).load()
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
            raise pickle.UnpicklingError(f"a {type(value).__name__}")
        array = np.asarray(value, dtype=np.float64).ravel()
    except Exception as error:
        # A hostile pickle can raise anything; whatever it is, the blob is no array.
        reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise FormatError(f"{where}: coordinates are not a pickled array ({reason})") from None
    if not np.isfinite(array).all():
        raise FormatError(f"{where}: a coordinate is not a finite number")
    return array


def _stacked(points: list[NDArray[np.float64] | None], path: Path, what: str) -> NDArray[np.float64] | None:
    found = [point for point in points if point is not None]
    if not points or len(found) != len(points):
        return None
    if len({len(point) for point in found}) != 1:
        raise FormatError(f"{path}: coordinates of {what} differ in length")
    return np.array(found)


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))


def _numbers(rows: list[Any], column: int) -> NDArray[np.float64]:
    return np.array([row[column] if _finite(row[column]) else np.nan for row in rows], dtype=np.float64)


def _value(columns: dict[str, NDArray[Any]], name: str, row: int) -> float | None:
    value = float(columns[name][row]) if name in columns else np.nan
    return value if np.isfinite(value) else None


def _blob(points: NDArray[np.float64] | None, row: int) -> bytes | None:
    return None if points is None else pickle.dumps(np.array(points[row]), protocol=4)
