"""Searches by gradients alone, compiled where the landscape has a kernel: `Engine`, `engine_of`."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from elsuite.core.compiling import can_compile, compiled_function
from elsuite.core.outcomes import Outcome, reason_of
from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.kernels import KernelFunction, compiled_kernel
from elsuite.stationary.classify import ended
from elsuite.stationary.hybrid import follow_mode
from elsuite.stationary.lbfgs import ARRIVED, AWAY, NO_NUMBER, SPENT, STUCK, quench
from elsuite.stationary.results import Refinement
from elsuite.stationary.rigid import ZeroModes, zero_mode_function
from elsuite.stationary.walk import FAR, Limits, Rule, walk, walk_limits

TOLERANCE = 3e-9
"""Of gradients, relative to that of a length scale at the largest curvature met; Newton's steps do the rest."""
LONGEST = 0.2
"""The longest step down, in units of the length scale."""
REACH = 2.0
"""A search for a transition state has run away at this many length scales times the root of the dimension."""
CALLS_A_STEP = 10
"""A quench has so many calls for each step that the limits allow."""
STEPS_UP = 40
"""Steps along the mode at most: few searches that take more come to an end."""
FREE_TURNS = 40
"""Directions in which the first mode is turned where no direction is given."""
LAST_STEPS = 10
"""Newton's steps at most, from where a search has ended."""

_OUTCOMES = {
    SPENT: (Outcome.BUDGET_SPENT, "not stationary after {} steps"),
    STUCK: (Outcome.STALLED, "no step of any length is good after {} steps"),
    NO_NUMBER: (Outcome.NOT_A_NUMBER, "energy or derivatives are not finite after {} steps"),
    AWAY: (Outcome.DIVERGED, "ran away from its start in {} steps"),
}


@dataclass(frozen=True, eq=False)
class Rough:
    """Where a search by gradients ended: near a stationary point of an index that is not known yet, or not.

    Attributes
    ----------
    mode : ndarray (P,)
        What is close to the softest mode; zeros after a quench.
    outcome : Outcome
        "converged" where the gradient vanishes as far as is asked for.
    """

    point: Floats
    energy: float
    gradient_norm: float
    mode: Floats
    outcome: Outcome
    message: str
    n_steps: int
    n_calls: int

    __repr__ = short_repr


