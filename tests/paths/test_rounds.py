"""When a search in rounds ends, by heights that are given round by round."""

import cases
import numpy as np
import pytest

from elsuite.paths import SineBasis
from elsuite.paths.heights import Heights
from elsuite.paths.record import SearchRecord, straight_path
from elsuite.paths.rounds import converge

pytestmark = pytest.mark.making


@pytest.mark.parametrize(
    ("heights", "outcome", "words", "lowest"),
    [
        ([9.0, 5.0, 4.99], "converged", "lowered it by 0.01", 4.99),
        ([9.0, 5.0, 2.0, 2.001], "converged", "came out 0.001 higher", 2.0),
        ([9.0, 5.0, 2.0, 3.0, 1.0], "budget spent", "lowered it by 1", 1.0),
        ([9.0, 5.0, 2.0, 1.0, 4.0], "budget spent", "came out 3 higher", 1.0),
        ([9.0, 5.0, 2.0, 3.0, 0.0], "converged", "counts as none", 0.0),
        ([9.0, 8.99, 4.0, 3.99], "converged", "after 3 rounds", 3.99),  # the first round's fall says nothing
        ([0.0], "converged", "after 0 rounds", 0.0),
        ([9.0, 5.0, np.nan, np.nan, np.nan], "not a number", "not finite", 5.0),
    ],
)
def test_the_rule(monkeypatch, heights, outcome, words, lowest):
    surface = cases.LANDSCAPES["fcp"]()
    start, end = surface.initial_points([0, 1])
    path = straight_path(surface, start, end, SineBasis(1))
    rule = {"tolerance": 0.01, "negligible": 1e-3, "max_rounds": 4}
    given = iter(heights)

    def measured(record, path):
        top = next(given)
        return Heights(top, top, 0.5, np.array([0.0, top, 0.0]), 3, 0.0)

    monkeypatch.setattr(SearchRecord, "measure", measured)
    search = converge(path, SearchRecord(surface, 5), lambda number, path, ends: path, **rule)
    assert search.outcome == outcome
    assert words in search.message
    assert search.refined_height == lowest
    assert next(given, None) is None
