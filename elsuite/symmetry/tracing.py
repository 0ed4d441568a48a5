"""Which units of any module are interchangeable, found by following its operations on a few example inputs.

`traced` runs a module once and notes at each of torch's own operations what the axes of its tensors count
(elsuite.symmetry.counts); an operation that is not known fixes the places along all axes of what it reads.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from elsuite.symmetry.counts import Alike, Count, Leaf, Units, fix, fixed, resolved, size_of
from elsuite.symmetry.known import Counts, UnknownOperationError
from elsuite.symmetry.operations import MAKERS, PRODUCTS_OF_TWO, rule_of


@dataclass(frozen=True)
class Trace:
    """What came of following a module: what axes count of the tensors of a point, and of all tensors, in order.

    Attributes
    ----------
    of_data : list of bool
        Whether each tensor is, or is made of, inputs.
    kept : dict
        Those tensors themselves that were wanted, by their number.
    """

    named: dict[str, Counts]
    seen: list[Counts]
    of_data: list[bool]
    kept: dict[int, Tensor]


class Tracer(TorchDispatchMode):
    """While it is entered, keeps what the axes of all tensors count that are made from those it knows."""

    def __init__(self, wanted: Collection[int] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known = WeakTensorKeyDictionary()
        self._wanted = wanted
        self._on_data = False
        self.trace = Trace({}, [], [], {})

    def learn(self, tensor: Tensor, counts: Counts, *, of_data: bool = False) -> None:
        """Note what the axes of a tensor count, and whether it is, or is made of, inputs."""
        of_data = of_data or self._on_data
        if len(self.trace.seen) in self._wanted:
            self.trace.kept[len(self.trace.seen)] = tensor.detach().clone()
        self._known[tensor] = (counts, of_data)
        self.trace.seen.append(counts)
        self.trace.of_data.append(of_data)

    def knows(self, value: object) -> bool:
        """Return whether a value is a tensor whose axes are known."""
        return isinstance(value, Tensor) and value in self._known

    def __getitem__(self, tensor: Tensor) -> Counts:
        counts: Counts = self._known[tensor][0]
        return tuple(resolved(count) for count in counts)

    def counts(self, tensor: Tensor, like: Sequence[Count] = ()) -> Counts:
        """Return what the axes of a tensor count; of a constant, where it differs along the axes of what it meets."""
        if self.knows(tensor):
            return self[tensor]
        missing = tensor.ndim - len(like)
        counts = []
        for place, size in enumerate(tensor.shape):
            other = like[place - missing] if place >= missing else ()
            counts.append(_of_constant(tensor.detach(), place, other if size_of(other) == size else fixed(size)))
        return tuple(counts)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        inputs = [x for x in tree_leaves((args, kwargs)) if self.knows(x)]
        given = args
        changes = func._schema.is_mutable and name != "copy_" and isinstance(args[0], Tensor)
        if inputs and changes and not self.knows(args[0]):
            # A constant as it is before the operation changes it.
            given = (args[0].clone(), *args[1:])
        result = func(*args, **kwargs)
        if inputs and name not in MAKERS:
            outputs = [value for value in tree_leaves(result) if isinstance(value, Tensor)]
            if self._is_zero(name, given):
                # Constants again, such as the first state of a recurrence.
                return result
            self._on_data = any(self._known[tensor][1] for tensor in inputs)
            for output, counts in zip(outputs, self._followed(func, given, kwargs, inputs, outputs), strict=True):
                self.learn(output, counts)
            self._on_data = False
        return result

    def _is_zero(self, name: str, args: Sequence[Any]) -> bool:
        """Return whether an operation is a product with a constant that is zero everywhere."""
        factors = args[:2] if name in PRODUCTS_OF_TWO else ()
        return any(isinstance(x, Tensor) and not self.knows(x) and not x.any() for x in factors)

    def _followed(
        self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], inputs: list[Tensor], outputs: list[Tensor]
    ) -> Sequence[Counts]:
        """Return what the axes of the outputs of an operation count."""
        try:
            found = rule_of(func)(self, func, args, kwargs, outputs)
            if [list(map(size_of, counts)) for counts in found] == [list(output.shape) for output in outputs]:
                return found
        except (UnknownOperationError, LookupError, TypeError, ValueError):
            # An operation that is not known, or a form of it: one is treated as the other.
            pass
        fix(*(count for tensor in inputs for count in self[tensor]))
        return [tuple(map(fixed, output.shape)) for output in outputs]


def _of_constant(tensor: Tensor, place: int, like: Count) -> Count:
    """Return what an axis of a constant counts that meets `like`: where it is equal all along, nothing of its own."""
    shape = [size_of((factor,)) for factor in like]
    viewed = tensor.reshape(*tensor.shape[:place], *shape, *tensor.shape[place + 1 :])
    count: Count = ()
    for k, size in enumerate(shape, start=place):
        alike = bool((viewed == viewed.narrow(k, 0, 1)).all())
        count += (Alike(size),) if alike else fixed(size)
    return count


@contextlib.contextmanager
def plain_operations() -> Iterator[None]:
    """Let layers be computed by operations that are known: no kernels for whole attention layers.

    With gradients, which a module may ask for itself.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@dataclass(frozen=True, eq=False)
class Example:
    """What a module is followed on, and what of it has to stay as it is.

    Attributes
    ----------
    inputs : tensor, tuple or dict
        In the form that the module is called with.
    loss : callable, optional
        ``loss(outputs, targets)``: its value counts; all outputs by default.
    term : callable, optional
        Of the mapping of the point's names to tensors: its value counts as well.
    """

    inputs: Any
    targets: Any = None
    loss: Callable[[Any, Any], Any] | None = None
    term: Callable[[Mapping[str, Tensor]], Any] | None = None

    def values(self, module: nn.Module, names: Sequence[str]) -> list[Tensor]:
        """Return what has to stay as it is."""
        if isinstance(self.inputs, Mapping):
            outputs = module(**self.inputs)
        else:
            outputs = module(*self.inputs) if isinstance(self.inputs, tuple | list) else module(self.inputs)
        if self.loss is not None:
            outputs = self.loss(outputs, self.targets)
        if self.term is not None:
            tensors = tensors_of(module)
            outputs = outputs, self.term({name: tensors[name] for name in names})
        return [value for value in tree_leaves(outputs) if isinstance(value, Tensor)]


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by the first of their names."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def traced(module: nn.Module, names: Sequence[str], example: Example, wanted: Collection[int] = ()) -> Trace:
    """Follow a module from the named tensors to what has to stay; keep the tensors whose numbers are wanted."""
    tracer = Tracer(wanted)
    tensors = tensors_of(module)
    for name in names:
        shape = tensors[name].shape
        tracer.learn(
            tensors[name],
            tuple((Leaf(Units(size), frozenset([(name, k)])),) if size != 1 else () for k, size in enumerate(shape)),
        )
    for value in tree_leaves((example.inputs, example.targets)):
        if isinstance(value, Tensor):
            tracer.learn(value, tuple(map(fixed, value.shape)), of_data=True)
    with plain_operations(), tracer:
        values = example.values(module, names)
    for value in values:
        if tracer.knows(value):
            fix(*tracer[value])
    tracer.trace.named.update({name: tracer[tensors[name]] for name in names})
    return tracer.trace
