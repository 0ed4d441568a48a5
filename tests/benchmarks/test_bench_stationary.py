"""Maps of landscapes against slow, independent references: false stationary points, and wrong connections, of how many.

Each stored point is looked at by a Hessian of differences of gradients, its zero modes taken out by their size alone.
From each transition state the path of steepest descent is followed on both sides by scipy's integrator of stiff
equations on the gradient, in small steps, and its end compared with the stored minimum by energy and by distances of
all pairs of atoms. Without `--benchmark-enable` the two surfaces are mapped with a small plan.
"""

import time

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.spatial.distance import pdist

from elsuite.exploration import MappingPlan, map_landscape
from elsuite.landscapes import LennardJones, MullerBrown, SixHumpCamel

pytestmark = pytest.mark.making

SMALL = MappingPlan(n_starts=16, n_points=32, n_hops=4, n_directions=6, n_rounds=1)
LANDSCAPES = {
    "Müller-Brown": MullerBrown(),
    "six-hump camel": SixHumpCamel(),
    "LJ7": LennardJones(7),
    "LJ8": LennardJones(8),
}


def gradient(landscape, point):
    return landscape.energy_and_gradient(torch.from_numpy(np.array(point, dtype=float))[None])[1][0].numpy()


def curvature(landscape, point):
    """The index, the length of Newton's step, and the direction of the lowest eigenvalue."""
    step = 1e-5
    moves = step * np.eye(len(point))
    rows = np.array([gradient(landscape, point + m) - gradient(landscape, point - m) for m in moves]) / (2 * step)
    values, vectors = np.linalg.eigh((rows + rows.T) / 2)
    bent = np.abs(values) > 1e-4 * np.abs(values).max()
    assert (~bent).sum() == landscape.symmetry.n_zero_modes
    slopes = vectors.T @ gradient(landscape, point)
    return int((values[bent] < 0).sum()), float(np.linalg.norm(slopes[bent] / values[bent])), vectors[:, 0]


def lies_at(landscape, point, minimum):
    """Whether two points are one, up to where they lie, how they are turned, and which atom is which."""
    if landscape.symmetry.drifts:
        point, minimum = (np.sort(pdist(np.reshape(p, (-1, 3)))) for p in (point, minimum))
    return bool(np.abs(point - minimum).max() < 1e-2)


def steepest_descent(landscape, start):
    """The end of dx/dt = -gradient, where that is a ten-thousandth of what it was at most on the way."""
    largest = [0.0]

    def still(_, x):
        size = float(np.linalg.norm(gradient(landscape, x)))
        largest[0] = max(largest[0], size)
        return size - 1e-4 * largest[0]

    still.terminal = True
    still.direction = -1
    flow = solve_ivp(
        lambda _, x: -gradient(landscape, x), (0, 1e6), start, "LSODA", rtol=1e-8, atol=1e-9, max_step=np.inf,
        events=still,
    )  # fmt: skip
    assert flow.success
    return flow.y[:, -1]


def counted(landscape, database):
    """False points and wrong connections, each with of how many."""
    minima = database.coordinates(range(database.n_minima)).astype(float)
    paths = database.paths
    states = paths["coordinates"].values if database.n_paths else np.empty((0, landscape.n_parameters))
    pairs = np.stack([paths["source"].values, paths["target"].values], axis=1)
    false, wrong = 0, 0
    for index, points in ((0, minima), (1, states)):
        for point in points:
            found, newton, _ = curvature(landscape, point)
            false += found != index or newton > 1e-6
    for point, (source, target) in zip(states, pairs, strict=True):
        way = 1e-3 * curvature(landscape, point)[2]
        one, other = (steepest_descent(landscape, point + sign * way) for sign in (1, -1))
        stored = minima[source], minima[target]
        straight = all(lies_at(landscape, *pair) for pair in zip((one, other), stored, strict=True))
        crossed = all(lies_at(landscape, *pair) for pair in zip((other, one), stored, strict=True))
        wrong += not (straight or crossed)
    return false, len(minima) + len(states), wrong, len(states)


def test_false_points_and_wrong_connections(benchmark):
    names = list(LANDSCAPES) if benchmark.enabled else list(LANDSCAPES)[:2]
    rows = []

    def all_of_them():
        for name in names:
            landscape = LANDSCAPES[name]
            began = time.process_time()
            plan = {} if benchmark.enabled else {"plan": SMALL}
            with map_landscape(landscape, **plan) as database:
                seconds = time.process_time() - began
                rows.append((name, *counted(landscape, database), seconds))

    benchmark.pedantic(all_of_them, rounds=1, iterations=1)
    print("\n| landscape | false stationary points | wrong connections | CPU seconds of the map |")
    print("| --- | ---: | ---: | ---: |")
    for name, false, n_points, wrong, n_states, seconds in rows:
        print(f"| {name} | {false} of {n_points} | {wrong} of {n_states} | {seconds:.1f} |")
    assert all(false == 0 and wrong == 0 for _, false, _, wrong, _, _ in rows)
    assert all(n_points > n_states > 0 for _, _, n_points, _, n_states, _ in rows)
