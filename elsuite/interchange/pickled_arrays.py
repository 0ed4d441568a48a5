"""Pickles of numpy arrays, read without running what is in them.

A pickle is a program. Its instructions are checked first: only those of which numpy writes an array, few of them, and
none that takes more memory than the pickle has bytes. Then it is unpickled with stand-ins for the few names that such
pickles call; they build numbers, texts and tuples only. Protocols 0 to 5, of Python 2 and 3, of numpy 1 and 2.
"""

import io
import math
import pickle
import pickletools
import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from elsuite.core.typing import Floats

_MOST_INSTRUCTIONS: Final = 200
_MOST_DIMS: Final = 32
_DTYPE: Final = re.compile(r"[fiu][1248]")
_PUT: Final = {"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"}
# Instructions that bring bytes, and how many bytes after the instruction these begin.
_BYTES: Final = {
    **dict.fromkeys(("SHORT_BINSTRING", "SHORT_BINBYTES"), 2),
    **dict.fromkeys(("BINSTRING", "BINBYTES"), 5),
    **dict.fromkeys(("BINBYTES8", "BYTEARRAY8"), 9),
}
_INSTRUCTIONS: Final = {
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "EMPTY_TUPLE"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"),
    *("STRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "GET", "BINGET", "LONG_BINGET"),
    *("GLOBAL", "STACK_GLOBAL", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "REDUCE", "BUILD"),
    *_PUT,
    *_BYTES,
}


class NotAnArrayError(ValueError):
    """The pickle is not one of an array of numbers."""


@dataclass(frozen=True)
class ArrayLayout:
    """Where the numbers are in a pickle, and what is around them."""

    prefix: bytes
    suffix: bytes
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: str


def read_array(blob: bytes) -> tuple[Floats, ArrayLayout | None]:
    """Return the array of numbers in a pickle, as float64, and its layout, if pickles like it can be read faster.

    Raises
    ------
    NotAnArrayError
        For anything else.

    Examples
    --------
    >>> import pickle
    >>> read_array(pickle.dumps(np.array([1.0, 2.0])))[0]
    array([1., 2.])
    """
    try:
        literals = _checked(blob)
        array = _Unpickler(io.BytesIO(blob), fix_imports=False, encoding="latin1").load()
        if not isinstance(array, _Array):
            raise NotAnArrayError("not an array")
        dtype = np.dtype(array.code)
        values = _values(array.data, dtype, array.shape, array.order)
    except NotAnArrayError:
        raise
    except Exception as error:
        # Whatever is wrong with a hostile pickle: it is no array.
        raise NotAnArrayError(f"malformed: {type(error).__name__}") from None
    begins = [begin for begin, n in literals if blob[begin : begin + n] == array.data]
    if len(begins) != 1:
        return values, None
    end = begins[0] + len(array.data)
    return values, ArrayLayout(blob[: begins[0]], blob[end:], dtype, array.shape, array.order)


def read_again(blob: bytes, layout: ArrayLayout | None) -> Floats | None:
    """Return the array in a pickle that differs from an earlier one in the numbers only; None for any other."""
    if layout is None or not (blob.startswith(layout.prefix) and blob.endswith(layout.suffix)):
        return None
    data = blob[len(layout.prefix) : len(blob) - len(layout.suffix)]
    if len(data) != math.prod(layout.shape) * layout.dtype.itemsize:
        return None
    return _values(data, layout.dtype, layout.shape, layout.order)


def _values(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> Floats:
    size = math.prod(shape) * dtype.itemsize
    if size != len(data):
        raise NotAnArrayError(f"{len(data)} bytes for an array of {size:.6g}")
    flat = np.frombuffer(data, dtype=dtype).astype(np.float64)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _checked(blob: bytes) -> list[tuple[int, int]]:
    """Return where the bytes in a pickle begin and how many they are, if it has only what pickles of arrays have."""
    literals, position = [], 0
    for count, (instruction, argument, place) in enumerate(pickletools.genops(blob)):
        name, position = instruction.name, place or 0
        if count == _MOST_INSTRUCTIONS:
            raise NotAnArrayError("too long for an array")
        if name not in _INSTRUCTIONS:
            raise NotAnArrayError(f"instruction {name} is no part of an array")
        # Python makes room for as many remembered values as the number says, and reads frames at once.
        limit = len(blob) if name == "FRAME" else 255 if name in _PUT else np.inf
        if limit < np.inf and not 0 <= int(argument or 0) <= limit:
            raise NotAnArrayError("malformed")
        if name in _BYTES:
            literals.append((position + _BYTES[name], len(argument or b"")))
    if position + 1 != len(blob):
        raise NotAnArrayError("something follows the array")
    return literals


class _Unpickler(pickle.Unpickler):
    """Gives stand-ins for the names in pickles of arrays, and refuses all others."""

    def find_class(self, module: str, name: str) -> Any:
        made = _NAMES.get(name) if module in _MODULES else _OF_BYTES.get((module, name))
        if made is None:
            raise NotAnArrayError(f"{f'{module}.{name}'[:60]!r} is no part of an array")
        return made


class _Dtype:
    """A dtype of numbers; its state is version, byte order, and what structured dtypes have."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = _checked_code(_text(code), "<")

    def __setstate__(self, state: Any) -> None:
        order = _text(state[1])
        if order not in {"<", ">", "|", "="} or any(part is not None for part in state[2:5]):
            raise NotAnArrayError("not an array of numbers")
        self.code = _checked_code(self.code[1:], order)


class _Array:
    """An array; `_reconstruct` makes an empty one, whose state the pickle gives later."""

    def __init__(self) -> None:
        self.shape, self.code, self.order, self.data = (0,), "<f8", "C", b""

    def fill(self, shape: Any, dtype: Any, order: str, data: Any) -> "_Array":
        plain = isinstance(shape, tuple) and len(shape) <= _MOST_DIMS
        if not plain or not all(type(n) is int and n >= 0 for n in shape) or not isinstance(dtype, _Dtype):
            raise NotAnArrayError("not an array of numbers")
        data = data.encode("latin-1") if isinstance(data, str) else data
        if not isinstance(data, (bytes, bytearray)):
            raise NotAnArrayError("the array has no bytes")
        self.shape, self.code, self.order, self.data = shape, dtype.code, order, bytes(data)
        return self

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, data = state
        self.fill(shape, dtype, "F" if is_fortran else "C", data)


def _reconstruct(kind: Any, shape: Any, *_: Any) -> _Array:
    if kind != _NDARRAY or shape != (0,):
        raise NotAnArrayError("not a plain array")
    return _Array()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    return _Array().fill(shape, dtype, _text(order), data)


def _encode(text: Any, codec: Any) -> bytes:
    if codec != "latin1":
        raise NotAnArrayError("malformed")
    return _text(text).encode("latin-1")


def _no_bytes() -> bytes:
    return b""


def _checked_code(code: str, order: str) -> str:
    if not _DTYPE.fullmatch(code):
        raise NotAnArrayError(f"dtype {code[:20]!r}, expected numbers")
    return order + code


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise NotAnArrayError("malformed")
    return value


_NDARRAY: Final = ("ndarray",)
_MODULES: Final = {
    "numpy",
    *(f"numpy.{core}.{module}" for core in ("core", "_core") for module in ("multiarray", "numeric")),
}
_NAMES: Final[dict[str, Any]] = {
    "_reconstruct": _reconstruct,
    "_frombuffer": _frombuffer,
    "ndarray": _NDARRAY,
    "dtype": _Dtype,
}
# How Python 3 writes bytes for Python 2.
_OF_BYTES: Final[dict[tuple[str, str], Any]] = {("_codecs", "encode"): _encode, ("__builtin__", "bytes"): _no_bytes}
