"""Energies written as plain loops that numba compiles: `Kernel`, and how any plain function is compiled.

A kernel is a function of one form, ``energy = function(x, gradient, parameters)``: it fills `gradient`, and all three
arrays are contiguous float64 vectors. So searches are compiled once for all potentials, which they are handed as an
argument. It is written in the part of Python and numpy that numba compiles, and may call other plain functions of its
module. Numba is an extra, loaded when something is to be compiled; without it the functions run as Python.
"""

import functools
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

from elsuite.core.typing import Floats

KernelFunction = Callable[[Floats, Floats, Floats], float]

SIGNATURE = "float64(float64[::1], float64[::1], float64[::1])"
"""Of every kernel, in numba's words."""

OPTIONS: dict[str, Any] = {
    "error_model": "numpy",  # a division by zero is infinite: an outcome, no exception
    # Sums may be taken in any order; what is not a number stays that.
    "fastmath": {"reassoc", "contract", "arcp", "nsz", "afn"},
}
"""With which functions are compiled."""


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


def can_compile() -> bool:
    """Return whether numba is installed.

    Examples
    --------
    >>> can_compile() in (True, False)
    True
    """
    return find_spec("numba") is not None


@functools.cache
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


def compiled_function(function: Callable[..., Any], signature: Any) -> Any:
    """Return any plain function compiled for one signature; it and what it calls are kept on disk where that works.

    Raises
    ------
    ImportError
        Without numba: says how it is installed.

    Examples
    --------
    >>> def double(x):
    ...     return 2 * x
    >>> compiled_function(double, "float64(float64)")(1.5)  # doctest: +SKIP
    3.0
    """
    numba = _numba()
    return _with_cache(function, functools.partial(numba.njit, signature, **OPTIONS))


def _numba() -> Any:
    try:
        import numba
    except ImportError:
        raise ImportError("numba is not installed; pip install 'elsuite[compiled]'") from None
    return numba


def _with_cache(function: Callable[..., Any], compile_it: Callable[..., Any]) -> Any:
    """Return a function compiled, with what it calls, from the cache on disk where it is there."""
    reached = _reached(function)
    for helper in reached[1:]:
        _register(helper)
    config: Any = _numba().config
    given = config.CACHE_DIR
    config.CACHE_DIR = str(_cache_folder(reached, given))
    try:
        return compile_it(cache=True)(function)
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
        return compile_it(cache=False)(function)  # written at a prompt, or no folder can be written to
    finally:
        config.CACHE_DIR = given


def _reached(function: Callable[..., Any]) -> list[FunctionType]:
    """Return a plain function and all plain functions that it calls by their names."""
    found: dict[FunctionType, None] = {}
    waiting = [function]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, FunctionType) or one in found:
            continue
        found[one] = None
        code = one.__code__
        waiting += [one.__globals__[name] for name in code.co_names if name in one.__globals__]
        waiting += [cell.cell_contents for cell in one.__closure__ or ()]
    return list(found)


@functools.cache
def _register(function: FunctionType) -> None:
    """Let compiled functions call a plain one."""
    from numba.extending import register_jitable

    register_jitable(**OPTIONS)(function)


def _cache_folder(functions: list[FunctionType], given: str) -> Path:
    """Return a folder for each version of the files that the functions are written in.

    Numba looks at the time of the file of the first one only: it would go on with what the others were.
    """
    digest = hashlib.sha256()
    for name in sorted({function.__code__.co_filename for function in functions}):
        digest.update(Path(name).read_bytes() if Path(name).is_file() else name.encode())
    base = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "elsuite"
    return base / f"compiled-{digest.hexdigest()[:16]}"
