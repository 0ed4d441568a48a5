"""Solutions from elsewhere: stored once, with energies and gradients as the landscape gives them."""

import numpy as np
import pytest
import torch

from elsuite.database import LandscapeDatabase
from elsuite.exploration import solutions as solutions_module
from elsuite.exploration.solutions import add_solutions, check_set_name, evaluate
from elsuite.landscapes import load_data, network_landscape

pytestmark = pytest.mark.making


@pytest.fixture(scope="module")
def landscape():
    data = load_data("digits", n_train=60, n_test=30)
    return network_landscape("fcp", data, hidden=(4, 3), device="cpu", dtype=torch.float32)


@pytest.fixture
def database(landscape):
    with LandscapeDatabase.create(None, n_parameters=landscape.n_parameters, surfaces=landscape.surfaces) as database:
        yield database


def points(landscape, n, seed=0):
    return np.random.default_rng(seed).normal(scale=0.3, size=(n, landscape.n_parameters))


def test_energies_and_gradients_are_those_of_the_landscape(landscape, database, monkeypatch):
    monkeypatch.setattr(solutions_module, "SOLUTIONS_AT_ONCE", 2)
    given = points(landscape, 5)
    calls = []
    ids = add_solutions(
        database, landscape, given, set_name="sgd/test", origin="w.npy", progress=lambda *call: calls.append(call)
    )
    assert ids.tolist() == [0, 1, 2, 3, 4]
    assert calls == [("energies of sgd/test", done, 5) for done in (2, 4, 5)]
    table = database.minima
    stored = torch.as_tensor(given.astype(np.float32))
    for column, name in enumerate(("train", "test")):
        energy = landscape.on(name).energy(stored).numpy()
        np.testing.assert_allclose(table["energy"].values[:, column], energy, rtol=1e-6)
    gradient = landscape.on("train").energy_and_gradient(stored)[1].norm(dim=1).numpy()
    np.testing.assert_allclose(table["gradient_norm"].values, gradient, rtol=1e-5)
    np.testing.assert_array_equal(database.coordinates(ids), stored.numpy())
    for column, value in [("set", "sgd/test"), ("stopping", "test"), ("origin", "w.npy"), ("outcome", "imported")]:
        assert set(table[column].values.tolist()) == {value}


def test_a_solution_is_stored_once_in_a_set(landscape, database):
    given = points(landscape, 3)
    add_solutions(database, landscape, given[:2], set_name="sgd/train")
    again = add_solutions(database, landscape, np.concatenate([given, given]), set_name="sgd/train")
    assert again.tolist() == [2]
    assert add_solutions(database, landscape, given[:1], set_name="sgd/test").tolist() == [3]
    assert add_solutions(database, landscape, given[:0], set_name="sgd/test").tolist() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda given: given[:, 1:], r"the solutions have 297 parameters, the landscape has 298"),
        (lambda given: np.where(given == given[1, 2], np.nan, given), "solution 1 has a value"),
        (
            lambda given: np.where(given == given[1, 2], 1e300, given),
            "solution 1 has a value that is no finite float32",
        ),
        (lambda given: given * 1e36, "solution 0 has an energy that is not a finite number"),
    ],
)
def test_what_is_wrong_is_said(landscape, database, change, message):
    message = message.replace("298", str(landscape.n_parameters)).replace("297", str(landscape.n_parameters - 1))
    with pytest.raises(ValueError, match=message):
        add_solutions(database, landscape, change(points(landscape, 2)), set_name="sgd/train")
    assert database.n_minima == 0


@pytest.mark.parametrize("name", ["sgd/", "/train", "sgd/validation", "a/b/train", "s gd/train", "sgd/train\n", ""])
def test_names_that_are_no_set(name):
    with pytest.raises(ValueError, match="allowed: NAME or NAME/train or NAME/test, such as sgd/train"):
        check_set_name(name, ("train", "test"))


def test_no_points(landscape):
    energies, norms = evaluate(landscape, points(landscape, 0))
    assert energies.shape == (0, 2)
    assert norms.shape == (0,)
