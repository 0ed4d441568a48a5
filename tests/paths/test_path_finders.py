"""What every finder of paths promises, on surfaces with and without data."""

import cases
import numpy as np
import pytest
import torch

from elsuite.core.settings import setting_names
from elsuite.landscapes import DataLandscape, FunctionLandscape
from elsuite.paths import PATH_FINDERS, LinearPathFinder, SineBasis, measure

pytestmark = pytest.mark.making

SURFACES = {name: cases.LANDSCAPES[name] for name in ("four gaussians", "muller-brown", "wells, four", "fcp", "lstm")}


@pytest.fixture(params=cases.PATH_FINDERS.values(), ids=cases.PATH_FINDERS.keys())
def finder(request):
    return request.param()


@pytest.fixture(params=SURFACES.values(), ids=SURFACES.keys())
def surface(request):
    return request.param()


def two_points(surface):
    if isinstance(surface, DataLandscape):
        return surface.initial_points([0, 1])
    return torch.as_tensor(surface.minima[:2])


def test_promises(finder, surface):
    start, end = two_points(surface)
    search = finder.find(surface, start, end, seed=3)
    ends = search.path.points(torch.tensor([0.0, 1.0]))
    assert torch.equal(ends, torch.stack([start, end]).to(ends))
    energies = surface.energy(torch.stack([start, end])).detach().numpy()
    assert np.allclose(search.profile[[0, -1]], energies, rtol=1e-6)
    assert search.refined_height >= search.height == search.profile.max() >= energies.max() - 1e-6
    assert 0 <= search.refined_t <= 1
    here = surface.energy(search.path.points(torch.tensor([search.refined_t], dtype=torch.float64)))
    assert float(here) == pytest.approx(search.refined_height, rel=1e-5)
    assert search.length >= search.chord * (1 - 1e-6) > 0
    assert search.chord == pytest.approx(float((end - start).norm()), rel=1e-5)
    assert search.outcome in ("converged", "budget spent")
    assert search.message
    assert search.n_evaluations >= len(search.profile) == finder.n_points


def test_no_higher_than_the_straight_line(finder, surface):
    start, end = two_points(surface)
    line = LinearPathFinder(n_points=finder.n_points).find(surface, start, end)
    assert finder.find(surface, start, end).refined_height <= line.refined_height


def test_the_seed_decides(finder, surface):
    start, end = two_points(surface)
    one, same = (finder.find(surface, start, end, seed=7) for _ in range(2))
    assert torch.equal(one.path.coefficients, same.path.coefficients)
    assert one.n_point_gradients == same.n_point_gradients
    assert np.array_equal(one.profile, same.profile)


def test_global_random_state_is_left_alone(finder, surface):
    state = torch.random.get_rng_state()
    finder.find(surface, *two_points(surface))
    assert torch.equal(state, torch.random.get_rng_state())


def test_start_and_end_may_be_one_point(finder, surface):
    start, _ = two_points(surface)
    search = finder.find(surface, start, start)
    energy = float(surface.energy(start[None]))
    assert search.outcome == "converged"
    assert search.chord == 0
    assert search.refined_height == pytest.approx(energy, rel=1e-5, abs=1e-9)


def test_other_widths_are_refused(finder, surface):
    start, end = two_points(surface)
    with pytest.raises(ValueError, match=r"^end has shape .*, but a point here has"):
        finder.find(surface, start, end[:-1])
    with pytest.raises(ValueError, match=r"^start has shape"):
        finder.find(surface, torch.stack([start, end]), end)


@pytest.mark.parametrize("where", ["everywhere", "at an end", "between"])
def test_not_a_number(finder, where):
    regions = {"everywhere": (-9, 9), "at an end": (0.9, 9), "between": (-0.5, 0.5)}
    low, high = regions[where]

    def energy(points):
        inside = (points[:, 0] > low) & (points[:, 0] < high)
        return torch.where(inside, torch.nan, (points**2).sum(1))

    search = finder.find(FunctionLandscape(energy, 2), [-1.0, 0.0], [1.0, 0.0])
    assert search.outcome == "not a number"
    assert "not finite" in search.message


def test_any_array_is_an_end_point(finder):
    surface = cases.LANDSCAPES["four gaussians"]()
    of_lists = finder.find(surface, surface.minima[0].tolist(), surface.minima[1].tolist())
    of_tensors = finder.find(surface, *torch.as_tensor(surface.minima))
    assert torch.equal(of_lists.path.coefficients, of_tensors.path.coefficients)
    assert of_lists.n_point_gradients == of_tensors.n_point_gradients


def test_every_finder_is_in_the_table():
    for name, kind in PATH_FINDERS.items():
        assert kind.name == name
        assert isinstance(cases.PATH_FINDERS[name](), kind)


OUT_OF_RANGE = {"n_points": 2, "tolerance": -1.0, "images_per_step": 0, "learning_rate": float("nan"), "n_images": 0}


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        (name, {setting: value})
        for name, finder in sorted(PATH_FINDERS.items())
        for setting, value in OUT_OF_RANGE.items()
        if setting in setting_names(finder)
    ],
)
def test_settings_out_of_range_are_refused(name, setting):
    with pytest.raises(ValueError, match=rf"{next(iter(setting))}: given .*, allowed: at least"):
        PATH_FINDERS[name](**setting)


@pytest.mark.parametrize("setting", [{"optimizer": "sgd"}, {"schedule": "linear"}, {"density": "normal"}])
def test_unknown_choices_are_refused(setting):
    with pytest.raises(ValueError, match="allowed: "):
        PATH_FINDERS["fourier"](**setting)


def test_rows_of_parameters_and_other_surfaces():
    surface = cases.LANDSCAPES["fcp"]()
    search = cases.PATH_FINDERS["fourier"]().find(surface, *surface.initial_points([0, 1]))
    on_test = measure(search.path, surface.on("test"), 21)
    assert isinstance(search.path.basis, SineBasis)
    assert on_test.refined_height != search.refined_height
    assert on_test.refined_height >= on_test.height
