"""Graphs as CSV: a table of edges (source, target, energy) and, where known, one of nodes (id, energy)."""

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elsuite.core.typing import Array, Floats, Ids
from elsuite.interchange.files import new_files, read_bytes
from elsuite.interchange.foreign import Columns, ForeignLandscape, FormatError, column_problem, printable
from elsuite.interchange.formats import Format
from elsuite.schema import KINDS

_NAME = "name"


@dataclass(frozen=True)
class _Table:
    """The fields of a CSV file by heading, and the line that each row ends on."""

    path: Path
    columns: Mapping[str, list[str]]
    lines: list[int]

    def numbers(self, heading: str) -> Floats:
        """Return a column of finite numbers; raises FormatError that names the line of the first that is none."""
        column = self.columns[heading]
        values = _numbers(column)
        if values is None or not np.isfinite(values).all():
            row = next(k for k, text in enumerate(column) if not _is_finite(text))
            raise FormatError(
                f"{self.path}, line {self.lines[row]}: {heading} {column[row][:40]!r} is not a finite number"
            )
        return values

    def heading(self, *names: str) -> str:
        """Return the first of some headings that there is; raises FormatError if there is none."""
        for name in names:
            if name in self.columns:
                return name
        there = printable(", ".join(self.columns), 200) or "none"
        raise FormatError(f"{self.path}, line 1: no column {' or '.join(names)}; there are: {there}")


def read_edges(edges: str | Path, nodes: str | Path | None = None) -> ForeignLandscape:
    r"""Return the landscape of an edge list with the columns source, target and energy (or height).

    `nodes` has the columns id and energy. Without it, the minima are the ends of the edges in order of appearance,
    and each has the lowest energy that the edges allow: that of its lowest edge. Ids may be any text; they are kept
    in the column ``name``. Further columns are kept, as numbers where all fields are numbers, else as text. Edges are
    paths unless a column ``kind`` calls them transition states. Fields are separated by commas, semicolons or tabs,
    whichever the first line has; a byte-order mark, quotes and any ends of lines are understood.

    Raises
    ------
    FormatError
        For a missing or malformed file, or an edge to a node that is not there; names file and line.

    Examples
    --------
    Without nodes, minimum "b" has the energy of the lower one of its edges.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "edges.csv").write_text("source,target,height\na,b,0.5\nb,c,0.75\n")
    ...     landscape = read_edges(f"{folder}/edges.csv")
    >>> landscape.minima_columns["name"].tolist(), landscape.energies.tolist(), landscape.heights.tolist()
    (['a', 'b', 'c'], [0.5, 0.5, 0.75], [0.5, 0.75])
    """
    table = _read(Path(edges))
    ends = [table.columns[table.heading(name)] for name in ("source", "target")]
    height = table.heading("energy", "height")
    heights = table.numbers(height)
    minima, notes = None, ["minima have the energy of their lowest edge"]
    if nodes is None:
        names = list(dict.fromkeys(name for pair in zip(*ends, strict=True) for name in pair))
    else:
        minima, notes = _read(Path(nodes)), []
        names = _unique(minima, minima.heading("id"))
    position = {name: k for k, name in enumerate(names)}
    sources, targets = (_places(table, column, position) for column in ends)
    if minima is None:
        energies = np.full(len(names), np.inf)
        for places in (sources, targets):
            np.minimum.at(energies, places, heights)
        columns: dict[str, Array] = {}
    else:
        energies = minima.numbers(minima.heading("energy"))
        columns = _further(minima, "minima", {"id", "energy", _NAME}, notes)
    columns[_NAME] = np.array(names, dtype=np.str_)
    for kind, line in zip(table.columns.get("kind", ()), table.lines, strict=False):
        if kind not in KINDS:
            raise FormatError(f"{table.path}, line {line}: kind {kind[:40]!r}, {' or '.join(KINDS)} expected")
    state_columns = _further(table, "paths", {"source", "target", height}, notes)
    try:
        return ForeignLandscape(
            energies, sources, targets, heights,
            minima_columns=columns, state_columns=state_columns, kind="path", notes=tuple(notes),
        )  # fmt: skip
    except FormatError as error:
        raise FormatError(f"{edges}: {error}") from None


