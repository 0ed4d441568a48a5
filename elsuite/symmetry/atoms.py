"""Points that are the same but for a symmetry: free clusters of identical atoms, turned, mirrored, relabeled.

A landscape with zero modes (`Landscape.n_zero_modes` above 0) is such a cluster, its points the coordinates
(n_atoms, 3) in a row; every other landscape has no symmetry and plain distances.
"""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    from elsuite.landscapes.base import Landscape

__all__ = [
    "Alignment",
    "align_clusters",
    "fingerprints",
    "is_cluster",
    "nearest_image",
    "point_group_order",
    "same_point",
    "zero_modes",
]

Array = NDArray[np.float64]
FAR_OFF = 1e-8
"""A second atom this near, relative, to the line through the center and the first one fixes no rotation."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """How one cluster is laid over another.

    Attributes
    ----------
    distance : float
        Euclidean norm of the difference of all coordinates that is left.
    coordinates : ndarray (P,)
        The second cluster, moved: centered on the first, turned, mirrored if `inverted`, atoms relabeled.
    permutation : ndarray of int (n_atoms,)
        Atom ``permutation[k]`` of the second cluster lies over atom k of the first.
    """

    distance: float
    coordinates: Array
    permutation: NDArray[np.int64]
    inverted: bool


def is_cluster(landscape: "Landscape") -> bool:
    """Return whether the points of `landscape` are free clusters of identical atoms."""
    return landscape.n_zero_modes > 0 and landscape.n_parameters % 3 == 0


def zero_modes(landscape: "Landscape", points: ArrayLike) -> Array:
    """Return orthonormal directions of translation and rotation at some points, shape (n_points, P, n_zero_modes).

    Empty, shape (n_points, P, 0), for a landscape without zero modes.
    """
    batch = np.asarray(points, dtype=np.float64)
    if not is_cluster(landscape):
        return np.empty((*batch.shape, 0))
    atoms = _centered(batch.reshape(len(batch), batch.shape[1] // 3, 3))
    axes = np.eye(3)
    shifts = np.broadcast_to(axes[:, None], (len(batch), 3, *atoms.shape[1:]))
    turns = np.cross(axes[None, :, None], atoms[:, None])
    directions = np.concatenate([shifts, turns], axis=1).reshape(len(batch), 6, -1)
    # Singular vectors: the three turns are not orthogonal, and a linear cluster has two only.
    return np.linalg.svd(directions.transpose(0, 2, 1), full_matrices=False)[0][..., : landscape.n_zero_modes]


def fingerprints(landscape: "Landscape", points: ArrayLike) -> Array:
    """Return vectors that are equal for equal points: sorted distances of atoms for a cluster, else the points."""
    batch = np.asarray(points, dtype=np.float64)
    if not is_cluster(landscape):
        return batch
    atoms = batch.reshape(len(batch), batch.shape[1] // 3, 3)
    first, second = np.triu_indices(atoms.shape[1], 1)
    return np.sort(np.linalg.norm(atoms[:, first] - atoms[:, second], axis=-1), axis=1)


def nearest_image(landscape: "Landscape", a: ArrayLike, b: ArrayLike) -> Array:
    """Return the point equal to `b` by symmetry that lies nearest to `a`, as far as is found."""
    return align_clusters(a, b).coordinates if is_cluster(landscape) else np.array(b, dtype=np.float64)


def same_point(landscape: "Landscape", a: ArrayLike, b: ArrayLike, *, tolerance: float = 1e-5) -> bool:
    """Return whether two points are one: the same but for symmetry, up to a distance of `tolerance`.

    Examples
    --------
    >>> from elsuite.landscapes import SeparableWells
    >>> same_point(SeparableWells((1.0,)), [1.0], [-1.0])
    False
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if not is_cluster(landscape):
        return bool(np.linalg.norm(first - second) <= tolerance)
    prints = fingerprints(landscape, np.stack([first, second]))
    # Moving all atoms by `tolerance` together changes a distance by sqrt(2) of it at most.
    if not np.abs(prints[0] - prints[1]).max(initial=0.0) <= 1.5 * tolerance:
        return False
    return align_clusters(first, second, tolerance=tolerance).distance <= tolerance


