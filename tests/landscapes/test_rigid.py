"""Rigid bodies: their sites, copies and zero modes, and the dimer of water."""

import json

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from elsuite.exploration import MappingPlan, map_landscape
from elsuite.landscapes import RigidBodies
from elsuite.stationary import local_expansions
from elsuite.symmetry import symmetry_from

pytestmark = pytest.mark.making

WATER = np.array([[0.0, 0, 0], [0.7570, 0.5859, 0], [-0.7570, 0.5859, 0]])
GROUPS = (((0, 1, 2), (3, 4, 5)), (1, 2), (4, 5))
CHARGES = torch.tensor([-0.834, 0.417, 0.417], dtype=torch.float64)


def tip3p(sites):
    """Two molecules of TIP3P water, in kcal/mol and angstrom: Jorgensen et al., J. Chem. Phys. 79, 926 (1983)."""
    distances = (sites[:, :3, None] - sites[:, None, 3:]).norm(dim=-1)
    square = (3.15061 / distances[:, 0, 0]) ** 6
    return 332.06 * (CHARGES[:, None] * CHARGES / distances).sum((1, 2)) + 4 * 0.1521 * (square**2 - square)


def dimer(**settings):
    return RigidBodies([WATER, WATER], tip3p, ("O", "H", "H") * 2, contact=2.8, groups=GROUPS, **settings)


@pytest.mark.parametrize("length", [0.0, 1e-9, 1e-3, 0.02, 1.0, np.pi, 7.0])
def test_sites_are_turned_bodies(length):
    landscape = dimer()
    rng = np.random.default_rng(0)
    centers, axes = rng.normal(size=(2, 2, 3))
    vectors = length * axes / np.linalg.norm(axes, axis=1, keepdims=True)
    point = np.concatenate([centers, vectors]).ravel()
    wanted = np.concatenate([Rotation.from_rotvec(v).apply(WATER) + c for c, v in zip(centers, vectors, strict=True)])
    np.testing.assert_allclose(landscape.sites(torch.from_numpy(point[None]))[0], wanted, atol=1e-12)
    np.testing.assert_allclose(landscape.symmetry.positions(point[None])[0], wanted.ravel(), atol=1e-12)
    _, gradients, hessians = local_expansions(landscape, point[None])
    modes = landscape.symmetry.zero_modes(point[None])[0]
    assert np.abs(modes.T @ gradients[0]).max() < 1e-8 * np.abs(gradients).max()
    assert np.isfinite(hessians).all()
    np.testing.assert_allclose(modes.T @ modes, np.eye(6), atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_copies_are_one_and_have_one_energy(seed):
    """Turned, moved, bodies exchanged, hydrogens exchanged, whole turns added."""
    landscape, rng = dimer(), np.random.default_rng(seed)
    point = landscape.initial_points([seed])[0].numpy()
    centers, vectors = point.reshape(2, 2, 3)
    turn, exchange = Rotation.random(rng=rng), Rotation.from_rotvec([0, np.pi, 0])  # about the axis of the molecule
    own = [Rotation.from_rotvec(v) for v in vectors]
    if seed % 2:
        own[0] *= exchange
    moved = [turn * r for r in own]
    copy = np.stack([turn.apply(centers) + rng.normal(size=3), [r.as_rotvec() for r in moved]])
    copy[1, 1] *= 1 + 2 * np.pi / np.linalg.norm(copy[1, 1])
    copy = copy[:, ::-1].ravel() if seed % 3 else copy.ravel()
    found = landscape.symmetry.nearest(point, copy)
    assert found.distance < 1e-9
    np.testing.assert_allclose(
        landscape.symmetry.fingerprint([copy]), landscape.symmetry.fingerprint([point]), atol=1e-9
    )
    energies = landscape.energy(np.stack([point, copy, found.coordinates]))
    torch.testing.assert_close(energies, energies[:1].expand(3))
    other = landscape.initial_points([seed + 100])[0].numpy()
    near = landscape.symmetry.nearest(point, other)
    apart = np.diff(landscape.symmetry.positions([point, near.coordinates]), axis=0)
    assert np.linalg.norm(apart) == pytest.approx(near.distance)
    assert landscape.energy(near.coordinates[None])[0] == pytest.approx(landscape.energy(other[None])[0])


def test_the_dimer_of_water_is_mapped():
    """Its one minimum has a hydrogen bond of 6.54 kcal/mol; states exchange the hydrogens of the acceptor, or donor."""
    landscape = dimer(mirrored=True)
    plan = MappingPlan(n_starts=8, n_points=0, n_hops=0, n_modes=6, n_directions=2, n_rounds=1, n_pairs=0)
    database = map_landscape(landscape, plan=plan)
    np.testing.assert_allclose(database.minima["energy"].values.ravel(), [-6.54], atol=0.005)
    states = database.paths["coordinates"].values
    assert len(states)
    for points, index in ((database.coordinates([0]), 0), (states, 1)):
        for values in np.linalg.eigvalsh(local_expansions(landscape, points, method="differences")[2]):
            small = 1e-5 * values[-1]
            assert ((values < -small).sum(), (np.abs(values) < small).sum()) == (index, 6)


def test_descriptions_make_the_same_again():
    symmetry = dimer().symmetry
    assert symmetry_from(json.loads(json.dumps(symmetry.description()))) == symmetry


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RigidBodies([[[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]], tip3p, "AAA"), "three sites off a line"),
        (lambda: RigidBodies([WATER], tip3p, "AB"), "2 species given"),
        (lambda: RigidBodies([WATER], tip3p, "ABB", contact=0.0), "contact = 0.0"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
