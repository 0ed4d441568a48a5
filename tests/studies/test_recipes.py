"""A study of the user's own code: named in the file, run by many processes, killed, resumed, refused when it changes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from elsuite.core.identity import OtherLandscapeError
from elsuite.database import LandscapeDatabase, open_database
from elsuite.landscapes.recipes import Recipe, RecipeError
from elsuite.studies import StudyError, StudyRun, landscape_of_database, load_study, parse_study, run_study
from elsuite.studies.build import landscape_identity, landscape_of, recipe_of_database, stored_landscape
from elsuite.studies.preview import estimate_cost
from elsuite.studies.recompute import recompute_sample

pytestmark = pytest.mark.making

NETS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, width, 3), nn.Linear(36 * width, 10)

    def forward(self, inputs):
        return self.head(self.conv(inputs[:, None]).relu().flatten(1))
"""

CODE = """
from torch import nn

from elsuite.landscapes import NeuralLandscape, load_data
from nets import Net

def landscape(width: int = 2, smoothing: float = 0.0, device: str = "cpu"):
    data = load_data("digits", n_train=40, n_test=20)
    test = data.test_inputs, data.test_targets
    loss = nn.CrossEntropyLoss(label_smoothing=smoothing)
    return NeuralLandscape(Net(width), loss, data.train_inputs, data.train_targets, test=test, device=device)
"""

TEXT = """
[network]
recipe = "recipe.py:landscape"
width = 1
[[minimizers]]
algorithm = "sgd"
starts = 3
epochs = 4
starts_per_block = 1
checkpoint_every = 1
[[paths]]
setting = "published"
n_steps = 4
pairs = "spanning"
measure = ["test"]
sets = ["sgd/train"]
[[paths]]
finder = "linear"
pairs = "all"
"""


def written(folder, text=TEXT, code=CODE):
    """Return the study file of a folder that is filled with it and its code."""
    folder.mkdir(exist_ok=True)
    for name, content in [("nets.py", NETS), ("recipe.py", code), ("study.toml", text)]:
        (folder / name).write_text(content)
    return folder / "study.toml"


def run(study, out, **options):
    return run_study(StudyRun(*load_study(study), out), **options).store


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipe")
    return run(written(folder / "code"), folder / "out")


def same_tables(first, second):
    with open_database(first) as a, open_database(second) as b:
        for table in ("runs", "minima", "paths"):
            left, right = getattr(a, table), getattr(b, table)
            assert set(left) == set(right)
            for name in set(left) - {"seconds"}:
                np.testing.assert_array_equal(left[name].values, right[name].values, err_msg=f"{table}.{name}")


def test_a_study_with_workers_that_is_killed_ends_the_same_elsewhere(finished, tmp_path):
    study = written(tmp_path / "code")
    command = [sys.executable, "-m", "elsuite", "run", str(study), "--out", str(tmp_path / "out"), "--workers", "2"]
    process = subprocess.Popen(
        command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    store = tmp_path / "out" / "landscape.elsuite"
    while process.poll() is None and not n_runs(store):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert n_runs(store) > 0
    subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)
    same_tables(finished, store)


def n_runs(store):
    with contextlib.suppress(ValueError, OSError), open_database(store) as database:
        return database.n_runs
    return 0  # it is being made


def test_what_a_store_says_of_a_recipe(finished):
    with open_database(finished) as database:
        stored = database.attributes["landscape"]
        names = set(database.minima["set"].values.tolist())
    assert stored["recipe"].endswith("code/recipe.py:landscape")
    assert stored["settings"] == {"width": 1}
    assert names == {"sgd/train", "sgd/test"}


