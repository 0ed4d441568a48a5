"""Plain functions compiled by numba, an extra that is loaded when something is to be compiled: `compiled_function`.

Algorithms are written once, as plain functions in the part of Python and numpy that numba compiles; they may call
other plain functions. Without numba they run as Python.
"""

import functools
import hashlib
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar

OPTIONS: dict[str, Any] = {
    "error_model": "numpy",  # a division by zero is infinite: an outcome, no exception
    # Sums may be taken in any order; what is not a number stays that.
    "fastmath": {"reassoc", "contract", "arcp", "nsz", "afn"},
}
"""With which functions are compiled."""

_LOOPS: dict[Callable[..., Any], Callable[..., Any]] = {}

Plain = TypeVar("Plain", bound=Callable[..., Any])


def can_compile() -> bool:
    """Return whether numba is installed.

    Examples
    --------
    >>> can_compile() in (True, False)
    True
    """
    return find_spec("numba") is not None


@functools.cache
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


def compiled_as(loops: Callable[..., Any]) -> Callable[[Plain], Plain]:
    """Return a decorator of a plain function that says what is compiled in its place: the same, written as loops.

    Examples
    --------
    >>> def sum_by_loop(values):
    ...     total = 0.0
    ...     for value in values:
    ...         total += value
    ...     return total
    >>> @compiled_as(sum_by_loop)
    ... def sum_of(values):
    ...     return values.sum()
    """

    def mark(function: Plain) -> Plain:
        _LOOPS[function] = loops
        return function

    return mark


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
        waiting.append(_LOOPS.get(one, one))
        code = one.__code__
        waiting += [one.__globals__[name] for name in code.co_names if name in one.__globals__]
        waiting += [cell.cell_contents for cell in one.__closure__ or ()]
    return list(found)


@functools.cache
def _register(function: FunctionType) -> None:
    """Let compiled functions call a plain one."""
    from numba import extending

    overload: Any = extending.overload
    loops = _LOOPS.get(function, function)
    overload(function, jit_options=OPTIONS, strict=False)(lambda *_: loops)


def _cache_folder(functions: list[FunctionType], given: str) -> Path:
    """Return a folder for each version of the files that the functions are written in.

    Numba looks at the time of the file of the first one only: it would go on with what the others were.
    """
    digest = hashlib.sha256()
    for name in sorted({function.__code__.co_filename for function in functions}):
        digest.update(Path(name).read_bytes() if Path(name).is_file() else name.encode())
    base = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "elsuite"
    return base / f"compiled-{digest.hexdigest()[:16]}"