@dataclass(frozen=True, eq=False)
class Engine:
    """How a landscape is searched by gradients alone.

    Attributes
    ----------
    function, parameters
        The energy, as kernels have it.
    zero_modes, constants, n_zero
        What fills the zero modes, and how many there are at most.
    quench, follow : callable
        `elsuite.stationary.lbfgs.quench` and `elsuite.stationary.hybrid.follow_mode`, or what they were compiled to.
    length : float
        The landscape's length scale.
    rounding : float
        Of its numbers.
    compiled : bool
        Whether all of it is.
    """

    function: KernelFunction
    parameters: Floats
    zero_modes: ZeroModes
    constants: Floats
    n_zero: int
    quench: Callable[..., tuple[float, float, int, int, int]]
    follow: Callable[..., tuple[float, float, float, int, int, int]]
    length: float
    rounding: float
    compiled: bool

    def down(
        self, points: Floats, *, limits: Limits, longest: float = LONGEST, tolerance: float = 0.0
    ) -> tuple[Rough, ...]:
        """Return where descents from points, shape (n, P), end, each on its own: an exception is an outcome.

        `longest` is the longest step, in units of the length scale; `tolerance` that of the gradient where it is larger
        than the usual one.
        """

        def one(x: Floats, gradient: Floats, mode: Floats) -> tuple[float, int, int, int]:
            energy, _, n_steps, n_calls, end = self.quench(
                self.function,
                self.parameters,
                x,
                gradient,
                0.0,
                self.length,
                longest,
                500 * self.rounding,
                max(tolerance, self._tolerance(limits)),
                CALLS_A_STEP * limits.max_steps,
                FAR * self.length,
            )
            return energy, n_steps, n_calls, end

        return tuple(self._searched(one, point, np.zeros_like(point)) for point in points)

    def up(self, points: Floats, modes: Floats, *, limits: Limits) -> tuple[Rough, ...]:
        """Return where searches for transition states from points, shape (n, P), end, each on its own.

        `modes`, of the same shape, are followed at first; where one is zero, what is softest is.
        """
        away = REACH * self.length * math.sqrt(points.shape[1])

        def one(x: Floats, gradient: Floats, mode: Floats) -> tuple[float, int, int, int]:
            free = not mode.any()
            if free:
                mode[:] = np.random.default_rng(0).standard_normal(len(mode))
            energy, _, _, n_steps, n_calls, end = self.follow(
                self.function,
                self.parameters,
                self.zero_modes,
                self.constants,
                self.n_zero,
                x,
                gradient,
                mode,
                FREE_TURNS if free else 4,
                self.length,
                self._gap(x),
                self._tolerance(limits),
                min(STEPS_UP, limits.max_steps),
                away,
            )
            return energy, n_steps, n_calls, end

        return tuple(self._searched(one, point, mode) for point, mode in zip(points, modes, strict=True))

    def _searched(self, search: Callable[..., tuple[float, int, int, int]], point: Floats, mode: Floats) -> Rough:
        x, gradient, mode = np.array(point), np.zeros(len(point)), np.array(mode)
        try:
            with np.errstate(all="ignore"):  # what is not finite is an outcome
                energy, n_steps, n_calls, end = search(x, gradient, mode)
        except Exception as error:  # of a user's energy: it ends one search
            return Rough(x, np.nan, np.nan, mode, Outcome.FAILED, reason_of(error), 0, 0)
        outcome, message = _OUTCOMES.get(end, (Outcome.CONVERGED, ""))
        assert end == ARRIVED or message
        norm = float(np.linalg.norm(gradient))
        return Rough(x, float(energy), norm, mode, outcome, message.format(n_steps), int(n_steps), int(n_calls))

    def _tolerance(self, limits: Limits) -> float:
        return max(TOLERANCE if self.rounding < 1e-12 else 1e-5, limits.gradient_tolerance)

    def _gap(self, x: Floats) -> float:
        """Return the distance of the two points of a difference; far from the origin coordinates are rounded more."""
        return float(self.length * (self.rounding * max(1.0, float(np.abs(x).max()) / self.length)) ** (1 / 3))


def engine_of(landscape: Landscape) -> Engine | None:
    """Return how a landscape is searched by gradients alone, on the surface that it shows; None: it is not.

    It is where it has a kernel, or no second derivatives. Compiled where there are a kernel and numba.

    Examples
    --------
    >>> from elsuite.landscapes import LennardJones, SixHumpCamel
    >>> engine_of(LennardJones(3)) is not None, engine_of(SixHumpCamel())
    (True, None)
    """
    kernel = landscape.kernel()
    if kernel is None and not landscape.gradient_only:
        return None
    modes, constants, modes_compile = zero_mode_function(landscape.symmetry)
    function: Any
    if kernel is not None and modes_compile and can_compile():
        function, parameters = compiled_kernel(kernel.function), np.ascontiguousarray(kernel.parameters, np.float64)
        quench_, follow, modes = _compiled()[0], _compiled()[1], _compiled_modes(modes)
        compiled = True
    else:
        function, parameters = _energy_of(landscape), np.empty(0)
        quench_, follow, compiled = quench, follow_mode, False
    return Engine(
        function,
        parameters,
        modes,
        constants,
        landscape.symmetry.n_zero_modes,
        quench_,
        follow,
        landscape.length_scale,
        float(torch.finfo(landscape.dtype).eps),
        compiled,
    )


