"""What can be said of a claim: one rule for the page, for analyses and for a whole set of claims."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from elsuite.analysis.comparison import Comparison
from elsuite.analysis.rank_tests import area_variance
from elsuite.analysis.statistics import holm

Conclusion: TypeAlias = Literal["larger", "smaller", "equal", "open"]
Verdict: TypeAlias = Literal["holds", "refuted", "open"]
LEVEL = 0.05
"""Corrected p values under it decide."""
BOUND = 1 / 3
"""Samples are called equal where Cliff's delta lies within this of zero: of three pairs of values, the larger one is of
one sample in at most two."""


def conclusion(delta: float, p_value: float, equivalence: float, *, enough: bool = True) -> Conclusion:
    """Return how a sample differs from another, as far as that can be said.

    A difference with a p value under `LEVEL` is one, by its sign. Equality is never said because no difference was
    found, but where one that matters can be excluded. All else is open, and so is what too small samples say.

    Parameters
    ----------
    delta : float
        Cliff's delta.
    p_value, equivalence : float
        Of no difference, and of a difference that matters (`equivalence_p_value`), both corrected (`holm`) where there
        are other claims.
    enough : bool
        Whether the samples are large enough, as `Comparison.interval_holds`.

    Examples
    --------
    >>> conclusion(0.9, 0.001, 1.0), conclusion(0.1, 0.6, 0.2), conclusion(0.1, 0.6, 0.01)
    ('larger', 'open', 'equal')
    """
    if not enough:
        return "open"
    if p_value < LEVEL and delta != 0:
        return "larger" if delta > 0 else "smaller"
    return "equal" if equivalence < LEVEL else "open"


def verdict(claim: Conclusion, found: Conclusion) -> Verdict:
    """Return what a conclusion says of a claim: holds, refuted or open.

    Raises
    ------
    ValueError
        If there is no such claim.

    Examples
    --------
    >>> verdict("larger", "larger"), verdict("equal", "larger"), verdict("equal", "open")
    ('holds', 'refuted', 'open')
    """
    if claim not in {"larger", "smaller", "equal"}:
        raise ValueError(f"claim is 'larger', 'smaller' or 'equal', not {claim!r}")
    return "open" if found == "open" else "holds" if found == claim else "refuted"


def equivalence_p_value(delta: float, n_a: float, n_b: float, bound: float = BOUND) -> float:
    """Return the p value of the hypothesis that Cliff's delta is as far from zero as the bound, or farther.

    The larger one of two one-sided tests, each with the variance that delta has at the bound
    (`elsuite.analysis.rank_tests.area_variance`).

    Parameters
    ----------
    n_a, n_b : float
        Numbers of independent values, `Comparison.effective_a` and `Comparison.effective_b`.

    Raises
    ------
    ValueError
        If the bound is not between 0 and 1.

    Examples
    --------
    With 16 values each only deltas next to zero show equality.

    >>> round(equivalence_p_value(0.0, 16, 16), 3), round(equivalence_p_value(0.0, 40, 40), 3)
    (0.042, 0.003)
    """
    if not 0 < bound < 1:
        raise ValueError(f"the bound of Cliff's delta is between 0 and 1, not {bound}")
    from scipy.special import ndtr  # slow to load; reading commands start without it

    spread = 2 * area_variance((1 + bound) / 2, n_a, n_b) ** 0.5
    return float(ndtr((abs(delta) - bound) / spread))


@dataclass(frozen=True)
class Concluded:
    """What one of a whole set of comparisons says; both p values are corrected for the number of comparisons."""

    conclusion: Conclusion
    p_value: float
    equivalence: float


def conclusions(results: Sequence[Comparison]) -> tuple[Concluded, ...]:
    """Return what each of a whole set of comparisons says.

    A difference of means is not decided by the ranks alone: its interval must lie on the same side of zero.

    Examples
    --------
    >>> from elsuite.analysis import compare
    >>> apart = compare([5.0, 6.0, 7.0, 8.0, 9.0], [0.0, 1.0, 2.0, 3.0, 4.0])
    >>> few = compare([5.0, 6.0, 7.0], [0.0, 1.0, 2.0])
    >>> [(own.conclusion, round(own.p_value, 3)) for own in conclusions([apart, few])]
    [('larger', 0.016), ('open', 0.1)]
    """
    p_values = holm([result.p_value for result in results]).tolist()
    equivalences = holm(
        [equivalence_p_value(result.cliffs_delta, result.effective_a, result.effective_b) for result in results]
    ).tolist()
    return tuple(
        Concluded(
            conclusion(result.cliffs_delta, p if _agrees(result) else 1.0, equivalence, enough=result.interval_holds),
            p,
            equivalence,
        )
        for result, p, equivalence in zip(results, p_values, equivalences, strict=True)
    )


def _agrees(result: Comparison) -> bool:
    low, high = result.interval
    return bool(np.sign(low) == np.sign(high) == np.sign(result.cliffs_delta))
