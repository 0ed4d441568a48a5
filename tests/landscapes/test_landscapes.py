"""What every landscape must do, over the table of cases."""

import pickle

import cases
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elsuite.landscapes import DataLandscape, FunctionLandscape, Landscape, SeparableWells
from elsuite.symmetry import NoSymmetry

pytestmark = pytest.mark.making


@pytest.fixture(params=cases.LANDSCAPES)
def landscape(request):
    return cases.LANDSCAPES[request.param]()


@pytest.fixture(params=cases.ANALYTIC)
def analytic(request):
    return cases.ANALYTIC[request.param]()


def differences(landscape, point, step=1e-6):
    """Central differences of the energy, one parameter after the other."""
    steps = step * torch.eye(landscape.n_parameters, dtype=landscape.dtype)
    return (landscape.energy(point + steps) - landscape.energy(point - steps)) / (2 * step)


def hessian(landscape, point):
    """The dense Hessian by autograd through the energy."""
    leaf = torch.as_tensor(point).clone()
    matrix = torch.autograd.functional.hessian(lambda x: landscape.energy(x[None])[0], leaf)
    return 0.5 * (matrix + matrix.T)


def test_attributes(landscape):
    assert isinstance(landscape, Landscape)
    assert landscape.surface == landscape.surfaces[0]
    starts = landscape.initial_points([0, 1])
    assert starts.shape == (2, landscape.n_parameters)
    assert starts.dtype == landscape.dtype
    assert landscape.on(landscape.surface).surface == landscape.surface


def test_gradient_is_that_of_the_energy(landscape):
    for surface in landscape.surfaces:
        shown = landscape.on(surface)
        point = shown.initial_points([3])
        energy, gradient = shown.energy_and_gradient(point)
        numeric = differences(shown, point)
        assert torch.allclose(energy, shown.energy(point), rtol=1e-13, atol=1e-14)
        assert torch.allclose(gradient[0], numeric, rtol=1e-5, atol=1e-8 * max(1, numeric.abs().max()))


def test_batch_is_one_by_one(landscape):
    points = landscape.initial_points(list(range(5)))
    energies, gradients = landscape.energy_and_gradient(points)
    assert energies.shape == (5,)
    assert energies.dtype == torch.float64
    assert not energies.requires_grad
    assert not gradients.requires_grad
    for k in range(5):
        energy, gradient = landscape.energy_and_gradient(points[k : k + 1])
        assert torch.allclose(energies[k], energy[0], rtol=1e-12)
        assert torch.allclose(gradients[k], gradient[0], rtol=1e-9, atol=1e-13)


def test_no_points(landscape):
    none = landscape.initial_points([])
    assert landscape.energy(none).shape == (0,)
    energies, gradients = landscape.energy_and_gradient(none)
    assert energies.shape == (0,)
    assert gradients.shape == (0, landscape.n_parameters)


def test_points_are_not_changed(landscape):
    points = landscape.initial_points([0, 1])
    copy = points.clone()
    landscape.energy(points)
    landscape.energy_and_gradient(points)
    assert torch.equal(points, copy)


@pytest.mark.parametrize("name", [*cases.ANALYTIC, *cases.NETWORKS])
def test_energy_is_differentiable_twice(name):
    landscape = cases.LANDSCAPES[name]()
    assert not landscape.gradient_only
    point = landscape.initial_points([1])
    leaf = point.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(landscape.energy(leaf).sum(), leaf, create_graph=True)
    assert torch.allclose(gradient.detach(), landscape.energy_and_gradient(point)[1], rtol=1e-9, atol=1e-12)
    direction = torch.linspace(-1, 1, landscape.n_parameters, dtype=landscape.dtype)[None]
    (product,) = torch.autograd.grad((gradient * direction).sum(), leaf)
    step = 1e-6
    ahead, behind = (landscape.energy_and_gradient(point + s * direction)[1] for s in (step, -step))
    numeric = (ahead - behind) / (2 * step)
    assert torch.allclose(product, numeric, rtol=1e-4, atol=1e-6 * max(1, numeric.abs().max()))