def finished(
    landscape: Landscape, ends: Sequence[Rough], rule: Rule, limits: Limits | None = None
) -> tuple[Refinement, ...]:
    """Return where searches ended as results: by Newton's steps to the last digit, the index counted by the Hessian.

    Examples
    --------
    >>> from elsuite.landscapes import LennardJones
    >>> from elsuite.stationary.descend import SteepestDescent
    >>> ends = engine_of(LennardJones(2)).down(np.array([[0.0, 0, 0, 1, 0, 0]]), limits=Limits())
    >>> [(str(point.outcome), point.index) for point in finished(LennardJones(2), ends, SteepestDescent(np.inf))]
    [('converged', 0)]
    """
    allowed = replace(walk_limits(landscape, limits or Limits()), max_steps=LAST_STEPS)
    arrived = [end for end in ends if end.outcome is Outcome.CONVERGED]
    done: dict[int, Refinement] = {}
    # What calls a program of a user's own may raise an exception: it ends one search.
    for group in [[end] for end in arrived] if landscape.gradient_only else [arrived] if arrived else []:
        points, modes = np.array([end.point for end in group]), np.array([end.mode for end in group])
        try:
            state = walk(landscape, points, rule, guides=modes, limits=allowed)
            found = ended(landscape, state, rule.index, limits=allowed)
        except Exception as error:
            if not landscape.gradient_only:
                raise
            found = (as_found(replace(group[0], outcome=Outcome.FAILED, message=reason_of(error))),)
        for end, point in zip(group, found, strict=True):
            # A Hessian that is written down costs no gradients.
            more = point.n_gradients if landscape.gradient_only else point.n_steps + 1
            done[id(end)] = replace(point, n_steps=end.n_steps + point.n_steps, n_gradients=end.n_calls + more)
    return tuple(done.get(id(end)) or as_found(end) for end in ends)


def as_found(end: Rough) -> Refinement:
    """Return the end of a search as a result without curvature: what failed, or is known already.

    Examples
    --------
    >>> from elsuite.landscapes import LennardJones
    >>> end, = engine_of(LennardJones(2)).down(np.array([[0.0, 0, 0, 1, 0, 0]]), limits=Limits())
    >>> round(as_found(end).energy, 9)
    -1.0
    """
    return Refinement(
        point=end.point,
        energy=end.energy,
        gradient_norm=end.gradient_norm,
        eigenvalues=np.empty(0),
        eigenvector=end.mode,
        index=0,
        outcome=end.outcome,
        message=end.message,
        n_steps=end.n_steps,
        n_gradients=end.n_calls,
    )


def _energy_of(landscape: Landscape) -> KernelFunction:
    """Return the energy of a landscape in the form of a kernel, not compiled."""

    def function(x: Floats, gradient: Floats, parameters: Floats) -> float:
        # A copy: what a user's energy keeps must not change under it.
        point = torch.as_tensor(x.copy(), dtype=landscape.dtype, device=landscape.device)[None]
        energies, gradients = landscape.energy_and_gradient(point)
        gradient[:] = gradients[0].detach().cpu().numpy()
        return float(energies[0])

    return function


@functools.cache
def _types() -> tuple[Any, Any, Any, Any, Any]:
    """Return numba's types of a number, a whole number, a vector, and the two kinds of functions."""
    from numba import types

    number, whole, vector, rows = types.float64, types.int64, types.float64[::1], types.float64[:, ::1]
    kernel = types.FunctionType(number(vector, vector, vector))
    return number, whole, vector, kernel, types.FunctionType(whole(vector, rows, vector))


@functools.cache
def _compiled() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the two searches compiled; cold, it takes about ten seconds."""
    from numba import types

    number, whole, vector, kernel, modes = _types()
    several: Any = types.Tuple
    down = several((number, number, whole, whole, whole))(
        kernel, vector, vector, vector, number, number, number, number, number, whole, number
    )
    up = several((number, number, number, whole, whole, whole))(
        kernel, vector, modes, vector, whole, vector, vector, vector, whole, number, number, number, whole, number
    )
    return compiled_function(quench, down), compiled_function(follow_mode, up)


@functools.cache
def _compiled_modes(function: ZeroModes) -> Any:
    from numba import types

    _, whole, vector, _, _ = _types()
    return compiled_function(function, whole(vector, types.float64[:, ::1], vector))
