"""Landscapes of a user's own with species, angles, cells and two dimensions are mapped whole; units do not matter."""

import functools
import itertools

import numpy as np
import pytest
import torch

from elsuite.analysis import disconnectivity_tree
from elsuite.core.outcomes import Outcome
from elsuite.exploration import MappingPlan, map_landscape
from elsuite.exploration.mapping import run as mapping_run
from elsuite.exploration.mapping import tasks as mapping_tasks
from elsuite.exploration.mapping.rows import Discovery
from elsuite.landscapes import (
    FourGaussians,
    FunctionLandscape,
    MullerBrown,
    SeparableWells,
    SixHumpCamel,
    Torsions,
    XYSpins,
)
from elsuite.network import transition_network
from elsuite.stationary import classify_stationary_point, refine_transition_state
from elsuite.symmetry import AtomSymmetry, PeriodicSymmetry

pytestmark = pytest.mark.making

PLAN = MappingPlan(n_starts=32, n_points=32, n_hops=3, n_directions=6, n_rounds=1)


def lennard_jones(points, n_atoms, dimension, depths=1.0):
    atoms = points.view(-1, n_atoms, dimension)
    i, j = torch.triu_indices(n_atoms, n_atoms, 1)
    cube = ((atoms[:, i] - atoms[:, j]) ** 2).sum(-1) ** -3
    return (4 * depths * (cube**2 - cube)).sum(-1)


def atoms_landscape(species, dimension=3, depth=lambda a, b: 1.0, **symmetry):
    n = len(species)
    pairs = itertools.combinations(species, 2)
    depths = torch.tensor([depth(a, b) for a, b in pairs], dtype=torch.float64)
    return FunctionLandscape(
        functools.partial(lennard_jones, n_atoms=n, dimension=dimension, depths=depths),
        n * dimension,
        bounds=[[-1.2] * n * dimension, [1.2] * n * dimension],
        symmetry=AtomSymmetry(tuple(species), dimension, **symmetry),
    )


def energies(database):
    return np.sort(database.minima["energy"].values[:, 0]), np.sort(database.paths["height"].values)


def test_isomers_of_two_species_are_counted_even_where_their_energies_are_equal():
    """In the bipyramid of five atoms, all alike but in name, the odd one lies at a tip or in the middle."""
    alike, odd = (map_landscape(atoms_landscape(species), plan=PLAN) for species in ("AAAAA", "AAAAB"))
    assert (alike.n_minima, odd.n_minima) == (1, 2)
    np.testing.assert_allclose(odd.minima["energy"].values[:, 0], alike.minima["energy"].values[0, 0], atol=1e-8)
    # A bipyramid has 12 elements; with an odd tip 6 are left, with an odd atom in the middle 4.
    assert alike.minima["point_group_order"].values.tolist() == [12]
    assert sorted(odd.minima["point_group_order"].values.tolist()) == [4, 6]


def test_transition_states_of_two_species():
    """The rhombus between two tetrahedra: over its long diagonal lie two A, two B, or one of each."""

    def depth(a, b):
        return {"AA": 1.0, "AB": 1.5, "BA": 1.5, "BB": 0.5}[a + b]

    landscape = atoms_landscape("AABB", depth=depth)
    database = map_landscape(landscape, plan=PLAN)
    found, heights = energies(database)
    np.testing.assert_allclose(found, [-7.5], atol=1e-8)  # six pairs at their best distance
    half = np.array([[-1.0, 0, 0], [1.0, 0, 0], [0, 0.57, 0], [0, -0.57, 0]])
    orders = ([0, 1, 2, 3], [2, 3, 0, 1], [0, 2, 1, 3])
    rhombi = [refine_transition_state(landscape, half[order].ravel()) for order in orders]
    assert {rhombus.outcome for rhombus in rhombi} == {Outcome.CONVERGED}
    np.testing.assert_allclose(heights, sorted(rhombus.energy for rhombus in rhombi), atol=1e-8)
    points = database.paths["coordinates"].values
    nearest = landscape.symmetry.nearest
    assert min([nearest(a, b).distance for a, b in itertools.combinations(points, 2)], default=1.0) > 1e-3
    for point in points:
        assert classify_stationary_point(landscape, point).kind == "transition state"


