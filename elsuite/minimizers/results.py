"""What a minimization returns: `Minimization` with its `Solution`s."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elsuite.core.outcomes import Outcome


@dataclass(frozen=True)
class Solution:
    """The point of one minimization at which the curve of one surface was lowest.

    Attributes
    ----------
    stopping : str
        The surface whose curve chose this point (early stopping).
    energies : dict of str to float
        Energy on every surface of the landscape.
    gradient_norm : float
        Euclidean norm of the gradient on the surface that was descended.
    epoch : int
        Index into the curves; of equally low points the first.
    """

    stopping: str
    coordinates: NDArray[np.floating]
    energies: dict[str, float]
    gradient_norm: float
    epoch: int


@dataclass(frozen=True)
class Minimization:
    """One optimization from one start.

    Attributes
    ----------
    seed : int
        Of the start and of the minimizer's own randomness.
    solutions : tuple of Solution
        One for each surface whose curve has a finite value; empty when there is none.
    curves : dict of str to ndarray (n_epochs + 1,)
        Energy on every surface before the first epoch and after each; what an epoch is, the minimizer says.
    n_steps : int
        Updates of the point.
    n_evaluations : float
        Energies and gradients that the descent took, each counted once, in units of one full data set at one
        point; the curves of further surfaces are not counted.
    seconds : float
        Wall time of this start's share of the batch.
    """

    seed: int
    solutions: tuple[Solution, ...]
    curves: dict[str, NDArray[np.float64]]
    outcome: Outcome
    message: str
    n_steps: int
    n_evaluations: float
    seconds: float
