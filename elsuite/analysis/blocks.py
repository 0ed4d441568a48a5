"""Coordinates read a block of minima at a time, and what can be summed over blocks."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsuite.core.typing import Floats, Ids, Mask

BLOCK_BYTES = 256 * 2**20
"""Memory that one block of coordinates may take, as float64."""
CACHE_BYTES = 2**20
"""What a step that goes over a large matrix row by row works on at once."""

Coordinates: TypeAlias = ArrayLike | Callable[[Ids], NDArray[np.floating]]
"""Points as an array (n_points, n_parameters), or what reads the rows of some ids: `database.coordinates`."""

TILE_BYTES = 16 * 2**20
"""Memory that the points of one side of a tile may take: what distances are computed of at once."""
LARGEST_TILE = 512
ROUNDING = 4
"""Relative steps of a floating-point type by which what is equal may differ: a few operations round it."""
NEAR = 1e-3
"""A squared distance under this share of the squared norms loses too many digits in their difference."""

Reader: TypeAlias = Callable[[Ids], Floats]


def reader(coordinates: Coordinates, ids: ArrayLike | None) -> tuple[Reader, Ids]:
    """Return what reads rows as new float64 arrays, and the ids, by default all; raises ValueError for no matrix."""
    if callable(coordinates):
        read = coordinates
        if ids is None:
            raise ValueError("ids are needed with a function that reads coordinates")
        return lambda rows: np.array(read(rows), dtype=np.float64), np.asarray(ids, dtype=np.int64)
    points = np.asarray(coordinates)
    if points.ndim != 2:
        raise ValueError(f"coordinates are a matrix (n_points, n_parameters), not an array {points.shape}")
    chosen = np.arange(len(points)) if ids is None else np.asarray(ids, dtype=np.int64)
    return lambda rows: np.array(points[rows], dtype=np.float64), chosen


def rounding_of(coordinates: Coordinates, ids: ArrayLike | None) -> float:
    """Return how far apart, as a share of their norms, two points can be by the rounding of their coordinates alone."""
    if callable(coordinates):
        some = np.asarray(coordinates(np.asarray(ids, dtype=np.int64)[:1]))
    else:
        some = np.asarray(coordinates)
    return ROUNDING * float(np.finfo(some.dtype if some.dtype.kind == "f" else np.float64).eps)


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
    if not len(ids):
        return np.zeros(0)
    first: Floats = read(ids[:1])[0]
    total = np.zeros_like(first)
    with np.errstate(over="ignore", invalid="ignore"):
        for _, points in blocks(read, ids):
            points -= first  # equal points have exactly their mean
            total += points.sum(axis=0)
        return first + total / len(ids)


def centered(read: Reader, ids: Ids, rounding: float) -> tuple[Reader, Floats]:
    """Return a function that reads rows less the mean of the points of some ids, and that mean.

    Products of such rows keep the digits that those of points far from the origin lose. Points that differ from the
    mean by the `rounding` of their coordinates only are at it.

    Raises
    ------
    ValueError
        If a coordinate is not finite, or the mean cannot be computed.
    """
    center = mean_point(read, ids)
    if not np.isfinite(center).all():
        for part, points in blocks(read, ids):
            wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
            if len(wrong):
                raise ValueError(f"the coordinates of minimum {ids[part][wrong[0]]} are not finite")
        raise ValueError("the sum of the coordinates exceeds the largest float64")

    def rows_of(rows: Ids) -> Floats:
        points = read(rows)
        points -= center
        points[np.linalg.norm(points, axis=1) <= rounding * np.linalg.norm(center)] = 0.0
        return points

    return rows_of, center


def gram_matrix(coordinates: Coordinates, ids: ArrayLike | None = None) -> Floats:
    """Return the inner products (n, n) of all points, or of those of some ids, reading two blocks of them at a time.

    Examples
    --------
    >>> gram_matrix([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[5.0, 11.0], [11.0, 25.0]]
    """
    read, chosen = reader(coordinates, ids)
    gram = np.zeros((len(chosen), len(chosen)))
    for rows, columns, points, others in _pairs_of_blocks(read, chosen):
        np.matmul(points, others.T, out=gram[rows, columns])
        if rows != columns:
            gram[columns, rows] = gram[rows, columns].T
    return gram


def squared_distances(coordinates: Coordinates, ids: ArrayLike | None = None) -> Floats:
    """Return the squared Euclidean distances (n, n) of all points, or of those of some ids, right to rounding.

    They come from inner products of points less their mean; those of near points, of which the products leave few
    digits, from products less a point among them, or from the differences of their coordinates. Two blocks of points
    are in memory at a time. Points that differ by the rounding of their coordinates only are at a distance of 0.

    Raises
    ------
    ValueError
        If a coordinate or a squared distance is not finite.

    Examples
    --------
    Far from the origin, and two of them near to each other.

    >>> bool(squared_distances([[1e9, 0.0], [1e9, 3.0], [1e9, 3.0 + 2**-10]])[1, 2] == 2.0**-20)
    True
    """
    read, chosen = reader(coordinates, ids)
    matrix = np.zeros((len(chosen), len(chosen)))
    rounding = rounding_of(coordinates, ids) if len(chosen) else 0.0
    _, center = centered(read, chosen, rounding)
    for rows, columns, points, others in _pairs_of_blocks(read, chosen):
        for some in _tiles(points):
            for more in _tiles(others):
                above = slice(rows.start + some.start, rows.start + some.stop)
                right = slice(columns.start + more.start, columns.start + more.stop)
                if above.start <= right.start:  # the others are their mirror images
                    with np.errstate(over="ignore", invalid="ignore"):
                        tile = _distances_of_tile(points[some], others[more], center)
                        norms = [rounding * np.linalg.norm(part, axis=1) for part in (points[some], others[more])]
                        tile[tile <= np.maximum(norms[0][:, None], norms[1][None, :]) ** 2] = 0.0
                    if not np.isfinite(tile).all():
                        raise ValueError("squared distances of minima exceed the largest float64")
                    if above == right:
                        tile = np.triu(tile, 1)
                        tile += tile.T
                    matrix[above, right], matrix[right, above] = tile, tile.T
    return matrix


def _distances_of_tile(points: Floats, others: Floats, center: Floats) -> Floats:
    distances, near = _from_products(points - center, others - center)
    while near.sum() > 4 * sum(near.shape):
        # A group of points that are all near to each other: products less one of them have the digits.
        first = int(np.argmax(near.sum(axis=1)))
        columns = np.flatnonzero(near[first])
        rows = np.flatnonzero(near[:, columns].all(axis=1))
        group = np.ix_(rows, columns)
        distances[group], still_near = _from_products(points[rows] - points[first], others[columns] - points[first])
        _recompute(distances, points, others, rows[still_near.nonzero()[0]], columns[still_near.nonzero()[1]])
        near[group] = False
    _recompute(distances, points, others, *near.nonzero())
    return distances


# Squared distances, and which of them are so small that their difference of squares has lost digits.
def _from_products(points: Floats, others: Floats) -> tuple[Floats, Mask]:
    norms, other_norms = (np.einsum("ij,ij->i", some, some) for some in (points, others))
    distances = points @ others.T
    distances *= -2
    sums = norms[:, None] + other_norms[None, :]
    distances += sums
    sums *= NEAR
    return distances, distances < sums


# The squared distances of some pairs from the differences of their coordinates, in their places.
def _recompute(distances: Floats, points: Floats, others: Floats, left: Ids, right: Ids) -> None:
    size = max(1, CACHE_BYTES // max(1, 8 * points.shape[1]))
    for start in range(0, len(left), size):
        a, b = left[start : start + size], right[start : start + size]
        differences = points[a]
        differences -= others[b]
        distances[a, b] = np.einsum("ij,ij->i", differences, differences)


# For each two blocks of points: the rows and columns of a matrix of all pairs, and the points of both.
def _pairs_of_blocks(read: Reader, ids: Ids) -> Iterator[tuple[slice, slice, Floats, Floats]]:
    for rows, points in blocks(read, ids):
        yield rows, rows, points, points
        for part, others in blocks(read, ids[rows.stop :]):
            yield rows, slice(rows.stop + part.start, rows.stop + part.stop), points, others


def _tiles(points: Floats) -> Iterator[slice]:
    size = min(LARGEST_TILE, max(1, TILE_BYTES // max(1, 8 * points.shape[1])))
    for start in range(0, len(points), size):
        yield slice(start, min(start + size, len(points)))


def row_blocks(matrix: Floats) -> Iterator[slice]:
    """Yield the rows of a matrix in blocks that fit the processor's cache."""
    size = max(1, CACHE_BYTES // max(1, 8 * matrix.shape[1]))
    for start in range(0, len(matrix), size):
        yield slice(start, start + size)
