"""Planes, surfaces, interpolations and spectral densities: right values, by slow references, computed once and kept."""

import copy
import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from elsuite import (
    LandscapeDatabase,
    NeuralLandscape,
    connect_minima,
    interpolations,
    open_database,
    plane,
    spectral_density,
    surface_around,
)
from elsuite.analysis.planes import plane_through
from elsuite.core.identity import OtherLandscapeError
from elsuite.database.computed import computed_values
from elsuite.exploration import merge_databases, stored_path
from elsuite.exploration.around import random_directions
from elsuite.exploration.evaluating import values_at
from elsuite.landscapes import FunctionLandscape, MullerBrown, SeparableWells
from elsuite.paths import LinearPathFinder, align
from elsuite.schema import NotFoundError, StoreError

INPUTS = torch.randn(40, 1, 5, 5, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(40) % 3


def module():
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 4), nn.Tanh(), nn.Linear(4, 3)]
    return nn.Sequential(*layers)


@pytest.fixture(scope="module")
def network():
    return NeuralLandscape(module(), functional.cross_entropy, INPUTS, TARGETS, test=(INPUTS[:9], TARGETS[:9]))


def stored(landscape, points, **columns):
    database = LandscapeDatabase.create(None, landscape)
    energies = landscape.energies_on_all_surfaces(points)
    database.add(minima={"coordinates": points.numpy(), "energy": energies, **columns})
    return database


@pytest.fixture
def database(network):
    return stored(network, network.initial_points([1, 2, 3, 4]))


def plain_loss(point, inputs=INPUTS, targets=TARGETS):
    """Return the loss as a plain script computes it: load the parameters, run the module."""
    net, begin, state = module(), 0, {}
    for name, tensor in net.named_parameters():
        state[name] = torch.as_tensor(point[begin : begin + tensor.numel()]).float().view(tensor.shape)
        begin += tensor.numel()
    net.load_state_dict(state)
    with torch.no_grad():
        return functional.cross_entropy(net(inputs), targets).item()


@pytest.mark.parametrize("surface", ["train", "test"])
def test_a_plane_has_the_energies_of_plain_evaluation(network, database, surface):
    values = plane(database, network, (0, 3, 1), n=6, margin=0.3, surface=surface)
    a, b, c = database.coordinates([0, 3, 1]).astype(float)
    # Any basis of the plane will do for a reference: its points are solved for by least squares.
    corners = values.place.values
    n_samples = None if surface == "train" else 9
    for i, y in enumerate(values.y.values):
        for j, x in enumerate(values.x.values):
            share = np.linalg.solve(np.array([corners[1], corners[2]]).T, [x, y])
            point = a + share[0] * (b - a) + share[1] * (c - a)
            expected = plain_loss(point, INPUTS[:n_samples], TARGETS[:n_samples])
            assert values.energy.values[i, j] == pytest.approx(expected, rel=1e-5)
    distances = np.linalg.norm(corners[:, None] - corners, axis=-1)
    points = np.stack([a, b, c])
    np.testing.assert_allclose(distances, np.linalg.norm(points[:, None] - points, axis=-1), rtol=1e-12)
    assert values.minimum.values.tolist() == [0, 3, 1]
    expected = [plain_loss(point, INPUTS[:n_samples], TARGETS[:n_samples]) for point in points]
    np.testing.assert_allclose(values.minimum_energy, expected, rtol=1e-5)
    for side, coordinate in ((0, values.x.values), (1, values.y.values)):
        assert coordinate[0] < corners[:, side].min()
        assert coordinate[-1] > corners[:, side].max()
        np.testing.assert_allclose(np.diff(coordinate), np.diff(values.x.values)[0], rtol=1e-9)


