"""Results on their way into the database: columns of new rows, and the files that hold them until they are in.

New rows refer to rows that come with them by their place among these; `add_rows` turns places into ids.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from elsuite.core.files import replaced_file
from elsuite.core.identity import canonical_json, content_key
from elsuite.core.machine import distinct
from elsuite.core.outcomes import UNUSABLE
from elsuite.core.typing import Array, Floats
from elsuite.database import LandscapeDatabase
from elsuite.exploration.computing import computed_with, contributed
from elsuite.minimizers.results import Minimization
from elsuite.schema import FILL

Columns = dict[str, Array]

_COMPUTED = "computed"
_TABLES = ("runs", "minima", "paths", "curves")


@dataclass(frozen=True)
class NewRows:
    """Columns of new rows for the three tables; `minima["run"]` counts the runs among them from 0.

    What few paths have, such as coefficients, is in `curves`, a row for each of the paths ``curves["path"]``, which
    counts the paths from 0 as `paths["curve"]` does.
    """

    runs: Columns = field(default_factory=dict)
    minima: Columns = field(default_factory=dict)
    paths: Columns = field(default_factory=dict)
    curves: Columns = field(default_factory=dict)
    computed: tuple[dict[str, Any], ...] = ()
    """What computed them, as `computed_with` says; empty: this process."""


def minimization_rows(
    results: Sequence[Minimization],
    *,
    keys: Sequence[int],
    label: str,
    surfaces: Sequence[str],
    row_keys: Sequence[int] | None = None,
) -> NewRows:
    """Return the rows of some runs, by `row_keys`, else by `keys`, and of the solutions of the usable ones."""
    runs = {
        "key": np.array(keys if row_keys is None else row_keys, dtype=np.uint64),
        "seed": np.array([r.seed for r in results], dtype=np.int64),
        "minimizer": np.array([label] * len(results)),
        "outcome": np.array([str(r.outcome) for r in results]),
        "message": np.array([r.message for r in results]),
        "n_steps": np.array([r.n_steps for r in results], dtype=np.int64),
        "n_evaluations": np.array([r.n_evaluations for r in results]),
        "seconds": np.array([r.seconds for r in results]),
        "curves": _padded([np.array([r.curves[s] for s in surfaces]) for r in results]),
    }
    found = [(i, keys[i], r, s) for i, r in enumerate(results) if r.outcome not in UNUSABLE for s in r.solutions]
    if not found:
        return NewRows(runs=runs)
    minima = {
        "coordinates": np.array([s.coordinates for *_, s in found]),
        "energy": np.array([[s.energies[name] for name in surfaces] for *_, s in found]),
        "gradient_norm": np.array([s.gradient_norm for *_, s in found]),
        "set": np.array([f"{label}/{s.stopping}" for *_, s in found]),
        "stopping": np.array([s.stopping for *_, s in found]),
        "run": np.array([i for i, *_ in found], dtype=np.int64),
        "epoch": np.array([s.epoch for *_, s in found], dtype=np.int64),
        "outcome": np.array([str(r.outcome) for _, _, r, _ in found]),
        "key": np.array([content_key("minimum", int(key), s.stopping) for _, key, _, s in found], dtype=np.uint64),
    }
    return NewRows(runs=runs, minima=minima)


def select_lowest(rows: NewRows, k: int, others: Sequence[float] = ()) -> NewRows:
    """Return the rows with the minima of only the `k` lowest usable runs; `others`, kept before, count among them."""
    if not rows.minima:
        return rows
    runs, energy = rows.minima["run"], rows.minima["energy"][:, 0]
    lowest: dict[int, float] = {}
    for run, value, outcome in zip(runs.tolist(), energy.tolist(), rows.minima["outcome"].tolist(), strict=True):
        if outcome not in UNUSABLE:  # files of earlier versions can hold minima of diverged runs
            lowest[run] = min(value, lowest.get(run, np.inf))
    ranked = sorted([*((value, -1) for value in others), *((value, run) for run, value in lowest.items())])
    kept = np.isin(runs, [run for _, run in ranked[:k] if run >= 0])
    return replace(rows, minima={name: column[kept] for name, column in rows.minima.items()})


def add_rows(database: LandscapeDatabase, rows: NewRows, *, sync: bool = False) -> None:
    """Commit all rows together."""
    minima, paths = dict(rows.minima), _with_curves(rows)
    if "run" in minima:
        minima["run"] = minima["run"] + database.n_runs
    if "curve" in paths:
        paths["curve"] = np.where(paths["curve"] >= 0, paths["curve"] + database.n_paths, -1)
    database.add(
        runs=rows.runs or None,
        minima=minima or None,
        paths=paths or None,
        attributes=contributed(database, rows.computed),
        sync=sync,
    )


def _with_curves(rows: NewRows) -> dict[str, Any]:
    """Return the columns of the paths, of which those in `curves` have None for most rows."""
    paths: dict[str, Any] = dict(rows.paths)
    for name, values in rows.curves.items():
        if name != "path":
            column: list[Array | None] = [None] * len(paths["key"])
            for place, value in zip(rows.curves["path"].tolist(), values, strict=True):
                column[place] = value
            paths[name] = column
    return paths


def joined(parts: Sequence[NewRows]) -> NewRows:
    """Return the rows of several parts as one; where a part lacks a column, its rows have the format's fill value."""
    if len(parts) == 1:  # not copied: it may be large
        return parts[0]
    shift, minima = 0, []
    before, paths, curves = 0, [], []
    for part in parts:
        rows = dict(part.minima)
        if "run" in rows:
            rows["run"] = rows["run"] + shift
        minima.append(rows)
        shift += len(part.runs.get("key", ()))
        rows, of_some = dict(part.paths), dict(part.curves)
        if "curve" in rows:
            rows["curve"] = np.where(rows["curve"] >= 0, rows["curve"] + before, -1)
        if of_some:
            of_some["path"] = of_some["path"] + before
        paths.append(rows)
        curves.append(of_some)
        before += len(part.paths.get("key", ()))
    computed = distinct(record for part in parts for record in part.computed)
    runs = _stacked([p.runs for p in parts])
    return NewRows(runs, _stacked(minima), _stacked(paths), _stacked(curves), tuple(computed))