def align_clusters(
    a: ArrayLike, b: ArrayLike, *, tolerance: float = 1e-5, n_rotations: int = 60
) -> Alignment:
    """Return the cluster `b` of identical atoms laid over `a`: turned, mirrored, relabeled to the shortest distance.

    Two atoms of `a` off one line through the center are laid over pairs of atoms of `b`, those first that agree
    best in their distances from the center and from each other. Each such rotation is improved by turns: relabel
    (the Hungarian method), rotate (Kabsch), until nothing changes. Equal clusters are recognized surely; of
    different ones the distance is an upper bound, the shortest over `n_rotations` such rotations and as many random
    ones, always the same, half of both mirrored.

    Parameters
    ----------
    a, b : array (3 n_atoms,)
    tolerance : float
        An alignment as near as this ends the search.

    Raises
    ------
    ValueError
        For shapes that differ or are no atoms in space.
    """
    first, second = np.ravel(np.asarray(a, dtype=np.float64)), np.ravel(np.asarray(b, dtype=np.float64))
    if first.shape != second.shape or first.size % 3 or not first.size:
        raise ValueError(
            f"{first.size} and {second.size} coordinates given; equally many, three an atom, are expected"
        )
    fixed, center = _centered(first.reshape(-1, 3)), first.reshape(-1, 3).mean(axis=0)
    moving = _centered(second.reshape(-1, 3))
    best = Alignment(np.inf, second, np.arange(len(fixed)), inverted=False)
    rotations, n_fitting = _starting_rotations(fixed, moving, tolerance)
    others = _random_rotations(n_rotations)
    for rotation in np.concatenate([rotations[: max(n_rotations, n_fitting)], others]):
        found = _improve(fixed, moving, rotation)
        if found.distance < best.distance:
            best = found
        if best.distance <= tolerance:
            break
    return Alignment(best.distance, np.ravel(best.coordinates + center), best.permutation, best.inverted)


def point_group_order(points: ArrayLike, *, tolerance: float = 1e-4) -> int:
    """Return the number of rotations and reflections that lay a cluster, shape (3 n_atoms,), over itself.

    1 for a single atom, and 2 (proper and improper) times the number found along the axis for a linear one is not
    defined: linear clusters return 1 or 2, whether their ends can be swapped.
    """
    atoms = _centered(np.asarray(points, dtype=np.float64).reshape(-1, 3))
    if _reference_pair(atoms, atoms) is None:
        mirrored = _match(atoms, -atoms)[1] <= tolerance * np.sqrt(len(atoms))
        return 2 if mirrored and len(atoms) > 1 else 1
    order = 0
    rotations, n_fitting = _starting_rotations(atoms, atoms, tolerance)
    for rotation in rotations[:n_fitting]:
        order += bool(_match(atoms, atoms @ rotation.T)[1] <= tolerance * np.sqrt(len(atoms)))
    return max(1, order)


def _centered(atoms: Array) -> Array:
    return np.asarray(atoms - atoms.mean(axis=-2, keepdims=True))


def _improve(fixed: Array, moving: Array, rotation: Array) -> Alignment:
    """Relabel and rotate by turns, from one rotation, until the labels stay as they are."""
    labels, distance = _match(fixed, moving @ rotation.T)
    inverted = bool(np.linalg.det(rotation) < 0)
    for _ in range(50):
        rotation = _kabsch(fixed, moving[labels], inverted)
        again, distance = _match(fixed, moving @ rotation.T)
        if np.array_equal(again, labels):
            break
        labels = again
    return Alignment(distance, (moving @ rotation.T)[labels], labels, inverted)


def _match(fixed: Array, moving: Array) -> tuple[NDArray[np.int64], float]:
    squares = ((fixed[:, None] - moving[None]) ** 2).sum(axis=-1)
    rows, columns = linear_sum_assignment(squares)
    return columns, float(np.sqrt(squares[rows, columns].sum()))


def _kabsch(fixed: Array, moving: Array, inverted: bool) -> Array:
    """Return the rotation, with a reflection if `inverted`, that lays `moving` best over `fixed`."""
    left, _, right = np.linalg.svd(fixed.T @ moving)
    wanted = -1.0 if inverted else 1.0
    sign = wanted * np.linalg.det(left @ right)
    return np.asarray(left @ np.diag([1.0, 1.0, np.sign(sign)]) @ right)


