"""Many checkpoints into a database, a few at a time, whatever the files hold."""

import os

import numpy as np
import pytest
import torch
from torch import nn

from elsuite.database import LandscapeDatabase
from elsuite.exploration import add_solutions, checkpoints, import_checkpoints
from elsuite.landscapes import NeuralLandscape

pytestmark = pytest.mark.making


def made():
    generator = torch.Generator().manual_seed(1)
    inputs, targets = torch.randn(20, 3, generator=generator), torch.arange(20) % 2
    return NeuralLandscape(nn.Linear(3, 2), nn.CrossEntropyLoss(), inputs, targets, test=(inputs[:6], targets[:6]))


@pytest.fixture(scope="module")
def landscape():
    return made()


@pytest.fixture
def database(landscape):
    with LandscapeDatabase.create(None, landscape) as database:
        yield database


@pytest.fixture
def files(landscape, tmp_path):
    points = torch.as_tensor(np.random.default_rng(0).normal(size=(7, 8)), dtype=torch.float32)
    for k, point in enumerate(points):
        torch.save({"state_dict": landscape.state_dict(point)}, tmp_path / f"{k}.pt")
    return points, [str(tmp_path / f"{k}.pt") for k in range(7)]


@pytest.mark.parametrize("at_once", [1, 3, 16])
def test_blocks_of_any_size_give_the_same_rows(landscape, database, files, at_once, monkeypatch):
    monkeypatch.setattr(checkpoints, "SOLUTIONS_AT_ONCE", at_once)
    points, paths = files
    calls = []
    report = import_checkpoints(database, landscape, paths, progress=lambda *call: calls.append(call))
    assert (report.ids, report.n_known, report.failed) == (tuple(range(7)), 0, ())
    assert calls == [("checkpoints into checkpoints", done, 7) for done in range(1, 8)]
    np.testing.assert_array_equal(database.coordinates(range(7)), points.numpy())
    assert database.minima["origin"].values.tolist() == paths
    for column, name in enumerate(landscape.surfaces):
        energies = landscape.on(name).energy(points).numpy()
        np.testing.assert_allclose(database.minima["energy"].values[:, column], energies, rtol=1e-6)


def test_a_call_that_was_cut_off_goes_on_and_twins_are_one(landscape, database, files, monkeypatch):
    monkeypatch.setattr(checkpoints, "SOLUTIONS_AT_ONCE", 2)
    _, paths = files

    def stop(_stage, done, _total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_checkpoints(database, landscape, paths, progress=stop)
    assert database.n_minima == 4
    report = import_checkpoints(database, landscape, [*paths, *paths[:2]])
    assert (report.ids, report.n_known) == ((4, 5, 6), 6)
    # A solution is the same however it comes.
    again = add_solutions(database, landscape, files[0].numpy(), set_name="checkpoints")
    assert again.tolist() == []


def test_an_energy_that_is_not_finite_fails_alone(landscape, database, files, tmp_path):
    _, paths = files
    state = {"weight": torch.full((2, 3), 1e38), "bias": torch.zeros(2)}
    state["weight"][0] *= -1
    torch.save(state, tmp_path / "huge.pt")
    report = import_checkpoints(database, landscape, [paths[0], tmp_path / "huge.pt", paths[1]])
    assert report.ids == (0, 1)
    assert report.failed == (
        (str(tmp_path / "huge.pt"), f"{tmp_path}/huge.pt: the energy on 'train' is not a finite number"),
    )


@pytest.mark.parametrize(("name", "stopping"), [("mine", ""), ("mine/test", "test"), ("Größe-7", "")])
def test_set_names_are_the_users_own(landscape, database, files, name, stopping):
    import_checkpoints(database, landscape, files[1][:1], set_name=name)
    assert database.minima["set"].values.tolist() == [name]
    assert database.minima["stopping"].values.tolist() == [stopping]


@pytest.mark.parametrize("name", ["", "a b", "a\tb", "a/", "/test", "a/valid", "a/b/test", "a\x7f"])
def test_names_that_are_none_are_refused_before_a_file_is_read(landscape, database, name):
    with pytest.raises(ValueError, match="allowed: NAME or NAME/train or NAME/test"):
        import_checkpoints(database, landscape, ["no-such-file"], set_name=name)


def test_a_landscape_of_ones_own_that_raises_anything(landscape, database, files):
    class Own(NeuralLandscape):
        def point(self, state):
            raise KeyError("layer")

    own = made()
    own.__class__ = Own
    report = import_checkpoints(database, own, files[1][:1])
    assert report.failed == ((files[1][0], f"{files[1][0]}: KeyError: 'layer'"),)


def test_a_file_whose_name_is_no_text(landscape, database, files, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.pt")
    os.rename(files[1][0], path)
    assert import_checkpoints(database, landscape, [path]).ids == (0,)
    assert database.minima["origin"].values.tolist() == [f"{tmp_path}/?.pt"]
