r"""The softest mode of a Hessian by gradients alone: `soften` lowers the Rayleigh quotient by conjugate gradients.

.. math:: R(v) = \frac{v^T H v}{v^T v}, \qquad H v \approx \frac{g(x + \delta v) - g(x)}{\delta}

In the plane of the vector and each search direction the lowest point is known exactly. Munro and Wales, Phys. Rev. B
59, 3969 (1999). Written in the part of Python that numba compiles.
"""

import numpy as np

from elsuite.core.typing import Floats
from elsuite.landscapes.kernels import KernelFunction
from elsuite.stationary.vectors import add, dot

RESTART = 8
"""Conjugate directions begin anew after so many."""
FLOOR = 2e-3
"""Curvatures under this, relative to the largest one met, need not be known better than this one."""


def project(vector: Floats, basis: Floats, n_modes: int) -> None:
    """Take out of `vector` its components along the first rows of `basis`."""
    for k in range(n_modes):
        add(vector, -dot(basis[k], vector), basis[k])


def soften(
    function: KernelFunction,
    parameters: Floats,
    x: Floats,
    gradient: Floats,
    mode: Floats,
    basis: Floats,
    n_modes: int,
    gap: float,
    stiffness: float,
    tolerance: float,
    most: int,
) -> tuple[float, float, int]:
    """Turn `mode`, which is changed, towards the eigenvector of the lowest eigenvalue at `x`.

    Parameters
    ----------
    basis, n_modes
        Zero modes, rows, that are projected out.
    gap : float
        The distance of the two points of a difference.
    stiffness : float
        The largest curvature met so far.
    tolerance : float
        Of the residual, relative to the eigenvalue, or to the smallest curvature that counts.

    Returns
    -------
    tuple
        The eigenvalue, not a number where an energy was not finite, the largest curvature met, and calls of `function`.
    """
    size = len(x)
    product, pushed = np.empty(size), np.empty(size)
    way = np.zeros(size)
    project(mode, basis, n_modes)
    mode /= np.sqrt(dot(mode, mode))
    energy = function(x + gap * mode, product, parameters)
    n_calls = 1
    image = (product - gradient) / gap
    project(image, basis, n_modes)
    value = dot(mode, image)
    stiffness = max(stiffness, abs(value))
    before = 1.0
    for k in range(most):
        rest = image - value * mode
        square = dot(rest, rest)
        if not np.sqrt(square) > tolerance * max(abs(value), FLOOR * stiffness):
            break
        way *= 0.0 if k % RESTART == 0 else square / before
        way -= rest
        add(way, -dot(way, mode), mode)
        project(way, basis, n_modes)
        before = square
        norm = np.sqrt(dot(way, way))
        if not norm > 0.0:
            break
        unit = way / norm
        energy += function(x + gap * unit, product, parameters)
        n_calls += 1
        pushed[:] = (product - gradient) / gap
        project(pushed, basis, n_modes)
        across, along = dot(mode, pushed), dot(unit, pushed)
        stiffness = max(stiffness, abs(along))
        # The lowest value in the plane of the two vectors.
        angle = 0.5 * np.arctan2(2.0 * across, value - along)
        cosine, sine = np.cos(angle), np.sin(angle)
        if value * cosine**2 + 2.0 * across * sine * cosine + along * sine**2 > (
            value * sine**2 - 2.0 * across * sine * cosine + along * cosine**2
        ):
            cosine, sine = -sine, cosine
        if cosine < 0.0:
            cosine, sine = -cosine, -sine
        mode[:] = cosine * mode + sine * unit
        image[:] = cosine * image + sine * pushed
        value = dot(mode, image)
    if not np.isfinite(energy):
        value = np.nan
    return value, stiffness, n_calls
