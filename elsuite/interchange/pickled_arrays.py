"""Pickles of numpy arrays, read without unpickling.

A pickle is a program. This reader is an interpreter of its own that knows the few instructions of which numpy writes
an array; it calls nothing, builds numbers, texts and tuples only, and takes the array's bytes out of the pickle.
What it returns is never larger than the pickle. Protocols 0 to 5, of Python 2 and 3, of numpy 1 and 2.
"""

import math
import pickletools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ArrayLayout", "NotAnArrayError", "read_again", "read_array"]

_MOST_INSTRUCTIONS: Final = 200
_MOST_DIMS: Final = 32
_DTYPE: Final = re.compile(r"[fiu][1248]")
_MODULES: Final = (
    "numpy",
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "numpy.core.numeric",
    "numpy._core.numeric",
)
_NAMES: Final = {
    (module, name) for module in _MODULES for name in ("_reconstruct", "_frombuffer", "ndarray", "dtype")
}
# How Python 3 writes bytes for Python 2.
_BYTES: Final = {("_codecs", "encode"), ("__builtin__", "bytes")}


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


@dataclass(frozen=True)
class _Name:
    module: str
    name: str


@dataclass(frozen=True)
class _Bytes:
    """Bytes in the pickle, and where they begin; -1 where they are not there as such."""

    value: bytes
    begin: int = -1


@dataclass(frozen=True)
class _Dtype:
    code: str


@dataclass(frozen=True)
class _Array:
    """An array; `_reconstruct` makes an empty one, whose state the pickle gives later."""

    shape: tuple[int, ...] = (0,)
    code: str = "<f8"
    order: str = "C"
    data: _Bytes = _Bytes(b"")


class _Mark:
    """The mark on the stack."""


def read_array(blob: bytes) -> tuple[NDArray[np.float64], ArrayLayout | None]:
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
        array = _interpreted(blob)
        if not isinstance(array, _Array):
            raise NotAnArrayError("not an array")
        data, dtype = array.data, np.dtype(array.code)
        values = _values(data.value, dtype, array.shape, array.order)
    except NotAnArrayError:
        raise
    except Exception as error:
        # Whatever is wrong with a hostile pickle: it is no array.
        raise NotAnArrayError(f"malformed: {type(error).__name__}") from None
    if data.begin < 0:
        return values, None
    end = data.begin + len(data.value)
    return values, ArrayLayout(blob[: data.begin], blob[end:], dtype, array.shape, array.order)


def read_again(blob: bytes, layout: ArrayLayout | None) -> NDArray[np.float64] | None:
    """Return the array in a pickle that differs from an earlier one in the numbers only; None for any other."""
    if layout is None or not (blob.startswith(layout.prefix) and blob.endswith(layout.suffix)):
        return None
    data = blob[len(layout.prefix) : len(blob) - len(layout.suffix)]
    if len(data) != math.prod(layout.shape) * layout.dtype.itemsize:
        return None
    return _values(data, layout.dtype, layout.shape, layout.order)


