import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsuite.analysis import energy_scale
from elsuite.analysis.scales import axis_scale, largest_empty_share, log_gap_scale, wants_log
from elsuite.plotting.axis import energy_axis, name_axis, scaled_axis, short_number, value_norm
from elsuite.plotting.style import new_figure


@pytest.fixture
def ax():
    return new_figure().add_subplot()


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ([1e-9, 1], True),
        ([0, 1], False),
        ([0, 1e-12, 0.1], True),
        ([0, 0], False),
        ([5e-324, 1], False),
        ([-1e-9, 1e-6, 1], False),
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
    energy_axis(ax.yaxis, [0.1, 0.5, 7.0], axis_scale("log" if log else "linear", [0.1, 0.5, 7.0]))
    low, high = ax.get_ylim()
    assert low < 0.1 < 7.0 < high
    assert ax.get_yscale() == ("log" if log else "linear")


@pytest.mark.parametrize("values", [[3.0], [0.0], [-2.0, -2.0], [np.nan]])
def test_a_single_value_has_room(ax, values):
    energy_axis(ax.xaxis, values, axis_scale("linear", values))
    low, high = ax.get_xlim()
    assert low < high


def test_log_of_a_negative_energy_is_refused():
    with pytest.raises(ValueError, match="energies of 0 or more, the lowest is -1: give a floor"):
        axis_scale("log", [-1.0, 2.0])
    with pytest.raises(ValueError, match="needs an energy above 0, all are 0"):
        axis_scale("log", [0.0, 0.0])
    with pytest.raises(ValueError, match="the scale 'linear' has none"):
        axis_scale("linear", [1.0], floor=0.1)


def test_within_a_decade_the_ticks_have_numbers(ax):
    energy_axis(ax.yaxis, [1.2, 4.1], axis_scale("log", [1.2, 4.1]))
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


def labels_of(axis):
    axis.axes.figure.canvas.draw()
    low, high = sorted(axis.get_view_interval())
    ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
    return {float(tick): label.get_text() for tick, label in ticks if low <= tick <= high}


@pytest.mark.parametrize("span", [1e-9, 3.0])
@pytest.mark.parametrize("name", ["log", "compressed"])
def test_energies_of_zero_have_a_place_and_a_tick_of_their_own(ax, name, span):
    energies = np.array([0.0, 0.0, span, 2 * span, 30.0, 31.0, 90.0])
    scale = log_gap_scale(energies) if name == "compressed" else axis_scale("log", energies)
    low, high = scale.inverse(np.array([-0.3, 0.3]) + scale.forward(energies)[[0, -1]])
    scaled_axis(ax.yaxis, scale, float(low), float(high))
    labels = labels_of(ax.yaxis)
    floor = float(scale.lifted(0.0))
    assert [tick for tick, label in labels.items() if label == "0"] == [floor]
    assert sum(label == "0" for label in labels.values()) == 1
    drawn = ax.transData.transform(np.column_stack([np.zeros(7), scale.lifted(energies)]))[:, 1]
    assert drawn[0] == drawn[1] < drawn[2] - 5  # zeros lie well under the lowest energy above 0
    assert (np.diff(drawn[1:]) > 0).all()
    assert "//" in [text.get_text() for text in ax.texts]
    assert not any(floor < tick < 0.99 * span for tick in [*labels, *ax.get_yticks(minor=True)])


def test_zero_has_its_tick_on_a_short_logarithmic_axis(ax):
    energy_axis(ax.yaxis, [0.0, 1.0, 2.0], axis_scale("log", [0.0, 1.0, 2.0]))
    assert next(iter(labels_of(ax.yaxis).values())) == "0"


def test_a_floor_is_marked_where_energies_lie_under_it(ax):
    energies = np.array([-3.0, 1e-9, 1e-5, 2.0])
    scale = axis_scale("auto", energies, floor=1e-6)
    energy_axis(ax.xaxis, energies, scale)
    assert labels_of(ax.xaxis)[1e-6] == "\u2264 $10^{-6}$"
    assert axis_scale("auto", [1e-3, 1.0], floor=1e-6).mark == ""


