"""Which pairs of minima to search paths for: functions from tables to pairs of ids.

Every chooser is deterministic for a seed and returns pairs (source, target) of ids, source < target, each once.
Those of `connect_spanning` are chosen as the paths come in; these are asked once.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

__all__ = ["all_pairs", "between_pairs", "nearest_pairs", "random_pairs", "within_pairs"]

Pairs = NDArray[np.int64]


def all_pairs(ids: Sequence[int]) -> Pairs:
    """Return all pairs of `ids`, shape (n (n - 1) / 2, 2).

    Examples
    --------
    >>> all_pairs([3, 1, 2]).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    return np.array(list(combinations(sorted(ids), 2)), dtype=np.int64).reshape(-1, 2)


def random_pairs(candidates: Pairs, n_pairs: int, seed: int) -> Pairs:
    """Return `n_pairs` of the candidates, drawn without replacement; all of them when there are fewer.

    Examples
    --------
    >>> chosen = random_pairs(all_pairs(range(10)), 3, seed=0)
    >>> len(chosen), bool((chosen[:, 0] < chosen[:, 1]).all())
    (3, True)
    """
    if n_pairs >= len(candidates):
        return candidates
    chosen = np.random.default_rng(seed).permutation(len(candidates))[:n_pairs]
    return candidates[np.sort(chosen)]


def within_pairs(sets: Mapping[str, Sequence[int]], n_pairs: int | None, seed: int) -> Pairs:
    """Return random pairs within each set, `n_pairs` a set (None: all); `sets` maps names to ids.

    Examples
    --------
    >>> within_pairs({"sgd/train": [0, 1, 2], "lbfgs/train": [3, 4]}, None, seed=0).tolist()
    [[0, 1], [0, 2], [1, 2], [3, 4]]
    """
    parts = [
        _some(all_pairs(ids), n_pairs, seed, position)
        for position, (_, ids) in enumerate(sorted(sets.items()))
    ]
    return _joined(parts)


def between_pairs(sets: Mapping[str, Sequence[int]], n_pairs: int | None, seed: int) -> Pairs:
    """Return random pairs between each two sets, `n_pairs` for each two (None: all).

    Examples
    --------
    >>> between_pairs({"sgd/train": [0, 1], "lbfgs/train": [2, 3]}, None, seed=0).tolist()
    [[0, 2], [0, 3], [1, 2], [1, 3]]
    """
    parts = []
    for position, (a, b) in enumerate(combinations(sorted(sets), 2)):
        grid = np.array([[i, j] for i in sets[a] for j in sets[b]], dtype=np.int64).reshape(-1, 2)
        parts.append(_some(np.sort(grid, axis=1), n_pairs, seed, 1000 + position))
    return _joined(parts)


def nearest_pairs(ids: Sequence[int], distances: NDArray[np.float64], n_neighbors: int) -> Pairs:
    """Return each minimum with its `n_neighbors` nearest others; `distances` is (n, n), in the order of `ids`.

    Examples
    --------
    Minima at 0, 1 and 5 on a line: the nearest other of the last is at 1.

    >>> points = np.array([0.0, 1.0, 5.0])
    >>> nearest_pairs([10, 11, 12], np.abs(points[:, None] - points), n_neighbors=1).tolist()
    [[10, 11], [11, 12]]
    """
    order = np.asarray(ids, dtype=np.int64)
    apart = np.array(distances, dtype=np.float64)
    np.fill_diagonal(apart, np.inf)
    k = min(n_neighbors, len(order) - 1)
    if k < 1:
        return np.empty((0, 2), dtype=np.int64)
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :k]
    pairs = np.column_stack([np.repeat(order, k), order[nearest].ravel()])
    return _joined([np.sort(pairs, axis=1)])


def _some(candidates: Pairs, n_pairs: int | None, seed: int, position: int) -> Pairs:
    if n_pairs is None:
        return candidates
    return random_pairs(
        candidates, n_pairs, int(np.random.SeedSequence([seed, position]).generate_state(1)[0])
    )


def _joined(parts: Sequence[Pairs]) -> Pairs:
    if not parts:
        return np.empty((0, 2), dtype=np.int64)
    return np.unique(np.concatenate(parts), axis=0)
