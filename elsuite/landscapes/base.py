"""The interface of everything that can be explored: `Landscape`, and `DataLandscape` over a data set."""

import abc
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from elsuite.symmetry.base import NoSymmetry

__all__ = ["DataLandscape", "Landscape"]


class Landscape(abc.ABC):
    """An energy as a function of parameters, always evaluated for a batch of points.

    A landscape shows one of its named *surfaces* at a time: `energy` is the energy on `surface`, and
    `on(name)` gives the same landscape showing another one. A physical landscape has the one surface
    ``"energy"``; a network's loss has ``"train"`` and, with test data, ``"test"``. The first of `surfaces` is
    the one that minimizers descend.

    Attributes
    ----------
    n_parameters : int
        Number of parameters P of a point.
    surfaces : tuple of str
        Names of all surfaces.
    surface : str
        Name of the surface shown.
    dtype, device : torch.dtype, torch.device
        Where points live; `energy` always returns float64.
    n_zero_modes : int
        Directions in which the energy never changes (rotations and translations of a cluster).

    Notes
    -----
    `energy` is differentiable by autograd, twice at least, when `points` require a gradient: curvature comes
    from there. `energy_and_gradient` returns detached values and is what bulk work calls.
    """

    n_parameters: int
    surfaces: tuple[str, ...]
    surface: str
    dtype: torch.dtype
    device: torch.device
    n_zero_modes: int = 0

    @cached_property
    def symmetry(self) -> Any:
        """Which points are one; by default each is equal to itself only."""
        return NoSymmetry(self.n_parameters)

    @abc.abstractmethod
    def energy(self, points: Tensor) -> Tensor:
        """Return the energies, shape (n_points,) float64, at `points`, shape (n_points, P)."""

    @abc.abstractmethod
    def energy_and_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the energies, shape (n_points,), and gradients, shape (n_points, P), at `points`."""

    @abc.abstractmethod
    def on(self, surface: str) -> Self:
        """Return this landscape showing `surface`; raises ValueError that names the surfaces there are."""

    @abc.abstractmethod
    def initial_points(self, seeds: list[int]) -> Tensor:
        """Return one random start for each seed, shape (n_seeds, P); a start depends on its own seed only."""


class DataLandscape(Landscape):
    """A landscape whose energy is a mean over samples.

    Attributes
    ----------
    n_samples : int
        Number of samples of the surface shown.
    """

    n_samples: int

    @abc.abstractmethod
    def minibatch(self, indices: Tensor) -> Landscape:
        """Return the landscape of the mean over some samples of the surface shown.

        `indices` of shape (batch,) are common to all points; of shape (n_points, batch), point k has row k.
        """
