"""Whole landscapes of clusters: sweeps by gradients alone against walks with a Hessian a step, and against pele.

Small by default: LJ7 both ways, and quenches of LJ13 against scipy's L-BFGS-B on the same compiled energy.
`ELSUITE_BENCH_FULL=1` maps LJ13 whole (`ELSUITE_BENCH_SECONDS` of CPU, 300 by default) and hops on LJ38, LJ55 and LJ75.
pele runs beside it where `ELSUITE_BENCH_PELE` names a Python that has it (``pip install pele``, in an environment of its
own), by its own protocols: basin hopping, then connections of random pairs.
"""

import os
import subprocess
import time

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from elsuite.core.compiling import can_compile
from elsuite.exploration import MappingPlan, basin_hopping, map_landscape
from elsuite.landscapes import LennardJones
from elsuite.landscapes.kernels import compiled_kernel
from elsuite.stationary import Limits
from elsuite.stationary.engine import engine_of

pytestmark = [pytest.mark.making, pytest.mark.skipif(not can_compile(), reason="numba is not installed")]

FULL = bool(os.environ.get("ELSUITE_BENCH_FULL"))
SECONDS = float(os.environ.get("ELSUITE_BENCH_SECONDS", "300" if FULL else "0"))
PELE = os.environ.get("ELSUITE_BENCH_PELE", "")

PELE_HOPS = """
import sys, time, numpy
from pele.systems import LJCluster
numpy.random.seed(0)
system = LJCluster(int(sys.argv[1])); database = system.create_database()
hopping = system.get_basinhopping(database=database, outstream=None); hopping.run(2)
begun = time.process_time(); hopping.run(int(sys.argv[2]))
print(int(sys.argv[2]) / (time.process_time() - begun), database.minima()[0].energy)
"""

PELE_MAP = """
import contextlib, io, logging, random, sys, time, numpy
from pele.landscape import ConnectManager
from pele.systems import LJCluster
numpy.random.seed(0); random.seed(0); logging.disable(logging.CRITICAL)
system = LJCluster(int(sys.argv[1])); database = system.create_database()
begun = time.process_time()
with contextlib.redirect_stdout(io.StringIO()):
    system.get_basinhopping(database=database, outstream=None).run(200)
    jobs = ConnectManager(database, strategy="random", verbosity=0)
    while time.process_time() - begun < float(sys.argv[2]):
        pair = jobs.get_connect_job(strategy="random")
        system.get_double_ended_connect(*pair, database, verbosity=0, fresh_connect=True).connect()
print(database.number_of_minima(), database.number_of_transition_states(), time.process_time() - begun)
"""


class Over(BaseException):
    """The time is over."""


def mapped(landscape, plan=None, *, seconds=np.inf, store=None):
    """A database, or what of it is committed when the CPU seconds are over; with what was spent."""
    begun = time.process_time()

    def watch(*_):
        if time.process_time() - begun > seconds:
            raise Over

    try:
        database = map_landscape(landscape, plan=plan, store=store, progress=watch)
    except Over:
        database = map_landscape(landscape, plan=plan, store=store, seconds=0)
    return database, time.process_time() - begun


def told(name, database, spent):
    n = database.n_minima
    ends = [database.paths[end].values for end in ("source", "target")]
    n_parts = connected_components(coo_array((np.ones(len(ends[0])), ends), shape=(n, n)), directed=False)[0]
    sweeps = database.runs["minimizer"].values == "sweeps"
    n_searches = sum(int(words.split()[0]) for words in database.runs["message"].values[sweeps])
    calls = database.runs["n_evaluations"].values[sweeps].sum() / max(1, n_searches)
    print(
        f"{name}: {spent:.1f} CPU s, {n} minima, {database.n_paths} transition states, {n_parts} parts; "
        f"{n_searches} searches of {calls:.0f} force calls"
    )
    return n_parts


