"""Functions of torch and of numpy, with gradients or without: the same surface, and wrong gradients are refused."""

import numpy as np
import pytest
import torch

from elsuite.exploration import MappingPlan, map_landscape
from elsuite.landscapes import FunctionLandscape, MullerBrown, SixHumpCamel

pytestmark = pytest.mark.making

PLAN = MappingPlan(n_starts=16, n_points=16, n_hops=2, n_directions=4, n_rounds=1)
BOUNDS = SixHumpCamel.bounds


def camel(points):
    x, y = points[..., 0], points[..., 1]
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


def camel_gradient(points):
    x, y = points[..., 0], points[..., 1]
    return np.stack([8 * x - 8.4 * x**3 + 2 * x**5 + y, x + 16 * y**3 - 8 * y], axis=-1)


def numpy_camel(points):
    return camel(np.asarray(points))


FORMS = {
    "torch": {"function": camel},
    "numpy": {"function": numpy_camel},
    "numpy, said": {"function": camel, "library": "numpy"},
    "gradient": {"function": numpy_camel, "gradient": camel_gradient},
    "pair": {"function": lambda x: (numpy_camel(x), camel_gradient(x))},
    "one by one": {"function": camel, "batched": False},
    "one by one, pair": {"function": lambda x: (camel(x), camel_gradient(x)), "batched": False},
    "one by one, list": {"function": lambda x: (float(camel(x)), list(camel_gradient(x))), "batched": False},
    "float32": {"function": lambda x: numpy_camel(x).astype(np.float32), "gradient": camel_gradient},
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_are_one_surface(form):
    landscape = FunctionLandscape(n_parameters=2, bounds=BOUNDS, **FORMS[form])
    points = landscape.initial_points(list(range(6)))
    wanted = SixHumpCamel().energy_and_gradient(points)
    energies, gradients = landscape.energy_and_gradient(points)
    assert landscape.gradient_only == (form != "torch")
    torch.testing.assert_close(energies, wanted[0], rtol=1e-6 if form == "float32" else 1e-12, atol=1e-12)
    torch.testing.assert_close(gradients, wanted[1], rtol=1e-10, atol=1e-10 * float(wanted[1].abs().max()))


@pytest.mark.parametrize(
    ("form", "length", "energy"), [("numpy", 1e-3, 1e4), ("gradient", 1.0, 1.0), ("one by one, pair", 1e3, 1e-4)]
)
def test_a_numpy_function_is_mapped_whole(form, length, energy):
    own = {
        name: (lambda x, f=f: _scaled(f(np.asarray(x) / length), energy, energy / length))
        if name == "function"
        else (lambda x, f=f: f(np.asarray(x) / length) * energy / length)
        for name, f in FORMS[form].items()
        if callable(f)
    }
    batched = FORMS[form].get("batched", True)
    landscape = FunctionLandscape(n_parameters=2, bounds=BOUNDS * length, batched=batched, **own)
    database = map_landscape(landscape, plan=PLAN)
    found, heights = np.sort(database.minima["energy"].values[:, 0]), np.sort(database.paths["height"].values)
    np.testing.assert_allclose(found / energy, SixHumpCamel().minimum_energies, atol=1e-8)
    np.testing.assert_allclose(heights / energy, SixHumpCamel().transition_state_energies, atol=1e-8)


def _scaled(values, energy, slope):
    return (values[0] * energy, values[1] * slope) if isinstance(values, tuple) else values * energy


@pytest.mark.parametrize("coordinate", [0, 1, 2])
@pytest.mark.parametrize("factor", [-1.0, 0.0, 1.001, 2.0])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_gradient_wrong_in_one_coordinate_is_refused(coordinate, factor, scale):
    units = np.array([1.0, 1e-3, 1e4])

    def energy(x):
        return scale * np.cos(x / units + 0.3).sum(axis=1)

    def gradient(x):
        slopes = -scale / units * np.sin(x / units + 0.3)
        slopes[:, coordinate] *= factor
        return slopes

    landscape = FunctionLandscape(energy, 3, bounds=[-units, units], gradient=gradient)
    with pytest.raises(ValueError, match=f"its coordinate {coordinate} is .*, and differences give ") as error:
        landscape.energy_and_gradient(landscape.initial_points([0]))
    assert "\n" not in str(error.value)


def test_one_wrong_coordinate_of_many_is_found():
    def energy(x):
        return np.cos(x).sum(axis=1)

    def gradient(x, wrong=None):
        slopes = -np.sin(x)
        if wrong is not None:
            slopes[:, wrong] *= 1.01
        return slopes

    points = np.full((1, 500), 0.5)
    FunctionLandscape(energy, 500, gradient=gradient).energy_and_gradient(points)
    landscape = FunctionLandscape(energy, 500, gradient=lambda x: gradient(x, 321))
    with pytest.raises(ValueError, match="its coordinate 321 is"):
        landscape.energy_and_gradient(points)


def test_steep_energies_are_checked_below_the_random_points():
    """Atoms drawn anywhere lie on each other: differences say nothing there."""

    def pairs(x):
        atoms = np.asarray(x).reshape(-1, 4, 3)
        i, j = np.triu_indices(4, 1)
        return atoms[:, i] - atoms[:, j], i, j

    def energy(x):
        cube = (pairs(x)[0] ** 2).sum(-1) ** -3
        return 4 * (cube**2 - cube).sum(-1)

    def gradient(x, factor=1.0):
        apart, i, j = pairs(x)
        square = (apart**2).sum(-1)
        slopes = (24 * square**-4 - 48 * square**-7)[..., None] * apart
        forces = np.zeros((len(x), 4, 3))
        for k, (a, b) in enumerate(zip(i, j, strict=True)):
            forces[:, a] += slopes[:, k]
            forces[:, b] -= slopes[:, k]
        forces[:, 3, 2] *= factor
        return forces.reshape(len(x), -1)

    for seed in range(5):
        bounds = [[-0.6 - 0.1 * seed] * 12, [0.6] * 12]
        good = FunctionLandscape(energy, 12, bounds=bounds, gradient=gradient)
        good.energy_and_gradient(good.initial_points([0]))
        wrong = FunctionLandscape(energy, 12, bounds=bounds, gradient=lambda x: gradient(x, 1.01))
        with pytest.raises(ValueError, match="its coordinate 11 is"):
            wrong.energy_and_gradient(wrong.initial_points([0]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"function": lambda x: np.zeros((len(x), 2))}, r"shape \(3, 2\) for 3 points; one energy a point is expected"),
        ({"function": lambda x: np.cos(x), "batched": False}, r"shape \(3, 2\) for 3 points; one energy"),
        ({"function": numpy_camel, "gradient": lambda x: x[:, :1]}, r"one gradient a point is expected"),
        ({"function": numpy_camel, "library": "jax"}, "library 'jax' given"),
    ],
)
def test_what_does_not_fit_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        FunctionLandscape(n_parameters=2, **settings).energy_and_gradient([[0.5, 0.5], [0.1, 0.2]])


