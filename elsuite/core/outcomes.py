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