def save_rows(path: Path, rows: NewRows) -> None:
    """Write `rows` wholly or not at all, also after a loss of power; raises TypeError for columns of Python objects."""
    flat = {f"{table}.{name}": np.asarray(column) for table in _TABLES for name, column in getattr(rows, table).items()}
    for name, column in flat.items():
        if column.dtype.hasobject:  # `load_rows` could not read it without running what it finds
            raise TypeError(f"{name} holds Python objects; numbers or strings are allowed")
    flat[_COMPUTED] = np.array(canonical_json(list(rows.computed or [computed_with()])))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_file(path) as file:
        np.savez(file, **flat)  # type: ignore[arg-type]


def load_rows(path: Path) -> NewRows:
    """Return the rows that `save_rows` wrote at `path`."""
    tables: dict[str, Columns] = {table: {} for table in _TABLES}
    with np.load(path, allow_pickle=False) as file:
        # A file of an earlier version does not say what computed it.
        computed = json.loads(str(file[_COMPUTED])) if _COMPUTED in file.files else []
        for key in file.files:
            if key != _COMPUTED:
                table, name = key.split(".", 1)
                tables[table][name] = file[key]
    return NewRows(**tables, computed=tuple(computed))


def _stacked(parts: Sequence[Columns]) -> Columns:
    columns: Columns = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        sample = next(part[name] for part in parts if name in part)
        found = [_column(part, name, sample) for part in parts if part]
        if sample.ndim > 1 and len({column.shape[1:] for column in found}) > 1:
            columns[name] = _padded([row for column in found for row in column])
        else:
            columns[name] = np.concatenate(found)
    return columns


def _column(part: Columns, name: str, sample: Array) -> Array:
    if name in part:
        return part[name]
    n_rows = len(next(iter(part.values())))
    inner = (*sample.shape[1:-1], 0) if sample.ndim > 1 else ()
    text = sample.dtype.kind == "U"
    return np.full((n_rows, *inner), FILL["str" if text else str(sample.dtype)], "U1" if text else sample.dtype)


def _padded(rows: Sequence[Floats]) -> Floats:
    """Return rows of different lengths, along their last axis, as one array padded with NaN."""
    longest = max(row.shape[-1] for row in rows)
    full = np.full((len(rows), *rows[0].shape[:-1], longest), np.nan)
    for target, row in zip(full, rows, strict=True):
        target[..., : row.shape[-1]] = row
    return full
