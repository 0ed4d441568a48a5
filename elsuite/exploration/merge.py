"""Two or more databases of one landscape as one: `merge_databases`.

Minima are the same when their points are: within a stated distance, and with `symmetry` after renaming units. They
are never joined for close energies: minima of networks are nearly degenerate.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsuite.database import LandscapeDatabase, open_database
from elsuite.exploration.build import stored_landscape
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.matching import same_up_to_symmetry

__all__ = ["Joined", "MergeError", "MergeReport", "merge_databases"]

_BLOCK = 256


class MergeError(ValueError):
    """Databases that are not of one landscape."""


@dataclass(frozen=True)
class Joined:
    """A minimum that was there already: `id` of `store` became `into`."""

    store: str
    id: int
    into: int
    distance: float


@dataclass(frozen=True)
class MergeReport:
    """What came of a merge.

    Attributes
    ----------
    n_runs, n_minima, n_paths : int
        Of the new database.
    joined : tuple of Joined
    n_known_runs, n_known_paths : int
        Left out, since another store had the same, by their keys.
    """

    n_runs: int
    n_minima: int
    n_paths: int
    joined: tuple[Joined, ...]
    n_known_runs: int
    n_known_paths: int


def merge_databases(
    stores: Sequence[str | Path],
    into: str | Path,
    *,
    tolerance: float = 1e-6,
    symmetry: bool = False,
    data_folder: str | None = None,
) -> MergeReport:
    """Write the runs, minima and paths of several stores into a new one and return what was joined.

    Two minima are one when their distance is at most `tolerance` times the norm of their coordinates; with `symmetry`
    also when one is the other with its units renamed. Paths lead to the joined minima; parallel ones are kept; what
    has the same key in two stores is the same work and is kept once. The columns `origin` and `origin_id` say where
    a minimum and a path come from.

    Raises
    ------
    MergeError
        For stores of different landscapes, surfaces or widths; nothing is left at `into` then.
    """
    target = Path(into)
    with open_database(stores[0]) as first:
        created = LandscapeDatabase.create(
            target,
            n_parameters=first.n_parameters,
            surfaces=first.surfaces,
            dtype="float64" if first.coordinates([]).dtype == np.float64 else "float32",
            attributes={
                k: v for k, v in first.attributes.items() if k in ("landscape", "finders", "settings")
            },
        )
    try:
        with created as merged:
            merger = _Merger(merged, tolerance, symmetry, data_folder)
            for store in stores:
                with open_database(store) as source:
                    merger.take(source, Path(store))
            return merger.report()
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


class _Merger:
    """The new database, and what has been put into it so far."""

    def __init__(
        self, merged: LandscapeDatabase, tolerance: float, symmetry: bool, data_folder: str | None
    ) -> None:
        self._merged, self._tolerance = merged, tolerance
        self._landscape: Landscape | None = None
        if symmetry:
            self._landscape = stored_landscape(merged, folder=data_folder)
        self._norms = np.empty(0)
        self._joined: list[Joined] = []
        self._known = [0, 0]

    def report(self) -> MergeReport:
        merged = self._merged
        return MergeReport(merged.n_runs, merged.n_minima, merged.n_paths, tuple(self._joined), *self._known)

    def take(self, source: LandscapeDatabase, store: Path) -> None:
        """Add what `source` has and the new database has not."""
        _check_same(self._merged, source, store)
        runs = self._take_runs(source)
        minima, moved = self._take_minima(source, runs, store.name)
        self._take_paths(source, minima, moved, store.name)

    def _take_runs(self, source: LandscapeDatabase) -> NDArray[np.int64]:
        """Return for each run of the source its id in the new database."""
        keys = source.runs["key"].values.tolist()
        known = {key: i for i, key in enumerate(self._merged.runs["key"].values.tolist()) if key}
        ids = np.array([known.get(key, -1) for key in keys], dtype=np.int64)
        new = np.flatnonzero(ids < 0)
        ids[new] = self._merged.n_runs + np.arange(len(new))
        self._known[0] += len(keys) - len(new)
        if len(new):
            columns = _columns(source.runs, new)
            for name in ("start", "end"):  # ids of minima, which are not settled yet
                columns.pop(name, None)
            self._merged.add(runs=columns)
        return ids

    def _take_minima(
        self, source: LandscapeDatabase, runs: NDArray[np.int64], name: str
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return for each minimum of the source its id in the new database, and whether its units were renamed."""
        ids = np.full(source.n_minima, -1, dtype=np.int64)
        moved = np.zeros(source.n_minima, dtype=bool)
        for begin in range(0, source.n_minima, _BLOCK):
            rows = np.arange(begin, min(begin + _BLOCK, source.n_minima))
            points = source.coordinates(rows.tolist())
            new: list[int] = []
            for row, point in zip(rows.tolist(), points, strict=True):
                match = self._match(point)
                if match is None:
                    ids[row] = self._merged.n_minima + len(new)
                    new.append(row)
                    continue
                ids[row], distance, moved[row] = match
                self._joined.append(Joined(name, row, int(ids[row]), distance))
            if new:
                columns = _columns(source.minima, np.array(new))
                columns["coordinates"] = points[np.array(new) - begin]
                own = columns.get("run", np.full(len(new), -1))
                columns["run"] = np.where(own >= 0, runs[own] if len(runs) else -1, -1)
                _without_known_keys(columns, self._merged.minima["key"].values)
                self._merged.add(minima={**columns, "origin": [name] * len(new), "origin_id": new})
                norms = np.linalg.norm(columns["coordinates"].astype(np.float64), axis=1)
                self._norms = np.concatenate([self._norms, norms])
        return ids, moved

    def _match(self, point: NDArray[Any]) -> tuple[int, float, bool] | None:
        """Return the id of the same minimum in the new database, its distance, and whether units were renamed."""
        norm = float(np.linalg.norm(point.astype(np.float64)))
        allowed = self._tolerance * max(norm, np.finfo(float).tiny)
        # Distances are never under differences of norms, and renaming units changes no norm.
        near = np.flatnonzero(np.abs(self._norms - norm) <= allowed)
        for i in near.tolist():
            other = self._merged.coordinates([i])[0]
            distance = float(np.linalg.norm(other.astype(np.float64) - point))
            if distance <= allowed:
                return i, distance, False
            if self._landscape is not None and same_up_to_symmetry(self._landscape, other, point, allowed):
                return i, distance, True
        return None

    def _take_paths(
        self, source: LandscapeDatabase, minima: NDArray[np.int64], moved: NDArray[np.bool_], name: str
    ) -> None:
        table = source.paths
        known = set(self._merged.paths["key"].values.tolist()) - {0}
        keys = table["key"].values.tolist()
        new = np.array([i for i, key in enumerate(keys) if key not in known], dtype=np.int64)
        self._known[1] += len(keys) - len(new)
        for begin in range(0, len(new), _BLOCK):
            rows = new[begin : begin + _BLOCK]
            columns = _columns(table, rows)
            ends = [columns["source"], columns["target"]]
            columns["source"], columns["target"] = minima[ends[0]], minima[ends[1]]
            for column in ("coefficients", "permutation", "coordinates"):
                if column in table:
                    # A curve leads to the points that it was made for; with renamed units it leads elsewhere.
                    usable = ~(moved[ends[0]] | moved[ends[1]]) | (column == "coordinates")
                    columns[column] = _rows_or_none(table[column][rows].values, usable)
            self._merged.add(paths={**columns, "origin": [name] * len(rows), "origin_id": rows})


