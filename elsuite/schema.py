"""The format of a landscape database, version 1, as code: names, dims, dtypes, fill values, chunks, and the errors.

`docs/format.md` says the same in words.  A store is a zarr v3 folder with three groups, `runs`, `minima` and
`paths`; the attributes of its root hold the commit pointer: how many rows of each are valid.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

__all__ = [
    "BLOCK_ROWS",
    "FORMAT",
    "FORMAT_VERSION",
    "TABLES",
    "Column",
    "DamagedStoreError",
    "LockedError",
    "NewerFormatError",
    "NotAStoreError",
    "NotFoundError",
    "StoreAccessError",
    "StoreError",
    "StoreExistsError",
    "Table",
    "check_attributes",
    "chunk_shape",
    "extra_column",
    "height_tolerance",
]

FORMAT: Final = "elsuite-landscape"
FORMAT_VERSION: Final = 1
CONVENTIONS: Final = "CF-1.11"
BLOCK_ROWS: Final = 8192
"""Arrays grow by this many rows at a time, so that most commits change no array's metadata."""
FILL: Final[Mapping[str, Any]] = {
    "float64": np.nan,
    "float32": np.nan,
    "float16": np.nan,
    "int64": -1,
    "int32": 0,
    "uint64": 0,
    "str": "",
}
LARGEST_ENERGY: Final = 1e305
"""Energies from here on have differences and margins that are no numbers: readers take them for not finite."""
COMPUTED_GROUP: Final = "computed"
"""The group of values computed for pictures, a group each."""
COMPUTED_LIST: Final = "computed_values"
"""The root attribute that names those of them that are whole."""
COMPUTED_DTYPES: Final = ("float64", "float32", "int64", "str")
RESERVED: Final = frozenset(
    {"format", "format_version", "Conventions", "created", "n_parameters", "surfaces", "n_runs", "n_minima", "n_paths"}
)
"""Root attributes that only the database writes."""


class StoreError(ValueError):
    """Something is wrong with a store as a whole; the subclasses say what."""


class NotFoundError(ValueError):
    """No such store, id, set or surface; the message says what exists."""


class NotAStoreError(StoreError):
    """The path exists and is no landscape database."""


class StoreExistsError(StoreError):
    """A database was to be created where something is already."""


class NewerFormatError(StoreError):
    """The store was written by a newer version of the format than this program reads."""


class LockedError(StoreError):
    """Another writer holds the store, or has written to it meanwhile."""


class DamagedStoreError(StoreError):
    """A file of the store is truncated, missing or not what the format says."""


class StoreAccessError(StoreError):
    """The operating system refused: no permission, no space left, a failing disk."""


@contextmanager
def said_if_refused(what: str) -> Iterator[None]:
    """Turn what the operating system refuses into StoreAccessError: `what`, and the system's reason."""
    try:
        yield
    except OSError as error:
        raise StoreAccessError(f"{what}: {error.strerror or error}") from error


@dataclass(frozen=True)
class Column:
    """One array of a table; its first dim is the row."""

    name: str
    dtype: str  # float64, float32, int64, int32, uint64, str, or "parameter", the dtype of the database's coordinates
    long_name: str
    # After the row, of surface, parameter, unit (fixed sizes), epoch, point, term (they grow).
    dims: tuple[str, ...] = ()
    units: str = ""
    optional: bool = False  # made when the first row has a value; with dims, a row without one has no chunk
    others: tuple[str, ...] = ()  # dtypes that a store may have in place of `dtype`: the first rows decide


@dataclass(frozen=True)
class Table:
    """One group of the store: its row dim, its columns, and those that every `add` must give.

    Coordinates are required only where points have a length at all.
    """

    name: str
    dim: str
    columns: dict[str, Column]
    required: tuple[str, ...] = ()

    @property
    def pointer(self) -> str:
        """Name of the root attribute that counts the valid rows."""
        return f"n_{self.name}"


def _table(name: str, dim: str, required: tuple[str, ...], *columns: Column) -> Table:
    return Table(name, dim, {column.name: column for column in columns}, required)


