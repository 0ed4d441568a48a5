"""What a `torch.optim` optimizer remembers, as bytes without pickle."""

import json
from typing import Any

import torch
from torch import Tensor

_KINDS = {"list": list, "tuple": tuple}


def pack(values: Any) -> Tensor:
    """Return nested dicts, lists and tuples of tensors, numbers, strings and None as a tensor of bytes.

    The length of a description in JSON, the description, then the tensors one after the other.

    Examples
    --------
    >>> unpack(pack({"step": 3, "pairs": [torch.ones(2), None]}))
    {'step': 3, 'pairs': [tensor([1., 1.]), None]}
    """
    content: list[bytes] = []
    description = json.dumps(_described(values, content)).encode()
    joined = b"".join([len(description).to_bytes(8, "little"), description, *content])
    return torch.frombuffer(bytearray(joined), dtype=torch.uint8)


def unpack(packed: Tensor) -> Any:
    """Return what `pack` was given; bytes after its end do not matter."""
    content = bytearray(packed.cpu().numpy().tobytes())
    start = 8 + int.from_bytes(content[:8], "little")
    return _rebuilt(json.loads(content[8:start]), content, [start])


def _described(value: Any, content: list[bytes]) -> Any:
    if isinstance(value, Tensor):
        content.append(value.detach().cpu().contiguous().numpy().tobytes())
        return ["tensor", str(value.dtype).removeprefix("torch."), list(value.shape)]
    if isinstance(value, dict):
        return ["dict", [[key, _described(item, content)] for key, item in value.items()]]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, [_described(item, content) for item in value]]
    return ["plain", value]


def _rebuilt(description: Any, content: bytearray, place: list[int]) -> Any:
    kind, *rest = description
    if kind == "tensor":
        dtype, shape = getattr(torch, rest[0]), rest[1]
        count = torch.Size(shape).numel()
        start, place[0] = place[0], place[0] + count * dtype.itemsize
        if count == 0:
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(content, dtype=dtype, count=count, offset=start).reshape(shape).clone()
    if kind == "dict":
        return {key: _rebuilt(item, content, place) for key, item in rest[0]}
    if kind in _KINDS:
        return _KINDS[kind](_rebuilt(item, content, place) for item in rest[0])
    return rest[0]
