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


def once(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def rounds_of(path, n, rng):
    """Yield one round of seconds after the other: what is measured, and how long it took."""

    def scalars():
        with open_database(path) as fresh:
            return [fresh.minima[name].values for name in ("energy", "set", "run", "outcome", "gradient_norm")]

    with open_database(path, mode="a") as database:
        while True:
            for size in (1, 50):
                batch = minima(size, 10**7 + database.n_minima, rng)
                yield f"append {size}", once(lambda batch=batch: database.add(minima=batch))
            yield "open", once(lambda: open_database(path).close())
            yield "one vector", once(lambda: database.coordinates([int(rng.integers(n))]))
            yield "scalars", once(scalars)


def test_growth(full, benchmark, tmp_path):
    """Both sizes in turn, round by round: what else the machine does then slows both."""
    rng = np.random.default_rng(0)
    sizes, n_rounds = ((1_000, 100_000), 25) if full else ((60, 240), 2)
    sources = {}
    for n in sizes:
        grow(tmp_path / f"{n}.elsuite", n, rng)
        sources[n] = rounds_of(tmp_path / f"{n}.elsuite", n, rng)
    found = {n: {} for n in sizes}
    for _ in range(n_rounds):
        for n in sizes:
            for _ in range(5):
                name, time_taken = next(sources[n])
                found[n].setdefault(name, []).append(1000 * time_taken)
    for n in sizes:
        sources[n].close()
        shutil.rmtree(tmp_path / f"{n}.elsuite")
    print(f"\n{'milliseconds':<12} {sizes[0]:>10,} {sizes[1]:>10,}   ratio")
    ratios = {}
    for name in found[sizes[0]]:
        a, b = (float(np.median(found[n][name])) for n in sizes)
        ratios[name] = b / a
        print(f"{name:<12} {a:>10.2f} {b:>10.2f} {b / a:>7.2f}")
    benchmark.pedantic(lambda: None)
    if full:
        assert max(ratios["append 1"], ratios["append 50"], ratios["one vector"]) <= 1.5


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
    print(f"\nwriter killed: rounds {found.rounds}, commits {found.commits}, lost {found.lost}, torn {found.torn}")
    benchmark.pedantic(lambda: None)
    assert (found.lost, found.torn) == (0, 0), found.problem
