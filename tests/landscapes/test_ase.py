"""Structures with calculators of ASE: forces, constraints, cells, failures, and maps in any units."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc100, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones as AseLennardJones
from ase.constraints import FixAtoms, FixBondLength, FixCartesian, FixedLine, FixedPlane

from elsuite.exploration import MappingPlan, map_landscape
from elsuite.landscapes import AtomicLandscape, CalculatorError, LennardJones, Recipe, RecipeError
from elsuite.stationary import descend, local_expansions
from elsuite.symmetry import PointIndex

pytestmark = pytest.mark.making

PLAN = MappingPlan(n_starts=8, n_points=0, n_hops=0, n_modes=3, n_directions=0, n_pairs=0)


def slab(n_adatoms=1, constraint=None):
    """Copper atoms on the (100) face of copper, which repeats along two directions."""
    atoms = fcc100("Cu", (2, 2, 1), vacuum=5.0)
    for k in range(n_adatoms):
        add_adsorbate(atoms, "Cu", 1.7, "hollow", offset=(k, 0))
    atoms.pbc = (True, True, False)
    atoms.set_constraint([FixAtoms(range(4))] if constraint is None else constraint)
    return atoms


def dimer(**settings):
    return Atoms("Cu2", [[0, 0, 0], [2.3, 0, 0]], **settings)


STRUCTURES = {
    "molecule": lambda: molecule("CH3OH"),
    "surface": slab,
    "surface, two": lambda: slab(2),
    "line": lambda: slab(1, [FixAtoms(range(4)), FixedLine(4, (1, 1, 0))]),
    "plane": lambda: slab(2, [FixAtoms(range(4)), FixedPlane([4, 5], (0, 0, 1))]),
    "tilted plane": lambda: slab(1, [FixAtoms(range(4)), FixedPlane(4, (1, 2, 3))]),
    "coordinate": lambda: slab(1, [FixAtoms(range(4)), FixCartesian(4, (True, False, False))]),
    "crystal": lambda: bulk("Cu", cubic=True),
    "one fixed": lambda: Atoms("Cu3", [[1, 2, 3], [3.4, 2, 3], [2.2, 4, 3]], constraint=FixAtoms([0])),
    "flat": lambda: Atoms("Cu3", [[0, 0, 1], [2.4, 0, 1], [1.2, 2, 1]], constraint=FixedPlane([0, 1, 2], (0, 0, 1))),
}
N_PARAMETERS = [18, 3, 6, 1, 4, 2, 2, 12, 6, 6]
N_ZERO_MODES = [6, 0, 0, 0, 0, 0, 0, 3, 3, 3]


@pytest.mark.parametrize(("name", "n", "n_zero"), list(zip(STRUCTURES, N_PARAMETERS, N_ZERO_MODES, strict=True)))
def test_coordinates_forces_and_zero_modes(name, n, n_zero):
    landscape = AtomicLandscape(STRUCTURES[name](), EMT)
    assert (landscape.n_parameters, landscape.symmetry.n_zero_modes) == (n, n_zero)
    points = torch.from_numpy(landscape.start)[None] + 0.1 * torch.rand(
        2, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    energies, gradients = landscape.energy_and_gradient(points)
    for point, energy, gradient in zip(points, energies, gradients, strict=True):
        steps = 1e-4 * torch.eye(n, dtype=torch.float64)
        numeric = (landscape.energy(point + steps) - landscape.energy(point - steps)) / 2e-4
        torch.testing.assert_close(gradient, numeric, rtol=1e-5, atol=1e-5)
        modes = torch.from_numpy(landscape.symmetry.zero_modes(point[None].numpy())[0])
        assert float((modes.T @ gradient).abs().sum()) < 1e-9
        atoms = landscape.atoms(point)
        assert atoms.get_potential_energy() == pytest.approx(float(energy))
        own = atoms.get_positions()
        fixed = np.setdiff1d(np.arange(len(own)), landscape.freedom.moving)
        np.testing.assert_array_equal(own[fixed], landscape.structure.get_positions()[fixed])
        atoms.calc = EMT()
        assert atoms.get_potential_energy() == pytest.approx(float(energy))
        # What the constraints of ASE leave of the forces is what the gradient has.
        assert np.linalg.norm(atoms.get_forces()) == pytest.approx(float(gradient.norm()), abs=1e-9)
    np.testing.assert_allclose(
        landscape.atoms(landscape.start).get_positions(), landscape.structure.get_positions(), atol=1e-12
    )
    starts = landscape.initial_points([0, 1, 0])
    assert torch.equal(starts[0], starts[2])
    assert not torch.equal(starts[0], starts[1])
    again = pickle.loads(pickle.dumps(landscape))  # noqa: TID251 - what a worker process does
    assert torch.equal(again.energy(points), landscape.energy(points))
    assert again.identity.differences(landscape.identity) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: AtomicLandscape(Atoms("Cu2", [[0, 0, 0], [2, 0, 0]], constraint=FixBondLength(0, 1)), EMT()),
            "FixBondLengths given; FixAtoms, ",
        ),
        (lambda: AtomicLandscape(dimer(constraint=FixAtoms([0, 1])), EMT()), "every atom of the structure is fixed"),
        (
            lambda: AtomicLandscape(
                Atoms("Cu3", [[0, 0, 0], [2.3, 0, 0], [4.6, 0, 0]], constraint=FixAtoms([0, 1])), EMT()
            ),
            "leave 1 ways to turn",
        ),
        (
            lambda: AtomicLandscape(Atoms("Cu2", [[0, 0, 0], [2, 0, 0]], cell=[9, 9, 9], pbc=(1, 0, 0)), EMT()),
            "leave 1 ways to turn",
        ),
        (
            lambda: AtomicLandscape(Atoms("He2", [[0, 0, 0], [2, 0, 0]]), EMT()),
            "EMT fails at the structure given: NotImplementedError",
        ),
        (lambda: AtomicLandscape(dimer()), "AtomicLandscape"),
        (lambda: AtomicLandscape(dimer(), EMT(), starts="cold"), "'random' or 'rattled'"),
        (lambda: AtomicLandscape(dimer(), EMT(), species=["A"]), "1 species given"),
        (lambda: AtomicLandscape(dimer(), EMT(), precision=0), "precision = 0"),
        (lambda: AtomicLandscape(dimer(), EMT()).energy(np.zeros((2, 5))), r"\(n_points, 6\)"),
        (lambda: AtomicLandscape(Atoms("Cu", [[0, 0, 0]]), EMT), "1 atom given: the energy is the same wherever it is"),
        (lambda: AtomicLandscape(bulk("Cu"), EMT), r"of a crystal a larger cell"),
        (lambda: AtomicLandscape(dimer(), "emt"), "'emt' is none"),
        (lambda: AtomicLandscape(dimer(), lambda: None), "a call that returned NoneType"),
        (lambda: AtomicLandscape(dimer(), lambda: 1 / 0), "cannot be made: ZeroDivisionError: division by zero"),
        (lambda: AtomicLandscape(Atoms("Cu2", [[0, 0, 0], [np.nan, 0, 0]]), EMT), "positions of the structure"),
        (lambda: AtomicLandscape(dimer(pbc=True), EMT), r"lengths \[0.0, 0.0, 0.0\]; .*, or atoms.pbc = False, are"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_atoms_in_one_plane_are_exchanged_and_those_of_different_lines_are_not():
    same = AtomicLandscape(STRUCTURES["plane"](), EMT)
    swapped = same.start.reshape(2, 2)[::-1].ravel()
    assert same.symmetry.nearest(same.start, swapped).distance < 1e-12
    lines = AtomicLandscape(slab(2, [FixAtoms(range(4)), FixedLine([4, 5], (1, 0, 0))]), EMT)
    moved = slab(2, [FixAtoms(range(4)), FixedLine([4, 5], (1, 0, 0))])
    moved.positions[5, 1] += 0.3
    apart = AtomicLandscape(moved, EMT)
    assert lines.symmetry.nearest(lines.start, lines.start[::-1]).distance < 1e-12
    assert apart.symmetry.nearest(apart.start, apart.start[::-1]).distance > 1e-3


class Counted(Calculator):
    """Lennard-Jones atoms; calls of some numbers fail in one way or another."""

    implemented_properties = ("energy", "forces")

    def __init__(self, fails=(), how="raises"):
        super().__init__()
        self.fails, self.how, self.n = set(fails), how, 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.n += 1
        own = LennardJones(len(atoms))
        energies, gradients = own.energy_and_gradient(torch.tensor(atoms.get_positions()).reshape(1, -1))
        energy, forces = float(energies[0]), -gradients[0].numpy().reshape(-1, 3)
        if self.n in self.fails:
            if self.how == "raises":
                raise RuntimeError("SCF did not converge\nafter 100 cycles")
            energy, forces = (np.nan, forces) if self.how == "energy" else (energy, forces * np.nan)
        self.results = {"energy": energy, "forces": forces}


def trimer():
    return Atoms("Ar3", [[0, 0, 0], [1.1, 0, 0], [0.5, 1.0, 0]])


@pytest.mark.parametrize("how", ["raises", "energy", "forces"])
def test_a_failure_is_not_a_number_in_bulk_and_an_error_at_one_point(how):
    landscape = AtomicLandscape(trimer(), Counted(fails={3, 5}, how=how), check_forces=False)
    points = landscape.initial_points([0, 1, 2])
    energies, gradients = landscape.energy_and_gradient(points)  # calls 2, 3, 4
    assert torch.isnan(energies).tolist() == [False, True, False]
    assert torch.isnan(gradients).all(1).tolist() == [False, True, False]
    reason = "RuntimeError: SCF did not converge" if how == "raises" else "the energy or a force is not a number"
    assert landscape.failures == [reason]
    with pytest.raises(CalculatorError, match=reason):
        landscape.energy_and_gradient(points[:1])
    torch.testing.assert_close(landscape.energy(points), LennardJones(3).energy(points))


class Wrong(EMT):
    """Forces that are not the energy's, energies rounded."""

    factor, atom, digits = 1.0, slice(None), None

    def calculate(self, *arguments):
        super().calculate(*arguments)
        self.results["forces"][self.atom] *= self.factor
        if self.digits is not None:
            for name in ("energy", "free_energy"):
                self.results[name] = round(self.results[name], self.digits)


