import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsuite.analysis import energy_scale
from elsuite.analysis.scales import largest_empty_share, log_gap_scale, wants_log
from elsuite.plotting.axis import energy_axis, scaled_axis, value_norm
from elsuite.plotting.style import new_figure


@pytest.fixture
def ax():
    return new_figure().add_subplot()


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ([1e-9, 1], True),
        ([0, 1], False),
        ([-1, 5], False),
        ([1, 2], False),
        ([], False),
        ([np.nan, 1, 100, np.inf], True),
    ],
)
def test_log_where_positive_values_span_decades(values, log):
    assert wants_log(values) is log
    assert (type(value_norm(values)).__name__ == "LogNorm") is log


@pytest.mark.parametrize("log", [False, True])
def test_limits_hold_all_values(ax, log):
    energy_axis(ax.yaxis, [0.1, 0.5, 7.0], log=log)
    low, high = ax.get_ylim()
    assert low < 0.1 < 7.0 < high
    assert ax.get_yscale() == ("log" if log else "linear")


@pytest.mark.parametrize("values", [[3.0], [0.0], [-2.0, -2.0], [np.nan]])
def test_a_single_value_has_room(ax, values):
    energy_axis(ax.xaxis, values, log=False)
    low, high = ax.get_xlim()
    assert low < high


def test_log_of_a_negative_energy_is_refused(ax):
    with pytest.raises(ValueError, match="positive energies, the lowest is -1"):
        energy_axis(ax.yaxis, [-1.0, 2.0], log=True)


def test_within_a_decade_the_ticks_have_numbers(ax):
    energy_axis(ax.yaxis, [1.2, 4.1], log=True)
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    minor = zip(ax.get_yticks(minor=True), ax.yaxis.get_minorticklabels(), strict=True)
    shown = [label.get_text() for tick, label in minor if low <= tick <= high and label.get_text()]
    assert len(shown) >= 3


def test_compressed_gaps_keep_order_and_true_ticks(ax):
    energies = np.array([-100.0, -99.9, -99.8, -1.0, -0.5, 0.0, 0.5])
    scale = energy_scale("gaps", energies)
    scaled_axis(ax.yaxis, scale, -101.0, 1.0)
    ax.figure.canvas.draw()
    drawn = ax.transData.transform(np.column_stack([np.zeros(7), energies]))[:, 1]
    assert (np.diff(drawn) > 0).all()
    # Of 100 units 99 are empty; they take less than a third of the axis.
    assert drawn[3] - drawn[2] < 0.35 * (drawn[-1] - drawn[0])
    np.testing.assert_allclose(ax.get_yticks(), np.round(ax.get_yticks(), 3))
    assert any(text.get_text() == "//" for text in ax.texts)
    back = ax.transData.inverted().transform(np.column_stack([np.zeros(7), drawn]))[:, 1]
    np.testing.assert_allclose(back, energies, atol=1e-9)


LOSSES = np.array([1e-12, 3e-12, 1e-11, 2e-3, 5e-3, 1e-2, 0.2])


def test_empty_decades_are_left_out_with_a_break_mark(ax):
    scale = log_gap_scale(LOSSES)
    assert largest_empty_share(LOSSES) > 0.7
    scaled_axis(ax.yaxis, scale, 5e-13, 0.5)
    ax.figure.canvas.draw()
    drawn = ax.transData.transform(np.column_stack([np.zeros(7), LOSSES]))[:, 1]
    assert (np.diff(drawn) > 0).all()
    assert drawn[3] - drawn[2] < 0.25 * (drawn[-1] - drawn[0])
    assert [text.get_text() for text in ax.texts] == ["//"]
    np.testing.assert_allclose(ax.get_yticks(), [1e-12, 1e-11, 1e-2, 1e-1])
    # Below the lowest energy there is room for its marker.
    assert drawn[0] > ax.get_window_extent().y0 + 2


@given(st.lists(st.floats(1e-14, 1e3), min_size=1, max_size=30))
def test_scales_without_empty_decades_are_exact_and_ordered(energies):
    scale = log_gap_scale(energies)
    values = np.unique(energies)
    np.testing.assert_allclose(scale.inverse(scale.forward(values)), values, rtol=1e-9)
    assert (np.diff(scale.forward(values)) >= 0).all()
    assert 0 <= largest_empty_share(values) <= 1


def test_without_an_empty_range_the_axis_is_logarithmic(ax):
    scaled_axis(ax.yaxis, log_gap_scale(np.geomspace(1e-4, 1, 40)), 1e-4, 1)
    assert ax.get_yscale() == "log"
