"""Sums over pairs, metals and their kernels against sums written out, published energies, and searches by force."""

import itertools

import cases
import numpy as np
import pytest
import torch

from elsuite.exploration import MappingPlan, map_landscape
from elsuite.landscapes import METALS, BinaryLennardJones, Gupta, LennardJones, Morse, PairPotential
from elsuite.landscapes.kernels import compiled_kernel
from elsuite.stationary import descend, local_expansions
from elsuite.symmetry.lattices import lattice_operations

pytestmark = pytest.mark.making

ATOMS = [name for name, make in cases.ANALYTIC.items() if hasattr(make(), "species")]
KERNELS = [name for name in ATOMS if not name.startswith("pairs")]


def clusters(name, n=4):
    landscape = cases.ANALYTIC[name]()
    return landscape, landscape.initial_points(list(range(n)))


@pytest.mark.parametrize("name", ATOMS)
def test_energies_gradients_and_hessians_are_those_of_the_formula(name):
    landscape, points = clusters(name)
    wanted = local_expansions(landscape, points, method="autograd")
    found = landscape.expansions(points) or wanted
    energies, gradients = landscape.energy_and_gradient(points)
    for values, right in (
        (energies.numpy(), wanted[0]),
        (gradients.numpy(), wanted[1]),
        *zip(found, wanted, strict=True),
    ):
        np.testing.assert_allclose(values, right, rtol=1e-9, atol=1e-12 * np.abs(right).max())


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_the_formula(name, compiled):
    landscape, points = clusters(name)
    kernel = landscape.kernel()
    function = compiled_kernel(kernel.function) if compiled else kernel.function
    energies, gradients = landscape.energy_and_gradient(points)
    for point, energy, gradient in zip(points.numpy(), energies.tolist(), gradients.numpy(), strict=True):
        filled = np.empty_like(point)
        assert function(point, filled, kernel.parameters) == pytest.approx(energy, rel=1e-11)
        np.testing.assert_allclose(filled, gradient, rtol=1e-9, atol=1e-12 * np.abs(gradient).max())


def lennard_jones(r, depth, length):
    return 4 * depth * ((length / r) ** 12 - (length / r) ** 6)


@pytest.mark.parametrize("cell", [np.diag([4.0, 4.2, 4.4]), [[4.0, 0, 0], [1.5, 4.0, 0], [0.5, -1.0, 4.2]]])
def test_a_cell_is_the_sum_over_all_images(cell):
    """Energy and force vanish at the cutoff, and every image nearer than that counts."""
    depths, lengths, cutoff = (1.0, 1.5, 0.5), (1.0, 0.8, 0.88), 1.8
    landscape = BinaryLennardJones(
        4, 3, depths, lengths, cell=tuple(map(tuple, np.asarray(cell).tolist())), cutoff=cutoff
    )
    images = np.array(list(itertools.product(range(-2, 3), repeat=3))) @ np.asarray(cell)
    for point, energy in zip(
        points := landscape.initial_points([0, 1, 2]).numpy(), landscape.energy(points).tolist(), strict=True
    ):
        atoms, total = point.reshape(-1, 3), 0.0
        for i, j in itertools.combinations(range(7), 2):
            kind = (i >= 4) + (j >= 4)
            depth, length = depths[kind], lengths[kind]
            end = cutoff * length
            slope = (lennard_jones(end + 1e-6, depth, length) - lennard_jones(end - 1e-6, depth, length)) / 2e-6
            for r in np.linalg.norm(atoms[i] - atoms[j] + images, axis=1):
                if r < end:
                    total += lennard_jones(r, depth, length) - lennard_jones(end, depth, length)
                    total -= slope * (r**2 - end**2) / (2 * end)
        assert energy == pytest.approx(total, rel=1e-7)
        moved = atoms + np.array([0.3, -1.0, 2.0]) + images[np.arange(7) * 5]
        assert float(landscape.energy(moved.reshape(1, -1))[0]) == pytest.approx(energy, rel=1e-9)


