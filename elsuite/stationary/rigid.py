"""Directions in which the energy never changes, as functions that numba compiles: `zero_mode_function`."""

from collections.abc import Callable

import numpy as np

from elsuite.core.typing import Floats
from elsuite.stationary.vectors import add, dot
from elsuite.symmetry.atoms import LINEAR, AtomSymmetry
from elsuite.symmetry.base import Symmetry

ZeroModes = Callable[[Floats, Floats, Floats], int]
"""``zero_modes(x, basis, constants)`` fills rows of `basis` with orthonormal directions at `x`; returns how many."""


def no_modes(x: Floats, basis: Floats, constants: Floats) -> int:
    """Return that there are none.

    Examples
    --------
    >>> no_modes(np.zeros(2), np.empty((0, 2)), np.zeros(0))
    0
    """
    return 0


def rigid_modes(x: Floats, basis: Floats, constants: Floats) -> int:
    """Fill the translations and rotations of atoms; `constants` are the dimension, and whether there are the two.

    Examples
    --------
    >>> basis = np.empty((6, 9))
    >>> rigid_modes(np.array([0.0, 0, 0, 1, 0, 0, 2, 0, 0]), basis, np.array([3.0, 1.0, 1.0]))  # on a line
    5
    """
    dimension, size, n_modes = int(constants[0]), len(x), 0
    n_atoms = size // dimension
    center = np.zeros(dimension)
    if constants[1] > 0.0:
        for k in range(dimension):
            center[k] = x[k::dimension].sum() / n_atoms
            basis[n_modes] = 0.0
            basis[n_modes, k::dimension] = 1.0 / np.sqrt(n_atoms)
            n_modes += 1
    if constants[2] > 0.0:
        largest = 0.0
        for p in range(size):
            largest += (x[p] - center[p % dimension]) ** 2
        for k in range(dimension):
            for m in range(k):
                row = basis[n_modes]
                row[:] = 0.0
                row[k::dimension] = x[m::dimension] - center[m]
                row[m::dimension] = center[k] - x[k::dimension]
                for _ in range(2):
                    for before in range(n_modes):
                        add(row, -dot(basis[before], row), basis[before])
                norm = np.sqrt(dot(row, row))
                if norm > LINEAR * np.sqrt(largest):  # about a line there is no rotation
                    row /= norm
                    n_modes += 1
                if n_modes == len(basis):
                    return n_modes
    return n_modes


def zero_mode_function(symmetry: Symmetry) -> tuple[ZeroModes, Floats, bool]:
    """Return what fills the zero modes of a symmetry, its constants, and whether numba can compile it.

    Examples
    --------
    >>> function, constants, compiles = zero_mode_function(AtomSymmetry(("Ar",) * 3))
    >>> basis = np.empty((6, 9))
    >>> function(np.random.default_rng(0).random(9), basis, constants), compiles
    (6, True)
    """
    if symmetry.n_zero_modes == 0:
        return no_modes, np.zeros(1), True
    if isinstance(symmetry, AtomSymmetry):
        return rigid_modes, np.array([symmetry.dimension, symmetry.translated, symmetry.turned], dtype=np.float64), True

    def any_modes(x: Floats, basis: Floats, constants: Floats) -> int:
        modes = symmetry.zero_modes(x[None])[0].T
        modes = modes[np.linalg.norm(modes, axis=1) > 0.5]
        basis[: len(modes)] = modes
        return len(modes)

    return any_modes, np.zeros(1), False
