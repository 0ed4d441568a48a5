"""What a piece of work found, as columns of plain numbers that another process can send: there and back."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from elsuite.core.outcomes import Outcome
from elsuite.exploration.mapping.rows import Discovery, VerifiedState
from elsuite.exploration.new_rows import Columns, NewRows
from elsuite.stationary import Refinement

_NUMBERS = ("energy", "gradient_norm")
_COUNTS = ("index", "n_steps", "n_gradients")


def packed(found: Discovery) -> NewRows:
    """Return what was found as columns: one run, its minima, and its transition states with both of their ends.

    Examples
    --------
    >>> packed(Discovery(n_searches=3, failures={"stalled": 3})).runs["n_searches"].tolist()
    [3]
    """
    runs = {
        "n_searches": np.array([found.n_searches]),
        "n_steps": np.array([found.n_steps]),
        "n_gradients": np.array([found.n_gradients]),
        "failures": np.array([json.dumps(dict(found.failures))]),
        "error": np.array([found.error]),
    }
    of_states = [point for verified in found.states for point in (verified.state, *verified.ends)]
    return NewRows(runs, _columns(list(found.minima)), _columns(of_states))


def unpacked(rows: NewRows) -> Discovery:
    """Return what `packed` made columns of.

    Examples
    --------
    >>> unpacked(packed(Discovery(error="ValueError: no"))).error
    'ValueError: no'
    """
    runs, points = rows.runs, _points(rows.paths)
    states = [VerifiedState(points[k], (points[k + 1], points[k + 2])) for k in range(0, len(points), 3)]
    return Discovery(
        minima=_points(rows.minima),
        states=states,
        failures=json.loads(str(runs["failures"][0])),
        n_searches=int(runs["n_searches"][0]),
        n_steps=int(runs["n_steps"][0]),
        n_gradients=int(runs["n_gradients"][0]),
        error=str(runs["error"][0]),
    )


def _columns(points: Sequence[Refinement]) -> Columns:
    if not points:
        return {}
    longest = max(len(p.eigenvalues) for p in points)
    values = np.full((len(points), longest), np.nan)
    for row, point in zip(values, points, strict=True):
        row[: len(point.eigenvalues)] = point.eigenvalues
    columns: dict[str, Any] = {name: np.array([getattr(p, name) for p in points]) for name in (*_NUMBERS, *_COUNTS)}
    return columns | {
        "point": np.array([p.point for p in points]),
        "eigenvector": np.array([p.eigenvector for p in points]),
        "eigenvalues": values,
        "n_eigenvalues": np.array([len(p.eigenvalues) for p in points]),
        "outcome": np.array([str(p.outcome) for p in points]),
        "message": np.array([p.message for p in points]),
    }


def _points(columns: Columns) -> list[Refinement]:
    return [
        Refinement(
            point=columns["point"][k],
            energy=float(columns["energy"][k]),
            gradient_norm=float(columns["gradient_norm"][k]),
            index=int(columns["index"][k]),
            n_steps=int(columns["n_steps"][k]),
            n_gradients=int(columns["n_gradients"][k]),
            eigenvalues=columns["eigenvalues"][k, : columns["n_eigenvalues"][k]],
            eigenvector=columns["eigenvector"][k],
            outcome=Outcome(str(columns["outcome"][k])),
            message=str(columns["message"][k]),
        )
        for k in range(len(columns.get("point", ())))
    ]
