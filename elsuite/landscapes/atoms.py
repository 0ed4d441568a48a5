"""What landscapes of atoms share: species, cells, random starts (`Atoms`), and sums over pairs (`PairLandscape`)."""

import abc
import itertools
import math
from functools import cached_property
from typing import Final, final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.typing import Floats, Ids
from elsuite.landscapes.analytic import AnalyticLandscape
from elsuite.symmetry.atoms import AtomSymmetry
from elsuite.symmetry.base import Symmetry
from elsuite.symmetry.lattices import lattice_operations

Rows = tuple[tuple[float, ...], ...]
"""Lattice vectors."""

TRIES: Final = 1000
"""An atom for which so many random places are too near to others is placed a little nearer."""


class Atoms(AnalyticLandscape):
    """Atoms of some species, free in space or in the plane, or in a cell that repeats; a point is their coordinates.

    Attributes
    ----------
    species : tuple
        One name an atom; atoms of the same are exchanged by the symmetry.
    dimension : int
        3, or 2 in the plane.
    cell : tuple of rows, optional
        Lattice vectors of a cell that stays as it is; every atom then meets the nearest image of every other.
    mirrored : bool
        Whether a mirror image is the same point.
    turned : bool
        Of a cell: whether copies turned by the operations of its lattice are the same point, up to 48 of a cube.
        Without a cell all turned copies are.
    """

    species: tuple[int | str, ...]
    dimension: int
    cell: Rows | None
    mirrored: bool
    turned: bool = True
    nearest_starts: float
    """In random starts no atoms are nearer to each other than so many contact distances."""

    @property
    @abc.abstractmethod
    def contacts(self) -> Floats:
        """Distances at which the atoms of pairs are in contact, shape (n_atoms, n_atoms)."""

    @property
    def n_parameters(self) -> int:  # type: ignore[override]
        """The dimension times the number of atoms."""
        return self.dimension * len(self.species)

    @cached_property
    def symmetry(self) -> Symmetry:
        """Like atoms exchanged, the whole moved and, without a cell, turned."""
        names = tuple(dict.fromkeys(self.species))
        kinds = tuple(names.index(name) for name in self.species) if len(names) == 1 else self.species
        operations = None
        if self.cell is not None and self.turned:
            operations = lattice_operations(self.cell, proper=not self.mirrored)
        free = self.cell is None
        return AtomSymmetry(
            kinds, self.dimension, turned=free, mirrored=self.mirrored, cell=self.cell, operations=operations
        )

    @property
    def radius(self) -> float:
        """Of the sphere, the disc in the plane, that starts are drawn in: one contact wider than close packing."""
        return packed_radius(len(self.species), self.dimension, float(self.contacts.max()))

    @property
    def bounds(self) -> Floats:  # type: ignore[override]
        """The cube around all starts."""
        if self.cell is None:
            return np.array([[-self.radius], [self.radius]]) * np.ones(self.n_parameters)
        corners = np.array(list(itertools.product((0, 1), repeat=self.dimension))) @ np.array(self.cell)
        return np.tile(np.stack([corners.min(axis=0), corners.max(axis=0)]), len(self.species))

    @final
    def initial_points(self, seeds: list[int]) -> Tensor:
        """Return random atoms for each seed, in the sphere or the cell, none too near to another."""
        points = torch.empty(len(seeds), len(self.species), self.dimension, dtype=self.dtype)
        nearest = torch.from_numpy(self.nearest_starts * self.contacts)
        for atoms, seed in zip(points, seeds, strict=True):
            atoms[:] = random_atoms(seed, self.dimension, nearest, radius=self.radius, cell=self.cell)
        return points.flatten(1)


def packed_radius(n_atoms: int, dimension: int, contact: float) -> float:
    """Return the radius of so many atoms packed closely, and one contact more.

    Examples
    --------
    >>> round(packed_radius(13, 3, 1.0), 3)
    2.3
    """
    if dimension == 2:
        return contact * (1 + math.sqrt(n_atoms * math.sqrt(3) / (2 * math.pi)))
    return float(contact * (1 + (3 * n_atoms / (4 * math.pi * math.sqrt(2))) ** (1 / 3)))