def write_edges(landscape: ForeignLandscape, edges: str | Path, nodes: str | Path | None = None) -> None:
    """Write the edges, and with `nodes` the minima, with all their columns as CSV files.

    Minima are called by the column ``name``, where all have one of their own, else by number.

    Raises
    ------
    FormatError
        If there is something at one of the places already.

    Examples
    --------
    >>> import tempfile
    >>> landscape = ForeignLandscape(np.array([-2.0, -1.0]), np.array([0]), np.array([1]), np.array([0.5]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_edges(landscape, f"{folder}/edges.csv", f"{folder}/nodes.csv")
    ...     print(Path(folder, "edges.csv").read_text() + Path(folder, "nodes.csv").read_text(), end="")
    source,target,energy,kind
    0,1,0.5,transition_state
    id,energy
    0,-2.0
    1,-1.0
    """
    names = _names(landscape)
    states = {"kind": np.full(len(landscape.heights), landscape.kind)} | dict(landscape.state_columns)
    files = [
        (
            Path(edges),
            {
                "source": [names[k] for k in landscape.sources.tolist()],
                "target": [names[k] for k in landscape.targets.tolist()],
                "energy": landscape.heights.tolist(),
                **_fields(states),
            },
        )
    ]
    if nodes is not None:
        further = {k: v for k, v in landscape.minima_columns.items() if k != _NAME}
        files.append((Path(nodes), {"id": names, "energy": landscape.energies.tolist(), **_fields(further)}))
    with new_files(*(path for path, _ in files)) as places:
        for place, (_, columns) in zip(places, files, strict=True):
            with place.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(columns)
                writer.writerows(zip(*columns.values(), strict=True))


def _read(path: Path) -> _Table:
    raw = read_bytes(path, "a CSV file")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FormatError(f"{path}, line {line}: not UTF-8 text") from None
    if "\0" in text:
        raise FormatError(f"{path}, line {text.count(chr(10), 0, text.index(chr(0))) + 1}: not a CSV file")
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        twice = [name for name, count in Counter(header).items() if count > 1]
        if twice:
            raise FormatError(f"{path}, line 1: column {twice[0][:40]!r} twice")
        rows: list[list[str]] = []
        lines: list[int] = []
        for row in reader:
            if len(row) > 1 or "".join(row).strip():
                if len(row) != len(header):
                    raise FormatError(f"{path}, line {reader.line_num}: {len(row)} fields, expected {len(header)}")
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise FormatError(f"{path}, line {reader.line_num}: {error}") from None
    return _Table(path, {name: [row[k].strip() for row in rows] for k, name in enumerate(header)}, lines)


def _unique(table: _Table, heading: str) -> list[str]:
    """Return a column in which nothing comes twice."""
    seen: set[str] = set()
    for name, line in zip(table.columns[heading], table.lines, strict=True):
        if name in seen:
            raise FormatError(f"{table.path}, line {line}: {heading} {name[:40]!r} a second time")
        seen.add(name)
    return table.columns[heading]


def _places(table: _Table, column: list[str], position: Mapping[str, int]) -> Ids:
    places = [position.get(name, -1) for name in column]
    if -1 in places:
        row = places.index(-1)
        raise FormatError(f"{table.path}, line {table.lines[row]}: no node {column[row][:40]!r}")
    return np.array(places, dtype=np.int64)


def _further(table: _Table, kind: str, used: set[str], notes: list[str]) -> dict[str, Array]:
    """Return the other columns; those that a store cannot take are noted."""
    found: dict[str, Array] = {}
    for name, column in table.columns.items():
        if name in used:
            continue
        if column_problem(kind, name):
            notes.append(f"column {name[:40]!r} of {table.path.name} left out")
            continue
        values = _numbers([text or "nan" for text in column]) if any(column) else None
        found[name] = np.array(column, dtype=np.str_) if values is None else values
    return found


def _numbers(column: Sequence[str]) -> Floats | None:
    """Return texts as numbers; None if one is none."""
    if any("_" in text for text in column):  # Python reads 1_000
        return None
    try:
        return np.array([float(text) for text in column], dtype=np.float64)
    except ValueError:
        return None


def _is_finite(text: str) -> bool:
    values = _numbers([text])
    return values is not None and math.isfinite(values[0])


def _names(landscape: ForeignLandscape) -> list[str]:
    """Return what the minima are called: their names, if these tell them apart and come through a CSV file."""
    n = len(landscape.energies)
    names = [str(name) for name in landscape.minima_columns.get(_NAME, ())]
    usable = len(set(names)) == n and all(name and name == name.strip() and "\0" not in name for name in names)
    return names if n and usable else [str(k) for k in range(n)]


def _fields(columns: Columns) -> dict[str, list[Any]]:
    """Return columns as the fields of a CSV file; what is not known is empty."""
    fields: dict[str, list[Any]] = {}
    for name, values in columns.items():
        known = values.tolist()
        fields[name] = ["" if value != value else value for value in known] if values.dtype.kind == "f" else known
    return fields


FORMAT = Format(
    "SOURCE, a CSV file of edges with the columns source, target and energy",
    read_edges,
    write_edges,
    read_options={"nodes": "A CSV file of the minima, with the columns id and energy."},
    write_options={"nodes": "a CSV file for the minima."},
    verified=False,
    example="edges.csv",
)
