"""Energies as functions that numba compiles."""

import subprocess
import sys

import numpy as np
import pytest

from elsuite.core.compiling import compiled_function
from elsuite.landscapes import LennardJones
from elsuite.landscapes.kernels import Kernel, compiled_kernel


@pytest.mark.parametrize("compiled", [False, True])
def test_a_kernel_is_the_energy_of_its_landscape(compiled: bool) -> None:
    cluster = LennardJones(5)
    kernel = cluster.kernel()
    function = compiled_kernel(kernel.function) if compiled else kernel.function
    points = cluster.initial_points(list(range(4)))
    energies, gradients = cluster.energy_and_gradient(points)
    for point, energy, gradient in zip(points.numpy(), energies.numpy(), gradients.numpy(), strict=True):
        filled = np.empty_like(point)
        assert function(point, filled, kernel.parameters) == pytest.approx(energy, rel=1e-12)
        np.testing.assert_allclose(filled, gradient, rtol=1e-10, atol=1e-12 * np.abs(gradient).max())


def test_lengths_and_depths_of_pairs_only_scale() -> None:
    point = LennardJones(4).initial_points([1])[0].numpy()
    gradients = np.empty(12), np.empty(12)
    function = LennardJones(4).kernel().function
    plain = function(point, gradients[0], np.array([1.0, 1.0]))
    assert function(7 * point, gradients[1], np.array([3.0, 7.0])) == pytest.approx(3 * plain, rel=1e-12)
    np.testing.assert_allclose(gradients[1], gradients[0] * 3 / 7, rtol=1e-12)


def square(value: float) -> float:
    return value * value


def of_squares(x: np.ndarray, gradient: np.ndarray, parameters: np.ndarray) -> float:
    gradient[:] = 2.0 * parameters[0] * x
    return parameters[0] * sum_of(x)


def sum_of(x: np.ndarray) -> float:
    total = 0.0
    for value in x:
        total += square(value)
    return total


def repeated(function, x: np.ndarray, parameters: np.ndarray) -> float:
    gradient = np.empty_like(x)
    return function(x, gradient, parameters) + function(x + 1.0, gradient, parameters) + gradient[0]


def test_functions_that_a_kernel_calls_are_compiled_with_it_and_kernels_are_arguments() -> None:
    import numba

    kernel = Kernel(of_squares, np.array([2.0]))
    function, x = compiled_kernel(kernel.function), np.array([1.0, 2.0])
    vector = numba.types.float64[::1]
    signature = numba.float64(numba.types.FunctionType(numba.float64(vector, vector, vector)), vector, vector)
    compiled = compiled_function(repeated, signature)
    assert compiled(function, x, kernel.parameters) == repeated(of_squares, x, kernel.parameters) == 10.0 + 26.0 + 8.0


def test_a_division_by_zero_is_infinite_and_no_exception() -> None:
    kernel = LennardJones(2).kernel()
    assert not np.isfinite(compiled_kernel(kernel.function)(np.zeros(6), np.empty(6), kernel.parameters))


def test_neither_landscapes_nor_kernels_load_numba() -> None:
    code = (
        "import sys, elsuite.landscapes as l; k = l.LennardJones(3).kernel(); print('numba' in sys.modules);"
        "sys.modules['numba'] = None\n"
        "from elsuite.landscapes.kernels import compiled_kernel\n"
        "try: compiled_kernel(k.function)\n"
        "except ImportError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == ["False", "numba is not installed; pip install 'elsuite[compiled]'"]
