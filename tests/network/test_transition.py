"""What the network of a database joins: points, or what its landscape says is the same."""

import cases
import pytest

from elsuite.database import LandscapeDatabase
from elsuite.network.transition import chosen_joins
from elsuite.symmetry import UnitSymmetry

pytestmark = pytest.mark.making


@pytest.mark.parametrize("name", cases.LANDSCAPES)
def test_copies_are_one_but_those_of_networks(name):
    landscape = cases.LANDSCAPES[name]()
    with LandscapeDatabase.create(None, landscape) as database:
        joins = chosen_joins(database, None)
    if isinstance(landscape.symmetry, UnitSymmetry):
        assert joins == "points"
    elif landscape.symmetry.has_images and landscape.symmetry.description()["kind"] != "none":
        assert joins == "isomers"
