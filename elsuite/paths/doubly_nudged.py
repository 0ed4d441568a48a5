"""Doubly nudged elastic bands, lowered by L-BFGS over all images at once (`DoublyNudgedPathFinder`)."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.settings import Count, NonNegative, Points, Positive, settings
from elsuite.landscapes.base import Landscape
from elsuite.paths.autoneb import band_tangents, path_through
from elsuite.paths.base import Path, PathFinder, PathSearch
from elsuite.paths.bases import HatBasis
from elsuite.paths.heights import Heights
from elsuite.paths.record import SearchRecord, straight_path
from elsuite.paths.rounds import RoundInterruptedError, Rule, converge

FEWEST, MOST = 5, 61
"""Images where their number is not given."""

FEELER = 1e-3
"""Of the distance between two images: how far from the ends the springs' stiffness is felt for."""

LONGEST = 1.0
"""Of the distance between two images: no image moves further in one step."""

MEMORY = 6
"""Pairs of steps and changes of the gradient that L-BFGS remembers."""


@final
@settings
class DoublyNudgedPathFinder(PathFinder):
    r"""Moves the images of a chain down across it, held apart along it by springs, and straight by part of them.

    The gradient of an image is

    .. math:: g_\perp + k\,(|d_-| - |d_+|)\,\tau + \tilde g_\perp - (\tilde g_\perp \cdot \hat g_\perp)\,\hat g_\perp

    with the true gradient :math:`g`, the tangent :math:`\tau` of Henkelman and Jonsson (2000), the differences
    :math:`d_\mp` to the image before and after, and the springs' whole gradient :math:`\tilde g = k (d_- - d_+)`: of
    its part across the band what is also across the true gradient is kept. All images move together by L-BFGS
    without line search, none farther in a step than the images' distance. The stiffness k is the mean curvature of
    the surface at the two ends, in the direction of the straight line. Trygubenko and Wales, J. Chem. Phys. 120, 2082
    (2004). It is a finder for pieces of a way between stationary points: few hundred steps leave a band whose tops are
    good guesses of transition states.

    Attributes
    ----------
    n_images : int, optional
        By default `density` images a length scale of the landscape between the ends, from 5 to 61.
    n_steps : int
        Of the first round; each later one has twice as many.
    band_tolerance : float
        A round ends when no image's gradient is larger than this, in units of k times the images' distance.
    tolerance : float
        The search ends when a round changes the height above the higher end by no more than this share of it.
    negligible : float, optional
        The search ends when the band is no further above the higher end: `SeriesPathFinder` has the default.
    seconds : float, optional
        As `SeriesPathFinder` has them.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> surface = MullerBrown()
    >>> search = DoublyNudgedPathFinder().find(surface, *surface.minima[:2])
    >>> print(search.outcome, round(search.refined_height))
    converged -41
    """

    n_images: Count | None = None
    density: Positive = 10.0
    n_steps: Count = 100
    max_rounds: Count = 6
    band_tolerance: NonNegative = 0.01
    tolerance: NonNegative = 0.01
    negligible: NonNegative | None = None
    n_points: Points = 51
    seconds: Positive | None = None

    name: ClassVar[str] = "doubly-nudged"

    def find(
        self, landscape: Landscape, start: ArrayLike | Tensor, end: ArrayLike | Tensor, seed: int = 0
    ) -> PathSearch:
        """Return the lowest band found from `start` to `end`; nothing is drawn with `seed`."""
        record = SearchRecord(landscape, self.n_points, self.seconds)
        plain = straight_path(landscape, start, end, HatBasis(1))
        n = self.images_between(landscape, float(torch.linalg.vector_norm(plain.end - plain.start)))
        path = straight_path(landscape, start, end, HatBasis(n))

        def lowered(number: int, path: Path, _: Heights) -> Path | None:
            if not isinstance(path.basis, HatBasis):
                raise TypeError(f"a band has a HatBasis, not {path.basis}")
            t = torch.tensor([0.0, *path.basis.pivots, 1.0], dtype=torch.float64)
            relaxed = self.relaxed(landscape, path.points(t), self.n_steps * 2**number, record.goes_on)
            record.n_point_gradients += relaxed.n_gradients
            return path_of(relaxed.band) if relaxed.finite else None

        return converge(path, record, lowered, rule=Rule(self.tolerance, self.negligible, self.max_rounds))

    def images_between(self, landscape: Landscape, distance: float) -> int:
        """Return how many images a band of that length has."""
        if self.n_images is not None:
            return self.n_images
        wanted = self.density * distance / landscape.length_scale
        return int(min(max(math.ceil(wanted), FEWEST), MOST)) if math.isfinite(wanted) else FEWEST

    def relaxed(
        self,
        landscape: Landscape,
        band: Tensor,
        n_steps: int | None = None,
        goes_on: Callable[[int, int], bool] = lambda done, of: True,
    ) -> "RelaxedBand":
        """Return a band, images (n, P) with both ends, moved down by up to `n_steps` steps, by default `n_steps`."""
        return relax_band(landscape, band, n_steps or self.n_steps, self.band_tolerance, goes_on)


