import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsuite.analysis import energy_scale
from elsuite.analysis.scales import round_numbers

POSITIVE = st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=30)
ANY = st.lists(st.floats(-100, 100), min_size=1, max_size=30)


@given(st.sampled_from(["linear", "log", "gaps"]), POSITIVE)
def test_scales_increase_and_can_be_inverted(name, energies):
    scale = energy_scale(name, energies)
    sorted_energies = np.unique(energies)
    heights = scale.forward(sorted_energies)
    assert (np.diff(heights) >= 0).all()
    np.testing.assert_allclose(scale.inverse(heights), sorted_energies, rtol=1e-9, atol=1e-12)


@given(POSITIVE, st.integers(2, 12))
def test_ticks_are_true_energies_within_the_range(energies, n):
    low, high = min(energies), max(energies)
    ticks = energy_scale("gaps", energies).ticks(low, high, n)
    assert (np.diff(ticks) > 0).all()
    assert len(ticks) <= 3 * n + 2
    if low < high:
        slack = (high - low) * 1e-6
        assert ((ticks >= low - slack) & (ticks <= high + slack)).all()


@given(ANY, st.floats(0.05, 0.5))
def test_gaps_are_cut_to_their_share_or_to_the_next_longest(energies, share):
    values = np.unique(energies)
    scale = energy_scale("gaps", energies, largest_gap=share)
    true, drawn = np.diff(values), np.diff(scale.forward(values))
    cut = np.isin(values[:-1], [low for low, _ in scale.gaps])
    np.testing.assert_allclose(drawn[~cut], true[~cut], atol=1e-9)
    assert (drawn[cut] <= true[cut] + 1e-9).all()
    if cut.any():
        assert drawn[cut].max() - drawn[cut].min() < 1e-9  # all to one length
        assert drawn.max() <= drawn[cut].max() + 1e-9


def test_one_dominant_gap_is_compressed_and_the_rest_is_true():
    scale = energy_scale("gaps", [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 101.0, 102.0], largest_gap=0.4)
    assert scale.gaps == ((1.0, 101.0),)
    assert np.diff(scale.forward([0.0, 1.0])).item() == pytest.approx(1.0)
    assert np.diff(scale.forward([101.0, 102.0])).item() == pytest.approx(1.0)
    ticks = scale.ticks(0.0, 102.0)
    assert not ((ticks > 1.0) & (ticks < 101.0)).any()
    assert (ticks >= 101.0).any()


def test_losses_of_nine_decades_are_drawn_by_their_logarithms():
    scale = energy_scale("log", [1e-9, 1.0])
    assert scale.forward([1e-9, 1.0]).tolist() == [-9.0, 0.0]


def test_a_loss_of_zero_is_drawn_at_the_floor():
    scale = energy_scale("log", [0.0, 1e-3, 1.0])
    assert scale.forward([0.0, 1e-3]).tolist() == [-3.5, -3.0]
    assert scale.lifted([0.0, 1.0]).tolist() == [10**-3.5, 1.0]
    assert (scale.mark, energy_scale("log", [1e-3, 1.0]).mark) == ("0", "")
    assert energy_scale("log", [0.0, 1.0], floor=1e-6).forward(0.0) == pytest.approx(-6)


def test_bad_options():
    with pytest.raises(ValueError, match="no energy scale 'cubic': there are 'linear', 'log' and 'gaps'"):
        energy_scale("cubic", [1.0])
    with pytest.raises(ValueError, match="the lowest is -2"):
        energy_scale("log", [-2.0, 1.0])
    with pytest.raises(ValueError, match="above 0"):
        energy_scale("log", [1.0], floor=0.0)
    with pytest.raises(ValueError, match="share between 0 and 1"):
        energy_scale("gaps", [1.0], largest_gap=1.5)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(1, 12))
def test_round_numbers(low, span, n):
    high = low + span
    if not high > low:
        return
    ticks = round_numbers(low, high, n)
    assert len(ticks) <= 3 * n + 2
    steps = np.diff(ticks)
    if len(steps):
        leading = steps[0] / 10 ** np.floor(np.log10(steps[0] * 1.0001))
        assert leading == pytest.approx(min((1, 2, 5, 10), key=lambda k: abs(k - leading)), rel=0.01)