@pytest.mark.parametrize("name", ["molecule", "surface, two", "tilted plane", "one fixed", "crystal"])
def test_forces_that_are_not_the_energies_are_refused(name):
    right = AtomicLandscape(STRUCTURES[name](), EMT)
    unchecked = AtomicLandscape(STRUCTURES[name](), EMT, check_forces=False)
    assert right.n_calls == unchecked.n_calls + 5
    assert right.failures == []
    atom = int(right.freedom.moving[-1])
    for factor, atoms in ((-1.0, slice(None)), (1.01, slice(None)), (27.2114, slice(None)), (0.0, atom), (2.0, atom)):
        make = type("Wrong", (Wrong,), {"factor": factor, "atom": atoms})
        with pytest.raises(ValueError, match="are not those of its energies: along coordinate") as error:
            AtomicLandscape(STRUCTURES[name](), make)
        assert "\n" not in str(error.value)
        assert isinstance(atoms, slice) or f"of atom {atom})" in str(error.value)
        assert float(str(error.value).split("ratio ")[1].split(";")[0]) == pytest.approx(factor, rel=1e-3, abs=1e-3)
        AtomicLandscape(STRUCTURES[name](), make, check_forces=False)
    # As precise as single precision is, and less where that is said.
    AtomicLandscape(STRUCTURES[name](), type("Single", (Wrong,), {"digits": 6}))
    AtomicLandscape(STRUCTURES[name](), type("Rough", (Wrong,), {"digits": 3}), precision=1e-2)


