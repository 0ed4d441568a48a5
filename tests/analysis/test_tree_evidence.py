"""The evidence on merges, against the definition applied to sets of minima."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsuite.analysis import components_from, disconnectivity_tree, lowest_minima
from elsuite.analysis.merge_tree import merge_tree
from elsuite.analysis.tree_evidence import joins_between
from elsuite.analysis.trimming import restricted_tree
from elsuite.database import LandscapeDatabase
from elsuite.network import transition_network
from elsuite.network.evidence import negligibly_above

ENERGIES = [0.0, 0.1, 0.2, 0.2, 0.5]


@st.composite
def searched_networks(draw):
    """A network of a database: minima, paths that were found, and searches of all outcomes."""
    n = draw(st.integers(2, 7))
    energies = draw(st.lists(st.sampled_from(ENERGIES), min_size=n, max_size=n))
    pairs = list(combinations(range(n), 2))
    rows = draw(st.lists(st.tuples(st.sampled_from(pairs), st.sampled_from([0.5, 0.7, 1.0, np.nan])), max_size=12))
    outcomes = draw(
        st.lists(st.sampled_from(["converged", "budget spent", "failed"]), min_size=len(rows), max_size=len(rows))
    )
    return energies, rows, outcomes


def stored(energies, rows, outcomes, **columns):
    database = LandscapeDatabase.create(None, n_parameters=1, surfaces=["energy"])
    points = np.arange(len(energies), dtype=float)[:, None]
    paths = {
        "source": [a for (a, _), _ in rows], "target": [b for (_, b), _ in rows],
        "height": [height for _, height in rows], "outcome": outcomes, **columns,
    }  # fmt: skip
    database.add(minima={"coordinates": points, "energy": np.array(energies)[:, None]}, paths=paths if rows else None)
    return database


@given(searched_networks())
def test_evidence_of_every_merge_of_two_parts_is_that_of_the_definition(given):
    energies, rows, outcomes = given
    tree = disconnectivity_tree(transition_network(stored(*given)))
    tops = [merge.height for merge in tree.merges]
    span = (min(energies), max([*energies, *tops]))
    for merge in tree.merges:
        if len(merge.members) != 2:
            continue
        left, right = (set(part) for part in merge.members)
        floor = max(min(energies[i] for i in part) for part in (left, right))
        telling = [
            outcome
            for ((a, b), _), outcome in zip(rows, outcomes, strict=True)
            if ({a, b} & left and {a, b} & right)
            and negligibly_above([max(energies[a], energies[b])], span=span)[0] < merge.height
        ]
        found = merge.evidence
        assert (found.floor, found.tries) == (floor, len(telling))
        assert found.outcomes == {name: telling.count(name) for name in set(telling)}
        if merge.height <= negligibly_above([floor], span=span)[0]:
            expected = "closed"
        elif telling.count("converged") >= min(2, len(left) * len(right)):
            expected = "tested"
        else:
            expected = "untested"
        assert found.state == expected


@given(searched_networks())
def test_the_join_of_two_minima_is_where_the_later_one_dies(given):
    energies, rows, _ = given
    edges = [(a, b, height) for (a, b), height in rows]
    sources, targets, heights = (np.array(column) for column in zip(*edges, strict=True)) if edges else ([], [], [])
    tree = merge_tree(energies, np.array(sources, int), np.array(targets, int), np.array(heights, float))
    pairs = np.array(list(combinations(range(len(energies)), 2)))
    for (a, b), leaf in zip(pairs.tolist(), joins_between(tree, *pairs.T).tolist(), strict=True):
        above = {}
        for node in (a, b):
            line = [node]
            while tree.parents[line[-1]] >= 0:
                line.append(int(tree.parents[line[-1]]))
            above[node] = line
        common = [node for node in above[a] if node in above[b]]
        if not common:
            assert leaf == -1
            continue
        parts = [next(node for node in above[end] if tree.parents[node] == common[0]) for end in (a, b)]
        later = max(parts, key=lambda node: tree.leaf_ranks[tree.lowest[node]])
        assert leaf == tree.lowest[later]


CHAIN = ([0.0, 0.1, 0.2], [((0, 1), 1.0), ((1, 2), 2.0)])


@pytest.mark.parametrize(
    ("columns", "states"),
    [
        ({"outcome": ["converged", "converged"]}, ["tested", "untested"]),
        ({"outcome": ["converged", "budget spent"]}, ["tested", "untested"]),
        ({"outcome": ["", ""]}, ["unknown", "unknown"]),
        ({"outcome": ["imported", ""], "kind": ["transition_state", "path"]}, ["verified", "unknown"]),
        ({"outcome": ["converged"] * 2, "basis": ["EmptyBasis()"] * 2}, ["untested", "untested"]),
        ({"outcome": ["converged"] * 2, "searched_on": ["other"] * 2}, ["untested", "untested"]),
    ],
)
def test_states_by_where_the_paths_are_from(columns, states):
    """Straight lines, paths searched on another surface and imported ones are no searches."""
    energies, rows = CHAIN
    others = {name: values for name, values in columns.items() if name != "outcome"}
    tree = disconnectivity_tree(transition_network(stored(energies, rows, columns["outcome"], **others)))
    assert [merge.evidence.state for merge in tree.merges] == states


def test_a_graph_of_ones_own_is_unknown_but_for_its_transition_states():
    network = nx.Graph()
    network.add_nodes_from((i, {"energy": 0.1 * i}) for i in range(3))
    network.add_edge(0, 1, energy=1.0, kind="transition_state")
    network.add_edge(1, 2, energy=2.0)
    assert [merge.evidence.state for merge in disconnectivity_tree(network).merges] == ["verified", "unknown"]


@pytest.mark.making
def test_a_mapped_landscape_is_closed():
    from elsuite.exploration import map_landscape
    from elsuite.landscapes import MullerBrown

    tree = disconnectivity_tree(transition_network(map_landscape(MullerBrown(), n_starts=16)))
    assert [merge.evidence.state for merge in tree.merges] == ["closed", "closed"]
    assert tree.merges[1].evidence.floor == pytest.approx(-108.1667241)


def test_a_minimum_that_joins_two_others_at_its_own_energy_says_nothing_about_these():
    """Paths from the highest minimum end at its energy: it is closed, but whether the two others are lower is open."""
    rows = [((0, 2), 0.5), ((1, 2), 0.5)]
    tree = disconnectivity_tree(transition_network(stored([0.0, 0.1, 0.5], rows, ["converged"] * 2)))
    (merge,) = tree.merges
    assert merge.evidence.state == "untested"
    assert (merge.evidence.floor, merge.evidence.tries) == (0.1, 0)


def test_a_loss_counts_by_its_own_size():
    """1e-9 beside a merge at 1e-8 is not at the floor, though both are nothing beside 1e-2."""
    database = stored([0.0, 1e-9, 5e-3], [((0, 1), 1e-8), ((1, 2), 1e-2)], ["converged"] * 2)
    states = [merge.evidence.state for merge in disconnectivity_tree(transition_network(database)).merges]
    assert states == ["closed", "untested"]  # by the range alone
    database.add(attributes={"identity": {"energy_floor": 0.0}})
    states = [merge.evidence.state for merge in disconnectivity_tree(transition_network(database)).merges]
    assert states == ["tested", "untested"]


def test_smaller_trees_keep_the_evidence_of_their_joins():
    rows = [((0, 1), 1.0), ((1, 2), 2.0), ((0, 1), 1.1), ((3, 4), 0.6)]
    tree = disconnectivity_tree(transition_network(stored([0.0, 0.1, 0.2, 0.0, 0.1], rows, ["converged"] * 4)))
    for trimmed in (components_from(tree, 3), lowest_minima(tree, 5)):
        by_height = {merge.height: merge.evidence for merge in tree.merges}
        for merge in trimmed.tree.merges:
            assert merge.evidence == by_height[merge.height]
    # Where the minimum that one joined is gone, the join to the next counts.
    kept = np.array([1, 2])
    smaller = restricted_tree(tree.tree, kept)
    found = tree.evidence.restricted(tree.tree, kept, smaller)
    assert found.of_merge(smaller, 2) == tree.merges[2].evidence
