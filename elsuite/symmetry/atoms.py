"""Atoms that may be exchanged with their like, turned, mirrored, moved, or repeated in a cell: `AtomSymmetry`."""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from elsuite.core.typing import Floats, Ids, Mask
from elsuite.symmetry.base import Alignment, Symmetry, checked_pair, checked_points

N_ROTATIONS = 60
"""So many rotations of reference atoms, and as many random ones, are tried where no copy is within the tolerance."""
SAME_SHAPE = 1e-4
"""Relative to its size, an atom of a cluster laid over itself may be off by this."""
LINEAR = 1e-7
"""Relative to its size, a cluster no thicker than this is a line: a turn about it is no zero mode."""


@final
@dataclass(frozen=True)
class AtomSymmetry(Symmetry):
    """Atoms of which only like ones are exchanged; a point is their coordinates (n_atoms, dimension) in a row.

    Parameters
    ----------
    turned : bool
        Whether a turned copy is the same: about the center, or about the origin if not `translated`.
    mirrored : bool
        Whether a mirror image is the same; in a cell, or where nothing is turned, the inverted image. On a frame that
        is fixed, neither turned nor translated, it has no meaning.
    translated : bool
        Whether a copy moved as a whole is the same.
    cell : tuple of rows, optional
        Lattice vectors: positions count modulo them, distances to the nearest image.

    Raises
    ------
    ValueError
        For no atoms, another dimension, or a cell that is turned or of another shape.

    Examples
    --------
    >>> chains = np.array([[0.0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0], [0.0, 0, 0, 2, 0, 0, 1, 0, 0, 3, 0, 0]])
    >>> AtomSymmetry(("A", "A", "B", "B")).nearest(*chains).distance  # A-A-B-B and A-B-A-B
    1.41421356...
    >>> AtomSymmetry((0, 0, 0, 0)).nearest(*chains).distance
    0.0
    """

    species: tuple[int | str, ...]
    dimension: int = 3
    turned: bool = True
    mirrored: bool = True
    translated: bool = True
    cell: tuple[tuple[float, ...], ...] | None = None
    n_parameters: int = field(init=False, repr=False, compare=False)
    n_zero_modes: int = field(init=False, repr=False, compare=False)
    stretch: float = field(init=False, repr=False, compare=False)
    drifts: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        n, d = len(self.species), self.dimension
        if n == 0 or d not in {2, 3}:
            raise ValueError(f"{n} atoms in dimension {d} given; one atom or more in dimension 2 or 3 are expected")
        cell = None if self.cell is None else np.array(self.cell, dtype=np.float64)
        if cell is not None and (
            self.turned or cell.shape != (d, d) or not np.isfinite(cell).all() or np.linalg.matrix_rank(cell) < d
        ):
            raise ValueError(
                f"cell {self.cell} given, turned {self.turned}; {d} independent rows of {d} numbers are expected, and "
                "turned=False: a turned cell is another one"
            )
        atoms_around = n - 1 if self.translated else n
        turns = 0 if not self.turned or atoms_around == 0 else 2 if d == 3 and atoms_around == 1 else 2 * d - 3
        derived = {
            "species": tuple(self.species),
            "cell": None if cell is None else tuple(map(tuple, cell.tolist())),
            "n_parameters": n * d,
            "n_zero_modes": d * self.translated + turns,
            # Distances of pairs: the Laplacian of the complete graph has the largest eigenvalue n. One more for the
            # radii, or the phases in a fixed cell.
            "stretch": float(np.sqrt(n if self.translated else n + 1)),
            "drifts": self.turned or self.translated or cell is not None,
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @functools.cached_property
    def _kinds(self) -> list[Ids]:
        """Places of the atoms of each species."""
        places: dict[int | str, list[int]] = {}
        for k, kind in enumerate(self.species):
            places.setdefault(kind, []).append(k)
        return [np.array(own, dtype=np.int64) for own in places.values()]

    @functools.cached_property
    def _alike(self) -> Mask:
        """Which pairs of atoms are of one species, shape (n_atoms, n_atoms)."""
        alike = np.zeros((len(self.species),) * 2, dtype=np.bool_)
        for own in self._kinds:
            alike[np.ix_(own, own)] = True
        return alike

    @functools.cached_property
    def _lattice(self) -> tuple[Floats, Floats, Floats]:
        """A reduced basis of the lattice, its inverse, and the lattice vectors around the origin."""
        basis = _reduced(np.array(self.cell))
        shifts = np.array(list(itertools.product((-1, 0, 1), repeat=self.dimension))) @ basis
        return basis, np.asarray(np.linalg.inv(basis), dtype=np.float64), shifts

    @property
    def _inverts(self) -> bool:
        return self.mirrored and (self.turned or self.translated)

    def _atoms(self, points: Floats) -> Floats:
        """Return the positions, shape (..., n_atoms, d), from the center where the whole may be moved."""
        atoms = points.reshape(*points.shape[:-1], len(self.species), self.dimension)
        if self.translated and self.cell is None:
            return np.asarray(atoms - atoms.mean(axis=-2, keepdims=True))
        return atoms

    def _shortest(self, differences: Floats) -> Floats:
        """Return differences of positions, shape (..., d), to the nearest image."""
        if self.cell is None:
            return differences
        basis, inverse, shifts = self._lattice
        near = differences - np.round(differences @ inverse) @ basis
        images = near[..., None, :] + shifts
        best = (images**2).sum(axis=-1).argmin(axis=-1)
        return np.asarray(np.take_along_axis(images, best[..., None, None], axis=-2)[..., 0, :])

    def fingerprint(self, points: ArrayLike) -> Floats:
        """Return sorted distances for each pair of species; on a fixed frame sorted coordinates for each species."""
        batch = checked_points(self.n_parameters, points)
        atoms = self._atoms(batch)
        n = len(batch)
        if not self.drifts:
            return np.hstack([np.sort(atoms[:, own], axis=1).reshape(n, -1) for own in self._kinds])
        parts = []
        for (a, one), (b, other) in itertools.combinations_with_replacement(enumerate(self._kinds), 2):
            first, second = (
                np.triu_indices(len(one), 1) if a == b else np.indices((len(one), len(other))).reshape(2, -1)
            )
            apart = self._shortest(atoms[:, one[first]] - atoms[:, other[second]])
            parts.append(np.sort(np.linalg.norm(apart, axis=-1), axis=1))
        if not self.translated:
            for own in self._kinds:
                if self.cell is None:
                    parts.append(np.sort(np.linalg.norm(atoms[:, own], axis=-1), axis=1))
                else:  # the lowest Fourier components of the atoms' density
                    waves = 2 * np.pi * self._lattice[1]
                    scale = np.linalg.norm(waves, axis=0) * np.sqrt(len(own) * self.dimension)
                    angles = atoms[:, own] @ waves
                    parts += [np.cos(angles).sum(axis=1) / scale, np.sin(angles).sum(axis=1) / scale]
        return np.hstack(parts)

    def nearest(self, a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0) -> Alignment:
        """Return `b` laid over `a`: turned, mirrored, moved, atoms exchanged to the shortest distance that is found.

        Two atoms of `a` off one line through the center (one in two dimensions) are laid over atoms of `b` of the same
        species, those first that agree best in their distances. Each such rotation is improved by turns: exchange like
        atoms (the Hungarian method), rotate (Kabsch), until nothing changes; in a cell the same with translations.
        Copies are recognized surely; of other points the distance is an upper bound, the shortest over a number of such
        rotations and as many random ones, always the same.
        """
        first, second = checked_pair(self.n_parameters, a, b)
        fixed, moving = self._atoms(first), self._atoms(second)
        size = max(_radius(fixed), _radius(moving))
        enough = max(tolerance, 1e-13 * size)
        best: Alignment | None = None
        for found in self._copies(fixed, moving, 3 * max(tolerance, 1e-9 * size)):
            if best is None or found.distance < best.distance:
                best = found
            if best.distance <= enough:
                break
        assert best is not None
        whole = first.reshape(fixed.shape) - fixed  # where the center is
        return Alignment(best.distance, np.ravel(best.coordinates + whole), best.permutation, best.inverted)

    def _copies(self, fixed: Floats, moving: Floats, slack: float) -> Iterator[Alignment]:
        """Yield alignments of `moving` to `fixed`, each the best near one way to begin."""
        if self.cell is not None:
            for inverted, shift in self._starting_shifts(fixed, moving):
                yield self._improve_shift(fixed, -moving if inverted else moving, shift, inverted)
        elif not self.turned:
            for inverted in (False, True)[: 1 + self._inverts]:
                image = -moving if inverted else moving
                labels, distance = self._match(fixed, image)
                yield Alignment(distance, image[labels], labels, inverted)
        else:
            rotations, n_fitting = self._starting_rotations(fixed, moving, slack)
            others = _random_rotations(N_ROTATIONS, self.dimension, self._inverts)
            for rotation in itertools.chain(rotations[: max(N_ROTATIONS, n_fitting)], others):
                yield self._improve(fixed, moving, rotation)

    def _match(self, fixed: Floats, moving: Floats) -> tuple[Ids, float]:
        """Return which atom of `moving` lies over each of `fixed`, like over like, and the distance."""
        squares = (self._shortest(fixed[:, None] - moving[None]) ** 2).sum(axis=-1)
        labels, total = np.empty(len(fixed), dtype=np.int64), 0.0
        for own in self._kinds:
            part = squares[np.ix_(own, own)]
            rows, columns = linear_sum_assignment(part)
            labels[own] = own[columns]
            total += float(part[rows, columns].sum())
        return labels, float(np.sqrt(total))

    def _improve(self, fixed: Floats, moving: Floats, rotation: Floats) -> Alignment:
        """Exchange and rotate by turns, from one rotation, until the labels stay as they are."""
        labels, distance = self._match(fixed, moving @ rotation.T)
        inverted = bool(np.linalg.det(rotation) < 0)
        for _ in range(50):
            rotation = _kabsch(fixed, moving[labels], inverted)
            again, distance = self._match(fixed, moving @ rotation.T)
            if np.array_equal(again, labels):
                break
            labels = again
        return Alignment(distance, (moving @ rotation.T)[labels], labels, inverted)

    def _improve_shift(self, fixed: Floats, moving: Floats, shift: Floats, inverted: bool) -> Alignment:
        """Exchange and move by turns, in a cell, until the labels stay as they are."""
        labels, distance = self._match(fixed, moving + shift)
        for _ in range(50 if self.translated else 0):
            shift = shift + self._shortest(fixed - moving[labels] - shift).mean(axis=0)
            again, distance = self._match(fixed, moving + shift)
            if np.array_equal(again, labels):
                break
            labels = again
        rest = self._shortest(fixed - moving[labels] - shift)
        return Alignment(distance, fixed - rest, labels, inverted)

    def _starting_shifts(self, fixed: Floats, moving: Floats) -> list[tuple[bool, Floats]]:
        """Return whether to invert, and shifts that lay each atom of the rarest species over the first one."""
        if not self.translated:
            return [(False, np.zeros(self.dimension))]
        rarest = min(self._kinds, key=len)
        return [
            (inverted, fixed[rarest[0]] - (-moving[k] if inverted else moving[k]))
            for inverted in (False, True)[: 1 + self._inverts]
            for k in rarest
        ]

    def _starting_rotations(self, fixed: Floats, moving: Floats, slack: float) -> tuple[Floats, int]:
        """Return rotations and reflections, shape (n, d, d), that lay reference atoms over like ones, best first.

        The second value is the number of those whose distances agree within `slack`.
        """
        pair = self._reference_atoms(fixed, moving)
        if pair is None:  # all in one place, or on a line in space: lay line over line, either way round
            lines = _line_rotations(fixed, moving, self._inverts)
            return lines, len(lines)
        i, j = pair
        sizes = np.linalg.norm(moving, axis=1)
        between = np.linalg.norm(moving[:, None] - moving[None], axis=-1)
        wanted = (np.linalg.norm(fixed[i]), np.linalg.norm(fixed[j]), np.linalg.norm(fixed[i] - fixed[j]))
        errors = np.maximum(
            np.maximum(np.abs(sizes - wanted[0])[:, None], np.abs(sizes - wanted[1])[None]), np.abs(between - wanted[2])
        )
        errors[~self._alike[i]] = np.inf
        errors[:, ~self._alike[j]] = np.inf
        if i == j:  # in two dimensions one atom is enough
            errors[~np.eye(len(errors), dtype=bool)] = np.inf
        else:
            np.fill_diagonal(errors, np.inf)
        order = np.argsort(errors, axis=None, kind="stable")
        order = order[np.isfinite(errors.flat[order])]
        n_fitting = int((errors.flat[order] <= slack).sum())
        first, second = np.unravel_index(order, errors.shape)
        frames = _frames(moving[first], moving[second])
        frame = _frames(fixed[i][None], fixed[j][None])[0]
        ways = [frame.T @ frames]
        if self._inverts:  # in the frame: the last axis stands on the line or plane of the reference atoms
            ways.append(frame.T @ np.diag([1.0] * (self.dimension - 1) + [-1.0]) @ frames)
        return np.stack(ways, axis=1).reshape(-1, *frame.shape), len(ways) * n_fitting

    def _reference_atoms(self, fixed: Floats, moving: Floats) -> tuple[int, int] | None:
        """Return atoms that fix a rotation, those with fewest counterparts; None if none do.

        Two atoms off a line through the center in space, one off the center in the plane, given twice.
        """
        sizes = np.linalg.norm(fixed, axis=1)
        size = float(sizes.max(initial=0.0))
        if size <= 1e-12 * np.abs(moving).max(initial=0.0) or size == 0:
            return None
        if self.dimension == 2:
            spread = np.where(np.eye(len(fixed), dtype=bool), sizes[:, None] * size, 0.0)
        else:
            spread = np.linalg.norm(np.cross(fixed[:, None], fixed[None]), axis=-1)
        usable = spread > 0.2 * size**2
        if not usable.any():
            usable = spread > 1e-4 * size**2
        if not usable.any():
            return None
        others = np.linalg.norm(moving, axis=1)
        alike = ((np.abs(sizes[:, None] - others[None]) < 1e-3 * size) & self._alike).sum(axis=1)
        counts = np.where(usable, np.maximum(alike[:, None], 1) * np.maximum(alike[None], 1), np.inf)
        i, j = np.unravel_index(int(np.argmin(counts)), counts.shape)
        return int(i), int(j)

    def description(self) -> dict[str, Any]:
        """Return the kind and all that it is made with."""
        return {
            "kind": "atoms",
            "species": list(self.species),
            "dimension": self.dimension,
            "turned": self.turned,
            "mirrored": self.mirrored,
            "translated": self.translated,
            "cell": None if self.cell is None else [list(row) for row in self.cell],
        }

    def zero_modes(self, points: ArrayLike) -> Floats:
        """Return directions of translation and rotation; a linear cluster has one fewer, the last is zero there."""
        batch = checked_points(self.n_parameters, points)
        if self.n_zero_modes == 0:
            return np.empty((*batch.shape, 0))
        atoms = self._atoms(batch)
        shape = (len(batch), -1, self.n_parameters)
        directions = []
        if self.translated:
            shifts = np.eye(self.dimension)[:, None] * np.ones((len(self.species), 1)) / np.sqrt(len(self.species))
            directions.append(np.broadcast_to(shifts, (len(batch), *shifts.shape)).reshape(shape))
        if self.turned:
            one = np.eye(self.dimension)
            generators = [np.outer(a, b) - np.outer(b, a) for b, a in itertools.combinations(one, 2)]
            turns = np.einsum("kij,naj->nkai", np.array(generators), atoms).reshape(shape)
            size = np.linalg.norm(batch if not self.translated else atoms.reshape(batch.shape), axis=1)
            directions.append(turns / np.maximum(size, np.finfo(float).tiny)[:, None, None])
        # Singular vectors: turns are not orthogonal to each other, and about a linear cluster there are two only.
        basis = np.concatenate(directions, axis=1).transpose(0, 2, 1)
        left, values, _ = np.linalg.svd(basis, full_matrices=False)
        modes = left[..., : self.n_zero_modes]
        return np.asarray(modes * (values > LINEAR)[:, None, : self.n_zero_modes])

    def group_order(self, point: ArrayLike) -> int:
        """Return the order of the point group: how many rotations, proper and improper if mirrored, change nothing.

        Of a linear molecule in space it is 1 or 2: whether its ends are alike. In a cell translations are counted.
        """
        atoms = self._atoms(checked_points(self.n_parameters, np.asarray(point)[None])[0])
        size = _radius(atoms)
        near = SAME_SHAPE * np.sqrt(len(atoms)) * size
        if self.cell is not None:
            basis = self._lattice[0]
            near = SAME_SHAPE * np.sqrt(len(atoms)) * float(np.linalg.norm(basis, axis=1).min())
            shifts = self._starting_shifts(atoms, atoms)
            images = [(-atoms if inverted else atoms) + shift for inverted, shift in shifts]
        elif not self.turned:
            images = [atoms, -atoms][: 1 + self._inverts]
        elif self._reference_atoms(atoms, atoms) is None:
            if len(atoms) == 1 or size == 0:
                return 1
            images = [atoms, -atoms]
        else:
            rotations, n_fitting = self._starting_rotations(atoms, atoms, 3 * SAME_SHAPE * size)
            images = [atoms @ rotation.T for rotation in rotations[:n_fitting]]
        return max(1, sum(bool(self._match(atoms, image)[1] <= near) for image in images))

    def within(self, points: ArrayLike, lowest: Floats, highest: Floats) -> Mask:
        """Return which points lie in a box; clusters that drift by their radius, cells always."""
        batch = checked_points(self.n_parameters, points)
        if self.cell is not None:
            return np.ones(len(batch), dtype=np.bool_)
        if not self.drifts:
            return np.asarray(((batch >= lowest) & (batch <= highest)).all(axis=1))
        corners = np.stack([lowest, highest]).reshape(2, -1, self.dimension)
        allowed = float(np.linalg.norm(corners, axis=-1).max())
        return np.asarray((np.linalg.norm(self._atoms(batch), axis=-1) <= allowed).all(axis=1))

    def sizes(self, points: ArrayLike) -> Floats | None:
        """Return root mean square distances of atoms from the center; in a cell what an atom has of it."""
        batch = checked_points(self.n_parameters, points)
        if self.cell is not None:
            volume = abs(float(np.linalg.det(np.array(self.cell)))) / len(self.species)
            return np.full(len(batch), volume ** (1 / self.dimension))
        if not self.drifts:
            return None
        return np.asarray(np.sqrt((self._atoms(batch) ** 2).sum(axis=(1, 2)) / len(self.species)))


def _radius(atoms: Floats) -> float:
    return float(np.linalg.norm(atoms, axis=-1).max(initial=0.0))


def _kabsch(fixed: Floats, moving: Floats, inverted: bool) -> Floats:
    """Return the rotation, with a reflection if `inverted`, that lays `moving` best over `fixed`."""
    left, _, right = np.linalg.svd(fixed.T @ moving)
    wanted = -1.0 if inverted else 1.0
    signs = np.ones(len(left))
    signs[-1] = np.sign(wanted * np.linalg.det(left @ right))
    return np.asarray(left @ np.diag(signs) @ right)


@functools.cache
def _random_rotations(number: int, dimension: int, mirrored: bool) -> Floats:
    """Return rotations, with reflections by turns if `mirrored`, shape (number, d, d), from their own generator."""
    gaussian = np.random.default_rng(0).standard_normal((number, dimension, dimension))
    orthogonal, triangle = np.linalg.qr(gaussian)
    orthogonal *= np.sign(np.diagonal(triangle, axis1=1, axis2=2))[:, None]
    proper = np.sign(np.linalg.det(orthogonal))
    wanted = np.where(np.arange(number) % 2, -1.0, 1.0) if mirrored else np.ones(number)
    orthogonal[:, :, -1] *= (wanted * proper)[:, None]
    return np.asarray(orthogonal)


def _frames(first: Floats, second: Floats) -> Floats:
    """Return orthonormal frames as rows, shape (n, d, d): along `first`, in space towards `second`, and the normal."""
    tiny = np.finfo(float).tiny
    along = first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), tiny)
    if first.shape[1] == 2:
        return np.stack([along, along @ np.array([[0.0, 1.0], [-1.0, 0.0]])], axis=1)
    rest = second - (second * along).sum(axis=1, keepdims=True) * along
    towards = rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), tiny)
    return np.stack([along, towards, np.cross(along, towards)], axis=1)


