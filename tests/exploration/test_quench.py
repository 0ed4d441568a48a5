"""Relaxing stored solutions: where they lead, equal minima once, links, and going on after an interruption."""

import importlib

import numpy as np
import pytest
import torch

from elsuite.database import LandscapeDatabase, describe, verify_store
from elsuite.exploration.mapping.run import MappingPlan, map_landscape
from elsuite.exploration.quench import Quench, quench, stored_minima_of
from elsuite.exploration.solutions import add_solutions
from elsuite.landscapes import (
    FunctionLandscape,
    LennardJones,
    MullerBrown,
    SeparableWells,
    load_data,
    network_landscape,
)
from elsuite.minimizers import LBFGSGSS
from elsuite.studies.build import landscape_of_database
from elsuite.symmetry.permutations import apply, random_element

pytestmark = pytest.mark.making

SURFACE = MullerBrown()
quench_module = importlib.import_module("elsuite.exploration.quench")  # its name in the package is the function's


def empty(surface, path=None, **attributes):
    return LandscapeDatabase.create(
        path,
        n_parameters=surface.n_parameters,
        surfaces=surface.surfaces,
        dtype="float64" if surface.dtype == torch.float64 else "float32",
        attributes=attributes,
    )


def beside(minima, n, spread, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([minima + rng.normal(scale=spread, size=minima.shape) for _ in range(n)])


@pytest.fixture
def solutions():
    """Four points beside each of the three minima of the surface."""
    with empty(SURFACE) as database:
        add_solutions(database, SURFACE, beside(SURFACE.minima, 4, 0.03), set_name="some/energy")
        yield database


def links(database):
    return dict(zip(database.runs["start"].values.tolist(), database.runs["end"].values.tolist(), strict=True))


def test_every_solution_leads_to_its_minimum(solutions, monkeypatch):
    monkeypatch.setattr(quench_module, "TOGETHER", 5)
    found = quench(solutions, SURFACE, range(12), gradient_tolerance=1e-6)
    assert found == Quench(n_solutions=12, n_minima=3, n_known=9, n_stationary=12)
    minima = solutions.minima
    new = np.flatnonzero(minima["set"].values == "quenched/energy")
    points = solutions.coordinates(new)
    order = [int(np.argmin(np.linalg.norm(points - known, axis=1))) for known in SURFACE.minima]
    np.testing.assert_allclose(points[order], SURFACE.minima, atol=1e-5)
    np.testing.assert_allclose(minima["energy"].values[new[order], 0], SURFACE.minimum_energies, atol=1e-7)
    assert (minima["gradient_norm"].values[new] < 1e-3).all()
    assert links(solutions) == {start: int(new[order[start % 3]]) for start in range(12)}
    assert set(solutions.runs["minimizer"].values.tolist()) == {"quenched"}
    assert all(message.startswith("on energy: ") for message in solutions.runs["message"].values.tolist())
    assert [links(solutions)[run] for run in minima["run"].values[new].tolist()] == new.tolist()
    assert describe(solutions, tolerance=1e-3)["n_stationary"]["count"] == 3


def test_what_was_relaxed_is_passed_over(solutions):
    undisturbed = quench(solutions, SURFACE, range(12), gradient_tolerance=1e-6)
    assert quench(solutions, SURFACE, range(12), gradient_tolerance=1e-6) == Quench()
    assert undisturbed.n_solutions == 12
    other = LBFGSGSS(epochs=500, gradient_tolerance=1e-6)
    again = quench(solutions, SURFACE, [0, 1, 2], minimizer=other, gradient_tolerance=1e-6)
    assert again == Quench(n_solutions=3, n_known=3, n_stationary=3)


def test_an_interrupted_quench_goes_on(solutions, monkeypatch):
    monkeypatch.setattr(quench_module, "TOGETHER", 4)

    def interrupt(stage, done, total):
        assert stage == "quench on energy"
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quench(solutions, SURFACE, range(12), gradient_tolerance=1e-6, progress=interrupt)
    assert solutions.n_runs == 8
    found = quench(solutions, SURFACE, range(12), gradient_tolerance=1e-6)
    assert found == Quench(n_solutions=4, n_known=4, n_stationary=4)
    assert solutions.n_minima == 15
    assert sorted(links(solutions)) == list(range(12))


def test_one_point_is_relaxed_once(network):
    """Train and test solutions of a run can be one point; rounding must not lead them to two minima."""
    start = network.initial_points([0, 1]).numpy()
    with empty(network) as database:
        for name in ("sgd/train", "sgd/test"):
            add_solutions(database, network, start, set_name=name)
        quench(database, network, range(4), minimizer=LBFGSGSS(epochs=3))
        assert [links(database)[k] for k in range(4)] == [4, 5, 4, 5]
        assert database.runs["message"].values[2:].tolist() == ["the same point as 0", "the same point as 1"]
        assert database.runs["n_evaluations"].values[2:].tolist() == [0.0, 0.0]


def test_a_stored_minimum_is_its_own(tmp_path):
    """On a mapped surface, solutions lead to the minima that the map has."""
    database = map_landscape(SURFACE, plan=MappingPlan(n_starts=8, n_hops=0, n_modes=0, n_directions=0, n_pairs=0))
    ids = add_solutions(database, SURFACE, beside(SURFACE.minima, 1, 0.03), set_name="some/energy")
    landscape = landscape_of_database(database)
    assert landscape == SURFACE
    before = database.n_runs
    found = quench(database, landscape, [0, 1, 2, *ids], gradient_tolerance=1e-6)
    assert found == Quench(n_solutions=6, n_known=6, n_stationary=6)
    ends = database.runs["end"].values[before:]
    points = database.coordinates(ends)
    assert ends[:3].tolist() == [0, 1, 2]
    np.testing.assert_allclose(points[3:], SURFACE.minima, atol=1e-4)
    database.close()


def test_a_solution_that_leads_nowhere_is_told():
    """Downhill for ever: the energy goes out of all bounds, or is not a number to begin with."""
    landscape = FunctionLandscape(lambda x: torch.log(x[:, 0]), n_parameters=1)
    with empty(landscape) as database:
        database.add(minima={"coordinates": [[-1.0]], "energy": [[float("nan")]]})
        found = quench(database, landscape, [0])
        assert found == Quench(n_solutions=1, n_failed=1)
        assert links(database) == {0: -1}
        assert database.runs["outcome"].values.tolist() == ["not a number"]


def test_turned_and_relabeled_clusters_are_one():
    landscape = LennardJones(6)
    rng = np.random.default_rng(3)
    copies = []
    for minimum in landscape.minima:
        for _ in range(2):
            rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
            atoms = minimum.reshape(-1, 3)[rng.permutation(6)] @ rotation.T + rng.normal(size=3)
            copies.append((atoms + rng.normal(scale=1e-3, size=atoms.shape)).ravel())
    with empty(landscape) as database:
        add_solutions(database, landscape, np.array(copies), set_name="turned/energy")
        found = quench(database, landscape, range(4), gradient_tolerance=1e-6)
        assert found == Quench(n_solutions=4, n_minima=2, n_known=2, n_stationary=4)
        assert [links(database)[k] for k in range(4)] == [4, 4, 5, 5]


@pytest.fixture(scope="module")
def network():
    data = load_data("digits", n_train=30, n_test=20)
    return network_landscape("fcp", data, hidden=(3, 2), activation="tanh", device="cpu", dtype=torch.float64)


def test_a_network_on_its_second_surface(network, tmp_path):
    """The gradient norm is that on the first surface; that on the surface itself has its own column."""
    start = network.initial_points([0, 1]).numpy()
    with empty(network, tmp_path / "x.elsuite") as database:
        add_solutions(database, network, start, set_name="sgd/train")
        minimizer = LBFGSGSS(epochs=20)
        found = quench(database, network, [0, 1], surface="test", minimizer=minimizer, gradient_tolerance=1e3)
        assert found == Quench(n_solutions=2, n_minima=2, n_stationary=2)
        minima = database.minima
        assert minima["set"].values[2:].tolist() == ["quenched/test"] * 2
        points = torch.as_tensor(database.coordinates([2, 3]))
        for column, name in enumerate(network.surfaces):
            energy, gradient = network.on(name).energy_and_gradient(points)
            np.testing.assert_allclose(minima["energy"].values[2:, column], energy.numpy(), rtol=1e-9)
            norms = minima["gradient_norm" if name == "train" else "gradient_norm_test"].values
            np.testing.assert_allclose(norms[2:], gradient.norm(dim=1).numpy(), rtol=1e-6)
        assert (minima["energy"].values[2:, 1] < minima["energy"].values[:2, 1]).all()
        assert stored_minima_of(database, "test", 1e-6) == [2, 3]
        assert stored_minima_of(database, "train", 1e-6) == []
    assert not verify_store(tmp_path / "x.elsuite")


def test_permuted_networks_are_one_when_asked_for(network):
    point = network.initial_points([5]).numpy()[0]
    copies = [apply(network.symmetry, point, random_element(network.symmetry, [k])) for k in range(3)]
    for permuted, n_minima in [(False, 3), (True, 1)]:
        with empty(network) as database:
            add_solutions(database, network, np.array(copies), set_name="sgd/train")
            found = quench(database, network, range(3), minimizer=LBFGSGSS(epochs=2), permuted=permuted)
            assert found.n_minima == n_minima


@pytest.mark.parametrize("offset", [0.0, 100.0, 1e6])
def test_isomers_stay_apart_wherever_they_lie(offset):
    cluster = LennardJones(7)
    spread = 1e-3 * np.random.default_rng(0).normal(size=(4, 21))
    with empty(cluster) as database:
        ids = add_solutions(
            database, cluster, cluster.minima + np.tile([offset, 0, 0], 7) + spread, set_name="sgd/energy"
        )
        assert quench(database, cluster, ids.tolist()).n_minima == 4
        new = np.flatnonzero(database.minima["set"].values == "quenched/energy")
        np.testing.assert_allclose(database.minima["energy"].values[new, 0], cluster.minimum_energies, atol=1e-5)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 3, 1, 4, 2, 0]])