def test_errors_of_the_function_itself_are_shown():
    def broken(x):
        raise RuntimeError("no such basis")

    with pytest.raises(RuntimeError, match="no such basis"):
        FunctionLandscape(broken, 2).energy([[0.0, 0.0]])
    assert not FunctionLandscape(MullerBrown().formula, 2).gradient_only


def test_a_map_is_refused_before_anything_is_searched(tmp_path):
    """Not by one failure after the other: the store is not even made."""

    def wrong(x):
        slopes = camel_gradient(x)
        slopes[:, 1] *= 1.01
        return slopes

    given = FunctionLandscape(numpy_camel, 2, bounds=BOUNDS, gradient=wrong)
    pair = FunctionLandscape(lambda x: (numpy_camel(x), wrong(x)), 2, bounds=BOUNDS)
    for landscape in (given, pair, given):
        with pytest.raises(ValueError, match="its coordinate 1 is"):
            map_landscape(landscape, plan=PLAN, store=tmp_path / "store")
        assert not (tmp_path / "store").exists()


def test_a_gradient_of_another_shape_makes_no_store(tmp_path):
    flat = FunctionLandscape(numpy_camel, 2, bounds=BOUNDS, gradient=lambda x: camel_gradient(x).ravel())
    with pytest.raises(ValueError, match=r"shape \(6,\) for 3 points; one gradient a point is expected"):
        map_landscape(flat, plan=PLAN, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("form", ["pair", "gradient"])
def test_a_gradient_given_with_torch_energies_is_checked(form):
    def wrong(x):
        return torch.as_tensor(camel_gradient(x.detach() if isinstance(x, torch.Tensor) else x)) * 1.01

    own = {"function": lambda x: (camel(x), wrong(x))} if form == "pair" else {"function": camel, "gradient": wrong}
    for library in (None, "torch"):
        with pytest.raises(ValueError, match=r"its coordinate [01] is"):
            FunctionLandscape(n_parameters=2, bounds=BOUNDS, library=library, **own).energy([[0.5, 0.5]])


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_results_in_one_array_used_again_are_copied(kind):
    slopes, values = np.empty(2), np.empty(())

    def energy(x):
        values[...] = numpy_camel(x)
        return kind(values)

    def gradient(x):
        slopes[:] = camel_gradient(np.asarray(x))
        return kind(slopes)

    points = SixHumpCamel().initial_points([0, 1, 2])
    wanted = SixHumpCamel().energy_and_gradient(points)
    for own in ({"function": energy, "gradient": gradient}, {"function": lambda x: (energy(x), gradient(x))}):
        landscape = FunctionLandscape(n_parameters=2, bounds=BOUNDS, batched=False, **own)
        first = landscape.energy_and_gradient(points)
        landscape.energy_and_gradient(points + 1)
        torch.testing.assert_close(first, wanted)

    table = np.empty((3, 2))

    def gradients(x):
        table[: len(x)] = camel_gradient(x)
        return kind(table[: len(x)])

    landscape = FunctionLandscape(numpy_camel, 2, bounds=BOUNDS, gradient=gradients)
    first = landscape.energy_and_gradient(points)
    landscape.energy_and_gradient(points + 1)
    torch.testing.assert_close(first, wanted)


@pytest.mark.parametrize("share", [1.0, 1e-3])
def test_energies_that_depend_on_other_points_are_refused(share):
    landscape = FunctionLandscape(lambda x: camel(x) - share * camel(x).mean(), 2, bounds=BOUNDS, library="numpy")
    with pytest.raises(ValueError, match=r"energies depend on the other points of the call: .* each from its own row"):
        landscape.energy([[0.5, 0.5]])
    slopes = FunctionLandscape(
        numpy_camel, 2, bounds=BOUNDS, gradient=lambda x: camel_gradient(x) * (1 + 0.1 * (len(x) - 1))
    )
    with pytest.raises(ValueError, match="gradients depend on the other points of the call"):
        slopes.energy([[0.5, 0.5]])


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda e: e + 0j, "complex numbers"),
        (lambda e: e.astype(str), "text"),
        (lambda e: e.astype(object) + 1j, "complex"),
        (lambda e: np.ma.masked_greater(e, -np.inf), "a masked array with values left out"),
        (lambda e: [None] * len(e), "NoneType"),
        (lambda e: None, "NoneType"),
    ],
)
def test_what_is_no_real_number_is_refused(made, words):
    for own in ({}, {"gradient": camel_gradient}):
        landscape = FunctionLandscape(lambda x: made(numpy_camel(x)), 2, bounds=BOUNDS, library="numpy", **own)
        with pytest.raises(ValueError, match=f"the function returned {words}.* expected") as error:
            landscape.energy([[0.5, 0.5]])
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="the function returned complex numbers"):
        FunctionLandscape(lambda x: camel(x) * (1 + 0j), 2).energy([[0.5, 0.5]])


