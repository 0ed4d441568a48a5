"""What a minimizer is (`Minimizer`), and the loop of all: epochs, early stopping, checkpoints (`minimize`)."""

import abc
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.core.settings import Count, Finite, NonNegative, Whole, settings
from elsuite.core.typing import Floats, Ids, Mask
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.conversion import norms, to_tensor
from elsuite.minimizers.checkpoint import read_checkpoint, write_checkpoint
from elsuite.minimizers.record import Record, first_record, minimizations, with_epoch, with_finished
from elsuite.minimizers.results import Minimization
from elsuite.minimizers.scales import (
    FAR,
    at_rounding,
    gradient_scales,
    secant_curvatures,
    slopes_nearby,
    typical_energy,
    typical_slope,
)

State = dict[str, Tensor]

_DIVERGED = 1e3  # in units of the larger of |energy at the start| and |energies| at the landscape's fixed points


@settings
class Minimizer(abc.ABC):
    """Descends from many starts at once. Minimizers are frozen dataclasses: their settings are their fields.

    A new one has a `name` and two methods, `begin` and `advance`; curves, early stopping, outcomes and checkpoints
    are those of the loop, `minimize`. Both methods work on a *state*: a dictionary of tensors whose
    first dimension is the start, so that finished starts can be dropped and all of it written to a file. The loop
    gives and expects

    - ``points`` (n, P) and ``seed`` (n,); ``n_steps`` (n,) and ``n_evaluations`` (n,), to be counted up;
    - if the minimizer knows them: ``energy`` (n,) float64 at the points on the surface descended, ``gradient`` (n, P)
      there and ``gradient_norm`` (n,) float64; ``stuck`` (n,) bool, true where no lower energy was found along the
      gradient; ``converged`` (n,) bool, where it says so itself.

    Everything else in a state is the minimizer's own. A row must depend on its own start and seed only. In float64 it
    then does to the last bit; in float32 products of matrices are rounded otherwise in batches of other sizes, and a
    descent of many epochs amplifies that: the same start, alone and among others, can end a few thousandths apart.

    Attributes
    ----------
    epochs : int
        Largest number of epochs; what an epoch is, each minimizer says.
    gradient_tolerance : float
        A start has converged when its gradient norm, where known, is not above this times a gradient norm of the
        landscape's own. Over data that is the median at the landscape's three fixed random points; elsewhere the
        curvature along the last step times the landscape's length scale, so that 1e-9 foretells a minimum 1e-9
        length scales away. Units of energy and length, and where the origin lies, play no part.
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
    kept (early stopping). A start that converges, diverges or gives no number leaves the batch; the others go on.

    It has converged when its gradient is small (see `Minimizer`), it reaches a target or runs out of patience. Where a
    line search finds nothing lower it has converged if what is lower by the gradient and the curvature along it hides
    under the rounding of energies or coordinates, and lies within a thousandth of the length scale: with a constant of
    up to 1e9 energy ranges added, it does. Else it is "stalled", and says how large its gradient is. It has diverged
    when its energy is infinite, above the start's by more than 1,000 times the largest of the absolute energies at the
    start and at the landscape's fixed points, or when it is 1e8 length scales away from its start.

    A gradient that vanishes at the start is as good as any: a saddle is not told from a minimum, except by the message,
    which says that the start was stationary; `elsuite.stationary.classify_stationary_point` tells. Where neither the
    gradient nor its change nearby is other than zero, on a plateau, the outcome is "degenerate".

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
    if "gradient" in state:
        state = state | {"curvature": torch.zeros(len(points), dtype=torch.float64)}
    rules = _Rules(minimizer, landscape, points)
    record = first_record(state, _energies(landscape, state), numbers)
    record = with_finished(record, rules.terminations(record))
    file = None if checkpoint is None else Path(checkpoint)
    if file is not None and file.exists():
        record = read_checkpoint(file, record, minimizer, landscape, points)
    saved = record.epoch
    try:
        while record.active.size:
            record = _advanced(rules, record)
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


def _advanced(rules: "_Rules", record: Record) -> Record:
    began = time.perf_counter()
    state = rules.minimizer.advance(rules.landscape, record.state, record.epoch)
    if "gradient" in state:
        state = state | {"curvature": secant_curvatures(record.state, state)}
    energies = _energies(rules.landscape, state)
    record = with_epoch(record, state, energies, time.perf_counter() - began)
    return with_finished(record, rules.terminations(record))


def _energies(landscape: Landscape, state: State) -> Floats:
    """Return the energies (n_active, S) on all surfaces; the minimizer's own one is taken as it is."""
    columns = [
        state["energy"]
        if name == landscape.surface and "energy" in state
        else landscape.on(name).energy(state["points"])
        for name in landscape.surfaces
    ]
    return torch.stack([column.double().cpu() for column in columns], dim=1).numpy()


