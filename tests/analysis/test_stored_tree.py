"""The tree of a database by arrays is that of its network."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small_database import fill

from elsuite.analysis import disconnectivity_tree, stored_tree
from elsuite.database import LandscapeDatabase
from elsuite.network import transition_network


@given(st.integers(0, 2**32 - 1), st.sampled_from(["points", "isomers"]), st.sampled_from([None, "fourier"]))
def test_it_is_that_of_the_network(seed, joins, finder):
    rng = np.random.default_rng(seed)
    n, n_paths = int(rng.integers(2, 8)), int(rng.integers(1, 15))
    database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    outcomes = ["converged", "budget spent", "failed", "imported", ""]
    database.add(
        minima={
            "energy": rng.choice([0.0, 0.1, 0.2, np.nan], size=(n, 1), p=[0.3, 0.3, 0.3, 0.1]),
            "outcome": rng.choice(["converged", "diverged"], size=n, p=[0.9, 0.1]).tolist(),
        },
        paths={
            "source": rng.integers(0, n, n_paths),
            "target": rng.integers(0, n, n_paths),
            "height": rng.choice([0.2, 0.3, 0.5, np.nan], size=n_paths),
            "kind": rng.choice(["path", "transition_state"], size=n_paths).tolist(),
            "outcome": rng.choice(outcomes, size=n_paths).tolist(),
            "joins": rng.choice(["points", "isomers"], size=n_paths).tolist(),
            "finder": ["fourier", *rng.choice(["fourier", "linear"], size=n_paths - 1).tolist()],
        },
    )
    found = stored_tree(database, joins=joins, finder=finder)
    expected = disconnectivity_tree(transition_network(database, joins=joins, finder=finder))
    assert found.leaves == expected.leaves
    for name in ("parents", "heights", "lowest"):
        np.testing.assert_array_equal(getattr(found.tree, name), getattr(expected.tree, name))
    assert [m.evidence for m in found.merges] == [m.evidence for m in expected.merges]


def test_of_one_surface():
    database = LandscapeDatabase.create(None, n_parameters=4, surfaces=["train", "test"])
    fill(database)
    assert [merge.height for merge in stored_tree(database, surface="test").merges] == [0.52]
