"""What a piece of mapping found, as rows of the database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from elsuite.core.identity import content_key
from elsuite.core.outcomes import Outcome
from elsuite.landscapes.base import Landscape
from elsuite.schema import JOINS
from elsuite.stationary import Refinement
from elsuite.symmetry.points import PointIndex

FOLLOWED_DOWN = "followed down: "


@dataclass(frozen=True, eq=False)
class VerifiedState:
    """A transition state of index 1 with the minima at the ends of its two paths of steepest descent."""

    state: Refinement
    ends: tuple[Refinement, Refinement]


@dataclass(frozen=True, eq=False)
class Discovery:
    """What one piece of work found; `failures` are searches by outcome, `error` is what ended it before its end."""

    minima: Sequence[Refinement] = ()
    states: Sequence[VerifiedState] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    n_searches: int = 0
    n_steps: int = 0
    n_gradients: int = 0
    error: str = ""

    @property
    def n_converged(self) -> int:
        """Searches that ended at a point of the kind sought."""
        others = sum(n for words, n in self.failures.items() if not words.startswith(FOLLOWED_DOWN))
        return max(0, self.n_searches - others)

    @property
    def outcome(self) -> Outcome:
        """What most of the searches came to, descents from transition states that reached no minimum included.

        As many that converged as others count as converged; an error that left nothing is a failure.
        """
        if self.error and not (self.minima or self.states):
            return Outcome.FAILED
        counts: Counter[Outcome] = Counter({Outcome.CONVERGED: self.n_converged})
        for words, n in self.failures.items():
            counts[Outcome(words.removeprefix(FOLLOWED_DOWN))] += n
        return max(counts, key=lambda outcome: (counts[outcome], outcome is Outcome.CONVERGED, str(outcome)))


@dataclass(frozen=True)
class Rows:
    """New rows of minima and paths, and what the run's row says of them."""

    minima: dict[str, Any]
    paths: dict[str, Any]
    message: str


def new_rows(landscape: Landscape, found: Discovery, known: Sequence[PointIndex], *, key: int, label: str) -> Rows:
    """Return rows for the minima and transition states that were not `known`, by the order of rows; then they are."""
    minima, states = known
    new_minima: list[Refinement] = []
    new_states: list[tuple[VerifiedState, int, int]] = []

    def number(minimum: Refinement) -> int:
        n_before = len(minima)
        k = minima.number(minimum.point)
        if k == n_before:
            new_minima.append(minimum)
        return k

    for minimum in sorted(found.minima, key=_in_order):
        number(minimum)
    for verified in sorted(found.states, key=lambda verified: _in_order(verified.state)):
        n_before = len(states)
        if states.number(verified.state.point) == n_before:
            source, target = (number(end) for end in verified.ends)
            new_states.append((verified, source, target))
    ends = [f"{found.n_converged} converged", *(f"{n} {outcome}" for outcome, n in sorted(found.failures.items()))]
    message = f"{found.n_searches} searches: {len(new_minima)} new minima, {len(new_states)} new transition states"
    message += f"; {', '.join(ends)}"
    if found.error:
        message = found.error if found.outcome is Outcome.FAILED else f"{message} ({found.error})"
    return Rows(
        _minima_rows(landscape, new_minima, key, label), _state_rows(landscape, new_states, key, label), message
    )


def _in_order(point: Refinement) -> tuple[float, list[float]]:
    """Return what points are sorted by: which one stands for equal ones does not depend on the order of searches."""
    return point.energy, point.point.tolist()


def _minima_rows(landscape: Landscape, minima: Sequence[Refinement], key: int, label: str) -> dict[str, Any]:
    if not minima:
        return {}
    points = torch.tensor(np.array([m.point for m in minima]), dtype=landscape.dtype, device=landscape.device)
    if landscape.gradient_only and len(landscape.surfaces) == 1:  # each energy costs a call of a calculator
        energies = [np.array([m.energy for m in minima])]
    else:
        energies = [landscape.on(name).energy(points).detach().cpu().numpy() for name in landscape.surfaces]
    return {
        "coordinates": np.array([m.point for m in minima]),
        "energy": np.array(energies, dtype=np.float64).T,
        "set": "minima",
        "stopping": landscape.surface,
        "outcome": [str(m.outcome) for m in minima],
        "key": np.array([content_key("minimum", key, k) for k in range(len(minima))], dtype=np.uint64),
        "found_by": label,
        "lowest_eigenvalue": np.array([m.eigenvalues[0] if len(m.eigenvalues) else np.nan for m in minima]),
        **_curvature(landscape, minima),
    }


def _state_rows(
    landscape: Landscape, states: Sequence[tuple[VerifiedState, int, int]], key: int, label: str
) -> dict[str, Any]:
    if not states:
        return {}
    tops = [verified.state for verified, _, _ in states]
    heights = np.array([top.energy for top in tops])
    costs = [sum(point.n_gradients for point in (v.state, *v.ends)) for v, _, _ in states]
    return {
        "coordinates": np.array([top.point for top in tops]),
        "source": [source for _, source, _ in states],
        "target": [target for _, _, target in states],
        "surface": landscape.surface,
        "kind": "transition_state",
        "finder": label,
        "height": heights,
        "refined_height": heights,
        "chord": np.array([np.linalg.norm(v.ends[0].point - v.ends[1].point) for v, _, _ in states]),
        # Minima are found again by the symmetry: the ends of a state are images of the stored ones.
        "joins": JOINS[landscape.symmetry.has_images],
        "outcome": [str(top.outcome) for top in tops],
        "n_point_gradients": np.array(costs, dtype=np.float64),
        "key": np.array([content_key("state", key, k) for k in range(len(states))], dtype=np.uint64),
        "negative_eigenvalue": np.array([top.eigenvalues[0] for top in tops]),
        **_curvature(landscape, tops),
    }


def _curvature(landscape: Landscape, points: Sequence[Refinement]) -> dict[str, Any]:
    """Return what the Hessians say, in the columns that the interchange formats know too."""
    # Of the positive eigenvalues; NaN where only some eigenvalues are known.
    n_known = landscape.n_parameters - landscape.symmetry.n_zero_modes
    logs = [np.log(p.eigenvalues[p.eigenvalues > 0]).sum() if len(p.eigenvalues) >= n_known else np.nan for p in points]
    columns: dict[str, Any] = {
        "gradient_norm": np.array([p.gradient_norm for p in points]),
        "hessian_index": np.array([p.index for p in points], dtype=np.int64),
        "log_product": np.array(logs, dtype=np.float64),
    }
    if landscape.symmetry.drifts:
        orders = [landscape.symmetry.group_order(p.point) for p in points]
        columns["point_group_order"] = np.array(orders, dtype=np.int64)
    return columns
