"""Rotations that lay atoms over atoms, and bases of lattices."""

import functools
import itertools

import numpy as np

from elsuite.core.typing import Floats


def kabsch(fixed: Floats, moving: Floats, inverted: bool) -> Floats:
    """Return the rotation, with a reflection if `inverted`, that lays `moving` best over `fixed`.

    Examples
    --------
    >>> kabsch(np.eye(2), np.array([[0.0, -1.0], [1.0, 0.0]]), False).round(6) + 0.0
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    left, _, right = np.linalg.svd(fixed.T @ moving)
    wanted = -1.0 if inverted else 1.0
    signs = np.ones(len(left))
    signs[-1] = np.sign(wanted * np.linalg.det(left @ right))
    return np.asarray(left @ np.diag(signs) @ right)


@functools.cache
def random_rotations(number: int, dimension: int, mirrored: bool) -> Floats:
    """Return rotations, with reflections by turns if `mirrored`, shape (number, d, d), from their own generator.

    Examples
    --------
    >>> np.linalg.det(random_rotations(3, 2, True)).round(6)
    array([ 1., -1.,  1.])
    """
    gaussian = np.random.default_rng(0).standard_normal((number, dimension, dimension))
    orthogonal, triangle = np.linalg.qr(gaussian)
    orthogonal *= np.sign(np.diagonal(triangle, axis1=1, axis2=2))[:, None]
    proper = np.sign(np.linalg.det(orthogonal))
    wanted = np.where(np.arange(number) % 2, -1.0, 1.0) if mirrored else np.ones(number)
    orthogonal[:, :, -1] *= (wanted * proper)[:, None]
    return np.asarray(orthogonal)


def orthonormal_frames(first: Floats, second: Floats) -> Floats:
    """Return orthonormal frames as rows, shape (n, d, d): along `first`, in space towards `second`, and the normal.

    Examples
    --------
    >>> orthonormal_frames(np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]])).tolist()
    [[[1.0, 0.0], [0.0, 1.0]]]
    """
    tiny = np.finfo(float).tiny
    along = first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), tiny)
    if first.shape[1] == 2:
        return np.stack([along, along @ np.array([[0.0, 1.0], [-1.0, 0.0]])], axis=1)
    rest = second - (second * along).sum(axis=1, keepdims=True) * along
    towards = rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), tiny)
    return np.stack([along, towards, np.cross(along, towards)], axis=1)


def line_rotations(fixed: Floats, moving: Floats, mirrored: bool) -> Floats:
    """Return rotations that lay the line of atoms over the other, both ways round.

    Examples
    --------
    >>> line = np.array([[1.0, 0.0], [-1.0, 0.0]])
    >>> line_rotations(line, line, False).tolist()
    [[[1.0, 0.0], [0.0, 1.0]], [[-1.0, ...0.0], [...0.0, -1.0]]]
    """
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


def reduced(cell: Floats) -> Floats:
    """Return the shortest basis of the lattice: no row grows shorter by the others, each taken once or not at all.

    Examples
    --------
    >>> reduced(np.array([[2.0, 0.0], [6.0, 1.0]])).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
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
