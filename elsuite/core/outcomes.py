"""How anything can end: `Outcome`, one enumeration for descents, searches for paths and stationary points, imports."""

import enum
from typing import Final


class Outcome(enum.StrEnum):
    """How a piece of work ended; the value is what is stored.

    Examples
    --------
    >>> str(Outcome.BUDGET_SPENT), Outcome("converged") is Outcome.CONVERGED
    ('budget spent', True)
    """

    CONVERGED = "converged"
    BUDGET_SPENT = "budget spent"
    INTERRUPTED = "interrupted"
    DIVERGED = "diverged"
    NOT_A_NUMBER = "not a number"
    FAILED = "failed"
    WRONG_INDEX = "wrong index"
    DEGENERATE = "degenerate"
    NOT_STATIONARY = "not stationary"
    LEFT_BOUNDS = "left the bounds"
    STALLED = "stalled"
    IMPORTED = "imported"


UNUSABLE: Final = frozenset({Outcome.DIVERGED, Outcome.NOT_A_NUMBER, Outcome.FAILED})
"""Outcomes of runs that lead to no solution: what lies at their ends or starts is counted, never used."""

UNFINISHED: Final = frozenset({Outcome.FAILED, Outcome.INTERRUPTED})
"""Outcomes of attempts that others may follow; the last attempt counts."""


def reason_of(error: BaseException) -> str:
    r"""Return what a row says of an exception: its type and the first line of its message.

    Examples
    --------
    >>> reason_of(RuntimeError("SCF did not converge\nafter 100 cycles"))
    'RuntimeError: SCF did not converge'
    """
    # Names of files can hold what no text in a store may.
    lines = str(error).encode("utf-8", "replace").decode().strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
