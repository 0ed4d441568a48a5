"""One row an implementation: the tables that the conformance suites run over.

A row is a function without arguments that makes the thing, so that this module imports nothing of elsuite. To add
an implementation, add a row; every suite that runs over the table then has it.
"""

import numpy as np


def landscape(name, *arguments, **settings):
    """Return a row for a class in elsuite.landscapes."""

    def make():
        from elsuite import landscapes

        return getattr(landscapes, name)(*arguments, **settings)

    return make


def images(n=30, shape=(8, 8), n_classes=4, seed=0):
    """Return random images and labels, every class among them."""
    generator = np.random.default_rng(seed)
    return generator.random((n, *shape), dtype=np.float32), np.arange(n) % n_classes


def network(architecture, *, shape=(8, 8), dtype="float64", byte_budget=2**30, **options):
    """Return a row for a named network on random images, four classes, with a test surface."""

    def make():
        import torch

        from elsuite.landscapes import DataSet, network_landscape

        data = DataSet("random", *images(30, shape), *images(14, shape, seed=1))
        return network_landscape(
            architecture, data, dtype=getattr(torch, dtype), byte_budget=byte_budget, device="cpu", **options
        )

    return make


def quartic(points):
    """A surface of a user's own: coupled quartic wells."""
    return ((points**2 - 1) ** 2).sum(1) + 0.3 * points.prod(1)


def power_pair(distances):
    """A pair potential of a user's own."""
    return distances**-9 - 2 * distances**-4


def soft_pair(distances):
    """One that falls for ever."""
    return 1 / distances


def numpy_quartic(points):
    """The surface above, by numpy."""
    return ((np.asarray(points) ** 2 - 1) ** 2).sum(axis=1) + 0.3 * np.prod(points, axis=1)


def numpy_quartic_gradient(points):
    """Its gradient."""
    return 4 * points * (points**2 - 1) + 0.3 * np.prod(points, axis=1, keepdims=True) / points


def numpy_pair(points):
    """Both."""
    return numpy_quartic(np.asarray(points)), numpy_quartic_gradient(points)


def numpy_point(point):
    """The surface at one point."""
    return float(numpy_quartic(point[None])[0])


TRIANGLE = [[1.0, 0, 0], [-0.5, 0.8, 0], [-0.5, -0.8, 0.1]]


def pairs_of_sites(sites):
    """The energy of two bodies of three sites."""
    cube = ((sites[:, :3, None] - sites[:, None, 3:]) ** 2).sum(-1) ** -3
    return (cube**2 - cube).sum((1, 2))


# Surfaces given by a formula, which know all or some of their minima and transition states.
ANALYTIC = {
    "four gaussians": landscape("FourGaussians"),
    "muller-brown": landscape("MullerBrown"),
    "six-hump camel": landscape("SixHumpCamel"),
    "wells, one": landscape("SeparableWells", (0.5,)),
    "wells, four": landscape("SeparableWells", (1.0, 0.25, 2.0, 1.0)),
    "function": landscape("FunctionLandscape", quartic, 3),
    "lj2": landscape("LennardJones", 2),
    "lj6": landscape("LennardJones", 6),
    "lj7": landscape("LennardJones", 7),
    "lj13": landscape("LennardJones", 13),
    "lj7 in the plane": landscape("LennardJones", 7, dimension=2),
    "morse": landscape("Morse", 7, rho=14.0),
    "morse in the plane": landscape("Morse", 5, dimension=2),
    "two species": landscape("BinaryLennardJones", 4, 3, mirrored=False),
    "two species, cut off": landscape("BinaryLennardJones", 4, 3, cutoff=1.5),
    "two species in a cell": landscape("BinaryLennardJones", 6, 2, cell=4.0, cutoff=1.9),
    "two species in a flat cell": landscape(
        "BinaryLennardJones", 6, 3, cell=((4.0, 0.0), (1.0, 4.2)), cutoff=1.9, dimension=2
    ),
    "pairs": landscape("PairPotential", "AAAB", power_pair, cell=4.0, cutoff=1.8),
    "pairs of species": landscape("PairPotential", "ABA", {("A", "A"): power_pair, ("A", "B"): soft_pair}),
    "gold": landscape("Gupta", "Au", 6),
    "silver and copper": landscape("Gupta", ["Ag", "Cu", "Ag", "Cu", "Cu"]),
    "spins": landscape("XYSpins", 6),
    "spins on a lattice": landscape("XYSpins", (3, 4), disorder=0.3),
    "torsions": landscape("Torsions", 2),
    "coupled torsions": landscape("Torsions", 3, coupling=100.0),
}


