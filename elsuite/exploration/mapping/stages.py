"""What of a map is done when: pieces of work, their stages, and sweeps over all minima."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """One piece of work: of the batch, the minimum or the pair (`number`, `other`), in a round of its stage."""

    stage: str
    number: int = 0
    round: int = 0
    other: int = -1


@dataclass
class Stage:
    """Pieces of work of one kind, and how many of them are done."""

    name: str
    settings: list[Any]
    """What of all settings makes the keys of the pieces."""
    total: Callable[[], int]
    """How many pieces there are at present."""
    round: int = 0
    after: "Stage | None" = None
    """A round, which must have found something before this one begins."""
    n_done: int = 0
    n_found: int = 0
    """Rows that the done pieces gave."""


@dataclass
class Sweep:
    """The sweep that is being made: its number from 1, and the minima known when it began."""

    number: int = 1
    n_minima: int = -1
    """-1: not begun."""
    n_quiet: int = 0
    """Sweeps before it, in a row, that found nothing new."""
