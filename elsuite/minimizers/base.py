"""What a minimizer is (`Minimizer`), and the loop of all: epochs, early stopping, checkpoints (`minimize`)."""

import abc
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.core.settings import Count, Finite, NonNegative, Whole, settings
from elsuite.core.typing import Floats, Ids, Mask
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.conversion import to_tensor
from elsuite.minimizers.checkpoint import read_checkpoint, write_checkpoint
from elsuite.minimizers.record import Record, first_record, minimizations, with_epoch, with_finished
from elsuite.minimizers.results import Minimization

State = dict[str, Tensor]

_DIVERGED = 1e3  # in units of max(1, |energy at the start|)


@settings
class Minimizer(abc.ABC):
    """Descends from many starts at once. Minimizers are frozen dataclasses: their settings are their fields.

    A new one has a `name` and two methods, `begin` and `advance`; curves, early stopping, outcomes and checkpoints
    are those of the loop, `minimize`. Both methods work on a *state*: a dictionary of tensors whose
    first dimension is the start, so that finished starts can be dropped and all of it written to a file. The loop
    gives and expects

    - ``points`` (n, P) and ``seed`` (n,); ``n_steps`` (n,) and ``n_evaluations`` (n,), to be counted up;
    - if the minimizer knows them: ``energy`` (n,) float64 at the points on the surface descended,
      ``gradient_norm`` (n,) and ``converged`` (n,) bool, true where nothing lower lies along the gradient.

    Everything else in a state is the minimizer's own. A row must depend on its own start and seed only.

    Attributes
    ----------
    epochs : int
        Largest number of epochs; what an epoch is, each minimizer says.
    gradient_tolerance : float
        A start has converged when its gradient norm, where known, is not above it.
    target_energy : float or None
        A start has converged when its energy is not above it.
    patience : int or None
        A start has converged after so many epochs without a new lowest energy on any surface.
    """

    epochs: Whole = 1000
    gradient_tolerance: NonNegative = 1e-9
    target_energy: Finite | None = None
    patience: Count | None = None

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What the database stores in its column `minimizer`, unless the user names the set."""

    @abc.abstractmethod
    def begin(self, landscape: Landscape, state: State) -> State:
        """Return the state before the first epoch; `state` has the four entries that the loop gives."""

    @abc.abstractmethod
    def advance(self, landscape: Landscape, state: State, epoch: int) -> State:
        """Return the state after epoch number `epoch`, counted from 0; no tensor of `state` is changed."""

    def minimize(
        self,
        landscape: Landscape,
        starts: ArrayLike | Tensor,
        *,
        seeds: Sequence[int] | None = None,
        checkpoint: str | Path | None = None,
        checkpoint_every: int = 50,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Minimization, ...]:
        """Return what the function `elsuite.minimizers.minimize` returns for this minimizer.

        Examples
        --------
        >>> from elsuite.landscapes import SixHumpCamel
        >>> from elsuite.minimizers import LBFGSGSS
        >>> result, = LBFGSGSS().minimize(SixHumpCamel(), [[0.5, -0.5]])
        >>> print(result.outcome, round(result.solutions[0].energies["energy"], 8))
        converged -1.03162845
        """
        return minimize(
            landscape,
            self,
            starts,
            seeds=seeds,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            progress=progress,
        )


def minimize(
    landscape: Landscape,
    minimizer: Minimizer,
    starts: ArrayLike | Tensor,
    *,
    seeds: Sequence[int] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 50,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Minimization, ...]:
    """Return one minimization for each start, on the surface that `landscape` shows.

    After every epoch the energies on all surfaces are recorded, and for each surface the lowest point of its curve is
    kept (early stopping). A start that converges, diverges or gives no number leaves the batch; the others go on. It
    has diverged when its energy is infinite, or above the start's by more than 1,000 times the larger of 1 and the
    start's absolute energy.

    Parameters
    ----------
    starts : array (n_starts, n_parameters)
    seeds : sequence of int, optional
        Not negative, one for each start: of the minimizer's own randomness. By default 0, 1, 2, ...
    checkpoint : path, optional
        File that the state is written to every `checkpoint_every` epochs, at an interrupt and at the end. A call that
        finds it there goes on from it and gives, bit for bit, the result of an undisturbed one.
    progress : callable, optional
        Called after each epoch with the number of epochs done and `minimizer.epochs`.

    Raises
    ------
    ValueError
        For starts of a wrong shape, seeds that do not fit the starts, and a checkpoint of another minimization.
    KeyboardInterrupt
        When interrupted, once the checkpoint is written.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> from elsuite.minimizers import LBFGSGSS
    >>> result, = minimize(SixHumpCamel(), LBFGSGSS(), [[0.5, -0.5]])
    >>> print(result.outcome, round(result.solutions[0].energies["energy"], 8))
    converged -1.03162845
    """
    points = to_tensor(starts, dtype=landscape.dtype, device=landscape.device)
    numbers = _checked_seeds(landscape, points, seeds)
    given = {
        "points": points.clone(),
        "seed": torch.as_tensor(numbers),
        "n_steps": torch.zeros(len(points), dtype=torch.int64),
        "n_evaluations": torch.zeros(len(points), dtype=torch.float64),
    }
    state = minimizer.begin(landscape, given)
    record = first_record(state, _energies(landscape, state), numbers)
    record = with_finished(record, _terminations(minimizer, landscape, record))
    file = None if checkpoint is None else Path(checkpoint)
    if file is not None and file.exists():
        record = read_checkpoint(file, record, minimizer, landscape, points)
    saved = record.epoch
    try:
        while record.active.size:
            record = _advanced(minimizer, landscape, record)
            due = record.epoch >= saved + checkpoint_every or not record.active.size
            if file is not None and due:
                write_checkpoint(file, record, minimizer, landscape, points)
                saved = record.epoch
            if progress is not None:
                progress(record.epoch, minimizer.epochs)
    except KeyboardInterrupt:
        if file is not None:
            write_checkpoint(file, record, minimizer, landscape, points)
        raise
    return minimizations(record, landscape)


def _checked_seeds(landscape: Landscape, starts: Tensor, seeds: Sequence[int] | None) -> Ids:
    if starts.ndim != 2 or starts.shape[1] != landscape.n_parameters:
        raise ValueError(
            f"starts: given an array of shape {tuple(starts.shape)}, allowed: (n_starts, {landscape.n_parameters})"
        )
    seeds = range(len(starts)) if seeds is None else seeds
    if len(seeds) != len(starts) or any(seed < 0 for seed in seeds):
        raise ValueError(f"seeds: given {list(seeds)}, allowed: {len(starts)} integers, none negative")
    return np.array(seeds, dtype=np.int64)


def _advanced(minimizer: Minimizer, landscape: Landscape, record: Record) -> Record:
    began = time.perf_counter()
    state = minimizer.advance(landscape, record.state, record.epoch)
    energies = _energies(landscape, state)
    record = with_epoch(record, state, energies, time.perf_counter() - began)
    return with_finished(record, _terminations(minimizer, landscape, record))


def _energies(landscape: Landscape, state: State) -> Floats:
    """Return the energies (n_active, S) on all surfaces; the minimizer's own one is taken as it is."""
    columns = [
        state["energy"]
        if name == landscape.surface and "energy" in state
        else landscape.on(name).energy(state["points"])
        for name in landscape.surfaces
    ]
    return torch.stack([column.double().cpu() for column in columns], dim=1).numpy()


def _terminations(minimizer: Minimizer, landscape: Landscape, record: Record) -> dict[int, tuple[Outcome, str]]:
    """Return how and why starts end now, by their place among the active ones: the first rule that holds decides."""
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
    ends: list[tuple[Mask, Outcome, Callable[[int], str]]] = [
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
        (lowest >= patience, Outcome.CONVERGED, lambda k: f"no lower energy on any surface for {lowest[k]} epochs"),
        (np.full(n, epoch >= minimizer.epochs), Outcome.BUDGET_SPENT, lambda _: f"{epoch} epochs spent"),
    ]
    terminations: dict[int, tuple[Outcome, str]] = {}
    for mask, outcome, message in ends:
        for row in np.flatnonzero(mask).tolist():
            terminations.setdefault(row, (outcome, message(row)))
    return terminations
