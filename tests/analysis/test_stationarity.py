"""What says that solutions are no minima of a landscape: gradients that are not small, paths that fall."""

import numpy as np
import pytest

from elsuite.analysis.options import FigureOptions
from elsuite.analysis.stationarity import stationarity
from elsuite.analysis.view import View
from elsuite.database import LandscapeDatabase

IDENTITY = {"typical_slope": 2.0, "energy_floor": 0.0}


def database(norms, profiles, *, identity=IDENTITY, surface="train", kind="path"):
    made = LandscapeDatabase.create(
        None, n_parameters=0, surfaces=["train", "test"], attributes={"identity": identity} if identity else {}
    )
    n = max(len(norms), 2)
    energy = np.full((n, 2), 1.0)
    paths = {
        "source": [0] * len(profiles), "target": [1] * len(profiles), "surface": surface, "kind": kind,
        "height": [max(2.0, *p) for p in profiles], "profile": profiles,
    }  # fmt: skip
    made.add(minima={"energy": energy, "gradient_norm": [*norms, *[np.nan] * (n - len(norms))]})
    if profiles:
        made.add(paths=paths)
    return made


@pytest.mark.parametrize(
    ("norms", "profiles", "settings", "expected"),
    [
        ([0.0, 2e-3], [], {}, ""),
        ([0.0, 3e-3], [], {}, "1 of 2 solutions are stationary (gradient up to 0.002, 0.001 of that at random points)"),
        ([0.5, 3e-3], [], {"identity": None}, ""),  # nobody says what is small
        ([], [[1.0, 2.0, 0.51, 1.0]], {}, ""),
        ([], [[1.0, 2.0, 0.49, 1.0]], {}, "1 of 1 paths fall well under both of their ends, the deepest from 1 to 0.49"),
        ([], [[3.0, 2.0, 0.6, 1.0], [2.0, 0.1, 1.5]], {}, "1 of 2 paths fall well under"),
        ([], [[1.0, 2.0, 0.49, 1.0]], {"surface": "test"}, ""),  # nobody says that they are minima there
        ([], [[1.0, 2.0, 0.49, 1.0]], {"kind": "transition_state"}, ""),
        ([], [[1.0, 2.0, 0.51, 1.0]], {"identity": None}, ""),
        ([], [[1.0, 2.0, 0.49, 1.0]], {"identity": None}, "1 of 1 paths fall"),
        ([], [[-50.0, -49.0, -50.6, -50.0]], {"identity": None}, "1 of 1 paths fall"),
    ],
)  # fmt: skip
def test_what_is_said(norms, profiles, settings, expected):
    made = database(norms, profiles, **settings) if profiles != [[-50.0, -49.0, -50.6, -50.0]] else None
    if made is None:
        made = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
        made.add(
            minima={"energy": [[-50.0], [-50.0]]},
            paths={"source": [0], "target": [1], "height": [-49.0], "profile": profiles},
        )
    said = str(stationarity(made))
    assert said.startswith(expected) if expected else not said
    view = View(made, FigureOptions())
    assert bool(view.stationarity_note) == (bool(expected) and "1 of 2 solutions" not in expected)


def test_a_large_gradient_everywhere_is_said_in_pictures():
    view = View(database([1.0, 2.0], []), FigureOptions())
    assert view.stationarity_note == "none of 2 solutions is stationary"
    assert View(database([1.0, 2.0], []), FigureOptions(surface="test")).stationarity_note == ""