# Lowest energies: the Cambridge Cluster Database, https://doi.org/10.17863/CAM.9083
@pytest.mark.parametrize(
    ("n_atoms", "rho", "energy"),
    [(5, 6.0, -9.044930), (6, 6.0, -12.487810), (7, 6.0, -16.207580), (6, 14.0, -12.018170)],
)
def test_published_energies_of_morse_clusters(n_atoms, rho, energy):
    assert by_force(Morse(n_atoms, rho))[0] == pytest.approx(energy, abs=1e-6)


# Cleri and Rosato, Phys. Rev. B 48, 22 (1993): what the constants were fitted to.
@pytest.mark.parametrize(
    ("metal", "cohesion"), [("Ni", 4.44), ("Cu", 3.544), ("Pd", 3.936), ("Ag", 2.96), ("Au", 3.779)]
)
def test_an_atom_within_a_crystal_has_the_cohesive_energy(metal, cohesion):
    """Gupta's energy of an atom is what a large ball gains by it beside its neighbors' shares; summed by hand here."""
    bond = METALS[metal]
    places = np.array([p for p in itertools.product(range(-4, 5), repeat=3) if sum(p) % 2 == 0 and any(p)])
    r = np.linalg.norm(places, axis=1) * bond.distance / 2**0.5
    r = r[r < 2.3 * bond.distance] / bond.distance - 1
    energy = (bond.repulsion * np.exp(-bond.p * r)).sum() - (bond.hopping**2 * np.exp(-2 * bond.q * r)).sum() ** 0.5
    assert energy == pytest.approx(-cohesion, rel=0.003)


def test_gupta_is_the_sum_over_atoms():
    alloy = Gupta(["Ag", "Cu", "Ag", "Au", "Cu"])
    point = alloy.initial_points([3])[0].numpy()
    atoms, energy = point.reshape(-1, 3), 0.0
    for i in range(5):
        repulsion, band = 0.0, 0.0
        for j in range(5):
            if i == j:
                continue
            a, b = (METALS[alloy.species[k]] for k in (i, j))
            x = np.linalg.norm(atoms[i] - atoms[j]) / ((a.distance + b.distance) / 2) - 1
            repulsion += (a.repulsion * b.repulsion) ** 0.5 * np.exp(-(a.p + b.p) / 2 * x)
            band += a.hopping * b.hopping * np.exp(-(a.q + b.q) * x)
        energy += repulsion - band**0.5
    assert float(alloy.energy(point[None])[0]) == pytest.approx(energy, rel=1e-12)


