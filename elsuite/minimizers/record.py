"""The record of a batch of minimizations: curves, lowest points, terminations, as values that replace each other.

Nothing in a `Record` that a later epoch reads is changed in place, so an interrupt at any moment leaves the
last record whole.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.core.typing import Floats, Ids
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.conversion import norms
from elsuite.minimizers.results import Minimization, Solution


@dataclass(frozen=True)
class Record:
    """What is known of n starts on S surfaces after some epochs."""

    epoch: int
    active: Ids
    """The starts that still run, ascending; `state` has their rows."""
    state: dict[str, Tensor]
    seeds: Ids
    curves: Floats
    """Energies before the first epoch and after each, shape (n, S, capacity); NaN where not reached."""
    best_points: tuple[Tensor, ...]
    """Lowest point of each surface's curve, S tensors (n, P)."""
    best_energies: Floats
    """Entry (k, i, j): energy on surface j at the lowest point of surface i; infinite before there is one."""
    best_epochs: Ids
    """Where that point was, shape (n, S); -1 before there is one."""
    outcomes: NDArray[np.str_]
    messages: NDArray[np.str_]
    """Empty, as outcomes are, while a start runs."""
    n_epochs: Ids
    n_steps: Ids
    n_evaluations: Floats
    seconds: Floats


def first_record(state: dict[str, Tensor], energies: Floats, seeds: Ids) -> Record:
    """Return the record before the first epoch, from the energies at the starts, shape (n, S)."""
    n, n_surfaces = energies.shape
    empty = Record(
        epoch=-1,
        active=np.arange(n, dtype=np.int64),
        state=state,
        seeds=seeds,
        curves=np.full((n, n_surfaces, 16), np.nan),
        best_points=(state["points"],) * n_surfaces,
        best_energies=np.full((n, n_surfaces, n_surfaces), np.inf),
        best_epochs=np.full((n, n_surfaces), -1, dtype=np.int64),
        outcomes=np.full(n, "", dtype="U16"),
        messages=np.full(n, "", dtype="U128"),
        n_epochs=np.zeros(n, dtype=np.int64),
        n_steps=np.zeros(n, dtype=np.int64),
        n_evaluations=np.zeros(n),
        seconds=np.zeros(n),
    )
    return with_epoch(empty, state, energies, 0.0)


def with_epoch(record: Record, state: dict[str, Tensor], energies: Floats, seconds: float) -> Record:
    """Return the record one epoch later, with the energies (n_active, S) at the points of `state`."""
    epoch, active = record.epoch + 1, record.active
    curves = record.curves
    if epoch == curves.shape[2]:
        curves = np.concatenate([curves, np.full_like(curves, np.nan)], axis=2)
    curves[active, :, epoch] = energies  # in place: the same again if this epoch has to be repeated
    lowest = np.einsum("kii->ki", record.best_energies)[active]
    improved = np.isfinite(energies) & (energies < lowest)
    best_points, best_energies, best_epochs = [], record.best_energies.copy(), record.best_epochs.copy()
    for i, points in enumerate(record.best_points):
        rows = np.flatnonzero(improved[:, i])
        if rows.size:
            points = points.clone()
            points[active[rows]] = state["points"][rows]
        best_points.append(points)
        best_energies[active[rows], i] = energies[rows]
        best_epochs[active[rows], i] = epoch
    return replace(
        record,
        epoch=epoch,
        state=state,
        curves=curves,
        best_points=tuple(best_points),
        best_energies=best_energies,
        best_epochs=best_epochs,
        n_epochs=_replaced(record.n_epochs, active, epoch),
        n_steps=_replaced(record.n_steps, active, state["n_steps"].cpu().numpy()),
        n_evaluations=_replaced(record.n_evaluations, active, state["n_evaluations"].cpu().numpy()),
        seconds=_replaced(record.seconds, active, record.seconds[active] + seconds / max(active.size, 1)),
    )


def with_finished(record: Record, terminations: dict[int, tuple[Outcome, str]]) -> Record:
    """Return the record with some starts, given by their place among the active ones, ended."""
    if not terminations:
        return record
    outcomes, messages = record.outcomes.copy(), record.messages.copy()
    for row, (outcome, message) in terminations.items():
        outcomes[record.active[row]], messages[record.active[row]] = str(outcome), message
    rows = np.setdiff1d(np.arange(record.active.size), list(terminations))
    state = {name: values[rows] for name, values in record.state.items()}
    return replace(record, active=record.active[rows], state=state, outcomes=outcomes, messages=messages)


def minimizations(record: Record, landscape: Landscape) -> tuple[Minimization, ...]:
    """Return the results of a record whose starts have all ended, with gradient norms of the solutions."""
    solutions: list[list[Solution]] = [[] for _ in record.seeds]
    for i, stopping in enumerate(landscape.surfaces):
        found = np.flatnonzero(record.best_epochs[:, i] >= 0)
        if not found.size:
            continue
        points = record.best_points[i][found]
        slopes = norms(landscape.energy_and_gradient(points)[1]).tolist()
        coordinates = points.cpu().numpy()
        for row, k in enumerate(found):
            energies = dict(zip(landscape.surfaces, record.best_energies[k, i].tolist(), strict=True))
            epoch = int(record.best_epochs[k, i])
            solutions[k].append(Solution(stopping, coordinates[row].copy(), energies, slopes[row], epoch))
    return tuple(
        Minimization(
            seed=int(record.seeds[k]),
            solutions=tuple(found),
            curves={
                name: curve[: record.n_epochs[k] + 1].copy()
                for name, curve in zip(landscape.surfaces, curves, strict=True)
            },
            outcome=Outcome(str(record.outcomes[k])),
            message=str(record.messages[k]),
            n_steps=int(record.n_steps[k]),
            n_evaluations=float(record.n_evaluations[k]),
            seconds=float(record.seconds[k]),
        )
        for k, (found, curves) in enumerate(zip(solutions, record.curves, strict=True))
    )


def _replaced(values: NDArray[Any], places: Ids, new: object) -> NDArray[Any]:
    result = values.copy()
    result[places] = new
    return result
