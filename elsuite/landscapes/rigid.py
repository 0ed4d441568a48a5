"""Clusters of rigid bodies in angle-axis coordinates: `RigidBodies`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.identity import plain_settings
from elsuite.core.typing import Floats
from elsuite.landscapes.analytic import AnalyticLandscape, by_autograd
from elsuite.landscapes.atoms import packed_radius, random_atoms
from elsuite.symmetry.base import Symmetry
from elsuite.symmetry.rigid import RigidBodySymmetry

SMALL = 1e-4
"""Squares of angles under this have their rotations by series."""


@final
@dataclass(frozen=True, eq=False)
class RigidBodies(AnalyticLandscape):
    """Rigid bodies whose energy is a function of the positions of their sites.

    A point is the centers (n_bodies, 3), then the rotation vectors (n_bodies, 3): the axis times the angle. Starts are
    random centers in a sphere, not nearer than `contact`, and random rotations.

    Parameters
    ----------
    bodies : sequence of arrays (n_sites, 3)
        Positions of the sites of each body, three or more off a line, from where its center is.
    potential : callable
        A differentiable torch function of site positions (n_points, n_sites, 3), body after body, that returns
        energies (n_points,).
    species : sequence
        A name for each site.
    contact : float
        About the distance of the centers of neighbors, the scale of lengths.
    groups, mirrored : optional
        See `RigidBodySymmetry`.

    Raises
    ------
    ValueError
        For bodies that are none, or species that do not fit.

    Examples
    --------
    >>> triangle = [[1.0, 0, 0], [-0.5, 0.8, 0], [-0.5, -0.8, 0]]
    >>> pair = RigidBodies([triangle, triangle], lambda sites: sites.square().sum((1, 2)), "AAAAAA", contact=2.0)
    >>> pair.n_parameters, pair.sites(pair.initial_points([0])).shape
    (12, torch.Size([1, 6, 3]))
    """

    bodies: Sequence[ArrayLike]
    potential: Callable[[Tensor], Tensor]
    species: Sequence[int | str]
    contact: float = 1.0
    groups: Any = None
    mirrored: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.contact < np.inf:
            raise ValueError(f"contact = {self.contact} given; a positive number is expected")
        _ = self.symmetry

    @cached_property
    def symmetry(self) -> Symmetry:
        """Bodies turned and moved as a whole, exchanged as the groups say."""
        bodies = tuple(tuple(map(tuple, np.asarray(body, dtype=np.float64).tolist())) for body in self.bodies)
        return RigidBodySymmetry(bodies, tuple(self.species), self.groups, self.mirrored)

    @property
    def n_parameters(self) -> int:  # type: ignore[override]
        """Six a body."""
        return 6 * len(self.bodies)

    @cached_property
    def length_scale(self) -> float:
        """The contact, or one radian if that is less: lengths and angles have no scale in common."""
        return float(min(self.contact, 1.0))

    @property
    def radius(self) -> float:
        """Of the sphere of starts."""
        return packed_radius(len(self.bodies), 3, self.contact)

    @property
    def bounds(self) -> Floats | None:  # type: ignore[override]
        """None: bodies drift and turn."""
        return None

    def declared(self) -> dict[str, Any]:
        """Return the kind, the bodies and their sites; the potential is what the energies say."""
        bodies = [np.asarray(body, dtype=np.float64).tolist() for body in self.bodies]
        return {
            "kind": "rigid bodies",
            "bodies": bodies,
            "species": list(self.species),
            "contact": plain_settings(self.contact),
        }

    def sites(self, points: Tensor) -> Tensor:
        """Return the positions of all sites, shape (n_points, n_sites, 3), of points (n_points, P)."""
        centers, vectors = points.view(len(points), 2, len(self.bodies), 3).unbind(1)
        squares = vectors.square().sum(-1, keepdim=True)[..., None]
        far = squares > SMALL
        angles = torch.where(far, squares, torch.ones_like(squares)).sqrt()
        sine = torch.where(far, angles.sin() / angles, 1 - squares / 6 + squares**2 / 120)
        turn = torch.where(far, (1 - angles.cos()) / angles**2, 0.5 - squares / 24 + squares**2 / 720)
        x, y, z = vectors.unbind(-1)
        zero = torch.zeros_like(x)
        skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).view(*x.shape, 3, 3)
        rotations = torch.eye(3, dtype=points.dtype) + sine * skew + turn * (skew @ skew)
        placed = [
            torch.as_tensor(np.asarray(body, dtype=np.float64)) @ rotations[:, k].transpose(1, 2) + centers[:, k, None]
            for k, body in enumerate(self.bodies)
        ]
        return torch.cat(placed, dim=1)

    def formula(self, points: Tensor) -> Tensor:
        """Return the potential of the sites."""
        return self.potential(self.sites(points))

    def energy_and_gradient(self, points: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
        """Return the energies and gradients."""
        return by_autograd(self, points)

    def initial_points(self, seeds: list[int]) -> Tensor:
        """Return random bodies for each seed."""
        nearest = torch.full((len(self.bodies),) * 2, float(self.contact), dtype=self.dtype)
        rows = []
        for seed in seeds:
            centers = random_atoms(seed, 3, nearest, radius=self.radius)
            generator = torch.Generator().manual_seed(int(seed) + 1)
            quaternions = torch.randn(len(self.bodies), 4, generator=generator, dtype=self.dtype)
            quaternions = quaternions / quaternions.norm(dim=1, keepdim=True)
            sines = quaternions[:, 1:].norm(dim=1, keepdim=True)
            angles = 2 * torch.atan2(sines, quaternions[:, :1])
            rows.append(torch.cat([centers, angles * quaternions[:, 1:] / sines]).flatten())
        return torch.stack(rows) if rows else torch.empty(0, self.n_parameters, dtype=self.dtype)
