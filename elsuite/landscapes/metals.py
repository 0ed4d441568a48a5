"""Clusters of metal atoms held together by the second moment of their bands: `Gupta`."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final, final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.typing import Floats
from elsuite.landscapes.atoms import Atoms
from elsuite.landscapes.kernels import Kernel


@dataclass(frozen=True)
class Bond:
    r"""What two metal atoms do to each other, in units of energy and length of one's own.

    Attributes
    ----------
    repulsion, hopping : float
        A and :math:`\xi`, energies.
    p, q : float
        How quickly they fall, per `distance`.
    distance : float
        :math:`r_0`, that of neighbors in the crystal.
    """

    repulsion: float
    hopping: float
    p: float
    q: float
    distance: float

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 < getattr(self, field.name) < np.inf:
                raise ValueError(f"{field.name} = {getattr(self, field.name)} given; a positive number is expected")


METALS: Final[Mapping[str, Bond]] = {
    "Ni": Bond(0.0376, 1.070, 16.999, 1.189, 2.491),
    "Cu": Bond(0.0855, 1.224, 10.960, 2.278, 2.556),
    "Rh": Bond(0.0629, 1.660, 18.450, 1.867, 2.689),
    "Pd": Bond(0.1746, 1.718, 10.867, 3.742, 2.749),
    "Ag": Bond(0.1028, 1.178, 10.928, 3.139, 2.889),
    "Pt": Bond(0.2975, 2.695, 10.612, 4.004, 2.775),
    "Au": Bond(0.2061, 1.790, 10.229, 4.036, 2.884),
}
"""In electron volts and angstrom: Cleri and Rosato, Phys. Rev. B 48, 22 (1993)."""


@final
@dataclass(frozen=True, eq=False)
class Gupta(Atoms):
    r"""A free cluster of atoms of one metal, or an alloy, by Gupta's potential.

    .. math:: E = \sum_i \Big( \sum_{j \ne i} A_{ij}\, e^{-p_{ij} (r_{ij} / r_{0,ij} - 1)}
              - \sqrt{\textstyle\sum_{j \ne i} \xi_{ij}^2\, e^{-2 q_{ij} (r_{ij} / r_{0,ij} - 1)}} \Big)

    Parameters
    ----------
    species : str or sequence of str
        A name for each atom; or the name of one metal, of which there are `n_atoms`, 6 if nothing is said.
    bonds : mapping, optional
        A `Bond` for each species, ``{"Au": Bond(...)}``, or pair of species, ``{("Au", "Ag"): Bond(...)}``. Metals of
        `METALS` need none. A pair without one has the geometric means of the energies, the means of the rest.

    Raises
    ------
    ValueError
        Fewer than two atoms, another dimension, or a species without a bond.

    Examples
    --------
    >>> Gupta("Au", 13).n_parameters, round(float(Gupta(["Ag", "Ag", "Cu"]).contacts.max()), 3)
    (39, 2.889)
    """

    species: tuple[int | str, ...] | str = "Au"  # type: ignore[assignment]
    n_atoms: int | None = None
    bonds: Mapping[str | tuple[str, str], Bond] | None = None
    dimension: int = 3
    mirrored: bool = True
    cell = None
    nearest_starts = 0.75

    def __post_init__(self) -> None:
        given: str | Sequence[int | str] = self.species
        n_atoms = 6 if self.n_atoms is None else self.n_atoms
        names = tuple([given] * n_atoms if isinstance(given, str) else given)
        if len(names) < 2 or self.n_atoms not in {None, len(names)} or self.dimension not in {2, 3}:
            raise ValueError(
                f"species {given!r}, n_atoms {self.n_atoms}, dimension {self.dimension} given; the name of a metal and "
                "2 atoms or more are expected, or a name for each, in dimension 2 or 3"
            )
        object.__setattr__(self, "species", names)
        object.__setattr__(self, "n_atoms", len(names))
        _ = self._table

    @cached_property
    def _kinds(self) -> list[str]:
        return [str(name) for name in dict.fromkeys(self.species)]

    @cached_property
    def _table(self) -> Floats:
        """The five numbers of the bond of each pair of species, shape (n_kinds, n_kinds, 5)."""
        own = dict(self.bonds or {})
        table = np.empty((len(self._kinds),) * 2 + (5,))
        for (i, a), (j, b) in itertools.product(enumerate(self._kinds), repeat=2):
            bond = own.get((a, b)) or own.get((b, a))
            if bond is None:
                ends = [own.get(name) or own.get((name, name)) or METALS.get(name) for name in (a, b)]
                if ends[0] is None or ends[1] is None:
                    missing = a if ends[0] is None else b
                    raise ValueError(
                        f"species {missing!r} given without a bond; without one there are: {', '.join(METALS)}"
                    )
                numbers = np.array([[getattr(end, field.name) for field in fields(Bond)] for end in ends])
                table[i, j] = numbers.mean(axis=0)
                table[i, j, :2] = np.sqrt(numbers[:, :2].prod(axis=0))
            else:
                table[i, j] = [getattr(bond, field.name) for field in fields(Bond)]
        return table

    @cached_property
    def _codes(self) -> list[int]:
        return [self._kinds.index(str(name)) for name in self.species]

    @property
    def contacts(self) -> Floats:
        """Distances of neighbors in the crystals."""
        return np.asarray(self._table[np.ix_(self._codes, self._codes)][..., 4])

    @cached_property
    def length_scale(self) -> float:
        """The mean distance of neighbors in the crystals."""
        return float(np.mean([self._table[k, k, 4] for k in self._codes]))

    def _terms(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """Return differences (n, d, N, N), repulsions and squared hoppings (n, N, N), and the constants of pairs."""
        n = len(self.species)
        constants = torch.from_numpy(self._table[np.ix_(self._codes, self._codes)]).unbind(-1)
        atoms = points.view(-1, n, self.dimension).transpose(1, 2)
        differences = atoms[..., :, None] - atoms[..., None, :]
        alone = torch.eye(n, dtype=self.dtype)
        stretched = (differences.square().sum(1) + alone).sqrt() / constants[4] - 1
        others = 1 - alone
        repulsions = others * constants[0] * torch.exp(-constants[2] * stretched)
        hoppings = others * constants[1] ** 2 * torch.exp(-2 * constants[3] * stretched)
        return differences, repulsions, hoppings, list(constants)

    def formula(self, points: Tensor) -> Tensor:
        """Return repulsions less the bands."""
        _, repulsions, hoppings, _ = self._terms(points)
        return repulsions.sum((1, 2)) - hoppings.sum(2).sqrt().sum(1)

    def energy_and_gradient(self, points: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
        """Return the energies and gradients, written down."""
        with torch.no_grad():
            given = self.checked(points)
            differences, repulsions, hoppings, (_, _, p, q, distance) = self._terms(given)
            bands = hoppings.sum(2).sqrt()
            shares = 0.5 / bands[:, :, None] + 0.5 / bands[:, None, :]
            slopes = (-2 * p * repulsions + 2 * q * hoppings * shares) / distance
            lengths = differences.square().sum(1) + torch.eye(len(self.species), dtype=self.dtype)
            gradients = (slopes / lengths.sqrt())[:, None] * differences
            return repulsions.sum((1, 2)) - bands.sum(1), gradients.sum(3).transpose(1, 2).flatten(1)

    def kernel(self) -> Kernel:
        """Return the energy as loops."""
        head = [self.dimension, len(self._kinds)]
        return Kernel(gupta, np.concatenate([head, self._codes, self._table.ravel()]))


def gupta(x: Floats, gradient: Floats, parameters: Floats) -> float:
    """Return the energy of metal atoms at `x`, and fill the gradient.

    `parameters` are the dimension, the number of species, each atom's, and five numbers for each pair of species.

    Examples
    --------
    >>> kernel, gradient = Gupta("Cu", 2).kernel(), np.empty(6)
    >>> round(float(gupta(np.array([0.0, 0, 0, 2.556, 0, 0]), gradient, kernel.parameters)), 6)
    -2.277
    """
    dimension, n_kinds = int(parameters[0]), int(parameters[1])
    n_atoms = len(x) // dimension
    energy = 0.0
    gradient[:] = 0.0
    bands = np.zeros(n_atoms)
    for i in range(n_atoms):
        for j in range(i):
            row = bond_row(i, j, n_atoms, n_kinds, parameters)
            stretched = distance_of(x, i, j, dimension) / parameters[row + 4] - 1.0
            energy += 2.0 * parameters[row] * np.exp(-parameters[row + 2] * stretched)
            hopping = parameters[row + 1] * parameters[row + 1] * np.exp(-2.0 * parameters[row + 3] * stretched)
            bands[i] += hopping
            bands[j] += hopping
    for i in range(n_atoms):
        bands[i] = np.sqrt(bands[i])
        energy -= bands[i]
    for i in range(n_atoms):
        for j in range(i):
            row = bond_row(i, j, n_atoms, n_kinds, parameters)
            length, p, q = distance_of(x, i, j, dimension), parameters[row + 2], parameters[row + 3]
            stretched = length / parameters[row + 4] - 1.0
            slope = -2.0 * p * parameters[row] * np.exp(-p * stretched)
            hopping = parameters[row + 1] * parameters[row + 1] * np.exp(-2.0 * q * stretched)
            slope += q * hopping * (1.0 / bands[i] + 1.0 / bands[j])
            slope /= parameters[row + 4] * length
            for k in range(dimension):
                force = slope * (x[i * dimension + k] - x[j * dimension + k])
                gradient[i * dimension + k] += force
                gradient[j * dimension + k] -= force
    return energy


def bond_row(i: int, j: int, n_atoms: int, n_kinds: int, parameters: Floats) -> int:
    """Return where the numbers of the bond of two atoms begin.

    Examples
    --------
    >>> bond_row(1, 0, 2, 2, Gupta(["Cu", "Ag"]).kernel().parameters)
    14
    """
    return 2 + n_atoms + 5 * (int(parameters[2 + i]) * n_kinds + int(parameters[2 + j]))


def distance_of(x: Floats, i: int, j: int, dimension: int) -> float:
    """Return the distance of two atoms.

    Examples
    --------
    >>> float(distance_of(np.array([0.0, 0, 3, 4]), 0, 1, 2))
    5.0
    """
    square = 0.0
    for k in range(dimension):
        difference = x[i * dimension + k] - x[j * dimension + k]
        square += difference * difference
    distance: float = np.sqrt(square)
    return distance
