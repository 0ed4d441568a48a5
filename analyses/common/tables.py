"""Results as tables: rows of numbers into CSV files, and comparisons of two samples as rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from elsuite.analysis import compare
from elsuite.network import PathHeights

__all__ = ["comparison", "mean_interval", "write"]

DIGITS = 6


def write(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows as CSV with six significant digits, and print them."""
    table = pd.DataFrame(list(rows))
    table.to_csv(path, index=False, float_format=f"%.{DIGITS}g")
    with pd.option_context("display.max_columns", None, "display.width", 200, "display.max_rows", 200):
        print(table.to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    print(path)


def comparison(a: ArrayLike | PathHeights, b: ArrayLike | PathHeights, /, **facts: Any) -> dict[str, Any]:
    """Return one row: what `facts` say, both means, and the difference with its effect size, 95 % interval, p value.

    Heights of pairs are compared by a test that knows which share minima (`elsuite.analysis.compare`).
    """
    found = compare(a, b)
    values = [sample.heights if isinstance(sample, PathHeights) else np.asarray(sample) for sample in (a, b)]
    return {
        **facts,
        "n_a": found.n_a,
        "n_b": found.n_b,
        "mean_a": float(values[0].mean()),
        "mean_b": float(values[1].mean()),
        "difference": found.difference,
        "low": found.interval[0],
        "high": found.interval[1],
        "cliffs_delta": found.cliffs_delta,
        "delta_low": found.delta_interval[0],
        "delta_high": found.delta_interval[1],
        "p_value": found.p_value,
        "independent_p_value": found.independent_p_value,
        "effective_a": found.effective_a,
        "effective_b": found.effective_b,
        "interval_holds": found.interval_holds,
        "resampled": found.resampled,
    }


def mean_interval(values: ArrayLike) -> tuple[float, float, float]:
    """Return the mean of independent values, and its 95 % interval by Student's distribution."""
    sample = np.asarray(values, dtype=np.float64)
    error = float(stdtrit(len(sample) - 1, 0.975)) * sample.std(ddof=1) / np.sqrt(len(sample))
    return float(sample.mean()), float(sample.mean() - error), float(sample.mean() + error)
