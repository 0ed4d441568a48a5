"""Heights on surfaces whose barriers are known: METHODS, sections 3 and 6."""

import itertools

import pytest
import torch

from elsuite.landscapes import FourGaussians, MullerBrown, SeparableWells, SixHumpCamel
from elsuite.paths import FourierPathFinder

pytestmark = pytest.mark.making

FOUR = FourGaussians()
TRUE = 0.6243933471869937
ENDS = [[-0.62, -0.54], [0.49, -0.02]]
DIRECTIONS = pytest.mark.parametrize("direction", [1, -1])


@DIRECTIONS
@pytest.mark.parametrize("smoothness", [10, 100, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_published_heights_of_the_two_dimensional_example(smoothness, seed, direction):
    finder = FourierPathFinder.published(n_terms=15, n_points=101, power=2, smoothness=smoothness)
    search = finder.find(FOUR, *ENDS[::direction], seed=seed)
    assert 0.636 <= search.height <= 0.656
    assert search.refined_height >= max(search.height, TRUE)


@DIRECTIONS
@pytest.mark.parametrize("seed", range(10))
def test_converged_height_of_the_two_dimensional_example(seed, direction):
    search = FourierPathFinder().find(FOUR, *ENDS[::direction], seed=seed)
    assert search.outcome == "converged"
    assert TRUE - 1e-12 <= search.refined_height <= 1.002 * TRUE


@DIRECTIONS
def test_converged_height_with_the_published_numbers_of_terms_and_points(direction):
    search = FourierPathFinder(n_terms=15, n_points=101).find(FOUR, *ENDS[::direction])
    assert TRUE - 1e-12 <= search.refined_height <= 1.002 * TRUE


@DIRECTIONS
@pytest.mark.parametrize(
    ("pair", "state"), [((0, 1), -40.6648435087), ((0, 2), -40.6648435087), ((1, 2), -72.2489401123)]
)
def test_muller_brown(pair, state, direction):
    surface = MullerBrown()
    search = FourierPathFinder().find(surface, *surface.minima[list(pair)[::direction]])
    assert state - 1e-7 <= search.refined_height <= state + 0.01 * abs(state)


def test_six_hump_camel():
    surface = SixHumpCamel()
    for a, b in itertools.combinations(range(2), 2):
        search = FourierPathFinder().find(surface, surface.minima[a], surface.minima[b])
        assert search.refined_height == pytest.approx(0.0, abs=1e-3)
        assert search.refined_height >= -1e-9


def test_wells_in_four_dimensions():
    surface = SeparableWells((1.0, 0.25, 2.0, 1.0))
    search = FourierPathFinder().find(surface, torch.ones(4), -torch.ones(4))
    assert 2.0 <= search.refined_height <= 2.02
