"""Recipes: any function that returns a landscape, named by its place; what is no such function is said in one line."""

import os
import pickle
import subprocess
import sys
import textwrap

import pytest
import torch

from elsuite.landscapes import NeuralLandscape
from elsuite.landscapes.recipes import Recipe, RecipeError

pytestmark = pytest.mark.making

NETS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.hidden, self.out = nn.Linear(4, width), nn.Linear(width, 2)

    def forward(self, inputs):
        return self.out(self.hidden(inputs).tanh())
"""

CODE = """
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from elsuite.landscapes import NeuralLandscape, SixHumpCamel
from nets import Net

@dataclass
class Settings:
    width: int

SETTINGS = Settings(3)

def landscape(width: int = 3, hidden: tuple[int, ...] = (1,), loss: Literal["plain", "smooth"] = "plain",
              folder: Path = Path("."), dtype: torch.dtype = torch.float32, device="cpu", data_dir=None):
    assert isinstance(hidden, tuple) and isinstance(folder, Path)
    generator = torch.Generator().manual_seed(0)
    inputs, targets = torch.randn(20, 4, generator=generator), torch.arange(20) % 2
    loss = nn.CrossEntropyLoss(label_smoothing=0.0 if loss == "plain" else 0.2)
    return NeuralLandscape(Net(width), loss, inputs, targets, dtype=dtype, device=device)

def with_text(dtype: str):
    return landscape(dtype=getattr(torch, dtype))

def raises(): raise RuntimeError("no such column\\nsecond line")
def leaves(): sys.exit(3)
def nothing(): landscape()
def module(): return Net(3)
def number(): return 4
def a_class(): return SixHumpCamel
def needs(width): return landscape(width)
def anything(**settings): return landscape(**settings)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "experiment.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("def landscape(:\n    pass\n")
    (tmp_path / "missing.py").write_text("import no_such_package_here\n")
    (tmp_path / "script.py").write_text("import sys\nsys.exit(0)\n")
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "n_parameters", "dtype"),
    [
        ({}, 23, torch.float32),
        ({"width": 2, "hidden": [1, 2], "folder": "/a", "device": "cpu"}, 16, torch.float32),
        ({"dtype": "float64"}, 23, torch.float64),
    ],
)
def test_a_file_gives_the_landscape(folder, settings, n_parameters, dtype):
    made = Recipe(f"{folder}/experiment.py:landscape", settings).landscape()
    assert isinstance(made, NeuralLandscape)
    assert (made.n_parameters, made.dtype) == (n_parameters, dtype)


