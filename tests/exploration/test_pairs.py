"""Choosers of pairs: what they return, that they are deterministic."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsuite.database import LandscapeDatabase
from elsuite.exploration.pairs import (
    AllPairs,
    NearestPairs,
    PairContext,
    RandomPairs,
    all_pairs,
    between_pairs,
    nearest_pairs,
    random_pairs,
    within_pairs,
)

pytestmark = pytest.mark.making

SETS = {"a": [0, 1, 2, 3], "b": [4, 5, 6], "c": [7]}


def as_set(pairs):
    return {tuple(pair) for pair in pairs.tolist()}


@pytest.mark.parametrize(
    ("chooser", "n"),
    [
        (lambda n, seed: within_pairs(SETS, n, seed), 2 + 2 + 0),
        (lambda n, seed: between_pairs(SETS, n, seed), 3 * 2),
        (lambda n, seed: random_pairs(all_pairs(range(8)), n, seed), 2),
    ],
)
def test_choosers_are_deterministic_and_return_each_pair_once(chooser, n):
    pairs = chooser(2, 5)
    assert len(pairs) == n == len(as_set(pairs))
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert as_set(pairs) == as_set(chooser(2, 5))
    assert any(as_set(chooser(2, seed)) != as_set(pairs) for seed in range(6, 12))


def test_within_stays_within_and_between_goes_between():
    owner = {i: name for name, ids in SETS.items() for i in ids}
    assert all(owner[a] == owner[b] for a, b in within_pairs(SETS, None, 0))
    assert all(owner[a] != owner[b] for a, b in between_pairs(SETS, None, 0))
    assert len(within_pairs(SETS, None, 0)) == 6 + 3
    assert len(between_pairs(SETS, None, 0)) == 12 + 4 + 3


def test_no_pairs_where_there_are_none():
    assert all_pairs([4]).shape == (0, 2)
    assert within_pairs({}, 3, 0).shape == (0, 2)
    assert nearest_pairs([3], np.zeros((1, 1)), 2).shape == (0, 2)


@given(st.integers(2, 9), st.integers(1, 4), st.integers(0, 99))
def test_nearest_pairs_against_sorting(n, k, seed):
    points = np.random.default_rng(seed).normal(size=(n, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    ids = [10 + i for i in range(n)]
    expected = set()
    for i in range(n):
        others = sorted((j for j in range(n) if j != i), key=lambda j, i=i: distances[i, j])
        expected |= {tuple(sorted((ids[i], ids[j]))) for j in others[:k]}
    assert as_set(nearest_pairs(ids, distances, k)) == expected


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(0, 9), st.data())
def test_as_many_pairs_are_counted_before_there_are_minima_as_are_chosen(sizes, seed, data):
    some = st.none() | st.integers(1, 30)
    chooser = data.draw(
        st.builds(RandomPairs, within=some, between=some, n_pairs=some)
        | st.just(AllPairs())
        | st.just(NearestPairs(n_neighbors=9))
    )
    ends = np.cumsum([0, *sizes]).tolist()
    sets = {f"{k}": range(a, b) for k, (a, b) in enumerate(itertools.pairwise(ends))}

    class Database:
        n_parameters = 2

        def coordinates(self, ids):
            return np.random.default_rng(0).random((len(ids), 2))

    pairs = chooser.choose(PairContext(Database(), sets, seed))
    # Two that are each other's nearest are one pair: of these it is the most.
    assert len(pairs) <= chooser.count(sizes)
    assert len(pairs) == chooser.count(sizes) or isinstance(chooser, NearestPairs)
    assert as_set(pairs) <= {(a, b) for a in range(ends[-1]) for b in range(a + 1, ends[-1])}


def test_distances_do_not_depend_on_how_many_minima_are_in_memory(monkeypatch):
    from elsuite.exploration import pairs as module

    points = np.random.default_rng(0).random((7, 3))
    database = LandscapeDatabase.create(None, n_parameters=3, surfaces=["energy"], dtype="float64")
    database.add(minima={"coordinates": points, "energy": np.zeros((7, 1))})
    context = PairContext(database, {"a": range(0, 7, 2), "b": [1, 5]}, 0)
    whole = context.distances()
    for numbers in (1, 6, 9):
        monkeypatch.setattr(module, "MOST_NUMBERS", numbers)
        np.testing.assert_allclose(context.distances(), whole, rtol=1e-15)
