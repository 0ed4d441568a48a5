"""Hypothesis strategies: random rows of a database, and what one `add` may be given."""

import numpy as np
from hypothesis import strategies as st

SURFACES = ("train", "test")
N_PARAMETERS = 3

labels = st.sampled_from(["", "sgd/train", "lbfgs-gss/test", "größer", "a" * 40])
energies = st.floats(-1e6, 1e6, width=32)
scalars = st.one_of(st.none(), st.floats(allow_nan=False, width=64))
seeds = st.one_of(st.none(), st.integers(0, 2**62))


def vectors(n):
    """Lists of n numbers that float32 holds exactly."""
    return st.lists(st.floats(-1e6, 1e6, width=32), min_size=n, max_size=n)


def run_rows():
    return st.fixed_dictionaries(
        {},
        optional={
            "seed": seeds,
            "minimizer": labels,
            "outcome": labels,
            "n_steps": seeds,
            "seconds": scalars,
            "curves": st.dictionaries(
                st.sampled_from(SURFACES), st.lists(energies, max_size=4), min_size=1, max_size=2
            ),
            "temperature": scalars,
        },
    )


def minimum_rows():
    return st.fixed_dictionaries(
        {"energy": vectors(2), "coordinates": vectors(N_PARAMETERS)},
        optional={"set": labels, "epoch": seeds, "fvib": scalars},
    )


@st.composite
def path_rows(draw, n_minima):
    """A path between any two of the minima, itself included, over every energy that `minimum_rows` gives."""
    ids = st.integers(0, n_minima - 1)
    row = {
        "source": draw(ids),
        "target": draw(ids),
        "surface": draw(st.sampled_from(SURFACES)),
        "height": draw(st.one_of(st.just(np.nan), st.floats(1e6, 1e9))),
    }
    optional = {
        "profile": st.one_of(st.none(), st.lists(energies, max_size=5)),
        "coefficients": st.one_of(st.none(), st.lists(vectors(N_PARAMETERS), min_size=1, max_size=2)),
        "coordinates": st.one_of(st.none(), vectors(N_PARAMETERS)),
        "permutation": st.one_of(st.none(), st.permutations([1, -2, 3])),
        "kind": st.sampled_from(["path", "transition_state"]),
        "finder": labels,
        "order": st.one_of(st.none(), st.integers(-5, 5)),
    }
    return row | draw(st.fixed_dictionaries({}, optional=optional))


@st.composite
def batches(draw, n_minima):
    """What one `add` may be given when there are `n_minima` minima: runs, minima, and paths among all of them."""
    runs = draw(st.lists(run_rows(), max_size=2))
    minima = draw(st.lists(minimum_rows(), max_size=2))
    total = n_minima + len(minima)
    paths = draw(st.lists(path_rows(total), max_size=2)) if total else []
    return {"runs": runs, "minima": minima, "paths": paths}
