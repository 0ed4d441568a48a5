"""Trees completed: exact where heights are true, with few searches; interrupted, without success, and out of budget."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from separable import Wells, wells

from elsuite.analysis import disconnectivity_tree
from elsuite.database import LandscapeDatabase
from elsuite.exploration import complete_tree, connect_minima, connect_spanning
from elsuite.landscapes import FunctionLandscape, SixHumpCamel
from elsuite.network import minimax_matrix, transition_network
from elsuite.paths import FourierPathFinder, LinearPathFinder

pytestmark = pytest.mark.making


def tree_of(database):
    return disconnectivity_tree(transition_network(database))


@settings(max_examples=8)
@given(st.permutations(range(6)), st.lists(st.floats(1.0, 1.4), min_size=6, max_size=6) | st.none())
def test_the_tree_of_separable_wells_is_exact_after_a_few_searches_a_minimum(order, widths):
    """The merges at height k are 2^(6 - k), whatever the order of the coordinates, and their widths."""
    database, landscape = wells(order, widths)
    report = complete_tree(database, landscape, Wells())
    tree = tree_of(database)
    assert [merge.height for merge in tree.merges] == sorted(1.0 + k for k in range(6) for _ in range(2 ** (5 - k)))
    assert report.n_searched <= 4 * 64
    assert (report.n_left, report.n_parts) == (0, 1)
    assert {merge.evidence.state for merge in tree.merges} == {"tested"}


@pytest.mark.parametrize("jitter", [1e-8, 1e-5, 1e-3])
@pytest.mark.parametrize("widths", [np.ones(6), np.array([4.1, 0.7, 2.2, 3.5, 1.1, 0.5])])
def test_minima_need_not_lie_on_a_grid(jitter, widths):
    database, landscape = wells([3, 0, 5, 1, 4, 2], widths, jitter)
    report = complete_tree(database, landscape, Wells())
    heights = [merge.height for merge in tree_of(database).merges]
    assert heights == sorted(1.0 + k for k in range(6) for _ in range(2 ** (5 - k)))
    assert report.n_searched <= 4 * 64


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"tries": 1.5}, "tries: given 1.5"),
        ({"tries": True}, "tries: given True"),
        ({"most_tries": 0}, "most_tries: given 0"),
        ({"n_pairs": -5}, "n_pairs: given -5"),
        ({"ids": [0, 99]}, "no minimum 99"),
        ({"ids": [-1, 2]}, "an id: given -1"),
        ({"ids": [0.5, 1]}, "an id: given 0.5"),
    ],
)
def test_arguments_are_checked(arguments, words):
    database, landscape = wells(range(2))
    with pytest.raises((ValueError, LookupError), match=words):
        complete_tree(database, landscape, Wells(), **arguments)


def test_nothing_is_left_of_nothing():
    database, landscape = wells(range(2))
    assert complete_tree(database, landscape, Wells(), ids=[]).n_left == 0


def test_an_interrupted_completion_goes_on_to_the_same_end():
    whole, landscape = wells(range(5))
    report = complete_tree(whole, landscape, Wells())
    broken, _ = wells(range(5))

    def interrupt_at(stop):
        def progress(_, done, __):
            if done == stop:
                raise KeyboardInterrupt

        return progress

    for stop in (3, 20, 38, 39, 50):
        with pytest.raises(KeyboardInterrupt):
            complete_tree(broken, landscape, Wells(), progress=interrupt_at(stop))
    again = complete_tree(broken, landscape, Wells())
    assert ends(broken) == ends(whole)
    assert again.n_known + again.n_searched == report.n_searched
    assert complete_tree(broken, landscape, Wells()).n_searched == 0
    assert broken.attributes.get("round") is None


def test_what_does_not_converge_is_given_up_and_counted():
    database, landscape = wells(range(3))
    report = complete_tree(database, landscape, Wells(outcome="budget spent"), tries=1)
    assert report.merges == {"untested": 7}
    assert report.n_left == 7
    assert str(report) == "7 merges: 7 untested"
    assert complete_tree(database, landscape, Wells(outcome="budget spent"), tries=1).n_searched == 0
    # Another finder, under another name, searches where this one did not succeed.
    assert complete_tree(database, landscape, Wells(), label="better").n_left == 0


def test_a_budget_is_kept_and_what_is_left_is_said():
    database, landscape = wells(range(4))
    report = complete_tree(database, landscape, Wells(), n_pairs=10)
    assert (report.n_searched, report.n_parts) == (10, 6)
    assert report.n_left >= 5
    assert "6 parts are not joined" in str(report)
    assert complete_tree(database, landscape, Wells(), n_pairs=12).n_searched == 2


@pytest.mark.parametrize("tries", [0, -1])
def test_no_tries_are_refused(tries):
    database, landscape = wells(range(2))
    with pytest.raises(ValueError, match=f"tries: given {tries}, allowed"):
        complete_tree(database, landscape, Wells(), tries=tries)


def test_real_paths_on_the_camel_close_or_test_every_merge():
    """The minimax barriers are the known ones: through the transition states at 0, 0.5437 and 2.2293571975."""
    camel = SixHumpCamel()
    with LandscapeDatabase.create(None, camel) as database:
        database.add(minima={"coordinates": camel.minima, "energy": camel.minimum_energies[:, None]})
        report = complete_tree(database, camel, FourierPathFinder())
        heights = [merge.height for merge in tree_of(database).merges]
    assert report.n_left == 0
    assert heights == pytest.approx([0.0, 0.5437186, 0.5437186, 2.2293572, 2.2293572], abs=0.01)


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
    (nearest,), points = ends(camel), camel.coordinates(range(6))
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
