"""A database small enough to know every answer by hand; used by tests of the reading half."""

import numpy as np

from elsuite.database import LandscapeDatabase

SURFACES = ("train", "test")
# id: set, train energy, test energy, run
MINIMA = [
    ("sgd/train", 0.10, 0.50, 0),
    ("sgd/test", 0.20, 0.40, 0),
    ("sgd/train", 0.15, 0.55, 1),
    ("lbfgs-gss/train", 0.01, 0.90, 2),
    ("lbfgs-gss/test", 0.30, 0.35, 2),
    ("lbfgs-gss/train", 0.02, 0.95, 3),
]
# source, target, surface, refined height
PATHS = [
    (0, 1, "train", 0.25),
    (1, 2, "train", 0.60),
    (0, 2, "train", 0.70),  # dearer than the route 0 - 1 - 2
    (0, 2, "train", 0.90),  # a parallel path, never the best
    (3, 5, "train", 0.05),
    (2, 3, "train", 0.80),
    (0, 1, "test", 0.52),
]
# Minimum 4 is joined by nothing; on train the merges are
MERGES = [(0.05, [[3], [5]]), (0.25, [[0], [1]]), (0.60, [[0, 1], [2]]), (0.80, [[3, 5], [0, 1, 2]])]


def fill(database):
    """Put runs, minima and paths into an open database with two surfaces and four parameters."""
    rng = np.random.default_rng(0)
    n_runs = 4
    curves = np.full((n_runs, 2, 5), np.nan)
    curves[:, :, :4] = np.linspace(2.0, 0.1, 4)
    database.add(
        runs={
            "key": np.arange(1, n_runs + 1, dtype=np.uint64),
            "seed": np.arange(n_runs),
            "minimizer": ["sgd", "sgd", "lbfgs-gss", "lbfgs-gss"],
            "outcome": ["budget spent", "converged", "budget spent", "budget spent"],
            "message": [""] * n_runs,
            "n_steps": [30] * n_runs,
            "n_evaluations": [3.0] * n_runs,
            "seconds": [0.1] * n_runs,
            "curves": curves,
        },
        minima={
            "coordinates": rng.normal(size=(len(MINIMA), 4)),
            "energy": np.array([[train, test] for _, train, test, _ in MINIMA]),
            "gradient_norm": np.full(len(MINIMA), 1e-3),
            "set": [name for name, *_ in MINIMA],
            "stopping": [name.split("/")[1] for name, *_ in MINIMA],
            "run": [run for *_, run in MINIMA],
            "epoch": [3] * len(MINIMA),
            "outcome": ["budget spent"] * len(MINIMA),
            "key": np.arange(1, len(MINIMA) + 1, dtype=np.uint64),
        },
    )
    heights = np.array([height for *_, height in PATHS])
    database.add(
        paths={
            "key": np.arange(1, len(PATHS) + 1, dtype=np.uint64),
            "source": [a for a, *_ in PATHS],
            "target": [b for _, b, *_ in PATHS],
            "surface": [s for _, _, s, _ in PATHS],
            "kind": ["path"] * len(PATHS),
            "finder": ["fourier"] * len(PATHS),
            "height": heights - 0.001,
            "refined_height": heights,
            "refined_t": [0.5] * len(PATHS),
            "profile": np.column_stack([heights - 0.04, heights - 0.001, heights - 0.04]),
            "length": [2.0] * len(PATHS),
            "chord": [1.0] * len(PATHS),
            "outcome": ["converged"] * len(PATHS),
        }
    )
    return database


def small_store(path):
    """Write the database to `path` and return it as text."""
    with LandscapeDatabase.create(path, n_parameters=4, surfaces=SURFACES) as database:
        fill(database)
    return str(path)
