"""Results on their way into the database: columns of new rows, and the files that hold them until they are in.

A batch refers to rows that it brings itself by their place in the batch; `add_batch` turns places into ids.
"""

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsuite.core.identity import content_key
from elsuite.database import LandscapeDatabase
from elsuite.minimizers.base import Minimization

__all__ = ["Batch", "add_batch", "load_batch", "minimization_batch", "save_batch", "select_lowest"]

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Batch:
    """Columns of new rows for the three tables; `minima["run"]` counts the runs of the batch from 0."""

    runs: Columns = field(default_factory=dict)
    minima: Columns = field(default_factory=dict)
    paths: Columns = field(default_factory=dict)


def minimization_batch(
    results: Sequence[Minimization], *, keys: Sequence[int], label: str, surfaces: Sequence[str]
) -> Batch:
    """Return the rows of some runs of the minimizer `label`, with their solutions as minima."""
    runs = {
        "key": np.array(keys, dtype=np.uint64),
        "seed": np.array([r.seed for r in results], dtype=np.int64),
        "minimizer": np.array([label] * len(results)),
        "outcome": np.array([str(r.outcome) for r in results]),
        "message": np.array([r.message for r in results]),
        "n_steps": np.array([r.n_steps for r in results], dtype=np.int64),
        "n_evaluations": np.array([r.n_evaluations for r in results]),
        "seconds": np.array([r.seconds for r in results]),
        "curves": _padded([np.array([r.curves[s] for s in surfaces]) for r in results]),
    }
    found = [(i, keys[i], r, s) for i, r in enumerate(results) for s in r.solutions]
    if not found:
        return Batch(runs=runs)
    minima = {
        "coordinates": np.array([s.coordinates for *_, s in found]),
        "energy": np.array([[s.energies[name] for name in surfaces] for *_, s in found]),
        "gradient_norm": np.array([s.gradient_norm for *_, s in found]),
        "set": np.array([f"{label}/{s.stopping}" for *_, s in found]),
        "stopping": np.array([s.stopping for *_, s in found]),
        "run": np.array([i for i, *_ in found], dtype=np.int64),
        "epoch": np.array([s.epoch for *_, s in found], dtype=np.int64),
        "outcome": np.array([str(r.outcome) for _, _, r, _ in found]),
        "key": np.array(
            [content_key("minimum", int(key), s.stopping) for _, key, _, s in found], dtype=np.uint64
        ),
    }
    return Batch(runs=runs, minima=minima)


def select_lowest(batch: Batch, k: int) -> Batch:
    """Return the batch with the minima of only the `k` runs of lowest energy on the first surface; all runs stay."""
    if not batch.minima:
        return batch
    runs, energy = batch.minima["run"], batch.minima["energy"][:, 0]
    lowest: dict[int, float] = {}
    for run, value in zip(runs.tolist(), energy.tolist(), strict=True):
        lowest[run] = min(value, lowest.get(run, np.inf))
    kept = sorted(lowest, key=lambda run: (lowest[run], run))[:k]
    rows = np.isin(runs, kept)
    return Batch(batch.runs, {name: column[rows] for name, column in batch.minima.items()}, batch.paths)


def add_batch(database: LandscapeDatabase, batch: Batch, *, sync: bool = False) -> None:
    """Commit all rows of `batch` together."""
    minima = dict(batch.minima)
    if "run" in minima:
        minima["run"] = minima["run"] + database.n_runs
    database.add(runs=batch.runs or None, minima=minima or None, paths=batch.paths or None, sync=sync)


def joined(batches: Sequence[Batch]) -> Batch:
    """Return the rows of several batches as one."""
    shift, minima = 0, []
    for batch in batches:
        rows = dict(batch.minima)
        if "run" in rows:
            rows["run"] = rows["run"] + shift
        minima.append(rows)
        shift += len(batch.runs.get("key", ()))
    return Batch(_stacked([b.runs for b in batches]), _stacked(minima), _stacked([b.paths for b in batches]))


def save_batch(path: Path, batch: Batch) -> None:
    """Write `batch` so that the file is there wholly or not at all, also after a loss of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    flat = {
        f"{table}.{name}": column
        for table in ("runs", "minima", "paths")
        for name, column in getattr(batch, table).items()
    }
    with partial.open("wb") as file:
        np.savez(file, **flat)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_batch(path: Path) -> Batch:
    """Return the batch that `save_batch` wrote at `path`."""
    tables: dict[str, Columns] = {"runs": {}, "minima": {}, "paths": {}}
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:
            table, name = key.split(".", 1)
            tables[table][name] = file[key]
    return Batch(**tables)


def _stacked(parts: Sequence[Columns]) -> Columns:
    parts = [part for part in parts if part]
    if not parts:
        return {}
    return {name: _joined_column([part[name] for part in parts]) for name in parts[0]}


def _joined_column(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    if columns[0].ndim > 1 and len({column.shape[1:] for column in columns}) > 1:
        return _padded([row for column in columns for row in column])
    return np.concatenate(columns)


def _padded(rows: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return rows of different lengths, along their last axis, as one array padded with NaN."""
    longest = max(row.shape[-1] for row in rows)
    full = np.full((len(rows), *rows[0].shape[:-1], longest), np.nan)
    for target, row in zip(full, rows, strict=True):
        target[..., : row.shape[-1]] = row
    return full
