"""Starts, distinct minima and the best runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from elsuite.landscapes import SeparableWells, SixHumpCamel
from elsuite.minimizers import LBFGSGSS
from elsuite.sampling import distinct_minima, random_starts, sample_minima, start_seeds

pytestmark = pytest.mark.making


def reference_distinct(points, tolerance, energies):
    """The rule, word by word."""
    labels, representatives = [-1] * len(points), []
    for k in sorted(range(len(points)), key=lambda i: energies[i]):
        if labels[k] < 0:
            for i, point in enumerate(points):
                if labels[i] < 0 and np.linalg.norm(point - points[k]) <= tolerance:
                    labels[i] = len(representatives)
            representatives.append(k)
    return representatives, labels


@given(
    st.integers(1, 12).flatmap(
        lambda width: arrays(
            np.float64, st.tuples(st.integers(0, 15), st.just(width)), elements=st.integers(-4, 4).map(float)
        )
    ),
    st.sampled_from([0.0, 0.5, 1.1, 2.3, 5.0]),
    st.lists(st.integers(0, 3), min_size=15, max_size=15),
)
def test_distinct_minima_against_the_rule(points, tolerance, energies):
    energies = energies[: len(points)]
    found = distinct_minima(points, tolerance, energies=energies)
    representatives, labels = reference_distinct(points, tolerance, energies)
    assert found.representatives.tolist() == representatives
    assert found.labels.tolist() == labels


def test_equal_energies_far_apart_stay_apart():
    found = distinct_minima([[0.0], [1.0], [1e-9]], 1e-6, energies=[-1.0, -1.0, -1.0])
    assert found.representatives.tolist() == [0, 1]
    assert found.labels.tolist() == [0, 1, 0]


def test_many_points_of_high_dimension():
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(50, 3000))
    members = rng.integers(0, 50, 400)
    points = centers[members] + 1e-6 * rng.normal(size=(400, 3000)) / np.sqrt(3000)
    found = distinct_minima(points.astype(np.float32), 1e-3)
    assert len(found.representatives) == len(set(members))
    assert (members[found.representatives][found.labels] == members).all()


@pytest.mark.parametrize(
    ("points", "tolerance", "energies", "message"),
    [
        ([1.0, 2.0], 0.1, None, r"given shape \(2,\) and 0.1"),
        ([[np.nan]], 0.1, None, "a finite table"),
        ([[1.0]], -1.0, None, "a tolerance that is not negative"),
        ([[1.0]], np.nan, None, "a tolerance that is not negative"),
        ([[1.0]], 0.1, [1.0, 2.0], "energies: given 2, allowed: one for each of 1 points"),
    ],
)
def test_bad_input_to_distinct_minima(points, tolerance, energies, message):
    with pytest.raises(ValueError, match=message):
        distinct_minima(points, tolerance, energies=energies)


def test_seeds():
    assert start_seeds(3, 5) == start_seeds(3, 9)[:5]
    assert not set(start_seeds(0, 200)) & set(start_seeds(1, 200))
    assert len(set(start_seeds(0, 10_000))) > 9_990


def test_random_starts_depend_on_their_own_seed():
    landscape = SixHumpCamel()
    np.testing.assert_array_equal(random_starts(landscape, [1, 2, 3])[1:], random_starts(landscape, (2, 3)))


def test_sampling_finds_all_wells(tmp_path):
    landscape = SeparableWells(heights=(1.0, 2.0, 3.0))
    runs = sample_minima(landscape, LBFGSGSS(largest_step=0.2), 60, seed=1, checkpoint=tmp_path / "state.npz")
    assert [run.seed for run in runs] == start_seeds(1, 60)
    found = distinct_minima([run.solutions[0].coordinates for run in runs], 1e-4)
    assert len(found.representatives) == 8
    more = sample_minima(landscape, LBFGSGSS(largest_step=0.2), 61, seed=1)
    for run, again in zip(runs, more[:60], strict=True):
        np.testing.assert_allclose(run.solutions[0].coordinates, again.solutions[0].coordinates, atol=1e-7)


@pytest.mark.parametrize(("n_starts", "seed"), [(-1, 0), (3, -1)])
def test_bad_numbers_of_starts(n_starts, seed):
    with pytest.raises(ValueError, match="none negative"):
        sample_minima(SixHumpCamel(), LBFGSGSS(), n_starts, seed=seed)
