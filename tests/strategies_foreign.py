"""Hypothesis strategies: landscapes as other programs keep them, and files gone wrong."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from elsuite.interchange import ForeignLandscape

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# Few distinct numbers, so that ties and degenerate states are common, and some with long digits and exponents.
NUMBERS = st.one_of(
    st.integers(-4, 4).map(float), st.floats(-1e300, 1e300), st.sampled_from([1e-300, -1e-5, 1 / 3, 5e-324])
)
MAYBE = st.one_of(NUMBERS, st.just(np.nan))
LABELS = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)


def columns(values, n):
    return st.lists(values, min_size=n, max_size=n).map(lambda column: np.array(column, dtype=np.float64))


def points(n, width):
    return st.lists(columns(NUMBERS, width), min_size=n, max_size=n).map(
        lambda rows: np.array(rows, dtype=np.float64).reshape(n, width)
    )


@st.composite
def foreign_landscapes(draw, max_minima=5, max_states=7):
    """With parallel, degenerate and low states, minima that nothing joins, and any columns known or not."""
    n = draw(st.integers(0, max_minima))
    m = draw(st.integers(0, max_states)) if n else 0
    ends = [
        np.array(draw(st.lists(st.integers(0, max(n - 1, 0)), min_size=m, max_size=m)), dtype=np.int64)
        for _ in range(2)
    ]
    width = draw(st.integers(1, 4))
    coordinates = draw(st.one_of(st.none(), points(n, width)))
    state_coordinates = None
    if coordinates is not None:
        state_coordinates = draw(st.one_of(st.none(), points(m, width)))
        if state_coordinates is not None and m and draw(st.booleans()):
            state_coordinates[draw(st.integers(0, m - 1))] = np.nan
    return ForeignLandscape(
        energies=draw(columns(NUMBERS, n)),
        sources=ends[0],
        targets=ends[1],
        heights=draw(columns(NUMBERS, m)),
        coordinates=coordinates,
        state_coordinates=state_coordinates,
        minima_columns=draw(_further(n, "lowest_eigenvalue", "lowest_mass_weighted_eigenvalue")),
        state_columns=draw(_further(m, "negative_eigenvalue")),
    )


@st.composite
def _further(draw, n, *names):
    found = {}
    for name in ("log_product", "inertia_1", "inertia_2", "inertia_3", *names):
        if draw(st.booleans()):
            found[name] = draw(columns(MAYBE, n))
    if draw(st.booleans()):
        orders = st.one_of(st.integers(1, 120), st.just(-1))
        found["point_group_order"] = np.array(draw(st.lists(orders, min_size=n, max_size=n)), dtype=np.int64)
    return found


@st.composite
def damaged(draw, content):
    """`content` cut off, with bytes changed, taken out, repeated or put in."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        stop = min(len(data), place + draw(st.integers(1, 9)))
        match draw(st.sampled_from(["cut", "change", "take", "repeat", "put"])):
            case "cut":
                del data[place:]
            case "change":
                data[place:stop] = draw(st.binary(min_size=stop - place, max_size=stop - place))
            case "take":
                del data[place:stop]
            case "repeat":
                data[place:place] = data[place:stop] * 2
            case _:
                words = [
                    b"nan",
                    b"-1",
                    b"1e999",
                    b"*" * 20,
                    b"1.0-100",
                    b"2D5",
                    b"\n",
                    b" ",
                    b"\0",
                    b"\xff",
                    b'"',
                    b",",
                ]
                data[place:place] = draw(st.sampled_from(words))
    return bytes(data)