def test_another_loss_is_refused_and_a_folder_that_moved_is_not(finished, tmp_path):
    copy = tmp_path / "copy"
    written(copy)
    run(copy / "study.toml", tmp_path / "out")
    moved = copy.rename(tmp_path / "moved")
    assert run_study(StudyRun(*load_study(moved / "study.toml"), tmp_path / "out")).n_done == 0
    with open_database(tmp_path / "out" / "landscape.elsuite") as database:
        assert database.attributes["landscape"]["recipe"] == f"{moved}/recipe.py:landscape"
    (moved / "recipe.py").write_text(CODE.replace("smoothing: float = 0.0", "smoothing: float = 0.1"))
    with pytest.raises(OtherLandscapeError) as error:
        run(moved / "study.toml", tmp_path / "out")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "recipe =",
            'architecture = "fcp"\nrecipe =',
            "network.recipe: given beside architecture = 'fcp', allowed: one",
        ),
        ("recipe.py:landscape", "recipe.py", "network.recipe: recipe: given"),
        ('recipe = "recipe.py:landscape"\n', "", "network.architecture: not given, but required"),
        ("width = 1", "widht = 1", "settings.widht: unknown key, given 1"),
        ("width = 1", "width = nan", "settings.width: given nan"),
        (
            "width = 1",
            'width = 1\ndevice = "gpu"',
            "network.device: given 'gpu', allowed: auto, cpu, cuda, cuda:N, mps",
        ),
        ("width = 1", 'width = 1\ndtype = "float64"', "settings.dtype: given 'float64', but the function takes none"),
        ('"recipe.py:landscape"', '"absent.py:landscape"', "absent.py cannot be read (No such file or directory)"),
        ('measure = ["test"]', 'measure = ["tset"]', "paths[0].measure: given 'tset', allowed: test, train"),
        (
            'sets = ["sgd/train"]',
            'sets = ["sgd/valid"]',
            "paths[0].sets: given 'sgd/valid', allowed: sgd/test, sgd/tra",
        ),
        ("[network]", '[data]\nname = "digits"\n[network]', "settings.data: unknown key, given 'digits'"),
    ],
)
def test_mistakes_are_one_line_before_anything_is_computed(tmp_path, old, new, words):
    study = written(tmp_path / "code", TEXT.replace(old, new))
    with pytest.raises((StudyError, RecipeError)) as error:
        run(study, tmp_path / "out")
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_surfaces_and_sets_are_the_landscapes_own(tmp_path):
    text = """
    network = {recipe = "lj3"}
    minimizers = [{algorithm = "lbfgs-gss", starts = 2, epochs = 20}]
    paths = [{finder = "linear", pairs = "all", surface = "energy", sets = ["lbfgs-gss/energy"]}]
    """
    study = parse_study(text)
    assert estimate_cost(study)["gradients"] > 0
    report = run_study(StudyRun(study, text, tmp_path))
    assert (report.n_failed, report.without_minima) == (0, ())
    with open_database(report.store) as database:
        assert set(database.minima["set"].values.tolist()) == {"lbfgs-gss/energy"}
        assert landscape_of_database(database).n_parameters == 9
    with pytest.raises(StudyError, match=r"paths\[0\].surface: given 'train', allowed: energy"):
        run_study(StudyRun(parse_study(text.replace('surface = "energy"', 'surface = "train"')), text, tmp_path))


def test_the_data_section_is_the_functions_arguments(tmp_path):
    code = CODE.replace("width: int = 2, smoothing", "data: str, n_train: int, width: int = 2, smoothing").replace(
        'load_data("digits", n_train=40, n_test=20)', "load_data(data, n_train=n_train)"
    )
    images, classes = np.random.default_rng(0).random((30, 8, 8), dtype=np.float32), np.arange(30) % 10
    arrays = {"train_inputs": images, "train_targets": classes, "test_inputs": images, "test_targets": classes}
    text = TEXT.replace("[network]", '[data]\nname = "own.npz"\nn_train = 20\n[network]')
    study, _ = load_study(written(tmp_path / "code", text, code))
    np.savez(tmp_path / "code" / "own.npz", **arrays)
    landscape = landscape_of(study.data, study.network)
    assert (landscape.on("train").n_samples, landscape.on("test").n_samples) == (20, 30)


