"""Graphs as CSV: a table of edges (source, target, energy) and, where known, one of nodes (id, energy)."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elsuite.interchange.foreign import ForeignLandscape, FormatError

__all__ = ["read_edges", "write_edges"]


def read_edges(edges: str | Path, nodes: str | Path | None = None) -> ForeignLandscape:
    """Return the landscape of an edge list with the columns source, target and energy (or height).

    `nodes` has the columns id and energy. Without it, the minima are the ends of the edges in order of appearance,
    and each has the lowest energy that the edges allow: that of its lowest edge. Ids may be any text; they are kept
    in the column ``name``.

    Raises
    ------
    FormatError
        For a missing or malformed file, or an edge to a node that is not there; names file and line.
    """
    edge_path = Path(edges)
    rows = _read(edge_path, [("source",), ("target",), ("energy", "height")])
    heights = np.array([_float(row[2], edge_path, row[3]) for row in rows], dtype=np.float64)
    if nodes is None:
        names = list(dict.fromkeys(name for row in rows for name in row[:2]))
        energies = np.full(len(names), np.inf)
    else:
        node_path = Path(nodes)
        table = _read(node_path, [("id",), ("energy",)])
        names = [row[0] for row in table]
        if len(set(names)) != len(names):
            raise FormatError(f"{node_path}: an id appears twice")
        energies = np.array([_float(row[1], node_path, row[2]) for row in table], dtype=np.float64)
    position = {name: k for k, name in enumerate(names)}
    for row in rows:
        for name in row[:2]:
            if name not in position:
                raise FormatError(f"{edge_path}, line {row[3]}: no node {name!r}")
    ends = np.array([[position[row[0]], position[row[1]]] for row in rows], dtype=np.int64).reshape(-1, 2)
    if nodes is None:
        for k in (0, 1):
            np.minimum.at(energies, ends[:, k], heights)
    return ForeignLandscape(
        energies=energies,
        sources=ends[:, 0],
        targets=ends[:, 1],
        heights=heights,
        minima_columns={"name": np.array(names, dtype=np.str_)} if names else {},
        notes=("minima have the energy of their lowest edge",) if nodes is None else (),
    )


def write_edges(landscape: ForeignLandscape, edges: str | Path, nodes: str | Path | None = None) -> None:
    """Write the edges, and with `nodes` the minima, as CSV files with a header."""
    names = [str(name) for name in landscape.minima_columns.get("name", np.arange(len(landscape.energies)))]
    _write(
        Path(edges),
        ("source", "target", "energy"),
        [
            (names[a], names[b], repr(float(height)))
            for a, b, height in zip(landscape.sources, landscape.targets, landscape.heights, strict=True)
        ],
    )
    if nodes is not None:
        energies = [repr(float(energy)) for energy in landscape.energies]
        _write(Path(nodes), ("id", "energy"), list(zip(names, energies, strict=True)))


def _read(path: Path, wanted: Sequence[tuple[str, ...]]) -> list[tuple[Any, ...]]:
    """Return for each row its fields under the wanted headings (each may have several names) and its line number."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise FormatError(f"{path}: not there") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not a CSV file ({type(error).__name__})") from None
    reader = csv.reader(text.splitlines())
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        columns = []
        for names in wanted:
            found = [header.index(name) for name in names if name in header]
            if not found:
                raise FormatError(
                    f"{path}, line 1: no column {' or '.join(names)}; there are: {', '.join(header)[:200]}"
                )
            columns.append(found[0])
        rows = []
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise FormatError(
                    f"{path}, line {reader.line_num}: {len(row)} fields, expected {len(header)}"
                )
            rows.append((*(row[k].strip() for k in columns), reader.line_num))
    except csv.Error as error:
        raise FormatError(f"{path}, line {reader.line_num}: {error}") from None
    return rows


def _float(text: str, path: Path, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise FormatError(f"{path}, line {line}: {text[:40]!r} is not a finite number")
    return value


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
