r"""Up to a transition state by gradients alone: `follow_mode` is hybrid eigenvector following for one walker.

Uphill along the softest mode, in its other directions down by a few steps of limited-memory BFGS; then the mode is
found anew. Along the mode, of eigenvalue :math:`\lambda` and slope F, in units of the length scale L,

.. math:: s = \frac{2 F}{|\lambda| (1 + \sqrt{1 + 4 F^2 / (\lambda L)^2})}

Munro and Wales, Phys. Rev. B 59, 3969 (1999); Kumeda, Wales and Munro, Chem. Phys. Lett. 341, 185 (2001). Written in
the part of Python that numba compiles.
"""

import numpy as np

from elsuite.core.typing import Floats
from elsuite.landscapes.kernels import KernelFunction
from elsuite.stationary.lbfgs import ARRIVED, AWAY, NO_NUMBER, SPENT, fill_direction
from elsuite.stationary.rigid import ZeroModes
from elsuite.stationary.softest import soften
from elsuite.stationary.vectors import add, dot

PAIRS = 10
UPHILL, LONGEST_UPHILL, LONGEST_ACROSS = 0.15, 0.3, 0.2
"""Steps in units of the length scale: along a mode that is not negative yet, at most along one, at most across."""
NEAR = 0.1
"""A transition state is near when it is not farther along the mode than this, in units of the length scale."""
CLOSE = 1e-3
FEW, MANY, MOST = 3, 12, 24
"""Steps across while the mode is not negative, and then; and steps in all directions near a transition state."""
TURNS = 8
"""Directions in which the mode is turned at most, but at the start."""
TURNED = 0.1
"""How well the mode is to be known."""


def follow_mode(
    function: KernelFunction,
    parameters: Floats,
    zero_modes: ZeroModes,
    constants: Floats,
    n_zero: int,
    x: Floats,
    gradient: Floats,
    mode: Floats,
    first_turns: int,
    length: float,
    gap: float,
    tolerance: float,
    most_steps: int,
    most_away: float,
) -> tuple[float, float, float, int, int, int]:
    """Go from `x` to a transition state; `x`, `gradient` and the `mode` to begin with are changed.

    Parameters
    ----------
    zero_modes, constants, n_zero
        What fills the zero modes, and how many there are at most.
    first_turns : int
        Directions in which the mode is turned at most at the start.
    length, gap : float
        The length scale, and the distance of the two points of a difference.
    tolerance : float
        Of the gradient, relative to that of a length scale at the largest curvature met.

    Returns
    -------
    tuple
        Energy, eigenvalue, the largest curvature met lately, steps, calls of `function`, how it ended.
    """
    size = len(x)
    steps, changes = np.empty((PAIRS, size)), np.empty((PAIRS, size))
    weights, products = np.empty(PAIRS), np.empty(PAIRS)
    direction, across, there, start = np.empty(size), np.empty(size), np.empty(size), x.copy()
    basis = np.empty((n_zero, size))
    energy, value, stiffness, softness = function(x, gradient, parameters), 0.0, 0.0, 0.0
    n_calls, n_steps = 1, 0
    while True:
        n_modes = zero_modes(x, basis, constants)
        before = mode.copy()
        value, stiffness, n_more = soften(
            function, parameters, x, gradient, mode, basis, n_modes, gap, 0.5 * stiffness, TURNED,
            TURNS if n_steps else first_turns,
        )  # fmt: skip
        n_calls += n_more
        if dot(mode, before) < 0.0:
            mode *= -1.0
        slope = np.sqrt(dot(gradient, gradient))
        away = x - start
        far = dot(away, away) > most_away * most_away
        if not np.isfinite(energy + slope + value):
            return energy, value, stiffness, n_steps, n_calls, NO_NUMBER
        if slope <= tolerance * stiffness * length and value < 0.0:
            return energy, value, stiffness, n_steps, n_calls, ARRIVED
        if far:
            return energy, value, stiffness, n_steps, n_calls, AWAY
        if n_steps >= most_steps:
            return energy, value, stiffness, n_steps, n_calls, SPENT
        n_steps += 1
        force = dot(gradient, mode)
        uphill, share = UPHILL * length, 1.0
        if value < 0.0:
            uphill = 2.0 * force / (-value * (1.0 + np.sqrt(1.0 + 4.0 * (force / (value * length)) ** 2)))
            if abs(uphill) < NEAR * length and slope < CLOSE * stiffness * length:
                share = 2.0
            uphill = max(-LONGEST_UPHILL * length, min(LONGEST_UPHILL * length, uphill))
        if share == 1.0:
            add(x, uphill, mode)
            energy = function(x, gradient, parameters)
            n_calls += 1
            if not np.isfinite(energy):
                return energy, value, stiffness, n_steps, n_calls, NO_NUMBER
        across[:] = gradient - share * dot(gradient, mode) * mode
        n_pairs, begun = 0, np.sqrt(dot(across, across))
        for _ in range(MOST if share > 1.0 else MANY if value < 0.0 else FEW):
            slope = np.sqrt(dot(across, across))
            if not slope > (1.0 if share > 1.0 else 0.3) * tolerance * stiffness * length:
                break
            if share > 1.0 and slope > 2.0 * begun:
                break  # it was not near
            if n_pairs:
                fill_direction(across, steps, changes, weights, n_pairs, softness, direction, products)
                if share == 1.0:
                    add(direction, -dot(direction, mode), mode)
                if dot(direction, across) > 0.0:
                    direction *= -1.0
            else:
                direction[:] = -across * (softness if softness > 0.0 else 1.0 / stiffness)
            norm = np.sqrt(dot(direction, direction))
            row = n_pairs % PAIRS
            steps[row] = min(1.0, LONGEST_ACROSS * length / norm) * direction
            x += steps[row]
            energy = function(x, there, parameters)
            n_calls += 1
            if not np.isfinite(energy):
                return energy, value, stiffness, n_steps, n_calls, NO_NUMBER
            changes[row] = there - share * dot(there, mode) * mode - across
            gradient[:] = there
            across += changes[row]
            bend = dot(steps[row], changes[row])
            square = dot(changes[row], changes[row])
            if bend > 1e-10 * np.sqrt(square * dot(steps[row], steps[row])):
                weights[row] = 1.0 / bend
                softness = bend / square
                n_pairs += 1
            else:
                n_pairs = 0
