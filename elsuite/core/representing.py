"""How values look at the prompt, their fields and arrays by their shape, and in JSON."""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

MOST = 8
"""Longer arrays and texts are shown by their size."""


def short_repr(value: Any) -> str:
    """Return the fields of a dataclass in one line; for its ``__repr__``.

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Map:
    ...     points: np.ndarray
    ...     stress: float
    ...     __repr__ = short_repr
    >>> Map(np.zeros((24, 2)), 0.25)
    Map(points=<24 x 2 float64>, stress=0.25)
    """
    shown = [f"{f.name}={_shown(getattr(value, f.name))}" for f in dataclasses.fields(value) if f.repr]
    return f"{type(value).__name__}({', '.join(shown)})"


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size <= MOST and value.ndim < 2:
        return repr(value.tolist())
    if callable(getattr(value, "numel", None)) or isinstance(value, np.ndarray):  # of numpy, or of torch
        return f"<{' x '.join(map(str, value.shape))} {str(value.dtype).removeprefix('torch.')}>"
    if isinstance(value, (list, tuple, dict)) and len(value) > MOST:
        return f"<{len(value)} entries>"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_shown(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, tuple):
        inside = ", ".join(map(_shown, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, np.generic):
        return repr(value.item())
    return repr(value)


def digits_apart(values: ArrayLike, least: int = 4, *, parts: float = 1000.0) -> int:
    """Return the significant digits, `least` or more, that show a `parts`-th of the range of values.

    Examples
    --------
    >>> digits_apart([0.5, 1.0]), digits_apart([-12345.6, -12345.05])
    (4, 8)
    """
    array = np.asarray(values, dtype=np.float64)
    array = array[np.isfinite(array)]
    largest, span = (float(np.abs(array).max()), float(np.ptp(array))) if len(array) else (0.0, 0.0)
    if not 1e-10 * largest < span < np.inf:  # equal, up to rounding
        return least
    return int(np.clip(np.ceil(np.log10(largest / span * parts)), least, 17))


def plain(value: Any) -> Any:
    """Return a number of numpy as one of Python, and lists and tuples of them likewise; all else as it is.

    Examples
    --------
    >>> plain((np.int64(3), np.float64(0.05), "a"))
    (3, 0.05, 'a')
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in {list, tuple}:
        return type(value)(plain(item) for item in value)
    return value


def as_json(value: Any) -> Any:
    """Return `value` in JSON's types; numbers that are not finite become null."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, (str, int, type(None))):
        return value
    if callable(tolist := getattr(value, "tolist", None)):
        return as_json(tolist())
    return str(value)
