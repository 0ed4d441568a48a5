"""The engine's gradient against autograd, finite differences and the loops of METHODS, section 3."""

import copy
import math

import cases
import pytest
import torch
from path_gradients import path_gradient

from elsuite.landscapes import FourGaussians
from elsuite.paths import BezierBasis, HatBasis, Path, SineBasis
from elsuite.paths.descent import Descent, PowerSum, SoftMaximum, descend, stratified

pytestmark = pytest.mark.making

GRID = torch.linspace(0, 1, 9, dtype=torch.float64)
OBJECTIVES = {"sum": PowerSum(), "squares, smooth": PowerSum(2.0, 0.7), "maximum": SoftMaximum(10.0, 0.01)}
BASES = {"sines": SineBasis(4, 0.0), "scaled sines": SineBasis(4), "bezier": BezierBasis(), "hats": HatBasis(3)}


def bent_path(surface, basis, size=0.1):
    generator = torch.Generator().manual_seed(1)
    if surface.n_parameters == 2:
        start, end = torch.as_tensor(surface.minima)
    else:
        start, end = surface.initial_points([0, 1])
    shape = basis.n_terms, surface.n_parameters
    return Path(start, end, basis, size * torch.randn(shape, generator=generator, dtype=surface.dtype))


def loss(path, surface, t, objective, coefficients):
    """The objective as its formula says, differentiable."""
    moved = Path(path.start, path.end, path.basis, coefficients)
    weights = torch.column_stack([1 - t, t, path.basis.values(t)])
    points = weights @ torch.vstack([moved.start, moved.end, coefficients])
    energies = surface.energy(points)
    smooth = torch.diff(points, dim=0).square().sum()
    if isinstance(objective, PowerSum):
        return (energies**objective.power).sum() + objective.smoothness * smooth
    fixed = energies.detach()
    spread = fixed.max() - fixed.min()
    scale = objective.sharpness / spread
    stiff = objective.stiffness * spread * len(t) / (path.end - path.start).square().sum()
    return torch.logsumexp(scale * energies, dim=0) / scale + stiff * smooth


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("basis", BASES.values(), ids=BASES)
@pytest.mark.parametrize("name", ["four gaussians", "fcp"])
def test_gradient_is_that_of_autograd(name, basis, objective):
    surface = cases.LANDSCAPES[name]()
    path = bent_path(surface, basis)
    energies, gradient = path_gradient(path, surface, GRID, objective)
    coefficients = path.coefficients.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(path, surface, GRID, objective, coefficients), coefficients)
    assert torch.allclose(energies, surface.energy(path.points(GRID)).detach())
    assert torch.allclose(gradient, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("objective", [PowerSum(1.0, 1e-4), PowerSum(8.0, 2.0)], ids=repr)
def test_gradient_is_that_of_finite_differences(objective):
    surface = FourGaussians()
    path = bent_path(surface, SineBasis(3, 0.0))
    gradient = path_gradient(path, surface, GRID, objective)[1]
    step = 1e-6
    for index in range(path.coefficients.numel()):
        change = torch.zeros_like(path.coefficients)
        change.view(-1)[index] = step
        up, down = (loss(path, surface, GRID, objective, path.coefficients + sign * change) for sign in (1, -1))
        assert float(gradient.view(-1)[index]) == pytest.approx(float((up - down) / (2 * step)), rel=1e-5, abs=1e-7)


def test_gradient_is_that_of_the_published_loops():
    """METHODS, section 3, as it stands there: one term, one point after the other."""
    surface = FourGaussians()
    smoothness = 0.3
    path = bent_path(surface, SineBasis(5, 0.0))
    points = path.points(GRID)
    gradients = [surface.energy_and_gradient(point[None])[1][0] for point in points]
    expected = torch.zeros_like(path.coefficients)
    for n in range(1, 6):
        sines = [torch.sin(n * torch.pi * t) for t in GRID]
        for m in range(len(GRID)):
            expected[n - 1] += gradients[m] * sines[m]
        for m in range(len(GRID) - 1):
            expected[n - 1] += 2 * smoothness * (points[m + 1] - points[m]) * (sines[m + 1] - sines[m])
    gradient = path_gradient(path, surface, GRID, PowerSum(1.0, smoothness))[1]
    assert torch.allclose(gradient, expected, atol=1e-10)


@pytest.mark.parametrize(
    "budget_of", [lambda _: 1, lambda surface: 4 * 8 * surface.n_parameters], ids=["one point", "two points"]
)
@pytest.mark.parametrize("own_samples", [False, True])
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_chunks_of_points_give_the_same_gradient(objective, own_samples, budget_of):
    surface = whole = cases.LANDSCAPES["fcp"]()
    if own_samples:  # as in steps over samples, where each point of the path has others
        indices = torch.randint(whole.n_samples, (len(GRID), 5), generator=torch.Generator().manual_seed(0))
        surface = whole.minibatch(indices)
    path = bent_path(surface, SineBasis(4))
    energies, gradient = path_gradient(path, surface, GRID, objective)
    surface = copy.copy(surface)
    surface.byte_budget = budget_of(surface)
    chunked = path_gradient(path, surface, GRID, objective)
    assert torch.allclose(energies, chunked[0])
    assert torch.allclose(gradient, chunked[1], atol=1e-12)


def test_random_points_are_one_in_each_part():
    t = stratified(8, 50, torch.Generator().manual_seed(0))
    assert torch.equal((t * 8).floor(), torch.arange(8.0).expand(50, 8).double())
    assert (torch.diff(t, dim=1) > 0).all()


@pytest.mark.parametrize("n_points", [1, 4])
def test_the_arcsine_density_has_its_share_of_points_up_to_every_t(n_points):
    t = stratified(n_points, 4000 // n_points, torch.Generator().manual_seed(0), "arcsine")
    assert ((t > 0) & (t < 1)).all()
    assert (torch.diff(t, dim=1) > 0).all()
    shares = 2 / math.pi * t.sqrt().asin()
    assert torch.equal((shares * n_points).floor(), torch.arange(float(n_points)).expand(len(t), -1).double())
    ranks = torch.linspace(0, 1, t.numel(), dtype=torch.float64)
    assert float((shares.flatten().sort().values - ranks).abs().max()) < 0.03


@pytest.mark.parametrize("by_length", [False, True])
def test_a_descent_lowers_its_objective_and_counts(by_length):
    surface = FourGaussians()
    path = bent_path(surface, SineBasis(3), size=0.0)
    descent = Descent(PowerSum(2.0), 100, 0.01, points_per_step=6, by_length=by_length)
    done = descend(path, surface, descent, torch.Generator().manual_seed(0))
    assert done.finite
    assert done.n_steps == 100
    assert done.n_point_gradients == 600
    before, after = (loss(p, surface, GRID, PowerSum(2.0), p.coefficients) for p in (path, done.path))
    assert after < before
    assert not path.coefficients.any()


def test_samples_are_counted_by_their_share():
    surface = cases.LANDSCAPES["fcp"]()
    path = bent_path(surface, SineBasis(2))
    descent = Descent(PowerSum(), 5, 1e-3, points_per_step=4, images_per_step=6)
    done = descend(path, surface, descent, torch.Generator().manual_seed(0))
    assert done.n_point_gradients == pytest.approx(5 * 4 * 6 / surface.n_samples)
