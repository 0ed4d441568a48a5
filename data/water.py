"""Rigid molecules of water with the potential TIP3P, as a recipe: ``elsuite map data/water.py:cluster``."""

import itertools

import torch

from elsuite.landscapes import RigidBodies

# TIP3P: Jorgensen et al., J. Chem. Phys. 79, 926 (1983); kcal/mol, angstroms, elementary charges.
BOND, ANGLE = 0.9572, 104.52
CHARGES = (-0.834, 0.417, 0.417)
DEPTH, LENGTH = 0.1521, 3.15061
COULOMB = 332.0637


def cluster(n_molecules: int = 3) -> RigidBodies:
    """Return the cluster; molecules are alike, and so are the hydrogens of each."""
    half = torch.deg2rad(torch.tensor(ANGLE / 2, dtype=torch.float64))
    x, y = float(BOND * half.sin()), float(BOND * half.cos())
    water = [[0.0, 0.0, 0.0], [x, y, 0.0], [-x, y, 0.0]]
    products = COULOMB * torch.outer(*[torch.tensor(CHARGES, dtype=torch.float64)] * 2)
    pairs = list(itertools.combinations(range(n_molecules), 2))

    def energy(sites: torch.Tensor) -> torch.Tensor:
        molecules = sites.unflatten(1, (n_molecules, 3))
        first, second = (molecules[:, [pair[k] for pair in pairs]] for k in (0, 1))
        distances = (first[..., :, None, :] - second[..., None, :, :]).norm(dim=-1)
        power = (LENGTH / distances[..., 0, 0]) ** 6
        return (products / distances).sum((1, 2, 3)) + 4 * DEPTH * (power**2 - power).sum(1)

    whole = tuple(tuple(range(3 * k, 3 * k + 3)) for k in range(n_molecules))
    hydrogens = tuple((3 * k + 1, 3 * k + 2) for k in range(n_molecules))
    species = ("O", "H", "H") * n_molecules
    return RigidBodies([water] * n_molecules, energy, species, contact=2.8, groups=(whole, *hydrogens), mirrored=True)