def _starting_rotations(fixed: Array, moving: Array, tolerance: float) -> tuple[Array, int]:
    """Return rotations and reflections, shape (n, 3, 3), that lay two atoms over pairs of `moving`, best first.

    The second value is the number of those whose distances agree within the tolerance.
    """
    pair = _reference_pair(fixed, moving)
    if pair is None:  # all on a line, or one atom: lay line over line, either way round
        turn = _line_rotation(fixed, moving)
        return np.stack([turn, -turn]), 2
    i, j = pair
    sizes = np.linalg.norm(moving, axis=1)
    between = np.linalg.norm(moving[:, None] - moving[None], axis=-1)
    wanted = (np.linalg.norm(fixed[i]), np.linalg.norm(fixed[j]), np.linalg.norm(fixed[i] - fixed[j]))
    errors = np.maximum(
        np.maximum(np.abs(sizes - wanted[0])[:, None], np.abs(sizes - wanted[1])[None]),
        np.abs(between - wanted[2]),
    )
    np.fill_diagonal(errors, np.inf)
    order = np.argsort(errors, axis=None, kind="stable")
    order = order[np.isfinite(errors.flat[order])]
    n_fitting = 2 * int((errors.flat[order] <= 3 * tolerance).sum())
    first, second = np.unravel_index(order, errors.shape)
    frames = _frames(moving[first], moving[second])
    frame = _frames(fixed[i][None], fixed[j][None])[0]
    mirror = np.diag([1.0, 1.0, -1.0])  # in the frame: the third axis stands on the plane of both atoms
    proper = frame.T @ frames
    improper = frame.T @ mirror @ frames
    return np.stack([proper, improper], axis=1).reshape(-1, 3, 3), n_fitting


@functools.cache
def _random_rotations(number: int) -> Array:
    """Return rotations and reflections by turns, shape (number, 3, 3), from a generator of their own."""
    gaussian = np.random.default_rng(0).standard_normal((number, 3, 3))
    orthogonal, triangle = np.linalg.qr(gaussian)
    orthogonal *= np.sign(np.diagonal(triangle, axis1=1, axis2=2))[:, None]
    wanted = np.where(np.arange(number) % 2, -1.0, 1.0)
    return np.asarray(orthogonal * (wanted * np.sign(np.linalg.det(orthogonal)))[:, None, None])


def _reference_pair(fixed: Array, moving: Array) -> tuple[int, int] | None:
    """Return two atoms that fix a rotation, of those the ones with fewest counterparts; None if all lie on a line."""
    sizes = np.linalg.norm(fixed, axis=1)
    cross = np.linalg.norm(np.cross(fixed[:, None], fixed[None]), axis=-1)
    scale = max(float(sizes.max(initial=0.0)) ** 2, np.finfo(float).tiny)
    usable = cross > 0.2 * scale
    if not usable.any():
        usable = cross > FAR_OFF**0.5 * scale
    if not usable.any():
        return None
    others = np.linalg.norm(moving, axis=1)
    alike = (np.abs(sizes[:, None] - others[None]) < 1e-3 * max(1.0, float(sizes.max()))).sum(axis=1)
    counts = np.where(usable, np.maximum(alike[:, None], 1) * np.maximum(alike[None], 1), np.inf)
    i, j = np.unravel_index(int(np.argmin(counts)), counts.shape)
    return int(i), int(j)


def _frames(first: Array, second: Array) -> Array:
    """Return orthonormal frames as rows, shape (n, 3, 3): along `first`, towards `second`, normal to both."""
    along = first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), np.finfo(float).tiny)
    rest = second - (second * along).sum(axis=1, keepdims=True) * along
    towards = rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), np.finfo(float).tiny)
    return np.stack([along, towards, np.cross(along, towards)], axis=1)


def _line_rotation(fixed: Array, moving: Array) -> Array:
    a, b = (np.linalg.svd(atoms)[2][0] if np.any(atoms) else np.eye(3)[0] for atoms in (fixed, moving))
    cosine = float(np.clip(a @ b, -1.0, 1.0))
    if cosine < 0:
        b, cosine = -b, -cosine
    axis = np.cross(b, a)
    skew = np.cross(np.eye(3), axis).T
    turn: Array = np.eye(3) + skew + skew @ skew / (1 + cosine)
    return turn
