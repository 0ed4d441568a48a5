"""Rigid bodies in angle-axis coordinates that are turned, moved and exchanged with their like: `RigidBodySymmetry`."""

import functools
import itertools
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.typing import Floats
from elsuite.symmetry.atoms import AtomSymmetry
from elsuite.symmetry.base import Alignment, Symmetry, checked_pair, checked_points
from elsuite.symmetry.rotations import kabsch

Body = tuple[tuple[float, ...], ...]
"""Positions of its sites, from where its center is."""

STEP = 1e-6
"""Of differences of site positions, in radians and sizes of a body."""


@final
@dataclass(frozen=True)
class RigidBodySymmetry(Symmetry):
    """Rigid bodies, free in space; a point is the centers (n_bodies, 3), then the rotation vectors (n_bodies, 3).

    A rotation vector is the axis times the angle: those that differ by whole turns are one rotation. Points are one
    when their sites are, by an `AtomSymmetry` of the sites; distances are those of the sites.

    Parameters
    ----------
    bodies : tuple of bodies
        For each body the positions of its sites, (n_sites, 3), three or more that are not on a line.
    species : tuple
        A name for each site, body after body.
    groups : tuple of groups, optional
        Which sites may be exchanged: see `AtomSymmetry`. Every exchange within a body must be a rotation of it. By
        default whole bodies of the same sites, and none within.
    mirrored : bool
        Whether mirror images are the same: of bodies that are their own mirror images only.

    Raises
    ------
    ValueError
        For bodies without three sites off a line, or species that do not fit.

    Examples
    --------
    >>> water = ((0.0, 0.0, 0.1), (0.8, 0.0, -0.5), (-0.8, 0.0, -0.5))
    >>> groups = (((0, 1, 2), (3, 4, 5)), (1, 2), (4, 5))
    >>> symmetry = RigidBodySymmetry((water, water), ("O", "H", "H") * 2, groups=groups, mirrored=True)
    >>> a = np.array([0.0, 0, 0, 3, 0, 0, 0.1, 0.2, 0.3, 1, 0, 0])
    >>> b = np.array([0.0, 3, 0, 0, 0, 0, 1, 0, 0, 0.1, 0.2, 0.3])  # the bodies exchanged, another place
    >>> symmetry.nearest(a, a).distance < 1e-12, symmetry.n_zero_modes
    (True, 6)
    """

    bodies: tuple[Body, ...]
    species: tuple[int | str, ...]
    groups: tuple[Any, ...] | None = None
    mirrored: bool = False
    n_parameters: int = field(init=False, repr=False, compare=False)
    n_zero_modes: int = field(default=6, init=False, repr=False, compare=False)
    stretch: float = field(init=False, repr=False, compare=False)
    drifts: bool = field(default=True, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        bodies = [np.array(body, dtype=np.float64) for body in self.bodies]
        good = bool(bodies) and all(body.ndim == 2 and body.shape[1] == 3 for body in bodies)
        if not good or any(np.linalg.matrix_rank(body - body.mean(axis=0), tol=1e-6) < 2 for body in bodies):
            raise ValueError(
                "bodies given with fewer than three sites off a line; three or more, (n_sites, 3), are expected"
            )
        if len(self.species) != sum(map(len, bodies)):
            raise ValueError(
                f"{len(self.species)} species given; one for each of {sum(map(len, bodies))} sites is expected"
            )
        values = {
            "bodies": tuple(tuple(map(tuple, body.tolist())) for body in bodies),
            "species": tuple(self.species),
            "n_parameters": 6 * len(bodies),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "stretch", self.sites.stretch)
        object.__setattr__(self, "groups", self.sites.groups)

    @functools.cached_property
    def places(self) -> list[slice]:
        """Where the sites of each body are among all."""
        ends = np.cumsum([0, *map(len, self.bodies)]).tolist()
        return [slice(a, b) for a, b in itertools.pairwise(ends)]

    @functools.cached_property
    def sites(self) -> AtomSymmetry:
        """By which sites are one."""
        groups = self.groups
        if groups is None:
            kinds: dict[Any, list[tuple[int, ...]]] = {}
            for body, place in zip(self.bodies, self.places, strict=True):
                kinds.setdefault((body, self.species[place]), []).append(tuple(range(place.start, place.stop)))
            groups = tuple(tuple(members) for members in kinds.values())
        return AtomSymmetry(self.species, mirrored=self.mirrored, groups=groups)

    def positions(self, points: ArrayLike) -> Floats:
        """Return the positions of all sites, shape (n, 3 n_sites), of points (n, P)."""
        batch = checked_points(self.n_parameters, points)
        centers, turns = np.split(batch.reshape(len(batch), -1, 3), 2, axis=1)
        sites = [
            np.einsum("nij,sj->nsi", _matrices(turns[:, k]), np.array(body)) + centers[:, k, None]
            for k, body in enumerate(self.bodies)
        ]
        return np.concatenate(sites, axis=1).reshape(len(batch), -1)

    def fingerprint(self, points: ArrayLike) -> Floats:
        """Return those of the sites."""
        return self.sites.fingerprint(self.positions(points))

    def nearest(self, a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0) -> Alignment:
        """Return the copy of `b` whose sites lie nearest to those of `a`, its rotation vectors near those of `a`."""
        first, second = checked_pair(self.n_parameters, a, b)
        both = self.positions(np.stack([first, second]))
        found = self.sites.nearest(*both, tolerance=tolerance)
        sites = found.coordinates.reshape(-1, 3)
        copy = np.empty((2, len(self.bodies), 3))
        near = first.reshape(2, -1, 3)[1]
        for k, (body, place) in enumerate(zip(self.bodies, self.places, strict=True)):
            own, there = np.array(body), sites[place]
            rotation = kabsch(there - there.mean(axis=0), own - own.mean(axis=0), False)
            copy[0, k] = there.mean(axis=0) - rotation @ own.mean(axis=0)
            copy[1, k] = _vector(rotation, near[k])
        return Alignment(found.distance, copy.ravel(), found.permutation, found.inverted)

    def zero_modes(self, points: ArrayLike) -> Floats:
        """Return the directions in which the whole is moved or turned."""
        batch = checked_points(self.n_parameters, points)
        size = float(np.abs(np.concatenate([np.array(body) for body in self.bodies])).max())
        steps = STEP * np.repeat([size, 1.0], self.n_parameters // 2)
        modes = []
        for point, sites in zip(batch, self.positions(batch), strict=True):
            ahead, behind = (self.positions(point + sign * np.diag(steps)) for sign in (1, -1))
            slopes = ((ahead - behind) / (2 * steps[:, None])).T
            rigid = self.sites.zero_modes(sites[None])[0]
            own = np.linalg.lstsq(slopes, rigid, rcond=None)[0]
            modes.append(np.linalg.qr(own)[0])
        return np.array(modes).reshape(len(batch), self.n_parameters, self.n_zero_modes)

    def group_order(self, point: ArrayLike) -> int:
        """Return that of the sites."""
        return self.sites.group_order(self.positions(np.asarray(point)[None])[0])

    def description(self) -> dict[str, Any]:
        """Return the kind and all that it is made with."""
        return {
            "kind": "rigid bodies",
            "bodies": [[list(site) for site in body] for body in self.bodies],
            "species": list(self.species),
            "groups": self.sites.description()["groups"],
            "mirrored": self.mirrored,
        }


def _matrices(vectors: Floats) -> Floats:
    """Return rotation matrices (n, 3, 3) of rotation vectors (n, 3)."""
    angles = np.linalg.norm(vectors, axis=1)[:, None, None]
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    sine, half = np.sinc(angles / np.pi), np.sinc(angles / (2 * np.pi))
    return np.asarray(np.eye(3) + sine * skew + half**2 / 2 * (skew @ skew))


def _vector(rotation: Floats, near: Floats) -> Floats:
    """Return the rotation vector of a matrix that is nearest to another vector: they differ by whole turns."""
    skew = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    angle = float(np.arctan2(np.linalg.norm(skew), np.trace(rotation) - 1))
    if np.linalg.norm(skew) > 1e-6:
        axis = skew / np.linalg.norm(skew)
    else:  # no turn, or half of one: its axis is what stays
        axis = np.linalg.svd(rotation - np.eye(3))[2][-1] if angle > 1 else near
        length = float(np.linalg.norm(axis))
        axis = axis / length if length > 0 else np.array([0.0, 0.0, 1.0])
    turns = np.round((near @ axis - angle) / (2 * np.pi))
    return np.asarray(axis * (angle + 2 * np.pi * turns))