def test_a_path_is_kept_absolute_and_a_module_as_it_is(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    recipe = Recipe("experiment.py:landscape", {"width": 2})
    assert recipe.where == f"{folder}/experiment.py:landscape"
    monkeypatch.chdir("/")
    assert recipe.landscape().n_parameters == 16
    monkeypatch.chdir(folder)
    (folder / "recipe_package").mkdir()
    (folder / "recipe_package" / "__init__.py").write_text("")
    (folder / "recipe_package" / "exp.py").write_text(CODE)
    assert Recipe("recipe_package.exp:landscape").landscape().n_parameters == 23


def test_named_landscapes_are_recipes_too():
    settings = {"data": "digits", "n_train": 40, "n_test": 20}
    for name in ("fcp", "autoencoder", "lstm"):
        assert Recipe(name, settings).landscape().on("test").n_samples == 20
    assert Recipe("fcp", settings | {"hidden": [4], "dtype": "float64"}).landscape().dtype == torch.float64
    assert Recipe("separable-wells", {"heights": [1.0, 2.0]}).landscape().n_parameters == 2
    assert Recipe("lj3").landscape().n_parameters == 9


def test_equal_recipes_are_equal_and_go_to_other_processes(folder):
    recipe = Recipe(f"{folder}/experiment.py:landscape", {"hidden": (1, 2)})
    same = pickle.loads(pickle.dumps(recipe))  # noqa: TID251
    assert same == recipe
    assert hash(same) == hash(recipe)
    net = type(recipe.landscape()._network.module)  # a class defined beside the file is found again by its name
    assert pickle.loads(pickle.dumps(net)) is net  # noqa: TID251
    code = f"import pickle; print(pickle.loads({pickle.dumps(recipe)!r}).landscape().n_parameters)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd="/")
    assert done.stdout.split() == ["23"]


def test_code_that_has_changed_is_read_again_and_leaves_nothing_beside_it(folder):
    recipe = Recipe(f"{folder}/experiment.py:needs", {"width": 2})
    assert recipe.landscape().n_parameters == 16
    stat = (folder / "experiment.py").stat()
    text = (folder / "experiment.py").read_text().replace("return landscape(width)", "return landscape(1+wid)")
    (folder / "experiment.py").write_text(text.replace("def needs(width)", "def needs(width, wid=0)"))
    os.utime(folder / "experiment.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert recipe.landscape().n_parameters == 9
    assert not list(folder.glob("__pycache__/experiment*"))


def test_two_folders_with_files_of_the_same_names(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "experiment.py").write_text(CODE)
    (other / "nets.py").write_text(NETS.replace("nn.Linear(4, width)", "nn.Linear(4, width, bias=False)"))
    recipes = [Recipe(f"{place}/experiment.py:landscape") for place in (folder, other)]
    for _ in range(2):
        assert [recipe.landscape().n_parameters for recipe in recipes] == [23, 20]


WRONG_WHERE = [
    ("landscape", "given 'landscape', allowed: package.module:function"),
    ("lj", "no surface 'lj'"),
    ("", "given ''"),
    ("a\udcff/experiment.py:landscape", "given 'a\\udcff/experiment.py:landscape', allowed: names of characters"),
    ("experiment.py:landscape\nmore", "given 'experiment.py:landscape\\nmore', allowed: names of characters"),
    (":landscape", "given ':landscape'"),
    ("experiment.py", "experiment.py:FUNCTION"),
    ("experiment.py:", "experiment.py:FUNCTION"),
    ("absent.py:landscape", "absent.py cannot be read (No such file or directory)"),
    ("runs/:landscape", "cannot be read"),
    ("no_such_package_here.exp:landscape", "no module 'no_such_package_here.exp'"),
    ("os.no_such:landscape", "no module 'os.no_such'"),
    ("experiment.py:landscap", "no function 'landscap'; there are: a_class, anything,"),
    ("experiment.py:landscap", "(did you mean 'landscape'?)"),
    ("experiment.py:SETTINGS", "SETTINGS is no function but a Settings"),
    ("broken.py:landscape", "cannot be loaded: SyntaxError: invalid syntax (line 1)"),
    ("missing.py:landscape", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_package_here'"),
    ("script.py:landscape", "cannot be loaded: SystemExit: 0"),
    ("experiment.py:raises", "RuntimeError: no such column"),
    ("experiment.py:leaves", "SystemExit: 3"),
    ("experiment.py:nothing", "returns nothing, a Landscape is expected: does it end with `return`?"),
    ("experiment.py:module", "returns the module Net, a Landscape is expected: NeuralLandscape(Net(...), loss,"),
    ("experiment.py:number", "returns a int, a Landscape is expected"),
    ("experiment.py:a_class", "returns the class SixHumpCamel"),
    ("experiment.py:needs", "settings.width: not given, but required"),
    ("fcp", "settings.data: not given, but required"),
]


@pytest.mark.parametrize(("where", "words"), WRONG_WHERE)
def test_what_is_no_recipe_is_said_in_one_line(folder, where, words, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match=r"\S") as error:
        Recipe(where).landscape()
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"widht": 3}, "settings.widht: unknown key, given 3, allowed keys: data_dir, device, dtype, folder, hidden"),
        ({"widht": 3}, "(did you mean 'width'?)"),
        ({"width": "3"}, "settings.width: given '3', allowed: an integer"),
        ({"width": 3.5}, "settings.width: given 3.5, allowed: an integer"),
        ({"loss": "smoth"}, "settings.loss: given 'smoth', allowed: plain, smooth"),
        ({"hidden": [1, "a"]}, "settings.hidden: given [1, 'a'], allowed: a list, each an integer"),
        ({"width": float("nan")}, "settings.width: given nan, allowed: true, false, finite numbers"),
        ({"width": torch.nn.Linear}, "settings.width: given <class 'torch.nn"),
        ({"hidden": [{"a": {1}}]}, "settings.hidden[0].a: given {1}"),
        ([3], "settings: given [3], allowed: a table"),
    ],
)
def test_settings_that_the_function_does_not_take(folder, settings, words):
    with pytest.raises(RecipeError) as error:
        Recipe(f"{folder}/experiment.py:landscape", settings).landscape()
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("where", "settings", "words"),
    [
        ("fcp", {"data": "digits", "hiden": [3]}, "settings.hiden: unknown key"),
        ("fcp", {"data": "digits", "dtype": "float"}, "settings.dtype: given 'float'"),
        ("fcp", {"data": "digits", "n_train": "many"}, "settings.n_train: given 'many', allowed: an integer"),
        ("fcp", {"data": 3}, "settings.data: given 3, allowed: a text"),
        ("lj3", {"n": 3}, "settings.n: unknown key"),
        ("separable-wells", {"height": [1.0]}, "settings.height: unknown key"),
        ("elsuite.landscapes:SixHumpCamel", {"dtype": "float64"}, "dtype"),
    ],
)
def test_settings_of_what_has_a_name(where, settings, words):
    with pytest.raises(RecipeError) as error:
        Recipe(where, settings).landscape()
    assert words in str(error.value)


def test_a_function_that_takes_anything_and_one_with_a_type_as_text(folder):
    assert Recipe(f"{folder}/experiment.py:anything", {"width": 2}).landscape().n_parameters == 16
    assert Recipe(f"{folder}/experiment.py:with_text", {"dtype": "float64"}).landscape().dtype == torch.float64


def test_a_keyboard_interrupt_is_none_of_the_recipe(tmp_path):
    (tmp_path / "stopped.py").write_text(
        textwrap.dedent("""
        def landscape():
            raise KeyboardInterrupt
        """)
    )
    with pytest.raises(KeyboardInterrupt):
        Recipe(f"{tmp_path}/stopped.py:landscape").landscape()


def test_what_a_recipe_prints_is_no_output_of_a_command(tmp_path, capsys):
    file = tmp_path / "talking.py"
    file.write_text(
        "from elsuite.landscapes import MullerBrown\nprint('loaded')\n"
        "def landscape():\n    print('made')\n    return MullerBrown()\n"
    )
    assert Recipe(f"{file}:landscape").landscape().n_parameters == 2
    assert capsys.readouterr() == ("", "loaded\nmade\n")


def test_a_mistake_in_settings_names_no_line_of_other_code():
    with pytest.raises(RecipeError) as error:
        Recipe("gupta5", {"species": "Xx"}).landscape()
    assert str(error.value).endswith("Ni, Cu, Rh, Pd, Ag, Pt, Au")
