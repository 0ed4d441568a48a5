"""Settings: what is refused and in which words, what is kept as it was given, and keys that never change."""

import abc
import contextlib
import dataclasses
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator

from elsuite.core.identity import content_key
from elsuite.core.settings import (
    Count,
    Finite,
    NonNegative,
    Positive,
    SettingsError,
    Share,
    Whole,
    all_settings,
    check_arguments,
    frozen,
    key_settings,
    listed_settings,
    settings,
)


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("an even number")
    return value


@settings
class Base(abc.ABC):
    epochs: Whole = 1000
    target: Finite | None = None

    @abc.abstractmethod
    def name(self) -> str: ...


@final
@settings
class Walk(Base):
    """A class as a user's own would be."""

    rate: Positive = 0.5
    share: Share = 0
    size: Count | None = None
    kind: Literal["plain", "lazy"] = "plain"
    eager: bool = False
    sizes: tuple[Count, ...] = (3, 4)
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
    even: Annotated[int, AfterValidator(_even)] = 2
    since: NonNegative = dataclasses.field(default=1.0, metadata={"before": 0.0})

    label: ClassVar[str] = "walk"

    def name(self) -> str:
        return self.label


@settings(kw_only=False)
class Pair:
    first: Count
    second: Finite = 1.0

    def __post_init__(self) -> None:
        if self.second > self.first:
            raise ValueError("second above first")


class Plain(Pair):
    """A subclass that says nothing of dataclasses."""

    def twice(self) -> int:
        return 2 * self.first


REFUSED = [
    (lambda: Walk(rate=0), "Walk.rate: given 0, allowed: above 0"),
    (lambda: Walk(rate="x"), "Walk.rate: given 'x', allowed: a number, above 0"),
    (lambda: Walk(rate=True), "Walk.rate: given True, allowed: a number, above 0"),
    (lambda: Walk(rate=float("inf")), "Walk.rate: given inf, allowed: above 0"),
    (lambda: Walk(rate=None), "Walk.rate: given None, allowed: a number, above 0"),
    (lambda: Walk(share=1.0), "Walk.share: given 1.0, allowed: at least 0, below 1"),
    (lambda: Walk(epochs=1.5), "Walk.epochs: given 1.5, allowed: an integer, at least 0"),
    (lambda: Walk(epochs=True), "Walk.epochs: given True, allowed: an integer, at least 0"),
    (lambda: Walk(size=0), "Walk.size: given 0, allowed: at least 1, or None"),
    (lambda: Walk(target="low"), "Walk.target: given 'low', allowed: a number, or None"),
    (lambda: Walk(kind="quick"), "Walk.kind: given 'quick', allowed: plain, lazy"),
    (lambda: Walk(eager=1), "Walk.eager: given 1, allowed: true or false"),
    (lambda: Walk(sizes=(3, 0)), "Walk.sizes: given (3, 0), allowed: a list, each an integer, at least 1"),
    (lambda: Walk(more=3), "Walk.more: given 3, allowed: a table"),
    (lambda: Walk(even=3), "Walk.even: given 3, allowed: an even number"),
    (
        lambda: Walk(rat=3),
        "Walk.rat: unknown key, given 3, allowed keys: eager, epochs, even, kind, more, rate, share, since, "
        "size, sizes, target (did you mean 'rate'?)",
    ),
    (lambda: Walk(3), "Walk: given 3 without a name, allowed: keyword arguments"),
    (lambda: Pair(), "Pair.first: not given, but required"),
    (lambda: Pair(1, 2), "Pair: second above first"),
    (lambda: Plain(0), "Plain.first: given 0, allowed: at least 1"),
    (lambda: dataclasses.replace(Walk(), rate=-1), "Walk.rate: given -1, allowed: above 0"),
]


@pytest.mark.parametrize(("make", "line"), REFUSED)
def test_what_is_not_allowed_is_one_line(make, line):
    with pytest.raises(SettingsError) as caught:
        make()
    assert str(caught.value) == line
    assert str(pickle.loads(pickle.dumps(caught.value))) == line  # noqa: TID251