def test_a_plane_has_the_values_of_planar_interpolation(network, database):
    """As loss-landscapes defines it: start + i/n (one - start) + j/n (two - start), in one model, step by step."""
    start, one, two = database.coordinates([0, 1, 2])
    n, expected = 5, np.empty((5, 5))
    along, across = (torch.as_tensor(end - start) / n for end in (one, two))
    for i in range(n):
        for j in range(n):
            expected[i, j] = plain_loss(torch.as_tensor(start) + i * along + j * across)
    through = plane_through(start, one, two)
    corners = through.places(np.stack([one, two]).astype(float))
    shares = np.stack(np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij"), axis=-1).reshape(-1, 2)
    found = values_at(network, n * n, lambda part: through.points(shares[part] @ corners), stage="plane")
    np.testing.assert_allclose(found["energy"].reshape(n, n), expected, rtol=1e-5)


def test_paths_are_projected_with_the_share_that_lies_outside(network, database):
    connect_minima(database, network, LinearPathFinder(), [(0, 1), (1, 2), (0, 3)])
    terms = 3 * np.random.default_rng(0).normal(size=(1, 2, network.n_parameters)) / np.sqrt(network.n_parameters)
    curved = {
        "source": [0],
        "target": [2],
        "surface": ["train"],
        "kind": ["path"],
        "height": [5.0],
        "finder": ["fourier"],
    }
    database.add(
        paths={**curved, "basis": ["SineBasis(n_terms=2, power=2.0)"], "coefficients": terms.astype(np.float32)}
    )
    values = plane(database, network, (0, 1, 2), n=5)
    assert values.path.values.tolist() == [0, 1, 3]
    assert values.finder.values.tolist() == ["linear", "linear", "fourier"]
    straight = [[0.0], [0.5], [1.0]] * values.place.values[1]
    np.testing.assert_allclose(values.curve.values[0, [0, 50, 100]], straight, atol=1e-4)
    assert (values.share_outside.values[:2] < 1e-9).all()
    # The slow way: components along the plane's axes, step by step.
    a, b, c = database.coordinates([0, 1, 2]).astype(float)
    x = (b - a) / np.linalg.norm(b - a)
    y = (c - a) - x * (x @ (c - a))
    y /= np.linalg.norm(y)
    points = stored_path(database, 3).points(torch.linspace(0, 1, 101)).double().numpy()
    inside = outside = 0.0
    for step in np.diff(points, axis=0):
        whole, part = step @ step, (step @ x) ** 2 + (step @ y) ** 2
        inside, outside = inside + part, outside + whole - part
    assert values.share_outside.values[2] == pytest.approx(outside / (inside + outside), rel=1e-4)
    assert 0.01 < values.share_outside.values[2] < 1
    middle = points[50] - a
    distance = np.linalg.norm(middle - x * (x @ middle) - y * (y @ middle))
    assert values.distance.values[2, 50] == pytest.approx(distance, rel=1e-4)
    reach = values.curve.values.reshape(-1, 2)
    for side, coordinate in ((0, values.x.values), (1, values.y.values)):
        assert coordinate[0] <= reach[:, side].min()
        assert reach[:, side].max() <= coordinate[-1]
    only = plane(database, network, (0, 1, 2), n=5, finder="fourier")
    assert only.path.values.tolist() == [3]


def test_aligned_corners_are_images_and_paths_move_with_their_source(network, database):
    for pair in ((0, 1), (2, 1), (1, 2)):
        connect_minima(database, network, LinearPathFinder(), [pair], align="weights", label="aligned")
    values = plane(database, network, (0, 1, 2), n=4, align="weights")
    start, *others = database.coordinates([0, 1, 2])
    images = [align(network, start, point).coordinates for point in others]
    np.testing.assert_allclose(np.linalg.norm(values.place.values[1]), np.linalg.norm(images[0] - start), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(values.place.values[2]), np.linalg.norm(images[1] - start), rtol=1e-5)
    for row in range(values.sizes.get("line", 0)):
        corner = values.minimum.values.tolist().index(int(values.target[row]))
        np.testing.assert_allclose(values.curve.values[row, -1], values.place.values[corner], atol=1e-4)
    assert 0 in values.path.values  # 0 to the image of 1; the others only where their images are those of the plane
    assert plane(database, network, (0, 1, 2), n=4).sizes.get("line", 0) == 0


def test_of_two_parameters_the_plane_is_the_surface():
    surface = MullerBrown()
    database = stored(surface, torch.as_tensor(surface.minima))
    connect_minima(database, surface, LinearPathFinder(), [(0, 2)])
    values = plane(database, surface, [2, 0, 1], n=7)
    assert values.share_outside.values[0] < 1e-20
    origin, along, across = surface.minima[[2, 0, 1]]
    x = (along - origin) / np.linalg.norm(along - origin)
    y = np.array([-x[1], x[0]])
    y *= np.sign(y @ (across - origin))
    points = [origin + a * x + b * y for b in values.y.values for a in values.x.values]
    expected = surface.energy(torch.as_tensor(np.array(points))).numpy()
    np.testing.assert_allclose(values.energy.values.ravel(), expected, rtol=1e-9)


def norms(point, shapes, rows):
    begin, found = 0, []
    for shape in shapes:
        part = np.asarray(point[begin : begin + int(np.prod(shape))], dtype=float)
        begin += part.size
        found.append(np.linalg.norm(part.reshape(shape[0] if rows and len(shape) > 1 else 1, -1), axis=1))
    return found


@pytest.mark.parametrize("kind", ["filter", "layer"])
@pytest.mark.parametrize("biases", ["zero", "normalized"])
def test_directions_are_as_long_as_the_filters_of_the_solution(network, kind, biases):
    point = network.initial_points([7])[0].numpy()
    shapes = [tuple(tensor.shape) for tensor in module().parameters()]
    for direction in random_directions(network, point, 2, directions=kind, biases=biases, seed=3):
        pairs = zip(
            norms(direction, shapes, kind == "filter"), norms(point, shapes, kind == "filter"), shapes, strict=True
        )
        for given, wanted, shape in pairs:
            expected = 0 * wanted if len(shape) == 1 and biases == "zero" else wanted
            np.testing.assert_allclose(given, expected, rtol=1e-6)


def test_a_surface_around_a_minimum_has_plain_energies(network, database):
    values = surface_around(database, network, 2, n=3, span=0.5, seed=4)
    point = database.coordinates([2])[0].astype(float)
    one, two = random_directions(network, point, 2, directions="filter", seed=4)
    for i, y in enumerate((-0.5, 0.0, 0.5)):
        for j, x in enumerate((-0.5, 0.0, 0.5)):
            assert values.energy.values[i, j] == pytest.approx(plain_loss(point + x * one + y * two), rel=1e-5)
    np.testing.assert_allclose(values.length, [np.linalg.norm(one), np.linalg.norm(two)])
    assert values.attrs["cosine"] == pytest.approx(one @ two / np.linalg.norm(one) / np.linalg.norm(two))
    line = surface_around(database, network, 2, n=5, span=0.5, seed=4, dims=1)
    np.testing.assert_allclose(line.energy.values[[0, 2, 4]], values.energy.values[1], rtol=1e-6)


def test_buffers_that_belong_to_a_solution_do_not_change_along_a_direction():
    net = nn.Sequential(nn.Flatten(), nn.Linear(25, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).eval()
    landscape = NeuralLandscape(net, functional.cross_entropy, INPUTS, TARGETS, buffers="stored")
    point = landscape.initial_points([0])[0].numpy()
    (direction,) = random_directions(landscape, point, 1, directions="filter", biases="normalized")
    state = landscape.parameters(torch.as_tensor(direction).float())
    assert not state["2.running_mean"].any()
    assert not state["2.running_var"].any()
    assert state["2.weight"].norm().item() == pytest.approx(
        landscape.parameters(torch.as_tensor(point))["2.weight"].norm().item()
    )


def accuracy(outputs, targets):
    return (outputs.argmax(dim=1) == targets).double().mean()


@pytest.mark.parametrize(
    ("function", "what", "settings"),
    [(plane, (0, 1, 2), {"n": 3}), (surface_around, 1, {"n": 3}), (interpolations, [(0, 1)], {"n": 3})],
)
def test_metrics_are_computed_with_the_energies(function, what, settings):
    metrics = {"accuracy": accuracy}
    landscape = NeuralLandscape(module(), functional.cross_entropy, INPUTS, TARGETS, metrics=metrics)
    database = stored(landscape, landscape.initial_points([1, 2, 3]))
    plain = NeuralLandscape(module(), functional.cross_entropy, INPUTS, TARGETS)
    without = function(database, plain, what, **settings)
    assert "metric_accuracy" not in without
    values = function(database, landscape, what, **settings)  # computed anew, since there is a metric now
    np.testing.assert_array_equal(values.energy, without.energy)
    assert values.metric_accuracy.shape == values.energy.shape
    net = module()
    net.load_state_dict(landscape.state_dict(database.coordinates([0 if function is not surface_around else 1])[0]))
    expected = accuracy(net(INPUTS), TARGETS).item()
    found = values.metric_accuracy.values
    if function is interpolations:
        assert found[0, 0, 0] == pytest.approx(expected)
    elif function is surface_around:
        assert found[1, 1] == pytest.approx(expected)
    else:
        assert np.isin(np.round(40 * found), np.arange(41)).all()


def test_interpolations_are_straight_lines_plain_and_aligned(network, database):
    values = interpolations(database, network, [(0, 1), (2, 3)], align="weights", n=4)
    assert values.energy.dims == ("ends", "pair", "t")
    for k, pair in enumerate([(0, 1), (2, 3)]):
        start, end = database.coordinates(pair)
        image = align(network, start, end).coordinates
        for row, last in enumerate((end, image)):
            expected = [plain_loss((1 - t) * start.astype(float) + t * last) for t in (0, 1 / 3, 2 / 3, 1)]
            np.testing.assert_allclose(values.energy.values[row, k], expected, rtol=1e-5)
            assert values.distance.values[row, k] == pytest.approx(np.linalg.norm(last - start), rel=1e-6)
    assert (values.distance[1] <= values.distance[0]).all()


def exact_spectrum(landscape, point):
    leaf = torch.as_tensor(point)
    hessian = torch.autograd.functional.hessian(lambda p: landscape.energy(p[None]).sum(), leaf)
    return np.linalg.eigvalsh(hessian.double().numpy())


def test_a_spectral_density_has_the_moments_and_ends_of_the_spectrum():
    net = nn.Sequential(nn.Flatten(), nn.Linear(25, 4), nn.Tanh(), nn.Linear(4, 3))
    landscape = NeuralLandscape(net, functional.cross_entropy, INPUTS.double(), TARGETS, dtype=torch.float64)
    database = stored(landscape, landscape.initial_points([0, 1]))
    values = spectral_density(database, landscape, 1, n_probes=30, n_steps=60)
    exact = exact_spectrum(landscape, database.coordinates([1])[0])
    nodes, weights = values.node.values, values.weight.values
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-9)
    assert np.nanmax(nodes) == pytest.approx(exact[-1], rel=1e-8)
    assert np.nanmin(nodes) == pytest.approx(exact[0], rel=1e-5)
    for name, power in (("trace", 1), ("square", 2)):
        assert abs(values.attrs[name] - (exact**power).sum()) < 4 * values.attrs[f"{name}_error"]
    # Of each probe the first moments are exact: v H v and |H v|^2.
    leaf = torch.as_tensor(database.coordinates([1])[0])
    hessian = torch.autograd.functional.hessian(lambda p: landscape.energy(p[None]).sum(), leaf).numpy()
    rng = np.random.default_rng(0)
    for probe in range(3):
        v = rng.choice([-1.0, 1.0], size=len(leaf)) / np.sqrt(len(leaf))
        for power, expected in (
            (1, v @ hessian @ v),
            (2, np.sum((hessian @ v) ** 2)),
            (3, (hessian @ v) @ hessian @ (hessian @ v)),
        ):
            assert np.nansum(weights[probe] * nodes[probe] ** power) == pytest.approx(expected, rel=1e-6)
    # How many eigenvalues lie above a bound, for a bound in a gap.
    gaps = np.diff(exact)
    bound = exact[np.argmax(gaps)] + gaps.max() / 2
    share = np.nansum(np.where(nodes > bound, weights, 0)) / len(nodes)
    assert share == pytest.approx((exact > bound).mean(), abs=0.02)


def test_of_few_parameters_all_eigenvalues_are_computed():
    wells = SeparableWells((1.0, 2.0, 2.0))
    values = spectral_density(stored(wells, torch.ones(1, 3, dtype=torch.float64)), wells, 0)
    np.testing.assert_allclose(values.node.values, [[8, 16, 16]])
    np.testing.assert_allclose(values.weight.values, [[1 / 3] * 3])
    assert values.attrs["trace_error"] == 0


def test_a_probe_ends_in_an_invariant_subspace():
    # Two different eigenvalues only: two steps from any start know both.
    curvature = torch.tensor([1.0] * 40 + [3.0] * 60)
    bowl = FunctionLandscape(lambda p: (curvature * p**2).sum(1) / 2, 100)
    values = spectral_density(stored(bowl, torch.zeros(1, 100, dtype=torch.float64)), bowl, 0, n_probes=2, n_steps=10)
    np.testing.assert_allclose(values.node.values[:, :2], [[1, 3]] * 2, rtol=1e-9)
    assert np.isnan(values.node.values[:, 2:]).all()
    np.testing.assert_allclose(values.weight.values, [[0.4, 0.6] + [0] * 8] * 2, rtol=1e-9)  # signs weigh alike


CALLS = [
    (plane, ((0, 1, 2),), {"n": 4}, "plane"),
    (surface_around, (1,), {"n": 3, "dims": 1}, "around"),
    (interpolations, ([(0, 1)],), {"n": 3}, "interpolation"),
    (spectral_density, (1,), {"n_probes": 1, "n_steps": 3}, "spectrum"),
]


@pytest.mark.parametrize(("function", "what", "settings", "kind"), CALLS)
def test_values_are_kept_and_computed_once(network, function, what, settings, kind, tmp_path):
    points = network.initial_points([1, 2, 3])
    with LandscapeDatabase.create(tmp_path / "a.elsuite", network) as database:
        database.add(minima={"coordinates": points.numpy(), "energy": network.energies_on_all_surfaces(points)})
    with open_database(tmp_path / "a.elsuite") as reader, pytest.raises(StoreError, match="open for reading"):
        function(reader, network, *what, **settings)
    seen = []
    with open_database(tmp_path / "a.elsuite", "a") as database:
        first = function(database, network, *what, progress=lambda *done: seen.append(done), **settings)
        assert seen
        assert seen[-1][1] == seen[-1][2]
        seen.clear()
        assert function(database, network, *what, progress=lambda *done: seen.append(done), **settings).identical(first)
        assert seen == []
        ((name, entry),) = computed_values(database).items()
        assert name.startswith(kind)
        assert entry["kind"] == kind
        assert entry["surface"] == "train"
        assert "computed" in database.attributes
        assert not function(database, network, *what, surface="test", **settings).equals(first)
    with open_database(tmp_path / "a.elsuite") as reader:
        assert function(reader, network, *what, **settings).identical(first)
    other = NeuralLandscape(module(), functional.cross_entropy, INPUTS + 1, TARGETS, test=(INPUTS[:9], TARGETS[:9]))
    with open_database(tmp_path / "a.elsuite", "a") as database, pytest.raises(OtherLandscapeError):
        function(database, other, *what, **{**settings, "n" if "n" in settings else "n_probes": 5})


def test_an_interrupted_grid_leaves_the_database_as_it_was(network, database):
    def stop(_stage, done, _total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plane(database, network, (0, 1, 2), n=4, progress=stop)
    assert computed_values(database) == {}
    assert plane(database, network, (0, 1, 2), n=4).sizes["x"] == 4


def test_after_a_merge_the_same_call_computes_nothing(network, tmp_path):
    for name, seeds in (("a", [9]), ("b", [1, 2, 3])):
        points = network.initial_points(seeds)
        with LandscapeDatabase.create(tmp_path / name, network) as database:
            database.add(minima={"coordinates": points.numpy(), "energy": network.energies_on_all_surfaces(points)})
            if name == "b":
                connect_minima(database, network, LinearPathFinder(), [(0, 1)])
                before = plane(database, network, (0, 1, 2), n=4)
    merge_databases([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    with open_database(tmp_path / "c") as merged:
        after = plane(merged, network, (1, 2, 3), n=4)
        np.testing.assert_array_equal(after.energy, before.energy)
        assert after.minimum.values.tolist() == [1, 2, 3]
        assert after.target.values.tolist() == [2]


def failing(points):
    if bool((points[:, 0] > 0.4).any()):
        raise RuntimeError("atoms too near")
    return (points**2).sum(1)


def test_points_at_which_the_energy_fails_are_not_numbers():
    landscape = FunctionLandscape(failing, 2)
    found = values_at(landscape, 3, lambda part: np.array([[0.0, 0.0], [0.5, 0.0], [0.3, 0.4]])[part], stage="plane")
    np.testing.assert_allclose(found["energy"], [0.0, np.nan, 0.25])
    with pytest.raises(RuntimeError, match="atoms too near"):
        values_at(landscape, 1, lambda part: np.array([[0.5, 0.0]])[part], stage="plane")


WRONG = [
    (plane, ((0, 1),), {}, "minima: given (0, 1), allowed: ids of three different minima, such as (3, 7, 9)"),
    (plane, ((0, 1, 1),), {}, "given (0, 1, 1)"),
    (plane, ("abc",), {}, "minima: given"),
    (plane, ((0, 1, 1.5),), {}, "given (0, 1, 1.5)"),
    (plane, (5,), {}, "minima: given 5"),
    (plane, ((0, 1, 9),), {}, "no minimum 9; the database has 4"),
    (plane, ((0, 1, -1),), {}, "no minimum -1"),
    (plane, ((0, 1, 2),), {"n": 1}, "plane.n: given 1, allowed: at least 3"),
    (plane, ((0, 1, 2),), {"margin": -0.1}, "plane.margin: given -0.1, allowed: at least 0"),
    (plane, ((0, 1, 2),), {"margin": float("nan")}, "plane.margin: given nan"),
    (plane, ((0, 1, 2),), {"align": "magic"}, "plane.align: given 'magic', allowed: "),
    (plane, ((0, 1, 2),), {"surface": "no"}, "no surface 'no'; there are: train, test"),
    (surface_around, (7,), {}, "no minimum 7"),
    (surface_around, ((0, 1),), {}, "the id of a minimum"),
    (surface_around, (0,), {"dims": 3}, "dims: given 3, allowed: 1, 2"),
    (surface_around, (0,), {"directions": "magic"}, "directions: given 'magic'"),
    (surface_around, (0,), {"span": 0}, "span: given 0, allowed: above 0"),
    (interpolations, ([],), {}, "pairs: given none"),
    (interpolations, ([(0, 0)],), {}, "two different minima"),
    (interpolations, ([0, 1],), {}, "pairs: given 0, allowed: two ids"),
    (interpolations, ([(0, 8)],), {}, "no minimum 8"),
    (spectral_density, (0,), {"n_probes": 0}, "n_probes: given 0, allowed: at least 1"),
    (spectral_density, (0,), {"n_steps": 2.5}, "n_steps: given 2.5"),
]


@pytest.mark.parametrize(("function", "what", "settings", "words"), WRONG)
def test_wrong_arguments_are_one_clear_line(network, database, function, what, settings, words):
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        function(database, network, *what, **settings)
    assert "\n" not in str(error.value)
    assert computed_values(database) == {}


def test_what_has_no_filters_says_so_and_points_on_a_line_are_no_plane():
    wells = SeparableWells((1.0, 2.0))
    database = stored(wells, torch.tensor([[1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]], dtype=torch.float64))
    with pytest.raises(ValueError, match="directions: given 'filter', allowed for SeparableWells: plain"):
        surface_around(database, wells, 0, directions="filter")
    with pytest.raises(ValueError, match="the three points lie on a line"):
        plane(database, wells, (0, 1, 2))
    empty = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    empty.add(minima={"energy": [[0.0], [1.0], [2.0]]})
    with pytest.raises(ValueError, match="no coordinates"):
        plane(empty, wells, (0, 1, 2))
    with pytest.raises(NotFoundError, match="no minimum 3"):
        plane(empty, wells, (0, 1, 3))


def test_the_module_given_is_not_changed(network, database):
    net = module()
    before = copy.deepcopy(net.state_dict())
    landscape = NeuralLandscape(net, functional.cross_entropy, INPUTS, TARGETS)
    surface_around(stored(landscape, landscape.initial_points([0])), landscape, 0, dims=1, n=3)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
