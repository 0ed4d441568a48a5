"""Growth of the store and its safety, printed as figures; at full size only with `--benchmark-enable`."""

import shutil
import time

import numpy as np
import pytest
from appending import kill_rounds

from elsuite.database import LandscapeDatabase, open_database

N_PARAMETERS = 15_456


@pytest.fixture
def full(benchmark):
    """Whether the large sizes are worth their time."""
    return benchmark.enabled


def minima(n, first, rng):
    return {
        "coordinates": rng.standard_normal((n, N_PARAMETERS), dtype=np.float32),
        "energy": rng.random((n, 2)),
        "set": ["sgd/train"] * n,
        "key": np.arange(first, first + n, dtype=np.uint64) + 1,
    }


def paths(n, n_minima, first, rng):
    return {
        "source": rng.integers(n_minima, size=n),
        "target": rng.integers(n_minima, size=n),
        "surface": ["train"] * n,
        "height": rng.random(n) + 2,
        "refined_height": rng.random(n) + 3,
        "key": np.arange(first, first + n, dtype=np.uint64) + 1,
    }


def seconds(function, rounds):
    """The median time of a few calls."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def grow(path, n, rng):
    """Make a store of `n` minima, in commits of 500."""
    with LandscapeDatabase.create(path, n_parameters=N_PARAMETERS, surfaces=["train", "test"]) as database:
        for first in range(0, n, 500):
            database.add(minima=minima(min(500, n - first), first, rng))


def figures(path, n, rng):
    """Median seconds of appending 1 and 50 minima, opening, loading scalars, reading one vector."""
    found = {}
    with open_database(path, mode="a") as database:
        for size, rounds in ((1, 15), (50, 7)):
            batches = [minima(size, 10**7 + database.n_minima + k * size, rng) for k in range(rounds)]
            found[f"append {size}"] = seconds(
                lambda queue=batches, db=database: db.add(minima=queue.pop()), rounds
            )
    found["open"] = seconds(lambda: open_database(path).close(), 5)
    with open_database(path) as database:
        ids = iter(rng.permutation(n)[:20].tolist())
        found["one vector"] = seconds(lambda: database.coordinates([next(ids)]), 20)

    def scalars():
        with open_database(path) as fresh:
            return [
                fresh.minima[name].values for name in ("energy", "set", "run", "outcome", "gradient_norm")
            ]

    found["scalars"] = seconds(scalars, 3)
    return found


def test_growth(full, benchmark, tmp_path):
    rng = np.random.default_rng(0)
    small, large = (1_000, 100_000) if full else (60, 240)
    found = {}
    for n in (small, large):
        path = tmp_path / f"{n}.elsuite"
        grow(path, n, rng)
        found[n] = figures(path, n, rng)
        shutil.rmtree(path)
    print(f"\n{'milliseconds':<12} {small:>10,} {large:>10,}   ratio")
    for name in found[small]:
        a, b = 1000 * found[small][name], 1000 * found[large][name]
        print(f"{name:<12} {a:>10.2f} {b:>10.2f} {b / a:>7.2f}")
    benchmark.pedantic(lambda: None)


def test_scalars_of_many_paths(full, benchmark, tmp_path):
    rng = np.random.default_rng(0)
    n = 1_000_000 if full else 2_000
    path = tmp_path / "paths.elsuite"
    with LandscapeDatabase.create(path, n_parameters=1, surfaces=["train"]) as database:
        database.add(minima={"coordinates": np.zeros((1000, 1), np.float32), "energy": rng.random((1000, 1))})
        for first in range(0, n, 100_000):
            database.add(paths=paths(min(n, 100_000), 1000, first, rng))

    def load():
        with open_database(path) as fresh:
            return [fresh.paths[c].values for c in ("source", "target", "surface", "refined_height", "kind")]

    print(f"\nscalars of {n:,} paths: {seconds(load, 3):.2f} s")
    benchmark.pedantic(load, rounds=1)


def test_kills(full, benchmark, tmp_path):
    found = kill_rounds(tmp_path / "killed.elsuite", 100 if full else 2, seed=0)
    print(
        f"\nwriter killed: rounds {found.rounds}, commits {found.commits}, lost {found.lost}, torn {found.torn}"
    )
    benchmark.pedantic(lambda: None)
    assert (found.lost, found.torn) == (0, 0), found.problem
