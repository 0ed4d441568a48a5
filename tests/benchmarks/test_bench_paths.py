"""Path finders against the published procedure, in one run: seconds, point gradients, heights above the higher end.

One pair of each set on 1,000 MNIST images, unless ``ELSUITE_BENCH_FULL=1``: 4 pairs of each on 5,000. Single values
are set by ``ELSUITE_BENCH_PAIRS``, ``_IMAGES`` and ``_SETS``. Solutions are made here, by SGD and L-BFGS-GSS.
"""

import math
import os
import time

import pytest
import torch

from elsuite.landscapes import load_data, network_landscape
from elsuite.minimizers import LBFGSGSS, SGD
from elsuite.paths import (
    AutoNEBPathFinder,
    BezierPathFinder,
    FourierPathFinder,
    Path,
    SineBasis,
    align,
    measure,
)

pytestmark = pytest.mark.making

FULL = os.environ.get("ELSUITE_BENCH_FULL") == "1"
N_PAIRS = int(os.environ.get("ELSUITE_BENCH_PAIRS", "4" if FULL else "1"))
SETS = os.environ.get("ELSUITE_BENCH_SETS", "SGD,L-BFGS").split(",")


def published_loops(landscape, start, end, n_steps=100, n_terms=10, n_points=50):
    """The published procedure as one would write it: loops over points and terms, Adam of torch."""
    b = [torch.zeros_like(start, requires_grad=True) for _ in range(n_terms)]
    optimizer = torch.optim.Adam(b, lr=1e-3)
    t = torch.linspace(0, 1, n_points)
    for _ in range(n_steps):
        points = []
        for x in t:
            w = (1 - x) * start + x * end
            for n in range(n_terms):
                w = w + b[n].detach() * math.sin((n + 1) * math.pi * x)
            points.append(w)
        for n in range(n_terms):
            b[n].grad = torch.zeros_like(start)
        for m in range(n_points):
            gradient = landscape.energy_and_gradient(points[m][None])[1][0]
            for n in range(n_terms):
                b[n].grad += gradient * math.sin((n + 1) * math.pi * t[m])
        for m in range(n_points - 1):
            for n in range(n_terms):
                change = math.sin((n + 1) * math.pi * t[m + 1]) - math.sin((n + 1) * math.pi * t[m])
                b[n].grad += 2e-4 * (points[m + 1] - points[m]) * change
        optimizer.step()
    coefficients = torch.stack([x.detach() for x in b])
    return Path(start, end, SineBasis(n_terms, 0.0), coefficients), n_steps * n_points


def solutions(landscape, n):
    """Return end points of each set, trained until they fit the images."""
    sgd = SGD(epochs=60 if FULL else 30, learning_rate=0.1)
    lbfgs = LBFGSGSS(epochs=200 if FULL else 100)
    sets = {}
    for name, minimizer in (("SGD", sgd), ("L-BFGS", lbfgs)):
        if name not in SETS:
            continue
        runs = minimizer.minimize(landscape, landscape.initial_points(list(range(n))))
        found = [next(s for s in run.solutions if s.stopping == "train") for run in runs]
        sets[name] = [torch.as_tensor(s.coordinates) for s in found]
    return sets


def searches(landscape):
    """Return the ways to search, each a function of two ends: excess over the higher end, cost, what it says."""

    def loops(start, end):
        path, cost = published_loops(landscape, start, end)
        heights = measure(path, landscape)
        return heights.refined_height - max(heights.profile[[0, -1]]), cost, ""

    def of(finder, aligned=False):
        def search(start, end):
            if aligned:
                end = torch.as_tensor(align(landscape, start, end).coordinates).to(start)
            found = finder.find(landscape, start, end)
            excess = found.refined_height - max(found.profile[[0, -1]])
            return excess, found.n_point_gradients, str(found.outcome)

        return search

    return {
        "(a) published, loops": loops,
        "(b) published": of(FourierPathFinder.published()),
        "(c) converged": of(FourierPathFinder()),
        "(d) converged, aligned": of(FourierPathFinder(), aligned=True),
        "(e) Bezier": of(BezierPathFinder()),
        "(f) AutoNEB": of(AutoNEBPathFinder()),
    }


def table(landscape, title):
    """Print and return seconds and heights of every way on every pair."""
    print(f"\n{title}; {torch.get_num_threads()} thread(s)")
    results = {}
    for kind, ends in solutions(landscape, 2 * N_PAIRS).items():
        energies = landscape.energy(torch.stack(ends))
        print(f"{kind}: energies {float(energies.min()):.1e} to {float(energies.max()):.1e}")
        for way, search in searches(landscape).items():
            begin, cpu, rows = time.perf_counter(), time.process_time(), []
            for start, end in zip(ends[::2], ends[1::2], strict=True):
                rows.append(search(start, end))
            seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
            excesses = [row[0] for row in rows]
            results[kind, way] = cpu / N_PAIRS, excesses
            print(
                f"| {kind} | {way} | {seconds / N_PAIRS:.2f} | {cpu / N_PAIRS:.2f} "
                f"| {sum(row[1] for row in rows) / N_PAIRS:.0f} "
                f"| {', '.join(f'{excess:.1e}' for excess in excesses)} | {rows[-1][2]} |",
                flush=True,
            )
    return results


def test_path_finders_on_fcp(benchmark):
    if not (FULL or benchmark.enabled):
        benchmark.pedantic(lambda: None)
        pytest.skip("only with --benchmark-enable: takes minutes")
    n_images = int(os.environ.get("ELSUITE_BENCH_IMAGES", "5000" if FULL else "1000"))
    try:
        data = load_data("mnist", n_train=n_images, n_test=200)
    except (ValueError, OSError) as error:
        benchmark.pedantic(lambda: None)
        pytest.skip(f"no MNIST: {error}")
    landscape = network_landscape("fcp", data, device="cpu")
    results = benchmark.pedantic(lambda: table(landscape, f"fcp, {n_images} MNIST images"), rounds=1)
    for kind in SETS:
        (published, heights), (converged, low) = (
            results[kind, way] for way in ("(a) published, loops", "(c) converged")
        )
        print(
            f"{kind}: (c) {converged / published:.3f} of (a)'s CPU seconds, {sum(low) / sum(heights):.2g} of its height"
        )
        assert converged <= published / 3
        assert sum(low) <= max(sum(heights) / 20, 1e-4 * len(low))
