"""Operations of vectors: as Python numpy's, compiled loops that make no arrays of what is between."""

from typing import Any

import numpy as np

from elsuite.core.compiling import compiled_as
from elsuite.core.typing import Floats


def _dot(a: Floats, b: Floats) -> Any:
    total = 0.0
    for k in range(len(a)):
        total += a[k] * b[k]
    return total


def _add(target: Floats, factor: float, vector: Floats) -> None:
    for k in range(len(target)):
        target[k] += factor * vector[k]


@compiled_as(_dot)
def dot(a: Floats, b: Floats) -> Any:
    """Return the scalar product.

    Examples
    --------
    >>> float(dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    return np.dot(a, b)


@compiled_as(_add)
def add(target: Floats, factor: float, vector: Floats) -> None:
    """Add `factor` times `vector` to `target`.

    Examples
    --------
    >>> target = np.array([1.0, 2.0])
    >>> add(target, 2.0, np.array([1.0, 0.0]))
    >>> target
    array([3., 2.])
    """
    target += factor * vector
