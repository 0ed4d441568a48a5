"""Made-up landscape databases whose pictures look like those of networks, of any size; used by plotting and report."""

import numpy as np
import xarray as xr

from elsuite.database import LandscapeDatabase
from elsuite.database.computed import store_computed

SETS = ("sgd/train", "sgd/test", "lbfgs-gss/train", "lbfgs-gss/test")
STUDY = 'name = "made up"\nseed = 0\n\n[data]\nname = "digits" # <script>alert("no")</script>\n'
# Mean log10 of the training and test loss, and of the height of a path, for each set.
LOSS = {
    "sgd/train": (-3.0, -0.4),
    "sgd/test": (-1.6, -0.6),
    "lbfgs-gss/train": (-5.5, 0.2),
    "lbfgs-gss/test": (-2.0, -0.5),
}
HEIGHT = {"sgd/train": -0.6, "sgd/test": -0.9, "lbfgs-gss/train": 0.3, "lbfgs-gss/test": -0.2}
SIZE = {"sgd/train": 1.0, "sgd/test": 0.8, "lbfgs-gss/train": 2.2, "lbfgs-gss/test": 1.3}
N_EPOCHS = 40


def example_database(
    n_each=12,
    *,
    sets=SETS,
    n_parameters=30,
    paths_each=3,
    seed=0,
    surfaces=("train", "test"),
    attributes=None,
    store=None,
):
    """Return a database, in memory by default, of `n_each` minima a set with `paths_each` paths from each minimum."""
    rng = np.random.default_rng(seed)
    database = LandscapeDatabase.create(
        store,
        n_parameters=n_parameters,
        surfaces=surfaces,
        dtype="float32",
        attributes={
            "study": STUDY,
            "landscape": {"network": {"architecture": "fcp"}, "data": {"name": "digits"}},
            "settings": {"seed": seed},
            **(attributes or {}),
        },
    )
    minima, runs = _minima(rng, n_each, sets, n_parameters, surfaces)
    database.add(runs=runs, minima=minima)
    if paths_each and n_each * len(sets) > 1:
        database.add(paths=_paths(rng, minima, paths_each, surfaces))
    return database


def add_computed_values(database, surface="train"):
    """Add made-up values of every kind that pictures are drawn from, of the first three minima."""
    rng = np.random.default_rng(0)
    x, y = np.linspace(-1, 5, 13), np.linspace(-1, 3, 9)
    bowl = 0.01 + 0.3 * ((x - 2) ** 2 + (y[:, None] - 1) ** 2)
    ids = {"minimum": ("corner", np.arange(3), {"ids": "minima"})}
    t = np.linspace(0, 1, 11)
    bent = np.stack([4 * t, np.sin(np.pi * t)], axis=1)
    plane = {
        "energy": (("y", "x"), bowl),
        "metric_accuracy": (("y", "x"), 1 / (1 + bowl)),
        **ids,
        "place": (("corner", "axis"), [[0.0, 0.0], [4.0, 0.0], [1.0, 2.0]]),
        "finder": ("line", np.array(["linear", "fourier"], dtype=object)),
        "curve": (("line", "step", "axis"), [4 * t[:, None] * [1.0, 0.0], bent]),
        "share_outside": ("line", [1e-12, 0.876]),
    }
    lines = 0.1 + rng.uniform(0.5, 1.5, size=(2, 6, 1)) * np.sin(np.pi * t) ** 2 * [[[1.0]], [[0.3]]]
    center = {"minimum": ("center", [2], {"ids": "minima"})}
    axis = np.linspace(-1, 1, 9)
    kinds = {
        "plane": (plane, {"x": x, "y": y}, [0, 1, 2], {"align": None}),
        "around": ({"energy": (("y", "x"), 1 + axis**2 + axis[:, None] ** 2), **center}, {"x": axis, "y": axis}, [2], {"directions": "filter"}),
        "interpolation": ({"energy": (("ends", "pair", "t"), lines)}, {"t": t, "ends": np.array(["as stored", "aligned"], dtype=object)}, [0, 1], {}),
        "spectrum": ({"node": (("probe", "step"), [[-0.1, 0.0, 3.0], [-0.1, 0.1, 3.0]]), "weight": (("probe", "step"), [[0.1, 0.8, 0.1]] * 2), **center}, {}, [2], {}),
    }  # fmt: skip
    moments = {"n_parameters": 30, "trace": 10.0, "trace_error": 0.5}
    for kind, (arrays, coordinates, minima, settings) in kinds.items():
        said = {"kind": kind, "minima": minima, "surface": surface, "settings": settings}
        store_computed(database, xr.Dataset(arrays, coordinates, said | (moments if kind == "spectrum" else {})))
    line = xr.Dataset({"energy": ("x", 1 + axis**2), **center}, {"x": axis})
    line.attrs = {"kind": "around", "minima": [2], "surface": surface, "settings": {"directions": "plain"}}
    store_computed(database, line)
    return database


