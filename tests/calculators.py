"""Landscapes whose energies are calls of a program of its own: `Calculator`."""

from dataclasses import dataclass, field

import torch

from elsuite.landscapes.base import Landscape


@dataclass(frozen=True, eq=False)
class Calculator(Landscape):
    """Another landscape's energies, times a factor, at points in other units, as a program of its own gives them."""

    of: Landscape
    energy_unit: float = 1.0
    length_unit: float = 1.0
    offset: float = 0.0
    fails: tuple[int, ...] = ()
    wrong: str | None = "nan"
    """What the energy is where it fails; None: an exception."""
    calls: list[int] = field(default_factory=list)

    surfaces, surface = ("energy",), "energy"
    dtype, device = torch.float64, torch.device("cpu")
    gradient_only = True

    def __post_init__(self):
        object.__setattr__(self, "n_parameters", self.of.n_parameters)
        object.__setattr__(self, "symmetry", self.of.symmetry)
        object.__setattr__(self, "length_scale", self.of.length_scale * self.length_unit)

    def declared(self):
        return {"kind": "Calculator"}

    def energy(self, points):
        return self.energy_and_gradient(points)[0]

    def energy_and_gradient(self, points):
        self.calls.append(len(points))
        energies, gradients = self.of.energy_and_gradient(points / self.length_unit)
        if len(self.calls) in self.fails:
            if self.wrong is None:
                raise RuntimeError("SCF did not converge\nafter 100 cycles")
            energies = torch.full_like(energies, float(self.wrong))
        return self.offset + self.energy_unit * energies, self.energy_unit / self.length_unit * gradients

    def on(self, surface):
        return self

    def initial_points(self, seeds):
        return self.length_unit * self.of.initial_points(seeds)
