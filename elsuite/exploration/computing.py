"""How many threads torch computes with, and what a database keeps of what computed its numbers.

Sums of floating-point numbers depend on their order, and so on how many threads share them and on the vector
instructions of the processor; descents amplify that. Where the records here are equal, numbers are, bit by bit.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from elsuite.core.machine import COMPUTED, computed_by, distinct, most_threads, processor
from elsuite.core.versions import versions
from elsuite.database import LandscapeDatabase


@contextmanager
def torch_threads(number: int) -> Iterator[int]:
    """Let torch use `number` threads, no more than $OMP_NUM_THREADS allows, then as many as before; yield how many.

    Examples
    --------
    >>> with torch_threads(1) as number:
    ...     number
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(min(number, most_threads() or number))
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def computed_with() -> dict[str, Any]:
    """Return in JSON's types what this process computes with.

    Examples
    --------
    >>> list(computed_with())
    ['processor', 'instructions', 'threads', 'torch', 'numpy']
    """
    packages = versions()
    record: dict[str, Any] = {
        "processor": processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "torch": packages["torch"],
        "numpy": packages["numpy"],
    }
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        record["gpu"] = torch.cuda.get_device_name()
    return record


def contributed(database: LandscapeDatabase, records: Sequence[Any] = ()) -> dict[str, Any]:
    """Return the attributes to commit with rows that `records` computed, by default this process: none if known.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> database = LandscapeDatabase.create(None, SixHumpCamel())
    >>> added = database.add(attributes=contributed(database))
    >>> contributed(database)
    {}
    """
    known = computed_by(database.attributes)
    every = distinct([*known, *(records or [computed_with()])])
    return {} if every == known else {COMPUTED: every}