def _minima(rng, n_each, sets, n_parameters, surfaces):
    minimizers = list(dict.fromkeys(name.partition("/")[0] for name in sets))
    names = [name for name in sets for _ in range(n_each)]
    columns = [{"train": 0, "test": 1}.get(surface, 0) for surface in surfaces]
    means = np.array([[LOSS.get(name, (-2, -1))[column] for column in columns] for name in names])
    energies = 10 ** (means + rng.normal(scale=0.3, size=means.shape))
    centers = {name: SIZE.get(name, 1) * rng.normal(size=n_parameters) for name in sets}
    coordinates = np.array([centers[name] for name in names]) + 0.6 * rng.normal(size=(len(names), n_parameters))
    stoppings = [name.partition("/")[2] or surfaces[0] for name in names]
    own_runs = [minimizers.index(name.partition("/")[0]) * n_each + number for name in sets for number in range(n_each)]
    curves, epochs = _curves(rng, len(minimizers) * n_each, len(surfaces))
    epoch = [
        N_EPOCHS - 1 if stopping == "train" else int(epochs[run])
        for stopping, run in zip(stoppings, own_runs, strict=True)
    ]
    minima = {
        "coordinates": coordinates,
        "energy": energies,
        "gradient_norm": 10 ** rng.normal(-4, 1, size=len(names)),
        "set": names,
        "stopping": stoppings,
        "run": own_runs,
        "epoch": epoch,
        "outcome": ["budget spent"] * len(names),
    }
    runs = {
        "seed": [1000 + number for number in range(len(minimizers) * n_each)],
        "minimizer": [name for name in minimizers for _ in range(n_each)],
        "outcome": ["budget spent"] * (len(minimizers) * n_each),
        "seconds": [1.5] * (len(minimizers) * n_each),
        "curves": curves,
    }
    return minima, runs


def _curves(rng, n_runs, n_surfaces):
    steps = rng.random((n_runs, N_EPOCHS)) * 0.25
    train = 2.3 * np.exp(-np.cumsum(steps, axis=1))
    test = 0.3 + 0.8 * train + 0.3 * rng.random((n_runs, 1)) * np.linspace(0, 1, N_EPOCHS)
    return np.stack([train, test], axis=1)[:, :n_surfaces], test.argmin(axis=1)


def _paths(rng, minima, paths_each, surfaces):
    n = len(minima["set"])
    sources = np.repeat(np.arange(n), paths_each)
    targets = (sources + rng.integers(1, n, size=len(sources))) % n
    parts = []
    for column, surface in enumerate(surfaces):
        ends = minima["energy"][sources, column], minima["energy"][targets, column]
        logs = np.array([HEIGHT.get(name, 0.0) for name in minima["set"]])
        same = np.array(
            [
                minima["set"][a].split("/")[0] == minima["set"][b].split("/")[0]
                for a, b in zip(sources, targets, strict=True)
            ]
        )
        tops = 10 ** (np.maximum(logs[sources], logs[targets]) + rng.normal(scale=0.2, size=len(sources)) + 0.3 * ~same)
        tops = np.maximum(tops, 1.05 * np.maximum(*ends))
        t = np.linspace(0, 1, 51)
        base = (1 - t) * ends[0][:, None] + t * ends[1][:, None]
        profiles = base + (tops - base.max(axis=1))[:, None] * np.sin(np.pi * t) ** 2
        parts.append((surface, tops, profiles))
    m = len(sources)
    return {
        "source": np.tile(sources, len(parts)),
        "target": np.tile(targets, len(parts)),
        "surface": [surface for surface, _, _ in parts for _ in range(m)],
        "kind": ["path"] * (m * len(parts)),
        "finder": ["fourier"] * (m * len(parts)),
        "setting": ["converged"] * (m * len(parts)),
        "seed": [0] * (m * len(parts)),
        "height": np.concatenate([profiles.max(axis=1) for _, _, profiles in parts]),
        "refined_height": np.concatenate([tops for _, tops, _ in parts]),
        "refined_t": np.full(m * len(parts), 0.505),
        "profile": np.concatenate([profiles for _, _, profiles in parts]),
        "length": np.tile(rng.uniform(8, 20, size=m), len(parts)),
        "chord": np.full(m * len(parts), 7.0),
        "outcome": ["converged"] * (m * len(parts)),
    }