def _line_rotations(fixed: Floats, moving: Floats, mirrored: bool) -> Floats:
    """Return rotations that lay the line of atoms over the other, both ways round."""
    d = fixed.shape[1]
    a, b = (np.linalg.svd(atoms)[2][0] if np.any(atoms) else np.eye(d)[0] for atoms in (fixed, moving))
    cosine = float(np.clip(a @ b, -1.0, 1.0))
    if cosine < 0:
        b, cosine = -b, -cosine
    skew = np.outer(a, b) - np.outer(b, a)
    turn = np.eye(d) + skew + skew @ skew / (1 + cosine)
    if mirrored or d == 2:
        return np.stack([turn, -turn])  # in the plane the inversion is a rotation
    across = np.linalg.svd(a[None])[2][1]
    return np.stack([turn, (2 * np.outer(across, across) - np.eye(d)) @ turn])


def _reduced(cell: Floats) -> Floats:
    """Return the shortest basis of the lattice: no row grows shorter by the others, each taken once or not at all."""
    basis = cell.copy()
    while True:
        before = basis.copy()
        for i in range(len(basis)):
            for j in range(len(basis)):
                if i != j:
                    basis[i] -= np.round(basis[i] @ basis[j] / (basis[j] @ basis[j])) * basis[j]
            others = np.delete(basis, i, axis=0)
            ways = basis[i] + np.array(list(itertools.product((0, -1, 1), repeat=len(others)))) @ others
            lengths = np.linalg.norm(ways, axis=1)
            if lengths.min() < lengths[0] * (1 - 1e-12):
                basis[i] = ways[lengths.argmin()]
        if np.array_equal(basis, before):
            return basis
