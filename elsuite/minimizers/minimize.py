"""The one loop of all minimizers: epochs, books, verdicts, checkpoints."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.landscapes.base import Landscape
from elsuite.minimizers.checkpoint import read_checkpoint, write_checkpoint
from elsuite.minimizers.record import Record, first_record, minimizations, with_epoch, with_finished
from elsuite.minimizers.results import Minimization

if TYPE_CHECKING:
    from elsuite.minimizers.base import Minimizer

__all__ = ["drive"]

_DIVERGED = 1e3  # in units of max(1, |energy at the start|)


def drive(
    minimizer: "Minimizer",
    landscape: Landscape,
    starts: Tensor,
    *,
    seeds: Sequence[int],
    checkpoint: Path | None,
    checkpoint_every: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[Minimization, ...]:
    """Return what `Minimizer.minimize` says."""
    record = _begun(minimizer, landscape, starts, _checked(landscape, starts, seeds))
    if checkpoint is not None and checkpoint.exists():
        record = read_checkpoint(checkpoint, record, minimizer, landscape, starts)
    saved = record.epoch
    try:
        while record.active.size:
            record = _advanced(minimizer, landscape, record)
            due = record.epoch >= saved + checkpoint_every or not record.active.size
            if checkpoint is not None and due:
                write_checkpoint(checkpoint, record, minimizer, landscape, starts)
                saved = record.epoch
            if progress is not None:
                progress(record.epoch, minimizer.epochs)
    except KeyboardInterrupt:
        if checkpoint is not None:
            write_checkpoint(checkpoint, record, minimizer, landscape, starts)
        raise
    return minimizations(record, landscape)


def _checked(landscape: Landscape, starts: Tensor, seeds: Sequence[int]) -> NDArray[np.int64]:
    if starts.ndim != 2 or starts.shape[1] != landscape.n_parameters:
        raise ValueError(
            f"starts: given an array of shape {tuple(starts.shape)}, "
            f"allowed: (n_starts, {landscape.n_parameters})"
        )
    if len(seeds) != len(starts) or any(seed < 0 for seed in seeds):
        raise ValueError(f"seeds: given {list(seeds)}, allowed: {len(starts)} integers, none negative")
    return np.array(seeds, dtype=np.int64)


def _begun(minimizer: "Minimizer", landscape: Landscape, starts: Tensor, seeds: NDArray[np.int64]) -> Record:
    n = len(starts)
    given = {
        "points": starts.clone(),
        "seed": torch.as_tensor(seeds),
        "n_steps": torch.zeros(n, dtype=torch.int64),
        "n_evaluations": torch.zeros(n, dtype=torch.float64),
    }
    state = minimizer.begin(landscape, given)
    record = first_record(state, _energies(landscape, state), seeds)
    return with_finished(record, _verdicts(minimizer, landscape, record))


def _advanced(minimizer: "Minimizer", landscape: Landscape, record: Record) -> Record:
    began = time.perf_counter()
    state = minimizer.advance(landscape, record.state, record.epoch)
    energies = _energies(landscape, state)
    record = with_epoch(record, state, energies, time.perf_counter() - began)
    return with_finished(record, _verdicts(minimizer, landscape, record))


def _energies(landscape: Landscape, state: dict[str, Tensor]) -> NDArray[np.float64]:
    """Return the energies (n_active, S) on all surfaces; the minimizer's own one is taken as it is."""
    columns = [
        state["energy"]
        if name == landscape.surface and "energy" in state
        else landscape.on(name).energy(state["points"])
        for name in landscape.surfaces
    ]
    return torch.stack([column.double().cpu() for column in columns], dim=1).numpy()


def _verdicts(minimizer: "Minimizer", landscape: Landscape, record: Record) -> dict[int, tuple[Outcome, str]]:
    """Return how and why starts end now, by their place among the active ones."""
    # The first rule that holds for a start decides.
    n, state, epoch = record.active.size, record.state, record.epoch
    curve = record.curves[record.active, landscape.surfaces.index(landscape.surface)]
    first, energy = curve[:, 0], curve[:, epoch]
    norm = state["gradient_norm"].double().cpu().numpy() if "gradient_norm" in state else np.full(n, np.inf)
    stationary = state["converged"].cpu().numpy() if "converged" in state else np.zeros(n, dtype=bool)
    lowest = epoch - record.best_epochs[record.active].max(axis=1)
    with np.errstate(invalid="ignore"):
        diverged = np.isinf(energy) | (energy - first > _DIVERGED * np.maximum(1, np.abs(first)))
    target = -np.inf if minimizer.target_energy is None else minimizer.target_energy
    patience = np.inf if minimizer.patience is None else minimizer.patience
    ends: list[tuple[NDArray[np.bool_], Outcome, Callable[[int], str]]] = [
        (
            np.isnan(energy) | np.isnan(norm),
            Outcome.NOT_A_NUMBER,
            lambda _: f"energy or gradient not a number after epoch {epoch}",
        ),
        (diverged, Outcome.DIVERGED, lambda k: f"energy {energy[k]:.4g}, {first[k]:.4g} at the start"),
        (
            norm <= minimizer.gradient_tolerance,
            Outcome.CONVERGED,
            lambda k: f"gradient norm {norm[k]:.2g} within the tolerance",
        ),
        (energy <= target, Outcome.CONVERGED, lambda k: f"energy {energy[k]:.6g} reaches the target"),
        (stationary, Outcome.CONVERGED, lambda _: "no lower point along the gradient"),
        (
            lowest >= patience,
            Outcome.CONVERGED,
            lambda k: f"no lower energy on any surface for {lowest[k]} epochs",
        ),
        (np.full(n, epoch >= minimizer.epochs), Outcome.BUDGET_SPENT, lambda _: f"{epoch} epochs spent"),
    ]
    verdicts: dict[int, tuple[Outcome, str]] = {}
    for mask, outcome, message in ends:
        for row in np.flatnonzero(mask).tolist():
            verdicts.setdefault(row, (outcome, message(row)))
    return verdicts
