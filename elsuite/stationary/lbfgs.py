r"""Down to a minimum by limited-memory BFGS without a line search, for one walker and by gradients alone: `quench`.

A step that raises the energy by more than its rounding is cut to a tenth; so most steps cost one gradient. Liu and
Nocedal, Math. Program. 45, 503 (1989); with cut steps as in Wales' programs. Written in the part of Python that numba
compiles; nothing has a unit but the length, the largest curvature met, and the energy's own rounding.
"""

import numpy as np

from elsuite.core.typing import Floats
from elsuite.landscapes.kernels import KernelFunction
from elsuite.stationary.vectors import add, dot

MEMORY = 16
"""Pairs of steps and changes of the gradient that are kept."""
N_CUTS = 12
"""A step is cut so often at most."""
FIRST_STEP = 0.02
"""Length of the first step, in units of the length scale, where no curvature is known."""

ARRIVED, SPENT, STUCK, NO_NUMBER, AWAY = range(5)
"""How a search by gradients ends."""


def fill_direction(
    gradient: Floats,
    steps: Floats,
    changes: Floats,
    weights: Floats,
    n_pairs: int,
    softness: float,
    direction: Floats,
    products: Floats,
) -> None:
    """Fill `direction` with minus the inverse Hessian times the gradient, by the last pairs of `n_pairs`.

    Pair k stands in row k modulo the memory; `softness` is the inverse curvature where the pairs say nothing.
    """
    memory = len(weights)
    direction[:] = -gradient
    first = max(0, n_pairs - memory)
    for k in range(n_pairs - 1, first - 1, -1):
        row = k % memory
        products[row] = weights[row] * dot(steps[row], direction)
        add(direction, -products[row], changes[row])
    direction *= softness
    for k in range(first, n_pairs):
        row = k % memory
        add(direction, products[row] - weights[row] * dot(changes[row], direction), steps[row])


def quench(
    function: KernelFunction,
    parameters: Floats,
    x: Floats,
    gradient: Floats,
    softness: float,
    length: float,
    longest: float,
    precision: float,
    tolerance: float,
    most_calls: int,
    most_away: float,
) -> tuple[float, float, int, int, int]:
    """Go down from `x`, which is changed and where `gradient` is filled, until the gradient vanishes.

    Parameters
    ----------
    softness : float
        An inverse curvature to begin with; 0: none is known.
    length, longest : float
        The length scale, and the longest step in its units.
    precision : float
        The rounding of energies, relative to them and to the energy of a length scale at the largest curvature met.
    tolerance : float
        Of the gradient, relative to that of a length scale at the largest curvature met by the last steps.
    most_away : float
        How far from its start a search has run away.

    Returns
    -------
    tuple
        Energy, stiffness (the largest curvature met by the last steps), steps, calls of `function`, how it ended.
    """
    size = len(x)
    steps, changes = np.empty((MEMORY, size)), np.empty((MEMORY, size))
    weights, products, curvatures = np.empty(MEMORY), np.empty(MEMORY), np.zeros(MEMORY)
    direction, there, start = np.empty(size), np.empty(size), x.copy()
    energy = function(x, gradient, parameters)
    n_calls, n_steps, n_pairs, stiffness = 1, 0, 0, 0.0
    while True:
        slope = np.sqrt(dot(gradient, gradient))
        if not np.isfinite(slope + energy):
            return energy, stiffness, n_steps, n_calls, NO_NUMBER
        if slope <= tolerance * stiffness * length:
            return energy, stiffness, n_steps, n_calls, ARRIVED
        if n_calls >= most_calls:
            return energy, stiffness, n_steps, n_calls, SPENT
        if n_pairs:
            fill_direction(gradient, steps, changes, weights, n_pairs, softness, direction, products)
        else:
            direction[:] = -gradient * (softness if softness > 0.0 else FIRST_STEP * length / slope)
        if dot(direction, gradient) > 0.0:
            direction *= -1.0
        norm = np.sqrt(dot(direction, direction))
        scale = min(1.0, longest * length / norm)
        taken = False
        for _ in range(N_CUTS):
            trial = x + scale * direction
            reached = function(trial, there, parameters)
            n_calls += 1
            if reached <= energy + precision * (abs(energy) + stiffness * length * length):
                taken = True
                break
            scale *= 0.1
        if not taken:
            if n_pairs == 0:
                return energy, stiffness, n_steps, n_calls, STUCK
            n_pairs, softness = 0, 0.0
            continue
        row = n_pairs % MEMORY
        steps[row] = trial - x
        changes[row] = there - gradient
        bend = dot(steps[row], changes[row])
        square = dot(changes[row], changes[row])
        x[:] = trial
        gradient[:] = there
        energy = reached
        n_steps += 1
        if bend > 1e-10 * np.sqrt(square * dot(steps[row], steps[row])):
            weights[row] = 1.0 / bend
            softness = bend / square
            curvatures[row] = square / bend
            stiffness = curvatures.max()
            n_pairs += 1
        else:
            n_pairs = 0
        away = x - start
        if dot(away, away) > most_away * most_away:
            return energy, stiffness, n_steps, n_calls, AWAY