class _Rules:
    """How and why starts end; what the landscape is measured by is computed once, when it is first needed."""

    def __init__(self, minimizer: Minimizer, landscape: Landscape, starts: Tensor) -> None:
        self.minimizer, self.landscape, self.starts = minimizer, landscape, starts

    @cached_property
    def slope(self) -> float:
        """The landscape's own gradient norm."""
        return typical_slope(self.landscape)

    @cached_property
    def energy(self) -> float:
        """The landscape's own energy."""
        return typical_energy(self.landscape)

    def terminations(self, record: Record) -> dict[int, tuple[Outcome, str]]:
        """Return how and why starts end now, by their place among the active ones: the first that holds decides."""
        n, state, epoch, minimizer = record.active.size, record.state, record.epoch, self.minimizer
        curve = record.curves[record.active, self.landscape.surfaces.index(self.landscape.surface)]
        first, energy = curve[:, 0], curve[:, epoch]
        norm = state["gradient_norm"].double().cpu().numpy() if "gradient_norm" in state else None
        size = np.full(n, np.inf) if norm is None else norm
        lowest = epoch - record.best_epochs[record.active].max(axis=1)
        stuck, converged = (_mask(state, name) for name in ("stuck", "converged"))
        hidden = self.at_rounding(state, stuck)
        target = -np.inf if minimizer.target_energy is None else minimizer.target_energy
        patience = np.inf if minimizer.patience is None else minimizer.patience
        at_start = " at the start: a minimum, or another stationary point" if epoch == 0 else ""
        ends: list[tuple[Mask, Outcome, Callable[[int], str]]] = [
            (np.isnan(energy), Outcome.NOT_A_NUMBER, lambda _: f"energy not a number after epoch {epoch}"),
            (
                self.diverged(record, first, energy),
                Outcome.DIVERGED,
                lambda k: f"energy {energy[k]:.4g}, {first[k]:.4g} at the start",
            ),
            (
                np.zeros(n, dtype=bool) if norm is None else ~np.isfinite(norm),
                Outcome.NOT_A_NUMBER,
                lambda _: f"gradient not finite after epoch {epoch}",
            ),
            (self.on_plateau(state, size), Outcome.DEGENERATE, lambda _: "neither gradient nor curvature: a plateau"),
            (
                self.stationary(state, size),
                Outcome.CONVERGED,
                lambda k: f"gradient norm {size[k]:.2g} within the tolerance{at_start}",
            ),
            (energy <= target, Outcome.CONVERGED, lambda k: f"energy {energy[k]:.6g} reaches the target"),
            (
                hidden,
                Outcome.CONVERGED,
                lambda k: f"no lower point along the gradient: what is lower is under rounding, norm {size[k]:.2g}",
            ),
            (converged, Outcome.CONVERGED, lambda _: "no lower point along the gradient"),
            (stuck, Outcome.STALLED, lambda k: f"no lower point along the gradient, whose norm is {size[k]:.3g}"),
            (lowest >= patience, Outcome.CONVERGED, lambda k: f"no lower energy on any surface for {lowest[k]} epochs"),
            (np.full(n, epoch >= minimizer.epochs), Outcome.BUDGET_SPENT, lambda _: f"{epoch} epochs spent"),
        ]
        found: dict[int, tuple[Outcome, str]] = {}
        for mask, outcome, message in ends:
            for row in np.flatnonzero(mask).tolist():
                found.setdefault(row, (outcome, message(row)))
        return found

    def stationary(self, state: State, size: Floats) -> Mask:
        """Return whose gradient is small. Where that is not known, after no step, only no gradient at all is."""
        tolerance, landscape = self.minimizer.gradient_tolerance, self.landscape
        if not np.isfinite(size).any() or not tolerance:
            return np.asarray(size == 0)
        if "curvature" not in state or isinstance(landscape, DataLandscape):
            return np.asarray(size <= tolerance * np.nan_to_num(self.slope))
        small = size <= tolerance * landscape.length_scale * state["curvature"].cpu().numpy()
        doubted = small & (size > 0)
        if doubted.any():  # the last step may have begun where all was steeper
            small[doubted] = size[doubted] <= tolerance * gradient_scales(landscape, _rows(state, doubted))
        return np.asarray(small)

    def on_plateau(self, state: State, size: Floats) -> Mask:
        """Return which starts are where nothing changes; a mean over samples may be as low as numbers can say."""
        level = size == 0
        if level.any() and not isinstance(self.landscape, DataLandscape):
            level[level] = slopes_nearby(self.landscape, _rows(state, level))[2] == 0
            return np.asarray(level)
        return np.zeros_like(level)

    def diverged(self, record: Record, first: Floats, energy: Floats) -> Mask:
        """Return which starts have run away, upwards, downwards or off."""
        with np.errstate(invalid="ignore"):
            rises = energy - first > _DIVERGED * np.abs(first)
            if rises.any():
                rises &= energy - first > _DIVERGED * self.energy
        moved = norms(record.state["points"] - self.starts[record.active]).cpu().numpy()
        return np.asarray(np.isinf(energy) | rises | (moved > FAR * self.landscape.length_scale))

    def at_rounding(self, state: State, stuck: Mask) -> Mask:
        """Return which of the starts that are stuck are as near to a minimum as numbers allow."""
        result = np.zeros(len(stuck), dtype=bool)
        if stuck.any():
            result[stuck] = at_rounding(self.landscape, _rows(state, stuck), self.slope)
        return result


def _rows(state: State, rows: Mask) -> Tensor:
    """Return the points of some starts."""
    return state["points"][torch.from_numpy(rows)]


def _mask(state: State, name: str) -> Mask:
    """Return an entry of the state that says yes or no, no where it is not there."""
    return state[name].cpu().numpy() if name in state else np.zeros(len(state["points"]), dtype=bool)
