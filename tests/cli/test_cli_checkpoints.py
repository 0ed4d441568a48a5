"""The user's own network by the command line: checkpoints in, joined, a model out; what does not fit is one line."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from elsuite.database import open_database
from elsuite.exploration import stored_path
from elsuite.landscapes.recipes import Recipe

pytestmark = pytest.mark.making

NETS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Linear(36 * width, 10)

    def forward(self, inputs):
        return self.head(self.norm(self.conv(inputs[:, None])).relu().flatten(1))
"""

CODE = """
from torch import nn

from elsuite.landscapes import NeuralLandscape, load_data
from nets import Net

def landscape(width: int = 2, smoothing: float = 0.0):
    data = load_data("digits", n_train=40, n_test=20)
    test = data.test_inputs, data.test_targets
    loss = nn.CrossEntropyLoss(label_smoothing=smoothing)
    return NeuralLandscape(lambda: Net(width), loss, data.train_inputs, data.train_targets, test=test)

def module():
    return Net()

def random():
    import torch
    return NeuralLandscape(Net, nn.CrossEntropyLoss(), torch.rand(20, 8, 8), torch.arange(20) % 10)

def raises(fold: str = "a"):
    return {}[fold]
"""

QUICK = ("--option", "setting=published", "--option", "n_steps=4")


def net(folder):
    """Return a new network of the class in the folder."""
    return Recipe(f"{folder}/exp.py:landscape").landscape(), sys.modules["nets"].Net()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with code and four checkpoints, each in another container."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "nets.py").write_text(NETS)
    (folder / "exp.py").write_text(CODE)
    (folder / "runs").mkdir()
    _, module = net(folder)
    inputs, targets = torch.rand(40, 8, 8), torch.arange(40) % 10
    for seed in range(4):
        torch.manual_seed(seed)  # noqa: TID251 - what a training program does
        module = type(module)()
        optimizer = torch.optim.AdamW(module.parameters(), 1e-2)
        for _ in range(3):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(inputs), targets).backward()
            optimizer.step()
        state = module.state_dict()
        content = [
            state,
            {"state_dict": {f"model.{name}": tensor for name, tensor in state.items()}, "optimizer_states": []},
            {"model": {f"module.{name}": tensor for name, tensor in state.items()}, "ema": state, "epoch": 3},
            {"model_state_dict": {f"_orig_mod.{name}": tensor for name, tensor in state.items()}},
        ][seed]
        torch.save(content, folder / "runs" / f"{seed}.pt")
        torch.save(state, folder / f"plain{seed}.pt")
    return folder


@pytest.fixture
def elsuite(elsuite, monkeypatch, folder):
    monkeypatch.chdir(folder)
    return elsuite


def files():
    return [f"runs/{seed}.pt" for seed in range(4)]


@pytest.fixture
def store(elsuite, tmp_path):
    path = tmp_path / "own.elsuite"
    assert elsuite("import", "checkpoints", *files()[:3], path, "--recipe", "exp.py:landscape")[0] == 0
    return path


def test_checkpoints_in_are_the_models_that_were_saved(elsuite, tmp_path, folder):
    path = tmp_path / "own.elsuite"
    command = ("import", "checkpoints", *files(), path, "--recipe", "exp.py:landscape", "--json")
    code, out, err = elsuite(*command)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [row["file"] for row in found["added"]] == files()
    landscape, _ = net(folder)
    with open_database(path) as database:
        assert set(database.minima["set"].values.tolist()) == {"checkpoints"}
        assert set(database.minima["stopping"].values.tolist()) == {""}
        for row, seed in zip(found["added"], range(4), strict=True):
            state = torch.load(folder / f"plain{seed}.pt", weights_only=True)
            point = landscape.point(state)
            np.testing.assert_array_equal(database.coordinates([row["id"]])[0], point.numpy())
            assert row["energy"]["train"] == pytest.approx(landscape.energy(point[None]).item(), rel=1e-5)
    code, out, _ = elsuite(*command)  # again: nothing new
    assert (code, json.loads(out)["added"], json.loads(out)["known"]) == (0, [], 4)
    assert elsuite("import", "checkpoints", "runs/0.pt", path, "--trust", "--set", "mine/test")[0] == 0
    with open_database(path) as database:
        assert (str(database.minima["set"].values[4]), str(database.minima["stopping"].values[4])) == (
            "mine/test",
            "test",
        )


