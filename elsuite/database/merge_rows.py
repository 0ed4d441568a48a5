"""The rows of one store into another that has some of them already: `Merger`."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress, pairwise
from typing import Any, final

import numpy as np

from elsuite.core.typing import Array, Ids, Mask
from elsuite.database.computed import carry_computed
from elsuite.database.declared import declared_symmetry, joins_isomers
from elsuite.database.landscape_database import LandscapeDatabase
from elsuite.schema import FILL, JOINS, KINDS
from elsuite.symmetry import Symmetry, UnitSymmetry
from elsuite.symmetry.permutations import parameter_permutation, split_element
from elsuite.symmetry.points import Matches, PointIndex, rows_at_once

_SAME_CURVE = 1e-6
_CURVE = ("coefficients", "permutation", "renaming", "basis")
_ORIGIN = ("origin", "origin_id")


@dataclass(frozen=True)
class Joined:
    """A minimum that was there already: `id` of `store` became `into`."""

    store: str
    id: int
    into: int
    distance: float  # of the points, after the symmetry if one made them the same
    energy_difference: float | None  # the largest over the surfaces, None where no surface has both


@final
class Merger:
    """The new database, and what has been put into it so far; minima within the `tolerance` are one."""

    def __init__(
        self, merged: LandscapeDatabase, symmetry: Symmetry, tolerance: float, scale: float, curves: str = "float32"
    ) -> None:
        self.joined: list[Joined] = []
        self.n_known = {"runs": 0, "paths": 0}  # rows left out, since they were there
        self.n_lifted = 0  # paths lifted to an end
        self._merged, self._scale, self._dtype_of_curves = merged, scale, curves
        self._minima = PointIndex(symmetry, tolerance, read=merged.coordinates)
        self._states = PointIndex(
            symmetry, tolerance, read=lambda numbers: _state_points(merged, self._state_rows[numbers])
        )
        self._state_rows = np.empty(0, dtype=np.int64)

    def take(self, source: LandscapeDatabase, name: str) -> None:
        """Add what `source` has and the new database has not."""
        # What one source tells apart stays apart: only what came before it is looked at.
        for rows in _parts(self._merged.n_minima, rows_at_once(source.n_parameters), len(self._minima)):
            self._minima.extend(self._merged.coordinates(rows))
        self._index_states()
        found = self._find(source)
        joined = found.ids >= 0
        minima = _with_new(found.ids, self._merged.n_minima)
        runs = self._known_runs(source)
        self.n_known["runs"] += int((runs >= 0).sum())
        new = {"runs": runs < 0, "minima": ~joined}
        runs = _with_new(runs, self._merged.n_runs)
        self._take_runs_and_minima(source, name, new, {"runs": runs, "minima": minima})
        # A curve leads to the points that it was made for; with renamed units, or far off, it leads elsewhere.
        far = np.nan_to_num(found.distances) > _SAME_CURVE * self._scale
        elsewhere = found.moved | far
        first = self._merged.n_paths
        self._take_paths(source, name, minima, (joined, found.moved, elsewhere))
        paths = np.full(source.n_paths, -1, dtype=np.int64)
        if "origin_id" in self._merged.paths:
            origins: Ids = self._merged.paths["origin_id"].values[first:].astype(np.int64)
            paths[origins] = np.arange(first, self._merged.n_paths)
        carry_computed(source, self._merged, np.where(elsewhere, -1, minima), paths)
        self._note(source, name, found)

    def _find(self, source: LandscapeDatabase) -> Matches:
        """Return for each minimum of the source the one that is there already, each at most once."""
        sets, energies = (source.minima[column].values for column in ("set", "energy"))
        own_sets, own_energies = (self._merged.minima[column].values for column in ("set", "energy"))

        def ties(rows: Ids, numbers: Ids) -> list[Array]:
            other_set = (sets[rows] != own_sets[numbers]).astype(np.float64)
            return [other_set, _largest_difference(energies[rows], own_energies[numbers])]

        parts = _parts(source.n_minima, rows_at_once(source.n_parameters))
        return self._minima.match((source.coordinates(rows).astype(np.float64) for rows in parts), ties=ties)

    def _index_states(self) -> None:
        """Look at the transition states that the new database has by now."""
        table = self._merged.paths
        if "coordinates" not in table:
            return
        rows = np.flatnonzero(table["kind"].values == KINDS[1])
        for part in _parts(len(rows), rows_at_once(self._merged.n_parameters)):
            chosen = rows[part][rows[part] > self._state_rows.max(initial=-1)]
            points = _state_points(self._merged, chosen)
            usable = np.isfinite(points).all(axis=1)
            self._states.extend(points[usable])
            self._state_rows = np.concatenate([self._state_rows, chosen[usable]])

    def _known_states(self, source: LandscapeDatabase, minima: Ids) -> Mask:
        """Return which paths of the source are transition states that the new database has."""
        # The same: both join the same minima on the same surface and their points are the same. Different states of
        # one pair, and states without points, are never the same.
        theirs, own = source.paths, self._merged.paths
        known = np.zeros(source.n_paths, dtype=np.bool_)
        if not len(self._states) or "coordinates" not in theirs:
            return known
        rows = np.flatnonzero(theirs["kind"].values == KINDS[1])
        step = rows_at_once(source.n_parameters)
        usable = [np.isfinite(_state_points(source, rows[part])).all(axis=1) for part in _parts(len(rows), step)]
        rows = rows[np.concatenate([np.empty(0, np.bool_), *usable])]
        where = [np.sort(minima[[theirs[name].values[rows] for name in ("source", "target")]], axis=0)]
        where.append(np.sort([own[name].values[self._state_rows] for name in ("source", "target")], axis=0))
        surfaces = theirs["surface"].values[rows], own["surface"].values[self._state_rows]
        heights = theirs["height"].values[rows], own["height"].values[self._state_rows]

        def ties(k: Ids, numbers: Ids) -> list[Array]:
            same = (where[0][:, k] == where[1][:, numbers]).all(axis=0) & (surfaces[0][k] == surfaces[1][numbers])
            difference = _largest_difference(heights[0][k, None], heights[1][numbers, None])
            return [np.where(same, difference, np.inf)]

        found = self._states.match((_state_points(source, rows[part]) for part in _parts(len(rows), step)), ties=ties)
        known[rows[found.ids >= 0]] = True
        return known

    def _known_runs(self, source: LandscapeDatabase) -> Ids:
        """Return for each run of the source its id in the new database, by its key; -1 if it is not there."""
        known = {key: i for i, key in enumerate(self._merged.runs["key"].values.tolist()) if key}
        keys = source.runs["key"].values.tolist()
        return np.array([known.get(key, -1) for key in keys], dtype=np.int64)

    def _take_runs_and_minima(
        self, source: LandscapeDatabase, name: str, new: dict[str, Mask], ids: dict[str, Ids]
    ) -> None:
        known_keys = set(self._merged.minima["key"].values.tolist())
        run_table, minimum_table = source.runs, source.minima
        step = min(rows_at_once(n) for n in (source.n_parameters, int(np.prod(run_table["curves"].shape[1:]))))
        reached = _reached(source, new["minima"])
        for runs, minima in closed_blocks(source, step):
            rows = runs[new["runs"][runs]]
            run_rows = _columns(run_table, rows, ())
            run_rows["start"] = _pointed(run_rows["start"], ids["minima"])
            run_rows["end"] = _pointed(np.where(run_rows["end"] >= 0, run_rows["end"], reached[rows]), ids["minima"])
            rows = minima[new["minima"][minima]]
            minimum_rows = _columns(minimum_table, rows, ("coordinates", *_ORIGIN))
            minimum_rows["coordinates"] = source.coordinates(rows)
            minimum_rows["run"] = _pointed(minimum_rows["run"], ids["runs"])
            # The same work, but another point (another machine's sums).
            keys = minimum_rows["key"].tolist()
            minimum_rows["key"] = np.array([0 if key in known_keys else key for key in keys], dtype=np.uint64)
            minimum_rows |= {"origin": [name] * len(rows), "origin_id": rows}
            self._merged.add(runs=run_rows, minima=minimum_rows)

    def _take_paths(self, source: LandscapeDatabase, name: str, minima: Ids, ends_of: tuple[Mask, Mask, Mask]) -> None:
        joined, moved, elsewhere = ends_of
        table = source.paths
        known = {key: i for i, key in enumerate(self._merged.paths["key"].values.tolist()) if key}
        keys = table["key"].values.tolist()
        fresh = np.array([i for i, key in enumerate(keys) if key not in known], dtype=np.int64)
        self.n_known["paths"] += len(keys) - len(fresh)
        wide = [v.shape[1:] for v in table.data_vars.values() if v.ndim > 1]
        step = rows_at_once(max([1, *(int(np.prod(shape)) for shape in wide)]))
        states, isomers = self._known_states(source, minima), joins_isomers(source)
        own = np.array([known.get(key, -1) for key in keys], dtype=np.int64)
        added = (own < 0) & ~states
        own[added] = self._merged.n_paths + np.arange(added.sum())
        for begin in range(0, len(fresh), step):
            rows = fresh[begin : begin + step]
            columns = _columns(table, rows, _ORIGIN)
            ends = [columns["source"], columns["target"]]
            columns["source"], columns["target"] = minima[ends[0]], minima[ends[1]]
            # Where a permutation cannot be kept, this is all that says that the path leads to an image.
            images = isomers[rows] | moved[ends[0]] | moved[ends[1]]
            columns["joins"] = np.array(JOINS, dtype=object)[images.astype(int)]
            usable = ~(elsewhere[ends[0]] | elsewhere[ends[1]])
            for column in _CURVE:
                if column in columns:
                    columns[column] = _rows_or_none(columns[column], usable)
            self._fit_curves(columns, source)
            if "curve" in columns:
                columns["curve"] = _pointed(columns["curve"], own)
            keep = ~states[rows]
            if "coordinates" in columns:
                columns["coordinates"] = _rows_or_none(columns["coordinates"], np.ones(len(rows), dtype=bool))
            lifted = self._lift(columns, joined[ends[0]] | joined[ends[1]])
            self.n_lifted += int(lifted[keep].sum())
            self.n_known["paths"] += int((~keep).sum())
            columns = {
                key: list(compress(values, keep)) if isinstance(values, list) else values[keep]
                for key, values in columns.items()
            }
            n = int(keep.sum())
            self._merged.add(paths={**columns, "origin": [name] * n, "origin_id": rows[keep]} if n else None)

    def _fit_curves(self, columns: dict[str, Any], source: LandscapeDatabase) -> None:
        """Bring curves to the dtype that keeps all of them, and renamings to the symmetry of the new database."""
        if "coefficients" in columns:
            curves = columns["coefficients"]
            columns["coefficients"] = [c if c is None else c.astype(self._dtype_of_curves, copy=False) for c in curves]
        symmetries = declared_symmetry(source), declared_symmetry(self._merged)
        if "renaming" not in columns or symmetries[0] == symmetries[1]:
            return
        renamings, other = columns.pop("renaming"), symmetries[0]
        if isinstance(other, UnitSymmetry):
            made = [r if r is None else parameter_permutation(other, split_element(other, r)) for r in renamings]
            known = columns.get("permutation", [None] * len(made))
            columns["permutation"] = [b if a is None else a for a, b in zip(known, made, strict=True)]

    def _lift(self, columns: dict[str, Any], joined: Mask) -> Mask:
        """Lift paths to the end that they are joined to now, which another machine gave a higher energy."""
        energies, surfaces = self._merged.minima["energy"].values, self._merged.surfaces
        surface = [surfaces.index(str(value)) for value in columns["surface"].tolist()]
        floor = np.fmax(energies[columns["source"], surface], energies[columns["target"], surface])
        lifted = np.zeros(len(floor), dtype=bool)
        for name in ("height", "refined_height"):
            low = joined & (columns[name] < floor)
            columns[name] = np.where(low, floor, columns[name])
            lifted |= low
        return lifted

    def _note(self, source: LandscapeDatabase, name: str, found: Matches) -> None:
        """Say in the new database what was joined, and all that the source says of itself."""
        rows = np.flatnonzero(found.ids >= 0)
        before, now = (source.minima["energy"].values[rows], self._merged.minima["energy"].values[found.ids[rows]])
        differences = _largest_difference(before, now, without=-1.0)
        for row, difference in zip(rows.tolist(), differences.tolist(), strict=True):
            distance = float(found.distances[row])
            self.joined.append(
                Joined(name, row, int(found.ids[row]), distance, difference if difference >= 0 else None)
            )
        entry = {"store": name, "joined": [rows.tolist(), found.ids[rows].tolist()], "attributes": source.attributes}
        said = self._merged.attributes.get("merged", [])
        self._merged.add(attributes={"merged": [*said, entry]})


def closed_blocks(source: LandscapeDatabase, step: int) -> Iterator[tuple[Ids, Ids]]:
    """Yield runs and minima in turns of about `step` rows, none naming a later one; raises ValueError for bad ids."""
    # Runs name minima (where they started and ended), minima the runs that found them; each commit of the source was
    # closed in this sense, so that no part is much larger than one of its commits.
    run_of = source.minima["run"].values
    named = np.maximum(source.runs["start"].values, source.runs["end"].values)
    for ids, n, what in ((run_of, source.n_runs, "runs"), (named, source.n_minima, "minima")):
        if len(ids) and ids.max() >= n:
            raise ValueError(f"{what} up to {ids.max()} are named, there are {n}")
    n_runs = n_minima = 0
    while n_runs < source.n_runs or n_minima < source.n_minima:
        first = n_runs, n_minima
        n_runs, n_minima = min(n_runs + step, source.n_runs), min(n_minima + step, source.n_minima)
        before = (-1, -1)
        while before != (n_runs, n_minima):
            before = n_runs, n_minima
            n_runs = max(n_runs, int(run_of[first[1] : n_minima].max(initial=-1)) + 1)
            n_minima = max(n_minima, int(named[first[0] : n_runs].max(initial=-1)) + 1)
        yield np.arange(first[0], n_runs), np.arange(first[1], n_minima)


def _state_points(database: LandscapeDatabase, rows: Ids) -> Array:
    points: Array = database.paths["coordinates"][rows].values.astype(np.float64)
    return points


def _parts(n: int, step: int, first: int = 0) -> list[Ids]:
    return [np.arange(a, b) for a, b in pairwise([*range(first, n, step), n])] if n > first else []


def _largest_difference(a: Array, b: Array, without: float = 0.0) -> Array:
    """Return the largest difference of each row over the columns that both have; `without` where there is none."""
    differences = np.abs(a - b)
    return np.asarray(np.where(np.isnan(differences), without, differences).max(axis=1, initial=without))


def _with_new(ids: Ids, n: int) -> Ids:
    """Return ids with the next ones, from n on, for the rows that have none."""
    new = np.flatnonzero(ids < 0)
    numbered = ids.copy()
    numbered[new] = n + np.arange(len(new))
    return numbered


def _pointed(ids: Ids, new: Ids) -> Ids:
    """Return the new ids; -1 stays -1."""
    return np.where(ids >= 0, new[ids], -1) if len(new) else np.full(len(ids), -1)


def _reached(source: LandscapeDatabase, new: Mask) -> Ids:
    """Return for each run the first of its minima that is joined to another: it led to a known one; else -1."""
    reached = np.full(source.n_runs, -1, dtype=np.int64)
    rows = np.flatnonzero(~new & (source.minima["run"].values >= 0))[::-1]
    reached[source.minima["run"].values[rows]] = rows
    return reached


def _columns(table: Any, rows: Ids, but: tuple[str, ...]) -> dict[str, Any]:
    """Return some rows of all columns but some."""
    return {str(name): table[name][rows].values for name in table.data_vars if name not in but}


def _rows_or_none(values: Array, usable: Mask) -> list[Any]:
    """Return each row, None where it holds nothing or may not be used."""
    if values.dtype.kind in "if":
        empty = np.isnan(values) if values.dtype.kind == "f" else values == FILL[str(values.dtype)]
        usable = usable & ~empty.reshape(len(values), -1).all(axis=1)
    return [row if use else None for row, use in zip(values, usable, strict=True)]
