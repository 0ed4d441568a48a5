import numpy as np
import pytest
import strategies_network  # noqa: F401  (no deadlines)
from hypothesis import given
from hypothesis import strategies as st

from elsuite.analysis import compare, conclusion, conclusions, equivalence_p_value, holm, verdict
from elsuite.analysis.verdicts import BOUND, LEVEL

P_VALUES = st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.02, 0.04, 0.3, 1.0]) | st.floats(0, 1), max_size=7)


def stepped_down(p_values, level):
    """Which hypotheses Holm's procedure rejects, step by step."""
    left, rejected = dict(enumerate(p_values)), set()
    while left:
        least = min(left, key=left.get)
        if left[least] * len(left) > level:
            break
        rejected.add(least)
        del left[least]
    return rejected


@given(P_VALUES, st.sampled_from([0.0005, 0.0123, 0.05, 0.11]))
def test_corrected_p_values_reject_what_the_procedure_rejects(p_values, level):
    corrected = holm(p_values)
    assert {k for k, p in enumerate(corrected) if p <= level} == stepped_down(p_values, level)
    assert (corrected >= p_values).all()
    assert (corrected <= 1).all()


@given(st.permutations([0.001, 0.02, 0.02, 0.5, 0.9]))
def test_the_order_of_p_values_does_not_matter(p_values):
    known = dict(zip([0.001, 0.02, 0.5, 0.9], [0.005, 0.08, 1.0, 1.0], strict=True))
    assert holm(p_values).tolist() == pytest.approx([known[p] for p in p_values])


@pytest.mark.parametrize("p_values", [[0.1, np.nan], [-0.1], [1.1], [[0.1]]])
def test_what_is_no_p_value_is_refused(p_values):
    with pytest.raises(ValueError, match="p values are a list of numbers from 0 to 1"):
        holm(p_values)


@pytest.mark.parametrize(
    ("delta", "p_value", "equivalence", "enough", "found"),
    [
        (0.9, 0.01, 1.0, True, "larger"),
        (-0.9, 0.01, 1.0, True, "smaller"),
        (0.9, 0.01, 1.0, False, "open"),
        (0.05, 0.7, 0.2, True, "open"),  # not found is not equal
        (0.05, 0.7, 0.01, True, "equal"),
        (0.05, 0.7, 0.01, False, "open"),
        (0.9, LEVEL, 1.0, True, "open"),
        (0.2, 0.01, 0.01, True, "larger"),
        (0.0, 0.01, 1.0, True, "open"),
    ],
)
def test_conclusions(delta, p_value, equivalence, enough, found):
    assert conclusion(delta, p_value, equivalence, enough=enough) == found
    for claim in ("larger", "smaller", "equal"):
        expected = "open" if found == "open" else "holds" if claim == found else "refuted"
        assert verdict(claim, found) == expected


def test_a_claim_that_is_none_is_refused():
    with pytest.raises(ValueError, match="claim is 'larger', 'smaller' or 'equal', not 'open'"):
        verdict("open", "larger")


def test_equality_is_seldom_said_of_samples_at_the_bound():
    # Uniform values shifted so that delta is the bound: P(a > b) = 1 - (1 - shift)^2 / 2.
    shift = 1 - np.sqrt(1 - BOUND)
    random = np.random.default_rng(0)
    said = sum(
        equivalence_p_value(compare(random.random(60) + shift, random.random(60), n_resamples=1).cliffs_delta, 60, 60)
        < LEVEL
        for _ in range(400)
    )
    assert 1 <= said <= 34  # 20 are promised
    same = [compare(random.random(60), random.random(60), n_resamples=1).cliffs_delta for _ in range(200)]
    assert np.mean([equivalence_p_value(delta, 60, 60) < LEVEL for delta in same]) > 0.6


@pytest.mark.parametrize("bound", [0.0, 1.0, -0.2])
def test_the_bound_is_between_none_and_all(bound):
    with pytest.raises(ValueError, match="between 0 and 1"):
        equivalence_p_value(0.0, 10, 10, bound)


def test_a_whole_set_of_comparisons_is_corrected():
    random = np.random.default_rng(0)
    results = [compare(random.normal(size=8) + (k == 0) * 10, random.normal(size=8)) for k in range(20)]
    found = conclusions(results)
    np.testing.assert_array_equal([own.p_value for own in found], holm([result.p_value for result in results]))
    assert [own.conclusion for own in found] == ["larger"] + ["open"] * 19
    assert conclusions([]) == ()


def test_ranks_and_means_that_disagree_are_open():
    a, b = np.append(np.arange(20.0), -1e6), np.arange(21.0) - 15
    result = compare(a, b)
    assert result.p_value < LEVEL
    assert conclusions([result])[0].conclusion == "open"
