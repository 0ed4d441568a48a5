"""How often "converged" is said of a path that more effort lowers: prints a row for each landscape.

Small sizes run in the suite; with `--benchmark-enable` those of the table in README.md.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from elsuite.landscapes import LennardJones, MullerBrown, SixHumpCamel, load_data, network_landscape
from elsuite.minimizers import LBFGSGSS, SGD
from elsuite.paths import AutoNEBPathFinder, BezierPathFinder, ChainPathFinder, FourierPathFinder
from elsuite.paths.rounds import nothing_above

pytestmark = pytest.mark.making

FINDERS = (FourierPathFinder(), BezierPathFinder(), ChainPathFinder(), AutoNEBPathFinder())
LOWER = 0.05
"""A height above the higher end that more effort lowers by more than this share of it was not converged."""


def digits_solutions(n_starts):
    """A small network on digits, and solutions of both optimizers."""
    landscape = network_landscape("fcp", load_data("digits"), hidden=(32, 32))
    found = []
    for minimizer in (SGD(epochs=40, learning_rate=0.5), LBFGSGSS(epochs=80)):
        runs = minimizer.minimize(landscape, landscape.initial_points(range(n_starts)), seeds=range(n_starts))
        found += [run.solutions[0].coordinates for run in runs]
    return landscape, np.array(found)


def cases(full):
    """Names, landscapes and pairs of minima, the second as the nearest image of itself."""
    for name, landscape in (
        ("Müller-Brown", MullerBrown()), ("six-hump camel", SixHumpCamel()), ("LJ7", LennardJones(7)),
    ):  # fmt: skip
        points = landscape.minima
        pairs = list(combinations(range(len(points)), 2))
        yield (
            name,
            landscape,
            [
                (points[a], landscape.symmetry.nearest(points[a], points[b]).coordinates)
                for a, b in (pairs if full else pairs[:1])
            ],
        )
    if full:
        landscape, points = digits_solutions(4)
        yield "digits network", landscape, [(points[a], points[b]) for a, b in combinations(range(len(points)), 2)]


def harder(finder):
    """The same search with more rounds, ended only by changes of a tenth of what ends it by default."""
    name = "max_cycles" if isinstance(finder, AutoNEBPathFinder) else "max_rounds"
    return replace(finder, tolerance=finder.tolerance / 10, **{name: getattr(finder, name) + 3})


def test_converged_is_not_said_of_what_more_effort_lowers(request):
    """From the same seed, so that the harder search goes on where the other has ended."""
    for name, landscape, pairs in cases(request.config.getoption("--benchmark-enable")):
        for finder in FINDERS:
            n_converged = n_false = 0
            worst = 0.0
            for start, end in pairs:
                found = finder.find(landscape, start, end)
                if found.outcome != "converged":
                    continue
                n_converged += 1
                floor = max(found.profile[0], found.profile[-1])
                more = harder(finder).find(landscape, start, end)
                fall = found.refined_height - min(more.refined_height, found.refined_height)
                allowed = LOWER * (found.refined_height - floor) + nothing_above(landscape, _heights(found))
                worst = max(worst, fall / allowed if allowed > 0 else 0.0)
                n_false += fall > allowed
            print(
                f"\n{name}, {finder.name}: false {n_false} of {n_converged} converged, {len(pairs)} pairs; {worst:.2f}"
            )
            assert n_false == 0
            assert n_converged <= len(pairs)


def _heights(search):
    from elsuite.paths.heights import Heights

    return Heights(search.height, search.refined_height, search.refined_t, search.profile, 0, 0.0)
