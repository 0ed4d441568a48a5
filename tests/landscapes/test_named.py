"""Landscapes by name: those of the table, with a number or without, and the line about any other."""

import pytest

from elsuite.landscapes import LANDSCAPES, FunctionLandscape, LennardJones, MullerBrown, named_landscape

pytestmark = pytest.mark.making


def test_names_and_numbers(monkeypatch):
    assert named_landscape("muller-brown") == MullerBrown()
    assert named_landscape("lj13") == LennardJones(13)
    assert {named_landscape(name).surface for name in LANDSCAPES if name != "lj"} == {"energy"}
    monkeypatch.setattr(LANDSCAPES, "_rows", dict(LANDSCAPES._rows))
    LANDSCAPES.register("bowl", lambda n=2: FunctionLandscape(lambda x: (x**2).sum(1), n))
    LANDSCAPES.register("bowl9", MullerBrown)
    assert [named_landscape(name).n_parameters for name in ("bowl", "bowl3", "bowl9", "bowl91")] == [2, 3, 2, 91]


@pytest.mark.parametrize("name", ["", "lj", "lj0", "lj07", "ljx", "lj3 ", "lj3\n", "12", "muller", "lj99999"])
def test_another_name_is_one_line(name):
    with pytest.raises(ValueError, match=r"no surface .*; there are: muller-brown, .*ljN for N atoms"):
        named_landscape(name)


@pytest.mark.parametrize("name", ["lj1", "muller-brown3"])
def test_a_number_that_does_not_fit_is_one_line(name):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        named_landscape(name)
    assert "\n" not in str(caught.value)
