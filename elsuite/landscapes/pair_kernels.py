"""Pair potentials as loops that numba compiles: one function for atoms of any species, in a cell or not.

The functions are written in the part of Python that `elsuite.landscapes.kernels` describes.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from elsuite.core.typing import Floats
from elsuite.landscapes.kernels import Kernel

LENNARD_JONES: Final = 0.0
"""The form :math:`4 a ((b / s)^6 - (b / s)^3)`: a depth and the square of a length."""
MORSE: Final = 1.0
r"""The form :math:`a e (e - 2)`, :math:`e = \exp(c (1 - r / b))`: a depth, a length and a range."""

# Places among the parameters.
_DIMENSION, _KINDS, _HAS_CELL, _CELL, _INVERSE, _CODES, _ROW = 1, 2, 3, 4, 13, 22, 6


def pair_kernel(
    form: float,
    kinds: ArrayLike,
    constants: ArrayLike,
    *,
    dimension: int,
    cell: ArrayLike | None = None,
    shifts: ArrayLike | None = None,
) -> Kernel:
    """Return a sum over pairs as a kernel.

    Parameters
    ----------
    form : float
        `LENNARD_JONES` or `MORSE`.
    kinds : array of int (n_atoms,)
        The species of each atom, from 0.
    constants : array (n_kinds, n_kinds, 3)
        a, b and c of the form, for each pair of species.
    shifts : array (n_kinds, n_kinds, 3), optional
        The squared cutoff, and the pair energy and its derivative by the squared distance there.

    Examples
    --------
    >>> kernel = pair_kernel(LENNARD_JONES, [0, 0], [[[1.0, 1.0, 0.0]]], dimension=2)
    >>> float(kernel.function(np.array([0.0, 0, 1, 0]), np.empty(4), kernel.parameters))
    0.0
    """
    codes, table = np.asarray(kinds, dtype=np.float64), np.asarray(constants, dtype=np.float64)
    ends = np.zeros_like(table) if shifts is None else np.asarray(shifts, dtype=np.float64)
    if shifts is None:
        ends[..., 0] = np.inf
    box = np.zeros((2, 3, 3))
    if cell is not None:
        box[0, :dimension, :dimension] = cell
        box[1, :dimension, :dimension] = np.linalg.inv(np.asarray(cell, dtype=np.float64))
    head = [form, dimension, len(table), cell is not None]
    rows = np.concatenate([table, ends], axis=-1)
    return Kernel(sum_over_pairs, np.concatenate([head, box.ravel(), codes, rows.ravel()]))


def sum_over_pairs(x: Floats, gradient: Floats, parameters: Floats) -> float:
    """Return the sum over pairs at `x`, and fill the gradient; `parameters` are those of `pair_kernel`.

    Examples
    --------
    >>> kernel, gradient = pair_kernel(MORSE, [0, 0], [[[1.0, 1.0, 6.0]]], dimension=2), np.empty(4)
    >>> float(sum_over_pairs(np.array([0.0, 0, 0, 1]), gradient, kernel.parameters)), gradient
    (-1.0, array([0., 0., 0., 0.]))
    """
    form, n_kinds, has_cell = parameters[0], int(parameters[_KINDS]), parameters[_HAS_CELL] > 0
    dimension = int(parameters[_DIMENSION])
    n_atoms = len(x) // dimension
    rows = _CODES + n_atoms
    gradient[:] = 0.0
    energy = 0.0
    for i in range(n_atoms):
        for j in range(i):
            u, v = x[i * dimension] - x[j * dimension], x[i * dimension + 1] - x[j * dimension + 1]
            w = 0.0
            if dimension == 3:
                w = x[i * dimension + 2] - x[j * dimension + 2]
            if has_cell:
                u, v, w = nearest_image(u, v, w, parameters)
            square = u * u + v * v + w * w
            row = rows + _ROW * (int(parameters[_CODES + i]) * n_kinds + int(parameters[_CODES + j]))
            if square >= parameters[row + 3]:
                continue
            value, slope = pair_terms(form, square, parameters[row], parameters[row + 1], parameters[row + 2])
            if parameters[row + 3] < np.inf:
                value -= parameters[row + 4] + (square - parameters[row + 3]) * parameters[row + 5]
                slope -= parameters[row + 5]
            energy += value
            slope *= 2.0
            gradient[i * dimension] += slope * u
            gradient[j * dimension] -= slope * u
            gradient[i * dimension + 1] += slope * v
            gradient[j * dimension + 1] -= slope * v
            if dimension == 3:
                gradient[i * dimension + 2] += slope * w
                gradient[j * dimension + 2] -= slope * w
    return energy


def nearest_image(u: float, v: float, w: float, parameters: Floats) -> tuple[float, float, float]:
    """Return a difference to the nearest image in the cell.

    Examples
    --------
    >>> cubic = pair_kernel(MORSE, [0], [[[1.0, 1.0, 6.0]]], dimension=3, cell=np.eye(3)).parameters
    >>> [round(float(part), 6) for part in nearest_image(0.9, 0.2, -0.6, cubic)]
    [-0.1, 0.2, 0.4]
    """
    for k in range(3):
        turns = np.floor(
            u * parameters[_INVERSE + k] + v * parameters[_INVERSE + 3 + k] + w * parameters[_INVERSE + 6 + k] + 0.5
        )
        u -= turns * parameters[_CELL + 3 * k]
        v -= turns * parameters[_CELL + 3 * k + 1]
        w -= turns * parameters[_CELL + 3 * k + 2]
    return u, v, w


def pair_terms(form: float, square: float, a: float, b: float, c: float) -> tuple[float, float]:
    """Return the energy of a pair at a squared distance and its derivative by that.

    Examples
    --------
    >>> tuple(map(float, pair_terms(LENNARD_JONES, 1.0, 1.0, 1.0, 0.0)))
    (0.0, -12.0)
    """
    if form == LENNARD_JONES:
        inverse = b / square
        cube = inverse * inverse * inverse
        return 4.0 * a * cube * (cube - 1.0), 12.0 * a * cube * (1.0 - 2.0 * cube) / square
    distance = np.sqrt(square)
    decay = np.exp(c * (1.0 - distance / b))
    return a * decay * (decay - 2.0), -a * c * decay * (decay - 1.0) / (b * distance)
