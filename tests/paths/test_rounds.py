"""When a search in rounds ends, by heights that are given round by round."""

from dataclasses import replace

import cases
import numpy as np
import pytest
import torch

from elsuite.core.settings import added_settings, former_defaults, key_settings
from elsuite.landscapes import FunctionLandscape
from elsuite.paths import AutoNEBPathFinder, BezierPathFinder, ChainPathFinder, FourierPathFinder, SineBasis
from elsuite.paths.heights import Heights
from elsuite.paths.record import SearchRecord, straight_path
from elsuite.paths.rounds import Rule, converge, nothing_above

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
    rule = Rule(tolerance=0.01, negligible=1e-3, max_rounds=4)
    given = iter(heights)

    def measured(record, path):
        top = next(given)
        return Heights(top, top, 0.5, np.array([0.0, top, 0.0]), 3, 0.0)

    monkeypatch.setattr(SearchRecord, "measure", measured)
    search = converge(path, SearchRecord(surface, 5), lambda number, path, heights: path, rule=rule)
    assert search.outcome == outcome
    assert words in search.message
    assert search.refined_height == lowest
    assert next(given, None) is None


@pytest.mark.parametrize(
    ("floor", "profile", "top", "nothing"),
    [
        # A tenth of what the higher end has above the floor, however high the path is.
        (0.0, [1e-11, 2e-11], 5.0, 2e-12),
        (-1.0, [0.0, -0.5], 1e9, 0.1),
        (0.0, [0.0, 0.0], 1e-9, 0.0),
        # Without a floor a thousandth of the range on the path, whatever the zero of energy is, and rounding.
        (None, [-3.0, -1.0], -1.0, 2e-3),
        (None, [1e6 - 3.0, 1e6 - 1.0], 1e6 - 1.0, 2e-3 + 8e6 * 2.2e-16),
        (None, [5.0, 5.0], 5.0, 40 * 2.2e-16),
        (None, [-1.0, -1.0], 9.0, 1e-2),
    ],
)
def test_what_counts_as_nothing_above_an_end(floor, profile, top, nothing):
    surface = FunctionLandscape(lambda p: (p**2).sum(1), 2, energy_floor=floor)
    heights = Heights(top, top, 0.5, np.array(profile), 3, 0.0)
    assert nothing_above(surface, heights) == pytest.approx(nothing, rel=1e-3)


def test_a_high_path_is_never_within_a_share_of_its_own_height():
    """A wall of any height over two equal ends: its range is its height."""
    surface = FunctionLandscape(lambda p: (p**2).sum(1), 2)
    for height in (1e-9, 1.0, 1e9):
        assert nothing_above(surface, Heights(height, height, 0.5, np.zeros(3), 3, 0.0)) < 2e-3 * height


@pytest.mark.parametrize("name", ["fourier", "bezier", "chain", "autoneb"])
def test_searches_of_earlier_versions_have_the_keys_and_the_rule_that_they_had(name):
    """Without what was added since, their settings are those of a store of an earlier version."""
    finder = cases.PATH_FINDERS[name]()
    added = added_settings(finder)
    assert added["scales"] == "absolute"
    earlier = replace(finder, **added, **former_defaults(finder))
    assert not set(key_settings(earlier)) & set(added)
    assert set(key_settings(finder)) & set(added) == {"scales"} | ({"density"} & set(added)) | (
        {"late"} if name in {"fourier", "bezier"} else set()
    )
    # By the rule of then a height of 3e-6 over data is nothing.
    surface = cases.LANDSCAPES["fcp"]()
    path = straight_path(surface, *surface.initial_points([0, 0]), SineBasis(1))
    rule = Rule(0.01, None, 2, "absolute")
    end = float(SearchRecord(surface, 5).measure(path).profile[0])
    assert converge(path, SearchRecord(surface, 5), lambda *_: path, rule=rule).message == (
        f"0 above the higher end after 0 rounds; up to {1e-5 + 1e-3 * end:.2g} counts as none"
    )


@pytest.mark.parametrize("finder", [FourierPathFinder(), BezierPathFinder(), ChainPathFinder(), AutoNEBPathFinder()])
def test_a_straight_line_on_a_ridge_of_symmetry_is_left(finder):
    """All gradients along it point along it; the way round is at 0.2976 (Fourier from an end moved by 1e-9)."""

    def energy(p):
        across = 0.5 * p[:, 1] ** 2 * (p[:, 1] ** 2 / 8 - 1) * torch.exp(-4 * p[:, 0] ** 2)
        return (p[:, 0] ** 2 - 1) ** 2 + across + 0.1 * p[:, 1] ** 2 * p[:, 0] ** 2

    search = finder.find(FunctionLandscape(energy, 2), [-1.0, 0.0], [1.0, 0.0])
    assert search.refined_height == pytest.approx(0.2976, abs=0.005)
