"""Clusters of identical atoms."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from elsuite.landscapes.analytic import AnalyticLandscape
from elsuite.landscapes.cluster_minima import LENNARD_JONES_MINIMA

__all__ = ["LennardJones"]

Array = NDArray[np.float64]

# Two atoms nearer than this give energies that minimizers choke on.
_NEAREST: Final = 0.8


@final
@dataclass(frozen=True)
class LennardJones(AnalyticLandscape):
    r"""A free cluster of atoms that attract each other in pairs, in units of the pair's depth and length.

    .. math:: E(r) = 4 \sum_{i<j} (r_{ij}^{-12} - r_{ij}^{-6})

    A point is the coordinates (n_atoms, 3) in a row. The energy does not change in six directions, three
    translations and three rotations (two for two atoms). The minima of up to 7 atoms are known, each isomer once.
    Starts are atoms drawn in a sphere one pair distance wider than the atoms packed closely, no two
    nearer than 0.8.

    Parameters
    ----------
    n_atoms : int
        Two at least.

    Raises
    ------
    ValueError
        Fewer than two atoms.

    Examples
    --------
    >>> LennardJones(6).minimum_energies.round(6)
    array([-12.712062, -12.302928])
    """

    n_atoms: int = 7

    def __post_init__(self) -> None:
        if self.n_atoms < 2:
            raise ValueError(f"n_atoms = {self.n_atoms} given; 2 or more are expected")

    @property
    def n_parameters(self) -> int:  # type: ignore[override]
        """Three coordinates an atom."""
        return 3 * self.n_atoms

    @property
    def n_zero_modes(self) -> int:  # type: ignore[override]
        """Six; five for two atoms."""
        return 5 if self.n_atoms == 2 else 6

    @property
    def radius(self) -> float:
        """Of the sphere that starts are drawn in."""
        return float(2 ** (1 / 6) * (1 + (3 * self.n_atoms / (4 * math.pi * math.sqrt(2))) ** (1 / 3)))

    @property
    def bounds(self) -> Array:  # type: ignore[override]
        """The cube around the sphere of starts."""
        return np.array([[-self.radius], [self.radius]]) * np.ones(self.n_parameters)

    @property
    def minima(self) -> Array:  # type: ignore[override]
        """All minima of up to 7 atoms, lowest first; empty above."""
        return np.array(LENNARD_JONES_MINIMA.get(self.n_atoms, [])).reshape(-1, self.n_parameters)

    @property
    def transition_states(self) -> Array:  # type: ignore[override]
        """None are listed."""
        return np.empty((0, self.n_parameters))

    @cached_property
    def _pairs(self) -> Tensor:
        """The matrix (n_pairs, n_atoms) that takes atoms to their differences."""
        first, second = torch.triu_indices(self.n_atoms, self.n_atoms, 1)
        one = torch.eye(self.n_atoms, dtype=self.dtype)
        return one[first] - one[second]

    def formula(self, points: Tensor) -> Tensor:
        """Return the sum over pairs."""
        inverse = self._differences(points).square().sum(1).reciprocal() ** 3
        return 4 * (inverse * (inverse - 1)).sum(-1)

    def energy_and_gradient(self, points: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
        """Return the energies and gradients, written down: three times quicker than autograd."""
        with torch.no_grad():
            differences = self._differences(self.checked(points))
            inverse_square = differences.square().sum(1).reciprocal()
            inverse = inverse_square**3
            energies = 4 * (inverse * (inverse - 1)).sum(-1)
            slopes = -48 * inverse * (inverse - 0.5) * inverse_square
            forces = (slopes[:, None] * differences).flatten(0, 1) @ self._pairs
            return energies, forces.view(-1, 3, self.n_atoms).transpose(1, 2).flatten(1)

    def _differences(self, points: Tensor) -> Tensor:
        """Return the differences of all pairs, shape (n_points, 3, n_pairs)."""
        axes = points.view(-1, self.n_atoms, 3).transpose(1, 2).reshape(-1, self.n_atoms)
        return (axes @ self._pairs.T).view(len(points), 3, len(self._pairs))

    def initial_points(self, seeds: list[int]) -> Tensor:
        """Return one cluster for each seed, atoms uniform in the sphere but not too near each other."""
        points = torch.empty(len(seeds), self.n_atoms, 3, dtype=self.dtype)
        for atoms, seed in zip(points, seeds, strict=True):
            generator = torch.Generator().manual_seed(int(seed))
            for k in range(self.n_atoms):
                atoms[k] = self._free_place(atoms[:k], generator)
        return points.flatten(1)

    def _free_place(self, atoms: Tensor, generator: torch.Generator) -> Tensor:
        while True:
            place = self.radius * (2 * torch.rand(3, generator=generator, dtype=self.dtype) - 1)
            inside = bool(place.norm() <= self.radius)
            if inside and not bool(((atoms - place).norm(dim=1) < _NEAREST).any()):
                return place
