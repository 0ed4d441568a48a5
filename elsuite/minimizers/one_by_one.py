"""An epoch of a `torch.optim` optimizer that takes one start at a time; its memory is kept as bytes without pickle."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from elsuite.landscapes.base import Landscape
from elsuite.landscapes.conversion import norms
from elsuite.minimizers.base import State
from elsuite.minimizers.minibatches import has_minibatches, minibatches

_BYTES, _LENGTH = "optimizer.bytes", "optimizer.length"
_KINDS = {"list": list, "tuple": tuple}


class _Seen(NamedTuple):
    """A point (1, P) with its energy (1,) and gradient (1, P)."""

    point: Tensor
    energy: Tensor
    gradient: Tensor


class _Units(NamedTuple):
    """What the optimizer takes for 1: of lengths, and of gradients."""

    length: float
    slope: float


def advance_one_by_one(
    landscape: Landscape,
    state: State,
    *,
    epoch: int,
    make: Callable[[Tensor], torch.optim.Optimizer],
    batch_size: int | None,
    length: float = 1.0,
) -> State:
    """Return the state after one epoch of the optimizers that `make` gives for a parameter of shape (P,).

    On the whole data, energies and gradients that the optimizer has had already are not computed again. The
    optimizer sees lengths in units of `length`, and gradients in units of the state's ``unit``, where it has one:
    powers of two, so that nothing is rounded.
    """
    rows = [{name: values[k : k + 1] for name, values in state.items()} for k in range(len(state["points"]))]
    advanced = [_advance(landscape, row, epoch, make, batch_size, length) for row in rows]
    longest = max(row[_BYTES].shape[1] for row in advanced)
    for row in advanced:
        row[_BYTES] = torch.nn.functional.pad(row[_BYTES], (0, longest - row[_BYTES].shape[1]))
    return {name: torch.cat([row[name] for row in advanced]) for name in advanced[0]}


def is_fresh(state: State) -> Tensor:
    """Return which starts have an optimizer without memory, shape (n,)."""
    return state.get(_LENGTH, torch.zeros(len(state["points"]))) == 0


def forget(state: State, rows: Tensor) -> State:
    """Return the state with the memory of the optimizers of some starts, a mask, dropped."""
    return state | {_LENGTH: torch.where(rows.cpu(), 0, state[_LENGTH])}


def _advance(
    landscape: Landscape,
    row: State,
    epoch: int,
    make: Callable[[Tensor], torch.optim.Optimizer],
    batch_size: int | None,
    length: float,
) -> State:
    # A checkpoint of an earlier version has no unit, and a memory in plain numbers.
    units = _Units(length, float(row["unit"][0])) if "unit" in row else _Units(1.0, 1.0)
    parameter = (row["points"][0] / length).clone().requires_grad_()
    optimizer = make(parameter)
    if not is_fresh(row):
        memory, options = unpack(row[_BYTES][0], parameter.device)
        optimizer.state[parameter].update(memory)
        optimizer.param_groups[0].update(options)
    whole = not has_minibatches(landscape, batch_size)
    seen = [_Seen(row["points"], row["energy"], row["gradient"])] if whole else []
    n_steps, spent = 0, 0.0
    for part, fraction in minibatches(landscape, row["seed"], epoch=epoch, batch_size=batch_size):
        seen = seen if whole else []
        known = len(seen)
        optimizer.step(partial(_closure, part, parameter, seen, units))  # type: ignore[arg-type]
        n_steps, spent = n_steps + 1, spent + fraction * (len(seen) - known)
    points = units.length * parameter.detach()[None]
    (group,) = optimizer.param_groups
    options = {name: value for name, value in group.items() if name != "params"}
    content = pack([dict(optimizer.state[parameter]), options])
    result = row | {
        _BYTES: content[None],
        _LENGTH: torch.tensor([len(content)]),
        "points": points,
        "n_steps": row["n_steps"] + n_steps,
    }
    if whole:
        known = len(seen)
        last = _evaluated(landscape, points, seen)
        spent += len(seen) - known
        result |= {"energy": last.energy, "gradient": last.gradient, "gradient_norm": norms(last.gradient)}
    return result | {"n_evaluations": row["n_evaluations"] + spent}


def _closure(part: Landscape, parameter: Tensor, seen: list[_Seen], units: _Units) -> Tensor:
    found = _evaluated(part, units.length * parameter.detach()[None], seen)
    first = seen[0]
    if not bool(torch.isfinite(found.energy)) or not bool(torch.isfinite(found.gradient).all()):
        # A line search of torch's fails on what is no number: to it, the surface rises there.
        way = norms(found.point - first.point) * norms(first.gradient)
        found = _Seen(found.point, first.energy + way.to(first.energy), torch.zeros_like(first.gradient))
    parameter.grad = (found.gradient[0].double() / units.slope).to(parameter.dtype)
    return found.energy[0] / (units.slope * units.length)


def _evaluated(part: Landscape, point: Tensor, seen: list[_Seen]) -> _Seen:
    """Return energy and gradient at `point`; computed, and added to `seen`, if they are not there yet."""
    for entry in reversed(seen):
        if torch.equal(entry.point, point):
            return entry
    seen.append(_Seen(point.clone(), *part.energy_and_gradient(point)))
    return seen[-1]


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


def unpack(packed: Tensor, device: torch.device | None = None) -> Any:
    """Return what `pack` was given, tensors on `device`; bytes after its end do not matter.

    A count of steps, as torch has it, stays on the CPU.
    """
    content = bytearray(packed.cpu().numpy().tobytes())
    start = 8 + int.from_bytes(content[:8], "little")
    return _rebuilt(json.loads(content[8:start]), content, [start], device)


def _described(value: Any, content: list[bytes]) -> Any:
    if isinstance(value, Tensor):
        content.append(value.detach().cpu().contiguous().numpy().tobytes())
        return ["tensor", str(value.dtype).removeprefix("torch."), list(value.shape)]
    if isinstance(value, dict):
        return ["dict", [[key, _described(item, content)] for key, item in value.items()]]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, [_described(item, content) for item in value]]
    return ["plain", value]


def _rebuilt(description: Any, content: bytearray, place: list[int], device: torch.device | None) -> Any:
    kind, *rest = description
    if kind == "tensor":
        dtype, shape = getattr(torch, rest[0]), rest[1]
        count = torch.Size(shape).numel()
        start, place[0] = place[0], place[0] + count * dtype.itemsize
        if count == 0:
            return torch.empty(shape, dtype=dtype, device=device)
        values = torch.frombuffer(content, dtype=dtype, count=count, offset=start).reshape(shape).clone()
        return values.to(device) if shape else values
    if kind == "dict":
        return {key: _rebuilt(item, content, place, device) for key, item in rest[0]}
    if kind in _KINDS:
        return _KINDS[kind](_rebuilt(item, content, place, device) for item in rest[0])
    return rest[0]
