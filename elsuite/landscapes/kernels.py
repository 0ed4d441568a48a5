"""Energies written as plain loops that numba compiles: `Kernel`.

A kernel is a function of one form, ``energy = function(x, gradient, parameters)``: it fills `gradient`, and all three
arrays are contiguous float64 vectors. So searches are compiled once for all potentials, which they are handed as an
argument. It is written in the part of Python and numpy that numba compiles, and may call other plain functions of its
module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elsuite.core.compiling import compiled_function
from elsuite.core.typing import Floats

KernelFunction = Callable[[Floats, Floats, Floats], float]

SIGNATURE = "float64(float64[::1], float64[::1], float64[::1])"
"""Of every kernel, in numba's words."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """An energy as a function that numba compiles, and its constants.

    Attributes
    ----------
    function : callable
        ``function(x, gradient, parameters)`` returns the energy at `x`, shape (P,), and fills `gradient`, shape (P,).
    parameters : ndarray (n,)
        Handed to every call.

    Examples
    --------
    >>> import numpy as np
    >>> def bowl(x, gradient, parameters):
    ...     gradient[:] = parameters[0] * x
    ...     return 0.5 * parameters[0] * (x**2).sum()
    >>> gradient = np.empty(2)
    >>> kernel = Kernel(bowl, np.array([3.0]))
    >>> float(kernel.function(np.array([1.0, 2.0]), gradient, kernel.parameters)), gradient
    (7.5, array([3., 6.]))
    """

    function: KernelFunction
    parameters: Floats


def compiled_kernel(function: KernelFunction) -> Any:
    """Return a kernel's function compiled: callable from Python, and an argument of other compiled functions.

    Raises
    ------
    ImportError
        Without numba: says how it is installed.

    Examples
    --------
    >>> import numpy as np
    >>> from elsuite.landscapes import LennardJones
    >>> kernel = LennardJones(2).kernel()
    >>> gradient = np.empty(6)
    >>> compiled_kernel(kernel.function)(np.array([0.0, 0, 0, 1, 0, 0]), gradient, kernel.parameters)  # doctest: +SKIP
    0.0
    """
    return compiled_function(function, SIGNATURE)
