"""The interface of everything that can be explored: `Landscape`, and `DataLandscape` over a data set."""

import abc
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from elsuite.core.identity import Identity, plain_settings
from elsuite.core.typing import Floats
from elsuite.landscapes.conversion import norms
from elsuite.landscapes.kernels import Kernel
from elsuite.symmetry.base import NoSymmetry, Symmetry

Combination = Tensor | Callable[[slice, Tensor], Tensor]
"""What gradients are combined by, shape (n_points, m); or what gives the rows of some points from their energies."""

SHORT_POINT = 256
"""Fixed points of so many parameters at most are written down with the identity; longer ones are made again."""

LONG_POINT = 2**24
"""Points of more bytes are made one by one on a CPU."""

SUMMED_AT_ONCE = 2**18
"""Numbers of a long point."""

N_STARTS = 8
"""Random starts, from whose distances the length scale is taken where a landscape has none of its own."""

PROBE_SEEDS = (271828, 314159, 161803)
"""Of the fixed points at which a landscape is recognized."""


class Landscape(abc.ABC):
    """An energy as a function of parameters, always evaluated for a batch of points.

    A landscape shows one of its named *surfaces* at a time: `energy` is the energy on `surface`, and
    `on(name)` gives the same landscape showing another one. A physical landscape has the one surface
    ``"energy"``; a network's loss has ``"train"`` and, with test data, ``"test"``. The first of `surfaces` is
    the one that minimizers descend.

    Attributes
    ----------
    dtype, device : torch.dtype, torch.device
        Where points live; `energy` always returns float64.
    symmetry : Symmetry
        Which points are one. A class declares it by an attribute or a property; nothing is guessed from numbers.
    energy_floor : float, optional
        A bound that no energy lies under and that they come arbitrarily near to, as zero is of a loss; None: there is
        none. Energies are then compared by their distances to it, on a logarithmic axis. It is declared, never guessed.
    length_scale : float
        A length over which the energy changes as much as it does, in the units of the points and wherever the origin
        lies. Tolerances and steps are relative to it.
    gradient_only : bool
        Whether energies are not made by torch: there is no autograd, and second derivatives are differences of
        gradients.
    byte_budget : int
        About how many bytes the points of one call and what belongs to them may take; whoever makes points asks
        `points_at_once` how many. One point is always made, and no result depends on it beyond rounding.

    Notes
    -----
    `energy` is differentiable by autograd, twice at least, when `points` require a gradient: curvature comes
    from there, unless the landscape is `gradient_only`. `energy_and_gradient` returns detached values and is what
    bulk work calls.
    """

    n_parameters: int
    surfaces: tuple[str, ...]
    surface: str
    dtype: torch.dtype
    device: torch.device
    energy_floor: float | None = None
    gradient_only: bool = False
    bounds: Floats | None = None
    """Lowest and highest values of a box that holds what is of interest, shape (2, P), where there is one."""
    byte_budget: int = 2**30
    metrics: tuple[str, ...] = ()
    """Names of the numbers that a point has besides its energy, such as an accuracy."""

    @cached_property
    def symmetry(self) -> Symmetry:
        """Which points are one; by default each is equal to itself only."""
        return NoSymmetry(self.n_parameters)

    @cached_property
    def length_scale(self) -> float:
        """A typical length; by default how far random starts lie from their center."""
        if N_STARTS * self.n_parameters * 8 > self.byte_budget:
            return _spread_of_starts(self)
        starts = self.initial_points(list(range(N_STARTS))).double().cpu().numpy()
        spread = float(np.sqrt(((starts - starts.mean(axis=0)) ** 2).sum(axis=1).mean()))
        return spread if 0 < spread < np.inf else 1.0

    def expansions(self, points: Tensor) -> tuple[Floats, Floats, Floats] | None:
        """Return energies, gradients and Hessians, shape (n, P, P), where they are written down; None by default."""
        return None

    def kernel(self) -> Kernel | None:
        """Return the energy of the surface shown as a function that numba compiles; None by default: there is none."""
        return None

    @cached_property
    def identity(self) -> Identity:
        """What this landscape is, as a database keeps it: the same for every surface that is shown."""
        points = self.probe_points()
        declared = self.declared()
        return Identity(
            kind=declared.pop("kind"),
            data=declared.pop("data", {}),
            settings=declared,
            n_parameters=self.n_parameters,
            surfaces=tuple(self.surfaces),
            points=points.double().tolist() if self.n_parameters <= SHORT_POINT else None,
            energies=self.energies_on_all_surfaces(points),
            precision=self.precision,
            symmetry=self.symmetry.description(),
            length_scale=self.length_scale,
            energy_floor=self.energy_floor,
            typical_slope=self.on(self.surfaces[0]).typical_slope,
        )

    @cached_property
    def typical_slope(self) -> float | None:
        """The median gradient norm at the fixed points on the surface shown, None where none is a positive number.

        For a mean over samples, which is large where weights are random and falls for ever as they grow, it is what a
        small gradient is small against; it does not depend on where a descent began.
        """
        points = self.probe_points().to(self.device, self.dtype)
        try:
            slopes = [float(norms(self.energy_and_gradient(point[None])[1])[0]) for point in points]
        except Exception:  # of a user's own energy, which may have no gradient
            return None
        usable = [slope for slope in slopes if 0 < slope < np.inf]
        return float(np.median(usable)) if usable else None

    @property
    def precision(self) -> float:
        """How far, relative, energies of the same point can differ between machines."""
        return 1e-4 if self.dtype == torch.float32 else 1e-9

    def declared(self) -> dict[str, Any]:
        """Return ``kind`` and all else that tells this landscape from others, in JSON's types.

        By default the name of the class and, of a dataclass, its fields. ``data``, if there, has a checksum for each
        surface.
        """
        given: Any = self
        names = [field.name for field in fields(given)] if is_dataclass(given) else []
        return {"kind": type(self).__name__} | {name: plain_settings(getattr(self, name)) for name in names}

    def probe_points(self) -> Tensor:
        """Return the three fixed points at which the landscape is recognized, shape (3, P)."""
        return self.initial_points(list(PROBE_SEEDS))

    def energies_on_all_surfaces(self, points: Tensor) -> list[list[float | None]]:
        """Return the energies at `points`, (n_points, P), on every surface; None where they are not finite."""
        # Not without gradients: an energy may have derivatives inside.
        columns = [self.on(name).energy(points).detach().double().cpu().numpy() for name in self.surfaces]
        table = np.array(columns, dtype=np.float64).T
        return [[value if np.isfinite(value) else None for value in row] for row in table.tolist()]

    def metric_values(self, points: Tensor) -> Tensor:
        """Return the `metrics` on the surface shown, shape (n_points, n_metrics) float64."""
        return torch.empty(len(points), 0, dtype=torch.float64)

    @abc.abstractmethod
    def energy(self, points: Tensor) -> Tensor:
        """Return the energies, shape (n_points,) float64, at `points`, shape (n_points, P)."""

    @abc.abstractmethod
    def energy_and_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the energies, shape (n_points,), and gradients, shape (n_points, P), at `points`."""

    def combined_gradients(
        self, weights: Tensor, spanning: Tensor, combination: Combination, memory: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        r"""Return the energies at the points W S, and :math:`C^T G`, where G are the gradients at these points.

        Paths ask for this: their points, by weights W (n_points, k), are combinations of few spanning ones, S (k, P),
        and gradients are combined again, by C (n_points, m). A landscape that saves work by that has its own. Long
        points, and what is returned, are made in the `memory` of the last call: new memory takes longer than a product.
        """
        parts = parts_at_once(self, len(weights), vectors=2)
        if len(parts) == 1:
            energies, gradients = self.energy_and_gradient(weights @ spanning)
            return energies, combined_rows(combination, parts[0], energies).to(gradients).T @ gradients
        seen, combined = list[Tensor](), spanning.new_empty(0)
        memory = {} if memory is None else memory
        points = kept(memory, "points", spanning, parts[0].stop)
        for part in parts:
            shown = combine(weights[part], spanning, into=points)
            energies, gradients = self.of_points(part).energy_and_gradient(shown)
            rows = combined_rows(combination, part, energies).to(gradients)
            if seen:
                combined.addmm_(rows.T, gradients)
            else:
                combined = torch.mm(rows.T, gradients, out=kept(memory, "combined", spanning, rows.shape[1]))
            seen.append(energies)
            del gradients  # before the next ones are made
        return torch.cat(seen), combined

    def combined_energies(self, weights: Tensor, spanning: Sequence[Tensor]) -> Tensor:
        """Return the energies at long points W S, by weights W (n_points, k) of spanning ones, each of shape (P,)."""
        parts = parts_at_once(self, len(weights))
        points, found = weights.new_empty(parts[0].stop, self.n_parameters), []
        for part in parts:
            for point, row in zip(points, weights[part].tolist(), strict=False):
                sum_into(point, row, spanning)
            # Not without gradients: an energy may have derivatives inside.
            found.append(self.of_points(part).energy(points[: part.stop - part.start]).detach())
        return torch.cat(found)

    def of_points(self, points: slice) -> Self:
        """Return what some of the points of a call are to be asked of: itself, but where points have own samples."""
        return self

    @abc.abstractmethod
    def on(self, surface: str) -> Self:
        """Return this landscape showing `surface`; raises ValueError that names the surfaces there are."""

    @abc.abstractmethod
    def initial_points(self, seeds: list[int]) -> Tensor:
        """Return one random start for each seed, shape (n_seeds, P); a start depends on its own seed only."""


class DataLandscape(Landscape):
    """A landscape whose energy is a mean over samples."""

    n_samples: int
    """Of the surface shown."""

    @abc.abstractmethod
    def minibatch(self, indices: Tensor) -> Landscape:
        """Return the landscape of the mean over some samples of the surface shown.

        `indices` of shape (batch,) are common to all points; of shape (n_points, batch), point k has row k.
        """

    def parts(self, n_samples: int) -> Iterator[tuple[Landscape, float]]:
        """Yield landscapes of about so many samples, with shares, whose weighted sum is the energy exactly.

        What is a sum over samples is so taken in pieces; a landscape whose energy is none yields itself.
        """
        for first in range(0, self.n_samples, n_samples):
            last = min(first + n_samples, self.n_samples)
            yield self.minibatch(torch.arange(first, last, device=self.device)), (last - first) / self.n_samples


def _spread_of_starts(landscape: Landscape) -> float:
    """Return how far random starts lie from their center, with one of them in memory after the other."""
    total, squares = torch.zeros(landscape.n_parameters, dtype=torch.float64), 0.0
    for seed in range(N_STARTS):
        start = landscape.initial_points([seed])[0].cpu()
        squares += float(torch.linalg.vector_norm(start, dtype=torch.float64)) ** 2
        total += start
    spread = math.sqrt(max(0.0, (squares - float(total.square().sum()) / N_STARTS) / N_STARTS))
    return spread if 0 < spread < math.inf else 1.0


def points_at_once(landscape: Landscape, *, vectors: float = 1) -> int:
    """Return how many points the landscape's budget has room for, each as `vectors` vectors of its length; at least 1.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> points_at_once(SixHumpCamel(), vectors=2) == SixHumpCamel.byte_budget // (2 * 2 * 8)
    True
    """
    one = landscape.n_parameters * landscape.dtype.itemsize
    if one > LONG_POINT and landscape.device.type == "cpu":
        return 1  # new memory takes longer than what is saved by making more of them together
    return max(1, int(landscape.byte_budget / max(1, vectors * one)))


def parts_at_once(landscape: Landscape, n_points: int, *, vectors: float = 1) -> list[slice]:
    """Return which of some points are to be in memory together, part after part, as `points_at_once` says.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> parts_at_once(SixHumpCamel(), 51)
    [slice(0, 51, None)]
    """
    size = points_at_once(landscape, vectors=vectors)
    return [slice(begin, min(begin + size, n_points)) for begin in range(0, n_points, size)] or [slice(0, 0)]


def combined_rows(combination: Combination, points: slice, energies: Tensor) -> Tensor:
    """Return by what the gradients of some points are combined, shape (n, m).

    Examples
    --------
    >>> combined_rows(lambda points, energies: energies[:, None] ** 2, slice(0, 2), torch.tensor([1.0, 3.0])).tolist()
    [[1.0], [9.0]]
    """
    return combination(points, energies) if callable(combination) else combination[points]


def kept(memory: dict[str, Tensor], name: str, like: Tensor, n_rows: int) -> Tensor:
    """Return rows as long as those of `like` from the memory of earlier calls, made if there are none of that name.

    Examples
    --------
    >>> memory = {}
    >>> rows = kept(memory, "points", torch.zeros(5, 3), 2)
    >>> rows.shape, kept(memory, "points", torch.zeros(5, 3), 2) is rows
    (torch.Size([2, 3]), True)
    """
    if name not in memory or memory[name].shape != (n_rows, like.shape[1]):
        memory[name] = like.new_empty(n_rows, like.shape[1])
    return memory[name]


def combine(weights: Tensor, spanning: Tensor, *, into: Tensor) -> Tensor:
    """Return the points W S, made in the first rows of `into`.

    Examples
    --------
    >>> combine(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.0, 1.0], [2.0, 3.0]]), into=torch.empty(2, 2))
    tensor([[1., 2.]])
    """
    points = into[: len(weights)]
    if len(weights) > 1 or not len(spanning) or points.device.type != "cpu":
        return torch.mm(weights, spanning, out=points)
    sum_into(points[0], weights.tolist()[0], list(spanning))
    return points


def sum_into(point: Tensor, weights: Sequence[float], vectors: Sequence[Tensor]) -> None:
    """Make `point` the sum of some vectors with weights, in parts that stay in the cache.

    Examples
    --------
    >>> point = torch.empty(2)
    >>> sum_into(point, [0.5, 2.0], [torch.ones(2), torch.tensor([0.0, 1.0])])
    >>> point
    tensor([0.5000, 2.5000])
    """
    for begin in range(0, len(point), SUMMED_AT_ONCE):
        part = slice(begin, begin + SUMMED_AT_ONCE)
        place = point[part]
        torch.mul(vectors[0][part], weights[0], out=place)
        for weight, vector in zip(weights[1:], vectors[1:], strict=True):
            if weight:
                place.add_(vector[part], alpha=weight)