def test_the_lowest_of_several_stands_for_a_minimum_whatever_their_order(order):
    """Relaxations that end early, within the tolerance of each other."""
    well = FunctionLandscape(lambda x: (x**2).sum(1), 1)
    points = np.array([[1e-4], [3e-4], [-2e-4], [0.5e-4], [-4e-4], [2e-4]])[order]
    with empty(well) as database:
        add_solutions(database, well, points, set_name="some/energy")
        quench(database, well, range(6), minimizer=LBFGSGSS(epochs=0), gradient_tolerance=1e-12)
        assert database.coordinates([6]).tolist() == [[0.5e-4]]
        assert database.n_minima == 7
        assert set(links(database).values()) == {6}


def test_a_relaxation_that_raises_is_a_row_and_the_others_go_on():
    def energy(x):
        if (x > 2).any():
            raise RuntimeError("no convergence")
        return ((x - 1) ** 2).sum(1)

    well = FunctionLandscape(energy, 1)
    with LandscapeDatabase.create(None, well) as database:
        database.add(minima={"coordinates": [[0.5], [3.0], [1.5]], "energy": [[0.25], [4.0], [0.25]]})
        found = quench(database, well, range(3))
        assert found == Quench(n_solutions=3, n_minima=1, n_known=1, n_stationary=2, n_failed=1)
        assert database.runs["outcome"].values[1] == "failed"
        assert database.runs["message"].values[1] == "on energy: RuntimeError: no convergence"


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        (
            {"type": "FunctionLandscape", "settings": {}},
            "the store is of 'FunctionLandscape'; only BinaryLennardJones, FourGaussians, ",
        ),
        ({"type": "MullerBrown", "settings": {"depth": 3}}, "MullerBrown cannot be made again"),
        ({"type": "MullerBrown", "settings": 7}, "only BinaryLennardJones, FourGaussians, "),
        (
            {"type": "os.system", "settings": {}},
            "the store is of 'os.system'; only BinaryLennardJones, FourGaussians, ",
        ),
        ({"type": ["x"]}, "the store is of"),
        ({}, "does not say"),
        (None, "does not say"),
        ("MullerBrown", "does not say"),
    ],
)
def test_stores_whose_landscape_is_not_known(identity, message):
    with empty(SURFACE, landscape=identity) as database, pytest.raises(ValueError, match=message):
        landscape_of_database(database)


def test_a_landscape_with_settings_is_made_again():
    for landscape in (SeparableWells((1.0, 2.5)), LennardJones(5)):
        settings = {"heights": [1.0, 2.5]} if isinstance(landscape, SeparableWells) else {"n_atoms": 5}
        with empty(landscape, landscape={"type": type(landscape).__name__, "settings": settings}) as database:
            assert landscape_of_database(database) == landscape


def test_what_cannot_be_relaxed_is_said(solutions):
    with pytest.raises(
        ValueError, match="of another landscape: it has 2 parameters and the surfaces energy, the landscape 18"
    ):
        quench(solutions, LennardJones(6), [0])
    nothing = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    with pytest.raises(ValueError, match="no coordinates to relax"):
        quench(nothing, SURFACE, [0])
    with pytest.raises(ValueError, match="surface"):
        quench(solutions, SURFACE, [0], surface="train")
