"""Whether one cluster lies over another once it is turned: `overlay`, which numba compiles.

Only a copy that is found counts: where none is, nothing is said.
"""

import numpy as np

from elsuite.core.typing import Floats, Ids


def overlay(fixed: Floats, moving: Floats, kinds: Ids, mirrored: bool, slack: float, enough: float) -> float:
    """Return the distance to a turned copy of `moving` that lies over `fixed`, like atoms exchanged; infinite if none.

    Two atoms of `fixed` (one in the plane) that have the fewest counterparts are laid over each pair of like atoms at
    the same distances; then each atom must have one like atom within `slack` to itself. The distance is that of such a
    copy, not of the best rotation near it: an upper bound.

    Parameters
    ----------
    fixed, moving : ndarray (n_atoms, dimension)
        From their centers, or from where both are turned about.
    kinds : ndarray of int (n_atoms,)
        Of both.
    slack : float
        How far single atoms may be off.
    enough : float
        The first copy within this distance will do.

    Examples
    --------
    >>> fixed = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, -2.0]])
    >>> turned = fixed[[2, 0, 1]] @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> overlay(fixed, turned, np.zeros(3, dtype=np.int64), False, 1e-9, 1e-9) < 1e-9
    True
    """
    n_atoms, dimension = fixed.shape
    sizes, others = np.sqrt((fixed**2).sum(axis=1)), np.sqrt((moving**2).sum(axis=1))
    counts = np.zeros(n_atoms)
    for k in range(n_atoms):
        for m in range(n_atoms):
            if kinds[k] == kinds[m] and abs(sizes[k] - others[m]) <= slack:
                counts[k] += 1.0
        if counts[k] == 0.0:
            return np.inf
    i, j = _references(fixed, sizes, counts)
    if i < 0:
        return np.inf
    frame, other_frame = np.zeros((dimension, dimension)), np.zeros((dimension, dimension))
    _fill_frame(fixed[i], fixed[j], frame)
    apart = np.sqrt(((fixed[i] - fixed[j]) ** 2).sum())
    best = np.inf
    for a in range(n_atoms):
        if kinds[a] != kinds[i] or abs(others[a] - sizes[i]) > slack:
            continue
        for b in range(n_atoms):
            if dimension == 2:
                if b != a:
                    continue
            else:
                if b == a or kinds[b] != kinds[j] or abs(others[b] - sizes[j]) > slack:
                    continue
                between = np.sqrt(((moving[a] - moving[b]) ** 2).sum())
                if abs(between - apart) > slack:
                    continue
            _fill_frame(moving[a], moving[b], other_frame)
            for image in range(2 if mirrored else 1):
                if image == 1:
                    other_frame[dimension - 1] *= -1.0
                best = min(best, _misfit(fixed, moving @ (other_frame.T @ frame), kinds, slack))
                if best <= enough:
                    return best
    return best


def _references(fixed: Floats, sizes: Floats, counts: Floats) -> tuple[int, int]:
    """Return two atoms off a line through the center with the fewest counterparts, or one twice in the plane; -1: none.

    They are to be far from the center, and in space far from one line.
    """
    n_atoms, dimension = fixed.shape
    size = sizes.max()
    first, second, fewest = -1, -1, np.inf
    for i in range(n_atoms):
        if dimension == 2:
            if sizes[i] > 0.4 * size and counts[i] < fewest:
                first, second, fewest = i, i, counts[i]
            continue
        for j in range(n_atoms):
            if i != j and counts[i] * counts[j] < fewest:
                cosine = (fixed[i] * fixed[j]).sum()
                if sizes[i] ** 2 * sizes[j] ** 2 - cosine**2 > 0.04 * size**4:
                    first, second, fewest = i, j, counts[i] * counts[j]
    return first, second


def _fill_frame(first: Floats, second: Floats, frame: Floats) -> None:
    """Fill orthonormal rows: along `first`, in space towards `second`, and the normal."""
    frame[0] = first / np.sqrt((first**2).sum())
    if len(first) == 2:
        frame[1, 0], frame[1, 1] = -frame[0, 1], frame[0, 0]
        return
    rest = second - (second * frame[0]).sum() * frame[0]
    frame[1] = rest / np.sqrt((rest**2).sum())
    for k in range(3):
        m, n = (k + 1) % 3, (k + 2) % 3
        frame[2, k] = frame[0, m] * frame[1, n] - frame[0, n] * frame[1, m]


def _misfit(fixed: Floats, moving: Floats, kinds: Ids, slack: float) -> float:
    """Return the distance where each atom has one like atom within `slack` to itself, else infinity."""
    n_atoms, dimension = fixed.shape
    taken = np.zeros(n_atoms, dtype=np.bool_)
    total = 0.0
    for k in range(n_atoms):
        found = -1
        for m in range(n_atoms):
            if taken[m] or kinds[m] != kinds[k]:
                continue
            square = 0.0
            for q in range(dimension):
                square += (fixed[k, q] - moving[m, q]) ** 2
            if square <= slack * slack:
                found = m
                total += square
                break
        if found < 0:
            return np.inf
        taken[found] = True
    return float(np.sqrt(total))
