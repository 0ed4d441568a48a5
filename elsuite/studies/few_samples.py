"""A landscape over few of its samples, on which a dry run tries what work costs: `FewSamples`."""

from functools import cached_property
from typing import Self, final

import torch
from torch import Tensor

from elsuite.landscapes import DataLandscape, Landscape
from elsuite.symmetry.base import Symmetry


@final
class FewSamples(DataLandscape):
    """The mean over `n_samples` of a landscape's samples, evenly spaced; a fourth as many on other surfaces.

    Examples
    --------
    >>> from elsuite.landscapes import load_data, network_landscape
    >>> whole = network_landscape("fcp", load_data("digits", n_train=50, n_test=20), hidden=(4,))
    >>> few = FewSamples(whole, 16)
    >>> few.n_samples, few.on("test").n_samples, few.energy(torch.zeros(1, few.n_parameters)).item()
    (16, 4, 2.302585...)
    """

    def __init__(self, whole: DataLandscape, n_samples: int) -> None:
        self._whole, self._wanted = whole, n_samples
        self.n_parameters, self.surfaces, self.surface = whole.n_parameters, whole.surfaces, whole.surface
        self.dtype, self.device, self.energy_floor = whole.dtype, whole.device, whole.energy_floor
        wanted = n_samples if whole.surface == whole.surfaces[0] else max(1, n_samples // 4)
        self.n_samples = min(wanted, whole.n_samples)

    @cached_property
    def symmetry(self) -> Symmetry:
        """That of the whole."""
        return self._whole.symmetry

    @cached_property
    def length_scale(self) -> float:
        """That of the whole."""
        return self._whole.length_scale

    def energy(self, points: Tensor) -> Tensor:
        """See `Landscape`."""
        return self.minibatch(torch.arange(self.n_samples, device=self.device)).energy(points)

    def energy_and_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """See `Landscape`."""
        return self.minibatch(torch.arange(self.n_samples, device=self.device)).energy_and_gradient(points)

    def on(self, surface: str) -> Self:
        """See `Landscape`."""
        return type(self)(self._whole.on(surface), self._wanted)

    def initial_points(self, seeds: list[int]) -> Tensor:
        """See `Landscape`."""
        return self._whole.initial_points(seeds)

    def minibatch(self, indices: Tensor) -> Landscape:
        """See `DataLandscape`; `indices` count the few samples."""
        chosen = torch.linspace(0, self._whole.n_samples - 1, self.n_samples, dtype=torch.float64).long()
        return self._whole.minibatch(chosen.to(indices.device)[indices])
