"""Rates and thermodynamics from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from elsuite import open_database
from elsuite.kinetics import first_passage, rate_constants, stationary_points
from elsuite.kinetics import thermodynamics as of_points

LJ7 = Path(__file__).parents[2] / "data" / "lj7.elsuite"


@pytest.fixture(scope="module")
def points():
    with open_database(LJ7) as database:
        return stationary_points(database)


def test_times_are_those_of_python(elsuite, points):
    code, out, err = elsuite("rates", LJ7, "--from", "0", "--to", "2, 3", "--temperature", 0.2, "--mass", 4, "--json")
    found, expected = json.loads(out), first_passage(rate_constants(points, 0.2, mass=4.0), [0], [2, 3])
    assert (code, err, found["from"], found["to"]) == (0, "", [0], [2, 3])
    assert found["mean_first_passage_time"] == {"from_to": expected.from_to, "to_from": expected.to_from}
    out = elsuite("rates", LJ7, "--from", "0", "--to", "2,3", "--temperature", 0.2, "--mass", 4)[1]
    assert out.startswith("4 minima, 12 transition states at temperature 0.2\n0 to 2,3: mean first-passage time ")


def test_heat_capacities_are_those_of_python(elsuite, points):
    code, out, err = elsuite("thermodynamics", LJ7, "--temperature", 0.1, "--temperature", 0.3, "--json")
    rows, expected = json.loads(out)["rows"], of_points(points, [0.1, 0.3])
    assert (code, err) == (0, "")
    assert [row["heat_capacity"] for row in rows] == pytest.approx(expected.heat_capacities.tolist())
    assert rows[0]["most_populated"] == int(points.ids[np.argmin(points.energies)])
    assert elsuite("thermodynamics", LJ7, "--temperature", 0.1)[1].startswith("temperature")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rates", LJ7, "--from", "0", "--to", "0", "--temperature", "1"), "a and b share minimum 0"),
        (("rates", LJ7, "--from", "9", "--to", "0", "--temperature", "1"), "no minimum 9; there are ids 0 to 3"),
        (("rates", LJ7, "--from", "x", "--to", "0", "--temperature", "1"), "no set 'x'; there are: minima"),
        (("rates", LJ7, "--from", "0,", "--to", "1", "--temperature", "1"), "--from: given '0,', allowed: ids"),
        (("rates", LJ7, "--from", "0", "--to", "1", "--temperature", "-1"), "--temperature: given -1.0, allowed: a po"),
        (("rates", LJ7, "--from", "0", "--to", "1", "--temperature", "nan"), "--temperature: given nan, allowed: a po"),
        (("rates", LJ7, "--from", "0", "--to", "1", "--temperature", "1", "--mass", "0"), "--mass: given 0.0, allowed"),
        (("rates", LJ7, "--from", "0", "--to", "1", "--temperature", "1e-4"), "a higher temperature is expected"),
        (("thermodynamics", LJ7, "--temperature", "0"), "temperatures: given [0.0], allowed: positive numbers"),
        (
            ("thermodynamics", LJ7.with_name("digits.elsuite"), "--temperature", "1"),
            "holds no curvatures (the column log_product",
        ),
    ],
)
def test_what_cannot_be_is_one_line(elsuite, arguments, words):
    code, out, err = elsuite(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
