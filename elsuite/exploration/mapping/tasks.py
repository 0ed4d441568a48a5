"""Pieces of mapping that other processes can do: `MapTask`, and what one found on its way as arrays."""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elsuite.core.identity import canonical_json
from elsuite.core.outcomes import Outcome
from elsuite.core.typing import Array, Floats
from elsuite.exploration.mapping.plan import MappingPlan, mapped_region
from elsuite.exploration.mapping.rows import Discovery, VerifiedState
from elsuite.exploration.mapping.sweeps import Known, directions_each, from_minima
from elsuite.exploration.mapping.work import (
    Region,
    along_directions,
    along_modes,
    each_alone,
    from_points,
    minima_below,
)
from elsuite.exploration.new_rows import NewRows
from elsuite.landscapes.base import Landscape
from elsuite.stationary import Limits, Refinement, descend
from elsuite.stationary.engine import engine_of

_TEXTS = ("outcome", "message")
_NUMBERS = ("energy", "gradient_norm")
_COUNTS = ("index", "n_steps", "n_gradients")


@dataclass(frozen=True)
class MapTask:
    """A piece of mapping that needs nothing but the landscape and some points.

    Attributes
    ----------
    stage : str
        What is done, as `elsuite.exploration.mapping.run` calls it.
    points : ndarray (n, P)
        From which.
    farther : int
        In which round, or which of a minimum's directions.
    n_minima : int
        Of the whole sweep.
    session : str
        Of the call that maps: a worker leaves out what it has found in other pieces of the same one.
    """

    key: int
    seed: int
    stage: str
    points: Floats
    farther: int
    n_minima: int
    plan: MappingPlan
    limits: Limits
    bounds: list[list[float]] | None
    identity: str = "null"
    session: str = ""

    def loaded(self) -> "MapTask":
        """Return the task: it holds all that it needs."""
        return self

    def discovery(self, region: Region, known: Known) -> Discovery:
        """Return what is found; what is known may be left out."""
        plan, points = self.plan, self.points
        match self.stage:
            case "starts":
                return each_alone(minima_below, region, points)
            case "random points":
                return each_alone(from_points, region, points)
            case "modes":
                return along_modes(region, points[0], n_modes=plan.n_modes)
            case "directions":
                ways, farther = plan.n_directions, self.farther
                return along_directions(region, points[0], n_directions=ways, farther=farther, seed=self.seed)
            case _:
                engine = engine_of(region.landscape)
                assert engine is not None
                engine = replace(engine, length=region.scale)
                ways = directions_each(region.landscape, self.n_minima, plan.n_directions)
                return from_minima(
                    region, engine, points, n_directions=ways, seed=self.seed, known=known, first=self.farther
                )

    def perform(self, landscape: Landscape) -> NewRows:
        """Return what is found as arrays, in a worker that remembers what it has found before."""
        bounds = None if self.bounds is None else np.array(self.bounds)
        region = mapped_region(landscape, bounds, self.limits, tolerance=self.plan.tolerance)
        if self.session not in _memory:
            _memory.clear()
            _memory[self.session] = (Known.nothing(region), set())
        remembered, done = _memory[self.session]
        # A piece that is done again must not leave out what it found itself.
        found = self.discovery(region, Known.nothing(region) if self.key in done else remembered)
        for state in found.states:
            remembered.states.number(state.state.point)
            for end in state.ends:
                remembered.minima.number(end.point)
        done.add(self.key)
        return _as_arrays(found)

    def failed(self, reason: str) -> NewRows:
        """Return that nothing was found, and why."""
        return _as_arrays(Discovery(error=reason))


_memory: dict[str, tuple[Known, set[int]]] = {}
"""Of the last session what this process found, and the pieces that it did."""


def completed(region: Region, found: Discovery, known: Known) -> Discovery:
    """Return a worker's discovery with those minima finished that it left to others and that are not known here."""
    states = []
    for state in found.states:
        ends = tuple(_complete(region, end, known) for end in state.ends)
        if all(end.outcome is Outcome.CONVERGED for end in ends):
            states.append(VerifiedState(state.state, (ends[0], ends[1])))
    return replace(found, states=states)


def _complete(region: Region, end: Refinement, known: Known) -> Refinement:
    if len(end.eigenvalues) or known.minima.find(end.point) is not None:
        return end
    return descend(region.landscape, end.point[None], limits=region.limits)[0]


def _as_arrays(found: Discovery) -> NewRows:
    """Return a discovery as arrays."""
    points = [*found.minima, *(point for state in found.states for point in (state.state, *state.ends))]
    facts = {
        "failures": dict(found.failures),
        "n_searches": found.n_searches,
        "n_steps": found.n_steps,
        "n_gradients": found.n_gradients,
        "error": found.error,
        "n_minima": len(found.minima),
    }
    columns: dict[str, Array] = {}
    if points:
        longest = max(len(point.eigenvalues) for point in points)
        values = np.full((len(points), longest), np.nan)
        for row, point in zip(values, points, strict=True):
            row[: len(point.eigenvalues)] = point.eigenvalues
        columns = {name: np.array([str(getattr(point, name)) for point in points]) for name in _TEXTS}
        columns |= {name: np.array([getattr(point, name) for point in points], dtype=np.float64) for name in _NUMBERS}
        columns |= {name: np.array([getattr(point, name) for point in points], dtype=np.int64) for name in _COUNTS}
        columns |= {
            "point": np.array([point.point for point in points]),
            "eigenvector": np.array([point.eigenvector for point in points]),
            "eigenvalues": values,
        }
    return NewRows(runs={"facts": np.array([canonical_json(facts)])}, minima=columns)


def discovery_of(rows: NewRows) -> Discovery:
    """Return the discovery that arrays of a worker hold.

    Examples
    --------
    >>> discovery_of(_as_arrays(Discovery(n_searches=3))).n_searches
    3
    """
    facts: dict[str, Any] = json.loads(str(rows.runs["facts"][0]))
    n_minima = facts.pop("n_minima")
    points = [_point(rows.minima, k) for k in range(len(rows.minima.get("point", ())))]
    triples = zip(*(points[n_minima + k :: 3] for k in range(3)), strict=True)
    states = [VerifiedState(state, (one, other)) for state, one, other in triples]
    return Discovery(minima=points[:n_minima], states=states, **facts)


def _point(columns: dict[str, Array], k: int) -> Refinement:
    values = columns["eigenvalues"][k]
    given: dict[str, Any] = {name: float(columns[name][k]) for name in _NUMBERS}
    given |= {name: int(columns[name][k]) for name in _COUNTS}
    return Refinement(
        point=columns["point"][k],
        eigenvalues=values[~np.isnan(values)],
        eigenvector=columns["eigenvector"][k],
        outcome=Outcome(str(columns["outcome"][k])),
        message=str(columns["message"][k]),
        **given,
    )
