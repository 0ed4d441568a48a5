"""Structures of minima and transition states, written by ASE and read by it."""

from pathlib import Path

import numpy as np
import pytest

from elsuite import LandscapeDatabase, open_database
from elsuite.interchange.foreign import FormatError
from elsuite.interchange.structures import structures, write_structures

DATA = Path(__file__).parents[2] / "data"
ase_io = pytest.importorskip("ase.io", reason="ASE is not installed")


@pytest.mark.parametrize("ending", ["extxyz", "traj", "xyz"])
def test_a_cluster_comes_back(tmp_path, ending):
    place = tmp_path / f"lj7.{ending}"
    with open_database(DATA / "lj7.elsuite") as database:
        write_structures(database, place)
        points, energies = database.coordinates(range(4)), database.minima["energy"].values[:, 0]
        heights, states = database.paths["height"].values, database.paths["coordinates"].values
        logs = database.minima["log_product"].values
    images = ase_io.read(place, ":")
    assert len(images) == 4 + len(heights)
    for i, atoms in enumerate(images[:4]):
        np.testing.assert_allclose(atoms.positions.ravel(), points[i], atol=1e-7)
        assert atoms.get_potential_energy() == pytest.approx(energies[i], abs=1e-7)
        assert (atoms.info["kind"], atoms.info["minimum"], set(atoms.symbols)) == ("minimum", i, {"X"})
        assert atoms.info["log_product"] == pytest.approx(logs[i], abs=1e-6)
    for k, atoms in enumerate(images[4:]):
        np.testing.assert_allclose(atoms.positions.ravel(), states[atoms.info["row"]], atol=1e-7)
        assert atoms.info["kind"] == "transition_state"
        assert atoms.get_potential_energy() == pytest.approx(heights[k], abs=1e-7)


def test_a_database_of_ase_has_keys(tmp_path):
    from ase.db import connect

    with open_database(DATA / "lj7.elsuite") as database:
        write_structures(database, tmp_path / "lj7.json")
    rows = connect(tmp_path / "lj7.json")
    assert sorted(row.minimum for row in rows.select(kind="minimum")) == [0, 1, 2, 3]
    assert all(row.hessian_index == 1 for row in rows.select(kind="transition_state"))


@pytest.mark.making
def test_fixed_atoms_cells_and_masses_are_those_of_the_structure():
    from ase import Atoms
    from ase.build import add_adsorbate, fcc100
    from ase.calculators.emt import EMT
    from ase.constraints import FixAtoms, FixedPlane

    from elsuite.landscapes import AtomicLandscape

    slab = fcc100("Al", (2, 2, 2), vacuum=6.0)
    add_adsorbate(slab, "Au", 1.7, "hollow")
    slab.set_constraint([FixAtoms(mask=slab.get_tags() > 1), FixedPlane(8, (1, 0, 0))])
    slab.calc = EMT()
    pair = Atoms("CuAu", [[1, 2, 3], [1, 2, 5.5]], calculator=EMT(), constraint=FixAtoms([0]))
    for whole in (slab, pair):
        landscape = AtomicLandscape(whole)
        points = landscape.initial_points([0, 1])
        energies = landscape.energy(points).numpy()
        with LandscapeDatabase.create(None, landscape) as database:
            database.add(minima={"coordinates": points.numpy(), "energy": energies[:, None]})
            for point, energy, atoms in zip(points, energies, structures(database), strict=True):
                expected = landscape.atoms(point)
                np.testing.assert_allclose(atoms.positions, expected.positions, atol=1e-9)
                np.testing.assert_array_equal(np.asarray(atoms.cell), np.asarray(whole.cell))
                assert list(atoms.symbols) == list(whole.symbols)
                assert atoms.pbc.tolist() == whole.pbc.tolist()
                np.testing.assert_array_equal(atoms.get_masses(), whole.get_masses())
                assert atoms.get_potential_energy() == energy


@pytest.mark.making
def test_a_cluster_in_the_plane():
    from elsuite.landscapes import FunctionLandscape
    from elsuite.symmetry import AtomSymmetry

    flat = FunctionLandscape(lambda points: (points**2).sum(1), 4, symmetry=AtomSymmetry(("Cu", "b"), dimension=2))
    with LandscapeDatabase.create(None, flat) as database:
        database.add(minima={"coordinates": [[1.0, 2.0, 3.0, 4.0]], "energy": [[0.5]]})
        (atoms,) = structures(database)
    assert atoms.positions.tolist() == [[1.0, 2.0, 0.0], [3.0, 4.0, 0.0]]
    assert (str(atoms.symbols), atoms.get_array("species").tolist()) == ("CuX", ["Cu", "b"])


def test_what_cannot_be_written_is_one_line(tmp_path):
    place = tmp_path / "here.extxyz"
    place.write_text("")
    with open_database(DATA / "lj7.elsuite") as database:
        with pytest.raises(FormatError, match="is there already"):
            write_structures(database, place)
        with pytest.raises(FormatError, match="ASE does not write such a file"):
            write_structures(database, tmp_path / "a.nothing")
        assert sorted(tmp_path.iterdir()) == [place]
    with (
        open_database(DATA / "muller-brown.elsuite") as database,
        pytest.raises(FormatError, match="no positions of atoms"),
    ):
        write_structures(database, tmp_path / "b.xyz")