def _columns(table: Any, rows: NDArray[np.int64]) -> dict[str, Any]:
    """Return the rows of all columns but the widest; those are read where they are needed."""
    wide = {"coordinates", "coefficients", "permutation", "origin", "origin_id"}
    return {str(name): table[name][rows].values for name in table.data_vars if name not in wide}


def _rows_or_none(values: NDArray[Any], usable: NDArray[np.bool_]) -> list[Any]:
    """Return each row, None where it holds nothing or may not be used."""
    empty = values == -1 if values.dtype.kind == "i" else np.isnan(values)
    empty = empty.reshape(len(values), -1).all(axis=1)
    return [row if use and not none else None for row, use, none in zip(values, usable, empty, strict=True)]


def _without_known_keys(columns: dict[str, Any], known: NDArray[np.uint64]) -> None:
    """Take the keys off minima whose keys are there: the same work, but another point (another machine's sums)."""
    keys = columns["key"].copy()
    keys[np.isin(keys, known)] = 0
    columns["key"] = keys


def _check_same(merged: LandscapeDatabase, source: LandscapeDatabase, store: Path) -> None:
    for what, a, b in [
        ("parameters", merged.n_parameters, source.n_parameters),
        ("surfaces", list(merged.surfaces), list(source.surfaces)),
        ("landscape", merged.attributes.get("landscape"), source.attributes.get("landscape")),
    ]:
        if a != b:
            raise MergeError(f"{store}: {what} are {b}, those of the first store are {a}")