def test_start_depends_on_its_seed_only(landscape):
    state = torch.get_rng_state()
    many = landscape.initial_points([5, 2**40, 7])
    assert torch.equal(many[2], landscape.initial_points([7])[0])
    assert torch.equal(many, landscape.initial_points([5, 2**40, 7]))
    assert not torch.equal(many[0], many[1])
    assert torch.equal(torch.get_rng_state(), state)


def test_can_be_sent_to_another_process(landscape):
    points = landscape.initial_points([0])
    again = pickle.loads(pickle.dumps(landscape))  # noqa: TID251 - what a worker process does
    assert torch.equal(again.energy(points), landscape.energy(points))
    assert torch.equal(again.initial_points([0]), points)


def test_other_shapes_are_refused(landscape):
    n = landscape.n_parameters
    for points in (torch.zeros(n), torch.zeros(2, n + 1), torch.zeros(1, 2, n)):
        for call in (landscape.energy, landscape.energy_and_gradient):
            with pytest.raises(ValueError, match=rf"\(n_points, {n}\)") as error:
                call(points)
            assert str(tuple(points.shape)) in str(error.value)


def test_unknown_surface_is_refused(landscape):
    with pytest.raises(ValueError, match="nowhere") as error:
        landscape.on("nowhere")
    assert all(surface in str(error.value) for surface in landscape.surfaces)


def test_arrays_that_must_not_be_written_to(landscape):
    points = landscape.initial_points([0]).numpy().copy()
    points.flags.writeable = False
    assert landscape.energy(points).shape == (1,)


def test_known_points_are_stationary_of_the_right_index(analytic):
    known = [(analytic.minima, analytic.minimum_energies, 0)]
    known += [(analytic.transition_states, analytic.transition_state_energies, 1)]
    for positions, energies, index in known:
        assert positions.shape == (len(energies), analytic.n_parameters)
        assert np.all(np.diff(energies) > -1e-12)
        for position in positions:
            _, gradient = analytic.energy_and_gradient(position[None])
            assert gradient.abs().max() < 1e-8
            values = torch.linalg.eigvalsh(hessian(analytic, position))
            assert int((values < -1e-5).sum()) == index
            assert int((values.abs() < 1e-5).sum()) == analytic.symmetry.n_zero_modes


def test_starts_lie_in_the_bounds(analytic):
    starts = analytic.initial_points(list(range(50))).numpy()
    assert analytic.bounds.shape == (2, analytic.n_parameters)
    assert np.all(starts >= analytic.bounds[0])
    assert np.all(starts <= analytic.bounds[1])
    assert np.all(np.ptp(starts, axis=0) > 0.3 * (analytic.bounds[1] - analytic.bounds[0]))


# Published or computed elsewhere to the digits given (four gaussians: arXiv:2602.21276 and its reference file).
PUBLISHED = {
    "muller-brown": ([-146.6995172100, -108.1667241169, -80.7678181297], [-72.2489401123, -40.6648435087]),
    "six-hump camel": (
        [-1.0316284535, -1.0316284535, -0.2154638244, -0.2154638244, 2.1042503103, 2.1042503103],
        [0, 0.5437186010, 0.5437186010, 2.2293571975, 2.2293571975, 2.2294708180, 2.2294708180],
    ),
    "four gaussians": ([-3.090423e-05, 0.1087071679], [0.6243933471869937, 0.6372572376560084, 0.9960671956794482]),
    "wells, four": ([0] * 16, [0.25] * 8 + [1] * 16 + [2] * 8),
    "wells, one": ([0] * 2, [0.5]),
    "lj2": ([-1], []),
    "lj6": ([-12.712062, -12.302928], []),
    "lj7": ([-16.505384, -15.935043, -15.593211, -15.533060], []),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_energies(name):
    surface = cases.ANALYTIC[name]()
    tolerance = 5e-7 if name.startswith("lj") else 1e-10
    for found, expected in zip(
        (surface.minimum_energies, surface.transition_state_energies), PUBLISHED[name], strict=True
    ):
        assert found.shape == (len(expected),)
        assert np.allclose(found, expected, rtol=0, atol=tolerance)


def test_published_positions():
    muller_brown = cases.ANALYTIC["muller-brown"]()
    assert np.allclose(
        muller_brown.minima,
        [[-0.5582236346, 1.4417258418], [0.6234994049, 0.0280377585], [-0.0500108230, 0.4666941049]],
        atol=1e-9,
    )
    gaussians = cases.ANALYTIC["four gaussians"]()
    assert np.allclose(
        gaussians.transition_states,
        [[-0.16472655, -0.06991718], [0.05288953, -0.68815821], [-0.2927096, 0.74362393]],
        atol=1e-8,
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=6), st.integers(0, 2**20))
def test_separable_wells_of_any_dimension(heights, seed):
    surface = SeparableWells(tuple(heights))
    n = len(heights)
    assert surface.minima.shape == (2**n, n)
    assert surface.transition_states.shape == (n * 2 ** (n - 1), n)
    expected = np.repeat(np.sort(heights), 2 ** (n - 1))
    assert np.allclose(surface.transition_state_energies, expected, rtol=1e-12)
    assert len(np.unique(surface.minima, axis=0)) == 2**n
    point = surface.initial_points([seed])
    by_hand = sum(h * (float(x) ** 2 - 1) ** 2 for h, x in zip(heights, point[0], strict=True))
    assert surface.energy(point).item() == pytest.approx(by_hand, rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 14), st.integers(0, 2**20))
