"""Landscapes by name: those of the table, with a number or without, and the line about any other."""

import pytest

from elsuite.exploration import MappingPlan, map_landscape
from elsuite.exploration.mapping.plan import describe_landscape
from elsuite.landscapes import (
    LANDSCAPES,
    BinaryLennardJones,
    FunctionLandscape,
    Gupta,
    LennardJones,
    Morse,
    MullerBrown,
    Recipe,
    Torsions,
    XYSpins,
    named_landscape,
)
from elsuite.studies.build import landscape_of_database

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


@pytest.mark.parametrize(
    ("where", "settings", "wanted"),
    [
        ("morse13", {"rho": 14.0}, Morse(13, 14.0)),
        ("lj7", {"dimension": 2}, LennardJones(7, dimension=2)),
        (
            "binary-lj",
            {"n_a": 4, "n_b": 1, "cell": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "cutoff": 2.0},
            BinaryLennardJones(4, 1, cell=4, cutoff=2.0),
        ),
        ("xy5", {"disorder": 0.2}, XYSpins(5, 0.2)),
        ("xy", {"shape": [3, 4]}, XYSpins((3, 4))),
        ("torsions3", {}, Torsions(3)),
    ],
)
def test_a_number_and_settings(where, settings, wanted):
    landscape = Recipe(where, settings).landscape()
    assert landscape == wanted
    assert Recipe(where).is_known


def test_a_store_says_how_its_landscape_is_made_again(tmp_path):
    plan = MappingPlan(n_starts=4, n_points=0, n_hops=0, n_modes=0, n_directions=0, n_pairs=0)
    for landscape in (
        Morse(4, 5.0),
        BinaryLennardJones(3, 1, cell=4.0, cutoff=2.0),
        XYSpins((3, 3)),
        Gupta(["Ag", "Cu", "Cu"]),
    ):
        with map_landscape(landscape, plan=plan, store=tmp_path / type(landscape).__name__) as database:
            again = landscape_of_database(database)
            points = landscape.initial_points([0])
            assert type(again) is type(landscape)
            assert again.energy(points).tolist() == landscape.energy(points).tolist()
            assert again.identity.differences(landscape.identity) == []


def test_what_lennard_jones_says_of_itself_is_what_it_said_before():
    said = describe_landscape(LennardJones(5))
    assert said == {"type": "LennardJones", "n_parameters": 15, "surface": "energy", "settings": {"n_atoms": 5}}
    assert describe_landscape(LennardJones(5, dimension=2))["settings"] == {"n_atoms": 5, "dimension": 2}
