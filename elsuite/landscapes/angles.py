"""Energies of angles: spins in the plane (`XYSpins`) and torsions of a chain (`Torsions`)."""

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import torch
from torch import Tensor

from elsuite.core.typing import Floats
from elsuite.landscapes.analytic import BoxLandscape
from elsuite.symmetry.base import Symmetry
from elsuite.symmetry.periodic import PeriodicSymmetry

TURN = 2 * math.pi


@final
@dataclass(frozen=True)
class XYSpins(BoxLandscape):
    r"""Spins in the plane on a ring or a lattice, each an angle, that meet their neighbors.

    .. math:: E(\theta) = -\sum_{(i, j)} J_{ij} \cos(\theta_i - \theta_j)

    All turned by one angle have the same energy and are one point: that is a zero mode. Angles count modulo
    :math:`2 \pi`. Mirror images, all angles with the other sign, are different points, and so are those that a shift of
    the lattice makes.

    Parameters
    ----------
    shape : int or tuple of int
        Spins of a ring, or along each axis of a lattice; opposite edges meet.
    disorder : float
        Standard deviation of the couplings around one: Gaussian, by `seed`.

    Raises
    ------
    ValueError
        Fewer than three spins along an axis, or a disorder that is negative.

    Examples
    --------
    On a ring of eight an angle that winds once is a minimum, and so is its mirror image.

    >>> winding = torch.arange(8)[None] * TURN / 8
    >>> XYSpins(8).energy(torch.cat([0 * winding, winding, -winding]))
    tensor([-8.0000, -5.6569, -5.6569], dtype=torch.float64)
    """

    shape: int | tuple[int, ...] = 8
    disorder: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.axes or min(self.axes) < 3 or not 0 <= self.disorder < np.inf:
            raise ValueError(
                f"shape {self.shape}, disorder {self.disorder} given; 3 spins or more along each axis and a number "
                "from 0 are expected"
            )

    @property
    def axes(self) -> tuple[int, ...]:
        """Spins along each axis."""
        return (self.shape,) if isinstance(self.shape, int) else tuple(self.shape)

    @property
    def n_parameters(self) -> int:  # type: ignore[override]
        """One angle a spin."""
        return math.prod(self.axes)

    @cached_property
    def symmetry(self) -> Symmetry:
        """Angles modulo a turn, all turned together."""
        return PeriodicSymmetry((TURN,) * self.n_parameters, translated=True)

    @cached_property
    def length_scale(self) -> float:
        """One radian."""
        return 1.0

    @property
    def bounds(self) -> Floats:  # type: ignore[override]
        """One turn for each spin."""
        return np.array([[-math.pi], [math.pi]]) * np.ones(self.n_parameters)

    @cached_property
    def couplings(self) -> Tensor:
        """Of each spin with the next one along each axis, shape (n_axes, n_spins)."""
        noise = np.random.default_rng(self.seed).standard_normal((len(self.axes), self.n_parameters))
        return torch.from_numpy(1 + self.disorder * noise)

    def formula(self, points: Tensor) -> Tensor:
        """Return the sum over neighbors."""
        spins = points.view(len(points), *self.axes)
        energies = torch.zeros_like(points[:, 0])
        for axis, couplings in enumerate(self.couplings):
            apart = spins - spins.roll(-1, dims=axis + 1)
            energies = energies - (couplings * apart.cos().flatten(1)).sum(1)
        return energies


@final
@dataclass(frozen=True)
class Torsions(BoxLandscape):
    r"""Torsion angles along a chain, each with three wells, that may feel their neighbors.

    .. math:: E(\phi) = \sum_i \tfrac{V_1}{2} (1 + \cos \phi_i) + \tfrac{V_2}{2} (1 - \cos 2 \phi_i)
              + \tfrac{V_3}{2} (1 + \cos 3 \phi_i) + c \sum_i \cos(\phi_i - \phi_{i+1})

    By default those of butane in kelvin: Martin and Siepmann, J. Phys. Chem. B 102, 2569 (1998). Angles are in radians,
    modulo :math:`2 \pi`; an anti bond has :math:`\pi`. Without a coupling n angles have 3^n minima and n 3^n transition
    states.

    Raises
    ------
    ValueError
        No angle, or barriers that are not three finite numbers.

    Examples
    --------
    >>> Torsions(2).minima.shape, Torsions(2).transition_states.shape, Torsions(2).minimum_energies.round(1)
    ((9, 2), (18, 2), array([  0. , 388.5, 388.5, 388.5, 388.5, 777. , 777. , 777. , 777. ]))
    """

    n_angles: int = 2
    barriers: tuple[float, float, float] = (670.06, -136.38, 1582.64)
    coupling: float = 0.0

    def __post_init__(self) -> None:
        if self.n_angles < 1 or len(self.barriers) != 3 or not np.isfinite([*self.barriers, self.coupling]).all():
            raise ValueError(
                f"n_angles {self.n_angles}, barriers {self.barriers}, coupling {self.coupling} given; one angle or "
                "more and finite numbers, three of them barriers, are expected"
            )

    @property
    def n_parameters(self) -> int:  # type: ignore[override]
        """Number of angles."""
        return self.n_angles

    @cached_property
    def symmetry(self) -> Symmetry:
        """Angles modulo a turn."""
        return PeriodicSymmetry((TURN,) * self.n_angles)

    @cached_property
    def length_scale(self) -> float:
        """One radian, about half of a well."""
        return 1.0

    @property
    def bounds(self) -> Floats:  # type: ignore[override]
        """One turn for each angle."""
        return np.array([[0.0], [TURN]]) * np.ones(self.n_angles)

    def formula(self, points: Tensor) -> Tensor:
        """Return the sum over angles and neighbors."""
        one, two, three = self.barriers
        wells = one * (1 + points.cos()) + two * (1 - (2 * points).cos()) + three * (1 + (3 * points).cos())
        between = (points[:, 1:] - points[:, :-1]).cos()
        return wells.sum(1) / 2 + self.coupling * between.sum(1)

    @cached_property
    def _stationary(self) -> tuple[Floats, Floats]:
        """Minima and maxima of a single angle without coupling."""
        one, two, three = self.barriers
        # sin(phi) times a polynomial of c = cos(phi).
        cosines = np.roots([12 * three, -4 * two, one - 3 * three]) if three or two else np.empty(0)
        real = cosines[np.isreal(cosines)].real
        inner = np.arccos(real[np.abs(real) < 1])
        angles = np.sort(np.concatenate([[0.0, math.pi], inner, TURN - inner]))
        bends = -(one * np.cos(angles) - 4 * two * np.cos(2 * angles) + 9 * three * np.cos(3 * angles)) / 2
        return angles[bends > 0], angles[bends < 0]

    @property
    def minima(self) -> Floats:
        """All of up to seven angles without a coupling, lowest first; else empty."""
        return self._products(0)

    @property
    def transition_states(self) -> Floats:
        """All of up to seven angles without a coupling, one of them at the top, lowest first; else empty."""
        return self._products(1)

    def _products(self, n_tops: int) -> Floats:
        """Return all points with so many angles at the top."""
        wells, tops = self._stationary
        if self.coupling or self.n_angles > 7 or not len(wells):
            return np.empty((0, self.n_angles))
        chosen = itertools.combinations(range(self.n_angles), n_tops)
        rows = [
            row
            for at_top in chosen
            for row in itertools.product(*(tops if k in at_top else wells for k in range(self.n_angles)))
        ]
        points = np.array(rows).reshape(-1, self.n_angles)
        return np.asarray(points[np.argsort(self.energy(torch.from_numpy(points)).numpy(), kind="stable")])