@dataclass(frozen=True, eq=False)
class RelaxedBand:
    """A band as its last step left it.

    Attributes
    ----------
    band : Tensor (n, P)
        All images, both ends first and last.
    energies : Tensor (n,)
    tangents : Tensor (n - 2, P)
        Unit tangents at the inner images.
    converged : bool
        Whether the gradients of all images are within the tolerance.
    finite : bool
        Whether all energies and gradients were numbers.
    """

    band: Tensor
    energies: Tensor
    tangents: Tensor
    n_steps: int
    n_gradients: int
    converged: bool
    finite: bool


def doubly_nudged_gradients(band: Tensor, energies: Tensor, gradients: Tensor, stiffness: float) -> Tensor:
    """Return what the inner images of a `band`, shape (n, P), are moved against, shape (n - 2, P).

    Parameters
    ----------
    energies : Tensor (n,)
        Of all images.
    gradients : Tensor (n - 2, P)
        Of the surface at the inner images.
    stiffness : float
        Of the springs, in units of energy over length squared.

    Examples
    --------
    A straight band with equal distances: what is left is the gradient across it.

    >>> band = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    >>> doubly_nudged_gradients(band, torch.tensor([0.0, 1.0, 0.0]), torch.tensor([[3.0, 4.0]]), 1.0)
    tensor([[0., 4.]])
    """
    tangents = band_tangents(band, energies)
    across = gradients - _along(gradients, tangents)
    steps = torch.diff(band, dim=0)
    springs = stiffness * (steps[:-1] - steps[1:])
    lengths = torch.linalg.vector_norm(steps, dim=1, keepdim=True)
    bent = springs - _along(springs, tangents)
    nudge = bent - _along(bent, _units(across))
    held: Tensor = across + stiffness * (lengths[:-1] - lengths[1:]) * tangents + nudge
    return held


def _units(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=1, eps=torch.finfo(vectors.dtype).tiny)


def _along(vectors: Tensor, units: Tensor) -> Tensor:
    along: Tensor = (vectors * units).sum(1, keepdim=True) * units
    return along


