"""Which pieces of work are left: those without a row and, if wanted, those whose rows say that they failed.

Rows are never removed and no key occurs twice, so that a second attempt at a piece of work has a key of its own. Its
seed stays that of the work: an attempt that succeeds gives what the first one would have given.
"""

import errno
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from elsuite.core.identity import last_attempt, retry_key
from elsuite.core.outcomes import UNFINISHED, Outcome
from elsuite.core.outcomes import reason_of as reason_of


@dataclass(frozen=True)
class Remaining:
    """Keys of the work to be done, each with the number of its next attempt from 0, and what is known and failed."""

    attempts: dict[int, int]
    n_known: int
    n_failed: int


def remaining_work(table: xr.Dataset, keys: Iterable[int], *, retry_failed: bool = False) -> Remaining:
    """Return the work with these keys that `table` has no row of, or whose last attempt was interrupted.

    With `retry_failed`, that whose last attempt failed as well.
    """
    outcomes = dict(zip(table["key"].values.tolist(), table["outcome"].values.tolist(), strict=True))
    attempts: dict[int, int] = {}
    n_known = n_failed = 0
    for key in dict.fromkeys(keys):
        attempt, last = 0, outcomes.get(key)
        if last in UNFINISHED:
            attempt = last_attempt(key, outcomes)
            last = outcomes[retry_key(key, attempt)]
        if last is None:
            attempts[key] = 0
        elif last == Outcome.INTERRUPTED or (last == Outcome.FAILED and retry_failed):
            attempts[key] = attempt + 1
        else:
            n_known += 1
            n_failed += last == Outcome.FAILED
    return Remaining(attempts, n_known, n_failed)


def stops_all(error: Exception, folder: Path | None = None) -> bool:
    """Whether an error says that the machine cannot go on, a full disk or a `folder` that takes no files."""
    if not isinstance(error, OSError):
        return False
    own = folder is not None and str(error.filename or "").startswith(str(folder))
    return own or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