@pytest.mark.parametrize(
    "energies",
    [
        [5e-324, 1e-300, 1.0],
        [5e-324, 2.0],
        [0.0, 3e-308, 5e-308],
        [1e-300, 1e300],
        [1e-320, 1e-310, 1e307],
        [1e307, 1.7e308],
    ],
)
def test_energies_to_the_ends_of_what_numbers_reach(ax, energies):
    scale = axis_scale("log", energies)
    energy_axis(ax.yaxis, energies, scale)
    low, high = ax.get_ylim()
    assert 0 < low <= scale.lifted(energies).min() <= scale.lifted(energies).max() <= high < np.inf
    labels_of(ax.yaxis)


COMMON = [-12345.60, -12345.47, -12345.40, -12345.20, -12345.05]


@pytest.mark.parametrize("energies", [COMMON, [5e-21, 7e-21], [1e9 + 0.1, 1e9 + 0.5], [3e-7, 4e-7], [2e12, 5e12]])
@pytest.mark.parametrize("name", ["x", "y"])
def test_what_ticks_leave_out_is_in_the_name_of_the_axis(ax, name, energies):
    axis = getattr(ax, f"{name}axis")
    energy_axis(axis, energies, axis_scale("linear", energies))
    name_axis(axis, "energy (eV)")
    labels = labels_of(axis)
    assert axis.get_offset_text().get_text() == "" or not axis.get_offset_text().get_visible()
    text = axis.get_label_text()
    assert text.startswith("energy (eV)")
    found = re.fullmatch(r"energy \(eV\)(?: ([+\u2212]) (\S+?))?(?:, in \$10\^\{(-?\d+)\}\$)?", text)
    sign, offset, power = found.groups()
    offset = 0.0 if offset is None else float(offset) * (1 if sign == "\u2212" else -1)
    for tick, label in labels.items():
        value = float(re.sub(r"[^\d.-]", "", label.replace("\u2212", "-"))) * 10.0 ** int(power or 0) + offset
        assert value == pytest.approx(tick, rel=1e-12)
    assert len(set(labels.values())) == len(labels) >= 3


def test_ticks_of_a_compressed_axis_differ(ax):
    energies = np.array([-12345.6, -12345.5, -12345.4, -12000.0, -11999.9, -11999.8])
    scale = energy_scale("gaps", energies)
    scaled_axis(ax.yaxis, scale, -12345.7, -11999.7)
    labels = labels_of(ax.yaxis)
    assert len(set(labels.values())) == len(labels) >= 4
    for tick, label in labels.items():
        assert float(label.replace("\u2212", "-")) == pytest.approx(tick, abs=1e-3)


@pytest.mark.parametrize("factor", [1.00001, 1.1, 2.0, 3.0, 20.0])
def test_a_short_logarithmic_axis_has_ticks_that_differ(ax, factor):
    energy_axis(ax.yaxis, [12345.6, factor * 12345.6], axis_scale("log", [12345.6, factor * 12345.6]))
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    every = [*ax.yaxis.get_major_ticks(), *ax.yaxis.get_minor_ticks()]
    shown = [tick.label1.get_text() for tick in every if low <= tick.get_loc() <= high and tick.label1.get_text()]
    assert len(set(shown)) == len(shown) >= 2


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [
        (-12345.05, 5e-4, "\u221212345.05"),
        (0.9, None, "0.9"),
        (1.25, 1e-3, "1.25"),
        (9.5e-21, 5e-24, "9.5e\u221221"),
        (0.0, 1.0, "0"),
        (123456789.25, 1e-3, "123456789.25"),
    ],
)
def test_numbers_have_the_digits_that_tell_them_apart(value, step, text):
    assert short_number(value, step) == text