def test_files_that_give_no_solution_are_named_and_the_others_go_on(elsuite, tmp_path, folder):
    module = net(folder)[1]
    torch.save(module, tmp_path / "whole.pt")
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    state["head.bias"][0] = float("nan")
    torch.save(state, tmp_path / "nan.pt")
    del state["head.bias"]
    torch.save(state, tmp_path / "missing.pt")
    bad = [tmp_path / name for name in ("whole.pt", "nan.pt", "missing.pt", "absent.pt")]
    store = tmp_path / "own.elsuite"
    code, out, err = elsuite("import", "checkpoints", *bad, *files(), store, "--recipe", "exp.py:landscape")
    assert code == 1
    assert "4 of 8 checkpoints stored" in out
    *lines, note = err.splitlines()
    assert note.startswith("note: running averages are estimated")
    assert len(lines) == 4
    for line, path, words in zip(
        lines, bad, ["which is code and is not run", "head.bias", "head.bias", "cannot be read"], strict=True
    ):
        assert line.startswith(f"elsuite: {path}: ")
        assert words in line
    code, out, _ = elsuite("import", "checkpoints", bad[0], tmp_path / "none.elsuite", "--recipe", "exp.py:landscape")
    assert code == 1
    assert not (tmp_path / "none.elsuite").exists()


