"""Atoms that may be exchanged with their like, turned, mirrored, moved, or repeated in a cell: `AtomSymmetry`."""

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from elsuite.core.compiling import can_compile, compiled_function
from elsuite.core.typing import Floats, Ids, Mask
from elsuite.symmetry.base import Alignment, Symmetry, checked_pair, checked_points
from elsuite.symmetry.groups import Part, checked_groups, exchanged, orbits, part_of
from elsuite.symmetry.lattices import Lattice, Operation, all_operations, lattice_of
from elsuite.symmetry.overlay import overlay
from elsuite.symmetry.rotations import kabsch, line_rotations, orthonormal_frames, random_rotations

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
        Lattice vectors: positions count modulo them, distances to the nearest image. Fewer than the dimension where
        some directions do not repeat, two of a surface.
    groups : tuple of groups, optional
        Of molecules: which atoms may be exchanged, instead of all of a species. A group is a tuple of atoms, or of
        tuples of atoms that move together, in corresponding orders; one group may lie in a member of another. Two
        molecules of water are ``(((0, 1, 2), (3, 4, 5)), (1, 2), (4, 5))``.
    operations : tuple of (rotation, shift), optional
        Of a lattice, or of a frame that is fixed: copies x R^T + t are the same. Those that make the group suffice.

    Raises
    ------
    ValueError
        For no atoms, another dimension, a cell that is turned or of another shape, groups of atoms that are not alike,
        or operations that do not keep the cell.

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
    groups: tuple[Any, ...] | None = None
    operations: tuple[Operation, ...] | None = None
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
            self.turned
            or cell.ndim != 2
            or not 0 < len(cell) <= d
            or cell.shape[1] != d
            or not np.isfinite(cell).all()
            or np.linalg.matrix_rank(cell) < len(cell)
        ):
            raise ValueError(
                f"cell {self.cell} given, turned {self.turned}; {d} independent rows of {d} numbers are expected, or "
                "fewer rows, and turned=False: a turned cell is another one"
            )
        if self.operations is not None and self.turned:
            raise ValueError("operations given, turned True; they are of a frame that is not turned")
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
        if self.groups is not None:
            derived["groups"] = checked_groups(self.groups, n)
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        _ = self._kinds, self._frame  # both are checked

    @functools.cached_property
    def _kinds(self) -> list[Ids]:
        """Places of the atoms of each species, or, with groups, of those that may take each other's places."""
        if self._whole is not None:
            return orbits(self.species, self._whole)
        places: dict[int | str, list[int]] = {}
        for k, kind in enumerate(self.species):
            places.setdefault(kind, []).append(k)
        return [np.array(own, dtype=np.int64) for own in places.values()]

    @functools.cached_property
    def _whole(self) -> Part | None:
        """All atoms with their exchangeable parts, where there are groups."""
        return None if self.groups is None else part_of(range(len(self.species)), self.groups)

    @functools.cached_property
    def _frame(self) -> list[tuple[Floats, Floats]]:
        """All operations of the frame, the identity first."""
        return all_operations(self.operations or (), self.dimension, self._lattice)

    @functools.cached_property
    def _codes(self) -> Ids:
        """A number for each atom, the same for those that may take each other's places."""
        codes = np.zeros(len(self.species), dtype=np.int64)
        for k, own in enumerate(self._kinds):
            codes[own] = k
        return codes

    @functools.cached_property
    def _alike(self) -> Mask:
        """Which pairs of atoms may take each other's places, shape (n_atoms, n_atoms)."""
        alike = np.zeros((len(self.species),) * 2, dtype=np.bool_)
        for own in self._kinds:
            alike[np.ix_(own, own)] = True
        return alike

    @functools.cached_property
    def _lattice(self) -> Lattice | None:
        return None if self.cell is None else lattice_of(self.cell)

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
        return differences if self._lattice is None else self._lattice.shortest(differences)

    def fingerprint(self, points: ArrayLike) -> Floats:
        """Return sorted distances for each pair of species; on a fixed frame sorted coordinates for each species."""
        batch = checked_points(self.n_parameters, points)
        atoms = self._atoms(batch)
        if not self.drifts:
            return self._on_frame(atoms, self._sorted)
        parts = []
        for (a, one), (b, other) in itertools.combinations_with_replacement(enumerate(self._kinds), 2):
            first, second = (
                np.triu_indices(len(one), 1) if a == b else np.indices((len(one), len(other))).reshape(2, -1)
            )
            apart = self._shortest(atoms[:, one[first]] - atoms[:, other[second]])
            parts.append(np.sort(np.linalg.norm(apart, axis=-1), axis=1))
        if not self.translated and self.cell is None:
            parts += [np.sort(np.linalg.norm(atoms[:, own], axis=-1), axis=1) for own in self._kinds]
        elif not self.translated:
            parts.append(self._on_frame(atoms, self._waves))
        return np.hstack(parts)

    def _on_frame(self, atoms: Floats, prints: Callable[[Floats], Floats]) -> Floats:
        """Return the mean of prints over the operations of the frame: the same for all copies, and no farther apart."""
        images = [prints(atoms @ rotation.T + shift) for rotation, shift in self._frame]
        return images[0] if len(images) == 1 else np.asarray(np.mean(images, axis=0))

    def _sorted(self, atoms: Floats) -> Floats:
        """Return sorted coordinates for each species, shape (n, F)."""
        return np.hstack([np.sort(atoms[:, own], axis=1).reshape(len(atoms), -1) for own in self._kinds])

    def _waves(self, atoms: Floats) -> Floats:
        """Return the lowest Fourier components of the atoms' density, and sorted coordinates where nothing repeats."""
        assert self._lattice is not None
        parts = []
        for own in self._kinds:
            waves = 2 * np.pi * self._lattice.inverse
            scale = np.linalg.norm(waves, axis=0) * np.sqrt(len(own) * self.dimension)
            angles = atoms[:, own] @ waves
            parts += [np.cos(angles).sum(axis=1) / scale, np.sin(angles).sum(axis=1) / scale]
            if self._lattice.across.shape[1]:
                heights = np.sort(atoms[:, own] @ self._lattice.across, axis=1) / np.sqrt(self.dimension)
                parts.append(heights.reshape(len(atoms), -1))
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

    def overlaid(self, a: ArrayLike, b: ArrayLike, tolerance: float) -> float:
        """Return the distance to a copy that two atoms laid over like ones lead to, where that can be compiled."""
        if not self.turned or self.groups is not None or not can_compile():
            return np.inf
        first, second = checked_pair(self.n_parameters, a, b)
        fixed, moving = self._atoms(first), self._atoms(second)
        # Copies within the tolerance have their reference atoms off by that, and all others by a few times as much.
        slack = 20 * max(tolerance, 1e-9 * _radius(fixed))
        return float(_overlay()(fixed, moving, self._codes, self.mirrored, slack, tolerance))

    def _copies(self, fixed: Floats, moving: Floats, slack: float) -> Iterator[Alignment]:
        """Yield alignments of `moving` to `fixed`, each the best near one way to begin."""
        if self.cell is not None:
            for inverted, image in self._images(moving):
                for shift in self._starting_shifts(fixed, image):
                    yield self._improve_shift(fixed, image, shift, inverted)
        elif not self.turned:
            for inverted, image in self._images(moving):
                labels, distance = self._match(fixed, image)
                yield Alignment(distance, image[labels], labels, inverted)
        else:
            rotations, n_fitting = self._starting_rotations(fixed, moving, slack)
            others = random_rotations(N_ROTATIONS, self.dimension, self._inverts)
            for rotation in itertools.chain(rotations[: max(N_ROTATIONS, n_fitting)], others):
                yield self._improve(fixed, moving, rotation)

    def _match(self, fixed: Floats, moving: Floats) -> tuple[Ids, float]:
        """Return which atom of `moving` lies over each of `fixed`, like over like, and the distance."""
        squares = (self._shortest(fixed[:, None] - moving[None]) ** 2).sum(axis=-1)
        if self._whole is not None:
            labels, total = exchanged(squares, self._whole)
            return labels, float(np.sqrt(total))
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
            rotation = kabsch(fixed, moving[labels], inverted)
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

    def _images(self, moving: Floats) -> Iterator[tuple[bool, Floats]]:
        """Yield whether an image is inverted, and the image: by inversion, if allowed, and the operations."""
        for inverted in (False, True)[: 1 + self._inverts]:
            for rotation, shift in self._frame:
                image = -moving if inverted else moving
                yield inverted, image @ rotation.T + shift if len(self._frame) > 1 else image

    def _starting_shifts(self, fixed: Floats, moving: Floats) -> list[Floats]:
        """Return shifts that lay each atom of the rarest species over the first one."""
        if not self.translated:
            return [np.zeros(self.dimension)]
        rarest = min(self._kinds, key=len)
        return [fixed[rarest[0]] - moving[k] for k in rarest]

    def _starting_rotations(self, fixed: Floats, moving: Floats, slack: float) -> tuple[Floats, int]:
        """Return rotations and reflections, shape (n, d, d), that lay reference atoms over like ones, best first.

        The second value is the number of those whose distances agree within `slack`.
        """
        pair = self._reference_atoms(fixed, moving)
        if pair is None:  # all in one place, or on a line in space: lay line over line, either way round
            lines = line_rotations(fixed, moving, self._inverts)
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
        frames = orthonormal_frames(moving[first], moving[second])
        frame = orthonormal_frames(fixed[i][None], fixed[j][None])[0]
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
            **({} if self.groups is None else {"groups": _lists(self.groups)}),
            **({} if self.operations is None else {"operations": _lists(self.operations)}),
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
            assert self._lattice is not None
            near = SAME_SHAPE * np.sqrt(len(atoms)) * float(np.linalg.norm(self._lattice.basis, axis=1).min())
            images = [image + s for _, image in self._images(atoms) for s in self._starting_shifts(atoms, image)]
        elif not self.turned:
            images = [image for _, image in self._images(atoms)]
        elif self._reference_atoms(atoms, atoms) is None:
            if len(atoms) == 1 or size == 0:
                return 1
            images = [atoms, -atoms]
        else:
            rotations, n_fitting = self._starting_rotations(atoms, atoms, 3 * SAME_SHAPE * size)
            images = [atoms @ rotation.T for rotation in rotations[:n_fitting]]
        return max(1, sum(bool(self._match(atoms, image)[1] <= near) for image in images))

    def within(self, points: ArrayLike, lowest: Floats, highest: Floats) -> Mask:
        """Return which points lie in a box; clusters that drift by their radius, cells along what does not repeat."""
        batch = checked_points(self.n_parameters, points)
        if self._lattice is not None:
            across = self._lattice.across
            heights = batch.reshape(len(batch), -1, self.dimension) @ across
            if self.translated:
                heights = heights - heights.mean(axis=1, keepdims=True)
            corners = np.stack([lowest, highest]).reshape(2, -1, self.dimension)[..., None] * across
            low, high = corners.min(axis=0).sum(axis=1), corners.max(axis=0).sum(axis=1)
            return np.asarray(((heights >= low) & (heights <= high)).all(axis=(1, 2)))
        if not self.drifts:
            return np.asarray(((batch >= lowest) & (batch <= highest)).all(axis=1))
        corners = np.stack([lowest, highest]).reshape(2, -1, self.dimension)
        allowed = float(np.linalg.norm(corners, axis=-1).max())
        return np.asarray((np.linalg.norm(self._atoms(batch), axis=-1) <= allowed).all(axis=1))

    def sizes(self, points: ArrayLike) -> Floats | None:
        """Return root mean square distances of atoms from the center; in a cell what an atom has of it."""
        batch = checked_points(self.n_parameters, points)
        if self.cell is not None:
            rows = np.array(self.cell)
            volume = float(np.sqrt(np.linalg.det(rows @ rows.T))) / len(self.species)
            return np.full(len(batch), volume ** (1 / len(rows)))
        if not self.drifts:
            return None
        return np.asarray(np.sqrt((self._atoms(batch) ** 2).sum(axis=(1, 2)) / len(self.species)))


@functools.cache
def _overlay() -> Any:
    """Return `overlay` compiled."""
    atoms = "float64[:, ::1]"
    return compiled_function(overlay, f"float64({atoms}, {atoms}, int64[::1], boolean, float64, float64)")


def _radius(atoms: Floats) -> float:
    return float(np.linalg.norm(atoms, axis=-1).max(initial=0.0))


def _lists(nested: Any) -> Any:
    """Return nested tuples as lists, which JSON has."""
    return [_lists(item) for item in nested] if isinstance(nested, (tuple, list)) else nested
