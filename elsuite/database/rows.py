"""What `add` is given, turned into arrays: every column checked for dtype and shape against the format.

Then what must hold between rows: ids that exist, heights not under the ends, keys that are new.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from elsuite.core.typing import Array
from elsuite.schema import (
    FILL,
    JOINS,
    KINDS,
    NAMED,
    REFERENCES,
    TABLES,
    Column,
    NotFoundError,
    Table,
    extra_column,
    height_tolerance,
)

MOST_STACKED = 2**20
"""Bytes of a curve that is written together with others; longer ones are not copied for that."""

Rows: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Context:
    """What a batch is checked against: the surfaces, the number of parameters, their dtype, known extra dtypes.

    `dtypes` and `n_units` are those of the columns that the store has, where the format leaves a choice.
    """

    surfaces: tuple[str, ...]
    n_parameters: int
    dtype: str
    extra: Mapping[str, Column]
    dtypes: Mapping[str, str] = field(default_factory=dict)
    n_units: int | None = None


@dataclass(frozen=True)
class Batch:
    """The new rows of one table."""

    n_rows: int
    columns: dict[str, Array]  # rectangular (n_rows, ...): short curves and profiles are padded with NaN
    pieces: dict[str, list[tuple[int, Array]]]  # optional columns: runs of rows with a value, each with its first row
    extra: dict[str, Column]  # those that the format does not name
    dtypes: dict[str, str] = field(default_factory=dict)  # of `pieces`


@dataclass(frozen=True)
class _Field:
    """One column of the new rows, and what it is checked against."""

    table: Table
    column: Column
    n_rows: int
    context: Context

    @property
    def where(self) -> str:
        return f"{self.table.name}.{self.column.name}"

    dtype: str

    @property
    def expected(self) -> tuple[int | str, ...]:
        sizes: dict[str, int | str] = {"surface": len(self.context.surfaces), "parameter": self.context.n_parameters}
        if self.context.n_units is not None:
            sizes["unit"] = self.context.n_units
        return (self.n_rows, *(sizes.get(dim, f"any {dim}") for dim in self.column.dims))

    def wrong_shape(self, given: tuple[int, ...]) -> ValueError:
        dims, expected = ", ".join([self.table.dim, *self.column.dims]), ", ".join(map(str, self.expected))
        return ValueError(f"{self.where}: expected shape ({expected}) for ({dims}), got {given}")

    def check_surfaces(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.context.surfaces:
                there = ", ".join(self.context.surfaces)
                raise NotFoundError(f"{self.where}: no surface {name!r}; the surfaces are {there}")


def make_batch(table: Table, rows: Rows, context: Context) -> Batch:
    """Return the rows as checked arrays; raises ValueError or NotFoundError that names the column and what is wrong."""
    # A value of None is a missing one; a single number or string stands for every row.
    given = dict(rows) if isinstance(rows, Mapping) else _columns_of(table, rows)
    if not len(rows):
        return Batch(0, {}, {}, {})
    n_rows = _count(table, given) if isinstance(rows, Mapping) else len(rows)
    required = [name for name in table.required if name != "coordinates" or context.n_parameters]
    for name in required:
        if name not in given:
            raise ValueError(f"{table.name}.{name} is missing; {table.name} need {', '.join(required)}")
    columns: dict[str, Array] = {}
    pieces: dict[str, list[tuple[int, Array]]] = {}
    extra: dict[str, Column] = {}
    dtypes: dict[str, str] = {}
    for name, values in given.items():
        column = table.columns.get(name) or context.extra.get(name)
        if column is None:
            column = extra[name] = extra_column(name, _inferred(table, name, values), table.name)
        of_row = _Field(table, column, n_rows, context, _dtype(column, context, values))
        if column.optional and column.dims:
            pieces[name], dtypes[name] = _pieces(of_row, values), of_row.dtype
        else:
            columns[name] = _column(of_row, values)
    if table.name == "paths":
        _complete_paths(columns, n_rows, context)
    return Batch(n_rows, columns, pieces, extra, dtypes)


def _dtype(column: Column, context: Context, values: Any) -> str:
    """Return the dtype of a column: the store's, or, where it has none yet, the first array's if that is allowed."""
    if column.dtype == "parameter":
        return context.dtype
    if not column.others or column.name in context.dtypes:
        return context.dtypes.get(column.name, column.dtype)
    arrays = [values] if isinstance(values, np.ndarray) else [v for v in values if isinstance(v, np.ndarray)]
    given = str(arrays[0].dtype) if arrays else ""
    return given if given in column.others else column.dtype


def _columns_of(table: Table, rows: Any) -> dict[str, list[Any]]:
    if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(
            f"{table.name}: expected a mapping of columns or a sequence of rows, got {type(rows).__name__}"
        )
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _count(table: Table, given: Mapping[str, Any]) -> int:
    """Return the number of rows: the length of the first column that is no single value."""
    for name in (*table.required, *given):
        values = given.get(name)
        if isinstance(values, Mapping):
            values = next((value for value in values.values() if np.ndim(value) > 0), None)
        if values is not None and not isinstance(values, str) and _length(values) is not None:
            return len(values)
    raise ValueError(f"{table.name}: no column with one value a row; give lists or arrays, one value a row")


def _length(values: Any) -> int | None:
    try:
        return len(values)
    except TypeError:
        return None


def _inferred(table: Table, name: str, values: Any) -> str:
    """Return the dtype of a column that the format does not name."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
        return "float64" if values.dtype.kind == "f" else "int64"
    known = [value for value in np.asarray(values, dtype=object).ravel() if value is not None]
    if known and all(isinstance(value, str) for value in known):
        return "str"
    kind = np.asarray(known).dtype.kind
    if known and kind in "biu":
        return "int64"
    if kind == "f":
        return "float64"
    raise ValueError(f"{table.name}.{name}: dtype {np.asarray(known).dtype} is not allowed; numbers or strings are")