def random_atoms(seed: int, dimension: int, nearest: Tensor, *, radius: float, cell: Rows | None = None) -> Tensor:
    """Return atoms, shape (n_atoms, dimension), uniform in a sphere around the origin, or in a cell.

    Parameters
    ----------
    nearest : Tensor (n_atoms, n_atoms)
        Pairs are at least so far apart; where there is no room, a little less.

    Examples
    --------
    >>> atoms = random_atoms(0, 3, torch.full((5, 5), 0.8, dtype=torch.float64), radius=2.0)
    >>> bool(torch.nn.functional.pdist(atoms).min() >= 0.8), bool(atoms.norm(dim=1).max() <= 2)
    (True, True)
    """
    generator = torch.Generator().manual_seed(int(seed))
    atoms = torch.empty(len(nearest), dimension, dtype=torch.float64)
    rows = None if cell is None else torch.tensor(cell, dtype=torch.float64)
    placed, tried, room = 0, 0, 1.0
    while placed < len(atoms):
        fractions = torch.rand(dimension, generator=generator, dtype=torch.float64)
        place = radius * (2 * fractions - 1) if rows is None else fractions @ rows
        differences = atoms[:placed] - place
        if rows is not None:
            differences = shortest(differences, rows)
        near = (differences.norm(dim=1) < room * nearest[placed, :placed]).any()
        if not bool(near) and (rows is not None or bool(place.norm() <= radius)):
            atoms[placed] = place
            placed, tried = placed + 1, 0
        elif (tried := tried + 1) >= TRIES:
            room, tried = 0.95 * room, 0
    return atoms


def shortest(differences: Tensor, rows: Tensor) -> Tensor:
    """Return differences (..., d) of positions to the nearest image, right where it is nearer than half the cell.

    Examples
    --------
    >>> shortest(torch.tensor([[0.9, 0.2]]), torch.eye(2))
    tensor([[-0.1000,  0.2000]])
    """
    return differences - torch.round(differences @ torch.linalg.inv(rows)) @ rows


def cell_width(cell: ArrayLike) -> float:
    """Return the smallest distance between opposite faces of a cell: twice as far the nearest image is the one.

    Examples
    --------
    >>> cell_width([[2.0, 0.0], [1.0, 3.0]])
    1.897...
    """
    return float(1 / np.linalg.norm(np.linalg.inv(np.asarray(cell, dtype=np.float64)), axis=0).max())


def checked_cell(cell: object, dimension: int) -> Rows | None:
    """Return lattice vectors as rows of floats; a number is the side of a cube.

    Raises
    ------
    ValueError
        For anything but `dimension` independent rows or a positive number.

    Examples
    --------
    >>> checked_cell(2, 2)
    ((2.0, 0.0), (0.0, 2.0))
    """
    if cell is None:
        return None
    try:
        rows = np.asarray(cell, dtype=np.float64)
        rows = np.diag([float(rows)] * dimension) if rows.ndim == 0 else rows
        good = rows.shape == (dimension, dimension) and np.isfinite(rows).all()
        good = bool(good) and np.linalg.matrix_rank(rows) == dimension
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(f"cell {cell!r} given; {dimension} independent rows of {dimension} numbers are expected")
    return tuple(map(tuple, rows.tolist()))