def test_paths_by_workers_killed_and_resumed_and_a_model_out(elsuite, store, folder, tmp_path):
    code, out, _ = elsuite("connect", store, "--trust", "--dry-run", *QUICK)
    assert (code, "pairs to search" in out) == (0, True)
    arguments = ["connect", store, "--trust", "--workers", "2", "--measure", "test", "--pairs", "all", *QUICK]
    process = subprocess.Popen(
        [sys.executable, "-m", "elsuite", *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and not n_paths(store):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = n_paths(store) // 2
    assert before > 0
    code, out, _ = elsuite(*arguments, "--json")
    assert (code, json.loads(out)["searched"] + json.loads(out)["known"]) == (0, 3)
    assert json.loads(out)["known"] == before
    code, out, _ = elsuite("connect", store, "--trust", *QUICK)  # three pairs are all that there are
    assert (code, out.splitlines()[0]) == (0, "0 paths searched on train (3 were before), 0 failed")
    assert out.splitlines()[1].startswith("tree: 2 merges: ")
    code, out, err = elsuite("export", "checkpoint", store, "--path", 0, "--t", 0.5, tmp_path / "mid.pt", "--trust")
    assert (code, out.strip()) == (0, str(tmp_path / "mid.pt"))
    landscape, module = net(folder)
    state = torch.load(tmp_path / "mid.pt", weights_only=True)
    assert not any(module.load_state_dict(state, strict=True))
    with open_database(store) as database:
        point = stored_path(database, 0).points(torch.tensor([0.5]))[0]
    assert err == f"note: energies there: {energies(landscape, point)}\n"
    torch.testing.assert_close(landscape.point(state), point)
    elsuite("export", "checkpoint", store, tmp_path / "m.pt", "--minimum", 2, "--recipe", "exp.py:landscape")
    kept = torch.load(tmp_path / "m.pt", weights_only=True)
    saved = torch.load(folder / "plain2.pt", weights_only=True)
    for name in dict(module.named_parameters()):
        torch.testing.assert_close(kept[name], saved[name])
    code, out, _ = elsuite("verify", store, "--trust")
    assert (code, "computed again: 3 minima, 5 paths" in out) == (0, True)
    code, out, _ = elsuite("quench", store, "--recipe", "exp.py:landscape", "--epochs", 1)
    assert (code, "3 solutions relaxed" in out) == (0, True)


def test_finders_of_one_name_have_one_setting(elsuite, store):
    line = ("connect", store, "0", "1", "--pairs", "all", "--finder", "linear", "--trust")
    assert elsuite(*line, "--option", "n_points=5")[0] == 0
    code, _, err = elsuite(*line, "--option", "n_points=7")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "paths of 'linear' in the store have n_points = 5, 7 given; --name tells" in err
    assert n_paths(store) == 1
    assert elsuite(*line, "--option", "n_points=7", "--name", "fine")[0] == 0
    assert n_paths(store) == 2


def n_paths(store):
    with open_database(store) as database:
        return database.n_paths


def energies(landscape, point):
    return ", ".join(f"{name} {landscape.on(name).energy(point[None]).item():.6g}" for name in landscape.surfaces)


def test_only_some_minima_and_sets(elsuite, store):
    code, out, _ = elsuite("connect", store, 1, 2, "--trust", "--finder", "linear", "--pairs", "all", "--json")
    assert (code, json.loads(out)["searched"]) == (0, 1)
    with open_database(store) as database:
        assert [database.paths[name].values.tolist() for name in ("source", "target")] == [[1], [2]]
    code, out, _ = elsuite("connect", store, "--set", "checkpoints", "--pairs", "nearest:1", "--dry-run", "--json")
    assert (code, json.loads(out)["tree"]) == (0, None)
    pairs = json.loads(out)["pairs"]
    assert {minimum for pair in pairs for minimum in pair} == {0, 1, 2}


WRONG = {
    "no word of code": (("connect", "STORE"), "names code that is not elsuite's"),
    "nothing chosen": (("connect", "STORE", "1", "--trust"), "1 minima with an energy on 'train' are chosen, allowed"),
    "no such minimum": (("connect", "STORE", "1", "9", "--trust"), "no minimum 9; there are ids 0 to 3"),
    "ids and a set": (("connect", "STORE", "1", "2", "--set", "checkpoints"), "--set: given with ids of minima"),
    "no such set": (("connect", "STORE", "--set", "sgd"), "no set 'sgd'; there are: checkpoints"),
    "no such surface": (("connect", "STORE", "--surface", "valid"), "no surface 'valid'"),
    "measured nowhere": (("connect", "STORE", "--trust", "--measure", "valid"), "no surface 'valid'"),
    "no such pairs": (("connect", "STORE", "--pairs", "some"), "connect.pairs: given 'some', allowed: all, nearest"),
    "pairs of none": (("connect", "STORE", "--pairs", "nearest:0"), "--pairs: given 'nearest:0', allowed: all,"),
    "no such finder": (("connect", "STORE", "--finder", "fouier"), "connect.finder: given 'fouier', allowed: autoneb"),
    "no such setting": (("connect", "STORE", "--option", "n_step=3"), "(did you mean 'n_steps'?)"),
    "no value": (("connect", "STORE", "--option", "n_steps"), "--option: given 'n_steps', allowed: KEY=VALUE"),
    "a wrong value": (("connect", "STORE", "--option", "n_steps=0"), "connect.n_steps: given 0, allowed: at least 1"),
    "no option": (("connect", "STORE", "--option", "finder=linear"), "--option: given 'finder', allowed: settings"),
    "settings alone": (("connect", "STORE", "--setting", "width=3"), "--setting: given without --recipe"),
    "twice": (
        ("quench", "STORE", "--recipe", "exp.py:landscape", "--setting", "a=1", "--setting", "a=2"),
        "is given tw",
    ),
    "another size": (
        ("connect", "STORE", "--recipe", "exp.py:landscape", "--setting", "width=3"),
        "STORE is of another landscape: it has 754 parameters",
    ),
    "another loss": (
        ("quench", "STORE", "--recipe", "exp.py:landscape", "--setting", "smoothing=0.5"),
        "STORE is of another landscape",
    ),
    "a module": (("connect", "STORE", "--recipe", "exp.py:module"), "returns the module Net, a Landscape is expected"),
    "no point": (("export", "checkpoint", "STORE", "x.pt"), "--path and --minimum: given none, allowed: one of them"),
    "two points": (("export", "checkpoint", "STORE", "x.pt", "--path", "0", "--minimum", "1"), "given both, allowed"),
    "no place": (("export", "checkpoint", "STORE", "x.pt", "--path", "0"), "--t: not given, allowed: a number from 0"),
    "outside": (("export", "checkpoint", "STORE", "x.pt", "--path", "0", "--t", "1.5"), "--t: given 1.5, allowed: a"),
    "no number": (("export", "checkpoint", "STORE", "x.pt", "--path", "0", "--t", "nan"), "--t: given nan, allowed: a"),
    "no such path": (
        ("export", "checkpoint", "STORE", "x.pt", "--path", "0", "--t", "0.5"),
        "no path 0; there are none",
    ),
    "no such id": (("export", "checkpoint", "STORE", "x.pt", "--minimum", "9", "--trust"), "no minimum 9; there are"),
    "there already": (
        ("export", "checkpoint", "STORE", "nets.py", "--minimum", "0", "--trust"),
        "nets.py: is there alr",
    ),
    "another format": (
        ("export", "npz", "STORE", "x", "--minimum", "1"),
        "--minimum: given with npz, allowed with chec",
    ),
    "surface of one": (
        ("export", "checkpoint", "STORE", "x", "--minimum", "1", "--surface", "test"),
        "--surface: given",
    ),
    "store first": (
        ("import", "checkpoints", "runs/0.pt", "runs/1.pt"),
        "given 'runs/1.pt', which looks like a checkpoint",
    ),
    "no recipe": (
        ("import", "checkpoints", "runs/0.pt", "new"),
        "--recipe: not given, but required: there is no store",
    ),
    "no networks": (
        ("import", "checkpoints", "runs/0.pt", "new", "--recipe", "lj3"),
        "a LennardJones has no checkpoints",
    ),
    "no name": (
        ("import", "checkpoints", "runs/0.pt", "STORE", "--trust", "--set", "a b"),
        "set: given 'a b', allowed: NAME or NAME/train or NAME/test",
    ),
    "network and recipe": (
        ("import", "arrays", "w.npy", "new", "--set", "a", "--recipe", "exp.py:landscape", "--n-train", "3"),
        "--n-train: given beside --recipe",
    ),
    "another each time": (
        ("import", "checkpoints", "runs/0.pt", "new", "--recipe", "exp.py:random"),
        "makes another landscape each time it is called (data.train is",
    ),
    "an error and its place": (
        ("import", "checkpoints", "runs/0.pt", "new", "--recipe", "exp.py:raises"),
        "KeyError: 'a' (line 21 of exp.py)",
    ),
    "a number for a text": (
        ("import", "checkpoints", "runs/0.pt", "new", "--recipe", "exp.py:raises", "--setting", "fold=3"),
        "settings.fold: given 3, allowed: a text; a text that looks like a number is in quotes",
    ),
    "network alone": (
        ("import", "arrays", "w.npy", "new", "--set", "a", "--network", "fcp"),
        "--data: not given, but r",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_one_line(elsuite, shared_store, name):
    arguments, words = WRONG[name]
    arguments = [str(shared_store) if word == "STORE" else word for word in arguments]
    code, out, err = elsuite(*arguments)
    assert (code, out) == (2, "")
    assert words.replace("STORE", str(shared_store)) in err
    assert len(err.splitlines()) == 1
    assert n_paths(shared_store) == 0


@pytest.fixture(scope="module")
def shared_store(folder, tmp_path_factory):
    """A store that no test changes."""
    from elsuite import LandscapeDatabase, import_checkpoints
    from elsuite.studies.build import stored_landscape

    recipe = Recipe(f"{folder}/exp.py:landscape")
    landscape = recipe.landscape()
    path = tmp_path_factory.mktemp("shared") / "own.elsuite"
    attributes = {"landscape": stored_landscape(recipe, landscape)}
    with LandscapeDatabase.create(path, landscape, attributes=attributes) as database:
        import_checkpoints(database, landscape, [folder / name for name in files()])
    return path


def test_solutions_of_the_own_network_from_an_array(elsuite, shared_store, tmp_path):
    with open_database(shared_store) as database:
        points = database.coordinates([0, 1])
    np.save(tmp_path / "w.npy", points)
    store = tmp_path / "arrays.elsuite"
    code, out, _ = elsuite(
        "import", "arrays", tmp_path / "w.npy", store, "--set", "mine", "--recipe", "exp.py:landscape"
    )
    assert (code, out.splitlines()[0]) == (0, "2 of 2 solutions stored as mine")
    code, out, _ = elsuite("import", "arrays", tmp_path / "w.npy", store, "--set", "mine", "--trust")
    assert (code, out.splitlines()[0]) == (0, "0 of 2 solutions stored as mine (the others were there)")