def _column(field: _Field, values: Any) -> Array:
    """Return the rectangular array of one column."""
    dims, expected = field.column.dims, field.expected
    if "surface" in dims:
        values = _by_surface(field, values)
    if dims and dims[-1] in {"epoch", "point"}:
        values = _padded(field, values)
    if dims == ("surface",) and isinstance(values, list | tuple):
        hole = np.full(len(field.context.surfaces), np.nan)
        values = [hole if value is None else value for value in values]
    result = _cast(field, values)
    if result.ndim == 0 and not dims:
        result = np.broadcast_to(result, (field.n_rows,))
    fits = result.ndim == len(expected) and all(
        isinstance(want, str) or want == size for want, size in zip(expected, result.shape, strict=False)
    )
    if not fits:
        raise field.wrong_shape(result.shape)
    return result


def _by_surface(field: _Field, values: Any) -> Any:
    """Turn mappings of surface to values into arrays with a dim for the surface; a missing surface is NaN."""
    n_rows = field.n_rows
    if isinstance(values, Mapping):
        field.check_surfaces(values)
        for name, of_surface in values.items():
            if _length(of_surface) != n_rows or not isinstance(of_surface, Sequence | np.ndarray):
                given = _summary(of_surface)
                raise ValueError(f"{field.where}[{name!r}]: expected {n_rows} values, got {given}")
        values = [{name: of_surface[row] for name, of_surface in values.items()} for row in range(n_rows)]
    if not isinstance(values, list | tuple) or not any(isinstance(value, Mapping) for value in values):
        return values
    hole: Any = np.nan if len(field.column.dims) == 1 else []
    result = []
    for value in values:
        if isinstance(value, Mapping):
            field.check_surfaces(value)
            value = [value.get(surface, hole) for surface in field.context.surfaces]
        result.append(value)
    return result


