"""Which coordinates of a structure are free, by its constraints, and which of its points are one: `Freedom`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from elsuite.core.typing import Floats, Ids
from elsuite.symmetry.atoms import AtomSymmetry
from elsuite.symmetry.base import Symmetry
from elsuite.symmetry.constrained import ConstrainedSymmetry

SAME: Final = 1e-8
"""Directions and, relative to the size of the structure, offsets as near as this are one."""
SUPPORTED: Final = "FixAtoms, FixedLine, FixedPlane, FixCartesian"


@dataclass(frozen=True, eq=False)
class Freedom:
    """Coordinates q of a structure: the positions of the atoms that move are origin + q F.

    Attributes
    ----------
    moving : ndarray of int (n_moving,)
        Atoms that move at all.
    frame : ndarray (P, 3 n_moving)
        F, orthonormal rows.
    origin : ndarray (3 n_moving,)
    free : bool
        Whether every atom that moves does so in all directions: q are their positions, from the origin.
    symmetry : Symmetry
        Which q are one.
    """

    moving: Ids
    frame: Floats
    origin: Floats
    free: bool
    symmetry: Symmetry

    def positions(self, q: Floats) -> Floats:
        """Return the positions of the moving atoms, shape (n_moving, 3)."""
        shift = q if self.free else q @ self.frame
        return np.asarray((shift + self.origin).reshape(-1, 3))

    def coordinates(self, positions: Floats) -> Floats:
        """Return q of positions of the moving atoms, shape (n_moving, 3)."""
        rest = positions.ravel() - self.origin
        return rest if self.free else np.asarray(self.frame @ rest)

    def projected(self, vectors: Floats) -> Floats:
        """Return the components along q of vectors on the moving atoms, shape (n_moving, 3)."""
        return vectors.ravel() if self.free else np.asarray(self.frame @ vectors.ravel())


def freedom_of(
    positions: Floats,
    species: Sequence[str],
    constraints: Sequence[Any],
    rows: Floats,
    *,
    mirrored: bool = True,
    groups: Any = None,
    operations: Any = None,
) -> Freedom:
    """Return what is free in a structure.

    Parameters
    ----------
    positions : array (n_atoms, 3)
    constraints : sequence
        Of ASE.
    rows : array (k, 3)
        Lattice vectors along which the structure repeats.

    Raises
    ------
    ValueError
        For a constraint that is not linear, nothing that moves, or constraints that leave the whole to turn or move.

    Examples
    --------
    >>> freedom = freedom_of(np.eye(3), "ABB", [], np.empty((0, 3)))
    >>> freedom.symmetry.n_zero_modes
    6
    """
    allowed = _directions(len(positions), constraints)
    moving = np.flatnonzero([len(ways) for ways in allowed])
    if not len(moving):
        raise ValueError("every atom of the structure is fixed; one that moves, or more, is expected")
    ways = [allowed[k] for k in moving.tolist()]
    names = [species[k] for k in moving.tolist()]
    cell = tuple(map(tuple, rows.tolist())) or None
    kept: dict[str, Any] = {"mirrored": mirrored, "operations": operations, "groups": _numbered(groups, moving)}
    fixed = np.setdiff1d(np.arange(len(positions)), moving)
    here = positions[moving]
    free = all(len(own) == 3 for own in ways)
    origin = np.zeros(here.size)
    frame = np.eye(here.size)
    symmetry: Symmetry
    if free and len(fixed) == 0:
        symmetry = AtomSymmetry(tuple(names), turned=cell is None, cell=cell, **kept)
    elif free and len(fixed) == 1 and cell is None:
        # All turns about the one atom that is fixed: it is the origin.
        origin = np.tile(positions[fixed[0]], len(moving))
        symmetry = AtomSymmetry(tuple(names), translated=False, **kept)
    elif free:
        symmetry = AtomSymmetry(tuple(names), turned=False, translated=False, cell=cell, **kept)
    else:
        frame = _frame(ways)
        origin = here.ravel() - frame.T @ (frame @ here.ravel())
        labels = _labels(names, ways, origin.reshape(-1, 3), size=float(np.ptp(positions, axis=0).max()))
        plane = ways[0] if all(len(own) == 2 and np.allclose(own, ways[0], atol=SAME) for own in ways) else None
        if plane is not None and len(fixed) == 0 and cell is None:
            symmetry = AtomSymmetry(labels, 2, **kept)
        else:
            inner = AtomSymmetry(labels, turned=False, translated=False, cell=cell, **kept)
            symmetry = ConstrainedSymmetry(inner, tuple(map(tuple, frame.tolist())), tuple(origin.tolist()))
    made = Freedom(moving, frame, origin, free, symmetry)
    left = _rigid_motions(made, positions, n_repeated=len(rows), axis=rows)
    if left > symmetry.n_zero_modes:
        raise ValueError(
            f"the constraints and the cell leave {left - symmetry.n_zero_modes} ways to turn or move the whole that no "
            "symmetry has; one atom more that is fixed, off the line of those that are, is expected"
        )
    return made


def _numbered(groups: Any, moving: Ids) -> Any:
    """Return groups of atoms by their places among those that move."""
    if groups is None:
        return None
    place = {atom: k for k, atom in enumerate(moving.tolist())}

    def number(nested: Any) -> Any:
        if isinstance(nested, (int, np.integer)):
            if int(nested) not in place:
                raise ValueError(f"groups have atom {nested}, which does not move; atoms that move are expected")
            return place[int(nested)]
        return tuple(number(item) for item in nested)

    return number(groups)


def _directions(n_atoms: int, constraints: Sequence[Any]) -> list[Floats]:
    """Return for each atom orthonormal directions in which it moves, shape (0 to 3, 3)."""
    forbidden: list[list[Floats]] = [[] for _ in range(n_atoms)]
    for constraint in constraints:
        name = type(constraint).__name__
        if name == "FixAtoms":
            against = np.eye(3)
        elif name == "FixedPlane":
            against = np.asarray(constraint.dir, dtype=np.float64)[None]
        elif name == "FixedLine":
            along = np.asarray(constraint.dir, dtype=np.float64)
            against = np.eye(3) - np.outer(along, along)
        elif name == "FixCartesian":
            against = np.eye(3)[np.asarray(constraint.mask, dtype=bool)]
        else:
            raise ValueError(f"constraint {name} given; {SUPPORTED} are supported")
        for k in np.atleast_1d(constraint.get_indices()).tolist():
            forbidden[k].append(against)
    return [_free_directions(np.vstack(own) if own else np.empty((0, 3))) for own in forbidden]


def _free_directions(forbidden: Floats) -> Floats:
    """Return orthonormal directions at right angles to some, the axes as far as they can be."""
    _, values, right = np.linalg.svd(forbidden, full_matrices=False)
    against = right[values > SAME]
    found: list[Floats] = []
    for axis in np.eye(3):
        rest = axis - against.T @ (against @ axis)
        for other in found:
            rest = rest - (other @ rest) * other
        # The part of an axis that is left is zero, or as long as there are directions left.
        if np.linalg.norm(rest) > 1e-3 and len(found) < 3 - len(against):
            found.append(rest / np.linalg.norm(rest))
    return np.array(found).reshape(-1, 3)


def _frame(ways: Sequence[Floats]) -> Floats:
    """Return the directions of all atoms as rows over all of their coordinates."""
    frame = np.zeros((sum(map(len, ways)), 3 * len(ways)))
    row = 0
    for k, own in enumerate(ways):
        frame[row : row + len(own), 3 * k : 3 * k + 3] = own
        row += len(own)
    return frame


def _labels(names: Sequence[str], ways: Sequence[Floats], offsets: Floats, *, size: float) -> tuple[int | str, ...]:
    """Return names that are the same for atoms of one species that move along the same line, in the same plane."""
    kinds: list[tuple[str, Floats, Floats]] = []
    labels: list[int | str] = []
    for name, own, offset in zip(names, ways, offsets, strict=True):
        for k, (other, way, start) in enumerate(kinds):
            same = name == other and way.shape == own.shape and np.allclose(way, own, atol=SAME)
            if same and np.abs(offset - start).max() <= SAME * max(size, float(np.finfo(float).tiny)):
                labels.append(f"{name}.{k}")
                break
        else:
            labels.append(f"{name}.{len(kinds)}")
            kinds.append((name, own, offset))
    return tuple(labels)


def _rigid_motions(freedom: Freedom, positions: Floats, *, n_repeated: int, axis: Floats) -> int:
    """Return how many motions of the whole the constraints leave, with the moving atoms at random places."""
    size = max(float(np.ptp(positions, axis=0).max(initial=0.0)), 1.0)
    q = freedom.coordinates(positions[freedom.moving]) / size
    q = q + np.random.default_rng(0).uniform(-1, 1, len(q))
    atoms = positions / size
    scaled = Freedom(freedom.moving, freedom.frame, freedom.origin / size, freedom.free, freedom.symmetry)
    atoms[freedom.moving] = scaled.positions(q)
    center = atoms.mean(axis=0)
    motions = [np.tile(way, (len(atoms), 1)) for way in np.eye(3)]
    if n_repeated < 2:
        ways = np.eye(3) if n_repeated == 0 else axis / np.linalg.norm(axis)
        motions += [np.cross(way, atoms - center) for way in ways]
    allowed = np.zeros((len(freedom.frame), atoms.size))
    columns = (3 * freedom.moving[:, None] + np.arange(3)).ravel()
    allowed[:, columns] = freedom.frame
    basis = np.array(motions).reshape(len(motions), -1)
    _, values, right = np.linalg.svd(basis, full_matrices=False)
    basis = right[values > SAME * values.max()]
    if not len(basis):
        return 0
    # Motions that the coordinates can make are those whose part along them is all of them.
    shares = np.linalg.svd(basis @ allowed.T, compute_uv=False)
    return int((shares > 1 - SAME).sum())