def relax_band(
    landscape: Landscape,
    band: Tensor,
    n_steps: int,
    tolerance: float,
    goes_on: Callable[[int, int], bool] = lambda done, of: True,
) -> RelaxedBand:
    """Return a `band`, shape (n, P), moved down by L-BFGS until no doubly nudged gradient is above the tolerance.

    Parameters
    ----------
    tolerance : float
        In units of the springs' stiffness times the distance of two images.
    goes_on : callable
        ``goes_on(done, n_steps)`` before each step: whether to take it.

    Raises
    ------
    RoundInterruptedError
        With the band as it is, at Ctrl-C.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> surface = MullerBrown()
    >>> a, b = torch.as_tensor(surface.minima[:2])
    >>> straight = torch.lerp(a, b, torch.linspace(0, 1, 12).double()[:, None])
    >>> relaxed = relax_band(surface, straight, 100, 0.01)
    >>> float(surface.energy(straight).max()) > 10, float(relaxed.energies.max()) < -40
    (True, True)
    """
    band = band.clone()
    spacing = float(torch.linalg.vector_norm(band[-1] - band[0])) / (len(band) - 1)
    ends, _ = landscape.energy_and_gradient(band[[0, -1]])
    stiffness, n_gradients = _stiffness(landscape, band, spacing), 4
    memory: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=MEMORY)
    energies, down = ends.new_zeros(len(band)), band.new_zeros(0)
    moved = before = None
    done, converged, finite = 0, False, True
    try:
        while True:
            inner, gradients = landscape.energy_and_gradient(band[1:-1])
            n_gradients += len(inner)
            energies = torch.cat([ends[:1], inner, ends[1:]])
            finite = math.isfinite(float(energies.sum() + gradients.sum()))
            if not finite:
                break
            down = doubly_nudged_gradients(band, energies, gradients, stiffness)
            largest = float(torch.linalg.vector_norm(down, dim=1).max())
            converged = largest <= tolerance * stiffness * spacing
            if converged or done == n_steps or not goes_on(done, n_steps):
                break
            if moved is not None and before is not None:
                _remember(memory, moved, down - before)
            moved = _shortened(-_by_memory(down, memory, stiffness), LONGEST * spacing)
            before = down
            band[1:-1] += moved
            done += 1
    except KeyboardInterrupt:
        raise RoundInterruptedError(path_of(band)) from None
    return RelaxedBand(band, energies, band_tangents(band, energies), done, n_gradients, converged, finite)


def _stiffness(landscape: Landscape, band: Tensor, spacing: float) -> float:
    """Return the mean size of the curvature at both ends of a band, in the direction of the straight line."""
    step = FEELER * spacing * _units(band[-1:] - band[:1])[0]
    _, gradients = landscape.energy_and_gradient(torch.stack([band[0], band[0] + step, band[-1], band[-1] - step]))
    length = float(torch.linalg.vector_norm(step))
    if not length > 0:
        return 1.0  # both ends are one point: there is nothing to hold apart
    rises = ((gradients[1::2] - gradients[::2]) * torch.stack([step, -step])).sum(1) / length**2
    sizes = torch.linalg.vector_norm(gradients, dim=1)
    stiffness = float(rises.abs().mean())
    # Flat ends have none: then what turns the gradients met there by the distance of two images.
    return stiffness if stiffness > 0 else float(sizes.max()) / spacing or 1.0


def _remember(memory: deque[tuple[Tensor, Tensor, float]], step: Tensor, change: Tensor) -> None:
    """Keep a step and the change of the gradient by it, if the surface bends up along it."""
    product = float((step * change).sum())
    lengths = torch.linalg.vector_norm(step) * torch.linalg.vector_norm(change)
    if product > torch.finfo(step.dtype).eps * float(lengths):
        memory.append((step, change, product))


def _by_memory(gradient: Tensor, memory: deque[tuple[Tensor, Tensor, float]], stiffness: float) -> Tensor:
    """Return the inverse Hessian that L-BFGS remembers times a gradient, by the two loops."""
    vector, parts = gradient.clone(), []
    for step, change, product in reversed(memory):
        part = float((step * vector).sum()) / product
        vector -= part * change
        parts.append(part)
    if memory:
        _, change, product = memory[-1]
        vector *= product / float((change * change).sum())
    else:
        vector /= stiffness
    for (step, change, product), part in zip(memory, reversed(parts), strict=True):
        vector += (part - float((change * vector).sum()) / product) * step
    return vector


def _shortened(steps: Tensor, longest: float) -> Tensor:
    lengths = torch.linalg.vector_norm(steps, dim=1, keepdim=True)
    shorter: Tensor = steps * (longest / lengths.clamp(min=torch.finfo(steps.dtype).tiny)).clamp(max=1.0)
    return shorter


def path_of(band: Tensor) -> Path:
    """Return the path through all images of a `band`, at their shares of its length."""
    lengths = torch.linalg.vector_norm(torch.diff(band, dim=0), dim=1).double()
    mean = float(lengths.mean())
    # Images at one place are apart in t all the same.
    lengths = lengths.clamp(min=1e-6 * mean) if mean > 0 else torch.ones_like(lengths)
    shares = torch.cat([lengths.new_zeros(1), lengths.cumsum(0) / lengths.sum()])
    return path_through(band, shares.cpu().numpy())