def test_clusters_in_the_plane():
    """Six atoms in the plane have three shapes with nine contacts: triangle, parallelogram, chevron."""
    landscape = atoms_landscape("AAAAAA", dimension=2)
    database = map_landscape(landscape, plan=MappingPlan(n_starts=96, n_points=0, n_hops=10, n_directions=0))
    found, _ = energies(database)
    assert len(found) == 3
    orders = database.minima["point_group_order"].values[np.argsort(database.minima["energy"].values[:, 0])]
    assert sorted(orders.tolist()) == [2, 2, 6]
    for point in database.coordinates(range(3)):
        atoms = point.reshape(-1, 2)
        contacts = np.linalg.norm(atoms[:, None] - atoms[None], axis=-1)[np.triu_indices(6, 1)] < 1.3
        assert contacts.sum() == 9
    assert len(np.unique(database.minima["hessian_index"].values)) == 1


def test_a_ring_of_spins():
    r"""Five spins, the first fixed: windings 0 and +-1; to leave one, a bond turns by 120 degrees, the others by 60."""

    def energy(angles):
        closed = torch.nn.functional.pad(angles, (1, 1))
        return -(closed[:, 1:] - closed[:, :-1]).cos().sum(-1)

    landscape = FunctionLandscape(
        energy, 4, bounds=[[-np.pi] * 4, [np.pi] * 4], symmetry=PeriodicSymmetry((2 * np.pi,) * 4)
    )
    database = map_landscape(landscape, plan=PLAN)
    found, heights = energies(database)
    np.testing.assert_allclose(found, [-5, -5 * np.cos(0.4 * np.pi), -5 * np.cos(0.4 * np.pi)], atol=1e-9)
    np.testing.assert_allclose(heights, [-1.5] * 10, atol=1e-9)  # five bonds, two senses


@pytest.mark.parametrize(
    ("species", "mirrored", "n_minima", "n_states"), [("AA", True, 1, 3), ("AB", True, 1, 3), ("AB", False, 2, 4)]
)
def test_two_atoms_in_a_cell(species, mirrored, n_minima, n_states):
    """The energy is a function of their difference d on the torus, with wells at +-(1/4, 1/2) of the cell."""
    width = 2.0

    def energy(points):
        d = (points[:, 2:] - points[:, :2]) * (2 * np.pi / width)
        return (2 * d[:, 0]).cos() + d[:, 1].cos()

    symmetry = AtomSymmetry(tuple(species), 2, turned=False, mirrored=mirrored, cell=((width, 0.0), (0.0, width)))
    landscape = FunctionLandscape(energy, 4, bounds=[[0.0] * 4, [width] * 4], symmetry=symmetry)
    database = map_landscape(landscape, plan=PLAN)
    found, heights = energies(database)
    np.testing.assert_allclose(found, [-2.0] * n_minima, atol=1e-9)
    np.testing.assert_allclose(heights, [0.0] * n_states, atol=1e-9)


UNITS = [(1e-3, 0.0, 1.0), (1e3, 0.0, 1.0), (1.0, 1e6, 1.0), (1e3, 1e6, 1e-9), (1.0, 0.0, 1e6)]


@pytest.mark.parametrize(("length", "origin", "energy"), UNITS)
@pytest.mark.parametrize("surface", [MullerBrown(), SixHumpCamel(), FourGaussians()], ids=lambda s: type(s).__name__)
def test_units_and_origin_do_not_matter(surface, length, origin, energy):
    moved = FunctionLandscape(
        lambda points: energy * surface.formula(points / length - origin), 2, bounds=(surface.bounds + origin) * length
    )
    database = map_landscape(moved, n_starts=24)
    found, heights = (values / energy for values in energies(database))
    size = np.abs(surface.minimum_energies).max()
    np.testing.assert_allclose(found, np.sort(surface.minimum_energies), atol=1e-6 * size)
    np.testing.assert_allclose(heights, np.sort(surface.transition_state_energies), atol=1e-6 * size)


def test_a_finished_store_is_only_read(tmp_path):
    calls = []

    def counted(points):
        calls.append(len(points))
        return SixHumpCamel().formula(points)

    landscape = FunctionLandscape(counted, 2, bounds=SixHumpCamel.bounds)
    first = map_landscape(landscape, plan=PLAN, store=tmp_path / "camel")
    n_runs, n_calls = first.n_runs, len(calls)
    first.close()
    assert n_calls > 100
    again = map_landscape(landscape, plan=PLAN, store=tmp_path / "camel")
    assert (again.n_runs, len(calls)) == (n_runs, n_calls + 1)  # the one call recognizes the landscape
    again.close()