def test_each_mistake_has_a_line():
    with pytest.raises(SettingsError) as caught:
        Walk(rate=-1, epochs=-1, size=None)
    assert sorted(name for name, _ in caught.value.mistakes) == ["epochs", "rate"]
    assert caught.value.lines("minimizers[0]")[0].startswith("minimizers[0].epochs: given -1")


@given(
    st.integers(1, 2**60) | st.floats(min_value=1e-300, max_value=1e300),
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_numbers_are_kept_as_they_were_given(rate, target):
    walk = Walk(rate=rate, target=target)
    assert (walk.rate, walk.target) == (rate, target)
    assert (type(walk.rate), type(walk.target)) == (type(rate), type(target))
    assert walk == Walk(**{f.name: getattr(walk, f.name) for f in dataclasses.fields(walk)})


def test_numbers_of_numpy_are_numbers():
    assert Walk(rate=np.float64(0.25)).rate == 0.25
    walk = Walk(epochs=np.int64(3))
    assert walk == Walk(epochs=3)
    assert key_settings(walk) == key_settings(Walk(epochs=3))  # of Python's: in a content key it would be text


def test_they_are_dataclasses_in_every_way():
    walk = Walk(rate=1, more={"a": [1]})
    assert repr(walk) == (
        "Walk(epochs=1000, target=None, rate=1, share=0, size=None, kind='plain', eager=False, sizes=(3, 4), "
        "more={'a': [1]}, even=2, since=1.0)"
    )
    assert hash(walk) == hash(Walk(rate=1, more={"a": [1]}))
    assert pickle.loads(pickle.dumps(walk)) == walk  # noqa: TID251
    assert dataclasses.replace(walk, rate=2).rate == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        walk.rate = 3
    with pytest.raises(TypeError, match="abstract"):
        Base()
    assert Plain(3).twice() == 6
    assert pickle.loads(pickle.dumps(Plain(3))) == Plain(3)  # noqa: TID251


def test_a_setting_that_was_added_is_left_out_of_the_key_where_it_says_what_was_done_before():
    assert "since" in key_settings(Walk())
    assert key_settings(Walk(since=0.0)) == {k: v for k, v in all_settings(Walk()).items() if k != "since"}

    @settings
    class Other:
        since: NonNegative = 0.0

    assert key_settings(Other()) == {"since": 0.0}


def test_settings_are_listed_in_words():
    rows = {row["name"]: row for row in listed_settings(Walk)}
    assert list(rows) == list(all_settings(Walk()))
    assert rows["epochs"] == {"name": "epochs", "default": "1000", "allowed": "an integer, at least 0"}
    assert rows["rate"]["allowed"] == "a number, above 0"
    assert rows["kind"] == {"name": "kind", "default": "'plain'", "allowed": "plain, lazy"}
    assert rows["more"]["default"] == "{}"
    assert listed_settings(Pair)[0]["default"] == "required"


class Module:
    """As a network of a user's own."""

    def __init__(self, image: tuple[int, int], hidden: tuple[int, ...] = (3,), *, kind: str, gain: float = 1.0):
        self.given = image, hidden, kind, gain


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({"kind": "a"}, []),
        ({"kind": "a", "hidden": [2, 3], "gain": 2}, []),
        ({}, ["m.kind: not given, but required"]),
        ({"kind": 3}, ["m.kind: given 3, allowed: a text"]),
        ({"kind": "a", "hidden": ["x"]}, ["m.hidden: given ('x',), allowed: a list, each an integer"]),
        ({"kind": "a", "hidden": 3}, ["m.hidden: given 3, allowed: a list, each an integer"]),
        ({"kind": "a", "gian": 3}, ["m.gian: unknown key, given 3, allowed keys: gain, hidden, image, kind (did you mean 'gain'?)"]),
    ],
)  # fmt: skip
def test_arguments_are_checked_by_their_annotations(given, lines):
    with pytest.raises(SettingsError) if lines else contextlib.nullcontext() as caught:
        check_arguments(Module, frozen(given), supplied=["image"])
    if lines:
        assert caught.value.lines("m") == lines