def test_lennard_jones_is_the_sum_over_pairs_and_does_not_see_motions(n_atoms, seed):
    cluster = cases.landscape("LennardJones", n_atoms)()
    point = cluster.initial_points([seed])
    atoms = point.view(n_atoms, 3)
    pairs = [(atoms[i] - atoms[j]).norm().item() for i in range(n_atoms) for j in range(i)]
    assert min(pairs) >= 0.8
    assert atoms.norm(dim=1).max() <= cluster.radius
    energy = cluster.energy(point).item()
    assert energy == pytest.approx(sum(4 * (r**-12 - r**-6) for r in pairs), rel=1e-11)
    turn = torch.linalg.qr(torch.rand(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))[0]
    moved = (atoms @ turn + torch.tensor([1.0, -2.0, 0.5]))[torch.arange(n_atoms).flip(0)]
    assert cluster.energy(moved.reshape(1, -1)).item() == pytest.approx(energy, rel=1e-10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cases.landscape("SeparableWells", ())(), "heights"),
        (lambda: cases.landscape("SeparableWells", (1.0, -1.0))(), "-1.0"),
        (lambda: cases.landscape("LennardJones", 1)(), "n_atoms = 1"),
        (lambda: FunctionLandscape(cases.quartic, 2, bounds=[[0, 0, 0], [1, 1, 1]]), r"\(2, 2\)"),
        (lambda: FunctionLandscape(cases.quartic, 2, bounds=[[1, 1], [0, 0]]), "lowest and highest"),
        (lambda: FunctionLandscape(lambda points: points.sum(), 2).energy(torch.zeros(3, 2)), "one energy a point"),
        (lambda: FunctionLandscape(lambda points: points, 2).energy(torch.zeros(3, 2)), r"\(3,\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_function_landscape_in_its_own_bounds():
    surface = FunctionLandscape(cases.quartic, 2, bounds=[[5, -1], [6, -1]])
    starts = surface.initial_points([0, 1, 2]).numpy()
    assert np.all((starts[:, 0] >= 5) & (starts[:, 0] <= 6))
    assert np.all(starts[:, 1] == -1)
    assert surface.minima.shape == (0, 2)


@pytest.mark.parametrize("name", cases.NETWORKS)
def test_minibatches(name):
    landscape = cases.NETWORKS[name]()
    assert isinstance(landscape, DataLandscape)
    points = landscape.initial_points([0, 1, 2])
    n = landscape.n_samples
    generator = torch.Generator().manual_seed(0)
    own = torch.randint(0, n, (3, 7), generator=generator)
    energies, gradients = landscape.minibatch(own).energy_and_gradient(points)
    assert torch.allclose(energies, landscape.minibatch(own).energy(points), rtol=1e-12)
    for k in range(3):
        energy, gradient = landscape.minibatch(own[k]).energy_and_gradient(points[k : k + 1])
        assert torch.allclose(energies[k], energy[0], rtol=1e-12)
        assert torch.allclose(gradients[k], gradient[0], rtol=1e-9, atol=1e-13)
    # The parts of all samples, weighted by their sizes, are the whole.
    parts = torch.arange(n).split(13)
    total = sum(len(part) / n * landscape.minibatch(part).energy(points) for part in parts)
    assert torch.allclose(total, landscape.energy(points), rtol=1e-12)
    test = landscape.on("test")
    assert test.n_samples == 14
    part = test.minibatch(torch.arange(14))
    assert part.surfaces == ("test",)
    assert torch.allclose(part.energy(points), test.energy(points), rtol=1e-12)
    assert torch.equal(part.initial_points([1])[0], points[1])


def test_minibatches_that_do_not_fit_are_refused():
    landscape = cases.NETWORKS["fcp"]()
    points = landscape.initial_points([0, 1])
    with pytest.raises(ValueError, match="3"):
        landscape.minibatch(torch.zeros(3, 4, dtype=torch.int64)).energy(points)
    for shape in ((), (2, 3, 4), (2, 0)):
        with pytest.raises(ValueError, match="indices of shape"):
            landscape.minibatch(torch.zeros(shape, dtype=torch.int64))
    with pytest.raises(ValueError, match="test"):
        landscape.minibatch(torch.arange(3)).on("test")


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a[::-1],
        lambda a: a.astype(">f8"),
        lambda a: a[:, ::-1][:, ::-1],
        lambda a: np.broadcast_to(a[:1], a.shape),
        lambda a: a.astype(">f4"),
    ],
    ids=["reversed", "big-endian", "reversed twice", "read-only", "big-endian float32"],
)
def test_any_array_is_points(make):
    from elsuite.minimizers import LBFGSGSS

    surface = cases.LANDSCAPES["muller-brown"]()
    given = make(np.array([[0.5, 0.25], [-0.5, 1.5], [0.0, 0.5]]))
    same = np.array(given.tolist())
    np.testing.assert_array_equal(surface.energy(given), surface.energy(same))
    for one, other in zip(*(LBFGSGSS(epochs=3).minimize(surface, points) for points in (given, same)), strict=True):
        np.testing.assert_array_equal(one.solutions[0].coordinates, other.solutions[0].coordinates)


