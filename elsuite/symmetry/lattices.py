"""Cells that repeat along some or all directions, and the operations that leave a frame or a lattice as it is."""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np

from elsuite.core.typing import Floats
from elsuite.symmetry.rotations import reduced

Rows = tuple[tuple[float, ...], ...]
Operation = tuple[Rows, tuple[float, ...]]
"""A rotation or reflection, as rows, and the shift after it."""

MOST_OPERATIONS: Final = 1000
SAME: Final = 1e-6
"""Relative to the lengths of a lattice, or to one for rotations, operations that are as near as this are one."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """Lattice vectors, as many as there are directions that repeat.

    Attributes
    ----------
    basis : ndarray (k, d)
        Reduced.
    inverse : ndarray (d, k)
        Positions times this are fractions.
    across : ndarray (d, d - k)
        Unit vectors along which nothing repeats.
    """

    basis: Floats
    inverse: Floats
    across: Floats
    _near: Floats

    def shortest(self, differences: Floats) -> Floats:
        """Return differences of positions, shape (..., d), to the nearest image.

        Examples
        --------
        >>> lattice_of([[2.0, 0.0]]).shortest(np.array([1.5, 1.5])).tolist()
        [-0.5, 1.5]
        """
        near = differences - np.round(differences @ self.inverse) @ self.basis
        images = near[..., None, :] + self._near
        best = (images**2).sum(axis=-1).argmin(axis=-1)
        return np.asarray(np.take_along_axis(images, best[..., None, None], axis=-2)[..., 0, :])


def lattice_of(cell: object) -> Lattice:
    """Return the lattice of a cell, rows of lattice vectors.

    Examples
    --------
    >>> lattice_of([[2.0, 0.0, 0.0], [2.0, 3.0, 0.0]]).across.ravel().tolist()
    [0.0, 0.0, 1.0]
    """
    basis = reduced(np.array(cell, dtype=np.float64))
    k, d = basis.shape
    shifts = np.array(list(itertools.product((-1, 0, 1), repeat=k))) @ basis
    inverse = np.linalg.inv(basis) if k == d else np.linalg.pinv(basis)
    across = np.abs(np.linalg.svd(basis)[2][k:].T) if k == d - 1 and _axis(basis) else np.linalg.svd(basis)[2][k:].T
    return Lattice(basis, np.asarray(inverse), np.asarray(across), np.asarray(shifts))


def _axis(basis: Floats) -> bool:
    """Return whether what stands across the lattice is one of the axes: it then points along it."""
    return int((np.abs(np.linalg.svd(basis)[2][-1]) > SAME).sum()) == 1


def lattice_operations(cell: object, *, proper: bool = False) -> tuple[Operation, ...]:
    """Return all rotations, and reflections unless only the `proper` ones are wanted, that keep the lattice of a cell.

    Examples
    --------
    >>> square, oblong = [[2.0, 0.0], [0.0, 2.0]], [[2.0, 0.0], [0.0, 3.0]]
    >>> len(lattice_operations(square)), len(lattice_operations(oblong, proper=True))
    (8, 2)
    """
    basis = reduced(np.array(cell, dtype=np.float64))
    k = len(basis)
    gram, size = basis @ basis.T, float((basis**2).sum(axis=1).max())
    vectors = np.array(list(itertools.product(range(-2, 3), repeat=k))) @ basis
    lengths = (vectors**2).sum(axis=1)
    choices = [vectors[np.abs(lengths - own) <= SAME * size] for own in np.diagonal(gram)]
    found: list[Operation] = []
    for rows in itertools.product(*choices):
        image = np.array(rows)
        if np.abs(image @ image.T - gram).max() > SAME * size or k < basis.shape[1]:
            continue
        rotation = np.linalg.solve(basis, image).T
        if not proper or np.linalg.det(rotation) > 0:
            found.append((tuple(map(tuple, rotation.tolist())), (0.0,) * k))
    return tuple(found)


def all_operations(
    given: tuple[Operation, ...], dimension: int, lattice: Lattice | None
) -> list[tuple[Floats, Floats]]:
    """Return the group that some operations make, the identity first.

    Raises
    ------
    ValueError
        For what is no rotation or reflection, does not keep the lattice, or makes no finite group.

    Examples
    --------
    >>> quarter = (((0.0, -1.0), (1.0, 0.0)), (0.0, 0.0))
    >>> len(all_operations((quarter,), 2, None))
    4
    """
    makers = [_checked(operation, dimension, lattice) for operation in given]
    turns, shifts = np.eye(dimension)[None], np.zeros((1, dimension))
    done = 0
    while done < len(turns):
        for rotation, step in makers:
            turn, shift = rotation @ turns[done], rotation @ shifts[done] + step
            if not _known(turn, shift, turns, shifts, lattice):
                turns, shifts = np.concatenate([turns, turn[None]]), np.concatenate([shifts, shift[None]])
        done += 1
        if len(turns) > MOST_OPERATIONS:
            raise ValueError(f"operations given make more than {MOST_OPERATIONS}; those of a finite group are expected")
    return list(zip(turns, shifts, strict=True))


def _checked(operation: Operation, dimension: int, lattice: Lattice | None) -> tuple[Floats, Floats]:
    try:
        rotation, shift = (np.array(part, dtype=np.float64) for part in operation)
        good = rotation.shape == (dimension, dimension) and shift.shape == (dimension,)
        good = (
            good and np.abs(rotation @ rotation.T - np.eye(dimension)).max() < SAME and bool(np.isfinite(shift).all())
        )
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            f"operation {operation!r} given; a rotation or reflection of {dimension} rows, and a shift, are expected"
        )
    if lattice is not None:
        turned = lattice.basis @ rotation.T
        fractions = turned @ lattice.inverse
        size = np.abs(lattice.basis).max()
        if np.abs(turned - np.round(fractions) @ lattice.basis).max() > SAME * size:
            raise ValueError(
                f"operation {operation!r} given; one that keeps the lattice {lattice.basis.tolist()} is expected"
            )
    return rotation, shift


def _known(turn: Floats, shift: Floats, turns: Floats, shifts: Floats, lattice: Lattice | None) -> bool:
    """Return whether an operation is among others."""
    apart = shifts - shift
    size = np.maximum(1.0, np.maximum(np.abs(shifts).max(axis=1), np.abs(shift).max()))
    if lattice is not None:
        apart, size = lattice.shortest(apart), np.full(len(shifts), np.abs(lattice.basis).max())
    near = (np.abs(turns - turn).max(axis=(1, 2)) <= SAME) & (np.abs(apart).max(axis=1) <= SAME * size)
    return bool(near.any())
