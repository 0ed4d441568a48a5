"""A store checked against the format: `verify_store`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from zarr.storage import LocalStore

from elsuite.core.identity import Identity
from elsuite.core.typing import Array
from elsuite.database import arrays as za
from elsuite.database.computed import listing_problem, read_computed
from elsuite.database.folders import ROOT, check_root, existing_folder
from elsuite.schema import (
    COMPUTED_GROUP,
    COMPUTED_LIST,
    FILL,
    KINDS,
    NAMED,
    REFERENCES,
    TABLES,
    Column,
    DamagedStoreError,
    Table,
    height_tolerance,
)
from elsuite.symmetry import UnitSymmetry, symmetry_from

BLOCK_BYTES = 2**26


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a store.

    Attributes
    ----------
    where : str
        The table and column, such as "paths.height".
    """

    where: str
    problem: str


@dataclass(frozen=True)
class _Opened:
    """What could be opened: the root's attributes, the arrays, and the scalar columns that could be read."""

    root: Mapping[str, Any]
    arrays: Mapping[str, Mapping[str, za.Array]]
    columns: Mapping[str, Mapping[str, Array]]

    def n_rows(self, table: str) -> int:
        return int(self.root[TABLES[table].pointer])

    def get(self, table: str, *names: str) -> list[Array] | None:
        """Return columns, or None if one of them could not be read: that is a finding already."""
        found = self.columns[table]
        return [found[name] for name in names] if all(name in found for name in names) else None


def verify_store(path: str | Path) -> tuple[Finding, ...]:
    """Check a store against the format, version 1.

    Every array is opened and every value but the coefficients read, in blocks; the writer may be at work meanwhile. A
    valid store has no findings.

    Raises
    ------
    NotFoundError
        When nothing is at `path`.
    NotAStoreError
        When something else is.
    NewerFormatError
        When the format is newer than this program's.

    Examples
    --------
    >>> import tempfile
    >>> from elsuite.database import LandscapeDatabase
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with LandscapeDatabase.create(f"{folder}/a.elsuite", n_parameters=1, surfaces=["energy"]) as made:
    ...         _ = made.add(minima={"coordinates": [[0.0]], "energy": [[-2.0]]})
    ...     verify_store(f"{folder}/a.elsuite")
    ()
    """
    folder = existing_folder(path)
    store = LocalStore(folder, read_only=True)
    try:
        root = check_root(store, folder)
    except DamagedStoreError as error:
        return (Finding("root", str(error)),)
    findings = _consolidated(folder)
    arrays = {name: _open_table(store, table, root, findings) for name, table in TABLES.items()}
    columns = {name: _read_table(table, arrays[name], root, findings) for name, table in TABLES.items()}
    opened = _Opened(root, arrays, columns)
    for check in (_references, _curves, _renamings, _names, _keys, _energies, _heights, _points):
        findings += check(opened)
    for name, table in TABLES.items():
        findings += _bulky(store, table, arrays[name], opened.n_rows(name))
    findings += _computed(store, opened)
    return tuple(findings)