def test_a_named_network_is_the_same_by_recipe(tmp_path):
    named = '[data]\nname = "digits"\nn_train = 40\nn_test = 20\n[network]\narchitecture = "fcp"\nhidden = [3]\n'
    minimizers = '[[minimizers]]\nalgorithm = "sgd"\nstarts = 1\nepochs = 1\n'
    for k, text in enumerate([named, named.replace("architecture", "recipe")]):
        run_study(StudyRun(parse_study(text + minimizers), text, tmp_path / str(k)))
    recipe = Recipe("fcp", {"data": "digits", "n_train": 40, "n_test": 20, "hidden": [3], "device": "cpu"})
    study = parse_study(named + minimizers)
    assert stored_landscape(recipe, recipe.landscape()) == landscape_identity(study.data, study.network)
    same_tables(*(tmp_path / str(k) / "landscape.elsuite" for k in range(2)))
    assert landscape_of(study.data, study.network).n_parameters == recipe.landscape().n_parameters


def test_code_that_a_store_names_is_not_run_silently(finished):
    with open_database(finished) as database:
        with pytest.raises(
            ValueError,
            match=r"""names code that is not elsuite's, '.*recipe.py:landscape' with the settings {"width":1}: confirm""",
        ):
            landscape_of_database(database)
        assert landscape_of_database(database, trust=True).n_parameters == 380
        stored = database.attributes["landscape"]["recipe"]
        # Settings that the store has and the user leaves out are those of the store.
        assert recipe_of_database(database, Recipe(stored)).settings == {"width": 1}
        assert recipe_of_database(database, Recipe(stored, {"width": 3})).settings == {"width": 3}
    assert recompute_sample(finished, n=2).note.startswith("not possible")
    again = recompute_sample(finished, n=2, recipe=Recipe(stored))
    assert (again.findings, again.n_minima, again.n_paths) == ((), 2, 2)
    other = recompute_sample(finished, n=2, recipe=Recipe(stored, {"smoothing": 0.3}))
    assert [finding.where for finding in other.findings] == ["landscape"]


def test_nothing_is_imported_to_open_a_store_that_names_code(tmp_path):
    Path(tmp_path, "trap.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w').close()\ndef landscape(): ...\n")
    landscape = {"recipe": f"{tmp_path}/trap.py:landscape", "settings": {}}
    with LandscapeDatabase.create(
        tmp_path / "s.elsuite", n_parameters=1, surfaces=["energy"], attributes={"landscape": landscape}
    ) as database:
        with pytest.raises(ValueError, match="--trust"):
            landscape_of_database(database)
        assert not (tmp_path / "sprung").exists()
        with pytest.raises(RecipeError, match="returns nothing"):
            landscape_of_database(database, trust=True)
    assert (tmp_path / "sprung").exists()


def test_a_store_made_in_python_is_used_by_a_recipe(tmp_path, monkeypatch, capsys):
    from elsuite.cli import main
    from elsuite.exploration import run_minimizer
    from elsuite.minimizers import SGD

    written(tmp_path / "code")
    recipe = Recipe(f"{tmp_path}/code/recipe.py:landscape", {"width": 1})
    landscape = recipe.landscape()
    with LandscapeDatabase.create(tmp_path / "s.elsuite", landscape) as database:
        run_minimizer(database, landscape, SGD(epochs=1), range(2))
    command = ["elsuite", "quench", str(tmp_path / "s.elsuite"), "--epochs", "1", "--set", "sgd/train"]
    for options, code in [
        ([], 2),
        (["--recipe", recipe.where], 2),
        (["--recipe", recipe.where, "--setting", "width=1"], 0),
    ]:
        monkeypatch.setattr(sys, "argv", [*command, *options])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == code
    assert "the store does not say which network and data its energies are of: say it by --recipe" in (
        capsys.readouterr().err
    )