def by_force(landscape):
    """Energies of the minima that descents lead to, from random points, then from around what they found.

    Told apart by sorted distances alone.
    """
    rng, distinct, prints = np.random.default_rng(0), [], []
    points = landscape.initial_points(list(range(32))).numpy()
    if landscape.symmetry == LennardJones(6).symmetry:  # of a short range random points hardly ever see the octahedron
        points = np.concatenate([points, LennardJones(6).minima * landscape.contacts.mean() / 2 ** (1 / 6)])
    for reach in (0.6, 0.8):
        for end in descend(landscape, points):
            own = landscape.symmetry.fingerprint(end.point[None])[0]
            if end.outcome == "converged" and all(np.abs(own - other).max() > 1e-5 for other in prints):
                distinct.append(end)
                prints.append(own)
        around = np.repeat([end.point for end in distinct], 120 // len(distinct), axis=0)
        points = around + rng.uniform(-reach, reach, around.shape) * landscape.contacts.mean()
    return np.sort([end.energy for end in distinct])


PLAN = MappingPlan(n_starts=24, n_points=0, n_hops=4, n_modes=8, n_directions=4, n_rounds=1, n_pairs=4)


@pytest.mark.parametrize(
    ("landscape", "n_minima"),
    [
        (Morse(6, 14.0), 2),
        (BinaryLennardJones(3, 1, cell=3.8, cutoff=1.9, dimension=2, turned=True), None),
        (LennardJones(7, dimension=2), 4),
        (BinaryLennardJones(3, 2), None),
        (Gupta("Ni", 6), None),
    ],
    ids=str,
)
def test_clusters_are_mapped_whole(landscape, n_minima):
    database = map_landscape(landscape, plan=PLAN)
    wanted = by_force(landscape)
    assert n_minima in {None, len(wanted)}
    np.testing.assert_allclose(np.sort(database.minima["energy"].values[:, 0]), wanted, atol=1e-8)
    for points, index in (
        (database.coordinates(range(database.n_minima)), 0),
        (database.paths["coordinates"].values, 1),
    ):
        hessians = local_expansions(landscape, points, method="differences")[2]
        values = np.linalg.eigvalsh(hessians)
        small = 1e-5 * values[:, -1:]
        assert ((values < -small).sum(axis=1) == index).all()
        assert ((np.abs(values) < small).sum(axis=1) == landscape.symmetry.n_zero_modes).all()


def test_chiral_isomers_count_twice_where_they_are_asked_for():
    """The last of the four isomers of seven atoms has a left and a right form."""
    kept, merged = (LennardJones(7, mirrored=mirrored) for mirrored in (False, True))
    points = LennardJones(7).minima
    mirror = points.reshape(-1, 7, 3) * [-1, 1, 1]
    apart = [
        [c.symmetry.nearest(a, b.ravel()).distance > 1e-3 for a, b in zip(points, mirror, strict=True)]
        for c in (kept, merged)
    ]
    assert (sum(apart[0]), sum(apart[1])) == (1, 0)


def test_a_formula_of_ones_own_is_lennard_jones():
    own = PairPotential("A" * 5, lambda r: 4 * (r**-12 - r**-6), contact=2 ** (1 / 6))
    points = LennardJones(5).initial_points([0, 1])
    torch.testing.assert_close(own.energy_and_gradient(points), LennardJones(5).energy_and_gradient(points))
    assert own.identity.settings["species"] == ["A"] * 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Morse(1), "n_atoms = 1"),
        (lambda: Morse(5, rho=-1.0), "rho = -1.0"),
        (lambda: LennardJones(5, dimension=4), "dimension = 4"),
        (lambda: BinaryLennardJones(5, 3, cell=4.0), "up to 2 is expected"),
        (lambda: BinaryLennardJones(5, 3, cell=4.0, cutoff=2.5), "half of the cell's width"),
        (lambda: BinaryLennardJones(5, 3, cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], cutoff=0.1), "independent rows"),
        (lambda: BinaryLennardJones(5, 3, depths=(1, 2)), "three positive numbers"),
        (lambda: PairPotential("AB", {("A", "A"): abs}), r"no potential for the pair \('A', 'B'\)"),
        (lambda: Gupta("Xx", 4), "'Xx' given without a bond"),
        (lambda: Gupta("Au", 1), "the name of a metal and 2 atoms"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("cell", "n"),
    [(4.0, 48), (((4.0, 0, 0), (0, 4.0, 0), (0, 0, 4.4)), 16), (((4.0, 0, 0), (1, 4.1, 0), (0.3, 0.2, 4.4)), 2)],
)
def test_copies_turned_with_the_lattice_are_one_where_asked_for(cell, n):
    turned, plain = (BinaryLennardJones(4, 1, cell=cell, cutoff=1.7, turned=turned) for turned in (True, False))
    operations = lattice_operations(turned.cell)
    assert len(operations) == n
    point = turned.initial_points([0])[0].numpy()
    images = np.array([(point.reshape(-1, 3) @ np.array(rotation).T).ravel() for rotation, _ in operations])
    torch.testing.assert_close(turned.energy(images), turned.energy(point[None]).expand(n))
    assert max(turned.symmetry.nearest(point, image).distance for image in images) < 1e-9
    assert sum(plain.symmetry.nearest(point, image).distance < 1e-9 for image in images) == 2  # itself and inverted