_KEY = Column("key", "uint64", "hash of the task that made this row; 0 where there is none")
_OUTCOME = Column("outcome", "str", "how it ended")
_MESSAGE = Column("message", "str", "more about how it ended")
_SECONDS = Column("seconds", "float64", "wall time", units="s")

TABLES: Final[Mapping[str, Table]] = {
    "runs": _table(
        "runs",
        "run",
        (),
        _KEY,
        Column("seed", "int64", "seed of the start and of the minimizer's own randomness"),
        Column("minimizer", "str", "name of the minimizer"),
        _OUTCOME,
        _MESSAGE,
        Column("n_steps", "int64", "updates of the point"),
        Column("n_evaluations", "float64", "evaluations, in units of the whole data set at one point"),
        _SECONDS,
        Column("start", "int64", "id of the stored minimum it started from; -1: a random start"),
        Column("end", "int64", "id of the minimum that a relaxation reached; -1: see minima.run"),
        Column(
            "target", "int64", "id of the minimum that a search from `start` was to join it to; -1: none", optional=True
        ),
        Column("curves", "float64", "energy before the first epoch and after each", ("surface", "epoch")),
    ),
    "minima": _table(
        "minima",
        "minimum",
        ("energy", "coordinates"),
        Column("coordinates", "parameter", "point of the minimum", ("parameter",)),
        Column("energy", "float64", "energy on every surface", ("surface",)),
        Column("gradient_norm", "float64", "Euclidean norm of the gradient on the first surface"),
        Column("set", "str", "minimizer/stopping"),
        Column("stopping", "str", "surface whose curve chose this point"),
        Column("run", "int64", "id of the run that found it; -1: none"),
        Column("epoch", "int64", "index into the run's curves"),
        _OUTCOME,
        _KEY,
    ),
    "paths": _table(
        "paths",
        "path",
        ("source", "target", "height"),
        _KEY,
        Column("source", "int64", "id of the minimum at t = 0"),
        Column("target", "int64", "id of the minimum at t = 1"),
        Column("surface", "str", "surface whose heights these are"),
        Column("kind", "str", "path, or transition_state"),
        Column("finder", "str", "label of the path finder"),
        Column("setting", "str", "label of the finder's settings"),
        Column("seed", "int64", "seed of the finder's randomness"),
        Column("height", "float64", "highest energy over the points that the protocol looks at"),
        Column("refined_height", "float64", "highest energy over continuous t"),
        Column("refined_t", "float64", "where the refined height is, from 0 to 1"),
        Column("resolution", "float64", "how far over the refined height an energy could hide", optional=True),
        Column("profile", "float64", "energies at equally spaced t from 0 to 1", ("point",)),
        Column("length", "float64", "Euclidean length of the curve"),
        Column("chord", "float64", "Euclidean distance between the ends"),
        _OUTCOME,
        _MESSAGE,
        Column("n_point_gradients", "float64", "gradients, in units of the whole data set at one point"),
        Column("n_evaluations", "float64", "energies computed for heights and profile, in the same unit"),
        _SECONDS,
        Column(
            "coefficients",
            "float32",
            "of the curve's terms",
            ("term", "parameter"),
            optional=True,
            others=("float16", "float64"),
        ),
        Column("coordinates", "parameter", "stationary point of a transition state", ("parameter",), optional=True),
        Column(
            "permutation",
            "int64",
            "signed permutation, +-(index + 1), that makes the target the path's end; all -1: none",
            ("parameter",),
            optional=True,
        ),
        Column(
            "renaming",
            "int32",
            "signed permutation of each group of units, +-(index + 1), that makes the target the path's end; 0: none",
            ("unit",),
            optional=True,
        ),
        Column(
            "curve",
            "int64",
            "id of the path that holds coefficients, renaming and permutation of this one; -1: itself",
            optional=True,
        ),
        Column("joins", "str", "points, or isomers: whether the path's end is the target itself", optional=True),
    ),
}
KINDS: Final = ("path", "transition_state")
JOINS: Final = ("points", "isomers")
"""What a path joins: the stored points, or the source and an image of the target by the landscape's symmetry."""
REFERENCES: Final[Mapping[str, Mapping[str, str]]] = {
    "runs": {"start": "minima", "end": "minima", "target": "minima"},
    "minima": {"run": "runs"},
    "paths": {"source": "minima", "target": "minima", "curve": "paths"},
}
"""Columns that hold ids, and the table that the ids are of."""
NAMED: Final = frozenset({("paths", "source"), ("paths", "target")})
"""Those of them that every row has an id in; in all others -1 stands for none."""