class PairLandscape(Atoms):
    r"""Atoms whose energy is a sum over pairs, a function of their distances.

    .. math:: E = \sum_{i<j} f_{ij}(s_{ij}), \quad s = |x_i - x_j|^2

    With cutoffs, pairs farther apart count nothing, and nearer ones are shifted so that energy and force vanish there:
    :math:`f(s) - f(s_c) - (s - s_c) f'(s_c)`. Stoddard and Ford, Phys. Rev. A 8, 1504 (1973).
    """

    @abc.abstractmethod
    def pair_energies(self, squares: Tensor) -> Tensor:
        """Return f at squared distances (n, n_pairs), without a cutoff, by torch operations."""

    @abc.abstractmethod
    def pair_derivatives(self, squares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return f and its first and second derivative by s at squared distances (n, n_pairs), without a cutoff."""

    @property
    @abc.abstractmethod
    def cutoffs(self) -> Floats | None:
        """The cutoff distance of each pair, shape (n_pairs,); None: there is none."""

    @cached_property
    def pairs(self) -> tuple[Ids, Ids]:
        """First and second atom of each pair, shape (n_pairs,)."""
        first, second = np.triu_indices(len(self.species), 1)
        return first.astype(np.int64), second.astype(np.int64)

    @cached_property
    def _pairs(self) -> Tensor:
        """The matrix (n_pairs, n_atoms) that takes atoms to their differences."""
        first, second = map(torch.from_numpy, self.pairs)
        one = torch.eye(len(self.species), dtype=self.dtype)
        return one[first] - one[second]

    @cached_property
    def _shift(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Squared cutoffs of pairs, and f and its derivative there."""
        if self.cutoffs is None:
            return None
        ends = torch.from_numpy(self.cutoffs**2)
        values, slopes, _ = self.pair_derivatives(ends[None])
        return ends, values[0], slopes[0]

    def _differences(self, points: Tensor) -> Tensor:
        """Return the differences of all pairs, shape (n_points, dimension, n_pairs)."""
        n, d = len(self.species), self.dimension
        axes = points.view(-1, n, d).transpose(1, 2).reshape(-1, n)
        differences = (axes @ self._pairs.T).view(len(points), d, len(self._pairs))
        if self.cell is None:
            return differences
        rows = torch.tensor(self.cell, dtype=self.dtype)
        return shortest(differences.transpose(1, 2), rows).transpose(1, 2)

    def formula(self, points: Tensor) -> Tensor:
        """Return the sum over pairs."""
        squares = self._differences(points).square().sum(1)
        if self._shift is None:
            return self.pair_energies(squares).sum(-1)
        ends, values, slopes = self._shift
        # The function may be not a number far beyond its cutoff.
        inside = squares < ends
        near = torch.where(inside, squares, ends)
        shifted = self.pair_energies(near) - values - (near - ends) * slopes
        return torch.where(inside, shifted, torch.zeros_like(shifted)).sum(-1)

    def _derivatives(self, squares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the shifted f and its two derivatives."""
        if self._shift is None:
            return self.pair_derivatives(squares)
        ends, end_values, end_slopes = self._shift
        inside = squares < ends
        near = torch.where(inside, squares, ends)
        values, slopes, bends = self.pair_derivatives(near)
        zero = torch.zeros_like(squares)
        values = values - end_values - (near - ends) * end_slopes
        kept = [torch.where(inside, part, zero) for part in (values, slopes - end_slopes, bends)]
        return kept[0], kept[1], kept[2]

    @final
    def energy_and_gradient(self, points: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
        """Return the energies and gradients, written down: several times quicker than autograd."""
        with torch.no_grad():
            differences = self._differences(self.checked(points))
            values, slopes, _ = self._derivatives(differences.square().sum(1))
            forces = (2 * slopes[:, None] * differences).flatten(0, 1) @ self._pairs
            gradients = forces.view(-1, self.dimension, len(self.species)).transpose(1, 2).flatten(1)
            return values.sum(-1), gradients

    @final
    def expansions(self, points: Tensor) -> tuple[Floats, Floats, Floats]:
        r"""Return energies, gradients and Hessians, written down: many times quicker than autograd.

        With d the difference of a pair, a pair gives the block

        .. math:: K = 2 f'(s) + 4 f''(s)\, d\, d^T

        to both atoms' diagonal, and -K beside it.
        """
        n, n_points, size, d = len(self.species), *points.shape, self.dimension
        first, second = self.pairs
        with torch.no_grad():
            differences = self._differences(self.checked(points))
            parts = self._derivatives(differences.square().sum(1))
        values, slopes, bends = (part.numpy() for part in parts)
        apart = differences.numpy().transpose(0, 2, 1)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # atoms at one place: not a number
            forces = 2 * slopes[..., None] * apart
            blocks = (4 * bends[..., None] * apart)[..., :, None] * apart[..., None, :]
            blocks += 2 * slopes[..., None, None] * np.eye(d)
            between = np.zeros((n_points, n, n, d, d))
            between[:, first, second] = between[:, second, first] = -blocks
            between[:, np.arange(n), np.arange(n)] = -between.sum(axis=2)
            pulls = np.zeros((n_points, n, n, d))
            pulls[:, first, second], pulls[:, second, first] = forces, -forces
        hessians = between.transpose(0, 1, 3, 2, 4).reshape(n_points, size, size)
        return values.sum(axis=1), pulls.sum(axis=2).reshape(n_points, size), hessians
