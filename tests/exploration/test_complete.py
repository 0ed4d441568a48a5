"""Pairs chosen as the paths come in, against the rule applied to all pairs; time near-linear in the minima."""

import time

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from elsuite.database import LandscapeDatabase
from elsuite.exploration import connect_minima, connect_spanning
from elsuite.exploration.complete import Connections, lowering_pair, nearest_unjoined_pair
from elsuite.landscapes import FunctionLandscape, SixHumpCamel
from elsuite.network import minimax_matrix, transition_network
from elsuite.paths import LinearPathFinder

pytestmark = pytest.mark.making


def by_all_pairs(minimax, energies, distances, tried, tolerance=1e-6):
    """The pair to try next, found by looking at every pair."""
    rows, columns = np.triu_indices(len(energies), 1)
    untried = ~tried[rows, columns]
    rows, columns = rows[untried], columns[untried]
    gain = minimax[rows, columns] - np.maximum(energies[rows], energies[columns])
    apart = distances[rows, columns]
    unjoined = np.isinf(gain)
    if unjoined.any():
        best = np.flatnonzero(unjoined)[np.argmin(apart[unjoined])]
        return int(rows[best]), int(columns[best])
    finite = minimax[np.isfinite(minimax)]
    if not len(gain) or gain.max() <= tolerance * max(np.ptp(finite), np.finfo(float).tiny):
        return None
    ties = np.flatnonzero(gain >= gain.max() * (1 - 1e-9))
    best = ties[np.argmin(apart[ties])]
    return int(rows[best]), int(columns[best])


@given(st.integers(2, 9), st.integers(0, 9999), st.sampled_from([0.0, 0.3]))
def test_each_choice_is_that_of_the_rule_applied_to_all_pairs(n, seed, share_failed):
    """And with the true height of every pair that was tried, the barriers end equal to those of all pairs."""
    rng = np.random.default_rng(seed)
    energies = rng.uniform(0, 1, n) if seed % 2 else rng.choice([0.0, 0.5, 1.0], n)
    heights = np.maximum.outer(energies, energies) + np.triu(
        rng.choice([0.0, 0.3, 0.9, 1.7], size=(n, n)) * rng.choice([1.0, rng.uniform()], size=(n, n)), 1
    )
    heights[rng.uniform(size=(n, n)) < share_failed] = np.nan
    points = rng.uniform(size=(n, 3))
    network = nx.Graph()
    network.add_nodes_from((i, {"energy": energies[i]}) for i in range(n))
    tried = np.zeros((n, n), dtype=bool)
    known, order = Connections(energies, points), []
    while True:
        pair = nearest_unjoined_pair(known) or lowering_pair(known)
        assert pair == by_all_pairs(minimax_matrix(network), energies, cdist(points, points), tried)
        if pair is None:
            break
        a, b = pair
        order.append(pair)
        tried[a, b] = tried[b, a] = True
        known.add(a, b, heights[a, b])
        if np.isfinite(heights[a, b]):
            network.add_edge(a, b, energy=heights[a, b])
    full = nx.Graph(network)
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n) if np.isfinite(heights[i, j])]
    full.add_edges_from((i, j, {"energy": heights[i, j]}) for i, j in pairs)
    np.testing.assert_allclose(minimax_matrix(network), minimax_matrix(full))
    assert len(order) == len(set(order)) == known.n_tried
    if not share_failed:  # the first n - 1 join components: a spanning tree
        assert nx.is_connected(nx.Graph(order[: n - 1]))


def seconds_of_choices(n, n_choices=200):
    rng = np.random.default_rng(0)
    known = Connections(rng.uniform(size=n), rng.normal(size=(n, 3)))
    while (pair := nearest_unjoined_pair(known)) is not None:
        known.add(*pair, rng.uniform(1, 2))
    began = time.process_time()
    for _ in range(n_choices):
        known.add(*lowering_pair(known), rng.uniform(1, 2))
    return time.process_time() - began