def test_the_declared_symmetry_leaves_the_energy_as_it_is(landscape):
    symmetry, points = landscape.symmetry, landscape.initial_points([0, 1])
    a, b = points.double().numpy()
    copy = symmetry.nearest(a, b, tolerance=np.inf)
    assert copy.distance <= np.linalg.norm(a - b) * (1 + 1e-12)
    energies = landscape.energy(torch.as_tensor(np.stack([b, np.asarray(copy)]), dtype=landscape.dtype))
    assert energies[1].item() == pytest.approx(energies[0].item(), rel=1e-9)
    prints = symmetry.fingerprint([b, np.asarray(copy)])
    np.testing.assert_allclose(prints[0], prints[1], atol=1e-9)
    gradient = landscape.energy_and_gradient(points)[1].double().numpy()
    along = np.einsum("np,npk->nk", gradient, symmetry.zero_modes([a, b]))
    assert np.abs(along).max(initial=0.0) <= 1e-9 * np.linalg.norm(gradient)


def test_a_length_scale_is_that_of_random_starts(landscape):
    starts = landscape.initial_points(list(range(8))).double().numpy()
    spread = np.sqrt(((starts - starts.mean(axis=0)) ** 2).sum(axis=1).mean() / landscape.n_parameters)
    per_coordinate = landscape.length_scale / np.sqrt(landscape.n_parameters)
    assert per_coordinate / 8 < spread < 8 * per_coordinate


@pytest.mark.parametrize("origin", [0.0, 1e6])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_length_scales_follow_the_units_and_not_the_origin(scale, origin):
    bounds = (np.array([[0.0, 0.0, 1.0], [3.0, 4.0, 1.0]]) + origin) * scale
    assert FunctionLandscape(lambda x: x.sum(1), 3, bounds).length_scale == pytest.approx(1.5 * scale, rel=1e-6)


def test_a_symmetry_of_another_size_is_refused():
    with pytest.raises(ValueError, match="a symmetry of 2 parameters given; the landscape has 3"):
        FunctionLandscape(lambda x: x.sum(1), 3, symmetry=NoSymmetry(2))
