"""Clusters of identical atoms."""

import functools
import json
import math
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Final, final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.typing import Floats
from elsuite.landscapes.analytic import AnalyticLandscape
from elsuite.landscapes.kernels import Kernel
from elsuite.symmetry.atoms import AtomSymmetry
from elsuite.symmetry.base import Symmetry

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

    @cached_property
    def symmetry(self) -> Symmetry:
        """Atoms all alike, free in space."""
        return AtomSymmetry((0,) * self.n_atoms)

    @cached_property
    def length_scale(self) -> float:
        """One: the pair's length is the unit."""
        return 1.0

    @property
    def radius(self) -> float:
        """Of the sphere that starts are drawn in."""
        return float(2 ** (1 / 6) * (1 + (3 * self.n_atoms / (4 * math.pi * math.sqrt(2))) ** (1 / 3)))

    @property
    def bounds(self) -> Floats:  # type: ignore[override]
        """The cube around the sphere of starts."""
        return np.array([[-self.radius], [self.radius]]) * np.ones(self.n_parameters)

    @property
    def minima(self) -> Floats:
        """All minima of up to 7 atoms, lowest first; empty above."""
        return np.array(_known_minima().get(str(self.n_atoms), [])).reshape(-1, self.n_parameters)

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

    def kernel(self) -> Kernel:
        """Return the sum over pairs as loops."""
        return Kernel(lennard_jones, np.array([1.0, 1.0]))

    def expansions(self, points: Tensor) -> tuple[Floats, Floats, Floats]:
        r"""Return energies, gradients and Hessians, written down: ten times quicker than autograd.

        With :math:`E = \sum f(s)`, s the squared distance of a pair and d its difference, a pair gives the block

        .. math:: K = 2 f'(s) + 4 f''(s)\, d\, d^T

        to both atoms' diagonal, and -K beside it.
        """
        n_points, size = points.shape
        atoms = points.detach().cpu().numpy().astype(np.float64).reshape(n_points, self.n_atoms, 3)
        differences = atoms[:, :, None] - atoms[:, None]
        squares = (differences**2).sum(axis=-1)
        own = np.arange(self.n_atoms)
        squares[:, own, own] = np.inf
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # atoms at one place: not a number
            inverse = 1 / squares
            cube = inverse**3
            energies = 2 * (cube * (cube - 1)).sum(axis=(1, 2))
            slopes = 2 * 4 * cube * inverse * (3 - 6 * cube)
            bends = 4 * 4 * cube * inverse**2 * (42 * cube - 12)
            gradients = (slopes[..., None] * differences).sum(axis=2)
            blocks = bends[..., None, None] * differences[..., :, None] * differences[..., None, :]
            blocks += slopes[..., None, None] * np.eye(3)
            own_blocks = blocks.sum(axis=2)
        hessians = -blocks
        hessians[:, own, own] = own_blocks
        hessians = hessians.transpose(0, 1, 3, 2, 4).reshape(n_points, size, size)
        return energies, gradients.reshape(n_points, size), hessians

    def _differences(self, points: Tensor) -> Tensor:
        """Return the differences of all pairs, shape (n_points, 3, n_pairs)."""
        axes = points.view(-1, self.n_atoms, 3).transpose(1, 2).reshape(-1, self.n_atoms)
        return (axes @ self._pairs.T).view(len(points), 3, len(self._pairs))

    def initial_points(self, seeds: list[int]) -> Tensor:
        """Return one cluster for each seed, atoms uniform in the sphere but not too near each other."""
        points = torch.empty(len(seeds), self.n_atoms, 3, dtype=self.dtype)
        for atoms, seed in zip(points, seeds, strict=True):
            generator = torch.Generator().manual_seed(int(seed))
            placed = 0
            while placed < self.n_atoms:
                place = self.radius * (2 * torch.rand(3, generator=generator, dtype=self.dtype) - 1)
                apart = (atoms[:placed] - place).norm(dim=1)
                if bool(place.norm() <= self.radius) and not bool((apart < _NEAREST).any()):
                    atoms[placed] = place
                    placed += 1
        return points.flatten(1)


def lennard_jones(x: Floats, gradient: Floats, parameters: Floats) -> float:
    """Return the energy of atoms in space that all attract each other, and fill the gradient.

    `parameters` are the depth and the length of a pair.

    Examples
    --------
    >>> gradient = np.empty(6)
    >>> float(lennard_jones(np.array([0.0, 0, 0, 2, 0, 0]), gradient, np.array([3.0, 2.0]))), gradient
    (0.0, array([ 36., 0., 0., -36., 0., 0.]))
    """
    depth, square = parameters[0], parameters[1] * parameters[1]
    energy = 0.0
    gradient[:] = 0.0
    for i in range(0, len(x), 3):
        a, b, c = x[i], x[i + 1], x[i + 2]
        at, bt, ct = 0.0, 0.0, 0.0
        for j in range(0, i, 3):
            u, v, w = a - x[j], b - x[j + 1], c - x[j + 2]
            inverse = square / (u * u + v * v + w * w)
            cube = inverse * inverse * inverse
            energy += cube * (cube - 1.0)
            slope = cube * (1.0 - 2.0 * cube) * inverse
            at += slope * u
            bt += slope * v
            ct += slope * w
            gradient[j] -= slope * u
            gradient[j + 1] -= slope * v
            gradient[j + 2] -= slope * w
        gradient[i] += at
        gradient[i + 1] += bt
        gradient[i + 2] += ct
    gradient *= 24.0 * depth / square
    total: float = 4.0 * depth * energy
    return total


@functools.cache
def _known_minima() -> dict[str, list[list[list[float]]]]:
    """Return for each number of atoms all minima that 300 random starts led to, with gradients under 1e-10."""
    text = (files("elsuite.landscapes") / "lennard_jones.json").read_text()
    minima: dict[str, list[list[list[float]]]] = json.loads(text)
    return minima
