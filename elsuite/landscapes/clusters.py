"""Atoms in pairs: Lennard-Jones clusters, those of two species, Morse's, and pairs of a formula of one's own."""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor

from elsuite.core.identity import plain_settings
from elsuite.core.typing import Floats
from elsuite.landscapes.atoms import PairLandscape, Rows, cell_width, checked_cell
from elsuite.landscapes.kernels import Kernel
from elsuite.landscapes.pair_kernels import LENNARD_JONES, MORSE, pair_kernel

_CONTACT: Final = 2 ** (1 / 6)
"""The distance at which a Lennard-Jones pair is lowest, in its own lengths."""
# Two atoms nearer than this give energies that minimizers choke on.
_NEAREST: Final = 0.8


@final
@dataclass(frozen=True)
class LennardJones(PairLandscape):
    r"""A free cluster of atoms that attract each other in pairs, in units of the pair's depth and length.

    .. math:: E(r) = 4 \sum_{i<j} (r_{ij}^{-12} - r_{ij}^{-6})

    A point is the coordinates (n_atoms, dimension) in a row. The energy does not change in six directions, three
    translations and three rotations (two for two atoms; three in the plane). The minima of up to 7 atoms in space are
    known, each isomer once. Starts are atoms drawn in a sphere one pair distance wider than the atoms packed closely,
    no two nearer than 0.8.

    Parameters
    ----------
    dimension : int
        3, or 2 for atoms in the plane.
    mirrored : bool
        Whether mirror images are the same point; if not, chiral isomers count twice.

    Raises
    ------
    ValueError
        Fewer than two atoms, or another dimension.

    Examples
    --------
    >>> LennardJones(6).minimum_energies.round(6)
    array([-12.712062, -12.302928])
    """

    n_atoms: int = 7
    dimension: int = field(default=3, metadata={"before": 3})
    mirrored: bool = field(default=True, metadata={"before": True})
    cell = None
    cutoffs = None
    nearest_starts = _NEAREST / _CONTACT

    def __post_init__(self) -> None:
        _check_size(self.n_atoms, self.dimension)

    @property
    def species(self) -> tuple[int | str, ...]:  # type: ignore[override]
        """All alike."""
        return (0,) * self.n_atoms

    @property
    def contacts(self) -> Floats:
        """Where a pair is lowest."""
        return np.full((self.n_atoms, self.n_atoms), _CONTACT)

    @cached_property
    def length_scale(self) -> float:
        """One: the pair's length is the unit."""
        return 1.0

    @property
    def minima(self) -> Floats:
        """All minima of up to 7 atoms in space, lowest first; empty above."""
        known = _known_minima().get(str(self.n_atoms), []) if self.dimension == 3 else []
        return np.array(known).reshape(-1, self.n_parameters)

    def pair_energies(self, squares: Tensor) -> Tensor:
        """Return the two powers of the distance."""
        return _powers(squares.reciprocal(), 1.0)

    def pair_derivatives(self, squares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return them with their derivatives by the squared distance."""
        return _power_derivatives(squares.reciprocal(), 1.0, 1.0)

    def kernel(self) -> Kernel:
        """Return the sum over pairs as loops."""
        if self.dimension == 3:
            return Kernel(lennard_jones, np.array([1.0, 1.0]))
        return pair_kernel(LENNARD_JONES, self.species, [[[1.0, 1.0, 0.0]]], dimension=self.dimension)


@final
@dataclass(frozen=True)
class Morse(PairLandscape):
    r"""A free cluster of atoms with Morse's pair potential, in units of the pair's depth and its best distance.

    .. math:: E(r) = \sum_{i<j} e_{ij} (e_{ij} - 2), \quad e_{ij} = e^{\rho (1 - r_{ij})}

    The larger :math:`\rho`, the shorter its range: 3 is that of sodium, 6 has the curvature of Lennard-Jones, 14 is
    that of C60 molecules. Atoms of a short range have more minima; of a long one they may lie at one place.

    Raises
    ------
    ValueError
        Fewer than two atoms, another dimension, or a range that is not positive.

    Examples
    --------
    >>> from elsuite.stationary import descend
    >>> bipyramid = Morse(5, rho=6.0)
    >>> ends = descend(bipyramid, bipyramid.initial_points(list(range(8))))
    >>> round(min(end.energy for end in ends), 6)
    -9.04493
    """

    n_atoms: int = 6
    rho: float = 6.0
    dimension: int = 3
    mirrored: bool = True
    cell = None
    cutoffs = None
    nearest_starts = 0.8

    def __post_init__(self) -> None:
        _check_size(self.n_atoms, self.dimension)
        if not 0 < self.rho < np.inf:
            raise ValueError(f"rho = {self.rho} given; a positive number is expected")

    @property
    def species(self) -> tuple[int | str, ...]:  # type: ignore[override]
        """All alike."""
        return (0,) * self.n_atoms

    @property
    def contacts(self) -> Floats:
        """One: the pair's best distance is the unit."""
        return np.ones((self.n_atoms, self.n_atoms))

    @cached_property
    def length_scale(self) -> float:
        """One: the pair's best distance is the unit."""
        return 1.0

    def pair_energies(self, squares: Tensor) -> Tensor:
        """Return the two exponentials."""
        decay = torch.exp(self.rho * (1 - squares.sqrt()))
        return decay * (decay - 2)

    def pair_derivatives(self, squares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return them with their derivatives by the squared distance."""
        distances = squares.sqrt()
        decay = torch.exp(self.rho * (1 - distances))
        slopes = -self.rho * decay * (decay - 1) / distances
        bends = self.rho**2 * decay * (decay - 0.5) / squares - slopes / (2 * squares)
        return decay * (decay - 2), slopes, bends

    def kernel(self) -> Kernel:
        """Return the sum over pairs as loops."""
        return pair_kernel(MORSE, self.species, [[[1.0, 1.0, self.rho]]], dimension=self.dimension)


@final
@dataclass(frozen=True)
class BinaryLennardJones(PairLandscape):
    r"""Lennard-Jones atoms of two species A and B, in a free cluster or in a cell that repeats.

    .. math:: f(r) = 4 \epsilon ((\sigma / r)^{12} - (\sigma / r)^6)

    with a depth :math:`\epsilon` and a length :math:`\sigma` for the pairs AA, AB and BB; by default those of the glass
    former of Kob and Andersen, Phys. Rev. E 51, 4626 (1995). A point is the coordinates of the A, then of the B.

    Parameters
    ----------
    n_a, n_b : int
        Atoms of each species.
    depths, lengths : tuple of three numbers
        Of AA, AB and BB.
    cell : float or rows, optional
        Side of a cube, or lattice vectors; it stays as it is.
    cutoff : float, optional
        In lengths of the pair; a cell needs one. Energies and forces are shifted to vanish there, see `PairLandscape`.
    turned : bool
        Whether copies turned by the operations of the cell's lattice are the same.

    Raises
    ------
    ValueError
        Fewer than two atoms, numbers that are not positive, or a cell less than twice as wide as the longest cutoff.

    Examples
    --------
    >>> glass = BinaryLennardJones(8, 2, cell=4.2, cutoff=2.0)
    >>> glass.n_parameters, glass.symmetry.n_zero_modes
    (30, 3)
    """

    n_a: int = 8
    n_b: int = 2
    depths: tuple[float, float, float] = (1.0, 1.5, 0.5)
    lengths: tuple[float, float, float] = (1.0, 0.8, 0.88)
    cell: Rows | None = None
    cutoff: float | None = None
    dimension: int = 3
    mirrored: bool = True
    turned: bool = False
    nearest_starts = _NEAREST / _CONTACT

    def __post_init__(self) -> None:
        if min(self.n_a, self.n_b) < 0:
            raise ValueError(f"{self.n_a} and {self.n_b} atoms given; none of either, or more, are expected")
        _check_size(self.n_a + self.n_b, self.dimension)
        for name in ("depths", "lengths"):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) != 3 or not all(0 < value < np.inf for value in values):
                raise ValueError(f"{name} {values} given; three positive numbers, of AA, AB and BB, are expected")
            object.__setattr__(self, name, values)
        object.__setattr__(self, "cell", checked_cell(self.cell, self.dimension))
        _check_cutoff(self.cell, self.cutoff, max(self.lengths))

    @property
    def species(self) -> tuple[int | str, ...]:  # type: ignore[override]
        """``"A"`` and ``"B"``."""
        return ("A",) * self.n_a + ("B",) * self.n_b

    @property
    def contacts(self) -> Floats:
        """Where pairs are lowest."""
        return np.asarray(_CONTACT * self._table(self.lengths))

    @cached_property
    def length_scale(self) -> float:
        """The length of AA."""
        return float(self.lengths[0])

    @property
    def cutoffs(self) -> Floats | None:
        """The cutoff times the length of each pair."""
        return None if self.cutoff is None else np.asarray(self.cutoff * self._table(self.lengths)[self.pairs])

    def _table(self, values: tuple[float, float, float]) -> Floats:
        """Return the values of AA, AB and BB for each pair of atoms."""
        kinds = np.repeat([0, 1], [self.n_a, self.n_b])
        return np.asarray(np.array(values, dtype=np.float64)[kinds[:, None] + kinds[None]])

    @cached_property
    def _constants(self) -> tuple[Tensor, Tensor]:
        """Depths and squared lengths of pairs."""
        depths, lengths = (self._table(values)[self.pairs] for values in (self.depths, self.lengths))
        return torch.from_numpy(depths), torch.from_numpy(lengths**2)

    def pair_energies(self, squares: Tensor) -> Tensor:
        """Return the two powers of the distance."""
        depths, lengths = self._constants
        return _powers(lengths / squares, depths)

    def pair_derivatives(self, squares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return them with their derivatives by the squared distance."""
        depths, lengths = self._constants
        return _power_derivatives(lengths / squares, depths, lengths)

    def kernel(self) -> Kernel:
        """Return the sum over pairs as loops."""
        order = np.array([[0, 1], [1, 2]])
        depths, squares = torch.tensor(self.depths), torch.tensor(self.lengths, dtype=self.dtype) ** 2
        constants = np.stack([depths, squares, torch.zeros(3)], axis=-1)
        shifts = None
        if self.cutoff is not None:
            ends = self.cutoff**2 * squares
            values, slopes, _ = _power_derivatives(squares / ends, depths.to(self.dtype), squares)
            shifts = np.stack([ends, values, slopes], axis=-1)[order]
        kinds = np.repeat([0, 1], [self.n_a, self.n_b])
        settings: dict[str, Any] = {"dimension": self.dimension, "cell": self.cell, "shifts": shifts}
        return pair_kernel(LENNARD_JONES, kinds, constants[order], **settings)


@final
@dataclass(frozen=True, eq=False)
class PairPotential(PairLandscape):
    """Atoms of any species with a pair potential of one's own, in a free cluster or in a cell that repeats.

    Parameters
    ----------
    species : sequence
        A name for each atom.
    potential : callable, or mapping of pairs to callables
        A differentiable torch function of distances that returns energies; or one for each pair of species, such as
        ``{("A", "A"): f, ("A", "B"): g, ("B", "B"): h}``.
    contact : float
        About the distance at which pairs are lowest: the scale of lengths, and of the room in starts.
    cell, cutoff, turned : optional
        As of `BinaryLennardJones`, the cutoff as a distance.

    Raises
    ------
    ValueError
        Fewer than two atoms, a pair of species without a potential, or a cell that does not fit.

    Examples
    --------
    >>> yukawa = PairPotential("AAAB", lambda r: r**-9 - torch.exp(1 - r) / r)
    >>> yukawa.energy(yukawa.initial_points([0])).shape
    torch.Size([1])
    """

    species: tuple[int | str, ...]
    potential: Callable[[Tensor], Tensor] | Mapping[tuple[Any, Any], Callable[[Tensor], Tensor]]
    contact: float = 1.0
    dimension: int = 3
    cell: Rows | None = None
    cutoff: float | None = None
    mirrored: bool = True
    turned: bool = False
    nearest_starts = 0.8

    def __post_init__(self) -> None:
        object.__setattr__(self, "species", tuple(self.species))
        _check_size(len(self.species), self.dimension)
        if not 0 < self.contact < np.inf:
            raise ValueError(f"contact = {self.contact} given; a positive number is expected")
        object.__setattr__(self, "cell", checked_cell(self.cell, self.dimension))
        _check_cutoff(self.cell, self.cutoff, 1.0)
        _ = self._functions

    @property
    def contacts(self) -> Floats:
        """The one of all pairs."""
        return np.full((len(self.species),) * 2, float(self.contact))

    @cached_property
    def length_scale(self) -> float:
        """The contact."""
        return float(self.contact)

    @property
    def cutoffs(self) -> Floats | None:
        """The one of all pairs."""
        return None if self.cutoff is None else np.full(len(self.pairs[0]), float(self.cutoff))

    @cached_property
    def _functions(self) -> list[tuple[Callable[[Tensor], Tensor], Tensor]]:
        """The potentials, each with the numbers of its pairs."""
        names = [(self.species[i], self.species[j]) for i, j in zip(*self.pairs, strict=True)]
        if not isinstance(self.potential, Mapping):
            return [(self.potential, torch.arange(len(names)))]
        places: dict[tuple[Any, Any], list[int]] = {}
        for k, (a, b) in enumerate(names):
            pair = (a, b) if (a, b) in self.potential else (b, a)
            if pair not in self.potential:
                known = ", ".join(map(repr, self.potential))
                raise ValueError(f"no potential for the pair {(a, b)!r} given; there are: {known or 'none'}")
            places.setdefault(pair, []).append(k)
        return [(self.potential[pair], torch.tensor(rows)) for pair, rows in places.items()]

    def declared(self) -> dict[str, Any]:
        """Return the kind and the settings but for the formula, which its energies say."""
        settings = {name: plain_settings(getattr(self, name)) for name in ("contact", "cell", "cutoff")}
        return {"kind": "pair potential", "species": list(self.species), **settings}

    def pair_energies(self, squares: Tensor) -> Tensor:
        """Return what the potentials give."""
        distances = squares.sqrt()
        (function, _), *others = self._functions
        if not others:
            return function(distances)
        energies = torch.empty_like(distances)
        for function, rows in self._functions:
            energies = energies.index_copy(1, rows, function(distances[:, rows]))
        return energies

    def pair_derivatives(self, squares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return it with its derivatives by the squared distance, by autograd."""
        with torch.enable_grad():
            leaf = squares.detach().requires_grad_()
            energies = self.pair_energies(leaf)
            (slopes,) = torch.autograd.grad(energies.sum(), leaf, create_graph=True)
            bends = torch.zeros_like(leaf)
            if slopes.requires_grad:
                (bends,) = torch.autograd.grad(slopes.sum(), leaf, materialize_grads=True)
        return energies.detach(), slopes.detach(), bends


def _check_size(n_atoms: int, dimension: int) -> None:
    if n_atoms < 2:
        raise ValueError(f"n_atoms = {n_atoms} given; 2 or more are expected")
    if dimension not in {2, 3}:
        raise ValueError(f"dimension = {dimension} given; 2 or 3 is expected")


def _check_cutoff(cell: Rows | None, cutoff: float | None, longest: float) -> None:
    """Refuse a cell in which an atom may meet two images of another within the cutoff."""
    if cutoff is not None and not 0 < cutoff < np.inf:
        raise ValueError(f"cutoff = {cutoff} given; a positive number is expected")
    if cell is None:
        return
    most = cell_width(cell) / (2 * longest)
    if cutoff is None or cutoff > most * (1 + 1e-12):
        raise ValueError(f"cutoff = {cutoff} given with a cell; up to {most:.6g} is expected, half of the cell's width")


def _powers(ratios: Tensor, depths: Tensor | float) -> Tensor:
    """Return Lennard-Jones energies at the squares of length over distance."""
    cube = ratios**3
    return 4 * depths * (cube * (cube - 1))


def _power_derivatives(
    ratios: Tensor, depths: Tensor | float, lengths: Tensor | float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return Lennard-Jones energies and their derivatives by squared distances; `lengths` are squared."""
    cube = ratios**3
    inverse = ratios / lengths
    slopes = 12 * depths * cube * inverse * (1 - 2 * cube)
    return 4 * depths * (cube * (cube - 1)), slopes, 4 * depths * cube * inverse**2 * (42 * cube - 12)


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