def copper(**settings):
    """Return a row for four copper atoms with ASE's effective medium theory."""

    def make():
        from ase import Atoms
        from ase.calculators.emt import EMT

        from elsuite.landscapes import AtomicLandscape

        places = 2.4 * np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.9, 0], [0.5, 0.3, 0.8]])
        return AtomicLandscape(Atoms("Cu4", places), EMT, **settings)

    return make


# Rigid bodies, which have no box.
BODIES = {"two triangles": landscape("RigidBodies", [TRIANGLE, TRIANGLE], pairs_of_sites, "AAAAAA", contact=2.0)}

# Functions of numpy and calculators, of which torch knows no derivatives.
GRADIENT_ONLY = {
    "copper": copper(),
    "copper, rattled": copper(starts="rattled", mirrored=False),
    "numpy": landscape("FunctionLandscape", numpy_quartic, 3),
    "numpy with its gradient": landscape("FunctionLandscape", numpy_quartic, 3, gradient=numpy_quartic_gradient),
    "numpy, a pair": landscape("FunctionLandscape", numpy_pair, 3),
    "numpy, point by point": landscape("FunctionLandscape", numpy_point, 3, batched=False),
}

# Networks, in float64 so that finite differences mean something.
NETWORKS = {
    "fcp": network("fcp", hidden=(6, 5)),
    "fcp, biases and tanh": network("fcp", hidden=(6, 5, 4), bias=True, activation="tanh"),
    "fcp, one layer": network("fcp", hidden=()),
    "fcp, sigmoid": network("fcp", hidden=(7,), activation="sigmoid"),
    "fcp, tiny budget": network("fcp", hidden=(6, 5), byte_budget=2**11),
    "autoencoder": network("autoencoder", hidden=(5, 3, 5)),
    "autoencoder, biases and tanh": network("autoencoder", hidden=(4,), bias=True, activation="tanh"),
    "lenet": network("lenet", shape=(12, 14), hidden=(8, 6), channels=(2, 3)),
    "lstm": network("lstm", hidden=5),
}

LANDSCAPES = ANALYTIC | BODIES | GRADIENT_ONLY | NETWORKS


def minimizer(name, **settings):
    """Return a row for a minimizer by its name in elsuite.minimizers.MINIMIZERS."""

    def make():
        from elsuite.minimizers import MINIMIZERS

        return MINIMIZERS[name](**settings)

    return make


# Minimizers, with settings that bring them down every analytic surface.
MINIMIZERS = {
    "lbfgs-gss": minimizer("lbfgs-gss", epochs=200),
    "lbfgs-gss, short steps": minimizer("lbfgs-gss", epochs=200, largest_step=0.1),
    "lbfgs-wolfe": minimizer("lbfgs-wolfe", epochs=200),
    "sgd": minimizer("sgd", epochs=1000, learning_rate=3e-4, momentum=0.95),
    "adam": minimizer("adam", epochs=600, settings={"lr": 0.03}),
    "rprop": minimizer("torch", epochs=200, optimizer="Rprop"),
}


def finder(name, **settings):
    """Return a row for a finder by its name in elsuite.paths.PATH_FINDERS."""

    def make():
        from elsuite.paths import PATH_FINDERS

        return PATH_FINDERS[name](**settings)

    return make


# Finders of paths, quick enough for every surface.
PATH_FINDERS = {
    "fourier": finder("fourier", n_points=21, n_steps=8, max_rounds=2),
    "fourier, momentum": finder(
        "fourier", n_points=21, n_steps=8, max_rounds=2, optimizer="momentum", learning_rate=1e-4
    ),
    "bezier": finder("bezier", n_points=21, n_steps=8, max_rounds=2),
    "chain": finder("chain", n_points=21, n_steps=8, max_rounds=2, n_pivots=4),
    "autoneb": finder("autoneb", n_points=21, n_steps=8, max_cycles=3),
    "doubly-nudged": finder("doubly-nudged", n_points=21, n_steps=8, max_rounds=2, n_images=7),
    "linear": finder("linear", n_points=21),
}
