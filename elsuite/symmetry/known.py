"""What is known about the axes of tensors while operations are followed, and what meets where tensors do."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from elsuite.symmetry.counts import Alike, Combine, Count, equal, met, size_of

Counts = tuple[Count, ...]
"""What each axis of a tensor counts."""


class Known(Protocol):
    """What is known about tensors."""

    def knows(self, value: object) -> bool:
        """Return whether a value is a tensor whose axes are known."""

    def __getitem__(self, tensor: Tensor) -> Counts:
        """Return what the axes of a tensor count that is known."""

    def counts(self, tensor: Tensor, like: Sequence[Count] = ()) -> Counts:
        """Return what the axes of a tensor count; of a constant, where it differs along the axes of what it meets."""

    def learn(self, tensor: Tensor, counts: Counts) -> None:
        """Note what the axes of a tensor count."""


class UnknownOperationError(Exception):
    """An operation, or a form of it, that is not known to treat units alike."""


def meet_all(several: Sequence[Counts], combine: Combine) -> Counts:
    """Return what the axes of a result count where those of several tensors meet one by one."""
    return tuple(met(counts, combine) for counts in zip(*several, strict=True))


def broadcast(
    known: Known, tensors: Sequence[Tensor], shape: Sequence[int], combine: Combine, others: Sequence[Counts] = ()
) -> Counts:
    """Return what the axes of a result of `shape` count, made of tensors, known or constant, that meet elementwise."""
    several = [*others, *(known[tensor] for tensor in tensors if known.knows(tensor))]
    several = [((),) * (len(shape) - len(counts)) + counts for counts in several]
    like = [
        next((counts[k] for counts in several if size_of(counts[k]) == size > 1), ()) for k, size in enumerate(shape)
    ]
    constants = [tensor for tensor in tensors if not known.knows(tensor)]
    if combine is equal:
        constants = [tensor for tensor in constants if bool(tensor.any())]
    for tensor in constants:
        counts = known.counts(tensor, like)
        several.append(((),) * (len(shape) - len(counts)) + counts)
    result = []
    for k, size in enumerate(shape):
        # Values that are repeated along an axis are alike along it.
        meeting = [counts[k] if size_of(counts[k]) == size else (Alike(size),) for counts in several]
        result.append(met(meeting, combine) if size > 1 else ())
    return tuple(result)


def alone(counts: Counts, combine: Combine) -> Counts:
    """Return what the axes of a function of the values of one tensor count."""
    return tuple(met((count,), combine) for count in counts)
