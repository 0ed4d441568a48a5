import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_network import as_network, barrier_graphs, minimax_by_floyd

from elsuite.analysis import disconnectivity_tree, meeting_energies


@given(barrier_graphs(), st.data())
def test_groups_meet_at_the_lowest_barrier_between_them(graph, data):
    n = len(graph[0])
    groups = data.draw(st.lists(st.sampled_from(["sgd", "lbfgs", "adam", None]), min_size=n, max_size=n))
    found = meeting_energies(disconnectivity_tree(as_network(graph)), groups)
    barriers = minimax_by_floyd(graph)
    names = [name for name in dict.fromkeys(groups) if name is not None]
    pairs = [(a, b) for k, a in enumerate(names) for b in names[k + 1 :]]
    assert list(found) == pairs
    for one, other in pairs:
        of_one = [k for k in range(n) if groups[k] == one]
        of_other = [k for k in range(n) if groups[k] == other]
        assert found[one, other] == barriers[np.ix_(of_one, of_other)].min()


def test_one_group_a_minimum():
    tree = disconnectivity_tree(as_network((np.zeros(2), [0], [1], [1.0])))
    with pytest.raises(ValueError, match="2 groups are needed, one a minimum, not 1"):
        meeting_energies(tree, ["a"])