def _padded(field: _Field, values: Any) -> Any:
    """Pad ragged curves or profiles with NaN to one length; `values` is (rows, [surface,] points)."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values
    n_surfaces = len(field.context.surfaces)
    try:
        if len(field.column.dims) == 1:
            return _pad(_curves(values))
        rows = [_pad([np.empty(0)] * n_surfaces if row is None else _curves(row)) for row in values]
        if any(len(row) != n_surfaces for row in rows):
            raise ValueError(f"{min(len(row) for row in rows)} curves in a row, there are {n_surfaces} surfaces")
        result = np.full((len(rows), n_surfaces, max(row.shape[1] for row in rows)), np.nan)
        for i, row in enumerate(rows):
            result[i, :, : row.shape[1]] = row
        return result
    except (TypeError, ValueError) as error:
        raise ValueError(f"{field.where}: expected numbers, one list a row: {_one_line(error)}") from error


def _curves(row: Any) -> list[Array]:
    return [_floats([] if curve is None else curve) for curve in row]


def _pad(rows: list[Array]) -> Array:
    if any(row.ndim != 1 for row in rows):
        raise ValueError(f"a row has {max(row.ndim for row in rows)} dims")
    result = np.full((len(rows), max((row.size for row in rows), default=0)), np.nan)
    for i, row in enumerate(rows):
        result[i, : row.size] = row
    return result


def _cast(field: _Field, values: Any) -> Array:
    """Return values in the column's dtype without losing anything."""
    dtype = field.dtype
    if dtype == "str":
        return _strings(field.where, values)
    try:
        if dtype in {"int64", "int32", "uint64"}:
            return _integers(values, dtype)
        return _floats(values, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        shapes = "" if not field.column.dims else " (rows of different shapes?)"
        given = f"{_summary(values)}{shapes}: {_one_line(error)}"
        raise ValueError(f"{field.where}: expected {dtype}, got {given}") from error


def _floats(values: Any, dtype: str = "float64") -> Array:
    raw = np.asarray(values)
    if raw.dtype.kind not in "biufO" or (raw.dtype.kind == "O" and not all(map(_is_real, raw.ravel()))):
        raise TypeError("no real numbers")
    return raw.astype(dtype, copy=False)


def _is_real(value: object) -> bool:
    """Whether numpy can turn an object into a float without loss; None becomes NaN."""
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "biuf"
    return value is None or isinstance(value, Real)


def _integers(values: Any, dtype: str) -> Array:
    raw = np.asarray(values)
    if raw.dtype.kind in "Of" and isinstance(values, list | tuple):
        # Of None and of integers beyond int64 numpy makes objects or floats; as objects they lose no digit.
        raw = np.asarray(values, dtype=object)
    if raw.dtype.kind == "O" and raw.ndim == 1:
        raw = np.array([FILL[dtype] if value is None else value for value in raw] + [0], dtype=object)[:-1]
    if raw.dtype.kind == "O" and all(isinstance(value, int | np.integer) for value in raw.ravel()):
        return raw.astype(dtype)  # raises OverflowError for integers that do not fit
    if raw.size == 0:
        return np.empty(raw.shape, dtype=dtype)
    if raw.dtype.kind not in "biu" or (dtype == "uint64" and raw.dtype.kind == "i" and raw.min() < 0):
        wrong = [value for value in raw.ravel().tolist() if not isinstance(value, int) or value < 0]
        raise ValueError(f"{_summary([*wrong, raw.dtype][0])} is no {dtype}")
    if dtype == "int64" and raw.dtype.kind == "u" and raw.max() > np.iinfo(np.int64).max:
        raise ValueError("a value is over the largest int64")
    return raw.astype(dtype)


def _strings(where: str, values: Any) -> Array:
    if isinstance(values, str):
        return np.asarray(str(values), dtype=object)
    raw = np.asarray(values, dtype=object)
    known = ["" if value is None else value for value in raw.ravel()]
    wrong = next((value for value in known if not isinstance(value, str)), None)
    if wrong is not None:
        raise ValueError(f"{where}: expected strings, got {_summary(wrong)}")
    result = np.empty(len(known), dtype=object)
    result[:] = [str(value) for value in known]
    return result.reshape(raw.shape)


def _summary(values: Any) -> str:
    if isinstance(values, np.ndarray):
        return f"{values.dtype} of shape {values.shape}"
    # Numbers of numpy would say their type.
    if isinstance(values, list):
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
    return _one_line(repr(values.item() if isinstance(values, np.generic) else values), 60)


def _one_line(text: object, length: int = 200) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= length else f"{line[: length - 3]}..."


def _pieces(field: _Field, values: Any) -> list[tuple[int, Array]]:
    """Return the runs of consecutive rows that have a value."""
    dims = field.column.dims
    if _length(values) != field.n_rows or isinstance(values, str | bytes | Mapping):
        raise field.wrong_shape(() if _length(values) is None else (len(values),))
    pieces: list[tuple[int, list[Array]]] = []
    width = field.expected[-1]
    for row, value in enumerate(values):
        if value is None:
            continue
        array = _cast(field, value)
        if array.ndim != len(dims) or width not in (array.shape[-1], "any unit"):
            raise field.wrong_shape((field.n_rows, *array.shape))
        width = array.shape[-1]
        if _is_fill(array):
            continue  # no value, in an array that has one for other rows
        if "term" in dims and array.nbytes > MOST_STACKED:
            pieces.append((row, [array]))
            continue
        last = pieces[-1] if pieces else None
        if last and last[0] + len(last[1]) == row and last[1][0].shape == array.shape:
            last[1].append(array)
        else:
            pieces.append((row, [array]))
    # One array is not copied: it may be as large as all others together.
    stacked = [(row, arrays[0][None] if len(arrays) == 1 else np.stack(arrays)) for row, arrays in pieces]
    return stacked if "term" in dims else _without_gaps(stacked, field.dtype)


def _is_fill(values: Array) -> bool:
    """Whether a row of an optional column is what stands for none in it."""
    if values.dtype.kind != "f":
        return values.dtype == np.int32 and not values.any()
    return not values.size or (bool(np.isnan(values.flat[0])) and bool(np.isnan(values).all()))


def _without_gaps(pieces: list[tuple[int, Array]], dtype: str) -> list[tuple[int, Array]]:
    """Return pieces as one, with rows of nothing between them."""
    # Rows of these columns share chunks: pieces of one chunk, written at the same time, would undo each other.
    if len(pieces) < 2:
        return pieces
    first, (last, tail) = pieces[0][0], pieces[-1]
    whole = np.full((last + len(tail) - first, *tail.shape[1:]), FILL[dtype], dtype=dtype)
    for row, values in pieces:
        whole[row - first : row - first + len(values)] = values
    return [(first, whole)]


def _complete_paths(columns: dict[str, Array], n_rows: int, context: Context) -> None:
    """Fill in the surface where there is one only and the kind `path`; check the names given."""
    nothing = np.full(n_rows, "", dtype=object)
    surface = columns.get("surface", nothing)
    if len(context.surfaces) == 1:
        surface = np.where(surface == "", context.surfaces[0], surface).astype(object)
    elif "" in surface:
        raise ValueError(f"paths.surface is missing; the surfaces are {', '.join(context.surfaces)}")
    kind = columns.get("kind", nothing)
    kind = np.where(kind == "", KINDS[0], kind).astype(object)
    columns |= {"surface": surface, "kind": kind}
    for name in set(surface.tolist()) - set(context.surfaces):
        raise NotFoundError(f"paths.surface: no surface {name!r}; the surfaces are {', '.join(context.surfaces)}")
    for name in set(kind.tolist()) - set(KINDS):
        raise ValueError(f"paths.kind: {name!r} given, {' or '.join(KINDS)} allowed")
    for name in set(columns.get("joins", nothing).tolist()) - {"", *JOINS}:
        raise ValueError(f"paths.joins: {name!r} given, {' or '.join(JOINS)} allowed")


def check_references(batches: Mapping[str, Batch], counts: Mapping[str, int]) -> None:
    """Raise ValueError unless every id in the new rows is of one of the `counts` rows before or is new too."""
    for table, batch in batches.items():
        for name, target in REFERENCES[table].items():
            if name not in batch.columns:
                continue
            ids = batch.columns[name]
            n_rows = counts[target] + (batches[target].n_rows if target in batches else 0)
            lowest = 0 if (table, name) in NAMED else -1
            bad = np.flatnonzero((ids < lowest) | (ids >= n_rows))
            if bad.size:
                raise ValueError(
                    f"{table}.{name}: row {bad[0]} has id {ids[bad[0]]}; "
                    f"ids from {lowest} to {n_rows - 1} are allowed ({n_rows} {TABLES[target].name})"
                )


def check_heights(batch: Batch, energies: Array, surfaces: tuple[str, ...]) -> None:
    """Raise ValueError if a new path's height is under the energy (n_minima, n_surfaces) of an end, beyond rounding."""
    place = {name: index for index, name in enumerate(surfaces)}
    surface = np.array([place[name] for name in batch.columns["surface"]])
    ends = np.stack([energies[batch.columns[end], surface] for end in ("source", "target")])
    for name in ("height", "refined_height"):
        if name not in batch.columns:
            continue
        with np.errstate(invalid="ignore", over="ignore"):
            under = batch.columns[name] < ends - height_tolerance(ends)
        if under.any():
            end, row = np.argwhere(under)[0]
            height, energy = batch.columns[name][row].item(), ends[end, row].item()
            raise ValueError(
                f"paths.{name}: row {row} has {height!r}, under the energy {energy!r} of its "
                f"{('source', 'target')[end]} on surface {batch.columns['surface'][row]!r}; lift it to the higher end"
            )


def check_keys(batches: Mapping[str, Batch], known: Callable[[str], set[int]]) -> dict[str, set[int]]:
    """Return the new keys of each table; raises ValueError if one is there already."""
    new: dict[str, set[int]] = {}
    for table, batch in batches.items():
        keys = batch.columns.get("key")
        if keys is None or not keys.any():
            continue
        listed = keys[keys != 0].tolist()
        new[table] = set(listed)
        twice = new[table] & known(table)
        if twice or len(new[table]) < len(listed):
            key = min(twice) if twice else next(key for key in listed if listed.count(key) > 1)
            raise ValueError(f"{table}.key: {key} is {'in the database already' if twice else 'given twice'}")
    return new