def by_pele(code, *arguments):
    if not PELE:
        return None
    done = subprocess.run([PELE, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.strip().splitlines()[-1].split()]


def test_sweeps_find_more_in_less_time_than_walks_with_hessians(monkeypatch):
    cluster = LennardJones(7)
    engine_of(cluster)
    swept, quick = mapped(cluster, MappingPlan(n_starts=16, n_points=16, n_hops=0, n_modes=0, n_sweeps=2, n_pairs=0))
    told("LJ7, sweeps", swept, quick)
    with monkeypatch.context() as before:
        before.setattr(LennardJones, "kernel", lambda self: None)
        plan = MappingPlan(n_starts=16, n_points=16, n_hops=0, n_modes=0, n_directions=20, n_rounds=2, n_pairs=0)
        walked, slow = mapped(cluster, plan)
    told("LJ7, walks", walked, slow)
    n_searches = sum(int(words.split()[0]) for words in swept.runs["message"].values)
    n_walks = sum(int(words.split()[0]) for words in walked.runs["message"].values)
    assert swept.n_paths >= walked.n_paths
    assert quick / n_searches < 0.2 * slow / n_walks


def test_quenches_against_scipy():
    cluster = LennardJones(13)
    engine, kernel = engine_of(cluster), cluster.kernel()
    function = compiled_kernel(kernel.function)
    starts = cluster.initial_points(list(range(100))).numpy()

    def energy_and_gradient(x):
        gradient = np.empty_like(x)
        return function(x, gradient, kernel.parameters), gradient

    begun = time.process_time()
    ours = engine.down(starts, limits=Limits(), longest=0.6, tolerance=1e-6)
    spent = time.process_time() - begun
    slopes = [end.gradient_norm for end in ours]
    begun = time.process_time()
    options = {"gtol": float(np.median(slopes)) / 6, "ftol": 0.0, "maxiter": 3000, "maxfun": 10000}
    theirs = [minimize(energy_and_gradient, x, jac=True, method="L-BFGS-B", options=options) for x in starts]
    others = time.process_time() - begun
    calls = np.mean([end.n_calls for end in ours]), np.mean([end.nfev for end in theirs])
    print(
        f"LJ13: {100 / spent:.0f} quenches a CPU s of {calls[0]:.0f} calls; scipy {100 / others:.0f} of {calls[1]:.0f}"
    )
    assert spent < others


@pytest.mark.skipif(not SECONDS, reason="ELSUITE_BENCH_FULL=1 maps LJ13 whole")
def test_lj13_whole(tmp_path):
    database, spent = mapped(LennardJones(13), seconds=SECONDS, store=tmp_path / "lj13")
    n_parts = told("LJ13", database, spent)
    if (pele := by_pele(PELE_MAP, 13, min(SECONDS, 60))) is not None:
        print(f"pele: {pele[2]:.1f} CPU s, {pele[0]:.0f} minima, {pele[1]:.0f} transition states")
        assert database.n_paths / spent > pele[1] / pele[2]
    assert n_parts == 1
    if SECONDS >= 300:
        assert database.n_minima >= 1500
        assert database.n_paths >= 20_000


@pytest.mark.parametrize("n_atoms", [38, 55, 75] if FULL else [13])
def test_hops(n_atoms):
    cluster, n_hops = LennardJones(n_atoms), (20_000 if FULL else 1300) // n_atoms
    starts = cluster.initial_points([0])
    basin_hopping(cluster, starts, n_hops=1, n_lowest=10)
    begun = time.process_time()
    found = basin_hopping(cluster, starts, n_hops=n_hops, n_lowest=10, temperature=0.8)
    rate = n_hops / (time.process_time() - begun)
    print(
        f"LJ{n_atoms}: {rate:.0f} quenches a CPU s of {found.n_gradients / n_hops:.0f} force calls, lowest {found.minima[0].energy:.4f}"
    )
    if (pele := by_pele(PELE_HOPS, n_atoms, n_hops)) is not None:
        print(f"pele: {pele[0]:.0f} quenches a CPU s, lowest {pele[1]:.4f}")
        assert rate > pele[0]
    assert not found.failures