def test_a_choice_takes_a_time_near_linear_in_the_minima():
    few, many = seconds_of_choices(150), seconds_of_choices(1500)
    assert many < 30 * few  # a choice among all pairs: 100 times


class Ridge(LinearPathFinder):
    """Fails where it is told to."""

    fails = frozenset()

    def find(self, landscape, start, end, seed=0):
        if (round(float(start[0]), 3), round(float(end[0]), 3)) in self.fails:
            raise RuntimeError("no way")
        return super().find(landscape, start, end, seed)


CAMEL = SixHumpCamel()


@pytest.fixture
def camel():
    with LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"], dtype="float64") as database:
        database.add(minima={"coordinates": CAMEL.minima, "energy": CAMEL.minimum_energies[:, None]})
        yield database


def ends(database):
    return list(zip(database.paths["source"].values.tolist(), database.paths["target"].values.tolist(), strict=True))


def test_an_interrupted_call_goes_on_to_the_same_end(camel):
    report = connect_spanning(camel, CAMEL, LinearPathFinder(), range(6))
    assert (report.n_searched, report.n_known, report.n_failed) == (5, 0, 0)
    assert np.isfinite(minimax_matrix(transition_network(camel))).all()
    calls = []
    report = connect_spanning(
        camel, CAMEL, LinearPathFinder(), range(6), n_pairs=9, progress=lambda *call: calls.append(call)
    )
    assert (report.n_searched, report.n_known) == (4, 5)
    assert calls[-1] == ("paths: linear", 9, 9)
    assert connect_spanning(camel, CAMEL, LinearPathFinder(), range(6), n_pairs=9).n_searched == 0
    with LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"], dtype="float64") as other:
        other.add(minima={"coordinates": CAMEL.minima, "energy": CAMEL.minimum_energies[:, None]})
        connect_spanning(other, CAMEL, LinearPathFinder(), range(6), n_pairs=9, surface="energy")
        assert ends(other) == ends(camel)


def test_a_failed_join_is_gone_round_and_tried_again_on_demand(camel):
    first = connect_spanning(camel, CAMEL, LinearPathFinder(), range(6), n_pairs=1)
    assert first.n_searched == 1
    points = camel.coordinates(range(6))
    nearest = nearest_unjoined_pair(Connections(CAMEL.minimum_energies, points))
    with LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"], dtype="float64") as other:
        other.add(minima={"coordinates": CAMEL.minima, "energy": CAMEL.minimum_energies[:, None]})
        finder = Ridge()
        object.__setattr__(finder, "fails", {tuple(round(float(points[i, 0]), 3) for i in nearest)})
        report = connect_spanning(other, CAMEL, finder, range(6))
        assert (report.n_searched, report.n_failed) == (6, 1)
        assert np.isfinite(minimax_matrix(transition_network(other))).all()
        assert connect_spanning(other, CAMEL, finder, range(6)).n_failed == 1
        object.__setattr__(finder, "fails", frozenset())
        again = connect_spanning(other, CAMEL, finder, range(6), retry_failed=True)
        assert (again.n_searched, again.n_failed) == (1, 0)
        assert connect_spanning(other, CAMEL, finder, range(6), retry_failed=True).n_searched == 0
        assert other.paths["outcome"].values.tolist().count("failed") == 1


@pytest.mark.parametrize("ids", [[], [3]])
def test_nothing_to_join(camel, ids):
    for n_pairs in (None, 4):
        assert connect_spanning(camel, CAMEL, LinearPathFinder(), ids, n_pairs=n_pairs).n_searched == 0


def test_all_pairs_are_spent_before_a_count_that_is_too_large(camel):
    flat = FunctionLandscape(lambda p: 0 * p.sum(1) + 1.0, 2)
    with LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"], dtype="float64") as other:
        other.add(minima={"coordinates": CAMEL.minima[:3], "energy": np.ones((3, 1))})
        connect_minima(other, flat, LinearPathFinder(), [(0, 1)])
        assert connect_spanning(other, flat, LinearPathFinder(), range(3), n_pairs=99).n_searched == 1