def _consolidated(folder: Path) -> list[Finding]:
    """Return where metadata of a whole group are kept a second time: readers would miss what is committed later."""
    findings = []
    for name in ("", *TABLES):
        try:
            metadata = json.loads((folder / name / ROOT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # a group that cannot be read is a finding of its own
        if isinstance(metadata, dict) and metadata.get("consolidated_metadata") is not None:
            findings.append(
                Finding(name or "root", f"consolidated metadata in {Path(name) / ROOT}: the format has none")
            )
    return findings


def _open_table(
    store: LocalStore, table: Table, root: Mapping[str, Any], findings: list[Finding]
) -> dict[str, za.Array]:
    """Open the columns of a table one by one, and check what their metadata say."""
    arrays: dict[str, za.Array] = {}
    for name in za.list_arrays(store, table.name):
        try:
            array = za.open_array(store, f"{table.name}/{name}")
        except DamagedStoreError as error:
            findings.append(Finding(f"{table.name}.{name}", str(error)))
            continue
        dims = za.dims_of(array)
        if name in table.columns or (dims and dims[0] == table.dim):
            arrays[name] = array
    for column in table.columns.values():
        where = f"{table.name}.{column.name}"
        if column.name in arrays:
            findings += _metadata(table, column, arrays[column.name], root)
        elif not column.optional and not any(finding.where == where for finding in findings):
            findings.append(Finding(where, "is missing"))
    for name, array in arrays.items():
        if array.shape[0] < root[table.pointer]:
            problem = f"has {array.shape[0]} rows, the root says {root[table.pointer]}"
            findings.append(Finding(f"{table.name}.{name}", problem))
    return arrays


def _metadata(table: Table, column: Column, array: za.Array, root: Mapping[str, Any]) -> Iterator[Finding]:
    where = f"{table.name}.{column.name}"
    dims = (table.dim, *column.dims)
    if za.dims_of(array) != dims:
        yield Finding(where, f"has dims {za.dims_of(array)}, {dims} expected")
        return
    dtype = za.dtype_name(array)
    allowed = {"float32", "float64"} if column.dtype == "parameter" else {column.dtype, *column.others}
    if dtype not in allowed:
        yield Finding(where, f"has dtype {dtype}, {' or '.join(sorted(allowed))} expected")
        return
    fill, expected = array.metadata.fill_value, FILL[dtype]
    if fill != expected and not (fill != fill and expected != expected):  # NaN is unlike itself
        yield Finding(where, f"has fill value {fill!r}, {expected!r} expected")
    for dim, size in zip(dims, array.shape, strict=True):
        fixed = {"surface": len(root["surfaces"]), "parameter": root["n_parameters"]}.get(dim, size)
        if size != fixed:
            yield Finding(where, f"has {size} along {dim}, {fixed} expected")


def _read_table(
    table: Table, arrays: Mapping[str, za.Array], root: Mapping[str, Any], findings: list[Finding]
) -> dict[str, Array]:
    """Read the columns with one value a row; those with findings are left out."""
    bad = {finding.where for finding in findings}
    columns: dict[str, Array] = {}
    for name, array in arrays.items():
        where = f"{table.name}.{name}"
        if where in bad or za.dims_of(array)[1:] not in {(), ("surface",)}:
            continue
        try:
            columns[name] = za.read(array, 0, root[table.pointer])
        except DamagedStoreError as error:
            findings.append(Finding(where, str(error)))
    return columns


def _rows(where: str, rows: Array, problem: str) -> Iterator[Finding]:
    """Make one finding of many rows: how many and the first."""
    if rows.size:
        yield Finding(where, f"{problem} in {rows.size} row{'s' * (rows.size > 1)}, first in row {rows[0]}")


def _references(opened: _Opened) -> Iterator[Finding]:
    for table, targets in REFERENCES.items():
        for name, target in targets.items():
            found = opened.get(table, name)
            if found is not None:
                lowest, n_rows = 0 if (table, name) in NAMED else -1, opened.n_rows(target)
                bad = np.flatnonzero((found[0] < lowest) | (found[0] >= n_rows))
                yield from _rows(f"{table}.{name}", bad, f"an id outside {lowest} to {n_rows - 1}")


def _curves(opened: _Opened) -> Iterator[Finding]:
    """Check that a path whose curve is in another row has the ends of that one, which holds it."""
    found = opened.get("paths", "curve", "source", "target")
    if found is None:
        return
    curve, *ends = found
    rows = np.flatnonzero((curve >= 0) & (curve < len(curve)))
    other = np.zeros(len(rows), dtype=bool)
    for end in ends:
        other |= end[rows] != end[curve[rows]]
    yield from _rows("paths.curve", rows[other], "the id of a path between other ends")
    yield from _rows("paths.curve", rows[curve[curve[rows]] >= 0], "the id of a path that has no curve of its own")


def _renamings(opened: _Opened) -> Iterator[Finding]:
    """Check that renamings are signed permutations of the groups of units that the identity declares."""
    array, n_rows = opened.arrays["paths"].get("renaming"), opened.n_rows("paths")
    if array is None or array.shape[0] < n_rows or za.dims_of(array) != ("path", "unit"):
        return
    try:
        symmetry = symmetry_from(Identity.from_json(opened.root.get("identity")).symmetry)
    except ValueError:
        symmetry = None
    sizes = [group.size for group in symmetry.groups] if isinstance(symmetry, UnitSymmetry) else []
    if sum(sizes) != array.shape[1]:
        problem = f"has {array.shape[1]} along unit, {sum(sizes)} expected: the units that the identity declares"
        yield Finding("paths.renaming", problem)
        return
    wrong = np.zeros(n_rows, dtype=bool)
    try:
        for start, block in _blocks(array, n_rows):
            there, begin = (block != 0).any(axis=1), 0
            for size in sizes:
                units = np.sort(np.abs(block[:, begin : begin + size]), axis=1)
                wrong[start : start + len(block)] |= there & (units != np.arange(1, size + 1)).any(axis=1)
                begin += size
    except DamagedStoreError as error:
        yield Finding("paths.renaming", str(error))
    yield from _rows("paths.renaming", np.flatnonzero(wrong), "no signed permutation of each group of units")


def _names(opened: _Opened) -> Iterator[Finding]:
    for name, allowed in (("surface", tuple(opened.root["surfaces"])), ("kind", KINDS)):
        found = opened.get("paths", name)
        if found is not None:
            bad = np.flatnonzero([value not in allowed for value in found[0]])
            yield from _rows(f"paths.{name}", bad, f"a name that is none of {', '.join(allowed)}")


def _keys(opened: _Opened) -> Iterator[Finding]:
    for table in TABLES:
        found = opened.get(table, "key")
        if found is not None:
            rows = np.flatnonzero(found[0])
            first = np.unique(found[0][rows], return_index=True)[1]
            yield from _rows(f"{table}.key", np.delete(rows, first), "a key of an earlier row")


def _energies(opened: _Opened) -> Iterator[Finding]:
    found = opened.get("minima", "energy")
    if found is not None:
        bad = np.flatnonzero(~np.isfinite(found[0]).any(axis=1))
        yield from _rows("minima.energy", bad, "no finite energy on any surface")


def _heights(opened: _Opened) -> Iterator[Finding]:
    minima = opened.get("minima", "energy")
    paths = opened.get("paths", "source", "target", "surface")
    if minima is None or paths is None:
        return
    source, target, names = paths
    place = {name: index for index, name in enumerate(opened.root["surfaces"])}
    surface = np.array([place.get(name, -1) for name in names], dtype=np.int64)
    known = (np.minimum(source, target) >= 0) & (np.maximum(source, target) < len(minima[0])) & (surface >= 0)
    ends = np.full((2, len(source)), np.nan)
    for row, end in enumerate((source, target)):
        ends[row, known] = minima[0][end[known], surface[known]]
    for name in ("height", "refined_height"):
        found = opened.get("paths", name)
        if found is not None:
            with np.errstate(invalid="ignore"):  # infinite energies are no rounding of anything
                under = (found[0] < ends - height_tolerance(ends)).any(axis=0)
            yield from _rows(f"paths.{name}", np.flatnonzero(under), "a height under the energy of an end")
    found = opened.get("paths", "refined_t")
    if found is not None:
        bad = np.flatnonzero((found[0] < 0) | (found[0] > 1))
        yield from _rows("paths.refined_t", bad, "a place outside 0 to 1")


def _points(opened: _Opened) -> Iterator[Finding]:
    """Coordinates: every minimum has them, and they are finite."""
    array, n_rows = opened.arrays["minima"].get("coordinates"), opened.n_rows("minima")
    if array is None or array.shape[0] < n_rows or 0 in array.shape[1:]:
        return
    whole = np.zeros(n_rows, dtype=bool)
    try:
        for start, block in _blocks(array, n_rows):
            whole[start : start + len(block)] = np.isfinite(block).all(axis=1)
    except DamagedStoreError as error:
        yield Finding("minima.coordinates", str(error))
        return
    bad = np.flatnonzero(~whole)
    yield from _rows("minima.coordinates", bad, "a coordinate that is missing or not finite")


def _bulky(store: LocalStore, table: Table, arrays: Mapping[str, za.Array], n_rows: int) -> Iterator[Finding]:
    """Read curves and profiles; of arrays that are not compressed compare the sizes of the files."""
    for name, array in arrays.items():
        where = f"{table.name}.{name}"
        dims = za.dims_of(array)[1:]
        try:
            if dims[-1:] in {("epoch",), ("point",)} and array.shape[0] >= n_rows:
                for _ in _blocks(array, n_rows):
                    pass
            elif "parameter" in dims and not array.compressors:
                for key, size, expected in za.chunk_sizes(store, array):
                    if size != expected:
                        yield Finding(where, f"{key} has {size} bytes, {expected} expected")
        except DamagedStoreError as error:
            yield Finding(where, str(error))


def _computed(store: LocalStore, opened: _Opened) -> Iterator[Finding]:
    """Read the computed values that are listed, and compare what they say they are of with the list."""
    listed = opened.root.get(COMPUTED_LIST, {})
    if problem := listing_problem(listed):
        yield Finding("root", problem)
        return
    for name, entry in listed.items():
        where = f"{COMPUTED_GROUP}.{name}"
        try:
            values = read_computed(store, name)
        except DamagedStoreError as error:
            yield Finding(where, str(error))
            continue
        if {key: values.attrs.get(key) for key in ("kind", "minima", "surface")} != entry:
            yield Finding(where, "is of something else than the list of the root says")
        bad = [i for i in entry["minima"] if not 0 <= i < opened.n_rows("minima")]
        if bad:
            yield Finding(where, f"is of minimum {bad[0]}, the store has {opened.n_rows('minima')}")


def _blocks(array: za.Array, n_rows: int) -> Iterator[tuple[int, Array]]:
    """Read an array in blocks of whole chunks."""
    chunk = array.chunks[0]
    row_bytes = max(1, array.dtype.itemsize * int(np.prod(array.shape[1:])))
    step = chunk * max(1, BLOCK_BYTES // (row_bytes * chunk))
    for start in range(0, n_rows, step):
        yield start, za.read(array, start, min(n_rows, start + step))
