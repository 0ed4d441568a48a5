"""What a minimizer is (`Minimizer`), what it returns (`Minimization`) and how it can end (`Outcome`)."""

import abc
from collections.abc import Callable, Sequence
from pathlib import Path

from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.settings import Count, Finite, NonNegative, Whole, settings
from elsuite.landscapes.base import Landscape
from elsuite.minimizers.minimize import State, minimize
from elsuite.minimizers.results import Minimization


@settings
class Minimizer(abc.ABC):
    """Descends from many starts at once. Minimizers are frozen dataclasses: their settings are their fields.

    A new one has a `name` and two methods, `begin` and `advance`; curves, early stopping, outcomes and checkpoints
    are those of the loop, `elsuite.minimizers.minimize`. Both methods work on a *state*: a dictionary of tensors whose
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