def test_forces_that_jump_at_a_cutoff_are_taken():
    for cutoff in (1.05, 1.2, 1.5):
        AtomicLandscape(trimer(), AseLennardJones(rc=cutoff))


class Sealed(Counted):
    """Fails wherever the first atom lies in a certain place: the third start."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if np.allclose(atoms.get_positions().ravel(), self.fails_at, atol=1e-12):
            raise RuntimeError("SCF did not converge")


def test_the_third_search_fails_and_the_others_go_on(tmp_path):
    calculator = Sealed()
    calculator.fails_at = np.full(9, 77.0)
    landscape = AtomicLandscape(trimer(), calculator)
    from elsuite.core.identity import start_seeds

    calculator.fails_at = landscape.initial_points([start_seeds(0, 3)[2]])[0].numpy()
    with map_landscape(landscape, plan=PLAN, store=tmp_path / "store") as database:
        assert database.n_minima == 1
        runs = database.runs
        # Each start is a piece of work of its own.
        assert runs["n_failed"].values.tolist() == [0, 0, 1, *[0] * (database.n_runs - 3)]
        assert "CalculatorError: RuntimeError: SCF did not converge" in str(runs["message"].values[2])
        assert database.minima["energy"].values[0, 0] == pytest.approx(-3.0)


UNITS = [(1.0, 1.0), (3.405, 0.0104), (1e-3, 1e5)]


@pytest.mark.parametrize(("sigma", "epsilon"), UNITS)
def test_units_do_not_matter(sigma, epsilon):
    """Four argon atoms in reduced units, in angstrom and electron volts, and in others: one minimum, one state."""
    atoms = Atoms("Ar4", sigma * np.array([[0, 0, 0], [1.1, 0, 0], [0.5, 1.0, 0], [0.5, 0.4, 1.0]]))
    calculator = AseLennardJones(sigma=sigma, epsilon=epsilon, rc=50 * sigma, smooth=False)
    database = map_landscape(AtomicLandscape(atoms, calculator), plan=PLAN)
    shift = 6 * 4 * (50.0**-12 - 50.0**-6)  # the calculator's own, at its cutoff
    np.testing.assert_allclose(database.minima["energy"].values.ravel() / epsilon, [-6.0 - shift], atol=1e-7)
    own = map_landscape(LennardJones(4), plan=PLAN)
    heights = np.sort(database.paths["height"].values) / epsilon
    np.testing.assert_allclose(heights, np.sort(own.paths["height"].values) - shift, atol=1e-7)


def test_an_adatom_on_a_layer_is_mapped_whole():
    """It hops between the four hollows of a layer of 2 x 2, over a bridge, of which there are eight; below likewise."""
    landscape = AtomicLandscape(slab(), EMT)
    plan = MappingPlan(n_starts=8, n_points=0, n_hops=0, n_modes=2, n_directions=0, n_pairs=0)
    database = map_landscape(landscape, plan=plan)
    states, minima = database.paths["coordinates"].values, database.coordinates(range(database.n_minima))
    height = landscape.structure.positions[0, 2]
    hollows, bridges = minima[minima[:, 2] > height + 1], states[states[:, 2] > height + 1]
    assert (len(hollows), len(bridges)) == (4, 8)
    assert np.ptp(landscape.energy(hollows).numpy()) < 1e-8
    assert np.ptp(landscape.energy(bridges).numpy()) < 1e-8
    for points, index in ((minima, 0), (states, 1)):
        values = np.linalg.eigvalsh(local_expansions(landscape, points, method="differences")[2])
        assert ((values < 0).sum(axis=1) == index).all()
    # With the shifts of the surface's own lattice there are one hollow and two bridges.
    side = landscape.structure.cell[0, 0] / 2
    one = ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0))
    operations = ((one, (side, 0.0, 0.0)), (one, (0.0, side, 0.0)))
    reduced = AtomicLandscape(slab(), EMT, operations=operations)
    for points, n in ((hollows, 1), (bridges, 2)):
        index = PointIndex(reduced.symmetry, 1e-5)
        assert len({index.number(point) for point in points}) == n


def test_a_crystal_with_a_vacancy_repeats():
    """Moved by lattice vectors and relabeled it is the same point."""
    atoms = bulk("Cu", cubic=True)
    del atoms[0]
    landscape = AtomicLandscape(atoms, EMT)
    (end,) = descend(landscape, landscape.start[None])
    positions = end.point.reshape(-1, 3)[[2, 0, 1]] + landscape.structure.cell[:] + [0.3, 0.2, 0.1]
    assert landscape.symmetry.nearest(end.point, positions.ravel()).distance < 1e-9
    assert float(landscape.energy(positions.reshape(1, -1))[0]) == pytest.approx(end.energy)


@pytest.fixture
def cluster(tmp_path):
    file = tmp_path / "cluster.xyz"
    Atoms("Cu4", 2.4 * np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.9, 0], [0.5, 0.3, 0.8]])).write(file)
    return file


def test_a_word_names_calculator_and_structure(cluster, monkeypatch):
    monkeypatch.chdir(cluster.parent)
    recipe = Recipe("ase:emt", {"structure": "cluster.xyz"})
    assert recipe.settings["structure"] == str(cluster)
    assert recipe.is_known
    landscape = recipe.landscape()
    assert landscape.n_parameters == 12
    assert landscape.identity.settings["calculator"] == "EMT"
    settings = {"structure": str(cluster), "sigma": 2.2, "epsilon": 0.3, "rc": 30.0, "mirrored": False}
    assert not Recipe("ase:lj", settings).landscape().symmetry.mirrored


@pytest.mark.parametrize(
    ("where", "settings", "words"),
    [
        ("ase:nothing", {"structure": "cluster.xyz"}, "calculator: given 'nothing', which ASE does not have here"),
        ("ase:emt", {"structure": "none.xyz"}, "which cannot be read (FileNotFoundError"),
        ("ase:emt", {}, "structure: given nothing, allowed: a file that ASE reads"),
        ("ase:lj", {"structure": "cluster.xyz", "species": ["A"]}, "1 species given"),
        ("ase:", {}, "recipe: given 'ase:'"),
        *(
            ("ase:emt", {"structure": "cluster.xyz", "mirrored": given}, f"{given!r}, allowed: true or false")
            for given in ("False", "no", "maybe", 0)
        ),
        ("ase:emt", {"structure": "cluster.xyz", "precision": "high"}, "precision: given 'high', allowed: a number"),
        ("ase:emt", {"structure": "cluster.xyz", "length_scale": -1}, "length_scale: given -1, allowed: above 0"),
        ("ase:emt", {"structure": "cluster.xyz", "starts": "cold"}, "starts: given 'cold', allowed: random, rattled"),
        ("ase:emt", {"structure": "cluster.xyz", "species": "CuCu"}, "species: given 'CuCu', allowed: a list"),
        ("ase:emt", {"structure": "cluster.xyz", "check_forces": "no"}, "check_forces: given 'no', allowed: true or"),
        ("ase:emt", {"structure": "cluster.xyz", "asap_cutoff": "no"}, "asap_cutoff: given 'no', allowed: true or"),
    ],
)
def test_words_that_do_not_fit(cluster, monkeypatch, where, settings, words):
    monkeypatch.chdir(cluster.parent)
    with pytest.raises(RecipeError) as error:
        Recipe(where, settings).landscape()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_ase_is_loaded_when_a_structure_is_made_only():
    code = (
        "import sys, elsuite.landscapes as l; l.Recipe('lj7').landscape(); print('ase' in sys.modules);"
        "sys.modules['ase'] = None\n"
        "try: l.AtomicLandscape(None)\n"
        "except ImportError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == ["False", "ASE is not installed; pip install 'elsuite[ase]'"]