def _values(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> NDArray[np.float64]:
    size = math.prod(shape) * dtype.itemsize
    if size != len(data):
        raise NotAnArrayError(f"{len(data)} bytes for an array of {size:.6g}")
    flat = np.frombuffer(data, dtype=dtype).astype(np.float64)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _interpreted(blob: bytes) -> Any:
    """Return the value that the instructions in `blob` build."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for count, (instruction, argument, position) in enumerate(pickletools.genops(blob)):
        if count == _MOST_INSTRUCTIONS:
            raise NotAnArrayError("too long for an array")
        name = instruction.name
        if name == "STOP":
            if position is None or position + 1 != len(blob):
                raise NotAnArrayError("something follows the array")
            break
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _LITERALS:
            stack.append(_literal(name, argument, (position or 0) + _LITERALS[name]))
        elif name in {"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"}:
            memo[len(memo) if argument is None else int(argument)] = stack[-1]
        elif name in {"GET", "BINGET", "LONG_BINGET"}:
            stack.append(memo[int(argument or 0)])
        elif name in _ACTIONS:
            _ACTIONS[name](stack, argument)
        elif name not in {"PROTO", "FRAME"}:
            raise NotAnArrayError(f"instruction {name} is no part of an array")
    (value,) = stack
    return value


def _literal(name: str, argument: Any, begin: int) -> Any:
    if name.endswith("BINSTRING"):  # bytes of Python 2, which pickletools gives as text
        return _Bytes(argument.encode("latin-1"), begin)
    return _Bytes(bytes(argument), begin) if isinstance(argument, (bytes, bytearray)) else argument


def _named(stack: list[Any], module: str, name: str) -> None:
    if (module, name) not in _NAMES | _BYTES:
        raise NotAnArrayError(f"{f'{module}.{name}'[:60]!r} is no part of an array")
    stack.append(_Name(module, name))


def _global(stack: list[Any], argument: str) -> None:
    _named(stack, *argument.split(" ", 1))


def _stack_global(stack: list[Any], _: Any) -> None:
    name, module = stack.pop(), stack.pop()
    _named(stack, _text(module), _text(name))


def _mark_tuple(stack: list[Any], _: Any) -> None:
    members: list[Any] = []
    while not isinstance(member := stack.pop(), _Mark):
        members.append(member)
    stack.append(tuple(members[::-1]))


def _tuple_of(n: int) -> Callable[[list[Any], Any], None]:
    def action(stack: list[Any], _: Any) -> None:
        members = tuple(stack[len(stack) - n :])
        if len(members) != n:
            raise NotAnArrayError("malformed")
        del stack[len(stack) - n :]
        stack.append(members)

    return action


def _reduce(stack: list[Any], _: Any) -> None:
    """Put what a name stands for, applied to arguments, on the stack; nothing is called."""
    arguments, name = stack.pop(), stack.pop()
    if not isinstance(name, _Name) or not isinstance(arguments, tuple):
        raise NotAnArrayError("malformed")
    if name.name == "dtype":
        stack.append(_Dtype(_code(_text(arguments[0]), "<")))
    elif name.name == "_reconstruct":
        kind, shape = arguments[:2]
        if kind != _Name("numpy", "ndarray") or shape != (0,):
            raise NotAnArrayError("not a plain array")
        stack.append(_Array())
    elif name.name == "_frombuffer":
        data, dtype, shape, order = arguments
        stack.append(_array(shape, dtype, _text(order), _data(data)))
    elif name.name == "encode":
        text, codec = arguments
        if codec != "latin1":
            raise NotAnArrayError("malformed")
        stack.append(_Bytes(_text(text).encode("latin-1")))
    elif name.name == "bytes" and arguments == ():
        stack.append(_Bytes(b""))
    else:
        raise NotAnArrayError(f"{name.name} is not called by an array's pickle")


def _build(stack: list[Any], _: Any) -> None:
    """Give the dtype or the array on the stack its state."""
    state, value = stack.pop(), stack.pop()
    if not isinstance(state, tuple):
        raise NotAnArrayError("malformed")
    if isinstance(value, _Dtype):
        # version, byte order, then what structured dtypes have
        order = _text(state[1])
        if order not in {"<", ">", "|", "="} or any(part is not None for part in state[2:5]):
            raise NotAnArrayError("not an array of numbers")
        new: _Dtype | _Array = _Dtype(_code(value.code[1:], order))
    elif isinstance(value, _Array):
        _, shape, dtype, is_fortran, data = state
        new = _array(shape, dtype, "F" if is_fortran else "C", _data(data))
    else:
        raise NotAnArrayError("malformed")
    stack.append(new)


def _array(shape: Any, dtype: Any, order: str, data: _Bytes) -> _Array:
    plain = (
        isinstance(shape, tuple)
        and len(shape) <= _MOST_DIMS
        and all(type(n) is int and n >= 0 for n in shape)
    )
    if not plain or not isinstance(dtype, _Dtype):
        raise NotAnArrayError("not an array of numbers")
    return _Array(shape, dtype.code, order, data)


def _code(code: str, order: str) -> str:
    if not _DTYPE.fullmatch(code):
        raise NotAnArrayError(f"dtype {code[:20]!r}, expected numbers")
    return order + code


def _text(value: Any) -> str:
    if isinstance(value, _Bytes):
        return value.value.decode("latin-1")
    if not isinstance(value, str):
        raise NotAnArrayError("malformed")
    return value


def _data(value: Any) -> _Bytes:
    if isinstance(value, str):
        return _Bytes(value.encode("latin-1"))
    if not isinstance(value, _Bytes):
        raise NotAnArrayError("the array has no bytes")
    return value


_CONSTANTS: Final[Mapping[str, Any]] = MappingProxyType(
    {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": (), "MARK": _Mark()}
)
# Instructions that bring a value, and how many bytes after the instruction the value begins.
_LITERALS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"), 0),
        **dict.fromkeys(("STRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"), 0),
        **dict.fromkeys(("SHORT_BINSTRING", "SHORT_BINBYTES"), 2),
        **dict.fromkeys(("BINSTRING", "BINBYTES"), 5),
        **dict.fromkeys(("BINBYTES8", "BYTEARRAY8"), 9),
    }
)
_ACTIONS: Final[Mapping[str, Callable[[list[Any], Any], None]]] = MappingProxyType(
    {
        "GLOBAL": _global,
        "STACK_GLOBAL": _stack_global,
        "TUPLE": _mark_tuple,
        "TUPLE1": _tuple_of(1),
        "TUPLE2": _tuple_of(2),
        "TUPLE3": _tuple_of(3),
        "REDUCE": _reduce,
        "BUILD": _build,
    }
)
