"""Surfaces given by a formula, most of which know their own minima and transition states."""

import abc
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self, final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.typing import Floats
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.conversion import to_tensor


class AnalyticLandscape(Landscape):
    """A surface ``"energy"`` in float64, given by a differentiable formula.

    Attributes
    ----------
    bounds : ndarray (2, P)
        Lowest and highest values of a box that holds what is of interest.
    minima, transition_states : ndarray (n, P)
        Positions of all known minima and transition states, lowest first; empty when nothing is known.
    """

    surfaces: tuple[str, ...] = ("energy",)
    surface: str = "energy"
    dtype: torch.dtype = torch.float64
    device: torch.device = torch.device("cpu")
    bounds: Floats

    @property
    def minima(self) -> Floats:
        """None known."""
        return np.empty((0, self.n_parameters))

    @property
    def transition_states(self) -> Floats:
        """None known."""
        return np.empty((0, self.n_parameters))

    @abc.abstractmethod
    def formula(self, points: Tensor) -> Tensor:
        """Return the energies, shape (n_points,), at float64 `points` (n_points, P), by torch operations."""

    @cached_property
    def length_scale(self) -> float:
        """Half the smallest width of `bounds` that is not zero."""
        widths = np.diff(np.asarray(self.bounds, dtype=np.float64), axis=0)
        return float(widths[widths > 0].min(initial=np.inf)) / 2 if (widths > 0).any() else 1.0

    @property
    def minimum_energies(self) -> Floats:
        """Energies of `minima`."""
        return np.asarray(self.energy(torch.from_numpy(self.minima)))

    @property
    def transition_state_energies(self) -> Floats:
        """Energies of `transition_states`."""
        return np.asarray(self.energy(torch.from_numpy(self.transition_states)))

    @final
    def checked(self, points: ArrayLike | Tensor) -> Tensor:
        """Return `points` as a float64 tensor; raises ValueError for another shape than (n_points, P)."""
        points = to_tensor(points, dtype=self.dtype)
        if points.ndim != 2 or points.shape[1] != self.n_parameters:
            raise ValueError(
                f"points of shape {tuple(points.shape)} given; {type(self).__name__} takes "
                f"(n_points, {self.n_parameters})"
            )
        return points

    @final
    def energy(self, points: ArrayLike | Tensor) -> Tensor:
        """Return the energies, shape (n_points,), differentiable any number of times by autograd."""
        points = self.checked(points)
        energies = self.formula(points)
        if energies.shape != points.shape[:1]:
            raise ValueError(
                f"the function returned shape {tuple(energies.shape)} for {points.shape[0]} points; "
                f"one energy a point is expected, shape ({points.shape[0]},)"
            )
        return energies.to(torch.float64)

    @final
    def on(self, surface: str) -> Self:
        """Return this landscape; its one surface is ``"energy"``."""
        if surface not in self.surfaces:
            raise ValueError(f"no surface {surface!r}; this landscape has 'energy'")
        return self