def test_scheduling_is_linear(monkeypatch):
    """Keys are computed a fixed number of times for each piece of work, whatever the number of minima."""
    keys = []
    original = mapping_run.content_key
    monkeypatch.setattr(mapping_run, "content_key", lambda *parts: keys.append(1) or original(*parts))
    for name in ("along_modes", "along_directions"):
        monkeypatch.setattr(mapping_tasks, name, lambda *arguments, **settings: Discovery())
    plan = MappingPlan(n_starts=400, n_points=0, n_hops=0, n_pairs=0)
    database = map_landscape(SeparableWells((1.0,) * 5), plan=plan)
    assert database.n_minima == 32
    assert database.n_runs == 13 + 2 * 32
    assert len(keys) <= 5 * database.n_runs


def test_an_exception_ends_one_piece_of_work():
    fails, armed = [], []

    def sometimes(points):
        if armed and not fails:
            fails.append(1)
            raise OSError("SCF did not converge")
        return MullerBrown().formula(points)

    def arm(stage, done, total):
        armed.append(stage)

    plan = MappingPlan(n_starts=33, n_points=32, n_hops=0, n_directions=0, n_pairs=0)
    landscape = FunctionLandscape(sometimes, 2, bounds=MullerBrown.bounds)
    database = map_landscape(landscape, plan=plan, progress=arm)
    outcomes = database.runs["outcome"].values.tolist()
    assert [k for k, outcome in enumerate(outcomes) if outcome == "failed"] == [1]
    message = database.runs["message"].values[outcomes.index("failed")]
    assert message == "OSError: SCF did not converge"
    assert (database.n_minima, database.n_paths) == (3, 2)


def test_an_interrupt_stops_at_once():
    def interrupted(points):
        if points.requires_grad:
            raise KeyboardInterrupt
        return MullerBrown().formula(points)

    with pytest.raises(KeyboardInterrupt):
        map_landscape(FunctionLandscape(interrupted, 2, bounds=MullerBrown.bounds), plan=PLAN)


def test_outcomes_say_what_the_searches_did():
    assert Discovery().outcome is Outcome.CONVERGED
    lost = {"left the bounds": 2, "followed down: budget spent": 3}
    assert Discovery(failures=lost).outcome is Outcome.BUDGET_SPENT
    assert Discovery(failures={"left the bounds": 2, "wrong index": 1}).outcome is Outcome.LEFT_BOUNDS
    assert Discovery(failures=lost, error="ValueError: no").outcome is Outcome.FAILED
    assert Discovery(failures=lost, n_searches=9).outcome is Outcome.CONVERGED  # seven of them
    assert Discovery(failures={"left the bounds": 5}, n_searches=9).outcome is Outcome.LEFT_BOUNDS
    assert Discovery(failures={"left the bounds": 4}, n_searches=8).outcome is Outcome.CONVERGED
    with map_landscape(MullerBrown(), plan=PLAN) as database:
        starts = str(database.runs["message"].values[0])
        assert starts == "32 searches: 3 new minima, 0 new transition states; 32 converged"
    slope = map_landscape(FunctionLandscape(lambda x: x.sum(1), 2), plan=PLAN)
    assert set(slope.runs["outcome"].values.tolist()) == {"left the bounds"}


def test_a_ring_of_free_spins():
    r"""Windings 0 and +-1, up to a turn of all; to leave one, a bond turns over while the others share the rest."""
    database = map_landscape(XYSpins(5), plan=PLAN)
    found, heights = energies(database)
    np.testing.assert_allclose(found, [-5, -5 * np.cos(0.4 * np.pi), -5 * np.cos(0.4 * np.pi)], atol=1e-9)
    np.testing.assert_allclose(heights, [-1.5] * 10, atol=1e-9)  # five bonds, two senses
    tree = disconnectivity_tree(transition_network(database))
    assert sum(len(merge.members) - 1 for merge in tree.merges) == 2  # one part


def test_torsions_are_mapped_whole():
    torsions = Torsions(2)
    database = map_landscape(torsions, plan=PLAN)
    found, heights = energies(database)
    np.testing.assert_allclose(found, torsions.minimum_energies, atol=1e-8)
    np.testing.assert_allclose(heights, torsions.transition_state_energies, atol=1e-8)