METRIC: Final = "metric_"
PROFILE: Final = "profile_"
FAMILIES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "minima": {METRIC: ("surface",)},
    "paths": {PROFILE: ("point",)},
}
"""Of columns that the format does not name, those with dims after the row, by how their names begin."""


def extra_column(name: str, dtype: str, table: str = "") -> Column:
    """Return the column that the format does not name: a scalar, or of minima and paths a metric.

    A metric NAME is the column ``metric_NAME`` of minima, a value on every surface, and ``profile_NAME`` of paths,
    values at equally spaced t.

    Raises
    ------
    ValueError
        For a name that cannot be a column.

    Examples
    --------
    >>> extra_column("log_product", "float64").dtype
    'float64'
    >>> extra_column("metric_accuracy", "float64", "minima").dims
    ('surface',)
    >>> extra_column("2nd", "float64")
    Traceback (most recent call last):
    ValueError: ...
    """
    taken = {table.dim for table in TABLES.values()} | {"surface", "parameter", "unit", "epoch", "point", "term"}
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name in taken:
        raise ValueError(
            f"column name {name!r}: letters, digits and underscores are allowed, and none of {', '.join(sorted(taken))}"
        )
    for prefix, dims in FAMILIES.get(table, {}).items():
        if name.startswith(prefix) and len(name) > len(prefix):
            return Column(name, "float64", name.removeprefix(prefix).replace("_", " "), dims)
    return Column(name, dtype, name.replace("_", " "))


def chunk_shape(column: Column, inner: tuple[int, ...], dtype: str) -> tuple[int, ...]:
    """Return the shape of a column's chunks, of `inner` sizes after the row and a dtype that is not "parameter".

    Coordinates have whole rows, about 1 MiB a chunk; coefficients one path a chunk; profiles 1,024 rows;
    curves 32 rows; all else `BLOCK_ROWS`.

    Examples
    --------
    >>> chunk_shape(TABLES["minima"].columns["coordinates"], (1000,), "float32")
    (256, 1000)
    """
    rest = [max(1, size) for size in inner]
    if "term" in column.dims:
        return (1, *rest)
    if column.dims in {("parameter",), ("unit",)}:
        rows = min(1024, max(1, 2**20 // (np.dtype(dtype).itemsize * rest[0])))
        return (2 ** int(math.log2(rows)), *rest)
    if "epoch" in column.dims:
        return (32, rest[0], 512)
    if "point" in column.dims:
        return (1024, 64)
    return (BLOCK_ROWS, *rest)


def height_tolerance(energies: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return how far a height may lie under an end's energy and still be rounding: 1e-6 max(1, abs(energy)).

    Examples
    --------
    >>> height_tolerance(np.array([0.0, -50.0])).round(9).tolist()
    [1e-06, 5e-05]
    """
    return np.asarray(1e-6 * np.maximum(1.0, np.abs(energies)))


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


def check_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return free root attributes as plain JSON values (tuples become lists), or raise.

    Raises
    ------
    ValueError
        For a reserved name, or a value that JSON cannot hold (NaN and infinity are such).

    Examples
    --------
    >>> check_attributes({"temperatures": (0.5, np.float64(1.0))})
    {'temperatures': [0.5, 1.0]}
    """
    plain: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in RESERVED:
            raise ValueError(f"attribute {name!r} is written by the database itself; choose another name")
        try:
            plain[str(name)] = json.loads(json.dumps(value, allow_nan=False, default=_plain))
        except (TypeError, ValueError) as error:
            raise ValueError(f"attribute {name!r} must be a JSON value: {error}") from error
    return plain