def test_a_pair_may_be_a_list():
    points = SixHumpCamel().initial_points([0, 1])
    for n in (1, 2):
        pair = FunctionLandscape(lambda x: [numpy_camel(x), camel_gradient(x)], 2, bounds=BOUNDS)
        torch.testing.assert_close(pair.energy_and_gradient(points[:n]), SixHumpCamel().energy_and_gradient(points[:n]))
    two = FunctionLandscape(lambda x: [float(value) for value in numpy_camel(x)], 2, bounds=BOUNDS)
    torch.testing.assert_close(two.energy(points), SixHumpCamel().energy(points))
    rows = FunctionLandscape(lambda x: [camel(x), list(camel_gradient(x))], 2, bounds=BOUNDS, batched=False)
    torch.testing.assert_close(rows.energy_and_gradient(points), SixHumpCamel().energy_and_gradient(points))


@pytest.mark.parametrize("batched", [True, False])
def test_differences_fit_the_precision_of_the_energies(batched):
    def single(x):
        return numpy_camel(x).astype(np.float32)

    landscape = FunctionLandscape(single, 2, bounds=BOUNDS, batched=batched)
    points = landscape.initial_points([0, 1, 2])
    wanted = SixHumpCamel().energy_and_gradient(points)[1]
    eps = float(np.finfo(np.float32).eps)
    torch.testing.assert_close(
        landscape.energy_and_gradient(points)[1], wanted, rtol=0, atol=3 * eps**0.8 * float(wanted.abs().max())
    )


def test_what_is_random_is_no_function():
    rng = np.random.default_rng(0)
    noisy = FunctionLandscape(lambda x: numpy_camel(x) + 1e-6 * rng.random(len(x)), 2, bounds=BOUNDS)
    with pytest.raises(ValueError, match="the function is none: twice at the same point"):
        noisy.energy([[0.5, 0.5]])


def test_no_energy_has_a_graph_that_nobody_asked_for():
    """Neither at the first call, which looks at what the function is, nor later."""
    landscape = FunctionLandscape(lambda points: (points**2).sum(1), 3)
    points = torch.ones(2, 3, dtype=torch.float64)
    assert [landscape.energy(points).requires_grad for _ in range(2)] == [False, False]
    assert landscape.energy(points.requires_grad_()).requires_grad
