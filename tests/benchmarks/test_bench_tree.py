"""Time and memory of tree and layout. With `--benchmark-enable` limits hold; else small sizes run once."""

import json
import subprocess
import sys
import time

import networkx as nx
import numpy as np
import pytest
from strategies_network import random_network

from elsuite.analysis import disconnectivity_tree, kernel_pca, merge_tree, tree_layout
from elsuite.network import minimax_matrix

MILLION = """
import json, resource, sys, time
sys.path.insert(0, "tests")
import numpy as np
from strategies_network import random_network
from elsuite.analysis import merge_tree, tree_layout
graph = random_network({n}, 3 * {n})
before = time.process_time()
layout = tree_layout(merge_tree(*graph))
seconds = time.process_time() - before
assert len(layout.leaf_order) == {n}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({{"seconds": seconds, "gib": peak}}))
"""


def tree_and_layout(graph, **options):
    return tree_layout(merge_tree(*graph), **options)


def cpu_seconds(function, *arguments, rounds=5, **options):
    """The least CPU time of a few calls."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        function(*arguments, **options)
        times.append(time.process_time() - start)
    return min(times)


def in_a_process(n):
    """CPU seconds and peak memory of tree and layout in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", MILLION.format(n=n)], capture_output=True, text=True, check=True, timeout=300
    )
    return json.loads(done.stdout)


@pytest.fixture
def full(benchmark):
    """Whether limits are to be held: only then are the large sizes worth their time."""
    return benchmark.enabled


@pytest.mark.parametrize("order", ["energy", "centered"])
def test_tree_and_layout_of_20000_minima(benchmark, full, order):
    n = 20_000 if full else 2000
    graph = random_network(n, 3 * n)
    layout = benchmark(tree_and_layout, graph, order=order)
    assert len(layout.leaf_order) == n
    if full:
        assert cpu_seconds(tree_and_layout, graph, order=order) <= 0.15


def test_a_caterpillar_of_20000_leaves(benchmark, full):
    n = 20_000 if full else 2000
    graph = np.zeros(n), np.zeros(n - 1, dtype=int), np.arange(1, n), np.arange(1.0, n)
    benchmark(tree_and_layout, graph)
    if full:
        assert cpu_seconds(tree_and_layout, graph) <= 0.15


def test_a_million_minima(benchmark, full):
    n = 1_000_000 if full else 10_000
    used = benchmark.pedantic(in_a_process, args=(n,), rounds=1)
    benchmark.extra_info.update(used)
    assert used["seconds"] <= 10
    assert used["gib"] <= 3


def test_growth_is_no_faster_than_m_log_m(benchmark, full):
    # The same number of edges each time, as many small graphs or one large, each graph new to the
    # processor's cache.
    n_largest = 1_000_000 if full else 20_000
    sizes = (n_largest // 100, n_largest // 10, n_largest)

    def measure():
        seconds = []
        for n in sizes:
            graphs = [random_network(n, 3 * n, seed) for seed in range(n_largest // n)]
            seconds.append(min(sum(cpu_seconds(tree_and_layout, g, rounds=1) for g in graphs) for _ in range(3)))
        return seconds

    seconds = benchmark.pedantic(measure, rounds=1)
    ratios = [
        (later / seconds[0]) / (np.log(3 * n) / np.log(3 * sizes[0]))
        for n, later in zip(sizes[1:], seconds[1:], strict=True)
    ]
    benchmark.extra_info["seconds for the same number of edges"] = dict(zip(map(str, sizes), seconds, strict=True))
    benchmark.extra_info["ratios to M log M"] = ratios
    if full:
        # 0.9 at the middle size; at the largest 1.3 to 1.6, for its arrays fit no cache and its pages are
        # new. Any step that is not M log M would show as ten or more.
        assert max(ratios) <= 2


def test_networkx_in_tree_out(benchmark, full):
    n = 20_000 if full else 2000
    energies, sources, targets, heights = random_network(n, 3 * n)
    network = nx.MultiGraph()
    network.add_nodes_from((k, {"energy": e}) for k, e in enumerate(energies.tolist()))
    network.add_edges_from(
        (s, t, {"energy": h}) for s, t, h in zip(sources.tolist(), targets.tolist(), heights.tolist(), strict=True)
    )
    tree = benchmark(disconnectivity_tree, network)
    assert tree.minimax_barrier(0, n - 1) is not None


def test_minimax_matrix_of_5000_minima(benchmark, full):
    n = 5000 if full else 500
    energies, sources, targets, heights = random_network(n, 3 * n)
    network = nx.Graph()
    network.add_nodes_from((k, {"energy": e}) for k, e in enumerate(energies.tolist()))
    network.add_edges_from(
        (s, t, {"energy": h}) for s, t, h in zip(sources.tolist(), targets.tolist(), heights.tolist(), strict=True)
    )
    matrix = benchmark.pedantic(minimax_matrix, args=(network,), rounds=1)
    assert np.isfinite(matrix).all()
    if full:
        assert cpu_seconds(minimax_matrix, network, rounds=1) <= 5


def test_kernel_pca_of_192_minima_of_61706_parameters(benchmark, full):
    n, p = (192, 61_706) if full else (48, 1000)
    points = np.random.default_rng(0).normal(size=(n, p)).astype(np.float32)
    found = benchmark.pedantic(kernel_pca, args=(points,), rounds=1)
    assert found.coordinates.shape == (n, 2)