class BoxLandscape(AnalyticLandscape):
    """An analytic surface with gradients by autograd and starts uniform in `bounds`.

    Examples
    --------
    A new surface is a formula and the box in which searches begin.

    >>> class Bowl(BoxLandscape):
    ...     n_parameters, bounds = 2, np.array([[-1.0, -1.0], [1.0, 1.0]])
    ...     minima, transition_states = np.zeros((1, 2)), np.empty((0, 2))
    ...
    ...     def formula(self, points):
    ...         return (points**2).sum(1)
    >>> Bowl().energy_and_gradient(torch.ones(1, 2))[1].tolist()
    [[2.0, 2.0]]
    """

    @final
    def energy_and_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the energies, shape (n_points,), and gradients, shape (n_points, P)."""
        return by_autograd(self, points)

    @final
    def initial_points(self, seeds: list[int]) -> Tensor:
        """Return one start for each seed, uniform in `bounds`."""
        return uniform_points(self.bounds, seeds)


def by_autograd(landscape: AnalyticLandscape, points: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
    """Return energies and gradients by autograd.

    Examples
    --------
    >>> by_autograd(SeparableWells((1.0,)), torch.tensor([[0.5]]))[1].tolist()
    [[-1.5]]
    """
    with torch.enable_grad():
        leaf = landscape.checked(points).detach().requires_grad_()
        energies = landscape.energy(leaf)
        (gradients,) = torch.autograd.grad(energies.sum(), leaf)
    return energies.detach(), gradients


def uniform_points(bounds: ArrayLike, seeds: Sequence[int]) -> Tensor:
    """Return one point for each seed, uniform in bounds (2, P).

    Examples
    --------
    >>> uniform_points([[0.0, 5.0], [1.0, 5.0]], [0]).tolist()
    [[0.970053..., 5.0]]
    """
    box = torch.from_numpy(np.array(bounds, dtype=np.float64))
    fractions = torch.empty(len(seeds), box.shape[1], dtype=torch.float64)
    for row, seed in zip(fractions, seeds, strict=True):
        row.uniform_(generator=torch.Generator().manual_seed(int(seed)))
    return torch.lerp(box[0], box[1], fractions)


def _points(*rows: Sequence[float]) -> Floats:
    return np.array(rows, dtype=np.float64)


_FOUR_WELLS: Final = torch.tensor([[-0.5, -0.5], [0.5, 0.0]], dtype=torch.float64)
_FOUR_HILLS: Final = torch.tensor([[-0.2, -0.4], [0.0, 0.3]], dtype=torch.float64)


@final
@dataclass(frozen=True)
class FourGaussians(BoxLandscape):
    r"""The two-dimensional example of arXiv:2602.21276: two wells with two narrow hills between them.

    .. math:: E(r) = C - \sum_i e^{-3 |r - c_i|^2} + \sum_j e^{-15 |r - d_j|^2}

    with wells c at (-0.5, -0.5) and (0.5, 0), hills d at (-0.2, -0.4) and (0, 0.3), C = 1.0190055296306975.

    Examples
    --------
    >>> landscape = FourGaussians()
    >>> landscape.transition_state_energies.round(5)
    array([0.62439, 0.63726, 0.99607])
    """

    n_parameters = 2
    bounds = _points([-1, -1], [1, 1])
    minima = _points([0.48810021800733, -0.02225546063184], [-0.61380161251515, -0.53541552505433])
    transition_states = _points(
        [-0.16472654854044, -0.06991718206188],
        [0.05288953025372, -0.68815820777136],
        [-0.29270959985944, 0.74362393016417],
    )

    def formula(self, points: Tensor) -> Tensor:
        """Return the sum of the four Gaussians and C."""
        wells = torch.exp(-3 * ((points[:, None] - _FOUR_WELLS) ** 2).sum(-1)).sum(-1)
        hills = torch.exp(-15 * ((points[:, None] - _FOUR_HILLS) ** 2).sum(-1)).sum(-1)
        return 1.0190055296306975 - wells + hills


# Amplitude, the three exponents, and the center of each of the four terms.
_MULLER_BROWN: Final = torch.tensor(
    [
        [-200.0, -1.0, 0.0, -10.0, 1.0, 0.0],
        [-100.0, -1.0, 0.0, -10.0, 0.0, 0.5],
        [-170.0, -6.5, 11.0, -6.5, -0.5, 1.5],
        [15.0, 0.7, 0.6, 0.7, -1.0, 1.0],
    ],
    dtype=torch.float64,
)


@final
@dataclass(frozen=True)
class MullerBrown(BoxLandscape):
    r"""The Müller-Brown surface: three minima and two transition states in two dimensions.

    .. math:: E(x, y) = \sum_k A_k e^{a_k (x - x_k)^2 + b_k (x - x_k)(y - y_k) + c_k (y - y_k)^2}

    Müller and Brown, Theor. Chim. Acta 53, 75 (1979).

    Examples
    --------
    >>> MullerBrown().minimum_energies.round(4)
    array([-146.6995, -108.1667,  -80.7678])
    """

    n_parameters = 2
    bounds = _points([-1.5, -0.2], [1.2, 2.0])
    minima = _points(
        [-0.55822363463302, 1.44172584180467],
        [0.62349940493088, 0.02803775852869],
        [-0.05001082299821, 0.46669410487197],
    )
    transition_states = _points([0.21248658200066, 0.29298832510737], [-0.82200155873273, 0.62431280281487])

    def formula(self, points: Tensor) -> Tensor:
        """Return the sum of the four terms."""
        amplitude, a, b, c, x0, y0 = _MULLER_BROWN.T
        x, y = points[:, :1] - x0, points[:, 1:] - y0
        terms: Tensor = amplitude * torch.exp(a * x**2 + b * x * y + c * y**2)
        return terms.sum(-1)


@final
@dataclass(frozen=True)
class SixHumpCamel(BoxLandscape):
    r"""The six-hump camel: six minima; two of its barriers differ by 1.1e-4 only.

    .. math:: E(x, y) = (4 - 2.1 x^2 + x^4 / 3) x^2 + x y + (4 y^2 - 4) y^2

    Examples
    --------
    >>> SixHumpCamel().minimum_energies.round(4)
    array([-1.0316, -1.0316, -0.2155, -0.2155,  2.1043,  2.1043])
    """

    n_parameters = 2
    bounds = _points([-3, -2], [3, 2])
    minima = _points(
        [-0.08984201310032, 0.71265640302074],
        [0.08984201310032, -0.71265640302074],
        [1.70360671496998, -0.79608356867263],
        [-1.70360671496998, 0.79608356867263],
        [1.60710475292020, 0.56865145488413],
        [-1.60710475292020, -0.56865145488413],
    )
    transition_states = _points(
        [0.0, 0.0],
        [1.10920533680479, -0.76826809250954],
        [-1.10920533680479, 0.76826809250954],
        [1.63806798418978, 0.22867406904439],
        [-1.63806798418978, -0.22867406904439],
        [1.29607026716711, 0.60508438803866],
        [-1.29607026716711, -0.60508438803866],
    )

    def formula(self, points: Tensor) -> Tensor:
        """Return the polynomial."""
        x, y = points.unbind(1)
        return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


@final
@dataclass(frozen=True)
class SeparableWells(BoxLandscape):
    r"""Independent double wells: a surface of any dimension n whose every barrier is known.

    .. math:: E(x) = \sum_i h_i (x_i^2 - 1)^2

    It has :math:`2^n` minima at :math:`(\pm 1, ..., \pm 1)` with E = 0 and :math:`n 2^{n-1}` transition
    states, one coordinate zero, of energies :math:`h_i`. The minimax barrier of two minima is the largest
    :math:`h_i` among the coordinates in which they differ. The `heights` are the h_i, all positive.

    Raises
    ------
    ValueError
        No heights, or one that is not positive.

    Examples
    --------
    >>> landscape = SeparableWells((1.0, 2.0))
    >>> landscape.transition_state_energies
    array([1., 1., 2., 2.])
    """

    heights: tuple[float, ...] = (1.0, 2.0, 3.0)

    def __post_init__(self) -> None:
        if len(self.heights) == 0 or not all(0 < height < np.inf for height in self.heights):
            raise ValueError(f"heights {self.heights!r} given; one positive number a dimension is expected")

    @property
    def n_parameters(self) -> int:  # type: ignore[override]
        """Number of wells."""
        return len(self.heights)

    @property
    def bounds(self) -> Floats:  # type: ignore[override]
        """The box [-1.5, 1.5]^n."""
        return np.array([[-1.5], [1.5]]) * np.ones(self.n_parameters)

    @property
    def minima(self) -> Floats:
        """All corners (+-1, ..., +-1)."""
        return np.array(list(itertools.product([-1.0, 1.0], repeat=self.n_parameters)))

    @property
    def transition_states(self) -> Floats:
        """All corners of n - 1 dimensions with a zero put in, lowest energy first."""
        corners = np.array(list(itertools.product([-1.0, 1.0], repeat=self.n_parameters - 1)))
        order = np.argsort(self.heights, kind="stable")
        return np.concatenate([np.insert(corners, coordinate, 0.0, axis=1) for coordinate in order])

    def formula(self, points: Tensor) -> Tensor:
        """Return the sum of the double wells."""
        return (points.new_tensor(self.heights) * (points**2 - 1) ** 2).sum(-1)