# Keys of work are those of the commit before settings were declared once: stores are found by them. Where a default is
# another one since, with the setting of then.
KEYS = [
    ("SGD()", 11229844639888930652, 11229844639888930652),
    ("SGD(learning_rate=1, momentum=0)", 10392102009649220169, 10392102009649220169),
    ("LBFGSGSS()", 9462540608293052020, 9462540608293052020),
    ("LBFGSGSS(largest_step=1, target_energy=0)", 6091183692508974260, 6091183692508974260),
    ("LBFGSGSS(patience=3, gradient_tolerance=0)", 8559872671964838050, 8559872671964838050),
    ("LBFGSWolfe(history=4)", 7973935908464481934, 7973935908464481934),
    ("TorchOptimizer()", 15871402093057639078, 15871402093057639078),
    (
        "TorchOptimizer(optimizer='RMSprop', settings={'lr': 1, 'momentum': 0.5}, batch_size=None)",
        14352740618850054719,
        14352740618850054719,
    ),
    ("FourierPathFinder(scales='absolute', late='sampled', max_rounds=4)", 100988709324768640, 9039907311498136120),
    (
        "FourierPathFinder(density='uniform', scales='absolute', late='sampled', max_rounds=4)",
        6025597376511904554,
        7562321789718412193,
    ),
    (
        "FourierPathFinder(decay=2, learning_rate=1, tolerance=0, scales='absolute', late='sampled', max_rounds=4)",
        10839271576822732540,
        15536401326971576393,
    ),
    ("FourierPathFinder.published()", 16023123092720295687, 15001827204252992056),
    ("FourierPathFinder.published(power=2, smoothness=100)", 16365562473881866211, 6480341279872110281),
    ("BezierPathFinder(scales='absolute', late='sampled', max_rounds=4)", 7487631685793622307, 13398305981015161931),
    (
        "ChainPathFinder(n_pivots=4, negligible=1, scales='absolute', max_rounds=4)",
        6530314005950190252,
        11240982388693034468,
    ),
    ("AutoNEBPathFinder(scales='absolute')", 3724688781016130055, 9850090663778623812),
    ("AutoNEBPathFinder(sag=0, tolerance=1, scales='absolute')", 14570067324366874224, 10813287427712799438),
    ("LinearPathFinder()", 16063684644990755231, 16063684644990755231),
    ("MappingPlan()", 14573116465256190960, 6687292515904709588),
    ("MappingPlan(n_starts=16, temperature=2)", 3927158112646652789, 7256210383108074264),
]


@pytest.mark.making
@pytest.mark.parametrize(("text", "whole", "key"), KEYS)
def test_keys_stay_what_they_are(text, whole, key):
    from elsuite import exploration, minimizers, paths

    algorithm = eval(text, vars(minimizers) | vars(paths) | {"MappingPlan": exploration.MappingPlan})
    assert content_key(all_settings(algorithm)) == whole
    assert content_key(key_settings(algorithm)) == key


@pytest.mark.making
def test_the_page_on_study_files_names_every_setting():
    from elsuite.exploration.pairs import PAIRS
    from elsuite.minimizers import MINIMIZERS
    from elsuite.paths import PATH_FINDERS

    page = (Path(__file__).parents[2] / "docs" / "study.md").read_text("utf-8")
    for table in (MINIMIZERS, PATH_FINDERS, PAIRS):
        for name, algorithm in table.items():
            section = page.split(f"### `{name}`", 1)[1].split("\n##", 1)[0]
            rows = [tuple(map(str.strip, line.strip("|").split("|"))) for line in section.splitlines()]
            for row in listed_settings(algorithm):
                assert (f"`{row['name']}`", f"`{row['default']}`", row["allowed"]) in rows, (name, row)
