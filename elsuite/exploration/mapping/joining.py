"""The state of a call that joins two minima: what the store holds, what was tried, and the commits."""

from typing import Any, final

import numpy as np

from elsuite.core.identity import canonical_json, content_key, work_seed
from elsuite.core.settings import key_settings
from elsuite.core.typing import Floats
from elsuite.database import LandscapeDatabase
from elsuite.exploration.attempts import reason_of, stops_all
from elsuite.exploration.computing import contributed
from elsuite.exploration.mapping.crossing import GapTask, region_of
from elsuite.exploration.mapping.gaps import Distances, Known, Pair
from elsuite.exploration.mapping.parcels import unpacked
from elsuite.exploration.mapping.rows import Discovery, new_rows
from elsuite.exploration.mapping.stored_minima import stored_minima
from elsuite.landscapes.base import Landscape
from elsuite.network.transition import path_heights
from elsuite.paths import PathFinder
from elsuite.schema import KINDS
from elsuite.symmetry.points import PointIndex

LABEL = "connect"
"""Of the runs and of what they find."""


@final
class Joining:
    """The database and what of it a route can be made of, by positions of minima."""

    def __init__(
        self, database: LandscapeDatabase, landscape: Landscape, finder: PathFinder, tolerance: float, around: Floats
    ) -> None:
        self.database, self.landscape, self.finder, self.tolerance = database, landscape, finder, tolerance
        self.around = around
        region = region_of(landscape, tolerance=tolerance, around=around)
        self.minima = stored_minima(database, region)
        self.states = PointIndex(region.symmetry, region.tolerance)
        if database.n_paths and "coordinates" in database.paths:
            paths = database.paths
            wanted = (paths["kind"].values == KINDS[1]) & (paths["surface"].values == landscape.surface)
            points = paths["coordinates"].values[wanted]
            self.states.extend(points[np.isfinite(points).all(axis=1)])
        found = path_heights(database, surface=landscape.surface)
        ends = [self.minima.positions(found.sources), self.minima.positions(found.targets)]
        there = (ends[0] >= 0) & (ends[1] >= 0)
        self.sources, self.targets = ends[0][there], ends[1][there]
        self.heights: Floats = found.heights[there]
        self.tried = self._tried()
        self.done = set(database.runs["key"].values.tolist())
        self.keys = database.minima["key"].values.tolist()
        self.identity = canonical_json(database.attributes.get("identity"))
        self.settings = [landscape.surface, finder.name, key_settings(finder), tolerance]
        self.n_minima, self.n_states, self.n_failed = 0, 0, 0

    def _tried(self) -> dict[Pair, int]:
        """Return how often each two minima were searched between, in all calls."""
        runs = self.database.runs
        tried: dict[Pair, int] = {}
        if "target" in runs:
            own = (runs["minimizer"].values == LABEL) & (runs["target"].values >= 0)
            ends = [self.minima.positions(runs[name].values[own]).tolist() for name in ("start", "target")]
            for i, j in zip(*ends, strict=True):
                pair = (min(i, j), max(i, j))
                tried[pair] = tried.get(pair, 0) + 1
        return tried

    @property
    def known(self) -> Known:
        """What a route can be made of."""
        minima = self.minima
        return Known(minima.points, minima.energies, self.sources, self.targets, self.heights, self.tried)

    def task(self, pair: Pair, distances: Distances) -> GapTask:
        """Return the next search between two minima, or around one; its key depends on nothing but these and counts."""
        attempt = self.tried.get(pair, 0)
        ids = [self.minima.ids[k] for k in pair]
        ends = [self.keys[i] or ["id", i] for i in ids]
        place = [ends, self.settings]
        while (key := content_key(LABEL, *place, attempt)) in self.done:
            attempt += 1  # made when one of the two stood in another row
        points = self.minima.points
        a = points[pair[0]]
        b = a if pair[0] == pair[1] else distances.image(points, pair)
        surface, tolerance = self.landscape.surface, self.tolerance
        return GapTask(surface, a, b, self.finder, tolerance, self.around, attempt, key, self.identity)

    def here(self, task: GapTask) -> Discovery:
        """Return what a search finds in this process; known transition states are not followed down again."""
        try:
            return task.found(self.landscape, self.states)
        except Exception as error:  # any error of one search is data; the others go on
            if stops_all(error):
                raise
            return unpacked(task.failed(reason_of(error)))

    def store(self, pair: Pair, task: GapTask, found: Discovery, seconds: float, *, sync: bool) -> None:
        """Commit what a search found, together with the record that it is done."""
        database, minima = self.database, self.minima
        rows = new_rows(self.landscape, found, (minima.index, self.states), key=task.key, label=LABEL)
        new = np.arange(database.n_minima, database.n_minima + len(rows.minima.get("key", ())))
        ids = np.concatenate([np.array(minima.ids, dtype=np.int64), new])
        ends = [np.array(rows.paths.get(name, ()), dtype=np.int64) for name in ("source", "target")]
        paths = {**rows.paths, "source": ids[ends[0]], "target": ids[ends[1]]} if rows.paths else None
        run: dict[str, Any] = {
            "key": task.key,
            "seed": work_seed(task.key),
            "minimizer": LABEL,
            "outcome": str(found.outcome),
            "message": rows.message,
            "n_steps": found.n_steps,
            "n_evaluations": float(found.n_gradients),
            "seconds": seconds,
            "start": minima.ids[pair[0]],
            "target": minima.ids[pair[1]],
            "n_found": len(new) + len(ends[0]),
            "n_failed": int(bool(found.error)),
        }
        if rows.minima:
            rows.minima["run"] = database.n_runs
        attributes = contributed(database)
        database.add(runs=[run], minima=rows.minima or None, paths=paths, attributes=attributes, sync=sync)
        if len(new):
            minima.grow(new, rows.minima["energy"][:, database.surfaces.index(self.landscape.surface)])
            self.keys += rows.minima["key"].tolist()
        if paths is not None:
            lifted = np.maximum(minima.energies[ends[0]], minima.energies[ends[1]])
            self.heights = np.append(self.heights, np.maximum(rows.paths["height"], lifted))
            self.sources, self.targets = np.append(self.sources, ends[0]), np.append(self.targets, ends[1])
        self.n_minima, self.n_states = self.n_minima + len(new), self.n_states + len(ends[0])
        self.n_failed += bool(found.error)
        self.done.add(task.key)
        self.tried[pair] = self.tried.get(pair, 0) + 1
