"""What a minimizer is (`Minimizer`), what it returns (`Minimization`) and how it can end (`Outcome`)."""

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.landscapes.base import Landscape
from elsuite.minimizers.minimize import drive
from elsuite.minimizers.results import Minimization, Solution
from elsuite.minimizers.settings import setting

__all__ = ["Minimization", "Minimizer", "Outcome", "Solution", "State"]

State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Minimizer(abc.ABC):
    """Descends from many starts at once. Minimizers are frozen dataclasses: their settings are their fields.

    A new one has a `name` and two methods, `begin` and `advance`; curves, early stopping, outcomes and
    checkpoints are the driver's. Both methods work on a *state*: a dictionary of tensors whose first dimension is
    the start, so that finished starts can be dropped and all of it written to a file. The driver gives and expects

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

    epochs: int = setting(1000, least=0)
    gradient_tolerance: float = setting(1e-9, least=0)
    target_energy: float | None = None
    patience: int | None = setting(None, least=1)

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What the database stores in its column `minimizer`, unless the user names the set."""

    @abc.abstractmethod
    def begin(self, landscape: Landscape, state: State) -> State:
        """Return the state before the first epoch; `state` has the four entries that the driver gives."""

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
        """Return one minimization for each start, on the surface that `landscape` shows.

        After every epoch the energies on all surfaces are recorded, and for each surface the lowest point of
        its curve is kept (early stopping). A start that converges, diverges or gives no number leaves the batch;
        the others go on. It has diverged when its energy is infinite, or above the start's by more than 1,000
        times the larger of 1 and the start's absolute energy.

        Parameters
        ----------
        starts : array (n_starts, n_parameters)
        seeds : sequence of int, optional
            Not negative, one for each start: of the minimizer's own randomness. By default 0, 1, 2, ...
        checkpoint : path, optional
            File that the state is written to every `checkpoint_every` epochs, at an interrupt and at the end.
            A call that finds it there goes on from it and gives, bit for bit, the result of an undisturbed one.
        progress : callable, optional
            Called after each epoch with the number of epochs done and `epochs`.

        Notes
        -----
        Raises ValueError for starts of a wrong shape, for seeds that do not fit the starts, and for a checkpoint
        of another minimization.

        Examples
        --------
        >>> from elsuite.landscapes import SixHumpCamel
        >>> from elsuite.minimizers import LBFGSGSS
        >>> result, = LBFGSGSS().minimize(SixHumpCamel(), [[0.5, -0.5]])
        >>> print(result.outcome, round(result.solutions[0].energies["energy"], 8))
        converged -1.03162845
        """
        points = torch.as_tensor(starts).to(landscape.device, landscape.dtype)
        return drive(
            self,
            landscape,
            points,
            seeds=range(len(points)) if seeds is None else seeds,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            checkpoint_every=checkpoint_every,
            progress=progress,
        )
