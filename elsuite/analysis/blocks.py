"""Coordinates read a block of minima at a time, and what can be summed over blocks."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsuite.core.typing import Floats, Ids

BLOCK_BYTES = 256 * 2**20
"""Memory that one block of coordinates may take, as float64."""
CACHE_BYTES = 2**20
"""What a step that goes over a large matrix row by row works on at once."""

Coordinates: TypeAlias = ArrayLike | Callable[[Ids], NDArray[np.floating]]
"""Points as an array (n_points, n_parameters), or what reads the rows of some ids: `database.coordinates`."""

Reader: TypeAlias = Callable[[Ids], Floats]


def reader(coordinates: Coordinates, ids: ArrayLike | None) -> tuple[Reader, Ids]:
    """Return a function that reads rows as float64, and the ids, by default all; raises ValueError for no matrix."""
    if callable(coordinates):
        read = coordinates
        if ids is None:
            raise ValueError("ids are needed with a function that reads coordinates")
        return lambda rows: np.asarray(read(rows), dtype=np.float64), np.asarray(ids, dtype=np.int64)
    points = np.asarray(coordinates)
    if points.ndim != 2:
        raise ValueError(f"coordinates are a matrix (n_points, n_parameters), not an array {points.shape}")
    chosen = np.arange(len(points)) if ids is None else np.asarray(ids, dtype=np.int64)
    return lambda rows: np.asarray(points[rows], dtype=np.float64), chosen


def blocks(read: Reader, ids: Ids) -> Iterator[tuple[slice, Floats]]:
    """Yield the coordinates of consecutive ids, with their positions in `ids`, within BLOCK_BYTES."""
    if not len(ids):
        return
    size = max(1, BLOCK_BYTES // max(1, 8 * read(ids[:1]).shape[1]))
    for start in range(0, len(ids), size):
        part = slice(start, min(start + size, len(ids)))
        yield part, read(ids[part])


def mean_point(read: Reader, ids: Ids) -> Floats:
    """Return the mean of some points, shape (n_parameters,)."""
    total = np.zeros(0)
    for _, points in blocks(read, ids):
        total = points.sum(axis=0) if not total.size else total + points.sum(axis=0)
    mean: Floats = total / max(len(ids), 1)
    return mean


def gram_matrix(coordinates: Coordinates, ids: ArrayLike | None = None) -> Floats:
    """Return the inner products (n, n) of all points, or of those of some ids, reading two blocks of them at a time.

    Examples
    --------
    >>> gram_matrix([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[5.0, 11.0], [11.0, 25.0]]
    """
    read, chosen = reader(coordinates, ids)
    gram = np.zeros((len(chosen), len(chosen)))
    for rows, points in blocks(read, chosen):
        np.matmul(points, points.T, out=gram[rows, rows])
        rest = chosen[rows.stop :]
        for part, others in blocks(read, rest):
            columns = slice(rows.stop + part.start, rows.stop + part.stop)
            gram[rows, columns] = points @ others.T
            gram[columns, rows] = gram[rows, columns].T
    return gram


def overwritten_by_squared_distances(gram: Floats) -> Floats:
    """Return the squared Euclidean distances (n, n) of points in the place of their inner products."""
    norms = np.diag(gram).copy()
    for rows in row_blocks(gram):
        part = gram[rows]
        part *= -2
        part += norms[rows, None] + norms[None, :]
        np.maximum(part, 0.0, out=part)
    np.fill_diagonal(gram, 0.0)
    return gram


def row_blocks(matrix: Floats) -> Iterator[slice]:
    """Yield the rows of a matrix in blocks that fit the processor's cache."""
    size = max(1, CACHE_BYTES // max(1, 8 * matrix.shape[1]))
    for start in range(0, len(matrix), size):
        yield slice(start, start + size)
